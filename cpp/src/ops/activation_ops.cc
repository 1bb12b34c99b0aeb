// Activation functions of neural networks and their gradient ops.
#include <string>
#include <vector>

#include "ops/register.h"
#include "ops/unary_rules.h"

namespace wengert {
namespace {

using namespace unary;

constexpr char kFloat[] = "T: {half, bfloat16, float, double}";
constexpr char kRealNumber[] =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}";
// Of the scaled exponential linear unit: a fixed point of mean 0 and variance 1.
constexpr double kSeluScale = 1.0507009873554804934193349852946;
constexpr double kSeluScaleAlpha = 1.7580993408473768599402175208123;

using Values = std::vector<Value>;

OpDef& Activation(OpRegistry& r, const char* name, const char* types, const char* doc) {
  return r.Op(name)
      .Input("features: T")
      .Output("activations: T")
      .Attr(types)
      .Doc(doc)
      .Shape(shape_rules::Unchanged);
}

OpDef& ActivationGrad(OpRegistry& r, const char* name, const char* second, const char* types,
                      const char* doc) {
  return r.Op(name)
      .Input("gradients: T")
      .Input(std::string(second) + ": T")
      .Output("backprops: T")
      .Attr(types)
      .Doc(doc)
      .Shape([](ShapeContext& c) { c.set_output(0, c.MergeShapes(c.input(0), c.input(1))); });
}

// The two arguments of a gradient op of an activation must agree in shape.
void CheckSameShape(LoweringContext& c) {
  if (c.dims(0) == c.dims(1)) return;
  c.Fail("Inputs to operation " + c.op.name() + " of type " + c.op.type() +
         " must have the same size and shape.  Input 0: " + ToString(c.dims(0)) +
         " != input 1: " + ToString(c.dims(1)));
}

// `f(b, dy, v)` on arguments of one shape.
template <class F>
LoweringFn LowerActivationGrad(F f) {
  return Widened([f](LoweringContext& c, const Values& in) {
    CheckSameShape(c);
    return Values{f(c.b, in[0], in[1])};
  });
}

template <class F>
LoweringFn LowerActivation(F f) {
  return Widened([f](LoweringContext& c, const Values& in) { return Values{f(c.b, in[0])}; });
}

Value Where(Lowering& b, ScalarOp comparison, Value x, Value yes, Value no) {
  return b.Select(b.Map(comparison, x, 0.0), yes, no);
}

// The gradient op `type` applied to dy and the forward result.
GradientFn OpOfResult(const char* type) {
  return [type](GradientContext& g) -> std::vector<Grad> {
    return {GradOp(g.b, type, {g.grad(), g.y()})};
  };
}

// z = dy m(x) with a step function m: d(dy) = dz m(x), d(x) = 0
std::vector<Grad> StepGradient(GradientContext& g, AttrMap attrs = {}) {
  Tensor along_dy = GradOp(g.b, g.op->type(), {g.grad(), g.x(1)}, "", std::move(attrs));
  Tensor along_x = g.b.ZerosLike(g.x(1));
  return {along_dy, along_x};
}

// z = dy s(y) where s(y) is y + const for y < 0, else const: d(dy) = dz s(y),
// d(y) = dz dy for y < 0, else 0
std::vector<Grad> ExponentialUnitGradient(GradientContext& g) {
  Tensor dz = g.dy();
  Tensor along_dy = g.b.Op(g.op->type(), {dz, g.x(1)});
  Tensor below = g.b.Op("Less", {g.x(1), 0.0});
  Tensor product = g.b.Multiply(dz, g.x(0));
  Tensor zero = g.b.ZerosLike(g.x(1));
  Tensor along_y = g.b.Op("Select", {below, product, zero});
  return {along_dy, along_y};
}

AttrMap Alpha(GradientContext& g) {
  return {{"alpha", g.op->attr("alpha")}};
}

void RegisterReluOps(OpRegistry& r) {
  Activation(r, "Relu", kRealNumber, "max(features, 0), element-wise")
      // y = max(x, 0): dx = dy where y > 0
      .Gradient(OpOfResult("ReluGrad"))
      .Lower([](LoweringContext& c) { c.set(c.b.Map(ScalarOp::kMaximum, c.x(), 0.0)); });
  ActivationGrad(r, "ReluGrad", "features", kRealNumber, "gradients where features > 0, else 0")
      .Gradient([](GradientContext& g) { return StepGradient(g); })
      .Lower(LowerActivationGrad([](Lowering& b, Value dy, Value x) {
        return b.Mul(dy, b.Cast(b.Map(ScalarOp::kGreater, x, 0.0), b.dtype(dy)));
      }));
  Activation(r, "Relu6", kRealNumber, "min(max(features, 0), 6), element-wise")
      // y = min(max(x, 0), 6): dx = dy where 0 < y < 6
      .Gradient(OpOfResult("Relu6Grad"))
      .Lower([](LoweringContext& c) {
        c.set(c.b.Map(ScalarOp::kMinimum, c.b.Map(ScalarOp::kMaximum, c.x(), 0.0), 6.0));
      });
  ActivationGrad(r, "Relu6Grad", "features", kRealNumber,
                 "gradients where 0 < features < 6, else 0")
      .Gradient([](GradientContext& g) { return StepGradient(g); })
      .Lower(LowerActivationGrad([](Lowering& b, Value dy, Value x) {
        Value inside = b.Map(ScalarOp::kAnd, b.Map(ScalarOp::kGreater, x, 0.0),
                             b.Map(ScalarOp::kLess, x, 6.0));
        return b.Mul(dy, b.Cast(inside, b.dtype(dy)));
      }));
  constexpr char kLeakyTypes[] = "T: {half, bfloat16, float, double} = float";
  Activation(r, "LeakyRelu", kLeakyTypes, "features where positive, else alpha * features")
      .Attr("alpha: float = 0.2")
      // y = x for x > 0, else alpha x: dx = dy or alpha dy
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {GradOp(g.b, "LeakyReluGrad", {g.grad(), g.x(0)}, "", Alpha(g))};
      })
      .Lower([](LoweringContext& c) {
        double alpha = c.op.float_attr("alpha");
        LowerActivation([alpha](Lowering& b, Value x) {
          return Where(b, ScalarOp::kGreater, x, x, b.Mul(x, alpha));
        })(c);
      });
  ActivationGrad(r, "LeakyReluGrad", "features", kLeakyTypes,
                 "gradients where features > 0, else alpha * gradients")
      .Attr("alpha: float = 0.2")
      .Gradient([](GradientContext& g) { return StepGradient(g, Alpha(g)); })
      .Lower([](LoweringContext& c) {
        double alpha = c.op.float_attr("alpha");
        LowerActivationGrad([alpha](Lowering& b, Value dy, Value x) {
          return Where(b, ScalarOp::kGreater, x, dy, b.Mul(dy, alpha));
        })(c);
      });
}

