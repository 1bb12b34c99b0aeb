// Gradients(): names, order, aggregation, options and errors, as TensorFlow gives them.
#include "wengert/gradients.h"

#include <string>

#include "check.h"
#include "wengert/builder.h"
#include "wengert/executable.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

using Floats = std::vector<float>;

struct Fixture {
  std::shared_ptr<Graph> graph = Graph::Create();
  Builder b{*graph};
  Tensor C(const Floats& values) { return b.Constant(Array::Vector(values)); }
  Floats Run(const Tensor& t) {
    const Array a = Executable::Compile(graph, {}, {t})->Run({})[0];
    return Floats(a.data<float>(), a.data<float>() + a.size());
  }
  Floats Run(const Grad& g) { return Run(b.Dense(g)); }
  // Names of the operations of a type, in order.
  std::string Names(const std::string& type) {
    std::string out;
    for (int64_t i = 0; i < graph->num_operations(); ++i) {
      const Operation* op = graph->operation(i);
      if (op->type() == type) out += (out.empty() ? "" : " ") + op->name();
    }
    return out;
  }
};

// y = 2 x used six times, and once more.
Tensor Fan(Fixture& f, const Tensor& y) {
  Tensor z = y;
  for (int i = 0; i < 5; ++i) z = f.b.Add(z, y);
  return f.b.Multiply(z, y);
}

TEST(SumsOverYs) {
  Fixture f;
  const Tensor x = f.C({1, 2});
  const Tensor y = f.b.Multiply(x, x);
  const auto g = Gradients(*f.graph, {y, f.b.Multiply(y, 2.0), x}, {x, y});
  CHECK(f.Run(g[0]) == Floats({7, 13}));
  CHECK(f.Run(g[1]) == Floats({3, 3}));
  CHECK_EQ(f.Names("Fill"), "gradients/grad_ys_0 gradients/grad_ys_1 gradients/grad_ys_2");
}

TEST(AggregatesByOneAddN) {
  Fixture f;
  const Tensor x = f.C({1, -2}), y = f.b.Multiply(x, 2.0);
  const auto g = Gradients(*f.graph, {Fan(f, y)}, {x, y});
  CHECK_EQ(f.Names("AddN"), "gradients/AddN");
  CHECK(f.Run(g[0]) == Floats({48, -96}));
}

TEST(AggregatesInPairs) {
  Fixture f;
  const Tensor x = f.C({1, -2}), y = f.b.Multiply(x, 2.0);
  GradientOptions options;
  options.aggregation_method = AggregationMethod::kExperimentalTree;
  const auto g = Gradients(*f.graph, {Fan(f, y)}, {y}, {}, options);
  CHECK_EQ(f.Names("AddN"),
           "gradients/mul_gradient_sum/AddN gradients/mul_gradient_sum/AddN_1 "
           "gradients/mul_gradient_sum/AddN_2 gradients/mul_gradient_sum/AddN_3 "
           "gradients/mul_gradient_sum/AddN_4 gradients/mul_gradient_sum/AddN_5");
  CHECK(f.Run(g[0]) == Floats({24, -48}));
}

TEST(SlicesStaySlicesUntilSummedWithATensor) {
  Fixture f;
  const Tensor x = f.C({1, 2, 3}), i = f.b.Constant(Array::Vector<int32_t>({1, 1}));
  const Tensor picked = f.b.Gather(x, i);
  const auto sparse = Gradients(*f.graph, {picked, f.b.Gather(x, i)}, {x});
  CHECK(sparse[0].is_slices());
  CHECK(f.Run(sparse[0]) == Floats({0, 4, 0}));
  const auto dense = Gradients(*f.graph, {picked, f.b.Multiply(x, 3.0)}, {x});
  CHECK(!dense[0].is_slices());
  CHECK_EQ(dense[0].tensor().name(), "gradients_1/AddN:0");
  CHECK(f.Run(dense[0]) == Floats({3, 5, 3}));
}

TEST(StopsAtXsAndStopGradients) {
  Fixture f;
  const Tensor x = f.C({2}), y = f.b.Multiply(x, x), z = f.b.Add(x, y);
  CHECK(f.Run(Gradients(*f.graph, {z}, {x})[0]) == Floats({5}));
  GradientOptions options;
  options.stop_gradients = {y};
  const auto g = Gradients(*f.graph, {z}, {x, y}, {}, options);
  CHECK(f.Run(g[0]) == Floats({1}));
  CHECK(f.Run(g[1]) == Floats({1}));
}

