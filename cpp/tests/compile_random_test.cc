// Passes of the compiler: random programs give the same results before and after each.
#include <algorithm>
#include <cmath>
#include <random>

#include "check.h"
#include "compile/pipeline.h"
#include "compile/program_builder.h"
#include "compile/reference.h"

namespace wengert::compile {
namespace {

bool Close(const Array& a, const Array& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  if (!IsFloating(a.dtype())) return a.Identical(b);
  // float32 rounding reaches float64 values through casts.
  const double tolerance = a.dtype() == DType::kFloat64 ? 1e-5 : 1e-4;
  for (int64_t i = 0; i < a.size(); ++i) {
    const double x = a.AsDouble(i), y = b.AsDouble(i);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (x == y) continue;
    if (!(std::fabs(x - y) <= tolerance * (1 + std::fabs(x) + std::fabs(y)))) return false;
  }
  return true;
}

class RandomProgram {
 public:
  explicit RandomProgram(uint32_t seed) : random_(seed) {}

  Program Make(int steps) {
    const DType types[] = {DType::kFloat64, DType::kFloat32, DType::kInt32};
    for (int i = 0; i < 5; ++i) {
      const DType type = types[i % 3];
      pool_.push_back(b_.AddInput(i, {type, RandomDims()}));
      sources_.push_back(pool_.back());
    }
    for (int i = 0; i < steps; ++i) Step();
    Program p = std::move(b_.program());
    p.num_inputs = 5;
    for (size_t i = 0; i < 6; ++i) p.outputs.push_back(Any());
    return p;
  }

  std::vector<Array> Inputs(const Program& p) {
    std::vector<Array> inputs;
    for (int i = 0; i < 5; ++i) {
      const ValueInfo& info = p.info(Value{i});
      Array wide(DType::kFloat64, info.dims);
      std::uniform_real_distribution<double> uniform(-2, 2);
      for (int64_t k = 0; k < wide.size(); ++k) wide.data<double>()[k] = uniform(random_);
      if (IsInteger(info.dtype)) {
        for (int64_t k = 0; k < wide.size(); ++k) wide.data<double>()[k] *= 4;
      }
      inputs.push_back(EvaluateCast(wide, info.dtype));
    }
    return inputs;
  }

 private:
  int Int(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }
  Value Any() { return pool_[static_cast<size_t>(Int(static_cast<int>(pool_.size())))]; }
  Dims RandomDims() {
    Dims dims;
    for (int i = Int(4); i > 0; --i) dims.push_back(1 + Int(4));
    return dims;
  }
  bool Floating(Value v) { return IsFloating(b_.dtype(v)); }
  Value Scalar(DType type) {
    const double values[] = {0, 1, -1, 2, 0.5, 3, -0.0, 1.5};
    return b_.Constant(Array::FromDouble(type, values[Int(8)]));
  }
  // Two values of one dtype that broadcast, or none.
  bool Pair(Value* x, Value* y) {
    *x = Any();
    if (Int(4) == 0) {
      *y = Scalar(b_.dtype(*x));
      return true;
    }
    for (int i = 0; i < 8; ++i) {
      *y = Any();
      if (b_.dtype(*x) == b_.dtype(*y) && BroadcastDims(b_.dims(*x), b_.dims(*y))) return true;
    }
    return false;
  }
  void Add(Value v) {
    if (b_.size(v) > 2000 || b_.dtype(v) == DType::kBool) return;
    pool_.push_back(v);
  }

  void Step() {
    switch (Int(16)) {
      case 0:
      case 1:
        return Unary();
      case 2:
      case 3:
      case 4:
      case 5:
        return Binary();
      case 6:
        return Select();
      case 7:
        return Reduce();
      case 8:
        return Reshape();
      case 9:
        return Broadcast();
      case 10:
        return Transpose();
      case 11:
        return Slice();
      case 12:
        return PadOrConcat();
      case 13:
        return Gather();
      case 14:
        return MatMul();
      default:
        return Other();
    }
  }

