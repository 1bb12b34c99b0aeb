// Attributes to Python values and back.
#include "binding.h"

namespace wengert::python {

namespace {

template <class T, class F>
py::list ToList(const std::vector<T>& items, F&& convert) {
  py::list result;
  for (const T& item : items) result.append(convert(item));
  return result;
}

py::object ShapeObject(const Shape& s) {
  return GetHooks().tensor_shape(ShapeTuple(s));
}

py::object FunctionObject(const FunctionRef& f) {
  if (f.function == nullptr) return py::str(f.name);
  return py::cast(std::const_pointer_cast<Function>(f.function));
}

FunctionRef ToFunctionRef(py::handle h, Graph* graph) {
  if (py::isinstance<py::str>(h)) {
    auto name = h.cast<std::string>();
    auto function = graph != nullptr ? graph->FindFunction(name) : nullptr;
    return {name, function};
  }
  auto function = h.cast<std::shared_ptr<Function>>();
  return {function->name, function};
}

std::string ToText(py::handle h) {
  if (PyBytes_Check(h.ptr())) return std::string(py::reinterpret_borrow<py::bytes>(h));
  if (!py::isinstance<py::str>(h)) {
    throw TypeError("Expected a string attribute value, got " + py::repr(h).cast<std::string>());
  }
  return h.cast<std::string>();
}

bool ToBool(py::handle h) {
  if (PyBool_Check(h.ptr())) return h.ptr() == Py_True;
  if (PyLong_Check(h.ptr())) return PyObject_IsTrue(h.ptr()) == 1;
  if (py::hasattr(h, "dtype")) return PyObject_IsTrue(h.ptr()) == 1;
  throw TypeError("Expected bool for an attribute, got " + py::repr(h).cast<std::string>());
}

int64_t ToInt(py::handle h) {
  if (PyFloat_Check(h.ptr()) || !PyIndex_Check(h.ptr())) {
    throw TypeError("Expected int for an attribute, not " + py::repr(h).cast<std::string>());
  }
  py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(h.ptr()));
  if (!index) throw py::error_already_set();
  return index.cast<int64_t>();
}

float ToFloat32(py::handle h) {
  double v = PyFloat_AsDouble(h.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    throw TypeError("Expected float for an attribute, not " + py::repr(h).cast<std::string>());
  }
  return static_cast<float>(v);
}

template <class F>
auto Each(py::handle h, F&& convert) {
  std::vector<decltype(convert(h))> result;
  for (py::handle item : py::reinterpret_borrow<py::object>(h)) result.push_back(convert(item));
  return result;
}

// An attribute outside the signature (name begins with '_'): by its Python type.
Attr Guess(py::handle h, Graph* graph) {
  if (PyBool_Check(h.ptr())) return Attr(h.ptr() == Py_True);
  if (PyLong_Check(h.ptr())) return Attr(h.cast<int64_t>());
  if (PyFloat_Check(h.ptr())) return Attr(h.cast<double>());
  if (py::isinstance<py::str>(h) || PyBytes_Check(h.ptr())) return Attr(ToText(h));
  if (py::isinstance<Function>(h)) return Attr(ToFunctionRef(h, graph));
  if (py::hasattr(h, "as_datatype_enum")) return Attr(ToDType(h));
  if (py::hasattr(h, "_dims")) return Attr(ToShape(h));
  if (AsEager(h) != nullptr) return Attr(AsEager(h)->array);
  if (PyList_Check(h.ptr()) || PyTuple_Check(h.ptr())) {
    py::sequence items = py::reinterpret_borrow<py::sequence>(h);
    if (items.size() > 0 && (py::isinstance<py::str>(items[0]))) return Attr(Each(h, ToText));
    return Attr(Each(h, ToInt));
  }
  throw TypeError("cannot store " + py::repr(h).cast<std::string>() + " as an attribute");
}

}  // namespace

py::object AttrToPython(const Attr& attr) {
  return std::visit(
      [](const auto& v) -> py::object {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return py::none();
        } else if constexpr (std::is_same_v<T, std::string>) {
          return py::bytes(v);
        } else if constexpr (std::is_same_v<T, DType>) {
          return DTypeObject(v);
        } else if constexpr (std::is_same_v<T, Shape>) {
          return ShapeObject(v);
        } else if constexpr (std::is_same_v<T, Array>) {
          return WrapEager(v);
        } else if constexpr (std::is_same_v<T, FunctionRef>) {
          return FunctionObject(v);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return ToList(v, [](const std::string& s) { return py::bytes(s); });
        } else if constexpr (std::is_same_v<T, std::vector<DType>>) {
          return ToList(v, DTypeObject);
        } else if constexpr (std::is_same_v<T, std::vector<Shape>>) {
          return ToList(v, ShapeObject);
        } else if constexpr (std::is_same_v<T, std::vector<FunctionRef>>) {
          return ToList(v, FunctionObject);
        } else {
          return py::cast(v);
        }
      },
      attr.value());
}

Attr AttrFromPython(py::handle h, const std::string& type, Graph* graph) {
  if (type == "type") return Attr(ToDType(h));
  if (type == "int") return Attr(ToInt(h));
  if (type == "bool") return Attr(ToBool(h));
  if (type == "float") return Attr(ToFloat32(h));
  if (type == "string") return Attr(ToText(h));
  if (type == "shape") return Attr(ToShape(h));
  if (type == "tensor") return Attr(ToArray(h, std::nullopt));
  if (type == "func") return Attr(ToFunctionRef(h, graph));
  if (type == "list(int)") return Attr(Each(h, ToInt));
  if (type == "list(float)") return Attr(Each(h, ToFloat32));
  if (type == "list(bool)") {
    std::vector<bool> flags;
    for (py::handle item : py::reinterpret_borrow<py::object>(h)) flags.push_back(ToBool(item));
    return Attr(flags);
  }
  if (type == "list(string)") return Attr(Each(h, ToText));
  if (type == "list(type)") return Attr(Each(h, ToDType));
  if (type == "list(shape)") return Attr(Each(h, ToShape));
  if (type == "list(func)") {
    return Attr(Each(h, [graph](py::handle f) { return ToFunctionRef(f, graph); }));
  }
  return Guess(h, graph);
}

}  // namespace wengert::python
