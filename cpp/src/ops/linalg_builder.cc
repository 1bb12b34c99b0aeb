#include "ops/linalg_builder.h"

#include <utility>

#include "ops/broadcast_gradient.h"

namespace wengert::linalg {
namespace {

bool IsBatch(const Tensor& t) {
  return !t.shape().has_rank() || t.shape().rank() > 2;
}

constexpr char kAlign[] = "RIGHT_LEFT";

Tensor SliceWith(Builder& b, const Tensor& x, const std::vector<Range>& ranges, bool last) {
  std::vector<int64_t> begin, end, strides;
  int64_t begin_mask = 0, end_mask = 0, shrink_mask = 0;
  if (last) {
    begin.push_back(0);
    end.push_back(0);
    strides.push_back(1);
  }
  for (const Range& range : ranges) {
    const int64_t bit = int64_t{1} << begin.size();
    begin.push_back(range.begin.value_or(0));
    end.push_back(range.index ? *range.begin + 1 : range.end.value_or(0));
    strides.push_back(1);
    if (!range.begin) begin_mask |= bit;
    if (range.index) {
      shrink_mask |= bit;
    } else if (!range.end) {
      end_mask |= bit;
    }
  }
  const Builder::Scope scope = b.NameScope("strided_slice");
  std::vector<Tensor> parts;
  for (const std::vector<int64_t>* part : {&begin, &end, &strides}) {
    std::vector<int32_t> values(part->begin(), part->end());
    parts.push_back(b.Constant(Array::Vector(values), "stack"));
  }
  return b.Op("StridedSlice", {x, parts[0], parts[1], parts[2]},
              {{"begin_mask", begin_mask},
               {"end_mask", end_mask},
               {"ellipsis_mask", int64_t{last ? 1 : 0}},
               {"shrink_axis_mask", shrink_mask}},
              scope.path());
}

}  // namespace

Tensor Product(Builder& b, const Tensor& x, const Tensor& y, bool adjoint_x, bool adjoint_y) {
  const Builder::Scope scope = b.NameScope("MatMul");
  if (IsBatch(x) || IsBatch(y)) {
    return b.Op("BatchMatMulV2", {x, y}, {{"adj_x", adjoint_x}, {"adj_y", adjoint_y}},
                scope.path());
  }
  const Tensor left = adjoint_x ? b.Conj(x) : x;
  const Tensor right = adjoint_y ? b.Conj(y) : y;
  return b.Op("MatMul", {left, right}, {{"transpose_a", adjoint_x}, {"transpose_b", adjoint_y}},
              scope.path());
}

Tensor Adjoint(Builder& b, const Tensor& x) {
  const Builder::Scope scope = b.NameScope("adjoint");
  return MatrixTranspose(b, x, true);
}

Tensor MatrixTranspose(Builder& b, const Tensor& x, bool conjugate) {
  const Builder::Scope scope = b.NameScope("matrix_transpose");
  const char* type = conjugate && IsComplex(x.dtype()) ? "ConjugateTranspose" : "Transpose";
  if (x.shape().has_rank()) {
    const int64_t rank = x.shape().rank();
    std::vector<int64_t> perm;
    for (int64_t i = 0; i < rank - 2; ++i) perm.push_back(i);
    perm.push_back(rank - 1);
    perm.push_back(rank - 2);
    return b.Op(type, {x, perm}, {}, "transpose");
  }
  const Tensor rank = b.RankOf(x);
  const Tensor leading = b.Op("Range", {0, b.Subtract(rank, 2), 1});
  const Tensor last = b.Subtract(rank, 1), previous = b.Subtract(rank, 2);
  const Tensor perm = b.Concat({leading, In(std::vector<In>{last, previous})}, 0);
  return b.Op(type, {x, perm}, {}, "transpose");
}

Tensor Diag(Builder& b, const Tensor& x) {
  return b.Op("MatrixDiagV3", {x, 0, -1, -1, 0}, {{"align", kAlign}}, "diag");
}

Tensor DiagPart(Builder& b, const Tensor& x) {
  return b.Op("MatrixDiagPartV3", {x, 0, 0}, {{"align", kAlign}}, "diag_part");
}

Tensor SetDiag(Builder& b, const Tensor& x, const Tensor& diagonal) {
  return b.Op("MatrixSetDiagV3", {x, diagonal, 0}, {{"align", kAlign}}, "set_diag");
}

Tensor BandPart(Builder& b, const Tensor& x, int64_t lower, int64_t upper) {
  return b.Op("MatrixBandPart", {x, lower, upper});
}

Tensor Eye(Builder& b, const Tensor& rows, const std::optional<Tensor>& batch, DType dtype) {
  const Builder::Scope scope = b.NameScope("eye");
  const Tensor size = b.Op("Minimum", {rows, rows});
  const Tensor leading = batch ? *batch : b.Constant(Array(DType::kInt32, {0}), "shape");
  const Tensor shape = b.Concat({leading, In(std::vector<In>{size})}, 0);
  return Diag(b, b.Ones(shape, dtype));
}

Tensor TriangularSolve(Builder& b, const Tensor& matrix, const Tensor& rhs, bool lower,
                       bool adjoint) {
  const Builder::Scope scope = b.NameScope("triangular_solve");
  return b.Op("MatrixTriangularSolve", {matrix, rhs}, {{"lower", lower}, {"adjoint", adjoint}});
}

Tensor CholeskySolve(Builder& b, const Tensor& factor, const Tensor& rhs) {
  const Builder::Scope scope = b.NameScope("cholesky_solve");
  const Tensor y = b.Op("MatrixTriangularSolve", {factor, rhs}, {{"adjoint", false}});
  return b.Op("MatrixTriangularSolve", {factor, y}, {{"adjoint", true}});
}

Tensor Slice(Builder& b, const Tensor& x, const std::vector<Range>& ranges) {
  return SliceWith(b, x, ranges, false);
}

Tensor SliceLast(Builder& b, const Tensor& x, const std::vector<Range>& ranges) {
  return SliceWith(b, x, ranges, true);
}

std::vector<Grad> SumBatches(Builder& b, const Tensor& x, const Tensor& y, const Tensor& gx,
                             const Tensor& gy) {
  const wengert::Shape &sx = x.shape(), &sy = y.shape();
  if (sx.fully_defined() && sy.fully_defined() && sx.rank() == sy.rank() &&
      std::equal(sx.dims().begin(), sx.dims().end() - 2, sy.dims().begin())) {
    return {gx, gy};
  }
  const Tensor shape_x = b.ShapeOf(x);
  const Tensor shape_y = b.ShapeOf(y);
  const Tensor batch_x = Slice(b, shape_x, {To(-2)});
  const Tensor batch_y = Slice(b, shape_y, {To(-2)});
  const BroadcastAxes axes = BroadcastGradientArgs(b, batch_x, batch_y);
  const Tensor dx = SumAndReshape(b, gx, axes.x, shape_x);
  const Tensor dy = SumAndReshape(b, gy, axes.y, shape_y);
  return {dx, dy};
}

Tensor SafeReciprocal(Builder& b, const Tensor& x) {
  // x / (x^2 + tiny), which stays finite where x is 0.
  const Tensor square = b.Multiply(x, x);
  const Tensor inverse = b.Op("Reciprocal", {b.Add(square, 1e-20)});
  return b.Multiply(x, inverse);
}

Tensor InverseDifferences(Builder& b, const Tensor& v) {
  const Tensor row = b.ExpandDims(v, -2);
  const Tensor column = b.ExpandDims(v, -1);
  const Tensor inverse = SafeReciprocal(b, b.Subtract(row, column));
  const Tensor zeros = b.ZerosLike(v);
  return SetDiag(b, inverse, zeros);
}

}  // namespace wengert::linalg
