// Complex arithmetic; the transcendental functions are libm's, one element at a time.
#include "kernels/simd_math.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

template <class T>
WENGERT_INLINE ComplexOf<T> Times(ComplexOf<T> x, ComplexOf<T> y) {
  return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}

// Smith's: divides by the larger part first, so that the square of neither overflows.
template <class T>
WENGERT_INLINE ComplexOf<T> Over(ComplexOf<T> x, ComplexOf<T> y) {
  const bool flip = Abs(y.re) < Abs(y.im);
  const T large = flip ? y.im : y.re, small = flip ? y.re : y.im;
  const T ratio = large == 0 ? static_cast<T>(0) : small / large;
  const T den = large + small * ratio;
  const T re = flip ? x.re * ratio + x.im : x.re + x.im * ratio;
  const T im = flip ? x.im * ratio - x.re : x.im - x.re * ratio;
  return {re / den, im / den};
}

inline float Modulus(ComplexOf<float> x) {
  return __builtin_hypotf(x.re, x.im);
}
inline double Modulus(ComplexOf<double> x) {
  return __builtin_hypot(x.re, x.im);
}
inline float Angle(ComplexOf<float> x) {
  return __builtin_atan2f(x.im, x.re);
}
inline double Angle(ComplexOf<double> x) {
  return __builtin_atan2(x.im, x.re);
}

#define WENGERT_LIBM(name, function)                                           \
  inline ComplexOf<float> name(ComplexOf<float> x) {                           \
    return BitCast<ComplexOf<float>>(function##f(BitCast<_Complex float>(x))); \
  }                                                                            \
  inline ComplexOf<double> name(ComplexOf<double> x) {                         \
    return BitCast<ComplexOf<double>>(function(BitCast<_Complex double>(x)));  \
  }
WENGERT_LIBM(ComplexSqrt, __builtin_csqrt)
WENGERT_LIBM(ComplexExp, __builtin_cexp)
WENGERT_LIBM(ComplexLog, __builtin_clog)
WENGERT_LIBM(ComplexSin, __builtin_csin)
WENGERT_LIBM(ComplexCos, __builtin_ccos)
WENGERT_LIBM(ComplexTan, __builtin_ctan)
WENGERT_LIBM(ComplexAsin, __builtin_casin)
WENGERT_LIBM(ComplexAcos, __builtin_cacos)
WENGERT_LIBM(ComplexAtan, __builtin_catan)
WENGERT_LIBM(ComplexSinh, __builtin_csinh)
WENGERT_LIBM(ComplexCosh, __builtin_ccosh)
WENGERT_LIBM(ComplexTanh, __builtin_ctanh)
WENGERT_LIBM(ComplexAsinh, __builtin_casinh)
WENGERT_LIBM(ComplexAcosh, __builtin_cacosh)
WENGERT_LIBM(ComplexAtanh, __builtin_catanh)
#undef WENGERT_LIBM

inline ComplexOf<float> ComplexPow(ComplexOf<float> x, ComplexOf<float> y) {
  return BitCast<ComplexOf<float>>(
      __builtin_cpowf(BitCast<_Complex float>(x), BitCast<_Complex float>(y)));
}
inline ComplexOf<double> ComplexPow(ComplexOf<double> x, ComplexOf<double> y) {
  return BitCast<ComplexOf<double>>(
      __builtin_cpow(BitCast<_Complex double>(x), BitCast<_Complex double>(y)));
}

// e^z - 1 = expm1(a) cos b - 2 sin^2(b/2) + i e^a sin b
template <class T>
ComplexOf<T> ComplexExpm1(ComplexOf<T> z) {
  const double a = static_cast<double>(z.re), b = static_cast<double>(z.im);
  const double half = __builtin_sin(0.5 * b);
  return {static_cast<T>(__builtin_expm1(a) * __builtin_cos(b) - 2 * half * half),
          static_cast<T>(__builtin_exp(a) * __builtin_sin(b))};
}

// log(1 + z) = log1p(a (2 + a) + b^2) / 2 + i arg(1 + z)
template <class T>
ComplexOf<T> ComplexLog1p(ComplexOf<T> z) {
  const double a = static_cast<double>(z.re), b = static_cast<double>(z.im);
  const double modulus = __builtin_hypot(1 + a, b);
  const bool close = (modulus < 2) & (modulus > 0.5);
  const double re = close ? 0.5 * __builtin_log1p(a * (2 + a) + b * b) : __builtin_log(modulus);
  return {static_cast<T>(re), static_cast<T>(__builtin_atan2(b, 1 + a))};
}

#define WENGERT_COMPLEX_FN1(name, expression)                  \
  struct name##Fn {                                            \
    template <class T>                                         \
    WENGERT_INLINE static ComplexOf<T> Apply(ComplexOf<T> x) { \
      return expression;                                       \
    }                                                          \
  };
#define WENGERT_COMPLEX_FN2(name, expression)                                  \
  struct name##Fn {                                                            \
    template <class T>                                                         \
    WENGERT_INLINE static ComplexOf<T> Apply(ComplexOf<T> x, ComplexOf<T> y) { \
      return expression;                                                       \
    }                                                                          \
  };
#define WENGERT_COMPLEX_REAL_FN(name, expression)   \
  struct name##Fn {                                 \
    template <class T>                              \
    WENGERT_INLINE static T Apply(ComplexOf<T> x) { \
      return expression;                            \
    }                                               \
  };

template <class T>
inline ComplexOf<T> SignOf(ComplexOf<T> x) {
  const T modulus = Modulus(x);
  return modulus == 0 ? ComplexOf<T>{0, 0} : ComplexOf<T>{x.re / modulus, x.im / modulus};
}

