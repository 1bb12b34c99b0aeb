// What begin, end, strides and the five masks of a strided slice mean for a given shape.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "wengert/shape.h"

namespace wengert::op_util {

struct SliceMasks {
  int64_t begin = 0, end = 0, ellipsis = 0, new_axis = 0, shrink = 0;
};

// One slice per axis of the sliced tensor.
struct AxisSlice {
  int64_t begin = 0;           // meaningful when size is known
  int64_t size = kUnknownDim;  // before an axis is dropped
  int64_t stride = 1;
  bool shrink = false;  // a single index: the axis goes away
  bool whole = false;   // begin and end are both left open
  int source = -1;      // element of begin and end that speaks of this axis; -1: none
};

struct SliceSpec {
  std::vector<AxisSlice> axes;
  // Axes of the result in order: a position in `axes`, or -1 for a new one.
  std::vector<int> result;

  // Shape of the result; unknown lengths where a size is unknown.
  Shape ResultShape() const;
};

// `begin` and `end` may be unknown (nullopt). `fail` must throw; it gets TensorFlow's words.
SliceSpec ResolveSlice(const Dims& dims, const std::optional<std::vector<int64_t>>& begin,
                       const std::optional<std::vector<int64_t>>& end,
                       const std::vector<int64_t>& strides, const SliceMasks& masks,
                       const std::function<void(const std::string&)>& fail);

}  // namespace wengert::op_util
