// Reference evaluator: reductions, scans, sorting, matrix products.
#include <algorithm>
#include <numeric>

#include "compile/program_builder.h"
#include "compile/reference.h"
#include "compile/reference_types.h"

namespace wengert::compile {

namespace {

// What sums of T are kept in: wider floats; unsigned integers, which wrap.
template <class T>
struct Accumulator {
  using type = T;
};
template <>
struct Accumulator<float> {
  using type = double;
};
template <>
struct Accumulator<std::complex<float>> {
  using type = std::complex<double>;
};
template <>
struct Accumulator<int8_t> {
  using type = uint64_t;
};
template <>
struct Accumulator<int16_t> : Accumulator<int8_t> {};
template <>
struct Accumulator<int32_t> : Accumulator<int8_t> {};
template <>
struct Accumulator<int64_t> : Accumulator<int8_t> {};

template <class T>
constexpr bool kOrdered = !kIsHalf<T> && !IsComplexT<T>::value;

template <class T>
T Larger(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return a + b;
  }
  return a < b ? b : a;
}

template <class T>
T Smaller(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return a + b;
  }
  return b < a ? b : a;
}

template <class T>
T Lowest() {
  if constexpr (std::is_floating_point_v<T>) return -std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::lowest();
}

template <class T>
T Highest() {
  if constexpr (std::is_floating_point_v<T>) return std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::max();
}

// For every element of x, in order: the element of the result that it belongs to.
std::vector<int64_t> ResultIndex(const Dims& dims, const std::vector<bool>& reduced) {
  Dims kept;
  for (size_t i = 0; i < dims.size(); ++i) kept.push_back(reduced[i] ? 1 : dims[i]);
  Dims strides = RowMajorStrides(kept);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (reduced[i]) strides[i] = 0;
  }
  const int64_t n = NumElements(dims);
  std::vector<int64_t> result(static_cast<size_t>(n));
  Dims index(dims.size());
  for (int64_t i = 0; i < n; ++i) {
    int64_t at = 0;
    for (size_t a = 0; a < dims.size(); ++a) at += index[a] * strides[a];
    result[static_cast<size_t>(i)] = at;
    for (size_t a = dims.size(); a-- > 0;) {
      if (++index[a] < dims[a]) break;
      index[a] = 0;
    }
  }
  return result;
}

template <class T>
void ReduceTyped(ReduceOp op, const Array& x, const std::vector<int64_t>& to, const Array& out) {
  const T* in = x.data<T>();
  T* result = out.data<T>();
  if (op == ReduceOp::kSum || op == ReduceOp::kProd) {
    using A = typename Accumulator<T>::type;
    std::vector<A> acc(static_cast<size_t>(out.size()), A(op == ReduceOp::kProd));
    for (size_t i = 0; i < to.size(); ++i) {
      A& a = acc[static_cast<size_t>(to[i])];
      op == ReduceOp::kSum ? a += A(in[i]) : a *= A(in[i]);
    }
    for (size_t i = 0; i < acc.size(); ++i) result[i] = Convert<T>(acc[i]);
  } else if constexpr (kOrdered<T>) {
    std::fill(result, result + out.size(), op == ReduceOp::kMax ? Lowest<T>() : Highest<T>());
    for (size_t i = 0; i < to.size(); ++i) {
      T& r = result[to[i]];
      r = op == ReduceOp::kMax ? Larger(r, in[i]) : Smaller(r, in[i]);
    }
  }
}

template <class A>
A LogAddExp(A a, A b) {
  const A m = std::max(a, b);
  if (m == -std::numeric_limits<A>::infinity()) return m;
  return m + std::log(std::exp(a - m) + std::exp(b - m));
}

template <class T>
void ScanTyped(const Scan& scan, const Array& x, const Array& out) {
  using A = typename Accumulator<T>::type;
  const size_t axis = static_cast<size_t>(scan.axis);
  const int64_t n = x.dims()[axis];
  int64_t inner = 1;
  for (size_t i = axis + 1; i < x.dims().size(); ++i) inner *= x.dims()[i];
  const int64_t rows = n == 0 ? 0 : x.size() / n;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t base = r / inner * n * inner + r % inner;
    A acc{};
    if (scan.op == ScanOp::kProd) acc = A(1);
    if constexpr (std::is_floating_point_v<A>) {
      if (scan.op == ScanOp::kLogSumExp) acc = -std::numeric_limits<A>::infinity();
    }
    for (int64_t k = 0; k < n; ++k) {
      const int64_t i = base + (scan.reverse ? n - 1 - k : k) * inner;
      if (scan.exclusive) out.data<T>()[i] = Convert<T>(acc);
      const A value = A(x.data<T>()[i]);
      if (scan.op == ScanOp::kSum) acc += value;
      if (scan.op == ScanOp::kProd) acc *= value;
      if constexpr (std::is_floating_point_v<A>) {
        if (scan.op == ScanOp::kLogSumExp) acc = LogAddExp(acc, value);
      }
      if (!scan.exclusive) out.data<T>()[i] = Convert<T>(acc);
    }
  }
}

}  // namespace

