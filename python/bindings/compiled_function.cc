// CompiledFunction: the low-latency call. A raw vectorcall type over the NumPy C API, because
// the argument handling of a general binding costs several times the work of a small program.
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include "binding.h"

#include <numpy/arrayobject.h>
#include <structmember.h>

#include <cstring>

namespace wengert::python {

namespace {

constexpr py::ssize_t kBuffered = 64 * 1024;

struct OutputSpec {
  int type_number;
  std::vector<npy_intp> dims;
  // Large: the executable's own buffer, kept for the next call when NumPy has dropped it. Fresh
  // memory of that size costs a page fault for every few thousand bytes.
  bool buffered = false;
};

// What one input signature gives: compared on each call, rebuilt when it changes.
struct Signature {
  std::vector<int64_t> dims;  // of all inputs, each preceded by its rank
  std::vector<OutputSpec> outputs;
  bool any_buffered = false;
  bool brief = false;  // the interpreter's lock is kept
};

struct CompiledFunctionObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* owner;  // the Python Executable
  std::shared_ptr<Executable>* executable;
  std::vector<int>* input_types;
  std::vector<DType>* input_dtypes;
  std::vector<int>* output_types;
  std::vector<DType>* output_dtypes;
  Signature* last;
  // Results as a session gives them: a list, NumPy scalars for rank 0.
  bool session;
};

int TypeNumber(DType dtype) {
  return NumpyDType(dtype).num();
}

CompiledFunctionObject* Self(PyObject* o) {
  return reinterpret_cast<CompiledFunctionObject*>(o);
}

bool Usable(PyObject* o, int type_number) {
  if (!PyArray_Check(o)) return false;
  auto* array = reinterpret_cast<PyArrayObject*>(o);
  return PyArray_TYPE(array) == type_number && PyArray_ISCARRAY_RO(array);
}

// Other Python threads run while the program does.
class ReleasedGil {
 public:
  ReleasedGil() : state_(PyEval_SaveThread()) {}
  ~ReleasedGil() { PyEval_RestoreThread(state_); }
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;

