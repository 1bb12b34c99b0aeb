// The gradient of a conditional is a conditional. Its branches compute the gradients of the
// branches; what they need from inside the latter leaves those as additional outputs, wrapped
// as optional values, since only the branch that runs has them.
#include <algorithm>

#include "autodiff/functions.h"
#include "autodiff/gradient_graph.h"
#include "autodiff/zeros.h"
#include "wengert/control_flow.h"
#include "wengert/op_def.h"

namespace wengert {

namespace {

using autodiff::Effects;
using autodiff::GradientGraph;

bool IsIf(const Operation& op) {
  return op.type() == "If" || op.type() == "StatelessIf";
}

std::vector<std::shared_ptr<const Function>> BranchesOf(const Operation& op) {
  std::vector<std::shared_ptr<const Function>> branches;
  if (IsIf(op)) {
    for (const char* name : {"then_branch", "else_branch"}) {
      branches.push_back(FindFunction(op.graph(), op.attr(name).as<FunctionRef>()));
    }
    return branches;
  }
  for (const FunctionRef& ref : op.attr("branches").as<std::vector<FunctionRef>>()) {
    branches.push_back(FindFunction(op.graph(), ref));
  }
  return branches;
}

AttrMap BranchAttrs(bool is_if, const std::vector<std::shared_ptr<const Function>>& branches) {
  if (is_if) {
    return {{"then_branch", FunctionRef{branches[0]->name, branches[0]}},
            {"else_branch", FunctionRef{branches[1]->name, branches[1]}}};
  }
  std::vector<FunctionRef> refs;
  refs.reserve(branches.size());
  for (const auto& f : branches) refs.push_back({f->name, f});
  return {{"branches", std::move(refs)}};
}

// The gradient of one branch as it grows.
class Branch {
 public:
  Branch(Graph& outer, const std::shared_ptr<const Function>& forward)
      : forward_(forward),
        inputs_(autodiff::PositionsOf(forward->inputs)),
        outputs_(autodiff::PositionsOf(forward->outputs)),
        gradient_(outer, [this](const Tensor& t) { return Intermediate(t); }) {}

  const Function& forward() const { return *forward_; }
  GradientGraph& gradient() { return gradient_; }
  std::vector<Grad>& grads() { return grads_; }
  // New outputs of the branch, in its graph.
  const std::vector<Tensor>& optionals() const { return optionals_; }

  void Differentiate(const std::vector<Grad>& out_grads) {
    std::vector<Tensor> ys;
    std::vector<Grad> grad_ys;
    for (size_t i = 0; i < out_grads.size() && i < forward_->outputs.size(); ++i) {
      const Tensor& y = forward_->outputs[i];
      if (!IsTrainable(y.dtype()) || out_grads[i].none()) continue;
      ys.push_back(y);
      grad_ys.push_back(out_grads[i]);
    }
    grads_ = Gradients(*gradient_.graph(), ys, forward_->inputs, grad_ys);
    for (Grad& g : grads_) {
      if (!g.none()) g = Returned(g);
    }
  }

  // The tensor around the conditional `op` that `source` of the branch is there.
  Tensor Outside(Operation* op, const Tensor& source) const {
    if (&source.graph() != forward_->graph.get()) return source;
    if (const auto it = outputs_.find(source); it != outputs_.end()) return op->output(it->second);
    return op->input(inputs_.at(source) + 1);
  }
  void SetOutputPosition(const Tensor& optional, int position) { outputs_[optional] = position; }

 private:
  Grad Returned(const Grad& g) {
    Builder& b = gradient_.b();
    if (!g.is_slices()) return b.Identity(g.tensor());
    IndexedSlices s;
    s.values = b.Identity(g.slices().values);
    s.indices = b.Identity(g.slices().indices);
    if (g.slices().dense_shape) s.dense_shape = b.Identity(g.slices().dense_shape);
    return s;
  }

  Tensor Intermediate(const Tensor& t) {
    if (&t.graph() != forward_->graph.get() || inputs_.count(t) || outputs_.count(t)) return {};
    if (const auto it = unwrapped_.find(t); it != unwrapped_.end()) return it->second;
    Tensor value = autodiff::CopyOfConstant(gradient_.b(), t);
    if (!value && t.dtype() == DType::kResource) {
      value = gradient_.Capture(autodiff::ResourceArgument(*forward_, t));
    }
    if (!value) {
      const Tensor optional = gradient_.Capture(Wrapped(t));
      value = gradient_.b().Op("OptionalGetValue", {optional},
                               {{"output_types", std::vector<DType>{t.dtype()}},
                                {"output_shapes", std::vector<Shape>{t.shape()}}});
      if (std::optional<HandleData> data = GetHandleData(t)) SetHandleData(value.op, *data);
    }
    unwrapped_.emplace(t, value);
    return value;
  }

