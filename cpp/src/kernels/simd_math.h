// Exponentials and logarithms, branch-free, so that a loop over them vectorises. Multiply-adds
// are fused where Fma says so and nowhere else: every instruction set that has them returns the
// same bits.
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
  static constexpr double kFar = 0x1p512;  // halves the way to the ends of the exponents
  static constexpr int kFarExponent = 512;
  static constexpr double kMinNormal = 0x1p-1022, kSubnormalScale = 0x1p54;
  static constexpr double kSubnormalExponent = 54;
  static constexpr uint64_t kSqrtHalfBits = 0x3fe6a09e667f3bcdu;
  static constexpr double kInf = __builtin_inf(), kNan = __builtin_nan("");
  static constexpr const auto& kExp = kExpF64;
  static constexpr const auto& kLog = kLogF64;
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
  static constexpr float kFar = 0x1p64f;
  static constexpr int kFarExponent = 64;
  static constexpr float kMinNormal = 0x1p-126f, kSubnormalScale = 0x1p25f;
  static constexpr float kSubnormalExponent = 25;
  static constexpr uint32_t kSqrtHalfBits = 0x3f3504f3u;
  static constexpr float kInf = __builtin_inff(), kNan = __builtin_nanf("");
  static constexpr const auto& kExp = kExpF32;
  static constexpr const auto& kLog = kLogF32;
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

#if defined(__FMA__) || defined(__aarch64__)
constexpr bool kHasFma = true;
#else
constexpr bool kHasFma = false;
#endif

// a * b + c, rounded once where the instruction set can.
WENGERT_INLINE double Fma(double a, double b, double c) {
  if constexpr (kHasFma) return __builtin_fma(a, b, c);
  return a * b + c;
}
WENGERT_INLINE float Fma(float a, float b, float c) {
  if constexpr (kHasFma) return __builtin_fmaf(a, b, c);
  return a * b + c;
}

