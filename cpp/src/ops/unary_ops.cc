// Element-wise functions of one argument: sign and rounding, powers, exponentials,
// logarithms, trigonometry, error and gamma functions, casts, predicates.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "ops/register.h"
#include "ops/unary_rules.h"

namespace wengert {
namespace {

using namespace unary;

constexpr double kTwoOverRootPi = 1.1283791670955126;  // 2 / sqrt(pi)

OpDef& Function(OpRegistry& r, const char* name, const char* types, const char* doc) {
  return r.Op(name).Input("x: T").Output("y: T").Attr(types).Doc(doc).Shape(shape_rules::Unchanged);
}

// Steps have slope zero almost everywhere: no gradient at all.
std::vector<Grad> NoGradient(GradientContext&) {
  return {Grad()};
}

// y = erf(x) or erfc(x): dx = dy (+-2/sqrt(pi)) exp(-x^2)
GradientFn ErfGradient(double sign) {
  return [sign](GradientContext& g) -> std::vector<Grad> {
    Tensor scale = g.b.Constant(Array::FromDouble(g.grad().dtype(), sign * kTwoOverRootPi));
    auto after = g.b.ControlDependencies({Producer(g.grad())});
    Tensor scaled = Times(g.b, g.grad(), scale);
    Tensor square = g.b.Op("Square", {g.x(0)});
    Tensor negative = g.b.Negative(square);
    Tensor density = g.b.Op("Exp", {negative});
    return {g.b.Multiply(scaled, density)};
  };
}

// 1 / sqrt(1 - x^2), the slope of asin.
Tensor ArcSlope(Builder& b, const Grad& dy, const Tensor& x) {
  Tensor square = b.Op("Square", {x});
  Tensor one = One(b, dy.dtype());
  Tensor rest = b.Op("Sub", {one, square});
  Tensor root = b.Op("Sqrt", {rest});
  return b.Op("Reciprocal", {root});
}

// Round and Rint: to the nearest integer, halves to even.
void LowerRound(LoweringContext& c) {
  if (IsInteger(c.dtype(0))) return c.set(c.x());
  if (IsComplex(c.dtype(0))) {
    c.Fail("No OpKernel was registered to support Op 'Round' with complex numbers");
  }
  c.set(c.b.Map(ScalarOp::kRint, c.x()));
}

void LowerReciprocal(LoweringContext& c) {
  if (IsInteger(c.dtype(0))) {
    c.Fail("No OpKernel was registered to support Op '" + c.op.type() + "' with integers");
  }
  c.set(c.b.Map(ScalarOp::kReciprocal, c.x()));
}

// Clears the low `bits` of the mantissas, so that a narrowing cast rounds towards zero.
template <class Float, class Word>
void ClearLowBits(const Array& in, Array& out, int bits) {
  Word mask = static_cast<Word>(~Word{0}) << bits;
  for (int64_t i = 0; i < in.size(); ++i) {
    Word word;
    std::memcpy(&word, in.data<Float>() + i, sizeof(word));
    word &= mask;
    std::memcpy(out.data<Float>() + i, &word, sizeof(word));
  }
}

// Bits of the mantissa, the leading one left out; 0 for what is not floating point.
int MantissaBits(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return 52;
    case DType::kFloat32:
      return 23;
    case DType::kFloat16:
      return 10;
    case DType::kBFloat16:
      return 7;
    default:
      return 0;
  }
}

Value Truncated(LoweringContext& c, Value x, DType to) {
  DType from = c.b.dtype(x);
  bool wide = from == DType::kFloat32 || from == DType::kFloat64;
  int bits = MantissaBits(from) - MantissaBits(to);
  if (!wide || MantissaBits(to) == 0 || bits <= 0) return x;
  KernelSpec spec;
  spec.name = "truncate";
  spec.key = std::to_string(bits);
  spec.dtypes = {from};
  spec.dims = {c.b.dims(x)};
  spec.run = [bits](const std::vector<Array>& in, std::vector<Array>& out) {
    if (in[0].dtype() == DType::kFloat64) {
      ClearLowBits<double, uint64_t>(in[0], out[0], bits);
    } else {
      ClearLowBits<float, uint32_t>(in[0], out[0], bits);
    }
  };
  return c.b.Kernel(std::move(spec), {x})[0];
}

void LowerCast(LoweringContext& c) {
  DType from = c.dtype(0), to = c.op.type_attr("DstT");
  if (from == to) return c.set(c.x());
  if (!IsPlainData(from) || !IsPlainData(to)) {
    throw Error(ErrorKind::kUnimplemented,
                std::string("Cast ") + Name(from) + " to " + Name(to) + " is not supported",
                c.op.name());
  }
  Value x = c.x();
  if (IsComplex(from) && !IsComplex(to)) x = c.b.Map(ScalarOp::kReal, x);
  if (c.op.bool_attr("Truncate")) x = Truncated(c, x, to);
  c.set(c.b.Cast(x, to));
}

// y = x in another dtype: dx = dy in the dtype of x, where both carry gradients
std::vector<Grad> CastGradient(GradientContext& g) {
  DType from = g.x(0).dtype(), to = g.grad().dtype();
  auto number = [](DType t) { return IsFloating(t) || IsComplex(t); };
  if (!number(from) || !number(to)) return {Grad()};
  return {g.b.Cast(g.dy(), from)};
}

void RegisterSignOps(OpRegistry& r) {
  Function(r, "Abs", "T: {bfloat16, half, float, double, int8, int16, int32, int64}",
           "Absolute value of x, element-wise")
      // y = |x|: dx = dy sign(x)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        Tensor sign = g.b.Op("Sign", {g.x(0)});
        return {Times(g.b, g.grad(), sign)};
      })
      .Lower(lowering_rules::Unary(ScalarOp::kAbs));
  Function(r, "Neg", kSigned, "Negative of x, element-wise")
      // y = -x: dx = -dy
      .Gradient(
          [](GradientContext& g) -> std::vector<Grad> { return {GradOp(g.b, "Neg", {g.grad()})}; })
      .Lower(lowering_rules::Unary(ScalarOp::kNeg));
  Function(r, "Sign", kSigned, "Sign of x, element-wise; x / |x| for complex numbers")
      // y = sign(x): dx = 0
      .Gradient([](GradientContext& g) -> std::vector<Grad> { return {g.b.ZerosLike(g.x(0))}; })
      .Lower(lowering_rules::Unary(ScalarOp::kSign));
  Function(r, "Ceil", kReal, "Smallest integer not below x, element-wise")
      .Gradient(NoGradient)
      .Lower(lowering_rules::Unary(ScalarOp::kCeil));
  Function(r, "Floor", kReal, "Largest integer not above x, element-wise")
      .Gradient(NoGradient)
      .Lower(lowering_rules::Unary(ScalarOp::kFloor));
  Function(r, "Rint", kReal, "Integer nearest to x, halves to even, element-wise")
      .Gradient(NoGradient)
      .Lower(LowerRound);
  Function(r, "Round", kSigned, "Integer nearest to x, halves to even, element-wise")
      .Gradient(NoGradient)
      .Lower(LowerRound);
}

