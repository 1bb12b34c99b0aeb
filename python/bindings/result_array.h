// ResultArray: the NumPy array of one output of known dtype and dims.
#pragma once

#include <vector>

#include "binding.h"
#include "numpy_api.h"

namespace wengert::python {

// Gives the array it gave last once more when nobody else holds it any longer: making one takes
// as long as a small program runs.
class ResultArray {
 public:
  ResultArray(int type_number, std::vector<npy_intp> dims);
  ResultArray(ResultArray&& o) noexcept;
  ResultArray(const ResultArray&) = delete;
  ResultArray& operator=(const ResultArray&) = delete;
  ~ResultArray();

  int rank() const { return static_cast<int>(dims_.size()); }
  bool SameDims(PyArrayObject* array) const;
  // A new reference to an array with undefined contents; null with a Python error.
  PyArrayObject* New();
  // A NumPy scalar of this dtype from memory.
  PyObject* Scalar(const void* data) const;

 private:
  bool Unused() const;

  std::vector<npy_intp> dims_;
  PyArray_Descr* descr_;
  int flags_ = 0;
  PyArrayObject* kept_ = nullptr;
};

}  // namespace wengert::python