// c[0] + c[1] x + c[2] x^2 + ...
template <int kFirst = 0, class T, int kCount>
WENGERT_INLINE T Poly(const T (&c)[kCount], T x) {
  if constexpr (kFirst == kCount - 1) {
    return c[kFirst];
  } else {
    return Fma(x, Poly<kFirst + 1>(c, x), c[kFirst]);
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
  if constexpr (kHasFma) return Fma(a, b, -p);
  constexpr double kSplit = 0x1p27 + 1;
  const double ca = a * kSplit, cb = b * kSplit;
  const double ah = ca - (ca - a), bh = cb - (cb - b);
  const double al = a - ah, bl = b - bh;
  return al * bl - (((p - ah * bh) - al * bh) - ah * bl);
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
  const T n = Fma(x, static_cast<T>(1.44269504088896340736), Tr::kMagic) - Tr::kMagic;
  const T head = Fma(-n, Tr::kLn2Hi, x);
  const T tail = Fma(n, Tr::kLn2Lo, -x_lo);
  const T r = head - tail;
  return {n, head + Fma(r * r, Poly(Tr::kExp, r), -tail)};
}

template <class T>
WENGERT_INLINE T ClampExp(T x) {
  using Tr = FloatTraits<T>;
  x = x > Tr::kExpMax ? Tr::kExpMax : x;  // NaN stays
  return x < Tr::kExpMin ? Tr::kExpMin : x;
}

// The bits of kFar, or of 1 / kFar where x has a sign.
template <class T>
WENGERT_INLINE typename FloatTraits<T>::Bits FarBits(T x) {
  using U = typename FloatTraits<T>::Bits;
  constexpr U kStep = U{1} << (8 * sizeof(T) - 2);  // in which the two differ
  return BitCast<U>(1 / FloatTraits<T>::kFar) | ((~BitCast<U>(x) >> 1) & kStep);
}

// p 2^n in two steps: n reaches beyond the exponents, and subnormal results round once.
template <class T>
WENGERT_INLINE T Scale(T p, T n) {
  using Tr = FloatTraits<T>;
  using U = typename Tr::Bits;
  const U far = FarBits(n);
  const U power = BitCast<U>(n + (Tr::kMagic + 2 * Tr::kBias)) << Tr::kMantissa;
  return p * BitCast<T>(power - far) * BitCast<T>(far);  // 2^n / far, far
}

// e^(x + x_lo) 2^k
template <class T>
WENGERT_INLINE T ExpScaled(T x, T x_lo, T k) {
  const ExpParts<T> e = ReduceExp(ClampExp(x), x_lo);
  return Scale(static_cast<T>(1) + e.fraction, e.n + k);
}

// e^r for |r| <= ln2 / 2
template <class T>
WENGERT_INLINE T ExpKernel(T r) {
  return static_cast<T>(1) + Fma(r * r, Poly(FloatTraits<T>::kExp, r), r);
}

template <class T>
WENGERT_INLINE T Exp(T x) {
  using Tr = FloatTraits<T>;
  using U = typename Tr::Bits;
  constexpr T kShift = Tr::kMagic + 2 * Tr::kBias;  // as in Scale
  x = ClampExp(x);
  const T shifted = Fma(x, static_cast<T>(1.44269504088896340736), kShift);
  const T n = shifted - kShift;
  const T p = ExpKernel(Fma(-n, Tr::kLn2Lo, Fma(-n, Tr::kLn2Hi, x)));
  const U far = FarBits(x);
  return p * BitCast<T>((BitCast<U>(shifted) << Tr::kMantissa) - far) * BitCast<T>(far);
}

// e^x for x <= 0: one scale is enough.
template <class T>
WENGERT_INLINE T ExpOfNegative(T x) {
  using Tr = FloatTraits<T>;
  using U = typename Tr::Bits;
  constexpr T kShift = Tr::kMagic + (Tr::kBias + Tr::kFarExponent);
  x = x < Tr::kExpMin ? Tr::kExpMin : x;
  const T shifted = Fma(x, static_cast<T>(1.44269504088896340736), kShift);
  const T n = shifted - kShift;
  const T p = ExpKernel(Fma(-n, Tr::kLn2Lo, Fma(-n, Tr::kLn2Hi, x)));
  return p * BitCast<T>(BitCast<U>(shifted) << Tr::kMantissa) * (1 / Tr::kFar);
}

template <class T>
WENGERT_INLINE T Expm1(T x) {
  using Tr = FloatTraits<T>;
  const T c = ClampExp(x < -40 ? static_cast<T>(-40) : x);
  const ExpParts<T> e = ReduceExp<T>(c, 0);
  const T bounded = e.n > 100 ? static_cast<T>(100) : e.n;
  const T p = e.fraction + (static_cast<T>(1) - PowerOfTwo(-bounded));
  // p may be tiny: first up, then down
  return CopySign(p * Tr::kFar * PowerOfTwo(e.n - static_cast<T>(Tr::kFarExponent)), x);
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
  const T inner = Fma(s, Fma(z, Poly(Tr::kLog, z), half_square), Fma(k, Tr::kLn2Lo, lo));
  return Fma(k, Tr::kLn2Hi, f - (half_square - inner));
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

// tanh a = d / (d + 2), d = e^2a - 1
template <class T>
WENGERT_INLINE T Tanh(T x) {
  const T a = Abs(x);
  const T bounded = a > 22 ? static_cast<T>(22) : a;
  const ExpParts<T> e = ReduceExp<T>(bounded + bounded, 0);
  const T power = PowerOfTwo(e.n);
  const T d = Fma(power, e.fraction, power - static_cast<T>(1));
  return CopySign(d / (d + static_cast<T>(2)), x);
}

// Without overflow, and down to subnormal results.
template <class T>
WENGERT_INLINE T Sigmoid(T x) {
  constexpr T kOne = 1;
  const T e = ExpOfNegative(-Abs(x));
  return (x < 0 ? e : kOne) / (kOne + e);
}

// max(x, 0) + log(1 + e), e = e^-|x|; 1 + e = 2^k (1 + f) with an exact f
template <class T>
WENGERT_INLINE T Softplus(T x) {
  const T e = ExpOfNegative(-Abs(x));
  const bool big = e > static_cast<T>(0.41421356237309504880);
  const T f = big ? static_cast<T>(0.5) * (e - static_cast<T>(1)) : e;
  const T tail = LogOf<T>(big ? static_cast<T>(1) : static_cast<T>(0), f, 0);
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
