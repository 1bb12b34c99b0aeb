"""Less common functions of `tf.math`: counts, ranks, fractions, matrices of confusion."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._math_ops import cast

apply = _core.apply
convert = _core.convert


def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None,
    dtype: Any = dtypes.int32, name: str | None = None, axis: int | None = None,
    binary_output: bool = False,
) -> Any:  # fmt: skip
    """How often each number occurs, or the sum of the weights where it does (`tf.math.bincount`).

    Parameters
    ----------
    arr : Tensor
        Numbers >= 0.
    weights : Tensor, optional
        As many.
    minlength, maxlength : Tensor, optional
        Least and greatest length of the result; greater numbers do not count.
    dtype : DType, optional
        Of the result without weights.
    axis : int, optional
        0 or None: of all numbers; -1: of each row.
    binary_output : bool, optional
        1 where a number occurs, however often.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.math.bincount([1, 1, 3]).numpy().tolist()
    [0, 2, 0, 1]
    """
    with name_scope_v1(name, "bincount"):
        if axis not in (None, 0, -1):
            raise ValueError(f"Unsupported value for argument axis={axis}. Only 0 and -1")
        arr = convert(arr, None, "arr")
        if arr.dtype not in (dtypes.int32, dtypes.int64):
            arr = cast(arr, dtypes.int32)
        some = apply("Greater", (_array_ops.size(arr), 0))
        axes = _core.constant(np.arange(arr._rank() or 0, dtype=np.int32))
        largest = apply("Max", (arr, axes))
        size = cast(some, arr.dtype) * (largest + 1)
        if minlength is not None:
            size = apply("Maximum", (convert(minlength, arr.dtype, "minlength"), size))
        if maxlength is not None:
            size = apply("Minimum", (convert(maxlength, arr.dtype, "maxlength"), size))
        if weights is None:
            weights = _core.constant(np.empty(0, dtypes.as_dtype(dtype).as_numpy_dtype))
        elif axis in (None, 0):
            weights = _array_ops.reshape(weights, [-1])
        if axis in (None, 0):
            arr = _array_ops.reshape(arr, [-1])
        return apply("DenseBincount", (arr, size, weights), {"binary_output": binary_output})


def in_top_k(targets: Any, predictions: Any, k: Any, name: str | None = None) -> Any:
    """Whether the targets are among the k largest predictions (`tf.math.in_top_k`)."""
    with name_scope_v1(name, "in_top_k"):
        return apply("InTopKV2", (predictions, targets, k))


def in_top_k_v1(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Any:
    """`tf.compat.v1.nn.in_top_k`: the predictions first."""
    return in_top_k(targets, predictions, k, name)


def zero_fraction(value: Any, name: str | None = None) -> Any:
    """The share of elements that are 0 (`tf.math.zero_fraction`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.math.zero_fraction([0.0, 1.0, 0.0, 2.0]).numpy().item()
    0.5
    """
    from wengert._math_reduce import count_nonzero

    with name_scope_v1(name, "zero_fraction"):
        value = convert(value, None, "value")
        size = _array_ops.size(value, out_type=dtypes.int64)
        nonzero = count_nonzero(value, dtype=dtypes.int64)
        with name_scope_v1(None, "counts_to_fraction"):
            share = cast(size - nonzero, dtypes.float32) / cast(size, dtypes.float32)
        return _array_ops.identity(share, name="fraction")


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, weights: Any = None,
    dtype: Any = dtypes.int32, name: str | None = None,
) -> Any:  # fmt: skip
    """How often each label (row) was predicted as each class (column).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.math.confusion_matrix([0, 1, 1], [0, 1, 0]).numpy().tolist()
    [[1, 0], [1, 1]]
    """
    from wengert._creation import ones_like
    from wengert._debug import assert_less, assert_non_negative
    from wengert._graph import control_dependencies

    def behind(checks: list[Any], x: Any) -> Any:
        if _core.current_graph() is None:
            return x
        with control_dependencies(checks):
            return apply("Identity", (x,), None, "control_dependency")

    with name_scope_v1(name, "confusion_matrix"):
        predictions = cast(convert(predictions), dtypes.int64)
        labels = cast(convert(labels), dtypes.int64)
        for label, x in (("labels", labels), ("predictions", predictions)):
            check = assert_non_negative(x, message=f"`{label}` contains negative values.  ")
            if label == "labels":
                labels = behind([check], labels)
            else:
                predictions = behind([check], predictions)
        if num_classes is None:
            from wengert._math_reduce import reduce_max

            largest = apply("Maximum", (reduce_max(predictions), reduce_max(labels)))
            count = largest + 1
        else:
            count = cast(convert(num_classes), dtypes.int64)
            for label, x in (("labels", labels), ("predictions", predictions)):
                check = assert_less(x, count, message=f"`{label}` out of bound")
                if label == "labels":
                    labels = behind([check], labels)
                else:
                    predictions = behind([check], predictions)
        shape = _array_ops.stack([count, count])
        indices = _array_ops.stack([labels, predictions], axis=1)
        wanted = dtypes.as_dtype(dtype)
        values = (
            ones_like(predictions, wanted) if weights is None else cast(convert(weights), wanted)
        )
        return apply("ScatterNd", (indices, values, shape))


def lbeta(x: Any, name: str | None = None) -> Any:
    """log of the multivariate beta function over the last axis (`tf.math.lbeta`)."""
    from wengert._math_ops import lgamma
    from wengert._math_reduce import reduce_sum

    with name_scope_v1(name, "lbeta"):
        x = convert(x, None, "x")
        above = reduce_sum(lgamma(x), axis=[-1])
        return above - lgamma(reduce_sum(x, axis=[-1]))


def _monotonic(x: Any, op: str, name: str | None, default: str) -> Any:
    """Whether all differences of neighbours, in the order of memory, are as the op says."""
    from wengert._math_reduce import reduce_all

    with name_scope_v1(name, default):
        flat = _array_ops.reshape(convert(x), [-1])
        return reduce_all(apply(op, (flat[:-1], flat[1:])))


def is_non_decreasing(x: Any, name: str | None = None) -> Any:
    """Whether no element is less than the one before it.

    Examples
    --------
    >>> import wengert as tf
    >>> bool(tf.math.is_non_decreasing([1, 1, 2]).numpy())
    True
    """
    return _monotonic(x, "LessEqual", name, "is_non_decreasing")


def is_strictly_increasing(x: Any, name: str | None = None) -> Any:
    """Whether every element is greater than the one before it."""
    return _monotonic(x, "Less", name, "is_strictly_increasing")


def approx_max_k(
    operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
    reduction_input_size_override: int = -1, aggregate_to_topk: bool = True,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The k largest along an axis, and their indices; here exactly (`tf.math.approx_max_k`)."""
    return _extreme_k(operand, k, reduction_dimension, False, name)


def approx_min_k(
    operand: Any, k: int, reduction_dimension: int = -1, recall_target: float = 0.95,
    reduction_input_size_override: int = -1, aggregate_to_topk: bool = True,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The k smallest along an axis, and their indices; here exactly (`tf.math.approx_min_k`)."""
    return _extreme_k(operand, k, reduction_dimension, True, name)


def _extreme_k(x: Any, k: int, axis: int, smallest: bool, name: str | None) -> Any:
    with name_scope_v1(name, "approx_top_k"):
        x = convert(x)
        rank = x._rank()
        if rank is None:
            raise ValueError("approx_max_k needs an operand of known rank: set_shape first")
        at = axis % rank
        order = [i for i in range(rank) if i != at]
        back = [*range(at), rank - 1, *range(at, rank - 1)]
        moved = _array_ops.transpose(x, [*order, at])
        values, indices = apply("TopKV2", (-moved if smallest else moved, k))
        values = -values if smallest else values
        return _array_ops.transpose(values, back), _array_ops.transpose(indices, back)
