// Random choices and permutations, and normal numbers between bounds.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>

#include "ops/index_util.h"
#include "ops/random_util.h"
#include "ops/special_functions.h"

namespace wengert {
namespace {

using random::Philox;
using random::Source;
using random::Words;

// --- multinomial -----------------------------------------------------------------------------

// For each row of logits, indices drawn with probabilities proportional to their exponentials.
void Choose(const Array& logits, int64_t samples, Words words, int64_t* out) {
  const int64_t rows = logits.dims()[0], classes = logits.dims()[1];
  std::vector<double> sums(static_cast<size_t>(classes));
  for (int64_t r = 0; r < rows; ++r) {
    const double* row = logits.data<double>() + r * classes;
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < classes; ++i) {
      if (std::isfinite(row[i])) largest = std::max(largest, row[i]);
    }
    double total = 0;
    for (int64_t i = 0; i < classes; ++i) {
      if (std::isfinite(row[i])) total += std::exp(row[i] - largest);
      sums[static_cast<size_t>(i)] = total;
    }
    for (int64_t s = 0; s < samples; ++s) {
      const auto at = std::upper_bound(sums.begin(), sums.end(), words.Uniform() * total);
      *out++ = std::min<int64_t>(at - sums.begin(), classes - 1);
    }
  }
}

// Blocks that a stateful call sets aside.
uint64_t ChoiceBlocks(int64_t rows, int64_t samples) {
  return static_cast<uint64_t>(rows) * static_cast<uint64_t>((samples + 3) / 4 * 4) * 2 * 256;
}

LoweringFn LowerMultinomial(bool stateful) {
  return [stateful](LoweringContext& c) {
    const Dims dims = c.dims(0);
    if (dims.size() != 2) c.Fail("logits should be a matrix, got shape " + ToString(dims));
    const int64_t samples = op_util::ScalarInt(c, 1, "num_samples");
    if (samples < 0) c.Fail("num_samples should be nonnegative, got " + std::to_string(samples));
    if (dims[1] <= 0 && dims[0] > 0 && samples > 0) c.Fail("num_classes should be positive");
    KernelSpec spec;
    spec.name = stateful ? "Multinomial" : "StatelessMultinomial";
    spec.dtypes = {DType::kInt64};
    spec.dims = {{dims[0], samples}};
    NumElements(spec.dims[0]);
    std::vector<Value> args{c.b.Cast(c.x(0), DType::kFloat64)};
    if (stateful) {
      spec.stateful = true;
      spec.run = [samples, stream = random::StreamOf(c)](const std::vector<Array>& in,
                                                         std::vector<Array>& out) {
        const Philox start = stream->Reserve(ChoiceBlocks(in[0].dims()[0], samples));
        Choose(in[0], samples, Words(start), out[0].data<int64_t>());
      };
    } else {
      args.push_back(c.x(2));
      spec.run = [samples](const std::vector<Array>& in, std::vector<Array>& out) {
        Choose(in[0], samples, Words(random::ReadGenerator(Source::kSeed, &in[1])),
               out[0].data<int64_t>());
      };
    }
    const Value v = c.b.Kernel(std::move(spec), args).at(0);
    c.set(c.b.Cast(v, c.op.type_attr("output_dtype")));
  };
}

void MultinomialShape(ShapeContext& c) {
  const Shape logits = c.WithRank(0, 2);
  c.WithRank(1, 0);
  const std::optional<int64_t> samples = op_util::StaticInt(c, 1);
  if (samples && *samples < 0) {
    c.Fail("Dimension size, given by scalar input 1, must be non-negative but is " +
           std::to_string(*samples));
  }
  c.set_output(0, Shape({logits.dim(0), samples.value_or(kUnknownDim)}));
}

// --- shuffling -------------------------------------------------------------------------------

// 0 .. n - 1 in random order: each place takes one of those that are left.
std::vector<int64_t> Permutation(int64_t n, Words words) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = 0; i + 1 < n; ++i) {
    const int64_t other = i + static_cast<int64_t>(words() % static_cast<uint64_t>(n - i));
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(other)]);
  }
  return order;
}

