// Concatenation and its parts: ConcatV2, ConcatOffset, Pack.
#include <algorithm>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::IndexType;
using op_util::kAnyT;

// No tensor has more axes: an axis beyond is wrong however far it is.
constexpr int64_t kMaxRank = 255;

Shape Part(const Shape& s, int from, int to) {
  return Shape(Dims(s.dims().begin() + from, s.dims().begin() + to));
}

// Concatenation of the first `n` inputs along `axis`.
Shape ConcatenatedShape(ShapeContext& c, int n, int64_t axis) {
  axis = std::clamp<int64_t>(axis, -kMaxRank, kMaxRank);
  const int least = static_cast<int>(axis < 0 ? -axis : axis + 1);
  std::optional<Shape> before, after;
  int64_t total = 0;
  for (int i = 0; i < n; ++i) {
    const Shape s = c.WithRankAtLeast(i, least);
    if (!s.has_rank()) {
      total = kUnknownDim;
      continue;
    }
    const int at = static_cast<int>(axis < 0 ? axis + s.rank() : axis);
    const Shape head = Part(s, 0, at), tail = Part(s, at + 1, s.rank());
    before = before ? c.MergeShapes(*before, head) : head;
    after = after ? c.MergeShapes(*after, tail) : tail;
    total = op_util::AddLengths(total, s.dim(at));
  }
  if (!before) return Shape();
  Dims dims = before->dims();
  dims.push_back(total);
  dims.insert(dims.end(), after->dims().begin(), after->dims().end());
  return Shape(std::move(dims));
}

void ConcatShape(ShapeContext& c) {
  const int n = c.num_inputs() - 1;
  c.WithRank(n, 0);
  int rank = -1;
  for (int i = 0; i < n; ++i) {
    if (c.input(i).has_rank()) rank = std::max(rank, c.input(i).rank());
  }
  if (rank == 0) c.Fail("Can't concatenate scalars (use tf.stack instead)");
  const std::optional<int64_t> axis = op_util::StaticInt(c, n);
  if (axis) {
    c.set_output(0, ConcatenatedShape(c, n, *axis));
    return;
  }
  if (rank > 0) {
    for (int i = 0; i < n; ++i) c.WithRank(i, rank);
  }
  c.set_output(0, rank < 0 ? Shape() : Shape::UnknownOfRank(rank));
}

// Shape vectors joined; a part of which nothing is known counts by its length.
std::optional<Shape> ConcatShapeValue(Graph& graph, const Tensor& t) {
  Dims dims;
  for (int i = 0; i + 1 < t.op->num_inputs(); ++i) {
    const Tensor& part = t.op->input(i);
    const Shape& length = part.shape();
    if (!length.has_rank() || length.rank() != 1) return std::nullopt;
    std::optional<Shape> value = graph.ValueAsShape(part);
    if (!value || !value->has_rank()) {
      if (length.dim(0) < 0) return std::nullopt;
      value = Shape::UnknownOfRank(static_cast<int>(length.dim(0)));
    }
    dims.insert(dims.end(), value->dims().begin(), value->dims().end());
  }
  return Shape(std::move(dims));
}

void LowerConcat(LoweringContext& c) {
  const int n = static_cast<int>(c.in.size()) - 1;
  const Dims& first = c.dims(0);
  const int rank = static_cast<int>(first.size());
  const int64_t given = op_util::ScalarInt(c, n, "axis");
  const std::optional<int> axis = op_util::WrapAxis(given, rank);
  if (!axis) {
    c.Fail("ConcatOp : Expected concatenating dimension in the range [" + std::to_string(-rank) +
           ", " + std::to_string(rank) + "), but got " + std::to_string(given));
  }
  for (int i = 1; i < n; ++i) {
    const Dims& other = c.dims(i);
    if (other.size() != first.size()) {
      c.Fail("ConcatOp : Ranks of all input tensors should match: shape[0] = " + ToString(first) +
             " vs. shape[" + std::to_string(i) + "] = " + ToString(other));
    }
    for (size_t d = 0; d < first.size(); ++d) {
      if (static_cast<int>(d) != *axis && other[d] != first[d]) {
        c.Fail("ConcatOp : Dimension " + std::to_string(d) +
               " in both shapes must be equal: shape[0] = " + ToString(first) + " vs. shape[" +
               std::to_string(i) + "] = " + ToString(other));
      }
    }
  }
  c.set(c.b.Concat(std::vector<Value>(c.in.begin(), c.in.end() - 1), *axis));
}

