// Singular value decomposition.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ops/broadcast_gradient.h"
#include "ops/linalg_builder.h"
#include "ops/linalg_rules.h"
#include "wengert/builder.h"

namespace wengert::linalg {
namespace {

void SvdShape(ShapeContext& c) {
  const Matrices a = ReadMatrices(c, 0);
  const int64_t rank = MinDim(a.rows, a.cols);
  c.set_output(0, WithBatch(a, {rank}));
  if (!c.attr("compute_uv").as<bool>()) {
    c.set_output(1, Shape{0});
    c.set_output(2, Shape{0});
    return;
  }
  const bool full = c.attr("full_matrices").as<bool>();
  c.set_output(1, WithBatch(a, {a.rows, full ? a.rows : rank}));
  c.set_output(2, WithBatch(a, {a.cols, full ? a.cols : rank}));
}

// A = U S V^H: dA = U dS V^H
Tensor ValuesGradient(GradientContext& g, const Tensor& ds) {
  Operation* svd = g.b.AddOp("Svd", {g.x(0)}, {{"compute_uv", true}});
  const Tensor s = svd->output(0), u = svd->output(1), v = svd->output(2);
  if (IsComplex(s.dtype())) g.b.Op("Real", {s}, {{"Tout", RealDType(s.dtype())}});
  return Product(g.b, u, Product(g.b, ds, v, false, true));
}

// A = U S V^H, m x n with m <= n, and F_ij = 1 / (s_j^2 - s_i^2):
//   dA = U [dS + (J + J^H) S + S (K + K^H)] V^H + U S^-1 dV^H (1 - V V^H)
//   with J = F (U^H dU), K = F (V^H dV) element by element, all V of its first m columns; the
//   further ones, V2, subtract V^H dV2 V2^H in the last term. For complex matrices, where factors
//   are unique up to phases, U S^-1 (L^H - L) V^H / 2 is added, L the diagonal of V^H dV.
class FactorsGradient {
 public:
  FactorsGradient(GradientContext& g, const Tensor& ds, int64_t rows, int64_t cols)
      : g_(g), b_(g.b), ds_(ds), m_(std::min(rows, cols)), n_(std::max(rows, cols)) {
    // Of a tall matrix the adjoint is taken.
    const bool tall = rows > cols;
    u_ = g.y(tall ? 2 : 1);
    v_ = g.y(tall ? 1 : 2);
    du_ = g.dy(tall ? 2 : 1);
    dv_ = g.dy(tall ? 1 : 2);
    adjoint_ = tall;
  }

  Tensor Compute() {
    const bool full = g_.op->bool_attr("full_matrices") && m_ != n_;
    if (full && n_ - m_ > 1) {
      throw Error(ErrorKind::kNotImplementedError,
                  "svd gradient is not implemented for abs(m - n) > 1 when full_matrices is True. "
                  "Received: m=" +
                      std::to_string(m_) + " and n=" + std::to_string(n_) + " in " + g_.op->name());
    }
    const Tensor s = g_.y(0);
    s_matrix_ = Diag(b_, s);
    const Tensor squares = b_.Op("Square", {s});
    const Tensor shape = b_.ShapeOf(s);
    const Tensor f = InverseDifferences(b_, squares);
    const Tensor s_inverse = Diag(b_, SafeReciprocal(b_, s));
    v1_ = SliceLast(b_, v_, {All(), To(m_)});
    dv1_ = SliceLast(b_, dv_, {All(), To(m_)});
    const Tensor udu = Product(b_, u_, du_, true);
    const Tensor vdv = Product(b_, v1_, dv1_, true);
    Tensor da = InnerTerm(b_.Multiply(f, udu), b_.Multiply(f, vdv));
    if (m_ != n_) da = b_.Add(da, OuterTerm(s_inverse, full));
    if (IsComplex(s.dtype())) da = b_.Add(da, PhaseTerm(s_inverse, shape, vdv));
    return adjoint_ ? MatrixTranspose(b_, da, true) : da;
  }

