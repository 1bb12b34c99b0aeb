// Lowering: slices of graphs to programs, cuts and resumption, variables, calls.
#include "compile/lower.h"

#include <atomic>

#include "check.h"
#include "compile/pipeline.h"
#include "compile/reference.h"
#include "wengert/builder.h"
#include "wengert/executable.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert::compile {
namespace {

std::atomic<int> effects{0};

// Ops of this test: a kernel of dynamic size, a rule that needs a value, an effect.
void RegisterTestOps() {
  static const bool once = [] {
    OpRegistry& r = OpRegistry::Global();
    r.Op("LowerTestPositive")
        .Input("x: float")
        .Output("y: float")
        .Doc("The positive elements of a vector")
        .Shape([](ShapeContext& c) { c.set_output(0, Shape::UnknownOfRank(1)); })
        .NotDifferentiable()
        .Lower([](LoweringContext& c) {
          KernelSpec spec;
          spec.name = "positive";
          spec.dynamic = true;
          spec.dtypes = {DType::kFloat32};
          spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) {
            std::vector<float> kept;
            for (int64_t i = 0; i < in[0].size(); ++i) {
              if (in[0].data<float>()[i] > 0) kept.push_back(in[0].data<float>()[i]);
            }
            out[0] = Array::Vector<float>(kept);
          };
          c.out = c.b.Kernel(spec, {c.x()});
        });
    r.Op("LowerTestRepeat")
        .Input("x: float")
        .Input("n: int32")
        .Output("y: float")
        .Doc("A scalar n times")
        .Shape([](ShapeContext& c) { c.set_output(0, Shape::UnknownOfRank(1)); })
        .NotDifferentiable()
        .Lower([](LoweringContext& c) {
          const Value n = c.b.Add(c.x(1), 0);
          c.set(c.b.Broadcast(c.x(0), {c.evaluate(n).AsInt(0)}));
        });
    r.Op("LowerTestCount")
        .Input("x: float")
        .Output("n: int32")
        .Doc("The number of elements that are above zero, as data")
        .Shape(shape_rules::Scalar)
        .NotDifferentiable()
        .Lower([](LoweringContext& c) {
          const Value above = c.b.Map(ScalarOp::kGreater, c.x(), 0.0);
          std::vector<int> axes;
          for (int i = 0; i < c.b.rank(c.x()); ++i) axes.push_back(i);
          c.set(c.b.Reduce(ReduceOp::kSum, c.b.Cast(above, DType::kInt32), axes, false));
        });
    r.Op("LowerTestEffect")
        .Input("x: float")
        .Output("y: float")
        .Stateful()
        .Doc("Counts its runs")
        .Shape(shape_rules::Unchanged)
        .NotDifferentiable()
        .Lower([](LoweringContext& c) {
          KernelSpec spec;
          spec.name = "effect";
          spec.stateful = true;
          spec.dtypes = {DType::kFloat32};
          spec.dims = {c.dims(0)};
          spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) {
            ++effects;
            out[0] = in[0];
          };
          c.out = c.b.Kernel(spec, {c.x()});
        });
    r.Op("LowerTestCall")
        .Input("args: Tin")
        .Output("output: Tout")
        .Attr("Tin: list(type) >= 0")
        .Attr("Tout: list(type) >= 0")
        .Attr("f: func")
        .Doc("Calls f")
        .Shape(shape_rules::UnknownShape)
        .NotDifferentiable()
        .Lower([](LoweringContext& c) {
          c.out = c.b.Call(*c.op.attr("f").as<FunctionRef>().function, c.in);
        });
    r.Op("LowerTestVariable")
        .Output("handle: resource")
        .Attr("shared_name: string")
        .Stateful()
        .Doc("A float variable by name")
        .Shape(shape_rules::Scalar)
        .NotDifferentiable()
        .Lower([](LoweringContext& c) {
          c.set(c.b.NamedResource(c.op.string_attr("shared_name"), DType::kFloat32, {}));
        });
    r.Op("LowerTestRead")
        .Input("handle: resource")
        .Output("value: float")
        .Stateful()
        .Doc("Reads a variable")
        .Shape(shape_rules::UnknownShape)
        .NotDifferentiable()
        .Lower([](LoweringContext& c) { c.set(c.b.ReadVariable(c.x(), DType::kFloat32)); });
    r.Op("LowerTestAssign")
        .Input("handle: resource")
        .Input("value: float")
        .Stateful()
        .Doc("Assigns a variable")
        .Shape(shape_rules::NoOutputs)
        .NotDifferentiable()
        .Lower([](LoweringContext& c) { c.b.AssignVariable(c.x(0), c.x(1)); });
    r.Seal();
    return true;
  }();
  (void)once;
}

