// Operations, tensors, and adding to a graph.
#include "wengert/graph.h"

#include <algorithm>

#include "graph/name_table.h"
#include "graph/op_types.h"
#include "graph/print.h"
#include "wengert/control_flow.h"
#include "wengert/op_def.h"

namespace wengert {
namespace {

SourceLocationHooks& Hooks() {
  static SourceLocationHooks hooks;
  return hooks;
}

std::string GraphText(const Graph& graph) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%p", static_cast<const void*>(&graph));
  return std::string("<wengert.Graph object at ") + buffer + ">";
}

// Restores the name scope however a block ends.
class ScopeRestorer {
 public:
  explicit ScopeRestorer(Graph& graph) : graph_(graph), scope_(graph.name_scope()) {}
  ~ScopeRestorer() { graph_.set_name_scope(std::move(scope_)); }
  ScopeRestorer(const ScopeRestorer&) = delete;
  ScopeRestorer& operator=(const ScopeRestorer&) = delete;

 private:
  Graph& graph_;
  std::string scope_;
};

void CheckNodeName(const std::string& name) {
  if (Graph::IsValidName(name)) return;
  throw ValueError("`" + name +
                   "` is not a valid node name. Accepted names conform to Regex "
                   "/re.compile('^[A-Za-z0-9.][A-Za-z0-9_.\\\\\\\\/>-]*$')/");
}

}  // namespace

void SetSourceLocationHooks(SourceLocationHooks hooks) {
  Hooks() = hooks;
}

DType Tensor::dtype() const {
  return op->output_dtype(index);
}

const Shape& Tensor::shape() const {
  return op->output_shape(index);
}

std::string Tensor::name() const {
  return op->name() + ":" + std::to_string(index);
}

Graph& Tensor::graph() const {
  return op->graph();
}

const std::string& Operation::type() const {
  return def_->name();
}

const Attr* Operation::FindAttr(std::string_view name) const {
  const auto it = attrs_.find(name);
  return it == attrs_.end() ? nullptr : &it->second;
}

const Attr& Operation::attr(std::string_view name) const {
  if (const Attr* found = FindAttr(name)) return *found;
  throw ValueError("Operation '" + name_ + "' has no attr named '" + std::string(name) + "'.");
}

void Operation::SetAttr(const std::string& name, Attr value) {
  graph_->CheckModifiable();
  if (const AttrDef* attr_def = def_->FindAttr(name)) CheckAttr(*def_, *attr_def, &value);
  attrs_[name] = std::move(value);
  ++graph_->version_;
  graph_->ForgetConstants();
}

std::string DescribeLocation(uint32_t id) {
  const auto describe = Hooks().describe;
  return id != 0 && describe ? describe(id) : std::string();
}

std::string Operation::location() const {
  return DescribeLocation(location_);
}

void*& Operation::binding_slot(int output) {
  if (output < 0) return binding_;
  if (output >= num_outputs()) throw ValueError("Operation '" + name_ + "' has no such output");
  return outputs_[static_cast<size_t>(output)].binding;
}

std::shared_ptr<Graph> Graph::Create() {
  return std::shared_ptr<Graph>(new Graph);
}

Graph::Graph() : names_(std::make_unique<NameTable>()) {}
Graph::~Graph() = default;

Operation* Graph::NextPlace() {
  constexpr size_t kFirst = 4, kMost = 256;
  if (block_used_ == block_size_) {
    const size_t size = std::clamp(block_size_ * 2, kFirst, kMost);
    blocks_.push_back(std::make_unique<Operation[]>(size));
    block_size_ = size;
    block_used_ = 0;
  }
  return &blocks_.back()[block_used_];
}

void Graph::CheckModifiable() const {
  if (finalized_) throw RuntimeError("Graph is finalized and cannot be modified.");
}

void Graph::ResolveInputs(std::vector<Tensor>* inputs) {
  for (Tensor& t : *inputs) {
    if (!t) throw ValueError("an input of an operation is empty");
    if (t.index < 0 || t.index >= t.op->num_outputs()) {
      throw ValueError("Operation '" + t.op->name() + "' has no output " + std::to_string(t.index));
    }
    if (&t.graph() == this) continue;
    if (capture) {
      t = capture(t);
      if (!t || &t.graph() != this) throw ValueError("a captured tensor is not in this graph");
      continue;
    }
    // TensorFlow takes the graph of the first input for the right one.
    const Tensor& first = inputs->front();
    for (const Tensor& other : *inputs) {
      if (!other || &other.graph() == &first.graph()) continue;
      throw ValueError(TensorText(other) + " must be from the same graph as " + TensorText(first) +
                       " (graphs are " + GraphText(other.graph()) + " and " +
                       GraphText(first.graph()) + ").");
    }
    throw ValueError(TensorText(t) + " is not from the passed-in graph.");
  }
}

