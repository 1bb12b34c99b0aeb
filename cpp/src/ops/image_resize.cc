// Ops that change the size of images, and their adjoints.
#include <functional>
#include <string>

#include "ops/image_taps.h"
#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using image::Grid;
using image::Taps;

constexpr char kImageT[] =
    "T: {int8, uint8, int16, uint16, int32, int64, half, float, double, bfloat16}";

// [batch, size[0], size[1], channels] of input `size`.
void ResizedShape(ShapeContext& c, int size) {
  const Shape images = c.WithRank(0, 4);
  c.WithRank(size, 1);
  const std::optional<std::vector<int64_t>> lengths = op_util::StaticInts(c, size);
  Dims dims{images.dim(0), kUnknownDim, kUnknownDim, images.dim(3)};
  if (lengths) {
    if (lengths->size() != 2) {
      c.Fail("Dimension must be 2 but is " + std::to_string(lengths->size()));
    }
    for (size_t i = 0; i < 2; ++i) {
      if ((*lengths)[i] < 0) {
        c.Fail("Dimension size, given by scalar input, must be non-negative but is " +
               std::to_string((*lengths)[i]));
      }
      dims[i + 1] = (*lengths)[i];
    }
  }
  c.set_output(0, Shape(std::move(dims)));
}

void CheckImages(const LoweringContext& c, int input) {
  const Dims dims = c.dims(input);
  if (dims.size() != 4) c.Fail("input must be 4-dimensional" + ToString(dims));
}

std::pair<int64_t, int64_t> SizeInput(const LoweringContext& c, int input) {
  const std::vector<int64_t> size = op_util::VectorInts(c, input, "shape_t");
  if (size.size() != 2) {
    c.Fail("shape_t must have two elements [" + std::to_string(size.size()) + "]");
  }
  if (size[0] <= 0 || size[1] <= 0) c.Fail("output dimensions must be positive");
  // The weights of every row and column are kept.
  constexpr int64_t kMost = int64_t{1} << 27;
  if (size[0] > kMost || size[1] > kMost) {
    throw Error(ErrorKind::kResourceExhausted, "images of " + std::to_string(size[0]) + " x " +
                                                   std::to_string(size[1]) +
                                                   " pixels are too large");
  }
  return {size[0], size[1]};
}

Grid GridOf(const LoweringContext& c, int64_t in, int64_t out) {
  if (in <= 0) c.Fail("input image must be of non-zero size");
  return {in, out, c.op.bool_attr("align_corners"),
          c.op.FindAttr("half_pixel_centers") != nullptr && c.op.bool_attr("half_pixel_centers")};
}

using MakeTaps = std::function<Taps(const Grid&)>;

// float32 (float64 for float64), in which weights are applied.
DType WeightType(DType dtype) {
  return dtype == DType::kFloat64 ? dtype : DType::kFloat32;
}

LoweringFn LowerResize(MakeTaps make) {
  return [make](LoweringContext& c) {
    CheckImages(c, 0);
    if (c.op.FindAttr("half_pixel_centers") != nullptr && c.op.bool_attr("half_pixel_centers") &&
        c.op.bool_attr("align_corners")) {
      c.Fail("If half_pixel_centers is True, align_corners must be False.");
    }
    const auto [rows, columns] = SizeInput(c, 1);
    const Dims dims = c.dims(0);
    const Value x = c.b.Cast(c.x(), WeightType(c.dtype(0)));
    const Value y =
        image::Resample(c.b, x, make(GridOf(c, dims[1], rows)), make(GridOf(c, dims[2], columns)));
    c.set(c.b.Cast(y, DType::kFloat32));
  };
}

// Inputs: gradients, the original image.
LoweringFn LowerResizeGrad(MakeTaps make) {
  return [make](LoweringContext& c) {
    CheckImages(c, 0);
    CheckImages(c, 1);
    const Dims small = c.dims(0), dims = c.dims(1);
    const DType out = c.op.type_attr("T");
    const Value dy = c.b.Cast(c.x(0), WeightType(out));
    const Value dx = image::Spread(c.b, dy, make(GridOf(c, dims[1], small[1])),
                                   make(GridOf(c, dims[2], small[2])), dims[1], dims[2]);
    c.set(c.b.Cast(dx, out));
  };
}

AttrMap GridAttrs(const Operation& op) {
  return {{"align_corners", op.bool_attr("align_corners")},
          {"half_pixel_centers", op.bool_attr("half_pixel_centers")}};
}

// y is linear in x, of weights that depend on the sizes: dx = its adjoint of dy
GradientFn ResizeGradient(const std::string& grad_op) {
  return [grad_op](GradientContext& g) -> std::vector<Grad> {
    return {g.b.Op(grad_op, {g.dy(), g.x(0)}, GridAttrs(*g.op)), {}};
  };
}

