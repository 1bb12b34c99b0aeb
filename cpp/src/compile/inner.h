// Programs inside the nodes of a program: branches, and what loops run.
#pragma once

#include <functional>

#include "compile/program.h"

namespace wengert::compile {

// Replaces every program inside `node` by what `change` makes of it.
void ChangeInner(Node& node, const std::function<Program(Program)>& change);
void ForEachInner(const Node& node, const std::function<void(const Program&)>& visit);
bool HasInner(const Program& program);

// Moves what is the same in every iteration of a loop in front of it; constants around loops
// and branches become constants inside; variables that a body never changes become captures.
Program Hoist(Program program);

}  // namespace wengert::compile
