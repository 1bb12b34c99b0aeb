// Sines and cosines of the same values share most of their work, and derivatives ask for both.
#include <algorithm>
#include <utility>

#include "runtime/fused_step.h"

namespace wengert::runtime {
namespace {

using compile::FusedInstr;

bool IsPair(const FusedInstr& x, const FusedInstr& y) {
  const bool both = (x.op == ScalarOp::kSin && y.op == ScalarOp::kCos) ||
                    (x.op == ScalarOp::kCos && y.op == ScalarOp::kSin);
  return both && !x.is_cast && !y.is_cast && x.args[0] == y.args[0];
}

}  // namespace

compile::Fused PairSinCos(compile::Fused fused) {
  const size_t first = fused.operands.size();
  auto& instrs = fused.instrs;
  for (size_t i = 0; i + 1 < instrs.size(); ++i) {
    const auto partner = std::find_if(instrs.begin() + static_cast<long>(i) + 1, instrs.end(),
                                      [&](const FusedInstr& y) { return IsPair(instrs[i], y); });
    if (partner == instrs.end()) continue;
    const size_t from = static_cast<size_t>(partner - instrs.begin());
    std::rotate(instrs.begin() + static_cast<long>(i) + 1, partner, partner + 1);
    auto renumber = [&](int& reg) {
      const int moved = static_cast<int>(first + from), place = static_cast<int>(first + i + 1);
      if (reg == moved) {
        reg = place;
      } else if (reg >= place && reg < moved) {
        ++reg;
      }
    };
    for (FusedInstr& instr : instrs) {
      for (int& arg : instr.args) renumber(arg);
    }
    for (compile::FusedOutput& output : fused.outputs) renumber(output.reg);
    ++i;
  }
  return fused;
}

// Joins the kernels that PairSinCos brought together. The one that ran second may have taken the
// memory of the argument, which the kernel of both allows.
void FusedStep::JoinPairs() {
  const kernels::KernelTable& table = kernels::Kernels();
  for (const kernels::KDType type : {kernels::kF32, kernels::kF64}) {
    const kernels::MapFn sin = table.map[kernels::kMapSin][type];
    const kernels::MapFn cos = table.map[kernels::kMapCos][type];
    for (size_t i = 0; i + 1 < instrs_.size(); ++i) {
      const Instr &x = instrs_[i], &y = instrs_[i + 1];
      const bool in_order = x.map == sin && y.map == cos;
      if (!(in_order || (x.map == cos && y.map == sin)) || x.a != y.a) continue;
      Instr both = {};
      both.pair = table.sin_cos[type];
      both.out = in_order ? x.out : y.out;
      both.b = in_order ? y.out : x.out;
      both.a = x.a;
      instrs_[i] = both;
      instrs_.erase(instrs_.begin() + static_cast<long>(i) + 1);
    }
  }
}

}  // namespace wengert::runtime
