// gradients(), and gradient rules written in Python.
#include <algorithm>
#include <unordered_set>

#include "binding.h"

namespace wengert::python {

namespace {

Tensor ToTensorIn(py::handle h, Graph& graph, const std::string& name) {
  py::object py_graph = WrapGraph(graph);
  return ConvertInGraph(h, std::nullopt, name, std::nullopt, graph, py_graph);
}

Grad ToGrad(py::handle h, Graph& graph) {
  if (h.is_none()) return Grad();
  if (!IsIndexedSlices(h)) return Grad(ToTensorIn(h, graph, "Const"));
  IndexedSlices s;
  s.values = ToTensorIn(h.attr("values"), graph, "values");
  s.indices = ToTensorIn(h.attr("indices"), graph, "indices");
  py::object shape = h.attr("dense_shape");
  if (!shape.is_none()) s.dense_shape = ToTensorIn(shape, graph, "shape");
  return Grad(s);
}

std::vector<Grad> ToGrads(const py::object& result, Graph& graph) {
  std::vector<Grad> grads;
  if (PyList_Check(result.ptr()) || PyTuple_Check(result.ptr())) {
    for (py::handle item : result) grads.push_back(ToGrad(item, graph));
  } else {
    grads.push_back(ToGrad(result, graph));
  }
  return grads;
}

py::list FromGrads(const std::vector<Grad>& grads) {
  py::list result;
  for (const Grad& g : grads) result.append(Wrap(g));
  return result;
}

GradientFn PythonGradient(py::object function) {
  if (function.is_none()) return nullptr;  // nothing flows
  // Leaked: the registry outlives the interpreter.
  auto* leaked = new py::object(std::move(function));
  return [leaked](GradientContext& g) {
    py::gil_scoped_acquire gil;
    const HeldLocation elsewhere(false);
    GraphScope scope(WrapGraph(g.b.graph()));
    py::list args;
    args.append(Wrap(g.op));
    for (const Grad& grad : g.out_grads) args.append(Wrap(grad));
    return ToGrads((*leaked)(*args), g.b.graph());
  };
}

Graph& GraphBeingBuilt() {
  Graph* const graph = GraphOf(CurrentGraph());
  if (graph == nullptr) {
    throw RuntimeError(
        "tf.gradients is not supported when eager execution is enabled. Use "
        "tf.GradientTape instead.");
  }
  return *graph;
}

GradientOptions Options(const std::string& name, bool colocate, bool gate, int aggregation,
                        bool unconnected_zero) {
  GradientOptions options;
  options.name = name;
  options.colocate_gradients_with_ops = colocate;
  options.gate_gradients = gate;
  options.aggregation_method = static_cast<AggregationMethod>(aggregation);
  options.unconnected_gradients =
      unconnected_zero ? UnconnectedGradients::kZero : UnconnectedGradients::kNone;
  return options;
}

// False when an item is anything but a tensor of `graph`.
bool TensorsOf(const Graph& graph, const py::list& items, std::vector<Tensor>* tensors) {
  tensors->reserve(items.size());
  for (py::handle item : items) {
    PySymbolicTensor* const symbolic = AsSymbolic(item);
    if (symbolic == nullptr || &symbolic->tensor.graph() != &graph) return false;
    tensors->push_back(symbolic->tensor);
  }
  return true;
}

}  // namespace

void BindGradients(py::module_& m) {
  m.def(
      "gradients",
      [](const py::sequence& ys, const py::sequence& xs, const py::sequence& grad_ys,
         const std::string& name, bool colocate, bool gate, int aggregation,
         const py::sequence& stop_gradients, bool unconnected_zero) {
        Graph& graph = GraphBeingBuilt();
        GradientOptions options = Options(name, colocate, gate, aggregation, unconnected_zero);
        options.stop_gradients = SymbolicList(stop_gradients, "stop_gradients");
        std::vector<Grad> given;
        for (py::handle g : grad_ys) given.push_back(ToGrad(g, graph));
        const HeldLocation here(true);
        return FromGrads(
            Gradients(graph, SymbolicList(ys, "ys"), SymbolicList(xs, "xs"), given, options));
      },
      py::arg("ys"), py::arg("xs"), py::arg("grad_ys"), py::arg("name"),
      py::arg("colocate_gradients_with_ops"), py::arg("gate_gradients"),
      py::arg("aggregation_method"), py::arg("stop_gradients"), py::arg("unconnected_zero"));
  m.def(
      "gradients_of_tensors",
      [](const py::list& ys, const py::list& xs, const std::string& name, bool colocate, bool gate,
         int aggregation, const py::list& stop_gradients, bool unconnected_zero) -> py::object {
        Graph& graph = GraphBeingBuilt();
        std::vector<Tensor> y, x;
        GradientOptions options = Options(name, colocate, gate, aggregation, unconnected_zero);
        if (!TensorsOf(graph, ys, &y) || !TensorsOf(graph, xs, &x) ||
            !TensorsOf(graph, stop_gradients, &options.stop_gradients)) {
          return py::none();
        }
        const HeldLocation here(true);
        return FromGrads(Gradients(graph, y, x, {}, options));
      },
      py::arg("ys"), py::arg("xs"), py::arg("name"), py::arg("colocate_gradients_with_ops"),
      py::arg("gate_gradients"), py::arg("aggregation_method"), py::arg("stop_gradients"),
      py::arg("unconnected_zero"),
      "As `gradients`, of tensors of the graph being built; None when there are others.");
  m.def(
      "distinct_tensors",
      [](const Graph& graph, const py::list& items) {
        std::vector<Tensor> tensors;
        if (!TensorsOf(graph, items, &tensors)) return false;
        std::unordered_set<Tensor, TensorHash> seen;
        return std::all_of(tensors.begin(), tensors.end(),
                           [&](const Tensor& t) { return seen.insert(t).second; });
      },
      py::arg("graph"), py::arg("items"), "Whether all are tensors of the graph, none twice.");
  m.def("register_gradient", [](const std::string& name, py::object function) {
    OpRegistry::Global().AddGradient(name, PythonGradient(std::move(function)));
  });
  m.def(
      "capture",
      [](Graph& graph, py::handle tensor) {
        PySymbolicTensor* symbolic = AsSymbolic(tensor);
        if (symbolic == nullptr) throw TypeError("expected a symbolic tensor");
        if (!graph.capture) {
          throw ValueError(py::repr(tensor).cast<std::string>() + " is not from this graph");
        }
        return Wrap(graph.capture(symbolic->tensor));
      },
      py::arg("graph"), py::arg("tensor"), "The stand-in in `graph` of a tensor of another one.");
  m.def("builtin_gradient", [](const std::string& type) {
    const OpDef& def = OpRegistry::Global().Get(type);
    if (!def.gradient_fn()) {
      throw LookupError("No gradient defined for op type '" + type + "'");
    }
    const GradientFn* rule = &def.gradient_fn();
    return py::cpp_function([rule](py::object op, const py::args& grads) -> py::object {
      PyOperation* operation = AsOperation(op);
      if (operation == nullptr) throw TypeError("the first argument must be an Operation");
      Graph& graph = operation->op->graph();
      std::vector<Grad> given;
      for (py::handle g : grads) given.push_back(ToGrad(g, graph));
      Builder b(graph);
      GradientContext context{b, operation->op, given};
      py::list result = FromGrads((*rule)(context));
      if (result.size() == 1) return result[0];
      return result;
    });
  });
}

}  // namespace wengert::python
