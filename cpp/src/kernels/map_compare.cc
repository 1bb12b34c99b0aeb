// Comparisons, which write bool, and Select.
#include "kernels/simd.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

#define WENGERT_COMPARE(name, op)                   \
  struct name##Fn {                                 \
    template <class T>                              \
    WENGERT_INLINE static uint8_t Apply(T x, T y) { \
      return x op y;                                \
    }                                               \
  };
WENGERT_COMPARE(Equal, ==)
WENGERT_COMPARE(NotEqual, !=)
WENGERT_COMPARE(Less, <)
WENGERT_COMPARE(LessEqual, <=)
WENGERT_COMPARE(Greater, >)
WENGERT_COMPARE(GreaterEqual, >=)
#undef WENGERT_COMPARE

struct ComplexEqualFn {
  template <class T>
  WENGERT_INLINE static uint8_t Apply(ComplexOf<T> x, ComplexOf<T> y) {
    return (x.re == y.re) & (x.im == y.im);
  }
};
struct ComplexNotEqualFn {
  template <class T>
  WENGERT_INLINE static uint8_t Apply(ComplexOf<T> x, ComplexOf<T> y) {
    return (x.re != y.re) | (x.im != y.im);
  }
};

// U: an unsigned integer of the element's size; values are only moved
template <class U>
bool SelectWords(void* out, const void* condition, const void* a, const void* b, int64_t n) {
  U* o = static_cast<U*>(out);
  const uint8_t* c = static_cast<const uint8_t*>(condition);
  const U* x = static_cast<const U*>(a);
  const U* y = static_cast<const U*>(b);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const U take = x[i], other = y[i];
    o[i] = c[i] != 0 ? take : other;
  }
  return true;
}

bool SelectPairs(void* out, const void* condition, const void* a, const void* b, int64_t n) {
  using Pair = ComplexOf<uint64_t>;
  Pair* o = static_cast<Pair*>(out);
  const uint8_t* c = static_cast<const uint8_t*>(condition);
  const Pair* x = static_cast<const Pair*>(a);
  const Pair* y = static_cast<const Pair*>(b);
  for (int64_t i = 0; i < n; ++i) o[i] = c[i] != 0 ? x[i] : y[i];
  return true;
}

template <class U, KDType... kDTypes>
void FillSelect(KernelTable& t) {
  ((t.map[kMapSelect][kDTypes] = SelectWords<U>), ...);
}

template <class T>
void AddEqual(KernelTable& t, KDType d) {
  t.map[kMapEqual][d] = Map2<EqualFn, uint8_t, T>;
  t.map[kMapNotEqual][d] = Map2<NotEqualFn, uint8_t, T>;
}

template <class T>
void AddCompare(KernelTable& t) {
  constexpr KDType d = KTypeOf<T>::value;
  AddEqual<T>(t, d);
  t.map[kMapLess][d] = Map2<LessFn, uint8_t, T>;
  t.map[kMapLessEqual][d] = Map2<LessEqualFn, uint8_t, T>;
  t.map[kMapGreater][d] = Map2<GreaterFn, uint8_t, T>;
  t.map[kMapGreaterEqual][d] = Map2<GreaterEqualFn, uint8_t, T>;
}

template <class T>
void AddComplexEqual(KernelTable& t) {
  constexpr KDType d = KTypeOf<ComplexOf<T>>::value;
  t.map[kMapEqual][d] = Map2<ComplexEqualFn, uint8_t, ComplexOf<T>>;
  t.map[kMapNotEqual][d] = Map2<ComplexNotEqualFn, uint8_t, ComplexOf<T>>;
}

}  // namespace

void AddCompareMaps(KernelTable& t) {
  AddCompare<float>(t);
  AddCompare<double>(t);
  AddCompare<int8_t>(t);
  AddCompare<int16_t>(t);
  AddCompare<int32_t>(t);
  AddCompare<int64_t>(t);
  AddCompare<uint8_t>(t);
  AddCompare<uint16_t>(t);
  AddCompare<uint32_t>(t);
  AddCompare<uint64_t>(t);
  AddEqual<uint8_t>(t, kBool);
  AddComplexEqual<float>(t);
  AddComplexEqual<double>(t);
  FillSelect<uint8_t, kI8, kU8, kBool>(t);
  FillSelect<uint16_t, kI16, kU16, kF16, kBF16>(t);
  FillSelect<uint32_t, kI32, kU32, kF32>(t);
  FillSelect<uint64_t, kI64, kU64, kF64, kC64>(t);
  t.map[kMapSelect][kC128] = SelectPairs;
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
