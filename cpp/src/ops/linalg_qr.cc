// QR and LU decompositions.
#include <utility>
#include <vector>

#include "ops/linalg_builder.h"
#include "ops/linalg_rules.h"
#include "wengert/builder.h"

namespace wengert::linalg {
namespace {

void QrShape(ShapeContext& c) {
  const Matrices a = ReadMatrices(c, 0);
  const bool full = c.attr("full_matrices").as<bool>();
  const int64_t inner = full ? a.rows : MinDim(a.rows, a.cols);
  c.set_output(0, WithBatch(a, {a.rows, inner}));
  c.set_output(1, WithBatch(a, {inner, a.cols}));
}

// (R^-1 X^H)^H = X R^-H
Tensor SolveRight(Builder& b, const Tensor& r, const Tensor& x) {
  return Adjoint(b, TriangularSolve(b, r, Adjoint(b, x), false, false));
}

// A = Q R with square R. With the antisymmetric M = (Q^H dQ - dQ^H Q) + (R dR^H - dR R^H) and L its
// lower triangle: dA = Q (dR + L R^-H) + (dQ - Q Q^H dQ) R^-H. For complex matrices the diagonal of
// R is real, which adds Q D^H R^-H, D the imaginary part of the diagonal of R dR^H - dQ^H Q.
Tensor SquareQrGradient(Builder& b, const Tensor& q, const Tensor& r, const Tensor& dq,
                        const Tensor& dr) {
  const Tensor qdq = Product(b, q, dq, true);
  const Tensor from_q = b.Subtract(qdq, Adjoint(b, qdq));
  const Tensor rdr = Product(b, r, dr, false, true);
  const Tensor from_r = b.Subtract(rdr, Adjoint(b, rdr));
  const Tensor lower = BandPart(b, b.Add(from_q, from_r), -1, 0);
  const Tensor inner = b.Add(dr, SolveRight(b, r, lower));
  const Tensor in_range = Product(b, q, inner);
  const Tensor off_range = b.Subtract(dq, Product(b, q, qdq));
  Tensor da = b.Add(in_range, SolveRight(b, r, off_range));
  if (!IsComplex(q.dtype())) return da;
  const Tensor difference = b.Subtract(rdr, Adjoint(b, qdq));
  const Tensor zeros = b.ZerosLike(r);
  const Tensor diagonal = SetDiag(b, zeros, DiagPart(b, difference));
  const Tensor real = b.Cast(b.Op("Real", {diagonal}, {{"Tout", RealDType(q.dtype())}}), q.dtype());
  const Tensor imaginary = b.Subtract(diagonal, real);
  return b.Add(da, SolveRight(b, r, Product(b, q, Adjoint(b, imaginary))));
}

std::vector<Grad> QrGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor q = g.y(0), r = g.y(1);
  const Shape shape = r.shape();
  const int64_t rows = shape.has_rank() ? shape.dim(shape.rank() - 2) : kUnknownDim;
  const int64_t cols = shape.has_rank() ? shape.dim(shape.rank() - 1) : kUnknownDim;
  auto fail = [&](const std::string& why) {
    throw Error(ErrorKind::kNotImplementedError, "QrGrad not implemented " + why +
                                                     ". Received r.shape: " + shape.ToPython() +
                                                     " in " + g.op->name());
  };
  if (rows < 0 || cols < 0) fail("with dynamic shapes");
  if (rows > cols) fail("when nrows > ncols and full_matrices is true");
  if (rows == cols) return {SquareQrGradient(b, q, r, g.dy(0), g.dy(1))};
  if (IsComplex(q.dtype())) fail("for complex matrices with nrows < ncols");
  // A = [X, Y] = Q [U, V]: Y enters as V = Q^H Y alone, so that dY = Q dV, and Q gets Y dV^H more
  const Tensor y = SliceLast(b, g.x(0), {All(), From(rows)});
  const Tensor u = SliceLast(b, r, {All(), To(rows)});
  const Tensor dv = SliceLast(b, g.dy(1), {All(), From(rows)});
  const Tensor du = SliceLast(b, g.dy(1), {All(), To(rows)});
  const Tensor dy = Product(b, q, dv);
  const Tensor dq = b.Add(g.dy(0), Product(b, y, dv, false, true));
  const Tensor dx = SquareQrGradient(b, q, u, dq, du);
  return {b.Concat({dx, dy}, -1)};
}

void LuShape(ShapeContext& c) {
  const Matrices a = ReadSquare(c, 0);
  c.set_output(0, WithBatch(a, {a.rows, a.rows}));
  c.set_output(1, WithBatch(a, {a.rows}));
}

}  // namespace

void RegisterQrOps(OpRegistry& r) {
  r.Op("Qr")
      .Input("input: T")
      .Output("q: T")
      .Output("r: T")
      .Attr("full_matrices: bool = false")
      .Attr(kTypes)
      .Doc("Products of matrices with orthonormal columns and upper triangular ones")
      .Shape(QrShape)
      .Gradient(QrGradient)
      .Lower([](LoweringContext& c) {
        MatrixDims(c, 0);
        MatrixOptions options;
        options.full = c.op.bool_attr("full_matrices");
        c.out = Decompose(c, MatrixOp::kQr, options);
      });
  r.Op("Lu")
      .Input("input: T")
      .Output("lu: T")
      .Output("p: output_idx_type")
      .Attr("output_idx_type: {int32, int64} = int32")
      .Attr(kTypes)
      .Doc("Triangular factors of matrices whose rows are permuted, packed into one matrix")
      .Shape(LuShape)
      .NoGradient()
      .Lower([](LoweringContext& c) {
        SquareDims(c, 0);
        const DType dtype = c.dtype(0);
        const bool narrow = dtype == DType::kFloat16;
        const Value x = narrow ? c.b.Cast(c.x(0), DType::kFloat32) : c.x(0);
        const std::vector<Value> out = MatrixKernel(c.b, MatrixOp::kLu, {x});
        c.out = {c.b.Cast(out[0], dtype), c.b.Cast(out[1], c.op.type_attr("output_idx_type"))};
      });
}

}  // namespace wengert::linalg
