// Fourier transforms, as kernels that call kernels/fft.h.
#include <complex>
#include <memory>
#include <string>

#include "kernels/fft.h"
#include "wengert/lowering_kernels.h"

namespace wengert {
namespace {

namespace k = wengert::kernels;

template <class R>
struct ComplexFft {
  std::vector<std::shared_ptr<const k::FftPlan<R>>> plans;  // of the last axes, in their order
  bool inverse;

  void operator()(const std::vector<Array>& in, std::vector<Array>& out) const {
    const auto* from = in[0].data<std::complex<R>>();
    auto* to = out[0].data<std::complex<R>>();
    if (in[0].size() == 0) return;
    int64_t inner = 1;
    for (size_t i = plans.size(); i-- > 0;) {
      const int64_t n = plans[i]->size();
      k::Fft(*plans[i], inverse, in[0].size() / (n * inner), inner, from, to);
      from = to;
      inner *= n;
    }
  }
};

template <class R>
auto MakeComplexFft(const Dims& dims, int axes, bool inverse) {
  ComplexFft<R> fft{{}, inverse};
  for (size_t i = dims.size() - axes; i < dims.size(); ++i) {
    fft.plans.push_back(
        std::make_shared<const k::FftPlan<R>>(NumElements(dims) == 0 ? 1 : dims[i]));
  }
  return fft;
}

template <class R>
auto MakeRealFft(int64_t n) {
  auto plan = std::make_shared<const k::RealFftPlan<R>>(n);
  return [plan, n](const std::vector<Array>& in, std::vector<Array>& out) {
    if (n == 0) {  // a sum of nothing
      for (int64_t i = 0; i < out[0].size(); ++i) out[0].data<std::complex<R>>()[i] = 0;
      return;
    }
    plan->Forward(in[0].size() / n, in[0].data<R>(), out[0].data<std::complex<R>>());
  };
}

template <class R>
auto MakeInverseRealFft(int64_t n) {
  auto plan = std::make_shared<const k::RealFftPlan<R>>(n);
  return [plan, n](const std::vector<Array>& in, std::vector<Array>& out) {
    if (n == 0) return;
    plan->Inverse(out[0].size() / n, in[0].data<std::complex<R>>(), out[0].data<R>());
  };
}

}  // namespace

Value FftKernel(Lowering& b, Value x, int axes, bool inverse) {
  const DType type = b.dtype(x);
  const Dims shape = b.dims(x);
  if (!IsComplex(type) || b.rank(x) < axes) {
    throw InvalidArgument("A Fourier transform over " + std::to_string(axes) +
                          " axes expects a complex array of at least that rank");
  }
  KernelSpec spec;
  spec.name = inverse ? "InverseFft" : "Fft";
  spec.key = std::to_string(axes);
  spec.dtypes = {type};
  spec.dims = {shape};
  if (type == DType::kComplex64) {
    spec.run = MakeComplexFft<float>(shape, axes, inverse);
  } else {
    spec.run = MakeComplexFft<double>(shape, axes, inverse);
  }
  return b.Kernel(std::move(spec), {x})[0];
}

Value RealFftKernel(Lowering& b, Value x) {
  const DType type = b.dtype(x);
  Dims shape = b.dims(x);
  if ((type != DType::kFloat32 && type != DType::kFloat64) || shape.empty()) {
    throw InvalidArgument("A transform of real numbers expects an array of float32 or float64");
  }
  const int64_t n = shape.back();
  shape.back() = n / 2 + 1;
  KernelSpec spec;
  spec.name = "RealFft";
  spec.dims = {shape};
  if (type == DType::kFloat32) {
    spec.dtypes = {DType::kComplex64};
    spec.run = MakeRealFft<float>(n);
  } else {
    spec.dtypes = {DType::kComplex128};
    spec.run = MakeRealFft<double>(n);
  }
  return b.Kernel(std::move(spec), {x})[0];
}

Value InverseRealFftKernel(Lowering& b, Value x, int64_t n) {
  const DType type = b.dtype(x);
  Dims shape = b.dims(x);
  if (!IsComplex(type) || shape.empty() || shape.back() != n / 2 + 1) {
    throw InvalidArgument("An inverse transform of length " + std::to_string(n) + " expects " +
                          std::to_string(n / 2 + 1) + " complex terms");
  }
  shape.back() = n;
  KernelSpec spec;
  spec.name = "InverseRealFft";
  spec.key = std::to_string(n);
  spec.dims = {shape};
  if (type == DType::kComplex64) {
    spec.dtypes = {DType::kFloat32};
    spec.run = MakeInverseRealFft<float>(n);
  } else {
    spec.dtypes = {DType::kFloat64};
    spec.run = MakeInverseRealFft<double>(n);
  }
  return b.Kernel(std::move(spec), {x})[0];
}

}  // namespace wengert