// The height and width of images as a vector: a literal where they are known.
In SizeOf2(Builder& b, const Tensor& images) {
  const Shape& s = images.shape();
  if (s.has_rank() && s.dim(1) >= 0 && s.dim(2) >= 0) {
    return In(op_util::IntVector(DType::kInt32, {s.dim(1), s.dim(2)}));
  }
  using Ints = std::vector<int64_t>;
  return In(b.StridedSlice(b.ShapeOf(images, DType::kInt32, false), Ints{1}, Ints{3}, Ints{1}));
}

// The adjoint is linear in its first argument too: ddy = the op itself of ddx
GradientFn AdjointGradient(const std::string& op) {
  return [op](GradientContext& g) -> std::vector<Grad> {
    const In size = SizeOf2(g.b, g.x(0));
    const Tensor back = g.b.Op(op, {g.dy(), size}, GridAttrs(*g.op));
    return {g.b.Cast(back, g.x(0).dtype()), {}};
  };
}

void RegisterWeighted(OpRegistry& r, const std::string& name, const char* gradient_types,
                      MakeTaps make, const std::string& kind) {
  r.Op(name)
      .Input("images: T")
      .Input("size: int32")
      .Output("resized_images: float")
      .Attr(kImageT)
      .Attr("align_corners: bool = false")
      .Attr("half_pixel_centers: bool = false")
      .Doc("Images in another size by " + kind + " interpolation")
      .Shape([](ShapeContext& c) { ResizedShape(c, 1); })
      .Gradient(ResizeGradient(name + "Grad"))
      .Lower(LowerResize(make));
  r.Op(name + "Grad")
      .Input("grads: float")
      .Input("original_image: T")
      .Output("output: T")
      .Attr(gradient_types)
      .Attr("align_corners: bool = false")
      .Attr("half_pixel_centers: bool = false")
      .Doc("Gradient of " + name)
      .Shape([](ShapeContext& c) { c.set_output(0, c.input(1)); })
      .Gradient(AdjointGradient(name))
      .Lower(LowerResizeGrad(make));
}

// --- nearest neighbour -----------------------------------------------------------------------

void LowerNearest(LoweringContext& c) {
  CheckImages(c, 0);
  const auto [rows, columns] = SizeInput(c, 1);
  const Dims dims = c.dims(0);
  Value v = c.x();
  for (const int axis : {1, 2}) {
    const Grid grid = GridOf(c, dims[static_cast<size_t>(axis)], axis == 1 ? rows : columns);
    const Taps taps = image::NearestTaps(grid);
    v = c.b.Gather(v, c.b.Constant(Array::Vector<int64_t>(taps.sources)), axis, 0);
  }
  c.set(v);
}

void LowerNearestGrad(LoweringContext& c) {
  CheckImages(c, 0);
  const auto [rows, columns] = SizeInput(c, 1);
  const Dims dims = c.dims(0);
  const DType type = c.dtype(0);
  const DType wide = IsFloating(type) ? WeightType(type) : DType::kFloat64;
  const Value dx =
      image::Spread(c.b, c.b.Cast(c.x(), wide), image::NearestTaps(GridOf(c, rows, dims[1])),
                    image::NearestTaps(GridOf(c, columns, dims[2])), rows, columns);
  c.set(c.b.Cast(dx, type));
}

void RegisterNearest(OpRegistry& r) {
  r.Op("ResizeNearestNeighbor")
      .Input("images: T")
      .Input("size: int32")
      .Output("resized_images: T")
      .Attr(kImageT)
      .Attr("align_corners: bool = false")
      .Attr("half_pixel_centers: bool = false")
      .Doc("Images in another size, of the nearest pixels")
      .Shape([](ShapeContext& c) { ResizedShape(c, 1); })
      // y repeats pixels of x: each pixel gets the sum over its copies
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const In size = SizeOf2(g.b, g.x(0));
        return {g.b.Op("ResizeNearestNeighborGrad", {g.dy(), size}, GridAttrs(*g.op)), {}};
      })
      .Lower(LowerNearest);
  r.Op("ResizeNearestNeighborGrad")
      .Input("grads: T")
      .Input("size: int32")
      .Output("output: T")
      .Attr("T: {uint8, int8, int32, half, float, double, bfloat16}")
      .Attr("align_corners: bool = false")
      .Attr("half_pixel_centers: bool = false")
      .Doc("Gradient of ResizeNearestNeighbor")
      .Shape([](ShapeContext& c) { ResizedShape(c, 1); })
      .Gradient(AdjointGradient("ResizeNearestNeighbor"))
      .Lower(LowerNearestGrad);
}

