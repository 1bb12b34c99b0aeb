"""Forty element-wise operations on a vector, and the gradient."""

from typing import Any

import numpy as np

from . import Work, rng

SIZES = {"1e4": 10_000, "1e6": 1_000_000}
TRAINED = 1
LINKS = 10


def arguments(n: int) -> list[np.ndarray]:
    return [rng().uniform(-1, 1, n).astype(np.float32)]


def work(n: int) -> Work:
    return Work(flops=LINKS * 12 * n, bytes=8 * n, functions=LINKS * 3 * n)  # sine, cosine, tanh


def loss(m: Any, _: int, x: Any) -> Any:
    for _link in range(LINKS):
        x = 0.5 * x + m.tanh(x * m.sin(x))
    return m.total(x)
