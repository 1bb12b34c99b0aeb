// Fourier transforms.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ops/fft_gradient.h"
#include "ops/register.h"
#include "wengert/builder.h"
#include "wengert/lowering_kernels.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

using fft::Transform;

// --- shapes -----------------------------------------------------------------------------

void ComplexShape(ShapeContext& c, int rank) {
  c.WithRankAtLeast(0, rank);
  c.set_output(0, c.input(0));
}

// The last `rank` axes take the lengths of fft_length, the last one halved for the terms of a
// real transform.
void RealShape(ShapeContext& c, int rank, bool inverse) {
  const Shape x = c.WithRankAtLeast(0, rank);
  const Shape given = c.WithRank(1, 1);
  if (given.has_rank()) c.MergeDims(given.dim(0), rank);
  if (!x.has_rank()) {
    c.set_output(0, Shape::Unknown());
    return;
  }
  const std::optional<Array> lengths = c.constant(1);
  Dims dims = x.dims();
  for (int i = 0; i < rank; ++i) {
    int64_t n = lengths ? lengths->AsInt(i) : kUnknownDim;
    if (i == rank - 1 && !inverse && n > 0) n = n / 2 + 1;
    dims[dims.size() - rank + i] = n < 0 ? kUnknownDim : n;
  }
  c.set_output(0, Shape(std::move(dims)));
}

// --- lowering ---------------------------------------------------------------------------

void LowerComplex(LoweringContext& c, int rank, bool inverse) {
  const Dims dims = c.dims(0);
  if (static_cast<int>(dims.size()) < rank) {
    c.Fail("Input must have rank of at least " + std::to_string(rank) +
           " but got: " + ToString(dims));
  }
  c.set(FftKernel(c.b, c.x(0), rank, inverse));
}

// The lengths of a real transform, checked against an input that must be at least as long.
std::vector<int64_t> Lengths(LoweringContext& c, int rank, bool inverse) {
  const Dims dims = c.dims(0);
  if (static_cast<int>(dims.size()) < rank) {
    c.Fail("Input must have rank of at least " + std::to_string(rank) +
           " but got: " + ToString(dims));
  }
  const Array given = c.constant(1);
  if (given.rank() != 1 || given.size() != rank) {
    c.Fail("fft_length must have shape [" + std::to_string(rank) + "]");
  }
  const std::vector<int64_t> lengths = given.AsInts();
  for (int i = 0; i < rank; ++i) {
    const int64_t n = lengths[i];
    if (n < 0)
      c.Fail("fft_length[" + std::to_string(i) + "] must be >= 0, but got: " + std::to_string(n));
    const size_t axis = dims.size() - rank + i;
    const int64_t needed = n > 0 && i == rank - 1 && inverse ? n / 2 + 1 : n;
    if (NumElements(dims) > 0 && dims[axis] < needed) {
      c.Fail("Input dimension " + std::to_string(axis) + " must have length of at least " +
             std::to_string(needed) + " but got: " + std::to_string(dims[axis]));
    }
  }
  return lengths;
}

// Real dtypes and complex ones must be of one precision.
void CheckPrecision(LoweringContext& c, DType real, DType complex) {
  if (RealDType(complex) != real) {
    c.Fail(std::string("Treal and Tcomplex must have the same precision, got ") + Name(real) +
           " and " + Name(complex));
  }
}

// The first sizes[i] elements of the last axes, or zeros of that size where there is nothing.
Value Crop(LoweringContext& c, const std::vector<int64_t>& sizes) {
  const Dims dims = c.dims(0);
  Dims out = dims;
  std::copy(sizes.begin(), sizes.end(), out.end() - sizes.size());
  if (NumElements(dims) == 0) {
    return c.b.Broadcast(c.b.Scalar(c.dtype(0), 0.0), std::move(out));
  }
  return c.b.Slice(c.x(0), Dims(dims.size(), 0), std::move(out), Dims(dims.size(), 1));
}

// All axes of a complex array but the last of `rank` ones.
Value OuterFft(LoweringContext& c, Value x, int rank, bool inverse) {
  if (rank == 1) return x;
  const int n = c.b.rank(x);
  std::vector<int> perm(n);
  for (int i = 0; i < n; ++i) perm[i] = i;
  // The last axis goes before those to be transformed, and back.
  std::rotate(perm.end() - rank, perm.end() - 1, perm.end());
  std::vector<int> back(n);
  for (int i = 0; i < n; ++i) back[perm[i]] = i;
  return c.b.Transpose(FftKernel(c.b, c.b.Transpose(x, perm), rank - 1, inverse), back);
}

