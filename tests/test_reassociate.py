"""The option `reassociate`: sums and products in normal form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import wengert as tf

WEIGHTS = [np.random.default_rng(i).normal(size=s) for i, s in enumerate([(1, 8), (8, 8), (8, 1)])]


def bell(x: Any) -> Any:
    return tf.sin(x) * tf.exp(-x * x)


def network(x: Any) -> Any:
    h = x[:, None]
    for w in WEIGHTS[:-1]:
        h = tf.tanh(h @ tf.constant(w))
    return (h @ tf.constant(WEIGHTS[-1]))[:, 0]


def derivative(f: Any, order: int, **options: bool) -> tuple[Any, int]:
    """The compiled nth derivative and the instructions it runs."""
    x = np.linspace(-1, 1, 16)
    with tf.Graph().as_default():
        point = tf.compat.v1.placeholder(tf.float64, [16])
        y = f(point)
        for _ in range(order):
            (y,) = tf.gradients(y, [point])
        compiled = tf.compile([point], [y], options)
    text = tf.explain(compiled, x)
    program = text[text.index("== after fuse") : text.index("== plan")]
    lines = [line for line in program.splitlines() if " = " in line]
    skipped = ("load", "store", "Input", "Const", "Fused", "Reshape")
    return compiled, sum(not any(f"= {s}" in line for s in skipped) for line in lines)


def bell_taylor(x: float, order: int) -> float:
    """order! times the coefficient of t^order in sin(x + t) exp(-(x + t)^2)."""
    n = order + 1
    sine = [math.sin(x + k * math.pi / 2) / math.factorial(k) for k in range(n)]
    # e' = -2 (x + t) e
    e = [math.exp(-x * x)]
    for k in range(1, n):
        e.append((-2 * x * e[k - 1] - (2 * e[k - 2] if k > 1 else 0)) / k)
    return math.factorial(order) * sum(sine[k] * e[order - k] for k in range(n))


def test_derivatives_of_a_product_are_right() -> None:
    x = np.linspace(-1, 1, 16)
    for order in range(1, 8):
        want = np.array([bell_taylor(v, order) for v in x])
        (got,) = derivative(bell, order, reassociate=True)[0](x)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-13 * np.abs(want).max())


def test_work_of_a_product_grows_linearly() -> None:
    steps = [derivative(bell, order, reassociate=True)[1] for order in range(1, 9)]
    assert max(np.diff(steps)) <= 8, steps
    assert steps[-1] < 60, steps


def test_networks_keep_their_derivatives() -> None:
    x = np.linspace(-1, 1, 16)
    for order in range(1, 6):
        (want,) = derivative(network, order)[0](x)
        compiled, steps = derivative(network, order, reassociate=True)
        (got,) = compiled(x)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * np.abs(want).max())
        assert steps <= derivative(network, order)[1]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "complex64"])
def test_values_of_random_expressions(dtype: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        with tf.Graph().as_default():
            a, b = (tf.compat.v1.placeholder(dtype, [2, 3]) for _ in range(2))
            terms = [a, b, a * b, a - 3 * b, -a]
            for _ in range(8):
                i, j = rng.integers(len(terms), size=2)
                op = rng.integers(4)
                x, y = terms[i], terms[j]
                terms.append(
                    [x + y, x - y, x * y, tf.matmul(x, y, transpose_b=True)[:, :1] * x][op]
                )
            outputs = [terms[-1], tf.reduce_sum(terms[-2], 0), terms[-3]]
            plain = tf.compile([a, b], outputs)
            other = tf.compile([a, b], outputs, {"reassociate": True})
        feeds = [rng.integers(-2, 3, size=(2, 3)).astype(dtype) for _ in range(2)]
        for got, want in zip(other(*feeds), plain(*feeds), strict=True):
            assert (got.dtype, got.shape) == (want.dtype, want.shape)
            scale = max(1.0, float(np.abs(want.astype("complex128")).max()))
            bound = {"float16": 2e-2, "float32": 1e-4, "complex64": 1e-4}.get(dtype, 1e-12)
            if np.isfinite(scale):
                np.testing.assert_allclose(got, want, rtol=0, atol=bound * scale)


def test_cancelling_terms_and_constants() -> None:
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [3])
        y = (x + 1) * (x + 1) - x * x - 2 * x
        f = tf.compile([x], [y, x - x, x * 0.0 + 2.0], {"reassociate": True})
    ones, zeros, twos = f(np.array([1, -2, 3], np.float32))
    assert (ones.tolist(), zeros.tolist(), twos.tolist()) == ([1] * 3, [0] * 3, [2] * 3)


def test_effects_and_loops_stay() -> None:
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float64, [])
        _, y = tf.while_loop(
            lambda i, y: i < 3, lambda i, y: (i + 1, y * x + x * y - y), (tf.constant(0), x)
        )
        f = tf.compile([x], [y], {"reassociate": True})
    assert f(np.float64(3.0))[0] == 3.0 * 5.0**3


def test_the_setting_of_the_process() -> None:
    @tf.function
    def f(x: Any) -> Any:
        return x - x

    tf.config.set_reassociation(True)
    try:
        assert tf.config.get_reassociation()
        assert f(tf.constant(np.inf)).numpy() == 0
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            x = tf.compat.v1.placeholder(tf.float32, [])
            assert session.run(x - x, {x: np.inf}) == 0
    finally:
        tf.config.set_reassociation(False)
    assert not tf.config.get_reassociation()
