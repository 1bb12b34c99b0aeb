// Ops that find elements: the largest ones, those that are not zero; and one that marks them.
#include <algorithm>

#include "ops/index_util.h"

namespace wengert {
namespace {

using op_util::kRealT;

// --- top k -----------------------------------------------------------------------------------

void TopKShape(ShapeContext& c) {
  const Shape input = c.WithRankAtLeast(0, 1);
  c.WithRank(1, 0);
  const std::optional<int64_t> k = op_util::StaticInt(c, 1);
  if (k && *k < 0) c.Fail("Need k >= 0, got " + std::to_string(*k));
  if (!input.has_rank()) return;
  Dims dims = input.dims();
  if (k && dims.back() >= 0 && dims.back() < *k) {
    c.Fail("input must have last dimension >= k = " + std::to_string(*k) + " but is " +
           std::to_string(dims.back()));
  }
  dims.back() = k.value_or(kUnknownDim);
  c.set_output(0, Shape(dims));
  c.set_output(1, Shape(std::move(dims)));
}

void LowerTopK(LoweringContext& c) {
  const Dims& dims = c.dims(0);
  if (dims.empty()) c.Fail("input must be >= 1-D, got shape []");
  const int64_t k = op_util::ScalarInt(c, 1, "k");
  if (k < 0) c.Fail("Need k >= 0, got " + std::to_string(k));
  if (k > dims.back()) c.Fail("input must have at least k columns");
  c.out = c.b.TopK(c.x(0), k);
  c.out.at(1) = c.b.Cast(c.out.at(1), c.op.type_attr("index_type"));
}

// The values are elements of x: dx has dy at the indices, in rows counted through.
std::vector<Grad> TopKGradient(GradientContext& g) {
  Builder& b = g.b;
  using Ints = std::vector<int64_t>;
  const Tensor in_shape = b.ShapeOf(g.x(0)), out_shape = b.ShapeOf(g.y(1));
  auto last_length = [&](const Tensor& shape) {
    const Tensor wide = b.Cast(shape, DType::kInt64);
    return b.Gather(wide, b.Subtract(b.SizeOf(shape), 1));
  };
  const Tensor k = last_length(out_shape);
  const Tensor columns = b.Reshape(g.y(1), b.Stack({In(-1), In(k)}));
  const Tensor length = last_length(in_shape);
  const Tensor rows = index_util::ElementAt(b, b.ShapeOf(columns), 0);
  const Tensor limit = b.Multiply(b.Cast(rows, DType::kInt64), length);
  const Tensor starts = b.Range(0, limit, length);
  const Tensor offsets = b.Cast(b.ExpandDims(starts, -1), columns.dtype());
  const Tensor flat = b.Reshape(b.Add(columns, offsets), Ints{-1});
  const Tensor indices = b.ExpandDims(flat, -1);
  const Tensor updates = b.Reshape(g.dy(0), Ints{-1});
  const Tensor size = b.ReduceProd(in_shape);
  const Tensor dx = b.Op("ScatterNd", {indices, updates, std::vector<In>{size}});
  const Tensor shaped = b.Reshape(dx, in_shape);
  return {shaped, b.Zeros(Ints{}, DType::kInt32)};
}

// --- where -----------------------------------------------------------------------------------

void LowerWhere(LoweringContext& c) {
  Value hits = c.x(0);
  if (c.dtype(0) != DType::kBool) {
    hits = c.b.Map(ScalarOp::kNotEqual, hits, op_util::Filled(c.b, c.dtype(0), 0, {}));
  }
  KernelSpec spec;
  spec.name = "Where";
  spec.dtypes = {DType::kInt64};
  spec.dynamic = true;
  spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) {
    const Array& mask = in[0];
    const bool* hit = mask.data<bool>();
    const int rank = mask.rank();
    const int64_t n = std::count(hit, hit + mask.size(), true);
    out[0] = Array(DType::kInt64, {n, rank});
    int64_t* to = out[0].data<int64_t>();
    Dims at(static_cast<size_t>(rank), 0);
    for (int64_t i = 0; i < mask.size(); ++i) {
      if (hit[i]) to = std::copy(at.begin(), at.end(), to);
      for (int d = rank - 1; d >= 0 && ++at[d] == mask.dims()[d]; --d) at[d] = 0;
    }
  };
  c.out = c.b.Kernel(std::move(spec), {hits});
}

// --- one hot ---------------------------------------------------------------------------------

void OneHotShape(ShapeContext& c) {
  const int64_t axis = c.attr("axis").as<int64_t>();
  if (axis < -1) c.Fail("axis must be >= -1");
  c.WithRank(1, 0);
  c.WithRank(2, 0);
  c.WithRank(3, 0);
  const std::optional<int64_t> depth = op_util::StaticInt(c, 1);
  if (depth && *depth < 0) {
    c.Fail("Dimension size, given by scalar input 1, must be non-negative but is " +
           std::to_string(*depth));
  }
  if (!c.input(0).has_rank()) return;
  Dims dims = c.input(0).dims();
  const int64_t at = axis == -1 ? static_cast<int64_t>(dims.size()) : axis;
  if (at > static_cast<int64_t>(dims.size())) {
    c.Fail("axis must be <= rank of indices, but is " + std::to_string(axis));
  }
  dims.insert(dims.begin() + at, depth.value_or(kUnknownDim));
  c.set_output(0, Shape(std::move(dims)));
}

void LowerOneHot(LoweringContext& c) {
  const int64_t rank = static_cast<int64_t>(c.dims(0).size());
  int64_t axis = c.op.int_attr("axis");
  if (axis < -1 || axis > rank) {
    c.Fail("Expected axis to be -1 or between [0, " + std::to_string(rank + 1) +
           ").  But received: " + std::to_string(axis));
  }
  if (axis == -1) axis = rank;
  const int64_t depth = op_util::ScalarInt(c, 1, "depth");
  if (depth < 0) c.Fail("depth must be non-negative, got: " + std::to_string(depth));
  for (int i : {2, 3}) {
    if (c.b.size(c.x(i)) != 1)
      c.Fail(i == 2 ? "on_value must be a scalar" : "off_value must be a scalar");
  }
  Dims spread = c.dims(0), column(static_cast<size_t>(rank) + 1, 1), out = spread;
  spread.insert(spread.begin() + axis, 1);
  column[static_cast<size_t>(axis)] = depth;
  out.insert(out.begin() + axis, depth);
  NumElements(out);
  const Value ids = c.b.Reshape(c.b.Cast(c.x(0), DType::kInt64), spread);
  const Value places = c.b.Reshape(c.b.Iota(DType::kInt64, depth), column);
  const Value hot = c.b.Map(ScalarOp::kEqual, ids, places);
  const Value on = c.b.Reshape(c.x(2), {}), off = c.b.Reshape(c.x(3), {});
  c.set(c.b.Select(hot, on, off));
}

}  // namespace

