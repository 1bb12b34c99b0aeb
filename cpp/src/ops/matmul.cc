// Products of matrices and of batches of matrices.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/broadcast_gradient.h"
#include "ops/register.h"
#include "wengert/builder.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

// --- shapes -----------------------------------------------------------------------------

void MatMulShape(ShapeContext& c) {
  const Shape a = c.WithRank(0, 2), b = c.WithRank(1, 2);
  const bool ta = c.attr("transpose_a").as<bool>(), tb = c.attr("transpose_b").as<bool>();
  c.MergeDims(a.dim(ta ? 0 : 1), b.dim(tb ? 1 : 0));
  c.set_output(0, Shape{a.dim(ta ? 1 : 0), b.dim(tb ? 0 : 1)});
}

Shape Leading(const Shape& shape) {
  return Shape(Dims(shape.dims().begin(), shape.dims().end() - 2));
}

void BatchShape(ShapeContext& c, bool broadcast) {
  const Shape x = c.WithRankAtLeast(0, 2), y = c.WithRankAtLeast(1, 2);
  if (!x.has_rank() || !y.has_rank()) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  const bool ax = c.attr("adj_x").as<bool>(), ay = c.attr("adj_y").as<bool>();
  const int rx = x.rank(), ry = y.rank();
  const Shape bx = Leading(x), by = Leading(y);
  Dims dims = (broadcast ? c.Broadcast(bx, by) : c.MergeShapes(bx, by)).dims();
  c.MergeDims(x.dim(ax ? rx - 2 : rx - 1), y.dim(ay ? ry - 1 : ry - 2));
  dims.push_back(x.dim(ax ? rx - 1 : rx - 2));
  dims.push_back(y.dim(ay ? ry - 2 : ry - 1));
  c.set_output(0, Shape(std::move(dims)));
}

// --- lowering ---------------------------------------------------------------------------

// The 16-bit floating dtypes have no product of their own.
DType ComputeDType(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16 ? DType::kFloat32 : dtype;
}

Value Product(LoweringContext& c, Value x, Value y, bool transpose_x, bool transpose_y, DType out) {
  const DType compute = ComputeDType(out);
  x = c.b.Cast(x, compute);
  y = c.b.Cast(y, compute);
  return c.b.Cast(c.b.MatMul(x, y, transpose_x, transpose_y), out);
}

void LowerMatMul(LoweringContext& c) {
  const Dims a = c.dims(0), b = c.dims(1);
  const bool ta = c.op.bool_attr("transpose_a"), tb = c.op.bool_attr("transpose_b");
  if (a.size() != b.size()) {
    c.Fail("In[0] and In[1] has different ndims: " + ToString(a) + " vs. " + ToString(b));
  }
  if (a.size() != 2) {
    c.Fail("In[0] and In[1] must be matrices, but are " + ToString(a) + " and " + ToString(b));
  }
  if (a[ta ? 0 : 1] != b[tb ? 1 : 0]) {
    c.Fail("Matrix size-incompatible: In[0]: " + ToString(a) + ", In[1]: " + ToString(b));
  }
  c.set(Product(c, c.x(0), c.x(1), ta, tb, c.dtype(0)));
}

void LowerBatchMatMul(LoweringContext& c, bool broadcast, DType out) {
  const Dims x = c.dims(0), y = c.dims(1);
  if (x.size() < 2 || y.size() < 2) {
    const int bad = x.size() < 2 ? 0 : 1;
    c.Fail("In[" + std::to_string(bad) +
           "] ndims must be >= 2: " + std::to_string(c.dims(bad).size()));
  }
  const Dims bx(x.begin(), x.end() - 2), by(y.begin(), y.end() - 2);
  if (broadcast ? !BroadcastDims(bx, by) : bx != by) {
    c.Fail("In[0] and In[1] must have compatible batch dimensions: " + ToString(x) + " vs. " +
           ToString(y));
  }
  const bool ax = c.op.bool_attr("adj_x"), ay = c.op.bool_attr("adj_y");
  if (x[x.size() - (ax ? 2 : 1)] != y[y.size() - (ay ? 1 : 2)]) {
    c.Fail("Matrix size-incompatible: In[0]: " + ToString(x) + ", In[1]: " + ToString(y));
  }
  auto operand = [&c](int i, bool adjoint) {
    return adjoint && IsComplex(c.dtype(i)) ? c.b.Map(ScalarOp::kConj, c.x(i)) : c.x(i);
  };
  const Value vx = operand(0, ax), vy = operand(1, ay);
  c.set(Product(c, vx, vy, ax, ay, out));
}

