"""Reductions over segments of rows (`tf.math.segment_sum`, `tf.sparse.segment_mean`, ...)."""

from __future__ import annotations

from typing import Any

from wengert import _array_ops, _core
from wengert._graph import name_scope_v1
from wengert._wrap import op_function

apply = _core.apply

segment_sum = op_function("SegmentSum", "segment_sum", "data segment_ids")
segment_mean = op_function("SegmentMean", "segment_mean", "data segment_ids")
segment_prod = op_function("SegmentProd", "segment_prod", "data segment_ids")
segment_max = op_function("SegmentMax", "segment_max", "data segment_ids")
segment_min = op_function("SegmentMin", "segment_min", "data segment_ids")

_UNSORTED = "data segment_ids num_segments"
unsorted_segment_sum = op_function("UnsortedSegmentSum", "unsorted_segment_sum", _UNSORTED)
unsorted_segment_prod = op_function("UnsortedSegmentProd", "unsorted_segment_prod", _UNSORTED)
unsorted_segment_max = op_function("UnsortedSegmentMax", "unsorted_segment_max", _UNSORTED)
unsorted_segment_min = op_function("UnsortedSegmentMin", "unsorted_segment_min", _UNSORTED)


def _row_counts(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """How many rows each segment has, at least 1, shaped to divide its sum."""
    from wengert._creation import ones

    own = _array_ops.shape_internal(segment_ids)
    one = ones(own, data.dtype)
    counts = apply("UnsortedSegmentSum", (one, segment_ids, num_segments))
    missing = _array_ops.rank(data) - _array_ops.rank(segment_ids)
    inner = _array_ops.concat([num_segments[None], ones([missing], num_segments.dtype)], 0)
    return apply("Maximum", (_array_ops.reshape(counts, inner), 1))


def _unsorted(data: Any, segment_ids: Any, num_segments: Any, root: bool) -> Any:
    data = _core.convert(data)
    ids = _core.convert(segment_ids)
    count = _core.convert(num_segments)
    rows = _row_counts(data, ids, count)
    sums = apply("UnsortedSegmentSum", (data, ids, num_segments))
    return sums / (apply("Sqrt", (rows,)) if root else rows)


def unsorted_segment_mean(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Any:
    """Means of the rows of each id, which may come in any order; 0 where there are none.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.math.unsorted_segment_mean([1.0, 2.0, 3.0], [1, 0, 1], 2).numpy().tolist()
    [2.0, 2.0]
    """
    with name_scope_v1(name, "UnsortedSegmentMean"):
        return _unsorted(data, segment_ids, num_segments, False)


def unsorted_segment_sqrt_n(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Any:
    """Sums of the rows of each id, over the root of their number."""
    with name_scope_v1(name, "UnsortedSegmentSqrtN"):
        return _unsorted(data, segment_ids, num_segments, True)


def _sparse(
    op: str, data: Any, indices: Any, segment_ids: Any, name: str | None, num_segments: Any,
    sparse_gradient: bool,
) -> Any:  # fmt: skip
    attrs = {"sparse_gradient": sparse_gradient}
    if num_segments is None:
        return apply(op, (data, indices, segment_ids), attrs, name)
    return apply(op + "WithNumSegments", (data, indices, segment_ids, num_segments), attrs, name)


def sparse_segment_sum(
    data: Any, indices: Any, segment_ids: Any, num_segments: Any = None, name: str | None = None,
    sparse_gradient: bool = False,
) -> Any:  # fmt: skip
    """Sums of the rows of `data` that `indices` pick for each segment (`tf.sparse.segment_sum`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.sparse.segment_sum([1.0, 2.0, 4.0], [0, 2, 2], [0, 0, 1]).numpy().tolist()
    [5.0, 4.0]
    """
    return _sparse(
        "SparseSegmentSum", data, indices, segment_ids, name, num_segments, sparse_gradient
    )


def sparse_segment_mean(
    data: Any, indices: Any, segment_ids: Any, num_segments: Any = None, name: str | None = None,
    sparse_gradient: bool = False,
) -> Any:  # fmt: skip
    """Means of the rows of `data` that `indices` pick for each segment."""
    return _sparse(
        "SparseSegmentMean", data, indices, segment_ids, name, num_segments, sparse_gradient
    )


def sparse_segment_sqrt_n(
    data: Any, indices: Any, segment_ids: Any, num_segments: Any = None, name: str | None = None,
    sparse_gradient: bool = False,
) -> Any:  # fmt: skip
    """Sums of the rows of `data` that `indices` pick, over the root of their number."""
    return _sparse(
        "SparseSegmentSqrtN", data, indices, segment_ids, name, num_segments, sparse_gradient
    )


def _v1(function: Any) -> Any:
    """The order of arguments of `tf.compat.v1`: the name before the number of segments."""

    def old(
        data: Any, indices: Any, segment_ids: Any, name: str | None = None,
        num_segments: Any = None, sparse_gradient: bool = False,
    ) -> Any:  # fmt: skip
        return function(data, indices, segment_ids, num_segments, name, sparse_gradient)

    old.__name__ = old.__qualname__ = function.__name__
    old.__doc__ = function.__doc__.split("\n")[0]
    return old


sparse_segment_sum_v1 = _v1(sparse_segment_sum)
sparse_segment_mean_v1 = _v1(sparse_segment_mean)
sparse_segment_sqrt_n_v1 = _v1(sparse_segment_sqrt_n)
