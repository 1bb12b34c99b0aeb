#include "runtime/fused_emit.h"

#include <cstring>
#include <map>

#include "runtime/fused_registers.h"
#include "runtime/x86_assembler.h"

namespace wengert::runtime {
namespace {

using compile::Fused;
using compile::FusedInstr;

class RunEmitter {
 public:
  RunEmitter(const Fused& fused, const std::vector<bool>& single, const std::vector<bool>& outside,
             size_t begin, size_t end, bool hoist, std::vector<uint8_t>& code)
      : fused_(fused),
        single_(single),
        outside_(outside),
        first_(fused.operands.size()),
        begin_(begin),
        end_(end),
        hoist_(hoist),
        wide_(CodeType(fused.instrs[begin]) == DType::kFloat64),
        assembler_(code, wide_) {}

  std::optional<size_t> Emit() {
    using Condition = X86Assembler::Condition;
    assembler_.Push(Gpr::kRbx);
    assembler_.Push(Gpr::kRbp);
    PreloadPointers();
    if (hoist_) Hoist();
    assembler_.ShiftLeft(kLast, wide_ ? 3 : 2);
    assembler_.Add(kLast, -kVectorBytes);  // where the last whole vector starts
    assembler_.Clear(kAt);
    assembler_.Compare32(kLast, 0);
    const X86Assembler::Label few = assembler_.JumpForward(Condition::kLess);
    const X86Assembler::Label loop = assembler_.Here();
    if (auto failed = EmitBody(false)) return failed;
    assembler_.Add(kAt, kVectorBytes);
    assembler_.CompareWith(kAt, kLast);
    assembler_.JumpBack(Condition::kLessEqual, loop);
    assembler_.Bind(few);
    // The rest of the elements: those whose mask is set.
    assembler_.Difference(kScratch, kAt, kLast);
    assembler_.Compare32(kScratch, kVectorBytes);
    const X86Assembler::Label none = assembler_.JumpForward(Condition::kGreaterEqual);
    assembler_.MaskTable(kLast);
    assembler_.Add(kLast, kScratch);
    assembler_.Subtract(kLast, kAt);
    assembler_.Load(kMask, kLast, kAt);
    if (auto failed = EmitBody(true)) return failed;
    assembler_.Bind(none);
    assembler_.Pop(Gpr::kRbp);
    assembler_.Pop(Gpr::kRbx);
    assembler_.Return();
    assembler_.Finish();
    return std::nullopt;
  }

 private:
  static constexpr int kVectorBytes = 32;
  static constexpr Gpr kRegs = Gpr::kRdi, kLast = Gpr::kRsi, kAt = Gpr::kRcx, kScratch = Gpr::kRax;
  // Vector registers that hold no values.
  static constexpr Ymm kTemp0 = 12, kTemp1 = 13, kTemp2 = 14, kMask = 15;

  // Whole vectors are addressed through general registers as far as those last.
  void PreloadPointers() {
    static constexpr Gpr kFree[] = {Gpr::kRdx, Gpr::kR8,  Gpr::kR9, Gpr::kR10,
                                    Gpr::kR11, Gpr::kRbx, Gpr::kRbp};
    pointers_.assign(first_ + fused_.instrs.size(), kScratch);
    size_t taken = 0;
    auto preload = [&](size_t reg) {
      if (taken == std::size(kFree) || pointers_[reg] != kScratch) return;
      pointers_[reg] = kFree[taken++];
      assembler_.LoadPointer(pointers_[reg], kRegs, static_cast<int32_t>(8 * reg));
    };
    for (size_t i = begin_; i < end_; ++i) {
      for (int arg : fused_.instrs[i].args) {
        if (arg < 0) continue;
        const auto reg = static_cast<size_t>(arg);
        if (reg < first_ + begin_ && !(reg < first_ && single_[reg])) preload(reg);
      }
      if (outside_[first_ + i]) preload(first_ + i);
    }
  }

  // What is the same in every turn of the loop takes registers from the top, half of them at most.
  void Hoist() {
    for (size_t i = begin_; i < end_; ++i) {
      const FusedInstr& instr = fused_.instrs[i];
      for (int arg : instr.args) {
        const auto reg = static_cast<size_t>(arg);
        if (arg < 0 || reg >= first_ || !single_[reg] || singles_.count(reg) > 0) continue;
        if (free_ == FusedRegisters::kMost / 2) return;
        assembler_.LoadPointer(kScratch, kRegs, static_cast<int32_t>(8 * reg));
        assembler_.Broadcast(--free_, kScratch);
        singles_[reg] = free_;
      }
      if (const std::optional<uint64_t> bits = ConstantOf(instr)) {
        if (constants_.count(*bits) > 0) continue;
        if (free_ == FusedRegisters::kMost / 2) return;
        assembler_.BroadcastConstant(--free_, *bits);
        constants_[*bits] = free_;
      }
    }
  }

