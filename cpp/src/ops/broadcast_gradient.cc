#include "ops/broadcast_gradient.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "wengert/op_def.h"

namespace wengert {
namespace {

// How one argument of a broadcasting op gets its gradient back.
struct Reduction {
  Tensor shape;               // of the argument
  std::vector<int64_t> axes;  // to sum over, when known while building
  Tensor dynamic_axes;        // to sum over, else
  bool needed = true;
};

struct AxesPair {
  std::vector<int64_t> x, y;
};

// The axes of the broadcast shape along which each argument was stretched; nullopt when the
// static shapes do not tell.
std::optional<AxesPair> StaticBroadcastAxes(const Shape& x, const Shape& y) {
  if (!x.has_rank() || !y.has_rank()) return std::nullopt;
  const int rank = std::max(x.rank(), y.rank());
  auto length = [rank](const Shape& s, int axis) -> int64_t {
    const int own = axis - (rank - s.rank());
    return own < 0 ? 1 : s.dim(own);
  };
  AxesPair axes;
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t dx = length(x, axis);
    const int64_t dy = length(y, axis);
    if (dx == 1 && dy != 1) {
      axes.x.push_back(axis);
    } else if (dy == 1 && dx != 1) {
      axes.y.push_back(axis);
    } else if (dx == kUnknownDim || dy == kUnknownDim) {
      return std::nullopt;
    }
  }
  return axes;
}

// Sum of IndexedSlices: they become dense inside the scope of the sum.
Tensor SumOfSlices(Builder& b, const Grad& grad, const Reduction& to) {
  Builder::Scope scope = b.NameScope("Sum");
  const Tensor dense = b.Dense(grad, "input");
  Tensor axes = to.dynamic_axes;
  if (!axes) {
    std::vector<int32_t> values(to.axes.begin(), to.axes.end());
    axes = b.Constant(Array::Vector(values), "reduction_indices");
  }
  return b.Op("Sum", {dense, axes}, {{"keep_dims", true}}, scope.path());
}

Grad Reduce(Builder& b, const Grad& grad, const Reduction& to) {
  if (grad.none() || !to.needed) return grad;
  Tensor sum;
  if (grad.is_slices()) {
    sum = SumOfSlices(b, grad, to);
  } else if (to.dynamic_axes) {
    sum = b.ReduceSum(grad.tensor(), In(to.dynamic_axes), /*keep_dims=*/true);
  } else {
    sum = b.ReduceSum(grad.tensor(), In(to.axes), /*keep_dims=*/true);
  }
  return b.Reshape(sum, to.shape);
}

}  // namespace

Tensor GradOp(Builder& b, const std::string& type, const std::vector<Grad>& args,
              const std::string& name, AttrMap attrs) {
  const bool sparse =
      std::any_of(args.begin(), args.end(), [](const Grad& a) { return a.is_slices(); });
  std::vector<In> inputs;
  inputs.reserve(args.size());
  if (!sparse) {
    for (const Grad& arg : args) inputs.emplace_back(arg.tensor());
    return b.Op(type, std::move(inputs), std::move(attrs), name);
  }
  const OpDef& def = OpRegistry::Global().Get(type);
  Builder::Scope scope = b.NameScope(name.empty() ? type : name);
  for (size_t i = 0; i < args.size(); ++i) {
    inputs.emplace_back(args[i].is_slices() ? b.Dense(args[i], def.inputs().at(i).name)
                                            : args[i].tensor());
  }
  return b.Op(type, std::move(inputs), std::move(attrs), scope.path());
}

Operation* Producer(const Grad& grad) {
  return grad.is_slices() ? grad.slices().values.op : grad.tensor().op;
}

bool SameKnownShape(const Tensor& x, const Tensor& y, const Grad& grad) {
  if (grad.none() || grad.is_slices()) return false;
  const Shape& shape = x.shape();
  return shape.fully_defined() && shape == y.shape() && shape == grad.tensor().shape();
}

BroadcastAxes BroadcastGradientArgs(Builder& b, const Tensor& sx, const Tensor& sy) {
  Operation* args = b.AddOp("BroadcastGradientArgs", {sx, sy});
  return {args->output(0), args->output(1)};
}

std::vector<Grad> SumToShapes(Builder& b, const Tensor& x, const Tensor& y, const Grad& gx,
                              const Grad& gy) {
  if (gx.none() && gy.none()) return {gx, gy};
  Reduction rx, ry;
  rx.shape = b.ShapeOf(x);
  ry.shape = b.ShapeOf(y);
  if (std::optional<AxesPair> axes = StaticBroadcastAxes(x.shape(), y.shape())) {
    rx.axes = std::move(axes->x);
    ry.axes = std::move(axes->y);
    rx.needed = !rx.axes.empty() || x.shape().rank() < y.shape().rank();
    ry.needed = !ry.axes.empty() || y.shape().rank() < x.shape().rank();
  } else {
    const BroadcastAxes dynamic = BroadcastGradientArgs(b, rx.shape, ry.shape);
    rx.dynamic_axes = dynamic.x;
    ry.dynamic_axes = dynamic.y;
  }
  Grad out_x = Reduce(b, gx, rx);
  Grad out_y = Reduce(b, gy, ry);
  return {std::move(out_x), std::move(out_y)};
}

Tensor SumAndReshape(Builder& b, const Tensor& grad, const Tensor& axes, const Tensor& shape,
                     bool keep_dims) {
  const Tensor sum = b.ReduceSum(grad, In(axes), keep_dims);
  return b.Reshape(sum, shape);
}

}  // namespace wengert
