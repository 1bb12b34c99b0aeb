// Gradient rules of the reductions.
#pragma once

#include <vector>

#include "wengert/gradients.h"
#include "wengert/op_def.h"

namespace wengert::reduction_gradients {

std::vector<Grad> Sum(GradientContext& g);
std::vector<Grad> Mean(GradientContext& g);
std::vector<Grad> Prod(GradientContext& g);
std::vector<Grad> MinOrMax(GradientContext& g);
std::vector<Grad> EuclideanNorm(GradientContext& g);

}  // namespace wengert::reduction_gradients