Array EvaluateReduce(ReduceOp op, const Array& x, const std::vector<int>& axes, bool keep_dims) {
  if (IsHalf(x.dtype())) {
    return EvaluateCast(EvaluateReduce(op, EvaluateCast(x, DType::kFloat32), axes, keep_dims),
                        x.dtype());
  }
  std::vector<bool> reduced(x.dims().size());
  for (int axis : axes) reduced[static_cast<size_t>(axis)] = true;
  Dims dims;
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i]) {
      dims.push_back(x.dims()[i]);
    } else if (keep_dims) {
      dims.push_back(1);
    }
  }
  Array out(x.dtype(), dims);
  const std::vector<int64_t> to = ResultIndex(x.dims(), reduced);
  if (op == ReduceOp::kAll || op == ReduceOp::kAny) {
    std::fill(out.data<bool>(), out.data<bool>() + out.size(), op == ReduceOp::kAll);
    for (size_t i = 0; i < to.size(); ++i) {
      bool& r = out.data<bool>()[to[i]];
      const bool value = x.data<bool>()[i];
      r = op == ReduceOp::kAll ? r && value : r || value;
    }
    return out;
  }
  VisitPlain(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!kIsHalf<T> && !std::is_same_v<T, bool>) ReduceTyped<T>(op, x, to, out);
  });
  return out;
}

Array EvaluateArgReduce(bool max, const Array& x, int axis, DType dtype) {
  std::vector<bool> reduced(x.dims().size());
  reduced[static_cast<size_t>(axis)] = true;
  Dims dims = x.dims();
  dims.erase(dims.begin() + axis);
  Array best(DType::kInt64, dims);
  const std::vector<int64_t> to = ResultIndex(x.dims(), reduced);
  std::fill(best.data<int64_t>(), best.data<int64_t>() + best.size(), -1);
  VisitPlain(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (kOrdered<T>) {
      for (size_t i = 0; i < to.size(); ++i) {
        int64_t& b = best.data<int64_t>()[to[i]];
        const T* in = x.data<T>();
        if (b < 0 || (max ? in[i] > in[b] : in[i] < in[b])) b = static_cast<int64_t>(i);
      }
    }
  });
  // from a position in x to one along the axis
  int64_t inner = 1;
  for (size_t i = static_cast<size_t>(axis) + 1; i < x.dims().size(); ++i) inner *= x.dims()[i];
  for (int64_t i = 0; i < best.size(); ++i) {
    int64_t& b = best.data<int64_t>()[i];
    b = b / inner % x.dims()[static_cast<size_t>(axis)];
  }
  return EvaluateCast(best, dtype);
}

Array EvaluateScan(const Scan& scan, const Array& x) {
  Array out(x.dtype(), x.dims());
  VisitPlain(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!kIsHalf<T> && !std::is_same_v<T, bool>) ScanTyped<T>(scan, x, out);
  });
  return out;
}

std::vector<Array> EvaluateTopK(const Array& x, int64_t k) {
  Dims dims = x.dims();
  const int64_t n = dims.back();
  dims.back() = k;
  Array values(x.dtype(), dims), indices(DType::kInt32, dims);
  const int64_t rows = n == 0 ? 0 : x.size() / n;
  std::vector<int64_t> order(static_cast<size_t>(n));
  for (int64_t r = 0; r < rows; ++r) {
    std::iota(order.begin(), order.end(), 0);
    VisitPlain(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      if constexpr (kOrdered<T>) {
        const T* row = x.data<T>() + r * n;
        std::stable_sort(order.begin(), order.end(),
                         [row](int64_t a, int64_t b) { return row[a] > row[b]; });
      }
    });
    for (int64_t i = 0; i < k; ++i) {
      CopyElement(values, r * k + i, x, r * n + order[static_cast<size_t>(i)]);
      indices.data<int32_t>()[r * k + i] = static_cast<int32_t>(order[static_cast<size_t>(i)]);
    }
  }
  return {values, indices};
}

Array EvaluateMatMul(const Array& a, const Array& b, bool transpose_a, bool transpose_b,
                     const Dims& dims) {
  Array out(a.dtype(), dims);
  const size_t rank = dims.size();
  const int64_t m = dims[rank - 2], n = dims[rank - 1];
  const int64_t k = a.dims()[a.dims().size() - (transpose_a ? 2 : 1)];
  const Dims batch(dims.begin(), dims.end() - 2);
  // offsets of the matrices, broadcast over the batch
  auto offsets = [&](const Array& x) {
    Array index(DType::kInt64, Dims(x.dims().begin(), x.dims().end() - 2));
    for (int64_t i = 0; i < index.size(); ++i) index.data<int64_t>()[i] = i;
    Dims strides(batch.size());
    const Dims own = RowMajorStrides(index.dims());
    for (size_t i = 0; i < own.size(); ++i) {
      const size_t to = batch.size() - own.size() + i;
      strides[to] = index.dims()[i] == 1 ? 0 : own[i];
    }
    return EvaluateStrided(index, batch, 0, strides);
  };
  const Array ia = offsets(a), ib = offsets(b);
  VisitPlain(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (!kIsHalf<T> && !std::is_same_v<T, bool>) {
      using A = typename Accumulator<T>::type;
      for (int64_t z = 0; z < ia.size(); ++z) {
        const T* pa = a.data<T>() + ia.data<int64_t>()[z] * m * k;
        const T* pb = b.data<T>() + ib.data<int64_t>()[z] * k * n;
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            A sum{};
            for (int64_t l = 0; l < k; ++l) {
              sum += A(pa[transpose_a ? l * m + i : i * k + l]) *
                     A(pb[transpose_b ? j * k + l : l * n + j]);
            }
            out.data<T>()[(z * m + i) * n + j] = Convert<T>(sum);
          }
        }
      }
    }
  });
  return out;
}

}  // namespace wengert::compile