// 1 / (1 + e^-z), or e^z / (1 + e^z) left of 0: the exponential never overflows
template <class T>
inline ComplexOf<T> Logistic(ComplexOf<T> z) {
  const bool left = z.re < 0;
  const ComplexOf<T> e = ComplexExp(left ? z : ComplexOf<T>{-z.re, -z.im});
  return Over(left ? e : ComplexOf<T>{1, 0}, ComplexOf<T>{1 + e.re, e.im});
}

WENGERT_COMPLEX_FN1(Neg, (ComplexOf<T>{-x.re, -x.im}))
WENGERT_COMPLEX_FN1(Conj, (ComplexOf<T>{x.re, -x.im}))
WENGERT_COMPLEX_FN1(Sign, SignOf(x))
WENGERT_COMPLEX_FN1(Square, Times(x, x))
WENGERT_COMPLEX_FN1(Sqrt, ComplexSqrt(x))
WENGERT_COMPLEX_FN1(Rsqrt, Over(ComplexOf<T>{1, 0}, ComplexSqrt(x)))
WENGERT_COMPLEX_FN1(Reciprocal, Over(ComplexOf<T>{1, 0}, x))
WENGERT_COMPLEX_FN1(Exp, ComplexExp(x))
WENGERT_COMPLEX_FN1(Expm1, ComplexExpm1(x))
WENGERT_COMPLEX_FN1(Log, ComplexLog(x))
WENGERT_COMPLEX_FN1(Log1p, ComplexLog1p(x))
WENGERT_COMPLEX_FN1(Sin, ComplexSin(x))
WENGERT_COMPLEX_FN1(Cos, ComplexCos(x))
WENGERT_COMPLEX_FN1(Tan, ComplexTan(x))
WENGERT_COMPLEX_FN1(Asin, ComplexAsin(x))
WENGERT_COMPLEX_FN1(Acos, ComplexAcos(x))
WENGERT_COMPLEX_FN1(Atan, ComplexAtan(x))
WENGERT_COMPLEX_FN1(Sinh, ComplexSinh(x))
WENGERT_COMPLEX_FN1(Cosh, ComplexCosh(x))
WENGERT_COMPLEX_FN1(Tanh, ComplexTanh(x))
WENGERT_COMPLEX_FN1(Asinh, ComplexAsinh(x))
WENGERT_COMPLEX_FN1(Acosh, ComplexAcosh(x))
WENGERT_COMPLEX_FN1(Atanh, ComplexAtanh(x))
WENGERT_COMPLEX_FN1(Sigmoid, Logistic(x))
WENGERT_COMPLEX_FN2(Add, (ComplexOf<T>{x.re + y.re, x.im + y.im}))
WENGERT_COMPLEX_FN2(Sub, (ComplexOf<T>{x.re - y.re, x.im - y.im}))
WENGERT_COMPLEX_FN2(Mul, Times(x, y))
WENGERT_COMPLEX_FN2(Div, Over(x, y))
WENGERT_COMPLEX_FN2(Pow, ComplexPow(x, y))
WENGERT_COMPLEX_REAL_FN(Real, x.re)
WENGERT_COMPLEX_REAL_FN(Imag, x.im)
WENGERT_COMPLEX_REAL_FN(Arg, Angle(x))
WENGERT_COMPLEX_REAL_FN(ComplexAbs, Modulus(x))

struct ComplexFn {
  template <class T>
  WENGERT_INLINE static ComplexOf<T> Apply(T re, T im) {
    return {re, im};
  }
};

template <class T>
void AddComplex(KernelTable& t) {
  using C = ComplexOf<T>;
  constexpr KDType d = KTypeOf<C>::value;
#define WENGERT_ADD1(name) t.map[kMap##name][d] = Map1<name##Fn, C, C>;
  WENGERT_ADD1(Neg)
  WENGERT_ADD1(Conj)
  WENGERT_ADD1(Sign)
  WENGERT_ADD1(Square)
  WENGERT_ADD1(Sqrt)
  WENGERT_ADD1(Rsqrt)
  WENGERT_ADD1(Reciprocal)
  WENGERT_ADD1(Exp)
  WENGERT_ADD1(Expm1)
  WENGERT_ADD1(Log)
  WENGERT_ADD1(Log1p)
  WENGERT_ADD1(Sin)
  WENGERT_ADD1(Cos)
  WENGERT_ADD1(Tan)
  WENGERT_ADD1(Asin)
  WENGERT_ADD1(Acos)
  WENGERT_ADD1(Atan)
  WENGERT_ADD1(Sinh)
  WENGERT_ADD1(Cosh)
  WENGERT_ADD1(Tanh)
  WENGERT_ADD1(Asinh)
  WENGERT_ADD1(Acosh)
  WENGERT_ADD1(Atanh)
  WENGERT_ADD1(Sigmoid)
#undef WENGERT_ADD1
  t.map[kMapAdd][d] = Map2<AddFn, C, C>;
  t.map[kMapSub][d] = Map2<SubFn, C, C>;
  t.map[kMapMul][d] = Map2<MulFn, C, C>;
  t.map[kMapDiv][d] = Map2<DivFn, C, C>;
  t.map[kMapPow][d] = Map2<PowFn, C, C>;
  t.map[kMapReal][d] = Map1<RealFn, T, C>;
  t.map[kMapImag][d] = Map1<ImagFn, T, C>;
  t.map[kMapArg][d] = Map1<ArgFn, T, C>;
  t.map[kMapComplexAbs][d] = Map1<ComplexAbsFn, T, C>;
  t.map[kMapComplex][KTypeOf<T>::value] = Map2<ComplexFn, C, T>;
}

}  // namespace

void AddComplexMaps(KernelTable& t) {
  AddComplex<float>(t);
  AddComplex<double>(t);
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
