// What a host program adds by the public headers alone: ops with kernels of their own, gradients
// by name, functions that graphs call, tapes.
#include <cmath>
#include <string>
#include <vector>

#include "check.h"
#include "wengert/wengert.h"

namespace wengert {
namespace {

using Doubles = std::vector<double>;

Doubles Values(const Array& a) {
  return Doubles(a.data<double>(), a.data<double>() + a.size());
}

// y = x^2 / 2, with a kernel in C++; its gradient is written with other ops.
void RegisterHalfSquare() {
  if (OpRegistry::Global().Find("TestHalfSquare") != nullptr) return;
  OpDef def("TestHalfSquare");
  def.Input("x: T")
      .Output("y: T")
      .Attr("T: {double}")
      .Doc("Half the square")
      .Shape(shape_rules::Unchanged)
      // y = x^2 / 2: dx = x dy
      .Gradient(
          [](GradientContext& g) -> std::vector<Grad> { return {g.b.Multiply(g.x(0), g.dy())}; })
      .Lower([](LoweringContext& c) {
        KernelSpec spec;
        spec.name = "half_square";
        spec.dtypes = {c.dtype(0)};
        spec.dims = {c.dims(0)};
        spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) {
          const double* x = in[0].data<double>();
          double* y = out[0].data<double>();
          for (int64_t i = 0; i < in[0].size(); ++i) {
            if (x[i] > 1e6) throw InvalidArgument("half_square: too large");
            y[i] = x[i] * x[i] / 2;
          }
        };
        c.out = c.b.Kernel(spec, {c.x()});
      });
  OpRegistry::Global().Add(std::move(def));
}

TEST(UserOpWithKernelAndGradient) {
  RegisterHalfSquare();
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor x = b.Placeholder(DType::kFloat64, {2}, "x");
  const Tensor y = b.Op("Exp", {b.Op("TestHalfSquare", {x})});
  const Tensor g = Gradients(*graph, {y}, {x})[0].tensor();
  const Tensor h = Gradients(*graph, {g}, {x})[0].tensor();
  auto f = Executable::Compile(graph, {x}, {y, g, h});
  const auto out = f->Run({Array::Vector<double>({0.5, -1})});
  for (int i = 0; i < 2; ++i) {
    const double v = i == 0 ? 0.5 : -1, e = std::exp(v * v / 2);
    CHECK(std::abs(Values(out[0])[i] - (e)) < 1e-12);
    CHECK(std::abs(Values(out[1])[i] - (v * e)) < 1e-12);
    CHECK(std::abs(Values(out[2])[i] - ((1 + v * v) * e)) < 1e-12);
  }
  bool thrown = false;
  try {
    f->Run({Array::Vector<double>({1e7, 0})});
  } catch (const Error& e) {
    thrown = e.kind() == ErrorKind::kInvalidArgument &&
             std::string(e.what()).find("half_square: too large") != std::string::npos;
  }
  CHECK(thrown);
}

TEST(BadDefinitionsAreRefused) {
  RegisterHalfSquare();
  OpDef again("TestHalfSquare");
  again.Shape(shape_rules::NoOutputs).NotDifferentiable().Lower(lowering_rules::Nothing);
  bool refused = false;
  try {
    OpRegistry::Global().Add(std::move(again));
  } catch (const Error&) {
    refused = true;
  }
  CHECK(refused);
  refused = false;
  try {
    OpRegistry::Global().Add(OpDef("TestEmpty"));
  } catch (const Error&) {
    refused = true;
  }
  CHECK(refused && OpRegistry::Global().Find("TestEmpty") == nullptr);
}

TEST(GradientByName) {
  OpRegistry::Global().AddGradient("TestTenfold", [](GradientContext& g) -> std::vector<Grad> {
    return {g.b.Multiply(g.dy(), 10.0)};
  });
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor x = b.Constant(Array::Vector<double>({3}));
  graph->gradient_overrides()["Square"] = "TestTenfold";
  const Tensor y = b.Op("Square", {x});
  graph->gradient_overrides().clear();
  const Tensor g = Gradients(*graph, {y}, {x})[0].tensor();
  CHECK(Values(Executable::Compile(graph, {}, {g})->Run({})[0]) == Doubles({10}));
}

TEST(CallsTheHostProgram) {
  SetHostFunction("test_sort", std::make_shared<const HostFunction>(
                                   [](const std::vector<Array>& in) -> std::vector<Array> {
                                     Array a = in[0].Clone();
                                     std::swap(a.data<double>()[0], a.data<double>()[1]);
                                     return {a};
                                   }));
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor x = b.Placeholder(DType::kFloat64, {2}, "x");
  const std::vector<DType> types{DType::kFloat64};
  const Tensor y =
      b.Op("PyFunc", {std::vector<Tensor>{x}}, {{"token", "test_sort"}, {"Tout", types}});
  auto f = Executable::Compile(graph, {x}, {b.Multiply(y, 2.0)});
  CHECK(Values(f->Run({Array::Vector<double>({1, 2})})[0]) == Doubles({4, 2}));
  SetHostFunction("test_sort", nullptr);
  bool thrown = false;
  try {
    f->Run({Array::Vector<double>({1, 2})});
  } catch (const Error& e) {
    thrown = e.kind() == ErrorKind::kInvalidArgument;
  }
  CHECK(thrown);
}

// Records on a tape while it lives.
struct Recording {
  explicit Recording(std::shared_ptr<Tape> tape) { ActiveTapes().push_back(std::move(tape)); }
  ~Recording() { ActiveTapes().pop_back(); }
};

const OpDef& Op(const char* name) {
  return OpRegistry::Global().Get(name);
}

TEST(TapeOfEagerOps) {
  const EagerValue x = NewValue(Array::Vector<double>({1, 2}));
  auto outer = std::make_shared<Tape>(), inner = std::make_shared<Tape>();
  outer->Watch(x);
  inner->Watch(x);
  EagerGrad first;
  {
    Recording one(outer);
    EagerValue y;
    {
      Recording two(inner);
      const EagerValue square = Execute(Op("Square"), {x}, {})[0];
      y = Execute(Op("Mul"), {square, x}, {})[0];
    }
    first = inner->Gradient({y}, {x})[0];
    CHECK(Values(first.value.array) == Doubles({3, 12}));
  }
  const EagerGrad second = outer->Gradient({first.value}, {x})[0];
  CHECK(Values(second.value.array) == Doubles({6, 12}));
  const EagerValue other = NewValue(Array::Vector<double>({1, 2}));
  CHECK(outer->Gradient({first.value}, {other})[0].none());
  CHECK(outer->size() > 0);
  outer->Clear();
  CHECK(outer->size() == 0 && !outer->Watches(x));
}

TEST(TapeSeesGradientsOfTheHostProgram) {
  auto tape = std::make_shared<Tape>();
  const EagerValue x = NewValue(Array::Vector<double>({3}));
  tape->Watch(x);
  EagerValue y, z;
  {
    Recording recording(tape);
    const EagerValue twice = Execute(Op("AddV2"), {x, x}, {})[0];
    y = NewValue(Array::Vector<double>({7}));
    RecordCustom({twice}, {y}, [](const std::vector<EagerGrad>& dy) {
      EagerGrad dx;
      dx.value = Execute(Op("Neg"), {dy[0].value}, {})[0];
      return std::vector<EagerGrad>{dx};
    });
    z = Execute(Op("Square"), {y}, {})[0];
  }
  CHECK(Values(tape->Gradient({z}, {x})[0].value.array) == Doubles({-28}));
}

}  // namespace
}  // namespace wengert

TEST_MAIN()
