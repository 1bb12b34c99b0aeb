// Lists of tensors (TensorList): elements of one dtype behind a scalar of dtype variant.
#include <algorithm>
#include <cstring>

#include "base/tensor_list.h"
#include "ops/control_ops.h"
#include "ops/list_rules.h"
#include "wengert/lowering_lists.h"

namespace wengert {

using namespace list_rules;  // NOLINT: the rules of this family

namespace {

// Value of the argument element_shape: a vector, or a scalar -1 where the rank is not known.
Shape ElementShape(LoweringContext& c, int input) {
  if (c.dims(input).empty()) {
    const int64_t value = c.ints(input).at(0);
    if (value != -1) c.Fail("The only valid scalar shape tensor is the fully unknown shape, -1");
    return Shape();
  }
  Dims dims = c.ints(input);
  for (int64_t& d : dims) {
    if (d < -1) c.Fail("Dimension " + std::to_string(d) + " of element_shape must be >= -1");
  }
  return Shape(std::move(dims));
}

ListCall Call(LoweringContext& c, ListOp op) {
  ListCall call;
  call.op = op;
  const Attr* dtype = c.op.FindAttr("element_dtype");
  if (dtype != nullptr) call.element = dtype->as<DType>();
  return call;
}

Value Reserved(LoweringContext& c, Value length, Value max, const Shape& shape) {
  ListCall call = Call(c, ListOp::kReserve);
  call.shape = shape;
  return c.b.List(call, {length, max})[0];
}

Value Int(LoweringContext& c, int64_t v) {
  return c.b.Constant(Array::Scalar<int32_t>(static_cast<int32_t>(v)));
}

Value FromRows(LoweringContext& c, Value tensor, const Shape& shape) {
  ListCall call = Call(c, ListOp::kFromTensor);
  call.element = c.b.dtype(tensor);
  call.shape = shape;
  return c.b.List(call, {tensor})[0];
}

Value Stacked(LoweringContext& c, Value list, const Shape& shape, int64_t length) {
  ListCall call = Call(c, ListOp::kStack);
  call.shape = shape;
  call.length = length;
  return c.b.List(call, {list})[0];
}

Value Row(LoweringContext& c, Value tensor, int64_t i) {
  Dims begin(static_cast<size_t>(c.b.rank(tensor)), 0), size = c.b.dims(tensor);
  begin[0] = i;
  size[0] = 1;
  Value row = c.b.Slice(tensor, begin, size, Dims(begin.size(), 1));
  return c.b.Reshape(row, Dims(size.begin() + 1, size.end()));
}

// `list` with row i of `tensor` at place indices[i].
Value Scattered(LoweringContext& c, Value list, Value tensor, const std::vector<int64_t>& indices) {
  if (c.b.rank(tensor) == 0 || c.b.dims(tensor)[0] != static_cast<int64_t>(indices.size())) {
    c.Fail("Invalid number of rows in input tensor. Expected: " + std::to_string(indices.size()) +
           " Actual: " + std::to_string(c.b.rank(tensor) == 0 ? 0 : c.b.dims(tensor)[0]));
  }
  ListCall call = Call(c, ListOp::kSet);
  const int64_t length = c.b.list_type(list).length;
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0) {
      c.Fail("Indices in TensorListScatter must all be non-negative.");
    }
    call.resize |= length < 0 || indices[i] >= length;
    const Value row = Row(c, tensor, static_cast<int64_t>(i));
    list = c.b.List(call, {list, Int(c, indices[i]), row})[0];
  }
  return list;
}

void LowerScatter(LoweringContext& c, Value length) {
  const Value list = Reserved(c, length, Int(c, -1), ElementShape(c, 2));
  c.set(Scattered(c, list, c.x(0), c.ints(1)));
}

