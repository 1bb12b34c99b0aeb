// Executables: signatures, segments, variables, hot calls, errors, threads, eager ops.
#include <atomic>
#include <cmath>
#include <thread>

#include "check.h"
#include "wengert/wengert.h"

using namespace wengert;

namespace {

// y = sum(tanh(x) * x + c, last axis) and z = tanh(x) * x
struct Simple {
  std::shared_ptr<Graph> graph = Graph::Create();
  Tensor x, c, y, z;
  std::shared_ptr<Executable> executable;

  explicit Simple(CompileOptions options = {}) {
    Builder b(*graph);
    x = b.Placeholder(DType::kFloat32, Shape::Unknown(), "x");
    c = b.Placeholder(DType::kFloat32, Shape::Unknown(), "c");
    z = b.Multiply(b.Op("Tanh", {x}), x);
    y = b.ReduceSum(b.Add(z, c), In(-1));
    executable = Executable::Compile(graph, {x, c}, {y, z}, {}, options);
  }
};

Array Ramp(const Dims& dims, float step = 0.01f) {
  Array a(DType::kFloat32, dims);
  for (int64_t i = 0; i < a.size(); ++i) a.data<float>()[i] = static_cast<float>(i % 97) * step;
  return a;
}

bool Near(double a, double b) {
  return std::abs(a - b) <= 1e-4 * std::max(1.0, std::abs(b));
}

void CheckSimple(const std::vector<Array>& out, const Array& x, const Array& c) {
  const int64_t n = x.dims().back();
  CHECK_EQ(out[0].size() * n, x.size());
  CHECK(out[1].dims() == x.dims());
  for (int64_t r = 0; r < out[0].size(); ++r) {
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) {
      const double v = x.data<float>()[r * n + k];
      sum += std::tanh(v) * v + c.data<float>()[k];
    }
    CHECK(Near(out[0].data<float>()[r], sum));
  }
}

ArrayView ViewOf(const Array& a) {
  return {a.dtype(), a.rank(), a.dims().data(), a.raw()};
}

struct Counter {
  std::shared_ptr<Graph> graph = Graph::Create();
  Tensor handle, delta, divisor;
  Tensor value;
  Operation *assign, *add;

  Counter() {
    Builder b(*graph);
    handle = b.Op("VarHandleOp", {}, {{"dtype", DType::kInt32}, {"shape", Shape({2})}}, "v");
    delta = b.Placeholder(DType::kInt32, Shape({2}), "delta");
    divisor = b.Placeholder(DType::kInt32, Shape({2}), "divisor");
    assign = b.AddOp("AssignVariableOp", {handle, b.Constant(Array::Vector<int32_t>({10, 20}))},
                     {{"dtype", DType::kInt32}});
    add = b.AddOp("AssignAddVariableOp", {handle, delta}, {{"dtype", DType::kInt32}});
    value = b.Op("ReadVariableOp", {handle}, {{"dtype", DType::kInt32}});
  }
};

}  // namespace

TEST(run_with_many_signatures) {
  Simple s;
  for (int64_t n : {1, 3, 10, 700}) {
    for (const Dims& lead : std::vector<Dims>{{}, {4}, {2, 5}, {0}}) {
      Dims dims = lead;
      dims.push_back(n);
      const Array x = Ramp(dims), c = Ramp({n}, 0.5f);
      CheckSimple(s.executable->Run({x, c}), x, c);
      CheckSimple(s.executable->Run({x, c}), x, c);
    }
  }
  CHECK_EQ(s.executable->stats().programs, 16);
  for (int64_t n = 1; n < 100; ++n) s.executable->Run({Ramp({n}), Ramp({n})});
  CHECK_EQ(s.executable->stats().programs, 64);
}

TEST(all_passes_off) {
  CompileOptions off;
  off.fold_constants = off.simplify = off.eliminate_common_subexpressions = off.fuse = false;
  off.reuse_memory = off.hoist = false;
  off.num_threads = 1;
  Simple s(off);
  const Array x = Ramp({300, 40}), c = Ramp({40});
  CheckSimple(s.executable->Run({x, c}), x, c);
}

