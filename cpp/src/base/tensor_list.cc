#include "base/tensor_list.h"

#include <algorithm>
#include <cstring>

#include "wengert/error.h"

namespace wengert {

namespace {

constexpr int64_t kFirstCapacity = 8;

size_t Bytes(DType dtype, const Dims& dims) {
  size_t bytes;
  if (__builtin_mul_overflow(static_cast<size_t>(NumElements(dims)), SizeOf(dtype), &bytes)) {
    throw Error(ErrorKind::kResourceExhausted, "OOM when allocating a list element");
  }
  return bytes;
}

void CopyObject(const Array& to, int64_t i, const Array& from, int64_t j) {
  const size_t a = static_cast<size_t>(i), b = static_cast<size_t>(j);
  if (to.dtype() == DType::kString) {
    to.strings()[a] = from.strings()[b];
  } else if (to.dtype() == DType::kResource) {
    to.resources()[a] = from.resources()[b];
  } else {
    to.variants()[a] = from.variants()[b];
  }
}

std::string Unknown(const Shape& shape) {
  return shape.has_rank() ? shape.ToError() : "<unknown>";
}

}  // namespace

std::shared_ptr<Buffer> BufferPool::Take(size_t bytes) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto largest = std::max_element(
        kept_.begin(), kept_.end(),
        [](const std::shared_ptr<Buffer>& a, const auto& b) { return a->bytes() < b->bytes(); });
    if (largest != kept_.end() && (*largest)->bytes() >= bytes) {
      std::shared_ptr<Buffer> buffer = std::move(*largest);
      kept_.erase(largest);
      return buffer;
    }
  }
  return Buffer::Allocate(bytes);
}

void BufferPool::Give(std::shared_ptr<Buffer> buffer) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (kept_.size() < kKept) {
    kept_.push_back(std::move(buffer));
    return;
  }
  const auto smallest = std::min_element(
      kept_.begin(), kept_.end(),
      [](const std::shared_ptr<Buffer>& a, const auto& b) { return a->bytes() < b->bytes(); });
  if ((*smallest)->bytes() < buffer->bytes()) smallest->swap(buffer);
}

TensorList::Storage::~Storage() {
  // Memory that somebody else holds as well is not given away.
  if (pool && buffer && buffer.use_count() == 1) pool->Give(std::move(buffer));
}

bool TensorList::is_set(int64_t i) const {
  switch (state_) {
    case State::kUnset:
      return false;
    case State::kDense:
      return set_.empty() || set_[static_cast<size_t>(i)];
    default:
      return items_[static_cast<size_t>(i)].valid();
  }
}

void TensorList::CheckIndex(int64_t i, const char* verb) const {
  if (i >= 0 && i < length_) return;
  throw InvalidArgument(std::string("Trying to ") + verb + " element " + std::to_string(i) +
                        " in a list with " + std::to_string(length_) + " elements.");
}

void TensorList::Reserve(int64_t n, std::shared_ptr<BufferPool> pool) {
  wanted_ = n;
  pool_ = std::move(pool);
}

void TensorList::Own(int64_t capacity) {
  size_t bytes;
  if (__builtin_mul_overflow(static_cast<size_t>(capacity), item_bytes_, &bytes)) {
    throw Error(ErrorKind::kResourceExhausted,
                "OOM when allocating a list of " + std::to_string(capacity) + " elements");
  }
  if (storage_ && storage_.use_count() == 1 && storage_->buffer.use_count() == 1 &&
      storage_->buffer->bytes() >= bytes) {
    return;
  }
  const bool grows = storage_ && storage_.use_count() == 1 && storage_->buffer.use_count() == 1;
  if (grows) capacity = std::max({capacity * 2, kFirstCapacity, wanted_});
  bytes = static_cast<size_t>(capacity) * item_bytes_;
  auto fresh = std::make_shared<Storage>();
  fresh->pool = pool_;
  fresh->buffer = pool_ ? pool_->Take(bytes) : Buffer::Allocate(bytes);
  if (storage_ && length_ > 0) {
    std::memcpy(fresh->buffer->data(), storage_->buffer->data(),
                static_cast<size_t>(length_) * item_bytes_);
  }
  storage_ = std::move(fresh);
}

bool TensorList::MakeDense(const Dims& dims) {
  if (state_ == State::kDense) return dims_ == dims;
  if (state_ == State::kLoose || !IsPlainData(element_)) return false;
  item_bytes_ = Bytes(element_, dims);
  dims_ = dims;
  const int64_t length = length_;
  Own(std::max({length, std::min<int64_t>(wanted_, int64_t{1} << 20), int64_t{1}}));
  if (length > 0) {
    std::memset(storage_->buffer->data(), 0, static_cast<size_t>(length) * item_bytes_);
    set_.assign(static_cast<size_t>(length), false);
  }
  state_ = State::kDense;
  return true;
}

char* TensorList::Fill(int64_t n, const Dims& dims) {
  dims_ = dims;
  item_bytes_ = Bytes(element_, dims);
  length_ = 0;
  storage_.reset();
  set_.clear();
  Own(std::max<int64_t>(n, 1));
  length_ = n;
  state_ = State::kDense;
  return const_cast<char*>(item(0));
}

void TensorList::Loosen() {
  if (state_ == State::kLoose) return;
  items_.assign(static_cast<size_t>(length_), Array());
  for (int64_t i = 0; i < length_; ++i) {
    if (is_set(i)) items_[static_cast<size_t>(i)] = Get(i, Shape(), "read");
  }
  storage_.reset();
  set_.clear();
  state_ = State::kLoose;
}

