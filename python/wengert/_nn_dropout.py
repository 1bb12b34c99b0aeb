"""Dropout (`tf.nn`)."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

from wengert import _core
from wengert._graph import name_scope_v1

apply = _core.apply
convert = _core.convert


def dropout(
    x: Any, rate: Any, noise_shape: Any = None, seed: Any = None, name: str | None = None
) -> Any:
    """Sets elements to 0 at random and scales the others up (`tf.nn.dropout`).

    Parameters
    ----------
    x : float Tensor
    rate : float
        Probability of 0, in [0, 1).
    noise_shape : int Tensor, optional
        Of the random choice, which is broadcast to the shape of `x`; that shape by default.
    seed : int, optional
    name : str, optional

    Returns
    -------
    Tensor, shape of `x`

    Raises
    ------
    ValueError
        `rate` is outside [0, 1), or `x` holds no floats.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.nn.dropout(tf.ones([2]), rate=0.0).numpy().tolist()
    [1.0, 1.0]
    """
    import wengert as tf

    def uniform(shape: Any, dtype: Any) -> Any:
        return tf.random.uniform(shape=shape, dtype=dtype, seed=seed)

    return _dropout(x, rate, noise_shape, uniform, name, "dropout")


def stateless_dropout(
    x: Any,
    rate: Any,
    seed: Any,
    rng_alg: Any = None,
    noise_shape: Any = None,
    name: str | None = None,
) -> Any:
    """`dropout` whose choice follows from `seed` alone.

    Parameters
    ----------
    x : float Tensor
    rate : float
    seed : int Tensor, shape [2]
    rng_alg : str or int, optional
        Algorithm; "auto_select" by default.
    noise_shape : int Tensor, optional
    name : str, optional

    Returns
    -------
    Tensor, shape of `x`
    """
    import wengert as tf

    algorithm = "auto_select" if rng_alg is None else rng_alg

    def uniform(shape: Any, dtype: Any) -> Any:
        return tf.random.stateless_uniform(shape=shape, dtype=dtype, seed=seed, alg=algorithm)

    return _dropout(x, rate, noise_shape, uniform, name, "stateless_dropout")


def general_dropout(
    x: Any,
    rate: Any,
    uniform_sampler: Callable[..., Any],
    noise_shape: Any = None,
    name: str | None = None,
) -> Any:
    """`dropout` with numbers from `uniform_sampler(shape=..., dtype=...)`, in [0, 1)."""

    def uniform(shape: Any, dtype: Any) -> Any:
        return uniform_sampler(shape=shape, dtype=dtype)

    return _dropout(x, rate, noise_shape, uniform, name, "general_dropout")


def _dropout(
    x: Any, rate: Any, noise_shape: Any, uniform: Callable[..., Any], name: Any, default: str
) -> Any:
    from wengert import _array_ops
    from wengert._math_ops import cast

    with name_scope_v1(name, default):
        number = isinstance(rate, numbers.Real)
        if number and not 0 <= rate < 1:
            raise ValueError(
                f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: "
                f"rate={rate}"
            )
        x = convert(x, None, "x")
        dtype = x.dtype
        if not dtype.is_floating:
            raise ValueError(
                "`x.dtype` must be a floating point tensor as `x` will be scaled. Received: "
                f"x_dtype={dtype}"
            )
        if number and rate == 0:
            return x
        if number:
            scale = _core.constant(1 / (1 - rate), dtype)
            kept = apply("Mul", (x, scale))
        else:
            rate = convert(rate)
            if rate._rank() not in (None, 0):
                raise ValueError(f"Shape {rate.shape} must have rank 0")
            if rate.dtype != dtype:
                if not rate.dtype.is_floating:
                    raise ValueError(
                        f"`x.dtype` must be compatible with `rate.dtype`. Received: x.dtype={dtype}"
                        f" and rate.dtype={rate.dtype}"
                    )
                rate = cast(rate, dtype, name="rate")
            one = _core.constant(1, dtype)
            kept = apply("RealDiv", (x, apply("Sub", (one, rate))))
        mask = uniform(_noise_shape(x, noise_shape), dtype) >= rate
        zero = _core.constant(0, dtype)
        result = _array_ops.where(mask, kept, zero)
        if _core.current_graph() is not None:
            result.set_shape(x.shape)
        return result


def _noise_shape(x: Any, noise_shape: Any) -> Any:
    from wengert import _array_ops

    if noise_shape is None:
        return _array_ops.shape(x)
    if isinstance(noise_shape, _core.Tensor):
        return noise_shape
    entries = list(noise_shape)
    if x._rank() == len(entries) and None in entries:
        dims = x.shape.as_list()
        entries = [d if e is None else e for e, d in zip(entries, dims, strict=True)]
        if None in entries:
            whole = _array_ops.shape(x)
            entries = [whole[i] if e is None else e for i, e in enumerate(entries)]
    return entries
