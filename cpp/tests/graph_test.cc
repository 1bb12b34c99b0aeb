// Graphs: names, checks, control dependencies, surgery, constants.
#include "wengert/graph.h"

#include <string>

#include "check.h"
#include "wengert/builder.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

struct Fixture {
  std::shared_ptr<Graph> graph = Graph::Create();
  Builder b{*graph};
  Tensor P(Shape shape, DType dtype = DType::kFloat32, const std::string& name = "p") {
    return b.Placeholder(dtype, shape, name);
  }
};

void NoLowering(LoweringContext&) {}

TEST(UniqueNames) {
  Fixture f;
  Graph& g = *f.graph;
  CHECK_EQ(g.UniqueName("q"), "q");
  CHECK_EQ(g.UniqueName("q"), "q_1");
  CHECK_EQ(g.UniqueName("q/r"), "q/r");
  CHECK_EQ(g.UniqueName("q", false), "q_2");
  CHECK_EQ(g.UniqueName("q"), "q_2");
  CHECK_EQ(g.UniqueName("n"), "n");
  CHECK_EQ(g.UniqueName("n_1"), "n_1");
  CHECK_EQ(g.UniqueName("n"), "n_2");
  CHECK_EQ(g.UniqueName("N"), "N_3");
}

TEST(NameScopes) {
  Fixture f;
  Graph& g = *f.graph;
  {
    const auto scope = f.b.NameScope("a");
    CHECK_EQ(scope.path(), "a/");
    CHECK_EQ(g.UniqueName("Q/r"), "a/Q/r");
    const auto root = f.b.NameScope("");
    CHECK_EQ(root.path(), "");
  }
  CHECK_EQ(g.name_scope(), "");
  CHECK_EQ(f.b.NameScope("A").path(), "A_1/");
  CHECK_EQ(f.b.NameScope("a/").path(), "a/");
  CHECK_EQ(f.b.NameScope("x/y/z").path(), "x/y/z/");
  CHECK_EQ(g.UniqueName("x"), "x");
  CHECK_THROWS(kValueError,
               "'a b' is not a valid root scope name. A root scope name has to match the following "
               "pattern: ^[A-Za-z0-9.][A-Za-z0-9_.\\\\/>-]*$",
               f.b.NameScope("a b"));
  const auto scope = f.b.NameScope("a");
  CHECK_EQ(f.b.NameScope("_x").path(), "a_2/_x/");
}

TEST(NodeNames) {
  Fixture f;
  CHECK_THROWS(kValueError, "", f.P({}, DType::kFloat32, "-b"));
  const Tensor p = f.P({});
  CHECK_EQ(f.graph->AddOperation({"Identity", "k/", {p}, {}, {}})->name(), "k");
  CHECK_THROWS(kValueError, "Duplicate node name in graph: 'k'",
               f.graph->AddOperation({"Identity", "k/", {p}, {}, {}}));
  CHECK(f.graph->FindOperation("k") != nullptr);
  CHECK(f.graph->FindOperation("l") == nullptr);
  CHECK_EQ(f.graph->num_operations(), 2);
}

TEST(TypeErrors) {
  Fixture f;
  const Tensor d = f.P({}, DType::kFloat64), s = f.P({}), t = f.P({}, DType::kBool);
  CHECK_THROWS(kTypeError,
               "Input 'y' of 'Mul' Op has type float32 that does not match type float64 of "
               "argument 'x'.",
               f.b.Op("Mul", {d, s}));
  CHECK_THROWS(kTypeError,
               "Value passed to parameter 'x' has DataType bool not in list of allowed values: "
               "bfloat16, float16, float32, float64, uint8, int8, uint16, int16, int32, uint32, "
               "uint64, int64, complex64, complex128",
               f.b.Op("Mul", {t, t}));
  CHECK_THROWS(kTypeError,
               "Tensors in list passed to 'inputs' of 'AddN' Op have types [float32, float64] that "
               "don't all match.",
               f.b.Op("AddN", {std::vector<Tensor>{s, d}}));
  CHECK_THROWS(kValueError,
               "List argument 'inputs' to 'AddN' Op with length 0 shorter than minimum length 1.",
               f.b.Op("AddN", {std::vector<Tensor>{}}, {{"T", DType::kFloat32}}));
  CHECK_THROWS(kTypeError,
               "Expected int32 passed to parameter 'y' of op 'Mul', got 2.5 of type 'float' "
               "instead. Error: Expected int32, but got 2.5 of type 'float'.",
               f.b.Op("Mul", {f.P({}, DType::kInt32), 2.5}));
  CHECK_THROWS(kValueError, "", f.graph->AddOperation({"Mul", "m", {s}, {}, {}}));
  CHECK_THROWS(kValueError, "", f.graph->AddOperation({"Mul", "m", {s, Tensor{}}, {}, {}}));
  CHECK_THROWS(kRuntimeError, "", f.graph->AddOperation({"NoSuchOp", "m", {}, {}, {}}));
  CHECK_THROWS(kValueError, "", f.graph->AddOperation({"Cast", "k", {s}, {}, {}}));
  CHECK_THROWS(
      kTypeError, "",
      f.graph->AddOperation(
          {"Const", "c", {}, {}, {{"dtype", DType::kFloat64}, {"value", Array::Scalar(1)}}}));
}

