#include "autodiff/aggregate.h"

#include <algorithm>
#include <map>

namespace wengert::autodiff {

std::vector<std::string> ColocationGroups(const Operation& op) {
  std::vector<std::string> groups;
  const Attr* own = op.FindAttr("_class");
  if (own != nullptr && own->is<std::vector<std::string>>()) {
    for (const std::string& g : own->as<std::vector<std::string>>()) {
      if (g.rfind("loc:@", 0) == 0) groups.push_back(g);
    }
  }
  if (groups.empty()) groups.push_back("loc:@" + op.name());
  return groups;
}

void CheckMethod(AggregationMethod method) {
  const int value = static_cast<int>(method);
  if (value < 0 || value > 2) {
    throw ValueError("Invalid `aggregation_method` specified " + std::to_string(value) +
                     ". Accepted values are [0, 1, 2].");
  }
}

namespace {

Tensor AddColocated(Builder& b, const std::vector<Tensor>& terms) {
  if (terms.size() == 1) return terms[0];
  Tensor sum = b.AddN(terms);
  // Functions record devices only.
  if (!b.graph().capture) sum.op->SetAttr("_class", ColocationGroups(*terms[0].op));
  return sum;
}

// Terms of one device are added there first, then the partial sums.
Tensor AddByDevice(Builder& b, const std::vector<Tensor>& terms) {
  const std::string& first = terms[0].op->device();
  if (std::all_of(terms.begin(), terms.end(),
                  [&](const Tensor& t) { return t.op->device() == first; })) {
    return AddColocated(b, terms);
  }
  std::map<std::string, std::vector<Tensor>> by_device;
  for (const Tensor& t : terms) by_device[t.op->device()].push_back(t);
  std::vector<Tensor> sums;
  for (const auto& [device, group] : by_device) sums.push_back(AddColocated(b, group));
  return b.AddN(sums);
}

Tensor AddInPairs(Builder& b, const std::vector<Tensor>& terms, const std::string& op_name) {
  Builder::Scope scope = b.NameScope(op_name + "_gradient_sum");
  Tensor sum = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) sum = b.AddN({sum, terms[i]});
  return sum;
}

// Rows are stacked; rows of the same index add up when the result is made dense.
IndexedSlices ConcatSlices(Builder& b, const std::vector<Grad>& grads) {
  size_t narrow = 0;
  for (const Grad& g : grads) narrow += g.slices().indices.dtype() == DType::kInt32;
  const bool widen = narrow > 0 && narrow < grads.size();
  std::vector<In> values, indices;
  for (const Grad& g : grads) {
    values.push_back(g.slices().values);
    indices.push_back(widen ? b.Cast(g.slices().indices, DType::kInt64) : g.slices().indices);
  }
  IndexedSlices out;
  out.values = b.Concat(std::move(values), 0);
  out.indices = b.Concat(std::move(indices), 0);
  out.dense_shape = grads[0].slices().dense_shape;
  return out;
}

// A sum with at least one dense term: slices are made dense under the name of the argument
// of AddN that they become.
Tensor AddMixed(Builder& b, const std::vector<Grad>& grads) {
  Builder::Scope scope = b.NameScope("AddN");
  OperationSpec spec;
  spec.type = "AddN";
  spec.name = scope.path();
  for (size_t i = 0; i < grads.size(); ++i) {
    spec.inputs.push_back(grads[i].is_slices() ? b.Dense(grads[i], "inputs_" + std::to_string(i))
                                               : grads[i].tensor());
  }
  return b.graph().AddOperation(std::move(spec))->output(0);
}

}  // namespace

Grad Aggregate(Builder& b, const std::vector<Grad>& grads, const std::string& op_name,
               AggregationMethod method) {
  const auto sparse =
      std::count_if(grads.begin(), grads.end(), [](const Grad& g) { return g.is_slices(); });
  if (sparse == static_cast<std::ptrdiff_t>(grads.size())) return ConcatSlices(b, grads);
  if (sparse > 0) return AddMixed(b, grads);
  std::vector<Tensor> terms;
  terms.reserve(grads.size());
  for (const Grad& g : grads) terms.push_back(g.tensor());
  return method == AggregationMethod::kAddN ? AddByDevice(b, terms) : AddInPairs(b, terms, op_name);
}

}  // namespace wengert::autodiff
