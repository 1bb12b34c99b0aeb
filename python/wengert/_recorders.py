"""Recorders of tapes: of eager operations and of those that are added to a graph."""

from __future__ import annotations

from typing import Any

from wengert import _core

__all__ = ["EagerRecorder", "GraphRecorder", "is_trainable", "is_variable"]


def is_variable(x: Any) -> bool:
    return bool(getattr(x, "_is_variable", False))


def is_trainable(dtype: Any) -> bool:
    """Whether gradients flow through values of this dtype."""
    return bool(dtype.is_floating or dtype.is_complex or dtype.name in ("resource", "variant"))


class EagerRecorder:
    """A tape of eager operations. Trainable variables that they use are added to `variables`.

    The core holds on to the closure below, which therefore must not lead back here.
    """

    def __init__(self, watch_accessed: bool, variables: dict[int, Any]) -> None:
        def accessed(identity: int) -> bool:
            from wengert import _variables

            variable = _variables._by_resource.get(-identity)
            if variable is None or not variable.trainable:
                return False
            variables.setdefault(id(variable), variable)
            return True

        self.core = _core.Tape(accessed if watch_accessed else None)

    def own(self, x: Any) -> Any:
        """`x`, a tensor, as this tape knows it."""
        return x.handle if is_variable(x) else x

    def gradient(self, ys: list[Any], xs: list[Any], grad_ys: list[Any]) -> list[Any]:
        return self.core.gradient(ys, xs, grad_ys)


class GraphRecorder:
    """A tape of the operations that are added to a graph."""

    def __init__(self, graph: Any, watch_accessed: bool, variables: dict[int, Any]) -> None:
        def accessed(handle: Any) -> bool:
            variable = _variable_of(handle)
            if variable is None or not variable.trainable:
                return False
            variables.setdefault(id(variable), variable)
            return True

        self.graph = graph
        self.core = _core.GraphTape(graph, accessed if watch_accessed else None)

    def own(self, x: Any) -> Any:
        handle = x.handle if is_variable(x) else x
        if isinstance(handle, _core.SymbolicTensor) and handle.graph is self.graph:
            return handle
        _core.push_graph(self.graph)
        try:
            return _core.convert(handle)
        finally:
            _core.pop_graph()

    def gradient(self, ys: list[Any], xs: list[Any], grad_ys: list[Any]) -> list[Any]:
        return self.core.gradient(ys, xs, grad_ys)


def _variable_of(handle: Any) -> Any:
    """The variable behind a handle, or None."""
    from wengert import _variables

    while isinstance(handle, _core.SymbolicTensor):
        graph = handle.graph
        known = graph._state.get("handles", {}).get(handle.op.name)
        if known is not None:
            return known
        outer = graph._captured_from(handle) if hasattr(graph, "_captured_from") else None
        if outer is None:
            return None
        handle = outer
    return _variables._by_resource.get(handle._resource_key())
