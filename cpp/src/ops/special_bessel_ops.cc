// Bessel functions of order 0 and 1, element-wise. Order by order the derivatives follow from
//   J0' = -J1, J1' = J0 - J1/x (Y alike);  I0' = I1, I1' = I0 - I1/x;  K0' = -K1, K1' = -K0 - K1/x.
#include "ops/special_rules.h"

namespace wengert::special {
namespace {

using namespace unary;

// A literal in the dtype of its surroundings, which goes through float32.
Tensor CastLiteral(Builder& b, double value, DType dtype) {
  auto scope = b.NameScope("Cast");
  Tensor literal = b.Constant(Array::FromDouble(DType::kFloat32, value), "x");
  if (dtype == DType::kFloat32) return literal;
  return b.Op("Cast", {literal}, {{"DstT", dtype}}, scope.path());
}

Tensor Quotient(Builder& b, const Tensor& y, const Tensor& x) {
  return b.Op("RealDiv", {y, x}, {}, "div");
}

// The slope at 0, where the formula divides by zero.
struct AtZero {
  AtZero(Builder& b, const Tensor& x, double value)
      : where(b.Op("Equal", {x, 0.0})), limit(CastLiteral(b, value, x.dtype())) {}
  Tensor where, limit;
  Tensor Or(Builder& b, const Tensor& slope) const {
    return b.Op("SelectV2", {where, limit, slope});
  }
};

void RegisterModifiedFirstKind(OpRegistry& r) {
  SpecialFunction(r, "BesselI0", BesselI0, "Modified Bessel function of order 0, element-wise")
      // y = I0(x): dx = dy I1(x)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor slope = Scoped(b, "bessel_i1", "BesselI1", {x});
        return Times(b, dy, slope);
      }));
  SpecialFunction(r, "BesselI0e", BesselI0e, "exp(-|x|) times BesselI0, element-wise")
      // y = e^-|x| I0(x): dx = dy (I1e(x) - sign(x) y)
      .Gradient(
          OfArgumentAndResult([](Builder& b, const Grad& dy, const Tensor& x, const Tensor& y) {
            Tensor next = Scoped(b, "bessel_i1e", "BesselI1e", {x});
            Tensor sign = b.Op("Sign", {x});
            Tensor product = b.Multiply(sign, y);
            Tensor slope = b.Subtract(next, product);
            return Times(b, dy, slope);
          }));
  SpecialFunction(r, "BesselI1", BesselI1, "Modified Bessel function of order 1, element-wise")
      // y = I1(x): dx = dy (I0(x) - y / x), and dy at 0, the value TensorFlow gives there
      .Gradient(
          OfArgumentAndResult([](Builder& b, const Grad& dy, const Tensor& x, const Tensor& y) {
            AtZero at_zero(b, x, 1.0);
            Tensor previous = Scoped(b, "bessel_i0", "BesselI0", {x});
            Tensor quotient = Quotient(b, y, x);
            Tensor slope = b.Subtract(previous, quotient);
            slope = at_zero.Or(b, slope);
            return Times(b, dy, slope);
          }));
  SpecialFunction(r, "BesselI1e", BesselI1e, "exp(-|x|) times BesselI1, element-wise")
      // y = e^-|x| I1(x): dx = dy (I0e(x) - y (sign(x) + 1/x)), and dy/2 at 0
      .Gradient(
          OfArgumentAndResult([](Builder& b, const Grad& dy, const Tensor& x, const Tensor& y) {
            AtZero at_zero(b, x, 0.5);
            Tensor previous = Scoped(b, "bessel_i0e", "BesselI0e", {x});
            Tensor sign = b.Op("Sign", {x});
            Tensor inverse = b.Op("Reciprocal", {x});
            Tensor sum = b.Add(sign, inverse);
            Tensor product = b.Multiply(y, sum);
            Tensor slope = b.Subtract(previous, product);
            slope = at_zero.Or(b, slope);
            return Times(b, dy, slope);
          }));
}

