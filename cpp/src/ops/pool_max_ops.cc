// Max pooling, its gradient op and the gradient of that.
#include <string>
#include <vector>

#include "ops/pool_util.h"
#include "ops/shape_util.h"
#include "ops/window_util.h"

namespace wengert {
namespace {

using namespace pool_util;
using Ints = std::vector<int64_t>;

// Integers that have no kernels of their own are computed in wider ones of the same order.
Value Ordered(Lowering& b, Value x) {
  switch (b.dtype(x)) {
    case DType::kInt8:
    case DType::kInt16:
    case DType::kUInt8:
    case DType::kUInt16:
      return b.Cast(x, DType::kInt32);
    case DType::kUInt32:
      return b.Cast(x, DType::kInt64);
    case DType::kUInt64: {
      const Value half = b.Constant(Array::Scalar<uint64_t>(uint64_t{1} << 63));
      return b.Cast(b.Add(x, half), DType::kInt64);
    }
    default:
      return x;
  }
}

// A summand, in the dtype of what Ordered gives for its dtype.
Value Wide(Lowering& b, Value x) {
  return b.dtype(x) == DType::kUInt64 ? b.Cast(x, DType::kInt64) : Ordered(b, x);
}

Value Back(Lowering& b, Value y, DType dtype) {
  if (dtype != DType::kUInt64) return b.Cast(y, dtype);
  const Value half = b.Constant(Array::Scalar<uint64_t>(uint64_t{1} << 63));
  return b.Add(b.Cast(y, dtype), half);
}

struct Sizes {
  Ints ksize, strides;
};
Sizes FromAttrs(const LoweringContext& c) {
  return {c.op.ints_attr("ksize"), c.op.ints_attr("strides")};
}
Sizes FromInputs(const LoweringContext& c, int first) {
  return {op_util::VectorInts(c, first, "ksize"), op_util::VectorInts(c, first + 1, "strides")};
}

void LowerMax(LoweringContext& c, int spatial, const Sizes& s) {
  const Problem p = MakeProblem(c, PoolKind::kMax, spatial, c.dims(0), s.ksize, s.strides);
  const Value x = ImageOf(c.b, p, Ordered(c.b, c.x()));
  const Value y = OwnResult(c.b, p, c.b.Pool(p.spec, {x}, p.result));
  c.set(Back(c.b, y, c.dtype(0)));
}

void LowerMaxGrad(LoweringContext& c, int spatial, const Sizes& s) {
  const Problem p = MakeProblem(c, PoolKind::kMaxGradient, spatial, c.dims(0), s.ksize, s.strides);
  CheckDims(c, 1, p.own_result, "orig_output");
  CheckDims(c, 2, p.own_result, "grad");
  Value x = Ordered(c.b, c.x(0)), dy = Wide(c.b, c.x(2));
  if (c.dtype(0) != c.dtype(2)) {  // of three axes: inputs may be of another float
    x = c.b.Cast(x, DType::kFloat32);
    dy = c.b.Cast(dy, DType::kFloat32);
  }
  x = ImageOf(c.b, p, x);
  const Value dx = c.b.Pool(p.spec, {x, ResultOf(c.b, p, dy)}, p.image);
  c.set(c.b.Cast(OwnImage(c.b, p, dx), c.dtype(2)));
}

void LowerMaxGradGrad(LoweringContext& c, int spatial, const Sizes& s) {
  const Problem p = MakeProblem(c, PoolKind::kMaxGather, spatial, c.dims(0), s.ksize, s.strides);
  CheckDims(c, 1, p.own_result, "orig_output");
  CheckDims(c, 2, c.dims(0), "grad");
  const Value x = ImageOf(c.b, p, Ordered(c.b, c.x(0)));
  const Value dx = ImageOf(c.b, p, Wide(c.b, c.x(2)));
  c.set(c.b.Cast(OwnResult(c.b, p, c.b.Pool(p.spec, {x, dx}, p.result)), c.dtype(2)));
}

// --- gradients --------------------------------------------------------------------------

const std::vector<const char*> kGradAttrs{"ksize", "strides", "padding", "data_format"};
const std::vector<const char*> kMaxPoolAttrs{"ksize", "strides", "padding", "explicit_paddings",
                                             "data_format"};
const std::vector<const char*> kV2Attrs{"padding", "data_format"};

// y = max of the window: dx = dy where it was found first
GradientFn MaxGradient(const char* type, const std::vector<const char*>& attrs) {
  return [type, &attrs](GradientContext& g) -> std::vector<Grad> {
    return {g.b.Op(type, {g.x(0), g.y(), g.dy()}, SameAttrs(g, attrs))};
  };
}

// z = dy put where x was largest, or dx taken from there: linear in that, constant in x and y
GradientFn LinearGradient(const char* type, const std::vector<const char*>& attrs) {
  return [type, &attrs](GradientContext& g) -> std::vector<Grad> {
    const Tensor dz = g.dy();
    const Tensor along_x = g.b.ZerosLike(g.x(0));
    const Tensor along_y = g.b.ZerosLike(g.x(1));
    return {along_x, along_y, g.b.Op(type, {g.x(0), g.x(1), dz}, SameAttrs(g, attrs))};
  };
}

std::vector<Grad> MaxV2Gradient(GradientContext& g) {
  const Tensor dx =
      g.b.Op("MaxPoolGradV2", {g.x(0), g.y(), g.dy(), g.x(1), g.x(2)}, SameAttrs(g, kV2Attrs));
  return {dx, Grad(), Grad()};
}

GradientFn LinearV2Gradient(const char* type) {
  return [type](GradientContext& g) -> std::vector<Grad> {
    const Tensor dz = g.dy();
    const Tensor along_x = g.b.ZerosLike(g.x(0));
    const Tensor along_y = g.b.ZerosLike(g.x(1));
    const Tensor along_dy =
        g.b.Op(type, {g.x(0), g.x(1), dz, g.x(3), g.x(4)}, SameAttrs(g, kV2Attrs));
    return {along_x, along_y, along_dy, Grad(), Grad()};
  };
}

// --- registration -----------------------------------------------------------------------

constexpr char kMaxTypes[] =
    "T: {half, bfloat16, float, double, int32, int64, uint8, int16, int8, uint16} = float";
constexpr char kRealTypes[] =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}";
constexpr char kRealTypesFloat[] =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64} "
    "= float";
