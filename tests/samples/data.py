"""Rows of the ops on sequences, sorted and counted elements, bits and sparse segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from op_sample import Reference, Sample, Shape, constant, integers, shaped, uniform

Array = NDArray[Any]

INNER: tuple[Shape, ...] = ((), (0,), (3,), (2, 2))
REAL = ("float32", "float64")
PICKED = np.array([4, 0, 1, 1, 3], np.int32)
IDS = np.array([0, 0, 1, 3, 3], np.int32)


def _rows(length: int) -> Any:
    return shaped(uniform(-2, 2), lambda shape: (length, *shape))


# --- sparse segments --------------------------------------------------------------------------


def _divided(total: Array, count: int, kind: str) -> Array:
    return total / {"Sum": 1, "Mean": count, "SqrtN": np.sqrt(count)}[kind]


def _sparse(kind: str) -> Reference:
    def reference(data: Array, indices: Array, ids: Array, *count: Array) -> Array:
        segments = int(count[0]) if count else int(ids[-1]) + 1
        out = np.zeros((segments, *data.shape[1:]), data.dtype)
        for s in range(segments):
            rows = data[indices[ids == s]]
            if len(rows):
                out[s] = _divided(rows.sum(axis=0), len(rows), kind)
        return out

    return reference


def _sparse_grad(kind: str) -> Reference:
    def reference(grad: Array, indices: Array, ids: Array, length: Array) -> Array:
        out = np.zeros((int(length), *grad.shape[1:]), grad.dtype)
        for index, segment in zip(indices, ids, strict=True):
            out[index] += _divided(grad[segment], int(np.sum(ids == segment)), kind)
        return out

    return reference


def _sparse_rows(kind: str) -> dict[str, Sample]:
    tolerance = {"float32": 2e-6, "float64": 1e-14}
    picked = [constant(PICKED, "int32"), constant(IDS, "int32")]
    name = f"SparseSegment{kind}"
    return {
        name: Sample([_rows(5), *picked], _sparse(kind), shapes=INNER, rtol=tolerance),
        f"{name}WithNumSegments": Sample(
            [_rows(5), *picked, constant(6, "int32")], _sparse(kind), shapes=INNER, rtol=tolerance
        ),
        f"{name}Grad": Sample(
            [_rows(4), *picked, constant(7, "int32")],
            _sparse_grad(kind),
            shapes=INNER,
            rtol=tolerance,
        ),
    }


# --- sequences ----------------------------------------------------------------------------------


def _reverse_sequence(x: Array, lengths: Array) -> Array:
    out = x.copy()
    for b, n in enumerate(lengths):
        out[:n, b] = x[:n, b][::-1]
    return out


def _pooled(x: Array) -> tuple[Array, Array]:
    """The closest non-increasing rows: at i the least over starts of the most over ends."""
    fit, ids = np.empty_like(x), np.empty(x.shape, np.int32)
    for at in np.ndindex(*x.shape[:-1]):
        row = x[at].astype(np.float64)
        n = len(row)
        mean = [[row[i : j + 1].mean() if j >= i else 0 for j in range(n)] for i in range(n)]
        values = [min(max(mean[k][j] for j in range(i, n)) for k in range(i + 1)) for i in range(n)]
        fit[at] = values
        ids[at] = np.cumsum([0, *(np.abs(np.diff(values)) > 1e-9)])
    return fit, ids


def _packed(x: Array, block: Array, paddings: Array) -> Array:
    """SpaceToBatchND by its definition, place by place."""
    wide = [(0, 0), *map(tuple, paddings), *[(0, 0)] * (x.ndim - 1 - len(block))]
    padded = np.pad(x, wide)
    parts = [
        padded[(slice(None), *(slice(o, None, b) for o, b in zip(offset, block, strict=True)))]
        for offset in np.ndindex(*block)
    ]
    return np.concatenate(parts)


def _unpacked(x: Array, block: Array, crops: Array) -> Array:
    n = len(x) // int(np.prod(block))
    m = len(block)
    spatial = [s * b for s, b in zip(x.shape[1 : m + 1], block, strict=True)]
    out = np.zeros((n, *spatial, *x.shape[m + 1 :]), x.dtype)
    for i, offset in enumerate(np.ndindex(*block)):
        at = (slice(None), *(slice(o, None, b) for o, b in zip(offset, block, strict=True)))
        out[at] = x[i * n : (i + 1) * n]
    keep = (slice(None), *(slice(a, s - b) for s, (a, b) in zip(spatial, crops, strict=True)))
    return out[keep]


def _replaced(x: Array, begin: Array, end: Array, strides: Array, value: Array) -> Array:
    out = x.copy()
    out[tuple(slice(*bounds) for bounds in zip(begin, end, strides, strict=True))] = value
    return out


# --- searching and counting ---------------------------------------------------------------------


def _bounds(side: Any) -> Reference:
    def reference(rows: Array, values: Array) -> Array:
        found = [np.searchsorted(r, v, side) for r, v in zip(rows, values, strict=True)]
        return np.array(found, np.int32).reshape(values.shape)

    return reference


def _in_top(predictions: Array, targets: Array, k: Any) -> Array:
    above = predictions > np.take_along_axis(predictions, targets[:, None], 1)
    return np.asarray(above.sum(axis=1) < k)


def _counted(values: Array, size: Array, weights: Array) -> Array:
    if values.ndim == 2:
        return np.stack([_counted(v, size, w) for v, w in zip(values, weights, strict=True)])
    kept = values < size
    out = np.bincount(values[kept], weights[kept], int(size))
    return out.astype(weights.dtype)


def _histogram(values: Array, bounds: Array, bins: Array) -> Array:
    low, high = bounds
    place = np.floor((values.astype(np.float64) - low) / (high - low) * int(bins))
    inside = np.clip(place, 0, int(bins) - 1).astype(int)
    return np.bincount(inside.ravel(), minlength=int(bins)).astype(np.int32)


def _unique(x: Array, *axis: Array) -> tuple[Array, Array, Array]:
    _, first, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=0 if axis else None
    )
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return (
        x[np.sort(first)],
        place[inverse.reshape(-1)].astype(np.int32),
        counts[order].astype(np.int32),
    )


def _plain(
    *inputs: Any, ref: Callable[..., Any], dtypes: tuple[str, ...], **options: Any
) -> Sample:
    """Make the row of an op without a gradient."""
    return Sample(list(inputs), ref, wrt=(), second=False, dtypes=dtypes, **options)


def _sorted_rows(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
    return np.sort(np.asarray(rng.integers(0, 6, (2, 5)), dtype))


IMAGES: tuple[Shape, ...] = ((1, 4, 6, 2), (2, 2, 4, 1), (0, 4, 4, 1))
BATCHES: tuple[Shape, ...] = ((4, 2, 3, 2), (8, 1, 2, 1))
BOUNDARIES = [-0.5, 0.0, 0.25]

SAMPLES: dict[str, Sample] = {
    **_sparse_rows("Sum"),
    **_sparse_rows("Mean"),
    **_sparse_rows("SqrtN"),
    "ReverseSequence": Sample(
        [_rows(4), constant([3, 0, 4], "int64")],
        _reverse_sequence,
        {"seq_dim": 0, "batch_dim": 1},
        dtypes=("float32", "float64", "complex128", "int32"),
        shapes=((3,), (3, 2), (3, 0)),
    ),
    "NthElement": Sample(
        [uniform(-2, 2), constant(1, "int32")],
        lambda x, n: np.sort(x, axis=-1)[..., int(n)],
        shapes=((2,), (5,), (2, 3), (2, 0, 4)),
    ),
    "IsotonicRegression": Sample(
        [uniform(-2, 2)],
        _pooled,
        {"output_dtype": np.float64},
        dtypes=("float64",),
        shapes=((1,), (6,), (2, 5), (2, 1, 4)),
        rtol=1e-13,
    ),
    "SpaceToBatchND": Sample(
        [uniform(-2, 2), constant([2, 2], "int32"), constant([[0, 0], [1, 1]], "int32")],
        _packed,
        shapes=IMAGES,
    ),
    "BatchToSpaceND": Sample(
        [uniform(-2, 2), constant([2, 2], "int32"), constant([[0, 1], [1, 0]], "int32")],
        _unpacked,
        shapes=BATCHES,
    ),
    "SpaceToBatch": Sample(
        [uniform(-2, 2), constant([[0, 0], [1, 1]], "int32")],
        lambda x, paddings: _packed(x, np.array([2, 2]), paddings),
        {"block_size": 2},
        shapes=IMAGES,
    ),
    "BatchToSpace": Sample(
        [uniform(-2, 2), constant([[0, 1], [1, 0]], "int32")],
        lambda x, crops: _unpacked(x, np.array([2, 2]), crops),
        {"block_size": 2},
        shapes=BATCHES,
    ),
    "TensorStridedSliceUpdate": Sample(
        [
            uniform(-2, 2),
            constant([0, 1], "int32"),
            constant([3, 6], "int32"),
            constant([2, 3], "int32"),
            shaped(uniform(-2, 2), lambda shape: (2, 1)),
        ],
        _replaced,
        wrt=(0, 4),
        shapes=((3, 6), (4, 5)),
        ulp=0,
    ),
    "LowerBound": _plain(
        _sorted_rows,
        shaped(integers(-1, 7), lambda shape: (2, 4)),
        ref=_bounds("left"),
        dtypes=("float32", "float64", "int32", "int64", "uint64", "int8"),
        shapes=((),),
    ),
    "UpperBound": _plain(
        _sorted_rows,
        shaped(integers(0, 7), lambda shape: (2, 4)),
        ref=_bounds("right"),
        dtypes=("float32", "float64", "int32", "int64", "uint64", "int8"),
        shapes=((),),
    ),
    "Bucketize": _plain(
        uniform(-1, 1),
        ref=lambda x: np.searchsorted(BOUNDARIES, x, "right").astype(np.int32),
        attrs={"boundaries": BOUNDARIES},
        dtypes=("float32", "float64", "int32", "int64"),
    ),
    "InTopK": _plain(
        shaped(uniform(-1, 1), lambda shape: (4, 3)),
        shaped(integers(0, 3, "int32"), lambda shape: (4,)),
        ref=lambda predictions, targets: _in_top(predictions, targets, 2),
        attrs={"k": 2},
        dtypes=("float32",),
        shapes=((),),
    ),
    "InTopKV2": _plain(
        shaped(uniform(-1, 1), lambda shape: (4, 3)),
        shaped(integers(0, 3, "int32"), lambda shape: (4,)),
        constant(2, "int32"),
        ref=_in_top,
        dtypes=("float32",),
        shapes=((),),
    ),
    "Bincount": _plain(
        integers(0, 9, "int32"),
        constant(6, "int32"),
        uniform(-1, 1),
        ref=_counted,
        dtypes=REAL,
        shapes=((0,), (1,), (30,)),
        lookup_error=True,
        rtol={"float32": 1e-6, "float64": 1e-14},
    ),
    "DenseBincount": _plain(
        integers(0, 9, "int64"),
        constant(6, "int64"),
        integers(0, 5),
        ref=_counted,
        dtypes=("float32", "float64", "int32", "int64"),
        shapes=((1,), (30,), (3, 7)),
        lookup_error=True,
    ),
    "HistogramFixedWidth": _plain(
        uniform(-2, 2),
        constant([-1.0, 1.5]),
        constant(7, "int32"),
        ref=_histogram,
        dtypes=REAL,
        shapes=((0,), (5,), (3, 7)),
    ),
    "PopulationCount": _plain(
        integers(0, 120),
        ref=lambda x: np.array([bin(v).count("1") for v in x.ravel()], np.uint8).reshape(x.shape),
        dtypes=("int8", "int16", "int32", "int64", "uint8", "uint64"),
    ),
    "Bitcast": _plain(
        uniform(-2, 2),
        ref=lambda x: x.view(np.int32),
        attrs={"type": np.int32},
        dtypes=("float32",),
        shapes=((0,), (5,), (2, 3)),
        lookup_error=True,
    ),
    "UniqueWithCounts": _plain(
        integers(0, 3),
        ref=_unique,
        dtypes=("float32", "float64", "int64", "int8"),
        shapes=((0,), (1,), (9,)),
        lookup_error=True,
    ),
    "UniqueWithCountsV2": _plain(
        integers(0, 2),
        constant([0], "int64"),
        ref=_unique,
        dtypes=("float32", "int64"),
        shapes=((1, 2), (9, 2)),
        lookup_error=True,
    ),
}