void RegisterPowerOps(OpRegistry& r) {
  Function(r, "Square",
           "T: {bfloat16, half, float, double, int8, int16, int32, int64, uint8, uint16, uint32, "
           "uint64, complex64, complex128}",
           "Square of x, element-wise")
      // y = x^2: dx = dy 2 conj(x)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor two = b.Constant(Array::FromDouble(x.dtype(), 2.0));
        Tensor slope = b.Op("Mul", {x, two});
        return GradOp(b, "Mul", {dy, slope});
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kSquare));
  Function(r, "Sqrt", kFloating, "Square root of x, element-wise")
      // y = x^(1/2): dx = dy / (2 conj(y))
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {GradOp(g.b, "SqrtGrad", {g.y(), g.grad()})};
      })
      .Lower(lowering_rules::Unary(ScalarOp::kSqrt));
  Function(r, "Rsqrt", kFloating, "Reciprocal of the square root of x, element-wise")
      // y = x^(-1/2): dx = -dy conj(y)^3 / 2
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {GradOp(g.b, "RsqrtGrad", {g.y(), g.grad()})};
      })
      .Lower(lowering_rules::Unary(ScalarOp::kRsqrt));
  for (const char* name : {"Reciprocal", "Inv"}) {
    Function(r, name, kSigned, "Reciprocal of x, element-wise")
        // y = 1/x: dx = -dy conj(y)^2
        .Gradient([](GradientContext& g) -> std::vector<Grad> {
          return {GradOp(g.b, "ReciprocalGrad", {g.y(), g.grad()})};
        })
        .Lower(LowerReciprocal);
  }
}

void RegisterExponentialOps(OpRegistry& r) {
  Function(r, "Exp", kFloating, "Exponential of x, element-wise")
      // y = e^x: dx = dy conj(y)
      .Gradient(OfResult(Times))
      .Lower(lowering_rules::Unary(ScalarOp::kExp));
  Function(r, "Expm1", kFloating, "Exponential of x minus one, element-wise")
      // y = e^x - 1: dx = dy e^conj(x)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor slope = b.Op("Exp", {x});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kExpm1));
  Function(r, "Log", kFloating, "Natural logarithm of x, element-wise")
      // y = log(x): dx = dy / conj(x)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor slope = b.Op("Reciprocal", {x});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kLog));
  Function(r, "Log1p", kFloating, "Natural logarithm of one plus x, element-wise")
      // y = log(1 + x): dx = dy / (1 + conj(x))
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor sum = b.Add(1, x);
        Tensor slope = b.Op("Reciprocal", {sum});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kLog1p));
}

