// Products of gathered rows with packed panels: what all directions of a convolution come to.
// Every element of C is one chain of multiply-adds over p, whatever tile it falls in. Like
// small_gemm.cc, the compiler may contract a*b + c here.
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "kernels/simd.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

#if defined(__AVX512F__)
constexpr int kTileRows = 8;  // with two vectors a row: 16 of the 32 registers
#elif defined(__AVX__) || defined(__aarch64__)
constexpr int kTileRows = 6;
#else
constexpr int kTileRows = 4;
#endif

// The first n numbers of v: one masked store where the processor has it, else pieces.
template <class T>
WENGERT_INLINE void StorePart(T* to, Vector<T> v, int64_t n, bool accumulate) {
#if defined(__AVX512F__)
  using Integers = __m512i;
  if constexpr (sizeof(T) == 4) {
    const auto mask = static_cast<__mmask16>((1U << n) - 1);
    if (accumulate) v += BitCast<Vector<T>>(_mm512_maskz_loadu_epi32(mask, to));
    _mm512_mask_storeu_epi32(to, mask, BitCast<Integers>(v));
  } else {
    const auto mask = static_cast<__mmask8>((1U << n) - 1);
    if (accumulate) v += BitCast<Vector<T>>(_mm512_maskz_loadu_epi64(mask, to));
    _mm512_mask_storeu_epi64(to, mask, BitCast<Integers>(v));
  }
#else
  typedef T Piece __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));
  constexpr int64_t kPiece = 16 / static_cast<int64_t>(sizeof(T));
  T part[kStep<T>];
  StoreVector(part, v);
  int64_t j = 0;
  for (; j + kPiece <= n; j += kPiece) {
    Piece* at = reinterpret_cast<Piece*>(to + j);
    const Piece given = *reinterpret_cast<const Piece*>(part + j);
    *at = accumulate ? *at + given : given;
  }
  for (; j < n; ++j) to[j] = accumulate ? to[j] + part[j] : part[j];
#endif
}

// `rows` of kRows rows are stored, `cols` columns of them.
template <class T, int kVectors, int kRows>
void Tile(const GatherGemm& g, int64_t first, int64_t rows, const T* b, int64_t column,
          int64_t cols) {
  const T* a = static_cast<const T*>(g.a);
  const T* row[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) row[i] = a + g.row[first + (i < rows ? i : rows - 1)];
  Vector<T> acc[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) acc[i][v] = Vector<T>{};
  }
  const int64_t* depth = g.depth;
  for (int64_t p = g.k_begin; p < g.k_end; ++p, b += kVectors * kStep<T>) {
    const int64_t at = depth[p];
    Vector<T> from[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) from[v] = LoadVector(b + v * kStep<T>);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Vector<T> factor = Broadcast(row[i][at]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[i][v] += factor * from[v];
    }
  }
  T* c = static_cast<T*>(g.c) + column;
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    if (i >= rows) break;
    T* to = c + g.out[first + i];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      T* at = to + v * kStep<T>;
      const int64_t left = cols - v * kStep<T>;
      if (left >= kStep<T>) {
        StoreVector(at, g.accumulate ? LoadVector(at) + acc[i][v] : acc[i][v]);
      } else {
        StorePart(at, acc[i][v], left, g.accumulate);
      }
    }
  }
}

template <class T, int kVectors>
void Rows(const GatherGemm& g, const T* b, int64_t column, int64_t cols) {
  int64_t i = 0;
  for (; g.m - i > kTileRows / 2; i += kTileRows) {
    const int64_t rows = g.m - i < kTileRows ? g.m - i : kTileRows;
    Tile<T, kVectors, kTileRows>(g, i, rows, b, column, cols);
  }
  if (i < g.m) Tile<T, kVectors, kTileRows / 2>(g, i, g.m - i, b, column, cols);
}

template <class T>
void Product(const GatherGemm& g) {
  constexpr int64_t kWide = 2 * kStep<T>;
  const T* b = static_cast<const T*>(g.b);
  for (int64_t j = 0; j < g.n; j += kWide) {
    const int64_t cols = g.n - j < kWide ? g.n - j : kWide;
    const bool wide = cols > kStep<T>;
    const T* panel = b + g.k_begin * (wide ? kWide : kStep<T>);
    if (wide) {
      Rows<T, 2>(g, panel, j, cols);
    } else {
      Rows<T, 1>(g, panel, j, cols);
    }
    b += g.k_total * kWide;
  }
}

// --- depthwise ------------------------------------------------------------------------------

constexpr int kPixels = 4;  // whose channels share the loads of b
constexpr int kTaps = 4;    // whose sums share the loads of b