 private:
  Tensor InnerTerm(const Tensor& j, const Tensor& k) {
    const Tensor j_both = b_.Add(j, Adjoint(b_, j));
    const Tensor with_j = b_.Add(ds_, Product(b_, j_both, s_matrix_));
    const Tensor k_both = b_.Add(k, Adjoint(b_, k));
    const Tensor inner = b_.Add(with_j, Product(b_, s_matrix_, k_both));
    return Product(b_, u_, Product(b_, inner, v1_, false, true));
  }

  Tensor OuterTerm(const Tensor& s_inverse, bool full) {
    const Tensor dvt = MatrixTranspose(b_, dv1_, true);
    const Tensor dvt_v = Product(b_, dvt, v1_);
    Tensor rest = b_.Subtract(dvt, Product(b_, dvt_v, v1_, false, true));
    if (full) {
      const Tensor v2 = SliceLast(b_, v_, {All(), Between(m_, n_)});
      const Tensor dv2 = SliceLast(b_, dv_, {All(), Between(m_, n_)});
      const Tensor v1_dv2 = Product(b_, v1_, dv2, true);
      rest = b_.Subtract(rest, Product(b_, v1_dv2, v2, false, true));
    }
    const Tensor u_s = Product(b_, u_, s_inverse);
    return Product(b_, u_s, rest);
  }

  Tensor PhaseTerm(const Tensor& s_inverse, const Tensor& shape, const Tensor& vdv) {
    const Tensor size = Slice(b_, shape, {At(-1)});
    const Tensor batch = Slice(b_, shape, {To(-1)});
    const Tensor l = b_.Multiply(Eye(b_, size, batch, vdv.dtype()), vdv);
    const Tensor imaginary = b_.Subtract(Adjoint(b_, l), l);
    const Tensor scaled = Product(b_, s_inverse, imaginary);
    const Tensor term = Product(b_, u_, Product(b_, scaled, v1_, false, true));
    return b_.Multiply(0.5, term);
  }

  GradientContext& g_;
  Builder& b_;
  Tensor ds_, u_, v_, du_, dv_, v1_, dv1_, s_matrix_;
  int64_t m_, n_;
  bool adjoint_ = false;
};

std::vector<Grad> SvdGradient(GradientContext& g) {
  const Shape shape = g.x(0).shape();
  const Tensor ds = Diag(g.b, g.dy(0));
  if (!g.op->bool_attr("compute_uv")) return {ValuesGradient(g, ds)};
  const int64_t rows = shape.has_rank() ? shape.dim(shape.rank() - 2) : kUnknownDim;
  const int64_t cols = shape.has_rank() ? shape.dim(shape.rank() - 1) : kUnknownDim;
  if (rows < 0 || cols < 0) {
    throw Error(ErrorKind::kNotImplementedError,
                "SVD gradient has not been implemented for input with unknown inner matrix shape: "
                "give `input` of " +
                    g.op->name() + " static lengths in its last two axes. Its shape is " +
                    shape.ToPython());
  }
  auto after =
      g.b.ControlDependencies({Producer(g.grad(0)), Producer(g.grad(1)), Producer(g.grad(2))});
  return {FactorsGradient(g, ds, rows, cols).Compute()};
}

}  // namespace

void RegisterSvdOps(OpRegistry& r) {
  r.Op("Svd")
      .Input("input: T")
      .Output("s: T")
      .Output("u: T")
      .Output("v: T")
      .Attr("compute_uv: bool = true")
      .Attr("full_matrices: bool = false")
      .Attr(kTypes)
      .Doc("Singular values, largest first, and singular vectors")
      .Shape(SvdShape)
      .Gradient(SvdGradient)
      .Lower([](LoweringContext& c) {
        MatrixDims(c, 0);
        MatrixOptions options;
        options.vectors = c.op.bool_attr("compute_uv");
        options.full = c.op.bool_attr("full_matrices");
        c.out = Decompose(c, MatrixOp::kSvd, options);
      });
}

}  // namespace wengert::linalg
