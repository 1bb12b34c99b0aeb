// Trigonometric functions and the inverses of both families, in double precision; the float
// kernels compute through them and round once, sin and cos aside where products can be exact.
#pragma once

#include "kernels/simd_math.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

constexpr double kTrigLimit = 1e6;  // n below 2^20, so that the products of Reduce are exact
constexpr double kPiOver2 = 0x1.921fb54442d18p+0, kPiOver2Lo = 0x1.1a62633145c07p-54;
constexpr double kPiOver2Rest = -0x1.f1976b7ed8fbcp-110;

// x = q pi/2 + hi + lo, |hi| <= pi/4
struct QuarterTurns {
  double hi, lo;
  uint64_t q;
};

// Three parts of pi/2, the first two of 33 bits.
constexpr double kPio2A = 0x1.921fb544p+0, kPio2B = 0x1.0b4611a6p-34;
constexpr double kPio2C = 0x1.3198a2e037073p-69;

WENGERT_INLINE QuarterTurns ReduceTrig(double x) {
  const double shifted = Fma(x, 0x1.45f306dc9c883p-1, FloatTraits<double>::kMagic);
  const double n = shifted - FloatTraits<double>::kMagic;
  if constexpr (kHasFma) {  // three parts of all their bits
    const double t = Fma(-n, kPiOver2, x);
    const double p = n * kPiOver2Lo;
    const double hi = t - p;
    const double lo = ((t - hi) - p) - Fma(n, kPiOver2Lo, -p);
    return {hi, Fma(-n, kPiOver2Rest, lo), BitCast<uint64_t>(shifted)};
  }
  const double t = x - n * kPio2A;
  const double w = n * kPio2B;
  const double r = t - w;
  const double e = SumError(t, -w, r) - n * kPio2C;
  const double hi = r + e;
  return {hi, (r - hi) + e, BitCast<uint64_t>(shifted)};
}

// Enough for a result that is rounded to float.
WENGERT_INLINE QuarterTurns ReduceTrigFloat(double x) {
  const double shifted = Fma(x, 0x1.45f306dc9c883p-1, FloatTraits<double>::kMagic);
  const double n = shifted - FloatTraits<double>::kMagic;
  const double r = Fma(-n, 0x1.0b4611a626331p-34, Fma(-n, kPio2A, x));
  return {r, 0, BitCast<uint64_t>(shifted)};
}

// sin and cos of hi + lo, as sums of two parts
struct SinCosParts {
  double sin, sin_lo, cos, cos_lo;
};

WENGERT_INLINE SinCosParts SinCosKernel(double hi, double lo) {
  const double z = hi * hi;
  const double half = 0.5 * z;
  const double one_minus = 1 - half;
  const double sin_tail = Fma(hi * z, Poly(kSinF64, z), lo * one_minus);
  const double sin = hi + sin_tail;
  const double cos_tail = ((1 - one_minus) - half) + Fma(z * z, Poly(kCosF64, z), -(hi * lo));
  const double cos = one_minus + cos_tail;
  return {sin, (hi - sin) + sin_tail, cos, (one_minus - cos) + cos_tail};
}

// sin of q quarter turns more than the angle that `p` is of
WENGERT_INLINE double SinTurned(const SinCosParts& p, uint64_t q) {
  const double value = (q & 1) != 0 ? p.cos : p.sin;
  return BitCast<double>(BitCast<uint64_t>(value) ^ ((q & 2) << 62));
}

WENGERT_INLINE double SinTurned(double x, uint64_t turns) {
  const QuarterTurns t = ReduceTrig(x);
  return SinTurned(SinCosKernel(t.hi, t.lo), t.q + turns);
}

WENGERT_INLINE float SinTurnedFloat(const QuarterTurns& t, uint64_t turns) {
  const double z = t.hi * t.hi;
  const double sin = t.hi + t.hi * (z * Poly(kSinF32, z));
  const double cos = (1 - 0.5 * z) + z * z * Poly(kCosF32, z);
  const uint64_t q = t.q + turns;
  const double value = (q & 1) != 0 ? cos : sin;
  return static_cast<float>(BitCast<double>(BitCast<uint64_t>(value) ^ ((q & 2) << 62)));
}

