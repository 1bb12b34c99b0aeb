"""`wengert.check_gradients`: gradients against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core

__all__ = ["check_gradients"]


def check_gradients(
    f: Callable[..., Any],
    args: Any,
    order: int = 1,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    delta: float | None = None,
) -> float:
    """Compares derivatives of `f` with central differences.

    The result is weighted with fixed random numbers into one number, so that the cost is that
    of a gradient and two calls for each argument element.

    Parameters
    ----------
    f : callable
        Of as many tensors as `args` has entries, to a tensor or a list of them.
    args : list of array-like
        Where to differentiate; integer and boolean arguments are held fixed.
    order : int
        2 checks the second derivatives too, and so on.
    rtol, atol : float, optional
        Default 1e-5 in float64, 2e-2 below.
    delta : float, optional
        Step of the differences relative to the size of the argument.

    Returns
    -------
    float
        The largest error, relative to 1 + |derivative|.

    Raises
    ------
    AssertionError
        When one is too large; names the order, the argument, the element and both values.
    TypeError, ValueError
        Wrong arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import wengert as tf
    >>> tf.check_gradients(tf.sin, [np.array([0.5, 1.0])], order=2) < 1e-6
    True
    """
    if not isinstance(args, (list, tuple)):
        raise TypeError(f"args must be a list of the arguments of f, got {type(args).__name__}")
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"order must be a positive integer, got {order!r}")
    tensors = [_core.convert(a) for a in args]
    chosen = [i for i, t in enumerate(tensors) if t.dtype.is_floating]
    if not chosen:
        raise ValueError("no argument is floating: there is nothing to differentiate")
    double = all(tensors[i].dtype.name == "float64" for i in chosen)
    rtol = (1e-5 if double else 2e-2) if rtol is None else rtol
    atol = (1e-5 if double else 2e-2) if atol is None else atol
    step = (1e-5 if double else 1e-2) if delta is None else delta
    worst = 0.0
    current = f
    for level in range(1, order + 1):
        scalar = _weighted(current, level)
        worst = max(worst, _check(scalar, tensors, chosen, level, rtol, atol, step))
        current = _gradients_of(scalar, chosen)
    return float(worst)


def _weighted(f: Callable[..., Any], seed: int) -> Callable[..., Any]:
    """The results of `f`, weighted and added up."""

    def scalar(*args: Any) -> Any:
        from wengert import _nest
        from wengert._math_ops import cast
        from wengert._math_reduce import reduce_sum

        random = np.random.default_rng(seed)
        total: Any = None
        for y in _nest.flatten(f(*args)):
            y = _core.convert(y)
            if not y.dtype.is_floating:
                continue
            shape = [1 if d is None else d for d in y.shape.as_list()]
            weights = _core.convert(random.uniform(0.5, 1.5, shape), y.dtype)
            term = cast(reduce_sum(y * weights), "float64")
            total = term if total is None else total + term
        if total is None:
            raise ValueError("f returns nothing that is floating")
        return total

    return scalar


def _gradients_of(scalar: Callable[..., Any], chosen: list[int]) -> Callable[..., Any]:
    def f(*args: Any) -> Any:
        from wengert._tape import GradientTape

        xs = [args[i] for i in chosen]
        with GradientTape() as tape:
            tape.watch(xs)
            y = scalar(*args)
        return tape.gradient(y, xs, unconnected_gradients="zero")

    return f


def _check(
    scalar: Any, tensors: list[Any], chosen: list[int], level: int, rtol: float, atol: float,
    step: float,
) -> float:  # fmt: skip
    exact = _gradients_of(scalar, chosen)(*tensors)
    worst, report, failed = 0.0, "", False
    for i, g in zip(chosen, exact, strict=True):
        dtype = tensors[i].dtype
        base = np.array(tensors[i].numpy())
        theory = np.asarray(_core.convert(g).numpy()).astype(np.float64).reshape(-1)
        flat = base.reshape(-1)
        for k in range(flat.size):
            saved = flat[k]
            h = step * max(1.0, abs(float(saved)))
            sides, at = [], []
            for sign in (1, -1):
                flat[k] = saved + sign * h
                at.append(float(flat[k]))
                moved = [*tensors]
                moved[i] = _core.convert(base, dtype)
                sides.append(float(scalar(*moved).numpy()))
            flat[k] = saved
            numeric = (sides[0] - sides[1]) / (at[0] - at[1])
            error = abs(theory[k] - numeric)
            relative = error / (1 + abs(numeric))
            bad = not error <= atol + rtol * abs(numeric)
            failed |= bad
            if not relative <= worst:  # NaN is the worst
                worst = relative
                index = [int(p) for p in np.unravel_index(k, base.shape)]
                report = (
                    f"derivative of order {level} with respect to argument {i} at {index}: the "
                    f"gradient gives {theory[k]:.9g}, differences give {numeric:.9g}"
                )
    if failed:
        raise AssertionError(f"check_gradients: {report} (relative error {worst:.3g})")
    return worst
