"""tf.signal: transforms against NumPy and SciPy, frames, windows, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.signal

import wengert as tf

RNG = np.random.default_rng(4)
X = RNG.normal(size=(3, 24))
# An array would be taken for float32, the first choice of the real transforms.
T = tf.constant(X)
Z = RNG.normal(size=(2, 3, 5)) + 1j * RNG.normal(size=(2, 3, 5))


def close(got: Any, want: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(got), want, rtol=tolerance, atol=tolerance)


def test_complex_transforms() -> None:
    for axes, forward, inverse in (
        ((-1,), tf.signal.fft, tf.signal.ifft),
        ((-2, -1), tf.signal.fft2d, tf.signal.ifft2d),
        ((-3, -2, -1), tf.signal.fft3d, tf.signal.ifft3d),
    ):
        close(forward(tf.constant(Z)).numpy(), np.fft.fftn(Z, axes=axes))
        close(inverse(tf.constant(Z)).numpy(), np.fft.ifftn(Z, axes=axes))
    assert tf.signal.fft(np.zeros((2, 0), np.complex64)).numpy().shape == (2, 0)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16, 30, 61, 67, 128, 509, 1000, 1024, 2310])
def test_lengths_of_every_kind(n: int) -> None:
    z = RNG.normal(size=n) + 1j * RNG.normal(size=n)
    want = np.fft.fft(z)
    scale = np.sqrt(n)
    close(tf.signal.fft(tf.constant(z)).numpy() / scale, want / scale, 1e-13)
    single = tf.signal.fft(tf.constant(z.astype(np.complex64))).numpy()
    close(single / scale, np.fft.fft(z.astype(np.complex64).astype(complex)) / scale, 1e-6)
    close(tf.signal.rfft(tf.constant(z.real)).numpy() / scale, np.fft.rfft(z.real) / scale, 1e-13)
    half = tf.constant(np.fft.rfft(z.real))
    close(tf.signal.irfft(half, [n]).numpy(), z.real, 1e-13)


def test_real_transforms_cut_and_extend() -> None:
    for n in (1, 5, 10, 24, 31):
        close(tf.signal.rfft(T, [n]).numpy(), np.fft.rfft(X, n))
        close(tf.signal.irfft(tf.constant(Z), [n]).numpy(), np.fft.irfft(Z, n))
    close(tf.signal.irfft(tf.constant(Z)).numpy(), np.fft.irfft(Z))
    close(tf.signal.rfft2d(T, [4, 20]).numpy(), np.fft.rfft2(X, (4, 20)))
    close(tf.signal.rfft3d(tf.constant(Z.real)).numpy(), np.fft.rfftn(Z.real))
    close(tf.signal.irfft2d(tf.constant(Z), [2, 9]).numpy(), np.fft.irfft2(Z, (2, 9)))
    close(tf.signal.irfft3d(tf.constant(Z)).numpy(), np.fft.irfftn(Z))
    assert tf.signal.rfft(X.astype(np.float32)).dtype == tf.complex64


def test_lengths_that_are_not_known() -> None:
    @tf.function(
        input_signature=[
            tf.TensorSpec(None, tf.float64),
            tf.TensorSpec([1], tf.int32),
            tf.TensorSpec(None, tf.complex128),
        ]
    )
    def f(x: Any, n: Any, z: Any) -> Any:
        y, w = tf.signal.rfft(x, n), tf.signal.irfft(z, n)
        return tf.signal.rfft(x), y, w, tf.gradients([tf.abs(y), w], [x, z])

    whole, y, w, (dx, dz) = f(X, [30], Z)
    close(whole.numpy(), np.fft.rfft(X))
    close(y.numpy(), np.fft.rfft(X, 30))
    close(w.numpy(), np.fft.irfft(Z, 30))
    assert (dx.shape, dz.shape) == (X.shape, Z.shape)


def test_shifts() -> None:
    for axes in (None, 0, 1, [0, 1], [-1]):
        close(tf.signal.fftshift(X, axes).numpy(), np.fft.fftshift(X, axes))
        close(tf.signal.ifftshift(Z, axes).numpy(), np.fft.ifftshift(Z, axes))


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_windows(n: int) -> None:
    for name in ("hann", "hamming"):
        function = getattr(tf.signal, f"{name}_window")
        # TensorFlow's odd windows are symmetric whatever `periodic` says.
        periodic = scipy.signal.get_window(name, n, fftbins=n % 2 == 0)
        close(function(n, dtype=tf.float64).numpy(), periodic, 1e-9)
        symmetric = scipy.signal.get_window(name, n, fftbins=False)
        close(function(n, periodic=False, dtype=tf.float64).numpy(), symmetric, 1e-9)
    if n > 1:
        kaiser = scipy.signal.get_window(("kaiser", 12.0), n, fftbins=False)
        close(tf.signal.kaiser_window(n, dtype=tf.float64).numpy(), kaiser, 1e-9)
    vorbis = tf.signal.vorbis_window(2 * n, tf.float64).numpy()
    close(vorbis[:n] ** 2 + vorbis[n:] ** 2, 1.0)
    derived = tf.signal.kaiser_bessel_derived_window(2 * n, dtype=tf.float64).numpy()
    close(derived[:n] ** 2 + derived[n:] ** 2, 1.0)
    with pytest.raises(ValueError, match="floating point"):
        tf.signal.hann_window(8, dtype=tf.int32)


def test_frames() -> None:
    frames = tf.signal.frame(X, 6, 4).numpy()
    assert frames.shape == (3, 5, 6)
    np.testing.assert_array_equal(frames[:, 2], X[:, 8:14])
    padded = tf.signal.frame(X, 6, 4, pad_end=True, pad_value=7.0).numpy()
    assert padded.shape == (3, 6, 6)
    np.testing.assert_array_equal(padded[:, 5], np.hstack([X[:, 20:], np.full((3, 2), 7.0)]))
    assert tf.signal.frame(X, 30, 2).numpy().shape == (3, 0, 30)
    np.testing.assert_array_equal(tf.signal.frame(X, 1, 1, axis=0).numpy(), X[:, None, :])


@pytest.mark.parametrize("step", [1, 2, 3, 4, 6, 7])
def test_overlap_and_add(step: int) -> None:
    frames = RNG.normal(size=(2, 5, 6))
    want = np.zeros((2, 4 * step + 6))
    for i in range(5):
        want[:, i * step : i * step + 6] += frames[:, i]
    close(tf.signal.overlap_and_add(frames, step).numpy(), want)


def test_short_time_transform() -> None:
    terms = tf.signal.stft(X, 8, 4)
    window = tf.signal.hann_window(8, dtype=tf.float64).numpy()
    close(terms[:, 1].numpy(), np.fft.rfft(X[:, 4:12] * window))
    back = tf.signal.inverse_stft(terms, 8, 4, window_fn=tf.signal.inverse_stft_window_fn(4))
    close(back[:, 4:-4].numpy(), X[:, 4:-4])
    assert tf.signal.stft(X, 7, 3, fft_length=12, pad_end=True).numpy().shape == (3, 8, 7)


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", [None, "ortho"])
def test_cosine_transforms(kind: int, norm: str | None) -> None:
    if kind == 1 and norm == "ortho":
        with pytest.raises(ValueError, match="Normalization is not supported"):
            tf.signal.dct(T, type=1, norm=norm)
        return
    close(tf.signal.dct(T, kind, norm=norm).numpy(), scipy.fft.dct(X, kind, norm=norm), 1e-10)
    scale = 1.0 if norm == "ortho" else 2.0 * (23 if kind == 1 else 24)
    back = tf.signal.idct(tf.signal.dct(T, kind, norm=norm), kind, norm=norm).numpy()
    close(back / scale, X, 1e-10)
    if kind != 1:
        cut = tf.signal.dct(T, kind, n=10, norm=norm).numpy()
        close(cut, scipy.fft.dct(X[:, :10], kind, norm=norm), 1e-10)


@pytest.mark.parametrize("norm", [None, "ortho"])
def test_modified_cosine_transform(norm: str | None) -> None:
    x = np.pad(X, [[0, 0], [4, 4]])
    back = tf.signal.inverse_mdct(tf.signal.mdct(tf.constant(x), 8, norm=norm), norm=norm).numpy()
    close(back[:, 4:-4], X, 1e-10)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"requires tf.float32 or tf.float64 inputs"):
        tf.signal.rfft(tf.constant(np.ones((2, 4), np.int32)))
    with pytest.raises(ValueError, match="rank at least"):
        tf.signal.rfft2d(np.ones(4))
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        tf.signal.fft2d(np.ones(3, np.complex64))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have length of at least 5"):
        tf.raw_ops.RFFT(input=np.ones(3, np.float32), fft_length=[5])
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be >= 0"):
        tf.raw_ops.RFFT(input=np.ones(3, np.float32), fft_length=[-1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="same precision"):
        tf.raw_ops.RFFT(input=tf.constant(X), fft_length=[5], Tcomplex=tf.complex64)
    with pytest.raises(ValueError, match="Types I, II, III and IV"):
        tf.signal.dct(T, type=5)
    with pytest.raises(NotImplementedError, match="axis must be -1"):
        tf.signal.dct(T, axis=0)
