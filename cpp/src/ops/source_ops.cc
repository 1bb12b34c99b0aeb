// Ops that make tensors from nothing much (constants, placeholders, ranges) and those that
// hand their input on.
#include <cmath>

#include "ops/register.h"
#include "ops/shape_util.h"
#include "wengert/lowering_lists.h"

namespace wengert {
namespace {

using op_util::IndexType;
using op_util::kAnyT;

constexpr const char* kRangeT =
    "Tidx: {bfloat16, half, float, double, int8, int16, int32, int64, uint16, uint32, uint64} = "
    "int32";

void ConstShape(ShapeContext& c) {
  const Array& value = c.attr("value").as<Array>();
  if (c.attr("dtype").as<DType>() != value.dtype()) {
    c.Fail(std::string("dtype ") + EnumName(c.attr("dtype").as<DType>()) +
           " does not match that of the value, " + EnumName(value.dtype()));
  }
  c.set_output(0, Shape(value.dims()));
}

void LowerPlaceholder(LoweringContext& c) {
  const Shape& shape = c.op.attr("shape").as<Shape>();
  std::string message = "You must feed a value for placeholder tensor '" + c.op.name() +
                        "' with dtype " + SignatureName(c.op.type_attr("dtype"));
  if (shape.has_rank() && shape.rank() > 0) message += " and shape " + shape.ToError();
  c.Fail(message);
}

void LowerFill(LoweringContext& c) {
  const std::vector<int64_t> dims = op_util::VectorInts(c, 0, "dims");
  for (int64_t d : dims) {
    if (d < 0) c.Fail("Dimension " + std::to_string(d) + " must be >= 0");
  }
  if (!c.dims(1).empty()) {
    c.Fail("value must represent a scalar, got shape " + ToString(c.dims(1)));
  }
  NumElements(dims);
  c.set(c.b.Broadcast(c.x(1), dims));
}

// Number of elements of a range; `fail` receives what is wrong with it.
template <class Fail>
int64_t RangeLength(const Array& start, const Array& limit, const Array& delta, const Fail& fail) {
  const double d = delta.AsDouble(0);
  if (d == 0) fail("Requires delta != 0");
  if (IsFloating(start.dtype())) {
    const double from = start.AsDouble(0), to = limit.AsDouble(0);
    if (d > 0 ? from > to : from < to) {
      fail(std::string("Requires start ") + (d > 0 ? "<=" : ">=") + " limit when delta " +
           (d > 0 ? ">" : "<") + " 0: " + std::to_string(from) + "/" + std::to_string(to));
    }
    const double length = std::ceil(std::abs((to - from) / d));
    if (!(length < 9.2e18)) fail("Requires a finite number of elements");
    return static_cast<int64_t>(length);
  }
  const int64_t from = start.AsInt(0), to = limit.AsInt(0), step = delta.AsInt(0);
  if (step > 0 ? from > to : from < to) {
    fail(std::string("Requires start ") + (step > 0 ? "<=" : ">=") + " limit when delta " +
         (step > 0 ? ">" : "<") + " 0: " + std::to_string(from) + "/" + std::to_string(to));
  }
  // Unsigned arithmetic: the distance of two int64 always fits.
  const uint64_t distance = step > 0 ? static_cast<uint64_t>(to) - static_cast<uint64_t>(from)
                                     : static_cast<uint64_t>(from) - static_cast<uint64_t>(to);
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  const uint64_t length = distance / stride + (distance % stride != 0 ? 1 : 0);
  if (length > static_cast<uint64_t>(INT64_MAX)) fail("Requires fewer elements");
  return static_cast<int64_t>(length);
}

void RangeShape(ShapeContext& c) {
  for (int i = 0; i < 3; ++i) c.WithRank(i, 0);
  const std::optional<Array> start = c.constant(0), limit = c.constant(1), delta = c.constant(2);
  if (!start || !limit || !delta) {
    c.set_output(0, Shape({kUnknownDim}));
    return;
  }
  const auto fail = [&c](const std::string& message) { c.Fail(message); };
  c.set_output(0, Shape({RangeLength(*start, *limit, *delta, fail)}));
}

void LowerRange(LoweringContext& c) {
  for (int i = 0; i < 3; ++i) {
    if (!c.dims(i).empty()) c.Fail("start, limit and delta must be scalars");
  }
  const Array start = c.constant(0), limit = c.constant(1), delta = c.constant(2);
  const auto fail = [&c](const std::string& message) { c.Fail(message); };
  const int64_t n = RangeLength(start, limit, delta, fail);
  Value v = c.b.Iota(start.dtype(), n);
  if (delta.AsDouble(0) != 1) v = c.b.Mul(v, c.x(2));
  if (start.AsDouble(0) != 0) v = c.b.Add(v, c.x(0));
  c.set(v);
}

void LinSpaceShape(ShapeContext& c) {
  for (int i = 0; i < 3; ++i) c.WithRank(i, 0);
  const std::optional<int64_t> num = op_util::StaticInt(c, 2);
  if (num && *num <= 0) c.Fail("Requires num > 0: " + std::to_string(*num));
  c.set_output(0, Shape({num.value_or(kUnknownDim)}));
}

void LowerLinSpace(LoweringContext& c) {
  if (!c.dims(0).empty() || !c.dims(1).empty()) c.Fail("start and stop must be scalars");
  const int64_t num = op_util::ScalarInt(c, 2, "num");
  if (num <= 0) c.Fail("Requires num > 0: " + std::to_string(num));
  const DType dtype = c.dtype(0);
  const Value first = c.b.Reshape(c.x(0), {1});
  if (num == 1) {
    c.set(first);
    return;
  }
  const Value step =
      c.b.Div(c.b.Sub(c.x(1), c.x(0)), c.b.Scalar(dtype, static_cast<double>(num - 1)));
  const Value inner = c.b.Add(c.x(0), c.b.Mul(c.b.Iota(dtype, num - 1), step));
  // The last element is `stop` itself, whatever the step rounds to.
  c.set(c.b.Concat({inner, c.b.Reshape(c.x(1), {1})}, 0));
}

void RegisterConstants(OpRegistry& r) {
  r.Op("Const")
      .Output("output: dtype")
      .Attr("value: tensor")
      .Attr("dtype: type")
      .Doc("A constant tensor")
      .Shape(ConstShape)
      .NotDifferentiable()
      .StaticValue()
      .Lower([](LoweringContext& c) { c.set(c.b.Constant(c.op.attr("value").as<Array>())); });

  r.Op("Fill")
      .Input("dims: index_type")
      .Input("value: T")
      .Output("output: T")
      .Attr(kAnyT)
      .Attr(IndexType("index_type"))
      .Doc("A tensor of shape dims whose elements all are value")
      .Shape([](ShapeContext& c) {
        c.WithRank(0, 1);
        c.WithRank(1, 0);
        c.set_output(0, c.input_as_shape(0));
      })
      // y[i] = v for all i: dv = sum of dy
      .Gradient(
          [](GradientContext& g) -> std::vector<Grad> { return {Grad(), g.b.ReduceSum(g.dy())}; })
      .StaticValue()
      .Lower(LowerFill);

  r.Op("Range")
      .Input("start: Tidx")
      .Input("limit: Tidx")
      .Input("delta: Tidx")
      .Output("output: Tidx")
      .Attr(kRangeT)
      .Doc("The numbers from start up to, but not including, limit in steps of delta")
      .Shape(RangeShape)
      .NotDifferentiable()
      .StaticValue()
      .Lower(LowerRange);

  r.Op("LinSpace")
      .Input("start: T")
      .Input("stop: T")
      .Input("num: Tidx")
      .Output("output: T")
      .Attr("T: {bfloat16, half, float, double}")
      .Attr(IndexType("Tidx"))
      .Doc("num evenly spaced numbers from start to stop, both included")
      .Shape(LinSpaceShape)
      .NotDifferentiable()
      .Lower(LowerLinSpace);

  r.Op("ZerosLike")
      .Input("x: T")
      .Output("y: T")
      .Attr(kAnyT)
      .Doc("Zeros of the shape and dtype of x")
      .Shape(shape_rules::Unchanged)
      .NotDifferentiable()
      .Lower([](LoweringContext& c) {
        if (c.dtype(0) == DType::kVariant) {
          ListCall zeros;
          zeros.op = ListOp::kZerosLike;
          c.out = c.b.List(zeros, c.in);
          return;
        }
        c.set(op_util::Filled(c.b, c.dtype(0), 0, c.dims(0)));
      });

  r.Op("OnesLike")
      .Input("x: T")
      .Output("y: T")
      .Attr(
          "T: {bfloat16, half, float, double, int8, uint8, int16, uint16, int32, uint32, int64, "
          "uint64, complex64, complex128, bool}")
      .Doc("Ones of the shape and dtype of x")
      .Shape(shape_rules::Unchanged)
      .NotDifferentiable()
      .Lower([](LoweringContext& c) { c.set(op_util::Filled(c.b, c.dtype(0), 1, c.dims(0))); });
}

void RegisterPlaceholders(OpRegistry& r) {
  r.Op("Placeholder")
      .Output("output: dtype")
      .Attr("dtype: type")
      .Attr("shape: shape = ?")
      .Doc("A tensor to be fed")
      .Shape([](ShapeContext& c) { c.set_output(0, c.attr("shape").as<Shape>()); })
      .NoGradient()
      .Lower(LowerPlaceholder);

  r.Op("PlaceholderWithDefault")
      .Input("input: dtype")
      .Output("output: dtype")
      .Attr("dtype: type")
      .Attr("shape: shape")
      .Doc("Hands on input unless its output is fed")
      .Shape([](ShapeContext& c) {
        // What is fed may differ from the default wherever the attribute leaves it open.
        const Shape& shape = c.attr("shape").as<Shape>();
        c.MergeShapes(c.input(0), shape);
        c.set_output(0, shape);
      })
      // y = x
      .Gradient([](GradientContext& g) -> std::vector<Grad> { return {g.grad()}; })
      .Lower(lowering_rules::Forward);
}

void LowerEnsureShape(LoweringContext& c) {
  const Shape& expected = c.op.attr("shape").as<Shape>();
  if (!expected.CompatibleWith(Shape(c.dims(0)))) {
    c.Fail("Shape of tensor " + c.op.input(0).op->name() + " " + ToString(c.dims(0)) +
           " is not compatible with expected shape " + expected.ToError() + ".");
  }
  c.set(c.x());
}

void RegisterForwards(OpRegistry& r) {
  r.Op("Identity")
      .Input("input: T")
      .Output("output: T")
      .Attr(kAnyT)
      .Doc("The same tensor")
      .Shape(shape_rules::Unchanged)
      // y = x
      .Gradient([](GradientContext& g) -> std::vector<Grad> { return {g.grad()}; })
      .StaticValue()
      .ShapeValue([](Graph& graph, const Tensor& t) { return graph.ValueAsShape(t.op->input(0)); })
      .Lower(lowering_rules::Forward);

  r.Op("IdentityN")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: list(type) >= 1")
      .Doc("The same tensors")
      .Shape(shape_rules::UnchangedAll)
      // y_i = x_i
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        std::vector<Grad> grads;
        for (int i = 0; i < g.op->num_outputs(); ++i) grads.push_back(g.grad(i));
        return grads;
      })
      .Lower(lowering_rules::Forward);

