// Special functions by series, continued fractions and expansions at infinity.
#include <cmath>
#include <complex>
#include <limits>

#include "ops/special_functions.h"

namespace wengert::special {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kPi = 3.141592653589793;
// Beyond it the Fresnel integrals are 1/2 to the last bit.
constexpr double kFresnelFlat = 1e16;

bool IsIntegral(double x) {
  return std::isfinite(x) && x == std::floor(x);
}

// Hurwitz zeta for q > 0 and finite s > 1, by Euler-Maclaurin: the first terms one by one, the
// rest as an integral and corrections with the Bernoulli numbers.
double ZetaPositive(double s, double q) {
  static constexpr double kBernoulli[] = {
      1.0 / 6, -1.0 / 30,     1.0 / 42,      -1.0 / 30,       5.0 / 66,       -691.0 / 2730,
      7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730};
  double sum = 0, w = q;
  for (int k = 0; k < 12 || w <= 10; ++k, w += 1) {
    double term = std::pow(w, -s);
    sum += term;
    if (term <= kEpsilon / 4 * sum) return sum;
  }
  double power = std::pow(w, -s);
  sum += power * w / (s - 1) + power / 2;
  // s (s+1) ... (s+2j-2) w^(-s-2j+1) / (2j)!
  double factor = power * s / w / 2;
  for (int j = 1; j <= 12; ++j) {
    double term = kBernoulli[j - 1] * factor;
    sum += term;
    if (std::abs(term) < kEpsilon / 4 * std::abs(sum)) break;
    factor *= (s + 2 * j - 1) * (s + 2 * j) / ((2 * j + 1) * (2 * j + 2.0)) / (w * w);
  }
  return sum;
}

// exp(-x^2) to the last bit: the rounding error of the square is put back.
double Gauss(double x) {
  double square = x * x;
  return std::exp(-square) * (1 - std::fma(x, x, -square));
}

// exp(i pi x^2 / 2), the square reduced before it meets pi.
std::complex<double> Chirp(double x) {
  double square = x * x;
  double turns = std::fmod(square, 4.0) + std::fma(x, x, -square);
  double quarter = std::nearbyint(turns);
  double angle = kPi / 2 * (turns - quarter);
  std::complex<double> unit(std::cos(angle), std::sin(angle));
  switch (static_cast<int>(quarter) & 3) {
    case 0:
      return unit;
    case 1:
      return {-unit.imag(), unit.real()};
    case 2:
      return -unit;
    default:
      return {unit.imag(), -unit.real()};
  }
}

// C(x) + i S(x) for 0 <= x < infinity.
std::complex<double> Fresnel(double x) {
  if (x < 1.6) {
    // Sum over k of x (i t)^k / (k! (2k + 1)), t = pi x^2 / 2.
    double t = kPi / 2 * x * x;
    double c = 0, s = 0, term = x;
    for (int k = 0; k < 60; ++k) {
      double part = term / (2 * k + 1);
      (k % 2 == 0 ? c : s) += k % 4 < 2 ? part : -part;
      if (part <= kEpsilon / 16 * x) break;
      term *= t / (k + 1);
    }
    return {c, s};
  }
  // (1 + i) / 2 less the tail, which is erfc((1 - i) x sqrt(pi) / 2) up to a factor: the even
  // part of its continued fraction, 1 / (v+1 - 1*2 / (v+5 - 3*4 / (v+9 - ...))), v = -i pi x^2.
  std::complex<double> v(0, -kPi * x * x);
  int depth = x < 3 ? 120 : 40;
  std::complex<double> fraction = v + (4.0 * depth + 1);
  for (int k = depth; k > 0; --k) {
    fraction = v + (4.0 * k - 3) - (2.0 * k - 1) * (2.0 * k) / fraction;
  }
  return std::complex<double>(0.5, 0.5) - x * Chirp(x) / fraction;
}

// Spence for 1/2 <= x <= 3/2: sum over k of (1 - x)^k / k^2.
double SpenceSeries(double x) {
  double z = 1 - x, power = z, sum = 0;
  for (int k = 1; k < 100; ++k) {
    double term = power / (static_cast<double>(k) * k);
    sum += term;
    if (std::abs(term) <= kEpsilon / 8 * std::abs(sum)) break;
    power *= z;
  }
  return sum;
}

// Spence for 0 < x < 3/2.
double SpenceNearOne(double x) {
  if (x >= 0.5) return SpenceSeries(x);
  // Reflection x -> 1 - x.
  return kPi * kPi / 6 - std::log(x) * std::log1p(-x) - SpenceSeries(1 - x);
}

// The power series of P(a, x) = K/a (1 + x/(a+1) + x^2/((a+1)(a+2)) + ...), K = x^a e^-x /
// Gamma(a), differentiated along a term by term.
double GradASeries(double a, double x) {
  double term = 1, slope = 0, sum = 1, slopes = 0;
  for (int n = 1; n < 200000; ++n) {
    double ratio = x / (a + n);
    slope = (slope - term / (a + n)) * ratio;
    term *= ratio;
    sum += term;
    slopes += slope;
    if (term <= kEpsilon * sum && std::abs(slope) <= kEpsilon * std::abs(slopes)) break;
  }
  return GammaKernel(a, x) / a * (slopes + sum * (std::log(x) - Digamma(a + 1)));
}

// Legendre's continued fraction of 1 - P = K / (x+1-a - 1(1-a) / (x+3-a - 2(2-a) / ...)): its
// convergents p/q and their derivatives along a, by recurrence.
double GradAFraction(double a, double x) {
  double p0 = 0, q0 = 1, p1 = 1, q1 = x + 1 - a;
  double dp0 = 0, dq0 = 0, dp1 = 0, dq1 = -1;
  double value = p1 / q1, slope = (dp1 - value * dq1) / q1;
  for (int k = 1; k < 200000; ++k) {
    double b = x + 2 * k + 1 - a, m = k * (a - k);
    double p2 = b * p1 + m * p0, q2 = b * q1 + m * q0;
    double dp2 = b * dp1 - p1 + m * dp0 + k * p0, dq2 = b * dq1 - q1 + m * dq0 + k * q0;
    double scale = 1 / q2;
    p0 = p1 * scale, q0 = q1 * scale, dp0 = dp1 * scale, dq0 = dq1 * scale;
    p1 = p2 * scale, q1 = 1, dp1 = dp2 * scale, dq1 = dq2 * scale;
    double next = p1, next_slope = dp1 - p1 * dq1;
    bool done = std::abs(next - value) <= kEpsilon * std::abs(next) &&
                std::abs(next_slope - slope) <= 4 * kEpsilon * std::abs(next_slope);
    value = next, slope = next_slope;
    if (done) break;
  }
  return -GammaKernel(a, x) * (slope + value * (std::log(x) - Digamma(a)));
}

}  // namespace

