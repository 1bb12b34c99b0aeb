// BriefCall: a PreparedCall of a brief plan, with a frame of its own.
#pragma once

#include <memory>

#include "runtime/plan.h"
#include "wengert/executable.h"

namespace wengert::runtime {

class BriefCall final : public PreparedCall {
 public:
  // `plan` is brief: too small for several threads.
  explicit BriefCall(std::shared_ptr<const Plan> plan);
  bool Run(void* const* inputs, void* const* outputs) noexcept override;

 private:
  struct Binding {
    size_t slot;
    size_t argument;
  };
  const std::shared_ptr<const Plan> plan_;
  const std::unique_ptr<Frame> frame_;
  std::vector<Binding> inputs_, outputs_;
};

}  // namespace wengert::runtime
