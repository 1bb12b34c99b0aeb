// Hooks installed by the package, the stack of graphs being built, dtypes, shapes, errors.
#include <mutex>

#include "binding.h"
#include "wengert/random.h"

namespace wengert::python {

Hooks& GetHooks() {
  // Leaked on purpose: Python objects must not be released after the interpreter is gone.
  static Hooks* hooks = new Hooks;
  return *hooks;
}

namespace {

// A graph being built, with what its object stands for.
struct Entry {
  py::object object;
  Graph* graph;
};

struct Context {
  std::vector<Entry> stack;
};

Context& ThreadContext() {
  thread_local Context* context = new Context;
  return *context;
}

py::object& DefaultGraph() {
  static py::object* graph = new py::object(py::none());
  return *graph;
}

const char* ErrorName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kCancelled:
      return "Cancelled";
    case ErrorKind::kUnknown:
      return "Unknown";
    case ErrorKind::kInvalidArgument:
      return "InvalidArgument";
    case ErrorKind::kDeadlineExceeded:
      return "DeadlineExceeded";
    case ErrorKind::kNotFound:
      return "NotFound";
    case ErrorKind::kAlreadyExists:
      return "AlreadyExists";
    case ErrorKind::kPermissionDenied:
      return "PermissionDenied";
    case ErrorKind::kResourceExhausted:
      return "ResourceExhausted";
    case ErrorKind::kFailedPrecondition:
      return "FailedPrecondition";
    case ErrorKind::kAborted:
      return "Aborted";
    case ErrorKind::kOutOfRange:
      return "OutOfRange";
    case ErrorKind::kUnimplemented:
      return "Unimplemented";
    case ErrorKind::kInternal:
      return "Internal";
    case ErrorKind::kUnavailable:
      return "Unavailable";
    case ErrorKind::kDataLoss:
      return "DataLoss";
    default:
      return nullptr;
  }
}

PyObject* BuiltinError(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kValueError:
      return PyExc_ValueError;
    case ErrorKind::kTypeError:
      return PyExc_TypeError;
    case ErrorKind::kLookupError:
      return PyExc_LookupError;
    case ErrorKind::kKeyError:
      return PyExc_KeyError;
    case ErrorKind::kIndexError:
      return PyExc_IndexError;
    case ErrorKind::kNotImplementedError:
      return PyExc_NotImplementedError;
    case ErrorKind::kAttributeError:
      return PyExc_AttributeError;
    case ErrorKind::kAssertionError:
      return PyExc_AssertionError;
    case ErrorKind::kMemoryError:
      return PyExc_MemoryError;
    default:
      return PyExc_RuntimeError;
  }
}

void SetPythonError(const Error& e) {
  const char* name = ErrorName(e.kind());
  py::dict& errors = GetHooks().errors;
  if (name != nullptr && errors && errors.contains(name)) {
    py::object cls = errors[name];
    py::object value = cls(py::none(), py::none(), e.what());
    if (!e.op_name().empty()) value.attr("_op_name") = e.op_name();
    PyErr_SetObject(cls.ptr(), value.ptr());
    return;
  }
  PyErr_SetString(BuiltinError(e.kind()), e.what());
}

}  // namespace

void RegisterErrorTranslation() {
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const Error& e) {
      SetPythonError(e);
    }
  });
}

Graph* GraphOf(py::handle graph) {
  if (graph.is_none()) return nullptr;
  const std::vector<Entry>& stack = ThreadContext().stack;
  if (!stack.empty() && stack.back().object.is(graph)) return stack.back().graph;
  return graph.cast<Graph*>();
}

py::object CurrentGraph() {
  const std::vector<Entry>& stack = ThreadContext().stack;
  return stack.empty() ? DefaultGraph() : stack.back().object;
}

GraphScope::GraphScope(py::object graph) {
  Graph* const core = GraphOf(graph);
  ThreadContext().stack.push_back({std::move(graph), core});
}

GraphScope::~GraphScope() {
  ThreadContext().stack.pop_back();
}

