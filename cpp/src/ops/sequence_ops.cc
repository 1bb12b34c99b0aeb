// Ops on sequences inside a tensor: reversal of their beginnings, order statistics, monotone fits.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "ops/index_util.h"
#include "ops/order_util.h"

namespace wengert {
namespace {

using Ints = std::vector<int64_t>;

// --- ReverseSequence -------------------------------------------------------------------------

void ReverseSequenceShape(ShapeContext& c) {
  const Shape& in = c.input(0);
  c.WithRank(1, 1);
  const int64_t batch = c.attr("batch_dim").as<int64_t>(), seq = c.attr("seq_dim").as<int64_t>();
  c.set_output(0, in);
  if (!in.has_rank()) return;
  if (batch < 0 || batch >= in.rank()) {
    c.Fail("batch_dim must be < input rank: " + std::to_string(batch) + " vs. " +
           std::to_string(in.rank()));
  }
  if (seq < 0 || seq >= in.rank()) {
    c.Fail("seq_dim must be < input rank: " + std::to_string(seq) + " vs. " +
           std::to_string(in.rank()));
  }
  if (!c.input(1).has_rank()) return;
  Dims dims = in.dims();
  int64_t& length = dims[static_cast<size_t>(batch)];
  length = c.MergeDims(length, c.input(1).dim(0));
  c.set_output(0, Shape(std::move(dims)));
}

// Where each element of a sequence comes from: int64 [batch, steps].
Value ReversedPositions(LoweringContext& c, int64_t batch, int64_t steps) {
  KernelSpec spec;
  spec.name = "ReversedPositions";
  spec.key = std::to_string(steps);
  spec.dtypes = {DType::kInt64};
  spec.dims = {{batch, steps}};
  spec.run = [batch, steps](const std::vector<Array>& in, std::vector<Array>& out) {
    const Ints lengths = in[0].AsInts();
    int64_t* to = out[0].data<int64_t>();
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t n = lengths[static_cast<size_t>(b)];
      const std::string name = "seq_lens(" + std::to_string(b) + ")";
      if (n < 0) throw InvalidArgument(name + " < 0");
      if (n > steps) throw InvalidArgument(name + " > input.dims(1)");
      for (int64_t s = 0; s < steps; ++s) *to++ = s < n ? n - 1 - s : s;
    }
  };
  return c.b.Kernel(std::move(spec), {c.x(1)}).at(0);
}

void LowerReverseSequence(LoweringContext& c) {
  const Dims in = c.dims(0);
  const int64_t rank = static_cast<int64_t>(in.size());
  const int64_t batch = c.op.int_attr("batch_dim"), seq = c.op.int_attr("seq_dim");
  if (seq < 0 || seq >= rank) c.Fail("Invalid seq_dim " + std::to_string(seq));
  if (batch < 0 || batch >= rank) c.Fail("Invalid batch_dim " + std::to_string(batch));
  if (batch == seq) c.Fail("batch_dim == seq_dim == " + std::to_string(seq));
  const int64_t rows = in[static_cast<size_t>(batch)];
  if (c.dims(1).size() != 1) c.Fail("seq_lengths must be 1-dim, not " + ToString(c.dims(1)));
  if (c.dims(1)[0] != rows) {
    c.Fail("Length of seq_lengths != input.dims(" + std::to_string(batch) + "), (" +
           std::to_string(c.dims(1)[0]) + " vs. " + std::to_string(rows) + ")");
  }
  // Batch and steps first, so that the positions of a row serve all its elements.
  std::vector<int> perm{static_cast<int>(batch), static_cast<int>(seq)};
  for (int i = 0; i < rank; ++i) {
    if (i != batch && i != seq) perm.push_back(i);
  }
  std::vector<int> back(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) {
    back[static_cast<size_t>(perm[i])] = static_cast<int>(i);
  }
  const Value at = ReversedPositions(c, rows, in[static_cast<size_t>(seq)]);
  c.set(c.b.Transpose(c.b.Gather(c.b.Transpose(c.x(), perm), at, 1, 1), back));
}

// y is a permutation of x that is its own inverse: dx = dy permuted likewise
std::vector<Grad> ReverseSequenceGradient(GradientContext& g) {
  const AttrMap attrs{{"seq_dim", g.op->int_attr("seq_dim")},
                      {"batch_dim", g.op->int_attr("batch_dim")}};
  return {g.b.Op("ReverseSequence", {g.dy(), g.x(1)}, attrs), {}};
}

// --- NthElement ------------------------------------------------------------------------------

void NthElementShape(ShapeContext& c) {
  const Shape in = c.WithRankAtLeast(0, 1);
  c.WithRank(1, 0);
  const std::optional<int64_t> n = op_util::StaticInt(c, 1);
  if (n && *n < 0) {
    c.Fail("Dimension size, given by scalar input 1, must be non-negative but is " +
           std::to_string(*n));
  }
  if (!in.has_rank()) return;
  Dims dims = in.dims();
  if (n && dims.back() >= 0 && dims.back() <= *n) {
    c.Fail("Input must have last dimension > n = " + std::to_string(*n) + " but is " +
           std::to_string(dims.back()));
  }
  dims.pop_back();
  c.set_output(0, Shape(std::move(dims)));
}

template <class T>
void NthOfRows(const Array& x, int64_t n, int64_t length, Array* out) {
  std::vector<T> row(static_cast<size_t>(length));
  const auto less = [](T a, T b) { return order::Less(a, b); };
  T* to = out->data<T>();
  for (const T *from = x.data<T>(), *end = from + x.size(); from < end; from += length) {
    std::copy(from, from + length, row.begin());
    std::nth_element(row.begin(), row.begin() + n, row.end(), less);
    *to++ = row[static_cast<size_t>(n)];
  }
}

void LowerNthElement(LoweringContext& c) {
  Dims dims = c.dims(0);
  if (dims.empty()) c.Fail("input must be >= 1-D, got shape []");
  int64_t n = op_util::ScalarInt(c, 1, "N");
  if (n < 0) c.Fail("n must be non-negative but is " + std::to_string(n));
  const int64_t length = dims.back();
  if (n >= length) c.Fail("Input must have last dimension > n = " + std::to_string(n));
  if (c.op.bool_attr("reverse")) n = length - 1 - n;
  dims.pop_back();
  const DType wide = order::WideType(c.dtype(0));
  KernelSpec spec;
  spec.name = "NthElement";
  spec.key = std::to_string(n);
  spec.dtypes = {wide};
  spec.dims = {dims};
  spec.run = [n, length](const std::vector<Array>& in, std::vector<Array>& out) {
    order::ForWideType(in[0].dtype(),
                       [&](auto zero) { NthOfRows<decltype(zero)>(in[0], n, length, &out[0]); });
  };
  const Value x = c.b.Cast(c.x(), wide);
  c.set(c.b.Cast(c.b.Kernel(std::move(spec), {x}).at(0), c.dtype(0)));
}

// y = the n-th of x: dy is shared equally among the elements equal to it
std::vector<Grad> NthElementGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor hits = b.Cast(b.Op("Equal", {b.ExpandDims(g.y(), -1), g.x(0)}), g.dy().dtype());
  const Tensor dy = b.ExpandDims(g.dy(), -1);
  const Tensor count = b.ExpandDims(b.ReduceSum(hits, In(-1)), -1);
  return {b.Multiply(b.TrueDiv(hits, count), dy), {}};
}

