#include "kernels/lapack.h"

#include <algorithm>
#include <string>

#include "kernels/blas.h"

namespace wengert::kernels {
namespace {

// Values of the enumerations of CBLAS and LAPACKE.
constexpr int kRowMajor = 101, kColumnMajor = 102;
constexpr int kNoTranspose = 111, kTranspose = 112, kConjugate = 113;
constexpr int kUpper = 121, kLower = 122, kNonUnit = 131, kUnit = 132, kLeft = 141;

template <class T>
constexpr char kLetter = 0;
template <>
constexpr char kLetter<float> = 's';
template <>
constexpr char kLetter<double> = 'd';
template <>
constexpr char kLetter<std::complex<float>> = 'c';
template <>
constexpr char kLetter<std::complex<double>> = 'z';

// "LAPACKE_?potrf_work" with the letter of T.
template <class T, class Function>
Function Find(const char* prefix, const char* routine, const char* suffix) {
  return reinterpret_cast<Function>(
      OpenBlasSymbol(std::string(prefix) + kLetter<T> + routine + suffix));
}

template <class T, class Function>
Function Routine(const char* real, const char* complex) {
  return Find<T, Function>("LAPACKE_", kIsComplex<T> ? complex : real, "_work");
}

// A scalar argument of CBLAS: by value for real numbers, by address for complex ones.
template <class T>
auto Argument(const T& value) {
  if constexpr (kIsComplex<T>) {
    return static_cast<const void*>(&value);
  } else {
    return value;
  }
}
template <class T>
using Scalar = std::conditional_t<kIsComplex<T>, const void*, T>;

int Length(double optimal) {
  return std::max(1, static_cast<int>(optimal));
}

double First(double x) {
  return x;
}
template <class R>
double First(std::complex<R> x) {
  return x.real();
}

// Calls `routine(work, lwork)` once for the best length and once to compute.
template <class T, class F>
int WithWork(F routine) {
  T best{};
  int info = routine(&best, -1);
  if (info != 0) return info;
  std::vector<T> work(Length(First(best)));
  return routine(work.data(), static_cast<int>(work.size()));
}

}  // namespace

bool HaveLapack() {
  return OpenBlasSymbol("LAPACKE_dpotrf_work") != nullptr;
}

template <class T>
int Lapack<T>::Potrf(char uplo, int n, T* a) {
  static const auto f = Routine<T, int (*)(int, char, int, T*, int)>("potrf", "potrf");
  return f(kColumnMajor, uplo, n, a, std::max(1, n));
}

template <class T>
int Lapack<T>::Getrf(int n, T* a, int* pivots) {
  static const auto f = Routine<T, int (*)(int, int, int, T*, int, int*)>("getrf", "getrf");
  return f(kColumnMajor, n, n, a, std::max(1, n), pivots);
}

template <class T>
int Lapack<T>::Getri(int n, T* a, const int* pivots) {
  static const auto f =
      Routine<T, int (*)(int, int, T*, int, const int*, T*, int)>("getri", "getri");
  return WithWork<T>([&](T* work, int length) {
    return f(kColumnMajor, n, a, std::max(1, n), pivots, work, length);
  });
}

template <class T>
int Lapack<T>::Gelqf(int m, int n, T* a, T* tau) {
  static const auto f = Routine<T, int (*)(int, int, int, T*, int, T*, T*, int)>("gelqf", "gelqf");
  return WithWork<T>([&](T* work, int length) {
    return f(kColumnMajor, m, n, a, std::max(1, m), tau, work, length);
  });
}

template <class T>
int Lapack<T>::Orglq(int m, int n, int k, T* a, const T* tau) {
  static const auto f =
      Routine<T, int (*)(int, int, int, int, T*, int, const T*, T*, int)>("orglq", "unglq");
  return WithWork<T>([&](T* work, int length) {
    return f(kColumnMajor, m, n, k, a, std::max(1, m), tau, work, length);
  });
}

template <class T>
int Lapack<T>::Gesdd(char job, int m, int n, T* a, R* s, T* u, T* vt, int p) {
  const int k = std::min(m, n), large = std::max(m, n);
  const int lda = std::max(1, m), ldvt = std::max(1, p);
  std::vector<int> integers(8 * static_cast<size_t>(k));
  if constexpr (kIsComplex<T>) {
    using F = int (*)(int, char, int, int, T*, int, R*, T*, int, T*, int, T*, int, R*, int*);
    static const auto f = Routine<T, F>("gesdd", "gesdd");
    const size_t kk = static_cast<size_t>(k);
    const size_t square = 5 * kk + 7, skew = 2 * static_cast<size_t>(large) + 2 * kk + 1;
    std::vector<R> reals(std::max<size_t>(1, kk * std::max(square, skew)));
    return WithWork<T>([&](T* work, int length) {
      return f(kColumnMajor, job, m, n, a, lda, s, u, lda, vt, ldvt, work, length, reals.data(),
               integers.data());
    });
  } else {
    using F = int (*)(int, char, int, int, T*, int, R*, T*, int, T*, int, T*, int, int*);
    static const auto f = Routine<T, F>("gesdd", "gesdd");
    static_cast<void>(large);
    return WithWork<T>([&](T* work, int length) {
      return f(kColumnMajor, job, m, n, a, lda, s, u, lda, vt, ldvt, work, length, integers.data());
    });
  }
}

template <class T>
int Lapack<T>::Syevd(char job, char uplo, int n, T* a, R* w) {
  const int lda = std::max(1, n);
  T best{};
  int best_integers = 0;
  if constexpr (kIsComplex<T>) {
    using F = int (*)(int, char, char, int, T*, int, R*, T*, int, R*, int, int*, int);
    static const auto f = Routine<T, F>("syevd", "heevd");
    R best_reals = 0;
    int info =
        f(kColumnMajor, job, uplo, n, a, lda, w, &best, -1, &best_reals, -1, &best_integers, -1);
    if (info != 0) return info;
    std::vector<T> work(Length(First(best)));
    std::vector<R> reals(Length(best_reals));
    std::vector<int> integers(Length(best_integers));
    return f(kColumnMajor, job, uplo, n, a, lda, w, work.data(), static_cast<int>(work.size()),
             reals.data(), static_cast<int>(reals.size()), integers.data(),
             static_cast<int>(integers.size()));
  } else {
    using F = int (*)(int, char, char, int, T*, int, R*, T*, int, int*, int);
    static const auto f = Routine<T, F>("syevd", "heevd");
    int info = f(kColumnMajor, job, uplo, n, a, lda, w, &best, -1, &best_integers, -1);
    if (info != 0) return info;
    std::vector<T> work(Length(First(best)));
    std::vector<int> integers(Length(best_integers));
    return f(kColumnMajor, job, uplo, n, a, lda, w, work.data(), static_cast<int>(work.size()),
             integers.data(), static_cast<int>(integers.size()));
  }
}

template <class T>
int Lapack<T>::Geev(int n, T* a, std::complex<R>* w, T* vl) {
  const int lda = std::max(1, n);
  const char left = vl == nullptr ? 'N' : 'V';
  if constexpr (kIsComplex<T>) {
    using F = int (*)(int, char, char, int, T*, int, T*, T*, int, T*, int, T*, int, R*);
    static const auto f = Routine<T, F>("geev", "geev");
    std::vector<R> reals(2 * static_cast<size_t>(n));
    return WithWork<T>([&](T* work, int length) {
      return f(kColumnMajor, left, 'N', n, a, lda, w, vl, lda, nullptr, lda, work, length,
               reals.data());
    });
  } else {
    using F = int (*)(int, char, char, int, T*, int, R*, R*, T*, int, T*, int, T*, int);
    static const auto f = Routine<T, F>("geev", "geev");
    std::vector<R> re(n), im(n);
    const int info = WithWork<T>([&](T* work, int length) {
      return f(kColumnMajor, left, 'N', n, a, lda, re.data(), im.data(), vl, lda, nullptr, lda,
               work, length);
    });
    for (int i = 0; i < n; ++i) w[i] = {re[i], im[i]};
    return info;
  }
}

template <class T>
int Lapack<T>::Gelsy(int m, int n, int k, T* a, T* b, int ldb, R rcond) {
  std::vector<int> permutation(n);
  int rank = 0;
  if constexpr (kIsComplex<T>) {
    using F = int (*)(int, int, int, int, T*, int, T*, int, int*, R, int*, T*, int, R*);
    static const auto f = Routine<T, F>("gelsy", "gelsy");
    std::vector<R> reals(2 * static_cast<size_t>(n));
    return WithWork<T>([&](T* work, int length) {
      return f(kColumnMajor, m, n, k, a, m, b, ldb, permutation.data(), rcond, &rank, work, length,
               reals.data());
    });
  } else {
    using F = int (*)(int, int, int, int, T*, int, T*, int, int*, R, int*, T*, int);
    static const auto f = Routine<T, F>("gelsy", "gelsy");
    return WithWork<T>([&](T* work, int length) {
      return f(kColumnMajor, m, n, k, a, m, b, ldb, permutation.data(), rcond, &rank, work, length);
    });
  }
}

template <class T>
int Lapack<T>::Gees(int n, T* a, T* w, T* z) {
  if constexpr (kIsComplex<T>) {
    using F = int (*)(int, char, char, void*, int, T*, int, int*, T*, T*, int, T*, int, R*, int*);
    static const auto f = Routine<T, F>("gees", "gees");
    std::vector<R> reals(n);
    int sorted = 0;
    return WithWork<T>([&](T* work, int length) {
      return f(kColumnMajor, 'V', 'N', nullptr, n, a, std::max(1, n), &sorted, w, z, std::max(1, n),
               work, length, reals.data(), nullptr);
    });
  } else {
    static_cast<void>(n), static_cast<void>(a), static_cast<void>(w), static_cast<void>(z);
    return -1;
  }
}

template <class T>
int Lapack<T>::SchurValues(int n, T* a, R* re, R* im) {
  if constexpr (kIsComplex<T>) {
    static_cast<void>(n), static_cast<void>(a), static_cast<void>(re), static_cast<void>(im);
    return -1;
  } else {
    using F = int (*)(int, char, char, void*, int, T*, int, int*, R*, R*, T*, int, T*, int, int*);
    static const auto f = Routine<T, F>("gees", "gees");
    int sorted = 0;
    return WithWork<T>([&](T* work, int length) {
      return f(kColumnMajor, 'N', 'N', nullptr, n, a, std::max(1, n), &sorted, re, im, nullptr,
               std::max(1, n), work, length, nullptr);
    });
  }
}

template <class T>
void Lapack<T>::Trsm(bool lower, bool adjoint, bool unit, int n, int k, const T* a, T* b) {
  using F = void (*)(int, int, int, int, int, int, int, Scalar<T>, const T*, int, T*, int);
  static const auto f = Find<T, F>("cblas_", "trsm", "");
  const T one(1);
  f(kRowMajor, kLeft, lower ? kLower : kUpper,
    !adjoint        ? kNoTranspose
    : kIsComplex<T> ? kConjugate
                    : kTranspose,
    unit ? kUnit : kNonUnit, n, k, Argument(one), a, std::max(1, n), b, std::max(1, k));
}

template <class T>
void Lapack<T>::Gemm(bool adjoint_a, bool adjoint_b, int m, int n, int k, const T* a, int lda,
                     const T* b, int ldb, T* c, int ldc) {
  using F = void (*)(int, int, int, int, int, int, Scalar<T>, const T*, int, const T*, int,
                     Scalar<T>, T*, int);
  static const auto f = Find<T, F>("cblas_", "gemm", "");
  const T one(1), zero(0);
  const int adjoint = kIsComplex<T> ? kConjugate : kTranspose;
  f(kRowMajor, adjoint_a ? adjoint : kNoTranspose, adjoint_b ? adjoint : kNoTranspose, m, n, k,
    Argument(one), a, lda, b, ldb, Argument(zero), c, ldc);
}

template struct Lapack<float>;
template struct Lapack<double>;
template struct Lapack<std::complex<float>>;
template struct Lapack<std::complex<double>>;

}  // namespace wengert::kernels
