// Powers, the error function, gamma functions.
#pragma once

#include <math.h>

#include "kernels/simd_trig.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

// What a power is at special arguments, given |x|^y for ordinary ones.
WENGERT_INLINE double PowEdges(double x, double y, double power) {
  constexpr double kInf = __builtin_inf();
  const double ax = Abs(x), ay = Abs(y);
  const bool whole = (ay >= 0x1p52) | ((ay + 0x1p52) - 0x1p52 == ay);
  const double half = 0.5 * ay;
  const bool odd = whole & (ay < 0x1p53) & ((half + 0x1p52) - 0x1p52 != half);
  const bool end = (ax == 0) | (ax == kInf);
  power = end ? ((ax == 0) == (y < 0) ? kInf : 0.0) : power;
  power = ax == 1 ? 1.0 : power;
  power = odd ? CopySign(power, x) : power;
  power = (x < 0) & !whole & (ax < kInf) ? __builtin_nan("") : power;
  power = (x != x) | (y != y) ? x + y : power;
  return (y == 0) | (x == 1) ? 1.0 : power;
}

// e^(y log|x|), the logarithm to 20 bits more than a double holds:
// log m = 2s + 2/3 s^3 + s^5 G(s^2), s = (m - 1)/(m + 1), the first two terms in pairs.
WENGERT_INLINE double Pow(double x, double y) {
  const LogParts<double> p = ReduceLog(Abs(x));
  const double f = p.f;
  const double den = 2 + f;
  const double den_lo = SumError(2, f, den);
  const double s = f / den;
  const double back = s * den;
  const double s_lo = (((f - back) - ProductError(s, den, back)) - s * den_lo) / den;
  const double z = s * s;
  const double z_lo = ProductError(s, s, z) + 2 * s * s_lo;
  const double rest = z * Poly(kPowLog, z);
  const double w = 0x1.5555555555555p-1 + rest;
  const double w_lo = SumError(0x1.5555555555555p-1, rest, w) + 0x1.5555555555555p-55;
  const double cube = s * z;
  const double cube_lo = ProductError(s, z, cube) + (s * z_lo + s_lo * z);
  const double term = cube * w;
  const double term_lo = ProductError(cube, w, term) + (cube * w_lo + cube_lo * w);
  const double base = p.k * FloatTraits<double>::kLn2Hi;
  const double sum1 = base + 2 * s;
  const double sum2 = sum1 + term;
  const double low = SumError(base, 2 * s, sum1) + SumError(sum1, term, sum2) +
                     (2 * s_lo + term_lo + p.k * FloatTraits<double>::kLn2Lo);
  const double log_hi = sum2 + low;
  const double log_lo = (sum2 - log_hi) + low;
  const double hi = y * log_hi;
  const double lo = ProductError(y, log_hi, hi) + y * log_lo;
  return PowEdges(x, y, ExpScaled<double>(hi, Abs(hi) < 1000 ? lo : 0.0, 0));
}

WENGERT_INLINE float Pow(float x, float y) {
  const double dx = static_cast<double>(x), dy = static_cast<double>(y);
  const LogParts<double> p = ReduceLog(Abs(dx));
  return static_cast<float>(PowEdges(dx, dy, Exp(dy * LogOf<double>(p.k, p.f, 0))));
}

// erfc a for a >= 0.49: e^(-a^2) times a polynomial in t = (a - 3)/(a + 3), over 1 + 2a
template <int kCount>
WENGERT_INLINE double ErfcTail(double a, const double (&coefs)[kCount]) {
  const double b = a > 28 ? 28.0 : a;
  const double square = b * b;
  const double q = Poly(coefs, (b - 3) / (b + 3)) / (1 + 2 * b);
  const ExpParts<double> e = ReduceExp(-square, -ProductError(b, b, square));
  return Scale((1 + e.fraction) * q, e.n);
}

template <int kTail, int kNear>
WENGERT_INLINE double ErfOf(double x, const double (&tail)[kTail], const double (&near)[kNear]) {
  const double a = Abs(x);
  const double small = x * Poly(near, x * x);
  const double big = CopySign(1 - ErfcTail(a, tail), x);
  return a < 1 ? small : big;  // NaN passes through big
}

template <int kTail, int kNear>
WENGERT_INLINE double ErfcOf(double x, const double (&tail)[kTail], const double (&near)[kNear]) {
  const double a = Abs(x);
  const double small = 1 - x * Poly(near, x * x);
  const double far = ErfcTail(a, tail);
  const double big = x < 0 ? 2 - far : far;
  return (x < 0.5) & (x > -1) ? small : big;
}

WENGERT_INLINE double Erf(double x) {
  return ErfOf(x, kErfcxF64, kErfF64);
}
// Up to 1 a polynomial, whose first coefficient has two parts (positive, to keep -0); beyond,
// 1 - e^(log erfc a).
WENGERT_INLINE float Erf(float x) {
  if constexpr (!kHasFma) {
    return static_cast<float>(ErfOf(static_cast<double>(x), kErfcxF32, kErfF32));
  }
  using Tr = FloatTraits<float>;
  const float a = Abs(x);
  const float z = x * x;
  const float rest = x * Fma(z, Poly(kErfNear, z), 0x1.0429b6p-24f);
  const float small = Fma(x, 0x1.20dd74p+0f, rest);
  const float r = Poly(kErfFar, a > 4 ? 4.0f : a);
  const float n = Fma(r, 1.44269504f, Tr::kMagic) - Tr::kMagic;
  const float p = ExpKernel(Fma(-n, Tr::kLn2Lo, Fma(-n, Tr::kLn2Hi, r)));
  const float big = CopySign(Fma(-p, PowerOfTwo(n), 1.0f), x);
  return a < 1 ? small : big;  // NaN passes through big
}
WENGERT_INLINE double Erfc(double x) {
  return ErfcOf(x, kErfcxF64, kErfF64);
}
WENGERT_INLINE float Erfc(float x) {
  return static_cast<float>(ErfcOf(static_cast<double>(x), kErfcxF32, kErfF32));
}

// Scalar: the argument is shifted to at least 10, where the asymptotic series holds.
inline double Digamma(double x) {
  double shift = 0;
  if (x <= 0) {
    const double whole = __builtin_floor(x);
    if (x == whole || x - x != 0) return __builtin_nan("");  // a pole, or -inf
    // psi(x) = psi(1 - x) - pi / tan(pi x); the tangent has period 1 in x
    double fraction = x - whole;
    if (fraction > 0.5) fraction -= 1;
    shift = -2 * kPiOver2 / __builtin_tan(2 * kPiOver2 * fraction);
    x = 1 - x;
  }
  while (x < 10) {
    shift -= 1 / x;
    x += 1;
  }
  const double w = 1 / (x * x);
  return shift + (Log(x) - (0.5 / x + w * Poly(kDigammaSeries, w)));
}

// lgamma without the global signgam, which threads would race for
inline double LogGamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

}  // namespace
}  // namespace wengert::kernels::WENGERT_ISA_NS
