// GraphTape: what TensorFlow's tape does where operations are added to a graph.
#include <deque>

#include "autodiff/aggregate.h"
#include "autodiff/backward.h"
#include "autodiff/find_rule.h"
#include "wengert/builder.h"
#include "wengert/tape.h"

namespace wengert {

namespace {

// The graph's `added` hook while tapes record.
struct Recorders {
  std::shared_ptr<std::vector<GraphTape*>> tapes;
  void operator()(Operation* op) const {
    for (GraphTape* tape : *tapes) tape->Note(op);
  }
};

// tf.ones or tf.zeros of the shape of `t`.
Tensor FilledLike(Builder& b, const Tensor& t, bool ones) {
  In shape = t.shape().fully_defined() ? In(Array::Vector(t.shape().dims())) : In(b.ShapeOf(t));
  return ones ? b.Ones(shape, t.dtype()) : b.Zeros(shape, t.dtype());
}

// The backward pass of one GraphTape::Gradient: operations in the order in which they become
// ready, first in, first out.
class TapePass {
 public:
  TapePass(Graph& graph, const GraphTape& tape) : b_(graph), tape_(tape) {}
  void AddOp(Operation* op, const std::string* scope) {
    number_.emplace(op, static_cast<int>(steps_.size()));
    steps_.push_back({op, scope, 0, false});
  }
  void Receive(const Tensor& t, const Grad& grad) { grads_[t].push_back(grad); }
  void Run(const std::vector<Tensor>& ys);
  Grad Take(const Tensor& t) {
    auto it = grads_.find(t);
    if (it == grads_.end() || it->second.empty()) return {};
    if (it->second.size() > 1) {
      it->second = {autodiff::Aggregate(b_, it->second, "", AggregationMethod::kAddN)};
    }
    return it->second[0];
  }

 private:
  struct Step {
    Operation* op;
    const std::string* scope;
    int missing;  // outputs with uses that were not done with yet
    bool active;
  };
  int Producer(const Tensor& t) const {
    auto it = number_.find(t.op);
    return it == number_.end() ? -1 : it->second;
  }
  void Count(const std::vector<Tensor>& ys);
  std::vector<Grad> InputGradients(const Step& step);

  Builder b_;
  const GraphTape& tape_;
  std::vector<Step> steps_;
  std::unordered_map<const Operation*, int> number_;
  std::unordered_map<Tensor, int, TensorHash> uses_;
  std::unordered_map<Tensor, std::vector<Grad>, TensorHash> grads_;
};

void TapePass::Count(const std::vector<Tensor>& ys) {
  std::vector<Tensor> stack = ys;
  while (!stack.empty()) {
    const int i = Producer(stack.back());
    stack.pop_back();
    if (i < 0 || steps_[static_cast<size_t>(i)].active) continue;
    Step& step = steps_[static_cast<size_t>(i)];
    step.active = true;
    for (const Tensor& t : step.op->inputs()) {
      if (uses_[t]++ == 0) stack.push_back(t);
    }
  }
  for (const auto& [t, count] : uses_) {
    const int i = Producer(t);
    if (i >= 0 && steps_[static_cast<size_t>(i)].active) ++steps_[static_cast<size_t>(i)].missing;
  }
}

std::vector<Grad> TapePass::InputGradients(const Step& step) {
  Operation* op = step.op;
  std::vector<Grad> out_grads;
  bool any = false;
  for (int k = 0; k < op->num_outputs(); ++k) {
    out_grads.push_back(Take(op->output(k)));
    any |= !out_grads.back().none();
  }
  if (!any) return {};
  const GradientFn* rule = autodiff::FindRule(*op);
  if (rule == nullptr) return {};
  const int outputs = autodiff::DifferentiatedOutputs(*op, out_grads);
  for (int k = 0; k < outputs; ++k) {
    Grad& grad = out_grads[static_cast<size_t>(k)];
    const DType dtype = op->output_dtype(k);
    if (!grad.none() || !IsTrainable(dtype) || dtype == DType::kResource) continue;
    grad = dtype == DType::kVariant ? b_.Op("ZerosLike", {op->output(k)})
                                    : FilledLike(b_, op->output(k), false);
  }
  std::vector<char> wanted;
  for (const Tensor& t : op->inputs()) wanted.push_back(tape_.Watches(t) ? 1 : 0);
  const std::string inner = step.scope->empty() ? "" : *step.scope + "/";
  Builder::Scope scope = b_.NameScope("gradient_tape/" + inner);
  GradientContext context{b_, op, out_grads, &wanted};
  return (*rule)(context);
}

void TapePass::Run(const std::vector<Tensor>& ys) {
  Count(ys);
  std::deque<int> ready;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].active && steps_[i].missing == 0) ready.push_back(static_cast<int>(i));
  }
  while (!ready.empty()) {
    const Step& step = steps_[static_cast<size_t>(ready.front())];
    ready.pop_front();
    const std::vector<Tensor> inputs = step.op->inputs();  // before a loop gains some
    const std::vector<Grad> in_grads = InputGradients(step);
    if (!in_grads.empty() && in_grads.size() < inputs.size()) {
      throw ValueError("Num gradients " + std::to_string(in_grads.size()) + " generated for op " +
                       step.op->name() + " do not match num inputs " +
                       std::to_string(inputs.size()));
    }
    for (size_t k = 0; k < inputs.size(); ++k) {
      const Tensor& t = inputs[k];
      if (!in_grads.empty() && !in_grads[k].none() && tape_.Watches(t)) Receive(t, in_grads[k]);
      if (--uses_[t] > 0) continue;
      const int p = Producer(t);
      if (p < 0 || !steps_[static_cast<size_t>(p)].active) continue;
      if (--steps_[static_cast<size_t>(p)].missing == 0) ready.push_back(p);
    }
  }
}

}  // namespace

