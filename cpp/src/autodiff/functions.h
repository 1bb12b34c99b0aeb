// What the gradients of calls, branches and loops need to know of functions.
#pragma once

#include <string>
#include <vector>

#include "wengert/graph.h"

namespace wengert::autodiff {

// A new name that ends in `suffix` and a number: "while_body_7_grad_9".
std::string Suffixed(const std::string& name, const char* suffix);

// The call of a function is stateful when an operation of it is.
bool IsStateful(const Function& f);
// The operations that a call must perform whether or not an output needs them.
std::vector<Operation*> Effects(const Graph& graph);

std::vector<DType> OutputDTypes(const Function& f);
std::vector<Shape> OutputShapes(const Function& f);

}  // namespace wengert::autodiff
