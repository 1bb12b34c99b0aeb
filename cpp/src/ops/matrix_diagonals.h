// Diagonals of matrices as primitives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wengert/lowering.h"

namespace wengert::matrix {

// The diagonals lower .. upper of a matrix of rows x cols, packed as rows of one array: the
// uppermost first, each as long as the longest, padded on the side that `align` says.
struct Band {
  int64_t lower = 0, upper = 0;
  int64_t rows = 0, cols = 0;
  bool left_super = false, left_sub = true;  // where shorter ones begin

  int64_t count() const { return upper - lower + 1; }
  int64_t Length(int64_t d) const;  // of diagonal d
  int64_t MaxLength() const;        // of any of the band
  int64_t Offset(int64_t d) const;  // of the first element of diagonal d in its row
  // What is wrong with the diagonals for this matrix, if anything.
  std::optional<std::string> Check() const;
};

// Reads "RIGHT_LEFT" ...: how super- and subdiagonals are aligned.
void SetAlign(Band* band, const std::string& align);
// Reads `k`, one diagonal or the lowest and the highest. Returns what is wrong.
std::optional<std::string> SetDiagonals(Band* band, const std::vector<int64_t>& k);

// The only element of input i, which must be known.
int64_t ScalarInt(LoweringContext& c, int i);

// x [..., n] -> [..., n, n] with x on the diagonal and the scalar `fill` elsewhere.
Value EmbedDiagonal(Lowering& b, Value x, Value fill);
// Diagonal d of x [..., rows, cols].
Value TakeDiagonal(Lowering& b, Value x, int64_t d);

// Packed diagonals of x [..., rows, cols]; a single one has no axis of its own.
Value PackBand(Lowering& b, Value x, const Band& band, Value fill);
// The matrices with these packed diagonals, `fill` elsewhere.
Value UnpackBand(Lowering& b, Value packed, const Band& band, Value fill);
// x with the band replaced.
Value ReplaceBand(Lowering& b, Value x, Value packed, const Band& band);

// MatrixDiagV3, MatrixDiagPartV3, MatrixSetDiagV3 (matrix_diag_ops.cc).
void RegisterDiagonalOps(OpRegistry& r);

}  // namespace wengert::matrix
