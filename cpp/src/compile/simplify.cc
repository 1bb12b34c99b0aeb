// Simplify: the pass, and the rules of casts, gathers and matrix products.
#include <algorithm>

#include "compile/reference.h"
#include "compile/simplifier.h"

namespace wengert::compile {

namespace {

// Every value of `from` is a value of `to`.
bool IsExact(DType from, DType to) {
  auto bits = [](DType t) { return static_cast<int>(8 * SizeOf(t)); };
  auto mantissa = [](DType t) {
    switch (RealDType(t)) {
      case DType::kFloat64:
        return 53;
      case DType::kFloat32:
        return 24;
      case DType::kFloat16:
        return 11;
      default:
        return 8;  // bfloat16
    }
  };
  const bool to_real = IsFloating(to) || IsComplex(to);
  if (from == DType::kBool) return IsInteger(to) || to_real;
  if (IsInteger(from)) {
    const int magnitude = bits(from) - (IsUnsigned(from) ? 0 : 1);
    // float16 ends at 65504
    if (to_real) return magnitude <= mantissa(to) && (to != DType::kFloat16 || magnitude <= 8);
    if (!IsInteger(to) || (IsUnsigned(to) && !IsUnsigned(from))) return false;
    return magnitude <= bits(to) - (IsUnsigned(to) ? 0 : 1);
  }
  if (IsHalf(from)) return to_real && !IsHalf(to);
  if (IsFloating(from)) return to_real && mantissa(to) >= mantissa(from);
  return IsComplex(from) && IsComplex(to) && mantissa(to) >= mantissa(from);
}

}  // namespace

void Simplifier::AddUses(Value v, int n) {
  if (static_cast<size_t>(v.id) >= uses_.size()) uses_.resize(static_cast<size_t>(v.id) + 1);
  uses_[static_cast<size_t>(v.id)] += n;
}

bool Simplifier::Is(Value v, ScalarOp op) const {
  const auto* map = prim<compile::Map>(v);
  return map && map->op == op;
}

bool Simplifier::SingleUse(Value v) const {
  return static_cast<size_t>(v.id) >= uses_.size() || uses_[static_cast<size_t>(v.id)] <= 1;
}

const Array* Simplifier::Splat(Value v) const {
  if (prim<compile::Broadcast>(v)) v = In(v);
  const auto* c = prim<Const>(v);
  return c && c->value.size() == 1 && IsPlainData(c->value.dtype()) ? &c->value : nullptr;
}

bool Simplifier::SplatIs(Value v, double value) const {
  const Array* scalar = Splat(v);
  if (!scalar || IsComplex(scalar->dtype())) return false;
  const double found = scalar->AsDouble(0);
  return found == value && std::signbit(found) == std::signbit(value);
}

bool Simplifier::SplatTrue(Value v) const {
  const Array* scalar = Splat(v);
  return scalar && scalar->dtype() == DType::kBool && scalar->data<bool>()[0];
}

Value Simplifier::Cast(Value x, DType to) {
  const DType from = dtype(x);
  if (from == to) return x;
  if (prim<CastTo>(x)) {
    const Value inner = In(x);
    if (IsExact(dtype(inner), from) && !(IsComplex(from) && to == DType::kBool)) {
      return Cast(inner, to);
    }
  }
  if (prim<compile::Broadcast>(x)) return Broadcast(Cast(In(x), to), dims(x));
  const auto* c = prim<Const>(x);
  if (c && c->value.size() == 1 && IsPlainData(from) && IsPlainData(to)) {
    return Constant(EvaluateCast(c->value, to));
  }
  return ProgramBuilder::Cast(x, to);
}

Value Simplifier::Gather(Value params, Value indices, int axis, int batch_dims) {
  constexpr int64_t kMaxLooked = 4096;
  const auto* c = prim<Const>(indices);
  const bool iota = prim<compile::Iota>(indices) != nullptr;
  const int64_t n = size(indices), length = dims(params)[static_cast<size_t>(axis)];
  if (batch_dims != 0 || rank(indices) > 1 || n == 0 || (!c && !iota) || n > kMaxLooked) {
    return ProgramBuilder::Gather(params, indices, axis, batch_dims);
  }
  int64_t first = 0, step = 1;
  bool regular = true;
  if (c) {
    first = c->value.AsInt(0);
    if (n > 1) step = c->value.AsInt(1) - first;
    for (int64_t i = 1; i < n && regular; ++i) {
      regular = c->value.AsInt(i) == first + i * step && c->value.AsInt(i) >= 0;
    }
  }
  const int64_t last = first + (n - 1) * step;
  if (!regular || step == 0 || first < 0 || first >= length || last < 0 || last >= length) {
    return ProgramBuilder::Gather(params, indices, axis, batch_dims);
  }
  Dims begin(dims(params).size()), strides(begin.size(), 1), count = dims(params);
  begin[static_cast<size_t>(axis)] = first;
  strides[static_cast<size_t>(axis)] = step;
  count[static_cast<size_t>(axis)] = n;
  Dims out = count;
  if (rank(indices) == 0) out.erase(out.begin() + axis);
  return Reshape(Slice(params, begin, count, strides), out);
}

Value Simplifier::MatMul(Value a, Value b, bool transpose_a, bool transpose_b) {
  // A transpose of the last two axes is absorbed, a broadcast of the leading ones is implied.
  auto absorb = [this](Value& v, bool& transpose, Value other) {
    const auto* t = prim<compile::Transpose>(v);
    if (t) {
      const int r = static_cast<int>(t->perm.size());
      bool last_two = r >= 2 && t->perm[r - 1] == r - 2;
      for (int i = 0; i < r - 2; ++i) last_two = last_two && t->perm[i] == i;
      if (last_two) {
        v = In(v);
        transpose = !transpose;
        return true;
      }
    }
    if (prim<compile::Broadcast>(v)) {
      const Dims &from = dims(In(v)), &to = dims(v), &d = dims(other);
      if (from.size() < 2 || d.size() < 2) return false;
      if (!std::equal(from.end() - 2, from.end(), to.end() - 2)) return false;
      const Dims batch(d.begin(), d.end() - 2);
      const auto before = BroadcastDims(Dims(to.begin(), to.end() - 2), batch);
      const auto after = BroadcastDims(Dims(from.begin(), from.end() - 2), batch);
      if (before && after && *before == *after) {
        v = In(v);
        return true;
      }
    }
    return false;
  };
  while (absorb(a, transpose_a, b) || absorb(b, transpose_b, a)) {
  }
  return ProgramBuilder::MatMul(a, b, transpose_a, transpose_b);
}

Program Simplify(Program program) {
  Simplifier b;
  b.program().nodes.reserve(program.nodes.size());
  std::vector<int> uses(program.values.size());
  for (const Node& node : program.nodes) {
    for (Value v : node.inputs) ++uses[static_cast<size_t>(v.id)];
  }
  for (Value v : program.outputs) ++uses[static_cast<size_t>(v.id)];
  std::vector<Value> to(program.values.size());
  std::vector<Value> in;
  for (const Node& node : program.nodes) {
    in.clear();
    for (Value v : node.inputs) in.push_back(to[static_cast<size_t>(v.id)]);
    b.set_origin(node.origin);
    const std::vector<Value> out = Replay(b, program, node, in);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const size_t old = static_cast<size_t>(node.outputs[i].id);
      to[old] = out[i];
      b.AddUses(out[i], uses[old]);
    }
  }
  Program& result = b.program();
  for (Value v : program.outputs) result.outputs.push_back(to[static_cast<size_t>(v.id)]);
  result.num_inputs = program.num_inputs;
  result.num_resources = program.num_resources;
  return Prune(std::move(result));
}

}  // namespace wengert::compile
