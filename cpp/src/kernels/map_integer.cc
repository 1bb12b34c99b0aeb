// Integer arithmetic: two's complement, wrapping. Nothing here traps or is undefined.
#include "kernels/simd.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

template <class T>
constexpr bool kSigned = static_cast<T>(-1) < static_cast<T>(0);

// Arithmetic happens in an unsigned type of at least 32 bits, where overflow wraps.
template <int kBytes>
struct WideOf {
  using Type = uint32_t;
};
template <>
struct WideOf<8> {
  using Type = uint64_t;
};
template <class T>
using Wide = typename WideOf<sizeof(T)>::Type;
template <class T>
WENGERT_INLINE Wide<T> W(T x) {
  return static_cast<Wide<T>>(x);
}

#define WENGERT_INT_FN1(name, expression) \
  struct name##Fn {                       \
    template <class T>                    \
    WENGERT_INLINE static T Apply(T x) {  \
      return static_cast<T>(expression);  \
    }                                     \
  };
#define WENGERT_INT_FN2(name, expression)     \
  struct name##Fn {                           \
    template <class T>                        \
    WENGERT_INLINE static T Apply(T x, T y) { \
      return static_cast<T>(expression);      \
    }                                         \
  };

WENGERT_INT_FN1(Neg, W(T(0)) - W(x))
WENGERT_INT_FN1(Abs, kSigned<T>&& x < 0 ? W(T(0)) - W(x) : W(x))
WENGERT_INT_FN1(Sign, (x > T(0)) - (kSigned<T> && x < T(0)))
WENGERT_INT_FN1(Square, W(x) * W(x))
WENGERT_INT_FN1(Invert, ~W(x))
WENGERT_INT_FN2(Add, W(x) + W(y))
WENGERT_INT_FN2(Sub, W(x) - W(y))
WENGERT_INT_FN2(Mul, W(x) * W(y))
WENGERT_INT_FN2(Maximum, x < y ? y : x)
WENGERT_INT_FN2(Minimum, y < x ? y : x)
WENGERT_INT_FN2(And, x& y)
WENGERT_INT_FN2(Or, x | y)
WENGERT_INT_FN2(Xor, x ^ y)

// A shift by less than nothing is none; by more than there are bits, by all but one.
template <class T>
WENGERT_INLINE int ShiftCount(T y) {
  constexpr T kMost = static_cast<T>(8 * sizeof(T) - 1);
  const T low = kSigned<T> && y < T(0) ? T(0) : y;
  return static_cast<int>(low > kMost ? kMost : low);
}
WENGERT_INT_FN2(LeftShift, W(x) << ShiftCount(y))
WENGERT_INT_FN2(RightShift, x >> ShiftCount(y))

// Quotients: y is neither 0 nor -1, which the callers take care of.
struct TruncQuotient {
  template <class T>
  static T Apply(T x, T y) {
    return static_cast<T>(x / y);
  }
  template <class T>
  static T ByMinusOne(T x) {
    return NegFn::Apply(x);
  }
};
struct FloorQuotient {
  template <class T>
  static T Apply(T x, T y) {
    const T q = static_cast<T>(x / y);
    const T r = static_cast<T>(x % y);
    return static_cast<T>(q - T(kSigned<T> && r != 0 && (r < T(0)) != (y < T(0))));
  }
  template <class T>
  static T ByMinusOne(T x) {
    return NegFn::Apply(x);
  }
};
struct TruncRemainder {
  template <class T>
  static T Apply(T x, T y) {
    return static_cast<T>(x % y);
  }
  template <class T>
  static T ByMinusOne(T) {
    return 0;
  }
};
struct FloorRemainder {
  template <class T>
  static T Apply(T x, T y) {
    const T r = static_cast<T>(x % y);
    return kSigned<T> && r != 0 && (r < T(0)) != (y < T(0)) ? static_cast<T>(r + y) : r;
  }
  template <class T>
  static T ByMinusOne(T) {
    return 0;
  }
};

