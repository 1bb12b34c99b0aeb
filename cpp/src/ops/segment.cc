// Reductions over segments of rows given by sorted ids.
#include <algorithm>

#include "ops/index_util.h"

namespace wengert {
namespace {

using op_util::kNumericT;
using op_util::kRealT;

void SegmentShape(ShapeContext& c) {
  const Shape data = c.WithRankAtLeast(0, 1);
  c.WithRank(1, 1);
  if (!data.has_rank()) return;
  Dims dims = data.dims();
  if (c.input(1).has_rank()) c.MergeDims(dims[0], c.input(1).dim(0));
  dims[0] = kUnknownDim;
  c.set_output(0, Shape(std::move(dims)));
}

// Checked arguments of a segment reduction.
struct Segments {
  Value data;
  Value ids;      // [n, 1]
  int64_t count;  // of rows of ids
  Dims dims;      // of the result
};

Segments Prepare(LoweringContext& c) {
  const Dims &data = c.dims(0), &ids = c.dims(1);
  if (ids.size() != 1) c.Fail("segment_ids should be a vector.");
  if (data.empty() || data[0] != ids[0]) {
    c.Fail("segment_ids should be the same size as dimension 0 of input.");
  }
  Segments s{c.x(0), {}, ids[0], data};
  s.dims[0] = 0;
  const Value checked = index_util::CheckedSegmentIds(c.b, c.x(1), -1, true, false);
  if (s.count > 0) {
    // The last id is the largest: it decides the length of the result.
    const Value last = c.b.Slice(checked, {s.count - 1}, {1}, {1});
    const int64_t id = c.evaluate(last).AsInt(0);
    if (id < 0) c.Fail("segment ids must be >= 0");
    s.dims[0] = op_util::CheckedAdd(id, 1);
  }
  s.ids = c.b.Reshape(checked, {s.count, 1});
  return s;
}

// How many rows each segment has, shaped to broadcast along a result.
Value Counts(Lowering& b, const Segments& s) {
  const Value none = op_util::Filled(b, DType::kInt32, 0, {s.dims[0]});
  const Value ones = op_util::Filled(b, DType::kInt32, 1, {s.count});
  Dims aligned(s.dims.size(), 1);
  aligned[0] = s.dims[0];
  return b.Reshape(b.Scatter(ScatterOp::kAdd, none, s.ids, ones), std::move(aligned));
}

void LowerSum(LoweringContext& c) {
  const Segments s = Prepare(c);
  const Value zeros = op_util::Filled(c.b, c.dtype(0), 0, s.dims);
  c.set(c.b.Scatter(ScatterOp::kAdd, zeros, s.ids, s.data));
}

void LowerProd(LoweringContext& c) {
  const Segments s = Prepare(c);
  const Value ones = op_util::Filled(c.b, c.dtype(0), 1, s.dims);
  c.set(c.b.Scatter(ScatterOp::kMul, ones, s.ids, s.data));
}

void LowerMean(LoweringContext& c) {
  const Segments s = Prepare(c);
  const DType wide = op_util::AccumulatorType(c.dtype(0));
  const Value zeros = op_util::Filled(c.b, wide, 0, s.dims);
  const Value sum = c.b.Scatter(ScatterOp::kAdd, zeros, s.ids, c.b.Cast(s.data, wide));
  // An empty segment has mean 0.
  const Value count = c.b.Map(ScalarOp::kMaximum, Counts(c.b, s), 1.0);
  c.set(c.b.Cast(c.b.Div(sum, c.b.Cast(count, wide)), c.dtype(0)));
}

LoweringFn LowerExtreme(ScatterOp op) {
  return [op](LoweringContext& c) {
    const Segments s = Prepare(c);
    const DType type = c.dtype(0);
    const Array start =
        op == ScatterOp::kMax ? index_util::Lowest(type) : index_util::Highest(type);
    const Value init = c.b.Broadcast(c.b.Constant(start), s.dims);
    const Value extreme = c.b.Scatter(op, init, s.ids, s.data);
    // An empty segment gives 0.
    const Value present = c.b.Map(ScalarOp::kGreater, Counts(c.b, s), 0.0);
    c.set(c.b.Select(present, extreme, op_util::Filled(c.b, type, 0, {})));
  };
}

// z_s = sum of x_k over segment s: dx_k = dz of its segment
std::vector<Grad> SumGradient(GradientContext& g) {
  return {g.b.Gather(g.dy(), g.x(1)), {}};
}

// z_s = mean of x_k over segment s: dx_k = dz / n of its segment
std::vector<Grad> MeanGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor rank = b.RankOf(g.x(0));
  const Tensor ids_shape = b.ShapeOf(g.x(1));
  const Tensor inner_rank = b.ExpandDims(b.Subtract(rank, 1), 0);
  const Tensor inner = b.Ones(inner_rank, ids_shape.dtype());
  const Tensor dy = g.dy();
  const Tensor ones = b.Ones(b.Concat({ids_shape, inner}, 0), dy.dtype());
  const Tensor share = b.TrueDiv(dy, b.Op("SegmentSum", {ones, g.x(1)}));
  return {b.Gather(share, g.x(1)), {}};
}

// z_s = max or min of x_k over segment s: dz is shared equally among those that attain it
std::vector<Grad> ExtremeGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor &x = g.x(0), &ids = g.x(1), dy = g.dy();
  const Tensor zeros = b.ZerosLike(x);
  const Tensor hits = b.Op("Equal", {x, b.Gather(g.y(), ids)});
  const Tensor count = b.Op("SegmentSum", {b.Cast(hits, dy.dtype()), ids});
  const Tensor share = b.Gather(b.TrueDiv(dy, count), ids);
  return {b.Where(hits, share, zeros), {}};
}

