// Ops that change elements or rows of variables at computed indices.
#include <complex>
#include <cstring>
#include <string>

#include "ops/index_util.h"
#include "ops/state_util.h"

namespace wengert {
namespace {

constexpr const char* kNumeric =
    "dtype: {float, double, int32, uint8, int16, int8, complex64, int64, bfloat16, uint16, "
    "complex128, half, uint32, uint64}";

// Indices as one column, and updates of the shape that they ask for: a scalar serves all rows.
struct Rows {
  Value indices, updates;
};
Rows RowsOf(LoweringContext& c, Value old) {
  if (c.b.rank(old) == 0) c.Fail("the variable must be at least a vector");
  Dims column = c.dims(1), rows = c.dims(1);
  column.push_back(1);
  const Dims whole = c.b.dims(old);
  rows.insert(rows.end(), whole.begin() + 1, whole.end());
  Value updates = c.x(2);
  if (c.dims(2).empty()) {
    updates = c.b.Broadcast(updates, rows);
  } else if (c.dims(2) != rows) {
    c.Fail(
        "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], "
        "got updates.shape " +
        ToString(c.dims(2)) + ", indices.shape " + ToString(c.dims(1)) + ", params.shape " +
        ToString(whole));
  }
  return {c.b.Reshape(c.x(1), column), updates};
}

OpDef& Define(OpRegistry& r, const std::string& name, bool any_dtype, const char* doc) {
  return r.Op(name)
      .Input("resource: resource")
      .Input("indices: Tindices")
      .Input("updates: dtype")
      .Attr(any_dtype ? "dtype: type" : kNumeric)
      .Attr("Tindices: {int32, int64}")
      .Stateful()
      .Doc(doc)
      .Shape(shape_rules::NoOutputs)
      .NoGradient();
}

void Register(OpRegistry& r, const std::string& name, ScatterOp op, const char* doc) {
  Define(r, name, op == ScatterOp::kSet, doc).Lower([op](LoweringContext& c) {
    const Value old = c.b.ReadVariable(c.x(0), c.dtype(2));
    const Rows rows = RowsOf(c, old);
    c.b.AssignVariable(c.x(0), c.b.Scatter(op, old, rows.indices, rows.updates));
  });
}

void RegisterNd(OpRegistry& r, const std::string& name, ScatterOp op, const char* doc) {
  r.Op(name)
      .Input("ref: resource")
      .Input("indices: Tindices")
      .Input("updates: T")
      .Attr("T: type")
      .Attr("Tindices: {int32, int64}")
      .Attr("use_locking: bool = true")
      .Attr(index_util::kPolicy)
      .Stateful()
      .Doc(doc)
      .Shape([](ShapeContext& c) { c.WithRankAtLeast(1, 1); })
      .NoGradient()
      .Lower([op](LoweringContext& c) {
        const bool ignore = index_util::IgnoresBadIndices(c.op.string_attr("bad_indices_policy"));
        const Value old = c.b.ReadVariable(c.x(0), c.dtype(2));
        const Dims whole = c.b.dims(old), indices = c.dims(1);
        if (indices.empty()) c.Fail("indices must be at least a vector");
        const size_t depth = static_cast<size_t>(indices.back());
        if (depth > whole.size()) {
          c.Fail("The innermost dimension of indices.shape " + ToString(indices) +
                 " must not exceed the rank of the variable, whose shape is " + ToString(whole));
        }
        Dims expected(indices.begin(), indices.end() - 1);
        expected.insert(expected.end(), whole.begin() + static_cast<int64_t>(depth), whole.end());
        if (c.dims(2) != expected) {
          c.Fail(
              "Must have updates.shape = indices.shape[:-1] + params_shape[indices.shape[-1]:], "
              "which is " +
              ToString(expected) + ", got " + ToString(c.dims(2)));
        }
        c.b.AssignVariable(c.x(0), c.b.Scatter(op, old, c.x(1), c.x(2), ignore));
      });
}

// Quotients do not commute with rounding, so rows are divided one after the other.
template <class T>
void DivideRows(const std::vector<Array>& in, std::vector<Array>& out) {
  const Array &from = in[0], &indices = in[1], &updates = in[2];
  if (from.bytes() > 0) std::memcpy(out[0].raw(), from.raw(), from.bytes());
  const int64_t rows = indices.size(), width = rows == 0 ? 0 : updates.size() / rows;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t at = indices.AsInt(row);
    if (at < 0 || at >= from.dims()[0]) {
      throw InvalidArgument("indices[" + std::to_string(row) + "] = " + std::to_string(at) +
                            " is not in [0, " + std::to_string(from.dims()[0]) + ")");
    }
    for (int64_t j = 0; j < width; ++j) {
      const T divisor = updates.data<T>()[row * width + j];
      if (std::is_integral_v<T> && divisor == T(0)) {
        throw InvalidArgument("Integer division by zero");
      }
      T& x = out[0].data<T>()[at * width + j];
      if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
        x = static_cast<T>(divisor == T(-1) ? -static_cast<uint64_t>(x) : x / divisor);
      } else {
        x = static_cast<T>(x / divisor);
      }
    }
  }
}

