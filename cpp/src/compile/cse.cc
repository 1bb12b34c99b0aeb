// EliminateCommonSubexpressions: nodes of the same primitive over the same values are one.
#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "compile/node_identity.h"
#include "compile/program_builder.h"

namespace wengert::compile {

namespace {

// Larger constants are the same only when they share memory.
constexpr size_t kMaxComparedBytes = 65536;

// A node's identity in bytes, appended field by field.
class Key {
 public:
  void Add(int64_t x) { bytes_.append(reinterpret_cast<const char*>(&x), sizeof x); }
  void Add(const Dims& dims) {
    Add(static_cast<int64_t>(dims.size()));
    for (int64_t d : dims) Add(d);
  }
  void Add(const std::vector<int>& list) {
    Add(static_cast<int64_t>(list.size()));
    for (int i : list) Add(int64_t{i});
  }
  void Add(std::string_view text) {
    Add(static_cast<int64_t>(text.size()));
    bytes_.append(text);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// False when nodes of this kind are never the same. Inputs and output types are added by the
// caller.
struct AddFields {
  Key& key;
  bool operator()(const Input& p) const { return Field(p.index); }
  bool operator()(const Const& p) const {
    if (!IsPlainData(p.value.dtype())) return false;
    if (p.value.bytes() <= kMaxComparedBytes) {
      key.Add(std::string_view(p.value.data<char>(), p.value.bytes()));
    } else {
      key.Add(static_cast<int64_t>(reinterpret_cast<intptr_t>(p.value.raw())));
    }
    return true;
  }
  bool operator()(const Iota&) const { return true; }
  bool operator()(const Map& p) const { return Field(static_cast<int>(p.op)); }
  bool operator()(const CastTo&) const { return true; }
  bool operator()(const Fused& p) const {
    key.Add(p.space);
    for (const Access& a : p.operands) {
      key.Add(a.offset);
      key.Add(a.strides);
    }
    key.Add(static_cast<int64_t>(p.instrs.size()));
    for (const FusedInstr& i : p.instrs) {
      key.Add(i.is_cast ? -1 : static_cast<int64_t>(i.op));
      key.Add(static_cast<int64_t>(i.result));
      for (int arg : i.args) key.Add(int64_t{arg});
    }
    for (const FusedOutput& o : p.outputs) {
      key.Add(int64_t{o.reg});
      key.Add(o.reduce ? static_cast<int64_t>(o.op) : -1);
      key.Add(o.axes);
    }
    return true;
  }
  bool operator()(const Reduce& p) const {
    key.Add(p.axes);
    return Field(static_cast<int>(p.op));
  }
  bool operator()(const ArgReduce& p) const { return Field(p.max) && Field(p.axis); }
  bool operator()(const Scan& p) const {
    return Field(static_cast<int>(p.op)) && Field(p.axis) && Field(p.exclusive) && Field(p.reverse);
  }
  bool operator()(const Reshape&) const { return true; }
  bool operator()(const Broadcast&) const { return true; }
  bool operator()(const Transpose& p) const {
    key.Add(p.perm);
    return true;
  }
  bool operator()(const Slice& p) const { return Both(p.begin, p.strides); }
  bool operator()(const Pad& p) const { return Both(p.low, p.high); }
  bool operator()(const Concat& p) const { return Field(p.axis); }
  bool operator()(const Gather& p) const { return Field(p.axis) && Field(p.batch_dims); }
  bool operator()(const GatherNd& p) const { return Field(p.batch_dims); }
  bool operator()(const Scatter& p) const {
    return Field(static_cast<int>(p.op)) && Field(p.drop_out_of_range);
  }
  bool operator()(const TopK& p) const {
    key.Add(p.k);
    return true;
  }
  bool operator()(const MatMul& p) const { return Field(p.transpose_a) && Field(p.transpose_b); }
  bool operator()(const Conv& p) const {
    for (const Spatial* s : {&p.spec.stride, &p.spec.dilation, &p.spec.pad}) Three(*s);
    key.Add(p.spec.groups);
    return Field(static_cast<int>(p.spec.kind));
  }
  bool operator()(const Pool& p) const {
    for (const Spatial* s : {&p.spec.window, &p.spec.stride, &p.spec.pad}) Three(*s);
    return Field(static_cast<int>(p.spec.kind));
  }
  bool operator()(const CustomKernel& p) const {
    if (p.spec->stateful || p.spec->dynamic) return false;
    key.Add(p.spec->name);
    key.Add(p.spec->key);
    // Without a key, only the very same kernel.
    key.Add(p.spec->key.empty() ? static_cast<int64_t>(reinterpret_cast<intptr_t>(p.spec.get()))
                                : int64_t{0});
    return true;
  }
  bool operator()(const ReadVariable& p) const { return Field(p.resource); }
  bool operator()(const AssignVariable&) const { return false; }
  bool operator()(const IsInitialized& p) const { return Field(p.resource); }
  bool operator()(const CaseOf& p) const {
    for (const auto& branch : p.branches) Same(branch);
    return !p.effect;
  }
  bool operator()(const WhileLoop& p) const {
    Same(p.cond);
    Same(p.body);
    return !p.effect;
  }
  // What makes lists is never shared, so that it can be changed in place.
  bool operator()(const ListNode& p) const {
    const ListOp op = p.call.op;
    return (op == ListOp::kGet || op == ListOp::kLength) && Field(static_cast<int>(op));
  }

  void Same(const std::shared_ptr<const Program>& program) const {
    key.Add(static_cast<int64_t>(reinterpret_cast<intptr_t>(program.get())));
  }
  bool Field(int x) const {
    key.Add(int64_t{x});
    return true;
  }
  void Three(const Spatial& s) const {
    for (int64_t x : s) key.Add(x);
  }
  bool Both(const Dims& a, const Dims& b) const {
    key.Add(a);
    key.Add(b);
    return true;
  }
};

}  // namespace

std::optional<std::string> NodeIdentity(const Node& node, const std::vector<Value>& inputs,
                                        const std::vector<ValueInfo>& outputs) {
  Key key;
  key.Add(static_cast<int64_t>(node.prim.index()));
  if (!std::visit(AddFields{key}, node.prim)) return std::nullopt;
  std::vector<int> ids;
  for (Value v : inputs) ids.push_back(v.id);
  const auto* map = std::get_if<Map>(&node.prim);
  if (map && ScalarCommutes(map->op)) std::sort(ids.begin(), ids.end());
  key.Add(ids);
  for (const ValueInfo& info : outputs) {
    key.Add(static_cast<int64_t>(info.dtype));
    key.Add(info.dims);
  }
  return key.Take();
}

Program EliminateCommonSubexpressions(Program program) {
  std::unordered_map<std::string, size_t> seen;  // key -> node
  seen.reserve(program.nodes.size());
  std::vector<ValueInfo> infos;
  std::vector<Value> to(program.values.size());
  for (size_t i = 0; i < to.size(); ++i) to[i] = Value{static_cast<int32_t>(i)};
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    Node& node = program.nodes[i];
    for (Value& v : node.inputs) v = to[static_cast<size_t>(v.id)];
    if (auto* fused = std::get_if<Fused>(&node.prim)) {
      for (Access& a : fused->operands) a.value = to[static_cast<size_t>(a.value.id)];
    }
    infos.clear();
    for (Value v : node.outputs) infos.push_back(program.info(v));
    std::optional<std::string> key = NodeIdentity(node, node.inputs, infos);
    if (!key) continue;
    const auto [it, added] = seen.emplace(std::move(*key), i);
    if (added) continue;
    const Node& first = program.nodes[it->second];
    for (size_t k = 0; k < node.outputs.size(); ++k) {
      to[static_cast<size_t>(node.outputs[k].id)] = first.outputs[k];
    }
  }
  for (Value& v : program.outputs) v = to[static_cast<size_t>(v.id)];
  return Prune(std::move(program));
}

}  // namespace wengert::compile