// --- scale and translate ---------------------------------------------------------------------

// Taps of both axes between images of `in` and `out` pixels.
std::pair<Taps, Taps> TapsOfScale(const LoweringContext& c, int scale_input, const Dims& in,
                                  int64_t rows, int64_t columns) {
  const Array scale = c.constant(scale_input), shift = c.constant(scale_input + 1);
  if (scale.size() != 2) c.Fail("scale must have two elements");
  if (shift.size() != 2) c.Fail("translation must have two elements");
  const std::string& kernel = c.op.string_attr("kernel_type");
  const bool antialias = c.op.bool_attr("antialias");
  const auto taps = [&](int64_t from, int64_t to, int64_t i) {
    if (from <= 0) c.Fail("input image must be of non-zero size");
    return image::ScaledTaps(from, to, scale.data<float>()[i], shift.data<float>()[i], kernel,
                             antialias);
  };
  return {taps(in[1], rows, 0), taps(in[2], columns, 1)};
}

void LowerScale(LoweringContext& c) {
  CheckImages(c, 0);
  const auto [rows, columns] = SizeInput(c, 1);
  const auto [vertical, horizontal] = TapsOfScale(c, 2, c.dims(0), rows, columns);
  const Value x = c.b.Cast(c.x(), DType::kFloat32);
  c.set(image::Resample(c.b, x, vertical, horizontal));
}

void LowerScaleGrad(LoweringContext& c) {
  CheckImages(c, 0);
  CheckImages(c, 1);
  const Dims small = c.dims(0), dims = c.dims(1);
  const auto [vertical, horizontal] = TapsOfScale(c, 2, dims, small[1], small[2]);
  c.set(image::Spread(c.b, c.x(0), vertical, horizontal, dims[1], dims[2]));
}

AttrMap ScaleAttrs(const Operation& op) {
  return {{"kernel_type", op.string_attr("kernel_type")}, {"antialias", op.bool_attr("antialias")}};
}

void RegisterScale(OpRegistry& r) {
  r.Op("ScaleAndTranslate")
      .Input("images: T")
      .Input("size: int32")
      .Input("scale: float")
      .Input("translation: float")
      .Output("resized_images: float")
      .Attr(kImageT)
      .Attr("kernel_type: string = 'lanczos3'")
      .Attr("antialias: bool = true")
      .Doc("Images scaled, moved and cut to a size, by a chosen kernel")
      .Shape([](ShapeContext& c) { ResizedShape(c, 1); })
      // y is linear in x: dx = its adjoint of dy
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const Tensor x = g.b.Cast(g.x(0), DType::kFloat32);
        const Tensor dx =
            g.b.Op("ScaleAndTranslateGrad", {g.dy(), x, g.x(2), g.x(3)}, ScaleAttrs(*g.op));
        return {g.b.Cast(dx, g.x(0).dtype()), {}, {}, {}};
      })
      .Lower(LowerScale);
  r.Op("ScaleAndTranslateGrad")
      .Input("grads: T")
      .Input("original_image: T")
      .Input("scale: float")
      .Input("translation: float")
      .Output("output: T")
      .Attr("T: {float}")
      .Attr("kernel_type: string = 'lanczos3'")
      .Attr("antialias: bool = true")
      .Doc("Gradient of ScaleAndTranslate")
      .Shape([](ShapeContext& c) { c.set_output(0, c.input(1)); })
      // The adjoint is linear too: ddy = ScaleAndTranslate of ddx
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const In size = SizeOf2(g.b, g.x(0));
        return {g.b.Op("ScaleAndTranslate", {g.dy(), size, g.x(2), g.x(3)}, ScaleAttrs(*g.op)),
                {},
                {},
                {}};
      })
      .Lower(LowerScaleGrad);
}

}  // namespace

void RegisterImageResizeOps(OpRegistry& r) {
  RegisterWeighted(r, "ResizeBilinear", "T: {float, bfloat16, half, double}", image::BilinearTaps,
                   "bilinear");
  RegisterWeighted(r, "ResizeBicubic", "T: {float, double}", image::BicubicTaps, "bicubic");
  RegisterNearest(r);
  RegisterScale(r);
  r.Op("ResizeArea")
      .Input("images: T")
      .Input("size: int32")
      .Output("resized_images: float")
      .Attr(kImageT)
      .Attr("align_corners: bool = false")
      .Doc("Images in another size, each pixel the mean of the area it covers")
      .Shape([](ShapeContext& c) { ResizedShape(c, 1); })
      .NoGradient()
      .Lower(LowerResize(image::AreaTaps));
}

}  // namespace wengert