struct Session {
  std::unordered_map<std::string, std::shared_ptr<Variable>> variables;
  int segments = 0;

  NamedResourceFn Named() {
    return [this](const std::string& name, DType dtype, const wengert::Shape& shape) {
      auto& v = variables[name];
      if (!v) v = std::make_shared<Variable>(dtype, shape, name);
      return std::static_pointer_cast<Resource>(v);
    };
  }
  void Set(const std::string& name, Array value) {
    Named()(name, value.dtype(), {});
    variables[name]->Assign(value);
  }

  std::vector<Array> RunProgram(const Lowered& l, const std::vector<Array>& inputs) {
    Verify(l.program);
    const Program p = RunPasses(l.program, {});
    Verify(p);
    std::vector<Array> state;
    for (const ResourceSlot& slot : l.resources) {
      state.push_back(std::static_pointer_cast<Variable>(slot.resource)->value());
    }
    std::vector<Array> out = Interpret(p, inputs, &state);
    for (size_t i = 0; i < l.resources.size(); ++i) {
      if (!l.resources[i].assigned) continue;
      std::static_pointer_cast<Variable>(l.resources[i].resource)->Assign(state[i]);
    }
    return out;
  }

  // What a runtime does.
  std::vector<Array> Run(std::vector<Tensor> inputs, const std::vector<Array>& values,
                         std::vector<Tensor> outputs, std::vector<Operation*> targets = {}) {
    LowerRequest request;
    request.inputs = std::move(inputs);
    for (const Array& a : values) request.input_infos.push_back({a.dtype(), a.dims()});
    request.input_constants.resize(values.size());
    request.outputs = std::move(outputs);
    request.targets = std::move(targets);
    request.named_resource = Named();
    Lowered l = Lower(request);
    while (!l.wanted_constants.empty()) {
      for (int i : l.wanted_constants) {
        request.input_constants[static_cast<size_t>(i)] = values[static_cast<size_t>(i)];
      }
      l = Lower(request);
    }
    std::vector<Array> results = RunProgram(l, values);
    segments = 1;
    while (l.rest) {
      ++segments;
      ResumeRequest next;
      next.named_resource = Named();
      for (size_t i = 0; i < results.size(); ++i) {
        next.input_infos.push_back({results[i].dtype(), results[i].dims()});
        next.input_constants.emplace_back();
        if (l.live[i].constant) next.input_constants.back() = results[i];
      }
      const std::shared_ptr<const Continuation> rest = l.rest;
      l = Resume(*rest, next);
      results = RunProgram(l, results);
    }
    return results;
  }
};

struct Fixture {
  Fixture() { RegisterTestOps(); }
  std::shared_ptr<Graph> graph = Graph::Create();
  Builder b{*graph};
  Session session;
};

float At(const Array& a, int64_t i = 0) {
  return a.data<float>()[i];
}

TEST(LowersArithmetic) {
  Fixture f;
  const Tensor x = f.b.Placeholder(DType::kFloat32, {}, "x");
  const Tensor y = f.b.Add(f.b.Multiply(x, x), 1.0);
  const auto out = f.session.Run({x}, {Array::Vector<float>({2, 3})}, {y, x});
  CHECK_EQ(At(out[0], 0), 5.f);
  CHECK_EQ(At(out[0], 1), 10.f);
  CHECK_EQ(At(out[1], 1), 3.f);
  // An inner tensor can be fed.
  const auto inner = f.session.Run({y}, {Array::Scalar<float>(7)}, {f.b.Negative(y)});
  CHECK_EQ(At(inner[0]), -7.f);
}

TEST(LongChains) {
  Fixture f;
  const Tensor x = f.b.Placeholder(DType::kFloat32, {}, "x");
  Tensor y = x;
  for (int i = 0; i < 100000; ++i) y = f.b.Op("Neg", {y});
  const auto out = f.session.Run({x}, {Array::Scalar<float>(2)}, {y});
  CHECK_EQ(At(out[0]), 2.f);
}

