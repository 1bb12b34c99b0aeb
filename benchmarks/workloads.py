"""Gradient programs timed beside other libraries.

    python benchmarks/workloads.py [--threads 2] [--rounds 7] [--only chain,mlp] [--peers jax,torch]

One process, every library in turn within each round, so that drift of the machine meets all alike.
A row tells the best and the median time of a call in microseconds; the last column compares the
best of Wengert with the best of the fastest peer. Peers that are not installed are left out. Before
anything is timed, all results are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

Call = Callable[[], list[np.ndarray]]
RNG = np.random.default_rng(0)


def _floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def _layers(*sizes: int) -> list[np.ndarray]:
    pairs = list(itertools.pairwise(sizes))
    return [p for i, o in pairs for p in (_floats(i, o) / np.float32(i) ** 0.5, _floats(o) / 10)]


# --- workloads: arguments, and a function of (library, arguments) -> results ------------------
# `m` is one of the libraries below: the few functions these programs need, and `grad(y, xs)`.


class Chain:
    """Forty element-wise operations on a vector, and the gradient."""

    sizes: ClassVar = {"1e4": 10_000, "1e6": 1_000_000}

    def arguments(self, n: int) -> list[np.ndarray]:
        return [RNG.uniform(-1, 1, n).astype(np.float32)]

    def loss(self, m: Any, x: Any) -> Any:
        for _ in range(10):
            x = 0.5 * x + m.tanh(x * m.sin(x))
        return m.total(x)


class Mlp:
    """Layers of 256 and 128, softmax cross-entropy, gradients of the weights."""

    sizes: ClassVar = {"32": 32, "1024": 1024}

    def arguments(self, n: int) -> list[np.ndarray]:
        labels = np.eye(10, dtype=np.float32)[RNG.integers(0, 10, n)]
        return [*_layers(784, 256, 128, 10), np.abs(_floats(n, 784)), labels]

    trained = 6

    def loss(self, m: Any, *a: Any) -> Any:
        h = m.relu(a[6] @ a[0] + a[1])
        h = m.relu(h @ a[2] + a[3])
        return m.cross_entropy(h @ a[4] + a[5], a[7]) / float(a[7].shape[0])


class SoftmaxRegression:
    """A linear classifier with weight decay."""

    sizes: ClassVar = {"1000": 1000}
    trained = 2

    def arguments(self, n: int) -> list[np.ndarray]:
        labels = np.eye(10, dtype=np.float32)[RNG.integers(0, 10, n)]
        return [_floats(784, 10) / 30, _floats(10), np.abs(_floats(n, 784)), labels]

    def loss(self, m: Any, w: Any, b: Any, x: Any, y: Any) -> Any:
        return m.cross_entropy(x @ w + b, y) / float(y.shape[0]) + 1e-3 * m.total(w * w)


class Rosenbrock:
    """Value and gradient of the Rosenbrock function: how much a call costs."""

    sizes: ClassVar = {"10": 10, "1000": 1000}

    def arguments(self, n: int) -> list[np.ndarray]:
        return [_floats(n)]

    def loss(self, m: Any, x: Any) -> Any:
        a, b = x[1:] - x[:-1] * x[:-1], 1.0 - x[:-1]
        return m.total(100.0 * a * a + b * b)


class Pinn:
    """Burgers' equation by a network of 8 layers of 20: third derivatives."""

    sizes: ClassVar = {"1000": 1000, "10000": 10_000}
    trained = 18

    def arguments(self, n: int) -> list[np.ndarray]:
        points = [RNG.uniform(-1, 1, (n, 1)).astype(np.float32) for _ in range(2)]
        return [*_layers(2, *[20] * 8, 1), *points]

    def loss(self, m: Any, *a: Any) -> Any:
        def net(t: Any, x: Any) -> Any:
            h = m.concat(t, x)
            for i in range(8):
                h = m.tanh(h @ a[2 * i] + a[2 * i + 1])
            return h @ a[16] + a[17]

        u, u_t, u_x, u_xx = m.derivatives(net, a[18], a[19])
        f = u_t + u * u_x - 0.003183 * u_xx
        return m.total(f * f) / float(a[18].shape[0])


WORKLOADS = {
    "rosenbrock": Rosenbrock(), "chain": Chain(), "mlp": Mlp(), "softreg": SoftmaxRegression(),
    "pinn": Pinn(),
}  # fmt: skip


# --- libraries --------------------------------------------------------------------------------


def wengert_call(workload: Any, arguments: list[np.ndarray], _: int) -> Call:
    return _tensorflow_like("wengert", workload, arguments)


def tensorflow_call(workload: Any, arguments: list[np.ndarray], threads: int) -> Call:
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # already running
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    return _tensorflow_like("tensorflow", workload, arguments)


