// ProgramBuilder: kernels, resources, evaluation of constants, replay.
#include <algorithm>

#include "compile/program_builder.h"
#include "compile/reference.h"
#include "wengert/executable.h"

namespace wengert::compile {

// --- kernels and calls ------------------------------------------------------------------

std::vector<Value> ProgramBuilder::Kernel(KernelSpec spec, const std::vector<Value>& args) {
  if (!spec.run) throw Error(ErrorKind::kInternal, "kernel " + spec.name + " has no code");
  bool constant = spec.dynamic && !spec.stateful;
  for (Value v : args) dims(v);  // all sizes must be known
  std::vector<Array> known(constant ? args.size() : 0);
  for (size_t i = 0; constant && i < args.size(); ++i) constant = TryEvaluate(args[i], &known[i]);
  if (constant) {
    std::vector<Array> results(spec.dtypes.size());
    spec.run(known, results);
    std::vector<Value> out;
    for (const Array& a : results) out.push_back(Constant(a));
    return out;
  }
  if (!spec.dynamic && spec.dims.size() != spec.dtypes.size()) {
    throw Error(ErrorKind::kInternal, "kernel " + spec.name + " does not declare its outputs");
  }
  std::vector<ValueInfo> infos;
  for (size_t i = 0; i < spec.dtypes.size(); ++i) {
    infos.push_back({spec.dtypes[i], spec.dynamic ? Dims{} : spec.dims[i]});
  }
  const bool dynamic = spec.dynamic;
  std::vector<Value> out =
      EmitMany(CustomKernel{std::make_shared<KernelSpec>(std::move(spec))}, args, infos);
  if (dynamic) {
    for (Value v : out) states_[static_cast<size_t>(v.id)] = State::kDynamic;
  }
  return out;
}

std::vector<Value> ProgramBuilder::Call(const Function& function, const std::vector<Value>& args) {
  return RequireControl().Call(function, args);
}

std::vector<Value> ProgramBuilder::Case(Value index, const std::vector<const Function*>& branches,
                                        const std::vector<Value>& args) {
  return RequireControl().Case(index, branches, args);
}

std::vector<Value> ProgramBuilder::While(const Function& cond, const Function& body,
                                         const std::vector<Value>& args) {
  return RequireControl().While(cond, body, args);
}

FunctionLowering& ProgramBuilder::RequireControl() const {
  if (!control) throw Error(ErrorKind::kInternal, "functions cannot be lowered here");
  return *control;
}

// --- resources ---------------------------------------------------------------------------

int ProgramBuilder::BindResource(Value handle, std::shared_ptr<Resource> resource, int input) {
  const auto [it, added] = slot_of_.emplace(resource.get(), static_cast<int>(slots_.size()));
  const int slot = it->second;
  if (added) {
    ResourceSlot s;
    s.resource = std::move(resource);
    s.input = input;
    slots_.push_back(std::move(s));
    program_.num_resources = static_cast<int>(slots_.size());
  }
  handles_[handle.id] = slot;
  return slot;
}

void ProgramBuilder::SetSlots(std::vector<ResourceSlot> slots) {
  slots_ = std::move(slots);
  for (size_t i = 0; i < slots_.size(); ++i) {
    slot_of_.emplace(slots_[i].resource.get(), static_cast<int>(i));
  }
  program_.num_resources = static_cast<int>(slots_.size());
}

int ProgramBuilder::SlotOf(Value handle) const {
  // Reshape and the like do not happen to handles, so the value itself is the key.
  const auto it = handles_.find(handle.id);
  return it == handles_.end() ? -1 : it->second;
}

int ProgramBuilder::RequireSlot(Value handle) const {
  const int slot = SlotOf(handle);
  if (slot < 0) throw UnknownDims{{handle}};
  return slot;
}

Value ProgramBuilder::NamedResource(const std::string& name, DType dtype,
                                    const wengert::Shape& shape) {
  if (outer) {
    const int slot = outer->Named(name, dtype, shape);
    const Value handle = Constant(Array::FromResource(slots_[static_cast<size_t>(slot)].resource));
    BindSlot(handle, slot);
    return handle;
  }
  if (!named_resource) {
    throw Error(ErrorKind::kInternal, "no resource manager for variable " + name);
  }
  std::shared_ptr<Resource> resource = named_resource(name, dtype, shape);
  const Value handle = Constant(Array::FromResource(resource));
  BindResource(handle, std::move(resource), -1);
  return handle;
}

void ProgramBuilder::SetVariable(int slot, Value value, bool dirty) {
  const auto it = variables_.find(slot);
  if (it == variables_.end()) {
    journal_.push_back({slot, false, Value{}, false});
  } else {
    journal_.push_back({slot, true, it->second, dirty_[slot]});
  }
  variables_[slot] = value;
  dirty_[slot] = dirty;
}

Value ProgramBuilder::ReadVariable(Value handle, DType type) {
  return ReadSlot(RequireSlot(handle), type);
}

Value ProgramBuilder::ReadSlot(int slot, DType type) {
  const auto it = variables_.find(slot);
  if (it != variables_.end()) {
    if (dtype(it->second) != type) {
      throw InvalidArgument(std::string("Trying to read variable with wrong dtype. Expected ") +
                            Name(type) + " got " + Name(dtype(it->second)));
    }
    return it->second;
  }
  if (outer) {
    const Value v = outer->Read(slot, type);
    SetVariable(slot, v, false);
    return v;
  }
  ResourceSlot& s = slots_[static_cast<size_t>(slot)];
  const auto* variable = dynamic_cast<const Variable*>(s.resource.get());
  if (!variable) throw InvalidArgument("the handle does not refer to a variable");
  if (!variable->initialized()) {
    throw FailedPrecondition(
        "Could not find variable " + variable->name() +
        ". This could mean that the variable has been deleted. In TF1, it can also mean the "
        "variable is uninitialized. Debug info: container=localhost, status error "
        "message=Container localhost does not exist. (Could not find resource: localhost/" +
        variable->name() + ")");
  }
  const Array& value = variable->value();
  if (value.dtype() != type) {
    throw InvalidArgument(std::string("Trying to read variable with wrong dtype. Expected ") +
                          Name(type) + " got " + Name(value.dtype()));
  }
  s.read = true;
  s.value = {value.dtype(), value.dims()};
  const Value v = Emit(compile::ReadVariable{slot}, {}, value.dtype(), value.dims());
  SetVariable(slot, v, false);
  return v;
}

void ProgramBuilder::AssignVariable(Value handle, Value value) {
  const int slot = RequireSlot(handle);
  ResourceSlot& s = slots_[static_cast<size_t>(slot)];
  if (const auto* variable = dynamic_cast<const Variable*>(s.resource.get())) {
    if (dtype(value) != variable->dtype()) {
      throw InvalidArgument(std::string("Trying to assign variable with wrong dtype. Expected ") +
                            Name(variable->dtype()) + " got " + Name(dtype(value)));
    }
    if (!variable->shape().CompatibleWith(wengert::Shape(dims(value)))) {
      throw InvalidArgument("Trying to assign to variable with tensor with wrong shape. Expected " +
                            variable->shape().ToError() + " got " + ToString(dims(value)));
    }
  } else {
    throw InvalidArgument("the handle does not refer to a variable");
  }
  SetVariable(slot, value, true);
}

Value ProgramBuilder::IsInitialized(Value handle) {
  return IsSlotInitialized(RequireSlot(handle));
}

Value ProgramBuilder::IsSlotInitialized(int slot) {
  if (variables_.count(slot)) return Constant(Array::Scalar<bool>(true));
  if (outer) return outer->IsInitialized(slot);
  return Emit(compile::IsInitialized{slot}, {}, DType::kBool, {});
}

std::vector<int> ProgramBuilder::DirtySlots() const {
  std::vector<int> slots;
  for (const auto& [slot, dirty] : dirty_) {
    if (dirty) slots.push_back(slot);
  }
  std::sort(slots.begin(), slots.end());
  return slots;
}

void ProgramBuilder::EmitAssignments() {
  for (int slot : DirtySlots()) {
    slots_[static_cast<size_t>(slot)].assigned = true;
    EmitMany(compile::AssignVariable{slot}, {variables_.at(slot)}, {});
  }
}

// --- constants ------------------------------------------------------------------------------

Array ProgramBuilder::Evaluate(Value root) {
  dims(root);
  struct Entry {
    Value value;
    bool expanded;
  };
  std::vector<Entry> stack{{root, false}};
  while (!stack.empty()) {
    const Value v = stack.back().value;
    if (evaluated_.count(v.id)) {
      stack.pop_back();
      continue;
    }
    // The expanded entries are those that need the top: a leaf that is not constant spoils them.
    auto fail = [&](Value leaf) {
      not_constant_.emplace(v.id, leaf);
      for (const Entry& e : stack) {
        if (e.expanded) not_constant_.emplace(e.value.id, leaf);
      }
      throw NeedsConstant{root};
    };
    const auto known_bad = not_constant_.find(v.id);
    if (known_bad != not_constant_.end()) fail(known_bad->second);
    if (def(v) < 0 || state(v) != State::kReady) fail(v);
    const Node& n = node(v);
    if (const auto* c = std::get_if<Const>(&n.prim)) {
      evaluated_.emplace(v.id, c->value);
      stack.pop_back();
      continue;
    }
    // A loop may run for ever: that is for execution, which can be interrupted.
    if (HasEffect(n) || std::holds_alternative<Input>(n.prim) ||
        std::holds_alternative<WhileLoop>(n.prim) ||
        std::holds_alternative<compile::ReadVariable>(n.prim) ||
        std::holds_alternative<compile::IsInitialized>(n.prim)) {
      fail(v);
    }
    bool ready = true;
    stack.back().expanded = true;
    for (Value in : n.inputs) {
      if (evaluated_.count(in.id)) continue;
      stack.push_back({in, false});
      ready = false;
    }
    if (!ready) continue;
    stack.pop_back();
    std::vector<Array> inputs;
    for (Value in : n.inputs) inputs.push_back(evaluated_.at(in.id));
    const std::vector<Array> results = EvaluateNode(program_, n, inputs);
    for (size_t i = 0; i < results.size(); ++i) evaluated_.emplace(n.outputs[i].id, results[i]);
  }
  return evaluated_.at(root.id);
}

bool ProgramBuilder::TryEvaluate(Value v, Array* out) {
  if (state(v) != State::kReady) return false;
  try {
    *out = Evaluate(v);
    return true;
  } catch (const NeedsConstant&) {
    return false;
  }
}

// --- replay -----------------------------------------------------------------------------------

std::vector<Value> Replay(ProgramBuilder& b, const Program& program, const Node& node,
                          const std::vector<Value>& in) {
  const ValueInfo* out = node.outputs.empty() ? nullptr : &program.info(node.outputs[0]);
  struct Visitor {
    ProgramBuilder& b;
    const Program& program;
    const Node& node;
    const std::vector<Value>& in;
    const ValueInfo* out;
    using R = std::vector<Value>;
    R operator()(const Input& p) { return {b.AddInput(p.index, *out)}; }
    R operator()(const Const& p) { return {b.Constant(p.value)}; }
    R operator()(const compile::Iota&) { return {b.Iota(out->dtype, out->dims[0])}; }
    R operator()(const compile::Map& p) { return {b.Map(p.op, in)}; }
    R operator()(const CastTo&) { return {b.Cast(in[0], out->dtype)}; }
    R operator()(const compile::Reduce& p) { return {b.Reduce(p.op, in[0], p.axes, p.keep_dims)}; }
    R operator()(const compile::ArgReduce& p) {
      return {b.ArgReduce(p.max, in[0], p.axis, out->dtype)};
    }
    R operator()(const compile::Scan& p) {
      return {b.Scan(p.op, in[0], p.axis, p.exclusive, p.reverse)};
    }
    R operator()(const compile::Reshape&) { return {b.Reshape(in[0], out->dims)}; }
    R operator()(const compile::Broadcast&) { return {b.Broadcast(in[0], out->dims)}; }
    R operator()(const compile::Transpose& p) { return {b.Transpose(in[0], p.perm)}; }
    R operator()(const compile::Slice& p) {
      return {b.Slice(in[0], p.begin, out->dims, p.strides)};
    }
    R operator()(const compile::Pad& p) { return {b.Pad(in[0], in[1], p.low, p.high)}; }
    R operator()(const compile::Concat& p) { return {b.Concat(in, p.axis)}; }
    R operator()(const compile::Gather& p) {
      return {b.Gather(in[0], in[1], p.axis, p.batch_dims)};
    }
    R operator()(const compile::GatherNd& p) { return {b.GatherNd(in[0], in[1], p.batch_dims)}; }
    R operator()(const compile::Scatter& p) {
      return {b.Scatter(p.op, in[0], in[1], in[2], p.drop_out_of_range)};
    }
    R operator()(const compile::TopK& p) { return b.TopK(in[0], p.k); }
    R operator()(const compile::MatMul& p) {
      const Value product = b.MatMul(in[0], in[1], p.transpose_a, p.transpose_b);
      return {in.size() == 2 ? product : b.Map(ScalarOp::kAdd, in[2], product)};
    }
    R operator()(const compile::Conv& p) { return {b.Conv(p.spec, in[0], in[1], out->dims)}; }
    R operator()(const compile::Pool& p) { return {b.Pool(p.spec, in, out->dims)}; }
    R operator()(const Fused& p) {
      Fused fused = p;
      for (size_t i = 0; i < in.size(); ++i) fused.operands[i].value = in[i];
      return Raw(std::move(fused));
    }
    R operator()(const CustomKernel& p) { return Raw(p); }
    R operator()(const compile::ReadVariable& p) { return Raw(p); }
    R operator()(const compile::AssignVariable& p) { return Raw(p); }
    R operator()(const compile::IsInitialized& p) { return Raw(p); }
    R operator()(const CaseOf& p) { return Raw(p); }
    R operator()(const WhileLoop& p) { return Raw(p); }
    R operator()(const ListNode& p) { return Raw(p); }
    R Raw(Primitive prim) {
      std::vector<ValueInfo> infos;
      for (Value v : node.outputs) infos.push_back(program.info(v));
      return b.EmitMany(std::move(prim), in, std::move(infos));
    }
  };
  return std::visit(Visitor{b, program, node, in, out}, node.prim);
}

Program ReplayProgram(ProgramBuilder& b, const Program& program) {
  std::vector<Value> to(program.values.size());
  std::vector<Value> in;
  for (const Node& node : program.nodes) {
    in.clear();
    for (Value v : node.inputs) in.push_back(to[static_cast<size_t>(v.id)]);
    b.set_origin(node.origin);
    const std::vector<Value> out = Replay(b, program, node, in);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      to[static_cast<size_t>(node.outputs[i].id)] = out[i];
    }
  }
  Program& result = b.program();
  for (Value v : program.outputs) result.outputs.push_back(to[static_cast<size_t>(v.id)]);
  result.num_inputs = program.num_inputs;
  result.num_resources = program.num_resources;
  return std::move(result);
}

}  // namespace wengert::compile
