"""A linear classifier with weight decay."""

from typing import Any

import numpy as np

from . import Work, dense_flops, rng

SIZES = {"1000": 1000}
TRAINED = 2


def arguments(n: int) -> list[np.ndarray]:
    random = rng()
    labels = np.eye(10, dtype=np.float32)[random.integers(0, 10, n)]
    images = np.abs(random.normal(size=(n, 784)))
    w = [random.normal(size=(784, 10)) / 30, random.normal(size=10)]
    return [*(x.astype(np.float32) for x in [*w, images]), labels]


def work(n: int) -> Work:
    return Work(dense_flops(n, 784, 10), 4 * n * 784, 10 * n)


def loss(m: Any, n: int, w: Any, b: Any, x: Any, y: Any) -> Any:
    return m.cross_entropy(x @ w + b, y) / float(n) + 1e-3 * m.total(w * w)
