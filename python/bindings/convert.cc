// tf.convert_to_tensor: constants, packing of lists that hold tensors, captures.
#include "binding.h"

namespace wengert::python {

Tensor ConstantInGraph(const Array& value, const std::string& name, Graph& graph) {
  return Builder(graph).Constant(value, name);
}

namespace {

std::string TensorText(py::handle value) {
  return py::repr(value).cast<std::string>();
}

void CheckDType(py::handle value, DType own, std::optional<DType> dtype) {
  if (dtype && *dtype != own) {
    throw ValueError("Tensor conversion requested dtype " + std::string(Name(*dtype)) +
                     " for Tensor with dtype " + Name(own) + ": " + TensorText(value));
  }
}

// An eager tensor, or a tensor of another graph, used in `graph`.
Tensor Capture(py::handle value, const std::string& name, const py::object& py_graph) {
  if (!py::hasattr(py_graph, "_capture")) {
    if (AsEager(value) != nullptr) {
      throw RuntimeError("Attempting to capture an EagerTensor without building a function.");
    }
    return AsSymbolic(value)->tensor;  // the operation that takes it says what is wrong
  }
  py::object result = py_graph.attr("_capture")(value, name);
  PySymbolicTensor* symbolic = AsSymbolic(result);
  if (symbolic == nullptr) throw TypeError("a capture must be a symbolic tensor");
  return symbolic->tensor;
}

// Whether a nested list or tuple holds a tensor anywhere; its dtype.
std::optional<DType> TensorDTypeIn(py::handle value, int depth) {
  if (PySymbolicTensor* s = AsSymbolic(value)) return s->tensor.dtype();
  if (PyEagerTensor* e = AsEager(value)) return e->array.dtype();
  if ((PyList_Check(value.ptr()) || PyTuple_Check(value.ptr())) && depth < 64) {
    for (py::handle item : py::reinterpret_borrow<py::sequence>(value)) {
      if (auto d = TensorDTypeIn(item, depth + 1)) return d;
    }
    return std::nullopt;
  }
  if (!IsPlainValue(value) && !value.is_none() && py::hasattr(value, "dtype")) {
    return ToOptionalDType(value.attr("dtype"));
  }
  return std::nullopt;
}

Tensor Pack(py::handle value, DType dtype, const std::string& name, Graph& graph,
            const py::object& py_graph) {
  std::string previous = graph.name_scope();
  std::string scope = graph.EnterNameScope(name);
  OperationSpec spec;
  try {
    size_t i = 0;
    for (py::handle item : py::reinterpret_borrow<py::sequence>(value)) {
      std::string item_name = std::to_string(i++);
      spec.inputs.push_back(ConvertInGraph(item, dtype, item_name, std::nullopt, graph, py_graph));
    }
  } catch (...) {
    graph.set_name_scope(previous);
    throw;
  }
  spec.type = "Pack";
  spec.name = scope;
  spec.attrs = {{"axis", Attr(0)}};
  Tensor packed;
  try {
    packed = graph.AddOperation(std::move(spec))->output(0);
  } catch (...) {
    graph.set_name_scope(previous);
    throw;
  }
  graph.set_name_scope(previous);
  return packed;
}

}  // namespace

Tensor ConvertInGraph(py::handle value, std::optional<DType> dtype, const std::string& name,
                      std::optional<DType> preferred, Graph& graph, const py::object& py_graph) {
  if (PySymbolicTensor* symbolic = AsSymbolic(value)) {
    CheckDType(value, symbolic->tensor.dtype(), dtype);
    return symbolic->tensor;  // of another graph: captured by the operation that reads it
  }
  if (PyEagerTensor* eager = AsEager(value)) {
    CheckDType(value, eager->array.dtype(), dtype);
    return Capture(value, name, py_graph);
  }
  if (IsPlainValue(value)) return ConstantInGraph(ToArray(value, dtype, preferred), name, graph);
  if (value.is_none()) throw ValueError("None values not supported.");
  if (PyList_Check(value.ptr()) || PyTuple_Check(value.ptr())) {
    if (auto inner = TensorDTypeIn(value, 0)) {
      return Pack(value, dtype.value_or(*inner), name.empty() ? "packed" : name, graph, py_graph);
    }
  }
  py::object converted = GetHooks().convert(value, dtype ? DTypeObject(*dtype) : py::none(), name,
                                            preferred ? DTypeObject(*preferred) : py::none());
  if (PySymbolicTensor* symbolic = AsSymbolic(converted)) {
    CheckDType(converted, symbolic->tensor.dtype(), dtype);
    return symbolic->tensor;
  }
  if (AsEager(converted) != nullptr) return Capture(converted, name, py_graph);
  return ConstantInGraph(ToArray(value, dtype, preferred), name, graph);
}

EagerValue ConvertEagerValue(py::handle value, std::optional<DType> dtype,
                             std::optional<DType> preferred) {
  if (PyEagerTensor* eager = AsEager(value)) {
    CheckDType(value, eager->array.dtype(), dtype);
    return eager->value();
  }
  if (AsSymbolic(value) != nullptr) {
    throw TypeError(TensorText(value) +
                    " is out of scope and cannot be used here. Use return values, explicit Python "
                    "locals or TensorFlow collections to access it.");
  }
  if (IsPlainValue(value)) return {ToArray(value, dtype, preferred), 0};
  if (value.is_none()) {
    throw ValueError(
        "Attempt to convert a value (None) with an unsupported type (<class "
        "'NoneType'>) to a Tensor.");
  }
  if (PyList_Check(value.ptr()) || PyTuple_Check(value.ptr())) {
    if (auto inner = TensorDTypeIn(value, 0)) {
      std::vector<EagerValue> items;
      for (py::handle item : py::reinterpret_borrow<py::sequence>(value)) {
        items.push_back(ConvertEagerValue(item, dtype.value_or(*inner), std::nullopt));
      }
      AttrMap attrs{{"N", Attr(static_cast<int64_t>(items.size()))}, {"axis", Attr(0)}};
      return Execute(OpRegistry::Global().Get("Pack"), items, attrs).at(0);
    }
  }
  py::object converted = GetHooks().convert(value, dtype ? DTypeObject(*dtype) : py::none(), "",
                                            preferred ? DTypeObject(*preferred) : py::none());
  if (PyEagerTensor* eager = AsEager(converted)) {
    CheckDType(converted, eager->array.dtype(), dtype);
    return eager->value();
  }
  return {ToArray(value, dtype, preferred), 0};
}

Array ConvertEager(py::handle value, std::optional<DType> dtype, std::optional<DType> preferred) {
  return ConvertEagerValue(value, dtype, preferred).array;
}

void BindConvert(py::module_& m) {
  m.def(
      "convert",
      [](py::object value, py::object dtype, py::object name, py::object preferred) -> py::object {
        py::object graph = CurrentGraph();
        auto wanted = ToOptionalDType(dtype), hint = ToOptionalDType(preferred);
        if (graph.is_none()) {
          if (PyEagerTensor* e = AsEager(value); e != nullptr) {
            CheckDType(value, e->array.dtype(), wanted);
            return value;
          }
          EagerValue converted = ConvertEagerValue(value, wanted, hint);
          // A literal becomes a tensor that can be watched.
          return converted.id == 0 ? WrapEager(std::move(converted.array))
                                   : WrapEager(std::move(converted));
        }
        std::string text = name.is_none() ? "Const" : name.cast<std::string>();
        Graph& g = *GraphOf(graph);
        // A list that must be packed takes its own default name.
        if (name.is_none() && (PyList_Check(value.ptr()) || PyTuple_Check(value.ptr())) &&
            !IsPlainValue(value)) {
          text = "packed";
        }
        return Wrap(ConvertInGraph(value, wanted, text, hint, g, graph));
      },
      py::arg("value"), py::arg("dtype") = py::none(), py::arg("name") = py::none(),
      py::arg("preferred_dtype") = py::none());
  m.def(
      "constant",
      [](py::object value, py::object dtype, py::object shape, const std::string& name) {
        py::object graph = CurrentGraph();
        Array array;
        try {
          array = ToArray(value, ToOptionalDType(dtype));
        } catch (const Error& e) {
          // In a graph TensorFlow leaves it to NumPy to say what is wrong with a ragged list.
          bool ragged = std::string(e.what()).find("non-rectangular") != std::string::npos;
          if (ragged && !graph.is_none()) py::module_::import("numpy").attr("array")(value);
          throw;
        }
        if (!shape.is_none()) {
          Shape wanted = ToShape(shape);
          if (!wanted.fully_defined()) throw TypeError("the shape of a constant must be known");
          if (NumElements(wanted.dims()) == array.size()) {
            array = array.Reshaped(wanted.dims());
          } else if (array.size() == 1) {
            Array filled(array.dtype(), wanted.dims());
            if (IsPlainData(array.dtype())) {
              size_t size = SizeOf(array.dtype());
              for (int64_t i = 0; i < filled.size(); ++i) {
                std::memcpy(static_cast<char*>(filled.raw()) + i * size, array.raw(), size);
              }
            } else {
              for (auto& s : filled.strings()) s = array.strings()[0];
            }
            array = filled;
          } else {
            throw TypeError("Eager execution of tf.constant with unsupported shape. Tensor " +
                            TensorText(value) + " (converted from " + TensorText(value) + ") has " +
                            std::to_string(array.size()) + " elements, but got `shape` " +
                            wanted.ToPython() + " with " +
                            std::to_string(NumElements(wanted.dims())) + " elements).");
          }
        }
        if (graph.is_none()) return WrapEager(std::move(array));
        return Wrap(ConstantInGraph(array, name, *GraphOf(graph)));
      },
      py::arg("value"), py::arg("dtype") = py::none(), py::arg("shape") = py::none(),
      py::arg("name") = "Const");
  m.def(
      "to_numpy",
      [](py::object value, py::object dtype) {
        py::object result = ToNumpy(ToArray(value, ToOptionalDType(dtype)));
        return py::module_::import("numpy").attr("asarray")(result);
      },
      py::arg("value"), py::arg("dtype") = py::none());
  m.def("static_value", [](py::object tensor) -> py::object {
    if (PyEagerTensor* e = AsEager(tensor)) return ToNumpy(e->array);
    PySymbolicTensor* s = AsSymbolic(tensor);
    if (s == nullptr) throw TypeError("static_value takes a tensor");
    auto value = s->tensor.graph().StaticValue(s->tensor);
    return value ? ToNumpy(*value) : py::none();
  });
  m.def("evaluate_constant", [](py::object tensor) -> py::object {
    if (PyEagerTensor* e = AsEager(tensor)) return ToNumpy(e->array);
    PySymbolicTensor* s = AsSymbolic(tensor);
    if (s == nullptr) throw TypeError("evaluate_constant takes a tensor");
    auto value = s->tensor.graph().EvaluateConstant(s->tensor);
    return value ? ToNumpy(*value) : py::none();
  });
  m.def("value_as_shape", [](py::object tensor) -> py::object {
    if (PyEagerTensor* e = AsEager(tensor)) return ShapeTuple(Shape(Dims(e->array.AsInts())));
    PySymbolicTensor* s = AsSymbolic(tensor);
    if (s == nullptr) throw TypeError("value_as_shape takes a tensor");
    auto value = s->tensor.graph().ValueAsShape(s->tensor);
    return value ? ShapeTuple(*value) : py::none();
  });
}

}  // namespace wengert::python
