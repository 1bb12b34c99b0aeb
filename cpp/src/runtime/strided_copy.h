// StridedCopy: moves elements between two strided views of memory, in whatever order is
// fastest; broadcasts, slices, transposes, pads and concatenations are made of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wengert/shape.h"

namespace wengert::runtime {

class StridedCopy {
 public:
  StridedCopy() = default;
  // Over `dims`; strides and offsets in elements of `size` bytes.
  StridedCopy(const Dims& dims, int64_t size, int64_t from_offset, const Dims& from_strides,
              int64_t to_offset, const Dims& to_strides);
  void Run(char* to, const char* from) const;
  std::string Describe() const;

 private:
  enum class Kind : uint8_t { kNothing, kBlock, kRuns, kTiles };
  void RunUnits(char* to, const char* from, int64_t begin, int64_t end) const;
  void RunTile(char* to, const char* from, int64_t rows) const;

  Kind kind_ = Kind::kNothing;
  int64_t size_ = 1;
  int64_t from_offset_ = 0, to_offset_ = 0;  // bytes, as everything below
  std::vector<int64_t> dims_, from_, to_;    // outer axes
  int64_t units_ = 0;                        // product of dims_, times the tiles of a plane
  // kBlock: one run of `columns_` elements, dense on both sides. kRuns: copies `columns_` elements.
  // kTiles: a plane of rows_ x columns_, dense in the destination along columns and in the source
  // along rows.
  int64_t rows_ = 1, columns_ = 1;
  int64_t from_row_ = 0, to_row_ = 0, from_column_ = 0, to_column_ = 0;
  int64_t tiles_ = 1;
  double cost_ns_ = 0;
};

// Strides of a dense row-major array, in elements.
Dims DenseStrides(const Dims& dims);

}  // namespace wengert::runtime
