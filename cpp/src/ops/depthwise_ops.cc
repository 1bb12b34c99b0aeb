// Convolution of each channel with filters of its own.
#include <string>
#include <vector>

#include "ops/conv_util.h"
#include "ops/window_util.h"
#include "wengert/builder.h"

namespace wengert {
namespace {

using namespace window_util;
using namespace conv_util;

const std::vector<const char*> kAttrs{"dilations", "strides", "padding", "explicit_paddings",
                                      "data_format"};

void DepthwiseShape(ShapeContext& c) {
  const Fail fail = FailOf(c);
  const Windows w = ReadWindows("DepthwiseConv2dNative", c.attrs(), 2, fail);
  Shape input = c.WithRank(0, 4), filter = c.WithRank(1, 4);
  if (!input.has_rank()) input = Shape::UnknownOfRank(4);
  if (!filter.has_rank()) filter = Shape::UnknownOfRank(4);
  const int64_t channels = c.MergeDims(input.dim(w.channel_axis()), filter.dim(2));
  Dims dims(4);
  dims[0] = input.dim(0);
  const int64_t each = filter.dim(3);
  dims[static_cast<size_t>(w.channel_axis())] =
      channels < 0 || each < 0 ? kUnknownDim : channels * each;
  for (int i = 0; i < 2; ++i) {
    dims[static_cast<size_t>(w.spatial_axis(i))] =
        w.ResultLength(i, input.dim(w.spatial_axis(i)), filter.dim(i), fail);
  }
  c.set_output(0, Shape(std::move(dims)));
}

// The problem with each channel repeated for each of its `each` filters: as many groups as
// channels, one filter a group.
struct Depthwise {
  Problem p;
  int64_t channels, each;
};

Depthwise MakeDepthwise(ConvKind kind, const LoweringContext& c, const Windows& w,
                        const Dims& image, const Dims& filter) {
  Depthwise d;
  d.channels = filter[2];
  d.each = filter[3];
  if (image[static_cast<size_t>(w.channel_axis())] != d.channels) {
    c.Fail(c.op.type() + ": input and filter must have the same depth: " +
           std::to_string(image[static_cast<size_t>(w.channel_axis())]) + " vs " +
           std::to_string(d.channels));
  }
  Dims repeated = image;
  repeated[static_cast<size_t>(w.channel_axis())] = d.channels * d.each;
  d.p = MakeProblem(kind, w, repeated, {filter[0], filter[1], 1, d.channels * d.each}, FailOf(c));
  return d;
}

// Channels of [n, d, h, w, c] repeated.
Value Repeat(Lowering& b, const Depthwise& d, Value x) {
  if (d.each == 1) return x;
  Dims dims = b.dims(x);
  dims.push_back(1);
  x = b.Reshape(x, dims);
  dims.back() = d.each;
  return b.Reshape(b.Broadcast(x, dims), d.p.image);
}

void LowerDepthwise(LoweringContext& c) {
  const Windows w = ReadWindows(c.op.type(), c.op.attrs(), 2, FailOf(c));
  CheckRanks(c, w, {0, 1});
  const Depthwise d = MakeDepthwise(ConvKind::kResult, c, w, c.dims(0), c.dims(1));
  const Dims own = OwnDims(w, d.p.result);
  if (NumElements(own) == 0) return c.set(c.b.Broadcast(c.b.Scalar(c.dtype(0), 0), own));
  const Value x = Repeat(c.b, d, ToCanonical(c.b, w, c.x(0)));
  c.set(FromCanonical(c.b, w, c.b.Conv(d.p.spec, x, c.b.Reshape(c.x(1), d.p.filter), d.p.result),
                      own));
}

void LowerDepthwiseInput(LoweringContext& c) {
  const Windows w = ReadWindows(c.op.type(), c.op.attrs(), 2, FailOf(c));
  CheckRanks(c, w, {1, 2});
  const Dims dims = InputSizes(c, w, c.dims(1)[2]);
  const Depthwise d = MakeDepthwise(ConvKind::kImage, c, w, dims, c.dims(1));
  CheckResult(w, d.p, c.dims(2), c.op.type(), FailOf(c));
  if (d.channels * d.each == 0) return c.set(c.b.Broadcast(c.b.Scalar(c.dtype(1), 0), dims));
  Value x =
      c.b.Conv(d.p.spec, c.b.Reshape(c.x(1), d.p.filter), ToCanonical(c.b, w, c.x(2)), d.p.image);
  if (d.each != 1) {
    Dims split = d.p.image;
    split[4] = d.channels;
    split.push_back(d.each);
    x = c.b.Reduce(ReduceOp::kSum, c.b.Reshape(x, split), {5}, false);
  }
  c.set(FromCanonical(c.b, w, x, dims));
}

void LowerDepthwiseFilter(LoweringContext& c) {
  const Windows w = ReadWindows(c.op.type(), c.op.attrs(), 2, FailOf(c));
  CheckRanks(c, w, {0, 2});
  const Dims dims = FilterSizes(c, w);
  const Depthwise d = MakeDepthwise(ConvKind::kFilter, c, w, c.dims(0), dims);
  CheckResult(w, d.p, c.dims(2), c.op.type(), FailOf(c));
  if (NumElements(dims) == 0) return c.set(c.b.Broadcast(c.b.Scalar(c.dtype(0), 0), dims));
  const Value x = Repeat(c.b, d, ToCanonical(c.b, w, c.x(0)));
  const Value f = c.b.Conv(d.p.spec, x, ToCanonical(c.b, w, c.x(2)), d.p.filter);
  c.set(c.b.Reshape(f, dims));
}

// y = x * w: dx = dy * w turned round, dw = x * dy
std::vector<Grad> DepthwiseGradient(GradientContext& g) {
  const AttrMap attrs = SameAttrs(g, kAttrs);
  const Tensor dy = g.dy();
  const Tensor x_shape = g.b.ShapeOf(g.x(0));
  const Tensor dx = g.b.Op("DepthwiseConv2dNativeBackpropInput", {x_shape, g.x(1), dy}, attrs);
  const Tensor w_shape = g.b.ShapeOf(g.x(1));
  const Tensor dw = g.b.Op("DepthwiseConv2dNativeBackpropFilter", {g.x(0), w_shape, dy}, attrs);
  return {dx, dw};
}

// x' = dy * w turned round, for dz of x': dw = dz * dy, d(dy) = dz * w
std::vector<Grad> DepthwiseInputGradient(GradientContext& g) {
  const AttrMap attrs = SameAttrs(g, kAttrs);
  const Tensor dz = g.dy();
  const Tensor shape = g.b.ShapeOf(g.x(1));
  const Tensor dw = g.b.Op("DepthwiseConv2dNativeBackpropFilter", {dz, shape, g.x(2)}, attrs);
  const Tensor along_dy = g.b.Op("DepthwiseConv2dNative", {dz, g.x(1)}, attrs);
  return {Grad(), dw, along_dy};
}

// w' = x * dy, for dz of w': dx = dy * dz turned round, d(dy) = x * dz
std::vector<Grad> DepthwiseFilterGradient(GradientContext& g) {
  const AttrMap attrs = SameAttrs(g, kAttrs);
  const Tensor dz = g.dy();
  const Tensor shape = g.b.ShapeOf(g.x(0));
  const Tensor dx = g.b.Op("DepthwiseConv2dNativeBackpropInput", {shape, dz, g.x(2)}, attrs);
  const Tensor along_dy = g.b.Op("DepthwiseConv2dNative", {g.x(0), dz}, attrs);
  return {dx, Grad(), along_dy};
}

OpDef& Attrs(OpDef& op) {
  return op.Attr(kFloats)
      .Attr("strides: list(int)")
      .Attr(kPaddings)
      .Attr("explicit_paddings: list(int) = []")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Attr("dilations: list(int) = [1, 1, 1, 1]");
}

}  // namespace

void RegisterDepthwiseOps(OpRegistry& r) {
  Attrs(r.Op("DepthwiseConv2dNative").Input("input: T").Input("filter: T").Output("output: T"))
      .Doc("Convolution of each channel c with its own filters [h, w, c, multiplier]")
      .Shape(DepthwiseShape)
      .Gradient(DepthwiseGradient)
      .Lower(LowerDepthwise);
  Attrs(r.Op("DepthwiseConv2dNativeBackpropInput")
            .Input("input_sizes: int32")
            .Input("filter: T")
            .Input("out_backprop: T")
            .Output("output: T"))
      .Doc("Gradient of a depthwise convolution with respect to its images")
      .Shape(InputShape<2>)
      .Gradient(DepthwiseInputGradient)
      .Lower(LowerDepthwiseInput);
  Attrs(r.Op("DepthwiseConv2dNativeBackpropFilter")
            .Input("input: T")
            .Input("filter_sizes: int32")
            .Input("out_backprop: T")
            .Output("output: T"))
      .Doc("Gradient of a depthwise convolution with respect to its filters")
      .Shape(FilterShape<2>)
      .Gradient(DepthwiseFilterGradient)
      .Lower(LowerDepthwiseFilter);
}

}  // namespace wengert
