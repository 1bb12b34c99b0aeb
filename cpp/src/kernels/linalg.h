// Decompositions and solvers for batches of row-major matrices of float, double and their complex
// types. Small matrices are handled by plain loops, larger ones by LAPACK; matrices of a batch run
// in parallel. Where a matrix can be unfit, the function returns the index of the first one that
// is, or -1. A matrix that LAPACK is needed for but cannot count, or without LAPACK, is an Error.
#pragma once

#include <complex>
#include <cstdint>

#include "kernels/lapack.h"

namespace wengert::kernels {

// a = l l^H, from the lower triangle of `a`. NaN where `a` is not positive definite.
template <class T>
void Cholesky(int64_t batch, int64_t n, const T* a, T* l);

// Unfit: singular.
template <class T>
int64_t Inverse(int64_t batch, int64_t n, bool adjoint, const T* a, T* out);
template <class T>
void Determinant(int64_t batch, int64_t n, const T* a, T* out);
// Logarithm of the absolute value, and the sign: a number of absolute value 1, 0 if singular.
template <class T>
void LogDeterminant(int64_t batch, int64_t n, const T* a, T* sign, T* log);
// op(a) x = b, b and x n x k. Unfit: singular.
template <class T>
int64_t Solve(int64_t batch, int64_t n, int64_t k, bool adjoint, const T* a, const T* b, T* x);
template <class T>
void TriangularSolve(int64_t batch, int64_t n, int64_t k, bool lower, bool adjoint, const T* a,
                     const T* b, T* x);
// `bands` diagonals of length n, the main one first (lower) or last (upper). Unfit: singular.
template <class T>
int64_t BandedTriangularSolve(int64_t batch, int64_t bands, int64_t n, int64_t k, bool lower,
                              bool adjoint, const T* a, const T* b, T* x);
// Diagonals above, at and below the main one, each of length n. A singular matrix gives NaN, or
// with `perturb` has its zero pivots replaced by the smallest normal number.
template <class T>
void TridiagonalSolve(int64_t batch, int64_t n, int64_t k, bool pivoting, bool perturb,
                      const T* diagonals, const T* b, T* x);

// Least squares: minimises |a x - b|^2 + l2 |x|^2, or of the solutions of a x = b the smallest.
// `fast`: by the normal equations, unfit where they are singular; else by an orthogonal
// decomposition that ignores l2.
template <class T>
int64_t LeastSquares(int64_t batch, int64_t m, int64_t n, int64_t k, double l2, bool fast,
                     const T* a, const T* b, T* x);

// q m x p, r p x n: p is m with `full`, else min(m, n).
template <class T>
void Qr(int64_t batch, int64_t m, int64_t n, bool full, const T* a, T* q, T* r);
// u m x p and v n x p' may be null; p and p' are m and n with `full`, else min(m, n). NaN
// where `a` is not finite.
template <class T>
void Svd(int64_t batch, int64_t m, int64_t n, bool full, const T* a, Real<T>* s, T* u, T* v);
// From the lower triangle; v may be null. Unfit: NaN.
template <class T>
int64_t EigenSymmetric(int64_t batch, int64_t n, const T* a, Real<T>* w, T* v);
// v may be null. Unfit: not finite.
template <class T>
int64_t Eigen(int64_t batch, int64_t n, const T* a, std::complex<Real<T>>* w,
              std::complex<Real<T>>* v);
// a[p] = l u, packed into one matrix. Unfit: singular.
template <class T>
int64_t Lu(int64_t batch, int64_t n, const T* a, T* lu, int32_t* p);

// The principal square root, NaN where there is none of the dtype.
template <class T>
void SquareRoot(int64_t batch, int64_t n, const T* a, T* out);
// The principal logarithm, NaN where there is none. Complex types only.
template <class T>
void Logarithm(int64_t batch, int64_t n, const T* a, T* out);

}  // namespace wengert::kernels
