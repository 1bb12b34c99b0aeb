// What connects the runtime to the lower layers.
#pragma once

#include "wengert/executable.h"

namespace wengert::runtime {

// Installs what graphs need of the runtime (constant evaluation). Idempotent.
void InstallRuntime();

}  // namespace wengert::runtime
