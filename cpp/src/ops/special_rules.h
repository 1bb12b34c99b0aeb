// What the special functions share: they run as kernels over whole arrays, in double precision.
#pragma once

#include <string>
#include <vector>

#include "ops/special_functions.h"
#include "ops/unary_rules.h"

namespace wengert::special {

// Lowers an op to a function of one, two or three numbers, its arguments broadcast.
LoweringFn LowerSpecial(const char* name, double (*f)(double));
LoweringFn LowerSpecial(const char* name, double (*f)(double, double));
LoweringFn LowerSpecial(const char* name, double (*f)(double, double, double));

// An op of one argument, all but its gradient.
OpDef& SpecialFunction(OpRegistry& r, const char* name, double (*f)(double), const char* doc);

// An op in a name scope of its own, as functions wrap it that have names of their own.
Tensor Scoped(Builder& b, const char* scope, const char* type, std::vector<In> args);

// As unary::OfArgument, for derivatives written with both x and y.
using DerivativeOfBoth = Tensor (*)(Builder& b, const Grad& dy, const Tensor& x, const Tensor& y);
inline GradientFn OfArgumentAndResult(DerivativeOfBoth f) {
  return [f](GradientContext& g) -> std::vector<Grad> {
    auto after = g.b.ControlDependencies({Producer(g.grad())});
    return {f(g.b, g.grad(), g.x(0), g.y())};
  };
}

void RegisterBesselOps(OpRegistry& r);

}  // namespace wengert::special
