"""Reductions, positions of extremes and running sums, products and log-sum-exps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from op_sample import FLOATS, Generator, Sample, Shape, booleans, constant, uniform
from scipy import special

AXED = ((1,), (5,), (2, 3), (2, 1, 4), (33, 17), (3, 0))
FILLED = ((1,), (5,), (2, 3), (2, 1, 4), (33, 17))
TOLERANCE = {"float32": 5e-6, "float64": 1e-13, "complex64": 5e-6, "complex128": 1e-13}
ALL = (*FLOATS, "complex64", "complex128")

_FIRST_AXIS = constant(0, "int32")
_LAST_AXIS = constant(-1, "int32")


def _wider(x: Any) -> Any:
    return x.astype(np.result_type(x, np.float64))


def _distinct(low: float, high: float) -> Generator:
    """Draw numbers of which no two are close, so that extremes have a derivative."""

    def generate(rng: np.random.Generator, shape: Shape, dtype: str) -> Any:
        count = int(np.prod(shape))
        ladder = np.linspace(low, high, max(count, 2))[:count]
        return np.asarray(rng.permutation(ladder).reshape(shape), dtype)

    return generate


def _over(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """Reduce over the axis that the second argument names."""

    def reference(x: Any, axis: Any, keep_dims: bool = False) -> Any:
        wide = _wider(x) if x.dtype.kind in "fc" else x
        return np.asarray(reduce(wide, axis=int(axis), keepdims=keep_dims)).astype(x.dtype)

    return reference


def _norm(x: Any, axis: int, keepdims: bool) -> Any:
    return np.sqrt(np.sum(x * np.conj(x), axis=axis, keepdims=keepdims))


def _position(find: Callable[..., Any]) -> Callable[..., Any]:
    def reference(x: Any, axis: Any) -> Any:
        return np.asarray(find(x, axis=int(axis)), np.int64)

    return reference


def _prefixes(x: Any, exclusive: bool, reduce: Callable[[Any], Any]) -> Any:
    """Reduce every prefix of a vector, without its last element when `exclusive`."""
    ends = range(len(x)) if exclusive else range(1, len(x) + 1)
    return np.array([reduce(x[:end]) for end in ends], x.dtype)


def _running(reduce: Callable[[Any], Any]) -> Callable[..., Any]:
    """Apply a reduction to all prefixes (or suffixes) along the axis of the second argument."""

    def reference(x: Any, axis: Any, exclusive: bool = False, reverse: bool = False) -> Any:
        if x.size == 0:
            return x

        def run(row: Any) -> Any:
            turned = row[::-1] if reverse else row
            out = _prefixes(turned, exclusive, reduce)
            return out[::-1] if reverse else out

        return np.apply_along_axis(run, int(axis), _wider(x)).astype(x.dtype)

    return reference


def _reduction(reduce: Callable[..., Any], *generators: Generator, **options: Any) -> Sample:
    generate = generators[0] if generators else uniform(-2, 2)
    return Sample([generate, _LAST_AXIS], _over(reduce), **{"shapes": AXED, **options})


SAMPLES: dict[str, Sample] = {
    "Sum": _reduction(np.sum, dtypes=ALL, rtol=TOLERANCE),
    "Mean": _reduction(np.mean, shapes=FILLED, attrs={"keep_dims": True}, rtol=TOLERANCE),
    "Prod": _reduction(
        np.prod, uniform(0.5, 1.5), shapes=((1,), (5,), (2, 3), (2, 1, 4)), dtypes=ALL, rtol=1e-5
    ),
    "Max": _reduction(np.max, _distinct(-3, 3), shapes=FILLED, ulp=0),
    "Min": _reduction(np.min, _distinct(-3, 3), shapes=FILLED, attrs={"keep_dims": True}, ulp=0),
    "EuclideanNorm": _reduction(_norm, uniform(0.5, 2), shapes=FILLED, rtol=TOLERANCE),
    "All": _reduction(np.all, booleans(0.8), wrt=(), second=False, dtypes=("bool",)),
    "Any": _reduction(np.any, booleans(0.2), wrt=(), second=False, dtypes=("bool",)),
    "ArgMax": Sample(
        [_distinct(-3, 3), _LAST_AXIS], _position(np.argmax), wrt=(), second=False, shapes=FILLED
    ),
    "ArgMin": Sample(
        [_distinct(-3, 3), _FIRST_AXIS], _position(np.argmin), wrt=(), second=False, shapes=FILLED
    ),
    "Cumsum": Sample(
        [uniform(-2, 2), _LAST_AXIS],
        _running(np.sum),
        attrs={"exclusive": True},
        shapes=AXED,
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "Cumprod": Sample(
        [uniform(0.5, 1.5), _FIRST_AXIS],
        _running(np.prod),
        attrs={"reverse": True},
        shapes=((1,), (5,), (2, 3), (2, 1, 4)),
        rtol=1e-5,
    ),
    "CumulativeLogsumexp": Sample(
        [uniform(-2, 2), _LAST_AXIS], _running(special.logsumexp), shapes=FILLED, rtol=1e-5
    ),
}
