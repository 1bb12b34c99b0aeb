// Lowering of branches and loops to nodes with programs of their own.
#include <algorithm>

#include "compile/control_functions.h"
#include "compile/sub_lowering.h"
#include "wengert/executable.h"

namespace wengert::compile {

namespace {

constexpr int kMaxRounds = 16;

// Gives the inputs of a program new numbers.
void RenumberInputs(Program* program, const std::vector<int>& to, int num_inputs) {
  for (Node& node : program->nodes) {
    if (auto* input = std::get_if<Input>(&node.prim)) {
      input->index = to[static_cast<size_t>(input->index)];
    }
  }
  program->num_inputs = num_inputs;
}

std::shared_ptr<const Program> Share(Program program) {
  return std::make_shared<const Program>(std::move(program));
}

bool IsAssigned(const SubProgram& sub, int slot) {
  return std::any_of(sub.assigned.begin(), sub.assigned.end(),
                     [slot](const auto& a) { return a.first == slot; });
}

// Appends the values of variables that other branches assign, or that a loop has to carry.
void ReturnState(SubProgram* sub, const std::vector<int>& slots, size_t num_args,
                 const StateInputs& state, const Program& around) {
  Program& program = sub->program;
  std::vector<Value> values;
  for (int slot : slots) {
    const auto found = std::find_if(sub->assigned.begin(), sub->assigned.end(),
                                    [slot](const auto& a) { return a.first == slot; });
    if (found != sub->assigned.end()) {
      values.push_back(program.outputs[found->second]);
      continue;
    }
    size_t i = 0;
    while (state.items[i].slot != slot || state.items[i].test) ++i;
    const ValueInfo& info = around.info(state.items[i].outer);
    const Value v = program.NewValue(info.dtype, info.dims);
    program.nodes.insert(program.nodes.begin(),
                         {Input{static_cast<int>(num_args + i)}, {}, {v}, ""});
    values.push_back(v);
  }
  program.outputs.resize(sub->lists.size());
  program.outputs.insert(program.outputs.end(), values.begin(), values.end());
}

// The slots that one of `subs` assigns, ascending; their values become state inputs.
std::vector<int> AssignedSlots(const std::vector<const SubProgram*>& subs, ProgramBuilder& b,
                               StateInputs* state) {
  std::vector<int> slots;
  for (const SubProgram* sub : subs) {
    for (const auto& [slot, output] : sub->assigned) slots.push_back(slot);
  }
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  for (int slot : slots) {
    const bool known = std::any_of(state->items.begin(), state->items.end(),
                                   [slot](const auto& i) { return i.slot == slot && !i.test; });
    if (known) continue;
    const auto* variable =
        dynamic_cast<const Variable*>(b.slots()[static_cast<size_t>(slot)].resource.get());
    if (!variable) throw NotStatic();
    state->items.push_back({slot, false, b.ReadSlot(slot, variable->dtype())});
  }
  return slots;
}

}  // namespace

std::vector<Value> Lowerer::Case(Value index, const std::vector<const Function*>& branches,
                                 const std::vector<Value>& args) {
  if (branches.empty()) throw InvalidArgument("Case needs at least one branch");
  Array known;
  if (branches.size() > 1 && !b_.TryEvaluate(index, &known)) {
    if (auto results = CaseNode(index, branches, args)) return std::move(*results);
    // The index becomes part of the signature, here or of the next segment.
    throw NeedsConstant{index};
  }
  const int64_t i = known.valid() ? known.AsInt(0) : 0;
  const int64_t last = static_cast<int64_t>(branches.size()) - 1;
  return Call(*branches[static_cast<size_t>(i < 0 || i > last ? last : i)], args);
}

std::optional<std::vector<Value>> Lowerer::CaseNode(Value index,
                                                    const std::vector<const Function*>& branches,
                                                    const std::vector<Value>& args) {
  std::vector<SubArgument> arguments;
  for (Value v : args) arguments.push_back(ArgumentOf(v, true));
  const ProgramBuilder::Mark mark = b_.mark();
  StateInputs state;
  std::vector<SubProgram> subs;
  std::vector<int> slots;
  CaseOf choice;
  try {
    for (const Function* branch : branches) {
      subs.push_back(LowerFunction(*this, *branch, arguments, &state));
    }
    std::vector<const SubProgram*> all;
    for (const SubProgram& sub : subs) all.push_back(&sub);
    slots = AssignedSlots(all, b_, &state);
    for (SubProgram& sub : subs) {
      ReturnState(&sub, slots, args.size(), state, b_.program());
      sub.program.num_inputs = static_cast<int>(args.size() + state.items.size());
      choice.effect |= sub.HasEffect();
    }
  } catch (const NotStatic&) {
    b_.Rollback(mark);
    return std::nullopt;
  } catch (const Error&) {
    // Of a branch that may never run: let the one that runs raise it.
    b_.Rollback(mark);
    return std::nullopt;
  }
  const Program& first = subs[0].program;
  for (const SubProgram& sub : subs) {
    const Program& program = sub.program;
    bool same = program.outputs.size() == first.outputs.size();
    for (size_t i = 0; same && i < first.outputs.size(); ++i) {
      const ValueInfo &a = first.info(first.outputs[i]), &b = program.info(program.outputs[i]);
      same = a.dtype == b.dtype && a.dims == b.dims;
    }
    if (!same || sub.handles != subs[0].handles) {
      b_.Rollback(mark);
      return std::nullopt;
    }
  }
  std::vector<ValueInfo> infos;
  for (Value v : first.outputs) infos.push_back(first.info(v));
  for (SubProgram& sub : subs) choice.branches.push_back(Share(std::move(sub.program)));
  std::vector<Value> inputs{index};
  inputs.insert(inputs.end(), args.begin(), args.end());
  for (const StateInputs::Item& item : state.items) inputs.push_back(item.outer);
  std::vector<Value> outputs = b_.EmitMany(std::move(choice), inputs, infos);
  for (size_t i = 0; i < slots.size(); ++i) {
    b_.SetVariable(slots[i], outputs[subs[0].lists.size() + i], true);
  }
  outputs.resize(subs[0].lists.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    ListType list = subs[0].lists[i];
    for (const SubProgram& sub : subs) list = Join(list, sub.lists[i]);
    if (infos[i].dtype == DType::kVariant) b_.set_list_type(outputs[i], list);
    if (subs[0].handles[i] >= 0) b_.BindSlot(outputs[i], subs[0].handles[i]);
  }
  return outputs;
}

std::vector<Value> Lowerer::While(const Function& cond, const Function& body,
                                  const std::vector<Value>& args) {
  for (const Function* f : {&cond, &body}) {
    if (f->inputs.size() != args.size()) {
      throw InvalidArgument("Function " + f->name + " takes " + std::to_string(f->inputs.size()) +
                            " arguments but got " + std::to_string(args.size()));
    }
  }
  if (cond.outputs.size() != 1 || body.outputs.size() != args.size()) {
    throw InvalidArgument("Function " + body.name + " must return its " +
                          std::to_string(args.size()) + " loop variables but returns " +
                          std::to_string(body.outputs.size()));
  }
  const ProgramBuilder::Mark mark = b_.mark();
  try {
    if (auto results = WhileNode(cond, body, args)) return std::move(*results);
  } catch (const NotStatic&) {
  } catch (const Error&) {
    // The body may never run: let the iteration that does raise it.
  }
  b_.Rollback(mark);
  return WhileByParts(cond, body, args);
}

std::optional<std::vector<Value>> Lowerer::WhileNode(const Function& cond, const Function& body,
                                                     const std::vector<Value>& args) {
  const size_t n = args.size();
  std::vector<SubArgument> arguments;
  std::vector<bool> carried(n);
  for (size_t i = 0; i < n; ++i) {
    carried[i] = !IsCapture(body, i);
    arguments.push_back(ArgumentOf(args[i], !carried[i]));
  }
  StateInputs state;
  SubProgram inner;
  // What is known of lists that the loop carries must hold in every iteration.
  for (int round = 0;; ++round) {
    if (round == kMaxRounds) return std::nullopt;
    inner = LowerFunction(*this, body, arguments, &state);
    bool stable = true;
    for (size_t i = 0; i < n; ++i) {
      if (!carried[i]) continue;
      const ValueInfo& after = inner.program.info(inner.program.outputs[i]);
      if (after.dtype != arguments[i].info.dtype || after.dims != arguments[i].info.dims) {
        return std::nullopt;
      }
      if (after.dtype == DType::kResource) return std::nullopt;
      if (after.dtype != DType::kVariant) continue;
      const ListType joined = Join(arguments[i].list, inner.lists[i]);
      if (joined != arguments[i].list) {
        arguments[i].list = joined;
        stable = false;
      }
    }
    if (stable) break;
  }
  SubProgram test = LowerFunction(*this, cond, arguments, &state);
  const ValueInfo& tested = test.program.info(test.program.outputs[0]);
  if (tested.dtype != DType::kBool || NumElements(tested.dims) != 1) {
    throw InvalidArgument("the condition of a loop must be a bool scalar");
  }
  if (!test.assigned.empty()) return std::nullopt;
  const std::vector<int> slots = AssignedSlots({&inner}, b_, &state);
  ReturnState(&inner, slots, n, state, b_.program());
  // Carried values come first among the inputs and are the only outputs.
  std::vector<Value> inputs;
  std::vector<int> number(n + state.items.size());
  std::vector<ValueInfo> infos;
  std::vector<Value> results;
  auto add = [&](size_t from, Value outer) {
    number[from] = static_cast<int>(inputs.size());
    inputs.push_back(outer);
  };
  auto carry = [&](size_t from, Value outer, Value result) {
    add(from, outer);
    infos.push_back(inner.program.info(result));
    results.push_back(result);
    const ValueInfo& before = b_.program().info(outer);
    if (before.dtype != infos.back().dtype || before.dims != infos.back().dims) throw NotStatic();
  };
  auto is_assigned = [&](const StateInputs::Item& item) {
    return !item.test && IsAssigned(inner, item.slot);
  };
  for (size_t i = 0; i < n; ++i) {
    if (carried[i]) carry(i, args[i], inner.program.outputs[i]);
  }
  std::vector<int> assigned;  // slots, in the order of their outputs
  for (size_t i = 0; i < state.items.size(); ++i) {
    const StateInputs::Item& item = state.items[i];
    if (!is_assigned(item)) continue;
    const size_t at =
        static_cast<size_t>(std::find(slots.begin(), slots.end(), item.slot) - slots.begin());
    carry(n + i, item.outer, inner.program.outputs[n + at]);
    assigned.push_back(item.slot);
  }
  WhileLoop loop;
  loop.num_vars = static_cast<int>(inputs.size());
  loop.effect = inner.HasEffect() || test.HasEffect();
  for (size_t i = 0; i < n; ++i) {
    if (!carried[i]) add(i, args[i]);
  }
  for (size_t i = 0; i < state.items.size(); ++i) {
    if (is_assigned(state.items[i])) continue;
    // Assigned in one iteration, tested in the next.
    if (state.items[i].test && IsAssigned(inner, state.items[i].slot)) return std::nullopt;
    add(n + i, state.items[i].outer);
  }
  inner.program.outputs = std::move(results);
  RenumberInputs(&inner.program, number, static_cast<int>(inputs.size()));
  RenumberInputs(&test.program, number, static_cast<int>(inputs.size()));
  test.program.outputs.resize(1);
  loop.body = Share(std::move(inner.program));
  loop.cond = Share(std::move(test.program));
  const std::vector<Value> last = b_.EmitMany(std::move(loop), inputs, infos);
  std::vector<Value> outputs = args;
  size_t k = 0;
  for (size_t i = 0; i < n; ++i) {
    if (!carried[i]) continue;
    outputs[i] = last[k++];
    if (b_.dtype(outputs[i]) == DType::kVariant) b_.set_list_type(outputs[i], arguments[i].list);
  }
  for (int slot : assigned) b_.SetVariable(slot, last[k++], true);
  return outputs;
}

}  // namespace wengert::compile
