// Random numbers. Stateful ops go on with their own stream at every run; stateless ones are
// functions of a seed, or of the key and counter made from it.
#include <string>
#include <utility>
#include <vector>

#include "ops/random_util.h"
#include "ops/register.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

using random::CheckAlgorithm;
using random::Distribution;
using random::OutputDims;
using random::Philox;
using random::ReadGenerator;
using random::ShapeOfInput;
using random::Source;
using random::StreamOf;

constexpr char kShapeType[] = "T: {int32, int64}";
constexpr char kTshape[] = "Tshape: {int32, int64} = int32";
constexpr char kTseed[] = "Tseed: {int32, int64} = int64";

const char* NameOf(Distribution distribution) {
  switch (distribution) {
    case Distribution::kUniform:
      return "RandomUniform";
    case Distribution::kNormal:
      return "RandomNormal";
    case Distribution::kTruncatedNormal:
      return "RandomTruncatedNormal";
    case Distribution::kInteger:
      return "RandomInteger";
  }
  return "";
}

// The half-open range of integers given by two scalars.
struct Range {
  uint64_t low = 0, count = 0;
};

Range ReadRange(const Array& low, const Array& high, bool needed) {
  if (low.size() != 1 || high.size() != 1) {
    throw InvalidArgument("minval and maxval must be scalars, got shapes " + ToString(low.dims()) +
                          " and " + ToString(high.dims()));
  }
  const bool is_unsigned = IsUnsigned(low.dtype());
  const int64_t lo = low.AsInt(0), hi = high.AsInt(0);
  const bool ordered =
      is_unsigned ? static_cast<uint64_t>(lo) < static_cast<uint64_t>(hi) : lo < hi;
  if (needed && !ordered) {
    throw InvalidArgument("Need minval < maxval, got " + std::to_string(lo) +
                          " >= " + std::to_string(hi));
  }
  return {static_cast<uint64_t>(lo), static_cast<uint64_t>(hi) - static_cast<uint64_t>(lo)};
}

KernelSpec Spec(LoweringContext& c, Distribution distribution, DType dtype) {
  KernelSpec spec;
  spec.name = NameOf(distribution);
  spec.dtypes = {dtype};
  spec.dims = {OutputDims(c)};
  return spec;
}

// --- stateful ---------------------------------------------------------------------------

LoweringFn LowerStateful(Distribution distribution) {
  return [distribution](LoweringContext& c) {
    KernelSpec spec = Spec(c, distribution, c.op.type_attr("dtype"));
    spec.stateful = true;
    spec.run = [distribution, stream = StreamOf(c)](const std::vector<Array>&,
                                                    std::vector<Array>& out) {
      random::Fill(distribution, stream->Reserve(random::ReservedBlocks(out[0].size())), out[0]);
    };
    c.set(c.b.Kernel(std::move(spec), {}).at(0));
  };
}

void LowerStatefulInteger(LoweringContext& c) {
  KernelSpec spec = Spec(c, Distribution::kInteger, c.op.type_attr("Tout"));
  spec.stateful = true;
  spec.run = [stream = StreamOf(c)](const std::vector<Array>& in, std::vector<Array>& out) {
    const Range range = ReadRange(in[0], in[1], out[0].size() > 0);
    random::Fill(Distribution::kInteger, stream->Reserve(random::ReservedBlocks(out[0].size())),
                 out[0], range.low, range.count);
  };
  c.set(c.b.Kernel(std::move(spec), {c.x(1), c.x(2)}).at(0));
}

