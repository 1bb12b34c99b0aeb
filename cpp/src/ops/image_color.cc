// Ops on the colours of images: RGBToHSV, HSVToRGB and adjustments.
#include <string>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

constexpr char kColorT[] = "T: {half, bfloat16, float, double} = float";

struct Colors {
  Value a, b, c;  // red, green, blue, or hue, saturation, value; the last axis has length 1
};

Colors Split(LoweringContext& c, Value x) {
  const Dims dims = c.b.dims(x);
  const auto take = [&](int64_t i) {
    Dims begin(dims.size(), 0), size = dims;
    begin.back() = i;
    size.back() = 1;
    return c.b.Slice(x, begin, size, Dims(dims.size(), 1));
  };
  return {take(0), take(1), take(2)};
}

Value Join(Lowering& b, const Colors& v) {
  return b.Concat({v.a, v.b, v.c}, b.rank(v.a) - 1);
}

Value Both(Lowering& b, ScalarOp op, Value x, Value y) {
  return b.Map(op, x, y);
}

// Hue in turns, saturation and value.
Colors ToHsv(Lowering& b, const Colors& rgb) {
  const Value most = Both(b, ScalarOp::kMaximum, Both(b, ScalarOp::kMaximum, rgb.a, rgb.b), rgb.c);
  const Value least = Both(b, ScalarOp::kMinimum, Both(b, ScalarOp::kMinimum, rgb.a, rgb.b), rgb.c);
  const Value range = b.Sub(most, least);
  const Value zero = b.Mul(range, 0.0);
  const Value saturation = b.Select(b.Map(ScalarOp::kGreater, most, 0.0), b.Div(range, most), zero);
  const Value unit = b.Div(b.Scalar(b.dtype(range), 1), b.Mul(range, 6.0));
  const Value from_red = b.Mul(unit, b.Sub(rgb.b, rgb.c));
  const Value from_green = b.Add(b.Mul(unit, b.Sub(rgb.c, rgb.a)), 2.0 / 6);
  const Value from_blue = b.Add(b.Mul(unit, b.Sub(rgb.a, rgb.b)), 4.0 / 6);
  Value hue = b.Select(Both(b, ScalarOp::kEqual, rgb.a, most), from_red,
                       b.Select(Both(b, ScalarOp::kEqual, rgb.b, most), from_green, from_blue));
  hue = b.Select(b.Map(ScalarOp::kGreater, range, 0.0), hue, zero);
  hue = b.Select(b.Map(ScalarOp::kLess, hue, 0.0), b.Add(hue, 1.0), hue);
  return {hue, saturation, most};
}

Colors ToRgb(Lowering& b, const Colors& hsv) {
  const Value turn = b.Mul(hsv.a, 6.0);
  const auto clipped = [&](Value v) {
    return b.Map(ScalarOp::kMinimum, b.Map(ScalarOp::kMaximum, v, 0.0), 1.0);
  };
  const auto distance = [&](double from) { return b.Map(ScalarOp::kAbs, b.Add(turn, -from)); };
  const Value red = clipped(b.Add(distance(3), -1.0));
  const Value green = clipped(b.Sub(2.0, distance(2)));
  const Value blue = clipped(b.Sub(2.0, distance(4)));
  const Value grey = b.Sub(1.0, hsv.b);
  const auto mix = [&](Value v) { return b.Mul(b.Add(grey, b.Mul(hsv.b, v)), hsv.c); };
  return {mix(red), mix(green), mix(blue)};
}

// The rule in float32 at least, over the colours along the last axis.
template <class F>
LoweringFn OnColors(F rule) {
  return [rule](LoweringContext& c) {
    const Dims dims = c.dims(0);
    if (dims.empty()) c.Fail("input must be at least 1D, got shape []");
    if (dims.back() != 3) {
      c.Fail("input must have 3 channels but instead has " + std::to_string(dims.back()) +
             " channels.");
    }
    const DType wide = op_util::AccumulatorType(c.dtype(0));
    const Value y = Join(c.b, rule(c, Split(c, c.b.Cast(c.x(0), wide))));
    c.set(c.b.Cast(y, c.dtype(0)));
  };
}

