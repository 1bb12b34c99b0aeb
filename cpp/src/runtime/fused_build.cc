#include <algorithm>

#include "runtime/fused_step.h"
#include "runtime/kernel_facts.h"
#include "runtime/legalize.h"
#include "runtime/memory.h"

namespace wengert::runtime {
namespace {

using kernels::KDType;

const kernels::KernelTable& Table() {
  return kernels::Kernels();
}

Error NoKernel(const std::string& what, DType dtype) {
  return Error(ErrorKind::kUnimplemented, "no kernel for " + what + " of " + Name(dtype));
}

}  // namespace

FusedStep::FusedStep(StepContext& context) {
  std::vector<uint8_t>* code = CanGenerateCode() ? context.code() : nullptr;
  const auto& given = std::get<compile::Fused>(context.node().prim);
  const compile::Fused fused = PairSinCos(code == nullptr ? given : GroupForCode(given));
  num_regs_ = static_cast<int>(fused.operands.size() + fused.instrs.size());
  BuildSpace(fused, context);
  BuildInstrs(fused);
  BuildOutputs(fused, context);
  // How the work is split decides the order of sums: the same with generated code and without.
  cost_ns_ = CostPerElement(fused) * static_cast<double>(rows_) * static_cast<double>(columns_);
  ChooseSplit(context);
  hidden_.assign(static_cast<size_t>(num_regs_), false);
  if (code != nullptr) BuildCode(fused, *code);
  JoinPairs();
  PlaceRegisters(fused);
  FindOnce();
}

// Drops axes of length 1 and merges neighbours that every operand and reduction treats alike.
void FusedStep::BuildSpace(const compile::Fused& fused, StepContext& context) {
  const size_t n = fused.operands.size();
  strides_.resize(n);
  std::vector<std::vector<bool>> flags;
  for (const compile::FusedOutput& output : fused.outputs) {
    if (!output.reduce) continue;
    std::vector<bool> reduced(fused.space.size(), false);
    for (int axis : output.axes) reduced[static_cast<size_t>(axis)] = true;
    flags.push_back(std::move(reduced));
  }
  reduced_.resize(flags.size());
  std::vector<int64_t> dims;
  for (size_t axis = 0; axis < fused.space.size(); ++axis) {
    const int64_t length = fused.space[axis];
    if (length == 1) continue;
    bool merge = !dims.empty();
    for (size_t i = 0; merge && i < n; ++i) {
      merge = strides_[i].back() == fused.operands[i].strides[axis] * length;
    }
    for (size_t i = 0; merge && i < flags.size(); ++i) {
      merge = reduced_[i].back() == flags[i][axis];
    }
    if (merge) {
      dims.back() *= length;
    } else {
      dims.push_back(length);
      for (auto& s : strides_) s.push_back(0);
      for (auto& r : reduced_) r.push_back(false);
    }
    for (size_t i = 0; i < n; ++i) strides_[i].back() = fused.operands[i].strides[axis];
    for (size_t i = 0; i < flags.size(); ++i) reduced_[i].back() = flags[i][axis];
  }
  if (dims.empty()) {  // one element; nothing to reduce over it is the same as reducing it
    dims.push_back(1);
    for (auto& s : strides_) s.push_back(0);
    for (auto& r : reduced_) r.push_back(true);
  }
  if (dims.size() > kMaxOuter) {
    throw Error(ErrorKind::kUnimplemented, "element-wise computation over too many axes");
  }
  columns_ = dims.back();
  outer_dims_.assign(dims.begin(), dims.end() - 1);
  rows_ = 1;
  for (int64_t d : outer_dims_) rows_ *= d;
  if (columns_ > 0 && columns_ <= kBlock) {
    block_rows_ = std::clamp<int64_t>(kBlock / columns_, 1, std::max<int64_t>(rows_, 1));
    if (TakesRows()) block_rows_ = 1;
    units_ = rows_;
  } else {
    pieces_ = (columns_ + kBlock - 1) / kBlock;
    units_ = rows_ * pieces_;
  }

  for (size_t i = 0; i < n; ++i) {
    Operand operand;
    operand.slot = context.in_slot(i);
    operand.size = static_cast<int64_t>(SizeOf(context.in_dtype(i)));
    operand.offset = fused.operands[i].offset * operand.size;
    operand.inner = strides_[i].back() * operand.size;
    bool zero = true, dense = strides_[i].back() == 1 || columns_ == 1;
    int64_t expected = columns_;
    for (size_t k = outer_dims_.size(); k-- > 0;) {
      const int64_t stride = strides_[i][k];
      zero = zero && stride == 0;
      dense = dense && stride == expected;
      expected *= outer_dims_[k];
    }
    for (size_t k = 0; k < outer_dims_.size(); ++k) {
      operand.outer.push_back(strides_[i][k] * operand.size);
    }
    operand.per_row = block_rows_ == 1 && operand.inner == 0 && columns_ > 1;
    if (dense) {
      operand.read = Read::kDense;
    } else if (zero && operand.inner == 0) {
      operand.read = Read::kScalar;
    } else if (strides_[i].back() == 1 && block_rows_ == 1) {
      operand.read = Read::kRow;
    } else if (zero && pieces_ == 1) {
      operand.read = Read::kPeriodic;
    } else {
      operand.read = Read::kGather;
    }
    if (operand.read == Read::kRow || operand.read == Read::kGather) coordinates_ = true;
    operands_.push_back(std::move(operand));
  }
}

void FusedStep::BuildInstrs(const compile::Fused& fused) {
  const int first = static_cast<int>(fused.operands.size());
  for (const compile::FusedInstr& from : fused.instrs) {
    Instr instr;
    instr.out = first + static_cast<int>(instrs_.size());
    instr.a = from.args[0];
    instr.b = from.args[1] >= 0 ? from.args[1] : instr.a;
    instr.c = from.args[2] >= 0 ? from.args[2] : instr.a;
    const KDType type = KernelType(from.dtype);
    if (type == kernels::kNumKDTypes) throw NoKernel("element-wise computation", from.dtype);
    if (from.is_cast) {
      const KDType to = KernelType(from.result);
      instr.cast = to == kernels::kNumKDTypes ? nullptr : Table().cast[type][to];
      if (instr.cast == nullptr) {
        throw NoKernel(std::string("Cast to ") + Name(from.result), from.dtype);
      }
    } else {
      instr.map = Table().map[static_cast<size_t>(from.op)][type];
      if (instr.map == nullptr) throw NoKernel(OpName(from.op), from.dtype);
    }
    instrs_.push_back(instr);
  }
}

double FusedStep::CostPerElement(const compile::Fused& fused) const {
  double cost = 0.03 * static_cast<double>(fused.outputs.size());
  for (const Operand& operand : operands_) {
    if (operand.read == Read::kGather) cost += 0.5;
    if (operand.read == Read::kDense || operand.read == Read::kRow) {
      cost += 0.015 * static_cast<double>(operand.size);
    }
  }
  for (const compile::FusedInstr& instr : fused.instrs) {
    const double base = instr.is_cast ? 0.15 : OpCost(instr.op);
    const double wide = IsComplex(instr.dtype) ? 8 : SizeOf(instr.dtype) > 4 ? 2 : 1;
    cost += base * wide;
  }
  return cost + 0.08 * static_cast<double>(reductions_.size());
}

void FusedStep::BuildOutputs(const compile::Fused& fused, StepContext& context) {
  std::vector<bool> placed(static_cast<size_t>(num_regs_), false);
  size_t which = 0;  // among the reductions
  for (size_t i = 0; i < fused.outputs.size(); ++i) {
    const compile::FusedOutput& output = fused.outputs[i];
    const DType dtype = context.out_dtype(i);
    const int64_t size = static_cast<int64_t>(SizeOf(dtype));
    if (!output.reduce) {
      const bool computed = output.reg >= static_cast<int>(operands_.size());
      const bool direct = computed && !placed[static_cast<size_t>(output.reg)];
      if (direct) placed[static_cast<size_t>(output.reg)] = true;
      (direct ? direct_ : copies_)
          .push_back({output.reg, context.out_slot(i), size, static_cast<int>(i)});
      continue;
    }
    const std::vector<bool>& reduced = reduced_[which++];
    Reduction r;
    r.reg = output.reg;
    r.slot = context.out_slot(i);
    r.size = size;
    r.count = NumElements(context.out_dims(i));
    const KDType type = KernelType(dtype);
    if (type == kernels::kNumKDTypes) throw NoKernel("a reduction", dtype);
    r.reduce = Table().reduce[KindOf(output.op)][type];
    r.reduce_rows = Table().reduce_rows[KindOf(output.op)][type];
    r.combine = Table().map[CombineOf(output.op)][type];
    r.splat = Table().splat[size];
    if (r.reduce == nullptr || r.reduce_rows == nullptr || r.combine == nullptr) {
      throw NoKernel("a reduction", dtype);
    }
    WriteIdentity(output.op, dtype, r.identity);
    int64_t stride = size * (reduced.back() ? 1 : columns_);
    bool all = true, none = true;
    r.outer.assign(outer_dims_.size(), 0);
    for (size_t k = outer_dims_.size(); k-- > 0;) {
      (reduced[k] ? none : all) = false;
      if (reduced[k]) continue;
      r.outer[k] = stride;
      stride *= outer_dims_[k];
    }
    if (reduced.back()) {
      r.fold = all ? Fold::kFull : none ? Fold::kRows : Fold::kRowsAt;
    } else {
      r.fold = all ? Fold::kColumns : Fold::kColumnsAt;
    }
    if (r.fold == Fold::kRowsAt || r.fold == Fold::kColumnsAt) coordinates_ = true;
    reductions_.push_back(std::move(r));
  }
}

// Gives buffers in the scratch to what does not live in result memory. A buffer is taken
// over by the instruction that reads it last.
void FusedStep::PlaceRegisters(const compile::Fused& fused) {
  const size_t num_operands = operands_.size();
  const int64_t elements = std::min<int64_t>(kBlock, std::max<int64_t>(rows_ * columns_, 1));
  size_t top = ArenaLayout::Rounded(static_cast<size_t>(num_regs_) * sizeof(char*));
  auto take = [&](int64_t size) {
    const size_t at = top;
    top += ArenaLayout::Rounded(static_cast<size_t>(elements * size));
    return at;
  };
  for (Operand& operand : operands_) {
    if (operand.read != Read::kDense && operand.read != Read::kRow &&
        operand.read != Read::kElement) {
      operand.buffer = take(operand.size);
    }
  }
  const int last_instr = static_cast<int>(fused.instrs.size());
  std::vector<int> last_use(static_cast<size_t>(num_regs_), -1);
  std::vector<int64_t> sizes(static_cast<size_t>(num_regs_), 0);
  for (int i = 0; i < last_instr; ++i) {
    const compile::FusedInstr& instr = fused.instrs[static_cast<size_t>(i)];
    for (int arg : instr.args) {
      if (arg >= 0) last_use[static_cast<size_t>(arg)] = i;
    }
    sizes[num_operands + static_cast<size_t>(i)] = static_cast<int64_t>(SizeOf(instr.result));
  }
  for (const Store& copy : copies_) last_use[static_cast<size_t>(copy.reg)] = last_instr;
  for (const Reduction& r : reductions_) last_use[static_cast<size_t>(r.reg)] = last_instr;
  last_read_.assign(last_use.begin(), last_use.begin() + static_cast<long>(num_operands));

  std::vector<bool> in_result(static_cast<size_t>(num_regs_), false);
  for (const Store& store : direct_) in_result[static_cast<size_t>(store.reg)] = true;
  std::vector<std::pair<int64_t, size_t>> free;  // (element size, buffer)
  std::vector<size_t> buffer(static_cast<size_t>(num_regs_), 0);
  for (int i = 0; i < last_instr; ++i) {
    const size_t reg = num_operands + static_cast<size_t>(i);
    const int64_t size = sizes[reg];
    for (int pass = 0; pass < 2; ++pass) {
      // Buffers are kept apart by element size, so one that dies here may be taken at once.
      const auto& args = fused.instrs[static_cast<size_t>(i)].args;
      for (int k = 0; pass == 0 && k < 3; ++k) {
        const int arg = args[k];
        if (arg < static_cast<int>(num_operands) || last_use[static_cast<size_t>(arg)] != i) {
          continue;
        }
        if (in_result[static_cast<size_t>(arg)] || hidden_[static_cast<size_t>(arg)]) continue;
        last_use[static_cast<size_t>(arg)] = -1;
        free.emplace_back(sizes[static_cast<size_t>(arg)], buffer[static_cast<size_t>(arg)]);
      }
      if (pass == 0 || in_result[reg] || hidden_[reg]) continue;
      auto found = std::find_if(free.rbegin(), free.rend(),
                                [&](const auto& entry) { return entry.first == size; });
      if (found != free.rend()) {
        buffer[reg] = found->second;
        free.erase(std::next(found).base());
      } else {
        buffer[reg] = take(size);
      }
      temporaries_.push_back({static_cast<int>(reg), buffer[reg]});
      if (last_use[reg] < 0) free.emplace_back(size, buffer[reg]);
    }
  }
  for (Reduction& r : reductions_) {
    if (r.fold == Fold::kColumns && block_rows_ > 1) r.tile = take(r.size);
  }
  scratch_bytes_ = top;
}

void FusedStep::ChooseSplit(StepContext& context) {
  constexpr double kWorthwhile = 4000, kPerChunk = 10000;  // ns
  if (cost_ns_ < kWorthwhile || units_ < 2) return;
  chunks_ = std::clamp<int64_t>(static_cast<int64_t>(cost_ns_ / kPerChunk), 8, 64);
  chunks_ = std::min(chunks_, units_);
  if (reductions_.empty()) return;
  size_t kept = outer_dims_.size() + 1;  // leading axes that all reductions keep
  bool inner_kept = true;
  int64_t total = 0;
  for (size_t i = 0; i < reductions_.size(); ++i) {
    const auto first = std::find(reduced_[i].begin(), reduced_[i].end(), true);
    kept = std::min(kept, static_cast<size_t>(first - reduced_[i].begin()));
    inner_kept = inner_kept && !reduced_[i].back();
    total += reductions_[i].count;
  }
  kept = std::min(kept, outer_dims_.size());
  int64_t slabs = 1;
  for (size_t k = 0; k < kept; ++k) slabs *= outer_dims_[k];
  if (slabs >= 8) {
    split_ = Split::kAligned;
    align_ = units_ / slabs;
    chunks_ = std::min(chunks_, slabs);
    return;
  }
  if (inner_kept && pieces_ >= 8) {
    split_ = Split::kColumns;
    chunks_ = std::min(chunks_, pieces_);
    return;
  }
  const int64_t room = std::max<int64_t>(4096, rows_ * columns_ / 8);
  chunks_ = std::min(chunks_, room / std::max<int64_t>(total, 1));
  if (chunks_ < 2) {
    chunks_ = 1;
    return;
  }
  split_ = Split::kPartial;
  for (Reduction& r : reductions_) {
    r.workspace = context.Workspace(
        CheckedMul(static_cast<size_t>(chunks_), static_cast<size_t>(r.count * r.size)));
  }
}

bool FusedStep::MayOverwrite(int input, int output) const {
  const Operand& operand = operands_[static_cast<size_t>(input)];
  if (operand.read != Read::kDense || operand.offset != 0) return false;
  for (const Store& store : direct_) {
    if (store.output != output) continue;
    const int writer = store.reg - static_cast<int>(operands_.size());
    return store.size == operand.size && writer >= last_read_[static_cast<size_t>(input)];
  }
  return false;
}

std::string FusedStep::Describe() const {
  static constexpr const char* kReads[] = {"dense", "scalar",   "element",
                                           "row",   "periodic", "gather"};
  static constexpr const char* kFolds[] = {"full", "rows", "columns", "rows-at", "columns-at"};
  std::string text = "fused " + std::to_string(instrs_.size()) + " instrs over " +
                     std::to_string(rows_) + "x" + std::to_string(columns_);
  const auto runs = std::count_if(instrs_.begin(), instrs_.end(),
                                  [](const Instr& instr) { return instr.code_offset != kNoCode; });
  if (runs > 0) text += ", " + std::to_string(runs) + " of them generated code,";
  text += " read";
  for (const Operand& operand : operands_) {
    text += std::string(" ") + kReads[static_cast<size_t>(operand.read)];
  }
  for (const Reduction& r : reductions_) {
    text += std::string(" fold ") + kFolds[static_cast<size_t>(r.fold)];
  }
  return text + " chunks " + std::to_string(chunks_);
}

}  // namespace wengert::runtime
