"""A small convolution network with pools, softmax cross-entropy: gradients of the weights."""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import Work, dense_flops, layers, rng

SIZES = {"24": 24}
TRAINED = 8
SIDE = 32  # of the images, of 3 channels
FILTERS = (5, 5, 3, 8), (3, 3, 8, 24)
FLAT = (SIDE // 4) ** 2 * 24


def arguments(n: int) -> list[np.ndarray]:
    random = rng()
    weights = []
    for dims in FILTERS:
        scale = float(np.prod(dims[:3])) ** 0.5
        weights += [random.normal(size=dims) / scale, random.normal(size=dims[3]) / 10]
    images = random.uniform(size=(n, SIDE, SIDE, 3)).astype(np.float32)
    labels = np.eye(10, dtype=np.float32)[random.integers(0, 10, n)]
    return [*(w.astype(np.float32) for w in weights), *layers(random, FLAT, 64, 10), images, labels]


def work(n: int) -> Work:
    first, second = (
        2.0 * n * (SIDE >> i) ** 2 * float(np.prod(dims)) for i, dims in enumerate(FILTERS)
    )
    pixels = n * (SIDE**2 * (3 + 2 * 8) + (SIDE // 2) ** 2 * 2 * 24)
    # No gradient with respect to the images, one with respect to what the dense layers see.
    dense = dense_flops(n, FLAT, 64, 10) + 2.0 * n * FLAT * 64
    return Work(2 * first + 3 * second + dense, 4.0 * pixels, 10 * n)


def tensorflow(tf: Any, n: int) -> Callable[..., Any]:
    def loss(*a: Any) -> Any:
        h, labels = a[8:]
        for w, b in ((a[0], a[1]), (a[2], a[3])):
            h = tf.nn.relu(tf.nn.conv2d(h, w, 1, "SAME") + b)
            h = tf.nn.max_pool2d(h, 2, 2, "VALID")
        h = tf.nn.relu(tf.matmul(tf.reshape(h, [n, FLAT]), a[4]) + a[5])
        logits = tf.matmul(h, a[6]) + a[7]
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))

    return loss


def jax(n: int) -> Callable[..., Any]:
    import jax as library
    import jax.numpy as jnp

    lax = library.lax
    form = ("NHWC", "HWIO", "NHWC")

    def loss(*a: Any) -> Any:
        h, labels = a[8:]
        for w, b in ((a[0], a[1]), (a[2], a[3])):
            h = lax.conv_general_dilated(h, w, (1, 1), "SAME", dimension_numbers=form)
            h = library.nn.relu(h + b)
            h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        h = library.nn.relu(h.reshape(n, FLAT) @ a[4] + a[5])
        return -jnp.sum(labels * library.nn.log_softmax(h @ a[6] + a[7])) / n

    return loss


def torch(n: int) -> Callable[..., Any]:
    import torch as library

    functional = library.nn.functional

    def loss(*a: Any) -> Any:
        h, labels = a[8].permute(0, 3, 1, 2), a[9]  # channels stay innermost in memory
        for w, b in ((a[0], a[1]), (a[2], a[3])):
            h = functional.conv2d(h, w.permute(3, 2, 0, 1), b, padding="same").relu()
            h = functional.max_pool2d(h, 2)
        h = (h.permute(0, 2, 3, 1).reshape(n, FLAT) @ a[4] + a[5]).relu()
        return functional.cross_entropy(h @ a[6] + a[7], labels)

    return loss
