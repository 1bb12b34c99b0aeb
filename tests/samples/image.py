"""Rows of the ops on images."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from op_sample import Reference, Sample, Shape, constant, shaped, uniform

Array = NDArray[Any]

IMAGES: tuple[Shape, ...] = ((1, 3, 4, 2), (2, 5, 2, 1))
SIZE = np.array([4, 3], np.int32)
HALF = {"half_pixel_centers": True}


# --- resizing: weights of every source pixel, along one axis ------------------------------------


def _bilinear(n: int, m: int) -> Array:
    at = (np.arange(m) + 0.5) * n / m - 0.5
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(-1, n + 1)))
    inside = weights[:, 1:-1].copy()
    inside[:, 0] += weights[:, 0]
    inside[:, -1] += weights[:, -1]
    return inside


def _keys(x: Array) -> Array:
    """Cubic convolution with parameter -1/2."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _bicubic(n: int, m: int) -> Array:
    at = (np.arange(m) + 0.5) * n / m - 0.5
    at = np.floor(at) + np.round((at - np.floor(at)) * 1024) / 1024
    weights = _keys(at[:, None] - np.arange(n))
    return weights / weights.sum(axis=1, keepdims=True)


def _nearest(n: int, m: int) -> Array:
    at = np.floor((np.arange(m) + 0.5) * n / m).astype(int)
    return np.eye(n)[at]


def _area(n: int, m: int) -> Array:
    begin, end = np.arange(m) * n / m, np.arange(1, m + 1) * n / m
    cover = np.minimum(end[:, None], np.arange(1, n + 1)) - np.maximum(begin[:, None], np.arange(n))
    return np.maximum(cover, 0) * m / n


def _triangle(n: int, m: int) -> Array:
    """Width of one source pixel, of one target pixel where the image shrinks."""
    at = (np.arange(m) + 0.5) * n / m
    weights = np.maximum(0, 1 - np.abs(np.arange(n) + 0.5 - at[:, None]) / max(n / m, 1))
    return weights / weights.sum(axis=1, keepdims=True)


def _resized(matrix: Any, dtype: Any = np.float32) -> Reference:
    def reference(x: Array, size: Array, *more: Array) -> Array:
        rows, columns = matrix(x.shape[1], size[0]), matrix(x.shape[2], size[1])
        y = np.einsum("ah,bw,nhwc->nabc", rows, columns, x.astype(np.float64))
        return y.astype(dtype or x.dtype)

    return reference


def _spread(matrix: Any) -> Reference:
    def reference(grads: Array, image: Array, *more: Array) -> Array:
        rows = matrix(image.shape[1], grads.shape[1])
        columns = matrix(image.shape[2], grads.shape[2])
        y = np.einsum("ah,bw,nabc->nhwc", rows, columns, grads.astype(np.float64))
        return y.astype(image.dtype)

    return reference


def _adjoint(shape: Shape) -> Shape:
    return (shape[0], 4, 3, shape[3])


