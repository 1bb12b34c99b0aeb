// Reductions over segments given by ids in any order.
#include <algorithm>

#include "ops/index_util.h"

namespace wengert {
namespace {

using op_util::kNumericT;
using op_util::kRealT;

// [num_segments] + data[rank of ids:], where the shape of ids begins that of data.
void UnsortedShape(ShapeContext& c) {
  const Shape &data = c.input(0), &ids = c.input(1);
  c.WithRank(2, 0);
  if (!data.has_rank() || !ids.has_rank()) return;
  if (ids.rank() > data.rank()) {
    c.Fail("Shape must be at least rank " + std::to_string(ids.rank()) + " but is rank " +
           std::to_string(data.rank()));
  }
  for (int i = 0; i < ids.rank(); ++i) c.MergeDims(data.dim(i), ids.dim(i));
  const std::optional<int64_t> count = op_util::StaticInt(c, 2);
  if (count && *count < 0) {
    c.Fail("Dimension size, given by scalar input 2, must be non-negative but is " +
           std::to_string(*count));
  }
  Dims dims{count.value_or(kUnknownDim)};
  dims.insert(dims.end(), data.dims().begin() + ids.rank(), data.dims().end());
  c.set_output(0, Shape(std::move(dims)));
}

LoweringFn Lower(ScatterOp op) {
  return [op](LoweringContext& c) {
    const Dims &data = c.dims(0), &ids = c.dims(1);
    if (ids.size() > data.size() || !std::equal(ids.begin(), ids.end(), data.begin())) {
      c.Fail("data.shape = " + ToString(data) +
             " does not start with segment_ids.shape = " + ToString(ids));
    }
    const int64_t count = op_util::ScalarInt(c, 2, "num_segments");
    if (count < 0)
      c.Fail("Input num_segments == " + std::to_string(count) + " must not be negative.");
    const int64_t rows = NumElements(ids);
    Dims flat{rows}, out{count};
    flat.insert(flat.end(), data.begin() + static_cast<int64_t>(ids.size()), data.end());
    out.insert(out.end(), flat.begin() + 1, flat.end());

    const DType type = c.dtype(0);
    Value init;
    if (op == ScatterOp::kMax || op == ScatterOp::kMin) {
      NumElements(out);
      const Array start =
          op == ScatterOp::kMax ? index_util::Lowest(type) : index_util::Highest(type);
      init = c.b.Broadcast(c.b.Constant(start), out);
    } else {
      init = op_util::Filled(c.b, type, op == ScatterOp::kMul ? 1 : 0, out);
    }
    // Rows with negative ids are dropped, too large ones are errors.
    const Value checked = index_util::CheckedSegmentIds(c.b, c.x(1), count, false, true);
    c.set(c.b.Scatter(op, init, c.b.Reshape(checked, {rows, 1}), c.b.Reshape(c.x(0), flat), true));
  };
}

// Ids with the negative ones replaced by 0, and which ones were not negative.
struct Rows {
  Tensor clipped;
  Tensor present;  // bool, shaped like what is gathered; made on first use
};

Tensor Clip(Builder& b, const Tensor& ids) {
  return b.Op("Maximum", {ids, b.ZerosLike(ids)});
}

// Rows of `from` at the ids, zeros where an id is negative.
Tensor GatherPresent(Builder& b, const Tensor& from, const Tensor& ids, Rows& rows) {
  if (!rows.clipped) rows.clipped = Clip(b, ids);
  const Tensor gathered = b.Gather(from, rows.clipped);
  if (!rows.present) {
    const Tensor ok = b.Op("GreaterEqual", {ids, 0});
    const Tensor ok_shape = b.ShapeOf(ok);
    const Tensor gathered_rank = b.RankOf(gathered), ok_rank = b.RankOf(ok);
    const Tensor missing = b.Subtract(gathered_rank, ok_rank);
    const Tensor ones = b.Ones(std::vector<In>{missing}, DType::kInt32);
    const Tensor aligned = b.Reshape(ok, b.Concat({ok_shape, ones}, 0));
    const Tensor all = index_util::FilledLike(b, gathered, Array::Scalar<bool>(true));
    rows.present = b.Op("LogicalAnd", {aligned, all}, {}, "and");
  }
  const Tensor zeros = b.ZerosLike(gathered);
  return b.Where(rows.present, gathered, zeros);
}

// z_s = sum of x_k with id s: dx_k = dz at its id
std::vector<Grad> SumGradient(GradientContext& g) {
  Rows rows;
  return {GatherPresent(g.b, g.dy(), g.x(1), rows), {}, {}};
}

// z_s = max or min of x_k with id s: dz is shared equally among those that attain it
std::vector<Grad> ExtremeGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor &x = g.x(0), &ids = g.x(1), dy = g.dy();
  Rows rows;
  const Tensor z_at = GatherPresent(b, g.y(), ids, rows);
  const Tensor equal = b.Op("Equal", {x, z_at});
  const Tensor hits = b.Op("LogicalAnd", {equal, rows.present});
  const Tensor count = b.Op("UnsortedSegmentSum", {b.Cast(hits, dy.dtype()), ids, g.x(2)});
  const Tensor share = GatherPresent(b, b.TrueDiv(dy, count), ids, rows);
  const Tensor zeros = b.ZerosLike(share);
  return {b.Where(hits, share, zeros), {}, {}};
}

// z_s = product of x_k with id s: dx_k = dz z_s / x_k where x_k is not 0, the product of the
// others where it is, and 0 where several are 0
std::vector<Grad> ProdGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor &x = g.x(0), &ids = g.x(1), &count = g.x(2), dy = g.dy();
  const Tensor zero = b.Op("Equal", {x, 0});
  const Tensor zeros = b.Op("UnsortedSegmentSum", {b.Cast(zero, DType::kInt32), ids, count});
  const Tensor several = b.Op("Greater", {zeros, 1});
  const Tensor dz = b.Where(several, b.ZerosLike(dy), dy);
  const Tensor others =
      b.Where(zero, index_util::FilledLike(b, x, Array::FromDouble(x.dtype(), 1)), x);
  const Tensor product = b.Op("UnsortedSegmentProd", {others, ids, count});
  Rows rows{Clip(b, ids), {}};
  const Tensor z_at = b.Gather(g.y(), rows.clipped);
  const Tensor product_at = b.Gather(product, rows.clipped);
  const Tensor quotient = b.TrueDiv(z_at, x);
  const Tensor partial = b.Where(zero, product_at, quotient);
  return {b.Multiply(GatherPresent(b, dz, ids, rows), partial), {}, {}};
}