// A float argument, x = q pi/2 + r, |r| <= pi/4, with products that are not rounded.
struct FloatQuarterTurns {
  float r;
  uint32_t q;
};

WENGERT_INLINE FloatQuarterTurns ReduceFloat(float x) {
  const float shifted = Fma(x, 0x1.45f306p-1f, FloatTraits<float>::kMagic);
  const float n = shifted - FloatTraits<float>::kMagic;
  const float head = Fma(-n, 0x1.921fb6p+0f, x);
  const float r = Fma(-n, -0x1.ee59dap-50f, Fma(-n, -0x1.777a5cp-25f, head));
  return {r, BitCast<uint32_t>(shifted)};
}

struct FloatSinCos {
  float sin, cos;
};

WENGERT_INLINE FloatSinCos FloatKernel(float r) {
  const float z = r * r;
  return {Fma(r * z, Poly(kSinNative, z), r), Fma(z, Fma(z, Poly(kCosNative, z), -0.5f), 1.0f)};
}

// x with the sign of those odd half turns
WENGERT_INLINE float TurnSign(float x, uint32_t q) {
  return BitCast<float>(BitCast<uint32_t>(x) ^ ((q & 2) << 30));
}

// -x where s has a sign
WENGERT_INLINE float FlipSign(float x, float s) {
  return BitCast<float>(BitCast<uint32_t>(x) ^ (BitCast<uint32_t>(s) & 0x80000000u));
}

// sin and cos of q quarter turns more than the angle that `p` is of
WENGERT_INLINE float SinTurned(const FloatSinCos& p, uint32_t q) {
  return TurnSign((q & 1) != 0 ? p.cos : p.sin, q);
}
WENGERT_INLINE float CosTurned(const FloatSinCos& p, uint32_t q) {
  return TurnSign((q & 1) != 0 ? p.sin : p.cos, q + 1);
}

struct SinFn {
  static constexpr double kLimit = kTrigLimit;
  WENGERT_INLINE static double Fast(double x) {
    const double r = SinTurned(x, 0);
    return x == 0 ? x : r;  // keeps -0
  }
  WENGERT_INLINE static float Fast(float x) {
    if constexpr (kHasFma) {
      const FloatQuarterTurns t = ReduceFloat(Abs(x));
      return FlipSign(SinTurned(FloatKernel(t.r), t.q), x);
    }
    const float r = SinTurnedFloat(ReduceTrigFloat(x), 0);
    return x == 0 ? x : r;
  }
  static double Slow(double x) { return __builtin_sin(x); }
  static float Slow(float x) { return static_cast<float>(__builtin_sin(static_cast<double>(x))); }
};

struct CosFn {
  static constexpr double kLimit = kTrigLimit;
  WENGERT_INLINE static double Fast(double x) { return SinTurned(x, 1); }
  WENGERT_INLINE static float Fast(float x) {
    if constexpr (kHasFma) {
      const FloatQuarterTurns t = ReduceFloat(Abs(x));
      return CosTurned(FloatKernel(t.r), t.q);
    }
    return SinTurnedFloat(ReduceTrigFloat(x), 1);
  }
  static double Slow(double x) { return __builtin_cos(x); }
  static float Slow(float x) { return static_cast<float>(__builtin_cos(static_cast<double>(x))); }
};

template <class T>
struct SinCosPair {
  T sin, cos;
};

// SinFn and CosFn with their common work done once.
WENGERT_INLINE SinCosPair<double> SinCos(double x) {
  const QuarterTurns t = ReduceTrig(x);
  const SinCosParts p = SinCosKernel(t.hi, t.lo);
  return {x == 0 ? x : SinTurned(p, t.q), SinTurned(p, t.q + 1)};
}
WENGERT_INLINE SinCosPair<float> SinCos(float x) {
  if constexpr (kHasFma) {
    const FloatQuarterTurns t = ReduceFloat(Abs(x));
    const FloatSinCos p = FloatKernel(t.r);
    return {FlipSign(SinTurned(p, t.q), x), CosTurned(p, t.q)};
  }
  return {SinFn::Fast(x), CosFn::Fast(x)};
}

