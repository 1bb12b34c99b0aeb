"""GradientTape around functions, inside functions and inside graphs."""

from __future__ import annotations

import threading

import numpy as np
from test_tape import values

import wengert as tf


def test_function_under_a_tape():
    w = tf.Variable([2.0, 3.0])

    @tf.function
    def f(x):
        return tf.sin(x) * w, tf.reduce_sum(w * w)

    x = tf.constant([0.5, 1.0])
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, n = f(x)
        gx, gw = tape.gradient([y, n], [x, w])
        np.testing.assert_allclose(gx.numpy(), np.cos([0.5, 1.0]) * [2, 3], rtol=1e-6)
        np.testing.assert_allclose(gw.numpy(), np.sin([0.5, 1.0]) + np.array([4, 6]), rtol=1e-6)


def test_function_keeps_what_it_drew():
    @tf.function
    def f(x):
        return x * tf.raw_ops.RandomUniform(shape=[4], dtype=tf.float32)

    x = tf.ones([4])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), y.numpy())


def test_function_keeps_the_value_that_it_read():
    v = tf.Variable(3.0)

    @tf.function
    def f(x):
        return x * v

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    v.assign(100.0)
    assert values(tape.gradient(y, [x, v])) == [3.0, 2.0]


def test_second_order_through_a_function():
    @tf.function
    def f(x):
        return tf.exp(x) * x

    x = tf.constant(0.5)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        g = inner.gradient(y, x)
    h = outer.gradient(g, x)
    np.testing.assert_allclose([float(g), float(h)], np.exp(0.5) * np.array([1.5, 2.5]), rtol=1e-6)


def test_inside_a_function():
    v = tf.Variable(3.0)

    @tf.function
    def f(x):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.sin(x) * v
            g = inner.gradient(y, x)
        return g, outer.gradient(g, x), outer.gradient(y, v), outer.jacobian(y, x)

    g, h, gv, j = f(tf.constant([0.5, 1.0]))
    s, c = np.sin([0.5, 1.0]), np.cos([0.5, 1.0])
    np.testing.assert_allclose(g.numpy(), 3 * c, rtol=1e-6)
    np.testing.assert_allclose(h.numpy(), -3 * s, rtol=1e-6)
    np.testing.assert_allclose(gv.numpy(), s.sum(), rtol=1e-6)
    np.testing.assert_allclose(j.numpy(), np.diag(3 * c), rtol=1e-6)


def test_inside_a_graph():
    with tf.Graph().as_default():
        v = tf.compat.v1.Variable(3.0)
        x = tf.compat.v1.placeholder(tf.float32, [None])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * x * v
        gx, gv = tape.gradient(y, [x, v])
        with tf.compat.v1.Session() as session:
            session.run(v.initializer)
            a, b = session.run([gx, gv], {x: [1.0, 2.0]})
    assert a.tolist() == [6.0, 12.0]
    assert b == 5.0


def test_names_in_a_graph():
    with tf.Graph().as_default() as graph:
        x = tf.constant([0.5, 1.0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            with tf.name_scope("a"):
                y = tf.sin(x) * 2.0
        tape.gradient(y, x)
        names = [op.name for op in graph.get_operations()]
    assert names[-4:] == [
        "ones", "gradient_tape/a/mul/Mul", "gradient_tape/a/Cos", "gradient_tape/a/mul",
    ]  # fmt: skip


def test_threads_share_functions_with_gradients_in_python():
    @tf.custom_gradient
    def square(x):
        def grad(dy):
            return dy * x * 2.0

        return x * x, grad

    wrong = []
    for _ in range(5):
        f = tf.function(
            lambda x: square(x) * tf.sin(x)
        )  # new: all threads differentiate it at once
        f(tf.constant(1.0))
        barrier = threading.Barrier(4)

        def work(f=f, barrier=barrier):
            barrier.wait(20)
            x = tf.constant(0.5)
            for _ in range(5):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = f(x)
                g = float(tape.gradient(y, x))
                if abs(g - (np.sin(0.5) + 0.25 * np.cos(0.5))) > 1e-5:
                    wrong.append(g)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        assert not any(t.is_alive() for t in threads)
    assert not wrong


def test_control_flow_under_a_tape():
    @tf.function
    def f(x, n):
        y = tf.cond(tf.reduce_sum(x) > 0.0, lambda: x * 2.0, lambda: x)
        return tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * x), [0, y])[1]

    x = tf.constant([2.0, 3.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x, tf.constant(3))
        g = tape.gradient(y, x)
    np.testing.assert_allclose(y.numpy(), 2 * np.array([2.0, 3.0]) ** 4)
    np.testing.assert_allclose(g.numpy(), 8 * np.array([2.0, 3.0]) ** 3)
    np.testing.assert_allclose(outer.gradient(g, x).numpy(), 24 * np.array([2.0, 3.0]) ** 2)


def test_control_flow_eagerly_and_in_a_tape_in_a_function():
    def g(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x), [0, x])[1]
        return tape.gradient(y, x)

    x = tf.constant(2.0)
    assert float(g(x)) == 32.0
    assert float(tf.function(g)(x)) == 32.0
