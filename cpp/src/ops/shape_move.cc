// Ops that repeat or move elements along their axes: Tile, Reverse, Roll.
#include <algorithm>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::IndexType;
using op_util::kAnyT;

// --- tile ----------------------------------------------------------------------------------

void TileShape(ShapeContext& c) {
  const Shape multiples_shape = c.WithRank(1, 1);
  Shape in = c.input(0);
  if (multiples_shape.dim(0) >= 0) in = c.WithRank(0, static_cast<int>(multiples_shape.dim(0)));
  if (!in.has_rank()) {
    c.set_output(0, Shape());
    return;
  }
  const Shape multiples = c.input_as_shape(1);
  Dims dims(static_cast<size_t>(in.rank()), kUnknownDim);
  if (multiples.has_rank()) {
    for (int i = 0; i < in.rank() && i < multiples.rank(); ++i) {
      dims[static_cast<size_t>(i)] = op_util::MulLengths(in.dim(i), multiples.dim(i));
    }
  }
  c.set_output(0, Shape(std::move(dims)));
}

void LowerTile(LoweringContext& c) {
  const Dims& dims = c.dims(0);
  const std::vector<int64_t> multiples = op_util::VectorInts(c, 1, "multiples");
  if (multiples.size() != dims.size()) {
    c.Fail("Expected multiples argument to be a vector of length " + std::to_string(dims.size()) +
           " but got length " + std::to_string(multiples.size()));
  }
  // An axis of length n repeated m times is [m, n] broadcast along a new axis.
  Dims split, repeated, merged;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (multiples[i] < 0) {
      c.Fail("Expected multiples[" + std::to_string(i) + "] >= 0, but got " +
             std::to_string(multiples[i]));
    }
    if (multiples[i] != 1) {
      split.push_back(1);
      repeated.push_back(multiples[i]);
    }
    split.push_back(dims[i]);
    repeated.push_back(dims[i]);
    merged.push_back(op_util::CheckedMul(dims[i], multiples[i]));
  }
  NumElements(merged);
  if (split == dims) {
    c.set(c.x());
    return;
  }
  c.set(c.b.Reshape(c.b.Broadcast(c.b.Reshape(c.x(), split), repeated), merged));
}

// y repeats x m[i] times along axis i: dx sums dy, read in the shape [m0, n0, m1, n1, ...],
// over the even axes.
std::vector<Grad> TileGradient(GradientContext& g) {
  const Tensor shape = g.b.ShapeOf(g.x(0), g.x(1).dtype());
  const Tensor pairs = g.b.Transpose(g.b.Stack({g.x(1), shape}), In(std::vector<int64_t>{1, 0}));
  const Tensor split = g.b.Reshape(pairs, In(std::vector<int64_t>{-1}));
  const Tensor axes = g.b.Range(0, g.b.SizeOf(split), 2);
  const Tensor dx = g.b.ReduceSum(g.b.Reshape(g.dy(), split), In(axes));
  g.b.graph().SetShape(dx, g.x(0).shape());
  return {dx, Grad()};
}

// --- reverse, roll ---------------------------------------------------------------------------

Value Reversed(Lowering& b, Value x, const std::vector<bool>& axes) {
  const Dims dims = b.dims(x);
  Dims begin(dims.size(), 0), strides(dims.size(), 1);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!axes[i]) continue;
    begin[i] = std::max<int64_t>(dims[i] - 1, 0);
    strides[i] = -1;
  }
  return b.Slice(x, begin, dims, strides);
}

// Which axes to reverse; what is wrong goes to `c`, a context of either kind.
template <class Context>
std::vector<bool> ReversedAxes(const Context& c, const std::vector<int64_t>& axes, int rank) {
  std::vector<bool> reversed(static_cast<size_t>(rank), false);
  for (size_t i = 0; i < axes.size(); ++i) {
    const std::optional<int> at = op_util::WrapAxis(axes[i], rank);
    if (!at) {
      c.Fail("'axis'[" + std::to_string(i) + "] = " + std::to_string(axes[i]) +
             " is out of valid range [0, " + std::to_string(rank - 1));
    }
    if (reversed[static_cast<size_t>(*at)]) {
      c.Fail("axis " + std::to_string(*at) + " specified more than once.");
    }
    reversed[static_cast<size_t>(*at)] = true;
  }
  return reversed;
}

void LowerReverseV2(LoweringContext& c) {
  const int rank = static_cast<int>(c.dims(0).size());
  c.set(Reversed(c.b, c.x(), ReversedAxes(c, op_util::VectorInts(c, 1, "axis"), rank)));
}

