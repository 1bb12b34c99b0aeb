// Ops that read, change or permute the shape of a tensor.
#include <algorithm>
#include <limits>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::IndexType;
using op_util::kAnyT;

// --- shape, size, rank -------------------------------------------------------------------

// `value` as an element of the integer dtype `out`, which may be too narrow.
int64_t Narrowed(const LoweringContext& c, int64_t value, DType out) {
  if (out == DType::kInt32 && value > std::numeric_limits<int32_t>::max()) {
    c.Fail("the value " + std::to_string(value) + " does not fit the 32-bit output type");
  }
  return value;
}

void LowerShapeN(LoweringContext& c) {
  const DType out_type = c.op.type_attr("out_type");
  for (size_t i = 0; i < c.in.size(); ++i) {
    const Dims& dims = c.dims(static_cast<int>(i));
    for (int64_t d : dims) Narrowed(c, d, out_type);
    c.out.push_back(c.b.Constant(op_util::IntVector(out_type, dims)));
  }
}

void RegisterShapeReaders(OpRegistry& r) {
  r.Op("Shape")
      .Input("input: T")
      .Output("output: out_type")
      .Attr(kAnyT)
      .Attr(IndexType("out_type"))
      .Doc("The shape of a tensor as a vector")
      .Shape([](ShapeContext& c) {
        const Shape& s = c.input(0);
        c.set_output(0, Shape({s.has_rank() ? s.rank() : kUnknownDim}));
      })
      .NotDifferentiable()
      .StaticValue()
      .ShapeValue(
          [](Graph&, const Tensor& t) -> std::optional<Shape> { return t.op->input(0).shape(); })
      .Lower(LowerShapeN);

  r.Op("ShapeN")
      .Input("input: N * T")
      .Output("output: N * out_type")
      .Attr("N: int >= 1")
      .Attr(kAnyT)
      .Attr(IndexType("out_type"))
      .Doc("The shapes of several tensors")
      .Shape([](ShapeContext& c) {
        for (int i = 0; i < c.num_inputs(); ++i) {
          const Shape& s = c.input(i);
          c.set_output(i, Shape({s.has_rank() ? s.rank() : kUnknownDim}));
        }
      })
      .NotDifferentiable()
      .ShapeValue([](Graph&, const Tensor& t) -> std::optional<Shape> {
        return t.op->input(t.index).shape();
      })
      .Lower(LowerShapeN);

  r.Op("Size")
      .Input("input: T")
      .Output("output: out_type")
      .Attr(kAnyT)
      .Attr(IndexType("out_type"))
      .Doc("The number of elements of a tensor")
      .Shape(shape_rules::Scalar)
      .NotDifferentiable()
      .StaticValue()
      .Lower([](LoweringContext& c) {
        const DType out_type = c.op.type_attr("out_type");
        c.set(c.b.Constant(
            op_util::IntScalar(out_type, Narrowed(c, NumElements(c.dims(0)), out_type))));
      });

  r.Op("Rank")
      .Input("input: T")
      .Output("output: int32")
      .Attr(kAnyT)
      .Doc("The number of axes of a tensor")
      .Shape(shape_rules::Scalar)
      .NotDifferentiable()
      .StaticValue()
      .Lower([](LoweringContext& c) {
        c.set(c.b.Constant(Array::Scalar<int32_t>(static_cast<int32_t>(c.dims(0).size()))));
      });
}

// --- reshape, expand, squeeze --------------------------------------------------------------

// Product of the known lengths, and the position of the unknown one: -1 when there is
// none, -2 when there are several.
struct Elements {
  int64_t known = 1;
  int unknown = -1;
  explicit Elements(const Shape& s) {
    for (int i = 0; i < s.rank(); ++i) {
      if (s.dim(i) < 0) {
        unknown = unknown == -1 ? i : -2;
      } else {
        known = op_util::CheckedMul(known, s.dim(i));
      }
    }
  }
};

