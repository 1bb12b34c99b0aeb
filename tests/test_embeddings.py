"""Look-ups of rows, what is computed of them, and updates of the rows: run tile by tile."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from thread_counts import assert_independent_of_threads

import wengert as tf
from wengert import errors

v1 = tf.compat.v1
VOCABULARY, WIDTH, SAMPLES = 500, 128, 6
OFF = {
    "fold_constants": False,
    "simplify": False,
    "eliminate_common_subexpressions": False,
    "tile": False,
    "fuse": False,
}


def _loss(left: Any, right: Any, c: Any, o: Any) -> Any:
    ce, oe = tf.nn.embedding_lookup(left, c), tf.nn.embedding_lookup(right, o)
    s = tf.reduce_sum(tf.expand_dims(ce, 1) * oe, 2)
    return tf.reduce_sum(tf.nn.softplus(-s[:, :1])) + tf.reduce_sum(tf.nn.softplus(s[:, 1:]))


def _gradients(left: Any, right: Any, c: Any, o: Any) -> Any:
    loss = _loss(left, right, c, o)
    parts = tf.gradients(loss, [left, right])
    return [loss, *[0.5 * g.values for g in parts], *[g.indices for g in parts]]


def _arguments(rows: int, dtype: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    tables = [0.1 * rng.normal(size=(VOCABULARY, WIDTH)) for _ in range(2)]
    c, o = (rng.integers(0, VOCABULARY, s).astype(np.int32) for s in [(rows,), (rows, SAMPLES)])
    return [*[t.astype(dtype) for t in tables], c, o]


def _compiled(args: list[np.ndarray], options: Any) -> Any:
    with tf.Graph().as_default():
        inputs = [v1.placeholder(a.dtype, a.shape) for a in args]
        return tf.compile(inputs, _gradients(*inputs), options)


@pytest.mark.parametrize("rows", [128, 130, 500, 1027])
def test_tiles_agree_with_the_whole(rows: int) -> None:
    args = _arguments(rows, np.float64)
    tiled = _compiled(args, {})
    assert "tiles of" in tf.explain(tiled, *args)
    for a, b in zip(tiled(*args), _compiled(args, OFF)(*args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_results_do_not_depend_on_threads() -> None:
    args = _arguments(1000, np.float32)
    f = _compiled(args, {})
    assert_independent_of_threads(lambda: f(*args))


@pytest.mark.parametrize("bad", [(0, 0), (200, 3), (999, 5)])
def test_an_index_out_of_range_is_named_by_its_place(bad: tuple[int, int]) -> None:
    args = _arguments(1000, np.float32)
    f = _compiled(args, {})
    o = args[3].copy()
    o[bad] = VOCABULARY + 7
    o[999, 5] = -1 if bad != (999, 5) else o[999, 5]
    message = re.escape(f"indices[{bad[0]},{bad[1]}] = {VOCABULARY + 7} is not in [0, 500)")
    for _ in range(3):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            f(*args[:3], o)
    np.testing.assert_array_equal(f(*args)[1], f(*args)[1])


def test_a_batch_as_large_as_the_table() -> None:  # rows of the table are not rows of the batch
    rng = np.random.default_rng(0)
    table = rng.normal(size=(600, 300))
    indices = rng.integers(0, 600, 600)

    def f(t: Any, i: Any) -> Any:
        rows = tf.gather(t, i)
        y = tf.reduce_sum(tf.square(tf.tanh(rows) - tf.gather(t, 599 - i)), 1)
        return [y, tf.gradients(y, rows)[0]]

    with tf.Graph().as_default():
        inputs = [v1.placeholder(table.dtype, table.shape), v1.placeholder(tf.int64, [600])]
        run = tf.compile(inputs, f(*inputs))
    assert "tiles of" in tf.explain(run, table, indices)
    a, b = np.tanh(table[indices]), table[599 - indices]
    y, dy = run(table, indices)
    np.testing.assert_allclose(y, ((a - b) ** 2).sum(1), rtol=1e-12)
    np.testing.assert_allclose(dy, 2 * (a - b) * (1 - a * a), rtol=1e-10, atol=1e-12)


def test_picks_along_the_batch() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 50))
    labels = rng.integers(0, 50, (4000, 2))

    def f(z: Any, i: Any) -> Any:
        p = z - tf.reduce_logsumexp(z, 1, keepdims=True)
        return [tf.gather(p, i, batch_dims=1), tf.gather(tf.exp(p), 49 - i, batch_dims=1)]

    with tf.Graph().as_default():
        inputs = [v1.placeholder(tf.float64, [4000, 50]), v1.placeholder(tf.int64, [4000, 2])]
        run = tf.compile(inputs, f(*inputs))
    p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    first, second = run(logits, labels)
    np.testing.assert_allclose(first, np.take_along_axis(p, labels, 1), rtol=1e-10)
    np.testing.assert_allclose(second, np.exp(np.take_along_axis(p, 49 - labels, 1)), rtol=1e-10)


@pytest.mark.parametrize("shape", [(40, 300), (7, 1000), (300, 64), (9, 513), (8, 130)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_products_along_rows(shape: tuple[int, int], dtype: Any) -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=shape).astype(dtype)
    b = np.broadcast_to(rng.normal(size=(3, 1, shape[1])), (3, *shape)).astype(dtype)

    def f(x: Any, y: Any) -> Any:
        return [
            tf.reduce_sum(x * y, 2),
            tf.reduce_sum(x * tf.transpose(y, [1, 0, 2])[:, :1], [1, 2]),
            tf.reduce_sum(tf.square(x[::2, 1:]), 1),
            tf.reduce_sum(x[:, :-1] * x[:, 1:], 1, keepdims=True),
        ]

    with tf.Graph().as_default():
        inputs = [v1.placeholder(x.dtype, x.shape) for x in (a, b)]
        outputs = f(inputs[0], inputs[1][:, :1])
        run = tf.compile(inputs, outputs)
    x, c = a.astype(np.float64), b.astype(np.float64)
    expected = [
        (x * c[:, :1]).sum(2),
        (x[None] * c[:, :1].transpose(1, 0, 2)[:, :1]).sum((1, 2)),
        (x[::2, 1:] ** 2).sum(1),
        (x[:, :-1] * x[:, 1:]).sum(1, keepdims=True),
    ]
    scale = 1e-5 if dtype == np.float32 else 1e-13
    for got, want in zip(run(a, b), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=scale, atol=scale * np.sqrt(shape[1]) * 10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.complex64])
def test_long_rows_are_updated_in_order(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=(20, 333)).astype(dtype)
    indices = np.minimum(rng.zipf(1.5, 400) - 1, 19)
    values = rng.normal(size=(400, 333)).astype(dtype)
    v = tf.Variable(start)

    @tf.function
    def step(x: Any, i: Any) -> Any:
        v.scatter_sub(tf.IndexedSlices(x, i))

    step(tf.constant(values), tf.constant(indices))
    for i, x in zip(indices, values, strict=True):
        start[i] -= x
    np.testing.assert_array_equal(v.numpy(), start)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.float16])
def test_single_elements_are_added_by_segment(dtype: Any, index: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 8, 5000).astype(dtype)
    ids = rng.integers(-2, 50, 5000).astype(index)  # negative ones belong nowhere
    expected = np.zeros(50, np.float64)
    np.add.at(expected, ids[ids >= 0], x[ids >= 0].astype(np.float64))
    np.testing.assert_array_equal(tf.math.unsorted_segment_sum(x, ids, 50), expected)
    for bad in (50, 1000):
        wrong = np.where(np.arange(5000) == 4321, bad, ids).astype(index)
        with pytest.raises(errors.InvalidArgumentError, match=re.escape(f"[4321] = {bad}")):
            tf.math.unsorted_segment_sum(x, wrong, 50)
    order = np.sort(np.abs(ids))
    with pytest.raises(errors.InvalidArgumentError, match="not increasing"):
        tf.math.segment_sum(x, order[::-1].copy())
    with pytest.raises(errors.InvalidArgumentError, match=">= 0"):
        tf.math.segment_sum(x, order - index(1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.complex128, np.bool_])
@pytest.mark.parametrize("batch_dims", [0, 1, 2])
def test_single_elements_are_gathered(dtype: Any, batch_dims: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, (4, 5, 300)).astype(dtype)
    indices = rng.integers(0, 300, (*(4, 5, 7)[:batch_dims], 40))
    got = tf.gather(x, indices, axis=2, batch_dims=batch_dims)
    spread = indices.reshape(indices.shape[:-1] + (1,) * (2 - batch_dims) + (40,))
    want = np.take_along_axis(x, np.broadcast_to(spread, (4, 5, 40)), 2)
    np.testing.assert_array_equal(got, want)