// Rows in random order. Without rows to exchange the value itself, and nothing is drawn.
LoweringFn LowerShuffle(bool stateful) {
  return [stateful](LoweringContext& c) {
    const Dims dims = c.dims(0);
    if (dims.empty() || dims[0] <= 1) return c.set(c.x(0));
    const int64_t n = dims[0];
    KernelSpec spec;
    spec.name = stateful ? "RandomPermutation" : "StatelessPermutation";
    spec.dtypes = {DType::kInt64};
    spec.dims = {{n}};
    const auto store = [](const std::vector<int64_t>& order, Array& out) {
      std::copy(order.begin(), order.end(), out.data<int64_t>());
    };
    std::vector<Value> args;
    if (stateful) {
      spec.stateful = true;
      spec.run = [=, stream = random::StreamOf(c)](const std::vector<Array>&,
                                                   std::vector<Array>& out) {
        const Philox start = stream->Reserve(static_cast<uint64_t>((n + 3) / 4));
        store(Permutation(n, Words(start)), out[0]);
      };
    } else {
      random::CheckAlgorithm(c, 3);
      args = {c.x(1), c.x(2)};
      spec.run = [=](const std::vector<Array>& in, std::vector<Array>& out) {
        const Philox start = random::ReadGenerator(Source::kKeyCounter, in.data());
        store(Permutation(n, Words(start)), out[0]);
      };
    }
    const Value order = c.b.Kernel(std::move(spec), args).at(0);
    c.set(c.b.Gather(c.x(0), order, 0, 0));
  };
}

// --- normal numbers between bounds -----------------------------------------------------------

double LowerTail(double x) {  // of the standard normal distribution
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

// The quantile of a uniform number between the bounds, on the side where the distribution
// function is small, so that far tails keep their digits.
double DrawBetween(double u, double mean, double deviation, double low, double high) {
  if (!(deviation > 0) || !(low < high)) return std::numeric_limits<double>::quiet_NaN();
  double a = (low - mean) / deviation, b = (high - mean) / deviation;
  const bool mirrored = a > 0;
  if (mirrored) {
    std::swap(a, b);
    a = -a;
    b = -b;
  }
  const double from = LowerTail(a), to = LowerTail(b);
  double x = special::NormalQuantile(from + u * (to - from));
  if (!std::isfinite(x)) x = std::isfinite(a) ? a : b;
  x = std::min(std::max(x, a), b);
  return mean + deviation * (mirrored ? -x : x);
}

// One number per element of the output; parameters are scalars, or vectors along the first
// axis (stateful op), or broadcast (stateless op).
LoweringFn LowerBounded(bool stateful) {
  return [stateful](LoweringContext& c) {
    const Dims dims = random::OutputDims(c);
    KernelSpec spec;
    spec.name = stateful ? "TruncatedNormalBetween" : "StatelessTruncatedNormalBetween";
    spec.dtypes = {DType::kFloat64};
    spec.dims = {dims};
    std::vector<Value> args;
    for (size_t i = c.in.size() - 4; i < c.in.size(); ++i) {
      Value v = c.b.Cast(c.in[i], DType::kFloat64);
      if (stateful && c.b.rank(v) == 1 && dims.size() > 1) {
        Dims column(dims.size(), 1);
        column[0] = c.b.size(v);
        v = c.b.Reshape(v, column);
      }
      args.push_back(c.b.Broadcast(v, dims));
    }
    const auto fill = [](const std::vector<Array>& in, Words words, Array& out) {
      for (int64_t i = 0; i < out.size(); ++i) {
        out.data<double>()[i] =
            DrawBetween(words.Uniform(), in[0].data<double>()[i], in[1].data<double>()[i],
                        in[2].data<double>()[i], in[3].data<double>()[i]);
      }
    };
    if (stateful) {
      spec.stateful = true;
      spec.run = [fill, stream = random::StreamOf(c)](const std::vector<Array>& in,
                                                      std::vector<Array>& out) {
        fill(in, Words(stream->Reserve(random::ReservedBlocks(out[0].size()))), out[0]);
      };
    } else {
      args.push_back(c.x(1));
      spec.run = [fill](const std::vector<Array>& in, std::vector<Array>& out) {
        fill(in, Words(random::ReadGenerator(Source::kSeed, &in[4])), out[0]);
      };
    }
    c.set(c.b.Cast(c.b.Kernel(std::move(spec), args).at(0), c.op.type_attr("dtype")));
  };
}

// With a, b and z the bounds and the number y in standard units and F the share of the
// distribution between a and b that lies below z, which the drawn number fixes:
//   dy/dhigh = h = exp((z^2 - b^2) / 2) F,  dy/dlow = l = exp((z^2 - a^2) / 2) (1 - F),
//   dy/dmean = 1 - h - l,  dy/dstddev = z - b h - a l
// (TensorFlow leaves out that a and b depend on the mean and the deviation.)
std::vector<Grad> BoundedGradient(GradientContext& g) {
  Builder& b = g.b;
  const Tensor y = g.y(), dy = g.dy();
  const Builder::Controls after = b.ControlDependencies({dy.op});
  const Tensor &mean = g.x(2), &deviation = g.x(3);
  const auto standard = [&](const Tensor& t) { return b.TrueDiv(b.Subtract(t, mean), deviation); };
  const Tensor low = standard(g.x(4)), high = standard(g.x(5)), z = standard(y);
  const auto below = [&](const Tensor& t) {
    return b.Multiply(0.5, b.Op("Erfc", {b.Multiply(t, -0.70710678118654752440)}));
  };
  const Tensor under_low = below(low);
  const Tensor share =
      b.TrueDiv(b.Subtract(below(z), under_low), b.Subtract(below(high), under_low));
  const auto density = [&](const Tensor& bound) {  // of z over that of the bound, inverted
    const Tensor squares = b.Subtract(b.Op("Square", {z}), b.Op("Square", {bound}));
    return b.Op("Exp", {b.Multiply(0.5, squares)});
  };
  const Tensor along_high = b.Multiply(density(high), share);
  const Tensor along_low = b.Multiply(density(low), b.Subtract(1.0, share));
  const Tensor out_shape = b.ShapeOf(y);
  const auto reduced = [&](const Tensor& t, const Tensor& parameter) {
    const Tensor shape = b.ShapeOf(parameter);
    const Tensor axes = b.AddOp("BroadcastGradientArgs", {out_shape, shape})->output(1);
    return b.Reshape(b.ReduceSum(t, In(axes), true), shape);
  };
  const Tensor along_mean = b.Subtract(1.0, b.Add(along_low, along_high));
  const Tensor inner = b.Add(b.Multiply(low, along_low), b.Multiply(high, along_high));
  const Grad dmean = reduced(b.Multiply(dy, along_mean), mean);
  const Grad ddeviation = reduced(b.Multiply(dy, b.Subtract(z, inner)), deviation);
  const Grad dlow = reduced(b.Multiply(dy, along_low), g.x(4));
  const Grad dhigh = reduced(b.Multiply(dy, along_high), g.x(5));
  return {{}, {}, dmean, ddeviation, dlow, dhigh};
}

void RegisterBounded(OpRegistry& r) {
  r.Op("StatelessParameterizedTruncatedNormal")
      .Input("shape: S")
      .Input("seed: Tseed")
      .Input("means: dtype")
      .Input("stddevs: dtype")
      .Input("minvals: dtype")
      .Input("maxvals: dtype")
      .Output("output: dtype")
      .Attr("S: {int32, int64}")
      .Attr("Tseed: {int32, int64} = int64")
      .Attr("dtype: {half, float, double}")
      .Doc("Normal random numbers between bounds, determined by a seed")
      .Shape(random::ShapeOfInput)
      .Gradient(BoundedGradient)
      .Lower(LowerBounded(false));
  r.Op("ParameterizedTruncatedNormal")
      .Input("shape: T")
      .Input("means: dtype")
      .Input("stdevs: dtype")
      .Input("minvals: dtype")
      .Input("maxvals: dtype")
      .Output("output: dtype")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr("dtype: {half, bfloat16, float, double}")
      .Attr("T: {int32, int64}")
      .Doc("Normal random numbers between bounds")
      .Stateful()
      .Shape(random::ShapeOfInput)
      .NotDifferentiable()
      .Lower(LowerBounded(true));
}

}  // namespace

