// The gradient of a loop is a loop that goes back over the iterations. Values from inside the
// forward body that it needs are pushed on lists (accumulators), one element per iteration, which
// become loop variables of both loops; the backward body pops them.
#include <algorithm>

#include "autodiff/functions.h"
#include "autodiff/gradient_graph.h"
#include "wengert/control_flow.h"
#include "wengert/op_def.h"

namespace wengert {

namespace {

using autodiff::GradientGraph;

// Reductions to a small value that the forward loop performs, so that it need not keep their
// arguments.
bool IsCheapToKeep(const std::string& type) {
  for (const char* name : {"Shape", "Size", "Rank", "TensorListElementShape", "TensorListLength"}) {
    if (type == name) return true;
  }
  return false;
}

// The forward loop: its functions, which grow.
struct ForwardLoop {
  explicit ForwardLoop(Operation* loop) : op(loop) {
    cond = *FindFunction(op->graph(), op->attr("cond").as<FunctionRef>());
    body = *FindFunction(op->graph(), op->attr("body").as<FunctionRef>());
    if (body.inputs.size() != body.outputs.size() ||
        body.inputs.size() != static_cast<size_t>(op->num_inputs()) || body.inputs.size() < 2) {
      throw ValueError("Operation '" + op->name() + "': the body of the loop has " +
                       std::to_string(body.inputs.size()) + " inputs and " +
                       std::to_string(body.outputs.size()) + " outputs for " +
                       std::to_string(op->num_inputs()) + " loop variables");
    }
    inputs = autodiff::PositionsOf(body.inputs);
    outputs = autodiff::PositionsOf(body.outputs);
  }
  bool Owns(const Tensor& t) const { return &t.graph() == body.graph.get(); }
  bool IsInvariant(const Tensor& t) const { return inputs.count(t) > 0 && outputs.count(t) > 0; }

  // The list on which the body pushes `t` already; empty when there is none.
  Tensor FindAccumulator(const Tensor& t) const {
    for (Operation* reader : body.graph->Consumers(t)) {
      if (reader->type() != "TensorListPushBack" || reader->input(1) != t) continue;
      const auto in = inputs.find(reader->input(0));
      const auto out = outputs.find(reader->output(0));
      if (in != inputs.end() && out != outputs.end() && in->second == out->second) {
        return reader->output(0);
      }
    }
    return {};
  }
  // Makes the body push `t` on a list, which is made where the loop is.
  Tensor Accumulate(const Tensor& t) {
    Builder outer(op->graph());
    const std::string name = t.op->name() + "_" + std::to_string(t.index) + "/accumulator";
    const Tensor list = outer.Op("EmptyTensorList", {ElementShape(outer, t), op->input(1)},
                                 {{"element_dtype", t.dtype()}}, name);
    new_lists.push_back(list);
    const Tensor in = autodiff::StandIn(*body.graph, list, list.op->name());
    const Tensor out = Builder(*body.graph).Op("TensorListPushBack", {in, t});
    inputs.emplace(in, static_cast<int>(body.inputs.size()));
    outputs.emplace(out, static_cast<int>(body.outputs.size()));
    body.inputs.push_back(in);
    body.outputs.push_back(out);
    cond.inputs.push_back(autodiff::StandIn(*cond.graph, list, list.op->name()));
    return out;
  }
  // Puts what has grown into the operation.
  void Rewrite() {
    if (!new_lists.empty()) {
      Graph& graph = op->graph();
      for (const auto& [attr, f] : {std::pair("cond", &cond), std::pair("body", &body)}) {
        auto grown = std::make_shared<Function>(*f);
        grown->name = autodiff::Suffixed(f->name, "rewritten");
        graph.AddFunction(grown);
        op->SetAttr(attr, FunctionRef{grown->name, grown});
      }
      if (const Attr* known = op->FindAttr("output_shapes")) {
        std::vector<Shape> shapes = known->as<std::vector<Shape>>();
        if (!shapes.empty()) {
          shapes.resize(shapes.size() + new_lists.size(), Shape::Scalar());
          op->SetAttr("output_shapes", std::move(shapes));
        }
      }
      for (const Tensor& list : new_lists) {
        graph.AddInput(op, list);
        graph.AddOutput(op, DType::kVariant, Shape::Scalar());
      }
    }
    // A further gradient counts the lists as results like others.
    op->SetAttr("_num_original_outputs", static_cast<int64_t>(op->num_outputs()));
  }

  Operation* op;
  Function cond, body;
  std::unordered_map<Tensor, int, TensorHash> inputs, outputs;  // positions in body
  std::vector<Tensor> new_lists;