constexpr char kFormats[] = "data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'";
constexpr char kTwoFormats[] = "data_format: {'NHWC', 'NCHW'} = 'NHWC'";
constexpr char kSameOrValid[] = "padding: {'SAME', 'VALID'}";

OpDef& Windows2D(OpDef& op) {
  return op.Attr("ksize: list(int) >= 4").Attr("strides: list(int) >= 4");
}
OpDef& Windows3D(OpDef& op) {
  return op.Attr("ksize: list(int) >= 5")
      .Attr("strides: list(int) >= 5")
      .Attr(kSameOrValid)
      .Attr("data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'");
}
OpDef& GradInputs(OpDef& op, const char* type = "T") {
  const std::string input = type;
  return op.Input("orig_input: " + input)
      .Input("orig_output: " + input)
      .Input("grad: T")
      .Output("output: T");
}

void LikeImage(ShapeContext& c) {
  c.set_output(0, c.input(0));
}
void LikeResult(ShapeContext& c) {
  c.set_output(0, c.input(1));
}

void MaxV2Shape(ShapeContext& c) {
  const auto sizes = op_util::StaticInts(c, 1), strides = op_util::StaticInts(c, 2);
  if (sizes && strides) return c.set_output(0, ResultShape(c, 2, *sizes, *strides));
  c.WithRank(0, 4);
  c.set_output(0, Shape::UnknownOfRank(4));
}

void Register2D(OpRegistry& r) {
  Windows2D(r.Op("MaxPool").Input("input: T").Output("output: T").Attr(kMaxTypes))
      .Attr("padding: {'SAME', 'VALID', 'EXPLICIT'}")
      .Attr("explicit_paddings: list(int) = []")
      .Attr(kFormats)
      .Doc("Largest elements of windows over images")
      .Shape(PoolShape<2>)
      .Gradient(MaxGradient("MaxPoolGrad", kMaxPoolAttrs))
      .Lower([](LoweringContext& c) { LowerMax(c, 2, FromAttrs(c)); });
  Windows2D(GradInputs(r.Op("MaxPoolGrad")))
      .Attr("padding: {'SAME', 'VALID', 'EXPLICIT'}")
      .Attr("explicit_paddings: list(int) = []")
      .Attr(kTwoFormats)
      .Attr(kRealTypesFloat)
      .Doc("Gradient of MaxPool")
      .Shape(LikeImage)
      .Gradient(LinearGradient("MaxPoolGradGrad", kGradAttrs))
      .Lower([](LoweringContext& c) { LowerMaxGrad(c, 2, FromAttrs(c)); });
  Windows2D(GradInputs(r.Op("MaxPoolGradGrad")))
      .Attr(kSameOrValid)
      .Attr(kTwoFormats)
      .Attr(kRealTypes)
      .Doc("Elements of an image where MaxPool found the largest ones")
      .Shape(LikeResult)
      .Gradient(LinearGradient("MaxPoolGrad", kGradAttrs))
      .Lower([](LoweringContext& c) { LowerMaxGradGrad(c, 2, FromAttrs(c)); });
}

