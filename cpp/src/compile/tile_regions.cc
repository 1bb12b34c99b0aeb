// Which nodes form regions. Nodes are put into phases: the nodes of phase p outside of regions
// come first, then region p, whose sums and rows the nodes of later phases read.
#include <algorithm>
#include <unordered_map>

#include "compile/program_builder.h"
#include "compile/tile.h"

namespace wengert::compile {

namespace {

// Whole operands of products, and sums, that stay in the first-level cache beside a tile.
constexpr int64_t kMaxWholeBytes = 64 * 1024;
// A region must spare this much traffic to be worth its overhead.
constexpr int64_t kMinRegionBytes = 1 << 20;
constexpr int64_t kMinRows = 128;
constexpr int kMinProducts = 2;

enum class Role : uint8_t { kOutside, kRows, kSum };
enum class Use : uint8_t { kWhole, kRows, kTerm };

class RegionFinder {
 public:
  RegionFinder(const Program& program, int64_t rows) : program_(program), rows_(rows) {
    def_.assign(program.values.size(), -1);
    for (size_t i = 0; i < program.nodes.size(); ++i) {
      for (Value v : program.nodes[i].outputs)
        def_[static_cast<size_t>(v.id)] = static_cast<int>(i);
    }
  }

  TileRegions Run() {
    const size_t n = program_.nodes.size();
    role_.assign(n, Role::kOutside);
    phase_.assign(n, 0);
    int last_effect = 0;
    for (size_t i = 0; i < n; ++i) {
      const Node& node = program_.nodes[i];
      uses_.assign(node.inputs.size(), Use::kWhole);
      role_[i] = Classify(node);
      if (role_[i] == Role::kOutside) uses_.assign(node.inputs.size(), Use::kWhole);
      for (size_t k = 0; k < node.inputs.size(); ++k) {
        phase_[i] = std::max(phase_[i], Available(node.inputs[k], uses_[k]));
      }
      if (HasEffect(node)) phase_[i] = last_effect = std::max(phase_[i], last_effect);
    }
    return Parts();
  }

 private:
  const Dims& DimsOf(Value v) const { return program_.info(v).dims; }
  bool HasRows(Value v) const {
    const Dims& dims = DimsOf(v);
    return !dims.empty() && dims[0] == rows_;
  }
  int64_t Bytes(Value v) const {
    const ValueInfo& info = program_.info(v);
    return NumElements(info.dims) * static_cast<int64_t>(SizeOf(info.dtype));
  }

  int Available(Value v, Use use) const {
    const size_t def = static_cast<size_t>(def_[static_cast<size_t>(v.id)]);
    if (use == Use::kTerm) return phase_[def];
    const bool later =
        role_[def] == Role::kSum || (role_[def] == Role::kRows && use == Use::kWhole);
    return phase_[def] + (later ? 1 : 0);
  }