// --- IsotonicRegression ----------------------------------------------------------------------

// The non-increasing sequence closest to each row: neighbours that rise are pooled, and a
// pool has the mean of its elements.
template <class T>
void PoolRows(const Array& x, int64_t length, Array* fit, Array* segments) {
  struct Pool {
    double sum;
    int64_t count;
    double mean() const { return sum / static_cast<double>(count); }
  };
  std::vector<Pool> pools;
  const int64_t rows = length == 0 ? 0 : x.size() / length;
  for (int64_t r = 0; r < rows; ++r) {
    const T* from = x.data<T>() + r * length;
    pools.clear();
    for (int64_t i = 0; i < length; ++i) {
      pools.push_back({static_cast<double>(from[i]), 1});
      while (pools.size() > 1 && pools.back().mean() >= pools[pools.size() - 2].mean()) {
        const Pool last = pools.back();
        pools.pop_back();
        pools.back().sum += last.sum;
        pools.back().count += last.count;
      }
    }
    T* y = fit->data<T>() + r * length;
    int32_t* id = segments->data<int32_t>() + r * length;
    for (size_t p = 0; p < pools.size(); ++p) {
      y = std::fill_n(y, pools[p].count, static_cast<T>(pools[p].mean()));
      id = std::fill_n(id, pools[p].count, static_cast<int32_t>(p));
    }
  }
}

