"""The contract of tf.gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as tf
from wengert import _core

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as g:
        yield g


def run(fetches: Any, feeds: Any = None) -> Any:
    with v1.Session() as session:
        return session.run(fetches, feeds)


def test_sums_over_ys_and_their_elements() -> None:
    x = tf.constant([1.0, 2.0])
    (g,) = tf.gradients([x * x, 3.0 * x], x)
    np.testing.assert_allclose(run(g), [5.0, 7.0])


def test_one_result_per_x_of_its_shape_and_dtype() -> None:
    x, y = tf.constant([[1.0, 2.0]]), tf.constant(3.0, tf.float32)
    grads = tf.gradients(x * y, [x, y])
    assert [g.shape.as_list() for g in grads] == [[1, 2], []]
    assert [g.dtype for g in grads] == [tf.float32, tf.float32]
    np.testing.assert_allclose(run(grads[1]), 3.0)


def test_x_of_itself_is_one() -> None:
    x = tf.constant([1.0, 2.0])
    np.testing.assert_allclose(run(tf.gradients(x, x)[0]), [1.0, 1.0])


def test_unconnected_is_none() -> None:
    x, y = tf.constant(1.0), tf.constant(2.0)
    assert tf.gradients(y * y, [x, y])[0] is None


@pytest.mark.parametrize("choice", ["zero", tf.UnconnectedGradients.ZERO])
def test_unconnected_is_zero_on_request(choice: Any) -> None:
    x, y = tf.constant([1.0, 2.0]), tf.constant(2.0)
    g = tf.gradients(y * y, x, unconnected_gradients=choice)[0]
    np.testing.assert_array_equal(run(g), [0.0, 0.0])


def test_unknown_choice_for_unconnected() -> None:
    x = tf.constant(1.0)
    with pytest.raises(ValueError, match="unconnected_gradients"):
        tf.gradients(x, x, unconnected_gradients="nonsense")


def test_integers_carry_no_gradient() -> None:
    x = tf.constant([1.0, 2.0])
    y = tf.cast(tf.cast(x, tf.int32), tf.float32) * 2.0
    assert tf.gradients(y, x) == [None]


def test_stop_gradient_op() -> None:
    x = tf.constant(3.0)
    np.testing.assert_allclose(run(tf.gradients(x * tf.stop_gradient(x), x)[0]), 3.0)


def test_stop_gradients_gives_partial_derivatives() -> None:
    a = tf.constant(2.0)
    b = 3.0 * a
    total = tf.gradients(a + b, [a, b])
    partial = tf.gradients(a + b, [a, b], stop_gradients=[a, b])
    assert run(total) == [4.0, 1.0]
    assert run(partial) == [1.0, 1.0]


def test_inner_node_as_x() -> None:
    x = tf.constant(2.0)
    h = x * x
    y = h * h * h
    g = tf.gradients(y, [h, x])
    np.testing.assert_allclose(run(g), [48.0, 192.0])


def test_grad_ys() -> None:
    x = tf.constant([1.0, 2.0])
    g = tf.gradients([x * x, x], x, grad_ys=[tf.constant([1.0, 10.0]), None])[0]
    np.testing.assert_allclose(run(g), [3.0, 41.0])


def test_linear_in_grad_ys() -> None:
    x = tf.constant([0.3, 0.4])
    w = v1.placeholder(tf.float32, [2])
    g = tf.gradients(tf.sin(x), x, grad_ys=w)[0]
    first, second = run(g, {w: [1.0, 2.0]}), run(g, {w: [2.0, 4.0]})
    np.testing.assert_allclose(2 * first, second, rtol=1e-6)


@pytest.mark.parametrize("bad", [[1.0, 2.0, 3.0], [[1.0]]])
def test_grad_ys_of_wrong_shape(bad: Any) -> None:
    x = tf.constant([1.0, 2.0])
    with pytest.raises(ValueError, match="shape"):
        tf.gradients(tf.tanh(x) * x, x, grad_ys=[tf.constant(bad)])


def test_number_of_grad_ys() -> None:
    x = tf.constant(1.0)
    with pytest.raises(ValueError, match="Length mismatch"):
        tf.gradients([x, x], x, grad_ys=[None])


def test_complex_y_needs_grad_ys() -> None:
    x = tf.constant([1.0 + 1.0j], tf.complex64)
    with pytest.raises(TypeError, match="complex"):
        tf.gradients(x * x, x)
    g = tf.gradients(x * x, x, grad_ys=[tf.ones_like(x)])[0]
    np.testing.assert_allclose(run(g), [2.0 - 2.0j])


def test_duplicates() -> None:
    x = tf.constant(3.0)
    y = x * x
    assert run(tf.gradients([y, y], [x, x])) == [12.0, 12.0]


def test_second_and_third_order() -> None:
    x = tf.constant(2.0, tf.float64)
    y = x**4.0
    results = []
    for _ in range(4):
        (y,) = tf.gradients(y, x)
        results.append(y)
    np.testing.assert_allclose(run(results), [32.0, 48.0, 48.0, 24.0])


def test_hessian_is_symmetric() -> None:
    x = tf.constant([0.1, 0.2, 0.3], tf.float64)
    y = tf.reduce_sum(tf.sin(x)) * tf.reduce_prod(x)
    g = tf.gradients(y, x)[0]
    hessian = run([tf.gradients(g[i], x)[0] for i in range(3)])
    np.testing.assert_allclose(hessian, np.transpose(hessian), rtol=1e-12)


def test_gather_gives_indexed_slices() -> None:
    x = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    g = tf.gradients(tf.gather(x, [2, 0, 2]), x)[0]
    assert isinstance(g, tf.IndexedSlices)
    value = run(g)
    np.testing.assert_array_equal(value.indices, [2, 0, 2])
    np.testing.assert_array_equal(value.values, np.ones((3, 2)))
    dense = run(tf.convert_to_tensor(g))
    np.testing.assert_array_equal(dense, [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]])


def test_sparse_and_dense_gradients_add_up() -> None:
    x = tf.constant([1.0, 2.0, 3.0])
    g = tf.gradients([tf.gather(x, [0, 0]), x * x], x)[0]
    np.testing.assert_allclose(run(tf.convert_to_tensor(g)), [4.0, 4.0, 6.0])


def test_long_chain_needs_no_recursion() -> None:
    x = y = tf.constant(1.0)
    for _ in range(100_000):
        y = -y
    assert run(tf.gradients(y, x)[0]) == 1.0


def test_cost_depends_on_what_lies_between() -> None:
    g = v1.get_default_graph()
    x = tf.constant(1.0)
    unrelated = x
    for _ in range(1000):
        unrelated = unrelated + 1.0
    before = g.num_operations
    tf.gradients(x * x, x)
    assert g.num_operations - before < 10


def test_names() -> None:
    x = tf.constant([1.0, 2.0], name="x")
    y = x * x
    first, second = tf.gradients(y, x)[0], tf.gradients(y, x)[0]
    assert first.name == "gradients/AddN:0"
    assert second.name == "gradients_1/AddN:0"
    assert tf.gradients(tf.tanh(x), x, name="mine")[0].name == "mine/Tanh_grad/TanhGrad:0"
    names = [op.name for op in v1.get_default_graph().get_operations()]
    assert "gradients/mul_grad/Mul" in names
    assert len(names) == len(set(names))


def test_scope_around() -> None:
    x = tf.constant(1.0)
    with tf.name_scope("outer"):
        y = tf.exp(x)
        g = tf.gradients(y, x)[0]
    assert g.name == "outer/gradients/outer/Exp_grad/mul:0"


@pytest.mark.parametrize("method", [0, 1, 2])
def test_aggregation_methods_agree(method: int) -> None:
    x = tf.constant(2.0)
    g = tf.gradients(x * x + x * 3.0 + tf.exp(x), x, aggregation_method=method)[0]
    np.testing.assert_allclose(run(g), 7.0 + np.exp(2.0), rtol=1e-6)


def test_unknown_aggregation_method() -> None:
    x = tf.constant(1.0)
    with pytest.raises(ValueError, match="aggregation_method"):
        tf.gradients(x, x, aggregation_method=7)


@pytest.mark.parametrize("option", ["gate_gradients", "colocate_gradients_with_ops"])
def test_options_change_no_value(option: str) -> None:
    x, y = tf.constant(2.0), tf.constant(3.0)
    assert run(v1.gradients(x * y, [x, y], **{option: True})) == [3.0, 2.0]


def test_no_gradient_registered() -> None:
    x = tf.constant(0.5)
    y = tf.raw_ops.NextAfter(x1=tf.cast(x, tf.float64), x2=tf.constant(1.0, tf.float64))
    y = tf.raw_ops.PreventGradient(input=y, message="not here")
    with pytest.raises(LookupError, match="not here"):
        tf.gradients(y, x)


def test_registered_gradient_in_python(graph: Any) -> None:
    seen = []

    def doubled(op: Any, dy: Any) -> Any:
        seen.append(op.type)
        return 2.0 * dy

    _core.register_gradient("TestDoubled", doubled)
    x = tf.constant(1.0)
    with graph.gradient_override_map({"Identity": "TestDoubled"}):
        y = tf.identity(x)
    assert run(tf.gradients(y * 3.0, x)[0]) == 6.0
    assert seen == ["Identity"]
    assert run(tf.gradients(tf.identity(x), x)[0]) == 1.0


def test_error_in_a_python_gradient(graph: Any) -> None:
    def failing(op: Any, dy: Any) -> Any:
        raise ZeroDivisionError("mine")

    _core.register_gradient("TestFailing", failing)
    x = tf.constant(1.0)
    with graph.gradient_override_map({"Identity": "TestFailing"}):
        y = tf.identity(x)
    with pytest.raises(ZeroDivisionError, match="mine"):
        tf.gradients(y, x)
    assert run(tf.gradients(x * x, x)[0]) == 2.0


def test_gradient_of_the_own_graph_only() -> None:
    x = tf.constant(1.0)
    with tf.Graph().as_default(), pytest.raises((ValueError, TypeError)):
        tf.gradients(x * x, x)


def test_variable_as_x() -> None:
    v = tf.Variable(3.0)
    (g,) = tf.gradients(v * v, v)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        assert session.run(g) == 6.0


def test_chain_rule_through_grad_ys() -> None:
    x = tf.constant([0.2, 0.5], tf.float64)
    h = tf.sin(x)
    y = tf.exp(h)
    whole = tf.gradients(y, x)[0]
    parts = tf.gradients(h, x, grad_ys=tf.gradients(y, h))[0]
    np.testing.assert_allclose(*run([whole, parts]), rtol=1e-15)
