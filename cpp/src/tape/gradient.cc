// Tape::Gradient: from the last operation back to the first, in runs between operations with
// gradients of their own.
#include <algorithm>

#include "tape/function_runner.h"
#include "tape/segment.h"
#include "wengert/tape.h"

namespace wengert {

namespace {

using Entries = std::vector<std::shared_ptr<TapeEntry>>;

// Longer runs are cut: what repeats, such as the steps of a loop, then shares few programs.
constexpr size_t kMostOpsOfRun = 256;

Array Ones(const Array& like) {
  return Array::FromDouble(like.dtype(), 1.0, like.dims());
}

const OpDef& Op(const char* type) {
  return OpRegistry::Global().Get(type);
}

EagerValue Literal(Array array) {
  return {std::move(array), 0};
}

// The rows of `g` added into a dense array.
EagerValue Dense(const EagerGrad& g) {
  if (!g.is_slices()) return g.value;
  if (!g.dense_shape.array.valid()) {
    throw ValueError(
        "Tensor conversion requested for IndexedSlices without dense_shape: their gradient cannot "
        "be made dense");
  }
  const std::vector<int64_t> dims = g.dense_shape.array.AsInts();
  const EagerValue rows = Literal(Array::Scalar<int32_t>(static_cast<int32_t>(dims.at(0))));
  return Execute(Op("UnsortedSegmentSum"), {g.value, g.indices, rows}, {}).at(0);
}

EagerGrad Sum(const std::vector<EagerGrad>& terms) {
  if (terms.empty()) return {};
  if (terms.size() == 1) return terms[0];
  const AttrMap count{{"N", Attr(static_cast<int64_t>(terms.size()))}};
  const bool sparse =
      std::all_of(terms.begin(), terms.end(), [](const EagerGrad& g) { return g.is_slices(); });
  std::vector<EagerValue> values, indices;
  for (const EagerGrad& g : terms) {
    values.push_back(sparse ? g.value : Dense(g));
    if (sparse) indices.push_back(g.indices);
  }
  EagerGrad sum;
  if (!sparse) {
    sum.value = Execute(Op("AddN"), values, count).at(0);
    return sum;
  }
  const EagerValue axis = Literal(Array::Scalar<int32_t>(0));
  values.push_back(axis);
  indices.push_back(axis);
  sum.value = Execute(Op("ConcatV2"), values, count).at(0);
  sum.indices = Execute(Op("ConcatV2"), indices, count).at(0);
  sum.dense_shape = terms[0].dense_shape;
  return sum;
}

// The backward pass of one Tape::Gradient.
class Pass {
 public:
  Pass(const Entries& entries, const std::vector<EagerValue>& xs) {
    for (const EagerValue& x : xs) {
      sources_.insert(x.id);
      reached_.insert(x.id);
    }
    sources_.erase(0);
    reached_.erase(0);
    for (const auto& entry : entries) {
      if (!AnyReached(entry->inputs)) continue;
      for (const EagerValue& v : entry->outputs) {
        if (IsTrainable(v.array.dtype())) reached_.insert(v.id);
      }
      forward_.push_back(entry);
    }
  }

  void Receive(const EagerValue& v, EagerGrad grad) {
    if (v.id != 0) waiting_[v.id].push_back(std::move(grad));
  }
  // Leaves the gradient of each source in `waiting_` or `results_`.
  void Run(const std::vector<EagerValue>& ys);
  EagerGrad Result(const EagerValue& x) {
    auto done = results_.find(x.id);
    if (done != results_.end()) return done->second;
    EagerGrad sum = Sum(waiting_[x.id]);
    return results_.emplace(x.id, std::move(sum)).first->second;
  }

 private:
  bool AnyReached(const std::vector<EagerValue>& values) const {
    for (const EagerValue& v : values) {
      if (reached_.count(v.id) && IsTrainable(v.array.dtype())) return true;
    }
    return false;
  }
  void RunSegment(const Entries& entries);
  void RunCustom(TapeEntry& entry);
  std::vector<EagerGrad> Backward(const tape::Run& run, const std::vector<EagerValue>& grad_ys);

