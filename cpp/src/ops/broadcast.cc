// Broadcasting as ops of their own.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/broadcast_gradient.h"
#include "ops/register.h"
#include "wengert/builder.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

Array IntVector(const std::vector<int64_t>& values, DType dtype) {
  if (dtype == DType::kInt64) return Array::Vector(values);
  return Array::Vector(std::vector<int32_t>(values.begin(), values.end()));
}

// The axes of the common shape along which each argument has length 1 (or nothing) and
// may have been stretched; where both are 1 it counts for both. Equal shapes: none.
void LowerBroadcastGradientArgs(LoweringContext& c) {
  const std::vector<int64_t> x = c.ints(0), y = c.ints(1);
  std::vector<int64_t> rx, ry;
  if (x != y) {
    const size_t rank = std::max(x.size(), y.size());
    for (size_t axis = 0; axis < rank; ++axis) {
      const int64_t dx = axis + x.size() < rank ? 1 : x[axis - (rank - x.size())];
      const int64_t dy = axis + y.size() < rank ? 1 : y[axis - (rank - y.size())];
      if (dx != dy && dx != 1 && dy != 1) {
        c.Fail("Incompatible shapes: " + ToString(x) + " vs. " + ToString(y));
      }
      if (dx == 1) rx.push_back(static_cast<int64_t>(axis));
      if (dy == 1) ry.push_back(static_cast<int64_t>(axis));
    }
  }
  const DType dtype = c.op.type_attr("T");
  c.out = {c.b.Constant(IntVector(rx, dtype)), c.b.Constant(IntVector(ry, dtype))};
}

void LowerBroadcastArgs(LoweringContext& c) {
  const std::vector<int64_t> x = c.ints(0), y = c.ints(1);
  const std::optional<Dims> dims = BroadcastDims(x, y);
  if (!dims) {
    c.Fail("Incompatible shapes: " + ToString(x) + " vs. " + ToString(y));
  }
  c.set(c.b.Constant(IntVector(*dims, c.op.type_attr("T"))));
}

void BroadcastToShape(ShapeContext& c) {
  const Shape target = c.input_as_shape(1);
  const Shape& x = c.input(0);
  if (!target.has_rank() || !x.has_rank()) {
    c.set_output(0, target);
    return;
  }
  if (x.rank() > target.rank()) {
    c.Fail("Shape must be at most rank " + std::to_string(target.rank()) + " but is rank " +
           std::to_string(x.rank()));
  }
  Dims dims = target.dims();
  for (int axis = 0; axis < x.rank(); ++axis) {
    int64_t& length = dims[axis + target.rank() - x.rank()];
    const int64_t own = x.dim(axis);
    if (own == 1 || own == kUnknownDim) continue;
    if (length == kUnknownDim) length = own;
    c.MergeDims(own, length);
  }
  c.set_output(0, Shape(std::move(dims)));
}

void LowerBroadcastTo(LoweringContext& c) {
  const std::vector<int64_t> dims = c.ints(1);
  const Dims x = c.dims(0);
  if (x.size() > dims.size()) {
    c.Fail("Rank of input (" + std::to_string(x.size()) +
           ") must be no greater than rank of output shape (" + std::to_string(dims.size()) + ").");
  }
  for (size_t i = 0; i < dims.size(); ++i) {
    const size_t skipped = dims.size() - x.size();
    const int64_t own = i < skipped ? 1 : x[i - skipped];
    if (dims[i] < 0 || (own != 1 && own != dims[i])) {
      c.Fail("Incompatible shapes: " + ToString(x) + " vs. " + ToString(dims));
    }
  }
  c.set(c.b.Broadcast(c.x(0), dims));
}

// y = x stretched to a shape: dx = dy summed over the stretched axes
std::vector<Grad> BroadcastToGradient(GradientContext& g) {
  const Tensor x = g.x(0);
  Tensor shape_y = g.x(1);
  const DType index = shape_y.dtype();
  const Tensor shape_x = g.b.ShapeOf(x, index);
  if (const std::optional<Array> value = g.b.graph().EvaluateConstant(shape_y)) {
    const std::vector<int64_t> dims = value->AsInts();
    if (std::none_of(dims.begin(), dims.end(), [](int64_t d) { return d < 0; })) {
      shape_y = g.b.Constant(IntVector(dims, index));
    }
  }
  const Tensor axes = BroadcastGradientArgs(g.b, shape_y, shape_x).y;
  return {SumAndReshape(g.b, g.dy(), axes, shape_x, /*keep_dims=*/true), Grad()};
}

}  // namespace

void RegisterBroadcastOps(OpRegistry& r) {
  r.Op("BroadcastGradientArgs")
      .Input("s0: T")
      .Input("s1: T")
      .Output("r0: T")
      .Output("r1: T")
      .Attr("T: {int32, int64} = int32")
      .Doc("Axes to sum over to undo the broadcasting of shapes s0 and s1 against each other")
      .Shape([](ShapeContext& c) {
        c.WithRank(0, 1);
        c.WithRank(1, 1);
        c.set_output(0, Shape::UnknownOfRank(1));
        c.set_output(1, Shape::UnknownOfRank(1));
      })
      .NotDifferentiable()
      .Lower(LowerBroadcastGradientArgs);
  r.Op("BroadcastArgs")
      .Input("s0: T")
      .Input("s1: T")
      .Output("r0: T")
      .Attr("T: {int32, int64} = int32")
      .Doc("Shape that shapes s0 and s1 broadcast to")
      .Shape([](ShapeContext& c) {
        const Shape x = c.WithRank(0, 1), y = c.WithRank(1, 1);
        const bool known = x.fully_defined() && y.fully_defined();
        c.set_output(0, Shape{known ? std::max(x.dim(0), y.dim(0)) : kUnknownDim});
      })
      .NotDifferentiable()
      .Lower(LowerBroadcastArgs);
  r.Op("BroadcastTo")
      .Input("input: T")
      .Input("shape: Tidx")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tidx: {int32, int64} = int32")
      .Doc("The input stretched to a shape by broadcasting")
      .Shape(BroadcastToShape)
      .Gradient(BroadcastToGradient)
      .Lower(LowerBroadcastTo);
}

}  // namespace wengert
