// What a CompiledFunction consists of, and the ways through one call of it.
#pragma once

#include "binding.h"
#include "numpy_api.h"
#include "result_array.h"

namespace wengert::python {

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

// Whether arguments are plain arrays of the dtypes and dims of `last`.
bool SameSignature(const Signature& last, CompiledFunctionObject* self, PyObject* const* args,
                   size_t n);

// The way that always works; learns what calls like this one give. `out` may be null.
PyObject* SlowCall(CompiledFunctionObject* self, PyObject* const* args, size_t n, PyObject* out);

// For arguments of the last signature.
PyObject* FastCall(CompiledFunctionObject* self, PyObject* const* args, size_t n, PyObject* out);

}  // namespace wengert::python
