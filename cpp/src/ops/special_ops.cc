// Gamma, beta, zeta and error functions and their inverses, element-wise.
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "ops/index_util.h"
#include "ops/register.h"
#include "ops/special_rules.h"

namespace wengert {
namespace {

using namespace unary;
using namespace special;

constexpr char kWide[] = "T: {float, double}";
constexpr double kRootPi = 1.772453850905516;
constexpr double kRootTwoPi = 2.5066282746310002;

OpDef& Binary(OpRegistry& r, const char* name, const char* first, const char* second,
              const char* types, const char* doc) {
  return r.Op(name)
      .Input(std::string(first) + ": T")
      .Input(std::string(second) + ": T")
      .Output("z: T")
      .Attr(types)
      .Doc(doc)
      .Shape(shape_rules::BroadcastBinary);
}

// The value is brought to the shape of the argument along which it was computed.
Tensor Reduced(Builder& b, const Tensor& partial, const Grad& dz, const Tensor& axes,
               const Tensor& shape) {
  Tensor product = GradOp(b, "Mul", {partial, dz}, "mul");
  return SumAndReshape(b, product, axes, shape);
}

// z = P(a, x): d(a) = dz dP/da, d(x) = dz e^-x x^(a-1) / Gamma(a), as exp of a sum since
// Gamma may be large
std::vector<Grad> IgammaGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor &a = g.x(0), &x = g.x(1);
  Tensor shape_a = b.ShapeOf(a);
  Tensor shape_x = b.ShapeOf(x);
  BroadcastAxes axes = BroadcastGradientArgs(b, shape_a, shape_x);
  auto after = b.ControlDependencies({Producer(g.grad())});
  Tensor partial_a = b.Op("IgammaGradA", {a, x});
  Tensor negative = b.Negative(x);
  Tensor power = b.Subtract(a, 1);
  Tensor log = b.Op("Log", {x});
  Tensor product = b.Multiply(power, log);
  Tensor sum = b.Add(negative, product);
  Tensor lgamma = b.Op("Lgamma", {a});
  Tensor exponent = b.Subtract(sum, lgamma);
  Tensor partial_x = b.Op("Exp", {exponent});
  Tensor da = Reduced(b, partial_a, g.grad(), axes.x, shape_a);
  Tensor dx = Reduced(b, partial_x, g.grad(), axes.y, shape_x);
  return {da, dx};
}

// z = Q(a, x) = 1 - P(a, x): the negatives of the above
std::vector<Grad> IgammacGradient(GradientContext& g) {
  std::vector<Grad> lower = IgammaGradient(g);
  Tensor da = g.b.Negative(lower[0].tensor());
  Tensor dx = g.b.Negative(lower[1].tensor());
  return {da, dx};
}

// z = psi^(n)(x): d(x) = dz psi^(n+1)(x); none along n
std::vector<Grad> PolygammaGradient(GradientContext& g) {
  Builder& b = g.b;
  Tensor shape_n = b.ShapeOf(g.x(0));
  Tensor shape_x = b.ShapeOf(g.x(1));
  BroadcastAxes axes = BroadcastGradientArgs(b, shape_n, shape_x);
  auto after = b.ControlDependencies({Producer(g.grad())});
  Tensor order = b.Add(g.x(0), 1);
  Tensor partial = b.Op("Polygamma", {order, g.x(1)});
  return {Grad(), Reduced(b, partial, g.grad(), axes.y, shape_x)};
}

// z = zeta(s, q): d(q) = -dz s zeta(s + 1, q); none along s
std::vector<Grad> ZetaGradient(GradientContext& g) {
  Builder& b = g.b;
  Tensor shape_s = b.ShapeOf(g.x(0));
  Tensor shape_q = b.ShapeOf(g.x(1));
  BroadcastAxes axes = BroadcastGradientArgs(b, shape_s, shape_q);
  auto after = b.ControlDependencies({Producer(g.grad())});
  Tensor negative = b.Negative(g.x(0));
  Tensor order = b.Add(g.x(0), 1);
  Tensor zeta = b.Op("Zeta", {order, g.x(1)});
  Tensor partial = b.Multiply(negative, zeta);
  return {Grad(), Reduced(b, partial, g.grad(), axes.y, shape_q)};
}

// z = I_x(a, b): d(x) = dz x^(a-1) (1-x)^(b-1) / B(a, b), as exp of a sum; none along a and b
std::vector<Grad> BetaincGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor &p = g.x(0), &q = g.x(1), &x = g.x(2);
  Tensor shape_p = b.ShapeOf(p);
  Tensor shape_x = b.ShapeOf(x);
  BroadcastAxes axes = BroadcastGradientArgs(b, shape_p, shape_x);
  Tensor lgamma_p = b.Op("Lgamma", {p});
  Tensor lgamma_q = b.Op("Lgamma", {q});
  Tensor both = b.Add(lgamma_p, lgamma_q);
  Tensor total = b.Add(p, q);
  Tensor lgamma_total = b.Op("Lgamma", {total});
  Tensor log_beta = b.Subtract(both, lgamma_total);
  Tensor less_q = b.Subtract(q, 1);
  Tensor negative = b.Negative(x);
  Tensor rising = Scoped(b, "xlog1py", "Xlog1py", {less_q, negative});
  Tensor less_p = b.Subtract(p, 1);
  Tensor falling = b.Op("Xlogy", {less_p, x});
  Tensor sum = b.Add(rising, falling);
  Tensor exponent = b.Subtract(sum, log_beta);
  Tensor partial = b.Op("Exp", {exponent});
  return {Grad(), Grad(), Reduced(b, partial, g.grad(), axes.y, shape_x)};
}

