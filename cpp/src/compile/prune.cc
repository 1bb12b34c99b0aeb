// Prune: drops nodes that neither an output nor an effect needs, and renumbers the values.
#include <algorithm>
#include <utility>

#include "compile/program_builder.h"
#include "compile/prune_loop.h"

namespace wengert::compile {

namespace {

// Whether the values are numbered as the nodes make them, with none left over.
bool IsNumbered(const Program& program) {
  int32_t next = 0;
  for (const Node& node : program.nodes) {
    for (Value v : node.outputs) {
      if (v.id != next++) return false;
    }
  }
  return static_cast<size_t>(next) == program.values.size();
}

}  // namespace

Program Prune(Program program) {
  std::vector<bool> needed(program.values.size());
  std::vector<bool> keep(program.nodes.size());
  for (Value v : program.outputs) needed[static_cast<size_t>(v.id)] = true;
  for (size_t i = program.nodes.size(); i-- > 0;) {
    Node& node = program.nodes[i];
    bool live = HasEffect(node);
    for (Value v : node.outputs) live = live || needed[static_cast<size_t>(v.id)];
    if (!live) continue;
    keep[i] = true;
    if (std::holds_alternative<WhileLoop>(node.prim)) PruneLoop(node, needed);
    for (Value v : node.inputs) needed[static_cast<size_t>(v.id)] = true;
  }
  if (IsNumbered(program) && std::find(keep.begin(), keep.end(), false) == keep.end()) {
    return program;
  }
  Program out;
  out.num_inputs = program.num_inputs;
  out.num_resources = program.num_resources;
  out.nodes.reserve(program.nodes.size());
  out.values.reserve(program.values.size());
  std::vector<Value> to(program.values.size());
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    if (!keep[i]) continue;
    Node& node = program.nodes[i];
    for (Value& v : node.inputs) v = to[static_cast<size_t>(v.id)];
    if (auto* fused = std::get_if<Fused>(&node.prim)) {
      for (Access& a : fused->operands) a.value = to[static_cast<size_t>(a.value.id)];
    }
    for (Value& v : node.outputs) {
      ValueInfo& info = program.values[static_cast<size_t>(v.id)];
      to[static_cast<size_t>(v.id)] = out.NewValue(info.dtype, std::move(info.dims));
      v = to[static_cast<size_t>(v.id)];
    }
    out.nodes.push_back(std::move(node));
  }
  for (Value v : program.outputs) out.outputs.push_back(to[static_cast<size_t>(v.id)]);
  return out;
}

}  // namespace wengert::compile
