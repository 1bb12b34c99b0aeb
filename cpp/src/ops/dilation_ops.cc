// Morphological dilation: the largest sums of a window and a filter, and the two gradient ops.
#include <limits>
#include <string>
#include <vector>

#include "ops/shape_util.h"
#include "ops/window_util.h"

namespace wengert {
namespace {

using window_util::FailOf;
using window_util::Windows;

Windows ReadDilation(const std::string& op, const AttrMap& attrs, const window_util::Fail& fail) {
  AttrMap own = attrs;
  own["dilations"] = attrs.find("rates")->second;
  own.erase("rates");
  Windows w = window_util::ReadWindows(op, own, 2, fail);
  for (const char* name : {"strides", "rates"}) {
    const auto& values = attrs.find(name)->second.as<std::vector<int64_t>>();
    if (values[0] != 1 || values[3] != 1) {
      fail(op + ": " + name + " must be 1 along batch and depth, got " + ToString(values));
    }
  }
  return w;
}

void DilationShape(ShapeContext& c) {
  const auto fail = FailOf(c);
  const Windows w = ReadDilation("Dilation2D", c.attrs(), fail);
  Shape input = c.WithRank(0, 4), filter = c.WithRank(1, 3);
  if (!input.has_rank()) input = Shape::UnknownOfRank(4);
  if (!filter.has_rank()) filter = Shape::UnknownOfRank(3);
  c.set_output(0, Shape(Dims{input.dim(0), w.ResultLength(0, input.dim(1), filter.dim(0), fail),
                             w.ResultLength(1, input.dim(2), filter.dim(1), fail),
                             c.MergeDims(input.dim(3), filter.dim(2))}));
}

struct Geometry {
  Dims image, filter, result;
  int64_t stride[2], rate[2], pad[2];
};

Geometry MakeGeometry(const LoweringContext& c) {
  const auto fail = FailOf(c);
  const Windows w = ReadDilation(c.op.type(), c.op.attrs(), fail);
  Geometry g;
  g.image = c.dims(0);
  g.filter = c.dims(1);
  if (g.image.size() != 4 || g.filter.size() != 3 || g.image[3] != g.filter[2]) {
    c.Fail(c.op.type() +
           ": input must be 4-dimensional and filter 3-dimensional, of the same "
           "depth, got shapes " +
           ToString(g.image) + " and " + ToString(g.filter));
  }
  g.result = g.image;
  for (int i = 0; i < 2; ++i) {
    const size_t at = static_cast<size_t>(i);
    const int64_t length = g.image[at + 1], window = g.filter[at];
    g.stride[i] = w.strides[at];
    g.rate[i] = w.dilations[at];
    g.pad[i] = w.PadBefore(i, length, window);
    g.result[at + 1] = w.ResultLength(i, length, window, fail);
  }
  return g;
}

enum class What { kResult, kImage, kFilter };

// For every window and channel the first tap whose sum no other exceeds.
template <class T>
void Dilate(const Geometry& g, What what, const std::vector<Array>& in, const Array& out) {
  const T *x = in[0].data<T>(), *filter = in[1].data<T>();
  const T* dy = in.size() > 2 ? in[2].data<T>() : nullptr;
  T* to = out.data<T>();
  if (what != What::kResult) std::fill(to, to + out.size(), T(0));
  const int64_t depth = g.image[3];
  int64_t result = 0;
  for (int64_t n = 0; n < g.image[0]; ++n) {
    for (int64_t i = 0; i < g.result[1]; ++i) {
      for (int64_t j = 0; j < g.result[2]; ++j) {
        for (int64_t c = 0; c < depth; ++c, ++result) {
          T most = std::numeric_limits<T>::lowest();
          int64_t at = -1, tap = -1;
          for (int64_t k = 0; k < g.filter[0]; ++k) {
            const int64_t y = i * g.stride[0] + k * g.rate[0] - g.pad[0];
            if (y < 0 || y >= g.image[1]) continue;
            for (int64_t l = 0; l < g.filter[1]; ++l) {
              const int64_t z = j * g.stride[1] + l * g.rate[1] - g.pad[1];
              if (z < 0 || z >= g.image[2]) continue;
              const int64_t from = ((n * g.image[1] + y) * g.image[2] + z) * depth + c;
              const int64_t weight = (k * g.filter[1] + l) * depth + c;
              T sum;
              if constexpr (std::numeric_limits<T>::is_integer) {
                sum = static_cast<T>(static_cast<uint64_t>(x[from]) +
                                     static_cast<uint64_t>(filter[weight]));
              } else {
                sum = x[from] + filter[weight];
              }
              if (at < 0 || sum > most) {
                most = sum;
                at = from;
                tap = weight;
              }
            }
          }
          if (what == What::kResult) to[result] = most;
          if (what == What::kImage && at >= 0) to[at] += dy[result];
          if (what == What::kFilter && at >= 0) to[tap] += dy[result];
        }
      }
    }
  }
}

void LowerDilation(LoweringContext& c, What what) {
  const Geometry g = MakeGeometry(c);
  if (what != What::kResult && c.dims(2) != g.result) {
    c.Fail(c.op.type() + ": out_backprop must have shape " + ToString(g.result) + ", got " +
           ToString(c.dims(2)));
  }
  const DType dtype = c.dtype(0);
  DType wide = dtype;
  if (dtype == DType::kFloat16 || dtype == DType::kBFloat16) wide = DType::kFloat32;
  if (IsInteger(dtype)) wide = DType::kInt64;
  std::vector<Value> in;
  for (Value v : c.in) in.push_back(c.b.Cast(v, wide));
  KernelSpec spec;
  spec.name = c.op.type();
  spec.dtypes = {wide};
  spec.dims = {what == What::kResult ? g.result : what == What::kImage ? g.image : g.filter};
  spec.key = ToString(Dims{g.stride[0], g.stride[1], g.rate[0], g.rate[1], g.pad[0], g.pad[1]});
  spec.run = [g, what, wide](const std::vector<Array>& in, std::vector<Array>& out) {
    switch (wide) {
      case DType::kFloat32:
        return Dilate<float>(g, what, in, out[0]);
      case DType::kFloat64:
        return Dilate<double>(g, what, in, out[0]);
      default:
        return Dilate<int64_t>(g, what, in, out[0]);
    }
  };
  c.set(c.b.Cast(c.b.Kernel(std::move(spec), in)[0], dtype));
}

OpDef& WithAttrs(OpDef& op) {
  return op.Attr(op_util::kRealT)
      .Attr("strides: list(int) >= 4")
      .Attr("rates: list(int) >= 4")
      .Attr("padding: {'SAME', 'VALID'}");
}

OpDef& GradOp(OpRegistry& r, const char* name, const char* output) {
  return WithAttrs(r.Op(name)
                       .Input("input: T")
                       .Input("filter: T")
                       .Input("out_backprop: T")
                       .Output(std::string(output) + ": T"));
}

}  // namespace

void RegisterDilationOps(OpRegistry& r) {
  WithAttrs(r.Op("Dilation2D").Input("input: T").Input("filter: T").Output("output: T"))
      .Doc("Greyscale dilation: the largest sum of filter and window")
      .Shape(DilationShape)
      // y = max of x(q + k) + w(k) over k, found at k': dx(q + k') = dw(k') = dy(q)
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        AttrMap attrs;
        for (const char* name : {"strides", "rates", "padding"}) {
          attrs[name] = g.op->attr(name);
        }
        const Tensor dy = g.dy();
        const Tensor dx = g.b.Op("Dilation2DBackpropInput", {g.x(0), g.x(1), dy}, attrs);
        const Tensor dw = g.b.Op("Dilation2DBackpropFilter", {g.x(0), g.x(1), dy}, attrs);
        return {dx, dw};
      })
      .Lower([](LoweringContext& c) { LowerDilation(c, What::kResult); });
  GradOp(r, "Dilation2DBackpropInput", "in_backprop")
      .Doc("Gradient of Dilation2D with respect to its images")
      .Shape([](ShapeContext& c) { c.set_output(0, c.input(0)); })
      .NoGradient()
      .Lower([](LoweringContext& c) { LowerDilation(c, What::kImage); });
  GradOp(r, "Dilation2DBackpropFilter", "filter_backprop")
      .Doc("Gradient of Dilation2D with respect to its filter")
      .Shape([](ShapeContext& c) { c.set_output(0, c.input(1)); })
      .NoGradient()
      .Lower([](LoweringContext& c) { LowerDilation(c, What::kFilter); });
}

}  // namespace wengert
