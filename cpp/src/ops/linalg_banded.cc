// Systems and products with matrices that are given by their diagonals.
#include <string>
#include <utility>
#include <vector>

#include "ops/linalg_builder.h"
#include "ops/linalg_rules.h"
#include "wengert/builder.h"

namespace wengert::linalg {
namespace {

// --- BandedTriangularSolve --------------------------------------------------------------

void BandedShape(ShapeContext& c) {
  const Matrices a = ReadMatrices(c, 0), b = ReadMatrices(c, 1);
  const int64_t n = c.MergeDims(a.cols, b.rows);
  if (a.rows == 0) c.Fail("Dimension must be at least 1 but is 0");
  if (!a.has_rank || !b.has_rank) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  Dims dims = c.Broadcast(Shape(a.batch), Shape(b.batch)).dims();
  dims.push_back(n);
  dims.push_back(b.cols);
  c.set_output(0, Shape(std::move(dims)));
}

void LowerBanded(LoweringContext& c) {
  const Dims a = MatrixDims(c, 0), b = MatrixDims(c, 1);
  if (a[a.size() - 2] == 0) c.Fail("In[0] must have at least one band");
  if (a.back() != b[b.size() - 2]) {
    c.Fail("In[0] mismatch In[1] shape: " + std::to_string(a.back()) + " vs. " +
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
  LowerSolve(c, MatrixOp::kBandedTriangularSolve, options, {spread(c.x(0), a), spread(c.x(1), b)});
}

// as MatrixTriangularSolve, with dA in the band
std::vector<Grad> BandedGradient(GradientContext& g) {
  Builder& b = g.b;
  const bool adjoint = g.op->bool_attr("adjoint"), lower = g.op->bool_attr("lower");
  const Tensor bands = Slice(b, b.ShapeOf(g.x(0)), {At(-2)});
  const Tensor db =
      b.Op("BandedTriangularSolve", {g.x(0), g.dy()}, {{"lower", lower}, {"adjoint", !adjoint}});
  const Tensor product =
      adjoint ? Product(b, g.y(), db, false, true) : Product(b, db, g.y(), false, true);
  const Tensor full = b.Negative(product);
  const Tensor outermost = b.Subtract(bands, 1);
  std::vector<In> k = {0, outermost};
  if (lower) k = {b.Negative(outermost), 0};
  Tensor da =
      b.Op("MatrixDiagPartV3", {full, std::move(k), 0}, {{"align", "LEFT_RIGHT"}}, "diag_part");
  const Shape& shape = g.x(0).shape();
  // One diagonal comes without the axis of diagonals, which the argument has.
  if (shape.has_rank() && shape.dim(shape.rank() - 2) == 1) da = b.ExpandDims(da, -2);
  return SumBatches(b, g.x(0), g.x(1), da, db);
}

// --- TridiagonalSolve -------------------------------------------------------------------

void TridiagonalSolveShape(ShapeContext& c) {
  const Matrices a = ReadMatrices(c, 0), b = ReadMatrices(c, 1);
  c.MergeDims(a.rows, 3);
  const int64_t n = c.MergeDims(a.cols, b.rows);
  if (!a.has_rank || !b.has_rank) {
    c.set_output(0, c.input(1));
    return;
  }
  Dims dims = c.MergeShapes(Shape(a.batch), Shape(b.batch)).dims();
  dims.push_back(n);
  dims.push_back(b.cols);
  c.set_output(0, Shape(std::move(dims)));
}

void LowerTridiagonalSolve(LoweringContext& c) {
  const Dims a = MatrixDims(c, 0), b = MatrixDims(c, 1);
  const size_t rank = a.size();
  if (b.size() != rank) c.Fail("All input tensors must have the same rank.");
  if (!std::equal(a.begin(), a.end() - 2, b.begin())) {
    c.Fail("All input tensors must have the same outer dimensions.");
  }
  if (a[rank - 2] != 3) {
    c.Fail("Expected diagonals to be provided as a matrix with 3 rows, got " +
           std::to_string(a[rank - 2]) + " rows.");
  }
  if (a[rank - 1] != b[rank - 2]) {
    c.Fail("Expected the same number of left-hand sides and right-hand sides, got " +
           std::to_string(a[rank - 1]) + " and " + std::to_string(b[rank - 2]) + ".");
  }
  MatrixOptions options;
  options.pivoting = c.op.bool_attr("partial_pivoting");
  options.perturb = c.op.bool_attr("perturb_singular");
  if (options.perturb && !options.pivoting) {
    c.Fail("Setting perturb_singular requires pivoting.");
  }
  LowerSolve(c, MatrixOp::kTridiagonalSolve, options, {c.x(0), c.x(1)});
}

// Zeros at one end of an axis: the last one (of vectors) or the one before (of matrices). With a
// static shape they are concatenated, else padded.
class EndPadder {
 public:
  EndPadder(Builder& b, const Tensor& like, bool rows)
      : b_(b), rows_(rows), is_static_(like.shape().fully_defined()) {
    if (is_static_) {
      // One vector or one row of the tensor that is padded.
      Dims dims = like.shape().dims();
      if (rows) {
        dims[dims.size() - 2] = 1;
      } else {
        dims.pop_back();
        dims.back() = 1;
      }
      zeros_ = b.Zeros(dims, like.dtype());
    } else {
      const Tensor untouched = b.Subtract(b.RankOf(like), 2);
      zeros_ = b.Zeros(std::vector<In>{untouched, 2}, DType::kInt32);
    }
  }
  // The element at one end is sliced off x, a zero added at the other.
  Tensor Forward(const Tensor& x, const std::vector<Range>& rest) { return Pad(x, rest, true); }
  Tensor Backward(const Tensor& x, const std::vector<Range>& rest) { return Pad(x, rest, false); }

 private:
  Tensor Pad(const Tensor& x, const std::vector<Range>& ranges, bool at_begin) {
    if (is_static_) {
      const Tensor part = SliceLast(b_, x, ranges);
      const int64_t axis = rows_ ? -2 : -1;
      return at_begin ? b_.Concat({zeros_, part}, axis) : b_.Concat({part, zeros_}, axis);
    }
    const int32_t before = at_begin ? 1 : 0, after = 1 - before;
    const Array own = rows_ ? Array::FromVector<int32_t>({before, after, 0, 0}, {2, 2})
                            : Array::FromVector<int32_t>({before, after}, {1, 2});
    const Tensor paddings = b_.Concat({zeros_, b_.Constant(own)}, 0);
    return b_.Op("Pad", {SliceLast(b_, x, ranges), paddings});
  }

  Builder& b_;
  bool rows_, is_static_;
  Tensor zeros_;
};

// A x = b: db = A^-H dx; the diagonals get those of -db x^H
std::vector<Grad> TridiagonalSolveGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor diagonals = b.Conj(g.x(0)), x = b.Conj(g.y());
  const Tensor main = SliceLast(b, diagonals, {At(1), All()});
  EndPadder vectors(b, diagonals, false);
  const Tensor above = vectors.Backward(diagonals, {At(2), From(1)});
  const Tensor below = vectors.Forward(diagonals, {At(0), To(-1)});
  const Tensor transposed = b.Stack({above, main, below}, -2);
  const Tensor db = b.Op("TridiagonalSolve", {transposed, g.dy()},
                         {{"partial_pivoting", g.op->bool_attr("partial_pivoting")},
                          {"perturb_singular", g.op->bool_attr("perturb_singular")}});
  const Tensor d_main = b.ReduceSum(b.Multiply(db, x), In(-1));
  EndPadder rows(b, x, true);
  const Tensor next = rows.Backward(x, {From(1), All()});
  const Tensor d_above = b.ReduceSum(b.Multiply(db, next), In(-1));
  const Tensor previous = rows.Forward(x, {To(-1), All()});
  const Tensor d_below = b.ReduceSum(b.Multiply(db, previous), In(-1));
  return {b.Negative(b.Stack({d_above, d_main, d_below}, -2)), db};
}

// --- TridiagonalMatMul ------------------------------------------------------------------

void TridiagonalMatMulShape(ShapeContext& c) {
  const Matrices x = ReadMatrices(c, 3);
  Dims batch = x.batch;
  for (int i = 0; i < 3; ++i) {
    const Matrices d = ReadMatrices(c, i);
    if (!d.has_rank) continue;
    c.MergeDims(d.rows, 1);
    c.MergeDims(d.cols, x.rows);
    if (x.has_rank) batch = c.MergeShapes(Shape(batch), Shape(d.batch)).dims();
  }
  c.set_output(0, c.input(3));
}

void LowerTridiagonalMatMul(LoweringContext& c) {
  const Dims x = MatrixDims(c, 3);
  const size_t rank = x.size();
  const int64_t n = x[rank - 2];
  constexpr const char* kNames[] = {"superdiagonal", "maindiagonal", "subdiagonal"};
  Dims column = x;
  column.back() = 1;
  std::vector<Value> diagonals;
  for (int i = 0; i < 3; ++i) {
    const Dims d = MatrixDims(c, i);
    if (d.size() != rank) c.Fail("All input tensors must have the same rank.");
    if (!std::equal(d.begin(), d.end() - 2, x.begin())) {
      c.Fail("All input tensors must have the same outer dimensions.");
    }
    if (d[rank - 2] != 1 || d[rank - 1] != n) {
      c.Fail(std::string("Invalid ") + kNames[i] + " shape.");
    }
    diagonals.push_back(c.b.Reshape(c.x(i), column));
  }
  Value y = c.b.Mul(diagonals[1], c.x(3));
  if (n > 1) {
    // The rows `from` .. of v without one, and with a row of zeros at one end.
    auto part = [&](Value v, int64_t from) {
      Dims begin(rank, 0), size = c.b.dims(v);
      begin[rank - 2] = from;
      size[rank - 2] = n - 1;
      return c.b.Slice(v, std::move(begin), std::move(size), Dims(rank, 1));
    };
    auto extend = [&](Value v, bool before) {
      Dims low(rank, 0), high(rank, 0);
      (before ? low : high)[rank - 2] = 1;
      return c.b.Pad(v, c.b.Scalar(c.dtype(3), 0.0), std::move(low), std::move(high));
    };
    y = c.b.Add(y, extend(c.b.Mul(part(diagonals[0], 0), part(c.x(3), 1)), false));
    y = c.b.Add(y, extend(c.b.Mul(part(diagonals[2], 1), part(c.x(3), 0)), true));
  }
  c.set(y);
}

// x[..., 1:, :] and a row of zeros behind it, or x[..., :-1, :] and one before.
Tensor ShiftRows(Builder& b, const Tensor& x, bool up) {
  const Tensor untouched = b.Subtract(b.RankOf(x), 2);
  const Tensor zeros = b.Zeros(std::vector<In>{untouched, 2}, DType::kInt32);
  const int32_t before = up ? 0 : 1, after = 1 - before;
  const Tensor own = b.Constant(Array::FromVector<int32_t>({before, after, 0, 0}, {2, 2}));
  const Tensor paddings = b.Concat({zeros, own}, 0);
  const Range range = up ? From(1) : To(-1);
  return b.Op("Pad", {SliceLast(b, x, {range, All()}), paddings});
}

// y_i = a_i x_(i+1) + m_i x_i + c_i x_(i-1): da_i = dy_i x_(i+1)^* summed over columns and so on;
// dx = A^H dy
std::vector<Grad> TridiagonalMatMulGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor above = MatrixTranspose(b, g.x(0), true);
  const Tensor main = MatrixTranspose(b, g.x(1), true);
  const Tensor below = MatrixTranspose(b, g.x(2), true);
  const Tensor x = b.Conj(g.x(3)), dy = g.dy();
  const Tensor d_above = b.ReduceSum(b.Multiply(ShiftRows(b, x, true), dy), In(-1));
  const Tensor d_main = b.ReduceSum(b.Multiply(x, dy), In(-1));
  const Tensor d_below = b.ReduceSum(b.Multiply(ShiftRows(b, x, false), dy), In(-1));
  const Tensor from_above = ShiftRows(b, b.Multiply(above, dy), false);
  const Tensor with_main = b.Add(from_above, b.Multiply(main, dy));
  const Tensor dx = b.Add(with_main, ShiftRows(b, b.Multiply(below, dy), true));
  const Tensor da = b.ExpandDims(d_above, -2);
  const Tensor dm = b.ExpandDims(d_main, -2);
  const Tensor dc = b.ExpandDims(d_below, -2);
  return {da, dm, dc, dx};
}

}  // namespace

void RegisterBandedOps(OpRegistry& r) {
  r.Op("BandedTriangularSolve")
      .Input("matrix: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("lower: bool = true")
      .Attr("adjoint: bool = false")
      .Attr(kTypes)
      .Doc("Solutions of triangular systems whose matrices are given by their diagonals")
      .Shape(BandedShape)
      .Gradient(BandedGradient)
      .Lower(LowerBanded);
  r.Op("TridiagonalSolve")
      .Input("diagonals: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("partial_pivoting: bool = true")
      .Attr("perturb_singular: bool = false")
      .Attr(kWideTypes)
      .Doc("Solutions of tridiagonal systems; NaN where the matrix is singular")
      .Shape(TridiagonalSolveShape)
      .Gradient(TridiagonalSolveGradient)
      .Lower(LowerTridiagonalSolve);
  r.Op("TridiagonalMatMul")
      .Input("superdiag: T")
      .Input("maindiag: T")
      .Input("subdiag: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr(kWideTypes)
      .Doc("Products of tridiagonal matrices and matrices")
      .Shape(TridiagonalMatMulShape)
      .Gradient(TridiagonalMatMulGradient)
      .Lower(LowerTridiagonalMatMul);
}

}  // namespace wengert::linalg