// --- gradients --------------------------------------------------------------------------

// One factor's gradient is a product of the other factor (`left` or `right`) and the incoming
// gradient; which goes first and what is transposed depends on how the forward op read them.
struct Factors {
  Grad left, right;
  bool transpose_left = false, transpose_right = false;
};

// da for op(a) op(b)
Factors FirstFactor(const Grad& dz, const Tensor& b, bool ta, bool tb) {
  if (!ta) return {dz, b, false, !tb};
  return {b, dz, tb, true};
}

// db for op(a) op(b)
Factors SecondFactor(const Grad& dz, const Tensor& a, bool ta, bool tb) {
  if (!tb) return {a, dz, !ta, false};
  return {dz, a, true, ta};
}

// c = op(a) op(b), op transposing or not: da = dc op(b)^H (transposed back where a was), db =
// op(a)^H dc likewise
std::vector<Grad> MatMulGradient(GradientContext& g) {
  const Grad& dz = g.grad();
  const bool ta = g.op->bool_attr("transpose_a"), tb = g.op->bool_attr("transpose_b");
  const Tensor a = g.b.Conj(g.x(0));
  const Tensor b = g.b.Conj(g.x(1));
  auto product = [&g](const Factors& f, const char* which) -> Grad {
    return GradOp(
        g.b, "MatMul", {f.left, f.right}, "",
        {{"transpose_a", f.transpose_left}, {"transpose_b", f.transpose_right}, {which, true}});
  };
  Grad da, db;
  if (g.wants(0)) da = product(FirstFactor(dz, b, ta, tb), "grad_a");
  if (g.wants(1)) db = product(SecondFactor(dz, a, ta, tb), "grad_b");
  return {da, db};
}

bool IsBatch(const Tensor& t) {
  return !t.shape().has_rank() || t.shape().rank() > 2;
}

// The matmul function of the Python API with adjoint flags: two matrices take the plain
// product, whose transposes do not conjugate.
Tensor AdjointProduct(Builder& b, const Factors& f, bool first) {
  Builder::Scope scope = b.NameScope("MatMul");
  const Tensor left = f.left.is_slices() ? b.Dense(f.left, "a") : f.left.tensor();
  const Tensor right = f.right.is_slices() ? b.Dense(f.right, "b") : f.right.tensor();
  if (IsBatch(left) || IsBatch(right)) {
    return b.Op("BatchMatMulV2", {left, right},
                {{"adj_x", f.transpose_left},
                 {"adj_y", f.transpose_right},
                 {first ? "grad_x" : "grad_y", true}},
                scope.path());
  }
  const Tensor x = f.transpose_left ? b.Conj(left) : left;
  const Tensor y = f.transpose_right ? b.Conj(right) : right;
  return b.Op("MatMul", {x, y},
              {{"transpose_a", f.transpose_left},
               {"transpose_b", f.transpose_right},
               {first ? "grad_a" : "grad_b", true}},
              scope.path());
}

struct BatchGradients {
  Tensor x, y;
};

BatchGradients AdjointProducts(GradientContext& g) {
  const Grad& dz = g.grad();
  const bool ax = g.op->bool_attr("adj_x"), ay = g.op->bool_attr("adj_y");
  const Tensor gx = AdjointProduct(g.b, FirstFactor(dz, g.x(1), ax, ay), true);
  const Tensor gy = AdjointProduct(g.b, SecondFactor(dz, g.x(0), ax, ay), false);
  return {gx, gy};
}

// as MatMul, per batch entry
std::vector<Grad> BatchMatMulGradient(GradientContext& g) {
  const BatchGradients grads = AdjointProducts(g);
  return {grads.x, grads.y};
}

// True when the static shapes rule out that a batch dimension was broadcast.
bool SameBatch(const Shape& x, const Shape& y) {
  if (!x.has_rank() || !y.has_rank()) return false;
  if (x.rank() <= 2 && y.rank() <= 2) return true;
  if (x.rank() < 2 || y.rank() < 2) return false;
  const Shape bx = Leading(x), by = Leading(y);
  return bx.fully_defined() && bx == by;
}

