// Convolution and pooling: kernels of every instruction set against the reference evaluator, over
// random geometries, and bit for bit the same with any number of threads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>

#include "check.h"
#include "compile/program_builder.h"
#include "compile/reference.h"
#include "kernels/kernel_table.h"
#include "kernels/parallel.h"
#include "runtime/plan.h"

namespace wengert {
namespace {

using compile::Program;
using compile::ProgramBuilder;

class Random {
 public:
  explicit Random(uint32_t seed) : random_(seed) {}
  int64_t Int(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint32_t>(high - low + 1));
  }
  Array Values(DType dtype, const Dims& dims) {
    Array wide(DType::kFloat64, dims);
    for (int64_t i = 0; i < wide.size(); ++i) {
      wide.data<double>()[i] = static_cast<double>(Int(-8, 8)) / (dtype == DType::kInt32 ? 1 : 4);
    }
    return compile::EvaluateCast(wide, dtype);
  }

 private:
  std::mt19937 random_;
};

// All values are small multiples of a power of two, and so are their sums: results are exact.
bool Same(const Array& a, const Array& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  for (int64_t i = 0; i < a.size(); ++i) {
    const double x = a.AsDouble(i), y = b.AsDouble(i);
    if (!(std::fabs(x - y) <= 1e-6 * std::fmax(1, std::fabs(y)))) return false;
  }
  return true;
}

Array RunPlan(const runtime::Plan& plan, const std::vector<Array>& inputs) {
  std::unique_ptr<runtime::Frame> frame = plan.NewFrame();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int slot = plan.input_slots()[i];
    if (slot >= 0) frame->slots[static_cast<size_t>(slot)] = inputs[i].data<char>();
  }
  const runtime::Result& result = plan.results()[0];
  Array out(result.dtype, result.dims);
  if (out.size() > 0) std::memset(out.raw(), 0xAB, out.bytes());
  frame->slots[static_cast<size_t>(result.slot)] = out.data<char>();
  int failed = -1;
  plan.RunSteps(*frame, &failed);
  return out;
}

template <class F>
void CheckNode(F make, const std::vector<Array>& inputs) {
  ProgramBuilder b;
  std::vector<Value> in;
  for (const Array& x : inputs) {
    in.push_back(b.AddInput(static_cast<int>(in.size()), {x.dtype(), x.dims()}));
  }
  const Value y = make(b, in);
  Program program = std::move(b.program());
  program.outputs = {y};
  program.num_inputs = static_cast<int>(inputs.size());
  compile::Verify(program);
  const Array expected = compile::Interpret(program, inputs)[0];
  for (const kernels::KernelTable* const* t = kernels::AvailableKernels(); *t != nullptr; ++t) {
    CHECK(kernels::UseKernels((*t)->isa));
    Array first;
    for (int threads = 1; threads <= 3; ++threads) {
      kernels::SetThreads(threads);
      const auto plan = runtime::Plan::Build(program, {});
      const Array got = RunPlan(*plan, inputs);
      if (!Same(got, expected)) {
        check::Report(
            __FILE__, __LINE__,
            std::string((*t)->isa) + " differs\n" + compile::ToText(program) + plan->ToText({}));
        return;
      }
      if (threads == 1) first = got;
      CHECK(got.Identical(first));
    }
  }
  kernels::SetThreads(0);
  kernels::UseKernels(kernels::AvailableKernels()[0]->isa);
}

void CheckConv(const ConvSpec& spec, const Dims& image, const Dims& filter, DType dtype,
               uint32_t seed) {
  Dims result{image[0], 0, 0, 0, filter[4]};
  for (size_t a = 0; a < 3; ++a) {
    const int64_t reach = (filter[a] - 1) * spec.dilation[a] + 1;
    const int64_t length = image[a + 1] + 2 * spec.pad[a];
    result[a + 1] = length < reach ? 0 : (length - reach) / spec.stride[a] + 1;
  }
  Random random(seed);
  const Dims* dims[] = {&image, &filter, &result};
  for (int kind = 0; kind < 3; ++kind) {
    ConvSpec own = spec;
    own.kind = static_cast<ConvKind>(kind);
    std::vector<Array> inputs;
    for (int i = 0; i < 3; ++i) {
      if (i != kind) inputs.push_back(random.Values(dtype, *dims[i]));
    }
    CheckNode([&](ProgramBuilder& b,
                  std::vector<Value>& in) { return b.Conv(own, in[0], in[1], *dims[kind]); },
              inputs);
    if (check::Failures() > 0) return;
  }
}

