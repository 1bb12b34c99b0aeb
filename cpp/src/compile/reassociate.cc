// Reassociate: sums and products of reals in normal form, so that what derivatives of derivatives
// compute over and over under other names is seen to be the same.
//
// Every real value is a polynomial over atoms: values that are made otherwise. Sums and products
// are computed on polynomials; linear primitives (matrix products, sums, movement) take theirs up
// to a factor. What others read is written anew, by factoring out what most terms share.
#include "compile/reassociate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "compile/node_identity.h"
#include "compile/program_builder.h"

namespace wengert::compile {

namespace {

constexpr size_t kMaxTerms = 256;  // of a polynomial: a longer one becomes an atom
constexpr int32_t kMaxPower = 64;

// (atom, power), atoms ascending.
using Monomial = std::vector<std::pair<int32_t, int32_t>>;
// Coefficients; none is zero.
using Polynomial = std::map<Monomial, double>;

void AddTerm(Polynomial& p, const Monomial& m, double c) {
  const auto [it, added] = p.emplace(m, c);
  if (!added && (it->second += c) == 0) p.erase(it);
}

std::optional<Monomial> Product(const Monomial& a, const Monomial& b) {
  Monomial out;
  out.reserve(a.size() + b.size());
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && a[i].first < b[j].first)) {
      out.push_back(a[i++]);
    } else if (i == a.size() || b[j].first < a[i].first) {
      out.push_back(b[j++]);
    } else {
      out.emplace_back(a[i].first, a[i].second + b[j].second);
      if (out.back().second > kMaxPower) return std::nullopt;
      ++i;
      ++j;
    }
  }
  return out;
}

std::optional<Polynomial> Sum(const Polynomial& a, const Polynomial& b, double scale_b) {
  Polynomial out = a;
  for (const auto& [m, c] : b) AddTerm(out, m, scale_b * c);
  if (out.size() > kMaxTerms) return std::nullopt;
  return out;
}

std::optional<Polynomial> Product(const Polynomial& a, const Polynomial& b) {
  if (a.size() * b.size() > 8 * kMaxTerms) return std::nullopt;
  Polynomial out;
  for (const auto& [ma, ca] : a) {
    for (const auto& [mb, cb] : b) {
      const std::optional<Monomial> m = Product(ma, mb);
      if (!m) return std::nullopt;
      AddTerm(out, *m, ca * cb);
    }
  }
  if (out.size() > kMaxTerms) return std::nullopt;
  return out;
}

Polynomial Scaled(const Polynomial& p, double factor) {
  Polynomial out = p;
  for (auto& [m, c] : out) c *= factor;
  return out;
}

bool IsConstant(const Polynomial& p) {
  return p.empty() || (p.size() == 1 && p.begin()->first.empty());
}

// A factor of all coefficients whose division is exact, with the sign of the first.
double Content(const Polynomial& p) {
  if (p.empty()) return 1;
  const double first = p.begin()->second;
  bool integers = true, alike = true;
  double common = 0;
  for (const auto& [m, c] : p) {
    alike = alike && std::fabs(c) == std::fabs(first);
    integers = integers && c == std::trunc(c) && std::fabs(c) < 1e15;
    for (double a = std::fabs(c); integers && a != 0;) {
      const double rest = std::fmod(common, a);
      common = std::exchange(a, rest);
    }
  }
  return std::copysign(alike ? std::fabs(first) : integers ? common : 1, first);
}

class Reassociator {
 public:
  explicit Reassociator(const Program& from)
      : from_(from), to_(from.values.size()), polynomials_(from.values.size()) {}

  Program Run() {
    for (const Node& node : from_.nodes) {
      b_.set_origin(node.origin);
      if (node.outputs.size() != 1 || !IsReal(node.outputs[0])) {
        Copy(node);
        continue;
      }
      const Value out = node.outputs[0];
      if (std::optional<Polynomial> p = Algebra(node)) {
        Set(out, std::move(*p));
      } else if (!Linear(node)) {
        Copy(node);
      }
    }
    std::vector<Value> outputs;
    for (Value v : from_.outputs) outputs.push_back(Get(v));
    Program& result = b_.program();
    result.outputs = std::move(outputs);
    result.num_inputs = from_.num_inputs;
    result.num_resources = from_.num_resources;
    return Prune(std::move(result));
  }

 private:
  bool IsReal(Value v) const {
    const DType t = from_.info(v).dtype;
    return t == DType::kFloat32 || t == DType::kFloat64;
  }
  const Polynomial* Of(Value v) const { return polynomials_[Index(v)].get(); }
  static size_t Index(Value v) { return static_cast<size_t>(v.id); }
  void Set(Value v, Polynomial p) {
    polynomials_[Index(v)] = std::make_shared<Polynomial>(std::move(p));
  }
  void SetAtom(Value v, Value made, double factor = 1) {
    Set(v, Polynomial{{Monomial{{made.id, 1}}, factor}});
  }

  // The value in the new program of one of the old.
  Value Get(Value v) {
    const Polynomial* const p = Of(v);
    return p ? Write(*p, from_.info(v)) : to_[Index(v)];
  }

