// Graph: a Wengert list. Operations are only ever appended and their inputs have
// smaller ids, so id order is topological.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "wengert/attr.h"
#include "wengert/dtype.h"
#include "wengert/error.h"
#include "wengert/shape.h"

namespace wengert {

class Graph;
class NameTable;
class OpDef;
class Operation;

// Symbolic output of an operation. A handle: cheap to copy, valid as long as its graph.
struct Tensor {
  Operation* op = nullptr;
  int index = 0;

  explicit operator bool() const { return op != nullptr; }
  bool operator==(const Tensor& o) const { return op == o.op && index == o.index; }
  bool operator!=(const Tensor& o) const { return !(*this == o); }
  DType dtype() const;
  const Shape& shape() const;
  std::string name() const;  // "mul:0"
  Graph& graph() const;
};

struct TensorHash {
  size_t operator()(const Tensor& t) const {
    return std::hash<const void*>()(t.op) * 31 + static_cast<size_t>(t.index);
  }
};

class Operation {
 public:
  int64_t id() const { return id_; }  // position in its graph
  const std::string& name() const { return name_; }
  const OpDef& def() const { return *def_; }
  const std::string& type() const;
  Graph& graph() const { return *graph_; }

  // All inputs in order, arguments that are lists flattened.
  const std::vector<Tensor>& inputs() const { return inputs_; }
  const Tensor& input(int i) const { return inputs_.at(i); }
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  int num_outputs() const { return static_cast<int>(outputs_.size()); }
  Tensor output(int i) { return Tensor{this, i}; }
  DType output_dtype(int i) const { return outputs_[static_cast<size_t>(i)].dtype; }
  const Shape& output_shape(int i) const { return outputs_[static_cast<size_t>(i)].shape; }
  const std::vector<Operation*>& control_inputs() const { return control_inputs_; }

  // Attributes of the op's definition, defaults filled in, and free ones whose
  // names begin with '_'.
  const AttrMap& attrs() const { return attrs_; }
  const Attr* FindAttr(std::string_view name) const;  // null when absent
  const Attr& attr(std::string_view name) const;      // throws ValueError when absent
  int64_t int_attr(std::string_view n) const { return attr(n).as<int64_t>(); }
  bool bool_attr(std::string_view n) const { return attr(n).as<bool>(); }
  float float_attr(std::string_view n) const { return attr(n).as<float>(); }
  const std::string& string_attr(std::string_view n) const { return attr(n).as<std::string>(); }
  DType type_attr(std::string_view n) const { return attr(n).as<DType>(); }
  const std::vector<int64_t>& ints_attr(std::string_view n) const {
    return attr(n).as<std::vector<int64_t>>();
  }
  void SetAttr(const std::string& name, Attr value);

  const std::string& device() const { return device_; }
  void set_device(std::string device) { device_ = std::move(device); }
  // Where the user's program created it ("file.py:12 in f"), "" when unknown.
  std::string location() const;
  uint32_t location_id() const { return location_; }  // for DescribeLocation; 0 when unknown
  // Opaque slot of a language binding, one per operation and one per output; the
  // binding owns what it puts there.
  void*& binding_slot(int output = -1);

 private:
  friend class Graph;
  struct Output {
    DType dtype = DType::kInvalid;
    Shape shape;
    void* binding = nullptr;
  };
  // Most operations have one output: it needs no memory of its own.
  class Outputs {
   public:
    size_t size() const { return size_; }
    Output& operator[](size_t i) { return i == 0 ? first_ : more_[i - 1]; }
    const Output& operator[](size_t i) const { return i == 0 ? first_ : more_[i - 1]; }
    void push_back(Output output) {
      if (size_ == 0) {
        first_ = std::move(output);
      } else {
        more_.push_back(std::move(output));
      }
      ++size_;
    }

