"""Functions of variables that TensorFlow 1 has beside the methods."""

from __future__ import annotations

from typing import Any

from wengert import _core, _graph
from wengert._indexed_slices import IndexedSlices

__all__ = [
    "assert_variables_initialized",
    "batch_scatter_update",
    "count_up_to",
    "is_variable_initialized",
    "report_uninitialized_variables",
    "scatter_add",
    "scatter_div",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "scatter_nd_add",
    "scatter_nd_sub",
    "scatter_nd_update",
    "scatter_sub",
    "scatter_update",
]


def _slices(ref: Any, indices: Any, updates: Any) -> IndexedSlices:
    indices = _core.convert(indices, None, "indices")
    return IndexedSlices(_core.convert(updates, ref.dtype, "updates"), indices)


def count_up_to(ref: Any, limit: int, name: str | None = None) -> Any:
    """The value of a counter, which is then increased; OutOfRangeError when it is `limit`."""
    return ref.count_up_to(limit)


def scatter_add(
    ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None
) -> Any:
    """Adds `updates` to the rows `indices` of a variable, which is returned."""
    return ref.scatter_add(_slices(ref, indices, updates), name=name)


def scatter_sub(
    ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None
) -> Any:
    """Subtracts `updates` from the rows `indices` of a variable, which is returned."""
    return ref.scatter_sub(_slices(ref, indices, updates), name=name)


def scatter_mul(
    ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None
) -> Any:
    """Multiplies the rows `indices` of a variable by `updates`; returns the variable."""
    return ref.scatter_mul(_slices(ref, indices, updates), name=name)


def scatter_div(
    ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None
) -> Any:
    """Divides the rows `indices` of a variable by `updates`; returns the variable."""
    return ref.scatter_div(_slices(ref, indices, updates), name=name)


def scatter_max(
    ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None
) -> Any:
    """Raises the rows `indices` of a variable to `updates`; returns the variable."""
    return ref.scatter_max(_slices(ref, indices, updates), name=name)


def scatter_min(
    ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None
) -> Any:
    """Lowers the rows `indices` of a variable to `updates`; returns the variable."""
    return ref.scatter_min(_slices(ref, indices, updates), name=name)


def scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: Any = True, name: Any = None
) -> Any:
    """Sets the rows `indices` of a variable to `updates`; returns the variable."""
    return ref.scatter_update(_slices(ref, indices, updates), name=name)


def batch_scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: Any = True, name: Any = None
) -> Any:
    """`scatter_update` along the last axis of `indices`, the ones before it shared."""
    return ref.batch_scatter_update(_slices(ref, indices, updates), name=name)


def scatter_nd_update(
    ref: Any, indices: Any, updates: Any, use_locking: Any = True, name: Any = None
) -> Any:
    """Sets the elements of a variable at index vectors; returns the variable."""
    return ref.scatter_nd_update(indices, updates, name=name)


def scatter_nd_add(
    ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None
) -> Any:
    """Adds to the elements of a variable at index vectors; returns the variable."""
    return ref.scatter_nd_add(indices, updates, name=name)


def scatter_nd_sub(
    ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None
) -> Any:
    """Subtracts from the elements of a variable at index vectors; returns the variable."""
    return ref.scatter_nd_sub(indices, updates, name=name)


def is_variable_initialized(variable: Any) -> Any:
    """Whether a variable has a value."""
    return variable.is_initialized()


def _default_variables(var_list: Any) -> list[Any]:
    if var_list is not None:
        return list(var_list)
    graph = _graph.get_default_graph()
    keys = _graph.GraphKeys
    return graph.get_collection(keys.GLOBAL_VARIABLES) + graph.get_collection(keys.LOCAL_VARIABLES)


def report_uninitialized_variables(
    var_list: Any = None, name: str = "report_uninitialized_variables"
) -> Any:
    """The names of the variables without a value, as a vector of strings."""
    from wengert._array_ops import boolean_mask, stack

    variables = _default_variables(var_list)
    with _graph.name_scope_v1(name):
        if not variables:
            return _core.constant([], "string")
        missing = _core.apply("LogicalNot", (stack([v.is_initialized() for v in variables]),))
        return boolean_mask(_core.constant([v._shared_name for v in variables]), missing)


def assert_variables_initialized(var_list: Any = None) -> Any:
    """An operation that fails unless all variables have values."""
    from wengert._array_ops import stack
    from wengert._control import group

    variables = _default_variables(var_list)
    if not variables:
        return None
    ready = stack([v.is_initialized() for v in variables])
    everything = _core.apply("All", (ready, [0]))
    return group(_core.apply("Assert", (everything, ["Attempting to use uninitialized value"])))
