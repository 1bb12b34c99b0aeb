#include "ops/matrix_diagonals.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace wengert::matrix {
namespace {

// Axes in front of the last `n`.
Dims Batch(const Dims& dims, size_t n) {
  return Dims(dims.begin(), dims.end() - n);
}

Dims With(Dims dims, std::initializer_list<int64_t> tail) {
  dims.insert(dims.end(), tail);
  return dims;
}

// Elements of the last axis of x; index -1 stands for `fill`.
Value Pick(Lowering& b, Value x, std::vector<int64_t> indices, Value fill) {
  const int axis = b.rank(x) - 1;
  const int64_t n = b.dims(x)[axis];
  bool uses_fill = false;
  for (int64_t& index : indices) {
    if (index >= 0) continue;
    index = n;
    uses_fill = true;
  }
  if (uses_fill) {
    Dims one = b.dims(x);
    one[axis] = 1;
    x = b.Concat({x, b.Broadcast(b.Reshape(fill, Dims{}), std::move(one))}, axis);
  }
  const bool small = n < std::numeric_limits<int32_t>::max();
  const Array array = small ? Array::Vector(std::vector<int32_t>(indices.begin(), indices.end()))
                            : Array::Vector(indices);
  return b.Gather(x, b.Constant(array), axis, /*batch_dims=*/0);
}

// Index of element (m, n) among the packed diagonals, -1 outside the band.
int64_t PackedIndex(const Band& band, int64_t max_length, int64_t m, int64_t n) {
  const int64_t d = n - m;
  if (d < band.lower || d > band.upper) return -1;
  return (band.upper - d) * max_length + band.Offset(d) + std::min(m, n);
}

Value FlatPacked(Lowering& b, Value packed, const Band& band) {
  const Dims dims = b.dims(packed);
  const Dims batch = Batch(dims, band.count() == 1 ? 1 : 2);
  return b.Reshape(packed, With(batch, {band.count() * band.MaxLength()}));
}

}  // namespace

int64_t Band::Length(int64_t d) const {
  return std::min(rows + std::min<int64_t>(d, 0), cols - std::max<int64_t>(d, 0));
}

int64_t Band::MaxLength() const {
  return std::min(rows + std::min<int64_t>(upper, 0), cols - std::max<int64_t>(lower, 0));
}

int64_t Band::Offset(int64_t d) const {
  const bool left = (d >= 0 && left_super) || (d <= 0 && left_sub);
  return left ? 0 : MaxLength() - Length(d);
}

std::optional<std::string> Band::Check() const {
  auto inside = [this](int64_t d) { return d == 0 || (-rows < d && d < cols); };
  if (!inside(lower)) return "lower_diag_index is out of bound.";
  if (!inside(upper)) return "upper_diag_index is out of bound.";
  return std::nullopt;
}

void SetAlign(Band* band, const std::string& align) {
  band->left_super = align.rfind("LEFT", 0) == 0;
  band->left_sub = align.size() >= 4 && align.compare(align.size() - 4, 4, "LEFT") == 0;
}

std::optional<std::string> SetDiagonals(Band* band, const std::vector<int64_t>& k) {
  if (k.empty() || k.size() > 2) {
    return "diag_index must be a vector with one or two elements. It has " +
           std::to_string(k.size()) + " elements.";
  }
  band->lower = k.front();
  band->upper = k.back();
  if (band->lower > band->upper) return "lower_diag_index is greater than upper_diag_index";
  return std::nullopt;
}

int64_t ScalarInt(LoweringContext& c, int i) {
  const std::vector<int64_t> values = c.ints(i);
  if (values.size() != 1) c.Fail("input " + std::to_string(i) + " must be a scalar");
  return values[0];
}

// Each element followed by n fills makes rows of n + 1; cut to n * n they are the matrix.
Value EmbedDiagonal(Lowering& b, Value x, Value fill) {
  const Dims dims = b.dims(x);
  const size_t rank = dims.size();
  const int64_t n = dims.back();
  const Dims batch = Batch(dims, 1);
  Dims high(rank + 1, 0);
  high[rank] = n;
  const Value column = b.Reshape(x, With(dims, {1}));
  const Value padded = b.Pad(column, b.Reshape(fill, Dims{}), Dims(rank + 1, 0), high);
  const Value flat = b.Reshape(padded, With(batch, {NumElements({n, n + 1})}));
  const Value cut = b.Slice(flat, Dims(rank, 0), With(batch, {n * n}), Dims(rank, 1));
  return b.Reshape(cut, With(batch, {n, n}));
}

