#include "wengert/gradients.h"

#include <deque>
#include <unordered_set>

#include "autodiff/active_ops.h"
#include "autodiff/aggregate.h"
#include "autodiff/backward.h"
#include "autodiff/find_rule.h"
#include "autodiff/node_text.h"
#include "autodiff/zeros.h"
#include "wengert/builder.h"
#include "wengert/control_flow.h"
#include "wengert/op_def.h"

namespace wengert {

using autodiff::ActiveOps;
using autodiff::InputView;
using autodiff::UnconnectedZeros;

namespace {

std::string Describe(const Tensor& t) {
  return "Tensor(\"" + t.name() + "\", shape=" + t.shape().ToPython() +
         ", dtype=" + Name(t.dtype()) + ")";
}

// New operations are placed with `op` while this lives.
class Colocation {
 public:
  Colocation(Graph& graph, const Operation& op, bool enabled) {
    if (!enabled) return;
    graph_ = &graph;
    attrs_ = graph.attr_scope();
    device_ = graph.current_device();
    graph.set_current_device(op.device());
    if (!graph.capture) graph.attr_scope()["_class"] = autodiff::ColocationGroups(op);
  }
  ~Colocation() {
    if (graph_ == nullptr) return;
    graph_->attr_scope() = std::move(attrs_);
    graph_->set_current_device(device_);
  }
  Colocation(const Colocation&) = delete;
  Colocation& operator=(const Colocation&) = delete;

 private:
  Graph* graph_ = nullptr;
  AttrMap attrs_;
  std::string device_;
};

// Throws TypeError when a gradient of dtype `g` cannot be that of `y`.
void CheckGradientType(const Tensor& y, DType g) {
  const DType t = y.dtype();
  const bool real = IsFloating(t) || IsInteger(t);
  auto generated = [&](const char* kind, const char* must) {
    return TypeError("Gradient type " + std::string(Name(g)) + " generated for " + kind +
                     " tensor " + Describe(y) + " with type " + Name(t) + " must be " + must);
  };
  if (real) {
    if (!IsFloating(g) && !IsInteger(g)) {
      throw generated("real or integer-valued", "real or integer");
    }
  } else if (IsComplex(t)) {
    if (!IsComplex(g)) throw generated("complex-valued", "real");
  } else if (t == DType::kVariant) {
    if (g != DType::kVariant) throw generated("variant", "variant");
  } else if (t == DType::kResource) {
    if (g == DType::kResource) {
      throw TypeError("Input gradient for resource tensor " + Describe(y) +
                      " should not be a resource");
    }
  } else {
    throw TypeError("Tensor " + Describe(y) + " with type " + Name(t) +
                    " must be numeric to obtain a default gradient");
  }
}

Grad InitialGradient(Builder& b, const Tensor& y, const Grad& given, const std::string& name) {
  if (given.none()) {
    if (IsComplex(y.dtype())) {
      throw TypeError("Gradients of complex tensors (" + Describe(y) +
                      ") must set grad_ys (y.dtype = " + Name(y.dtype()) + ")");
    }
    return b.Ones(b.ShapeOf(y), y.dtype(), name);
  }
  CheckGradientType(y, given.dtype());
  if (!given.is_slices()) return b.Identity(given.tensor(), name);
  IndexedSlices s;
  s.indices = b.Identity(given.slices().indices, name + "_indices");
  s.values = b.Identity(given.slices().values, name + "_values");
  if (given.slices().dense_shape) {
    s.dense_shape = b.Identity(given.slices().dense_shape, name + "_shape");
  }
  return s;
}

// The gradient of an output that nothing between it and the ys uses.
Grad MissingOutputGradient(Builder& b, const Tensor& output) {
  if (output.dtype() == DType::kResource) {
    std::optional<HandleData> data = GetHandleData(output);
    return data ? Grad(b.Zeros(b.Op("VariableShape", {output}), data->dtype)) : Grad();
  }
  const bool in_loop = &output.graph() != &b.graph() && b.graph().capture &&
                       b.graph().capture.target<DivertingCapture>() != nullptr;
  if (!in_loop || output.dtype() == DType::kVariant) {
    return b.Op("ZerosLike", {output}, {}, "zeros_like");
  }
  // Inside a loop: without reading the value, which the loop would have to keep.
  if (output.shape().fully_defined()) return b.Zeros(output.shape().dims(), output.dtype());
  return b.Zeros(b.ShapeOf(output, DType::kInt32, false), output.dtype());
}

// The backward sweep of one call.
class Sweep {
 public:
  Sweep(Graph& graph, const std::vector<Tensor>& xs, const GradientOptions& options,
        ActiveOps active, const InputView& view)
      : b_(graph), options_(options), active_(std::move(active)), view_(view) {
    first_slot_.assign(active_.size() + 1, 0);
    for (int32_t i = 0; i < active_.size(); ++i) {
      first_slot_[i + 1] = first_slot_[i] + (active_.active(i) ? active_.op(i)->num_outputs() : 0);
    }
    slots_.resize(first_slot_.back());
    stop_.resize(active_.size(), 0);
    for (const Tensor& x : xs) MarkStop(x.op);
    for (const Tensor& t : options.stop_gradients) {
      const int32_t i = active_.Find(t.op);
      if (i >= 0) stop_[i] = 1;
    }
  }

