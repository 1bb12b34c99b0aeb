"""Python functions as operations: py_function, numpy_function, compat.v1.py_func."""

from __future__ import annotations

import threading
import traceback

import numpy as np
import pytest
from test_custom_gradient import MODES, in_graph

import wengert as tf


@pytest.mark.parametrize("run", MODES)
def test_py_function(run):
    def body(x):
        y = tf.py_function(lambda t: t * t, [x], tf.float32)
        y.set_shape([2])
        return [y, *tf.gradients(y, x)]

    y, g = run(body, np.float32([3.0, 4.0]))
    assert y.tolist() == [9.0, 16.0]
    assert g.tolist() == [6.0, 8.0]


def test_py_function_in_a_function_under_a_tape():
    f = tf.function(lambda x: tf.py_function(lambda t: t * t, [x], tf.float32))
    x = tf.constant([3.0, 4.0])
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        assert tape.gradient(y, x).numpy().tolist() == [6.0, 8.0]
    outer = tf.function(lambda x: tf.gradients(f(x), x)[0])
    assert outer(x).numpy().tolist() == [6.0, 8.0]


def test_py_function_eagerly():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, z = tf.py_function(lambda t: [t * t, t + 1.0], [x], [tf.float32, tf.float32])
        w = y * z
    assert float(tape.gradient(w, x)) == 33.0
    assert tf.py_function(lambda t: None, [x], []) == []


def test_py_function_without_results_runs():
    seen = []

    @tf.function
    def f(x):
        tf.py_function(lambda t: seen.append(float(t)), [x], [])
        return x

    f(tf.constant(2.0))
    f(tf.constant(3.0))
    assert seen == [2.0, 3.0]


def raising(x):
    raise LookupError("from inside")


@pytest.mark.parametrize("make", [tf.py_function, tf.numpy_function, tf.compat.v1.py_func])
def test_exceptions_pass_with_their_traceback(make):
    f = tf.function(lambda x: make(raising, [x], tf.float32) + 1.0)
    for _ in range(2):
        with pytest.raises(LookupError, match="from inside") as caught:
            f(tf.constant(1.0))
        lines = "".join(traceback.format_exception(caught.value))
        assert "in raising" in lines
    with pytest.raises(LookupError, match="from inside"):
        make(raising, [tf.constant(1.0)], tf.float32)


def test_interruption_in_a_python_function():
    def interrupted(x):
        raise KeyboardInterrupt

    v = tf.Variable(1.0)

    @tf.function
    def f(x):
        v.assign(5.0)
        return tf.py_function(interrupted, [x], tf.float32)

    with pytest.raises(KeyboardInterrupt):
        f(tf.constant(1.0))
    assert float(v) == 1.0
    assert float(tf.function(lambda x: x + 1.0)(tf.constant(1.0))) == 2.0


def test_numpy_function():
    f = tf.function(lambda x: tf.numpy_function(np.cumsum, [x], tf.float32))
    assert f(tf.constant([1.0, 2.0, 3.0])).numpy().tolist() == [1.0, 3.0, 6.0]

    def body(x):
        y = tf.numpy_function(lambda a: a * 2, [x], tf.float32)
        assert tf.gradients(y, x) == [None]
        return [y]

    assert in_graph(body, np.float32([1.0]))[0].tolist() == [2.0]


@pytest.mark.parametrize(
    ("func", "text"),
    [
        (lambda x: np.float64(3.0), "double, but expects float"),
        (lambda x: (x, x), "returns 2 values, but expects to see 1"),
    ],
)
def test_wrong_results_of_numpy_functions(func, text):
    f = tf.function(lambda x: tf.numpy_function(func, [x], tf.float32))
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        f(tf.constant(1.0))


def test_wrong_results_of_py_functions():
    f = tf.function(lambda x: tf.py_function(lambda t: "foo", [x], tf.float32))
    with pytest.raises(TypeError):
        f(tf.constant(1.0))
    with pytest.raises(ValueError, match="returns 2 values"):
        tf.py_function(lambda t: [t, t], [tf.constant(1.0)], tf.float32)


def test_python_functions_from_several_threads():
    f = tf.function(
        lambda x: tf.gradients(tf.py_function(lambda t: t * t * t, [x], tf.float32), x)[0]
    )
    f(tf.constant(1.0))
    wrong = []

    def work(k):
        for _ in range(30):
            if float(f(tf.constant(float(k)))) != 3.0 * k * k:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_stateful_function_runs_every_time():
    count = []

    def counted(x):
        count.append(1)
        return x

    f = tf.function(
        lambda x: (
            tf.numpy_function(counted, [x], tf.float32),
            tf.numpy_function(counted, [x], tf.float32),
        )
    )
    f(tf.constant(1.0))
    assert len(count) == 2
