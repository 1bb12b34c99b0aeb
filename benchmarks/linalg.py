"""Decompositions, solvers and Fourier transforms, beside NumPy and SciPy, in microseconds.

    python benchmarks/linalg.py [--seconds 0.2]

One compiled function per line, single matrices of several sizes and a batch of small ones, float64.
The peer is numpy.linalg or scipy.linalg, numpy.fft for transforms; "ratio" is its time by ours. Set
OPENBLAS_NUM_THREADS=1 to see both on one thread: Wengert never uses more for a single matrix.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

import wengert as tf

RNG = np.random.default_rng(0)


def microseconds(call: Callable[[], Any], seconds: float) -> float:
    """Median time of a call."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def definite(*shape: int) -> Any:
    x = RNG.normal(size=shape)
    return x @ np.swapaxes(x, -1, -2) + shape[-1] * np.eye(shape[-1])


def general(*shape: int) -> Any:
    return RNG.normal(size=shape) + np.eye(*shape[-2:])


CASES: list[tuple[str, Callable[..., Any], Callable[..., Any], Callable[..., Any], bool]] = [
    ("cholesky", tf.linalg.cholesky, np.linalg.cholesky, definite, False),
    ("inv", tf.linalg.inv, np.linalg.inv, general, False),
    ("det", tf.linalg.det, np.linalg.det, general, False),
    ("solve", tf.linalg.solve, np.linalg.solve, general, True),
    ("qr", lambda x: tf.linalg.qr(x)[1], lambda x: np.linalg.qr(x)[1], general, False),
    ("svd", lambda x: tf.linalg.svd(x)[1], lambda x: np.linalg.svd(x)[0], general, False),
    ("eigh", lambda x: tf.linalg.eigh(x)[1], lambda x: np.linalg.eigh(x)[1], definite, False),
    ("eig", lambda x: tf.linalg.eig(x)[1], lambda x: np.linalg.eig(x)[1], general, False),
    (
        "triangular_solve",
        tf.linalg.triangular_solve,
        lambda a, b: scipy.linalg.solve_triangular(a, b, lower=True),
        general,
        True,
    ),
]
SIZES = ((3, 3), (10, 10), (30, 30), (100, 100), (400, 400), (1000, 4, 4))
LENGTHS = ((64,), (1024,), (1000,), (1009,), (65536,), (1000000,), (100, 256))


def compiled(function: Callable[..., Any], arguments: list[Any]) -> Callable[[], Any]:
    with tf.Graph().as_default():
        inputs = [tf.compat.v1.placeholder(tf.as_dtype(a.dtype), a.shape) for a in arguments]
        call = tf.compile(inputs, [function(*inputs)])
    return lambda: call(*arguments)


def report(name: str, shape: tuple[int, ...], ours: float, peer: float | None) -> None:
    beside = "" if peer is None else f"{peer:12.1f}{peer / ours:8.2f}"
    print(f"{name:18}{'x'.join(map(str, shape)):>10}{ours:12.1f}{beside}")


def matrices(seconds: float) -> None:
    for name, ours, peer, draw, with_rhs in CASES:
        for shape in SIZES:
            if name in ("svd", "eig") and shape[-1] > 100:
                continue
            arguments = [draw(*shape)]
            if with_rhs:
                arguments.append(RNG.normal(size=(*shape[:-1], 5)))
            mine = microseconds(compiled(ours, arguments), seconds)
            if name == "triangular_solve" and len(shape) > 2:
                report(name, shape, mine, None)
                continue
            report(name, shape, mine, microseconds(lambda f=peer, a=arguments: f(*a), seconds))


def transforms(seconds: float) -> None:
    for shape in LENGTHS:
        z = RNG.normal(size=shape) + 1j * RNG.normal(size=shape)
        x = np.ascontiguousarray(z.real)
        mine = microseconds(compiled(tf.signal.fft, [z]), seconds)
        report("fft", shape, mine, microseconds(lambda z=z: np.fft.fft(z), seconds))
        mine = microseconds(compiled(tf.signal.rfft, [x]), seconds)
        report("rfft", shape, mine, microseconds(lambda x=x: np.fft.rfft(x), seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.2)
    seconds = parser.parse_args().seconds
    print(f"{'':18}{'shape':>10}{'wengert':>12}{'peer':>12}{'ratio':>8}")
    matrices(seconds)
    transforms(seconds)


if __name__ == "__main__":
    main()
