"""The short ways through repeated calls give what the first, long way gives."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1


@pytest.mark.parametrize(
    "pack",
    [
        lambda a, b: a,
        lambda a, b: [a, b],
        lambda a, b: (a, None, b),
        lambda a, b: {"a": a, "b": [b, 3]},
        lambda a, b: None,
    ],
)
def test_results_keep_their_structure(pack: Any) -> None:
    @tf.function
    def f(x: Any) -> Any:
        return pack(x + 1.0, x * 2.0)

    x = tf.constant([1.0, 2.0])
    values = [tf.nest.map_structure(lambda t: np.array(t).tolist(), f(x)) for _ in range(3)]
    assert values[0] == values[1] == values[2]
    assert type(f(x)) is type(pack(x, x)) or pack(x, x) is x


def test_shapes_and_dtypes_alternate() -> None:
    @tf.function
    def f(x: Any) -> Any:
        return tf.reduce_sum(x)

    for _ in range(3):
        assert f(tf.ones([2])).numpy() == 2
        assert f(tf.ones([2, 3])).numpy() == 6
        assert f(tf.ones([2], tf.float64)).dtype == tf.float64
    assert f.experimental_get_tracing_count() == 3


def test_many_shapes() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def f(x: Any) -> Any:
        return tf.reduce_sum(x)

    for _ in range(2):
        for n in range(40):
            assert f(tf.ones([n])).numpy() == n
    assert f.experimental_get_tracing_count() == 1


def test_captured_variables_are_read_at_each_call() -> None:
    v = tf.Variable([1.0, 2.0])

    @tf.function
    def f(x: Any) -> Any:
        v.assign_add(x)
        return v * 2.0

    x = tf.constant([1.0, 1.0])
    assert [f(x).numpy().tolist() for _ in range(3)] == [[4, 6], [6, 8], [8, 10]]
    v.assign([0.0, 0.0])
    assert f(x).numpy().tolist() == [2, 2]


def test_calls_inside_functions_become_nodes() -> None:
    @tf.function
    def inner(x: Any) -> Any:
        return x * 3.0

    x = tf.constant(2.0)
    assert inner(x).numpy() == inner(x).numpy() == 6

    @tf.function
    def outer() -> Any:
        return inner(x) + 1.0

    assert outer().numpy() == 7
    types = [op.type for op in outer.get_concrete_function().graph.get_operations()]
    assert "PartitionedCall" in types


def test_tapes_see_calls() -> None:
    @tf.function
    def f(x: Any) -> Any:
        return x * x

    x = tf.constant(3.0)
    assert f(x).numpy() == f(x).numpy() == 9
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert tape.gradient(y, x).numpy() == 6


def test_errors_come_through() -> None:
    @tf.function
    def f(x: Any, i: Any) -> Any:
        return tf.gather(x, i)

    x = tf.constant([1.0, 2.0])
    assert f(x, tf.constant(1)).numpy() == f(x, tf.constant(1)).numpy() == 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="indices = 5"):
        f(x, tf.constant(5))
    assert f(x, tf.constant(0)).numpy() == 1


def test_threads_share_a_function() -> None:
    @tf.function
    def f(x: Any) -> Any:
        return tf.reduce_sum(tf.exp(x))

    inputs = [tf.constant(np.full(n, 0.5)) for n in range(1, 25)]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            for n, x in enumerate(inputs, 1):
                if not np.isclose(f(x).numpy(), n * np.exp(0.5)):
                    wrong.append(n)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_small_values_are_arrays_of_their_own() -> None:
    x = tf.constant([1.0, 2.0])
    x.numpy()[0] = 5
    assert x.numpy().tolist() == [1, 2]
    y = tf.constant(np.arange(24.0).reshape(2, 3, 4)) * 2.0
    np.testing.assert_array_equal(y.numpy(), np.arange(24.0).reshape(2, 3, 4) * 2)
    assert isinstance(tf.constant(3.0).numpy(), np.float32)


class TestSession:
    @pytest.fixture
    def parts(self) -> Any:
        graph = tf.Graph()
        with graph.as_default():
            x = v1.placeholder(tf.float32, [None])
            return v1.Session(graph=graph), x, x * 2.0, tf.reduce_sum(x)

    def test_runs_repeat(self, parts: Any) -> None:
        session, x, y, total = parts
        for n in (2, 3, 2, 3):
            a = np.ones(n, np.float32)
            got = session.run([y, total], {x: a})
            assert type(got) is list
            assert isinstance(got[1], np.float32)
            assert got[0].tolist() == [2] * n
            assert got[1] == n
            assert session.run(total, {x: a}) == n
            assert session.run((total, y), {x: a})[0] == n
            assert session.run({"t": total}, {x: a}) == {"t": n}

    def test_values_of_other_kinds(self, parts: Any) -> None:
        session, x, y, _ = parts
        assert session.run(y, {x: np.ones(2, np.float32)}).tolist() == [2, 2]
        assert session.run(y, {x: [1, 2]}).tolist() == [2, 4]
        assert session.run(y, {x: np.ones(2)}).dtype == np.float32
        with pytest.raises(ValueError, match="Cannot feed value of shape"):
            session.run(y, {x: np.ones((2, 2), np.float32)})
        assert session.run(y, {x: np.ones(3, np.float32)}).tolist() == [2, 2, 2]

    def test_lists_may_change(self, parts: Any) -> None:
        session, x, y, total = parts
        fetches, feed = [y], {x: np.ones(2, np.float32)}
        assert len(session.run(fetches, feed)) == len(session.run(fetches, feed)) == 1
        fetches.append(total)
        assert session.run(fetches, feed)[1] == 2
        assert session.run([y, y], feed)[1].tolist() == [2, 2]

    def test_results_are_not_overwritten(self, parts: Any) -> None:
        session, x, y, _ = parts
        first = session.run(y, {x: np.ones(2, np.float32)})
        session.run(y, {x: np.zeros(2, np.float32)})
        assert first.tolist() == [2, 2]

    def test_callables(self, parts: Any) -> None:
        session, x, y, total = parts
        call = session.make_callable([y, total], [x])
        for n in (2, 2, 4):
            got = call(np.ones(n, np.float32))
            assert got[0].tolist() == [2] * n
            assert isinstance(got[1], np.float32)
        with pytest.raises(TypeError):
            call()
        single = session.make_callable(total, [x])
        assert single(np.ones(3, np.float32)) == single(np.ones(3, np.float32)) == 3
        session.close()
        with pytest.raises(RuntimeError, match="closed"):
            call(np.ones(2, np.float32))
        with pytest.raises(RuntimeError, match="closed"):
            session.run(y, {x: np.ones(2, np.float32)})

    def test_the_graph_may_grow(self, parts: Any) -> None:
        session, x, y, _ = parts
        feed = {x: np.ones(2, np.float32)}
        session.run(y, feed)
        with session.graph.as_default():
            z = y + 1.0
        assert session.run([y, z], feed)[1].tolist() == [3, 3]
        assert session.run(y, feed).tolist() == [2, 2]
