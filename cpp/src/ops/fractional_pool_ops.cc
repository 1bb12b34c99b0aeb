// Pooling over regions whose sizes differ by one, drawn at random: ratios that are no integers.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ops/random_philox.h"
#include "ops/window_util.h"
#include "wengert/builder.h"
#include "wengert/lowering.h"

namespace wengert {
namespace {

using Sequence = std::vector<int64_t>;  // where regions begin, and the end of the last

// --- sequences --------------------------------------------------------------------------

// The generator's numbers one by one.
class Numbers {
 public:
  explicit Numbers(random::Philox generator) : generator_(generator) {}
  uint32_t Next() {
    if (at_ == 4) {
      block_ = generator_.Next();
      at_ = 0;
    }
    return block_[at_++];
  }
  double NextDouble() {  // in [0, 1): 52 bits after the point of a number in [1, 2)
    const uint64_t high = Next() & 0xFFFFF, low = Next();
    const uint64_t bits = uint64_t{0x3FF} << 52 | high << 32 | low;
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    return value - 1.0;
  }

 private:
  random::Philox generator_;
  random::Philox::Block block_{};
  size_t at_ = 4;
};

// Lengths k and k + 1 in random order.
Sequence Shuffled(int64_t length, int64_t regions, random::Philox* generator) {
  const int64_t k = length / regions, longer = length % regions;
  Sequence lengths(static_cast<size_t>(regions), k);
  for (int64_t i = 0; i < longer; ++i) ++lengths[static_cast<size_t>(i)];
  Numbers numbers(*generator);
  generator->Skip(static_cast<uint64_t>((regions + 3) / 4));
  for (size_t i = 0; i + 1 < lengths.size(); ++i) {
    const uint32_t left = static_cast<uint32_t>(lengths.size() - i);
    std::swap(lengths[i], lengths[i + numbers.Next() % left]);
  }
  Sequence ends{0};
  for (int64_t n : lengths) ends.push_back(ends.back() + n);
  return ends;
}

// ceil(a (i + u)) with one random u.
Sequence Spread(int64_t length, int64_t regions, random::Philox* generator) {
  const double alpha = static_cast<double>(length) / static_cast<double>(regions);
  const int64_t k = length / regions;
  const double most =
      std::min(static_cast<double>(k + 2) / alpha - 1,
               static_cast<double>(length + 1 - k) / alpha - static_cast<double>(regions - 1));
  Numbers numbers(*generator);
  generator->Skip(1);
  const double u = numbers.NextDouble() * most;
  Sequence ends{0};
  for (int64_t i = 1; i < regions; ++i) {
    ends.push_back(static_cast<int64_t>(std::ceil(alpha * (static_cast<double>(i) + u))) - 1);
  }
  ends.push_back(length);
  return ends;
}

Sequence Regions(int64_t length, int64_t regions, bool pseudo, random::Philox* generator) {
  if (regions > 0 && length % regions != 0) {
    return pseudo ? Spread(length, regions, generator) : Shuffled(length, regions, generator);
  }
  Sequence ends{0};
  for (int64_t i = 0; i < regions; ++i) ends.push_back(ends.back() + length / regions);
  return ends;
}

// --- kernels ----------------------------------------------------------------------------

enum class What { kMax, kAverage, kMaxGrad, kAverageGrad };

// `image` [n, h, w, c]; `second`: the gradient of the result; `out`: the result, or the gradient of
// the image.
template <class T>
void Pool(What what, const Dims& image, const Sequence& rows, const Sequence& cols,
          bool overlapping, const T* x, const T* second, T* out) {
  const int64_t height = image[1], width = image[2], depth = image[3], more = overlapping ? 1 : 0;
  int64_t result = 0;
  for (int64_t n = 0; n < image[0]; ++n) {
    for (size_t i = 0; i + 1 < rows.size(); ++i) {
      for (size_t j = 0; j + 1 < cols.size(); ++j) {
        const int64_t top = rows[i], bottom = std::min(rows[i + 1] + more, height);
        const int64_t left = cols[j], right = std::min(cols[j + 1] + more, width);
        const T count = static_cast<T>((bottom - top) * (right - left));
        for (int64_t c = 0; c < depth; ++c, ++result) {
          int64_t best = ((n * height + top) * width + left) * depth + c;
          T sum = 0;
          for (int64_t y = top; y < bottom; ++y) {
            for (int64_t z = left; z < right; ++z) {
              const int64_t at = ((n * height + y) * width + z) * depth + c;
              if (what == What::kAverage) sum = static_cast<T>(sum + x[at]);
              if (what == What::kAverageGrad) {
                out[at] = static_cast<T>(out[at] + second[result] / count);
              }
              if ((what == What::kMax || what == What::kMaxGrad) && x[at] > x[best]) best = at;
            }
          }
          if (what == What::kMax) out[result] = x[best];
          if (what == What::kAverage) out[result] = static_cast<T>(sum / count);
          if (what == What::kMaxGrad) out[best] = static_cast<T>(out[best] + second[result]);
        }
      }
    }
  }
}

void Run(What what, const Dims& image, const Sequence& rows, const Sequence& cols, bool overlapping,
         const Array& x, const Array& second, Array& out) {
  const auto run = [&]<class T>(T) {
    if (what == What::kMaxGrad || what == What::kAverageGrad) {
      std::fill(out.data<T>(), out.data<T>() + out.size(), T(0));
    }
    Pool<T>(what, image, rows, cols, overlapping, x.data<T>(), second.data<T>(), out.data<T>());
  };
  switch (out.dtype()) {
    case DType::kFloat32:
      return run(float{});
    case DType::kFloat64:
      return run(double{});
    case DType::kInt32:
      return run(int32_t{});
    default:
      return run(int64_t{});
  }
}

// --- rules ------------------------------------------------------------------------------

std::vector<float> Ratio(const AttrMap& attrs, const window_util::Fail& fail) {
  const auto ratio = attrs.find("pooling_ratio")->second.as<std::vector<float>>();
  if (ratio.size() != 4) fail("pooling_ratio field must specify 4 dimensions");
  for (float r : ratio) {
    if (!(r >= 1)) fail("pooling_ratio cannot be smaller than 1, got: " + std::to_string(r));
  }
  if (ratio[0] != 1 || ratio[3] != 1) {
    fail("Fractional pooling is not yet supported on the batch nor channel dimension.");
  }
  return ratio;
}

int64_t RegionCount(int64_t length, float ratio) {
  return length < 0 ? kUnknownDim
                    : static_cast<int64_t>(
                          std::floor(static_cast<double>(length) / static_cast<double>(ratio)));
}

void PoolShape(ShapeContext& c) {
  const std::vector<float> ratio = Ratio(c.attrs(), window_util::FailOf(c));
  const Shape x = c.WithRank(0, 4);
  Dims dims = x.has_rank() ? x.dims() : Shape::UnknownOfRank(4).dims();
  for (size_t i = 1; i < 3; ++i) dims[i] = RegionCount(dims[i], ratio[i]);
  const auto ends = [](int64_t n) { return Shape(Dims{n < 0 ? n : n + 1}); };
  c.set_output(1, ends(dims[1]));
  c.set_output(2, ends(dims[2]));
  c.set_output(0, Shape(std::move(dims)));
}

void LowerPool(LoweringContext& c, What what) {
  const std::vector<float> ratio = Ratio(c.op.attrs(), window_util::FailOf(c));
  const Dims image = c.dims(0);
  if (image.size() != 4) c.Fail(c.op.type() + ": value must be 4-dimensional");
  Dims result = image;
  for (size_t i = 1; i < 3; ++i) {
    result[i] = RegionCount(image[i], ratio[i]);
    if (result[i] < 1) {
      c.Fail("Output of " + c.op.type() + " has zero length along axis " + std::to_string(i));
    }
  }
  const bool fixed = c.op.bool_attr("deterministic");
  const auto seed = static_cast<uint64_t>(c.op.int_attr("seed"));
  const auto seed2 = static_cast<uint64_t>(c.op.int_attr("seed2"));
  if (!fixed && (seed != 0 || seed2 != 0)) {
    c.Fail("Both seed and seed2 should be 0 if deterministic is false.");
  }
  KernelSpec spec;
  spec.name = c.op.type();
  spec.key = c.op.name();
  spec.stateful = !fixed;
  spec.dtypes = {c.dtype(0), DType::kInt64, DType::kInt64};
  spec.dims = {result, {result[1] + 1}, {result[2] + 1}};
  const bool pseudo = c.op.bool_attr("pseudo_random"), overlapping = c.op.bool_attr("overlapping");
  spec.run = [=](const std::vector<Array>& in, std::vector<Array>& out) {
    uint64_t key = seed, counter = seed2;
    if (key == 0 && counter == 0) {
      std::random_device device;
      key = uint64_t{device()} << 32 | device();
      counter = uint64_t{device()} << 32 | device();
    }
    random::Philox generator(key, counter);
    const Sequence rows = Regions(image[1], result[1], pseudo, &generator);
    const Sequence cols = Regions(image[2], result[2], pseudo, &generator);
    std::copy(rows.begin(), rows.end(), out[1].data<int64_t>());
    std::copy(cols.begin(), cols.end(), out[2].data<int64_t>());
    Run(what, image, rows, cols, overlapping, in[0], in[0], out[0]);
  };
  c.out = c.b.Kernel(std::move(spec), {c.x(0)});
}

// Ends of regions from outside.
Sequence CheckedSequence(const Array& ends, int64_t length, const std::string& op) {
  Sequence sequence = ends.AsInts();
  bool ok = sequence.size() >= 2 && sequence.front() == 0 && sequence.back() == length;
  for (size_t i = 0; ok && i + 1 < sequence.size(); ++i) ok = sequence[i] < sequence[i + 1];
  if (!ok) {
    throw InvalidArgument(op + ": pooling sequences must rise from 0 to the length of the image, " +
                          std::to_string(length) + ", got " + ToString(Dims(sequence)));
  }
  return sequence;
}

void LowerGrad(LoweringContext& c, What what) {
  const bool max = what == What::kMaxGrad;
  Dims image;
  if (max) {
    image = c.dims(0);
  } else {
    image = c.ints(0);
  }
  const size_t dy = max ? 2 : 1;
  const Dims result = c.dims(static_cast<int>(dy));
  if (image.size() != 4 || result.size() != 4 || image[0] != result[0] || image[3] != result[3] ||
      *std::min_element(image.begin(), image.end()) < 0) {
    c.Fail(c.op.type() + ": image and out_backprop must be 4-dimensional and fit, got shapes " +
           ToString(image) + " and " + ToString(result));
  }
  KernelSpec spec;
  spec.name = c.op.type();
  spec.dtypes = {c.dtype(static_cast<int>(dy))};
  spec.dims = {image};
  spec.run = [=, op = c.op.type(), overlapping = c.op.bool_attr("overlapping")](
                 const std::vector<Array>& in, std::vector<Array>& out) {
    const Sequence rows = CheckedSequence(in[dy + 1], image[1], op);
    const Sequence cols = CheckedSequence(in[dy + 2], image[2], op);
    if (static_cast<int64_t>(rows.size()) != result[1] + 1 ||
        static_cast<int64_t>(cols.size()) != result[2] + 1) {
      throw InvalidArgument(op + ": out_backprop of shape " + ToString(result) +
                            " does not have the regions of the pooling sequences");
    }
    Run(what, image, rows, cols, overlapping, in[0], in[dy], out[0]);
  };
  c.out = c.b.Kernel(std::move(spec), c.in);
}

OpDef& PoolOp(OpRegistry& r, const char* name) {
  return r.Op(name)
      .Input("value: T")
      .Output("output: T")
      .Output("row_pooling_sequence: int64")
      .Output("col_pooling_sequence: int64")
      .Attr("pooling_ratio: list(float) >= 4")
      .Attr("pseudo_random: bool = false")
      .Attr("overlapping: bool = false")
      .Attr("deterministic: bool = false")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr("T: {float, double, int32, int64}")
      .Shape(PoolShape);
}

}  // namespace

void RegisterFractionalPoolOps(OpRegistry& r) {
  PoolOp(r, "FractionalMaxPool")
      .Doc("Largest elements of random regions")
      // y = max of the region: dx = dy where it was found first
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {g.b.Op("FractionalMaxPoolGrad", {g.x(0), g.y(0), g.dy(0), g.y(1), g.y(2)},
                       {{"overlapping", g.op->attr("overlapping")}})};
      })
      .Lower([](LoweringContext& c) { LowerPool(c, What::kMax); });
  PoolOp(r, "FractionalAvgPool")
      .Doc("Means of random regions")
      // y = mean of the region: dx = dy / count
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const Shape& shape = g.x(0).shape();
        In dims = shape.fully_defined() ? In(Array::Vector<int64_t>(shape.dims()))
                                        : In(g.b.ShapeOf(g.x(0), DType::kInt64));
        return {g.b.Op("FractionalAvgPoolGrad", {dims, g.dy(0), g.y(1), g.y(2)},
                       {{"overlapping", g.op->attr("overlapping")}})};
      })
      .Lower([](LoweringContext& c) { LowerPool(c, What::kAverage); });
  r.Op("FractionalMaxPoolGrad")
      .Input("orig_input: T")
      .Input("orig_output: T")
      .Input("out_backprop: T")
      .Input("row_pooling_sequence: int64")
      .Input("col_pooling_sequence: int64")
      .Output("output: T")
      .Attr("overlapping: bool = false")
      .Attr("T: {float, double, int32, int64}")
      .Doc("Gradient of FractionalMaxPool")
      .Shape([](ShapeContext& c) { c.set_output(0, c.WithRank(0, 4)); })
      .NoGradient()
      .Lower([](LoweringContext& c) { LowerGrad(c, What::kMaxGrad); });
  r.Op("FractionalAvgPoolGrad")
      .Input("orig_input_tensor_shape: int64")
      .Input("out_backprop: T")
      .Input("row_pooling_sequence: int64")
      .Input("col_pooling_sequence: int64")
      .Output("output: T")
      .Attr("overlapping: bool = false")
      .Attr("T: {float, double, int32, int64}")
      .Doc("Gradient of FractionalAvgPool")
      .Shape([](ShapeContext& c) {
        const Shape shape = c.input_as_shape(0);
        c.set_output(0, shape.has_rank() ? shape : Shape::UnknownOfRank(4));
      })
      .NoGradient()
      .Lower([](LoweringContext& c) { LowerGrad(c, What::kAverageGrad); });
}

}  // namespace wengert
