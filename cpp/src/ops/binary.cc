// Arithmetic of two arguments, and sums of many.
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/binary_gradients.h"
#include "ops/binary_strings.h"
#include "ops/register.h"
#include "wengert/lowering.h"
#include "wengert/lowering_lists.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

constexpr char kAnyNumber[] =
    "T: {bfloat16, half, float, double, uint8, int8, uint16, int16, int32, uint32, uint64, int64, "
    "complex64, complex128}";
constexpr char kOrdered[] =
    "T: {bfloat16, half, float, double, int8, uint8, int16, uint16, int32, uint32, int64, uint64}";
constexpr char kRemainder[] =
    "T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64, bfloat16, half, float, double}";
constexpr char kInexact[] = "T: {half, bfloat16, float, double, complex64, complex128}";
constexpr char kSummable[] =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, bfloat16, uint16, complex128, "
    "half, uint32, uint64, variant}";

OpDef& Binary(OpRegistry& r, const std::string& name, const char* types) {
  return r.Op(name).Input("x: T").Input("y: T").Output("z: T").Attr(types).Shape(
      shape_rules::BroadcastBinary);
}

bool IsInexact(DType dtype) {
  return IsFloating(dtype) || IsComplex(dtype);
}

// `value` where `test` is not 0, else 0.
Value ZeroWhereZero(Lowering& b, Value test, Value value) {
  const Value is_zero = b.Map(ScalarOp::kEqual, test, 0.0);
  return b.Select(is_zero, b.Scalar(b.dtype(value), 0.0), value);
}

void LowerAdd(LoweringContext& c) {
  if (c.dtype(0) == DType::kString) {
    c.set(binary_strings::ConcatenateStrings(c));
    return;
  }
  c.set(c.b.Add(c.x(0), c.x(1)));
}

void LowerDivNoNan(LoweringContext& c) {
  c.set(ZeroWhereZero(c.b, c.x(1), c.b.Div(c.x(0), c.x(1))));
}

void LowerMulNoNan(LoweringContext& c) {
  c.set(ZeroWhereZero(c.b, c.x(1), c.b.Mul(c.x(0), c.x(1))));
}

void LowerTruncateDiv(LoweringContext& c) {
  const Value quotient = c.b.Div(c.x(0), c.x(1));
  c.set(IsInexact(c.dtype(0)) ? c.b.Map(ScalarOp::kTrunc, quotient) : quotient);
}

// Integers to a negative power are an error, and only the data tells.
Value CheckedExponent(LoweringContext& c, Value y) {
  KernelSpec spec;
  spec.name = "CheckExponent";
  spec.dtypes = {c.b.dtype(y)};
  spec.dims = {c.b.dims(y)};
  spec.run = [](const std::vector<Array>& inputs, std::vector<Array>& outputs) {
    for (int64_t i = 0; i < inputs[0].size(); ++i) {
      if (inputs[0].AsInt(i) < 0) {
        throw InvalidArgument("Integers to negative integer powers are not allowed");
      }
    }
    if (inputs[0].size() > 0) std::memcpy(outputs[0].raw(), inputs[0].raw(), inputs[0].bytes());
  };
  return c.b.Kernel(std::move(spec), {y}).at(0);
}

void LowerPow(LoweringContext& c) {
  const DType dtype = c.dtype(0);
  Value y = c.x(1);
  if (IsInteger(dtype) && !IsUnsigned(dtype)) y = CheckedExponent(c, y);
  c.set(c.b.Map(ScalarOp::kPow, c.x(0), y));
}

void LowerSquaredDifference(LoweringContext& c) {
  const Value difference = c.b.Sub(c.x(0), c.x(1));
  if (IsComplex(c.dtype(0))) {
    c.set(c.b.Mul(c.b.Map(ScalarOp::kConj, difference), difference));
  } else {
    c.set(c.b.Map(ScalarOp::kSquare, difference));
  }
}

void LowerXdivy(LoweringContext& c) {
  c.set(ZeroWhereZero(c.b, c.x(0), c.b.Div(c.x(0), c.x(1))));
}

// x f(y), 0 where x is 0.
LoweringFn TimesFunction(ScalarOp f) {
  return [f](LoweringContext& c) {
    c.set(ZeroWhereZero(c.b, c.x(0), c.b.Mul(c.x(0), c.b.Map(f, c.x(1)))));
  };
}

