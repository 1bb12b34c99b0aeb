#include "result_array.h"

#include <algorithm>
#include <utility>

namespace wengert::python {

ResultArray::ResultArray(int type_number, std::vector<npy_intp> dims)
    : dims_(std::move(dims)), descr_(PyArray_DescrFromType(type_number)) {}

ResultArray::ResultArray(ResultArray&& o) noexcept
    : dims_(std::move(o.dims_)),
      descr_(std::exchange(o.descr_, nullptr)),
      flags_(o.flags_),
      kept_(std::exchange(o.kept_, nullptr)) {}

ResultArray::~ResultArray() {
  Py_XDECREF(kept_);
  Py_XDECREF(descr_);
}

bool ResultArray::SameDims(PyArrayObject* array) const {
  return PyArray_NDIM(array) == rank() &&
         std::equal(dims_.begin(), dims_.end(), PyArray_DIMS(array));
}

// Views and exported buffers hold a reference; what else can be seen of an array that its owner
// dropped are weak references and what was set in place (dtype, shape, flags).
bool ResultArray::Unused() const {
  auto* object = reinterpret_cast<PyObject*>(kept_);
  return Py_REFCNT(object) == 1 && PyArray_FLAGS(kept_) == flags_ &&
         PyArray_DESCR(kept_) == descr_ && SameDims(kept_) &&
         *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) +
                                       Py_TYPE(object)->tp_weaklistoffset) == nullptr;
}

PyArrayObject* ResultArray::New() {
  if (kept_ == nullptr || !Unused()) {
    Py_INCREF(descr_);  // which the array takes
    auto* array = reinterpret_cast<PyArrayObject*>(PyArray_NewFromDescr(
        &PyArray_Type, descr_, rank(), dims_.data(), nullptr, nullptr, 0, nullptr));
    if (array == nullptr) return nullptr;
    flags_ = PyArray_FLAGS(array);
    PyArrayObject* before = std::exchange(kept_, array);
    Py_XDECREF(before);
  }
  Py_INCREF(kept_);
  return kept_;
}

PyObject* ResultArray::Scalar(const void* data) const {
  return PyArray_Scalar(const_cast<void*>(data), descr_, nullptr);
}

}  // namespace wengert::python
