// ProgramBuilder: lists of tensors.
//
// A list is an object while running. What is known of it here, the dims of its elements above
// all, makes the values that are read from it ordinary values of known size.
#include "compile/program_builder.h"
#include "compile/reference.h"

namespace wengert::compile {

namespace {

using Elements = ListType::Elements;

// The list after an element of these dims was put there.
ListType With(ListType type, const Dims& dims) {
  if (type.elements == Elements::kUnset) {
    type.elements = Elements::kSame;
    type.dims = dims;
  } else if (type.elements == Elements::kSame && type.dims != dims) {
    type.elements = Elements::kVarious;
    type.dims.clear();
  }
  return type;
}

bool IsList(const ListType& type) {
  return type.element != DType::kInvalid;
}

}  // namespace

ListType ProgramBuilder::list_type(Value list) const {
  const auto it = lists_.find(list.id);
  return it == lists_.end() ? ListType() : it->second;
}

void ProgramBuilder::set_list_type(Value list, const ListType& type) {
  lists_[list.id] = type;
}

// The dims that reading an element of `list` gives, when they are known before.
std::optional<Dims> ProgramBuilder::ElementDims(const ListType& list, const ListCall& call) const {
  if (call.element != list.element) return std::nullopt;
  if (list.elements == Elements::kSame) return list.dims;
  if (list.elements == Elements::kVarious) return std::nullopt;
  const std::optional<wengert::Shape> shape = list.shape.Merge(call.shape);
  if (!shape || !shape->fully_defined()) return std::nullopt;
  return shape->dims();
}

// An operation whose result's dims are known only when it has run.
std::vector<Value> ProgramBuilder::DynamicList(const ListCall& call, const std::vector<Value>& args,
                                               std::vector<DType> dtypes) {
  KernelSpec spec;
  spec.name = "List";
  spec.dynamic = true;
  spec.dtypes = std::move(dtypes);
  spec.run = [call](const std::vector<Array>& in, std::vector<Array>& out) {
    out = EvaluateList(call, in);
  };
  return Kernel(std::move(spec), args);
}

std::vector<Value> ProgramBuilder::List(const ListCall& given, const std::vector<Value>& args) {
  ListCall call = given;
  for (Value v : args) dims(v);  // all sizes must be known
  const bool reads_list = call.op != ListOp::kReserve && call.op != ListOp::kFromTensor;
  ListType type = reads_list ? list_type(args[0]) : ListType();
  const auto length_of = [this](Value v) {
    Array n;
    return TryEvaluate(v, &n) && n.size() == 1 && n.AsInt(0) >= 0 ? n.AsInt(0) : int64_t{-1};
  };
  const auto emit_list = [&](std::vector<Value> inputs) {
    const Value list = Emit(ListNode{call}, std::move(inputs), DType::kVariant, {});
    set_list_type(list, type);
    return list;
  };
  switch (call.op) {
    case ListOp::kReserve:
      type.element = call.element;
      type.shape = call.shape;
      type.elements = Elements::kUnset;
      if (call.shape.fully_defined()) type = With(type, call.shape.dims());
      type.length = length_of(args[0]);
      return {emit_list(args)};
    case ListOp::kFromTensor:
      if (rank(args[0]) == 0) {
        throw InvalidArgument("Tensor must be at least a vector, but saw shape: []");
      }
      type.element = dtype(args[0]);
      type.shape = call.shape;
      type.elements = Elements::kSame;
      type.dims = dims(args[0]);
      type.length = type.dims[0];
      type.dims.erase(type.dims.begin());
      return {emit_list(args)};
    case ListOp::kStack: {
      std::optional<Dims> element = ElementDims(type, call);
      const int64_t length = call.length >= 0 ? call.length : type.length;
      if (!element || length < 0 || call.element == DType::kVariant) {
        return DynamicList(call, args, {call.element});
      }
      element->insert(element->begin(), length);
      return {Emit(ListNode{call}, args, call.element, *element)};
    }
    case ListOp::kGet: {
      const std::optional<Dims> element = ElementDims(type, call);
      if (!element) return DynamicList(call, args, {call.element});
      const Value item = Emit(ListNode{call}, args, call.element, *element);
      if (type.inner) set_list_type(item, *type.inner);
      return {item};
    }
    case ListOp::kPop: {
      if (type.length > 0) --type.length;
      const std::optional<Dims> element = ElementDims(type, call);
      if (!element) return DynamicList(call, args, {DType::kVariant, call.element});
      const std::vector<Value> out =
          EmitMany(ListNode{call}, args, {{DType::kVariant, {}}, {call.element, *element}});
      if (type.inner) set_list_type(out[1], *type.inner);
      set_list_type(out[0], type);
      return out;
    }
    case ListOp::kSet:
    case ListOp::kAddItem:
    case ListOp::kPush: {
      const Value item = args[call.op == ListOp::kPush ? 1 : 2];
      if (IsList(type)) type = With(type, dims(item));
      if (dtype(item) == DType::kVariant && IsList(type)) {
        const ListType inner = list_type(item);
        type.inner = std::make_shared<ListType>(type.inner ? Join(*type.inner, inner) : inner);
      }
      if (call.op == ListOp::kPush && type.length >= 0) ++type.length;
      if (call.resize) type.length = -1;
      return {emit_list(args)};
    }
    case ListOp::kLength:
      if (type.length >= 0) {
        return {Constant(Array::Scalar<int32_t>(static_cast<int32_t>(type.length)))};
      }
      return {Emit(ListNode{call}, args, DType::kInt32, {})};
    case ListOp::kResize:
      type.length = length_of(args[1]);
      return {emit_list(args)};
    case ListOp::kZerosLike:
      return {emit_list(args)};
    case ListOp::kAdd: {
      // acc + (nothing but one element): as gradients of reads in a loop are accumulated
      const ListType other = list_type(args[1]);
      for (size_t one : {1, 0}) {
        const auto* set = prim<ListNode>(args[one]);
        if (!set || set->call.op != ListOp::kSet || set->call.resize) continue;
        const std::vector<Value> from = node(args[one]).inputs;
        const auto* made = prim<ListNode>(from[0]);
        if (!made || made->call.op != ListOp::kReserve) continue;
        ListCall add;
        add.op = ListOp::kAddItem;
        add.element = made->call.element;
        std::vector<Value> operands{args[1 - one], from[1], from[2]};
        if (type.length < 0 || type.length != other.length)
          operands.push_back(node(from[0]).inputs[0]);
        return List(add, operands);
      }
      type = Join(type, other);
      return {emit_list(args)};
    }
  }
  throw Error(ErrorKind::kInternal, "unknown operation on lists");
}

ListType Join(const ListType& a, const ListType& b) {
  // A list of no dtype has no elements (an optional that is not there).
  const auto nothing = [](const ListType& t) {
    return t.element == DType::kInvalid && t.elements == Elements::kUnset;
  };
  if (nothing(a) || nothing(b)) {
    ListType joined = nothing(a) ? b : a;
    if (a.length != b.length) joined.length = -1;
    return joined;
  }
  ListType joined = a;
  if (a.element != b.element) joined.element = DType::kInvalid;
  if (a.shape != b.shape) joined.shape = wengert::Shape();
  if (a.length != b.length) joined.length = -1;
  if (a.elements == Elements::kUnset) {
    joined.elements = b.elements;
    joined.dims = b.dims;
  } else if (b.elements != Elements::kUnset && (a.elements != b.elements || a.dims != b.dims)) {
    joined.elements = Elements::kVarious;
    joined.dims.clear();
  }
  if (a.inner && b.inner) {
    joined.inner = std::make_shared<ListType>(Join(*a.inner, *b.inner));
  } else if (b.inner) {
    joined.inner = b.inner;
  }
  if (joined.element == DType::kInvalid) joined.elements = Elements::kVarious;
  return joined;
}

}  // namespace wengert::compile
