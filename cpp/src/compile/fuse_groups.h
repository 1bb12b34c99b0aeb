// Groups: which nodes are computed together in one fused node.
#pragma once

#include <vector>

#include "compile/fuse_views.h"
#include "compile/program.h"

namespace wengert::compile {

inline constexpr size_t kMaxFusedOperands = 24;
inline constexpr size_t kMaxFusedInstrs = 128;

enum class NodeKind : uint8_t {
  kElementWise,  // Map, CastTo
  kReduce,
  kView,   // read through by fused nodes
  kOther,  // a node of its own
};

// A step of the result: a fused group, or one other node.
struct Unit {
  std::vector<int> members;      // node indices, ascending
  std::vector<Access> operands;  // over the group's space, axes of length 1 left out
};

struct Grouping {
  std::vector<NodeKind> kinds;  // by node
  std::vector<View> views;      // by value
  std::vector<int> def;         // by value: its node
  std::vector<int> unit;        // by node; -1: nobody needs it
  std::vector<Unit> units;
  std::vector<int> order;    // of the units
  std::vector<bool> stored;  // by value: read outside of its unit
  // By value: its elements are those of its view's base in their order, and its dims are the
  // base's but for axes of length 1.
  std::vector<bool> aligned;

  // The iteration space of a group that `node` is in.
  static Dims Space(const Program& program, const Node& node);
};

Grouping FindGroups(const Program& program);

}  // namespace wengert::compile
