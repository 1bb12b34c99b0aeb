// What a node costs, roughly: enough to choose which of two is cheaper to repeat.
#include <algorithm>

#include "compile/program_builder.h"
#include "compile/rematerialize.h"
#include "compile/tile.h"

namespace wengert::compile {

namespace {

// Nanoseconds on an ordinary core.
constexpr double kStep = 300, kByte = 0.1, kInstr = 0.2, kFlop = 0.02, kKernelElement = 10;

double Elements(const Program& program, Value v) {
  return static_cast<double>(NumElements(program.info(v).dims));
}

double Bytes(const Program& program, Value v) {
  return Elements(program, v) * static_cast<double>(SizeOf(program.info(v).dtype));
}

double LastDim(const Program& program, Value v) {
  const Dims& dims = program.info(v).dims;
  return dims.empty() ? 1 : static_cast<double>(std::max<int64_t>(1, dims.back()));
}

double ProgramCost(const Program& program) {
  double cost = 0;
  for (const Node& node : program.nodes) cost += StepCost(program, node);
  return cost;
}

double KernelCost(const Program& program, const Node& node, const CustomKernel& kernel) {
  if (kernel.tiling != nullptr) {
    return ProgramCost(kernel.tiling->body) * static_cast<double>(kernel.tiling->tiles());
  }
  double cost = 0;
  for (const auto* values : {&node.inputs, &node.outputs}) {
    for (Value v : *values) {
      // Matrices cost more an element, the larger they are.
      const double row = program.info(v).dims.size() >= 2 ? LastDim(program, v) : 0;
      cost += Elements(program, v) * (kKernelElement + kFlop * row);
    }
  }
  return cost;
}

}  // namespace

double StepCost(const Program& program, const Node& node) {
  if (node.outputs.empty()) return 0;
  double cost = kStep;
  for (Value v : node.inputs) cost += kByte * Bytes(program, v);
  for (Value v : node.outputs) cost += kByte * Bytes(program, v);
  const Value out = node.outputs[0];
  if (const auto* matmul = std::get_if<MatMul>(&node.prim)) {
    const Dims& a = program.info(node.inputs[0]).dims;
    const int64_t depth = a[a.size() - (matmul->transpose_a ? 2 : 1)];
    return cost + 2 * kFlop * Elements(program, out) * static_cast<double>(depth);
  }
  if (std::holds_alternative<Conv>(node.prim)) {
    const double macs = Elements(program, out) * Elements(program, node.inputs[1]);
    return cost + 2 * kFlop * macs / LastDim(program, node.inputs[1]);
  }
  if (const auto* fused = std::get_if<Fused>(&node.prim)) {
    return cost + kInstr * static_cast<double>(NumElements(fused->space)) *
                      static_cast<double>(fused->instrs.size());
  }
  if (const auto* kernel = std::get_if<CustomKernel>(&node.prim)) {
    return cost + KernelCost(program, node, *kernel);
  }
  return cost;
}

}  // namespace wengert::compile
