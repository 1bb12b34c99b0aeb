"""Random compositions of smooth ops, described by lists of integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import wengert as tf

# Every step keeps values bounded, so that long compositions stay well conditioned.
UNARY: tuple[Callable[[Any], Any], ...] = (
    tf.tanh,
    tf.sin,
    tf.cos,
    tf.sigmoid,
    tf.nn.softplus,
    tf.negative,
    tf.atan,
    tf.asinh,
    lambda x: tf.exp(-tf.square(x)),
    lambda x: tf.sqrt(1.0 + x * x),
    lambda x: tf.math.log(2.0 + tf.tanh(x)),
    lambda x: x / (1.0 + x * x),
    lambda x: tf.math.erf(x),
    lambda x: tf.math.log1p(x * x),
    lambda x: tf.reduce_mean(x, -1, keepdims=True) + x,
    lambda x: x - tf.reduce_logsumexp(x, keepdims=True),
    lambda x: tf.nn.softmax(x),
    lambda x: tf.transpose(tf.transpose(x)) * 0.5,
    lambda x: tf.concat([x, 2.0 * x], -1)[..., : x.shape[-1]],
    lambda x: tf.reshape(tf.reshape(x, [-1]), x.shape) + 1.0,
    lambda x: tf.math.rsqrt(2.0 + tf.cos(x)),
    lambda x: tf.reverse(x, [-1]),
    lambda x: tf.tensordot(x, tf.constant(0.3, x.dtype, [x.shape[-1]] * 2), 1),
)
BINARY: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: 0.5 * x * y,
    lambda x, y: x / (2.0 + tf.cos(y)),
    lambda x, y: tf.math.atan2(x, 2.0 + y * y),
    lambda x, y: x * tf.reduce_mean(y),
    lambda x, y: tf.math.squared_difference(x, y) * 0.1,
)


def compose(xs: Sequence[Any], steps: Sequence[int]) -> Any:
    """Build a scalar from tensors of one shape.

    Parameters
    ----------
    xs : sequence of Tensor
        At least one, of rank 1 or more.
    steps : sequence of int
        Each chooses an op and its arguments.

    Returns
    -------
    Tensor
        The sum of what the last steps gave.
    """
    pool = list(xs)
    for step in steps:
        kind, step = step % 3, step // 3
        x = pool[step % len(pool)]
        if kind:
            pool.append(UNARY[step % len(UNARY)](x))
        else:
            y = pool[(step // len(pool)) % len(pool)]
            pool.append(BINARY[step % len(BINARY)](x, y))
    return tf.add_n([tf.reduce_sum(p) for p in pool[-3:]])
