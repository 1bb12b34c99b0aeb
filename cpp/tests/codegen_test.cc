// Generated element-wise code gives the bits of the kernels: every instruction it has, special
// values, all lengths around a vector, more live values than registers, conditions, shared memory.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "check.h"
#include "compile/program.h"
#include "kernels/kernel_table.h"
#include "runtime/fused_codegen.h"
#include "runtime/plan.h"
#include "wengert/executable.h"

using namespace wengert;
using compile::Fused;
using compile::FusedInstr;

namespace {

constexpr ScalarOp kUnary[] = {
    ScalarOp::kNeg,        ScalarOp::kAbs,   ScalarOp::kSquare, ScalarOp::kSqrt, ScalarOp::kRsqrt,
    ScalarOp::kReciprocal, ScalarOp::kFloor, ScalarOp::kCeil,   ScalarOp::kRint, ScalarOp::kTrunc};
constexpr ScalarOp kBinary[] = {ScalarOp::kAdd,      ScalarOp::kSub,     ScalarOp::kMul,
                                ScalarOp::kDiv,      ScalarOp::kMaximum, ScalarOp::kMinimum,
                                ScalarOp::kFloorDiv, ScalarOp::kAdd,     ScalarOp::kMul};
constexpr ScalarOp kCompare[] = {ScalarOp::kEqual,   ScalarOp::kNotEqual,
                                 ScalarOp::kLess,    ScalarOp::kLessEqual,
                                 ScalarOp::kGreater, ScalarOp::kGreaterEqual};
constexpr ScalarOp kWithoutCode[] = {ScalarOp::kExp, ScalarOp::kSin, ScalarOp::kCos};

Array Values(DType dtype, int64_t n, std::mt19937& random) {
  const double specials[] = {0.0,
                             -0.0,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN(),
                             1e-320,
                             1e30,
                             -2.5};
  Array array(dtype, {n});
  std::uniform_real_distribution<double> real(-3, 3);
  for (int64_t i = 0; i < n; ++i) {
    const double v = random() % 4 == 0 ? specials[random() % std::size(specials)] : real(random);
    const Array element = Array::FromDouble(dtype, v);
    std::memcpy(array.data<char>() + static_cast<size_t>(i) * SizeOf(dtype), element.raw(),
                element.bytes());
  }
  return array;
}

// A random node over vectors and single elements; some instructions have no code.
compile::Program RandomNode(DType dtype, int64_t n, size_t length, std::mt19937& random) {
  compile::Program program;
  Fused fused;
  fused.space = {n};
  compile::Node node;
  auto value = [&](DType t, Dims dims) {
    program.values.push_back({t, std::move(dims)});
    return Value{static_cast<int32_t>(program.values.size()) - 1};
  };
  constexpr int kInputs = 4;
  for (int i = 0; i < kInputs; ++i) {
    const bool single = i == kInputs - 1;
    const Value v = value(dtype, {single ? 1 : n});
    compile::Node input;
    input.prim = compile::Input{i};
    input.outputs = {v};
    program.nodes.push_back(input);
    node.inputs.push_back(v);
    fused.operands.push_back(compile::Access{v, 0, Dims{single ? 0 : 1}});
  }
  program.num_inputs = kInputs;
  std::vector<int> numbers = {0, 1, 2, 3}, conditions;
  auto any = [&](const std::vector<int>& from) { return from[random() % from.size()]; };
  while (fused.instrs.size() < length) {
    FusedInstr instr;
    instr.dtype = instr.result = dtype;
    const auto kind = random() % 10;
    if (kind < 2) {
      instr.op = kUnary[random() % std::size(kUnary)];
      instr.args[0] = any(numbers);
    } else if (kind < 6) {
      instr.op = kBinary[random() % std::size(kBinary)];
      instr.args[0] = any(numbers);
      instr.args[1] = any(numbers);
    } else if (kind < 7) {
      instr.op = kCompare[random() % std::size(kCompare)];
      instr.args[0] = any(numbers);
      instr.args[1] = any(numbers);
      instr.result = DType::kBool;
    } else if (kind < 8 && !conditions.empty()) {
      instr.op = ScalarOp::kSelect;
      instr.args[0] = any(conditions);
      instr.args[1] = any(numbers);
      instr.args[2] = any(numbers);
    } else if (kind < 9 && !conditions.empty()) {
      instr.is_cast = true;
      instr.dtype = DType::kBool;
      instr.args[0] = any(conditions);
    } else {
      instr.op = kWithoutCode[random() % std::size(kWithoutCode)];
      instr.args[0] = any(numbers);
    }
    const int reg = kInputs + static_cast<int>(fused.instrs.size());
    (instr.result == DType::kBool ? conditions : numbers).push_back(reg);
    fused.instrs.push_back(instr);
  }
  // The last instruction, some others, and a sum.
  for (size_t i = 0; i < length; ++i) {
    if (i + 1 < length && random() % 6 != 0) continue;
    compile::FusedOutput output;
    output.reg = kInputs + static_cast<int>(i);
    fused.outputs.push_back(output);
    node.outputs.push_back(value(fused.instrs[i].result, {n}));
  }
  compile::FusedOutput sum;
  sum.reg = numbers.back();
  sum.reduce = true;
  sum.axes = {0};
  fused.outputs.push_back(sum);
  node.outputs.push_back(value(dtype, {}));
  node.prim = std::move(fused);
  program.outputs = node.outputs;
  program.nodes.push_back(std::move(node));
  return program;
}

std::vector<Array> RunPlan(const runtime::Plan& plan, const std::vector<Array>& inputs) {
  std::unique_ptr<runtime::Frame> frame = plan.NewFrame();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int slot = plan.input_slots()[i];
    if (slot >= 0) frame->slots[static_cast<size_t>(slot)] = inputs[i].data<char>();
  }
  std::vector<Array> outputs;
  for (const runtime::Result& result : plan.results()) {
    outputs.push_back(Array(result.dtype, result.dims));
    frame->slots[static_cast<size_t>(result.slot)] = outputs.back().data<char>();
  }
  int failed = -1;
  plan.RunSteps(*frame, &failed);
  return outputs;
}

