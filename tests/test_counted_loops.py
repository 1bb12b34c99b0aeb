"""Loops whose turns are counted beforehand give what asking the condition every time gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1
INT64 = np.iinfo(np.int64)


def loop(start: Any, limit: Any, step: Any, dtype: Any, way: str) -> Any:
    """[last counter, turns] of a loop written so that it is counted, or that it is not."""

    def condition(i: Any, n: Any) -> Any:
        if way == "counted":
            return tf.less(i, limit)
        return tf.logical_and(tf.less(i, limit), tf.less(n, 1000))

    def body(i: Any, n: Any) -> Any:
        return i + step, n + 1

    return tf.while_loop(condition, body, (tf.cast(start, dtype), tf.constant(0)))


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize(
    ("start", "limit", "step"),
    [(0, 10, 1), (0, 10, 3), (0, 0, 1), (5, 2, 1), (-7, 8, 4), (9, 10, 5), (-3, -3, 2)],
)
def test_turns(dtype: Any, start: int, limit: int, step: int) -> None:
    with tf.Graph().as_default():
        first, last = v1.placeholder(dtype, []), v1.placeholder(dtype, [])
        for bound in (tf.constant(limit, dtype), last):
            ways = [
                loop(first, bound, tf.constant(step, dtype), dtype, way)
                for way in ("counted", "asked")
            ]
            call = tf.compile([first, last], [*ways[0], *ways[1]])
            number = dtype.as_numpy_dtype
            got = [np.asarray(a).item() for a in call(number(start), number(limit))]
            turns = len(range(start, limit, step))
            assert got == [start + turns * step, turns] * 2


def test_distances_beyond_the_dtype() -> None:
    # Ended by its body's error, long before the first of 2^63 turns is over.
    with tf.Graph().as_default():
        start = v1.placeholder(tf.int64, [])
        table = tf.constant([1.0])
        out = tf.while_loop(
            lambda i, x: i < INT64.max - 8,
            lambda i, x: (i + 3, x + tf.gather(table, tf.cast(i > INT64.min + 9, tf.int32))),
            (start, tf.constant(0.0)),
        )
        call = tf.compile([start], list(out))
        with pytest.raises(tf.errors.InvalidArgumentError, match="not in"):
            call(np.int64(INT64.min))


def test_gradients_and_counters_used_inside() -> None:
    @tf.function
    def f(x: Any, n: Any) -> Any:
        _, y = tf.while_loop(
            lambda i, y: i < n, lambda i, y: (i + 2, y * x + tf.cast(i, tf.float64)), (0, x)
        )
        return y, tf.gradients(y, x)[0]

    x = 1.25
    y, dy = x, 1.0
    for i in range(0, 7, 2):
        y, dy = y * x + i, dy * x + y
    got = f(tf.constant(x, tf.float64), tf.constant(7))
    np.testing.assert_allclose([float(a) for a in got], [y, dy], rtol=1e-14)


def test_explain_says_so() -> None:
    @tf.function
    def f(x: Any) -> Any:
        return tf.while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, tf.tanh(y)), (0, x))[1]

    assert "counted while" in tf.explain(f, tf.ones([3]))
