// Einsum: sums of products by labelled axes, as diagonals, sums, a batched product of
// matrices, and transposes.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/einsum_equation.h"
#include "ops/einsum_gradient.h"
#include "ops/matrix_diagonals.h"
#include "ops/register.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

using einsum::Equation;
using einsum::kEllipsis;
using einsum::Subscript;

bool Contains(const std::vector<int>& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

std::string RankContext(size_t input, const std::string& equation) {
  return "\n\t for " + std::to_string(input) + "th input and equation: " + equation;
}

void EinsumShape(ShapeContext& c) {
  const std::string& text = c.attr("equation").as<std::string>();
  Equation equation;
  if (auto error = einsum::Parse(text, c.num_inputs(), &equation)) c.Fail(*error);
  std::map<int, int64_t> lengths;
  Shape broadcast = Shape::Scalar();
  for (size_t i = 0; i < equation.inputs.size(); ++i) {
    const Subscript& subscript = equation.inputs[i];
    const Shape& shape = c.input(static_cast<int>(i));
    const int explicit_rank = static_cast<int>(subscript.labels.size());
    if (!shape.has_rank()) {
      for (char label : subscript.labels) {
        lengths.emplace(static_cast<unsigned char>(label), kUnknownDim);
      }
      if (subscript.has_ellipsis()) broadcast = Shape::Unknown();
      continue;
    }
    const bool fits =
        subscript.has_ellipsis() ? shape.rank() >= explicit_rank : shape.rank() == explicit_rank;
    if (!fits) {
      c.Fail(std::string("Shape must be ") + (subscript.has_ellipsis() ? "at least " : "") +
             "rank " + std::to_string(explicit_rank) + " but is rank " +
             std::to_string(shape.rank()) + RankContext(i, text));
    }
    const std::vector<int> labels = subscript.Expand(shape.rank());
    Dims own;
    for (size_t axis = 0; axis < labels.size(); ++axis) {
      const int64_t length = shape.dim(static_cast<int>(axis));
      if (labels[axis] >= kEllipsis) {
        own.push_back(length);
        continue;
      }
      const auto [it, fresh] = lengths.emplace(labels[axis], length);
      if (!fresh) it->second = c.MergeDims(it->second, length);
    }
    broadcast = c.Broadcast(broadcast, Shape(std::move(own)));
  }
  if (!equation.output.has_ellipsis() && broadcast.has_rank() && broadcast.rank() > 0) {
    c.Fail("Shape must be at most rank 0 but is rank " + std::to_string(broadcast.rank()) +
           "\n\t for einsum equation '" + text +
           "' without ellipsis (...) in the output subscripts where input(s) have non-empty "
           "broadcasting shape");
  }
  if (equation.output.has_ellipsis() && !broadcast.has_rank()) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  const int extra = equation.output.has_ellipsis() ? broadcast.rank() : 0;
  Dims dims;
  for (int label :
       equation.output.Expand(static_cast<int>(equation.output.labels.size()) + extra)) {
    dims.push_back(label >= kEllipsis ? broadcast.dim(extra - 1 - (label - kEllipsis))
                                      : lengths.at(label));
  }
  c.set_output(0, Shape(std::move(dims)));
}

// --- lowering ---------------------------------------------------------------------------

struct Operand {
  Value value;
  std::vector<int> labels;  // one per axis
};

int64_t LengthOf(Lowering& b, const Operand& x, int label) {
  for (size_t axis = 0; axis < x.labels.size(); ++axis) {
    if (x.labels[axis] == label) return b.dims(x.value)[axis];
  }
  return 1;
}

// x with its axes in the order of `labels`, which are unique; those that x lacks get length 1,
// and those of x that are not asked for must have length 1.
Value Arrange(Lowering& b, const Operand& x, const std::vector<int>& labels) {
  std::vector<int> perm;
  Dims dims;
  for (int label : labels) {
    const auto it = std::find(x.labels.begin(), x.labels.end(), label);
    dims.push_back(it == x.labels.end() ? 1 : b.dims(x.value)[it - x.labels.begin()]);
    if (it != x.labels.end()) perm.push_back(static_cast<int>(it - x.labels.begin()));
  }
  for (size_t axis = 0; axis < x.labels.size(); ++axis) {
    if (!Contains(labels, x.labels[axis])) perm.push_back(static_cast<int>(axis));
  }
  return b.Reshape(b.Transpose(x.value, std::move(perm)), std::move(dims));
}

// Axes of equal label become one: the diagonal. With both in front, it is every (n+1)-th row
// of the n * n.
void TakeDiagonals(Lowering& b, Operand& x) {
  for (size_t i = 0; i < x.labels.size(); ++i) {
    const auto again = std::find(x.labels.begin() + i + 1, x.labels.end(), x.labels[i]);
    if (again == x.labels.end()) continue;
    const size_t j = again - x.labels.begin();
    const Dims dims = b.dims(x.value);
    const int64_t n = dims[i];
    std::vector<int> perm{static_cast<int>(i), static_cast<int>(j)};
    std::vector<int> labels{x.labels[i]};
    Dims rows{n * n};
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      if (axis == i || axis == j) continue;
      perm.push_back(static_cast<int>(axis));
      labels.push_back(x.labels[axis]);
      rows.push_back(dims[axis]);
    }
    const Value flat = b.Reshape(b.Transpose(x.value, std::move(perm)), rows);
    Dims size = rows, strides(rows.size(), 1);
    size[0] = n;
    strides[0] = n + 1;
    x.value = b.Slice(flat, Dims(rows.size(), 0), std::move(size), std::move(strides));
    x.labels = std::move(labels);
    i = static_cast<size_t>(-1);  // the order changed: look again from the start
  }
}

