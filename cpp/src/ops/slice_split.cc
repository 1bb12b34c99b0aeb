// Taking tensors apart along an axis: Unpack, Split, SplitV.
#include <algorithm>
#include <numeric>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::kAnyT;

// --- unpack ------------------------------------------------------------------------------

void UnpackShape(ShapeContext& c) {
  const int64_t num = c.attr("num").as<int64_t>();
  Shape out;
  if (c.input(0).has_rank()) {
    const int rank = c.input(0).rank();
    const int64_t axis = c.attr("axis").as<int64_t>();
    const std::optional<int> at = op_util::WrapAxis(axis, rank);
    if (!at) {
      c.Fail("Invalid axis: " + std::to_string(axis) + "; must be in [" + std::to_string(-rank) +
             "," + std::to_string(rank) + ")");
    }
    Dims dims = c.input(0).dims();
    const int64_t length = dims[static_cast<size_t>(*at)];
    if (length >= 0 && length != num) {
      c.Fail("Dimension must be " + std::to_string(num) + " but is " + std::to_string(length));
    }
    dims.erase(dims.begin() + *at);
    out = Shape(std::move(dims));
  }
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, out);
}

// The `size` elements from `begin` on along `axis`.
Value Block(Lowering& b, Value x, int axis, int64_t begin, int64_t size) {
  Dims from(b.dims(x).size(), 0), dims = b.dims(x);
  from[static_cast<size_t>(axis)] = size == 0 ? 0 : begin;
  dims[static_cast<size_t>(axis)] = size;
  const Dims ones(dims.size(), 1);
  return b.Slice(x, std::move(from), std::move(dims), ones);
}

void LowerUnpack(LoweringContext& c) {
  Dims dims = c.dims(0);
  const int axis = op_util::WrappedAxis(c, c.op.int_attr("axis"), static_cast<int>(dims.size()));
  const int64_t num = c.op.int_attr("num");
  if (dims[static_cast<size_t>(axis)] != num) {
    c.Fail("Input shape axis " + std::to_string(axis) + " must equal " + std::to_string(num) +
           ", got shape " + ToString(dims));
  }
  dims.erase(dims.begin() + axis);
  for (int64_t i = 0; i < num; ++i) {
    c.out.push_back(c.b.Reshape(Block(c.b, c.x(), axis, i, 1), dims));
  }
}

// --- split ---------------------------------------------------------------------------------

void SplitShape(ShapeContext& c) {
  c.WithRank(0, 0);
  const int64_t ways = c.attr("num_split").as<int64_t>();
  const std::optional<int64_t> axis = op_util::StaticInt(c, 0);
  const Shape& in = c.input(1);
  Shape out;
  if (in.has_rank()) {
    out = Shape::UnknownOfRank(in.rank());
    if (axis) {
      const int64_t least = *axis < 0 ? -*axis : *axis + 1;
      c.WithRankAtLeast(1, static_cast<int>(std::min<int64_t>(least, 255)));
      const int at = *op_util::WrapAxis(*axis, in.rank());
      Dims dims = in.dims();
      int64_t& length = dims[static_cast<size_t>(at)];
      if (length >= 0 && length % ways != 0) {
        c.Fail("Dimension size must be evenly divisible by " + std::to_string(ways) + " but is " +
               std::to_string(length) +
               "\n\tNumber of ways to split should evenly divide the split dimension");
      }
      if (length >= 0) length /= ways;
      out = Shape(std::move(dims));
    }
  }
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, out);
}

void LowerSplit(LoweringContext& c) {
  const Dims dims = c.dims(1);
  const int64_t ways = c.op.int_attr("num_split");
  const int axis =
      op_util::WrappedAxis(c, op_util::ScalarInt(c, 0, "split_dim"), static_cast<int>(dims.size()));
  const int64_t length = dims[static_cast<size_t>(axis)];
  if (length % ways != 0) {
    c.Fail("Number of ways to split should evenly divide the split dimension, but got split_dim " +
           std::to_string(axis) + " (size = " + std::to_string(length) + ") and num_split " +
           std::to_string(ways));
  }
  for (int64_t i = 0; i < ways; ++i) {
    c.out.push_back(Block(c.b, c.x(1), axis, i * (length / ways), length / ways));
  }
}

// Replaces the one -1 among the sizes by what is left of `length`, or says what is wrong.
template <class Fail>
std::vector<int64_t> FilledSizes(std::vector<int64_t> sizes, int64_t length, const Fail& fail) {
  const std::string pieces = ToString(Dims(sizes));
  int64_t sum = 0;
  int open = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1 && open < 0) {
      open = static_cast<int>(i);
    } else if (sizes[i] < 0) {
      fail("size_splits can only have one -1 and no other negative values, but got " + pieces);
    } else {
      sum = op_util::CheckedAdd(sum, sizes[i]);
    }
  }
  if (length < 0) return sizes;
  if (open >= 0 ? sum > length : sum != length) {
    fail("can't split axis of size " + std::to_string(length) + " into pieces of size " + pieces);
  }
  if (open >= 0) sizes[static_cast<size_t>(open)] = length - sum;
  return sizes;
}

