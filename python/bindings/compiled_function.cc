// CompiledFunction: the low-latency call. A raw vectorcall type over the NumPy C API, because
// the argument handling of a general binding costs several times the work of a small program.
#define WENGERT_IMPORTS_NUMPY_API
#include "numpy_api.h"

#include "binding.h"
#include "result_array.h"

#include <structmember.h>

#include <cstring>

namespace wengert::python {

namespace {

constexpr py::ssize_t kBuffered = 64 * 1024;
constexpr size_t kMany = 64;  // inputs, outputs; more go the long way
constexpr size_t kFew = 16;   // the same of a prepared call

struct Output {
  ResultArray array;
  // Large: the executable's own buffer, kept for the next call when NumPy has dropped it. Fresh
  // memory of that size costs a page fault for every few thousand bytes.
  bool buffered = false;
};

// What one input signature gives: compared on each call, replaced when it changes.
struct Signature {
  std::vector<int64_t> dims;  // of all inputs, each preceded by its rank
  std::vector<Output> outputs;
  std::unique_ptr<PreparedCall> prepared;  // may be null
  bool any_buffered = false;
  bool brief = false;  // the interpreter's lock is kept
};

// How results are handed over.
enum class Form : uint8_t {
  kTuple,   // of arrays
  kList,    // as a session gives them: NumPy scalars for rank 0
  kSingle,  // the first of such a list
};

struct CompiledFunctionObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* owner;   // the Python Executable
  PyObject* finish;  // makes the result from the list; may be null
  std::shared_ptr<Executable>* executable;
  std::shared_ptr<ResourceManager>* session;  // whose results these are; may hold null
  std::vector<int>* input_types;
  std::vector<DType>* input_dtypes;
  std::vector<int>* output_types;
  std::vector<DType>* output_dtypes;
  std::shared_ptr<Signature>* last;
  Form form;
};

int TypeNumber(DType dtype) {
  return NumpyDType(dtype).num();
}

CompiledFunctionObject* Self(PyObject* o) {
  return reinterpret_cast<CompiledFunctionObject*>(o);
}

bool Usable(PyObject* o, int type_number) {
  if (!PyArray_CheckExact(o) && !PyArray_Check(o)) return false;
  auto* array = reinterpret_cast<PyArrayObject*>(o);
  return PyArray_TYPE(array) == type_number && PyArray_ISCARRAY_RO(array);
}

ArrayView ViewOf(PyObject* o, DType dtype) {
  static_assert(sizeof(npy_intp) == sizeof(int64_t));
  auto* array = reinterpret_cast<PyArrayObject*>(o);
  return {dtype, PyArray_NDIM(array), reinterpret_cast<const int64_t*>(PyArray_DIMS(array)),
          PyArray_DATA(array)};
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

// `values`: tuple or list of all results, stolen.
PyObject* Finish(CompiledFunctionObject* self, py::object values) {
  if (self->form == Form::kSingle) return Py_NewRef(PyList_GET_ITEM(values.ptr(), 0));
  if (self->finish == nullptr) return values.release().ptr();
  return PyObject_CallOneArg(self->finish, values.ptr());
}

// Writes results into the caller's arrays.
PyObject* CopyOut(const py::list& results, PyObject* out) {
  py::sequence given = py::reinterpret_borrow<py::sequence>(out);
  for (size_t i = 0; i < results.size(); ++i) {
    auto* target = reinterpret_cast<PyArrayObject*>(py::object(given[i]).ptr());
    py::array value = py::array::ensure(results[i]);
    auto* source = reinterpret_cast<PyArrayObject*>(value.ptr());
    if (PyArray_NDIM(target) != PyArray_NDIM(source) ||
        !PyArray_CompareLists(PyArray_DIMS(target), PyArray_DIMS(source), PyArray_NDIM(target))) {
      throw ValueError("out[" + std::to_string(i) + "] has another shape than the result");
    }
    if (PyArray_CopyInto(target, source) != 0) throw py::error_already_set();
  }
  return py::tuple(given).release().ptr();
}

// Learns what calls like this one give, where arguments and results are plain arrays.
void Learn(CompiledFunctionObject* self, PyObject* const* args, size_t n, const py::list& results) {
  auto signature = std::make_shared<Signature>();
  std::vector<ArrayView> inputs;
  for (size_t i = 0; i < n; ++i) {
    if (!Usable(args[i], (*self->input_types)[i])) return;
    inputs.push_back(ViewOf(args[i], (*self->input_dtypes)[i]));
    signature->dims.push_back(inputs.back().rank);
    signature->dims.insert(signature->dims.end(), inputs.back().dims,
                           inputs.back().dims + inputs.back().rank);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (!IsPlainData((*self->output_dtypes)[i])) return;
    py::array value = py::array::ensure(results[i]);
    const bool buffered =
        value.nbytes() > kBuffered && (*self->output_dtypes)[i] != DType::kBFloat16;
    signature->outputs.push_back(
        {ResultArray((*self->output_types)[i],
                     std::vector<npy_intp>(value.shape(), value.shape() + value.ndim())),
         buffered});
    signature->any_buffered = signature->any_buffered || buffered;
  }
  signature->brief = (*self->executable)->stats().brief;
  if (n <= kFew && results.size() <= kFew && !signature->any_buffered) {
    signature->prepared = (*self->executable)->Prepare(inputs.data());
  }
  self->last->swap(signature);
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
  Learn(self, args, n, results);
  if (out != nullptr) return CopyOut(results, out);
  if (self->form != Form::kTuple) return Finish(self, std::move(results));
  py::tuple values(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    values[i] = IsPlainData((*self->output_dtypes)[i]) ? py::array::ensure(results[i])
                                                       : py::object(results[i]);
  }
  return values.release().ptr();
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

// What runs in the time of a few allocations: memory of results used again, nothing checked twice.
// Null without a Python error: go another way.
PyObject* PreparedCallOf(CompiledFunctionObject* self, Signature& signature, PyObject* const* args,
                         size_t n) {
  const size_t n_out = signature.outputs.size();
  const bool scalars = self->form != Form::kTuple;
  void* inputs[kFew];
  void* outputs[kFew];
  PyObject* results[kFew];
  alignas(16) char scalar_memory[kFew][16];
  for (size_t i = 0; i < n; ++i) {
    inputs[i] = PyArray_DATA(reinterpret_cast<PyArrayObject*>(args[i]));
  }
  size_t made = 0;
  bool ok = true;
  for (; ok && made < n_out; ++made) {
    ResultArray& output = signature.outputs[made].array;
    if (scalars && output.rank() == 0) {
      results[made] = nullptr;
      outputs[made] = scalar_memory[made];
      continue;
    }
    PyArrayObject* array = output.New();
    results[made] = reinterpret_cast<PyObject*>(array);
    if (array == nullptr) {
      ok = false;
    } else {
      outputs[made] = PyArray_DATA(array);
    }
  }
  ok = ok && signature.prepared->Run(inputs, outputs);
  for (size_t i = 0; ok && i < n_out; ++i) {
    if (results[i] != nullptr) continue;
    results[i] = signature.outputs[i].array.Scalar(outputs[i]);
    ok = results[i] != nullptr;
  }
  PyObject* all = nullptr;
  if (ok && self->form == Form::kSingle) return results[0];
  if (ok) {
    const auto length = static_cast<Py_ssize_t>(n_out);
    all = scalars ? PyList_New(length) : PyTuple_New(length);
  }
  if (all == nullptr) {
    for (size_t i = 0; i < made; ++i) Py_XDECREF(results[i]);
    return nullptr;
  }
  for (size_t i = 0; i < n_out; ++i) {
    if (scalars) {
      PyList_SET_ITEM(all, static_cast<Py_ssize_t>(i), results[i]);
    } else {
      PyTuple_SET_ITEM(all, static_cast<Py_ssize_t>(i), results[i]);
    }
  }
  return self->finish == nullptr ? all : Finish(self, py::reinterpret_steal<py::object>(all));
}

PyObject* FastCall(CompiledFunctionObject* self, PyObject* const* args, size_t n, PyObject* out) {
  // Kept: making objects may run finalizers, and these may call this function.
  const std::shared_ptr<Signature> last = *self->last;
  const size_t n_out = last->outputs.size();
  if (last->prepared != nullptr && out == nullptr) {
    PyObject* result = PreparedCallOf(self, *last, args, n);
    if (result != nullptr || PyErr_Occurred() != nullptr) return result;
    return SlowCall(self, args, n, out);
  }
  if (n > kMany || n_out > kMany) return SlowCall(self, args, n, out);
  ArrayView inputs[kMany];
  ArrayView outputs[kMany];
  std::vector<Array> fresh_arrays(last->any_buffered && out == nullptr ? n_out : 0);
  for (size_t i = 0; i < n; ++i) inputs[i] = ViewOf(args[i], (*self->input_dtypes)[i]);
  const bool list = self->form != Form::kTuple;
  py::object result;
  if (out == nullptr) {
    const auto length = static_cast<Py_ssize_t>(n_out);
    result = py::reinterpret_steal<py::object>(list ? PyList_New(length) : PyTuple_New(length));
    if (!result) return nullptr;
  } else {
    result = py::reinterpret_borrow<py::object>(out);
  }
  const auto put = [&](size_t i, PyObject* item) {
    if (list) {
      PyList_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), item);
    } else {
      PyTuple_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), item);
    }
  };
  for (size_t i = 0; i < n_out; ++i) {
    Output& output = last->outputs[i];
    PyArrayObject* array;
    if (out == nullptr && output.buffered) {
      outputs[i] = {};
      continue;
    }
    if (out == nullptr) {
      array = output.array.New();
      if (array == nullptr) return nullptr;
      put(i, reinterpret_cast<PyObject*>(array));
    } else {
      array = reinterpret_cast<PyArrayObject*>(
          PySequence_Fast_GET_ITEM(out, static_cast<Py_ssize_t>(i)));
      if (!output.array.SameDims(array)) {
        throw ValueError("out[" + std::to_string(i) + "] has another shape than the result");
      }
    }
    outputs[i] = ViewOf(reinterpret_cast<PyObject*>(array), (*self->output_dtypes)[i]);
  }
  bool done;
  {
    std::optional<ReleasedGil> released;
    if (!last->brief) released.emplace();
    done = (*self->executable)->RunPrepared(inputs, outputs, fresh_arrays.data());
  }
  if (!done) return SlowCall(self, args, n, out);
  for (size_t i = 0; i < fresh_arrays.size(); ++i) {
    if (fresh_arrays[i].valid()) put(i, ToNumpy(fresh_arrays[i]).release().ptr());
  }
  if (out != nullptr || !list) return result.release().ptr();
  for (size_t i = 0; i < n_out; ++i) {
    if (outputs[i].rank > 0) continue;
    PyObject* scalar = last->outputs[i].array.Scalar(outputs[i].data);
    if (scalar == nullptr) return nullptr;
    PyList_SetItem(result.ptr(), static_cast<Py_ssize_t>(i), scalar);
  }
  return Finish(self, std::move(result));
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
