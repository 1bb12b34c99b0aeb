"""Numeric checks of gradients (`tf.test`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core

__all__ = ["compute_gradient"]


def compute_gradient(
    f: Callable[..., Any], x: Any, delta: float | None = None
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Jacobians of `f` by its gradient and by differences (`tf.test.compute_gradient`).

    Parameters
    ----------
    f : callable
        Of as many tensors as `x` has entries, to a tensor.
    x : list of array-like, floating or complex
        Where to differentiate.
    delta : float, optional
        Step of the central differences; 1/1024 by default.

    Returns
    -------
    (theoretical, numeric)
        A tuple of matrices each, one per argument, of shape [y.size, x.size] (complex: twice
        as many of each, real and imaginary parts interleaved).

    Raises
    ------
    ValueError
        When `x` is not a list or tuple.

    Examples
    --------
    >>> import wengert as tf
    >>> theory, numeric = tf.test.compute_gradient(lambda x: x * x, [[1.0, 2.0]])
    >>> theory[0].tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    if not isinstance(x, (list, tuple)):
        raise ValueError(
            "`x` must be a list or tuple of values convertible to a Tensor (arguments to `f`), not "
            f"a {type(x)}"
        )
    step = 1.0 / 1024 if delta is None else delta
    args = [_core.convert(v) for v in x]
    for i, a in enumerate(args):
        if not (a.dtype.is_floating or a.dtype.is_complex):
            raise AssertionError(
                f"Cannot compute gradient for unsupported type {a.dtype.name} of argument {i}"
            )
    theory = _theoretical(f, args)
    return theory, tuple(_numeric(f, args, i, step) for i in range(len(args)))


def _parts(array: Any) -> Any:
    """The elements as a real vector, complex ones as two."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(flat.real.dtype) if np.iscomplexobj(flat) else flat


def _theoretical(f: Callable[..., Any], args: list[Any]) -> tuple[Any, ...]:
    from wengert._tape import GradientTape

    with GradientTape(persistent=True) as tape:
        tape.watch(args)
        y = _core.convert(f(*args))
    value = np.asarray(y.numpy())
    size = _parts(value).size
    matrices = [
        np.zeros((size, _parts(a.numpy()).size), _parts(np.asarray(a.numpy())).dtype) for a in args
    ]
    for row in range(size):
        seed = np.zeros_like(value)
        _parts_view(seed)[row] = 1
        grads = tape.gradient(y, args, output_gradients=_core.convert(seed, y.dtype))
        for matrix, g in zip(matrices, grads, strict=True):
            if g is not None:
                matrix[row] = _parts(_core.convert(g).numpy())
    return tuple(matrices)


def _parts_view(array: Any) -> Any:
    flat = array.reshape(-1)
    return flat.view(flat.real.dtype) if np.iscomplexobj(flat) else flat


def _numeric(f: Callable[..., Any], args: list[Any], index: int, step: float) -> Any:
    base = np.array(args[index].numpy())
    real = _parts_view(base)
    columns = []
    for k in range(real.size):
        saved = real[k]
        sides = []
        for sign in (1, -1):
            real[k] = saved + sign * step
            moved = [*args]
            moved[index] = _core.convert(base, args[index].dtype)
            sides.append(_parts(np.asarray(_core.convert(f(*moved)).numpy())).astype(np.float64))
        real[k] = saved
        columns.append((sides[0] - sides[1]) / (2 * step))
    if not columns:
        rows = _parts(np.asarray(_core.convert(f(*args)).numpy())).size
        return np.zeros((rows, 0), real.dtype)
    return np.stack(columns, axis=1).astype(real.dtype)
