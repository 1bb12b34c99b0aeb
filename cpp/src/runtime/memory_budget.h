// The memory of a program's intermediate values: what it is, and making it fit a budget.
#pragma once

#include <memory>
#include <string>

#include "compile/program.h"
#include "runtime/plan.h"

namespace wengert::runtime {

struct FittedPlan {
  std::shared_ptr<const Plan> plan;
  size_t unlimited_bytes = 0;  // memory_bytes() without a budget
  size_t repeated = 0;         // steps
  std::string report;          // for explain
};

// A plan of the program whose memory_bytes() are at most `budget`; negative: no limit. Throws
// ResourceExhausted, saying how much is missing, where repeating steps cannot make it fit.
FittedPlan BuildWithin(const Program& program, PlanOptions options, int64_t budget);

}  // namespace wengert::runtime
