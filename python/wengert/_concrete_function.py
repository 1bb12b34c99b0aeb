"""ConcreteFunction: one trace of a function, callable; and the tracing itself."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any

from wengert import _core, _nest
from wengert._func_graph import FuncGraph, is_stateful
from wengert._indexed_slices import IndexedSlices
from wengert._tensor_spec import TensorSpec

__all__ = ["BoundCall", "ConcreteFunction", "trace"]

_serial = itertools.count()


class BoundCall:
    """Arguments of a call, one (name, value) each, *args and **kwargs spread out."""

    def __init__(self, names: list[str], values: list[Any], kinds: list[Any], plain: bool) -> None:
        self.names = names
        self.values = values
        self.kinds = kinds
        self.plain = plain  # only positional parameters, in order

    @classmethod
    def of(cls, signature: inspect.Signature, bound: inspect.BoundArguments) -> BoundCall:
        names: list[str] = []
        values: list[Any] = []
        kinds: list[Any] = []
        for name, value in bound.arguments.items():
            kind = signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                spread = [(f"{name}_{i}", v) for i, v in enumerate(value)]
            elif kind is inspect.Parameter.VAR_KEYWORD:
                spread = list(value.items())
            else:
                spread = [(name, value)]
            for n, v in spread:
                names.append(n)
                values.append(v)
                kinds.append(kind)
        keyword = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
        return cls(names, values, kinds, not any(k in keyword for k in kinds))

    def arguments(self, values: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """(args, kwargs) to call the Python function with other values."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, kind, value in zip(self.names, self.kinds, values, strict=True):
            if kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
                kwargs[name] = value
            else:
                args.append(value)
        return args, kwargs


