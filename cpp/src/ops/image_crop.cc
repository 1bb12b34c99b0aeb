// CropAndResize: boxes cut out of images and resampled, and its two gradients.
#include <algorithm>
#include <cmath>
#include <string>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

constexpr char kCropT[] = "T: {uint8, uint16, int8, int16, int32, int64, half, float, double}";

// One axis of a box: where the places of the crop lie in the image, and how that depends on
// the ends of the box.
struct Axis {
  float low, high;  // of the box, in units of the image
  int64_t in, out;

  float Position(int64_t place) const {
    const float span = static_cast<float>(in - 1);
    if (out == 1) return 0.5f * (low + high) * span;
    const float step = (high - low) * span / static_cast<float>(out - 1);
    return low * span + static_cast<float>(place) * step;
  }
  // Derivatives of the position along both ends.
  float AlongLow(int64_t place) const {
    const float span = static_cast<float>(in - 1);
    if (out == 1) return 0.5f * span;
    return span - AlongHigh(place);
  }
  float AlongHigh(int64_t place) const {
    const float span = static_cast<float>(in - 1);
    if (out == 1) return 0.5f * span;
    return static_cast<float>(place) * span / static_cast<float>(out - 1);
  }
};

// The two pixels around a position, and the share of the second. Nearest: twice the same.
struct Between {
  bool inside = false;
  int64_t first = 0, second = 0;
  double share = 0;
};

Between Locate(float at, int64_t length, bool nearest) {
  Between b;
  b.inside = at >= 0 && at <= static_cast<float>(length - 1);  // false for NaN
  if (!b.inside) return b;
  if (nearest) {
    b.first = b.second = static_cast<int64_t>(std::round(at));
    return b;
  }
  b.first = static_cast<int64_t>(std::floor(at));
  b.second = static_cast<int64_t>(std::ceil(at));
  b.share = static_cast<double>(at) - std::floor(static_cast<double>(at));
  return b;
}

struct Crops {
  Dims image;  // [batch, height, width, channels]
  int64_t count, rows, columns;
  bool nearest;
  int64_t channels() const { return image[3]; }
  int64_t Pixel(int64_t n, int64_t y, int64_t x) const {
    return ((n * image[1] + y) * image[2] + x) * image[3];
  }
};

// Calls visit(box, image number, y, x, vertical axis, horizontal axis, place of the first
// channel in the crops) for every pixel of every crop.
template <class F>
void ForPixels(const Crops& crops, const Array& boxes, const Array& which, F&& visit) {
  for (int64_t i = 0; i < crops.count; ++i) {
    const float* box = boxes.data<float>() + 4 * i;
    const int64_t n = which.data<int32_t>()[i];
    if (n < 0 || n >= crops.image[0]) {
      throw Error(ErrorKind::kOutOfRange,
                  "box_index has values outside [0, batch_size): " + std::to_string(n) +
                      " is not in [0, " + std::to_string(crops.image[0]) + ")");
    }
    const Axis vertical{box[0], box[2], crops.image[1], crops.rows};
    const Axis horizontal{box[1], box[3], crops.image[2], crops.columns};
    for (int64_t y = 0; y < crops.rows; ++y) {
      for (int64_t x = 0; x < crops.columns; ++x) {
        const int64_t place = ((i * crops.rows + y) * crops.columns + x) * crops.channels();
        visit(i, n, y, x, vertical, horizontal, place);
      }
    }
  }
}

void CheckBoxes(const LoweringContext& c, int boxes, int which) {
  const Dims b = c.dims(boxes), w = c.dims(which);
  if (b.size() != 2 || b[1] != 4) c.Fail("boxes must have 4 columns, got shape " + ToString(b));
  if (w.size() != 1 || w[0] != b[0]) {
    c.Fail("box_index must have one element per box, got shapes " + ToString(w) + " and " +
           ToString(b));
  }
}

void CheckImage(const LoweringContext& c, const Dims& image) {
  if (image.size() != 4) c.Fail("input image must be 4-D, got shape " + ToString(image));
  if (image[1] <= 0 || image[2] <= 0) c.Fail("image dimensions must be positive");
}

