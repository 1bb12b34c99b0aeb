// Matrix products of few rows with a transposed right side: to turn that around takes a good part
// of their time, which is spent once where the side is the same in many of them.
#pragma once

#include <vector>

#include "compile/program.h"

namespace wengert::compile {

// Whether the node is such a product.
bool TurnsAround(const Program& program, const Node& node);

// Appends to `nodes` the transpose of `v`, a matrix of `program`.
Value AppendTurned(Program* program, Value v, const Origin& origin, std::vector<Node>* nodes);

// Makes a product read its right side from `turned`.
void ReadTurned(Value turned, Node* product);

// Right sides that several such products share are turned around once.
Program TurnShared(Program program);

}  // namespace wengert::compile