class ConcreteFunction:
    """A traced function with fixed dtypes and (partial) shapes.

    Attributes
    ----------
    graph : FuncGraph
    inputs, outputs : list of Tensor
        Of `graph`; the captures are the last inputs.
    structured_outputs : nested structure of Tensor
    """

    def __init__(self, graph: FuncGraph, name: str, arg_names: list[str]) -> None:
        self.graph = graph
        self._base_name = name
        self.name = f"__inference_{name}_{next(_serial)}"
        self._arg_names = arg_names
        self.created_variables: list[Any] = []
        self.memory_budget: int | None = None
        self._executable: _core.Executable | None = None
        self._function: _core.Function | None = None
        # Structure of the results; leaves are indices of outputs or Python constants.
        self._result: Any = None
        self._effects = graph.side_effects()
        self._stateful = any(is_stateful(t) for t in {op.type for op in graph.get_operations()})

    # --- reading -----------------------------------------------------------------------------
    @property
    def inputs(self) -> list[Any]:
        return self.graph.inputs + [inner for _, inner in self.graph.all_captures]

    @property
    def outputs(self) -> list[Any]:
        return self.graph.outputs

    @property
    def structured_outputs(self) -> Any:
        return self.graph.structured_outputs

    @property
    def structured_input_signature(self) -> Any:
        return self.graph.structured_input_signature

    @property
    def captured_inputs(self) -> list[Any]:
        return [outer for outer, _ in self.graph.all_captures]

    @property
    def variables(self) -> list[Any]:
        from wengert._variables import variables_of_handles

        return variables_of_handles(self.graph.external_captures)

    @property
    def trainable_variables(self) -> list[Any]:
        return [v for v in self.variables if v.trainable]

    @property
    def executable(self) -> _core.Executable:
        """The compiled graph: arguments and captures in, outputs out."""
        if self._executable is None:
            options = {"memory_budget": self.memory_budget}  # None: that of the process
            self._executable = _core.Executable(
                self.graph, self._fed(), self.graph.outputs, self._effects, None, options
            )
        return self._executable

    def _fed(self) -> list[Any]:
        """What a call passes: arguments and captures that are not embedded constants."""
        return self.graph.inputs + self.graph.internal_captures

    # --- calling -----------------------------------------------------------------------------
    def call_flat(self, tensors: Any) -> Any:
        """Calls with the flat list of tensor arguments."""
        outer = _core.current_graph()
        captured = self.graph.external_captures
        if outer is None:
            if _core.tapes_active():
                results = _core.call_function(self.as_attribute(), [*tensors, *captured])
            else:
                results = self.executable.run_eager([*tensors, *captured])
        else:
            results = self._call_in_graph(list(tensors) + captured, outer)
        return self._pack(results)

    def call_plan(self) -> tuple[Any, ...]:
        """What `CallCache.add` takes after the arguments: the executable, the captured inputs,
        and how the results are packed."""
        result, executable = self._result, self.executable
        captured = self.graph.external_captures
        if isinstance(result, _Output) and result.slices is None:
            return executable, captured, None, [result.index], None, self
        if type(result) in (list, tuple) and all(_is_plain_leaf(x) for x in result):
            leaves = [-1 if x is None else x.index for x in result]
            return executable, captured, type(result), leaves, None, self
        return executable, captured, None, [], self._pack, self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        flat = [a for a in _nest.flatten(list(args)) if a is not None]
        by_name = dict(kwargs)
        for name in self._arg_names[len(flat) :]:
            if name in by_name:
                flat.extend(_nest.flatten(by_name.pop(name)))
        if by_name:
            raise TypeError(
                f"ConcreteFunction {self._base_name} got unexpected keyword arguments: "
                f"{sorted(by_name)}."
            )
        placeholders = self.graph.inputs
        if len(flat) != len(placeholders):
            raise TypeError(
                f"ConcreteFunction {self._base_name} takes {len(placeholders)} tensors, got "
                f"{len(flat)}."
            )
        tensors = [
            a if isinstance(a, _core.Tensor) else _core.convert(a, p.dtype)
            for a, p in zip(flat, placeholders, strict=True)
        ]
        for t, p in zip(tensors, placeholders, strict=True):
            if t.dtype != p.dtype or not t.shape.is_compatible_with(p.shape):
                raise TypeError(
                    f"Binding inputs to tf.function failed due to `Can not cast "
                    f"{TensorSpec(t.shape, t.dtype)!r} to {TensorSpec(p.shape, p.dtype)!r}`."
                )
        return self.call_flat(tensors)

    def as_attribute(self) -> _core.Function:
        """The function as a value of an attribute."""
        if self._function is None:
            self._function = _core.Function(
                self.name, self.graph, self._fed(), self.graph.outputs, self._effects
            )
        return self._function

    def _call_in_graph(self, tensors: list[Any], outer: Any) -> list[Any]:
        op_type = "StatefulPartitionedCall" if self._stateful else "PartitionedCall"
        attrs = {
            "Tin": [t.dtype for t in tensors],
            "Tout": [t.dtype for t in self.graph.outputs],
            "f": self.as_attribute(),
        }
        result = _core.apply(op_type, (tensors,), attrs)
        if isinstance(result, _core.Operation):
            return []
        return list(result)

    def _pack(self, results: list[Any]) -> Any:
        def leaf(x: Any) -> Any:
            if isinstance(x, _Output):
                if x.slices is None:
                    return results[x.index]
                parts = [None if i is None else results[i] for i in x.slices]
                return IndexedSlices(*parts)
            return x

        if isinstance(self._result, _Output):
            return leaf(self._result)
        return _nest.map_structure(leaf, self._result)

    def __repr__(self) -> str:
        return f"<ConcreteFunction {self._base_name} at {id(self):#X}>"


class _Output:
    """Leaf of a result structure: output number `index`, or the parts of IndexedSlices."""

    __slots__ = ("index", "slices")

    def __init__(self, index: int, slices: list[int | None] | None = None) -> None:
        self.index = index
        self.slices = slices


def _is_plain_leaf(x: Any) -> bool:
    return x is None or (isinstance(x, _Output) and x.slices is None)


