// Hoist: loop-invariant code leaves its loop.
#include <algorithm>
#include <optional>
#include <utility>

#include "compile/inner.h"
#include "compile/program_builder.h"
#include "compile/turn_around.h"

namespace wengert::compile {

namespace {

size_t At(Value v) {
  return static_cast<size_t>(v.id);
}

bool IsMove(const Node& node) {
  return std::holds_alternative<Reshape>(node.prim) ||
         std::holds_alternative<Broadcast>(node.prim) ||
         std::holds_alternative<Transpose>(node.prim) || std::holds_alternative<Slice>(node.prim);
}

// Nodes that compute something and cannot fail: a body that never runs must not raise errors.
bool IsSafeWork(const Program& program, const Node& node) {
  if (const auto* map = std::get_if<Map>(&node.prim)) {
    const bool divides = map->op == ScalarOp::kDiv || map->op == ScalarOp::kFloorDiv ||
                         map->op == ScalarOp::kFloorMod || map->op == ScalarOp::kTruncMod ||
                         map->op == ScalarOp::kPow;
    return !divides || !IsInteger(program.info(node.outputs[0]).dtype);
  }
  return std::holds_alternative<CastTo>(node.prim) || std::holds_alternative<Reduce>(node.prim) ||
         std::holds_alternative<ArgReduce>(node.prim) || std::holds_alternative<Scan>(node.prim) ||
         std::holds_alternative<Pad>(node.prim) || std::holds_alternative<Concat>(node.prim) ||
         std::holds_alternative<TopK>(node.prim) || std::holds_alternative<MatMul>(node.prim);
}

class Hoister {
 public:
  explicit Hoister(Program program) : from_(std::move(program)) {
    out_.values = from_.values;
    out_.num_inputs = from_.num_inputs;
    out_.num_resources = from_.num_resources;
    to_.resize(from_.values.size());
    for (size_t i = 0; i < to_.size(); ++i) to_[i] = Value{static_cast<int32_t>(i)};
  }

  Program Run() {
    for (Node& node : from_.nodes) {
      for (Value& v : node.inputs) v = to_[At(v)];
      if (auto* fused = std::get_if<Fused>(&node.prim)) {
        for (Access& a : fused->operands) a.value = to_[At(a.value)];
      }
      ChangeInner(node, Hoist);
      if (std::holds_alternative<WhileLoop>(node.prim)) {
        Demote(node);
        FromLoop(node);
      } else if (auto* choice = std::get_if<CaseOf>(&node.prim)) {
        for (auto& branch : choice->branches) {
          Program inner = *branch;
          for (size_t i = 1; i < node.inputs.size(); ++i)
            BindConstant(&inner, i - 1, node.inputs[i]);
          branch = std::make_shared<const Program>(std::move(inner));
        }
      }
      Append(std::move(node));
    }
    for (Value v : from_.outputs) out_.outputs.push_back(to_[At(v)]);
    return Prune(std::move(out_));
  }

 private:
  void Append(Node node) {
    for (Value v : node.outputs) Define(v, out_.nodes.size());
    out_.nodes.push_back(std::move(node));
  }
  void Define(Value v, size_t node) {
    if (At(v) >= defs_.size()) defs_.resize(At(v) + 1, -1);
    defs_[At(v)] = static_cast<int>(node);
  }
  const Node* Def(Value v) const {
    const int node = At(v) < defs_.size() ? defs_[At(v)] : -1;
    return node < 0 ? nullptr : &out_.nodes[static_cast<size_t>(node)];
  }

