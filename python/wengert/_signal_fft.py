"""Fourier transforms (`tf.signal`)."""

from __future__ import annotations

from typing import Any

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._creation import zeros, zeros_like
from wengert._graph import name_scope_v1
from wengert._math_ops import maximum

apply = _core.apply
convert = _core.convert

_TRANSFORMS = {1: "", 2: "2D", 3: "3D"}


def fft(input: Any, name: str | None = None) -> Any:
    """Discrete Fourier transform along the last axis (`tf.signal.fft`).

    Parameters
    ----------
    input : Tensor
        complex64 or complex128.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.signal.fft(tf.constant([1.0 + 0j, 1.0])).numpy().tolist()
    [(2+0j), 0j]
    """
    return apply("FFT", (input,), None, name)


def ifft(input: Any, name: str | None = None) -> Any:
    """Inverse discrete Fourier transform along the last axis (`tf.signal.ifft`)."""
    return apply("IFFT", (input,), None, name)


def fft2d(input: Any, name: str | None = None) -> Any:
    """Discrete Fourier transform over the last two axes (`tf.signal.fft2d`)."""
    return apply("FFT2D", (input,), None, name)


def ifft2d(input: Any, name: str | None = None) -> Any:
    """Inverse discrete Fourier transform over the last two axes (`tf.signal.ifft2d`)."""
    return apply("IFFT2D", (input,), None, name)


def fft3d(input: Any, name: str | None = None) -> Any:
    """Discrete Fourier transform over the last three axes (`tf.signal.fft3d`)."""
    return apply("FFT3D", (input,), None, name)


def ifft3d(input: Any, name: str | None = None) -> Any:
    """Inverse discrete Fourier transform over the last three axes (`tf.signal.ifft3d`)."""
    return apply("IFFT3D", (input,), None, name)


def rfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """Transform of real numbers along the last axis: n / 2 + 1 terms (`tf.signal.rfft`).

    Parameters
    ----------
    input_tensor : Tensor
        float32 or float64.
    fft_length : Tensor, shape (1,), optional
        Length of the transform: the input is cut, or zeros are added.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.signal.rfft([1.0, 1.0, 1.0, 1.0]).numpy().tolist()
    [(4+0j), 0j, 0j]
    """
    return _real("rfft", 1, input_tensor, fft_length, name)


def rfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """Transform of real numbers over the last two axes (`tf.signal.rfft2d`)."""
    return _real("rfft2d", 2, input_tensor, fft_length, name)


def rfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """Transform of real numbers over the last three axes (`tf.signal.rfft3d`)."""
    return _real("rfft3d", 3, input_tensor, fft_length, name)


def irfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """Inverse of `rfft` (`tf.signal.irfft`).

    Parameters
    ----------
    input_tensor : Tensor, shape (..., n / 2 + 1)
        complex64 or complex128.
    fft_length : Tensor, shape (1,), optional
        n; even by default: twice the number of terms less one.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.signal.irfft(tf.constant([4.0 + 0j, 0, 0])).numpy().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    return _inverse_real("irfft", 1, input_tensor, fft_length, name)


def irfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """Inverse of `rfft2d` (`tf.signal.irfft2d`)."""
    return _inverse_real("irfft2d", 2, input_tensor, fft_length, name)


def irfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """Inverse of `rfft3d` (`tf.signal.irfft3d`)."""
    return _inverse_real("irfft3d", 3, input_tensor, fft_length, name)


def _at_least(x: Any, rank: int) -> None:
    known = x._rank()
    if known is not None and known < rank:
        raise ValueError(f"Shape {x.shape} must have rank at least {rank}")


def _real(function: str, rank: int, x: Any, fft_length: Any, name: str | None) -> Any:
    with name_scope_v1(name, function) as scope:
        x = convert(x, None, "input", dtypes.float32)
        op = "RFFT" + ("" if rank == 1 else _TRANSFORMS[rank])
        if x.dtype not in (dtypes.float32, dtypes.float64):
            raise ValueError(f"{op} requires tf.float32 or tf.float64 inputs, got: {x}")
        _at_least(x, rank)
        complex_dtype = dtypes.complex64 if x.dtype == dtypes.float32 else dtypes.complex128
        length, static = _length(x, fft_length, rank, lambda n: n)
        x = _extended(x, length, static, rank, False)
        attrs = {"Treal": x.dtype, "Tcomplex": complex_dtype}
        return apply(op, (x, length if static is None else static), attrs, scope or None)


def _inverse_real(function: str, rank: int, x: Any, fft_length: Any, name: str | None) -> Any:
    with name_scope_v1(name, function) as scope:
        x = convert(x, None, "input", dtypes.complex64)
        _at_least(x, rank)
        real_dtype = dtypes.float32 if x.dtype == dtypes.complex64 else dtypes.float64
        length, static = _length(x, fft_length, rank, lambda n: max(0, 2 * (n - 1)))
        x = _extended(x, length, static, rank, True)
        attrs = {"Treal": real_dtype, "Tcomplex": x.dtype}
        op = "IRFFT" + ("" if rank == 1 else _TRANSFORMS[rank])
        return apply(op, (x, length if static is None else static), attrs, scope or None)


def _length(x: Any, fft_length: Any, rank: int, last: Any) -> tuple[Any, list[int] | None]:
    """Lengths of the transform: a tensor, and their values where they are known."""
    if fft_length is None:
        dims = x._shape_tuple()
        if dims is not None and None not in dims[len(dims) - rank :]:
            own = [int(d) for d in dims[len(dims) - rank :]]
            own[-1] = last(own[-1])
            return convert(own, dtypes.int32), own
        lengths = _array_ops.shape(x)[-rank:]
        if last(5) != 5:
            end = maximum(0, 2 * (lengths[-1:] - 1))
            lengths = _array_ops.concat([lengths[:-1], end], 0) if rank > 1 else end
        return lengths, None
    length = convert(fft_length, dtypes.int32)
    if length._shape_tuple() not in (None, (None,), (rank,)):
        raise ValueError(f"fft_length must have shape [{rank}], got {length.shape}")
    value = _core.static_value(length)
    return length, None if value is None else [int(n) for n in value]


def _extended(x: Any, length: Any, static: list[int] | None, rank: int, half: bool) -> Any:
    """`x` with zeros behind it where it is shorter than the transform."""
    dims = x._shape_tuple()
    if static is not None:
        wanted = list(static)
        if half and wanted[-1] > 0:
            wanted[-1] = wanted[-1] // 2 + 1
        own = None if dims is None else dims[len(dims) - rank :]
        if own is not None and None not in own:
            if 0 in own:  # nothing there to extend
                return x
            missing = [max(0, w - d) for w, d in zip(wanted, own, strict=True)]
            if not any(missing):
                return x
            return _array_ops.pad(x, [[0, 0]] * (len(dims) - rank) + [[0, m] for m in missing])
    n = _array_ops.rank(x)
    own_tensor = _array_ops.shape(x)[-rank:]
    before = zeros([maximum(0, n - rank)], dtypes.int32)
    if half:
        length = _array_ops.concat([length[:-1], length[-1:] // 2 + 1], 0)
    missing_tensor = maximum(0, length - own_tensor)
    behind = _array_ops.concat([before, missing_tensor], 0)
    paddings = _array_ops.stack([zeros_like(behind), behind], axis=1)
    return _array_ops.pad(x, paddings)


def fftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """The zero frequency in the middle (`tf.signal.fftshift`).

    Parameters
    ----------
    x : Tensor
    axes : int or list of int, optional
        All axes by default.
    """
    with name_scope_v1(name, "fftshift") as scope:
        shift, axes, x = _middle(x, axes)
        return _array_ops.roll(x, shift, axes, name=scope or None)


def ifftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """Inverse of `fftshift` (`tf.signal.ifftshift`)."""
    with name_scope_v1(name, "ifftshift") as scope:
        shift, axes, x = _middle(x, axes)
        return _array_ops.roll(x, -shift, axes, name=scope or None)


def _middle(x: Any, axes: Any) -> tuple[Any, Any, Any]:
    x = convert(x)
    if axes is None:
        rank = x._rank()
        if rank is None:
            raise TypeError("fftshift needs `axes` for a tensor of unknown rank")
        return _array_ops.shape(x) // 2, list(range(rank)), x
    if isinstance(axes, int):
        return _array_ops.shape(x)[axes] // 2, axes, x
    rank = _array_ops.rank(x)
    axes = convert(axes, dtypes.int32)
    axes = _array_ops.where(axes < 0, axes + rank, axes)
    return _array_ops.gather(_array_ops.shape(x), axes) // 2, axes, x
