"""Tensors from nothing: constants, zeros, ranges and their like."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._tensor_shape import TensorShape

__all__ = [
    "constant",
    "convert_to_tensor",
    "eye",
    "fill",
    "linspace",
    "ones",
    "ones_like",
    "range",
    "zeros",
    "zeros_like",
]

_builtin_range = range


def convert_to_tensor(
    value: Any,
    dtype: Any = None,
    dtype_hint: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
) -> Any:
    """A tensor of `value` (`tf.convert_to_tensor`).

    Parameters
    ----------
    value : Tensor, Variable, IndexedSlices, number, str, array, nested list of them
    dtype : DType, optional
        Required element type.
    dtype_hint : DType, optional
        Used where the value allows.

    Raises
    ------
    TypeError, ValueError
        When the value has no such form.
    """
    hint = dtype_hint if dtype_hint is not None else preferred_dtype
    if name is None and _core.current_graph() is not None:
        dense = getattr(value, "_as_tensor", None)
        if dense is not None:
            return dense(None if dtype is None else dtypes.as_dtype(dtype), "")
    return _core.convert(value, dtype, name, hint)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Any:
    """A tensor with the elements of `value`, in `shape` where given (`tf.constant`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.constant(7, shape=[2]).numpy().tolist()
    [7, 7]
    """
    return _core.constant(value, dtype, shape, name)


def constant_v1(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Any:
    """`tf.compat.v1.constant`: a list shorter than `shape` is continued with its last item."""
    if shape is not None and not isinstance(value, _core.Tensor):
        flat = np.asarray(_core.to_numpy(value, dtype))
        size = int(np.prod(shape, dtype=np.int64))
        if 1 < flat.size < size:
            last = np.broadcast_to(flat.ravel()[-1], (size - flat.size,))
            value = np.concatenate([flat.ravel(), last]).reshape(shape)
    return _core.constant(value, dtype, shape, name)


def _static_dims(shape: Any) -> tuple[int, ...] | None:
    """The lengths when `shape` is a Python value, else None."""
    if type(shape) in (list, tuple) and all(type(d) is int for d in shape):
        return tuple(shape)
    if isinstance(shape, TensorShape):
        return tuple(shape.as_list()) if shape.is_fully_defined() else None  # type: ignore[arg-type]
    if isinstance(shape, _core.Tensor):
        return None
    if isinstance(shape, (list, tuple)) and any(isinstance(d, _core.Tensor) for d in shape):
        return None
    try:
        array = np.asarray(shape)
    except ValueError:
        return None
    if array.dtype.kind in "iu" and array.ndim <= 1:
        return tuple(int(d) for d in array.ravel())
    return () if array.size == 0 and array.ndim == 1 else None


def _filled(shape: Any, dtype: Any, name: str | None, default: str, one: bool) -> Any:
    dtype = dtypes.as_dtype(dtype)
    value: Any = 1 if one else 0
    if dtype is dtypes.bool_:
        value = one
    elif dtype is dtypes.string:
        if one:
            raise TypeError("tf.ones does not make strings")
        value = ""
    with name_scope_v1(name, default) as scope:
        dims = _static_dims(shape)
        eager = _core.current_graph() is None
        if dims is not None:
            for d in dims:
                if d < 0:
                    raise ValueError(f"Dimension {d} must be >= 0")
            size = math.prod(dims)
            # TensorFlow keeps small constants as such and fills larger ones.
            if eager or size < 1000:
                return _core.constant(value, dtype, dims, scope or default)
            shape = _core.convert(list(dims), dtypes.int32)
        elif not isinstance(shape, _core.Tensor):
            shape = _core.convert(shape, dtypes.int32)
        if shape._rank() == 0:
            shape = _core.apply("Reshape", (shape, [-1]))
        return _core.apply("Fill", (shape, _core.constant(value, dtype)), None, scope or None)


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Any:
    """A tensor of zeros (`tf.zeros`)."""
    return _filled(shape, dtype, name, "zeros", False)


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Any:
    """A tensor of ones (`tf.ones`)."""
    return _filled(shape, dtype, name, "ones", True)


def _like(x: Any, dtype: Any, name: str | None, default: str, one: bool) -> Any:
    with name_scope_v1(name, default) as scope:
        if not isinstance(x, _core.Tensor):
            x = _core.convert(x, None, "tensor")
        wanted = x.dtype if dtype is None else dtypes.as_dtype(dtype)
        graph = _core.current_graph()
        if graph is None or x.shape.is_fully_defined():
            if wanted.name == "variant":
                return _core.apply("ZerosLike", (x,), None, scope or None)
            make = ones if one else zeros
            return make(x.shape, wanted, scope or None)
        if not one:
            if wanted != x.dtype:
                from wengert import _array_ops

                shape = _array_ops.shape_internal(x, optimize=True)
                return zeros(shape, wanted, scope or None)
            return _core.apply("ZerosLike", (x,), None, scope or None)
        from wengert import _array_ops

        shape = _array_ops.shape_internal(x, optimize=True)
        result = ones(shape, wanted, scope or None)
        result.set_shape(x.shape)
        return result


def zeros_like(input: Any, dtype: Any = None, name: str | None = None, optimize: Any = True) -> Any:
    """Zeros of the shape (and dtype) of `input` (`tf.zeros_like`)."""
    return _like(input, dtype, name, "zeros_like", False)


def ones_like(input: Any, dtype: Any = None, name: str | None = None, optimize: Any = True) -> Any:
    """Ones of the shape (and dtype) of `input` (`tf.ones_like`)."""
    return _like(input, dtype, name, "ones_like", True)


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """A tensor of shape `dims` whose elements are all `value` (`tf.fill`)."""
    return _core.apply("Fill", (dims, value), None, name)


def range(
    start: Any,
    limit: Any = None,
    delta: Any = 1,
    dtype: Any = None,
    name: str = "range",
) -> Any:
    """start, start + delta, ... below limit (`tf.range`)."""
    if limit is None:
        start, limit = 0, start
    with name_scope_v1(name, "Range") as scope:
        if not isinstance(start, _core.Tensor):
            start = _core.convert(start, dtype, "start")
        if not isinstance(limit, _core.Tensor):
            limit = _core.convert(limit, dtype, "limit")
        if not isinstance(delta, _core.Tensor):
            delta = _core.convert(delta, dtype, "delta")
        if dtype is None:
            order = ["int32", "int64", "float32", "float64"]
            kinds = [t.dtype.name for t in (start, limit, delta)]
            if not all(k in order for k in kinds):
                raise TypeError(f"tf.range does not take {kinds}")
            dtype = dtypes.as_dtype(max(kinds, key=order.index))
        else:
            dtype = dtypes.as_dtype(dtype)
        from wengert._math_ops import cast

        start, limit, delta = cast(start, dtype), cast(limit, dtype), cast(delta, dtype)
        return _core.apply("Range", (start, limit, delta), None, scope or None)


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Any:
    """Identity matrix, or a batch of them (`tf.eye`)."""
    from wengert import _array_ops

    with name_scope_v1(name, "eye"):
        square = num_columns is None
        columns = num_rows if square else num_columns
        if isinstance(num_rows, _core.Tensor) or isinstance(columns, _core.Tensor):
            diag_size = _core.apply("Minimum", (num_rows, columns))
        else:
            diag_size = min(int(num_rows), int(columns))
        if isinstance(diag_size, _core.Tensor) or batch_shape is not None:
            batch = [] if batch_shape is None else batch_shape
            batch_tensor = _core.convert(batch, dtypes.int32, "shape")
            diag_shape = _array_ops.concat([batch_tensor, [diag_size]], axis=0)
        else:
            diag_shape = [diag_size]
        diag_ones = ones(diag_shape, dtype)
        if square:
            return _array_ops.matrix_diag(diag_ones, name="diag")
        zero_shape = (
            _array_ops.concat([diag_shape[:-1], [num_rows, columns]], axis=0)
            if (isinstance(diag_shape, _core.Tensor))
            else [num_rows, columns]
        )
        return _array_ops.matrix_set_diag(zeros(zero_shape, dtype), diag_ones)


def linspace(start: Any, stop: Any, num: Any, name: str | None = None, axis: int = 0) -> Any:
    """`num` evenly spaced values from start to stop, both included (`tf.linspace`).

    The ends may be tensors of one dtype; the values lie along the new axis `axis`.
    """
    from wengert import _linspace

    return _linspace.linspace_nd(start, stop, num, name, axis)
