"""Many threads on one compiled function, one session, one tf.function."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import wengert as tf

THREADS, CALLS = 8, 40


def hammer(call: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, range(THREADS * CALLS)))


def test_compiled_function() -> None:
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float64, [None])
        f = tf.compile([x], tf.gradients(tf.reduce_sum(x * x * x), x))
    for i, (got,) in enumerate(hammer(lambda i: f(np.arange(float(i % 7 + 1)) + i))):
        np.testing.assert_allclose(got, 3 * (np.arange(float(i % 7 + 1)) + i) ** 2)


def test_session() -> None:
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [])
        ys = [x * float(k) for k in range(5)]
        session = tf.compat.v1.Session()
        got = hammer(lambda i: session.run(ys[i % 5], {x: float(i)}))
    assert got == [float(i * (i % 5)) for i in range(THREADS * CALLS)]


def test_function_traced_once() -> None:
    traces = []

    @tf.function
    def f(x: Any) -> Any:
        traces.append(x)
        return tf.gradients(tf.sin(x), x)[0]

    got = hammer(lambda i: f(tf.constant(float(i))).numpy())
    np.testing.assert_allclose(got, np.cos(np.arange(THREADS * CALLS)), rtol=1e-5, atol=1e-6)
    assert len(traces) == 1


def test_building_graphs_side_by_side() -> None:
    def build(i: int) -> str:
        with tf.Graph().as_default():
            x = tf.constant(float(i), name="x")
            return str(tf.gradients(x * x, x)[0].name)

    assert set(hammer(build)) == {"gradients/AddN:0"}
