// CallCache: what a tf.function does first with a call of eager tensors. A raw vectorcall type:
// it finds the executable for the dtypes and shapes of the arguments, runs it and packs the
// results, without a step of Python code in between.
#include "binding.h"

#include <structmember.h>

#include <algorithm>
#include <tuple>

namespace wengert::python {

namespace {

// One argument signature.
struct Entry {
  std::vector<DType> dtypes;
  std::vector<Dims> dims;
  std::shared_ptr<Executable> executable;
  std::vector<Array> captured;  // inputs after the arguments
  bool plain = true;            // inputs are plain data or resources: they can be borrowed
  // Known once it has run: whether the interpreter's lock is kept, and for the shortest way of
  // calling it, which may be null, dtypes and dims of the outputs.
  bool known = false;
  bool brief = false;
  std::unique_ptr<PreparedCall> prepared;
  std::vector<std::pair<DType, Dims>> outputs;
  // Results: number `leaves[i]` at place i of a tuple or list, None for -1; no sequence: the
  // first one itself; `pack` builds anything else from the list of all.
  PyObject* sequence = nullptr;  // borrowed: &PyTuple_Type, &PyList_Type or null
  std::vector<int> leaves;
  py::object pack;
  py::object owner;  // keeps the function of the entry alive
};

struct CallCacheObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  std::vector<std::shared_ptr<Entry>>* entries;  // most recently used first
  Py_ssize_t hits;                               // calls of known arguments
};

constexpr size_t kMostEntries = 16;
constexpr size_t kMostValues = 32;  // inputs, outputs; others go the long way
constexpr size_t kFew = 16;         // the same of a prepared call

CallCacheObject* Self(PyObject* o) {
  return reinterpret_cast<CallCacheObject*>(o);
}

bool Matches(const Entry& entry, PyEagerTensor* const* args, size_t n) {
  if (entry.dtypes.size() != n) return false;
  for (size_t i = 0; i < n; ++i) {
    if (args[i]->array.dtype() != entry.dtypes[i] || args[i]->array.dims() != entry.dims[i]) {
      return false;
    }
  }
  return true;
}

std::shared_ptr<Entry> Find(CallCacheObject* self, PyEagerTensor* const* args, size_t n) {
  auto& entries = *self->entries;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!Matches(*entries[i], args, n)) continue;
    if (i > 0)
      std::rotate(entries.begin(), entries.begin() + static_cast<long>(i),
                  entries.begin() + static_cast<long>(i) + 1);
    return entries[0];
  }
  return nullptr;
}

ArrayView ViewOf(const Array& array) {
  void* data = IsPlainData(array.dtype()) ? const_cast<void*>(array.raw())
                                          : const_cast<void*>(static_cast<const void*>(&array));
  return {array.dtype(), array.rank(), array.dims().data(), data};
}

// Fills in what is known after a run.
void Learn(Entry& entry, PyEagerTensor* const* args, size_t n, const std::vector<Array>& results) {
  entry.known = true;
  entry.brief = entry.executable->stats().brief;
  if (!entry.plain || n + entry.captured.size() > kFew || results.size() > kFew) return;
  std::vector<ArrayView> inputs;
  for (size_t i = 0; i < n; ++i) inputs.push_back(ViewOf(args[i]->array));
  for (const Array& array : entry.captured) inputs.push_back(ViewOf(array));
  entry.prepared = entry.executable->Prepare(inputs.data());
  if (entry.prepared == nullptr) return;
  for (const Array& result : results) entry.outputs.emplace_back(result.dtype(), result.dims());
}

