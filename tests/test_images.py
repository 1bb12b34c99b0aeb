"""`tf.image`: what the rows of the ops do not say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1


def images(*shape: int) -> Any:
    return np.random.default_rng(3).uniform(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos3", "gaussian", "area"])
def test_resizing_keeps_constant_images(method: str) -> None:
    x = tf.ones([1, 6, 5, 2])
    for antialias in (False, True):
        y = tf.image.resize(x, [4, 9], method, antialias=antialias).numpy()
        np.testing.assert_allclose(y, 1, rtol=1e-6)


def test_resize_forms() -> None:
    x = images(4, 6, 3)
    assert tf.image.resize(x, [8, 3]).shape == (8, 3, 3)
    assert tf.image.resize(x[None], [8, 3], preserve_aspect_ratio=True).shape == (1, 2, 3, 3)
    y = tf.image.resize((x * 255).astype(np.uint8), [8, 3], method="nearest")
    assert y.dtype == tf.uint8
    old = v1.image.resize_images(x, [4, 6], align_corners=True)
    np.testing.assert_allclose(old.numpy(), x, rtol=1e-6)
    with pytest.raises(ValueError, match="method"):
        tf.image.resize(x, [2, 2], "cubist")
    with pytest.raises(tf.errors.InvalidArgumentError, match="positive"):
        tf.image.resize(x, [0, 2])


def test_unknown_sizes() -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None, None, None, 3])
        y = tf.image.resize(x, [2, 3])
        (g,) = tf.gradients(y * y, x)
        p = tf.image.extract_patches(x, [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID")
        (h,) = tf.gradients(p, x)
        assert y.shape.as_list() == [None, 2, 3, 3]
        function = tf.compile([x], [y, g, h])
    for shape in ((1, 4, 4, 3), (2, 3, 5, 3)):
        value = images(*shape)
        got = function(value)
        assert got[1].shape == got[2].shape == shape
        # Each pixel lies in as many windows as fit around it.
        inner = np.outer(np.minimum(np.arange(1, shape[1] + 1), [2] * shape[1]), [1] * shape[2])
        assert got[2].max() == 4
        assert got[2].min() == 1
        assert inner.shape == shape[1:3]


def test_gradient_of_a_map_that_moves_pixels_onto_pixels() -> None:
    with tf.Graph().as_default():
        x = tf.constant(images(1, 4, 5, 1))
        moved = tf.constant([[1.0, 0.0, 1.0, 0.0, 1.0, -1.0, 0.0, 0.0]])
        y = tf.raw_ops.ImageProjectiveTransformV3(
            images=x,
            transforms=moved,
            output_shape=[4, 5],
            fill_value=0.0,
            interpolation="BILINEAR",
        )
        w = tf.constant(images(1, 4, 5, 1) + 1)
        (g,) = tf.gradients(y, x, w)
        values = tf.compile([], [y, g, w, x])()
    want = np.zeros((1, 4, 5, 1), np.float32)
    want[:, :3, 1:] = values[2][:, 1:, :4]
    np.testing.assert_allclose(values[1], want, rtol=1e-6)


def test_flips_and_turns() -> None:
    x = images(4, 6, 3)
    for batched in (x, x[None]):
        h = batched.ndim - 3
        for got, want in (
            (tf.image.flip_left_right(batched), np.flip(batched, h + 1)),
            (tf.image.flip_up_down(batched), np.flip(batched, h)),
            (tf.image.transpose(batched), np.swapaxes(batched, h, h + 1)),
            *((tf.image.rot90(batched, k), np.rot90(batched, k, (h, h + 1))) for k in range(-1, 5)),
        ):
            np.testing.assert_array_equal(got.numpy(), want)


def test_boxes() -> None:
    x = images(4, 6, 3)
    np.testing.assert_array_equal(tf.image.crop_to_bounding_box(x, 1, 2, 2, 3).numpy(), x[1:3, 2:5])
    padded = tf.image.pad_to_bounding_box(x, 1, 2, 6, 9).numpy()
    np.testing.assert_array_equal(padded, np.pad(x, [(1, 1), (2, 1), (0, 0)]))
    np.testing.assert_array_equal(tf.image.central_crop(x, 0.5).numpy(), x[1:3, 1:5])
    both = tf.image.resize_with_crop_or_pad(x, 8, 2).numpy()
    np.testing.assert_array_equal(both, np.pad(x[:, 2:4], [(2, 2), (0, 0), (0, 0)]))
    with pytest.raises(ValueError, match="fit"):
        tf.image.pad_to_bounding_box(x, 1, 2, 3, 9)


def test_colours() -> None:
    x = images(4, 6, 3)
    hsv = tf.image.rgb_to_hsv(x)
    np.testing.assert_allclose(tf.image.hsv_to_rgb(hsv).numpy(), x, atol=1e-6)
    np.testing.assert_allclose(
        tf.image.rgb_to_grayscale(x).numpy()[..., 0], x @ np.float32([0.2989, 0.587, 0.114]), 1e-5
    )
    np.testing.assert_allclose(tf.image.adjust_hue(x, 1.0).numpy(), x, atol=1e-5)
    np.testing.assert_allclose(tf.image.adjust_saturation(x, 1.0).numpy(), x, atol=1e-6)
    np.testing.assert_allclose(tf.image.adjust_contrast(x, 1.0).numpy(), x, atol=1e-6)
    np.testing.assert_allclose(tf.image.adjust_brightness(x, 0.5).numpy(), x + 0.5, 1e-6)
    np.testing.assert_allclose(tf.image.adjust_gamma(x, 2.0).numpy(), x**2, 1e-5)
    assert tf.image.grayscale_to_rgb(x[..., :1]).shape == (4, 6, 3)
    standard = tf.image.per_image_standardization(x).numpy()
    assert abs(standard.mean()) < 1e-5
    assert abs(standard.std() - 1) < 1e-4


def test_dtypes_of_images() -> None:
    convert = tf.image.convert_image_dtype
    assert convert(tf.constant([0, 255], tf.uint8), tf.float32).numpy().tolist() == [0.0, 1.0]
    assert convert(tf.constant([0.0, 1.0]), tf.uint8).numpy().tolist() == [0, 255]
    assert convert(tf.constant([256], tf.int32), tf.uint8).dtype == tf.uint8
    assert convert(tf.constant([-1.0, 2.0]), tf.uint8, saturate=True).numpy().tolist() == [0, 255]


def test_measures() -> None:
    x = images(2, 4, 6, 3)
    down, across = tf.image.image_gradients(tf.constant(x))
    np.testing.assert_allclose(down.numpy()[:, :-1], np.diff(x, axis=1), atol=1e-6)
    np.testing.assert_allclose(across.numpy()[:, :, :-1], np.diff(x, axis=2), atol=1e-6)
    want = np.abs(np.diff(x, axis=1)).sum((1, 2, 3)) + np.abs(np.diff(x, axis=2)).sum((1, 2, 3))
    np.testing.assert_allclose(tf.image.total_variation(x).numpy(), want, rtol=1e-5)
    np.testing.assert_allclose(tf.image.total_variation(x[0]).numpy(), want[0], rtol=1e-5)
    ratio = tf.image.psnr(x[:1], x[:1] + 0.1, 1.0).numpy()
    np.testing.assert_allclose(ratio, 20, rtol=1e-4)


BAD: tuple[tuple[str, dict[str, Any], type[Exception]], ...] = (
    (
        "CropAndResize",
        {
            "image": images(1, 3, 3, 1), "boxes": [[0.0, 0.0, 1.0, 1.0]], "box_ind": [1],
            "crop_size": [2, 2],
        },
        tf.errors.OutOfRangeError,
    ),
    (
        "CropAndResize",
        {
            "image": images(1, 3, 3, 1), "boxes": [[0.0, 0.0, 1.0]], "box_ind": [0],
            "crop_size": [2, 2],
        },
        tf.errors.InvalidArgumentError,
    ),
    (
        "ScaleAndTranslate",
        {
            "images": images(1, 3, 3, 1), "size": [2, 2], "scale": [0.0, 1.0],
            "translation": [0.0, 0.0],
        },
        tf.errors.InvalidArgumentError,
    ),
    (
        "ExtractImagePatches",
        {
            "images": images(1, 3, 3, 1), "ksizes": [1, 9, 9, 1], "strides": [1, 1, 1, 1],
            "rates": [1, 1, 1, 1], "padding": "VALID",
        },
        tf.errors.InvalidArgumentError,
    ),
    (
        "ExtractImagePatches",
        {
            "images": images(1, 3, 3, 1), "ksizes": [1, 2, 2, 1], "strides": [1, 0, 1, 1],
            "rates": [1, 1, 1, 1], "padding": "VALID",
        },
        tf.errors.InvalidArgumentError,
    ),
    ("RGBToHSV", {"images": images(3, 4)}, tf.errors.InvalidArgumentError),
    (
        "SpaceToBatchND",
        {"input": images(1, 3, 3, 1), "block_shape": [2, 2], "paddings": [[0, 0], [0, 0]]},
        tf.errors.InvalidArgumentError,
    ),
    (
        "SpaceToBatchND",
        {"input": images(1, 4, 4, 1), "block_shape": [0, 2], "paddings": [[0, 0], [0, 0]]},
        tf.errors.InvalidArgumentError,
    ),
    (
        "BatchToSpaceND",
        {"input": images(4, 2, 2, 1), "block_shape": [2, 2], "crops": [[4, 1], [0, 0]]},
        tf.errors.InvalidArgumentError,
    ),
    (
        "BatchToSpaceND",
        {"input": images(3, 2, 2, 1), "block_shape": [2, 2], "crops": [[0, 0], [0, 0]]},
        tf.errors.InvalidArgumentError,
    ),
    (
        "ImageProjectiveTransformV3",
        {
            "images": images(1, 3, 3, 1), "transforms": [[1.0] * 7], "output_shape": [2, 2],
            "fill_value": 0.0, "interpolation": "NEAREST",
        },
        tf.errors.InvalidArgumentError,
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("op", "arguments", "error"), BAD, ids=[b[0] + str(i) for i, b in enumerate(BAD)]
)
def test_bad_arguments(op: str, arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        getattr(tf.raw_ops, op)(**arguments)


def test_sizes_that_no_memory_holds() -> None:
    x = tf.ones([1, 2, 2, 1])
    huge = 2**31 - 1
    for op in ("ResizeBilinear", "ResizeBicubic", "ResizeNearestNeighbor", "ResizeArea"):
        with pytest.raises(tf.errors.ResourceExhaustedError):
            getattr(tf.raw_ops, op)(images=x, size=[huge, huge])
    with pytest.raises((tf.errors.ResourceExhaustedError, tf.errors.InvalidArgumentError)):
        tf.raw_ops.ExtractImagePatches(
            images=x, ksizes=[1, 2**40, 1, 1], strides=[1, 1, 1, 1], rates=[1, 1, 1, 1],
            padding="SAME",
        )  # fmt: skip
    with pytest.raises(tf.errors.ResourceExhaustedError):
        tf.raw_ops.ScaleAndTranslate(
            images=tf.ones([1, 1000, 2, 1]), size=[2**26, 1], scale=[1e-9, 1.0],
            translation=[0.0, 0.0],
        )  # fmt: skip
