// ProgramBuilder: the core, element-wise primitives, reductions and linear algebra.
#include "compile/program_builder.h"

#include <algorithm>
#include <cstring>

#include "compile/reference.h"

namespace wengert::compile {

namespace {

[[noreturn]] void Internal(const std::string& message) {
  throw Error(ErrorKind::kInternal, message);
}

uint64_t ScalarKey(const Array& value) {
  uint64_t bits = 0;
  std::memcpy(&bits, value.raw(), value.bytes());
  return bits * 31 + static_cast<uint64_t>(value.dtype()) * 0x9E3779B97F4A7C15u;
}

}  // namespace

// --- core ---------------------------------------------------------------------------

DType ProgramBuilder::dtype(Value v) const {
  if (v.id < 0 || static_cast<size_t>(v.id) >= program_.values.size()) {
    Internal("a lowering rule used an unset value");
  }
  return program_.info(v).dtype;
}

const Dims& ProgramBuilder::known_dims(Value v) const {
  if (v.id < 0 || static_cast<size_t>(v.id) >= program_.values.size()) {
    Internal("a lowering rule used an unset value");
  }
  if (state(v) != State::kReady) throw UnknownDims{{v}};
  return program_.info(v).dims;
}

std::vector<Value> ProgramBuilder::EmitMany(Primitive prim, std::vector<Value> inputs,
                                            std::vector<ValueInfo> outputs) {
  Node node;
  node.prim = std::move(prim);
  node.inputs = std::move(inputs);
  node.origin = origin_;
  node.outputs.reserve(outputs.size());
  for (ValueInfo& info : outputs) {
    NumElements(info.dims);  // throws when it overflows
    node.outputs.push_back(program_.NewValue(info.dtype, std::move(info.dims)));
    defs_.push_back(static_cast<int32_t>(program_.nodes.size()));
    states_.push_back(State::kReady);
  }
  program_.nodes.push_back(std::move(node));
  return program_.nodes.back().outputs;
}

Value ProgramBuilder::Emit(Primitive prim, std::vector<Value> inputs, DType dtype, Dims dims) {
  NumElements(dims);
  const Value v = program_.NewValue(dtype, std::move(dims));
  defs_.push_back(static_cast<int32_t>(program_.nodes.size()));
  states_.push_back(State::kReady);
  program_.nodes.push_back({std::move(prim), std::move(inputs), {v}, origin_});
  return v;
}

Value ProgramBuilder::AddInput(int index, ValueInfo info) {
  return Emit(Input{index}, {}, info.dtype, std::move(info.dims));
}

Value ProgramBuilder::AddDeferred(DType dtype) {
  const Value v = program_.NewValue(dtype, {});
  defs_.push_back(-1);
  states_.push_back(State::kDeferred);
  return v;
}

void ProgramBuilder::Rollback(const Mark& mark) {
  for (size_t id = mark.values; id < program_.values.size(); ++id) {
    evaluated_.erase(static_cast<int32_t>(id));
    not_constant_.erase(static_cast<int32_t>(id));
    handles_.erase(static_cast<int32_t>(id));
    lists_.erase(static_cast<int32_t>(id));
  }
  program_.nodes.resize(mark.nodes);
  program_.values.resize(mark.values);
  defs_.resize(mark.values);
  states_.resize(mark.values);
  scalars_.clear();
  while (journal_.size() > mark.journal) {
    const Change& c = journal_.back();
    if (c.had_value) {
      variables_[c.slot] = c.value;
      dirty_[c.slot] = c.dirty;
    } else {
      variables_.erase(c.slot);
      dirty_.erase(c.slot);
    }
    journal_.pop_back();
  }
}

void ProgramBuilder::CheckAxis(const char* what, Value x, int axis) const {
  if (axis < 0 || axis >= rank(x)) {
    throw InvalidArgument(std::string(what) + ": axis " + std::to_string(axis) +
                          " is out of range for a shape of rank " + std::to_string(rank(x)));
  }
}

// --- leaves -------------------------------------------------------------------------

Value ProgramBuilder::Constant(const Array& value) {
  if (!value.valid()) Internal("constant without a value");
  const bool scalar = value.rank() == 0 && IsPlainData(value.dtype()) && value.bytes() <= 8;
  if (scalar) {
    const auto it = scalars_.find(ScalarKey(value));
    if (it != scalars_.end()) {
      const auto* c = prim<Const>(it->second);
      if (c && c->value.Identical(value)) return it->second;
    }
  }
  const Value v = Emit(Const{value}, {}, value.dtype(), value.dims());
  if (scalar) scalars_[ScalarKey(value)] = v;
  return v;
}

Value ProgramBuilder::Iota(DType dtype, int64_t n) {
  if (n < 0) throw InvalidArgument("negative length " + std::to_string(n));
  if (IsHalf(dtype)) return Cast(Iota(DType::kFloat32, n), dtype);
  if (!IsPlainData(dtype) || dtype == DType::kBool) {
    throw InvalidArgument(std::string("no range of dtype ") + Name(dtype));
  }
  return Emit(compile::Iota{}, {}, dtype, {n});
}

// --- element-wise ---------------------------------------------------------------------

Value ProgramBuilder::Map(ScalarOp op, const std::vector<Value>& args) {
  if (static_cast<int>(args.size()) != ScalarArity(op)) {
    Internal(std::string(ScalarName(op)) + ": wrong number of operands");
  }
  const DType type = dtype(args.back());
  for (size_t i = 0; i < args.size(); ++i) {
    const DType expected = op == ScalarOp::kSelect && i == 0 ? DType::kBool : type;
    if (dtype(args[i]) != expected) {
      throw InvalidArgument(std::string(ScalarName(op)) + ": operand " + std::to_string(i) +
                            " is " + Name(dtype(args[i])) + ", expected " + Name(expected));
    }
  }
  if (IsHalf(type)) {
    std::vector<Value> wide = args;
    for (Value& v : wide) {
      if (IsHalf(dtype(v))) v = Cast(v, DType::kFloat32);
    }
    const Value result = Map(op, wide);
    return dtype(result) == DType::kFloat32 ? Cast(result, type) : result;
  }
  if (!ScalarSupports(op, type)) {
    throw InvalidArgument(std::string(ScalarName(op)) + " is not defined for " + Name(type));
  }
  Dims common = dims(args[0]);
  for (size_t i = 1; i < args.size(); ++i) {
    if (known_dims(args[i]) == common) continue;
    std::optional<Dims> both = BroadcastDims(common, known_dims(args[i]));
    if (!both) {
      throw InvalidArgument("Incompatible shapes: " + ToString(common) + " vs. " +
                            ToString(dims(args[i])));
    }
    common = std::move(*both);
  }
  std::vector<Value> operands = args;
  for (Value& v : operands) {
    if (known_dims(v) != common) v = Broadcast(v, common);
  }
  return Emit(compile::Map{op}, std::move(operands), ScalarResult(op, type), std::move(common));
}

Value ProgramBuilder::Cast(Value x, DType to) {
  const DType from = dtype(x);
  if (from == to) return x;
  if (!IsPlainData(from) || !IsPlainData(to)) {
    throw InvalidArgument(std::string("Cast ") + Name(from) + " to " + Name(to) +
                          " is not supported");
  }
  return Emit(CastTo{}, {x}, to, dims(x));
}

// --- reductions -------------------------------------------------------------------------

Value ProgramBuilder::Reduce(ReduceOp op, Value x, const std::vector<int>& axes, bool keep_dims) {
  if (axes.empty()) return x;
  std::vector<int> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  std::vector<bool> reduced(known_dims(x).size());
  for (int axis : sorted) {
    CheckAxis(ReduceName(op), x, axis);
    if (reduced[axis]) {
      throw InvalidArgument("Invalid reduction arguments: Axes contains duplicate dimension: " +
                            std::to_string(axis));
    }
    reduced[axis] = true;
  }
  const DType type = dtype(x);
  if (IsHalf(type)) {
    return Cast(Reduce(op, Cast(x, DType::kFloat32), axes, keep_dims), type);
  }
  const bool logical = op == ReduceOp::kAll || op == ReduceOp::kAny;
  const bool ordered = op == ReduceOp::kMax || op == ReduceOp::kMin;
  if (logical != (type == DType::kBool) || !IsPlainData(type) || (ordered && IsComplex(type))) {
    throw InvalidArgument(std::string(ReduceName(op)) + " is not defined for " + Name(type));
  }
  Dims out;
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i]) {
      out.push_back(dims(x)[i]);
    } else if (keep_dims) {
      out.push_back(1);
    }
  }
  return Emit(compile::Reduce{op, std::move(sorted), keep_dims}, {x}, type, std::move(out));
}

