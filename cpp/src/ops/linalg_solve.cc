// Cholesky factors, inverses, determinants, solutions of systems.
#include <string>
#include <utility>
#include <vector>

#include "ops/linalg_builder.h"
#include "ops/linalg_rules.h"
#include "wengert/builder.h"

namespace wengert::linalg {
namespace {

// --- shapes -----------------------------------------------------------------------------

void SolveShape(ShapeContext& c) {
  const Matrices a = ReadSquare(c, 0), b = ReadMatrices(c, 1);
  c.MergeDims(a.rows, b.rows);
  if (!a.has_rank || !b.has_rank) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  Dims dims = c.MergeShapes(Shape(a.batch), Shape(b.batch)).dims();
  dims.push_back(c.MergeDims(a.rows, b.rows));
  dims.push_back(b.cols);
  c.set_output(0, Shape(std::move(dims)));
}

void TriangularSolveShape(ShapeContext& c) {
  const Matrices a = ReadSquare(c, 0), b = ReadMatrices(c, 1);
  const int64_t rows = c.MergeDims(a.rows, b.rows);
  if (!a.has_rank || !b.has_rank) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  Dims dims = c.Broadcast(Shape(a.batch), Shape(b.batch)).dims();
  dims.push_back(rows);
  dims.push_back(b.cols);
  c.set_output(0, Shape(std::move(dims)));
}

// --- lowering ---------------------------------------------------------------------------

void LowerMatrixSolve(LoweringContext& c) {
  const Dims a = MatrixDims(c, 0), b = MatrixDims(c, 1);
  if (a.size() != b.size()) c.Fail("All input tensors must have the same rank.");
  const size_t rank = a.size();
  if (a[rank - 2] != a[rank - 1]) c.Fail("First input (lhs) must be a square matrix.");
  if (!std::equal(a.begin(), a.end() - 2, b.begin())) {
    c.Fail("All input tensors must have the same outer dimensions.");
  }
  if (a[rank - 1] != b[rank - 2]) c.Fail("Input matrix and rhs are incompatible.");
  MatrixOptions options;
  options.adjoint = c.op.bool_attr("adjoint");
  LowerSolve(c, MatrixOp::kSolve, options, {c.x(0), c.x(1)});
}

void LowerTriangularSolve(LoweringContext& c) {
  const Dims a = c.dims(0), b = c.dims(1);
  for (int i = 0; i < 2; ++i) {
    const size_t rank = c.dims(i).size();
    if (rank < 2) {
      c.Fail("In[" + std::to_string(i) + "] ndims must be >= 2: " + std::to_string(rank));
    }
  }
  const int64_t n = a.back();
  if (a[a.size() - 2] != n) {
    c.Fail("In[0] matrices in the last dimensions must be square (" + std::to_string(n) +
           " =/= " + std::to_string(a[a.size() - 2]) + ")");
  }
  if (b[b.size() - 2] != n) {
    c.Fail("In[0] mismatch In[1] shape: " + std::to_string(n) + " vs. " +
           std::to_string(b[b.size() - 2]) + ": " + ToString(a) + " " + ToString(b));
  }
  const auto batch = BroadcastDims(Dims(a.begin(), a.end() - 2), Dims(b.begin(), b.end() - 2));
  if (!batch) {
    c.Fail("In[0] and In[1] must have compatible batch dimensions: " + ToString(a) + " vs. " +
           ToString(b));
  }
  auto spread = [&](Value v, const Dims& own) {
    Dims dims = *batch;
    dims.insert(dims.end(), own.end() - 2, own.end());
    return c.b.Broadcast(v, std::move(dims));
  };
  MatrixOptions options;
  options.lower = c.op.bool_attr("lower");
  options.adjoint = c.op.bool_attr("adjoint");
  LowerSolve(c, MatrixOp::kTriangularSolve, options, {spread(c.x(0), a), spread(c.x(1), b)});
}

// --- gradients --------------------------------------------------------------------------

// A = L L^H: dA = 1/2 (S + S^H) with S = L^-H phi(L^H dL) L^-1, where phi takes the lower
// triangle and half the diagonal
std::vector<Grad> CholeskyGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor l = g.y();
  const Tensor n = Slice(b, b.ShapeOf(l), {At(-1)});
  const Tensor batch = Slice(b, b.ShapeOf(l), {To(-2)});
  const Tensor inverse = TriangularSolve(b, l, Eye(b, n, batch, l.dtype()), true, false);
  Tensor middle = Product(b, l, g.dy(), true);
  middle = SetDiag(b, middle, b.Multiply(0.5, DiagPart(b, middle)));
  middle = BandPart(b, middle, -1, 0);
  const Tensor left = Product(b, inverse, middle, true);
  const Tensor s = Product(b, left, inverse);
  return {b.Multiply(b.Add(s, Adjoint(b, s)), 0.5)};
}

// Y = A^-1: dA = -Y^H dY Y^H; Y = A^-H: dA = -Y dY^H Y
std::vector<Grad> InverseGradient(GradientContext& g) {
  const bool adjoint = g.op->bool_attr("adjoint");
  const Tensor inner = Product(g.b, g.dy(), g.y(), adjoint, !adjoint);
  return {g.b.Negative(Product(g.b, g.y(), inner, !adjoint))};
}

// Brings one number per matrix to the rank of the matrices and multiplies them by it.
Tensor ScaleMatrices(Builder& b, const Tensor& numbers, const Tensor& shaped, const Tensor& x) {
  const Tensor ones = b.ShapeOf(shaped);
  const Tensor shape = b.Concat({ones, std::vector<int64_t>{1, 1}}, 0);
  return b.Multiply(b.Reshape(numbers, shape), x);
}

// y = det A: dA = dy conj(y) A^-H
std::vector<Grad> DeterminantGradient(GradientContext& g) {
  const Tensor inverse = g.b.Op("MatrixInverse", {g.x(0)}, {{"adjoint", true}});
  const Tensor scale = g.b.Multiply(g.dy(), g.b.Conj(g.y()));
  return {ScaleMatrices(g.b, scale, g.y(), inverse)};
}

// y = log |det A|: dA = dy A^-H; the sign is locally constant for real matrices
std::vector<Grad> LogDeterminantGradient(GradientContext& g) {
  const Tensor inverse = g.b.Op("MatrixInverse", {g.x(0)}, {{"adjoint", true}});
  return {ScaleMatrices(g.b, g.dy(1), g.y(1), inverse)};
}

// op(A) X = B: dB = op(A)^-H dX; dA = -dB X^H, or where op is the adjoint -X dB^H
std::vector<Grad> SolveGradient(GradientContext& g) {
  const bool adjoint = g.op->bool_attr("adjoint");
  const Tensor db = g.b.Op("MatrixSolve", {g.x(0), g.dy()}, {{"adjoint", !adjoint}});
  const Tensor da =
      adjoint ? Product(g.b, g.y(), db, false, true) : Product(g.b, db, g.y(), false, true);
  return {g.b.Negative(da), db};
}

// as MatrixSolve, with dA in the triangle
std::vector<Grad> TriangularSolveGradient(GradientContext& g) {
  const bool adjoint = g.op->bool_attr("adjoint"), lower = g.op->bool_attr("lower");
  const Tensor db = TriangularSolve(g.b, g.x(0), g.dy(), lower, !adjoint);
  const Tensor product =
      adjoint ? Product(g.b, g.y(), db, false, true) : Product(g.b, db, g.y(), false, true);
  const Tensor full = g.b.Negative(product);
  const Tensor da = BandPart(g.b, full, lower ? -1 : 0, lower ? 0 : -1);
  return SumBatches(g.b, g.x(0), g.x(1), da, db);
}

}  // namespace

