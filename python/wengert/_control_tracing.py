"""Tracing of branches and loop bodies into graphs, and results that are more than tensors."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from wengert import _core, _nest
from wengert._func_graph import FuncGraph
from wengert._indexed_slices import IndexedSlices

__all__ = [
    "BranchGraph",
    "components",
    "flatten_components",
    "pack_components",
    "resolve",
    "unique_function_name",
]

_uid = itertools.count()


def unique_function_name(scope: str, kind: str) -> str:
    """Name of the function of a branch or body: "cond_true_12"."""
    return f"{scope}{kind}_{next(_uid)}".replace("/", "_")


def _is_tensor_array(x: Any) -> bool:
    return getattr(x, "_is_tensor_array", False)


def components(x: Any) -> list[Any]:
    """The tensors of which a result consists; None has none."""
    if x is None:
        return []
    if isinstance(x, IndexedSlices):
        parts = [x.values, x.indices]
        return parts if x.dense_shape is None else [*parts, x.dense_shape]
    if _is_tensor_array(x):
        return [x.flow]
    return [x]


def _rebuild(like: Any, parts: list[Any]) -> Any:
    if like is None:
        return None
    if isinstance(like, IndexedSlices):
        return IndexedSlices(*parts)
    if _is_tensor_array(like):
        return like._with_flow(parts[0])
    return parts[0]


def flatten_components(structure: Any) -> list[Any]:
    """The tensors of all leaves of a structure, in order."""
    return [part for leaf in _nest.flatten(structure) for part in components(leaf)]


def pack_components(structure: Any, tensors: list[Any]) -> Any:
    """The inverse of `flatten_components`."""
    position = 0
    leaves = []
    for leaf in _nest.flatten(structure):
        count = len(components(leaf))
        leaves.append(_rebuild(leaf, list(tensors[position : position + count])))
        position += count
    return _nest.pack_sequence_as(structure, leaves)


def resolve(graph: Any, tensors: list[Any]) -> list[Any]:
    """Tensors from around `graph`, and eager ones, as tensors of it."""
    if isinstance(graph, FuncGraph):
        return [
            t if isinstance(t, _core.SymbolicTensor) and t.graph is graph else graph.capture(t)
            for t in tensors
        ]
    return [
        _core.constant(t.numpy(), t.dtype)
        if isinstance(t, _core.EagerTensor) and t.dtype.is_numpy_compatible
        else _core.convert(t)
        for t in tensors
    ]


class BranchGraph(FuncGraph):
    """Graph of a branch or of a part of a loop.

    As in TensorFlow, names inside a traced function begin with the scope around, and results are
    handed out through Identity operations; in a plain graph neither happens.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        outer: Any = self.outer_graph
        self.inside_function = isinstance(outer, FuncGraph)
        if outer is not None:
            self._collections = outer._collections
        if self.inside_function:
            self.name_scope_path = outer.name_scope_path

    def argument(self, dtype: Any, shape: Any, name: str, like: Any = None) -> Any:
        """A new parameter; `like` is the tensor it starts from."""
        tensor = _core.placeholder(dtype, shape, name)
        if like is not None and dtype.name == "resource":
            handle = _core.handle_data(like)
            if handle is not None:
                _core.set_handle_data(tensor, *handle)
        self.inputs.append(tensor)
        return tensor

    def trace(self, function: Callable[[], Any], operation_value: Any = None) -> Any:
        """Runs `function` in this graph and appends its results to `outputs`.

        `operation_value` stands for results that are operations.
        """
        _core.push_graph(self)
        try:
            result = function()
            leaf = self._leaf_converter(operation_value)
            if _nest.is_nested(result):
                structured = _nest.map_structure(leaf, result)
            else:
                structured = leaf(result)
        finally:
            _core.pop_graph()
        self.structured_outputs = structured
        self.outputs.extend(flatten_components(structured))
        return structured

    def _leaf_converter(self, operation_value: Any) -> Callable[[Any], Any]:
        def hand_out(x: Any) -> Any:
            x = _core.convert(x)
            if self.inside_function:
                return _core.apply("Identity", (x,))
            return x if x.graph is self else self._capture(x)

        def leaf(x: Any) -> Any:
            if x is None:
                return None
            if isinstance(x, _core.Operation):
                if operation_value is None:
                    return None
                with self.control_dependencies([x]):
                    x = _core.apply("Identity", (operation_value,))
                return hand_out(x)
            return _rebuild(x, [hand_out(part) for part in components(x)])

        return leaf

    def capture_all(self, tensors: list[Any]) -> None:
        """Captures tensors of outer graphs, in order."""
        for t in tensors:
            self._capture(t)

    @property
    def stateful(self) -> bool:
        return bool(self.stateful_operations())

    def as_function(self, inputs: list[Any]) -> _core.Function:
        """The function as a value of an attribute of an operation of the graph around."""
        self.outer_graph.hold(self)
        return _core.Function(self.name, self, inputs, self.outputs, self.side_effects())
