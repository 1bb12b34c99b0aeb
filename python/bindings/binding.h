// Shared by the files of the bindings: Python-side structs, wrapping and conversion.
#pragma once

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wengert/wengert.h"

namespace wengert::python {

namespace py = pybind11;

// --- objects ------------------------------------------------------------------------------
// Wrappers keep the Python graph alive; the graph's binding slots point back, borrowed, so that
// `is` identity holds while a wrapper lives and no reference cycle arises.

struct PyTensor {};

struct PySymbolicTensor : PyTensor {
  PySymbolicTensor(py::object g, Tensor t) : graph(std::move(g)), tensor(t) {}
  ~PySymbolicTensor() {
    if (tensor.op != nullptr) tensor.op->binding_slot(tensor.index) = nullptr;
  }
  PySymbolicTensor(PySymbolicTensor&& o) noexcept : graph(std::move(o.graph)), tensor(o.tensor) {
    o.tensor.op = nullptr;
  }
  PySymbolicTensor(const PySymbolicTensor&) = delete;
  PySymbolicTensor& operator=(const PySymbolicTensor&) = delete;
  py::object graph;
  Tensor tensor;
};

struct PyEagerTensor : PyTensor {
  explicit PyEagerTensor(EagerValue v) : array(std::move(v.array)), id(v.id) {}
  EagerValue value() const { return {array, id}; }
  Array array;
  int64_t id;  // which value it is, for tapes
};

struct PyOperation {
  PyOperation(py::object g, Operation* o) : graph(std::move(g)), op(o) {}
  ~PyOperation() {
    if (op != nullptr) op->binding_slot() = nullptr;
  }
  PyOperation(PyOperation&& o) noexcept : graph(std::move(o.graph)), op(o.op) { o.op = nullptr; }
  PyOperation(const PyOperation&) = delete;
  PyOperation& operator=(const PyOperation&) = delete;
  py::object graph;
  Operation* op;
};

py::object Wrap(const Tensor& t);
py::object Wrap(Operation* op);
py::object Wrap(const Grad& grad);
py::object WrapGraph(Graph& graph);
py::object WrapEager(Array array);
py::object WrapEager(EagerValue value);

// Null when `h` is something else.
PySymbolicTensor* AsSymbolic(py::handle h);
PyEagerTensor* AsEager(py::handle h);
PyOperation* AsOperation(py::handle h);
bool IsIndexedSlices(py::handle h);
std::vector<Tensor> SymbolicList(const py::sequence& items, const char* what);
std::vector<Operation*> OperationList(const py::sequence& items);

// --- what the Python package hands over by _core.install -----------------------------------
struct Hooks {
  py::object dtypes[kNumDTypes];
  py::object convert;
  py::dict errors;
  py::object tensor_shape;
  py::object indexed_slices;
};
Hooks& GetHooks();

// --- context ---------------------------------------------------------------------------------
// The Python graph being built; None when executing eagerly.
py::object CurrentGraph();
Graph* GraphOf(py::handle graph);  // null for None
// Makes `graph` the one being built while it lives.
class GraphScope {
 public:
  explicit GraphScope(py::object graph);
  ~GraphScope();
  GraphScope(const GraphScope&) = delete;
  GraphScope& operator=(const GraphScope&) = delete;
};

// While it lives, operations are located where the caller of the package stands now; with `hold`
// false, around calls of the user's code, each where it is created.
class HeldLocation {
 public:
  explicit HeldLocation(bool hold);
  ~HeldLocation();
  HeldLocation(const HeldLocation&) = delete;
  HeldLocation& operator=(const HeldLocation&) = delete;

 private:
  uint32_t previous_;
};

// --- dtypes, shapes, attributes -----------------------------------------------------------------
py::object DTypeObject(DType dtype);
// A DType object, name, NumPy dtype or Python type. Throws TypeError.
DType ToDType(py::handle h);
std::optional<DType> ToOptionalDType(py::handle h);  // None: nullopt
py::dtype NumpyDType(DType dtype);
DType FromNumpyDType(const py::dtype& dtype);  // kInvalid when there is none
Shape ToShape(py::handle h);                   // None, TensorShape, sequence, int
py::object ShapeTuple(const Shape& shape);     // None or tuple
py::object AttrToPython(const Attr& attr);
Attr AttrFromPython(py::handle value, const std::string& type, Graph* graph);

// Keeps a Python object for code that may drop it without the interpreter's lock.
std::shared_ptr<py::object> KeepObject(py::object object);

// --- values -------------------------------------------------------------------------------------
// True for what becomes a constant without help from Python: numbers, str, bytes, NumPy arrays
// and scalars, (nested) lists and tuples of those, eager tensors.
bool IsPlainValue(py::handle h);
// Follows TensorFlow's conversion: `dtype` is required, `preferred` tried. Throws TypeError or
// ValueError.
Array ToArray(py::handle value, std::optional<DType> dtype, std::optional<DType> preferred = {});
Array FromNumpy(const py::array& array);  // shares memory where it can, else copies
py::object ToNumpy(const Array& array);   // shares memory; str: object array of bytes
// An array of plain data that borrows the memory kept by `base`; without a base, a copy, and a
// scalar for rank 0.
py::object NewNumpy(const Array& array, const py::object& base);
// tf.convert_to_tensor in a graph (`name` as scope-relative node name) or eagerly (graph null).
Tensor ConvertInGraph(py::handle value, std::optional<DType> dtype, const std::string& name,
                      std::optional<DType> preferred, Graph& graph, const py::object& py_graph);
Array ConvertEager(py::handle value, std::optional<DType> dtype, std::optional<DType> preferred);
// The same with the identity of the tensor; literals have none.
EagerValue ConvertEagerValue(py::handle value, std::optional<DType> dtype,
                             std::optional<DType> preferred);
Tensor ConstantInGraph(const Array& value, const std::string& name, Graph& graph);

// --- errors
// ---------------------------------------------------------------------------------------
void RegisterErrorTranslation();

// --- parts of the module
// -----------------------------------------------------------------------------
void BindState(py::module_& m);
void BindGraph(py::module_& m);
void BindTensor(py::module_& m);
void BindConvert(py::module_& m);
void BindApply(py::module_& m);
void BindGradients(py::module_& m);
void BindExecutable(py::module_& m);
void BindCompiledFunction(py::module_& m);
void BindCallCache(py::module_& m);
void BindLocation(py::module_& m);
void BindTape(py::module_& m);
void BindHostFunctions(py::module_& m);

}  // namespace wengert::python