TEST(convolutions) {
  Random random(11);
  const DType dtypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32};
  for (uint32_t seed = 0; seed < 60 && check::Failures() == 0; ++seed) {
    ConvSpec spec;
    Dims image{random.Int(0, 9), 1, 1, 1, 0}, filter(5);
    const size_t first = static_cast<size_t>(random.Int(0, 2));
    for (size_t a = 0; a < 3; ++a) {
      filter[a] = 1;
      if (a < first) continue;
      image[a + 1] = random.Int(1, 9);
      filter[a] = random.Int(1, 4);
      spec.stride[a] = random.Int(1, 3);
      spec.dilation[a] = random.Int(1, 2);
      spec.pad[a] = random.Int(0, 2);
    }
    spec.groups = random.Int(0, 2) == 0 ? random.Int(1, 3) : 1;
    filter[3] = random.Int(1, 5);
    filter[4] = spec.groups * random.Int(1, 40);
    image[4] = filter[3] * spec.groups;
    CheckConv(spec, image, filter, dtypes[seed % 3], seed);
  }
}

TEST(depthwise_convolutions) {
  Random random(12);
  for (uint32_t seed = 0; seed < 20 && check::Failures() == 0; ++seed) {
    ConvSpec spec;
    const int64_t channels = random.Int(2, 70);
    spec.groups = channels;
    Dims image{random.Int(1, 9), 1, random.Int(1, 8), random.Int(1, 8), channels};
    Dims filter{1, random.Int(1, 3), random.Int(1, 3), 1, channels};
    for (size_t a = 1; a < 3; ++a) {
      spec.stride[a] = random.Int(1, 2);
      spec.dilation[a] = random.Int(1, 2);
      spec.pad[a] = random.Int(0, 1);
    }
    CheckConv(spec, image, filter, seed % 2 ? DType::kFloat64 : DType::kFloat32, seed);
  }
}

TEST(large_convolutions) {  // several blocks of depth, windows and panels
  ConvSpec spec;
  spec.pad = {0, 1, 1};
  CheckConv(spec, {3, 1, 20, 20, 100}, {1, 3, 3, 100, 70}, DType::kFloat32, 1);
  spec.stride = {1, 2, 2};
  CheckConv(spec, {1, 1, 33, 33, 40}, {1, 3, 3, 40, 33}, DType::kFloat64, 2);
}

TEST(few_channels) {  // of the image, of the result, of both; forms of their own
  ConvSpec spec;
  spec.pad = {0, 2, 2};
  CheckConv(spec, {5, 1, 14, 13, 1}, {1, 5, 5, 1, 6}, DType::kFloat32, 1);
  CheckConv(spec, {6, 1, 20, 12, 3}, {1, 5, 4, 3, 50}, DType::kFloat32, 2);
  CheckConv(spec, {4, 1, 12, 12, 20}, {1, 3, 3, 20, 2}, DType::kFloat64, 3);
  CheckConv(spec, {4, 1, 9, 11, 2}, {1, 3, 3, 2, 300}, DType::kInt32, 4);
  spec.stride = {1, 2, 3};
  CheckConv(spec, {7, 1, 19, 17, 3}, {1, 7, 7, 3, 16}, DType::kFloat32, 5);
  spec.dilation = {1, 1, 2};
  CheckConv(spec, {4, 1, 15, 23, 2}, {1, 3, 3, 2, 9}, DType::kFloat64, 6);
  spec = {};
  CheckConv(spec, {9, 1, 1, 40, 2}, {1, 1, 7, 2, 11}, DType::kFloat32, 7);  // one row
  CheckConv(spec, {4, 5, 6, 7, 1}, {2, 3, 3, 1, 8}, DType::kFloat32, 8);    // depth, too
  spec.stride = {1, 4, 4};                                                  // windows leave gaps
  CheckConv(spec, {4, 1, 15, 15, 3}, {1, 2, 3, 3, 24}, DType::kFloat32, 9);
}

