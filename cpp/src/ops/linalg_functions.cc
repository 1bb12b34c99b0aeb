// Square roots and logarithms of matrices.
#include <utility>
#include <vector>

#include "ops/linalg_builder.h"
#include "ops/linalg_rules.h"
#include "wengert/builder.h"

namespace wengert::linalg {
namespace {

using Ins = std::vector<In>;

// shape[:-2]
Tensor LeadingAxes(Builder& b, const Tensor& shape) {
  const Tensor count = b.Op("Sub", {b.SizeOf(shape), 2});
  return b.Op("Slice", {shape, std::vector<int64_t>{0}, Ins{count}});
}

// The Kronecker products of two batches of square matrices.
Tensor Kronecker(Builder& b, const Tensor& x, const Tensor& y) {
  const Tensor shape_x = b.ShapeOf(x);
  const Tensor shape_y = b.ShapeOf(y);
  const Tensor n = Slice(b, shape_x, {At(-1)});
  const Tensor k = Slice(b, shape_y, {At(-1)});
  const Tensor batch = LeadingAxes(b, shape_x);
  const std::vector<int64_t> one{1};
  const Tensor outer = b.Concat({batch, Ins{n}, one, Ins{n}, one}, 0);
  const Tensor inner = b.Concat({batch, one, Ins{k}, one, Ins{k}}, 0);
  const Tensor outer_x = b.Reshape(x, outer);
  const Tensor inner_y = b.Reshape(y, inner);
  const Tensor size = b.Multiply(n, k);
  const Tensor shape = b.Concat({batch, Ins{size}, Ins{size}}, 0);
  return b.Reshape(b.Multiply(outer_x, inner_y), shape);
}

// S S = A: X = dA solves S^H X + X S^H = dS, written as one system for the vector of the elements
// of the transpose: (1 kron S^H + S^* kron 1) vec(X^T) = vec(dS^T)
std::vector<Grad> SquareRootGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor s = b.Conj(g.y());
  const Tensor shape = b.ShapeOf(g.y());
  const Tensor n = Slice(b, shape, {At(-1)});
  const Tensor count = b.ReduceProd(Slice(b, shape, {Between(0, -2)}));
  const Tensor eye = Eye(b, n, {}, s.dtype());
  const Tensor flat = b.Reshape(eye, std::vector<int64_t>{-1});
  const Tensor tiled = b.Tile(flat, Ins{count});
  const Tensor identities = b.Reshape(tiled, shape);
  const Tensor transposed = MatrixTranspose(b, s, false);
  const Tensor right = Kronecker(b, identities, transposed);
  const Tensor left = Kronecker(b, s, identities);
  const Tensor system = b.Op("AddV2", {right, left}, {}, "Add");
  const Tensor batch = LeadingAxes(b, shape);
  const Tensor elements = b.Multiply(n, n);
  const Tensor vector = b.Concat({batch, Ins{elements}, std::vector<int64_t>{1}}, 0);
  const Tensor rhs = b.Reshape(MatrixTranspose(b, g.dy(), false), vector);
  const Tensor solution = b.Op("MatrixSolve", {system, rhs});
  return {MatrixTranspose(b, b.Reshape(solution, shape), false)};
}

}  // namespace

void RegisterMatrixFunctionOps(OpRegistry& r) {
  r.Op("MatrixSquareRoot")
      .Input("input: T")
      .Output("output: T")
      .Attr(kTypes)
      .Doc("Principal square roots of matrices, NaN where there are none")
      .Shape(SquareShape)
      .Gradient(SquareRootGradient)
      .Lower([](LoweringContext& c) {
        SquareDims(c, 0);
        c.out = Decompose(c, MatrixOp::kSquareRoot);
      });
  r.Op("MatrixLogarithm")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: {complex64, complex128}")
      .Doc("Principal logarithms of complex matrices")
      .Shape(SquareShape)
      .NoGradient()
      .Lower([](LoweringContext& c) {
        SquareDims(c, 0);
        c.out = Decompose(c, MatrixOp::kLogarithm);
      });
}

}  // namespace wengert::linalg