// Sums out the axes whose labels appear neither in `output` nor in `other`.
void SumOut(Lowering& b, Operand& x, const std::vector<int>& output,
            const std::vector<int>& other) {
  std::vector<int> axes, labels;
  for (size_t axis = 0; axis < x.labels.size(); ++axis) {
    if (Contains(output, x.labels[axis]) || Contains(other, x.labels[axis])) {
      labels.push_back(x.labels[axis]);
    } else {
      axes.push_back(static_cast<int>(axis));
    }
  }
  if (!axes.empty()) x.value = b.Reduce(ReduceOp::kSum, x.value, axes, /*keep_dims=*/false);
  x.labels = std::move(labels);
}

int64_t CountOf(Lowering& b, const Operand& x, const std::vector<int>& labels) {
  int64_t count = 1;
  for (int label : labels) count *= LengthOf(b, x, label);
  return count;
}

std::vector<int> Joined(std::vector<int> a, const std::vector<int>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Product of x and y, summed over the labels they share that are not in `output`. An axis
// that only one of them really has is a row or column axis even when it is a batch axis by
// name, so that a product with a single matrix stays one product.
Operand Multiply(Lowering& b, const Operand& x, const Operand& y, const std::vector<int>& output) {
  std::vector<int> batch, rows, columns, inner;
  for (int label : x.labels) {
    const int64_t nx = LengthOf(b, x, label), ny = LengthOf(b, y, label);
    if (!Contains(y.labels, label) || (nx != ny && ny == 1)) {
      rows.push_back(label);
    } else if (nx == ny) {
      (Contains(output, label) ? batch : inner).push_back(label);
    }
  }
  for (int label : y.labels) {
    const int64_t nx = LengthOf(b, x, label), ny = LengthOf(b, y, label);
    if (!Contains(x.labels, label) || (nx != ny && nx == 1)) columns.push_back(label);
  }
  Operand product;
  product.labels = Joined(Joined(batch, rows), columns);
  if (inner.empty()) {
    product.value = b.Mul(Arrange(b, x, product.labels), Arrange(b, y, product.labels));
    return product;
  }
  Dims batch_dims, dims;
  for (int label : batch) batch_dims.push_back(LengthOf(b, x, label));
  dims = batch_dims;
  for (int label : rows) dims.push_back(LengthOf(b, x, label));
  for (int label : columns) dims.push_back(LengthOf(b, y, label));
  const int64_t depth = CountOf(b, x, inner);
  Dims left = batch_dims, right = batch_dims;
  left.insert(left.end(), {CountOf(b, x, rows), depth});
  right.insert(right.end(), {depth, CountOf(b, y, columns)});
  const Value vx = b.Reshape(Arrange(b, x, Joined(Joined(batch, rows), inner)), std::move(left));
  const Value vy =
      b.Reshape(Arrange(b, y, Joined(Joined(batch, inner), columns)), std::move(right));
  product.value = b.Reshape(b.MatMul(vx, vy, false, false), std::move(dims));
  return product;
}

// x with axes as `output` says; labels that repeat there span diagonals.
Value ArrangeOutput(Lowering& b, Operand x, const std::vector<int>& output) {
  std::vector<int> unique;
  for (int label : output) {
    if (!Contains(unique, label)) unique.push_back(label);
  }
  for (int label : unique) {
    const auto times = std::count(output.begin(), output.end(), label);
    if (times == 1) continue;
    std::vector<int> order;
    for (int other : x.labels) {
      if (other != label) order.push_back(other);
    }
    std::vector<int> perm;
    for (size_t axis = 0; axis < x.labels.size(); ++axis) {
      if (x.labels[axis] != label) perm.push_back(static_cast<int>(axis));
    }
    perm.push_back(
        static_cast<int>(std::find(x.labels.begin(), x.labels.end(), label) - x.labels.begin()));
    x.value = b.Transpose(x.value, std::move(perm));
    order.push_back(label);
    for (int64_t k = 1; k < times; ++k) {
      x.value = matrix::EmbedDiagonal(b, x.value, b.Scalar(b.dtype(x.value), 0.0));
      order.push_back(label);
    }
    x.labels = std::move(order);
  }
  std::vector<int> perm;
  std::vector<bool> used(x.labels.size(), false);
  for (int label : output) {
    for (size_t axis = 0; axis < x.labels.size(); ++axis) {
      if (used[axis] || x.labels[axis] != label) continue;
      used[axis] = true;
      perm.push_back(static_cast<int>(axis));
      break;
    }
  }
  return b.Transpose(x.value, std::move(perm));
}

// Checks ranks and lengths of the operands against the equation and each other.
std::vector<Operand> ReadOperands(LoweringContext& c, const Equation& equation) {
  std::vector<Operand> operands;
  std::map<int, int64_t> lengths;
  for (size_t i = 0; i < equation.inputs.size(); ++i) {
    const Subscript& subscript = equation.inputs[i];
    const Dims dims = c.dims(static_cast<int>(i));
    const bool fits = subscript.has_ellipsis() ? dims.size() >= subscript.labels.size()
                                               : dims.size() == subscript.labels.size();
    if (!fits) {
      c.Fail("Expected subscript '" + subscript.text +
             "' to have the rank of its input, which is " + ToString(dims));
    }
    Operand x;
    x.labels = subscript.Expand(static_cast<int>(dims.size()));
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const auto [it, fresh] = lengths.emplace(x.labels[axis], dims[axis]);
      if (fresh || it->second == dims[axis]) continue;
      if (x.labels[axis] >= kEllipsis && (it->second == 1 || dims[axis] == 1)) continue;
      c.Fail("Expected dimension " + std::to_string(it->second) + " at axis " +
             std::to_string(axis) + " of the input shaped " + ToString(dims) +
             " but got dimension " + std::to_string(dims[axis]));
    }
    x.value = c.x(static_cast<int>(i));
    operands.push_back(std::move(x));
  }
  return operands;
}

