// What gradient rules of linear algebra write with: the functions of TensorFlow's Python
// interface over matrices, with their names and nodes.
#pragma once

#include <optional>
#include <vector>

#include "wengert/builder.h"
#include "wengert/op_def.h"

namespace wengert::linalg {

// op(a) op(b) of matrices or batches of them.
Tensor Product(Builder& b, const Tensor& x, const Tensor& y, bool adjoint_x = false,
               bool adjoint_y = false);
Tensor Adjoint(Builder& b, const Tensor& x);
Tensor MatrixTranspose(Builder& b, const Tensor& x, bool conjugate);

Tensor Diag(Builder& b, const Tensor& x);
Tensor DiagPart(Builder& b, const Tensor& x);
Tensor SetDiag(Builder& b, const Tensor& x, const Tensor& diagonal);
Tensor BandPart(Builder& b, const Tensor& x, int64_t lower, int64_t upper);
// Identity matrices; no batch shape: a single one.
Tensor Eye(Builder& b, const Tensor& rows, const std::optional<Tensor>& batch, DType dtype);
Tensor TriangularSolve(Builder& b, const Tensor& matrix, const Tensor& rhs, bool lower,
                       bool adjoint);
Tensor CholeskySolve(Builder& b, const Tensor& factor, const Tensor& rhs);

// One axis of a slice: begin and end, absent where the axis is open; an index takes the
// element and the axis away.
struct Range {
  std::optional<int64_t> begin, end;
  bool index = false;
};
inline Range All() {
  return {};
}
inline Range From(int64_t begin) {
  return {begin, {}};
}
inline Range To(int64_t end) {
  return {{}, end};
}
inline Range Between(int64_t begin, int64_t end) {
  return {begin, end};
}
inline Range At(int64_t i) {
  return {i, {}, true};
}
// x[ranges], and x[..., ranges].
Tensor Slice(Builder& b, const Tensor& x, const std::vector<Range>& ranges);
Tensor SliceLast(Builder& b, const Tensor& x, const std::vector<Range>& ranges);

// Gradients of two arguments whose leading axes were broadcast, summed back to their shapes
// unless the static shapes say that there is nothing to sum.
std::vector<Grad> SumBatches(Builder& b, const Tensor& x, const Tensor& y, const Tensor& gx,
                             const Tensor& gy);

// 1 / x where x is not tiny, and about 0 where it is.
Tensor SafeReciprocal(Builder& b, const Tensor& x);
// 1 / (v_j - v_i) for the pairs of a vector's elements, and 0 on the diagonal.
Tensor InverseDifferences(Builder& b, const Tensor& v);

}  // namespace wengert::linalg
