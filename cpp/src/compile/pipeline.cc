#include "compile/pipeline.h"

#include <utility>
#include <vector>

#include "compile/inner.h"
#include "compile/reassociate.h"

namespace wengert::compile {

namespace {

// The pass, then the same inside branches and loops.
Program RunEverywhere(Program (*pass)(Program), Program program) {
  program = pass(std::move(program));
  for (Node& node : program.nodes) {
    ChangeInner(node, [pass](Program inner) { return RunEverywhere(pass, std::move(inner)); });
  }
  return program;
}

// Whether nothing is left to compute but constants that fill arrays: other passes change nothing.
bool IsSettled(const Program& program) {
  std::vector<bool> constant(program.values.size());
  for (const Node& node : program.nodes) {
    if (std::holds_alternative<Const>(node.prim)) {
      constant[static_cast<size_t>(node.outputs[0].id)] = true;
    } else if (std::holds_alternative<Broadcast>(node.prim)) {
      if (!constant[static_cast<size_t>(node.inputs[0].id)]) return false;
    } else if (!std::holds_alternative<Input>(node.prim)) {
      return false;
    }
  }
  return true;
}

}  // namespace

Program RunPasses(Program program, const CompileOptions& options,
                  const std::function<void(const char* pass, const Program&)>& observe) {
  bool settled = false;
  auto run = [&](bool enabled, const char* name, Program (*pass)(Program)) {
    if (!enabled) return;
    if (!settled) program = RunEverywhere(pass, std::move(program));
    if (observe) observe(name, program);
  };
  run(true, "prune", Prune);
  run(options.fold_constants, "fold_constants", FoldConstants);
  settled = IsSettled(program);
  run(options.simplify, "simplify", Simplify);
  if (options.hoist && HasInner(program)) {
    program = Hoist(std::move(program));
    if (observe) observe("hoist", program);
    // What is constant around a loop is so inside now.
    run(options.fold_constants, "fold_constants", FoldConstants);
    run(options.simplify, "simplify", Simplify);
  }
  run(options.reassociate, "reassociate", Reassociate);
  run(options.eliminate_common_subexpressions, "eliminate_common_subexpressions",
      EliminateCommonSubexpressions);
  run(options.tile, "tile", Tile);
  run(options.fuse, "accumulate", Accumulate);
  run(options.fuse, "fuse", Fuse);
  return program;
}

}  // namespace wengert::compile
