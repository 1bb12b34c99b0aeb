// Gradient rules of the gathering ops.
#pragma once

#include <vector>

#include "wengert/gradients.h"
#include "wengert/op_def.h"

namespace wengert::gather_gradient {

std::vector<Grad> Gather(GradientContext& g);
std::vector<Grad> GatherNd(GradientContext& g);
std::vector<Grad> ResourceGather(GradientContext& g);
std::vector<Grad> ResourceGatherNd(GradientContext& g);

}  // namespace wengert::gather_gradient
