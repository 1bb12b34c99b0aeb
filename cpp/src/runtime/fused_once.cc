// Fused steps of one block. There is nothing to divide or to advance, which for a few dozen
// elements is most of what running takes: the addresses are added up and the instructions run.
#include <algorithm>
#include <cstring>

#include "runtime/element_copy.h"
#include "runtime/fused_step.h"
#include "runtime/memory.h"

namespace wengert::runtime {

void FusedStep::FindOnce() {
  once_ = chunks_ == 1 && split_ != Split::kPartial && pieces_ == 1 && units_ > 0 &&
          rows_ <= block_rows_ && !coordinates_ && num_regs_ <= kMostOnceRegs &&
          std::all_of(reductions_.begin(), reductions_.end(), [](const Reduction& r) {
            return r.fold == Fold::kFull && r.tile == 0 && r.count == 1;
          });
  if (!once_) return;
  bool scratch = !temporaries_.empty();
  for (size_t i = 0; i < operands_.size(); ++i) {
    const Operand& operand = operands_[i];
    scratch = scratch || operand.read == Read::kScalar;
    if (operand.read == Read::kDense || operand.read == Read::kElement) {
      addresses_.push_back({static_cast<int>(i), operand.slot, operand.offset});
    } else if (operand.read != Read::kScalar) {
      once_ = false;
    }
  }
  for (const Store& store : direct_) addresses_.push_back({store.reg, store.slot, 0});
  once_scratch_ = scratch;
}

bool FusedStep::RunOnce(Frame& frame) const {
  char* regs[kMostOnceRegs];
  char* const* slots = frame.slots.data();
  for (const Address& a : addresses_) regs[a.reg] = slots[a.slot] + a.offset;
  const int64_t n = rows_ * columns_;
  if (once_scratch_) {
    char* scratch = ThreadScratch(scratch_bytes_);
    for (const Temporary& t : temporaries_) regs[t.reg] = scratch + t.buffer;
    for (size_t i = 0; i < operands_.size(); ++i) {
      const Operand& operand = operands_[i];
      if (operand.read != Read::kScalar) continue;
      regs[i] = scratch + operand.buffer;
      CopyRun(regs[i], slots[operand.slot] + operand.offset, 0, n, operand.size);
    }
  }
  bool ok = true;
  for (const Instr& instr : instrs_) ok &= instr.Run(regs, n);
  for (const Store& copy : copies_) {
    std::memcpy(slots[copy.slot], regs[copy.reg], static_cast<size_t>(n * copy.size));
  }
  for (const Reduction& r : reductions_) {
    std::memcpy(slots[r.slot], r.identity, static_cast<size_t>(r.size));
    r.reduce(slots[r.slot], regs[r.reg], n);
  }
  return ok;
}

}  // namespace wengert::runtime
