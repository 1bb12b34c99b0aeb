// The gradient of a function: a second function over the values of the first. What the second
// needs of the first becomes additional outputs of it.
#include <algorithm>
#include <atomic>
#include <map>
#include <unordered_map>

#include "autodiff/backward.h"
#include "autodiff/functions.h"
#include "wengert/builder.h"
#include "wengert/gradients.h"
#include "wengert/op_def.h"

namespace wengert {

using autodiff::IsStateful;
using autodiff::OutputDTypes;

namespace {

// Shared by a function and its grown versions, hence without references to any of them.
struct Cache {
  struct Entry {
    FunctionGradient gradient;  // without `forward`
    std::string forward_name;
    size_t forward_outputs;
    std::weak_ptr<const Function> forward;
  };
  std::vector<Tensor> outputs;  // of the most grown version
  std::map<int, Entry> by_count;
};

Cache& CacheOf(const Function& f) {
  if (!f.gradient_cache) {
    auto cache = std::make_shared<Cache>();
    cache->outputs = f.outputs;
    f.gradient_cache = std::move(cache);
  }
  return *static_cast<Cache*>(f.gradient_cache.get());
}

// Placeholders of the backward graph that stand for tensors of the forward graph.
class Captures {
 public:
  Captures(Graph& forward, Graph& backward) : backward_(backward) {
    backward.set_outer(&forward);
    backward.capture = [this](const Tensor& t) { return Capture(t); };
    backward.captured_from = [this](const Tensor& t) -> std::optional<Tensor> {
      auto it = sources_.find(t);
      return it == sources_.end() ? std::nullopt : std::optional<Tensor>(it->second);
    };
  }
  ~Captures() {
    backward_.capture = nullptr;
    backward_.captured_from = nullptr;
    backward_.set_outer(nullptr);
  }
  Captures(const Captures&) = delete;
  Captures& operator=(const Captures&) = delete;

  const std::vector<Tensor>& sources() const { return order_; }
  const std::vector<Tensor>& stand_ins() const { return stand_ins_; }

 private:
  Tensor Capture(const Tensor& t) {
    auto it = made_.find(t);
    if (it != made_.end()) return it->second;
    OperationSpec spec;
    spec.type = "Placeholder";
    spec.name = "capture";
    spec.attrs["dtype"] = t.dtype();
    spec.attrs["shape"] = t.shape();
    backward_.PushControlDependencies({}, true);
    Tensor p;
    try {
      p = backward_.AddOperation(std::move(spec))->output(0);
    } catch (...) {
      backward_.PopControlDependencies();
      throw;
    }
    backward_.PopControlDependencies();
    if (std::optional<HandleData> data = GetHandleData(t)) SetHandleData(p.op, *data);
    made_.emplace(t, p);
    sources_.emplace(p, t);
    order_.push_back(t);
    stand_ins_.push_back(p);
    return p;
  }

