// Tile: regions become nodes with programs of their own.
#include "compile/tile.h"

#include <algorithm>
#include <utility>

#include "compile/program_builder.h"
#include "compile/reference.h"

namespace wengert::compile {

namespace {

// What the values of a tile may take of the second-level cache.
constexpr int64_t kTileBytes = 384 * 1024;
// Whole tiles of the small matrix products.
constexpr int64_t kRowStep = 24, kMaxTile = 480;
constexpr int64_t kMinTiles = 8;

// One region on its way to a node.
class Region {
 public:
  Region(const Program& program, const TileRegions& found, const std::vector<int>& nodes)
      : program_(program), found_(found), nodes_(nodes) {
    inside_.assign(program.values.size(), false);
    for (int i : nodes) {
      for (Value v : NodeAt(i).outputs) inside_[static_cast<size_t>(v.id)] = true;
    }
  }

  // False where the rows are too long for tiles of them.
  bool Build(const std::vector<bool>& read_outside, Node* result) {
    const int64_t tile = ChooseTile();
    if (tile == 0) return false;
    tiling_ = std::make_shared<Tiling>();
    tiling_->rows = found_.rows;
    tiling_->tile = tile;
    FindInputs();
    FindOutputs(read_outside);
    tiling_->body = Body(tile);
    if (found_.rows % tile != 0) tiling_->rest = Body(found_.rows % tile);
    auto spec = std::make_shared<KernelSpec>();
    spec->name = "tiles of " + std::to_string(tile) + " rows";
    for (Value v : outputs_) {
      spec->dtypes.push_back(program_.info(v).dtype);
      spec->dims.push_back(program_.info(v).dims);
    }
    spec->run = [tiling = tiling_](const std::vector<Array>& in, std::vector<Array>& out) {
      InterpretTiles(*tiling, in, out);
    };
    result->prim = CustomKernel{std::move(spec), tiling_};
    result->inputs = inputs_;
    result->outputs = outputs_;
    return true;
  }

 private:
  const Node& NodeAt(int i) const { return program_.nodes[static_cast<size_t>(i)]; }
  bool Inside(Value v) const { return inside_[static_cast<size_t>(v.id)]; }
  bool HasRows(Value v) const {
    const Dims& dims = program_.info(v).dims;
    return !dims.empty() && dims[0] == found_.rows;
  }

  // So many rows that the values alive at once fit.
  int64_t ChooseTile() const {
    std::vector<int> last(program_.values.size(), -1);
    for (size_t at = 0; at < nodes_.size(); ++at) {
      for (Value v : NodeAt(nodes_[at]).inputs)
        last[static_cast<size_t>(v.id)] = static_cast<int>(at);
    }
    int64_t live = 0, peak = 1;
    std::vector<std::vector<Value>> dying(nodes_.size());
    for (size_t at = 0; at < nodes_.size(); ++at) {
      const Node& node = NodeAt(nodes_[at]);
      const bool view = std::holds_alternative<Reshape>(node.prim) ||
                        std::holds_alternative<Broadcast>(node.prim);
      const Value out = node.outputs[0];
      if (!view && HasRows(out)) {
        live += RowBytes(out);
        const int end = last[static_cast<size_t>(out.id)];
        dying[end < 0 ? at : static_cast<size_t>(end)].push_back(out);
      }
      peak = std::max(peak, live);
      for (Value v : dying[at]) live -= RowBytes(v);
    }
    int64_t tile = std::min(kTileBytes / peak, found_.rows / kMinTiles);
    const bool products = std::any_of(nodes_.begin(), nodes_.end(), [&](int i) {
      return std::holds_alternative<MatMul>(NodeAt(i).prim);
    });
    const int64_t step = products ? kRowStep : 1;
    return std::min(tile, kMaxTile) / step * step;
  }

  int64_t RowBytes(Value v) const {
    const ValueInfo& info = program_.info(v);
    return NumElements(info.dims) * static_cast<int64_t>(SizeOf(info.dtype)) / found_.rows;
  }

  // What it reads from outside: a value once by rows and once whole, where both occur.
  void FindInputs() {
    for (int i : nodes_) {
      const Node& node = NodeAt(i);
      for (size_t k = 0; k < node.inputs.size(); ++k) {
        if (Inside(node.inputs[k])) continue;
        Input(node.inputs[k], ReadsRows(node, k));
      }
    }
  }

