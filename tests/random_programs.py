"""Random compositions of many ops, each chosen and shaped by a seeded generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as tf

Rng = np.random.Generator
Step = Callable[[Any, Rng], Any]
MOST = 48  # elements of a tensor


def _dims(x: Any) -> list[int]:
    return [int(d) for d in x.shape.as_list()]


def _axis(x: Any, rng: Rng) -> int:
    return int(rng.integers(len(_dims(x))))


def _some(n: int, count: int, rng: Rng) -> Any:
    return rng.integers(0, n, count).astype(np.int32)


def _matrix(x: Any) -> Any:
    return tf.reshape(x, [-1, _dims(x)[-1]])


def _vector(x: Any) -> Any:
    return tf.reshape(x, [-1])


def _long(y: Any, n: int) -> Any:
    """y, whose length along the first axis is n, which its static shape need not say."""
    return tf.ensure_shape(y, [n, *y.shape.as_list()[1:]])


def _repeated(x: Any, rng: Rng) -> Any:
    times = rng.integers(1, 3, _dims(x)[0])
    return _long(tf.repeat(x, times, axis=0), int(times.sum()))


def _fitted(y: Any, x: Any, rng: Rng) -> Any:
    """The elements of y, cut or repeated into the shape of x."""
    n, m = int(np.prod(_dims(x))), int(np.prod(_dims(y)))
    return tf.reshape(tf.gather(_vector(y), (np.arange(n) % m).astype(np.int32)), _dims(x))


def _permuted(x: Any, rng: Rng) -> Any:
    return tf.transpose(x, rng.permutation(len(_dims(x))).tolist())


def _padded(x: Any, rng: Rng, mode: str) -> Any:
    dims = _dims(x)
    most = 1 if mode == "REFLECT" else 2
    sides = [rng.integers(0, min(most, d - (mode == "REFLECT")) + 1, 2).tolist() for d in dims]
    return tf.pad(x, sides, mode)


def _strided(x: Any, rng: Rng) -> Any:
    index: list[Any] = []
    for d in _dims(x):
        start = int(rng.integers(0, d))
        step = int(rng.choice([1, 2, -1]))
        index.append(slice(start, None, step))
    return x[tuple(index)]


def _gathered(x: Any, rng: Rng) -> Any:
    axis = _axis(x, rng)
    return tf.gather(x, _some(_dims(x)[axis], 3, rng), axis=axis)


def _gathered_nd(x: Any, rng: Rng) -> Any:
    dims = _dims(x)
    depth = int(rng.integers(1, len(dims) + 1))
    indices = np.stack([_some(d, 3, rng) for d in dims[:depth]], axis=-1)
    return tf.gather_nd(x, indices)


def _masked(x: Any, rng: Rng) -> Any:
    mask = rng.uniform(size=_dims(x)[0]) < 0.6
    mask[int(rng.integers(len(mask)))] = True
    return _long(tf.boolean_mask(x, mask), int(mask.sum()))


def _chosen(x: Any, rng: Rng) -> Any:
    return tf.where(rng.uniform(size=_dims(x)) < 0.5, x, tf.sin(x))


def _scattered(name: str) -> Step:
    def step(x: Any, rng: Rng) -> Any:
        n = _dims(x)[0]
        rows = rng.permutation(n)[: max(1, n // 2)].astype(np.int32)
        function = getattr(tf, f"tensor_scatter_nd_{name}")
        return function(x, rows[:, None], tf.cos(tf.gather(x, rows)))

    return step


def _scatter_nd(x: Any, rng: Rng) -> Any:
    n = _dims(x)[0]
    return tf.scatter_nd(_some(n + 1, n, rng)[:, None], x, [n + 1, *_dims(x)[1:]])


def _segments(name: str) -> Step:
    def step(x: Any, rng: Rng) -> Any:
        ids = np.cumsum(rng.integers(0, 2, _dims(x)[0])).astype(np.int32)
        ids -= ids[0]
        return _long(getattr(tf.math, f"segment_{name}")(x, ids), int(ids[-1]) + 1)

    return step


def _unsorted(name: str) -> Step:
    def step(x: Any, rng: Rng) -> Any:
        n = _dims(x)[0]
        ids = np.append(np.arange(2), _some(2, n, rng))[:n].astype(np.int32)
        count = 2 if n > 1 else 1
        return getattr(tf.math, f"unsorted_segment_{name}")(x, ids, count)

    return step


def _sparse(name: str) -> Step:
    def step(x: Any, rng: Rng) -> Any:
        rows = _some(_dims(x)[0], 4, rng)
        return _long(getattr(tf.sparse, f"segment_{name}")(x, rows, [0, 0, 1, 1]), 2)

    return step


def _stitched(x: Any, rng: Rng) -> Any:
    n = _dims(x)[0]
    which = _some(2, n, rng)
    parts = tf.dynamic_partition(x, which, 2)
    places = tf.dynamic_partition(np.arange(n, dtype=np.int32), which, 2)
    y = tf.dynamic_stitch(places, [parts[0], tf.sin(parts[1])])
    return tf.ensure_shape(y, _dims(x))


def _reversed_rows(x: Any, rng: Rng) -> Any:
    y = _matrix(x)
    rows, columns = _dims(y)
    return tf.reverse_sequence(y, rng.integers(0, columns + 1, rows), seq_axis=1)


def _reduced(name: str, keep: bool = False) -> Step:
    def step(x: Any, rng: Rng) -> Any:
        axes = [i for i in range(len(_dims(x))) if rng.uniform() < 0.5]
        return getattr(tf.math, f"reduce_{name}")(
            x, axes, keepdims=keep or len(axes) == x.shape.rank
        )

    return step


def _scanned(name: str) -> Step:
    def step(x: Any, rng: Rng) -> Any:
        exclusive = name != "cumulative_logsumexp" and bool(rng.integers(2))
        return getattr(tf.math, name)(
            0.7 * x, _axis(x, rng), exclusive=exclusive, reverse=bool(rng.integers(2))
        )

    return step


def _multiplied(x: Any, rng: Rng) -> Any:
    m = _matrix(x)
    return (
        tf.matmul(m, tf.sin(m), transpose_b=True)
        if rng.integers(2)
        else tf.matmul(m, tf.constant(rng.uniform(-1, 1, (_dims(m)[1], 2))))
    )


def _contracted(x: Any, rng: Rng) -> Any:
    m = _matrix(x)
    return tf.einsum(str(rng.choice(["ij,ik->jk", "ij,kj->ik", "ij,ij->ij", "ij,ik->ijk"])), m, m)


def _split(x: Any, rng: Rng) -> Any:
    axis = _axis(x, rng)
    d = _dims(x)[axis]
    cut = int(rng.integers(0, d)) if d > 1 else 0
    first, second = tf.split(x, [cut, d - cut], axis)
    return tf.concat([second, tf.sin(first), x], axis)


def _stacked(x: Any, rng: Rng) -> Any:
    axis = int(rng.integers(len(_dims(x)) + 1))
    y = tf.stack([x, tf.cos(x)], axis)
    return tf.unstack(y, axis=axis)[1] if rng.integers(2) else y


def _sorted(x: Any, rng: Rng) -> Any:
    return tf.sort(x, direction=str(rng.choice(["ASCENDING", "DESCENDING"])))


def _top(x: Any, rng: Rng) -> Any:
    return tf.math.top_k(x, int(rng.integers(1, _dims(x)[-1] + 1))).values


def _diagonal(x: Any, rng: Rng) -> Any:
    y = tf.linalg.diag(_vector(x)[:5])
    return tf.linalg.band_part(y + 0.1, int(rng.integers(-1, 2)), int(rng.integers(-1, 2)))


def _batched(x: Any, rng: Rng) -> Any:
    d = _dims(x)
    y = tf.reshape(x, [1, d[0], -1, 1])
    sides = [[0, (-n) % 2] for n in _dims(y)[1:3]]
    z = tf.space_to_batch(y, [2, 2], sides)
    return tf.batch_to_space(tf.sin(z), [2, 2], sides)


def _windows(x: Any, rng: Rng) -> Any:
    y = tf.reshape(x, [1, _dims(x)[0], -1, 1])
    return tf.image.extract_patches(y, [1, 2, 2, 1], [1, 2, 1, 1], [1, 1, 1, 1], "SAME")


def _broadcast(x: Any, rng: Rng) -> Any:
    return tf.broadcast_to(x, [2, *_dims(x)])


def _pointwise(function: Callable[[Any], Any]) -> Step:
    return lambda x, rng: function(x)


STEPS: dict[str, Step] = {
    **{
        f.__name__ if hasattr(f, "__name__") else str(i): _pointwise(f)
        for i, f in enumerate(
            (
                tf.tanh, tf.sin, tf.cos, tf.sigmoid, tf.nn.softplus, tf.negative, tf.atan,
                tf.asinh, tf.math.erf, tf.abs, tf.square, tf.nn.relu, tf.nn.elu, tf.nn.selu,
                tf.nn.softsign, tf.nn.gelu, tf.nn.silu, tf.nn.softmax, tf.nn.log_softmax,
                tf.nn.leaky_relu, tf.nn.relu6, tf.math.expm1, tf.math.log_sigmoid,
            )
        )
    },
    "exp": _pointwise(lambda x: tf.exp(-tf.square(x))),
    "sqrt": _pointwise(lambda x: tf.sqrt(1.0 + x * x)),
    "rsqrt": _pointwise(lambda x: tf.math.rsqrt(2.0 + tf.cos(x))),
    "log": _pointwise(lambda x: tf.math.log(2.0 + tf.tanh(x))),
    "log1p": _pointwise(lambda x: tf.math.log1p(x * x)),
    "lgamma": _pointwise(lambda x: tf.math.lgamma(2.5 + tf.tanh(x))),
    "pow": _pointwise(lambda x: (1.5 + tf.tanh(x)) ** 1.7),
    "reciprocal": _pointwise(lambda x: tf.math.reciprocal(2.0 + tf.sin(x))),
    "clip": _pointwise(lambda x: tf.clip_by_value(x, -0.83, 0.77)),
    "identity_n": _pointwise(lambda x: tf.identity_n([x, tf.sin(x)])[1]),
    "permuted": _permuted,
    "flat": lambda x, rng: _vector(x),
    "expanded": lambda x, rng: tf.expand_dims(x, int(rng.integers(-1, len(_dims(x)) + 1))),
    "squeezed": lambda x, rng: tf.squeeze(tf.expand_dims(x, 0), [0]),
    "reversed": lambda x, rng: tf.reverse(x, [_axis(x, rng)]),
    "rolled": lambda x, rng: tf.roll(x, int(rng.integers(-3, 4)), _axis(x, rng)),
    "tiled": lambda x, rng: tf.tile(x, rng.integers(1, 3, len(_dims(x)))),
    "padded": lambda x, rng: _padded(x, rng, "CONSTANT"),
    "reflected": lambda x, rng: _padded(x, rng, "REFLECT"),
    "symmetric": lambda x, rng: _padded(x, rng, "SYMMETRIC"),
    "strided": _strided,
    "gather": _gathered,
    "gather_nd": _gathered_nd,
    "boolean_mask": _masked,
    "where": _chosen,
    "repeat": _repeated,
    **{f"scatter_{n}": _scattered(n) for n in ("add", "sub", "update", "max", "min")},
    "scatter_nd": _scatter_nd,
    **{f"segment_{n}": _segments(n) for n in ("sum", "mean", "max", "min", "prod")},
    **{f"unsorted_{n}": _unsorted(n) for n in ("sum", "mean", "max", "min", "prod", "sqrt_n")},
    **{f"sparse_{n}": _sparse(n) for n in ("sum", "mean", "sqrt_n")},
    "stitched": _stitched,
    "reverse_sequence": _reversed_rows,
    **{
        f"reduce_{n}": _reduced(n)
        for n in ("sum", "mean", "max", "min", "prod", "logsumexp", "variance")
    },
    "normalised": lambda x, rng: x - tf.reduce_mean(x, _axis(x, rng), keepdims=True),
    "norm": lambda x, rng: tf.math.reduce_euclidean_norm(x + 2.0, _axis(x, rng), keepdims=True),
    **{n: _scanned(n) for n in ("cumsum", "cumprod", "cumulative_logsumexp")},
    "matmul": _multiplied,
    "einsum": _contracted,
    "split": _split,
    "stack": _stacked,
    "sort": _sorted,
    "top_k": _top,
    "diagonal": _diagonal,
    "batches": _batched,
    "windows": _windows,
    "broadcast": _broadcast,
}  # fmt: skip
PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: 0.5 * x * y,
    "div": lambda x, y: x / (2.0 + tf.cos(y)),
    "atan2": lambda x, y: tf.atan2(x, 2.0 + y * y),
    "maximum": tf.maximum,
    "minimum": tf.minimum,
    "squared_difference": lambda x, y: 0.1 * tf.math.squared_difference(x, y),
    "mean": lambda x, y: x * tf.reduce_mean(y),
    "select": lambda x, y: tf.where(x > y, x, y * 0.5 + x * 0.5),
    "xlogy": lambda x, y: tf.math.xlogy(x, 2.0 + tf.sin(y)),
}


def _bounded(x: Any, rng: Rng) -> Any:
    """Few elements, of moderate size, so that long compositions stay well conditioned."""
    dims = _dims(x)
    if len(dims) > 4 or not dims:
        x = _vector(x)
    if int(np.prod(_dims(x))) > MOST:
        x = _vector(x)[:MOST]
    return 2.0 * tf.tanh(0.5 * x) if rng.integers(2) else x * 0.9


def compose(xs: list[Any], rng: Rng, names: list[str] | None = None) -> Any:
    """Build a scalar of tensors of rank 1 or more.

    Parameters
    ----------
    xs : list of Tensor
        float64.
    rng : numpy.random.Generator
        Makes all choices.
    names : list of str, optional
        Filled with the names of the steps.

    Returns
    -------
    Tensor
        A weighted sum of what the last steps gave.
    """
    pool = list(xs)
    kinds = sorted(STEPS)
    pairs = sorted(PAIRS)
    for _ in range(int(rng.integers(2, 7))):
        x = pool[int(rng.integers(max(0, len(pool) - 3), len(pool)))]
        if rng.uniform() < 0.75:
            name = kinds[int(rng.integers(len(kinds)))]
            y = STEPS[name](x, rng)
        else:
            name = pairs[int(rng.integers(len(pairs)))]
            y = PAIRS[name](x, _fitted(pool[int(rng.integers(len(pool)))], x, rng))
        if names is not None:
            names.append(name)
        if 0 in _dims(y):
            continue
        pool.append(_bounded(y, rng))
    total = 0.0
    for p in pool[-2:]:
        weights = rng.uniform(0.5, 1.5, _dims(p))
        total = total + tf.reduce_sum(p * weights)
    return total
