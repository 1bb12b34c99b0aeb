"""Frames of signals, and short-time Fourier transforms (`tf.signal`)."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log2
from typing import Any

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._creation import range as make_range
from wengert._creation import zeros
from wengert._graph import name_scope_v1
from wengert._math_ops import cast, maximum, square
from wengert._math_reduce import reduce_sum
from wengert._signal_fft import irfft, rfft
from wengert._signal_windows import hann_window

convert = _core.convert


def _scalar(value: Any, name: str) -> Any:
    tensor = convert(value, dtypes.int32, name)
    if tensor._rank() not in (None, 0):
        raise ValueError(f"{name} must be a scalar, got shape {tensor.shape}")
    return tensor


def _static(value: Any) -> int | None:
    known = _core.static_value(value)
    return None if known is None else int(known)


def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: Any = 0,
    axis: Any = -1, name: str | None = None,
) -> Any:  # fmt: skip
    """Overlapping frames of a signal (`tf.signal.frame`).

    Parameters
    ----------
    signal : Tensor, shape (..., samples, ...)
    frame_length, frame_step : int
        Samples in a frame, and between the beginnings of two.
    pad_end : bool, optional
        Extend the signal so that every sample begins frames.
    axis : int, optional
        Along which axis the samples lie.

    Returns
    -------
    Tensor, shape (..., frames, frame_length, ...)

    Examples
    --------
    >>> import wengert as tf
    >>> tf.signal.frame([1.0, 2.0, 3.0, 4.0], 2, 2).numpy().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    with name_scope_v1(name, "frame"):
        signal = convert(signal, None, "signal")
        length = _scalar(frame_length, "frame_length")
        step = _scalar(frame_step, "frame_step")
        rank = signal._rank()
        if rank is None:
            raise NotImplementedError("tf.signal.frame needs a signal of known rank")
        position = int(axis) + rank if int(axis) < 0 else int(axis)
        if not 0 <= position < rank:
            raise ValueError(f"axis {axis} is out of range for a signal of rank {rank}")
        known = _static(step)
        if known is not None and known <= 0:
            raise ValueError(f"frame_step must be positive, got {known}")
        samples = _array_ops.shape(signal)[position]
        if pad_end:
            count = -(-samples // step)
            missing = maximum(0, length + step * (count - 1) - samples)
            paddings = [[0, 0]] * rank
            paddings[position] = [0, missing]
            signal = _array_ops.pad(signal, paddings, constant_values=cast(pad_value, signal.dtype))
        else:
            count = maximum(0, 1 + (samples - length) // step)
        begins = _array_ops.reshape(make_range(count) * step, [-1, 1])
        within = _array_ops.reshape(make_range(length), [1, -1])
        frames = _array_ops.gather(signal, begins + within, axis=position)
        dims = signal._shape_tuple()
        inner = (_static(count), _static(length))
        frames.set_shape([*dims[:position], *inner, *dims[position + 1 :]])
        return frames


def overlap_and_add(signal: Any, frame_step: Any, name: str | None = None) -> Any:
    """The signal whose frames these are, samples of several frames added.

    Parameters
    ----------
    signal : Tensor, shape (..., frames, frame_length)
    frame_step : int

    Returns
    -------
    Tensor, shape (..., (frames - 1) * frame_step + frame_length)

    Examples
    --------
    >>> import wengert as tf
    >>> tf.signal.overlap_and_add([[1.0, 1.0], [1.0, 1.0]], 1).numpy().tolist()
    [1.0, 2.0, 1.0]
    """
    with name_scope_v1(name, "overlap_and_add"):
        signal = convert(signal, None, "signal")
        step = _scalar(frame_step, "frame_step")
        rank = signal._rank()
        if rank is not None and rank < 2:
            raise ValueError(f"Shape {signal.shape} must have rank at least 2")
        shape = _array_ops.shape(signal)
        outer, frames, length = shape[:-2], shape[-2], shape[-1]
        total = length + step * (frames - 1)
        # Frames are cut into segments of one step. Segment s of frame f lies at f + s: with
        # rows of segments one longer than there are frames, a reshape shifts each row.
        segments = -(-length // step)
        before = zeros([_array_ops.size(outer), 2], dtypes.int32)
        missing = _array_ops.stack([[0, segments], [0, segments * step - length]])
        padded = _array_ops.pad(signal, _array_ops.concat([before, missing], 0))
        grid = _array_ops.concat([outer, [frames + segments, segments, step]], 0)
        parts = _array_ops.reshape(padded, grid)
        axes = _array_ops.size(outer)
        order = _array_ops.concat([make_range(axes), [axes + 1, axes, axes + 2]], 0)
        parts = _array_ops.transpose(parts, order)
        flat = _array_ops.concat([outer, [(frames + segments) * segments, step]], 0)
        parts = _array_ops.reshape(parts, flat)
        parts = parts[..., : (frames + segments - 1) * segments, :]
        shifted = _array_ops.concat([outer, [segments, frames + segments - 1, step]], 0)
        sums = reduce_sum(_array_ops.reshape(parts, shifted), -3)
        line = _array_ops.concat([outer, [(frames + segments - 1) * step]], 0)
        result = _array_ops.reshape(sums, line)[..., :total]
        dims = signal._shape_tuple()
        if dims is not None:
            result.set_shape([*dims[:-2], _static(total)])
        return result


def _enclosing_power_of_two(value: Any) -> Any:
    known = _static(value)
    if known is not None:
        return convert(int(2 ** ceil(log2(known))), dtypes.int32)
    from wengert._math_ops import log
    from wengert._math_ops import pow as power

    exponent = _core.apply("Ceil", (log(cast(value, dtypes.float32)) / log(2.0),))
    return cast(power(2.0, exponent), value.dtype)


Window = Callable[..., Any]


def stft(
    signals: Any, frame_length: Any, frame_step: Any, fft_length: Any = None,
    window_fn: Window | None = hann_window, pad_end: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """Short-time Fourier transform (`tf.signal.stft`).

    Parameters
    ----------
    signals : Tensor, shape (..., samples)
        float32 or float64.
    frame_length, frame_step : int
    fft_length : int, optional
        The next power of 2 by default.
    window_fn : callable, optional
        Called with the frame length and `dtype`; None for no window.
    pad_end : bool, optional
        As in `frame`.

    Returns
    -------
    Tensor, shape (..., frames, fft_length / 2 + 1)
    """
    with name_scope_v1(name, "stft"):
        signals = convert(signals, None, "signals")
        length = _scalar(frame_length, "frame_length")
        step = _scalar(frame_step, "frame_step")
        if fft_length is None:
            fft_length = _enclosing_power_of_two(length)
        else:
            fft_length = convert(fft_length, dtypes.int32, "fft_length")
        frames = frame(signals, length, step, pad_end=pad_end)
        if window_fn is not None:
            frames = frames * window_fn(length, dtype=frames.dtype)
        return rfft(frames, [fft_length])


def inverse_stft_window_fn(
    frame_step: Any, forward_window_fn: Window = hann_window, name: str | None = None
) -> Window:
    """A window for `inverse_stft` that undoes the one used by `stft`.

    Parameters
    ----------
    frame_step : int
    forward_window_fn : callable, optional
        The window given to `stft`.

    Returns
    -------
    callable
    """

    def inverse_window(frame_length: Any, dtype: Any) -> Any:
        with name_scope_v1(name, "inverse_stft_window_fn"):
            step = _scalar(frame_step, "frame_step")
            length = _scalar(frame_length, "frame_length")
            window = forward_window_fn(length, dtype=dtype)
            # What the squares of all windows over a sample add up to.
            weight = square(window)
            overlaps = -(-length // step)
            weight = _array_ops.pad(weight, [[0, overlaps * step - length]])
            weight = _array_ops.reshape(weight, [overlaps, step])
            weight = _array_ops.tile(reduce_sum(weight, 0, keepdims=True), [overlaps, 1])
            return window / _array_ops.reshape(weight, [overlaps * step])[:length]

    return inverse_window


def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None,
    window_fn: Window | None = hann_window, name: str | None = None,
) -> Any:  # fmt: skip
    """Inverse of `stft` (`tf.signal.inverse_stft`).

    Exact away from the ends when `window_fn` comes from `inverse_stft_window_fn`.

    Returns
    -------
    Tensor, shape (..., samples)
    """
    with name_scope_v1(name, "inverse_stft"):
        stfts = convert(stfts, None, "stfts")
        length = _scalar(frame_length, "frame_length")
        step = _scalar(frame_step, "frame_step")
        if fft_length is None:
            fft_length = _enclosing_power_of_two(length)
        else:
            fft_length = convert(fft_length, dtypes.int32, "fft_length")
        frames = irfft(stfts, [fft_length])
        # Of each frame only what was there before the transform added zeros, or as much.
        have = _array_ops.shape(frames)[-1]
        frames = frames[..., :length]
        rank = _array_ops.rank(frames)
        behind = _array_ops.concat(
            [zeros([rank - 1], dtypes.int32), [maximum(0, length - have)]], 0
        )
        frames = _array_ops.pad(frames, _array_ops.stack([behind * 0, behind], axis=1))
        dims = frames._shape_tuple()
        if dims is not None:
            frames.set_shape([*dims[:-1], _static(length)])
        if window_fn is not None:
            frames = frames * window_fn(length, dtype=frames.dtype)
        return overlap_and_add(frames, step)
