// Applying an op by name: in the graph being built, or at once in eager mode.
#include <map>

#include "binding.h"
#include "wengert/control_flow.h"

namespace wengert::python {

namespace {

// Dtypes of type attributes as they become known from attributes and earlier inputs.
class TypeInference {
 public:
  TypeInference(const OpDef& def, const AttrMap& attrs) : def_(def), attrs_(attrs) {}

  std::optional<DType> Known(const ArgDef& arg) const {
    if (arg.type != DType::kInvalid) return arg.type;
    if (arg.type_attr.empty()) return std::nullopt;
    for (const auto& [name, dtype] : known_) {
      if (name == arg.type_attr) return dtype;
    }
    auto it = attrs_.find(arg.type_attr);
    if (it != attrs_.end() && it->second.is<DType>()) return it->second.as<DType>();
    return std::nullopt;
  }
  std::optional<DType> Default(const ArgDef& arg) const {
    if (arg.type_attr.empty()) return std::nullopt;
    const AttrDef* attr = def_.FindAttr(arg.type_attr);
    if (attr != nullptr && attr->default_value.is<DType>()) return attr->default_value.as<DType>();
    return std::nullopt;
  }
  void Learn(const ArgDef& arg, DType dtype) {
    if (!arg.type_attr.empty() && !Known(arg)) known_.emplace_back(arg.type_attr, dtype);
  }

 private:
  const OpDef& def_;
  const AttrMap& attrs_;
  std::vector<std::pair<std::string, DType>> known_;
};

std::optional<DType> TensorDType(py::handle h) {
  if (PySymbolicTensor* s = AsSymbolic(h)) return s->tensor.dtype();
  if (PyEagerTensor* e = AsEager(h)) return e->array.dtype();
  return std::nullopt;
}

std::string TypeName(py::handle h) {
  return Py_TYPE(h.ptr())->tp_name;
}

// Converts one argument for a graph, with the error texts of a raw op.
Tensor ConvertArgument(py::handle value, const OpDef& def, const ArgDef& arg,
                       const std::string& name, const TypeInference& types, Graph& graph,
                       const py::object& py_graph) {
  std::optional<DType> known = types.Known(arg);
  // A tensor of the wrong dtype is the op's own type error, raised when it is added.
  if (TensorDType(value)) known.reset();
  auto convert = [&](std::optional<DType> dtype) {
    return ConvertInGraph(value, dtype, name, dtype ? std::nullopt : types.Default(arg), graph,
                          py_graph);
  };
  try {
    return convert(known);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::kTypeError && known) {
      throw TypeError("Expected " + std::string(Name(*known)) + " passed to parameter '" +
                      arg.name + "' of op '" + def.name() + "', got " +
                      py::repr(value).cast<std::string>() + " of type '" + TypeName(value) +
                      "' instead. Error: " + e.what());
    }
    if (e.kind() == ErrorKind::kValueError) {
      if (known) {
        try {
          return convert(std::nullopt);
        } catch (const Error&) {
        }
      }
      throw ValueError("Tried to convert '" + arg.name +
                       "' to a tensor and failed. Error: " + e.what());
    }
    throw;
  }
}

py::object WrapOutputs(Operation* op) {
  if (op->num_outputs() == 1 && !op->def().outputs()[0].is_list()) return Wrap(op->output(0));
  if (op->def().outputs().empty()) return Wrap(op);
  py::list result(op->num_outputs());
  for (int i = 0; i < op->num_outputs(); ++i) result[i] = Wrap(op->output(i));
  return result;
}

// Restores the name scope however a block ends.
class ScopeGuard {
 public:
  ScopeGuard(Graph& graph, const std::string& name)
      : graph_(graph), path_(graph.EnterNameScope(name, &previous_)) {}
  ~ScopeGuard() { Leave(); }
  std::string& path() { return path_; }
  void Leave() {
    if (inside_) graph_.set_name_scope(std::move(previous_));
    inside_ = false;
  }

