// Ops that move blocks of space into the batch axis and back.
#include <algorithm>
#include <string>

#include "ops/register.h"
#include "ops/shape_util.h"

namespace wengert {
namespace {

using op_util::kAnyT;
using Ints = std::vector<int64_t>;

// Block lengths of the axes 1 .. m, and what is added to (or cut off) both ends of each.
struct Blocks {
  Ints lengths;
  Ints edges;  // begin and end of each axis in turn

  size_t count() const { return lengths.size(); }
  int64_t Product() const {
    int64_t product = 1;
    for (int64_t n : lengths) product = op_util::CheckedMul(product, n);
    return product;
  }
  // What is wrong with them, if anything.
  std::string Check(size_t rank, bool pads) const {
    const char* name = pads ? "paddings" : "crops";
    if (rank < count() + 1) {
      return "input rank should be >= " + std::to_string(count() + 1) + " instead of " +
             std::to_string(rank);
    }
    if (edges.size() != 2 * count()) {
      return std::string(name) + " should have shape [" + std::to_string(count()) + ", 2]";
    }
    for (int64_t n : lengths) {
      if (n < 1) return "All values in block_shape must be positive, got " + ToString(lengths);
    }
    for (int64_t n : edges) {
      if (n < 0)
        return std::string("All ") + name + " must be non-negative, got " + ToString(edges);
    }
    return "";
  }
};

// The length of axis `axis` of the result of either direction; what is wrong goes to `error`.
int64_t ResultLength(const Blocks& blocks, size_t axis, int64_t length, bool to_batch,
                     std::string* error) {
  const int64_t block = blocks.lengths[axis];
  const int64_t edge = op_util::CheckedAdd(blocks.edges[2 * axis], blocks.edges[2 * axis + 1]);
  if (to_batch) {
    const int64_t padded = op_util::CheckedAdd(length, edge);
    if (padded % block != 0) {
      *error = "padded_shape[" + std::to_string(axis) + "]=" + std::to_string(padded) +
               " is not divisible by block_shape[" + std::to_string(axis) +
               "]=" + std::to_string(block);
    }
    return padded / block;
  }
  const int64_t whole = op_util::CheckedMul(length, block);
  if (whole < edge) {
    *error = "cropped_shape[" + std::to_string(axis) + "]=" + std::to_string(whole - edge) +
             " must be non-negative";
  }
  return whole - edge;
}

void BlockShape(ShapeContext& c, const std::optional<Ints>& lengths,
                const std::optional<Ints>& edges, bool to_batch) {
  const Shape& in = c.input(0);
  if (!in.has_rank() || !lengths) {
    c.set_output(0, in.has_rank() ? Shape::UnknownOfRank(in.rank()) : Shape());
    return;
  }
  Blocks blocks{*lengths, edges.value_or(Ints(2 * lengths->size(), 0))};
  std::string error = blocks.Check(static_cast<size_t>(in.rank()), to_batch);
  if (!error.empty()) c.Fail(error);
  Dims dims = in.dims();
  const int64_t product = blocks.Product();
  if (to_batch) {
    dims[0] = op_util::MulLengths(dims[0], product);
  } else if (dims[0] >= 0) {
    if (dims[0] % product != 0) {
      c.Fail("Dimension size must be evenly divisible by " + std::to_string(product) + " but is " +
             std::to_string(dims[0]));
    }
    dims[0] /= product;
  }
  for (size_t i = 0; i < blocks.count(); ++i) {
    int64_t& d = dims[i + 1];
    d = d >= 0 && edges ? ResultLength(blocks, i, d, to_batch, &error) : kUnknownDim;
  }
  if (!error.empty()) c.Fail(error);
  c.set_output(0, Shape(std::move(dims)));
}

void CheckBlocks(const LoweringContext& c, const Blocks& blocks, bool to_batch) {
  const std::string error = blocks.Check(c.b.dims(c.x()).size(), to_batch);
  if (!error.empty()) c.Fail(error);
}

// [n, d1, ..] padded -> [n, d1 / b1, b1, ..] -> [b1, .., n, d1 / b1, ..]
void LowerToBatch(LoweringContext& c, const Blocks& blocks) {
  CheckBlocks(c, blocks, true);
  const Dims in = c.dims(0);
  const size_t m = blocks.count(), rank = in.size();
  Dims low(rank, 0), high(rank, 0), split{in[0]}, out = in;
  std::string error;
  std::vector<int> perm;
  out[0] = op_util::CheckedMul(in[0], blocks.Product());
  for (size_t i = 0; i < m; ++i) {
    low[i + 1] = blocks.edges[2 * i];
    high[i + 1] = blocks.edges[2 * i + 1];
    out[i + 1] = ResultLength(blocks, i, in[i + 1], true, &error);
    split.insert(split.end(), {out[i + 1], blocks.lengths[i]});
    perm.push_back(static_cast<int>(2 * i + 2));
  }
  if (!error.empty()) c.Fail(error);
  for (size_t i = 0; i <= m; ++i) perm.push_back(i == 0 ? 0 : static_cast<int>(2 * i - 1));
  for (size_t i = m + 1; i < rank; ++i) {
    perm.push_back(static_cast<int>(split.size()));
    split.push_back(in[i]);
  }
  Value v = c.x();
  if (low != Dims(rank, 0) || high != Dims(rank, 0)) {
    v = c.b.Pad(v, op_util::Filled(c.b, c.dtype(0), 0, {}), low, high);
  }
  c.set(c.b.Reshape(c.b.Transpose(c.b.Reshape(v, split), perm), out));
}

// [b1, .., n, d1, ..] -> [n, d1, b1, ..] -> [n, d1 b1, ..] cut at both ends
void LowerToSpace(LoweringContext& c, const Blocks& blocks) {
  CheckBlocks(c, blocks, false);
  const Dims in = c.dims(0);
  const size_t m = blocks.count(), rank = in.size();
  const int64_t product = blocks.Product();
  if (in[0] % product != 0) {
    c.Fail("Input batch dimension (" + std::to_string(in[0]) +
           ") is not divisible by product of block sizes (" + std::to_string(product) + ")");
  }
  Dims split(blocks.lengths.begin(), blocks.lengths.end());
  split.push_back(in[0] / product);
  split.insert(split.end(), in.begin() + 1, in.end());
  Dims whole{in[0] / product}, begin(rank, 0);
  Dims size = whole;
  std::vector<int> perm{static_cast<int>(m)};
  std::string error;
  for (size_t i = 0; i < m; ++i) {
    perm.push_back(static_cast<int>(m + 1 + i));
    perm.push_back(static_cast<int>(i));
    whole.push_back(op_util::CheckedMul(in[i + 1], blocks.lengths[i]));
    size.push_back(ResultLength(blocks, i, in[i + 1], false, &error));
    begin[i + 1] = blocks.edges[2 * i];
  }
  if (!error.empty()) c.Fail(error);
  for (size_t i = m + 1; i < rank; ++i) {
    perm.push_back(static_cast<int>(m + i));
    whole.push_back(in[i]);
    size.push_back(in[i]);
  }
  Value v = c.b.Reshape(c.b.Transpose(c.b.Reshape(c.x(), split), perm), whole);
  c.set(size == whole ? v : c.b.Slice(v, begin, size, Dims(rank, 1)));
}

void RegisterGeneral(OpRegistry& r, bool to_batch) {
  const char* inverse = to_batch ? "BatchToSpaceND" : "SpaceToBatchND";
  const char* edges = to_batch ? "paddings" : "crops";
  r.Op(to_batch ? "SpaceToBatchND" : "BatchToSpaceND")
      .Input("input: T")
      .Input("block_shape: Tblock_shape")
      .Input(std::string(edges) + ": T" + edges)
      .Output("output: T")
      .Attr(kAnyT)
      .Attr("Tblock_shape: {int32, int64} = int32")
      .Attr(std::string("T") + edges + ": {int32, int64} = int32")
      .Doc(to_batch ? "Moves blocks of the padded axes after the first into the first"
                    : "Moves blocks of the first axis into the ones after it, and cuts their ends")
      .Shape([to_batch](ShapeContext& c) {
        c.WithRank(1, 1);
        c.WithRank(2, 2);
        BlockShape(c, op_util::StaticInts(c, 1), op_util::StaticInts(c, 2), to_batch);
      })
      // A permutation of the elements (and zeros): the other direction brings dy back.
      .Gradient([inverse](GradientContext& g) -> std::vector<Grad> {
        return {g.b.Op(inverse, {g.dy(), g.x(1), g.x(2)}), {}, {}};
      })
      .Lower([to_batch](LoweringContext& c) {
        const Blocks blocks{op_util::VectorInts(c, 1, "block_shape"), c.ints(2)};
        to_batch ? LowerToBatch(c, blocks) : LowerToSpace(c, blocks);
      });
}

// The older ops: images, one block length for height and width.
void RegisterForImages(OpRegistry& r, bool to_batch) {
  const char* inverse = to_batch ? "BatchToSpaceND" : "SpaceToBatchND";
  const std::string type = to_batch ? "Tpaddings" : "Tidx";
  r.Op(to_batch ? "SpaceToBatch" : "BatchToSpace")
      .Input("input: T")
      .Input((to_batch ? "paddings: " : "crops: ") + type)
      .Output("output: T")
      .Attr(kAnyT)
      .Attr(type + ": {int32, int64} = int32")
      .Attr("block_size: int >= 2")
      .Doc(to_batch ? "Moves blocks of padded images into the batch"
                    : "Moves blocks of the batch into images, and cuts their edges")
      .Shape([to_batch](ShapeContext& c) {
        c.WithRank(0, 4);
        c.WithRank(1, 2);
        BlockShape(c, Ints(2, c.attr("block_size").as<int64_t>()), op_util::StaticInts(c, 1),
                   to_batch);
      })
      // As of SpaceToBatchND and BatchToSpaceND
      .Gradient([inverse](GradientContext& g) -> std::vector<Grad> {
        const Array block = Array::Vector<int64_t>(Ints(2, g.op->int_attr("block_size")));
        return {g.b.Op(inverse, {g.dy(), block, g.x(1)}), {}};
      })
      .Lower([to_batch](LoweringContext& c) {
        if (c.dims(0).size() != 4)
          c.Fail("Input rank should be: 4 instead of: " + std::to_string(c.dims(0).size()));
        const Blocks blocks{Ints(2, c.op.int_attr("block_size")), c.ints(1)};
        to_batch ? LowerToBatch(c, blocks) : LowerToSpace(c, blocks);
      });
}

}  // namespace

void RegisterBatchOps(OpRegistry& r) {
  for (const bool to_batch : {true, false}) {
    RegisterGeneral(r, to_batch);
    RegisterForImages(r, to_batch);
  }
}

}  // namespace wengert