// Some elements along a new first axis.
Array Picked(const TensorList& list, const Array& indices, const Shape& shape) {
  std::vector<Array> items;
  for (int64_t k = 0; k < indices.size(); ++k) {
    const int64_t i = indices.AsInt(k);
    if (i < 0 || i >= list.length()) {
      throw InvalidArgument("Index " + std::to_string(i) + " out o range; list only has " +
                            std::to_string(list.length()) + " elements.");
    }
    items.push_back(list.Get(i, shape, "gather"));
    if (items.back().dims() != items[0].dims()) {
      throw InvalidArgument("Tried to gather elements of unequal shapes: " +
                            ToString(items[0].dims()) + " vs " + ToString(items.back().dims()));
    }
  }
  if (items.empty() && !shape.fully_defined()) {
    throw InvalidArgument("Tried to gather 0-elements from a list with non-fully-defined shape: " +
                          shape.ToError());
  }
  Dims dims = items.empty() ? shape.dims() : items[0].dims();
  dims.insert(dims.begin(), indices.size());
  Array out(list.element(), dims);
  size_t at = 0;
  for (const Array& item : items) {
    if (item.bytes() > 0) std::memcpy(static_cast<char*>(out.raw()) + at, item.raw(), item.bytes());
    at += item.bytes();
  }
  return out;
}

void LowerGather(LoweringContext& c) {
  const DType element = c.op.type_attr("element_dtype");
  const Shape shape = ElementShape(c, 2);
  const ListType type = c.b.list_type(c.x());
  const bool plain =
      element != DType::kString && element != DType::kVariant && element != DType::kResource;
  if (!plain || (type.elements == ListType::Elements::kSame && type.length >= 0)) {
    c.set(c.b.Gather(Stacked(c, c.x(0), shape, type.length), c.x(1), 0, 0));
    return;
  }
  KernelSpec spec;
  spec.name = "TensorListGather";
  spec.dynamic = true;
  spec.dtypes = {element};
  spec.run = [shape](const std::vector<Array>& in, std::vector<Array>& out) {
    out[0] = Picked(ListOf(in[0]), in[1], shape);
  };
  c.out = c.b.Kernel(std::move(spec), {c.x(0), c.x(1)});
}

// All elements of a list behind each other, and their lengths, which may differ.
std::vector<Array> Joined(const TensorList& list, const Shape& shape) {
  std::vector<Array> items;
  int64_t total = 0;
  for (int64_t i = 0; i < list.length(); ++i) {
    items.push_back(list.Get(i, shape, "concatenate"));
    const Dims &dims = items.back().dims(), &first = items[0].dims();
    if (dims.empty()) {
      throw InvalidArgument("Concat saw a scalar shape at index " + std::to_string(i) +
                            " but requires at least vectors.");
    }
    if (!std::equal(dims.begin() + 1, dims.end(), first.begin() + 1, first.end())) {
      throw InvalidArgument("Tried to concat tensors with unequal shapes: " +
                            ToString(Dims(first.begin() + 1, first.end())) + " vs " +
                            ToString(Dims(dims.begin() + 1, dims.end())));
    }
    total += dims[0];
  }
  if (items.empty() && (!shape.has_rank() || shape.rank() == 0)) {
    throw InvalidArgument(
        "All except the first dimension must be fully defined to concatenate an "
        "empty list");
  }
  Dims dims = items.empty() ? shape.dims() : items[0].dims();
  dims[0] = total;
  for (int64_t d : dims) {
    if (d < 0) {
      throw InvalidArgument(
          "All except the first dimension must be fully defined to concatenate "
          "an empty list");
    }
  }
  Array out(list.element(), dims), lengths(DType::kInt64, {list.length()});
  size_t at = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    lengths.data<int64_t>()[i] = items[i].dims()[0];
    if (items[i].bytes() > 0) {
      std::memcpy(static_cast<char*>(out.raw()) + at, items[i].raw(), items[i].bytes());
    }
    at += items[i].bytes();
  }
  return {std::move(out), std::move(lengths)};
}

