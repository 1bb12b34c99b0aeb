// Matrix products without packed copies of A: register tiles of kTileRows x 2 vectors for float32
// and float64, plain loops for complex numbers and integers. Every element of C is one chain of
// multiply-adds over k (per block of kDepth where B is copied), whatever tile it falls in.
// The one kernel file where the compiler may contract a*b + c.
#include "kernels/simd.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

#if defined(__AVX__) || defined(__aarch64__)
constexpr int kTileRows = 6;  // with two vectors a row: 12 of the 16 registers
#else
constexpr int kTileRows = 4;  // the products need registers of their own
#endif
constexpr int64_t kDepth = 256;  // of the copies of B on the stack

template <class T>
constexpr int kStep = VectorOf<T>::kCount;

// A(i, p) is a[i * row + p * col], so that transposing costs nothing.
template <class T>
struct Strided {
  const T* a;
  int64_t row, col;
};

template <class T>
WENGERT_INLINE Vector<T> Broadcast(T x) {
  return x - Vector<T>{};
}

// C[kRows, kVectors * step] over k rows of b.
template <class T, int kRows, int kVectors>
void Tile(Strided<T> a, int64_t k, const T* b, int64_t ldb, T* c, int64_t ldc, bool accumulate) {
  Vector<T> acc[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) acc[i][v] = Vector<T>{};
  }
  const T* column = a.a;
  for (int64_t p = 0; p < k; ++p, column += a.col, b += ldb) {
    Vector<T> row[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) row[v] = LoadVector(b + v * kStep<T>);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Vector<T> factor = Broadcast(column[i * a.row]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[i][v] += factor * row[v];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      T* at = c + i * ldc + v * kStep<T>;
      StoreVector(at, accumulate ? LoadVector(at) + acc[i][v] : acc[i][v]);
    }
  }
}

template <class T, int kVectors, int kRows>
void LastRows(int64_t rows, Strided<T> a, int64_t k, const T* b, int64_t ldb, T* c, int64_t ldc,
              bool accumulate) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      Tile<T, kRows, kVectors>(a, k, b, ldb, c, ldc, accumulate);
    } else {
      LastRows<T, kVectors, kRows - 1>(rows, a, k, b, ldb, c, ldc, accumulate);
    }
  }
}

// All rows of one panel of kVectors vectors.
template <class T, int kVectors>
void Panel(int64_t m, Strided<T> a, int64_t k, const T* b, int64_t ldb, T* c, int64_t ldc,
           bool accumulate) {
  int64_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows) {
    Tile<T, kTileRows, kVectors>({a.a + i * a.row, a.row, a.col}, k, b, ldb, c + i * ldc, ldc,
                                 accumulate);
  }
  LastRows<T, kVectors, kTileRows - 1>(m - i, {a.a + i * a.row, a.row, a.col}, k, b, ldb,
                                       c + i * ldc, ldc, accumulate);
}

// B(p, j) for p < depth, j < cols into dense rows of kWidth, zeros beyond cols.
template <class T, int kWidth>
void CopyPanel(const T* b, int64_t ldb, bool trans_b, int64_t depth, int64_t cols, T* out) {
  if (trans_b) {
    for (int64_t j = 0; j < cols; ++j) {
      for (int64_t p = 0; p < depth; ++p) out[p * kWidth + j] = b[j * ldb + p];
    }
  } else {
    for (int64_t p = 0; p < depth; ++p) {
      for (int64_t j = 0; j < cols; ++j) out[p * kWidth + j] = b[p * ldb + j];
    }
  }
  for (int64_t j = cols; j < kWidth; ++j) {
    for (int64_t p = 0; p < depth; ++p) out[p * kWidth + j] = 0;
  }
}

// A panel whose B is transposed or narrower than its vectors: through a copy of B.
template <class T, int kVectors>
void CopiedPanel(int64_t m, int64_t cols, Strided<T> a, int64_t k, const T* b, int64_t ldb,
                 bool trans_b, T* c, int64_t ldc, bool accumulate) {
  constexpr int kWidth = kVectors * kStep<T>;
  alignas(64) T copy[kDepth * kWidth];
  T edge[kTileRows * kWidth];
  for (int64_t p = 0; p < k; p += kDepth) {
    const int64_t depth = k - p < kDepth ? k - p : kDepth;
    CopyPanel<T, kWidth>(trans_b ? b + p : b + p * ldb, ldb, trans_b, depth, cols, copy);
    const Strided<T> part{a.a + p * a.col, a.row, a.col};
    const bool add = accumulate || p > 0;
    if (cols == kWidth) {
      Panel<T, kVectors>(m, part, depth, copy, kWidth, c, ldc, add);
      continue;
    }
    for (int64_t i = 0; i < m; i += kTileRows) {
      const int64_t rows = m - i < kTileRows ? m - i : kTileRows;
      Panel<T, kVectors>(rows, {part.a + i * a.row, a.row, a.col}, depth, copy, kWidth, edge,
                         kWidth, false);
      for (int64_t r = 0; r < rows; ++r) {
        T* at = c + (i + r) * ldc;
        const T* from = edge + r * kWidth;
        for (int64_t j = 0; j < cols; ++j) at[j] = add ? at[j] + from[j] : from[j];
      }
    }
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
  constexpr int kWide = 2 * kStep<T>;
  int64_t j = 0;
  for (; j + kWide <= n; j += kWide) {
    if (trans_b) {
      CopiedPanel<T, 2>(m, kWide, a, k, b + j * ldb, ldb, true, c + j, ldc, accumulate);
    } else {
      Panel<T, 2>(m, a, k, b + j, ldb, c + j, ldc, accumulate);
    }
  }
  for (; j < n; j += kStep<T>) {
    const int64_t cols = n - j < kStep<T> ? n - j : kStep<T>;
    if (trans_b || cols < kStep<T>) {
      CopiedPanel<T, 1>(m, cols, a, k, trans_b ? b + j * ldb : b + j, ldb, trans_b, c + j, ldc,
                        accumulate);
    } else {
      Panel<T, 1>(m, a, k, b + j, ldb, c + j, ldc, accumulate);
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
