// Builder: control dependencies and IndexedSlices.
#include <algorithm>

#include "wengert/builder.h"

namespace wengert {

Operation* Builder::Group(const std::vector<Operation*>& ops, const std::string& name) {
  const Controls controls(graph_, ops);
  return AddOp("NoOp", {}, {}, name);
}

std::vector<Grad> Builder::Tuple(const std::vector<Grad>& xs, const std::string& name) {
  const Scope scope(graph_, name);
  const auto tensor_of = [](const Grad& g) {
    return g.is_slices() ? g.slices().values : g.tensor();
  };
  std::vector<Operation*> gates;
  for (const Grad& x : xs) {
    if (x) gates.push_back(tensor_of(x).op);
  }
  if (gates.empty()) throw ValueError("'tensors' must have at least one Tensor.");
  std::sort(gates.begin(), gates.end(), [](auto* a, auto* b) { return a->id() < b->id(); });
  gates.erase(std::unique(gates.begin(), gates.end()), gates.end());
  Operation* gate = Group(gates, "group_deps");
  std::vector<Grad> out;
  out.reserve(xs.size());
  for (const Grad& x : xs) {
    if (!x) {
      out.emplace_back();
      continue;
    }
    const Controls controls(graph_, {gate});
    const Tensor held = Identity(tensor_of(x), "control_dependency");
    if (x.is_slices()) {
      out.emplace_back(IndexedSlices{held, x.slices().indices, x.slices().dense_shape});
    } else {
      out.emplace_back(held);
    }
  }
  return out;
}

Tensor Builder::Dense(const Grad& grad, const std::string& name) {
  if (grad.none()) throw ValueError("no gradient to convert to a tensor");
  if (!grad.is_slices()) return grad.tensor();
  const IndexedSlices& s = grad.slices();
  if (!s.dense_shape) {
    throw ValueError("Tensor conversion requested for IndexedSlices without dense_shape: values '" +
                     s.values.name() + "', indices '" + s.indices.name() + "'");
  }
  const std::vector<int64_t> zero{0}, one{1};
  const Tensor rows = StridedSlice(s.dense_shape, zero, one, one, 0, 0, 1);
  return Op("UnsortedSegmentSum", {s.values, s.indices, rows}, {}, name);
}

}  // namespace wengert
