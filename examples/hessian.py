"""Second derivatives: gradients of gradients.

Shows: the product of a Hessian and a vector without the Hessian, as the derivative of g . v; the
whole Hessian from it, column by column; Newton's method with conjugate gradients on the product.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert as tf

N = 50


@tf.function
def value_and_gradient(x: Any) -> Any:
    """Rosenbrock's function, whose minimum is 0 at x = 1."""
    f = tf.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    return f, tf.gradients(f, x)[0]


@tf.function
def hessian_times(x: Any, v: Any) -> Any:
    _, g = value_and_gradient(x)
    return tf.gradients(tf.reduce_sum(g * v), x)[0]


def newton_direction(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Solves H p = -g by conjugate gradients, as far as H is positive."""
    p, r, d = np.zeros_like(g), -g, -g
    for _ in range(2 * N):
        hd = hessian_times(x, d).numpy()
        if d @ hd <= 0 or np.linalg.norm(r) < 1e-10:
            break
        step = (r @ r) / (d @ hd)
        p, rest = p + step * d, r - step * hd
        d, r = rest + (rest @ rest) / (r @ r) * d, rest
    return p if p.any() else -g


def main() -> None:
    x = np.full(N, 0.8)
    hessian = np.stack([hessian_times(x, unit).numpy() for unit in np.eye(N)])
    print(f"Hessian: {np.count_nonzero(hessian)} of {N * N} elements are not zero")
    for iteration in range(30):
        f, g = (t.numpy() for t in value_and_gradient(x))
        print(f"iteration {iteration:2d}: f = {f:.2e}, |g| = {np.linalg.norm(g):.1e}")
        if np.linalg.norm(g) < 1e-9:
            break
        p, t = newton_direction(x, g), 1.0
        while t > 1e-8 and value_and_gradient(x + t * p)[0].numpy() > f:
            t /= 2
        x = x + t * p


if __name__ == "__main__":
    main()
