// Lists of tensors (TensorList) in lowering: what the rules of their ops write with.
#pragma once

#include <cstdint>
#include <memory>

#include "wengert/dtype.h"
#include "wengert/shape.h"

namespace wengert {

// What is known of a list before running.
struct ListType {
  enum class Elements : uint8_t {
    kUnset,    // none was set yet, so that any may come
    kSame,     // all have `dims`
    kVarious,  // nothing is known
  };
  DType element = DType::kInvalid;  // invalid: not known
  Elements elements = Elements::kVarious;
  Dims dims;
  Shape shape;                            // that the list demands of its elements; may be partial
  int64_t length = -1;                    // -1: decided by data
  std::shared_ptr<const ListType> inner;  // of elements that are lists themselves; may be null

  bool operator==(const ListType& o) const {
    if (inner != o.inner && (!inner || !o.inner || *inner != *o.inner)) return false;
    return element == o.element && elements == o.elements && dims == o.dims && shape == o.shape &&
           length == o.length;
  }
  bool operator!=(const ListType& o) const { return !(*this == o); }
};

enum class ListOp : uint8_t {
  kReserve,     // (length, max) -> list of unset elements; max < 0: as many as one likes
  kFromTensor,  // (tensor) -> list of its rows
  kStack,       // (list) -> tensor
  kGet,         // (list, index) -> item
  kSet,         // (list, index, item) -> list
  kPush,        // (list, item) -> list
  kPop,         // (list) -> list, item
  kLength,      // (list) -> int32
  kResize,      // (list, length) -> list
  kZerosLike,   // (list) -> list of zeros
  kAdd,         // (list, list) -> list of sums; an unset element counts as zero
  kAddItem,     // (list, index, item[, length]) -> list with the item added to its element
};

struct ListCall {
  ListOp op = ListOp::kReserve;
  DType element = DType::kInvalid;
  Shape shape;          // the argument element_shape, where there is one
  int64_t length = -1;  // kStack: what the length must be
  bool resize = false;  // kSet: an index beyond the end makes the list longer
};

}  // namespace wengert