  void Receive(const Tensor& t, const Grad& grad) {
    const int32_t i = active_.Find(t.op);
    if (i >= 0) Receive(i, t.index, grad);
  }
  void Run(const std::vector<Tensor>& ys);
  // Valid after Run.
  Grad Result(const Tensor& x) const {
    const int32_t i = active_.Find(x.op);
    if (i < 0) return {};
    const Slot& s = slots_[first_slot_[i] + x.index];
    return s.head < 0 ? Grad() : terms_[s.head].grad;
  }

 private:
  struct Slot {  // list of the gradients that reached one output
    int32_t head = -1, tail = -1;
  };
  struct Term {
    Grad grad;
    int32_t next = -1;
  };

  // An x is differentiated no further unless it depends on another x.
  void MarkStop(const Operation* op) {
    const int32_t i = active_.Find(op);
    if (i < 0) return;
    for (int k = 0; k < op->num_inputs(); ++k) {
      const int32_t p = active_.producer(i, k);
      if (p >= 0 && active_.pending(p) > 0) return;
    }
    stop_[i] = 1;
  }
  void Receive(int32_t i, int output, const Grad& grad) {
    Slot& slot = slots_[first_slot_[i] + output];
    const int32_t term = static_cast<int32_t>(terms_.size());
    terms_.push_back({grad, -1});
    (slot.head < 0 ? slot.head : terms_[slot.tail].next) = term;
    slot.tail = term;
  }
  std::vector<Grad> TakeOutputGradients(int32_t i);
  std::vector<Grad> InputGradients(int32_t i, std::vector<Grad> out_grads);
  void Propagate(int32_t i, const std::vector<Grad>& in_grads);

