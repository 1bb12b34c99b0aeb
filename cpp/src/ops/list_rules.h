// Gradients of the ops of lists.
#pragma once

#include "ops/shape_util.h"
#include "wengert/builder.h"
#include "wengert/op_def.h"

namespace wengert::list_rules {

std::vector<Grad> FromTensorGradient(GradientContext& g);
std::vector<Grad> StackGradient(GradientContext& g);
std::vector<Grad> SplitGradient(GradientContext& g);
std::vector<Grad> ConcatGradient(GradientContext& g);
std::vector<Grad> ScatterGradient(GradientContext& g);
std::vector<Grad> ScatterIntoGradient(GradientContext& g);
std::vector<Grad> GatherGradient(GradientContext& g);
std::vector<Grad> PushBackGradient(GradientContext& g);
std::vector<Grad> PopBackGradient(GradientContext& g);
std::vector<Grad> GetItemGradient(GradientContext& g);
std::vector<Grad> SetItemGradient(GradientContext& g);
std::vector<Grad> ResizeGradient(GradientContext& g);
std::vector<Grad> OptionalFromValueGradient(GradientContext& g);
std::vector<Grad> OptionalGetValueGradient(GradientContext& g);

}  // namespace wengert::list_rules
