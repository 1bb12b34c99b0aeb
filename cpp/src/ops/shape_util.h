// Small helpers shared by the families that deal in shapes, axes and indices.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wengert/builder.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert::op_util {

// Types of op signatures, as attribute specifications.
inline constexpr const char* kAnyT = "T: type";
inline constexpr const char* kNumericT =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, bfloat16, uint16, "
    "complex128, half, uint32, uint64}";
inline constexpr const char* kRealT =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}";

// "name: {int32, int64} = int32".
std::string IndexType(const std::string& name);

// Integer arrays of the dtypes shapes and indices come in (int16, int32, int64).
Array IntArray(DType dtype, const std::vector<int64_t>& values, Dims dims);
Array IntVector(DType dtype, const std::vector<int64_t>& values);
Array IntScalar(DType dtype, int64_t value);

// `axis` counted from the front; nullopt when it is not in [-rank, rank).
std::optional<int> WrapAxis(int64_t axis, int rank);

// Arithmetic on lengths of which some are unknown (-1).
int64_t AddLengths(int64_t a, int64_t b);
int64_t MulLengths(int64_t a, int64_t b);
// Throws InvalidArgument where the exact result does not fit.
int64_t CheckedAdd(int64_t a, int64_t b);
int64_t CheckedMul(int64_t a, int64_t b);

// The one element of a scalar (or one-element) integer input; nullopt when not known while
// building.
std::optional<int64_t> StaticInt(const ShapeContext& c, int input);
std::optional<std::vector<int64_t>> StaticInts(const ShapeContext& c, int input);

// The same while lowering, where the value must be known.
int64_t ScalarInt(const LoweringContext& c, int input, const char* what);
std::vector<int64_t> VectorInts(const LoweringContext& c, int input, const char* what);
int WrappedAxis(const LoweringContext& c, int64_t axis, int rank);

// 0 or 1 of any dtype that flows through programs, broadcast to `dims`.
Value Filled(Lowering& b, DType dtype, double value, const Dims& dims);

// float16 and bfloat16 accumulate in float32: the dtype to compute in.
DType AccumulatorType(DType dtype);

// Shape that a reduction of a tensor of shape `input_shape` over `axes` has with its axes
// kept: a literal where both are known, else the operations that compute it.
In ReducedShape(Builder& b, const Tensor& input_shape, const Tensor& axes);

}  // namespace wengert::op_util
