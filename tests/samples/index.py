"""Rows of the ops that gather, scatter, reduce by segments and select."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from op_sample import Reference, Sample, Shape, constant, integers, shaped, uniform

Array = NDArray[Any]

INNER: tuple[Shape, ...] = ((), (0,), (3,), (2, 2))
MATRICES: tuple[Shape, ...] = ((2, 3), (3, 4), (2, 3, 4))
ALL = ("float32", "float64", "complex64", "complex128")
# Sums are added up in an order of their own.
TOLERANCE = {"float32": 2e-6, "float64": 1e-14, "complex64": 2e-6, "complex128": 1e-14}

ROWS = np.array([[1], [3]], np.int32)
REPEATED_ROWS = np.array([[1], [3], [1]], np.int32)
SORTED_IDS = np.array([0, 0, 1, 3, 3, 3], np.int32)
MIXED_IDS = np.array([2, 0, -1, 2, 0, 1], np.int32)
EMPTY_SEGMENTS = (
    (np.array([1.5, -2.0], np.float32), np.array([3, 3], np.int32), np.array(5, np.int32)),
)


def _behind(length: int) -> Callable[[Shape], Shape]:
    return lambda shape: (length, *shape)


def _rows(length: int, low: float = -2.0, high: float = 2.0) -> Any:
    return shaped(uniform(low, high), _behind(length))


def _updated(update: Callable[[Array, Any, Array], None]) -> Reference:
    """Reference of a scatter into a copy of the first argument."""

    def reference(tensor: Array, indices: Array, updates: Array) -> Array:
        out = tensor.copy()
        update(out, tuple(indices.T), updates)
        return out

    return reference


def _set(out: Array, at: Any, updates: Array) -> None:
    out[at] = updates


def _scatter_nd(indices: Array, updates: Array, shape: Array) -> Array:
    out = np.zeros(tuple(shape), updates.dtype)
    np.add.at(out, tuple(indices.T), updates)
    return out


def _tensor_scatter(update: Callable[[Array, Any, Array], None], **options: Any) -> Sample:
    return Sample(
        [_rows(5), constant(ROWS, "int32"), _rows(2)],
        _updated(update),
        **{"wrt": (0, 2), "shapes": INNER, **options},
    )


def _segments(reduce: Callable[[Array], Array], empty: Callable[[Any], Any]) -> Reference:
    """Reference of a reduction of the rows of each id, `empty` where there are none."""

    def reference(data: Array, ids: Array, *num_segments: Array) -> Array:
        count = int(num_segments[0]) if num_segments else int(ids[-1]) + 1
        out = np.empty((count, *data.shape[1:]), data.dtype)
        for segment in range(count):
            rows = data[ids == segment]
            out[segment] = reduce(rows) if len(rows) else empty(data.dtype)
        return out

    return reference


def _sum(rows: Array) -> Array:
    return np.asarray(rows.sum(axis=0))


def _mean(rows: Array) -> Array:
    return np.asarray(rows.mean(axis=0))


def _prod(rows: Array) -> Array:
    return np.asarray(rows.prod(axis=0))


def _max(rows: Array) -> Array:
    return np.asarray(rows.max(axis=0))


def _min(rows: Array) -> Array:
    return np.asarray(rows.min(axis=0))


def _sorted(reduce: Callable[[Array], Array], empty: float, **options: Any) -> Sample:
    return Sample(
        [_rows(6, 0.5, 2.0), constant(SORTED_IDS, "int32")],
        _segments(reduce, lambda dtype: empty),
        **{"shapes": INNER, "rtol": TOLERANCE, **options},
    )


def _unsorted(
    reduce: Callable[[Array], Array],
    empty: Callable[[Any], Any],
    num_segments: int = 4,
    **options: Any,
) -> Sample:
    return Sample(
        [_rows(6, 0.5, 2.0), constant(MIXED_IDS, "int32"), constant(num_segments, "int32")],
        _segments(reduce, empty),
        **{"shapes": INNER, "rtol": TOLERANCE, **options},
    )


def _top_k(x: Array, k: Array) -> tuple[Array, Array]:
    order = np.argsort(-x, axis=-1, kind="stable")[..., : int(k)].astype(np.int32)
    return np.take_along_axis(x, order, axis=-1), order


def _unique(x: Array, *axis: Array) -> tuple[Array, Array]:
    _, first, inverse = np.unique(x, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return x[np.sort(first)], place[inverse.reshape(-1)].astype(np.int32)


def _one_hot(indices: Array, depth: Array, on: Array, off: Array) -> Array:
    return np.where(indices[..., None] == np.arange(int(depth)), on, off)


SAMPLES: dict[str, Sample] = {
    "GatherV2": Sample(
        [uniform(-2, 2), constant([[2, 0], [1, 1]], "int32"), constant(1, "int32")],
        lambda params, indices, axis: np.take(params, indices, axis=1),
        dtypes=ALL,
        shapes=MATRICES,
    ),
    "GatherNd": Sample(
        [uniform(-2, 2), constant([[0, 1], [1, 2], [0, 1]], "int64")],
        lambda params, indices: params[tuple(indices.T)],
        dtypes=ALL,
        shapes=MATRICES,
    ),
    "ScatterNd": Sample(
        [constant(REPEATED_ROWS, "int32"), _rows(3), constant(_behind(5), "int32")],
        _scatter_nd,
        wrt=(1,),
        dtypes=ALL,
        shapes=INNER,
    ),
    "ScatterNdNonAliasingAdd": _tensor_scatter(np.add.at, dtypes=ALL),
    "TensorScatterUpdate": _tensor_scatter(_set, dtypes=ALL),
    "TensorScatterAdd": _tensor_scatter(np.add.at, dtypes=ALL),
    "TensorScatterSub": _tensor_scatter(np.subtract.at, dtypes=ALL),
    "TensorScatterMax": _tensor_scatter(np.maximum.at),
    "TensorScatterMin": _tensor_scatter(np.minimum.at),
    "SegmentSum": _sorted(_sum, 0.0, dtypes=ALL),
    "SegmentMean": _sorted(_mean, 0.0, dtypes=ALL),
    "SegmentProd": _sorted(_prod, 1.0, dtypes=ALL),
    "SegmentMax": _sorted(_max, 0.0),
    "SegmentMin": _sorted(_min, 0.0),
    "UnsortedSegmentSum": _unsorted(_sum, lambda dtype: 0, dtypes=ALL),
    "UnsortedSegmentProd": _unsorted(_prod, lambda dtype: 1, dtypes=ALL),
    # Segments without rows hold the farthest number, of which no difference can be taken.
    "UnsortedSegmentMax": _unsorted(
        _max, lambda dtype: np.finfo(dtype).min, 3, extra_inputs=EMPTY_SEGMENTS
    ),
    "UnsortedSegmentMin": _unsorted(
        _min, lambda dtype: np.finfo(dtype).max, 3, extra_inputs=EMPTY_SEGMENTS
    ),
    "TopKV2": Sample(
        [uniform(-2, 2), constant(2, "int32")], _top_k, shapes=((2,), (5,), (2, 3), (2, 0, 4))
    ),
    "Where": Sample(
        [integers(0, 2)],
        lambda x: np.argwhere(x).astype(np.int64),
        wrt=(),
        second=False,
        dtypes=("float32", "complex64", "int32", "bool"),
    ),
    "Unique": Sample(
        [integers(0, 3)],
        _unique,
        lookup_error=True,
        second=False,
        dtypes=("float32", "int64"),
        shapes=((0,), (1,), (9,)),
    ),
    "UniqueV2": Sample(
        [integers(0, 3), constant([0], "int64")],
        _unique,
        lookup_error=True,
        second=False,
        dtypes=("float32", "int64"),
        shapes=((0,), (1,), (9,)),
    ),
    "OneHot": Sample(
        [
            integers(-1, 4, "int32"),
            constant(3, "int32"),
            shaped(uniform(1, 2), lambda shape: ()),
            shaped(uniform(-2, -1), lambda shape: ()),
        ],
        _one_hot,
        wrt=(2, 3),
        zero_gradient=True,
        second=False,
    ),
}
