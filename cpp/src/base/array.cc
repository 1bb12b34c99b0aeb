#include "wengert/array.h"

#include <algorithm>
#include <cstdlib>

#include "wengert/error.h"

namespace wengert {
namespace {

constexpr size_t kAlignment = 64;

// Calls `f` with a null pointer of the C++ type that stores `dtype`.
template <class F>
bool VisitReal(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f(static_cast<float*>(nullptr));
    case DType::kFloat64:
      return f(static_cast<double*>(nullptr));
    case DType::kInt8:
    case DType::kQInt8:
      return f(static_cast<int8_t*>(nullptr));
    case DType::kInt16:
    case DType::kQInt16:
      return f(static_cast<int16_t*>(nullptr));
    case DType::kInt32:
    case DType::kQInt32:
      return f(static_cast<int32_t*>(nullptr));
    case DType::kInt64:
      return f(static_cast<int64_t*>(nullptr));
    case DType::kUInt8:
    case DType::kQUInt8:
      return f(static_cast<uint8_t*>(nullptr));
    case DType::kUInt16:
    case DType::kQUInt16:
      return f(static_cast<uint16_t*>(nullptr));
    case DType::kUInt32:
      return f(static_cast<uint32_t*>(nullptr));
    case DType::kUInt64:
      return f(static_cast<uint64_t*>(nullptr));
    case DType::kBool:
      return f(static_cast<bool*>(nullptr));
    default:
      return false;
  }
}

Error WrongDType(const char* what, DType dtype) {
  return TypeError(std::string("an Array of dtype ") + Name(dtype) + " has no " + what);
}

}  // namespace

namespace {

constexpr size_t kSmallBuffer = 256;

// Allocates one object with `extra` bytes behind it, and says where these are.
template <class T>
struct TailAllocator {
  using value_type = T;
  TailAllocator(size_t n, char** to) : extra(n), tail(to) {}
  template <class U>
  TailAllocator(const TailAllocator<U>& other) : extra(other.extra), tail(other.tail) {}
  T* allocate(size_t n) {
    auto* block = static_cast<char*>(::operator new(n * sizeof(T) + kAlignment + extra));
    const auto end = reinterpret_cast<uintptr_t>(block) + n * sizeof(T);
    *tail = block + n * sizeof(T) + (kAlignment - end % kAlignment) % kAlignment;
    return reinterpret_cast<T*>(block);
  }
  void deallocate(T* p, size_t) { ::operator delete(p); }
  template <class U>
  bool operator==(const TailAllocator<U>&) const {
    return true;
  }
  size_t extra;
  char** tail;
};

}  // namespace

std::shared_ptr<Buffer> Buffer::Allocate(size_t bytes) {
  if (bytes <= kSmallBuffer) {
    struct Constructible : Buffer {};
    char* tail = nullptr;
    const size_t whole = std::max<size_t>(1, (bytes + kAlignment - 1) / kAlignment) * kAlignment;
    auto small = std::allocate_shared<Constructible>(TailAllocator<Constructible>(whole, &tail));
    small->data_ = tail;
    small->bytes_ = bytes;
    small->small_ = true;
    return small;
  }
  std::shared_ptr<Buffer> buffer(new Buffer);
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  buffer->data_ = rounded < bytes ? nullptr : std::aligned_alloc(kAlignment, rounded);
  if (!buffer->data_) {
    throw Error(ErrorKind::kResourceExhausted,
                "OOM when allocating a buffer of " + std::to_string(bytes) + " bytes");
  }
  buffer->bytes_ = bytes;
  return buffer;
}

std::shared_ptr<Buffer> Buffer::Borrow(void* data, size_t bytes, std::function<void()> release) {
  std::shared_ptr<Buffer> buffer(new Buffer);
  buffer->data_ = data;
  buffer->bytes_ = bytes;
  buffer->release_ = release ? std::move(release) : [] {};
  return buffer;
}

Buffer::~Buffer() {
  if (release_) {
    release_();
  } else if (!small_) {
    std::free(data_);
  }
}

Array::Array(const Array& other) = default;
Array::Array(Array&& other) noexcept = default;
Array& Array::operator=(const Array& other) = default;
Array& Array::operator=(Array&& other) noexcept = default;
Array::~Array() = default;

Array::Array(DType dtype, Dims dims)
    : dtype_(dtype), dims_(std::move(dims)), size_(NumElements(dims_)) {
  switch (dtype) {
    case DType::kInvalid:
      throw TypeError("an Array needs a dtype");
    case DType::kString:
      objects_ = std::make_shared<std::vector<std::string>>(size_);
      return;
    case DType::kResource:
      objects_ = std::make_shared<std::vector<std::shared_ptr<Resource>>>(size_);
      return;
    case DType::kVariant:
      objects_ = std::make_shared<std::vector<std::any>>(size_);
      return;
    default:
      break;
  }
  size_t bytes;
  if (__builtin_mul_overflow(static_cast<size_t>(size_), SizeOf(dtype), &bytes)) {
    throw Error(ErrorKind::kResourceExhausted,
                "OOM when allocating an array of shape " + ToString(dims_));
  }
  buffer_ = Buffer::Allocate(bytes);
}

