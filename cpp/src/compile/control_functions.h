// What can be told of functions before they are lowered.
#pragma once

#include "wengert/graph.h"

namespace wengert::compile {

// `t` behind the Identity operations that made it.
Tensor BehindIdentity(Tensor t);
// Whether a loop's body hands its variable `i` on as it is.
bool IsCapture(const Function& body, size_t i);
// Whether running it does anything besides giving results.
bool HasState(const Function& function);
// Whether it may change the variable behind the handle that is its input `i`.
bool MayAssign(const Function& function, size_t i);

}  // namespace wengert::compile
