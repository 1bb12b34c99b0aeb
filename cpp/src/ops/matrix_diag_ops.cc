// Matrices made of diagonals, and the diagonals of matrices.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/matrix_diagonals.h"
#include "ops/shape_util.h"
#include "wengert/builder.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

using matrix::Band;

constexpr char kAlign[] =
    "align: {'LEFT_RIGHT', 'RIGHT_LEFT', 'LEFT_LEFT', 'RIGHT_RIGHT'} = 'RIGHT_LEFT'";

// The size of a matrix given its packed diagonals and what was asked for (-1: whatever fits;
// if nothing was asked for, a square one). Returns what is wrong.
std::optional<std::string> SetSize(Band* band, int64_t length, int64_t rows, int64_t cols) {
  const int64_t min_rows = length - std::min<int64_t>(band->upper, 0);
  const int64_t min_cols = length + std::max<int64_t>(band->lower, 0);
  if (rows == -1 && cols == -1) {
    rows = cols = std::max(min_rows, min_cols);
  } else {
    if (rows == -1) rows = min_rows;
    if (cols == -1) cols = min_cols;
  }
  if (rows < min_rows) return "num_rows is too small";
  if (cols < min_cols) return "num_cols is too small";
  if (rows != min_rows && cols != min_cols) {
    return "num_rows and num_cols are not consistent with lower_diag_index, upper_diag_index, and "
           "the length of the given diagonals.\nnum_rows = " +
           std::to_string(rows) + " != min_num_rows = " + std::to_string(min_rows) +
           ", num_cols = " + std::to_string(cols) +
           " != min_num_cols = " + std::to_string(min_cols);
  }
  band->rows = rows;
  band->cols = cols;
  return std::nullopt;
}

std::string WrongCount(const Band& band, int64_t count) {
  return "The number of rows of `diagonal` doesn't match the number of diagonals implied from "
         "`d_lower` and `d_upper`.\nnum_diags = " +
         std::to_string(count) + ", d_lower = " + std::to_string(band.lower) +
         ", d_upper = " + std::to_string(band.upper);
}

// The older versions of these ops have no attribute for the alignment: packed diagonals begin
// on the left. The oldest have no `k`: they are about the main diagonal.
constexpr char kOldAlign[] = "LEFT_LEFT";

std::string AlignOf(const AttrMap& attrs) {
  const auto found = attrs.find("align");
  return found == attrs.end() ? kOldAlign : found->second.as<std::string>();
}

// The band that the constant input `k` tells of, if it is known.
std::optional<Band> StaticBand(ShapeContext& c, int k) {
  Band band;
  matrix::SetAlign(&band, AlignOf(c.attrs()));
  if (c.num_inputs() <= k) return band;
  const std::optional<Array> value = c.constant(k);
  if (!value) return std::nullopt;
  if (auto error = matrix::SetDiagonals(&band, value->AsInts())) c.Fail(*error);
  return band;
}

Band ConcreteBand(LoweringContext& c, int k) {
  Band band;
  matrix::SetAlign(&band, AlignOf(c.op.attrs()));
  if (static_cast<int>(c.in.size()) <= k) return band;
  if (auto error = matrix::SetDiagonals(&band, c.ints(k))) c.Fail(*error);
  return band;
}

// What stands where there is no diagonal: input i, or 0.
Value Padding(LoweringContext& c, int i) {
  if (static_cast<int>(c.in.size()) > i) return c.x(i);
  return op_util::Filled(c.b, c.dtype(0), 0, {});
}

// Input `k` in a gradient rule.
In DiagonalsOf(GradientContext& g, int k) {
  return g.op->num_inputs() > k ? In(g.x(k)) : In(0);
}

std::vector<Grad> FirstOf(GradientContext& g, std::vector<Grad> grads) {
  grads.resize(static_cast<size_t>(g.op->num_inputs()));
  return grads;
}

// The matrix size of the input, where it is known, and whether the band fits.
Band BandOfMatrix(LoweringContext& c, int k) {
  const Dims dims = c.dims(0);
  if (dims.size() < 2) c.Fail("input must be at least 2-dim, received shape: " + ToString(dims));
  Band band = ConcreteBand(c, k);
  band.rows = dims[dims.size() - 2];
  band.cols = dims.back();
  if (auto error = band.Check()) c.Fail(*error);
  return band;
}

// --- MatrixDiagV3 -----------------------------------------------------------------------

