#include "wengert/dtype.h"

#include <cstring>

namespace wengert {
namespace {

struct DTypeInfo {
  const char* name;
  const char* enum_name;
  const char* signature_name;
  size_t size;
};

constexpr DTypeInfo kInfo[kNumDTypes] = {
    {"invalid", "DT_INVALID", "invalid", 0},
    {"float32", "DT_FLOAT", "float", 4},
    {"float64", "DT_DOUBLE", "double", 8},
    {"int32", "DT_INT32", "int32", 4},
    {"uint8", "DT_UINT8", "uint8", 1},
    {"int16", "DT_INT16", "int16", 2},
    {"int8", "DT_INT8", "int8", 1},
    {"string", "DT_STRING", "string", 0},
    {"complex64", "DT_COMPLEX64", "complex64", 8},
    {"int64", "DT_INT64", "int64", 8},
    {"bool", "DT_BOOL", "bool", 1},
    {"qint8", "DT_QINT8", "qint8", 1},
    {"quint8", "DT_QUINT8", "quint8", 1},
    {"qint32", "DT_QINT32", "qint32", 4},
    {"bfloat16", "DT_BFLOAT16", "bfloat16", 2},
    {"qint16", "DT_QINT16", "qint16", 2},
    {"quint16", "DT_QUINT16", "quint16", 2},
    {"uint16", "DT_UINT16", "uint16", 2},
    {"complex128", "DT_COMPLEX128", "complex128", 16},
    {"float16", "DT_HALF", "half", 2},
    {"resource", "DT_RESOURCE", "resource", 0},
    {"variant", "DT_VARIANT", "variant", 0},
    {"uint32", "DT_UINT32", "uint32", 4},
    {"uint64", "DT_UINT64", "uint64", 8},
};

const DTypeInfo& Info(DType dtype) {
  const int i = static_cast<int>(dtype);
  return kInfo[i < kNumDTypes ? i : 0];
}

uint32_t Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace

size_t SizeOf(DType dtype) {
  return Info(dtype).size;
}

const char* Name(DType dtype) {
  return Info(dtype).name;
}

const char* EnumName(DType dtype) {
  return Info(dtype).enum_name;
}

const char* SignatureName(DType dtype) {
  return Info(dtype).signature_name;
}

std::optional<DType> ParseDType(std::string_view name) {
  for (int i = 1; i < kNumDTypes; ++i) {
    const DTypeInfo& info = kInfo[i];
    if (name == info.name || name == info.signature_name || name == info.enum_name) {
      return static_cast<DType>(i);
    }
  }
  return std::nullopt;
}

bool IsFloating(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kFloat16 ||
         dtype == DType::kBFloat16;
}

bool IsComplex(DType dtype) {
  return dtype == DType::kComplex64 || dtype == DType::kComplex128;
}

bool IsUnsigned(DType dtype) {
  return dtype == DType::kUInt8 || dtype == DType::kUInt16 || dtype == DType::kUInt32 ||
         dtype == DType::kUInt64;
}

bool IsInteger(DType dtype) {
  return IsUnsigned(dtype) || dtype == DType::kInt8 || dtype == DType::kInt16 ||
         dtype == DType::kInt32 || dtype == DType::kInt64;
}

bool IsPlainData(DType dtype) {
  return SizeOf(dtype) != 0;
}

bool IsTrainable(DType dtype) {
  return IsFloating(dtype) || IsComplex(dtype) || dtype == DType::kResource ||
         dtype == DType::kVariant;
}

DType RealDType(DType dtype) {
  if (dtype == DType::kComplex64) return DType::kFloat32;
  if (dtype == DType::kComplex128) return DType::kFloat64;
  return dtype;
}

float ToFloat(BFloat16 value) {
  return FromBits(static_cast<uint32_t>(value.bits) << 16);
}

BFloat16 ToBFloat16(float value) {
  uint32_t bits = Bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {  // NaN: rounding could carry it into infinity
    return {static_cast<uint16_t>((bits >> 16) | 0x40u)};
  }
  bits += 0x7fffu + ((bits >> 16) & 1u);
  return {static_cast<uint16_t>(bits >> 16)};
}

float ToFloat(Half value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000u) << 16;
  const uint32_t exponent = (value.bits >> 10) & 0x1fu;
  const uint32_t mantissa = value.bits & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24 is exact in float
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  if (exponent == 31) return FromBits(sign | 0x7f800000u | (mantissa << 13));
  return FromBits(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

Half ToHalf(float value) {
  const uint32_t bits = Bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t result;
  if (magnitude > 0x7f800000u) {  // NaN keeps its leading payload and becomes quiet
    result = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {  // from 65520 on rounds to infinity
    result = 0x7c00u;
  } else if (magnitude >= 0x38800000u) {  // normal: rebias, then round to even by a carry
    const uint32_t rebased = magnitude - (112u << 23);
    result = (rebased + 0xfffu + ((rebased >> 13) & 1u)) >> 13;
  } else {
    // Subnormal: adding 0.5 aligns the last kept bit with that of the sum, so that the
    // addition itself rounds to nearest even.
    result = Bits(FromBits(magnitude) + 0.5f) - Bits(0.5f);
  }
  return {static_cast<uint16_t>(sign | result)};
}

}  // namespace wengert
