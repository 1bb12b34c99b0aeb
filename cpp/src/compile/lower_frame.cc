#include "compile/lower_frame.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_set>

namespace wengert::compile {

namespace {

// Order after graph surgery, when ids are not topological: the smallest ready id first.
std::vector<Operation*> SortTopologically(const std::vector<Operation*>& reached,
                                          const std::unordered_set<Tensor, TensorHash>& fed) {
  std::unordered_map<const Operation*, int> missing;
  std::unordered_map<const Operation*, std::vector<Operation*>> readers;
  for (Operation* op : reached) missing[op] = 0;
  auto edge = [&](Operation* from, Operation* to) {
    readers[from].push_back(to);
    ++missing[to];
  };
  for (Operation* op : reached) {
    for (const Tensor& t : op->inputs()) {
      if (!fed.count(t)) edge(t.op, op);
    }
    for (Operation* control : op->control_inputs()) edge(control, op);
  }
  auto later = [](const Operation* a, const Operation* b) { return a->id() > b->id(); };
  std::priority_queue<Operation*, std::vector<Operation*>, decltype(later)> ready(later);
  for (Operation* op : reached) {
    if (missing[op] == 0) ready.push(op);
  }
  std::vector<Operation*> order;
  while (!ready.empty()) {
    Operation* op = ready.top();
    ready.pop();
    order.push_back(op);
    for (Operation* reader : readers[op]) {
      if (--missing[reader] == 0) ready.push(reader);
    }
  }
  if (order.size() != reached.size()) {
    throw InvalidArgument("Graph is invalid, contains a cycle with " +
                          std::to_string(reached.size() - order.size()) + " nodes");
  }
  return order;
}

}  // namespace

Frame MakeFrame(const std::vector<Tensor>& inputs, const std::vector<Value>& input_values,
                std::vector<Tensor> outputs, const std::vector<Operation*>& targets) {
  Frame frame;
  const std::unordered_set<Tensor, TensorHash> fed(inputs.begin(), inputs.end());
  std::vector<Operation*> stack, reached;
  int32_t num_values = 0;
  auto place = [&](const Operation* op) {
    const size_t id = static_cast<size_t>(op->id());
    if (id >= frame.first.size()) frame.first.resize(id + 1 + id / 2, -1);
    if (frame.first[id] >= 0) return false;
    frame.first[id] = num_values;
    num_values += std::max(1, op->num_outputs());  // one at least: it also marks the visit
    return true;
  };
  std::unordered_set<const Operation*> fed_only;
  for (const Tensor& t : inputs) {
    if (place(t.op)) fed_only.insert(t.op);
  }
  auto visit = [&](Operation* op) {
    if (place(op) || (!fed_only.empty() && fed_only.erase(op))) {
      stack.push_back(op);
      reached.push_back(op);
    }
  };
  for (const Tensor& t : outputs) {
    if (!fed.count(t)) visit(t.op);
  }
  for (Operation* op : targets) visit(op);
  while (!stack.empty()) {
    Operation* op = stack.back();
    stack.pop_back();
    for (const Tensor& t : op->inputs()) {
      if (!fed.count(t)) visit(t.op);
    }
    for (Operation* control : op->control_inputs()) visit(control);
  }
  const bool ordered = reached.empty() || reached[0]->graph().is_ordered();
  if (ordered) {
    std::sort(reached.begin(), reached.end(),
              [](const Operation* a, const Operation* b) { return a->id() < b->id(); });
    frame.order = std::move(reached);
  } else {
    frame.order = SortTopologically(reached, fed);
  }
  frame.values.resize(static_cast<size_t>(num_values));
  frame.outputs = std::move(outputs);
  for (size_t i = 0; i < inputs.size(); ++i) frame.value(inputs[i]) = input_values[i];
  return frame;
}

}  // namespace wengert::compile