TEST(DynamicSizesEndSegments) {
  Fixture f;
  const Tensor x = f.b.Placeholder(DType::kFloat32, {}, "x");
  const Tensor p = f.b.Op("LowerTestPositive", {x});
  const Tensor q =
      f.b.Op("LowerTestPositive", {f.b.Op("AddV2", {p, f.b.Constant(Array::Scalar<float>(-2))})});
  const Tensor y = f.b.Op("Mul", {q, q});
  const auto out = f.session.Run({x}, {Array::Vector<float>({-1, 1, 3, 5})}, {y, x, p});
  CHECK_EQ(f.session.segments, 3);
  CHECK_EQ(out[0].size(), 2);
  CHECK_EQ(At(out[0], 1), 9.f);
  CHECK_EQ(out[1].size(), 4);
  CHECK_EQ(out[2].size(), 3);
  // A result of unknown size that nobody computes with needs no second segment.
  CHECK_EQ(f.session.Run({x}, {Array::Vector<float>({-1, 1})}, {p})[0].size(), 1);
  CHECK_EQ(f.session.segments, 1);
}

TEST(NeededValues) {
  Fixture f;
  const Tensor x = f.b.Placeholder(DType::kFloat32, {}, "x");
  const Tensor n = f.b.Placeholder(DType::kInt32, {}, "n");
  const Tensor s = f.b.Constant(Array::Scalar<float>(3));
  // A small integer input: the program is specialised on it.
  const auto a =
      f.session.Run({n}, {Array::Scalar<int32_t>(4)}, {f.b.Op("LowerTestRepeat", {s, n})});
  CHECK_EQ(a[0].size(), 4);
  CHECK_EQ(f.session.segments, 1);
  // A value that data decides: a second segment.
  const Tensor count = f.b.Op("LowerTestCount", {x});
  const Tensor y = f.b.Op("Neg", {f.b.Op("LowerTestRepeat", {s, count})});
  const auto b = f.session.Run({x}, {Array::Vector<float>({1, -1, 2})}, {y});
  CHECK_EQ(b[0].size(), 2);
  CHECK_EQ(At(b[0], 1), -3.f);
  CHECK_EQ(f.session.segments, 2);
}

TEST(CutsInsideFunctions) {
  Fixture f;
  auto function = std::make_shared<Function>();
  function->name = "keep";
  function->graph = Graph::Create();
  Builder inner(*function->graph);
  const Tensor a = inner.Placeholder(DType::kFloat32, {}, "a");
  const Tensor p = inner.Op("LowerTestPositive", {a});
  const Tensor twice = inner.Op("AddV2", {p, p});
  function->inputs = {a};
  function->outputs = {twice, inner.Op("Neg", {a})};
  const Tensor effect = inner.Op("LowerTestEffect", {a});
  function->control_outputs = {effect.op};
  const std::shared_ptr<const Function> ref = function;
  const Tensor x = f.b.Placeholder(DType::kFloat32, {}, "x");
  Operation* call = f.b.AddOp("LowerTestCall", {In(std::vector<Tensor>{x})},
                              {{"Tout", std::vector<DType>{DType::kFloat32, DType::kFloat32}},
                               {"f", FunctionRef{"keep", ref}}});
  const Tensor y = f.b.Op("Mul", {call->output(0), call->output(0)});
  effects = 0;
  const auto out =
      f.session.Run({x}, {Array::Vector<float>({-1, 1, 2})}, {y, f.b.Op("Neg", {call->output(1)})});
  CHECK_EQ(f.session.segments, 2);
  CHECK_EQ(effects.load(), 1);
  CHECK_EQ(out[0].size(), 2);
  CHECK_EQ(At(out[0], 1), 16.f);
  CHECK_EQ(At(out[1], 0), -1.f);
}

TEST(NestingHasALimit) {
  Fixture f;
  std::shared_ptr<const Function> callee;
  for (int i = 0; i < 300; ++i) {
    auto function = std::make_shared<Function>();
    function->name = "f" + std::to_string(i);
    function->graph = Graph::Create();
    Builder inner(*function->graph);
    const Tensor a = inner.Placeholder(DType::kFloat32, {}, "a");
    function->inputs = {a};
    function->outputs = {a};
    if (callee) {
      function->outputs = {inner.Op("LowerTestCall", {In(std::vector<Tensor>{a})},
                                    {{"Tout", std::vector<DType>{DType::kFloat32}},
                                     {"f", FunctionRef{callee->name, callee}}})};
    }
    callee = function;
  }
  const Tensor x = f.b.Placeholder(DType::kFloat32, {}, "x");
  const Tensor y = f.b.Op(
      "LowerTestCall", {In(std::vector<Tensor>{x})},
      {{"Tout", std::vector<DType>{DType::kFloat32}}, {"f", FunctionRef{callee->name, callee}}});
  CHECK_THROWS(kInvalidArgument, "", f.session.Run({x}, {Array::Scalar<float>(1)}, {y}));
}

