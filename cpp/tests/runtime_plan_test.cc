// Plans against the reference evaluator: random programs, reductions of all layouts, on every
// instruction set, with one and two threads, with and without reuse of memory.
#include <cmath>
#include <cstring>
#include <random>

#include "check.h"
#include "compile/pipeline.h"
#include "compile/program_builder.h"
#include "compile/reference.h"
#include "runtime/memory_budget.h"
#include "runtime/plan.h"
#include "wengert/executable.h"

using namespace wengert;
using compile::Program;
using compile::ProgramBuilder;
using runtime::Plan;

namespace {

std::vector<Array> RunPlan(const Plan& plan, const std::vector<Array>& inputs) {
  std::unique_ptr<runtime::Frame> frame = plan.NewFrame();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int slot = plan.input_slots()[i];
    if (slot < 0) continue;
    if (plan.slots()[static_cast<size_t>(slot)].object) {
      frame->objects[static_cast<size_t>(slot)] = inputs[i];
    } else {
      frame->slots[static_cast<size_t>(slot)] = inputs[i].data<char>();
    }
  }
  std::vector<Array> outputs;
  for (const runtime::Result& result : plan.results()) {
    outputs.push_back(result.object ? Array() : Array(result.dtype, result.dims));
    if (!result.object) {
      frame->slots[static_cast<size_t>(result.slot)] = outputs.back().data<char>();
    }
  }
  int failed = -1;
  plan.RunSteps(*frame, &failed);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const runtime::Result& result = plan.results()[i];
    if (result.object) outputs[i] = frame->objects[static_cast<size_t>(result.slot)];
  }
  return outputs;
}

bool Close(const Array& a, const Array& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  if (!IsFloating(a.dtype())) return a.Identical(b);
  const double tolerance = a.dtype() == DType::kFloat64   ? 1e-9
                           : a.dtype() == DType::kFloat32 ? 2e-4
                                                          : 2e-2;
  for (int64_t i = 0; i < a.size(); ++i) {
    const double x = a.AsDouble(i), y = b.AsDouble(i);
    if (std::isnan(x) != std::isnan(y)) return false;
    if (x == y || std::isnan(x)) continue;
    if (!(std::abs(x - y) <= tolerance * std::max(1.0, std::max(std::abs(x), std::abs(y))))) {
      return false;
    }
  }
  return true;
}

int programs_within_budgets = 0;

// The same bits with less memory, where steps can be repeated to that end.
void CheckBudgets(const Program& program, const std::vector<Array>& inputs,
                  const std::vector<Array>& expected, const std::string& name) {
  const auto plain = Plan::Build(program, {});
  for (int64_t part : {2, 3, 5, 8}) {
    const int64_t budget = static_cast<int64_t>(plain->memory_bytes()) * (part - 1) / part;
    runtime::FittedPlan fitted;
    try {
      fitted = runtime::BuildWithin(program, {}, budget);
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::kResourceExhausted);
      continue;
    }
    CHECK(static_cast<int64_t>(fitted.plan->memory_bytes()) <= budget);
    if (fitted.repeated > 0) ++programs_within_budgets;
    const std::vector<Array> got = RunPlan(*fitted.plan, inputs);
    for (size_t i = 0; i < got.size(); ++i) {
      if (got[i].Identical(expected[i])) continue;
      check::Report(__FILE__, __LINE__,
                    name + ": output " + std::to_string(i) + " differs within a budget\n" +
                        compile::ToText(program) + fitted.report + fitted.plan->ToText());
      return;
    }
  }
}

