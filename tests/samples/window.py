"""Convolutions and their gradient ops, against plain loops."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from op_sample import Array, Generator, Sample, Shape, constant, shaped, uniform

CONV = {"float32": 2e-5, "float64": 1e-12}
FEW = {"float32": 1e-5, "float64": 1e-12}
# [batch, spatial ..., channels]
IMAGES: tuple[Shape, ...] = ((2, 5, 4, 2), (1, 3, 6, 3), (0, 4, 4, 2))
VOLUMES: tuple[Shape, ...] = ((1, 3, 4, 3, 2), (2, 2, 3, 3, 1))


class Windows:
    """Where windows lie: paddings, strides, dilations over the spatial axes."""

    def __init__(
        self,
        dims: Shape,
        window: Shape,
        strides: Shape,
        padding: str,
        dilations: Shape | None = None,
        pads: tuple[Shape, ...] | None = None,
    ) -> None:
        self.dims, self.window, self.strides = dims, window, strides
        self.dilations = dilations or (1,) * len(dims)
        reach = [(k - 1) * d + 1 for k, d in zip(window, self.dilations, strict=True)]
        result, before = [], []
        for i, (n, r, s) in enumerate(zip(dims, reach, strides, strict=True)):
            if padding == "SAME":
                out = -(-n // s)
                before.append(max(0, (out - 1) * s + r - n) // 2)
            elif padding == "EXPLICIT":
                assert pads is not None
                out = (n + sum(pads[i]) - r) // s + 1
                before.append(pads[i][0])
            else:
                out = (n - r) // s + 1
                before.append(0)
            result.append(out)
        self.result, self.before = tuple(result), tuple(before)

    def __iter__(self) -> Iterator[tuple[Shape, Shape, Shape]]:
        """Position in the result, in the window and in the image, inside the image only."""
        for q in itertools.product(*map(range, self.result)):
            for k in itertools.product(*map(range, self.window)):
                at = tuple(
                    q[i] * self.strides[i] + k[i] * self.dilations[i] - self.before[i]
                    for i in range(len(q))
                )
                if all(0 <= a < n for a, n in zip(at, self.dims, strict=True)):
                    yield q, k, at


def _inner(values: list[int]) -> Shape:
    return tuple(values[1:-1])


def _conv_windows(image: Shape, window: Shape, a: dict[str, Any]) -> Windows:
    pads = a.get("explicit_paddings")
    pairs = tuple((pads[i], pads[i + 1]) for i in range(2, len(pads) - 2, 2)) if pads else None
    dilations = _inner(a["dilations"]) if "dilations" in a else None
    return Windows(image[1:-1], window, _inner(a["strides"]), a["padding"], dilations, pairs)


def conv(x: Array, w: Array, a: dict[str, Any]) -> Array:
    """Convolution of [n, spatial ..., c] with [spatial ..., c / groups, o]."""
    n = x.ndim - 2
    windows = _conv_windows(x.shape, w.shape[:n], a)
    groups = x.shape[-1] // w.shape[-2]
    y = np.zeros((x.shape[0], *windows.result, w.shape[-1]))
    own, out = w.shape[-2], w.shape[-1] // groups
    for q, k, at in windows:
        for g in range(groups):
            part = x[(slice(None), *at, slice(g * own, (g + 1) * own))].astype(np.float64)
            y[(slice(None), *q, slice(g * out, (g + 1) * out))] += (
                part @ w[(*k, slice(None), slice(g * out, (g + 1) * out))]
            )
    return y


def conv_image(sizes: Shape, w: Array, dy: Array, a: dict[str, Any]) -> Array:
    """Gradient of `conv` for its images."""
    n = dy.ndim - 2
    windows = _conv_windows(tuple(sizes), w.shape[:n], a)
    groups = sizes[-1] // w.shape[-2]
    x = np.zeros(tuple(sizes))
    own, out = w.shape[-2], w.shape[-1] // groups
    for q, k, at in windows:
        for g in range(groups):
            part = dy[(slice(None), *q, slice(g * out, (g + 1) * out))].astype(np.float64)
            x[(slice(None), *at, slice(g * own, (g + 1) * own))] += (
                part @ w[(*k, slice(None), slice(g * out, (g + 1) * out))].T
            )
    return x


def conv_filter(x: Array, sizes: Shape, dy: Array, a: dict[str, Any]) -> Array:
    """Gradient of `conv` for its filters."""
    n = dy.ndim - 2
    windows = _conv_windows(x.shape, tuple(sizes[:n]), a)
    groups = x.shape[-1] // sizes[-2]
    w = np.zeros(tuple(sizes))
    own, out = int(sizes[-2]), int(sizes[-1]) // groups
    for q, k, at in windows:
        for g in range(groups):
            part = x[(slice(None), *at, slice(g * own, (g + 1) * own))].astype(np.float64)
            w[(*k, slice(None), slice(g * out, (g + 1) * out))] += (
                part.T @ dy[(slice(None), *q, slice(g * out, (g + 1) * out))]
            )
    return w


def _grouped(w: Array) -> Array:
    """A depthwise filter [h, w, c, m] as one of c groups."""
    return w.reshape(*w.shape[:2], 1, -1)


ATTRS_2D = {"strides": [1, 2, 1, 1], "padding": "SAME", "dilations": [1, 1, 2, 1]}
ATTRS_DEPTHWISE = {
    "strides": [1, 2, 2, 1],
    "padding": "EXPLICIT",
    "explicit_paddings": [0, 0, 1, 2, 0, 1, 0, 0],
}
ATTRS_3D = {"strides": [1, 1, 2, 1, 1], "padding": "SAME"}


def _filter(window: Shape, out: int) -> Generator:
    return shaped(uniform(-1, 1), lambda s: (*window, s[-1], out))


def _result_dims(s: Shape, window: Shape, a: dict[str, Any], out: int) -> Shape:
    return (s[0], *_conv_windows(s, window, a).result, out)


def _conv_samples(op: str, window: Shape, a: dict[str, Any], shapes: tuple[Shape, ...]) -> Any:
    out = 3
    suffix = "V2" if len(window) == 3 else ""
    dy = shaped(uniform(-1, 1), lambda s: _result_dims(s, window, a, out))
    options: Any = {"attrs": a, "shapes": shapes, "rtol": CONV}
    return {
        op: Sample(
            [uniform(-1, 1), _filter(window, out)],
            lambda x, w: conv(x, w, a).astype(x.dtype),
            wrt=(0, 1),
            **options,
        ),
        f"{op}BackpropInput{suffix}": Sample(
            [constant(lambda s: s, "int32"), _filter(window, out), dy],
            lambda sizes, w, dy: conv_image(tuple(sizes), w, dy, a).astype(dy.dtype),
            wrt=(1, 2),
            **options,
        ),
        f"{op}BackpropFilter{suffix}": Sample(
            [uniform(-1, 1), constant(lambda s: (*window, s[-1], out), "int32"), dy],
            lambda x, sizes, dy: conv_filter(x, sizes, dy, a).astype(dy.dtype),
            wrt=(0, 2),
            **options,
        ),
    }


def _depthwise_samples() -> Any:
    window, each, a = (2, 3), 2, ATTRS_DEPTHWISE
    dy = shaped(uniform(-1, 1), lambda s: _result_dims(s, window, a, s[-1] * each))
    options: Any = {"attrs": a, "shapes": IMAGES, "rtol": CONV}

    def image(sizes: Array, w: Array, dy: Array) -> Array:
        repeated = conv_image((*sizes[:3], sizes[3] * each), _grouped(w), dy, a)
        return repeated.reshape(*sizes, each).sum(-1).astype(dy.dtype)

    def filters(x: Array, sizes: Array, dy: Array) -> Array:
        grouped = (*sizes[:2], 1, int(sizes[2] * sizes[3]))
        repeated = np.repeat(x, each, -1)
        return conv_filter(repeated, grouped, dy, a).reshape(sizes).astype(dy.dtype)

    return {
        "DepthwiseConv2dNative": Sample(
            [uniform(-1, 1), _filter(window, each)],
            lambda x, w: conv(np.repeat(x, each, -1), _grouped(w), a).astype(x.dtype),
            wrt=(0, 1),
            **options,
        ),
        "DepthwiseConv2dNativeBackpropInput": Sample(
            [constant(lambda s: s, "int32"), _filter(window, each), dy],
            image,
            wrt=(1, 2),
            **options,
        ),
        "DepthwiseConv2dNativeBackpropFilter": Sample(
            [uniform(-1, 1), constant(lambda s: (*window, s[-1], each), "int32"), dy],
            filters,
            wrt=(0, 2),
            **options,
        ),
    }


SAMPLES = {
    **_conv_samples("Conv2D", (3, 2), ATTRS_2D, IMAGES),
    **_conv_samples("Conv3D", (2, 2, 3), ATTRS_3D, VOLUMES),
    **_depthwise_samples(),
}
