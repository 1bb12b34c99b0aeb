"""Immediate execution: values outside of graphs."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import wengert as tf


def test_is_the_default() -> None:
    assert tf.executing_eagerly()
    with tf.Graph().as_default():
        assert not tf.executing_eagerly()
    assert tf.executing_eagerly()


def test_values_and_texts() -> None:
    x = tf.constant([1.0, 2.0])
    y = 2.0 * x + 1.0
    np.testing.assert_array_equal(y.numpy(), [3.0, 5.0])
    assert (y.dtype, y.shape.as_list()) == (tf.float32, [2])
    assert repr(tf.constant(1)) == "<tf.Tensor: shape=(), dtype=int32, numpy=1>"
    assert str(tf.constant(1)) == "tf.Tensor(1, shape=(), dtype=int32)"


def test_python_values() -> None:
    assert float(tf.constant(1.5)) == 1.5
    assert int(tf.constant(3)) == 3
    assert bool(tf.constant(True))
    assert list(range(5))[tf.constant(2)] == 2
    assert [int(v) for v in tf.constant([1, 2])] == [1, 2]
    assert len(tf.constant([1, 2, 3])) == 3
    assert np.asarray(tf.constant([1, 2])).tolist() == [1, 2]
    with pytest.raises(TypeError):
        float(tf.constant([1.0, 2.0]))
    with pytest.raises(TypeError):
        len(tf.constant(1.0))


def test_unhashable_but_referable() -> None:
    x = tf.constant(1.0)
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    assert {x.ref(): 1}[x.ref()] == 1
    assert x.ref().deref() is x


def test_comparison_is_element_wise() -> None:
    x = tf.constant([1, 2])
    assert (x == [1, 3]).numpy().tolist() == [True, False]
    assert (x != [1, 3]).numpy().tolist() == [False, True]
    assert (x < 2).numpy().tolist() == [True, False]


def test_indexing() -> None:
    x = tf.reshape(tf.range(12), [3, 4])
    a = np.arange(12).reshape(3, 4)
    for index in [1, (1, 2), slice(None, None, -1), (..., 0), (slice(1), None), -1]:
        np.testing.assert_array_equal(x[index].numpy(), a[index])


def test_copies() -> None:
    x = tf.constant([1.0, 2.0])
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        np.testing.assert_array_equal(y.numpy(), [1.0, 2.0])
        assert y.dtype == tf.float32


def test_a_constant_does_not_follow_its_array() -> None:
    array = np.array([1.0, 2.0])
    x = tf.constant(array)
    array[0] = 5.0
    assert x.numpy()[0] == 1.0


def test_dtypes_of_literals() -> None:
    assert tf.constant(1).dtype == tf.int32
    assert tf.constant(1.0).dtype == tf.float32
    assert tf.constant(np.float64(1.0)).dtype == tf.float64
    assert tf.constant(1j).dtype == tf.complex128
    assert tf.constant(True).dtype == tf.bool
    assert tf.constant("a").dtype == tf.string
    assert (tf.constant(1.0, tf.float64) * 2).dtype == tf.float64


def test_variables() -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    assert (v.name, v.dtype, v.shape.as_list()) == ("v:0", tf.float32, [2])
    v.assign_add([1.0, 1.0])
    v.assign_sub([0.0, 1.0])
    np.testing.assert_array_equal(v.numpy(), [2.0, 2.0])
    np.testing.assert_array_equal((v * 2.0 + v[0]).numpy(), [6.0, 6.0])
    before = v.value()
    v.assign([7.0, 7.0])
    np.testing.assert_array_equal(before.numpy(), [2.0, 2.0])
    with pytest.raises(ValueError, match="hape"):
        v.assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(v.numpy(), [7.0, 7.0])


def test_gradients_need_a_graph() -> None:
    x = tf.constant(1.0)
    with pytest.raises(RuntimeError, match="GradientTape"):
        tf.gradients(x, x)
    with pytest.raises(RuntimeError, match="eager"):
        tf.compat.v1.placeholder(tf.float32)


def test_mismatch_is_an_error_and_nothing_breaks() -> None:
    x = tf.constant([1.0, 2.0])
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        x + tf.constant([1.0, 2.0, 3.0])
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError)):
        x + tf.constant([1, 2])
    np.testing.assert_array_equal((x + x).numpy(), [2.0, 4.0])


def test_graph_tensor_outside_its_graph() -> None:
    with tf.Graph().as_default():
        x = tf.constant(1.0)
    with pytest.raises(TypeError, match="out of scope"):
        x + 1.0
