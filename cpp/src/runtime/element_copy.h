// Copies of runs of elements by element size: all that movement needs to know of a dtype.
#pragma once

#include <cstdint>
#include <cstring>

namespace wengert::runtime {

// An element of 16 bytes (complex128).
struct Wide {
  uint64_t low, high;
};

// out[i] = *(x + i * stride), stride in bytes.
template <class T>
inline void CopyStrided(char* out, const char* x, int64_t stride, int64_t n) {
  T* to = reinterpret_cast<T*>(out);
  for (int64_t i = 0; i < n; ++i) std::memcpy(to + i, x + i * stride, sizeof(T));
}

template <class T>
inline void FillWith(char* out, const char* x, int64_t n) {
  T value;
  std::memcpy(&value, x, sizeof(T));
  T* to = reinterpret_cast<T*>(out);
  for (int64_t i = 0; i < n; ++i) to[i] = value;
}

template <class T>
inline void CopyRunAs(char* out, const char* x, int64_t stride, int64_t n) {
  if (stride == static_cast<int64_t>(sizeof(T))) {
    std::memcpy(out, x, static_cast<size_t>(n) * sizeof(T));
  } else if (stride == 0) {
    FillWith<T>(out, x, n);
  } else {
    CopyStrided<T>(out, x, stride, n);
  }
}

// `n` elements of `size` bytes (1, 2, 4, 8, 16) to dense memory.
inline void CopyRun(char* out, const char* x, int64_t stride, int64_t n, int64_t size) {
  switch (size) {
    case 1:
      return CopyRunAs<uint8_t>(out, x, stride, n);
    case 2:
      return CopyRunAs<uint16_t>(out, x, stride, n);
    case 4:
      return CopyRunAs<uint32_t>(out, x, stride, n);
    case 8:
      return CopyRunAs<uint64_t>(out, x, stride, n);
    default:
      return CopyRunAs<Wide>(out, x, stride, n);
  }
}

}  // namespace wengert::runtime