void ColorShape(ShapeContext& c) {
  const Shape in = c.WithRankAtLeast(0, 1);
  if (in.has_rank() && in.dim(in.rank() - 1) >= 0 && in.dim(in.rank() - 1) != 3) {
    c.Fail("Dimension must be 3 but is " + std::to_string(in.dim(in.rank() - 1)));
  }
  c.set_output(0, in);
}

// With M the largest and m the smallest of r, g, b, d = M - m, and n = g - b, b - r or r - g
// where M is r, g or b:
//   v = M,  s = 1 - m / M,  h = n / (6 d) + const
// so that dM/dx and dm/dx (1 for one colour, 0 for the others) give
//   dv/dx = dM/dx,  ds/dx = m/M^2 dM/dx - 1/M dm/dx,
//   dh/dx = (dn/dx - n/d (dM/dx - dm/dx)) / (6 d)
std::vector<Grad> ToHsvGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor &x = g.x(0), dy = g.dy();
  const DType type = x.dtype();
  const auto parts = [&](const Tensor& t) {
    Operation* op = b.AddOp("Split", {-1, t}, {{"num_split", int64_t{3}}}, "split");
    return std::vector<Tensor>{op->output(0), op->output(1), op->output(2)};
  };
  const auto mask = [&](const char* first, const char* second, const Tensor& t, const Tensor& u,
                        const Tensor& v) {
    const Tensor both = b.Op("LogicalAnd", {b.Op(first, {t, u}), b.Op(second, {t, v})}, {}, "and");
    return b.Cast(both, type);
  };
  const std::vector<Tensor> color = parts(x), grad = parts(dy);
  const Tensor &r = color[0], &gr = color[1], &bl = color[2];
  // Of equal colours the first is the largest and the last the smallest.
  const Tensor most[] = {mask("GreaterEqual", "GreaterEqual", r, gr, bl),
                         mask("Greater", "GreaterEqual", gr, r, bl),
                         mask("Greater", "Greater", bl, r, gr)};
  const Tensor least[] = {mask("Less", "Less", r, gr, bl), mask("LessEqual", "Less", gr, r, bl),
                          mask("LessEqual", "LessEqual", bl, r, gr)};
  const auto sum = [&](const Tensor* weights) {
    Tensor total = b.Multiply(weights[0], color[0]);
    for (size_t i = 1; i < 3; ++i) total = b.Add(total, b.Multiply(weights[i], color[i]));
    return total;
  };
  const Tensor largest = sum(most), smallest = sum(least);
  const Tensor range = b.Subtract(largest, smallest);
  const auto inverse = [&](const Tensor& t) {
    return b.Op("DivNoNan", {Array::FromDouble(type, 1), t}, {}, "div_no_nan");
  };
  Tensor numerator;
  for (size_t i = 0; i < 3; ++i) {
    const Tensor difference = b.Subtract(color[(i + 1) % 3], color[(i + 2) % 3]);
    const Tensor term = b.Multiply(most[i], difference);
    numerator = i == 0 ? term : b.Add(numerator, term);
  }
  const Tensor unit = inverse(b.Multiply(range, 6.0));
  const Tensor slope = b.Multiply(numerator, inverse(range));
  const Tensor over_most = inverse(largest);
  const Tensor share = b.Multiply(smallest, b.Multiply(over_most, over_most));
  std::vector<In> dx;
  for (size_t i = 0; i < 3; ++i) {
    // dn/dx: + where x comes after the largest colour in the circle r g b, - two after.
    const Tensor dn = b.Subtract(most[(i + 2) % 3], most[(i + 1) % 3]);
    const Tensor spread = b.Multiply(slope, b.Subtract(most[i], least[i]));
    const Tensor dh = b.Multiply(b.Subtract(dn, spread), unit);
    const Tensor ds = b.Subtract(b.Multiply(share, most[i]), b.Multiply(over_most, least[i]));
    const Tensor hue_part = b.Multiply(grad[0], dh);
    const Tensor part = b.Add(hue_part, b.Multiply(grad[1], ds));
    dx.push_back(In(b.Add(part, b.Multiply(grad[2], most[i]))));
  }
  return {b.Concat(dx, -1)};
}

