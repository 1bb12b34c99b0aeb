// Square roots and logarithms of matrices, through the complex Schur form a = z t z^H, in
// double precision whatever the element type.
#include <vector>

#include "kernels/linalg.h"
#include "kernels/linalg_util.h"

namespace wengert::kernels {
namespace {

using C = std::complex<double>;
using Matrix = std::vector<C>;

// Row-major product of n x n matrices.
Matrix Multiply(int64_t n, const Matrix& a, const Matrix& b, bool adjoint_b = false) {
  Matrix c(n * n);
  const int size = static_cast<int>(n);
  Lapack<C>::Gemm(false, adjoint_b, size, size, size, a.data(), size, b.data(), size, c.data(),
                  size);
  return c;
}

struct Schur {
  Matrix t, z;  // row-major
};

bool SchurForm(int64_t n, const Matrix& a, Schur* out) {
  Matrix columns(n * n), z(n * n), values(n);
  Transpose(n, n, a.data(), columns.data());
  if (Lapack<C>::Gees(static_cast<int>(n), columns.data(), values.data(), z.data()) != 0) {
    return false;
  }
  out->t.resize(n * n);
  out->z.resize(n * n);
  Transpose(n, n, columns.data(), out->t.data());
  Transpose(n, n, z.data(), out->z.data());
  return true;
}

// r r = t, both upper triangular: r_ii = sqrt(t_ii), r_ij (r_ii + r_jj) = t_ij - sum_k r_ik r_kj
Matrix TriangularRoot(int64_t n, const Matrix& t) {
  Matrix r(n * n);
  for (int64_t j = 0; j < n; ++j) {
    r[j * n + j] = std::sqrt(t[j * n + j]);
    for (int64_t i = j; i-- > 0;) {
      C sum = t[i * n + j];
      for (int64_t k = i + 1; k < j; ++k) sum -= Times(r[i * n + k], r[k * n + j]);
      const C pivot = r[i * n + i] + r[j * n + j];
      // As 0/0 and x/0 of real numbers: there is no root, or no unique one.
      r[i * n + j] = pivot == 0.0 ? NotANumber<C>() : sum / pivot;
    }
  }
  return r;
}

// log(t) of an upper triangular matrix by inverse scaling and squaring: log t = 2^s log t^(1/2^s),
// and log(1 + x) = integral of x / (1 + u x) over u in [0, 1], by Gauss-Legendre quadrature,
// which is the diagonal Pade approximant; 7 nodes are exact to double precision for |x| < 0.26.
Matrix TriangularLog(int64_t n, const Matrix& t) {
  constexpr double kNodes[7] = {0.025446043828620737, 0.12923440720030278, 0.29707742431130141, 0.5,
                                0.70292257568869859,  0.87076559279969722, 0.97455395617137926};
  constexpr double kWeights[7] = {0.064742483084434847, 0.13985269574463833, 0.19091502525255947,
                                  0.20897959183673469,  0.19091502525255947, 0.13985269574463833,
                                  0.064742483084434847};
  Matrix x = t;
  int halvings = 0;
  auto distance = [&] {  // the 1-norm of x - 1; NaN compares false
    double largest = 0;
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t i = 0; i <= j; ++i) sum += std::abs(x[i * n + j] - (i == j ? 1.0 : 0.0));
      largest = std::max(largest, sum);
    }
    return largest;
  };
  while (distance() > 0.26 && halvings < 100) {
    x = TriangularRoot(n, x);
    ++halvings;
  }
  for (int64_t i = 0; i < n; ++i) x[i * n + i] -= 1.0;
  Matrix sum(n * n);
  for (int q = 0; q < 7; ++q) {
    Matrix denominator(n * n), term = x;
    for (int64_t i = 0; i < n * n; ++i) denominator[i] = kNodes[q] * x[i];
    for (int64_t i = 0; i < n; ++i) denominator[i * n + i] += 1.0;
    SolveTriangle(false, false, false, n, n, denominator.data(), term.data());
    for (int64_t i = 0; i < n * n; ++i) sum[i] += kWeights[q] * term[i];
  }
  const double scale = std::ldexp(1.0, halvings);
  for (C& value : sum) value *= scale;
  // The diagonal needs no approximation.
  for (int64_t i = 0; i < n; ++i) sum[i * n + i] = std::log(t[i * n + i]);
  return sum;
}

// Whether a real matrix has eigenvalues that no real square root has squares of.
bool HasNegativeEigenvalue(int64_t n, const Matrix& a) {
  std::vector<double> columns(n * n), re(n), im(n);
  for (int64_t i = 0; i < n * n; ++i) columns[i] = a[i].real();  // of the transpose: the same
  if (Lapack<double>::SchurValues(static_cast<int>(n), columns.data(), re.data(), im.data()) != 0) {
    return true;
  }
  double largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::hypot(re[i], im[i]));
  const double zero = std::numeric_limits<double>::epsilon() * static_cast<double>(n) * largest;
  for (int64_t i = 0; i < n; ++i) {
    if (im[i] == 0 && re[i] < -zero) return true;
  }
  return false;
}

template <class T>
T Narrow(C value) {
  if constexpr (kIsComplex<T>) {
    return {static_cast<Real<T>>(value.real()), static_cast<Real<T>>(value.imag())};
  } else {
    return static_cast<T>(value.real());
  }
}

// out = z f(t) z^H for each matrix.
template <class T, class F>
void Function(int64_t batch, int64_t n, const T* a, T* out, F f) {
  if (batch == 0 || n == 0) return;
  RequireLapack(std::max(n, kSmallMatrix + 1));
  const double cube = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  ForBatch(batch, Nanoseconds<C>(40 * cube), [&](int64_t b) {
    Matrix matrix(n * n);
    for (int64_t i = 0; i < n * n; ++i) matrix[i] = C(a[b * n * n + i]);
    Schur schur;
    bool done = IsFinite(matrix.data(), n * n);
    if constexpr (!kIsComplex<T>) done = done && !HasNegativeEigenvalue(n, matrix);
    done = done && SchurForm(n, matrix, &schur);
    if (done) matrix = Multiply(n, Multiply(n, schur.z, f(n, schur.t)), schur.z, true);
    for (int64_t i = 0; i < n * n; ++i) {
      out[b * n * n + i] = done ? Narrow<T>(matrix[i]) : NotANumber<T>();
    }
    return true;
  });
}

}  // namespace

template <class T>
void SquareRoot(int64_t batch, int64_t n, const T* a, T* out) {
  Function(batch, n, a, out, TriangularRoot);
}

template <class T>
void Logarithm(int64_t batch, int64_t n, const T* a, T* out) {
  Function(batch, n, a, out, TriangularLog);
}

template void SquareRoot(int64_t, int64_t, const float*, float*);
template void SquareRoot(int64_t, int64_t, const double*, double*);
template void SquareRoot(int64_t, int64_t, const std::complex<float>*, std::complex<float>*);
template void SquareRoot(int64_t, int64_t, const C*, C*);
template void Logarithm(int64_t, int64_t, const std::complex<float>*, std::complex<float>*);
template void Logarithm(int64_t, int64_t, const C*, C*);

}  // namespace wengert::kernels
