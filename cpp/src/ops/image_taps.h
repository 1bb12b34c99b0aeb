// Resampling along one axis: every place of the result is a weighted sum of a few of the source.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "wengert/lowering.h"

namespace wengert::image {

// `count` sources and weights for each of `size` places.
struct Taps {
  int64_t size = 0;
  int64_t count = 0;
  std::vector<int64_t> sources;
  std::vector<float> weights;

  Taps(int64_t size_, int64_t count_) : size(size_), count(count_) {
    sources.assign(static_cast<size_t>(size * count), 0);
    weights.assign(static_cast<size_t>(size * count), 0.0f);
  }
  void Set(int64_t place, int64_t tap, int64_t source, float weight) {
    sources[static_cast<size_t>(place * count + tap)] = source;
    weights[static_cast<size_t>(place * count + tap)] = weight;
  }
};

// How the centres of pixels of the result map to the source.
struct Grid {
  int64_t in = 0, out = 0;
  bool align_corners = false, half_pixel_centers = false;

  float scale() const;
  float Source(int64_t place) const;  // in source pixels, 0 is the centre of the first
};

Taps BilinearTaps(const Grid& grid);
Taps BicubicTaps(const Grid& grid);
Taps NearestTaps(const Grid& grid);
Taps AreaTaps(const Grid& grid);
// With a kernel by name ("lanczos3" ...), widened where the image shrinks if `antialias`.
// Throws InvalidArgument on an unknown name.
Taps ScaledTaps(int64_t in, int64_t out, float scale, float translation, const std::string& kernel,
                bool antialias);

// x [batch, height, width, channels] (float32 or float64) resampled along both axes; with
// `transposed`, the adjoint: x is spread over images of `rows` x `columns` pixels.
Value Resample(Lowering& b, Value x, const Taps& vertical, const Taps& horizontal);
Value Spread(Lowering& b, Value x, const Taps& vertical, const Taps& horizontal, int64_t rows,
             int64_t columns);

}  // namespace wengert::image