// Every way to run `program` gives what the reference gives; bit for bit the same with any
// number of threads, with memory reused or not, with generated code or kernels.
void CheckProgram(const Program& program, const std::vector<Array>& inputs,
                  const std::string& name) {
  compile::Verify(program);
  const std::vector<Array> expected = compile::Interpret(program, inputs);
  for (int optimised = 0; optimised < 2; ++optimised) {
    Program p = optimised ? compile::RunPasses(program, CompileOptions{}) : program;
    for (const std::string& isa : AvailableIsas()) {
      UseIsa(isa);
      std::vector<Array> first;
      for (int variant = 0; variant < 6; ++variant) {
        SetNumThreads(variant % 2 + 1);
        const auto plan =
            Plan::Build(p, {.reuse_memory = variant / 2 != 1, .generate_code = variant / 2 != 2});
        const std::vector<Array> got = RunPlan(*plan, inputs);
        for (size_t i = 0; i < got.size(); ++i) {
          if (Close(got[i], expected[i])) continue;
          check::Report(__FILE__, __LINE__,
                        name + ": output " + std::to_string(i) + " differs on " + isa +
                            ", variant " + std::to_string(variant) +
                            (optimised ? ", optimised\n" : "\n") + compile::ToText(p) +
                            plan->ToText());
          return;
        }
        if (variant == 0) first = got;
        if (variant == 0 && isa == AvailableIsas()[0]) CheckBudgets(p, inputs, first, name);
        for (size_t i = 0; i < got.size(); ++i) {
          if (!got[i].Identical(first[i])) {
            check::Report(__FILE__, __LINE__, name + ": variants differ in bits on " + isa);
            return;
          }
        }
      }
    }
  }
  SetNumThreads(0);
  UseIsa(AvailableIsas()[0]);
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t Int(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  double Real() { return std::uniform_real_distribution<double>(-2, 2)(engine_); }
  bool Chance(int percent) { return Int(0, 99) < percent; }

  Array Values(DType dtype, const Dims& dims) {
    Array array(dtype, dims);
    for (int64_t i = 0; i < array.size(); ++i) {
      const double value = IsFloating(dtype)       ? Real()
                           : dtype == DType::kBool ? static_cast<double>(Int(0, 1))
                                                   : static_cast<double>(Int(-5, 5));
      const Array element = Array::FromDouble(dtype, value);
      std::memcpy(array.data<char>() + static_cast<size_t>(i) * SizeOf(dtype), element.raw(),
                  element.bytes());
    }
    return array;
  }

 private:
  std::mt19937_64 engine_;
};

// Grows a program by random primitives over values kept near one.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {
    static constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32,
                                       DType::kFloat16, DType::kComplex64};
    dtype_ = kTypes[random_.Int(0, 3)];
    const int inputs = static_cast<int>(random_.Int(1, 3));
    for (int i = 0; i < inputs; ++i) {
      const Dims dims = NewDims();
      values_.push_back(b_.AddInput(i, {dtype_, dims}));
      inputs_.push_back(random_.Values(dtype_, dims));
    }
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      const Value v = Step();
      if (v && b_.size(v) <= 200000) values_.push_back(v);
    }
    const int outputs = static_cast<int>(random_.Int(1, 3));
    b_.program().outputs.push_back(values_.back());
    for (int i = 1; i < outputs; ++i) b_.program().outputs.push_back(Pick());
    b_.program().num_inputs = static_cast<int>(inputs_.size());
  }

  const Program& program() { return b_.program(); }
  const std::vector<Array>& inputs() const { return inputs_; }

 private:
  Dims NewDims() {
    static constexpr int64_t kLengths[] = {1, 2, 3, 5, 8, 17, 40, 600};
    Dims dims;
    const int64_t rank = random_.Int(0, 3);
    for (int64_t k = 0; k < rank; ++k) {
      dims.push_back(random_.Chance(3) ? 0 : kLengths[random_.Int(0, k == rank - 1 ? 7 : 6)]);
    }
    return dims;
  }
  Value Pick() {
    return values_[static_cast<size_t>(random_.Int(0, static_cast<int64_t>(values_.size()) - 1))];
  }
  Value Bounded(Value v) {
    if (IsFloating(dtype_)) return b_.Map(ScalarOp::kTanh, v);
    return b_.Map(ScalarOp::kMaximum, b_.Map(ScalarOp::kMinimum, v, 5.0), -5.0);
  }
  int Axis(Value v) { return static_cast<int>(random_.Int(0, b_.rank(v) - 1)); }

  Value Step() {
    const Value x = Pick();
    const int rank = b_.rank(x);
    switch (random_.Int(0, 14)) {
      case 0:
        return Bounded(x);
      case 1:
        return b_.Map(ScalarOp::kNeg, b_.Map(ScalarOp::kSquare, Bounded(x)));
      case 2:
      case 3: {
        const Value y = Pick();
        if (!BroadcastDims(b_.dims(x), b_.dims(y))) return {};
        static constexpr ScalarOp kOps[] = {ScalarOp::kAdd, ScalarOp::kMul, ScalarOp::kSub,
                                            ScalarOp::kMaximum};
        return Bounded(b_.Map(kOps[random_.Int(0, 3)], x, y));
      }
      case 4: {
        std::vector<int> axes;
        for (int k = 0; k < rank; ++k) {
          if (random_.Chance(50)) axes.push_back(k);
        }
        static constexpr ReduceOp kOps[] = {ReduceOp::kSum, ReduceOp::kMax, ReduceOp::kMin};
        const ReduceOp op = kOps[random_.Int(0, 2)];
        return Bounded(b_.Reduce(op, b_.Mul(x, 0.25), axes, random_.Chance(50)));
      }
      case 5: {
        Dims dims = b_.dims(x);
        for (int64_t& d : dims) {
          if (d == 1) d = random_.Int(1, 6);
        }
        if (rank < 3) dims.insert(dims.begin(), random_.Int(1, 4));
        return b_.Broadcast(x, dims);
      }
      case 6: {
        std::vector<int> perm;
        for (int k = 0; k < rank; ++k) perm.push_back(k);
        for (int k = rank - 1; k > 0; --k) {
          std::swap(perm[static_cast<size_t>(k)], perm[static_cast<size_t>(random_.Int(0, k))]);
        }
        return b_.Transpose(x, perm);
      }
      case 7: {
        Dims begin, size, strides;
        for (int64_t d : b_.dims(x)) {
          const int64_t n = d == 0 ? 0 : random_.Int(1, d);
          const int64_t stride = n <= 1 ? 1 : random_.Int(1, (d - 1) / (n - 1));
          const int64_t span = n == 0 ? 0 : (n - 1) * stride;
          const int64_t first = n == 0 ? 0 : random_.Int(0, d - 1 - span);
          const bool reverse = n > 0 && random_.Chance(30);
          begin.push_back(reverse ? first + span : first);
          size.push_back(n);
          strides.push_back(reverse ? -stride : stride);
        }
        return b_.Slice(x, begin, size, strides);
      }
      case 8: {
        Dims low, high;
        for (int k = 0; k < rank; ++k) {
          low.push_back(random_.Int(0, 2));
          high.push_back(random_.Int(0, 2));
        }
        return b_.Pad(x, b_.Scalar(dtype_, 1), low, high);
      }
      case 9:
        if (rank == 0) return {};
        return b_.Concat({x, b_.Map(ScalarOp::kNeg, x), x}, Axis(x));
      case 10:
        return b_.Reshape(x, {b_.size(x)});
      case 11: {
        if (rank != 2 || b_.dims(x)[0] > 100) return {};
        const bool left = random_.Chance(50);
        return Bounded(b_.MatMul(x, x, left, !left));
      }
      case 12: {
        if (rank == 0) return {};
        const int axis = Axis(x);
        const int64_t length = b_.dims(x)[static_cast<size_t>(axis)];
        if (length == 0) return {};
        const int64_t n = random_.Int(1, 5);
        Array indices(DType::kInt64, {n});
        for (int64_t i = 0; i < n; ++i) indices.data<int64_t>()[i] = random_.Int(0, length - 1);
        return b_.Gather(x, b_.Cast(b_.Constant(indices), DType::kInt32), axis, 0);
      }
      case 13: {
        if (rank == 0) return {};
        const int axis = Axis(x);
        return Bounded(b_.Scan(ScanOp::kSum, x, axis, random_.Chance(50), random_.Chance(50)));
      }
      default: {
        if (rank == 0 || b_.dims(x)[0] == 0) return {};
        const int64_t n = random_.Int(1, 4);
        Array indices(DType::kInt32, {n, 1});
        for (int64_t i = 0; i < n; ++i) {
          indices.data<int32_t>()[i] = static_cast<int32_t>(random_.Int(0, b_.dims(x)[0] - 1));
        }
        Dims dims = b_.dims(x);
        dims[0] = n;
        const Value updates = b_.Broadcast(b_.Scalar(dtype_, 1), dims);
        return Bounded(b_.Scatter(random_.Chance(50) ? ScatterOp::kAdd : ScatterOp::kSet, x,
                                  b_.Constant(indices), updates, false));
      }
    }
  }

  Random random_;
  DType dtype_;
  ProgramBuilder b_;
  std::vector<Value> values_;
  std::vector<Array> inputs_;
};

