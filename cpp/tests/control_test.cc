// Branches and loops: programs inside programs, with and without passes.
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <thread>

#include "base/tensor_list.h"
#include "check.h"
#include "compile/inner.h"
#include "compile/pipeline.h"
#include "compile/program_builder.h"
#include "compile/reference.h"
#include "runtime/plan.h"
#include "runtime/trip_count.h"
#include "wengert/wengert.h"

using namespace wengert;

namespace {

using compile::Program;
using compile::ProgramBuilder;
using compile::ValueInfo;

const ValueInfo kInt{DType::kInt32, {}};
const ValueInfo kRow{DType::kFloat32, {3}};

std::shared_ptr<const Program> Done(ProgramBuilder& b, std::vector<Value> outputs, int inputs) {
  b.program().outputs = std::move(outputs);
  b.program().num_inputs = inputs;
  return std::make_shared<const Program>(std::move(b.program()));
}

// while (i < n) { x = tanh(x * w) + exp(w); i = i + 1 }, of inputs x, w, n.
Program SomeLoop() {
  compile::WhileLoop loop;
  loop.num_vars = 2;
  {
    ProgramBuilder b;
    const Value i = b.AddInput(0, kInt), n = b.AddInput(3, kInt);
    loop.cond = Done(b, {b.Map(ScalarOp::kLess, i, n)}, 4);
  }
  {
    ProgramBuilder b;
    const Value i = b.AddInput(0, kInt), x = b.AddInput(1, kRow), w = b.AddInput(2, kRow);
    const Value next = b.Add(b.Map(ScalarOp::kTanh, b.Mul(x, w)), b.Map(ScalarOp::kExp, w));
    loop.body = Done(b, {b.Add(i, 1.0), next}, 4);
  }
  ProgramBuilder b;
  const Value x = b.AddInput(0, kRow), w = b.AddInput(1, kRow), n = b.AddInput(2, kInt);
  const Value zero = b.Scalar(DType::kInt32, 0);
  const std::vector<Value> last = b.EmitMany(loop, {zero, x, w, n}, {kInt, kRow});
  return *Done(b, {last[1], last[0]}, 3);
}

std::vector<Array> RunPlan(const Program& program, const std::vector<Array>& inputs) {
  const auto plan = runtime::Plan::Build(program, {});
  const auto frame = plan->NewFrame();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int slot = plan->input_slots()[i];
    if (slot >= 0) frame->slots[static_cast<size_t>(slot)] = inputs[i].data<char>();
  }
  std::vector<Array> results;
  for (const runtime::Result& r : plan->results()) {
    results.emplace_back(r.dtype, r.dims);
    frame->slots[static_cast<size_t>(r.slot)] = results.back().data<char>();
  }
  int failed = -1;
  plan->RunSteps(*frame, &failed);
  return results;
}

std::vector<Array> LoopInputs(int n) {
  return {Array::Vector<float>({0.1f, -0.5f, 2.0f}), Array::Vector<float>({0.3f, 0.7f, -1.1f}),
          Array::Scalar<int32_t>(n)};
}

bool Close(const Array& a, const Array& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  for (int64_t i = 0; i < a.size(); ++i) {
    if (std::fabs(a.AsDouble(i) - b.AsDouble(i)) > 1e-5) return false;
  }
  return true;
}

const compile::WhileLoop* LoopOf(const Program& program) {
  for (const compile::Node& node : program.nodes) {
    if (const auto* loop = std::get_if<compile::WhileLoop>(&node.prim)) return loop;
  }
  return nullptr;
}

bool Contains(const Program& program, ScalarOp op) {
  for (const compile::Node& node : program.nodes) {
    const auto* map = std::get_if<compile::Map>(&node.prim);
    if (map != nullptr && map->op == op) return true;
  }
  return false;
}

TEST(turns_are_counted_only_within_the_dtype) {
  runtime::TripCount count;
  count.dtype = DType::kInt32;
  count.step = 4;
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  CHECK_EQ(count.Turns(0, 9).value(), 3);
  CHECK_EQ(count.Turns(9, 9).value(), 0);
  CHECK_EQ(count.Turns(kMost, -5).value(), 0);
  CHECK_EQ(count.Turns(kMost - 6, kMost - 4).value(), 1);
  CHECK(!count.Turns(kMost - 6, kMost - 3));
  count.dtype = DType::kInt64;
  CHECK_EQ(count.Turns(kMost - 6, kMost - 3).value(), 1);
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  CHECK(!count.Turns(kLeast, 1));
  CHECK_EQ(count.Turns(kLeast, kLeast + 1).value(), 1);
}

