"""2,000 random programs: all passes off, all on, and numeric differences agree."""

from __future__ import annotations

import numpy as np
import pytest
from random_programs import PAIRS, STEPS, compose

import wengert as tf

PROGRAMS = 2000
BATCH = 100
OFF = dict.fromkeys(
    ("fold_constants", "simplify", "eliminate_common_subexpressions", "fuse", "reuse_memory"), False
)
H = 1e-5


def check(seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    shapes = [tuple(rng.integers(1, 4, rng.integers(1, 4)).tolist()) for _ in range(2)]
    values = [rng.uniform(-1.5, 1.5, s) for s in shapes]
    names: list[str] = []
    with tf.Graph().as_default():
        xs = [tf.compat.v1.placeholder(tf.float64, s) for s in shapes]
        y = compose(xs, rng, names)
        grads = tf.gradients(y, xs, unconnected_gradients="zero")
        grads = [tf.convert_to_tensor(g) for g in grads]
        on = tf.compile(xs, [y, *grads])
        off = tf.compile(xs, [y, *grads], OFF)
    got, want = on(*values), off(*values)
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)
    ways = [rng.uniform(-1, 1, s) for s in shapes]
    ends = [
        on(*(v + sign * H * w for v, w in zip(values, ways, strict=True)))[0] for sign in (1, -1)
    ]
    difference = (ends[0] - ends[1]) / (2 * H)
    slope = sum(float(np.sum(g * w)) for g, w in zip(got[1:], ways, strict=True))
    assert abs(slope - difference) <= 2e-6 * max(1.0, abs(difference), float(np.abs(got[0]))), (
        f"slope {slope}, differences {difference}"
    )
    return names


@pytest.mark.parametrize("first", range(0, PROGRAMS, BATCH))
def test_random_programs(first: int) -> None:
    for seed in range(first, first + BATCH):
        try:
            check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error


def test_every_step_occurs() -> None:
    rng = np.random.default_rng(0)
    names: list[str] = []
    with tf.Graph().as_default():
        for _ in range(400):
            compose([tf.compat.v1.placeholder(tf.float64, [2, 3])] * 2, rng, names)
    assert {*STEPS, *PAIRS} - set(names) == set()


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("n", [1, 5, 513, 20_001])
def test_sines_beside_cosines_of_the_same_values(dtype: tf.DType, n: int) -> None:
    """One kernel gives both; huge arguments and arguments that die there are part of it."""
    rng = np.random.default_rng(n)
    x = rng.uniform(-4, 4, n).astype(dtype.as_numpy_dtype)
    x[:: max(1, n // 3)] *= 1e7

    @tf.function
    def f(x: tf.Tensor) -> list[tf.Tensor]:
        y = x * 0.5
        z = tf.sin(y) * tf.cos(x) + tf.cos(y)
        return [z, tf.sin(x), tf.gradients(z, x)[0]]

    z, sin, slope = (v.numpy() for v in f(tf.constant(x)))
    wide = x.astype(np.longdouble)
    half = (x * x.dtype.type(0.5)).astype(np.longdouble)
    tolerance = 4 * np.finfo(x.dtype).eps
    np.testing.assert_allclose(sin, np.sin(wide), rtol=0, atol=tolerance)
    want = np.sin(half) * np.cos(wide) + np.cos(half)
    np.testing.assert_allclose(z, want, rtol=0, atol=tolerance)
    want = 0.5 * np.cos(half) * np.cos(wide) - np.sin(half) * np.sin(wide) - 0.5 * np.sin(half)
    np.testing.assert_allclose(slope, want, rtol=0, atol=tolerance)
