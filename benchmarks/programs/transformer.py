"""A block of a transformer, attention and two dense layers: gradients of input and weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import Work, layers, rng


@dataclass
class Config:
    width: int
    batch: int = 6
    length: int = 96
    heads: int = 4

    @property
    def rows(self) -> int:
        return self.batch * self.length

    @property
    def split(self) -> tuple[int, ...]:
        return (self.batch, self.length, self.heads, self.width // self.heads)


SIZES = {"96": Config(96), "192": Config(192)}
TRAINED = 13


def arguments(c: Config) -> list[np.ndarray]:
    random, d = rng(), c.width
    x = random.normal(size=(c.rows, d)).astype(np.float32)
    norm = [np.ones(d, np.float32), np.zeros(d, np.float32)]
    inner = layers(random, d, 3 * d)
    outer = layers(random, d, d)
    up, down = layers(random, d, 4 * d), layers(random, 4 * d, d)
    return [x, *norm, *inner, *outer, *norm, *up, *down]


def work(c: Config) -> Work:
    d = c.width
    dense = 2.0 * c.rows * 12 * d * d
    attention = 4.0 * c.rows * c.length * d
    return Work(
        3 * (dense + attention),
        4.0 * (24 * d * d + 4 * c.rows * d),
        c.rows * c.length * c.heads,
    )


def tensorflow(tf: Any, c: Config) -> Callable[..., Any]:
    def normal(x: Any, scale: Any, shift: Any) -> Any:
        mean, variance = tf.nn.moments(x, [1], keepdims=True)
        return (x - mean) * tf.math.rsqrt(variance + 1e-5) * scale + shift

    def loss(x: Any, *p: Any) -> Any:
        z = tf.split(tf.matmul(normal(x, p[0], p[1]), p[2]) + p[3], 3, axis=1)
        q, k, v = (tf.transpose(tf.reshape(part, c.split), [0, 2, 1, 3]) for part in z)
        a = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / float(c.split[3] ** 0.5))
        a = tf.transpose(tf.matmul(a, v), [0, 2, 1, 3])
        x = x + tf.matmul(tf.reshape(a, [c.rows, c.width]), p[4]) + p[5]
        h = tf.nn.relu(tf.matmul(normal(x, p[6], p[7]), p[8]) + p[9])
        x = x + tf.matmul(h, p[10]) + p[11]
        return tf.reduce_mean(tf.square(x))

    return loss


def jax(c: Config) -> Callable[..., Any]:
    import jax as library
    import jax.numpy as jnp

    def normal(x: Any, scale: Any, shift: Any) -> Any:
        centred = x - x.mean(1, keepdims=True)
        variance = (centred * centred).mean(1, keepdims=True)
        return centred * library.lax.rsqrt(variance + 1e-5) * scale + shift

    def loss(x: Any, *p: Any) -> Any:
        z = jnp.split(normal(x, p[0], p[1]) @ p[2] + p[3], 3, axis=1)
        q, k, v = (part.reshape(c.split).transpose(0, 2, 1, 3) for part in z)
        a = library.nn.softmax(q @ k.swapaxes(2, 3) / c.split[3] ** 0.5)
        a = (a @ v).transpose(0, 2, 1, 3).reshape(c.rows, c.width)
        x = x + a @ p[4] + p[5]
        h = library.nn.relu(normal(x, p[6], p[7]) @ p[8] + p[9])
        x = x + h @ p[10] + p[11]
        return jnp.mean(x * x)

    return loss


def torch(c: Config) -> Callable[..., Any]:
    import torch as library

    functional = library.nn.functional

    def loss(x: Any, *p: Any) -> Any:
        h = functional.layer_norm(x, (c.width,), p[0], p[1])
        z = (h @ p[2] + p[3]).chunk(3, 1)
        q, k, v = (part.reshape(c.split).transpose(1, 2) for part in z)
        a = functional.scaled_dot_product_attention(q, k, v)
        x = x + a.transpose(1, 2).reshape(c.rows, c.width) @ p[4] + p[5]
        h = functional.layer_norm(x, (c.width,), p[6], p[7])
        x = x + functional.relu(h @ p[8] + p[9]) @ p[10] + p[11]
        return (x * x).mean()

    return loss
