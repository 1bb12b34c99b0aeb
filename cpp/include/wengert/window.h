// Windows that slide over three spatial axes: convolution and pooling, as primitives. Problems
// with fewer axes have lengths of 1 there.
#pragma once

#include <array>
#include <cstdint>

namespace wengert {

using Spatial = std::array<int64_t, 3>;

// Which of the three arrays of a convolution is computed from the other two, given in the order
// of this list. kImage and kFilter are the gradients of kResult.
enum class ConvKind : uint8_t { kImage, kFilter, kResult };

// image [n, d, h, w, c], filter [d, h, w, c / groups, o], result [n, d, h, w, o]:
//   result(q) = sum over k of image(q * stride + k * dilation - pad) filter(k),
// the image being 0 outside its bounds. Group g of o sees group g of c.
struct ConvSpec {
  ConvKind kind = ConvKind::kResult;
  Spatial stride{1, 1, 1}, dilation{1, 1, 1}, pad{0, 0, 0};
  int64_t groups = 1;
};

// What is made of a window, which never sees beyond the image.
enum class PoolKind : uint8_t {
  kMax,              // image -> result; NaN is passed over, the least result is the lowest finite
                     // number
  kArgMax,           // image -> int64 result: position (d * height + h) * width + w of the first
                     // element that no other is greater than
  kMaxGradient,      // image, result -> image: each element of the result is added where kArgMax
                     // points
  kMaxGather,        // image, image -> result: elements of the second where kArgMax of the first
                     // points
  kAverage,          // image -> result
  kAverageGradient,  // result -> image
};

// image [n, d, h, w, c], result [n, d, h, w, c]: window q begins at q * stride - pad.
struct PoolSpec {
  PoolKind kind = PoolKind::kMax;
  Spatial window{1, 1, 1}, stride{1, 1, 1}, pad{0, 0, 0};
};

}  // namespace wengert
