"""Conditionals and loops: values, gradients, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from control_cases import both, check_gradient, run

import wengert as tf

# --- cond -------------------------------------------------------------------------------------


def test_cond_in_every_mode() -> None:
    def f(x: Any) -> Any:
        return tf.cond(x > 1.0, lambda: x * x, lambda: x + 10.0)

    assert f(tf.constant(3.0)).numpy() == 9.0
    assert f(tf.constant(0.5)).numpy() == 10.5
    assert both(lambda x: [f(x)], np.float32(3))[0] == 9.0
    assert both(lambda x: [f(x)], np.float32(0.5))[0] == 10.5


def test_only_the_taken_branch_runs() -> None:
    def f(x: Any) -> Any:
        return tf.cond(x > 0, lambda: x, lambda: tf.gather(tf.constant([1]), x + 7))

    assert tf.function(f, autograph=False)(tf.constant(5)).numpy() == 5
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.function(f, autograph=False)(tf.constant(-1))


@pytest.mark.parametrize("x", [0.3, 1.7])
def test_cond_gradients_to_second_order(x: float) -> None:
    check_gradient(lambda x: tf.cond(x > 1.0, lambda: x**3, lambda: tf.sin(x) * x), x, order=2)


@pytest.mark.parametrize("x", [-1.3, 0.4, 2.5])
def test_nested_cond_gradients(x: float) -> None:
    def f(x: Any) -> Any:
        return tf.cond(
            x > 0.0,
            lambda: tf.cond(x > 1.0, lambda: tf.exp(x) * x, lambda: tf.tanh(x)),
            lambda: x * x * x,
        )

    check_gradient(f, x, order=2)


def test_structures_and_python_values() -> None:
    def f(p: Any) -> Any:
        r = tf.cond(p, lambda: {"a": 1, "b": (2.0, [3])}, lambda: {"a": 4, "b": (5.0, [6])})
        return [r["a"], r["b"][0], r["b"][1][0]]

    assert both(f, True) == [1, 2.0, 3]
    assert both(f, False) == [4, 5.0, 6]


def test_shapes_of_branches_are_generalised() -> None:
    with tf.Graph().as_default():
        p = tf.compat.v1.placeholder(tf.bool, [])
        y = tf.cond(p, lambda: tf.zeros([2, 3]), lambda: tf.zeros([4, 3]))
        z = tf.cond(p, lambda: tf.zeros([2]), lambda: tf.zeros([]))
        assert y.shape.as_list() == [None, 3]
        assert z.shape.rank is None
        with tf.compat.v1.Session() as session:
            assert session.run(y, {p: False}).shape == (4, 3)
            assert session.run(y, {p: True}).shape == (2, 3)
            assert session.run(z, {p: False}).shape == ()


def test_results_that_are_operations_or_none() -> None:
    with tf.Graph().as_default():
        p = tf.compat.v1.placeholder(tf.bool, [])
        assert tf.cond(p, lambda: None, lambda: None) is None
        done = tf.cond(p, lambda: tf.no_op(), lambda: tf.no_op())
        assert done.dtype == tf.bool


def test_the_condition_may_be_a_number() -> None:
    def f(n: Any) -> Any:
        return [tf.cond(n, lambda: tf.constant(1.0), lambda: tf.constant(2.0))]

    assert run(lambda: f(tf.constant(3)))[0] == 1.0
    assert run(lambda: f(tf.constant(0.0)))[0] == 2.0


def test_assignments_in_branches() -> None:
    v = tf.Variable(1.0)

    @tf.function(autograph=False)
    def f(p: Any) -> Any:
        tf.cond(p, lambda: v.assign_add(10.0), lambda: v.assign(0.5))
        return v.read_value()

    assert f(tf.constant(True)).numpy() == 11.0
    assert f(tf.constant(False)).numpy() == 0.5
    assert v.numpy() == 0.5


def test_gradient_of_a_cond_in_a_called_function() -> None:
    @tf.function(autograph=False)
    def inner(x: Any) -> Any:
        return tf.cond(x > 1.0, lambda: x**3, lambda: tf.exp(x))

    check_gradient(lambda x: inner(x * 2.0) * x, 0.9, order=2)
    check_gradient(lambda x: inner(x * 2.0) * x, 0.2, order=2)


def test_errors_of_cond() -> None:
    one = lambda: tf.constant(1.0)  # noqa: E731
    with tf.Graph().as_default():
        p = tf.compat.v1.placeholder(tf.bool, [])
        with pytest.raises(TypeError, match="'true_fn' must be callable"):
            tf.cond(p, 3, one)
        with pytest.raises(TypeError, match="'false_fn' argument required"):
            tf.cond(p, one)
        with pytest.raises(TypeError, match="pred must not be a Python bool"):
            tf.cond(True, one, one)
        with pytest.raises(TypeError, match="have different types"):
            tf.cond(p, one, lambda: tf.constant(1))
        with pytest.raises(TypeError, match="overall structure of return values"):
            tf.cond(p, lambda: [one()], lambda: (one(),))
        with pytest.raises(AssertionError, match=r"\[2, 1\]"):
            tf.cond(p, lambda: (one(), one()), one)
        with pytest.raises(ValueError, match="Lengths of branch outputs"):
            tf.cond(p, lambda: None, one)
        names = [op.name for op in tf.compat.v1.get_default_graph().get_operations()]
        assert not [n for n in names if n.startswith("cond") and "/" not in n]


def test_an_exception_in_a_branch_leaves_the_graph_usable() -> None:
    with tf.Graph().as_default() as graph:
        p = tf.constant(True)
        x = tf.constant(2.0)
        with pytest.raises(ZeroDivisionError):
            tf.cond(p, lambda: 1 / 0, lambda: x)
        assert tf.compat.v1.get_default_graph() is graph
        y = tf.cond(p, lambda: x * 2.0, lambda: x)
        with tf.compat.v1.Session() as session:
            assert session.run(y) == 4.0


# --- case, switch_case, Assert ----------------------------------------------------------------


def test_case_takes_the_first_that_holds() -> None:
    def f(x: Any) -> Any:
        return [tf.case([(x > 3.0, lambda: x), (x > 1.0, lambda: x * 10.0)], default=lambda: -x)]

    for value, want in ((4.0, 4.0), (2.0, 20.0), (0.5, -0.5)):
        assert f(tf.constant(value))[0].numpy() == want
        assert both(f, np.float32(value))[0] == want


def test_case_without_default_and_exclusive() -> None:
    def f(x: Any) -> Any:
        return tf.case([(x > 3.0, lambda: x), (x > 1.0, lambda: x * 10.0)])

    def g(x: Any) -> Any:
        pairs = [(x > 3.0, lambda: x), (x > 1.0, lambda: x * 10.0)]
        return tf.case(pairs, default=lambda: x, exclusive=True)

    for call in (lambda h: h, lambda h: tf.function(h, autograph=False)):
        assert call(f)(tf.constant(2.0)).numpy() == 20.0
        with pytest.raises(tf.errors.InvalidArgumentError, match="None of conditions"):
            call(f)(tf.constant(0.0))
        assert call(g)(tf.constant(2.0)).numpy() == 20.0
        with pytest.raises(tf.errors.InvalidArgumentError, match="more than 1 conditions"):
            call(g)(tf.constant(4.0))


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 7])
def test_switch_case(index: int) -> None:
    def f(i: Any, x: Any) -> Any:
        y = tf.switch_case(i, [lambda: x, lambda: x * x, lambda: tf.exp(x)])
        z = tf.switch_case(i, {0: lambda: x, 1: lambda: -x}, default=lambda: x * 5.0)
        return [y, z]

    x = 1.5
    want = [
        [x, x * x, np.exp(x)][index if 0 <= index < 3 else 2],
        [x, -x][index] if index in (0, 1) else x * 5,
    ]
    np.testing.assert_allclose(both(f, np.int32(index), np.float32(x)), want, rtol=1e-6)
    check_gradient(
        lambda x: tf.switch_case(
            tf.constant(index), [lambda: x * x, lambda: tf.sin(x), lambda: tf.exp(x)]
        ),
        x, order=2,
    )  # fmt: skip


def test_errors_of_switch_case() -> None:
    one = lambda: tf.constant(1.0)  # noqa: E731
    with pytest.raises(TypeError, match="must be a Tensor"):
        tf.switch_case(1, [one])
    with pytest.raises(TypeError, match="must be an integer Tensor"):
        tf.switch_case(tf.constant(1.0), [one])
    with pytest.raises(ValueError, match="contiguous range"):
        tf.switch_case(tf.constant(1), {0: one, 5: one})
    with pytest.raises(TypeError, match="must be callable"):
        tf.switch_case(tf.constant(1), [(0, 3)])


def test_assert_in_functions() -> None:
    @tf.function(autograph=False)
    def f(x: Any) -> Any:
        with tf.control_dependencies([tf.Assert(x > 0.0, [x])]):
            return tf.identity(x)

    assert f(tf.constant(2.0)).numpy() == 2.0
    with pytest.raises(tf.errors.InvalidArgumentError):
        f(tf.constant(-2.0))
    with pytest.raises(tf.errors.InvalidArgumentError, match="to be true"):
        tf.Assert(tf.constant(False), [tf.constant(1)])


# --- while_loop -------------------------------------------------------------------------------


def power(x: Any, n: Any) -> Any:
    return tf.while_loop(
        lambda i, y: i < n, lambda i, y: (i + 1, y * x), [tf.constant(0), tf.ones_like(x)]
    )[1]


def test_while_in_every_mode() -> None:
    assert power(tf.constant(2.0), 5).numpy() == 32.0
    assert both(lambda x: [power(x, 5)], np.float32(2))[0] == 32.0
    assert both(lambda x, n: [power(x, n)], np.float32(2), np.int32(0))[0] == 1.0


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_while_gradients_to_second_order(n: int) -> None:
    check_gradient(lambda x: power(x, n) * x, 1.3, order=2)


def test_dynamic_trip_count() -> None:
    def f(x: Any) -> Any:
        return tf.while_loop(lambda y: y < 10.0, lambda y: (y * x,), [x])[0]

    for x in (1.5, 2.2, 11.0):
        check_gradient(f, x, order=2)


def test_vector_state_with_weights() -> None:
    rng = np.random.default_rng(1)
    w = rng.normal(size=(3, 3))

    def f(h: Any) -> Any:
        body = lambda i, h: (i + 1, tf.tanh(tf.matmul(h, tf.constant(w))))  # noqa: E731
        return tf.while_loop(lambda i, h: i < 4, body, [0, h])[1]

    def g(w: Any) -> Any:
        body = lambda i, h: (i + 1, tf.tanh(tf.matmul(h, w)))  # noqa: E731
        start = tf.constant(np.ones((1, 3)))
        return tf.while_loop(lambda i, h: i < 4, body, [0, start])[1]

    check_gradient(f, rng.normal(size=(2, 3)), order=2)
    check_gradient(g, w, order=2)


def test_nested_loops_and_conditionals() -> None:
    def f(x: Any) -> Any:
        def outer(i: Any, y: Any) -> Any:
            _, z = tf.while_loop(lambda j, z: j <= i, lambda j, z: (j + 1, z * x), [0, y])
            return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: z + x, lambda: tf.sin(z))

        return tf.while_loop(lambda i, y: i < 3, outer, [0, tf.ones_like(x)])[1]

    check_gradient(f, 1.1, order=2)


def test_loop_inside_a_branch() -> None:
    def f(x: Any) -> Any:
        return tf.cond(x > 1.0, lambda: power(x, 3), lambda: x * x)

    check_gradient(f, 1.2, order=2)
    check_gradient(f, 0.7, order=2)


def test_loop_inside_a_called_function() -> None:
    @tf.function(autograph=False)
    def inner(x: Any) -> Any:
        return power(x, 3) + tf.sin(x)

    check_gradient(lambda x: inner(x * 2.0) * x, 0.9, order=2)
    check_gradient(
        lambda x: tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, inner(y)), [0, x])[1],
        0.6, order=2,
    )  # fmt: skip


def test_shape_invariants() -> None:
    def f(x: Any) -> Any:
        return tf.while_loop(
            lambda i, a: i < 3, lambda i, a: (i + 1, tf.concat([a, a * x], 0)),
            [tf.constant(0), x],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 2])],
        )[1]  # fmt: skip

    x = np.array([[1.0, 2.0]])
    value = tf.function(f, autograph=False)(tf.constant(x)).numpy()
    want = x
    for _ in range(3):
        want = np.concatenate([want, want * x])
    np.testing.assert_allclose(value, want)
    check_gradient(f, x)
    spec = [tf.TensorSpec([], tf.int32), tf.TensorSpec([None, 2], tf.float64)]
    with tf.Graph().as_default():
        y = tf.while_loop(
            lambda i, a: i < 3, lambda i, a: (i + 1, tf.concat([a, a], 0)),
            [tf.constant(0), tf.constant(x)], shape_invariants=spec,
        )[1]  # fmt: skip
        assert y.shape.as_list() == [None, 2]


def test_maximum_iterations() -> None:
    def f(limit: Any) -> Any:
        return tf.while_loop(
            lambda i: i < 30, lambda i: [i + 1], [tf.constant(0)], maximum_iterations=limit
        )

    assert f(3)[0].numpy() == 3
    assert both(lambda: f(3))[0] == 3
    assert both(lambda n: f(n), np.int32(7))[0] == 7
    with pytest.raises(ValueError, match="must be a scalar"):
        f([3, 4])


def test_structures_as_loop_variables() -> None:
    def f() -> Any:
        i, d = tf.while_loop(
            lambda i, d: i < 3,
            lambda i, d: (i + 1, {"a": d["a"] * 2.0, "b": [d["b"][1], d["b"][0]]}),
            (tf.constant(0), {"a": 1.0, "b": [2, 3]}),
        )
        return [i, d["a"], *d["b"]]

    assert both(f) == [3, 8.0, 3, 2]
    assert [v.numpy() for v in f()] == [3, 8.0, 3, 2]


def test_back_prop_and_integers_cut_gradients() -> None:
    def f(x: Any) -> Any:
        y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), [0, x], back_prop=False)[
            1
        ]
        n = tf.while_loop(lambda i: i < 3, lambda i: (i + 1,), [0])[0]
        return [x * y, tf.gradients(x * y, x)[0], tf.gradients(tf.cast(n, tf.float32) * x, x)[0]]

    np.testing.assert_allclose(both(f, np.float32(2)), [32.0, 16.0, 3.0])


def test_stop_gradient_and_unconnected_variables() -> None:
    def f(x: Any, z: Any) -> Any:
        _, y, w = tf.while_loop(
            lambda i, y, w: i < 2,
            lambda i, y, w: (i + 1, tf.stop_gradient(y) * x, w),
            [0, tf.constant(1.0), z],
        )
        return [*tf.gradients(y, [x, z], unconnected_gradients="zero"), tf.gradients(w, z)[0]]

    np.testing.assert_allclose(both(f, np.float32(1.3), np.float32(2)), [1.3, 0.0, 1.0])


def test_variables_in_loops() -> None:
    v = tf.Variable(1.5)
    count = tf.Variable(0)

    @tf.function(autograph=False)
    def f(x: Any) -> Any:
        def body(i: Any, y: Any) -> Any:
            count.assign_add(1)
            return i + 1, y * v

        y = tf.while_loop(lambda i, y: i < 3, body, [0, x])[1]
        return [y, *tf.gradients(y, [v, x])]

    y, dv, dx = f(tf.constant(2.0))
    np.testing.assert_allclose([y, dv, dx], [6.75, 3 * 2 * 1.5**2, 1.5**3], rtol=1e-6)
    assert count.numpy() == 3


def test_gradients_twice_reuse_the_accumulators() -> None:
    with tf.Graph().as_default() as graph:
        x = tf.constant(2.0)
        y = power(x, 4)
        first = tf.gradients(y, x)[0]
        inputs = len(graph.get_operation_by_name("while").inputs)
        second = tf.gradients(y, x)[0]
        assert len(graph.get_operation_by_name("while").inputs) == inputs
        with tf.compat.v1.Session() as session:
            assert session.run([first, second, y]) == [32.0, 32.0, 16.0]


def test_a_session_that_ran_before_the_gradient() -> None:
    with tf.Graph().as_default():
        x = tf.constant(2.0)
        y = power(x, 4)
        with tf.compat.v1.Session() as session:
            assert session.run(y) == 16.0
            g = tf.gradients(y, x)[0]
            assert session.run(y) == 16.0
            assert session.run(g) == 32.0


def test_many_iterations() -> None:
    def f(x: Any) -> Any:
        y = tf.while_loop(
            lambda i, y: i < 20000, lambda i, y: (i + 1, y * 0.999 + x), [0, tf.zeros_like(x)]
        )[1]
        return [y, tf.gradients(y, x)[0]]

    y, g = tf.function(f, autograph=False)(tf.constant(2.0, tf.float64))
    total = (1 - 0.999**20000) / (1 - 0.999)
    np.testing.assert_allclose([y, g], [2 * total, total], rtol=1e-9)


def test_a_deep_chain_of_conditionals() -> None:
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        p = tf.constant(True)
        y = x
        for _ in range(300):
            y = tf.cond(p, lambda y=y: y * 1.01, lambda y=y: y)
        g = tf.gradients(y, x)[0]
        with tf.compat.v1.Session() as session:
            np.testing.assert_allclose(session.run(g), 1.01**300, rtol=1e-4)


def test_errors_of_while_loop() -> None:
    with tf.Graph().as_default():
        i, x = tf.constant(0), tf.zeros([1])
        with pytest.raises(TypeError, match="'cond' must be callable"):
            tf.while_loop(True, lambda i: i, [i])
        with pytest.raises(TypeError, match="'body' must be callable"):
            tf.while_loop(lambda i: True, 3, [i])
        with pytest.raises(TypeError, match="positive integer"):
            tf.while_loop(lambda i: i < 3, lambda i: i + 1, [i], parallel_iterations=0)
        with pytest.raises(TypeError, match="type should remain constant"):
            tf.while_loop(lambda i: i < 3, lambda i: tf.cast(i, tf.float32), [i])
        body = lambda i, x: (i + 1, tf.concat([x, x], 0))  # noqa: E731
        with pytest.raises(ValueError, match="enters the loop with shape"):
            tf.while_loop(lambda i, x: i < 3, body, [i, x])
        with pytest.raises(ValueError, match="same nested structure"):
            tf.while_loop(lambda i, x: i < 3, lambda i, x: i + 1, [i, x])
        with pytest.raises(ValueError, match="None values not supported"):
            tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x), [i, None])
    with pytest.raises(ValueError, match="'loop_vars' must be provided"):
        tf.while_loop(lambda: True, lambda: (), [])


def test_loops_carry_only_what_is_wanted() -> None:
    @tf.function(autograph=False)
    def value_and_gradient(x: Any, w: Any) -> Any:
        def step(i: Any, h: Any) -> Any:
            return i + 1, tf.tanh(h * w + x[i])

        _, h = tf.while_loop(lambda i, h: i < 5, step, [0, tf.zeros([3])])
        return h, tf.gradients(h, w)[0]

    x, w = tf.constant(np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3)), tf.constant(0.5)
    h, dw = np.zeros(3), np.zeros(3)
    for row in x.numpy():
        h, dw = np.tanh(h * 0.5 + row), (h + 0.5 * dw)
        dw = dw * (1 - h * h)
    got = value_and_gradient(x, w)
    np.testing.assert_allclose(got[0], h, rtol=1e-5)
    np.testing.assert_allclose(got[1], dw.sum(), rtol=1e-5)
    # The gradient of x, which nobody asked for, would add up with a scatter in every iteration.
    last = tf.explain(value_and_gradient, x, w).rsplit("fuse", 1)[-1]
    assert "while" in last
    assert "scatter" not in last.lower()