void LowerConcat(LoweringContext& c, const Shape& element_shape) {
  const DType element = c.op.type_attr("element_dtype");
  if (element == DType::kString || element == DType::kVariant || element == DType::kResource) {
    c.Fail(std::string("lists of ") + Name(element) + " cannot be concatenated: read the elements");
  }
  KernelSpec spec;
  spec.name = "TensorListConcat";
  spec.dynamic = true;
  spec.dtypes = {element, DType::kInt64};
  spec.run = [element_shape](const std::vector<Array>& in, std::vector<Array>& out) {
    out = Joined(ListOf(in[0]), element_shape);
  };
  const ListType type = c.b.list_type(c.x());
  if (type.elements != ListType::Elements::kSame || type.length < 0 || type.dims.empty() ||
      type.element != element) {
    c.out = c.b.Kernel(std::move(spec), {c.x()});
    return;
  }
  Dims dims = type.dims;
  const Value stacked = Stacked(c, c.x(), Shape(dims), type.length);
  const int64_t each = dims[0];
  dims[0] = op_util::CheckedMul(each, type.length);
  c.out = {c.b.Reshape(stacked, dims),
           c.b.Broadcast(c.b.Constant(Array::Scalar<int64_t>(each)), {type.length})};
}

void LowerSplit(LoweringContext& c) {
  const std::vector<int64_t> lengths = c.ints(2);
  const Dims dims = c.dims(0);
  if (dims.empty()) c.Fail("Tensor must be at least a vector, but saw shape: []");
  Value list = Reserved(c, Int(c, static_cast<int64_t>(lengths.size())), Int(c, -1), Shape());
  const ListCall set = Call(c, ListOp::kSet);
  int64_t start = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] < 0) {
      c.Fail("Invalid value in lengths: " + std::to_string(lengths[i]));
    }
    if (start + lengths[i] > dims[0]) {
      c.Fail("Attempting to slice [" + std::to_string(start) + ", " +
             std::to_string(start + lengths[i]) + "] from tensor with length " +
             std::to_string(dims[0]));
    }
    Dims begin(dims.size(), 0), size = dims;
    begin[0] = start;
    size[0] = lengths[i];
    start += lengths[i];
    const Value piece = c.b.Slice(c.x(0), begin, size, Dims(dims.size(), 1));
    list = c.b.List(set, {list, Int(c, static_cast<int64_t>(i)), piece})[0];
  }
  if (start != dims[0]) {
    c.Fail("Unused values in tensor. Length of tensor: " + std::to_string(dims[0]) +
           " Values used: " + std::to_string(start));
  }
  c.set(list);
}

// What every reader may rely on: the dims of all elements where they are known.
void LowerElementShape(LoweringContext& c) {
  const ListType type = c.b.list_type(c.x());
  const Shape shape = type.elements == ListType::Elements::kSame ? Shape(type.dims) : type.shape;
  const DType dtype = c.op.type_attr("shape_type");
  c.set(c.b.Constant(shape.has_rank() ? op_util::IntVector(dtype, shape.dims())
                                      : op_util::IntScalar(dtype, -1)));
}

constexpr const char* kElement = "element_dtype: type";

