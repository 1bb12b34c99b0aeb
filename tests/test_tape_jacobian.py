"""GradientTape.jacobian and batch_jacobian."""

from __future__ import annotations

import numpy as np
import pytest
from test_tape import values

import wengert as tf


def test_jacobian():
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.stack([x[0] * x[1], x[2] ** 2])
    want = [[2.0, 1.0, 0.0], [0.0, 0.0, 6.0]]
    assert values(tape.jacobian(y, x)) == want
    assert values(tape.jacobian(y, x, experimental_use_pfor=False, parallel_iterations=3)) == want
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert values(tape.jacobian(y, [x])) == [np.diag([2.0, 4.0, 6.0]).tolist()]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.jacobian(y, x, experimental_use_pfor=False)


def test_jacobian_of_what_is_not_connected():
    x, u = tf.constant([1.0, 2.0]), tf.constant([1.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, u])
        y = x * x
    assert values(tape.jacobian(y, [x, u])) == [[[2.0, 0.0], [0.0, 4.0]], None]
    assert values(tape.jacobian(y, u, unconnected_gradients="zero")) == [[0.0], [0.0]]


def test_batch_jacobian():
    x = tf.constant(np.arange(6.0, dtype=np.float32).reshape(2, 3))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        wrong = tf.reshape(y, [3, 2])
        other = tf.ones([2, 2])
    found = tape.batch_jacobian(y, x)
    want = np.stack([np.diag(2 * row) for row in np.arange(6.0).reshape(2, 3)])
    np.testing.assert_allclose(found.numpy(), want)
    assert tape.batch_jacobian(other, x).shape.as_list() == [2, 2, 3]
    with pytest.raises(ValueError, match="Need first dimension of target shape"):
        tape.batch_jacobian(wrong, x)
    with pytest.raises(ValueError, match="must have rank at least 2"):
        tape.batch_jacobian(tf.reduce_sum(y, 1), x)


def test_jacobian_is_recorded_by_the_tape_around():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(x**3)
        g = inner.gradient(y, x)
    assert values(outer.jacobian(g, x)) == [[6.0, 0.0], [0.0, 12.0]]


def test_batch_jacobian_of_a_batch_of_unknown_length():
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x[:, :2] * x[:, 1:]
        return tape.batch_jacobian(y, x)

    found = f(tf.constant([[1.0, 2.0, 3.0]] * 4)).numpy()
    assert found.shape == (4, 2, 3)
    np.testing.assert_allclose(found[3], [[2, 1, 0], [0, 3, 2]])


def test_jacobian_of_nothing():
    x, z, v = tf.constant([1.0, 2.0]), tf.zeros([0]), tf.Variable([[1.0, 2.0, 3.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, z])
        y = z * 2.0
    shapes = [j.shape.as_list() for j in tape.jacobian(y, [x, z, v])]
    assert shapes == [[0, 2], [0, 0], [0, 1, 3]]
