// Complex numbers and their parts.
#include <string>

#include "ops/unary_rules.h"

namespace wengert::unary {
namespace {

DType ComplexOf(DType real) {
  return real == DType::kFloat64 ? DType::kComplex128 : DType::kComplex64;
}

Tensor RealPart(Builder& b, const Tensor& z) {
  return b.Op("Real", {z}, {{"Tout", RealDType(z.dtype())}});
}
Tensor ImagPart(Builder& b, const Tensor& z) {
  return b.Op("Imag", {z}, {{"Tout", RealDType(z.dtype())}});
}
Tensor MakeComplex(Builder& b, const Tensor& re, const Tensor& im) {
  return b.Op("Complex", {re, im}, {{"Tout", ComplexOf(re.dtype())}});
}
Tensor Zero(Builder& b, DType dtype) {
  return b.Constant(Array::FromDouble(dtype, 0.0));
}

OpDef& Part(OpRegistry& r, const char* op, const char* input, const char* output, const char* doc,
            ScalarOp scalar) {
  return r.Op(op)
      .Input(std::string(input) + ": T")
      .Output(std::string(output) + ": Tout")
      .Attr("T: {complex64, complex128} = complex64")
      .Attr("Tout: {float, double} = float")
      .Doc(doc)
      .Shape(shape_rules::Unchanged)
      .Lower([scalar](LoweringContext& c) {
        c.set(c.b.Cast(c.b.Map(scalar, c.x()), c.op.type_attr("Tout")));
      });
}

// y = x with the sign of the imaginary part changed: dx = conj(dy)
std::vector<Grad> ConjGradient(GradientContext& g) {
  return {g.b.Conj(g.dy())};
}

// y = arg(x): dx = -dy / (Im(x) + i Re(x))
std::vector<Grad> AngleGradient(GradientContext& g) {
  Tensor dy = g.dy();
  auto after = g.b.ControlDependencies({dy.op});
  Tensor re = RealPart(g.b, g.x(0));
  Tensor im = ImagPart(g.b, g.x(0));
  Tensor swapped = MakeComplex(g.b, im, re);
  Tensor inverse = g.b.Op("Reciprocal", {swapped});
  Tensor zero = Zero(g.b, dy.dtype());
  Tensor complex_dy = MakeComplex(g.b, dy, zero);
  Tensor negative = g.b.Negative(complex_dy);
  return {g.b.Multiply(negative, inverse)};
}

// y = |x|: dx = dy x / y, and 0 at 0
std::vector<Grad> ComplexAbsGradient(GradientContext& g) {
  Tensor dy = g.dy();
  Tensor zero = g.b.ZerosLike(dy);
  Tensor complex_dy = MakeComplex(g.b, dy, zero);
  Tensor product = g.b.Multiply(complex_dy, g.x(0));
  Tensor zero_y = g.b.ZerosLike(g.y());
  Tensor complex_y = MakeComplex(g.b, g.y(), zero_y);
  return {g.b.Op("DivNoNan", {product, complex_y}, {}, "div_no_nan")};
}

}  // namespace

void RegisterComplexOps(OpRegistry& r) {
  r.Op("Complex")
      .Input("real: T")
      .Input("imag: T")
      .Output("out: Tout")
      .Attr("T: {float, double} = float")
      .Attr("Tout: {complex64, complex128} = complex64")
      .Doc("Complex numbers real + i imag, element-wise with broadcasting")
      .Shape(shape_rules::BroadcastBinary)
      // z = x + i y: dx = Re(dz), dy = Im(dz)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor dz = g.dy();
        Tensor dx = RealPart(g.b, dz);
        Tensor dy = ImagPart(g.b, dz);
        return SumToShapes(g.b, g.x(0), g.x(1), dx, dy);
      })
      .Lower([](LoweringContext& c) {
        if (!BroadcastDims(c.dims(0), c.dims(1))) {
          c.Fail("Incompatible shapes: " + ToString(c.dims(0)) + " vs. " + ToString(c.dims(1)));
        }
        c.set(c.b.Cast(c.b.Map(ScalarOp::kComplex, c.x(0), c.x(1)), c.op.type_attr("Tout")));
      });
  r.Op("Conj")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: {complex64, complex128} = complex64")
      .Doc("Complex conjugate, element-wise")
      .Shape(shape_rules::Unchanged)
      .Gradient(ConjGradient)
      .Lower(lowering_rules::Unary(ScalarOp::kConj));
  Part(r, "Real", "input", "output", "Real part, element-wise", ScalarOp::kReal)
      // y = Re(x): dx = dy + 0i
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor dy = g.dy();
        Tensor zero = Zero(g.b, dy.dtype());
        return {MakeComplex(g.b, dy, zero)};
      });
  Part(r, "Imag", "input", "output", "Imaginary part, element-wise", ScalarOp::kImag)
      // y = Im(x): dx = 0 + i dy
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor dy = g.dy();
        Tensor zero = Zero(g.b, dy.dtype());
        return {MakeComplex(g.b, zero, dy)};
      });
  Part(r, "Angle", "input", "output", "Argument of complex numbers, element-wise", ScalarOp::kArg)
      .Gradient(AngleGradient);
  Part(r, "ComplexAbs", "x", "y", "Absolute value of complex numbers, element-wise",
       ScalarOp::kComplexAbs)
      .Gradient(ComplexAbsGradient);
}

}  // namespace wengert::unary
