// The ops that first derivatives are made of: functions z(y, dy) of a result y and the
// gradient dy that reached it, and their own derivatives.
#include <string>

#include "ops/unary_rules.h"

namespace wengert::unary {
namespace {

OpDef& GradFunction(OpRegistry& r, const char* name, const char* doc) {
  return r.Op(name).Input("y: T").Input("dy: T").Output("z: T").Attr(kFloating).Doc(doc).Shape(
      shape_rules::Unchanged);
}

Value Conj(LoweringContext& c, Value v) {
  return IsComplex(c.b.dtype(v)) ? c.b.Map(ScalarOp::kConj, v) : v;
}

// f(y, dy), element by element: the arguments have as many elements, whatever their shapes.
// Of the algebraic functions y is conjugated here, and where dy is 0 the result is 0 even if y
// is not finite; of the others the caller has conjugated it.
using GradFormula = Value (*)(Lowering& b, Value y, Value dy);
LoweringFn LowerGrad(GradFormula f, bool algebraic) {
  return Widened([f, algebraic](LoweringContext& c, const std::vector<Value>& in) {
    if (c.b.size(in[0]) != c.b.size(in[1])) {
      c.Fail("The two arguments to a cwise op must have same number of elements, got " +
             std::to_string(c.b.size(in[0])) + " and " + std::to_string(c.b.size(in[1])));
    }
    Value dy = c.b.Reshape(in[1], c.b.dims(in[0]));
    Value z = f(c.b, algebraic ? Conj(c, in[0]) : in[0], dy);
    if (algebraic) {
      Value zero = c.b.Scalar(c.b.dtype(dy), 0.0);
      z = c.b.Select(c.b.Map(ScalarOp::kEqual, dy, zero), zero, z);
    }
    return std::vector<Value>{z};
  });
}

// Opens the rules below: the derivative of z(y, dy) along (y, dy), given dz.
struct Second {
  explicit Second(GradientContext& g) : b(g.b), dz(g.dy()), after(b.ControlDependencies({dz.op})) {}
  Builder& b;
  Tensor dz;
  Builder::Controls after;
};

}  // namespace

std::vector<Grad> NoGradientDefined(GradientContext& g) {
  throw LookupError(
      "No gradient defined for operation'" + g.op->name() + "' (op type: " + g.op->type() +
      "). In general every operation must have an associated `@tf.RegisterGradient` for correct "
      "autodiff, which this op is lacking. If you want to pretend this operation is a constant in "
      "your program, you may insert `tf.stop_gradient`. This can be useful to silence the error "
      "in cases where you know gradients are not needed, e.g. the forward pass of "
      "tf.custom_gradient. Please see more details in "
      "https://www.tensorflow.org/api_docs/python/tf/custom_gradient.");
}

void RegisterUnaryGradOps(OpRegistry& r) {
  for (const char* name : {"ReciprocalGrad", "InvGrad"}) {
    GradFunction(r, name, "Gradient of the reciprocal: -dy y^2")
        // z = -dy conj(y)^2: with w = conj(y), d(y) = -2 conj(dz) dy w, d(dy) = -dz w^2
        .Gradient([](GradientContext& g) -> std::vector<Grad> {
          Second s(g);
          Tensor w = s.b.Conj(g.x(0));
          Tensor conj_dz = s.b.Conj(s.dz);
          Tensor product = s.b.Multiply(conj_dz, -2.0);
          product = s.b.Multiply(product, g.x(1));
          Tensor along_y = s.b.Multiply(product, w);
          Tensor along_dy = s.b.Op("ReciprocalGrad", {w, s.dz});
          return {along_y, along_dy};
        })
        .Lower(LowerGrad([](Lowering& b, Value y,
                            Value dy) { return b.Map(ScalarOp::kNeg, b.Mul(b.Mul(dy, y), y)); },
                         true));
  }
  GradFunction(r, "SqrtGrad", "Gradient of the square root: dy / (2 y)")
      // z = dy / (2 conj(y)): with q = dz / y, d(y) = -conj(q) z, d(dy) = q / 2
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Second s(g);
        Tensor q = s.b.TrueDiv(s.dz, g.x(0));
        Tensor conj_q = s.b.Conj(q);
        Tensor negative = s.b.Negative(conj_q);
        Tensor along_y = s.b.Multiply(negative, g.y());
        Tensor along_dy = s.b.Multiply(0.5, q);
        return {along_y, along_dy};
      })
      .Lower(
          LowerGrad([](Lowering& b, Value y, Value dy) { return b.Div(b.Mul(dy, 0.5), y); }, true));
  GradFunction(r, "RsqrtGrad", "Gradient of the reciprocal square root: -dy y^3 / 2")
      // z = -dy conj(y)^3 / 2: with w = conj(y), d(y) = -(3/2) conj(dz) dy w^2,
      // d(dy) = -dz w^3 / 2
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Second s(g);
        Tensor w = s.b.Conj(g.x(0));
        Tensor conj_dz = s.b.Conj(s.dz);
        Tensor product = s.b.Multiply(-1.5, conj_dz);
        product = s.b.Multiply(product, g.x(1));
        Tensor square = s.b.Op("Square", {w});
        Tensor along_y = s.b.Multiply(product, square);
        Tensor along_dy = s.b.Op("RsqrtGrad", {w, s.dz});
        return {along_y, along_dy};
      })
      .Lower(LowerGrad(
          [](Lowering& b, Value y, Value dy) {
            return b.Mul(b.Mul(b.Mul(dy, y), b.Map(ScalarOp::kSquare, y)), -0.5);
          },
          true));
  GradFunction(r, "TanhGrad", "Gradient of the hyperbolic tangent: dy (1 - y^2)")
      // z = dy (1 - y^2): with w = conj(y), d(y) = -2 dz conj(dy) w, d(dy) = dz (1 - w^2)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Second s(g);
        Tensor w = s.b.Conj(g.x(0));
        Tensor conj_dy = s.b.Conj(g.x(1));
        Tensor product = s.b.Multiply(s.dz, -2.0);
        product = s.b.Multiply(product, conj_dy);
        Tensor along_y = s.b.Multiply(product, w);
        Tensor along_dy = s.b.Op("TanhGrad", {w, s.dz});
        return {along_y, along_dy};
      })
      .Lower(LowerGrad([](Lowering& b, Value y,
                          Value dy) { return b.Mul(dy, b.Sub(1.0, b.Map(ScalarOp::kSquare, y))); },
                       false));
  GradFunction(r, "SigmoidGrad", "Gradient of the logistic function: dy y (1 - y)")
      // z = dy y (1 - y): with w = conj(y) and p = dz conj(dy), d(y) = p - 2 p w,
      // d(dy) = dz w (1 - w)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Second s(g);
        Tensor w = s.b.Conj(g.x(0));
        Tensor conj_dy = s.b.Conj(g.x(1));
        Tensor p = s.b.Multiply(s.dz, conj_dy);
        Tensor twice = s.b.Multiply(2.0, p);
        Tensor product = s.b.Multiply(twice, w);
        Tensor along_y = s.b.Subtract(p, product);
        Tensor along_dy = s.b.Op("SigmoidGrad", {w, s.dz});
        return {along_y, along_dy};
      })
      .Lower(LowerGrad(
          [](Lowering& b, Value y, Value dy) { return b.Mul(b.Mul(dy, y), b.Sub(1.0, y)); },
          false));
}

}  // namespace wengert::unary
