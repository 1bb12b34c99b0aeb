"""Fourier and related transforms (`tf.signal`)."""

from typing import Any as _Any

_NAMES = {
    **dict.fromkeys(
        (
            "fft", "fft2d", "fft3d", "fftshift", "ifft", "ifft2d", "ifft3d", "ifftshift", "irfft",
            "irfft2d", "irfft3d", "rfft", "rfft2d", "rfft3d",
        ),
        "_signal_fft",
    ),
    **dict.fromkeys(
        (
            "hamming_window", "hann_window", "kaiser_bessel_derived_window", "kaiser_window",
            "vorbis_window",
        ),
        "_signal_windows",
    ),
    **dict.fromkeys(
        ("frame", "inverse_stft", "inverse_stft_window_fn", "overlap_and_add", "stft"),
        "_signal_frames",
    ),
    **dict.fromkeys(("dct", "idct", "inverse_mdct", "mdct"), "_signal_dct"),
}  # fmt: skip

__all__ = [*_NAMES]


def __getattr__(name: str) -> _Any:
    module = _NAMES.get(name)
    if module is None:
        raise AttributeError(f"module 'wengert.signal' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"wengert.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