void RegisterSelectionOps(OpRegistry& r) {
  r.Op("TopKV2")
      .Input("input: T")
      .Input("k: Tk")
      .Output("values: T")
      .Output("indices: index_type")
      .Attr("sorted: bool = true")
      .Attr(kRealT)
      .Attr("Tk: {int16, int32, int64} = int32")
      .Attr("index_type: {int16, int32, int64} = int32")
      .Doc("The k largest elements along the last axis, and where they are")
      .Shape(TopKShape)
      .Gradient(TopKGradient)
      .Lower(LowerTopK);

  r.Op("Where")
      .Input("input: T")
      .Output("index: int64")
      .Attr(
          "T: {float, double, int32, uint8, int16, int8, complex64, int64, bfloat16, uint16, "
          "complex128, half, uint32, uint64, bool} = bool")
      .Doc("Index vectors of the elements that are not zero")
      .Shape([](ShapeContext& c) {
        const Shape& s = c.input(0);
        c.set_output(0, Shape({kUnknownDim, s.has_rank() ? s.rank() : kUnknownDim}));
      })
      .NoGradient()
      .Lower(LowerWhere);

  r.Op("OneHot")
      .Input("indices: TI")
      .Input("depth: int32")
      .Input("on_value: T")
      .Input("off_value: T")
      .Output("output: T")
      .Attr("axis: int = -1")
      .Attr("T: type")
      .Attr("TI: {uint8, int8, int32, int64} = int64")
      .Doc("On at the indexed places of a new axis, off elsewhere")
      .Shape(OneHotShape)
      .NotDifferentiable()
      .Lower(LowerOneHot);
}

}  // namespace wengert