void RegisterExponentialUnits(OpRegistry& r) {
  Activation(r, "Elu", kFloat, "features where not negative, else exp(features) - 1")
      // y = x, or e^x - 1 below 0: dx = dy, or dy (y + 1)
      .Gradient(OpOfResult("EluGrad"))
      .Lower(LowerActivation([](Lowering& b, Value x) {
        return Where(b, ScalarOp::kLess, x, b.Map(ScalarOp::kExpm1, x), x);
      }));
  ActivationGrad(r, "EluGrad", "outputs", kFloat, "Gradient of Elu, given its result")
      .Gradient(ExponentialUnitGradient)
      .Lower(LowerActivationGrad([](Lowering& b, Value dy, Value y) {
        return Where(b, ScalarOp::kLess, y, b.Mul(dy, b.Add(y, 1.0)), dy);
      }));
  Activation(r, "Selu", kFloat, "Scaled exponential linear unit, element-wise")
      // y = s x, or s a (e^x - 1) below 0: dx = s dy, or dy (y + s a)
      .Gradient(OpOfResult("SeluGrad"))
      .Lower(LowerActivation([](Lowering& b, Value x) {
        return Where(b, ScalarOp::kLess, x, b.Mul(b.Map(ScalarOp::kExpm1, x), kSeluScaleAlpha),
                     b.Mul(x, kSeluScale));
      }));
  ActivationGrad(r, "SeluGrad", "outputs", kFloat, "Gradient of Selu, given its result")
      .Gradient(ExponentialUnitGradient)
      .Lower(LowerActivationGrad([](Lowering& b, Value dy, Value y) {
        return Where(b, ScalarOp::kLess, y, b.Mul(dy, b.Add(y, kSeluScaleAlpha)),
                     b.Mul(dy, kSeluScale));
      }));
}

void RegisterSoftUnits(OpRegistry& r) {
  Activation(r, "Softplus", kFloat, "log(exp(features) + 1), element-wise")
      // y = log(1 + e^x): dx = dy sigmoid(x)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor slope = g.b.Op("Sigmoid", {g.x(0)});
        return {Times(g.b, g.grad(), slope)};
      })
      .Lower(lowering_rules::Unary(ScalarOp::kSoftplus));
  ActivationGrad(r, "SoftplusGrad", "features", kFloat, "gradients / (1 + exp(-features))")
      // z = dy / (1 + e^-x): d(dy) = dz / (1 + e^-x), d(x) = dz dy / (e^-x + 2 + e^x)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor dz = g.dy();
        auto after = g.b.ControlDependencies({dz.op});
        Tensor along_dy = g.b.Op("SoftplusGrad", {dz, g.x(1)});
        Tensor product = g.b.Multiply(dz, g.x(0));
        Tensor negative = g.b.Negative(g.x(1));
        Tensor falling = g.b.Op("Exp", {negative});
        Tensor sum = g.b.Add(falling, 2.0);
        Tensor rising = g.b.Op("Exp", {g.x(1)});
        sum = g.b.Add(sum, rising);
        Tensor along_x = g.b.TrueDiv(product, sum);
        return {along_dy, along_x};
      })
      .Lower(LowerActivationGrad(
          [](Lowering& b, Value dy, Value x) { return b.Mul(dy, b.Map(ScalarOp::kSigmoid, x)); }));
  Activation(r, "Softsign", kFloat, "features / (|features| + 1), element-wise")
      // y = x / (1 + |x|): dx = dy / (1 + |x|)^2
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {GradOp(g.b, "SoftsignGrad", {g.grad(), g.x(0)})};
      })
      .Lower(LowerActivation(
          [](Lowering& b, Value x) { return b.Div(x, b.Add(b.Map(ScalarOp::kAbs, x), 1.0)); }));
  ActivationGrad(r, "SoftsignGrad", "features", kFloat, "gradients / (|features| + 1)^2")
      .Gradient(NoGradientDefined)
      .Lower(LowerActivationGrad([](Lowering& b, Value dy, Value x) {
        return b.Div(dy, b.Map(ScalarOp::kSquare, b.Add(b.Map(ScalarOp::kAbs, x), 1.0)));
      }));
}

}  // namespace

void RegisterActivationOps(OpRegistry& r) {
  RegisterReluOps(r);
  RegisterExponentialUnits(r);
  RegisterSoftUnits(r);
  unary::RegisterSoftmaxOps(r);
  unary::RegisterBiasOps(r);
}

}  // namespace wengert
