// Matrix products without packed copies of A: register tiles of kTileRows x 2 vectors for float32
// and float64, plain loops for complex numbers and integers. Every element of C is one chain of
// multiply-adds over k (per block of kDepth where B is copied or narrow), whatever tile it falls
// in.
// The one kernel file where the compiler may contract a*b + c.
#include "kernels/simd.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

#if defined(__AVX__) || defined(__aarch64__)
constexpr int kTileRows = 6;  // with two vectors a row: 12 of the 16 registers
#else
constexpr int kTileRows = 4;  // the products need registers of their own
#endif
constexpr int64_t kDepth = 256;  // of blocks of k, where it is cut

// A(i, p) is a[i * row + p * col], so that transposing costs nothing.
template <class T>
struct Strided {
  const T* a;
  int64_t row, col;
};

// Some lanes of a vector: lanes from `count` on are neither read nor written.
#if defined(__AVX512F__)
WENGERT_INLINE Vector<float> LoadSome(const float* p, int count) {
  return reinterpret_cast<Vector<float>>(
      _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p));
}
WENGERT_INLINE Vector<double> LoadSome(const double* p, int count) {
  return reinterpret_cast<Vector<double>>(
      _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p));
}
WENGERT_INLINE void StoreSome(float* p, Vector<float> v, int count) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), reinterpret_cast<__m512>(v));
}
WENGERT_INLINE void StoreSome(double* p, Vector<double> v, int count) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), reinterpret_cast<__m512d>(v));
}
#elif defined(__AVX2__)
alignas(32) constexpr int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
WENGERT_INLINE __m256i MaskOf(int lanes32) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + 8 - lanes32));
}
WENGERT_INLINE Vector<float> LoadSome(const float* p, int count) {
  return reinterpret_cast<Vector<float>>(_mm256_maskload_ps(p, MaskOf(count)));
}
WENGERT_INLINE Vector<double> LoadSome(const double* p, int count) {
  return reinterpret_cast<Vector<double>>(_mm256_maskload_pd(p, MaskOf(2 * count)));
}
WENGERT_INLINE void StoreSome(float* p, Vector<float> v, int count) {
  _mm256_maskstore_ps(p, MaskOf(count), reinterpret_cast<__m256>(v));
}
WENGERT_INLINE void StoreSome(double* p, Vector<double> v, int count) {
  _mm256_maskstore_pd(p, MaskOf(2 * count), reinterpret_cast<__m256d>(v));
}
#else
template <class T>
WENGERT_INLINE Vector<T> LoadSome(const T* p, int count) {
  T lanes[kStep<T>] = {};
  for (int i = 0; i < count; ++i) lanes[i] = p[i];
  return LoadVector(lanes);
}
template <class T>
WENGERT_INLINE void StoreSome(T* p, Vector<T> v, int count) {
  T lanes[kStep<T>];
  StoreVector(lanes, v);
  for (int i = 0; i < count; ++i) p[i] = lanes[i];
}
#endif

// Vectors of half the width, which cost half as much where a product has few columns left.
#if defined(__AVX512F__)
constexpr bool kHasHalves = true;
template <class T>
struct HalfOf {
  typedef T Type __attribute__((vector_size(kVectorBytes / 2)));
};
WENGERT_INLINE HalfOf<float>::Type LoadHalf(const float* p, int count) {
  return reinterpret_cast<HalfOf<float>::Type>(
      _mm256_maskz_loadu_ps(static_cast<__mmask8>((1u << count) - 1), p));
}
WENGERT_INLINE HalfOf<double>::Type LoadHalf(const double* p, int count) {
  return reinterpret_cast<HalfOf<double>::Type>(
      _mm256_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p));
}
WENGERT_INLINE void StoreHalf(float* p, HalfOf<float>::Type v, int count) {
  _mm256_mask_storeu_ps(p, static_cast<__mmask8>((1u << count) - 1), reinterpret_cast<__m256>(v));
}
WENGERT_INLINE void StoreHalf(double* p, HalfOf<double>::Type v, int count) {
  _mm256_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), reinterpret_cast<__m256d>(v));
}
#else
constexpr bool kHasHalves = false;
template <class T>
struct HalfOf {
  using Type = Vector<T>;
};
template <class T>
WENGERT_INLINE Vector<T> LoadHalf(const T* p, int count) {
  return LoadSome(p, count);
}
template <class T>
WENGERT_INLINE void StoreHalf(T* p, Vector<T> v, int count) {
  StoreSome(p, v, count);
}
#endif

