// What is known of values while a graph is built.
#include <unordered_set>

#include "wengert/graph.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

// Bounds of what is worth computing while building: a rule that asks about a long chain
// gets no answer, so that asking at every link of it stays linear.
constexpr size_t kMaxOps = 50;
constexpr int64_t kMaxElements = 10000;
constexpr int kMaxDepth = 50;
constexpr int kMaxCalls = 400;
constexpr int64_t kMaxRank = 254;

ConstantEvaluator& Evaluator() {
  static ConstantEvaluator evaluator;
  return evaluator;
}

// Shape rules of the scratch graph and the evaluator itself may ask for constants again.
thread_local bool evaluating = false;
struct EvaluatingScope {
  EvaluatingScope() { evaluating = true; }
  ~EvaluatingScope() { evaluating = false; }
};

struct {
  int depth = 0;
  int calls = 0;
} thread_local shape_query;
struct ShapeQueryScope {
  ShapeQueryScope() {
    if (shape_query.depth++ == 0) shape_query.calls = 0;
    ++shape_query.calls;
  }
  ~ShapeQueryScope() { --shape_query.depth; }
  bool TooFar() const { return shape_query.depth > kMaxDepth || shape_query.calls > kMaxCalls; }
};

bool IsConst(const Operation& op) {
  return op.type() == "Const";
}

std::optional<Array> ConstValue(const Operation& op) {
  const Attr* value = op.FindAttr("value");
  if (!value || !value->is<Array>()) return std::nullopt;
  const Array& array = value->as<Array>();
  if (array.dtype() != op.output_dtype(0)) return std::nullopt;
  return array;
}

Array IntArray(DType dtype, const std::vector<int64_t>& values, Dims dims) {
  if (dtype == DType::kInt64) return Array::FromVector(values, std::move(dims));
  return Array::FromVector(std::vector<int32_t>(values.begin(), values.end()), std::move(dims));
}

// Values that follow from the static shape of an input alone.
std::optional<Array> ValueFromShape(const Tensor& t) {
  const std::string& type = t.op->type();
  const bool shape = type == "Shape" || type == "ShapeN";
  if ((!shape && type != "Size" && type != "Rank") || t.op->num_inputs() <= t.index) {
    return std::nullopt;
  }
  const Shape& input = t.op->input(t.index).shape();
  if (type == "Rank") {
    if (!input.has_rank()) return std::nullopt;
    return IntArray(t.dtype(), {input.rank()}, {});
  }
  if (!input.fully_defined()) return std::nullopt;
  if (shape) return IntArray(t.dtype(), input.dims(), {input.rank()});
  return IntArray(t.dtype(), {input.num_elements()}, {});
}

bool HasFunction(const Operation& op) {
  for (const auto& [name, value] : op.attrs()) {
    if (value.is<FunctionRef>() || value.is<std::vector<FunctionRef>>()) return true;
  }
  return false;
}

bool TooLarge(const Tensor& t) {
  return t.shape().num_elements() > kMaxElements;
}

// True when the value of an operation follows from its inputs' values, cheaply.
bool Computable(const Operation& op) {
  const OpDef& def = op.def();
  if (op.num_inputs() == 0 || def.stateful() || !def.lowering_fn()) return false;
  if (op.type() == "PlaceholderWithDefault" || HasFunction(op)) return false;
  for (int i = 0; i < op.num_outputs(); ++i) {
    if (!IsPlainData(op.output_dtype(i)) || op.output_shape(i).num_elements() > kMaxElements) {
      return false;
    }
  }
  return true;
}

}  // namespace

void SetConstantEvaluator(ConstantEvaluator evaluator) {
  Evaluator() = std::move(evaluator);
}

void Graph::ForgetConstants() {
  evaluated_.clear();
}

