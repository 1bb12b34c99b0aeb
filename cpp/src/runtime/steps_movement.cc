#include <utility>
#include <vector>

#include "runtime/element_copy.h"
#include "runtime/steps.h"
#include "runtime/strided_copy.h"

namespace wengert::runtime {
namespace {

int64_t ElementSize(StepContext& context) {
  return static_cast<int64_t>(SizeOf(context.out_dtype()));
}

class CopyStep : public Step {
 public:
  CopyStep(int from, int to, StridedCopy copy) : from_(from), to_(to), copy_(std::move(copy)) {}
  void Run(Frame& frame) const override {
    copy_.Run(frame.slots[static_cast<size_t>(to_)], frame.slots[static_cast<size_t>(from_)]);
  }
  std::string Describe() const override { return copy_.Describe(); }

 private:
  int from_, to_;
  StridedCopy copy_;
};

std::unique_ptr<Step> MakeBroadcast(StepContext& context) {
  const Dims& from = context.in_dims();
  const Dims& to = context.out_dims();
  const Dims dense = DenseStrides(from);
  Dims strides(to.size(), 0);
  for (size_t k = 0; k < from.size(); ++k) {
    const size_t axis = from.size() - 1 - k;
    if (from[axis] != 1) strides[to.size() - 1 - k] = dense[axis];
  }
  return std::make_unique<CopyStep>(
      context.in_slot(), context.out_slot(),
      StridedCopy(to, ElementSize(context), 0, strides, 0, DenseStrides(to)));
}

std::unique_ptr<Step> MakeTranspose(StepContext& context, const compile::Transpose& transpose) {
  const Dims dense = DenseStrides(context.in_dims());
  Dims strides;
  for (int axis : transpose.perm) strides.push_back(dense[static_cast<size_t>(axis)]);
  const Dims& to = context.out_dims();
  return std::make_unique<CopyStep>(
      context.in_slot(), context.out_slot(),
      StridedCopy(to, ElementSize(context), 0, strides, 0, DenseStrides(to)));
}

std::unique_ptr<Step> MakeSlice(StepContext& context, const compile::Slice& slice) {
  Dims strides = DenseStrides(context.in_dims());
  int64_t offset = 0;
  for (size_t k = 0; k < strides.size(); ++k) {
    offset += slice.begin[k] * strides[k];
    strides[k] *= slice.strides[k];
  }
  const Dims& to = context.out_dims();
  return std::make_unique<CopyStep>(
      context.in_slot(), context.out_slot(),
      StridedCopy(to, ElementSize(context), offset, strides, 0, DenseStrides(to)));
}

// Copies the inside and fills the margins, axis by axis: those of an axis within the inside of the
// axes before it.
// Whether an array of `inside` is one block of memory in one of `whole` that holds it: all axes
// after the first longer than 1 are whole.
bool IsBlock(const Dims& inside, const Dims& whole) {
  size_t k = 0;
  while (k < inside.size() && inside[k] == 1) ++k;
  for (++k; k < inside.size(); ++k) {
    if (inside[k] != whole[k]) return false;
  }
  return true;
}

constexpr int64_t kMostRun = 4096;  // bytes; longer ones may be worth two threads

class PadStep : public Step {
 public:
  PadStep(StepContext& context, const compile::Pad& pad)
      : from_(context.in_slot(0)),
        fill_(context.in_slot(1)),
        to_(context.out_slot()),
        size_(ElementSize(context)) {
    const Dims& inside = context.in_dims();
    const Dims strides = DenseStrides(context.out_dims());
    const int64_t size = size_;
    int64_t offset = 0;  // of the inside of the axes so far
    Dims rows, row_strides;
    for (size_t k = 0; k < strides.size(); ++k) {
      AddMargin(rows, row_strides, pad.low[k] * strides[k], offset, size);
      offset += pad.low[k] * strides[k];
      AddMargin(rows, row_strides, pad.high[k] * strides[k], offset + inside[k] * strides[k], size);
      rows.push_back(inside[k]);
      row_strides.push_back(strides[k]);
    }
    copy_ = StridedCopy(inside, size, 0, DenseStrides(inside), offset, strides);
    if (IsBlock(inside, context.out_dims())) offset_ = offset * size;
  }
  void Run(Frame& frame) const override {
    char* to = frame.slots[static_cast<size_t>(to_)];
    const char* fill = frame.slots[static_cast<size_t>(fill_)];
    const char* from = frame.slots[static_cast<size_t>(from_)];
    for (const auto& [offset, count] : runs_) CopyRun(to + offset, fill, 0, count, size_);
    for (const StridedCopy& margin : margins_) margin.Run(to, fill);
    if (offset_ < 0 || from != to + offset_) copy_.Run(to, from);
  }
  int64_t OffsetInOutput(int input) const override { return input == 0 ? offset_ : -1; }
  std::string Describe() const override {
    return std::to_string(runs_.size() + margins_.size()) + " margins, " + copy_.Describe();
  }

