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

// By 16 bytes, the last of which overlap: runs are often short.
template <class T>
inline void FillWith(char* out, const char* x, int64_t n) {
  constexpr int64_t kCount = 16 / static_cast<int64_t>(sizeof(T));
  T value;
  std::memcpy(&value, x, sizeof(T));
  if (n < kCount) {
    for (int64_t i = 0; i < n; ++i) std::memcpy(out + i * sizeof(T), &value, sizeof(T));
    return;
  }
  T pattern[kCount];
  for (int64_t i = 0; i < kCount; ++i) pattern[i] = value;
  const int64_t last = (n - kCount) * static_cast<int64_t>(sizeof(T));
  for (int64_t at = 0; at < last; at += 16) std::memcpy(out + at, pattern, 16);
  std::memcpy(out + last, pattern, 16);
}

// `rows` runs of `columns` elements, each filled with an element of x; those are `stride` bytes
// apart.
template <class T>
inline void SpreadAs(char* out, const char* x, int64_t stride, int64_t rows, int64_t columns) {
  for (int64_t row = 0; row < rows; ++row) {
    FillWith<T>(out, x, columns);
    out += columns * static_cast<int64_t>(sizeof(T));
    x += stride;
  }
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

// Calls f with an element of a type of `size` bytes (1, 2, 4, 8, 16).
template <class F>
inline void WithElement(int64_t size, F&& f) {
  switch (size) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    case 8:
      return f(uint64_t{});
    default:
      return f(Wide{});
  }
}

// `n` elements of `size` bytes to dense memory.
inline void CopyRun(char* out, const char* x, int64_t stride, int64_t n, int64_t size) {
  WithElement(size, [=](auto element) { CopyRunAs<decltype(element)>(out, x, stride, n); });
}

inline void Spread(char* out, const char* x, int64_t stride, int64_t rows, int64_t columns,
                   int64_t size) {
  WithElement(size,
              [=](auto element) { SpreadAs<decltype(element)>(out, x, stride, rows, columns); });
}

}  // namespace wengert::runtime