  Builder b_;
  const GradientOptions& options_;
  ActiveOps active_;
  const InputView& view_;
  std::vector<int64_t> first_slot_;
  std::vector<Slot> slots_;
  std::vector<Term> terms_;
  std::vector<char> stop_;
};

std::vector<Grad> Sweep::TakeOutputGradients(int32_t i) {
  const Operation& op = *active_.op(i);
  autodiff::CheckMethod(options_.aggregation_method);
  std::vector<Grad> out(first_slot_[i + 1] - first_slot_[i]);
  for (size_t k = 0; k < out.size(); ++k) {
    Slot& slot = slots_[first_slot_[i] + k];
    if (slot.head < 0) continue;
    if (slot.head != slot.tail) {
      std::vector<Grad> sum;
      for (int32_t t = slot.head; t >= 0; t = terms_[t].next) sum.push_back(terms_[t].grad);
      terms_[slot.head] = {autodiff::Aggregate(b_, sum, op.name(), options_.aggregation_method),
                           -1};
      slot.tail = slot.head;
    }
    out[k] = terms_[slot.head].grad;
  }
  return out;
}

std::vector<Grad> Sweep::InputGradients(int32_t i, std::vector<Grad> out_grads) {
  Operation* op = active_.op(i);
  bool any = false;
  for (const Grad& g : out_grads) any |= !g.none();
  if (!any || stop_[i]) return {};
  const GradientFn* rule = autodiff::FindRule(*op);
  if (rule == nullptr) return {};

  const int outputs = autodiff::DifferentiatedOutputs(*op, out_grads);
  for (int output = 0; output < outputs; ++output) {
    const size_t k = static_cast<size_t>(output);
    if (k >= out_grads.size()) break;
    if (!out_grads[k].none() || !IsTrainable(op->output_dtype(output))) continue;
    out_grads[k] = MissingOutputGradient(b_, op->output(output));
    if (!out_grads[k].none()) Receive(i, output, out_grads[k]);
  }
  Builder::Scope scope = b_.NameScope(op->name() + "_grad");
  const size_t inputs = op->inputs().size();
  GradientContext context{b_, op, out_grads};
  std::vector<Grad> in_grads = (*rule)(context);
  // A loop gains inputs while it is differentiated.
  if (in_grads.size() < inputs || in_grads.size() > op->inputs().size()) {
    throw ValueError("Num gradients " + std::to_string(in_grads.size()) + " generated for op " +
                     autodiff::NodeText(*op) + " do not match num inputs " +
                     std::to_string(op->num_inputs()));
  }
  if (options_.gate_gradients) {
    int present = 0;
    for (const Grad& g : in_grads) present += !g.none();
    if (present > 1) in_grads = b_.Tuple(in_grads);
  }
  in_grads.resize(inputs);
  return in_grads;
}

void Sweep::Propagate(int32_t i, const std::vector<Grad>& in_grads) {
  Operation* op = active_.op(i);
  for (size_t k = 0; k < in_grads.size(); ++k) {
    const Grad& grad = in_grads[k];
    if (grad.none()) continue;
    const int input = static_cast<int>(k);
    const Tensor t = view_.Resolve(op->input(input));
    if (!grad.is_slices() && t.dtype() != DType::kResource && grad.tensor().shape() != t.shape()) {
      try {
        grad.tensor().graph().SetShape(grad.tensor(), t.shape());
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::kValueError) throw;
        throw ValueError(
            "Incompatible shapes between op input and calculated input gradient. Forward "
            "operation: " +
            op->name() + ". Input index: " + std::to_string(k) +
            ". Original input shape: " + t.shape().ToPython() +
            ". Calculated input gradient shape: " + grad.tensor().shape().ToPython());
      }
    }
    const int32_t p = active_.producer(i, input);
    if (p >= 0) Receive(p, t.index, grad);
  }
}

void Sweep::Run(const std::vector<Tensor>& ys) {
  std::deque<int32_t> ready;
  std::unordered_set<int32_t> queued;
  for (const Tensor& y : ys) {
    const int32_t i = active_.Find(y.op);
    if (i >= 0 && active_.pending(i) == 0 && queued.insert(i).second) ready.push_back(i);
  }
  while (!ready.empty()) {
    const int32_t i = ready.front();
    ready.pop_front();
    Operation* op = active_.op(i);
    const int inputs = op->num_inputs();  // before a loop gains some
    {
      Colocation place(b_.graph(), *op, options_.colocate_gradients_with_ops);
      Propagate(i, InputGradients(i, TakeOutputGradients(i)));
    }
    for (int k = 0; k < inputs; ++k) {
      const int32_t p = active_.producer(i, k);
      if (p >= 0 && active_.Release(p)) ready.push_back(p);
    }
  }
}

}  // namespace

std::vector<Grad> Gradients(Graph& graph, const std::vector<Tensor>& ys,
                            const std::vector<Tensor>& xs, const std::vector<Grad>& grad_ys,
                            const GradientOptions& options) {
  Builder b(graph);
  std::vector<Grad> results;
  results.reserve(xs.size());
  {
    Builder::Scope scope = b.NameScope(options.name);
    graph.UniqueName("uid");  // TensorFlow takes this name for every call
    if (!grad_ys.empty() && grad_ys.size() != ys.size()) {
      throw ValueError("Length mismatch. Passed " + std::to_string(grad_ys.size()) +
                       " grad_ys for " + std::to_string(ys.size()) + " ys");
    }
    std::vector<Grad> initial;
    initial.reserve(ys.size());
    for (size_t i = 0; i < ys.size(); ++i) {
      Colocation place(graph, *ys[i].op, options.colocate_gradients_with_ops);
      initial.push_back(InitialGradient(b, ys[i], grad_ys.empty() ? Grad() : grad_ys[i],
                                        "grad_ys_" + std::to_string(i)));
    }
    const InputView view(xs);
    Sweep sweep(graph, xs, options, ActiveOps(ys, xs, view), view);
    for (size_t i = 0; i < ys.size(); ++i) sweep.Receive(ys[i], initial[i]);
    sweep.Run(ys);
    for (const Tensor& x : xs) results.push_back(sweep.Result(x));
  }
  if (options.unconnected_gradients == UnconnectedGradients::kZero) {
    for (size_t i = 0; i < xs.size(); ++i) {
      if (results[i].none()) results[i] = UnconnectedZeros(b, xs[i]);
    }
  }
  return results;
}

}  // namespace wengert
