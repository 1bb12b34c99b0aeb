"""How branches and loops run: passes inside them, interruption, accumulated gradients."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import wengert as tf

PASSES = ("fold_constants", "simplify", "hoist", "eliminate_common_subexpressions", "tile", "fuse")


def rnn(x: Any, w: Any, steps: int) -> Any:
    rows = tf.TensorArray(tf.float64, steps).unstack(x)

    def body(i: Any, h: Any, trace: Any) -> Any:
        h = tf.tanh(tf.matmul(h, tf.exp(w) - 1.0) + rows.read(i))
        return i + 1, h, trace.write(i, h)

    state = [0, tf.zeros([2, 3], tf.float64), tf.TensorArray(tf.float64, steps)]
    return tf.while_loop(lambda i, *_: i < steps, body, state)[2].stack()


def unrolled(x: Any, w: Any, steps: int) -> Any:
    h, trace = tf.zeros([2, 3], tf.float64), []
    for i in range(steps):
        h = tf.tanh(tf.matmul(h, tf.exp(w) - 1.0) + x[i])
        trace.append(h)
    return tf.stack(trace)


def gradients_of(f: Callable[..., Any], off: tuple[str, ...] = ()) -> list[Any]:
    rng = np.random.default_rng(5)
    values = [rng.normal(size=(6, 2, 3)), rng.normal(size=(3, 3)) / 2]
    with tf.Graph().as_default():
        x, w = (tf.compat.v1.placeholder(tf.float64, v.shape) for v in values)
        y = f(x, w, 6)
        first = tf.gradients(tf.reduce_sum(y**3), [x, w])
        second = tf.gradients([tf.reduce_sum(g**2) for g in first], [x, w])
        run = tf.compile([x, w], [y, *first, *second], dict.fromkeys(off, False))
        return list(run(*values))


@pytest.mark.parametrize("off", [(), *[(name,) for name in PASSES], PASSES])
def test_loops_are_what_they_unroll_to(off: tuple[str, ...]) -> None:
    for found, expected in zip(gradients_of(rnn, off), gradients_of(unrolled), strict=True):
        assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def test_invariant_work_runs_once() -> None:
    @tf.function
    def f(w: Any) -> Any:
        return tf.while_loop(lambda i, x: i < 9, lambda i, x: (i + 1, x * tf.exp(w)), [0, w])[1]

    text = tf.explain(f, tf.constant([1.0, 2.0]))
    lowered, after = text.split("== after hoist")[0], text.split("== after hoist")[1]
    assert "Exp" in lowered.split("body:")[1]
    assert "Exp" not in after.split("== after")[0].split("body:")[1]


def test_gradient_of_rows_read_in_a_loop_touches_a_row_at_a_time() -> None:
    @tf.function
    def f(x: Any) -> Any:
        return tf.gradients(rnn(x, tf.eye(3, dtype=tf.float64), 50), x)

    text = tf.explain(f, tf.zeros([50, 2, 3], tf.float64))
    last = text.split("== plan")[0].split("== after fuse")[1]
    assert "AddItem" in last
    assert "List{Reserve}" not in last.split("body:")[-1]


def forever(x: Any) -> Any:
    return tf.while_loop(lambda v: v >= 0.0, lambda v: [tf.math.floormod(v + 1.0, 3.0)], [x])[0]


def growing_forever(x: Any) -> Any:
    def body(v: Any, n: Any) -> Any:
        return tf.concat([v, v], 0)[: 3 + n % 2], (n + 1) % 2

    shapes = [tf.TensorShape([None]), tf.TensorShape([])]
    start = [tf.reshape(x, [1]), tf.constant(0)]
    return tf.while_loop(lambda v, n: n >= 0, body, start, shape_invariants=shapes)[0]


def interrupted(call: Callable[[], Any]) -> None:
    # A shell starts background jobs with the signal ignored, and Python leaves that so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("loop", [forever, growing_forever])
def test_ctrl_c_ends_loops(loop: Callable[[Any], Any]) -> None:
    f = tf.function(loop)
    interrupted(lambda: f(tf.constant(1.0)))
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [])
        y = loop(x)
        with tf.compat.v1.Session() as session:
            interrupted(lambda: session.run(y, {x: 1.0}))
        run = tf.compile([x], [y])
        interrupted(lambda: run(np.float32(1)))


def test_ctrl_c_leaves_variables_alone() -> None:
    v = tf.Variable(1.0)

    @tf.function
    def f(start: Any) -> Any:
        def body(i: Any) -> Any:
            v.assign_add(1.0)
            return [tf.math.floormod(i + 1.0, 3.0)]

        return tf.while_loop(lambda i: i >= 0.0, body, [start])

    interrupted(lambda: f(tf.constant(0.0)))
    assert v.numpy() == 1.0
    f(tf.constant(-1.0))
    assert v.numpy() == 1.0


def test_rows_of_a_tensor_read_in_a_loop() -> None:
    def sliced(x: Any, w: Any, steps: int) -> Any:
        def body(i: Any, h: Any) -> Any:
            return i + 1, tf.tanh(tf.matmul(h, w) + x[i] * x[(i * 2) % steps])

        return tf.while_loop(lambda i, _: i < steps, body, [0, tf.zeros([2, 3], tf.float64)])[1]

    def flat(x: Any, w: Any, steps: int) -> Any:
        h = tf.zeros([2, 3], tf.float64)
        for i in range(steps):
            h = tf.tanh(tf.matmul(h, w) + x[i] * x[(i * 2) % steps])
        return h

    for found, expected in zip(gradients_of(sliced), gradients_of(flat), strict=True):
        assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def test_few_rows_among_many_are_added_in_place() -> None:
    x = np.random.default_rng(1).normal(size=(40, 3))

    @tf.function
    def f(v: Any) -> Any:
        y = tf.add_n([v[i] * v[i + 7] for i in range(0, 33, 3)]) + tf.reduce_sum(v[2:5], 0)
        return tf.gradients(y, v)[0]

    expected = np.zeros_like(x)
    for i in range(0, 33, 3):
        expected[i] += x[i + 7]
        expected[i + 7] += x[i]
    expected[2:5] += 1
    assert_allclose(f(tf.constant(x)), expected, rtol=1e-14, atol=1e-15)
    text = tf.explain(f, tf.constant(x)).split("== plan")[0].split("== after fuse")[1]
    assert text.count("Pad") <= 1


def test_a_loop_keeps_what_is_needed_beside_it() -> None:
    """Variables written over where they are read, with initial values that others need."""

    @tf.function
    def f(x: Any, n: Any) -> Any:
        def body(i: Any, a: Any, b: Any) -> Any:
            return i + 1, tf.tensor_scatter_nd_add(a, [[i % 3]], [b[0]]), b * 2.0 + a

        _, a, b = tf.while_loop(lambda i, *_: i < n, body, [0, x, x])
        return x, a, b

    for n in range(5):
        start = np.array([1.0, -2.0, 0.5])
        a, b = start.copy(), start.copy()
        for i in range(n):
            fresh = a.copy()
            fresh[i % 3] += b[0]
            a, b = fresh, b * 2 + a
        results = f(tf.constant(start), tf.constant(n))
        for found, expected in zip(results, (start, a, b), strict=True):
            assert_allclose(found, expected)