void LowerReal(LoweringContext& c, int rank) {
  CheckPrecision(c, c.dtype(0), c.op.type_attr("Tcomplex"));
  const std::vector<int64_t> lengths = Lengths(c, rank, false);
  const Value terms = RealFftKernel(c.b, Crop(c, lengths));
  c.set(OuterFft(c, terms, rank, false));
}

void LowerInverseReal(LoweringContext& c, int rank) {
  CheckPrecision(c, c.op.type_attr("Treal"), c.dtype(0));
  std::vector<int64_t> sizes = Lengths(c, rank, true);
  const int64_t n = sizes.back();
  sizes.back() = n / 2 + 1;
  c.set(InverseRealFftKernel(c.b, OuterFft(c, Crop(c, sizes), rank, true), n));
}

// --- registration -----------------------------------------------------------------------

void RegisterComplex(OpRegistry& r, const Transform& t, const Transform& opposite, bool inverse) {
  const int rank = t.rank;
  const std::string axes =
      rank == 1 ? "the last axis" : "the last " + std::to_string(rank) + " axes";
  r.Op(t.type)
      .Input("input: Tcomplex")
      .Output("output: Tcomplex")
      .Attr("Tcomplex: {complex64, complex128} = complex64")
      .Doc(std::string(inverse ? "Inverse discrete" : "Discrete") + " Fourier transform over " +
           axes)
      .Shape([rank](ShapeContext& c) { ComplexShape(c, rank); })
      .Gradient(inverse ? fft::InverseGradient(opposite) : fft::ForwardGradient(opposite))
      .Lower([rank, inverse](LoweringContext& c) { LowerComplex(c, rank, inverse); });
}

void RegisterReal(OpRegistry& r, const Transform& t, const Transform& opposite) {
  const int rank = t.rank;
  r.Op(t.type)
      .Input("input: Treal")
      .Input("fft_length: int32")
      .Output("output: Tcomplex")
      .Attr("Treal: {float, double} = float")
      .Attr("Tcomplex: {complex64, complex128} = complex64")
      .Doc("First half of the discrete Fourier transform of real numbers")
      .Shape([rank](ShapeContext& c) { RealShape(c, rank, false); })
      .Gradient(fft::RealGradient(opposite))
      .Lower([rank](LoweringContext& c) { LowerReal(c, rank); });
}

void RegisterInverseReal(OpRegistry& r, const Transform& t, const Transform& opposite) {
  const int rank = t.rank;
  r.Op(t.type)
      .Input("input: Tcomplex")
      .Input("fft_length: int32")
      .Output("output: Treal")
      .Attr("Treal: {float, double} = float")
      .Attr("Tcomplex: {complex64, complex128} = complex64")
      .Doc("Real numbers from the first half of their discrete Fourier transform")
      .Shape([rank](ShapeContext& c) { RealShape(c, rank, true); })
      .Gradient(fft::InverseRealGradient(opposite))
      .Lower([rank](LoweringContext& c) { LowerInverseReal(c, rank); });
}

}  // namespace

void RegisterFftOps(OpRegistry& r) {
  constexpr Transform kForward[] = {
      {"FFT", "fft", 1}, {"FFT2D", "fft2d", 2}, {"FFT3D", "fft3d", 3}};
  constexpr Transform kInverse[] = {
      {"IFFT", "ifft", 1}, {"IFFT2D", "ifft2d", 2}, {"IFFT3D", "ifft3d", 3}};
  constexpr Transform kReal[] = {
      {"RFFT", "rfft", 1}, {"RFFT2D", "rfft2d", 2}, {"RFFT3D", "rfft3d", 3}};
  constexpr Transform kInverseReal[] = {
      {"IRFFT", "irfft", 1}, {"IRFFT2D", "irfft2d", 2}, {"IRFFT3D", "irfft3d", 3}};
  for (int i = 0; i < 3; ++i) {
    RegisterComplex(r, kForward[i], kInverse[i], false);
    RegisterComplex(r, kInverse[i], kForward[i], true);
    RegisterReal(r, kReal[i], kInverseReal[i]);
    RegisterInverseReal(r, kInverseReal[i], kReal[i]);
  }
}

}  // namespace wengert
