#include "ops/special_rules.h"

#include <optional>

namespace wengert::special {
namespace {

// out[i] = call(i) in the dtype of the output.
template <class Call>
void Fill(Array& out, Call call) {
  if (out.dtype() == DType::kFloat64) {
    for (int64_t i = 0; i < out.size(); ++i) out.data<double>()[i] = call(i);
  } else {
    for (int64_t i = 0; i < out.size(); ++i) out.data<float>()[i] = static_cast<float>(call(i));
  }
}

double At(const Array& a, int64_t i) {
  return a.dtype() == DType::kFloat64 ? a.data<double>()[i] : a.data<float>()[i];
}

void Run(double (*f)(double), const std::vector<Array>& in, Array& out) {
  Fill(out, [&](int64_t i) { return f(At(in[0], i)); });
}
void Run(double (*f)(double, double), const std::vector<Array>& in, Array& out) {
  Fill(out, [&](int64_t i) { return f(At(in[0], i), At(in[1], i)); });
}
void Run(double (*f)(double, double, double), const std::vector<Array>& in, Array& out) {
  Fill(out, [&](int64_t i) { return f(At(in[0], i), At(in[1], i), At(in[2], i)); });
}

template <class F>
LoweringFn AsKernel(const char* name, F f) {
  return unary::Widened([name, f](LoweringContext& c, std::vector<Value> in) {
    Dims dims;
    for (Value v : in) {
      std::optional<Dims> common = BroadcastDims(dims, c.b.dims(v));
      if (!common) {
        c.Fail("Incompatible shapes: " + ToString(dims) + " vs. " + ToString(c.b.dims(v)));
      }
      dims = *common;
    }
    for (Value& v : in) v = c.b.Broadcast(v, dims);
    KernelSpec spec;
    spec.name = name;
    spec.dtypes = {c.b.dtype(in[0])};
    spec.dims = {dims};
    spec.run = [f](const std::vector<Array>& args, std::vector<Array>& out) {
      Run(f, args, out[0]);
    };
    return c.b.Kernel(std::move(spec), in);
  });
}

}  // namespace

LoweringFn LowerSpecial(const char* name, double (*f)(double)) {
  return AsKernel(name, f);
}
LoweringFn LowerSpecial(const char* name, double (*f)(double, double)) {
  return AsKernel(name, f);
}
LoweringFn LowerSpecial(const char* name, double (*f)(double, double, double)) {
  return AsKernel(name, f);
}

OpDef& SpecialFunction(OpRegistry& r, const char* name, double (*f)(double), const char* doc) {
  return r.Op(name)
      .Input("x: T")
      .Output("y: T")
      .Attr(unary::kReal)
      .Doc(doc)
      .Shape(shape_rules::Unchanged)
      .Lower(LowerSpecial(name, f));
}

Tensor Scoped(Builder& b, const char* scope, const char* type, std::vector<In> args) {
  auto inside = b.NameScope(scope);
  return b.Op(type, std::move(args));
}

}  // namespace wengert::special
