"""A recurrent network of LSTM cells, as a loop and unrolled: gradients of its weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import Work, rng


@dataclass
class Config:
    loop: bool
    steps: int = 60
    batch: int = 24
    inputs: int = 48
    width: int = 96


SIZES = {"loop": Config(True), "unrolled": Config(False)}
TRAINED = 3
SKIP = {"torch.compile": "unrolls the loop, which takes minutes"}


def arguments(c: Config) -> list[np.ndarray]:
    random = rng()
    arrays = [
        random.normal(size=(c.inputs, 4 * c.width)) / c.inputs**0.5,
        random.normal(size=(c.width, 4 * c.width)) / c.width**0.5,
        random.normal(size=4 * c.width) / 10,
        random.normal(size=(c.steps, c.batch, c.inputs)),
    ]
    return [a.astype(np.float32) for a in arrays]


def work(c: Config) -> Work:
    cells = c.steps * c.batch
    products = 2.0 * cells * 4 * c.width * (2 * c.inputs + 3 * c.width)
    weights = 4 * c.width * (c.inputs + c.width)
    return Work(products, 8 * weights + 4 * cells * c.inputs, 5 * cells * c.width)


def tensorflow(tf: Any, c: Config) -> Callable[..., Any]:
    def loss(wx: Any, wh: Any, b: Any, xs: Any) -> Any:
        def cell(x: Any, h: Any, s: Any) -> tuple[Any, Any]:
            z = tf.matmul(x, wx) + tf.matmul(h, wh) + b
            enter, forget, new, leave = tf.split(z, 4, axis=1)
            s = tf.sigmoid(forget) * s + tf.sigmoid(enter) * tf.tanh(new)
            return tf.sigmoid(leave) * tf.tanh(s), s

        zero = tf.zeros([c.batch, c.width])
        if not c.loop:
            h = s = zero
            total = tf.constant(0.0)
            for t in range(c.steps):
                h, s = cell(xs[t], h, s)
                total += tf.reduce_sum(h * h)
            return total / float(c.steps)

        def body(t: Any, h: Any, s: Any, total: Any) -> tuple[Any, ...]:
            h, s = cell(xs[t], h, s)
            return t + 1, h, s, total + tf.reduce_sum(h * h)

        start = (tf.constant(0), zero, zero, tf.constant(0.0))
        last = tf.while_loop(lambda t, *_: t < c.steps, body, start, maximum_iterations=c.steps)
        return last[3] / float(c.steps)

    return loss


def jax(c: Config) -> Callable[..., Any]:
    import jax as library
    import jax.numpy as jnp

    sigmoid = library.nn.sigmoid

    def loss(wx: Any, wh: Any, b: Any, xs: Any) -> Any:
        def cell(state: tuple[Any, Any], x: Any) -> tuple[tuple[Any, Any], Any]:
            h, s = state
            enter, forget, new, leave = jnp.split(x @ wx + h @ wh + b, 4, axis=1)
            s = sigmoid(forget) * s + sigmoid(enter) * jnp.tanh(new)
            h = sigmoid(leave) * jnp.tanh(s)
            return (h, s), jnp.sum(h * h)

        state = (jnp.zeros((c.batch, c.width)), jnp.zeros((c.batch, c.width)))
        if c.loop:
            return library.lax.scan(cell, state, xs)[1].sum() / c.steps
        total = 0.0
        for t in range(c.steps):
            state, square = cell(state, xs[t])
            total += square
        return total / c.steps

    return loss


def torch(c: Config) -> Callable[..., Any]:
    import torch as library

    if c.loop:  # its own kernel
        layer = library.nn.LSTM(c.inputs, c.width)
        nothing = library.zeros(4 * c.width)

        def fused(wx: Any, wh: Any, b: Any, xs: Any) -> Any:
            weights = {
                "weight_ih_l0": wx.T.contiguous(),
                "weight_hh_l0": wh.T.contiguous(),
                "bias_ih_l0": b,
                "bias_hh_l0": nothing,
            }
            out = library.func.functional_call(layer, weights, (xs,))[0]
            return (out * out).sum() / c.steps

        return fused

    def loss(wx: Any, wh: Any, b: Any, xs: Any) -> Any:
        h = s = library.zeros(c.batch, c.width)
        total = library.zeros(())
        for x in xs:
            enter, forget, new, leave = (x @ wx + h @ wh + b).chunk(4, 1)
            s = forget.sigmoid() * s + enter.sigmoid() * new.tanh()
            h = leave.sigmoid() * s.tanh()
            total = total + (h * h).sum()
        return total / c.steps

    return loss
