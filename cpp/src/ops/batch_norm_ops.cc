// Batch normalisation as one op, and its gradient op.
#include <algorithm>
#include <string>
#include <vector>

#include "ops/broadcast_gradient.h"
#include "ops/register.h"
#include "wengert/builder.h"
#include "wengert/gradients.h"
#include "wengert/lowering.h"

namespace wengert {
namespace {

bool ChannelsFirst(const std::string& format) {
  return format[1] == 'C';
}
int RankOf(const std::string& format) {
  return static_cast<int>(format.size());
}

// --- shapes -----------------------------------------------------------------------------

// The shape of the arrays of one number per channel: merges all of them into x's channels.
int64_t Channels(ShapeContext& c, int x, int first, int last) {
  const std::string format = c.attr("data_format").as<std::string>();
  const Shape shape = c.WithRank(x, RankOf(format));
  const int axis = ChannelsFirst(format) ? 1 : RankOf(format) - 1;
  int64_t channels = shape.has_rank() ? shape.dim(axis) : kUnknownDim;
  for (int i = first; i <= last; ++i) {
    const Shape vector = c.WithRank(i, 1);
    if (vector.has_rank()) channels = c.MergeDims(channels, vector.dim(0));
  }
  return channels;
}

Shape WithChannels(ShapeContext& c, const Shape& x, int64_t channels) {
  const std::string format = c.attr("data_format").as<std::string>();
  Dims dims = x.has_rank() ? x.dims() : Shape::UnknownOfRank(RankOf(format)).dims();
  dims[ChannelsFirst(format) ? 1 : dims.size() - 1] = channels;
  return Shape(std::move(dims));
}

void NormShape(ShapeContext& c) {
  // When training, mean and variance are only read to be averaged with, and may be empty.
  const bool training = c.attr("is_training").as<bool>();
  const int64_t channels = Channels(c, 0, 1, training ? 2 : 4);
  c.set_output(0, WithChannels(c, c.input(0), channels));
  for (int i = 1; i < 5; ++i) c.set_output(i, Shape(Dims{channels}));
  c.set_output(5, Shape::Unknown());
}

void NormGradShape(ShapeContext& c) {
  const int64_t channels = Channels(c, 0, 2, 4);
  c.set_output(0, WithChannels(c, c.MergeShapes(c.input(0), c.input(1)), channels));
  c.set_output(1, Shape(Dims{channels}));
  c.set_output(2, Shape(Dims{channels}));
  c.set_output(3, Shape(Dims{0}));
  c.set_output(4, Shape(Dims{0}));
}

// --- lowering ---------------------------------------------------------------------------

// What both ops compute with: float32, statistics shaped to meet the image.
struct Norm {
  Lowering& b;
  Dims dims, along;       // of the image; of a statistic
  std::vector<int> axes;  // that statistics run over
  int64_t channels = 0, count = 0;
  double epsilon = 0;