void RegisterStateful(OpRegistry& r) {
  struct Case {
    const char* name;
    Distribution distribution;
    const char* doc;
  };
  for (const Case& k :
       {Case{"RandomUniform", Distribution::kUniform, "Uniform random numbers in [0, 1)"},
        Case{"RandomStandardNormal", Distribution::kNormal,
             "Normal random numbers of mean 0 and standard deviation 1"},
        Case{"TruncatedNormal", Distribution::kTruncatedNormal,
             "Standard normal random numbers, redrawn beyond 2 standard deviations"}}) {
    r.Op(k.name)
        .Input("shape: T")
        .Output("output: dtype")
        .Attr("seed: int = 0")
        .Attr("seed2: int = 0")
        .Attr("dtype: {half, bfloat16, float, double}")
        .Attr(kShapeType)
        .Doc(k.doc)
        .Stateful()
        .Shape(ShapeOfInput)
        .NotDifferentiable()
        .Lower(LowerStateful(k.distribution));
  }
  r.Op("RandomUniformInt")
      .Input("shape: T")
      .Input("minval: Tout")
      .Input("maxval: Tout")
      .Output("output: Tout")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr("Tout: {int32, int64}")
      .Attr(kShapeType)
      .Doc("Uniform random integers in [minval, maxval)")
      .Stateful()
      .Shape(ShapeOfInput)
      .NotDifferentiable()
      .Lower(LowerStatefulInteger);
}

// --- stateless --------------------------------------------------------------------------

// `ranged`: the last two inputs are minval and maxval.
LoweringFn LowerStateless(Distribution distribution, Source source, bool ranged = false) {
  return [=](LoweringContext& c) {
    std::vector<Value> args;
    if (source == Source::kSeed) {
      args = {c.x(1)};
    } else {
      args = {c.x(1), c.x(2)};
      CheckAlgorithm(c, 3);
    }
    const size_t first = args.size();
    if (ranged) args.insert(args.end(), c.in.end() - 2, c.in.end());
    KernelSpec spec = Spec(c, distribution, c.op.type_attr("dtype"));
    spec.name = std::string("Stateless") + spec.name;
    spec.key = std::string(source == Source::kSeed ? "seed" : "key") + (ranged ? ",ranged" : "");
    spec.run = [=](const std::vector<Array>& in, std::vector<Array>& out) {
      const Philox generator = ReadGenerator(source, in.data());
      Range range;
      if (ranged) range = ReadRange(in[first], in[first + 1], out[0].size() > 0);
      random::Fill(distribution, generator, out[0], range.low, range.count);
    };
    c.set(c.b.Kernel(std::move(spec), args).at(0));
  };
}

void LowerKeyCounter(LoweringContext& c) {
  KernelSpec spec;
  spec.name = "StatelessRandomGetKeyCounter";
  spec.dtypes = {DType::kUInt64, DType::kUInt64};
  spec.dims = {{1}, {2}};
  spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) {
    const Philox generator = ReadGenerator(Source::kSeed, in.data());
    out[0].data<uint64_t>()[0] = generator.key();
    out[1].data<uint64_t>()[0] = generator.counter(0);
    out[1].data<uint64_t>()[1] = generator.counter(1);
  };
  c.out = c.b.Kernel(std::move(spec), {c.x(0)});
  if (c.op.num_outputs() == 3) c.out.push_back(c.b.Constant(Array::Scalar<int32_t>(1)));
}

void KeyCounterShape(ShapeContext& c) {
  c.set_output(0, Shape{1});
  c.set_output(1, Shape{2});
  if (c.num_outputs() == 3) c.set_output(2, Shape::Scalar());
}

OpDef& WithSeed(OpRegistry& r, const std::string& name) {
  return r.Op(name).Input("shape: T").Input("seed: Tseed").Shape(ShapeOfInput).NotDifferentiable();
}

OpDef& WithKey(OpRegistry& r, const std::string& name) {
  return r.Op(name)
      .Input("shape: Tshape")
      .Input("key: uint64")
      .Input("counter: uint64")
      .Input("alg: int32")
      .Shape(ShapeOfInput)
      .NotDifferentiable();
}

