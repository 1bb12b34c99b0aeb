#include "compile/sub_lowering.h"

#include <algorithm>

namespace wengert::compile {

namespace {

// Values up to this size are looked at for being constants.
constexpr int64_t kMaxConstantElements = 1024;

// Gives a sub-program inputs for what it reads of the state around it.
class Inherited : public OuterState {
 public:
  Inherited(ProgramBuilder& inner, ProgramBuilder& around, size_t num_args, StateInputs* state)
      : inner_(inner), around_(around), num_args_(num_args), state_(state) {}

  Value Read(int slot, DType dtype) override {
    const size_t i = Find(slot, false);
    if (i == state_->items.size()) {
      state_->items.push_back({slot, false, around_.ReadSlot(slot, dtype)});
    }
    return Input(i);
  }
  Value IsInitialized(int slot) override {
    const size_t i = Find(slot, true);
    if (i == state_->items.size()) {
      state_->items.push_back({slot, true, around_.IsSlotInitialized(slot)});
    }
    return Input(i);
  }
  int Named(const std::string& name, DType dtype, const wengert::Shape& shape) override {
    const int slot = around_.SlotOf(around_.NamedResource(name, dtype, shape));
    inner_.SetSlots(around_.slots());
    return slot;
  }

 private:
  size_t Find(int slot, bool test) const {
    size_t i = 0;
    while (i < state_->items.size() &&
           (state_->items[i].slot != slot || state_->items[i].test != test)) {
      ++i;
    }
    return i;
  }
  Value Input(size_t i) {
    const Value outer = state_->items[i].outer;
    return inner_.AddInput(static_cast<int>(num_args_ + i),
                           {around_.dtype(outer), around_.dims(outer)});
  }

  ProgramBuilder &inner_, &around_;
  size_t num_args_;
  StateInputs* state_;
};

}  // namespace

bool SubProgram::HasEffect() const {
  return std::any_of(program.nodes.begin(), program.nodes.end(),
                     [](const Node& node) { return compile::HasEffect(node); });
}

SubArgument Lowerer::ArgumentOf(Value v, bool fixed) {
  return {{b_.dtype(v), b_.dims(v)}, b_.list_type(v), fixed ? v : Value{}};
}

SubProgram Lowerer::Inside(Lowerer& around, const Function& function,
                           const std::vector<SubArgument>& args, StateInputs* state) {
  ProgramBuilder& outer = around.b_;
  Inherited inherited(b_, outer, args.size(), state);
  b_.outer = &inherited;
  b_.SetSlots(outer.slots());
  make_runner_ = around.make_runner_;
  depth_ = around.depth_;
  b_.set_origin(outer.origin());
  std::vector<Value> values;
  for (size_t i = 0; i < args.size(); ++i) {
    const SubArgument& arg = args[i];
    Value v;
    if (arg.outer) {
      const auto* known = outer.prim<Const>(arg.outer);
      Array value;
      if (known) {
        v = b_.Constant(known->value);
      } else if ((IsInteger(arg.info.dtype) || arg.info.dtype == DType::kBool) &&
                 NumElements(arg.info.dims) <= kMaxConstantElements &&
                 outer.TryEvaluate(arg.outer, &value)) {
        v = b_.Constant(value);
      }
    }
    if (!v) v = b_.AddInput(static_cast<int>(i), arg.info);
    if (arg.info.dtype == DType::kVariant) b_.set_list_type(v, arg.list);
    const int slot = arg.outer ? outer.SlotOf(arg.outer) : -1;
    if (slot >= 0) b_.BindSlot(v, slot);
    values.push_back(v);
  }
  std::vector<Value> results;
  try {
    results = Call(function, values);
  } catch (const UnknownDims&) {
    throw NotStatic();
  } catch (const NeedsConstant&) {
    throw NotStatic();
  }
  if (!created_calls_.empty()) {
    std::sort(wanted_.begin(), wanted_.end());
    for (int i : wanted_) {
      const size_t at = static_cast<size_t>(i);
      const Value needed = at < args.size() ? args[at].outer : Value{};
      if (needed) throw NeedsConstant{needed};
    }
    throw NotStatic();
  }
  SubProgram sub;
  Program& program = b_.program();
  for (Value v : results) {
    if (b_.state(v) != ProgramBuilder::State::kReady) throw NotStatic();
    program.outputs.push_back(v);
    sub.lists.push_back(b_.list_type(v));
    sub.handles.push_back(b_.SlotOf(v));
  }
  for (int slot : b_.DirtySlots()) {
    const Value v = b_.variables().at(slot);
    if (b_.state(v) != ProgramBuilder::State::kReady) throw NotStatic();
    sub.assigned.emplace_back(slot, program.outputs.size());
    program.outputs.push_back(v);
  }
  sub.program = std::move(program);
  return sub;
}

SubProgram LowerFunction(Lowerer& around, const Function& function,
                         const std::vector<SubArgument>& args, StateInputs* state) {
  return Lowerer().Inside(around, function, args, state);
}

}  // namespace wengert::compile
