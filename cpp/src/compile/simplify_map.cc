// Simplify: the algebra of element-wise primitives.
#include <cmath>
#include <limits>

#include "compile/reference.h"
#include "compile/simplifier.h"

namespace wengert::compile {

namespace {

bool IsReal(DType t) {
  return !IsComplex(t) && t != DType::kBool;
}

// 1 / c is exact, so that x / c is x * (1 / c).
bool HasExactReciprocal(DType dtype, double c) {
  if (!(dtype == DType::kFloat32 || dtype == DType::kFloat64) || !std::isfinite(c)) return false;
  int exponent = 0;
  if (std::fabs(std::frexp(c, &exponent)) != 0.5) return false;
  const int limit = dtype == DType::kFloat32 ? 120 : 1000;
  return exponent > -limit && exponent < limit;
}

}  // namespace

Value Simplifier::Map(ScalarOp op, const std::vector<Value>& args) {
  std::vector<Value> operands = args;
  Dims common = dims(args[0]);
  for (size_t i = 1; i < args.size(); ++i) {
    if (known_dims(args[i]) == common) continue;
    const std::optional<Dims> both = BroadcastDims(common, known_dims(args[i]));
    if (!both) return ProgramBuilder::Map(op, args);  // which says what is wrong
    common = *both;
  }
  for (Value& v : operands) {
    if (known_dims(v) != common) v = Broadcast(v, common);
  }
  if (const Value v = FoldScalars(op, operands)) return v;
  if (const Value v = HoistBroadcasts(op, operands)) return v;
  Value v;
  if (operands.size() == 1) v = SimplifyUnary(op, operands[0]);
  if (operands.size() == 2) v = SimplifyBinary(op, operands[0], operands[1]);
  if (op == ScalarOp::kSelect) v = SimplifySelect(operands[0], operands[1], operands[2]);
  if (!v) v = MoveReshapes(op, operands);
  return v ? v : ProgramBuilder::Map(op, operands);
}

// f(reshape x, c) = reshape f(x, c): it then meets what made x.
Value Simplifier::MoveReshapes(ScalarOp op, const std::vector<Value>& args) {
  Value moved;
  for (Value v : args) {
    if (Splat(v)) continue;
    if (moved || !prim<compile::Reshape>(v) || !SingleUse(v) || !prim<compile::Map>(In(v)) ||
        !SingleUse(In(v))) {
      return {};
    }
    moved = v;
  }
  if (!moved) return {};
  const Dims inner = dims(In(moved)), outer = dims(moved);
  std::vector<Value> operands;
  for (Value v : args)
    operands.push_back(v == moved ? In(v) : SplatOf(Splat(v)->Reshaped({}), inner));
  return Reshape(Map(op, operands), outer);
}

Value Simplifier::FoldScalars(ScalarOp op, const std::vector<Value>& args) {
  std::vector<Array> scalars;
  for (Value v : args) {
    const auto* c = prim<Const>(v);
    if (!c || c->value.size() != 1 || !IsPlainData(c->value.dtype())) return {};
    scalars.push_back(c->value);
  }
  if (!ScalarSupports(op, scalars.back().dtype())) return {};
  try {
    return Constant(EvaluateMap(op, scalars));
  } catch (const Error&) {
    return {};  // an error of execution is raised by execution
  }
}

// f(broadcast a, broadcast b) = broadcast f(a, b), when that is less work.
Value Simplifier::HoistBroadcasts(ScalarOp op, const std::vector<Value>& args) {
  Dims common;
  std::vector<Value> sources;
  for (Value v : args) {
    if (!prim<compile::Broadcast>(v)) return {};
    sources.push_back(In(v));
    const std::optional<Dims> both = BroadcastDims(common, known_dims(In(v)));
    if (!both) return {};
    common = *both;
  }
  if (NumElements(common) >= size(args[0])) return {};
  return Broadcast(Map(op, sources), dims(args[0]));
}

Value Simplifier::SimplifyUnary(ScalarOp op, Value x) {
  switch (op) {
    case ScalarOp::kNeg:
      if (Is(x, op)) return In(x);
      // -(x * c) = x * (-c)
      if (Is(x, ScalarOp::kMul) && Splat(In(x, 1)) && IsReal(dtype(x)) && SingleUse(x)) {
        return Map(ScalarOp::kMul, {In(x), Map(op, {In(x, 1)})});
      }
      return {};
    case ScalarOp::kNot:
    case ScalarOp::kInvert:
    case ScalarOp::kConj:
      return Is(x, op) ? In(x) : Value{};
    case ScalarOp::kAbs:
      if (Is(x, op) || IsUnsigned(dtype(x))) return x;
      return Is(x, ScalarOp::kNeg) ? Map(op, {In(x)}) : Value{};
    case ScalarOp::kSquare:
      if (Is(x, ScalarOp::kNeg)) return Map(op, {In(x)});
      return Is(x, ScalarOp::kAbs) ? Map(op, {In(x)}) : Value{};
    case ScalarOp::kCos:
    case ScalarOp::kCosh:
      return Is(x, ScalarOp::kNeg) && IsReal(dtype(x)) ? Map(op, {In(x)}) : Value{};
    case ScalarOp::kFloor:
    case ScalarOp::kCeil:
    case ScalarOp::kRint:
    case ScalarOp::kTrunc:
      return Is(x, ScalarOp::kFloor) || Is(x, ScalarOp::kCeil) || Is(x, ScalarOp::kRint) ||
                     Is(x, ScalarOp::kTrunc)
                 ? x
                 : Value{};
    case ScalarOp::kReal:
      if (Is(x, ScalarOp::kConj)) return Map(op, {In(x)});
      return Is(x, ScalarOp::kComplex) ? In(x) : Value{};
    case ScalarOp::kImag:
      return Is(x, ScalarOp::kComplex) ? In(x, 1) : Value{};
    default:
      return {};
  }
}

Value Simplifier::SimplifyBinary(ScalarOp op, Value x, Value y) {
  if (ScalarCommutes(op) && Splat(x) && !Splat(y)) return Map(op, {y, x});
  switch (op) {
    case ScalarOp::kAdd:
    case ScalarOp::kSub:
      return SimplifyAddSub(op, x, y);
    case ScalarOp::kMul:
    case ScalarOp::kDiv:
      return SimplifyMulDiv(op, x, y);
    case ScalarOp::kPow:
      return SimplifyPow(x, y);
    case ScalarOp::kMaximum:
    case ScalarOp::kMinimum:
      return x == y ? x : Value{};
    case ScalarOp::kAnd:
    case ScalarOp::kOr:
      return SimplifyLogical(op, x, y);
    default:
      return {};
  }
}

// x + (zeros with y added at some places): as gradients of rows that are read one by one are
// summed.
Value Simplifier::AddSparse(Value x, Value y) {
  for (const auto& [sum, part] : {std::pair(x, y), std::pair(y, x)}) {
    const auto* scatter = prim<compile::Scatter>(part);
    if (scatter && scatter->op == ScatterOp::kAdd && SingleUse(part) && SplatIs(In(part), 0.0)) {
      return Scatter(ScatterOp::kAdd, sum, In(part, 1), In(part, 2), scatter->drop_out_of_range);
    }
    const auto* pad = prim<compile::Pad>(part);
    if (!pad || !SingleUse(part) || !SplatIs(In(part, 1), 0.0)) continue;
    const Value rows = In(part);
    const Dims inner = dims(rows);
    // Few rows among many.
    bool first_axis = !inner.empty() && inner[0] > 0 && inner[0] <= dims(part)[0] / 8;
    for (size_t i = 1; i < inner.size(); ++i) first_axis &= pad->low[i] == 0 && pad->high[i] == 0;
    if (!first_axis || pad->low[0] + inner[0] > std::numeric_limits<int32_t>::max()) continue;
    Array indices(DType::kInt32, {inner[0], 1});
    for (int64_t i = 0; i < inner[0]; ++i) {
      indices.data<int32_t>()[i] = static_cast<int32_t>(pad->low[0] + i);
    }
    return Scatter(ScatterOp::kAdd, sum, Constant(indices), rows, false);
  }
  return {};
}

Value Simplifier::SimplifyAddSub(ScalarOp op, Value x, Value y) {
  const bool add = op == ScalarOp::kAdd;
  const DType type = dtype(x);
  // x + (-0) and x - 0 keep even the sign of zero.
  if (IsReal(type) && SplatIs(y, add && IsFloating(type) ? -0.0 : 0.0)) return x;
  if (IsInteger(type)) {
    if (!add && SplatIs(x, 0)) return Map(ScalarOp::kNeg, {y});
    if (!add && x == y) return SplatOf(type, 0, dims(x));
  } else if (!add && SplatIs(x, -0.0)) {
    return Map(ScalarOp::kNeg, {y});
  }
  if (Is(y, ScalarOp::kNeg)) return Map(add ? ScalarOp::kSub : ScalarOp::kAdd, {x, In(y)});
  if (add && Is(x, ScalarOp::kNeg)) return Map(ScalarOp::kSub, {y, In(x)});
  if (add && IsFloating(type)) return AddSparse(x, y);
  return {};
}

Value Simplifier::SimplifyMulDiv(ScalarOp op, Value x, Value y) {
  const bool mul = op == ScalarOp::kMul;
  const DType type = dtype(x);
  if (IsReal(type)) {
    if (SplatIs(y, 1)) return x;
    if (!IsUnsigned(type) && SplatIs(y, -1)) return Map(ScalarOp::kNeg, {x});
    if (mul && IsInteger(type) && SplatIs(y, 0)) return y;
    if (mul && x == y) return Map(ScalarOp::kSquare, {x});
    if (!mul && SplatIs(x, 1) && !IsInteger(type)) return Map(ScalarOp::kReciprocal, {y});
    const Array* c = Splat(y);
    if (!mul && c && HasExactReciprocal(type, c->AsDouble(0))) {
      return Map(ScalarOp::kMul, {x, SplatOf(type, 1 / c->AsDouble(0), dims(x))});
    }
    // (-x) * c = x * (-c)
    if (mul && c && Is(x, ScalarOp::kNeg)) {
      return Map(ScalarOp::kMul, {In(x), Map(ScalarOp::kNeg, {y})});
    }
    // Powers of two commute with rounding, short of the ends of the range.
    if (mul && c && Is(x, ScalarOp::kMul) && SingleUse(x)) {
      const Array* d = Splat(In(x, 1));
      const bool moderate =
          d && std::fabs(d->AsDouble(0)) > 1e-30 && std::fabs(d->AsDouble(0)) < 1e30;
      const bool exact = IsInteger(type) || (moderate && (SplatIs(y, 2) || SplatIs(y, 0.5)));
      if (d && exact) return Map(ScalarOp::kMul, {In(x), Map(ScalarOp::kMul, {In(x, 1), y})});
    }
    if (Is(x, ScalarOp::kNeg) && Is(y, ScalarOp::kNeg) && !IsInteger(type)) {
      return Map(op, {In(x), In(y)});
    }
  }
  return {};
}

Value Simplifier::SimplifyPow(Value x, Value y) {
  const DType type = dtype(x);
  if (!Splat(y) || IsComplex(type)) return {};
  if (SplatIs(y, 0)) return SplatOf(type, 1, dims(x));
  if (SplatIs(y, 1)) return x;
  if (SplatIs(y, 2)) return Map(ScalarOp::kSquare, {x});
  if (SplatIs(y, 3)) return Map(ScalarOp::kMul, {Map(ScalarOp::kSquare, {x}), x});
  if (IsInteger(type)) return {};
  if (SplatIs(y, -1)) return Map(ScalarOp::kReciprocal, {x});
  // pow(-inf, 0.5) is inf and pow(-0, 0.5) is 0, the roots are not.
  if (SplatIs(y, 0.5) && NonNegative(x)) return Map(ScalarOp::kSqrt, {x});
  if (SplatIs(y, -0.5) && NonNegative(x)) return Map(ScalarOp::kRsqrt, {x});
  return {};
}

Value Simplifier::SimplifyLogical(ScalarOp op, Value x, Value y) {
  if (x == y) return x;
  const Array* c = Splat(y);
  if (!c || dtype(x) != DType::kBool) return {};
  const bool value = c->data<bool>()[0];
  return value == (op == ScalarOp::kAnd) ? x : y;
}

Value Simplifier::SimplifySelect(Value c, Value x, Value y) {
  if (x == y) return x;
  if (Splat(c)) return SplatTrue(c) ? x : y;
  if (Is(c, ScalarOp::kNot)) return Map(ScalarOp::kSelect, {In(c), y, x});
  if (dtype(x) == DType::kBool && SplatTrue(x) && Splat(y) && !SplatTrue(y)) return c;
  return {};
}

bool Simplifier::NonNegative(Value v, int depth) const {
  if (depth == 0 || def(v) < 0) return false;
  if (const Array* c = Splat(v)) {
    return IsReal(c->dtype()) && !std::signbit(c->AsDouble(0));
  }
  if (prim<compile::Broadcast>(v) || prim<compile::Reshape>(v) || prim<compile::Transpose>(v) ||
      prim<compile::Slice>(v)) {
    return NonNegative(In(v), depth - 1);
  }
  if (const auto* reduce = prim<compile::Reduce>(v)) {
    return reduce->op == ReduceOp::kSum && NonNegative(In(v), depth - 1);
  }
  const auto* map = prim<compile::Map>(v);
  if (!map || !IsReal(dtype(v))) return false;
  switch (map->op) {
    case ScalarOp::kSquare:
    case ScalarOp::kAbs:
    case ScalarOp::kExp:
    case ScalarOp::kSigmoid:
    case ScalarOp::kSoftplus:
    case ScalarOp::kCosh:
    case ScalarOp::kComplexAbs:
      return true;
    case ScalarOp::kAdd:
    case ScalarOp::kMul:
    case ScalarOp::kDiv:
      return NonNegative(In(v, 0), depth - 1) && NonNegative(In(v, 1), depth - 1);
    case ScalarOp::kSqrt:
      return NonNegative(In(v), depth - 1);
    default:
      return false;
  }
}

}  // namespace wengert::compile