  std::unordered_set<int64_t> sources_, reached_;
  Entries forward_;  // in order, between the sources and whatever
  std::unordered_map<int64_t, std::vector<EagerGrad>> waiting_;
  std::unordered_map<int64_t, EagerGrad> results_;
};

void Pass::Run(const std::vector<EagerValue>& ys) {
  std::unordered_set<int64_t> wanted;
  for (const EagerValue& y : ys) wanted.insert(y.id);
  Entries segment;  // backwards
  auto flush = [&] {
    if (segment.empty()) return;
    std::reverse(segment.begin(), segment.end());
    RunSegment(segment);
    segment.clear();
  };
  for (auto it = forward_.rbegin(); it != forward_.rend(); ++it) {
    const std::shared_ptr<TapeEntry>& entry = *it;
    bool any = false;
    for (const EagerValue& v : entry->outputs) any |= wanted.count(v.id) > 0;
    if (!any) continue;
    for (const EagerValue& v : entry->inputs) {
      if (reached_.count(v.id) && IsTrainable(v.array.dtype())) wanted.insert(v.id);
    }
    if (!entry->backward) {
      segment.push_back(entry);
      if (segment.size() == kMostOpsOfRun) flush();
      continue;
    }
    flush();
    RunCustom(*entry);
  }
  flush();
}

void Pass::RunSegment(const Entries& entries) {
  tape::Run run(entries);
  std::unordered_set<int64_t> made;
  std::vector<EagerValue> grad_ys;
  std::vector<EagerValue> xs;
  for (const auto& entry : entries) {
    for (const EagerValue& v : entry->outputs) {
      if (!made.insert(v.id).second) continue;
      if (sources_.count(v.id)) xs.push_back(v);
      auto it = waiting_.find(v.id);
      if (it == waiting_.end() || it->second.empty()) continue;
      run.form.ys.push_back(run.Find(v.id));
      grad_ys.push_back(Dense(Sum(it->second)));
    }
  }
  if (grad_ys.empty()) return;
  std::unordered_set<int64_t> taken;
  for (const auto& entry : entries) {
    for (const EagerValue& v : entry->inputs) {
      if (made.count(v.id) || !reached_.count(v.id)) continue;
      if (IsTrainable(v.array.dtype()) && taken.insert(v.id).second) xs.push_back(v);
    }
  }
  for (const EagerValue& x : xs) run.form.xs.push_back(run.Find(x.id));
  std::vector<EagerGrad> grads = Backward(run, grad_ys);
  for (size_t i = 0; i < xs.size(); ++i) {
    if (made.count(xs[i].id)) {
      results_[xs[i].id] = grads[i];
    } else if (!grads[i].none()) {
      Receive(xs[i], std::move(grads[i]));
    }
  }
}

// Makes `entry` a call of `function`, which returns more.
void Grow(TapeEntry& entry, const std::shared_ptr<const Function>& function) {
  if (function->outputs.size() <= entry.outputs.size()) return;
  std::vector<Array> arrays;
  for (const EagerValue& v : entry.inputs) arrays.push_back(v.array);
  std::vector<Array> outputs = tape::RunFunction(function, arrays);
  std::vector<std::shared_ptr<Tape>> tapes;
  for (const auto& tape : ActiveTapes()) {
    if (tape->ShouldRecord(entry.inputs)) tapes.push_back(tape);
  }
  for (size_t i = entry.outputs.size(); i < outputs.size(); ++i) {
    entry.outputs.push_back(NewValue(std::move(outputs[i])));
    for (const auto& tape : tapes) tape->Watch(entry.outputs.back());
  }
  entry.function = function;
}

std::vector<EagerGrad> Pass::Backward(const tape::Run& run,
                                      const std::vector<EagerValue>& grad_ys) {
  const std::shared_ptr<const tape::Plan> plan = tape::FindPlan(run.form);
  std::vector<EagerGrad> grads(run.form.xs.size());
  if (plan->backward->outputs.empty()) return grads;
  for (const auto& [op, function] : plan->grown) {
    Grow(*run.entries[static_cast<size_t>(op)], function);
  }
  std::vector<EagerValue> args = grad_ys;
  for (const tape::Plan::Captured& c : plan->captured) {
    args.push_back(c.value >= 0 ? run.values[static_cast<size_t>(c.value)]
                                : run.entries[static_cast<size_t>(c.op)]->outputs.at(
                                      static_cast<size_t>(c.output)));
  }
  const std::vector<EagerValue> out = CallFunction(plan->backward, args, false);
  for (size_t i = 0; i < grads.size(); ++i) {
    const FunctionGradient::Result& r = plan->results[i];
    if (r.values < 0) continue;
    grads[i].value = out[static_cast<size_t>(r.values)];
    if (r.indices >= 0) grads[i].indices = out[static_cast<size_t>(r.indices)];
    if (r.dense_shape >= 0) grads[i].dense_shape = out[static_cast<size_t>(r.dense_shape)];
  }
  return grads;
}

void Pass::RunCustom(TapeEntry& entry) {
  std::vector<EagerGrad> out_grads;
  bool any = false;
  for (const EagerValue& v : entry.outputs) {
    auto it = waiting_.find(v.id);
    EagerGrad grad;
    if (it != waiting_.end()) grad = Sum(it->second);
    if (!grad.none()) {
      any = true;
      EagerGrad dense;
      dense.value = Dense(grad);
      grad = dense;
      if (sources_.count(v.id)) results_[v.id] = grad;
    }
    out_grads.push_back(std::move(grad));
  }
  if (!any) return;
  std::vector<EagerGrad> in_grads = entry.backward(out_grads);
  if (in_grads.size() != entry.inputs.size()) {
    throw ValueError("a gradient function returned " + std::to_string(in_grads.size()) +
                     " gradients for " + std::to_string(entry.inputs.size()) + " inputs");
  }
  for (size_t i = 0; i < in_grads.size(); ++i) {
    const EagerValue& v = entry.inputs[i];
    if (in_grads[i].none() || !reached_.count(v.id)) continue;
    Receive(v, std::move(in_grads[i]));
  }
}

}  // namespace

std::vector<EagerGrad> Tape::Gradient(const std::vector<EagerValue>& ys,
                                      const std::vector<EagerValue>& xs,
                                      const std::vector<EagerGrad>& grad_ys) {
  if (!grad_ys.empty() && grad_ys.size() != ys.size()) {
    throw ValueError("Tape::Gradient: " + std::to_string(grad_ys.size()) + " gradients for " +
                     std::to_string(ys.size()) + " targets");
  }
  Entries entries;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    entries = entries_;
  }
  Pass pass(entries, xs);
  for (size_t i = 0; i < ys.size(); ++i) {
    EagerGrad grad = grad_ys.empty() ? EagerGrad() : grad_ys[i];
    if (grad.none()) {
      if (ys[i].array.dtype() == DType::kResource) {
        throw ValueError("the target of a gradient cannot be a resource");
      }
      grad.value = Literal(Ones(ys[i].array));
    }
    pass.Receive(ys[i], std::move(grad));
  }
  pass.Run(ys);
  std::vector<EagerGrad> result;
  for (const EagerValue& x : xs) result.push_back(pass.Result(x));
  return result;
}

}  // namespace wengert