TEST(Unconnected) {
  Fixture f;
  const Tensor x = f.C({1}), other = f.C({1, 2, 3});
  const Tensor ints = f.b.Constant(Array::Scalar<int32_t>(3));
  const auto none = Gradients(*f.graph, {f.b.Multiply(x, x), ints}, {other, ints});
  CHECK(none[0].none());
  CHECK(!none[1].none());  // a y is its own gradient, whatever its dtype
  GradientOptions options;
  options.unconnected_gradients = UnconnectedGradients::kZero;
  const auto zero = Gradients(*f.graph, {f.b.Multiply(x, x)}, {other}, {}, options);
  CHECK_EQ(zero[0].tensor().name(), "zeros_like:0");
  CHECK(f.Run(zero[0]) == Floats({0, 0, 0}));
}

TEST(Errors) {
  Fixture f;
  const Tensor x = f.C({1, 2});
  const auto gradients = [&](const Tensor& y, std::vector<Grad> grad_ys = {}) {
    return Gradients(*f.graph, {y}, {x}, grad_ys);
  };
  const Tensor scalar = f.b.Constant(Array::Scalar(2.0f));
  CHECK_THROWS(kValueError,
               "Incompatible shapes between op input and calculated input gradient. Forward "
               "operation: add. Input index: 0. Original input shape: (2,). Calculated input "
               "gradient shape: ()",
               gradients(f.b.Add(x, x), {Grad(scalar)}));
  CHECK_THROWS(kValueError, "Length mismatch. Passed 2 grad_ys for 1 ys",
               gradients(f.b.Add(x, x), {Grad(), Grad()}));
  CHECK_THROWS(kLookupError, "", gradients(f.b.Op("Unique", {x})));
  const Tensor complex = f.b.Constant(Array::Scalar(std::complex<float>(1, 2)), "c");
  CHECK_THROWS(kTypeError,
               "Gradients of complex tensors (Tensor(\"c:0\", shape=(), dtype=complex64)) must "
               "set grad_ys (y.dtype = complex64)",
               gradients(complex));
  // The graph stays usable.
  CHECK(f.Run(gradients(f.b.Multiply(x, x))[0]) == Floats({2, 4}));
  CHECK_EQ(f.graph->name_scope(), "");
}

TEST(FunctionCallsGrowAndDifferentiateTwice) {
  Fixture f;
  auto cube = std::make_shared<Function>();
  cube->name = "cube";
  cube->graph = Graph::Create();
  Builder inner(*cube->graph);
  cube->inputs = {inner.Placeholder(DType::kFloat32, Shape({1}), "x")};
  const Tensor p = cube->inputs[0];
  cube->outputs = {inner.Identity(inner.Multiply(inner.Multiply(p, p), p))};
  f.graph->AddFunction(cube);
  const Tensor x = f.C({2});
  Operation* call = f.b.AddOp(
      "PartitionedCall", {In(std::vector<Tensor>{x})},
      {{"Tout", std::vector<DType>{DType::kFloat32}}, {"f", FunctionRef{cube->name, cube}}});
  const auto first = Gradients(*f.graph, {call->output(0)}, {x});
  CHECK_EQ(call->num_outputs(), 3);
  CHECK_EQ(first[0].tensor().name(), "gradients/PartitionedCall_grad/PartitionedCall:0");
  const auto second = Gradients(*f.graph, {first[0].tensor()}, {x});
  const auto third = Gradients(*f.graph, {second[0].tensor()}, {x});
  CHECK(f.Run(first[0]) == Floats({12}));
  CHECK(f.Run(second[0]) == Floats({12}));
  CHECK(f.Run(third[0]) == Floats({6}));
}

TEST(CostFollowsTheOpsBetween) {
  Fixture f;
  const Tensor x = f.C({0.5f});
  Tensor deep = x;
  for (int i = 0; i < 100000; ++i) deep = f.b.Op("Tanh", {deep});
  const Tensor start = deep;
  Tensor y = start;
  for (int i = 0; i < 10; ++i) y = f.b.Op("Tanh", {y});
  const int64_t before = f.graph->num_operations();
  Gradients(*f.graph, {y}, {start});
  CHECK_EQ(f.graph->num_operations() - before, 13);
  // No recursion: all of it.
  CHECK(!Gradients(*f.graph, {y}, {x})[0].none());
}

}  // namespace
}  // namespace wengert

TEST_MAIN()