GraphTape::GraphTape(Graph& graph, Accessor accessed)
    : graph_(graph.shared_from_this()), accessed_(std::move(accessed)) {}

GraphTape::~GraphTape() {
  Stop();
}

void GraphTape::Start() {
  Stop();
  auto* recorders = graph_->added.target<Recorders>();
  if (recorders == nullptr) {
    graph_->added = Recorders{std::make_shared<std::vector<GraphTape*>>()};
    recorders = graph_->added.target<Recorders>();
  }
  recorders->tapes->push_back(this);
}

void GraphTape::Stop() {
  auto* recorders = graph_->added.target<Recorders>();
  if (recorders == nullptr) return;
  std::vector<GraphTape*>& tapes = *recorders->tapes;
  for (size_t i = 0; i < tapes.size(); ++i) {
    if (tapes[i] != this) continue;
    tapes.erase(tapes.begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
  if (tapes.empty()) graph_->added = nullptr;
}

void GraphTape::Clear() {
  recorded_.clear();
  watched_.clear();
  variables_.clear();
}

void GraphTape::Note(Operation* op) {
  if (op->num_inputs() == 0 || op->def().not_differentiable()) return;
  bool found = false;
  for (const Tensor& t : op->inputs()) {
    if (!IsTrainable(t.dtype())) continue;
    if (t.dtype() == DType::kResource && accessed_ && variables_.insert(t).second && accessed_(t)) {
      Watch(t);
    }
    found = found || Watches(t);
  }
  if (!found) return;
  for (int k = 0; k < op->num_outputs(); ++k) {
    if (IsTrainable(op->output_dtype(k))) Watch(op->output(k));
  }
  recorded_.push_back({op, graph_->name_scope()});
}

std::vector<Grad> GraphTape::Gradient(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                                      const std::vector<Grad>& grad_ys) {
  if (!grad_ys.empty() && grad_ys.size() != ys.size()) {
    throw ValueError("GraphTape::Gradient: " + std::to_string(grad_ys.size()) + " gradients for " +
                     std::to_string(ys.size()) + " targets");
  }
  // A tape that still records sees the operations of its own gradient.
  const std::vector<Recorded> recorded = recorded_;
  TapePass pass(*graph_, *this);
  for (const Recorded& r : recorded) pass.AddOp(r.op, &r.scope);
  Builder b(*graph_);
  for (size_t i = 0; i < ys.size(); ++i) {
    Grad grad = grad_ys.empty() ? Grad() : grad_ys[i];
    if (grad.none()) grad = FilledLike(b, ys[i], true);
    pass.Receive(ys[i], grad);
  }
  pass.Run(ys);
  std::vector<Grad> result;
  for (const Tensor& x : xs) result.push_back(pass.Take(x));
  return result;
}

}  // namespace wengert
