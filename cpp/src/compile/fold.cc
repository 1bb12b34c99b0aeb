// FoldConstants: what follows from constants is computed now. Arrays of one repeated element
// become a broadcast scalar, which later passes read through.
#include <cstring>
#include <utility>

#include "compile/program_builder.h"
#include "compile/reference.h"

namespace wengert::compile {

namespace {

constexpr int64_t kMaxElements = 65536;        // of a folded result, or what its inputs hold
constexpr int64_t kMaxInputElements = 262144;  // bounds the time spent here
constexpr double kMaxWork = 1e7;

bool AllElementsEqual(const Array& a) {
  const size_t size = SizeOf(a.dtype());
  const char* data = a.data<char>();
  // Compared with itself shifted by one element.
  return std::memcmp(data, data + size, a.bytes() - size) == 0;
}

class Folder : public ProgramBuilder {
 public:
  Value Constant(const Array& value) override {
    if (value.size() < 2 || !IsPlainData(value.dtype()) || !AllElementsEqual(value)) {
      return ProgramBuilder::Constant(value);
    }
    Array scalar(value.dtype(), {});
    CopyElement(scalar, 0, value, 0);
    return Broadcast(ProgramBuilder::Constant(scalar), value.dims());
  }

  // The scalar that `v` repeats, or null.
  const Array* Splat(Value v) const {
    if (prim<compile::Broadcast>(v)) v = node(v).inputs[0];
    const auto* c = prim<Const>(v);
    return c && c->value.rank() == 0 && IsPlainData(c->value.dtype()) ? &c->value : nullptr;
  }

  bool IsKnown(Value v) const {
    return prim<Const>(v) || prim<compile::Iota>(v) || Splat(v) != nullptr;
  }

  Array Materialise(Value v) {
    if (const auto* c = prim<Const>(v)) return c->value;
    std::vector<Array> inputs;
    for (Value in : node(v).inputs) inputs.push_back(Materialise(in));
    return EvaluateNode(program(), node(v), inputs)[0];
  }

  bool Fold(const Program& from, const Node& n, const std::vector<Value>& in,
            std::vector<Value>* out) {
    if (in.empty() || HasEffect(n) || std::holds_alternative<compile::Broadcast>(n.prim)) {
      return false;
    }
    const auto* kernel = std::get_if<CustomKernel>(&n.prim);
    if (kernel && kernel->spec->dynamic) return false;
    // Their time has no bound.
    if (std::holds_alternative<CaseOf>(n.prim) || std::holds_alternative<WhileLoop>(n.prim)) {
      return false;
    }
    // Lists are made while running, to be changed in place.
    if (std::holds_alternative<ListNode>(n.prim)) return false;
    bool splat = true;
    for (Value v : in) {
      if (!IsKnown(v)) return false;
      splat = splat && Splat(v);
    }
    const ValueInfo& info = from.info(n.outputs[0]);
    const auto* map = std::get_if<compile::Map>(&n.prim);
    const bool element_wise = map || std::holds_alternative<CastTo>(n.prim);
    const bool moves = std::holds_alternative<compile::Reshape>(n.prim) ||
                       std::holds_alternative<compile::Transpose>(n.prim) ||
                       std::holds_alternative<compile::Slice>(n.prim);
    if (splat && (element_wise || moves)) {
      std::vector<Array> scalars;
      for (Value v : in) scalars.push_back(*Splat(v));
      const Array scalar = map            ? EvaluateMap(map->op, scalars)
                           : element_wise ? EvaluateCast(scalars[0], info.dtype)
                                          : scalars[0];
      *out = {Broadcast(ProgramBuilder::Constant(scalar), info.dims)};
      return true;
    }
    if (!Affordable(from, n, in)) return false;
    std::vector<Array> inputs;
    for (Value v : in) inputs.push_back(Materialise(v));
    for (const Array& result : EvaluateNode(from, n, inputs)) out->push_back(Constant(result));
    return true;
  }

 private:
  bool Affordable(const Program& from, const Node& n, const std::vector<Value>& in) const {
    int64_t read = 0, held = 0, written = 0;
    for (Value v : in) {
      read += size(v);
      held += Splat(v) ? 1 : size(v);
      if (read > kMaxInputElements) return false;
    }
    for (Value v : n.outputs) written += NumElements(from.info(v).dims);
    if (written > kMaxElements && written > held) return false;
    if (written > kMaxInputElements) return false;
    if (const auto* conv = std::get_if<compile::Conv>(&n.prim)) {
      return ConvWork(conv->spec, dims(in[0]), dims(in[1]), from.info(n.outputs[0]).dims) <=
             kMaxWork;
    }
    const auto* matmul = std::get_if<compile::MatMul>(&n.prim);
    if (!matmul) return true;
    const Dims& a = dims(in[0]);
    const int64_t k = a[a.size() - (matmul->transpose_a ? 2 : 1)];
    return static_cast<double>(written) * static_cast<double>(k) <= kMaxWork;
  }
};

}  // namespace

Program FoldConstants(Program program) {
  Folder b;
  b.program().nodes.reserve(program.nodes.size() + program.nodes.size() / 4);
  std::vector<Value> to(program.values.size());
  std::vector<Value> in, out;
  for (const Node& node : program.nodes) {
    in.clear();
    out.clear();
    for (Value v : node.inputs) in.push_back(to[static_cast<size_t>(v.id)]);
    b.set_origin(node.origin);
    bool folded = false;
    try {
      folded = b.Fold(program, node, in, &out);
    } catch (const Error&) {
      out.clear();  // an error of execution is raised by execution
    }
    if (!folded) out = Replay(b, program, node, in);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      to[static_cast<size_t>(node.outputs[i].id)] = out[i];
    }
  }
  Program& result = b.program();
  for (Value v : program.outputs) result.outputs.push_back(to[static_cast<size_t>(v.id)]);
  result.num_inputs = program.num_inputs;
  result.num_resources = program.num_resources;
  return Prune(std::move(result));
}

}  // namespace wengert::compile
