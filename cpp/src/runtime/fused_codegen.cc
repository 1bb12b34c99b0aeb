#include "runtime/fused_codegen.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "kernels/kernel_table.h"
#include "runtime/fused_emit.h"

namespace wengert::runtime {
namespace {

using compile::Fused;
using compile::FusedInstr;

bool HasCode(const FusedInstr& instr) {
  const DType dtype = CodeType(instr);
  return dtype == DType::kFloat32 || dtype == DType::kFloat64;
}

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
      std::optional<size_t> failed = EmitRun(fused, single, outside, begin, end, true, code);
      if (failed) {
        code.resize(offset);
        failed = EmitRun(fused, single, outside, begin, end, false, code);
      }
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
