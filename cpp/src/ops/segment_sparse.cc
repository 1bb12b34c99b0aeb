// Reductions over segments of rows that indices pick out, and their gradients.
#include <string>

#include "ops/index_util.h"

namespace wengert {
namespace {

// What the rows of a segment are divided by.
enum class Divisor { kOne, kCount, kRootOfCount };

void CheckShapes(ShapeContext& c) {
  c.WithRank(1, 1);
  c.WithRank(2, 1);
  if (c.input(1).has_rank() && c.input(2).has_rank()) {
    c.MergeDims(c.input(1).dim(0), c.input(2).dim(0));
  }
}

// The shape of input 0 with its first length replaced by the scalar input `count`, if any.
void RowsShape(ShapeContext& c, int count) {
  const Shape data = c.WithRankAtLeast(0, 1);
  CheckShapes(c);
  std::optional<int64_t> rows;
  if (count >= 0) {
    c.WithRank(count, 0);
    rows = op_util::StaticInt(c, count);
    if (rows && *rows < 0) c.Fail("Cannot specify a negative value for num_segments");
  }
  if (!data.has_rank()) return;
  Dims dims = data.dims();
  dims[0] = rows.value_or(kUnknownDim);
  c.set_output(0, Shape(std::move(dims)));
}

int64_t CheckedCount(LoweringContext& c) {
  const Dims &indices = c.dims(1), &ids = c.dims(2);
  if (indices.size() != 1) c.Fail("indices should be a vector.");
  if (ids.size() != 1) c.Fail("segment_ids should be a vector.");
  if (indices != ids) c.Fail("segment_ids and indices should have same size.");
  if (c.dims(0).empty()) c.Fail("input must be at least 1-D");
  return ids[0];
}

// How many rows each of `segments` segments has, at least 1, or the root of it, shaped to
// divide rows of rank `rank`.
Value Denominator(Lowering& b, Divisor divisor, Value ids, int64_t segments, DType dtype,
                  size_t rank) {
  const Value none = op_util::Filled(b, dtype, 0, {segments});
  const Value ones = op_util::Filled(b, dtype, 1, {b.dims(ids)[0]});
  Value count = b.Map(ScalarOp::kMaximum, b.Scatter(ScatterOp::kAdd, none, ids, ones), 1.0);
  if (divisor == Divisor::kRootOfCount) count = b.Map(ScalarOp::kSqrt, count);
  Dims aligned(rank, 1);
  aligned[0] = segments;
  return b.Reshape(count, std::move(aligned));
}

// `with_count`: the number of segments is input 3, else one more than the last id.
LoweringFn LowerSparse(Divisor divisor, bool with_count) {
  return [=](LoweringContext& c) {
    const int64_t rows = CheckedCount(c);
    const int64_t given = with_count ? op_util::ScalarInt(c, 3, "num_segments") : -1;
    if (with_count && given < 0) c.Fail("num_segments must not be negative");
    Value ids = index_util::CheckedSegmentIds(c.b, c.x(2), given, true, false);
    int64_t segments = with_count ? given : 0;
    if (!with_count && rows > 0) {
      // The last id is the largest: it decides the length of the result.
      const int64_t last = c.evaluate(c.b.Slice(ids, {rows - 1}, {1}, {1})).AsInt(0);
      if (last < 0) c.Fail("segment ids must be >= 0");
      segments = op_util::CheckedAdd(last, 1);
    }
    ids = c.b.Reshape(ids, {rows, 1});
    const DType wide = op_util::AccumulatorType(c.dtype(0));
    Dims dims = c.dims(0);
    dims[0] = segments;
    const Value picked = c.b.Cast(c.b.Gather(c.x(0), c.x(1), 0, 0), wide);
    Value v = c.b.Scatter(ScatterOp::kAdd, op_util::Filled(c.b, wide, 0, dims), ids, picked);
    if (divisor != Divisor::kOne) {
      v = c.b.Div(v, Denominator(c.b, divisor, ids, segments, wide, dims.size()));
    }
    c.set(c.b.Cast(v, c.dtype(0)));
  };
}

LoweringFn LowerSparseGrad(Divisor divisor) {
  return [=](LoweringContext& c) {
    const int64_t rows = CheckedCount(c);
    const int64_t length = op_util::ScalarInt(c, 3, "output_dim0");
    if (length < 0) c.Fail("output_dim0 must not be negative");
    const DType wide = op_util::AccumulatorType(c.dtype(0));
    Dims dims = c.dims(0);
    const int64_t segments = dims[0];
    const Value ids = index_util::CheckedSegmentIds(c.b, c.x(2), segments, true, false);
    Value grad = c.b.Cast(c.x(0), wide);
    if (divisor != Divisor::kOne) {
      const Value at = c.b.Reshape(ids, {rows, 1});
      grad = c.b.Div(grad, Denominator(c.b, divisor, at, segments, wide, dims.size()));
    }
    dims[0] = length;
    const Value zeros = op_util::Filled(c.b, wide, 0, dims);
    const Value v = c.b.Scatter(ScatterOp::kAdd, zeros, c.b.Reshape(c.x(1), {rows, 1}),
                                c.b.Gather(grad, ids, 0, 0));
    c.set(c.b.Cast(v, c.dtype(0)));
  };
}

// z_s = sum of x[i_k] over segment s, over n or its root: dx[i_k] += dz_s over the same
GradientFn SparseGradient(const std::string& grad_op) {
  return [grad_op](GradientContext& g) {
    Builder& b = g.b;
    const Tensor shape = b.ShapeOf(g.x(0));
    const Tensor length = index_util::ElementAt(b, shape, 0);
    std::vector<Grad> grads(static_cast<size_t>(g.op->num_inputs()));
    grads[0] = b.Op(grad_op, {g.dy(), g.x(1), g.x(2), length});
    return grads;
  };
}

// Linear in the gradient it takes: the reduction itself brings ddx back.
GradientFn SparseGradGradient(const std::string& forward) {
  return [forward](GradientContext& g) -> std::vector<Grad> {
    Builder& b = g.b;
    const Tensor segments = index_util::ElementAt(b, b.ShapeOf(g.x(0)), 0);
    return {b.Op(forward, {g.dy(), g.x(1), g.x(2), segments}), {}, {}, {}};
  };
}

void RegisterReduction(OpRegistry& r, const std::string& name, Divisor divisor,
                       const std::string& doc) {
  const char* types =
      divisor == Divisor::kOne ? op_util::kRealT : "T: {bfloat16, half, float, double}";
  for (const bool with_count : {false, true}) {
    OpDef& op = r.Op(name + (with_count ? "WithNumSegments" : ""));
    op.Input("data: T").Input("indices: Tidx").Input("segment_ids: Tsegmentids");
    if (with_count) op.Input("num_segments: Tnumsegments");
    op.Output("output: T").Attr(types).Attr("Tidx: {int32, int64} = int32");
    if (with_count) op.Attr("Tnumsegments: {int32, int64} = int32");
    op.Attr("Tsegmentids: {int32, int64} = int32")
        .Attr("sparse_gradient: bool = false")
        .Doc(doc + (with_count ? ", of which there are num_segments" : ""))
        .Shape([with_count](ShapeContext& c) { RowsShape(c, with_count ? 3 : -1); })
        .Gradient(SparseGradient(name + "Grad"))
        .Lower(LowerSparse(divisor, with_count));
  }
  r.Op(name + "Grad")
      .Input("grad: T")
      .Input("indices: Tidx")
      .Input("segment_ids: Tsegmentids")
      .Input("output_dim0: int32")
      .Output("output: T")
      .Attr("T: {bfloat16, half, float, double}")
      .Attr("Tidx: {int32, int64} = int32")
      .Attr("Tsegmentids: {int32, int64} = int32")
      .Doc("Gradient of " + name)
      .Shape([](ShapeContext& c) { RowsShape(c, 3); })
      .Gradient(SparseGradGradient(name + "WithNumSegments"))
      .Lower(LowerSparseGrad(divisor));
}

}  // namespace

void RegisterSparseSegmentOps(OpRegistry& r) {
  RegisterReduction(r, "SparseSegmentSum", Divisor::kOne,
                    "Sums of the rows that indices pick for each segment");
  RegisterReduction(r, "SparseSegmentMean", Divisor::kCount,
                    "Means of the rows that indices pick for each segment");
  RegisterReduction(r, "SparseSegmentSqrtN", Divisor::kRootOfCount,
                    "Sums of the rows that indices pick for each segment, over the root of their "
                    "number");
}

}  // namespace wengert
