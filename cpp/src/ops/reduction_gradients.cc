#include "ops/reduction_gradients.h"

#include <algorithm>
#include <numeric>

#include "ops/shape_util.h"

namespace wengert::reduction_gradients {
namespace {

using Ints = std::vector<int64_t>;

// dy of a sum over statically known axes of a fully known shape, repeated along them.
Tensor TiledStatically(Builder& b, const Tensor& dy, const Dims& dims, const Ints& axes) {
  Dims kept = dims, multiples(dims.size(), 1);
  for (int64_t axis : axes) {
    const std::optional<int> at = op_util::WrapAxis(axis, static_cast<int>(dims.size()));
    if (!at) throw ValueError("reduction axis out of range");
    kept[static_cast<size_t>(*at)] = 1;
  }
  for (size_t i = 0; i < dims.size(); ++i) multiples[i] = dims[i] / std::max<int64_t>(kept[i], 1);
  if (b.graph().known_reductions().insert({dims, axes}).second) {
    // TensorFlow computes the multiples in the graph and evaluates them there and then, once
    // per shape and axes; the operations stay behind and count in later names.
    b.FloorDivide(In(dims), b.Op("Maximum", {In(kept), 1}));
  }
  return b.Tile(b.Reshape(dy, In(kept)), In(multiples));
}

Tensor SumGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor x = g.x(0), axes = g.x(1);
  const Shape& shape = x.shape();
  if (shape.has_rank()) {
    if (const std::optional<Array> known = b.graph().StaticValue(axes)) {
      const Ints values = known->AsInts();
      Ints all(static_cast<size_t>(shape.rank()));
      std::iota(all.begin(), all.end(), 0);
      if (known->rank() == 1 && values == all) {
        const Tensor dy = b.Reshape(g.dy(), In(Ints(all.size(), 1)));
        const Tensor multiples = shape.fully_defined()
                                     ? b.Constant(op_util::IntVector(DType::kInt32, shape.dims()))
                                     : b.ShapeOf(x);
        return b.Tile(dy, multiples);
      }
      if (shape.fully_defined()) return TiledStatically(b, g.dy(), shape.dims(), values);
    }
  }
  const Tensor x_shape = b.ShapeOf(x);
  Tensor dy = g.dy();
  if (!g.op->bool_attr("keep_dims")) {
    const In kept = op_util::ReducedShape(b, x_shape, axes);
    dy = b.Reshape(dy, kept);
  }
  return b.BroadcastTo(dy, x_shape);
}

}  // namespace

// y = sum over the axes of x: dx is dy repeated along them.
std::vector<Grad> Sum(GradientContext& g) {
  return {SumGradient(g), Grad()};
}

// y = sum / n with n elements to a mean: dx is the gradient of the sum divided by n.
std::vector<Grad> Mean(GradientContext& g) {
  Builder& b = g.b;
  const Tensor sum = SumGradient(g);
  const Shape &in = g.x(0).shape(), &out = g.op->output_shape(0);
  Tensor count;
  if (in.fully_defined() && out.fully_defined()) {
    const int64_t n = in.num_elements() / std::max<int64_t>(out.num_elements(), 1);
    count = b.Constant(Array::FromDouble(sum.dtype(), static_cast<double>(n)));
  } else {
    const Tensor shape = b.ShapeOf(g.x(0));
    const Tensor rank = b.SizeOf(shape);
    const Tensor axes = b.FloorMod(b.Add(b.Cast(g.x(1), rank.dtype()), rank), rank);
    count = b.ReduceProd(b.Gather(shape, axes));
  }
  return {b.TrueDiv(sum, b.Cast(count, sum.dtype())), Grad()};
}

// y = product of the x_i: dx_i = dy prod_{j != i} x_j. Not dy y / x_i, which zeros spoil: with
// the reduced axes moved to the front and merged, the product of all others is an exclusive
// running product from the left times one from the right.
std::vector<Grad> Prod(GradientContext& g) {
  Builder& b = g.b;
  const Tensor x = g.x(0);
  const Tensor shape = b.ShapeOf(x);
  Tensor axes = b.Reshape(g.x(1), In(Ints{-1}));
  Tensor dy = g.dy();
  if (!g.op->bool_attr("keep_dims")) {
    const In kept = op_util::ReducedShape(b, shape, g.x(1));
    dy = b.Reshape(dy, kept);
  }
  dy = b.BroadcastTo(dy, shape);

  const Tensor rank = b.RankOf(x);
  axes = b.Cast(axes, rank.dtype());
  const Tensor reduced = b.FloorMod(b.Add(axes, rank), rank);
  const Tensor all = b.Range(0, rank, 1);
  const Tensor other = b.Op("ListDiff", {all, reduced}, {{"out_idx", reduced.dtype()}});
  const Tensor perm = b.Concat({reduced, other}, 0);
  const Tensor rows = b.ReduceProd(b.Gather(shape, reduced));
  const Tensor columns = b.ReduceProd(b.Gather(shape, other));
  const Tensor permuted = b.Transpose(x, perm);
  const Tensor permuted_shape = b.ShapeOf(permuted);
  const Tensor matrix = b.Reshape(permuted, In(std::vector<In>{rows, columns}));

  const Tensor left = b.Op("Cumprod", {matrix, 0}, {{"exclusive", true}});
  const Tensor right = b.Op("Cumprod", {matrix, 0}, {{"exclusive", true}, {"reverse", true}});
  const Tensor left_conj = b.Conj(left);
  const Tensor others = b.Reshape(b.Multiply(left_conj, b.Conj(right)), permuted_shape);
  const Tensor inverse = b.Op("InvertPermutation", {perm});
  const Tensor dx = b.Multiply(dy, b.Transpose(others, inverse));
  return {b.Reshape(dx, shape), Grad()};
}

// y = x_i for the i at which x is extreme: dy goes to those i, in equal shares where several
// are.
std::vector<Grad> MinOrMax(GradientContext& g) {
  Builder& b = g.b;
  const Tensor x = g.x(0), axes = g.x(1);
  const Tensor shape = b.ShapeOf(x);
  Tensor y = g.y(), dy = g.dy();
  std::optional<In> kept;
  if (!g.op->bool_attr("keep_dims")) {
    kept = op_util::ReducedShape(b, shape, axes);
    y = b.Reshape(y, *kept);
    dy = b.Reshape(dy, *kept);
  } else {
    kept = b.ShapeOf(y);
  }
  const Tensor chosen = b.Cast(b.Op("Equal", {y, x}), dy.dtype());
  const Tensor count = b.Reshape(b.ReduceSum(chosen, In(axes)), *kept);
  return {b.Multiply(b.TrueDiv(chosen, count), dy), Grad()};
}

// y = sqrt(sum x_i^2): dx_i = x_i dy / y
std::vector<Grad> EuclideanNorm(GradientContext& g) {
  Builder& b = g.b;
  Tensor y = g.y(), dy = g.dy();
  if (!g.op->bool_attr("keep_dims")) {
    const Tensor shape = b.ShapeOf(g.x(0));
    const In kept = op_util::ReducedShape(b, shape, g.x(1));
    y = b.Reshape(y, kept);
    dy = b.Reshape(dy, kept);
  }
  return {b.TrueDiv(g.x(0), b.TrueDiv(y, dy)), Grad()};
}

}  // namespace wengert::reduction_gradients