void LowerCrop(LoweringContext& c) {
  CheckImage(c, c.dims(0));
  CheckBoxes(c, 1, 2);
  const std::vector<int64_t> size = op_util::VectorInts(c, 3, "crop_size");
  if (size.size() != 2) c.Fail("crop_size must have two elements");
  if (size[0] <= 0 || size[1] <= 0) c.Fail("crop dimensions must be positive");
  const Crops crops{c.dims(0), c.dims(1)[0], size[0], size[1],
                    c.op.string_attr("method") == "nearest"};
  const float outside = c.op.float_attr("extrapolation_value");
  KernelSpec spec;
  spec.name = "CropAndResize";
  spec.dtypes = {DType::kFloat32};
  spec.dims = {{crops.count, size[0], size[1], crops.channels()}};
  NumElements(spec.dims[0]);
  spec.run = [crops, outside](const std::vector<Array>& in, std::vector<Array>& out) {
    const double* image = in[0].data<double>();
    float* crop = out[0].data<float>();
    ForPixels(
        crops, in[1], in[2],
        [&](int64_t, int64_t n, int64_t y, int64_t x, const Axis& v, const Axis& h, int64_t place) {
          const Between r = Locate(v.Position(y), v.in, crops.nearest);
          const Between q = Locate(h.Position(x), h.in, crops.nearest);
          float* to = crop + place;
          if (!r.inside || !q.inside) {
            std::fill_n(to, crops.channels(), outside);
            return;
          }
          const double* tl = image + crops.Pixel(n, r.first, q.first);
          const double* tr = image + crops.Pixel(n, r.first, q.second);
          const double* bl = image + crops.Pixel(n, r.second, q.first);
          const double* br = image + crops.Pixel(n, r.second, q.second);
          for (int64_t k = 0; k < crops.channels(); ++k) {
            const double top = tl[k] + (tr[k] - tl[k]) * q.share;
            const double bottom = bl[k] + (br[k] - bl[k]) * q.share;
            to[k] = static_cast<float>(top + (bottom - top) * r.share);
          }
        });
  };
  c.out = c.b.Kernel(std::move(spec), {c.b.Cast(c.x(0), DType::kFloat64), c.x(1), c.x(2)});
}

Crops CropsOfGrads(const LoweringContext& c, const Dims& image, bool nearest) {
  const Dims grads = c.dims(0);
  if (grads.size() != 4) c.Fail("grads image must be 4-D, got shape " + ToString(grads));
  if (grads[3] != image[3]) c.Fail("image_size and grads are incompatible: channels differ");
  if (grads[1] <= 0 || grads[2] <= 0) c.Fail("grads dimensions must be positive");
  return {image, grads[0], grads[1], grads[2], nearest};
}

// Spreads the gradient of each crop over the pixels it was made of.
void LowerGradImage(LoweringContext& c) {
  const Dims image = op_util::VectorInts(c, 3, "image_size");
  CheckImage(c, image);
  if (image[0] < 0 || image[3] < 0) c.Fail("image_size must not be negative");
  CheckBoxes(c, 1, 2);
  const Crops crops = CropsOfGrads(c, image, c.op.string_attr("method") == "nearest");
  if (crops.count != c.dims(1)[0]) c.Fail("boxes and grads have incompatible shape");
  KernelSpec spec;
  spec.name = "CropAndResizeGradImage";
  spec.dtypes = {DType::kFloat64};
  spec.dims = {image};
  spec.run = [crops](const std::vector<Array>& in, std::vector<Array>& out) {
    double* image = out[0].data<double>();
    std::fill_n(image, out[0].size(), 0.0);
    ForPixels(
        crops, in[1], in[2],
        [&](int64_t, int64_t n, int64_t y, int64_t x, const Axis& v, const Axis& h, int64_t place) {
          const Between r = Locate(v.Position(y), v.in, crops.nearest);
          const Between q = Locate(h.Position(x), h.in, crops.nearest);
          if (!r.inside || !q.inside) return;
          const float* from = in[0].data<float>() + place;
          for (int corner = 0; corner < 4; ++corner) {
            const bool low = corner >= 2, right = corner % 2 == 1;
            const double w = (low ? r.share : 1 - r.share) * (right ? q.share : 1 - q.share);
            double* to =
                image + crops.Pixel(n, low ? r.second : r.first, right ? q.second : q.first);
            for (int64_t k = 0; k < crops.channels(); ++k) to[k] += w * from[k];
          }
        });
  };
  const Value v = c.b.Kernel(std::move(spec), {c.x(0), c.x(1), c.x(2)}).at(0);
  c.set(c.b.Cast(v, c.op.type_attr("T")));
}