// What follows the full vectors of a panel: nothing, or `last` lanes of a vector or of a half.
enum class Tail { kNone, kSome, kHalf };

template <class T, Tail kTail>
struct TailOf {
  using Type = Vector<T>;
  WENGERT_INLINE static Type Load(const T* p, int last) { return LoadSome(p, last); }
  WENGERT_INLINE static void Store(T* p, Type v, int last) { StoreSome(p, v, last); }
};
template <class T>
struct TailOf<T, Tail::kHalf> {
  using Type = typename HalfOf<T>::Type;
  WENGERT_INLINE static Type Load(const T* p, int last) { return LoadHalf(p, last); }
  WENGERT_INLINE static void Store(T* p, Type v, int last) { StoreHalf(p, v, last); }
};

// C[kRows, kFull vectors and the tail] over k rows of b.
template <class T, int kRows, int kFull, Tail kTail>
void Tile(Strided<T> a, int64_t k, const T* b, int64_t ldb, T* c, int64_t ldc, int last,
          bool accumulate) {
  using Rest = TailOf<T, kTail>;
  constexpr bool kMore = kTail != Tail::kNone;
  Vector<T> acc[kRows][kFull > 0 ? kFull : 1];
  typename Rest::Type rest[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    rest[i] = typename Rest::Type{};
#pragma GCC unroll 8
    for (int v = 0; v < kFull; ++v) acc[i][v] = Vector<T>{};
  }
  const T* column = a.a;
  for (int64_t p = 0; p < k; ++p, column += a.col, b += ldb) {
    Vector<T> row[kFull > 0 ? kFull : 1];
    typename Rest::Type row_rest{};
#pragma GCC unroll 8
    for (int v = 0; v < kFull; ++v) row[v] = LoadVector(b + v * kStep<T>);
    if constexpr (kMore) row_rest = Rest::Load(b + kFull * kStep<T>, last);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const T factor = column[i * a.row];
      const Vector<T> spread = Broadcast(factor);
#pragma GCC unroll 8
      for (int v = 0; v < kFull; ++v) acc[i][v] += spread * row[v];
      if constexpr (kMore) rest[i] += (factor - typename Rest::Type{}) * row_rest;
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    T* at = c + i * ldc;
#pragma GCC unroll 8
    for (int v = 0; v < kFull; ++v, at += kStep<T>) {
      StoreVector(at, accumulate ? LoadVector(at) + acc[i][v] : acc[i][v]);
    }
    if constexpr (kMore) {
      Rest::Store(at, accumulate ? Rest::Load(at, last) + rest[i] : rest[i], last);
    }
  }
}

template <class T, int kFull, Tail kTail, int kRows>
void LastRows(int64_t rows, Strided<T> a, int64_t k, const T* b, int64_t ldb, T* c, int64_t ldc,
              int last, bool accumulate) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      Tile<T, kRows, kFull, kTail>(a, k, b, ldb, c, ldc, last, accumulate);
    } else {
      LastRows<T, kFull, kTail, kRows - 1>(rows, a, k, b, ldb, c, ldc, last, accumulate);
    }
  }
}

template <class T, int kFull, Tail kTail>
void Rows(int64_t m, Strided<T> a, int64_t k, const T* b, int64_t ldb, T* c, int64_t ldc, int last,
          bool accumulate) {
  int64_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows) {
    Tile<T, kTileRows, kFull, kTail>({a.a + i * a.row, a.row, a.col}, k, b, ldb, c + i * ldc, ldc,
                                     last, accumulate);
  }
  LastRows<T, kFull, kTail, kTileRows - 1>(m - i, {a.a + i * a.row, a.row, a.col}, k, b, ldb,
                                           c + i * ldc, ldc, last, accumulate);
}

// All rows of a panel of up to two vectors of columns.
template <class T>
void Panel(int64_t m, int64_t cols, Strided<T> a, int64_t k, const T* b, int64_t ldb, T* c,
           int64_t ldc, bool accumulate) {
  const int last = static_cast<int>(cols % kStep<T>);
  const bool half = kHasHalves && last <= kStep<T> / 2;
  if (cols == 2 * kStep<T>) {
    Rows<T, 2, Tail::kNone>(m, a, k, b, ldb, c, ldc, last, accumulate);
  } else if (cols == kStep<T>) {
    Rows<T, 1, Tail::kNone>(m, a, k, b, ldb, c, ldc, last, accumulate);
  } else if (cols > kStep<T>) {
    if constexpr (kHasHalves) {
      if (half) return Rows<T, 1, Tail::kHalf>(m, a, k, b, ldb, c, ldc, last, accumulate);
    }
    Rows<T, 1, Tail::kSome>(m, a, k, b, ldb, c, ldc, last, accumulate);
  } else {
    if constexpr (kHasHalves) {
      if (half) return Rows<T, 0, Tail::kHalf>(m, a, k, b, ldb, c, ldc, last, accumulate);
    }
    Rows<T, 0, Tail::kSome>(m, a, k, b, ldb, c, ldc, last, accumulate);
  }
}

