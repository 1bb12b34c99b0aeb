#include "compile/pipeline.h"

#include <utility>

namespace wengert::compile {

Program RunPasses(Program program, const CompileOptions& options,
                  const std::function<void(const char* pass, const Program&)>& observe) {
  auto run = [&](bool enabled, const char* name, Program (*pass)(Program)) {
    if (!enabled) return;
    program = pass(std::move(program));
    if (observe) observe(name, program);
  };
  run(true, "prune", Prune);
  run(options.fold_constants, "fold_constants", FoldConstants);
  run(options.simplify, "simplify", Simplify);
  run(options.eliminate_common_subexpressions, "eliminate_common_subexpressions",
      EliminateCommonSubexpressions);
  run(options.tile, "tile", Tile);
  run(options.fuse, "fuse", Fuse);
  return program;
}

}  // namespace wengert::compile
