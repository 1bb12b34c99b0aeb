// Matrix products of packed panels, for float32 and float64: A in panels of kTileRows rows, B in
// panels of two vectors of columns, each laid out in the order in which the inner loop reads it.
// Every element of C is one chain of multiply-adds over k, whatever tile it falls in.
// The compiler may contract a*b + c here.
#include "kernels/simd.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

// With two vectors a row the accumulators fill three quarters of the registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kTileRows = 12;
#elif defined(__AVX__)
constexpr int kTileRows = 6;
#else
constexpr int kTileRows = 4;
#endif

template <class T>
constexpr int kTileCols = 2 * kStep<T>;
constexpr int64_t kGroupBytes = 256 * 1024;  // of B

// Quadratic blocks of 16 bytes a row, which every instruction set turns around in registers.
template <class T>
struct BlockOf {
  static constexpr int kSize = 16 / static_cast<int>(sizeof(T));
  typedef T Type __attribute__((vector_size(16)));
  typedef T Unaligned __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));
};

template <int kWidth>
WENGERT_INLINE void TransposeBlock(const float* x, int64_t ld, float* out) {
  using Block = BlockOf<float>;
  typedef int32_t Lanes __attribute__((vector_size(16)));
  Block::Type r[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) r[i] = *reinterpret_cast<const Block::Unaligned*>(x + i * ld);
  const Block::Type a = __builtin_shuffle(r[0], r[1], Lanes{0, 4, 1, 5});
  const Block::Type b = __builtin_shuffle(r[2], r[3], Lanes{0, 4, 1, 5});
  const Block::Type c = __builtin_shuffle(r[0], r[1], Lanes{2, 6, 3, 7});
  const Block::Type d = __builtin_shuffle(r[2], r[3], Lanes{2, 6, 3, 7});
  const auto put = [out](int p, Block::Type v) {
    *reinterpret_cast<Block::Unaligned*>(out + p * kWidth) = v;
  };
  put(0, __builtin_shuffle(a, b, Lanes{0, 1, 4, 5}));
  put(1, __builtin_shuffle(a, b, Lanes{2, 3, 6, 7}));
  put(2, __builtin_shuffle(c, d, Lanes{0, 1, 4, 5}));
  put(3, __builtin_shuffle(c, d, Lanes{2, 3, 6, 7}));
}
template <int kWidth>
WENGERT_INLINE void TransposeBlock(const double* x, int64_t ld, double* out) {
  using Block = BlockOf<double>;
  typedef int64_t Lanes __attribute__((vector_size(16)));
  const Block::Type a = *reinterpret_cast<const Block::Unaligned*>(x);
  const Block::Type b = *reinterpret_cast<const Block::Unaligned*>(x + ld);
  *reinterpret_cast<Block::Unaligned*>(out) = __builtin_shuffle(a, b, Lanes{0, 2});
  *reinterpret_cast<Block::Unaligned*>(out + kWidth) = __builtin_shuffle(a, b, Lanes{1, 3});
}

// out[p][lane] = x[lane * ld + p]: whole blocks in registers, pieces of 64 bytes of depth, so
// that what is read and written stays in the first-level cache.
template <class T, int kWidth>
void PackAcross(int64_t lanes, int64_t depth, const T* x, int64_t ld, T* out) {
  constexpr int kSize = BlockOf<T>::kSize;
  constexpr int64_t kPiece = 64 / static_cast<int64_t>(sizeof(T));
  const int64_t whole_lanes = lanes / kSize * kSize;
  for (int64_t p0 = 0; p0 < depth; p0 += kPiece) {
    const int64_t end = p0 + kPiece < depth ? p0 + kPiece : depth;
    for (int64_t lane = 0; lane < whole_lanes; lane += kSize) {
      int64_t p = p0;
      for (; p + kSize <= end; p += kSize) {
        TransposeBlock<kWidth>(x + lane * ld + p, ld, out + p * kWidth + lane);
      }
      for (; p < end; ++p) {
        for (int i = 0; i < kSize; ++i) out[p * kWidth + lane + i] = x[(lane + i) * ld + p];
      }
    }
    for (int64_t lane = whole_lanes; lane < kWidth; ++lane) {
      for (int64_t p = p0; p < end; ++p) {
        out[p * kWidth + lane] = lane < lanes ? x[lane * ld + p] : T{};
      }
    }
  }
}

// out[p][lane] = x[p * ld + lane]
template <class T, int kWidth>
void PackAlong(int64_t lanes, int64_t depth, const T* x, int64_t ld, T* out) {
  if constexpr (kWidth % kStep<T> == 0) {
    if (lanes == kWidth) {
      for (int64_t p = 0; p < depth; ++p, x += ld, out += kWidth) {
#pragma GCC unroll 2
        for (int i = 0; i < kWidth; i += kStep<T>) StoreVector(out + i, LoadVector(x + i));
      }
      return;
    }
  } else if (kWidth % BlockOf<T>::kSize == 0 && lanes == kWidth) {
    using Block = BlockOf<T>;
    for (int64_t p = 0; p < depth; ++p, x += ld, out += kWidth) {
#pragma GCC unroll 8
      for (int i = 0; i < kWidth; i += Block::kSize) {
        *reinterpret_cast<typename Block::Unaligned*>(out + i) =
            *reinterpret_cast<const typename Block::Unaligned*>(x + i);
      }
    }
    return;
  }
  for (int64_t p = 0; p < depth; ++p, x += ld, out += kWidth) {
    for (int64_t i = 0; i < kWidth; ++i) out[i] = i < lanes ? x[i] : T{};
  }
}