  r.Op("StopGradient")
      .Input("input: T")
      .Output("output: T")
      .Attr(kAnyT)
      .Doc("The same tensor, through which no gradient flows")
      .Shape(shape_rules::Unchanged)
      .NotDifferentiable()
      .StaticValue()
      .Lower(lowering_rules::Forward);

  r.Op("PreventGradient")
      .Input("input: T")
      .Output("output: T")
      .Attr(kAnyT)
      .Attr("message: string = ''")
      .Doc("The same tensor, whose gradient is an error")
      .Shape(shape_rules::Unchanged)
      // The op exists to make its differentiation fail.
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        throw LookupError("Gradient explicitly disabled. Reason: b'" +
                          g.op->string_attr("message") + "'");
      })
      .Lower(lowering_rules::Forward);

  r.Op("Snapshot")
      .Input("input: T")
      .Output("output: T")
      .Attr(kAnyT)
      .Doc("A copy of the tensor")
      .Shape(shape_rules::Unchanged)
      // y = x
      .Gradient([](GradientContext& g) -> std::vector<Grad> { return {g.grad()}; })
      .Lower(lowering_rules::Forward);

  r.Op("EnsureShape")
      .Input("input: T")
      .Output("output: T")
      .Attr("shape: shape")
      .Attr(kAnyT)
      .Doc("The same tensor; an error unless it has a shape that fits the attribute")
      .Shape([](ShapeContext& c) {
        c.set_output(0, c.MergeShapes(c.input(0), c.attr("shape").as<Shape>()));
      })
      // y = x
      .Gradient([](GradientContext& g) -> std::vector<Grad> { return {g.grad()}; })
      .Lower(LowerEnsureShape);
}

}  // namespace

void RegisterSourceOps(OpRegistry& r) {
  RegisterConstants(r);
  RegisterPlaceholders(r);
  RegisterForwards(r);
}

}  // namespace wengert
