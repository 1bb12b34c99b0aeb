// Fuse: element-wise nodes with the views they read and the reductions behind them become
// Fused nodes.
#include <algorithm>
#include <utility>

#include "compile/fuse_groups.h"
#include "compile/program_builder.h"
#include "compile/reference.h"
#include "compile/tile.h"

namespace wengert::compile {

namespace {

// Joins neighbouring axes that every operand walks as one and every reduction treats alike.
void CollapseAxes(Fused& fused) {
  const size_t rank = fused.space.size();
  if (rank < 2) return;
  std::vector<std::vector<bool>> reduced;
  for (const FusedOutput& out : fused.outputs) {
    if (!out.reduce) continue;
    reduced.emplace_back(rank);
    for (int axis : out.axes) reduced.back()[static_cast<size_t>(axis)] = true;
  }
  std::vector<int> to(rank, 0);  // new number of each axis
  Dims space{fused.space[0]};
  for (size_t i = 1; i < rank; ++i) {
    bool join = true;
    for (const Access& a : fused.operands) {
      join = join && a.strides[i - 1] == a.strides[i] * fused.space[i];
    }
    for (const std::vector<bool>& r : reduced) join = join && r[i - 1] == r[i];
    if (join) {
      space.back() *= fused.space[i];
    } else {
      space.push_back(fused.space[i]);
    }
    to[i] = static_cast<int>(space.size()) - 1;
  }
  for (Access& a : fused.operands) {
    Dims strides(space.size());
    for (size_t i = 0; i < rank; ++i) strides[static_cast<size_t>(to[i])] = a.strides[i];
    a.strides = std::move(strides);
  }
  for (FusedOutput& out : fused.outputs) {
    std::vector<int> axes;
    for (int axis : out.axes) {
      const int now = to[static_cast<size_t>(axis)];
      if (axes.empty() || axes.back() != now) axes.push_back(now);
    }
    out.axes = std::move(axes);
  }
  fused.space = std::move(space);
}

bool Divides(const Node& node) {
  const auto* map = std::get_if<Map>(&node.prim);
  return map && (map->op == ScalarOp::kDiv || map->op == ScalarOp::kFloorDiv ||
                 map->op == ScalarOp::kFloorMod || map->op == ScalarOp::kTruncMod);
}

class Fuser {
 public:
  Fuser(Program& program, Grouping& g)
      : program_(program), g_(g), register_(program.values.size(), -1) {}

  Node Build(int unit_index) {
    unit_index_ = unit_index;
    Unit& unit = g_.units[static_cast<size_t>(unit_index)];
    Node result;
    Fused fused;
    fused.space = g_.Space(program_, NodeAt(unit.members[0]));
    fused.operands = std::move(unit.operands);
    for (const Access& a : fused.operands) result.inputs.push_back(a.value);
    std::vector<int> reductions;
    for (int member : unit.members) {
      const Node& node = NodeAt(member);
      if (result.origin.name.empty() || Divides(node)) result.origin = node.origin;
      if (std::holds_alternative<Reduce>(node.prim)) {
        reductions.push_back(member);
      } else {
        AddInstr(fused, node);
      }
    }
    for (int member : unit.members) {
      const Node& node = NodeAt(member);
      const Value v = node.outputs[0];
      if (std::holds_alternative<Reduce>(node.prim)) continue;
      if (!g_.stored[static_cast<size_t>(v.id)]) continue;
      fused.outputs.push_back({register_[static_cast<size_t>(v.id)], false, ReduceOp::kSum, {}});
      result.outputs.push_back(v);
    }
    for (int member : reductions) {
      const Node& node = NodeAt(member);
      fused.outputs.push_back(Reduction(fused, node));
      result.outputs.push_back(node.outputs[0]);
    }
    CollapseAxes(fused);
    result.prim = std::move(fused);
    return result;
  }

