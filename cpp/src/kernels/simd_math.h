// Exponentials and logarithms, branch-free, so that a loop over them vectorises. No fused
// multiply-adds except where a product's exact error is wanted: every instruction set rounds
// alike and returns the same bits.
#pragma once

#include "kernels/simd.h"
// after simd.h, which checks the namespace macro
#include "kernels/coefficients.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

template <class T>
struct FloatTraits;
template <>
struct FloatTraits<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr int kBias = 1023;
  static constexpr double kMagic = 0x1.8p52;          // x + kMagic - kMagic rounds x to an integer
  static constexpr double kLn2Hi = 0x1.62e42fefap-1;  // times a small integer: exact
  static constexpr double kLn2Lo = 0x1.cf79abc9e3b3ap-40;
  static constexpr double kExpMax = 712, kExpMin = -760;
  static constexpr double kMinNormal = 0x1p-1022, kSubnormalScale = 0x1p54;
  static constexpr double kSubnormalExponent = 54;
  static constexpr uint64_t kSqrtHalfBits = 0x3fe6a09e667f3bcdu;
  static constexpr double kInf = __builtin_inf(), kNan = __builtin_nan("");
  static constexpr const auto& kExp = kExpF64;
  static constexpr const auto& kLog = kLogF64;
  static constexpr const auto& kTanh = kTanhF64;
};
template <>
struct FloatTraits<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr int kBias = 127;
  static constexpr float kMagic = 0x1.8p23f;
  static constexpr float kLn2Hi = 0x1.62e4p-1f;
  static constexpr float kLn2Lo = 0x1.7f7d1cp-20f;
  static constexpr float kExpMax = 90, kExpMin = -106;
  static constexpr float kMinNormal = 0x1p-126f, kSubnormalScale = 0x1p25f;
  static constexpr float kSubnormalExponent = 25;
  static constexpr uint32_t kSqrtHalfBits = 0x3f3504f3u;
  static constexpr float kInf = __builtin_inff(), kNan = __builtin_nanf("");
  static constexpr const auto& kExp = kExpF32;
  static constexpr const auto& kLog = kLogF32;
  static constexpr const auto& kTanh = kTanhF32;
};

WENGERT_INLINE double Abs(double x) {
  return __builtin_fabs(x);
}
WENGERT_INLINE float Abs(float x) {
  return __builtin_fabsf(x);
}
WENGERT_INLINE double SqrtOf(double x) {
  return __builtin_sqrt(x);
}
WENGERT_INLINE float SqrtOf(float x) {
  return __builtin_sqrtf(x);
}
WENGERT_INLINE double CopySign(double x, double s) {
  return __builtin_copysign(x, s);
}
WENGERT_INLINE float CopySign(float x, float s) {
  return __builtin_copysignf(x, s);
}

// c[0] + c[1] x + c[2] x^2 + ...
template <int kFirst = 0, class T, int kCount>
WENGERT_INLINE T Poly(const T (&c)[kCount], T x) {
  if constexpr (kFirst == kCount - 1) {
    return c[kFirst];
  } else {
    return c[kFirst] + x * Poly<kFirst + 1>(c, x);
  }
}

// The nearest integer of |x| below 2^(mantissa - 1).
template <class T>
WENGERT_INLINE T RoundSmall(T x) {
  return (x + FloatTraits<T>::kMagic) - FloatTraits<T>::kMagic;
}

// 2^k for an integer k in the range of normal numbers.
template <class T>
WENGERT_INLINE T PowerOfTwo(T k) {
  using Tr = FloatTraits<T>;
  using U = typename Tr::Bits;
  return BitCast<T>(BitCast<U>(k + (Tr::kMagic + Tr::kBias)) << Tr::kMantissa);
}

// Error of the rounded product p = a * b.
WENGERT_INLINE double ProductError(double a, double b, double p) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fma(a, b, -p);
#else
  constexpr double kSplit = 0x1p27 + 1;
  const double ca = a * kSplit, cb = b * kSplit;
  const double ah = ca - (ca - a), bh = cb - (cb - b);
  const double al = a - ah, bl = b - bh;
  return al * bl - (((p - ah * bh) - al * bh) - ah * bl);
