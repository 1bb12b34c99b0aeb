#include "runtime/trip_count.h"

#include <cstring>
#include <limits>
#include <utility>

namespace wengert::runtime {
namespace {

using compile::Node;
using compile::Program;

const Node* MakerOf(const Program& program, Value v) {
  for (const Node& node : program.nodes) {
    for (Value out : node.outputs) {
      if (out == v) return &node;
    }
  }
  return nullptr;
}

// The number of the program's input that `v` is.
std::optional<size_t> InputNumber(const Program& program, Value v) {
  const Node* node = MakerOf(program, v);
  const auto* input = node == nullptr ? nullptr : std::get_if<compile::Input>(&node->prim);
  if (input == nullptr) return std::nullopt;
  return static_cast<size_t>(input->index);
}

std::optional<int64_t> ConstantValue(const Program& program, Value v) {
  const Node* node = MakerOf(program, v);
  const auto* constant = node == nullptr ? nullptr : std::get_if<compile::Const>(&node->prim);
  if (constant == nullptr || constant->value.size() != 1) return std::nullopt;
  const Array& value = constant->value;
  if (value.dtype() == DType::kInt64) return value.data<int64_t>()[0];
  if (value.dtype() == DType::kInt32) return value.data<int32_t>()[0];
  return std::nullopt;
}

// The operands of `op` on two scalars, of which `v` is the result.
std::optional<std::pair<Value, Value>> Operands(const Program& program, Value v, ScalarOp op) {
  const Node* node = MakerOf(program, v);
  if (node == nullptr || program.info(v).dims.size() != 0) return std::nullopt;
  if (const auto* map = std::get_if<compile::Map>(&node->prim)) {
    if (map->op != op) return std::nullopt;
    return std::pair(node->inputs[0], node->inputs[1]);
  }
  const auto* fused = std::get_if<compile::Fused>(&node->prim);
  if (fused == nullptr || fused->instrs.size() != 1 || node->outputs.size() != 1 ||
      fused->outputs[0].reduce || fused->instrs[0].is_cast || fused->instrs[0].op != op) {
    return std::nullopt;
  }
  const auto operand = [&](int k) {
    const auto i = static_cast<size_t>(fused->instrs[0].args[k]);
    return fused->operands[i].offset == 0 ? node->inputs[i] : Value{};
  };
  return std::pair(operand(0), operand(1));
}

}  // namespace

int64_t TripCount::Load(const char* data) const {
  if (dtype == DType::kInt64) {
    int64_t value;
    std::memcpy(&value, data, sizeof(value));
    return value;
  }
  int32_t value;
  std::memcpy(&value, data, sizeof(value));
  return value;
}

std::optional<int64_t> TripCount::Turns(int64_t start, int64_t to) const {
  if (start >= to) return 0;
  const int64_t most = dtype == DType::kInt64 ? std::numeric_limits<int64_t>::max()
                                              : std::numeric_limits<int32_t>::max();
  int64_t distance;
  // The last value is below `to` + step.
  if (to > most - step || __builtin_sub_overflow(to, start, &distance)) return std::nullopt;
  return (distance - 1) / step + 1;
}

std::optional<TripCount> FindTripCount(const compile::WhileLoop& loop) {
  const Program& cond = *loop.cond;
  if (cond.outputs.size() != 1) return std::nullopt;
  const Node* const tests = MakerOf(cond, cond.outputs[0]);
  for (const Node& node : cond.nodes) {
    const bool plain = &node == tests || std::holds_alternative<compile::Input>(node.prim) ||
                       std::holds_alternative<compile::Const>(node.prim);
    if (!plain) return std::nullopt;
  }
  const auto test = Operands(cond, cond.outputs[0], ScalarOp::kLess);
  if (!test) return std::nullopt;
  TripCount count;
  const std::optional<size_t> var = InputNumber(cond, test->first);
  const auto num_vars = static_cast<size_t>(loop.num_vars);
  if (!var || *var >= num_vars) return std::nullopt;
  count.var = *var;
  count.dtype = cond.info(test->first).dtype;
  if (count.dtype != DType::kInt32 && count.dtype != DType::kInt64) return std::nullopt;
  if (const std::optional<int64_t> limit = ConstantValue(cond, test->second)) {
    count.limit = *limit;
  } else {
    const std::optional<size_t> input = InputNumber(cond, test->second);
    if (!input || *input < num_vars) return std::nullopt;
    count.capture = *input - num_vars;
  }
  const Program& body = *loop.body;
  const auto sum = Operands(body, body.outputs[count.var], ScalarOp::kAdd);
  if (!sum) return std::nullopt;
  std::optional<int64_t> step = ConstantValue(body, sum->second);
  if (!step || InputNumber(body, sum->first) != count.var) {
    step = ConstantValue(body, sum->first);
    if (InputNumber(body, sum->second) != count.var) return std::nullopt;
  }
  if (!step || *step <= 0) return std::nullopt;
  count.step = *step;
  return count;
}

}  // namespace wengert::runtime
