#include "compile/turn_around.h"

#include <utility>

namespace wengert::compile {

bool TurnsAround(const Program& program, const Node& node) {
  constexpr int64_t kFewestRows = 4, kMostRows = 47, kLeastElements = 4096;
  const auto* matmul = std::get_if<MatMul>(&node.prim);
  if (matmul == nullptr || !matmul->transpose_b) return false;
  const Dims &out = program.info(node.outputs[0]).dims, &b = program.info(node.inputs[1]).dims;
  return b.size() == 2 && out.size() == 2 && out[0] >= kFewestRows && out[0] <= kMostRows &&
         b[0] * b[1] >= kLeastElements;
}

Value AppendTurned(Program* program, Value v, const Origin& origin, std::vector<Node>* nodes) {
  const ValueInfo info = program->info(v);
  const Value turned = program->NewValue(info.dtype, {info.dims[1], info.dims[0]});
  nodes->push_back({Transpose{{1, 0}}, {v}, {turned}, origin});
  return turned;
}

void ReadTurned(Value turned, Node* product) {
  product->inputs[1] = turned;
  std::get<MatMul>(product->prim).transpose_b = false;
}

Program TurnShared(Program program) {
  constexpr int kSeveral = 3;
  std::vector<int> uses(program.values.size(), 0);
  bool any = false;
  for (const Node& node : program.nodes) {
    if (!TurnsAround(program, node)) continue;
    any |= ++uses[static_cast<size_t>(node.inputs[1].id)] == kSeveral;
  }
  if (!any) return program;
  std::vector<Value> turned(program.values.size());
  std::vector<Node> nodes;
  for (Node& node : program.nodes) {
    if (TurnsAround(program, node) && uses[static_cast<size_t>(node.inputs[1].id)] >= kSeveral) {
      Value& t = turned[static_cast<size_t>(node.inputs[1].id)];
      if (!t) t = AppendTurned(&program, node.inputs[1], node.origin, &nodes);
      ReadTurned(t, &node);
    }
    nodes.push_back(std::move(node));
  }
  program.nodes = std::move(nodes);
  return program;
}

}  // namespace wengert::compile