  std::optional<uint64_t> ConstantOf(const FusedInstr& instr) const {
    if (instr.is_cast) return Bits(1);
    switch (instr.op) {
      case ScalarOp::kNeg:
      case ScalarOp::kAbs:
        return SignBit();
      case ScalarOp::kRsqrt:
      case ScalarOp::kReciprocal:
        return Bits(1);
      default:
        return std::nullopt;
    }
  }

  // The register that holds the constant: a temporary one where it was not hoisted.
  Ymm Constant(const FusedInstr& instr) {
    const uint64_t bits = ConstantOf(instr).value();
    if (const auto hoisted = constants_.find(bits); hoisted != constants_.end()) {
      return hoisted->second;
    }
    assembler_.BroadcastConstant(kTemp0, bits);
    return kTemp0;
  }

  Gpr Pointer(size_t reg) {
    if (pointers_[reg] == kScratch) {
      assembler_.LoadPointer(kScratch, kRegs, static_cast<int32_t>(8 * reg));
    }
    return pointers_[reg];
  }

  std::optional<size_t> EmitBody(bool masked) {
    registers_.emplace(fused_, outside_, begin_, end_, free_);
    masked_ = masked;
    for (size_t i = begin_; i < end_; ++i) {
      Ymm args[3] = {0, 0, 0};
      const FusedInstr& instr = fused_.instrs[i];
      for (int k = 0; k < 3 && instr.args[k] >= 0; ++k) {
        if (!Fetch(static_cast<size_t>(instr.args[k]), i, &args[k])) return i;
      }
      registers_->Release(i);
      const std::optional<Ymm> out = registers_->Take(first_ + i, i);
      if (!out) return i;
      Compute(instr, *out, args[0], args[1], args[2]);
      if (outside_[first_ + i]) StoreResult(first_ + i, *out);
      registers_->Defined(first_ + i, i);
    }
    return std::nullopt;
  }

  // Finds the register's value in a vector register, or reads it from memory.
  bool Fetch(size_t reg, size_t at, Ymm* to) {
    if (const auto hoisted = singles_.find(reg); hoisted != singles_.end()) {
      *to = hoisted->second;
      return true;
    }
    if (std::optional<Ymm> found = registers_->Find(reg, at)) {
      *to = *found;
      return true;
    }
    const std::optional<Ymm> taken = registers_->Take(reg, at);
    if (!taken) return false;
    *to = *taken;
    const Gpr base = Pointer(reg);
    if (reg < first_ && single_[reg]) {
      assembler_.Broadcast(*to, base);
    } else if (masked_) {
      assembler_.LoadMasked(*to, kMask, base, kAt);
    } else {
      assembler_.Load(*to, base, kAt);
    }
    return true;
  }

  void StoreResult(size_t reg, Ymm from) {
    const Gpr base = Pointer(reg);
    if (masked_) {
      assembler_.StoreMasked(base, kAt, kMask, from);
    } else {
      assembler_.Store(base, kAt, from);
    }
  }

  uint64_t Bits(double value) const {
    uint64_t bits = 0;
    if (wide_) {
      std::memcpy(&bits, &value, sizeof(value));
    } else {
      const auto narrow = static_cast<float>(value);
      std::memcpy(&bits, &narrow, sizeof(narrow));
    }
    return bits;
  }
  uint64_t SignBit() const { return wide_ ? uint64_t{1} << 63 : uint64_t{1} << 31; }

