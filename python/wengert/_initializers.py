"""Initial values of variables: callables of shape and dtype (`tf.compat.v1.initializers`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wengert import _core, _creation
from wengert._dtypes import as_dtype, float32
from wengert._random_seed import seed_attrs
from wengert._tensor_shape import as_shape

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "Identity",
    "Initializer",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "UniformUnitScaling",
    "VarianceScaling",
    "Zeros",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
]

# A truncated normal distribution has this standard deviation when the underlying one has 1.
_TRUNCATED_DEVIATION = 0.87962566103423978


def _scoped(name: str, make: Any) -> Any:
    """`make(scope)` inside name scope `name`; scope is what its result is to be called."""
    graph = _core.current_graph()
    if graph is None:
        return make(None)
    with graph.name_scope(name) as scope:
        return make(scope)


def _random(op: str, shape: Any, dtype: Any, seed: int | None) -> Any:
    return _core.apply(op, (shape,), {"dtype": dtype, **seed_attrs(seed)})


def _uniform(shape: Any, low: Any, high: Any, dtype: Any, seed: int | None) -> Any:
    def make(scope: Any) -> Any:
        size = _core.convert(shape, as_dtype("int32"), "shape")
        if dtype.is_integer:
            low_t = _core.convert(low, dtype, "min")
            high_t = _core.convert(high, dtype, "max")
            return _core.apply("RandomUniformInt", (size, low_t, high_t), seed_attrs(seed), scope)
        low_t = _core.convert(low, dtype, "min")
        high_t = _core.convert(high, dtype, "max")
        unit = _random("RandomUniform", size, dtype, seed)
        return _core.apply("AddV2", (unit * (high_t - low_t), low_t), None, scope)

    return _scoped("random_uniform", make)


def _normal(
    op: str, name: str, shape: Any, mean: Any, deviation: Any, dtype: Any, seed: int | None
) -> Any:
    def make(scope: Any) -> Any:
        size = _core.convert(shape, as_dtype("int32"), "shape")
        mean_t = _core.convert(mean, dtype, "mean")
        deviation_t = _core.convert(deviation, dtype, "stddev")
        unit = _random(op, size, dtype, seed)
        return _core.apply("AddV2", (unit * deviation_t, mean_t), None, scope)

    return _scoped(name, make)


class Initializer:
    """Base of initializers: callable with a shape and a dtype."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        raise NotImplementedError("an Initializer defines __call__(shape, dtype)")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make another one like it."""
        return {k.lstrip("_"): v for k, v in self.__dict__.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


class Zeros(Initializer):
    """All zeros (False, empty strings)."""

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        return _creation.zeros(shape, as_dtype(dtype or self.dtype))


class Ones(Zeros):
    """All ones."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        return _creation.ones(shape, as_dtype(dtype or self.dtype))


class Constant(Initializer):
    """One value everywhere, or the values of an array in row-major order."""

    def __init__(self, value: Any = 0, dtype: Any = float32, verify_shape: bool = False) -> None:
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(
                f"Invalid type for initial value={value} of type: {type(value).__name__}. "
                "Expected Python scalar, list of values, or numpy.ndarray."
            )
        self.value = value
        self.dtype = as_dtype(dtype)
        self.verify_shape = verify_shape

    def __call__(
        self, shape: Any, dtype: Any = None, partition_info: Any = None, verify_shape: Any = None
    ) -> Any:
        check = self.verify_shape if verify_shape is None else verify_shape
        wanted = as_dtype(dtype or self.dtype)
        return _creation.constant_v1(self.value, wanted, shape, verify_shape=bool(check))


class _Seeded(Initializer):
    def __init__(self, seed: int | None, dtype: Any) -> None:
        self.seed = seed
        self.dtype = as_dtype(dtype)


class RandomUniform(_Seeded):
    """Uniform in [minval, maxval); integers need `maxval`."""

    def __init__(
        self, minval: Any = 0.0, maxval: Any = None, seed: int | None = None, dtype: Any = float32
    ) -> None:
        super().__init__(seed, dtype)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        wanted = as_dtype(dtype or self.dtype)
        if self.maxval is None and wanted.is_integer:
            raise ValueError("Must specify maxval for integer dtype")
        high = 1 if self.maxval is None else self.maxval
        return _uniform(shape, self.minval, high, wanted, self.seed)


class RandomNormal(_Seeded):
    """Normal distribution."""

    _op, _name = "RandomStandardNormal", "random_normal"

    def __init__(
        self, mean: Any = 0.0, stddev: Any = 1.0, seed: int | None = None, dtype: Any = float32
    ) -> None:
        super().__init__(seed, dtype)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        wanted = as_dtype(dtype or self.dtype)
        return _normal(self._op, self._name, shape, self.mean, self.stddev, wanted, self.seed)


class TruncatedNormal(RandomNormal):
    """Normal distribution without what lies beyond two standard deviations."""

    _op, _name = "TruncatedNormal", "truncated_normal"


class UniformUnitScaling(_Seeded):
    """Uniform, such that a product of layers keeps the scale of its input."""

    def __init__(self, factor: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        super().__init__(seed, dtype)
        self.factor = factor

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        size = max(math.prod(_dims(shape)[:-1]), 1)
        limit = math.sqrt(3 / size) * self.factor
        return _uniform(shape, -limit, limit, as_dtype(dtype or self.dtype), self.seed)


def _dims(shape: Any) -> list[int]:
    return [int(d or 0) for d in as_shape(shape).as_list()]


def _fans(shape: Any) -> tuple[float, float]:
    """Numbers of inputs and outputs that a weight of this shape connects."""
    dims = _dims(shape)
    if not dims:
        return 1, 1
    if len(dims) == 1:
        return dims[0], dims[0]
    field = math.prod(dims[:-2])
    return dims[-2] * field, dims[-1] * field


class VarianceScaling(_Seeded):
    """Variance `scale` / n, where n counts inputs, outputs or their mean.

    Parameters
    ----------
    mode : "fan_in", "fan_out" or "fan_avg"
    distribution : "truncated_normal", "untruncated_normal", "normal" or "uniform"
    """

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal",
        seed: int | None = None, dtype: Any = float32,
    ) -> None:  # fmt: skip
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be a positive float. Received: {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(
                f"Argument `mode` should be one of ('fan_in', 'fan_out', 'fan_avg'). Received: "
                f"{mode}"
            )
        known = ("normal", "uniform", "truncated_normal", "untruncated_normal")
        if distribution.lower() not in known:
            raise ValueError(
                f"Argument `distribution` should be one of {known}. Received: {distribution}"
            )
        super().__init__(seed, dtype)
        self.scale, self.mode, self.distribution = scale, mode, distribution.lower()

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        wanted = as_dtype(dtype or self.dtype)
        fan_in, fan_out = _fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        scale = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * scale)
            return _uniform(shape, -limit, limit, wanted, self.seed)
        if self.distribution == "untruncated_normal":
            return _normal(
                "RandomStandardNormal", "random_normal", shape, 0.0, math.sqrt(scale), wanted,
                self.seed,
            )  # fmt: skip
        deviation = math.sqrt(scale) / _TRUNCATED_DEVIATION
        return _normal(
            "TruncatedNormal", "truncated_normal", shape, 0.0, deviation, wanted, self.seed
        )


class GlorotUniform(VarianceScaling):
    """Uniform with variance 2 / (inputs + outputs); also known as Xavier."""

    def __init__(self, seed: int | None = None, dtype: Any = float32) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed, "dtype": self.dtype}


class GlorotNormal(GlorotUniform):
    """Truncated normal with variance 2 / (inputs + outputs)."""

    def __init__(self, seed: int | None = None, dtype: Any = float32) -> None:
        VarianceScaling.__init__(self, 1.0, "fan_avg", "truncated_normal", seed, dtype)


class Orthogonal(_Seeded):
    """Orthogonal columns (or rows, whichever are fewer), scaled by `gain`."""

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        super().__init__(seed, dtype)
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        wanted = as_dtype(dtype or self.dtype)
        dims = _dims(shape)
        if len(dims) < 2:
            raise ValueError(
                "The tensor to initialize, specified by argument `shape` must be at least "
                f"two-dimensional. Received shape={shape}"
            )
        rows, cols = math.prod(dims[:-1]), dims[-1]
        flat = (max(rows, cols), min(rows, cols))
        random = _normal("RandomStandardNormal", "random_normal", flat, 0.0, 1.0, wanted, self.seed)
        q, r = _core.apply("Qr", (random,), {"full_matrices": False})
        # Signs that make the factorisation unique, and the distribution uniform.
        diagonal = _core.apply("DiagPart", (r[: flat[1], : flat[1]],))
        q = q * _core.apply("Sign", (diagonal,))
        if rows < cols:
            q = _core.apply("Transpose", (q, [1, 0]))
        return self.gain * _core.apply("Reshape", (q, dims))


class Identity(Initializer):
    """The identity matrix times `gain`."""

    def __init__(self, gain: float = 1.0, dtype: Any = float32) -> None:
        self.gain, self.dtype = gain, as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        dims = as_shape(shape).as_list()
        if len(dims) != 2:
            raise ValueError(
                "The tensor to initialize, specified by argument `shape` must be at least "
                f"two-dimensional. Received shape={shape}"
            )
        eye = _creation.eye(dims[0], dims[1], dtype=as_dtype(dtype or self.dtype))
        return eye if self.gain == 1.0 else self.gain * eye


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal with variance 1 / inputs."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform with variance 1 / inputs."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


def he_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal with variance 2 / inputs."""
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform with variance 2 / inputs."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)