void LowerIsotonic(LoweringContext& c) {
  const Dims dims = c.dims(0);
  if (dims.empty()) c.Fail("input must be at least 1-D");
  const DType out_type = c.op.type_attr("output_dtype");
  const bool wide = c.dtype(0) == DType::kFloat64 || IsInteger(c.dtype(0));
  KernelSpec spec;
  spec.name = "IsotonicRegression";
  spec.dtypes = {wide ? DType::kFloat64 : DType::kFloat32, DType::kInt32};
  spec.dims = {dims, dims};
  spec.run = [wide, length = dims.back()](const std::vector<Array>& in, std::vector<Array>& out) {
    wide ? PoolRows<double>(in[0], length, &out[0], &out[1])
         : PoolRows<float>(in[0], length, &out[0], &out[1]);
  };
  const Value x = c.b.Cast(c.x(), spec.dtypes[0]);
  c.out = c.b.Kernel(std::move(spec), {x});
  c.out[0] = c.b.Cast(c.out[0], out_type);
}

// The fit is the mean over each pool: so is dx of dy. Ids are made distinct between rows.
std::vector<Grad> IsotonicGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor dy = g.dy(), shape = b.ShapeOf(g.y());
  const Tensor length = index_util::ElementAt(b, shape, -1);
  const Tensor ids = b.Reshape(g.y(1), b.Stack({In(-1), In(length)}));
  const Tensor rows = index_util::ElementAt(b, b.ShapeOf(ids), 0);
  const Tensor starts = b.Multiply(b.ExpandDims(b.Range(0, rows, 1), -1), length);
  const Tensor flat_ids = b.Reshape(b.Add(ids, starts), Ints{-1});
  const Tensor flat = b.Reshape(dy, Ints{-1});
  const Tensor size = b.SizeOf(dy);
  const Tensor sums = b.Op("UnsortedSegmentSum", {flat, flat_ids, size});
  const Tensor ones = b.OnesLike(flat);
  const Tensor counts = b.Op("UnsortedSegmentSum", {ones, flat_ids, size});
  const Tensor mean = b.TrueDiv(sums, b.Op("Maximum", {counts, 1.0}));
  return {b.Cast(b.Reshape(b.Gather(mean, flat_ids), shape), g.x(0).dtype())};
}

}  // namespace

void RegisterSequenceOps(OpRegistry& r) {
  r.Op("ReverseSequence")
      .Input("input: T")
      .Input("seq_lengths: Tlen")
      .Output("output: T")
      .Attr("seq_dim: int")
      .Attr("batch_dim: int = 0")
      .Attr(op_util::kAnyT)
      .Attr("Tlen: {int32, int64} = int64")
      .Doc("The first seq_lengths[i] elements of row i reversed, the others as they are")
      .Shape(ReverseSequenceShape)
      .Gradient(ReverseSequenceGradient)
      .Lower(LowerReverseSequence);

  r.Op("NthElement")
      .Input("input: T")
      .Input("n: int32")
      .Output("values: T")
      .Attr("reverse: bool = false")
      .Attr(op_util::kRealT)
      .Doc("The n-th smallest element along the last axis, or the n-th largest")
      .Shape(NthElementShape)
      .Gradient(NthElementGradient)
      .Lower(LowerNthElement);

  r.Op("IsotonicRegression")
      .Input("input: T")
      .Output("output: output_dtype")
      .Output("segments: int32")
      .Attr(op_util::kRealT)
      .Attr("output_dtype: {half, bfloat16, float, double} = float")
      .Doc("The closest non-increasing sequence to each row, and which elements it pools")
      .Shape(shape_rules::UnchangedAll)
      .Gradient(IsotonicGradient)
      .Lower(LowerIsotonic);
}

}  // namespace wengert