void RegisterMakers(OpRegistry& r) {
  r.Op("EmptyTensorList")
      .Input("element_shape: shape_type")
      .Input("max_num_elements: int32")
      .Output("handle: variant")
      .Attr(kElement)
      .Attr("shape_type: {int32, int64}")
      .Doc("A list without elements")
      .Shape(shape_rules::Scalar)
      .NoGradient()
      .Lower([](LoweringContext& c) { c.set(Reserved(c, Int(c, 0), c.x(1), ElementShape(c, 0))); });
  r.Op("TensorListReserve")
      .Input("element_shape: shape_type")
      .Input("num_elements: int32")
      .Output("handle: variant")
      .Attr(kElement)
      .Attr("shape_type: {int32, int64}")
      .Doc("A list of elements that are not set yet")
      .Shape(shape_rules::Scalar)
      .NoGradient()
      .Lower([](LoweringContext& c) {
        Shape shape;
        try {
          shape = ElementShape(c, 0);
        } catch (const NeedsConstant&) {
          // Decided by data, as in the gradient of a loop: any element may come.
        }
        c.set(Reserved(c, c.x(1), Int(c, -1), shape));
      });
  r.Op("TensorListFromTensor")
      .Input("tensor: element_dtype")
      .Input("element_shape: shape_type")
      .Output("output_handle: variant")
      .Attr(kElement)
      .Attr("shape_type: {int32, int64}")
      .Doc("The list of the rows of a tensor")
      .Shape(shape_rules::Scalar)
      .Gradient(FromTensorGradient)
      .Lower([](LoweringContext& c) { c.set(FromRows(c, c.x(0), ElementShape(c, 1))); });
  r.Op("TensorListSplit")
      .Input("tensor: element_dtype")
      .Input("element_shape: shape_type")
      .Input("lengths: int64")
      .Output("output_handle: variant")
      .Attr(kElement)
      .Attr("shape_type: {int32, int64}")
      .Doc("The list of pieces of a tensor along its first axis")
      .Shape(shape_rules::Scalar)
      .Gradient(SplitGradient)
      .Lower(LowerSplit);
  r.Op("TensorListScatter")
      .Input("tensor: element_dtype")
      .Input("indices: int32")
      .Input("element_shape: shape_type")
      .Output("output_handle: variant")
      .Attr(kElement)
      .Attr("shape_type: {int32, int64}")
      .Doc("The list with the rows of a tensor at given places")
      .Shape(shape_rules::Scalar)
      .Gradient(ScatterGradient)
      .Lower([](LoweringContext& c) { LowerScatter(c, Int(c, 0)); });
  r.Op("TensorListScatterV2")
      .Input("tensor: element_dtype")
      .Input("indices: int32")
      .Input("element_shape: shape_type")
      .Input("num_elements: int32")
      .Output("output_handle: variant")
      .Attr(kElement)
      .Attr("shape_type: {int32, int64}")
      .Doc("The list of a given length with the rows of a tensor at given places")
      .Shape(shape_rules::Scalar)
      .Gradient(ScatterGradient)
      .Lower([](LoweringContext& c) {
        LowerScatter(c, c.b.Map(ScalarOp::kMaximum, c.x(3), Int(c, 0)));
      });
}

void RegisterElements(OpRegistry& r) {
  r.Op("TensorListPushBack")
      .Input("input_handle: variant")
      .Input("tensor: element_dtype")
      .Output("output_handle: variant")
      .Attr(kElement)
      .Doc("The list with one more element at its end")
      .Shape(shape_rules::Scalar)
      .Gradient(PushBackGradient)
      .Lower([](LoweringContext& c) { c.out = c.b.List(Call(c, ListOp::kPush), c.in); });
  r.Op("TensorListPopBack")
      .Input("input_handle: variant")
      .Input("element_shape: int32")
      .Output("output_handle: variant")
      .Output("tensor: element_dtype")
      .Attr(kElement)
      .Doc("The list without its last element, and that")
      .Shape([](ShapeContext& c) {
        c.set_output(0, Shape::Scalar());
        c.set_output(1, c.input_as_shape(1));
      })
      .Gradient(PopBackGradient)
      .Lower([](LoweringContext& c) {
        ListCall call = Call(c, ListOp::kPop);
        call.shape = ElementShape(c, 1);
        c.out = c.b.List(call, {c.x(0)});
      });
  r.Op("TensorListGetItem")
      .Input("input_handle: variant")
      .Input("index: int32")
      .Input("element_shape: Tshape")
      .Output("item: element_dtype")
      .Attr(kElement)
      .Attr("Tshape: {int32, int64} = int32")
      .Doc("An element of a list")
      .Shape([](ShapeContext& c) { c.set_output(0, c.input_as_shape(2)); })
      .Gradient(GetItemGradient)
      .Lower([](LoweringContext& c) {
        ListCall call = Call(c, ListOp::kGet);
        call.shape = ElementShape(c, 2);
        c.out = c.b.List(call, {c.x(0), c.x(1)});
      });
  r.Op("TensorListSetItem")
      .Input("input_handle: variant")
      .Input("index: int32")
      .Input("item: element_dtype")
      .Output("output_handle: variant")
      .Attr(kElement)
      .Attr("resize_if_index_out_of_bounds: bool = false")
      .Doc("The list with another element at one place")
      .Shape(shape_rules::Scalar)
      .Gradient(SetItemGradient)
      .Lower([](LoweringContext& c) {
        ListCall call = Call(c, ListOp::kSet);
        call.resize = c.op.bool_attr("resize_if_index_out_of_bounds");
        c.out = c.b.List(call, c.in);
      });
  r.Op("TensorListScatterIntoExistingList")
      .Input("input_handle: variant")
      .Input("tensor: element_dtype")
      .Input("indices: int32")
      .Output("output_handle: variant")
      .Attr(kElement)
      .Doc("The list with the rows of a tensor at given places")
      .Shape(shape_rules::Scalar)
      .Gradient(ScatterIntoGradient)
      .Lower([](LoweringContext& c) { c.set(Scattered(c, c.x(0), c.x(1), c.ints(2))); });
}

