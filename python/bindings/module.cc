// The extension module: each part binds itself.
#include "binding.h"

namespace {

// Ctrl-C while a loop runs without Python's lock.
void CheckSignals() {
  const pybind11::gil_scoped_acquire lock;
  if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  using namespace wengert::python;
  m.doc() = "Native core of wengert.";
  m.attr("__version__") = WENGERT_VERSION;
  RegisterErrorTranslation();
  BindState(m);
  BindGraph(m);
  BindTensor(m);
  BindConvert(m);
  BindApply(m);
  BindGradients(m);
  BindExecutable(m);
  BindCompiledFunction(m);
  BindCallCache(m);
  BindLocation(m);
  BindTape(m);
  BindHostFunctions(m);
  wengert::InitializeRuntime();
  wengert::SetInterruptCheck(&CheckSignals);
}