TEST(VariablesAreValues) {
  Fixture f;
  f.session.Set("v", Array::Scalar<float>(2));
  const Tensor handle = f.b.Op("LowerTestVariable", {}, {{"shared_name", "v"}});
  const Tensor before = f.b.Op("LowerTestRead", {handle});
  Operation* assign = f.b.AddOp("LowerTestAssign", {handle, f.b.Op("Mul", {before, before})});
  const auto controls = f.b.ControlDependencies({assign});
  const Tensor after = f.b.Op("LowerTestRead", {handle});
  auto out = f.session.Run({}, {}, {before, after});
  CHECK_EQ(At(out[0]), 2.f);
  CHECK_EQ(At(out[1]), 4.f);
  CHECK_EQ(At(f.session.variables["v"]->value()), 4.f);
  f.session.Run({}, {}, {}, {assign});
  CHECK_EQ(At(f.session.variables["v"]->value()), 16.f);
}

TEST(AssignmentsWaitForTheLastSegment) {
  Fixture f;
  f.session.Set("v", Array::Vector<float>({-1, 1, 2}));
  const Tensor handle = f.b.Op("LowerTestVariable", {}, {{"shared_name", "v"}});
  const Tensor read = f.b.Op("LowerTestRead", {handle});
  Operation* first = f.b.AddOp("LowerTestAssign", {handle, f.b.Op("Neg", {read})});
  Tensor again, kept;
  {
    const auto controls = f.b.ControlDependencies({first});
    again = f.b.Op("LowerTestRead", {handle});
  }
  kept = f.b.Op("LowerTestPositive", {again});
  Operation* second = f.b.AddOp("LowerTestAssign", {handle, f.b.Op("AddV2", {kept, kept})});
  f.session.Run({}, {}, {}, {second});
  CHECK_EQ(f.session.segments, 2);
  CHECK_EQ(f.session.variables["v"]->value().size(), 1);
  CHECK_EQ(At(f.session.variables["v"]->value()), 2.f);
}

TEST(UninitialisedRead) {
  Fixture f;
  const Tensor handle = f.b.Op("LowerTestVariable", {}, {{"shared_name", "scope/x"}});
  const Tensor read = f.b.Op("LowerTestRead", {handle}, {}, "ReadIt");
  CHECK_THROWS(kFailedPrecondition,
               "Could not find variable scope/x. This could mean that the variable has been "
               "deleted. In TF1, it can also mean the variable is uninitialized. Debug info: "
               "container=localhost, status error message=Container localhost does not exist. "
               "(Could not find resource: localhost/scope/x)\n\t [[{{node ReadIt}}]]",
               f.session.Run({}, {}, {read}));
}

TEST(ErrorsNameTheOperation) {
  Fixture f;
  const Tensor x = f.b.Placeholder(DType::kFloat32, {}, "x");
  const Tensor y = f.b.Op("Mul", {x, f.b.Constant(Array::Vector<float>({1, 2}))}, {}, "product");
  CHECK_THROWS(kInvalidArgument, "Incompatible shapes: [3] vs. [2]\n\t [[{{node product}}]]",
               f.session.Run({x}, {Array::Vector<float>({1, 2, 3})}, {y}));
}

TEST(EvaluatesConstants) {
  Fixture f;
  const Tensor a = f.b.Constant(Array::Vector<int32_t>({2, 3}));
  const auto value = EvaluateTensor(f.b.Op("Mul", {a, a}));
  CHECK(value.has_value());
  if (value) CHECK_EQ(value->AsInt(1), 9);
  const Tensor x = f.b.Placeholder(DType::kFloat32, {}, "x");
  CHECK(!EvaluateTensor(x).has_value());
  CHECK(!EvaluateTensor(f.b.Op("Neg", {x})).has_value());
}

}  // namespace
}  // namespace wengert::compile

TEST_MAIN()
