#include "compile/control_functions.h"

#include "wengert/op_def.h"

namespace wengert::compile {

Tensor BehindIdentity(Tensor t) {
  while (t.op->type() == "Identity") t = t.op->input(0);
  return t;
}

bool IsCapture(const Function& body, size_t i) {
  return i < body.outputs.size() && BehindIdentity(body.outputs[i]) == body.inputs[i];
}

bool HasState(const Function& function) {
  const Graph& graph = *function.graph;
  for (int64_t id = 0; id < graph.num_operations(); ++id) {
    const Operation* op = graph.operation(id);
    if (op->def().stateful() && op->type() != "VarHandleOp") return true;
  }
  return false;
}

bool MayAssign(const Function& function, size_t i) {
  const Tensor handle = function.inputs.at(i);
  const Graph& graph = *function.graph;
  for (int64_t id = 0; id < graph.num_operations(); ++id) {
    const Operation* op = graph.operation(id);
    for (const Tensor& t : op->inputs()) {
      if (BehindIdentity(t) != handle) continue;
      const std::string& type = op->type();
      if (type != "Identity" && type != "ReadVariableOp" && type != "VarIsInitializedOp" &&
          type != "ResourceGather" && type != "VariableShape") {
        return true;
      }
    }
  }
  return false;
}

}  // namespace wengert::compile