void TensorList::Resize(int64_t length) {
  if (length < 0) {
    throw InvalidArgument("TensorListSlice expects size to be non-negative. Got: " +
                          std::to_string(length));
  }
  if (state_ == State::kLoose) items_.resize(static_cast<size_t>(length));
  if (state_ == State::kDense && length > length_) {
    Own(length);
    std::memset(const_cast<char*>(item(length_)), 0,
                static_cast<size_t>(length - length_) * item_bytes_);
    if (set_.empty()) set_.assign(static_cast<size_t>(length_), true);
    set_.resize(static_cast<size_t>(length), false);
  } else if (!set_.empty()) {
    set_.resize(static_cast<size_t>(length));
  }
  length_ = length;
}

char* TensorList::WritableItem(int64_t i) {
  Own(length_);
  if (!set_.empty()) set_[static_cast<size_t>(i)] = true;
  return const_cast<char*>(item(i));
}

char* TensorList::PushUninitialised() {
  char* to = Room();
  ++length_;
  if (!set_.empty()) set_.push_back(true);
  return to;
}

char* TensorList::Room() {
  Own(length_ + 1);
  return const_cast<char*>(item(length_));
}

void TensorList::Set(int64_t i, const Array& given) {
  CheckIndex(i, "modify");
  if (MakeDense(given.dims())) {
    char* to = WritableItem(i);
    if (item_bytes_ > 0) std::memcpy(to, given.raw(), item_bytes_);
    return;
  }
  Loosen();
  // Plain data may be borrowed.
  items_[static_cast<size_t>(i)] = IsPlainData(element_) ? given.Clone() : given;
}

void TensorList::Push(const Array& given) {
  if (MakeDense(given.dims())) {
    char* to = PushUninitialised();
    if (item_bytes_ > 0) std::memcpy(to, given.raw(), item_bytes_);
    return;
  }
  Loosen();
  items_.push_back(IsPlainData(element_) ? given.Clone() : given);
  ++length_;
}

Array TensorList::Get(int64_t i, const Shape& shape, const char* verb) const {
  CheckIndex(i, verb);
  if (state_ == State::kDense) {
    Array out(element_, dims_);
    if (item_bytes_ > 0) std::memcpy(out.raw(), item(i), item_bytes_);
    return out;
  }
  if (is_set(i)) return items_[static_cast<size_t>(i)];
  std::optional<Shape> known = shape_.Merge(shape);
  if (!known) {
    throw InvalidArgument("Incompatible shapes during merge: " + shape_.ToError() + " vs. " +
                          shape.ToError());
  }
  const bool given_whole = known->fully_defined();
  for (const Array& other : items_) {
    if (!other.valid() || given_whole) continue;
    const std::optional<Shape> merged = known->Merge(Shape(other.dims()));
    if (!merged) {
      throw InvalidArgument("PartialTensorShape: Incompatible shapes during merge: " +
                            known->ToError() + " vs. " + ToString(other.dims()));
    }
    known = merged;
  }
  if (!known->fully_defined()) {
    throw InvalidArgument(
        "Trying to read an uninitialized tensor but element_shape is not fully defined: " +
        Unknown(*known) + " and no list element is set.");
  }
  if (element_ == DType::kVariant || element_ == DType::kResource) {
    throw InvalidArgument("Trying to read an uninitialized element of a list of " +
                          std::string(Name(element_)));
  }
  return Array::Zeros(element_, known->dims());
}

TensorList TensorList::FromRows(const Array& tensor, Shape shape) {
  TensorList list(tensor.dtype(), std::move(shape));
  const Dims dims(tensor.dims().begin() + 1, tensor.dims().end());
  list.length_ = tensor.dims()[0];
  if (IsPlainData(tensor.dtype())) {
    list.dims_ = dims;
    list.item_bytes_ = Bytes(tensor.dtype(), dims);
    list.storage_ = std::make_shared<Storage>();
    list.storage_->buffer = tensor.buffer();
    list.state_ = State::kDense;
    return list;
  }
  const int64_t size = NumElements(dims);
  for (int64_t i = 0; i < list.length_; ++i) {
    Array row(tensor.dtype(), dims);
    for (int64_t k = 0; k < size; ++k) CopyObject(row, k, tensor, i * size + k);
    list.items_.push_back(std::move(row));
  }
  list.state_ = State::kLoose;
  return list;
}

Array ListArray(TensorList list) {
  Array out(DType::kVariant, {});
  out.variants()[0] = std::make_shared<TensorList>(std::move(list));
  return out;
}

const TensorList& ListOf(const Array& variant) {
  const auto* list = variant.dtype() == DType::kVariant && variant.size() == 1
                         ? std::any_cast<std::shared_ptr<TensorList>>(&variant.variants()[0])
                         : nullptr;
  if (list == nullptr) {
    throw InvalidArgument("Input handle is not a list.");
  }
  return **list;
}

TensorList& WritableList(Array& variant) {
  const TensorList& list = ListOf(variant);
  auto& held = *std::any_cast<std::shared_ptr<TensorList>>(&variant.variants()[0]);
  if (variant.variants_shared() > 1 || held.use_count() > 1) {
    variant = ListArray(TensorList(list));
    return *std::any_cast<std::shared_ptr<TensorList>&>(variant.variants()[0]);
  }
  return *held;
}

}  // namespace wengert
