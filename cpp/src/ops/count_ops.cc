// Ops that count: Bincount, DenseBincount, HistogramFixedWidth, PopulationCount.
#include <algorithm>
#include <cmath>
#include <string>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

constexpr char kWeightT[] = "T: {int32, int64, float, double}";

// Calls f(T()) for the C++ type of a dtype that kWeightT allows.
template <class F>
void ForWeightType(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kInt32:
      return f(int32_t());
    case DType::kInt64:
      return f(int64_t());
    case DType::kFloat32:
      return f(float());
    default:
      return f(double());
  }
}

// --- bincount --------------------------------------------------------------------------------

struct Bins {
  int64_t rows, columns, size;
  bool weighted, binary;
};

// Adds the weight of every element (1 without weights) to the bin it names in its row.
template <class T>
void Count(const Bins& bins, const Array& values, const Array& weights, T* out) {
  std::fill_n(out, bins.rows * bins.size, T(0));
  const bool narrow = values.dtype() == DType::kInt32;
  for (int64_t i = 0; i < bins.rows * bins.columns; ++i) {
    const int64_t bin = narrow ? values.data<int32_t>()[i] : values.data<int64_t>()[i];
    if (bin < 0) throw InvalidArgument("Input arr must be non-negative!");
    if (bin >= bins.size) continue;
    T& to = out[i / bins.columns * bins.size + bin];
    to = bins.binary ? T(1) : static_cast<T>(to + (bins.weighted ? weights.data<T>()[i] : T(1)));
  }
}

void LowerCount(LoweringContext& c, bool dense) {
  const Dims dims = c.dims(0);
  if (dense && dims.size() > 2) {
    c.Fail("Shape must be at most rank 2 but is rank " + std::to_string(dims.size()));
  }
  const int64_t size = op_util::ScalarInt(c, 1, "size");
  if (size < 0) c.Fail("size (" + std::to_string(size) + ") must be non-negative");
  const bool weighted = c.b.size(c.x(2)) > 0;
  if (weighted && c.dims(2) != dims) {
    c.Fail("Input indices and weights must have the same size.");
  }
  const bool by_row = dense && dims.size() == 2;
  const int64_t rows = by_row ? dims[0] : 1;
  const int64_t columns = by_row ? dims[1] : NumElements(dims);
  const Bins bins{rows, columns, size, weighted, dense && c.op.bool_attr("binary_output")};
  KernelSpec spec;
  spec.name = "Bincount";
  spec.key = std::to_string(size) + (bins.binary ? ",binary" : "");
  spec.dtypes = {c.dtype(2)};
  spec.dims = {by_row ? Dims{rows, size} : Dims{size}};
  NumElements(spec.dims[0]);
  spec.run = [bins](const std::vector<Array>& in, std::vector<Array>& out) {
    ForWeightType(out[0].dtype(),
                  [&](auto zero) { Count(bins, in[0], in[1], out[0].data<decltype(zero)>()); });
  };
  c.out = c.b.Kernel(std::move(spec), {c.x(0), c.x(2)});
}

void CountShape(ShapeContext& c, bool dense) {
  c.WithRank(1, 0);
  const std::optional<int64_t> size = op_util::StaticInt(c, 1);
  if (size && *size < 0) c.Fail("size (" + std::to_string(*size) + ") must be non-negative");
  const Shape& in = c.input(0);
  if (dense && !in.has_rank()) return;
  if (dense && in.rank() > 2) {
    c.Fail("Shape must be at most rank 2 but is rank " + std::to_string(in.rank()));
  }
  const int64_t bins = size.value_or(kUnknownDim);
  c.set_output(0, dense && in.rank() == 2 ? Shape({in.dim(0), bins}) : Shape({bins}));
}

// --- histogram -------------------------------------------------------------------------------

template <class T>
void Histogram(const Array& values, const Array& range, int64_t bins, int64_t* out) {
  const T low = range.data<T>()[0], high = range.data<T>()[1];
  if (!(low < high)) {
    throw InvalidArgument("value_range should satisfy value_range[0] < value_range[1], but got '[" +
                          std::to_string(low) + ", " + std::to_string(high) + "]'");
  }
  const double step =
      (static_cast<double>(high) - static_cast<double>(low)) / static_cast<double>(bins);
  std::fill_n(out, bins, 0);
  for (const T *v = values.data<T>(), *end = v + values.size(); v < end; ++v) {
    if (*v != *v) throw InvalidArgument("Histogram values must not contain NaN");
    const double place =
        *v > low ? (static_cast<double>(*v) - static_cast<double>(low)) / step : 0.0;
    ++out[place < static_cast<double>(bins) ? static_cast<int64_t>(place) : bins - 1];
  }
}