// All subsets of axes of one shape, with work in front and behind.
void CheckReductions(const Dims& dims, DType dtype, ReduceOp op) {
  const int rank = static_cast<int>(dims.size());
  Random random(static_cast<uint64_t>(NumElements(dims)));
  for (int mask = 1; mask < 1 << rank; ++mask) {
    ProgramBuilder b;
    const Value x = b.AddInput(0, {dtype, dims});
    std::vector<int> axes;
    Dims row;
    for (int k = 0; k < rank; ++k) {
      if (mask >> k & 1) axes.push_back(k);
    }
    row.assign(dims.end() - 1, dims.end());
    const Value bias = b.AddInput(1, {dtype, row});
    const Value y = b.Add(b.Mul(x, x), bias);
    const Value sum = b.Reduce(op, y, axes, true);
    b.program().outputs = {sum, b.Sub(y, sum)};
    b.program().num_inputs = 2;
    CheckProgram(b.program(), {random.Values(dtype, dims), random.Values(dtype, row)},
                 "reduction " + ToString(dims) + " mask " + std::to_string(mask));
  }
}

Program OneNode(const std::function<Value(ProgramBuilder&, std::vector<Value>&)>& body,
                const std::vector<compile::ValueInfo>& infos) {
  ProgramBuilder b;
  std::vector<Value> inputs;
  for (const compile::ValueInfo& info : infos) {
    inputs.push_back(b.AddInput(static_cast<int>(inputs.size()), info));
  }
  b.program().outputs = {body(b, inputs)};
  b.program().num_inputs = static_cast<int>(infos.size());
  return b.program();
}

}  // namespace

