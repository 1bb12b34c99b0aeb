// Kernels that lowering rules ask for by name: linear algebra beyond products, and Fourier
// transforms. Each appends a KernelSpec whose code is in compile/.
#pragma once

#include <cstdint>
#include <vector>

#include "wengert/lowering.h"

namespace wengert {

// Decompositions and solvers of square and other matrices, over the last two axes; leading
// axes are a batch. Float and double and their complex types.
enum class MatrixOp : uint8_t {
  kCholesky,               // a -> l
  kInverse,                // a -> inverse
  kDeterminant,            // a -> number
  kLogDeterminant,         // a -> sign, logarithm of the absolute value
  kSolve,                  // a, b -> x
  kTriangularSolve,        // a, b -> x
  kBandedTriangularSolve,  // bands, b -> x
  kTridiagonalSolve,       // diagonals, b -> x
  kLeastSquares,           // a, b, weight of |x|^2 (a double) -> x
  kQr,                     // a -> q, r
  kSvd,                    // a -> s (real), u, v
  kEigenSymmetric,         // a -> e (real), v
  kEigen,                  // a -> e, v (complex)
  kLu,                     // a -> both factors, permutation (int32)
  kSquareRoot,             // a -> root
  kLogarithm,              // a -> logarithm (complex types only)
};
struct MatrixOptions {
  bool adjoint = false;  // of a
  bool lower = true;     // which triangle
  bool full = false;     // square factors
  bool vectors = true;   // or values alone
  bool fast = true;      // by the normal equations
  bool pivoting = true;  // exchange rows for stability
  bool perturb = false;  // small pivots in place of zeros
};
// Leading axes of the arguments must agree. A matrix that does not allow it raises InvalidArgument.
std::vector<Value> MatrixKernel(Lowering& b, MatrixOp op, const std::vector<Value>& args,
                                const MatrixOptions& options = {});

// Over the last `axes` axes of a complex array; the inverse divides by their size.
Value FftKernel(Lowering& b, Value x, int axes, bool inverse);
// Along the last axis, n real numbers to their first n / 2 + 1 terms and back.
Value RealFftKernel(Lowering& b, Value x);
Value InverseRealFftKernel(Lowering& b, Value x, int64_t n);

}  // namespace wengert
