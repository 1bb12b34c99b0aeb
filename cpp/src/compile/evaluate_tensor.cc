// The value of a tensor that constants and static shapes decide.
#include <unordered_set>

#include "compile/lower.h"
#include "compile/program_builder.h"
#include "compile/reference.h"
#include "wengert/op_def.h"

namespace wengert::compile {

std::optional<Array> EvaluateTensor(const Tensor& t, int64_t max_elements) {
  // Integers are followed, and floating tensors behind a cast to them: the values of others
  // matter to no shape, so where their static shape is known they stand as unknown inputs.
  constexpr size_t kMaxOperations = 1000;
  LowerRequest request;
  request.outputs = {t};
  std::vector<Operation*> stack{t.op};
  std::unordered_set<const Operation*> seen{t.op};
  std::unordered_set<Tensor, TensorHash> cut;
  while (!stack.empty()) {
    Operation* op = stack.back();
    stack.pop_back();
    if (op->def().stateful() || !op->def().lowering_fn()) return std::nullopt;
    for (const Tensor& in : op->inputs()) {
      const bool source = in.op->num_inputs() == 0;
      const bool literal = source && in.op->FindAttr("value") != nullptr;
      const bool cast = op->type() == "Cast" || IsTrainable(op->output_dtype(0));
      const bool followed = literal || (!source && (cast || !IsTrainable(in.dtype())));
      if (!followed) {
        if (!in.shape().fully_defined()) return std::nullopt;
        if (cut.insert(in).second) {
          request.inputs.push_back(in);
          request.input_infos.push_back({in.dtype(), in.shape().dims()});
        }
      } else if (seen.insert(in.op).second) {
        stack.push_back(in.op);
      }
    }
    if (seen.size() > kMaxOperations) return std::nullopt;
  }
  if (cut.count(t)) return std::nullopt;
  try {
    Lowered lowered = Lower(request);
    if (!lowered.wanted_constants.empty() || lowered.rest) return std::nullopt;
    const Program program = Prune(std::move(lowered.program));
    for (const Node& node : program.nodes) {
      if (HasEffect(node) || std::holds_alternative<Input>(node.prim) ||
          std::holds_alternative<WhileLoop>(node.prim) ||  // may run for ever
          std::holds_alternative<compile::ReadVariable>(node.prim)) {
        return std::nullopt;
      }
    }
    for (const ValueInfo& info : program.values) {
      if (NumElements(info.dims) > max_elements) return std::nullopt;
    }
    return Interpret(program, {})[0];
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace wengert::compile
