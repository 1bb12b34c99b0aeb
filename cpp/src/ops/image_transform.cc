// ImageProjectiveTransform: images seen through a projective map.
#include <algorithm>
#include <cmath>
#include <string>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using Ints = std::vector<int64_t>;

enum class Fill { kConstant, kReflect, kWrap, kNearest };

Fill ParseFill(const std::string& name) {
  if (name == "CONSTANT") return Fill::kConstant;
  if (name == "REFLECT") return Fill::kReflect;
  if (name == "WRAP") return Fill::kWrap;
  if (name == "NEAREST") return Fill::kNearest;
  throw InvalidArgument("Invalid fill_mode " + name +
                        ". Supported values: CONSTANT, REFLECT, WRAP, NEAREST");
}

// A coordinate beyond the image brought back into it.
float Inside(float at, int64_t length, Fill fill) {
  const float n = static_cast<float>(length), last = n - 1;
  if (fill == Fill::kConstant) return at;
  if (fill == Fill::kReflect && (at < 0 || at > last)) {
    // Period 2n: the image, then its mirror image; the edge itself is repeated.
    at = std::fmod(at, 2 * n);
    if (at < 0) at = at < -n ? at + 2 * n : -at - 1;
    if (at >= n) at = 2 * n - at - 1;
  } else if (fill == Fill::kWrap && (at < 0 || at > last)) {
    // TensorFlow's period, which is taken of distances between the outer pixels.
    const int64_t between = length - 1;
    if (between == 0) return 0;
    const float turns = at < 0 ? std::trunc(-at / static_cast<float>(between)) + 1
                               : -std::trunc(at / static_cast<float>(between));
    at += n * turns;
  }
  return std::min(std::max(at, 0.0f), last);
}

struct Plan {
  Dims image;  // [batch, height, width, channels]
  int64_t rows, columns;
  bool bilinear;
  Fill fill;
};

void Transform(const Plan& plan, const double* images, const float* transforms, bool one_for_all,
               double outside, double* out) {
  const int64_t h = plan.image[1], w = plan.image[2], channels = plan.image[3];
  for (int64_t n = 0; n < plan.image[0]; ++n) {
    const float* t = transforms + (one_for_all ? 0 : 8 * n);
    const double* image = images + n * h * w * channels;
    const auto read = [&](float y, float x, int64_t k) {
      const bool inside =
          y >= 0 && y < static_cast<float>(h) && x >= 0 && x < static_cast<float>(w);
      if (!inside) return outside;
      return image[(static_cast<int64_t>(y) * w + static_cast<int64_t>(x)) * channels + k];
    };
    for (int64_t row = 0; row < plan.rows; ++row) {
      for (int64_t column = 0; column < plan.columns; ++column, out += channels) {
        const float x = static_cast<float>(column), y = static_cast<float>(row);
        const float depth = t[6] * x + t[7] * y + 1;
        if (depth == 0) {
          std::fill_n(out, channels, outside);
          continue;
        }
        const float at_x = Inside((t[0] * x + t[1] * y + t[2]) / depth, w, plan.fill);
        const float at_y = Inside((t[3] * x + t[4] * y + t[5]) / depth, h, plan.fill);
        for (int64_t k = 0; k < channels; ++k) {
          if (!plan.bilinear) {
            out[k] = read(std::round(at_y), std::round(at_x), k);
            continue;
          }
          const float y0 = std::floor(at_y), x0 = std::floor(at_x);
          const double dy = at_y - y0, dx = at_x - x0;
          const double upper = (1 - dx) * read(y0, x0, k) + dx * read(y0, x0 + 1, k);
          const double lower = (1 - dx) * read(y0 + 1, x0, k) + dx * read(y0 + 1, x0 + 1, k);
          out[k] = (1 - dy) * upper + dy * lower;
        }
      }
    }
  }
}