   private:
    size_t size_ = 0;
    Output first_;
    std::vector<Output> more_;
  };
  int64_t id_ = -1;
  Graph* graph_ = nullptr;
  const OpDef* def_ = nullptr;
  std::string name_;
  std::vector<Tensor> inputs_;
  std::vector<Operation*> control_inputs_;
  AttrMap attrs_;
  Outputs outputs_;
  std::string device_;
  uint32_t location_ = 0;
  void* binding_ = nullptr;
};

// What Graph::AddOperation takes: a complete, already converted operation.
struct OperationSpec {
  std::string type;
  std::string name;            // final when it ends in '/' (a scope's own name); else made unique
  std::vector<Tensor> inputs;  // flat
  std::vector<Operation*> control_inputs;  // beside those of the current control context
  AttrMap attrs;  // what cannot be inferred from the inputs; missing ones are inferred or defaulted
  const OpDef* def = nullptr;  // of `type`, where the caller has looked it up
};

// A traced function: a graph with its parameters and results.
struct Function {
  std::string name;
  std::shared_ptr<Graph> graph;
  std::vector<Tensor> inputs;  // outputs of Placeholder operations of `graph`
  std::vector<Tensor> outputs;
  std::vector<Operation*> control_outputs;       // side effects that a call must perform
  mutable std::shared_ptr<void> gradient_cache;  // of DifferentiateFunction
};

class Graph : public std::enable_shared_from_this<Graph> {
 public:
  static std::shared_ptr<Graph> Create();
  virtual ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Appends an operation: checks types against the op's definition, infers missing
  // attributes, output dtypes and shapes, and makes the name unique.
  // Throws TypeError, ValueError or InvalidArgument and leaves the graph unchanged.
  Operation* AddOperation(OperationSpec spec);

  int64_t num_operations() const { return static_cast<int64_t>(operations_.size()); }
  Operation* operation(int64_t id) const { return operations_[static_cast<size_t>(id)]; }
  Operation* FindOperation(std::string_view name) const;  // null when absent
  // Operations that read `t`, in order of creation, each once.
  std::vector<Operation*> Consumers(const Tensor& t) const;

  // Merges `shape` into what is known of `t`. Throws ValueError when incompatible.
  void SetShape(const Tensor& t, const Shape& shape);
  // Graph surgery; afterwards ids may no longer be topological (see is_ordered).
  void UpdateInput(Operation* op, int index, Tensor input);
  void AddControlInput(Operation* op, Operation* control);
  // Appends an input to an operation of variadic signature (rewriting of loops and calls).
  void AddInput(Operation* op, Tensor input);
  // Appends outputs to an operation of variadic signature.
  void AddOutput(Operation* op, DType dtype, Shape shape);
  bool is_ordered() const { return ordered_; }

  // --- names ---------------------------------------------------------------
  // TensorFlow's uniquifying: case-insensitive, "_1", "_2" ... appended; the current name
  // scope is put in front.
  std::string UniqueName(const std::string& name, bool mark_as_used = true);
  // Full current scope without the closing '/', "" at the root.
  const std::string& name_scope() const { return name_scope_; }
  // Enters a scope as `with name_scope(name)` does: "" or null goes to the root, a name
  // ending in '/' re-enters that very scope, any other is made unique below the current
  // one. Returns the new scope with its closing '/' ("" at the root). Undo by
  // set_name_scope(previous).
  std::string EnterNameScope(const std::string& name);
  // The same; `previous` takes what set_name_scope must be given back.
  std::string EnterNameScope(const std::string& name, std::string* previous);
  void set_name_scope(std::string scope) { name_scope_ = std::move(scope); }
  // True for [A-Za-z0-9.][A-Za-z0-9_.\\-/>]* (as TensorFlow requires of names).
  static bool IsValidName(std::string_view name);

  // --- control dependencies --------------------------------------------------
  // Operations created until the matching pop get these control inputs, unless an
  // input was itself created inside the same context. `clear` forgets the outer ones.
  void PushControlDependencies(std::vector<Operation*> ops, bool clear = false);
  void PopControlDependencies();

  // --- other state of construction --------------------------------------------
  bool finalized() const { return finalized_; }
  void Finalize() { finalized_ = true; }
  void Unfinalize() { finalized_ = false; }
  std::optional<int64_t> seed() const { return seed_; }
  void set_seed(std::optional<int64_t> seed) { seed_ = seed; }
  const std::string& current_device() const { return device_; }
  void set_current_device(std::string device) { device_ = std::move(device); }
  // Op type -> registered gradient name, as Graph.gradient_override_map sets it.
  std::unordered_map<std::string, std::string>& gradient_overrides() { return overrides_; }
  // Extra attributes for new operations (as `Graph._attr_scope`).
  AttrMap& attr_scope() { return attr_scope_; }

  // (input shape, axes) of the static reductions that were differentiated in this graph:
  // TensorFlow writes some operations for the first of each only.
  std::set<std::pair<Dims, std::vector<int64_t>>>& known_reductions() { return reductions_; }

  // Changes by one with every change that could alter a compiled result.
  uint64_t version() const { return version_; }

