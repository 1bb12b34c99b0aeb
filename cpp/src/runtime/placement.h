// Placement: values that a step would only copy into its output are made there in the first place.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runtime/plan.h"

namespace wengert::runtime {

// The slots a step touches.
struct StepUse {
  std::vector<int> reads, writes, workspaces;
};

// Where in the memory of slot `root` a slot stands; -1: it has memory of its own.
struct Place {
  int root = -1;
  size_t offset = 0;
};

// A place for every slot. `last_read`: the last step that reads each slot. Only arena slots get
// one, in arena slots or, where `in_results`, in results too.
std::vector<Place> FindPlaces(const std::vector<Slot>& slots,
                              const std::vector<std::unique_ptr<Step>>& steps,
                              const std::vector<StepUse>& uses, const std::vector<int>& last_read,
                              bool in_results);

}  // namespace wengert::runtime
