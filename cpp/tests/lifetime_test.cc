// Graphs and functions are freed with their last owner; what refers to them never dangles.
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "wengert/builder.h"
#include "wengert/executable.h"
#include "wengert/gradients.h"
#include "wengert/op_def.h"
#include "wengert/tape.h"

namespace wengert {
namespace {

std::shared_ptr<Function> Cube(Graph* outer) {
  auto cube = std::make_shared<Function>();
  cube->name = "cube";
  cube->graph = Graph::Create();
  cube->graph->set_outer(outer);
  Builder b(*cube->graph);
  const Tensor x = b.Placeholder(DType::kFloat32, Shape({1}), "x");
  cube->inputs = {x};
  cube->outputs = {b.Identity(b.Multiply(b.Multiply(x, x), x))};
  return cube;
}

TEST(AGraphGoesWithItsFunctionsAndTheirGradients) {
  std::weak_ptr<Graph> outer, inner;
  std::shared_ptr<Executable> executable;
  {
    std::shared_ptr<Graph> graph = Graph::Create();
    const std::shared_ptr<Function> cube = Cube(graph.get());
    outer = graph;
    inner = cube->graph;
    Builder b(*graph);
    graph->AddFunction(cube);
    const Tensor x = b.Constant(Array::Vector<float>({2}));
    Operation* call = b.AddOp(
        "PartitionedCall", {In(std::vector<Tensor>{x})},
        {{"Tout", std::vector<DType>{DType::kFloat32}}, {"f", FunctionRef{cube->name, cube}}});
    const Tensor dx = Gradients(*graph, {call->output(0)}, {x})[0].tensor();
    const Tensor dxx = Gradients(*graph, {dx}, {x})[0].tensor();
    executable = Executable::Compile(graph, {}, {dxx});
  }
  // The executable is the last owner.
  CHECK(!outer.expired());
  CHECK_EQ(executable->Run({})[0].AsDouble(0), 12.0);
  executable = nullptr;
  CHECK(outer.expired());
  CHECK(inner.expired());
}

TEST(AFunctionOutlivesTheGraphAround) {
  std::shared_ptr<Graph> graph = Graph::Create();
  const std::shared_ptr<Function> cube = Cube(graph.get());
  CHECK(cube->graph->outer() == graph);
  graph = nullptr;
  CHECK(cube->graph->outer() == nullptr);
  CHECK_THROWS(kLookupError, "Function 'no' is not in the graph's library",
               FindFunction(*cube->graph, FunctionRef{"no", nullptr}));
  CHECK_EQ(DifferentiateFunction(cube, 1).results.size(), size_t{1});
}

TEST(PlansOfTapesDoNotKeepFunctions) {
  std::weak_ptr<Graph> first;
  for (int i = 0; i < 100; ++i) {
    const std::shared_ptr<Function> cube = Cube(nullptr);
    if (i == 0) first = cube->graph;
    auto host = std::make_shared<int>(1);
    const std::weak_ptr<int> kept = host;
    {
      auto tape = std::make_shared<Tape>();
      const EagerValue x = NewValue(Array::Vector<float>({2}));
      tape->Watch(x);
      ActiveTapes().push_back(tape);
      const EagerValue y = CallFunction(cube, {x}, true, host).at(0);
      ActiveTapes().pop_back();
      host = nullptr;
      CHECK(!kept.expired());
      CHECK_EQ(tape->Gradient({y}, {x})[0].value.array.AsDouble(0), 12.0);
    }
    CHECK(kept.expired());
  }
  CHECK(first.expired());
}

}  // namespace
}  // namespace wengert

TEST_MAIN()
