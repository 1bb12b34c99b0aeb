// Slice: a block of a tensor.
#include <algorithm>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

void SliceShape(ShapeContext& c) {
  const Shape begin_shape = c.WithRank(1, 1), size_shape = c.WithRank(2, 1);
  const int64_t n = c.MergeDims(begin_shape.dim(0), size_shape.dim(0));
  const Shape in = n >= 0 ? c.WithRank(0, static_cast<int>(n)) : c.input(0);
  const std::optional<std::vector<int64_t>> size = op_util::StaticInts(c, 2);
  if (!in.has_rank()) {
    c.set_output(0, Shape());
    return;
  }
  const Shape begin = c.input_as_shape(1);
  const Shape size_value = size ? Shape() : c.input_as_shape(2);
  Dims dims(static_cast<size_t>(in.rank()), kUnknownDim);
  for (size_t i = 0; i < dims.size(); ++i) {
    const int axis = static_cast<int>(i);
    const int64_t at =
        begin.has_rank() && begin.rank() == in.rank() ? begin.dim(axis) : kUnknownDim;
    if (!size) {
      if (size_value.has_rank() && size_value.rank() == in.rank()) dims[i] = size_value.dim(axis);
    } else if (i < size->size() && (*size)[i] != -1) {
      if ((*size)[i] < 0) {
        throw ValueError("Invalid value in tensor used for shape: " + std::to_string((*size)[i]));
      }
      dims[i] = (*size)[i];
    } else if (at >= 0 && in.dim(axis) >= 0) {
      if (at > in.dim(axis)) {
        c.Fail("Negative dimension size caused by subtracting " + std::to_string(at) + " from " +
               std::to_string(in.dim(axis)));
      }
      dims[i] = in.dim(axis) - at;
    }
  }
  c.set_output(0, Shape(std::move(dims)));
}

// Start known at run time only, extent known: gathers along each axis that is cut.
void LowerSliceAtRuntime(LoweringContext& c, const std::vector<int64_t>& size) {
  const Dims dims = c.dims(0);
  const DType dtype = c.dtype(1);
  Value v = c.x();
  for (size_t i = 0; i < dims.size(); ++i) {
    if (size[i] == dims[i]) continue;  // begin can only be 0
    const Value start = c.b.Slice(c.x(1), {static_cast<int64_t>(i)}, {1}, {1});
    v = c.b.Gather(v, c.b.Add(c.b.Iota(dtype, size[i]), start), static_cast<int>(i), 0);
  }
  c.set(v);
}

void LowerSlice(LoweringContext& c) {
  const Dims dims = c.dims(0);
  std::vector<int64_t> size = op_util::VectorInts(c, 2, "size"), begin;
  const bool fixed = std::all_of(size.begin(), size.end(), [](int64_t s) { return s >= 0; });
  if (size.size() != dims.size() || c.dims(1) != c.dims(2)) {
    c.Fail("Expected begin and size arguments to be 1-D tensors of size " +
           std::to_string(dims.size()) + ", but got shapes " + ToString(c.dims(1)) + " and " +
           ToString(c.dims(2)) + " instead.");
  }
  try {
    begin = op_util::VectorInts(c, 1, "begin");
  } catch (const NeedsConstant&) {
    if (!fixed) throw;
    LowerSliceAtRuntime(c, size);
    return;
  }
  for (size_t i = 0; i < dims.size(); ++i) {
    const std::string at = "[" + std::to_string(i) + "] in [0, ";
    if (begin[i] < 0 || begin[i] > dims[i]) {
      c.Fail("Expected begin" + at + std::to_string(dims[i]) + "], but got " +
             std::to_string(begin[i]));
    }
    if (size[i] == -1) size[i] = dims[i] - begin[i];
    if (size[i] < 0 || size[i] > dims[i] - begin[i]) {
      c.Fail("Expected size" + at + std::to_string(dims[i] - begin[i]) + "], but got " +
             std::to_string(size[i]));
    }
    if (size[i] == 0) begin[i] = 0;
  }
  c.set(size == dims ? c.x() : c.b.Slice(c.x(), begin, size, Dims(dims.size(), 1)));
}

// y = x[begin : begin + size]: dx is dy with zeros around it,
// begin before and shape - size - begin behind.
std::vector<Grad> SliceGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor begin = g.x(1);
  const Tensor rank = b.RankOf(g.x(0));
  const Tensor size = b.ShapeOf(g.y(), begin.dtype());
  const Tensor column = b.Stack({rank, 1});
  const Tensor before = b.Reshape(begin, column);
  const Tensor shape = b.ShapeOf(g.x(0), begin.dtype());
  const Tensor after = b.Reshape(b.Subtract(b.Subtract(shape, size), begin), column);
  const Tensor paddings = b.Concat({before, after}, 1);
  return {b.Op("Pad", {g.dy(), paddings}), Grad(), Grad()};
}

}  // namespace

void RegisterBlockOps(OpRegistry& r) {
  r.Op("Slice")
      .Input("input: T")
      .Input("begin: Index")
      .Input("size: Index")
      .Output("output: T")
      .Attr(op_util::kAnyT)
      .Attr("Index: {int32, int64}")
      .Doc("The block of the given size that starts at begin; size -1: all that is left")
      .Shape(SliceShape)
      .Gradient(SliceGradient)
      .Lower(LowerSlice);
}

}  // namespace wengert