TEST(loops_run_as_often_as_they_must) {
  const Program program = SomeLoop();
  Verify(program);
  for (int n : {0, 1, 2, 7}) {
    float x[] = {0.1f, -0.5f, 2.0f};
    const float w[] = {0.3f, 0.7f, -1.1f};
    for (int i = 0; i < n; ++i) {
      for (int k = 0; k < 3; ++k) x[k] = std::tanh(x[k] * w[k]) + std::exp(w[k]);
    }
    const Array expected = Array::Vector<float>({x[0], x[1], x[2]});
    CHECK(Close(compile::Interpret(program, LoopInputs(n), nullptr)[0], expected));
    const std::vector<Array> ran = RunPlan(program, LoopInputs(n));
    CHECK(Close(ran[0], expected));
    CHECK_EQ(ran[1].AsInt(0), n);
  }
}

TEST(every_set_of_passes_gives_the_same) {
  const std::vector<Array> expected = RunPlan(SomeLoop(), LoopInputs(5));
  for (int mask = 0; mask < 32; ++mask) {
    CompileOptions options;
    options.fold_constants = mask & 1;
    options.simplify = mask & 2;
    options.hoist = mask & 4;
    options.eliminate_common_subexpressions = mask & 8;
    options.fuse = mask & 16;
    const Program program =
        compile::RunPasses(SomeLoop(), options, [](const char*, const Program& p) { Verify(p); });
    const std::vector<Array> ran = RunPlan(program, LoopInputs(5));
    CHECK(Close(ran[0], expected[0]));
    CHECK_EQ(ran[1].AsInt(0), 5);
  }
}

TEST(invariant_work_leaves_the_loop) {
  const Program program = compile::Hoist(SomeLoop());
  Verify(program);
  CHECK(Contains(program, ScalarOp::kExp));
  CHECK(!Contains(*LoopOf(program)->body, ScalarOp::kExp));
  CHECK(Contains(*LoopOf(program)->body, ScalarOp::kTanh));
}

TEST(work_that_may_fail_stays) {
  ProgramBuilder cond, body, b;
  compile::WhileLoop loop;
  loop.num_vars = 1;
  loop.cond = Done(cond, {cond.Map(ScalarOp::kLess, cond.AddInput(0, kInt), 3)}, 2);
  const Value i = body.AddInput(0, kInt), n = body.AddInput(1, kInt);
  loop.body = Done(body, {body.Add(i, body.Map(ScalarOp::kFloorDiv, 6, n))}, 2);
  const Value start = b.AddInput(0, kInt), divisor = b.AddInput(1, kInt);
  const Program program = *Done(b, b.EmitMany(loop, {start, divisor}, {kInt}), 2);
  // Nothing is divided when the body never runs.
  for (const Program& p : {program, compile::RunPasses(program, {})}) {
    const auto ran = RunPlan(p, {Array::Scalar<int32_t>(3), Array::Scalar<int32_t>(0)});
    CHECK_EQ(ran[0].AsInt(0), 3);
    CHECK_THROWS(kInvalidArgument, "",
                 RunPlan(p, {Array::Scalar<int32_t>(0), Array::Scalar<int32_t>(0)}));
  }
}

TEST(constants_and_unchanged_variables_go_inside) {
  ProgramBuilder cond, body, b;
  compile::WhileLoop loop;
  loop.num_vars = 2;
  loop.cond =
      Done(cond, {cond.Map(ScalarOp::kLess, cond.AddInput(0, kInt), cond.AddInput(2, kInt))}, 3);
  const Value i = body.AddInput(0, kInt), step = body.AddInput(1, kInt);
  loop.body = Done(body, {body.Add(i, step), step}, 3);
  const Value start = b.AddInput(0, kInt);
  const std::vector<Value> last = b.EmitMany(
      loop, {start, b.Scalar(DType::kInt32, 2), b.Scalar(DType::kInt32, 9)}, {kInt, kInt});
  const Program program = compile::RunPasses(*Done(b, last, 1), {});
  Verify(program);
  CHECK_EQ(LoopOf(program)->num_vars, 1);
  CHECK_EQ(LoopOf(program)->body->num_inputs, 1);
  const auto ran = RunPlan(program, {Array::Scalar<int32_t>(0)});
  CHECK_EQ(ran[0].AsInt(0), 10);
  CHECK_EQ(ran[1].AsInt(0), 2);
}

