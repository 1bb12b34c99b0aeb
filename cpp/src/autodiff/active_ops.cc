#include "autodiff/active_ops.h"

#include <algorithm>
#include <limits>

namespace wengert::autodiff {

int32_t OpIndex::Find(const Operation* op) const {
  const size_t mask = table_.size() - 1;
  for (size_t s = Slot(op);; s = (s + 1) & mask) {
    if (table_[s] < 0) return -1;
    if (ops_[table_[s]] == op) return table_[s];
  }
}

int32_t OpIndex::Insert(Operation* op, bool* inserted) {
  const size_t mask = table_.size() - 1;
  size_t s = Slot(op);
  for (; table_[s] >= 0; s = (s + 1) & mask) {
    if (ops_[table_[s]] == op) {
      *inserted = false;
      return table_[s];
    }
  }
  *inserted = true;
  const int32_t i = size();
  table_[s] = i;
  ops_.push_back(op);
  if (ops_.size() * 2 > table_.size()) Grow();
  return i;
}

void OpIndex::Grow() {
  table_.assign(table_.size() * 2, -1);
  --shift_;
  const size_t mask = table_.size() - 1;
  for (int32_t i = 0; i < size(); ++i) {
    size_t s = Slot(ops_[i]);
    while (table_[s] >= 0) s = (s + 1) & mask;
    table_[s] = i;
  }
}

Tensor InputView::Resolve(const Tensor& t) const {
  if (!t.graph().captured_from || t.op->num_inputs() > 0 || xs_.count(t)) return t;
  Tensor outer = t;
  while (outer.graph().captured_from && outer.op->num_inputs() == 0) {
    std::optional<Tensor> next = outer.graph().captured_from(outer);
    if (!next || !*next) break;
    outer = *next;
  }
  return outer;
}

namespace {

// Ids below this bound cannot depend on any x: inputs have smaller ids than their users.
class IdBounds {
 public:
  IdBounds(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs) {
    for (const Tensor& x : xs) {
      auto [it, added] = smallest_.emplace(&x.graph(), x.op->id());
      if (!added) it->second = std::min(it->second, x.op->id());
    }
    for (const Tensor& y : ys) {
      one_graph_ &= smallest_.size() == 1 && smallest_.count(&y.graph()) == 1;
    }
  }
  int64_t Of(Graph& graph) {
    if (&graph != last_) {
      last_ = &graph;
      bound_ = Compute(graph);
    }
    return bound_;
  }

 private:
  int64_t Compute(Graph& graph) const {
    auto it = smallest_.find(&graph);
    // A stand-in may lead to an x of an outer graph, whatever its own id.
    if (!graph.is_ordered() || (graph.captured_from && !one_graph_)) return 0;
    return it == smallest_.end() ? std::numeric_limits<int64_t>::max() : it->second;
  }
  std::unordered_map<Graph*, int64_t> smallest_;
  bool one_graph_ = true;
  Graph* last_ = nullptr;
  int64_t bound_ = 0;
};

}  // namespace

ActiveOps::ActiveOps(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                     const InputView& view) {
  Collect(ys, xs, view);
  MarkActive(ys, MarkReached(xs));
}

void ActiveOps::Collect(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                        const InputView& view) {
  IdBounds bounds(ys, xs);
  bool inserted;
  for (const Tensor& y : ys) index_.Insert(y.op, &inserted);
  for (int32_t i = 0; i < index_.size(); ++i) {
    const Operation* op = index_[i];
    first_input_.push_back(static_cast<int64_t>(producers_.size()));
    if (op->id() < bounds.Of(op->graph())) {  // a y created before every x
      producers_.resize(producers_.size() + op->inputs().size(), -1);
      continue;
    }
    for (const Tensor& input : op->inputs()) {
      const Tensor t = view.Resolve(input);
      int32_t p = -1;
      if (t.op->id() >= bounds.Of(t.graph())) {
        p = index_.Insert(t.op, &inserted);
        if (IsTrainable(t.dtype())) edges_.push_back({p, i});
      }
      producers_.push_back(p);
    }
  }
}

std::vector<char> ActiveOps::MarkReached(const std::vector<Tensor>& xs) const {
  const int32_t n = size();
  // Consumers of each operation, as one array cut by `first`.
  std::vector<int32_t> first(n + 1, 0), consumers(edges_.size()), stack;
  for (const Edge& e : edges_) ++first[e.producer + 1];
  for (int32_t i = 0; i < n; ++i) first[i + 1] += first[i];
  std::vector<int32_t> next(first.begin(), first.end() - 1);
  for (const Edge& e : edges_) consumers[next[e.producer]++] = e.consumer;

  std::vector<char> reached(n, 0);
  auto visit = [&](int32_t i) {
    if (i < 0 || reached[i]) return;
    reached[i] = 1;
    stack.push_back(i);
  };
  for (const Tensor& x : xs) visit(index_.Find(x.op));
  while (!stack.empty()) {
    const int32_t i = stack.back();
    stack.pop_back();
    for (int32_t k = first[i]; k < first[i + 1]; ++k) visit(consumers[k]);
  }
  return reached;
}

void ActiveOps::MarkActive(const std::vector<Tensor>& ys, const std::vector<char>& reached) {
  active_.assign(size(), 0);
  pending_.assign(size(), 0);
  std::vector<int32_t> stack;
  auto visit = [&](int32_t i) {
    if (active_[i]) return;
    active_[i] = 1;
    stack.push_back(i);
  };
  for (const Tensor& y : ys) {
    const int32_t i = index_.Find(y.op);
    if (reached[i]) visit(i);
  }
  while (!stack.empty()) {
    const int32_t i = stack.back();
    stack.pop_back();
    const int n = index_[i]->num_inputs();
    for (int k = 0; k < n; ++k) {
      const int32_t p = producers_[first_input_[i] + k];
      if (p < 0 || !reached[p]) continue;
      ++pending_[p];
      visit(p);
    }
  }
}

}  // namespace wengert::autodiff