void SumShape(ShapeContext& c) {
  Shape shape = c.input(c.num_inputs() - 1);
  for (int i = c.num_inputs() - 2; i >= 0; --i) {
    const Shape& other = c.input(i);
    if (std::optional<Shape> merged = other.Merge(shape)) {
      shape = *std::move(merged);
      continue;
    }
    const std::string context =
        "\n\tFrom merging shape " + std::to_string(i) + " with other shapes.";
    if (other.rank() != shape.rank()) {
      c.Fail("Shapes must be equal rank, but are " + std::to_string(other.rank()) + " and " +
             std::to_string(shape.rank()) + context);
    }
    for (int d = 0; d < shape.rank(); ++d) {
      if (other.dim(d) == shape.dim(d) || other.dim(d) < 0 || shape.dim(d) < 0) continue;
      c.Fail("Dimension " + std::to_string(d) + " in both shapes must be equal, but are " +
             std::to_string(other.dim(d)) + " and " + std::to_string(shape.dim(d)) +
             ". Shapes are " + other.ToError() + " and " + shape.ToError() + "." + context);
    }
  }
  c.set_output(0, shape);
}

void LowerSum(LoweringContext& c) {
  Value sum = c.x(0);
  if (c.dtype(0) == DType::kVariant) {
    ListCall add;
    add.op = ListOp::kAdd;
    for (size_t i = 1; i < c.in.size(); ++i) sum = c.b.List(add, {sum, c.in[i]})[0];
    c.set(sum);
    return;
  }
  for (size_t i = 1; i < c.in.size(); ++i) {
    if (c.b.dims(c.in[i]) != c.b.dims(sum)) {
      c.Fail("Inputs to operation " + c.op.name() + " of type " + c.op.type() +
             " must have the same size and shape.  Input 0: " + ToString(c.dims(0)) + " != input " +
             std::to_string(i) + ": " + ToString(c.b.dims(c.in[i])));
    }
    sum = c.b.Add(sum, c.in[i]);
  }
  c.set(sum);
}

void RegisterProducts(OpRegistry& r) {
  namespace grad = binary_gradients;
  Binary(r, "Mul", kAnyNumber)
      .Doc("Product of x and y, element-wise")
      .Commutative()
      .Gradient(grad::Mul)
      .Lower(lowering_rules::Binary(ScalarOp::kMul));
  Binary(r, "MulNoNan", "T: {bfloat16, half, float, double, complex64, complex128}")
      .Doc("Product of x and y, 0 where y is 0 even if x is infinite or NaN")
      .Gradient(grad::MulNoNan)
      .Lower(LowerMulNoNan);
  Binary(r, "Div", kAnyNumber)
      .Doc("Quotient of x and y; integers are divided towards zero")
      .Gradient(grad::Div)
      .Lower(lowering_rules::Binary(ScalarOp::kDiv));
  Binary(r, "RealDiv", kAnyNumber)
      .Doc("Quotient of real x and y")
      .Gradient(grad::RealDiv)
      .Lower(lowering_rules::Binary(ScalarOp::kDiv));
  Binary(r, "DivNoNan", "T: {half, float, bfloat16, double, complex64, complex128}")
      .Doc("Quotient of x and y, 0 where y is 0")
      .Gradient(grad::DivNoNan)
      .Lower(LowerDivNoNan);
  Binary(r, "FloorDiv", kAnyNumber)
      .Doc("Quotient of x and y rounded down")
      .Gradient(grad::NoneForBoth)
      .Lower(lowering_rules::Binary(ScalarOp::kFloorDiv));
  Binary(r, "TruncateDiv", kAnyNumber)
      .Doc("Quotient of x and y rounded towards zero")
      .Gradient(grad::NoneForBoth)
      .Lower(LowerTruncateDiv);
  Binary(r, "FloorMod", kRemainder)
      .Doc("Remainder of x / y with the sign of y")
      .Gradient(grad::FloorMod)
      .Lower(lowering_rules::Binary(ScalarOp::kFloorMod));
  for (const char* name : {"TruncateMod", "Mod"}) {
    Binary(r, name, "T: {int32, int64, half, bfloat16, float, double}")
        .Doc("Remainder of x / y with the sign of x")
        .NotDifferentiable()
        .Lower(lowering_rules::Binary(ScalarOp::kTruncMod));
  }
  Binary(r, "Pow",
         "T: {bfloat16, float, half, double, int8, int16, int32, int64, complex64, complex128}")
      .Doc("x to the power of y, element-wise")
      .Gradient(grad::Pow)
      .Lower(LowerPow);
}

