// The backward function of part of a graph.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "wengert/gradients.h"

namespace wengert::autodiff {

struct Backward {
  // Arguments: a gradient per y, then the captured tensors. Results: see `results`.
  std::shared_ptr<Function> function;
  std::vector<Tensor> captured;                   // of the forward graph
  std::vector<FunctionGradient::Result> results;  // one per x
};

// d sum(ys * grad_ys) / d xs as a function of a graph of its own. All ys are trainable.
Backward BuildBackward(Graph& forward, const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                       const std::string& name);

// Number of leading outputs of `op` that gradients may reach: all, except that a call of a grown
// function is differentiated as the original one (attribute "_differentiated_outputs") as long
// as no gradient reached what it gained.
int DifferentiatedOutputs(const Operation& op, const std::vector<Grad>& out_grads);

// A name for a function derived from the one called `name`.
std::string DerivedName(const char* kind, const std::string& name);

}  // namespace wengert::autodiff