void RegisterStatelessReal(OpRegistry& r) {
  struct Case {
    const char* name;
    Distribution distribution;
    const char* doc;
  };
  constexpr char kReal[] = "dtype: {half, bfloat16, float, double} = float";
  for (const Case& k :
       {Case{"StatelessRandomUniform", Distribution::kUniform,
             "Uniform random numbers in [0, 1) determined by a seed"},
        Case{"StatelessRandomNormal", Distribution::kNormal,
             "Standard normal random numbers determined by a seed"},
        Case{
            "StatelessTruncatedNormal", Distribution::kTruncatedNormal,
            "Standard normal random numbers within 2 standard deviations, determined by a seed"}}) {
    WithSeed(r, k.name)
        .Output("output: dtype")
        .Attr(kReal)
        .Attr("T: {int32, int64} = int32")
        .Attr(kTseed)
        .Doc(k.doc)
        .Lower(LowerStateless(k.distribution, Source::kSeed));
    WithKey(r, std::string(k.name) + "V2")
        .Output("output: dtype")
        .Attr(kReal)
        .Attr(kTshape)
        .Doc(std::string(k.doc) + "'s key and counter")
        .Lower(LowerStateless(k.distribution, Source::kKeyCounter));
  }
}

void RegisterStatelessInteger(OpRegistry& r) {
  WithSeed(r, "StatelessRandomUniformInt")
      .Input("minval: dtype")
      .Input("maxval: dtype")
      .Output("output: dtype")
      .Attr("dtype: {int32, int64}")
      .Attr(kShapeType)
      .Attr(kTseed)
      .Doc("Uniform random integers in [minval, maxval) determined by a seed")
      .Lower(LowerStateless(Distribution::kInteger, Source::kSeed, true));
  WithKey(r, "StatelessRandomUniformIntV2")
      .Input("minval: dtype")
      .Input("maxval: dtype")
      .Output("output: dtype")
      .Attr("dtype: {int32, int64, uint32, uint64}")
      .Attr(kTshape)
      .Doc("Uniform random integers in [minval, maxval) determined by a key and counter")
      .Lower(LowerStateless(Distribution::kInteger, Source::kKeyCounter, true));
  WithSeed(r, "StatelessRandomUniformFullInt")
      .Output("output: dtype")
      .Attr("dtype: {int32, int64, uint32, uint64} = uint64")
      .Attr("T: {int32, int64} = int32")
      .Attr("Tseed: {int32, int64, uint32, uint64} = int64")
      .Doc("Random integers of the whole range of the dtype determined by a seed")
      .Lower(LowerStateless(Distribution::kInteger, Source::kSeed));
  WithKey(r, "StatelessRandomUniformFullIntV2")
      .Output("output: dtype")
      .Attr("dtype: {int32, int64, uint32, uint64} = uint64")
      .Attr(kTshape)
      .Doc("Random integers of the whole range of the dtype determined by a key and counter")
      .Lower(LowerStateless(Distribution::kInteger, Source::kKeyCounter));
}

void RegisterGenerators(OpRegistry& r) {
  r.Op("StatelessRandomGetKeyCounter")
      .Input("seed: Tseed")
      .Output("key: uint64")
      .Output("counter: uint64")
      .Attr(kTseed)
      .Doc("Key and counter of the generator that a seed determines")
      .Shape(KeyCounterShape)
      .NotDifferentiable()
      .Lower(LowerKeyCounter);
  r.Op("StatelessRandomGetKeyCounterAlg")
      .Input("seed: Tseed")
      .Output("key: uint64")
      .Output("counter: uint64")
      .Output("alg: int32")
      .Attr(kTseed)
      .Doc("Key, counter and algorithm of the generator that a seed determines")
      .Shape(KeyCounterShape)
      .NotDifferentiable()
      .Lower(LowerKeyCounter);
  r.Op("StatelessRandomGetAlg")
      .Output("alg: int32")
      .Doc("Algorithm that stateless random ops use")
      .Stateful()
      .Shape(shape_rules::Scalar)
      .NotDifferentiable()
      .Lower([](LoweringContext& c) { c.set(c.b.Constant(Array::Scalar<int32_t>(1))); });
}

}  // namespace

void RegisterRandomOps(OpRegistry& r) {
  RegisterStateful(r);
  RegisterStatelessReal(r);
  RegisterStatelessInteger(r);
  RegisterGenerators(r);
  RegisterGammaOps(r);
  RegisterChoiceOps(r);
}

}  // namespace wengert
