#include "ops/pool_util.h"

namespace wengert::pool_util {

using namespace window_util;

namespace {

void CheckSizes(const std::string& op, const Windows& w, const std::vector<int64_t>& sizes,
                const Fail& fail) {
  if (static_cast<int>(sizes.size()) != w.rank()) {
    fail(op + " requires the ksize attribute to contain " + std::to_string(w.rank()) +
         " values, but got: " + std::to_string(sizes.size()));
  }
  for (int64_t k : sizes) {
    if (k <= 0) fail("Sliding window ksize must be > 0, but got " + std::to_string(k));
  }
}

}  // namespace

Problem MakeProblem(const LoweringContext& c, PoolKind kind, int spatial, const Dims& image,
                    const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
  const Fail fail = FailOf(c);
  const std::string& op = c.op.type();
  Problem p;
  Windows& w = p.windows;
  w = ReadWindows(op, c.op.attrs(), spatial, strides, fail);
  CheckSizes(op, w, sizes, fail);
  if (static_cast<int>(image.size()) != w.rank()) {
    fail(op + ": tensor_in must be " + std::to_string(w.rank()) + "-dimensional, got shape " +
         ToString(image));
  }
  const auto unsupported = [&](const std::string& what) {
    throw Error(ErrorKind::kUnimplemented, what, c.op.name());
  };
  if (sizes[0] != 1 || strides[0] != 1) {
    unsupported("Pooling is not yet supported on the batch dimension.");
  }
  p.spec.kind = kind;
  p.image = ToCanonical(w, image);
  p.result = p.image;
  p.own_image = p.own_result = image;
  const std::vector<int64_t> window = w.Pick(sizes);
  for (int i = 0; i < spatial; ++i) {
    const size_t a = Axis(w, i), at = static_cast<size_t>(i);
    p.spec.window[a] = window[at];
    p.spec.stride[a] = w.strides[at];
    p.spec.pad[a] = w.PadBefore(i, p.image[a + 1], window[at]);
    p.result[a + 1] = w.ResultLength(i, p.image[a + 1], window[at], fail);
    p.own_result[static_cast<size_t>(w.spatial_axis(i))] = p.result[a + 1];
  }
  const size_t channel = static_cast<size_t>(w.channel_axis());
  const int64_t depth = sizes[channel];
  if (depth == 1 && strides[channel] == 1) return p;
  // Over the channels: each pixel is an image of its own, in which they are the last axis.
  if (kind == PoolKind::kAverage || kind == PoolKind::kAverageGradient || spatial == 3 ||
      p.spec.window != Spatial{1, 1, 1} || p.spec.stride != Spatial{1, 1, 1}) {
    unsupported("Pooling is not yet supported on the depth dimension.");
  }
  if (depth != strides[channel]) {
    unsupported("Depthwise max pooling requires the depth window to equal the depth stride");
  }
  if (p.image[4] % depth != 0) {
    unsupported("Depthwise max pooling requires the depth window to evenly divide the input depth");
  }
  const int64_t pixels = p.image[0] * p.image[1] * p.image[2] * p.image[3];
  p.own_result[channel] = p.image[4] / depth;
  p.image = {pixels, 1, 1, p.image[4], 1};
  p.result = {pixels, 1, 1, p.own_result[channel], 1};
  p.spec.window[2] = p.spec.stride[2] = depth;
  p.spec.pad = {0, 0, 0};
  return p;
}

Problem MakeProblem(const LoweringContext& c, PoolKind kind, int spatial, const Dims& image) {
  return MakeProblem(c, kind, spatial, image, c.op.ints_attr("ksize"), c.op.ints_attr("strides"));
}

Value ImageOf(Lowering& b, const Problem& p, Value x) {
  return b.Reshape(ToCanonical(b, p.windows, x), p.image);
}
Value ResultOf(Lowering& b, const Problem& p, Value x) {
  return b.Reshape(ToCanonical(b, p.windows, x), p.result);
}
Value OwnImage(Lowering& b, const Problem& p, Value x) {
  return FromCanonical(b, p.windows, x, p.own_image);
}
Value OwnResult(Lowering& b, const Problem& p, Value x) {
  return FromCanonical(b, p.windows, x, p.own_result);
}

void CheckDims(const LoweringContext& c, int i, const Dims& expected, const char* what) {
  if (c.dims(i) == expected) return;
  c.Fail(std::string("Expected ") + what + " shape to be " + ToString(expected) + ", but got " +
         ToString(c.dims(i)));
}

Shape ResultShape(ShapeContext& c, int spatial, const std::vector<int64_t>& sizes,
                  const std::vector<int64_t>& strides) {
  const Fail fail = FailOf(c);
  const Windows w = ReadWindows("Pooling", c.attrs(), spatial, strides, fail);
  CheckSizes("Pooling", w, sizes, fail);
  Shape x = c.WithRank(0, w.rank());
  if (!x.has_rank()) x = Shape::UnknownOfRank(w.rank());
  Dims dims = x.dims();
  const std::vector<int64_t> window = w.Pick(sizes);
  for (int i = 0; i < spatial; ++i) {
    const size_t at = static_cast<size_t>(w.spatial_axis(i));
    dims[at] = w.ResultLength(i, dims[at], window[static_cast<size_t>(i)], fail);
  }
  const size_t channel = static_cast<size_t>(w.channel_axis());
  const int64_t depth = strides[channel];
  if (dims[channel] >= 0 && depth != 1) dims[channel] = (dims[channel] + depth - 1) / depth;
  return Shape(std::move(dims));
}

AttrMap SameAttrs(const GradientContext& g, const std::vector<const char*>& names) {
  AttrMap attrs;
  for (const char* name : names) attrs[name] = g.op->attr(name);
  return attrs;
}

}  // namespace wengert::pool_util
