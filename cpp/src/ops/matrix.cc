// Bands, diagonals of tensors, and vector products.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ops/matrix_diagonals.h"
#include "ops/register.h"
#include "wengert/builder.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

constexpr char kDiagTypes[] =
    "T: {bfloat16, half, float, double, int32, int64, complex64, complex128}";

// --- MatrixBandPart ---------------------------------------------------------------------

void LowerMatrixBandPart(LoweringContext& c) {
  const Dims dims = c.dims(0);
  if (dims.size() < 2) c.Fail("input must be at least 2-dim, received shape: " + ToString(dims));
  const int64_t rows = dims[dims.size() - 2], cols = dims.back();
  const int64_t lower = matrix::ScalarInt(c, 1), upper = matrix::ScalarInt(c, 2);
  if (lower > rows) {
    c.Fail("num_lower must be negative or less or equal to number of rows (" +
           std::to_string(rows) + ") got: " + std::to_string(lower));
  }
  if (upper > cols) {
    c.Fail("num_upper must be negative or less or equal to number of columns (" +
           std::to_string(cols) + ") got: " + std::to_string(upper));
  }
  if (lower < 0 && upper < 0) {
    c.set(c.x(0));
    return;
  }
  const Value row = c.b.Reshape(c.b.Iota(DType::kInt64, rows), {rows, 1});
  const Value col = c.b.Reshape(c.b.Iota(DType::kInt64, cols), {1, cols});
  const Value below = c.b.Sub(row, col);
  Value inside;
  if (lower >= 0) inside = c.b.Map(ScalarOp::kLessEqual, below, static_cast<double>(lower));
  if (upper >= 0) {
    const Value fits = c.b.Map(ScalarOp::kGreaterEqual, below, static_cast<double>(-upper));
    inside = inside ? c.b.Map(ScalarOp::kAnd, inside, fits) : fits;
  }
  c.set(c.b.Select(inside, c.x(0), c.b.Scalar(c.dtype(0), 0.0)));
}

// --- Diag, DiagPart ---------------------------------------------------------------------

void DiagShape(ShapeContext& c) {
  const Shape x = c.WithRankAtLeast(0, 1);
  if (!x.has_rank()) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  Dims dims = x.dims();
  dims.insert(dims.end(), x.dims().begin(), x.dims().end());
  c.set_output(0, Shape(std::move(dims)));
}

void LowerDiag(LoweringContext& c) {
  Dims dims = c.dims(0);
  const Value flat = c.b.Reshape(c.x(0), {NumElements(dims)});
  const Value matrix = matrix::EmbedDiagonal(c.b, flat, c.b.Scalar(c.dtype(0), 0.0));
  const Dims twice = dims;
  dims.insert(dims.end(), twice.begin(), twice.end());
  c.set(c.b.Reshape(matrix, std::move(dims)));
}

std::string OddRank(size_t rank) {
  return "Input must have even and non-zero rank, input rank is " + std::to_string(rank);
}

void DiagPartShape(ShapeContext& c) {
  const Shape& x = c.input(0);
  if (!x.has_rank()) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  if (x.rank() == 0 || x.rank() % 2 != 0) c.Fail(OddRank(x.rank()));
  const int half = x.rank() / 2;
  Dims dims;
  for (int i = 0; i < half; ++i) dims.push_back(c.MergeDims(x.dim(i), x.dim(i + half)));
  c.set_output(0, Shape(std::move(dims)));
}

void LowerDiagPart(LoweringContext& c) {
  const Dims dims = c.dims(0);
  if (dims.empty() || dims.size() % 2 != 0) c.Fail(OddRank(dims.size()));
  const size_t half = dims.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    if (dims[i] != dims[i + half]) {
      c.Fail("Invalid shape " + ToString(dims) + ": dimensions " + std::to_string(i) + " and " +
             std::to_string(i + half) + " do not match.");
    }
  }
  const Dims out(dims.begin(), dims.begin() + half);
  const int64_t n = NumElements(out);
  const Value square = c.b.Reshape(c.x(0), {n, n});
  c.set(c.b.Reshape(matrix::TakeDiagonal(c.b, square, 0), out));
}

