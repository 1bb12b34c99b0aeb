"""Assignment to parts of variables, counters, options. Values as TensorFlow's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1
START = np.arange(12, dtype=np.float32).reshape(3, 4)
CASES: list[tuple[Any, Any]] = [
    (1, [1.0, 2.0, 3.0, 4.0]),
    (1, 5.0),
    (-1, np.zeros(4, np.float64)),
    ((1, 2), 5.0),
    ((slice(None), slice(1, 3)), np.zeros((3, 2), np.float32)),
    (slice(None, None, 2), np.ones((2, 4), np.float32)),
    (slice(None, None, -1), START),
    ((Ellipsis, 0), [7.0, 8.0, 9.0]),
    ((None, 1), np.zeros((1, 4), np.float32)),
    (slice(0, 2), np.zeros(4, np.float32)),
    ((slice(2, None, -2), slice(3, 0, -2)), [[1.0, 2.0], [3.0, 4.0]]),
    (slice(3, 3), np.zeros((0, 4), np.float32)),
]


def expected(key: Any, value: Any) -> Any:
    array = START.copy()
    array[key] = value
    return array


@pytest.mark.parametrize(("key", "value"), CASES)
def test_assign_to_a_part(key: Any, value: Any) -> None:
    v = tf.Variable(START)
    result = v[key].assign(value)
    np.testing.assert_array_equal(v.numpy(), expected(key, value))
    np.testing.assert_array_equal(result.numpy(), v.numpy())


@pytest.mark.parametrize(("key", "value"), CASES)
def test_assign_in_a_function(key: Any, value: Any) -> None:
    v = tf.Variable(START)

    @tf.function
    def f(x: Any) -> Any:
        before = v.read_value()
        v[key].assign(x)
        return before, v * 1.0

    before, after = f(np.asarray(value, np.float32))
    np.testing.assert_array_equal(before.numpy(), START)
    np.testing.assert_array_equal(after.numpy(), expected(key, value))
    np.testing.assert_array_equal(v.numpy(), expected(key, value))


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "int64", "complex64", "bool"])
def test_dtypes(dtype: str) -> None:
    v = tf.Variable(np.zeros(5, dtype))
    v[1:4:2].assign(np.ones(2, dtype))
    assert v.numpy().tolist() == np.array([0, 1, 0, 1, 0], dtype).tolist()


def test_index_tensors() -> None:
    v = tf.Variable(START)
    v[tf.constant(1)].assign(np.zeros(4, np.float32))
    i = tf.constant(2)
    v[i, i:].assign([5.0, 6.0])
    assert v.numpy()[1].tolist() == [0.0] * 4
    assert v.numpy()[2].tolist() == [8.0, 9.0, 5.0, 6.0]


def test_names_in_a_function() -> None:
    v = tf.Variable(START)

    @tf.function
    def f() -> Any:
        v[1].assign([9.0] * 4)
        return v * 1.0

    operations = f.get_concrete_function().graph.get_operations()
    assert [(o.name, o.type) for o in operations] == [
        ("ReadVariableOp/resource", "Placeholder"),
        ("ReadVariableOp", "ReadVariableOp"),
        ("strided_slice/stack", "Const"),
        ("strided_slice/stack_1", "Const"),
        ("strided_slice/stack_2", "Const"),
        ("strided_slice", "StridedSlice"),
        ("Const", "Const"),
        ("strided_slice/_assign", "ResourceStridedSliceAssign"),
        ("ReadVariableOp_1", "ReadVariableOp"),
        ("mul/y", "Const"),
        ("mul", "Mul"),
        ("Identity", "Identity"),
        ("NoOp", "NoOp"),
    ]


def test_in_a_session() -> None:
    with tf.Graph().as_default():
        w = v1.get_variable("w", initializer=np.arange(4, dtype=np.float32))
        changed = w[1:3].assign([7.0, 8.0])
        named = w[0].assign(1.0, name="foo")
        assert named.op.name == "foo"
        with v1.Session() as sess:
            sess.run(w.initializer)
            assert sess.run(changed).tolist() == [0.0, 7.0, 8.0, 3.0]
            assert sess.run(w).tolist() == [0.0, 7.0, 8.0, 3.0]


def test_errors() -> None:
    v = tf.Variable(START)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Cannot broadcast input shape \[3\]"):
        v[1].assign(np.zeros(3, np.float32))
    with pytest.raises(tf.errors.InvalidArgumentError, match="5"):
        v[5].assign(np.zeros(4, np.float32))
    with pytest.raises(TypeError):
        v[1].assign("text")
    np.testing.assert_array_equal(v.numpy(), START)
    assert not hasattr(v[1], "assign_add")
    assert not hasattr(v[tf.constant([True, False, True])], "assign")
    assert not hasattr(tf.constant([1.0])[0], "assign")


def test_reading_a_part_is_differentiable() -> None:
    v = tf.Variable(START)
    with tf.GradientTape() as tape:
        y = v[0] * 2.0
    assert tape.gradient(y, v).numpy().tolist() == [[2.0] * 4, [0.0] * 4, [0.0] * 4]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_count_up_to(dtype: str) -> None:
    c = tf.Variable(np.zeros((), dtype))
    assert [c.count_up_to(3).numpy().item() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(tf.errors.OutOfRangeError, match="Reached limit of 3"):
        c.count_up_to(3)
    assert c.numpy() == 3
    assert v1.count_up_to(c, 5).numpy() == 3
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError)):
        tf.Variable(0.0).count_up_to(3)
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match="scalar"):
        tf.Variable([0, 1]).count_up_to(3)


def test_count_up_to_in_a_session() -> None:
    with tf.Graph().as_default():
        c = v1.get_variable("c", initializer=0)
        count = c.count_up_to(2)
        assert (count.op.type, count.name) == ("ResourceCountUpTo", "ResourceCountUpTo:0")
        start = c.initialized_value()
        with v1.Session() as sess:
            assert sess.run(start) == 0
            sess.run(c.initializer)
            assert [sess.run(count), sess.run(count)] == [0, 1]
            with pytest.raises(tf.errors.OutOfRangeError, match="Reached limit of 2"):
                sess.run(count)
            assert sess.run(start) == 2


def test_options() -> None:
    aggregation, synchronization = tf.VariableAggregation, tf.VariableSynchronization
    assert [(m.name, m.value) for m in aggregation] == [
        ("NONE", 0),
        ("SUM", 1),
        ("MEAN", 2),
        ("ONLY_FIRST_REPLICA", 3),
    ]
    assert [(m.name, m.value) for m in synchronization] == [
        ("AUTO", 0),
        ("NONE", 1),
        ("ON_WRITE", 2),
        ("ON_READ", 3),
    ]
    v = tf.Variable(1.0)
    assert (v.aggregation, v.synchronization) == (aggregation.NONE, synchronization.AUTO)
    v = tf.Variable(1.0, aggregation=aggregation.SUM, synchronization=synchronization.ON_READ)
    assert (v.aggregation, v.synchronization) == (aggregation.SUM, synchronization.ON_READ)
    with pytest.raises(ValueError, match="Invalid variable aggregation mode: x for variable: None"):
        tf.Variable(1.0, aggregation="x")
    with pytest.raises(ValueError, match="Invalid variable synchronization mode: x"):
        tf.Variable(1.0, synchronization="x")
    assert v1.VariableAggregation.SUM.name == "SUM"


def test_protocol_buffers() -> None:
    with pytest.raises(RuntimeError, match="not supported when eager execution"):
        tf.Variable(1.0).to_proto()
    with tf.Graph().as_default():
        w = v1.get_variable("w", initializer=1.0)
        with pytest.raises(NotImplementedError, match="Saver"):
            w.to_proto()
    with pytest.raises(NotImplementedError, match=r"tf\.Variable"):
        tf.Variable.from_proto(None)
