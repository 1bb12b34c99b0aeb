// The gradient rule of Einsum (einsum_gradient.cc).
#pragma once

#include <vector>

#include "wengert/gradients.h"
#include "wengert/op_def.h"

namespace wengert::einsum {

std::vector<Grad> Gradient(GradientContext& g);

}  // namespace wengert::einsum
