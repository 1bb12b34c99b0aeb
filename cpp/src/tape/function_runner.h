// Functions called in eager mode, with their executables.
#pragma once

#include <memory>
#include <vector>

#include "wengert/gradients.h"

namespace wengert::tape {

std::vector<Array> RunFunction(const std::shared_ptr<const Function>& function,
                               const std::vector<Array>& inputs);

// The version of `function` that also returns what its first `orders` derivatives need; itself
// where it has no gradient (asking for that is the error, not the call).
std::shared_ptr<const Function> GrownFunction(const std::shared_ptr<const Function>& function,
                                              int orders);

}  // namespace wengert::tape
