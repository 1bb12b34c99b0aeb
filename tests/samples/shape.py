"""Constants, shapes, movement of elements, slices, and what joins and takes apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from op_sample import (
    FLOATS,
    Generator,
    Reference,
    Sample,
    Shape,
    constant,
    uniform,
)

ALL = (*FLOATS, "complex64", "complex128", "int32")
MATRICES = ((2, 3), (1, 1), (4, 7))
RANKED = ((1,), (5,), (2, 3), (2, 1, 4))


def _numbers(rng: np.random.Generator, shape: Shape, dtype: str) -> Any:
    """Draw numbers of any dtype."""
    if np.dtype(dtype).kind in "iu":
        return np.asarray(rng.integers(0, 100, shape), dtype)
    return uniform(-2, 2)(rng, shape, dtype)


def _moved(
    reference: Reference, *arguments: Generator, shapes: Sequence[Shape] = RANKED, **options: Any
) -> Sample:
    """Make the row of an op that changes no element of its first input."""
    dtypes = options.pop("dtypes", ALL)
    return Sample(
        [_numbers, *arguments], reference, shapes=tuple(shapes), dtypes=dtypes, ulp=0, **options
    )


def _index(value: Any) -> Generator:
    return constant(value, "int32")


def _known(
    reference: Reference, *arguments: Generator, shapes: Sequence[Shape] = ((),), **options: Any
) -> Sample:
    """Make the row of an op that has no gradient."""
    dtypes = options.pop("dtypes", ("float32",))
    return Sample(
        arguments, reference, wrt=(), second=False, dtypes=dtypes, shapes=tuple(shapes), **options
    )


def _same(*xs: Any) -> Any:
    return xs[0] if len(xs) == 1 else xs


def _spread(shape: Any, begin: Any, end: Any, strides: Any, dy: Any) -> Any:
    out = np.zeros(shape, dy.dtype)
    out[tuple(slice(*bounds) for bounds in zip(begin, end, strides, strict=True))] = dy
    return out


def _strided(x: Any, begin: Any, end: Any, strides: Any) -> Any:
    return x[tuple(slice(*bounds) for bounds in zip(begin, end, strides, strict=True))]


def _block(x: Any, begin: Any, size: Any) -> Any:
    return x[tuple(slice(b, b + n) for b, n in zip(begin, size, strict=True))]


def _offsets(axis: Any, *shapes: Any) -> Any:
    starts = np.cumsum([0, *(s[axis] for s in shapes[:-1])])
    return tuple(
        np.where(np.arange(len(s)) == axis, start, 0).astype(s.dtype)
        for s, start in zip(shapes, starts, strict=True)
    )


def _folded(padded: Any, paddings: Any) -> Any:
    """Add mirrored borders to what they mirror, by mirroring the positions themselves."""
    shape = [n - low - high for n, (low, high) in zip(padded.shape, paddings, strict=True)]
    positions = np.pad(np.arange(int(np.prod(shape))).reshape(shape), paddings, "reflect")
    out = np.zeros(int(np.prod(shape)), padded.dtype)
    np.add.at(out, positions.ravel(), padded.ravel())
    return out.reshape(shape)


def _to_depth(x: Any, block_size: int) -> Any:
    n, h, w, c = x.shape
    b = block_size
    x = x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h // b, w // b, b * b * c)


def _to_space(x: Any, block_size: int) -> Any:
    n, h, w, c = x.shape
    b = block_size
    x = x.reshape(n, h, w, b, b, c // (b * b)).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h * b, w * b, c // (b * b))


def _stitched(first: Any, second: Any, x: Any, y: Any) -> Any:
    out = np.zeros((max(first.max(), second.max()) + 1, *x.shape[1:]), x.dtype)
    out[first] = x
    out[second] = y
    return out


def _difference(x: Any, y: Any) -> Any:
    kept = np.flatnonzero(~np.isin(x, y)).astype(np.int32)
    return x[kept], kept


def _stitch() -> Sample:
    return Sample(
        [_index([0, 3]), _index([2, 1]), _numbers, _numbers],
        _stitched,
        wrt=(2, 3),
        shapes=((2, 3), (2,)),
        ulp=0,
    )


def _pair(reference: Callable[..., Any], **options: Any) -> Sample:
    return Sample([_numbers, _numbers], reference, wrt=(0, 1), dtypes=ALL, ulp=0, **options)


_PADDINGS = _index([[1, 0], [2, 1]])
_MIRRORS = _index([[1, 1], [0, 2]])

SAMPLES: dict[str, Sample] = {
    # what makes tensors
    "Const": _known(
        lambda: np.array([1.0, 2.0], np.float32),
        attrs={"value": np.array([1.0, 2.0], np.float32), "dtype": "float32"},
    ),
    "Fill": Sample([_index([2, 3]), uniform(-2, 2)], np.full, wrt=(1,), shapes=((),), ulp=0),
    "Range": _known(
        lambda start, limit, delta: np.arange(start, limit, delta, np.int32),
        _index(2),
        _index(17),
        _index(3),
        extra_inputs=((10, 2, -3), (1, 1, 1)),
    ),
    "LinSpace": _known(
        lambda start, stop, num: np.linspace(start, stop, int(num), dtype=start.dtype),
        uniform(-2, 0),
        uniform(1, 2),
        _index(7),
        dtypes=FLOATS,
    ),
    "ZerosLike": _known(np.zeros_like, _numbers, shapes=((), (0,), (2, 3)), dtypes=ALL),
    "OnesLike": _known(np.ones_like, _numbers, shapes=((), (0,), (2, 3)), dtypes=ALL),
    # what hands its input on
    "PlaceholderWithDefault": _moved(_same, shapes=((2, 3),), attrs={"shape": (None, 3)}),
    "Identity": _moved(_same),
    "IdentityN": _pair(_same),
    "Snapshot": _moved(_same),
    "EnsureShape": _moved(_same, shapes=((2, 3),), attrs={"shape": (2, None)}),
    "StopGradient": _moved(_same, wrt=(), second=False),
    "PreventGradient": _moved(_same, attrs={"message": "no"}, lookup_error=True),
    # shapes
    "Shape": _known(lambda x: np.array(x.shape, np.int32), _numbers, shapes=((), (0,), (2, 3))),
    "ShapeN": _known(
        lambda x, y: (np.array(x.shape, np.int32), np.array(y.shape, np.int32)),
        _numbers,
        _numbers,
        shapes=((2, 3),),
    ),
    "Size": _known(lambda x: np.int32(x.size), _numbers, shapes=((), (0,), (2, 3))),
    "Rank": _known(lambda x: np.int32(x.ndim), _numbers, shapes=((), (0,), (2, 3))),
    "Reshape": _moved(
        lambda x, shape: x.reshape(shape), _index([-1, 1]), shapes=((1,), (5,), (2, 3))
    ),
    "ExpandDims": _moved(lambda x, axis: np.expand_dims(x, int(axis)), _index(-1)),
    "Squeeze": _moved(
        lambda x, squeeze_dims: np.squeeze(x, tuple(squeeze_dims)),
        shapes=((2, 1, 4), (0, 1)),
        attrs={"squeeze_dims": [1]},
    ),
    # permutations
    "Transpose": _moved(np.transpose, _index([2, 0, 1]), shapes=((2, 3, 4), (0, 3, 1))),
    "ConjugateTranspose": _moved(
        lambda x, perm: np.conj(np.transpose(x, perm)), _index([1, 0]), shapes=MATRICES
    ),
    "InvertPermutation": _known(
        lambda x: np.argsort(x).astype(x.dtype), _index([3, 0, 2, 1]), extra_inputs=(([0],),)
    ),
    "ListDiff": _known(_difference, _index([1, 2, 3, 2, 5]), _index([2, 4])),
    "Tile": _moved(np.tile, _index([2, 3]), shapes=MATRICES),
    "Reverse": _moved(
        lambda x, dims: np.flip(x, tuple(np.flatnonzero(dims))),
        constant([False, True], "bool"),
        shapes=MATRICES,
    ),
    "ReverseV2": _moved(lambda x, axis: np.flip(x, tuple(axis)), _index([0, -1]), shapes=MATRICES),
    "Roll": _moved(
        lambda x, shift, axis: np.roll(x, tuple(shift), tuple(axis)),
        _index([1, -2]),
        _index([0, 1]),
        shapes=MATRICES,
    ),
    "SpaceToDepth": _moved(_to_depth, shapes=((1, 4, 2, 3),), attrs={"block_size": 2}),
    "DepthToSpace": _moved(_to_space, shapes=((1, 2, 3, 8),), attrs={"block_size": 2}),
    # slices and paddings
    "StridedSlice": _moved(
        _strided, _index([3, 0]), _index([0, 5]), _index([-2, 2]), shapes=((4, 7), (5, 6))
    ),
    "StridedSliceGrad": Sample(
        [_index([5, 6]), _index([3, 0]), _index([0, 5]), _index([-2, 2]), _numbers],
        _spread,
        wrt=(4,),
        shapes=((2, 3),),
        ulp=0,
    ),
    "Slice": _moved(_block, _index([1, 2]), _index([2, 3]), shapes=((4, 7), (3, 5))),
    "Pad": _moved(np.pad, _PADDINGS, shapes=((2, 3), (1, 1), (0, 2))),
    "PadV2": Sample(
        [_numbers, _PADDINGS, constant(5)],
        lambda x, paddings, value: np.pad(x, paddings, constant_values=value),
        dtypes=ALL,
        shapes=((2, 3), (1, 1), (0, 2)),
        ulp=0,
    ),
    "MirrorPad": _moved(
        lambda x, paddings: np.pad(x, paddings, "symmetric"),
        _MIRRORS,
        shapes=((2, 3), (4, 5)),
        attrs={"mode": "SYMMETRIC"},
    ),
    "MirrorPadGrad": Sample(
        [_numbers, _MIRRORS],
        _folded,
        attrs={"mode": "REFLECT"},
        shapes=((4, 5), (6, 7)),
        rtol={"float32": 1e-6, "float64": 1e-14},
    ),
    # joining and taking apart
    "ConcatV2": Sample(
        [_numbers, _numbers, _index(-1)],
        lambda x, y, axis: np.concatenate([x, y], int(axis)),
        wrt=(0, 1),
        dtypes=ALL,
        shapes=((1,), (5,), (2, 3), (2, 0)),
        ulp=0,
    ),
    "ConcatOffset": _known(_offsets, _index(1), _index([2, 3]), _index([2, 5]), _index([2, 1])),
    "Pack": _pair(
        lambda x, y, axis: np.stack([x, y], axis), attrs={"axis": -1}, shapes=((), (5,), (2, 3))
    ),
    "Unpack": _moved(
        lambda x, axis: tuple(np.moveaxis(x, axis, 0)),
        shapes=((2, 3), (4, 3, 2)),
        attrs={"num": 3, "axis": 1},
    ),
    "Split": Sample(
        [_index(1), _numbers],
        lambda axis, x, num_split: tuple(np.split(x, num_split, int(axis))),
        attrs={"num_split": 2},
        wrt=(1,),
        dtypes=ALL,
        shapes=((2, 4), (3, 2, 2)),
        ulp=0,
    ),
    "SplitV": _moved(
        lambda x, sizes, axis: tuple(np.split(x, [int(sizes[0])], int(axis))),
        constant([1, -1], "int64"),
        _index(-1),
        shapes=((2, 4), (5,)),
        attrs={"num_split": 2},
    ),
    # rows by index
    "DynamicStitch": _stitch(),
    "ParallelDynamicStitch": _stitch(),
    "DynamicPartition": _moved(
        lambda x, parts, num_partitions: tuple(x[parts == i] for i in range(num_partitions)),
        _index([1, 0, 1, 1]),
        shapes=((4,), (4, 2)),
        attrs={"num_partitions": 3},
    ),
}
