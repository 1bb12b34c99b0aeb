// Padding with constants and by mirroring.
#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::IndexType;
using op_util::kAnyT;

// Lengths after padding, or (sign -1) before it. `paddings` holds (low, high) pairs.
Dims Padded(const Dims& dims, const std::vector<int64_t>& paddings, int sign) {
  Dims out;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t both = op_util::CheckedAdd(paddings[2 * i], paddings[2 * i + 1]);
    out.push_back(dims[i] < 0 ? kUnknownDim : op_util::CheckedAdd(dims[i], sign * both));
  }
  return out;
}

void PadShape(ShapeContext& c, int sign) {
  const Shape table = c.WithRank(1, 2);
  if (table.dim(1) >= 0) c.MergeDims(table.dim(1), 2);
  Shape in = c.input(0);
  if (table.dim(0) >= 0) in = c.WithRank(0, static_cast<int>(table.dim(0)));
  const std::optional<Array> paddings = c.constant(1);
  if (!in.has_rank() && paddings) {
    // The rank is given by the paddings although no length is.
    in = Shape::UnknownOfRank(static_cast<int>(paddings->size() / 2));
  }
  if (!in.has_rank() || !paddings || paddings->size() != 2 * in.rank()) {
    c.set_output(0, in.has_rank() ? Shape::UnknownOfRank(in.rank()) : Shape());
    return;
  }
  const std::vector<int64_t> values = paddings->AsInts();
  for (int64_t p : values) {
    if (p < 0) c.Fail("Paddings must be non-negative");
  }
  Dims dims = Padded(in.dims(), values, sign);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (in.dim(static_cast<int>(i)) >= 0 && dims[i] < 0) {
      c.Fail("Paddings are larger than the dimension " +
             std::to_string(in.dim(static_cast<int>(i))));
    }
  }
  c.set_output(0, Shape(std::move(dims)));
}

std::vector<int64_t> Paddings(const LoweringContext& c) {
  const Dims &table = c.dims(1), &dims = c.dims(0);
  if (table.size() != 2 || table[1] != 2) {
    c.Fail("paddings must be a matrix with 2 columns: " + ToString(table));
  }
  if (table[0] != static_cast<int64_t>(dims.size())) {
    c.Fail("The first dimension of paddings must be the rank of inputs" + ToString(table) + " " +
           ToString(dims));
  }
  const std::vector<int64_t> values = c.ints(1);
  for (size_t i = 0; i + 1 < values.size(); i += 2) {
    if (values[i] < 0 || values[i + 1] < 0) {
      c.Fail("Paddings must be non-negative: " + std::to_string(values[i]) + " " +
             std::to_string(values[i + 1]));
    }
  }
  return values;
}

void LowerPad(LoweringContext& c) {
  const std::vector<int64_t> paddings = Paddings(c);
  NumElements(Padded(c.dims(0), paddings, 1));
  Value fill;
  if (c.in.size() == 3) {
    if (c.b.size(c.x(2)) != 1) {
      c.Fail("constant_values must be a scalar. Found: " + ToString(c.dims(2)));
    }
    fill = c.b.Reshape(c.x(2), {});
  } else {
    fill = op_util::Filled(c.b, c.dtype(0), 0, {});
  }
  Dims low, high;
  for (size_t i = 0; i < paddings.size(); i += 2) {
    low.push_back(paddings[i]);
    high.push_back(paddings[i + 1]);
  }
  const bool none = low == Dims(low.size(), 0) && high == low;
  c.set(none ? c.x() : c.b.Pad(c.x(), fill, std::move(low), std::move(high)));
}

// y is x between constants: dx is the block of dy that starts at the low paddings.
std::vector<Grad> PadGradient(GradientContext& g) {
  using Ints = std::vector<int64_t>;
  Builder& b = g.b;
  const Tensor column = b.Stack({b.RankOf(g.x(0)), 1});
  const Tensor low = b.Op("Slice", {g.x(1), In(Ints{0, 0}), column});
  const Tensor begin = b.Reshape(low, In(Ints{-1}));
  const Tensor size = b.ShapeOf(g.x(0), begin.dtype());
  std::vector<Grad> grads(static_cast<size_t>(g.op->num_inputs()));
  grads[0] = b.Op("Slice", {g.dy(), begin, size});
  return grads;
}

// --- mirroring -----------------------------------------------------------------------------

// `n` elements from `begin` on along `axis`, in steps of 1 or -1.
Value Run(Lowering& b, Value x, size_t axis, int64_t begin, int64_t n, int64_t step) {
  Dims from(b.dims(x).size(), 0), dims = b.dims(x), strides(dims.size(), 1);
  from[axis] = n == 0 ? 0 : begin;
  dims[axis] = n;
  strides[axis] = step;
  return b.Slice(x, std::move(from), std::move(dims), std::move(strides));
}