TEST(ShapeErrorsLeaveTheGraphUnchanged) {
  Fixture f;
  const Tensor a = f.P({3}), c = f.P({2}, DType::kFloat32, "q");
  CHECK_THROWS(kValueError,
               "Dimensions must be equal, but are 3 and 2 for '{{node k/Mul}} = Mul[T=DT_FLOAT](p, "
               "q)' with input shapes: [3], [2].",
               f.b.NameScope("k"), f.b.Op("Mul", {a, c}));
  CHECK_EQ(f.graph->num_operations(), 2);
  CHECK_EQ(f.graph->name_scope(), "");
}

TEST(OtherGraphs) {
  Fixture f, g;
  const Tensor own = f.P({}), foreign = g.P({});
  CHECK_THROWS(kValueError, "", f.b.Op("Mul", {own, foreign}));
  f.graph->capture = [&](const Tensor& t) { return f.b.Placeholder(t.dtype(), t.shape(), "in"); };
  const Tensor product = f.b.Op("Mul", {own, foreign});
  CHECK_EQ(product.op->input(1).name(), "Mul_1/in:0");
}

TEST(FinalizedGraph) {
  Fixture f;
  f.graph->Finalize();
  CHECK_THROWS(kRuntimeError, "Graph is finalized and cannot be modified.", f.P({}));
  f.graph->Unfinalize();
  f.P({});
}

std::string Controls(const Tensor& t) {
  std::string out;
  for (const Operation* op : t.op->control_inputs()) out += "^" + op->name();
  return out;
}

TEST(ControlDependencies) {
  Fixture f;
  Builder& b = f.b;
  const Tensor a = f.P({2}), p = f.P({2}, DType::kFloat32, "b");
  const auto exp = [&](const Tensor& t) { return b.Op("Exp", {t}); };
  const auto outer = b.ControlDependencies({a.op});
  const Tensor c = b.Constant(Array::Scalar(1.0f), "c");
  CHECK_EQ(Controls(c), "^p");
  CHECK_EQ(Controls(exp(c)), "");
  CHECK_EQ(Controls(exp(a)), "");
  CHECK_EQ(Controls(exp(p)), "^p");
  {
    const auto inner = b.ControlDependencies({p.op});
    const Tensor h = exp(c);
    CHECK_EQ(Controls(h), "^b");
    CHECK_EQ(Controls(exp(h)), "");
    CHECK_EQ(Controls(exp(p)), "^p");
    CHECK_EQ(Controls(exp(a)), "^b");
    Tensor z;
    {
      const Builder::Controls clear(*f.graph, {}, true);
      z = exp(a);
      CHECK_EQ(Controls(z), "");
      const auto again = b.ControlDependencies({a.op, c.op});
      CHECK_EQ(Controls(exp(z)), "^p^c");
      CHECK_EQ(Controls(exp(a)), "^c");
    }
    CHECK_EQ(Controls(exp(z)), "^p^b");
  }
  const auto nothing = b.ControlDependencies({});
  CHECK_EQ(Controls(exp(p)), "^p");
}

TEST(ConsumersFollowSurgery) {
  Fixture f;
  Graph& g = *f.graph;
  const Tensor a = f.P({2}), c = f.P({2});
  const Tensor square = f.b.Op("Mul", {a, a});
  CHECK_EQ(g.Consumers(a).size(), size_t{1});
  const Tensor e = f.b.Op("Exp", {a});
  CHECK_EQ(g.Consumers(a).size(), size_t{2});
  g.UpdateInput(square.op, 1, c);
  CHECK_EQ(g.Consumers(a).size(), size_t{2});
  g.UpdateInput(square.op, 0, c);
  CHECK_EQ(g.Consumers(a).size(), size_t{1});
  CHECK_EQ(g.Consumers(c).size(), size_t{1});
  CHECK(g.is_ordered());
  g.UpdateInput(square.op, 0, e);
  CHECK(!g.is_ordered());
  CHECK_THROWS(kInvalidArgument, "Cannot update edge, incompatible shapes: [3] and [2].",
               g.UpdateInput(square.op, 0, f.P({3})));
  CHECK_THROWS(kInvalidArgument, "", g.UpdateInput(square.op, 0, f.P({2}, DType::kInt32)));
  CHECK_THROWS(kOutOfRange, "", g.UpdateInput(square.op, 2, a));
}

