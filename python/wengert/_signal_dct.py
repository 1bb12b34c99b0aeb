"""Cosine transforms (`tf.signal`)."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._creation import constant, zeros
from wengert._creation import range as make_range
from wengert._graph import name_scope_v1
from wengert._math_ops import cast, exp, real, rsqrt
from wengert._math_ops import complex as make_complex
from wengert._signal_fft import irfft, rfft
from wengert._signal_windows import vorbis_window

convert = _core.convert


def _check(type: Any, n: Any, axis: Any, norm: Any, x: Any) -> None:
    if axis != -1:
        raise NotImplementedError(f"axis must be -1. Received: {axis}")
    if n is not None and n < 1:
        raise ValueError(f"n should be a positive integer or None. Received: {n}")
    if type not in (1, 2, 3, 4):
        raise ValueError(f"Types I, II, III and IV (I)DCT are supported. Received: {type}")
    if norm not in (None, "ortho"):
        raise ValueError(f"Unknown normalization. Expected None or 'ortho', got: {norm}")
    if type == 1:
        if norm == "ortho":
            raise ValueError("Normalization is not supported for the Type-I DCT.")
        last = x.shape[-1]
        if last is not None and last < 2:
            raise ValueError("Type-I DCT requires the dimension to be greater than one.")


def _with_length(x: Any, n: int) -> Any:
    """The first n elements of the last axis, zeros added where there are fewer."""
    dims = x._shape_tuple()
    if dims is None or dims[-1] is None:
        raise NotImplementedError("`n` needs an input whose last axis has a known length")
    if dims[-1] >= n:
        return x[..., :n]
    return _array_ops.pad(x, [[0, 0]] * (len(dims) - 1) + [[0, n - dims[-1]]])


def dct(
    input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Discrete cosine transform along the last axis (`tf.signal.dct`).

    Parameters
    ----------
    input : Tensor, shape (..., samples)
        float32 or float64.
    type : {1, 2, 3, 4}, optional
    n : int, optional
        Length of the transform: the input is cut, or zeros are added.
    norm : 'ortho', optional
        Scale the transform to be orthogonal; not for type 1.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.signal.dct([1.0, 1.0]).numpy().round(5).tolist()
    [4.0, 0.0]
    """
    x = convert(input, None, "input", dtypes.float32)
    _check(type, n, axis, norm, x)
    with name_scope_v1(name, "dct"):
        return _dct(x, type, n, norm)