 private:
  PyThreadState* state_;
};

PyObject* Raise(const char* message) {
  PyErr_SetString(PyExc_TypeError, message);
  return nullptr;
}

// The way that always works: converts, runs, wraps; learns the output shapes.
PyObject* SlowCall(CompiledFunctionObject* self, PyObject* const* args, size_t n, PyObject* out) {
  py::list inputs;
  for (size_t i = 0; i < n; ++i) {
    DType dtype = (*self->input_dtypes)[i];
    const bool convert =
        IsPlainData(dtype) && !AsEager(args[i]) && !Usable(args[i], (*self->input_types)[i]);
    inputs.append(convert ? ToNumpy(ToArray(args[i], dtype))
                          : py::reinterpret_borrow<py::object>(args[i]));
  }
  auto owner = py::reinterpret_borrow<py::object>(self->owner);
  py::list results = owner.attr("run")(inputs);
  auto signature = std::make_unique<Signature>();
  bool plain = true;
  for (size_t i = 0; i < n; ++i) {
    plain = plain && Usable(args[i], (*self->input_types)[i]);
    if (!plain) break;
    auto* array = reinterpret_cast<PyArrayObject*>(args[i]);
    signature->dims.push_back(PyArray_NDIM(array));
    signature->dims.insert(signature->dims.end(), PyArray_DIMS(array),
                           PyArray_DIMS(array) + PyArray_NDIM(array));
  }
  py::tuple values(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    py::array value = py::array::ensure(results[i]);
    if (!IsPlainData((*self->output_dtypes)[i])) {
      values[i] = results[i];
      plain = false;
      continue;
    }
    values[i] = value;
    signature->outputs.push_back(
        {(*self->output_types)[i],
         std::vector<npy_intp>(value.shape(), value.shape() + value.ndim()),
         value.nbytes() > kBuffered && (*self->output_dtypes)[i] != DType::kBFloat16});
    signature->any_buffered = signature->any_buffered || signature->outputs.back().buffered;
  }
  if (plain) {
    signature->brief = (*self->executable)->stats().brief;
    delete self->last;
    self->last = signature.release();
  }
  if (out == nullptr && self->session) {
    py::list list(values.size());
    for (size_t i = 0; i < values.size(); ++i) list[i] = results[i];
    return list.release().ptr();
  }
  if (out == nullptr) return values.release().ptr();
  py::sequence given = py::reinterpret_borrow<py::sequence>(out);
  for (size_t i = 0; i < values.size(); ++i) {
    auto* target = reinterpret_cast<PyArrayObject*>(py::object(given[i]).ptr());
    auto* source = reinterpret_cast<PyArrayObject*>(py::object(values[i]).ptr());
    if (PyArray_NDIM(target) != PyArray_NDIM(source) ||
        !PyArray_CompareLists(PyArray_DIMS(target), PyArray_DIMS(source), PyArray_NDIM(target))) {
      throw ValueError("out[" + std::to_string(i) + "] has another shape than the result");
    }
    if (PyArray_CopyInto(target, source) != 0) throw py::error_already_set();
  }
  return py::tuple(given).release().ptr();
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

bool SameSignature(const Signature& last, CompiledFunctionObject* self, PyObject* const* args,
                   size_t n) {
  const int64_t* expect = last.dims.data();
  for (size_t i = 0; i < n; ++i) {
    if (!Usable(args[i], (*self->input_types)[i])) return false;
    auto* array = reinterpret_cast<PyArrayObject*>(args[i]);
    int rank = PyArray_NDIM(array);
    if (*expect++ != rank) return false;
    const npy_intp* dims = PyArray_DIMS(array);
    for (int k = 0; k < rank; ++k) {
      if (*expect++ != dims[k]) return false;
    }
  }
  return true;
}

bool SameDims(PyArrayObject* array, const OutputSpec& spec) {
  return PyArray_NDIM(array) == static_cast<int>(spec.dims.size()) &&
         PyArray_CompareLists(PyArray_DIMS(array), spec.dims.data(), PyArray_NDIM(array));
}

PyObject* FastCall(CompiledFunctionObject* self, PyObject* const* args, size_t n, PyObject* out) {
  constexpr size_t kMany = 64;
  const Signature& last = *self->last;
  size_t n_out = last.outputs.size();
  if (n > kMany || n_out > kMany) return SlowCall(self, args, n, out);
  ArrayView inputs[kMany];
  ArrayView outputs[kMany];
  std::vector<Array> fresh_arrays(last.any_buffered && out == nullptr ? n_out : 0);
  static_assert(sizeof(npy_intp) == sizeof(int64_t));
  for (size_t i = 0; i < n; ++i) {
    auto* array = reinterpret_cast<PyArrayObject*>(args[i]);
    inputs[i] = {(*self->input_dtypes)[i], PyArray_NDIM(array),
                 reinterpret_cast<const int64_t*>(PyArray_DIMS(array)), PyArray_DATA(array)};
  }
  py::object result;
  if (out == nullptr) {
    const auto length = static_cast<Py_ssize_t>(n_out);
    result =
        py::reinterpret_steal<py::object>(self->session ? PyList_New(length) : PyTuple_New(length));
  } else {
    result = py::reinterpret_borrow<py::object>(out);
  }
  for (size_t i = 0; i < n_out; ++i) {
    const OutputSpec& spec = last.outputs[i];
    PyArrayObject* array;
    if (out == nullptr && spec.buffered) {
      outputs[i] = {};
      continue;
    }
    if (out == nullptr) {
      auto* dims = const_cast<npy_intp*>(spec.dims.data());
      PyObject* fresh =
          PyArray_SimpleNew(static_cast<int>(spec.dims.size()), dims, spec.type_number);
      if (fresh == nullptr) return nullptr;
      if (self->session) {
        PyList_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), fresh);
      } else {
        PyTuple_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), fresh);
      }
      array = reinterpret_cast<PyArrayObject*>(fresh);
    } else {
      array = reinterpret_cast<PyArrayObject*>(
          PySequence_Fast_GET_ITEM(out, static_cast<Py_ssize_t>(i)));
      if (!SameDims(array, spec)) {
        throw ValueError("out[" + std::to_string(i) + "] has another shape than the result");
      }
    }
    outputs[i] = {(*self->output_dtypes)[i], PyArray_NDIM(array),
                  reinterpret_cast<const int64_t*>(PyArray_DIMS(array)), PyArray_DATA(array)};
  }
  bool done;
  {
    std::optional<ReleasedGil> released;
    if (!last.brief) released.emplace();
    done = (*self->executable)->RunPrepared(inputs, outputs, fresh_arrays.data());
  }
  if (!done) return SlowCall(self, args, n, out);
  for (size_t i = 0; i < fresh_arrays.size(); ++i) {
    if (!fresh_arrays[i].valid()) continue;
    PyObject* array = ToNumpy(fresh_arrays[i]).release().ptr();
    if (self->session) {
      PyList_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), array);
    } else {
      PyTuple_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), array);
    }
  }
  for (size_t i = 0; self->session && out == nullptr && i < n_out; ++i) {
    if (outputs[i].rank > 0) continue;
    PyObject* array = PyList_GET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i));
    PyObject* scalar = PyArray_Return(reinterpret_cast<PyArrayObject*>(Py_NewRef(array)));
    if (scalar == nullptr) return nullptr;
    PyList_SetItem(result.ptr(), static_cast<Py_ssize_t>(i), scalar);
  }
  return result.release().ptr();
}

PyObject* Call(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  CompiledFunctionObject* self = Self(callable);
  auto n = static_cast<size_t>(PyVectorcall_NARGS(nargsf));
  PyObject* out = nullptr;
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
    if (self->last != nullptr && SameSignature(*self->last, self, args, n)) {
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
    if (self->last == nullptr || n != self->input_types->size() ||
        !SameSignature(*self->last, self, args, n)) {
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
  return 0;
}

void Dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  CompiledFunctionObject* self = Self(o);
  PyTypeObject* type = Py_TYPE(o);
  Py_XDECREF(self->owner);
  delete self->executable;
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
  int session = 0;
  if (!PyArg_ParseTuple(args, "O|p", &owner, &session)) return nullptr;
  try {
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
    self->last = nullptr;
    self->session = session != 0;
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