  explicit Norm(LoweringContext& c, int x) : b(c.b), dims(c.dims(x)) {
    const std::string& format = c.op.string_attr("data_format");
    if (static_cast<int>(dims.size()) != RankOf(format)) {
      c.Fail("input must be " + std::to_string(RankOf(format)) + "-dimensional, got shape " +
             ToString(dims));
    }
    const size_t axis = ChannelsFirst(format) ? 1 : dims.size() - 1;
    along.assign(dims.size(), 1);
    channels = along[axis] = dims[axis];
    count = 1;
    for (size_t i = 0; i < dims.size(); ++i) {
      if (i == axis) continue;
      axes.push_back(static_cast<int>(i));
      count *= dims[i];
    }
    epsilon = static_cast<double>(c.op.float_attr("epsilon"));
  }
  Value Wide(Value v) const { return b.Cast(v, DType::kFloat32); }
  Value Statistic(Value v) const { return b.Reshape(Wide(v), along); }
  Value Vector(Value v) const { return b.Reshape(v, {channels}); }
  Value Sum(Value v) const { return b.Reduce(ReduceOp::kSum, v, axes, true); }
  Value Mean(Value v) const { return b.Div(Sum(v), b.Scalar(DType::kFloat32, double(count))); }
  Value Inverse(Value variance) const { return b.Map(ScalarOp::kRsqrt, b.Add(variance, epsilon)); }
  Value Constant(double value) const {
    return b.Broadcast(b.Scalar(DType::kFloat32, value), {channels});
  }
};

void CheckVectors(const LoweringContext& c, int first, int last, int64_t channels) {
  for (int i = first; i <= last; ++i) {
    if (c.dims(i) == Dims{channels}) continue;
    c.Fail(c.op.type() + ": input " + std::to_string(i) + " must hold " + std::to_string(channels) +
           " numbers, one per channel, got shape " + ToString(c.dims(i)));
  }
}

void LowerNorm(LoweringContext& c) {
  const Norm n(c, 0);
  const bool training = c.op.bool_attr("is_training");
  const double factor = static_cast<double>(c.op.float_attr("exponential_avg_factor"));
  CheckVectors(c, 1, training && factor == 1 ? 2 : 4, n.channels);
  const Value x = n.Wide(c.x(0));
  Value mean, variance;
  c.out.assign(6, Value());
  if (training) {
    mean = n.Mean(x);
    variance = n.Mean(n.b.Map(ScalarOp::kSquare, n.b.Sub(x, mean)));
    const bool empty = n.count == 0;
    c.out[3] = empty ? n.Constant(0) : n.Vector(mean);
    c.out[4] = empty ? n.Constant(0) : n.Vector(variance);
    // The running variance is that of the population.
    const double bessel =
        static_cast<double>(n.count) / static_cast<double>(std::max<int64_t>(1, n.count - 1));
    Value batch_mean = n.Vector(mean), batch_variance = n.b.Mul(n.Vector(variance), bessel);
    if (factor != 1) {
      const auto average = [&](Value batch, Value old) {
        return n.b.Add(n.b.Mul(batch, factor), n.b.Mul(n.Wide(old), 1 - factor));
      };
      batch_mean = average(batch_mean, c.x(3));
      batch_variance = average(batch_variance, c.x(4));
    }
    c.out[1] = batch_mean;
    c.out[2] = batch_variance;
  } else {
    mean = n.Statistic(c.x(3));
    variance = n.Statistic(c.x(4));
    c.out[1] = c.out[3] = n.Wide(c.x(3));
    c.out[2] = c.out[4] = n.Wide(c.x(4));
  }
  const Value slope = n.b.Mul(n.Inverse(variance), n.Statistic(c.x(1)));
  const Value y = n.b.Add(n.b.Mul(n.b.Sub(x, mean), slope), n.Statistic(c.x(2)));
  c.out[0] = n.b.Cast(y, c.dtype(0));
  const DType type = c.op.type_attr("U");
  for (size_t i = 1; i < 5; ++i) c.out[i] = n.b.Cast(c.out[i], type);
  c.out[5] = n.b.Constant(Array(type, {0}));
}

void LowerNormGrad(LoweringContext& c) {
  const Norm n(c, 1);
  if (c.dims(0) != n.dims) {
    c.Fail("x and y_backprop must have the same shape, got " + ToString(n.dims) + " and " +
           ToString(c.dims(0)));
  }
  CheckVectors(c, 2, 4, n.channels);
  const Value dy = n.Wide(c.x(0)), mean = n.Statistic(c.x(3));
  const Value inverse = n.Inverse(n.Statistic(c.x(4)));
  const Value centred = n.b.Sub(n.Wide(c.x(1)), mean);
  const Value sum = n.Sum(dy), product = n.Sum(n.b.Mul(dy, centred));
  const Value slope = n.b.Mul(n.Statistic(c.x(2)), inverse);
  Value rest = dy;
  if (c.op.bool_attr("is_training") && n.count > 0) {
    const double share = 1.0 / static_cast<double>(n.count);
    const Value along = n.b.Mul(n.b.Mul(product, share), n.b.Map(ScalarOp::kSquare, inverse));
    rest = n.b.Sub(n.b.Sub(dy, n.b.Mul(sum, share)), n.b.Mul(centred, along));
  }
  const Value none = n.b.Constant(Array(DType::kFloat32, {0}));
  c.out = {n.b.Cast(n.b.Mul(rest, slope), c.dtype(1)), n.Vector(n.b.Mul(product, inverse)),
           n.Vector(sum), none, none};
}

// --- gradients --------------------------------------------------------------------------

std::vector<int64_t> ToLast(const std::string& format) {
  return format.size() == 4 ? std::vector<int64_t>{0, 2, 3, 1}
                            : std::vector<int64_t>{0, 2, 3, 4, 1};
}
std::vector<int64_t> ToFirst(const std::string& format) {
  return format.size() == 4 ? std::vector<int64_t>{0, 3, 1, 2}
                            : std::vector<int64_t>{0, 4, 1, 2, 3};
}

// y = (x - mean) scale / sqrt(variance + epsilon) + offset. With m(.) the mean over the batch,
// u = x - mean and s = 1 / sqrt(variance + epsilon), when training:
// dx = scale s (dy - m(dy) - u s^2 m(dy u)), d(scale) = s sum(dy u), d(offset) = sum(dy);
// otherwise mean and variance are given, and dx = scale s dy
std::vector<Grad> NormGradient(GradientContext& g) {
  const bool training = g.op->bool_attr("is_training");
  std::string format = g.op->string_attr("data_format");
  Tensor x = g.x(0), dy = g.dy();
  const bool turn = !training && ChannelsFirst(format);
  const std::string own = format;
  if (turn) {
    x = g.b.Transpose(x, ToLast(own));
    dy = g.b.Transpose(dy, ToLast(own));
    format = own.size() == 4 ? "NHWC" : "NDHWC";
  }
  const AttrMap attrs{
      {"epsilon", g.op->attr("epsilon")}, {"data_format", format}, {"is_training", training}};
  Operation* op = g.b.AddOp(
      "FusedBatchNormGradV3",
      {dy, x, g.x(1), training ? g.y(3) : g.x(3), training ? g.y(4) : g.x(4), g.y(5)}, attrs);
  Tensor dx = op->output(0);
  if (turn) dx = g.b.Transpose(dx, ToFirst(own));
  return {dx, op->output(1), op->output(2), Grad(), Grad()};
}

// The outputs of the gradient op written out in simpler ops, by the formulas above, and
// differentiated: mean and variance are functions of x when training.
std::vector<Grad> NormGradGradient(GradientContext& g) {
  Builder& b = g.b;
  const bool training = g.op->bool_attr("is_training");
  const std::string& format = g.op->string_attr("data_format");
  const int rank = RankOf(format), channel = ChannelsFirst(format) ? 1 : rank - 1;
  std::vector<int64_t> axes, along(static_cast<size_t>(rank), 1);
  for (int i = 0; i < rank; ++i) {
    if (i != channel) axes.push_back(i);
  }
  along[static_cast<size_t>(channel)] = -1;
  const DType type = DType::kFloat32;
  const Tensor dy = b.Cast(g.x(0), type), x = b.Cast(g.x(1), type);
  const Tensor scale = b.Reshape(g.x(2), along);
  const Tensor mean = training ? b.ReduceMean(x, In(axes), true) : b.Reshape(g.x(3), along);
  const Tensor centred = b.Subtract(x, mean);
  const Tensor variance =
      training ? b.ReduceMean(b.Op("Square", {centred}), In(axes), true) : b.Reshape(g.x(4), along);
  const double epsilon = static_cast<double>(g.op->float_attr("epsilon"));
  const Tensor inverse = b.Op("Rsqrt", {b.Add(variance, epsilon)});
  const Tensor product = b.Multiply(dy, centred);
  Tensor rest = dy;
  if (training) {
    const Tensor share =
        b.Multiply(b.ReduceMean(product, In(axes), true), b.Op("Square", {inverse}));
    rest = b.Subtract(b.Subtract(dy, b.ReduceMean(dy, In(axes), true)), b.Multiply(centred, share));
  }
  const Tensor dx = b.Cast(b.Multiply(rest, b.Multiply(scale, inverse)), g.x(1).dtype());
  const Tensor d_scale = b.Reshape(b.Multiply(b.ReduceSum(product, In(axes), true), inverse),
                                   std::vector<int64_t>{-1});
  const Tensor d_offset = b.ReduceSum(dy, In(axes));
  GradientOptions options;
  options.unconnected_gradients = UnconnectedGradients::kZero;
  options.stop_gradients = {g.x(0), g.x(1), g.x(2)};  // dy may itself depend on x
  std::vector<Grad> grads = Gradients(b.graph(), {dx, d_scale, d_offset}, {g.x(0), g.x(1), g.x(2)},
                                      {g.dy(0), g.dy(1), g.dy(2)}, options);
  grads.resize(6);
  return grads;
}

constexpr char kFormats[] = "data_format: {'NHWC', 'NCHW', 'NDHWC', 'NCDHW'} = 'NHWC'";

}  // namespace

void RegisterBatchNormOps(OpRegistry& r) {
  r.Op("FusedBatchNormV3")
      .Input("x: T")
      .Input("scale: U")
      .Input("offset: U")
      .Input("mean: U")
      .Input("variance: U")
      .Output("y: T")
      .Output("batch_mean: U")
      .Output("batch_variance: U")
      .Output("reserve_space_1: U")
      .Output("reserve_space_2: U")
      .Output("reserve_space_3: U")
      .Attr("T: {half, bfloat16, float}")
      .Attr("U: {bfloat16, float}")
      .Attr("epsilon: float = 0.0001")
      .Attr("exponential_avg_factor: float = 1.0")
      .Attr(kFormats)
      .Attr("is_training: bool = true")
      .Doc("Batch normalisation, with the statistics it used")
      .Shape(NormShape)
      .Gradient(NormGradient)
      .Lower(LowerNorm);
  r.Op("FusedBatchNormGradV3")
      .Input("y_backprop: T")
      .Input("x: T")
      .Input("scale: float")
      .Input("reserve_space_1: U")
      .Input("reserve_space_2: U")
      .Input("reserve_space_3: U")
      .Output("x_backprop: T")
      .Output("scale_backprop: U")
      .Output("offset_backprop: U")
      .Output("reserve_space_4: U")
      .Output("reserve_space_5: U")
      .Attr("T: {half, bfloat16, float}")
      .Attr("U: {float}")
      .Attr("epsilon: float = 0.0001")
      .Attr(kFormats)
      .Attr("is_training: bool = true")
      .Doc("Gradient of FusedBatchNormV3")
      .Shape(NormGradShape)
      .Gradient(NormGradGradient)
      .Lower(LowerNormGrad);
}

}  // namespace wengert
