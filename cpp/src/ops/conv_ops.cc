// Convolutions over two and three axes, and their gradient ops.
#include <string>
#include <vector>

#include "ops/broadcast_gradient.h"
#include "ops/conv_util.h"
#include "ops/register.h"
#include "ops/window_util.h"
#include "wengert/builder.h"

namespace wengert {
namespace {

using namespace window_util;
using namespace conv_util;

// --- shapes -----------------------------------------------------------------------------

void CheckChannels(const Windows& w, const Shape& input, const Shape& filter, const Fail& fail) {
  const int64_t channels = input.dim(w.channel_axis());
  const int64_t own = filter.dim(w.spatial), out = filter.dim(w.spatial + 1);
  if (own == 0) fail("Depth of filter must not be 0");
  if (channels < 0 || own < 0) return;
  if (channels % own != 0) {
    fail("Depth of input (" + std::to_string(channels) +
         ") is not a multiple of input depth of filter (" + std::to_string(own) + ")");
  }
  const int64_t groups = channels / own;
  if (groups == 0) fail("Depth of input (0) is smaller than input depth of filter");
  if (out >= 0 && out % groups != 0) {
    fail("Depth of output (" + std::to_string(out) +
         ") is not a multiple of the number of groups (" + std::to_string(groups) + ")");
  }
}

template <int kSpatial>
void ConvShape(ShapeContext& c) {
  const Fail fail = FailOf(c);
  const Windows w = ReadWindows(kSpatial == 2 ? "Conv2D" : "Conv3D", c.attrs(), kSpatial, fail);
  Shape input = c.WithRank(0, w.rank()), filter = c.WithRank(1, w.rank());
  if (!input.has_rank()) input = Shape::UnknownOfRank(w.rank());
  if (!filter.has_rank()) filter = Shape::UnknownOfRank(w.rank());
  CheckChannels(w, input, filter, fail);
  Dims dims(static_cast<size_t>(w.rank()));
  dims[0] = input.dim(0);
  dims[static_cast<size_t>(w.channel_axis())] = filter.dim(kSpatial + 1);
  for (int i = 0; i < kSpatial; ++i) {
    dims[static_cast<size_t>(w.spatial_axis(i))] =
        w.ResultLength(i, input.dim(w.spatial_axis(i)), filter.dim(i), fail);
  }
  c.set_output(0, Shape(std::move(dims)));
}

// --- lowering ---------------------------------------------------------------------------

// A window of one element that meets every pixel once is a matrix product of pixels and channels.
// For many pixels the kernels of convolutions are faster; for few, packing the filter would cost
// more than the product.
bool IsSmallProduct(const Problem& p) {
  constexpr int64_t kFewPixels = 128;
  const ConvSpec& s = p.spec;
  if (p.image[0] * p.image[1] * p.image[2] * p.image[3] >= kFewPixels) return false;
  const Dims& f = p.filter;
  return f[0] == 1 && f[1] == 1 && f[2] == 1 && s.groups == 1 && s.stride == Spatial{1, 1, 1} &&
         s.pad == Spatial{0, 0, 0} && p.image[1] == p.result[1] && p.image[2] == p.result[2] &&
         p.image[3] == p.result[3];
}

Value LowerProduct(Lowering& b, const Problem& p, Value x, Value y) {
  const int64_t pixels = p.image[0] * p.image[1] * p.image[2] * p.image[3];
  const Dims image{pixels, p.image[4]}, filter{p.image[4], p.result[4]},
      result{pixels, p.result[4]};
  switch (p.spec.kind) {
    case ConvKind::kImage:
      return b.MatMul(b.Reshape(y, result), b.Reshape(x, filter), false, true);
    case ConvKind::kFilter:
      return b.MatMul(b.Reshape(x, image), b.Reshape(y, result), true, false);
    default:
      return b.MatMul(b.Reshape(x, image), b.Reshape(y, filter), false, false);
  }
}

Value Convolve(Lowering& b, const Problem& p, Value x, Value y) {
  if (IsSmallProduct(p)) return LowerProduct(b, p, x, y);
  return b.Conv(p.spec, x, y, p.out());
}

template <int kSpatial>
void LowerConv(LoweringContext& c) {
  const Fail fail = FailOf(c);
  const Windows w = ReadWindows(c.op.type(), c.op.attrs(), kSpatial, fail);
  CheckRanks(c, w, {0, 1});
  const Shape filter(c.dims(1));
  CheckChannels(w, Shape(c.dims(0)), filter, fail);
  Problem p = MakeProblem(ConvKind::kResult, w, c.dims(0), c.dims(1), fail);
  const Value y = Convolve(c.b, p, ToCanonical(c.b, w, c.x(0)), c.b.Reshape(c.x(1), p.filter));
  c.set(FromCanonical(c.b, w, y, OwnDims(w, p.result)));
}

template <int kSpatial>
void LowerConvInput(LoweringContext& c) {
  const Fail fail = FailOf(c);
  const Windows w = ReadWindows(c.op.type(), c.op.attrs(), kSpatial, fail);
  CheckRanks(c, w, {1, 2});
  const Dims dims = InputSizes(c, w, c.dims(1)[kSpatial]);
  CheckChannels(w, Shape(dims), Shape(c.dims(1)), fail);
  Problem p = MakeProblem(ConvKind::kImage, w, dims, c.dims(1), fail);
  CheckResult(w, p, c.dims(2), c.op.type(), fail);
  const Value x = Convolve(c.b, p, c.b.Reshape(c.x(1), p.filter), ToCanonical(c.b, w, c.x(2)));
  c.set(FromCanonical(c.b, w, x, dims));
}

template <int kSpatial>
void LowerConvFilter(LoweringContext& c) {
  const Fail fail = FailOf(c);
  const Windows w = ReadWindows(c.op.type(), c.op.attrs(), kSpatial, fail);
  CheckRanks(c, w, {0, 2});
  const Dims dims = FilterSizes(c, w);
  CheckChannels(w, Shape(c.dims(0)), Shape(dims), fail);
  Problem p = MakeProblem(ConvKind::kFilter, w, c.dims(0), dims, fail);
  CheckResult(w, p, c.dims(2), c.op.type(), fail);
  const Value f = Convolve(c.b, p, ToCanonical(c.b, w, c.x(0)), ToCanonical(c.b, w, c.x(2)));
  c.set(c.b.Reshape(f, dims));
}

// --- gradients --------------------------------------------------------------------------

struct Family {
  const char *result, *image, *filter;
  std::vector<const char*> attrs;
};
const Family k2D{
    "Conv2D",
    "Conv2DBackpropInput",
    "Conv2DBackpropFilter",
    {"dilations", "strides", "padding", "explicit_paddings", "use_cudnn_on_gpu", "data_format"}};
const Family k3D{"Conv3D",
                 "Conv3DBackpropInputV2",
                 "Conv3DBackpropFilterV2",
                 {"dilations", "strides", "padding", "data_format"}};

// y = x * w: dx = dy * w turned round, dw = x * dy
GradientFn ConvGradient(const Family& family) {
  return [&family](GradientContext& g) -> std::vector<Grad> {
    const AttrMap attrs = SameAttrs(g, family.attrs);
    const Tensor dy = g.dy();
    Operation* shapes = g.b.AddOp("ShapeN", {In(std::vector<Tensor>{g.x(0), g.x(1)})},
                                  {{"out_type", DType::kInt32}});
    const Tensor dx = g.b.Op(family.image, {shapes->output(0), g.x(1), dy}, attrs);
    const Tensor dw = g.b.Op(family.filter, {g.x(0), shapes->output(1), dy}, attrs);
    return {dx, dw};
  };
}

// x' = dy * w turned round, for dz of x': dw = dz * dy, d(dy) = dz * w
GradientFn InputGradient(const Family& family) {
  return [&family](GradientContext& g) -> std::vector<Grad> {
    const AttrMap attrs = SameAttrs(g, family.attrs);
    const Tensor dz = g.dy();
    const Tensor shape = g.b.ShapeOf(g.x(1));
    const Tensor dw = g.b.Op(family.filter, {dz, shape, g.x(2)}, attrs);
    const Tensor along_dy = g.b.Op(family.result, {dz, g.x(1)}, attrs);
    return {Grad(), dw, along_dy};
  };
}

// w' = x * dy, for dz of w': dx = dy * dz turned round, d(dy) = x * dz
GradientFn FilterGradient(const Family& family) {
  return [&family](GradientContext& g) -> std::vector<Grad> {
    const AttrMap attrs = SameAttrs(g, family.attrs);
    const Tensor dz = g.dy();
    const Tensor shape = g.b.ShapeOf(g.x(0));
    const Tensor dx = g.b.Op(family.image, {shape, dz, g.x(2)}, attrs);
    const Tensor along_dy = g.b.Op(family.result, {g.x(0), dz}, attrs);
    return {dx, Grad(), along_dy};
  };
}

OpDef& Attrs2D(OpDef& op) {
  return op.Attr("strides: list(int)")
      .Attr("use_cudnn_on_gpu: bool = true")
      .Attr(kPaddings)
      .Attr("explicit_paddings: list(int) = []")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Attr("dilations: list(int) = [1, 1, 1, 1]");
}

OpDef& Attrs3D(OpDef& op) {
  return op.Attr(kFloats)
      .Attr("strides: list(int) >= 5")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'")
      .Attr("dilations: list(int) = [1, 1, 1, 1, 1]");
}

constexpr char kWithInt[] = "T: {half, bfloat16, float, double, int32}";

void Register2D(OpRegistry& r) {
  Attrs2D(r.Op("Conv2D").Input("input: T").Input("filter: T").Output("output: T").Attr(kWithInt))
      .Doc("Convolution of images [n, h, w, c] with filters [h, w, c / groups, o]")
      .Shape(ConvShape<2>)
      .Gradient(ConvGradient(k2D))
      .Lower(LowerConv<2>);
  Attrs2D(r.Op("Conv2DBackpropInput")
              .Input("input_sizes: int32")
              .Input("filter: T")
              .Input("out_backprop: T")
              .Output("output: T")
              .Attr(kWithInt))
      .Doc("Gradient of a convolution with respect to its images")
      .Shape(InputShape<2>)
      .Gradient(InputGradient(k2D))
      .Lower(LowerConvInput<2>);
  Attrs2D(r.Op("Conv2DBackpropFilter")
              .Input("input: T")
              .Input("filter_sizes: int32")
              .Input("out_backprop: T")
              .Output("output: T")
              .Attr(kFloats))
      .Doc("Gradient of a convolution with respect to its filters")
      .Shape(FilterShape<2>)
      .Gradient(FilterGradient(k2D))
      .Lower(LowerConvFilter<2>);
}

void Register3D(OpRegistry& r) {
  Attrs3D(r.Op("Conv3D").Input("input: T").Input("filter: T").Output("output: T"))
      .Doc("Convolution of volumes [n, d, h, w, c] with filters [d, h, w, c / groups, o]")
      .Shape(ConvShape<3>)
      .Gradient(ConvGradient(k3D))
      .Lower(LowerConv<3>);
  Attrs3D(r.Op("Conv3DBackpropInputV2")
              .Input("input_sizes: Tshape")
              .Input("filter: T")
              .Input("out_backprop: T")
              .Output("output: T"))
      .Attr("Tshape: {int32, int64} = int32")
      .Doc("Gradient of a convolution with respect to its volumes")
      .Shape(InputShape<3>)
      .Gradient(InputGradient(k3D))
      .Lower(LowerConvInput<3>);
  Attrs3D(r.Op("Conv3DBackpropFilterV2")
              .Input("input: T")
              .Input("filter_sizes: int32")
              .Input("out_backprop: T")
              .Output("output: T"))
      .Doc("Gradient of a convolution with respect to its filters")
      .Shape(FilterShape<3>)
      .Gradient(FilterGradient(k3D))
      .Lower(LowerConvFilter<3>);
}

}  // namespace

void RegisterConvOps(OpRegistry& r) {
  Register2D(r);
  Register3D(r);
}

void RegisterWindowOps(OpRegistry& r) {
  RegisterConvOps(r);
  RegisterDepthwiseOps(r);
  RegisterMaxPoolOps(r);
  RegisterAveragePoolOps(r);
  RegisterDilationOps(r);
  RegisterFractionalPoolOps(r);
}

}  // namespace wengert
