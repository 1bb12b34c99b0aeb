// Arithmetic, rounding and classification of float32 and float64.
#include "kernels/simd_math.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

#define WENGERT_FLOAT_FN1(name, expression) \
  struct name##Fn {                         \
    template <class T>                      \
    WENGERT_INLINE static T Apply(T x) {    \
      return expression;                    \
    }                                       \
  };
#define WENGERT_FLOAT_FN2(name, expression)   \
  struct name##Fn {                           \
    template <class T>                        \
    WENGERT_INLINE static T Apply(T x, T y) { \
      return expression;                      \
    }                                         \
  };

WENGERT_INLINE float FloorOf(float x) {
  return __builtin_floorf(x);
}
WENGERT_INLINE double FloorOf(double x) {
  return __builtin_floor(x);
}
WENGERT_INLINE float CeilOf(float x) {
  return __builtin_ceilf(x);
}
WENGERT_INLINE double CeilOf(double x) {
  return __builtin_ceil(x);
}
WENGERT_INLINE float RintOf(float x) {
  return __builtin_rintf(x);
}
WENGERT_INLINE double RintOf(double x) {
  return __builtin_rint(x);
}
WENGERT_INLINE float TruncOf(float x) {
  return __builtin_truncf(x);
}
WENGERT_INLINE double TruncOf(double x) {
  return __builtin_trunc(x);
}
inline float Fmod(float x, float y) {
  return __builtin_fmodf(x, y);
}
inline double Fmod(double x, double y) {
  return __builtin_fmod(x, y);
}

WENGERT_FLOAT_FN1(Neg, -x)
WENGERT_FLOAT_FN1(Abs, Abs(x))
WENGERT_FLOAT_FN1(Sign, x > 0 ? T(1) : (x < 0 ? T(-1) : (x == 0 ? T(0) : x)))
WENGERT_FLOAT_FN1(Square, x* x)
WENGERT_FLOAT_FN1(Sqrt, SqrtOf(x))
WENGERT_FLOAT_FN1(Rsqrt, T(1) / SqrtOf(x))
WENGERT_FLOAT_FN1(Reciprocal, T(1) / x)
WENGERT_FLOAT_FN1(Floor, FloorOf(x))
WENGERT_FLOAT_FN1(Ceil, CeilOf(x))
WENGERT_FLOAT_FN1(Rint, RintOf(x))
WENGERT_FLOAT_FN1(Trunc, TruncOf(x))
WENGERT_FLOAT_FN2(Add, x + y)
WENGERT_FLOAT_FN2(Sub, x - y)
WENGERT_FLOAT_FN2(Mul, x* y)
WENGERT_FLOAT_FN2(Div, x / y)
WENGERT_FLOAT_FN2(FloorDiv, FloorOf(x / y))
WENGERT_FLOAT_FN2(TruncMod, Fmod(x, y))
// either NaN: the sum is NaN
WENGERT_FLOAT_FN2(Maximum, (x != x) | (y != y) ? x + y : (x < y ? y : x))
WENGERT_FLOAT_FN2(Minimum, (x != x) | (y != y) ? x + y : (y < x ? y : x))

struct FloorModFn {
  template <class T>
  static T Apply(T x, T y) {
    const T r = Fmod(x, y);
    return (r != 0) & ((y < 0) != (r < 0)) ? r + y : r;
  }
};

struct IsNanFn {
  template <class T>
  WENGERT_INLINE static uint8_t Apply(T x) {
    return x != x;
  }
};
struct IsInfFn {
  template <class T>
  WENGERT_INLINE static uint8_t Apply(T x) {
    return Abs(x) == FloatTraits<T>::kInf;
  }
};
struct IsFiniteFn {
  template <class T>
  WENGERT_INLINE static uint8_t Apply(T x) {
    return Abs(x) < FloatTraits<T>::kInf;
  }
};

template <class F>
void AddTest(KernelTable& t, MapOp op) {
  t.map[op][kF32] = Map1<F, uint8_t, float>;
  t.map[op][kF64] = Map1<F, uint8_t, double>;
}

}  // namespace

void AddArithmeticMaps(KernelTable& t) {
  AddFloatMap1<NegFn>(t, kMapNeg);
  AddFloatMap1<AbsFn>(t, kMapAbs);
  AddFloatMap1<SignFn>(t, kMapSign);
  AddFloatMap1<SquareFn>(t, kMapSquare);
  AddFloatMap1<SqrtFn>(t, kMapSqrt);
  AddFloatMap1<RsqrtFn>(t, kMapRsqrt);
  AddFloatMap1<ReciprocalFn>(t, kMapReciprocal);
  AddFloatMap1<FloorFn>(t, kMapFloor);
  AddFloatMap1<CeilFn>(t, kMapCeil);
  AddFloatMap1<RintFn>(t, kMapRint);
  AddFloatMap1<TruncFn>(t, kMapTrunc);
  AddFloatMap2<AddFn>(t, kMapAdd);
  AddFloatMap2<SubFn>(t, kMapSub);
  AddFloatMap2<MulFn>(t, kMapMul);
  AddFloatMap2<DivFn>(t, kMapDiv);
  AddFloatMap2<FloorDivFn>(t, kMapFloorDiv);
  AddFloatMap2<FloorModFn>(t, kMapFloorMod);
  AddFloatMap2<TruncModFn>(t, kMapTruncMod);
  AddFloatMap2<MaximumFn>(t, kMapMaximum);
  AddFloatMap2<MinimumFn>(t, kMapMinimum);
  AddTest<IsNanFn>(t, kMapIsNan);
  AddTest<IsInfFn>(t, kMapIsInf);
  AddTest<IsFiniteFn>(t, kMapIsFinite);
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
