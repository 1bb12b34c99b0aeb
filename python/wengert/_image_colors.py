"""Colours and dtypes of images (`tf.image`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._math_ops import cast

apply = _core.apply
convert = _core.convert


def rgb_to_hsv(images: Any, name: str | None = None) -> Any:
    """Red, green, blue as hue, saturation, value, each in [0, 1]."""
    return apply("RGBToHSV", (images,), None, name)


def hsv_to_rgb(images: Any, name: str | None = None) -> Any:
    """Hue, saturation, value as red, green, blue."""
    return apply("HSVToRGB", (images,), None, name)


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Any:
    """An image in another dtype: floating ones hold [0, 1], integers their whole range."""
    from wengert._math_ops import saturate_cast

    wanted = dtypes.as_dtype(dtype)
    with name_scope_v1(name, "convert_image"):
        image = convert(image, None, "image")
        if image.dtype == wanted:
            return _array_ops.identity(image)
        if image.dtype.is_integer and wanted.is_integer:
            have, want = int(image.dtype.max), int(wanted.max)
            if have > want:
                small = image // ((have + 1) // (want + 1))
                return saturate_cast(small, wanted) if saturate else cast(small, wanted)
            wide = saturate_cast(image, wanted) if saturate else cast(image, wanted)
            return wide * ((want + 1) // (have + 1))
        if image.dtype.is_floating and wanted.is_floating:
            return cast(image, wanted)
        if image.dtype.is_integer:
            return cast(image, wanted) * (1.0 / int(image.dtype.max))
        scaled = image * (int(wanted.max) + 0.5)
        return saturate_cast(scaled, wanted) if saturate else cast(scaled, wanted)


def _in_float(image: Any, function: Callable[[Any], Any]) -> Any:
    """function of the image in a floating dtype, brought back to its own."""
    own = image.dtype
    if own.is_floating:
        return function(image)
    changed = function(convert_image_dtype(image, dtypes.float32))
    return convert_image_dtype(changed, own, saturate=True)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """One channel: a weighted sum of red, green and blue."""
    from wengert._linalg_ops import tensordot

    with name_scope_v1(name, "rgb_to_grayscale"):

        def grey(x: Any) -> Any:
            weights = convert([0.2989, 0.587, 0.114], x.dtype)
            return _array_ops.expand_dims(tensordot(x, weights, [-1, -1]), -1)

        return _in_float(convert(images, None, "images"), grey)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """One channel three times."""
    with name_scope_v1(name, "grayscale_to_rgb"):
        images = convert(images, None, "images")
        rank = images._rank()
        if rank is None:
            raise ValueError("grayscale_to_rgb needs images of known rank: set_shape first")
        return _array_ops.tile(images, [1] * (rank - 1) + [3])


def adjust_brightness(image: Any, delta: Any) -> Any:
    """A number added to all pixels."""
    with name_scope_v1(None, "adjust_brightness"):
        return _in_float(convert(image, None, "image"), lambda x: x + cast(delta, x.dtype))


def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Channels scaled about their means."""
    with name_scope_v1(None, "adjust_contrast"):
        return _adjusted("AdjustContrastv2", images, contrast_factor)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Any:
    """Hues turned by `delta`, in [-1, 1]."""
    with name_scope_v1(name, "adjust_hue"):
        return _adjusted("AdjustHue", image, delta)


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Any:
    """Saturations scaled."""
    with name_scope_v1(name, "adjust_saturation"):
        return _adjusted("AdjustSaturation", image, saturation_factor)


def _adjusted(op: str, image: Any, amount: Any) -> Any:
    image = convert(image, None, "images")
    own = image.dtype
    wanted = own if own in (dtypes.float16, dtypes.float32) else dtypes.float32
    changed = apply(op, (convert_image_dtype(image, wanted), amount))
    return convert_image_dtype(changed, own, saturate=True)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    """gain image ** gamma."""
    with name_scope_v1(None, "adjust_gamma"):
        if isinstance(gamma, (int, float)) and gamma < 0:
            raise ValueError("Gamma should be a non-negative real number.")
        return _in_float(convert(image, None, "image"), lambda x: gain * x**gamma)


def per_image_standardization(image: Any) -> Any:
    """Each image with mean 0 and variance 1; a constant one is not blown up."""
    from wengert._math_reduce import reduce_mean, reduce_std

    with name_scope_v1(None, "per_image_standardization"):
        image = convert(image, None, "image")
        if image.dtype not in (dtypes.float16, dtypes.float32):
            image = cast(image, dtypes.float32)
        pixels = cast(apply("Prod", (_array_ops.shape(image)[-3:], [0])), dtypes.float32)
        mean = reduce_mean(image, axis=[-1, -2, -3], keepdims=True)
        deviation = reduce_std(image, axis=[-1, -2, -3], keepdims=True)
        least = cast(apply("Rsqrt", (pixels,)), image.dtype)
        return (image - mean) / apply("Maximum", (deviation, least))


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Any:
    """Peak signal to noise ratio of two images in decibels."""
    from wengert._math_ops import log, squared_difference
    from wengert._math_reduce import reduce_mean

    with name_scope_v1(name, "PSNR"):
        a, b = convert(a, None, "a"), convert(b, None, "b")
        top = convert_image_dtype(cast(convert(max_val), a.dtype), dtypes.float32)
        a, b = convert_image_dtype(a, dtypes.float32), convert_image_dtype(b, dtypes.float32)
        error = reduce_mean(squared_difference(a, b), [-3, -2, -1])
        ten = np.float32(np.log(10.0))
        return 20 * log(top) / ten - np.float32(10 / np.log(10)) * log(error)
