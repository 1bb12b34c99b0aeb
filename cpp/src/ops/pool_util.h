// What the pooling ops share.
#pragma once

#include <string>
#include <vector>

#include "ops/window_util.h"
#include "wengert/builder.h"

namespace wengert::pool_util {

// A pooling op as the primitive wants it.
struct Problem {
  window_util::Windows windows;
  PoolSpec spec;
  Dims image, result;          // of the primitive
  Dims own_image, own_result;  // of the op, in its layout
};

// `image`: dims of the op's input; sizes and strides: one value per axis of it.
Problem MakeProblem(const LoweringContext& c, PoolKind kind, int spatial, const Dims& image,
                    const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides);
// With the attributes "ksize" and "strides".
Problem MakeProblem(const LoweringContext& c, PoolKind kind, int spatial, const Dims& image);

// Arrays of the image's or the result's dims as the primitive takes them.
Value ImageOf(Lowering& b, const Problem& p, Value x);
Value ResultOf(Lowering& b, const Problem& p, Value x);
Value OwnImage(Lowering& b, const Problem& p, Value x);
Value OwnResult(Lowering& b, const Problem& p, Value x);

// InvalidArgument when input `i` has other dims.
void CheckDims(const LoweringContext& c, int i, const Dims& expected, const char* what);

// The result's shape for sizes and strides that are known.
Shape ResultShape(ShapeContext& c, int spatial, const std::vector<int64_t>& sizes,
                  const std::vector<int64_t>& strides);
template <int kSpatial>
void PoolShape(ShapeContext& c) {
  c.set_output(0, ResultShape(c, kSpatial, c.attr("ksize").as<std::vector<int64_t>>(),
                              c.attr("strides").as<std::vector<int64_t>>()));
}

AttrMap SameAttrs(const GradientContext& g, const std::vector<const char*>& names);

}  // namespace wengert::pool_util
