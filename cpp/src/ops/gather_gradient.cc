#include "ops/gather_gradient.h"

#include "ops/index_util.h"
#include "wengert/builder.h"

namespace wengert::gather_gradient {
namespace {

using index_util::ElementAt;
using index_util::SliceFrom;
using index_util::SliceTo;
using Ints = std::vector<int64_t>;

// dx[i_k] += dy[k]: rows of dy under their indices, not yet added up.
Grad FirstAxis(GradientContext& g, const Tensor& params_shape, const Tensor& size) {
  Builder& b = g.b;
  const Tensor tail = SliceFrom(b, params_shape, 1);
  const Tensor values_shape = b.Concat({size, tail}, 0);
  IndexedSlices s;
  s.values = b.Reshape(g.dy(), values_shape);
  s.indices = b.Reshape(g.x(1), size);
  s.dense_shape = params_shape;
  return s;
}

// Indices into the rows of a tensor whose first batch_dims + 1 axes are flattened: each batch
// adds the number of rows before it.
Tensor FlatIndices(Builder& b, const Tensor& params_shape, const Tensor& indices,
                   int64_t batch_dims) {
  const DType type = indices.dtype();
  Tensor flat = indices;
  const Tensor lengths = b.Cast(params_shape, type);
  Tensor rows = b.Ones(Ints{}, type);
  for (int64_t axis = batch_dims; axis > 0; --axis) {
    const Tensor length = ElementAt(b, lengths, axis - 1);
    rows = b.Multiply(rows, ElementAt(b, lengths, axis));
    const Tensor start = b.Zeros(Ints{}, type), step = b.Ones(Ints{}, type);
    const Tensor offsets = b.Multiply(b.Range(start, length, step), rows);
    // Broadcast along all axes but this one.
    const Tensor before = b.Op("Tile", {Ints{1}, Ints{axis - 1}});
    const Tensor left = b.Subtract(b.RankOf(indices), In(axis));
    const Tensor after = b.Op("Tile", {Ints{1}, std::vector<In>{left}});
    // The list of pieces is made before the number in it becomes a tensor.
    const Tensor shape = b.Concat({before, std::vector<In>{length}, after}, 0);
    flat = b.Add(flat, b.Reshape(offsets, shape));
  }
  return flat;
}

// dx summed over equal indices, where the gathered axis is the first behind the batch axes of
// both params and values.
Tensor BatchSums(Builder& b, const Tensor& params_shape, Tensor values, Tensor indices,
                 int64_t batch_dims, Tensor rows) {
  const Tensor size = b.ExpandDims(b.SizeOf(indices), 0);
  Tensor outer, flat_shape;
  if (batch_dims > 0) {
    const Tensor values_shape = b.ShapeOf(values);
    outer = SliceTo(b, values_shape, batch_dims);
    const Tensor inner = SliceFrom(b, SliceFrom(b, values_shape, batch_dims), 1);
    const Tensor batches = b.Op("Prod", {outer, Ints{0}}, {{"keep_dims", false}});
    flat_shape = b.Concat({Ints{-1}, inner}, 0);
    rows = b.Multiply(rows, batches);
    indices = FlatIndices(b, params_shape, indices, batch_dims);
    values = b.Reshape(values, flat_shape);
  }
  indices = b.Reshape(indices, size);
  const Tensor sums = b.Op("UnsortedSegmentSum", {values, indices, rows});
  return batch_dims > 0 ? b.Reshape(sums, b.Concat({outer, flat_shape}, 0)) : sums;
}

// Any axis: it is moved behind the batch axes, summed there, and moved back.
Grad AnyAxis(GradientContext& g, const Tensor& params_shape, int64_t batch_dims) {
  Builder& b = g.b;
  const Tensor& axis = g.x(2);
  const Tensor outer = SliceTo(b, params_shape, axis);
  const Tensor inner = SliceFrom(b, SliceFrom(b, params_shape, axis), 1);
  const Tensor values_shape = b.Concat({outer, Ints{-1}, inner}, 0);
  const Tensor rank = b.SizeOf(values_shape), axis_rank = b.SizeOf(outer);
  const Tensor batch_axes = b.Range(0, In(batch_dims), 1);
  const Tensor middle_axes = b.Range(In(batch_dims), axis_rank, 1);
  const Tensor next = b.Add(axis_rank, 1);
  const Tensor inner_axes = b.Range(next, rank, 1);
  const Tensor values = b.Reshape(g.dy(), values_shape);

  const Tensor perm =
      b.Concat({batch_axes, std::vector<In>{axis_rank}, middle_axes, inner_axes}, 0);
  const Tensor moved = b.Transpose(values, perm);
  const Tensor moved_shape = b.Gather(params_shape, perm);
  const Tensor rows = ElementAt(b, params_shape, axis);
  const Tensor sums = BatchSums(b, moved_shape, moved, g.x(1), batch_dims, rows);

  const Tensor shifted = b.Add(middle_axes, 1);
  const Tensor back = b.Concat({batch_axes, shifted, Ints{batch_dims}, inner_axes}, 0);
  const Tensor dx = b.Transpose(sums, back);
  // Without elements a transposition can lose the lengths.
  return b.Reshape(dx, b.ShapeOf(g.x(0)));
}

Tensor VariableShape(Builder& b, const Tensor& handle) {
  std::optional<HandleData> data = GetHandleData(handle);
  if (!data || !data->shape.fully_defined()) return b.Op("VariableShape", {handle});
  return b.Constant(op_util::IntVector(DType::kInt32, data->shape.dims()));
}

bool IsColumn(const Shape& indices) {
  return indices.has_rank() && indices.rank() == 2 && indices.dim(1) == 1;
}

// dx[i_k] += dy[k] for index vectors i_k; vectors of length 1 leave slices.
Grad NdGradient(GradientContext& g, const Tensor& shape, AttrMap attrs) {
  Builder& b = g.b;
  if (!IsColumn(g.x(1).shape())) {
    return b.Op("ScatterNd", {g.x(1), g.dy(), shape}, std::move(attrs));
  }
  IndexedSlices s;
  s.values = g.dy();
  s.indices = b.Squeeze(g.x(1), {-1});
  s.dense_shape = shape;
  return s;
}

}  // namespace

// y = x[..., i, ...]: every use of an element sends its dy there.
std::vector<Grad> Gather(GradientContext& g) {
  Builder& b = g.b;
  const Tensor params_shape = b.ShapeOf(g.x(0));
  const Tensor size = b.ExpandDims(b.SizeOf(g.x(1)), 0);
  const std::optional<Array> axis = b.graph().StaticValue(g.x(2));
  int64_t batch_dims = g.op->int_attr("batch_dims");
  if (batch_dims < 0) {
    if (!g.x(1).shape().has_rank()) {
      throw ValueError(
          "Currently, it is unsupported to take the gradient of tf.gather when "
          "batch_dims < 0 and the rank of the indices is unknown. Please pass a "
          "positive batch_dims or use tf.ensure_shape to update the shape of "
          "indices when calling tf.gather. Got batch_dims=" +
          std::to_string(batch_dims) + " and indices=" + g.x(1).name());
    }
    batch_dims += g.x(1).shape().rank();
  }
  if (axis && axis->size() == 1 && axis->AsInt(0) == 0) {
    return {FirstAxis(g, params_shape, size), {}, {}};
  }
  return {AnyAxis(g, params_shape, batch_dims), {}, {}};
}

// y_k = x[i_k]: scattered back, sums over equal indices.
std::vector<Grad> GatherNd(GradientContext& g) {
  const Tensor shape = g.b.ShapeOf(g.x(0), g.x(1).dtype());
  const std::string& policy = g.op->string_attr("bad_indices_policy");
  return {NdGradient(g, shape, {{"bad_indices_policy", policy}}), {}};
}

// As Gather along the first axis; the gradient of the handle is that of the value.
std::vector<Grad> ResourceGather(GradientContext& g) {
  Builder& b = g.b;
  const Tensor shape = VariableShape(b, g.x(0));
  const Tensor size = b.ExpandDims(b.SizeOf(g.x(1)), 0);
  return {FirstAxis(g, shape, size), {}};
}

// As GatherNd.
std::vector<Grad> ResourceGatherNd(GradientContext& g) {
  const Tensor shape = g.b.Op("VariableShape", {g.x(0)}, {{"out_type", g.x(1).dtype()}});
  return {NdGradient(g, shape, {}), {}};
}

}  // namespace wengert::gather_gradient