  // Input `index` of `inner` becomes the constant that `outer` is.
  void BindConstant(Program* inner, size_t index, Value outer) const {
    const Node* def = Def(outer);
    const Node* splat = nullptr;
    if (def && std::holds_alternative<Broadcast>(def->prim)) {
      splat = def;
      def = Def(def->inputs[0]);
    }
    const auto* constant = def ? std::get_if<Const>(&def->prim) : nullptr;
    if (!constant || !IsPlainData(constant->value.dtype())) return;
    for (size_t i = 0; i < inner->nodes.size(); ++i) {
      const auto* input = std::get_if<Input>(&inner->nodes[i].prim);
      if (!input || input->index != static_cast<int>(index)) continue;
      if (!splat) {
        inner->nodes[i].prim = *constant;
        continue;
      }
      const Array value = constant->value;
      const Value scalar = inner->NewValue(value.dtype(), value.dims());
      inner->nodes[i].prim = Broadcast{};
      inner->nodes[i].inputs = {scalar};
      inner->nodes.insert(inner->nodes.begin() + static_cast<long>(i),
                          {Const{value}, {}, {scalar}, ""});
      ++i;
    }
  }

  // Variables that the body returns as they came become captures.
  void Demote(Node& node) {
    auto& loop = std::get<WhileLoop>(node.prim);
    const size_t vars = static_cast<size_t>(loop.num_vars), n = node.inputs.size();
    std::vector<bool> stays(n, true);
    std::vector<int> input_of(loop.body->values.size(), -1);
    for (const Node& inner : loop.body->nodes) {
      if (const auto* input = std::get_if<Input>(&inner.prim)) {
        input_of[At(inner.outputs[0])] = input->index;
      }
    }
    bool any = false;
    for (size_t k = 0; k < vars; ++k) {
      if (input_of[At(loop.body->outputs[k])] != static_cast<int>(k)) continue;
      stays[k] = false;
      any = true;
    }
    if (!any) return;
    std::vector<int> number(n);
    std::vector<Value> inputs, outputs;
    Program body = *loop.body, cond = *loop.cond;
    body.outputs.clear();
    auto add = [&](size_t k) {
      number[k] = static_cast<int>(inputs.size());
      inputs.push_back(node.inputs[k]);
    };
    for (size_t k = 0; k < vars; ++k) {
      if (!stays[k]) {
        to_[At(node.outputs[k])] = node.inputs[k];
        continue;
      }
      add(k);
      outputs.push_back(node.outputs[k]);
      body.outputs.push_back(loop.body->outputs[k]);
    }
    loop.num_vars = static_cast<int>(outputs.size());
    for (size_t k = 0; k < n; ++k) {
      if (k >= vars || !stays[k]) add(k);
    }
    for (Program* program : {&body, &cond}) {
      for (Node& inner : program->nodes) {
        if (auto* input = std::get_if<Input>(&inner.prim)) {
          input->index = number[static_cast<size_t>(input->index)];
        }
      }
    }
    node.inputs = std::move(inputs);
    node.outputs = std::move(outputs);
    loop.body = std::make_shared<const Program>(std::move(body));
    loop.cond = std::make_shared<const Program>(std::move(cond));
  }

  void FromLoop(Node& node) {
    auto& loop = std::get<WhileLoop>(node.prim);
    Program body = *loop.body, cond = *loop.cond;
    const size_t vars = static_cast<size_t>(loop.num_vars), n = node.inputs.size();
    for (size_t k = vars; k < n; ++k) {
      BindConstant(&body, k, node.inputs[k]);
      BindConstant(&cond, k, node.inputs[k]);
    }
    TurnAround(&body, vars);
    Extract(&body, vars, &node.inputs);
    turned_.clear();
    Extract(&cond, vars, &node.inputs);
    body.num_inputs = cond.num_inputs = static_cast<int>(node.inputs.size());
    loop.body = std::make_shared<const Program>(std::move(body));
    loop.cond = std::make_shared<const Program>(std::move(cond));
  }

  // A transposed right side that no iteration changes is turned around once, outside, where a
  // product has so few rows that to do so takes a good part of its time.
  void TurnAround(Program* body, size_t vars) {
    std::vector<bool> capture(body->values.size());
    std::vector<Node> nodes;
    for (Node& node : body->nodes) {
      if (const auto* input = std::get_if<Input>(&node.prim)) {
        capture[At(node.outputs[0])] = input->index >= static_cast<int>(vars);
      }
      if (TurnsAround(*body, node) && capture[At(node.inputs[1])]) {
        turned_.push_back(AppendTurned(body, node.inputs[1], node.origin, &nodes));
        ReadTurned(turned_.back(), &node);
      }
      nodes.push_back(std::move(node));
      capture.resize(body->values.size());
    }
    body->nodes = std::move(nodes);
  }