TEST(branches_choose_and_clamp) {
  compile::CaseOf choice;
  for (double factor : {1.0, 10.0, 100.0}) {
    ProgramBuilder b;
    choice.branches.push_back(Done(b, {b.Mul(b.AddInput(0, kRow), factor)}, 1));
  }
  ProgramBuilder b;
  const Value index = b.AddInput(0, kInt), x = b.AddInput(1, kRow);
  const Program program = *Done(b, b.EmitMany(choice, {index, x}, {kRow}), 2);
  Verify(program);
  const double expected[] = {100, 1, 10, 100, 100};
  for (const Program& p : {program, compile::RunPasses(program, {})}) {
    for (int i = -1; i < 4; ++i) {
      const auto ran = RunPlan(p, {Array::Scalar<int32_t>(i), Array::Vector<float>({1, 2, 3})});
      CHECK_EQ(ran[0].AsDouble(1), 2 * expected[i + 1]);
    }
  }
}

TEST(lists_are_changed_in_place_or_copied) {
  TensorList list(DType::kFloat32, Shape({2}));
  list.Resize(2);
  Array first = ListArray(std::move(list));
  WritableList(first).Set(0, Array::Vector<float>({1, 2}));
  const char* memory = ListOf(first).item(0);
  WritableList(first).Set(1, Array::Vector<float>({3, 4}));
  CHECK(ListOf(first).item(0) == memory);
  Array second = first;
  WritableList(second).Set(0, Array::Vector<float>({9, 9}));
  CHECK_EQ(ListOf(first).Get(0, {}, "read").AsDouble(0), 1);
  CHECK_EQ(ListOf(second).Get(0, {}, "read").AsDouble(0), 9);
  CHECK_EQ(ListOf(second).Get(1, {}, "read").AsDouble(1), 4);
  // A shorter list shares memory with the longer one; a new end is not seen there.
  Array third = first;
  WritableList(third).Resize(1);
  WritableList(third).Push(Array::Vector<float>({7, 7}));
  CHECK_EQ(ListOf(first).Get(1, {}, "read").AsDouble(0), 3);
  CHECK_EQ(ListOf(third).Get(1, {}, "read").AsDouble(0), 7);
}

TEST(lists_of_various_shapes) {
  TensorList list(DType::kInt32, Shape());
  list.Resize(3);
  list.Set(2, Array::Vector<int32_t>({1, 2}));
  CHECK(list.dims() != nullptr && !list.is_set(0) && list.is_set(2));
  CHECK_EQ(list.Get(0, {}, "read").AsInt(1), 0);
  list.Set(1, Array::Vector<int32_t>({5}));
  CHECK(list.dims() == nullptr);
  CHECK_EQ(list.Get(2, {}, "read").AsInt(1), 2);
  CHECK_THROWS(kInvalidArgument, "", list.Get(0, {}, "read"));
  CHECK_THROWS(kInvalidArgument, "Trying to access element 3 in a list with 3 elements.",
               list.Get(3, {}, "access"));
}

TEST(memory_of_lists_is_used_again) {
  auto pool = std::make_shared<BufferPool>();
  const char* memory = nullptr;
  for (int run = 0; run < 3; ++run) {
    TensorList list(DType::kFloat32, Shape({4}));
    list.Reserve(0, pool);
    for (int i = 0; i < 100; ++i) list.Push(Array::Zeros(DType::kFloat32, {4}));
    if (run > 0) CHECK(list.item(0) == memory);
    memory = list.item(0);
  }
}

// --- through graphs -----------------------------------------------------------------------

std::shared_ptr<const Function> Make(
    const std::string& name, std::vector<std::pair<DType, Shape>> args,
    const std::function<std::vector<Tensor>(Builder&, const std::vector<Tensor>&)>& make) {
  auto f = std::make_shared<Function>();
  f->name = name;
  f->graph = Graph::Create();
  Builder b(*f->graph);
  for (const auto& [dtype, shape] : args) f->inputs.push_back(b.Placeholder(dtype, shape, "arg"));
  f->outputs = make(b, f->inputs);
  return f;
}

// x doubled by concatenation until it has at least `n` elements.
std::shared_ptr<Executable> Doubling() {
  const std::vector<std::pair<DType, Shape>> args{{DType::kFloat32, Shape({-1})},
                                                  {DType::kInt32, Shape::Scalar()}};
  auto cond = Make("cond", args, [](Builder& b, const std::vector<Tensor>& in) {
    return std::vector<Tensor>{b.Op("Less", {b.Op("Size", {in[0]}), in[1]})};
  });
  auto body = Make("body", args, [](Builder& b, const std::vector<Tensor>& in) {
    return std::vector<Tensor>{b.Concat({in[0], in[0]}, 0), b.Identity(in[1])};
  });
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor x = b.Placeholder(DType::kFloat32, Shape({-1}), "x");
  const Tensor n = b.Placeholder(DType::kInt32, Shape::Scalar(), "n");
  Operation* loop = b.AddOp("While", {std::vector<Tensor>{x, n}},
                            {{"T", std::vector<DType>{DType::kFloat32, DType::kInt32}},
                             {"cond", FunctionRef{"cond", cond}},
                             {"body", FunctionRef{"body", body}}});
  return Executable::Compile(graph, {x, n}, {b.ReduceSum(loop->output(0)), loop->output(0)});
}

