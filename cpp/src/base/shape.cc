#include "wengert/shape.h"

#include <algorithm>

#include "wengert/error.h"

namespace wengert {
namespace {

// Joins lengths; an unknown one is written as `unknown`.
std::string Join(const Dims& dims, const char* separator, const char* unknown) {
  std::string out;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i) out += separator;
    out += dims[i] < 0 ? std::string(unknown) : std::to_string(dims[i]);
  }
  return out;
}

}  // namespace

int64_t NumElements(const Dims& dims) {
  // A zero length makes the product zero whatever the others are, but the others must
  // still be lengths.
  int64_t n = 1;
  bool overflow = false;
  bool empty = false;
  for (int64_t d : dims) {
    if (d < 0) throw InvalidArgument("negative length in shape " + ToString(dims));
    if (d == 0) empty = true;
    if (__builtin_mul_overflow(n, d, &n)) {
      overflow = true;
      n = 1;
    }
  }
  if (empty) return 0;
  if (overflow) {
    throw InvalidArgument("Shape " + ToString(dims) + " would have more than 2**63 - 1 elements");
  }
  return n;
}

std::string ToString(const Dims& dims) {
  return "[" + Join(dims, ",", "?") + "]";
}

std::optional<Dims> BroadcastDims(const Dims& a, const Dims& b) {
  const Dims& longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  Dims out = longer;
  const size_t offset = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& d = out[offset + i];
    if (shorter[i] == d || shorter[i] == 1) continue;
    if (d != 1) return std::nullopt;
    d = shorter[i];
  }
  return out;
}

bool Shape::fully_defined() const {
  return known_ && std::all_of(dims_.begin(), dims_.end(), [](int64_t d) { return d >= 0; });
}

int64_t Shape::num_elements() const {
  return fully_defined() ? NumElements(dims_) : -1;
}

bool Shape::CompatibleWith(const Shape& other) const {
  if (!known_ || !other.known_) return true;
  if (dims_.size() != other.dims_.size()) return false;
  for (size_t i = 0; i < dims_.size(); ++i) {
    if (dims_[i] >= 0 && other.dims_[i] >= 0 && dims_[i] != other.dims_[i]) return false;
  }
  return true;
}

std::optional<Shape> Shape::Merge(const Shape& other) const {
  if (!CompatibleWith(other)) return std::nullopt;
  if (!known_) return other;
  Shape merged = *this;
  if (other.known_) {
    for (size_t i = 0; i < dims_.size(); ++i) {
      if (dims_[i] < 0) merged.dims_[i] = other.dims_[i];
    }
  }
  return merged;
}

std::string Shape::ToPython() const {
  if (!known_) return "<unknown>";
  return "(" + Join(dims_, ", ", "None") + (dims_.size() == 1 ? ",)" : ")");
}

std::string Shape::ToError() const {
  return known_ ? ToString(dims_) : "?";
}

std::optional<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  if (!a.has_rank() || !b.has_rank()) return Shape::Unknown();
  const Dims& longer = a.rank() >= b.rank() ? a.dims() : b.dims();
  const Dims& shorter = a.rank() >= b.rank() ? b.dims() : a.dims();
  Dims out = longer;
  const size_t offset = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& d = out[offset + i];
    const int64_t e = shorter[i];
    if (d == e || e == 1) continue;
    if (d == 1) {
      d = e;
    } else if (d < 0 || e < 0) {
      // The unknown one is 1 or equals the known one, which decides when it exceeds 1.
      const int64_t known = std::max(d, e);
      d = known > 1 ? known : kUnknownDim;
    } else {
      return std::nullopt;
    }
  }
  return Shape(std::move(out));
}

}  // namespace wengert
