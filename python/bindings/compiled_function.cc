// CompiledFunction: the low-latency call. A raw vectorcall type over the NumPy C API, because
// the argument handling of a general binding costs several times the work of a small program.
#define WENGERT_IMPORTS_NUMPY_API
#include "compiled_call.h"

#include <structmember.h>

#include <cstring>

namespace wengert::python {

namespace {

int TypeNumber(DType dtype) {
  return NumpyDType(dtype).num();
}

CompiledFunctionObject* Self(PyObject* o) {
  return reinterpret_cast<CompiledFunctionObject*>(o);
}

PyObject* Raise(const char* message) {
  PyErr_SetString(PyExc_TypeError, message);
  return nullptr;
}

// Checks the caller's output arrays once per call; only their kind, as shapes come later.
void CheckOut(CompiledFunctionObject* self, PyObject* out) {
  if (!PyTuple_Check(out) && !PyList_Check(out)) {
    throw TypeError("out must be a list or tuple of arrays");
  }
  size_t n = static_cast<size_t>(PySequence_Fast_GET_SIZE(out));
  if (n != self->output_types->size()) {
    throw ValueError("out must hold " + std::to_string(self->output_types->size()) +
                     " arrays, got " + std::to_string(n));
  }
  for (size_t i = 0; i < n; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(out, static_cast<Py_ssize_t>(i));
    bool ok = PyArray_Check(item) &&
              PyArray_TYPE(reinterpret_cast<PyArrayObject*>(item)) == (*self->output_types)[i] &&
              PyArray_ISCARRAY(reinterpret_cast<PyArrayObject*>(item));
    if (!ok) {
      throw TypeError("out[" + std::to_string(i) +
                      "] must be a writable C-contiguous array of dtype " +
                      Name((*self->output_dtypes)[i]));
    }
  }
}

bool IsClosed(const CompiledFunctionObject* self) {
  if (*self->session == nullptr || !(*self->session)->closed()) return false;
  PyErr_SetString(PyExc_RuntimeError, "Attempted to use a closed Session.");
  return true;
}

PyObject* Call(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  CompiledFunctionObject* self = Self(callable);
  auto n = static_cast<size_t>(PyVectorcall_NARGS(nargsf));
  PyObject* out = nullptr;
  if (IsClosed(self)) return nullptr;
  if (kwnames != nullptr && PyTuple_GET_SIZE(kwnames) > 0) {
    if (PyTuple_GET_SIZE(kwnames) != 1 ||
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "out") != 0) {
      return Raise("the only keyword argument is out");
    }
    out = args[n] == Py_None ? nullptr : args[n];
  }
  if (n != self->input_types->size()) {
    PyErr_Format(PyExc_TypeError, "expected %zu arguments, got %zu", self->input_types->size(), n);
    return nullptr;
  }
  try {
    if (out != nullptr) CheckOut(self, out);
    if (*self->last != nullptr && SameSignature(**self->last, self, args, n)) {
      return FastCall(self, args, n, out);
    }
    return SlowCall(self, args, n, out);
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (...) {
    // The translators registered for the module turn it into the Python exception.
    py::detail::try_translate_exceptions();
  }
  return nullptr;
}

// known(*arrays): the call where it is like the last one, else NotImplemented.
PyObject* Known(PyObject* callable, PyObject* const* args, Py_ssize_t nargs) {
  CompiledFunctionObject* self = Self(callable);
  const auto n = static_cast<size_t>(nargs);
  try {
    if (*self->last == nullptr || n != self->input_types->size() ||
        !SameSignature(**self->last, self, args, n)) {
      return Py_NewRef(Py_NotImplemented);
    }
    return FastCall(self, args, n, nullptr);
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (...) {
    py::detail::try_translate_exceptions();
  }
  return nullptr;
}

int Traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(Self(o)->owner);
  Py_VISIT(Self(o)->finish);
  return 0;
}

int Clear(PyObject* o) {
  Py_CLEAR(Self(o)->finish);
  return 0;
}

void Dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  CompiledFunctionObject* self = Self(o);
  PyTypeObject* type = Py_TYPE(o);
  Py_XDECREF(self->owner);
  Py_XDECREF(self->finish);
  delete self->executable;
  delete self->session;
  delete self->input_types;
  delete self->input_dtypes;
  delete self->output_types;
  delete self->output_dtypes;
  delete self->last;
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* New(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject* owner = nullptr;
  PyObject* session = Py_None;
  int single = 0;
  PyObject* finish = Py_None;
  if (!PyArg_ParseTuple(args, "O|OpO", &owner, &session, &single, &finish)) return nullptr;
  try {
    auto resources = py::handle(session).cast<std::shared_ptr<ResourceManager>>();
    auto executable = py::handle(owner).attr("_address")().cast<intptr_t>();
    PyObject* o = type->tp_alloc(type, 0);
    if (o == nullptr) return nullptr;
    CompiledFunctionObject* self = Self(o);
    self->vectorcall = &Call;
    self->owner = Py_NewRef(owner);
    self->executable = new std::shared_ptr<Executable>(
        *reinterpret_cast<std::shared_ptr<Executable>*>(executable));
    self->input_types = new std::vector<int>;
    self->input_dtypes = new std::vector<DType>;
    self->output_types = new std::vector<int>;
    self->output_dtypes = new std::vector<DType>;
    self->last = new std::shared_ptr<Signature>;
    self->session = new std::shared_ptr<ResourceManager>(resources);
    self->form = resources == nullptr ? Form::kTuple : single != 0 ? Form::kSingle : Form::kList;
    self->finish = finish == Py_None ? nullptr : Py_NewRef(finish);
    for (const Tensor& t : (*self->executable)->inputs()) {
      self->input_types->push_back(TypeNumber(t.dtype()));
      self->input_dtypes->push_back(t.dtype());
    }
    for (const Tensor& t : (*self->executable)->outputs()) {
      self->output_types->push_back(TypeNumber(t.dtype()));
      self->output_dtypes->push_back(t.dtype());
    }
    return o;
  } catch (py::error_already_set& e) {
    e.restore();
    return nullptr;
  }
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CompiledFunctionObject, vectorcall), READONLY,
     nullptr},
    {"executable", T_OBJECT_EX, offsetof(CompiledFunctionObject, owner), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyMethodDef methods[] = {
    {"known", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&Known)), METH_FASTCALL,
     "The call where it is like the last one, else NotImplemented."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot slots[] = {
    {Py_tp_methods, methods},
    {Py_tp_dealloc, reinterpret_cast<void*>(&Dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(&Traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(&Clear)},
    {Py_tp_new, reinterpret_cast<void*>(&New)},
    {Py_tp_call, reinterpret_cast<void*>(&PyVectorcall_Call)},
    {Py_tp_members, members},
    {Py_tp_doc, const_cast<char*>("Low-latency callable over NumPy arrays: f(*arrays, out=None).")},
    {0, nullptr}};

PyType_Spec spec = {"wengert._core.CompiledFunction", sizeof(CompiledFunctionObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

py::object NewNumpy(const Array& array, const py::object& base) {
  static_assert(sizeof(npy_intp) == sizeof(int64_t));
  static int numbers[kNumDTypes] = {};  // 1 + type number, by dtype
  int& number = numbers[static_cast<size_t>(array.dtype())];
  if (number == 0) number = 1 + TypeNumber(array.dtype());
  auto* dims = const_cast<npy_intp*>(reinterpret_cast<const npy_intp*>(array.dims().data()));
  auto result = py::reinterpret_steal<py::object>(
      base ? PyArray_SimpleNewFromData(array.rank(), dims, number - 1,
                                       const_cast<void*>(array.raw()))
           : PyArray_SimpleNew(array.rank(), dims, number - 1));
  if (!result) throw py::error_already_set();
  auto* made = reinterpret_cast<PyArrayObject*>(result.ptr());
  if (base) {
    if (PyArray_SetBaseObject(made, py::object(base).release().ptr()) != 0) {
      throw py::error_already_set();
    }
  } else if (array.bytes() > 0) {
    std::memcpy(PyArray_DATA(made), array.raw(), array.bytes());
  }
  if (array.rank() > 0) return result;
  return py::reinterpret_steal<py::object>(
      PyArray_Return(reinterpret_cast<PyArrayObject*>(result.release().ptr())));
}

void BindCompiledFunction(py::module_& m) {
  if (_import_array() < 0) throw py::error_already_set();
  PyObject* type = PyType_FromSpec(&spec);
  if (type == nullptr) throw py::error_already_set();
  m.attr("CompiledFunction") = py::reinterpret_steal<py::object>(type);
}

}  // namespace wengert::python