  size_t Input(Value v, bool by_rows) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i] == v && tiling_->by_rows[i] == by_rows) return i;
    }
    inputs_.push_back(v);
    tiling_->by_rows.push_back(by_rows);
    return inputs_.size() - 1;
  }

  // How an operand from outside is read by a node that is in a region.
  bool ReadsRows(const Node& node, size_t k) const {
    const Value v = node.inputs[k];
    if (!HasRows(v)) return false;
    const Dims& dims = program_.info(v).dims;
    const Dims& out = program_.info(node.outputs[0]).dims;
    if (std::holds_alternative<Broadcast>(node.prim)) return dims.size() == out.size();
    if (std::holds_alternative<Pad>(node.prim)) return k == 0;
    if (const auto* gather = std::get_if<Gather>(&node.prim)) {
      return k == 1 || gather->batch_dims > 0;
    }
    const auto* matmul = std::get_if<MatMul>(&node.prim);
    if (matmul == nullptr || k == 0) return true;
    const size_t rank_a = program_.info(node.inputs[0]).dims.size();
    return rank_a == 2 ? matmul->transpose_a : dims.size() == rank_a;
  }

  void FindOutputs(const std::vector<bool>& read_outside) {
    for (int i : nodes_) {
      const Node& node = NodeAt(i);
      const Value v = node.outputs[0];
      if (!read_outside[static_cast<size_t>(v.id)]) continue;
      outputs_.push_back(v);
      Tiling::Result result;
      result.sum = found_.sums[static_cast<size_t>(i)];
      if (const auto* reduce = std::get_if<Reduce>(&node.prim)) result.op = reduce->op;
      tiling_->results.push_back(result);
    }
  }

  Program Body(int64_t rows) {
    Program body;
    std::vector<Value> to(program_.values.size());
    std::vector<Value> from_input;
    const auto resized = [&](Dims dims, bool by_rows) {
      if (by_rows) dims[0] = rows;
      return dims;
    };
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const ValueInfo& info = program_.info(inputs_[i]);
      from_input.push_back(body.NewValue(info.dtype, resized(info.dims, tiling_->by_rows[i])));
      body.nodes.push_back({compile::Input{static_cast<int>(i)}, {}, {from_input.back()}, ""});
    }
    body.num_inputs = static_cast<int>(inputs_.size());
    for (int i : nodes_) {
      const Node& node = NodeAt(i);
      Node copy{node.prim, {}, {}, node.origin};
      for (size_t k = 0; k < node.inputs.size(); ++k) {
        const Value v = node.inputs[k];
        copy.inputs.push_back(Inside(v) ? to[static_cast<size_t>(v.id)]
                                        : from_input[Input(v, ReadsRows(node, k))]);
      }
      const Value out = node.outputs[0];
      const ValueInfo& info = program_.info(out);
      const bool by_rows = !found_.sums[static_cast<size_t>(i)];
      to[static_cast<size_t>(out.id)] = body.NewValue(info.dtype, resized(info.dims, by_rows));
      copy.outputs = {to[static_cast<size_t>(out.id)]};
      body.nodes.push_back(std::move(copy));
    }
    for (Value v : outputs_) body.outputs.push_back(to[static_cast<size_t>(v.id)]);
    return body;
  }

  // The oracle: tiles one after another.
  static void InterpretTiles(const Tiling& tiling, const std::vector<Array>& in,
                             std::vector<Array>& out) {
    for (int64_t row = 0; row < tiling.rows; row += tiling.tile) {
      const int64_t rows = std::min(tiling.tile, tiling.rows - row);
      std::vector<Array> inputs;
      for (size_t i = 0; i < in.size(); ++i) {
        inputs.push_back(tiling.by_rows[i] ? RowsOf(in[i], row, rows) : in[i]);
      }
      const std::vector<Array> results =
          Interpret(rows == tiling.tile ? tiling.body : tiling.rest, inputs);
      for (size_t i = 0; i < out.size(); ++i) {
        const Tiling::Result& how = tiling.results[i];
        if (how.sum && row > 0) {
          const ScalarOp op = how.op == ReduceOp::kSum   ? ScalarOp::kAdd
                              : how.op == ReduceOp::kMax ? ScalarOp::kMaximum
                                                         : ScalarOp::kMinimum;
          out[i] = EvaluateMap(op, {out[i], results[i]});
        } else if (how.sum) {
          out[i] = results[i];
        } else {
          const int64_t first = out[i].size() / tiling.rows * row;
          for (int64_t k = 0; k < results[i].size(); ++k) {
            CopyElement(out[i], first + k, results[i], k);
          }
        }
      }
    }
  }

  static Array RowsOf(const Array& x, int64_t row, int64_t rows) {
    Dims dims = x.dims(), strides = RowMajorStrides(x.dims());
    const int64_t offset = row * strides[0];
    dims[0] = rows;
    return EvaluateStrided(x, dims, offset, strides);
  }

  const Program& program_;
  const TileRegions& found_;
  const std::vector<int>& nodes_;
  std::vector<bool> inside_;  // by value
  std::shared_ptr<Tiling> tiling_;
  std::vector<Value> inputs_, outputs_;
};

}  // namespace

Program Tile(Program program) {
  const TileRegions found = FindTileRegions(program);
  if (found.rows == 0) return program;
  std::vector<int> part_of(program.values.size(), -1);
  for (size_t p = 0; p < found.parts.size(); ++p) {
    for (int i : found.parts[p].nodes) {
      for (Value v : program.nodes[static_cast<size_t>(i)].outputs) {
        part_of[static_cast<size_t>(v.id)] = static_cast<int>(p);
      }
    }
  }
  std::vector<bool> read_outside(program.values.size());
  for (size_t p = 0; p < found.parts.size(); ++p) {
    for (int i : found.parts[p].nodes) {
      for (Value v : program.nodes[static_cast<size_t>(i)].inputs) {
        const size_t id = static_cast<size_t>(v.id);
        if (part_of[id] != static_cast<int>(p)) read_outside[id] = true;
      }
    }
  }
  for (Value v : program.outputs) read_outside[static_cast<size_t>(v.id)] = true;
  std::vector<Node> nodes;
  for (const TileRegions::Part& part : found.parts) {
    Node node;
    if (part.region && Region(program, found, part.nodes).Build(read_outside, &node)) {
      nodes.push_back(std::move(node));
      continue;
    }
    for (int i : part.nodes) nodes.push_back(program.nodes[static_cast<size_t>(i)]);
  }
  program.nodes = std::move(nodes);
  return Prune(std::move(program));
}

}  // namespace wengert::compile