void LowerConcatOffset(LoweringContext& c) {
  const int64_t given = op_util::ScalarInt(c, 0, "concat_dim");
  const std::vector<int64_t> first = op_util::VectorInts(c, 1, "shape");
  const std::optional<int> axis = op_util::WrapAxis(given, static_cast<int>(first.size()));
  if (!axis) {
    c.Fail("Concat dim is out of range: " + std::to_string(given) + " vs. " +
           std::to_string(first.size()));
  }
  int64_t offset = 0;
  for (int i = 1; i < static_cast<int>(c.in.size()); ++i) {
    const std::vector<int64_t> shape = op_util::VectorInts(c, i, "shape");
    if (shape.size() != first.size()) {
      c.Fail("All shapes must have the same rank, but input " + std::to_string(i) + " has rank " +
             std::to_string(shape.size()) + " and input 1 has rank " +
             std::to_string(first.size()));
    }
    std::vector<int64_t> begin(shape.size(), 0);
    begin[static_cast<size_t>(*axis)] = offset;
    c.out.push_back(c.b.Constant(op_util::IntVector(c.dtype(i), begin)));
    offset = op_util::CheckedAdd(offset, shape[static_cast<size_t>(*axis)]);
  }
}

// --- gradient of concatenation ---------------------------------------------------------------

// Shapes of the concatenated tensors: constants when all are static, else one ShapeN.
std::vector<Tensor> PartShapes(Builder& b, const std::vector<Tensor>& parts) {
  std::vector<Tensor> shapes;
  for (const Tensor& part : parts) {
    const Tensor shape = b.ShapeOf(part);
    if (shape.op->type() != "Const") {
      Operation* all = b.AddOp("ShapeN", {parts});
      shapes.clear();
      for (int i = 0; i < all->num_outputs(); ++i) shapes.push_back(all->output(i));
      return shapes;
    }
    shapes.push_back(shape);
  }
  return shapes;
}

// Above this many parts one SplitV beats a Slice each.
constexpr size_t kManyParts = 16;

std::vector<Grad> DenseParts(GradientContext& g, const std::vector<Tensor>& parts) {
  Builder& b = g.b;
  const Tensor dy = g.dy();
  const Tensor axis = b.FloorMod(g.x(static_cast<int>(parts.size())), b.RankOf(parts[0]));
  const std::vector<Tensor> shapes = PartShapes(b, parts);
  std::vector<Grad> grads;
  if (shapes.size() > kManyParts) {
    const Tensor table = b.Stack(std::vector<In>(shapes.begin(), shapes.end()), 1);
    const Tensor row =
        b.Op("Slice", {table, In(std::vector<In>{axis, 0}), In(std::vector<int64_t>{1, -1})});
    Operation* split = b.AddOp("SplitV", {dy, b.Squeeze(row), axis},
                               {{"num_split", static_cast<int64_t>(shapes.size())}}, "split");
    for (int i = 0; i < split->num_outputs(); ++i) grads.push_back(split->output(i));
    return grads;
  }
  Operation* offsets = b.AddOp("ConcatOffset", {axis, shapes});
  for (size_t i = 0; i < shapes.size(); ++i) {
    grads.push_back(b.Op("Slice", {dy, offsets->output(static_cast<int>(i)), shapes[i]}));
  }
  return grads;
}

// Along axis 0 every part gets the rows whose index falls into it.
std::vector<Grad> RowParts(Builder& b, const IndexedSlices& dy, const Tensor& axis,
                           const std::vector<Tensor>& shapes) {
  const DType dtype = dy.indices.dtype();
  std::vector<Grad> grads;
  Tensor start = b.Constant(op_util::IntScalar(dtype, 0));
  for (const Tensor& shape : shapes) {
    const Tensor rows = b.Cast(b.Gather(shape, axis), dtype);
    const Tensor end = b.Add(start, rows);
    const Tensor above = b.Op("GreaterEqual", {dy.indices, start});
    const Tensor inside = b.Op("LogicalAnd", {above, b.Op("Less", {dy.indices, end})});
    const Tensor chosen = b.Squeeze(b.Op("Where", {inside}), {1});
    const Tensor indices = b.Subtract(b.Gather(dy.indices, chosen), start);
    grads.push_back(IndexedSlices{b.Gather(dy.values, chosen), indices, shape});
    start = end;
  }
  return grads;
}

