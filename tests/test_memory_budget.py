"""Memory budgets: programs repeat steps until they fit, and give the same bits."""

from __future__ import annotations

import copy
import gc
import re
from typing import Any

import numpy as np
import pytest

import wengert as tf

RNG = np.random.default_rng(7)


def weights(layers: int, width: int) -> list[Any]:
    scale = np.sqrt(2.0 / width)
    return [(RNG.standard_normal((width, width)) * scale).astype("f") for _ in range(layers)]


def network(layers: int, width: int) -> list[Any]:
    """A batch and weights. Activations are larger than gradients, which lend them no memory."""
    batch = RNG.standard_normal((3 * width, width)).astype("f")
    return [tf.constant(w) for w in [batch, *weights(layers, width)]]


def peak(f: Any, *args: Any) -> int:
    return int(f.get_concrete_function(*args).executable.stats()["arena_bytes"])


def same(a: Any, b: Any) -> bool:
    flat_a, flat_b = tf.nest.flatten(a), tf.nest.flatten(b)
    return len(flat_a) == len(flat_b) and all(
        x.numpy().tobytes() == y.numpy().tobytes() for x, y in zip(flat_a, flat_b, strict=True)
    )


def fits_with_same_results(function: Any, args: list[Any], shares: list[float]) -> list[int]:
    """Calls `function` with budgets of some shares of what it takes; the steps repeated."""
    plain = tf.function(function)
    expected = plain(*args)
    full = peak(plain, *args)
    repeated = []
    for share in shares:
        budget = int(full * share)
        limited = tf.function(function, memory_budget=budget)
        assert same(limited(*args), expected), share
        assert same(limited(*args), expected), share  # memory of the run before is used again
        stats = limited.get_concrete_function(*args).executable.stats()
        assert stats["arena_bytes"] <= budget
        assert stats["unlimited_arena_bytes"] == full
        repeated.append(stats["repeated_steps"])
    return repeated


def deep(*ws: Any) -> Any:
    h = ws[0]
    for w in ws[1:]:
        h = tf.nn.relu(h @ w)
    loss = tf.reduce_mean(h * h)
    return loss, tf.gradients(loss, list(ws))


def test_deep_network() -> None:
    layers = 64
    args = network(layers, 72)
    half, quarter, eighth = fits_with_same_results(deep, args, [0.5, 0.25, 0.125])
    # A layer is a product and a relu.
    assert 0 < half < 1.3 * layers
    assert half < quarter < 2 * layers
    assert quarter < eighth < 5 * layers


def test_memory_grows_with_the_root_of_the_depth() -> None:
    layers, width = 400, 8
    ws = network(layers, width)
    plain = tf.function(deep)
    expected = plain(*ws)
    buffers = 2.2 * np.sqrt(layers)
    f = tf.function(deep, memory_budget=int(buffers * 3 * width * width * 4))
    assert same(f(*ws), expected)
    stats = f.get_concrete_function(*ws).executable.stats()
    assert 0 < stats["repeated_steps"] < 1.3 * (2 * layers)  # little more than once again