// 1 where the border is not repeated (REFLECT), else 0; checks that the axis is long enough.
int64_t MirrorOffset(const LoweringContext& c, int64_t low, int64_t high, int64_t length) {
  const bool reflect = c.op.string_attr("mode") == "REFLECT";
  const int64_t offset = reflect ? 1 : 0;
  if (low > length - offset || high > length - offset) {
    if (low > 0 || high > 0) {
      c.Fail(std::string("paddings must be ") + (reflect ? "less than" : "no greater than") +
             " the dimension size: " + std::to_string(low) + ", " + std::to_string(high) +
             (reflect ? " not less than " : " greater than ") + std::to_string(length));
    }
  }
  return offset;
}

void LowerMirrorPad(LoweringContext& c) {
  const std::vector<int64_t> paddings = Paddings(c);
  NumElements(Padded(c.dims(0), paddings, 1));
  Value v = c.x();
  for (size_t i = 0; 2 * i < paddings.size(); ++i) {
    const int64_t low = paddings[2 * i], high = paddings[2 * i + 1];
    const int64_t n = c.b.dims(v)[i];
    const int64_t offset = MirrorOffset(c, low, high, n);
    std::vector<Value> parts;
    if (low > 0) parts.push_back(Run(c.b, v, i, low - 1 + offset, low, -1));
    parts.push_back(v);
    if (high > 0) parts.push_back(Run(c.b, v, i, n - 1 - offset, high, -1));
    if (parts.size() > 1) v = c.b.Concat(parts, static_cast<int>(i));
  }
  c.set(v);
}

// The transpose of mirroring: the folded borders are added to what they mirror.
void LowerMirrorPadGrad(LoweringContext& c) {
  const std::vector<int64_t> paddings = Paddings(c);
  const Dims inner = Padded(c.dims(0), paddings, -1);
  Value v = c.x();
  const Value zero = op_util::Filled(c.b, c.dtype(0), 0, {});
  for (size_t i = 0; i < inner.size(); ++i) {
    const int64_t low = paddings[2 * i], high = paddings[2 * i + 1], n = inner[i];
    if (n < 0) c.Fail("paddings are larger than the input " + ToString(c.dims(0)));
    const int64_t offset = MirrorOffset(c, low, high, n);
    const Value whole = v;
    v = low + high > 0 ? Run(c.b, whole, i, low, n, 1) : whole;
    Dims before(inner.size(), 0), after(inner.size(), 0);
    if (low > 0) {
      before[i] = offset;
      after[i] = n - offset - low;
      v = c.b.Add(v, c.b.Pad(Run(c.b, whole, i, low - 1, low, -1), zero, before, after));
    }
    if (high > 0) {
      before[i] = n - offset - high;
      after[i] = offset;
      v = c.b.Add(v,
                  c.b.Pad(Run(c.b, whole, i, low + n + high - 1, high, -1), zero, before, after));
    }
  }
  c.set(v);
}

void RegisterMirrorPads(OpRegistry& r) {
  for (const bool forward : {true, false}) {
    const char* transpose = forward ? "MirrorPadGrad" : "MirrorPad";
    r.Op(forward ? "MirrorPad" : "MirrorPadGrad")
        .Input("input: T")
        .Input("paddings: Tpaddings")
        .Output("output: T")
        .Attr(kAnyT)
        .Attr(IndexType("Tpaddings"))
        .Attr("mode: {'REFLECT', 'SYMMETRIC'}")
        .Doc(forward ? "Pads with mirrored elements of the tensor"
                     : "Adds mirrored borders to the elements they mirror")
        .Shape([forward](ShapeContext& c) { PadShape(c, forward ? 1 : -1); })
        // Linear, and the two ops are each other's transpose.
        .Gradient([transpose](GradientContext& g) -> std::vector<Grad> {
          return {g.b.Op(transpose, {g.dy(), g.x(1)}, {{"mode", g.op->string_attr("mode")}}),
                  Grad()};
        })
        .Lower(forward ? LowerMirrorPad : LowerMirrorPadGrad);
  }
}

}  // namespace

void RegisterPadOps(OpRegistry& r) {
  r.Op("Pad")
      .Input("input: T")
      .Input("paddings: Tpaddings")
      .Output("output: T")
      .Attr(kAnyT)
      .Attr(IndexType("Tpaddings"))
      .Doc("Pads with zeros")
      .Shape([](ShapeContext& c) { PadShape(c, 1); })
      .Gradient(PadGradient)
      .Lower(LowerPad);

  r.Op("PadV2")
      .Input("input: T")
      .Input("paddings: Tpaddings")
      .Input("constant_values: T")
      .Output("output: T")
      .Attr(kAnyT)
      .Attr(IndexType("Tpaddings"))
      .Doc("Pads with a constant")
      .Shape([](ShapeContext& c) { PadShape(c, 1); })
      .Gradient(PadGradient)
      .Lower(LowerPad);

  RegisterMirrorPads(r);
}

}  // namespace wengert
