#include "runtime/fused_codegen.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "kernels/kernel_table.h"
#include "runtime/fused_registers.h"
#include "runtime/x86_assembler.h"

namespace wengert::runtime {
namespace {

using compile::Fused;
using compile::FusedInstr;

// float32 or float64, of the elements that the instruction works on; kInvalid: no code for it.
// Conditions (kBool) exist only between a comparison and what selects by it.
DType CodeType(const FusedInstr& instr) {
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

bool HasCode(const FusedInstr& instr) {
  const DType dtype = CodeType(instr);
  return dtype == DType::kFloat32 || dtype == DType::kFloat64;
}

// The code of instructions [begin, end), all of one element type.
class RunEmitter {
 public:
  RunEmitter(const Fused& fused, const std::vector<bool>& single, const std::vector<bool>& outside,
             size_t begin, size_t end, std::vector<uint8_t>& code)
      : fused_(fused),
        single_(single),
        outside_(outside),
        first_(fused.operands.size()),
        begin_(begin),
        end_(end),
        wide_(CodeType(fused.instrs[begin]) == DType::kFloat64),
        assembler_(code, wide_) {}

  // Nothing where it worked, else the instruction for which no register was left.
  std::optional<size_t> Emit() {
    using Condition = X86Assembler::Condition;
    assembler_.Push(Gpr::kRbx);
    assembler_.Push(Gpr::kRbp);
    PreloadPointers();
    assembler_.ShiftLeft(kLast, wide_ ? 3 : 2);
    assembler_.Add(kLast, -kVectorBytes);  // where the last whole vector starts
    assembler_.Clear(kAt);
    assembler_.Compare32(kLast, 0);
    const X86Assembler::Label few = assembler_.JumpForward(Condition::kLess);
    const X86Assembler::Label loop = assembler_.Here();
    if (auto failed = EmitBody(false)) return failed;
    assembler_.Add(kAt, kVectorBytes);
    assembler_.Difference(kScratch, kAt, kLast);
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

  Gpr Pointer(size_t reg) {
    if (pointers_[reg] == kScratch) {
      assembler_.LoadPointer(kScratch, kRegs, static_cast<int32_t>(8 * reg));
    }
    return pointers_[reg];
  }

  std::optional<size_t> EmitBody(bool masked) {
    registers_.emplace(fused_, outside_, begin_, end_);
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
      x.BroadcastConstant(kTemp0, Bits(1));
      return x.Vector(Op::kAnd, out, a, kTemp0);
    }
    switch (instr.op) {
      case ScalarOp::kNeg:
        x.BroadcastConstant(kTemp0, SignBit());
        return x.Vector(Op::kXor, out, a, kTemp0);
      case ScalarOp::kAbs:
        x.BroadcastConstant(kTemp0, SignBit());
        return x.Vector(Op::kAndNot, out, kTemp0, a);
      case ScalarOp::kSquare:
        return x.Vector(Op::kMul, out, a, a);
      case ScalarOp::kSqrt:
        return x.Vector(Op::kSqrt, out, a, a);
      case ScalarOp::kRsqrt:
        x.BroadcastConstant(kTemp0, Bits(1));
        x.Vector(Op::kSqrt, kTemp1, a, a);
        return x.Vector(Op::kDiv, out, kTemp0, kTemp1);
      case ScalarOp::kReciprocal:
        x.BroadcastConstant(kTemp0, Bits(1));
        return x.Vector(Op::kDiv, out, kTemp0, a);
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
  const bool wide_;
  X86Assembler assembler_;
  std::vector<Gpr> pointers_;
  std::optional<FusedRegisters> registers_;
  bool masked_ = false;
};

// Shortens the run [begin, end) until its conditions are made and used inside.
size_t KeepConditionsInside(const Fused& fused, const std::vector<bool>& kept, size_t begin,
                            size_t end) {
  const size_t first = fused.operands.size();
  std::vector<size_t> last_use(fused.instrs.size(), 0);
  for (size_t i = begin; i < fused.instrs.size(); ++i) {
    for (int arg : fused.instrs[i].args) {
      if (arg >= static_cast<int>(first)) last_use[static_cast<size_t>(arg) - first] = i;
    }
  }
  size_t checked = end + 1;
  while (checked != end) {
    checked = end;  // what is cut off may use conditions of what stays
    for (size_t i = begin; i < end; ++i) {
      const FusedInstr& instr = fused.instrs[i];
      const bool leaves = kept[first + i] || last_use[i] >= end;
      const bool conditional = instr.is_cast || instr.op == ScalarOp::kSelect;
      if ((instr.result == DType::kBool && leaves) ||
          (conditional && instr.args[0] < static_cast<int>(first + begin))) {
        end = i;
      }
    }
  }
  return end;
}

// Where the run that starts at `begin` may end at most: instructions of one element type.
size_t LongestRun(const Fused& fused, const std::vector<bool>& kept, size_t begin) {
  constexpr size_t kMost = 256;
  const DType dtype = CodeType(fused.instrs[begin]);
  const size_t limit = std::min(fused.instrs.size(), begin + kMost);
  size_t end = begin;
  while (end < limit && HasCode(fused.instrs[end]) && CodeType(fused.instrs[end]) == dtype) ++end;
  return KeepConditionsInside(fused, kept, begin, end);
}

// Calls that it takes to run the instructions in their order, conditions aside.
size_t CountCalls(const std::vector<FusedInstr>& instrs) {
  size_t calls = 0;
  for (size_t i = 0; i < instrs.size(); ++i) {
    const bool joins = i > 0 && HasCode(instrs[i]) && HasCode(instrs[i - 1]) &&
                       CodeType(instrs[i]) == CodeType(instrs[i - 1]);
    if (!joins) ++calls;
  }
  return calls;
}

}  // namespace

bool AllHaveCode(const Fused& fused) {
  return std::all_of(fused.instrs.begin(), fused.instrs.end(), HasCode);
}

compile::Fused GroupForCode(Fused fused) {
  const size_t first = fused.operands.size(), n = fused.instrs.size();
  std::vector<int> place(first + n, -1);  // new register of an old one
  for (size_t r = 0; r < first; ++r) place[r] = static_cast<int>(r);
  std::vector<FusedInstr> ordered;
  std::vector<bool> done(n, false);
  auto ready = [&](const FusedInstr& instr) {
    return std::all_of(std::begin(instr.args), std::end(instr.args),
                       [&](int arg) { return arg < 0 || place[static_cast<size_t>(arg)] >= 0; });
  };
  auto sweep = [&](bool with_code) {
    const size_t before = ordered.size();
    for (size_t i = 0; i < n; ++i) {
      if (done[i] || HasCode(fused.instrs[i]) != with_code || !ready(fused.instrs[i])) continue;
      done[i] = true;
      FusedInstr instr = fused.instrs[i];
      for (int& arg : instr.args) {
        if (arg >= 0) arg = place[static_cast<size_t>(arg)];
      }
      place[first + i] = static_cast<int>(first + ordered.size());
      ordered.push_back(instr);
    }
    return ordered.size() != before;
  };
  while (ordered.size() < n) {
    sweep(true);
    sweep(false);
  }
  // Otherwise the given order is better: it lets results take the memory of operands.
  if (CountCalls(ordered) >= CountCalls(fused.instrs)) return fused;
  fused.instrs = std::move(ordered);
  for (compile::FusedOutput& output : fused.outputs) {
    output.reg = place[static_cast<size_t>(output.reg)];
  }
  return fused;
}

GeneratedCode GenerateCode(const Fused& fused, const std::vector<bool>& single,
                           const std::vector<bool>& kept, size_t fewest,
                           std::vector<uint8_t>& code) {
  const size_t first = fused.operands.size(), n = fused.instrs.size();
  GeneratedCode result;
  result.hidden.assign(first + n, false);
  size_t begin = 0;
  while (begin < n) {
    size_t end = HasCode(fused.instrs[begin]) ? LongestRun(fused, kept, begin) : begin;
    while (end >= begin + fewest) {
      std::vector<bool> outside = kept;
      for (size_t i = end; i < n; ++i) {
        for (int arg : fused.instrs[i].args) {
          if (arg >= 0) outside[static_cast<size_t>(arg)] = true;
        }
      }
      const size_t offset = code.size();
      const std::optional<size_t> failed =
          RunEmitter(fused, single, outside, begin, end, code).Emit();
      if (!failed) {
        result.runs.push_back({begin, end, offset});
        for (size_t i = begin; i < end; ++i) result.hidden[first + i] = !outside[first + i];
        break;
      }
      code.resize(offset);
      end = KeepConditionsInside(fused, kept, begin, *failed);
    }
    begin = std::max(end, begin + 1);
  }
  return result;
}

bool CanGenerateCode() {
#if defined(__x86_64__)
  return std::strncmp(kernels::Kernels().isa, "x86-64-v", 8) == 0;
#else
  return false;
#endif
}

}  // namespace wengert::runtime