void RegisterChoiceOps(OpRegistry& r) {
  r.Op("Multinomial")
      .Input("logits: T")
      .Input("num_samples: int32")
      .Output("output: output_dtype")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr(op_util::kRealT)
      .Attr("output_dtype: {int32, int64} = int64")
      .Doc("Random indices, each as likely as its logit says")
      .Stateful()
      .Shape(MultinomialShape)
      .NotDifferentiable()
      .Lower(LowerMultinomial(true));
  r.Op("StatelessMultinomial")
      .Input("logits: T")
      .Input("num_samples: int32")
      .Input("seed: Tseed")
      .Output("output: output_dtype")
      .Attr(op_util::kRealT)
      .Attr("Tseed: {int32, int64} = int64")
      .Attr("output_dtype: {int32, int64} = int64")
      .Doc("Random indices, each as likely as its logit says, determined by a seed")
      .Shape(MultinomialShape)
      .NotDifferentiable()
      .Lower(LowerMultinomial(false));
  r.Op("RandomShuffle")
      .Input("value: T")
      .Output("output: T")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr("T: type")
      .Doc("Rows in random order")
      .Stateful()
      .Shape(shape_rules::Unchanged)
      .NotDifferentiable()
      .Lower(LowerShuffle(true));
  r.Op("StatelessShuffle")
      .Input("value: T")
      .Input("key: uint64")
      .Input("counter: uint64")
      .Input("alg: int32")
      .Output("output: T")
      .Attr("T: type")
      .Doc("Rows in an order determined by a key and counter")
      .Shape(shape_rules::Unchanged)
      .NotDifferentiable()
      .Lower(LowerShuffle(false));
  RegisterBounded(r);
}

}  // namespace wengert