 private:
  static In ElementShape(Builder& b, const Tensor& t) {
    if (!t.shape().has_rank()) return In(-1);
    if (t.shape().rank() == 0) return b.Constant(Array(DType::kInt32, {0}));
    return In(t.shape().dims());
  }
};

// The backward body as it grows.
class BackwardBody {
 public:
  BackwardBody(Graph& outer, ForwardLoop& loop)
      : loop_(loop), gradient_(outer, [this](const Tensor& t) { return StandInOf(t); }) {
    gradient_.graph()->capture = DivertingCapture{
        gradient_.graph()->capture, [this](const OperationSpec& spec) { return Divert(spec); }};
  }

  // `grads`: of the loop's outputs; those that are none take no part.
  std::shared_ptr<const Function> Build(const std::vector<Grad>& grads, DType counter_type) {
    Builder& b = gradient_.b();
    auto f = std::make_shared<Function>();
    f->name = autodiff::Suffixed(loop_.body.name, "grad");
    f->graph = gradient_.graph();
    const auto argument = [&](DType dtype, const Shape& shape) {
      f->inputs.push_back(gradient_.Argument(dtype, shape));
      return f->inputs.back();
    };
    const Tensor counter = argument(counter_type, Shape::Scalar());
    const Tensor limit = argument(loop_.op->input(1).dtype(), Shape::Scalar());
    const Tensor trips = argument(counter_type, Shape::Scalar());
    std::vector<Tensor> ys, xs;
    std::vector<Grad> grad_ys;
    for (size_t i = 0; i < grads.size(); ++i) {
      if (grads[i].none()) continue;
      const Tensor& dy = grads[i].tensor();
      ys.push_back(loop_.body.outputs[i]);
      xs.push_back(loop_.body.inputs[i]);
      Shape shape = dy.shape();
      if (xs.back().dtype() != DType::kResource) shape = Generalise(shape, xs.back().shape());
      grad_ys.push_back(argument(dy.dtype(), shape));
    }
    GradientOptions options;
    options.unconnected_gradients = UnconnectedGradients::kZero;
    std::vector<Grad> results = Gradients(*f->graph, ys, xs, grad_ys, options);
    for (Grad& r : results) r = b.Dense(r);
    const Tensor next = b.Add(counter, 1);
    for (const Tensor& t : {next, limit, trips}) f->outputs.push_back(b.Identity(t));
    for (const Grad& r : results) f->outputs.push_back(b.Identity(r.tensor()));
    for (size_t i = 0; i < gradient_.sources().size(); ++i) {
      const Tensor& p = gradient_.stand_ins()[i];
      const auto popped = popped_.find(p);
      f->inputs.push_back(p);
      f->outputs.push_back(popped == popped_.end() ? p : popped->second);
    }
    f->control_outputs = autodiff::Effects(*f->graph);
    return f;
  }

  // Initial values of the captured loop variables, around the loop.
  std::vector<Tensor> Captured() const {
    std::vector<Tensor> tensors;
    for (const Tensor& source : gradient_.sources()) {
      tensors.push_back(Outside(source));
    }
    return tensors;
  }

 private:
  Tensor Outside(const Tensor& source) const {
    if (!loop_.Owns(source)) return source;
    const auto out = loop_.outputs.find(source);
    if (out != loop_.outputs.end()) return loop_.op->output(out->second);
    return loop_.op->input(loop_.inputs.at(source));
  }

  Tensor StandInOf(const Tensor& tensor) {
    if (!loop_.Owns(tensor)) return {};
    Tensor t = tensor;
    while (t.op->type() == "Identity") t = t.op->input(0);
    if (const auto known = values_.find(t); known != values_.end()) return known->second;
    Tensor value;
    if (loop_.IsInvariant(t)) {
      value = gradient_.Capture(t);
    } else if (t.dtype() == DType::kResource) {
      value = gradient_.Capture(autodiff::ResourceArgument(loop_.body, t));
    } else {
      value = autodiff::CopyOfConstant(gradient_.b(), t);
      if (!value) value = Popped(t);
    }
    values_.emplace(t, value);
    return value;
  }

  Tensor Popped(const Tensor& t) {
    Tensor list = loop_.FindAccumulator(t);
    if (!list) list = loop_.Accumulate(t);
    const Tensor p = gradient_.Capture(list);
    std::vector<int64_t> dims = t.shape().dims();
    Builder& b = gradient_.b();
    In shape = !t.shape().has_rank() ? In(-1)
               : dims.empty()        ? In(Array(DType::kInt32, {0}))
                                     : In(std::move(dims));
    Operation* pop =
        b.AddOp("TensorListPopBack", {p, std::move(shape)}, {{"element_dtype", t.dtype()}});
    popped_.emplace(p, pop->output(0));
    pop->graph().SetShape(pop->output(1), t.shape());
    return pop->output(1);
  }

