"""Reductions and scans (`tf.reduce_*`, `tf.cumsum` ...)."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._math_ops import cast, convert

apply = _core.apply


def _axes(x: Any, axis: Any) -> Any:
    """The axes to reduce over: `axis`, or all of them as a constant (or Range of the rank)."""
    if axis is not None:
        return axis
    rank = x._rank()
    if rank is not None:
        return _core.constant(np.arange(rank, dtype=np.int32), dtypes.int32)
    from wengert._array_ops import rank as rank_of
    from wengert._creation import range as make_range

    return make_range(0, rank_of(x))


def _reduce(op_type: str, x: Any, axis: Any, keepdims: Any, name: str | None) -> Any:
    if not isinstance(x, _core.Tensor):
        x = convert(x, None, "input_tensor" if op_type != "All" else "input")
    keep = False if keepdims is None else bool(keepdims)
    return apply(op_type, (x, _axes(x, axis)), {"keep_dims": keep}, name)


def reduce_sum(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Sum over `axis` (default: all axes) (`tf.reduce_sum`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.reduce_sum(tf.constant([[1.0, 2.0], [3.0, 4.0]]), axis=0).numpy().tolist()
    [4.0, 6.0]
    """
    return _reduce("Sum", input_tensor, axis, keepdims, name)


def reduce_mean(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Mean over `axis` (`tf.reduce_mean`); NaN of nothing; integer division for integers."""
    return _reduce("Mean", input_tensor, axis, keepdims, name)


def reduce_prod(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Product over `axis` (`tf.reduce_prod`)."""
    return _reduce("Prod", input_tensor, axis, keepdims, name)


def reduce_max(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Largest element over `axis` (`tf.reduce_max`)."""
    return _reduce("Max", input_tensor, axis, keepdims, name)


def reduce_min(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Smallest element over `axis` (`tf.reduce_min`)."""
    return _reduce("Min", input_tensor, axis, keepdims, name)


def reduce_all(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Whether all elements are true (`tf.reduce_all`)."""
    return _reduce("All", input_tensor, axis, keepdims, name)


def reduce_any(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Whether any element is true (`tf.reduce_any`)."""
    return _reduce("Any", input_tensor, axis, keepdims, name)


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Square root of the sum of squares over `axis`."""
    return _reduce("EuclideanNorm", input_tensor, axis, keepdims, name)


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Mean squared distance from the mean over `axis`."""
    with name_scope_v1(name, "reduce_variance"):
        x = convert(input_tensor)
        means = reduce_mean(x, axis=axis, keepdims=True)
        if means.dtype.is_integer:
            raise TypeError(
                f"Input must be either real or complex. Received integer type {means.dtype}."
            )
        diff = x - means
        if diff.dtype.is_complex:
            from wengert._math_ops import conj, real

            squared = real(conj(diff) * diff)
        else:
            from wengert._math_ops import square

            squared = square(diff)
        return reduce_mean(squared, axis=axis, keepdims=keepdims)


def reduce_std(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """Square root of `reduce_variance`."""
    with name_scope_v1(name, "reduce_std"):
        from wengert._math_ops import sqrt

        x = convert(input_tensor)
        return sqrt(reduce_variance(x, axis=axis, keepdims=keepdims))


def reduce_logsumexp(
    input_tensor: Any, axis: Any = None, keepdims: Any = False, name: str | None = None
) -> Any:
    """log(sum(exp(x))) over `axis`, without overflow (`tf.reduce_logsumexp`)."""
    from wengert import _array_ops
    from wengert._creation import zeros_like
    from wengert._math_ops import add, exp, is_finite, log

    with name_scope_v1(name, "ReduceLogSumExp") as scope:
        x = convert(input_tensor) if not isinstance(input_tensor, _core.Tensor) else input_tensor
        raw_max = reduce_max(x, axis=axis, keepdims=True)
        largest = _array_ops.stop_gradient(
            _array_ops.where(is_finite(raw_max), raw_max, zeros_like(raw_max))
        )
        result = log(
            reduce_sum(
                exp(apply("Sub", (x, largest))),
                axis=axis,
                keepdims=bool(keepdims),
            )
        )
        if not keepdims:
            largest = _array_ops.reshape(largest, _array_ops.shape(result))
        return add(result, largest, name=scope or None)


def count_nonzero(
    input: Any,
    axis: Any = None,
    keepdims: Any = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
) -> Any:
    """Number of elements that are not zero (`tf.math.count_nonzero`)."""
    with name_scope_v1(name, "count_nonzero"):
        input = convert(input, None, "input")
        if input.dtype == dtypes.string:
            zero: Any = ""
        else:
            zero = _core.constant(0, input.dtype) if input.dtype != dtypes.bool_ else False
        from wengert._math_ops import not_equal

        if not isinstance(zero, _core.Tensor):
            zero = _core.constant(zero, input.dtype)
        return cast(
            reduce_sum(
                cast(not_equal(input, zero), dtypes.int64),
                axis=axis,
                keepdims=bool(keepdims),
            ),
            dtype,
        )


def argmax(
    input: Any, axis: Any = None, output_type: Any = dtypes.int64, name: str | None = None
) -> Any:
    """Index of the largest element along `axis` (default 0), the first of equals."""
    axis = 0 if axis is None else axis
    return apply("ArgMax", (input, axis), {"output_type": dtypes.as_dtype(output_type)}, name)


def argmin(
    input: Any, axis: Any = None, output_type: Any = dtypes.int64, name: str | None = None
) -> Any:
    """Index of the smallest element along `axis` (default 0), the first of equals."""
    axis = 0 if axis is None else axis
    return apply("ArgMin", (input, axis), {"output_type": dtypes.as_dtype(output_type)}, name)


def _scan(
    op_type: str, default: str, x: Any, axis: Any, exclusive: bool, reverse: bool,
    name: str | None,
) -> Any:  # fmt: skip
    with name_scope_v1(name, default) as scope:
        x = convert(x, None, "x")
        attrs = {"exclusive": exclusive, "reverse": reverse}
        return apply(op_type, (x, axis), attrs, scope or None)


def cumsum(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Running sums along `axis` (`tf.cumsum`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.cumsum(tf.constant([1, 2, 3]), exclusive=True).numpy().tolist()
    [0, 1, 3]
    """
    return _scan("Cumsum", "Cumsum", x, axis, exclusive, reverse, name)


def cumprod(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Running products along `axis` (`tf.math.cumprod`)."""
    return _scan("Cumprod", "Cumprod", x, axis, exclusive, reverse, name)


def cumulative_logsumexp(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Running log-sum-exp along `axis`."""
    return _scan("CumulativeLogsumexp", "CumulativeLogsumexp", x, axis, exclusive, reverse, name)
