// Reductions. Floating sums and products run over the same lanes in the same order in every
// instruction set: blocks of kBlock elements in kLanes lanes, lanes folded in halves, blocks
// combined pairwise as in a binary counter. The tree depends on n alone.
#include "kernels/simd_reduce.h"

namespace wengert::kernels::WENGERT_ISA_NS {
namespace {

constexpr int64_t kShortRow = 32;  // rows up to this long run in order

template <class F, class T>
T ReduceAll(const T* x, int64_t n) {
  T partial[56];  // one for each bit of the number of blocks so far
  int64_t blocks = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock, ++blocks) {
    T value = Block<F, T>::Reduce(x + begin, n - begin < kBlock ? n - begin : kBlock);
    int level = 0;
    for (int64_t bits = blocks; (bits & 1) != 0; bits >>= 1, ++level) {
      value = F::Apply(partial[level], value);
    }
    partial[level] = value;
  }
  int level = __builtin_ctzll(static_cast<unsigned long long>(blocks));
  T result = partial[level];
  for (int64_t bits = blocks >> (level + 1); bits != 0; bits >>= 1) {
    ++level;
    if ((bits & 1) != 0) result = F::Apply(partial[level], result);
  }
  return result;
}

template <class F, class T>
void Reduce(void* acc, const void* x, int64_t n) {
  if (n <= 0) return;
  T* a = static_cast<T*>(acc);
  *a = F::Apply(*a, ReduceAll<F, T>(static_cast<const T*>(x), n));
}

// Several rows in order, element by element: columns of 16 bytes are made from as many rows.
template <class F, class T>
struct ShortRows {
  using Narrow = typename NarrowOf<T>::Type;
  static constexpr int kGroup = 16 / static_cast<int>(sizeof(T));

  WENGERT_INLINE static Narrow Load(const T* x) {
    return *reinterpret_cast<const typename NarrowOf<T>::Unaligned*>(x);
  }
  WENGERT_INLINE static Narrow Column(const T* x, int64_t stride) {
    if constexpr (sizeof(T) == 4) {
      return Narrow{x[0], x[stride], x[2 * stride], x[3 * stride]};
    } else {
      return Narrow{x[0], x[stride]};
    }
  }
  // The next kGroup columns, onto `sum` or in its place.
  WENGERT_INLINE static Narrow Columns(const T* x, int64_t stride, Narrow sum, bool first) {
    if constexpr (sizeof(T) == 4) {
      const Narrow p = Load(x), q = Load(x + stride);
      const Narrow r = Load(x + 2 * stride), s = Load(x + 3 * stride);
      const Narrow low_pq = __builtin_shufflevector(p, q, 0, 4, 1, 5);
      const Narrow low_rs = __builtin_shufflevector(r, s, 0, 4, 1, 5);
      const Narrow high_pq = __builtin_shufflevector(p, q, 2, 6, 3, 7);
      const Narrow high_rs = __builtin_shufflevector(r, s, 2, 6, 3, 7);
      const Narrow c0 = __builtin_shufflevector(low_pq, low_rs, 0, 1, 4, 5);
      const Narrow c1 = __builtin_shufflevector(low_pq, low_rs, 2, 3, 6, 7);
      const Narrow c2 = __builtin_shufflevector(high_pq, high_rs, 0, 1, 4, 5);
      const Narrow c3 = __builtin_shufflevector(high_pq, high_rs, 2, 3, 6, 7);
      sum = first ? c0 : F::Apply(sum, c0);
      return F::Apply(F::Apply(F::Apply(sum, c1), c2), c3);
    } else {
      const Narrow p = Load(x), q = Load(x + stride);
      const Narrow c0 = __builtin_shufflevector(p, q, 0, 2);
      sum = first ? c0 : F::Apply(sum, c0);
      return F::Apply(sum, __builtin_shufflevector(p, q, 1, 3));
    }
  }

