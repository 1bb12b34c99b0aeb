// Comparisons, logic, bits, and selection by a condition.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "ops/binary_strings.h"
#include "ops/broadcast_gradient.h"
#include "ops/register.h"
#include "wengert/builder.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

constexpr char kReal[] =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}";
constexpr char kNumber[] =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, bfloat16, uint16, complex128, "
    "half, uint32, uint64}";
constexpr char kBits[] = "T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64}";

// --- equality ---------------------------------------------------------------------------

// Shapes that cannot broadcast make a scalar answer instead of an error when the attribute
// incompatible_shape_error is false; the static shape is then known only when it is certain
// whether they can.
void EqualityShape(ShapeContext& c) {
  if (c.attr("incompatible_shape_error").as<bool>()) {
    shape_rules::BroadcastBinary(c);
    return;
  }
  const Shape &x = c.input(0), &y = c.input(1);
  if (!x.has_rank() || !y.has_rank()) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  const int rank = std::max(x.rank(), y.rank());
  Dims dims(rank, 1);
  for (int axis = 0; axis < rank; ++axis) {
    const int ax = axis - (rank - x.rank()), ay = axis - (rank - y.rank());
    const int64_t dx = ax < 0 ? 1 : x.dim(ax);
    const int64_t dy = ay < 0 ? 1 : y.dim(ay);
    if (dx == 1 || dy == 1) {
      dims[axis] = dx == 1 ? dy : dx;
    } else if (dx == dy && dx >= 0) {
      dims[axis] = dx;
    } else {
      c.set_output(0, dx >= 0 && dy >= 0 ? Shape::Scalar() : Shape::Unknown());
      return;
    }
  }
  c.set_output(0, Shape(std::move(dims)));
}

LoweringFn LowerEquality(bool equal) {
  return [equal](LoweringContext& c) {
    if (!c.op.bool_attr("incompatible_shape_error") && !BroadcastDims(c.dims(0), c.dims(1))) {
      c.set(c.b.Constant(Array::Scalar<bool>(!equal)));
    } else if (c.dtype(0) == DType::kString) {
      c.set(binary_strings::CompareStrings(c, equal));
    } else {
      c.set(c.b.Map(equal ? ScalarOp::kEqual : ScalarOp::kNotEqual, c.x(0), c.x(1)));
    }
  };
}

void ApproximateEqualShape(ShapeContext& c) {
  c.set_output(0, c.MergeShapes(c.input(0), c.input(1)));
}

// The difference of unsigned numbers must not wrap around.
void LowerApproximateEqual(LoweringContext& c) {
  if (c.dims(0) != c.dims(1)) {
    c.Fail("x and y must be of the same shape, but are " + ToString(c.dims(0)) + " and " +
           ToString(c.dims(1)));
  }
  const Value x = c.x(0), y = c.x(1);
  Value distance;
  if (IsComplex(c.dtype(0))) {
    distance = c.b.Map(ScalarOp::kComplexAbs, c.b.Sub(x, y));
  } else {
    const Value x_less = c.b.Map(ScalarOp::kLess, x, y);
    distance = c.b.Select(x_less, c.b.Sub(y, x), c.b.Sub(x, y));
  }
  c.set(c.b.Map(ScalarOp::kLess, distance, c.op.float_attr("tolerance")));
}

void RegisterEquality(OpRegistry& r) {
  struct Case {
    const char* name;
    bool equal;
    const char* doc;
  };
  for (const Case& k : {Case{"Equal", true, "Whether x == y, element-wise"},
                        Case{"NotEqual", false, "Whether x != y, element-wise"}}) {
    r.Op(k.name)
        .Input("x: T")
        .Input("y: T")
        .Output("z: bool")
        .Attr("T: type")
        .Attr("incompatible_shape_error: bool = true")
        .Doc(k.doc)
        .Commutative()
        .Shape(EqualityShape)
        .NotDifferentiable()
        .Lower(LowerEquality(k.equal));
  }
  r.Op("ApproximateEqual")
      .Input("x: T")
      .Input("y: T")
      .Output("z: bool")
      .Attr(kNumber)
      .Attr("tolerance: float = 1e-05")
      .Doc("Whether |x - y| < tolerance, element-wise")
      .Commutative()
      .Shape(ApproximateEqualShape)
      .NotDifferentiable()
      .Lower(LowerApproximateEqual);
}

// --- order, logic, bits --------------------------------------------------------------------

void RegisterOrder(OpRegistry& r) {
  struct Case {
    const char* name;
    ScalarOp op;
    const char* doc;
  };
  for (const Case& k :
       {Case{"Less", ScalarOp::kLess, "Whether x < y, element-wise"},
        Case{"LessEqual", ScalarOp::kLessEqual, "Whether x <= y, element-wise"},
        Case{"Greater", ScalarOp::kGreater, "Whether x > y, element-wise"},
        Case{"GreaterEqual", ScalarOp::kGreaterEqual, "Whether x >= y, element-wise"}}) {
    r.Op(k.name)
        .Input("x: T")
        .Input("y: T")
        .Output("z: bool")
        .Attr(kReal)
        .Doc(k.doc)
        .Shape(shape_rules::BroadcastBinary)
        .NotDifferentiable()
        .Lower(lowering_rules::Binary(k.op));
  }
}

