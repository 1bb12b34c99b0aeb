"""How tests of control flow run a program and check its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as tf


def run(build: Callable[[], Any], feed: dict[Any, Any] | None = None) -> Any:
    """What `build` gives in a plain graph."""
    with tf.Graph().as_default() as graph:
        fetches = build()
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run(fetches, feed)


def both(build: Callable[..., Any], *args: Any) -> list[Any]:
    """Results in a plain graph and in a traced function."""
    in_graph = run(lambda: build(*[tf.constant(a) for a in args]))
    in_function = tf.function(build, autograph=False)(*[tf.constant(a) for a in args])
    for a, b in zip(tf.nest.flatten(in_graph), tf.nest.flatten(in_function), strict=True):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-6)
    return list(in_graph)


def check_gradient(f: Callable[[Any], Any], x: Any, order: int = 1, rtol: float = 1e-6) -> None:
    """The gradient of sum(f) in float64 against central differences, up to `order`."""

    def value(x: Any) -> Any:
        return tf.reduce_sum(f(x))

    def derivative(x: Any) -> Any:
        return tf.gradients(value(x), x)[0]

    def second(x: Any) -> Any:
        weights = tf.constant(np.linspace(0.5, 1.5, int(np.size(x0))).reshape(np.shape(x0)))
        return tf.gradients(tf.reduce_sum(derivative(x) * weights), x)[0]

    def weighted(x: Any) -> Any:
        weights = tf.constant(np.linspace(0.5, 1.5, int(np.size(x0))).reshape(np.shape(x0)))
        return tf.reduce_sum(derivative(x) * weights)

    x0 = np.asarray(x, np.float64)
    pairs = [(value, derivative), (weighted, second)][:order]
    for function, gradient in pairs:
        call = tf.function(function, autograph=False)
        analytic = tf.function(gradient, autograph=False)(tf.constant(x0)).numpy()
        numeric = np.zeros_like(x0)
        for i in np.ndindex(x0.shape):
            h = 1e-5 * max(1.0, abs(x0[i]))
            up, down = x0.copy(), x0.copy()
            up[i] += h
            down[i] -= h
            numeric[i] = (call(tf.constant(up)).numpy() - call(tf.constant(down)).numpy()) / (2 * h)
        np.testing.assert_allclose(analytic, numeric, rtol=rtol * 100, atol=1e-7)