TEST(prepared_calls) {
  Simple s;
  const Array x = Ramp({4, 10}), c = Ramp({10});
  ArrayView in[2] = {ViewOf(x), ViewOf(c)};
  ArrayView out[2] = {};
  Array fresh[2];
  CHECK(!s.executable->RunPrepared(in, out, fresh));
  s.executable->Run({x, c});
  CHECK(s.executable->RunPrepared(in, out, fresh));
  CheckSimple({fresh[0], fresh[1]}, x, c);
  CHECK(out[1].rank == 2 && out[1].dims[0] == 4 && out[1].dims[1] == 10);

  // Results that are kept are not written again; dropped ones are.
  const Array kept = fresh[0];
  const float first = kept.data<float>()[0];
  const Array other = Ramp({4, 10}, 0.03f);
  ArrayView in_other[2] = {ViewOf(other), ViewOf(c)};
  ArrayView again[2] = {};
  CHECK(s.executable->RunPrepared(in_other, again, fresh));
  CHECK(kept.raw() != fresh[0].raw());
  CHECK_EQ(kept.data<float>()[0], first);
  for (int i = 0; i < 4; ++i) {
    const void* dropped = fresh[1].raw();
    fresh[0] = fresh[1] = Array();
    ArrayView once[2] = {};
    CHECK(s.executable->RunPrepared(in, once, fresh));
    if (i > 0) CHECK(fresh[1].raw() == dropped);
  }

  // The caller's memory.
  Array y(DType::kFloat32, {4}), z(DType::kFloat32, {4, 10});
  ArrayView given[2] = {ViewOf(y), ViewOf(z)};
  CHECK(s.executable->RunPrepared(in, given, fresh));
  CheckSimple({y, z}, x, c);
  given[1].data = x.raw();
  CHECK(!s.executable->RunPrepared(in, given, fresh));
  given[1] = ViewOf(y);
  CHECK(!s.executable->RunPrepared(in, given, fresh));
  const Array longer = Ramp({5, 10});
  ArrayView in_longer[2] = {ViewOf(longer), ViewOf(c)};
  ArrayView none[2] = {};
  CHECK(!s.executable->RunPrepared(in_longer, none, fresh));
}

TEST(brief_calls) {
  Simple s;
  const Array x = Ramp({4, 10}), c = Ramp({10});
  const ArrayView in[2] = {ViewOf(x), ViewOf(c)};
  CHECK(s.executable->Prepare(in) == nullptr);  // nothing was compiled
  s.executable->Run({x, c});
  const std::unique_ptr<PreparedCall> call = s.executable->Prepare(in);
  CHECK(call != nullptr);
  Array y(DType::kFloat32, {4}), z(DType::kFloat32, {4, 10});
  for (float step : {0.02f, 0.03f}) {
    const Array other = Ramp({4, 10}, step);
    void* const inputs[2] = {const_cast<void*>(other.raw()), const_cast<void*>(c.raw())};
    void* const outputs[2] = {y.raw(), z.raw()};
    CHECK(call->Run(inputs, outputs));
    CheckSimple({y, z}, other, c);
  }
  const Array longer = Ramp({5, 10});
  const ArrayView in_longer[2] = {ViewOf(longer), ViewOf(c)};
  CHECK(s.executable->Prepare(in_longer) == nullptr);

  // Errors are told by Run; what reads variables, or is long, is not prepared.
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor n = b.Placeholder(DType::kInt32, Shape({2}), "n");
  const Tensor quotient = b.Op("FloorDiv", {b.Constant(Array::Vector<int32_t>({6, 6})), n});
  auto divide = Executable::Compile(graph, {n}, {quotient});
  const Array good = Array::Vector<int32_t>({2, 3}), bad = Array::Vector<int32_t>({2, 0});
  const ArrayView in_good[1] = {ViewOf(good)};
  divide->Run({good});
  const std::unique_ptr<PreparedCall> quick = divide->Prepare(in_good);
  CHECK(quick != nullptr);
  Array result(DType::kInt32, {2});
  void* const outputs[1] = {result.raw()};
  void* const goods[1] = {const_cast<void*>(good.raw())};
  void* const bads[1] = {const_cast<void*>(bad.raw())};
  CHECK(quick->Run(goods, outputs));
  CHECK_EQ(result.AsDouble(1), 2.0);
  CHECK(!quick->Run(bads, outputs));
  Counter counter;
  auto state = std::make_shared<ResourceManager>();
  Executable::Compile(counter.graph, {}, {}, {counter.assign}, {}, state)->Run({});
  auto read = Executable::Compile(counter.graph, {}, {counter.value}, {}, {}, state);
  read->Run({});
  CHECK(read->Prepare(nullptr) == nullptr);
  CHECK(!state->closed());
  state->Close();
  CHECK(state->closed());
}

