// Explain: what the compiler made of a program, as text.
#pragma once

#include <string>

#include "compile/program.h"
#include "wengert/executable.h"

namespace wengert::runtime {

// The program as lowered, after each pass that changes it, and the plan. `more`: its last
// values decide the sizes of a rest that is compiled while running.
std::string ExplainProgram(compile::Program program, const CompileOptions& options, bool more);

}  // namespace wengert::runtime