// Windows given by tensors.
void RegisterV2(OpRegistry& r) {
  r.Op("MaxPoolV2")
      .Input("input: T")
      .Input("ksize: int32")
      .Input("strides: int32")
      .Output("output: T")
      .Attr(kMaxTypes)
      .Attr(kSameOrValid)
      .Attr(kFormats)
      .Doc("Largest elements of windows over images")
      .Shape(MaxV2Shape)
      .Gradient(MaxV2Gradient)
      .Lower([](LoweringContext& c) { LowerMax(c, 2, FromInputs(c, 1)); });
  GradInputs(r.Op("MaxPoolGradV2"))
      .Input("ksize: int32")
      .Input("strides: int32")
      .Attr(kSameOrValid)
      .Attr(kTwoFormats)
      .Attr(kRealTypesFloat)
      .Doc("Gradient of MaxPoolV2")
      .Shape(LikeImage)
      .Gradient(LinearV2Gradient("MaxPoolGradGradV2"))
      .Lower([](LoweringContext& c) { LowerMaxGrad(c, 2, FromInputs(c, 3)); });
  GradInputs(r.Op("MaxPoolGradGradV2"))
      .Input("ksize: int32")
      .Input("strides: int32")
      .Attr(kSameOrValid)
      .Attr(kTwoFormats)
      .Attr(kRealTypes)
      .Doc("Elements of an image where MaxPoolV2 found the largest ones")
      .Shape(LikeResult)
      .Gradient(LinearV2Gradient("MaxPoolGradV2"))
      .Lower([](LoweringContext& c) { LowerMaxGradGrad(c, 2, FromInputs(c, 3)); });
}

void Register3D(OpRegistry& r) {
  constexpr char kFloats[] = "T: {half, bfloat16, float}";
  Windows3D(r.Op("MaxPool3D").Input("input: T").Output("output: T"))
      .Attr(kFloats)
      .Doc("Largest elements of windows over volumes")
      .Shape(PoolShape<3>)
      .Gradient(MaxGradient("MaxPool3DGrad", kGradAttrs))
      .Lower([](LoweringContext& c) { LowerMax(c, 3, FromAttrs(c)); });
  Windows3D(GradInputs(r.Op("MaxPool3DGrad"), "TInput"))
      .Attr("T: {half, bfloat16, float} = float")
      .Attr("TInput: {half, bfloat16, float} = float")
      .Doc("Gradient of MaxPool3D")
      .Shape(LikeImage)
      .Gradient(LinearGradient("MaxPool3DGradGrad", kGradAttrs))
      .Lower([](LoweringContext& c) { LowerMaxGrad(c, 3, FromAttrs(c)); });
  Windows3D(GradInputs(r.Op("MaxPool3DGradGrad")))
      .Attr(kRealTypes)
      .Doc("Elements of a volume where MaxPool3D found the largest ones")
      .Shape(LikeResult)
      .Gradient(LinearGradient("MaxPool3DGrad", kGradAttrs))
      .Lower([](LoweringContext& c) { LowerMaxGradGrad(c, 3, FromAttrs(c)); });
}

// --- with positions ---------------------------------------------------------------------

// Positions in the flat image of each window's element.
Value FlatPositions(Lowering& b, const Problem& p, Value x, bool with_batch) {
  PoolSpec spec = p.spec;
  spec.kind = PoolKind::kArgMax;
  Value at = b.Pool(spec, {x}, p.result);
  const int64_t channels = p.image[4];
  at = b.Add(b.Mul(at, static_cast<double>(channels)), b.Iota(DType::kInt64, channels));
  if (!with_batch) return at;
  const int64_t image = p.image[1] * p.image[2] * p.image[3] * channels;
  const Value batch = b.Reshape(b.Iota(DType::kInt64, p.image[0]), {p.image[0], 1, 1, 1, 1});
  return b.Add(at, b.Mul(batch, static_cast<double>(image)));
}

