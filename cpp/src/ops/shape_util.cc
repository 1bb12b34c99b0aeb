#include "ops/shape_util.h"

#include <algorithm>

namespace wengert::op_util {

std::string IndexType(const std::string& name) {
  return name + ": {int32, int64} = int32";
}

Array IntArray(DType dtype, const std::vector<int64_t>& values, Dims dims) {
  Array out(dtype, std::move(dims));
  if (static_cast<int64_t>(values.size()) != out.size()) {
    throw ValueError("number of values differs from the shape");
  }
  for (size_t i = 0; i < values.size(); ++i) {
    switch (dtype) {
      case DType::kInt8:
        out.data<int8_t>()[i] = static_cast<int8_t>(values[i]);
        break;
      case DType::kInt16:
        out.data<int16_t>()[i] = static_cast<int16_t>(values[i]);
        break;
      case DType::kInt32:
        out.data<int32_t>()[i] = static_cast<int32_t>(values[i]);
        break;
      case DType::kInt64:
        out.data<int64_t>()[i] = values[i];
        break;
      default:
        throw TypeError(std::string("not an index type: ") + Name(dtype));
    }
  }
  return out;
}

Array IntVector(DType dtype, const std::vector<int64_t>& values) {
  return IntArray(dtype, values, {static_cast<int64_t>(values.size())});
}

Array IntScalar(DType dtype, int64_t value) {
  return IntArray(dtype, {value}, {});
}

std::optional<int> WrapAxis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) return std::nullopt;
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

int64_t CheckedAdd(int64_t a, int64_t b) {
  int64_t out = 0;
  if (__builtin_add_overflow(a, b, &out)) throw InvalidArgument("Dimension overflows int64");
  return out;
}

int64_t CheckedMul(int64_t a, int64_t b) {
  int64_t out = 0;
  if (__builtin_mul_overflow(a, b, &out)) throw InvalidArgument("Dimension overflows int64");
  return out;
}

int64_t AddLengths(int64_t a, int64_t b) {
  return a < 0 || b < 0 ? kUnknownDim : CheckedAdd(a, b);
}

int64_t MulLengths(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  return a < 0 || b < 0 ? kUnknownDim : CheckedMul(a, b);
}

std::optional<int64_t> StaticInt(const ShapeContext& c, int input) {
  const std::optional<Array> value = c.constant(input);
  if (!value || value->size() != 1) return std::nullopt;
  return value->AsInt(0);
}

std::optional<std::vector<int64_t>> StaticInts(const ShapeContext& c, int input) {
  const std::optional<Array> value = c.constant(input);
  if (!value) return std::nullopt;
  return value->AsInts();
}

int64_t ScalarInt(const LoweringContext& c, int input, const char* what) {
  if (c.b.size(c.in.at(static_cast<size_t>(input))) != 1) {
    c.Fail(std::string(what) + " must be a scalar, not shape " + ToString(c.dims(input)));
  }
  return c.ints(input).at(0);
}

std::vector<int64_t> VectorInts(const LoweringContext& c, int input, const char* what) {
  if (c.dims(input).size() != 1) {
    c.Fail(std::string(what) + " must be a vector, but got shape " + ToString(c.dims(input)));
  }
  return c.ints(input);
}

int WrappedAxis(const LoweringContext& c, int64_t axis, int rank) {
  const std::optional<int> wrapped = WrapAxis(axis, rank);
  if (!wrapped) {
    c.Fail("Expected axis in the range [" + std::to_string(-rank) + ", " + std::to_string(rank) +
           "), but got " + std::to_string(axis));
  }
  return *wrapped;
}

Value Filled(Lowering& b, DType dtype, double value, const Dims& dims) {
  NumElements(dims);
  const Value scalar =
      dtype == DType::kBool ? b.Constant(Array::Scalar<bool>(value != 0)) : b.Scalar(dtype, value);
  return dims.empty() ? scalar : b.Broadcast(scalar, dims);
}

DType AccumulatorType(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16 ? DType::kFloat32 : dtype;
}

In ReducedShape(Builder& b, const Tensor& input_shape, const Tensor& axes) {
  Graph& graph = b.graph();
  const std::optional<Array> known_shape = graph.StaticValue(input_shape);
  const std::optional<Array> known_axes = known_shape ? graph.StaticValue(axes) : std::nullopt;
  if (known_axes) {
    std::vector<int64_t> kept = known_shape->AsInts();
    for (int64_t axis : known_axes->AsInts()) {
      const std::optional<int> wrapped = WrapAxis(axis, static_cast<int>(kept.size()));
      if (!wrapped) throw ValueError("reduction axis out of range");
      kept[static_cast<size_t>(*wrapped)] = 1;
    }
    return In(IntVector(DType::kInt32, kept));
  }
  const Tensor rank = b.SizeOf(input_shape, axes.dtype());
  const Tensor wrapped = b.FloorMod(b.Add(axes, rank), rank);
  const Tensor axes_shape = b.ShapeOf(wrapped);
  // Stitching needs int32 indices whatever the axes are.
  const Tensor all = b.Cast(b.Range(0, rank, 1), DType::kInt32);
  const Tensor reduced = b.Cast(wrapped, DType::kInt32);
  const Tensor ones = b.Ones(axes_shape, input_shape.dtype());
  return In(b.Op("DynamicStitch",
                 {std::vector<Tensor>{all, reduced}, std::vector<Tensor>{input_shape, ones}}));
}

}  // namespace wengert::op_util
