// Conversions between all dtypes, and splats. Out-of-range values convert the way the x86
// instructions of the common compilers convert them, on every machine.
#include <cstddef>

#include "kernels/simd.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

WENGERT_INLINE float HalfToFloat(uint16_t h) {
  const uint32_t magnitude = static_cast<uint32_t>(h & 0x7fffu) << 13;
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  // moving the exponent's bias is a product with 2^112, which also handles subnormals
  const float scaled = BitCast<float>(magnitude) * 0x1p112f;
  const uint32_t special = BitCast<uint32_t>(scaled) | 0x7f800000u;
  const uint32_t bits = magnitude >= 0x0f800000u ? special : BitCast<uint32_t>(scaled);
  return BitCast<float>(bits | sign);
}

WENGERT_INLINE uint16_t FloatToHalf(float x) {
  const uint32_t u = BitCast<uint32_t>(x);
  const uint32_t sign = (u >> 16) & 0x8000u;
  const uint32_t magnitude = u & 0x7fffffffu;
  const uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1) - 0x38000000u) >> 13;
  // adding 1/2 lets the addition round at the last place of a subnormal half
  const uint32_t small = BitCast<uint32_t>(BitCast<float>(magnitude) + 0.5f) - 0x3f000000u;
  uint32_t half = magnitude < 0x38800000u ? small : normal;
  half = magnitude >= 0x47800000u ? 0x7c00u : half;
  half = magnitude > 0x7f800000u ? 0x7e00u : half;
  return static_cast<uint16_t>(half | sign);
}

WENGERT_INLINE float BFloatToFloat(uint16_t b) {
  return BitCast<float>(static_cast<uint32_t>(b) << 16);
}

WENGERT_INLINE uint16_t FloatToBFloat(float x) {
  const uint32_t u = BitCast<uint32_t>(x);
  const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
  const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
  return static_cast<uint16_t>(nan ? ((u >> 16) & 0x8000u) | 0x7fc0u : rounded);
}

// Floating to integers. Outside int32 (int64) the result is the smallest number.
template <class F>
WENGERT_INLINE int32_t ToInt32(F x) {
  const bool fits = (x >= static_cast<F>(-0x1p31)) & (x < static_cast<F>(0x1p31));
  const int32_t value = static_cast<int32_t>(fits ? x : static_cast<F>(0));
  return fits ? value : INT32_MIN;
}
template <class F>
WENGERT_INLINE int64_t ToInt64(F x) {
  const bool fits = (x >= static_cast<F>(-0x1p63)) & (x < static_cast<F>(0x1p63));
  const int64_t value = static_cast<int64_t>(fits ? x : static_cast<F>(0));
  return fits ? value : INT64_MIN;
}

template <class To>
struct FloatTo {  // 8 and 16 bits: the low bits of the int32
  template <class F>
  WENGERT_INLINE static To From(F x) {
    return static_cast<To>(ToInt32(x));
  }
};
template <>
struct FloatTo<int64_t> {
  template <class F>
  WENGERT_INLINE static int64_t From(F x) {
    return ToInt64(x);
  }
};
template <>
struct FloatTo<uint32_t> {
  template <class F>
  WENGERT_INLINE static uint32_t From(F x) {
    const bool fits = (x > static_cast<F>(-0x1p31)) & (x < static_cast<F>(0x1p32));
    return fits ? static_cast<uint32_t>(ToInt64(x)) : 0x80000000u;
  }
};
template <>
struct FloatTo<uint64_t> {
  template <class F>
  WENGERT_INLINE static uint64_t From(F x) {
    const bool upper = (x >= static_cast<F>(0x1p63)) & (x < static_cast<F>(0x1p64));
    const F shifted = upper ? x - static_cast<F>(0x1p63) : x;
    const uint64_t value = static_cast<uint64_t>(ToInt64(shifted));
    return upper ? value ^ (uint64_t{1} << 63) : value;
  }
};
template <>
struct FloatTo<Bool> {
  template <class F>
  WENGERT_INLINE static Bool From(F x) {
    return {static_cast<uint8_t>(x != 0)};
  }
};
template <>
struct FloatTo<float> {
  template <class F>
  WENGERT_INLINE static float From(F x) {
    return static_cast<float>(x);
  }
};
template <>
struct FloatTo<double> {
  template <class F>
  WENGERT_INLINE static double From(F x) {
    return static_cast<double>(x);
  }
};

