// Ops on permutations and sets of axes: Transpose, InvertPermutation, ListDiff; and those that
// exchange space and depth.
#include <cstring>
#include <set>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::IndexType;
using op_util::kAnyT;

// --- transpose ---------------------------------------------------------------------------

void TransposeShape(ShapeContext& c) {
  const Shape perm_shape = c.WithRank(1, 1);
  const std::optional<std::vector<int64_t>> perm = op_util::StaticInts(c, 1);
  Shape in = c.input(0);
  const int64_t n = perm_shape.dim(0);
  if (n >= 0 && in.has_rank() && in.rank() != n) {
    c.Fail("Dimension must be " + std::to_string(in.rank()) + " but is " + std::to_string(n));
  }
  if (n >= 0) in = c.WithRank(0, static_cast<int>(n));
  if (!perm || !in.has_rank()) {
    c.set_output(0, in.has_rank() ? Shape::UnknownOfRank(in.rank()) : Shape());
    return;
  }
  Dims dims;
  for (int64_t axis : *perm) {
    const std::optional<int> at = op_util::WrapAxis(axis, in.rank());
    if (!at) {
      c.Fail("perm dim " + std::to_string(axis) + " is out of range of input rank " +
             std::to_string(in.rank()));
    }
    dims.push_back(in.dim(*at));
  }
  c.set_output(0, Shape(std::move(dims)));
}

void LowerTranspose(LoweringContext& c) {
  const int rank = static_cast<int>(c.dims(0).size());
  const std::vector<int64_t> axes = op_util::VectorInts(c, 1, "perm");
  if (static_cast<int>(axes.size()) != rank) {
    c.Fail("transpose expects a vector of size " + std::to_string(rank) +
           ". But input(1) is a vector of size " + std::to_string(axes.size()));
  }
  std::vector<int> perm;
  std::vector<bool> seen(axes.size(), false);
  for (int64_t axis : axes) {
    const std::optional<int> at = op_util::WrapAxis(axis, rank);
    if (!at) {
      c.Fail(std::to_string(axis) + " is out of range [0 .. " + std::to_string(rank) + ")");
    }
    seen[static_cast<size_t>(*at)] = true;
    perm.push_back(*at);
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) continue;
    std::string given;
    for (int64_t axis : axes) given += (given.empty() ? "" : ",") + std::to_string(axis);
    c.Fail(std::to_string(i) + " is missing from {" + given + "}.");
  }
  Value v = c.b.Transpose(c.x(), std::move(perm));
  if (c.op.type() == "ConjugateTranspose" && IsComplex(c.dtype(0))) {
    v = c.b.Map(ScalarOp::kConj, v);
  }
  c.set(v);
}

void LowerInvertPermutation(LoweringContext& c) {
  if (c.dims(0).size() != 1) c.Fail("invert_permutation expects a 1D vector.");
  KernelSpec spec;
  spec.name = "invert_permutation";
  spec.dtypes = {c.dtype(0)};
  spec.dims = {c.dims(0)};
  spec.run = [](const std::vector<Array>& in, std::vector<Array>& out) {
    const std::vector<int64_t> perm = in[0].AsInts();
    const int64_t n = static_cast<int64_t>(perm.size());
    std::vector<int64_t> inverse(perm.size(), -1);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t p = perm[static_cast<size_t>(i)];
      if (p < 0 || p >= n) {
        throw InvalidArgument(std::to_string(p) + " is not between 0 and " + std::to_string(n));
      }
      if (inverse[static_cast<size_t>(p)] != -1) {
        throw InvalidArgument(std::to_string(p) + " is duplicated in the input.");
      }
      inverse[static_cast<size_t>(p)] = i;
    }
    const Array result = op_util::IntVector(in[0].dtype(), inverse);
    if (result.bytes() > 0) std::memcpy(out[0].raw(), result.raw(), result.bytes());
  };
  c.out = c.b.Kernel(std::move(spec), {c.x()});
}

// --- set difference ------------------------------------------------------------------------

