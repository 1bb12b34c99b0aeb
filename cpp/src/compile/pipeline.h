// The passes in their order.
#pragma once

#include <functional>

#include "compile/program.h"
#include "wengert/executable.h"

namespace wengert::compile {

// Runs the passes that `options` allow; `observe` sees the name of each and its result.
Program RunPasses(Program program, const CompileOptions& options,
                  const std::function<void(const char* pass, const Program&)>& observe = {});

}  // namespace wengert::compile