// out[q * width + j] = x[j * stride + q], in squares of 16 bytes as far as those go.
template <class T>
void TransposeInto(T* out, int64_t width, const T* x, int64_t stride, int64_t rows, int64_t cols) {
  typedef T Square __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));
  constexpr int64_t kSide = 16 / static_cast<int64_t>(sizeof(T));
  const auto at = [](auto* p) { return reinterpret_cast<Square*>(const_cast<T*>(p)); };
  int64_t j = 0;
  for (; j + kSide <= rows; j += kSide) {
    const T* from = x + j * stride;
    int64_t q = 0;
    for (; q + kSide <= cols; q += kSide) {
      T* to = out + q * width + j;
      if constexpr (kSide == 4) {
        const Square a = *at(from + q), b = *at(from + stride + q);
        const Square c = *at(from + 2 * stride + q), d = *at(from + 3 * stride + q);
        const Square low_ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
        const Square low_cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
        const Square high_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
        const Square high_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        *at(to) = __builtin_shufflevector(low_ab, low_cd, 0, 1, 4, 5);
        *at(to + width) = __builtin_shufflevector(low_ab, low_cd, 2, 3, 6, 7);
        *at(to + 2 * width) = __builtin_shufflevector(high_ab, high_cd, 0, 1, 4, 5);
        *at(to + 3 * width) = __builtin_shufflevector(high_ab, high_cd, 2, 3, 6, 7);
      } else {
        const Square a = *at(from + q), b = *at(from + stride + q);
        *at(to) = __builtin_shufflevector(a, b, 0, 2);
        *at(to + width) = __builtin_shufflevector(a, b, 1, 3);
      }
    }
    for (; q < cols; ++q) {
      for (int64_t r = 0; r < kSide; ++r) out[q * width + j + r] = from[r * stride + q];
    }
  }
  for (; j < rows; ++j) {
    for (int64_t q = 0; q < cols; ++q) out[q * width + j] = x[j * stride + q];
  }
}

// A panel of a transposed B, through copies of it.
template <class T>
void CopiedPanel(int64_t m, int64_t cols, Strided<T> a, int64_t k, const T* b, int64_t ldb, T* c,
                 int64_t ldc, bool accumulate) {
  constexpr int64_t kWidth = 2 * kStep<T>;
  alignas(64) T copy[kDepth * kWidth];
  for (int64_t p = 0; p < k; p += kDepth) {
    const int64_t depth = k - p < kDepth ? k - p : kDepth;
    TransposeInto(copy, kWidth, b + p, ldb, cols, depth);
    Panel<T>(m, cols, {a.a + p * a.col, a.row, a.col}, depth, copy, kWidth, c, ldc,
             accumulate || p > 0);
  }
}

// One row: c[j * step_c] for kVectors vectors of columns of a plain B.
template <class T, int kVectors>
void RowColumns(const T* a, int64_t step_a, int64_t k, const T* b, int64_t ldb, T* c,
                int64_t step_c, bool accumulate) {
  Vector<T> acc[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) acc[v] = Vector<T>{};
  for (int64_t p = 0; p < k; ++p, b += ldb) {
    const Vector<T> factor = Broadcast(a[p * step_a]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) acc[v] += factor * LoadVector(b + v * kStep<T>);
  }
  T sums[kVectors * kStep<T>];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) StoreVector(sums + v * kStep<T>, acc[v]);
  for (int64_t j = 0; j < kVectors * kStep<T>; ++j) {
    c[j * step_c] = accumulate ? c[j * step_c] + sums[j] : sums[j];
  }
}

template <class T>
WENGERT_INLINE T SumLanes(Vector<T> v) {
  T lane[kStep<T>];
  StoreVector(lane, v);
#pragma GCC unroll 4
  for (int width = kStep<T> / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; ++j) lane[j] += lane[j + width];
  }
  return lane[0];
}