// The elements of `x` that are not among those of `y`: their positions.
std::vector<int64_t> Missing(const LoweringContext& c, const Array& x, const Array& y) {
  std::vector<int64_t> positions;
  const auto collect = [&](auto element) {
    std::set<decltype(element(x, 0))> known;
    for (int64_t i = 0; i < y.size(); ++i) known.insert(element(y, i));
    for (int64_t i = 0; i < x.size(); ++i) {
      if (known.count(element(x, i)) == 0) positions.push_back(i);
    }
  };
  if (x.dtype() == DType::kString) {
    collect([](const Array& a, int64_t i) { return a.strings()[static_cast<size_t>(i)]; });
  } else if (IsInteger(x.dtype()) || x.dtype() == DType::kBool) {
    collect([](const Array& a, int64_t i) { return a.AsInt(i); });
  } else if (IsFloating(x.dtype())) {
    collect([](const Array& a, int64_t i) { return a.AsDouble(i); });
  } else {
    c.Fail(std::string("ListDiff is not defined for ") + Name(x.dtype()));
  }
  return positions;
}

// How long the outputs are is in the values, so these must be known.
void LowerListDiff(LoweringContext& c) {
  for (int i = 0; i < 2; ++i) {
    if (c.dims(i).size() != 1) {
      c.Fail(std::string(i == 0 ? "x" : "y") + " should be a 1D vector.");
    }
  }
  const std::vector<int64_t> positions = Missing(c, c.constant(0), c.constant(1));
  const Value at = c.b.Constant(Array::Vector<int64_t>(positions));
  c.out = {c.b.Gather(c.x(), at, 0, 0),
           c.b.Constant(op_util::IntVector(c.op.type_attr("out_idx"), positions))};
}

void RegisterTransposes(OpRegistry& r) {
  r.Op("Transpose")
      .Input("x: T")
      .Input("perm: Tperm")
      .Output("y: T")
      .Attr(kAnyT)
      .Attr(IndexType("Tperm"))
      .Doc("Permutes the axes: axis i of the result is axis perm[i] of x")
      .Shape(TransposeShape)
      // y = x permuted by p: dx = dy permuted by the inverse of p
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const Tensor inverse = g.b.Op("InvertPermutation", {g.x(1)});
        return {g.b.Transpose(g.dy(), inverse), Grad()};
      })
      .Lower(LowerTranspose);

  r.Op("ConjugateTranspose")
      .Input("x: T")
      .Input("perm: Tperm")
      .Output("y: T")
      .Attr(kAnyT)
      .Attr(IndexType("Tperm"))
      .Doc("Permutes the axes and conjugates the elements")
      .Shape(TransposeShape)
      // y = conj(x) permuted by p: dx = conj(dy) permuted by the inverse of p
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        const Tensor inverse = g.b.Op("InvertPermutation", {g.x(1)});
        const char* type = IsComplex(g.dy().dtype()) ? "ConjugateTranspose" : "Transpose";
        return {g.b.Op(type, {g.dy(), inverse}, {}, "transpose"), Grad()};
      })
      .Lower(LowerTranspose);

  r.Op("InvertPermutation")
      .Input("x: T")
      .Output("y: T")
      .Attr(IndexType("T"))
      .Doc("The permutation that undoes x: y[x[i]] = i")
      .Shape([](ShapeContext& c) { c.set_output(0, c.WithRank(0, 1)); })
      .NotDifferentiable()
      .Lower(LowerInvertPermutation);

  r.Op("ListDiff")
      .Input("x: T")
      .Input("y: T")
      .Output("out: T")
      .Output("idx: out_idx")
      .Attr(kAnyT)
      .Attr(IndexType("out_idx"))
      .Doc("The elements of x that y does not hold, and their positions")
      .Shape([](ShapeContext& c) {
        for (int i = 0; i < 2; ++i) {
          c.WithRank(i, 1);
          c.set_output(i, Shape({kUnknownDim}));
        }
      })
      .NoGradient()
      .Lower(LowerListDiff);
}

// --- space and depth ---------------------------------------------------------------------------

// Positions of height, width and channels in the layout an op's attribute names.
struct Layout {
  int h, w, ch;
};
template <class Context>
Layout LayoutOf(const std::string& format, Context& c) {
  if (format == "NHWC") return {1, 2, 3};
  if (format == "NCHW") return {2, 3, 1};
  c.Fail("data_format " + format + " is for quantized types only");
}