  // Moves the invariant work of `inner` here; its results become captures.
  void Extract(Program* inner, size_t vars, std::vector<Value>* inputs) {
    const size_t count = inner->nodes.size();
    std::vector<bool> invariant(inner->values.size());
    std::vector<bool> moves(count), captures(inner->values.size());
    std::vector<int> def(inner->values.size(), -1);
    for (size_t i = 0; i < count; ++i) {
      const Node& node = inner->nodes[i];
      for (Value v : node.outputs) def[At(v)] = static_cast<int>(i);
      const auto* input = std::get_if<Input>(&node.prim);
      const bool constant =
          std::holds_alternative<Const>(node.prim) || std::holds_alternative<Iota>(node.prim);
      bool fixed = input ? input->index >= static_cast<int>(vars)
                         : constant || IsMove(node) || IsSafeWork(*inner, node);
      bool captured = input != nullptr;
      for (Value v : node.inputs) {
        fixed = fixed && invariant[At(v)];
        captured = captured || captures[At(v)];
      }
      for (Value v : node.outputs) {
        fixed = fixed && IsPlainData(inner->info(v).dtype);
        invariant[At(v)] = fixed;
        captures[At(v)] = captured;
      }
      // What follows from constants alone was left to the body for its size.
      moves[i] = fixed && captured && !input && (IsSafeWork(*inner, node) || IsTurned(node));
    }
    // With what they read.
    std::vector<bool> copies = moves;
    for (size_t i = count; i-- > 0;) {
      if (!copies[i]) continue;
      for (Value v : inner->nodes[i].inputs) copies[static_cast<size_t>(def[At(v)])] = true;
    }
    std::vector<bool> read(inner->values.size());
    for (size_t i = 0; i < count; ++i) {
      if (moves[i]) continue;
      for (Value v : inner->nodes[i].inputs) read[At(v)] = true;
    }
    for (Value v : inner->outputs) read[At(v)] = true;
    std::vector<Value> here(inner->values.size());
    for (size_t i = 0; i < count; ++i) {
      if (!copies[i]) continue;
      Node& node = inner->nodes[i];
      if (const auto* input = std::get_if<Input>(&node.prim)) {
        here[At(node.outputs[0])] = (*inputs)[static_cast<size_t>(input->index)];
        continue;
      }
      Node copy = node;
      for (Value& v : copy.inputs) v = here[At(v)];
      for (Value& v : copy.outputs) {
        const ValueInfo& info = inner->info(v);
        here[At(v)] = out_.NewValue(info.dtype, info.dims);
        v = here[At(v)];
      }
      Append(std::move(copy));
    }
    // The results come in as captures, in the places of the nodes that made them.
    std::vector<Node> nodes;
    for (size_t i = 0; i < count; ++i) {
      Node& node = inner->nodes[i];
      if (!moves[i]) {
        nodes.push_back(std::move(node));
        continue;
      }
      for (Value v : node.outputs) {
        if (!read[At(v)]) continue;
        nodes.push_back({Input{static_cast<int>(inputs->size())}, {}, {v}, ""});
        inputs->push_back(here[At(v)]);
      }
    }
    inner->nodes = std::move(nodes);
  }

  bool IsTurned(const Node& node) const {
    return std::holds_alternative<Transpose>(node.prim) &&
           std::find(turned_.begin(), turned_.end(), node.outputs[0]) != turned_.end();
  }

  Program from_, out_;
  std::vector<Value> turned_;  // what TurnAround made in the body at hand
  std::vector<Value> to_;      // of values of from_ that are others now
  std::vector<int> defs_;      // by value of out_
};

}  // namespace

Program Hoist(Program program) {
  if (!HasInner(program)) return program;
  return Hoister(std::move(program)).Run();
}

}  // namespace wengert::compile