// Along another axis every part gets all indices and its share of each row.
std::vector<Grad> ColumnParts(Builder& b, const IndexedSlices& dy, const Tensor& axis,
                              const std::vector<Tensor>& shapes) {
  using Ints = std::vector<int64_t>;
  const Tensor rank = b.ShapeOf(shapes[0]);
  const Tensor before = b.Zeros(b.ExpandDims(axis, 0), DType::kInt32);
  const Tensor after = b.Zeros(b.Subtract(b.Subtract(rank, axis), 1), DType::kInt32);
  const Tensor mask = b.Concat({before, In(Ints{1}), after}, 0);
  Tensor begin = b.Zeros(rank, DType::kInt32);
  std::vector<Grad> grads;
  for (const Tensor& shape : shapes) {
    const Tensor rest = b.Op("Slice", {shape, In(Ints{1}), In(Ints{-1})});
    const Tensor size = b.Concat({In(Ints{-1}), rest}, 0);
    grads.push_back(IndexedSlices{b.Op("Slice", {dy.values, begin, size}), dy.indices, shape});
    begin = b.Add(begin, b.Multiply(shape, mask), "Add");
  }
  return grads;
}

// y joins the x_i along an axis: dx_i is the block of dy that x_i became.
std::vector<Grad> ConcatGradient(GradientContext& g) {
  const int n = g.op->num_inputs() - 1;
  const std::vector<Tensor> parts(g.op->inputs().begin(), g.op->inputs().end() - 1);
  std::vector<Grad> grads;
  if (!g.grad().is_slices()) {
    grads = DenseParts(g, parts);
  } else {
    const Tensor axis = g.b.FloorMod(g.x(n), g.b.RankOf(parts[0]));
    const std::optional<Array> value = g.b.graph().StaticValue(g.x(n));
    if (!value || value->size() != 1) {
      throw ValueError("Can only compute IndexedSlices gradient with statically-known concat_dim");
    }
    int64_t at = value->AsInt(0);
    if (at < 0) {
      if (!parts[0].shape().has_rank()) {
        throw ValueError(
            "Can only compute IndexedSlices gradient with negative concat_dim when first value "
            "rank is statically-known.");
      }
      at += parts[0].shape().rank();
    }
    std::vector<Tensor> shapes;
    for (const Tensor& part : parts) shapes.push_back(g.b.ShapeOf(part));
    const IndexedSlices& dy = g.grad().slices();
    grads = at == 0 ? RowParts(g.b, dy, axis, shapes) : ColumnParts(g.b, dy, axis, shapes);
  }
  grads.push_back(Grad());
  return grads;
}

// --- pack ----------------------------------------------------------------------------------------

void PackShape(ShapeContext& c) {
  Shape merged;
  for (int i = c.num_inputs() - 1; i >= 0; --i) {
    const std::optional<Shape> both = c.input(i).Merge(merged);
    if (!both) {
      c.Fail(ShapeContext::MergeMessage(c.input(i), merged) + "\n\tFrom merging shape " +
             std::to_string(i) + " with other shapes.");
    }
    merged = *both;
  }
  if (!merged.has_rank()) {
    c.set_output(0, Shape());
    return;
  }
  const int64_t axis = c.attr("axis").as<int64_t>();
  const int rank = merged.rank() + 1;
  const std::optional<int> at = op_util::WrapAxis(axis, rank);
  if (!at) {
    c.Fail("Invalid axis: " + std::to_string(axis) + "; must be in [" + std::to_string(-rank) +
           "," + std::to_string(rank) + ")");
  }
  Dims dims = merged.dims();
  dims.insert(dims.begin() + *at, c.num_inputs());
  c.set_output(0, Shape(std::move(dims)));
}

