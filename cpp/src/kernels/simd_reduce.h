// How the elements of a block are reduced, by any operation: what reductions and sums of products
// share. Floating sums and products run over the same lanes in the same order in every
// instruction set: lanes of kLaneBytes, folded in halves.
#pragma once

#include <type_traits>

#include "kernels/simd.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

constexpr int64_t kLaneBytes = 128;
constexpr int64_t kBlock = 1024;

template <class T>
constexpr bool kIsFloat = false;
template <>
constexpr bool kIsFloat<float> = true;
template <>
constexpr bool kIsFloat<double> = true;

// Scalars narrower than int would be promoted, and their products could overflow it.
template <class T>
struct ProductOf {
  using Type = T;
};
template <>
struct ProductOf<uint16_t> {
  using Type = uint32_t;
};

// T: a number or a vector of them; integers unsigned, so that overflow wraps
struct SumOp {
  template <class T>
  WENGERT_INLINE static T Apply(T a, T x) {
    return static_cast<T>(a + x);
  }
  template <class T>
  WENGERT_INLINE static ComplexOf<T> Apply(ComplexOf<T> a, ComplexOf<T> x) {
    return {a.re + x.re, a.im + x.im};
  }
};
struct ProdOp {
  template <class T>
  WENGERT_INLINE static T Apply(T a, T x) {
    using P = typename ProductOf<T>::Type;
    return static_cast<T>(static_cast<P>(a) * static_cast<P>(x));
  }
  template <class T>
  WENGERT_INLINE static ComplexOf<T> Apply(ComplexOf<T> a, ComplexOf<T> x) {
    return {a.re * x.re - a.im * x.im, a.re * x.im + a.im * x.re};
  }
};
// NaN wins, and stays
struct MaxOp {
  template <class T>
  WENGERT_INLINE static T Apply(T a, T x) {
    return (x > a) | (x != x) ? x : a;
  }
};
struct MinOp {
  template <class T>
  WENGERT_INLINE static T Apply(T a, T x) {
    return (x < a) | (x != x) ? x : a;
  }
};
struct AllOp {
  WENGERT_INLINE static uint8_t Apply(uint8_t a, uint8_t x) { return (a != 0) & (x != 0); }
};
struct AnyOp {
  WENGERT_INLINE static uint8_t Apply(uint8_t a, uint8_t x) { return (a != 0) | (x != 0); }
};

template <class T>
struct NarrowOf {
  typedef T Type __attribute__((vector_size(16)));
  typedef T Unaligned __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));
};

// Lane j with lane j + width, until 16 bytes are left.
template <class F, class T, class V>
WENGERT_INLINE typename NarrowOf<T>::Type Halve(V x) {
  constexpr int kCount = static_cast<int>(sizeof(V) / sizeof(T));
  if constexpr (sizeof(V) == 16) {
    return x;
  } else if constexpr (kCount == 16) {
    return Halve<F, T>(F::Apply(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7),
                                __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15)));
  } else if constexpr (kCount == 8) {
    return Halve<F, T>(F::Apply(__builtin_shufflevector(x, x, 0, 1, 2, 3),
                                __builtin_shufflevector(x, x, 4, 5, 6, 7)));
  } else {
    return Halve<F, T>(
        F::Apply(__builtin_shufflevector(x, x, 0, 1), __builtin_shufflevector(x, x, 2, 3)));
  }
}

// n >= 1. A struct, for partial specialisation.
template <class F, class T>
struct Block {
  static constexpr int64_t kLanes = kLaneBytes / static_cast<int64_t>(sizeof(T));
  static constexpr int kStep = VectorOf<T>::kCount;
  static constexpr int kVectors = static_cast<int>(kLanes) / kStep;
  using Narrow = typename NarrowOf<T>::Type;
  static constexpr int kGroup = 16 / static_cast<int>(sizeof(T));