struct TanFn {
  static constexpr double kLimit = kTrigLimit;
  // tan = sin/cos, or -cos/sin in odd quarters; the quotient's error is corrected by its residual
  WENGERT_INLINE static double Fast(double x) {
    const QuarterTurns t = ReduceTrig(x);
    const SinCosParts p = SinCosKernel(t.hi, t.lo);
    const bool odd = (t.q & 1) != 0;
    const double num = odd ? -p.cos : p.sin, num_lo = odd ? -p.cos_lo : p.sin_lo;
    const double den = odd ? p.sin : p.cos, den_lo = odd ? p.sin_lo : p.cos_lo;
    const double quotient = num / den;
    const double product = quotient * den;
    const double residual =
        ((num - product) - ProductError(quotient, den, product)) + (num_lo - quotient * den_lo);
    const double r = quotient + residual / den;
    return Abs(x) < 0x1p-30 ? x : r;
  }
  WENGERT_INLINE static float Fast(float x) {
    const QuarterTurns t = ReduceTrigFloat(x);
    const double z = t.hi * t.hi;
    const double sin = t.hi + t.hi * (z * Poly(kSinF32, z));
    const double cos = (1 - 0.5 * z) + z * z * Poly(kCosF32, z);
    const bool odd = (t.q & 1) != 0;
    const float r = static_cast<float>((odd ? -cos : sin) / (odd ? sin : cos));
    return x == 0 ? x : r;
  }
  static double Slow(double x) { return __builtin_tan(x); }
  static float Slow(float x) { return static_cast<float>(__builtin_tan(static_cast<double>(x))); }
};

// x in [0, tan(pi/8)] of either sign
WENGERT_INLINE double AtanCore(double x, double add, double add_lo) {
  const double z = x * x;
  return add + (x + (x * (z * Poly(kAtanF64, z)) + add_lo));
}

WENGERT_INLINE double Atan(double x) {
  const double a = Abs(x);
  const bool big = a > 0x1.3504f333f9de6p+1;  // tan(3 pi/8)
  const bool mid = a > 0x1.a827999fcef32p-2;  // tan(pi/8)
  const double num = big ? -1.0 : (mid ? a - 1 : a);
  const double den = big ? a : (mid ? a + 1 : 1.0);
  const double add = big ? kPiOver2 : (mid ? kPiOver2 / 2 : 0.0);
  const double add_lo = big ? kPiOver2Lo : (mid ? kPiOver2Lo / 2 : 0.0);
  return CopySign(AtanCore(num / den, add, add_lo), x);
}

WENGERT_INLINE double Atan2(double y, double x) {
  constexpr double kInf = __builtin_inf();
  const double ax = Abs(x), ay = Abs(y);
  const bool steep = ay > ax;
  double small = steep ? ax : ay, large = steep ? ay : ax;
  // equal and infinite, or both zero: stand-ins of the same angle
  const bool both_inf = small == kInf;
  small = both_inf ? 1.0 : small;
  large = both_inf ? 1.0 : large;
  large = large == 0 ? 1.0 : large;
  const double scale = large > 0x1p1000 ? 0.25 : 1.0;  // their sum must not overflow
  small *= scale;
  large *= scale;
  const bool mid = small > large * 0x1.a827999fcef32p-2;
  const double num = mid ? small - large : small;
  const double den = mid ? small + large : large;
  const double t = large == kInf ? 0.0 : num / den;
  // angle = turn +- atan(t), with the signs folded together so that each sum rounds once
  const bool left = CopySign(1.0, x) < 0;
  const double base = mid ? 0.5 : 0.0;            // in quarter turns
  const double folded = steep ? 1 - base : base;  // pi/2 - a
  const double turns = left ? 2 - folded : folded;
  const double signed_t = steep != left ? -t : t;
  const double angle = AtanCore(signed_t, kPiOver2 * turns, kPiOver2Lo * turns);
  const double result = CopySign(angle, y);
  return (x != x) | (y != y) ? x + y : result;
}