void MatrixDiagShape(ShapeContext& c) {
  const Shape diagonal = c.WithRankAtLeast(0, 1);
  std::optional<Band> band = StaticBand(c, 1);
  if (!band || !diagonal.has_rank()) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  const int own = band->count() == 1 ? 1 : 2;
  c.WithRankAtLeast(0, own);
  const int rank = diagonal.rank();
  if (own == 2 && diagonal.dim(rank - 2) >= 0 && diagonal.dim(rank - 2) != band->count()) {
    c.Fail(WrongCount(*band, diagonal.dim(rank - 2)));
  }
  Dims dims(diagonal.dims().begin(), diagonal.dims().end() - own);
  const int64_t length = diagonal.dim(rank - 1);
  if (c.num_inputs() == 1) {
    dims.insert(dims.end(), {length, length});
    c.set_output(0, Shape(std::move(dims)));
    return;
  }
  const std::optional<Array> rows = c.constant(2), cols = c.constant(3);
  if (rows && cols && rows->size() == 1 && cols->size() == 1 && length >= 0) {
    if (auto error = SetSize(&*band, length, rows->AsInt(0), cols->AsInt(0))) c.Fail(*error);
    dims.insert(dims.end(), {band->rows, band->cols});
  } else {
    dims.insert(dims.end(), {kUnknownDim, kUnknownDim});
  }
  c.set_output(0, Shape(std::move(dims)));
}

void LowerMatrixDiag(LoweringContext& c) {
  Band band = ConcreteBand(c, 1);
  const Dims dims = c.dims(0);
  const size_t own = band.count() == 1 ? 1 : 2;
  if (dims.size() < own) {
    c.Fail("diagonal must be at least " + std::to_string(own) +
           "-dim, received shape: " + ToString(dims));
  }
  if (own == 2 && dims[dims.size() - 2] != band.count()) {
    c.Fail(WrongCount(band, dims[dims.size() - 2]));
  }
  const bool sized = c.in.size() > 1;
  const int64_t rows = sized ? matrix::ScalarInt(c, 2) : -1;
  const int64_t cols = sized ? matrix::ScalarInt(c, 3) : -1;
  if (auto error = SetSize(&band, dims.back(), rows, cols)) c.Fail(*error);
  c.set(matrix::UnpackBand(c.b, c.x(0), band, Padding(c, 4)));
}

Tensor DiagPartOf(GradientContext& g, const Tensor& x, const In& k) {
  return g.b.Op("MatrixDiagPartV3", {x, k, 0}, {{"align", AlignOf(g.op->attrs())}}, "diag_part");
}

// y = the matrix with diagonals x: dx = the diagonals of dy
std::vector<Grad> MatrixDiagGradient(GradientContext& g) {
  return FirstOf(g, {DiagPartOf(g, g.dy(), DiagonalsOf(g, 1))});
}

// --- MatrixDiagPartV3 -------------------------------------------------------------------

void MatrixDiagPartShape(ShapeContext& c) {
  const Shape x = c.WithRankAtLeast(0, 2);
  std::optional<Band> band = StaticBand(c, 1);
  if (!band || !x.has_rank()) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  Dims dims(x.dims().begin(), x.dims().end() - 2);
  if (band->count() > 1) dims.push_back(band->count());
  band->rows = x.dim(x.rank() - 2);
  band->cols = x.dim(x.rank() - 1);
  if (band->rows < 0 || band->cols < 0) {
    dims.push_back(kUnknownDim);
  } else {
    if (auto error = band->Check()) c.Fail(*error);
    dims.push_back(band->MaxLength());
  }
  c.set_output(0, Shape(std::move(dims)));
}

void LowerMatrixDiagPart(LoweringContext& c) {
  const Band band = BandOfMatrix(c, 1);
  c.set(matrix::PackBand(c.b, c.x(0), band, Padding(c, 2)));
}

// y = the diagonals of x: dx = the matrix with diagonals dy and 0 elsewhere
std::vector<Grad> MatrixDiagPartGradient(GradientContext& g) {
  const Shape& shape = g.x(0).shape();
  const Tensor dy = g.dy();
  const AttrMap align{{"align", AlignOf(g.op->attrs())}};
  const In k = DiagonalsOf(g, 1);
  const int rank = shape.rank();
  Tensor dx;
  if (g.op->num_inputs() > 1 && rank >= 2 && shape.dim(rank - 2) >= 0 && shape.dim(rank - 1) >= 0) {
    dx =
        g.b.Op("MatrixDiagV3", {dy, k, shape.dim(rank - 2), shape.dim(rank - 1), 0}, align, "diag");
  } else {
    const Tensor zeros = g.b.ZerosLike(g.x(0));
    dx = g.b.Op("MatrixSetDiagV3", {zeros, dy, k}, align, "set_diag");
  }
  return FirstOf(g, {dx});
}

