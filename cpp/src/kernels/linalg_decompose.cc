// Orthogonal, eigenvalue and singular value decompositions.
#include <vector>

#include "kernels/linalg.h"
#include "kernels/linalg_util.h"

namespace wengert::kernels {
namespace {

constexpr int64_t kAnySize = kSmallMatrix + 1;  // for RequireLapack: whatever the size

template <class T>
void Identity(int64_t n, T* out) {
  std::fill_n(out, n * n, T(0));
  for (int64_t i = 0; i < n; ++i) out[i * n + i] = T(1);
}

double Product(int64_t a, int64_t b, int64_t c) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

// x of a x = b by the normal equations, the smaller of the two kinds.
template <class T>
bool NormalEquations(int64_t m, int64_t n, int64_t k, double l2, const T* a, const T* b, T* x) {
  const bool tall = m >= n;
  const int64_t size = std::min(m, n);
  const int mi = static_cast<int>(m), ni = static_cast<int>(n), ki = static_cast<int>(k);
  std::vector<T> gram(size * size), factor(size * size);
  // a^H a or a a^H, plus l2 on the diagonal.
  Lapack<T>::Gemm(tall, !tall, static_cast<int>(size), static_cast<int>(size), tall ? mi : ni, a,
                  ni, a, ni, gram.data(), static_cast<int>(size));
  for (int64_t i = 0; i < size; ++i) gram[i * size + i] += T(static_cast<Real<T>>(l2));
  Cholesky(1, size, gram.data(), factor.data());
  for (int64_t i = 0; i < size; ++i) {
    if (!(std::abs(factor[i * size + i]) > 0)) return false;
  }
  if (tall) {
    Lapack<T>::Gemm(true, false, ni, ki, mi, a, ni, b, ki, x, ki);
    SolveTriangle(true, false, false, n, k, factor.data(), x);
    SolveTriangle(true, true, false, n, k, factor.data(), x);
  } else {
    std::vector<T> y(b, b + m * k);
    SolveTriangle(true, false, false, m, k, factor.data(), y.data());
    SolveTriangle(true, true, false, m, k, factor.data(), y.data());
    Lapack<T>::Gemm(true, false, ni, ki, mi, a, ni, y.data(), ki, x, ki);
  }
  return true;
}

template <class T>
bool Orthogonal(int64_t m, int64_t n, int64_t k, const T* a, const T* b, T* x) {
  const int64_t rows = std::max(m, n);
  std::vector<T> matrix(m * n), columns(rows * k, T(0));
  Transpose(m, n, a, matrix.data());  // column-major now
  for (int64_t c = 0; c < k; ++c) {
    for (int64_t i = 0; i < m; ++i) columns[c * rows + i] = b[i * k + c];
  }
  const Real<T> rcond =
      std::numeric_limits<Real<T>>::epsilon() * static_cast<Real<T>>(std::min(m, n));
  const bool finite = IsFinite(a, m * n) && IsFinite(b, m * k);
  const bool solved =
      finite && Lapack<T>::Gelsy(static_cast<int>(m), static_cast<int>(n), static_cast<int>(k),
                                 matrix.data(), columns.data(), static_cast<int>(rows), rcond) == 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < k; ++c) {
      x[i * k + c] = solved ? columns[c * rows + i] : NotANumber<T>();
    }
  }
  return true;
}

}  // namespace

template <class T>
int64_t LeastSquares(int64_t batch, int64_t m, int64_t n, int64_t k, double l2, bool fast,
                     const T* a, const T* b, T* x) {
  if (batch == 0 || n == 0 || k == 0) return -1;
  if (m == 0) {
    std::fill_n(x, batch * n * k, T(0));
    return -1;
  }
  RequireLapack(std::max({m, n, k, kAnySize}));
  const double flops = 2 * Product(m, n, std::min(m, n)) + 4 * Product(m, n, k);
  return ForBatch(batch, Nanoseconds<T>(flops), [&](int64_t i) {
    const T* matrix = a + i * m * n;
    return fast ? NormalEquations(m, n, k, l2, matrix, b + i * m * k, x + i * n * k)
                : Orthogonal(m, n, k, matrix, b + i * m * k, x + i * n * k);
  });
}

