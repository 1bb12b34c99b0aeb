// Ops that pick elements of a tensor or a variable by index.
#include "ops/gather_gradient.h"
#include "ops/index_util.h"
#include "wengert/gradients.h"

namespace wengert {
namespace {

using index_util::IgnoresBadIndices;
using index_util::kPolicy;

// params[:axis] + indices[batch_dims:] + params[axis + 1:], with batch axes merged.
Shape GatherResult(ShapeContext& c, const Shape& params, const Shape& indices, int64_t axis,
                   int64_t batch_dims) {
  if (!params.has_rank() || !indices.has_rank()) return {};
  if (batch_dims < 0) batch_dims += indices.rank();
  const std::optional<int> a = op_util::WrapAxis(axis, params.rank());
  if (!a) {
    c.Fail("Shape must be at least rank " + std::to_string(axis < 0 ? -axis : axis + 1) +
           " but is rank " + std::to_string(params.rank()));
  }
  if (batch_dims < 0 || batch_dims > indices.rank()) {
    c.Fail("Shape must be at least rank " + std::to_string(batch_dims) + " but is rank " +
           std::to_string(indices.rank()));
  }
  if (batch_dims > *a) {
    c.Fail("axis (" + std::to_string(*a) + ") must be greater than or equal to batch_dims (" +
           std::to_string(batch_dims) + ")");
  }
  Dims out;
  for (int i = 0; i < *a; ++i) {
    out.push_back(i < batch_dims ? c.MergeDims(params.dim(i), indices.dim(i)) : params.dim(i));
  }
  for (int i = static_cast<int>(batch_dims); i < indices.rank(); ++i) {
    out.push_back(indices.dim(i));
  }
  for (int i = *a + 1; i < params.rank(); ++i) out.push_back(params.dim(i));
  return Shape(std::move(out));
}

void GatherShape(ShapeContext& c) {
  const Shape &params = c.input(0), &indices = c.input(1);
  c.WithRankAtLeast(0, 1);
  const int64_t batch_dims = c.attr("batch_dims").as<int64_t>();
  const std::optional<int64_t> axis = op_util::StaticInt(c, 2);
  if (axis) {
    c.set_output(0, GatherResult(c, params, indices, *axis, batch_dims));
  } else if (params.has_rank() && indices.has_rank() && batch_dims >= 0) {
    const int64_t rank = params.rank() + indices.rank() - 1 - batch_dims;
    if (rank >= 0) c.set_output(0, Shape::UnknownOfRank(static_cast<int>(rank)));
  }
}

// indices[:-1] + params[depth:] where depth is the last length of indices.
Shape GatherNdResult(ShapeContext& c, const Shape& params, const Shape& indices) {
  if (!params.has_rank() || !indices.has_rank()) return {};
  if (indices.rank() < 1) c.Fail("Shape must be at least rank 1 but is rank 0");
  const int64_t depth = indices.dim(indices.rank() - 1);
  if (depth < 0) return {};
  if (depth > params.rank()) {
    c.Fail("indices.shape[-1] must be <= params.rank, but saw indices shape: " + indices.ToError() +
           " and params shape: " + params.ToError());
  }
  Dims out(indices.dims().begin(), indices.dims().end() - 1);
  out.insert(out.end(), params.dims().begin() + depth, params.dims().end());
  return Shape(std::move(out));
}

int BatchDims(const LoweringContext& c, int indices_input) {
  const int rank = static_cast<int>(c.dims(indices_input).size());
  int64_t batch = c.op.int_attr("batch_dims");
  if (batch < 0) batch += rank;
  if (batch < 0 || batch > rank) {
    c.Fail("Expected batch_dims in the range [" + std::to_string(-rank) + ", " +
           std::to_string(rank) + "], but got " + std::to_string(c.op.int_attr("batch_dims")));
  }
  return static_cast<int>(batch);
}

void LowerGather(LoweringContext& c) {
  const int rank = static_cast<int>(c.dims(0).size());
  if (rank == 0) c.Fail("params must be at least 1 dimensional");
  const int axis = op_util::WrappedAxis(c, op_util::ScalarInt(c, 2, "axis"), rank);
  const int batch = BatchDims(c, 1);
  if (batch > axis) {
    c.Fail("batch_dims (" + std::to_string(batch) + ") must be less than or equal to axis (" +
           std::to_string(axis) + ").");
  }
  c.set(c.b.Gather(c.x(0), c.x(1), axis, batch));
}

void LowerGatherNd(LoweringContext& c) {
  if (!IgnoresBadIndices(c.op.string_attr("bad_indices_policy"))) {
    c.set(c.b.GatherNd(c.x(0), c.x(1), 0));
    return;
  }
  // Bad indices read zeros: they are clipped, and what they read is masked.
  const Dims &params = c.dims(0), &indices = c.dims(1);
  if (indices.empty() || indices.back() > static_cast<int64_t>(params.size())) {
    c.Fail("index innermost dimension length must be <= params rank");
  }
  const Dims limits(params.begin(), params.begin() + indices.back());
  const Value wide = c.b.Cast(c.x(1), DType::kInt64);
  const Value limit = c.b.Constant(Array::Vector<int64_t>(limits));
  const Value ok = c.b.Map(ScalarOp::kAnd, c.b.Map(ScalarOp::kGreaterEqual, wide, 0.0),
                           c.b.Map(ScalarOp::kLess, wide, limit));
  const Value zero = c.b.Scalar(DType::kInt64, 0);
  const Value picked = c.b.GatherNd(c.x(0), c.b.Select(ok, wide, zero), 0);
  Value keep = c.b.Reduce(ReduceOp::kAll, ok, {static_cast<int>(indices.size()) - 1}, false);
  Dims aligned = c.b.dims(keep);
  aligned.resize(c.b.dims(picked).size(), 1);
  keep = c.b.Reshape(keep, aligned);
  c.set(c.b.Select(keep, picked, op_util::Filled(c.b, c.dtype(0), 0, {})));
}

Shape HandleShape(ShapeContext& c) {
  std::optional<HandleData> data = GetHandleData(c.input_tensor(0));
  return data ? data->shape : Shape();
}

}  // namespace

void RegisterGatherOps(OpRegistry& r) {
  r.Op("GatherV2")
      .Input("params: Tparams")
      .Input("indices: Tindices")
      .Input("axis: Taxis")
      .Output("output: Tparams")
      .Attr("batch_dims: int = 0")
      .Attr("Tparams: type")
      .Attr("Tindices: {int16, int32, int64}")
      .Attr("Taxis: {int32, int64}")
      .Doc("Slices of params along an axis, at the given indices")
      .Shape(GatherShape)
      .Gradient(gather_gradient::Gather)
      .Lower(LowerGather);

  r.Op("GatherNd")
      .Input("params: Tparams")
      .Input("indices: Tindices")
      .Output("output: Tparams")
      .Attr("Tparams: type")
      .Attr("Tindices: {int16, int32, int64}")
      .Attr(kPolicy)
      .Doc("Slices of params at index vectors")
      .Shape([](ShapeContext& c) { c.set_output(0, GatherNdResult(c, c.input(0), c.input(1))); })
      .Gradient(gather_gradient::GatherNd)
      .Lower(LowerGatherNd);

  r.Op("ResourceGather")
      .Input("resource: resource")
      .Input("indices: Tindices")
      .Output("output: dtype")
      .Attr("batch_dims: int = 0")
      .Attr("validate_indices: bool = true")
      .Attr("dtype: type")
      .Attr("Tindices: {int32, int64}")
      .Stateful()
      .Doc("Slices of a variable along its first axis, at the given indices")
      .Shape([](ShapeContext& c) {
        int64_t batch = c.attr("batch_dims").as<int64_t>();
        if (batch < 0 && !c.input(1).has_rank()) return;
        if (batch < 0) batch += c.input(1).rank();
        c.set_output(0, GatherResult(c, HandleShape(c), c.input(1), batch, batch));
      })
      .Gradient(gather_gradient::ResourceGather)
      .Lower([](LoweringContext& c) {
        const Value params = c.b.ReadVariable(c.x(0), c.op.type_attr("dtype"));
        const int batch = BatchDims(c, 1);
        if (batch >= c.b.rank(params)) c.Fail("params must be at least 1 dimensional");
        c.set(c.b.Gather(params, c.x(1), batch, batch));
      });

  r.Op("ResourceGatherNd")
      .Input("resource: resource")
      .Input("indices: Tindices")
      .Output("output: dtype")
      .Attr("dtype: type")
      .Attr("Tindices: {int32, int64}")
      .Stateful()
      .Doc("Slices of a variable at index vectors")
      .Shape(
          [](ShapeContext& c) { c.set_output(0, GatherNdResult(c, HandleShape(c), c.input(1))); })
      .Gradient(gather_gradient::ResourceGatherNd)
      .Lower([](LoweringContext& c) {
        const Value params = c.b.ReadVariable(c.x(0), c.op.type_attr("dtype"));
        c.set(c.b.GatherNd(params, c.x(1), 0));
      });
}

}  // namespace wengert
