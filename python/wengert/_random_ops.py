"""Random numbers: TensorFlow's own for the same seeds (`tf.random`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._random_seed import seed_attrs

apply = _core.apply
convert = _core.convert

_TINY = {"float16": 2.0**-14, "float32": 2.0**-126, "float64": 2.0**-1022}
_PHILOX = 1
_AUTO = 3


def shape_tensor(shape: Any) -> Any:
    """A shape as a vector: int32, where tensors of int64 are not among its parts."""
    if isinstance(shape, _core.Tensor):
        return shape
    if isinstance(shape, (list, tuple)) and len(shape) == 0:
        return convert(np.zeros([0], np.int32), dtypes.int32, "shape")
    if isinstance(shape, (list, tuple)) and any(isinstance(d, _core.Tensor) for d in shape):
        return convert(shape, None, "shape")
    lengths = shape.as_list() if hasattr(shape, "as_list") else shape
    return convert(np.asarray(lengths).astype(np.int32, copy=False), dtypes.int32, "shape")


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Normal random numbers (`tf.random.normal`).

    Parameters
    ----------
    shape : sequence of int or Tensor
    mean, stddev : Tensor, optional
        Broadcast to the result.
    dtype : DType, optional
        float16, bfloat16, float32 or float64.
    seed : int, optional
        Seed of the operation; `tf.random.set_seed` sets the global one.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.random.normal([2, 3]).shape
    TensorShape([2, 3])
    """
    dtype = dtypes.as_dtype(dtype)
    with name_scope_v1(name, "random_normal") as scope:
        size = shape_tensor(shape)
        mean_t, scale = convert(mean, dtype, "mean"), convert(stddev, dtype, "stddev")
        unit = apply("RandomStandardNormal", (size,), {"dtype": dtype, **seed_attrs(seed)})
        return apply(
            "AddV2", (apply("Mul", (unit, scale), None, "mul"), mean_t), None, scope or None
        )


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Normal random numbers, redrawn beyond 2 standard deviations."""
    dtype = dtypes.as_dtype(dtype)
    with name_scope_v1(name, "truncated_normal") as scope:
        size = shape_tensor(shape)
        mean_t, scale = convert(mean, dtype, "mean"), convert(stddev, dtype, "stddev")
        unit = apply("TruncatedNormal", (size,), {"dtype": dtype, **seed_attrs(seed)})
        return apply(
            "AddV2", (apply("Mul", (unit, scale), None, "mul"), mean_t), None, scope or None
        )


def _integer_bounds(minval: Any, maxval: Any, dtype: Any) -> None:
    if maxval is None:
        raise ValueError(f"Must specify maxval for integer dtype {dtype.name!r}")


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Uniform random numbers in [minval, maxval) (`tf.random.uniform`).

    Parameters
    ----------
    shape : sequence of int or Tensor
    minval, maxval : Tensor, optional
        Bounds: 0 and 1, for integers `maxval` must be given.
    dtype : DType, optional
        A floating dtype, int32 or int64.
    seed : int, optional
        Seed of the operation.

    Examples
    --------
    >>> import wengert as tf
    >>> bool((tf.random.uniform([100], 2, 3).numpy() < 3).all())
    True
    """
    dtype = dtypes.as_dtype(dtype)
    if dtype.is_integer:
        _integer_bounds(minval, maxval, dtype)
    elif not dtype.is_floating:
        raise ValueError(
            f"Argument `dtype` got invalid value {dtype!r}. Accepted are floating dtypes, int32 "
            "and int64."
        )
    maxval = 1 if maxval is None else maxval
    with name_scope_v1(name, "random_uniform") as scope:
        size = shape_tensor(shape)
        plain = isinstance(minval, (int, float)) and minval == 0
        if dtype.is_integer:
            low, high = convert(minval, dtype, "min"), convert(maxval, dtype, "max")
            return apply("RandomUniformInt", (size, low, high), seed_attrs(seed), scope or None)
        attrs = {"dtype": dtype, **seed_attrs(seed)}
        one = isinstance(maxval, (int, float)) and maxval == 1
        if plain and one:
            return apply("RandomUniform", (size,), attrs)
        if plain:
            high = convert(maxval, dtype, "max")
            return apply("Mul", (apply("RandomUniform", (size,), attrs), high), None, scope or None)
        low, high = convert(minval, dtype, "min"), convert(maxval, dtype, "max")
        unit = apply("RandomUniform", (size,), attrs)
        return apply("AddV2", (apply("Mul", (unit, high - low), None, "mul"), low), None,
                     scope or None)  # fmt: skip


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """The rows of `value` in random order (`tf.random.shuffle`)."""
    return apply("RandomShuffle", (value,), seed_attrs(seed), name)


def gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Gamma distributed numbers, `shape` of them for each alpha (`tf.random.gamma`).

    Differentiable in `alpha` and `beta`.
    """
    with name_scope_v1(name, "random_gamma"):
        size = convert(shape, dtypes.int32, "shape")
        alpha = convert(alpha, dtype, "alpha")
        beta = convert(1 if beta is None else beta, dtype, "beta")
        wide = _array_ops.broadcast_dynamic_shape(_array_ops.shape(alpha), _array_ops.shape(beta))
        alpha = _array_ops.broadcast_to(alpha, wide)
        drawn = apply("RandomGamma", (size, alpha), seed_attrs(seed))
        return _at_least_tiny(drawn / beta)


def _at_least_tiny(x: Any) -> Any:
    """x, of which 0 becomes the smallest normal number."""
    with name_scope_v1(None, "Maximum") as scope:
        tiny = convert(_TINY[x.dtype.name], x.dtype, "x")
        return apply("Maximum", (tiny, x), None, scope or None)


def poisson(
    shape: Any, lam: Any, dtype: Any = dtypes.float32, seed: int | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Poisson distributed numbers, `shape` of them for each rate (`tf.random.poisson`)."""
    with name_scope_v1(name, "random_poisson"):
        size = convert(shape, dtypes.int32, "shape")
        attrs = {"dtype": dtypes.as_dtype(dtype), **seed_attrs(seed)}
        return apply("RandomPoissonV2", (size, lam), attrs)


def categorical(
    logits: Any, num_samples: Any, dtype: Any = None, seed: int | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Indices drawn with probabilities softmax(logits), per row (`tf.random.categorical`)."""
    with name_scope_v1(name, "categorical"):
        return _multinomial(logits, num_samples, dtype, seed)


def multinomial(
    logits: Any, num_samples: Any, seed: int | None = None, name: str | None = None,
    output_dtype: Any = None,
) -> Any:  # fmt: skip
    """`tf.compat.v1.multinomial`: the older name of `tf.random.categorical`."""
    with name_scope_v1(name, "multinomial"):
        return _multinomial(logits, num_samples, output_dtype, seed)


def _multinomial(logits: Any, num_samples: Any, dtype: Any, seed: int | None) -> Any:
    logits = convert(logits, None, "logits")
    out = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    return apply("Multinomial", (logits, num_samples), {"output_dtype": out, **seed_attrs(seed)})


# --- stateless --------------------------------------------------------------------------------


def _algorithm(alg: Any) -> int:
    names = {"philox": _PHILOX, "auto_select": _AUTO}
    if isinstance(alg, str) and alg in names:
        return names[alg]
    value = int(getattr(alg, "value", alg)) if not isinstance(alg, str) else -1
    if value not in (_PHILOX, _AUTO):
        raise ValueError(f"Unsupported algorithm {alg!r}: only 'philox' and 'auto_select'")
    return value


def _drawn(op: str, size: Any, seed: Any, alg: Any, more: tuple[Any, ...], attrs: Any,
           name: str | None = None) -> Any:  # fmt: skip
    key, counter = apply("StatelessRandomGetKeyCounter", (seed,))
    return apply(op, (size, key, counter, _algorithm(alg), *more), attrs, name)


def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32,
    name: str | None = None, alg: Any = "auto_select",
) -> Any:  # fmt: skip
    """Uniform random numbers that `seed` alone determines (`tf.random.stateless_uniform`).

    Parameters
    ----------
    shape : sequence of int or Tensor
    seed : Tensor
        Two integers.
    minval, maxval : Tensor, optional
        Bounds; both None: integers of the whole range of the dtype.
    dtype : DType, optional

    Examples
    --------
    >>> import wengert as tf
    >>> tf.random.stateless_uniform([2], [3, 5], 0, 10, tf.int32).numpy().tolist()
    [7, 5]
    """
    dtype = dtypes.as_dtype(dtype)
    if dtype.is_integer and (minval is None) != (maxval is None):
        raise ValueError(
            f"For integer `dtype` argument {dtype}, argument `minval` and `maxval` must be both "
            f"None or not None. Got `minval`={minval} and `maxval`={maxval}."
        )
    if dtype.is_floating and maxval is None:
        maxval = 1
    with name_scope_v1(name, "stateless_random_uniform") as scope:
        size = shape_tensor(shape)
        if dtype.is_integer and minval is None:
            op = "StatelessRandomUniformFullIntV2"
            return _whole(op, size, seed, alg, (), {"dtype": dtype}, scope)
        low, high = convert(minval, dtype, "min"), convert(maxval, dtype, "max")
        if dtype.is_integer:
            return _whole("StatelessRandomUniformIntV2", size, seed, alg, (low, high), None, scope)
        unit = _drawn("StatelessRandomUniformV2", size, seed, alg, (), {"dtype": dtype})
        scaled = apply("Mul", (unit, high - low), None, "mul")
        return apply("AddV2", (scaled, low), None, scope or None)


def _whole(op: str, size: Any, seed: Any, alg: Any, more: Any, attrs: Any, scope: Any) -> Any:
    """The op as the whole of its scope: the algorithm is a constant "alg" there."""
    key, counter = apply("StatelessRandomGetKeyCounter", (seed,))
    which = convert(_algorithm(alg), dtypes.int32, "alg")
    return apply(op, (size, key, counter, which, *more), attrs, scope or None)


def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    name: str | None = None, alg: Any = "auto_select",
) -> Any:  # fmt: skip
    """Normal random numbers that `seed` alone determines."""
    return _stateless_normal(
        "StatelessRandomNormalV2", "stateless_random_normal", shape, seed, mean, stddev, dtype,
        name, alg,
    )  # fmt: skip


def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
    name: str | None = None, alg: Any = "auto_select",
) -> Any:  # fmt: skip
    """Normal random numbers within 2 standard deviations that `seed` alone determines."""
    return _stateless_normal(
        "StatelessTruncatedNormalV2", "stateless_truncated_normal", shape, seed, mean, stddev,
        dtype, name, alg,
    )  # fmt: skip


def _stateless_normal(
    op: str, default: str, shape: Any, seed: Any, mean: Any, stddev: Any, dtype: Any,
    name: str | None, alg: Any,
) -> Any:  # fmt: skip
    dtype = dtypes.as_dtype(dtype)
    with name_scope_v1(name, default) as scope:
        size = shape_tensor(shape)
        mean, stddev = convert(mean, dtype, "mean"), convert(stddev, dtype, "stddev")
        unit = _drawn(op, size, seed, alg, (), {"dtype": dtype})
        return apply(
            "AddV2", (apply("Mul", (unit, stddev), None, "mul"), mean), None, scope or None
        )


def stateless_gamma(
    shape: Any, seed: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Gamma distributed numbers that `seed` alone determines; differentiable in alpha, beta."""
    dtype = dtypes.as_dtype(dtype)
    with name_scope_v1(name, "stateless_random_gamma"):
        size = shape_tensor(shape)
        alpha = convert(alpha, dtype, "alpha")
        beta = convert(1 if beta is None else beta, dtype, "beta")
        wide = _array_ops.broadcast_dynamic_shape(_array_ops.shape(alpha), _array_ops.shape(beta))
        alpha = _array_ops.broadcast_to(alpha, wide)
        drawn = _drawn("StatelessRandomGammaV3", size, seed, _AUTO, (alpha,), None)
        return _at_least_tiny(drawn / beta)


def stateless_poisson(
    shape: Any, seed: Any, lam: Any, dtype: Any = dtypes.int32, name: str | None = None
) -> Any:
    """Poisson distributed numbers that `seed` alone determines."""
    with name_scope_v1(name, "stateless_random_poisson"):
        size = shape_tensor(shape)
        attrs = {"dtype": dtypes.as_dtype(dtype)}
        return apply("StatelessRandomPoisson", (size, seed, lam), attrs)


def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = dtypes.int64, name: str | None = None
) -> Any:
    """Indices drawn with probabilities softmax(logits) that `seed` alone determines."""
    with name_scope_v1(name, "stateless_categorical"):
        logits = convert(logits, None, "logits")
        attrs = {"output_dtype": dtypes.as_dtype(dtype)}
        return apply("StatelessMultinomial", (logits, num_samples, seed), attrs)


