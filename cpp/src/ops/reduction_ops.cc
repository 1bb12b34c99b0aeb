// Reductions over axes.
#include <algorithm>

#include "ops/reduction_gradients.h"
#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::IndexType;
using op_util::kNumericT;
using op_util::kRealT;

void ReductionShape(ShapeContext& c) {
  const Shape& in = c.input(0);
  const bool keep = c.attr("keep_dims").as<bool>();
  if (c.input(1).has_rank() && c.input(1).rank() > 1) {
    c.Fail("Reduction indices must have rank 0 or 1");
  }
  const std::optional<std::vector<int64_t>> axes = op_util::StaticInts(c, 1);
  if (!in.has_rank() || !axes) {
    c.set_output(0, keep && in.has_rank() ? Shape::UnknownOfRank(in.rank()) : Shape());
    return;
  }
  std::vector<bool> reduced(static_cast<size_t>(in.rank()), false);
  for (int64_t axis : *axes) {
    const std::optional<int> at = op_util::WrapAxis(axis, in.rank());
    if (!at) {
      c.Fail("Invalid reduction dimension " + std::to_string(axis) + " for input with " +
             std::to_string(in.rank()) + " dimensions.");
    }
    reduced[static_cast<size_t>(*at)] = true;
  }
  Dims dims;
  for (int i = 0; i < in.rank(); ++i) {
    if (!reduced[static_cast<size_t>(i)]) {
      dims.push_back(in.dim(i));
    } else if (keep) {
      dims.push_back(1);
    }
  }
  c.set_output(0, Shape(std::move(dims)));
}

// The axes of input 1, ascending.
std::vector<int> Axes(const LoweringContext& c) {
  const int rank = static_cast<int>(c.dims(0).size());
  if (c.dims(1).size() > 1) c.Fail("reduction indices must be a scalar or a vector");
  std::vector<int> axes;
  for (int64_t axis : c.ints(1)) {
    const std::optional<int> at = op_util::WrapAxis(axis, rank);
    if (!at) {
      c.Fail("Invalid reduction dimension (" + std::to_string(axis) + " for input with " +
             std::to_string(rank) + " dimension(s)");
    }
    if (std::find(axes.begin(), axes.end(), *at) != axes.end()) {
      c.Fail("Invalid reduction arguments: Axes contains duplicate dimension: " +
             std::to_string(*at));
    }
    axes.push_back(*at);
  }
  std::sort(axes.begin(), axes.end());
  return axes;
}

// One reduction, 16-bit floats in float32.
Value Reduced(LoweringContext& c, ReduceOp op, Value x) {
  const std::vector<int> axes = Axes(c);
  const DType wide = op_util::AccumulatorType(c.b.dtype(x));
  return c.b.Reduce(op, c.b.Cast(x, wide), axes, c.op.bool_attr("keep_dims"));
}

LoweringFn Plain(ReduceOp op) {
  return [op](LoweringContext& c) { c.set(c.b.Cast(Reduced(c, op, c.x()), c.dtype(0))); };
}

void LowerMean(LoweringContext& c) {
  const DType dtype = c.dtype(0);
  // Integers add up and divide in 64 bits: neither sum nor count need fit the narrow ones.
  DType wide = op_util::AccumulatorType(dtype);
  if (IsInteger(dtype)) wide = dtype == DType::kUInt64 ? DType::kUInt64 : DType::kInt64;
  const Value sum = Reduced(c, ReduceOp::kSum, c.b.Cast(c.x(), wide));
  int64_t count = 1;
  for (int axis : Axes(c)) count *= c.dims(0)[static_cast<size_t>(axis)];
  // The mean of no integers is 0, where floats give NaN.
  if (IsInteger(dtype) && count == 0) count = 1;
  const Value n = IsInteger(dtype) ? c.b.Cast(c.b.Constant(Array::Scalar<int64_t>(count)), wide)
                                   : c.b.Scalar(wide, static_cast<double>(count));
  c.set(c.b.Cast(c.b.Div(sum, n), dtype));
}

void LowerEuclideanNorm(LoweringContext& c) {
  const DType dtype = c.dtype(0);
  const DType wide = IsInteger(dtype) ? DType::kFloat64 : op_util::AccumulatorType(dtype);
  const Value x = c.b.Cast(c.x(), wide);
  const Value squares =
      IsComplex(dtype) ? c.b.Mul(x, c.b.Map(ScalarOp::kConj, x)) : c.b.Map(ScalarOp::kSquare, x);
  c.set(c.b.Cast(c.b.Map(ScalarOp::kSqrt, Reduced(c, ReduceOp::kSum, squares)), dtype));
}

// --- positions of extremes -------------------------------------------------------------------

