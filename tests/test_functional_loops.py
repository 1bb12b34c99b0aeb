"""TensorArray and functional loops: values, gradients, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from control_cases import both, check_gradient, run

import wengert as tf

# --- TensorArray ------------------------------------------------------------------------------


def test_tensor_array_methods() -> None:
    def f(x: Any) -> Any:
        ta = tf.TensorArray(tf.float32, size=3, clear_after_read=False).unstack(x)
        grown = tf.TensorArray(tf.float32, size=0, dynamic_size=True).write(2, 5.0)
        parts = tf.TensorArray(tf.float32, size=2, infer_shape=False, clear_after_read=False).split(
            x, [1, 2]
        )
        scattered = tf.TensorArray(tf.float32, size=3).scatter([2, 0, 1], x)
        return [
            ta.read(1), ta.stack(), ta.gather([2, 0]), ta.size(), grown.stack(), grown.size(),
            parts.read(1), parts.concat(), scattered.stack(),
        ]  # fmt: skip

    x = np.array([1.0, 2.0, 3.0], np.float32)
    want = [2.0, x, [3.0, 1.0], 3, [0, 0, 5.0], 3, [2.0, 3.0], x, [2.0, 3.0, 1.0]]
    for got in (both(f, x), f(tf.constant(x))):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(np.asarray(a), b)


def test_tensor_array_gradients() -> None:
    def f(x: Any) -> Any:
        ta = tf.TensorArray(tf.float64, size=3).unstack(x * x)
        other = tf.TensorArray(tf.float64, size=2).write(0, ta.read(1)).write(1, x[0] * x[2])
        parts = tf.TensorArray(tf.float64, size=2, infer_shape=False).split(tf.sin(x), [1, 2])
        moved = tf.TensorArray(tf.float64, size=3).scatter([2, 0, 1], x)
        return (
            tf.reduce_sum(other.stack() ** 2) + tf.reduce_sum(parts.concat() ** 2)
            + tf.reduce_sum(moved.gather([0, 2]) ** 3)
        )  # fmt: skip

    check_gradient(f, [0.4, 1.1, -0.7], order=2)


def test_tensor_array_in_a_loop() -> None:
    def f(x: Any) -> Any:
        ta = tf.TensorArray(x.dtype, size=4)
        _, ta = tf.while_loop(
            lambda i, t: i < 4,
            lambda i, t: (i + 1, t.write(i, x * tf.cast(i, x.dtype) ** 2)),
            [0, ta],
        )
        return ta.stack() ** 2

    check_gradient(f, 1.5, order=2)
    np.testing.assert_allclose(f(tf.constant(1.5)), both(lambda x: [f(x)], np.float32(1.5))[0])


def test_errors_of_tensor_array() -> None:
    ta = tf.TensorArray(tf.float32, size=2)
    with pytest.raises(tf.errors.OutOfRangeError, match="Tried to read from index 5"):
        ta.read(5)
    with pytest.raises(tf.errors.OutOfRangeError, match="not resizeable"):
        ta.write(5, 1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="dtype"):
        ta.write(0, tf.constant(1))
    with pytest.raises(ValueError, match="Incompatible shape"):
        ta.write(0, [1.0]).write(1, [1.0, 2.0])
    once = tf.TensorArray(tf.float32, size=1).unstack([1.0])
    once.read(0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="cleared"):
        once.read(0)
    with pytest.raises(ValueError, match="Size must be declared"):
        tf.TensorArray(tf.float32)
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match="Inconsistent shapes"):
            tf.TensorArray(tf.float32, 2).write(0, [1.0]).write(1, [1.0, 2.0])
        with pytest.raises(ValueError, match="must be provided"):
            tf.TensorArray(tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(lambda: tf.TensorArray(tf.float32, 2, element_shape=[]).read(tf.constant(5)))


# --- map_fn, scan, foldl, foldr, vectorized_map -------------------------------------------------


def test_map_fn() -> None:
    x = np.arange(6, dtype=np.float32).reshape(3, 2)

    def f(x: Any) -> Any:
        a = tf.map_fn(lambda r: tf.reduce_sum(r) ** 2, x)
        b = tf.map_fn(
            lambda t: {"s": t[0] + 1.0, "n": tf.size(t[1])}, (x, x),
            fn_output_signature={"s": tf.float32, "n": tf.int32},
        )  # fmt: skip
        return [a, b["s"], b["n"]]

    for got in (both(f, x), f(tf.constant(x))):
        np.testing.assert_allclose(np.asarray(got[0]), x.sum(1) ** 2)
        np.testing.assert_allclose(np.asarray(got[1]), x + 1)
        np.testing.assert_array_equal(np.asarray(got[2]), [2, 2, 2])
    check_gradient(lambda x: tf.map_fn(lambda r: tf.reduce_sum(r * r * r), x), x + 0.5, order=2)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("start", [None, 2.0])
def test_scan(reverse: bool, start: float | None) -> None:
    x = np.array([1.5, 2.0, 0.5])

    def f(x: Any) -> Any:
        initial = None if start is None else tf.constant(start, x.dtype)
        return tf.scan(lambda a, b: a * b + b, x, initializer=initial, reverse=reverse)

    order = x[::-1] if reverse else x
    want, a = [], start
    for b in order:
        a = b if a is None else a * b + b
        want.append(a)
    if reverse:
        want.reverse()
    for got in (both(lambda x: [f(x)], x)[0], f(tf.constant(x)).numpy()):
        np.testing.assert_allclose(got, want)
    check_gradient(f, x, order=2)


def test_foldl_and_foldr() -> None:
    x = np.array([1.5, 2.0, 0.5])

    def f(x: Any) -> Any:
        step = lambda a, b: a * b + b  # noqa: E731
        return [
            tf.foldl(step, x), tf.foldr(step, x),
            tf.foldl(step, x, initializer=tf.constant(1.0, tf.float64)),
            tf.foldr(step, x, initializer=tf.constant(1.0, tf.float64)),
        ]  # fmt: skip

    want = [3.0, 4.5, 3.5, 6.0]
    want = [(1.5 * 2 + 2) * 0.5 + 0.5, (0.5 * 2 + 2) * 1.5 + 1.5,
            ((1.5 + 1.5) * 2 + 2) * 0.5 + 0.5, ((0.5 + 0.5) * 2 + 2) * 1.5 + 1.5]  # fmt: skip
    np.testing.assert_allclose(both(f, x), want)
    np.testing.assert_allclose([v.numpy() for v in f(tf.constant(x))], want)
    check_gradient(lambda x: tf.add_n(f(x)), x, order=2)


def test_unknown_length() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)], autograph=False)
    def f(x: Any) -> Any:
        y = tf.map_fn(lambda r: tf.reduce_sum(r * r), x)
        return y, tf.gradients(y, x)[0]

    for n in (0, 1, 4):
        x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
        y, g = f(tf.constant(x))
        np.testing.assert_allclose(y, (x * x).sum(1))
        np.testing.assert_allclose(g, 2 * x)


ROWS = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
MATRICES = np.arange(24, dtype=np.float32).reshape(3, 2, 4) / 11
WEIGHTS = np.arange(20, dtype=np.float32).reshape(4, 5) / 9


@pytest.mark.parametrize(
    ("fn", "elems"),
    [
        (lambda r: tf.reduce_sum(r * r), ROWS),
        (lambda r: tf.matmul(r[None], WEIGHTS)[0], ROWS),
        (lambda r: r[:, None] * r, ROWS),
        (lambda r: tf.reduce_sum(r) * tf.constant(WEIGHTS), ROWS),
        (lambda m: tf.matmul(m, WEIGHTS), MATRICES),
        (lambda t: (t[0] + 1.0, tf.matmul(t[1], t[0][:, None])), (ROWS, MATRICES)),
        (lambda r: tf.constant(WEIGHTS), ROWS),
        (lambda i: tf.gather(WEIGHTS, i, axis=1), np.array([0, 2, 1])),
        (lambda r: tf.stack([r, r * 2.0, tf.constant(WEIGHTS)[:, 0]], 1), ROWS),
        (lambda r: tf.concat([r, tf.constant(WEIGHTS)[:, 1]], 0), ROWS),
        (lambda m: tf.reshape(tf.transpose(m), [-1, 2])[1:, ::-1], MATRICES),
        (lambda r: tf.where(r > 0.5, r, 0.0), ROWS),
        (lambda r: tf.nn.softmax(r), ROWS),
        (lambda m: tf.einsum("ij,jk->ik", m, WEIGHTS), MATRICES),
        (lambda m: m - tf.reduce_mean(m, axis=0, keepdims=True), MATRICES),
        (lambda r: tf.cumsum(r, reverse=True), ROWS),
        (lambda r: tf.cond(r[0] > 1.0, lambda: r, lambda: -r), ROWS),  # by a loop
    ],
)
def test_vectorized_map(fn: Any, elems: Any) -> None:
    as_tensors = tf.nest.map_structure(tf.constant, elems)
    rows = [
        fn(tf.nest.map_structure(lambda e: e[i], as_tensors))  # noqa: B023
        for i in range(3)
    ]
    want = tf.nest.map_structure(lambda *r: np.stack([v.numpy() for v in r]), *rows)
    got = tf.vectorized_map(fn, as_tensors, warn=False)
    for a, b in zip(tf.nest.flatten(got), tf.nest.flatten(want), strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-5)


def test_vectorized_map_has_no_loop() -> None:
    with tf.Graph().as_default() as graph:
        x = tf.constant(ROWS)
        y = tf.vectorized_map(lambda r: tf.reduce_sum(tf.sin(r)), x)
        g = tf.gradients(y, x)[0]
        assert not [op for op in graph.get_operations() if "While" in op.type]
        with tf.compat.v1.Session() as session:
            np.testing.assert_allclose(session.run(g), np.cos(ROWS), rtol=1e-6)


def test_errors_of_functional_loops() -> None:
    x = tf.constant(ROWS)
    for loop in (tf.map_fn, tf.scan, tf.foldl, tf.foldr):
        with pytest.raises(TypeError, match="callable"):
            loop(3, x)
        with pytest.raises(ValueError, match="dimensional"):
            loop(lambda *a: a[0], tf.constant(1.0))
    with pytest.raises(ValueError, match="not compatible"):
        tf.map_fn(lambda t: t[0], (x, tf.zeros([5])), fn_output_signature=tf.float32)
    with pytest.raises(ValueError, match="No pfor vectorization"):
        tf.vectorized_map(
            lambda r: tf.cond(r[0] > 1.0, lambda: r, lambda: -r), x, fallback_to_while_loop=False
        )
