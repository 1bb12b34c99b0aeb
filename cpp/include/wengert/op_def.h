// OpDef: all that Wengert knows of an op type, in one place: signature, shape rule,
// gradient rule, lowering. OpRegistry holds them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wengert/graph.h"

namespace wengert {

class Builder;          // builder.h
class LoweringContext;  // lowering.h
class Grad;             // gradients.h

struct ArgDef {
  std::string name;
  DType type = DType::kInvalid;  // fixed dtype, or
  std::string type_attr;         // the "type" attribute that gives it, or
  std::string type_list_attr;    // the "list(type)" attribute that gives one per element
  std::string number_attr;       // "N" of "N * T": the argument is a list
  bool is_list() const { return !number_attr.empty() || !type_list_attr.empty(); }
};

struct AttrDef {
  std::string name;
  std::string
      type;  // "type", "int", "float", "bool", "string", "shape", "tensor", "func", "list(int)" ...
  Attr default_value;  // unset: required or inferred
  std::vector<DType> allowed_types;
  std::vector<std::string> allowed_strings;
  std::optional<int64_t> minimum;  // of an int, or of the length of a list
};

// What a shape rule sees and fills.
class ShapeContext {
 public:
  ShapeContext(Graph& graph, const OpDef& def, const std::string& name, const AttrMap& attrs,
               const std::vector<Tensor>& inputs, size_t num_outputs);
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  int num_outputs() const { return static_cast<int>(outputs_.size()); }
  const Shape& input(int i) const { return inputs_[i].shape(); }
  DType input_dtype(int i) const { return inputs_[i].dtype(); }
  const Tensor& input_tensor(int i) const { return inputs_[i]; }
  // The input's value when it is known while building (constants and what follows from them).
  std::optional<Array> constant(int i) const;
  // An int vector input read as a shape, entries may be unknown (-1 in the vector is unknown).
  Shape input_as_shape(int i) const;
  const AttrMap& attrs() const { return attrs_; }
  const Attr& attr(std::string_view name) const;
  bool has_attr(std::string_view name) const { return attrs_.find(name) != attrs_.end(); }

  void set_output(int i, Shape shape) { outputs_[i] = std::move(shape); }
  const std::vector<Shape>& outputs() const { return outputs_; }
  std::vector<Shape> TakeOutputs() { return std::move(outputs_); }

  // Checks that throw in TensorFlow's words; return the (possibly merged) shape.
  Shape WithRank(int input, int rank) const;  // "Shape must be rank 2 but is rank 1 ..."
  Shape WithRankAtLeast(int input, int rank) const;
  int64_t MergeDims(int64_t a, int64_t b) const;  // "Dimensions must be equal, but are 3 and 2 ..."
  Shape MergeShapes(const Shape& a, const Shape& b) const;  // likewise, or ranks differ
  Shape Broadcast(const Shape& a, const Shape& b) const;
  // Why `a` and `b` do not merge: "Shapes must be equal rank, but are 1 and 2" ...
  static std::string MergeMessage(const Shape& a, const Shape& b);
  // ValueError "<message> for '{{node ...}} = ...' with input shapes: [3], [2]."
  [[noreturn]] void Fail(const std::string& message) const;

 private:
  Graph& graph_;
  const OpDef& def_;
  const std::string& name_;
  const AttrMap& attrs_;
  const std::vector<Tensor>& inputs_;
  std::vector<Shape> outputs_;
  // Inputs whose value, or whose value as a shape, the rule asked for and got: an error says so.
  class Asked {
   public:
    void Add(int input);
    std::vector<int> Sorted() const;

   private:
    uint64_t low_ = 0;  // a bit per input below 64
    std::vector<int> high_;
  };
  mutable Asked constants_, shapes_;
};

// What a gradient rule sees. Rules append operations through `b` and return one Grad
// per input of `op` (none where no gradient flows).
struct GradientContext {
  Builder& b;
  Operation* op;
  const std::vector<Grad>& out_grads;  // one per output; may hold none
  // Which inputs a tape wants the gradient of; null: all. Rules may leave out the others.
  const std::vector<char>* wanted = nullptr;

  bool wants(int i) const { return wanted == nullptr || (*wanted)[static_cast<size_t>(i)] != 0; }
  const Tensor& x(int i) const { return op->input(i); }
  Tensor y(int i = 0) const { return op->output(i); }
  // The gradient that reached output `i`, made dense where it is IndexedSlices.
  Tensor dy(int i = 0) const;
  const Grad& grad(int i = 0) const;
};

using ShapeFn = std::function<void(ShapeContext&)>;
using GradientFn = std::function<std::vector<Grad>(GradientContext&)>;
using LoweringFn = std::function<void(LoweringContext&)>;
// The int vector an operation makes, as a partially known shape (Shape, Pack, ConcatV2 ...).
using ShapeValueFn = std::function<std::optional<Shape>(Graph&, const Tensor&)>;

class OpDef {
 public:
  explicit OpDef(std::string name) : name_(std::move(name)) {}

