// What every kernel file of an instruction set starts from: the namespace, forced inlining,
// bit casts, and the loops that the compiler vectorises. Everything here has internal linkage:
// a weak symbol compiled for a new instruction set could be linked into code for an old one.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"

#ifndef WENGERT_ISA_NS
#error "compile through wengert_add_isa_kernels (cmake/Isa.cmake)"
#endif

#define WENGERT_INLINE [[gnu::always_inline]] inline

namespace wengert::kernels::WENGERT_ISA_NS {

// Each file adds its kernels to the table.
void AddArithmeticMaps(KernelTable& table);
void AddTranscendentalMaps(KernelTable& table);
void AddSpecialMaps(KernelTable& table);
void AddIntegerMaps(KernelTable& table);
void AddComplexMaps(KernelTable& table);
void AddCompareMaps(KernelTable& table);
void AddCasts(KernelTable& table);
void AddReductions(KernelTable& table);
void AddSmallGemm(KernelTable& table);
void AddPackedGemm(KernelTable& table);
void AddConvolutions(KernelTable& table);
void AddPools(KernelTable& table);

namespace {

template <class T>
struct ComplexOf {
  T re, im;
};

// f16 and bf16 in storage
struct HalfBits {
  uint16_t bits;
};
struct BFloatBits {
  uint16_t bits;
};
// bool as it is stored: 0 or 1
struct Bool {
  uint8_t value;
};

template <class T>
struct KTypeOf;
#define WENGERT_KTYPE(type, dtype)         \
  template <>                              \
  struct KTypeOf<type> {                   \
    static constexpr KDType value = dtype; \
  };
WENGERT_KTYPE(float, kF32)
WENGERT_KTYPE(double, kF64)
WENGERT_KTYPE(int8_t, kI8)
WENGERT_KTYPE(int16_t, kI16)
WENGERT_KTYPE(int32_t, kI32)
WENGERT_KTYPE(int64_t, kI64)
WENGERT_KTYPE(uint8_t, kU8)
WENGERT_KTYPE(uint16_t, kU16)
WENGERT_KTYPE(uint32_t, kU32)
WENGERT_KTYPE(uint64_t, kU64)
WENGERT_KTYPE(Bool, kBool)
WENGERT_KTYPE(ComplexOf<float>, kC64)
WENGERT_KTYPE(ComplexOf<double>, kC128)
WENGERT_KTYPE(HalfBits, kF16)
WENGERT_KTYPE(BFloatBits, kBF16)
#undef WENGERT_KTYPE

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

// A register full of T, by the compiler's vector extension.
template <class T>
struct VectorOf {
  typedef T Type __attribute__((vector_size(kVectorBytes)));
  typedef T Unaligned __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
  static constexpr int kCount = kVectorBytes / static_cast<int>(sizeof(T));
};
template <class T>
using Vector = typename VectorOf<T>::Type;

template <class T>
constexpr int kStep = VectorOf<T>::kCount;

// x - 0 is x, -0 and NaN too.
template <class T>
WENGERT_INLINE Vector<T> Broadcast(T x) {
  return x - Vector<T>{};
}
template <class T>
WENGERT_INLINE Vector<T> LoadVector(const T* p) {
  return *reinterpret_cast<const typename VectorOf<T>::Unaligned*>(p);
}
template <class T>
WENGERT_INLINE void StoreVector(T* p, Vector<T> v) {
  *reinterpret_cast<typename VectorOf<T>::Unaligned*>(p) = v;
}

template <class To, class From>
WENGERT_INLINE To BitCast(From x) {
  return __builtin_bit_cast(To, x);
}

// ivdep: `out` may be equal to an operand, which a plain loop would only find out by falling
// back to scalar code.
template <class F, class R, class A>
bool Map1(void* out, const void* a, const void*, const void*, int64_t n) {
  R* o = static_cast<R*>(out);
  const A* x = static_cast<const A*>(a);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) o[i] = F::Apply(x[i]);
  return true;
}

template <class F, class R, class A>
bool Map2(void* out, const void* a, const void* b, const void*, int64_t n) {
  R* o = static_cast<R*>(out);
  const A* x = static_cast<const A*>(a);
  const A* y = static_cast<const A*>(b);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) o[i] = F::Apply(x[i], y[i]);
  return true;
}

WENGERT_INLINE double Magnitude(double x) {
  return __builtin_fabs(x);
}
WENGERT_INLINE float Magnitude(float x) {
  return __builtin_fabsf(x);
}

// Whether some |x[i]| is above the limit.
template <class T>
WENGERT_INLINE bool AnyBeyond(const T* x, T limit, int64_t n) {
  int32_t beyond = 0;
  for (int64_t i = 0; i < n; ++i) beyond |= Magnitude(x[i]) > limit;
  return beyond != 0;
}

// F::Fast holds up to |x| = F::kLimit; the rare elements beyond take F::Slow.
template <class F, class T>
bool Map1Limited(void* out, const void* a, const void*, const void*, int64_t n) {
  constexpr int64_t kBlock = 512;
  T* o = static_cast<T*>(out);
  const T* x = static_cast<const T*>(a);
  constexpr T kLimit = static_cast<T>(F::kLimit);
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = n - begin < kBlock ? n : begin + kBlock;
    if (!AnyBeyond(x + begin, kLimit, end - begin)) {
#pragma GCC ivdep
      for (int64_t i = begin; i < end; ++i) o[i] = F::Fast(x[i]);
    } else {
      for (int64_t i = begin; i < end; ++i) {
        o[i] = Magnitude(x[i]) > kLimit ? F::Slow(x[i]) : F::Fast(x[i]);
      }
    }
  }
  return true;
}

// Functors that are templates over the element type fill the two floating columns at once.
template <class F>
WENGERT_INLINE void AddFloatMap1(KernelTable& t, MapOp op) {
  t.map[op][kF32] = Map1<F, float, float>;
  t.map[op][kF64] = Map1<F, double, double>;
}
template <class F>
WENGERT_INLINE void AddFloatMap2(KernelTable& t, MapOp op) {
  t.map[op][kF32] = Map2<F, float, float>;
  t.map[op][kF64] = Map2<F, double, double>;
}

}  // namespace
}  // namespace wengert::kernels::WENGERT_ISA_NS