void LowerReverse(LoweringContext& c) {
  const Array dims = c.constant(1);
  if (dims.rank() != 1 || dims.size() != static_cast<int64_t>(c.dims(0).size())) {
    c.Fail("'dims' must have the same number of values as 'input' has dimensions");
  }
  std::vector<bool> reversed;
  for (int64_t i = 0; i < dims.size(); ++i) reversed.push_back(dims.data<bool>()[i]);
  c.set(Reversed(c.b, c.x(), reversed));
}

void ReverseV2Shape(ShapeContext& c) {
  c.WithRank(1, 1);
  const Shape& in = c.input(0);
  const std::optional<std::vector<int64_t>> axes = op_util::StaticInts(c, 1);
  if (axes && in.has_rank()) ReversedAxes(c, *axes, in.rank());
  c.set_output(0, in);
}

void LowerRoll(LoweringContext& c) {
  const Dims dims = c.dims(0);
  const int rank = static_cast<int>(dims.size());
  if (rank < 1) c.Fail("input must be 1-D or higher");
  if (c.dims(1).size() > 1 || c.dims(2).size() > 1) {
    c.Fail("shift and axis must be scalars or 1-D vectors");
  }
  if (c.dims(1) != c.dims(2)) c.Fail("shift and axis must have the same size");
  const std::vector<int64_t> shifts = c.ints(1), axes = c.ints(2);
  Value v = c.x();
  for (size_t i = 0; i < axes.size() && i < shifts.size(); ++i) {
    const std::optional<int> axis = op_util::WrapAxis(axes[i], rank);
    if (!axis) c.Fail("axis " + std::to_string(axes[i]) + " is out of range");
    const int64_t n = dims[static_cast<size_t>(*axis)];
    if (n == 0) continue;
    const int64_t shift = (shifts[i] % n + n) % n;
    if (shift == 0) continue;
    Dims begin(dims.size(), 0), strides(dims.size(), 1), head = dims, tail = dims;
    tail[static_cast<size_t>(*axis)] = shift;
    head[static_cast<size_t>(*axis)] = n - shift;
    const Value kept = c.b.Slice(v, begin, head, strides);
    begin[static_cast<size_t>(*axis)] = n - shift;
    v = c.b.Concat({c.b.Slice(v, begin, tail, strides), kept}, *axis);
  }
  c.set(v);
}

}  // namespace

void RegisterMoveOps(OpRegistry& r) {
  r.Op("Tile")
      .Input("input: T")
      .Input("multiples: Tmultiples")
      .Output("output: T")
      .Attr(kAnyT)
      .Attr(IndexType("Tmultiples"))
      .Doc("Repeats the tensor multiples[i] times along axis i")
      .Shape(TileShape)
      .Gradient(TileGradient)
      .Lower(LowerTile);

  r.Op("Reverse")
      .Input("tensor: T")
      .Input("dims: bool")
      .Output("output: T")
      .Attr(
          "T: {uint8, int8, uint16, int16, uint32, int32, uint64, int64, bool, bfloat16, half, "
          "float, double, complex64, complex128, string}")
      .Doc("Reverses the axes at which dims is true")
      .Shape([](ShapeContext& c) {
        c.WithRank(1, 1);
        c.set_output(0, c.input(0));
      })
      // Reversal is its own inverse and transpose.
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {g.b.Op("Reverse", {g.dy(), g.x(1)}), Grad()};
      })
      .Lower(LowerReverse);

  r.Op("ReverseV2")
      .Input("tensor: T")
      .Input("axis: Tidx")
      .Output("output: T")
      .Attr(IndexType("Tidx"))
      .Attr(
          "T: {uint8, int8, uint16, int16, int32, uint32, int64, uint64, bool, bfloat16, half, "
          "float, double, complex64, complex128, string}")
      .Doc("Reverses the given axes")
      .Shape(ReverseV2Shape)
      // Reversal is its own inverse and transpose.
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {g.b.Op("ReverseV2", {g.dy(), g.x(1)}), Grad()};
      })
      .Lower(LowerReverseV2);

  r.Op("Roll")
      .Input("input: T")
      .Input("shift: Tshift")
      .Input("axis: Taxis")
      .Output("output: T")
      .Attr(kAnyT)
      .Attr("Tshift: {int32, int64}")
      .Attr("Taxis: {int32, int64}")
      .Doc("Rotates the elements by shift along axis")
      .Shape([](ShapeContext& c) { c.set_output(0, c.WithRankAtLeast(0, 1)); })
      // y[i + s] = x[i]: dx[i] = dy[i + s]
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const Tensor back = g.b.Negative(g.x(1));
        return {g.b.Op("Roll", {g.dy(), back, g.x(2)}), Grad(), Grad()};
      })
      .Lower(LowerRoll);
}

}  // namespace wengert
