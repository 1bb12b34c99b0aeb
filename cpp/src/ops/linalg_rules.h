// What the shape and lowering rules of linear algebra share.
#pragma once

#include <string>
#include <vector>

#include "wengert/lowering_kernels.h"
#include "wengert/op_def.h"

namespace wengert::linalg {

inline constexpr char kTypes[] = "T: {double, float, half, complex64, complex128}";
inline constexpr char kWideTypes[] = "T: {double, float, complex64, complex128}";

// --- shapes -----------------------------------------------------------------------------
// A static shape as a batch of matrices.
struct Matrices {
  bool has_rank = false;
  Dims batch;
  int64_t rows = kUnknownDim, cols = kUnknownDim;
};
Matrices ReadMatrices(ShapeContext& c, int input);
// As above, of square matrices: rows and cols are equal.
Matrices ReadSquare(ShapeContext& c, int input);
// The batch followed by `own`, or unknown.
Shape WithBatch(const Matrices& m, const Dims& own);

void SquareShape(ShapeContext& c);       // square matrices to the same
void DeterminantShape(ShapeContext& c);  // square matrices to a number each, for every output

// --- lowering ---------------------------------------------------------------------------
// The dims of input i, which must be matrices, square ones: in TensorFlow's words.
Dims MatrixDims(LoweringContext& c, int i);
Dims SquareDims(LoweringContext& c, int i);

// One MatrixOp on one input: float16 is computed in float32, and every output cast to the
// dtype of the input.
std::vector<Value> Decompose(LoweringContext& c, MatrixOp op, const MatrixOptions& options = {});
// Likewise on a matrix and a right-hand side.
void LowerSolve(LoweringContext& c, MatrixOp op, const MatrixOptions& options,
                std::vector<Value> args);

// The smallest integer operations on static lengths: unknown where one is.
int64_t MinDim(int64_t a, int64_t b);

// The families of this folder's linalg_*.cc.
void RegisterSolveOps(OpRegistry& r);
void RegisterBandedOps(OpRegistry& r);
void RegisterLeastSquaresOps(OpRegistry& r);
void RegisterQrOps(OpRegistry& r);
void RegisterSvdOps(OpRegistry& r);
void RegisterEigenOps(OpRegistry& r);
void RegisterMatrixFunctionOps(OpRegistry& r);

}  // namespace wengert::linalg
