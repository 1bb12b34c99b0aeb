"""Memory of results is used again once nobody can see them, and never before."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1
SIZES = [3, 1000, 20_000]  # prepared calls, borrowed arrays, the executable's own buffers


@pytest.fixture(params=["callable", "compile"])
def doubled(request: Any) -> Callable[..., Any]:
    """A call that gives [2 x, sum(x)]."""
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float64, [None])
        fetches = [x * 2.0, tf.reduce_sum(x)]
        if request.param == "compile":
            compiled: Callable[..., Any] = tf.compile([x], fetches)
            return compiled
        made: Callable[..., Any] = v1.Session(graph=graph).make_callable(fetches, [x])
        return made


@pytest.mark.parametrize("n", SIZES)
class TestReuse:
    def test_results_held_are_left_alone(self, doubled: Any, n: int) -> None:
        results = [doubled(np.full(n, float(k))) for k in range(5)]
        for k, (twice, total) in enumerate(results):
            assert twice.tolist() == [2.0 * k] * n
            assert total == k * n

    def test_views_and_buffers_hold(self, doubled: Any, n: int) -> None:
        for hold in (lambda a: a[:1], memoryview, lambda a: a.reshape(1, -1), lambda a: [a]):
            doubled(np.ones(n))
            held = hold(doubled(np.full(n, 3.0))[0])
            doubled(np.zeros(n))
            assert np.asarray(held).ravel()[0] == 6.0

    def test_arrays_changed_in_place(self, doubled: Any, n: int) -> None:
        def set_shape(a: Any) -> None:
            a.shape = (1, a.size)

        def set_dtype(a: Any) -> None:
            a.dtype = np.int64

        def set_flags(a: Any) -> None:
            a.flags.writeable = False

        def set_size(a: Any) -> None:
            a.resize(2, refcheck=False) if a.flags.owndata else None

        for change in (set_shape, set_dtype, set_flags, set_size):
            for _ in range(3):
                result = doubled(np.ones(n))[0]
                change(result)
                del result
            got = doubled(np.ones(n))[0]
            assert (got.dtype, got.shape) == (np.float64, (n,))
            assert got.flags.writeable
            assert got.tolist() == [2.0] * n

    def test_weak_references_see_no_other_result(self, doubled: Any, n: int) -> None:
        doubled(np.ones(n))
        result = doubled(np.ones(n))[0]
        reference = weakref.ref(result)
        del result
        doubled(np.full(n, 5.0))
        seen = reference()
        assert seen is None or seen[0] == 2.0

    def test_a_result_as_the_next_argument(self, doubled: Any, n: int) -> None:
        x = np.ones(n)
        for k in range(5):
            x = doubled(x)[0]
            assert x.tolist() == [2.0 ** (k + 1)] * n

    def test_out_may_be_an_earlier_result(self, doubled: Any, n: int) -> None:
        earlier = [np.asarray(r) for r in doubled(np.ones(n))]
        given = doubled(np.full(n, 4.0), out=earlier)
        assert given[0] is earlier[0]
        doubled(np.zeros(n))
        assert earlier[0].tolist() == [8.0] * n

    def test_threads(self, doubled: Any, n: int) -> None:
        failures: list[float] = []

        def work(value: float) -> None:
            x = np.full(n, value)
            for _ in range(50):
                twice, total = doubled(x)
                if not (twice == 2 * value).all() or total != value * n:
                    failures.append(value)

        threads = [threading.Thread(target=work, args=(float(k),)) for k in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failures


def test_errors_are_told_on_every_call() -> None:
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.int32, [2])
        y = tf.constant(6) // x
        call = v1.Session(graph=graph).make_callable(y, [x])
    good, bad = np.array([1, 2], np.int32), np.array([1, 0], np.int32)
    for _ in range(3):
        assert call(good).tolist() == [6, 3]
        with pytest.raises(tf.errors.InvalidArgumentError, match="zero"):
            call(bad)


def test_fetches_of_any_structure() -> None:
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [2])
        y, total = x * 2.0, tf.reduce_sum(x)
        session = v1.Session(graph=graph)
        calls = {
            "single": session.make_callable(y, [x]),
            "dict": session.make_callable({"a": y, "b": (total, [y])}, [x]),
            "twice": session.make_callable([y, y], [x]),
            "nothing": session.make_callable(y.op, [x]),
            "empty": session.make_callable([], [x]),
        }
    value = np.ones(2, np.float32)
    for _ in range(3):
        got = {name: call(value) for name, call in calls.items()}
        assert got["single"].tolist() == [2, 2]
        assert got["dict"]["b"][0] == 2
        assert got["dict"]["b"][1][0].tolist() == [2, 2]
        assert [a.tolist() for a in got["twice"]] == [[2, 2], [2, 2]]
        assert got["nothing"] is None
        assert got["empty"] == []


def test_a_callable_is_collected() -> None:
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [2])
        call = v1.Session(graph=graph).make_callable({"y": x * 2.0}, [x])
        result = call(np.ones(2, np.float32))["y"]
        call(np.ones(2, np.float32))
    gone = weakref.ref(graph)
    del graph, x, call
    gc.collect()
    assert gone() is None
    assert result.tolist() == [2, 2]