def trace(
    python_function: Callable[..., Any],
    name: str,
    call: BoundCall,
    leaves: list[Any],
    specs: list[Any] | None,
) -> ConcreteFunction:
    """Runs the Python function once on placeholders and keeps the graph it builds.

    Parameters
    ----------
    leaves : list
        Flat argument values; tensors and TensorSpecs become placeholders.
    specs : list of TensorSpec or None
        Input signature, flat.
    """
    from wengert import _variables

    graph = FuncGraph(name)
    _core.push_graph(graph)
    try:
        flat: list[Any] = []
        arg_names: list[str] = []
        paths = _nest.flatten_with_paths(call.values)
        for i, ((path, _), leaf) in enumerate(zip(paths, leaves, strict=True)):
            spec = specs[i] if specs is not None and i < len(specs) else None
            made = _argument(graph, leaf, spec, call.names[path[0]])
            if made is not leaf:
                arg_names.append(call.names[path[0]])
            flat.append(made)
        args, kwargs = call.arguments(_nest.pack_sequence_as(call.values, flat))
        graph.structured_input_signature = (
            tuple(_nest.map_structure(_spec_of, a) for a in args),
            {k: _nest.map_structure(_spec_of, v) for k, v in kwargs.items()},
        )
        with _variables.lifting_scope(graph) as created:
            result = python_function(*args, **kwargs)
        structure = _collect_outputs(graph, result, python_function)
        _gather_state(graph)
    finally:
        _core.pop_graph()
    concrete = ConcreteFunction(graph, name, arg_names)
    concrete._result = structure
    concrete.created_variables = created
    return concrete


def _gather_state(graph: FuncGraph) -> None:
    """The closing NoOp behind all stateful operations, where there are any."""
    stateful = [op for op in graph.get_operations() if is_stateful(op.type)]
    if stateful:
        with graph.control_dependencies(stateful):
            _core.apply("NoOp", ())


def _argument(graph: FuncGraph, leaf: Any, spec: Any, name: str) -> Any:
    """The placeholder for a tensor argument; any other value is itself."""
    if isinstance(leaf, IndexedSlices):
        values = _argument(graph, leaf.values, None, name)
        indices = _argument(graph, leaf.indices, None, name)
        return IndexedSlices(values, indices, leaf.dense_shape)
    if not isinstance(leaf, (_core.Tensor, TensorSpec)):
        return leaf
    source = leaf if spec is None else spec
    own = source.name if isinstance(source, TensorSpec) else None
    tensor = _core.placeholder(leaf.dtype, source.shape, _clean(own or name))
    if leaf.dtype.name == "resource" and isinstance(leaf, _core.Tensor):
        handle = _core.handle_data(leaf)
        if handle is not None:
            _core.set_handle_data(tensor, *handle)
    graph.inputs.append(tensor)
    return tensor


def _clean(name: str) -> str:
    text = "".join(c if c.isalnum() or c in "_.-/" else "_" for c in name)
    return text if text and (text[0].isalnum() or text[0] == ".") else f"arg{text}"


def _spec_of(x: Any) -> Any:
    if isinstance(x, _core.SymbolicTensor):
        return TensorSpec(x.shape, x.dtype, x.op.name)
    return x


def _collect_outputs(graph: FuncGraph, result: Any, python_function: Any) -> Any:
    """Appends the Identity of each result; returns the structure with _Output leaves."""

    def add(tensor: Any) -> int:
        graph.outputs.append(_core.apply("Identity", (tensor,)))
        return len(graph.outputs) - 1

    def leaf(x: Any) -> Any:
        if x is None or isinstance(x, _core.Operation):
            return None
        if isinstance(x, IndexedSlices):
            parts = [add(x.values), add(x.indices)]
            shape = None if x.dense_shape is None else add(x.dense_shape)
            return _Output(-1, [*parts, shape])
        try:
            tensor = _core.convert(x)
        except (TypeError, ValueError):
            raise TypeError(
                "To be compatible with tf.function, Python functions must return zero or more "
                "Tensors or ExtensionTypes or None values; in compilation of "
                f"{python_function}, found return value of type {type(x).__name__}, which is "
                "not a Tensor or ExtensionType."
            ) from None
        return _Output(add(tensor))

    structure = _nest.map_structure(leaf, result) if _nest.is_nested(result) else leaf(result)

    def tensor_of(x: Any) -> Any:
        if not isinstance(x, _Output):
            return x
        if x.slices is None:
            return graph.outputs[x.index]
        return IndexedSlices(*[None if i is None else graph.outputs[i] for i in x.slices])

    graph.structured_outputs = (
        _nest.map_structure(tensor_of, structure)
        if _nest.is_nested(structure)
        else tensor_of(structure)
    )
    return structure
