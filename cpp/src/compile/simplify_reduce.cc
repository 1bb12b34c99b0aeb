// Simplify: reductions of views, of broadcasts, of reductions.
#include <algorithm>
#include <cmath>
#include <limits>

#include "compile/reference.h"
#include "compile/simplifier.h"

namespace wengert::compile {

namespace {

// What a reduction of nothing gives.
Array Identity(ReduceOp op, DType dtype) {
  return EvaluateReduce(op, Array(dtype, {0}), {0}, false);
}

bool Contains(const std::vector<int>& axes, size_t axis) {
  return std::find(axes.begin(), axes.end(), static_cast<int>(axis)) != axes.end();
}

// `n` as a scalar of any numeric dtype, modulo its size for integers.
Array Count(DType dtype, int64_t n) {
  return EvaluateCast(Array::Scalar<int64_t>(n), dtype);
}

}  // namespace

Value Simplifier::Reduce(ReduceOp op, Value x, const std::vector<int>& axes, bool keep_dims) {
  if (axes.empty()) return x;
  const DType type = dtype(x);
  const Dims from = dims(x);
  Dims out, kept_out;
  std::vector<int> real;  // axes longer than 1
  bool valid = !IsHalf(type);
  for (int axis : axes) {
    valid = valid && axis >= 0 && axis < static_cast<int>(from.size());
    if (valid && from[static_cast<size_t>(axis)] != 1) real.push_back(axis);
  }
  if (!valid) return ProgramBuilder::Reduce(op, x, axes, keep_dims);
  std::sort(real.begin(), real.end());
  for (size_t i = 0; i < from.size(); ++i) {
    const bool reduced = Contains(axes, i);
    if (!reduced) out.push_back(from[i]);
    kept_out.push_back(reduced ? 1 : from[i]);
  }
  if (keep_dims) return Reshape(Reduce(op, x, axes, false), kept_out);
  if (real.empty()) return Reshape(x, out);
  if (real.size() != axes.size()) return Reshape(Reduce(op, x, real, false), out);
  if (size(x) == 0 && NumElements(out) > 0) return SplatOf(Identity(op, type), out);
  if (const Value v = ReduceThroughViews(op, x, real)) return v;
  if (const Value v = ReduceOfBroadcast(op, x, real)) return v;
  if (const Value v = ReduceOfMap(op, x, real)) return v;
  return ProgramBuilder::Reduce(op, x, real, false);
}

Value Simplifier::ReduceThroughViews(ReduceOp op, Value x, const std::vector<int>& axes) {
  if (prim<compile::Reshape>(x)) {
    const Value source = In(x);
    const Dims &from = dims(source), &to = dims(x);
    if (axes.size() == to.size()) {
      std::vector<int> all(from.size());
      for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
      return Reduce(op, source, all, false);
    }
    if (const auto match = MatchSizeOneReshape(from, to)) {
      std::vector<int> inner;
      Dims out;
      for (size_t i = 0; i < to.size(); ++i) {
        if (Contains(axes, i)) {
          inner.push_back((*match)[i]);
        } else {
          out.push_back(to[i]);
        }
      }
      return Reshape(Reduce(op, source, inner, false), out);
    }
    return {};
  }
  if (const auto* t = prim<compile::Transpose>(x)) {
    std::vector<int> inner, kept, order;
    for (size_t i = 0; i < t->perm.size(); ++i) {
      (Contains(axes, i) ? inner : kept).push_back(t->perm[i]);
    }
    // Where each kept axis stands among those left of the source.
    for (int axis : kept) {
      order.push_back(static_cast<int>(
          std::count_if(kept.begin(), kept.end(), [axis](int other) { return other < axis; })));
    }
    return Transpose(Reduce(op, In(x), inner, false), order);
  }
  const auto* inner = prim<compile::Reduce>(x);
  if (inner && inner->op == op && !inner->keep_dims && SingleUse(x)) {
    std::vector<int> left, all = inner->axes;
    for (int i = 0; i < rank(In(x)); ++i) {
      if (!Contains(inner->axes, static_cast<size_t>(i))) left.push_back(i);
    }
    for (int axis : axes) all.push_back(left[static_cast<size_t>(axis)]);
    return Reduce(op, In(x), all, false);
  }
  return {};
}

// The sum over axes that a broadcast made is a multiple; the maximum does not see them.
Value Simplifier::ReduceOfBroadcast(ReduceOp op, Value x, const std::vector<int>& axes) {
  if (!prim<compile::Broadcast>(x) || op == ReduceOp::kProd || size(x) == 0) return {};
  const DType type = dtype(x);
  if (op == ReduceOp::kSum && IsComplex(type)) return {};
  const Value source = In(x);
  const Dims aligned = AlignedDims(dims(source), dims(x).size());
  Dims inner = dims(x), out;
  int64_t count = 1;
  for (size_t i = 0; i < inner.size(); ++i) {
    if (!Contains(axes, i)) {
      out.push_back(inner[i]);
    } else if (aligned[i] == 1) {
      count *= inner[i];
      inner[i] = 1;
    }
  }
  if (inner == dims(x)) return {};
  const Value rest = Reduce(op, Broadcast(Reshape(source, aligned), inner), axes, false);
  if (op != ReduceOp::kSum) return rest;
  return Map(ScalarOp::kMul, {rest, SplatOf(Count(type, count), out)});
}

// Sums of negated and scaled values. Factors below 1 stay inside: they may be what keeps the
// sum finite.
Value Simplifier::ReduceOfMap(ReduceOp op, Value x, const std::vector<int>& axes) {
  if (op != ReduceOp::kSum || !SingleUse(x) || IsComplex(dtype(x))) return {};
  if (Is(x, ScalarOp::kNeg)) return Map(ScalarOp::kNeg, {Reduce(op, In(x), axes, false)});
  if (!Is(x, ScalarOp::kMul)) return {};
  const Array* factor = Splat(In(x, 1));
  if (!factor) return {};
  const double f = factor->AsDouble(0);
  if (IsFloating(dtype(x)) && !(std::fabs(f) >= 1 && std::isfinite(f))) return {};
  const Array scalar = factor->Reshaped({});
  const Value sum = Reduce(op, In(x), axes, false);
  return Map(ScalarOp::kMul, {sum, SplatOf(scalar, dims(sum))});
}

}  // namespace wengert::compile