def _float32(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
    return np.asarray(rng.uniform(-2, 2, shape), np.float32)


# Results are float32 whatever comes in, so that differences are coarse.
COARSE: dict[str, Any] = {
    "shapes": IMAGES,
    "rtol": {"float32": 2e-5, "float64": 2e-5},
    "grad_rtol": 3e-3,
}


def _weighted(matrix: Any) -> Sample:
    return Sample(
        [uniform(-2, 2), constant(SIZE, "int32")], _resized(matrix), HALF, second=False, **COARSE
    )


def _weighted_grad(matrix: Any) -> Sample:
    return Sample(
        [shaped(_float32, _adjoint), uniform(-2, 2)],
        _spread(matrix),
        HALF,
        second=False,
        **COARSE,
    )


# --- boxes ------------------------------------------------------------------------------------

BOXES = np.array([[0.1, 0.2, 0.8, 0.9], [0.9, 0.05, 0.15, 0.6], [0.2, 0.33, 1.4, 0.7]], np.float32)
WHICH = np.array([0, 1, 1], np.int32)
CROP = np.array([2, 3], np.int32)


def _position(low: float, high: float, place: int, count: int, length: int) -> float:
    return float(low + (high - low) * place / (count - 1)) * (length - 1)


def _interpolated(image: Array, y: float, x: float) -> Array | None:
    h, w, _ = image.shape
    if not (0 <= y <= h - 1 and 0 <= x <= w - 1):
        return None
    top, left = int(np.floor(y)), int(np.floor(x))
    bottom, right = int(np.ceil(y)), int(np.ceil(x))
    a = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
    b = image[bottom, left] * (1 - (x - left)) + image[bottom, right] * (x - left)
    return np.asarray(a * (1 - (y - top)) + b * (y - top))


def _cropped(image: Array, boxes: Array, which: Array, size: Array) -> Array:
    out = np.full((len(boxes), *size, image.shape[3]), 0.5, np.float64)
    for i, (box, n) in enumerate(zip(boxes.astype(np.float64), which, strict=True)):
        for r in range(size[0]):
            for c in range(size[1]):
                y = _position(box[0], box[2], r, size[0], image.shape[1])
                x = _position(box[1], box[3], c, size[1], image.shape[2])
                found = _interpolated(image[n].astype(np.float64), y, x)
                if found is not None:
                    out[i, r, c] = found
    return out.astype(np.float32)


def _slope(function: Any, at: Array, weights: Array) -> Array:
    """Gradient of a weighted sum by central differences in float64."""
    out = np.zeros(at.shape)
    for i in np.ndindex(*at.shape):
        step = np.zeros(at.shape)
        step[i] = 1e-6
        out[i] = np.sum(weights * (function(at + step) - function(at - step))) / 2e-6
    return out


def _crop64(image: Array, boxes: Array, which: Array) -> Array:
    out = np.zeros((len(boxes), *CROP, image.shape[3]))
    for i, (box, n) in enumerate(zip(boxes, which, strict=True)):
        for r, c in np.ndindex(*CROP):
            y = _position(box[0], box[2], r, int(CROP[0]), image.shape[1])
            x = _position(box[1], box[3], c, int(CROP[1]), image.shape[2])
            found = _interpolated(image[n], y, x)
            if found is not None:
                out[i, r, c] = found
    return out


def _grad_image(grads: Array, boxes: Array, which: Array, size: Array) -> Array:
    zero = np.zeros(tuple(size))
    slope = _slope(lambda im: _crop64(im, boxes.astype(np.float64), which), zero, grads)
    return slope.astype(np.float32)


def _grad_boxes(grads: Array, image: Array, boxes: Array, which: Array) -> Array:
    slope = _slope(
        lambda b: _crop64(image.astype(np.float64), b, which), boxes.astype(np.float64), grads
    )
    return slope.astype(np.float32)


def _crops_of(shape: Shape) -> Shape:
    return (len(BOXES), *CROP, shape[3])


# --- patches ----------------------------------------------------------------------------------


def _patches(x: Array, ksizes: Any, strides: Any, padding: str, rates: Any = None) -> Array:
    """By windows of a padded array."""
    m = len(ksizes) - 2
    size, stride = ksizes[1:-1], strides[1:-1]
    rate = [1] * m if rates is None else rates[1:-1]
    reach = [(s - 1) * r + 1 for s, r in zip(size, rate, strict=True)]
    lengths = x.shape[1:-1]
    if padding == "SAME":
        count = [-(-n // s) for n, s in zip(lengths, stride, strict=True)]
    else:
        count = [(n - r) // s + 1 for n, r, s in zip(lengths, reach, stride, strict=True)]
    missing = [
        max((c - 1) * s + r - n, 0)
        for c, s, r, n in zip(count, stride, reach, lengths, strict=True)
    ]
    wide = np.pad(x, [(0, 0), *((k // 2, k - k // 2) for k in missing), (0, 0)])
    out = np.zeros((len(x), *count, int(np.prod(size)) * x.shape[-1]), x.dtype)
    for at in np.ndindex(*count):
        window = tuple(
            slice(a * s, a * s + r, t) for a, s, r, t in zip(at, stride, reach, rate, strict=True)
        )
        out[(slice(None), *at)] = wide[(slice(None), *window)].reshape(len(x), -1)
    return out


# --- colours and maps -------------------------------------------------------------------------


def _colors(function: Any) -> Reference:
    def reference(x: Array) -> Array:
        flat = x.reshape(-1, 3).astype(np.float64)
        return np.array([function(*c) for c in flat]).reshape(x.shape).astype(x.dtype)

    return reference


def _contrast(x: Array, factor: Array) -> Array:
    mean = x.mean(axis=(-3, -2), keepdims=True, dtype=np.float64)
    return np.asarray((x - mean) * factor + mean, x.dtype)


def _hue(x: Array, delta: Array) -> Array:
    def turned(r: float, g: float, b: float) -> Any:
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        return colorsys.hsv_to_rgb((h + float(delta)) % 1.0, s, v)

    return _colors(turned)(x)  # type: ignore[return-value]


def _saturation(x: Array, scale: Array) -> Array:
    def scaled(r: float, g: float, b: float) -> Any:
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        return colorsys.hsv_to_rgb(h, min(s * float(scale), 1.0), v)

    return _colors(scaled)(x)  # type: ignore[return-value]


def _seen(image: Array, transforms: Array, size: Array, *fill: Array) -> Array:
    """Nearest pixels through the map."""
    outside = float(fill[0]) if fill else 0.0
    out = np.full((len(image), *size, image.shape[3]), outside, image.dtype)
    t = transforms[0].astype(np.float64)
    for r, c in np.ndindex(*size):
        depth = t[6] * c + t[7] * r + 1
        x = int(np.round((t[0] * c + t[1] * r + t[2]) / depth))
        y = int(np.round((t[3] * c + t[4] * r + t[5]) / depth))
        if 0 <= y < image.shape[1] and 0 <= x < image.shape[2]:
            out[:, r, c] = image[:, y, x]
    return out


COLORS: tuple[Shape, ...] = ((3,), (5, 3), (2, 4, 3))
PICTURES: tuple[Shape, ...] = ((2, 4, 3), (2, 3, 2, 3))
TURN = np.array([[0.8, 0.3, 0.4, -0.2, 0.9, 0.3, 0.01, 0.02]], np.float32)
COLOR_TOLERANCE = {"float32": 5e-6, "float64": 1e-13}


def _apart(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
    """Colours whose channels differ, so that none passes another."""
    base = np.array([0.2, 0.5, 0.8]) + rng.uniform(-0.1, 0.1, (*shape[:-1], 3))
    return np.asarray(rng.permuted(base, axis=-1).reshape(shape), dtype)


def _adjustment(ref: Reference, amount: float) -> Sample:
    return Sample(
        [uniform(0, 1), constant(amount, "float32")],
        ref,
        wrt=(),
        lookup_error=True,
        second=False,
        dtypes=("float32",),
        shapes=PICTURES,
        rtol={"float32": 1e-5},
    )


SAMPLES: dict[str, Sample] = {
    "ResizeBilinear": _weighted(_bilinear),
    "ResizeBilinearGrad": _weighted_grad(_bilinear),
    "ResizeBicubic": _weighted(_bicubic),
    "ResizeBicubicGrad": _weighted_grad(_bicubic),
    "ResizeNearestNeighbor": Sample(
        [uniform(-2, 2), constant(SIZE, "int32")],
        _resized(_nearest, None),
        HALF,
        shapes=IMAGES,
    ),
    "ResizeNearestNeighborGrad": Sample(
        [shaped(uniform(-2, 2), _adjoint), constant([3, 2], "int32")],
        lambda grads, size: _spread(_nearest)(
            grads, np.empty((len(grads), *size, grads.shape[3]), grads.dtype)
        ),
        HALF,
        shapes=IMAGES,
        rtol={"float32": 1e-6, "float64": 1e-14},
    ),
    "ResizeArea": Sample(
        [uniform(-2, 2), constant(SIZE, "int32")],
        _resized(_area),
        wrt=(),
        lookup_error=True,
        second=False,
        shapes=IMAGES,
        rtol={"float32": 2e-5, "float64": 2e-5},
    ),
    "ScaleAndTranslate": Sample(
        [
            uniform(-2, 2),
            constant(SIZE, "int32"),
            constant(lambda shape: SIZE / np.array(shape[1:3]), "float32"),
            constant([0.0, 0.0], "float32"),
        ],
        _resized(_triangle),
        {"kernel_type": "triangle", "antialias": True},
        second=False,
        **COARSE,
    ),
    "ScaleAndTranslateGrad": Sample(
        [
            shaped(uniform(-2, 2), _adjoint),
            uniform(-2, 2),
            constant(lambda shape: SIZE / np.array(shape[1:3]), "float32"),
            constant([0.0, 0.0], "float32"),
        ],
        _spread(_triangle),
        {"kernel_type": "triangle", "antialias": True},
        second=False,
        dtypes=("float32",),
        **{k: v for k, v in COARSE.items() if k != "grad_rtol"},
    ),
    "CropAndResize": Sample(
        [
            uniform(-2, 2),
            constant(BOXES, "float32"),
            constant(WHICH, "int32"),
            constant(CROP, "int32"),
        ],
        _cropped,
        {"extrapolation_value": 0.5},
        wrt=(0, 1),
        second=False,
        shapes=((2, 4, 5, 2),),
        rtol={"float32": 2e-5, "float64": 2e-5},
        grad_rtol=1e-2,
    ),
    "CropAndResizeGradImage": Sample(
        [
            shaped(_float32, _crops_of),
            constant(BOXES, "float32"),
            constant(WHICH, "int32"),
            constant([2, 4, 5, 2], "int32"),
        ],
        _grad_image,
        {"T": np.float32},
        wrt=(),
        lookup_error=True,
        second=False,
        dtypes=("float32",),
        shapes=((2, 4, 5, 2),),
        rtol={"float32": 1e-5},
    ),
    "CropAndResizeGradBoxes": Sample(
        [
            shaped(_float32, _crops_of),
            uniform(-2, 2),
            constant(BOXES, "float32"),
            constant(WHICH, "int32"),
        ],
        _grad_boxes,
        wrt=(),
        lookup_error=True,
        second=False,
        shapes=((2, 4, 5, 2),),
        rtol={"float32": 1e-5, "float64": 1e-5},
    ),
    "ExtractImagePatches": Sample(
        [uniform(-2, 2)],
        _patches,
        {
            "ksizes": [1, 2, 3, 1],
            "strides": [1, 2, 1, 1],
            "rates": [1, 1, 2, 1],
            "padding": "SAME",
        },
        shapes=((1, 3, 5, 2), (2, 4, 4, 1)),
    ),
    "ExtractVolumePatches": Sample(
        [uniform(-2, 2)],
        _patches,
        {"ksizes": [1, 2, 2, 1, 1], "strides": [1, 1, 2, 1, 1], "padding": "VALID"},
        shapes=((1, 3, 4, 2, 2),),
    ),
    # The gradient, TensorFlow's inverse map, is compared in test_images.py.
    **{
        f"ImageProjectiveTransform{version}": Sample(
            [uniform(-2, 2), constant(TURN, "float32"), constant([5, 4], "int32"), *fill],
            _seen,
            {"interpolation": "NEAREST"},
            wrt=(),
            second=False,
            dtypes=("float32", "float64", "int32"),
            shapes=((2, 4, 5, 2),),
        )
        for version, fill in (("V2", []), ("V3", [constant(2.0, "float32")]))
    },
    "RGBToHSV": Sample(
        [_apart],
        _colors(colorsys.rgb_to_hsv),
        shapes=COLORS,
        rtol=COLOR_TOLERANCE,
        extra_inputs=(([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.3, 0.3, 0.1], [0.1, 0.4, 0.4]],),),
    ),
    "HSVToRGB": Sample(
        [uniform(0, 1)],
        _colors(colorsys.hsv_to_rgb),
        wrt=(),
        second=False,
        shapes=COLORS,
        rtol=COLOR_TOLERANCE,
    ),
    "AdjustContrastv2": _adjustment(_contrast, 1.7),
    "AdjustHue": _adjustment(_hue, 0.3),
    "AdjustSaturation": _adjustment(_saturation, 1.7),
}