template <class F, class T>
bool Divide(void* out, const void* a, const void* b, const void*, int64_t n) {
  T* o = static_cast<T*>(out);
  const T* x = static_cast<const T*>(a);
  const T* y = static_cast<const T*>(b);
  bool valid = true;
  for (int64_t i = 0; i < n; ++i) {
    const T divisor = y[i];
    if (divisor == 0) {
      valid = false;
      o[i] = 0;
    } else if (kSigned<T> && divisor == static_cast<T>(-1)) {
      o[i] = F::ByMinusOne(x[i]);  // the smallest number has no positive counterpart
    } else {
      o[i] = F::Apply(x[i], divisor);
    }
  }
  return valid;
}

template <class T>
bool Power(void* out, const void* a, const void* b, const void*, int64_t n) {
  T* o = static_cast<T*>(out);
  const T* x = static_cast<const T*>(a);
  const T* y = static_cast<const T*>(b);
  bool valid = true;
  for (int64_t i = 0; i < n; ++i) {
    T exponent = y[i];
    if (kSigned<T> && exponent < T(0)) {
      valid = false;
      o[i] = 0;
      continue;
    }
    Wide<T> square = W(x[i]), result = 1;
    for (; exponent != 0; exponent = static_cast<T>(exponent >> 1)) {
      if ((exponent & 1) != 0) result *= square;
      square *= square;
    }
    o[i] = static_cast<T>(result);
  }
  return valid;
}

template <class T>
void AddIntegers(KernelTable& t) {
  constexpr KDType d = KTypeOf<T>::value;
  t.map[kMapNeg][d] = Map1<NegFn, T, T>;
  t.map[kMapAbs][d] = Map1<AbsFn, T, T>;
  t.map[kMapSign][d] = Map1<SignFn, T, T>;
  t.map[kMapSquare][d] = Map1<SquareFn, T, T>;
  t.map[kMapInvert][d] = Map1<InvertFn, T, T>;
  t.map[kMapAdd][d] = Map2<AddFn, T, T>;
  t.map[kMapSub][d] = Map2<SubFn, T, T>;
  t.map[kMapMul][d] = Map2<MulFn, T, T>;
  t.map[kMapMaximum][d] = Map2<MaximumFn, T, T>;
  t.map[kMapMinimum][d] = Map2<MinimumFn, T, T>;
  t.map[kMapAnd][d] = Map2<AndFn, T, T>;
  t.map[kMapOr][d] = Map2<OrFn, T, T>;
  t.map[kMapXor][d] = Map2<XorFn, T, T>;
  t.map[kMapLeftShift][d] = Map2<LeftShiftFn, T, T>;
  t.map[kMapRightShift][d] = Map2<RightShiftFn, T, T>;
  t.map[kMapDiv][d] = Divide<TruncQuotient, T>;
  t.map[kMapFloorDiv][d] = Divide<FloorQuotient, T>;
  t.map[kMapTruncMod][d] = Divide<TruncRemainder, T>;
  t.map[kMapFloorMod][d] = Divide<FloorRemainder, T>;
  t.map[kMapPow][d] = Power<T>;
}

struct NotFn {
  WENGERT_INLINE static uint8_t Apply(uint8_t x) { return x == 0; }
};

}  // namespace

void AddIntegerMaps(KernelTable& t) {
  AddIntegers<int8_t>(t);
  AddIntegers<int16_t>(t);
  AddIntegers<int32_t>(t);
  AddIntegers<int64_t>(t);
  AddIntegers<uint8_t>(t);
  AddIntegers<uint16_t>(t);
  AddIntegers<uint32_t>(t);
  AddIntegers<uint64_t>(t);
  t.map[kMapNot][kBool] = Map1<NotFn, uint8_t, uint8_t>;
  t.map[kMapAnd][kBool] = Map2<AndFn, uint8_t, uint8_t>;
  t.map[kMapOr][kBool] = Map2<OrFn, uint8_t, uint8_t>;
  t.map[kMapXor][kBool] = Map2<XorFn, uint8_t, uint8_t>;
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
