// Which value each vector register of generated code holds: linear scan over a run, the value whose
// next use is furthest away makes room (Belady), as long as memory has it too.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "compile/program.h"

namespace wengert::runtime {

class FusedRegisters {
 public:
  static constexpr uint8_t kMost = 12;

  // Of instructions [begin, end) of `fused`, in vector registers below `count`; `in_memory`:
  // registers whose value is stored when it has been computed. Operands and what was computed
  // before the run are in memory anyway.
  FusedRegisters(const compile::Fused& fused, const std::vector<bool>& in_memory, size_t begin,
                 size_t end, uint8_t count)
      : fused_(fused),
        count_(count),
        in_memory_(in_memory),
        first_(fused.operands.size()),
        begin_(begin),
        end_(end) {
    holds_.fill(kNothing);
    used_at_.fill(0);
  }

  // The vector register that holds register `reg`, now used by instruction `at`.
  std::optional<uint8_t> Find(size_t reg, size_t at) {
    for (uint8_t y = 0; y < count_; ++y) {
      if (holds_[y] != reg) continue;
      used_at_[y] = at + 1;
      return y;
    }
    return std::nullopt;
  }

  // A vector register for `reg`, made free where necessary; none when all hold what instruction
  // `at` needs, or values that are nowhere else.
  std::optional<uint8_t> Take(size_t reg, size_t at) {
    size_t furthest = 0;
    std::optional<uint8_t> best;
    for (uint8_t y = 0; y < count_; ++y) {
      size_t next;
      if (holds_[y] == kNothing) {
        next = end_ + 1;
      } else if (used_at_[y] == at + 1 || !Reloadable(holds_[y])) {
        continue;
      } else {
        next = NextUse(holds_[y], at);
      }
      if (!best || next > furthest) {
        best = y;
        furthest = next;
      }
    }
    if (!best) return std::nullopt;
    holds_[*best] = reg;
    used_at_[*best] = at + 1;
    return best;
  }

  // Frees the arguments of instruction `at` that nothing uses later; its result may take their
  // place.
  void Release(size_t at) {
    for (uint8_t y = 0; y < count_; ++y) {
      if (holds_[y] != kNothing && NextUse(holds_[y], at + 1) == end_) holds_[y] = kNothing;
    }
  }

  // The result of instruction `at` is there. One that nothing uses goes at once.
  void Defined(size_t reg, size_t at) {
    for (uint8_t y = 0; y < count_; ++y) {
      if (holds_[y] != reg) continue;
      used_at_[y] = 0;
      if (NextUse(reg, at + 1) == end_) holds_[y] = kNothing;
    }
  }

 private:
  static constexpr size_t kNothing = ~size_t{0};

  bool Reloadable(size_t reg) const { return reg < first_ + begin_ || in_memory_[reg]; }

  // The first instruction from `from` on that reads `reg`; end_: none.
  size_t NextUse(size_t reg, size_t from) const {
    for (size_t i = from; i < end_; ++i) {
      for (int arg : fused_.instrs[i].args) {
        if (arg == static_cast<int>(reg)) return i;
      }
    }
    return end_;
  }

  const compile::Fused& fused_;
  const uint8_t count_;
  const std::vector<bool>& in_memory_;
  const size_t first_, begin_, end_;
  std::array<size_t, kMost> holds_;
  std::array<size_t, kMost> used_at_;  // instruction + 1 that uses it now
};

}  // namespace wengert::runtime