void LowerHistogram(LoweringContext& c) {
  if (c.b.size(c.x(1)) != 2) c.Fail("value_range should be a vector of 2 elements.");
  const int64_t bins = op_util::ScalarInt(c, 2, "nbins");
  if (bins <= 0) {
    c.Fail("nbins should be a positive number, but got '" + std::to_string(bins) + "'");
  }
  KernelSpec spec;
  spec.name = "HistogramFixedWidth";
  spec.dtypes = {DType::kInt64};
  spec.dims = {{bins}};
  spec.run = [bins](const std::vector<Array>& in, std::vector<Array>& out) {
    ForWeightType(in[0].dtype(), [&](auto zero) {
      Histogram<decltype(zero)>(in[0], in[1], bins, out[0].data<int64_t>());
    });
  };
  const Value counts = c.b.Kernel(std::move(spec), {c.x(0), c.x(1)}).at(0);
  c.set(c.b.Cast(counts, c.op.type_attr("dtype")));
}

// --- bits ------------------------------------------------------------------------------------

void LowerPopulationCount(LoweringContext& c) {
  KernelSpec spec;
  spec.name = "PopulationCount";
  spec.dtypes = {DType::kUInt8};
  spec.dims = {c.dims(0)};
  spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) {
    const size_t width = SizeOf(in[0].dtype());
    const unsigned char* byte = in[0].data<unsigned char>();
    for (int64_t i = 0; i < in[0].size(); ++i) {
      uint8_t count = 0;
      for (size_t k = 0; k < width; ++k) {
        for (unsigned bits = *byte++; bits != 0; bits &= bits - 1) ++count;
      }
      out[0].data<uint8_t>()[i] = count;
    }
  };
  c.out = c.b.Kernel(std::move(spec), {c.x()});
}

}  // namespace

void RegisterCountOps(OpRegistry& r) {
  r.Op("Bincount")
      .Input("arr: int32")
      .Input("size: int32")
      .Input("weights: T")
      .Output("bins: T")
      .Attr(kWeightT)
      .Doc("How often each number below size occurs, or the sum of the weights where it does")
      .Shape([](ShapeContext& c) { CountShape(c, false); })
      .NoGradient()
      .Lower([](LoweringContext& c) { LowerCount(c, false); });
  r.Op("DenseBincount")
      .Input("input: Tidx")
      .Input("size: Tidx")
      .Input("weights: T")
      .Output("output: T")
      .Attr("Tidx: {int32, int64}")
      .Attr(kWeightT)
      .Attr("binary_output: bool = false")
      .Doc("Bincount of a vector, or of each row of a matrix")
      .Shape([](ShapeContext& c) { CountShape(c, true); })
      .NoGradient()
      .Lower([](LoweringContext& c) { LowerCount(c, true); });
  r.Op("HistogramFixedWidth")
      .Input("values: T")
      .Input("value_range: T")
      .Input("nbins: int32")
      .Output("out: dtype")
      .Attr(kWeightT)
      .Attr("dtype: {int32, int64} = int32")
      .Doc("How many values fall into each of nbins equal parts of a range, or beyond its ends")
      .Shape([](ShapeContext& c) {
        c.WithRank(2, 0);
        const std::optional<int64_t> bins = op_util::StaticInt(c, 2);
        if (bins && *bins <= 0) c.Fail("Requires nbins > 0, got " + std::to_string(*bins));
        c.set_output(0, Shape({bins.value_or(kUnknownDim)}));
      })
      .NotDifferentiable()
      .Lower(LowerHistogram);
  r.Op("PopulationCount")
      .Input("x: T")
      .Output("y: uint8")
      .Attr("T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64}")
      .Doc("Number of bits that are set, element-wise")
      .Shape(shape_rules::Unchanged)
      .NotDifferentiable()
      .Lower(LowerPopulationCount);
}

}  // namespace wengert
