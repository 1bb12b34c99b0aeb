// Explain: what the compiler made of a program, as text.
#pragma once

#include <string>
#include <vector>

#include "compile/program.h"
#include "runtime/plan.h"
#include "wengert/executable.h"

namespace wengert::runtime {

// The program as lowered, and after each pass that changes it.
std::string ExplainProgram(compile::Program program, const CompileOptions& options);

// The steps, with what each takes where that is known.
std::string ExplainPlan(const Plan& plan, const std::vector<double>& microseconds);

}  // namespace wengert::runtime