// Scalars go with anything, all others have one shape.
void BetaincShape(ShapeContext& c) {
  std::optional<Shape> common;
  bool unknown = false;
  for (int i = 0; i < 3; ++i) {
    const Shape& shape = c.input(i);
    if (!shape.has_rank()) {
      unknown = true;
    } else if (shape.rank() > 0) {
      common = common ? c.MergeShapes(*common, shape) : shape;
    }
  }
  c.set_output(0, common ? *common : unknown ? Shape() : Shape::Scalar());
}

void LowerBetainc(LoweringContext& c) {
  const char* names[] = {"a", "b", "x"};
  int shaped = -1;
  for (int i = 0; i < 3; ++i) {
    if (c.dims(i).empty()) continue;
    if (shaped >= 0 && c.dims(i) != c.dims(shaped)) {
      c.Fail(std::string("Shapes of ") + names[shaped] + " and " + names[i] +
             " are inconsistent: " + ToString(c.dims(shaped)) + " vs. " + ToString(c.dims(i)));
    }
    if (shaped < 0) shaped = i;
  }
  LowerSpecial("Betainc", BetaInc)(c);
}

void RegisterInverses(OpRegistry& r) {
  SpecialFunction(r, "Erfinv", ErfInverse, "Inverse of the error function, element-wise")
      // y = erfinv(x): dx = dy (sqrt(pi) / 2) e^(y^2)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Builder& b = g.b;
        Tensor scale = b.Constant(Array::FromDouble(g.grad().dtype(), kRootPi / 2));
        auto after = b.ControlDependencies({Producer(g.grad())});
        Tensor scaled = Times(b, g.grad(), scale);
        Tensor square = b.Op("Square", {g.y()});
        Tensor slope = b.Op("Exp", {square});
        return {b.Multiply(scaled, slope)};
      });
  SpecialFunction(r, "Ndtri", NormalQuantile,
                  "Inverse of the standard normal distribution function, element-wise")
      // y = quantile(x): dx = dy sqrt(2 pi) e^(y^2 / 2)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Builder& b = g.b;
        Tensor scale = b.Constant(Array::FromDouble(g.grad().dtype(), kRootTwoPi));
        auto after = b.ControlDependencies({Producer(g.grad())});
        Tensor scaled = Times(b, g.grad(), scale);
        Tensor square = b.Op("Square", {g.y()});
        Tensor half = b.TrueDiv(square, 2.0);
        Tensor slope = b.Op("Exp", {half});
        return {b.Multiply(scaled, slope)};
      });
}