void LowerTransform(LoweringContext& c) {
  const Dims image = c.dims(0), transforms = c.dims(1);
  if (image.size() != 4) c.Fail("images must be 4-D, got shape " + ToString(image));
  if (transforms.size() != 2 || transforms[1] != 8 ||
      (transforms[0] != 1 && transforms[0] != image[0])) {
    c.Fail("Input transform should be num_images x 8 or 1 x 8, got shape " + ToString(transforms));
  }
  const Ints size = op_util::VectorInts(c, 2, "output_shape");
  if (size.size() != 2) c.Fail("output shape must have two elements");
  if (size[0] <= 0 || size[1] <= 0) c.Fail("new dimensions must be positive");
  if (image[1] <= 0 || image[2] <= 0) c.Fail("image dimensions must be positive");
  const std::string& interpolation = c.op.string_attr("interpolation");
  if (interpolation != "NEAREST" && interpolation != "BILINEAR") {
    c.Fail("Invalid interpolation " + interpolation + ". Supported types: NEAREST, BILINEAR");
  }
  const Plan plan{image, size[0], size[1], interpolation == "BILINEAR",
                  ParseFill(c.op.string_attr("fill_mode"))};
  KernelSpec spec;
  spec.name = "ImageProjectiveTransform";
  spec.dtypes = {DType::kFloat64};
  spec.dims = {{image[0], size[0], size[1], image[3]}};
  NumElements(spec.dims[0]);
  spec.run = [plan](const std::vector<Array>& in, std::vector<Array>& out) {
    const double outside = in.size() > 2 ? in[2].AsDouble(0) : 0.0;
    Transform(plan, in[0].data<double>(), in[1].data<float>(), in[1].dims()[0] == 1, outside,
              out[0].data<double>());
  };
  std::vector<Value> args{c.b.Cast(c.x(0), DType::kFloat64), c.x(1)};
  if (c.in.size() > 3) {
    if (c.b.size(c.x(3)) != 1) c.Fail("fill_value must be a scalar");
    args.push_back(c.x(3));
  }
  c.set(c.b.Cast(c.b.Kernel(std::move(spec), args).at(0), c.dtype(0)));
}

void TransformShape(ShapeContext& c) {
  const Shape image = c.WithRank(0, 4);
  c.WithRank(1, 2);
  c.WithRank(2, 1);
  Dims dims{image.dim(0), kUnknownDim, kUnknownDim, image.dim(3)};
  const std::optional<Ints> size = op_util::StaticInts(c, 2);
  if (size) {
    if (size->size() != 2) c.Fail("Dimension must be 2 but is " + std::to_string(size->size()));
    std::copy(size->begin(), size->end(), dims.begin() + 1);
  }
  c.set_output(0, Shape(std::move(dims)));
}

// Rows of 8 numbers as 3 x 3 matrices, whose last number is 1.
Tensor Matrices(Builder& b, const Tensor& transforms) {
  const Builder::Scope scope = b.NameScope("flat_transforms_to_matrices");
  const Tensor flat = b.Reshape(transforms, b.Constant(op_util::IntVector(DType::kInt32, {-1, 8})));
  const Tensor shape = b.ShapeOf(flat);
  const Tensor count = b.StridedSlice(shape, Ints{0}, Ints{1}, Ints{1}, 0, 0, 1);
  const Tensor ones = b.Ones(std::vector<In>{In(count), In(1)}, flat.dtype());
  const Tensor full = b.Concat({In(flat), In(ones)}, 1);
  return b.Reshape(full, b.Constant(op_util::IntVector(DType::kInt32, {-1, 3, 3}), "Const"));
}

Tensor Rows(Builder& b, const Tensor& matrices) {
  const Builder::Scope scope = b.NameScope("matrices_to_flat_transforms");
  const Tensor flat = b.Reshape(matrices, b.Constant(op_util::IntVector(DType::kInt32, {-1, 9})));
  const Tensor last = b.StridedSlice(flat, Ints{0, 8}, Ints{0, 9}, Ints{1, 1}, 1, 1);
  const Tensor scaled = b.TrueDiv(flat, last);
  return b.StridedSlice(scaled, Ints{0, 0}, Ints{0, 8}, Ints{1, 1}, 3, 1);
}

// As TensorFlow has it: dy seen through the inverse map. That is the adjoint where the map
// moves pixels onto pixels, and close to it elsewhere.
std::vector<Grad> TransformGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor dy = g.dy();
  const Tensor inverse = Rows(b, b.Op("MatrixInverse", {Matrices(b, g.x(1))}));
  const Tensor shape = b.ShapeOf(g.x(0));
  const Tensor size = b.StridedSlice(shape, Ints{1}, Ints{3}, Ints{1});
  const AttrMap attrs{{"interpolation", g.op->string_attr("interpolation")},
                      {"fill_mode", g.op->string_attr("fill_mode")}};
  if (g.op->num_inputs() == 3) return {b.Op(g.op->type(), {dy, inverse, size}, attrs), {}, {}};
  return {b.Op(g.op->type(), {dy, inverse, size, 0.0}, attrs), {}, {}, {}};
}

}  // namespace

void RegisterImageTransformOps(OpRegistry& r) {
  for (const bool filled : {false, true}) {
    OpDef& op = r.Op(filled ? "ImageProjectiveTransformV3" : "ImageProjectiveTransformV2");
    op.Input("images: dtype").Input("transforms: float").Input("output_shape: int32");
    if (filled) op.Input("fill_value: float");
    op.Output("transformed_images: dtype")
        .Attr("dtype: {uint8, int32, int64, half, bfloat16, float, double}")
        .Attr("interpolation: string")
        .Attr("fill_mode: string = 'CONSTANT'")
        .Doc("Images seen through a projective map of their places")
        .Shape(TransformShape)
        .Gradient(TransformGradient)
        .Lower(LowerTransform);
  }
}

}  // namespace wengert