Value ProgramBuilder::ArgReduce(bool max, Value x, int axis, DType out) {
  CheckAxis("ArgReduce", x, axis);
  if (dims(x)[axis] == 0) {
    throw InvalidArgument("Reduction axis " + std::to_string(axis) + " is empty in shape " +
                          ToString(dims(x)));
  }
  if (!IsInteger(out)) Internal("ArgReduce: indices are integers");
  if (IsHalf(dtype(x))) return ArgReduce(max, Cast(x, DType::kFloat32), axis, out);
  if (dtype(x) == DType::kBool) return ArgReduce(max, Cast(x, DType::kUInt8), axis, out);
  if (!ScalarSupports(ScalarOp::kLess, dtype(x))) {
    throw InvalidArgument(std::string("ArgReduce is not defined for ") + Name(dtype(x)));
  }
  if (out != DType::kInt32 && out != DType::kInt64) {
    return Cast(ArgReduce(max, x, axis, DType::kInt64), out);
  }
  Dims result = dims(x);
  result.erase(result.begin() + axis);
  return Emit(compile::ArgReduce{max, axis}, {x}, out, std::move(result));
}

Value ProgramBuilder::Scan(ScanOp op, Value x, int axis, bool exclusive, bool reverse) {
  CheckAxis("Scan", x, axis);
  const DType type = dtype(x);
  if (IsHalf(type)) return Cast(Scan(op, Cast(x, DType::kFloat32), axis, exclusive, reverse), type);
  if (!ScalarSupports(op == ScanOp::kLogSumExp ? ScalarOp::kErf : ScalarOp::kMul, type)) {
    throw InvalidArgument(std::string("Scan is not defined for ") + Name(type));
  }
  return Emit(compile::Scan{op, axis, exclusive, reverse}, {x}, type, dims(x));
}

