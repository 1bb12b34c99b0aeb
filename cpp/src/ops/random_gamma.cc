// Gamma and Poisson distributed numbers. Each number has a stretch of the stream of its own,
// since it may draw any number of times.
#include <cmath>
#include <limits>
#include <string>

#include "ops/index_util.h"
#include "ops/random_util.h"
#include "ops/special_functions.h"

namespace wengert {
namespace {

using random::Numbers;
using random::Philox;
using random::Source;

constexpr uint64_t kStretch = 256;  // blocks per number

// The method of Marsaglia and Tsang: a normal number cubed, and a rejection that is rare.
// Below 1 the number for alpha + 1 times a power of a uniform one.
double DrawGamma(Philox generator, double alpha) {
  Numbers uniform(&generator, random::UniformPair);
  if (alpha == 1) return -std::log1p(-uniform());
  const bool small = alpha < 1;
  const double d = alpha + (small ? 2.0 / 3 : -1.0 / 3), c = 1.0 / 3 / std::sqrt(d);
  Numbers normal(&generator, random::NormalPair);
  for (;;) {
    const double x = normal();
    double v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    const double u = uniform();
    if (u >= 1 - 0.0331 * (x * x) * (x * x) &&
        std::log(u) >= 0.5 * x * x + d * (1 - v + std::log(v))) {
      continue;
    }
    return small ? d * v * std::pow(uniform(), 1 / alpha) : d * v;
  }
}

// Multiplied uniform numbers for small rates, else Hörmann's transformed rejection.
double DrawPoisson(Philox generator, double rate) {
  if (!(rate >= 0) || std::isinf(rate)) return std::numeric_limits<double>::quiet_NaN();
  Numbers uniform(&generator, random::UniformPair);
  if (rate < 10) {
    const double limit = std::exp(-rate);
    double product = 1;
    for (double n = 0;; ++n) {
      product *= uniform();
      if (product <= limit) return n;
    }
  }
  const double log_rate = std::log(rate);
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  for (;;) {
    const double u = uniform() - 0.5, v = uniform();
    const double shifted = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / shifted + b) * u + rate + 0.43);
    if (shifted >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2)) return k;
    if (k < 0 || (shifted < 0.013 && v > shifted)) continue;
    const double s = std::log(v * inverse_alpha / (a / (shifted * shifted) + b));
    if (s <= -rate + k * log_rate - std::lgamma(k + 1)) return k;
  }
}

using Draw = double (*)(Philox, double);

// `samples` numbers for each parameter; the parameters vary fastest.
void Fill(Draw draw, const Philox& start, const double* parameters, int64_t count, int64_t samples,
          double* out) {
  for (int64_t p = 0; p < count; ++p) {
    for (int64_t s = 0; s < samples; ++s) {
      Philox own = start;
      own.Skip(kStretch * static_cast<uint64_t>(p * samples + s));
      out[s * count + p] = draw(own, parameters[p]);
    }
  }
}

DType ParameterType(DType dtype) {
  // Rounded to the dtype of the parameters, the numbers are TensorFlow's.
  return IsFloating(dtype) ? DType::kFloat64 : dtype;
}

Value ToDouble(LoweringContext& c, int input) {
  return c.b.Cast(c.b.Cast(c.x(input), ParameterType(c.dtype(input))), DType::kFloat64);
}

// shape + parameters.shape, as the stateful ops have it.
LoweringFn LowerStateful(Draw draw, const char* name) {
  return [=](LoweringContext& c) {
    Dims dims = random::OutputDims(c);
    const int64_t samples = NumElements(dims);
    const Dims own = c.dims(1);
    dims.insert(dims.end(), own.begin(), own.end());
    KernelSpec spec;
    spec.name = name;
    spec.dtypes = {DType::kFloat64};
    spec.dims = {dims};
    spec.stateful = true;
    NumElements(dims);
    spec.run = [=, stream = random::StreamOf(c)](const std::vector<Array>& in,
                                                 std::vector<Array>& out) {
      const Philox start = stream->Reserve(kStretch * static_cast<uint64_t>(out[0].size()));
      Fill(draw, start, in[0].data<double>(), in[0].size(), samples, out[0].data<double>());
    };
    const Value v = c.b.Kernel(std::move(spec), {ToDouble(c, 1)}).at(0);
    c.set(c.b.Cast(v, c.op.FindAttr("dtype") ? c.op.type_attr("dtype") : c.op.type_attr("T")));
  };
}