py::object DTypeObject(DType dtype) {
  const py::object& object = GetHooks().dtypes[static_cast<int>(dtype)];
  return object ? object : py::none();
}

py::dtype NumpyDType(DType dtype) {
  switch (dtype) {
    case DType::kString:
    case DType::kResource:
    case DType::kVariant:
      return py::dtype("O");
    case DType::kBFloat16:
      return DTypeObject(dtype).attr("_storage_numpy_dtype").cast<py::dtype>();
    default:
      return py::dtype(std::string(Name(dtype)));
  }
}

DType FromNumpyDType(const py::dtype& dtype) {
  switch (dtype.kind()) {
    case 'f':
      return dtype.itemsize() == 4   ? DType::kFloat32
             : dtype.itemsize() == 8 ? DType::kFloat64
             : dtype.itemsize() == 2 ? DType::kFloat16
                                     : DType::kInvalid;
    case 'i':
      return dtype.itemsize() == 4   ? DType::kInt32
             : dtype.itemsize() == 8 ? DType::kInt64
             : dtype.itemsize() == 2 ? DType::kInt16
                                     : DType::kInt8;
    case 'u':
      return dtype.itemsize() == 4   ? DType::kUInt32
             : dtype.itemsize() == 8 ? DType::kUInt64
             : dtype.itemsize() == 2 ? DType::kUInt16
                                     : DType::kUInt8;
    case 'b':
      return DType::kBool;
    case 'c':
      return dtype.itemsize() == 8    ? DType::kComplex64
             : dtype.itemsize() == 16 ? DType::kComplex128
                                      : DType::kInvalid;
    case 'O':
    case 'S':
    case 'U':
      return DType::kString;
    default: {
      // Extension dtypes (ml_dtypes) by name.
      auto name = py::str(dtype.attr("name")).cast<std::string>();
      return name == "bfloat16" ? DType::kBFloat16 : DType::kInvalid;
    }
  }
}

