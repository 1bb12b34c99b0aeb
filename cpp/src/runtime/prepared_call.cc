#include "runtime/prepared_call.h"

namespace wengert::runtime {

BriefCall::BriefCall(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)), frame_(plan_->NewFrame()) {
  const std::vector<int>& slots = plan_->input_slots();
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] >= 0) inputs_.push_back({static_cast<size_t>(slots[i]), i});
  }
  for (size_t i = 0; i < plan_->results().size(); ++i) {
    outputs_.push_back({static_cast<size_t>(plan_->results()[i].slot), i});
  }
}

bool BriefCall::Run(void* const* inputs, void* const* outputs) noexcept {
  char** const slots = frame_->slots.data();
  for (const Binding& b : inputs_) slots[b.slot] = static_cast<char*>(inputs[b.argument]);
  for (const Binding& b : outputs_) slots[b.slot] = static_cast<char*>(outputs[b.argument]);
  try {
    int failed = -1;
    plan_->RunSteps(*frame_, &failed);
    return true;
  } catch (...) {
    return false;  // the caller repeats the call the long way, which says what is wrong
  }
}

}  // namespace wengert::runtime
