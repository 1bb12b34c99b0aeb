// Contexts of control dependencies.
#include <algorithm>

#include "wengert/graph.h"

namespace wengert {
namespace {

bool Contains(const std::vector<Operation*>& ops, const Operation* op) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

}  // namespace

bool Graph::ControlContext::Saw(const Operation* op) const {
  const int64_t id = op->id();
  if (id < first) return false;
  const auto hole = std::upper_bound(holes.begin(), holes.end(), id,
                                     [](int64_t value, const auto& h) { return value < h.first; });
  return hole == holes.begin() || id >= std::prev(hole)->second;
}

void Graph::PushControlDependencies(std::vector<Operation*> ops, bool clear) {
  ControlContext context{{}, clear, num_operations(), {}};
  for (Operation* op : ops) {
    if (!op) throw ValueError("a control dependency is empty");
    if (&op->graph() != this) {
      // A traced function depends on operations around its call through the call.
      if (capture) continue;
      throw ValueError("Operation '" + op->name() + "' is not an element of this graph.");
    }
    bool active = Contains(context.controls, op);
    for (size_t i = control_stack_.size(); !clear && !active && i-- > 0;) {
      active = Contains(control_stack_[i].controls, op);
      if (control_stack_[i].clear) break;
    }
    if (!active) context.controls.push_back(op);
  }
  control_stack_.push_back(std::move(context));
}

void Graph::PopControlDependencies() {
  if (control_stack_.empty()) throw RuntimeError("no context of control dependencies to leave");
  const ControlContext closed = std::move(control_stack_.back());
  control_stack_.pop_back();
  if (!closed.clear || closed.first == num_operations()) return;
  for (ControlContext& outer : control_stack_) {
    // Holes that lie inside the new one are part of it.
    while (!outer.holes.empty() && outer.holes.back().first >= closed.first) {
      outer.holes.pop_back();
    }
    if (!outer.holes.empty() && outer.holes.back().second == closed.first) {
      outer.holes.back().second = num_operations();
    } else {
      outer.holes.emplace_back(closed.first, num_operations());
    }
  }
}

void Graph::ApplyControlDependencies(const std::vector<Tensor>& inputs,
                                     std::vector<Operation*>* control) const {
  size_t begin = control_stack_.size();
  while (begin > 0 && !control_stack_[--begin].clear) {
  }
  for (size_t i = begin; i < control_stack_.size(); ++i) {
    const ControlContext& context = control_stack_[i];
    const bool implied = std::any_of(inputs.begin(), inputs.end(),
                                     [&](const Tensor& t) { return context.Saw(t.op); });
    if (implied) continue;
    for (Operation* op : context.controls) {
      const bool input =
          std::any_of(inputs.begin(), inputs.end(), [&](const Tensor& t) { return t.op == op; });
      if (!input && !Contains(*control, op)) control->push_back(op);
    }
  }
}

}  // namespace wengert
