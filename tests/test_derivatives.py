"""Jacobians, Hessians, products with vectors, forward mode, numeric checks."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as tf


def banded(x):
    """y[i] depends on x[i-1], x[i], x[i+1]."""
    padded = tf.pad(x, [[1, 1]])
    return padded[:-2] * x - tf.sin(padded[2:]) + x**2


def dense_reference(x):
    n = len(x)
    j = np.zeros((n, n))
    for i in range(n):
        j[i, i] = 2 * x[i] + (x[i - 1] if i else 0)
        if i:
            j[i, i - 1] = x[i]
        if i + 1 < n:
            j[i, i + 1] = -np.cos(x[i + 1])
    return j


X = np.linspace(0.1, 2.0, 24)


@pytest.mark.parametrize("sparsity", [None, "detect", "known"])
def test_jacobian_of_a_function(sparsity):
    pattern = dense_reference(X) != 0 if sparsity == "known" else sparsity
    j = tf.jacobian(banded, tf.constant(X), sparsity=pattern)
    np.testing.assert_allclose(j.numpy(), dense_reference(X), rtol=1e-12, atol=1e-14)


def test_banded_jacobian_costs_few_sweeps():
    from wengert._derivatives import Pullback
    from wengert._sparsity import colour_rows, compressed_rows, detect

    x = np.linspace(0.1, 2.0, 300)
    pullback = Pullback(banded, tf.constant(x))
    sweeps = []

    def row(weights):
        sweeps.append(1)
        return pullback.row(weights)

    pattern = detect(row, 300, 300)
    np.testing.assert_array_equal(pattern, dense_reference(x) != 0)
    assert len(sweeps) < 60
    assert colour_rows(pattern).max() == 2
    del sweeps[:]
    compressed_rows(pattern, row)
    assert len(sweeps) == 3


def test_block_pattern_and_empty_rows():
    def f(x):
        return tf.concat([x[:2] * x[1], tf.zeros([3], x.dtype), x[2:] ** 2], 0)

    x = tf.constant([1.0, 2.0, 3.0, 4.0])
    want = tf.jacobian(f, x).numpy()
    assert want.shape == (7, 4)
    np.testing.assert_allclose(tf.jacobian(f, x, sparsity="detect").numpy(), want)
    np.testing.assert_array_equal(tf.jacobian_sparsity(f, x), want != 0)


def test_shapes():
    j = tf.jacobian(lambda x: tf.reduce_sum(x, 0), tf.ones([2, 3]))
    assert j.shape.as_list() == [3, 2, 3]
    assert tf.jacobian(lambda x: tf.reduce_sum(x) ** 2, tf.ones([2])).numpy().tolist() == [4, 4]
    assert tf.jacobian(lambda x: x[:0], tf.ones([2])).shape.as_list() == [0, 2]


def test_jacobian_in_a_graph():
    pattern = dense_reference(X) != 0

    @tf.function
    def f(x):
        y = banded(x)
        return tf.jacobian(y, x), tf.jacobian(y, x, sparsity=pattern)

    for j in f(tf.constant(X)):
        np.testing.assert_allclose(j.numpy(), dense_reference(X), rtol=1e-12, atol=1e-14)


def test_hessian_and_product():
    def f(x):
        return tf.reduce_sum(x**3) + tf.reduce_prod(x)

    x, v = tf.constant([1.0, 2.0, 3.0], tf.float64), tf.constant([1.0, -1.0, 2.0], tf.float64)
    want = np.array([[6.0, 3.0, 2.0], [3.0, 12.0, 1.0], [2.0, 1.0, 18.0]])
    np.testing.assert_allclose(tf.hessian(f, x).numpy(), want)
    np.testing.assert_allclose(tf.hessian(f, x, sparsity="detect").numpy(), want)
    np.testing.assert_allclose(tf.hvp(f, x, v).numpy(), want @ v.numpy())

    @tf.function
    def g(x, v):
        y = f(x)
        return tf.hessian(y, x), tf.hvp(y, x, v)

    h, p = g(x, v)
    np.testing.assert_allclose(h.numpy(), want)
    np.testing.assert_allclose(p.numpy(), want @ v.numpy())


def test_linear_functions_have_zero_hessians():
    x = tf.constant([1.0, 2.0])
    assert tf.hessian(lambda x: 3.0 * x, x).numpy().tolist() == [[0, 0], [0, 0]]
    assert tf.hvp(lambda x: 3.0 * x, x, x).numpy().tolist() == [0, 0]


def test_functions_are_traced_once_and_let_go():
    import gc
    import weakref

    traced = []

    def f(x):
        traced.append(1)
        return tf.reduce_sum(x**3)

    for k in range(3):
        x = tf.constant([1.0, 2.0 + k])
        assert tf.hvp(f, x, x).numpy().tolist() == [6.0, 6.0 * (2.0 + k) ** 2]
        tf.hessian(f, x)
    assert len(traced) <= 4
    dead = weakref.ref(f)
    del f
    gc.collect()
    assert dead() is None


def test_bad_arguments():
    x = tf.constant([1.0, 2.0])
    with pytest.raises(TypeError, match="Pass the function"):
        tf.jacobian(x * x, x)
    with pytest.raises(ValueError, match=r"must have shape \(2, 2\)"):
        tf.jacobian(lambda x: x * x, x, sparsity=np.ones((3, 2), bool))
    with pytest.raises(ValueError, match="'detect'"):
        tf.jacobian(lambda x: x * x, x, sparsity="guess")
    with pytest.raises(TypeError, match="floating"):
        tf.jacobian(lambda x: x * x, tf.constant([1, 2]))


# --- forward mode -----------------------------------------------------------------------------


def test_forward_accumulator():
    x = tf.constant([2.0, 3.0])
    with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 0.5])) as acc:
        y = x * x
        z = tf.reduce_sum(y)
    assert acc.jvp(y).numpy().tolist() == [4.0, 3.0]
    assert [float(v) for v in acc.jvp([z, z])] == [7.0, 7.0]
    assert acc.jvp(x).numpy().tolist() == [1.0, 0.5]
    assert acc.jvp(tf.constant(1.0)) is None
    zero = acc.jvp(tf.constant([1.0]), unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert zero.numpy().tolist() == [0.0]


def test_forward_over_reverse():
    x, v = tf.constant([1.0, 2.0]), tf.constant([1.0, 0.0])
    with tf.autodiff.ForwardAccumulator(x, v) as acc:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(x**3)
        g = tape.gradient(y, x)
    assert acc.jvp(g).numpy().tolist() == [6.0, 0.0]


def test_nested_accumulators():
    x = tf.constant(2.0)
    one = tf.constant(1.0)
    with tf.autodiff.ForwardAccumulator(x, one) as outer:
        with tf.autodiff.ForwardAccumulator(x, one) as inner:
            y = x**3
        inside = inner.jvp(y)
    assert float(inside) == 12.0
    assert float(outer.jvp(inside)) == 12.0
    assert float(outer.jvp(inner.jvp(y))) == 12.0


def test_reverse_over_forward():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        with tf.autodiff.ForwardAccumulator(x, tf.constant(1.0)) as acc:
            y = x**3
        j = acc.jvp(y)
    assert float(tape.gradient(j, x)) == 12.0


def test_forward_mode_of_variables_and_functions():
    v = tf.Variable([1.0, 2.0])
    f = tf.function(lambda x: x * tf.sin(x))
    with tf.autodiff.ForwardAccumulator(v, tf.constant([1.0, 0.0])) as acc:
        y = f(v.value())
    np.testing.assert_allclose(acc.jvp(y).numpy(), [np.sin(1) + np.cos(1), 0], rtol=1e-6)
    assert acc.jvp(v).numpy().tolist() == [1.0, 0.0]

    @tf.function
    def g(x, t):
        with tf.autodiff.ForwardAccumulator(x, t) as acc:
            y = tf.sin(x) * x
        return acc.jvp(y)

    found = g(tf.constant(2.0), tf.constant(1.0))
    np.testing.assert_allclose(float(found), np.sin(2) + 2 * np.cos(2), rtol=1e-5)


def test_forward_accumulator_checks_its_arguments():
    x = tf.constant([1.0, 2.0])
    accumulator = tf.autodiff.ForwardAccumulator
    with pytest.raises(ValueError, match="has shape"):
        accumulator(x, tf.constant(1.0))
    with pytest.raises(ValueError, match="dtype"):
        accumulator(x, tf.constant([1, 2]))
    with pytest.raises(ValueError, match="multiple times"):
        accumulator([x, x], [x, x])
    with pytest.raises(ValueError, match="structure"):
        accumulator([x], x)
    acc = accumulator(x, x)
    with acc, pytest.raises(ValueError, match="already recording"), acc:
        pass
    with pytest.raises(TypeError, match="jvp takes tensors"):
        acc.jvp(3.0)


# --- hessians ---------------------------------------------------------------------------------


def test_hessians_are_for_graphs():
    a = tf.constant(1.0)
    with pytest.raises(RuntimeError, match="not supported when eager execution is enabled"):
        tf.hessians(a * a, a)


def test_hessians():
    @tf.function
    def f(x, y):
        z = tf.reduce_sum(x**3) * tf.reduce_sum(y**2)
        return tf.hessians(z, [x, y])

    x, y = np.array([1.0, 2.0]), np.array([[3.0], [4.0]])
    hx, hy = f(tf.constant(x), tf.constant(y))
    np.testing.assert_allclose(hx.numpy(), np.diag(6 * x) * 25)
    np.testing.assert_allclose(hy.numpy().reshape(2, 2), np.eye(2) * 2 * 9)
    assert hy.shape.as_list() == [2, 1, 2, 1]
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float64, [None])
        h = tf.compat.v1.hessians(tf.reduce_sum(x**4), x)[0]
        with tf.compat.v1.Session() as session:
            got = session.run(h, {x: [1.0, 2.0, 3.0]})
    np.testing.assert_allclose(got, np.diag([12.0, 48.0, 108.0]))


def test_hessians_of_linear_functions_are_an_error():
    with tf.Graph().as_default():
        x = tf.constant([1.0, 2.0])
        with pytest.raises(ValueError, match="None values not supported"):
            tf.hessians(x * 2.0, x)


@pytest.mark.parametrize("rows", [3, 40])
def test_many_rows_at_once(rows):
    w = np.random.default_rng(0).normal(size=(rows, 5))

    def f(x):
        return tf.tanh(tf.linalg.matvec(tf.constant(w), x))

    x = np.linspace(-1, 1, 5)
    want = (1 - np.tanh(w @ x) ** 2)[:, None] * w
    np.testing.assert_allclose(tf.jacobian(f, tf.constant(x)).numpy(), want, rtol=1e-12)
    in_graph = tf.function(lambda x: tf.jacobian(f(x), x))
    np.testing.assert_allclose(in_graph(tf.constant(x)).numpy(), want, rtol=1e-12)


def test_jacobian_of_unknown_shape():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64)])
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * x
        return tf.jacobian(y, x), tape.jacobian(y, x)

    for j in f(tf.constant([1.0, 2.0, 3.0], tf.float64)):
        np.testing.assert_allclose(j.numpy(), np.diag([2.0, 4.0, 6.0]))


# --- numeric checks ---------------------------------------------------------------------------


def test_compute_gradient():
    theory, numeric = tf.test.compute_gradient(
        lambda x, y: x * y, [np.array([1.0, 2.0]), np.array(3.0)]
    )
    np.testing.assert_allclose(theory[0], 3 * np.eye(2))
    np.testing.assert_allclose(theory[1], [[1.0], [2.0]])
    for a, b in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_compute_gradient_of_complex_numbers():
    theory, numeric = tf.test.compute_gradient(lambda z: z * z, [np.array([1 + 2j], np.complex64)])
    np.testing.assert_allclose(theory[0], [[2, -4], [4, 2]])
    np.testing.assert_allclose(numeric[0], theory[0], rtol=1e-3)


def test_compute_gradient_takes_a_list():
    with pytest.raises(ValueError, match="must be a list or tuple"):
        tf.test.compute_gradient(lambda x: x * x, np.array([1.0]))
    with pytest.raises(AssertionError, match="unsupported type int64 of argument 0"):
        tf.test.compute_gradient(lambda x: x * x, [np.array([1])])


def test_check_gradients():
    x = np.array([0.5, 1.0])
    assert tf.check_gradients(tf.sin, [x]) < 1e-8
    assert tf.check_gradients(lambda x, y: [x * y, tf.exp(x)], [x, x + 1], order=3) < 1e-6
    assert tf.check_gradients(tf.sin, [x.astype(np.float32)]) < 1e-2
    assert tf.check_gradients(lambda x, i: tf.gather(x, i), [x, np.array([1, 1])]) < 1e-8


def test_check_gradients_names_the_worst_entry():
    @tf.custom_gradient
    def wrong(x):
        return x * x, lambda dy: dy * tf.constant([1.0, 2.0, 7.0], tf.float64) * x

    with pytest.raises(AssertionError, match=r"order 1 with respect to argument 0 at \[2\]"):
        tf.check_gradients(wrong, [np.array([0.0, 1.0, 2.0])])


def test_check_gradients_of_second_order_sees_a_wrong_second_derivative():
    @tf.custom_gradient
    def half_right(x):
        return x**3, lambda dy: dy * 3.0 * tf.stop_gradient(x) * x

    with pytest.raises(AssertionError, match="order 2"):
        tf.check_gradients(half_right, [np.array([1.0, 2.0])], order=2)


def test_check_gradients_checks_its_arguments():
    with pytest.raises(TypeError, match="list of the arguments"):
        tf.check_gradients(tf.sin, np.array([1.0]))
    with pytest.raises(ValueError, match="order"):
        tf.check_gradients(tf.sin, [np.array([1.0])], order=0)
    with pytest.raises(ValueError, match="nothing to differentiate"):
        tf.check_gradients(lambda x: x, [np.array([1])])
