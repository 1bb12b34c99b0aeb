"""Grouping of effects (`tf.group`, `tf.no_op`, `tf.tuple`)."""

from __future__ import annotations

from typing import Any

from wengert import _core, _nest
from wengert._graph import control_dependencies, name_scope_v1

__all__ = ["group", "no_op", "tuple_"]


def no_op(name: str | None = None) -> Any:
    """An operation that does nothing; a place for control dependencies (`tf.no_op`)."""
    return _core.apply("NoOp", (), None, name)


def group(*inputs: Any, **kwargs: Any) -> Any:
    """An operation that runs all of `inputs` (`tf.group`)."""
    name = kwargs.pop("name", None)
    if kwargs:
        raise ValueError(f"Unknown keyword arguments: {', '.join(kwargs)}")
    if _core.current_graph() is None:
        return None
    with name_scope_v1(name, "group_deps") as scope:
        ops = []
        for x in _nest.flatten(list(inputs), expand_composites=True):
            if x is None:
                continue
            x = getattr(x, "_parent_op", x)
            element = getattr(x, "_as_graph_element", None)
            ops.append(element() if element is not None else x)
        with control_dependencies(ops):
            return no_op(name=scope or None)


def tuple_(tensors: Any, name: str | None = None, control_inputs: Any = None) -> Any:
    """The tensors, each available only when all are (`tf.tuple`)."""
    from wengert._array_ops import identity

    if _core.current_graph() is None:
        return tensors
    with name_scope_v1(name, "tuple"):
        present = [t for t in tensors if t is not None]
        gate = group(*present, *(control_inputs or ()))
        with control_dependencies([gate]):
            return [None if t is None else identity(t, name="control_dependency") for t in tensors]