  // Has the forward body perform a reduction of its own tensors.
  Operation* Divert(const OperationSpec& spec) {
    if (!IsCheapToKeep(spec.type) || spec.inputs.empty()) return nullptr;
    for (const Tensor& t : spec.inputs) {
      if (!t || !loop_.Owns(t) || loop_.FindAccumulator(t)) return nullptr;
    }
    for (const auto& [known, op] : diverted_) {
      if (known.type == spec.type && known.inputs == spec.inputs && known.attrs == spec.attrs) {
        return op;
      }
    }
    OperationSpec moved = spec;
    moved.control_inputs.clear();
    if (!moved.name.empty() && moved.name.back() == '/') moved.name.pop_back();
    Graph& graph = *loop_.body.graph;
    const std::string scope = graph.name_scope();
    graph.set_name_scope("");
    Operation* op = nullptr;
    try {
      op = graph.AddOperation(std::move(moved));
    } catch (...) {
      graph.set_name_scope(scope);
      throw;
    }
    graph.set_name_scope(scope);
    diverted_.emplace_back(spec, op);
    return op;
  }

  ForwardLoop& loop_;
  std::unordered_map<Tensor, Tensor, TensorHash> values_, popped_;
  std::vector<std::pair<OperationSpec, Operation*>> diverted_;
  GradientGraph gradient_;
};

// counter < trips
std::shared_ptr<const Function> BackwardCondition(Graph& outer, const ForwardLoop& loop,
                                                  const std::vector<Tensor>& vars) {
  GradientGraph gradient(outer, [](const Tensor&) { return Tensor{}; });
  auto f = std::make_shared<Function>();
  f->name = autodiff::Suffixed(loop.cond.name, "grad");
  f->graph = gradient.graph();
  for (const Tensor& t : vars) {
    f->inputs.push_back(autodiff::StandIn(*f->graph, t, "Placeholder"));
  }
  Builder& b = gradient.b();
  f->outputs.push_back(b.Identity(b.Op("Less", {f->inputs[0], f->inputs[2]})));
  return f;
}

// The gradients that reach the outputs of the loop, as tensors; none where none can flow.
std::vector<Grad> Received(GradientContext& g, const ForwardLoop& loop) {
  const Operation& op = *loop.op;
  const Attr* known = op.FindAttr("_num_original_outputs");
  const int64_t original = known != nullptr && known->is<int64_t>()
                               ? std::min<int64_t>(known->as<int64_t>(), op.num_outputs())
                               : op.num_outputs();
  std::vector<Grad> grads(static_cast<size_t>(op.num_outputs()));
  for (int i = 0; i < original; ++i) {
    if (IsTrainable(loop.body.outputs[static_cast<size_t>(i)].dtype()) && !g.grad(i).none()) {
      grads[static_cast<size_t>(i)] = g.dy(i);
    }
  }
  return grads;
}

}  // namespace

std::vector<Grad> DifferentiateLoop(GradientContext& g) {
  Operation* op = g.op;
  ForwardLoop loop(op);
  std::vector<Grad> grads = Received(g, loop);
  const DType counter_type = op->output_dtype(0);
  std::vector<Tensor> vars{g.b.Constant(Array::FromDouble(counter_type, 0), "grad_counter"),
                           op->input(1), op->output(0)};
  for (const Grad& grad : grads) {
    if (!grad.none()) vars.push_back(grad.tensor());
  }
  std::shared_ptr<const Function> body;
  {
    BackwardBody backward(g.b.graph(), loop);
    body = backward.Build(grads, counter_type);
    loop.Rewrite();
    for (const Tensor& t : backward.Captured()) vars.push_back(t);
  }
  const std::shared_ptr<const Function> cond = BackwardCondition(g.b.graph(), loop, vars);
  g.b.graph().AddFunction(cond);
  g.b.graph().AddFunction(body);
  AttrMap attrs{{"cond", FunctionRef{cond->name, cond}},
                {"body", FunctionRef{body->name, body}},
                {"output_shapes", autodiff::OutputShapes(*body)},
                {"parallel_iterations", op->int_attr("parallel_iterations")},
                {"_num_original_outputs", static_cast<int64_t>(vars.size())}};
  Operation* call = g.b.AddOp(autodiff::IsStateful(*body) ? "While" : "StatelessWhile", {In(vars)},
                              std::move(attrs), op->name() + "_grad");
  std::vector<Tensor> results;
  for (int i = 0; i < call->num_outputs(); ++i) results.push_back(g.b.Identity(call->output(i)));
  size_t next = 3;
  for (Grad& grad : grads) {
    if (!grad.none()) grad = results[next++];
  }
  return grads;
}

}  // namespace wengert
