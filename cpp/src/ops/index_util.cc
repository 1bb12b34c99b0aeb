#include "ops/index_util.h"

#include <limits>

namespace wengert::index_util {

using op_util::IntScalar;

bool IgnoresBadIndices(const std::string& policy) {
  if (policy.empty() || policy == "DEFAULT" || policy == "ERROR") return false;
  if (policy == "IGNORE") return true;
  throw InvalidArgument("Bad indices policy: " + policy);
}

void CheckScatterShapes(ShapeContext& c, const Shape& indices, const Shape& updates,
                        const Shape& into) {
  if (!indices.has_rank() || !updates.has_rank()) return;
  if (indices.rank() < 1) c.Fail("Shape must be at least rank 1 but is rank 0");
  const int outer = indices.rank() - 1;
  auto mismatch = [&](const char* what, const Shape& s, int from, int to) {
    c.Fail("Dimensions [" + std::to_string(from) + "," + std::to_string(to) + ") of " + what +
           "[shape=" + s.ToError() + "] must match dimensions [" + std::to_string(outer) + "," +
           std::to_string(updates.rank()) + ") of updates[shape=" + updates.ToError() + "]");
  };
  for (int i = 0; i < outer; ++i) {
    const int64_t a = indices.dim(i), b = i < updates.rank() ? updates.dim(i) : -2;
    if (b == -2 || (a >= 0 && b >= 0 && a != b)) {
      c.Fail("Dimensions [0," + std::to_string(outer) + ") of indices[shape=" + indices.ToError() +
             "] must match dimensions [0," + std::to_string(outer) +
             ") of updates[shape=" + updates.ToError() + "]");
    }
  }
  const int64_t depth = indices.dim(outer);
  if (depth < 0 || !into.has_rank()) return;
  if (depth > into.rank()) mismatch("input", into, static_cast<int>(into.rank()), into.rank());
  const int start = static_cast<int>(depth), inner = into.rank() - start;
  if (updates.rank() - outer != inner) mismatch("input", into, start, into.rank());
  for (int i = 0; i < inner; ++i) {
    const int64_t a = into.dim(start + i), b = updates.dim(outer + i);
    if (a >= 0 && b >= 0 && a != b) mismatch("input", into, start, into.rank());
  }
}

namespace {

Tensor FinishSlice(Builder& b, Builder::Scope& scope, const Tensor& x, Tensor begin, Tensor end,
                   Tensor strides, int64_t begin_mask, int64_t end_mask, int64_t shrink_mask) {
  OperationSpec spec;
  spec.type = "StridedSlice";
  spec.name = scope.path();
  spec.inputs = {x, begin, end, strides};
  spec.attrs = {
      {"begin_mask", begin_mask}, {"end_mask", end_mask}, {"shrink_axis_mask", shrink_mask}};
  return b.graph().AddOperation(std::move(spec))->output(0);
}

}  // namespace

Tensor SliceTo(Builder& b, const Tensor& x, const Tensor& stop) {
  // Numbers beside tensors become tensors first, outside the slice's scope.
  const Tensor zero = b.Constant(IntScalar(stop.dtype(), 0));
  const Tensor one = b.Constant(IntScalar(stop.dtype(), 1));
  Builder::Scope scope = b.NameScope("strided_slice");
  const Tensor begin = b.Stack({zero}, 0, "stack"), end = b.Stack({stop}, 0, "stack_1");
  return FinishSlice(b, scope, x, begin, end, b.Stack({one}, 0, "stack_2"), 1, 0, 0);
}

Tensor SliceFrom(Builder& b, const Tensor& x, const Tensor& start) {
  const Tensor zero = b.Constant(IntScalar(start.dtype(), 0));
  const Tensor one = b.Constant(IntScalar(start.dtype(), 1));
  Builder::Scope scope = b.NameScope("strided_slice");
  const Tensor begin = b.Stack({start}, 0, "stack"), end = b.Stack({zero}, 0, "stack_1");
  return FinishSlice(b, scope, x, begin, end, b.Stack({one}, 0, "stack_2"), 0, 1, 0);
}

Tensor ElementAt(Builder& b, const Tensor& x, const Tensor& i) {
  const Tensor next = b.Add(i, 1);
  Builder::Scope scope = b.NameScope("strided_slice");
  const Tensor begin = b.Stack({i}, 0, "stack"), end = b.Stack({next}, 0, "stack_1");
  const Tensor strides = b.Constant(op_util::IntVector(i.dtype(), {1}), "stack_2");
  return FinishSlice(b, scope, x, begin, end, strides, 0, 0, 1);
}

Tensor SliceTo(Builder& b, const Tensor& x, int64_t stop) {
  using Ints = std::vector<int64_t>;
  return b.StridedSlice(x, Ints{0}, Ints{stop}, Ints{1}, 1, 0);
}

Tensor SliceFrom(Builder& b, const Tensor& x, int64_t start) {
  using Ints = std::vector<int64_t>;
  return b.StridedSlice(x, Ints{start}, Ints{0}, Ints{1}, 0, 1);
}

Tensor ElementAt(Builder& b, const Tensor& x, int64_t i) {
  using Ints = std::vector<int64_t>;
  return b.StridedSlice(x, Ints{i}, Ints{i + 1}, Ints{1}, 0, 0, 1);
}

Tensor FilledLike(Builder& b, const Tensor& x, const Array& one) {
  Builder::Scope scope = b.NameScope("ones_like");
  const Shape& s = x.shape();
  const Tensor dims = s.fully_defined() ? b.Constant(op_util::IntVector(DType::kInt32, s.dims()),
                                                     "Shape/shape_as_tensor")
                                        : b.ShapeOf(x);
  return b.Fill(dims, b.Constant(one), scope.path());
}

namespace {

template <class T>
Array Limit(bool highest) {
  return Array::Scalar<T>(highest ? std::numeric_limits<T>::max()
                                  : std::numeric_limits<T>::lowest());
}

Array Extreme(DType dtype, bool highest) {
  switch (dtype) {
    case DType::kFloat32:
      return Limit<float>(highest);
    case DType::kFloat64:
      return Limit<double>(highest);
    case DType::kFloat16:
      return Array::Scalar<Half>({static_cast<uint16_t>(highest ? 0x7BFF : 0xFBFF)});
    case DType::kBFloat16:
      return Array::Scalar<BFloat16>({static_cast<uint16_t>(highest ? 0x7F7F : 0xFF7F)});
    case DType::kInt8:
      return Limit<int8_t>(highest);
    case DType::kInt16:
      return Limit<int16_t>(highest);
    case DType::kInt32:
      return Limit<int32_t>(highest);
    case DType::kInt64:
      return Limit<int64_t>(highest);
    case DType::kUInt8:
      return Limit<uint8_t>(highest);
    case DType::kUInt16:
      return Limit<uint16_t>(highest);
    case DType::kUInt32:
      return Limit<uint32_t>(highest);
    case DType::kUInt64:
      return Limit<uint64_t>(highest);
    default:
      throw TypeError(std::string("no order on ") + Name(dtype));
  }
}

// In one pass without branches: nearly always all ids are fine. False: they are not, or of another
// dtype than T.
template <class T>
bool GoodIds(const Array& ids, DType dtype, int64_t limit, bool sorted, bool negative_ok) {
  if (ids.dtype() != dtype) return false;
  const T* id = ids.data<T>();
  const int64_t n = ids.size();
  if (n == 0) return true;
  constexpr T kMost = std::numeric_limits<T>::max();
  const T top = limit < 0 || limit > kMost ? kMost : static_cast<T>(limit - 1);
  T high = id[0] > top, negative = id[0] < 0, falls = 0;
  for (int64_t i = 1; i < n; ++i) {
    high |= static_cast<T>(id[i] > top);
    negative |= static_cast<T>(id[i] < 0);
    falls |= static_cast<T>(id[i] < id[i - 1]);
  }
  return high == 0 && (negative_ok || negative == 0) && (!sorted || falls == 0);
}

}  // namespace

Array Lowest(DType dtype) {
  return Extreme(dtype, false);
}

Array Highest(DType dtype) {
  return Extreme(dtype, true);
}

Value CheckedSegmentIds(Lowering& b, Value ids, int64_t limit, bool sorted, bool negative_ok) {
  KernelSpec spec;
  spec.name = "CheckSegmentIds";
  spec.key = std::to_string(limit) + (sorted ? " sorted" : "") + (negative_ok ? " negative" : "");
  spec.dtypes = {b.dtype(ids)};
  spec.dims = {b.dims(ids)};
  spec.run = [limit, sorted, negative_ok](const std::vector<Array>& in, std::vector<Array>& out) {
    const bool good = GoodIds<int32_t>(in[0], DType::kInt32, limit, sorted, negative_ok) ||
                      GoodIds<int64_t>(in[0], DType::kInt64, limit, sorted, negative_ok);
    int64_t last = 0;
    for (int64_t i = 0; !good && i < in[0].size(); ++i) {
      const int64_t id = in[0].AsInt(i);
      if (sorted && i > 0 && id < last) throw InvalidArgument("segment ids are not increasing");
      if (id < 0 && !negative_ok) throw InvalidArgument("segment ids must be >= 0");
      if (limit >= 0 && id >= limit) {
        throw InvalidArgument("segment_ids[" + std::to_string(i) + "] = " + std::to_string(id) +
                              " is out of range [0, " + std::to_string(limit) + ")");
      }
      last = id;
    }
    if (in[0].bytes() > 0) std::memcpy(out[0].raw(), in[0].raw(), in[0].bytes());
  };
  return b.Kernel(std::move(spec), {ids}).at(0);
}

}  // namespace wengert::index_util
