"""ConcreteFunction: one trace of a function, callable."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

from wengert import _core, _nest
from wengert._func_graph import FuncGraph
from wengert._indexed_slices import IndexedSlices
from wengert._tensor_spec import TensorSpec

__all__ = ["ConcreteFunction", "Output"]

_serial = itertools.count()

# Options of the process, for what is compiled from now on: see `config.set_reassociation`.
compile_settings: dict[str, Any] = {}


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
        # (name, kind, structure of TensorSpecs and Python values) of each parameter.
        self.parameters: list[tuple[str, Any, Any]] = []
        self.created_variables: list[Any] = []
        self.memory_budget: int | None = None
        self._executable: _core.Executable | None = None
        self._function: _core.Function | None = None
        # Structure of the results; leaves are indices of outputs or Python constants.
        self._result: Any = None
        self._effects = graph.side_effects()
        self._stateful = bool(graph.stateful_operations())

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
    def output_dtypes(self) -> Any:
        return self._of_outputs(lambda t: t.dtype)

    @property
    def output_shapes(self) -> Any:
        return self._of_outputs(lambda t: t.shape)

    def _of_outputs(self, what: Any) -> Any:
        structure = self.structured_outputs
        return _nest.map_structure(lambda x: None if x is None else what(x), structure)

    @property
    def executable(self) -> _core.Executable:
        """The compiled graph: arguments and captures in, outputs out."""
        if self._executable is None:
            # A budget of None: that of the process.
            options = {**compile_settings, "memory_budget": self.memory_budget}
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
        if isinstance(result, Output) and result.slices is None:
            return executable, captured, None, [result.index], None, self
        if type(result) in (list, tuple) and all(_is_plain_leaf(x) for x in result):
            leaves = [-1 if x is None else x.index for x in result]
            return executable, captured, type(result), leaves, None, self
        return executable, captured, None, [], self._pack, self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        placeholders = self.graph.inputs
        try:
            flat = self._bind(args, kwargs)
        except TypeError as e:
            flat = self._bind_flat(args, kwargs, e)
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

    def _bind(self, args: Any, kwargs: Any) -> list[Any]:
        """The tensors of arguments given as the Python function takes them."""
        parameters = self.parameters
        positional = [n for n, k, _ in parameters if k is not inspect.Parameter.KEYWORD_ONLY]
        if len(args) > len(positional):
            raise TypeError("too many positional arguments")
        given = dict(zip(positional, args, strict=False))
        rest = {k: v for k, v in kwargs.items() if k not in given}
        if len(rest) < len(kwargs):
            twice = next(k for k in kwargs if k in given)
            raise TypeError(f"multiple values for argument {twice!r}")
        given.update(rest)
        tensors: list[Any] = []
        for name, _, wanted in parameters:
            if name in given:
                _match(given.pop(name), wanted, tensors)
            elif any(isinstance(x, (TensorSpec, IndexedSlices)) for x in _nest.flatten(wanted)):
                raise TypeError(f"missing a required argument: {name!r}")
        if given:
            raise TypeError(f"got an unexpected keyword argument {next(iter(given))!r}")
        return tensors

    def _bind_flat(self, args: Any, kwargs: Any, error: TypeError) -> list[Any]:
        """The same of one argument per tensor."""
        names = [p.op.name for p in self.graph.inputs]
        flat = [a for a in _nest.flatten(list(args)) if a is not None]
        given = dict(kwargs)
        for name in self._arg_names[len(flat) :]:
            if name in given:
                flat.extend(_nest.flatten(given.pop(name)))
        text = f"{self._base_name}({', '.join(names)})"
        if len(flat) > len(names):
            problem = f"{text} takes {len(names)} positional arguments, got {len(flat)}."
        elif len(flat) < len(names):
            problem = f"{text} missing required arguments: {', '.join(names[len(flat) :])}."
        elif given:
            problem = f"{text} got unexpected keyword arguments: {', '.join(sorted(given))}."
        else:
            return flat
        raise TypeError(
            f"Binding inputs to tf.function failed due to `{error}`. Received args: {args} and "
            f"kwargs: {kwargs} for signature: {self._type_text()}.\n"
            f"Fallback to flat signature also failed due to: {problem}"
        ) from None

    # --- text --------------------------------------------------------------------------------
    def _type_text(self) -> str:
        from wengert._function_text import call_type

        return call_type(self.parameters, self.structured_outputs)

    def pretty_printed_signature(self, verbose: bool = True) -> str:
        """Parameters, results and captures of the function, as text."""
        if not verbose:
            return self._type_text()
        from wengert._function_text import describe

        return describe(self.parameters, self.structured_outputs, self.captured_inputs)

    def __repr__(self) -> str:
        return f"<ConcreteFunction {self._type_text()} at 0x{id(self):X}>"

    def __str__(self) -> str:
        return f"ConcreteFunction {self.pretty_printed_signature()}"

    def as_attribute(self) -> _core.Function:
        """The function as a value of an attribute."""
        if self._function is None:
            self._function = _core.Function(
                self.name, self.graph, self._fed(), self.graph.outputs, self._effects
            )
        return self._function

    def _call_in_graph(self, tensors: list[Any], outer: Any) -> list[Any]:
        outer.hold(self.graph)
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
            if isinstance(x, Output):
                if x.slices is None:
                    return results[x.index]
                parts = [None if i is None else results[i] for i in x.slices]
                return IndexedSlices(*parts)
            return x

        if isinstance(self._result, Output):
            return leaf(self._result)
        return _nest.map_structure(leaf, self._result)


class Output:
    """Leaf of a result structure: output number `index`, or the parts of IndexedSlices."""

    __slots__ = ("index", "slices")

    def __init__(self, index: int, slices: list[int | None] | None = None) -> None:
        self.index = index
        self.slices = slices


def _is_plain_leaf(x: Any) -> bool:
    return x is None or (isinstance(x, Output) and x.slices is None)


def _match(value: Any, wanted: Any, tensors: list[Any]) -> None:
    """Appends the tensors of an argument; TypeError where it is not what was traced."""
    from wengert._function_text import Described

    try:
        _nest.assert_same_structure(value, wanted)
    except (TypeError, ValueError) as e:
        raise TypeError(str(e)) from None
    for x, w in zip(_nest.flatten(value), _nest.flatten(wanted), strict=True):
        if isinstance(w, TensorSpec):
            tensors.append(x)
        elif isinstance(w, IndexedSlices):
            tensors.extend(p for p in (x.values, x.indices, x.dense_shape) if p is not None)
        elif not isinstance(w, Described) and (type(x) is not type(w) or x != w):
            raise TypeError(f"Can not cast {x!r} to Literal[{w!r}]")
