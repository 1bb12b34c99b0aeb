#include "ops/slice_spec.h"

#include <algorithm>

namespace wengert::op_util {
namespace {

bool Bit(int64_t mask, size_t i) {
  return i < 63 && ((mask >> i) & 1) != 0;
}

// Number of steps of `stride` from `from` that stay before `to`.
int64_t Steps(int64_t from, int64_t to, int64_t stride) {
  if (stride > 0) return from >= to ? 0 : (to - from - 1) / stride + 1;
  // -(stride + 1) + 1 cannot overflow even for the smallest stride.
  const uint64_t back = static_cast<uint64_t>(-(stride + 1)) + 1;
  return from <= to ? 0 : static_cast<int64_t>(static_cast<uint64_t>(from - to - 1) / back) + 1;
}

// Bounds left open by the masks of one axis.
struct Open {
  bool begin, end;
};

// `x` counted from the front and clamped to what a slice of `stride` can start or end at.
int64_t Clamp(int64_t x, int64_t length, int64_t stride) {
  const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? length : length - 1;
  if (x < 0) x += length;
  return std::min(std::max(x, low), high);
}

void FillKnown(AxisSlice& s, int64_t length, int64_t begin, int64_t end, Open open) {
  const int64_t first = s.stride > 0 ? 0 : length - 1, last = s.stride > 0 ? length : -1;
  s.begin = open.begin ? first : Clamp(begin, length, s.stride);
  s.size = Steps(s.begin, open.end ? last : Clamp(end, length, s.stride), s.stride);
}

}  // namespace

Shape SliceSpec::ResultShape() const {
  Dims dims;
  for (int axis : result) dims.push_back(axis < 0 ? 1 : axes[static_cast<size_t>(axis)].size);
  return Shape(std::move(dims));
}

SliceSpec ResolveSlice(const Dims& dims, const std::optional<std::vector<int64_t>>& begin,
                       const std::optional<std::vector<int64_t>>& end,
                       const std::vector<int64_t>& strides, const SliceMasks& masks,
                       const std::function<void(const std::string&)>& fail) {
  const size_t n = strides.size(), rank = dims.size();
  if (n >= 32) fail("Expected fewer than 32 slice dimensions");
  if ((begin && begin->size() != n) || (end && end->size() != n)) {
    fail("Expected begin, end, and strides to be 1D equal size tensors");
  }
  size_t ellipses = 0, taken = 0;  // `taken`: entries that use up an axis
  for (size_t i = 0; i < n; ++i) {
    if (Bit(masks.ellipsis, i)) {
      ++ellipses;
    } else if (!Bit(masks.new_axis, i)) {
      ++taken;
    }
  }
  if (ellipses > 1) fail("Multiple ellipses in slice spec not allowed");

  SliceSpec spec;
  std::vector<Open> open;
  const auto add_whole = [&](size_t count) {
    for (; count > 0 && spec.axes.size() < rank; --count) {
      AxisSlice s;
      s.whole = true;
      spec.result.push_back(static_cast<int>(spec.axes.size()));
      spec.axes.push_back(s);
      open.push_back({true, true});
    }
  };
  for (size_t i = 0; i < n; ++i) {
    if (Bit(masks.ellipsis, i)) {
      add_whole(rank > taken ? rank - taken : 0);
    } else if (Bit(masks.new_axis, i)) {
      spec.result.push_back(-1);
    } else {
      if (spec.axes.size() == rank) {
        fail("Index out of range using input dim " + std::to_string(rank) + "; input has only " +
             std::to_string(rank) + " dims");
      }
      AxisSlice s;
      s.stride = strides[i];
      s.source = static_cast<int>(i);
      s.shrink = Bit(masks.shrink, i);
      const Open sides = {Bit(masks.begin, i), Bit(masks.end, i)};
      s.whole = !s.shrink && sides.begin && sides.end;
      if (!s.shrink) spec.result.push_back(static_cast<int>(spec.axes.size()));
      spec.axes.push_back(s);
      open.push_back(sides);
    }
  }
  add_whole(rank);

  for (size_t i = 0; i < rank; ++i) {
    AxisSlice& s = spec.axes[i];
    if (s.stride == 0) fail("strides[" + std::to_string(i) + "] must be non-zero");
    if (s.shrink && s.stride <= 0) fail("only stride 1 allowed on non-range indexing.");
    const int64_t length = dims[i];
    const bool known = s.source < 0 || (begin && end);
    if (s.shrink) {
      s.size = 1;
      s.stride = 1;
      if (length < 0 || !known) continue;
      int64_t at = (*begin)[static_cast<size_t>(s.source)];
      if (at < 0) at += length;
      if (at < 0 || at >= length) {
        fail("slice index " + std::to_string(at) + " of dimension " + std::to_string(i) +
             " out of bounds.");
      }
      s.begin = at;
    } else if (length >= 0 && (known || s.whole)) {
      const size_t source = static_cast<size_t>(std::max(s.source, 0));
      const bool given = s.source >= 0 && begin && end;
      FillKnown(s, length, given ? (*begin)[source] : 0, given ? (*end)[source] : 0, open[i]);
    }
  }
  return spec;
}

}  // namespace wengert::op_util