 private:
  Graph& graph_;
  std::string previous_, path_;
  bool inside_ = true;
};

AttrMap ReadAttrs(const OpDef& def, const py::object& attrs, Graph* graph) {
  AttrMap result;
  if (attrs.is_none()) return result;
  for (auto [key, value] : py::reinterpret_borrow<py::dict>(attrs)) {
    if (value.is_none()) continue;
    auto name = key.cast<std::string>();
    const AttrDef* attr = def.FindAttr(name);
    if (attr == nullptr && name[0] != '_') {
      throw TypeError(def.name() + " got an unexpected attribute '" + name + "'");
    }
    result[name] = AttrFromPython(value, attr != nullptr ? attr->type : "", graph);
  }
  return result;
}

void CheckCount(const OpDef& def, const py::tuple& inputs) {
  if (inputs.size() != def.inputs().size()) {
    throw TypeError(def.name() + " takes " + std::to_string(def.inputs().size()) + " inputs, got " +
                    std::to_string(inputs.size()));
  }
}

py::sequence ListArgument(py::handle value, const OpDef& def, const ArgDef& arg) {
  if (!PyList_Check(value.ptr()) && !PyTuple_Check(value.ptr())) {
    throw TypeError("Expected list for '" + arg.name + "' argument to '" + def.name() +
                    "' Op, not " + py::repr(value).cast<std::string>() + ".");
  }
  return py::reinterpret_borrow<py::sequence>(value);
}

// The scope of an operation is for literals among its arguments; tapes and loops that are
// differentiated take note of it.
bool NeedsNoScope(const OpDef& def, const py::tuple& inputs, const std::string& name,
                  const Graph& graph) {
  if (graph.added || IsDiverting(graph) || !Graph::IsValidName(name)) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (def.inputs()[i].is_list() || AsSymbolic(inputs[i]) == nullptr) return false;
  }
  return true;
}

// The name is taken whether or not the operation can be added, as a scope's is.
std::string TakeName(Graph& graph, const std::string& name) {
  return name.back() == '/' ? name : graph.UniqueName(name).append(1, '/');
}

py::object ApplyInGraph(const OpDef& def, const py::tuple& inputs, const py::object& attrs,
                        const std::string& name, Graph& graph, const py::object& py_graph) {
  OperationSpec spec;
  spec.type = def.name();
  spec.def = &def;
  spec.attrs = ReadAttrs(def, attrs, &graph);
  if (NeedsNoScope(def, inputs, name, graph)) {
    for (py::handle value : inputs) spec.inputs.push_back(AsSymbolic(value)->tensor);
    spec.name = TakeName(graph, name);
    return WrapOutputs(graph.AddOperation(std::move(spec)));
  }
  ScopeGuard scope(graph, name);
  TypeInference types(def, spec.attrs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ArgDef& arg = def.inputs()[i];
    py::handle value = inputs[i];
    if (!arg.is_list()) {
      spec.inputs.push_back(ConvertArgument(value, def, arg, arg.name, types, graph, py_graph));
      types.Learn(arg, spec.inputs.back().dtype());
      continue;
    }
    py::sequence items = ListArgument(value, def, arg);
    for (py::handle item : items) {
      if (auto d = TensorDType(item)) {
        types.Learn(arg, *d);
        break;
      }
    }
    size_t k = 0;
    for (py::handle item : items) {
      std::string item_name = arg.name + "_" + std::to_string(k++);
      spec.inputs.push_back(ConvertArgument(item, def, arg, item_name, types, graph, py_graph));
      types.Learn(arg, spec.inputs.back().dtype());
    }
    if (!arg.number_attr.empty()) {
      spec.attrs[arg.number_attr] = Attr(static_cast<int64_t>(items.size()));
    }
  }
  scope.Leave();
  spec.name = scope.path();
  return WrapOutputs(graph.AddOperation(std::move(spec)));
}

[[noreturn]] void EagerTypeError(const OpDef& def, size_t index, DType want, DType got) {
  throw InvalidArgument("cannot compute " + def.name() + " as input #" + std::to_string(index) +
                        "(zero-based) was expected to be a " + SignatureName(want) +
                        " tensor but is a " + SignatureName(got) + " tensor [Op:" + def.name() +
                        "]");
}

