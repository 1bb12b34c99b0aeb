#include "runtime/conv_tables.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace wengert::runtime {

AxisReads ImageReads(const ConvSpec& spec, size_t axis, int64_t filter, int64_t result) {
  AxisReads reads;
  reads.count = result;
  reads.step = spec.stride[axis];
  for (int64_t k = 0; k < filter; ++k) {
    reads.taps.push_back(k);
    reads.shifts.push_back(k * spec.dilation[axis] - spec.pad[axis]);
  }
  return reads;
}

// result(q) reads image(q * stride + k * dilation - pad), so that image(i) is in result(q) where
// q * stride = i + pad - k * dilation.
std::vector<AxisReads> ResultReads(const ConvSpec& spec, size_t axis, int64_t image,
                                   int64_t filter) {
  std::vector<AxisReads> sets;
  const int64_t stride = spec.stride[axis];
  for (int64_t first = 0; first < std::min(stride, image); ++first) {
    AxisReads reads;
    reads.count = (image - first + stride - 1) / stride;
    reads.first = first;
    reads.every = stride;
    for (int64_t k = 0; k < filter; ++k) {
      const int64_t distance = first + spec.pad[axis] - k * spec.dilation[axis];
      if (distance % stride != 0) continue;
      reads.taps.push_back(k);
      reads.shifts.push_back(distance / stride);
    }
    sets.push_back(std::move(reads));
  }
  return sets;
}

void Frame3::CopyRows(const char* image, char* copy, int64_t size, int64_t begin,
                      int64_t end) const {
  const int64_t pixel = channels * size;
  const int64_t before = std::clamp<int64_t>(-low[2], 0, length[2]);
  const int64_t from = std::max<int64_t>(low[2], 0);
  const int64_t inside = std::clamp<int64_t>(source[2] - from, 0, length[2] - before);
  const int64_t behind = length[2] - before - inside;
  for (int64_t row = begin; row < end; ++row) {
    char* to = copy + row * length[2] * pixel;
    const int64_t i = row / length[1] + low[0], j = row % length[1] + low[1];
    if (i < 0 || i >= source[0] || j < 0 || j >= source[1]) {
      std::memset(to, 0, static_cast<size_t>(length[2] * pixel));
      continue;
    }
    std::memset(to, 0, static_cast<size_t>(before * pixel));
    if (inside > 0) {
      std::memcpy(to + before * pixel, image + ((i * source[1] + j) * source[2] + from) * pixel,
                  static_cast<size_t>(inside * pixel));
    }
    std::memset(to + (before + inside) * pixel, 0, static_cast<size_t>(behind * pixel));
  }
}

void Frame3::CopyBack(const char* copy, char* image, int64_t size) const {
  const int64_t pixel = channels * size;
  const int64_t before = std::clamp<int64_t>(low[2], 0, source[2]);
  const int64_t from = std::max<int64_t>(-low[2], 0);
  const int64_t inside = std::clamp<int64_t>(length[2] - from, 0, source[2] - before);
  for (int64_t row = 0; row < source[0] * source[1]; ++row) {
    char* to = image + row * source[2] * pixel;
    const int64_t i = row / source[1] - low[0], j = row % source[1] - low[1];
    if (i < 0 || i >= length[0] || j < 0 || j >= length[1] || inside == 0) {
      std::memset(to, 0, static_cast<size_t>(source[2] * pixel));
      continue;
    }
    std::memset(to, 0, static_cast<size_t>(before * pixel));
    std::memcpy(to + before * pixel, copy + ((i * length[1] + j) * length[2] + from) * pixel,
                static_cast<size_t>(inside * pixel));
    std::memset(to + (before + inside) * pixel, 0,
                static_cast<size_t>((source[2] - before - inside) * pixel));
  }
}

namespace {

void SetFrame(const std::vector<AxisReads> (&axes)[3], const int64_t* dims, int64_t channels,
              Frame3* frame) {
  frame->channels = channels;
  Spatial high;
  for (size_t a = 0; a < 3; ++a) {
    int64_t low = std::numeric_limits<int64_t>::max();
    high[a] = std::numeric_limits<int64_t>::min();
    for (const AxisReads& reads : axes[a]) {
      if (reads.count == 0) continue;
      for (int64_t shift : reads.shifts) {
        low = std::min(low, shift);
        high[a] = std::max(high[a], shift + (reads.count - 1) * reads.step);
      }
    }
    if (low > high[a]) low = high[a] = 0;  // nothing is read
    frame->low[a] = low;
    frame->source[a] = dims[a];
    frame->copied = frame->copied || low < 0 || high[a] >= dims[a];
  }
  for (size_t a = 0; a < 3; ++a) {
    if (!frame->copied) frame->low[a] = 0;
    frame->length[a] = frame->copied ? high[a] - frame->low[a] + 1 : dims[a];
  }
  NumElements({frame->length[0], frame->length[1], frame->length[2], channels});  // or it throws
}

}  // namespace

