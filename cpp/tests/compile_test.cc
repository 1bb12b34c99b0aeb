// Passes of the compiler: what each must do, and must not.
#include <cmath>
#include <functional>
#include <string>

#include "check.h"
#include "compile/pipeline.h"
#include "compile/program_builder.h"
#include "compile/reference.h"

namespace wengert::compile {
namespace {

template <class P>
int Count(const Program& p) {
  int n = 0;
  for (const Node& node : p.nodes) n += std::holds_alternative<P>(node.prim);
  return n;
}

Program Finish(ProgramBuilder& b, std::vector<Value> outputs, int num_inputs = 1) {
  Program p = std::move(b.program());
  p.outputs = std::move(outputs);
  p.num_inputs = num_inputs;
  return RunPasses(std::move(p), {});
}

TEST(SimplifiesAlgebra) {
  auto simplified = [](const std::function<Value(ProgramBuilder&, Value)>& f) {
    ProgramBuilder b;
    const Value y = f(b, b.AddInput(0, {DType::kFloat32, {2, 3}}));
    Program p = std::move(b.program());
    p.outputs = {y};
    p.num_inputs = 1;
    return Simplify(std::move(p)).nodes.size();
  };
  using B = ProgramBuilder;
  CHECK_EQ(simplified([](B& b, Value x) { return b.Map(ScalarOp::kMul, x, 1); }), 1u);
  CHECK_EQ(simplified([](B& b, Value x) { return b.Map(ScalarOp::kAdd, x, -0.0); }), 1u);
  // Not x: -0 + 0 is 0.
  CHECK(simplified([](B& b, Value x) { return b.Map(ScalarOp::kAdd, x, 0.0); }) > 1u);
  // Not 0: NaN * 0.
  CHECK(simplified([](B& b, Value x) { return b.Map(ScalarOp::kMul, x, 0.0); }) > 1u);
  CHECK_EQ(
      simplified([](B& b, Value x) { return b.Map(ScalarOp::kNeg, b.Map(ScalarOp::kNeg, x)); }),
      1u);
  CHECK_EQ(simplified([](B& b, Value x) { return b.Transpose(b.Transpose(x, {1, 0}), {1, 0}); }),
           1u);
  CHECK_EQ(simplified([](B& b, Value x) { return b.Reshape(b.Reshape(x, {6}), {2, 3}); }), 1u);
  CHECK_EQ(
      simplified([](B& b, Value x) { return b.Cast(b.Cast(x, DType::kFloat64), DType::kFloat32); }),
      1u);
  CHECK_EQ(simplified([](B& b, Value x) { return b.Gather(x, b.Iota(DType::kInt32, 3), 1, 0); }),
           1u);
  CHECK_EQ(simplified([](B& b, Value x) {
             return b.Slice(b.Pad(x, b.Scalar(DType::kFloat32, 0), {1, 1}, {0, 2}), {1, 1}, {2, 3},
                            {1, 1});
           }),
           1u);
  // A power of two divides exactly.
  CHECK_EQ(simplified([](B& b, Value x) { return b.Map(ScalarOp::kPow, x, 2); }), 2u);
}

TEST(SumOfBroadcastIsMultiple) {
  ProgramBuilder b;
  const Value x = b.AddInput(0, {DType::kFloat64, {4}});
  const Value y = b.Reduce(ReduceOp::kSum, b.Broadcast(x, {1000, 4}), {0, 1}, false);
  const Program p = Finish(b, {y});
  for (const ValueInfo& info : p.values) CHECK(NumElements(info.dims) <= 4);
  const Array out = Interpret(p, {Array::Vector<double>({1, 2, 3, 4})})[0];
  CHECK_EQ(out.data<double>()[0], 10000.0);
}

TEST(FusesForwardAndBackward) {
  // y = tanh(x w + c), loss = sum(y^2), d loss / d c: one group behind the product.
  ProgramBuilder b;
  const Value x = b.AddInput(0, {DType::kFloat32, {8, 4}});
  const Value w = b.AddInput(1, {DType::kFloat32, {4, 3}});
  const Value c = b.AddInput(2, {DType::kFloat32, {3}});
  const Value y = b.Map(ScalarOp::kTanh, b.Add(b.MatMul(x, w, false, false), c));
  const Value loss = b.Reduce(ReduceOp::kSum, b.Map(ScalarOp::kSquare, y), {0, 1}, false);
  const Value dy = b.Mul(y, 2);
  const Value dz = b.Mul(dy, b.Sub(1, b.Map(ScalarOp::kSquare, y)));
  const Value dc = b.Reduce(ReduceOp::kSum, dz, {0}, false);
  const Value dw = b.MatMul(x, dz, true, false);
  const Program p = Finish(b, {loss, dc, dw}, 3);
  CHECK_EQ(Count<Fused>(p), 1);
  CHECK_EQ(Count<MatMul>(p), 2);
  CHECK_EQ(Count<Reduce>(p) + Count<Broadcast>(p) + Count<Map>(p), 0);
}

TEST(RespectsLimits) {
  ProgramBuilder b;
  std::vector<Value> xs;
  for (int i = 0; i < 60; ++i) xs.push_back(b.AddInput(i, {DType::kFloat32, {1000}}));
  Value sum = xs[0];
  for (int i = 1; i < 60; ++i) sum = b.Add(sum, b.Map(ScalarOp::kSin, xs[static_cast<size_t>(i)]));
  for (int i = 0; i < 300; ++i) sum = b.Map(ScalarOp::kTanh, sum);
  Program p = std::move(b.program());
  p.outputs = {sum};
  p.num_inputs = 60;
  p = RunPasses(std::move(p), {});
  Verify(p);
  for (const Node& node : p.nodes) {
    if (const auto* fused = std::get_if<Fused>(&node.prim)) {
      CHECK(fused->operands.size() <= 24);
      CHECK(fused->instrs.size() <= 128);
    }
  }
}

TEST(KeepsEffectsInOrder) {
  ProgramBuilder b;
  const Value x = b.AddInput(0, {DType::kFloat32, {3}});
  KernelSpec spec;
  spec.name = "effect";
  spec.stateful = true;
  spec.dtypes = {DType::kFloat32};
  spec.dims = {{3}};
  spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) { out[0] = in[0]; };
  spec.name = "first";
  b.Kernel(spec, {b.Map(ScalarOp::kTanh, x)});
  spec.name = "second";
  b.Kernel(spec, {x});
  Program p = std::move(b.program());
  p.num_inputs = 1;
  p = RunPasses(std::move(p), {});
  std::vector<std::string> names;
  for (const Node& node : p.nodes) {
    if (const auto* k = std::get_if<CustomKernel>(&node.prim)) names.push_back(k->spec->name);
  }
  CHECK_EQ(names.size(), 2u);
  CHECK_EQ(names[0], "first");
}

TEST(HalfIsComputedInFloat) {
  ProgramBuilder b;
  const Value x = b.AddInput(0, {DType::kFloat16, {2}});
  const Value y = b.Reduce(ReduceOp::kSum, b.Map(ScalarOp::kExp, x), {0}, false);
  CHECK(b.dtype(y) == DType::kFloat16);
  const Program p = Finish(b, {y});
  Verify(p);
  Array in(DType::kFloat16, {2});
  in.data<Half>()[0] = ToHalf(0);
  in.data<Half>()[1] = ToHalf(1);
  const float out = ToFloat(Interpret(p, {in})[0].data<Half>()[0]);
  CHECK(std::fabs(out - 3.718f) < 0.01f);
}

TEST(RejectsBadArguments) {
  ProgramBuilder b;
  const Value x = b.AddInput(0, {DType::kFloat32, {2, 3}});
  const Value y = b.AddInput(1, {DType::kFloat32, {4}});
  CHECK_THROWS(kInvalidArgument, "Incompatible shapes: [2,3] vs. [4]", b.Add(x, y));
  CHECK_THROWS(kInvalidArgument,
               "Input to reshape is a tensor with 6 values, but the requested shape has 4",
               b.Reshape(x, {2, 2}));
  CHECK_THROWS(kInvalidArgument, "", b.Slice(x, {0, 2}, {2, 2}, {1, 1}));
  CHECK_THROWS(kInvalidArgument, "", b.Slice(x, {0, 1}, {2, 3}, {1, -1}));
  CHECK_THROWS(kInvalidArgument, "", b.Broadcast(y, {int64_t{1} << 62, int64_t{1} << 62, 4}));
  CHECK_THROWS(kInternal, "", b.Map(ScalarOp::kAdd, {x, Value{}}));
}

TEST(LargePrograms) {
  ProgramBuilder b;
  Value x = b.AddInput(0, {DType::kFloat32, {64}});
  Value y = b.AddInput(1, {DType::kFloat32, {}});
  for (int i = 0; i < 12000; ++i) {
    x = b.Add(b.Map(ScalarOp::kTanh, b.Mul(x, y)), 1.0 + i);
    if (i % 50 == 0) y = b.Reduce(ReduceOp::kSum, x, {0}, false);
  }
  Program p = std::move(b.program());
  p.outputs = {x, y};
  p.num_inputs = 2;
  const size_t nodes = p.nodes.size();
  int passes = 0;
  p = RunPasses(std::move(p), {}, [&](const char*, const Program& q) {
    CHECK(q.nodes.size() <= nodes);
    ++passes;
  });
  CHECK(passes >= 5);
  CHECK(p.nodes.size() < nodes / 4);
  Verify(p);
}

}  // namespace
}  // namespace wengert::compile

TEST_MAIN()