template <class T, int kVectors, int kCount>
void DepthwiseTile(const DepthwiseProduct& d, int64_t first, int64_t j) {
  const T* a = static_cast<const T*>(d.a) + j;
  const T* b = static_cast<const T*>(d.b) + j;
  const T* row[kCount];
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) row[i] = a + d.row[first + i];
  Vector<T> acc[kCount][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) acc[i][v] = Vector<T>{};
  }
  for (int64_t p = 0; p < d.k; ++p, b += d.n) {
    const int64_t at = d.depth[p];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const Vector<T> factor = LoadVector(b + v * kStep<T>);
#pragma GCC unroll 8
      for (int i = 0; i < kCount; ++i) {
        acc[i][v] += factor * LoadVector(row[i] + at + v * kStep<T>);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i) {
    T* to = static_cast<T*>(d.c) + d.out[first + i] + j;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) StoreVector(to + v * kStep<T>, acc[i][v]);
  }
}

template <class T, int kVectors>
void DepthwiseColumn(const DepthwiseProduct& d, int64_t j) {
  int64_t i = 0;
  for (; i + kPixels <= d.m; i += kPixels) DepthwiseTile<T, kVectors, kPixels>(d, i, j);
  for (; i < d.m; ++i) DepthwiseTile<T, kVectors, 1>(d, i, j);
}

template <class T>
void Depthwise(const DepthwiseProduct& d) {
  int64_t j = 0;
  for (; j + 2 * kStep<T> <= d.n; j += 2 * kStep<T>) DepthwiseColumn<T, 2>(d, j);
  for (; j + kStep<T> <= d.n; j += kStep<T>) DepthwiseColumn<T, 1>(d, j);
  const T* a = static_cast<const T*>(d.a);
  const T* b = static_cast<const T*>(d.b);
  for (; j < d.n; ++j) {
    for (int64_t i = 0; i < d.m; ++i) {
      T sum = 0;
      for (int64_t p = 0; p < d.k; ++p) sum += a[d.row[i] + d.depth[p] + j] * b[p * d.n + j];
      static_cast<T*>(d.c)[d.out[i] + j] = sum;
    }
  }
}

template <class T, int kCount>
void DepthwiseSums(const DepthwiseSum& d, int64_t p, int64_t j) {
  const T* a = static_cast<const T*>(d.a) + j;
  const T* b = static_cast<const T*>(d.b) + j;
  const T* tap[kCount];
  Vector<T> acc[kCount];
#pragma GCC unroll 8
  for (int t = 0; t < kCount; ++t) {
    tap[t] = a + d.depth[p + t];
    acc[t] = Vector<T>{};
  }
  for (int64_t i = 0; i < d.m; ++i, b += d.n) {
    const Vector<T> factor = LoadVector(b);
    const int64_t at = d.row[i];
#pragma GCC unroll 8
    for (int t = 0; t < kCount; ++t) acc[t] += factor * LoadVector(tap[t] + at);
  }
#pragma GCC unroll 8
  for (int t = 0; t < kCount; ++t) {
    T* to = static_cast<T*>(d.c) + (p + t) * d.n + j;
    StoreVector(to, LoadVector(to) + acc[t]);
  }
}

template <class T>
void DepthwiseFilter(const DepthwiseSum& d) {
  int64_t j = 0;
  for (; j + kStep<T> <= d.n; j += kStep<T>) {
    int64_t p = 0;
    for (; p + kTaps <= d.k; p += kTaps) DepthwiseSums<T, kTaps>(d, p, j);
    for (; p < d.k; ++p) DepthwiseSums<T, 1>(d, p, j);
  }
  const T* a = static_cast<const T*>(d.a);
  const T* b = static_cast<const T*>(d.b);
  for (; j < d.n; ++j) {
    for (int64_t p = 0; p < d.k; ++p) {
      T sum = 0;
      for (int64_t i = 0; i < d.m; ++i) sum += a[d.row[i] + d.depth[p] + j] * b[i * d.n + j];
      static_cast<T*>(d.c)[p * d.n + j] += sum;
    }
  }
}

}  // namespace

void AddConvolutions(KernelTable& t) {
  t.gather_gemm[kF32] = Product<float>;
  t.gather_gemm[kF64] = Product<double>;
  t.gather_gemm[kI32] = Product<uint32_t>;
  t.gather_width[kF32] = 2 * kStep<float>;
  t.gather_width[kF64] = 2 * kStep<double>;
  t.gather_width[kI32] = 2 * kStep<uint32_t>;
  t.depthwise[kF32] = Depthwise<float>;
  t.depthwise[kF64] = Depthwise<double>;
  t.depthwise[kI32] = Depthwise<uint32_t>;
  t.depthwise_filter[kF32] = DepthwiseFilter<float>;
  t.depthwise_filter[kF64] = DepthwiseFilter<double>;
  t.depthwise_filter[kI32] = DepthwiseFilter<uint32_t>;
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
