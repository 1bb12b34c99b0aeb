// Texts of tensors and values in error messages.
#pragma once

#include <string>

#include "wengert/graph.h"

namespace wengert {

// Tensor("x:0", shape=(2,), dtype=float32)
std::string TensorText(const Tensor& t);
// "<1 2 3>", "<[1 2][3 4]>", "<4>"; at most 256 elements.
std::string ValueText(const Array& value);

}  // namespace wengert