// kRows dot products of dense a with rows of b.
template <class T, int kRows>
void Dots(const T* a, int64_t k, const T* b, int64_t ldb, T* c, int64_t step_c, bool accumulate) {
  Vector<T> even[kRows], odd[kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) even[r] = odd[r] = Vector<T>{};
  int64_t p = 0;
  for (; p + 2 * kStep<T> <= k; p += 2 * kStep<T>) {
    const Vector<T> first = LoadVector(a + p), second = LoadVector(a + p + kStep<T>);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      even[r] += first * LoadVector(b + r * ldb + p);
      odd[r] += second * LoadVector(b + r * ldb + p + kStep<T>);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    T sum = SumLanes<T>(even[r] + odd[r]);
    for (int64_t q = p; q < k; ++q) sum += a[q] * b[r * ldb + q];
    c[r * step_c] = accumulate ? c[r * step_c] + sum : sum;
  }
}

// c = a op(B) for one row a.
template <class T>
void RowTimes(const T* a, int64_t step_a, bool trans_b, int64_t n, int64_t k, const T* b,
              int64_t ldb, T* c, int64_t step_c, bool accumulate) {
  if (!trans_b) {
    constexpr int kWide = 8 * kStep<T>;
    int64_t j = 0;
    for (; j + kWide <= n; j += kWide) {
      RowColumns<T, 8>(a, step_a, k, b + j, ldb, c + j * step_c, step_c, accumulate);
    }
    for (; j + kStep<T> <= n; j += kStep<T>) {
      RowColumns<T, 1>(a, step_a, k, b + j, ldb, c + j * step_c, step_c, accumulate);
    }
    if (j == n) return;
    T sums[kStep<T>] = {};
    for (int64_t p = 0; p < k; ++p) {
      for (int64_t t = 0; t < n - j; ++t) sums[t] += a[p * step_a] * b[p * ldb + j + t];
    }
    for (int64_t t = 0; j + t < n; ++t) {
      T* at = c + (j + t) * step_c;
      *at = accumulate ? *at + sums[t] : sums[t];
    }
    return;
  }
  constexpr int64_t kLength = 1024;
  T dense[kLength];
  const int64_t block = step_a == 1 ? k : kLength;
  for (int64_t p = 0; p < k; p += block) {
    const int64_t length = k - p < block ? k - p : block;
    const T* row = a + p;
    if (step_a != 1) {
      for (int64_t q = 0; q < length; ++q) dense[q] = a[(p + q) * step_a];
      row = dense;
    }
    const bool add = accumulate || p > 0;
    int64_t j = 0;
    for (; j + 4 <= n; j += 4) {
      Dots<T, 4>(row, length, b + j * ldb + p, ldb, c + j * step_c, step_c, add);
    }
    for (; j < n; ++j) Dots<T, 1>(row, length, b + j * ldb + p, ldb, c + j * step_c, step_c, add);
  }
}

template <class T>
bool NothingToAdd(int64_t m, int64_t n, int64_t k, T* c, int64_t ldc, bool accumulate) {
  if (m <= 0 || n <= 0) return true;
  if (k > 0) return false;
  if (!accumulate) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = T{};
    }
  }
  return true;
}

// A^T B for a narrow B: the product of B^T and A, whose rows are read along, in blocks of k
// that stay in the second-level cache.
template <class T>
void NarrowProduct(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
                   int64_t ldb, T* c, int64_t ldc, bool accumulate) {
  constexpr int64_t kWide = 2 * kStep<T>, kNarrowDepth = 64;
  for (int64_t p = 0; p < k; p += kNarrowDepth) {
    const int64_t depth = k - p < kNarrowDepth ? k - p : kNarrowDepth;
    const bool add = accumulate || p > 0;
    // In the order of memory, which the loop below is not.
    for (int64_t q = 0; q < depth; ++q) {
      const char* row = reinterpret_cast<const char*>(a + (p + q) * lda);
      for (int64_t at = 0; at < m * static_cast<int64_t>(sizeof(T)); at += 64) {
        __builtin_prefetch(row + at, 0, 2);
      }
    }
    for (int64_t i = 0; i < m; i += kWide) {
      const int64_t cols = m - i < kWide ? m - i : kWide;
      T part[(kStep<T> > kTileRows ? kStep<T> : kTileRows) * kWide];
      Panel<T>(n, cols, {b + p * ldb, 1, ldb}, depth, a + p * lda + i, lda, part, kWide, false);
      for (int64_t r = 0; r < cols; ++r) {
        T* to = c + (i + r) * ldc;
        for (int64_t j = 0; j < n; ++j) to[j] = (add ? to[j] : 0) + part[j * kWide + r];
      }
    }
  }
}

