// pow, erf, erfc, lgamma, digamma, nextafter: float32 and float64.
#include "kernels/simd_special.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

struct PowFn {
  template <class T>
  WENGERT_INLINE static T Apply(T x, T y) {
    return Pow(x, y);
  }
};
struct ErfFn {
  template <class T>
  WENGERT_INLINE static T Apply(T x) {
    return Erf(x);
  }
};
struct ErfcFn {
  template <class T>
  WENGERT_INLINE static T Apply(T x) {
    return Erfc(x);
  }
};

// scalar ones
struct LgammaFn {
  template <class T>
  static T Apply(T x) {
    return static_cast<T>(LogGamma(static_cast<double>(x)));
  }
};
struct DigammaFn {
  template <class T>
  static T Apply(T x) {
    return static_cast<T>(Digamma(static_cast<double>(x)));
  }
};
struct NextAfterFn {
  static float Apply(float x, float y) { return __builtin_nextafterf(x, y); }
  static double Apply(double x, double y) { return __builtin_nextafter(x, y); }
};

}  // namespace

void AddSpecialMaps(KernelTable& t) {
  AddFloatMap2<PowFn>(t, kMapPow);
  AddFloatMap1<ErfFn>(t, kMapErf);
  AddFloatMap1<ErfcFn>(t, kMapErfc);
  AddFloatMap1<LgammaFn>(t, kMapLgamma);
  AddFloatMap1<DigammaFn>(t, kMapDigamma);
  AddFloatMap2<NextAfterFn>(t, kMapNextAfter);
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