void RegisterReaders(OpRegistry& r) {
  r.Op("TensorListStack")
      .Input("input_handle: variant")
      .Input("element_shape: int32")
      .Output("tensor: element_dtype")
      .Attr(kElement)
      .Attr("num_elements: int = -1")
      .Doc("All elements along a new first axis")
      .Shape([](ShapeContext& c) {
        const Shape rows = c.input_as_shape(1);
        if (!rows.has_rank()) return;
        Dims dims{c.attr("num_elements").as<int64_t>()};
        dims.insert(dims.end(), rows.dims().begin(), rows.dims().end());
        c.set_output(0, Shape(std::move(dims)));
      })
      .Gradient(StackGradient)
      .Lower([](LoweringContext& c) {
        c.set(Stacked(c, c.x(0), ElementShape(c, 1), c.op.int_attr("num_elements")));
      });
  r.Op("TensorListGather")
      .Input("input_handle: variant")
      .Input("indices: int32")
      .Input("element_shape: int32")
      .Output("values: element_dtype")
      .Attr(kElement)
      .Doc("Some elements along a new first axis")
      .Shape([](ShapeContext& c) {
        const Shape rows = c.input_as_shape(2);
        if (!rows.has_rank()) return;
        Dims dims{c.input(1).has_rank() && c.input(1).rank() == 1 ? c.input(1).dim(0)
                                                                  : kUnknownDim};
        dims.insert(dims.end(), rows.dims().begin(), rows.dims().end());
        c.set_output(0, Shape(std::move(dims)));
      })
      .Gradient(GatherGradient)
      .Lower(LowerGather);
  const auto concat_shape = [](ShapeContext& c, Shape rows) {
    if (rows.has_rank() && rows.rank() > 0) {
      Dims dims = rows.dims();
      dims[0] = kUnknownDim;
      c.set_output(0, Shape(std::move(dims)));
    }
    c.set_output(1, Shape({kUnknownDim}));
  };
  r.Op("TensorListConcat")
      .Input("input_handle: variant")
      .Output("tensor: element_dtype")
      .Output("lengths: int64")
      .Attr(kElement)
      .Attr("element_shape: shape")
      .Doc("All elements, joined along their first axis")
      .Shape(
          [concat_shape](ShapeContext& c) { concat_shape(c, c.attr("element_shape").as<Shape>()); })
      .Gradient(ConcatGradient)
      .Lower([](LoweringContext& c) { LowerConcat(c, c.op.attr("element_shape").as<Shape>()); });
  r.Op("TensorListConcatV2")
      .Input("input_handle: variant")
      .Input("element_shape: shape_type")
      .Input("leading_dims: int64")
      .Output("tensor: element_dtype")
      .Output("lengths: int64")
      .Attr(kElement)
      .Attr("shape_type: {int32, int64}")
      .Doc("All elements, joined along their first axis")
      .Shape([concat_shape](ShapeContext& c) { concat_shape(c, c.input_as_shape(1)); })
      .Gradient(ConcatGradient)
      .Lower([](LoweringContext& c) { LowerConcat(c, ElementShape(c, 1)); });
  r.Op("TensorListLength")
      .Input("input_handle: variant")
      .Output("length: int32")
      .Doc("Number of elements")
      .Shape(shape_rules::Scalar)
      .NotDifferentiable()
      .Lower([](LoweringContext& c) { c.out = c.b.List(Call(c, ListOp::kLength), c.in); });
  r.Op("TensorListElementShape")
      .Input("input_handle: variant")
      .Output("element_shape: shape_type")
      .Attr("shape_type: {int32, int64}")
      .Doc("What is known of the shapes of the elements")
      .Shape(shape_rules::UnknownShape)
      .NotDifferentiable()
      .Lower(LowerElementShape);
  r.Op("TensorListResize")
      .Input("input_handle: variant")
      .Input("size: int32")
      .Output("output_handle: variant")
      .Doc("The list with more or fewer elements")
      .Shape(shape_rules::Scalar)
      .Gradient(ResizeGradient)
      .Lower([](LoweringContext& c) { c.out = c.b.List(Call(c, ListOp::kResize), c.in); });
}