void RegisterLogic(OpRegistry& r) {
  r.Op("LogicalAnd")
      .Input("x: bool")
      .Input("y: bool")
      .Output("z: bool")
      .Doc("Whether both x and y, element-wise")
      .Commutative()
      .Shape(shape_rules::BroadcastBinary)
      .NotDifferentiable()
      .Lower(lowering_rules::Binary(ScalarOp::kAnd));
  r.Op("LogicalOr")
      .Input("x: bool")
      .Input("y: bool")
      .Output("z: bool")
      .Doc("Whether x or y or both, element-wise")
      .Commutative()
      .Shape(shape_rules::BroadcastBinary)
      .NotDifferentiable()
      .Lower(lowering_rules::Binary(ScalarOp::kOr));
  struct Case {
    const char* name;
    ScalarOp op;
    bool commutative;
    const char* doc;
  };
  for (const Case& k :
       {Case{"BitwiseAnd", ScalarOp::kAnd, true, "Bits set in both x and y"},
        Case{"BitwiseOr", ScalarOp::kOr, true, "Bits set in x or y or both"},
        Case{"BitwiseXor", ScalarOp::kXor, true, "Bits set in exactly one of x and y"},
        Case{"LeftShift", ScalarOp::kLeftShift, false, "x shifted left by y bits"},
        Case{"RightShift", ScalarOp::kRightShift, false, "x shifted right by y bits"}}) {
    OpDef& op = r.Op(k.name)
                    .Input("x: T")
                    .Input("y: T")
                    .Output("z: T")
                    .Attr(kBits)
                    .Doc(k.doc)
                    .Shape(shape_rules::BroadcastBinary)
                    .NotDifferentiable()
                    .Lower(lowering_rules::Binary(k.op));
    if (k.commutative) op.Commutative();
  }
}

// --- selection --------------------------------------------------------------------------

// Select: t and e have one shape; the condition has it too, is a scalar, or a vector that
// chooses whole rows.
void SelectShape(ShapeContext& c) {
  const Shape data = c.MergeShapes(c.input(1), c.input(2));
  const Shape& condition = c.input(0);
  if (!condition.has_rank() || condition.rank() == 0 || !data.has_rank()) {
    c.set_output(0, data);
    return;
  }
  if (condition.rank() == 1 && data.rank() > 1) {
    Dims dims = data.dims();
    dims[0] = c.MergeDims(data.dim(0), condition.dim(0));
    c.set_output(0, Shape(std::move(dims)));
    return;
  }
  c.set_output(0, c.MergeShapes(data, condition));
}

Value SelectBroadcast(LoweringContext& c, Value condition, const Dims& dims) {
  if (c.dtype(1) == DType::kString) {
    return binary_strings::SelectStrings(c, condition, c.x(1), c.x(2), dims);
  }
  if (!IsPlainData(c.dtype(1))) {
    c.Fail("values of dtype " + std::string(Name(c.dtype(1))) + " cannot be selected");
  }
  return c.b.Select(condition, c.x(1), c.x(2));
}

void LowerSelect(LoweringContext& c) {
  const Dims dims = c.dims(1);
  if (dims != c.dims(2)) {
    c.Fail("'then' and 'else' must have the same size.  but received: " + ToString(dims) + " vs. " +
           ToString(c.dims(2)));
  }
  Value condition = c.x(0);
  const Dims given = c.dims(0);
  if (given.size() == 1 && dims.size() > 1) {
    if (given[0] != dims[0]) {
      c.Fail("Number of batches of 'then' must match size of 'cond', but saw: " +
             std::to_string(dims[0]) + " vs. " + std::to_string(given[0]));
    }
    Dims rows(dims.size(), 1);
    rows[0] = dims[0];
    condition = c.b.Reshape(condition, std::move(rows));
  } else if (!given.empty() && given != dims) {
    c.Fail("'cond' must have the same shape as 'then', a scalar or a vector, but saw: " +
           ToString(given) + " vs. " + ToString(dims));
  }
  c.set(SelectBroadcast(c, condition, dims));
}

void LowerSelectV2(LoweringContext& c) {
  std::optional<Dims> dims = BroadcastDims(c.dims(1), c.dims(2));
  if (dims) dims = BroadcastDims(c.dims(0), *dims);
  if (!dims) {
    c.Fail("condition " + ToString(c.dims(0)) + ", then " + ToString(c.dims(1)) + ", and else " +
           ToString(c.dims(2)) + " must be broadcastable");
  }
  c.set(SelectBroadcast(c, c.x(0), *dims));
}

