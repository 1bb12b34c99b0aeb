// Simplifier: a builder that looks at how its operands were made before it emits.
//
// Every rule keeps values: exactly, or (sums of broadcasts, powers) within the rounding that
// TensorFlow's own kernels differ by. In particular x + 0 stays (it turns -0 into 0) and so
// does x * 0 (NaN, infinities).
#pragma once

#include <optional>
#include <vector>

#include "compile/program_builder.h"

namespace wengert::compile {

class Simplifier : public ProgramBuilder {
 public:
  using ProgramBuilder::Map;
  Value Map(ScalarOp op, const std::vector<Value>& args) override;
  Value Cast(Value x, DType dtype) override;
  Value Reduce(ReduceOp op, Value x, const std::vector<int>& axes, bool keep_dims) override;
  Value Reshape(Value x, Dims dims) override;
  Value Broadcast(Value x, Dims dims) override;
  Value Transpose(Value x, std::vector<int> perm) override;
  Value Slice(Value x, Dims begin, Dims size, Dims strides) override;
  Value Pad(Value x, Value fill, Dims low, Dims high) override;
  Value Concat(const std::vector<Value>& xs, int axis) override;
  Value Gather(Value params, Value indices, int axis, int batch_dims) override;
  Value MatMul(Value a, Value b, bool transpose_a, bool transpose_b) override;

  // How often the program that is replayed reads `v`, as far as it is known.
  void AddUses(Value v, int n);

 private:
  // Input `i` of the node that made `v`.
  Value In(Value v, int i = 0) const { return node(v).inputs[static_cast<size_t>(i)]; }
  // `v` = op(...): true.
  bool Is(Value v, ScalarOp op) const;
  bool SingleUse(Value v) const;
  // The scalar constant that all elements of `v` are equal to, or null.
  const Array* Splat(Value v) const;
  bool SplatIs(Value v, double value) const;  // +0 and -0 differ
  bool SplatTrue(Value v) const;
  Value SplatOf(const Array& scalar, Dims dims) {
    return Broadcast(Constant(scalar), std::move(dims));
  }
  Value SplatOf(DType dtype, double value, Dims dims) {
    return SplatOf(Array::FromDouble(dtype, value), std::move(dims));
  }
  bool NonNegative(Value v, int depth = 8) const;  // or NaN; not -0

  // Return an unset Value when no rule applies.
  Value HoistBroadcasts(ScalarOp op, const std::vector<Value>& args);
  Value MoveReshapes(ScalarOp op, const std::vector<Value>& args);
  Value FoldScalars(ScalarOp op, const std::vector<Value>& args);
  Value SimplifyUnary(ScalarOp op, Value x);
  Value SimplifyBinary(ScalarOp op, Value x, Value y);
  Value SimplifyAddSub(ScalarOp op, Value x, Value y);
  Value AddSparse(Value x, Value y);
  Value SimplifyMulDiv(ScalarOp op, Value x, Value y);
  Value SimplifyPow(Value x, Value y);
  Value SimplifyLogical(ScalarOp op, Value x, Value y);
  Value SimplifySelect(Value c, Value x, Value y);
  Value ReduceThroughViews(ReduceOp op, Value x, const std::vector<int>& axes);
  Value ReduceOfBroadcast(ReduceOp op, Value x, const std::vector<int>& axes);
  Value ReduceOfMap(ReduceOp op, Value x, const std::vector<int>& axes);
  Value SliceOfParts(Value x, const Dims& begin, const Dims& size, const Dims& strides);

  std::vector<int> uses_;
};

// For a reshape that only inserts or removes axes of length 1: for every axis of `to` the axis
// of `from` that it is, -1 for an inserted one. nullopt for other reshapes.
std::optional<std::vector<int>> MatchSizeOneReshape(const Dims& from, const Dims& to);
// The dims of a broadcast's operand with leading ones, as long as the result's.
Dims AlignedDims(const Dims& from, size_t rank);

}  // namespace wengert::compile
