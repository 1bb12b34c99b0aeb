// StridedSlice and its gradient op.
#include <algorithm>

#include "ops/register.h"
#include "ops/shape_util.h"
#include "ops/slice_spec.h"

namespace wengert {
namespace {

using op_util::AxisSlice;
using op_util::SliceMasks;
using op_util::SliceSpec;

SliceMasks MasksOf(const AttrMap& attrs) {
  const auto get = [&attrs](const char* name) { return attrs.find(name)->second.as<int64_t>(); };
  return {get("begin_mask"), get("end_mask"), get("ellipsis_mask"), get("new_axis_mask"),
          get("shrink_axis_mask")};
}

AttrMap MaskAttrs(const Operation& op) {
  AttrMap out;
  for (const char* name :
       {"begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"}) {
    out[name] = op.attr(name);
  }
  return out;
}

void StridedSliceShape(ShapeContext& c) {
  for (int i = 1; i < 4; ++i) c.WithRank(i, 1);
  const std::optional<std::vector<int64_t>> strides = op_util::StaticInts(c, 3);
  if (!c.input(0).has_rank() || !strides) {
    c.set_output(0, Shape());
    return;
  }
  const auto fail = [&c](const std::string& message) { c.Fail(message); };
  const auto resolve = [&](const std::optional<std::vector<int64_t>>& begin,
                           const std::optional<std::vector<int64_t>>& end) {
    return op_util::ResolveSlice(c.input(0).dims(), begin, end, *strides, MasksOf(c.attrs()), fail);
  };
  // Errors of the masks come before, and do not mention, the values of begin and end.
  resolve(std::nullopt, std::nullopt);
  const std::optional<std::vector<int64_t>> begin = op_util::StaticInts(c, 1);
  const std::optional<std::vector<int64_t>> end = op_util::StaticInts(c, 2);
  c.set_output(0, resolve(begin, end).ResultShape());
}

// A slice of a vector that is a shape of which some entries are known.
std::optional<Shape> StridedSliceShapeValue(Graph& graph, const Tensor& t) {
  const SliceMasks masks = MasksOf(t.op->attrs());
  if (masks.ellipsis || masks.new_axis || masks.shrink) return std::nullopt;
  const std::optional<Shape> whole = graph.ValueAsShape(t.op->input(0));
  if (!whole || !whole->has_rank()) return std::nullopt;
  std::optional<Array> values[3];
  for (int i = 0; i < 3; ++i) {
    values[i] = graph.EvaluateConstant(t.op->input(i + 1));
    if (!values[i] || values[i]->size() != 1) return std::nullopt;
  }
  const auto fail = [](const std::string& message) { throw ValueError(message); };
  const SliceSpec spec = op_util::ResolveSlice(
      {whole->rank()}, values[0]->AsInts(), values[1]->AsInts(), values[2]->AsInts(), masks, fail);
  const AxisSlice& s = spec.axes[0];
  Dims dims;
  for (int64_t i = 0; i < s.size; ++i)
    dims.push_back(whole->dim(static_cast<int>(s.begin + i * s.stride)));
  return Shape(std::move(dims));
}

// --- lowering ------------------------------------------------------------------------------

// The three index vectors at inputs first ... first + 2, as far as they are known.
struct Bounds {
  std::optional<std::vector<int64_t>> begin, end;
  std::vector<int64_t> strides;
};

SliceSpec SpecOf(const LoweringContext& c, const Dims& dims, const Bounds& bounds) {
  const auto fail = [&c](const std::string& message) { c.Fail(message); };
  return op_util::ResolveSlice(dims, bounds.begin, bounds.end, bounds.strides,
                               MasksOf(c.op.attrs()), fail);
}

// True when only single indices depend on begin and end, so that they may be known at run
// time only.
bool OnlyIndices(const SliceSpec& spec) {
  return std::all_of(spec.axes.begin(), spec.axes.end(), [](const AxisSlice& s) {
    return s.shrink || s.source < 0 || (s.whole && s.size >= 0);
  });
}

// Resolves a slice of a tensor of shape `dims`. `dynamic` is set when the single indices must
// be read at run time.
SliceSpec Resolve(const LoweringContext& c, const Dims& dims, int first, bool* dynamic) {
  Bounds bounds;
  bounds.strides = op_util::VectorInts(c, first + 2, "strides");
  *dynamic = false;
  try {
    bounds.begin = op_util::VectorInts(c, first, "begin");
    bounds.end = op_util::VectorInts(c, first + 1, "end");
  } catch (const NeedsConstant&) {
    bounds.begin.reset();
    SliceSpec spec = SpecOf(c, dims, bounds);
    if (!OnlyIndices(spec) || c.dims(first) != c.dims(first + 2)) throw;
    *dynamic = true;
    return spec;
  }
  return SpecOf(c, dims, bounds);
}

// Axes that a single index removes, then the others.
std::vector<int> IndexedFirst(const SliceSpec& spec) {
  std::vector<int> order;
  for (const bool shrink : {true, false}) {
    for (size_t i = 0; i < spec.axes.size(); ++i) {
      if (spec.axes[i].shrink == shrink) order.push_back(static_cast<int>(i));
    }
  }
  return order;
}

// The run-time indices of the shrunk axes as one vector, counted from the front.
Value RuntimeIndex(LoweringContext& c, const SliceSpec& spec, const Dims& dims, Value begin) {
  std::vector<int64_t> sources, lengths;
  for (size_t i = 0; i < spec.axes.size(); ++i) {
    if (!spec.axes[i].shrink) continue;
    sources.push_back(spec.axes[i].source);
    lengths.push_back(dims[i]);
  }
  const DType dtype = c.b.dtype(begin) == DType::kInt16 ? DType::kInt32 : c.b.dtype(begin);
  const Value at =
      c.b.Cast(c.b.Gather(begin, c.b.Constant(Array::Vector<int64_t>(sources)), 0, 0), dtype);
  const Value length = c.b.Constant(op_util::IntVector(dtype, lengths));
  return c.b.Select(c.b.Map(ScalarOp::kLess, at, 0.0), c.b.Add(at, length), at);
}

Dims Permuted(const Dims& dims, const std::vector<int>& order) {
  Dims out;
  for (int axis : order) out.push_back(dims[static_cast<size_t>(axis)]);
  return out;
}

void LowerStridedSlice(LoweringContext& c) {
  const Dims dims = c.dims(0);
  bool dynamic = false;
  const SliceSpec spec = Resolve(c, dims, 1, &dynamic);
  const Dims result = spec.ResultShape().dims();
  if (dynamic) {
    Value x = c.x();
    Dims begin, size, strides;
    for (const AxisSlice& s : spec.axes) {
      const size_t i = size.size();
      begin.push_back(s.shrink ? 0 : std::max<int64_t>(s.size > 0 ? s.begin : 0, 0));
      size.push_back(s.shrink ? dims[i] : s.size);
      strides.push_back(s.stride);
    }
    x = c.b.Slice(x, begin, size, strides);
    const std::vector<int> order = IndexedFirst(spec);
    const Value index = RuntimeIndex(c, spec, dims, c.x(1));
    if (c.b.size(index) == 1) {
      const Value at = c.b.Reshape(index, {});
      c.set(c.b.Reshape(c.b.Gather(x, at, order[0], 0), result));
    } else {
      c.set(c.b.Reshape(c.b.GatherNd(c.b.Transpose(x, order), index, 0), result));
    }
    return;
  }
  Dims begin, size, strides;
  for (const AxisSlice& s : spec.axes) {
    begin.push_back(s.size > 0 ? s.begin : 0);
    size.push_back(s.size);
    strides.push_back(s.size > 1 ? s.stride : 1);
  }
  const Value v = size == dims && strides == Dims(dims.size(), 1)
                      ? c.x()
                      : c.b.Slice(c.x(), begin, size, strides);
  c.set(c.b.Reshape(v, result));
}

// Puts `v`, whose axis `axis` holds the elements that slice `s` took out of `length`, back
// between zeros.
Value Spread(Lowering& b, Value v, int axis, const AxisSlice& s, int64_t length) {
  const size_t at = static_cast<size_t>(axis);
  Dims dims = b.dims(v);
  int64_t begin = s.begin, stride = s.stride;
  const Value zero = op_util::Filled(b, b.dtype(v), 0, {});
  if (s.size <= 1) stride = 1;
  if (stride < 0) {
    Dims from(dims.size(), 0), step(dims.size(), 1);
    from[at] = dims[at] - 1;
    step[at] = -1;
    v = b.Slice(v, from, dims, step);
    begin += stride * (s.size - 1);
    stride = -stride;
  }
  if (stride > 1) {
    // [n] -> [n, 1] -> [n, stride] -> [n * stride], cut behind the last element.
    Dims apart = dims;
    apart.insert(apart.begin() + axis + 1, 1);
    Dims low(apart.size(), 0), high(apart.size(), 0);
    high[at + 1] = stride - 1;
    Dims joined = dims;
    joined[at] = dims[at] * stride;
    v = b.Reshape(b.Pad(b.Reshape(v, apart), zero, low, high), joined);
    Dims cut = joined;
    cut[at] = (dims[at] - 1) * stride + 1;
    v = b.Slice(v, Dims(cut.size(), 0), cut, Dims(cut.size(), 1));
    dims = cut;
  }
  Dims low(dims.size(), 0), high(dims.size(), 0);
  low[at] = begin;
  high[at] = length - begin - dims[at];
  return low[at] == 0 && high[at] == 0 ? v : b.Pad(v, zero, low, high);
}

void LowerStridedSliceGrad(LoweringContext& c) {
  const std::vector<int64_t> dims = op_util::VectorInts(c, 0, "shape");
  for (int64_t d : dims) {
    if (d < 0) c.Fail("shape must not be negative");
  }
  NumElements(dims);
  bool dynamic = false;
  const SliceSpec spec = Resolve(c, dims, 1, &dynamic);
  const Dims want = spec.ResultShape().dims();
  if (c.dims(4) != want) {
    c.Fail("shape of dy was " + ToString(c.dims(4)) + " instead of " + ToString(want));
  }
  const DType dtype = c.dtype(4);
  if (NumElements(want) == 0) {
    c.set(op_util::Filled(c.b, dtype, 0, dims));
    return;
  }
  Dims kept;
  for (const AxisSlice& s : spec.axes) kept.push_back(s.size);
  Value v = c.b.Reshape(c.x(4), kept);
  for (size_t i = 0; i < dims.size(); ++i) {
    const AxisSlice& s = spec.axes[i];
    if (!(dynamic && s.shrink)) v = Spread(c.b, v, static_cast<int>(i), s, dims[i]);
  }
  if (dynamic) {
    // Set at the run-time position of zeros whose indexed axes come first.
    const std::vector<int> order = IndexedFirst(spec);
    const Dims ordered = Permuted(dims, order);
    const Value index = RuntimeIndex(c, spec, dims, c.x(1));
    const int64_t depth = c.b.size(index);
    const Dims rest(ordered.begin() + depth, ordered.end());
    v = c.b.Scatter(ScatterOp::kAdd, op_util::Filled(c.b, dtype, 0, ordered), index,
                    c.b.Reshape(v, rest));
    std::vector<int> back(order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      back[static_cast<size_t>(order[i])] = static_cast<int>(i);
    }
    v = c.b.Transpose(v, std::move(back));
  }
  c.set(v);
}

// --- gradients ---------------------------------------------------------------------------------

// y = x[begin:end:strides]: dx holds dy at the positions that were taken and 0 elsewhere.
std::vector<Grad> StridedSliceGradient(GradientContext& g) {
  const Tensor shape = g.b.ShapeOf(g.x(0), g.x(1).dtype());
  std::vector<In> args;
  for (const Tensor& t : {shape, g.x(1), g.x(2), g.x(3)}) {
    const std::optional<Array> value = g.b.graph().StaticValue(t);
    args.push_back(value ? In(*value) : In(t));
  }
  args.push_back(g.dy());
  const Tensor dx = g.b.Op("StridedSliceGrad", std::move(args), MaskAttrs(*g.op));
  return {dx, Grad(), Grad(), Grad()};
}

// y holds dy at the positions of a slice, linear in dy: its gradient is that slice.
std::vector<Grad> StridedSliceGradGradient(GradientContext& g) {
  const Tensor d = g.b.Op("StridedSlice", {g.dy(), g.x(1), g.x(2), g.x(3)}, MaskAttrs(*g.op));
  return {Grad(), Grad(), Grad(), Grad(), d};
}

void AddMasks(OpDef& op) {
  op.Attr("begin_mask: int = 0").Attr("end_mask: int = 0").Attr("ellipsis_mask: int = 0");
  op.Attr("new_axis_mask: int = 0").Attr("shrink_axis_mask: int = 0");
}

}  // namespace

void RegisterStridedSliceOps(OpRegistry& r) {
  OpDef& slice = r.Op("StridedSlice");
  slice.Input("input: T")
      .Input("begin: Index")
      .Input("end: Index")
      .Input("strides: Index")
      .Output("output: T")
      .Attr(op_util::kAnyT)
      .Attr("Index: {int16, int32, int64}")
      .Doc("x[begin:end:strides], with masks for open ends, ellipsis, new and dropped axes")
      .Shape(StridedSliceShape)
      .ShapeValue(StridedSliceShapeValue)
      .Gradient(StridedSliceGradient)
      .Lower(LowerStridedSlice);
  AddMasks(slice);

  OpDef& grad = r.Op("StridedSliceGrad");
  grad.Input("shape: Index")
      .Input("begin: Index")
      .Input("end: Index")
      .Input("strides: Index")
      .Input("dy: T")
      .Output("output: T")
      .Attr(op_util::kAnyT)
      .Attr("Index: {int32, int64}")
      .Doc("Zeros of the given shape that hold dy where StridedSlice would read")
      .Shape([](ShapeContext& c) { c.set_output(0, c.input_as_shape(0)); })
      .Gradient(StridedSliceGradGradient)
      .Lower(LowerStridedSliceGrad);
  AddMasks(grad);
}

}  // namespace wengert
