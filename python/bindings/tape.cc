// Tapes: what eager code records, and gradients of it.
#include <algorithm>

#include "binding.h"

namespace wengert::python {

namespace {

struct PyTape {
  std::shared_ptr<Tape> tape;
};

struct PyTapes {
  std::vector<std::shared_ptr<Tape>> tapes;
};

EagerValue ToValue(py::handle h) {
  PyEagerTensor* eager = AsEager(h);
  if (eager == nullptr) {
    throw TypeError("expected an eager tensor, got " + py::repr(h).cast<std::string>());
  }
  return eager->value();
}

std::vector<EagerValue> ToValues(const py::sequence& items) {
  std::vector<EagerValue> values;
  values.reserve(items.size());
  for (py::handle item : items) values.push_back(ToValue(item));
  return values;
}

py::object FromValue(EagerValue value) {
  if (!value.array.valid()) return py::none();
  // A literal gets an identity when Python sees it.
  return value.id == 0 ? WrapEager(std::move(value.array)) : WrapEager(std::move(value));
}

py::list FromValues(std::vector<EagerValue> values) {
  py::list result(values.size());
  for (size_t i = 0; i < values.size(); ++i) result[i] = FromValue(std::move(values[i]));
  return result;
}

EagerGrad ToEagerGrad(py::handle h) {
  EagerGrad grad;
  if (h.is_none()) return grad;
  if (!IsIndexedSlices(h)) {
    grad.value = ConvertEagerValue(h, std::nullopt, std::nullopt);
    return grad;
  }
  grad.value = ConvertEagerValue(h.attr("values"), std::nullopt, std::nullopt);
  grad.indices = ConvertEagerValue(h.attr("indices"), std::nullopt, std::nullopt);
  py::object shape = h.attr("dense_shape");
  if (!shape.is_none()) grad.dense_shape = ConvertEagerValue(shape, std::nullopt, std::nullopt);
  return grad;
}

std::vector<EagerGrad> ToEagerGrads(const py::sequence& items) {
  std::vector<EagerGrad> grads;
  for (py::handle item : items) grads.push_back(ToEagerGrad(item));
  return grads;
}

py::object FromEagerGrad(const EagerGrad& grad) {
  if (!grad.is_slices()) return FromValue(grad.value);
  return GetHooks().indexed_slices(FromValue(grad.value), FromValue(grad.indices),
                                   FromValue(grad.dense_shape));
}

py::list FromEagerGrads(const std::vector<EagerGrad>& grads) {
  py::list result(grads.size());
  for (size_t i = 0; i < grads.size(); ++i) result[i] = FromEagerGrad(grads[i]);
  return result;
}

EagerGradientFn PythonBackward(py::object function) {
  return [kept = KeepObject(std::move(function))](const std::vector<EagerGrad>& out_grads) {
    py::gil_scoped_acquire gil;
    return ToEagerGrads(py::sequence((*kept)(FromEagerGrads(out_grads))));
  };
}

Tape::Accessor PythonAccessor(const py::object& accessed) {
  if (accessed.is_none()) return nullptr;
  return [kept = KeepObject(accessed)](const EagerValue& handle) {
    py::gil_scoped_acquire gil;
    return (*kept)(handle.id).cast<bool>();
  };
}

void Stop(const Tape* tape) {
  auto& active = ActiveTapes();
  for (auto it = active.begin(); it != active.end(); ++it) {
    if (it->get() != tape) continue;
    active.erase(it);
    return;
  }
}

GraphTape::Accessor SymbolicAccessor(const py::object& accessed) {
  if (accessed.is_none()) return nullptr;
  return [kept = KeepObject(accessed)](const Tensor& handle) {
    py::gil_scoped_acquire gil;
    return (*kept)(Wrap(handle)).cast<bool>();
  };
}

Tensor ToSymbolic(py::handle h) {
  PySymbolicTensor* symbolic = AsSymbolic(h);
  if (symbolic == nullptr) {
    throw TypeError("expected a symbolic tensor, got " + py::repr(h).cast<std::string>());
  }
  return symbolic->tensor;
}

Grad ToSymbolicGrad(py::handle h) {
  if (h.is_none()) return Grad();
  if (!IsIndexedSlices(h)) return ToSymbolic(h);
  IndexedSlices s{ToSymbolic(h.attr("values")), ToSymbolic(h.attr("indices")), Tensor{}};
  py::object shape = h.attr("dense_shape");
  if (!shape.is_none()) s.dense_shape = ToSymbolic(shape);
  return s;
}

void BindGraphTape(py::module_& m) {
  py::class_<GraphTape, std::shared_ptr<GraphTape>>(m, "GraphTape",
                                                    "What is added to a graph is recorded on.")
      .def(py::init([](Graph& graph, const py::object& accessed) {
             return std::make_shared<GraphTape>(graph, SymbolicAccessor(accessed));
           }),
           py::arg("graph"), py::arg("accessed") = py::none())
      .def("start", &GraphTape::Start)
      .def("stop", &GraphTape::Stop)
      .def("clear", &GraphTape::Clear)
      .def("watch", [](GraphTape& t, py::handle tensor) { t.Watch(ToSymbolic(tensor)); })
      .def("watches",
           [](const GraphTape& t, py::handle tensor) { return t.Watches(ToSymbolic(tensor)); })
      .def(
          "gradient",
          [](GraphTape& t, const py::sequence& ys, const py::sequence& xs,
             const py::sequence& grad_ys) {
            std::vector<Grad> given;
            for (py::handle g : grad_ys) given.push_back(ToSymbolicGrad(g));
            py::list result;
            for (const Grad& g :
                 t.Gradient(SymbolicList(ys, "targets"), SymbolicList(xs, "sources"), given)) {
              result.append(Wrap(g));
            }
            return result;
          },
          py::arg("ys"), py::arg("xs"), py::arg("grad_ys") = py::tuple());
}

}  // namespace

void BindTape(py::module_& m) {
  // Python builds graphs under the interpreter's lock.
  SetGraphLock(
      []() -> std::shared_ptr<void> { return std::make_shared<py::gil_scoped_acquire>(); });
  py::class_<PyTape>(m, "Tape", "What eager operations of a thread are recorded on.")
      .def(py::init([](const py::object& accessed) {
             return PyTape{std::make_shared<Tape>(PythonAccessor(accessed))};
           }),
           py::arg("accessed") = py::none())
      .def("start",
           [](const PyTape& t) {
             Stop(t.tape.get());
             ActiveTapes().push_back(t.tape);
           })
      .def("stop", [](const PyTape& t) { Stop(t.tape.get()); })
      .def("watch", [](const PyTape& t, py::handle tensor) { t.tape->Watch(ToValue(tensor)); })
      .def("watches",
           [](const PyTape& t, py::handle tensor) { return t.tape->Watches(ToValue(tensor)); })
      .def("clear", [](const PyTape& t) { t.tape->Clear(); })
      .def("__len__", [](const PyTape& t) { return t.tape->size(); })
      .def(
          "gradient",
          [](const PyTape& t, const py::sequence& ys, const py::sequence& xs,
             const py::sequence& grad_ys) {
            const std::vector<EagerValue> targets = ToValues(ys), sources = ToValues(xs);
            const std::vector<EagerGrad> given = ToEagerGrads(grad_ys);
            std::vector<EagerGrad> grads;
            {
              py::gil_scoped_release release;
              grads = t.tape->Gradient(targets, sources, given);
            }
            return FromEagerGrads(grads);
          },
          py::arg("ys"), py::arg("xs"), py::arg("grad_ys") = py::tuple());
  BindGraphTape(m);
  py::class_<PyTapes>(m, "Tapes", "A set of tapes that record.");
  m.def("tapes_active", [] { return !ActiveTapes().empty(); });
  m.def("active_tapes", [] { return PyTapes{ActiveTapes()}; });
  m.def("set_active_tapes", [](const PyTapes& tapes) { ActiveTapes() = tapes.tapes; });
  m.def("merge_tapes", [](const PyTapes& first, const PyTapes& second) {
    PyTapes merged = first;
    for (const auto& tape : second.tapes) {
      const auto& all = merged.tapes;
      if (std::find(all.begin(), all.end(), tape) == all.end()) merged.tapes.push_back(tape);
    }
    return merged;
  });
  m.def("pause_tapes", [] {
    PyTapes paused;
    std::swap(paused.tapes, ActiveTapes());
    return paused;
  });
  m.def(
      "record_custom",
      [](const py::sequence& inputs, const py::sequence& outputs, py::object backward) {
        RecordCustom(ToValues(inputs), ToValues(outputs), PythonBackward(std::move(backward)));
      },
      py::arg("inputs"), py::arg("outputs"), py::arg("backward"));
  m.def(
      "call_function",
      [](std::shared_ptr<Function> function, const py::sequence& inputs) {
        const std::vector<EagerValue> values = ToValues(inputs);
        // Gradients that are written in Python belong to the Python object of the graph.
        const std::shared_ptr<void> host = KeepObject(WrapGraph(*function->graph));
        std::vector<EagerValue> results;
        {
          py::gil_scoped_release release;
          results = CallFunction(function, values, true, host);
        }
        return FromValues(std::move(results));
      },
      py::arg("function"), py::arg("inputs"));
}

}  // namespace wengert::python