// A scalar of a shape vector: its value, or that of the length it was sliced from.
int64_t LengthOf(Graph& graph, const Tensor& scalar) {
  const std::optional<Array> value = graph.EvaluateConstant(scalar);
  if (value && value->size() == 1) return std::max<int64_t>(value->AsInt(0), kUnknownDim);
  const Operation& op = *scalar.op;
  if (op.type() != "StridedSlice" || op.int_attr("shrink_axis_mask") != 1) return kUnknownDim;
  const std::optional<Shape> from = graph.ValueAsShape(op.input(0));
  const std::optional<Array> begin = graph.EvaluateConstant(op.input(1));
  if (!from || !from->has_rank() || !begin || begin->size() != 1) return kUnknownDim;
  const std::optional<int> at = op_util::WrapAxis(begin->AsInt(0), from->rank());
  return at ? from->dim(*at) : kUnknownDim;
}

std::optional<Shape> PackShapeValue(Graph& graph, const Tensor& t) {
  if (t.shape().rank() != 1 || !IsInteger(t.dtype())) return std::nullopt;
  Dims dims;
  for (const Tensor& part : t.op->inputs()) dims.push_back(LengthOf(graph, part));
  return Shape(std::move(dims));
}

void LowerPack(LoweringContext& c) {
  Dims dims = c.dims(0);
  const int rank = static_cast<int>(dims.size()) + 1;
  const int axis = op_util::WrappedAxis(c, c.op.int_attr("axis"), rank);
  for (size_t i = 1; i < c.in.size(); ++i) {
    if (c.dims(static_cast<int>(i)) != dims) {
      c.Fail("Shapes of all inputs must match: values[0].shape = " + ToString(dims) +
             " != values[" + std::to_string(i) +
             "].shape = " + ToString(c.dims(static_cast<int>(i))));
    }
  }
  dims.insert(dims.begin() + axis, 1);
  std::vector<Value> parts;
  for (Value v : c.in) parts.push_back(c.b.Reshape(v, dims));
  c.set(parts.size() == 1 ? parts[0] : c.b.Concat(parts, axis));
}

// y stacks the x_i along an axis: dx_i is the i-th slice of dy.
std::vector<Grad> PackGradient(GradientContext& g) {
  Operation* parts =
      g.b.AddOp("Unpack", {g.dy()},
                {{"num", g.op->int_attr("N")}, {"axis", g.op->int_attr("axis")}}, "unstack");
  std::vector<Grad> grads;
  for (int i = 0; i < parts->num_outputs(); ++i) grads.push_back(parts->output(i));
  return grads;
}

}  // namespace

void RegisterConcatOps(OpRegistry& r) {
  r.Op("ConcatV2")
      .Input("values: N * T")
      .Input("axis: Tidx")
      .Output("output: T")
      .Attr("N: int >= 2")
      .Attr(kAnyT)
      .Attr(IndexType("Tidx"))
      .Doc("Joins tensors along an axis")
      .Shape(ConcatShape)
      .ShapeValue(ConcatShapeValue)
      .StaticValue()
      .Gradient(ConcatGradient)
      .Lower(LowerConcat);

  r.Op("ConcatOffset")
      .Input("concat_dim: int32")
      .Input("shape: N * shape_type")
      .Output("offset: N * shape_type")
      .Attr("N: int >= 2")
      .Attr(IndexType("shape_type"))
      .Doc("Where each of the joined tensors begins in a concatenation")
      .Shape([](ShapeContext& c) {
        for (int i = 1; i < c.num_inputs(); ++i) c.set_output(i - 1, c.WithRank(i, 1));
      })
      .NotDifferentiable()
      .Lower(LowerConcatOffset);

  r.Op("Pack")
      .Input("values: N * T")
      .Output("output: T")
      .Attr("N: int >= 1")
      .Attr(kAnyT)
      .Attr("axis: int = 0")
      .Doc("Stacks tensors of one shape along a new axis")
      .Shape(PackShape)
      .ShapeValue(PackShapeValue)
      .StaticValue()
      .Gradient(PackGradient)
      .Lower(LowerPack);
}

}  // namespace wengert
