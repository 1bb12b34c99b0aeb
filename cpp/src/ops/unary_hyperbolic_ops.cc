// Hyperbolic functions and the logistic function, element-wise.
#include "ops/unary_rules.h"

namespace wengert::unary {
namespace {

OpDef& Function(OpRegistry& r, const char* name, const char* doc) {
  return r.Op(name).Input("x: T").Output("y: T").Attr(kFloating).Doc(doc).Shape(
      shape_rules::Unchanged);
}

}  // namespace

void RegisterHyperbolicOps(OpRegistry& r) {
  Function(r, "Sinh", "Hyperbolic sine of x, element-wise")
      // y = sinh(x): dx = dy cosh(conj(x))
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor slope = b.Op("Cosh", {x});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kSinh));
  Function(r, "Cosh", "Hyperbolic cosine of x, element-wise")
      // y = cosh(x): dx = dy sinh(conj(x))
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor slope = b.Op("Sinh", {x});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kCosh));
  Function(r, "Tanh", "Hyperbolic tangent of x, element-wise")
      // y = tanh(x): dx = dy (1 - conj(y)^2)
      .Gradient(OfResult([](Builder& b, const Grad& dy, const Tensor& y) {
        return GradOp(b, "TanhGrad", {y, dy});
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kTanh));
  Function(r, "Asinh", "Inverse hyperbolic sine of x, element-wise")
      // y = asinh(x): dx = dy / cosh(conj(y))
      .Gradient(OfResult([](Builder& b, const Grad& dy, const Tensor& y) {
        Tensor cosh = b.Op("Cosh", {y});
        return GradOp(b, "RealDiv", {dy, cosh}, "truediv");
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kAsinh));
  Function(r, "Acosh", "Inverse hyperbolic cosine of x, element-wise")
      // y = acosh(x): dx = dy / sinh(conj(y))
      .Gradient(OfResult([](Builder& b, const Grad& dy, const Tensor& y) {
        Tensor sinh = b.Op("Sinh", {y});
        return GradOp(b, "RealDiv", {dy, sinh}, "truediv");
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kAcosh));
  Function(r, "Atanh", "Inverse hyperbolic tangent of x, element-wise")
      // y = atanh(x): dx = dy / (1 - conj(x)^2)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor square = b.Op("Square", {x});
        Tensor one = One(b, dy.dtype());
        Tensor rest = b.Op("Sub", {one, square});
        Tensor slope = b.Op("Reciprocal", {rest});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kAtanh));
  Function(r, "Sigmoid", "Logistic function 1 / (1 + exp(-x)), element-wise")
      // y = 1 / (1 + e^-x): dx = dy y (1 - y), y conjugated
      .Gradient(OfResult([](Builder& b, const Grad& dy, const Tensor& y) {
        return GradOp(b, "SigmoidGrad", {y, dy});
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kSigmoid));
}

}  // namespace wengert::unary