Operation* Graph::AddOperation(OperationSpec spec) {
  CheckModifiable();
  if (const auto* diverting = capture ? capture.target<DivertingCapture>() : nullptr) {
    if (Operation* elsewhere = diverting->divert(spec)) return elsewhere;
  }
  const OpDef& def = spec.def != nullptr ? *spec.def : OpRegistry::Global().Get(spec.type);
  const bool captures =
      capture && std::any_of(spec.inputs.begin(), spec.inputs.end(),
                             [this](const Tensor& t) { return t && &t.graph() != this; });
  if (captures) {
    // What stands for the inputs is named inside the scope of the operation that reads them.
    if (spec.name.empty() || spec.name.back() != '/') {
      const std::string wanted = spec.name.empty() ? spec.type : spec.name;
      do {
        spec.name = UniqueName(wanted);
      } while (names_->Find(spec.name) != nullptr);
      spec.name += '/';
    }
    const ScopeRestorer restore(*this);
    name_scope_ = spec.name.substr(0, spec.name.size() - 1);
    ResolveInputs(&spec.inputs);
  } else {
    ResolveInputs(&spec.inputs);
  }
  for (const Operation* control : spec.control_inputs) {
    if (!control || &control->graph() != this) {
      throw ValueError("a control input of '" + spec.name + "' is not in this graph");
    }
  }
  Operation built;  // moved to its place when nothing can fail any more
  Operation* const op = &built;
  op->graph_ = this;
  op->def_ = &def;
  for (const auto& [name, value] : attr_scope_) {
    if (!spec.attrs.contains(name)) spec.attrs[name] = value;
  }
  if (!overrides_.empty()) {
    const auto it = overrides_.find(spec.type);
    if (it != overrides_.end() && !spec.attrs.contains("_gradient_op_type")) {
      spec.attrs["_gradient_op_type"] = it->second;
    }
  }
  ResolveAttrs(def, spec.inputs, spec.name.empty() ? spec.type : spec.name, &spec.attrs);
  if (const DType single = SingleOutputType(def, spec.attrs); single != DType::kInvalid) {
    op->outputs_.push_back({single, {}});
  } else {
    for (DType type : OutputTypes(def, spec.attrs)) op->outputs_.push_back({type, {}});
  }

  uint32_t place;  // of the name
  if (!spec.name.empty() && spec.name.back() == '/') {
    spec.name.pop_back();
    op->name_ = std::move(spec.name);
    CheckNodeName(op->name_);
    place = names_->PlaceOf(op->name_);
    if (names_->Taken(place, op->name_)) {
      throw ValueError("Duplicate node name in graph: '" + op->name_ + "'");
    }
  } else {
    const std::string& wanted = spec.name.empty() ? spec.type : spec.name;
    if (name_scope_.empty()) CheckNodeName(wanted);
    op->name_ = UniqueName(wanted);
    if (!name_scope_.empty()) CheckNodeName(op->name_);
    // Names that ended in '/' are not marked as used by themselves.
    while (names_->Taken(place = names_->PlaceOf(op->name_), op->name_)) {
      op->name_ = UniqueName(wanted);
    }
  }
  op->inputs_ = std::move(spec.inputs);
  op->attrs_ = std::move(spec.attrs);

  if (def.shape_fn()) {
    ShapeContext context(*this, def, op->name_, op->attrs_, op->inputs_, op->outputs_.size());
    def.shape_fn()(context);
    std::vector<Shape> shapes = context.TakeOutputs();
    shapes.resize(op->outputs_.size());
    for (size_t i = 0; i < shapes.size(); ++i) op->outputs_[i].shape = std::move(shapes[i]);
  }
  op->control_inputs_ = std::move(spec.control_inputs);
  if (!control_stack_.empty()) ApplyControlDependencies(op->inputs_, &op->control_inputs_);
  op->device_ = device_;
  if (const auto capture_location = Hooks().capture) op->location_ = capture_location();
  op->id_ = num_operations();

  Operation* const added = NextPlace();
  if (operations_.size() == operations_.capacity()) {
    operations_.reserve(std::max<size_t>(8, 2 * operations_.size()));
  }
  names_->Add(place, built.name_, added);
  *added = std::move(built);
  operations_.push_back(added);
  ++block_used_;
  if (this->added) this->added(added);
  return added;
}

Operation* Graph::FindOperation(std::string_view name) const {
  return names_->Find(name);
}

void Graph::AddFunction(std::shared_ptr<const Function> function) {
  if (!function) throw ValueError("a function is empty");
  if (const auto known = FindFunction(function->name)) {
    if (known == function) return;
    throw ValueError("Cannot add function '" + function->name +
                     "' because a different function with the same name already exists.");
  }
  functions_.push_back(std::move(function));
  ++version_;
}

std::shared_ptr<const Function> Graph::FindFunction(const std::string& name) const {
  for (const auto& function : functions_) {
    if (function->name == name) return function;
  }
  return nullptr;
}

}  // namespace wengert