TEST(random_programs) {
  for (uint64_t seed = 0; seed < 400; seed += check::kEveryNth) {
    Generator generator(seed);
    generator.Run(seed < 200 ? 6 : 25);
    CheckProgram(generator.program(), generator.inputs(), "seed " + std::to_string(seed));
    if (check::Failures() > 3) return;
  }
  CHECK(programs_within_budgets > 20 / check::kEveryNth);
}

TEST(reductions) {
  for (const Dims& dims : std::vector<Dims>{{5000},
                                            {1},
                                            {0},
                                            {3, 0, 4},
                                            {300, 1000},
                                            {1000, 30},
                                            {4, 20000},
                                            {20000, 4},
                                            {12, 7, 700},
                                            {40, 7, 30},
                                            {2, 3, 4, 5}}) {
    CheckReductions(dims, DType::kFloat32, ReduceOp::kSum);
    CheckReductions(dims, DType::kFloat64, ReduceOp::kMax);
    CheckReductions(dims, DType::kInt32, ReduceOp::kMin);
  }
}

TEST(order_steps) {
  Random random(7);
  const Dims dims{40, 33};
  for (DType dtype : {DType::kFloat32, DType::kInt16, DType::kUInt8}) {
    const std::vector<Array> inputs{random.Values(dtype, dims)};
    for (int axis = 0; axis < 2; ++axis) {
      CheckProgram(OneNode(
                       [&](ProgramBuilder& b, std::vector<Value>& in) {
                         return b.ArgReduce(axis == 0, in[0], axis, DType::kInt32);
                       },
                       {{dtype, dims}}),
                   inputs, "argmax");
    }
    CheckProgram(
        OneNode([&](ProgramBuilder& b, std::vector<Value>& in) { return b.TopK(in[0], 5)[1]; },
                {{dtype, dims}}),
        inputs, "top-k");
  }
}