 private:
  void AddMargin(Dims rows, Dims row_strides, int64_t count, int64_t offset, int64_t size) {
    if (count == 0) return;
    if (count * size <= kMostRun && NumElements(rows) == 1) {
      runs_.push_back({offset * size, count});
      return;
    }
    rows.push_back(count);
    row_strides.push_back(1);
    margins_.emplace_back(rows, size, 0, Dims(rows.size(), 0), offset, row_strides);
  }

  int from_, fill_, to_;
  int64_t size_;         // of an element, bytes
  int64_t offset_ = -1;  // bytes, where the inside is one block
  struct Margin {
    int64_t offset, count;  // bytes, elements
  };
  std::vector<Margin> runs_;  // margins that are one short run
  std::vector<StridedCopy> margins_;
  StridedCopy copy_;
};

class ConcatStep : public Step {
 public:
  ConcatStep(StepContext& context, const compile::Concat& concat) : to_(context.out_slot()) {
    const size_t axis = static_cast<size_t>(concat.axis);
    const Dims strides = DenseStrides(context.out_dims());
    int64_t offset = 0;
    for (size_t i = 0; i < context.num_inputs(); ++i) {
      const Dims& dims = context.in_dims(i);
      const int64_t size = ElementSize(context);
      const int64_t start = offset * strides[axis];
      parts_.push_back({context.in_slot(i), IsBlock(dims, context.out_dims()) ? start * size : -1,
                        StridedCopy(dims, size, 0, DenseStrides(dims), start, strides)});
      offset += dims[axis];
    }
  }
  void Run(Frame& frame) const override {
    char* to = frame.slots[static_cast<size_t>(to_)];
    for (const Part& part : parts_) {
      const char* from = frame.slots[static_cast<size_t>(part.slot)];
      if (part.offset < 0 || from != to + part.offset) part.copy.Run(to, from);
    }
  }
  int64_t OffsetInOutput(int input) const override {
    return parts_[static_cast<size_t>(input)].offset;
  }
  std::string Describe() const override { return std::to_string(parts_.size()) + " copies"; }

 private:
  struct Part {
    int slot;
    int64_t offset;  // bytes, where it is one block of the output; else -1
    StridedCopy copy;
  };
  int to_;
  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<Step> MakeCopy(int from, int to, size_t bytes) {
  const Dims dims{static_cast<int64_t>(bytes)};
  return std::make_unique<CopyStep>(from, to, StridedCopy(dims, 1, 0, {1}, 0, {1}));
}

std::unique_ptr<Step> MakeMovement(StepContext& context) {
  const compile::Primitive& prim = context.node().prim;
  if (const auto* transpose = std::get_if<compile::Transpose>(&prim)) {
    return MakeTranspose(context, *transpose);
  }
  if (const auto* slice = std::get_if<compile::Slice>(&prim)) return MakeSlice(context, *slice);
  if (const auto* pad = std::get_if<compile::Pad>(&prim)) {
    return std::make_unique<PadStep>(context, *pad);
  }
  if (const auto* concat = std::get_if<compile::Concat>(&prim)) {
    return std::make_unique<ConcatStep>(context, *concat);
  }
  return MakeBroadcast(context);
}

}  // namespace wengert::runtime