// Results in `results`, which has room for all outputs.
void Execute(Entry& entry, PyEagerTensor* const* args, size_t n, std::vector<Array>* results) {
  Executable& executable = *entry.executable;
  const size_t n_out = results->size();
  if (entry.prepared != nullptr) {
    void *inputs[kFew], *outputs[kFew];
    for (size_t i = 0; i < n; ++i) inputs[i] = const_cast<void*>(args[i]->array.raw());
    for (size_t i = 0; i < entry.captured.size(); ++i) {
      inputs[n + i] = const_cast<void*>(entry.captured[i].raw());
    }
    for (size_t i = 0; i < n_out; ++i) {
      (*results)[i] = Array(entry.outputs[i].first, entry.outputs[i].second);
      outputs[i] = (*results)[i].raw();
    }
    if (entry.prepared->Run(inputs, outputs)) return;
  }
  bool done = false;
  if (entry.plain && n + entry.captured.size() <= kMostValues && n_out <= kMostValues) {
    ArrayView inputs[kMostValues], outputs[kMostValues];
    for (size_t i = 0; i < n; ++i) inputs[i] = ViewOf(args[i]->array);
    for (size_t i = 0; i < entry.captured.size(); ++i) inputs[n + i] = ViewOf(entry.captured[i]);
    for (size_t i = 0; i < n_out; ++i) outputs[i] = {};
    std::optional<py::gil_scoped_release> released;
    if (!entry.brief) released.emplace();
    done = executable.RunPrepared(inputs, outputs, results->data());
  }
  if (!done) {
    std::vector<Array> inputs;
    inputs.reserve(n + entry.captured.size());
    for (size_t i = 0; i < n; ++i) inputs.push_back(args[i]->array);
    inputs.insert(inputs.end(), entry.captured.begin(), entry.captured.end());
    py::gil_scoped_release release;
    *results = executable.Run(inputs);
  }
  if (!entry.known) Learn(entry, args, n, *results);
}

py::object Leaf(std::vector<Array>& results, int leaf) {
  return leaf < 0 ? py::object(py::none()) : WrapEager(results[static_cast<size_t>(leaf)]);
}

py::object Pack(const Entry& entry, std::vector<Array>& results) {
  const auto& [sequence, leaves, pack] = std::tie(entry.sequence, entry.leaves, entry.pack);
  if (!pack.is_none()) {
    py::list all(results.size());
    for (size_t i = 0; i < results.size(); ++i) all[i] = WrapEager(std::move(results[i]));
    return pack(all);
  }
  if (sequence == nullptr) return Leaf(results, leaves.at(0));
  const bool list = sequence == reinterpret_cast<PyObject*>(&PyList_Type);
  const auto n = static_cast<Py_ssize_t>(leaves.size());
  auto packed = py::reinterpret_steal<py::object>(list ? PyList_New(n) : PyTuple_New(n));
  if (!packed) throw py::error_already_set();
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* leaf = Leaf(results, leaves[static_cast<size_t>(i)]).release().ptr();
    if (list) {
      PyList_SET_ITEM(packed.ptr(), i, leaf);
    } else {
      PyTuple_SET_ITEM(packed.ptr(), i, leaf);
    }
  }
  return packed;
}