TEST(VariadicOperationsGrow) {
  Fixture f;
  const Tensor a = f.P({2});
  const Tensor sum = f.b.Op("AddN", {std::vector<Tensor>{a, a}});
  f.graph->AddInput(sum.op, a);
  CHECK_EQ(sum.op->int_attr("N"), 3);
  CHECK_THROWS(kTypeError, "", f.graph->AddInput(sum.op, f.P({2}, DType::kInt32)));
  CHECK_THROWS(kValueError, "", f.graph->AddInput(f.b.Op("Exp", {a}).op, a));
  OpDef loop("TestLoop");
  loop.Input("input: T").Output("output: T").Attr("T: list(type) >= 0");
  loop.Shape(shape_rules::UnchangedAll).Lower(NoLowering).NotDifferentiable();
  if (!OpRegistry::Global().Find("TestLoop")) OpRegistry::Global().Add(loop);
  Operation* op = f.b.AddOp("TestLoop", {std::vector<Tensor>{a}});
  f.graph->AddInput(op, f.P({}, DType::kInt32));
  f.graph->AddOutput(op, DType::kInt32, Shape::Scalar());
  CHECK_EQ(op->num_outputs(), 2);
  CHECK_EQ(op->attr("T").as<std::vector<DType>>().size(), size_t{2});
  CHECK_THROWS(kTypeError, "",
               (f.graph->AddInput(op, a), f.graph->AddOutput(op, DType::kInt32, {})));
}

TEST(SettingShapes) {
  Fixture f;
  const Tensor p = f.P({2, -1});
  f.graph->SetShape(p, Shape({-1, 3}));
  CHECK_EQ(p.shape().ToPython(), "(2, 3)");
  CHECK_THROWS(kValueError,
               "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are [2,3] and "
               "[3,3].",
               f.graph->SetShape(p, Shape({3, 3})));
  CHECK_THROWS(kValueError, "Shapes must be equal rank, but are 2 and 1",
               f.graph->SetShape(p, Shape({3})));
}

TEST(ConstantsAreKnown) {
  Fixture f;
  const Tensor c = f.b.Constant(Array::Vector<int32_t>({2, -1, 3}));
  CHECK(f.graph->ValueAsShape(c) == Shape({2, -1, 3}));
  CHECK_EQ(f.graph->StaticValue(c)->AsInt(2), 3);
  CHECK_THROWS(kValueError, "Invalid value in tensor used for shape: -4",
               f.graph->ValueAsShape(f.b.Constant(Array::Vector<int32_t>({-4}))));
  CHECK(!f.graph->ValueAsShape(f.P({3}, DType::kInt32)));
  const Tensor shape = f.b.ShapeOf(f.P({4, 5}), DType::kInt64, false);
  CHECK_EQ(f.graph->EvaluateConstant(shape)->AsInt(1), 5);
  CHECK(!f.graph->EvaluateConstant(f.P({})));
}

TEST(LongChains) {
  Fixture f;
  Tensor t = f.b.Constant(Array::Scalar(1.0f));
  for (int i = 0; i < 100000; ++i) t = f.graph->AddOperation({"Exp", "e", {t}, {}, {}})->output(0);
  CHECK_EQ(t.name(), "e_99999:0");
  CHECK(!f.graph->EvaluateConstant(t));
  CHECK(!f.graph->StaticValue(t));
  CHECK_EQ(f.graph->Consumers(f.graph->operation(7)->output(0)).size(), size_t{1});
}

TEST(Definitions) {
  OpRegistry registry;
  OpDef& op = registry.Op("X");
  op.Input("a: N * T").Input("b: Tin").Input("c: float").Output("y: T");
  op.Attr("N: int >= 2").Attr("T: {float, half} = DT_FLOAT").Attr("Tin: list(type) >= 0");
  op.Attr("s: {'A', \"B\"} = 'B'").Attr("l: list(int) = [1, -2]").Attr("f: float = 1e-3");
  op.Attr("shape: shape = {unknown_rank: true}").Attr("on: bool = true");
  CHECK_EQ(op.inputs()[0].number_attr, "N");
  CHECK_EQ(op.inputs()[1].type_list_attr, "Tin");
  CHECK(op.inputs()[2].type == DType::kFloat32);
  CHECK_EQ(*op.FindAttr("N")->minimum, 2);
  CHECK(op.FindAttr("T")->default_value == Attr(DType::kFloat32));
  CHECK(op.FindAttr("s")->default_value == Attr("B"));
  CHECK(op.FindAttr("l")->default_value == Attr(std::vector<int64_t>{1, -2}));
  CHECK(op.FindAttr("shape")->default_value == Attr(Shape()));
  CHECK_THROWS(kValueError, "definition of op 'X': no shape rule", registry.Seal());
  op.Shape(shape_rules::UnknownShape);
  CHECK_THROWS(kValueError, "definition of op 'X': no lowering rule", op.Validate());
  op.Lower(NoLowering);
  CHECK_THROWS(kValueError, "", op.Validate());
  op.NoGradient();
  op.Validate();
  CHECK_THROWS(kValueError, "", registry.Op("X"));
  CHECK_THROWS(kValueError, "", op.Attr("z: list(int) = [1"));
  CHECK_THROWS(kValueError, "", op.Attr("z: blob"));
  CHECK_THROWS(kValueError, "", op.Input("x"));
}

}  // namespace
}  // namespace wengert

TEST_MAIN()