void Divide(const std::vector<Array>& in, std::vector<Array>& out) {
  switch (in[0].dtype()) {
    case DType::kFloat32:
      return DivideRows<float>(in, out);
    case DType::kFloat64:
      return DivideRows<double>(in, out);
    case DType::kComplex64:
      return DivideRows<std::complex<float>>(in, out);
    case DType::kComplex128:
      return DivideRows<std::complex<double>>(in, out);
    case DType::kInt8:
      return DivideRows<int8_t>(in, out);
    case DType::kInt16:
      return DivideRows<int16_t>(in, out);
    case DType::kInt32:
      return DivideRows<int32_t>(in, out);
    case DType::kInt64:
      return DivideRows<int64_t>(in, out);
    case DType::kUInt8:
      return DivideRows<uint8_t>(in, out);
    case DType::kUInt16:
      return DivideRows<uint16_t>(in, out);
    case DType::kUInt32:
      return DivideRows<uint32_t>(in, out);
    case DType::kUInt64:
      return DivideRows<uint64_t>(in, out);
    default:
      throw InvalidArgument(std::string("cannot divide ") + Name(in[0].dtype()));
  }
}

void LowerDivide(LoweringContext& c) {
  const DType dtype = c.dtype(2), wide = op_util::AccumulatorType(dtype);
  const Value old = c.b.ReadVariable(c.x(0), dtype);
  const Rows rows = RowsOf(c, old);
  KernelSpec spec;
  spec.name = "ResourceScatterDiv";
  spec.dtypes = {wide};
  spec.dims = {c.b.dims(old)};
  spec.run = Divide;
  const Value result = c.b.Kernel(
      std::move(spec), {c.b.Cast(old, wide), rows.indices, c.b.Cast(rows.updates, wide)})[0];
  c.b.AssignVariable(c.x(0), c.b.Cast(result, dtype));
}

}  // namespace

void RegisterResourceScatterOps(OpRegistry& r) {
  Register(r, "ResourceScatterAdd", ScatterOp::kAdd, "Adds to rows of a variable");
  Register(r, "ResourceScatterSub", ScatterOp::kSub, "Subtracts from rows of a variable");
  Register(r, "ResourceScatterMul", ScatterOp::kMul, "Multiplies rows of a variable");
  Register(r, "ResourceScatterMax", ScatterOp::kMax, "Raises rows of a variable to updates");
  Register(r, "ResourceScatterMin", ScatterOp::kMin, "Lowers rows of a variable to updates");
  Register(r, "ResourceScatterUpdate", ScatterOp::kSet, "Sets rows of a variable");
  Define(r, "ResourceScatterDiv", false, "Divides rows of a variable").Lower(LowerDivide);
  RegisterNd(r, "ResourceScatterNdUpdate", ScatterOp::kSet,
             "Sets elements of a variable at index vectors");
  RegisterNd(r, "ResourceScatterNdAdd", ScatterOp::kAdd,
             "Adds to elements of a variable at index vectors");
  RegisterNd(r, "ResourceScatterNdSub", ScatterOp::kSub,
             "Subtracts from elements of a variable at index vectors");
  RegisterNd(r, "ResourceScatterNdMax", ScatterOp::kMax,
             "Raises elements of a variable at index vectors to updates");
  RegisterNd(r, "ResourceScatterNdMin", ScatterOp::kMin,
             "Lowers elements of a variable at index vectors to updates");
}

}  // namespace wengert