std::vector<WindowSet> MakeWindows(const std::vector<AxisReads> (&axes)[3], const int64_t* dims,
                                   int64_t channels, int64_t group_channels,
                                   const int64_t* filter_dims, const int64_t* out_dims,
                                   int64_t out_channels, Frame3* frame) {
  SetFrame(axes, dims, channels, frame);
  const Spatial stride{frame->length[1] * frame->length[2] * channels, frame->length[2] * channels,
                       channels};
  std::vector<WindowSet> sets;
  for (const AxisReads& x : axes[0]) {
    for (const AxisReads& y : axes[1]) {
      for (const AxisReads& z : axes[2]) {
        WindowSet set;
        const auto size = static_cast<size_t>(x.count * y.count * z.count);
        set.row.reserve(size);
        set.out.reserve(size);
        for (int64_t i = 0; i < x.count; ++i) {
          for (int64_t j = 0; j < y.count; ++j) {
            for (int64_t k = 0; k < z.count; ++k) {
              set.row.push_back(i * x.step * stride[0] + j * y.step * stride[1] +
                                k * z.step * stride[2]);
              set.out.push_back(
                  (((x.first + i * x.every) * out_dims[1] + y.first + j * y.every) * out_dims[2] +
                   z.first + k * z.every) *
                  out_channels);
            }
          }
        }
        for (size_t i = 0; i < x.taps.size(); ++i) {
          for (size_t j = 0; j < y.taps.size(); ++j) {
            for (size_t k = 0; k < z.taps.size(); ++k) {
              set.taps.push_back((x.taps[i] * filter_dims[1] + y.taps[j]) * filter_dims[2] +
                                 z.taps[k]);
              const int64_t at = (x.shifts[i] - frame->low[0]) * stride[0] +
                                 (y.shifts[j] - frame->low[1]) * stride[1] +
                                 (z.shifts[k] - frame->low[2]) * stride[2];
              for (int64_t c = 0; c < group_channels; ++c) set.depth.push_back(at + c);
            }
          }
        }
        sets.push_back(std::move(set));
      }
    }
  }
  return sets;
}

int64_t PanelElements(int64_t n, int64_t k, int64_t width) {
  return (n + width - 1) / width * width * k;
}

namespace {

// n numbers, few as a rule.
template <class T>
inline void Copy(T* to, const T* from, int64_t n) {
  constexpr int64_t kPiece = 16 / static_cast<int64_t>(sizeof(T));
  int64_t i = 0;
  for (; i + kPiece <= n; i += kPiece) std::memcpy(to + i, from + i, 16);
  for (; i < n; ++i) to[i] = from[i];
}

template <class T>
void Pack(const T* source, const int64_t* at, int64_t k, int64_t n, int64_t step, int64_t width,
          T* panels) {
  for (int64_t j = 0; j < n; j += width) {
    const int64_t cols = std::min(n - j, width);
    const int64_t own = cols > width / 2 ? width : width / 2;
    const T* from = source + j * step;
    const size_t half = static_cast<size_t>(width / 2) * sizeof(T);
    if (step == 1) {
      for (int64_t p = 0; p < k; ++p) {
        T* to = panels + p * own;
        if (cols < own) std::memset(to + own - width / 2, 0, half);
        Copy(to, from + at[p], cols);
      }
    } else {
      for (int64_t p = 0; p < k; ++p) {
        T* to = panels + p * own;
        const T* row = from + at[p];
        for (int64_t i = 0; i < cols; ++i) to[i] = row[i * step];
        for (int64_t i = cols; i < own; ++i) to[i] = 0;
      }
    }
    panels += k * width;
  }
}

template <class T>
void PackWindowsOf(const T* source, const int64_t* row, int64_t k, const PanelPieces& pieces,
                   T* panels) {
  for (const PanelPiece& piece : pieces) {
    const T* from = source + piece.from;
    T* to = panels + k * piece.panel + piece.column;
    for (int64_t p = 0; p < k; ++p, to += piece.width) Copy(to, from + row[p], piece.count);
  }
}

}  // namespace

PanelPieces MakePanelPieces(const std::vector<int64_t>& depth, int64_t width) {
  const int64_t n = static_cast<int64_t>(depth.size());
  PanelPieces pieces;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t column = i % width;
    if (column > 0 && depth[static_cast<size_t>(i)] == depth[static_cast<size_t>(i - 1)] + 1) {
      ++pieces.back().count;
      continue;
    }
    const int64_t panel = i - column;
    const int64_t own = n - panel > width / 2 ? width : width / 2;
    pieces.push_back({panel, own, column, depth[static_cast<size_t>(i)], 1});
  }
  return pieces;
}

void PackWindows(const char* source, const int64_t* row, int64_t k, const PanelPieces& pieces,
                 int64_t size, char* panels) {
  if (size == 4) {
    PackWindowsOf(reinterpret_cast<const uint32_t*>(source), row, k, pieces,
                  reinterpret_cast<uint32_t*>(panels));
  } else {
    PackWindowsOf(reinterpret_cast<const uint64_t*>(source), row, k, pieces,
                  reinterpret_cast<uint64_t*>(panels));
  }
}

void PackPanels(const char* source, const int64_t* at, int64_t k, int64_t n, int64_t step,
                int64_t width, int64_t size, char* panels) {
  if (size == 4) {
    Pack(reinterpret_cast<const uint32_t*>(source), at, k, n, step, width,
         reinterpret_cast<uint32_t*>(panels));
  } else {
    Pack(reinterpret_cast<const uint64_t*>(source), at, k, n, step, width,
         reinterpret_cast<uint64_t*>(panels));
  }
}

}  // namespace wengert::runtime