  std::optional<Polynomial> Algebra(const Node& node);
  bool Linear(const Node& node);
  void Copy(const Node& node);
  // The node over other inputs, or one like it from before.
  std::vector<Value> Append(const Node& node, std::vector<Value> inputs);

  Value Write(const Polynomial& p, const ValueInfo& info);
  Value WriteNew(const Polynomial& p, const ValueInfo& info);
  Value WriteProduct(const Monomial& m);
  Value Splat(double c, const ValueInfo& info) {
    return b_.Broadcast(b_.Constant(Array::FromDouble(info.dtype, c)), info.dims);
  }
  Value Binary(ScalarOp op, Value x, Value y);
  Value Negate(Value x) { return b_.Map(ScalarOp::kNeg, {x}); }
  // x + p
  Value Plus(Value x, const Polynomial& p, const ValueInfo& info) {
    if (p.empty()) return x;
    if (p.begin()->second > 0) return Binary(ScalarOp::kAdd, x, Write(p, info));
    return Binary(ScalarOp::kSub, x, Write(Scaled(p, -1), info));
  }

  const Program& from_;
  ProgramBuilder b_;
  std::vector<Value> to_;
  std::vector<std::shared_ptr<const Polynomial>> polynomials_;
  std::map<std::tuple<DType, Dims, Polynomial>, Value> written_;
  std::map<std::tuple<ScalarOp, int32_t, int32_t>, Value> binary_;
  std::unordered_map<std::string, std::vector<Value>> appended_;
};

// The polynomial of a sum, product or constant.
std::optional<Polynomial> Reassociator::Algebra(const Node& node) {
  if (const auto* c = std::get_if<Const>(&node.prim)) {
    if (c->value.size() != 1) return std::nullopt;
    const double value = c->value.AsDouble(0);
    if (!std::isfinite(value)) return std::nullopt;
    Polynomial p;
    if (value != 0) p.emplace(Monomial(), value);
    return p;
  }
  const auto* map = std::get_if<Map>(&node.prim);
  if (!map) return std::nullopt;
  for (Value v : node.inputs) {
    if (!Of(v)) return std::nullopt;
  }
  const Polynomial& x = *Of(node.inputs[0]);
  switch (map->op) {
    case ScalarOp::kNeg:
      return Scaled(x, -1);
    case ScalarOp::kSquare:
      return Product(x, x);
    case ScalarOp::kAdd:
      return Sum(x, *Of(node.inputs[1]), 1);
    case ScalarOp::kSub:
      return Sum(x, *Of(node.inputs[1]), -1);
    case ScalarOp::kMul:
      return Product(x, *Of(node.inputs[1]));
    case ScalarOp::kDiv: {
      const Polynomial& y = *Of(node.inputs[1]);
      if (!IsConstant(y) || y.empty()) return std::nullopt;
      const double factor = 1 / y.begin()->second;
      if (!std::isfinite(factor)) return std::nullopt;
      return Scaled(x, factor);
    }
    default:
      return std::nullopt;
  }
}

// f(c p) = c f(p). False when the node is not linear.
bool Reassociator::Linear(const Node& node) {
  const auto* reduce = std::get_if<Reduce>(&node.prim);
  const bool moves =
      std::holds_alternative<Reshape>(node.prim) || std::holds_alternative<Broadcast>(node.prim) ||
      std::holds_alternative<Transpose>(node.prim) || std::holds_alternative<Slice>(node.prim);
  const bool matmul = std::holds_alternative<MatMul>(node.prim);
  if (!moves && !matmul && !(reduce && reduce->op == ReduceOp::kSum)) return false;
  const Value out = node.outputs[0];
  double factor = 1;
  std::vector<Value> inputs;
  for (Value v : node.inputs) {
    const Polynomial* const p = Of(v);
    if (!p) return false;
    if (p->empty() || (moves && IsConstant(*p))) {
      Set(out, *p);
      return true;
    }
    const double content = Content(*p);
    factor *= content;
    inputs.push_back(content == 1 ? Get(v) : Write(Scaled(*p, 1 / content), from_.info(v)));
  }
  SetAtom(out, Append(node, std::move(inputs))[0], factor);
  return true;
}

void Reassociator::Copy(const Node& node) {
  std::vector<Value> inputs;
  for (Value v : node.inputs) inputs.push_back(Get(v));
  const std::vector<Value> made = Append(node, std::move(inputs));
  for (size_t i = 0; i < made.size(); ++i) {
    to_[Index(node.outputs[i])] = made[i];
    if (IsReal(node.outputs[i])) SetAtom(node.outputs[i], made[i]);
  }
}

std::vector<Value> Reassociator::Append(const Node& node, std::vector<Value> inputs) {
  std::vector<ValueInfo> infos;
  for (Value v : node.outputs) infos.push_back(from_.info(v));
  const std::optional<std::string> identity = NodeIdentity(node, inputs, infos);
  if (!identity) return b_.EmitMany(node.prim, std::move(inputs), std::move(infos));
  const auto [it, added] = appended_.try_emplace(*identity);
  if (added) it->second = b_.EmitMany(node.prim, std::move(inputs), std::move(infos));
  return it->second;
}