def stateless_parameterized_truncated_normal(
    shape: Any, seed: Any, means: Any = 0.0, stddevs: Any = 1.0, minvals: Any = -2.0,
    maxvals: Any = 2.0, name: str | None = None,
) -> Any:  # fmt: skip
    """Normal random numbers between bounds, differentiable in all four parameters.

    The distribution is TensorFlow's, the numbers of a seed are not.
    """
    with name_scope_v1(name, "stateless_parameterized_truncated_normal"):
        size = shape_tensor(shape)
        given = [convert(means, None, "means")]
        for value, label in ((stddevs, "stddevs"), (minvals, "minvals"), (maxvals, "maxvals")):
            given.append(convert(value, given[0].dtype, label))
        return apply("StatelessParameterizedTruncatedNormal", (size, seed, *given))


def stateless_shuffle(
    value: Any, seed: Any, alg: Any = "auto_select", name: str | None = None
) -> Any:
    """The rows of `value` in an order that `seed` alone determines."""
    with name_scope_v1(name, "stateless_shuffle"):
        key, counter = apply("StatelessRandomGetKeyCounter", (seed,))
        return apply("StatelessShuffle", (value, key, counter, _algorithm(alg)))


def split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Any:
    """`num` seeds made of one (`tf.random.split`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.random.split([1, 2], 3).shape
    TensorShape([3, 2])
    """
    seed = convert(seed)
    return stateless_uniform([num, 2], seed, None, None, seed.dtype, alg=alg)


def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Any:
    """A seed made of one and a number (`tf.random.fold_in`)."""
    data = convert(data)
    first = stateless_uniform([], seed, None, None, data.dtype, alg=alg)
    return _array_ops.stack([first, data])
