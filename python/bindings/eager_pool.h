// Making eager tensors from a pool of used Python objects.
#pragma once

#include "binding.h"

namespace wengert::python {

// Objects of exactly this type, that of PyEagerTensor, are pooled from now on.
void PoolEagerTensors(PyTypeObject* type);

// An eager tensor of this value.
py::object NewEager(EagerValue value);

}  // namespace wengert::python
