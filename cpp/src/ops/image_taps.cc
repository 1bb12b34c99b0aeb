#include "ops/image_taps.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace wengert::image {
namespace {

int64_t Clamp(int64_t i, int64_t length) {
  return std::min(std::max<int64_t>(i, 0), length - 1);
}

// Weights of the four pixels around a point `t` behind the second, t in [0, 1]: the cubic
// convolution kernel of parameter a.
void CubicWeights(float t, float a, float w[4]) {
  const auto near = [a](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [a](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  w[0] = far(t + 1);
  w[1] = near(t);
  w[2] = near(1 - t);
  w[3] = far(2 - t);
}

// --- kernels of ScaledTaps -------------------------------------------------------------------

struct Kernel {
  float radius;
  std::function<float(float)> value;  // of a distance >= 0
};

float Lanczos(float x, float radius) {
  constexpr float kPi = 3.14159265359f;
  if (x > radius) return 0;
  if (x <= 1e-3f) return 1;
  return radius * std::sin(kPi * x) * std::sin(kPi * x / radius) / (kPi * kPi * x * x);
}

// Cubic kernels of Mitchell and Netravali with parameters B and C.
float Mitchell(float x, float b, float c) {
  if (x >= 2) return 0;
  if (x >= 1) {
    return (((-b - 6 * c) * x + (6 * b + 30 * c)) * x + (-12 * b - 48 * c)) * x / 6 +
           (8 * b + 24 * c) / 6;
  }
  return (((12 - 9 * b - 6 * c) * x + (-18 + 12 * b + 6 * c)) * x * x + (6 - 2 * b)) / 6;
}

Kernel FindKernel(const std::string& name) {
  for (const float radius : {1.0f, 3.0f, 5.0f}) {
    if (name == "lanczos" + std::to_string(static_cast<int>(radius))) {
      return {radius, [radius](float x) { return Lanczos(x, radius); }};
    }
  }
  if (name == "gaussian") {
    // Three standard deviations of 0.5 reach the radius.
    return {1.5f, [](float x) { return x >= 1.5f ? 0.0f : std::exp(-2 * x * x); }};
  }
  if (name == "box") {
    return {1.0f, [](float x) { return x < 0.5f ? 1.0f : x == 0.5f ? 0.5f : 0.0f; }};
  }
  if (name == "triangle") return {1.0f, [](float x) { return x < 1 ? 1 - x : 0.0f; }};
  if (name == "keyscubic") return {2.0f, [](float x) { return Mitchell(x, 0, 0.5f); }};
  if (name == "mitchellcubic") {
    return {2.0f, [](float x) { return Mitchell(x, 1.0f / 3, 1.0f / 3); }};
  }
  throw InvalidArgument("Unrecognized kernel type: " + name);
}

// --- applying taps ---------------------------------------------------------------------------

// Rows of `inner` elements; `from` and `to` hold `outer` groups of them.
struct Layout {
  int64_t outer, in, out, inner;
};

template <class T>
void Apply(const Taps& taps, const Layout& at, bool transposed, const T* x, T* y) {
  std::fill_n(y, at.outer * at.out * at.inner, T(0));
  for (int64_t o = 0; o < at.outer; ++o) {
    for (int64_t p = 0; p < taps.size; ++p) {
      for (int64_t k = 0; k < taps.count; ++k) {
        const size_t tap = static_cast<size_t>(p * taps.count + k);
        const T w = static_cast<T>(taps.weights[tap]);
        if (w == 0) continue;
        const int64_t source = taps.sources[tap];
        const T* from = x + (o * at.in + (transposed ? p : source)) * at.inner;
        T* to = y + (o * at.out + (transposed ? source : p)) * at.inner;
        for (int64_t i = 0; i < at.inner; ++i) to[i] += w * from[i];
      }
    }
  }
}

Value ApplyAlong(Lowering& b, Value x, int axis, std::shared_ptr<const Taps> taps, int64_t length,
                 bool transposed) {
  Dims dims = b.dims(x);
  Layout at{1, dims[static_cast<size_t>(axis)], length, 1};
  for (int i = 0; i < axis; ++i) at.outer *= dims[static_cast<size_t>(i)];
  for (size_t i = static_cast<size_t>(axis) + 1; i < dims.size(); ++i) at.inner *= dims[i];
  dims[static_cast<size_t>(axis)] = length;
  KernelSpec spec;
  spec.name = transposed ? "Spread" : "Resample";
  spec.dtypes = {b.dtype(x)};
  spec.dims = {dims};
  spec.run = [taps, at, transposed](const std::vector<Array>& in, std::vector<Array>& out) {
    if (in[0].dtype() == DType::kFloat32) {
      Apply(*taps, at, transposed, in[0].data<float>(), out[0].data<float>());
    } else {
      Apply(*taps, at, transposed, in[0].data<double>(), out[0].data<double>());
    }
  };
  return b.Kernel(std::move(spec), {x}).at(0);
}

}  // namespace

float Grid::scale() const {
  if (align_corners && out > 1) return static_cast<float>(in - 1) / static_cast<float>(out - 1);
  return static_cast<float>(in) / static_cast<float>(out);
}

float Grid::Source(int64_t place) const {
  const float p = static_cast<float>(place);
  return half_pixel_centers ? (p + 0.5f) * scale() - 0.5f : p * scale();
}

Taps BilinearTaps(const Grid& grid) {
  Taps taps(grid.out, 2);
  for (int64_t p = 0; p < grid.out; ++p) {
    const float at = grid.Source(p), below = std::floor(at);
    const float t = at - below;
    taps.Set(p, 0, Clamp(static_cast<int64_t>(below), grid.in), 1 - t);
    taps.Set(p, 1, Clamp(static_cast<int64_t>(std::ceil(at)), grid.in), t);
  }
  return taps;
}

Taps BicubicTaps(const Grid& grid) {
  // Positions are rounded to 1/1024 of a pixel, as TensorFlow's tables do.
  constexpr float kSteps = 1024;
  Taps taps(grid.out, 4);
  for (int64_t p = 0; p < grid.out; ++p) {
    const float at = grid.Source(p), below = std::floor(at);
    const float t = std::nearbyint((at - below) * kSteps) / kSteps;
    float w[4];
    CubicWeights(t, grid.half_pixel_centers ? -0.5f : -0.75f, w);
    const int64_t first = static_cast<int64_t>(below) - 1;
    if (grid.half_pixel_centers) {
      // Pixels beyond the edge do not count, those inside count for more.
      float total = 0;
      for (int k = 0; k < 4; ++k) {
        if (Clamp(first + k, grid.in) != first + k) w[k] = 0;
        total += w[k];
      }
      if (std::abs(total) >= 1000 * std::numeric_limits<float>::min()) {
        for (float& v : w) v /= total;
      }
    }
    for (int k = 0; k < 4; ++k) taps.Set(p, k, Clamp(first + k, grid.in), w[k]);
  }
  return taps;
}

Taps NearestTaps(const Grid& grid) {
  Taps taps(grid.out, 1);
  for (int64_t p = 0; p < grid.out; ++p) {
    const float centre = static_cast<float>(p) + (grid.half_pixel_centers ? 0.5f : 0.0f);
    const float at = centre * grid.scale();
    const float near = grid.align_corners ? std::round(at) : std::floor(at);
    taps.Set(p, 0, Clamp(static_cast<int64_t>(near), grid.in), 1);
  }
  return taps;
}

Taps AreaTaps(const Grid& grid) {
  const float scale = grid.scale();
  const auto bound = [&](float v) { return static_cast<int64_t>(v); };
  Taps taps(grid.out, bound(std::ceil(scale)) + 2);
  for (int64_t p = 0; p < grid.out; ++p) {
    const float begin = static_cast<float>(p) * scale, end = static_cast<float>(p + 1) * scale;
    const int64_t first = bound(std::floor(begin)), last = bound(std::ceil(end));
    for (int64_t i = first; i < last && i - first < taps.count; ++i) {
      const float left = std::max(begin, static_cast<float>(i));
      const float right = std::min(end, static_cast<float>(i + 1));
      taps.Set(p, i - first, Clamp(i, grid.in), std::max(0.0f, right - left) / scale);
    }
  }
  return taps;
}

Taps ScaledTaps(int64_t in, int64_t out, float scale, float translation, const std::string& name,
                bool antialias) {
  const Kernel kernel = FindKernel(name);
  if (!(scale > 0) || !std::isfinite(scale)) {
    throw InvalidArgument("Scale must be greater than zero, got " + std::to_string(scale));
  }
  if (!std::isfinite(translation)) throw InvalidArgument("translation must be finite");
  const float inverse = 1 / scale;
  const float stretch = antialias ? std::max(inverse, 1.0f) : 1.0f;
  const float reach = kernel.radius * stretch;
  const int64_t count = std::min<int64_t>(
      in, 2 * static_cast<int64_t>(std::ceil(std::min(reach, static_cast<float>(in)))) + 1);
  if (count > 1 && out > (int64_t{1} << 28) / count) {
    throw Error(ErrorKind::kResourceExhausted, "a kernel over " + std::to_string(count) +
                                                   " pixels for each of " + std::to_string(out) +
                                                   " is too large");
  }
  Taps taps(out, std::max<int64_t>(count, 1));
  for (int64_t p = 0; p < out; ++p) {
    const float at = (static_cast<float>(p) + 0.5f) * inverse - inverse * translation;
    if (!(at >= 0 && at <= static_cast<float>(in))) continue;  // outside: nothing
    const int64_t first = Clamp(static_cast<int64_t>(std::ceil(at - reach - 0.5f)), in);
    const int64_t last = Clamp(static_cast<int64_t>(std::floor(at + reach - 0.5f)), in);
    float total = 0;
    std::vector<float> w;
    for (int64_t i = first; i <= last; ++i) {
      w.push_back(kernel.value(std::abs(static_cast<float>(i) + 0.5f - at) / stretch));
      total += w.back();
    }
    const bool usable = std::abs(total) >= 1000 * std::numeric_limits<float>::min();
    for (size_t k = 0; k < w.size() && static_cast<int64_t>(k) < taps.count; ++k) {
      taps.Set(p, static_cast<int64_t>(k), first + static_cast<int64_t>(k),
               usable ? w[k] / total : w[k]);
    }
  }
  return taps;
}

Value Resample(Lowering& b, Value x, const Taps& vertical, const Taps& horizontal) {
  const auto v = std::make_shared<const Taps>(vertical);
  const auto h = std::make_shared<const Taps>(horizontal);
  return ApplyAlong(b, ApplyAlong(b, x, 2, h, h->size, false), 1, v, v->size, false);
}

Value Spread(Lowering& b, Value x, const Taps& vertical, const Taps& horizontal, int64_t rows,
             int64_t columns) {
  const auto v = std::make_shared<const Taps>(vertical);
  const auto h = std::make_shared<const Taps>(horizontal);
  return ApplyAlong(b, ApplyAlong(b, x, 1, v, rows, true), 2, h, columns, true);
}

}  // namespace wengert::image