  // The role of a node, were its inputs used as `uses_` then says.
  Role Classify(const Node& node) {
    if (node.outputs.size() != 1) return Role::kOutside;
    for (Value v : node.inputs) {
      if (!IsPlainData(program_.info(v).dtype)) return Role::kOutside;
    }
    const Value out = node.outputs[0];
    if (!IsPlainData(program_.info(out).dtype) || NumElements(DimsOf(out)) == 0) {
      return Role::kOutside;
    }
    if (const auto* map = std::get_if<Map>(&node.prim)) {
      if (AddsSums(node, *map)) {
        uses_.assign(node.inputs.size(), Use::kTerm);
        return Role::kSum;
      }
      return Divides(node, *map) ? Role::kOutside : AllRows(node);
    }
    if (std::holds_alternative<CastTo>(node.prim)) return AllRows(node);
    if (const auto* reduce = std::get_if<Reduce>(&node.prim)) return ClassifyReduce(node, *reduce);
    if (const auto* matmul = std::get_if<MatMul>(&node.prim)) return ClassifyMatMul(node, *matmul);
    if (std::holds_alternative<Reshape>(node.prim)) return AllRows(node);
    if (const auto* t = std::get_if<Transpose>(&node.prim)) {
      return !t->perm.empty() && t->perm[0] == 0 ? AllRows(node) : Role::kOutside;
    }
    if (const auto* s = std::get_if<Slice>(&node.prim)) {
      return !s->begin.empty() && s->begin[0] == 0 && s->strides[0] == 1 ? AllRows(node)
                                                                         : Role::kOutside;
    }
    if (const auto* concat = std::get_if<Concat>(&node.prim)) {
      return concat->axis > 0 ? AllRows(node) : Role::kOutside;
    }
    if (const auto* pad = std::get_if<Pad>(&node.prim)) {
      const bool inside = !pad->low.empty() && pad->low[0] == 0 && pad->high[0] == 0;
      if (!inside || !HasRows(node.inputs[0]) || !HasRows(out)) return Role::kOutside;
      uses_[0] = Use::kRows;
      return Role::kRows;
    }
    if (const auto* gather = std::get_if<Gather>(&node.prim)) {
      if (gather->batch_dims > 0) return AllRows(node);
      if (gather->axis != 0 || !HasRows(node.inputs[1])) return Role::kOutside;
      uses_[1] = Use::kRows;
      return Role::kRows;
    }
    if (std::holds_alternative<Broadcast>(node.prim)) {
      if (!HasRows(out)) return Role::kOutside;
      const Value in = node.inputs[0];
      if (DimsOf(in).size() == DimsOf(out).size() && HasRows(in)) uses_[0] = Use::kRows;
      return Role::kRows;
    }
    return Role::kOutside;
  }

  // The sum over all rows of a + b, given those of a and b: one result instead of two.
  bool AddsSums(const Node& node, const Map& map) const {
    if (map.op != ScalarOp::kAdd) return false;
    int phase = -1;
    for (Value v : node.inputs) {
      const size_t def = static_cast<size_t>(def_[static_cast<size_t>(v.id)]);
      const auto* reduce = std::get_if<Reduce>(&program_.nodes[def].prim);
      if (role_[def] != Role::kSum || (reduce && reduce->op != ReduceOp::kSum) ||
          (phase >= 0 && phase != phase_[def])) {
        return false;
      }
      phase = phase_[def];
    }
    return true;
  }

  // Integer division may fail, and then tells which elements did.
  bool Divides(const Node& node, const Map& map) const {
    return IsInteger(program_.info(node.inputs.back()).dtype) &&
           (map.op == ScalarOp::kDiv || map.op == ScalarOp::kFloorDiv ||
            map.op == ScalarOp::kFloorMod || map.op == ScalarOp::kTruncMod);
  }

  Role AllRows(const Node& node) {
    if (!HasRows(node.outputs[0])) return Role::kOutside;
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      if (!HasRows(node.inputs[k])) return Role::kOutside;
      uses_[k] = Use::kRows;
    }
    return Role::kRows;
  }

  Role ClassifyReduce(const Node& node, const Reduce& reduce) {
    if (!HasRows(node.inputs[0])) return Role::kOutside;
    uses_[0] = Use::kRows;
    const bool over_rows =
        std::find(reduce.axes.begin(), reduce.axes.end(), 0) != reduce.axes.end();
    if (!over_rows) return Role::kRows;
    const DType dtype = program_.info(node.outputs[0]).dtype;
    const bool adds =
        reduce.op == ReduceOp::kSum || reduce.op == ReduceOp::kMax || reduce.op == ReduceOp::kMin;
    return adds && IsSummed(dtype) && Bytes(node.outputs[0]) <= kMaxWholeBytes ? Role::kSum
                                                                               : Role::kOutside;
  }

  // float16 and bfloat16 sums are rounded once, which partial sums would not be.
  static bool IsSummed(DType dtype) {
    return (IsFloating(dtype) || IsInteger(dtype)) && !IsHalf(dtype);
  }

