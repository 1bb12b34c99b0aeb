"""Functions of tf.nn: signatures, errors, and gradients that the rows of ops do not cover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as tf

V1 = tf.compat.v1.nn
RNG = np.random.default_rng(3)


def draw(*shape: int, dtype: str = "float32") -> Any:
    return RNG.uniform(-1, 1, shape).astype(dtype)


def run(build: Callable[..., Any], *args: Any) -> list[Any]:
    """Values of what `build` makes of placeholders."""
    graph = tf.Graph()
    with graph.as_default():
        xs = [tf.compat.v1.placeholder(tf.as_dtype(a.dtype), a.shape) for a in args]
        ys = build(*xs)
        ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
        return [np.asarray(y) for y in tf.compile(xs, ys)(*args)]


# --- batch normalisation --------------------------------------------------------------------


def composed(x: Any, scale: Any, offset: Any) -> Any:
    """The same in simple ops."""
    mean = tf.reduce_mean(x, [0, 1, 2], keepdims=True)
    variance = tf.reduce_mean(tf.square(x - mean), [0, 1, 2], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 0.01) * scale + offset


def test_fused_batch_norm_gradients() -> None:
    args = [draw(2, 3, 2, 4), draw(4) + 2, draw(4)]
    weights = draw(2, 3, 2, 4)

    def derivatives(y: Any, xs: Any) -> Any:
        first = tf.gradients(y * y * weights, xs)
        second = tf.gradients([g * g for g in first], xs)
        return [y, *first, *second]

    def fused(*xs: Any) -> Any:
        return derivatives(V1.fused_batch_norm(*xs, epsilon=0.01)[0], xs)

    got = run(fused, *args)
    want = run(lambda *xs: derivatives(composed(*xs), xs), *args)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-3, atol=2e-3 * np.abs(w).max())


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_fused_batch_norm_by_given_statistics(data_format: str) -> None:
    x, scale, offset = draw(2, 3, 2, 4), draw(4) + 2, draw(4)
    mean, variance = draw(4), np.abs(draw(4)) + 0.5
    first = data_format == "NCHW"

    def fused(x: Any, scale: Any, offset: Any) -> Any:
        image = tf.transpose(x, [0, 3, 1, 2]) if first else x
        y, _, _ = V1.fused_batch_norm(
            image, scale, offset, mean, variance, 0.01, data_format, is_training=False
        )
        y = tf.transpose(y, [0, 2, 3, 1]) if first else y
        grads = tf.gradients(y * y, [x, scale, offset])
        return [y, *grads, *tf.gradients(grads[0] * grads[0], [x, scale])]

    def plain(x: Any, scale: Any, offset: Any) -> Any:
        y = tf.nn.batch_normalization(x, mean, variance, offset, scale, 0.01)
        grads = tf.gradients(y * y, [x, scale, offset])
        return [y, *grads, *tf.gradients(grads[0] * grads[0], [x, scale])]

    for g, w in zip(run(fused, x, scale, offset), run(plain, x, scale, offset), strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-3, atol=1e-3 * np.abs(w).max())


def test_running_statistics() -> None:
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 4, 3)
    _, mean, variance = V1.fused_batch_norm(
        x, [1.0, 2.0, 3.0], [1.0, 0.0, 0.0], [1.0] * 3, [2.0] * 3, exponential_avg_factor=0.25
    )
    np.testing.assert_allclose(mean.numpy(), [3.375, 3.625, 3.875])
    np.testing.assert_allclose(variance.numpy(), [15.0] * 3, rtol=1e-6)


def test_local_response_normalization_gradient() -> None:
    x = draw(1, 2, 2, 24) + 2

    def build(x: Any) -> Any:
        y = tf.nn.lrn(x, 9, 1.5, 0.5, 0.75)
        band = np.abs(np.subtract.outer(np.arange(24), np.arange(24))) <= 9
        sums = tf.matmul(tf.reshape(x * x, [4, 24]), tf.constant(band.astype(np.float32)))
        z = x * tf.pow(1.5 + 0.5 * tf.reshape(sums, [1, 2, 2, 24]), -0.75)
        return [y, *tf.gradients(y * y, x), z, *tf.gradients(z * z, x)]

    y, dy, z, dz = run(build, x)
    np.testing.assert_allclose(y, z, rtol=1e-5)
    np.testing.assert_allclose(dy, dz, rtol=1e-4, atol=1e-6)


# --- convolution and pooling ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_floats_are_computed_in_float32(dtype: str) -> None:
    x, w = draw(1, 6, 6, 8), draw(3, 3, 8, 4)
    narrow = [tf.cast(tf.constant(a), tf.as_dtype(dtype)) for a in (x, w)]
    y = tf.nn.conv2d(*narrow, 1, "SAME")
    wide = tf.nn.conv2d(*(tf.cast(t, tf.float32) for t in narrow), 1, "SAME")
    assert y.dtype.name == dtype
    want = tf.cast(wide, y.dtype)
    np.testing.assert_array_equal(tf.cast(y, tf.float32).numpy(), tf.cast(want, tf.float32).numpy())


def test_channels_first() -> None:
    x, w = draw(2, 5, 6, 3), draw(3, 2, 3, 4)
    turned = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    for first, last in [
        (
            tf.nn.conv2d(turned, w, [1, 1, 2, 1], "SAME", data_format="NCHW"),
            tf.nn.conv2d(x, w, [1, 2, 1, 1], "SAME"),
        ),
        (
            tf.nn.max_pool2d(turned, 2, 2, "SAME", data_format="NCHW"),
            tf.nn.max_pool2d(x, 2, 2, "SAME"),
        ),
        (
            tf.nn.avg_pool2d(turned, 3, 2, "VALID", data_format="NCHW"),
            tf.nn.avg_pool2d(x, 3, 2, "VALID"),
        ),
    ]:
        np.testing.assert_allclose(first.numpy().transpose(0, 2, 3, 1), last.numpy(), rtol=1e-5)


def test_integer_convolution_and_pooling() -> None:
    x = np.arange(16, dtype=np.int32).reshape(1, 4, 4, 1)
    y = tf.nn.conv2d(x, np.ones((2, 2, 1, 1), np.int32), 1, "VALID")
    assert y.numpy().ravel().tolist() == [10, 14, 18, 26, 30, 34, 42, 46, 50]
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "int64"):
        z = tf.nn.max_pool2d(tf.constant(x.astype(dtype)), 2, 2, "VALID")
        assert z.dtype.name == dtype
        assert z.numpy().ravel().tolist() == [5, 7, 13, 15]


def test_largest_of_special_values() -> None:
    # As TensorFlow: NaN is passed over, yet the gradient goes to one that comes first.
    x = np.array([1, np.nan, 3, 2, 3, 1, np.nan, np.nan], np.float32).reshape(1, 1, 8, 1)
    y = tf.nn.max_pool2d(x, [1, 2], [1, 2], "VALID").numpy().ravel()
    assert y.tolist() == [1, 3, 3, np.finfo(np.float32).min]
    flipped = np.ascontiguousarray(x[:, :, ::-1])

    def gradient(x: Any) -> Any:
        return tf.gradients(tf.nn.max_pool2d(x, [1, 2], [1, 2], "VALID"), x)

    assert run(gradient, flipped)[0].ravel().tolist() == [1, 0, 0, 1, 0, 1, 1, 0]


def test_pooling_over_channels() -> None:
    x = np.arange(12, dtype=np.float32).reshape(1, 1, 2, 6)
    y = tf.nn.max_pool2d(x, [1, 1, 1, 2], [1, 1, 1, 2], "VALID")
    assert y.numpy().tolist() == [[[[1, 3, 5], [7, 9, 11]]]]
    with pytest.raises(tf.errors.UnimplementedError, match="depth window to equal"):
        tf.nn.max_pool2d(x, [1, 1, 1, 2], [1, 1, 1, 1], "VALID")
    with pytest.raises(tf.errors.UnimplementedError, match="batch dimension"):
        tf.nn.max_pool2d(x, [2, 1, 1, 1], [1, 1, 1, 1], "VALID")


def test_positions_of_the_largest() -> None:
    x = np.ones((2, 2, 4, 1), np.float32)
    y, at = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")
    assert (y.numpy().ravel().tolist(), at.numpy().ravel().tolist()) == ([1] * 4, [0, 2, 0, 2])
    _, at = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", include_batch_in_index=True)
    assert at.numpy().ravel().tolist() == [0, 2, 8, 10]


def test_leading_axes() -> None:
    x, w = draw(2, 3, 5, 4, 2), draw(2, 2, 2, 3)
    y = tf.nn.conv2d(x, w, 1, "SAME")
    assert y.shape == (2, 3, 5, 4, 3)
    np.testing.assert_allclose(
        y.numpy().reshape(6, 5, 4, 3),
        tf.nn.conv2d(x.reshape(6, 5, 4, 2), w, 1, "SAME").numpy(),
        rtol=1e-5,
    )


def test_unknown_shapes() -> None:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, None, None, 2])
        w = tf.compat.v1.placeholder(tf.float32, None)
        y = tf.nn.max_pool2d(tf.nn.conv2d(x, w, 1, "SAME"), 2, 2, "VALID")
        assert y.shape.as_list() == [None, None, None, None]
        call = tf.compile([x, w], [y, *tf.gradients(y, [x, w])])
    for n in (1, 3):
        got = call(draw(n, 4, 6, 2), draw(3, 3, 2, 5))
        assert [g.shape for g in got] == [(n, 2, 3, 5), (n, 4, 6, 2), (3, 3, 2, 5)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 2, 2, 3), (1, 2, 2, 1), {}), "not a multiple of input depth of filter"),
        (((1, 2, 2, 4), (1, 2, 2, 3), {}), "not a multiple of the number of groups"),
        (
            ((1, 2, 2, 1), (3, 2, 1, 1), {}),
            "Negative dimension size caused by subtracting 3 from 2",
        ),
        (((1, 2, 2), (1, 2, 1, 1), {}), "Shape must be rank 4 but is rank 3"),
        (((1, 2, 2, 1), (1, 2, 1, 1), {"strides": [1, 0, 1, 1]}), "Stride must be > 0, but got 0"),
        (((1, 2, 2, 1), (1, 2, 1, 1), {"strides": [1, 2, 3]}), "strides should be of length 1, 2"),
        (((1, 2, 2, 1), (1, 2, 1, 1), {"dilations": [1, 0, 1, 1]}), "Dilation rate must be >= 1"),
        (
            ((1, 2, 2, 1), (1, 2, 1, 1), {"padding": [[0, 0], [-1, 0], [0, 0], [0, 0]]}),
            "nonnegative",
        ),
        (((1, 2, 2, 1), (1, 2, 1, 1), {"padding": "EXPLICIT"}), "must be a list"),
        (((1, 2, 2, 0), (1, 2, 0, 1), {}), "Depth of filter must not be 0"),
    ],
)
def test_convolutions_that_do_not_fit(arguments: Any, message: str) -> None:
    image, window, options = arguments
    attrs = {"strides": 1, "padding": "VALID", **options}
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        tf.nn.conv2d(
            tf.compat.v1.placeholder(tf.float32, image),
            tf.compat.v1.placeholder(tf.float32, window),
            **attrs,
        )


def test_gradients_that_do_not_fit() -> None:
    op = tf.raw_ops.Conv2DBackpropInput
    attrs: Any = {"strides": [1, 1, 1, 1], "padding": "VALID"}
    w, dy = np.ones((1, 2, 1, 1), np.float32), np.ones((1, 2, 1, 1), np.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Size of out_backprop"):
        op(input_sizes=[1, 3, 2, 1], filter=w, out_backprop=dy, **attrs)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must not be negative"):
        op(input_sizes=[1, -3, 2, 1], filter=w, out_backprop=dy, **attrs)
    with pytest.raises(tf.errors.InvalidArgumentError, match="same batch size"):
        op(input_sizes=[2, 2, 2, 1], filter=w, out_backprop=dy, **attrs)
    np.testing.assert_array_equal(
        op(input_sizes=[2, 2], filter=w, out_backprop=dy, **attrs).numpy(), np.ones((1, 2, 2, 1))
    )


def test_empty_convolutions() -> None:
    for image, window in [
        ((0, 4, 4, 2), (2, 2, 2, 3)),
        ((2, 4, 4, 2), (2, 2, 2, 0)),
        ((2, 0, 4, 2), (1, 1, 2, 3)),
    ]:
        x, w = np.ones(image, np.float32), np.ones(window, np.float32)

        def build(x: Any, w: Any) -> Any:
            y = tf.nn.conv2d(x, w, 1, "SAME")
            return [y, *tf.gradients(y, [x, w])]

        y, dx, dw = run(build, x, w)
        assert y.shape == (*image[:3], window[3])
        assert (dx.shape, dw.shape) == (image, window)
        assert not dx.any()
        assert not dw.any()


def test_fractional_pooling_gives_tensorflows_regions() -> None:
    x = np.arange(49, dtype=np.float32).reshape(1, 7, 7, 1)
    attrs: Any = {"pooling_ratio": [1.0, 1.4, 1.7, 1.0], "seed": 3, "seed2": 7}
    attrs["deterministic"] = True
    op = tf.raw_ops.FractionalMaxPool
    y, rows, cols = op(value=x, pseudo_random=True, **attrs)
    assert rows.numpy().tolist() == [0, 2, 3, 5, 6, 7]
    assert cols.numpy().tolist() == [0, 2, 4, 6, 7]
    assert y.numpy()[0, 0, :, 0].tolist() == [8, 10, 12, 13]
    y, rows, cols = tf.nn.fractional_max_pool(x, [1.0, 1.4, 1.7, 1.0])
    assert (rows.numpy()[-1], cols.numpy()[-1]) == (7, 7)
    with pytest.raises(tf.errors.InvalidArgumentError, match="cannot be smaller than 1"):
        tf.nn.fractional_max_pool(x, 0.5)


# --- the rest -------------------------------------------------------------------------------


def test_silu_keeps_its_gradient_by_beta() -> None:
    x, beta = draw(5), np.float32(1.5)

    def build(x: Any, beta: Any) -> Any:
        y = tf.nn.silu(x, beta)
        z = x * tf.sigmoid(beta * x)
        return [*tf.gradients(y, [x, beta]), *tf.gradients(z, [x, beta])]

    dx, dbeta, want_dx, want_dbeta = run(build, x, beta)
    np.testing.assert_allclose(dx, want_dx, rtol=1e-5)
    np.testing.assert_allclose(dbeta, want_dbeta, rtol=1e-5)


def test_embeddings_in_parts() -> None:
    table = draw(5, 2)
    parts = [table[:3], table[3:]]
    got = tf.nn.embedding_lookup([tf.constant(p) for p in parts], [0, 4, 2])
    np.testing.assert_array_equal(got.numpy(), table[[0, 4, 2]])
    dealt = [tf.constant(table[0::2]), tf.constant(table[1::2])]
    got = V1.embedding_lookup(dealt, [0, 4, 3])
    np.testing.assert_array_equal(got.numpy(), table[[0, 4, 3]])


def test_cross_entropy_along_another_axis() -> None:
    logits, labels = draw(2, 4, 3), np.abs(draw(2, 4, 3))
    want = -(labels * (logits - np.log(np.exp(logits).sum(1, keepdims=True)))).sum(1)
    for call in (
        lambda a, b: tf.nn.softmax_cross_entropy_with_logits(a, b, axis=1),
        lambda a, b: V1.softmax_cross_entropy_with_logits(labels=a, logits=b, dim=1),
        lambda a, b: V1.softmax_cross_entropy_with_logits_v2(a, b, axis=1),
    ):
        np.testing.assert_allclose(call(labels, logits).numpy(), want, rtol=1e-5)
        np.testing.assert_allclose(run(call, labels, logits)[0], want, rtol=1e-5)


def test_dropout_refuses() -> None:
    with pytest.raises(ValueError, match="`rate` must be a scalar tensor or a float in"):
        tf.nn.dropout(tf.ones([2]), 1.5)
    with pytest.raises(ValueError, match="must be a floating point tensor"):
        tf.nn.dropout(tf.constant([1, 2]), 0.5)
    with pytest.raises(ValueError, match="Cannot specify both"):
        V1.dropout(tf.ones([2]), keep_prob=0.5, rate=0.5)


def test_old_and_new_names_of_arguments() -> None:
    x, w = draw(1, 4, 4, 1), draw(2, 2, 1, 1)
    want = tf.nn.conv2d(x, w, 1, "SAME").numpy()
    np.testing.assert_array_equal(V1.conv2d(x, w, [1, 1, 1, 1], "SAME").numpy(), want)
    np.testing.assert_array_equal(V1.conv2d(x, filters=w, strides=1, padding="SAME").numpy(), want)
    with pytest.raises(ValueError, match="Cannot specify both"):
        V1.conv2d(x, w, 1, "SAME", filters=w)
    np.testing.assert_array_equal(
        V1.max_pool(x, 2, 2, "SAME").numpy(), tf.nn.max_pool2d(x, 2, 2, "SAME").numpy()
    )


@pytest.mark.parametrize(
    ("strategy", "want"),
    [
        ("mod", [[[0, 1], [-2, -3]], [[8, 9], [0, -1]]]),
        ("div", [[[0, 1], [6, 7]], [[-6, -7], [2, 3]]]),
    ],
)
def test_lookup_in_parts_of_unequal_length(strategy: str, want: Any) -> None:
    parts = [tf.constant(np.arange(10.0).reshape(5, 2)), tf.constant(-np.arange(8.0).reshape(4, 2))]
    rows = tf.compat.v1.nn.embedding_lookup(parts, [[0, 3], [8, 1]], partition_strategy=strategy)
    assert rows.numpy().tolist() == want
