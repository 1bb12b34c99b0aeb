"""How many steps the nth derivative takes, and how long it takes to build and compile it.

    python benchmarks/higher_orders.py [--orders 8]

For sin(x) exp(-x^2) and for a tanh network in one variable. Steps are what runs after all passes,
by default and with the option `reassociate`, which writes sums and products in a normal form; the
error against the default's result is relative to its largest element. Where JAX is installed, the
number of operations of its jaxpr for the same derivative stands beside them.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as tf

WEIGHTS = [np.random.default_rng(i).normal(size=s) for i, s in enumerate([(1, 8), (8, 8), (8, 1)])]


def bell(m: Any, x: Any) -> Any:
    return m.sin(x) * m.exp(-x * x)


def network(m: Any, x: Any) -> Any:
    h = x[:, None]
    for w in WEIGHTS[:-1]:
        h = m.tanh(h @ m.constant(w))
    return (h @ m.constant(WEIGHTS[-1]))[:, 0]


def measure(
    f: Callable[..., Any], order: int, reassociate: bool
) -> tuple[int, int, float, np.ndarray[Any, Any]]:
    """Nodes of the graph, executed instructions, seconds, the derivative."""
    x = np.linspace(-1, 1, 64)
    start = time.perf_counter()
    with tf.Graph().as_default() as graph:
        point = tf.compat.v1.placeholder(tf.float64, [64])
        y = f(tf, point)
        for _ in range(order):
            (y,) = tf.gradients(y, [point])
        compiled = tf.compile([point], [y], {"reassociate": reassociate})
        (result,) = compiled(x)
        seconds = time.perf_counter() - start
    text = tf.explain(compiled, x)
    last = text[text.index("== after fuse") : text.index("== plan")]
    nodes = [line for line in last.splitlines() if " = " in line]
    computing = [n for n in nodes if "= load" not in n and "= store" not in n]
    skipped = ("Input", "Const", "Fused", "Reshape")
    steps = [n for n in computing if not any(f"= {s}" in n for s in skipped)]
    return graph.num_operations, len(steps), seconds, result


def jax_operations(f: Callable[..., Any], order: int) -> int | None:
    if importlib.util.find_spec("jax") is None:
        return None
    import jax
    import jax.numpy as jnp

    class Ops:
        sin, exp, tanh, constant = jnp.sin, jnp.exp, jnp.tanh, jnp.asarray

    def derivative(x: Any) -> Any:
        g = lambda t: jnp.sum(f(Ops, t))  # noqa: E731
        for _ in range(order):
            g = (lambda h: lambda t: jnp.sum(jax.grad(h)(t)))(g)
        return g(x)

    return len(jax.make_jaxpr(derivative)(jnp.zeros(64)).jaxpr.eqns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=8)
    orders = parser.parse_args().orders
    for name, f in (("sin(x) exp(-x^2)", bell), ("tanh network", network)):
        print(
            f"{name}\n{'order':>6}{'graph':>8}{'steps':>8}{'seconds':>10}"
            f"{'reassociated':>14}{'seconds':>10}{'error':>10}{'jax':>8}"
        )
        for order in range(1, orders + 1):
            nodes, steps, seconds, result = measure(f, order, False)
            _, fewer, seconds_too, other = measure(f, order, True)
            error = np.max(np.abs(other - result)) / np.max(np.abs(result))
            peer = jax_operations(f, order) if order <= 6 else None
            shown = "-" if peer is None else str(peer)
            print(
                f"{order:>6}{nodes:>8}{steps:>8}{seconds:>10.3f}"
                f"{fewer:>14}{seconds_too:>10.3f}{error:>10.0e}{shown:>8}",
                flush=True,
            )


if __name__ == "__main__":
    main()
