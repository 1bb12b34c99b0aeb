// Simplify: views of views, slices of what was put together.
#include <algorithm>

#include "compile/simplifier.h"

namespace wengert::compile {

std::optional<std::vector<int>> MatchSizeOneReshape(const Dims& from, const Dims& to) {
  std::vector<int> axes;
  size_t i = 0;
  for (int64_t d : to) {
    if (d == 1) {
      // An axis of length 1 is taken for the same one where both have it here.
      const bool same = i < from.size() && from[i] == 1;
      axes.push_back(same ? static_cast<int>(i++) : -1);
      continue;
    }
    while (i < from.size() && from[i] == 1) ++i;
    if (i == from.size() || from[i] != d) return std::nullopt;
    axes.push_back(static_cast<int>(i++));
  }
  while (i < from.size() && from[i] == 1) ++i;
  if (i != from.size()) return std::nullopt;
  return axes;
}

Dims AlignedDims(const Dims& from, size_t rank) {
  Dims aligned(rank - from.size(), 1);
  aligned.insert(aligned.end(), from.begin(), from.end());
  return aligned;
}

Value Simplifier::Reshape(Value x, Dims to) {
  if (known_dims(x) == to) return x;
  if (NumElements(to) != size(x)) return ProgramBuilder::Reshape(x, std::move(to));
  if (prim<compile::Reshape>(x)) return Reshape(In(x), std::move(to));
  if (prim<compile::Broadcast>(x)) {
    const Value source = In(x);
    if (size(source) == 1) return Broadcast(Reshape(source, {}), std::move(to));
    if (const auto axes = MatchSizeOneReshape(dims(x), to)) {
      const Dims aligned = AlignedDims(dims(source), dims(x).size());
      Dims inner;
      for (int axis : *axes) inner.push_back(axis < 0 ? 1 : aligned[static_cast<size_t>(axis)]);
      // Axes that were dropped have length 1 before the broadcast, too.
      return Broadcast(Reshape(source, inner), std::move(to));
    }
  }
  const auto* c = prim<Const>(x);
  if (c && IsPlainData(dtype(x))) return Constant(c->value.Reshaped(std::move(to)));
  return ProgramBuilder::Reshape(x, std::move(to));
}

Value Simplifier::Broadcast(Value x, Dims to) {
  if (known_dims(x) == to) return x;
  const std::optional<Dims> both = BroadcastDims(known_dims(x), to);
  if (!both || *both != to) return ProgramBuilder::Broadcast(x, std::move(to));
  if (NumElements(to) == size(x)) return Reshape(x, std::move(to));
  if (prim<compile::Broadcast>(x)) return Broadcast(In(x), std::move(to));
  if (prim<compile::Reshape>(x)) {
    // Leading ones are implied.
    const Dims &from = dims(In(x)), &now = dims(x);
    if (from.size() < now.size() && AlignedDims(from, now.size()) == now) {
      return Broadcast(In(x), std::move(to));
    }
  }
  return ProgramBuilder::Broadcast(x, std::move(to));
}

Value Simplifier::Transpose(Value x, std::vector<int> perm) {
  const Dims from = dims(x);
  if (perm.size() != from.size()) return ProgramBuilder::Transpose(x, std::move(perm));
  // Only axes of length 1 move: the elements stay where they are.
  int last = -1;
  bool in_order = true;
  Dims to;
  for (int axis : perm) {
    if (axis < 0 || axis >= static_cast<int>(from.size())) {
      return ProgramBuilder::Transpose(x, std::move(perm));
    }
    to.push_back(from[static_cast<size_t>(axis)]);
    if (to.back() == 1) continue;
    in_order = in_order && axis > last;
    last = axis;
  }
  std::vector<int> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<int>(i)) return ProgramBuilder::Transpose(x, std::move(perm));
  }
  if (in_order) return Reshape(x, std::move(to));
  if (const auto* t = prim<compile::Transpose>(x)) {
    std::vector<int> composed;
    for (int axis : perm) composed.push_back(t->perm[static_cast<size_t>(axis)]);
    return Transpose(In(x), std::move(composed));
  }
  if (prim<compile::Broadcast>(x)) {
    const Value source = In(x);
    const Value aligned = Reshape(source, AlignedDims(dims(source), from.size()));
    return Broadcast(Transpose(aligned, std::move(perm)), std::move(to));
  }
  if (const auto* m = prim<compile::MatMul>(x); m && SingleUse(x)) {
    const size_t r = perm.size();
    bool last_two = perm[r - 1] == static_cast<int>(r) - 2;
    for (size_t i = 0; i + 2 < r; ++i) last_two = last_two && perm[i] == static_cast<int>(i);
    if (last_two) return MatMul(In(x, 1), In(x, 0), !m->transpose_b, !m->transpose_a);
  }
  return ProgramBuilder::Transpose(x, std::move(perm));
}