void RegisterIntegrals(OpRegistry& r) {
  SpecialFunction(r, "Dawsn", Dawson, "Dawson's integral, element-wise")
      // y = dawsn(x): dx = dy (1 - 2 x y)
      .Gradient(
          OfArgumentAndResult([](Builder& b, const Grad& dy, const Tensor& x, const Tensor& y) {
            Tensor twice = b.Multiply(2, x);
            Tensor product = b.Multiply(twice, y);
            Tensor slope = b.Subtract(1.0, product);
            return Times(b, dy, slope);
          }));
  SpecialFunction(r, "Expint", ExpIntegral, "Exponential integral Ei, element-wise")
      // y = Ei(x): dx = dy e^x / x
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor exp = b.Op("Exp", {x});
        Tensor product = Times(b, dy, exp);
        return b.TrueDiv(product, x);
      }));
  SpecialFunction(r, "FresnelCos", FresnelCos, "Fresnel's cosine integral, element-wise")
      // y = C(x): dx = dy cos(pi x^2 / 2)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor square = b.Op("Square", {x});
        Tensor angle = b.Multiply(M_PI / 2, square);
        Tensor slope = b.Op("Cos", {angle});
        return Times(b, dy, slope);
      }));
  SpecialFunction(r, "FresnelSin", FresnelSin, "Fresnel's sine integral, element-wise")
      // y = S(x): dx = dy sin(pi x^2 / 2)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor square = b.Op("Square", {x});
        Tensor angle = b.Multiply(M_PI / 2, square);
        Tensor slope = b.Op("Sin", {angle});
        return Times(b, dy, slope);
      }));
  SpecialFunction(r, "Spence", Spence, "Spence's function, the dilogarithm of 1 - x, element-wise")
      // y = Li2(1 - x): dx = dy log(x) / (1 - x), and -dy at 1
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor log = b.Op("Log", {x});
        Tensor rest = b.Subtract(1, x);
        Tensor quotient = b.TrueDiv(log, rest);
        Tensor at_one = b.Op("Equal", {x, 1.0});
        Tensor ones = index_util::FilledLike(b, x, Array::FromDouble(x.dtype(), 1.0));
        Tensor limit = b.Negative(ones);
        Tensor slope = b.Op("Select", {at_one, limit, quotient});
        return Times(b, dy, slope);
      }));
}

}  // namespace

void RegisterSpecialOps(OpRegistry& r) {
  RegisterInverses(r);
  Binary(r, "Polygamma", "a", "x", kWide, "Derivative of order a of digamma at x, element-wise")
      .Gradient(PolygammaGradient)
      .Lower(LowerSpecial("Polygamma", Polygamma));
  Binary(r, "Zeta", "x", "q", kWide, "Hurwitz zeta function, element-wise")
      .Gradient(ZetaGradient)
      .Lower(LowerSpecial("Zeta", Zeta));
  Binary(r, "Igamma", "a", "x", kReal, "Regularised lower incomplete gamma function, element-wise")
      .Gradient(IgammaGradient)
      .Lower(LowerSpecial("Igamma", IgammaLower));
  Binary(r, "Igammac", "a", "x", kReal, "Regularised upper incomplete gamma function, element-wise")
      .Gradient(IgammacGradient)
      .Lower(LowerSpecial("Igammac", IgammaUpper));
  Binary(r, "IgammaGradA", "a", "x", kWide, "Derivative of Igamma along a, element-wise")
      .Gradient(NoGradientDefined)
      .Lower(LowerSpecial("IgammaGradA", IgammaGradA));
  r.Op("Betainc")
      .Input("a: T")
      .Input("b: T")
      .Input("x: T")
      .Output("z: T")
      .Attr(kWide)
      .Doc("Regularised incomplete beta function, element-wise")
      .Shape(BetaincShape)
      .Gradient(BetaincGradient)
      .Lower(LowerBetainc);
  RegisterIntegrals(r);
  RegisterBesselOps(r);
}

}  // namespace wengert
