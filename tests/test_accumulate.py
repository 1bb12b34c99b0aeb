"""Sums of matrix products, which add themselves up in one place."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import wengert as tf


def values(n, dtype, seed=3):
    r = np.random.RandomState(seed)
    return [(r.randn(6, 17).astype(dtype), r.randn(17, 9).astype(dtype)) for _ in range(n)]


def check(f, args, expected, added=None):
    """`f` in a function, with passes and without."""
    args = [tf.constant(a) for a in args]
    tolerance = 1e-5 if expected.dtype == np.float32 else 1e-13
    np.testing.assert_allclose(tf.function(f)(*args), expected, rtol=0, atol=30 * tolerance)
    if added is not None:
        assert tf.explain(tf.function(f), *args).count(" added") == added


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
def test_in_any_order(dtype, order):
    pairs = values(4, dtype)

    def f(*flat):
        products = [tf.matmul(flat[2 * i], flat[2 * i + 1]) for i in range(4)]
        return tf.add_n([products[i] for i in order])

    check(f, [x for p in pairs for x in p], sum(a @ b for a, b in pairs), 3)


def test_order_of_making_is_kept():
    a = np.random.RandomState(1).randn(8, 8)

    def f(a):
        first = tf.matmul(a, a)
        second = tf.matmul(tf.tanh(a), a)
        third = tf.matmul(tf.sin(a), a, transpose_b=True)
        return (third + first) + (second + tf.matmul(tf.cos(a), a, transpose_a=True))

    expected = np.sin(a) @ a.T + a @ a + np.tanh(a) @ a + np.cos(a).T @ a
    check(f, [a], expected)


def test_products_that_others_read_stay():
    a = np.random.RandomState(2).randn(5, 5)

    def f(a):
        p, q = tf.matmul(a, a), tf.matmul(tf.exp(a), a)
        return tf.stack([p + q, p, q * 2.0])

    check(f, [a], np.stack([a @ a + np.exp(a) @ a, a @ a, np.exp(a) @ a * 2]), 0)

    def twice(a):
        p = tf.matmul(a, a)
        return p + p

    check(twice, [a], 2 * (a @ a), 0)


def test_batches_and_no_depth():
    r = np.random.RandomState(3)
    a, b = r.randn(3, 4, 5), r.randn(3, 5, 6)
    check(lambda a, b: tf.matmul(a, b) + tf.matmul(tf.tanh(a), b), [a, b], (a + np.tanh(a)) @ b, 1)
    shared = r.randn(1, 5, 6)
    check(
        lambda a, b, c: tf.matmul(a, b) + tf.matmul(tf.tanh(a), c),
        [a, b, shared],
        a @ b + np.tanh(a) @ shared,
        1,
    )
    c, d = np.zeros((4, 0)), np.zeros((0, 6))
    check(lambda a, b, c, d: tf.matmul(a[0], b[0]) + tf.matmul(c, d), [a, b, c, d], a[0] @ b[0])


def test_a_variable_of_a_loop():
    r = np.random.RandomState(4)
    xs, ys = r.randn(7, 3, 40).astype("f"), r.randn(7, 3, 50).astype("f")

    def f(xs, ys):
        def body(i, total):
            return i + 1, total + tf.matmul(xs[i], ys[i], transpose_a=True)

        return tf.while_loop(lambda i, _: i < 7, body, [0, tf.ones([40, 50])])[1]

    expected = np.ones((40, 50), "f") + np.einsum("ikm,ikn->mn", xs, ys)
    check(f, [xs, ys], expected, 1)


def test_many_terms_of_large_products_do_not_depend_on_threads():
    r = np.random.RandomState(5)
    xs = [r.randn(40, 300).astype("f") for _ in range(8)]

    def f(*xs):
        return tf.add_n([tf.matmul(x, tf.tanh(x), transpose_a=True) for x in xs])

    args = [tf.constant(x) for x in xs]
    results = []
    for n in (1, 2):
        tf.config.threading.set_intra_op_parallelism_threads(n)
        results.append(np.array(tf.function(f)(*args)))
    tf.config.threading.set_intra_op_parallelism_threads(0)
    np.testing.assert_array_equal(*results)
    check(f, xs, sum(x.T @ np.tanh(x) for x in xs), 7)


def test_a_transposed_right_side_is_turned_around_outside_a_loop():
    r = np.random.RandomState(6)
    x, w = r.randn(6, 80) / 9, r.randn(80, 80) / 9

    def f(x, w, n):
        def body(i, x, y):
            x = tf.tanh(tf.matmul(x, w, transpose_b=True))
            return i + 1, x, y + tf.matmul(x, w, transpose_b=True)

        return tf.while_loop(lambda i, *_: i < n, body, [0, x, tf.zeros_like(x)])[2]

    y, h = np.zeros_like(x), x
    for _ in range(5):
        h = np.tanh(h @ w.T)
        y = y + h @ w.T
    check(f, [x, w, np.int32(5)], y)
    check(f, [x, w, np.int32(0)], np.zeros_like(x))
    text = tf.explain(tf.function(f), *map(tf.constant, (x, w, np.int32(5))))
    assert "6x80x80 NT" not in text
    assert "6x80x80 NN" in text

    def step(x, w):
        loss = tf.reduce_sum(tf.square(f(x, w, 5)))
        return tf.gradients(loss, w)[0]

    gradient = np.array(tf.function(step)(tf.constant(x), tf.constant(w)))
    turn = r.randn(80, 80)
    with_w = [
        tf.function(lambda w: tf.reduce_sum(tf.square(f(tf.constant(x), w, 5))))(
            tf.constant(w + s * 1e-6 * turn)
        )
        for s in (1, -1)
    ]
    numeric = (np.array(with_w[0]) - np.array(with_w[1])) / 2e-6
    np.testing.assert_allclose(np.sum(gradient * turn), numeric, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["f", "d"])
def test_several_products_with_one_transposed_right_side(dtype):
    r = np.random.RandomState(7)
    x, w = r.randn(5, 70).astype(dtype), (r.randn(70, 70) / 9).astype(dtype)

    def f(x, w):
        for _ in range(4):
            x = tf.tanh(tf.matmul(x, w, transpose_b=True))
        return x

    expected = x
    for _ in range(4):
        expected = np.tanh(expected @ w.T)
    check(f, [x, w], expected)
    text = tf.explain(tf.function(f), tf.constant(x), tf.constant(w))
    assert text.count("gemm 5x70x70 NN") == 4
