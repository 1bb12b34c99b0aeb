#include "autodiff/gradient_graph.h"

#include <algorithm>
#include <utility>

namespace wengert::autodiff {

Tensor StandIn(Graph& graph, const Tensor& t, const std::string& name) {
  OperationSpec spec;
  spec.type = "Placeholder";
  spec.name = name;
  spec.attrs["dtype"] = t.dtype();
  spec.attrs["shape"] = t.shape();
  graph.PushControlDependencies({}, true);
  Tensor p;
  try {
    p = graph.AddOperation(std::move(spec))->output(0);
  } catch (...) {
    graph.PopControlDependencies();
    throw;
  }
  graph.PopControlDependencies();
  if (std::optional<HandleData> data = GetHandleData(t)) SetHandleData(p.op, *data);
  return p;
}

GradientGraph::GradientGraph(Graph& outer, std::function<Tensor(const Tensor&)> intercept)
    : graph_(Graph::Create()), b_(*graph_) {
  graph_->set_outer(&outer);
  graph_->set_seed(outer.seed());
  // As TensorFlow has it, names inside functions begin with the scope outside.
  if (outer.capture) graph_->set_name_scope(outer.name_scope());
  graph_->capture = [this, intercept = std::move(intercept)](const Tensor& t) {
    if (const Tensor other = intercept(t)) return other;
    return Capture(t);
  };
  graph_->captured_from = [this](const Tensor& t) -> std::optional<Tensor> {
    auto it = source_of_.find(t);
    return it == source_of_.end() ? std::nullopt : std::optional<Tensor>(it->second);
  };
}

GradientGraph::~GradientGraph() {
  graph_->capture = nullptr;
  graph_->captured_from = nullptr;
  graph_->set_outer(nullptr);
}

Tensor GradientGraph::Argument(DType dtype, const Shape& shape, const std::string& name) {
  return b_.Placeholder(dtype, shape, name);
}

Tensor GradientGraph::Capture(const Tensor& t) {
  auto it = made_.find(t);
  if (it != made_.end()) return it->second;
  const Tensor p = StandIn(*graph_, t, t.op->name());
  made_.emplace(t, p);
  source_of_.emplace(p, t);
  sources_.push_back(t);
  stand_ins_.push_back(p);
  return p;
}

Tensor CopyOfConstant(Builder& b, const Tensor& t) {
  if (t.op->type() != "Const") return {};
  return b.Constant(t.op->attr("value").as<Array>());
}

std::unordered_map<Tensor, int, TensorHash> PositionsOf(const std::vector<Tensor>& tensors) {
  std::unordered_map<Tensor, int, TensorHash> positions;
  for (size_t i = 0; i < tensors.size(); ++i) positions.emplace(tensors[i], static_cast<int>(i));
  return positions;
}

Tensor ResourceArgument(const Function& f, const Tensor& t) {
  Tensor source = t;
  while (source.op->num_inputs() > 0 && source.op->num_inputs() == source.op->num_outputs()) {
    source = source.op->input(source.index);
  }
  if (std::find(f.inputs.begin(), f.inputs.end(), source) == f.inputs.end()) {
    throw ValueError("Cannot differentiate through the resource '" + t.name() +
                     "', which is made inside function '" + f.name + "'");
  }
  return source;
}

}  // namespace wengert::autodiff
