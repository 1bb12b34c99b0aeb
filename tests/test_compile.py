"""wengert.compile and wengert.explain."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from random_graphs import compose

import wengert as tf

v1 = tf.compat.v1
PASSES = ("fold_constants", "simplify", "eliminate_common_subexpressions", "fuse", "reuse_memory")


def saxpy(shape: Any = (3,)) -> Any:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float64, shape)
        y = v1.placeholder(tf.float64, shape)
        return tf.compile([x, y], [2.0 * x + y, x * y])


def test_call() -> None:
    f = saxpy()
    total, product = f(np.arange(3.0), np.ones(3))
    np.testing.assert_array_equal(total, [1.0, 3.0, 5.0])
    np.testing.assert_array_equal(product, [0.0, 1.0, 2.0])


def test_out() -> None:
    f = saxpy()
    out = [np.full(3, np.nan), np.full(3, np.nan)]
    result = f(np.arange(3.0), np.ones(3), out=out)
    assert result[0] is out[0]
    assert result[1] is out[1]
    np.testing.assert_array_equal(out[0], [1.0, 3.0, 5.0])


def test_out_that_is_an_argument() -> None:
    f = saxpy()
    x = np.arange(3.0)
    f(x, np.ones(3), out=[x, np.empty(3)])
    np.testing.assert_array_equal(x, [1.0, 3.0, 5.0])


def read_only() -> Any:
    array = np.empty(3)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "bad",
    [
        [np.empty(3)],
        [np.empty(3), np.empty(4)],
        [np.empty(3), np.empty(3, np.float32)],
        [np.empty(3), np.empty(6)[::2]],
        [np.empty(3), [0.0, 0.0, 0.0]],
        [np.empty(3), read_only()],
        7,
    ],
)
def test_wrong_out(bad: Any) -> None:
    f = saxpy()
    with pytest.raises((TypeError, ValueError)):
        f(np.arange(3.0), np.ones(3), out=bad)
    np.testing.assert_array_equal(f(np.arange(3.0), np.ones(3))[0], [1.0, 3.0, 5.0])


def test_layouts_of_inputs() -> None:
    f = saxpy((3, 2))
    a = np.arange(6.0).reshape(3, 2)
    want = 2.0 * a + 1.0
    for x in (
        np.asfortranarray(a),
        np.repeat(a, 2, 0)[::2],
        a[::-1].copy()[::-1],
        np.arange(6.0).reshape(2, 3).T * 0 + a,
    ):
        np.testing.assert_array_equal(f(x, np.ones((3, 2)))[0], want)
    unaligned = np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(np.float64).reshape(3, 2)
    np.testing.assert_array_equal(f(unaligned, np.ones((3, 2)))[0], want)
    np.testing.assert_array_equal(
        f(a, np.broadcast_to(np.float64(1.0), (3, 2)))[0],
        want,
    )


def test_wrong_arguments() -> None:
    f = saxpy()
    good = np.ones(3)
    for bad in ([good], [good] * 3, [good, np.ones(4)], [good, np.ones((3, 1))]):
        with pytest.raises((TypeError, ValueError, tf.errors.InvalidArgumentError)):
            f(*bad)
    with pytest.raises((TypeError, ValueError)):
        f(good, np.array(["a", "b", "c"]))
    with pytest.raises(TypeError):
        f(good, good, nonsense=1)
    np.testing.assert_array_equal(f(good, good)[0], [3.0] * 3)


def test_shapes_may_change() -> None:
    f = saxpy((None,))
    for n in (3, 0, 1, 1000, 3, 7):
        x = np.linspace(0.0, 1.0, n)
        np.testing.assert_array_equal(f(x, x)[0], 2.0 * x + x)


def test_unknown_rank() -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float64)
        f = tf.compile([x], [tf.gradients(tf.sin(x), x)[0]])
    for shape in ((), (4,), (2, 3), (0, 2)):
        a = np.linspace(0.0, 1.0, int(np.prod(shape))).reshape(shape)
        np.testing.assert_allclose(f(a)[0], np.cos(a), rtol=1e-15)


def test_results_do_not_share_memory() -> None:
    f = saxpy()
    first = f(np.ones(3), np.ones(3))
    second = f(np.zeros(3), np.zeros(3))
    np.testing.assert_array_equal(first[0], [3.0] * 3)
    assert not np.shares_memory(first[0], second[0])


def test_same_output_twice_and_an_input_as_output() -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float64, [2])
        y = x * 2.0
        f = tf.compile([x], [y, x, y])
    a = np.array([1.0, 2.0])
    one, same, two = f(a)
    one += 10.0
    same += 100.0
    np.testing.assert_array_equal(two, [2.0, 4.0])
    np.testing.assert_array_equal(a, [1.0, 2.0])


def test_inner_tensor_as_input() -> None:
    with tf.Graph().as_default():
        x = tf.constant(1.0, tf.float64)
        h = tf.exp(x)
        f = tf.compile([h], [h * 2.0])
    assert f(np.float64(3.0))[0] == 6.0


def test_explain_tells_of_each_pass() -> None:
    @tf.function
    def f(x: Any) -> Any:
        y = tf.tanh(x * 1.0) + tf.tanh(x) + tf.exp(tf.constant(1.0, tf.float64))
        return tf.gradients(y, x)[0]

    text = tf.explain(f, tf.constant([1.0, 2.0], tf.float64)).lower()
    for word in ("fold", "simplif", "subexpression|cse", "fuse|fusion", "memory|arena"):
        assert re.search(word, text), f"{word} is not in the text"


def test_explain_takes_functions_only() -> None:
    with pytest.raises(TypeError, match="explain"):
        tf.explain(len)


def test_unknown_option() -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float64, [2])
        with pytest.raises((KeyError, TypeError, ValueError)):
            tf.compile([x], [x * 2.0], {"no_such_pass": True})


def test_tensors_of_two_graphs() -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float64, [2])
    with tf.Graph().as_default():
        y = v1.placeholder(tf.float64, [2]) * 2.0
    with pytest.raises((TypeError, ValueError)):
        tf.compile([x], [y])
    with pytest.raises(ValueError, match="at least one"):
        tf.compile([], [])


@pytest.mark.parametrize("seed", range(30))
def test_passes_do_not_change_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = [(1,), (5,), (2, 3), (33, 17)][seed % 4]
    with tf.Graph().as_default():
        xs = [v1.placeholder(tf.float64, shape) for _ in range(2)]
        y = compose(xs, rng.integers(0, 10**6, 12).tolist())
        grads = [g for g in tf.gradients(y, xs) if g is not None]
        values = [rng.uniform(-1, 1, shape) for _ in xs]
        want = tf.compile(xs, [y, *grads], dict.fromkeys(PASSES, False))(*values)
        variants: list[Any] = [None, *({p: False} for p in PASSES)]
        for options in variants:
            got = tf.compile(xs, [y, *grads], options)(*values)
            for a, b in zip(got, want, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_a_shape_that_only_data_decides() -> None:
    @tf.function(autograph=False)
    def f(x: Any, mask: Any) -> Any:
        return x * 2.0, tf.reshape(x, tf.boolean_mask(mask, mask > 0))

    for shape in ([2, 3], [3, 2], [6], [2, 3]):
        mask = np.array([*shape, 0, -1], np.int32)
        doubled, reshaped = f(tf.constant(np.arange(6.0)), tf.constant(mask))
        np.testing.assert_allclose(doubled, np.arange(6.0) * 2)
        np.testing.assert_allclose(reshaped, np.arange(6.0).reshape(shape))
