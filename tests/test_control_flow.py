"""Conditionals, loops, TensorArray, functional loops: values, gradients, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as tf
from wengert import _core

pytestmark = pytest.mark.skipif(
    "EmptyTensorList" not in _core.op_names(), reason="needs the ops of lists"
)


def run(build: Callable[[], Any], feed: dict[Any, Any] | None = None) -> Any:
    """What `build` gives in a plain graph."""
    with tf.Graph().as_default() as graph:
        fetches = build()
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run(fetches, feed)


def both(build: Callable[..., Any], *args: Any) -> list[Any]:
    """Results in a plain graph and in a traced function."""
    in_graph = run(lambda: build(*[tf.constant(a) for a in args]))
    in_function = tf.function(build, autograph=False)(*[tf.constant(a) for a in args])
    for a, b in zip(tf.nest.flatten(in_graph), tf.nest.flatten(in_function), strict=True):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-6)
    return list(in_graph)


def check_gradient(f: Callable[[Any], Any], x: Any, order: int = 1, rtol: float = 1e-6) -> None:
    """The gradient of sum(f) in float64 against central differences, up to `order`."""

    def value(x: Any) -> Any:
        return tf.reduce_sum(f(x))

    def derivative(x: Any) -> Any:
        return tf.gradients(value(x), x)[0]

    def second(x: Any) -> Any:
        weights = tf.constant(np.linspace(0.5, 1.5, int(np.size(x0))).reshape(np.shape(x0)))
        return tf.gradients(tf.reduce_sum(derivative(x) * weights), x)[0]

    def weighted(x: Any) -> Any:
        weights = tf.constant(np.linspace(0.5, 1.5, int(np.size(x0))).reshape(np.shape(x0)))
        return tf.reduce_sum(derivative(x) * weights)

    x0 = np.asarray(x, np.float64)
    pairs = [(value, derivative), (weighted, second)][:order]
    for function, gradient in pairs:
        call = tf.function(function, autograph=False)
        analytic = tf.function(gradient, autograph=False)(tf.constant(x0)).numpy()
        numeric = np.zeros_like(x0)
        for i in np.ndindex(x0.shape):
            h = 1e-5 * max(1.0, abs(x0[i]))
            up, down = x0.copy(), x0.copy()
            up[i] += h
            down[i] -= h
            numeric[i] = (call(tf.constant(up)).numpy() - call(tf.constant(down)).numpy()) / (2 * h)
        np.testing.assert_allclose(analytic, numeric, rtol=rtol * 100, atol=1e-7)


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


# --- TensorArray ------------------------------------------------------------------------------


def test_tensor_array_methods() -> None:
    def f(x: Any) -> Any:
        ta = tf.TensorArray(tf.float32, size=3, clear_after_read=False).unstack(x)
        grown = tf.TensorArray(tf.float32, size=0, dynamic_size=True).write(2, 5.0)
        parts = tf.TensorArray(tf.float32, size=2, infer_shape=False, clear_after_read=False).split(
            x, [1, 2]
        )
        scattered = tf.TensorArray(tf.float32, size=3).scatter([2, 0, 1], x)
        return [
            ta.read(1), ta.stack(), ta.gather([2, 0]), ta.size(), grown.stack(), grown.size(),
            parts.read(1), parts.concat(), scattered.stack(),
        ]  # fmt: skip

    x = np.array([1.0, 2.0, 3.0], np.float32)
    want = [2.0, x, [3.0, 1.0], 3, [0, 0, 5.0], 3, [2.0, 3.0], x, [2.0, 3.0, 1.0]]
    for got in (both(f, x), f(tf.constant(x))):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(np.asarray(a), b)


def test_tensor_array_gradients() -> None:
    def f(x: Any) -> Any:
        ta = tf.TensorArray(tf.float64, size=3).unstack(x * x)
        other = tf.TensorArray(tf.float64, size=2).write(0, ta.read(1)).write(1, x[0] * x[2])
        parts = tf.TensorArray(tf.float64, size=2, infer_shape=False).split(tf.sin(x), [1, 2])
        moved = tf.TensorArray(tf.float64, size=3).scatter([2, 0, 1], x)
        return (
            tf.reduce_sum(other.stack() ** 2) + tf.reduce_sum(parts.concat() ** 2)
            + tf.reduce_sum(moved.gather([0, 2]) ** 3)
        )  # fmt: skip

    check_gradient(f, [0.4, 1.1, -0.7], order=2)


def test_tensor_array_in_a_loop() -> None:
    def f(x: Any) -> Any:
        ta = tf.TensorArray(x.dtype, size=4)
        _, ta = tf.while_loop(
            lambda i, t: i < 4,
            lambda i, t: (i + 1, t.write(i, x * tf.cast(i, x.dtype) ** 2)),
            [0, ta],
        )
        return ta.stack() ** 2

    check_gradient(f, 1.5, order=2)
    np.testing.assert_allclose(f(tf.constant(1.5)), both(lambda x: [f(x)], np.float32(1.5))[0])


def test_errors_of_tensor_array() -> None:
    ta = tf.TensorArray(tf.float32, size=2)
    with pytest.raises(tf.errors.OutOfRangeError, match="Tried to read from index 5"):
        ta.read(5)
    with pytest.raises(tf.errors.OutOfRangeError, match="not resizeable"):
        ta.write(5, 1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="dtype"):
        ta.write(0, tf.constant(1))
    with pytest.raises(ValueError, match="Incompatible shape"):
        ta.write(0, [1.0]).write(1, [1.0, 2.0])
    once = tf.TensorArray(tf.float32, size=1).unstack([1.0])
    once.read(0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="cleared"):
        once.read(0)
    with pytest.raises(ValueError, match="Size must be declared"):
        tf.TensorArray(tf.float32)
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match="Inconsistent shapes"):
            tf.TensorArray(tf.float32, 2).write(0, [1.0]).write(1, [1.0, 2.0])
        with pytest.raises(ValueError, match="must be provided"):
            tf.TensorArray(tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(lambda: tf.TensorArray(tf.float32, 2, element_shape=[]).read(tf.constant(5)))


# --- map_fn, scan, foldl, foldr, vectorized_map -------------------------------------------------


def test_map_fn() -> None:
    x = np.arange(6, dtype=np.float32).reshape(3, 2)

    def f(x: Any) -> Any:
        a = tf.map_fn(lambda r: tf.reduce_sum(r) ** 2, x)
        b = tf.map_fn(
            lambda t: {"s": t[0] + 1.0, "n": tf.size(t[1])}, (x, x),
            fn_output_signature={"s": tf.float32, "n": tf.int32},
        )  # fmt: skip
        return [a, b["s"], b["n"]]

    for got in (both(f, x), f(tf.constant(x))):
        np.testing.assert_allclose(np.asarray(got[0]), x.sum(1) ** 2)
        np.testing.assert_allclose(np.asarray(got[1]), x + 1)
        np.testing.assert_array_equal(np.asarray(got[2]), [2, 2, 2])
    check_gradient(lambda x: tf.map_fn(lambda r: tf.reduce_sum(r * r * r), x), x + 0.5, order=2)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("start", [None, 2.0])
def test_scan(reverse: bool, start: float | None) -> None:
    x = np.array([1.5, 2.0, 0.5])

    def f(x: Any) -> Any:
        initial = None if start is None else tf.constant(start, x.dtype)
        return tf.scan(lambda a, b: a * b + b, x, initializer=initial, reverse=reverse)

    order = x[::-1] if reverse else x
    want, a = [], start
    for b in order:
        a = b if a is None else a * b + b
        want.append(a)
    if reverse:
        want.reverse()
    for got in (both(lambda x: [f(x)], x)[0], f(tf.constant(x)).numpy()):
        np.testing.assert_allclose(got, want)
    check_gradient(f, x, order=2)


def test_foldl_and_foldr() -> None:
    x = np.array([1.5, 2.0, 0.5])

    def f(x: Any) -> Any:
        step = lambda a, b: a * b + b  # noqa: E731
        return [
            tf.foldl(step, x), tf.foldr(step, x),
            tf.foldl(step, x, initializer=tf.constant(1.0, tf.float64)),
            tf.foldr(step, x, initializer=tf.constant(1.0, tf.float64)),
        ]  # fmt: skip

    want = [3.0, 4.5, 3.5, 6.0]
    want = [(1.5 * 2 + 2) * 0.5 + 0.5, (0.5 * 2 + 2) * 1.5 + 1.5,
            ((1.5 + 1.5) * 2 + 2) * 0.5 + 0.5, ((0.5 + 0.5) * 2 + 2) * 1.5 + 1.5]  # fmt: skip
    np.testing.assert_allclose(both(f, x), want)
    np.testing.assert_allclose([v.numpy() for v in f(tf.constant(x))], want)
    check_gradient(lambda x: tf.add_n(f(x)), x, order=2)


def test_unknown_length() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)], autograph=False)
    def f(x: Any) -> Any:
        y = tf.map_fn(lambda r: tf.reduce_sum(r * r), x)
        return y, tf.gradients(y, x)[0]

    for n in (0, 1, 4):
        x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
        y, g = f(tf.constant(x))
        np.testing.assert_allclose(y, (x * x).sum(1))
        np.testing.assert_allclose(g, 2 * x)


ROWS = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
MATRICES = np.arange(24, dtype=np.float32).reshape(3, 2, 4) / 11
WEIGHTS = np.arange(20, dtype=np.float32).reshape(4, 5) / 9


@pytest.mark.parametrize(
    ("fn", "elems"),
    [
        (lambda r: tf.reduce_sum(r * r), ROWS),
        (lambda r: tf.matmul(r[None], WEIGHTS)[0], ROWS),
        (lambda r: r[:, None] * r, ROWS),
        (lambda r: tf.reduce_sum(r) * tf.constant(WEIGHTS), ROWS),
        (lambda m: tf.matmul(m, WEIGHTS), MATRICES),
        (lambda t: (t[0] + 1.0, tf.matmul(t[1], t[0][:, None])), (ROWS, MATRICES)),
        (lambda r: tf.constant(WEIGHTS), ROWS),
        (lambda i: tf.gather(WEIGHTS, i, axis=1), np.array([0, 2, 1])),
        (lambda r: tf.stack([r, r * 2.0, tf.constant(WEIGHTS)[:, 0]], 1), ROWS),
        (lambda r: tf.concat([r, tf.constant(WEIGHTS)[:, 1]], 0), ROWS),
        (lambda m: tf.reshape(tf.transpose(m), [-1, 2])[1:, ::-1], MATRICES),
        (lambda r: tf.where(r > 0.5, r, 0.0), ROWS),
        (lambda r: tf.nn.softmax(r), ROWS),
        (lambda m: tf.einsum("ij,jk->ik", m, WEIGHTS), MATRICES),
        (lambda m: m - tf.reduce_mean(m, axis=0, keepdims=True), MATRICES),
        (lambda r: tf.cumsum(r, reverse=True), ROWS),
        (lambda r: tf.cond(r[0] > 1.0, lambda: r, lambda: -r), ROWS),  # by a loop
    ],
)
def test_vectorized_map(fn: Any, elems: Any) -> None:
    as_tensors = tf.nest.map_structure(tf.constant, elems)
    rows = [
        fn(tf.nest.map_structure(lambda e: e[i], as_tensors))  # noqa: B023
        for i in range(3)
    ]
    want = tf.nest.map_structure(lambda *r: np.stack([v.numpy() for v in r]), *rows)
    got = tf.vectorized_map(fn, as_tensors, warn=False)
    for a, b in zip(tf.nest.flatten(got), tf.nest.flatten(want), strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-5)


def test_vectorized_map_has_no_loop() -> None:
    with tf.Graph().as_default() as graph:
        x = tf.constant(ROWS)
        y = tf.vectorized_map(lambda r: tf.reduce_sum(tf.sin(r)), x)
        g = tf.gradients(y, x)[0]
        assert not [op for op in graph.get_operations() if "While" in op.type]
        with tf.compat.v1.Session() as session:
            np.testing.assert_allclose(session.run(g), np.cos(ROWS), rtol=1e-6)


def test_errors_of_functional_loops() -> None:
    x = tf.constant(ROWS)
    for loop in (tf.map_fn, tf.scan, tf.foldl, tf.foldr):
        with pytest.raises(TypeError, match="callable"):
            loop(3, x)
        with pytest.raises(ValueError, match="dimensional"):
            loop(lambda *a: a[0], tf.constant(1.0))
    with pytest.raises(ValueError, match="not compatible"):
        tf.map_fn(lambda t: t[0], (x, tf.zeros([5])), fn_output_signature=tf.float32)
    with pytest.raises(ValueError, match="No pfor vectorization"):
        tf.vectorized_map(
            lambda r: tf.cond(r[0] > 1.0, lambda: r, lambda: -r), x, fallback_to_while_loop=False
        )


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
