// Reference evaluator: element types and conversions between them.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "wengert/dtype.h"
#include "wengert/error.h"

namespace wengert::compile {

// Calls f with a value of the C++ type of a plain dtype.
template <class F>
auto VisitPlain(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f(float{});
    case DType::kFloat64:
      return f(double{});
    case DType::kInt8:
      return f(int8_t{});
    case DType::kInt16:
      return f(int16_t{});
    case DType::kInt32:
      return f(int32_t{});
    case DType::kInt64:
      return f(int64_t{});
    case DType::kUInt8:
      return f(uint8_t{});
    case DType::kUInt16:
      return f(uint16_t{});
    case DType::kUInt32:
      return f(uint32_t{});
    case DType::kUInt64:
      return f(uint64_t{});
    case DType::kBool:
      return f(bool{});
    case DType::kComplex64:
      return f(std::complex<float>{});
    case DType::kComplex128:
      return f(std::complex<double>{});
    case DType::kFloat16:
      return f(Half{});
    case DType::kBFloat16:
      return f(BFloat16{});
    default:
      throw InvalidArgument(std::string("no arithmetic on ") + Name(dtype));
  }
}

template <class T>
struct IsComplexT : std::false_type {};
template <class T>
struct IsComplexT<std::complex<T>> : std::true_type {};
template <class T>
constexpr bool kIsHalf = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

// Conversion as the processor does it where C++ leaves it undefined.
template <class To, class From>
To FloatToInt(From x) {
  if constexpr (sizeof(To) < 4) {
    return static_cast<To>(FloatToInt<int32_t>(x));
  } else if constexpr (std::is_same_v<To, uint32_t>) {
    return static_cast<To>(FloatToInt<int64_t>(x));
  } else if constexpr (std::is_same_v<To, uint64_t>) {
    if (x >= From(9223372036854775808.0)) {
      return static_cast<uint64_t>(FloatToInt<int64_t>(x - From(9223372036854775808.0))) ^
             (uint64_t{1} << 63);
    }
    return static_cast<uint64_t>(FloatToInt<int64_t>(x));
  } else {
    const double low = static_cast<double>(std::numeric_limits<To>::min());
    const double v = std::trunc(static_cast<double>(x));
    return v >= low && v < -low ? static_cast<To>(v) : std::numeric_limits<To>::min();
  }
}

template <class To, class From>
To Convert(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (kIsHalf<From>) {
    return Convert<To>(ToFloat(x));
  } else if constexpr (IsComplexT<To>::value) {
    using R = typename To::value_type;
    if constexpr (IsComplexT<From>::value) {
      return To(static_cast<R>(x.real()), static_cast<R>(x.imag()));
    } else {
      return To(static_cast<R>(x), R(0));
    }
  } else if constexpr (IsComplexT<From>::value) {
    return Convert<To>(x.real());
  } else if constexpr (std::is_same_v<To, Half>) {
    return ToHalf(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return ToBFloat16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return FloatToInt<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace wengert::compile
