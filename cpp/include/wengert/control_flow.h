// Conditionals and loops: their gradients, and what building those needs of a graph.
#pragma once

#include <functional>
#include <vector>

#include "wengert/gradients.h"
#include "wengert/graph.h"

namespace wengert {

// Gradient of If, Case and their stateless forms: a conditional over the gradients of the
// branches. Values from inside the branches become additional outputs of `g.op`.
std::vector<Grad> DifferentiateConditional(GradientContext& g);
// Gradient of While and StatelessWhile: a loop over the gradient of the body, as many times.
// Values from inside the body are pushed on lists, which `g.op` gains as loop variables.
std::vector<Grad> DifferentiateLoop(GradientContext& g);

// The most specific shape that allows all that either of the two allows.
Shape Generalise(const Shape& a, const Shape& b);

// A function for Graph::capture that may also have operations added to another graph.
struct DivertingCapture {
  std::function<Tensor(const Tensor&)> capture;
  // Asked before an operation is added; null: add it here.
  std::function<Operation*(const OperationSpec&)> divert;
  Tensor operator()(const Tensor& t) const { return capture(t); }
};
inline bool IsDiverting(const Graph& graph) {
  return graph.capture && graph.capture.target<DivertingCapture>() != nullptr;
}

}  // namespace wengert
