"""Cost of building graphs and gradients, in microseconds per operation, and their memory.

    python benchmarks/graph_building.py [--length 10000] [--rounds 7]

Prints medians and minima. Machines differ and are noisy: compare runs on one quiet machine.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wengert as tf

Chain = Callable[[Any, int], Any]


def sines(x: Any, n: int) -> Any:
    """One element-wise function after another."""
    for _ in range(n):
        x = tf.sin(x)
    return x


def sines_and_squares(x: Any, n: int) -> Any:
    """Functions and products of tensors in turn."""
    for _ in range(n // 2):
        x = tf.sin(x)
        x = x * x
    return x


def sines_and_constants(x: Any, n: int) -> Any:
    """Functions and products with a Python number, which adds a constant node each."""
    for _ in range(n // 2):
        x = tf.sin(x)
        x = x * 1.0001
    return x


def timed(work: Callable[[], Any], rounds: int) -> list[float]:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def resident_bytes() -> int | None:
    """Memory of this process, where the system tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()


def report(what: str, seconds: list[float], per: int, unit: float = 1e6, name: str = "us") -> None:
    scaled = [s / per * unit for s in seconds]
    print(f"{what:58s} {statistics.median(scaled):8.2f} {min(scaled):8.2f} {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    n, rounds = args.length, args.rounds
    print(f"{'':58s} {'median':>8s} {'min':>8s}")

    def build(chain: Chain) -> tuple[Any, Any]:
        with tf.Graph().as_default():
            x = tf.compat.v1.placeholder(tf.float32, [8])
            return x, chain(x, n)

    # First, while no memory of other graphs can be used again.
    resident = resident_bytes()
    x, y = build(sines_and_constants)
    forward, after = y.graph.num_operations, resident_bytes()
    with y.graph.as_default():
        tf.gradients(y, x)
    added, last_bytes = y.graph.num_operations - forward, resident_bytes()
    if resident is not None and after is not None and last_bytes is not None:
        print(
            f"{'bytes per node built, per node of its gradient':58s} "
            f"{(after - resident) / forward:8.0f} {(last_bytes - after) / added:8.0f}"
        )
    del x, y

    for chain in (sines, sines_and_squares, sines_and_constants):
        seconds = timed(lambda chain=chain: build(chain), rounds)
        report(f"build {chain.__name__}, per Python operation", seconds, n)

    def fresh_gradient(chain: Chain) -> float:
        x, y = build(chain)
        with y.graph.as_default():
            start = time.perf_counter()
            tf.gradients(y, x)
            return time.perf_counter() - start

    for chain in (sines, sines_and_squares, sines_and_constants):
        seconds = [fresh_gradient(chain) for _ in range(rounds)]
        report(f"gradients of {chain.__name__}, per forward operation", seconds, n)

    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [8])
        near = sines(x, 10)
        far = sines(x, 100_000)
        last = sines(far, 10)
        report(
            "gradients of 10 ops, 100,000 others after them",
            timed(lambda: tf.gradients(near, x), rounds), 1, 1e3, "ms",
        )  # fmt: skip
        report(
            "gradients of the last 10 of 100,010 ops",
            timed(lambda: tf.gradients(last, far), rounds), 1, 1e3, "ms",
        )  # fmt: skip


if __name__ == "__main__":
    main()