Value ScalarInput(LoweringContext& c, int input, const char* name) {
  if (c.b.size(c.x(input)) != 1)
    c.Fail(std::string(name) + " must be scalar: " + ToString(c.dims(input)));
  return c.b.Reshape(c.x(input), {});
}

// Channels scaled about their means over height and width.
void LowerContrast(LoweringContext& c) {
  const int rank = static_cast<int>(c.dims(0).size());
  if (rank < 3) c.Fail("input must be at least 3-D, got shape" + ToString(c.dims(0)));
  const Value factor = ScalarInput(c, 1, "contrast_factor");
  const Value x = c.b.Cast(c.x(0), DType::kFloat32);
  const Dims dims = c.dims(0);
  const double pixels = static_cast<double>(dims[static_cast<size_t>(rank - 3)]) *
                        static_cast<double>(dims[static_cast<size_t>(rank - 2)]);
  const Value sum = c.b.Reduce(ReduceOp::kSum, x, {rank - 3, rank - 2}, true);
  const Value mean = c.b.Mul(sum, pixels > 0 ? 1 / pixels : 0.0);
  const Value y = c.b.Add(c.b.Mul(c.b.Sub(x, mean), factor), mean);
  c.set(c.b.Cast(y, c.dtype(0)));
}

Colors ShiftHue(LoweringContext& c, const Colors& rgb) {
  Colors hsv = ToHsv(c.b, rgb);
  const Value turned = c.b.Add(hsv.a, ScalarInput(c, 1, "delta"));
  hsv.a = c.b.Sub(turned, c.b.Map(ScalarOp::kFloor, turned));
  return ToRgb(c.b, hsv);
}

Colors ScaleSaturation(LoweringContext& c, const Colors& rgb) {
  Colors hsv = ToHsv(c.b, rgb);
  const Value scaled = c.b.Mul(hsv.b, ScalarInput(c, 1, "scale"));
  hsv.b = c.b.Map(ScalarOp::kMinimum, c.b.Map(ScalarOp::kMaximum, scaled, 0.0), 1.0);
  return ToRgb(c.b, hsv);
}

void RegisterAdjustment(OpRegistry& r, const std::string& name, const std::string& factor,
                        LoweringFn lowering, const std::string& doc) {
  r.Op(name)
      .Input("images: T")
      .Input(factor + ": float")
      .Output("output: T")
      .Attr("T: {half, float} = float")
      .Doc(doc)
      .Shape([](ShapeContext& c) { c.set_output(0, c.WithRankAtLeast(0, 3)); })
      .NoGradient()
      .Lower(std::move(lowering));
}

}  // namespace

void RegisterImageColorOps(OpRegistry& r) {
  r.Op("RGBToHSV")
      .Input("images: T")
      .Output("output: T")
      .Attr(kColorT)
      .Doc("Red, green and blue along the last axis as hue, saturation and value")
      .Shape(ColorShape)
      .Gradient(ToHsvGradient)
      .Lower(OnColors([](LoweringContext& c, const Colors& v) { return ToHsv(c.b, v); }));
  r.Op("HSVToRGB")
      .Input("images: T")
      .Output("output: T")
      .Attr(kColorT)
      .Doc("Hue, saturation and value along the last axis as red, green and blue")
      .Shape(ColorShape)
      .NotDifferentiable()
      .Lower(OnColors([](LoweringContext& c, const Colors& v) { return ToRgb(c.b, v); }));
  RegisterAdjustment(r, "AdjustContrastv2", "contrast_factor", LowerContrast,
                     "Images whose channels are scaled about their means");
  RegisterAdjustment(r, "AdjustHue", "delta", OnColors(ShiftHue),
                     "Images whose hues are turned by delta");
  RegisterAdjustment(r, "AdjustSaturation", "scale", OnColors(ScaleSaturation),
                     "Images whose saturations are scaled");
}

}  // namespace wengert