#endif
}

// Error of the rounded sum s = a + b.
WENGERT_INLINE double SumError(double a, double b, double s) {
  const double v = s - a;
  return (a - (s - v)) + (b - v);
}

// e^(x + x_lo) = 2^n (1 + fraction)
template <class T>
struct ExpParts {
  T n;
  T fraction;  // e^r - 1, |r| <= ln2 / 2
};

template <class T>
WENGERT_INLINE ExpParts<T> ReduceExp(T x, T x_lo) {
  using Tr = FloatTraits<T>;
  const T n = RoundSmall(x * static_cast<T>(1.44269504088896340736));
  const T head = x - n * Tr::kLn2Hi;
  const T tail = n * Tr::kLn2Lo - x_lo;
  const T r = head - tail;
  return {n, head + (r * r * Poly(Tr::kExp, r) - tail)};
}

template <class T>
WENGERT_INLINE T ClampExp(T x) {
  using Tr = FloatTraits<T>;
  x = x > Tr::kExpMax ? Tr::kExpMax : x;  // NaN stays
  return x < Tr::kExpMin ? Tr::kExpMin : x;
}

// p 2^n in two steps: n reaches beyond the exponents, and subnormal results round once.
template <class T>
WENGERT_INLINE T Scale(T p, T n) {
  const T half = RoundSmall(n * static_cast<T>(0.5));
  return p * PowerOfTwo(half) * PowerOfTwo(n - half);
}

// e^(x + x_lo) 2^k
template <class T>
WENGERT_INLINE T ExpScaled(T x, T x_lo, T k) {
  const ExpParts<T> e = ReduceExp(ClampExp(x), x_lo);
  return Scale(static_cast<T>(1) + e.fraction, e.n + k);
}

template <class T>
WENGERT_INLINE T Exp(T x) {
  return ExpScaled<T>(x, 0, 0);
}

template <class T>
WENGERT_INLINE T Expm1(T x) {
  T c = x < -50 ? static_cast<T>(-50) : x;
  c = ClampExp(c);
  const ExpParts<T> e = ReduceExp<T>(c, 0);
  const T bounded = e.n > 100 ? static_cast<T>(100) : e.n;
  const T p = e.fraction + (static_cast<T>(1) - PowerOfTwo(-bounded));
  return CopySign(Scale(p, e.n), x);
}

// x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); x positive and finite.
template <class T>
struct LogParts {
  T k, f;
};

template <class T>
WENGERT_INLINE LogParts<T> ReduceLog(T x) {
  using Tr = FloatTraits<T>;
  using U = typename Tr::Bits;
  constexpr U kOne = static_cast<U>(Tr::kBias) << Tr::kMantissa;
  constexpr T kTwoToMantissa = static_cast<T>(U{1} << Tr::kMantissa);
  const bool tiny = x < Tr::kMinNormal;
  const T scaled = tiny ? x * Tr::kSubnormalScale : x;
  const T shift = tiny ? Tr::kSubnormalExponent : static_cast<T>(0);
  const U u = BitCast<U>(scaled) + (kOne - Tr::kSqrtHalfBits);
  const U exponent = u >> Tr::kMantissa;
  const T k = BitCast<T>(exponent | BitCast<U>(kTwoToMantissa)) - (kTwoToMantissa + Tr::kBias);
  const U mantissa = (u & ((U{1} << Tr::kMantissa) - 1)) + Tr::kSqrtHalfBits;
  return {k - shift, BitCast<T>(mantissa) - static_cast<T>(1)};
}

// k ln2 + log(1 + f) + lo, by log(1 + f) = 2 atanh(s), s = f / (2 + f)
//                                        = f - (f^2/2 - s (f^2/2 + z L(z))), z = s^2
template <class T>
WENGERT_INLINE T LogOf(T k, T f, T lo) {
  using Tr = FloatTraits<T>;
  const T s = f / (static_cast<T>(2) + f);
  const T z = s * s;
  const T half_square = static_cast<T>(0.5) * f * f;
  const T inner = s * (half_square + z * Poly(Tr::kLog, z)) + (k * Tr::kLn2Lo + lo);
  return k * Tr::kLn2Hi - ((half_square - inner) - f);
}

