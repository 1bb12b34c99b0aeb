// Verify: the invariants of a Program.
#include <algorithm>

#include "compile/program_builder.h"

namespace wengert::compile {

namespace {

class Verifier {
 public:
  explicit Verifier(const Program& program) : program_(program) {}

  void Run() {
    std::vector<bool> defined(program_.values.size());
    // The same values, made again by a builder that checks types and shapes.
    ProgramBuilder again;
    std::vector<Value> to(program_.values.size());
    bool assigned = false;
    for (size_t i = 0; i < program_.nodes.size(); ++i) {
      at_ = i;
      const Node& node = program_.nodes[i];
      std::vector<Value> in;
      for (Value v : node.inputs) {
        Check(v.id >= 0 && static_cast<size_t>(v.id) < defined.size(), "reads no value");
        Check(defined[static_cast<size_t>(v.id)], "reads a value before its definition");
        in.push_back(to[static_cast<size_t>(v.id)]);
      }
      for (Value v : node.outputs) {
        Check(v.id >= 0 && static_cast<size_t>(v.id) < defined.size(), "writes no value");
        Check(!defined[static_cast<size_t>(v.id)], "writes a value again");
        defined[static_cast<size_t>(v.id)] = true;
      }
      const bool assigns = std::holds_alternative<AssignVariable>(node.prim);
      Check(!assigned || assigns, "follows an assignment");
      assigned = assigned || assigns;
      CheckNode(node);
      std::vector<Value> out;
      try {
        out = Replay(again, program_, node, in);
      } catch (const Error& e) {
        Check(false, e.what());
      }
      Check(out.size() == node.outputs.size() || assigns, "has another number of outputs");
      for (size_t k = 0; k < out.size(); ++k) {
        const ValueInfo &found = program_.info(node.outputs[k]),
                        &expected = again.program().info(out[k]);
        Check(found.dtype == expected.dtype && found.dims == expected.dims,
              "declares another type than it gives");
        // A no-op replays as its operand: keep values apart.
        to[static_cast<size_t>(node.outputs[k].id)] = out[k];
      }
    }
    for (Value v : program_.outputs) {
      Check(v.id >= 0 && static_cast<size_t>(v.id) < defined.size() &&
                defined[static_cast<size_t>(v.id)],
            "(outputs) returns an undefined value");
    }
  }

 private:
  void Check(bool ok, const std::string& what) const {
    if (ok) return;
    std::string name = "node " + std::to_string(at_);
    if (at_ < program_.nodes.size() && !program_.nodes[at_].origin.name.empty()) {
      name += " (" + program_.nodes[at_].origin.name.text() + ")";
    }
    throw Error(ErrorKind::kInternal, "invalid program: " + name + " " + what);
  }

  void CheckNode(const Node& node) const {
    if (const auto* map = std::get_if<Map>(&node.prim)) {
      Check(static_cast<int>(node.inputs.size()) == ScalarArity(map->op), "has another arity");
      Check(ScalarSupports(map->op, program_.info(node.inputs.back()).dtype),
            "has no kernel for its dtype");
      for (Value v : node.inputs) {
        Check(program_.info(v).dims == program_.info(node.outputs[0]).dims,
              "reads operands that are not broadcast");
      }
    } else if (std::holds_alternative<MatMul>(node.prim)) {
      Check(node.inputs.size() == 2 ||
                (node.inputs.size() == 3 &&
                 program_.info(node.inputs[2]).dims == program_.info(node.outputs[0]).dims),
            "is no product or adds to other dims");
    } else if (const auto* input = std::get_if<Input>(&node.prim)) {
      Check(input->index >= 0 && input->index < program_.num_inputs, "reads no input");
    } else if (const auto* read = std::get_if<ReadVariable>(&node.prim)) {
      CheckResource(read->resource);
    } else if (const auto* assign = std::get_if<AssignVariable>(&node.prim)) {
      CheckResource(assign->resource);
      Check(node.inputs.size() == 1 && node.outputs.empty(), "is no assignment");
    } else if (const auto* is = std::get_if<IsInitialized>(&node.prim)) {
      CheckResource(is->resource);
    } else if (const auto* fused = std::get_if<Fused>(&node.prim)) {
      CheckFused(node, *fused);
    } else if (const auto* choice = std::get_if<CaseOf>(&node.prim)) {
      Check(!choice->branches.empty() && !node.inputs.empty(), "chooses among nothing");
      for (const auto& branch : choice->branches) CheckInner(node, *branch, 1, node.outputs);
    } else if (const auto* loop = std::get_if<WhileLoop>(&node.prim)) {
      Check(node.outputs.size() == static_cast<size_t>(loop->num_vars) &&
                node.inputs.size() >= node.outputs.size(),
            "has another number of variables");
      Check(loop->cond->outputs.size() == 1 &&
                loop->cond->info(loop->cond->outputs[0]).dtype == DType::kBool,
            "has a condition that is no bool");
      CheckInner(node, *loop->cond, 0, {});
      CheckInner(node, *loop->body, 0, node.outputs);
      for (size_t k = 0; k < node.outputs.size(); ++k) CheckSame(node.inputs[k], node.outputs[k]);
    }
  }

