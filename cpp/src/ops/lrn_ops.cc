// Local response normalisation: each channel divided by a power of the squares near it.
#include <algorithm>
#include <string>
#include <vector>

#include "ops/register.h"
#include "ops/unary_rules.h"

namespace wengert {
namespace {

using Values = std::vector<Value>;

// Sums over the channels at most `radius` away, along the last axis.
Value NearSums(Lowering& b, Value x, int64_t radius) {
  const Dims dims = b.dims(x);
  const int64_t channels = dims.back();
  radius = std::min(radius, channels - 1);
  constexpr int64_t kMostSlices = 8;
  if (radius <= kMostSlices) {
    Dims side(dims.size(), 0), begin(dims.size(), 0);
    side.back() = radius;
    const Value padded = b.Pad(x, b.Scalar(b.dtype(x), 0), side, side);
    const Dims steps(dims.size(), 1);
    Value sum;
    for (int64_t i = 0; i <= 2 * radius; ++i) {
      begin.back() = i;
      const Value part = b.Slice(padded, begin, dims, steps);
      sum = sum ? b.Add(sum, part) : part;
    }
    return sum;
  }
  const int64_t pixels = NumElements(dims) / channels;
  PoolSpec spec;
  spec.kind = PoolKind::kAverage;
  spec.window[2] = 2 * radius + 1;
  spec.pad[2] = radius;
  const Dims image{pixels, 1, 1, channels, 1};
  const Value mean = b.Pool(spec, {b.Reshape(x, image)}, image);
  std::vector<float> count;
  for (int64_t i = 0; i < channels; ++i) {
    count.push_back(
        static_cast<float>(std::min(i, radius) + std::min(channels - 1 - i, radius) + 1));
  }
  return b.Mul(b.Reshape(mean, dims), b.Constant(Array::Vector(count)));
}

struct Attrs {
  int64_t radius;
  double bias, alpha, beta;
};

Attrs ReadAttrs(const LoweringContext& c) {
  Attrs a{c.op.int_attr("depth_radius"), static_cast<double>(c.op.float_attr("bias")),
          static_cast<double>(c.op.float_attr("alpha")),
          static_cast<double>(c.op.float_attr("beta"))};
  if (a.radius < 0) c.Fail("depth_radius = " + std::to_string(a.radius) + " must not be negative");
  return a;
}

Value Norm(Lowering& b, const Attrs& a, Value x) {
  const Value squares = NearSums(b, b.Map(ScalarOp::kSquare, x), a.radius);
  return b.Add(b.Mul(squares, a.alpha), a.bias);
}

void CheckRank(const LoweringContext& c, int i) {
  if (c.dims(i).size() != 4) {
    c.Fail("in must be 4-dimensional, got shape " + ToString(c.dims(i)));
  }
}

Values LowerLrn(LoweringContext& c, const Values& in) {
  CheckRank(c, 0);
  if (NumElements(c.dims(0)) == 0) return {in[0]};
  const Attrs a = ReadAttrs(c);
  return {c.b.Mul(in[0], c.b.Map(ScalarOp::kPow, Norm(c.b, a, in[0]), -a.beta))};
}

Values LowerLrnGrad(LoweringContext& c, const Values& in) {
  CheckRank(c, 0);
  for (int i = 1; i < 3; ++i) {
    if (c.dims(i) == c.dims(0)) continue;
    c.Fail("input_grads, input_image, and out_image should have the same shape, got " +
           ToString(c.dims(0)) + " and " + ToString(c.dims(i)));
  }
  if (NumElements(c.dims(0)) == 0) return {in[0]};
  const Attrs a = ReadAttrs(c);
  Lowering& b = c.b;
  const Value norm = Norm(b, a, in[1]);
  const Value own = b.Mul(in[0], b.Map(ScalarOp::kPow, norm, -a.beta));
  const Value shares = NearSums(b, b.Div(b.Mul(in[0], in[2]), norm), a.radius);
  return {b.Sub(own, b.Mul(b.Mul(in[1], shares), 2 * a.alpha * a.beta))};
}

OpDef& WithAttrs(OpDef& op) {
  return op.Attr("depth_radius: int = 5")
      .Attr("bias: float = 1.0")
      .Attr("alpha: float = 1.0")
      .Attr("beta: float = 0.5")
      .Attr("T: {half, bfloat16, float} = float");
}

}  // namespace

void RegisterLrnOps(OpRegistry& r) {
  WithAttrs(r.Op("LRN").Input("input: T").Output("output: T"))
      .Doc("Each channel divided by (bias + alpha * squares of the channels near it) ** beta")
      .Shape([](ShapeContext& c) { c.set_output(0, c.WithRank(0, 4)); })
      // y_i = x_i n_i^-b with n_i = bias + a sum of x_j^2 near i:
      // dx_i = dy_i n_i^-b - 2 a b x_i (sum of dy_j y_j / n_j near i)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        AttrMap attrs;
        for (const char* name : {"depth_radius", "bias", "alpha", "beta"}) {
          attrs[name] = g.op->attr(name);
        }
        return {g.b.Op("LRNGrad", {g.dy(), g.x(0), g.y()}, attrs)};
      })
      .Lower(unary::Widened(LowerLrn));
  WithAttrs(r.Op("LRNGrad")
                .Input("input_grads: T")
                .Input("input_image: T")
                .Input("output_image: T")
                .Output("output: T"))
      .Doc("Gradient of LRN")
      .Shape([](ShapeContext& c) {
        c.set_output(0, c.MergeShapes(c.WithRank(0, 4), c.MergeShapes(c.input(1), c.input(2))));
      })
      .NoGradient()
      .Lower(unary::Widened(LowerLrnGrad));
}

}  // namespace wengert
