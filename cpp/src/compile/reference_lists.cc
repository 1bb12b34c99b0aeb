// Reference evaluator: lists of tensors.
#include <cstring>

#include "base/tensor_list.h"
#include "compile/reference.h"

namespace wengert::compile {

namespace {

void CheckElement(const TensorList& list, DType element) {
  if (element == DType::kInvalid || element == list.element()) return;
  throw InvalidArgument(std::string("Invalid data types; op elements ") + SignatureName(element) +
                        " but list elements " + SignatureName(list.element()));
}

wengert::Shape MergeOrFail(const wengert::Shape& a, const wengert::Shape& b) {
  const std::optional<wengert::Shape> merged = a.Merge(b);
  if (merged) return *merged;
  throw InvalidArgument("PartialTensorShape: Incompatible shapes during merge: " + a.ToError() +
                        " vs. " + b.ToError());
}

std::string ShapeText(const wengert::Shape& shape) {
  return shape.has_rank() ? shape.ToError() : "<unknown>";
}

Array Stack(const ListCall& call, const TensorList& list) {
  CheckElement(list, call.element);
  if (call.length >= 0 && call.length != list.length()) {
    throw InvalidArgument("Operation expected a list with " + std::to_string(call.length) +
                          " elements but got a list with " + std::to_string(list.length()) +
                          " elements.");
  }
  wengert::Shape shape = MergeOrFail(call.shape, list.shape());
  if (list.length() == 0 && !shape.fully_defined()) {
    throw InvalidArgument(
        "Tried to stack elements of an empty list with non-fully-defined element_shape: " +
        ShapeText(shape));
  }
  if (list.dims()) {
    shape = MergeOrFail(shape, wengert::Shape(*list.dims()));
  } else {
    for (int64_t i = 0; i < list.length(); ++i) {
      if (list.is_set(i)) {
        shape = MergeOrFail(shape, wengert::Shape(list.Get(i, {}, "read").dims()));
      }
    }
  }
  if (!shape.fully_defined()) {
    throw InvalidArgument(
        "Tried to stack list which only contains uninitialized tensors and has a "
        "non-fully-defined element_shape: " +
        ShapeText(shape));
  }
  Dims dims = shape.dims();
  const int64_t size = NumElements(dims);
  dims.insert(dims.begin(), list.length());
  Array out(list.element(), dims);
  if (list.dims()) {
    if (out.bytes() > 0) std::memcpy(out.raw(), list.item(0), out.bytes());
    return out;
  }
  for (int64_t i = 0; i < list.length(); ++i) {
    const Array item = list.Get(i, shape, "read");
    for (int64_t k = 0; k < size; ++k) CopyElement(out, i * size + k, item, k);
  }
  return out;
}

Array ZeroOf(const Array& x) {
  if (IsPlainData(x.dtype())) return Array::Zeros(x.dtype(), x.dims());
  if (x.dtype() != DType::kVariant || x.size() != 1) return Array(x.dtype(), x.dims());
  ListCall call;
  call.op = ListOp::kZerosLike;
  return EvaluateList(call, {x})[0];
}

Array Sum(const Array& a, const Array& b) {
  if (a.dtype() == DType::kVariant) {
    ListCall call;
    call.op = ListOp::kAdd;
    return EvaluateList(call, {a, b})[0];
  }
  if (a.dims() != b.dims()) {
    throw InvalidArgument("Trying to add unequal shapes: " + ToString(a.dims()) + " vs. " +
                          ToString(b.dims()));
  }
  const bool narrow = a.dtype() == DType::kFloat16 || a.dtype() == DType::kBFloat16;
  if (!narrow) return EvaluateMap(ScalarOp::kAdd, {a, b});
  return EvaluateCast(EvaluateMap(ScalarOp::kAdd, {EvaluateCast(a, DType::kFloat32),
                                                   EvaluateCast(b, DType::kFloat32)}),
                      a.dtype());
}

void AddItem(TensorList& list, int64_t i, const Array& item) {
  if (i >= 0 && i < list.length() && list.is_set(i)) {
    list.Set(i, Sum(list.Get(i, {}, "access"), item));
  } else {
    list.Set(i, item);
  }
}

Array Add(std::vector<Array> in) {
  const TensorList& other = ListOf(in[1]);
  TensorList& list = WritableList(in[0]);
  if (list.element() != other.element()) {
    throw InvalidArgument(
        std::string("Trying to add two lists of tensors of different dtypes. One is ") +
        SignatureName(list.element()) + " and the other is " + SignatureName(other.element()));
  }
  if (list.length() != other.length()) {
    throw InvalidArgument("Trying to add two lists of tensors with different lengths. One is " +
                          std::to_string(list.length()) + " and the other is " +
                          std::to_string(other.length()));
  }
  for (int64_t i = 0; i < other.length(); ++i) {
    if (other.is_set(i)) AddItem(list, i, other.Get(i, {}, "read"));
  }
  return in[0];
}

void CheckItem(const TensorList& list, const Array& item, const char* verb, const char* noun) {
  CheckElement(list, item.dtype());
  if (list.shape().CompatibleWith(wengert::Shape(item.dims()))) return;
  throw InvalidArgument(std::string("Tried to ") + verb + " a tensor with incompatible shape " +
                        noun + " element shape: " + ToString(item.dims()) +
                        " list shape: " + list.shape().ToError());
}

Array Set(const ListCall& call, std::vector<Array> in) {
  TensorList& list = WritableList(in[0]);
  const int64_t i = in[1].AsInt(0);
  if (in.size() > 3 && in[3].AsInt(0) != list.length()) {
    throw InvalidArgument("Trying to add two lists of tensors with different lengths. One is " +
                          std::to_string(list.length()) + " and the other is " +
                          std::to_string(in[3].AsInt(0)));
  }
  if (call.resize && i >= list.length()) list.Resize(i + 1);
  if (i < 0 || i >= list.length()) {
    throw InvalidArgument("Trying to modify element " + std::to_string(i) + " in a list with " +
                          std::to_string(list.length()) + " elements.");
  }
  CheckItem(list, in[2], "set", "at a list index. Item");
  if (call.op == ListOp::kAddItem) {
    AddItem(list, i, in[2]);
  } else {
    list.Set(i, in[2]);
  }
  return in[0];
}

Array Push(std::vector<Array> in) {
  TensorList& list = WritableList(in[0]);
  CheckItem(list, in[1], "append", "to a list. Op");
  if (list.max_length() >= 0 && list.length() >= list.max_length()) {
    throw InvalidArgument(
        "Tried to push item into a full list list size: " + std::to_string(list.length()) +
        " max_num_elements: " + std::to_string(list.max_length()));
  }
  list.Push(in[1]);
  return in[0];
}

std::vector<Array> Pop(const ListCall& call, std::vector<Array> in) {
  TensorList& list = WritableList(in[0]);
  CheckElement(list, call.element);
  if (list.length() == 0) throw InvalidArgument("Trying to pop from an empty list.");
  Array item = list.Get(list.length() - 1, call.shape, "access");
  list.Resize(list.length() - 1);
  return {in[0], std::move(item)};
}

Array Reserve(const ListCall& call, const std::vector<Array>& in) {
  const int64_t n = in[0].AsInt(0), most = in[1].AsInt(0);
  if (n < 0) {
    throw InvalidArgument("The num_elements to reserve must be a non negative number, but got " +
                          std::to_string(n));
  }
  TensorList list(call.element, call.shape);
  if (most >= 0) {
    list.set_max_length(most);
    list.Reserve(most, nullptr);
  }
  list.Resize(n);
  return ListArray(std::move(list));
}

Array FromTensor(const ListCall& call, const Array& tensor) {
  if (tensor.rank() == 0) {
    throw InvalidArgument("Tensor must be at least a vector, but saw shape: []");
  }
  const Dims dims(tensor.dims().begin() + 1, tensor.dims().end());
  if (!call.shape.CompatibleWith(wengert::Shape(dims))) {
    throw InvalidArgument("Specified a list with shape " + call.shape.ToError() +
                          " from a tensor with shape " + ToString(dims));
  }
  return ListArray(TensorList::FromRows(tensor, call.shape));
}

Array ZerosLike(const Array& variant) {
  const TensorList& list = ListOf(variant);
  TensorList zeros(list.element(), list.shape());
  zeros.Resize(list.length());
  for (int64_t i = 0; i < list.length(); ++i) {
    if (list.is_set(i)) zeros.Set(i, ZeroOf(list.Get(i, {}, "read")));
  }
  return ListArray(std::move(zeros));
}

}  // namespace

std::vector<Array> EvaluateList(const ListCall& call, std::vector<Array> in) {
  switch (call.op) {
    case ListOp::kReserve:
      return {Reserve(call, in)};
    case ListOp::kFromTensor:
      return {FromTensor(call, in[0])};
    case ListOp::kStack:
      return {Stack(call, ListOf(in[0]))};
    case ListOp::kGet: {
      const TensorList& list = ListOf(in[0]);
      CheckElement(list, call.element);
      return {list.Get(in[1].AsInt(0), call.shape, "access")};
    }
    case ListOp::kSet:
    case ListOp::kAddItem:
      return {Set(call, std::move(in))};
    case ListOp::kPush:
      return {Push(std::move(in))};
    case ListOp::kPop:
      return Pop(call, std::move(in));
    case ListOp::kLength:
      return {Array::Scalar<int32_t>(static_cast<int32_t>(ListOf(in[0]).length()))};
    case ListOp::kResize: {
      const int64_t n = in[1].AsInt(0);
      WritableList(in[0]).Resize(n);
      return {in[0]};
    }
    case ListOp::kZerosLike:
      return {ZerosLike(in[0])};
    case ListOp::kAdd:
      return {Add(std::move(in))};
  }
  throw Error(ErrorKind::kInternal, "unknown operation on lists");
}

}  // namespace wengert::compile
