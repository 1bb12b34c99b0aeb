// What plain and depthwise convolutions share.
#pragma once

#include <string>
#include <vector>

#include "ops/window_util.h"
#include "wengert/builder.h"

namespace wengert::conv_util {

inline constexpr char kFloats[] = "T: {half, bfloat16, float, double}";
inline constexpr char kPaddings[] = "padding: {'SAME', 'VALID', 'EXPLICIT'}";

// A convolution as the primitive wants it.
struct Problem {
  ConvSpec spec;
  Dims image, filter, result;
  const Dims& out() const {
    return spec.kind == ConvKind::kImage ? image : spec.kind == ConvKind::kFilter ? filter : result;
  }
};

// `image`: dims in the op's layout, `filter`: [spatial ..., i, o]; the groups follow from them.
Problem MakeProblem(ConvKind kind, const window_util::Windows& w, const Dims& image,
                    const Dims& filter, const window_util::Fail& fail);
// Canonical dims in the op's layout.
Dims OwnDims(const window_util::Windows& w, const Dims& canonical);

void CheckRanks(const LoweringContext& c, const window_util::Windows& w,
                const std::vector<int>& inputs);
// Fails when the gradient of the result has other dims than the problem's.
void CheckResult(const window_util::Windows& w, const Problem& p, const Dims& got,
                 const std::string& op, const window_util::Fail& fail);
// The value of input 0 of a gradient with respect to the images: all dims, or the spatial ones.
Dims InputSizes(const LoweringContext& c, const window_util::Windows& w, int64_t channels);
// The value of input 1 of a gradient with respect to the filter.
Dims FilterSizes(const LoweringContext& c, const window_util::Windows& w);

// Shape rules of the gradient ops.
void InputShapeOf(ShapeContext& c, int spatial);
void FilterShapeOf(ShapeContext& c, int spatial);
template <int kSpatial>
void InputShape(ShapeContext& c) {
  InputShapeOf(c, kSpatial);
}
template <int kSpatial>
void FilterShape(ShapeContext& c) {
  FilterShapeOf(c, kSpatial);
}

// The attributes `names` of the op that is differentiated.
AttrMap SameAttrs(const GradientContext& g, const std::vector<const char*>& names);

}  // namespace wengert::conv_util
