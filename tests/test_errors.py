"""Bad input: TensorFlow's exception type, a message that names the operation, nothing broken."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1


def test_wrong_dtype_names_the_op() -> None:
    with tf.Graph().as_default():
        x = tf.constant([1.0, 2.0])
        with pytest.raises(TypeError, match="'AddV2' Op has type float64"):
            x + tf.constant([1.0, 2.0], tf.float64)
        assert v1.Session().run(x + 1.0).tolist() == [2.0, 3.0]


def test_incompatible_shapes_show_the_node() -> None:
    with tf.Graph().as_default():
        with pytest.raises(
            ValueError, match=r"Dimensions must be equal, but are 2 and 3.*node prod"
        ):
            tf.multiply(tf.zeros([2]), tf.zeros([3]), name="prod")
        with pytest.raises(ValueError, match=r"3 and 2 for '\{\{node MatMul"):
            tf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3]))
        assert v1.Session().run(tf.zeros([2])).tolist() == [0.0, 0.0]


def test_tensor_of_another_graph() -> None:
    with tf.Graph().as_default():
        foreign = tf.constant(1.0)
    with tf.Graph().as_default():
        own = tf.constant(2.0)
        with pytest.raises(ValueError, match="must be from the same graph"):
            own + foreign
        with pytest.raises(ValueError, match="not an element of this graph"):
            v1.Session().run(foreign)


def test_feeds() -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [2], name="x")
        y = x * 2.0
        with v1.Session() as session:
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"feed a value for.*'x'"):
                session.run(y)
            with pytest.raises(
                ValueError, match=r"Cannot feed value of shape \(3,\) for Tensor x:0"
            ):
                session.run(y, {x: [1.0, 2.0, 3.0]})
            with pytest.raises(ValueError, match="could not convert"):
                session.run(y, {x: ["a", "b"]})
            with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
                session.run(y, {"nothing:0": 1.0})
            with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
                session.run(y, {3: 1.0})
            assert session.run(y, {x: [1.0, 2.0]}).tolist() == [2.0, 4.0]


def test_the_users_line_is_named() -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [2], name="x")
        with v1.Session() as session, pytest.raises(tf.errors.InvalidArgumentError) as caught:
            session.run(x + 1.0)
    assert __file__ in str(caught.value)


def test_fetch_of_a_foreign_object() -> None:
    with tf.Graph().as_default():
        tf.constant(1.0)
        with v1.Session() as session:
            with pytest.raises(TypeError, match="has invalid type"):
                session.run(object())
            with pytest.raises(TypeError, match="None"):
                session.run(None)
            with pytest.raises(ValueError, match="cannot be interpreted as a Tensor"):
                session.run("absent:0")


def test_closed_session() -> None:
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        session = v1.Session()
        call = session.make_callable(x)
        session.close()
        with pytest.raises(RuntimeError, match="closed Session"):
            session.run(x)
        with pytest.raises(RuntimeError, match="closed Session"):
            call()


def test_finalized_graph() -> None:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.constant(1.0)
        graph.finalize()
        with pytest.raises(RuntimeError, match="finalized"):
            x + 1.0
        assert v1.Session().run(x) == 1.0


def test_gradients_of_other_things() -> None:
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        assert tf.gradients(x, 3.0) == [None]
        with pytest.raises(AttributeError):
            tf.gradients(x, [None])
        with pytest.raises(TypeError):
            tf.gradients(x, {"x": x})
        with pytest.raises(ValueError, match="Length mismatch"):
            tf.gradients([x, x], x, grad_ys=[x])
    with pytest.raises(RuntimeError, match="not supported when eager execution is enabled"):
        tf.gradients(tf.constant(1.0), tf.constant(1.0))


@pytest.mark.parametrize("dims", [[2**40, 2**40], [2**62, 4], [-1, 2]])
def test_dimensions_whose_product_overflows(dims: list[int]) -> None:
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        tf.zeros(dims)
    with tf.Graph().as_default():
        shape = v1.placeholder(tf.int64, [2])
        y = tf.fill(shape, 1.0)
        with v1.Session() as session:
            with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
                session.run(y, {shape: dims})
            assert session.run(y, {shape: [1, 2]}).tolist() == [[1.0, 1.0]]


def test_indices_out_of_range() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"= 7 is not in \[0, 2\)"):
        tf.gather(tf.constant([1.0, 2.0]), [0, 7])
    with tf.Graph().as_default():
        i = v1.placeholder(tf.int32, [1])
        y = tf.gather(tf.constant([1.0, 2.0]), i, name="pick")
        with v1.Session() as session:
            with pytest.raises(tf.errors.InvalidArgumentError, match="pick"):
                session.run(y, {i: [-1]})
            assert session.run(y, {i: [1]}).tolist() == [2.0]


def test_integer_division_by_zero() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="Integer division by zero"):
        tf.constant([1, 2]) // tf.constant([1, 0])


def test_values_without_a_form() -> None:
    with pytest.raises(ValueError, match="None"):
        tf.constant(None)
    with pytest.raises(ValueError, match="non-rectangular"):
        tf.constant([[1.0], [1.0, 2.0]])
    with pytest.raises(TypeError, match=r"Expected int32, but got 1\.5"):
        tf.constant(1.5, tf.int32)
    with pytest.raises((TypeError, ValueError)):
        tf.constant(object())
    with pytest.raises(TypeError):
        tf.constant(np.zeros(2), "no such dtype")


def test_symbolic_tensors_are_not_values() -> None:
    with tf.Graph().as_default():
        x = tf.constant([1.0])
        with pytest.raises(TypeError, match="Python `bool`"):
            bool(x > 0.0)
        with pytest.raises(NotImplementedError, match="numpy array"):
            np.asarray(x)
        with pytest.raises(TypeError, match="len is not well defined"):
            len(x)