py::object ApplyEager(const OpDef& def, const py::tuple& inputs, const py::object& attrs) {
  AttrMap read = ReadAttrs(def, attrs, nullptr);
  TypeInference types(def, read);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ArgDef& arg = def.inputs()[i];
    if (!arg.is_list()) {
      if (auto d = TensorDType(inputs[i])) types.Learn(arg, *d);
      continue;
    }
    for (py::handle item : ListArgument(inputs[i], def, arg)) {
      if (auto d = TensorDType(item)) types.Learn(arg, *d);
    }
  }
  std::vector<EagerValue> flat;
  auto add = [&](py::handle value, const ArgDef& arg) {
    std::optional<DType> known = types.Known(arg);
    if (auto own = TensorDType(value); own && known && *own != *known) {
      EagerTypeError(def, flat.size(), *known, *own);
    }
    flat.push_back(ConvertEagerValue(value, known, types.Default(arg)));
    types.Learn(arg, flat.back().array.dtype());
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ArgDef& arg = def.inputs()[i];
    if (!arg.is_list()) {
      add(inputs[i], arg);
      continue;
    }
    py::sequence items = ListArgument(inputs[i], def, arg);
    for (py::handle item : items) add(item, arg);
    if (!arg.number_attr.empty()) {
      read[arg.number_attr] = Attr(static_cast<int64_t>(items.size()));
    }
  }
  std::vector<EagerValue> results;
  {
    py::gil_scoped_release release;
    results = Execute(def, flat, read);
  }
  if (def.outputs().empty()) return py::none();
  if (results.size() == 1 && !def.outputs()[0].is_list()) return WrapEager(std::move(results[0]));
  py::list list(results.size());
  for (size_t i = 0; i < results.size(); ++i) list[i] = WrapEager(std::move(results[i]));
  return list;
}

py::object Apply(const std::string& type, const py::tuple& inputs, const py::object& attrs,
                 const py::object& name) {
  const OpDef& def = OpRegistry::Global().Get(type);
  CheckCount(def, inputs);
  py::object graph = CurrentGraph();
  if (graph.is_none()) return ApplyEager(def, inputs, attrs);
  std::string text = name.is_none() ? type : name.cast<std::string>();
  return ApplyInGraph(def, inputs, attrs, text.empty() ? type : text, *GraphOf(graph), graph);
}

py::object NotImplemented() {
  return py::reinterpret_borrow<py::object>(Py_NotImplemented);
}

// x (op) y with `self` a tensor; `other` is the right operand unless reflected.
py::object Binary(const OpDef& def, const char* name, py::handle self, py::handle other,
                  bool reflected) {
  py::object py_graph = CurrentGraph();
  std::optional<DType> hint = TensorDType(self);
  try {
    if (py_graph.is_none()) {
      EagerValue a = ConvertEagerValue(self, std::nullopt, std::nullopt);
      EagerValue b = ConvertEagerValue(other, std::nullopt, hint);
      if (a.array.dtype() != b.array.dtype()) {
        if (reflected) EagerTypeError(def, 1, b.array.dtype(), a.array.dtype());
        EagerTypeError(def, 1, a.array.dtype(), b.array.dtype());
      }
      if (reflected) std::swap(a, b);
      return WrapEager(Execute(def, {a, b}, {}).at(0));
    }
    Graph& graph = *GraphOf(py_graph);
    OperationSpec spec;
    spec.type = def.name();
    spec.def = &def;
    if (AsSymbolic(self) != nullptr && AsSymbolic(other) != nullptr && !graph.added &&
        !IsDiverting(graph)) {
      spec.name = TakeName(graph, name);
      spec.inputs = {AsSymbolic(self)->tensor, AsSymbolic(other)->tensor};
      if (reflected) std::swap(spec.inputs[0], spec.inputs[1]);
      return Wrap(graph.AddOperation(std::move(spec))->output(0));
    }
    ScopeGuard scope(graph, name);
    Tensor a =
        ConvertInGraph(self, std::nullopt, reflected ? "y" : "x", std::nullopt, graph, py_graph);
    Tensor b = ConvertInGraph(other, std::nullopt, reflected ? "x" : "y", hint, graph, py_graph);
    if (reflected) std::swap(a, b);
    spec.name = std::move(scope.path());
    spec.inputs = {a, b};
    // Still inside the scope, which tapes take note of.
    return Wrap(graph.AddOperation(std::move(spec))->output(0));
  } catch (const Error& e) {
    bool conversion = e.kind() == ErrorKind::kTypeError || e.kind() == ErrorKind::kValueError;
    if (conversion && !TensorDType(other) && !IsPlainValue(other) && !other.is_none()) {
      return NotImplemented();
    }
    throw;
  }
}

