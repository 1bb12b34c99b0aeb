// Loops whose variables change their dims from one iteration to the next, or whose body needs
// sizes that only data decides: condition and body run as programs of their own, one for each
// signature that comes up, driven by a kernel of dynamic results.
#include "compile/control_functions.h"
#include "compile/lowerer.h"
#include "wengert/executable.h"

namespace wengert::compile {

namespace {

// A variable that the loop may use: it works on a copy, so that an error leaves the variable as
// it was and nobody sees the loop's intermediate values.
struct Shadow {
  int slot;
  int value;  // number of the argument that holds the value; -1: unset yet
  bool assigned;
  DType dtype;
  wengert::Shape shape;
  std::string name;
};

struct LoopByParts {
  FunctionRunner cond, body;
  size_t num_args;
  std::vector<int> shadow_of;  // per argument: the variable behind the handle; -1: none
  std::vector<Shadow> shadows;
  std::vector<size_t> results;  // arguments whose last values are results

  void operator()(const std::vector<Array>& in, std::vector<Array>& out) const {
    std::vector<std::shared_ptr<Variable>> variables;
    for (const Shadow& s : shadows) {
      variables.push_back(std::make_shared<Variable>(s.dtype, s.shape, s.name));
      if (s.value >= 0) variables.back()->Assign(in.at(static_cast<size_t>(s.value)));
    }
    std::vector<Array> vars(in.begin(), in.begin() + static_cast<long>(num_args));
    for (size_t i = 0; i < num_args; ++i) {
      if (shadow_of[i] >= 0)
        vars[i] = Array::FromResource(variables[static_cast<size_t>(shadow_of[i])]);
    }
    for (;;) {
      const std::vector<Array> test = cond(vars);
      if (test.size() != 1 || test[0].dtype() != DType::kBool || test[0].size() != 1) {
        throw InvalidArgument("the condition of a loop must be a bool scalar");
      }
      if (!test[0].data<bool>()[0]) break;
      vars = body(vars);
    }
    size_t k = 0;
    for (size_t i : results) out.at(k++) = std::move(vars[i]);
    for (size_t i = 0; i < shadows.size(); ++i) {
      if (!shadows[i].assigned) continue;
      if (!variables[i]->initialized()) {
        throw FailedPrecondition("the loop leaves variable " + shadows[i].name +
                                 " without a value");
      }
      out.at(k++) = variables[i]->value();
    }
  }
};

}  // namespace

std::vector<Value> Lowerer::WhileByParts(const Function& cond, const Function& body,
                                         const std::vector<Value>& args) {
  if (!make_runner_) {
    throw Error(ErrorKind::kUnimplemented,
                "a loop whose sizes are decided by data cannot be evaluated here");
  }
  LoopByParts loop;
  loop.num_args = args.size();
  std::vector<Value> inputs = args, outputs(args.size());
  KernelSpec spec;
  spec.name = "While";
  spec.dynamic = true;
  spec.stateful = HasState(cond) || HasState(body);
  for (size_t i = 0; i < args.size(); ++i) {
    if (IsCapture(body, i)) {
      outputs[i] = args[i];
    } else {
      loop.results.push_back(i);
      spec.dtypes.push_back(b_.dtype(args[i]));
    }
    const int slot = b_.SlotOf(args[i]);
    int number = -1;
    for (size_t k = 0; slot >= 0 && k < loop.shadows.size(); ++k) {
      if (loop.shadows[k].slot == slot) number = static_cast<int>(k);
    }
    const auto* variable =
        slot < 0
            ? nullptr
            : dynamic_cast<const Variable*>(b_.slots()[static_cast<size_t>(slot)].resource.get());
    if (variable != nullptr) {
      const bool assigned = MayAssign(cond, i) || MayAssign(body, i);
      if (number < 0) {
        number = static_cast<int>(loop.shadows.size());
        Shadow s{slot, -1, false, variable->dtype(), variable->shape(), variable->name()};
        if (b_.variables().count(slot) || variable->initialized()) {
          s.value = static_cast<int>(inputs.size());
          inputs.push_back(b_.ReadVariable(args[i], variable->dtype()));
        }
        loop.shadows.push_back(std::move(s));
      }
      loop.shadows[static_cast<size_t>(number)].assigned |= assigned;
    }
    loop.shadow_of.push_back(number);
  }
  for (const Shadow& s : loop.shadows) {
    if (s.assigned) spec.dtypes.push_back(s.dtype);
  }
  loop.cond = make_runner_(cond);
  loop.body = make_runner_(body);
  const std::vector<size_t> results = loop.results;
  const std::vector<Shadow> shadows = loop.shadows;
  spec.run = std::move(loop);
  const std::vector<Value> last = b_.Kernel(std::move(spec), inputs);
  size_t k = 0;
  for (size_t i : results) outputs[i] = last[k++];
  for (const Shadow& s : shadows) {
    if (s.assigned) b_.SetVariable(s.slot, last[k++], true);
  }
  return outputs;
}

}  // namespace wengert::compile