  void CheckSame(Value a, Value b) const {
    const ValueInfo &x = program_.info(a), &y = program_.info(b);
    Check(x.dtype == y.dtype && x.dims == y.dims, "changes the type of a variable");
  }

  // A program that gets the inputs from `first` on and gives `outputs` (empty: anything).
  void CheckInner(const Node& node, const Program& inner, size_t first,
                  const std::vector<Value>& outputs) const {
    Verify(inner);
    Check(inner.num_inputs == static_cast<int>(node.inputs.size() - first),
          "has a program inside of another number of inputs");
    for (const Node& n : inner.nodes) {
      const auto* input = std::get_if<Input>(&n.prim);
      if (!input) continue;
      const ValueInfo &inside = inner.info(n.outputs[0]),
                      &here = program_.info(node.inputs[first + static_cast<size_t>(input->index)]);
      Check(inside.dtype == here.dtype && inside.dims == here.dims,
            "has a program inside that takes another type");
    }
    if (outputs.empty()) return;
    Check(inner.outputs.size() == outputs.size(), "has a program inside of other outputs");
    for (size_t k = 0; k < outputs.size(); ++k) {
      const ValueInfo &inside = inner.info(inner.outputs[k]), &here = program_.info(outputs[k]);
      Check(inside.dtype == here.dtype && inside.dims == here.dims,
            "has a program inside that gives another type");
    }
  }

  void CheckResource(int i) const {
    Check(i >= 0 && i < program_.num_resources, "uses no resource");
  }

  void CheckFused(const Node& node, const Fused& fused) const {
    const size_t rank = fused.space.size(), operands = fused.operands.size();
    Check(NumElements(fused.space) > 0, "has an empty space");
    Check(node.inputs.size() == operands, "has inputs beside its operands");
    Check(node.outputs.size() == fused.outputs.size(), "has outputs beside its registers");
    std::vector<DType> types;
    for (size_t i = 0; i < operands; ++i) {
      const Access& a = fused.operands[i];
      Check(a.value == node.inputs[i], "has an operand that is not its input");
      Check(a.strides.size() == rank, "has strides of another rank");
      int64_t low = a.offset, high = a.offset;
      for (size_t k = 0; k < rank; ++k) {
        const int64_t reach = (fused.space[k] - 1) * a.strides[k];
        (reach < 0 ? low : high) += reach;
      }
      Check(low >= 0 && high < NumElements(program_.info(a.value).dims), "reads out of bounds");
      types.push_back(program_.info(a.value).dtype);
    }
    for (const FusedInstr& instr : fused.instrs) {
      const int arity = instr.is_cast ? 1 : ScalarArity(instr.op);
      for (int k = 0; k < 3; ++k) {
        Check(k < arity ? instr.args[k] >= 0 && instr.args[k] < static_cast<int>(types.size())
                        : instr.args[k] == -1,
              "reads no register");
        if (k >= arity) continue;
        const bool condition = !instr.is_cast && instr.op == ScalarOp::kSelect && k == 0;
        Check(types[static_cast<size_t>(instr.args[k])] == (condition ? DType::kBool : instr.dtype),
              "reads a register of another dtype");
      }
      if (!instr.is_cast) {
        Check(ScalarSupports(instr.op, instr.dtype), "has no kernel for its dtype");
        Check(ScalarResult(instr.op, instr.dtype) == instr.result, "gives another dtype");
      }
      types.push_back(instr.result);
    }
    for (size_t i = 0; i < fused.outputs.size(); ++i) {
      const FusedOutput& out = fused.outputs[i];
      const ValueInfo& info = program_.info(node.outputs[i]);
      Check(out.reg >= 0 && out.reg < static_cast<int>(types.size()), "stores no register");
      Check(types[static_cast<size_t>(out.reg)] == info.dtype, "stores another dtype");
      int64_t elements = NumElements(fused.space);
      int previous = -1;
      for (int axis : out.axes) {
        Check(axis > previous && axis < static_cast<int>(rank), "reduces no axis");
        elements /= fused.space[static_cast<size_t>(axis)];
        previous = axis;
      }
      Check(out.reduce == !out.axes.empty(), "reduces over no axes");
      Check(elements == NumElements(info.dims), "stores another number of elements");
    }
  }

  const Program& program_;
  size_t at_ = 0;
};

}  // namespace

void Verify(const Program& program) {
  Verifier(program).Run();
}

}  // namespace wengert::compile
