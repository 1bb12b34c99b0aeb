#include "ops/linalg_rules.h"

#include <algorithm>
#include <utility>

#include "ops/register.h"

namespace wengert {
namespace linalg {

Matrices ReadMatrices(ShapeContext& c, int input) {
  const Shape shape = c.WithRankAtLeast(input, 2);
  Matrices m;
  if (!shape.has_rank()) return m;
  m.has_rank = true;
  m.batch = Dims(shape.dims().begin(), shape.dims().end() - 2);
  m.rows = shape.dim(shape.rank() - 2);
  m.cols = shape.dim(shape.rank() - 1);
  return m;
}

Matrices ReadSquare(ShapeContext& c, int input) {
  Matrices m = ReadMatrices(c, input);
  m.rows = m.cols = c.MergeDims(m.rows, m.cols);
  return m;
}

Shape WithBatch(const Matrices& m, const Dims& own) {
  if (!m.has_rank) return Shape::Unknown();
  Dims dims = m.batch;
  dims.insert(dims.end(), own.begin(), own.end());
  return Shape(std::move(dims));
}

void SquareShape(ShapeContext& c) {
  const Matrices m = ReadSquare(c, 0);
  c.set_output(0, WithBatch(m, {m.rows, m.rows}));
}

void DeterminantShape(ShapeContext& c) {
  const Matrices m = ReadSquare(c, 0);
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, WithBatch(m, {}));
}

Dims MatrixDims(LoweringContext& c, int i) {
  Dims dims = c.dims(i);
  if (dims.size() < 2) {
    c.Fail("Input tensor " + std::to_string(i) + " must have rank >= 2, got " +
           std::to_string(dims.size()));
  }
  return dims;
}

Dims SquareDims(LoweringContext& c, int i) {
  Dims dims = MatrixDims(c, i);
  if (dims[dims.size() - 2] != dims.back()) c.Fail("Input matrix must be square.");
  return dims;
}

namespace {

Value Wide(LoweringContext& c, Value v) {
  const DType dtype = c.b.dtype(v);
  const bool narrow = dtype == DType::kFloat16 || dtype == DType::kBFloat16;
  return narrow ? c.b.Cast(v, DType::kFloat32) : v;
}

}  // namespace

std::vector<Value> Decompose(LoweringContext& c, MatrixOp op, const MatrixOptions& options) {
  std::vector<Value> out = MatrixKernel(c.b, op, {Wide(c, c.x(0))}, options);
  for (Value& v : out) v = c.b.Cast(v, c.dtype(0));
  return out;
}

void LowerSolve(LoweringContext& c, MatrixOp op, const MatrixOptions& options,
                std::vector<Value> args) {
  const DType dtype = c.b.dtype(args[1]);
  for (size_t i = 0; i < 2; ++i) args[i] = Wide(c, args[i]);
  c.set(c.b.Cast(MatrixKernel(c.b, op, args, options)[0], dtype));
}

int64_t MinDim(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  return a < 0 || b < 0 ? kUnknownDim : std::min(a, b);
}

}  // namespace linalg

void RegisterLinalgOps(OpRegistry& r) {
  linalg::RegisterSolveOps(r);
  linalg::RegisterBandedOps(r);
  linalg::RegisterLeastSquaresOps(r);
  linalg::RegisterQrOps(r);
  linalg::RegisterSvdOps(r);
  linalg::RegisterEigenOps(r);
  linalg::RegisterMatrixFunctionOps(r);
}

}  // namespace wengert
