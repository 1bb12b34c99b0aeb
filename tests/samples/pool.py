"""Pooling, morphology and their gradient ops, against plain loops."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from op_sample import Array, Generator, Sample, Shape, constant, shaped, uniform
from samples.window import FEW, IMAGES, VOLUMES, Windows


def _inner(values: list[int]) -> Shape:
    return tuple(values[1:-1])


def _distinct(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
    """No two elements closer than a numeric derivative reaches."""
    size = int(np.prod(shape))
    return np.asarray(rng.permutation(size).reshape(shape) * 0.1 - size * 0.05, dtype)


def _pool_windows(dims: Shape, a: dict[str, Any]) -> Windows:
    pads = a.get("explicit_paddings")
    pairs = tuple((pads[i], pads[i + 1]) for i in range(2, len(pads) - 2, 2)) if pads else None
    return Windows(dims[1:-1], _inner(a["ksize"]), _inner(a["strides"]), a["padding"], None, pairs)


def _positions(x: Array, a: dict[str, Any]) -> tuple[Windows, Array]:
    """For each window and channel the flat pixel of the first largest element."""
    windows = _pool_windows(x.shape, a)
    shape = (x.shape[0], *windows.result, x.shape[-1])
    best = np.full(shape, -np.inf)
    at_best = np.zeros(shape, np.int64)
    for q, _, at in windows:
        index = (slice(None), *q)
        here = x[(slice(None), *at)]
        larger = here > best[index]
        best[index] = np.where(larger, here, best[index])
        pixel = np.ravel_multi_index(at, x.shape[1:-1])
        at_best[index] = np.where(larger, pixel, at_best[index])
    return windows, at_best


def _pixels(x: Array) -> Array:
    return x.reshape(x.shape[0], int(np.prod(x.shape[1:-1])), x.shape[-1])


def _take(x: Array, at: Array) -> Array:
    return np.take_along_axis(_pixels(x), _pixels(at), 1).reshape(at.shape)


def max_pool(x: Array, a: dict[str, Any]) -> Array:
    """Largest elements of windows."""
    return _take(x, _positions(x, a)[1])


def max_pool_grad(x: Array, dy: Array, a: dict[str, Any]) -> Array:
    """`dy` where the largest elements are."""
    at = _pixels(_positions(x, a)[1])
    dx = np.zeros_like(_pixels(x), dtype=np.float64)
    n, _, c = np.indices(at.shape)
    np.add.at(dx, (n, at, c), dy.reshape(at.shape))
    return dx.reshape(x.shape).astype(dy.dtype)


def average(x: Array, a: dict[str, Any]) -> Array:
    """Means of windows."""
    windows = _pool_windows(x.shape, a)
    shape = (x.shape[0], *windows.result, x.shape[-1])
    total, count = np.zeros(shape), np.zeros(shape)
    for q, _, at in windows:
        total[(slice(None), *q)] += x[(slice(None), *at)]
        count[(slice(None), *q)] += 1
    return (total / np.maximum(count, 1)).astype(x.dtype)


def average_grad(sizes: Array, dy: Array, a: dict[str, Any]) -> Array:
    """Gradient of `average`."""
    windows = _pool_windows(tuple(sizes), a)
    count = np.zeros(windows.result)
    for q, _, _ in windows:
        count[q] += 1
    dx = np.zeros(tuple(sizes))
    for q, _, at in windows:
        dx[(slice(None), *at)] += dy[(slice(None), *q)] / count[q]
    return dx.astype(dy.dtype)


def _pool_samples() -> Any:
    samples: dict[str, Sample] = {}
    for n, suffix in ((2, ""), (3, "3D")):
        ksize = [1, 3, 2, 1] if n == 2 else [1, 2, 2, 2, 1]
        strides = [1, 2, 1, 1] if n == 2 else [1, 1, 2, 1, 1]
        a = {"ksize": ksize, "strides": strides, "padding": "SAME"}
        shapes = IMAGES if n == 2 else VOLUMES
        floats = ("float32", "float64") if n == 2 else ("float32",)
        options: Any = {"attrs": a, "shapes": shapes, "rtol": FEW}

        def result(s: Shape, a: Any = a) -> Shape:
            return (s[0], *_pool_windows(s, a).result, s[-1])

        def pooled(rng: np.random.Generator, s: Shape, dtype: str, result: Any = result) -> Array:
            return np.zeros(result(s), dtype)

        dy = shaped(uniform(-1, 1), result)
        name = f"MaxPool{suffix}"
        samples[name] = Sample(
            [_distinct], lambda x, a=a: max_pool(x, a), second=False, dtypes=floats, **options
        )
        samples[f"{name}Grad"] = Sample(
            [_distinct, pooled, dy],
            lambda x, y, dy, a=a: max_pool_grad(x, dy, a),
            wrt=(2,),
            dtypes=floats,
            **options,
        )
        samples[f"{name}GradGrad"] = Sample(
            [_distinct, pooled, uniform(-1, 1)],
            lambda x, y, dx, a=a: _take(dx, _positions(x, a)[1]),
            wrt=(2,),
            dtypes=floats,
            **options,
        )
        samples[f"AvgPool{suffix}"] = Sample(
            [uniform(-1, 1)], lambda x, a=a: average(x, a), **options
        )
        samples[f"AvgPool{suffix}Grad"] = Sample(
            [constant(lambda s: s, "int32"), dy],
            lambda sizes, dy, a=a: average_grad(sizes, dy, a),
            wrt=(1,),
            **options,
        )
        if n == 2:
            samples.update(_pool_v2_samples(a, pooled, dy))
    return samples


def _pool_v2_samples(a: dict[str, Any], pooled: Generator, dy: Generator) -> Any:
    tensors = [constant(a["ksize"], "int32"), constant(a["strides"], "int32")]
    options: Any = {"attrs": {"padding": "SAME"}, "shapes": IMAGES, "rtol": FEW}
    with_positions: Any = {"attrs": a, "shapes": IMAGES, "rtol": FEW}

    def positions(x: Array) -> tuple[Array, Array]:
        at = _positions(x, a)[1]
        return _take(x, at), at * x.shape[-1] + np.arange(x.shape[-1])

    def argmax(rng: np.random.Generator, s: Shape, dtype: str) -> Array:
        return positions(_distinct(np.random.default_rng(5), s, "float64"))[1]

    def fixed(rng: np.random.Generator, s: Shape, dtype: str) -> Array:
        return _distinct(np.random.default_rng(5), s, dtype)

    return {
        "MaxPoolV2": Sample(
            [_distinct, *tensors], lambda x, k, s: max_pool(x, a), second=False, **options
        ),
        "MaxPoolGradV2": Sample(
            [_distinct, pooled, dy, *tensors],
            lambda x, y, dy, k, s: max_pool_grad(x, dy, a),
            wrt=(2,),
            **options,
        ),
        "MaxPoolGradGradV2": Sample(
            [_distinct, pooled, uniform(-1, 1), *tensors],
            lambda x, y, dx, k, s: _take(dx, _positions(x, a)[1]),
            wrt=(2,),
            **options,
        ),
        "MaxPoolWithArgmax": Sample([_distinct], positions, second=False, **with_positions),
        "MaxPoolGradWithArgmax": Sample(
            [fixed, dy, argmax],
            lambda x, dy, at: max_pool_grad(x, dy, a),
            wrt=(),
            lookup_error=True,
            **with_positions,
        ),
    }


# --- morphology and random regions ---------------------------------------------------------


def _dilation(x: Any, w: Any) -> tuple[Any, Any, Any]:
    windows = Windows(x.shape[1:3], w.shape[:2], (1, 2), "SAME", (2, 1))
    shape = (x.shape[0], *windows.result, x.shape[-1])
    best = np.full(shape, -np.inf)
    pixel, tap = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for q, k, at in windows:
        index = (slice(None), *q)
        here = x[(slice(None), *at)] + w[k]
        larger = here > best[index]
        best[index] = np.where(larger, here, best[index])
        pixel[index] = np.where(larger, np.ravel_multi_index(at, x.shape[1:3]), pixel[index])
        tap[index] = np.where(larger, np.ravel_multi_index(k, w.shape[:2]), tap[index])
    return best.astype(x.dtype), pixel, tap


def _dilation_grad(x: Any, w: Any, dy: Any, images: bool) -> Any:
    _, pixel, tap = _dilation(x, w)
    n, _, _, c = np.indices(dy.shape)
    if images:
        out = np.zeros_like(_pixels(x), dtype=np.float64)
        np.add.at(out, (n, pixel, c), dy)
        return out.reshape(x.shape).astype(x.dtype)
    out = np.zeros((w.shape[0] * w.shape[1], w.shape[2]))
    np.add.at(out, (tap, c), dy)
    return out.reshape(w.shape).astype(x.dtype)


def _dilation_result(s: Shape) -> Shape:
    return (s[0], *Windows(s[1:3], (2, 2), (1, 2), "SAME", (2, 1)).result, s[-1])


def _morphology_samples() -> Any:
    taps = shaped(_distinct, lambda s: (2, 2, s[-1]))
    options: Any = {
        "attrs": {"strides": [1, 1, 2, 1], "rates": [1, 2, 1, 1], "padding": "SAME"},
        "shapes": IMAGES[:2],
        "rtol": FEW,
        "second": False,
    }
    # Sums of a window are apart: the taps are not multiples of the steps of the image.
    image, small = _distinct, lambda rng, s, t: taps(rng, s, t) * 0.37
    dy = shaped(uniform(-1, 1), _dilation_result)
    return {
        "Dilation2D": Sample(
            [image, small], lambda x, w: _dilation(x, w)[0], wrt=(0, 1), **options
        ),
        "Dilation2DBackpropInput": Sample(
            [image, small, dy],
            lambda x, w, dy: _dilation_grad(x, w, dy, True),
            wrt=(),
            lookup_error=True,
            **options,
        ),
        "Dilation2DBackpropFilter": Sample(
            [image, small, dy],
            lambda x, w, dy: _dilation_grad(x, w, dy, False),
            wrt=(),
            lookup_error=True,
            **options,
        ),
    }


# What TensorFlow draws for 7 rows into 5 and 7 columns into 4 with seeds 3 and 7.
ROWS, COLS = [0, 2, 3, 4, 6, 7], [0, 2, 4, 5, 7]


def _regions(overlapping: bool) -> Iterator[tuple[int, int, Any]]:
    more = 1 if overlapping else 0
    for i, j in itertools.product(range(5), range(4)):
        rows = slice(ROWS[i], ROWS[i + 1] + more)
        yield i, j, (slice(None), rows, slice(COLS[j], COLS[j + 1] + more))


def _fractional(x: Any, largest: bool, overlapping: bool) -> tuple[Any, Any, Any]:
    y = np.zeros((x.shape[0], 5, 4, x.shape[3]), x.dtype)
    for i, j, region in _regions(overlapping):
        part = x[region]
        y[:, i, j] = part.max((1, 2)) if largest else part.mean((1, 2))
    return y, np.asarray(ROWS, np.int64), np.asarray(COLS, np.int64)


def _fractional_grad(x: Any, dy: Any, largest: bool, overlapping: bool) -> Any:
    dx = np.zeros(x.shape)
    for i, j, region in _regions(overlapping):
        part = x[region]
        each = dy[:, i : i + 1, j : j + 1]
        if largest:
            dx[region] += np.where(part == part.max((1, 2), keepdims=True), each, 0)
        else:
            dx[region] += each / (part.shape[1] * part.shape[2])
    return dx.astype(dy.dtype)


def _fractional_samples() -> Any:
    shapes = ((2, 7, 7, 3),)
    ends = [constant(ROWS, "int64"), constant(COLS, "int64")]
    dy = shaped(uniform(-1, 1), lambda s: (s[0], 5, 4, s[3]))

    def options(overlapping: bool) -> Any:
        attrs = {
            "pooling_ratio": [1.0, 1.4, 1.7, 1.0],
            "deterministic": True,
            "seed": 3,
            "seed2": 7,
            "overlapping": overlapping,
        }
        return {"attrs": attrs, "shapes": shapes, "rtol": FEW, "second": False}

    grad: Any = {"shapes": shapes, "rtol": FEW, "wrt": (), "lookup_error": True}
    return {
        "FractionalMaxPool": Sample(
            [_distinct], lambda x: _fractional(x, True, False), **options(False)
        ),
        "FractionalAvgPool": Sample(
            [uniform(-1, 1)], lambda x: _fractional(x, False, True), **options(True)
        ),
        "FractionalMaxPoolGrad": Sample(
            [_distinct, dy, dy, *ends],
            lambda x, y, dy, r, c: _fractional_grad(x, dy, True, True),
            attrs={"overlapping": True},
            **grad,
        ),
        "FractionalAvgPoolGrad": Sample(
            [constant(lambda s: s, "int64"), dy, *ends],
            lambda s, dy, r, c: _fractional_grad(np.zeros(s), dy, False, False),
            **grad,
        ),
    }


SAMPLES = {**_pool_samples(), **_morphology_samples(), **_fractional_samples()}
