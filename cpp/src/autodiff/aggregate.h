// Sums of the gradients that reach one tensor.
#pragma once

#include <string>
#include <vector>

#include "wengert/builder.h"
#include "wengert/gradients.h"

namespace wengert::autodiff {

// The sum of `grads` (two or more, none of them empty) that reached an output of the
// operation named `op_name`. Throws ValueError on an unknown method.
Grad Aggregate(Builder& b, const std::vector<Grad>& grads, const std::string& op_name,
               AggregationMethod method);
void CheckMethod(AggregationMethod method);

// The colocation groups of an operation ("loc:@name" when it has no others).
std::vector<std::string> ColocationGroups(const Operation& op);

}  // namespace wengert::autodiff
