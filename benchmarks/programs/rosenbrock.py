"""Value and gradient of the Rosenbrock function: how much a call costs."""

from typing import Any

import numpy as np

from . import Work, rng

SIZES = {"10": 10, "1000": 1000}
TRAINED = 1


def arguments(n: int) -> list[np.ndarray]:
    return [rng().normal(size=n).astype(np.float32)]


def work(n: int) -> Work:
    return Work(flops=12 * n, bytes=8 * n)


def loss(m: Any, _: int, x: Any) -> Any:
    a, b = x[1:] - x[:-1] * x[:-1], 1.0 - x[:-1]
    return m.total(100.0 * a * a + b * b)
