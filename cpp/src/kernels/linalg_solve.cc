// Cholesky and LU factors, determinants, solutions of systems.
#include <memory>
#include <vector>

#include "kernels/linalg.h"
#include "kernels/linalg_util.h"

namespace wengert::kernels {
namespace {

// The factor of one matrix, in place, from its lower triangle; the upper one is not touched.
template <class T>
bool FactorCholesky(int64_t n, T* a) {
  if (n > kSmallMatrix) {
    // The row-major lower triangle is LAPACK's upper one, of the transposed matrix.
    return Lapack<T>::Potrf('U', static_cast<int>(n), a) == 0;
  }
  for (int64_t i = 0; i < n; ++i) {
    T* row = a + i * n;
    for (int64_t j = 0; j < i; ++j) {
      T sum = row[j];
      for (int64_t c = 0; c < j; ++c) sum -= Times(row[c], Conjugate(a[j * n + c]));
      row[j] = sum / RealPart(a[j * n + j]);
    }
    Real<T> square = RealPart(row[i]);
    for (int64_t c = 0; c < i; ++c) square -= RealPart(Times(row[c], Conjugate(row[c])));
    if (square <= 0) return false;
    row[i] = std::sqrt(square);
  }
  return true;
}

// With m the transpose of the row-major matrix: m = p l u, l with a unit diagonal, stored
// column-major in place. p interchanges row i with row pivots[i], in turn. Never fails: a
// singular matrix has a zero on the diagonal of u.
template <class T>
void FactorLu(int64_t n, T* m, int* pivots) {
  if (n > kSmallMatrix) {
    Lapack<T>::Getrf(static_cast<int>(n), m, pivots);
    for (int64_t i = 0; i < n; ++i) --pivots[i];  // LAPACK counts from 1
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    int64_t best = i;
    Real<T> largest = std::abs(m[i * n + i]);
    for (int64_t r = i + 1; r < n; ++r) {
      const Real<T> size = std::abs(m[i * n + r]);
      if (size > largest) largest = size, best = r;
    }
    pivots[i] = static_cast<int>(best);
    if (best != i) {
      for (int64_t c = 0; c < n; ++c) std::swap(m[c * n + i], m[c * n + best]);
    }
    const T pivot = m[i * n + i];
    if (pivot == T(0)) continue;
    for (int64_t r = i + 1; r < n; ++r) m[i * n + r] /= pivot;
    for (int64_t c = i + 1; c < n; ++c) {
      const T factor = m[c * n + i];
      for (int64_t r = i + 1; r < n; ++r) m[c * n + r] -= Times(factor, m[i * n + r]);
    }
  }
}

template <class T>
bool Invertible(int64_t n, const T* lu) {
  for (int64_t i = 0; i < n; ++i) {
    if (!(std::abs(lu[i * n + i]) > 0)) return false;  // nor may it be NaN
  }
  return true;
}

// x = op(a)^-1 x by the factors of a^T. Read row-major, they are u^T and l^T in the lower
// and the upper triangle: a = u^T l^T p^T.
template <class T>
void SolveWithLu(int64_t n, int64_t k, bool adjoint, const T* lu, const int* pivots, T* x) {
  auto interchange = [&](int64_t i) {
    if (pivots[i] != i) std::swap_ranges(x + i * k, x + (i + 1) * k, x + pivots[i] * k);
  };
  if (adjoint) {
    for (int64_t i = 0; i < n; ++i) interchange(i);
    SolveTriangle(false, true, true, n, k, lu, x);
    SolveTriangle(true, true, false, n, k, lu, x);
  } else {
    SolveTriangle(true, false, false, n, k, lu, x);
    SolveTriangle(false, false, true, n, k, lu, x);
    for (int64_t i = n; i-- > 0;) interchange(i);
  }
}

double Cube(int64_t n) {
  return static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
}

}  // namespace

void RequireLapack(int64_t size) {
  if (size <= kSmallMatrix) return;
  if (size > kMaxLapackSize) {
    throw Error(ErrorKind::kResourceExhausted,
                "Matrices may have at most " + std::to_string(kMaxLapackSize) +
                    " rows and columns here, got " + std::to_string(size));
  }
  if (!HaveLapack()) {
    throw Error(ErrorKind::kUnimplemented,
                "Linear algebra on matrices of more than " + std::to_string(kSmallMatrix) +
                    " rows or columns needs libscipy_openblas.so, which was not found beside "
                    "Wengert's library: reinstall Wengert, or install scipy-openblas32 and put its "
                    "lib folder on LD_LIBRARY_PATH");
  }
}

template <class T>
void Cholesky(int64_t batch, int64_t n, const T* a, T* l) {
  RequireLapack(n);
  ForBatch(batch, Nanoseconds<T>(Cube(n) / 3), [&](int64_t b) {
    T* out = l + b * n * n;
    std::copy_n(a + b * n * n, n * n, out);
    const bool definite = FactorCholesky(n, out);
    for (int64_t i = 0; i < n; ++i) {
      if (!definite) std::fill_n(out + i * n, i + 1, NotANumber<T>());
      std::fill_n(out + i * n + i + 1, n - i - 1, T(0));
    }
    return true;
  });
}

template <class T>
int64_t Inverse(int64_t batch, int64_t n, bool adjoint, const T* a, T* out) {
  RequireLapack(n);
  return ForBatch(batch, Nanoseconds<T>(2 * Cube(n)), [&](int64_t b) {
    std::vector<int> pivots(n);
    T* x = out + b * n * n;
    if (n > kSmallMatrix) {
      // In place: the inverse of the transpose is the transpose of the inverse.
      if (adjoint) {
        Adjoint(n, n, a + b * n * n, x);
      } else {
        std::copy_n(a + b * n * n, n * n, x);
      }
      const int size = static_cast<int>(n);
      Lapack<T>::Getrf(size, x, pivots.data());
      if (!Invertible(n, x)) return false;
      return Lapack<T>::Getri(size, x, pivots.data()) == 0;
    }
    std::vector<T> lu(a + b * n * n, a + (b + 1) * n * n);
    FactorLu(n, lu.data(), pivots.data());
    if (!Invertible(n, lu.data())) return false;
    std::fill_n(x, n * n, T(0));
    for (int64_t i = 0; i < n; ++i) x[i * n + i] = T(1);
    SolveWithLu(n, n, adjoint, lu.data(), pivots.data(), x);
    return true;
  });
}

template <class T>
void Determinant(int64_t batch, int64_t n, const T* a, T* out) {
  RequireLapack(n);
  ForBatch(batch, Nanoseconds<T>(2 * Cube(n) / 3), [&](int64_t b) {
    std::vector<int> pivots(n);
    std::vector<T> lu(a + b * n * n, a + (b + 1) * n * n);
    FactorLu(n, lu.data(), pivots.data());
    T product(1);
    for (int64_t i = 0; i < n; ++i) {
      product = Times(product, pivots[i] == i ? lu[i * n + i] : -lu[i * n + i]);
    }
    out[b] = product;
    return true;
  });
}

template <class T>
void LogDeterminant(int64_t batch, int64_t n, const T* a, T* sign, T* log) {
  RequireLapack(n);
  ForBatch(batch, Nanoseconds<T>(2 * Cube(n) / 3), [&](int64_t b) {
    std::vector<int> pivots(n);
    std::vector<T> lu(a + b * n * n, a + (b + 1) * n * n);
    FactorLu(n, lu.data(), pivots.data());
    T direction(1);
    Real<T> sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      const T pivot = lu[i * n + i];
      const Real<T> size = std::abs(pivot);
      // Where the size is 0 so is the sign; NaN stays NaN.
      direction = Times(direction, size == 0 ? T(0) : pivot / size);
      if (pivots[i] != i) direction = -direction;
      sum += std::log(size);
    }
    sign[b] = direction;
    log[b] = T(sum);
    return true;
  });
}