TEST(not_a_number_stays_where_it_is) {
  const float nan = std::nanf("");
  const Dims image{4, 1, 9, 9, 2}, filter{1, 3, 3, 2, 20}, result{4, 1, 9, 9, 20};
  for (int kind : {0, 2}) {  // what the padding is multiplied with may spread
    ConvSpec spec;
    spec.kind = static_cast<ConvKind>(kind);
    spec.pad = {0, 1, 1};
    const Dims* dims[] = {&image, &filter, &result};
    std::vector<Array> inputs;
    for (int i = 0; i < 3; ++i) {
      if (i != kind) inputs.push_back(Random(5).Values(DType::kFloat32, *dims[i]));
    }
    inputs[kind == 2 ? 0 : 1].data<float>()[0] = nan;  // a pixel of the image, or of the result
    ProgramBuilder b;
    const Value x = b.AddInput(0, {DType::kFloat32, inputs[0].dims()});
    const Value y = b.AddInput(1, {DType::kFloat32, inputs[1].dims()});
    const Value z = b.Conv(spec, x, y, *dims[kind]);
    Program program = std::move(b.program());
    program.outputs = {z};
    program.num_inputs = 2;
    const Array expected = compile::Interpret(program, inputs)[0];
    const Array got = RunPlan(*runtime::Plan::Build(program, {}), inputs);
    for (int64_t i = 0; i < got.size(); ++i) {
      CHECK_EQ(std::isnan(got.data<float>()[i]), std::isnan(expected.data<float>()[i]));
    }
  }
}

TEST(pools) {
  Random random(13);
  const DType dtypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64};
  for (uint32_t seed = 0; seed < 60 && check::Failures() == 0; ++seed) {
    PoolSpec spec;
    Dims image{random.Int(0, 5), 1, 1, 1, random.Int(1, 40)}, result = image;
    for (size_t a = 0; a < 3; ++a) {
      image[a + 1] = random.Int(1, a == 0 ? 2 : 8);
      spec.window[a] = random.Int(1, std::min<int64_t>(3, image[a + 1]));
      spec.stride[a] = random.Int(1, 3);
      spec.pad[a] = random.Int(0, spec.window[a] - 1);
      result[a + 1] = (image[a + 1] + 2 * spec.pad[a] - spec.window[a]) / spec.stride[a] + 1;
      // no window beyond the image
      while ((result[a + 1] - 1) * spec.stride[a] - spec.pad[a] >= image[a + 1]) --result[a + 1];
    }
    const DType dtype = dtypes[seed % 4];
    const bool floating = dtype == DType::kFloat32 || dtype == DType::kFloat64;
    const Array x = random.Values(dtype, image), y = random.Values(dtype, result);
    for (int kind = 0; kind < (floating ? 6 : 4); ++kind) {
      spec.kind = static_cast<PoolKind>(kind);
      std::vector<Array> inputs{x};
      if (spec.kind == PoolKind::kMaxGradient) inputs.push_back(y);
      if (spec.kind == PoolKind::kMaxGather) inputs.push_back(random.Values(dtype, image));
      if (spec.kind == PoolKind::kAverageGradient) inputs = {y};
      const bool gradient =
          spec.kind == PoolKind::kMaxGradient || spec.kind == PoolKind::kAverageGradient;
      CheckNode([&](ProgramBuilder& b,
                    std::vector<Value>& in) { return b.Pool(spec, in, gradient ? image : result); },
                inputs);
      if (check::Failures() > 0) return;
    }
  }
}

TEST(bad_windows) {
  ProgramBuilder b;
  const Value image = b.AddInput(0, {DType::kFloat32, {1, 1, 4, 4, 2}});
  const Value filter = b.AddInput(1, {DType::kFloat32, {1, 2, 2, 3, 2}});
  CHECK_THROWS(kInvalidArgument, "Conv: the channels do not fit the groups",
               b.Conv({}, image, filter, {1, 1, 3, 3, 2}));
  PoolSpec outside;
  outside.pad = {0, 0, 1};
  CHECK_THROWS(kInvalidArgument, "Pool: a window lies outside the image",
               b.Pool(outside, {image}, {1, 1, 4, 4, 2}));
  ConvSpec still;
  still.stride = {1, 0, 1};
  CHECK_THROWS(
      kInvalidArgument, "Conv: strides must be positive",
      b.Conv(still, image, b.AddInput(2, {DType::kFloat32, {1, 2, 2, 2, 2}}), {1, 1, 3, 3, 2}));
}

}  // namespace
}  // namespace wengert

TEST_MAIN()
