"""Regions that run tile by tile give what the whole program gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from thread_counts import assert_independent_of_threads

import wengert as tf

v1 = tf.compat.v1
OFF = {
    "fold_constants": False,
    "simplify": False,
    "eliminate_common_subexpressions": False,
    "tile": False,
    "fuse": False,
    "reuse_memory": False,
}


def _weights(*sizes: int, dtype: Any = np.float64) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    weights = []
    for i, o in itertools.pairwise(sizes):
        weights += [rng.normal(size=(i, o)) / np.sqrt(i), rng.normal(size=o)]
    return [w.astype(dtype) for w in weights]


def _net(x: Any, weights: list[Any]) -> Any:
    for w, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = tf.tanh(tf.matmul(x, w) + b)
    return tf.matmul(x, weights[-2]) + weights[-1]


def _pinn(x: Any, t: Any, *weights: Any) -> Any:
    u = _net(tf.concat([x, t], 1), list(weights))
    u_x = tf.gradients(u, x)[0]
    loss = tf.reduce_mean(tf.square(tf.gradients(u_x, x)[0] - tf.gradients(u, t)[0] * u))
    return [loss, u_x, *tf.gradients(loss, weights)]


def _normalised(x: Any, _: Any, *weights: Any) -> Any:
    # The mean over the batch is needed by rows of a later region.
    h = _net(tf.concat([x, x * 2.0], 1), list(weights))
    h = (h - tf.reduce_mean(h, 0)) * tf.math.rsqrt(tf.math.reduce_variance(h, 0) + 1.0)
    h = tf.tanh(tf.matmul(h, tf.ones([1, 30], h.dtype)))
    loss = tf.reduce_max(h) + tf.reduce_sum(tf.matmul(h, h, transpose_b=True))
    return [loss, tf.reduce_min(h, 0), *tf.gradients(loss, weights)]


def _moves(x: Any, t: Any, *weights: Any) -> Any:
    h = _net(tf.concat([x, t], 1), list(weights[:2] + weights[-2:]))
    z = tf.matmul(tf.concat([x, t], 1), weights[0])
    parts = tf.split(z, 3, axis=1)
    h = tf.pad(parts[0], [[0, 0], [1, 1]]) + tf.reshape(h, [-1])[:, tf.newaxis]
    h = tf.reduce_sum(h[:, 1::2] * tf.reverse(parts[2], [1])[:, :1], 1, keepdims=True)
    h = tf.where(h > 0.0, h, tf.cast(tf.cast(t, tf.int32), h.dtype))
    rows = tf.transpose(tf.stack([parts[1], parts[2]], 1), [0, 2, 1])
    h += tf.reduce_sum(tf.matmul(rows, rows, transpose_b=True), [1, 2])[:, tf.newaxis]
    loss = tf.reduce_sum(tf.square(h))
    return [h, loss, *tf.gradients(loss, [x, *weights[:2]])]


def _compiled(program: Callable[..., Any], args: list[np.ndarray], options: Any) -> Any:
    with tf.Graph().as_default():
        inputs = [v1.placeholder(a.dtype, a.shape) for a in args]
        return tf.compile(inputs, program(*inputs), options)


def _args(rows: int, dtype: Any, width: int = 30) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    points = [rng.uniform(-1, 1, (rows, 1)).astype(dtype) for _ in range(2)]
    return points + _weights(2, width, width, width, 1, dtype=dtype)


@pytest.mark.parametrize("rows", [1000, 1017, 4096])
@pytest.mark.parametrize("program", [_pinn, _normalised, _moves])
def test_tiles_agree_with_the_whole(program: Callable[..., Any], rows: int) -> None:
    args = _args(rows, np.float64)
    tiled = _compiled(program, args, {})
    expected = _compiled(program, args, OFF)(*args)
    got = tiled(*args)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * (1 + np.abs(b).max()))
    assert "tiles of" in tf.explain(tiled, *args)


def test_float32() -> None:
    args = _args(3001, np.float32)
    got = _compiled(_pinn, args, {})(*args)
    expected = _compiled(_pinn, [a.astype(np.float64) for a in args], OFF)(
        *[a.astype(np.float64) for a in args]
    )
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * (1 + np.abs(b).max()))


def test_results_do_not_depend_on_threads() -> None:
    args = _args(2500, np.float32)
    f = _compiled(_pinn, args, {})
    assert_independent_of_threads(lambda: f(*args))


def test_memory_is_that_of_a_tile() -> None:
    args = _args(20000, np.float32)
    f = _compiled(_pinn, args, {})
    g = _compiled(_pinn, args, {"tile": False})
    f(*args), g(*args)
    assert 20 * f.executable.stats()["arena_bytes"] < g.executable.stats()["arena_bytes"]


def test_small_batches_are_left_whole() -> None:
    args = _args(50, np.float64)
    f = _compiled(_pinn, args, {})
    assert "tiles of" not in tf.explain(f, *args)


def test_large_layers_are_left_whole() -> None:
    args = _args(1000, np.float32, width=300)
    f = _compiled(_pinn, args, {})
    expected = _compiled(_pinn, args, {"tile": False})(*args)
    for a, b in zip(f(*args), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * (1 + np.abs(b).max()))


def test_masks_are_not_kept() -> None:
    layers = 8
    args = [np.random.default_rng(i).normal(size=(64, 64)) for i in range(layers + 1)]
    with tf.Graph().as_default():
        x, *ws = [v1.placeholder(tf.float64, [64, 64]) for _ in args]
        h = x
        for w in ws:
            h = tf.nn.relu(tf.matmul(h, w))
        f = tf.compile([x, *ws], tf.gradients(tf.reduce_sum(h), ws))
    f(*args)
    # One activation a layer and one more; no comparison made on the way there is stored.
    assert f.executable.stats()["arena_bytes"] <= (layers + 1.5) * 64 * 64 * 8


def test_large_results_reuse_memory() -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [50000])
        f = tf.compile([x], [x * 2.0, tf.reduce_sum(x)])
    a = np.ones(50000, np.float32)
    f(a)
    first, total = f(a)
    kept = f(a * 3)[0]
    assert total == 50000
    np.testing.assert_array_equal(first, a * 2)  # still held, so not written over
    np.testing.assert_array_equal(kept, a * 6)
    assert first.flags.writeable
    where = kept.ctypes.data
    del kept
    assert f(a)[0].ctypes.data == where
