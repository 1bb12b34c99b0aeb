// Loops that count: `while (i < limit) { ...; i += step }`. How often they turn is known before the
// first turn, and the condition needs no program.
#pragma once

#include <cstdint>
#include <optional>

#include "compile/program.h"

namespace wengert::runtime {

struct TripCount {
  size_t var = 0;  // number of the variable that counts
  DType dtype = DType::kInt32;
  std::optional<size_t> capture;  // number of the loop's capture that is the limit
  int64_t limit = 0;              // otherwise
  int64_t step = 1;

  // The element at `data`, of the dtype.
  int64_t Load(const char* data) const;
  // Turns from `start` on; none where the variable would leave its dtype.
  std::optional<int64_t> Turns(int64_t start, int64_t limit) const;
};

// None when the loop is not known to be one of these.
std::optional<TripCount> FindTripCount(const compile::WhileLoop& loop);

}  // namespace wengert::runtime