// as MatMul, per batch entry; what was broadcast is summed again
std::vector<Grad> BatchMatMulV2Gradient(GradientContext& g) {
  const Tensor x = g.x(0), y = g.x(1);
  const BatchGradients grads = AdjointProducts(g);
  if (SameBatch(x.shape(), y.shape())) return {grads.x, grads.y};
  const Tensor sx = g.b.ShapeOf(x);
  const Tensor sy = g.b.ShapeOf(y);
  const std::vector<int64_t> begin{0}, end{-2}, step{1};
  const Tensor bx = g.b.StridedSlice(sx, begin, end, step, /*begin_mask=*/1);
  const Tensor by = g.b.StridedSlice(sy, begin, end, step, /*begin_mask=*/1);
  const BroadcastAxes axes = BroadcastGradientArgs(g.b, bx, by);
  const Tensor dx = SumAndReshape(g.b, grads.x, axes.x, sx);
  const Tensor dy = SumAndReshape(g.b, grads.y, axes.y, sy);
  return {dx, dy};
}

// --- registration -------------------------------------------------------------------------

OpDef& BatchAttrs(OpDef& op) {
  return op.Attr("adj_x: bool = false")
      .Attr("adj_y: bool = false")
      .Attr("grad_x: bool = false")
      .Attr("grad_y: bool = false");
}

void RegisterBatchMatMul(OpRegistry& r) {
  BatchAttrs(r.Op("BatchMatMul")
                 .Input("x: T")
                 .Input("y: T")
                 .Output("output: T")
                 .Attr("T: {bfloat16, half, float, double, int32, int64, complex64, complex128}"))
      .Doc("Products of two batches of matrices of one batch shape")
      .Shape([](ShapeContext& c) { BatchShape(c, false); })
      .Gradient(BatchMatMulGradient)
      .Lower([](LoweringContext& c) { LowerBatchMatMul(c, false, c.dtype(0)); });
  BatchAttrs(r.Op("BatchMatMulV2")
                 .Input("x: T")
                 .Input("y: T")
                 .Output("output: T")
                 .Attr("T: {bfloat16, half, float, double, int16, int32, int64, uint8, uint16, "
                       "uint32, uint64, complex64, complex128}"))
      .Doc("Products of two batches of matrices, whose batch shapes broadcast")
      .Shape([](ShapeContext& c) { BatchShape(c, true); })
      .Gradient(BatchMatMulV2Gradient)
      .Lower([](LoweringContext& c) { LowerBatchMatMul(c, true, c.dtype(0)); });
  constexpr char kFactor[] =
      ": {bfloat16, half, float, double, uint8, int8, int16, int32, int64, complex64, complex128}";
  BatchAttrs(r.Op("BatchMatMulV3")
                 .Input("x: Ta")
                 .Input("y: Tb")
                 .Output("output: Tout")
                 .Attr(std::string("Ta") + kFactor)
                 .Attr(std::string("Tb") + kFactor)
                 .Attr("Tout: {bfloat16, half, float, double, int16, int32, int64, complex64, "
                       "complex128}"))
      .Doc("Products of two batches of matrices in a dtype of their own")
      .Shape([](ShapeContext& c) { BatchShape(c, true); })
      .Gradient(BatchMatMulV2Gradient)
      .Lower([](LoweringContext& c) { LowerBatchMatMul(c, true, c.op.type_attr("Tout")); });
}

}  // namespace

void RegisterMatmulOps(OpRegistry& r) {
  r.Op("MatMul")
      .Input("a: T")
      .Input("b: T")
      .Output("product: T")
      .Attr("transpose_a: bool = false")
      .Attr("transpose_b: bool = false")
      .Attr(
          "T: {bfloat16, half, float, double, int32, int64, uint8, uint16, uint32, uint64, "
          "complex64, complex128}")
      .Attr("grad_a: bool = false")
      .Attr("grad_b: bool = false")
      .Doc("Product of two matrices, each transposed on request")
      .Shape(MatMulShape)
      .Gradient(MatMulGradient)
      .Lower(LowerMatMul);
  RegisterBatchMatMul(r);
}

}  // namespace wengert
