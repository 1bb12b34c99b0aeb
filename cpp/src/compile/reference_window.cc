// Reference evaluator: convolution and pooling.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "compile/reference.h"
#include "compile/reference_types.h"

namespace wengert::compile {
namespace {

// Calls f(i0, i1, i2) for all positions below `dims`, in order.
template <class F>
void ForPositions(const int64_t* dims, F f) {
  for (int64_t i = 0; i < dims[0]; ++i) {
    for (int64_t j = 0; j < dims[1]; ++j) {
      for (int64_t k = 0; k < dims[2]; ++k) f(Spatial{i, j, k});
    }
  }
}

// Flat index of a position, without batch and channels; -1 outside.
int64_t Flat(const int64_t* dims, const Spatial& at) {
  int64_t flat = 0;
  for (size_t i = 0; i < 3; ++i) {
    if (at[i] < 0 || at[i] >= dims[i]) return -1;
    flat = flat * dims[i] + at[i];
  }
  return flat;
}

// Calls f(image index, filter index, result index) for every product of the convolution.
template <class F>
void ForProducts(const ConvSpec& spec, const Dims& image, const Dims& filter, const Dims& result,
                 F f) {
  const int64_t c = filter[3], o = filter[4], own = o / spec.groups;
  const int64_t plane = image[1] * image[2] * image[3], out = result[1] * result[2] * result[3];
  for (int64_t n = 0; n < image[0]; ++n) {
    ForPositions(result.data() + 1, [&](const Spatial& q) {
      ForPositions(filter.data(), [&](const Spatial& k) {
        Spatial at;
        for (size_t i = 0; i < 3; ++i) {
          at[i] = q[i] * spec.stride[i] + k[i] * spec.dilation[i] - spec.pad[i];
        }
        const int64_t from = Flat(image.data() + 1, at);
        if (from < 0) return;
        const int64_t tap = Flat(filter.data(), k), to = Flat(result.data() + 1, q);
        for (int64_t j = 0; j < o; ++j) {
          for (int64_t i = 0; i < c; ++i) {
            f((n * plane + from) * image[4] + j / own * c + i, (tap * c + i) * o + j,
              (n * out + to) * o + j);
          }
        }
      });
    });
  }
}

template <class T, class A>
void ConvTyped(const ConvSpec& spec, const Array& a, const Array& b, const Array& out) {
  std::vector<A> sums(static_cast<size_t>(out.size()));
  const T *x = a.data<T>(), *y = b.data<T>();
  const Dims &da = a.dims(), &db = b.dims(), &dc = out.dims();
  const auto add = [&](int64_t to, int64_t i, int64_t j) {
    sums[static_cast<size_t>(to)] += static_cast<A>(x[i]) * static_cast<A>(y[j]);
  };
  switch (spec.kind) {
    case ConvKind::kImage:
      ForProducts(spec, dc, da, db, [&](int64_t i, int64_t f, int64_t r) { add(i, f, r); });
      break;
    case ConvKind::kFilter:
      ForProducts(spec, da, dc, db, [&](int64_t i, int64_t f, int64_t r) { add(f, i, r); });
      break;
    case ConvKind::kResult:
      ForProducts(spec, da, db, dc, [&](int64_t i, int64_t f, int64_t r) { add(r, i, f); });
      break;
  }
  for (size_t i = 0; i < sums.size(); ++i) out.data<T>()[i] = static_cast<T>(sums[i]);
}

// Calls f(n, flat result position, flat image positions in the window) for every window.
template <class F>
void ForWindows(const PoolSpec& spec, const Dims& image, const Dims& result, F f) {
  std::vector<int64_t> seen;
  for (int64_t n = 0; n < image[0]; ++n) {
    ForPositions(result.data() + 1, [&](const Spatial& q) {
      seen.clear();
      ForPositions(spec.window.data(), [&](const Spatial& k) {
        Spatial at;
        for (size_t i = 0; i < 3; ++i) at[i] = q[i] * spec.stride[i] + k[i] - spec.pad[i];
        const int64_t from = Flat(image.data() + 1, at);
        if (from >= 0) seen.push_back(from);
      });
      f(n, Flat(result.data() + 1, q), seen);
    });
  }
}

template <class T>
void PoolTyped(const PoolSpec& spec, const std::vector<Array>& args, const Array& out) {
  const bool gradient =
      spec.kind == PoolKind::kMaxGradient || spec.kind == PoolKind::kAverageGradient;
  const Dims &image = gradient ? out.dims() : args[0].dims(),
             &result = gradient ? args.back().dims() : out.dims();
  const int64_t c = image[4], plane = image[1] * image[2] * image[3],
                windows = result[1] * result[2] * result[3];
  const T *x = args[0].data<T>(), *second = args.back().data<T>();
  if (gradient) std::fill(out.data<T>(), out.data<T>() + out.size(), T(0));
  ForWindows(spec, image, result, [&](int64_t n, int64_t q, const std::vector<int64_t>& seen) {
    for (int64_t i = 0; i < c; ++i) {
      const auto at = [&](int64_t from) { return (n * plane + from) * c + i; };
      const int64_t to = (n * windows + q) * c + i;
      if (spec.kind == PoolKind::kAverage) {
        double sum = 0;
        for (int64_t from : seen) sum += static_cast<double>(x[at(from)]);
        out.data<T>()[to] = static_cast<T>(sum / static_cast<double>(seen.size()));
        continue;
      }
      if (spec.kind == PoolKind::kAverageGradient) {
        for (int64_t from : seen) {
          out.data<T>()[at(from)] +=
              static_cast<T>(static_cast<double>(second[to]) / static_cast<double>(seen.size()));
        }
        continue;
      }
      if (spec.kind == PoolKind::kMax) {
        T most = std::numeric_limits<T>::lowest();
        for (int64_t from : seen) most = x[at(from)] > most ? x[at(from)] : most;
        out.data<T>()[to] = most;
        continue;
      }
      int64_t best = seen[0];
      for (int64_t from : seen) {
        if (x[at(from)] > x[at(best)]) best = from;
      }
      switch (spec.kind) {
        case PoolKind::kArgMax:
          out.data<int64_t>()[to] = best;
          break;
        case PoolKind::kMaxGradient:
          out.data<T>()[at(best)] += second[to];
          break;
        default:
          out.data<T>()[to] = second[at(best)];
      }
    }
  });
}

}  // namespace

double ConvWork(const ConvSpec& spec, const Dims& a, const Dims& b, const Dims& out) {
  const Dims& filter = spec.kind == ConvKind::kFilter ? out : spec.kind == ConvKind::kImage ? a : b;
  const Dims& result = spec.kind == ConvKind::kResult ? out : b;
  return static_cast<double>(NumElements(filter)) * static_cast<double>(NumElements(result)) /
         static_cast<double>(std::max<int64_t>(1, result[4]));
}

Array EvaluateConv(const ConvSpec& spec, const Array& a, const Array& b, const Dims& dims) {
  Array out(a.dtype(), dims);
  switch (a.dtype()) {
    case DType::kFloat32:
      ConvTyped<float, double>(spec, a, b, out);
      break;
    case DType::kFloat64:
      ConvTyped<double, double>(spec, a, b, out);
      break;
    default:
      ConvTyped<int32_t, uint64_t>(spec, a, b, out);
  }
  return out;
}

Array EvaluatePool(const PoolSpec& spec, const std::vector<Array>& args, const Dims& dims) {
  const DType type = args[0].dtype();
  Array out(spec.kind == PoolKind::kArgMax ? DType::kInt64 : type, dims);
  switch (type) {
    case DType::kFloat32:
      PoolTyped<float>(spec, args, out);
      break;
    case DType::kFloat64:
      PoolTyped<double>(spec, args, out);
      break;
    case DType::kInt32:
      PoolTyped<int32_t>(spec, args, out);
      break;
    default:
      PoolTyped<int64_t>(spec, args, out);
  }
  return out;
}

}  // namespace wengert::compile