// Bit for bit, except that which NaN it is depends on the order of operands.
bool Same(const Array& a, const Array& b) {
  if (!IsFloating(a.dtype())) return a.Identical(b);
  for (int64_t i = 0; i < a.size(); ++i) {
    const double x = a.AsDouble(i), y = b.AsDouble(i);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (std::memcmp(&x, &y, sizeof(x)) != 0) return false;
  }
  return true;
}

TEST(code_gives_the_bits_of_the_kernels) {
  std::mt19937 random(7);
  int with_code = 0;
  for (int round = 0; round < 300; ++round) {
    const DType dtype = round % 2 ? DType::kFloat64 : DType::kFloat32;
    const int64_t n = round % 3 == 0 ? 500 + round : round % 41;
    const size_t length = 2 + random() % (round % 10 == 0 ? 300 : 30);
    const compile::Program program = RandomNode(dtype, n, length, random);
    std::vector<Array> inputs;
    for (int i = 0; i < 3; ++i) inputs.push_back(Values(dtype, n, random));
    inputs.push_back(Values(dtype, 1, random));
    for (const std::string& isa : AvailableIsas()) {
      UseIsa(isa);
      const auto code = runtime::Plan::Build(program, {});
      const auto kernels = runtime::Plan::Build(program, {.generate_code = false});
      with_code += code->ToText().find("generated code") != std::string::npos;
      CHECK(kernels->ToText().find("generated code") == std::string::npos);
      const std::vector<Array> got = RunPlan(*code, inputs), want = RunPlan(*kernels, inputs);
      for (size_t i = 0; i < got.size(); ++i) {
        if (Same(got[i], want[i])) continue;
        check::Report(__FILE__, __LINE__,
                      "round " + std::to_string(round) + ", output " + std::to_string(i) + " on " +
                          isa + "\n" + compile::ToText(program) + code->ToText());
        return;
      }
    }
  }
  UseIsa(AvailableIsas()[0]);
  if (runtime::CanGenerateCode()) CHECK(with_code > 200);
}

TEST(long_runs_are_cut_where_registers_run_out) {
  if (!runtime::CanGenerateCode()) return;
  // 40 values made first and used last: they cannot all stay in registers.
  Fused fused;
  fused.space = {9};
  fused.operands.push_back(compile::Access{Value{0}, 0, Dims{1}});
  for (int i = 0; i < 40; ++i) {
    FusedInstr instr;
    instr.op = ScalarOp::kAdd;
    instr.dtype = instr.result = DType::kFloat32;
    instr.args[0] = i;
    instr.args[1] = 0;
    fused.instrs.push_back(instr);
  }
  for (int i = 0; i < 40; ++i) {
    FusedInstr instr;
    instr.op = ScalarOp::kMul;
    instr.dtype = instr.result = DType::kFloat32;
    instr.args[0] = 40 + i;
    instr.args[1] = i;
    fused.instrs.push_back(instr);
  }
  std::vector<bool> single(81, false), kept(81, false);
  kept[80] = true;
  std::vector<uint8_t> code;
  const runtime::GeneratedCode generated = runtime::GenerateCode(fused, single, kept, 2, code);
  CHECK(generated.runs.size() > 1);
  size_t covered = 0;
  for (const auto& run : generated.runs) covered += run.end - run.begin;
  CHECK(covered >= 70);
  CHECK(!generated.hidden[80]);
}

}  // namespace

TEST_MAIN()
