// Programs within memory budgets: what is repeated, and what never is.
#include <map>
#include <string>

#include "check.h"
#include "compile/program_builder.h"
#include "compile/rematerialize.h"
#include "runtime/memory.h"
#include "runtime/memory_budget.h"
#include "runtime/plan.h"

using namespace wengert;
using compile::Program;
using compile::ProgramBuilder;
using runtime::BuildWithin;
using runtime::Plan;

namespace {

constexpr int64_t kSide = 32;
constexpr int64_t kUnit = kSide * kSide * 4;

// y(n) of y(i) = f(y(i-1)), and the product of all y(i) from the last to the first: what a
// gradient reads.
Program Chain(int n, const std::function<Value(ProgramBuilder&, Value, int)>& f) {
  ProgramBuilder b;
  std::vector<Value> ys{b.AddInput(0, {DType::kFloat32, {kSide, kSide}})};
  b.program().num_inputs = 1;
  for (int i = 0; i < n; ++i) {
    b.set_origin({"f" + std::to_string(i), 0});
    ys.push_back(f(b, ys.back(), i));
  }
  b.set_origin({"g", 0});
  Value product = ys.back();
  for (int i = n; i-- > 0;) {
    product = b.MatMul(product, ys[static_cast<size_t>(i)], false, false);
  }
  b.program().outputs = {product};
  return b.program();
}

Value Square(ProgramBuilder& b, Value x, int) {
  return b.MatMul(x, x, false, false);
}

std::map<std::string, int> Runs(const Plan& plan) {
  std::map<std::string, int> runs;
  for (const compile::Node& node : plan.program().nodes) ++runs[node.origin.name.text()];
  return runs;
}

size_t LeastOf(const Program& program) {
  try {
    BuildWithin(program, {}, 1);
  } catch (const Error& e) {
    const std::string text = e.what(), before = "brings that down to ";
    return std::stoul(text.substr(text.find(before) + before.size()));
  }
  return 0;
}

}  // namespace

TEST(chain) {
  const Program program = Chain(100, Square);
  const auto plain = Plan::Build(program, {});
  CHECK(plain->memory_bytes() >= 100 * kUnit);
  const auto half = BuildWithin(program, {}, 50 * kUnit);
  CHECK(half.plan->memory_bytes() <= 50 * kUnit);
  CHECK(half.repeated >= 50 && half.repeated < 65);
  const auto quarter = BuildWithin(program, {}, 25 * kUnit);
  CHECK(quarter.plan->memory_bytes() <= 25 * kUnit);
  CHECK(quarter.repeated < 100);
  const auto tenth = BuildWithin(program, {}, 10 * kUnit);
  CHECK(tenth.plan->memory_bytes() <= 10 * kUnit);
  CHECK(tenth.repeated < 300);
  // The same every time.
  CHECK(compile::ToText(BuildWithin(program, {}, 10 * kUnit).plan->program()) ==
        compile::ToText(tenth.plan->program()));
}

TEST(root_of_the_depth) {
  const Program program = Chain(2500, Square);
  const auto fitted = BuildWithin(program, {}, 110 * kUnit);
  CHECK(fitted.plan->memory_bytes() <= 110 * kUnit);
  CHECK(fitted.repeated < 3000);
}

TEST(no_limit_and_enough) {
  const Program program = Chain(10, Square);
  const auto plain = BuildWithin(program, {}, -1);
  CHECK(plain.report.empty());
  CHECK_EQ(plain.repeated, 0u);
  const auto enough = BuildWithin(program, {}, static_cast<int64_t>(plain.plan->memory_bytes()));
  CHECK_EQ(enough.repeated, 0u);
  CHECK(compile::ToText(enough.plan->program()) == compile::ToText(plain.plan->program()));
}

TEST(what_is_missing) {
  const Program program = Chain(30, Square);
  const size_t least = LeastOf(program);
  CHECK(least >= 2 * kUnit && least <= 8 * kUnit);
  CHECK(BuildWithin(program, {}, static_cast<int64_t>(least)).plan->memory_bytes() <= least);
  CHECK_THROWS(kResourceExhausted, "", BuildWithin(program, {}, 2 * kUnit - 64));
}

// A kernel with state runs once; what depends on it is computed again while it is there.
TEST(state) {
  const auto draw = [](ProgramBuilder& b, Value x, int i) {
    if (i % 3 != 0) return b.MatMul(x, x, false, false);
    KernelSpec spec;
    spec.name = "Draw";
    spec.stateful = true;
    spec.dtypes = {DType::kFloat32};
    spec.dims = {{kSide, kSide}};
    spec.run = [](const std::vector<Array>&, std::vector<Array>&) {};
    return b.Map(ScalarOp::kAdd, x, b.Kernel(std::move(spec), {}).at(0));
  };
  const Program program = Chain(60, draw);
  const auto plain = Plan::Build(program, {});
  const auto fitted = BuildWithin(program, {}, static_cast<int64_t>(plain->memory_bytes()) / 2);
  CHECK(fitted.repeated > 0);
  int draws = 0;
  for (const compile::Node& node : fitted.plan->program().nodes) {
    const auto* kernel = std::get_if<compile::CustomKernel>(&node.prim);
    if (kernel != nullptr && kernel->spec->stateful) ++draws;
  }
  CHECK_EQ(draws, 20);
}

