"""Builtin functions in converted code, where they are called with tensors."""

from __future__ import annotations

import builtins
from typing import Any

from wengert._autograph import is_symbolic
from wengert._autograph_state import any_symbolic

__all__ = ["length", "overloads"]

_MISSING: Any = object()


def overloads(converts_print: bool) -> dict[Any, Any]:
    """What stands in for builtin functions."""
    table = {abs: _abs, float: _float, int: _int, len: length, range: _range, sorted: _sorted}
    return {**table, print: _print} if converts_print else table


def _abs(x: Any) -> Any:
    if not is_symbolic(x):
        return abs(x)
    from wengert._math_ops import abs as tf_abs

    return tf_abs(x)


def _number(x: Any, dtype: str) -> Any:
    from wengert._dtypes import as_dtype
    from wengert._math_ops import cast

    if x.dtype.name == "string":
        raise TypeError(f"a number cannot be made of the string tensor {x!r}")
    return cast(x, as_dtype(dtype))


def _float(x: Any = 0) -> Any:
    return _number(x, "float32") if is_symbolic(x) else float(x)


def _int(x: Any = 0, base: Any = _MISSING) -> Any:
    if is_symbolic(x):
        if base not in (_MISSING, 10):
            raise NotImplementedError(f"base {base} not supported for int")
        return _number(x, "int32")
    return int(x) if base is _MISSING else int(x, base)


def length(x: Any) -> Any:
    """`len(x)`: a number where the shape says it, else a tensor."""
    if not is_symbolic(x):
        return len(x)
    from wengert._array_ops import shape

    if x.shape.rank is not None and x.shape.rank > 0 and x.shape[0] is not None:
        return x.shape[0]
    dims = shape(x)
    if x.shape.rank == 0:
        raise ValueError(f"len requires a non-scalar tensor, got one of shape {dims}")
    return shape(x)[0]


def _range(start: Any, stop: Any = _MISSING, step: Any = _MISSING) -> Any:
    given = [v for v in (start, stop, step) if v is not _MISSING]
    if not any_symbolic(*given):
        return range(*given)
    from wengert._creation import range as tf_range
    from wengert._math_ops import maximum

    if step is not _MISSING:
        return tf_range(start, stop, step)
    if stop is not _MISSING:
        return tf_range(start, maximum(start, stop))
    return tf_range(maximum(start, 0))


def _sorted(x: Any, key: Any = None, reverse: bool = False) -> Any:
    if not is_symbolic(x):
        return sorted(x, key=key, reverse=reverse)
    from wengert._sorting import sort

    if key is not None:
        raise NotImplementedError(
            "sorted of a tensor takes no key: sort with tf.argsort and gather"
        )
    return sort(x, direction="DESCENDING" if reverse else "ASCENDING")


def _print(*values: Any, **options: Any) -> None:
    """`print` when the function runs, where a tensor is among the values."""
    at = [i for i, v in enumerate(values) if is_symbolic(v)]
    if not at:
        builtins.print(*values, **options)
        return
    from wengert._py_function import py_function

    def show(*tensors: Any) -> None:
        filled = list(values)
        for i, t in zip(at, tensors, strict=True):
            filled[i] = t.numpy()
        builtins.print(*filled, **options)

    py_function(show, [values[i] for i in at], [])
