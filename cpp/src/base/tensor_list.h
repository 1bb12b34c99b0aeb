// TensorList: the value of a variant that is a list of tensors.
//
// Elements of plain data that share their dims lie behind each other in one buffer, which grows
// by doubling. Others are kept as Arrays. Copies share memory until one of them is changed.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "wengert/array.h"

namespace wengert {

// Buffers that lists gave back, for the lists of the next run.
class BufferPool {
 public:
  // At least `bytes`; the largest there is where that is not enough for `likely`.
  std::shared_ptr<Buffer> Take(size_t bytes);
  void Give(std::shared_ptr<Buffer> buffer);

 private:
  static constexpr size_t kKept = 4;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Buffer>> kept_;
};

class TensorList {
 public:
  TensorList(DType element, Shape shape) : element_(element), shape_(std::move(shape)) {}

  DType element() const { return element_; }
  const Shape& shape() const { return shape_; }  // demanded of the elements
  int64_t length() const { return length_; }
  int64_t max_length() const { return max_length_; }
  void set_max_length(int64_t n) { max_length_ = n; }  // -1: unlimited
  // All elements that are set have these dims; null when there is none or dims differ.
  const Dims* dims() const { return state_ == State::kDense ? &dims_ : nullptr; }
  bool any_set() const { return state_ != State::kUnset; }
  bool is_set(int64_t i) const;

  // Room for `n` elements before memory must grow, of a pool where there is one.
  void Reserve(int64_t n, std::shared_ptr<BufferPool> pool);
  // Makes it longer by unset elements, or shorter.
  void Resize(int64_t length);
  void Set(int64_t i, const Array& item);
  void Push(const Array& item);
  // Shares no memory that later changes touch; unset elements are zeros of `shape`, which must
  // then be known. Throws InvalidArgument.
  Array Get(int64_t i, const Shape& shape, const char* what) const;
  // Memory of element `i` of a dense list. Valid until the list changes.
  const char* item(int64_t i) const {
    return static_cast<const char*>(storage_->buffer->data()) +
           static_cast<size_t>(i) * item_bytes_;
  }
  size_t item_bytes() const { return item_bytes_; }
  // Memory to write element `i` of a dense list to, which then is set.
  char* WritableItem(int64_t i);
  // Likewise of a new last element.
  char* PushUninitialised();
  // What PushUninitialised would return, without the push.
  char* Room();
  // Makes it `n` elements of `dims`, of plain data, and returns their memory, not written yet.
  char* Fill(int64_t n, const Dims& dims);
  // Turns a list without set elements to a dense one. False: it cannot be.
  bool MakeDense(const Dims& dims);
  // The rows of a tensor.
  static TensorList FromRows(const Array& tensor, Shape shape);

 private:
  enum class State : uint8_t { kUnset, kDense, kLoose };
  // Gives its memory back to the pool.
  struct Storage {
    std::shared_ptr<Buffer> buffer;
    std::shared_ptr<BufferPool> pool;
    ~Storage();
  };
  void Own(int64_t capacity);  // memory of its own for so many elements
  void Loosen();
  void CheckIndex(int64_t i, const char* verb) const;

  DType element_;
  Shape shape_;
  int64_t length_ = 0, max_length_ = -1;
  State state_ = State::kUnset;
  // Dense:
  Dims dims_;
  size_t item_bytes_ = 0;
  std::shared_ptr<Storage> storage_;
  std::vector<bool> set_;  // empty: all are
  int64_t wanted_ = 0;     // elements to make room for
  std::shared_ptr<BufferPool> pool_;
  // Loose; invalid Arrays are unset:
  std::vector<Array> items_;
};

// A variant scalar that holds a list.
Array ListArray(TensorList list);
// Throws InvalidArgument when it is none.
const TensorList& ListOf(const Array& variant);
// The list in a variant that nobody else needs: in place when it is the only holder, else a
// copy is put there first.
TensorList& WritableList(Array& variant);

}  // namespace wengert