Tensor Graph::CloneConstant(const Tensor& t, Graph* scratch) {
  std::unordered_map<Tensor, Tensor, TensorHash> leaves;
  std::unordered_map<const Operation*, Operation*> clones;  // null: waits for its inputs
  // The stand-in of a tensor, if there is one by now.
  const auto find = [&](const Tensor& x) -> Tensor {
    if (const auto it = leaves.find(x); it != leaves.end()) return it->second;
    const auto it = clones.find(x.op);
    return it != clones.end() && it->second ? it->second->output(x.index) : Tensor();
  };
  const auto value_of = [this](const Tensor& x) -> std::optional<Array> {
    if (IsConst(*x.op)) return ConstValue(*x.op);
    if (std::optional<Array> value = ValueFromShape(x)) return value;
    const auto it = evaluated_.find(x);
    return it == evaluated_.end() ? std::nullopt : it->second;
  };
  std::vector<Tensor> stack{t};
  while (!stack.empty()) {
    const Tensor x = stack.back();
    if (find(x)) {
      stack.pop_back();
      continue;
    }
    if (const std::optional<Array> value = value_of(x)) {
      if (value->size() > kMaxElements) return {};
      AttrMap attrs{{"value", *value}, {"dtype", value->dtype()}};
      leaves[x] = scratch->AddOperation({"Const", "c", {}, {}, std::move(attrs)})->output(0);
      stack.pop_back();
      continue;
    }
    if (!Computable(*x.op)) return {};
    const auto [it, first_visit] = clones.try_emplace(x.op, nullptr);
    if (clones.size() + leaves.size() > kMaxOps) return {};
    if (first_visit) {
      for (const Tensor& input : x.op->inputs()) stack.push_back(input);
      continue;
    }
    std::vector<Tensor> inputs;
    for (const Tensor& input : x.op->inputs()) {
      inputs.push_back(find(input));
      if (!inputs.back()) return {};  // a cycle, made by surgery
    }
    it->second = scratch->AddOperation({x.op->type(), "o", std::move(inputs), {}, x.op->attrs()});
    stack.pop_back();
  }
  return find(t);
}

std::optional<Array> Graph::EvaluateConstant(const Tensor& t) {
  if (IsConst(*t.op)) return ConstValue(*t.op);
  if (std::optional<Array> value = ValueFromShape(t)) return value;
  const auto known = evaluated_.find(t);
  if (known != evaluated_.end()) return known->second;
  if (evaluating || !Evaluator() || TooLarge(t) || !Computable(*t.op)) return std::nullopt;
  std::optional<Array> value;
  try {
    const EvaluatingScope scope;
    const std::shared_ptr<Graph> scratch = Create();
    if (const Tensor clone = CloneConstant(t, scratch.get())) value = Evaluator()(clone);
  } catch (const Error&) {
    // It fails when it runs, too; while building it is merely unknown.
    value.reset();
  }
  if (value && (value->dtype() != t.dtype() || value->size() > kMaxElements)) value.reset();
  evaluated_[t] = value;
  return value;
}

std::optional<Array> Graph::StaticValue(const Tensor& t) {
  std::vector<Tensor> stack{t};
  std::unordered_set<const Operation*> seen;
  while (!stack.empty()) {
    const Tensor x = stack.back();
    stack.pop_back();
    if (IsConst(*x.op) || (x.op->def().static_value() && ValueFromShape(x))) continue;
    if (!x.op->def().static_value()) return std::nullopt;
    if (!seen.insert(x.op).second) continue;
    if (seen.size() > kMaxOps) return std::nullopt;
    for (const Tensor& input : x.op->inputs()) stack.push_back(input);
  }
  return EvaluateConstant(t);
}

std::optional<Shape> Graph::ValueAsShape(const Tensor& t) {
  const ShapeQueryScope scope;
  if (scope.TooFar() || (t.dtype() != DType::kInt32 && t.dtype() != DType::kInt64)) {
    return std::nullopt;
  }
  if (const ShapeValueFn& rule = t.op->def().shape_value_fn(); rule && !IsConst(*t.op)) {
    if (std::optional<Shape> shape = rule(*this, t)) return shape;
  }
  const std::optional<Array> value = EvaluateConstant(t);
  if (!value) return std::nullopt;
  if (value->rank() == 0 && value->AsInt(0) == -1) return Shape::Unknown();
  if (value->rank() != 1) {
    throw ValueError("Shape must be rank 1 but is rank " + std::to_string(value->rank()));
  }
  if (value->size() > kMaxRank) {
    throw ValueError("Shape has " + std::to_string(value->size()) + " axes, more than " +
                     std::to_string(kMaxRank));
  }
  Dims dims = value->AsInts();
  for (int64_t d : dims) {
    if (d < kUnknownDim) {
      throw ValueError("Invalid value in tensor used for shape: " + std::to_string(d));
    }
  }
  return Shape(std::move(dims));
}

}  // namespace wengert
