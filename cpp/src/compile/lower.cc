#include "compile/lower.h"

#include <algorithm>

#include "compile/lowerer.h"

namespace wengert::compile {

namespace {

constexpr int kMaxCallDepth = 200;
// Small integer inputs that decide shapes are specialised on; larger ones end a segment.
constexpr int64_t kMaxSpecialisedElements = 64;
constexpr size_t kMaxSpecialisedInputs = 16;

}  // namespace

Lowered Lowerer::First(const LowerRequest& request) {
  const size_t n = request.inputs.size();
  if (request.input_infos.size() != n) {
    throw Error(ErrorKind::kInternal, "Lower: one ValueInfo per input is needed");
  }
  b_.named_resource = request.named_resource;
  make_runner_ = request.make_runner;
  std::vector<Value> values;
  for (size_t i = 0; i < n; ++i) {
    Value v;
    if (i < request.input_constants.size() && request.input_constants[i]) {
      v = b_.Constant(*request.input_constants[i]);
    } else {
      v = b_.AddInput(static_cast<int>(i), request.input_infos[i]);
    }
    if (i < request.input_resources.size() && request.input_resources[i]) {
      b_.BindResource(v, request.input_resources[i], static_cast<int>(i));
    }
    values.push_back(v);
  }
  Frame root = MakeFrame(request.inputs, values, request.outputs, request.targets);
  Run(root);
  return Finish(root, static_cast<int>(n));
}

Lowered Lowerer::Next(const Continuation& rest, const ResumeRequest& request) {
  b_.named_resource = request.named_resource;
  make_runner_ = request.make_runner;
  std::vector<ResourceSlot> slots = rest.slots;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (i < request.resources.size()) slots[i].resource = request.resources[i];
    slots[i].read = slots[i].assigned = false;
  }
  b_.SetSlots(std::move(slots));
  if (request.input_infos.size() != rest.live.size()) {
    throw Error(ErrorKind::kInternal, "Resume: one ValueInfo per live value is needed");
  }
  std::vector<Value> values;
  for (const ValueRef& ref : rest.refs) {
    Value v;
    if (ref.live < 0) {
      v = b_.Constant(ref.constant);
    } else {
      const size_t i = static_cast<size_t>(ref.live);
      const bool known = i < request.input_constants.size() && request.input_constants[i];
      if (rest.live[i].constant && !known) {
        throw Error(ErrorKind::kInternal, "Resume: the value of a constant input is missing");
      }
      v = known ? b_.Constant(*request.input_constants[i])
                : b_.AddInput(ref.live, request.input_infos[i]);
    }
    if (ref.slot >= 0) b_.BindSlot(v, ref.slot);
    values.push_back(v);
  }
  for (const auto& [slot, value] : rest.variables) {
    b_.SetVariable(slot, values[static_cast<size_t>(value.id)], true);
  }
  Frame root = Decode(rest.root, values);
  Run(root);
  return Finish(root, static_cast<int>(rest.live.size()));
}

void Lowerer::Run(Frame& frame) {
  std::vector<Operation*> rest;
  for (Operation* op : frame.order) {
    if (Step(frame, op)) {
      ++completed_;
    } else {
      rest.push_back(op);
      if (!first_deferred_) first_deferred_ = op;
    }
  }
  frame.order = std::move(rest);
}

bool Lowerer::StepPending(Frame& frame, Operation* op) {
  bool done = true;
  for (PendingCall& call : frame.calls.at(op)) {
    Run(*call.frame);
    done &= call.frame->order.empty();
    for (const auto& [to, from] : call.wiring) {
      Value v = call.frame->value(call.frame->outputs[static_cast<size_t>(from)]);
      if (!v) v = b_.AddDeferred(op->output_dtype(to));
      frame.value(Tensor{op, to}) = v;
    }
  }
  if (done) frame.calls.erase(op);
  return done;
}

bool Lowerer::Step(Frame& frame, Operation* op) {
  if (!frame.calls.empty() && frame.calls.count(op)) return StepPending(frame, op);
  if (blocked_ && op->def().stateful()) return false;
  LoweringContext c{b_, *op, {}, {}, nullptr};
  c.in.reserve(op->inputs().size());
  for (const Tensor& t : op->inputs()) {
    const Value v = frame.value(t);
    if (!v || b_.state(v) != ProgramBuilder::State::kReady) return Defer(op);
    c.in.push_back(v);
  }
  if (!op->def().lowering_fn()) {
    throw AtNode(Error(ErrorKind::kUnimplemented, "Op type " + op->type() + " cannot be run"),
                 OriginOf(*op));
  }
  c.evaluate = [this](Value v) { return b_.Evaluate(v); };
  const ProgramBuilder::Mark mark = b_.mark();
  const bool was_blocked = blocked_;
  std::vector<PendingCall> outer_calls = std::move(created_calls_);
  std::vector<std::vector<Value>> outer_outputs = std::move(created_outputs_);
  created_calls_.clear();
  created_outputs_.clear();
  b_.set_origin(OriginOf(*op));
  bool deferred = false;
  auto undo = [&](const Value* needed) {
    if (needed) NoteNeed(*needed, mark.values);
    for (auto it = must_be_constant_.begin(); it != must_be_constant_.end();) {
      it = static_cast<size_t>(*it) >= mark.values ? must_be_constant_.erase(it) : std::next(it);
    }
    b_.Rollback(mark);
    blocked_ = was_blocked;
    deferred = true;
  };
  try {
    op->def().lowering_fn()(c);
  } catch (const UnknownDims&) {
    undo(nullptr);
  } catch (const NeedsConstant& e) {
    undo(&e.value);
  } catch (const Error& e) {
    throw AtNode(e, OriginOf(*op));
  }
  std::vector<PendingCall> calls = std::move(created_calls_);
  const std::vector<std::vector<Value>> outputs = std::move(created_outputs_);
  created_calls_ = std::move(outer_calls);
  created_outputs_ = std::move(outer_outputs);
  if (deferred) return Defer(op);
  if (static_cast<int>(c.out.size()) != op->num_outputs()) {
    throw Error(
        ErrorKind::kInternal,
        "the lowering of " + op->type() + " sets " + std::to_string(c.out.size()) + " outputs",
        op->name());
  }
  for (int i = 0; i < op->num_outputs(); ++i) {
    Value& v = frame.value(Tensor{op, i});
    if (!v) v = c.out[static_cast<size_t>(i)];  // else it is fed
    for (size_t k = 0; k < calls.size(); ++k) {
      const auto at = std::find(outputs[k].begin(), outputs[k].end(), v);
      if (at == outputs[k].end() || b_.state(v) != ProgramBuilder::State::kDeferred) continue;
      calls[k].wiring.push_back({i, static_cast<int>(at - outputs[k].begin())});
    }
  }
  if (calls.empty()) return true;
  frame.calls[op] = std::move(calls);
  return false;
}

