// What generated code changes in a FusedStep.
#include <algorithm>

#include "runtime/fused_step.h"

namespace wengert::runtime {

// Whether a block is one row: then operands that are the same along an axis need no copies. The
// answer must not depend on the machine, since sums follow the blocks.
bool FusedStep::TakesRows() const {
  constexpr int64_t kLongRow = 256;  // copies of shorter ones cost less than blocks
  if (columns_ < kLongRow) return false;
  for (const std::vector<int64_t>& strides : strides_) {
    bool zero = true, dense = strides.back() == 1;
    int64_t expected = columns_;
    for (size_t k = outer_dims_.size(); k-- > 0;) {
      zero = zero && strides[k] == 0;
      dense = dense && strides[k] == expected;
      expected *= outer_dims_[k];
    }
    if (!dense && !zero) return true;
  }
  return false;
}

// Puts one call in the place of each run of instructions that has code.
void FusedStep::BuildCode(const compile::Fused& fused, std::vector<uint8_t>& code) {
  constexpr double kShare = 0.3;  // what such an instruction costs of a kernel's time
  std::vector<bool> single(static_cast<size_t>(num_regs_), false);
  for (size_t i = 0; i < operands_.size(); ++i) {
    const Operand& operand = operands_[i];
    single[i] = operand.read == Read::kScalar || (operand.read == Read::kGather && operand.per_row);
  }
  std::vector<bool> kept(static_cast<size_t>(num_regs_), false);
  for (const compile::FusedOutput& output : fused.outputs) {
    kept[static_cast<size_t>(output.reg)] = true;
  }
  // A kernel does one instruction as well, unless operands must be spread over rows for it.
  const bool spread = std::any_of(operands_.begin(), operands_.end(), [](const Operand& operand) {
    return operand.read == Read::kGather && operand.per_row;
  });
  GeneratedCode generated = GenerateCode(fused, single, kept, spread ? 1 : 2, code);
  if (generated.runs.empty()) return;
  std::vector<Instr> instrs;
  std::vector<bool> read_by_kernel = kept;
  size_t next = 0, covered = 0;
  auto keep_until = [&](size_t end) {
    for (; next < end; ++next) {
      for (int arg : fused.instrs[next].args) {
        if (arg >= 0) read_by_kernel[static_cast<size_t>(arg)] = true;
      }
      instrs.push_back(instrs_[next]);
    }
  };
  for (const GeneratedCode::Run& run : generated.runs) {
    keep_until(run.begin);
    Instr instr = {};
    instr.code_offset = run.offset;
    instrs.push_back(instr);
    covered += run.end - run.begin;
    next = run.end;
  }
  keep_until(fused.instrs.size());
  cost_ns_ *=
      1 - (1 - kShare) * static_cast<double>(covered) / static_cast<double>(fused.instrs.size());
  instrs_ = std::move(instrs);
  hidden_ = std::move(generated.hidden);
  for (size_t i = 0; i < operands_.size(); ++i) {
    if (!single[i] || read_by_kernel[i]) continue;
    operands_[i].read = operands_[i].read == Read::kScalar ? Read::kElement : Read::kRow;
  }
}

void FusedStep::SetCode(const uint8_t* code) {
  for (Instr& instr : instrs_) {
    if (instr.code_offset == kNoCode) continue;
    instr.code = reinterpret_cast<BlockCode>(reinterpret_cast<uintptr_t>(code) + instr.code_offset);
  }
}

}  // namespace wengert::runtime