void RegisterUnsorted(OpRegistry& r, const std::string& name, const char* types, ScatterOp op,
                      GradientFn gradient, const char* doc) {
  r.Op(name)
      .Input("data: T")
      .Input("segment_ids: Tindices")
      .Input("num_segments: Tnumsegments")
      .Output("output: T")
      .Attr(types)
      .Attr(op == ScatterOp::kAdd ? "Tindices: {int16, int32, int64}" : "Tindices: {int32, int64}")
      .Attr("Tnumsegments: {int32, int64} = int32")
      .Doc(doc)
      .Shape(UnsortedShape)
      .Gradient(std::move(gradient))
      .Lower(Lower(op));
}

}  // namespace

void RegisterUnsortedSegmentOps(OpRegistry& r) {
  RegisterUnsorted(r, "UnsortedSegmentSum", kNumericT, ScatterOp::kAdd, SumGradient,
                   "Sums of the rows of each id");
  RegisterUnsorted(r, "UnsortedSegmentProd", kNumericT, ScatterOp::kMul, ProdGradient,
                   "Products of the rows of each id");
  RegisterUnsorted(r, "UnsortedSegmentMax", kRealT, ScatterOp::kMax, ExtremeGradient,
                   "Largest of the rows of each id");
  RegisterUnsorted(r, "UnsortedSegmentMin", kRealT, ScatterOp::kMin, ExtremeGradient,
                   "Smallest of the rows of each id");
}

}  // namespace wengert