  Tensor Wrapped(const Tensor& t) {
    for (Operation* reader : forward_->graph->Consumers(t)) {
      if (reader->type() == "OptionalFromValue" && outputs_.count(reader->output(0))) {
        return reader->output(0);  // an earlier gradient needed it
      }
    }
    Builder b(*forward_->graph);
    const Tensor optional = b.Op("OptionalFromValue", {In(std::vector<Tensor>{t})});
    optionals_.push_back(optional);
    return optional;
  }

  std::shared_ptr<const Function> forward_;
  std::unordered_map<Tensor, int, TensorHash> inputs_, outputs_;
  std::unordered_map<Tensor, Tensor, TensorHash> unwrapped_;
  std::vector<Tensor> optionals_;
  std::vector<Grad> grads_;
  GradientGraph gradient_;
};

using Branches = std::vector<std::unique_ptr<Branch>>;

// A new output of a conditional: an optional value of each branch that has one.
struct Slot {
  Tensor like;  // what is wrapped
  std::vector<Tensor> values;
};

// Values of the same type share an output, since only one branch runs.
std::vector<Slot> Slots(const Branches& branches) {
  std::vector<Slot> slots;
  for (size_t i = 0; i < branches.size(); ++i) {
    for (const Tensor& optional : branches[i]->optionals()) {
      const Tensor& value = optional.op->input(0);
      auto slot = std::find_if(slots.begin(), slots.end(), [&](const Slot& s) {
        return !s.values[i] && s.like.dtype() == value.dtype() && s.like.shape() == value.shape();
      });
      if (slot == slots.end()) {
        slots.push_back({value, std::vector<Tensor>(branches.size())});
        slot = std::prev(slots.end());
      }
      slot->values[i] = optional;
    }
  }
  return slots;
}

// Gives `op` the outputs that the gradients of its branches need.
void Grow(Operation* op, Branches& branches) {
  std::vector<Slot> slots = Slots(branches);
  if (slots.empty()) return;
  std::vector<std::vector<Tensor>> added(branches.size());
  for (size_t k = 0; k < slots.size(); ++k) {
    for (size_t i = 0; i < branches.size(); ++i) {
      Tensor& value = slots[k].values[i];
      if (value) {
        branches[i]->SetOutputPosition(value, op->num_outputs() + static_cast<int>(k));
      } else {
        value = Builder(*branches[i]->forward().graph).Op("OptionalNone", {});
      }
      added[i].push_back(value);
    }
  }
  std::vector<std::shared_ptr<const Function>> functions;
  for (size_t i = 0; i < branches.size(); ++i) {
    auto grown = std::make_shared<Function>(branches[i]->forward());
    grown->name = autodiff::Suffixed(grown->name, "rewritten");
    grown->outputs.insert(grown->outputs.end(), added[i].begin(), added[i].end());
    op->graph().AddFunction(grown);
    functions.push_back(std::move(grown));
  }
  if (const Attr* known = op->FindAttr("output_shapes")) {
    std::vector<Shape> shapes = known->as<std::vector<Shape>>();
    if (!shapes.empty()) {
      shapes.resize(shapes.size() + added[0].size(), Shape::Scalar());
      op->SetAttr("output_shapes", std::move(shapes));
    }
  }
  for (auto& [name, value] : BranchAttrs(IsIf(*op), functions)) op->SetAttr(name, value);
  for (size_t i = 0; i < added[0].size(); ++i) {
    op->graph().AddOutput(op, DType::kVariant, Shape::Scalar());
  }
}

// The slices that say what the tensor says.
IndexedSlices AllRows(Builder& b, const Tensor& t, DType index_type) {
  const Tensor shape = b.ShapeOf(t, index_type);
  const Tensor rows = b.StridedSlice(shape, std::vector<int64_t>{0}, std::vector<int64_t>{1},
                                     std::vector<int64_t>{1}, 0, 0, 1);
  return {t,
          b.Op("Range", {b.Constant(Array::FromDouble(index_type, 0)), rows,
                         b.Constant(Array::FromDouble(index_type, 1))}),
          shape};
}

// Makes the gradients of input `i` alike in all branches: all none, all tensors or all slices.
void Match(Branches& branches, size_t i) {
  bool any = false, slices = false, dense_shape = true, wide = false;
  for (const auto& branch : branches) {
    const Grad& g = branch->grads()[i];
    any |= !g.none();
    if (!g.is_slices()) continue;
    slices = true;
    dense_shape &= static_cast<bool>(g.slices().dense_shape);
    wide |= g.slices().indices.dtype() == DType::kInt64;
  }
  if (!any) return;
  const DType index_type = wide ? DType::kInt64 : DType::kInt32;
  for (auto& branch : branches) {
    Grad& g = branch->grads()[i];
    Builder& b = branch->gradient().b();
    if (g.none()) g = autodiff::UnconnectedZeros(b, branch->forward().inputs[i]);
    if (!slices) continue;
    IndexedSlices s = g.is_slices() ? g.slices() : AllRows(b, g.tensor(), index_type);
    s.indices = b.Cast(s.indices, index_type);
    if (s.dense_shape) s.dense_shape = b.Cast(s.dense_shape, index_type);
    if (!dense_shape) s.dense_shape = Tensor{};
    g = s;
  }
}

// What the branches read from outside: each tensor once.
std::vector<Tensor> Arguments(Operation* op, const Branches& branches) {
  std::vector<Tensor> args;
  std::unordered_map<Tensor, int, TensorHash> seen;
  for (const auto& branch : branches) {
    for (const Tensor& source : branch->gradient().sources()) {
      const Tensor t = branch->Outside(op, source);
      if (seen.emplace(t, static_cast<int>(args.size())).second) args.push_back(t);
    }
  }
  return args;
}

std::shared_ptr<const Function> Finish(Operation* op, Branch& branch,
                                       const std::vector<Tensor>& args) {
  GradientGraph& gradient = branch.gradient();
  auto f = std::make_shared<Function>();
  f->name = autodiff::Suffixed(branch.forward().name, "grad");
  f->graph = gradient.graph();
  std::unordered_map<Tensor, Tensor, TensorHash> stand_ins;
  for (size_t i = 0; i < gradient.sources().size(); ++i) {
    stand_ins.emplace(branch.Outside(op, gradient.sources()[i]), gradient.stand_ins()[i]);
  }
  for (const Tensor& arg : args) {
    const auto it = stand_ins.find(arg);
    f->inputs.push_back(it != stand_ins.end() ? it->second
                                              : autodiff::StandIn(*f->graph, arg, "Placeholder"));
  }
  for (const Grad& g : branch.grads()) {
    if (g.none()) continue;
    if (!g.is_slices()) {
      f->outputs.push_back(g.tensor());
      continue;
    }
    f->outputs.push_back(g.slices().values);
    f->outputs.push_back(g.slices().indices);
    if (g.slices().dense_shape) f->outputs.push_back(g.slices().dense_shape);
  }
  f->control_outputs = Effects(*f->graph);
  return f;
}

}  // namespace

std::vector<Grad> DifferentiateConditional(GradientContext& g) {
  Operation* op = g.op;
  Branches branches;
  for (const auto& forward : BranchesOf(*op)) {
    branches.push_back(std::make_unique<Branch>(g.b.graph(), forward));
    branches.back()->Differentiate(g.out_grads);
  }
  const size_t inputs = static_cast<size_t>(op->num_inputs()) - 1;
  for (size_t i = 0; i < inputs; ++i) Match(branches, i);
  Grow(op, branches);

  const std::vector<Tensor> args = Arguments(op, branches);
  std::vector<std::shared_ptr<const Function>> functions;
  bool stateful = false;
  for (auto& branch : branches) {
    functions.push_back(Finish(op, *branch, args));
    stateful |= autodiff::IsStateful(*functions.back());
    g.b.graph().AddFunction(functions.back());
  }
  std::vector<Grad> grads(inputs + 1);
  AttrMap attrs = BranchAttrs(IsIf(*op), functions);
  attrs["Tout"] = autodiff::OutputDTypes(*functions[0]);
  const std::string type =
      IsIf(*op) ? (stateful ? "If" : "StatelessIf") : (stateful ? "Case" : "StatelessCase");
  Operation* call =
      g.b.AddOp(type, {op->input(0), In(args)}, std::move(attrs), IsIf(*op) ? type : "gradient");
  int next = 0;
  const auto output = [&] { return g.b.Identity(call->output(next++)); };
  for (size_t i = 0; i < inputs; ++i) {
    const Grad& like = branches[0]->grads()[i];
    if (like.none()) continue;
    if (!like.is_slices()) {
      grads[i + 1] = output();
      continue;
    }
    IndexedSlices s;
    s.values = output();
    s.indices = output();
    if (like.slices().dense_shape) s.dense_shape = output();
    grads[i + 1] = s;
  }
  return grads;
}

}  // namespace wengert
