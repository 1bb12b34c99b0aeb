"""A network of many dense layers: gradients of all weights. With --memory, what it takes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import Work, dense_flops, rng


@dataclass
class Config:
    layers: int
    width: int
    batch: int


SIZES = {"40x256": Config(40, 256, 256)}
MEMORY = Config(100, 1024, 1024)
TRAINED = -1
TOLERANCE = 0.05  # what rounding makes positive or not decides all layers before


def arguments(c: Config) -> list[np.ndarray]:
    random = rng()
    first = (random.normal(size=(c.width, c.width)) * (2 / c.width) ** 0.5).astype(np.float32)
    x = random.normal(size=(c.batch, c.width)).astype(np.float32)
    return [*(np.roll(first, i, 0) for i in range(c.layers)), x]


def work(c: Config) -> Work:
    sizes = [c.width] * (c.layers + 1)
    weights, values = c.layers * c.width**2, c.layers * c.batch * c.width
    return Work(dense_flops(c.batch, *sizes), 8.0 * weights + 8.0 * values)


def stored_bytes(c: Config) -> int:
    """Weights, their gradients, an activation for each layer and three buffers: without reuse."""
    return 4 * (2 * c.layers * c.width**2 + (c.layers + 3) * c.batch * c.width)


def loss(m: Any, c: Config, *a: Any) -> Any:
    h = a[-1]
    for w in a[:-1]:
        h = m.relu(h @ w)
    return m.total(h * h) / float(c.batch)