void RegisterSolveOps(OpRegistry& r) {
  r.Op("Cholesky")
      .Input("input: T")
      .Output("output: T")
      .Attr(kTypes)
      .Doc("Lower triangular factors of positive definite matrices, NaN for others")
      .Shape(SquareShape)
      .Gradient(CholeskyGradient)
      .Lower([](LoweringContext& c) {
        SquareDims(c, 0);
        c.out = Decompose(c, MatrixOp::kCholesky);
      });
  r.Op("MatrixInverse")
      .Input("input: T")
      .Output("output: T")
      .Attr("adjoint: bool = false")
      .Attr(kTypes)
      .Doc("Inverses of matrices or of their adjoints")
      .Shape(SquareShape)
      .Gradient(InverseGradient)
      .Lower([](LoweringContext& c) {
        SquareDims(c, 0);
        MatrixOptions options;
        options.adjoint = c.op.bool_attr("adjoint");
        c.out = Decompose(c, MatrixOp::kInverse, options);
      });
  r.Op("MatrixDeterminant")
      .Input("input: T")
      .Output("output: T")
      .Attr(kTypes)
      .Doc("Determinants of matrices")
      .Shape(DeterminantShape)
      .Gradient(DeterminantGradient)
      .Lower([](LoweringContext& c) {
        SquareDims(c, 0);
        c.out = Decompose(c, MatrixOp::kDeterminant);
      });
  r.Op("LogMatrixDeterminant")
      .Input("input: T")
      .Output("sign: T")
      .Output("log_abs_determinant: T")
      .Attr(kTypes)
      .Doc("Signs of determinants and logarithms of their absolute values")
      .Shape(DeterminantShape)
      .Gradient(LogDeterminantGradient)
      .Lower([](LoweringContext& c) {
        SquareDims(c, 0);
        c.out = Decompose(c, MatrixOp::kLogDeterminant);
      });
  r.Op("MatrixSolve")
      .Input("matrix: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("adjoint: bool = false")
      .Attr(kTypes)
      .Doc("Solutions of systems of linear equations")
      .Shape(SolveShape)
      .Gradient(SolveGradient)
      .Lower(LowerMatrixSolve);
  r.Op("MatrixTriangularSolve")
      .Input("matrix: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("lower: bool = true")
      .Attr("adjoint: bool = false")
      .Attr("T: {bfloat16, double, float, half, complex64, complex128}")
      .Doc("Solutions of triangular systems of linear equations, whose batch shapes broadcast")
      .Shape(TriangularSolveShape)
      .Gradient(TriangularSolveGradient)
      .Lower(LowerTriangularSolve);
}

}  // namespace wengert::linalg
