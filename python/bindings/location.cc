// The user's source line of each operation: the innermost frame outside the package.
#include "binding.h"

// Order matters: Python.h comes first, with the includes above.
#include <frameobject.h>

namespace wengert::python {

namespace {

struct Place {
  PyCodeObject* code;
  int position;  // instruction offset (3.11 and newer), else the line
};

struct Locations {
  std::string package_directory;
  // File names (interned by their code objects, kept alive) -> inside the package.
  std::unordered_map<PyObject*, bool> internal;
  std::unordered_map<size_t, std::vector<uint32_t>> by_hash;
  std::vector<Place> places{{nullptr, 0}};
};

Locations& Table() {
  static Locations* table = new Locations;
  return *table;
}

bool IsInternal(PyObject* filename) {
  Locations& table = Table();
  auto it = table.internal.find(filename);
  if (it != table.internal.end()) return it->second;
  const char* text = PyUnicode_AsUTF8(filename);
  bool internal =
      text != nullptr && !table.package_directory.empty() &&
      std::string_view(text).substr(0, table.package_directory.size()) == table.package_directory;
  PyErr_Clear();
  Py_INCREF(filename);
  table.internal.emplace(filename, internal);
  return internal;
}

int Position(PyFrameObject* frame) {
#if PY_VERSION_HEX >= 0x030B0000
  return PyFrame_GetLasti(frame);
#else
  return PyFrame_GetLineNumber(frame);
#endif
}

// Place of all that is added now, where that is known; 0: to be looked up.
thread_local uint32_t held = 0;

uint32_t Capture() {
  if (held != 0) return held;
  if (PyGILState_Check() == 0) return 0;
  PyFrameObject* frame = PyEval_GetFrame();
  if (frame == nullptr) return 0;
  Py_INCREF(frame);
  PyCodeObject* code = nullptr;
  for (int depth = 0; frame != nullptr && depth < 64; ++depth) {
    code = PyFrame_GetCode(frame);
    if (!IsInternal(code->co_filename)) break;
    Py_DECREF(code);
    code = nullptr;
    PyFrameObject* back = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = back;
  }
  uint32_t id = 0;
  if (code != nullptr && frame != nullptr) {
    Locations& table = Table();
    int position = Position(frame);
    size_t hash = std::hash<void*>()(code) * 31 + static_cast<size_t>(position);
    std::vector<uint32_t>& ids = table.by_hash[hash];
    for (uint32_t candidate : ids) {
      const Place& p = table.places[candidate];
      if (p.code == code && p.position == position) id = candidate;
    }
    if (id == 0) {
      id = static_cast<uint32_t>(table.places.size());
      Py_INCREF(code);
      table.places.push_back({code, position});
      ids.push_back(id);
    }
  }
  Py_XDECREF(code);
  Py_XDECREF(frame);
  return id;
}

std::string Describe(uint32_t id) {
  if (id == 0 || id >= Table().places.size()) return "";
  py::gil_scoped_acquire gil;
  const Place& place = Table().places[id];
  py::object code = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(place.code));
#if PY_VERSION_HEX >= 0x030B0000
  int line = PyCode_Addr2Line(place.code, place.position);
#else
  int line = place.position;
#endif
  return code.attr("co_filename").cast<std::string>() + ":" + std::to_string(line) + " in " +
         code.attr("co_name").cast<std::string>();
}

}  // namespace

HeldLocation::HeldLocation(bool hold) : previous_(held) {
  held = 0;
  if (hold) held = previous_ != 0 ? previous_ : Capture();
}

HeldLocation::~HeldLocation() {
  held = previous_;
}

void BindLocation(py::module_& m) {
  m.def("set_package_directory",
        [](const std::string& directory) { Table().package_directory = directory; });
  SetSourceLocationHooks({&Capture, &Describe});
}

}  // namespace wengert::python
