// What convolution and pooling share: attributes, lengths of results, and the layout that the
// primitives want.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {

// Parts of RegisterWindowOps, by file.
void RegisterConvOps(OpRegistry& r);
void RegisterDepthwiseOps(OpRegistry& r);
void RegisterMaxPoolOps(OpRegistry& r);
void RegisterAveragePoolOps(OpRegistry& r);
void RegisterDilationOps(OpRegistry& r);
void RegisterFractionalPoolOps(OpRegistry& r);

namespace window_util {

using Fail = std::function<void(const std::string&)>;  // throws

// Windows over the spatial axes of an array, as attributes give them.
struct Windows {
  bool channels_first = false;
  int spatial = 2;
  std::vector<int64_t> strides, dilations;  // per spatial axis
  std::string padding;
  std::vector<int64_t> explicit_pads;  // two per spatial axis

  int rank() const { return spatial + 2; }
  int channel_axis() const { return channels_first ? 1 : rank() - 1; }
  int spatial_axis(int i) const { return channels_first ? i + 2 : i + 1; }
  // Picks the spatial entries of one value per axis.
  std::vector<int64_t> Pick(const std::vector<int64_t>& values) const;

  // Length of the result along spatial axis i; -1 where `length` or `window` is.
  int64_t ResultLength(int i, int64_t length, int64_t window, const Fail& fail) const;
  // Zeros before the first element.
  int64_t PadBefore(int i, int64_t length, int64_t window) const;
};

// Reads data_format, strides, padding and, where there are such attributes, dilations and
// explicit_paddings. `fail` gets TensorFlow's words.
Windows ReadWindows(const std::string& op, const AttrMap& attrs, int spatial, const Fail& fail);
// The same with strides from elsewhere.
Windows ReadWindows(const std::string& op, const AttrMap& attrs, int spatial,
                    const std::vector<int64_t>& strides, const Fail& fail);

Fail FailOf(const ShapeContext& c);
Fail FailOf(const LoweringContext& c);

// [n, spatial ..., c] or [n, c, spatial ...] to [n, d, h, w, c] and back; dims and values.
Dims ToCanonical(const Windows& w, const Dims& dims);
Value ToCanonical(Lowering& b, const Windows& w, Value x);
// `dims`: of the result, in the op's own layout.
Value FromCanonical(Lowering& b, const Windows& w, Value x, const Dims& dims);
// A filter [spatial ..., i, o] to [d, h, w, i, o].
Dims FilterDims(const Dims& dims);

// What spatial axis i of an op is in the primitives.
inline size_t Axis(const Windows& w, int i) {
  return static_cast<size_t>(3 - w.spatial + i);
}

}  // namespace window_util
}  // namespace wengert
