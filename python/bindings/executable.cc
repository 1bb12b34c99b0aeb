// Executable, ResourceManager and variables as Python objects.
#include "binding.h"

namespace wengert::python {

namespace {

// Holds the Python object of its graph: functions of Python that the graph calls belong to that.
struct PyExecutable {
  std::shared_ptr<Executable> executable;
  py::object graph;
};

int TraverseExecutable(PyObject* self, visitproc visit, void* arg) {
  auto* instance = reinterpret_cast<py::detail::instance*>(self);
  auto* executable = static_cast<PyExecutable*>(instance->simple_value_holder[0]);
  if (executable != nullptr) Py_VISIT(executable->graph.ptr());
  return py::detail::pybind11_traverse(self, visit, arg);
}

CompileOptions ToOptions(const py::object& options) {
  CompileOptions result;
  if (options.is_none()) return result;
  for (auto [key, value] : py::reinterpret_borrow<py::dict>(options)) {
    auto name = key.cast<std::string>();
    if (name == "fold_constants") {
      result.fold_constants = value.cast<bool>();
    } else if (name == "simplify") {
      result.simplify = value.cast<bool>();
    } else if (name == "hoist") {
      result.hoist = value.cast<bool>();
    } else if (name == "reassociate") {
      result.reassociate = value.cast<bool>();
    } else if (name == "eliminate_common_subexpressions") {
      result.eliminate_common_subexpressions = value.cast<bool>();
    } else if (name == "tile") {
      result.tile = value.cast<bool>();
    } else if (name == "fuse") {
      result.fuse = value.cast<bool>();
    } else if (name == "reuse_memory") {
      result.reuse_memory = value.cast<bool>();
    } else if (name == "memory_budget") {
      result.memory_budget = value.is_none() ? 0 : value.cast<int64_t>();
    } else if (name == "generate_code") {
      result.generate_code = value.cast<bool>();
    } else {
      throw ValueError("unknown compile option '" + name +
                       "'; known: fold_constants, simplify, hoist, reassociate, "
                       "eliminate_common_subexpressions, tile, fuse, reuse_memory, generate_code, "
                       "memory_budget");
    }
  }
  return result;
}

// Memory of a contiguous array of the right dtype is borrowed for the call, else copied.
Array Feed(py::handle value, DType dtype) {
  if (PyEagerTensor* eager = AsEager(value)) {
    if (eager->array.dtype() == dtype) return eager->array;
  } else if (py::isinstance<py::array>(value) && IsPlainData(dtype)) {
    auto array = py::reinterpret_borrow<py::array>(value);
    bool usable = FromNumpyDType(array.dtype()) == dtype && dtype != DType::kBFloat16 &&
                  (array.flags() & py::array::c_style) != 0 &&
                  (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0 &&
                  array.dtype().byteorder() != '>';
    if (usable) {
      PyObject* owner = array.ptr();
      Py_INCREF(owner);
      auto buffer = Buffer::Borrow(const_cast<void*>(array.data()),
                                   static_cast<size_t>(array.nbytes()), [owner] {
                                     py::gil_scoped_acquire gil;
                                     Py_DECREF(owner);
                                   });
      return Array(dtype, Dims(array.shape(), array.shape() + array.ndim()), std::move(buffer));
    }
  }
  return ToArray(value, dtype);
}

std::vector<Array> RunWith(const PyExecutable& self, const py::sequence& inputs) {
  const std::vector<Tensor>& wanted = self.executable->inputs();
  if (inputs.size() != wanted.size()) {
    throw TypeError("expected " + std::to_string(wanted.size()) + " inputs, got " +
                    std::to_string(inputs.size()));
  }
  std::vector<Array> feeds;
  feeds.reserve(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    feeds.push_back(Feed(inputs[i], wanted[i].dtype()));
  }
  py::gil_scoped_release release;
  std::vector<Array> results = self.executable->Run(feeds);
  return results;
}

std::shared_ptr<Variable> VariableOf(py::handle handle) {
  PyEagerTensor* eager = AsEager(handle);
  std::shared_ptr<Variable> variable;
  if (eager != nullptr && eager->array.dtype() == DType::kResource) {
    variable = std::dynamic_pointer_cast<Variable>(eager->array.resources().at(0));
  }
  if (variable == nullptr) throw TypeError("not the handle of a variable");
  return variable;
}

void BindVariables(py::module_& m) {
  m.def("make_variable", [](py::object dtype, py::object shape, const std::string& name) {
    return WrapEager(
        Array::FromResource(std::make_shared<Variable>(ToDType(dtype), ToShape(shape), name)));
  });
  m.def("variable_value", [](py::object handle) -> py::object {
    auto variable = VariableOf(handle);
    // A copy: a later in-place update must not show through.
    return variable->initialized() ? WrapEager(variable->value().Clone()) : py::none();
  });
  m.def("assign_variable", [](py::object handle, py::object value) {
    auto variable = VariableOf(handle);
    variable->Assign(ToArray(value, variable->dtype()).Clone());
  });
  m.def("handle_data", [](py::object handle) -> py::object {
    if (AsEager(handle) != nullptr) {
      auto variable = VariableOf(handle);
      return py::make_tuple(DTypeObject(variable->dtype()), ShapeTuple(variable->shape()));
    }
    PySymbolicTensor* s = AsSymbolic(handle);
    if (s == nullptr || s->tensor.dtype() != DType::kResource) return py::none();
    std::optional<HandleData> data = GetHandleData(s->tensor);
    if (!data) return py::none();
    return py::make_tuple(DTypeObject(data->dtype), ShapeTuple(data->shape));
  });
  m.def("set_handle_data", [](py::object placeholder, py::object dtype, py::object shape) {
    PySymbolicTensor* s = AsSymbolic(placeholder);
    if (s == nullptr) throw TypeError("set_handle_data takes a symbolic tensor");
    SetHandleData(s->tensor.op, {ToDType(dtype), ToShape(shape)});
  });
}

}  // namespace

void BindExecutable(py::module_& m) {
  py::class_<ResourceManager, std::shared_ptr<ResourceManager>>(m, "ResourceManager")
      .def(py::init<>())
      .def("close", &ResourceManager::Close)
      .def_property_readonly("closed", &ResourceManager::closed);

  py::class_<PyExecutable>(m, "Executable", py::dynamic_attr(),
                           py::custom_type_setup([](PyHeapTypeObject* type) {
                             type->ht_type.tp_traverse = &TraverseExecutable;
                           }))
      .def(py::init([](py::object graph, const py::sequence& inputs, const py::sequence& outputs,
                       const py::sequence& targets, std::shared_ptr<ResourceManager> resources,
                       py::object options) {
             return PyExecutable{
                 Executable::Compile(graph.cast<std::shared_ptr<Graph>>(),
                                     SymbolicList(inputs, "inputs"),
                                     SymbolicList(outputs, "outputs"), OperationList(targets),
                                     ToOptions(options), std::move(resources)),
                 std::move(graph)};
           }),
           py::arg("graph"), py::arg("inputs"), py::arg("outputs"),
           py::arg("targets") = py::tuple(), py::arg("resources") = nullptr,
           py::arg("options") = py::none())
      .def("run",
           [](const PyExecutable& self, const py::sequence& inputs) {
             std::vector<Array> results = RunWith(self, inputs);
             py::list list(results.size());
             for (size_t i = 0; i < results.size(); ++i) list[i] = ToNumpy(results[i]);
             return list;
           })
      .def("run_eager",
           [](const PyExecutable& self, const py::sequence& inputs) {
             std::vector<Array> results = RunWith(self, inputs);
             py::list list(results.size());
             for (size_t i = 0; i < results.size(); ++i) list[i] = WrapEager(std::move(results[i]));
             return list;
           })
      .def("explain",
           [](const PyExecutable& self, const py::sequence& inputs) {
             const std::vector<Tensor>& wanted = self.executable->inputs();
             if (inputs.size() != wanted.size()) throw TypeError("wrong number of inputs");
             std::vector<Array> feeds;
             for (size_t i = 0; i < wanted.size(); ++i) {
               feeds.push_back(Feed(inputs[i], wanted[i].dtype()));
             }
             return self.executable->Explain(feeds);
           })
      .def("stats",
           [](const PyExecutable& self) {
             Executable::Stats stats = self.executable->stats();
             py::dict result;
             result["steps"] = stats.steps;
             result["arena_bytes"] = stats.arena_bytes;
             result["programs"] = stats.programs;
             result["unlimited_arena_bytes"] = stats.unlimited_arena_bytes;
             result["repeated_steps"] = stats.repeated_steps;
             return result;
           })
      .def("_address",
           [](const PyExecutable& self) { return reinterpret_cast<intptr_t>(&self.executable); });
  BindVariables(m);
}

}  // namespace wengert::python
