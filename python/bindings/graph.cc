// Graph and Function as Python objects.
#include <pybind11/stl.h>

#include "binding.h"

namespace wengert::python {

namespace {

void BindConstruction(py::class_<Graph, std::shared_ptr<Graph>>& cls) {
  cls.def("unique_name", &Graph::UniqueName, py::arg("name"), py::arg("mark_as_used") = true)
      .def("enter_name_scope",
           [](Graph& g, const std::string& name) { return g.EnterNameScope(name); })
      .def_property("name_scope_path", &Graph::name_scope, &Graph::set_name_scope)
      .def_property("device_name", &Graph::current_device, &Graph::set_current_device)
      .def_property("seed", &Graph::seed, &Graph::set_seed)
      .def("push_control_dependencies",
           [](Graph& g, py::object ops) {
             if (ops.is_none()) {
               g.PushControlDependencies({}, true);
             } else {
               g.PushControlDependencies(OperationList(ops));
             }
           })
      .def("pop_control_dependencies", &Graph::PopControlDependencies)
      .def(
          "add_operation",
          [](Graph& g, const std::string& type, const py::sequence& inputs, const py::dict& attrs,
             const std::string& name, const py::sequence& control_inputs) {
            OperationSpec spec;
            spec.type = type;
            spec.name = name;
            spec.inputs = SymbolicList(inputs, "inputs");
            spec.control_inputs = OperationList(control_inputs);
            const OpDef& def = OpRegistry::Global().Get(type);
            for (auto [key, value] : attrs) {
              auto text = key.cast<std::string>();
              const AttrDef* attr = def.FindAttr(text);
              spec.attrs[text] = AttrFromPython(value, attr != nullptr ? attr->type : "", &g);
            }
            return Wrap(g.AddOperation(std::move(spec)));
          },
          py::arg("op_type"), py::arg("inputs"), py::arg("attrs"), py::arg("name"),
          py::arg("control_inputs") = py::tuple());
}

void BindFunctionTracing(py::class_<Graph, std::shared_ptr<Graph>>& cls) {
  // Hooks find the Python object of their graph when they are called: owning it would be a cycle
  // that Python's collector cannot see.
  cls.def("set_capture_hooks",
          [](Graph& graph) {
            Graph* g = &graph;
            g->capture = [g](const Tensor& outer) {
              py::gil_scoped_acquire gil;
              py::object result = WrapGraph(*g).attr("_capture")(Wrap(outer));
              PySymbolicTensor* s = AsSymbolic(result);
              if (s == nullptr) throw TypeError("a capture must be a symbolic tensor");
              return s->tensor;
            };
            g->captured_from = [g](const Tensor& t) -> std::optional<Tensor> {
              if (t.op->type() != "Placeholder") return std::nullopt;
              py::gil_scoped_acquire gil;
              py::object result = WrapGraph(*g).attr("_captured_from")(Wrap(t));
              PySymbolicTensor* s = AsSymbolic(result);
              return s == nullptr ? std::nullopt : std::optional<Tensor>(s->tensor);
            };
          })
      .def("set_outer", [](Graph& g, py::object outer) { g.set_outer(GraphOf(outer)); })
      .def_property_readonly("outer",
                             [](const Graph& g) -> py::object {
                               const std::shared_ptr<Graph> outer = g.outer();
                               return outer == nullptr ? py::none() : WrapGraph(*outer);
                             })
      .def("set_gradient_override",
           [](Graph& g, const std::string& type, py::object name) -> py::object {
             auto& map = g.gradient_overrides();
             py::object previous = py::none();
             if (auto it = map.find(type); it != map.end()) previous = py::str(it->second);
             if (name.is_none()) {
               map.erase(type);
             } else {
               map[type] = name.cast<std::string>();
             }
             return previous;
           })
      .def("set_attr_scope",
           [](Graph& g, const std::string& name, py::object value) -> py::object {
             AttrMap& scope = g.attr_scope();
             py::object previous = py::none();
             if (auto it = scope.find(name); it != scope.end()) previous = AttrToPython(it->second);
             if (value.is_none()) {
               scope.erase(name);
             } else {
               scope[name] = AttrFromPython(value, "", &g);
             }
             return previous;
           })
      .def("add_function", [](Graph& g, const std::shared_ptr<Function>& f) { g.AddFunction(f); })
      .def("functions", [](Graph& g) {
        py::list result;
        for (const auto& f : g.functions()) {
          result.append(py::cast(std::const_pointer_cast<Function>(f)));
        }
        return result;
      });
}

// Python 3.11 visits the attributes of an object of a derived class by itself; visited twice, they
// would never be found to be garbage.
int TraverseGraph(PyObject* self, visitproc visit, void* arg) {
#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000
  if (Py_TYPE(self)->tp_dictoffset != 0) return 0;
#endif
  return py::detail::pybind11_traverse(self, visit, arg);
}

}  // namespace

void BindGraph(py::module_& m) {
  py::class_<Graph, std::shared_ptr<Graph>> cls(m, "Graph", py::dynamic_attr(),
                                                py::custom_type_setup([](PyHeapTypeObject* type) {
                                                  type->ht_type.tp_traverse = &TraverseGraph;
                                                }));
  cls.def(py::init([] { return Graph::Create(); }))
      .def_property_readonly("finalized", &Graph::finalized)
      .def_property_readonly("version", &Graph::version)
      .def_property_readonly("num_operations", &Graph::num_operations)
      .def_property_readonly("ordered", &Graph::is_ordered)
      .def("get_operations",
           [](Graph& g) {
             py::list result(g.num_operations());
             for (int64_t i = 0; i < g.num_operations(); ++i) result[i] = Wrap(g.operation(i));
             return result;
           })
      .def("stateful_operations",
           [](Graph& g) {
             py::list result;
             for (int64_t i = 0; i < g.num_operations(); ++i) {
               Operation* op = g.operation(i);
               if (op->def().stateful() && op->type() != "Placeholder") result.append(Wrap(op));
             }
             return result;
           })
      .def("operation_at",
           [](Graph& g, int64_t i) {
             if (i < 0 || i >= g.num_operations()) throw py::index_error();
             return Wrap(g.operation(i));
           })
      .def("find_operation",
           [](Graph& g, const std::string& n) { return Wrap(g.FindOperation(n)); })
      .def("finalize", &Graph::Finalize)
      .def("unfinalize", &Graph::Unfinalize)
      .def("to_text", &Graph::ToText)
      .def("to_dot", &Graph::ToDot);
  BindConstruction(cls);
  BindFunctionTracing(cls);

  py::class_<Function, std::shared_ptr<Function>>(m, "Function", py::dynamic_attr())
      .def(py::init([](std::string name, std::shared_ptr<Graph> graph, const py::sequence& inputs,
                       const py::sequence& outputs, const py::sequence& control_outputs) {
             auto f = std::make_shared<Function>();
             f->name = std::move(name);
             f->graph = std::move(graph);
             f->inputs = SymbolicList(inputs, "inputs of a function");
             f->outputs = SymbolicList(outputs, "outputs of a function");
             f->control_outputs = OperationList(control_outputs);
             return f;
           }),
           py::arg("name"), py::arg("graph"), py::arg("inputs"), py::arg("outputs"),
           py::arg("control_outputs") = py::tuple())
      .def_readonly("name", &Function::name)
      .def_property_readonly("graph", [](const Function& f) { return WrapGraph(*f.graph); })
      .def_property_readonly("inputs",
                             [](const Function& f) {
                               py::list result;
                               for (const Tensor& t : f.inputs) result.append(Wrap(t));
                               return result;
                             })
      .def_property_readonly("outputs", [](const Function& f) {
        py::list result;
        for (const Tensor& t : f.outputs) result.append(Wrap(t));
        return result;
      });
}

}  // namespace wengert::python
