"""Windows (`tf.signal`)."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._creation import constant
from wengert._creation import range as make_range
from wengert._graph import name_scope_v1
from wengert._math_ops import cast, cos, exp, sin, sqrt, square
from wengert._math_ops import pow as power

convert = _core.convert


def _check_dtype(dtype: Any) -> Any:
    dtype = dtypes.as_dtype(dtype)
    if not dtype.is_floating:
        raise ValueError(f"dtype must be a floating point type. Found {dtype}")
    return dtype


def _scalar_length(window_length: Any, name: str | None = None) -> Any:
    length = convert(window_length, dtypes.int32, name)
    if length._rank() not in (None, 0):
        raise ValueError(f"window_length must be a scalar, got shape {length.shape}")
    return length


def hann_window(
    window_length: Any, periodic: Any = True, dtype: Any = dtypes.float32, name: str | None = None
) -> Any:
    """Hann window, 1/2 - 1/2 cos (`tf.signal.hann_window`).

    Parameters
    ----------
    window_length : int
    periodic : bool, optional
        As the first part of a window longer by one, for lengths that are even.
    dtype : DType, optional
        Floating.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.signal.hann_window(4).numpy().round(5).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return _raised_cosine(name, "hann_window", window_length, periodic, dtype, 0.5, 0.5)


def hamming_window(
    window_length: Any, periodic: Any = True, dtype: Any = dtypes.float32, name: str | None = None
) -> Any:
    """Hamming window, 0.54 - 0.46 cos (`tf.signal.hamming_window`)."""
    return _raised_cosine(name, "hamming_window", window_length, periodic, dtype, 0.54, 0.46)


def _raised_cosine(
    name: str | None,
    default: str,
    window_length: Any,
    periodic: Any,
    dtype: Any,
    a: float,
    b: float,
) -> Any:
    with name_scope_v1(name, default):
        dtype = _check_dtype(dtype)
        if _core.static_value(_scalar_length(window_length)) == 1:
            return constant([1.0], dtype)
        window_length = convert(window_length, dtypes.int32, "window_length")
        longer = cast(convert(periodic, dtypes.bool_, "periodic"), dtypes.int32)
        even = 1 - window_length % 2
        n = cast(window_length + longer * even - 1, dtype)
        count = cast(make_range(window_length), dtype)
        argument = constant(2 * pi, dtype) * count / n
        return a - b * cos(argument)


def kaiser_window(
    window_length: Any, beta: Any = 12.0, dtype: Any = dtypes.float32, name: str | None = None
) -> Any:
    """Kaiser window (`tf.signal.kaiser_window`).

    Parameters
    ----------
    window_length : int
    beta : float, optional
        Shape: 0 is a rectangle.
    """
    with name_scope_v1(name, "kaiser_window"):
        dtype = _check_dtype(dtype)
        length = cast(_scalar_length(window_length), dtype)
        half = (length - 1) / 2.0
        x = make_range(-half, half + 0.1, dtype=dtype)
        beta = cast(beta, dtype)
        one = cast(1.0, dtype)
        apply = _core.apply
        inside = beta * sqrt(apply("Relu", (one - square(x / half),)))
        ratio = apply("BesselI0e", (inside,)) / apply("BesselI0e", (beta,))
        return exp(inside - beta) * ratio


def kaiser_bessel_derived_window(
    window_length: Any, beta: Any = 12.0, dtype: Any = dtypes.float32, name: str | None = None
) -> Any:
    """Kaiser-Bessel derived window, of even length."""
    from wengert._math_reduce import cumsum

    with name_scope_v1(name, "kaiser_bessel_derived_window"):
        length = _scalar_length(window_length)
        half = length // 2
        kaiser = kaiser_window(half + 1, beta, dtype)
        sums = cumsum(kaiser)
        left = sqrt(sums[:-1] / sums[-1])
        return _array_ops.concat([left, left[::-1]], 0)


def vorbis_window(window_length: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Any:
    """Vorbis power complementary window (`tf.signal.vorbis_window`)."""
    with name_scope_v1(name, "vorbis_window"):
        dtype = _check_dtype(dtype)
        length = _scalar_length(window_length)
        count = cast(make_range(length), dtype)
        half = np.array(pi / 2, dtype.as_numpy_dtype)
        angle = np.array(pi, dtype.as_numpy_dtype) / cast(length, dtype) * (count + 0.5)
        return sin(half * power(sin(angle), 2.0))