// The shape ends with that of the parameters, which broadcast to it.
LoweringFn LowerStateless(Draw draw, const char* name, Source source, int parameters) {
  return [=](LoweringContext& c) {
    const Dims dims = random::OutputDims(c), own = c.dims(parameters);
    const size_t lead = dims.size() - std::min(dims.size(), own.size());
    bool fits = own.size() <= dims.size();
    for (size_t i = 0; fits && i < own.size(); ++i) {
      fits = own[i] == dims[lead + i] || own[i] == 1;
    }
    if (!fits) {
      c.Fail("Shape passed in must end with broadcasted shape: " + ToString(dims) + " and " +
             ToString(own));
    }
    const Dims inner(dims.begin() + static_cast<std::ptrdiff_t>(lead), dims.end());
    const int64_t count = NumElements(inner);
    const int64_t samples = count == 0 ? 0 : NumElements(dims) / count;
    if (source == Source::kKeyCounter) random::CheckAlgorithm(c, 3);
    KernelSpec spec;
    spec.name = name;
    spec.key = source == Source::kSeed ? "seed" : "key";
    spec.dtypes = {DType::kFloat64};
    spec.dims = {dims};
    spec.run = [=](const std::vector<Array>& in, std::vector<Array>& out) {
      const Philox start = random::ReadGenerator(source, in.data() + 1);
      Fill(draw, start, in[0].data<double>(), count, samples, out[0].data<double>());
    };
    std::vector<Value> args{c.b.Broadcast(ToDouble(c, parameters), inner), c.x(1)};
    if (source == Source::kKeyCounter) args.push_back(c.x(2));
    c.set(c.b.Cast(c.b.Kernel(std::move(spec), args).at(0), c.op.type_attr("dtype")));
  };
}

void StatefulShape(ShapeContext& c) {
  const Shape lead = c.input_as_shape(0);
  if (!lead.has_rank() || !c.input(1).has_rank()) return;
  Dims dims = lead.dims();
  dims.insert(dims.end(), c.input(1).dims().begin(), c.input(1).dims().end());
  c.set_output(0, Shape(std::move(dims)));
}

// --- gradient --------------------------------------------------------------------------------

// With P(a, x) the distribution function, P(a, x(a)) is constant along a fixed quantile:
// dx/da = -(dP/da) / (dP/dx)
double GammaSlope(double alpha, double sample) {
  // dP/dx = x^(a-1) e^-x / Gamma(a)
  return -special::IgammaGradA(alpha, sample) * sample / special::GammaKernel(alpha, sample);
}

void LowerGammaGrad(LoweringContext& c) {
  KernelSpec spec;
  spec.name = "RandomGammaGrad";
  spec.dtypes = {DType::kFloat64};
  const Value alpha = c.b.Cast(c.x(0), DType::kFloat64);
  const Value sample = c.b.Cast(c.x(1), DType::kFloat64);
  const Dims dims = c.b.dims(c.b.Add(alpha, sample));
  spec.dims = {dims};
  spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) {
    for (int64_t i = 0; i < out[0].size(); ++i) {
      out[0].data<double>()[i] = GammaSlope(in[0].data<double>()[i], in[1].data<double>()[i]);
    }
  };
  const std::vector<Value> args{c.b.Broadcast(alpha, dims), c.b.Broadcast(sample, dims)};
  c.set(c.b.Cast(c.b.Kernel(std::move(spec), args).at(0), c.dtype(0)));
}

// Samples y of parameter alpha, which has `rank` axes fewer in front of it when `extra`
// axes were drawn: dalpha = the sum over those of dy dx/da
Tensor AlphaGradient(GradientContext& g, const Tensor& alpha, const Tensor& extra) {
  Builder& b = g.b;
  const Tensor ones = b.Ones(std::vector<In>{In(extra)}, DType::kInt32);
  const Tensor own = b.ShapeOf(alpha);
  const Tensor aligned = b.Reshape(alpha, b.Concat({In(ones), In(own)}, 0));
  const Tensor slope = b.Op("RandomGammaGrad", {aligned, g.y()});
  const Tensor weighted = b.Multiply(g.dy(), slope);
  return b.ReduceSum(weighted, In(b.Range(0, extra, 1)));
}

