// Gradient rules of the arithmetic of two arguments (binary_gradients.cc); registered with
// their ops in binary.cc.
#pragma once

#include <vector>

#include "wengert/gradients.h"
#include "wengert/op_def.h"

namespace wengert::binary_gradients {

std::vector<Grad> Add(GradientContext& g);
std::vector<Grad> Sub(GradientContext& g);
std::vector<Grad> Mul(GradientContext& g);
std::vector<Grad> MulNoNan(GradientContext& g);
std::vector<Grad> Div(GradientContext& g);
std::vector<Grad> RealDiv(GradientContext& g);
std::vector<Grad> DivNoNan(GradientContext& g);
std::vector<Grad> FloorMod(GradientContext& g);
std::vector<Grad> Pow(GradientContext& g);
std::vector<Grad> Maximum(GradientContext& g);
std::vector<Grad> Minimum(GradientContext& g);
std::vector<Grad> SquaredDifference(GradientContext& g);
std::vector<Grad> Xdivy(GradientContext& g);
std::vector<Grad> Xlogy(GradientContext& g);
std::vector<Grad> Xlog1py(GradientContext& g);
std::vector<Grad> Atan2(GradientContext& g);
std::vector<Grad> NextAfter(GradientContext& g);
// The incoming gradient for every input.
std::vector<Grad> CopyToAll(GradientContext& g);
// No gradient for either argument.
std::vector<Grad> NoneForBoth(GradientContext& g);

}  // namespace wengert::binary_gradients