TEST(bad_inputs) {
  Simple s;
  CHECK_THROWS(kInvalidArgument, "expected 2 inputs but got 1", s.executable->Run({Ramp({3})}));
  CHECK_THROWS(kInvalidArgument, "input 1, c:0, expects dtype float32 but got int32",
               s.executable->Run({Ramp({3}), Array::Vector<int32_t>({1})}));
  CHECK_THROWS(kInvalidArgument, "", s.executable->Run({Ramp({3}), Ramp({4})}));
  const Array x = Ramp({2, 3}), c = Ramp({3});
  CheckSimple(s.executable->Run({x, c}), x, c);
}

TEST(errors_name_the_operation) {
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor x = b.Placeholder(DType::kFloat32, Shape({3}), "x");
  const Tensor i = b.Placeholder(DType::kInt32, Shape({2}), "i");
  const Tensor y = b.Gather(x, i, 0, "pick");
  auto executable = Executable::Compile(graph, {x, i}, {y});
  CHECK_THROWS(kInvalidArgument, "indices[1] = 7 is not in [0, 3)\n\t [[{{node pick}}]]",
               executable->Run({Ramp({3}), Array::Vector<int32_t>({0, 7})}));
  CHECK_THROWS(kInvalidArgument, "", executable->Run({Ramp({4}), Array::Vector<int32_t>({0, 1})}));
}

TEST(specialised_on_values) {
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor x = b.Placeholder(DType::kFloat32, Shape::Unknown(), "x");
  const Tensor shape = b.Placeholder(DType::kInt32, Shape({2}), "shape");
  const Tensor y = b.ReduceSum(b.Reshape(x, shape), In(0));
  auto executable = Executable::Compile(graph, {x, shape}, {y});
  const Array values = Ramp({12}, 1);
  for (int round = 0; round < 2; ++round) {
    for (int32_t n : {1, 2, 3, 6}) {
      const Array out = executable->Run({values, Array::Vector<int32_t>({n, 12 / n})})[0];
      CHECK(out.dims() == (Dims{12 / n}));
      double sum = 0;
      for (int64_t k = 0; k < n; ++k) sum += static_cast<double>(k * (12 / n));
      CHECK(Near(out.AsDouble(0), sum));
    }
  }
  CHECK_EQ(executable->stats().programs, 4);
}

TEST(sizes_that_data_decide) {
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor x = b.Placeholder(DType::kFloat32, Shape({kUnknownDim}), "x");
  const Tensor mask = b.Placeholder(DType::kBool, Shape({kUnknownDim}), "mask");
  const Tensor where = b.Op("Where", {mask});
  const Tensor picked = b.Gather(x, b.Squeeze(where, {1}), 0);
  const Tensor y = b.Multiply(b.Op("Tanh", {picked}), picked);
  auto executable = Executable::Compile(graph, {x, mask}, {y, b.ReduceSum(x)});
  for (int round = 0; round < 3; ++round) {
    for (int64_t n : {0, 1, 5, 8}) {
      Array m(DType::kBool, {8});
      for (int64_t i = 0; i < 8; ++i) m.data<bool>()[i] = i < n;
      const std::vector<Array> out = executable->Run({Ramp({8}, 0.1f), m});
      CHECK(out[0].dims() == (Dims{n}));
      if (n > 1) CHECK(Near(out[0].AsDouble(1), std::tanh(0.1) * 0.1));
      CHECK(Near(out[1].AsDouble(0), 2.8));
    }
  }
}

