// Rows distributed and collected by index tensors: DynamicStitch, DynamicPartition.
#include <algorithm>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::kAnyT;

// --- stitch ------------------------------------------------------------------------------

void StitchShape(ShapeContext& c) {
  const int n = c.num_inputs() / 2;
  bool known = true;
  int64_t rows = 0;
  Shape rest;
  for (int i = 0; i < n; ++i) {
    const Shape &indices = c.input(i), &data = c.input(n + i);
    const std::optional<std::vector<int64_t>> values = op_util::StaticInts(c, i);
    if (!values) {
      known = false;
    } else {
      for (int64_t v : *values) rows = std::max(rows, op_util::CheckedAdd(v, 1));
    }
    if (!indices.has_rank() || !data.has_rank()) continue;
    c.WithRankAtLeast(n + i, indices.rank());
    for (int d = 0; d < indices.rank(); ++d) c.MergeDims(data.dim(d), indices.dim(d));
    rest =
        c.MergeShapes(rest, Shape(Dims(data.dims().begin() + indices.rank(), data.dims().end())));
  }
  if (!rest.has_rank()) {
    c.set_output(0, Shape());
    return;
  }
  Dims dims = rest.dims();
  dims.insert(dims.begin(), known ? rows : kUnknownDim);
  c.set_output(0, Shape(std::move(dims)));
}

void LowerStitch(LoweringContext& c) {
  const int n = static_cast<int>(c.in.size()) / 2;
  std::vector<int64_t> all;  // where each row of the joined data goes
  std::vector<Value> parts;
  Dims rest;
  for (int i = 0; i < n; ++i) {
    const Dims &indices = c.dims(i), &data = c.dims(n + i);
    if (data.size() < indices.size() || !std::equal(indices.begin(), indices.end(), data.begin())) {
      c.Fail("data[" + std::to_string(i) + "].shape = " + ToString(data) +
             " does not start with indices[" + std::to_string(i) +
             "].shape = " + ToString(indices));
    }
    const Dims tail(data.begin() + static_cast<int64_t>(indices.size()), data.end());
    if (i > 0 && tail != rest) {
      c.Fail("Need data[0].shape[" + std::to_string(c.dims(0).size()) + ":] = data[" +
             std::to_string(i) + "].shape[" + std::to_string(indices.size()) + ":]");
    }
    rest = tail;
    const std::vector<int64_t> rows = c.ints(i);
    for (int64_t row : rows) {
      if (row < 0) c.Fail("indices[" + std::to_string(i) + "] is out of range");
    }
    all.insert(all.end(), rows.begin(), rows.end());
    Dims flat = rest;
    flat.insert(flat.begin(), static_cast<int64_t>(rows.size()));
    parts.push_back(c.b.Reshape(c.x(n + i), flat));
  }
  int64_t height = 0;
  for (int64_t row : all) {
    height = std::max(height, op_util::CheckedAdd(row, 1));
  }
  // Later rows win; a row that nothing fills is zero.
  Dims result = rest;
  result.insert(result.begin(), height);
  NumElements(result);
  const int64_t none = static_cast<int64_t>(all.size());
  std::vector<int64_t> source(static_cast<size_t>(height), none);
  for (size_t i = 0; i < all.size(); ++i) {
    source[static_cast<size_t>(all[i])] = static_cast<int64_t>(i);
  }
  if (std::find(source.begin(), source.end(), none) != source.end()) {
    Dims zero_row = rest;
    zero_row.insert(zero_row.begin(), 1);
    parts.push_back(op_util::Filled(c.b, c.dtype(n), 0, zero_row));
  }
  const Value joined = parts.size() == 1 ? parts[0] : c.b.Concat(parts, 0);
  c.set(c.b.Gather(joined, c.b.Constant(Array::Vector<int64_t>(source)), 0, 0));
}

// y[indices_i] = data_i: the gradient of data_i is dy[indices_i].
std::vector<Grad> StitchGradient(GradientContext& g) {
  const int n = g.op->num_inputs() / 2;
  Tensor dy;
  if (g.grad().is_slices()) {
    const IndexedSlices& s = g.grad().slices();
    const Tensor rows =
        g.b.StridedSlice(g.b.ShapeOf(g.y()), In(std::vector<int64_t>{0}),
                         In(std::vector<int64_t>{1}), In(std::vector<int64_t>{1}), 0, 0, 1);
    dy = g.b.Op("UnsortedSegmentSum", {s.values, s.indices, rows});
  } else {
    dy = g.dy();
  }
  std::vector<Grad> grads(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) grads.push_back(g.b.Gather(dy, g.x(i)));
  return grads;
}

