// Array: a concrete value. DType + Dims + a reference-counted buffer, row-major
// and contiguous.
#pragma once

#include <any>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wengert/dtype.h"
#include "wengert/error.h"
#include "wengert/shape.h"

namespace wengert {

// Memory of an Array: 64-byte aligned when allocated here; borrowed memory keeps
// its owner alive through `release`.
class Buffer {
 public:
  // A small one lies in one block with this object: graphs hold many tiny constants.
  static std::shared_ptr<Buffer> Allocate(size_t bytes);
  static std::shared_ptr<Buffer> Borrow(void* data, size_t bytes, std::function<void()> release);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  Buffer() = default;
  void* data_ = nullptr;
  size_t bytes_ = 0;
  bool small_ = false;             // in one block with this object
  std::function<void()> release_;  // empty: allocated here
};

// Base of what a resource element refers to (a variable, a counter ...).
class Resource {
 public:
  virtual ~Resource() = default;
};

class Array {
 public:
  Array() = default;  // invalid
  // Compiled once (array.cc), as Attr's.
  Array(const Array& other);
  Array(Array&& other) noexcept;
  Array& operator=(const Array& other);
  Array& operator=(Array&& other) noexcept;
  ~Array();
  // Uninitialised elements for plain dtypes; default ones for object dtypes.
  Array(DType dtype, Dims dims);
  // Plain data over an existing buffer, which must be large enough.
  Array(DType dtype, Dims dims, std::shared_ptr<Buffer> buffer);
  // A scalar resource handle.
  static Array FromResource(std::shared_ptr<Resource> resource);
  static Array Zeros(DType dtype, Dims dims);

  template <class T>
  static Array Scalar(T value) {
    return FromVector<T>({value}, {});
  }
  template <class T>
  static Array FromVector(const std::vector<T>& values, Dims dims);
  template <class T>
  static Array Vector(const std::vector<T>& values) {
    return FromVector<T>(values, {static_cast<int64_t>(values.size())});
  }
  // A value of any numeric dtype from a double (saturating nothing: as static_cast).
  static Array FromDouble(DType dtype, double value, const Dims& dims = {});

  bool valid() const { return dtype_ != DType::kInvalid; }
  DType dtype() const { return dtype_; }
  const Dims& dims() const { return dims_; }
  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t size() const { return size_; }
  size_t bytes() const { return static_cast<size_t>(size_) * SizeOf(dtype_); }
  // Plain data only.
  void* raw() const { return buffer_ ? buffer_->data() : nullptr; }
  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }
  template <class T>
  T* data() const {
    return static_cast<T*>(raw());
  }
  // Object dtypes only.
  std::vector<std::string>& strings() const { return Objects<std::string>(); }
  std::vector<std::shared_ptr<Resource>>& resources() const {
    return Objects<std::shared_ptr<Resource>>();
  }
  std::vector<std::any>& variants() const { return Objects<std::any>(); }
  // How many Arrays share the variants: with one, they may be changed in place.
  long variants_shared() const { return objects_.use_count(); }

  // Element `i` converted; ok for every integer dtype and bool / every real dtype.
  int64_t AsInt(int64_t i) const;
  double AsDouble(int64_t i) const;
  // All elements as integers (any integer dtype).
  std::vector<int64_t> AsInts() const;
  // The same elements under other dims (same count).
  Array Reshaped(Dims dims) const;
  Array Clone() const;
  // Same dtype, dims and bytes (so NaN equals NaN, -0 differs from 0).
  bool Identical(const Array& other) const;

 private:
  template <class T>
  std::vector<T>& Objects() const {
    return *static_cast<std::vector<T>*>(objects_.get());
  }
  DType dtype_ = DType::kInvalid;
  Dims dims_;
  int64_t size_ = 0;
  std::shared_ptr<Buffer> buffer_;
  std::shared_ptr<void> objects_;  // a vector of what the dtype says
};

template <class T>
Array Array::FromVector(const std::vector<T>& values, Dims dims) {
  Array a(DTypeOf<T>::value, std::move(dims));
  if (static_cast<int64_t>(values.size()) != a.size()) {
    throw ValueError("Array::FromVector: number of values differs from the shape");
  }
  if constexpr (std::is_same_v<T, std::string>) {
    a.strings() = values;
  } else {
    for (size_t i = 0; i < values.size(); ++i) a.data<T>()[i] = values[i];
  }
  return a;
}

}  // namespace wengert