  // --- functions ----------------------------------------------------------------
  void AddFunction(std::shared_ptr<const Function> function);
  std::shared_ptr<const Function> FindFunction(const std::string& name) const;
  const std::vector<std::shared_ptr<const Function>>& functions() const { return functions_; }
  // Graph in which the tracing of this one was started; null for a plain graph and once it is
  // gone: it is not kept alive.
  std::shared_ptr<Graph> outer() const { return outer_.lock(); }
  void set_outer(Graph* outer) {
    outer_ = outer == nullptr ? std::weak_ptr<Graph>() : outer->weak_from_this();
  }
  // Called for an input tensor of another graph; returns its stand-in here. Unset: such
  // inputs are a ValueError. Set by function tracing.
  std::function<Tensor(const Tensor&)> capture;
  // Called with every operation that is added. Set by tapes.
  std::function<void(Operation*)> added;
  // Stand-in -> the tensor of another graph that it stands for.
  std::function<std::optional<Tensor>(const Tensor&)> captured_from;

  // --- constants -------------------------------------------------------------------
  // The value of `t` where TensorFlow's tensor_util.constant_value knows it: constants
  // and the few ops whose definition is marked StaticValue. Gradient rules decide by it.
  std::optional<Array> StaticValue(const Tensor& t);
  // The value of `t` when everything above it is constant and stateless, computed by the
  // evaluator (SetConstantEvaluator); for shape inference. At most 10,000 elements.
  std::optional<Array> EvaluateConstant(const Tensor& t);
  // The int vector `t` as a shape of which some entries may be unknown; nullopt when
  // nothing at all is known of it.
  std::optional<Shape> ValueAsShape(const Tensor& t);

  // Text of the graph: one line an operation, name = Type[attrs](inputs) -> shapes.
  std::string ToText() const;
  std::string ToDot() const;

 protected:
  Graph();

 private:
  friend class Operation;
  void ApplyControlDependencies(const std::vector<Tensor>& inputs,
                                std::vector<Operation*>* control) const;
  void CheckModifiable() const;  // throws RuntimeError when finalized
  // Replaces tensors of other graphs by what `capture` gives for them.
  void ResolveInputs(std::vector<Tensor>* inputs);
  void IndexConsumer(const Tensor& t, Operation* op) const;

  struct ControlContext {
    std::vector<Operation*> controls;
    bool clear;
    // Operations created inside: ids from `first` on, without those in `holes`, which
    // were created inside contexts that clear this one.
    int64_t first;
    std::vector<std::pair<int64_t, int64_t>> holes;
    bool Saw(const Operation* op) const;
  };
  // A scratch graph that computes `t` from constants only; an empty tensor when that is
  // impossible or too large.
  Tensor CloneConstant(const Tensor& t, Graph* scratch);
  void ForgetConstants();  // after a change that could alter the value of some tensor
  // Memory for one more operation, in blocks.
  Operation* NextPlace();
  std::vector<std::unique_ptr<Operation[]>> blocks_;
  size_t block_size_ = 0, block_used_ = 0;
  std::vector<Operation*> operations_;
  std::unique_ptr<NameTable> names_;
  std::string name_scope_;
  std::vector<ControlContext> control_stack_;
  bool finalized_ = false;
  bool ordered_ = true;
  std::optional<int64_t> seed_;
  std::string device_;
  std::unordered_map<std::string, std::string> overrides_;
  AttrMap attr_scope_;
  std::set<std::pair<Dims, std::vector<int64_t>>> reductions_;
  uint64_t version_ = 0;
  std::vector<std::shared_ptr<const Function>> functions_;
  std::weak_ptr<Graph> outer_;
  std::unordered_map<Tensor, std::optional<Array>, TensorHash> evaluated_;
  mutable std::unordered_map<Tensor, std::vector<Operation*>, TensorHash> consumers_;
  mutable int64_t consumers_upto_ = 0;
};

// "{{node a/b}} = Mul[T=DT_FLOAT](x, y)": an operation as errors print it.
std::string FormatNode(const std::string& name, const OpDef& def, const AttrMap& attrs,
                       const std::vector<Tensor>& inputs);

// Installed by the runtime layer: computes a stateless constant subgraph.
using ConstantEvaluator = std::function<std::optional<Array>(const Tensor&)>;
void SetConstantEvaluator(ConstantEvaluator evaluator);

// Installed by a language binding: `capture` returns an id for the user's current source
// line (0: unknown), `describe` its text. Cheap capture matters: it runs for every op.
struct SourceLocationHooks {
  uint32_t (*capture)() = nullptr;
  std::string (*describe)(uint32_t id) = nullptr;
};
void SetSourceLocationHooks(SourceLocationHooks hooks);
// "file.py:12 in f" for an Operation's location_id(), which may outlive the operation.
std::string DescribeLocation(uint32_t id);

}  // namespace wengert