template <class T>
void Multiply(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void* a_data,
              int64_t lda, const void* b_data, int64_t ldb, void* c_data, int64_t ldc,
              bool accumulate) {
  const T* b = static_cast<const T*>(b_data);
  T* c = static_cast<T*>(c_data);
  const Strided<T> a{static_cast<const T*>(a_data), trans_a ? 1 : lda, trans_a ? lda : 1};
  if (NothingToAdd(m, n, k, c, ldc, accumulate)) return;
  if (n == 1 && m > 1) {  // the transposed product has one row
    RowTimes(b, trans_b ? 1 : ldb, !trans_a, m, k, a.a, lda, c, ldc, accumulate);
    return;
  }
  if (m == 1 || (trans_b && m <= 3)) {
    for (int64_t i = 0; i < m; ++i) {
      RowTimes(a.a + i * a.row, a.col, trans_b, n, k, b, ldb, c + i * ldc, 1, accumulate);
    }
    return;
  }
  if (trans_a && !trans_b && n < kStep<T> && m >= 2 * kStep<T>) {
    NarrowProduct(m, n, k, a.a, lda, b, ldb, c, ldc, accumulate);
    return;
  }
  constexpr int64_t kWide = 2 * kStep<T>;
  for (int64_t j = 0; j < n; j += kWide) {
    const int64_t cols = n - j < kWide ? n - j : kWide;
    if (trans_b) {
      CopiedPanel<T>(m, cols, a, k, b + j * ldb, ldb, c + j, ldc, accumulate);
    } else {
      Panel<T>(m, cols, a, k, b + j, ldb, c + j, ldc, accumulate);
    }
  }
}

template <class T>
WENGERT_INLINE T MultiplyAdd(T sum, T x, T y) {
  return static_cast<T>(sum + x * y);
}
// unsigned short promotes to int, whose product could overflow
template <>
WENGERT_INLINE uint16_t MultiplyAdd(uint16_t sum, uint16_t x, uint16_t y) {
  return static_cast<uint16_t>(sum + static_cast<uint32_t>(x) * y);
}
template <class T>
WENGERT_INLINE ComplexOf<T> MultiplyAdd(ComplexOf<T> sum, ComplexOf<T> x, ComplexOf<T> y) {
  return {sum.re + (x.re * y.re - x.im * y.im), sum.im + (x.re * y.im + x.im * y.re)};
}

// T: unsigned or complex
template <class T>
void MultiplyPlain(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void* a_data,
                   int64_t lda, const void* b_data, int64_t ldb, void* c_data, int64_t ldc,
                   bool accumulate) {
  const T* a = static_cast<const T*>(a_data);
  const T* b = static_cast<const T*>(b_data);
  T* c = static_cast<T*>(c_data);
  if (NothingToAdd(m, n, k, c, ldc, accumulate)) return;
  const int64_t row = trans_a ? 1 : lda, col = trans_a ? lda : 1;
  for (int64_t i = 0; i < m; ++i) {
    T* out = c + i * ldc;
    const T* in = a + i * row;
    if (!accumulate) {
      for (int64_t j = 0; j < n; ++j) out[j] = T{};
    }
    if (trans_b) {
      for (int64_t j = 0; j < n; ++j) {
        T sum = out[j];
        for (int64_t p = 0; p < k; ++p) sum = MultiplyAdd(sum, in[p * col], b[j * ldb + p]);
        out[j] = sum;
      }
    } else {
      for (int64_t p = 0; p < k; ++p) {
        const T factor = in[p * col];
        const T* from = b + p * ldb;
#pragma GCC ivdep
        for (int64_t j = 0; j < n; ++j) out[j] = MultiplyAdd(out[j], factor, from[j]);
      }
    }
  }
}

}  // namespace

void AddSmallGemm(KernelTable& t) {
  t.small_gemm[kF32] = Multiply<float>;
  t.small_gemm[kF64] = Multiply<double>;
  t.small_gemm[kC64] = MultiplyPlain<ComplexOf<float>>;
  t.small_gemm[kC128] = MultiplyPlain<ComplexOf<double>>;
  t.small_gemm[kI8] = t.small_gemm[kU8] = MultiplyPlain<uint8_t>;
  t.small_gemm[kI16] = t.small_gemm[kU16] = MultiplyPlain<uint16_t>;
  t.small_gemm[kI32] = t.small_gemm[kU32] = MultiplyPlain<uint32_t>;
  t.small_gemm[kI64] = t.small_gemm[kU64] = MultiplyPlain<uint64_t>;
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
