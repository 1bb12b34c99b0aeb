// Comparison of elements of any real dtype, in four types that hold all of them exactly.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "wengert/dtype.h"

namespace wengert::order {

// float32 or float64 for floating dtypes, uint64 or int64 for the others.
inline DType WideType(DType dtype) {
  if (dtype == DType::kFloat64 || dtype == DType::kUInt64) return dtype;
  return IsFloating(dtype) ? DType::kFloat32 : DType::kInt64;
}

// Calls f(T()) for the C++ type of a wide dtype.
template <class F>
void ForWideType(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f(float());
    case DType::kFloat64:
      return f(double());
    case DType::kUInt64:
      return f(uint64_t());
    default:
      return f(int64_t());
  }
}

// A total order: NaN comes after everything.
template <class T>
bool Less(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a)) return false;
    if (std::isnan(b)) return true;
  }
  return a < b;
}

}  // namespace wengert::order
