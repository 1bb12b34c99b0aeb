// Running a Plan: frames and the steps in their order.
#include <algorithm>
#include <chrono>

#include "runtime/memory.h"
#include "runtime/plan.h"

namespace wengert::runtime {

std::unique_ptr<Frame> Plan::NewFrame() const {
  auto frame = std::make_unique<Frame>();
  frame->arena = AllocateBuffer(std::max<size_t>(arena_bytes_, 64));
  frame->slots.resize(slots_.size(), nullptr);
  if (has_objects_) frame->objects.resize(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.kind == SlotKind::kConstant) {
      const Array& value = constants_[static_cast<size_t>(slot.index)];
      if (slot.object) {
        frame->objects[i] = value;
      } else {
        frame->slots[i] = value.data<char>();
      }
    } else if (slot.kind == SlotKind::kArena && !slot.object) {
      frame->slots[i] = static_cast<char*>(frame->arena->data()) + slot.offset;
    }
  }
  for (const auto& plan : inner_) frame->inner.push_back(plan->NewFrame());
  return frame;
}

void Plan::RunUpdates(Frame& frame) const {
  for (const auto& step : update_steps_) step->Run(frame);
}

void Plan::TimeSteps(Frame& frame, std::vector<double>* microseconds) const {
  using Clock = std::chrono::steady_clock;
  BindShared(frame);
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Clock::time_point start = Clock::now();
    steps_[i]->Run(frame);
    const std::chrono::duration<double, std::micro> took = Clock::now() - start;
    (*microseconds)[i] = std::min((*microseconds)[i], took.count());
  }
}

void Plan::RunSteps(Frame& frame, int* failed_node) const {
  BindShared(frame);
  size_t i = 0;
  try {
    for (const size_t n = steps_.size(); i < n; ++i) steps_[i]->Run(frame);
  } catch (...) {
    *failed_node = step_nodes_[i];
    throw;
  }
}

}  // namespace wengert::runtime