void ArgShape(ShapeContext& c) {
  c.WithRank(1, 0);
  const Shape& in = c.input(0);
  if (!in.has_rank()) {
    c.set_output(0, Shape());
    return;
  }
  if (in.rank() <= 1) {
    c.set_output(0, Shape::Scalar());
    return;
  }
  const std::optional<int64_t> axis = op_util::StaticInt(c, 1);
  if (!axis) {
    c.set_output(0, Shape::UnknownOfRank(in.rank() - 1));
    return;
  }
  const std::optional<int> at = op_util::WrapAxis(*axis, in.rank());
  if (!at) {
    c.Fail("Dimension (" + std::to_string(*axis) + ") must be in the range [" +
           std::to_string(-in.rank()) + ", " + std::to_string(in.rank()) + "), where " +
           std::to_string(in.rank()) + " is the number of dimensions in the input.");
  }
  Dims dims = in.dims();
  dims.erase(dims.begin() + *at);
  c.set_output(0, Shape(std::move(dims)));
}

void LowerArg(LoweringContext& c, bool max) {
  const Dims& dims = c.dims(0);
  const int rank = static_cast<int>(dims.size());
  const int64_t given = op_util::ScalarInt(c, 1, "dim");
  const std::optional<int> axis = op_util::WrapAxis(given, rank);
  if (!axis) {
    c.Fail("Expected dimension in the range [" + std::to_string(-rank) + ", " +
           std::to_string(rank) + "), but got " + std::to_string(given));
  }
  if (dims[static_cast<size_t>(*axis)] == 0) {
    c.Fail("Reduction axis " + std::to_string(*axis) + " is empty in shape " + ToString(dims));
  }
  Value x = c.b.Cast(c.x(), op_util::AccumulatorType(c.dtype(0)));
  if (c.dtype(0) == DType::kBool) x = c.b.Cast(x, DType::kUInt8);
  const Value at = c.b.ArgReduce(max, x, *axis, DType::kInt64);
  c.set(c.b.Cast(at, c.op.type_attr("output_type")));
}

// --- registration ----------------------------------------------------------------------------

OpDef& Reduction(OpRegistry& r, const char* name, const char* type, const char* doc) {
  return r.Op(name)
      .Input(std::string("input: ") + (type ? "T" : "bool"))
      .Input("reduction_indices: Tidx")
      .Output(std::string("output: ") + (type ? "T" : "bool"))
      .Attr("keep_dims: bool = false")
      .Attr(IndexType("Tidx"))
      .Doc(doc)
      .Shape(ReductionShape);
}

void RegisterArg(OpRegistry& r, const char* name, bool max, const char* index, const char* output) {
  r.Op(name)
      .Input("input: T")
      .Input("dimension: Tidx")
      .Output("output: output_type")
      .Attr(
          "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, "
          "uint64, bool}")
      .Attr(index)
      .Attr(output)
      .Doc(max ? "Position of the largest element along an axis"
               : "Position of the smallest element along an axis")
      .Shape(ArgShape)
      .NotDifferentiable()
      .Lower([max](LoweringContext& c) { LowerArg(c, max); });
}

}  // namespace

void RegisterReductionOps(OpRegistry& r) {
  namespace gradients = reduction_gradients;
  Reduction(r, "Sum", kNumericT, "Sum over axes")
      .Attr(kNumericT)
      .Gradient(gradients::Sum)
      .Lower(Plain(ReduceOp::kSum));
  Reduction(r, "Prod", kNumericT, "Product over axes")
      .Attr(kNumericT)
      .Gradient(gradients::Prod)
      .Lower(Plain(ReduceOp::kProd));
  Reduction(r, "Mean", kNumericT, "Mean over axes")
      .Attr(kNumericT)
      .Gradient(gradients::Mean)
      .Lower(LowerMean);
  Reduction(r, "Max", kRealT, "Largest element over axes")
      .Attr(kRealT)
      .Gradient(gradients::MinOrMax)
      .Lower(Plain(ReduceOp::kMax));
  Reduction(r, "Min", kRealT, "Smallest element over axes")
      .Attr(kRealT)
      .Gradient(gradients::MinOrMax)
      .Lower(Plain(ReduceOp::kMin));
  Reduction(r, "EuclideanNorm", kNumericT, "Square root of the sum of squares over axes")
      .Attr(kNumericT)
      .Gradient(gradients::EuclideanNorm)
      .Lower(LowerEuclideanNorm);
  Reduction(r, "All", nullptr, "Logical and over axes")
      .NotDifferentiable()
      .Lower(Plain(ReduceOp::kAll));
  Reduction(r, "Any", nullptr, "Logical or over axes")
      .NotDifferentiable()
      .Lower(Plain(ReduceOp::kAny));
  RegisterArg(r, "ArgMax", true, "Tidx: {int16, int32, int64} = int32",
              "output_type: {int16, uint16, int32, int64} = int64");
  RegisterArg(r, "ArgMin", false, "Tidx: {int32, int64} = int32",
              "output_type: {int32, int64} = int64");
}

}  // namespace wengert
