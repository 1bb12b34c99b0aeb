// Objects of dropped eager tensors, kept for the next ones: every result of every call is one, and
// making and registering a Python object costs more than a small program.
#include "eager_pool.h"

#include <algorithm>
#include <vector>

namespace wengert::python {

namespace {

constexpr size_t kMostKept = 64;
// From 3.13 on an object whose attributes were cleared is not one that can be used again.
constexpr bool kPooled = PY_VERSION_HEX < 0x030D0000;

// Guarded by the interpreter's lock.
struct Pool {
  std::vector<PyObject*> objects;
  destructor dealloc = nullptr;  // what the type had
  PyTypeObject* type = nullptr;
};

Pool& ThePool() {
  static Pool* pool = new Pool;
  return *pool;
}

py::detail::instance* InstanceOf(PyObject* object) {
  return reinterpret_cast<py::detail::instance*>(object);
}

PyEagerTensor* ValueOf(PyObject* object) {
  return static_cast<PyEagerTensor*>(InstanceOf(object)->simple_value_holder[0]);
}

void Dealloc(PyObject* self) {
  Pool& pool = ThePool();
  auto* instance = InstanceOf(self);
  if (!kPooled || Py_TYPE(self) != pool.type || pool.objects.size() >= kMostKept ||
      !instance->simple_layout || !instance->simple_holder_constructed || !instance->owned ||
      instance->has_patients) {
    pool.dealloc(self);
    return;
  }
  PyObject_GC_UnTrack(self);
  if (instance->weakrefs != nullptr) PyObject_ClearWeakRefs(self);
  if (PyObject** attributes = _PyObject_GetDictPtr(self)) Py_CLEAR(*attributes);
  ValueOf(self)->array = Array();
  pool.objects.push_back(self);
}

}  // namespace

void PoolEagerTensors(PyTypeObject* type) {
  Pool& pool = ThePool();
  pool.objects.reserve(kMostKept);
  pool.type = type;
  pool.dealloc = std::exchange(type->tp_dealloc, &Dealloc);
}

py::object NewEager(EagerValue value) {
  Pool& pool = ThePool();
  if (pool.objects.empty()) return py::cast(PyEagerTensor(std::move(value)));
  PyObject* object = pool.objects.back();
  pool.objects.pop_back();
  PyEagerTensor* tensor = ValueOf(object);
  tensor->array = std::move(value.array);
  tensor->id = value.id;
  _Py_NewReference(object);
  PyObject_GC_Track(object);
  return py::reinterpret_steal<py::object>(object);
}

}  // namespace wengert::python