  void Unary() {
    const Value x = Any();
    const ScalarOp floats[] = {ScalarOp::kNeg, ScalarOp::kTanh,    ScalarOp::kSin,   ScalarOp::kCos,
                               ScalarOp::kAbs, ScalarOp::kSigmoid, ScalarOp::kSquare};
    const ScalarOp ints[] = {ScalarOp::kNeg, ScalarOp::kAbs, ScalarOp::kInvert};
    Add(b_.Map(Floating(x) ? floats[Int(7)] : ints[Int(3)], x));
  }
  void Binary() {
    Value x, y;
    if (!Pair(&x, &y)) return;
    if (Floating(x) && Int(8) == 0) {
      const double powers[] = {0, 1, 2, 3, 0.5};
      const Value base = b_.Map(ScalarOp::kSquare, b_.Map(ScalarOp::kTanh, x));
      return Add(b_.Map(ScalarOp::kPow, base, powers[Int(5)]));
    }
    const ScalarOp ops[] = {ScalarOp::kAdd, ScalarOp::kSub, ScalarOp::kMul, ScalarOp::kMaximum,
                            ScalarOp::kMinimum};
    if (Int(2)) std::swap(x, y);
    Value z = b_.Map(ops[Int(5)], x, y);
    if (Floating(z) && Int(2)) z = b_.Map(ScalarOp::kTanh, z);
    Add(z);
  }
  void Select() {
    // Conditions from inputs only: rounding must not flip them.
    const Value s = sources_[static_cast<size_t>(Int(5))];
    Value c = b_.Map(ScalarOp::kLess, s, 0.5);
    if (Int(2)) c = b_.Map(ScalarOp::kNot, c);
    if (Int(4) == 0) c = b_.Constant(Array::Scalar<bool>(Int(2) == 0));
    Value x, y;
    if (!Pair(&x, &y)) return;
    const auto both = BroadcastDims(b_.dims(x), b_.dims(y));
    if (!BroadcastDims(*both, b_.dims(c))) return;
    Add(b_.Lowering::Select(c, x, y));
  }
  void Reduce() {
    const Value x = Any();
    std::vector<int> axes;
    for (int i = 0; i < b_.rank(x); ++i) {
      if (Int(2)) axes.push_back(i);
    }
    const ReduceOp ops[] = {ReduceOp::kSum, ReduceOp::kSum, ReduceOp::kMax, ReduceOp::kMin};
    Add(b_.Reduce(ops[Int(4)], x, axes, Int(2) == 0));
  }
  void Reshape() {
    const Value x = Any();
    Dims dims = b_.dims(x);
    const int kind = Int(3);
    if (kind == 0) dims = {b_.size(x)};
    if (kind == 1) dims.insert(dims.begin() + Int(static_cast<int>(dims.size()) + 1), 1);
    if (kind == 2) std::reverse(dims.begin(), dims.end());
    Add(b_.Reshape(x, dims));
  }
  void Broadcast() {
    const Value x = Any();
    Dims dims = b_.dims(x);
    for (int64_t& d : dims) {
      if (d == 1 && Int(2)) d = 1 + Int(4);
    }
    if (Int(2)) dims.insert(dims.begin(), 1 + Int(3));
    Add(b_.Broadcast(x, dims));
  }
  void Transpose() {
    const Value x = Any();
    std::vector<int> perm;
    for (int i = 0; i < b_.rank(x); ++i) perm.push_back(i);
    std::shuffle(perm.begin(), perm.end(), random_);
    Add(b_.Transpose(x, perm));
  }
  void Slice() {
    const Value x = Any();
    Dims begin, size, strides;
    for (int64_t d : b_.dims(x)) {
      const int64_t a = Int(static_cast<int>(d)), b = Int(static_cast<int>(d));
      const int64_t step = 1 + Int(2);
      begin.push_back(a);
      size.push_back(std::abs(a - b) / step + 1);
      strides.push_back(b >= a ? step : -step);
    }
    Add(b_.Slice(x, begin, size, strides));
  }
  void PadOrConcat() {
    const Value x = Any();
    if (b_.rank(x) == 0) return;
    if (Int(2)) {
      Dims low, high;
      for (int i = 0; i < b_.rank(x); ++i) {
        low.push_back(Int(2));
        high.push_back(Int(2));
      }
      return Add(b_.Pad(x, b_.Constant(Array::FromDouble(b_.dtype(x), 0)), low, high));
    }
    const int axis = Int(b_.rank(x));
    Add(b_.Concat({x, x, b_.Map(ScalarOp::kNeg, x)}, axis));
  }
  void Gather() {
    const Value x = Any();
    if (b_.rank(x) == 0) return;
    const int axis = Int(b_.rank(x));
    const int64_t n = b_.dims(x)[static_cast<size_t>(axis)];
    std::vector<int32_t> indices;
    const bool regular = Int(2) == 0;
    for (int i = 0; i < n; ++i) indices.push_back(regular ? i : Int(static_cast<int>(n)));
    Value v = b_.Constant(Array::Vector<int32_t>(indices));
    if (Int(3) == 0) v = b_.Iota(DType::kInt32, n);
    if (Int(3) == 0) v = b_.Constant(Array::Scalar<int32_t>(0));
    Add(b_.Gather(x, v, axis, 0));
  }
  void MatMul() {
    Value x, y;
    for (int i = 0; i < 10; ++i) {
      x = Any();
      y = Any();
      if (b_.rank(x) < 2 || b_.rank(y) < 2 || b_.dtype(x) != b_.dtype(y)) continue;
      if (b_.rank(x) > 2 || b_.rank(y) > 2) continue;
      const bool ta = Int(2), tb = Int(2);
      const int64_t k = b_.dims(x)[ta ? 0 : 1], l = b_.dims(y)[tb ? 1 : 0];
      if (k != l) continue;
      Value z = b_.MatMul(x, y, ta, tb);
      if (Floating(z)) z = b_.Map(ScalarOp::kTanh, z);
      return Add(z);
    }
  }
  void Other() {
    const Value x = Any();
    switch (Int(4)) {
      case 0:
        return Add(b_.Iota(DType::kFloat64, 1 + Int(4)));
      case 1:
        return Add(b_.Cast(x, Floating(x) ? DType::kFloat64 : DType::kFloat32));
      case 2:
        return Add(b_.Broadcast(Scalar(DType::kFloat64), RandomDims()));
      default:
        if (b_.rank(x) == 0) return;
        return Add(b_.Scan(ScanOp::kSum, x, Int(b_.rank(x)), Int(2) == 0, Int(2) == 0));
    }
  }