template <class T>
void Qr(int64_t batch, int64_t m, int64_t n, bool full, const T* a, T* q, T* r) {
  const int64_t rank = std::min(m, n), p = full ? m : rank;
  if (batch == 0) return;
  RequireLapack(std::max({m, n, kAnySize}));
  ForBatch(batch, Nanoseconds<T>(4 * Product(m, n, rank)), [&](int64_t b) {
    T* q_out = q + b * m * p;
    T* r_out = r + b * p * n;
    if (rank == 0) {
      if (p == m) Identity(m, q_out);
      return true;
    }
    // Read column-major, `a` is its transpose: a^T = l q' gives a = q'^T l^T without a copy.
    std::vector<T> work(a + b * m * n, a + (b + 1) * m * n), tau(rank);
    Lapack<T>::Gelqf(static_cast<int>(n), static_cast<int>(m), work.data(), tau.data());
    for (int64_t i = 0; i < p; ++i) {
      for (int64_t j = 0; j < n; ++j)
        r_out[i * n + j] = i < rank && j >= i ? work[i * n + j] : T(0);
    }
    // The reflectors, with rows of length p.
    for (int64_t i = 0; i < m; ++i) {
      std::copy_n(work.data() + i * n, rank, q_out + i * p);
      std::fill_n(q_out + i * p + rank, p - rank, T(0));
    }
    Lapack<T>::Orglq(static_cast<int>(p), static_cast<int>(m), static_cast<int>(rank), q_out,
                     tau.data());
    return true;
  });
}

template <class T>
void Svd(int64_t batch, int64_t m, int64_t n, bool full, const T* a, Real<T>* s, T* u, T* v) {
  const int64_t rank = std::min(m, n), mp = full ? m : rank, np = full ? n : rank;
  if (batch == 0) return;
  RequireLapack(std::max({m, n, kAnySize}));
  ForBatch(batch, Nanoseconds<T>(20 * Product(m, n, rank)), [&](int64_t b) {
    T* u_out = u == nullptr ? nullptr : u + b * m * mp;
    T* v_out = v == nullptr ? nullptr : v + b * n * np;
    if (rank == 0) {
      if (full && u_out != nullptr) Identity(m, u_out);
      if (full && v_out != nullptr) Identity(n, v_out);
      return true;
    }
    bool done = IsFinite(a + b * m * n, m * n);
    if (done) {
      // Of the transpose u' s v'^H, u is the conjugate of v', which is the array vt read row-major,
      // and v that of u'.
      std::vector<T> work(a + b * m * n, a + (b + 1) * m * n);
      std::vector<T> left(v_out == nullptr ? 1 : n * np);
      T unused{};
      const char job = u_out == nullptr ? 'N' : full ? 'A' : 'S';
      done = Lapack<T>::Gesdd(job, static_cast<int>(n), static_cast<int>(m), work.data(),
                              s + b * rank, left.data(), u_out == nullptr ? &unused : u_out,
                              static_cast<int>(mp)) == 0;
      if (done && v_out != nullptr) Adjoint(np, n, left.data(), v_out);
    }
    if (!done) {
      std::fill_n(s + b * rank, rank, NotANumber<Real<T>>());
      if (u_out != nullptr) std::fill_n(u_out, m * mp, NotANumber<T>());
      if (v_out != nullptr) std::fill_n(v_out, n * np, NotANumber<T>());
    }
    return true;
  });
}

template <class T>
int64_t EigenSymmetric(int64_t batch, int64_t n, const T* a, Real<T>* w, T* v) {
  if (batch == 0 || n == 0) return -1;
  RequireLapack(std::max(n, kAnySize));
  return ForBatch(batch, Nanoseconds<T>(9 * Product(n, n, n)), [&](int64_t b) {
    std::vector<T> work(a + b * n * n, a + (b + 1) * n * n);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        if (std::abs(work[i * n + j]) != std::abs(work[i * n + j])) return false;  // NaN
      }
      std::fill(work.data() + i * n + i + 1, work.data() + (i + 1) * n, T(0));
    }
    const bool done = IsFinite(work.data(), n * n) &&
                      Lapack<T>::Syevd(v == nullptr ? 'N' : 'V', 'U', static_cast<int>(n),
                                       work.data(), w + b * n) == 0;
    // LAPACK saw the conjugate matrix: its vectors, the rows here, are conjugated.
    if (done && v != nullptr) Adjoint(n, n, work.data(), v + b * n * n);
    if (!done) {
      std::fill_n(w + b * n, n, NotANumber<Real<T>>());
      if (v != nullptr) std::fill_n(v + b * n * n, n * n, NotANumber<T>());
    }
    return true;
  });
}