// --- partition -----------------------------------------------------------------------------

void PartitionShape(ShapeContext& c) {
  const Shape &data = c.input(0), &partitions = c.input(1);
  Shape out;
  if (data.has_rank() && partitions.has_rank()) {
    c.WithRankAtLeast(0, partitions.rank());
    for (int d = 0; d < partitions.rank(); ++d) c.MergeDims(data.dim(d), partitions.dim(d));
    Dims dims = {kUnknownDim};
    dims.insert(dims.end(), data.dims().begin() + partitions.rank(), data.dims().end());
    out = Shape(std::move(dims));
  }
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, out);
}

void LowerPartition(LoweringContext& c) {
  const Dims data = c.dims(0), shape = c.dims(1);
  if (data.size() < shape.size() || !std::equal(shape.begin(), shape.end(), data.begin())) {
    c.Fail("data.shape must start with partitions.shape, got data.shape = " + ToString(data) +
           ", partitions.shape = " + ToString(shape));
  }
  const int64_t count = c.op.int_attr("num_partitions");
  const std::vector<int64_t> partitions = c.ints(1);
  std::vector<std::vector<int64_t>> rows(static_cast<size_t>(count));
  for (size_t i = 0; i < partitions.size(); ++i) {
    if (partitions[i] < 0 || partitions[i] >= count) {
      c.Fail("partitions[" + std::to_string(i) + "] = " + std::to_string(partitions[i]) +
             " is not in [0, " + std::to_string(count) + ")");
    }
    rows[static_cast<size_t>(partitions[i])].push_back(static_cast<int64_t>(i));
  }
  Dims flat(data.begin() + static_cast<int64_t>(shape.size()), data.end());
  flat.insert(flat.begin(), static_cast<int64_t>(partitions.size()));
  const Value joined = c.b.Reshape(c.x(), flat);
  for (const std::vector<int64_t>& chosen : rows) {
    c.out.push_back(c.b.Gather(joined, c.b.Constant(Array::Vector<int64_t>(chosen)), 0, 0));
  }
}

// Each row of x went to one place: the positions, partitioned alike, stitch the dy_i together.
std::vector<Grad> PartitionGradient(GradientContext& g) {
  Builder& b = g.b;
  const int n = g.op->num_outputs();
  const Tensor prefix = b.ShapeOf(g.x(1));
  const Tensor positions = b.Reshape(b.Range(0, b.ReduceProd(prefix), 1), prefix);
  Operation* parts = b.AddOp("DynamicPartition", {positions, g.x(1)},
                             {{"num_partitions", g.op->int_attr("num_partitions")}});
  std::vector<Tensor> indices, grads;
  for (int i = 0; i < n; ++i) {
    indices.push_back(parts->output(i));
    grads.push_back(g.dy(i));
  }
  const Tensor joined = b.Op("ParallelDynamicStitch", {indices, grads});
  return {b.Reshape(joined, b.ShapeOf(g.x(0))), Grad()};
}

}  // namespace

void RegisterDynamicOps(OpRegistry& r) {
  for (const char* name : {"DynamicStitch", "ParallelDynamicStitch"}) {
    r.Op(name)
        .Input("indices: N * int32")
        .Input("data: N * T")
        .Output("merged: T")
        .Attr("N: int >= 1")
        .Attr(kAnyT)
        .Doc("Collects the rows of several tensors into the rows that the indices name")
        .Shape(StitchShape)
        .Gradient(StitchGradient)
        .Lower(LowerStitch);
  }

  r.Op("DynamicPartition")
      .Input("data: T")
      .Input("partitions: int32")
      .Output("outputs: num_partitions * T")
      .Attr("num_partitions: int >= 1")
      .Attr(kAnyT)
      .Doc("Distributes the rows of a tensor over several tensors")
      .Shape(PartitionShape)
      .Gradient(PartitionGradient)
      .Lower(LowerPartition);
}

}  // namespace wengert
