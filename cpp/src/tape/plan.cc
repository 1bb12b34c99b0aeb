// Plans: the gradient of a form, as a function of its values.
#include <algorithm>
#include <list>

#include "autodiff/backward.h"
#include "tape/graph_lock.h"
#include "tape/segment.h"

namespace wengert::tape {

namespace {

constexpr size_t kMostPlans = 1024;

// The graph of a form.
class FormGraph {
 public:
  explicit FormGraph(const Form& form)
      : graph_(Graph::Create()), form_(form), tensors_(form.values.size()) {
    for (const Form::Op& op : form.ops) ops_.push_back(AddOp(op));
  }
  Graph& graph() { return *graph_; }
  const Tensor& tensor(int value) const { return tensors_[static_cast<size_t>(value)]; }
  std::vector<Tensor> tensors(const std::vector<int>& values) const {
    std::vector<Tensor> result;
    for (int v : values) result.push_back(tensor(v));
    return result;
  }
  const std::vector<Operation*>& ops() const { return ops_; }

 private:
  const Tensor& Input(int number) {
    Tensor& t = tensors_[static_cast<size_t>(number)];
    if (t) return t;
    const Form::Value& v = form_.values[static_cast<size_t>(number)];
    OperationSpec spec;
    spec.type = v.constant.valid() ? "Const" : "Placeholder";
    spec.name = "input";
    spec.attrs["dtype"] = v.dtype;
    if (v.constant.valid()) {
      spec.attrs["value"] = v.constant;
    } else {
      spec.attrs["shape"] = Shape(v.dims);
    }
    Operation* op = graph_->AddOperation(std::move(spec));
    if (v.handle_dtype != DType::kInvalid) SetHandleData(op, {v.handle_dtype, v.handle_shape});
    return t = op->output(0);
  }

  Operation* AddOp(const Form::Op& form_op) {
    OperationSpec spec;
    spec.type = form_op.def->name();
    spec.name = spec.type;
    if (form_op.attrs) spec.attrs = *form_op.attrs;
    if (form_op.function) {
      const Function& f = *form_op.function;
      std::vector<DType> types;
      for (const Tensor& t : f.outputs) types.push_back(t.dtype());
      spec.attrs["f"] = FunctionRef{f.name, form_op.function};
      spec.attrs["Tout"] = types;
      if (static_cast<size_t>(form_op.num_outputs) < types.size()) {
        spec.attrs["_differentiated_outputs"] = Attr(form_op.num_outputs);
      }
    }
    for (int i : form_op.inputs) spec.inputs.push_back(Input(i));
    Operation* op = graph_->AddOperation(std::move(spec));
    for (int k = 0; k < op->num_outputs(); ++k) {
      const size_t number = static_cast<size_t>(form_op.outputs[static_cast<size_t>(k)]);
      const Form::Value& v = form_.values[number];
      tensors_[number] = op->output(k);
      if (v.dtype != DType::kResource) graph_->SetShape(op->output(k), Shape(v.dims));
    }
    return op;
  }

  std::shared_ptr<Graph> graph_;
  const Form& form_;
  std::vector<Tensor> tensors_;
  std::vector<Operation*> ops_;
};

std::shared_ptr<const Plan> MakePlan(const Form& form) {
  auto plan = std::make_shared<Plan>();
  plan->form = form;
  for (Form::Op& op : plan->form.ops) {
    if (op.function == nullptr) continue;
    plan->functions.push_back(op.function);
    op.function = nullptr;
  }
  FormGraph forward(form);
  autodiff::Backward backward = autodiff::BuildBackward(forward.graph(), forward.tensors(form.ys),
                                                        forward.tensors(form.xs), "tape");
  plan->backward = std::move(backward.function);
  plan->results = std::move(backward.results);
  std::unordered_map<Tensor, int, TensorHash> number;
  for (size_t i = 0; i < form.values.size(); ++i) {
    if (const Tensor& t = forward.tensor(static_cast<int>(i))) number.emplace(t, i);
  }
  for (const Tensor& t : backward.captured) {
    Plan::Captured captured;
    if (auto it = number.find(t); it != number.end()) {
      captured.value = it->second;
    } else {
      const auto& ops = forward.ops();
      const auto op = std::find(ops.begin(), ops.end(), t.op);
      if (op == ops.end()) {
        throw Error(ErrorKind::kInternal, "a gradient needs a value that was not recorded");
      }
      captured.op = static_cast<int>(op - ops.begin());
      captured.output = t.index;
    }
    plan->captured.push_back(captured);
  }
  for (size_t i = 0; i < form.ops.size(); ++i) {
    const Operation* op = forward.ops()[i];
    if (form.ops[i].function == nullptr) continue;
    if (static_cast<size_t>(op->num_outputs()) == form.ops[i].outputs.size()) continue;
    plan->grown.emplace_back(static_cast<int>(i),
                             FindFunction(op->graph(), op->attr("f").as<FunctionRef>()));
  }
  return plan;
}

class PlanCache {
 public:
  std::shared_ptr<const Plan> Find(size_t hash, const Form& form) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto [first, last] = index_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
      const Plan& plan = *it->second->second;
      if (!(plan.form == form) || plan.expired()) continue;
      plans_.splice(plans_.begin(), plans_, it->second);
      return it->second->second;
    }
    return nullptr;
  }
  void Add(size_t hash, std::shared_ptr<const Plan> plan) {
    std::list<Entry> dropped;  // destroyed after the lock is released
    std::lock_guard<std::mutex> lock(mutex_);
    plans_.emplace_front(hash, std::move(plan));
    index_.emplace(hash, plans_.begin());
    for (auto it = plans_.begin(); it != plans_.end();) {
      const auto next = std::next(it);
      if (it->second->expired()) Drop(it, &dropped);
      it = next;
    }
    if (plans_.size() > kMostPlans) Drop(std::prev(plans_.end()), &dropped);
  }

 private:
  using Entry = std::pair<size_t, std::shared_ptr<const Plan>>;
  void Drop(std::list<Entry>::iterator plan, std::list<Entry>* dropped) {
    auto [first, last] = index_.equal_range(plan->first);
    for (auto it = first; it != last; ++it) {
      if (it->second != plan) continue;
      index_.erase(it);
      break;
    }
    dropped->splice(dropped->begin(), plans_, plan);
  }
  std::mutex mutex_;
  std::list<Entry> plans_;  // most recently used first
  std::unordered_multimap<size_t, std::list<Entry>::iterator> index_;
};

}  // namespace

bool Plan::expired() const {
  return std::any_of(functions.begin(), functions.end(),
                     [](const std::weak_ptr<const Function>& f) { return f.expired(); });
}

std::shared_ptr<const Plan> FindPlan(const Form& form) {
  static PlanCache* cache = new PlanCache;
  const size_t hash = form.Hash();
  std::shared_ptr<const Plan> plan = cache->Find(hash, form);
  if (plan == nullptr) {
    const std::shared_ptr<void> lock = AcquireGraphLock();
    plan = MakePlan(form);
    cache->Add(hash, plan);
  }
  return plan;
}

}  // namespace wengert::tape