void RegisterTrigonometricOps(OpRegistry& r) {
  Function(r, "Sin", kFloating, "Sine of x, element-wise")
      // y = sin(x): dx = dy cos(conj(x))
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor slope = b.Op("Cos", {x});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kSin));
  Function(r, "Cos", kFloating, "Cosine of x, element-wise")
      // y = cos(x): dx = -dy sin(conj(x))
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor negative = GradOp(b, "Neg", {dy});
        Tensor sine = b.Op("Sin", {x});
        return b.Multiply(negative, sine);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kCos));
  Function(r, "Tan", kFloating, "Tangent of x, element-wise")
      // y = tan(x): dx = sec(conj(x))^2 dy
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor cosine = b.Op("Cos", {x});
        Tensor secant = b.Op("Reciprocal", {cosine});
        Tensor slope = b.Op("Square", {secant});
        return GradOp(b, "Mul", {slope, dy}, "mul");
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kTan));
  Function(r, "Asin", kFloating, "Arcsine of x, element-wise")
      // y = asin(x): dx = dy / sqrt(1 - conj(x)^2)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor slope = ArcSlope(b, dy, x);
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kAsin));
  Function(r, "Acos", kFloating, "Arccosine of x, element-wise")
      // y = acos(x): dx = -dy / sqrt(1 - conj(x)^2)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor slope = ArcSlope(b, dy, x);
        Tensor negative = GradOp(b, "Neg", {dy});
        return b.Multiply(negative, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kAcos));
  Function(r, "Atan", kFloating, "Arctangent of x, element-wise")
      // y = atan(x): dx = dy / (1 + conj(x)^2)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor square = b.Op("Square", {x});
        Tensor one = One(b, dy.dtype());
        Tensor sum = b.Op("AddV2", {one, square}, {}, "Add");
        Tensor slope = b.Op("Reciprocal", {sum});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kAtan));
}

void RegisterErrorAndGammaOps(OpRegistry& r) {
  Function(r, "Erf", kReal, "Error function of x, element-wise")
      .Gradient(ErfGradient(1))
      .Lower(lowering_rules::Unary(ScalarOp::kErf));
  Function(r, "Erfc", kReal, "Complementary error function of x, element-wise")
      .Gradient(ErfGradient(-1))
      .Lower(lowering_rules::Unary(ScalarOp::kErfc));
  Function(r, "Lgamma", kReal, "Logarithm of the absolute value of Gamma(x), element-wise")
      // y = log |Gamma(x)|: dx = dy digamma(x)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor slope = b.Op("Digamma", {x});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kLgamma));
  Function(r, "Digamma", kReal, "Derivative of the logarithm of Gamma(x), element-wise")
      // y = digamma(x): dx = dy polygamma(1, x)
      .Gradient(OfArgument([](Builder& b, const Grad& dy, const Tensor& x) {
        Tensor one = One(b, x.dtype());
        Tensor slope = b.Op("Polygamma", {one, x});
        return Times(b, dy, slope);
      }))
      .Lower(lowering_rules::Unary(ScalarOp::kDigamma));
}

void RegisterPredicateOps(OpRegistry& r) {
  struct Predicate {
    const char *name, *doc;
    ScalarOp op;
  };
  for (const Predicate& p :
       {Predicate{"IsFinite", "True where x is neither infinite nor NaN", ScalarOp::kIsFinite},
        Predicate{"IsInf", "True where x is infinite", ScalarOp::kIsInf},
        Predicate{"IsNan", "True where x is NaN", ScalarOp::kIsNan}}) {
    r.Op(p.name)
        .Input("x: T")
        .Output("y: bool")
        .Attr(kReal)
        .Doc(p.doc)
        .Shape(shape_rules::Unchanged)
        .NotDifferentiable()
        .Lower(lowering_rules::Unary(p.op));
  }
  r.Op("LogicalNot")
      .Input("x: bool")
      .Output("y: bool")
      .Doc("Logical negation of x, element-wise")
      .Shape(shape_rules::Unchanged)
      .NotDifferentiable()
      .Lower(lowering_rules::Unary(ScalarOp::kNot));
  Function(r, "Invert", "T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64}",
           "Bit-wise negation of x, element-wise")
      .NotDifferentiable()
      .Lower(lowering_rules::Unary(ScalarOp::kInvert));
}

}  // namespace

void RegisterUnaryOps(OpRegistry& r) {
  RegisterSignOps(r);
  RegisterPowerOps(r);
  RegisterExponentialOps(r);
  RegisterTrigonometricOps(r);
  unary::RegisterHyperbolicOps(r);
  RegisterErrorAndGammaOps(r);
  RegisterPredicateOps(r);
  unary::RegisterUnaryGradOps(r);
  unary::RegisterComplexOps(r);
  r.Op("Cast")
      .Input("x: SrcT")
      .Output("y: DstT")
      .Attr("SrcT: type")
      .Attr("DstT: type")
      .Attr("Truncate: bool = false")
      .Doc(
          "x in another dtype; complex numbers lose their imaginary part, floating point "
          "numbers are cut towards zero")
      .Shape(shape_rules::Unchanged)
      .Gradient(CastGradient)
      .Lower(LowerCast);
}

}  // namespace wengert