TEST(matmul_broadcasts) {
  Random random(3);
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kComplex128}) {
    for (int mask = 0; mask < 4; ++mask) {
      const Dims a = mask & 1 ? Dims{3, 1, 5, 4} : Dims{3, 1, 4, 5};
      const Dims c = mask & 2 ? Dims{2, 6, 5} : Dims{2, 5, 6};
      CheckProgram(OneNode(
                       [&](ProgramBuilder& b, std::vector<Value>& in) {
                         return b.MatMul(in[0], in[1], mask & 1, mask & 2);
                       },
                       {{dtype, a}, {dtype, c}}),
                   {random.Values(dtype, a), random.Values(dtype, c)}, "matmul");
    }
    CheckProgram(
        OneNode([&](ProgramBuilder& b,
                    std::vector<Value>& in) { return b.MatMul(in[0], in[1], false, false); },
                {{dtype, {4, 3, 0}}, {dtype, {0, 2}}}),
        {Array(dtype, {4, 3, 0}), Array(dtype, {0, 2})}, "empty matmul");
  }
}

TEST(strings_move) {
  const Array words = Array::FromVector<std::string>({"a", "b", "c", "d", "e", "f"}, {2, 3});
  const Program program = OneNode(
      [](ProgramBuilder& b, std::vector<Value>& in) {
        const Value t = b.Transpose(in[0], {1, 0});
        const Value c = b.Concat({t, b.Slice(t, {2, 0}, {2, 2}, {-1, 1})}, 0);
        return b.Gather(c, b.Constant(Array::Vector<int32_t>({4, 0})), 0, 0);
      },
      {{DType::kString, {2, 3}}});
  const auto plan = Plan::Build(program, {});
  const Array out = RunPlan(*plan, {words})[0];
  CHECK(out.dims() == (Dims{2, 2}));
  CHECK(out.strings() == (std::vector<std::string>{"b", "e", "a", "d"}));
}

TEST(bad_indices) {
  const Program gather = OneNode(
      [](ProgramBuilder& b, std::vector<Value>& in) { return b.Gather(in[0], in[1], 0, 0); },
      {{DType::kFloat32, {3}}, {DType::kInt32, {2}}});
  const auto plan = Plan::Build(gather, {});
  const Array x = Array::Vector<float>({1, 2, 3});
  CHECK_THROWS(kInvalidArgument, "indices[1] = 7 is not in [0, 3)",
               RunPlan(*plan, {x, Array::Vector<int32_t>({0, 7})}));
  CHECK_THROWS(kInvalidArgument, "indices[0] = -1 is not in [0, 3)",
               RunPlan(*plan, {x, Array::Vector<int32_t>({-1, 7})}));
  const Program nd =
      OneNode([](ProgramBuilder& b, std::vector<Value>& in) { return b.GatherNd(in[0], in[1], 0); },
              {{DType::kFloat32, {2, 2}}, {DType::kInt64, {1, 2}}});
  CHECK_THROWS(kInvalidArgument, "indices[0] = [1, 2] does not index into param shape [2,2]",
               RunPlan(*Plan::Build(nd, {}), {Array::Zeros(DType::kFloat32, {2, 2}),
                                              Array::FromVector<int64_t>({1, 2}, {1, 2})}));
  const Program scatter = OneNode(
      [](ProgramBuilder& b, std::vector<Value>& in) {
        return b.Scatter(ScatterOp::kAdd, in[0], in[1], in[2], false);
      },
      {{DType::kFloat32, {5}}, {DType::kInt32, {1, 1}}, {DType::kFloat32, {1}}});
  CHECK_THROWS(kInvalidArgument, "indices[0] = [9] does not index into shape [5]",
               RunPlan(*Plan::Build(scatter, {}),
                       {Array::Zeros(DType::kFloat32, {5}), Array::FromVector<int32_t>({9}, {1, 1}),
                        Array::Vector<float>({1})}));
}