TEST(shapes_may_change_in_a_loop) {
  auto f = Doubling();
  for (int n : {1, 3, 4, 100, 3}) {
    const auto out = f->Run({Array::Vector<float>({1, 2}), Array::Scalar<int32_t>(n)});
    int64_t size = 2;
    while (size < n) size *= 2;
    CHECK_EQ(out[1].size(), size);
    CHECK_EQ(out[0].AsDouble(0), static_cast<double>(size) * 1.5);
  }
}

TEST(loops_run_in_many_threads) {
  auto f = Doubling();
  const Program program = compile::RunPasses(SomeLoop(), {});
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int n = 1; n < 40; ++n) {
        const auto out = f->Run({Array::Vector<float>({1, 2}), Array::Scalar<int32_t>(n)});
        wrong[t] +=
            out[1].size() < n || out[0].AsDouble(0) * 2 != static_cast<double>(out[1].size()) * 3;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int w : wrong) CHECK_EQ(w, 0);
}

TEST(errors_inside_name_the_operation) {
  const std::vector<std::pair<DType, Shape>> args{{DType::kInt32, Shape::Scalar()},
                                                  {DType::kFloat32, Shape({3})}};
  auto cond = Make("cond", args, [](Builder& b, const std::vector<Tensor>& in) {
    return std::vector<Tensor>{b.Op("Less", {in[0], 10})};
  });
  auto body = Make("body", args, [](Builder& b, const std::vector<Tensor>& in) {
    const Tensor y = b.Gather(in[1], in[0], 0, "far_away");
    return std::vector<Tensor>{b.Add(in[0], 1), b.Add(in[1], y)};
  });
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor i = b.Placeholder(DType::kInt32, Shape::Scalar(), "i");
  const Tensor x = b.Placeholder(DType::kFloat32, Shape({3}), "x");
  Operation* loop = b.AddOp("While", {std::vector<Tensor>{i, x}},
                            {{"T", std::vector<DType>{DType::kInt32, DType::kFloat32}},
                             {"cond", FunctionRef{"cond", cond}},
                             {"body", FunctionRef{"body", body}}});
  auto f = Executable::Compile(graph, {i, x}, {loop->output(1)});
  try {
    f->Run({Array::Scalar<int32_t>(0), Array::Vector<float>({1, 2, 3})});
    CHECK(false);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInvalidArgument);
    CHECK(e.op_name() == "far_away");
  }
  CHECK_EQ(f->Run({Array::Scalar<int32_t>(10), Array::Vector<float>({1, 2, 3})})[0].AsDouble(2), 3);
}

TEST(interrupts_end_loops) {
  static std::atomic<int> calls{0};
  SetInterruptCheck([] {
    if (++calls > 1) throw Error(ErrorKind::kCancelled, "enough");
  });
  const std::vector<std::pair<DType, Shape>> args{{DType::kInt32, Shape::Scalar()}};
  auto cond = Make("cond", args, [](Builder& b, const std::vector<Tensor>& in) {
    return std::vector<Tensor>{b.Op("GreaterEqual", {in[0], 0})};
  });
  auto body = Make("body", args, [](Builder& b, const std::vector<Tensor>& in) {
    return std::vector<Tensor>{b.FloorMod(b.Add(in[0], 1), 7)};
  });
  auto graph = Graph::Create();
  Builder b(*graph);
  const Tensor i = b.Placeholder(DType::kInt32, Shape::Scalar(), "i");
  Operation* loop = b.AddOp("While", {std::vector<Tensor>{i}},
                            {{"T", std::vector<DType>{DType::kInt32}},
                             {"cond", FunctionRef{"cond", cond}},
                             {"body", FunctionRef{"body", body}}});
  auto f = Executable::Compile(graph, {i}, {loop->output(0)});
  CHECK_THROWS(kCancelled, "", f->Run({Array::Scalar<int32_t>(0)}));
  SetInterruptCheck(nullptr);
}

}  // namespace

TEST_MAIN()
