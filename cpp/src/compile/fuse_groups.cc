// Grouping is greedy over levels. The level of a node is at least that of an element-wise
// input of the same space, and above that of every other input; so groups made of nodes of one
// level and space, joined by what they read, never depend on each other in a circle.
#include "compile/fuse_groups.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <string>
#include <unordered_map>

#include "compile/program_builder.h"
#include "compile/reference.h"

namespace wengert::compile {

namespace {

// Groups of spaces this small are joined whether or not they share operands: a step costs
// more than its elements.
constexpr int64_t kTinySpace = 256;

bool IsAligned(const Program& program, Value u, const View& view) {
  if (view.offset != 0) return false;
  if (view.base == u) return true;
  const Dims& dims = program.info(u).dims;
  const Dims space = DropOnes(dims);
  return space == DropOnes(program.info(view.base).dims) &&
         DropOnes(dims, view.strides) == RowMajorStrides(space);
}

class Grouper {
 public:
  Grouper(const Program& program, Grouping& g) : program_(program), g_(g) {}

  void Run() {
    Classify();
    FindLevels();
    Sink();
    Join();
    Split();
    OrderUnits();
  }

 private:
  const std::vector<Node>& nodes() const { return program_.nodes; }
  bool Fusible(size_t n) const {
    return g_.kinds[n] == NodeKind::kElementWise || g_.kinds[n] == NodeKind::kReduce;
  }
  // The node that a reader of kind `fusible` waits for when it reads `u`.
  int Source(bool fusible, Value u) const {
    const Value v = fusible ? g_.views[static_cast<size_t>(u.id)].base : u;
    return g_.def[static_cast<size_t>(v.id)];
  }
  // Reader `n` can use `u` in a register when both are in one group.
  bool Joins(size_t n, Value u) const {
    if (!Fusible(n) || !g_.aligned[static_cast<size_t>(u.id)]) return false;
    const int source = Source(true, u);
    return g_.kinds[static_cast<size_t>(source)] == NodeKind::kElementWise;
  }
  int Find(int n) {
    while (parent_[static_cast<size_t>(n)] != n) {
      int& up = parent_[static_cast<size_t>(n)];
      up = parent_[static_cast<size_t>(up)];
      n = up;
    }
    return n;
  }
  void Unite(int a, int b) {
    a = Find(a);
    b = Find(b);
    if (a != b) parent_[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
  }

  void Classify();
  void FindLevels();
  void Sink();
  void Join();
  void Split();
  void OrderUnits();
  size_t AddOperands(const Unit& unit, int unit_index, size_t n, std::vector<Access>* added) const;

  const Program& program_;
  Grouping& g_;
  std::vector<bool> needed_;  // by node
  std::vector<int> level_, space_, parent_;
};

void Grouper::Classify() {
  const size_t n = nodes().size();
  g_.views = FindViews(program_);
  g_.def.assign(program_.values.size(), -1);
  g_.kinds.resize(n);
  g_.stored.assign(program_.values.size(), false);
  g_.aligned.resize(program_.values.size());
  space_.assign(n, -1);
  std::unordered_map<std::string, int> spaces;
  for (size_t i = 0; i < n; ++i) {
    const Node& node = nodes()[i];
    for (Value v : node.outputs) g_.def[static_cast<size_t>(v.id)] = static_cast<int>(i);
    NodeKind kind = NodeKind::kOther;
    const bool map =
        std::holds_alternative<Map>(node.prim) || std::holds_alternative<CastTo>(node.prim);
    const bool reduce = std::holds_alternative<Reduce>(node.prim);
    if (map || reduce) {
      if (NumElements(program_.info(node.inputs[0]).dims) > 0) {
        kind = map ? NodeKind::kElementWise : NodeKind::kReduce;
      }
    } else if (IsView(node)) {
      const Value v = node.outputs[0];
      if (g_.views[static_cast<size_t>(v.id)].base != v) kind = NodeKind::kView;
    }
    g_.kinds[i] = kind;
    for (Value v : node.outputs) {
      const size_t id = static_cast<size_t>(v.id);
      g_.aligned[id] = IsAligned(program_, v, g_.views[id]);
    }
    if (!Fusible(i)) continue;
    const Dims space = g_.Space(program_, node);
    const std::string key(reinterpret_cast<const char*>(space.data()),
                          space.size() * sizeof(int64_t));
    space_[i] = spaces.emplace(key, static_cast<int>(spaces.size())).first->second;
  }
  // Views that only groups read are never made.
  needed_.assign(n, false);
  auto need = [&](bool fusible, Value u) {
    needed_[static_cast<size_t>(Source(fusible, u))] = true;
  };
  for (Value v : program_.outputs) need(false, v);
  for (size_t i = n; i-- > 0;) {
    if (!needed_[i] && !HasEffect(nodes()[i])) continue;
    needed_[i] = true;
    for (Value u : nodes()[i].inputs) need(Fusible(i), u);
  }
}

void Grouper::FindLevels() {
  level_.assign(nodes().size(), -1);
  int last_effect = -1;
  for (size_t i = 0; i < nodes().size(); ++i) {
    const Node& node = nodes()[i];
    int level = node.inputs.empty() ? -1 : 0;
    for (Value u : node.inputs) {
      const int source = level_[static_cast<size_t>(Source(Fusible(i), u))];
      level = std::max(level, Joins(i, u) ? source : source + 1);
    }
    if (HasEffect(node)) {
      level = std::max(level, last_effect + 1);
      last_effect = level;
    }
    level_[i] = level;
  }
}

// Moves element-wise nodes up to the level of their readers, where that saves storing them.
void Grouper::Sink() {
  const size_t n = nodes().size();
  constexpr int kNone = 1 << 30;
  std::vector<int> lowest(n, kNone), highest(n, -1), readers(n, 0);
  std::vector<bool> kept(n, false);  // stored whatever happens here
  for (size_t i = 0; i < n; ++i) {
    if (!needed_[i]) continue;
    for (Value u : nodes()[i].inputs) {
      const size_t source = static_cast<size_t>(Source(Fusible(i), u));
      ++readers[source];
      if (!Joins(i, u)) kept[source] = true;
    }
  }
  std::vector<bool> joined(n, true);  // by all its readers
  for (Value v : program_.outputs) joined[static_cast<size_t>(Source(false, v))] = false;
  for (size_t i = n; i-- > 0;) {
    if (!needed_[i]) continue;
    const Node& node = nodes()[i];
    bool move = g_.kinds[i] == NodeKind::kElementWise && joined[i] && lowest[i] == highest[i] &&
                lowest[i] > level_[i];
    for (Value u : node.inputs) {
      const size_t source = static_cast<size_t>(Source(Fusible(i), u));
      // Its own operands would have to be stored in its place.
      if (Joins(i, u) && level_[source] == level_[i] && readers[source] > 1 && !kept[source]) {
        move = false;
      }
    }
    if (move) level_[i] = lowest[i];
    for (Value u : node.inputs) {
      const size_t source = static_cast<size_t>(Source(Fusible(i), u));
      if (!Joins(i, u)) joined[source] = false;
      lowest[source] = std::min(lowest[source], level_[i]);
      highest[source] = std::max(highest[source], level_[i]);
    }
  }
}

void Grouper::Join() {
  const size_t n = nodes().size();
  parent_.resize(n);
  std::iota(parent_.begin(), parent_.end(), 0);
  struct Key {
    int level, space, base;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& k) const {
      return (static_cast<size_t>(k.level) * 1000003 + static_cast<size_t>(k.space)) * 1000003 +
             static_cast<size_t>(k.base + 1);
    }
  };
  std::unordered_map<Key, int, Hash> first;
  for (size_t i = 0; i < n; ++i) {
    if (!needed_[i] || !Fusible(i)) continue;
    const int self = static_cast<int>(i);
    auto share = [&](int base) {
      const auto [it, added] = first.emplace(Key{level_[i], space_[i], base}, self);
      if (!added) Unite(self, it->second);
    };
    for (Value u : nodes()[i].inputs) {
      const int source = Source(true, u);
      if (Joins(i, u) && level_[static_cast<size_t>(source)] == level_[i]) {
        Unite(self, source);
      } else {
        const Value base = g_.views[static_cast<size_t>(u.id)].base;
        if (NumElements(program_.info(base).dims) > 1) share(base.id);
      }
    }
    if (NumElements(program_.info(nodes()[i].inputs[0]).dims) <= kTinySpace) share(-1);
  }
}

// The operands that node `n` would add to the unit.
size_t Grouper::AddOperands(const Unit& unit, int unit_index, size_t n,
                            std::vector<Access>* added) const {
  added->clear();
  for (Value u : nodes()[n].inputs) {
    const View& view = g_.views[static_cast<size_t>(u.id)];
    const int source = g_.def[static_cast<size_t>(view.base.id)];
    if (Joins(n, u) && g_.unit[static_cast<size_t>(source)] == unit_index) continue;
    Access access{view.base, view.offset, DropOnes(program_.info(u).dims, view.strides)};
    auto same = [&access](const Access& a) {
      return a.value == access.value && a.offset == access.offset && a.strides == access.strides;
    };
    if (std::any_of(unit.operands.begin(), unit.operands.end(), same) ||
        std::any_of(added->begin(), added->end(), same)) {
      continue;
    }
    added->push_back(std::move(access));
  }
  return added->size();
}

// Components become units; one that is too large is cut along the order of its nodes.
void Grouper::Split() {
  const size_t n = nodes().size();
  g_.unit.assign(n, -1);
  std::vector<int> open(n, -1);  // by component
  std::vector<Access> added;
  for (size_t i = 0; i < n; ++i) {
    if (!needed_[i]) continue;
    if (!Fusible(i)) {
      g_.unit[i] = static_cast<int>(g_.units.size());
      g_.units.push_back({{static_cast<int>(i)}, {}});
      continue;
    }
    int& at = open[static_cast<size_t>(Find(static_cast<int>(i)))];
    if (at >= 0) {
      const Unit& unit = g_.units[static_cast<size_t>(at)];
      const size_t more = AddOperands(unit, at, i, &added);
      if (unit.operands.size() + more > kMaxFusedOperands ||
          unit.members.size() + 1 > kMaxFusedInstrs) {
        at = -1;
      }
    }
    if (at < 0) {
      at = static_cast<int>(g_.units.size());
      g_.units.push_back({});
      AddOperands(g_.units.back(), at, i, &added);
    }
    Unit& unit = g_.units[static_cast<size_t>(at)];
    for (Access& a : added) unit.operands.push_back(std::move(a));
    unit.members.push_back(static_cast<int>(i));
    g_.unit[i] = at;
  }
  for (size_t i = 0; i < n; ++i) {
    if (!needed_[i]) continue;
    for (Value u : nodes()[i].inputs) {
      const Value base = Fusible(i) ? g_.views[static_cast<size_t>(u.id)].base : u;
      const int source = g_.def[static_cast<size_t>(base.id)];
      const bool in_register = Joins(i, u) && g_.unit[static_cast<size_t>(source)] == g_.unit[i];
      if (!in_register) g_.stored[static_cast<size_t>(base.id)] = true;
    }
  }
  for (Value v : program_.outputs) g_.stored[static_cast<size_t>(v.id)] = true;
}

// Topological, near the order of the nodes; effects stay in their order.
void Grouper::OrderUnits() {
  const size_t n = g_.units.size();
  std::vector<std::vector<int>> readers(n);
  std::vector<int> missing(n, 0), seen(n, -1);
  int last_effect = -1;
  for (size_t u = 0; u < n; ++u) {
    auto wait_for = [&](int other) {
      if (other == static_cast<int>(u) || seen[static_cast<size_t>(other)] == static_cast<int>(u)) {
        return;
      }
      seen[static_cast<size_t>(other)] = static_cast<int>(u);
      readers[static_cast<size_t>(other)].push_back(static_cast<int>(u));
      ++missing[u];
    };
    for (int member : g_.units[u].members) {
      const size_t i = static_cast<size_t>(member);
      for (Value v : nodes()[i].inputs) {
        wait_for(g_.unit[static_cast<size_t>(Source(Fusible(i), v))]);
      }
      if (HasEffect(nodes()[i])) {
        if (last_effect >= 0) wait_for(last_effect);
        last_effect = static_cast<int>(u);
      }
    }
  }
  auto later = [this](int a, int b) {
    return g_.units[static_cast<size_t>(a)].members.back() >
           g_.units[static_cast<size_t>(b)].members.back();
  };
  std::priority_queue<int, std::vector<int>, decltype(later)> ready(later);
  for (size_t u = 0; u < n; ++u) {
    if (missing[u] == 0) ready.push(static_cast<int>(u));
  }
  while (!ready.empty()) {
    const int u = ready.top();
    ready.pop();
    g_.order.push_back(u);
    for (int reader : readers[static_cast<size_t>(u)]) {
      if (--missing[static_cast<size_t>(reader)] == 0) ready.push(reader);
    }
  }
  if (g_.order.size() != n) throw Error(ErrorKind::kInternal, "fusion made a cycle");
}

}  // namespace

Dims Grouping::Space(const Program& program, const Node& node) {
  return DropOnes(program.info(node.inputs[0]).dims);
}

Grouping FindGroups(const Program& program) {
  Grouping g;
  Grouper(program, g).Run();
  return g;
}

}  // namespace wengert::compile