  // `out` may be one of the arguments: it is written last, and once.
  void Compute(const FusedInstr& instr, Ymm out, Ymm a, Ymm b, Ymm c) {
    using Op = X86Assembler::Op;
    using Rounding = X86Assembler::Rounding;
    using Compare = X86Assembler::Compare;
    X86Assembler& x = assembler_;
    if (instr.is_cast) {  // a condition: 1 where it holds
      return x.Vector(Op::kAnd, out, a, Constant(instr));
    }
    switch (instr.op) {
      case ScalarOp::kNeg:
        return x.Vector(Op::kXor, out, a, Constant(instr));
      case ScalarOp::kAbs:
        return x.Vector(Op::kAndNot, out, Constant(instr), a);
      case ScalarOp::kSquare:
        return x.Vector(Op::kMul, out, a, a);
      case ScalarOp::kSqrt:
        return x.Vector(Op::kSqrt, out, a, a);
      case ScalarOp::kRsqrt:
        x.Vector(Op::kSqrt, kTemp1, a, a);
        return x.Vector(Op::kDiv, out, Constant(instr), kTemp1);
      case ScalarOp::kReciprocal:
        return x.Vector(Op::kDiv, out, Constant(instr), a);
      case ScalarOp::kFloor:
        return x.Round(Rounding::kDown, out, a);
      case ScalarOp::kCeil:
        return x.Round(Rounding::kUp, out, a);
      case ScalarOp::kRint:
        return x.Round(Rounding::kNearest, out, a);
      case ScalarOp::kTrunc:
        return x.Round(Rounding::kTowardsZero, out, a);
      case ScalarOp::kAdd:
        return x.Vector(Op::kAdd, out, a, b);
      case ScalarOp::kSub:
        return x.Vector(Op::kSub, out, a, b);
      case ScalarOp::kMul:
        return x.Vector(Op::kMul, out, a, b);
      case ScalarOp::kDiv:
        return x.Vector(Op::kDiv, out, a, b);
      case ScalarOp::kFloorDiv:
        x.Vector(Op::kDiv, kTemp0, a, b);
        return x.Round(Rounding::kDown, out, kTemp0);
      case ScalarOp::kMaximum:
        return Extremum(out, a, b, Compare::kLess);
      case ScalarOp::kMinimum:
        return Extremum(out, a, b, Compare::kGreater);
      case ScalarOp::kEqual:
        return x.VectorCompare(Compare::kEqual, out, a, b);
      case ScalarOp::kNotEqual:
        return x.VectorCompare(Compare::kNotEqual, out, a, b);
      case ScalarOp::kLess:
        return x.VectorCompare(Compare::kLess, out, a, b);
      case ScalarOp::kLessEqual:
        return x.VectorCompare(Compare::kLessEqual, out, a, b);
      case ScalarOp::kGreater:
        return x.VectorCompare(Compare::kGreater, out, a, b);
      case ScalarOp::kGreaterEqual:
        return x.VectorCompare(Compare::kGreaterEqual, out, a, b);
      default:  // kSelect
        return x.Blend(out, c, b, a);
    }
  }

  // b where `a (compare) b` holds, else a; NaN where either is.
  void Extremum(Ymm out, Ymm a, Ymm b, X86Assembler::Compare compare) {
    assembler_.VectorCompare(compare, kTemp0, a, b);
    assembler_.Blend(kTemp0, a, b, kTemp0);
    assembler_.VectorCompare(X86Assembler::Compare::kUnordered, kTemp1, a, b);
    assembler_.Vector(X86Assembler::Op::kAdd, kTemp2, a, b);
    assembler_.Blend(out, kTemp0, kTemp2, kTemp1);
  }

  const Fused& fused_;
  const std::vector<bool>& single_;
  const std::vector<bool>& outside_;  // by register: its memory must be written
  const size_t first_, begin_, end_;
  const bool hoist_, wide_;
  X86Assembler assembler_;
  std::vector<Gpr> pointers_;
  std::optional<FusedRegisters> registers_;
  uint8_t free_ = FusedRegisters::kMost;  // registers from here on are hoisted ones
  std::map<size_t, Ymm> singles_;         // by register of the group
  std::map<uint64_t, Ymm> constants_;     // by their bits
  bool masked_ = false;
};

}  // namespace

DType CodeType(const compile::FusedInstr& instr) {
  if (instr.is_cast) return instr.dtype == DType::kBool ? instr.result : DType::kInvalid;
  switch (instr.op) {
    case ScalarOp::kNeg:
    case ScalarOp::kAbs:
    case ScalarOp::kSquare:
    case ScalarOp::kSqrt:
    case ScalarOp::kRsqrt:
    case ScalarOp::kReciprocal:
    case ScalarOp::kFloor:
    case ScalarOp::kCeil:
    case ScalarOp::kRint:
    case ScalarOp::kTrunc:
    case ScalarOp::kAdd:
    case ScalarOp::kSub:
    case ScalarOp::kMul:
    case ScalarOp::kDiv:
    case ScalarOp::kFloorDiv:
    case ScalarOp::kMaximum:
    case ScalarOp::kMinimum:
    case ScalarOp::kEqual:
    case ScalarOp::kNotEqual:
    case ScalarOp::kLess:
    case ScalarOp::kLessEqual:
    case ScalarOp::kGreater:
    case ScalarOp::kGreaterEqual:
    case ScalarOp::kSelect:
      return instr.dtype;
    default:
      return DType::kInvalid;
  }
}

std::optional<size_t> EmitRun(const Fused& fused, const std::vector<bool>& single,
                              const std::vector<bool>& outside, size_t begin, size_t end,
                              bool hoist, std::vector<uint8_t>& code) {
  return RunEmitter(fused, single, outside, begin, end, hoist, code).Emit();
}

}  // namespace wengert::runtime