Value Simplifier::Slice(Value x, Dims begin, Dims size, Dims strides) {
  const Dims from = dims(x);
  const size_t rank = from.size();
  const bool fits = begin.size() == rank && size.size() == rank && strides.size() == rank;
  if (!fits || NumElements(size) == 0) {
    return ProgramBuilder::Slice(x, std::move(begin), std::move(size), std::move(strides));
  }
  if (const auto* inner = prim<compile::Slice>(x)) {
    for (size_t i = 0; i < rank; ++i) {
      begin[i] = inner->begin[i] + begin[i] * inner->strides[i];
      strides[i] *= inner->strides[i];
    }
    return Slice(In(x), std::move(begin), std::move(size), std::move(strides));
  }
  if (prim<compile::Broadcast>(x)) {
    const Value source = In(x);
    const Dims aligned = AlignedDims(dims(source), rank);
    Dims inner_begin = begin, inner_size = size, inner_strides = strides;
    for (size_t i = 0; i < rank; ++i) {
      if (aligned[i] != 1) continue;
      inner_begin[i] = 0;
      inner_size[i] = inner_strides[i] = 1;
    }
    const Value inner = Slice(Reshape(source, aligned), inner_begin, inner_size, inner_strides);
    return Broadcast(inner, std::move(size));
  }
  if (const Value part = SliceOfParts(x, begin, size, strides)) return part;
  return ProgramBuilder::Slice(x, std::move(begin), std::move(size), std::move(strides));
}

// A slice that lies in one part of a concatenation, or inside what was padded.
Value Simplifier::SliceOfParts(Value x, const Dims& begin, const Dims& size, const Dims& strides) {
  auto last = [&](size_t i) { return begin[i] + (size[i] - 1) * strides[i]; };
  if (const auto* concat = prim<compile::Concat>(x)) {
    constexpr size_t kMaxParts = 64;  // keeps slices of wide concatenations linear
    const size_t axis = static_cast<size_t>(concat->axis);
    if (node(x).inputs.size() > kMaxParts) return {};
    const int64_t low = std::min(begin[axis], last(axis)), high = std::max(begin[axis], last(axis));
    int64_t start = 0;
    for (Value part : node(x).inputs) {
      const int64_t end = start + dims(part)[axis];
      if (low >= start && high < end) {
        Dims inner = begin;
        inner[axis] -= start;
        return Slice(part, inner, size, strides);
      }
      start = end;
    }
  }
  if (const auto* pad = prim<compile::Pad>(x)) {
    const Value source = In(x);
    Dims inner = begin;
    for (size_t i = 0; i < inner.size(); ++i) {
      const int64_t low = std::min(begin[i], last(i)), high = std::max(begin[i], last(i));
      if (low < pad->low[i] || high >= pad->low[i] + dims(source)[i]) return {};
      inner[i] -= pad->low[i];
    }
    return Slice(source, inner, size, strides);
  }
  return {};
}

Value Simplifier::Pad(Value x, Value fill, Dims low, Dims high) {
  const auto* inner = prim<compile::Pad>(x);
  if (inner && low.size() == inner->low.size() && high.size() == inner->high.size()) {
    const Array *a = Splat(fill), *b = Splat(In(x, 1));
    const bool same = fill == In(x, 1) || (a && b && a->Identical(*b));
    if (same) {
      for (size_t i = 0; i < low.size(); ++i) {
        low[i] += inner->low[i];
        high[i] += inner->high[i];
      }
      return Pad(In(x), fill, std::move(low), std::move(high));
    }
  }
  // All padding: the fill everywhere.
  const Array* value = Splat(x);
  const Array* filler = Splat(fill);
  if (value && filler && rank(fill) == 0 && dtype(fill) == dtype(x)) {
    Array scalar = value->Reshaped({});
    if (scalar.Identical(*filler)) {
      const Value padded = ProgramBuilder::Pad(x, fill, std::move(low), std::move(high));
      return Broadcast(fill, dims(padded));
    }
  }
  return ProgramBuilder::Pad(x, fill, std::move(low), std::move(high));
}

Value Simplifier::Concat(const std::vector<Value>& xs, int axis) {
  std::vector<Value> parts;
  const Array* common = xs.empty() ? nullptr : Splat(xs[0]);
  for (Value v : xs) {
    const bool axis_fits = axis >= 0 && axis < rank(v);
    if (axis_fits && dims(v)[static_cast<size_t>(axis)] == 0) continue;
    parts.push_back(v);
    const Array* scalar = Splat(v);
    if (!scalar || !common || !scalar->Reshaped({}).Identical(common->Reshaped({}))) {
      common = nullptr;
    }
  }
  if (parts.empty() || parts.size() == 1) {
    return ProgramBuilder::Concat(parts.empty() ? xs : parts, axis);
  }
  if (common) {
    const Array scalar = common->Reshaped({});
    const Value whole = ProgramBuilder::Concat(parts, axis);  // checks; left to Prune
    return SplatOf(scalar, dims(whole));
  }
  return ProgramBuilder::Concat(parts, axis);
}

}  // namespace wengert::compile
