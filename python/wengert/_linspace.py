"""`tf.linspace`, with the nodes that TensorFlow's composition makes."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._array_ops import (
    broadcast_dynamic_shape,
    broadcast_to,
    concat,
    expand_dims,
    reshape,
    shape,
    slice_,
    where,
)
from wengert._creation import range as make_range
from wengert._creation import zeros_like
from wengert._graph import name_scope_v1
from wengert._math_ops import cast, equal, maximum

__all__ = ["linspace_nd"]


def linspace_nd(start: Any, stop: Any, num: Any, name: str | None, axis: int) -> Any:
    """start + i (stop - start) / (num - 1), i < num, along a new axis.

    The first and last slices are the ends themselves, so that they are exact; the result is cut to
    `num` because num = 1 keeps only the first.
    """
    with name_scope_v1(name, "linspace"):
        start = _core.convert(start, None, "start")
        # The end takes the dtype of the start, as TensorFlow requires.
        stop = _core.convert(stop, start.dtype, "stop")
        num_int = cast(_core.convert(num, None, "num"), dtypes.int32)
        num_float = cast(num_int, start.dtype)

        wide = broadcast_dynamic_shape(shape(start), shape(stop))
        start, stop = broadcast_to(start, wide), broadcast_to(stop, wide)
        first, last = expand_dims(start, axis=axis), expand_dims(stop, axis=axis)
        first_shape = shape(first)
        rank = shape(first_shape)[0]
        at = where(axis >= 0, axis, rank + axis)

        inner = maximum(num_int - 2, 0)
        steps = maximum(num_int - 1, 1)
        delta = (last - first) / cast(steps, first.dtype)
        range_end = where(num_int >= 0, steps, -1)
        middle = cast(make_range(1, range_end, dtype=dtypes.int64), first.dtype)
        mask = equal(at, make_range(rank))
        middle_shape = where(mask, inner, 1)
        middle = first + delta * reshape(middle, middle_shape)
        every = concat([first, middle, last], axis=at)

        begin = zeros_like(first_shape)
        size = concat([first_shape[0:at], reshape(num_int, [1]), first_shape[at + 1 :]], axis=0)
        del num_float
        return slice_(every, begin, size)
