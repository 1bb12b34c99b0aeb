#include "runtime/placement.h"

#include <algorithm>

namespace wengert::runtime {
namespace {

// Memory is kept alive for values made in it that fill one part in so many of it.
constexpr size_t kMostGrowth = 2;

bool InArena(const Slot& slot) {
  return slot.kind == SlotKind::kArena && !slot.object;
}

}  // namespace

std::vector<Place> FindPlaces(const std::vector<Slot>& slots,
                              const std::vector<std::unique_ptr<Step>>& steps,
                              const std::vector<StepUse>& uses, const std::vector<int>& last_read,
                              bool in_results) {
  std::vector<Place> places(slots.size());
  std::vector<int> written(slots.size(), 0);
  for (const StepUse& use : uses) {
    for (int write : use.writes) ++written[static_cast<size_t>(write)];
  }
  // Backwards, so that the output of a step has its place before the inputs.
  for (size_t step = steps.size(); step-- > 0;) {
    const StepUse& use = uses[step];
    if (use.writes.size() != 1) continue;
    const size_t out = static_cast<size_t>(use.writes[0]);
    const Slot& host = slots[out];
    if (!InArena(host) && !(in_results && host.kind == SlotKind::kOutput && !host.object)) continue;
    const size_t root = places[out].root < 0 ? out : static_cast<size_t>(places[out].root);
    std::vector<size_t> made_here;
    size_t bytes = 0;
    for (size_t k = 0; k < use.reads.size(); ++k) {
      const size_t in = static_cast<size_t>(use.reads[k]);
      if (steps[step]->OffsetInOutput(static_cast<int>(k)) < 0 || !InArena(slots[in]) ||
          written[in] != 1 || last_read[in] != static_cast<int>(step) || places[in].root >= 0 ||
          std::count(use.reads.begin(), use.reads.end(), use.reads[k]) != 1) {
        continue;
      }
      made_here.push_back(k);
      bytes += slots[in].bytes;
    }
    if (bytes < host.bytes / kMostGrowth) continue;
    for (size_t k : made_here) {
      const int64_t offset = steps[step]->OffsetInOutput(static_cast<int>(k));
      places[static_cast<size_t>(use.reads[k])] = {
          static_cast<int>(root), places[out].offset + static_cast<size_t>(offset)};
    }
  }
  return places;
}

}  // namespace wengert::runtime
