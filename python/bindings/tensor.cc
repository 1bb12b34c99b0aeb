// Tensor, SymbolicTensor, EagerTensor and Operation as Python objects.
#include "binding.h"
#include "eager_pool.h"

namespace wengert::python {

namespace {

PyTypeObject* symbolic_type = nullptr;
PyTypeObject* eager_type = nullptr;
PyTypeObject* operation_type = nullptr;

// A tensor or operation holds its graph, which may hold it in turn (collections, captures, results
// of a function): Python's collector must see both ways. Clearing the attributes of the graph's
// object is enough to break such a cycle, so that the reference here stays whole until the end.
template <class T>
int TraverseElement(PyObject* self, visitproc visit, void* arg) {
  auto* instance = reinterpret_cast<py::detail::instance*>(self);
  auto* element = static_cast<T*>(instance->simple_value_holder[0]);
  if (instance->simple_holder_constructed && element != nullptr) Py_VISIT(element->graph.ptr());
  return py::detail::pybind11_traverse(self, visit, arg);
}

// What an object of exactly this type holds; null for others. Spares the look-up of casts.
template <class T>
T* Element(py::handle h, PyTypeObject* type) {
  if (Py_TYPE(h.ptr()) != type) return nullptr;
  return static_cast<T*>(reinterpret_cast<py::detail::instance*>(h.ptr())->simple_value_holder[0]);
}

template <class T>
py::custom_type_setup Traversed() {
  return py::custom_type_setup(
      [](PyHeapTypeObject* type) { type->ht_type.tp_traverse = &TraverseElement<T>; });
}

}  // namespace

py::object WrapGraph(Graph& graph) {
  // Wrapping is mostly of the graph being built: spare the look-up.
  py::object current = CurrentGraph();
  if (!current.is_none() && GraphOf(current) == &graph) return current;
  py::object object = py::cast(graph.shared_from_this());
  // The graph of a gradient function was made without Python: its object becomes a full one.
  static const py::handle bare = py::type::of<Graph>().release();
  if (Py_TYPE(object.ptr()) == reinterpret_cast<PyTypeObject*>(bare.ptr())) {
    py::module_::import("wengert._graph").attr("adopt")(object);
  }
  return object;
}

py::object Wrap(const Tensor& t) {
  if (!t) return py::none();
  void*& slot = t.op->binding_slot(t.index);
  if (slot != nullptr) return py::reinterpret_borrow<py::object>(static_cast<PyObject*>(slot));
  py::object object = py::cast(PySymbolicTensor(WrapGraph(t.graph()), t));
  slot = object.ptr();
  return object;
}

py::object Wrap(Operation* op) {
  if (op == nullptr) return py::none();
  void*& slot = op->binding_slot();
  if (slot != nullptr) return py::reinterpret_borrow<py::object>(static_cast<PyObject*>(slot));
  py::object object = py::cast(PyOperation(WrapGraph(op->graph()), op));
  slot = object.ptr();
  return object;
}

py::object Wrap(const Grad& grad) {
  if (grad.none()) return py::none();
  if (!grad.is_slices()) return Wrap(grad.tensor());
  const IndexedSlices& s = grad.slices();
  return GetHooks().indexed_slices(Wrap(s.values), Wrap(s.indices), Wrap(s.dense_shape));
}

py::object WrapEager(Array array) {
  return NewEager(NewValue(std::move(array)));
}

py::object WrapEager(EagerValue value) {
  return NewEager(std::move(value));
}

PySymbolicTensor* AsSymbolic(py::handle h) {
  return Element<PySymbolicTensor>(h, symbolic_type);
}
PyEagerTensor* AsEager(py::handle h) {
  return Element<PyEagerTensor>(h, eager_type);
}
PyOperation* AsOperation(py::handle h) {
  return Element<PyOperation>(h, operation_type);
}
bool IsIndexedSlices(py::handle h) {
  return py::isinstance(h, GetHooks().indexed_slices);
}

std::vector<Tensor> SymbolicList(const py::sequence& items, const char* what) {
  std::vector<Tensor> result;
  for (py::handle item : items) {
    PySymbolicTensor* s = AsSymbolic(item);
    if (s == nullptr) {
      throw TypeError(std::string(what) + " must be symbolic tensors, got " +
                      py::repr(item).cast<std::string>());
    }
    result.push_back(s->tensor);
  }
  return result;
}

std::vector<Operation*> OperationList(const py::sequence& items) {
  std::vector<Operation*> result;
  for (py::handle item : items) {
    if (PyOperation* op = AsOperation(item)) {
      result.push_back(op->op);
    } else if (PySymbolicTensor* s = AsSymbolic(item)) {
      result.push_back(s->tensor.op);
    } else {
      throw TypeError("expected operations, got " + py::repr(item).cast<std::string>());
    }
  }
  return result;
}

namespace {

const Shape& StaticShape(py::handle self, Shape* buffer) {
  if (PySymbolicTensor* s = AsSymbolic(self)) return s->tensor.shape();
  *buffer = Shape(AsEager(self)->array.dims());
  return *buffer;
}

DType DTypeOfTensor(py::handle self) {
  if (PySymbolicTensor* s = AsSymbolic(self)) return s->tensor.dtype();
  return AsEager(self)->array.dtype();
}

void BindTensorBase(py::module_& m) {
  py::class_<PyTensor>(m, "Tensor", py::dynamic_attr(), "Base of symbolic and eager tensors.")
      .def_property_readonly("dtype",
                             [](py::handle self) { return DTypeObject(DTypeOfTensor(self)); })
      .def_property_readonly(
          "shape",
          [](py::handle self) {
            Shape buffer;
            return GetHooks().tensor_shape(ShapeTuple(StaticShape(self, &buffer)));
          })
      .def("_shape_tuple",
           [](py::handle self) {
             Shape buffer;
             return ShapeTuple(StaticShape(self, &buffer));
           })
      .def("_rank", [](py::handle self) -> py::object {
        Shape buffer;
        const Shape& shape = StaticShape(self, &buffer);
        return shape.has_rank() ? py::object(py::int_(shape.rank())) : py::none();
      });
}

void BindOperation(py::module_& m) {
  auto cls = py::class_<PyOperation>(m, "Operation", py::dynamic_attr(), Traversed<PyOperation>());
  cls.def_property_readonly("name", [](const PyOperation& o) { return o.op->name(); })
      .def_property_readonly("type", [](const PyOperation& o) { return o.op->type(); })
      .def_property_readonly("graph", [](const PyOperation& o) { return o.graph; })
      .def_property_readonly("id", [](const PyOperation& o) { return o.op->id(); })
      .def_property_readonly("inputs",
                             [](const PyOperation& o) {
                               py::tuple result(o.op->num_inputs());
                               for (int i = 0; i < o.op->num_inputs(); ++i) {
                                 result[i] = Wrap(o.op->input(i));
                               }
                               return result;
                             })
      .def_property_readonly("outputs",
                             [](const PyOperation& o) {
                               py::list result(o.op->num_outputs());
                               for (int i = 0; i < o.op->num_outputs(); ++i) {
                                 result[i] = Wrap(o.op->output(i));
                               }
                               return result;
                             })
      .def_property_readonly("control_inputs",
                             [](const PyOperation& o) {
                               py::list result;
                               for (Operation* c : o.op->control_inputs()) result.append(Wrap(c));
                               return result;
                             })
      .def_property(
          "device", [](const PyOperation& o) { return o.op->device(); },
          [](const PyOperation& o, const std::string& device) { o.op->set_device(device); })
      .def_property_readonly("location", [](const PyOperation& o) { return o.op->location(); })
      .def("get_attr",
           [](const PyOperation& o, const std::string& name) {
             const Attr* attr = o.op->FindAttr(name);
             if (attr == nullptr) {
               throw ValueError("Operation '" + o.op->name() + "' has no attr named '" + name +
                                "'.");
             }
             return AttrToPython(*attr);
           })
      .def("attrs",
           [](const PyOperation& o) {
             py::dict result;
             for (const auto& [name, value] : o.op->attrs()) {
               result[py::str(name)] = AttrToPython(value);
             }
             return result;
           })
      .def("set_attr",
           [](const PyOperation& o, const std::string& name, py::object value) {
             const AttrDef* def = o.op->def().FindAttr(name);
             o.op->SetAttr(name,
                           AttrFromPython(value, def != nullptr ? def->type : "", &o.op->graph()));
           })
      .def("update_input",
           [](const PyOperation& o, int index, py::object tensor) {
             PySymbolicTensor* s = AsSymbolic(tensor);
             if (s == nullptr) {
               throw TypeError("tensor must be a Tensor: " + py::repr(tensor).cast<std::string>());
             }
             o.op->graph().UpdateInput(o.op, index, s->tensor);
           })
      .def("add_control_inputs", [](const PyOperation& o, const py::sequence& ops) {
        for (Operation* c : OperationList(ops)) o.op->graph().AddControlInput(o.op, c);
      });
  operation_type = reinterpret_cast<PyTypeObject*>(cls.ptr());
}

}  // namespace

void BindTensor(py::module_& m) {
  BindTensorBase(m);
  BindOperation(m);

  auto symbolic = py::class_<PySymbolicTensor, PyTensor>(m, "SymbolicTensor", py::dynamic_attr(),
                                                         Traversed<PySymbolicTensor>());
  symbolic_type = reinterpret_cast<PyTypeObject*>(symbolic.ptr());
  symbolic_type->tp_name = "SymbolicTensor";  // as Python's own messages show it
  symbolic.def_property_readonly("name", [](const PySymbolicTensor& t) { return t.tensor.name(); })
      .def_property_readonly("op", [](const PySymbolicTensor& t) { return Wrap(t.tensor.op); })
      .def_property_readonly("graph", [](const PySymbolicTensor& t) { return t.graph; })
      .def_property_readonly("value_index",
                             [](const PySymbolicTensor& t) { return t.tensor.index; })
      .def("consumers",
           [](const PySymbolicTensor& t) {
             py::list result;
             for (Operation* op : t.tensor.graph().Consumers(t.tensor)) result.append(Wrap(op));
             return result;
           })
      .def("set_shape_tuple", [](const PySymbolicTensor& t, py::object shape) {
        t.tensor.graph().SetShape(t.tensor, ToShape(shape));
      });

  auto eager = py::class_<PyEagerTensor, PyTensor>(m, "EagerTensor", py::dynamic_attr());
  eager_type = reinterpret_cast<PyTypeObject*>(eager.ptr());
  PoolEagerTensors(eager_type);
  eager
      .def(py::init([](py::object value, py::object dtype) {
             return PyEagerTensor(
                 NewValue(ConvertEager(value, ToOptionalDType(dtype), std::nullopt)));
           }),
           py::arg("value"), py::arg("dtype") = py::none())
      .def("numpy", [](const PyEagerTensor& t) { return ToNumpy(t.array); })
      .def("_id", [](const PyEagerTensor& t) { return t.id; })
      .def("_resource_key", [](const PyEagerTensor& t) {
        if (t.array.dtype() != DType::kResource) throw TypeError("not a resource handle");
        return reinterpret_cast<intptr_t>(t.array.resources().at(0).get());
      });
}

}  // namespace wengert::python