def _tensorflow_like(module: str, workload: Any, arguments: list[np.ndarray]) -> Call:
    tf: Any = __import__(module)

    class Ops:
        sin, tanh, relu = tf.sin, tf.tanh, tf.nn.relu
        total = staticmethod(tf.reduce_sum)

        @staticmethod
        def concat(*xs: Any) -> Any:
            return tf.concat(xs, 1)

        @staticmethod
        def cross_entropy(z: Any, y: Any) -> Any:
            return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z))

        @staticmethod
        def derivatives(net: Any, t: Any, x: Any) -> Any:
            u = net(t, x)
            u_t, u_x = tf.gradients(u, [t, x])
            return u, u_t, u_x, tf.gradients(u_x, x)[0]

    @tf.function
    def f(*a: Any) -> Any:
        y = workload.loss(Ops, *a)
        return [y, *tf.gradients(y, list(a[: getattr(workload, "trained", 1)]))]

    tensors = [tf.constant(a) for a in arguments]
    return lambda: [r.numpy() for r in f(*tensors)]


def jax_call(workload: Any, arguments: list[np.ndarray], _: int) -> Call:
    import jax
    import jax.numpy as jnp

    class Ops:
        sin, tanh, relu, total = jnp.sin, jnp.tanh, jax.nn.relu, jnp.sum

        @staticmethod
        def concat(*xs: Any) -> Any:
            return jnp.concatenate(xs, 1)

        @staticmethod
        def cross_entropy(z: Any, y: Any) -> Any:
            return -jnp.sum(y * jax.nn.log_softmax(z))

        @staticmethod
        def derivatives(net: Any, t: Any, x: Any) -> Any:
            def total(t: Any, x: Any) -> Any:
                return jnp.sum(net(t, x))

            u_t, u_x = jax.grad(total, (0, 1))(t, x)
            u_xx = jax.grad(lambda x: jnp.sum(jax.grad(total, 1)(t, x)))(x)
            return net(t, x), u_t, u_x, u_xx

    wanted = tuple(range(getattr(workload, "trained", 1)))
    f = jax.jit(jax.value_and_grad(lambda *a: workload.loss(Ops, *a), wanted))
    arrays = [jnp.asarray(a) for a in arguments]

    def call() -> list[np.ndarray]:
        y, gradients = f(*arrays)
        return [np.asarray(r) for r in (y, *gradients)]

    return call


def torch_call(workload: Any, arguments: list[np.ndarray], threads: int) -> Call:
    import torch

    torch.set_num_threads(threads)

    class Ops:
        sin, tanh, relu, total = torch.sin, torch.tanh, torch.relu, torch.sum

        @staticmethod
        def concat(*xs: Any) -> Any:
            return torch.cat(xs, 1)

        @staticmethod
        def cross_entropy(z: Any, y: Any) -> Any:
            return torch.nn.functional.cross_entropy(z, y, reduction="sum")

        @staticmethod
        def derivatives(net: Any, t: Any, x: Any) -> Any:
            t, x = t.clone().requires_grad_(), x.clone().requires_grad_()
            u = net(t, x)
            u_t, u_x = torch.autograd.grad(u.sum(), (t, x), create_graph=True)
            return u, u_t, u_x, torch.autograd.grad(u_x.sum(), x, create_graph=True)[0]

    tensors = [torch.from_numpy(a) for a in arguments]
    wanted = [t.requires_grad_() for t in tensors[: getattr(workload, "trained", 1)]]

    def call() -> list[np.ndarray]:
        y = workload.loss(Ops, *tensors)
        return [r.detach().numpy() for r in (y, *torch.autograd.grad(y, wanted))]

    return call


LIBRARIES = {
    "wengert": wengert_call, "tensorflow": tensorflow_call, "jax": jax_call, "torch": torch_call,
}  # fmt: skip


# --- timing -----------------------------------------------------------------------------------


def _agree(name: str, results: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for a, b in zip(results, expected, strict=True):
        if np.abs(a - b).max() > 5e-3 * (np.abs(b).max() + 1e-6):
            sys.exit(f"{name} differs from the first library")


def _times(calls: dict[str, Call], rounds: int, slice_seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(3):
            call()
    for _ in range(rounds):
        for name, call in calls.items():
            start, n = time.perf_counter(), 0
            while n < 3 or time.perf_counter() - start < slice_seconds:
                before = time.perf_counter()
                call()
                times[name].append((time.perf_counter() - before) * 1e6)
                n += 1
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(WORKLOADS))
    parser.add_argument("--peers", default="tensorflow,jax,torch")
    options = parser.parse_args()
    # Read when the libraries start their threads.
    for variable in ("WENGERT_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if options.threads == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    peers = [p for p in options.peers.split(",") if p and importlib.util.find_spec(p)]
    names = ["wengert", *peers]
    print(f"{'':22}" + "".join(f"{n:>24}" for n in names) + f"{'ratio':>8}")
    for name in options.only.split(","):
        workload = WORKLOADS[name]
        for size, n in workload.sizes.items():
            arguments = workload.arguments(n)
            calls = {k: LIBRARIES[k](workload, arguments, options.threads) for k in names}
            expected = calls[names[0]]()
            for k, call in calls.items():
                _agree(k, call(), expected)
            times = _times(calls, options.rounds, 0.1)
            best = {k: min(t) for k, t in times.items()}
            cells = [f"{best[k]:11.1f} ({statistics.median(times[k]):9.1f})" for k in names]
            fastest = min((best[k] for k in peers), default=float("nan"))
            row = f"{name + ' ' + size:22}" + "".join(f"{c:>24}" for c in cells)
            print(f"{row}{best['wengert'] / fastest:8.2f}", flush=True)


if __name__ == "__main__":
    main()
