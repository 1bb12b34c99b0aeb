"""Sorting by way of TopKV2 (`tf.sort`, `tf.argsort`)."""

from __future__ import annotations

from typing import Any

from wengert import _array_ops, _core
from wengert._graph import name_scope_v1

__all__ = ["argsort", "sort"]


def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """Sorted along an axis (`tf.sort`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.sort([3.0, 1.0, 2.0]).numpy().tolist()
    [1.0, 2.0, 3.0]
    """
    with name_scope_v1(name, "sort"):
        return _sort_or_argsort(values, axis, direction, False)


def argsort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Indices that sort along an axis, always stable (`tf.argsort`)."""
    del stable
    with name_scope_v1(name, "argsort"):
        return _sort_or_argsort(values, axis, direction, True)


def _sort_or_argsort(values: Any, axis: Any, direction: str, indices: bool) -> Any:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            f"Direction {direction!r} is not supported. It must be one of ASCENDING, DESCENDING."
        )
    if not isinstance(axis, int):
        raise ValueError("The 'axis' argument to sort/argsort must be a constant integer.")
    values = _core.convert(values, None, "values")
    rank = values._rank()
    ascending = direction == "ASCENDING"
    if ascending:
        if values.dtype.is_unsigned:
            offset = values.dtype.max
            values = offset - values
        elif values.dtype.is_integer:
            # -1 - x reverses the order without overflow.
            values = -1 - values
        else:
            values = -values
    if axis != -1 and (rank is None or axis != rank - 1):
        if rank is None:
            raise NotImplementedError("sorting an inner axis needs a known rank")
        at = axis % rank
        perm = [*range(at), *range(at + 1, rank), at]
        back = [*range(at), rank - 1, *range(at, rank - 1)]
        moved = _array_ops.transpose(values, perm)
        result = _array_ops.transpose(_top(moved, indices), back)
    else:
        result = _top(values, indices)
    if indices or not ascending:
        return result
    if values.dtype.is_unsigned:
        return values.dtype.max - result
    return -1 - result if values.dtype.is_integer else -result


def _top(values: Any, indices: bool) -> Any:
    from wengert._nn_ops import top_k

    k = _array_ops.shape(values)[-1]
    top_values, top_indices = top_k(values, k)
    return top_indices if indices else top_values