// Cheap steps are repeated rather than dear ones.
TEST(cheap_first) {
  const auto pair = [](ProgramBuilder& b, Value x, int i) {
    return i % 2 == 0 ? b.MatMul(x, x, false, false) : b.Map(ScalarOp::kTanh, x);
  };
  const Program program = Chain(100, pair);
  const auto fitted = BuildWithin(program, {}, 70 * kUnit);
  int cheap = 0, dear = 0;
  for (const auto& [origin, runs] : Runs(*fitted.plan)) {
    if (origin[0] != 'f' || runs == 1) continue;
    (std::stoi(origin.substr(1)) % 2 == 0 ? dear : cheap) += runs - 1;
  }
  CHECK(cheap >= 30 && dear <= 3);
}

TEST(views_follow_what_is_repeated) {
  const auto reshaped = [](ProgramBuilder& b, Value x, int) {
    const Value flat = b.Reshape(b.MatMul(x, x, false, false), {kSide * kSide});
    return b.Reshape(flat, {kSide, kSide});
  };
  const Program program = Chain(40, reshaped);
  const auto fitted = BuildWithin(program, {}, 15 * kUnit);
  compile::Verify(fitted.plan->program());
  CHECK(fitted.plan->memory_bytes() <= 15 * kUnit);
}

// Values stand in the memory of a result until it is written.
TEST(results_share_their_memory) {
  ProgramBuilder b;
  std::vector<Value> ys{b.AddInput(0, {DType::kFloat32, {kSide, kSide}})};
  b.program().num_inputs = 1;
  for (int i = 0; i < 30; ++i) ys.push_back(b.MatMul(ys.back(), ys.back(), false, false));
  for (size_t i = ys.size() - 1; i-- > 1;) {
    b.program().outputs.push_back(b.MatMul(ys[i + 1], ys[i], false, false));
  }
  const auto plain = BuildWithin(b.program(), {}, -1);
  CHECK(!plain.plan->shares_results());
  const auto fitted = BuildWithin(b.program(), {}, 4 * kUnit);
  CHECK(fitted.plan->shares_results());
  CHECK_EQ(fitted.repeated, 0u);
  CHECK(fitted.plan->memory_bytes() <= 4 * kUnit);
}

TEST(hosts) {
  const std::vector<runtime::Lifetime> lifetimes{{8192, 0, 9},  {8192, 1, 8}, {8192, 2, 9},
                                                 {16384, 0, 1}, {4096, 3, 3}, {64, 0, 0}};
  const std::vector<runtime::Host> hosts{{8192, 9}, {8192, 10}, {16384, 2}};
  // Alive when the host is written, larger than the host, or too small to be worth it: none.
  const std::vector<int> expected{1, 0, -1, 2, -1, -1};
  const std::vector<int> found = runtime::AssignHosts(lifetimes, hosts);
  for (size_t i = 0; i < expected.size(); ++i) CHECK_EQ(found[i], expected[i]);
}

// Lifetimes never share memory while both last, and large ones leave no gaps for small ones.
TEST(placing) {
  uint64_t state = 1;
  const auto random = [&state](uint64_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % n;
  };
  for (int round = 0; round < 50; ++round) {
    std::vector<runtime::Lifetime> lifetimes;
    for (int i = 0; i < 120; ++i) {
      const int first = static_cast<int>(random(100));
      const int last = first + static_cast<int>(random(random(2) == 0 ? 5 : 60));
      lifetimes.push_back({1 + (size_t{1} << random(18)), first, last});
    }
    const size_t size = runtime::PlaceLifetimes(&lifetimes);
    for (const auto& a : lifetimes) {
      CHECK(a.offset % 64 == 0 && a.offset + a.bytes <= size);
      for (const auto& b : lifetimes) {
        if (&a == &b || a.last < b.first || b.last < a.first) continue;
        CHECK(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
      }
    }
  }
  // Two small values, then large ones: the heap leaves the first's place too small.
  std::vector<runtime::Lifetime> lifetimes{
      {100 << 10, 0, 1}, {64 << 10, 0, 9}, {200 << 10, 2, 5}, {100 << 10, 6, 9}};
  CHECK_EQ(runtime::PlaceLifetimes(&lifetimes), size_t{264 << 10});
}

TEST_MAIN()