void RegisterSums(OpRegistry& r) {
  namespace grad = binary_gradients;
  Binary(r, "Add",
         "T: {bfloat16, half, float, double, uint8, int8, int16, int32, int64, complex64, "
         "complex128, string}")
      .Doc("Sum of x and y, element-wise; strings are joined")
      .Gradient(grad::Add)
      .Lower(LowerAdd);
  Binary(r, "AddV2",
         "T: {bfloat16, half, float, double, uint8, uint16, uint32, uint64, int8, int16, int32, "
         "int64, complex64, complex128}")
      .Doc("Sum of x and y, element-wise")
      .Commutative()
      .Gradient(grad::Add)
      .Lower(lowering_rules::Binary(ScalarOp::kAdd));
  Binary(r, "Sub",
         "T: {bfloat16, half, float, double, uint8, int8, uint16, int16, int32, int64, complex64, "
         "complex128, uint32, uint64}")
      .Doc("Difference of x and y, element-wise")
      .Gradient(grad::Sub)
      .Lower(lowering_rules::Binary(ScalarOp::kSub));
  Binary(r, "SquaredDifference",
         "T: {bfloat16, half, float, double, int32, int64, complex64, complex128}")
      .Doc("Square of x - y, element-wise")
      .Commutative()
      .Gradient(grad::SquaredDifference)
      .Lower(LowerSquaredDifference);
  r.Op("AddN")
      .Input("inputs: N * T")
      .Output("sum: T")
      .Attr("N: int >= 1")
      .Attr(kSummable)
      .Doc("Sum of tensors of one shape")
      .Commutative()
      .Shape(SumShape)
      .Gradient(grad::CopyToAll)
      .Lower(LowerSum);
  r.Op("AccumulateNV2")
      .Input("inputs: N * T")
      .Output("sum: T")
      .Attr("N: int >= 1")
      .Attr(kSummable)
      .Attr("shape: shape")
      .Doc("Sum of tensors of one shape, which is given")
      .Commutative()
      .Shape([](ShapeContext& c) { c.set_output(0, c.attr("shape").as<Shape>()); })
      .Gradient(grad::CopyToAll)
      .Lower(LowerSum);
}

void RegisterFunctions(OpRegistry& r) {
  namespace grad = binary_gradients;
  Binary(r, "Maximum", kOrdered)
      .Doc("Larger of x and y, NaN if either is")
      .Gradient(grad::Maximum)
      .Lower(lowering_rules::Binary(ScalarOp::kMaximum));
  Binary(r, "Minimum", kOrdered)
      .Doc("Smaller of x and y, NaN if either is")
      .Gradient(grad::Minimum)
      .Lower(lowering_rules::Binary(ScalarOp::kMinimum));
  Binary(r, "Xdivy", kInexact).Doc("x / y, 0 where x is 0").Gradient(grad::Xdivy).Lower(LowerXdivy);
  Binary(r, "Xlogy", kInexact)
      .Doc("x log(y), 0 where x is 0")
      .Gradient(grad::Xlogy)
      .Lower(TimesFunction(ScalarOp::kLog));
  Binary(r, "Xlog1py", kInexact)
      .Doc("x log(1 + y), 0 where x is 0")
      .Gradient(grad::Xlog1py)
      .Lower(TimesFunction(ScalarOp::kLog1p));
  r.Op("Atan2")
      .Input("y: T")
      .Input("x: T")
      .Output("z: T")
      .Attr("T: {bfloat16, half, float, double}")
      .Doc("Angle of the point (x, y), in (-pi, pi]")
      .Shape(shape_rules::BroadcastBinary)
      .Gradient(grad::Atan2)
      .Lower(lowering_rules::Binary(ScalarOp::kAtan2));
  r.Op("NextAfter")
      .Input("x1: T")
      .Input("x2: T")
      .Output("output: T")
      .Attr("T: {double, float} = float")
      .Doc("Next representable number after x1 in the direction of x2")
      .Shape(shape_rules::BroadcastBinary)
      .Gradient(grad::NextAfter)
      .Lower(lowering_rules::Binary(ScalarOp::kNextAfter));
}

}  // namespace

void RegisterBinaryOps(OpRegistry& r) {
  RegisterSums(r);
  RegisterProducts(r);
  RegisterFunctions(r);
}

}  // namespace wengert