// z_s = product of x_k over segment s: dx_k = dz z_s / x_k where x_k is not 0, the product of
// the others where it is, and 0 in segments with several zeros
std::vector<Grad> ProdGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor &x = g.x(0), &ids = g.x(1);
  const Tensor zero = b.Op("Equal", {x, 0});
  const Tensor zeros = b.Op("SegmentSum", {b.Cast(zero, DType::kInt32), ids});
  const Tensor several = b.Op("Greater", {zeros, 1});
  const Tensor dy = g.dy();
  const Tensor dz = b.Where(several, b.ZerosLike(dy), dy);
  const Tensor others =
      b.Where(zero, index_util::FilledLike(b, x, Array::FromDouble(x.dtype(), 1)), x);
  const Tensor product = b.Op("SegmentProd", {others, ids});
  const Tensor z_at = b.Gather(g.y(), ids);
  const Tensor product_at = b.Gather(product, ids);
  const Tensor partial = b.Where(zero, product_at, b.TrueDiv(z_at, others));
  return {b.Multiply(b.Gather(dz, ids), partial), {}};
}

void RegisterSegment(OpRegistry& r, const std::string& name, const char* types, GradientFn gradient,
                     LoweringFn lowering, const char* doc) {
  r.Op(name)
      .Input("data: T")
      .Input("segment_ids: Tindices")
      .Output("output: T")
      .Attr(types)
      .Attr("Tindices: {int32, int64}")
      .Doc(doc)
      .Shape(SegmentShape)
      .Gradient(std::move(gradient))
      .Lower(std::move(lowering));
}

}  // namespace

void RegisterSegmentOps(OpRegistry& r) {
  RegisterSegment(r, "SegmentSum", kNumericT, SumGradient, LowerSum,
                  "Sums of the rows of each segment");
  RegisterSegment(r, "SegmentMean", kNumericT, MeanGradient, LowerMean,
                  "Means of the rows of each segment");
  RegisterSegment(r, "SegmentProd", kNumericT, ProdGradient, LowerProd,
                  "Products of the rows of each segment");
  RegisterSegment(r, "SegmentMax", kRealT, ExtremeGradient, LowerExtreme(ScatterOp::kMax),
                  "Largest of the rows of each segment");
  RegisterSegment(r, "SegmentMin", kRealT, ExtremeGradient, LowerExtreme(ScatterOp::kMin),
                  "Smallest of the rows of each segment");
}

}  // namespace wengert
