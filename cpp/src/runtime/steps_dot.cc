// Sums of products along rows: a fused node that multiplies two operands and sums each row of the
// products. Several rows at once in registers, where blocks would be one row each; the bits are
// those of the blocks.
#include <algorithm>

#include "kernels/kernel_table.h"
#include "kernels/parallel.h"
#include "runtime/legalize.h"
#include "runtime/steps.h"

namespace wengert::runtime {
namespace {

constexpr int64_t kMinRows = 8;  // fewer long rows are divided among threads as blocks

// Rows of both operands; strides in elements.
struct Rows {
  int slot[2];  // number of the operand in the node
  int64_t columns = 1;
  int64_t offset[2];
  Dims lengths;  // of the axes that rows lie along
  Dims strides[2];
  int64_t count = 1;
};

// True where the node is such a sum.
bool FindRows(const compile::Fused& fused, Rows* rows) {
  if (fused.outputs.size() != 1 || fused.instrs.size() != 1) return false;
  const compile::FusedOutput& output = fused.outputs[0];
  const compile::FusedInstr& instr = fused.instrs[0];
  const bool square = instr.op == ScalarOp::kSquare;
  if (instr.is_cast || !(instr.op == ScalarOp::kMul || square)) return false;
  if (!output.reduce || output.op != ReduceOp::kSum || output.axes.empty() ||
      output.reg != static_cast<int>(fused.operands.size())) {
    return false;
  }
  for (int i = 0; i < 2; ++i) {
    rows->slot[i] = instr.args[square ? 0 : i];
    rows->offset[i] = fused.operands[static_cast<size_t>(rows->slot[i])].offset;
  }
  const auto stride = [&](int i, size_t axis) {
    return fused.operands[static_cast<size_t>(rows->slot[i])].strides[axis];
  };
  size_t reduced = output.axes.size();
  for (size_t axis = fused.space.size(); axis-- > 0;) {
    const int64_t length = fused.space[axis];
    const bool inner = reduced > 0 && output.axes[reduced - 1] == static_cast<int>(axis);
    if (inner) --reduced;
    if (length == 1) continue;
    if (inner) {
      if (!rows->lengths.empty()) return false;  // what is summed does not lie innermost
      if (stride(0, axis) != rows->columns || stride(1, axis) != rows->columns) return false;
      rows->columns *= length;
      continue;
    }
    rows->count *= length;
    bool merge = !rows->lengths.empty();
    for (int i = 0; merge && i < 2; ++i) {
      merge = stride(i, axis) == rows->strides[i].front() * rows->lengths.front();
    }
    if (merge) {
      rows->lengths.front() *= length;
      continue;
    }
    rows->lengths.insert(rows->lengths.begin(), length);
    for (int i = 0; i < 2; ++i) {
      rows->strides[i].insert(rows->strides[i].begin(), stride(i, axis));
    }
  }
  return true;
}

class DotStep : public Step {
 public:
  DotStep(StepContext& context, Rows rows)
      : rows_(std::move(rows)),
        out_(context.out_slot()),
        size_(static_cast<int64_t>(SizeOf(context.out_dtype()))),
        dot_(kernels::Kernels().dot_rows[KernelType(context.out_dtype())]) {
    for (size_t i = 0; i < 2; ++i) in_[i] = context.in_slot(static_cast<size_t>(rows_.slot[i]));
  }

  void Run(Frame& frame) const override {
    const double cost =
        static_cast<double>(rows_.count) * (10 + 0.02 * static_cast<double>(rows_.columns * size_));
    kernels::ParallelFor(rows_.count, std::max<int64_t>(1, rows_.count / 16), cost,
                         [&](int64_t begin, int64_t end) { RunRows(frame, begin, end); });
  }

  std::string Describe() const override {
    return "sums of products " + std::to_string(rows_.count) + "x" + std::to_string(rows_.columns);
  }

 private:
  void RunRows(const Frame& frame, int64_t begin, int64_t end) const {
    const int64_t last = rows_.lengths.back();
    const char* base[2];
    for (size_t i = 0; i < 2; ++i) {
      base[i] = frame.slots[static_cast<size_t>(in_[i])] + rows_.offset[i] * size_;
    }
    char* out = frame.slots[static_cast<size_t>(out_)];
    while (begin < end) {
      const int64_t count = std::min(last - begin % last, end - begin);
      int64_t offset[2] = {0, 0}, rest = begin;
      for (size_t k = rows_.lengths.size(); k-- > 0;) {
        for (size_t i = 0; i < 2; ++i) offset[i] += rest % rows_.lengths[k] * rows_.strides[i][k];
        rest /= rows_.lengths[k];
      }
      dot_(out + begin * size_, base[0] + offset[0] * size_, base[1] + offset[1] * size_, count,
           rows_.columns, rows_.strides[0].back(), rows_.strides[1].back());
      begin += count;
    }
  }

  Rows rows_;
  int in_[2], out_;
  int64_t size_;
  kernels::DotRowsFn dot_;
};

}  // namespace

std::unique_ptr<Step> MakeDot(StepContext& context) {
  Rows rows;
  const DType dtype = context.out_dtype();
  if (!FindRows(std::get<compile::Fused>(context.node().prim), &rows)) return nullptr;
  if (!(dtype == DType::kFloat32 || dtype == DType::kFloat64) || rows.count < kMinRows ||
      rows.columns < kernels::kDotBytes / static_cast<int64_t>(SizeOf(dtype))) {
    return nullptr;
  }
  return std::make_unique<DotStep>(context, std::move(rows));
}

}  // namespace wengert::runtime