std::vector<Value> ProgramBuilder::TopK(Value x, int64_t k) {
  if (rank(x) == 0) throw InvalidArgument("input must be >= 1-D, got shape []");
  if (k < 0) throw InvalidArgument("Need k >= 0, got " + std::to_string(k));
  if (dims(x).back() < k) {
    throw InvalidArgument("input must have at least k columns. Had " +
                          std::to_string(dims(x).back()) + ", needed " + std::to_string(k));
  }
  const DType type = dtype(x);
  if (IsHalf(type)) {
    std::vector<Value> top = TopK(Cast(x, DType::kFloat32), k);
    top[0] = Cast(top[0], type);
    return top;
  }
  if (!ScalarSupports(ScalarOp::kLess, type)) {
    throw InvalidArgument(std::string("TopK is not defined for ") + Name(type));
  }
  Dims out = dims(x);
  out.back() = k;
  return EmitMany(compile::TopK{k}, {x}, {{type, out}, {DType::kInt32, out}});
}

// --- linear algebra -----------------------------------------------------------------------

Value ProgramBuilder::MatMul(Value a, Value b, bool transpose_a, bool transpose_b) {
  const DType type = dtype(a);
  if (dtype(b) != type) throw InvalidArgument("MatMul: the dtypes of the operands differ");
  if (IsHalf(type)) {
    return Cast(
        MatMul(Cast(a, DType::kFloat32), Cast(b, DType::kFloat32), transpose_a, transpose_b), type);
  }
  if (!ScalarSupports(ScalarOp::kMul, type)) {
    throw InvalidArgument(std::string("MatMul is not defined for ") + Name(type));
  }
  const Dims &da = dims(a), &db = dims(b);
  if (da.size() < 2 || db.size() < 2) {
    throw InvalidArgument("In[0] and In[1] ndims must be >= 2: " + std::to_string(da.size()) +
                          ", " + std::to_string(db.size()));
  }
  const int64_t m = transpose_a ? da[da.size() - 1] : da[da.size() - 2];
  const int64_t ka = transpose_a ? da[da.size() - 2] : da[da.size() - 1];
  const int64_t kb = transpose_b ? db[db.size() - 1] : db[db.size() - 2];
  const int64_t n = transpose_b ? db[db.size() - 2] : db[db.size() - 1];
  const std::optional<Dims> batch =
      BroadcastDims(Dims(da.begin(), da.end() - 2), Dims(db.begin(), db.end() - 2));
  if (ka != kb) {
    throw InvalidArgument("Matrix size-incompatible: In[0]: " + ToString(da) +
                          ", In[1]: " + ToString(db));
  }
  if (!batch) {
    throw InvalidArgument("In[0] and In[1] must have compatible batch dimensions: " + ToString(da) +
                          " vs. " + ToString(db));
  }
  Dims out = *batch;
  out.push_back(m);
  out.push_back(n);
  return Emit(compile::MatMul{transpose_a, transpose_b}, {a, b}, type, std::move(out));
}

}  // namespace wengert::compile
