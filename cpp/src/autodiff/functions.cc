#include "autodiff/functions.h"

#include <atomic>

#include "wengert/control_flow.h"
#include "wengert/op_def.h"

namespace wengert::autodiff {

namespace {

int64_t NextUid() {
  static std::atomic<int64_t> uid{0};
  return uid++;
}

}  // namespace

std::string Suffixed(const std::string& name, const char* suffix) {
  return name + "_" + suffix + "_" + std::to_string(NextUid());
}

bool IsStateful(const Function& f) {
  for (int64_t i = 0; i < f.graph->num_operations(); ++i) {
    const Operation& op = *f.graph->operation(i);
    if (op.def().stateful() && op.type() != "Placeholder") return true;
  }
  return false;
}

std::vector<Operation*> Effects(const Graph& graph) {
  std::vector<Operation*> effects;
  for (int64_t i = 0; i < graph.num_operations(); ++i) {
    Operation* op = graph.operation(i);
    if (!op->def().stateful()) continue;
    bool silent = false;  // reads and random numbers: nobody would miss them
    for (const char* prefix : {"Placeholder", "VarHandleOp", "ReadVariableOp", "VarIsInitialized",
                               "Random", "Stateless", "TruncatedNormal", "ResourceGather"}) {
      silent |= op->type().rfind(prefix, 0) == 0;
    }
    if (!silent) effects.push_back(op);
  }
  return effects;
}

std::vector<DType> OutputDTypes(const Function& f) {
  std::vector<DType> dtypes;
  dtypes.reserve(f.outputs.size());
  for (const Tensor& t : f.outputs) dtypes.push_back(t.dtype());
  return dtypes;
}

std::vector<Shape> OutputShapes(const Function& f) {
  std::vector<Shape> shapes;
  shapes.reserve(f.outputs.size());
  for (const Tensor& t : f.outputs) shapes.push_back(t.shape());
  return shapes;
}

}  // namespace wengert::autodiff

namespace wengert {

Shape Generalise(const Shape& a, const Shape& b) {
  if (!a.has_rank() || !b.has_rank() || a.rank() != b.rank()) return Shape();
  Dims dims = a.dims();
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != b.dims()[i]) dims[i] = kUnknownDim;
  }
  return Shape(std::move(dims));
}

}  // namespace wengert
