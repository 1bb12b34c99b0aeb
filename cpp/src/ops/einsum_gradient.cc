#include "ops/einsum_gradient.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "ops/broadcast_gradient.h"
#include "wengert/builder.h"

// An einsum is linear in each operand, so the gradient of an operand is the einsum of the
// other one and the incoming gradient with its own subscripts as output: z = "ij,jk->ik" has
// dx = "ik,jk->ij"(dz, y). Labels of the operand that neither the other one nor the output
// has were summed away: there the gradient is the same all along the axis. The
// equations are handled as text because "..." takes part in them like a label.
namespace wengert::einsum {
namespace {

constexpr char kDots[] = "...";

bool HasDots(const std::string& subs) {
  return subs.find(kDots) != std::string::npos;
}

// Axis of the first occurrence of a label, counted from the end when behind the ellipsis.
int64_t AxisOf(const std::string& subs, char label) {
  const size_t dots = subs.find(kDots);
  const size_t at = subs.find(label);
  if (dots == std::string::npos || at < dots) return static_cast<int64_t>(at);
  return static_cast<int64_t>(at) - static_cast<int64_t>(subs.size());
}

// Labels of `subs`, each once, that do not occur in `others`.
std::string LabelsNotIn(const std::string& subs, const std::string& others) {
  std::string labels;
  for (char label : subs) {
    if (label != '.' && others.find(label) == std::string::npos &&
        labels.find(label) == std::string::npos) {
      labels.push_back(label);
    }
  }
  return labels;
}

std::string Without(const std::string& subs, const std::string& labels) {
  std::string rest;
  for (char c : subs) {
    if (labels.find(c) == std::string::npos) rest.push_back(c);
  }
  return rest;
}

size_t CountDistinct(const std::string& subs) {
  return std::set<char>(subs.begin(), subs.end()).size();
}

Tensor Sum(Builder& b, std::vector<Tensor> inputs, const std::string& equation) {
  return b.Op("Einsum", {In(std::move(inputs))}, {{"equation", equation}});
}

Array Int32Vector(const std::vector<int64_t>& values) {
  return Array::Vector(std::vector<int32_t>(values.begin(), values.end()));
}

// `shape` with 1 at `axes`: an array when `shape` is known while building, else ops.
In ShapeWithOnes(Builder& b, const Tensor& shape, const std::vector<int64_t>& axes) {
  const Tensor axes_tensor = b.Constant(Int32Vector(axes));
  if (const std::optional<Array> value = b.graph().StaticValue(shape)) {
    std::vector<int64_t> dims = value->AsInts();
    for (int64_t axis : axes) {
      dims.at(axis < 0 ? axis + static_cast<int64_t>(dims.size()) : axis) = 1;
    }
    return In(Int32Vector(dims));
  }
  const Tensor rank = b.SizeOf(shape);
  const Tensor shifted = b.Add(axes_tensor, rank);
  const Tensor wrapped = b.FloorMod(shifted, rank);
  const Tensor count = b.ShapeOf(wrapped);
  const Tensor all = b.Range(0, rank, 1);
  const Tensor ones = b.Ones(count, DType::kInt32);
  return b.Op("DynamicStitch",
              {In(std::vector<Tensor>{all, wrapped}), In(std::vector<Tensor>{shape, ones})});
}

// A vector of ones, always as a Fill.
Tensor OnesVector(Builder& b, int64_t count) {
  Builder::Scope scope = b.NameScope("ones");
  const Tensor shape = b.Constant(Int32Vector({count}), "shape_as_tensor");
  const Tensor one = b.Constant(Array::Scalar<int32_t>(1), "Const");
  return b.Op("Fill", {shape, one}, {}, scope.path());
}

// The gradient of an operand of subscripts `input` from the gradient `dz` of subscripts
// `output`, where the labels `summed` of the operand were summed away.
Tensor Spread(Builder& b, const Tensor& dz, const std::string& output, const std::string& input,
              const Tensor& input_shape, const std::string& summed) {
  std::vector<int64_t> axes;
  std::vector<In> lengths;
  for (char label : summed) {
    const int64_t axis = AxisOf(input, label);
    axes.push_back(axis);
    const std::vector<int64_t> begin{axis}, end{axis + 1}, step{1};
    lengths.emplace_back(b.StridedSlice(input_shape, begin, end, step, /*begin_mask=*/0,
                                        /*end_mask=*/axis == -1 ? 1 : 0,
                                        /*shrink_axis_mask=*/1));
  }
  const Tensor summed_dims = b.Stack(std::move(lengths));
  const bool repeated = CountDistinct(input) + CountDistinct(output) < input.size() + output.size();
  if (!repeated && Without(input, summed) == output) {
    const Tensor kept = b.Reshape(dz, ShapeWithOnes(b, input_shape, axes));
    return b.BroadcastTo(kept, input_shape);
  }
  // First along new leading axes, then an einsum puts them (and diagonals) in place.
  const Tensor shape = b.ShapeOf(dz);
  const Tensor full = b.Concat({summed_dims, shape}, 0);
  const Tensor ones = OnesVector(b, static_cast<int64_t>(summed.size()));
  const Tensor same_shape = b.ShapeOf(dz);
  const Tensor kept_shape = b.Concat({ones, same_shape}, 0);
  const Tensor kept = b.Reshape(dz, kept_shape);
  const Tensor spread = b.BroadcastTo(kept, full);
  return Sum(b, {spread}, summed + output + "->" + input);
}

// The gradient of one of two operands, still of the broadcast shape.
Tensor OperandGradient(Builder& b, const Tensor& dz, const Tensor& other, const Tensor& input_shape,
                       const std::string& input, const std::string& other_subs,
                       const std::string& output) {
  const std::string summed = LabelsNotIn(input, output + other_subs);
  const std::string kept = Without(input, summed);
  const Tensor grad = Sum(b, {dz, other}, output + "," + other_subs + "->" + kept);
  if (summed.empty()) return grad;
  return Spread(b, grad, kept, input, input_shape, summed);
}

// The axes that the ellipsis of a subscript stands for: from `begin` up to `end`, which counts
// from the end of the shape (0: up to the end).
struct DotsRange {
  int64_t begin = 0, end = 0;
};

DotsRange RangeOfDots(const std::string& subs) {
  const size_t dots = subs.find(kDots);
  return {static_cast<int64_t>(dots), -static_cast<int64_t>(subs.size() - dots - 3)};
}

Dims SliceDims(const Shape& shape, const DotsRange& range) {
  return Dims(shape.dims().begin() + range.begin, shape.dims().end() + range.end);
}

Tensor SliceShape(Builder& b, const Tensor& shape, const DotsRange& range) {
  const std::vector<int64_t> begin{range.begin}, end{range.end}, step{1};
  return b.StridedSlice(shape, begin, end, step, 0, /*end_mask=*/range.end == 0 ? 1 : 0);
}

Tensor SumDots(Builder& b, const Tensor& grad, const Tensor& axes, const DotsRange& range,
               const Tensor& shape) {
  const Tensor shifted = b.Add(range.begin, axes);
  return SumAndReshape(b, grad, shifted, shape);
}

std::vector<Grad> UnaryGradient(GradientContext& g, const Tensor& dz, const std::string& input,
                                const std::string& output) {
  const Tensor shape = g.b.ShapeOf(g.x(0));
  const std::string summed = LabelsNotIn(input, output);
  if (summed.empty()) return {Sum(g.b, {dz}, output + "->" + input)};
  return {Spread(g.b, dz, output, input, shape, summed)};
}

}  // namespace

std::vector<Grad> Gradient(GradientContext& g) {
  const Tensor dz = g.dy();
  const std::string& equation = g.op->string_attr("equation");
  const size_t arrow = equation.find("->");
  const std::string inputs = equation.substr(0, arrow), output = equation.substr(arrow + 2);
  if (g.op->num_inputs() == 1) return UnaryGradient(g, dz, inputs, output);

  const size_t comma = inputs.find(',');
  std::string subs_x = inputs.substr(0, comma), subs_y = inputs.substr(comma + 1);
  if (HasDots(output)) {
    if (!HasDots(subs_x)) subs_x += kDots;
    if (!HasDots(subs_y)) subs_y += kDots;
  }
  const Tensor x = g.b.Conj(g.x(0));
  const Tensor y = g.b.Conj(g.x(1));
  const Tensor shape_x = g.b.ShapeOf(x);
  const Tensor shape_y = g.b.ShapeOf(y);
  const Tensor gx = OperandGradient(g.b, dz, y, shape_x, subs_x, subs_y, output);
  const Tensor gy = OperandGradient(g.b, dz, x, shape_y, subs_y, subs_x, output);
  if (!HasDots(output)) return {gx, gy};

  const DotsRange dots_x = RangeOfDots(subs_x), dots_y = RangeOfDots(subs_y);
  if (x.shape().fully_defined() && y.shape().fully_defined() &&
      SliceDims(x.shape(), dots_x) == SliceDims(y.shape(), dots_y)) {
    return {gx, gy};
  }
  const Tensor bx = SliceShape(g.b, shape_x, dots_x);
  const Tensor by = SliceShape(g.b, shape_y, dots_y);
  const BroadcastAxes axes = BroadcastGradientArgs(g.b, bx, by);
  const Tensor dx = SumDots(g.b, gx, axes.x, dots_x, shape_x);
  const Tensor dy = SumDots(g.b, gy, axes.y, dots_y, shape_y);
  return {dx, dy};
}

}  // namespace wengert::einsum
