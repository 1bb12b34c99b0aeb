"""Tracing: running a Python function once on placeholders."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from wengert import _core, _nest
from wengert._concrete_function import ConcreteFunction, Output
from wengert._func_graph import FuncGraph
from wengert._indexed_slices import IndexedSlices
from wengert._tensor_spec import TensorSpec

__all__ = ["BoundCall", "trace"]


class BoundCall:
    """Arguments of a call, one (name, value) each, *args and **kwargs spread out."""

    def __init__(
        self,
        names: list[str],
        values: list[Any],
        kinds: list[Any],
        plain: bool,
        variadic: frozenset[Any] = frozenset(),
    ) -> None:
        self.variadic = variadic  # kinds of all parameters, whether or not they got something
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
        variadic = frozenset(p.kind for p in signature.parameters.values())
        return cls(names, values, kinds, not any(k in keyword for k in kinds), variadic)

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


def trace(
    python_function: Callable[..., Any],
    name: str,
    call: BoundCall,
    leaves: list[Any],
    specs: list[Any] | None,
    may_create: bool,
) -> ConcreteFunction:
    """Runs the Python function once on placeholders and keeps the graph it builds.

    Parameters
    ----------
    leaves : list
        Flat argument values; tensors and TensorSpecs become placeholders.
    specs : list of TensorSpec or None
        Input signature, flat.
    may_create : bool
        Whether variables may be made.
    """
    from wengert import _variables

    graph = FuncGraph(name)
    _core.push_graph(graph)
    try:
        flat: list[Any] = []
        arg_names: list[str] = []
        paths = _nest.flatten_with_paths(call.values)
        types: list[Any] = []
        named: list[Any] = []
        for i, ((path, _), leaf) in enumerate(zip(paths, leaves, strict=True)):
            spec = specs[i] if specs is not None and i < len(specs) else None
            own = call.names[path[0]]
            made = _argument(graph, leaf, spec, own)
            if made is not leaf:
                arg_names.append(own)
            flat.append(made)
            types.append(_type_of(made, leaf, spec))
            named.append(_named(types[-1], "_".join([own, *map(str, path[1:])])))
        args, kwargs = call.arguments(_nest.pack_sequence_as(call.values, flat))
        in_args, in_kwargs = call.arguments(_nest.pack_sequence_as(call.values, named))
        graph.structured_input_signature = (tuple(in_args), dict(sorted(in_kwargs.items())))
        with _variables.lifting_scope(may_create) as created:
            result = python_function(*args, **kwargs)
        structure = _collect_outputs(graph, result, python_function)
        _gather_state(graph)
    finally:
        _core.pop_graph()
    concrete = ConcreteFunction(graph, name, arg_names)
    concrete._result = structure
    concrete.parameters = _parameters(call, types)
    concrete.created_variables = created
    return concrete


def _parameters(call: BoundCall, types: list[Any]) -> list[tuple[str, Any, Any]]:
    kind = inspect.Parameter
    # *args spread out are parameters that have a position alone, and so are those before.
    spread = kind.VAR_POSITIONAL in call.variadic
    result = []
    values = _nest.pack_sequence_as(call.values, types)
    for name, own, value in zip(call.names, call.kinds, values, strict=True):
        if own is kind.VAR_KEYWORD:
            own = kind.KEYWORD_ONLY
        elif own is kind.VAR_POSITIONAL or (spread and own is kind.POSITIONAL_OR_KEYWORD):
            own = kind.POSITIONAL_ONLY
        result.append((name, own, value))
    first = [p for p in result if p[1] is not kind.KEYWORD_ONLY]
    return [*first, *sorted((p for p in result if p[1] is kind.KEYWORD_ONLY), key=lambda p: p[0])]


def _gather_state(graph: FuncGraph) -> None:
    """The closing NoOp behind all stateful operations, where there are any."""
    stateful = graph.stateful_operations()
    if stateful:
        with graph.control_dependencies(stateful):
            _core.apply("NoOp", ())


def _argument(graph: FuncGraph, leaf: Any, spec: Any, name: str) -> Any:
    """The placeholder for a tensor argument; any other value is itself."""
    if isinstance(leaf, IndexedSlices):
        parts = (leaf.values, leaf.indices, leaf.dense_shape)
        return IndexedSlices(
            *[None if p is None else _argument(graph, p, None, name) for p in parts]
        )
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


def _type_of(made: Any, leaf: Any, spec: Any) -> Any:
    """What is kept of an argument: specs for tensors, with the name that the user gave."""
    if isinstance(made, IndexedSlices):
        parts = (made.values, made.indices, made.dense_shape)
        specs = [None if p is None else TensorSpec(p.shape, p.dtype) for p in parts]
        return IndexedSlices(*specs)
    if not isinstance(made, _core.Tensor):
        from wengert._function_text import argument_type

        return argument_type(leaf)
    named = spec if spec is not None else leaf
    return TensorSpec(made.shape, made.dtype, named.name if isinstance(named, TensorSpec) else None)


def _named(x: Any, name: str) -> Any:
    own = isinstance(x, TensorSpec) and x.name is None
    return TensorSpec(x.shape, x.dtype, name) if own else x


def _collect_outputs(graph: FuncGraph, result: Any, python_function: Any) -> Any:
    """Appends the Identity of each result; returns the structure with Output leaves."""

    def add(tensor: Any) -> int:
        graph.outputs.append(_core.apply("Identity", (tensor,)))
        return len(graph.outputs) - 1

    def leaf(x: Any) -> Any:
        if x is None or isinstance(x, _core.Operation):
            return None
        if isinstance(x, IndexedSlices):
            parts = [add(x.values), add(x.indices)]
            shape = None if x.dense_shape is None else add(x.dense_shape)
            return Output(-1, [*parts, shape])
        try:
            tensor = _core.convert(x)
        except (TypeError, ValueError):
            raise TypeError(
                "To be compatible with tf.function, Python functions must return zero or more "
                "Tensors or ExtensionTypes or None values; in compilation of "
                f"{python_function}, found return value of type {type(x).__name__}, which is "
                "not a Tensor or ExtensionType."
            ) from None
        return Output(add(tensor))

    structure = _nest.map_structure(leaf, result) if _nest.is_nested(result) else leaf(result)

    def tensor_of(x: Any) -> Any:
        if not isinstance(x, Output):
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