template <class T>
int64_t Solve(int64_t batch, int64_t n, int64_t k, bool adjoint, const T* a, const T* b, T* x) {
  RequireLapack(n > kSmallMatrix ? std::max(n, k) : n);
  const double flops = 2 * Cube(n) / 3 + 2.0 * static_cast<double>(n * n) * static_cast<double>(k);
  return ForBatch(batch, Nanoseconds<T>(flops), [&](int64_t i) {
    std::vector<int> pivots(n);
    std::vector<T> lu(a + i * n * n, a + (i + 1) * n * n);
    FactorLu(n, lu.data(), pivots.data());
    if (!Invertible(n, lu.data())) return false;
    T* out = x + i * n * k;
    std::copy_n(b + i * n * k, n * k, out);
    SolveWithLu(n, k, adjoint, lu.data(), pivots.data(), out);
    return true;
  });
}

template <class T>
void TriangularSolve(int64_t batch, int64_t n, int64_t k, bool lower, bool adjoint, const T* a,
                     const T* b, T* x) {
  RequireLapack(n > kSmallMatrix ? std::max(n, k) : n);
  const double flops = static_cast<double>(n * n) * static_cast<double>(k);
  ForBatch(batch, Nanoseconds<T>(flops), [&](int64_t i) {
    T* out = x + i * n * k;
    std::copy_n(b + i * n * k, n * k, out);
    SolveTriangle(lower, adjoint, false, n, k, a + i * n * n, out);
    return true;
  });
}

