"""Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_sample import Generator, Sample, Shape, constant, shaped, uniform

LINES = ((1,), (2,), (5,), (2, 6), (3, 1, 7), (0, 4), (2, 0), (12,), (67,), (64,))
PLANES = ((1, 1), (2, 3), (4, 5), (2, 3, 4), (0, 2, 2), (8, 9))
BLOCKS = ((1, 1, 1), (2, 3, 4), (2, 2, 3, 2), (0, 2, 2, 2))
COMPLEX = ("complex64", "complex128")
TOLERANCE = {"complex64": 2e-5, "complex128": 1e-12, "float64": 1e-12}


def _wide(x: Any) -> Any:
    return x.astype(np.result_type(x, np.float64))


def _complex(function: Any, rank: int, shapes: tuple[Shape, ...]) -> Sample:
    def reference(x: Any) -> Any:
        if x.size == 0:
            return x
        return function(_wide(x), axes=range(-rank, 0)).astype(x.dtype)

    return Sample([uniform(-1, 1)], reference, shapes=shapes, dtypes=COMPLEX, rtol=TOLERANCE)


def _length(shape: Shape, rank: int) -> list[int]:
    """The length of each axis, of long ones less, so that what is beyond is cut off."""
    return [n if n < 5 else n - 2 for n in shape[-rank:]]


def _lengths(rank: int) -> Generator:
    return constant(lambda shape: _length(shape, rank), "int32")


def _real(rank: int, shapes: tuple[Shape, ...]) -> Sample:
    def reference(x: Any, lengths: Any) -> Any:
        return np.fft.rfftn(x, lengths, range(-rank, 0))

    return Sample(
        [uniform(-1, 1), _lengths(rank)],
        reference,
        attrs={"Tcomplex": "complex128"},
        shapes=tuple(s for s in shapes if 0 not in s),
        dtypes=("float64",),
        rtol=TOLERANCE,
    )


def _inverse_real(rank: int, shapes: tuple[Shape, ...]) -> Sample:
    def reference(x: Any, lengths: Any) -> Any:
        return np.fft.irfftn(x, lengths, range(-rank, 0))

    return Sample(
        [shaped(uniform(-1, 1), lambda s: (*s[:-1], s[-1] // 2 + 1)), _lengths(rank)],
        reference,
        attrs={"Treal": "float64"},
        shapes=tuple(s for s in shapes if 0 not in s),
        dtypes=("complex128",),
        rtol=TOLERANCE,
    )


SAMPLES = {
    "FFT": _complex(np.fft.fftn, 1, LINES),
    "IFFT": _complex(np.fft.ifftn, 1, LINES),
    "FFT2D": _complex(np.fft.fftn, 2, PLANES),
    "IFFT2D": _complex(np.fft.ifftn, 2, PLANES),
    "FFT3D": _complex(np.fft.fftn, 3, BLOCKS),
    "IFFT3D": _complex(np.fft.ifftn, 3, BLOCKS),
    "RFFT": _real(1, LINES),
    "RFFT2D": _real(2, PLANES),
    "RFFT3D": _real(3, BLOCKS),
    "IRFFT": _inverse_real(1, LINES),
    "IRFFT2D": _inverse_real(2, PLANES),
    "IRFFT3D": _inverse_real(3, BLOCKS),
}
