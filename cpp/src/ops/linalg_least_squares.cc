// Least squares.
#include <utility>
#include <vector>

#include "ops/linalg_builder.h"
#include "ops/linalg_rules.h"
#include "wengert/builder.h"

namespace wengert::linalg {
namespace {

void LeastSquaresShape(ShapeContext& c) {
  const Matrices a = ReadMatrices(c, 0), b = ReadMatrices(c, 1);
  c.WithRank(2, 0);
  c.MergeDims(a.rows, b.rows);
  if (!a.has_rank || !b.has_rank) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  Dims dims = c.MergeShapes(Shape(a.batch), Shape(b.batch)).dims();
  dims.push_back(a.cols);
  dims.push_back(b.cols);
  c.set_output(0, Shape(std::move(dims)));
}

void LowerLeastSquares(LoweringContext& c) {
  const Dims a = MatrixDims(c, 0), b = MatrixDims(c, 1);
  const size_t rank = a.size();
  if (!c.dims(2).empty()) c.Fail("l2_regularizer must be scalar, got shape " + ToString(c.dims(2)));
  if (b.size() != rank) c.Fail("All input tensors must have the same rank.");
  if (!std::equal(a.begin(), a.end() - 2, b.begin())) {
    c.Fail("All input tensors must have the same outer dimensions.");
  }
  if (a[rank - 2] != b[rank - 2]) c.Fail("Input matrix and rhs are incompatible.");
  MatrixOptions options;
  options.fast = c.op.bool_attr("fast");
  LowerSolve(c, MatrixOp::kLeastSquares, options, {c.x(0), c.x(1), c.x(2)});
}

// A^H A + l2, or A A^H + l2 for wide matrices, factored.
Tensor RegularisedFactor(GradientContext& g, bool tall) {
  Builder& b = g.b;
  const Tensor a = g.x(0);
  const Tensor gram = Product(b, a, a, tall, !tall);
  const Tensor shape = b.ShapeOf(a);
  const Tensor batch = Slice(b, shape, {To(-2)});
  const Tensor size = Slice(b, shape, {At(tall ? -1 : -2)});
  const Tensor weight = b.Cast(g.x(2), a.dtype());
  const Tensor identity = Eye(b, size, batch, a.dtype());
  const Tensor ridge = b.Multiply(weight, identity);
  return b.Op("Cholesky", {b.Add(gram, ridge)});
}

// Tall: X = (A^H A + l2)^-1 A^H B. With Z = (A^H A + l2)^-1 dX: dA = B Z^H - A (X Z^H + Z X^H),
// dB = A Z
std::vector<Grad> OverdeterminedGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor a = g.x(0), x = g.y();
  const Tensor z = CholeskySolve(b, RegularisedFactor(g, true), g.dy());
  const Tensor half = Product(b, x, z, false, true);
  const Tensor both = b.Add(half, MatrixTranspose(b, half, true));
  const Tensor from_a = b.Negative(Product(b, a, both));
  const Tensor from_b = Product(b, g.x(1), z, false, true);
  const Tensor da = b.Add(from_a, from_b);
  const Tensor db = Product(b, a, z);
  return {da, db, Grad()};
}

// Wide: X = A^H (A A^H + l2)^-1 B. With Z = (A A^H + l2)^-1 A dX = dB and W = (A A^H + l2)^-1 B:
// dA = W (dX - A^H Z)^H - Z (W^H A)
std::vector<Grad> UnderdeterminedGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor a = g.x(0);
  const Tensor factor = RegularisedFactor(g, false);
  const Tensor db = CholeskySolve(b, factor, Product(b, a, g.dy()));
  const Tensor w = CholeskySolve(b, factor, g.x(1));
  const Tensor first = b.Negative(Product(b, db, Product(b, w, a, true)));
  const Tensor rest = b.Subtract(g.dy(), Product(b, a, db, true));
  const Tensor da = b.Add(first, Product(b, w, rest, false, true));
  return {da, db, Grad()};
}

std::vector<Grad> LeastSquaresGradient(GradientContext& g) {
  if (!g.op->bool_attr("fast")) {
    throw ValueError("Gradient not defined for fast=False");
  }
  const Shape shape = g.x(0).shape();
  const int64_t rows = shape.has_rank() ? shape.dim(shape.rank() - 2) : kUnknownDim;
  const int64_t cols = shape.has_rank() ? shape.dim(shape.rank() - 1) : kUnknownDim;
  if (rows < 0 || cols < 0) {
    throw Error(ErrorKind::kNotImplementedError,
                "The gradient of MatrixSolveLs (" + g.op->name() +
                    ") needs to know which of the last two axes of `matrix` is longer: give them "
                    "static lengths, with tf.ensure_shape for instance. Its shape is " +
                    shape.ToPython());
  }
  return rows >= cols ? OverdeterminedGradient(g) : UnderdeterminedGradient(g);
}

}  // namespace

void RegisterLeastSquaresOps(OpRegistry& r) {
  r.Op("MatrixSolveLs")
      .Input("matrix: T")
      .Input("rhs: T")
      .Input("l2_regularizer: double")
      .Output("output: T")
      .Attr(kTypes)
      .Attr("fast: bool = true")
      .Doc("Solutions of systems of linear equations in the sense of least squares")
      .Shape(LeastSquaresShape)
      .Gradient(LeastSquaresGradient)
      .Lower(LowerLeastSquares);
}

}  // namespace wengert::linalg
