// Element types of tensors, numbered as TensorFlow's wire format numbers them.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wengert {

enum class DType : uint8_t {
  kInvalid = 0,
  kFloat32 = 1,
  kFloat64 = 2,
  kInt32 = 3,
  kUInt8 = 4,
  kInt16 = 5,
  kInt8 = 6,
  kString = 7,
  kComplex64 = 8,
  kInt64 = 9,
  kBool = 10,
  kQInt8 = 11,
  kQUInt8 = 12,
  kQInt32 = 13,
  kBFloat16 = 14,
  kQInt16 = 15,
  kQUInt16 = 16,
  kUInt16 = 17,
  kComplex128 = 18,
  kFloat16 = 19,
  kResource = 20,
  kVariant = 21,
  kUInt32 = 22,
  kUInt64 = 23,
};
inline constexpr int kNumDTypes = 24;

// Bytes of one element; 0 for string, resource and variant, whose elements are
// objects (see array.h).
size_t SizeOf(DType dtype);

// "float32", "int64", "bool", "resource", ...
const char* Name(DType dtype);
// The name of the wire format: "DT_FLOAT", "DT_HALF", ...
const char* EnumName(DType dtype);
// The spelling used in op signatures: "float", "half", "int64", ...
const char* SignatureName(DType dtype);
// Accepts any of the three spellings above.
std::optional<DType> ParseDType(std::string_view name);

bool IsFloating(DType dtype);  // float16, bfloat16, float32, float64
bool IsComplex(DType dtype);
bool IsInteger(DType dtype);  // signed and unsigned, not bool, not quantised
bool IsUnsigned(DType dtype);
// Numbers that live in a flat buffer: everything but string, resource, variant.
bool IsPlainData(DType dtype);
// Dtypes that gradients flow through: floating, complex, resource, variant.
bool IsTrainable(DType dtype);
// float32 for complex64, float64 for complex128, the dtype itself otherwise.
DType RealDType(DType dtype);

// C++ types of the two 16-bit floating dtypes: storage only, no arithmetic.
struct Half {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};
float ToFloat(Half value);
float ToFloat(BFloat16 value);
Half ToHalf(float value);  // round to nearest, ties to even
BFloat16 ToBFloat16(float value);

template <class T>
struct DTypeOf;
#define WENGERT_DTYPE_OF(type, dtype)            \
  template <>                                    \
  struct DTypeOf<type> {                         \
    static constexpr DType value = DType::dtype; \
  };
WENGERT_DTYPE_OF(float, kFloat32)
WENGERT_DTYPE_OF(double, kFloat64)
WENGERT_DTYPE_OF(int8_t, kInt8)
WENGERT_DTYPE_OF(int16_t, kInt16)
WENGERT_DTYPE_OF(int32_t, kInt32)
WENGERT_DTYPE_OF(int64_t, kInt64)
WENGERT_DTYPE_OF(uint8_t, kUInt8)
WENGERT_DTYPE_OF(uint16_t, kUInt16)
WENGERT_DTYPE_OF(uint32_t, kUInt32)
WENGERT_DTYPE_OF(uint64_t, kUInt64)
WENGERT_DTYPE_OF(bool, kBool)
WENGERT_DTYPE_OF(Half, kFloat16)
WENGERT_DTYPE_OF(BFloat16, kBFloat16)
WENGERT_DTYPE_OF(std::complex<float>, kComplex64)
WENGERT_DTYPE_OF(std::complex<double>, kComplex128)
WENGERT_DTYPE_OF(std::string, kString)
#undef WENGERT_DTYPE_OF

}  // namespace wengert
