// The special functions that Boost.Math has; the one file that includes it.
#include <boost/math/special_functions/bessel.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/expint.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>

#include "ops/special_functions.h"

namespace wengert::special {
namespace {

namespace policies = boost::math::policies;
using Policy = policies::policy<policies::domain_error<policies::ignore_error>,
                                policies::pole_error<policies::ignore_error>,
                                policies::overflow_error<policies::ignore_error>,
                                policies::underflow_error<policies::ignore_error>,
                                policies::denorm_error<policies::ignore_error>,
                                policies::evaluation_error<policies::ignore_error>,
                                policies::rounding_error<policies::ignore_error>,
                                policies::indeterminate_result_error<policies::ignore_error>,
                                policies::promote_float<false>, policies::promote_double<false>>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kSqrt2 = 1.4142135623730951;
constexpr double kPi = 3.141592653589793;

// Beyond it the expansions at infinity hold to the last bit.
constexpr double kLarge = 40;

// Sum over k of (-sign)^k a_k / x^k, where a_k = prod (4 order^2 - (2j - 1)^2) / (k! 8^k): the
// expansion at infinity of sqrt(2 pi x) e^-x I (sign +1) and sqrt(2 x / pi) e^x K (sign -1).
double Expansion(double order, double sign, double x) {
  double term = 1, sum = 1;
  for (int k = 1; k <= 30; ++k) {
    double odd = 2 * k - 1;
    term *= -sign * (4 * order * order - odd * odd) / (8 * k * x);
    sum += term;
    if (std::abs(term) < 1e-17 * std::abs(sum)) break;
  }
  return sum;
}

double ScaledI(int order, double x) {
  double size = std::abs(x);
  if (std::isnan(x)) return x;
  double value;
  if (std::isinf(size)) {
    value = 0;
  } else if (size > kLarge) {
    value = Expansion(order, 1, size) / std::sqrt(2 * kPi) / std::sqrt(size);
  } else {
    value = std::exp(-size) * boost::math::cyl_bessel_i(order, size, Policy());
  }
  return order == 1 ? std::copysign(value, x) : value;
}

double PlainI(int order, double x) {
  if (std::isnan(x)) return x;
  double size = std::abs(x);
  double value = size > 720 ? kInf : boost::math::cyl_bessel_i(order, size, Policy());
  return order == 1 ? std::copysign(value, x) : value;
}

double ScaledK(int order, double x) {
  if (std::isnan(x)) return x;
  if (x <= 0) return kInf;
  if (std::isinf(x)) return 0;
  if (x > kLarge) return Expansion(order, -1, x) * std::sqrt(kPi / 2) / std::sqrt(x);
  return std::exp(x) * boost::math::cyl_bessel_k(order, x, Policy());
}

double PlainK(int order, double x) {
  if (std::isnan(x)) return x;
  if (x <= 0) return kInf;
  if (x > 760) return 0;
  return boost::math::cyl_bessel_k(order, x, Policy());
}

double PlainJ(int order, double x) {
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return 0;
  double value = boost::math::cyl_bessel_j(order, std::abs(x), Policy());
  return order == 1 && std::signbit(x) ? -value : value;
}

double PlainY(int order, double x) {
  if (std::isnan(x)) return x;
  if (x <= 0) return -kInf;
  if (std::isinf(x)) return 0;
  return boost::math::cyl_neumann(order, x, Policy());
}

}  // namespace

double ErfInverse(double x) {
  if (!(std::abs(x) <= 1)) return kNan;
  if (std::abs(x) == 1) return std::copysign(kInf, x);
  return boost::math::erf_inv(x, Policy());
}

double NormalQuantile(double p) {
  if (!(p >= 0 && p <= 1)) return kNan;
  if (p == 0) return -kInf;
  if (p == 1) return kInf;
  return -kSqrt2 * boost::math::erfc_inv(2 * p, Policy());
}

double Digamma(double x) {
  if (std::isinf(x)) return x > 0 ? kInf : kNan;
  if (std::isnan(x) || (x <= 0 && x == std::floor(x))) return kNan;
  return boost::math::digamma(x, Policy());
}

double GammaKernel(double a, double x) {
  return x * boost::math::gamma_p_derivative(a, x, Policy());
}

double IgammaLower(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return kNan;
  if (std::isinf(a)) return std::isinf(x) ? kNan : 0;
  if (std::isinf(x)) return 1;
  return boost::math::gamma_p(a, x, Policy());
}

double IgammaUpper(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return kNan;
  if (std::isinf(a)) return std::isinf(x) ? kNan : 1;
  if (std::isinf(x)) return 0;
  return boost::math::gamma_q(a, x, Policy());
}

double BetaInc(double a, double b, double x) {
  if (!(a > 0) || !(b > 0) || !(x >= 0 && x <= 1) || std::isinf(a) || std::isinf(b)) return kNan;
  return boost::math::ibeta(a, b, x, Policy());
}

double ExpIntegral(double x) {
  if (std::isnan(x)) return x;
  if (x == 0) return -kInf;
  if (std::isinf(x)) return x > 0 ? kInf : 0;
  return boost::math::expint(x, Policy());
}

double BesselI0(double x) {
  return PlainI(0, x);
}
double BesselI0e(double x) {
  return ScaledI(0, x);
}
double BesselI1(double x) {
  return PlainI(1, x);
}
double BesselI1e(double x) {
  return ScaledI(1, x);
}
double BesselJ0(double x) {
  return PlainJ(0, x);
}
double BesselJ1(double x) {
  return PlainJ(1, x);
}
double BesselY0(double x) {
  return PlainY(0, x);
}
double BesselY1(double x) {
  return PlainY(1, x);
}
double BesselK0(double x) {
  return PlainK(0, x);
}
double BesselK0e(double x) {
  return ScaledK(0, x);
}
double BesselK1(double x) {
  return PlainK(1, x);
}
double BesselK1e(double x) {
  return ScaledK(1, x);
}

}  // namespace wengert::special
