"""A recurrent network as a loop and unrolled: value and gradient.

    python benchmarks/loops.py [--steps 1000] [--batch 32] [--units 64] [--rounds 5]

Ratios are what counts: the loop's time to that of the unrolled program.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as tf


def programs(steps: int, batch: int, units: int) -> dict[str, Callable[..., Any]]:
    start = np.zeros((batch, units), np.float32)

    def cell(h: Any, row: Any, w: Any, u: Any) -> Any:
        return tf.tanh(tf.matmul(h, w) + tf.matmul(row, u))

    def unrolled(x: Any, w: Any, u: Any) -> Any:
        h = tf.constant(start)
        for row in tf.unstack(x):
            h = cell(h, row, w, u)
        return h

    def array(x: Any, w: Any, u: Any) -> Any:
        rows = tf.TensorArray(tf.float32, steps).unstack(x)
        return tf.while_loop(
            lambda i, h: i < steps,
            lambda i, h: (i + 1, cell(h, rows.read(i), w, u)),
            [0, tf.constant(start)],
        )[1]

    def sliced(x: Any, w: Any, u: Any) -> Any:
        return tf.while_loop(
            lambda i, h: i < steps,
            lambda i, h: (i + 1, cell(h, x[i], w, u)),
            [0, tf.constant(start)],
        )[1]

    return {"unrolled": unrolled, "TensorArray": array, "x[i]": sliced}


def best(f: Callable[..., Any], args: list[Any], rounds: int) -> float:
    f(*args), f(*args)
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        f(*args)
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in [("steps", 1000), ("batch", 32), ("units", 64), ("rounds", 5)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    a = parser.parse_args()
    rng = np.random.default_rng(0)
    shapes = [(a.steps, a.batch, a.units), (a.units, a.units), (a.units, a.units)]
    args = [tf.constant(rng.normal(size=s).astype(np.float32) * 0.1) for s in shapes]
    print("milliseconds (ratio to unrolled)")
    print("| program | value | gradient of w, u | gradient of x, w, u |\n|---|---|---|---|")
    base: list[float] = []
    for name, f in programs(a.steps, a.batch, a.units).items():

        def loss(x: Any, w: Any, u: Any, f: Callable[..., Any] = f) -> Any:
            return tf.reduce_sum(f(x, w, u) ** 2)

        def weights(x: Any, w: Any, u: Any, loss: Callable[..., Any] = loss) -> Any:
            return tf.gradients(loss(x, w, u), [w, u])

        def everything(x: Any, w: Any, u: Any, loss: Callable[..., Any] = loss) -> Any:
            return tf.gradients(loss(x, w, u), [x, w, u])

        times = [best(tf.function(g), args, a.rounds) for g in (f, weights, everything)]
        base = base or times
        cells = [f"{t:.1f} ({t / b:.2f})" for t, b in zip(times, base, strict=True)]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
