// Conditionals and loops whose branches and bodies are functions.
#include "wengert/control_flow.h"
#include "ops/control_ops.h"
#include "wengert/lowering.h"

namespace wengert {
namespace {

using FunctionPtr = std::shared_ptr<const Function>;

// The shapes that the attribute "output_shapes" gives, where it gives any.
bool DeclaredShapes(ShapeContext& c) {
  const auto& shapes = c.attr("output_shapes").as<std::vector<Shape>>();
  if (shapes.empty()) return false;
  if (shapes.size() != static_cast<size_t>(c.num_outputs())) {
    c.Fail("output_shapes has " + std::to_string(shapes.size()) + " entries for " +
           std::to_string(c.num_outputs()) + " outputs");
  }
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, shapes[static_cast<size_t>(i)]);
  return true;
}

// That `f` takes the inputs from `first` on; `f` may be known by name only.
void CheckArguments(ShapeContext& c, const FunctionRef& ref, int first) {
  const FunctionPtr& f = ref.function;
  if (!f) return;
  if (f->inputs.size() != static_cast<size_t>(c.num_inputs() - first)) {
    c.Fail("function '" + f->name + "' takes " + std::to_string(f->inputs.size()) +
           " arguments, not " + std::to_string(c.num_inputs() - first));
  }
  for (int i = first; i < c.num_inputs(); ++i) {
    const DType expected = f->inputs[static_cast<size_t>(i - first)].dtype();
    if (c.input_dtype(i) == expected) continue;
    c.Fail("argument " + std::to_string(i - first) + " of function '" + f->name + "' must be " +
           Name(expected) + ", not " + Name(c.input_dtype(i)));
  }
}

void CheckResults(ShapeContext& c, const FunctionRef& ref, std::string_view types_attr) {
  const FunctionPtr& f = ref.function;
  if (!f) return;
  const auto& types = c.attr(types_attr).as<std::vector<DType>>();
  if (f->outputs.size() != types.size()) {
    c.Fail("function '" + f->name + "' returns " + std::to_string(f->outputs.size()) +
           " values, not " + std::to_string(types.size()));
  }
  for (size_t i = 0; i < types.size(); ++i) {
    if (f->outputs[i].dtype() == types[i]) continue;
    c.Fail("result " + std::to_string(i) + " of function '" + f->name + "' must be " +
           Name(types[i]) + ", not " + Name(f->outputs[i].dtype()));
  }
}

void BranchShapes(ShapeContext& c, const std::vector<FunctionRef>& branches) {
  for (const FunctionRef& ref : branches) {
    CheckArguments(c, ref, 1);
    CheckResults(c, ref, "Tout");
  }
  if (DeclaredShapes(c)) return;
  for (int i = 0; i < c.num_outputs(); ++i) {
    std::optional<Shape> shape;
    for (const FunctionRef& ref : branches) {
      const Shape own =
          ref.function ? ref.function->outputs[static_cast<size_t>(i)].shape() : Shape();
      shape = shape ? Generalise(*shape, own) : own;
    }
    c.set_output(i, shape.value_or(Shape()));
  }
}

void LowerBranches(LoweringContext& c, Value index, const std::vector<FunctionRef>& refs) {
  std::vector<FunctionPtr> functions;
  std::vector<const Function*> branches;
  for (const FunctionRef& ref : refs) {
    functions.push_back(FindFunction(c.op.graph(), ref));
    branches.push_back(functions.back().get());
  }
  const std::vector<Value> args(c.in.begin() + 1, c.in.end());
  c.out = c.b.Case(index, branches, args);
}

std::vector<FunctionRef> ThenElse(const AttrMap& attrs) {
  return {attrs.find("then_branch")->second.as<FunctionRef>(),
          attrs.find("else_branch")->second.as<FunctionRef>()};
}

// 0 for the first branch, 1 for the second: a number is true unless it is zero, an array unless
// it is empty.
void LowerIf(LoweringContext& c) {
  const std::vector<FunctionRef> branches = ThenElse(c.op.attrs());
  const DType dtype = c.dtype(0);
  if (!c.dims(0).empty()) {
    const bool taken = NumElements(c.dims(0)) > 0;
    LowerBranches(c, c.b.Scalar(DType::kInt32, taken ? 0 : 1), branches);
    return;
  }
  if (dtype != DType::kBool && !IsFloating(dtype) && !IsInteger(dtype)) {
    c.Fail(std::string("the condition must be a bool or a number, not ") + Name(dtype));
  }
  Value taken = c.x(0);
  if (dtype != DType::kBool) taken = c.b.Map(ScalarOp::kNotEqual, taken, 0.0);
  LowerBranches(c, c.b.Cast(c.b.Map(ScalarOp::kNot, taken), DType::kInt32), branches);
}

void LowerCase(LoweringContext& c) {
  if (!c.dims(0).empty()) c.Fail("branch_index must be a scalar, got shape " + ToString(c.dims(0)));
  LowerBranches(c, c.x(0), c.op.attr("branches").as<std::vector<FunctionRef>>());
}

void LoopShapes(ShapeContext& c) {
  const FunctionRef& cond = c.attr("cond").as<FunctionRef>();
  const FunctionRef& body = c.attr("body").as<FunctionRef>();
  CheckArguments(c, cond, 0);
  CheckArguments(c, body, 0);
  CheckResults(c, body, "T");
  if (cond.function && cond.function->outputs.size() != 1) {
    c.Fail("function '" + cond.function->name + "' must return one value, not " +
           std::to_string(cond.function->outputs.size()));
  }
  if (DeclaredShapes(c)) return;
  for (int i = 0; i < c.num_outputs(); ++i) {
    const Shape& in = c.input(i);
    c.set_output(i, body.function
                        ? Generalise(in, body.function->outputs[static_cast<size_t>(i)].shape())
                        : Shape());
  }
}

void LowerLoop(LoweringContext& c) {
  const FunctionPtr cond = FindFunction(c.op.graph(), c.op.attr("cond").as<FunctionRef>());
  const FunctionPtr body = FindFunction(c.op.graph(), c.op.attr("body").as<FunctionRef>());
  c.out = c.b.While(*cond, *body, c.in);
}

void RegisterIf(OpRegistry& r, const std::string& name, bool stateful) {
  OpDef& op = r.Op(name)
                  .Input("cond: Tcond")
                  .Input("input: Tin")
                  .Output("output: Tout")
                  .Attr("Tcond: type")
                  .Attr("Tin: list(type) >= 0")
                  .Attr("Tout: list(type) >= 0")
                  .Attr("then_branch: func")
                  .Attr("else_branch: func")
                  .Attr("output_shapes: list(shape) = []")
                  .Doc("The results of one of two functions")
                  .Shape([](ShapeContext& c) { BranchShapes(c, ThenElse(c.attrs())); })
                  // y = branch(x): a conditional over functions that map dy, and values from
                  // inside the branch, to dx
                  .Gradient(DifferentiateConditional)
                  .Lower(LowerIf);
  if (stateful) op.Stateful();
}

void RegisterCase(OpRegistry& r, const std::string& name, bool stateful) {
  OpDef& op = r.Op(name)
                  .Input("branch_index: int32")
                  .Input("input: Tin")
                  .Output("output: Tout")
                  .Attr("Tin: list(type) >= 0")
                  .Attr("Tout: list(type) >= 0")
                  .Attr("branches: list(func) >= 1")
                  .Attr("output_shapes: list(shape) = []")
                  .Doc(
                      "The results of one of several functions; the last one where the index is "
                      "out of range")
                  .Shape([](ShapeContext& c) {
                    BranchShapes(c, c.attr("branches").as<std::vector<FunctionRef>>());
                  })
                  // As of If.
                  .Gradient(DifferentiateConditional)
                  .Lower(LowerCase);
  if (stateful) op.Stateful();
}

void RegisterWhile(OpRegistry& r, const std::string& name, bool stateful) {
  OpDef& op = r.Op(name)
                  .Input("input: T")
                  .Output("output: T")
                  .Attr("T: list(type) >= 0")
                  .Attr("cond: func")
                  .Attr("body: func")
                  .Attr("output_shapes: list(shape) = []")
                  .Attr("parallel_iterations: int = 10")
                  .Doc("Loop variables after `body` was applied while `cond` holds")
                  .Shape(LoopShapes)
                  // x_{k+1} = body(x_k), k < n: dx_k = J_k^T dx_{k+1}, a loop from n - 1 to 0
                  .Gradient(DifferentiateLoop)
                  .Lower(LowerLoop);
  if (stateful) op.Stateful();
}

}  // namespace

void RegisterControlOps(OpRegistry& r) {
  for (const bool stateful : {false, true}) {
    RegisterIf(r, stateful ? "If" : "StatelessIf", stateful);
    RegisterCase(r, stateful ? "Case" : "StatelessCase", stateful);
    RegisterWhile(r, stateful ? "While" : "StatelessWhile", stateful);
  }
}

}  // namespace wengert