// --- Cross ------------------------------------------------------------------------------

void CrossShape(ShapeContext& c) {
  const Shape a = c.WithRankAtLeast(0, 1), b = c.WithRankAtLeast(1, 1);
  const Shape shape = c.MergeShapes(a, b);
  if (shape.has_rank()) {
    const int64_t length = shape.dim(shape.rank() - 1);
    if (length >= 0 && length != 3) {
      c.Fail("Dimension must be 3 but is " + std::to_string(length));
    }
  }
  c.set_output(0, shape);
}

void LowerCross(LoweringContext& c) {
  const Dims dims = c.dims(0);
  if (dims != c.dims(1)) {
    c.Fail("Both inputs must be of same shape: " + ToString(dims) + " vs. " + ToString(c.dims(1)));
  }
  if (dims.empty() || dims.back() != 3) {
    throw FailedPrecondition("Cross-products are only defined for 3-element vectors.");
  }
  const int axis = static_cast<int>(dims.size()) - 1;
  auto component = [&](int input, int64_t i) {
    Dims begin(dims.size(), 0), size = dims;
    begin[axis] = i;
    size[axis] = 1;
    return c.b.Slice(c.x(input), std::move(begin), std::move(size), Dims(dims.size(), 1));
  };
  std::vector<Value> parts;
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t j = (i + 1) % 3, k = (i + 2) % 3;
    const Value plus = c.b.Mul(component(0, j), component(1, k));
    const Value minus = c.b.Mul(component(0, k), component(1, j));
    parts.push_back(c.b.Sub(plus, minus));
  }
  c.set(c.b.Concat(parts, axis));
}

}  // namespace

void RegisterMatrixOps(OpRegistry& r) {
  matrix::RegisterDiagonalOps(r);
  r.Op("MatrixBandPart")
      .Input("input: T")
      .Input("num_lower: Tindex")
      .Input("num_upper: Tindex")
      .Output("band: T")
      .Attr("T: type")
      .Attr("Tindex: {int32, int64} = int64")
      .Doc("Matrices with 0 outside a central band; a negative width keeps that whole side")
      .Shape(shape_rules::Unchanged)
      // y = x inside the band: dx = dy inside the band
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {g.b.Op("MatrixBandPart", {g.dy(), g.x(1), g.x(2)}), Grad(), Grad()};
      })
      .Lower(LowerMatrixBandPart);
  r.Op("Diag")
      .Input("diagonal: T")
      .Output("output: T")
      .Attr(kDiagTypes)
      .Doc("Tensor of twice the rank with the given diagonal and 0 elsewhere")
      .Shape(DiagShape)
      // y[i, i] = x[i]: dx[i] = dy[i, i]
      .Gradient(
          [](GradientContext& g) -> std::vector<Grad> { return {g.b.Op("DiagPart", {g.dy()})}; })
      .Lower(LowerDiag);
  r.Op("DiagPart")
      .Input("input: T")
      .Output("diagonal: T")
      .Attr(kDiagTypes)
      .Doc("Diagonal of a tensor whose shape is some shape twice over")
      .Shape(DiagPartShape)
      // y[i] = x[i, i]: dx[i, i] = dy[i]
      .Gradient([](GradientContext& g) -> std::vector<Grad> { return {g.b.Op("Diag", {g.dy()})}; })
      .Lower(LowerDiagPart);
  r.Op("Cross")
      .Input("a: T")
      .Input("b: T")
      .Output("product: T")
      .Attr(
          "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, "
          "uint64}")
      .Doc("Cross products of vectors of three components")
      .Shape(CrossShape)
      // z = a x b: da = b x dz, db = dz x a
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const Tensor dz = g.dy();
        const Tensor da = g.b.Op("Cross", {g.x(1), dz});
        const Tensor db = g.b.Op("Cross", {dz, g.x(0)});
        return {da, db};
      })
      .Lower(LowerCross);
}

}  // namespace wengert