  std::mt19937 random_;
  ProgramBuilder b_;
  std::vector<Value> pool_, sources_;
};

void CheckSame(const Program& before, const Program& after, const std::vector<Array>& inputs,
               const char* what, uint32_t seed) {
  const std::vector<Array> x = Interpret(before, inputs), y = Interpret(after, inputs);
  bool same = x.size() == y.size();
  for (size_t i = 0; same && i < x.size(); ++i) same = Close(x[i], y[i]);
  if (!same) {
    std::fprintf(stderr, "%s differs at seed %u\n%s\n%s\n", what, seed, ToText(before).c_str(),
                 ToText(after).c_str());
  }
  CHECK(same);
}

TEST(PassesKeepResults) {
  using Pass = Program (*)(Program);
  const std::pair<const char*, Pass> passes[] = {
      {"Prune", Prune},
      {"FoldConstants", FoldConstants},
      {"Simplify", Simplify},
      {"EliminateCommonSubexpressions", EliminateCommonSubexpressions},
      {"Fuse", Fuse}};
  for (uint32_t seed = 0; seed < 400; ++seed) {
    RandomProgram random(seed);
    const Program program = random.Make(60);
    const std::vector<Array> inputs = random.Inputs(program);
    Verify(program);
    for (const auto& [name, pass] : passes) {
      const Program result = pass(program);
      Verify(result);
      CheckSame(program, result, inputs, name, seed);
    }
    const Program all = RunPasses(program, {}, [](const char*, const Program& p) { Verify(p); });
    CheckSame(program, all, inputs, "all", seed);
  }
}

}  // namespace
}  // namespace wengert::compile

TEST_MAIN()
