// The ways through a call of a CompiledFunction: conversions and learning first, then borrowed
// arrays, then, for small programs, nothing but the program.
#include "compiled_call.h"

#include <cstring>

namespace wengert::python {

namespace {

constexpr py::ssize_t kBuffered = 64 * 1024;
constexpr size_t kMany = 64;  // inputs, outputs; more go the long way
constexpr size_t kFew = 16;   // the same of a prepared call

bool Usable(PyObject* o, int type_number) {
  if (!PyArray_Check(o)) return false;
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

}  // namespace

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

}  // namespace wengert::python