// The derivative along each end of a box: through the positions, of the slope of the image.
void LowerGradBoxes(LoweringContext& c) {
  CheckImage(c, c.dims(1));
  CheckBoxes(c, 2, 3);
  const Crops crops = CropsOfGrads(c, c.dims(1), false);
  if (crops.count != c.dims(2)[0]) c.Fail("boxes and grads have incompatible shape");
  KernelSpec spec;
  spec.name = "CropAndResizeGradBoxes";
  spec.dtypes = {DType::kFloat64};
  spec.dims = {{crops.count, 4}};
  spec.run = [crops](const std::vector<Array>& in, std::vector<Array>& out) {
    const double* image = in[1].data<double>();
    double* to = out[0].data<double>();
    std::fill_n(to, out[0].size(), 0.0);
    ForPixels(crops, in[2], in[3],
              [&](int64_t i, int64_t n, int64_t y, int64_t x, const Axis& v, const Axis& h,
                  int64_t place) {
                const Between r = Locate(v.Position(y), v.in, false);
                const Between q = Locate(h.Position(x), h.in, false);
                if (!r.inside || !q.inside) return;
                const float* dy = in[0].data<float>() + place;
                const double* tl = image + crops.Pixel(n, r.first, q.first);
                const double* tr = image + crops.Pixel(n, r.first, q.second);
                const double* bl = image + crops.Pixel(n, r.second, q.first);
                const double* br = image + crops.Pixel(n, r.second, q.second);
                double down = 0, across = 0;
                for (int64_t k = 0; k < crops.channels(); ++k) {
                  down += dy[k] * ((1 - q.share) * (bl[k] - tl[k]) + q.share * (br[k] - tr[k]));
                  across += dy[k] * ((1 - r.share) * (tr[k] - tl[k]) + r.share * (br[k] - bl[k]));
                }
                double* box = to + 4 * i;
                box[0] += down * v.AlongLow(y);
                box[1] += across * h.AlongLow(x);
                box[2] += down * v.AlongHigh(y);
                box[3] += across * h.AlongHigh(x);
              });
  };
  const Value image = c.b.Cast(c.x(1), DType::kFloat64);
  const Value v = c.b.Kernel(std::move(spec), {c.x(0), image, c.x(2), c.x(3)}).at(0);
  c.set(c.b.Cast(v, DType::kFloat32));
}

void CropShape(ShapeContext& c) {
  const Shape image = c.WithRank(0, 4), boxes = c.WithRank(1, 2);
  const Shape which = c.WithRank(2, 1);
  c.WithRank(3, 1);
  if (boxes.dim(1) >= 0 && boxes.dim(1) != 4) {
    c.Fail("Dimension must be 4 but is " + std::to_string(boxes.dim(1)));
  }
  Dims dims{c.MergeDims(boxes.dim(0), which.dim(0)), kUnknownDim, kUnknownDim, image.dim(3)};
  const std::optional<std::vector<int64_t>> size = op_util::StaticInts(c, 3);
  if (size && size->size() == 2) std::copy(size->begin(), size->end(), dims.begin() + 1);
  c.set_output(0, Shape(std::move(dims)));
}

// y is linear in the image and piecewise smooth in the boxes
std::vector<Grad> CropGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor& image = g.x(0);
  const bool known = image.shape().fully_defined();
  const In size =
      known ? In(op_util::IntVector(DType::kInt32, image.shape().dims())) : In(b.ShapeOf(image));
  const Tensor dy = g.dy();
  Grad dimage;
  if (IsFloating(image.dtype())) {
    dimage = b.Op("CropAndResizeGradImage", {dy, g.x(1), g.x(2), size},
                  {{"T", image.dtype()}, {"method", g.op->string_attr("method")}});
  }
  return {dimage, b.Op("CropAndResizeGradBoxes", {dy, image, g.x(1), g.x(2)}), {}, {}};
}

}  // namespace

void RegisterImageCropOps(OpRegistry& r) {
  r.Op("CropAndResize")
      .Input("image: T")
      .Input("boxes: float")
      .Input("box_ind: int32")
      .Input("crop_size: int32")
      .Output("crops: float")
      .Attr(kCropT)
      .Attr("method: {'bilinear', 'nearest'} = 'bilinear'")
      .Attr("extrapolation_value: float = 0")
      .Doc("Boxes cut out of images, each resampled to one size")
      .Shape(CropShape)
      .Gradient(CropGradient)
      .Lower(LowerCrop);
  r.Op("CropAndResizeGradImage")
      .Input("grads: float")
      .Input("boxes: float")
      .Input("box_ind: int32")
      .Input("image_size: int32")
      .Output("output: T")
      .Attr("T: {float, half, double}")
      .Attr("method: {'bilinear', 'nearest'} = 'bilinear'")
      .Doc("Gradient of CropAndResize with respect to the images")
      .Shape([](ShapeContext& c) {
        const Shape s = c.input_as_shape(3);
        c.set_output(0, s.has_rank() ? s : Shape::UnknownOfRank(4));
      })
      .NoGradient()
      .Lower(LowerGradImage);
  r.Op("CropAndResizeGradBoxes")
      .Input("grads: float")
      .Input("image: T")
      .Input("boxes: float")
      .Input("box_ind: int32")
      .Output("output: float")
      .Attr(kCropT)
      .Attr("method: {'bilinear'} = 'bilinear'")
      .Doc("Gradient of CropAndResize with respect to the boxes")
      .Shape([](ShapeContext& c) { c.set_output(0, c.WithRank(2, 2)); })
      .NoGradient()
      .Lower(LowerGradBoxes);
}

}  // namespace wengert
