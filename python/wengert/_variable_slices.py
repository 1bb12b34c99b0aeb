"""`v[i].assign(...)`: assignment to a part of a variable."""

from __future__ import annotations

import functools
from typing import Any

from wengert import _core

__all__ = ["sliced"]

_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def sliced(variable: Any, key: Any) -> Any:
    """`variable[key]`, a tensor with a method `assign` (a boolean mask gives one without)."""
    from wengert._array_ops import is_mask

    part: Any = variable.value()[key]
    if is_mask(key):
        return part
    eager = isinstance(part, _core.EagerTensor)
    part.assign = (
        functools.partial(_assign_now, variable, key)
        if eager
        else functools.partial(_assign_in_graph, variable, part.op)
    )
    return part


def _assign_in_graph(variable: Any, op: Any, value: Any, name: str | None = None) -> Any:
    """Sets the part that `op`, a StridedSlice, reads. Returns the variable, as `assign` does."""
    masks = {mask: op.get_attr(mask) for mask in _MASKS}
    return _assign(variable, op.inputs[1:], masks, value, name or f"{op.name}/_assign")


def _assign_now(variable: Any, key: Any, value: Any, name: str | None = None) -> Any:
    """Sets the part `key`. Returns the variable, as `assign` does."""
    from wengert._array_ops import slice_helper

    def build(_: Any, begin: Any, end: Any, strides: Any, name: Any, **masks: int) -> Any:
        return _assign(variable, (begin, end, strides), masks, value, None)

    return slice_helper(variable, key, build)


def _assign(variable: Any, bounds: Any, masks: dict[str, Any], value: Any, name: Any) -> Any:
    value = _core.convert(value, variable.dtype)
    attrs = {"T": variable.dtype, **masks}
    inputs = (*bounds, value)
    return variable._update("ResourceStridedSliceAssign", inputs, name, attrs=attrs)