TEST(variables_of_a_session) {
  Counter c;
  auto state = std::make_shared<ResourceManager>();
  auto set = Executable::Compile(c.graph, {}, {}, {c.assign}, {}, state);
  auto add = Executable::Compile(c.graph, {c.delta}, {}, {c.add}, {}, state);
  auto get = Executable::Compile(c.graph, {}, {c.value}, {}, {}, state);
  CHECK_THROWS(kFailedPrecondition, "", get->Run({}));
  set->Run({});
  for (int i = 0; i < 5; ++i) add->Run({Array::Vector<int32_t>({1, 2})});
  const Array value = get->Run({})[0];
  CHECK(value.Identical(Array::Vector<int32_t>({15, 30})));
  // What was read does not change any more, and changing it does not change the variable.
  add->Run({Array::Vector<int32_t>({1, 2})});
  CHECK_EQ(value.AsInt(0), 15);
  value.data<int32_t>()[0] = 99;
  CHECK_EQ(get->Run({})[0].AsInt(0), 16);
  auto other = Executable::Compile(c.graph, {}, {c.value});
  CHECK_THROWS(kFailedPrecondition, "", other->Run({}));
}

TEST(variables_stay_on_an_error) {
  Counter c;
  Builder b(*c.graph);
  Builder::Controls after = b.ControlDependencies({c.add});
  const Tensor quotient = b.FloorDivide(c.delta, c.divisor);
  auto state = std::make_shared<ResourceManager>();
  Executable::Compile(c.graph, {}, {}, {c.assign}, {}, state)->Run({});
  auto run = Executable::Compile(c.graph, {c.delta, c.divisor}, {quotient}, {}, {}, state);
  auto get = Executable::Compile(c.graph, {}, {c.value}, {}, {}, state);
  const Array delta = Array::Vector<int32_t>({1, 2});
  CHECK_THROWS(kInvalidArgument, "", run->Run({delta, Array::Vector<int32_t>({1, 0})}));
  CHECK_EQ(get->Run({})[0].AsInt(0), 10);
  run->Run({delta, Array::Vector<int32_t>({1, 1})});
  CHECK_EQ(get->Run({})[0].AsInt(0), 11);
}

TEST(handles_as_inputs) {
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor h = b.Placeholder(DType::kResource, Shape::Scalar(), "h");
  const Tensor k = b.Placeholder(DType::kResource, Shape::Scalar(), "k");
  const AttrMap dtype{{"dtype", DType::kFloat32}};
  Operation* add = b.AddOp("AssignAddVariableOp", {h, b.Op("ReadVariableOp", {k}, dtype)}, dtype);
  auto executable = Executable::Compile(graph, {h, k}, {}, {add});
  auto variable = [](std::vector<float> values) {
    auto v = std::make_shared<Variable>(DType::kFloat32, Shape::Unknown(), "v");
    v->Assign(Array::Vector(values));
    return v;
  };
  auto u = variable({1, 2}), v = variable({10, 20}), w = variable({1, 1, 1});
  const Array hu = Array::FromResource(u), hv = Array::FromResource(v), hw = Array::FromResource(w);
  executable->Run({hu, hv});
  CHECK_EQ(u->value().AsDouble(1), 22.0);
  executable->Run({hv, hu});
  CHECK_EQ(v->value().AsDouble(0), 21.0);
  executable->Run({hu, hu});
  CHECK_EQ(u->value().AsDouble(0), 22.0);
  executable->Run({hw, hw});
  CHECK_EQ(w->value().AsDouble(2), 2.0);
  CHECK_THROWS(kInvalidArgument, "", executable->Run({hw, hu}));
  ArrayView in[2] = {{DType::kResource, 0, nullptr, const_cast<Array*>(&hw)},
                     {DType::kResource, 0, nullptr, const_cast<Array*>(&hw)}};
  executable->Run({hw, hw});
  CHECK(executable->RunPrepared(in, nullptr, nullptr));
  CHECK_EQ(w->value().AsDouble(0), 8.0);
  CHECK_THROWS(kInvalidArgument, "", w->Assign(Array::Vector<double>({1})));
}