Value TakeDiagonal(Lowering& b, Value x, int64_t d) {
  const Dims dims = b.dims(x);
  const int64_t rows = dims[dims.size() - 2], cols = dims.back();
  Band band;
  band.rows = rows;
  band.cols = cols;
  const Dims batch = Batch(dims, 2);
  const size_t rank = batch.size() + 1;
  Dims begin(rank, 0), strides(rank, 1);
  const int64_t length = std::max<int64_t>(band.Length(d), 0);
  begin[rank - 1] = length == 0 ? 0 : (d >= 0 ? d : -d * cols);
  strides[rank - 1] = cols + 1;
  const Value flat = b.Reshape(x, With(batch, {rows * cols}));
  return b.Slice(flat, std::move(begin), With(batch, {length}), std::move(strides));
}

Value PackBand(Lowering& b, Value x, const Band& band, Value fill) {
  if (band.count() == 1) return TakeDiagonal(b, x, band.lower);
  const int64_t max_length = band.MaxLength();
  std::vector<int64_t> indices;
  for (int64_t d = band.upper; d >= band.lower; --d) {
    const int64_t offset = band.Offset(d), length = band.Length(d);
    for (int64_t j = 0; j < max_length; ++j) {
      const int64_t at = j - offset;
      const bool inside = at >= 0 && at < length;
      const int64_t row = at - std::min<int64_t>(d, 0), col = at + std::max<int64_t>(d, 0);
      indices.push_back(inside ? row * band.cols + col : -1);
    }
  }
  const Dims batch = Batch(b.dims(x), 2);
  const Value flat = b.Reshape(x, With(batch, {band.rows * band.cols}));
  const Value packed = Pick(b, flat, std::move(indices), fill);
  return b.Reshape(packed, With(batch, {band.count(), max_length}));
}

Value UnpackBand(Lowering& b, Value packed, const Band& band, Value fill) {
  if (band.lower == 0 && band.upper == 0 && band.rows == band.cols) {
    return EmbedDiagonal(b, packed, fill);
  }
  const int64_t max_length = band.MaxLength();
  std::vector<int64_t> indices;
  indices.reserve(static_cast<size_t>(NumElements({band.rows, band.cols})));
  for (int64_t m = 0; m < band.rows; ++m) {
    for (int64_t n = 0; n < band.cols; ++n) {
      indices.push_back(PackedIndex(band, max_length, m, n));
    }
  }
  const Value flat = FlatPacked(b, packed, band);
  const Dims batch = Batch(b.dims(flat), 1);
  return b.Reshape(Pick(b, flat, std::move(indices), fill), With(batch, {band.rows, band.cols}));
}

Value ReplaceBand(Lowering& b, Value x, Value packed, const Band& band) {
  const Dims batch = Batch(b.dims(x), 2);
  if (band.rows == 0 || band.cols == 0) return x;
  const int64_t d = band.lower, length = band.MaxLength();
  const bool by_row = d >= 0 && length == band.rows, by_col = d <= 0 && length == band.cols;
  if (band.count() == 1 && (by_row || by_col)) {
    // One diagonal that reaches every row (or column): a choice along it.
    const Value row = b.Reshape(b.Iota(DType::kInt64, band.rows), {band.rows, 1});
    const Value col = b.Reshape(b.Iota(DType::kInt64, band.cols), {1, band.cols});
    const Value on = b.Map(ScalarOp::kEqual, b.Add(row, static_cast<double>(d)), col);
    const Value values =
        b.Reshape(packed, by_row ? With(batch, {band.rows, 1}) : With(batch, {1, band.cols}));
    return b.Select(on, values, x);
  }
  const int64_t elements = band.rows * band.cols;
  std::vector<int64_t> indices;
  for (int64_t m = 0; m < band.rows; ++m) {
    for (int64_t n = 0; n < band.cols; ++n) {
      const int64_t at = PackedIndex(band, length, m, n);
      indices.push_back(at < 0 ? m * band.cols + n : elements + at);
    }
  }
  const Value flat = b.Reshape(x, With(batch, {elements}));
  const Value both = b.Concat({flat, FlatPacked(b, packed, band)}, static_cast<int>(batch.size()));
  return b.Reshape(Pick(b, both, std::move(indices), Value{}), b.dims(x));
}

}  // namespace wengert::matrix