// --- MatrixSetDiagV3 --------------------------------------------------------------------

void MatrixSetDiagShape(ShapeContext& c) {
  const Shape x = c.WithRankAtLeast(0, 2);
  c.WithRankAtLeast(1, 1);
  std::optional<Band> band = StaticBand(c, 2);
  if (band && x.has_rank()) {
    band->rows = x.dim(x.rank() - 2);
    band->cols = x.dim(x.rank() - 1);
    if (band->rows >= 0 && band->cols >= 0) {
      if (auto error = band->Check()) c.Fail(*error);
    }
  }
  c.set_output(0, x);
}

void LowerMatrixSetDiag(LoweringContext& c) {
  const Band band = BandOfMatrix(c, 2);
  Dims expected = c.dims(0);
  expected.resize(expected.size() - 2);
  if (band.count() > 1) expected.push_back(band.count());
  expected.push_back(band.MaxLength());
  if (c.dims(1) != expected) {
    c.Fail(
        "Either first dimensions of diagonal don't match input.shape[:-2], or diagonal.shape[:-1] "
        "is not equal to the longests diagonal in range [lower_diag_index:upper_diag_index].\n"
        "Input.shape: " +
        ToString(c.dims(0)) + "\nDiagonal.shape: " + ToString(c.dims(1)) +
        "\nExpected diagonal.shape: " + ToString(expected));
  }
  c.set(matrix::ReplaceBand(c.b, c.x(0), c.x(1), band));
}

// y = x with diagonals d: dx = dy with 0 there, dd = the diagonals of dy
std::vector<Grad> MatrixSetDiagGradient(GradientContext& g) {
  const Tensor dy = g.dy(), diagonal = g.x(1);
  const In k = DiagonalsOf(g, 2);
  const Tensor zeros = diagonal.shape().fully_defined()
                           ? g.b.Zeros(diagonal.shape().dims(), dy.dtype())
                           : g.b.ZerosLike(diagonal);
  const Tensor dx =
      g.b.Op("MatrixSetDiagV3", {dy, zeros, k}, {{"align", AlignOf(g.op->attrs())}}, "set_diag");
  return FirstOf(g, {dx, DiagPartOf(g, dy, k)});
}

}  // namespace

void matrix::RegisterDiagonalOps(OpRegistry& r) {
  for (const int version : {1, 2, 3}) {
    const std::string suffix = version == 1 ? "" : "V" + std::to_string(version);
    OpDef& diag = r.Op("MatrixDiag" + suffix);
    diag.Input("diagonal: T");
    if (version > 1) {
      diag.Input("k: int32").Input("num_rows: int32").Input("num_cols: int32");
      diag.Input("padding_value: T");
    }
    diag.Output("output: T")
        .Attr("T: type")
        .Doc("Matrices with the given diagonals and a padding value elsewhere")
        .Shape(MatrixDiagShape)
        .Gradient(MatrixDiagGradient)
        .Lower(LowerMatrixDiag);
    OpDef& part = r.Op("MatrixDiagPart" + suffix);
    part.Input("input: T");
    if (version > 1) part.Input("k: int32").Input("padding_value: T");
    part.Output("diagonal: T")
        .Attr("T: type")
        .Doc("Diagonals of matrices, shorter ones padded")
        .Shape(MatrixDiagPartShape)
        .Gradient(MatrixDiagPartGradient)
        .Lower(LowerMatrixDiagPart);
    OpDef& set = r.Op("MatrixSetDiag" + suffix);
    set.Input("input: T").Input("diagonal: T");
    if (version > 1) set.Input("k: int32");
    set.Output("output: T")
        .Attr("T: type")
        .Doc("Matrices with some diagonals replaced")
        .Shape(MatrixSetDiagShape)
        .Gradient(MatrixSetDiagGradient)
        .Lower(LowerMatrixSetDiag);
    if (version < 3) continue;
    for (OpDef* op : {&diag, &part, &set}) op->Attr(kAlign);
  }
}

}  // namespace wengert
