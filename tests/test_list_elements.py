"""Elements of lists that loops make in the list's memory and read there."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as tf

ops = tf.raw_ops


def empty(shape=(), most=-1):
    return ops.EmptyTensorList(
        element_shape=tf.constant(list(shape), tf.int32)
        if shape is not None
        else tf.constant(-1, tf.int32),
        max_num_elements=tf.constant(most, tf.int32),
        element_dtype=tf.float32,
    )


def push(handle, x):
    return ops.TensorListPushBack(input_handle=handle, tensor=x)


def pop(handle, shape):
    return ops.TensorListPopBack(
        input_handle=handle,
        element_shape=tf.constant(list(shape), tf.int32),
        element_dtype=tf.float32,
    )


def loop(n, body, *values):
    """`body(i, *values)` for i < n."""
    last = tf.while_loop(
        lambda i, *_: i < n, lambda i, *v: (i + 1, *body(i, *v)), [tf.constant(0), *values]
    )
    return last[1:]


def rows(n, shape, seed=0):
    return np.random.RandomState(seed).randn(n, *shape).astype("f")


@pytest.mark.parametrize("shape", [(5,), (3, 7), (0,), ()])
def test_what_is_pushed_comes_back(shape):
    xs = rows(9, shape)

    @tf.function
    def f(xs):
        def forward(i, handle):
            y = tf.tanh(tf.gather(xs, i)) * 2.0
            return (push(handle, y),)

        (handle,) = loop(9, forward, empty(shape))

        def back(i, handle, total):
            rest, y = pop(handle, shape)
            return rest, total * 0.5 + tf.exp(y)

        rest, total = loop(9, back, handle, tf.zeros(shape))
        return total, ops.TensorListLength(input_handle=rest)

    expected = np.zeros(shape, "f")
    for x in xs[::-1]:
        expected = expected * np.float32(0.5) + np.exp(np.tanh(x) * 2)
    for _ in range(2):
        total, length = f(tf.constant(xs))
        np.testing.assert_allclose(total, expected, rtol=2e-5)
        assert length == 0


def test_one_value_in_two_lists_and_a_variable():
    @tf.function
    def f(x):
        def body(i, a, b, x):
            y = tf.sin(x) + 1.0
            return push(a, y), push(b, y), y

        a, b, last = loop(6, body, empty((4,)), empty((4,)), x)
        stacked = [
            ops.TensorListStack(
                input_handle=h,
                element_shape=tf.constant([4]),
                element_dtype=tf.float32,
                num_elements=6,
            )
            for h in (a, b)
        ]
        return (*stacked, last)

    x = rows(1, (4,))[0]
    expected = []
    for _ in range(6):
        x = np.sin(x) + np.float32(1)
        expected.append(x)
    a, b, last = f(tf.constant(rows(1, (4,))[0]))
    np.testing.assert_allclose(a, expected, rtol=1e-5)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a[-1], last)


def test_pop_and_push_in_one_iteration():
    xs = rows(5, (3,))

    @tf.function
    def f(xs):
        handle = ops.TensorListFromTensor(tensor=xs, element_shape=tf.constant([3]))

        def body(i, handle, total):
            rest, y = pop(handle, (3,))
            rest, z = pop(rest, (3,))
            merged = y * 2.0 + z
            return push(rest, merged), total + y * z

        handle, total = loop(4, body, handle, tf.zeros([3]))
        return pop(handle, (3,))[1], total

    items, total = list(xs), np.zeros(3, "f")
    for _ in range(4):
        y, z = items.pop(), items.pop()
        items.append(y * 2 + z)
        total = total + y * z
    for got, want in zip(f(tf.constant(xs)), (items[0], total), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_lists_that_others_hold_stay_as_they_were():
    xs = rows(3, (2,))

    @tf.function
    def f(xs, n):
        start = ops.TensorListFromTensor(tensor=xs, element_shape=tf.constant([2]))
        grown = loop(n, lambda i, h, x: (push(h, tf.exp(x)), x * 0.5), start, xs[0])[0]
        again = loop(n, lambda i, h, x: (push(h, tf.sin(x)), x * 0.5), start, xs[1])[0]

        def total(handle):
            return ops.TensorListStack(
                input_handle=handle, element_shape=tf.constant([2]), element_dtype=tf.float32
            )

        return total(start), total(grown), total(again)

    start, grown, again = f(tf.constant(xs), tf.constant(4))
    np.testing.assert_array_equal(start, xs)
    halves = np.float32(0.5) ** np.arange(4, dtype="f")[:, None]
    np.testing.assert_allclose(grown, np.concatenate([xs, np.exp(xs[0] * halves)]), rtol=1e-5)
    np.testing.assert_allclose(again, np.concatenate([xs, np.sin(xs[1] * halves)]), rtol=1e-5)


def test_elements_of_other_shapes():
    @tf.function
    def f(x, n):
        start = push(empty(None), tf.ones([2, 2]))
        handle = loop(n, lambda i, h, x: (push(h, tf.exp(x)), x + 1.0), start, x)[0]

        def back(i, handle, total):
            rest, y = pop(handle, (3,))
            return rest, total * 0.5 + y

        handle, total = loop(n, back, handle, tf.zeros([3]))
        return total, pop(handle, (2, 2))[1]

    x, total = np.float32([0.1, 0.2, 0.3]), np.zeros(3, "f")
    for i in (2, 1, 0):
        total = total * np.float32(0.5) + np.exp(x + np.float32(i))
    got, ones = f(tf.constant(x), tf.constant(3))
    np.testing.assert_allclose(got, total, rtol=1e-5)
    np.testing.assert_array_equal(ones, np.ones((2, 2), "f"))


def test_a_full_list():
    @tf.function
    def f(x, n):
        handle = loop(n, lambda i, h: (push(h, tf.exp(x)),), empty((3,), 2))[0]
        return pop(handle, (3,))[1]

    f(tf.zeros([3]), tf.constant(2))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"[Tt]ried to push item into a full"):
        f(tf.zeros([3]), tf.constant(3))
