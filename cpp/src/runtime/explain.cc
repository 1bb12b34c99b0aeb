#include "runtime/explain.h"

#include <cstdio>
#include <utility>

#include "compile/pipeline.h"
#include "kernels/kernel_table.h"
#include "kernels/parallel.h"

namespace wengert::runtime {
namespace {

std::string SlotText(const Slot& slot) {
  std::string text;
  switch (slot.kind) {
    case SlotKind::kUnused:
      return "unused";
    case SlotKind::kInput:
      text = "input ";
      break;
    case SlotKind::kOutput:
      text = "output ";
      break;
    case SlotKind::kConstant:
      text = "constant ";
      break;
    case SlotKind::kVariable:
      text = "variable ";
      break;
    case SlotKind::kArena:
      text = "arena @";
      break;
    case SlotKind::kElement:
      return "element of a list, " + std::to_string(slot.bytes) + " bytes";
    case SlotKind::kShared:
      text = "memory of the result in slot ";
      break;
  }
  text +=
      std::to_string(slot.kind == SlotKind::kArena ? slot.offset : static_cast<size_t>(slot.index));
  if (slot.object) return text + " (objects)";
  text += " ";
  text += std::to_string(slot.bytes);
  return text + " bytes";
}

}  // namespace

std::string Plan::ToText(const std::vector<double>& microseconds) const {
  std::string text;
  for (size_t i = 0; i < steps_.size(); ++i) {
    text += std::to_string(i) + ": ";
    if (!microseconds.empty()) {
      char time[32];
      std::snprintf(time, sizeof time, "%.1f us ", microseconds[i]);
      text += time;
    }
    text += steps_[i]->Describe();
    if (step_nodes_[i] < 0) {
      text += " (result)\n";
      continue;
    }
    const Node& node = program_.nodes[static_cast<size_t>(step_nodes_[i])];
    if (!node.origin.name.empty()) text += "  # " + node.origin.name.text();
    text += "\n";
    for (Value v : node.inputs) {
      text += "    <- " + SlotText(slots_[static_cast<size_t>(slot_of(v))]) + "\n";
    }
    for (Value v : node.outputs) {
      text += "    -> " + SlotText(slots_[static_cast<size_t>(slot_of(v))]) + "\n";
    }
  }
  return text;
}

bool Plan::HasEffects() const {
  for (const Node& node : program_.nodes) {
    const auto* kernel = std::get_if<compile::CustomKernel>(&node.prim);
    if (kernel != nullptr && kernel->spec->stateful) return true;
  }
  return false;
}

std::string ExplainProgram(compile::Program program, const CompileOptions& options) {
  std::string before = compile::ToText(program);
  std::string text = "== lowered ==\n" + before;
  program = compile::RunPasses(std::move(program), options,
                               [&](const char* pass, const compile::Program& after) {
                                 std::string now = compile::ToText(after);
                                 text += std::string("== after ") + pass + " ==\n";
                                 text += now == before ? "(unchanged)\n" : now;
                                 before = std::move(now);
                               });
  return text;
}

std::string ExplainPlan(const Plan& plan, const std::vector<double>& microseconds) {
  std::string text = "== plan: " + std::to_string(plan.num_steps()) + " steps, arena of " +
                     std::to_string(plan.arena_bytes()) + " bytes, " + kernels::Kernels().isa +
                     ", " + std::to_string(kernels::Threads()) + " threads ==\n";
  return text + plan.ToText(microseconds);
}

}  // namespace wengert::runtime
