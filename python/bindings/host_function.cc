// Python functions that graphs call.
#include "binding.h"

namespace wengert::python {

std::shared_ptr<py::object> KeepObject(py::object object) {
  return std::shared_ptr<py::object>(new py::object(std::move(object)), [](py::object* o) {
    if (!Py_IsInitialized()) return;
    py::gil_scoped_acquire gil;
    delete o;
  });
}

namespace {

// Runs `function`, which takes and returns lists of eager tensors, apart from whatever graph is
// being built and from tapes.
std::vector<Array> CallPython(const py::object& function, const std::vector<Array>& inputs) {
  py::gil_scoped_acquire gil;
  TapePause pause;
  py::list args(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) args[i] = WrapEager(inputs[i]);
  std::vector<Array> results;
  for (py::handle item : py::sequence(function(args))) {
    PyEagerTensor* tensor = AsEager(item);
    if (tensor == nullptr) throw TypeError("a host function must return eager tensors");
    results.push_back(tensor->array);
  }
  return results;
}

}  // namespace

void BindHostFunctions(py::module_& m) {
  m.def(
      "set_host_function",
      [](const std::string& token, py::object function) {
        std::shared_ptr<const HostFunction> host;
        if (!function.is_none()) {
          host = std::make_shared<const HostFunction>(
              [kept = KeepObject(std::move(function))](const std::vector<Array>& inputs) {
                return CallPython(*kept, inputs);
              });
        }
        SetHostFunction(token, std::move(host));
      },
      py::arg("token"), py::arg("function"));
}

}  // namespace wengert::python
