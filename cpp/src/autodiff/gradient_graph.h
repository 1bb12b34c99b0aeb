// The graph of a gradient function while it is built.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "wengert/builder.h"
#include "wengert/gradients.h"

namespace wengert::autodiff {

// Tensors of other graphs that its operations read become arguments of the function. Lives
// while the graph is built; afterwards the graph knows nothing of others.
class GradientGraph {
 public:
  // The function will be used in `outer`. `intercept` may give another stand-in for a tensor;
  // an empty one: an argument is made.
  GradientGraph(Graph& outer, std::function<Tensor(const Tensor&)> intercept);
  ~GradientGraph();
  GradientGraph(const GradientGraph&) = delete;
  GradientGraph& operator=(const GradientGraph&) = delete;

  const std::shared_ptr<Graph>& graph() const { return graph_; }
  Builder& b() { return b_; }
  // An argument that stands for nothing outside.
  Tensor Argument(DType dtype, const Shape& shape, const std::string& name = "Placeholder");
  // The argument that stands for `t`.
  Tensor Capture(const Tensor& t);
  // What the arguments made by Capture stand for, in order, and the arguments.
  const std::vector<Tensor>& sources() const { return sources_; }
  const std::vector<Tensor>& stand_ins() const { return stand_ins_; }

 private:
  std::shared_ptr<Graph> graph_;
  Builder b_;
  std::unordered_map<Tensor, Tensor, TensorHash> made_, source_of_;
  std::vector<Tensor> sources_, stand_ins_;
};

// A placeholder of `graph` like `t`, of another graph.
Tensor StandIn(Graph& graph, const Tensor& t, const std::string& name);

// A copy in the graph of `b` when `t` is a constant, else an empty tensor.
Tensor CopyOfConstant(Builder& b, const Tensor& t);

// Position of every tensor in a list, the first one where it occurs twice.
std::unordered_map<Tensor, int, TensorHash> PositionsOf(const std::vector<Tensor>& tensors);

// The argument of `f` that a resource inside it comes from.
Tensor ResourceArgument(const Function& f, const Tensor& t);

}  // namespace wengert::autodiff
