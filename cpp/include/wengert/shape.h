// Shapes: Dims are concrete, Shape may have an unknown rank or unknown lengths.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace wengert {

// Concrete lengths, one per axis.
using Dims = std::vector<int64_t>;

// Product of the lengths. Throws InvalidArgument when it does not fit in 63 bits.
int64_t NumElements(const Dims& dims);
// "[2,3]", as TensorFlow prints concrete shapes in errors.
std::string ToString(const Dims& dims);
// NumPy broadcasting of two concrete shapes; nullopt when they are incompatible.
std::optional<Dims> BroadcastDims(const Dims& a, const Dims& b);

inline constexpr int64_t kUnknownDim = -1;

// A static shape as far as graph construction knows it.
class Shape {
 public:
  Shape() = default;                                          // unknown rank
  Shape(Dims dims) : known_(true), dims_(std::move(dims)) {}  // -1: unknown length
  Shape(std::initializer_list<int64_t> dims) : known_(true), dims_(dims) {}
  static Shape Unknown() { return Shape(); }
  static Shape UnknownOfRank(int rank) { return Shape(Dims(rank, kUnknownDim)); }
  static Shape Scalar() { return Shape(Dims{}); }

  bool has_rank() const { return known_; }
  int rank() const { return static_cast<int>(dims_.size()); }  // 0 when unknown
  int64_t dim(int i) const { return dims_[i]; }                // -1: unknown
  const Dims& dims() const { return dims_; }
  bool fully_defined() const;
  // Product of the lengths, or -1 when not fully defined.
  int64_t num_elements() const;

  bool operator==(const Shape& other) const {
    return known_ == other.known_ && dims_ == other.dims_;
  }
  bool operator!=(const Shape& other) const { return !(*this == other); }

  // True when some concrete shape fits both.
  bool CompatibleWith(const Shape& other) const;
  // The most specific shape that both allow; nullopt when there is none.
  std::optional<Shape> Merge(const Shape& other) const;

  // "<unknown>", "(2, None)": as in the repr of a tensor.
  std::string ToPython() const;
  // "?", "[2,?]": as in shape inference errors.
  std::string ToError() const;

 private:
  bool known_ = false;
  Dims dims_;
};

// Static broadcasting as TensorFlow's shape functions do it. nullopt: incompatible.
std::optional<Shape> BroadcastShapes(const Shape& a, const Shape& b);

}  // namespace wengert
