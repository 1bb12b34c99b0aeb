#include "runtime/strided_copy.h"

#include <algorithm>

#include "kernels/parallel.h"
#include "runtime/element_copy.h"

namespace wengert::runtime {
namespace {

constexpr int64_t kTile = 32;

struct Axis {
  int64_t length, from, to;
};

template <class T>
void CopyBoth(char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    std::memcpy(to + i * to_stride, from + i * from_stride, sizeof(T));
  }
}

// A run of elements that is strided on both sides.
void CopyRunBoth(char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t n,
                 int64_t size) {
  if (to_stride == size) return CopyRun(to, from, from_stride, n, size);
  WithElement(size, [=](auto element) {
    CopyBoth<decltype(element)>(to, to_stride, from, from_stride, n);
  });
}

// to[r][c] = from[c][r]: both sides stay within a few cache lines per tile.
template <class T>
void TransposeTile(char* to, int64_t to_row, const char* from, int64_t from_column, int64_t rows,
                   int64_t columns) {
  for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
    const int64_t c1 = std::min(columns, c0 + kTile);
    for (int64_t r = 0; r < rows; ++r) {
      T* out = reinterpret_cast<T*>(to + r * to_row);
      const char* in = from + r * static_cast<int64_t>(sizeof(T));
      for (int64_t c = c0; c < c1; ++c) std::memcpy(out + c, in + c * from_column, sizeof(T));
    }
  }
}

}  // namespace

Dims DenseStrides(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t k = dims.size(); k-- > 0;) {
    strides[k] = stride;
    stride *= dims[k];
  }
  return strides;
}

StridedCopy::StridedCopy(const Dims& dims, int64_t size, int64_t from_offset,
                         const Dims& from_strides, int64_t to_offset, const Dims& to_strides)
    : size_(size), from_offset_(from_offset * size), to_offset_(to_offset * size) {
  std::vector<Axis> axes;
  int64_t total = 1;
  for (size_t k = 0; k < dims.size(); ++k) {
    total *= dims[k];
    if (dims[k] == 1) continue;
    const Axis axis{dims[k], from_strides[k] * size, to_strides[k] * size};
    if (!axes.empty() && axes.back().from == axis.from * axis.length &&
        axes.back().to == axis.to * axis.length) {
      axes.back() = {axes.back().length * axis.length, axis.from, axis.to};
    } else {
      axes.push_back(axis);
    }
  }
  if (total == 0) return;
  if (axes.empty()) axes.push_back({1, size, size});
  const Axis inner = axes.back();
  axes.pop_back();
  columns_ = inner.length;
  from_column_ = inner.from;
  to_column_ = inner.to;
  kind_ = Kind::kRuns;
  double per_element = inner.from == size ? 0.03 * static_cast<double>(size) : 0.4;
  if (inner.from != size && inner.from != 0 && inner.to == size && columns_ >= 4) {
    // The axis along which the source is dense becomes the other side of the tiles.
    for (size_t k = 0; k < axes.size(); ++k) {
      if (axes[k].from != size || axes[k].length < 4) continue;
      kind_ = Kind::kTiles;
      rows_ = axes[k].length;
      from_row_ = axes[k].from;
      to_row_ = axes[k].to;
      tiles_ = (rows_ + kTile - 1) / kTile;
      per_element = 0.3;
      axes.erase(axes.begin() + static_cast<long>(k));
      break;
    }
  } else if (axes.empty() && inner.from == size && inner.to == size && columns_ * size > 65536) {
    // A plain copy is cut, so that it can be shared out.
    const int64_t piece = 16384;
    const int64_t pieces = columns_ / piece;
    if (columns_ % piece == 0) {
      axes.push_back({pieces, piece * size, piece * size});
      columns_ = piece;
    }
  }
  units_ = tiles_;
  for (const Axis& axis : axes) {
    dims_.push_back(axis.length);
    from_.push_back(axis.from);
    to_.push_back(axis.to);
    units_ *= axis.length;
  }
  cost_ns_ = static_cast<double>(total) * per_element + static_cast<double>(units_) * 3;
  if (units_ == 1 && kind_ == Kind::kRuns && from_column_ == size && to_column_ == size) {
    kind_ = Kind::kBlock;
  }
}

void StridedCopy::Run(char* to, const char* from) const {
  if (kind_ == Kind::kNothing) return;
  to += to_offset_;
  from += from_offset_;
  if (kind_ == Kind::kBlock) {
    std::memcpy(to, from, static_cast<size_t>(columns_ * size_));
    return;
  }
  if (cost_ns_ < 4000 || units_ == 1) {
    RunUnits(to, from, 0, units_);
    return;
  }
  const int64_t grain = std::max<int64_t>(1, units_ / 16);
  kernels::ParallelFor(units_, grain, cost_ns_,
                       [&](int64_t begin, int64_t end) { RunUnits(to, from, begin, end); });
}

void StridedCopy::RunTile(char* to, const char* from, int64_t rows) const {
  WithElement(size_, [=, this](auto element) {
    TransposeTile<decltype(element)>(to, to_row_, from, from_column_, rows, columns_);
  });
}

void StridedCopy::RunUnits(char* to, const char* from, int64_t begin, int64_t end) const {
  constexpr size_t kShort = 16;
  int64_t short_coords[kShort];
  std::vector<int64_t> long_coords;
  int64_t* coords = short_coords;
  const size_t rank = dims_.size();
  if (rank > kShort) {
    long_coords.resize(rank);
    coords = long_coords.data();
  }
  int64_t tile = begin % tiles_, rest = begin / tiles_;
  for (size_t k = rank; k-- > 0;) {
    coords[k] = rest % dims_[k];
    rest /= dims_[k];
    to += coords[k] * to_[k];
    from += coords[k] * from_[k];
  }
  for (int64_t unit = begin; unit < end; ++unit) {
    if (kind_ == Kind::kTiles) {
      const int64_t row = tile * kTile;
      RunTile(to + row * to_row_, from + row * from_row_, std::min(kTile, rows_ - row));
      if (++tile < tiles_) continue;
      tile = 0;
    } else {
      CopyRunBoth(to, to_column_, from, from_column_, columns_, size_);
    }
    for (size_t k = rank; k-- > 0;) {
      to += to_[k];
      from += from_[k];
      if (++coords[k] < dims_[k]) break;
      coords[k] = 0;
      to -= to_[k] * dims_[k];
      from -= from_[k] * dims_[k];
    }
  }
}

std::string StridedCopy::Describe() const {
  if (kind_ == Kind::kNothing) return "copy of nothing";
  std::string text = kind_ == Kind::kTiles ? "copy by tiles " + std::to_string(rows_) + "x"
                                           : std::string("copy by runs of ");
  text += std::to_string(columns_);
  if (units_ > 1) text += ", " + std::to_string(units_) + " units";
  return text;
}

}  // namespace wengert::runtime