void SplitVShape(ShapeContext& c) {
  c.WithRank(1, 1);
  c.WithRank(2, 0);
  const Shape& in = c.input(0);
  const std::optional<int64_t> axis = op_util::StaticInt(c, 2);
  Shape all;
  if (in.has_rank()) all = c.num_outputs() == 1 ? in : Shape::UnknownOfRank(in.rank());
  if (in.has_rank() && axis) {
    const int64_t least = *axis < 0 ? -*axis : *axis + 1;
    c.WithRankAtLeast(0, static_cast<int>(std::min<int64_t>(least, 255)));
    const size_t at = static_cast<size_t>(*op_util::WrapAxis(*axis, in.rank()));
    Dims dims = in.dims();
    std::optional<std::vector<int64_t>> sizes = op_util::StaticInts(c, 1);
    if (sizes) {
      if (static_cast<int>(sizes->size()) != c.num_outputs()) {
        c.Fail("Length of size_splits should be equal to num_outputs");
      }
      const auto fail = [&c](const std::string& message) { c.Fail(message); };
      sizes = FilledSizes(*sizes, dims[at], fail);
    }
    for (int i = 0; i < c.num_outputs(); ++i) {
      dims[at] = sizes ? (*sizes)[static_cast<size_t>(i)] : kUnknownDim;
      c.set_output(i, Shape(dims));
    }
    return;
  }
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, all);
}

void LowerSplitV(LoweringContext& c) {
  const Dims dims = c.dims(0);
  const int axis =
      op_util::WrappedAxis(c, op_util::ScalarInt(c, 2, "split_dim"), static_cast<int>(dims.size()));
  const int64_t ways = c.op.int_attr("num_split");
  std::vector<int64_t> sizes = op_util::VectorInts(c, 1, "size_splits");
  if (static_cast<int64_t>(sizes.size()) != ways) {
    c.Fail("size of the split_tensor must be 1-D and have " + std::to_string(ways) + " elements");
  }
  const auto fail = [&c](const std::string& message) { c.Fail(message); };
  sizes = FilledSizes(std::move(sizes), dims[static_cast<size_t>(axis)], fail);
  int64_t begin = 0;
  for (int64_t size : sizes) {
    c.out.push_back(Block(c.b, c.x(), axis, begin, size));
    begin += size;
  }
}

// The outputs' gradients in order, for an op that puts them together again.
std::vector<In> AllGrads(GradientContext& g) {
  std::vector<In> all;
  for (int i = 0; i < g.op->num_outputs(); ++i) all.push_back(g.dy(i));
  return all;
}

}  // namespace

void RegisterSplitOps(OpRegistry& r) {
  r.Op("Unpack")
      .Input("value: T")
      .Output("output: num * T")
      .Attr("num: int >= 0")
      .Attr(kAnyT)
      .Attr("axis: int = 0")
      .Doc("The slices of a tensor along an axis")
      .Shape(UnpackShape)
      .StaticValue()
      // The inverse of Pack: dx stacks the dy_i.
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {g.b.Stack(AllGrads(g), g.op->int_attr("axis"))};
      })
      .Lower(LowerUnpack);

  r.Op("Split")
      .Input("split_dim: int32")
      .Input("value: T")
      .Output("output: num_split * T")
      .Attr("num_split: int >= 1")
      .Attr(kAnyT)
      .Doc("Equal parts of a tensor along an axis")
      .Shape(SplitShape)
      .StaticValue()
      // The inverse of concatenation: dx joins the dy_i.
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {Grad(), g.b.Concat(AllGrads(g), g.x(0))};
      })
      .Lower(LowerSplit);

  r.Op("SplitV")
      .Input("value: T")
      .Input("size_splits: Tlen")
      .Input("split_dim: int32")
      .Output("output: num_split * T")
      .Attr("num_split: int >= 1")
      .Attr(kAnyT)
      .Attr("Tlen: {int8, int32, int64} = int64")
      .Doc("Parts of the given sizes of a tensor along an axis")
      .Shape(SplitVShape)
      // The inverse of concatenation: dx joins the dy_i.
      .Gradient([](GradientContext& g) -> std::vector<Grad> {
        return {g.b.Concat(AllGrads(g), g.x(2)), Grad(), Grad()};
      })
      .Lower(LowerSplitV);
}

}  // namespace wengert