WENGERT_INLINE double Asin(double x) {
  const double a = Abs(x);
  const bool big = a > 0.5;
  // asin a = pi/2 - 2 asin(sqrt((1 - a)/2)) keeps the argument small
  const double z = big ? 0.5 * (1 - a) : a * a;
  const double s = big ? SqrtOf(z) : a;
  const double tail = s * (z * Poly(kAsinF64, z));
  const double r = big ? (kPiOver2 - 2 * s) - (2 * tail - kPiOver2Lo) : s + tail;
  return CopySign(r, x);
}

WENGERT_INLINE double Acos(double x) {
  const double a = Abs(x);
  const bool big = a > 0.5;
  const double z = big ? 0.5 * (1 - a) : a * a;
  const double s = big ? SqrtOf(z) : x;
  const double tail = s * (z * Poly(kAsinF64, z));
  const double middle = kPiOver2 - (s - (kPiOver2Lo - tail));
  const double near_one = 2 * (s + tail);
  const double near_minus_one = 2 * ((kPiOver2 - s) - (tail - kPiOver2Lo));
  return big ? (x < 0 ? near_minus_one : near_one) : middle;
}

WENGERT_INLINE double Asinh(double x) {
  const double a = Abs(x);
  const double z = a * a;
  const double small = a + a * (z * Poly(kAsinhF64, z));
  // log(a + sqrt(a^2 + 1)), the square root and the sum to twice the precision
  const bool huge = a > 0x1p40;
  const double b = huge ? 1.0 : a;
  const double square = b * b;
  const double sum = square + 1;
  const double sum_lo = SumError(square, 1, sum) + ProductError(b, b, square);
  const double root = SqrtOf(sum);
  const double root_sq = root * root;
  const double root_lo =
      (((sum - root_sq) - ProductError(root, root, root_sq)) + sum_lo) / (root + root);
  const double u = b + root;
  const double u_lo = SumError(b, root, u) + root_lo;
  const double big = LogPair(huge ? a : u, huge ? 0.0 : u_lo, huge ? 1.0 : 0.0);
  const double r = a < 0.5 ? small : (a < __builtin_inf() ? big : a);
  return x != x ? x : CopySign(r, x);
}

WENGERT_INLINE double Acosh(double x) {
  // log1p(t + sqrt(t^2 + 2t)), t = x - 1
  const bool huge = x > 0x1p40;
  const double t = huge ? 1.0 : x - 1;
  const double square = t * t;
  const double sum = square + (t + t);
  const double sum_lo = SumError(square, t + t, sum) + ProductError(t, t, square);
  const double root = SqrtOf(sum);
  const double root_sq = root * root;
  const double root_err = ((sum - root_sq) - ProductError(root, root, root_sq)) + sum_lo;
  const double root_lo = root > 0 ? root_err / (root + root) : 0.0;
  const double w = t + root;
  const double w_lo = SumError(root, t, w) + root_lo;
  const double near = Log1pPair(w, w_lo);
  const double far = LogPair(x, 0, 1);
  const double r = huge ? (x < __builtin_inf() ? far : x) : near;
  return x >= 1 ? r : __builtin_nan("");
}

WENGERT_INLINE double Atanh(double x) {
  // log1p(2a / (1 - a)) / 2, the quotient to twice the precision
  const double a = Abs(x);
  const double den = 1 - a;
  const double den_lo = SumError(1, -a, den);
  const double q = (a + a) / den;
  const double product = q * den;
  const double residual = (((a + a) - product) - ProductError(q, den, product)) - q * den_lo;
  const double r = 0.5 * Log1pPair(q, residual / den);
  const double inside = a < 1 ? r : (a == 1 ? __builtin_inf() : __builtin_nan(""));
  return CopySign(a < 0x1p-30 ? a : inside, x);
}

}  // namespace
}  // namespace wengert::kernels::WENGERT_ISA_NS