std::vector<Value> Lowerer::Call(const Function& function, const std::vector<Value>& args) {
  if (++depth_ > kMaxCallDepth) {
    throw InvalidArgument("Function calls are nested more than " + std::to_string(kMaxCallDepth) +
                          " deep (calling " + function.name + ")");
  }
  if (args.size() != function.inputs.size()) {
    throw InvalidArgument("Function " + function.name + " takes " +
                          std::to_string(function.inputs.size()) + " arguments but got " +
                          std::to_string(args.size()));
  }
  auto frame = std::make_shared<Frame>(
      MakeFrame(function.inputs, args, function.outputs, function.control_outputs));
  frame->graph = function.graph;
  const Origin origin = b_.origin();
  Run(*frame);
  b_.set_origin(origin);
  --depth_;
  std::vector<Value> out;
  for (const Tensor& t : function.outputs) {
    const Value v = frame->value(t);
    out.push_back(v ? v : b_.AddDeferred(t.dtype()));
  }
  if (!frame->order.empty()) {
    created_calls_.push_back({std::move(frame), {}});
    created_outputs_.push_back(out);
  }
  return out;
}

void Lowerer::NoteNeed(Value needed, size_t first_new_value) {
  // The values from before the rule that the needed one follows from.
  std::vector<Value> stack{needed}, bases;
  std::unordered_set<int32_t> seen{needed.id};
  while (!stack.empty()) {
    const Value v = stack.back();
    stack.pop_back();
    if (static_cast<size_t>(v.id) < first_new_value) {
      bases.push_back(v);
      continue;
    }
    if (b_.def(v) < 0) continue;
    for (Value in : b_.node(v).inputs) {
      if (seen.insert(in.id).second) stack.push_back(in);
    }
  }
  for (Value base : bases) {
    Array ignored;
    if (b_.TryEvaluate(base, &ignored)) continue;
    if (!WantInputs(base)) must_be_constant_.insert(base.id);
  }
}

bool Lowerer::WantInputs(Value base) {
  constexpr size_t kMaxNodes = 1000;
  std::vector<Value> stack{base};
  std::unordered_set<int32_t> seen{base.id};
  std::vector<int> inputs;
  while (!stack.empty()) {
    const Value v = stack.back();
    stack.pop_back();
    if (b_.def(v) < 0 || b_.state(v) != ProgramBuilder::State::kReady) return false;
    const Node& node = b_.node(v);
    if (const auto* input = std::get_if<Input>(&node.prim)) {
      const bool small = b_.size(v) <= kMaxSpecialisedElements;
      const DType type = b_.dtype(v);
      if (!small || !(IsInteger(type) || type == DType::kBool)) return false;
      inputs.push_back(input->index);
      if (inputs.size() > kMaxSpecialisedInputs) return false;
      continue;
    }
    if (HasEffect(node) || std::holds_alternative<compile::ReadVariable>(node.prim) ||
        std::holds_alternative<WhileLoop>(node.prim) ||
        std::holds_alternative<compile::IsInitialized>(node.prim)) {
      return false;
    }
    for (Value in : node.inputs) {
      if (seen.insert(in.id).second) stack.push_back(in);
    }
    if (seen.size() > kMaxNodes) return false;
  }
  wanted_.insert(wanted_.end(), inputs.begin(), inputs.end());
  return true;
}

Lowered Lowerer::Finish(Frame& root, int num_inputs) {
  Lowered result;
  if (!wanted_.empty()) {
    std::sort(wanted_.begin(), wanted_.end());
    wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
    result.wanted_constants = wanted_;
    return result;
  }
  b_.set_origin({});
  b_.program().num_inputs = num_inputs;
  if (root.order.empty()) {
    // Outputs of unknown size may leave the last segment: nobody computes with them.
    for (const Tensor& t : root.outputs) b_.program().outputs.push_back(root.value(t));
    b_.EmitAssignments();
  } else {
    result = Cut(root);
  }
  result.program = std::move(b_.program());
  result.resources = std::move(b_.slots());
  return result;
}

Lowered Lower(const LowerRequest& request) {
  return Lowerer().First(request);
}

Lowered Resume(const Continuation& rest, const ResumeRequest& request) {
  return Lowerer().Next(rest, request);
}

}  // namespace wengert::compile
