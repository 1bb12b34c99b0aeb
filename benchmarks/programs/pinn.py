"""Burgers' equation by a network of 8 layers of 20: third derivatives."""

from typing import Any

import numpy as np

from . import Work, dense_flops, layers, rng

SIZES = {"1000": 1000, "10000": 10_000}
TRAINED = 18
WIDTHS = (2, *[20] * 8, 1)


def arguments(n: int) -> list[np.ndarray]:
    random = rng()
    points = [random.uniform(-1, 1, (n, 1)).astype(np.float32) for _ in range(2)]
    return [*layers(random, *WIDTHS), *points]


def work(n: int) -> Work:
    # The value and three directional derivatives forward, and back through these four.
    return Work(4 * dense_flops(n, *WIDTHS), 8 * n, 8 * 20 * n)


def loss(m: Any, n: int, *a: Any) -> Any:
    def net(t: Any, x: Any) -> Any:
        h = m.concat(t, x)
        for i in range(8):
            h = m.tanh(h @ a[2 * i] + a[2 * i + 1])
        return h @ a[16] + a[17]

    u, u_t, u_x, u_xx = m.derivatives(net, a[18], a[19])
    f = u_t + u * u_x - 0.003183 * u_xx
    return m.total(f * f) / float(n)
