#pragma once

#include <vector>

#include "compile/program.h"

namespace wengert::compile {

// Drops from a WhileLoop node what no value in `needed` (by id) and no effect needs.
void PruneLoop(Node& node, const std::vector<bool>& needed);

}  // namespace wengert::compile