// Optional values: lists of at most one element.
void RegisterOptionals(OpRegistry& r) {
  r.Op("OptionalFromValue")
      .Input("components: Toutput_types")
      .Output("optional: variant")
      .Attr("Toutput_types: list(type) >= 1")
      .Doc("An optional value that is there")
      .Shape(shape_rules::Scalar)
      .Gradient(OptionalFromValueGradient)
      .Lower([](LoweringContext& c) {
        if (c.in.size() != 1) c.Fail("an optional of several components: use one per component");
        ListCall call;
        call.op = ListOp::kReserve;
        call.element = c.dtype(0);
        const Value list = c.b.List(call, {Int(c, 0), Int(c, -1)})[0];
        call.op = ListOp::kPush;
        c.out = c.b.List(call, {list, c.x(0)});
      });
  r.Op("OptionalNone")
      .Output("optional: variant")
      .Doc("An optional value that is not there")
      .Shape(shape_rules::Scalar)
      .NoGradient()
      .Lower([](LoweringContext& c) {
        ListCall call;
        call.op = ListOp::kReserve;
        c.out = c.b.List(call, {Int(c, 0), Int(c, -1)});
      });
  r.Op("OptionalGetValue")
      .Input("optional: variant")
      .Output("components: output_types")
      .Attr("output_types: list(type) >= 1")
      .Attr("output_shapes: list(shape) >= 1")
      .Doc("The value of an optional; an error where it is not there")
      .Shape([](ShapeContext& c) {
        const auto& shapes = c.attr("output_shapes").as<std::vector<Shape>>();
        for (int i = 0; i < c.num_outputs() && i < static_cast<int>(shapes.size()); ++i) {
          c.set_output(i, shapes[static_cast<size_t>(i)]);
        }
      })
      .Gradient(OptionalGetValueGradient)
      .Lower([](LoweringContext& c) {
        if (c.op.num_outputs() != 1) {
          c.Fail("an optional of several components: use one per component");
        }
        ListCall call;
        call.op = ListOp::kGet;
        call.element = c.op.output_dtype(0);
        call.shape = c.op.output_shape(0);
        c.out = c.b.List(call, {c.x(0), Int(c, 0)});
      });
}

}  // namespace

void RegisterListOps(OpRegistry& r) {
  RegisterMakers(r);
  RegisterElements(r);
  RegisterReaders(r);
  RegisterOptionals(r);
}

}  // namespace wengert