Value Reassociator::Binary(ScalarOp op, Value x, Value y) {
  if (ScalarCommutes(op) && y.id < x.id) std::swap(x, y);
  const auto [it, added] = binary_.try_emplace({op, x.id, y.id});
  if (added) it->second = b_.Map(op, {x, y});
  return it->second;
}

Value Reassociator::WriteProduct(const Monomial& m) {
  Value product;
  for (const auto& [atom, power] : m) {
    for (int32_t i = 0; i < power; ++i) {
      product = product ? Binary(ScalarOp::kMul, product, Value{atom}) : Value{atom};
    }
  }
  return product;
}

Value Reassociator::Write(const Polynomial& p, const ValueInfo& info) {
  std::tuple key{info.dtype, info.dims, p};
  const auto it = written_.find(key);
  if (it != written_.end()) return it->second;
  const Value v = WriteNew(p, info);
  written_.emplace(std::move(key), v);
  return v;
}

Value Reassociator::WriteNew(const Polynomial& p, const ValueInfo& info) {
  if (IsConstant(p)) return Splat(p.empty() ? 0 : p.begin()->second, info);
  if (const double content = Content(p); content != 1) {
    const Value rest = Write(Scaled(p, 1 / content), info);
    return content == -1 ? Negate(rest) : Binary(ScalarOp::kMul, rest, Splat(content, info));
  }
  if (p.size() == 1) return WriteProduct(p.begin()->first);
  // How many terms each atom is in, and the least power.
  std::map<int32_t, std::pair<size_t, int32_t>> uses;
  for (const auto& [m, c] : p) {
    for (const auto& [atom, power] : m) {
      auto [it, added] = uses.try_emplace(atom, 0, power);
      ++it->second.first;
      it->second.second = std::min(it->second.second, power);
    }
  }
  Monomial common;
  int32_t best = -1;
  size_t most = 1;
  for (const auto& [atom, use] : uses) {
    if (use.first == p.size()) common.emplace_back(atom, use.second);
    if (use.first > most) {
      most = use.first;
      best = atom;
    }
  }
  const auto without = [](const Monomial& m, const Monomial& factor) {
    Monomial out;
    for (auto [atom, power] : m) {
      for (const auto& [a, n] : factor) power -= a == atom ? n : 0;
      if (power > 0) out.emplace_back(atom, power);
    }
    return out;
  };
  if (!common.empty()) {
    Polynomial rest;
    for (const auto& [m, c] : p) rest.emplace(without(m, common), c);
    return Binary(ScalarOp::kMul, WriteProduct(common), Write(rest, info));
  }
  Polynomial inside, outside;
  if (best >= 0) {
    for (const auto& [m, c] : p) {
      const bool has = std::any_of(m.begin(), m.end(), [&](auto& f) { return f.first == best; });
      if (has) {
        inside.emplace(without(m, {{best, 1}}), c);
      } else {
        outside.emplace(m, c);
      }
    }
    if (inside.begin()->second < 0 && outside.begin()->second > 0) {
      const Value less = Binary(ScalarOp::kMul, Value{best}, Write(Scaled(inside, -1), info));
      return Binary(ScalarOp::kSub, Write(outside, info), less);
    }
    return Plus(Binary(ScalarOp::kMul, Value{best}, Write(inside, info)), outside, info);
  }
  // Nothing shared: one term after the other.
  Value sum;
  for (const auto& [m, c] : p) {
    const Polynomial term{{m, c}};
    sum = sum ? Plus(sum, term, info) : Write(term, info);
  }
  return sum;
}

// Rough costs of what a program computes, in operations.
double Cost(const Program& program) {
  double cost = 0;
  for (const Node& node : program.nodes) {
    if (node.outputs.empty()) continue;
    const double size = static_cast<double>(NumElements(program.info(node.outputs[0]).dims));
    if (const auto* map = std::get_if<Map>(&node.prim)) {
      const bool cheap = map->op == ScalarOp::kAdd || map->op == ScalarOp::kSub ||
                         map->op == ScalarOp::kMul || map->op == ScalarOp::kNeg ||
                         map->op == ScalarOp::kSquare ||
                         ScalarResult(map->op, DType::kFloat32) == DType::kBool;
      cost += size * (cheap ? 1 : 8);
    } else if (const auto* matmul = std::get_if<MatMul>(&node.prim)) {
      const Dims& a = program.info(node.inputs[0]).dims;
      cost += size * static_cast<double>(a[a.size() - (matmul->transpose_a ? 2 : 1)]) / 4;
    } else if (!node.inputs.empty() && !std::holds_alternative<Reshape>(node.prim) &&
               !std::holds_alternative<Broadcast>(node.prim)) {
      cost += size + static_cast<double>(NumElements(program.info(node.inputs[0]).dims));
    }
  }
  return cost;
}

}  // namespace

Program Reassociate(Program program) {
  program = EliminateCommonSubexpressions(std::move(program));
  Program other = EliminateCommonSubexpressions(Simplify(Reassociator(program).Run()));
  return Cost(other) < Cost(program) ? other : program;
}

}  // namespace wengert::compile