def idct(
    input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Inverse of `dct`, up to the factor 2 n without `norm` (`tf.signal.idct`)."""
    x = convert(input, None, "input", dtypes.float32)
    _check(type, n, axis, norm, x)
    with name_scope_v1(name, "dct"):
        return _dct(x, {1: 1, 2: 3, 3: 2, 4: 4}[type], n, norm)


def _dct(x: Any, type: int, n: int | None, norm: str | None) -> Any:
    if x.dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"The cosine transform requires float32 or float64, got: {x.dtype.name}")
    if n is not None:
        x = _with_length(x, n)
    dims = x._shape_tuple()
    size: Any = dims[-1] if dims is not None and dims[-1] is not None else _array_ops.shape(x)[-1]
    zero = constant(0.0, x.dtype)
    if type == 1:
        mirrored = _array_ops.concat([x, x[..., -2:0:-1]], -1)
        return real(rfft(mirrored))
    if type == 4:
        # Every other term of a transform of twice the length.
        with name_scope_v1(None, "dct"):
            rank = x._rank()
            padding = [[0, 0]] * (rank - 1) + [[0, size]] if rank is not None else None
            if padding is None:
                raise NotImplementedError("The type-IV DCT needs an input of known rank")
            terms = _dct(_array_ops.pad(x, padding), 2, None, None)
        terms = terms[..., 1::2]
        if norm == "ortho":
            terms = terms * (
                np.array(np.sqrt(0.5), x.dtype.as_numpy_dtype) * rsqrt(cast(size, x.dtype))
            )
        return terms
    float_size = cast(size, x.dtype)
    half = np.array(0.5, x.dtype.as_numpy_dtype)
    turn = np.array(pi, x.dtype.as_numpy_dtype)
    if type == 2:
        angle = -make_range(float_size) * turn * half / float_size
        scale = 2.0 * exp(make_complex(zero, angle))
        terms = rfft(x, [2 * size])[..., :size]
        result = real(terms * scale)
        if norm == "ortho":
            result = result * _ortho(x, size, 0.5)
        return result
    # The inverse transform divides by 2 n and doubles all terms but the first.
    x = x * (_ortho_inverse(x, size) if norm == "ortho" else float_size)
    angle = make_range(float_size) * turn * half / float_size
    scale = 2.0 * exp(make_complex(zero, angle))
    return irfft(scale * make_complex(x, zero), [2 * size])[..., :size]


def _ortho(x: Any, size: Any, factor: float) -> Any:
    """Scales of the terms of an orthogonal transform: the first smaller by sqrt(2)."""
    first = np.array(factor, x.dtype.as_numpy_dtype) * rsqrt(cast(size, x.dtype))
    others = first * np.array(np.sqrt(2.0), x.dtype.as_numpy_dtype)
    rest = zeros([size - 1], x.dtype) + others
    return _array_ops.concat([_array_ops.expand_dims(first, 0), rest], 0)


def _ortho_inverse(x: Any, size: Any) -> Any:
    """The same for the transform of type 3, n times that."""
    root = _core.apply("Sqrt", (cast(size, x.dtype),))
    rest = zeros([size - 1], x.dtype) + root * np.array(np.sqrt(0.5), x.dtype.as_numpy_dtype)
    return _array_ops.concat([_array_ops.expand_dims(root, 0), rest], 0)


def mdct(
    signals: Any, frame_length: Any, window_fn: Callable[..., Any] | None = vorbis_window,
    pad_end: bool = False, norm: str | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Modified discrete cosine transform of half-overlapping frames (`tf.signal.mdct`).

    Parameters
    ----------
    signals : Tensor, shape (..., samples)
    frame_length : int
        A multiple of 4.

    Returns
    -------
    Tensor, shape (..., frames, frame_length / 2)
    """
    from wengert._signal_frames import frame

    with name_scope_v1(name, "mdct"):
        signals = convert(signals, None, "signals")
        length = _static_length(frame_length)
        frames = frame(signals, length, length // 2, pad_end=pad_end)
        frames = _windowed(frames, window_fn, length)
        a, b, c, d = _array_ops.split(frames, 4, axis=-1)
        # What aliases: (a, b, c, d) -> (-c_reversed - d, a - b_reversed).
        folded = _array_ops.concat(
            [-_array_ops.reverse(c, [-1]) - d, a - _array_ops.reverse(b, [-1])], -1
        )
        return dct(folded, type=4, norm=norm)


def inverse_mdct(
    mdcts: Any, window_fn: Callable[..., Any] | None = vorbis_window, norm: str | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Inverse of `mdct`, exact away from the ends (`tf.signal.inverse_mdct`)."""
    from wengert._signal_frames import overlap_and_add

    with name_scope_v1(name, "inverse_mdct"):
        mdcts = convert(mdcts, None, "mdcts")
        half = mdcts.shape[-1]
        if half is None:
            raise NotImplementedError("inverse_mdct needs a last axis of known length")
        folded = dct(mdcts, type=4, norm=norm)
        if norm is None:
            folded = folded * (0.5 / half)
        x, y = _array_ops.split(folded, 2, axis=-1)
        backwards = [-1]
        frames = _array_ops.concat(
            [y, -_array_ops.reverse(y, backwards), -_array_ops.reverse(x, backwards), -x], -1
        )
        return overlap_and_add(_windowed(frames, window_fn, 2 * half), half)


def _windowed(frames: Any, window_fn: Callable[..., Any] | None, length: int) -> Any:
    if window_fn is None:  # a rectangle whose overlapping squares add up to 1
        return frames * np.array(np.sqrt(0.5), frames.dtype.as_numpy_dtype)
    return frames * window_fn(length, dtype=frames.dtype)


def _static_length(frame_length: Any) -> int:
    known = _core.static_value(convert(frame_length, dtypes.int32))
    if known is None:
        raise NotImplementedError("mdct needs a frame length that is known")
    if int(known) % 4 != 0:
        raise ValueError("The frame length must be a multiple of 4.")
    return int(known)