// z = c ? x : y: dx = c ? dz : 0, dy = c ? 0 : dz
std::vector<Grad> SelectGradient(GradientContext& g) {
  const Tensor condition = g.x(0);
  const Tensor zeros = g.b.ZerosLike(g.x(1));
  const Tensor dx = GradOp(g.b, "Select", {condition, g.grad(), zeros});
  const Tensor dy = GradOp(g.b, "Select", {condition, zeros, g.grad()});
  return {Grad(), dx, dy};
}

// as Select, with what was broadcast summed again
std::vector<Grad> SelectV2Gradient(GradientContext& g) {
  const Tensor condition = g.x(0), z = g.y();
  const Tensor zeros = g.b.Zeros(std::vector<int64_t>{}, g.grad().dtype());
  const Tensor gx = GradOp(g.b, "SelectV2", {condition, g.grad(), zeros});
  const Tensor gy = GradOp(g.b, "SelectV2", {condition, zeros, g.grad()});
  const Grad dx = SumToShapes(g.b, g.x(1), z, gx, Grad())[0];
  const Grad dy = SumToShapes(g.b, g.x(2), z, gy, Grad())[0];
  return {Grad(), dx, dy};
}

// z = min(max(x, lo), hi): dz goes to x between the limits, to lo below, to hi above
std::vector<Grad> ClipByValueGradient(GradientContext& g) {
  const Tensor x = g.x(0), lo = g.x(1), hi = g.x(2), dz = g.dy();
  const Tensor shape_x = g.b.ShapeOf(x);
  const Tensor shape_lo = g.b.ShapeOf(lo);
  const Tensor shape_hi = g.b.ShapeOf(hi);
  const Tensor shape_dz = g.b.ShapeOf(dz);
  const Tensor zeros = g.b.Zeros(shape_dz, dz.dtype());
  const Tensor below = g.b.Op("Less", {x, lo});
  const Tensor above = g.b.Op("Greater", {x, hi});
  const BroadcastAxes axes_lo = BroadcastGradientArgs(g.b, shape_x, shape_lo);
  const BroadcastAxes axes_hi = BroadcastGradientArgs(g.b, shape_x, shape_hi);
  const Tensor outside = g.b.Op("LogicalOr", {below, above});
  const Tensor dx = g.b.Op("Select", {outside, zeros, dz});
  const Tensor to_lo = g.b.Op("Select", {below, dz, zeros});
  const Tensor to_hi = g.b.Op("Select", {above, dz, zeros});
  const Tensor dlo = SumAndReshape(g.b, to_lo, axes_lo.y, shape_lo);
  const Tensor dhi = SumAndReshape(g.b, to_hi, axes_hi.y, shape_hi);
  return {dx, dlo, dhi};
}

void LowerClipByValue(LoweringContext& c) {
  for (int i : {1, 2}) {
    if (!c.dims(i).empty() && c.dims(i) != c.dims(0)) {
      c.Fail(
          "clip_value_min and clip_value_max must be either of the same shape as input, or a "
          "scalar. input shape: " +
          ToString(c.dims(0)) + "clip_value_min shape: " + ToString(c.dims(1)) +
          "clip_value_max shape: " + ToString(c.dims(2)));
    }
  }
  const Value capped = c.b.Map(ScalarOp::kMinimum, c.x(0), c.x(2));
  c.set(c.b.Map(ScalarOp::kMaximum, capped, c.x(1)));
}

void RegisterSelection(OpRegistry& r) {
  r.Op("Select")
      .Input("condition: bool")
      .Input("t: T")
      .Input("e: T")
      .Output("output: T")
      .Attr("T: type")
      .Doc("t where the condition holds, else e; the condition may be a vector over rows")
      .Shape(SelectShape)
      .Gradient(SelectGradient)
      .Lower(LowerSelect);
  r.Op("SelectV2")
      .Input("condition: bool")
      .Input("t: T")
      .Input("e: T")
      .Output("output: T")
      .Attr("T: type")
      .Doc("t where the condition holds, else e; all three broadcast")
      .Shape([](ShapeContext& c) {
        const Shape data = c.Broadcast(c.input(1), c.input(2));
        c.set_output(0, c.Broadcast(c.input(0), data));
      })
      .Gradient(SelectV2Gradient)
      .Lower(LowerSelectV2);
  r.Op("ClipByValue")
      .Input("t: T")
      .Input("clip_value_min: T")
      .Input("clip_value_max: T")
      .Output("output: T")
      .Attr(kNumber)
      .Doc("t limited to the range from clip_value_min to clip_value_max")
      .Shape(shape_rules::Unchanged)
      .Gradient(ClipByValueGradient)
      .Lower(LowerClipByValue);
}

}  // namespace

void RegisterCompareOps(OpRegistry& r) {
  RegisterEquality(r);
  RegisterOrder(r);
  RegisterLogic(r);
  RegisterSelection(r);
}

}  // namespace wengert
