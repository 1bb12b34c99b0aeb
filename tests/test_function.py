"""tf.function: tracing, captures, variables, methods."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import numpy as np
import pytest

import wengert as tf


def counted(**options: Any) -> tuple[Any, list[Any]]:
    traces: list[Any] = []

    @tf.function(**options)
    def f(x: Any, factor: Any = 2.0) -> Any:
        traces.append(x)
        return x * factor

    return f, traces


def test_one_trace_per_signature() -> None:
    f, traces = counted()
    for value in (1.0, 2.0, 3.0):
        assert f(tf.constant(value)).numpy() == 2.0 * value
    assert len(traces) == 1
    f(tf.constant([1.0]))
    f(tf.constant(1.0, tf.float64), tf.constant(2.0, tf.float64))
    assert len(traces) == 3
    assert f.experimental_get_tracing_count() == 3


def test_python_values_are_part_of_the_signature() -> None:
    f, traces = counted()
    x = tf.constant(1.0)
    assert [f(x, n).numpy() for n in (1.0, 2.0, 1.0, 3.0)] == [1.0, 2.0, 1.0, 3.0]
    assert len(traces) == 3
    assert f(x, factor=1.0).numpy() == 1.0
    assert len(traces) == 3


def test_arrays_are_tensors() -> None:
    f, traces = counted()
    f(np.float32([1, 2]))
    f(np.float32([3, 4]))
    assert len(traces) == 1


def test_input_signature() -> None:
    f, traces = counted(input_signature=[tf.TensorSpec([None], tf.float32)])
    assert f([1.0]).numpy().tolist() == [2.0]
    assert f([1.0, 2.0, 3.0]).numpy().tolist() == [2.0, 4.0, 6.0]
    assert len(traces) == 1
    assert traces[0].shape.as_list() == [None]
    with pytest.raises(TypeError):
        f(tf.constant([[1.0]]))
    with pytest.raises(TypeError):
        f(tf.constant([1]))
    assert f([4.0]).numpy().tolist() == [8.0]


def test_structures() -> None:
    @tf.function
    def f(pair: Any, named: Any) -> Any:
        return {"sum": pair[0] + pair[1], "rest": [named["a"], (pair[0], None, 7)]}

    one, two = tf.constant(1.0), tf.constant(2.0)
    result = f((one, two), {"a": two})
    assert result["sum"].numpy() == 3.0
    assert result["rest"][0].numpy() == 2.0
    assert result["rest"][1][0].numpy() == 1.0
    assert result["rest"][1][1] is None


def test_gradients_inside() -> None:
    @tf.function
    def f(x: Any) -> Any:
        y = tf.sin(x) * x
        (g,) = tf.gradients(y, x)
        return y, g, tf.gradients(g, x)[0]

    x = np.array([0.3, 1.1])
    y, g, h = f(tf.constant(x))
    np.testing.assert_allclose(y.numpy(), x * np.sin(x))
    np.testing.assert_allclose(g.numpy(), np.sin(x) + x * np.cos(x))
    np.testing.assert_allclose(h.numpy(), 2 * np.cos(x) - x * np.sin(x))


def test_captures() -> None:
    c = tf.constant(3.0)
    v = tf.Variable(2.0)

    @tf.function
    def f(x: Any) -> Any:
        return x * c + v

    assert f(tf.constant(1.0)).numpy() == 5.0
    v.assign(10.0)
    assert f(tf.constant(1.0)).numpy() == 13.0
    concrete = f.get_concrete_function(tf.TensorSpec([], tf.float32))
    assert len(concrete.captured_inputs) == 2
    assert [w.name for w in concrete.variables] == [v.name]


def test_effects_happen_in_order() -> None:
    v = tf.Variable(1.0)

    @tf.function
    def f() -> Any:
        v.assign_add(1.0)
        first = v.read_value()
        v.assign(v * 10.0)
        return first, v.read_value()

    assert [t.numpy() for t in f()] == [2.0, 20.0]
    assert v.numpy() == 20.0


def test_variables_are_made_once() -> None:
    class Model:
        def __init__(self) -> None:
            self.v: Any = None

        @tf.function
        def __call__(self, x: Any) -> Any:
            if self.v is None:
                self.v = tf.Variable(3.0)
            return self.v * x

    model = Model()
    assert model(tf.constant(2.0)).numpy() == 6.0
    assert model(tf.constant([1.0])).numpy().tolist() == [3.0]

    @tf.function
    def always(x: Any) -> Any:
        return tf.Variable(1.0) * x

    with pytest.raises(ValueError, match="singleton"):
        always(tf.constant(1.0))


def test_methods_keep_instances_apart() -> None:
    class Scale:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        @tf.function
        def apply(self, x: Any) -> Any:
            return x * self.factor

    two, three = Scale(2.0), Scale(3.0)
    x = tf.constant(1.0)
    assert (two.apply(x).numpy(), three.apply(x).numpy()) == (2.0, 3.0)
    assert two.apply is two.apply
    del two
    gc.collect()
    assert three.apply(x).numpy() == 3.0


def test_functions_call_functions() -> None:
    @tf.function
    def square(x: Any) -> Any:
        return x * x

    @tf.function
    def outer(x: Any) -> Any:
        y = square(x) + square(2.0 * x)
        return y, tf.gradients(y, x)[0]

    y, g = outer(tf.constant(3.0))
    assert (y.numpy(), g.numpy()) == (45.0, 30.0)


def test_inside_a_plain_graph() -> None:
    @tf.function
    def square(x: Any) -> Any:
        return x * x

    with tf.Graph().as_default():
        x = tf.constant(3.0)
        y = square(x)
        g = tf.gradients(y, x)[0]
        with tf.compat.v1.Session() as session:
            assert session.run([y, g]) == [9.0, 6.0]


def test_an_exception_while_tracing() -> None:
    fail = [True]

    @tf.function
    def f(x: Any) -> Any:
        if fail[0]:
            raise ZeroDivisionError("mine")
        return x + 1.0

    with pytest.raises(ZeroDivisionError, match="mine"):
        f(tf.constant(1.0))
    assert tf.executing_eagerly()
    fail[0] = False
    assert f(tf.constant(1.0)).numpy() == 2.0


def test_concrete_functions() -> None:
    f, traces = counted()
    concrete = f.get_concrete_function(tf.TensorSpec([None], tf.float32))
    assert concrete(tf.constant([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]
    assert len(traces) == 1
    assert [t.shape.as_list() for t in concrete.inputs] == [[None]]
    assert concrete.structured_outputs.shape.as_list() == [None]


def test_wrong_arguments() -> None:
    f, _ = counted()
    with pytest.raises(TypeError, match="Binding inputs"):
        f()
    with pytest.raises(TypeError, match="Binding inputs"):
        f(tf.constant(1.0), nonsense=1)
    assert f(tf.constant(1.0)).numpy() == 2.0


def test_a_traced_tensor_does_not_leave() -> None:
    kept: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        kept.append(x * 2.0)
        return x

    f(tf.constant(1.0))
    with pytest.raises(TypeError, match="out of scope"):
        kept[0] + 1.0


def test_copies_of_variables() -> None:
    v = tf.Variable([1.0, 2.0], name="v", trainable=False)
    for w in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        w.assign_add([1.0, 1.0])
        np.testing.assert_array_equal(w.numpy(), [2.0, 3.0])
        assert w.name == "v:0"
        assert not w.trainable
    np.testing.assert_array_equal(v.numpy(), [1.0, 2.0])


def test_copy_of_a_function() -> None:
    f, _ = counted()
    g = copy.deepcopy(f)
    assert g(tf.constant(2.0)).numpy() == 4.0
    assert g is not f


def test_decorated_name_and_doc() -> None:
    @tf.function
    def documented(x: Any) -> Any:
        """Say it."""
        return x

    assert documented.__name__ == "documented"
    assert documented.__doc__ == "Say it."


def test_inside_function() -> None:
    seen: list[bool] = []

    @tf.function
    def f() -> Any:
        seen.append(tf.inside_function())
        with tf.init_scope():
            seen.append(tf.executing_eagerly())
        return tf.constant(1.0)

    f()
    assert seen == [True, True]
    assert not tf.inside_function()
