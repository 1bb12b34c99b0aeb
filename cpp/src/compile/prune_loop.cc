// Pruning of loops: variables that neither a result nor the condition needs, not even through
// other variables, and captures that nothing reads. A gradient carries such variables for
// everything that the loop reads, wanted or not.
#include "compile/prune_loop.h"

#include <memory>
#include <utility>
#include <vector>

namespace wengert::compile {
namespace {

size_t At(Value v) {
  return static_cast<size_t>(v.id);
}

// Which inputs the outputs in `wanted` need.
std::vector<bool> InputsOf(const Program& program, const std::vector<bool>& wanted) {
  std::vector<bool> inputs(static_cast<size_t>(program.num_inputs));
  std::vector<bool> needed(program.values.size());
  for (size_t k = 0; k < program.outputs.size(); ++k) {
    if (wanted[k]) needed[At(program.outputs[k])] = true;
  }
  for (size_t i = program.nodes.size(); i-- > 0;) {
    const Node& node = program.nodes[i];
    bool live = false;
    for (Value v : node.outputs) live = live || needed[At(v)];
    if (!live) continue;
    for (Value v : node.inputs) needed[At(v)] = true;
    if (const auto* input = std::get_if<Input>(&node.prim)) {
      inputs[static_cast<size_t>(input->index)] = true;
    }
  }
  return inputs;
}

// The program with the inputs in `kept` alone, renumbered, and the outputs in `wanted`.
std::shared_ptr<const Program> Part(const Program& program, const std::vector<bool>& kept,
                                    const std::vector<bool>& wanted) {
  Program part = program;
  std::vector<int> number(kept.size(), -1);
  part.num_inputs = 0;
  for (size_t k = 0; k < kept.size(); ++k) {
    if (kept[k]) number[k] = part.num_inputs++;
  }
  part.outputs.clear();
  for (size_t k = 0; k < wanted.size(); ++k) {
    if (wanted[k]) part.outputs.push_back(program.outputs[k]);
  }
  part = Prune(std::move(part));
  for (Node& node : part.nodes) {
    if (auto* input = std::get_if<Input>(&node.prim)) {
      input->index = number[static_cast<size_t>(input->index)];
    }
  }
  return std::make_shared<const Program>(std::move(part));
}

template <class T>
void Keep(std::vector<T>& xs, const std::vector<bool>& kept) {
  std::vector<T> result;
  for (size_t k = 0; k < xs.size(); ++k) {
    if (kept[k]) result.push_back(xs[k]);
  }
  xs = std::move(result);
}

}  // namespace

void PruneLoop(Node& node, const std::vector<bool>& needed) {
  auto& loop = std::get<WhileLoop>(node.prim);
  if (loop.effect) return;
  const size_t vars = static_cast<size_t>(loop.num_vars);
  const std::vector<bool> tested = InputsOf(*loop.cond, {true});
  std::vector<bool> kept(node.inputs.size());
  std::vector<bool> wanted(vars);
  for (size_t k = 0; k < vars; ++k) wanted[k] = tested[k] || needed[At(node.outputs[k])];
  for (bool grows = true; grows;) {
    grows = false;
    const std::vector<bool> read = InputsOf(*loop.body, wanted);
    for (size_t k = 0; k < kept.size(); ++k) {
      kept[k] = read[k] || tested[k] || (k < vars && wanted[k]);
      if (k < vars && kept[k] && !wanted[k]) wanted[k] = grows = true;
    }
  }
  int count = 0;
  bool all = true;
  for (size_t k = 0; k < kept.size(); ++k) {
    all = all && kept[k];
    count += k < vars && kept[k];
  }
  if (all) return;
  loop.cond = Part(*loop.cond, kept, {true});
  loop.body = Part(*loop.body, kept, wanted);
  loop.num_vars = count;
  Keep(node.inputs, kept);
  Keep(node.outputs, wanted);
}

}  // namespace wengert::compile