template <class T>
int64_t Eigen(int64_t batch, int64_t n, const T* a, std::complex<Real<T>>* w,
              std::complex<Real<T>>* v) {
  using C = std::complex<Real<T>>;
  if (batch == 0 || n == 0) return -1;
  RequireLapack(std::max(n, kAnySize));
  return ForBatch(batch, Nanoseconds<T>(25 * Product(n, n, n)), [&](int64_t b) {
    if (!IsFinite(a + b * n * n, n * n)) return false;
    // The left eigenvectors of the transpose are those of `a`, conjugated.
    std::vector<T> work(a + b * n * n, a + (b + 1) * n * n);
    std::vector<T> left(v == nullptr ? 0 : n * n);
    C* values = w + b * n;
    if (Lapack<T>::Geev(static_cast<int>(n), work.data(), values,
                        v == nullptr ? nullptr : left.data()) != 0) {
      return false;
    }
    if (v == nullptr) return true;
    C* out = v + b * n * n;
    for (int64_t j = 0; j < n; ++j) {
      const T* column = left.data() + j * n;
      if constexpr (kIsComplex<T>) {
        for (int64_t i = 0; i < n; ++i) out[i * n + j] = std::conj(column[i]);
      } else if (values[j].imag() == 0 || j + 1 == n) {
        for (int64_t i = 0; i < n; ++i) out[i * n + j] = column[i];
      } else {  // a pair: real and imaginary parts in two columns
        for (int64_t i = 0; i < n; ++i) {
          out[i * n + j] = {column[i], -column[n + i]};
          out[i * n + j + 1] = {column[i], column[n + i]};
        }
        ++j;
      }
    }
    return true;
  });
}

template <class T>
int64_t Lu(int64_t batch, int64_t n, const T* a, T* lu, int32_t* p) {
  if (batch == 0 || n == 0) return -1;
  RequireLapack(std::max(n, kAnySize));
  return ForBatch(batch, Nanoseconds<T>(Product(n, n, n)), [&](int64_t b) {
    std::vector<T> columns(n * n);
    std::vector<int> pivots(n);
    Transpose(n, n, a + b * n * n, columns.data());
    Lapack<T>::Getrf(static_cast<int>(n), columns.data(), pivots.data());
    int32_t* order = p + b * n;
    for (int64_t i = 0; i < n; ++i) {
      if (!(std::abs(columns[i * n + i]) > 0)) return false;
      order[i] = static_cast<int32_t>(i);
    }
    for (int64_t i = 0; i < n; ++i) std::swap(order[i], order[pivots[i] - 1]);
    Transpose(n, n, columns.data(), lu + b * n * n);
    return true;
  });
}

#define WENGERT_INSTANTIATE(T)                                                                 \
  template int64_t LeastSquares<T>(int64_t, int64_t, int64_t, int64_t, double, bool, const T*, \
                                   const T*, T*);                                              \
  template void Qr<T>(int64_t, int64_t, int64_t, bool, const T*, T*, T*);                      \
  template void Svd<T>(int64_t, int64_t, int64_t, bool, const T*, Real<T>*, T*, T*);           \
  template int64_t EigenSymmetric<T>(int64_t, int64_t, const T*, Real<T>*, T*);                \
  template int64_t Eigen<T>(int64_t, int64_t, const T*, std::complex<Real<T>>*,                \
                            std::complex<Real<T>>*);                                           \
  template int64_t Lu<T>(int64_t, int64_t, const T*, T*, int32_t*);
WENGERT_INSTANTIATE(float)
WENGERT_INSTANTIATE(double)
WENGERT_INSTANTIATE(std::complex<float>)
WENGERT_INSTANTIATE(std::complex<double>)
#undef WENGERT_INSTANTIATE

}  // namespace wengert::kernels