def test_memory_of_results_is_used_first() -> None:
    args = [tf.constant(w) for w in weights(40, 48)]  # gradients are as large as activations
    assert fits_with_same_results(deep, args, [0.5, 0.2]) == [0, 0]

    with tf.Graph().as_default():
        xs = [tf.compat.v1.placeholder(tf.float32, w.shape) for w in args]
        fetches = [deep(*xs)[0], *deep(*xs)[1]]
        plain, limited = tf.compile(xs, fetches), tf.compile(xs, fetches, memory_budget=50_000)
    values = [w.numpy() for w in args]
    expected = plain(*values)
    held = [limited(*values) for _ in range(4)]  # nothing writes over results that are held
    out = [np.zeros_like(e) for e in expected]
    limited(*values, out=out)
    for results in [*held, out]:
        for a, b in zip(results, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_nothing_repeated_where_it_fits() -> None:
    args = network(8, 16)
    assert fits_with_same_results(deep, args, [1.0]) == [0]


def test_impossible_budget_says_what_is_missing() -> None:
    args = network(16, 32)
    f = tf.function(deep, memory_budget=5000)
    with pytest.raises(tf.errors.ResourceExhaustedError) as e:
        f(*args)
    text = str(e.value)
    found = re.search(r"brings that down to (\d+) bytes, (\d+) too many", text)
    assert found
    assert "budget of 5000 bytes" in text
    least, missing = int(found[1]), int(found[2])
    assert missing == least - 5000
    # That much is enough.
    again = tf.function(deep, memory_budget=least)
    assert same(again(*args), tf.function(deep)(*args))
    with pytest.raises(tf.errors.ResourceExhaustedError):
        f(*args)  # nothing is left half done


def test_explain_tells() -> None:
    args = network(16, 32)
    plain = tf.function(deep)
    plain(*args)
    f = tf.function(deep, memory_budget=peak(plain, *args) // 2)
    text = tf.explain(f, *args)
    header = re.search(
        r"== memory budget of (\d+) bytes: peak (\d+), before (\d+); (\d+) steps repeated", text
    )
    assert header is not None
    budget, now, before, steps = map(int, header.groups())
    assert now <= budget < before
    assert steps > 0
    assert before == peak(plain, *args)
    assert re.search(r"^repeated (MatMul|Relu)", text, re.M)
    assert "memory budget" not in tf.explain(plain, *args)


def test_random_values_are_drawn_once() -> None:
    ws = network(16, 40)

    def dropout(*ws: Any) -> Any:
        h = ws[0]
        for i, w in enumerate(ws[1:]):
            h = tf.nn.dropout(tf.tanh(h @ w), 0.3, seed=i)
        loss = tf.reduce_sum(h * h)
        return loss, tf.gradients(loss, list(ws))

    def results(f: Any) -> list[Any]:
        tf.random.set_seed(5)
        return [f(*ws) for _ in range(3)]

    plain = tf.function(dropout)
    expected = results(plain)
    assert not same(expected[0], expected[1])
    budget = int(peak(plain, *ws) * 0.65)
    limited = tf.function(dropout, memory_budget=budget)
    got = results(limited)
    assert all(same(a, b) for a, b in zip(got, expected, strict=True))
    assert 0 < peak(limited, *ws) <= budget


def test_variables_and_assignments() -> None:
    start = weights(24, 32)
    x = tf.constant(RNG.standard_normal((100, 32)).astype("f"))

    def make(budget: int | None) -> tuple[Any, list[Any]]:
        vs = [tf.Variable(w) for w in start]

        def step(x: Any) -> Any:
            h = x
            for v in vs:
                h = tf.nn.softplus(h @ v)
            loss = tf.reduce_mean(h * h)
            for v, g in zip(vs, tf.gradients(loss, vs), strict=True):
                v.assign_sub(0.1 * g)
            return loss, vs[0] + 1.0

        return tf.function(step, memory_budget=budget), vs

    plain, expected = make(None)
    values = [plain(x) for _ in range(3)]
    budget = peak(plain, x) // 3
    limited, got = make(budget)
    assert same([limited(x) for _ in range(3)], values)
    assert same([v.read_value() for v in got], [v.read_value() for v in expected])
    assert peak(limited, x) <= budget


def test_sparse_updates() -> None:
    table = RNG.standard_normal((50, 16)).astype("f")
    ids = tf.constant(RNG.integers(0, 50, 40))
    ws = weights(12, 16)

    def make(budget: int | None) -> tuple[Any, Any]:
        rows = tf.Variable(table)

        def step(ids: Any) -> Any:
            h = tf.gather(rows, ids)
            for w in ws:
                h = tf.tanh(h @ w)
            loss = tf.reduce_sum(h)
            (g,) = tf.gradients(loss, [rows])
            rows.scatter_sub(tf.IndexedSlices(0.1 * g.values, g.indices))
            return loss

        return tf.function(step, memory_budget=budget), rows

    plain, expected = make(None)
    values = [plain(ids) for _ in range(3)]
    limited, got = make(int(peak(plain, ids) * 0.6))
    assert same([limited(ids) for _ in range(3)], values)
    assert same(got.read_value(), expected.read_value())


def test_nested_functions() -> None:
    @tf.function
    def layer(h: Any, w: Any) -> Any:
        return tf.nn.sigmoid(h @ w)

    def net(*ws: Any) -> Any:
        h = ws[0]
        for w in ws[1:]:
            h = layer(h, w)
        return tf.gradients(tf.reduce_sum(h), list(ws))

    args = network(20, 24)
    assert min(fits_with_same_results(net, args, [0.5, 0.3])) > 0


def test_second_order() -> None:
    def net(*ws: Any) -> Any:
        h = ws[0]
        for w in ws[1:]:
            h = tf.tanh(h @ w)
        gs = tf.gradients(tf.reduce_sum(h * h), list(ws))
        return gs, tf.gradients(tf.add_n([tf.reduce_sum(g * g) for g in gs]), list(ws))

    args = network(10, 24)
    assert min(fits_with_same_results(net, args, [0.6, 0.4])) > 0


def test_residual_network_with_norms() -> None:
    def net(x: Any, *ws: Any) -> Any:
        h = x
        for w in ws:
            mean, variance = tf.nn.moments(h, [1], keepdims=True)
            normal = (h - mean) * tf.math.rsqrt(variance + 1e-5)
            h = h + tf.nn.gelu(normal @ w)
        loss = tf.reduce_mean(tf.nn.softmax(h))
        return tf.gradients(loss, [x, *ws])

    args = network(24, 48)
    assert min(fits_with_same_results(net, args, [0.5, 0.25])) > 0


def test_half_precision() -> None:
    args = [tf.cast(w, tf.float16) for w in network(20, 32)]
    assert min(fits_with_same_results(deep, args, [0.5])) > 0


def test_control_flow_inside() -> None:
    def net(n: Any, *ws: Any) -> Any:
        h = ws[0]
        for w in ws[1:]:
            h = tf.tanh(h @ w)
        _, h = tf.while_loop(lambda i, h: i < n, lambda i, h: (i + 1, tf.sin(h)), (0, h))
        h = tf.cond(tf.reduce_sum(h) > 0.0, lambda: h * 2.0, lambda: -h)
        return tf.gradients(tf.reduce_sum(h), list(ws))

    args = [tf.constant(3), *network(24, 32)]
    assert min(fits_with_same_results(net, args, [0.6])) > 0


def test_unknown_shapes() -> None:
    ws = weights(20, 16)

    def net(x: Any) -> Any:
        h = tf.boolean_mask(x, x[:, 0] > 0.0)  # only data decides how many rows
        for w in ws:
            h = tf.tanh(h @ w)
        return tf.gradients(tf.reduce_sum(h), x)[0]

    spec = [tf.TensorSpec([None, 16], tf.float32)]
    plain = tf.function(net, input_signature=spec)
    limited = tf.function(net, input_signature=spec, memory_budget=8 * 64 * 16 * 4)
    for rows in (64, 40, 64):
        x = tf.constant(RNG.standard_normal((rows, 16)).astype("f"))
        assert same(limited(x), plain(x))


def test_budget_of_session_compile_and_process() -> None:
    ws = [w.numpy() for w in network(16, 32)]
    with tf.Graph().as_default() as graph:
        xs = [tf.compat.v1.placeholder(tf.float32, w.shape) for w in ws]
        fetches = [deep(*xs)[0], *deep(*xs)[1]]
        plain = tf.compile(xs, fetches)
        expected = plain(*ws)
        full = plain.executable.stats()["arena_bytes"]
        limited = tf.compile(xs, fetches, memory_budget=full // 2)
        np.testing.assert_equal(limited(*ws), expected)
        assert limited.executable.stats()["arena_bytes"] <= full // 2
        config = tf.compat.v1.ConfigProto(memory_budget=100)
        with (
            tf.compat.v1.Session(graph=graph, config=config) as sess,
            pytest.raises(tf.errors.ResourceExhaustedError, match="budget of 100 bytes"),
        ):
            sess.run(fetches, dict(zip(xs, ws, strict=True)))
        assert tf.config.get_memory_budget() is None
        tf.config.set_memory_budget(full // 3)
        try:
            assert tf.config.get_memory_budget() == full // 3
            with tf.compat.v1.Session(graph=graph) as sess:
                got = sess.run(fetches, dict(zip(xs, ws, strict=True)))
            np.testing.assert_equal(got, list(expected))
            again = tf.compile(xs, fetches)
            np.testing.assert_equal(again(*ws), expected)
            assert again.executable.stats()["arena_bytes"] <= full // 3
            own = tf.compile(xs, fetches, memory_budget=full)
            own(*ws)
            assert own.executable.stats()["arena_bytes"] == full
            tf.constant(np.zeros((300, 300))) @ np.zeros((300, 300))  # eager operations: no limit
        finally:
            tf.config.set_memory_budget(None)


@pytest.mark.parametrize("bad", [0, -1, True])
def test_bad_budgets(bad: Any) -> None:
    with pytest.raises(ValueError, match="positive number of bytes"):
        tf.config.set_memory_budget(bad)
    with pytest.raises(ValueError, match="positive number of bytes"):
        tf.function(lambda x: x, memory_budget=bad)


def test_budget_is_an_integer() -> None:
    with pytest.raises(TypeError, match="number of bytes"):
        tf.config.set_memory_budget("1 GB")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="number of bytes"):
        tf.function(lambda x: x, memory_budget=1.5)  # type: ignore[arg-type]


def test_copies_keep_the_budget() -> None:
    f = tf.function(deep, memory_budget=5000)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        copy.deepcopy(f)(*network(16, 32))


def test_results_are_freed_without_the_garbage_collector() -> None:
    @tf.function
    def f(*xs: Any) -> Any:
        return {"all": [x + 1.0 for x in xs]}

    args = [tf.constant([1.0])] * 40
    f(*args)
    gc.collect()
    gc.disable()
    try:
        f(*args)
        assert gc.collect() == 0
    finally:
        gc.enable()
