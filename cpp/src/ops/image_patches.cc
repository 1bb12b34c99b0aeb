// Ops that lay out the patches under a sliding window: ExtractImagePatches and
// ExtractVolumePatches.
#include <algorithm>
#include <string>

#include "ops/index_util.h"
#include "ops/register.h"

namespace wengert {
namespace {

using Ints = std::vector<int64_t>;

// The window along each of the spatial axes.
struct Window {
  Ints size, stride, rate;
  bool same = false;

  size_t rank() const { return size.size(); }
  int64_t Reach(size_t i) const {  // pixels between the first and last of a patch, both counted
    return op_util::CheckedAdd(op_util::CheckedMul(size[i] - 1, rate[i]), 1);
  }
  // Patches along axis i; negative where TensorFlow has an error.
  int64_t Count(size_t i, int64_t length) const {
    if (same) return (length + stride[i] - 1) / stride[i];
    return (length - Reach(i) + stride[i]) / stride[i];
  }
  int64_t Volume() const {
    int64_t n = 1;
    for (int64_t s : size) n = op_util::CheckedMul(n, s);
    return n;
  }
};

// The inner entries of a list attribute whose first and last must be 1. `fail` must throw.
template <class Fail>
Ints Inner(const Ints& attr, size_t rank, const char* name, Fail&& fail) {
  if (attr.size() != rank + 2) {
    fail("ExtractPatches requires the " + std::string(name) + " attribute to contain " +
         std::to_string(rank + 2) + " values, but got: " + std::to_string(attr.size()));
  }
  if (attr.front() != 1 || attr.back() != 1) {
    fail("patches across the batch or the channels: the first and last of " + std::string(name) +
         " must be 1");
  }
  for (int64_t v : attr) {
    if (v < 1) fail(std::string(name) + " must be positive, got " + ToString(attr));
  }
  return Ints(attr.begin() + 1, attr.end() - 1);
}

template <class Fail>
Window WindowOf(const AttrMap& attrs, size_t rank, Fail&& fail) {
  const auto list = [&](const char* name) -> const Ints& {
    return attrs.find(name)->second.template as<Ints>();
  };
  Window w{Inner(list("ksizes"), rank, "ksizes", fail),
           Inner(list("strides"), rank, "strides", fail), Ints(rank, 1),
           attrs.find("padding")->second.template as<std::string>() == "SAME"};
  if (attrs.find("rates") != attrs.end()) w.rate = Inner(list("rates"), rank, "rates", fail);
  return w;
}

std::string TooLarge(int64_t count) {
  return "Computed output size would be negative: " + std::to_string(count);
}

void PatchesShape(ShapeContext& c, size_t rank) {
  const Shape in = c.WithRank(0, static_cast<int>(rank) + 2);
  const Window w = WindowOf(c.attrs(), rank, [&c](const std::string& message) { c.Fail(message); });
  Dims dims{in.dim(0)};
  for (size_t i = 0; i < rank; ++i) {
    const int64_t length = in.dim(static_cast<int>(i) + 1);
    dims.push_back(length < 0 ? kUnknownDim : w.Count(i, length));
    if (length >= 0 && dims.back() < 0) c.Fail(TooLarge(dims.back()));
  }
  dims.push_back(op_util::MulLengths(in.dim(static_cast<int>(rank) + 1), w.Volume()));
  c.set_output(0, Shape(std::move(dims)));
}

// Gathers along each axis what its windows see, then brings the windows together:
// [n, (o1, k1), (o2, k2), .., c] -> [n, o1, o2, .., (k1, k2, .., c)].
void LowerPatches(LoweringContext& c, size_t rank) {
  const Dims in = c.dims(0);
  if (in.size() != rank + 2) {
    c.Fail("input must be " + std::to_string(rank + 2) + "-dimensional, got shape " + ToString(in));
  }
  const Window w =
      WindowOf(c.op.attrs(), rank, [&c](const std::string& message) { c.Fail(message); });
  Dims low(in.size(), 0), high(in.size(), 0), split{in[0]}, out{in[0]};
  std::vector<int> perm{0};
  std::vector<Ints> places(rank);
  // Before the places are listed, of which there may be as many as results.
  constexpr int64_t kMost = int64_t{1} << 36;
  int64_t total = op_util::CheckedMul(op_util::CheckedMul(w.Volume(), in[0]), in.back());
  for (size_t i = 0; i < rank; ++i) {
    const int64_t count = std::max<int64_t>(w.Count(i, in[i + 1]), 0);
    total = op_util::CheckedMul(total, count);
    if (count * std::min(w.size[i], kMost) > kMost) total = kMost + 1;
  }
  if (total > kMost) {
    throw Error(ErrorKind::kResourceExhausted, "the patches of this window are too many to hold");
  }
  for (size_t i = 0; i < rank; ++i) {
    const int64_t length = in[i + 1], count = w.Count(i, length);
    if (count < 0) c.Fail(TooLarge(count));
    const int64_t needed = count == 0 ? 0 : (count - 1) * w.stride[i] + w.Reach(i);
    const int64_t missing = std::max<int64_t>(needed - length, 0);
    low[i + 1] = missing / 2;
    high[i + 1] = missing - missing / 2;
    for (int64_t o = 0; o < count; ++o) {
      for (int64_t k = 0; k < w.size[i]; ++k) {
        places[i].push_back(o * w.stride[i] + k * w.rate[i]);
      }
    }
    split.insert(split.end(), {count, w.size[i]});
    out.push_back(count);
    perm.push_back(static_cast<int>(2 * i + 1));
  }
  for (size_t i = 0; i <= rank; ++i) perm.push_back(static_cast<int>(2 * (i + 1)));
  perm.back() = static_cast<int>(2 * rank + 1);
  split.push_back(in.back());
  out.push_back(op_util::CheckedMul(w.Volume(), in.back()));
  Value v = c.x();
  if (low != Dims(in.size(), 0) || high != low) {
    v = c.b.Pad(v, op_util::Filled(c.b, c.dtype(0), 0, {}), low, high);
  }
  for (size_t i = 0; i < rank; ++i) {
    v = c.b.Gather(v, c.b.Constant(Array::Vector<int64_t>(places[i])), static_cast<int>(i) + 1, 0);
  }
  c.set(c.b.Reshape(c.b.Transpose(c.b.Reshape(v, split), perm), out));
}

// Patches of the numbers 1, 2, .. of the pixels say where each element of a patch comes from
// (0: from the padding): dx = the sums of dy over the elements of each pixel.
std::vector<Grad> PatchesGradient(GradientContext& g, int rank) {
  Builder& b = g.b;
  const DType wide = DType::kInt64;
  const Ints& sizes = g.op->ints_attr("ksizes");
  const auto unstack = [&b](const Tensor& shape, int n) {
    Operation* op =
        b.AddOp("Unpack", {shape}, {{"num", int64_t{n}}, {"axis", int64_t{0}}}, "unstack");
    std::vector<Tensor> parts;
    for (int i = 0; i < n; ++i) parts.push_back(op->output(i));
    return parts;
  };
  const std::vector<Tensor> in = unstack(b.ShapeOf(g.x(0), wide), rank + 2);
  const Tensor out_shape = b.ShapeOf(g.y(), wide);
  const std::vector<Tensor> out =
      unstack(b.StridedSlice(out_shape, Ints{1}, Ints{rank + 1}, Ints{1}), rank);
  Tensor pixels = in[1];
  for (int i = 2; i <= rank; ++i) pixels = b.Multiply(pixels, in[static_cast<size_t>(i)]);
  // Floating, since ops on images need not take wide integers.
  const Array one = Array::Scalar<double>(1);
  const Tensor numbers = b.Range(one, b.Add(pixels, 1), one);
  std::vector<In> shape{In(op_util::IntScalar(wide, 1))};
  for (int i = 1; i <= rank; ++i) shape.push_back(In(in[static_cast<size_t>(i)]));
  shape.push_back(In(op_util::IntScalar(wide, 1)));
  AttrMap attrs{{"ksizes", g.op->attr("ksizes")},
                {"strides", g.op->attr("strides")},
                {"padding", g.op->attr("padding")}};
  if (g.op->FindAttr("rates") != nullptr) attrs["rates"] = g.op->attr("rates");
  const Tensor from = b.Op(g.op->type(), {b.Reshape(numbers, In(shape))}, attrs);
  const Tensor places = b.Cast(from, wide);

  std::vector<In> apart{In(in[0])};
  for (const Tensor& t : out) apart.push_back(In(t));
  for (int i = 1; i <= rank; ++i) {
    apart.push_back(In(op_util::IntScalar(wide, sizes[static_cast<size_t>(i)])));
  }
  apart.push_back(In(in.back()));
  Ints perm;
  for (int i = 1; i <= 2 * rank; ++i) perm.push_back(i);
  perm.insert(perm.end(), {0, 2 * rank + 1});
  const Tensor dy = b.Transpose(b.Reshape(g.dy(), In(apart)), perm);
  const Tensor columns = b.Multiply(in[0], in.back());
  const std::vector<In> matrix{In(op_util::IntScalar(wide, -1)), In(columns)};
  const Tensor rows = b.Reshape(dy, In(matrix));
  // The padding has number -1 now and is left out.
  const Tensor ids = b.Subtract(b.Reshape(places, Ints{-1}), 1);
  const Tensor sums = b.Op("UnsortedSegmentSum", {rows, ids, pixels});
  std::vector<In> image(in.begin() + 1, in.end() - 1);
  image.push_back(In(in[0]));
  image.push_back(In(in.back()));
  const Tensor together = b.Reshape(sums, In(image));
  Ints back{rank};
  for (int i = 0; i < rank; ++i) back.push_back(i);
  back.push_back(rank + 1);
  return {b.Transpose(together, back)};
}

}  // namespace

void RegisterImagePatchOps(OpRegistry& r) {
  r.Op("ExtractImagePatches")
      .Input("images: T")
      .Output("patches: T")
      .Attr("ksizes: list(int) >= 4")
      .Attr("strides: list(int) >= 4")
      .Attr("rates: list(int) >= 4")
      .Attr(
          "T: {bfloat16, half, float, double, int8, int16, int32, int64, uint8, uint16, uint32, "
          "uint64, complex64, complex128, bool}")
      .Attr("padding: {'SAME', 'VALID'}")
      .Doc("The pixels under each place of a sliding window, laid out in the channels")
      .Shape([](ShapeContext& c) { PatchesShape(c, 2); })
      .Gradient([](GradientContext& g) { return PatchesGradient(g, 2); })
      .Lower([](LoweringContext& c) { LowerPatches(c, 2); });
  r.Op("ExtractVolumePatches")
      .Input("input: T")
      .Output("patches: T")
      .Attr("ksizes: list(int) >= 5")
      .Attr("strides: list(int) >= 5")
      .Attr(op_util::kRealT)
      .Attr("padding: {'SAME', 'VALID'}")
      .Doc("The voxels under each place of a sliding window, laid out in the channels")
      .Shape([](ShapeContext& c) { PatchesShape(c, 3); })
      .Gradient([](GradientContext& g) { return PatchesGradient(g, 3); })
      .Lower([](LoweringContext& c) { LowerPatches(c, 3); });
}

}  // namespace wengert