// Results at the ends of the domain [at, inf): -inf at its end, NaN below.
template <class T>
WENGERT_INLINE T LogEdges(T x, T at, T result) {
  using Tr = FloatTraits<T>;
  const T outside = x == at ? -Tr::kInf : Tr::kNan;
  result = x > at ? result : outside;
  return x == Tr::kInf ? x : result;
}

template <class T>
WENGERT_INLINE T Log(T x) {
  const LogParts<T> p = ReduceLog(x);
  return LogEdges<T>(x, 0, LogOf<T>(p.k, p.f, 0));
}

template <class T>
WENGERT_INLINE T Log1p(T x) {
  const T u = static_cast<T>(1) + x;
  const LogParts<T> p = ReduceLog(u);
  // what rounding 1 + x lost
  const T lost = x > 1 ? static_cast<T>(1) - (u - x) : x - (u - static_cast<T>(1));
  const T f = p.k == 0 ? x : p.f;
  const T lo = p.k == 0 ? static_cast<T>(0) : lost / u;
  const T result = LogEdges<T>(x, -1, LogOf(p.k, f, lo));
  return x == 0 ? x : result;  // keeps -0
}

// log(1 + w + w_lo)
WENGERT_INLINE double Log1pPair(double w, double w_lo) {
  const double u = 1 + w;
  const LogParts<double> p = ReduceLog(u);
  const double lost = SumError(1, w, u);
  const double f = p.k == 0 ? w : p.f;
  const double lo = (p.k == 0 ? w_lo : lost + w_lo) / u;
  return LogOf(p.k, f, lo);
}

// log(u + u_lo) + extra ln2
WENGERT_INLINE double LogPair(double u, double u_lo, double extra) {
  const LogParts<double> p = ReduceLog(u);
  return LogOf(p.k + extra, p.f, u_lo / u);
}

template <class T>
WENGERT_INLINE T Tanh(T x) {
  const T a = Abs(x);
  const T z = x * x;
  const T small = a + a * (z * Poly(FloatTraits<T>::kTanh, z));
  const T bounded = a > 22 ? static_cast<T>(22) : a;
  const ExpParts<T> e = ReduceExp<T>(bounded + bounded, 0);
  const T power = PowerOfTwo(e.n);
  const T sum = power + (power * e.fraction + static_cast<T>(1));  // e^2a + 1
  const T big = static_cast<T>(1) - static_cast<T>(2) / sum;
  return CopySign(a < static_cast<T>(0.55) ? small : big, x);
}

// Without overflow, and down to subnormal results; the rounding of 1 + e is taken back.
template <class T>
WENGERT_INLINE T Sigmoid(T x) {
  constexpr T kOne = 1;
  const bool left = x < 0;
  const T e = Exp(-Abs(x));
  const T den = kOne + e;
  const T lost = (kOne - den) + e;
  const T q = (left ? e : kOne) / den;
  return q - q * lost * (left ? kOne - q : q);  // the last factor is 1 / den
}

template <class T>
WENGERT_INLINE T Softplus(T x) {
  const T tail = Log1p(Exp(-Abs(x)));
  return x > 0 ? x + tail : tail;
}

WENGERT_INLINE double Sinh(double x) {
  const double a = Abs(x);
  const double z = x * x;
  const double small = a + a * (z * Poly(kSinhF64, z));
  const double e = ExpScaled<double>(a, 0, -1);
  return CopySign(a < 1 ? small : e - 0.25 / e, x);
}

WENGERT_INLINE double Cosh(double x) {
  const double e = ExpScaled<double>(Abs(x), 0, -1);
  return e + 0.25 / e;
}

}  // namespace
}  // namespace wengert::kernels::WENGERT_ISA_NS