TEST(many_threads_at_once) {
  Simple s;
  Counter counter;
  auto state = std::make_shared<ResourceManager>();
  Executable::Compile(counter.graph, {}, {}, {counter.assign}, {}, state)->Run({});
  std::atomic<int> bad{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 60; ++i) {
        const int64_t n = 1 + (i * 7 + t) % 5 * 200;
        const Array x = Ramp({20, n}, 0.001f * static_cast<float>(t + 1)), c = Ramp({n});
        const std::vector<Array> out = s.executable->Run({x, c});
        double sum = 0;
        for (int64_t k = 0; k < n; ++k) {
          const double v = x.data<float>()[n + k];
          sum += std::tanh(v) * v + c.data<float>()[k];
        }
        if (!Near(out[0].AsDouble(1), sum)) ++bad;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(bad.load(), 0);
}

TEST(graph_may_grow) {
  Simple s;
  Builder b(*s.graph);
  const Array x = Ramp({6, 5}), c = Ramp({5});
  CheckSimple(s.executable->Run({x, c}), x, c);
  for (int i = 0; i < 100; ++i) b.Op("Exp", {s.z});
  CheckSimple(s.executable->Run({Ramp({7, 5}), c}), Ramp({7, 5}), c);
}

TEST(inputs_constants_and_doubles_as_outputs) {
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor x = b.Placeholder(DType::kFloat32, Shape({3}), "x");
  const Tensor k = b.Constant(Array::Vector<float>({1, 2, 3}));
  const Tensor y = b.Add(x, k);
  auto executable =
      Executable::Compile(graph, {x}, {x, k, y, y, b.Reshape(y, std::vector<int64_t>{3, 1})});
  const Array in = Array::Vector<float>({5, 6, 7});
  const std::vector<Array> out = executable->Run({in});
  CHECK(out[0].Identical(in) && out[0].raw() != in.raw());
  out[1].data<float>()[0] = 50;
  CHECK(out[2].Identical(out[3]) && out[2].raw() != out[3].raw());
  CHECK(out[4].dims() == (Dims{3, 1}));
  CHECK_EQ(executable->Run({in})[1].AsDouble(0), 1.0);
  // Fed in the middle.
  auto cut = Executable::Compile(graph, {y}, {y, b.Op("Neg", {y})});
  CHECK_EQ(cut->Run({in})[1].AsDouble(2), -7.0);
}

TEST(explain_shows_passes_and_plan) {
  Simple s;
  const std::string text = s.executable->Explain({Ramp({4, 10}), Ramp({10})});
  for (const char* part : {"== lowered ==", "== after fuse ==", "== plan: ", "fused "}) {
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST(eager_ops) {
  const OpDef& add = OpRegistry::Global().Get("AddV2");
  for (int i = 0; i < 3; ++i) {
    const Array out = ExecuteOp(add, {Ramp({2, 3}, 1), Ramp({3}, 1)}, {})[0];
    CHECK(out.dims() == (Dims{2, 3}));
    CHECK_EQ(out.AsDouble(5), 7.0);
  }
  const OpDef& sum = OpRegistry::Global().Get("Sum");
  const Array x = Ramp({2, 3}, 1);
  CHECK_EQ(ExecuteOp(sum, {x, Array::Scalar<int32_t>(0)}, {{"keep_dims", false}})[0].size(), 3);
  CHECK_EQ(ExecuteOp(sum, {x, Array::Scalar<int32_t>(1)}, {{"keep_dims", false}})[0].size(), 2);
  CHECK_EQ(ExecuteOp(sum, {x, Array::Scalar<int32_t>(1)}, {{"keep_dims", true}})[0].rank(), 2);
  try {
    ExecuteOp(add, {Ramp({2}), Ramp({3})}, {});
    CHECK(false);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInvalidArgument);
    CHECK(std::string(e.what()).find("[Op:AddV2]") != std::string::npos);
  }
}

TEST(constants_are_evaluated_while_building) {
  InitializeRuntime();
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor t = b.Multiply(b.Constant(Array::Vector<int32_t>({2, 3})), 4);
  const std::optional<Array> value = graph->EvaluateConstant(t);
  CHECK(value.has_value());
  if (value) CHECK(value->Identical(Array::Vector<int32_t>({8, 12})));
}

TEST(large_results) {
  Simple s;
  const Array x = Ramp({1500, 1000}, 0.001f), c = Ramp({1000});
  for (int i = 0; i < 3; ++i) CheckSimple(s.executable->Run({x, c}), x, c);
}

TEST_MAIN()
