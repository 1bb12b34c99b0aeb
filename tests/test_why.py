"""wengert.why: where gradients end."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as tf


def losses(found):
    return [(loss.op_type, loss.reason.split(",")[0].split(":")[0]) for loss in found.losses]


def test_a_gradient_that_flows():
    found = tf.why(lambda x: tf.sin(x) * 2.0, tf.constant(1.0))
    assert found.connected
    assert not found.losses
    assert "exists" in str(found)


def test_cast_to_integers():
    with tf.Graph().as_default():
        x = tf.constant([1.5, 2.5])
        i = tf.cast(x, tf.int32)
        y = tf.cast(i, tf.float32) * 2.0
        assert tf.gradients(y, x) == [None]
        found = tf.why(y, x)
    assert not found.connected
    assert losses(found) == [("Cast", "a cast to int32")]
    assert "test_why.py" in found.losses[0].location
    assert found.losses[0].operation == i.op.name


def test_stop_gradient_on_one_of_two_paths():
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        y = tf.stop_gradient(x) * x
        found = tf.why(y, x)
    assert found.connected
    assert losses(found) == [("StopGradient", "stop_gradient")]
    assert "do not contribute" in str(found)


def test_no_gradient_by_design():
    with tf.Graph().as_default():
        x = tf.constant([1.0, 2.0])
        found = tf.why(tf.gather([5.0, 6.0], tf.argmax(x)), x)
        assert losses(found) == [("ArgMax", "its result is int64")]
        found = tf.why(tf.floor(x) + 1.0, x)
        assert losses(found) == [("Floor", "no gradient by design")]
        found = tf.why(tf.where(x > 0.0, 1.0, 2.0), x)
        assert losses(found) == [("Greater", "its result is bool")]


def test_not_connected():
    with tf.Graph().as_default():
        x, z = tf.constant(1.0), tf.constant(2.0)
        w = x * 3.0
        found = tf.why(z * 2.0, x)
        assert not found.connected
        assert not found.losses
        assert "does not depend on" in str(found)
        assert f"Mul '{w.op.name}'" in str(found)
        assert "Nothing reads x" in str(tf.why(z, w))


def test_different_graphs():
    with tf.Graph().as_default():
        x = tf.constant(1.0)
    with tf.Graph().as_default():
        found = tf.why(tf.constant(1.0) * 2.0, x)
    assert not found.connected
    assert "different graphs" in str(found)


def test_integers():
    with tf.Graph().as_default():
        x = tf.constant(1)
        assert "only floating" in str(tf.why(x * 2, x))


def test_itself():
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        assert tf.why(x, x).connected


def test_operation_without_gradient():
    tf.no_gradient("TestWhyCut")
    with tf.Graph().as_default() as g:
        x = tf.constant([1.0])
        with g.gradient_override_map({"Square": "TestWhyCut"}):
            y = tf.square(x)
        assert losses(tf.why(y, x)) == [("Square", "no gradient by design")]


def test_variables_and_captures():
    v = tf.Variable(1.0)
    found = tf.why(lambda u: tf.stop_gradient(u * 2.0) + 1.0, v)
    assert losses(found) == [("StopGradient", "stop_gradient")]
    with tf.Graph().as_default():
        w = tf.compat.v1.Variable(2.0)
        assert tf.why(w * 3.0, w).connected


def test_custom_gradients_count_as_connected():
    f = tf.custom_gradient(lambda x: (tf.round(x), lambda dy: dy))
    assert tf.why(f, tf.constant(1.0)).connected


def test_deep_chain():
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        y = x
        for _ in range(3000):
            y = y + 1.0
        found = tf.why(tf.stop_gradient(y), x)
    assert losses(found) == [("StopGradient", "stop_gradient")]


def test_control_flow():
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        y = tf.cond(x > 0.0, lambda: x * 2.0, lambda: x)
        assert tf.why(y, x).connected
        z = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x), [0, x])[1]
        assert tf.why(z, x).connected
        cut = tf.cond(x > 0.0, lambda: tf.constant(1.0), lambda: tf.constant(2.0))
        assert not tf.why(cut, x).connected


def test_many_losses_are_cut_in_the_text():
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        y = tf.add_n([tf.stop_gradient(x) for _ in range(15)])
        found = tf.why(y, x)
    assert len(found.losses) == 15
    assert "and 5 more" in str(found)


def test_wrong_arguments():
    x = tf.constant(np.float32(1.0))
    with pytest.raises(TypeError, match="Pass the function"):
        tf.why(x * 2.0, x)
    with tf.Graph().as_default():
        y = tf.constant(1.0)
        with pytest.raises(TypeError, match="takes tensors"):
            tf.why(y, "x")
        with pytest.raises(TypeError, match="takes tensors"):
            tf.why("y", y)
