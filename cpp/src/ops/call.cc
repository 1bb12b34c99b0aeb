// Calls of functions.
#include "ops/register.h"
#include "wengert/gradients.h"
#include "wengert/lowering.h"

namespace wengert {
namespace {

const FunctionRef& Callee(ShapeContext& c) {
  return c.attr("f").as<FunctionRef>();
}

void CallShape(ShapeContext& c) {
  const std::shared_ptr<const Function> f = Callee(c).function;
  if (!f) return;  // known by name only
  if (f->inputs.size() != static_cast<size_t>(c.num_inputs())) {
    c.Fail("function '" + f->name + "' takes " + std::to_string(f->inputs.size()) +
           " arguments, not " + std::to_string(c.num_inputs()));
  }
  for (int i = 0; i < c.num_inputs(); ++i) {
    const DType expected = f->inputs[static_cast<size_t>(i)].dtype();
    if (c.input_dtype(i) != expected) {
      c.Fail("argument " + std::to_string(i) + " of function '" + f->name + "' must be " +
             Name(expected) + ", not " + Name(c.input_dtype(i)));
    }
  }
  if (f->outputs.size() != static_cast<size_t>(c.num_outputs())) {
    c.Fail("function '" + f->name + "' returns " + std::to_string(f->outputs.size()) +
           " values, not " + std::to_string(c.num_outputs()));
  }
  for (int i = 0; i < c.num_outputs(); ++i) {
    c.set_output(i, f->outputs[static_cast<size_t>(i)].shape());
  }
}

void LowerCall(LoweringContext& c) {
  const auto f = FindFunction(c.op.graph(), c.op.attr("f").as<FunctionRef>());
  if (f->inputs.size() != c.in.size()) {
    c.Fail("function '" + f->name + "' takes " + std::to_string(f->inputs.size()) +
           " arguments, not " + std::to_string(c.in.size()));
  }
  c.out = c.b.Call(*f, c.in);
}

void RegisterCall(OpRegistry& r, const std::string& name, bool stateful) {
  OpDef& op = r.Op(name)
                  .Input("args: Tin")
                  .Output("output: Tout")
                  .Attr("Tin: list(type) >= 0")
                  .Attr("Tout: list(type) >= 0")
                  .Attr("f: func")
                  .Attr("config: string = ''")
                  .Attr("config_proto: string = ''")
                  .Attr("executor_type: string = ''")
                  .Doc("The results of a function")
                  .Shape(CallShape)
                  // y = f(x): a call of the function that maps dy, and values from inside the
                  // call of f, to dx
                  .Gradient(DifferentiateCall)
                  .Lower(LowerCall);
  if (stateful) op.Stateful();
}

}  // namespace

void RegisterCallOps(OpRegistry& r) {
  RegisterCall(r, "PartitionedCall", false);
  RegisterCall(r, "StatefulPartitionedCall", true);
}

}  // namespace wengert