void SpaceToDepthShape(ShapeContext& c, bool to_depth) {
  const Shape in = c.WithRank(0, 4);
  const int64_t block = c.attr("block_size").as<int64_t>();
  const Layout at = LayoutOf(c.attr("data_format").as<std::string>(), c);
  Dims dims = in.dims();
  const auto divide = [&c](int64_t& d, int64_t by) {
    if (d >= 0 && d % by != 0) {
      c.Fail("Dimension size must be evenly divisible by " + std::to_string(by) + " but is " +
             std::to_string(d));
    }
    if (d >= 0) d /= by;
  };
  const int64_t area = op_util::CheckedMul(block, block);
  int64_t &h = dims[static_cast<size_t>(at.h)], &w = dims[static_cast<size_t>(at.w)];
  int64_t& ch = dims[static_cast<size_t>(at.ch)];
  if (to_depth) {
    divide(h, block);
    divide(w, block);
    ch = op_util::MulLengths(ch, area);
  } else {
    h = op_util::MulLengths(h, block);
    w = op_util::MulLengths(w, block);
    divide(ch, area);
  }
  c.set_output(0, Shape(std::move(dims)));
}

// Both directions regroup [h, block, w, block, channels] <-> [h, w, block, block, channels].
void LowerSpaceToDepth(LoweringContext& c, bool to_depth) {
  const int64_t block = c.op.int_attr("block_size");
  const Layout at = LayoutOf(c.op.string_attr("data_format"), c);
  if (c.dims(0).size() != 4) c.Fail("Input rank should be 4 instead of " + ToString(c.dims(0)));
  const std::vector<int> to_nhwc = {0, at.h, at.w, at.ch};
  const bool channels_first = at.ch == 1;
  const Value x = channels_first ? c.b.Transpose(c.x(), to_nhwc) : c.x();
  const Dims d = c.b.dims(x);
  Value v;
  if (to_depth) {
    if (d[1] % block != 0 || d[2] % block != 0) {
      c.Fail("Image width " + std::to_string(d[2]) + " and height " + std::to_string(d[1]) +
             " should be divisible by block_size: " + std::to_string(block));
    }
    v = c.b.Reshape(x, {d[0], d[1] / block, block, d[2] / block, block, d[3]});
    v = c.b.Transpose(v, {0, 1, 3, 2, 4, 5});
    v = c.b.Reshape(v, {d[0], d[1] / block, d[2] / block, block * block * d[3]});
  } else {
    if (d[3] % (block * block) != 0) {
      c.Fail("Input depth dimension " + std::to_string(d[3]) +
             " should be divisible by: " + std::to_string(block * block));
    }
    v = c.b.Reshape(x, {d[0], d[1], d[2], block, block, d[3] / (block * block)});
    v = c.b.Transpose(v, {0, 1, 3, 2, 4, 5});
    v = c.b.Reshape(v, {d[0], d[1] * block, d[2] * block, d[3] / (block * block)});
  }
  c.set(channels_first ? c.b.Transpose(v, {0, 3, 1, 2}) : v);
}

void RegisterSpaceDepth(OpRegistry& r) {
  for (const bool to_depth : {true, false}) {
    const char* inverse = to_depth ? "DepthToSpace" : "SpaceToDepth";
    r.Op(to_depth ? "SpaceToDepth" : "DepthToSpace")
        .Input("input: T")
        .Output("output: T")
        .Attr(kAnyT)
        .Attr("block_size: int >= 2")
        .Attr("data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'")
        .Doc(to_depth ? "Moves blocks of pixels into channels"
                      : "Moves channels into blocks of pixels")
        .Shape([to_depth](ShapeContext& c) { SpaceToDepthShape(c, to_depth); })
        // A permutation of the elements: the other direction brings dy back.
        .Gradient([inverse](GradientContext& g) -> std::vector<Grad> {
          return {g.b.Op(inverse, {g.dy()},
                         {{"block_size", g.op->int_attr("block_size")},
                          {"data_format", g.op->string_attr("data_format")}})};
        })
        .Lower([to_depth](LoweringContext& c) { LowerSpaceToDepth(c, to_depth); });
  }
}

}  // namespace

void RegisterPermutationOps(OpRegistry& r) {
  RegisterTransposes(r);
  RegisterSpaceDepth(r);
}

}  // namespace wengert