 private:
  const Node& NodeAt(int i) const { return program_.nodes[static_cast<size_t>(i)]; }

  // The register that holds what a member reads as `u`.
  int Register(const Fused& fused, Value u) const {
    const View& view = g_.views[static_cast<size_t>(u.id)];
    const int source = g_.def[static_cast<size_t>(view.base.id)];
    if (g_.unit[static_cast<size_t>(source)] == unit_index_ &&
        g_.aligned[static_cast<size_t>(u.id)]) {
      return register_[static_cast<size_t>(view.base.id)];
    }
    const Dims strides = DropOnes(program_.info(u).dims, view.strides);
    for (size_t i = 0; i < fused.operands.size(); ++i) {
      const Access& a = fused.operands[i];
      if (a.value == view.base && a.offset == view.offset && a.strides == strides) {
        return static_cast<int>(i);
      }
    }
    throw Error(ErrorKind::kInternal, "fusion lost an operand");
  }

  void AddInstr(Fused& fused, const Node& node) {
    FusedInstr instr;
    const auto* map = std::get_if<Map>(&node.prim);
    instr.is_cast = !map;
    if (map) instr.op = map->op;
    instr.dtype = program_.info(node.inputs.back()).dtype;
    instr.result = program_.info(node.outputs[0]).dtype;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      instr.args[i] = Register(fused, node.inputs[i]);
    }
    register_[static_cast<size_t>(node.outputs[0].id)] =
        static_cast<int>(fused.operands.size() + fused.instrs.size());
    fused.instrs.push_back(instr);
  }

  FusedOutput Reduction(const Fused& fused, const Node& node) const {
    const Reduce& reduce = std::get<Reduce>(node.prim);
    const Dims& dims = program_.info(node.inputs[0]).dims;
    FusedOutput out;
    out.reg = Register(fused, node.inputs[0]);
    out.op = reduce.op;
    int axis = 0;
    for (size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] == 1) continue;
      if (std::find(reduce.axes.begin(), reduce.axes.end(), static_cast<int>(i)) !=
          reduce.axes.end()) {
        out.axes.push_back(axis);
      }
      ++axis;
    }
    out.reduce = !out.axes.empty();
    return out;
  }

  Program& program_;
  Grouping& g_;
  std::vector<int> register_;  // by value
  int unit_index_ = -1;
};

// The node with what a region of it runs fused.
Node FuseTiles(const Node& node) {
  Node result = node;
  auto* kernel = std::get_if<CustomKernel>(&result.prim);
  if (kernel != nullptr && kernel->tiling != nullptr) {
    Tiling tiling = *kernel->tiling;
    tiling.body = Fuse(std::move(tiling.body));
    tiling.rest = Fuse(std::move(tiling.rest));
    kernel->tiling = std::make_shared<Tiling>(std::move(tiling));
  }
  return result;
}

}  // namespace

Program Fuse(Program program) {
  program = Prune(std::move(program));
  Grouping g = FindGroups(program);
  Fuser fuser(program, g);
  std::vector<Node> nodes;
  nodes.reserve(g.order.size());
  for (int u : g.order) {
    const std::vector<int>& members = g.units[static_cast<size_t>(u)].members;
    Node& first = program.nodes[static_cast<size_t>(members[0])];
    const NodeKind kind = g.kinds[static_cast<size_t>(members[0])];
    // A reduction by itself of a whole value is a primitive.
    const bool lone_reduction =
        members.size() == 1 && kind == NodeKind::kReduce &&
        g.views[static_cast<size_t>(first.inputs[0].id)].base == first.inputs[0];
    const bool fused = kind == NodeKind::kElementWise || kind == NodeKind::kReduce;
    if (fused && !lone_reduction) {
      nodes.push_back(fuser.Build(u));
    } else {
      nodes.push_back(FuseTiles(first));
    }
  }
  program.nodes = std::move(nodes);
  return Prune(std::move(program));
}

}  // namespace wengert::compile