  // --- fluent definition --------------------------------------------------------
  // "x: T", "values: N * T", "handle: resource", "args: Tin".
  OpDef& Input(std::string_view spec);
  OpDef& Output(std::string_view spec);
  // "T: {float, double} = float", "N: int >= 1", "keep_dims: bool = false",
  // "padding: {'SAME', 'VALID'}", "shape: shape", "Tin: list(type) >= 0",
  // "squeeze_dims: list(int) = []", "f: func". `T: type` allows every dtype.
  OpDef& Attr(std::string_view spec);
  OpDef& Stateful() {
    stateful_ = true;
    return *this;
  }
  OpDef& Commutative() {
    commutative_ = true;
    return *this;
  }
  OpDef& Shape(ShapeFn fn) {
    shape_fn_ = std::move(fn);
    return *this;
  }
  OpDef& Gradient(GradientFn fn) {
    gradient_fn_ = std::move(fn);
    return *this;
  }
  // TensorFlow registers no gradient: differentiating through it is a LookupError.
  OpDef& NoGradient() {
    no_gradient_ = true;
    return *this;
  }
  // By design without a gradient (comparisons, indices ...): nothing flows, no error.
  OpDef& NotDifferentiable() {
    not_differentiable_ = true;
    return *this;
  }
  OpDef& Lower(LoweringFn fn) {
    lowering_fn_ = std::move(fn);
    return *this;
  }
  OpDef& ShapeValue(ShapeValueFn fn) {
    shape_value_fn_ = std::move(fn);
    return *this;
  }
  // TensorFlow's tensor_util.constant_value sees through it.
  OpDef& StaticValue() {
    static_value_ = true;
    return *this;
  }
  // One sentence, no full stop.
  OpDef& Doc(std::string summary) {
    summary_ = std::move(summary);
    return *this;
  }

  // --- reading --------------------------------------------------------------------
  const std::string& name() const { return name_; }
  const std::vector<ArgDef>& inputs() const { return inputs_; }
  const std::vector<ArgDef>& outputs() const { return outputs_; }
  const std::vector<AttrDef>& attrs() const { return attrs_; }
  const AttrDef* FindAttr(std::string_view name) const;
  bool stateful() const { return stateful_; }
  bool commutative() const { return commutative_; }
  bool not_differentiable() const { return not_differentiable_; }
  bool no_gradient() const { return no_gradient_; }
  bool static_value() const { return static_value_; }
  const ShapeFn& shape_fn() const { return shape_fn_; }
  const GradientFn& gradient_fn() const { return gradient_fn_; }
  const LoweringFn& lowering_fn() const { return lowering_fn_; }
  const ShapeValueFn& shape_value_fn() const { return shape_value_fn_; }
  const std::string& summary() const { return summary_; }
  // Throws ValueError naming what is wrong: no shape rule, unknown attribute in an
  // argument, duplicate names, no lowering, none of Gradient, NotDifferentiable and
  // NoGradient ...
  void Validate() const;

 private:
  std::string name_;
  std::vector<ArgDef> inputs_, outputs_;
  std::vector<AttrDef> attrs_;
  bool stateful_ = false, commutative_ = false, not_differentiable_ = false, no_gradient_ = false,
       static_value_ = false;
  ShapeFn shape_fn_;
  GradientFn gradient_fn_;
  LoweringFn lowering_fn_;
  ShapeValueFn shape_value_fn_;
  std::string summary_;
};

class OpRegistry {
 public:
  OpRegistry() = default;
  OpRegistry(const OpRegistry&) = delete;
  OpRegistry& operator=(const OpRegistry&) = delete;
  // The process's registry, filled with all built-in ops on first use.
  static OpRegistry& Global();

  // Validates and adds. Throws ValueError on a bad definition or a name already taken.
  void Add(OpDef def);
  // A new definition to be completed by the fluent calls; validated by Seal().
  OpDef& Op(const std::string& name);
  void Seal();  // validates everything added by Op() since the last Seal

  const OpDef* Find(std::string_view name) const;  // null when absent
  // Throws RuntimeError "Op type not registered 'X' ..." when absent.
  const OpDef& Get(std::string_view name) const;
  std::vector<const OpDef*> All() const;  // by name

  // Named gradients (tf.RegisterGradient), selected by gradient_override_map or
  // the "_gradient_op_type" attribute. Throws KeyError when the name is taken.
  void AddGradient(const std::string& name, GradientFn fn);
  const GradientFn* FindGradient(std::string_view name) const;

 private:
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<OpDef>, NameHash, std::equal_to<>> ops_;
  std::unordered_map<std::string, GradientFn, NameHash, std::equal_to<>> gradients_;
  std::vector<OpDef*> unsealed_;
};

// Called once by OpRegistry::Global(); defined in ops/register.cc.
void RegisterBuiltinOps(OpRegistry& registry);

// --- shape rules shared by many ops -------------------------------------------------
namespace shape_rules {
void Unchanged(ShapeContext& c);        // output 0 has the shape of input 0
void UnchangedAll(ShapeContext& c);     // every output i has the shape of input i (or input 0)
void BroadcastBinary(ShapeContext& c);  // output 0 is the broadcast of inputs 0 and 1
void Scalar(ShapeContext& c);
void UnknownShape(ShapeContext& c);
void NoOutputs(ShapeContext& c);
}  // namespace shape_rules

}  // namespace wengert