  Role ClassifyMatMul(const Node& node, const MatMul& matmul) {
    const Value a = node.inputs[0], b = node.inputs[1], out = node.outputs[0];
    const size_t rank_a = DimsOf(a).size(), rank_b = DimsOf(b).size(), rank = DimsOf(out).size();
    if (rank_a == 2 && rank_b == 2) {
      if (matmul.transpose_a && !matmul.transpose_b && HasRows(a) && HasRows(b)) {
        if (!IsSummed(program_.info(out).dtype) || Bytes(out) > kMaxWholeBytes) {
          return Role::kOutside;
        }
        uses_[0] = uses_[1] = Use::kRows;
        return Role::kSum;
      }
      if (matmul.transpose_a || !HasRows(a) || Bytes(b) > kMaxWholeBytes) return Role::kOutside;
      uses_[0] = Use::kRows;
      return Role::kRows;
    }
    if (rank < 3 || rank_a != rank || !HasRows(a) || !HasRows(out)) return Role::kOutside;
    uses_[0] = Use::kRows;
    if (rank_b == rank && HasRows(b)) {
      uses_[1] = Use::kRows;
      return Role::kRows;
    }
    const bool shared = rank_b < rank || DimsOf(b)[0] == 1;
    return shared && Bytes(b) <= kMaxWholeBytes ? Role::kRows : Role::kOutside;
  }

  TileRegions Parts() const {
    const int phases = *std::max_element(phase_.begin(), phase_.end()) + 1;
    std::vector<TileRegions::Part> outside(static_cast<size_t>(phases)), regions = outside;
    TileRegions::Part last;  // assignments come at the end
    for (size_t i = 0; i < program_.nodes.size(); ++i) {
      const size_t phase = static_cast<size_t>(phase_[i]);
      const bool assigns = std::holds_alternative<AssignVariable>(program_.nodes[i].prim);
      auto& part = assigns ? last : role_[i] == Role::kOutside ? outside[phase] : regions[phase];
      part.nodes.push_back(static_cast<int>(i));
    }
    TileRegions result;
    result.sums.resize(program_.nodes.size());
    for (size_t i = 0; i < role_.size(); ++i) result.sums[i] = role_[i] == Role::kSum;
    for (size_t p = 0; p < outside.size(); ++p) {
      result.parts.push_back(std::move(outside[p]));
      regions[p].region = Worthwhile(regions[p].nodes);
      if (regions[p].region) result.rows = rows_;
      result.parts.push_back(std::move(regions[p]));
    }
    result.parts.push_back(std::move(last));
    return result;
  }

  bool Worthwhile(const std::vector<int>& nodes) const {
    int64_t bytes = 0;
    int products = 0;  // and look-ups
    for (int i : nodes) {
      const Node& node = program_.nodes[static_cast<size_t>(i)];
      if (std::holds_alternative<MatMul>(node.prim) || std::holds_alternative<Gather>(node.prim)) {
        ++products;
      }
      const bool view = std::holds_alternative<Reshape>(node.prim) ||
                        std::holds_alternative<Broadcast>(node.prim);
      if (role_[static_cast<size_t>(i)] == Role::kRows && !view) bytes += Bytes(node.outputs[0]);
    }
    return products >= kMinProducts && bytes >= kMinRegionBytes;
  }

  const Program& program_;
  const int64_t rows_;
  std::vector<int> def_;  // by value
  std::vector<Role> role_;
  std::vector<int> phase_;
  std::vector<Use> uses_;  // of the inputs of the node at hand
};

template <class P>
int64_t CommonRows(const Program& program) {
  std::unordered_map<int64_t, int64_t> elements;
  int64_t rows = 0;
  for (const Node& node : program.nodes) {
    if (!std::holds_alternative<P>(node.prim)) continue;
    const Dims& dims = program.info(node.outputs[0]).dims;
    if (dims.empty() || dims[0] < kMinRows) continue;
    elements[dims[0]] += NumElements(dims);
    if (rows == 0 || elements[dims[0]] > elements[rows]) rows = dims[0];
  }
  return rows;
}

}  // namespace

TileRegions FindTileRegions(const Program& program) {
  // The batch: the first extent that most of the results of products have, or of look-ups where
  // there are no products.
  int64_t rows = CommonRows<MatMul>(program);
  if (rows == 0) rows = CommonRows<Gather>(program);
  if (rows == 0) return {};
  return RegionFinder(program, rows).Run();
}

}  // namespace wengert::compile
