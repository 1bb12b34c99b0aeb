"""Updates of single rows of a variable: made in its own memory, and safe all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as tf
from wengert import errors


def _start(rows: int = 6, columns: int = 3) -> np.ndarray:
    return np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)


def _scatter_sub(v: Any) -> Any:
    @tf.function
    def step(values: Any, indices: Any) -> Any:
        v.scatter_sub(tf.IndexedSlices(values, indices))
        return tf.reduce_sum(values)

    return step


@pytest.mark.parametrize("indices", [[1, 4], [2, 2, 2], []])
def test_rows_are_updated_in_order(indices: list[int]) -> None:
    v = tf.Variable(_start())
    values = np.random.default_rng(0).normal(size=(len(indices), 3)).astype(np.float32)
    step = _scatter_sub(v)
    expected = _start()
    for _ in range(3):
        step(tf.constant(values), tf.constant(indices, tf.int32))
        for row, value in zip(indices, values, strict=True):
            expected[row] -= value
    np.testing.assert_array_equal(v.numpy(), expected)


def test_the_whole_variable_is_not_copied() -> None:
    v = tf.Variable(_start())
    text = tf.explain(_scatter_sub(v), tf.ones([1, 3]), tf.constant([2]))
    assert "check of scatter" in text
    np.testing.assert_array_equal(v.numpy(), _start())  # explaining changes nothing


def test_values_read_before_stay_what_they_were() -> None:
    v = tf.Variable(_start())
    step = _scatter_sub(v)
    step(tf.ones([1, 3]), tf.constant([0]))
    before = v.numpy()
    copy = before.copy()
    tensor = v.read_value()
    step(tf.ones([1, 3]), tf.constant([0]))
    np.testing.assert_array_equal(before, copy)
    np.testing.assert_array_equal(tensor.numpy(), copy)
    assert v.numpy()[0, 0] == copy[0, 0] - 1


def test_variables_with_one_value_are_updated_apart() -> None:
    v, w = tf.Variable(_start()), tf.Variable(np.zeros((6, 3), np.float32))
    w.assign(v)
    _scatter_sub(v)(tf.ones([1, 3]), tf.constant([0]))
    np.testing.assert_array_equal(w.numpy(), _start())


def test_a_failing_call_updates_nothing() -> None:
    v, w = tf.Variable(_start()), tf.Variable(_start())

    @tf.function
    def step(indices: Any) -> None:
        v.scatter_add(tf.IndexedSlices(tf.ones([1, 3]), tf.constant([1])))
        w.scatter_add(tf.IndexedSlices(tf.ones([1, 3]), indices))

    with pytest.raises(errors.InvalidArgumentError):
        step(tf.constant([6]))
    np.testing.assert_array_equal(v.numpy(), _start())
    np.testing.assert_array_equal(w.numpy(), _start())


def test_updates_follow_each_other() -> None:
    v = tf.Variable(_start())

    @tf.function
    def step() -> None:
        v.scatter_update(tf.IndexedSlices(tf.zeros([1, 3]), tf.constant([1])))
        v.scatter_add(tf.IndexedSlices(tf.ones([2, 3]), tf.constant([1, 1])))

    step()
    np.testing.assert_array_equal(v.numpy()[1], [2, 2, 2])


def test_updates_that_read_the_variable_itself() -> None:
    v = tf.Variable(_start(3, 3))

    @tf.function
    def step() -> None:
        v.scatter_add(tf.IndexedSlices(v.read_value(), tf.constant([1, 1, 1])))

    step()
    expected = _start(3, 3)
    expected[1] += _start(3, 3).sum(0)
    np.testing.assert_array_equal(v.numpy(), expected)


def test_reading_after_an_update_sees_it() -> None:
    v = tf.Variable(_start())

    @tf.function
    def step() -> Any:
        before = v.read_value()
        v.scatter_sub(tf.IndexedSlices(tf.ones([1, 3]), tf.constant([1])))
        return before, v.read_value()

    before, after = step()
    np.testing.assert_array_equal(before.numpy(), _start())
    np.testing.assert_array_equal(after.numpy(), v.numpy())
    assert after.numpy()[1, 0] == 2.0


def test_sparse_gradients_update_their_rows() -> None:
    v = tf.Variable(np.ones((50, 4), np.float64))

    @tf.function
    def step(rows: Any) -> Any:
        loss = tf.reduce_sum(tf.square(tf.nn.embedding_lookup(v, rows)))
        (g,) = tf.gradients(loss, [v])
        v.scatter_sub(tf.IndexedSlices(g.values * 0.25, g.indices))
        return loss

    step(tf.constant([3, 7, 3]))
    expected = np.ones((50, 4))
    expected[7] -= 0.5
    expected[3] -= 1.0
    np.testing.assert_array_equal(v.numpy(), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6,), (6, 3), (6, 2, 3)])
@pytest.mark.parametrize("rows", [[4, 1], [2, 2, 5, 2], []])
def test_sparse_steps_touch_their_rows_alone(shape: Any, rows: list[int], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    var, accum = rng.normal(size=shape).astype(dtype), np.full(shape, 0.5, dtype)
    grad = rng.normal(size=(len(rows), *shape[1:])).astype(dtype)
    v, a = tf.Variable(var), tf.Variable(accum)

    @tf.function
    def step(g: Any, i: Any) -> None:
        tf.raw_ops.ResourceSparseApplyAdagrad(
            var=v.handle, accum=a.handle, lr=tf.constant(0.25, g.dtype), grad=g, indices=i
        )

    args = tf.constant(grad), tf.constant(rows, tf.int32)
    assert tf.explain(step, *args).count("check of scatter") == 2
    step(*args)
    wide = [x.astype(np.float64) for x in (var, accum, grad)]
    for i, row in enumerate(rows):
        wide[1][row] += wide[2][i] ** 2
        wide[0][row] -= 0.25 * wide[2][i] / np.sqrt(wide[1][row])
    scale = {np.float16: 2e-3, np.float32: 1e-5, np.float64: 1e-12}[dtype]
    np.testing.assert_allclose(v.numpy().astype(np.float64), wide[0], rtol=scale, atol=scale)
    np.testing.assert_allclose(a.numpy().astype(np.float64), wide[1], rtol=scale, atol=scale)
    with pytest.raises(errors.InvalidArgumentError, match="Index 6 at offset 1"):
        step(tf.zeros([2, *shape[1:]], dtype), tf.constant([0, 6]))
