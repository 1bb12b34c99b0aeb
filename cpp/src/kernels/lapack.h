// The routines of LAPACK and BLAS that linear algebra needs, for the four element types, from
// the OpenBLAS that blas.cc loads. Matrices are column-major here, as in LAPACK.
#pragma once

#include <complex>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace wengert::kernels {

template <class T>
struct RealOf {
  using type = T;
};
template <class T>
struct RealOf<std::complex<T>> {
  using type = T;
};
template <class T>
using Real = typename RealOf<T>::type;
template <class T>
inline constexpr bool kIsComplex = !std::is_same_v<T, Real<T>>;

// Whether OpenBLAS was found; loads it.
bool HaveLapack();
// Sizes beyond this overflow LAPACK's 32-bit integers.
inline constexpr int64_t kMaxLapackSize = 46340;

// Each function is that routine of LAPACK with a workspace of its own, and returns its `info`.
template <class T>
struct Lapack {
  using R = Real<T>;
  static int Potrf(char uplo, int n, T* a);
  static int Getrf(int n, T* a, int* pivots);
  static int Getri(int n, T* a, const int* pivots);
  static int Gelqf(int m, int n, T* a, T* tau);                              // lda = m
  static int Orglq(int m, int n, int k, T* a, const T* tau);                 // lda = m
  static int Gesdd(char job, int m, int n, T* a, R* s, T* u, T* vt, int p);  // ldvt = p
  static int Syevd(char job, char uplo, int n, T* a, R* w);
  // Left eigenvectors, or none when `vl` is null; real matrices give pairs of real columns.
  static int Geev(int n, T* a, std::complex<R>* w, T* vl);
  static int Gelsy(int m, int n, int k, T* a, T* b, int ldb, R rcond);
  // Schur form of a complex matrix: a becomes triangular, z unitary. Complex types only.
  static int Gees(int n, T* a, T* w, T* z);
  // Eigenvalues only, through the Schur form. Real types only.
  static int SchurValues(int n, T* a, R* re, R* im);

  // Row-major, in place of b (n x k): op(A)^-1 B.
  static void Trsm(bool lower, bool adjoint, bool unit, int n, int k, const T* a, T* b);
  // Row-major c (m x n) = op(a) op(b), with the given distances between rows; adjoint operands
  // are conjugated.
  static void Gemm(bool adjoint_a, bool adjoint_b, int m, int n, int k, const T* a, int lda,
                   const T* b, int ldb, T* c, int ldc);
};

}  // namespace wengert::kernels