DType ToDType(py::handle h) {
  const py::object* const known = GetHooks().dtypes;
  for (int i = 0; i < kNumDTypes; ++i) {
    if (known[i] && !known[i].is_none() && known[i].is(h)) return static_cast<DType>(i);
  }
  if (py::hasattr(h, "as_datatype_enum")) {
    int number = h.attr("as_datatype_enum").cast<int>();
    if (number > 0 && number < kNumDTypes) return static_cast<DType>(number);
  }
  if (py::isinstance<py::str>(h)) {
    if (auto d = ParseDType(h.cast<std::string>())) return *d;
  }
  if (PyType_Check(h.ptr())) {
    if (h.ptr() == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::kFloat32;
    if (h.ptr() == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::kBool;
    if (h.ptr() == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::kInt32;
    if (h.ptr() == reinterpret_cast<PyObject*>(&PyUnicode_Type) ||
        h.ptr() == reinterpret_cast<PyObject*>(&PyBytes_Type)) {
      return DType::kString;
    }
    if (h.ptr() == reinterpret_cast<PyObject*>(&PyComplex_Type)) return DType::kComplex128;
  }
  if (PyLong_CheckExact(h.ptr())) {
    int number = h.cast<int>();
    if (number > 0 && number < kNumDTypes) return static_cast<DType>(number);
  }
  try {
    DType d = FromNumpyDType(py::dtype::from_args(py::reinterpret_borrow<py::object>(h)));
    if (d != DType::kInvalid && !h.is_none()) return d;
  } catch (py::error_already_set&) {
  }
  throw TypeError("Cannot convert the argument `type_value`: " + py::repr(h).cast<std::string>() +
                  " to a TensorFlow DType.");
}

std::optional<DType> ToOptionalDType(py::handle h) {
  if (!h || h.is_none()) return std::nullopt;
  return ToDType(h);
}

namespace {

int64_t ToDim(py::handle h) {
  if (h.is_none()) return kUnknownDim;
  if (PyLong_CheckExact(h.ptr())) {
    const auto value = h.cast<int64_t>();
    if (value >= -1) return value;
  }
  if (py::hasattr(h, "value") && !PyNumber_Check(h.ptr())) return ToDim(h.attr("value"));
  if (!PyIndex_Check(h.ptr())) {
    if (py::hasattr(h, "value")) return ToDim(h.attr("value"));
    throw TypeError(
        "Dimension value must be integer or None or have an __index__ method, got value '" +
        py::repr(h).cast<std::string>() + "' with type '" +
        py::repr(py::type::of(h)).cast<std::string>() + "'");
  }
  py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(h.ptr()));
  if (!index) throw py::error_already_set();
  auto value = index.cast<int64_t>();
  return value < -1 ? throw ValueError("Dimension " + std::to_string(value) + " must be >= 0")
                    : value;
}

}  // namespace

Shape ToShape(py::handle h) {
  if (h.is_none()) return Shape::Unknown();
  if (PyTuple_CheckExact(h.ptr()) || PyList_CheckExact(h.ptr())) {
    Dims dims;
    for (py::handle item : py::reinterpret_borrow<py::sequence>(h)) dims.push_back(ToDim(item));
    return Shape(std::move(dims));
  }
  if (py::hasattr(h, "rank") && py::hasattr(h, "_dims")) {
    py::object dims = h.attr("_dims");
    if (dims.is_none()) return Shape::Unknown();
    return ToShape(dims);
  }
  if (PyEagerTensor* eager = AsEager(h)) return Shape(Dims(eager->array.AsInts()));
  if (PyIndex_Check(h.ptr()) && !PySequence_Check(h.ptr())) return Shape(Dims{ToDim(h)});
  Dims dims;
  for (py::handle item : py::reinterpret_borrow<py::object>(h)) dims.push_back(ToDim(item));
  return Shape(std::move(dims));
}

py::object ShapeTuple(const Shape& shape) {
  if (!shape.has_rank()) return py::none();
  py::tuple result(shape.rank());
  for (int i = 0; i < shape.rank(); ++i) {
    result[i] = shape.dim(i) < 0 ? py::object(py::none()) : py::object(py::int_(shape.dim(i)));
  }
  return result;
}

void BindState(py::module_& m) {
  m.def("install", [](const py::sequence& dtypes, py::object convert, py::dict errors,
                      py::object tensor_shape, py::object indexed_slices) {
    Hooks& hooks = GetHooks();
    for (size_t i = 0; i < dtypes.size() && i < kNumDTypes; ++i) hooks.dtypes[i] = dtypes[i];
    hooks.convert = std::move(convert);
    hooks.errors = std::move(errors);
    hooks.tensor_shape = std::move(tensor_shape);
    hooks.indexed_slices = std::move(indexed_slices);
  });
  m.def("push_graph", [](py::object graph) {
    Graph* const core = GraphOf(graph);  // checks the type
    ThreadContext().stack.push_back({std::move(graph), core});
  });
  m.def("pop_graph", [] {
    if (ThreadContext().stack.empty()) throw RuntimeError("the stack of graphs is empty");
    ThreadContext().stack.pop_back();
  });
  m.def("current_graph", &CurrentGraph);
  m.def("graph_stack", [] {
    py::list result;
    for (const Entry& e : ThreadContext().stack) result.append(e.object);
    return result;
  });
  m.def("set_default_graph", [](py::object graph) {
    GraphOf(graph);
    DefaultGraph() = std::move(graph);
  });
  m.def("restart_random_streams", &RestartRandomStreams);
  m.def("set_num_threads", &SetNumThreads);
  m.def("num_threads", &NumThreads);
  m.def("set_memory_budget", &SetMemoryBudget);
  m.def("memory_budget", &MemoryBudget);
  m.def("available_isas", &AvailableIsas);
  m.def("current_isa", &CurrentIsa);
  m.def("use_isa", &UseIsa);
  m.def("blas_description", &BlasDescription);
}

}  // namespace wengert::python
