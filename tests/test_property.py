"""Random programs: the compiler's passes change no value, gradients agree with differences."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numeric import compare_gradient
from random_graphs import compose

import wengert as tf

v1 = tf.compat.v1
OFF = dict.fromkeys(
    ("fold_constants", "simplify", "eliminate_common_subexpressions", "fuse", "reuse_memory"), False
)
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
STEPS = st.lists(st.integers(0, 10**6), min_size=1, max_size=12)
SEEDS = st.integers(0, 2**32 - 1)
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def program(shape: tuple[int, ...], steps: list[int], seed: int) -> tuple[list[Any], Any, Any]:
    """Placeholders, the scalar made of them, and a point."""
    rng = np.random.default_rng(seed)
    xs = [v1.placeholder(tf.float64, shape) for _ in range(2)]
    return xs, compose(xs, steps), [rng.uniform(-1, 1, shape) for _ in xs]


def gradients(y: Any, xs: list[Any]) -> list[Any]:
    return tf.gradients(y, xs, unconnected_gradients="zero")


@QUICK
@given(SHAPES, STEPS, SEEDS)
def test_passes_change_no_value(shape: tuple[int, ...], steps: list[int], seed: int) -> None:
    with tf.Graph().as_default():
        xs, y, values = program(shape, steps, seed)
        outputs = [y, *gradients(y, xs)]
        got = tf.compile(xs, outputs)(*values)
        want = tf.compile(xs, outputs, OFF)(*values)
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)


@QUICK
@given(SHAPES, STEPS, SEEDS)
def test_gradients_agree_with_differences(
    shape: tuple[int, ...], steps: list[int], seed: int
) -> None:
    with tf.Graph().as_default():
        xs, y, values = program(shape, steps, seed)
        value = tf.compile(xs, [y])
        grads = tf.compile(xs, gradients(y, xs))(*values)
    rng = np.random.default_rng(seed)
    for index, gradient in enumerate(grads):
        compare_gradient(value, values, index, gradient, [np.ones(())], rng, 1e-6, 6)


@QUICK
@given(SHAPES, st.lists(st.integers(0, 10**6), min_size=1, max_size=6), SEEDS)
def test_second_gradients_agree_with_differences(
    shape: tuple[int, ...], steps: list[int], seed: int
) -> None:
    with tf.Graph().as_default():
        xs, y, values = program(shape, steps, seed)
        first = gradients(y, xs)
        ws = [np.linspace(0.5, 1.5, v.size).reshape(v.shape) for v in values]
        second = tf.gradients(first, xs, [tf.constant(w) for w in ws], unconnected_gradients="zero")
        value = tf.compile(xs, first)
        got = tf.compile(xs, second)(*values)
    rng = np.random.default_rng(seed)
    for index, gradient in enumerate(got):
        compare_gradient(value, values, index, gradient, ws, rng, 1e-5, 4)


@QUICK
@given(SHAPES, STEPS, SEEDS)
def test_session_function_and_compile_agree(
    shape: tuple[int, ...], steps: list[int], seed: int
) -> None:
    with tf.Graph().as_default():
        xs, y, values = program(shape, steps, seed)
        outputs = [y, *gradients(y, xs)]
        compiled = tf.compile(xs, outputs)(*values)
        with v1.Session() as session:
            run = session.run(outputs, dict(zip(xs, values, strict=True)))

    @tf.function
    def f(*args: Any) -> Any:
        z = compose(args, steps)
        return [z, *gradients(z, list(args))]

    called = [t.numpy() for t in f(*map(tf.constant, values))]
    eager = compose([tf.constant(v) for v in values], steps).numpy()
    for a, b, c in zip(compiled, run, called, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(eager, compiled[0], rtol=1e-10, atol=1e-11)


@QUICK
@given(STEPS, SEEDS, st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_one_program_for_many_shapes(steps: list[int], seed: int, sizes: list[int]) -> None:
    def gradient(shape: tuple[Any, ...]) -> Any:
        x = v1.placeholder(tf.float64, shape)
        y = tf.reduce_sum(x)
        for step in steps:
            y = tf.tanh(y + step % 3) * tf.reduce_mean(tf.sin(x)) + tf.reduce_max(x)
        return tf.compile([x], tf.gradients(y, x))

    rng = np.random.default_rng(seed)
    with tf.Graph().as_default():
        any_size = gradient((None,))
        for n in sizes:
            value = rng.uniform(-1, 1, n)
            np.testing.assert_allclose(
                any_size(value)[0], gradient((n,))(value)[0], rtol=1e-11, atol=1e-12
            )
