"""Gradients that the user defines, and Python functions as operations."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as tf


def in_graph(body, *args):
    """body(*tensors) in a graph; the values of what it returns."""
    with tf.Graph().as_default():
        fetched = body(*[tf.constant(a) for a in args])
        with tf.compat.v1.Session() as session:
            return session.run(fetched)


def in_function(body, *args):
    found = tf.function(body)(*[tf.constant(a) for a in args])
    return [f.numpy() for f in found]


MODES = [in_graph, in_function]


@tf.custom_gradient
def cube(x):
    return x**3, lambda dy: dy * 3.0 * x * x * 10.0


@pytest.mark.parametrize("run", MODES)
def test_first_and_second_order(run):
    def body(x):
        y = cube(x)
        g = tf.gradients(y, x)[0]
        return [y, g, tf.gradients(g, x)[0]]

    assert [float(v) for v in run(body, 2.0)] == [8.0, 120.0, 120.0]


def test_eagerly_to_second_order():
    x = tf.constant(2.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = cube(x) * 2.0
        g = inner.gradient(y, x)
    assert float(g) == 240.0
    assert float(outer.gradient(g, x)) == 240.0


def test_between_other_operations_eagerly():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        a = x * 2.0
        b = cube(a)
        c = tf.reduce_sum(b * a)
    a_ = np.array([2.0, 4.0])
    want = 2 * (a_**3 + a_ * 30 * a_**2)
    np.testing.assert_allclose(tape.gradient(c, x).numpy(), want)
    np.testing.assert_allclose(tape.gradient(c, b).numpy(), a_)
    np.testing.assert_allclose(tape.gradient(c, a).numpy(), want / 2)


def test_function_called_eagerly_under_a_tape():
    f = tf.function(lambda x: tf.exp(cube(x)))
    x = tf.constant(0.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    np.testing.assert_allclose(float(tape.gradient(y, x)), np.exp(0.125) * 30 * 0.25, rtol=1e-6)


def test_function_in_a_function():
    inner = tf.function(lambda x: tf.exp(cube(x)))

    def body(x):
        return [tf.gradients(inner(x), x)[0]]

    np.testing.assert_allclose(in_function(body, 0.5), [np.exp(0.125) * 7.5], rtol=1e-6)


@pytest.mark.parametrize("run", MODES)
def test_several_results_and_missing_gradients(run):
    @tf.custom_gradient
    def f(x, y):
        return (x * y, x + y), lambda da, db: (da * 2.0, db * 3.0)

    def body(x, y):
        a, b = f(x, y)
        return [a, b, *tf.gradients([a, b], [x, y]), *tf.gradients(a, [x, y])]

    assert [float(v) for v in run(body, 1.0, 2.0)] == [2.0, 3.0, 2.0, 3.0, 2.0, 0.0]


def test_nested():
    @tf.custom_gradient
    def outer(x):
        return cube(x), lambda dy: dy * cube(x)

    x = tf.constant(2.0)
    with tf.GradientTape() as t2:
        t2.watch(x)
        with tf.GradientTape() as t1:
            t1.watch(x)
            y = outer(x)
        g = t1.gradient(y, x)
    assert float(g) == 8.0
    assert float(t2.gradient(g, x)) == 120.0


def test_variables():
    v = tf.Variable(3.0)

    @tf.custom_gradient
    def f(x):
        def grad(dy, variables=None):
            assert [u is v for u in variables] == [True]
            return dy * 10.0, [dy * 20.0]

        return x * v, grad

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert [float(g) for g in tape.gradient(y, [x, v])] == [10.0, 20.0]
    found = tf.function(lambda x: tf.gradients(f(x), [x, v]))(x)
    assert [float(g) for g in found] == [10.0, 20.0]


def test_variables_that_grad_fn_does_not_take():
    v = tf.Variable(2.0)

    @tf.custom_gradient
    def f(x):
        return x * v, lambda dy: dy

    with pytest.raises(TypeError, match="must accept keyword argument 'variables'"):
        f(tf.constant(1.0))
    with pytest.raises(TypeError, match="must accept keyword argument 'variables'"):
        tf.function(f)(tf.constant(1.0))


def test_methods():
    class Scaled:
        k = 3.0

        @tf.custom_gradient
        def f(self, x):
            """Of mine."""
            return x * self.k, lambda dy: dy * 100.0 * self.k

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = Scaled().f(x)
    assert float(y) == 6.0
    assert float(tape.gradient(y, x)) == 300.0
    assert Scaled.f.__doc__ == "Of mine."
    assert Scaled.f.__name__ == "f"


def test_keyword_arguments():
    @tf.custom_gradient
    def f(x, *, k=1.0):
        return x * k, lambda dy: dy * k

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x, k=3.0)
    assert float(tape.gradient(y, x)) == 3.0
    with tf.Graph().as_default(), pytest.raises(ValueError, match="keywords arguments only"):
        f(tf.constant(1.0), k=2.0)


@pytest.mark.parametrize(
    ("returned", "error", "text"),
    [
        (lambda dy: (dy, dy), ValueError, "expected to return 1 gradients, but returned 2"),
        (lambda dy: tf.ones([3]), ValueError, "must have that shape"),
        (lambda dy: tf.constant(1), TypeError, "must have that dtype"),
        (lambda dy: "a", (TypeError, ValueError), "a"),
    ],
)
def test_wrong_results_eagerly(returned, error, text):
    @tf.custom_gradient
    def f(x):
        return x * x, returned

    x = tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
    for _ in range(2):
        with pytest.raises(error, match=text):
            tape.gradient(y, x)


@pytest.mark.parametrize(
    ("returned", "error", "text"),
    [
        (lambda dy: (dy, dy), ValueError, "Num gradients 3 generated for op"),
        (lambda dy: tf.ones([3]), ValueError, "Incompatible shapes"),
    ],
)
def test_wrong_results_in_a_graph(returned, error, text):
    @tf.custom_gradient
    def f(x):
        return x * x, returned

    with tf.Graph().as_default():
        x = tf.constant(2.0)
        y = f(x)
        with pytest.raises(error, match=text):
            tf.gradients(y, x)


def test_exception_in_the_gradient_function():
    @tf.custom_gradient
    def f(x):
        def grad(dy):
            raise ArithmeticError("mine")

        return x * x, grad

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    with pytest.raises(ArithmeticError, match="mine"):
        tape.gradient(y, x)
    with tf.Graph().as_default():
        z = tf.constant(1.0)
        with pytest.raises(ArithmeticError, match="mine"):
            tf.gradients(f(z), z)


def test_what_is_not_a_pair():
    f = tf.custom_gradient(lambda x: (x, 3))
    with pytest.raises(TypeError, match="must return"):
        f(tf.constant(1.0))


# --- by name ----------------------------------------------------------------------------------


def test_registered_gradient():
    seen = []

    @tf.RegisterGradient("TestTimesTen")
    def grad(op, dy):
        seen.append((op.type, op.name, op.inputs[0].name, op.outputs[0].name, op.get_attr("T")))
        return dy * 10.0 * op.inputs[0]

    with tf.Graph().as_default() as g:
        x = tf.constant([1.0, 2.0])
        with g.gradient_override_map({"Square": "TestTimesTen"}):
            y = tf.square(x)
        found = [tf.gradients(y, x)[0], tf.gradients(tf.square(x), x)[0]]
        with tf.compat.v1.Session() as session:
            a, b = session.run(found)
    assert a.tolist() == [10.0, 20.0]
    assert b.tolist() == [2.0, 4.0]
    assert seen == [("Square", "Square", "Const:0", "Square:0", tf.float32)]


def test_names_taken_and_wrong():
    tf.RegisterGradient("TestTaken")(lambda op, dy: dy)
    with pytest.raises(KeyError, match="Registering two gradient with name 'TestTaken'"):
        tf.RegisterGradient("TestTaken")(lambda op, dy: dy)
    with pytest.raises(KeyError):
        tf.no_gradient("TestTaken")
    with pytest.raises(TypeError, match="op_type must be a string"):
        tf.RegisterGradient(3)
    with pytest.raises(TypeError, match="op_type must be a string"):
        tf.no_gradient(3)


def test_no_gradient():
    tf.no_gradient("TestCut")
    with tf.Graph().as_default() as g:
        x = tf.constant([1.0, 2.0])
        with g.gradient_override_map({"Square": "TestCut"}):
            y = tf.square(x)
        assert tf.gradients(y, x) == [None]


def test_override_inside_a_function_reaches_its_gradient():
    tf.RegisterGradient("TestTriple")(lambda op, dy: dy * 3.0)

    @tf.function
    def f(x):
        with tf.compat.v1.get_default_graph().gradient_override_map({"Identity": "TestTriple"}):
            return tf.identity(x) * 2.0

    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert float(tape.gradient(y, x)) == 6.0


def test_grad_pass_through():
    def body(x):
        y = tf.grad_pass_through(tf.round)(x)
        return [y, *tf.gradients(y * 3.0, x)]

    for run in MODES:
        y, g = run(body, np.float32([0.4, 1.6]))
        assert y.tolist() == [0.0, 2.0]
        assert g.tolist() == [3.0, 3.0]


def test_recompute_grad():
    v = tf.Variable(2.0)
    calls = []

    @tf.recompute_grad
    def f(x):
        calls.append(1)
        return tf.sin(x * x) * v

    x = tf.constant([0.5, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    gx, gv = tape.gradient(y, [x, v])
    assert len(calls) == 2
    np.testing.assert_allclose(gx.numpy(), 4 * x.numpy() * np.cos(x.numpy() ** 2), rtol=1e-6)
    np.testing.assert_allclose(float(gv), np.sin(x.numpy() ** 2).sum(), rtol=1e-6)
    found = tf.function(lambda x: tf.gradients(f(x), [x, v]))(x)
    np.testing.assert_allclose(found[0].numpy(), gx.numpy(), rtol=1e-6)
    np.testing.assert_allclose(float(found[1]), float(gv), rtol=1e-6)
