"""Checks of tensors and printing: `tf.debugging`, `tf.print`, `tf.compat.v1.Print`."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1
HOLDS: dict[str, tuple[Any, ...]] = {
    "assert_equal": ([1, 2], [1, 2]),
    "assert_none_equal": ([1, 2], [2, 1]),
    "assert_less": ([1, 2], [2, 3]),
    "assert_less_equal": ([1, 2], [1, 3]),
    "assert_greater": ([2, 3], [1, 2]),
    "assert_greater_equal": ([2, 3], [2, 2]),
    "assert_near": ([1.0, 2.0], [1.0, 2.0]),
    "assert_positive": ([1, 2],),
    "assert_negative": ([-1, -2],),
    "assert_non_negative": ([0, 2],),
    "assert_non_positive": ([0, -2],),
}
FAILS: dict[str, tuple[Any, ...]] = {
    "assert_equal": ([1, 2], [1, 3]),
    "assert_none_equal": ([1, 2], [1, 1]),
    "assert_less": ([1, 2], [2, 2]),
    "assert_less_equal": ([1, 4], [1, 3]),
    "assert_greater": ([1, 3], [1, 2]),
    "assert_greater_equal": ([1, 3], [2, 2]),
    "assert_near": ([1.0, 2.0], [1.0, 2.1]),
    "assert_positive": ([0, 2],),
    "assert_negative": ([-1, 0],),
    "assert_non_negative": ([-1, 2],),
    "assert_non_positive": ([0, 2],),
}


@pytest.mark.parametrize("name", sorted(HOLDS))
def test_what_holds(name: str) -> None:
    check = getattr(tf.debugging, name)
    assert check(*map(tf.constant, HOLDS[name])) is None
    with tf.Graph().as_default(), v1.Session() as session:
        args = [v1.placeholder(tf.constant(a).dtype) for a in map(np.asarray, HOLDS[name])]
        op = check(*args)
        feed = dict(zip(args, HOLDS[name], strict=True))
        assert session.run(op, feed) is None
        with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
            session.run(op, dict(zip(args, FAILS[name], strict=True)))


@pytest.mark.parametrize("name", sorted(FAILS))
def test_what_fails(name: str) -> None:
    check = getattr(tf.debugging, name)
    with pytest.raises(tf.errors.InvalidArgumentError, match="said so"):
        check(*map(tf.constant, FAILS[name]), message="said so")


def test_static_failure_while_building() -> None:
    with tf.Graph().as_default():
        with pytest.raises(tf.errors.InvalidArgumentError, match="did not hold"):
            tf.debugging.assert_equal(tf.constant(1), tf.constant(2))
        op = tf.debugging.assert_equal(tf.constant(1), tf.constant(1))
        assert op.type == "NoOp"


def test_checks_order_operations() -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [2])
        with tf.control_dependencies([tf.debugging.assert_positive(x)]):
            y = tf.identity(x * 2.0)
        np.testing.assert_array_equal(session.run(y, {x: [1.0, 2.0]}), [2.0, 4.0])
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(y, {x: [1.0, -2.0]})


def test_numerics() -> None:
    assert tf.debugging.check_numerics([1.0], "m").numpy().tolist() == [1.0]
    assert tf.debugging.assert_all_finite([1.0], "m").numpy().tolist() == [1.0]
    for bad in (np.nan, np.inf):
        with pytest.raises(tf.errors.InvalidArgumentError, match="words"):
            tf.debugging.check_numerics(tf.constant([1.0, bad]), "words")
        with pytest.raises(tf.errors.InvalidArgumentError, match="words"):
            tf.debugging.assert_all_finite(tf.constant([1.0, bad]), "words")


def test_ranks_types_and_shapes() -> None:
    debugging = tf.debugging
    debugging.assert_rank(tf.zeros([2, 3]), 2)
    debugging.assert_rank_at_least(tf.zeros([2, 3]), 1)
    debugging.assert_rank_in(tf.zeros([2, 3]), [1, 2])
    debugging.assert_type(tf.zeros([2]), tf.float32)
    debugging.assert_integer(tf.constant(3))
    debugging.assert_scalar(tf.constant(3))
    assert debugging.assert_same_float_dtype([tf.zeros([1]), None]) == tf.float32
    assert debugging.is_numeric_tensor(tf.zeros([1]))
    assert not debugging.is_numeric_tensor("x")
    debugging.assert_shapes([(tf.zeros([4, 2, 3]), ("...", "N", "D")), (tf.zeros([3]), ("D",))])
    for call in (
        lambda: debugging.assert_rank(tf.zeros([2, 3]), 1),
        lambda: debugging.assert_rank_at_least(tf.zeros([2, 3]), 3),
        lambda: debugging.assert_rank_in(tf.zeros([2, 3]), [1, 3]),
        lambda: debugging.assert_scalar(tf.zeros([1])),
        lambda: debugging.assert_same_float_dtype([tf.zeros([1])], tf.float64),
        lambda: debugging.assert_shapes([(tf.zeros([2, 3]), ("N", "N"))]),
        lambda: debugging.assert_shapes([(tf.zeros([2, 3]), ("N",))]),
    ):
        with pytest.raises(ValueError, match=r"rank|shape|size|type"):
            call()
    for call in (
        lambda: debugging.assert_type(tf.zeros([2]), tf.float64),
        lambda: debugging.assert_integer(tf.constant(3.0)),
    ):
        with pytest.raises(TypeError, match=r"type|integer"):
            call()


def test_rank_at_run_time() -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32)
        op = tf.debugging.assert_rank(x, 1)
        session.run(op, {x: [1.0]})
        with pytest.raises(tf.errors.InvalidArgumentError, match="must have rank"):
            session.run(op, {x: [[1.0]]})


def printed(program: str) -> tuple[str, str]:
    head = "import wengert as tf, numpy as np, sys\nv1 = tf.compat.v1\n"
    done = subprocess.run([sys.executable, "-c", head + program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_print() -> None:
    out, err = printed(
        "tf.print('x:', tf.constant([[0.1, 1 / 3], [1e10, 3]]), tf.range(20), True)\n"
        "tf.print(tf.constant('a'), tf.constant(['b', 'c']), output_stream=sys.stdout, sep='|')\n"
        "tf.print(tf.range(5), summarize=1, end='!')\n"
    )
    assert out == 'a|["b" "c"]\n'
    assert err == ("x: [[0.1 0.333333343]\n [1e+10 3]] [0 1 2 ... 17 18 19] True\n[0 ... 4]!")


def test_print_in_a_function_runs_in_every_call() -> None:
    _, err = printed(
        "@tf.function\ndef f(x):\n    tf.print(x)\n    return x\n"
        "f(tf.constant(1.5)); f(tf.constant(2.5))"
    )
    assert err == "1.5\n2.5\n"


def test_old_print_passes_values_and_gradients() -> None:
    _, err = printed(
        "with tf.Graph().as_default():\n"
        "    x = tf.constant([1.0, 2.0])\n"
        "    y = v1.Print(x, [x, tf.constant(3)], 'now: ', first_n=2)\n"
        "    g = tf.gradients(y * y, x)[0]\n"
        "    with v1.Session() as s:\n"
        "        for _ in range(3): assert s.run([y, g])[1].tolist() == [2.0, 4.0]\n"
    )
    assert err == "now: [1 2][3]\n" * 2


def test_print_appends_to_files(tmp_path: Any) -> None:
    path = tmp_path / "log.txt"
    for value in (1, 2):
        tf.print(tf.constant(value), output_stream=f"file://{path}")
    assert path.read_text() == "1\n2\n"
    with pytest.raises(ValueError, match="output stream"):
        tf.print("x", output_stream=3)


def test_assert() -> None:
    tf.Assert(tf.constant(True), ["fine"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="wrong"):
        tf.Assert(tf.constant(False), ["wrong", tf.constant(3)])