std::vector<Grad> StatefulGradient(GradientContext& g) {
  const Builder::Controls after = g.b.ControlDependencies({g.dy().op});
  const Tensor extra = index_util::ElementAt(g.b, g.b.ShapeOf(g.x(0)), 0);
  return {{}, AlphaGradient(g, g.x(1), extra)};
}

GradientFn StatelessGradient(int alpha) {
  return [alpha](GradientContext& g) {
    const Builder::Controls after = g.b.ControlDependencies({g.dy().op});
    const Tensor rank = index_util::ElementAt(g.b, g.b.ShapeOf(g.x(0)), 0);
    const Tensor extra = g.b.Subtract(rank, g.b.RankOf(g.x(alpha)));
    std::vector<Grad> grads(static_cast<size_t>(g.op->num_inputs()));
    grads[static_cast<size_t>(alpha)] = AlphaGradient(g, g.x(alpha), extra);
    return grads;
  };
}

}  // namespace

void RegisterGammaOps(OpRegistry& r) {
  constexpr char kNumber[] = "{half, float, double, int32, int64}";
  r.Op("RandomGamma")
      .Input("shape: S")
      .Input("alpha: T")
      .Output("output: T")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr("S: {int32, int64}")
      .Attr("T: {half, float, double}")
      .Doc("Gamma distributed random numbers of given shape parameters")
      .Stateful()
      .Shape(StatefulShape)
      .Gradient(StatefulGradient)
      .Lower(LowerStateful(DrawGamma, "RandomGamma"));
  r.Op("RandomPoissonV2")
      .Input("shape: S")
      .Input("rate: R")
      .Output("output: dtype")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr("S: {int32, int64}")
      .Attr(std::string("R: ") + kNumber + " = double")
      .Attr(std::string("dtype: ") + kNumber + " = int64")
      .Doc("Poisson distributed random numbers of given rates")
      .Stateful()
      .Shape(StatefulShape)
      .NotDifferentiable()
      .Lower(LowerStateful(DrawPoisson, "RandomPoisson"));
  r.Op("StatelessRandomGammaV2")
      .Input("shape: T")
      .Input("seed: Tseed")
      .Input("alpha: dtype")
      .Output("output: dtype")
      .Attr("dtype: {half, float, double}")
      .Attr("T: {int32, int64}")
      .Attr("Tseed: {int32, int64} = int64")
      .Doc("Gamma distributed random numbers determined by a seed")
      .Shape(random::ShapeOfInput)
      .Gradient(StatelessGradient(2))
      .Lower(LowerStateless(DrawGamma, "StatelessRandomGamma", Source::kSeed, 2));
  r.Op("StatelessRandomGammaV3")
      .Input("shape: shape_dtype")
      .Input("key: uint64")
      .Input("counter: uint64")
      .Input("alg: int32")
      .Input("alpha: dtype")
      .Output("output: dtype")
      .Attr("dtype: {half, float, double}")
      .Attr("shape_dtype: {int32, int64} = int32")
      .Doc("Gamma distributed random numbers determined by a key and counter")
      .Shape(random::ShapeOfInput)
      .Gradient(StatelessGradient(4))
      .Lower(LowerStateless(DrawGamma, "StatelessRandomGamma", Source::kKeyCounter, 4));
  r.Op("StatelessRandomPoisson")
      .Input("shape: T")
      .Input("seed: Tseed")
      .Input("lam: Rtype")
      .Output("output: dtype")
      .Attr(std::string("Rtype: ") + kNumber)
      .Attr(std::string("dtype: ") + kNumber)
      .Attr("T: {int32, int64}")
      .Attr("Tseed: {int32, int64} = int64")
      .Doc("Poisson distributed random numbers determined by a seed")
      .Shape(random::ShapeOfInput)
      .NotDifferentiable()
      .Lower(LowerStateless(DrawPoisson, "StatelessRandomPoisson", Source::kSeed, 2));
  r.Op("RandomGammaGrad")
      .Input("alpha: T")
      .Input("sample: T")
      .Output("output: T")
      .Attr("T: {float, double}")
      .Doc("Derivative of gamma distributed numbers along their shape parameter")
      .Shape(shape_rules::BroadcastBinary)
      .NoGradient()
      .Lower(LowerGammaGrad);
}

}  // namespace wengert
