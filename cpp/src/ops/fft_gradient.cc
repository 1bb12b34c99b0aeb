#include "ops/fft_gradient.h"

#include <complex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/linalg_builder.h"
#include "wengert/builder.h"

namespace wengert::fft {
namespace {

using linalg::All;
using linalg::At;
using linalg::From;
using linalg::Slice;
using linalg::SliceLast;
using linalg::To;
using Ins = std::vector<In>;

// The number of elements in the last axes of x, as a number of some dtype.
Tensor TransformSize(Builder& b, const Tensor& x, int rank, DType dtype) {
  const Tensor lengths = Slice(b, b.ShapeOf(x), {From(-rank)});
  return b.Cast(b.ReduceProd(lengths), dtype);
}

Tensor RealPart(Builder& b, const Tensor& z) {
  return b.Op("Real", {z}, {{"Tout", RealDType(z.dtype())}});
}

// The value of a vector of lengths where it is a constant.
std::optional<Array> KnownLengths(const Tensor& length) {
  if (length.op->type() != "Const") return std::nullopt;
  return length.op->attr("value").as<Array>();
}

// A real transform or its inverse as TensorFlow's function makes it: known lengths become a
// constant again.
Tensor Apply(Builder& b, const Transform& t, const Tensor& x, const Tensor& length, DType real,
             DType complex, const std::string& name) {
  const std::optional<Array> known = KnownLengths(length);
  return b.Op(t.type, {x, known ? In(*known) : In(length)},
              {{"Treal", real}, {"Tcomplex", complex}}, name);
}

// (-1)^k for k < n, as complex numbers.
Tensor Alternating(Builder& b, const Tensor& n, DType dtype) {
  const Tensor k = b.Range(0, n, 1);
  const Tensor odd = b.FloorMod(k, 2);
  const Tensor sign = b.Subtract(1, b.Multiply(2, odd));
  return b.Cast(sign, dtype);
}

// Ones in the place of the first rank - `last` axes.
Tensor LeadingOnes(Builder& b, const Tensor& like, int64_t last) {
  const Tensor count = b.Subtract(b.RankOf(like), last);
  return b.Ones(Ins{count}, DType::kInt32);
}

// The matrix of the transform of n numbers: exp(-2 pi i j k / n).
Tensor TransformMatrix(Builder& b, const Tensor& n, DType dtype) {
  const Tensor row = b.ExpandDims(b.Range(0, n, 1), 0);
  const Tensor rows = b.Tile(row, Ins{n, 1});
  const Tensor columns = b.Transpose(rows, std::vector<int64_t>{1, 0});
  const Tensor products = b.Cast(b.Multiply(rows, columns), dtype);
  constexpr double kTwoPi = 6.283185307179586;
  const Array factor = dtype == DType::kComplex128
                           ? Array::Scalar<std::complex<double>>({0, -kTwoPi})
                           : Array::Scalar<std::complex<float>>({0, -static_cast<float>(kTwoPi)});
  const Tensor turns = b.Multiply(factor, products);
  return b.Op("Exp", {b.TrueDiv(turns, b.Cast(n, dtype))});
}

// What the first term, which has no mirror image, contributes beyond its half in `irfft`, and for
// even n the last one. A sum over one axis; see RealGradient.
Tensor UnpairedTerms(Builder& b, const Tensor& dy, const Tensor& shape, const Tensor& even,
                     int rank) {
  const Tensor first = SliceLast(b, dy, {linalg::Between(0, 1)});
  const DType dtype = dy.dtype();
  if (rank == 1) {
    const Tensor last = b.Multiply(even, SliceLast(b, dy, {From(-1)}));
    const Tensor n = Slice(b, shape, {At(-1)});
    return b.Add(first, b.Multiply(last, Alternating(b, n, dtype)));
  }
  // The transform over the axis before, by its matrix.
  const Tensor n = Slice(b, shape, {At(-2)});
  const Tensor matrix = TransformMatrix(b, n, dtype);
  const Tensor ones = LeadingOnes(b, dy, 2);
  const Tensor with_ones = b.Concat({ones, b.ShapeOf(matrix)}, 0);
  const Tensor ranked = b.Reshape(matrix, with_ones);
  const Tensor batch = Slice(b, b.ShapeOf(first), {To(-2)});
  const Tensor multiples = b.Concat({batch, std::vector<int64_t>{1, 1}}, 0);
  const Tensor matrices = b.Tile(ranked, multiples);
  auto transform = [&](const Tensor& x) { return linalg::Product(b, matrices, b.Conj(x)); };
  const Tensor first_column = transform(first);
  const Tensor last_column = transform(SliceLast(b, dy, {From(-1)}));
  const Tensor length = Slice(b, shape, {At(-1)});
  const Tensor leading = LeadingOnes(b, dy, 1);
  const Tensor repeated = b.Tile(last_column, b.Concat({leading, Ins{length}}, 0));
  const Tensor last = b.Multiply(repeated, Alternating(b, length, dtype));
  return b.Add(first_column, b.Multiply(even, last));
}

// x with zeros behind it, as far as `like` goes.
Tensor Extend(Builder& b, const Tensor& x, const Tensor& like) {
  const Tensor missing = b.Subtract(b.ShapeOf(like), b.ShapeOf(x));
  const Tensor paddings =
      b.Op("Pack", {Ins{b.ZerosLike(missing), missing}}, {{"axis", int64_t{1}}});
  return b.Op("Pad", {x, paddings});
}

// The gradient of a real transform in general: N times the inverse transform of the terms alone,
// zeros in place of the others and of elements that were cut off.
Tensor ThroughComplex(Builder& b, const Tensor& x, const Tensor& dy, const Tensor& length,
                      int rank) {
  constexpr const char* kInverse[] = {"IFFT", "IFFT2D", "IFFT3D"};
  const Tensor half = Slice(b, b.ShapeOf(dy), {From(-1)});
  const Tensor missing = b.Subtract(Slice(b, length, {From(-1)}), half);
  const Tensor last = b.Op("Pack", {Ins{b.ZerosLike(missing), missing}}, {{"axis", int64_t{1}}});
  const Tensor others = b.Subtract(b.RankOf(dy), 1);
  const Tensor zeros = b.Zeros(Ins{others, 2}, DType::kInt32);
  const Tensor whole = b.Op("Pad", {dy, b.Concat({zeros, last}, 0)});
  const Tensor sum = RealPart(b, b.Op(kInverse[rank - 1], {whole}));
  const Tensor size = b.Cast(b.ReduceProd(length), x.dtype());
  return Extend(b, b.Multiply(sum, size), x);
}

// Whether the static shape of x says that the last axes are no longer than the transform.
bool WholeInput(const Tensor& x, const Tensor& length, int rank, bool inverse) {
  const std::optional<Array> lengths = KnownLengths(length);
  if (!lengths || !x.shape().has_rank()) return false;
  for (int i = 0; i < rank; ++i) {
    int64_t n = lengths->AsInt(i);
    if (inverse && i == rank - 1) n = n / 2 + 1;
    if (x.shape().dim(x.shape().rank() - rank + i) != n) return false;
  }
  return true;
}

}  // namespace

// y = F x: dx = F^H dy = N F^-1 dy
GradientFn ForwardGradient(const Transform& opposite) {
  return [opposite](GradientContext& g) -> std::vector<Grad> {
    const Tensor size = TransformSize(g.b, g.dy(), opposite.rank, g.dy().dtype());
    const Tensor back = g.b.Op(opposite.type, {g.dy()});
    return {g.b.Multiply(back, size)};
  };
}

// y = F^-1 x = F^H x / N: dx = F dy / N
GradientFn InverseGradient(const Transform& opposite) {
  return [opposite](GradientContext& g) -> std::vector<Grad> {
    const DType dtype = g.dy().dtype();
    const Tensor size = TransformSize(g.b, g.dy(), opposite.rank, RealDType(dtype));
    const Tensor scale = g.b.Cast(g.b.TrueDiv(1, size), dtype);
    const Tensor forward = g.b.Op(opposite.type, {g.dy()});
    return {g.b.Multiply(forward, scale)};
  };
}

// y = the first terms of F x: dx = Re sum_k dy_k exp(2 pi i j k / n). N irfft(dy) sums the terms
// and their mirror images, so half of it and of the terms without one are what is wanted.
GradientFn RealGradient(const Transform& opposite) {
  return [opposite](GradientContext& g) -> std::vector<Grad> {
    Builder& b = g.b;
    const Tensor x = g.x(0), length = g.x(1), dy = g.dy();
    if (opposite.rank > 2 || !WholeInput(x, length, opposite.rank, false)) {
      return {ThroughComplex(b, x, dy, length, opposite.rank), Grad()};
    }
    const Tensor shape = b.ShapeOf(x);
    const Tensor odd = b.FloorMod(Slice(b, length, {At(-1)}), 2);
    const Tensor even = b.Cast(b.Subtract(1, odd), dy.dtype());
    const Tensor unpaired = UnpairedTerms(b, dy, shape, even, opposite.rank);
    const Tensor size = TransformSize(b, x, opposite.rank, x.dtype());
    const Tensor back = Apply(b, opposite, dy, length, x.dtype(), dy.dtype(), opposite.name);
    const Tensor paired = b.Multiply(back, size);
    const Tensor both = b.Add(paired, RealPart(b, unpaired));
    return {b.Multiply(0.5, both), Grad()};
  };
}

// y_j = 1/N sum_k c_k Re(x_k exp(2 pi i j k / n)), where c_k is 2 for terms with a mirror image and
// 1 for others: dx_k = c_k / N (F dy)_k
GradientFn InverseRealGradient(const Transform& opposite) {
  return [opposite](GradientContext& g) -> std::vector<Grad> {
    Builder& b = g.b;
    const Tensor x = g.x(0), length = g.x(1), dy = g.dy();
    const std::optional<Array> known = KnownLengths(length);
    const In n = known ? In(known->AsInt(known->size() - 1)) : In(Slice(b, length, {At(-1)}));
    const Tensor odd = b.FloorMod(n, 2);
    const bool whole = WholeInput(x, length, opposite.rank, true);
    const Tensor terms = whole ? Slice(b, b.ShapeOf(x), {At(-1)}) : b.Add(b.FloorDivide(n, 2), 1);
    const Tensor twice = b.Add(b.Subtract(terms, 2), odd);
    const DType real = dy.dtype();
    const Tensor twos = b.Multiply(2, b.Ones(Ins{twice}, real));
    const Tensor last = b.Ones(Ins{b.Subtract(1, odd)}, real);
    const Array one = Array::FromDouble(real, 1.0, {1});
    const Tensor counts = b.Concat({one, twos, last}, 0);
    const Tensor inverse_size = b.Op("Reciprocal", {TransformSize(b, dy, opposite.rank, real)});
    Tensor forward;
    {
      const Builder::Scope scope = b.NameScope(opposite.name);
      if (known) b.Constant(*known);
      forward = Apply(b, opposite, dy, length, real, x.dtype(), scope.path());
    }
    const Tensor scale = b.Cast(b.Multiply(inverse_size, counts), x.dtype());
    const Tensor dx = b.Multiply(forward, scale);
    return {whole ? dx : Extend(b, dx, x), Grad()};
  };
}

}  // namespace wengert::fft