void CheckNoDepth(const LoweringContext& c) {
  if (c.op.ints_attr("ksize")[3] != 1 || c.op.ints_attr("strides")[3] != 1) {
    throw Error(ErrorKind::kUnimplemented, "Pooling is not yet supported on the depth dimension.",
                c.op.name());
  }
}

void LowerWithArgmax(LoweringContext& c) {
  CheckNoDepth(c);
  const Problem p = MakeProblem(c, PoolKind::kMax, 2, c.dims(0));
  const Value x = ImageOf(c.b, p, Ordered(c.b, c.x()));
  const Value y = Back(c.b, OwnResult(c.b, p, c.b.Pool(p.spec, {x}, p.result)), c.dtype(0));
  const Value at = FlatPositions(c.b, p, x, c.op.bool_attr("include_batch_in_index"));
  c.out = {y, c.b.Cast(OwnResult(c.b, p, at), c.op.type_attr("Targmax"))};
}

void LowerGradWithArgmax(LoweringContext& c) {
  const Problem p = MakeProblem(c, PoolKind::kMax, 2, c.dims(0));
  CheckDims(c, 1, p.own_result, "grad");
  CheckDims(c, 2, p.own_result, "argmax");
  Value at = c.b.Cast(c.x(2), DType::kInt64);
  const int64_t n = c.dims(0)[0], size = NumElements(c.dims(0));
  if (!c.op.bool_attr("include_batch_in_index") && n > 0) {
    const Value batch = c.b.Reshape(c.b.Iota(DType::kInt64, n), {n, 1, 1, 1});
    at = c.b.Add(at, c.b.Mul(batch, static_cast<double>(size / n)));
  }
  Value dy = c.x(1);
  const DType dtype = c.dtype(1);
  const bool narrow = dtype == DType::kFloat16 || dtype == DType::kBFloat16;
  if (narrow) dy = c.b.Cast(dy, DType::kFloat32);
  const int64_t count = NumElements(p.own_result);
  const Value zeros = c.b.Broadcast(c.b.Scalar(c.b.dtype(dy), 0), {size});
  const Value dx =
      c.b.Scatter(ScatterOp::kAdd, zeros, c.b.Reshape(at, {count, 1}), c.b.Reshape(dy, {count}));
  c.set(c.b.Cast(c.b.Reshape(dx, c.dims(0)), dtype));
}

// y = max of the window, found at a: dx = dy there
std::vector<Grad> WithArgmaxGradient(GradientContext& g) {
  return {g.b.Op("MaxPoolGradWithArgmax", {g.x(0), g.dy(), g.y(1)},
                 SameAttrs(g, {"ksize", "strides", "padding", "include_batch_in_index"}))};
}

void RegisterArgmax(OpRegistry& r) {
  Windows2D(r.Op("MaxPoolWithArgmax").Input("input: T").Output("output: T"))
      .Output("argmax: Targmax")
      .Attr("Targmax: {int32, int64} = int64")
      .Attr(kSameOrValid)
      .Attr("include_batch_in_index: bool = false")
      .Attr(kRealTypes)
      .Doc("Largest elements of windows over images, and where they are")
      .Shape([](ShapeContext& c) {
        PoolShape<2>(c);
        c.set_output(1, c.outputs()[0]);
      })
      .Gradient(WithArgmaxGradient)
      .Lower(LowerWithArgmax);
  Windows2D(r.Op("MaxPoolGradWithArgmax")
                .Input("input: T")
                .Input("grad: T")
                .Input("argmax: Targmax")
                .Output("output: T"))
      .Attr(kSameOrValid)
      .Attr("include_batch_in_index: bool = false")
      .Attr("Targmax: {int32, int64}")
      .Attr(kRealTypes)
      .Doc("Gradient of MaxPoolWithArgmax")
      .Shape(LikeImage)
      .NoGradient()
      .Lower(LowerGradWithArgmax);
}

}  // namespace

void RegisterMaxPoolOps(OpRegistry& r) {
  Register2D(r);
  RegisterV2(r);
  Register3D(r);
  RegisterArgmax(r);
}

}  // namespace wengert