void ReshapeShape(ShapeContext& c) {
  const Shape& in = c.input(0);
  Shape out = c.input_as_shape(1);
  if (!out.has_rank() || !in.has_rank()) {
    c.set_output(0, out);
    return;
  }
  const Elements have(in), want(out);
  Dims dims = out.dims();
  if (have.unknown == -1 && want.unknown == -1 && have.known != want.known) {
    c.Fail("Cannot reshape a tensor with " + std::to_string(have.known) + " elements to shape " +
           out.ToError() + " (" + std::to_string(want.known) + " elements)");
  }
  if (have.unknown == -1 && want.unknown >= 0 && want.known > 0) {
    if (have.known % want.known != 0) {
      c.Fail("Dimension size must be evenly divisible by " + std::to_string(want.known) +
             " but is " + std::to_string(have.known));
    }
    dims[static_cast<size_t>(want.unknown)] = have.known / want.known;
  }
  if (have.unknown >= 0 && want.unknown == -1 && have.known > 0 && want.known % have.known != 0) {
    c.Fail("Dimension size must be evenly divisible by " + std::to_string(have.known) + " but is " +
           std::to_string(want.known));
  }
  c.set_output(0, Shape(std::move(dims)));
}

void LowerReshape(LoweringContext& c) {
  Dims dims = op_util::VectorInts(c, 1, "sizes input");
  const int64_t have = NumElements(c.dims(0));
  int64_t known = 1;
  int unknown = -1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == -1) {
      if (unknown >= 0) {
        c.Fail("Only one input size may be -1, not both " + std::to_string(unknown) + " and " +
               std::to_string(i));
      }
      unknown = static_cast<int>(i);
    } else if (dims[i] < 0) {
      c.Fail("Size " + std::to_string(i) + " must be non-negative, not " + std::to_string(dims[i]));
    } else {
      known = op_util::CheckedMul(known, dims[i]);
    }
  }
  if (unknown >= 0) {
    if (known == 0) {
      c.Fail(
          "reshape cannot infer the missing input size for an empty tensor unless all specified "
          "input sizes are non-zero");
    }
    if (have % known != 0) {
      c.Fail("Input to reshape is a tensor with " + std::to_string(have) +
             " values, but the requested shape requires a multiple of " + std::to_string(known));
    }
    dims[static_cast<size_t>(unknown)] = have / known;
  } else if (known != have) {
    c.Fail("Input to reshape is a tensor with " + std::to_string(have) +
           " values, but the requested shape has " + std::to_string(known));
  }
  c.set(c.b.Reshape(c.x(), std::move(dims)));
}

// The gradient of an op that only reshapes: dy in the shape of x.
Tensor LikeInput(GradientContext& g) {
  const Tensor dy = g.dy();
  return g.b.Reshape(dy, g.b.ShapeOf(g.x(0)));
}

// x = reshape of dy, where a shape with one unknown length needs no run-time Shape.
std::vector<Grad> ReshapeGradient(GradientContext& g) {
  const Shape& shape = g.x(0).shape();
  if (shape.has_rank() && !shape.fully_defined()) {
    const Dims& dims = shape.dims();
    if (std::count(dims.begin(), dims.end(), kUnknownDim) == 1 &&
        std::count(dims.begin(), dims.end(), 0) == 0) {
      return {g.b.Reshape(g.dy(), In(dims)), Grad()};
    }
  }
  return {LikeInput(g), Grad()};
}

void ExpandDimsShape(ShapeContext& c) {
  const Shape& in = c.input(0);
  const std::optional<Array> axis = c.constant(1);
  if (axis && axis->size() != 1) c.Fail("'dim' input must be a tensor with a single value");
  if (!axis || !in.has_rank()) {
    c.set_output(0, Shape());
    return;
  }
  const std::optional<int> at = op_util::WrapAxis(axis->AsInt(0), in.rank() + 1);
  if (!at) {
    c.Fail("dim " + std::to_string(axis->AsInt(0)) + " not in the interval [" +
           std::to_string(-in.rank() - 1) + ", " + std::to_string(in.rank()) + "].");
  }
  Dims dims = in.dims();
  dims.insert(dims.begin() + *at, 1);
  c.set_output(0, Shape(std::move(dims)));
}