template <class T, int kWidth>
void Pack(bool across, int64_t lanes, int64_t depth, const void* x_data, int64_t ld,
          void* out_data) {
  const T* x = static_cast<const T*>(x_data);
  T* out = static_cast<T*>(out_data);
  for (int64_t i = 0; i < lanes; i += kWidth, out += kWidth * depth) {
    const int64_t some = lanes - i < kWidth ? lanes - i : kWidth;
    if (across) {
      PackAcross<T, kWidth>(some, depth, x + i * ld, ld, out);
    } else {
      PackAlong<T, kWidth>(some, depth, x + i, ld, out);
    }
  }
}

template <class T, int kRows, int kVectors>
WENGERT_INLINE void Sums(int64_t k, const T* a, const T* b, Vector<T> (&acc)[kRows][kVectors]) {
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) acc[i][v] = Vector<T>{};
  }
  for (int64_t p = 0; p < k; ++p, a += kTileRows, b += kTileCols<T>) {
    Vector<T> row[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) row[v] = LoadVector(b + v * kStep<T>);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Vector<T> factor = Broadcast(a[i]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) acc[i][v] += factor * row[v];
    }
  }
}

// The first `rows` x `cols` of a tile.
template <class T, int kRows, int kVectors>
void Tile(int64_t rows, int64_t cols, int64_t k, const T* a, const T* b, T* c, int64_t ldc,
          bool accumulate) {
  Vector<T> acc[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) __builtin_prefetch(c + (i < rows ? i : 0) * ldc, 1, 3);
  Sums<T, kRows, kVectors>(k, a, b, acc);
  if (cols == kVectors * kStep<T>) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      if (i >= rows) break;
      T* at = c + i * ldc;
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v, at += kStep<T>) {
        StoreVector(at, accumulate ? LoadVector(at) + acc[i][v] : acc[i][v]);
      }
    }
    return;
  }
  T lanes[kRows][kVectors * kStep<T>];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) StoreVector(lanes[i] + v * kStep<T>, acc[i][v]);
  }
  for (int64_t i = 0; i < rows; ++i) {
    T* at = c + i * ldc;
    for (int64_t j = 0; j < cols; ++j) at[j] = accumulate ? at[j] + lanes[i][j] : lanes[i][j];
  }
}

template <class T, int kVectors>
void RowsOfTile(int64_t rows, int64_t cols, int64_t k, const T* a, const T* b, T* c, int64_t ldc,
                bool accumulate) {
  constexpr int kMost = kTileRows * 2 / 3, kFew = kTileRows / 3;
  if (rows > kMost) {
    Tile<T, kTileRows, kVectors>(rows, cols, k, a, b, c, ldc, accumulate);
  } else if (rows > kFew) {
    Tile<T, kMost, kVectors>(rows, cols, k, a, b, c, ldc, accumulate);
  } else {
    Tile<T, kFew, kVectors>(rows, cols, k, a, b, c, ldc, accumulate);
  }
}

// A panel of A stays in the first-level cache while the panels of a group of B, which the second
// one holds, pass by.
template <class T>
void MultiplyPacked(int64_t m, int64_t n, int64_t k, const void* a_data, const void* b_data,
                    void* c_data, int64_t ldc, bool accumulate) {
  constexpr int64_t kRows = kTileRows, kCols = kTileCols<T>;
  const T* a = static_cast<const T*>(a_data);
  const T* b = static_cast<const T*>(b_data);
  T* c = static_cast<T*>(c_data);
  const int64_t bytes = kCols * k * static_cast<int64_t>(sizeof(T));
  const int64_t group = (kGroupBytes / bytes > 1 ? kGroupBytes / bytes : 1) * kCols;
  for (int64_t j0 = 0; j0 < n; j0 += group) {
    const int64_t end = j0 + group < n ? j0 + group : n;
    for (int64_t i = 0; i < m; i += kRows) {
      const int64_t rows = m - i < kRows ? m - i : kRows;
      for (int64_t j = j0; j < end; j += kCols) {
        const int64_t cols = n - j < kCols ? n - j : kCols;
        if (cols > kStep<T>) {
          RowsOfTile<T, 2>(rows, cols, k, a + i * k, b + j * k, c + i * ldc + j, ldc, accumulate);
        } else {
          RowsOfTile<T, 1>(rows, cols, k, a + i * k, b + j * k, c + i * ldc + j, ldc, accumulate);
        }
      }
    }
  }
}

}  // namespace

void AddPackedGemm(KernelTable& t) {
  t.packed_gemm[kF32] = {kTileRows, kTileCols<float>, Pack<float, kTileRows>,
                         Pack<float, kTileCols<float>>, MultiplyPacked<float>};
  t.packed_gemm[kF64] = {kTileRows, kTileCols<double>, Pack<double, kTileRows>,
                         Pack<double, kTileCols<double>>, MultiplyPacked<double>};
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
