"""Sessions: feeds, fetches, state of their own."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as g:
        yield g


def test_feeds() -> None:
    x = v1.placeholder(tf.float32, [None], name="x")
    y = 2.0 * x
    with v1.Session() as session:
        np.testing.assert_array_equal(session.run(y, {x: [1, 2]}), [2.0, 4.0])
        np.testing.assert_array_equal(session.run("mul:0", {"x:0": np.ones(3)}), [2.0] * 3)
        assert session.run(y, {x: []}).shape == (0,)
        with pytest.raises(tf.errors.InvalidArgumentError, match="'x'"):
            session.run(y)


def test_structures_of_fetches() -> None:
    Point = namedtuple("Point", ["x", "y"])
    a, b = tf.constant(1.0), tf.constant([2.0])
    with v1.Session() as session:
        assert session.run([]) == []
        assert session.run((a, a)) == (1.0, 1.0)
        assert session.run({"a": a, "b": [b, {"c": a}]}) == {"a": 1.0, "b": [[2.0], {"c": 1.0}]}
        point = session.run(Point(a, b))
        assert isinstance(point, Point)
        assert point.x == 1.0
        assert session.run(a.op) is None
        assert session.run([a, a.op, "Const:0"]) == [1.0, None, 1.0]


def test_kinds_of_results() -> None:
    with v1.Session() as session:
        scalar = session.run(tf.constant(1.5))
        assert isinstance(scalar, np.float32)
        array = session.run(tf.constant([1, 2]))
        assert array.dtype == np.int32
        assert session.run(tf.constant("text")) == b"text"


def test_any_tensor_can_be_fed() -> None:
    x = tf.constant(2.0)
    h = x * x
    y = h + 1.0
    (g,) = tf.gradients(y * y, h)
    with v1.Session() as session:
        assert session.run([y, g]) == [5.0, 10.0]
        assert session.run([h, y, g], {h: 10.0}) == [10.0, 11.0, 22.0]
        assert session.run(y, {x: 3.0}) == 10.0
        assert session.run(x, {x: 7.0}) == 7.0


def test_fed_variable_reaches_its_readers() -> None:
    v = tf.Variable(1.0)
    y = v * 2.0
    with v1.Session() as session:
        session.run(v.initializer)
        assert session.run(y) == 2.0
        assert session.run(v, {v: 5.0}) == 5.0


def test_make_callable() -> None:
    x = v1.placeholder(tf.float64, [2])
    with v1.Session() as session:
        f = session.make_callable([x * x, tf.reduce_sum(x)], [x])
        squares, total = f(np.array([1.0, 2.0]))
        np.testing.assert_array_equal(squares, [1.0, 4.0])
        assert total == 3.0
        single = session.make_callable(x * 2.0, feed_list=[x])
        np.testing.assert_array_equal(single(np.array([1.0, 2.0])), [2.0, 4.0])
        with pytest.raises(TypeError):
            f()
    with pytest.raises(RuntimeError, match="closed"):
        f(np.array([1.0, 2.0]))


def test_results_are_the_callers() -> None:
    x = v1.placeholder(tf.float64, [2])
    with v1.Session() as session:
        first = session.run(x * 2.0, {x: [1.0, 2.0]})
        session.run(x * 3.0, {x: [5.0, 6.0]})
        first += 1.0
        np.testing.assert_array_equal(first, [3.0, 5.0])
        array = np.array([1.0, 2.0])
        same = session.run(tf.identity(x), {x: array})
        array[0] = 9.0
        np.testing.assert_array_equal(same, [1.0, 2.0])
        c = tf.constant([1.0, 2.0])
        session.run(c)[0] = 7.0
        np.testing.assert_array_equal(session.run(c), [1.0, 2.0])


def test_closed_session() -> None:
    x = tf.constant(1.0)
    session = v1.Session()
    assert session.run(x) == 1.0
    session.close()
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.run(x)
    with pytest.raises(RuntimeError, match="closed"), session:
        pass


def test_two_sessions_have_their_own_state() -> None:
    v = tf.Variable(0.0)
    bump = v.assign_add(1.0)
    with v1.Session() as one, v1.Session() as two:
        one.run(v.initializer)
        two.run(v.initializer)
        assert [one.run(bump) for _ in range(3)] == [1.0, 2.0, 3.0]
        assert two.run(v) == 0.0
        assert two.run(bump) == 1.0


def test_uninitialised_variable() -> None:
    v = tf.Variable(1.0, name="fresh")
    with v1.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match="fresh"):
            session.run(v * 2.0)
        assert not session.run(v.is_initialized())
        session.run(v1.global_variables_initializer())
        assert session.run(v.is_initialized())
        assert session.run(v * 2.0) == 2.0


def test_control_dependencies_order_effects() -> None:
    v = tf.Variable(1.0)
    with tf.control_dependencies([v.assign(5.0)]):
        after = v.read_value()
    with v1.Session() as session:
        session.run(v.initializer)
        assert session.run(after) == 5.0
        session.run(v.assign(2.0).op)
        assert session.run(v) == 2.0


def test_training_loop() -> None:
    w = tf.Variable([0.0, 0.0], dtype=tf.float64)
    loss = tf.reduce_sum((w - [1.0, -2.0]) ** 2.0)
    step = v1.assign_sub(w, 0.1 * tf.gradients(loss, w)[0])
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        losses = [session.run([loss, step])[0] for _ in range(100)]
        np.testing.assert_allclose(session.run(w), [1.0, -2.0], atol=1e-6)
    assert losses[-1] < 1e-12


def test_default_session() -> None:
    x = tf.constant(3.0)
    with pytest.raises(ValueError, match="No default session"):
        x.eval()
    with v1.Session() as session:
        assert v1.get_default_session() is session
        assert x.eval() == 3.0
        assert tf.no_op().run() is None
    assert v1.get_default_session() is None
    session = v1.Session()
    with session.as_default():
        assert x.eval() == 3.0
    assert session.run(x) == 3.0
    session.close()


def test_graph_grows_between_runs() -> None:
    x = tf.constant(1.0)
    with v1.Session() as session:
        for n in range(2, 6):
            x = x + 1.0
            assert session.run(x) == n


def test_feeding_strings_and_bools() -> None:
    s, b = v1.placeholder(tf.string, []), v1.placeholder(tf.bool, [2])
    with v1.Session() as session:
        assert session.run(tf.identity(s), {s: "abc"}) == b"abc"
        assert session.run(tf.logical_not(b), {b: [True, False]}).tolist() == [False, True]


def test_empty_graph() -> None:
    with (
        tf.Graph().as_default(),
        v1.Session() as session,
        pytest.raises(RuntimeError, match="graph is empty"),
    ):
        session.run([])
