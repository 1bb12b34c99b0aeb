#pragma once

#include "wengert/op_def.h"

namespace wengert::autodiff {

// The gradient rule of an operation; null when nothing flows through it by design. Throws
// LookupError when it has none.
const GradientFn* FindRule(const Operation& op);

}  // namespace wengert::autodiff