template <class To>
struct IntTo {
  template <class S>
  WENGERT_INLINE static To From(S x) {
    return static_cast<To>(x);
  }
};
template <>
struct IntTo<Bool> {
  template <class S>
  WENGERT_INLINE static Bool From(S x) {
    return {static_cast<uint8_t>(x != 0)};
  }
};

// The storage type read as a number: float, double or an integer.
template <class S>
struct Load {
  WENGERT_INLINE static S Of(S x) { return x; }
};
template <>
struct Load<HalfBits> {
  WENGERT_INLINE static float Of(HalfBits x) { return HalfToFloat(x.bits); }
};
template <>
struct Load<BFloatBits> {
  WENGERT_INLINE static float Of(BFloatBits x) { return BFloatToFloat(x.bits); }
};
template <>
struct Load<Bool> {
  WENGERT_INLINE static uint8_t Of(Bool x) { return x.value; }
};
template <class T>
struct Load<ComplexOf<T>> {
  WENGERT_INLINE static T Of(ComplexOf<T> x) { return x.re; }
};

template <class S>
constexpr bool kFloating = false;
template <>
constexpr bool kFloating<float> = true;
template <>
constexpr bool kFloating<double> = true;

template <class To>
struct Store {
  template <class S>
  WENGERT_INLINE static To Of(S x) {
    if constexpr (kFloating<S>) {
      return FloatTo<To>::From(x);
    } else {
      return IntTo<To>::From(x);
    }
  }
};
template <>
struct Store<HalfBits> {
  template <class S>
  WENGERT_INLINE static HalfBits Of(S x) {
    return {FloatToHalf(static_cast<float>(x))};
  }
};
template <>
struct Store<BFloatBits> {
  template <class S>
  WENGERT_INLINE static BFloatBits Of(S x) {
    return {FloatToBFloat(static_cast<float>(x))};
  }
};
template <class T>
struct Store<ComplexOf<T>> {
  template <class S>
  WENGERT_INLINE static ComplexOf<T> Of(S x) {
    return {static_cast<T>(x), 0};
  }
};

template <class To, class From>
struct Convert {
  WENGERT_INLINE static To Apply(From x) { return Store<To>::Of(Load<From>::Of(x)); }
};
template <class To, class T>
struct Convert<ComplexOf<To>, ComplexOf<T>> {
  WENGERT_INLINE static ComplexOf<To> Apply(ComplexOf<T> x) {
    return {static_cast<To>(x.re), static_cast<To>(x.im)};
  }
};

template <class To, class From>
void Cast(void* out, const void* x, int64_t n) {
  if constexpr (KTypeOf<To>::value == KTypeOf<From>::value) {
    __builtin_memmove(out, x, static_cast<size_t>(n) * sizeof(To));
  } else {
    To* o = static_cast<To*>(out);
    const From* in = static_cast<const From*>(x);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) o[i] = Convert<To, From>::Apply(in[i]);
  }
}

template <class U>
void Splat(void* out, const void* value, int64_t n) {
  U* o = static_cast<U*>(out);
  const U v = *static_cast<const U*>(value);
  for (int64_t i = 0; i < n; ++i) o[i] = v;
}

template <class From, class... To>
void AddRow(KernelTable& t) {
  ((t.cast[KTypeOf<From>::value][KTypeOf<To>::value] = Cast<To, From>), ...);
}

template <class... T>
void AddMatrix(KernelTable& t) {
  (AddRow<T, T...>(t), ...);
}

}  // namespace

void AddCasts(KernelTable& t) {
  AddMatrix<float, double, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
            Bool, ComplexOf<float>, ComplexOf<double>, HalfBits, BFloatBits>(t);
  t.splat[1] = Splat<uint8_t>;
  t.splat[2] = Splat<uint16_t>;
  t.splat[4] = Splat<uint32_t>;
  t.splat[8] = Splat<uint64_t>;
  t.splat[16] = Splat<ComplexOf<uint64_t>>;
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