void LowerExpandDims(LoweringContext& c) {
  Dims dims = c.dims(0);
  const int64_t axis = op_util::ScalarInt(c, 1, "dim");
  const std::optional<int> at = op_util::WrapAxis(axis, static_cast<int>(dims.size()) + 1);
  if (!at) {
    c.Fail("Tried to expand dim index " + std::to_string(axis) + " for tensor with " +
           std::to_string(dims.size()) + " dimensions.");
  }
  dims.insert(dims.begin() + *at, 1);
  c.set(c.b.Reshape(c.x(), std::move(dims)));
}

// The shape without the axes to be squeezed. `fail` receives what is wrong; nullopt: an
// unknown length decides.
template <class Fail>
std::optional<Dims> Squeezed(const Dims& dims, const std::vector<int64_t>& axes, const Fail& fail) {
  const int rank = static_cast<int>(dims.size());
  std::vector<bool> drop(dims.size(), false);
  for (const int64_t& axis : axes) {
    const std::optional<int> at = op_util::WrapAxis(axis, rank);
    if (!at) {
      const size_t k = static_cast<size_t>(&axis - axes.data());
      fail("squeeze_dims[" + std::to_string(k) + "] not in [" + std::to_string(-rank) + "," +
           std::to_string(rank) + ").");
      return std::nullopt;
    }
    drop[static_cast<size_t>(*at)] = true;
  }
  Dims out;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (axes.empty()) {
      if (dims[i] < 0) return std::nullopt;
      if (dims[i] != 1) out.push_back(dims[i]);
    } else if (!drop[i]) {
      out.push_back(dims[i]);
    } else if (dims[i] > 1 || dims[i] == 0) {
      fail("Can not squeeze dim[" + std::to_string(i) + "], expected a dimension of 1, got " +
           std::to_string(dims[i]));
    }
  }
  return out;
}

void SqueezeShape(ShapeContext& c) {
  const Shape& in = c.input(0);
  const auto fail = [&c](const std::string& message) { c.Fail(message); };
  const auto& axes = c.attr("squeeze_dims").as<std::vector<int64_t>>();
  std::optional<Dims> dims;
  if (in.has_rank()) dims = Squeezed(in.dims(), axes, fail);
  c.set_output(0, dims ? Shape(*dims) : Shape());
}

void LowerSqueeze(LoweringContext& c) {
  const auto fail = [&c](const std::string& message) { c.Fail(message); };
  c.set(c.b.Reshape(c.x(), *Squeezed(c.dims(0), c.op.ints_attr("squeeze_dims"), fail)));
}

void RegisterReshapes(OpRegistry& r) {
  r.Op("Reshape")
      .Input("tensor: T")
      .Input("shape: Tshape")
      .Output("output: T")
      .Attr(kAnyT)
      .Attr(IndexType("Tshape"))
      .Doc("The same elements in another shape")
      .Shape(ReshapeShape)
      .Gradient(ReshapeGradient)
      .Lower(LowerReshape);

  r.Op("ExpandDims")
      .Input("input: T")
      .Input("dim: Tdim")
      .Output("output: T")
      .Attr(kAnyT)
      .Attr(IndexType("Tdim"))
      .Doc("Inserts an axis of length 1")
      .Shape(ExpandDimsShape)
      // The elements stay: dx is dy in the shape of x.
      .Gradient([](GradientContext& g) -> std::vector<Grad> { return {LikeInput(g), Grad()}; })
      .Lower(LowerExpandDims);

  r.Op("Squeeze")
      .Input("input: T")
      .Output("output: T")
      .Attr(kAnyT)
      .Attr("squeeze_dims: list(int) >= 0 = []")
      .Doc("Removes axes of length 1")
      .Shape(SqueezeShape)
      // The elements stay: dx is dy in the shape of x.
      .Gradient([](GradientContext& g) -> std::vector<Grad> { return {LikeInput(g)}; })
      .Lower(LowerSqueeze);
}

}  // namespace

void RegisterPermutationOps(OpRegistry& r);  // shape_permute.cc
void RegisterMoveOps(OpRegistry& r);         // shape_move.cc
void RegisterBatchOps(OpRegistry& r);        // shape_batch.cc

void RegisterShapeOps(OpRegistry& r) {
  RegisterShapeReaders(r);
  RegisterReshapes(r);
  RegisterPermutationOps(r);
  RegisterMoveOps(r);
  RegisterBatchOps(r);
}

}  // namespace wengert