// The result, or NotImplemented where the arguments are not those of an entry.
PyObject* Call(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  CallCacheObject* self = Self(callable);
  const auto n = static_cast<size_t>(PyVectorcall_NARGS(nargsf));
  if (n > kMostValues || (kwnames != nullptr && PyTuple_GET_SIZE(kwnames) > 0)) {
    return Py_NewRef(Py_NotImplemented);
  }
  try {
    PyEagerTensor* tensors[kMostValues];
    for (size_t i = 0; i < n; ++i) {
      tensors[i] = AsEager(args[i]);
      if (tensors[i] == nullptr) return Py_NewRef(Py_NotImplemented);
    }
    // Graphs being built and tapes take calls in as operations.
    if (!CurrentGraph().is_none() || !ActiveTapes().empty()) return Py_NewRef(Py_NotImplemented);
    // Shared, since other threads may drop it meanwhile.
    const std::shared_ptr<Entry> entry = Find(self, tensors, n);
    if (entry == nullptr) return Py_NewRef(Py_NotImplemented);
    ++self->hits;
    std::vector<Array> results(entry->executable->outputs().size());
    Execute(*entry, tensors, n, &results);
    return Pack(*entry, results).release().ptr();
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (...) {
    // The translators registered for the module turn it into the Python exception.
    py::detail::try_translate_exceptions();
  }
  return nullptr;
}

// add(tensors, executable, captured, sequence type or None, leaves, pack or None, owner)
PyObject* Add(PyObject* o, PyObject* args) {
  PyObject *tensors, *executable, *captured, *sequence, *leaves, *pack, *owner;
  if (!PyArg_ParseTuple(args, "OOOOOOO", &tensors, &executable, &captured, &sequence, &leaves,
                        &pack, &owner)) {
    return nullptr;
  }
  try {
    auto entry = std::make_shared<Entry>();
    const auto address = py::handle(executable).attr("_address")().cast<intptr_t>();
    entry->executable = *reinterpret_cast<std::shared_ptr<Executable>*>(address);
    for (py::handle h : py::reinterpret_borrow<py::sequence>(tensors)) {
      PyEagerTensor* tensor = AsEager(h);
      if (tensor == nullptr) throw TypeError("arguments must be eager tensors");
      entry->dtypes.push_back(tensor->array.dtype());
      entry->dims.push_back(tensor->array.dims());
    }
    for (py::handle h : py::reinterpret_borrow<py::sequence>(captured)) {
      PyEagerTensor* tensor = AsEager(h);
      if (tensor == nullptr) throw TypeError("captured inputs must be eager tensors");
      entry->captured.push_back(tensor->array);
    }
    if (entry->dtypes.size() + entry->captured.size() != entry->executable->inputs().size()) {
      throw ValueError("the executable takes another number of inputs");
    }
    for (const Tensor& t : entry->executable->inputs()) {
      entry->plain = entry->plain && (IsPlainData(t.dtype()) || t.dtype() == DType::kResource);
    }
    entry->sequence = sequence == Py_None ? nullptr : sequence;
    for (py::handle h : py::reinterpret_borrow<py::sequence>(leaves)) {
      const int leaf = h.cast<int>();
      if (leaf >= static_cast<int>(entry->executable->outputs().size())) {
        throw ValueError("no such output");
      }
      entry->leaves.push_back(leaf);
    }
    entry->pack = py::reinterpret_borrow<py::object>(pack);
    entry->owner = py::reinterpret_borrow<py::object>(owner);
    auto& entries = *Self(o)->entries;
    entries.insert(entries.begin(), std::move(entry));
    if (entries.size() > kMostEntries) {
      const std::shared_ptr<Entry> last = std::move(entries.back());
      entries.pop_back();  // destroyed after the vector is whole again
    }
    Py_RETURN_NONE;
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (...) {
    py::detail::try_translate_exceptions();
  }
  return nullptr;
}

PyObject* New(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* o = type->tp_alloc(type, 0);
  if (o == nullptr) return nullptr;
  Self(o)->vectorcall = &Call;
  Self(o)->entries = new std::vector<std::shared_ptr<Entry>>;
  return o;
}

int Traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  if (Self(o)->entries == nullptr) return 0;
  for (const auto& entry : *Self(o)->entries) {
    Py_VISIT(entry->pack.ptr());
    Py_VISIT(entry->owner.ptr());
  }
  return 0;
}

int Clear(PyObject* o) {
  std::vector<std::shared_ptr<Entry>> gone;
  if (Self(o)->entries != nullptr) gone.swap(*Self(o)->entries);
  return 0;
}

void Dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  PyTypeObject* type = Py_TYPE(o);
  delete Self(o)->entries;
  type->tp_free(o);
  Py_DECREF(type);
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CallCacheObject, vectorcall), READONLY, nullptr},
    {"hits", T_PYSSIZET, offsetof(CallCacheObject, hits), READONLY,
     "Calls whose arguments were those of an entry."},
    {nullptr, 0, 0, 0, nullptr}};

PyMethodDef methods[] = {{"add", &Add, METH_VARARGS, "Adds what calls like this one do."},
                         {nullptr, nullptr, 0, nullptr}};

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(&Dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(&Traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(&Clear)},
    {Py_tp_new, reinterpret_cast<void*>(&New)},
    {Py_tp_call, reinterpret_cast<void*>(&PyVectorcall_Call)},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {Py_tp_doc, const_cast<char*>("Calls of one tf.function by the shapes of eager arguments.")},
    {0, nullptr}};

PyType_Spec spec = {"wengert._core.CallCache", sizeof(CallCacheObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

void BindCallCache(py::module_& m) {
  PyObject* type = PyType_FromSpec(&spec);
  if (type == nullptr) throw py::error_already_set();
  m.attr("CallCache") = py::reinterpret_steal<py::object>(type);
}

}  // namespace wengert::python