void BindOperator(py::object& cls, const char* method, const char* reflected, const char* type,
                  const char* name) {
  const OpDef* def = &OpRegistry::Global().Get(type);
  cls.attr(method) = py::cpp_function(
      [def, name](py::object x, py::object y) { return Binary(*def, name, x, y, false); },
      py::is_method(cls), py::name(method));
  if (reflected == nullptr) return;
  cls.attr(reflected) = py::cpp_function(
      [def, name](py::object x, py::object y) { return Binary(*def, name, x, y, true); },
      py::is_method(cls), py::name(reflected));
}

}  // namespace

void BindApply(py::module_& m) {
  m.def("apply", &Apply, py::arg("op_type"), py::arg("inputs"), py::arg("attrs") = py::none(),
        py::arg("name") = py::none());
  m.def(
      "binary",
      [](const std::string& type, const std::string& name, py::object x, py::object y,
         bool reflected) {
        const OpDef& def = OpRegistry::Global().Get(type);
        return reflected ? Binary(def, name.c_str(), y, x, true)
                         : Binary(def, name.c_str(), x, y, false);
      },
      py::arg("op_type"), py::arg("name"), py::arg("x"), py::arg("y"), py::arg("reflected") = false,
      "x (op) y; with reflected, y is the tensor and x the other operand.");
  py::object tensor = m.attr("Tensor");
  BindOperator(tensor, "__add__", "__radd__", "AddV2", "add");
  BindOperator(tensor, "__sub__", "__rsub__", "Sub", "sub");
  BindOperator(tensor, "__mul__", "__rmul__", "Mul", "mul");
  BindOperator(tensor, "__lt__", nullptr, "Less", "Less");
  BindOperator(tensor, "__le__", nullptr, "LessEqual", "LessEqual");
  BindOperator(tensor, "__gt__", nullptr, "Greater", "Greater");
  BindOperator(tensor, "__ge__", nullptr, "GreaterEqual", "GreaterEqual");
  m.def("placeholder", [](py::object dtype, py::object shape, const std::string& name) {
    py::object graph = CurrentGraph();
    if (graph.is_none()) {
      throw RuntimeError("tf.placeholder() is not compatible with eager execution.");
    }
    OperationSpec spec;
    spec.type = "Placeholder";
    spec.name = name;
    spec.attrs = {{"dtype", Attr(ToDType(dtype))}, {"shape", Attr(ToShape(shape))}};
    return Wrap(GraphOf(graph)->AddOperation(std::move(spec))->output(0));
  });
  m.def("op_names", [] {
    py::list result;
    for (const OpDef* def : OpRegistry::Global().All()) result.append(def->name());
    return result;
  });
  m.def("op_info", [](const std::string& type) {
    const OpDef* def = OpRegistry::Global().Find(type);
    if (def == nullptr) throw py::key_error(type);
    auto args = [](const std::vector<ArgDef>& defs) {
      py::list result;
      for (const ArgDef& a : defs) {
        std::string kind = a.type != DType::kInvalid   ? SignatureName(a.type)
                           : !a.type_list_attr.empty() ? a.type_list_attr
                                                       : a.type_attr;
        if (!a.number_attr.empty()) kind = a.number_attr + " * " + kind;
        result.append(py::make_tuple(a.name, kind));
      }
      return result;
    };
    py::list attrs;
    for (const AttrDef& a : def->attrs()) {
      py::list allowed;
      for (DType d : a.allowed_types) allowed.append(SignatureName(d));
      attrs.append(py::make_tuple(a.name, a.type, AttrToPython(a.default_value), allowed));
    }
    py::dict info;
    info["inputs"] = args(def->inputs());
    info["outputs"] = args(def->outputs());
    info["attrs"] = attrs;
    info["stateful"] = def->stateful();
    info["differentiable"] = static_cast<bool>(def->gradient_fn());
    info["gradient"] = def->gradient_fn() ? "yes" : def->no_gradient() ? "LookupError" : "none";
    info["summary"] = def->summary();
    return info;
  });
}

}  // namespace wengert::python
