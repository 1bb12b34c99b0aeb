"""Batch normalisation, local response normalisation and their gradient ops."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_sample import Generator, Sample, constant, shaped, uniform
from samples.window import IMAGES


def _channels(generator: Generator) -> Generator:
    return shaped(generator, lambda s: s[-1:])


def _batch_norm(x: Any, scale: Any, offset: Any, mean: Any, variance: Any) -> tuple[Any, ...]:
    wide = x.astype(np.float64)
    axes = tuple(range(x.ndim - 1))
    m, v = wide.mean(axes), wide.var(axes)
    n = x.size // x.shape[-1]
    y = (wide - m) / np.sqrt(v + 0.01) * scale + offset
    results = (y, m, v * n / max(1, n - 1), m, v)
    return (*(r.astype(np.float32) for r in results), np.zeros(0, np.float32))


def _batch_norm_grad(
    dy: Any, x: Any, scale: Any, mean: Any, variance: Any, rest: Any
) -> tuple[Any, ...]:
    axes = tuple(range(x.ndim - 1))
    s = 1 / np.sqrt(variance.astype(np.float64) + 0.01)
    u = x - mean.astype(np.float64)
    dx = scale * s * (dy - dy.mean(axes) - u * s * s * (dy * u).mean(axes))
    none = np.zeros(0, np.float32)
    results = (dx, (dy * u).sum(axes) * s, dy.sum(axes))
    return (*(r.astype(np.float32) for r in results), none, none)


def _lrn_sums(x: Any) -> Any:
    padded = np.pad(x, ((0, 0),) * 3 + ((2, 2),))
    return sum(padded[..., i : i + x.shape[-1]] for i in range(5))


def _lrn(x: Any) -> Any:
    wide = x.astype(np.float64)
    return (wide * (1.5 + 0.5 * _lrn_sums(wide * wide)) ** -0.75).astype(x.dtype)


def _lrn_grad(dy: Any, x: Any, y: Any) -> Any:
    wide = x.astype(np.float64)
    norm = 1.5 + 0.5 * _lrn_sums(wide * wide)
    shares = _lrn_sums(dy * y / norm)
    return (dy * norm**-0.75 - 2 * 0.5 * 0.75 * wide * shares).astype(x.dtype)


NORM: Any = {
    "attrs": {"epsilon": 0.01},
    "shapes": IMAGES[:2],
    "dtypes": ("float32",),
    "rtol": 2e-4,
    "second": False,
    "grad_rtol": 2e-2,
}
LRN: Any = {
    "attrs": {"depth_radius": 2, "bias": 1.5, "alpha": 0.5, "beta": 0.75},
    "shapes": ((1, 2, 2, 6), (2, 1, 1, 3)),
    "dtypes": ("float32",),
    "rtol": 1e-5,
}

SAMPLES = {
    "FusedBatchNormV3": Sample(
        [
            uniform(-1, 1),
            _channels(uniform(0.5, 1.5)),
            _channels(uniform(-1, 1)),
            constant([], "float32"),
            constant([], "float32"),
        ],
        _batch_norm,
        wrt=(),
        **NORM,
    ),
    "FusedBatchNormGradV3": Sample(
        [
            uniform(-1, 1),
            uniform(-1, 1),
            _channels(uniform(0.5, 1.5)),
            _channels(uniform(-0.1, 0.1)),
            _channels(uniform(0.3, 0.4)),
            constant([], "float32"),
        ],
        _batch_norm_grad,
        wrt=(),
        **NORM,
    ),
    "LRN": Sample([uniform(0.5, 2)], _lrn, wrt=(), second=False, **LRN),
    "LRNGrad": Sample(
        [uniform(-1, 1), uniform(0.5, 2), uniform(0.5, 1)],
        _lrn_grad,
        wrt=(),
        lookup_error=True,
        second=False,
        **LRN,
    ),
}
