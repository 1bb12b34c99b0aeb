// ProgramBuilder: movement of elements.
#include <algorithm>

#include "compile/program_builder.h"

namespace wengert::compile {

namespace {

std::string Str(int64_t n) {
  return std::to_string(n);
}

}  // namespace

Value ProgramBuilder::Reshape(Value x, Dims to) {
  if (known_dims(x) == to) return x;
  for (int64_t d : to) {
    if (d < 0) throw InvalidArgument("Size " + Str(d) + " of a shape must be non-negative");
  }
  if (NumElements(to) != size(x)) {
    throw InvalidArgument("Input to reshape is a tensor with " + Str(size(x)) +
                          " values, but the requested shape has " + Str(NumElements(to)));
  }
  return Emit(compile::Reshape{}, {x}, dtype(x), std::move(to));
}

Value ProgramBuilder::Broadcast(Value x, Dims to) {
  const Dims& from = dims(x);
  if (from == to) return x;
  const std::optional<Dims> both = BroadcastDims(from, to);
  if (!both || *both != to) {
    throw InvalidArgument("Incompatible shapes: " + ToString(from) + " vs. " + ToString(to));
  }
  return Emit(compile::Broadcast{}, {x}, dtype(x), std::move(to));
}

Value ProgramBuilder::Transpose(Value x, std::vector<int> perm) {
  const Dims& from = dims(x);
  if (perm.size() != from.size()) {
    throw InvalidArgument("transpose expects a vector of size " + Str(rank(x)) +
                          ". But input(1) is a vector of size " +
                          Str(static_cast<int64_t>(perm.size())));
  }
  std::vector<bool> seen(from.size());
  Dims out(from.size());
  bool identity = true;
  for (size_t i = 0; i < perm.size(); ++i) {
    const int axis = perm[i];
    if (axis < 0 || axis >= rank(x)) {
      throw InvalidArgument(Str(axis) + " is out of range [0 .. " + Str(rank(x)) + ")");
    }
    if (seen[axis]) throw InvalidArgument("perm holds axis " + Str(axis) + " twice");
    seen[axis] = true;
    out[i] = from[axis];
    identity &= axis == static_cast<int>(i);
  }
  if (identity) return x;
  return Emit(compile::Transpose{std::move(perm)}, {x}, dtype(x), std::move(out));
}

Value ProgramBuilder::Slice(Value x, Dims begin, Dims size, Dims strides) {
  const Dims& from = dims(x);
  if (begin.size() != from.size() || size.size() != from.size() || strides.size() != from.size()) {
    throw InvalidArgument("Slice: begin, size and strides need one entry for each of " +
                          Str(rank(x)) + " axes");
  }
  bool whole = true;
  for (size_t i = 0; i < from.size(); ++i) {
    if (strides[i] == 0) throw InvalidArgument("slice index " + Str(i) + " has stride 0");
    if (size[i] < 0) throw InvalidArgument("Expected size[" + Str(i) + "] to be non-negative");
    if (size[i] == 0) {
      begin[i] = 0;
      strides[i] = 1;
    } else {
      const bool first_fits = begin[i] >= 0 && begin[i] < from[i];
      // steps that fit behind (or before) the first element
      const int64_t room = !first_fits      ? -1
                           : strides[i] > 0 ? (from[i] - 1 - begin[i]) / strides[i]
                                            : begin[i] / (-(strides[i] + 1) + uint64_t{1});
      if (room < size[i] - 1) {
        throw InvalidArgument("slice of " + Str(size[i]) + " from " + Str(begin[i]) +
                              " in steps of " + Str(strides[i]) + " leaves axis " + Str(i) +
                              " of shape " + ToString(from));
      }
      if (size[i] == 1) strides[i] = 1;
    }
    whole &= begin[i] == 0 && strides[i] == 1 && size[i] == from[i];
  }
  if (whole) return x;
  return Emit(compile::Slice{std::move(begin), std::move(strides)}, {x}, dtype(x), std::move(size));
}

Value ProgramBuilder::Pad(Value x, Value fill, Dims low, Dims high) {
  Dims out = dims(x);
  if (low.size() != out.size() || high.size() != out.size()) {
    throw InvalidArgument("Pad: paddings need one entry for each of " + Str(rank(x)) + " axes");
  }
  if (rank(fill) != 0 || dtype(fill) != dtype(x)) {
    throw InvalidArgument("Pad: the fill must be a scalar of the padded dtype");
  }
  bool none = true;
  for (size_t i = 0; i < out.size(); ++i) {
    if (low[i] < 0 || high[i] < 0) {
      throw InvalidArgument("Paddings must be non-negative: " + Str(low[i]) + " " + Str(high[i]));
    }
    none &= low[i] == 0 && high[i] == 0;
    if (__builtin_add_overflow(out[i], low[i], &out[i]) ||
        __builtin_add_overflow(out[i], high[i], &out[i])) {
      throw InvalidArgument("Pad: the result is too large");
    }
  }
  if (none) return x;
  return Emit(compile::Pad{std::move(low), std::move(high)}, {x, fill}, dtype(x), std::move(out));
}

Value ProgramBuilder::Concat(const std::vector<Value>& xs, int axis) {
  if (xs.empty()) throw InvalidArgument("Concat of nothing");
  CheckAxis("Concat", xs[0], axis);
  Dims out = dims(xs[0]);
  for (size_t i = 1; i < xs.size(); ++i) {
    const Dims& d = dims(xs[i]);
    bool fits = d.size() == out.size() && dtype(xs[i]) == dtype(xs[0]);
    for (size_t j = 0; fits && j < d.size(); ++j) {
      fits = static_cast<int>(j) == axis || d[j] == out[j];
    }
    if (!fits) {
      throw InvalidArgument("ConcatOp : Dimension " + Str(axis) +
                            " in both shapes must be equal: shape[0] = " + ToString(dims(xs[0])) +
                            " vs. shape[" + Str(static_cast<int64_t>(i)) + "] = " + ToString(d));
    }
    if (__builtin_add_overflow(out[axis], d[axis], &out[axis])) {
      throw InvalidArgument("Concat: the result is too large");
    }
  }
  if (xs.size() == 1) return xs[0];
  return Emit(compile::Concat{axis}, xs, dtype(xs[0]), std::move(out));
}

Value ProgramBuilder::Gather(Value params, Value indices, int axis, int batch_dims) {
  CheckAxis("Gather", params, axis);
  if (batch_dims < 0 || batch_dims > axis || batch_dims > rank(indices)) {
    throw InvalidArgument("Gather: batch_dims " + Str(batch_dims) + " does not fit");
  }
  if (!IsInteger(dtype(indices))) throw InvalidArgument("Gather: indices must be integers");
  if (dtype(indices) != DType::kInt32 && dtype(indices) != DType::kInt64) {
    return Gather(params, Cast(indices, DType::kInt64), axis, batch_dims);
  }
  const Dims &p = dims(params), &i = dims(indices);
  if (!std::equal(p.begin(), p.begin() + batch_dims, i.begin())) {
    throw InvalidArgument("params.shape " + ToString(p) + " and indices.shape " + ToString(i) +
                          " differ in the batch axes");
  }
  Dims out(p.begin(), p.begin() + axis);
  out.insert(out.end(), i.begin() + batch_dims, i.end());
  out.insert(out.end(), p.begin() + axis + 1, p.end());
  return Emit(compile::Gather{axis, batch_dims}, {params, indices}, dtype(params), std::move(out));
}

Value ProgramBuilder::GatherNd(Value params, Value indices, int batch_dims) {
  const Dims &p = dims(params), &i = dims(indices);
  if (i.empty()) throw InvalidArgument("indices must be at least a vector");
  if (!IsInteger(dtype(indices))) throw InvalidArgument("GatherNd: indices must be integers");
  if (dtype(indices) != DType::kInt32 && dtype(indices) != DType::kInt64) {
    return GatherNd(params, Cast(indices, DType::kInt64), batch_dims);
  }
  const int64_t depth = i.back();
  if (batch_dims < 0 || batch_dims >= rank(indices) || batch_dims + depth > rank(params)) {
    throw InvalidArgument("index innermost dimension length must be <= params rank; saw: " +
                          Str(depth) + " vs. " + Str(rank(params)));
  }
  if (!std::equal(p.begin(), p.begin() + batch_dims, i.begin())) {
    throw InvalidArgument("GatherNd: the batch axes of params and indices differ");
  }
  Dims out(i.begin(), i.end() - 1);
  out.insert(out.end(), p.begin() + batch_dims + depth, p.end());
  return Emit(compile::GatherNd{batch_dims}, {params, indices}, dtype(params), std::move(out));
}

Value ProgramBuilder::Scatter(ScatterOp op, Value operand, Value indices, Value updates,
                              bool drop_out_of_range) {
  const Dims &o = dims(operand), &i = dims(indices), &u = dims(updates);
  if (i.empty()) throw InvalidArgument("Indices shape must have rank at least one. Found: []");
  if (!IsInteger(dtype(indices))) throw InvalidArgument("Scatter: indices must be integers");
  if (dtype(indices) != DType::kInt32 && dtype(indices) != DType::kInt64) {
    return Scatter(op, operand, Cast(indices, DType::kInt64), updates, drop_out_of_range);
  }
  const int64_t depth = i.back();
  Dims expected(i.begin(), i.end() - 1);
  if (depth <= rank(operand)) expected.insert(expected.end(), o.begin() + depth, o.end());
  if (depth > rank(operand) || expected != u || dtype(updates) != dtype(operand)) {
    throw InvalidArgument("Scatter: updates of shape " + ToString(u) +
                          " do not fit indices of shape " + ToString(i) +
                          " into an operand of shape " + ToString(o));
  }
  const DType type = dtype(operand);
  if (IsHalf(type) && op != ScatterOp::kSet) {
    return Cast(Scatter(op, Cast(operand, DType::kFloat32), indices, Cast(updates, DType::kFloat32),
                        drop_out_of_range),
                type);
  }
  const bool ordered = op == ScatterOp::kMax || op == ScatterOp::kMin;
  if (op != ScatterOp::kSet &&
      !ScalarSupports(ordered ? ScalarOp::kMaximum : ScalarOp::kAdd, type)) {
    throw InvalidArgument(std::string("Scatter is not defined for ") + Name(type));
  }
  return Emit(compile::Scatter{op, drop_out_of_range}, {operand, indices, updates}, type, o);
}

}  // namespace wengert::compile
