"""Activation functions, softmax, cross-entropies, biases."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_sample import Array, Generator, Sample, Shape, integers, shaped, uniform, wide
from scipy import special

SCALE = 1.0507009873554804934193349852946
SCALE_ALPHA = 1.7580993408473768599402175208123
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
MATRICES = ((1, 1), (2, 3), (5, 7), (0, 4))
VECTORS = ((1,), (5,), (2, 3), (2, 1, 4), (33, 17), (0, 3))


def _leaky(x: Any, alpha: float = 0.2) -> Any:
    return np.where(x > 0, x, x * np.float32(alpha).astype(x.dtype))


def _leaky_grad(dy: Any, x: Any, alpha: float = 0.2) -> Any:
    return np.where(x > 0, dy, dy * np.float32(alpha).astype(dy.dtype))


def _elu(x: Any) -> Any:
    return np.where(x < 0, np.expm1(x), x)


def _selu(x: Any) -> Any:
    return np.where(x < 0, SCALE_ALPHA * np.expm1(x), SCALE * x)


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True, initial=-np.inf))
    return e / e.sum(-1, keepdims=True)


def _cross_entropy(features: Any, labels: Any) -> tuple[Any, Any]:
    logs = special.log_softmax(features.astype(np.float64), axis=-1)
    loss = -(labels * logs).sum(-1)
    return loss.astype(features.dtype), (np.exp(logs) - labels).astype(features.dtype)


def _sparse_cross_entropy(features: Any, labels: Any) -> tuple[Any, Any]:
    return _cross_entropy(features, np.eye(features.shape[-1])[labels])


def _activation_grad(reference: Any, low: float, high: float, **options: Any) -> Sample:
    inputs = [uniform(-2, 2), uniform(low, high, avoid=(0, 6))]
    options = {"wrt": (0, 1), "rtol": TOLERANCE, **options}
    return Sample(inputs, reference, **options)


def _rows(generator: Generator) -> Generator:
    return shaped(generator, lambda shape: shape[:1])


def _probabilities(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
    x = rng.uniform(0.1, 1, shape)
    return np.asarray(x / x.sum(-1, keepdims=True), dtype)


SAMPLES = {
    "Relu": Sample(
        [uniform(-3, 3, avoid=(0,))],
        lambda x: np.maximum(x, 0),
        dtypes=("float32", "float64", "int32", "int64"),
        ulp=0,
        tails=(-1e30, 1e30),
    ),
    "ReluGrad": _activation_grad(lambda dy, x: dy * (x > 0), -3, 3),
    "Relu6": Sample(
        [uniform(-3, 9, avoid=(0, 6))],
        lambda x: np.clip(x, 0, 6),
        dtypes=("float32", "float64", "int32", "int64"),
        ulp=0,
        tails=(-1e30, 1e30),
    ),
    "Relu6Grad": _activation_grad(lambda dy, x: dy * ((x > 0) & (x < 6)), -3, 9),
    "LeakyRelu": Sample(
        [uniform(-3, 3, avoid=(0,))],
        _leaky,
        attrs={"alpha": 0.3},
        ulp=1,
        tails=(-1e30, 1e30),
        special=True,
    ),
    "LeakyReluGrad": _activation_grad(_leaky_grad, -3, 3, attrs={"alpha": 0.3}),
    "Elu": Sample(
        [uniform(-3, 3, avoid=(0,))], wide(_elu), ulp=4, tails=(-100.0, 1e30), special=True
    ),
    "EluGrad": _activation_grad(lambda dy, y: np.where(y < 0, dy * (y + 1), dy), -0.9, 3),
    "Selu": Sample(
        [uniform(-3, 3, avoid=(0,))], wide(_selu), ulp=5, tails=(-100.0, 1e30), special=True
    ),
    "SeluGrad": _activation_grad(
        lambda dy, y: np.where(y < 0, dy * (y + SCALE_ALPHA), dy * SCALE).astype(dy.dtype), -1.5, 3
    ),
    "Softplus": Sample(
        [uniform(-4, 4)],
        wide(lambda x: np.logaddexp(x, 0 * x)),
        ulp=5,
        tails=(-80.0, 80.0, 1e30),
        special=False,
    ),
    "SoftplusGrad": _activation_grad(wide(lambda dy, x: dy / (1 + np.exp(-x))), -4, 4),
    "Softsign": Sample(
        [uniform(-4, 4, avoid=(0,))],
        wide(lambda x: x / (1 + np.abs(x))),
        ulp=4,
        second=False,
        tails=(-1e10, 1e10),
    ),
    "SoftsignGrad": _activation_grad(
        wide(lambda dy, x: dy / (1 + np.abs(x)) ** 2), -4, 4, wrt=(), lookup_error=True
    ),
    "Softmax": Sample(
        [uniform(-4, 4)], wide(_softmax), rtol=TOLERANCE, shapes=VECTORS, tails=(-1e10, 1e10)
    ),
    "LogSoftmax": Sample(
        [uniform(-4, 4)],
        wide(lambda x: special.log_softmax(x, axis=-1)),
        rtol={"float32": 2e-5, "float64": 1e-12},
        shapes=VECTORS,
        tails=(-1e10, 1e10),
    ),
    "SoftmaxCrossEntropyWithLogits": Sample(
        [uniform(-3, 3), _probabilities],
        _cross_entropy,
        # As in TensorFlow the gradient of the second output takes the labels for constants.
        second=False,
        shapes=MATRICES,
        rtol={"float32": 2e-5, "float64": 1e-12},
    ),
    "SparseSoftmaxCrossEntropyWithLogits": Sample(
        [uniform(-3, 3), _rows(integers(0, 1, "int32"))],
        _sparse_cross_entropy,
        shapes=MATRICES,
        rtol={"float32": 2e-5, "float64": 1e-12},
    ),
    "BiasAdd": Sample(
        [uniform(-2, 2), shaped(uniform(-2, 2), lambda s: s[-1:])],
        np.add,
        wrt=(0, 1),
        shapes=((2, 3), (2, 1, 4), (0, 3)),
        ulp=1,
    ),
    "BiasAddGrad": Sample(
        [uniform(-2, 2)],
        lambda dy: dy.sum(tuple(range(dy.ndim - 1))),
        shapes=((2, 3), (2, 1, 4), (0, 3)),
        rtol={"float32": 1e-5, "float64": 1e-13},
    ),
    "L2Loss": Sample(
        [uniform(-2, 2)],
        lambda x: (x * x).sum(dtype=np.float64).astype(x.dtype) / 2,
        rtol={"float32": 1e-5, "float64": 1e-13},
    ),
    "CheckNumerics": Sample([uniform(-2, 2)], np.array, attrs={"message": "values"}, ulp=0),
}