double Zeta(double s, double q) {
  if (std::isnan(s) || std::isnan(q) || s < 1) return kNan;
  if (s == 1) return kInf;
  if (q <= 0) {
    if (q == std::floor(q)) return kInf;
    if (!IsIntegral(s)) return kNan;
    // The n terms with q + k < 0 are those of 1 - r, 2 - r, ..., n - r up to sign, where
    // r = q + n is the first positive one.
    double n = std::ceil(-q), r = q + n;
    double sign = std::fmod(s, 2) == 0 ? 1 : -1;
    return ZetaPositive(s, r) + sign * (ZetaPositive(s, 1 - r) - ZetaPositive(s, n + 1 - r));
  }
  if (std::isinf(s)) return q < 1 ? kInf : q == 1 ? 1 : 0;
  if (std::isinf(q)) return 0;
  return ZetaPositive(s, q);
}

double Polygamma(double n, double x) {
  if (!(n >= 0) || !IsIntegral(n)) return kNan;
  if (n == 0) return Digamma(x);
  if (x <= 0 && x == std::floor(x)) return kNan;
  // (-1)^(n+1) n! zeta(n + 1, x)
  double magnitude = std::tgamma(n + 1) * Zeta(n + 1, x);
  return std::fmod(n, 2) == 1 ? magnitude : -magnitude;
}

double IgammaGradA(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return kNan;
  if (x == 0 || std::isinf(x) || std::isinf(a)) return 0;
  // So far out the series would be long, and the distribution is normal.
  if (a > 1e8) return -GammaKernel(a, x) / x * (a + x) / (2 * a);
  return x <= 1 || x < a ? GradASeries(a, x) : GradAFraction(a, x);
}

double Dawson(double x) {
  double size = std::abs(x);
  if (size < 6) {
    // exp(-x^2) times the sum over k of x^(2k+1) / (k! (2k + 1)): all terms of one sign.
    double square = x * x, term = x, sum = 0;
    for (int k = 0; k < 400; ++k) {
      double part = term / (2 * k + 1);
      sum += part;
      if (std::abs(part) <= kEpsilon / 4 * std::abs(sum)) break;
      term *= square / (k + 1);
    }
    return Gauss(x) * sum;
  }
  // Expansion at infinity: 1/(2x) (1 + 1/(2x^2) + 3/(2x^2)^2 + 15/(2x^2)^3 + ...).
  double term = 1, sum = 1;
  for (int k = 1; k < 36; ++k) {
    term *= (2 * k - 1) / (2 * size * size);
    sum += term;
    if (term <= kEpsilon / 4) break;
  }
  return sum / (2 * x);
}

double FresnelCos(double x) {
  if (std::isnan(x)) return x;
  double value = std::abs(x) > kFresnelFlat ? 0.5 : Fresnel(std::abs(x)).real();
  return std::copysign(value, x);
}

double FresnelSin(double x) {
  if (std::isnan(x)) return x;
  double value = std::abs(x) > kFresnelFlat ? 0.5 : Fresnel(std::abs(x)).imag();
  return std::copysign(value, x);
}

double Spence(double x) {
  if (!(x >= 0)) return kNan;
  if (x == 0) return kPi * kPi / 6;
  if (std::isinf(x)) return -kInf;
  if (x <= 1.5) return SpenceNearOne(x);
  // Inversion x -> 1 / x.
  double log = std::log(x);
  return -log * log / 2 - SpenceNearOne(1 / x);
}

}  // namespace wengert::special
