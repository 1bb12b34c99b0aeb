// Biases, and two ops that end losses: L2Loss and CheckNumerics.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "ops/index_util.h"
#include "ops/unary_rules.h"

namespace wengert::unary {
namespace {

constexpr char kNumber[] =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, bfloat16, uint16, complex128, "
    "half, uint32, uint64}";
using Values = std::vector<Value>;

int ChannelAxis(const Operation& op, int rank) {
  return op.string_attr("data_format") == "NCHW" ? 1 : rank - 1;
}

void BiasAddShape(ShapeContext& c) {
  bool channels_first = c.attr("data_format").as<std::string>() == "NCHW";
  Shape value = c.WithRankAtLeast(0, channels_first ? 3 : 2);
  Shape bias = c.WithRank(1, 1);
  if (!value.has_rank()) return c.set_output(0, Shape());
  Dims dims = value.dims();
  size_t axis = channels_first ? 1 : dims.size() - 1;
  dims[axis] = c.MergeDims(dims[axis], bias.has_rank() ? bias.dim(0) : kUnknownDim);
  c.set_output(0, Shape(dims));
}

void BiasAddGradShape(ShapeContext& c) {
  bool channels_first = c.attr("data_format").as<std::string>() == "NCHW";
  Shape value = c.WithRankAtLeast(0, channels_first ? 3 : 2);
  if (!value.has_rank()) return c.set_output(0, Shape::UnknownOfRank(1));
  c.set_output(0, Shape(Dims{value.dim(channels_first ? 1 : value.rank() - 1)}));
}

Tensor OnesLike(Builder& b, const Tensor& shape) {
  return index_util::FilledLike(b, shape, Array::FromDouble(shape.dtype(), 1.0));
}

// z = sum of dy over all axes but one: d(dy) = dz repeated along those axes
std::vector<Grad> BiasAddGradGradient(GradientContext& g) {
  Builder& b = g.b;
  Tensor dz = g.dy();
  using Ints = std::vector<int64_t>;
  constexpr int64_t kFirst = 1;  // mask: the slice begins, or ends, where the tensor does
  Tensor shape = b.ShapeOf(g.x(0));
  Tensor bias_shape = b.ShapeOf(dz);
  Tensor ones, repeats;
  if (g.op->string_attr("data_format") == "NCHW") {
    auto batch = [&] { return b.StridedSlice(shape, Ints{0}, Ints{1}, Ints{1}, kFirst); };
    auto rest = [&] { return b.StridedSlice(shape, Ints{2}, Ints{0}, Ints{1}, 0, kFirst); };
    Tensor before = OnesLike(b, batch());
    Tensor behind = OnesLike(b, rest());
    ones = b.Concat({before, bias_shape, behind}, 0);
    Tensor repeat_before = batch();
    Tensor repeat_behind = rest();
    repeats = b.Concat({repeat_before, Ints{1}, repeat_behind}, 0);
  } else {
    auto leading = [&] { return b.StridedSlice(shape, Ints{0}, Ints{-1}, Ints{1}, kFirst); };
    Tensor before = OnesLike(b, leading());
    ones = b.Concat({before, bias_shape}, 0);
    Tensor repeat_before = leading();
    repeats = b.Concat({repeat_before, Ints{1}}, 0);
  }
  Tensor expanded = b.Reshape(dz, ones);
  return {b.Tile(expanded, repeats)};
}

// Copies what has neither infinities nor NaN.
template <class T, class Convert>
void CheckFinite(const Array& in, Array& out, const std::string& message, const std::string& op,
                 Convert convert) {
  bool nan = false, inf = false;
  for (int64_t i = 0; i < in.size(); ++i) {
    auto v = convert(in.data<T>()[i]);
    nan |= std::isnan(v);
    inf |= std::isinf(v);
  }
  if (nan || inf) {
    const char* what = nan && inf ? "Inf and NaN" : nan ? "NaN" : "Inf";
    throw Error(ErrorKind::kInvalidArgument, message + " : Tensor had " + what + " values", op);
  }
  if (in.size() > 0) std::memcpy(out.raw(), in.raw(), in.bytes());
}

void LowerCheckNumerics(LoweringContext& c) {
  KernelSpec spec;
  spec.name = "check_numerics";
  spec.key = c.op.name();
  spec.stateful = true;
  spec.dtypes = {c.dtype(0)};
  spec.dims = {c.dims(0)};
  spec.run = [message = c.op.string_attr("message"), op = c.op.name()](const std::vector<Array>& in,
                                                                       std::vector<Array>& out) {
    switch (in[0].dtype()) {
      case DType::kFloat64:
        return CheckFinite<double>(in[0], out[0], message, op, [](double v) { return v; });
      case DType::kFloat32:
        return CheckFinite<float>(in[0], out[0], message, op, [](float v) { return v; });
      case DType::kFloat16:
        return CheckFinite<Half>(in[0], out[0], message, op, [](Half v) { return ToFloat(v); });
      default:
        return CheckFinite<BFloat16>(in[0], out[0], message, op,
                                     [](BFloat16 v) { return ToFloat(v); });
    }
  };
  c.set(c.b.Kernel(std::move(spec), {c.x()})[0]);
}

}  // namespace

void RegisterBiasOps(OpRegistry& r) {
  r.Op("BiasAdd")
      .Input("value: T")
      .Input("bias: T")
      .Output("output: T")
      .Attr(kNumber)
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Doc("Adds a vector along the axis of the channels")
      .Shape(BiasAddShape)
      // z = x + bias along one axis: dx = dz, d(bias) = dz summed over the other axes
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {g.grad(), GradOp(g.b, "BiasAddGrad", {g.grad()}, "",
                                 {{"data_format", g.op->attr("data_format")}})};
      })
      .Lower([](LoweringContext& c) {
        const Dims &value = c.dims(0), &bias = c.dims(1);
        if (value.size() < 2) c.Fail("Input tensor must be at least 2D: " + ToString(value));
        if (bias.size() != 1) c.Fail("Biases must be 1D: " + ToString(bias));
        size_t axis = static_cast<size_t>(ChannelAxis(c.op, static_cast<int>(value.size())));
        if (value[axis] != bias[0]) {
          c.Fail("Must provide as many biases as the last dimension of the input tensor: " +
                 ToString(bias) + " vs. " + ToString(value));
        }
        Dims dims(value.size(), 1);
        dims[axis] = bias[0];
        c.set(c.b.Add(c.x(0), c.b.Reshape(c.x(1), dims)));
      });
  r.Op("BiasAddGrad")
      .Input("out_backprop: T")
      .Output("output: T")
      .Attr(kNumber)
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Doc("Sum over all axes but that of the channels")
      .Shape(BiasAddGradShape)
      .Gradient(BiasAddGradGradient)
      .Lower(Widened([](LoweringContext& c, const Values& in) {
        int rank = c.b.rank(in[0]);
        if (rank < 2) c.Fail("Input tensor must be at least 2D: " + ToString(c.dims(0)));
        std::vector<int> axes;
        for (int i = 0; i < rank; ++i) {
          if (i != ChannelAxis(c.op, rank)) axes.push_back(i);
        }
        return Values{c.b.Reduce(ReduceOp::kSum, in[0], axes, false)};
      }));
  r.Op("L2Loss")
      .Input("t: T")
      .Output("output: T")
      .Attr("T: {half, bfloat16, float, double}")
      .Doc("Half the sum of the squares of all elements")
      .Shape(shape_rules::Scalar)
      // y = sum(x^2) / 2: dx = x dy
      .Gradient(
          [](GradientContext& g) -> std::vector<Grad> { return {g.b.Multiply(g.x(0), g.dy())}; })
      .Lower(Widened([](LoweringContext& c, const Values& in) {
        std::vector<int> axes;
        for (int i = 0; i < c.b.rank(in[0]); ++i) axes.push_back(i);
        Value squares = c.b.Map(ScalarOp::kSquare, in[0]);
        return Values{c.b.Mul(c.b.Reduce(ReduceOp::kSum, squares, axes, false), 0.5)};
      }));
  r.Op("CheckNumerics")
      .Input("tensor: T")
      .Output("output: T")
      .Attr(kReal)
      .Attr("message: string")
      .Stateful()
      .Doc("The tensor itself; an error with the message when it holds NaN or infinities")
      .Shape(shape_rules::Unchanged)
      // y = x: dx = dy, checked as well
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {GradOp(
            g.b, "CheckNumerics", {g.grad()}, "",
            {{"message", "Not a number (NaN) or infinity (Inf) values detected in gradient. " +
                             g.op->string_attr("message")}})};
      })
      .Lower(LowerCheckNumerics);
}

}  // namespace wengert::unary