void LowerEinsum(LoweringContext& c) {
  const std::string& text = c.op.string_attr("equation");
  Equation equation;
  if (auto error = einsum::Parse(text, static_cast<int>(c.in.size()), &equation)) c.Fail(*error);
  std::vector<Operand> operands = ReadOperands(c, equation);
  int extra = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    extra = std::max(extra, static_cast<int>(operands[i].labels.size()) -
                                static_cast<int>(equation.inputs[i].labels.size()));
  }
  if (!equation.output.has_ellipsis() && extra > 0) {
    c.Fail("Einsum equation '" + text + "' has no ellipsis (...) in the output subscripts");
  }
  const std::vector<int> output =
      equation.output.Expand(static_cast<int>(equation.output.labels.size()) + extra);
  const DType dtype = c.dtype(0);
  const bool half = dtype == DType::kFloat16 || dtype == DType::kBFloat16;
  for (Operand& x : operands) {
    if (half) x.value = c.b.Cast(x.value, DType::kFloat32);
    TakeDiagonals(c.b, x);
  }
  Operand result;
  if (operands.size() == 1) {
    result = operands[0];
    SumOut(c.b, result, output, {});
  } else {
    const std::vector<int> labels_x = operands[0].labels;
    SumOut(c.b, operands[0], output, operands[1].labels);
    SumOut(c.b, operands[1], output, labels_x);
    result = Multiply(c.b, operands[0], operands[1], output);
  }
  c.set(c.b.Cast(ArrangeOutput(c.b, std::move(result), output), dtype));
}

}  // namespace

void RegisterEinsumOps(OpRegistry& r) {
  r.Op("Einsum")
      .Input("inputs: N * T")
      .Output("output: T")
      .Attr("equation: string")
      .Attr("N: int >= 1")
      .Attr("T: type")
      .Doc("Sum of products of one or two tensors by labelled axes")
      .Shape(EinsumShape)
      .Gradient(einsum::Gradient)
      .Lower(LowerEinsum);
}

}  // namespace wengert
