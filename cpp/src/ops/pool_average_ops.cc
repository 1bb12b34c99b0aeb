// Average pooling and its gradient op.
#include <vector>

#include "ops/pool_util.h"
#include "ops/window_util.h"

namespace wengert {
namespace {

using namespace pool_util;

const std::vector<const char*> kAttrs{"ksize", "strides", "padding", "data_format"};

template <int kSpatial>
void LowerAverage(LoweringContext& c) {
  const Problem p = MakeProblem(c, PoolKind::kAverage, kSpatial, c.dims(0));
  c.set(OwnResult(c.b, p, c.b.Pool(p.spec, {ImageOf(c.b, p, c.x())}, p.result)));
}

template <int kSpatial>
void LowerAverageGrad(LoweringContext& c) {
  if (c.dims(0) != Dims{kSpatial + 2}) {
    c.Fail(c.op.type() + ": orig_input_shape must be 1-dimensional and " +
           std::to_string(kSpatial + 2) + " elements, got shape " + ToString(c.dims(0)));
  }
  const Dims image = c.ints(0);
  for (int64_t n : image) {
    if (n < 0) c.Fail(c.op.type() + ": orig_input_shape must not be negative");
  }
  const Problem p = MakeProblem(c, PoolKind::kAverageGradient, kSpatial, image);
  CheckDims(c, 1, p.own_result, "grad");
  c.set(OwnImage(c.b, p, c.b.Pool(p.spec, {ResultOf(c.b, p, c.x(1))}, p.image)));
}

template <int kSpatial>
void AverageGradShape(ShapeContext& c) {
  const Shape shape = c.input_as_shape(0);
  c.WithRank(1, kSpatial + 2);
  c.set_output(0, shape.has_rank() && shape.rank() == kSpatial + 2
                      ? shape
                      : Shape::UnknownOfRank(kSpatial + 2));
}

// y = mean of the window: dx = dy / count, for every window that x is in
GradientFn AverageGradient(const char* type) {
  return [type](GradientContext& g) -> std::vector<Grad> {
    const Tensor dy = g.dy();
    const Tensor shape = g.b.ShapeOf(g.x(0));
    return {g.b.Op(type, {shape, dy}, SameAttrs(g, kAttrs))};
  };
}

// z = the gradient for dy, linear in it: d(dy) = means of dz
GradientFn AverageGradGradient(const char* type) {
  return [type](GradientContext& g) -> std::vector<Grad> {
    const Tensor dz = g.dy();
    const Tensor shape = g.b.Op("StopGradient", {g.x(0)});
    return {shape, g.b.Op(type, {dz}, SameAttrs(g, kAttrs))};
  };
}

constexpr char kFloats[] = "T: {half, bfloat16, float, double}";

OpDef& Attrs2D(OpDef& op) {
  return op.Attr("ksize: list(int) >= 4")
      .Attr("strides: list(int) >= 4")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Attr(kFloats);
}
OpDef& Attrs3D(OpDef& op) {
  return op.Attr("ksize: list(int) >= 5")
      .Attr("strides: list(int) >= 5")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'")
      .Attr(kFloats);
}

}  // namespace

void RegisterAveragePoolOps(OpRegistry& r) {
  Attrs2D(r.Op("AvgPool").Input("value: T").Output("output: T"))
      .Doc("Means of windows over images")
      .Shape(PoolShape<2>)
      .Gradient(AverageGradient("AvgPoolGrad"))
      .Lower(LowerAverage<2>);
  Attrs2D(r.Op("AvgPoolGrad").Input("orig_input_shape: int32").Input("grad: T").Output("output: T"))
      .Doc("Gradient of AvgPool")
      .Shape(AverageGradShape<2>)
      .Gradient(AverageGradGradient("AvgPool"))
      .Lower(LowerAverageGrad<2>);
  Attrs3D(r.Op("AvgPool3D").Input("input: T").Output("output: T"))
      .Doc("Means of windows over volumes")
      .Shape(PoolShape<3>)
      .Gradient(AverageGradient("AvgPool3DGrad"))
      .Lower(LowerAverage<3>);
  Attrs3D(
      r.Op("AvgPool3DGrad").Input("orig_input_shape: int32").Input("grad: T").Output("output: T"))
      .Doc("Gradient of AvgPool3D")
      .Shape(AverageGradShape<3>)
      .Gradient(AverageGradGradient("AvgPool3D"))
      .Lower(LowerAverageGrad<3>);
}

}  // namespace wengert