TEST(integer_division_by_zero) {
  const Program program =
      OneNode([](ProgramBuilder& b, std::vector<Value>& in) { return b.Div(in[0], in[1]); },
              {{DType::kInt32, {2}}, {DType::kInt32, {2}}});
  const auto plan = Plan::Build(program, {});
  const Array x = Array::Vector<int32_t>({6, 7});
  CHECK_THROWS(kInvalidArgument, "Integer division by zero",
               RunPlan(*plan, {x, Array::Vector<int32_t>({2, 0})}));
  const Array good = RunPlan(*plan, {x, Array::Vector<int32_t>({2, 7})})[0];
  CHECK(good.Identical(Array::Vector<int32_t>({3, 1})));
}

TEST(sizes_that_overflow) {
  const int64_t huge = int64_t{1} << 31;
  CHECK_THROWS(kResourceExhausted, "",
               Plan::Build(OneNode(
                               [&](ProgramBuilder& b, std::vector<Value>& in) {
                                 const Value y = b.Broadcast(in[0], {huge, huge - 1});
                                 return b.Reduce(ReduceOp::kSum, b.Transpose(y, {1, 0}), {0, 1},
                                                 false);
                               },
                               {{DType::kFloat64, {1}}}),
                           {}));
}

// Pieces of pads and concatenations are made in place: in the arena, in results, one in another.
TEST(values_are_made_in_place) {
  for (bool result : {false, true}) {
    Value once, padded, negative, joined;
    const Program p = OneNode(
        [&](ProgramBuilder& b, std::vector<Value>& in) {
          once = b.Map(ScalarOp::kExp, {in[0]});
          padded = b.Pad(once, b.Scalar(DType::kFloat64, 7), {1, 0}, {0, 0});
          negative = b.Map(ScalarOp::kNeg, {in[0]});
          joined = b.Concat({padded, negative, once}, 0);
          return result ? joined : b.Map(ScalarOp::kSquare, {joined});
        },
        {{DType::kFloat64, {3, 4}}});
    Array input(DType::kFloat64, {3, 4});
    for (int i = 0; i < 12; ++i) input.data<double>()[i] = 0.1 * i;
    CheckProgram(p, {input}, "values made in place");
    const auto plan = Plan::Build(p, {});
    const auto slot = [&](Value v) { return plan->slots()[static_cast<size_t>(plan->slot_of(v))]; };
    using runtime::SlotKind;
    CHECK(slot(padded).kind == (result ? SlotKind::kShared : SlotKind::kArena));
    CHECK_EQ(slot(padded).offset, result ? 0 : slot(joined).offset);
    CHECK_EQ(slot(negative).offset, slot(padded).offset + slot(padded).bytes);
    CHECK_EQ(slot(once).offset, slot(negative).offset + slot(negative).bytes);
  }
}

TEST(memory_is_reused) {
  const Program program = OneNode(
      [](ProgramBuilder& b, std::vector<Value>& in) {
        Value v = in[0];
        for (int i = 0; i < 20; ++i) v = b.Map(ScalarOp::kNeg, b.Transpose(v, {1, 0}));
        return b.Reduce(ReduceOp::kSum, v, {0, 1}, false);
      },
      {{DType::kFloat32, {64, 64}}});
  CHECK(Plan::Build(program, {})->arena_bytes() <= 4 * 64 * 64 * 4);
  CHECK(Plan::Build(program, {.reuse_memory = false})->arena_bytes() >= 39 * 64 * 64 * 4);
}

TEST_MAIN()
