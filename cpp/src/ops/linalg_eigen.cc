// Eigenvalues and eigenvectors.
#include <string>
#include <utility>
#include <vector>

#include "ops/broadcast_gradient.h"
#include "ops/linalg_builder.h"
#include "ops/linalg_rules.h"
#include "wengert/builder.h"

namespace wengert::linalg {
namespace {

void EigenShape(ShapeContext& c) {
  const Matrices a = ReadSquare(c, 0);
  c.set_output(0, WithBatch(a, {a.rows}));
  c.set_output(1, c.attr("compute_v").as<bool>() ? WithBatch(a, {a.rows, a.rows}) : Shape{0});
}

// --- SelfAdjointEigV2 -------------------------------------------------------------------

// A = V E V^H. With F_ij = 1 / (e_j - e_i): dA = V (dE + F (V^H dV)) V^H, and since only the lower
// triangle of A is read, G + G^H in it, half of that on the diagonal
std::vector<Grad> SymmetricGradient(GradientContext& g) {
  Builder& b = g.b;
  auto after = b.ControlDependencies({Producer(g.grad(0)), Producer(g.grad(1))});
  Tensor da;
  if (g.op->bool_attr("compute_v")) {
    const Tensor e = g.y(0), v = g.y(1);
    const Tensor f = InverseDifferences(b, e);
    const Tensor de = Diag(b, g.dy(0));
    const Tensor inner = b.Add(de, b.Multiply(f, Product(b, v, g.dy(1), true)));
    da = Product(b, v, Product(b, inner, v, false, true));
  } else {
    Operation* eigen = b.AddOp("SelfAdjointEigV2", {g.x(0)}, {{"compute_v", true}});
    const Tensor v = eigen->output(1);
    da = Product(b, v, Product(b, Diag(b, g.dy(0)), v, false, true));
  }
  const Tensor lower = BandPart(b, b.Add(da, Adjoint(b, da)), -1, 0);
  return {SetDiag(b, lower, b.Multiply(0.5, DiagPart(b, lower)))};
}

// --- Eig --------------------------------------------------------------------------------

// A V = V E with columns of V of norm 1. With F_ij = 1 / (e_j - e_i) and W = V^H dV:
// dA = V^-H (dE + F^* (W - V^H V Re diag W)) V^H
std::vector<Grad> EigGradient(GradientContext& g) {
  Builder& b = g.b;
  auto after = b.ControlDependencies({Producer(g.grad(0)), Producer(g.grad(1))});
  Tensor inner, vt;
  if (g.op->bool_attr("compute_v")) {
    const Tensor e = g.y(0), v = g.y(1);
    vt = Adjoint(b, v);
    const Tensor f = b.Conj(InverseDifferences(b, e));
    const Tensor w = Product(b, vt, g.dy(1));
    const Tensor de = Diag(b, g.dy(0));
    const Tensor real = b.Cast(b.Op("Real", {w}, {{"Tout", RealDType(w.dtype())}}), w.dtype());
    const Tensor scale = Diag(b, DiagPart(b, real));
    const Tensor along = Product(b, Product(b, vt, v), scale);
    inner = b.Add(de, b.Multiply(f, b.Subtract(w, along)));
  } else {
    Operation* eigen =
        b.AddOp("Eig", {g.x(0)}, {{"compute_v", true}, {"Tout", g.op->type_attr("Tout")}});
    vt = Adjoint(b, eigen->output(1));
    inner = Diag(b, g.dy(0));
  }
  const Tensor right = Product(b, inner, vt);
  const Tensor da = b.Op("MatrixSolve", {vt, right});
  return {b.Cast(da, g.x(0).dtype())};
}

void LowerEig(LoweringContext& c) {
  SquareDims(c, 0);
  const DType tout = c.op.type_attr("Tout"), real = RealDType(c.dtype(0));
  const DType expected = real == DType::kFloat64 ? DType::kComplex128 : DType::kComplex64;
  if (tout != expected) {
    c.Fail("Invalid output dtype " + std::to_string(static_cast<int>(tout)) + " vs " +
           std::to_string(static_cast<int>(expected)));
  }
  MatrixOptions options;
  options.vectors = c.op.bool_attr("compute_v");
  c.out = MatrixKernel(c.b, MatrixOp::kEigen, {c.x(0)}, options);
}

}  // namespace

void RegisterEigenOps(OpRegistry& r) {
  r.Op("SelfAdjointEigV2")
      .Input("input: T")
      .Output("e: T")
      .Output("v: T")
      .Attr("compute_v: bool = true")
      .Attr(kTypes)
      .Doc("Eigenvalues, smallest first, and eigenvectors of Hermitian matrices")
      .Shape(EigenShape)
      .Gradient(SymmetricGradient)
      .Lower([](LoweringContext& c) {
        SquareDims(c, 0);
        MatrixOptions options;
        options.vectors = c.op.bool_attr("compute_v");
        c.out = Decompose(c, MatrixOp::kEigenSymmetric, options);
      });
  r.Op("Eig")
      .Input("input: T")
      .Output("e: Tout")
      .Output("v: Tout")
      .Attr("compute_v: bool = true")
      .Attr(kWideTypes)
      .Attr("Tout: {complex64, complex128}")
      .Doc("Complex eigenvalues and eigenvectors of square matrices")
      .Shape(EigenShape)
      .Gradient(EigGradient)
      .Lower(LowerEig);
}

}  // namespace wengert::linalg
