// Changes to existing operations, and who reads a tensor.
#include <algorithm>
#include <unordered_set>

#include "graph/op_types.h"
#include "wengert/graph.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

bool Reads(const Operation& op, const Tensor& t) {
  return std::find(op.inputs().begin(), op.inputs().end(), t) != op.inputs().end();
}

// Keeps the attribute of a trailing list argument in step with `count` tensors of it, of
// which the last is new and has dtype `type`.
void GrowList(const OpDef& def, const std::vector<ArgDef>& args, size_t total, DType type,
              AttrMap* attrs) {
  if (args.empty() || !args.back().is_list()) {
    throw ValueError("op '" + def.name() + "' does not end in a list, so that it cannot grow");
  }
  const ArgDef& arg = args.back();
  size_t before = 0;
  for (size_t i = 0; i + 1 < args.size(); ++i) {
    before += args[i].is_list() ? static_cast<size_t>(ListLength(args[i], *attrs)) : 1;
  }
  const size_t count = total - before;
  if (!arg.type_list_attr.empty()) {
    std::vector<DType> types = attrs->find(arg.type_list_attr)->second.as<std::vector<DType>>();
    if (types.size() + 1 == count) {
      types.push_back(type);
      (*attrs)[arg.type_list_attr] = std::move(types);
    } else if (types.size() < count || types[count - 1] != type) {
      // Inputs and outputs of a loop share one list: whoever comes second must agree.
      throw TypeError("new element of '" + arg.name + "' of '" + def.name() + "' Op has type " +
                      Name(type) + ", not that of attribute '" + arg.type_list_attr + "'");
    }
    return;
  }
  const DType expected =
      arg.type_attr.empty() ? arg.type : attrs->find(arg.type_attr)->second.as<DType>();
  if (type != expected) {
    throw TypeError("Input '" + arg.name + "' of '" + def.name() + "' Op has type " + Name(type) +
                    " that does not match expected type of " + Name(expected) + ".");
  }
  const int64_t length = ListLength(arg, *attrs);
  (*attrs)[arg.number_attr] = std::max(length, static_cast<int64_t>(count));
}

// Throws ValueError when `op` already comes before `source`: an edge back would close a cycle,
// which nothing could run.
void CheckAcyclic(const Operation* op, const Operation* source) {
  std::vector<const Operation*> stack{source};
  std::unordered_set<const Operation*> seen{source};
  while (!stack.empty()) {
    const Operation* current = stack.back();
    stack.pop_back();
    if (current == op) {
      throw ValueError("Cannot make '" + source->name() + "' an input of '" + op->name() +
                       "': the graph would have a cycle");
    }
    const auto visit = [&](const Operation* next) {
      if (seen.insert(next).second) stack.push_back(next);
    };
    for (const Tensor& t : current->inputs()) visit(t.op);
    for (const Operation* control : current->control_inputs()) visit(control);
  }
}

}  // namespace

void Graph::IndexConsumer(const Tensor& t, Operation* op) const {
  std::vector<Operation*>& readers = consumers_[t];
  const auto at = readers.empty() || readers.back()->id() < op->id()
                      ? readers.end()
                      : std::lower_bound(
                            readers.begin(), readers.end(), op,
                            [](auto* a, auto* b) { return a->id() < b->id(); });
  if (at == readers.end() || *at != op) readers.insert(at, op);
}

std::vector<Operation*> Graph::Consumers(const Tensor& t) const {
  for (; consumers_upto_ < num_operations(); ++consumers_upto_) {
    Operation* op = operation(consumers_upto_);
    for (const Tensor& input : op->inputs()) IndexConsumer(input, op);
  }
  const auto it = consumers_.find(t);
  return it == consumers_.end() ? std::vector<Operation*>() : it->second;
}

void Graph::SetShape(const Tensor& t, const Shape& shape) {
  if (!t || &t.graph() != this) throw ValueError("the tensor is not in this graph");
  std::optional<Shape> merged = t.shape().Merge(shape);
  if (!merged) throw ValueError(ShapeContext::MergeMessage(t.shape(), shape));
  if (*merged == t.shape()) return;
  t.op->outputs_[static_cast<size_t>(t.index)].shape = std::move(*merged);
  ++version_;
  ForgetConstants();
}

void Graph::UpdateInput(Operation* op, int index, Tensor input) {
  CheckModifiable();
  if (!op || &op->graph() != this) throw ValueError("the operation is not in this graph");
  if (index < 0 || index >= op->num_inputs()) {
    throw Error(ErrorKind::kOutOfRange,
                "Node '" + op->name() + "' (type: '" + op->type() +
                    "', num of inputs: " + std::to_string(op->num_inputs()) +
                    ") does not have input " + std::to_string(index));
  }
  std::vector<Tensor> resolved{input};
  ResolveInputs(&resolved);
  input = resolved[0];
  const Tensor old = op->input(index);
  if (input.dtype() != old.dtype()) {
    throw InvalidArgument("Cannot update edge, incompatible types: " +
                          std::string(Name(input.dtype())) + " and " + Name(old.dtype()) + ".");
  }
  if (!input.shape().CompatibleWith(old.shape())) {
    throw InvalidArgument("Cannot update edge, incompatible shapes: " + input.shape().ToError() +
                          " and " + old.shape().ToError() + ".");
  }
  if (!ordered_ || input.op->id() >= op->id()) CheckAcyclic(op, input.op);
  op->inputs_[static_cast<size_t>(index)] = input;
  if (input.op->id() >= op->id()) ordered_ = false;
  if (op->id() < consumers_upto_) {
    if (!Reads(*op, old)) std::erase(consumers_[old], op);
    IndexConsumer(input, op);
  }
  ++version_;
  ForgetConstants();
}

void Graph::AddControlInput(Operation* op, Operation* control) {
  CheckModifiable();
  if (!op || !control || &op->graph() != this || &control->graph() != this) {
    throw ValueError("the operation is not in this graph");
  }
  std::vector<Operation*>& controls = op->control_inputs_;
  if (std::find(controls.begin(), controls.end(), control) != controls.end()) return;
  if (!ordered_ || control->id() >= op->id()) CheckAcyclic(op, control);
  controls.push_back(control);
  if (control->id() >= op->id()) ordered_ = false;
  ++version_;
}

void Graph::AddInput(Operation* op, Tensor input) {
  CheckModifiable();
  if (!op || &op->graph() != this) throw ValueError("the operation is not in this graph");
  std::vector<Tensor> resolved{input};
  ResolveInputs(&resolved);
  input = resolved[0];
  if (!ordered_ || input.op->id() >= op->id()) CheckAcyclic(op, input.op);
  GrowList(op->def(), op->def().inputs(), op->inputs_.size() + 1, input.dtype(), &op->attrs_);
  op->inputs_.push_back(input);
  if (input.op->id() >= op->id()) ordered_ = false;
  if (op->id() < consumers_upto_) IndexConsumer(input, op);
  ++version_;
  ForgetConstants();
}

void Graph::AddOutput(Operation* op, DType dtype, Shape shape) {
  CheckModifiable();
  if (!op || &op->graph() != this) throw ValueError("the operation is not in this graph");
  GrowList(op->def(), op->def().outputs(), op->outputs_.size() + 1, dtype, &op->attrs_);
  op->outputs_.push_back({dtype, std::move(shape)});
  ++version_;
}

}  // namespace wengert