template <class T>
int64_t BandedTriangularSolve(int64_t batch, int64_t bands, int64_t n, int64_t k, bool lower,
                              bool adjoint, const T* a, const T* b, T* x) {
  const int64_t width = std::min(bands, n);
  const double flops = 2.0 * static_cast<double>(n * width) * static_cast<double>(k);
  return ForBatch(batch, Nanoseconds<T>(flops), [&](int64_t item) {
    const T* matrix = a + item * bands * n;
    const T* main = matrix + (lower ? 0 : bands - 1) * n;
    for (int64_t i = 0; i < n; ++i) {
      if (main[i] == T(0)) return false;
    }
    // Element (i, i -/+ d) is kept at position i of its band, for lower and upper matrices.
    auto element = [&](int64_t row, int64_t d) {
      return matrix[(lower ? d : bands - 1 - d) * n + row];
    };
    T* out = x + item * n * k;
    std::copy_n(b + item * n * k, n * k, out);
    const bool forward = lower != adjoint;
    for (int64_t step = 0; step < n; ++step) {
      const int64_t i = forward ? step : n - 1 - step;
      T* row = out + i * k;
      for (int64_t d = 1; d <= std::min(width - 1, step); ++d) {
        const int64_t j = forward ? i - d : i + d;
        const T factor = adjoint ? Conjugate(element(j, d)) : element(i, d);
        for (int64_t c = 0; c < k; ++c) row[c] -= Times(factor, out[j * k + c]);
      }
      const T pivot = adjoint ? Conjugate(main[i]) : main[i];
      for (int64_t c = 0; c < k; ++c) row[c] /= pivot;
    }
    return true;
  });
}

template <class T>
void TridiagonalSolve(int64_t batch, int64_t n, int64_t k, bool pivoting, bool perturb,
                      const T* diagonals, const T* b, T* x) {
  const double flops = 10.0 * static_cast<double>(n) + 5.0 * static_cast<double>(n * k);
  ForBatch(batch, Nanoseconds<T>(flops), [&](int64_t item) {
    const T* given = diagonals + item * 3 * n;
    T* out = x + item * n * k;
    std::copy_n(b + item * n * k, n * k, out);
    if (n == 0) return true;
    // u[0], u[1], u[2]: the diagonals of the upper triangular matrix that elimination leaves.
    std::vector<T> u0(given + n, given + 2 * n), u1(given, given + n), u2(n, T(0));
    u1[n - 1] = T(0);
    bool singular = false;
    auto check = [&](T* pivot) {
      if (*pivot != T(0)) return;
      if (perturb) {
        *pivot = T(std::numeric_limits<Real<T>>::min());
      } else {
        singular = true;
      }
    };
    for (int64_t i = 0; i + 1 < n; ++i) {
      const T below = given[2 * n + i + 1];
      T* row = out + i * k;
      if (!pivoting || std::abs(u0[i]) >= std::abs(below)) {
        check(&u0[i]);
        const T factor = below / u0[i];
        u0[i + 1] -= Times(factor, u1[i]);
        for (int64_t c = 0; c < k; ++c) row[k + c] -= Times(factor, row[c]);
      } else {
        const T factor = u0[i] / below, next = u0[i + 1], above = u1[i];
        u0[i] = below;
        u1[i] = next;
        u2[i] = u1[i + 1];
        u0[i + 1] = above - Times(factor, next);
        u1[i + 1] = -Times(factor, u2[i]);
        for (int64_t c = 0; c < k; ++c) {
          const T upper = row[c];
          row[c] = row[k + c];
          row[k + c] = upper - Times(factor, row[c]);
        }
      }
    }
    check(&u0[n - 1]);
    if (singular) {
      std::fill_n(out, n * k, NotANumber<T>());
      return true;
    }
    for (int64_t i = n; i-- > 0;) {
      T* row = out + i * k;
      for (int64_t c = 0; c < k; ++c) {
        T sum = row[c];
        if (i + 1 < n) sum -= Times(u1[i], row[k + c]);
        if (i + 2 < n) sum -= Times(u2[i], row[2 * k + c]);
        row[c] = sum / u0[i];
      }
    }
    return true;
  });
}

#define WENGERT_INSTANTIATE(T)                                                                     \
  template void Cholesky<T>(int64_t, int64_t, const T*, T*);                                       \
  template int64_t Inverse<T>(int64_t, int64_t, bool, const T*, T*);                               \
  template void Determinant<T>(int64_t, int64_t, const T*, T*);                                    \
  template void LogDeterminant<T>(int64_t, int64_t, const T*, T*, T*);                             \
  template int64_t Solve<T>(int64_t, int64_t, int64_t, bool, const T*, const T*, T*);              \
  template void TriangularSolve<T>(int64_t, int64_t, int64_t, bool, bool, const T*, const T*, T*); \
  template int64_t BandedTriangularSolve<T>(int64_t, int64_t, int64_t, int64_t, bool, bool,        \
                                            const T*, const T*, T*);                               \
  template void TridiagonalSolve<T>(int64_t, int64_t, int64_t, bool, bool, const T*, const T*, T*);
WENGERT_INSTANTIATE(float)
WENGERT_INSTANTIATE(double)
WENGERT_INSTANTIATE(std::complex<float>)
WENGERT_INSTANTIATE(std::complex<double>)
#undef WENGERT_INSTANTIATE

}  // namespace wengert::kernels