  Graph& backward_;
  std::unordered_map<Tensor, Tensor, TensorHash> made_, sources_;
  std::vector<Tensor> order_, stand_ins_;
};

// Appends a result, as a function returns it: through an Identity.
int Return(Builder& b, Function& f, const Tensor& t) {
  f.outputs.push_back(b.Identity(t));
  return static_cast<int>(f.outputs.size()) - 1;
}

Tensor GradientPlaceholder(Builder& b, const Tensor& y, size_t number) {
  HandleData data{y.dtype(), y.shape()};
  if (y.dtype() == DType::kResource) {
    std::optional<HandleData> known = GetHandleData(y);
    if (!known) {
      throw ValueError("Cannot differentiate the resource '" + y.name() +
                       "': the type of its value is not known");
    }
    data = *known;
  }
  return b.Placeholder(data.dtype, data.shape, "grad_ys_" + std::to_string(number));
}

Cache::Entry Build(const Function& f, Cache& cache, int num_outputs) {
  std::vector<Tensor> ys;
  for (int i = 0; i < num_outputs; ++i) {
    if (IsTrainable(cache.outputs[i].dtype())) ys.push_back(cache.outputs[i]);
  }
  autodiff::Backward backward = autodiff::BuildBackward(*f.graph, ys, f.inputs, f.name);
  FunctionGradient result;
  result.results = std::move(backward.results);
  for (const Tensor& t : backward.captured) {
    auto it = std::find(cache.outputs.begin(), cache.outputs.end(), t);
    result.captured.push_back(static_cast<int>(it - cache.outputs.begin()));
    if (it == cache.outputs.end()) cache.outputs.push_back(t);
  }
  result.backward = std::move(backward.function);
  return {std::move(result), autodiff::DerivedName("forward", f.name), cache.outputs.size(), {}};
}

std::shared_ptr<const Function> ForwardOf(const Function& f, const Cache& cache,
                                          Cache::Entry& entry) {
  if (std::shared_ptr<const Function> known = entry.forward.lock()) return known;
  auto forward = std::make_shared<Function>(f);
  forward->name = entry.forward_name;
  forward->outputs.assign(cache.outputs.begin(), cache.outputs.begin() + entry.forward_outputs);
  entry.forward = forward;
  return forward;
}

// Makes the call one of the grown function.
void Grow(Operation* call, const std::shared_ptr<const Function>& forward) {
  if (forward->outputs.size() <= static_cast<size_t>(call->num_outputs())) return;
  Graph& graph = call->graph();
  graph.AddFunction(forward);
  call->SetAttr("f", FunctionRef{forward->name, forward});
  for (size_t i = call->num_outputs(); i < forward->outputs.size(); ++i) {
    graph.AddOutput(call, forward->outputs[i].dtype(), forward->outputs[i].shape());
  }
}

}  // namespace

namespace autodiff {

std::string DerivedName(const char* kind, const std::string& name) {
  static std::atomic<int64_t> uid{0};
  std::string base = name;
  for (const char* prefix : {"__inference_", "__forward_", "__backward_"}) {
    if (base.rfind(prefix, 0) == 0) base = base.substr(std::string(prefix).size());
  }
  return std::string("__") + kind + "_" + base + "_" + std::to_string(uid++);
}

Backward BuildBackward(Graph& forward, const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                       const std::string& name) {
  Backward result;
  result.function = std::make_shared<Function>();
  Function& backward = *result.function;
  backward.name = DerivedName("backward", name);
  backward.graph = Graph::Create();
  Builder b(*backward.graph);
  std::vector<Grad> grad_ys;
  for (const Tensor& y : ys) {
    backward.inputs.push_back(GradientPlaceholder(b, y, grad_ys.size()));
    grad_ys.push_back(backward.inputs.back());
  }
  Captures captures(forward, *backward.graph);
  for (const Grad& g : Gradients(*backward.graph, ys, xs, grad_ys)) {
    FunctionGradient::Result r;
    if (g.is_slices()) {
      r.values = Return(b, backward, g.slices().values);
      r.indices = Return(b, backward, g.slices().indices);
      if (g.slices().dense_shape) r.dense_shape = Return(b, backward, g.slices().dense_shape);
    } else if (!g.none()) {
      r.values = Return(b, backward, g.tensor());
    }
    result.results.push_back(r);
  }
  for (const Tensor& t : captures.stand_ins()) backward.inputs.push_back(t);
  result.captured = captures.sources();
  return result;
}

int DifferentiatedOutputs(const Operation& op, const std::vector<Grad>& out_grads) {
  const Attr* count = op.FindAttr("_differentiated_outputs");
  if (count == nullptr) return op.num_outputs();
  const int original = static_cast<int>(count->as<int64_t>());
  for (size_t i = static_cast<size_t>(original); i < out_grads.size(); ++i) {
    if (!out_grads[i].none()) return op.num_outputs();
  }
  return original;
}

}  // namespace autodiff

std::shared_ptr<const Function> FindFunction(const Graph& graph, const FunctionRef& ref) {
  if (ref.function) return ref.function;
  if (std::shared_ptr<const Function> f = graph.FindFunction(ref.name)) return f;
  for (std::shared_ptr<Graph> g = graph.outer(); g != nullptr; g = g->outer()) {
    if (std::shared_ptr<const Function> f = g->FindFunction(ref.name)) return f;
  }
  throw LookupError("Function '" + ref.name + "' is not in the graph's library");
}

FunctionGradient DifferentiateFunction(const std::shared_ptr<const Function>& function,
                                       int num_outputs) {
  if (!function || !function->graph) throw ValueError("DifferentiateFunction: no function");
  Cache& cache = CacheOf(*function);
  if (num_outputs < 0 || static_cast<size_t>(num_outputs) > cache.outputs.size()) {
    throw ValueError("Function '" + function->name + "' has no " + std::to_string(num_outputs) +
                     " outputs");
  }
  auto it = cache.by_count.find(num_outputs);
  if (it == cache.by_count.end()) {
    it = cache.by_count.emplace(num_outputs, Build(*function, cache, num_outputs)).first;
  }
  FunctionGradient gradient = it->second.gradient;
  gradient.forward = ForwardOf(*function, cache, it->second);
  return gradient;
}

std::vector<Grad> DifferentiateCall(GradientContext& g) {
  Operation* op = g.op;
  const int outputs = autodiff::DifferentiatedOutputs(*op, g.out_grads);
  const FunctionGradient gradient =
      DifferentiateFunction(FindFunction(op->graph(), op->attr("f").as<FunctionRef>()), outputs);
  std::vector<Grad> grads(gradient.results.size());
  const Function& backward = *gradient.backward;
  if (backward.outputs.empty()) return grads;

  Grow(op, gradient.forward);
  std::vector<Tensor> args;
  for (int i = 0; i < outputs; ++i) {
    if (!IsTrainable(op->output_dtype(i))) continue;
    args.push_back(g.grad(i).none() ? g.b.ZerosLike(op->output(i)) : g.dy(i));
  }
  for (int k : gradient.captured) args.push_back(op->output(k));

  g.b.graph().AddFunction(gradient.backward);
  Operation* call = g.b.AddOp(
      IsStateful(backward) ? "StatefulPartitionedCall" : "PartitionedCall", {In(args)},
      {{"Tout", OutputDTypes(backward)}, {"f", FunctionRef{backward.name, gradient.backward}}});
  for (size_t i = 0; i < grads.size(); ++i) {
    const FunctionGradient::Result& r = gradient.results[i];
    if (r.values < 0) continue;
    if (r.indices < 0) {
      grads[i] = call->output(r.values);
      continue;
    }
    IndexedSlices s{call->output(r.values), call->output(r.indices), Tensor{}};
    if (r.dense_shape >= 0) s.dense_shape = call->output(r.dense_shape);
    grads[i] = s;
  }
  return grads;
}

}  // namespace wengert
