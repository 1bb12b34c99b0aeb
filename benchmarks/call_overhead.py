"""Cost of calling a compiled function on tiny arrays, in nanoseconds.

    python benchmarks/call_overhead.py [--rounds 9]

Four inputs and four outputs of ten float64 each, with fresh outputs and with `out=`; then chains of
steps that cannot be fused, for the cost of one more. A NumPy addition is timed beside them as a
yardstick for the machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as tf


def per_call(work: Callable[[int], Any], rounds: int, calls: int) -> tuple[float, float]:
    """Median and minimum of nanoseconds per call."""
    work(calls // 10)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work(calls)
        times.append((time.perf_counter() - start) / calls * 1e9)
    return statistics.median(times), min(times)


def products() -> Any:
    """Four products of four inputs."""
    with tf.Graph().as_default():
        xs = [tf.compat.v1.placeholder(tf.float64, [10]) for _ in range(4)]
        return tf.compile(xs, [xs[i] * xs[(i + 1) % 4] for i in range(4)])


def running_sums(steps: int) -> Any:
    """A chain of running sums: one step each."""
    with tf.Graph().as_default():
        xs = [tf.compat.v1.placeholder(tf.float64, [10]) for _ in range(4)]
        y = xs[0]
        for _ in range(steps):
            y = tf.cumsum(y)
        return tf.compile(xs, [y])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    a, b, c, d = (np.random.RandomState(i).rand(10) for i in range(4))
    out = [np.empty(10) for _ in range(4)]
    f = products()

    def fresh(n: int) -> None:
        for _ in range(n):
            f(a, b, c, d)

    def given(n: int) -> None:
        for _ in range(n):
            f(a, b, c, d, out=out)

    def numpy_add(n: int) -> None:
        for _ in range(n):
            np.add(a, b)

    print(f"{'':40s} {'median':>8s} {'min':>8s}  ns")
    for name, work in (
        ("numpy.add of 10 (yardstick)", numpy_add),
        ("4 in, 4 out, fresh outputs", fresh),
        ("4 in, 4 out, out=", given),
    ):
        median, least = per_call(work, rounds, 100_000)
        print(f"{name:40s} {median:8.0f} {least:8.0f}")
    chains = []
    for steps in (10, 110):
        g, target = running_sums(steps), [np.empty(10)]

        def chain(n: int, g: Any = g, target: Any = target) -> None:
            for _ in range(n):
                g(a, b, c, d, out=target)

        median, least = per_call(chain, rounds, 20_000)
        chains.append((median, least))
        print(f"{f'chain of {steps} steps, out=':40s} {median:8.0f} {least:8.0f}")
    extra = [(long - short) / 100 for short, long in zip(*chains, strict=True)]
    print(f"{'each further step':40s} {extra[0]:8.1f} {extra[1]:8.1f}")


if __name__ == "__main__":
    main()
