"""Layers of 256 and 128, softmax cross-entropy, gradients of the weights."""

from typing import Any

import numpy as np

from . import Work, dense_flops, layers, rng

SIZES = {"32": 32, "1024": 1024}
TRAINED = 6


def arguments(n: int) -> list[np.ndarray]:
    random = rng()
    labels = np.eye(10, dtype=np.float32)[random.integers(0, 10, n)]
    images = np.abs(random.normal(size=(n, 784))).astype(np.float32)
    return [*layers(random, 784, 256, 128, 10), images, labels]


def work(n: int) -> Work:
    weights = 784 * 256 + 256 * 128 + 128 * 10
    return Work(dense_flops(n, 784, 256, 128, 10), 8 * weights + 4 * n * 784, 10 * n)


def loss(m: Any, n: int, *a: Any) -> Any:
    h = m.relu(a[6] @ a[0] + a[1])
    h = m.relu(h @ a[2] + a[3])
    return m.cross_entropy(h @ a[4] + a[5], a[7]) / float(n)