  static T Reduce(const T* x, int64_t n) {
    if (n < 2 * kLanes) {
      T result = x[0];
      for (int64_t i = 1; i < n; ++i) result = F::Apply(result, x[i]);
      return result;
    }
    Vector<T> acc[kVectors];
    const int64_t i = Accumulate(x, n, acc);
    if constexpr (kIsFloat<T>) {
      if (i < n) AddRest(x + i, n - i, acc);
      return FoldLanes(acc);
    }
    T lane[kLanes];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) StoreVector(lane + v * kStep, acc[v]);
    for (int64_t j = 0; i + j < n; ++j) lane[j] = F::Apply(lane[j], x[i + j]);
    for (int64_t width = kLanes / 2; width > 0; width /= 2) {
      for (int64_t j = 0; j < width; ++j) lane[j] = F::Apply(lane[j], lane[j + width]);
    }
    return lane[0];
  }

  // Whole rows of lanes; how many elements those are.
  WENGERT_INLINE static int64_t Accumulate(const T* x, int64_t n, Vector<T>* acc) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) acc[v] = LoadVector(x + v * kStep);
    int64_t i = kLanes;
    for (; i + kLanes <= n; i += kLanes) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[v] = F::Apply(acc[v], LoadVector(x + i + v * kStep));
    }
    return i;
  }

  // The elements behind them, fewer than there are lanes.
  static void AddRest(const T* x, int64_t n, Vector<T>* acc) {
    T lane[kLanes];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) StoreVector(lane + v * kStep, acc[v]);
    for (int64_t j = 0; j < n; ++j) lane[j] = F::Apply(lane[j], x[j]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) acc[v] = LoadVector(lane + v * kStep);
  }

  // Lane j with lane j + width, for widths of whole vectors.
  WENGERT_INLINE static Vector<T> FoldVectors(Vector<T>* acc) {
#pragma GCC unroll 8
    for (int half = kVectors / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
      for (int v = 0; v < half; ++v) acc[v] = F::Apply(acc[v], acc[v + half]);
    }
    return acc[0];
  }

  // And for narrower ones, down to 16 bytes.
  WENGERT_INLINE static Narrow FoldNarrow(Vector<T>* acc) { return Halve<F, T>(FoldVectors(acc)); }

  WENGERT_INLINE static T FoldLanes(Vector<T>* acc) {
    const Narrow x = FoldNarrow(acc);
    if constexpr (sizeof(T) == 4) {
      return F::Apply(F::Apply(x[0], x[2]), F::Apply(x[1], x[3]));
    } else {
      return F::Apply(x[0], x[1]);
    }
  }

  // Reduce for kGroup rows, element r for row r: the last lanes of all are folded at once.
  static Narrow ReduceGroup(const T* x, int64_t n, int64_t stride) {
    Narrow row[kGroup];
#pragma GCC unroll 4
    for (int r = 0; r < kGroup; ++r) {
      Vector<T> acc[kVectors];
      const int64_t i = Accumulate(x + r * stride, n, acc);
      if (i < n) AddRest(x + r * stride + i, n - i, acc);
      row[r] = FoldNarrow(acc);
    }
    if constexpr (sizeof(T) == 4) {
      const Narrow a = F::Apply(__builtin_shufflevector(row[0], row[1], 0, 1, 4, 5),
                                __builtin_shufflevector(row[0], row[1], 2, 3, 6, 7));
      const Narrow b = F::Apply(__builtin_shufflevector(row[2], row[3], 0, 1, 4, 5),
                                __builtin_shufflevector(row[2], row[3], 2, 3, 6, 7));
      return F::Apply(__builtin_shufflevector(a, b, 0, 2, 4, 6),
                      __builtin_shufflevector(a, b, 1, 3, 5, 7));
    } else {
      return F::Apply(__builtin_shufflevector(row[0], row[1], 0, 2),
                      __builtin_shufflevector(row[0], row[1], 1, 3));
    }
  }
};
template <class F, class T>
struct Block<F, ComplexOf<T>> {
  static ComplexOf<T> Reduce(const ComplexOf<T>* x, int64_t n) {
    ComplexOf<T> result = x[0];
    for (int64_t i = 1; i < n; ++i) result = F::Apply(result, x[i]);
    return result;
  }
};
template <class F>
struct BoolBlock {
  static uint8_t Reduce(const uint8_t* x, int64_t n) {
    uint8_t result = x[0];
    for (int64_t i = 1; i < n; ++i) result = F::Apply(result, x[i]);
    return result;
  }
};
template <>
struct Block<AllOp, uint8_t> : BoolBlock<AllOp> {};
template <>
struct Block<AnyOp, uint8_t> : BoolBlock<AnyOp> {};

}  // namespace
}  // namespace wengert::kernels::WENGERT_ISA_NS
