#include "runtime/updates.h"

#include <map>
#include <vector>

namespace wengert::runtime {
namespace {

using compile::Node;

class Finder {
 public:
  explicit Finder(const compile::Program& program) : program_(program) {
    def_.assign(program.values.size(), -1);
    reads_.assign(program.values.size(), 0);
    for (size_t i = 0; i < program.nodes.size(); ++i) {
      const Node& node = program.nodes[i];
      for (Value v : node.outputs) def_[static_cast<size_t>(v.id)] = static_cast<int>(i);
      if (const auto* assign = std::get_if<compile::AssignVariable>(&node.prim)) {
        first_.emplace(assign->resource, static_cast<int>(i));
        last_[assign->resource] = static_cast<int>(i);
        continue;  // an assignment reads nothing by itself
      }
      for (Value v : node.inputs) ++reads_[static_cast<size_t>(v.id)];
    }
    for (Value v : program.outputs) ++reads_[static_cast<size_t>(v.id)];
  }

  Updates Run() const {
    Updates updates;
    for (const auto& [resource, node] : last_) {
      const std::vector<int> chain = Chain(resource, At(node).inputs[0]);
      if (chain.empty()) continue;
      updates.resources.insert(resource);
      updates.scatters.insert(chain.begin(), chain.end());
    }
    return updates;
  }

 private:
  const Node& At(int i) const { return program_.nodes[static_cast<size_t>(i)]; }
  const Node& Def(Value v) const { return At(def_[static_cast<size_t>(v.id)]); }

  bool IsMemoryOfVariable(Value v) const {
    while (std::holds_alternative<compile::Reshape>(Def(v).prim)) v = Def(v).inputs[0];
    return std::holds_alternative<compile::ReadVariable>(Def(v).prim);
  }

  std::vector<int> Chain(int resource, Value v) const {
    std::vector<int> chain;
    while (std::holds_alternative<compile::Scatter>(Def(v).prim)) {
      const int expected = chain.empty() ? 0 : 1;  // the next member of the chain
      const Node& node = Def(v);
      if (reads_[static_cast<size_t>(v.id)] != expected || IsMemoryOfVariable(node.inputs[1]) ||
          IsMemoryOfVariable(node.inputs[2])) {
        return {};
      }
      chain.push_back(def_[static_cast<size_t>(v.id)]);
      v = node.inputs[0];
    }
    const auto* read = std::get_if<compile::ReadVariable>(&Def(v).prim);
    // A read after an assignment is of what was assigned.
    const bool own = read != nullptr && read->resource == resource &&
                     IsPlainData(program_.info(v).dtype) &&
                     def_[static_cast<size_t>(v.id)] < first_.at(resource);
    if (!own) chain.clear();
    return chain;
  }

  const compile::Program& program_;
  std::vector<int> def_, reads_;     // by value
  std::map<int, int> first_, last_;  // by resource: nodes that assign it
};

}  // namespace

Updates FindUpdates(const compile::Program& program) {
  return Finder(program).Run();
}

}  // namespace wengert::runtime