Array::Array(DType dtype, Dims dims, std::shared_ptr<Buffer> buffer)
    : dtype_(dtype), dims_(std::move(dims)), size_(NumElements(dims_)), buffer_(std::move(buffer)) {
  if (!IsPlainData(dtype)) throw TypeError("only plain data lives in a buffer");
  size_t bytes;
  if (!buffer_ || __builtin_mul_overflow(static_cast<size_t>(size_), SizeOf(dtype), &bytes) ||
      bytes > buffer_->bytes()) {
    throw ValueError("the buffer is smaller than an array of shape " + ToString(dims_));
  }
}

Array Array::FromResource(std::shared_ptr<Resource> resource) {
  Array a(DType::kResource, {});
  a.resources()[0] = std::move(resource);
  return a;
}

Array Array::Zeros(DType dtype, Dims dims) {
  Array a(dtype, std::move(dims));
  if (a.buffer_) std::memset(a.raw(), 0, a.bytes());
  return a;
}

Array Array::FromDouble(DType dtype, double value, const Dims& dims) {
  Array a(dtype, dims);
  const auto fill = [&a](auto element) {
    auto* data = a.data<decltype(element)>();
    for (int64_t i = 0; i < a.size(); ++i) data[i] = element;
    return true;
  };
  const bool done = VisitReal(dtype, [&](auto* type) {
    return fill(static_cast<std::remove_pointer_t<decltype(type)>>(value));
  });
  if (done) return a;
  if (dtype == DType::kFloat16) {
    fill(ToHalf(static_cast<float>(value)));
  } else if (dtype == DType::kBFloat16) {
    fill(ToBFloat16(static_cast<float>(value)));
  } else if (dtype == DType::kComplex64) {
    fill(std::complex<float>(static_cast<float>(value)));
  } else if (dtype == DType::kComplex128) {
    fill(std::complex<double>(value));
  } else {
    throw WrongDType("numeric elements", dtype);
  }
  return a;
}

int64_t Array::AsInt(int64_t i) const {
  int64_t result = 0;
  if (IsFloating(dtype_) || !VisitReal(dtype_, [&](auto* type) {
        result = static_cast<int64_t>(data<std::remove_pointer_t<decltype(type)>>()[i]);
        return true;
      })) {
    throw WrongDType("integer elements", dtype_);
  }
  return result;
}

double Array::AsDouble(int64_t i) const {
  if (dtype_ == DType::kFloat16) return ToFloat(data<Half>()[i]);
  if (dtype_ == DType::kBFloat16) return ToFloat(data<BFloat16>()[i]);
  double result = 0;
  if (!VisitReal(dtype_, [&](auto* type) {
        result = static_cast<double>(data<std::remove_pointer_t<decltype(type)>>()[i]);
        return true;
      })) {
    throw WrongDType("real elements", dtype_);
  }
  return result;
}

std::vector<int64_t> Array::AsInts() const {
  std::vector<int64_t> out(static_cast<size_t>(size_));
  for (int64_t i = 0; i < size_; ++i) out[static_cast<size_t>(i)] = AsInt(i);
  return out;
}

Array Array::Reshaped(Dims dims) const {
  if (NumElements(dims) != size_) {
    throw InvalidArgument("Cannot reshape an array of shape " + ToString(dims_) + " to shape " +
                          ToString(dims));
  }
  Array a = *this;
  a.dims_ = std::move(dims);
  return a;
}

Array Array::Clone() const {
  Array a = *this;
  if (buffer_) {
    a.buffer_ = Buffer::Allocate(bytes());
    std::memcpy(a.raw(), raw(), bytes());
  }
  if (dtype_ == DType::kString) {
    a.objects_ = std::make_shared<std::vector<std::string>>(strings());
  } else if (dtype_ == DType::kResource) {
    a.objects_ = std::make_shared<std::vector<std::shared_ptr<Resource>>>(resources());
  } else if (dtype_ == DType::kVariant) {
    a.objects_ = std::make_shared<std::vector<std::any>>(variants());
  }
  return a;
}

bool Array::Identical(const Array& other) const {
  if (dtype_ != other.dtype_ || dims_ != other.dims_) return false;
  if (buffer_) {
    return buffer_ == other.buffer_ || bytes() == 0 ||
           std::memcmp(raw(), other.raw(), bytes()) == 0;
  }
  if (dtype_ == DType::kString) return strings() == other.strings();
  if (dtype_ == DType::kResource) return resources() == other.resources();
  return objects_ == other.objects_;
}

}  // namespace wengert
