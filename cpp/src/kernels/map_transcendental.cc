// exp, log, the trigonometric and hyperbolic families: float32 and float64.
#include "kernels/simd_trig.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

// Computed in its own precision.
#define WENGERT_NATIVE(name)             \
  struct name##Fn {                      \
    template <class T>                   \
    WENGERT_INLINE static T Apply(T x) { \
      return name<T>(x);                 \
    }                                    \
  };
WENGERT_NATIVE(Exp)
WENGERT_NATIVE(Expm1)
WENGERT_NATIVE(Log)
WENGERT_NATIVE(Log1p)
WENGERT_NATIVE(Tanh)
WENGERT_NATIVE(Sigmoid)
#undef WENGERT_NATIVE

// Float32 through double and rounded once.
#define WENGERT_THROUGH_DOUBLE(name)                       \
  struct name##Fn {                                        \
    template <class T>                                     \
    WENGERT_INLINE static T Apply(T x) {                   \
      return static_cast<T>(name(static_cast<double>(x))); \
    }                                                      \
  };
WENGERT_THROUGH_DOUBLE(Sinh)
WENGERT_THROUGH_DOUBLE(Cosh)
WENGERT_THROUGH_DOUBLE(Asin)
WENGERT_THROUGH_DOUBLE(Acos)
WENGERT_THROUGH_DOUBLE(Atan)
WENGERT_THROUGH_DOUBLE(Asinh)
WENGERT_THROUGH_DOUBLE(Acosh)
WENGERT_THROUGH_DOUBLE(Atanh)
#undef WENGERT_THROUGH_DOUBLE

struct SoftplusFn {
  template <class T>
  WENGERT_INLINE static T Apply(T x) {
    return Softplus(x);
  }
};

struct Atan2Fn {
  template <class T>
  WENGERT_INLINE static T Apply(T y, T x) {
    return static_cast<T>(Atan2(static_cast<double>(y), static_cast<double>(x)));
  }
};

template <class F>
void AddLimited(KernelTable& t, MapOp op) {
  t.map[op][kF32] = Map1Limited<F, float>;
  t.map[op][kF64] = Map1Limited<F, double>;
}

template <class T>
void SinCosMap(void* sine, void* cosine, const void* from, int64_t n) {
  constexpr int64_t kBlock = 512;
  constexpr T kLimit = static_cast<T>(kTrigLimit);
  const T* x = static_cast<const T*>(from);
  T* s = static_cast<T*>(sine);
  T* c = static_cast<T*>(cosine);
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = n - begin < kBlock ? n : begin + kBlock;
    if (!AnyBeyond(x + begin, kLimit, end - begin)) {
#pragma GCC ivdep
      for (int64_t i = begin; i < end; ++i) {
        const SinCosPair<T> p = SinCos(x[i]);
        s[i] = p.sin;
        c[i] = p.cos;
      }
    } else {
      for (int64_t i = begin; i < end; ++i) {
        const T at = x[i];
        const bool beyond = Magnitude(at) > kLimit;
        s[i] = beyond ? SinFn::Slow(at) : SinFn::Fast(at);
        c[i] = beyond ? CosFn::Slow(at) : CosFn::Fast(at);
      }
    }
  }
}

}  // namespace

void AddTranscendentalMaps(KernelTable& t) {
  AddFloatMap1<ExpFn>(t, kMapExp);
  AddFloatMap1<Expm1Fn>(t, kMapExpm1);
  AddFloatMap1<LogFn>(t, kMapLog);
  AddFloatMap1<Log1pFn>(t, kMapLog1p);
  AddFloatMap1<TanhFn>(t, kMapTanh);
  AddFloatMap1<SigmoidFn>(t, kMapSigmoid);
  AddFloatMap1<SoftplusFn>(t, kMapSoftplus);
  AddFloatMap1<SinhFn>(t, kMapSinh);
  AddFloatMap1<CoshFn>(t, kMapCosh);
  AddFloatMap1<AsinFn>(t, kMapAsin);
  AddFloatMap1<AcosFn>(t, kMapAcos);
  AddFloatMap1<AtanFn>(t, kMapAtan);
  AddFloatMap1<AsinhFn>(t, kMapAsinh);
  AddFloatMap1<AcoshFn>(t, kMapAcosh);
  AddFloatMap1<AtanhFn>(t, kMapAtanh);
  AddFloatMap2<Atan2Fn>(t, kMapAtan2);
  AddLimited<SinFn>(t, kMapSin);
  AddLimited<CosFn>(t, kMapCos);
  AddLimited<TanFn>(t, kMapTan);
  t.sin_cos[kF32] = SinCosMap<float>;
  t.sin_cos[kF64] = SinCosMap<double>;
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
