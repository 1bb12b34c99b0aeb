// What the gradient and lowering rules of functions of one argument share.
#pragma once

#include <vector>

#include "ops/broadcast_gradient.h"
#include "wengert/builder.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert::unary {

inline constexpr char kReal[] = "T: {bfloat16, half, float, double}";
inline constexpr char kFloating[] = "T: {bfloat16, half, float, double, complex64, complex128}";
inline constexpr char kSigned[] =
    "T: {bfloat16, half, float, double, int8, int16, int32, int64, complex64, complex128}";

// The rest of RegisterUnaryOps and RegisterActivationOps, by file.
void RegisterHyperbolicOps(OpRegistry& r);
void RegisterUnaryGradOps(OpRegistry& r);
void RegisterComplexOps(OpRegistry& r);
void RegisterSoftmaxOps(OpRegistry& r);
void RegisterBiasOps(OpRegistry& r);

// A derivative written with the argument or the result of a function: dx of dy and it.
using Derivative = Tensor (*)(Builder& b, const Grad& dy, const Tensor& value);

// dx = f(dy, conj(x)) and dx = f(dy, conj(y)). Nothing is computed before dy is there, so
// that a forward value need not be prepared, and kept, early.
inline GradientFn OfArgument(Derivative f) {
  return [f](GradientContext& g) -> std::vector<Grad> {
    auto after = g.b.ControlDependencies({Producer(g.grad())});
    return {f(g.b, g.grad(), g.b.Conj(g.x(0)))};
  };
}
inline GradientFn OfResult(Derivative f) {
  return [f](GradientContext& g) -> std::vector<Grad> {
    auto after = g.b.ControlDependencies({Producer(g.grad())});
    return {f(g.b, g.grad(), g.b.Conj(g.y()))};
  };
}

inline Tensor Times(Builder& b, const Grad& dy, const Tensor& factor) {
  return GradOp(b, "Mul", {dy, factor}, "mul");
}
inline Tensor One(Builder& b, DType dtype) {
  return b.Constant(Array::FromDouble(dtype, 1.0));
}

// For ops whose gradient TensorFlow does not define: programs rely on the error.
[[noreturn]] std::vector<Grad> NoGradientDefined(GradientContext& g);

// Lowers in float32 what would round too often in a 16-bit dtype: `f` takes and gives values
// of one dtype, which is float32 in place of float16 and bfloat16.
template <class F>
LoweringFn Widened(F f) {
  return [f](LoweringContext& c) {
    DType dtype = c.dtype(0);
    bool narrow = dtype == DType::kFloat16 || dtype == DType::kBFloat16;
    std::vector<Value> in = c.in;
    if (narrow) {
      for (Value& v : in) {
        if (c.b.dtype(v) == dtype) v = c.b.Cast(v, DType::kFloat32);
      }
    }
    c.out = f(c, in);
    for (Value& v : c.out) v = c.b.Cast(v, dtype);
  };
}

}  // namespace wengert::unary