  // Of 2 kGroup rows: two chains at a time.
  static void Reduce(T* acc, const T* x, int64_t cols, int64_t stride) {
    const T* y = x + kGroup * stride;
    Narrow a, b;
    int64_t c;
    if (cols >= kGroup) {
      a = Columns(x, stride, Narrow{}, true);
      b = Columns(y, stride, Narrow{}, true);
      c = kGroup;
    } else {
      a = Column(x, stride);
      b = Column(y, stride);
      c = 1;
    }
    for (; c + kGroup <= cols; c += kGroup) {
      a = Columns(x + c, stride, a, false);
      b = Columns(y + c, stride, b, false);
    }
    for (; c < cols; ++c) {
      a = F::Apply(a, Column(x + c, stride));
      b = F::Apply(b, Column(y + c, stride));
    }
    auto* to = reinterpret_cast<typename NarrowOf<T>::Unaligned*>(acc);
    to[0] = F::Apply(to[0], a);
    to[1] = F::Apply(to[1], b);
  }
};

// Up to how many elements a row is reduced in order.
template <class F, class T>
constexpr int64_t kInOrder = kShortRow;
template <class F>
constexpr int64_t kInOrder<F, float> = 2 * Block<F, float>::kLanes - 1;

template <class F, class T>
void ReduceRows(void* acc, const void* x, int64_t rows, int64_t cols, int64_t stride) {
  if (cols <= 0) return;
  T* a = static_cast<T*>(acc);
  const T* in = static_cast<const T*>(x);
  if (cols > kInOrder<F, T>) {
    int64_t r = 0;
    if constexpr (kIsFloat<T>) {
      using B = Block<F, T>;
      for (; cols <= kBlock && r + B::kGroup <= rows; r += B::kGroup) {
        auto* to = reinterpret_cast<typename NarrowOf<T>::Unaligned*>(a + r);
        *to = F::Apply(*to, B::ReduceGroup(in + r * stride, cols, stride));
      }
    }
    for (; r < rows; ++r) a[r] = F::Apply(a[r], ReduceAll<F, T>(in + r * stride, cols));
    return;
  }
  int64_t r = 0;
  if constexpr (kIsFloat<T>) {
    constexpr int64_t kRows = 2 * ShortRows<F, T>::kGroup;
    for (; r + kRows <= rows; r += kRows) {
      ShortRows<F, T>::Reduce(a + r, in + r * stride, cols, stride);
    }
  }
  for (; r < rows; ++r) {
    const T* row = in + r * stride;
    T value = row[0];
    for (int64_t c = 1; c < cols; ++c) value = F::Apply(value, row[c]);
    a[r] = F::Apply(a[r], value);
  }
}

// Products in lanes as Block reduces them, kRows rows side by side.
template <class T, int kRows>
void DotPiece(T* out, const T* a, const T* b, int64_t n, int64_t a_stride, int64_t b_stride) {
  using B = Block<SumOp, T>;
  Vector<T> acc[kRows][B::kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < B::kVectors; ++v) {
      acc[r][v] =
          LoadVector(a + r * a_stride + v * B::kStep) * LoadVector(b + r * b_stride + v * B::kStep);
    }
  }
  int64_t i = B::kLanes;
  for (; i + B::kLanes <= n; i += B::kLanes) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int v = 0; v < B::kVectors; ++v) {
        acc[r][v] += LoadVector(a + r * a_stride + i + v * B::kStep) *
                     LoadVector(b + r * b_stride + i + v * B::kStep);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    if (i < n) {
      T lane[B::kLanes];
#pragma GCC unroll 8
      for (int v = 0; v < B::kVectors; ++v) StoreVector(lane + v * B::kStep, acc[r][v]);
      for (int64_t j = 0; i + j < n; ++j) {
        lane[j] += a[r * a_stride + i + j] * b[r * b_stride + i + j];
      }
#pragma GCC unroll 8
      for (int v = 0; v < B::kVectors; ++v) acc[r][v] = LoadVector(lane + v * B::kStep);
    }
    out[r] += B::FoldLanes(acc[r]);
  }
}

template <class T, int kRows>
void DotGroup(T* out, const T* a, const T* b, int64_t cols, int64_t a_stride, int64_t b_stride) {
  for (int r = 0; r < kRows; ++r) out[r] = 0;
  for (int64_t j = 0; j < cols; j += kDotPiece) {
    const int64_t n = cols - j < kDotPiece ? cols - j : kDotPiece;
    if (n >= 2 * Block<SumOp, T>::kLanes) {
      DotPiece<T, kRows>(out, a + j, b + j, n, a_stride, b_stride);
      continue;
    }
    for (int r = 0; r < kRows; ++r) {  // a short rest, in order
      const T *x = a + r * a_stride + j, *y = b + r * b_stride + j;
      T sum = x[0] * y[0];
      for (int64_t i = 1; i < n; ++i) sum += x[i] * y[i];
      out[r] += sum;
    }
  }
}

template <class T>
void DotRows(void* out, const void* a, const void* b, int64_t rows, int64_t cols, int64_t a_stride,
             int64_t b_stride) {
  constexpr int kGroup = kVectorBytes == 64 ? 4 : 2;
  T* to = static_cast<T*>(out);
  const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
  int64_t r = 0;
  for (; r + kGroup <= rows; r += kGroup) {
    DotGroup<T, kGroup>(to + r, x + r * a_stride, y + r * b_stride, cols, a_stride, b_stride);
  }
  for (; r < rows; ++r) {
    DotGroup<T, 1>(to + r, x + r * a_stride, y + r * b_stride, cols, a_stride, b_stride);
  }
}

template <class F, class T>
void AddKind(KernelTable& t, ReduceKind kind, KDType d) {
  t.reduce[kind][d] = Reduce<F, T>;
  t.reduce_rows[kind][d] = ReduceRows<F, T>;
}

// Sums and products of signed integers are those of unsigned ones, bit for bit.
template <class T, class Unsigned = T>
void AddSums(KernelTable& t) {
  AddKind<SumOp, Unsigned>(t, kReduceSum, KTypeOf<T>::value);
  AddKind<ProdOp, Unsigned>(t, kReduceProd, KTypeOf<T>::value);
}

template <class T, class Unsigned = T>
void AddReal(KernelTable& t) {
  AddSums<T, Unsigned>(t);
  AddKind<MaxOp, T>(t, kReduceMax, KTypeOf<T>::value);
  AddKind<MinOp, T>(t, kReduceMin, KTypeOf<T>::value);
}

}  // namespace

void AddReductions(KernelTable& t) {
  t.dot_rows[kF32] = DotRows<float>;
  t.dot_rows[kF64] = DotRows<double>;
  AddReal<float>(t);
  AddReal<double>(t);
  AddReal<int8_t, uint8_t>(t);
  AddReal<int16_t, uint16_t>(t);
  AddReal<int32_t, uint32_t>(t);
  AddReal<int64_t, uint64_t>(t);
  AddReal<uint8_t>(t);
  AddReal<uint16_t>(t);
  AddReal<uint32_t>(t);
  AddReal<uint64_t>(t);
  AddSums<ComplexOf<float>>(t);
  AddSums<ComplexOf<double>>(t);
  AddKind<AllOp, uint8_t>(t, kReduceAll, kBool);
  AddKind<AnyOp, uint8_t>(t, kReduceAny, kBool);
}

}  // namespace wengert::kernels::WENGERT_ISA_NS