void RegisterModifiedSecondKind(OpRegistry& r) {
  SpecialFunction(r, "BesselK0", BesselK0,
                  "Modified Bessel function of the second kind and order 0, element-wise")
      // y = K0(x): dx = -dy K1(x)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor next = Scoped(b, "bessel_k1", "BesselK1", {x});
        Tensor slope = b.Negative(next);
        return Times(b, dy, slope);
      }));
  SpecialFunction(r, "BesselK0e", BesselK0e, "exp(x) times BesselK0, element-wise")
      // y = e^x K0(x): dx = dy (y - K1e(x))
      .Gradient(
          OfArgumentAndResult([](Builder& b, const Grad& dy, const Tensor& x, const Tensor& y) {
            Tensor next = Scoped(b, "bessel_k1e", "BesselK1e", {x});
            Tensor slope = b.Subtract(y, next);
            return Times(b, dy, slope);
          }));
  SpecialFunction(r, "BesselK1", BesselK1,
                  "Modified Bessel function of the second kind and order 1, element-wise")
      // y = K1(x): dx = dy (-K0(x) - y / x)
      .Gradient(
          OfArgumentAndResult([](Builder& b, const Grad& dy, const Tensor& x, const Tensor& y) {
            Tensor previous = Scoped(b, "bessel_k0", "BesselK0", {x});
            Tensor negative = b.Negative(previous);
            Tensor quotient = Quotient(b, y, x);
            Tensor slope = b.Subtract(negative, quotient);
            return Times(b, dy, slope);
          }));
  SpecialFunction(r, "BesselK1e", BesselK1e, "exp(x) times BesselK1, element-wise")
      // y = e^x K1(x): dx = dy (y (1 - 1/x) - K0e(x))
      .Gradient(
          OfArgumentAndResult([](Builder& b, const Grad& dy, const Tensor& x, const Tensor& y) {
            Tensor inverse = b.Op("Reciprocal", {x});
            Tensor factor = b.Subtract(1.0, inverse);
            Tensor product = b.Multiply(y, factor);
            Tensor previous = Scoped(b, "bessel_k0e", "BesselK0e", {x});
            Tensor slope = b.Subtract(product, previous);
            return Times(b, dy, slope);
          }));
}

void RegisterOrdinary(OpRegistry& r) {
  SpecialFunction(r, "BesselJ0", BesselJ0, "Bessel function of order 0, element-wise")
      // y = J0(x): dx = -dy J1(x)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor next = Scoped(b, "bessel_j1", "BesselJ1", {x});
        Tensor slope = b.Negative(next);
        return Times(b, dy, slope);
      }));
  SpecialFunction(r, "BesselJ1", BesselJ1, "Bessel function of order 1, element-wise")
      // y = J1(x): dx = dy (J0(x) - y / x), and dy/2 at 0
      .Gradient(
          OfArgumentAndResult([](Builder& b, const Grad& dy, const Tensor& x, const Tensor& y) {
            AtZero at_zero(b, x, 0.5);
            Tensor previous = Scoped(b, "bessel_j0", "BesselJ0", {x});
            Tensor quotient = Quotient(b, y, x);
            Tensor slope = b.Subtract(previous, quotient);
            slope = at_zero.Or(b, slope);
            return Times(b, dy, slope);
          }));
  SpecialFunction(r, "BesselY0", BesselY0,
                  "Bessel function of the second kind and order 0, element-wise")
      // y = Y0(x): dx = -dy Y1(x)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor next = Scoped(b, "bessel_y1", "BesselY1", {x});
        Tensor slope = b.Negative(next);
        return Times(b, dy, slope);
      }));
  SpecialFunction(r, "BesselY1", BesselY1,
                  "Bessel function of the second kind and order 1, element-wise")
      // y = Y1(x): dx = dy (Y0(x) - y / x)
      .Gradient(
          OfArgumentAndResult([](Builder& b, const Grad& dy, const Tensor& x, const Tensor& y) {
            Tensor previous = Scoped(b, "bessel_y0", "BesselY0", {x});
            Tensor quotient = Quotient(b, y, x);
            Tensor slope = b.Subtract(previous, quotient);
            return Times(b, dy, slope);
          }));
}

}  // namespace

void RegisterBesselOps(OpRegistry& r) {
  RegisterModifiedFirstKind(r);
  RegisterModifiedSecondKind(r);
  RegisterOrdinary(r);
}

}  // namespace wengert::special
