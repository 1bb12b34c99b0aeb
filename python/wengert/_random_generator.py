"""`tf.random.Generator`: a stream of random numbers whose state is a variable."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._random_ops import shape_tensor

__all__ = ["Algorithm", "Generator", "create_rng_state", "get_global_generator",
           "set_global_generator"]  # fmt: skip

apply = _core.apply
convert = _core.convert

_MASK = 2**64 - 1


class Algorithm:
    """Algorithms of generators."""

    PHILOX = 1
    AUTO_SELECT = 3


def _check(alg: Any) -> int:
    value = {"philox": 1, "auto_select": 1}.get(alg, -1) if isinstance(alg, str) else int(alg)
    if value not in (Algorithm.PHILOX, Algorithm.AUTO_SELECT):
        raise ValueError(f"Unsupported algorithm {alg!r}: only 'philox' is there")
    return Algorithm.PHILOX


def create_rng_state(seed: Any, alg: Any = "philox") -> np.ndarray[Any, Any]:
    """The state [counter, counter, key] that begins with the one to three numbers of a seed."""
    _check(alg)
    values = np.atleast_1d(np.asarray(seed.numpy() if hasattr(seed, "numpy") else seed))
    if values.ndim != 1 or values.size > 3:
        raise ValueError(f"a seed has one to three numbers, got {seed!r}")
    words = [int(v) & _MASK for v in values.tolist()]
    state = words + [0] * (3 - len(words))
    return np.array(state, np.uint64).astype(np.int64)


class Generator:
    """A stream of random numbers (`tf.random.Generator`).

    Every draw advances the state, a variable of three numbers: counter and key of Philox. Make one
    with `from_seed`, `from_state`, `from_key_counter` or `from_non_deterministic_state`.

    Examples
    --------
    >>> import wengert as tf
    >>> g = tf.random.Generator.from_seed(1)
    >>> g.normal([2]).shape
    TensorShape([2])
    """

    def __init__(self, copy_from: Any = None, state: Any = None, alg: Any = None) -> None:
        from wengert._variables import Variable

        if copy_from is not None:
            if state is not None or alg is not None:
                raise ValueError("Only one of `copy_from` and (`state`, `alg`) can be given")
            state, alg = copy_from.state.read_value(), copy_from.algorithm
        if state is None or alg is None:
            raise ValueError("Both `state` and `alg` are needed without `copy_from`")
        self._alg = _check(alg)
        initial = convert(state, dtypes.int64)
        self._state = Variable(initial, trainable=False, dtype=dtypes.int64, name="StateVar")

    @classmethod
    def from_state(cls, state: Any, alg: Any) -> Generator:
        """A generator that goes on from a state."""
        return cls(state=state, alg=alg)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """A generator that a seed determines."""
        alg = "philox" if alg is None else alg
        return cls(state=create_rng_state(seed, alg), alg=alg)

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A generator that differs from process to process."""
        import secrets

        state = np.array([secrets.randbits(64) for _ in range(3)], np.uint64).astype(np.int64)
        return cls(state=state, alg="philox" if alg is None else alg)

    @classmethod
    def from_key_counter(cls, key: Any, counter: Any, alg: Any) -> Generator:
        """A generator of a key and a counter of two numbers."""
        words = [int(v) & _MASK for v in (*np.asarray(counter).tolist(), int(key))]
        return cls(state=np.array(words, np.uint64).astype(np.int64), alg=alg)

    @property
    def state(self) -> Any:
        """The variable that holds the state."""
        return self._state

    @property
    def algorithm(self) -> int:
        """Number of the algorithm."""
        return self._alg

    @property
    def key(self) -> Any:
        """The last number of the state."""
        return self._state.read_value()[2]

    def reset(self, state: Any) -> None:
        """Set the state."""
        self._state.assign(convert(state, dtypes.int64))

    def reset_from_seed(self, seed: Any) -> None:
        """Set the state to what a seed gives."""
        self.reset(create_rng_state(seed, self._alg))

    def reset_from_key_counter(self, key: Any, counter: Any) -> None:
        """Set the state to a key and a counter."""
        words = [int(v) & _MASK for v in (*np.asarray(counter).tolist(), int(key))]
        self.reset(np.array(words, np.uint64).astype(np.int64))

    def skip(self, delta: int) -> Any:
        """Leave out `delta` blocks of 128 bits; the state before is returned."""
        return self._advance(convert(delta, dtypes.int64))

    def _advance(self, blocks: Any) -> Any:
        """The state; the variable's counter is moved on by `blocks`, with carry."""
        before = self._state.read_value()
        unsigned = apply("Bitcast", (before,), {"type": dtypes.uint64})
        step = apply("Bitcast", (blocks,), {"type": dtypes.uint64})
        low = unsigned[0] + step
        carry = apply("Cast", (apply("Less", (low, step)),), {"DstT": dtypes.uint64})
        after = apply("Pack", ([low, unsigned[1] + carry, unsigned[2]],), {"axis": 0})
        self._state.assign(apply("Bitcast", (after,), {"type": dtypes.int64}))
        return before

    def _draw(self, op: str, shape: Any, more: tuple[Any, ...], attrs: Any) -> Any:
        size = shape_tensor(shape)
        wide = apply("Cast", (size,), {"DstT": dtypes.int64})
        before = self._advance(apply("Prod", (wide, [0])) * 256)
        words = apply("Bitcast", (before,), {"type": dtypes.uint64})
        return apply(op, (size, words[2:], words[:2], self._alg, *more), attrs)

    def _scaled(self, op: str, shape: Any, scale: Any, offset: Any, dtype: Any) -> Any:
        dtype = dtypes.as_dtype(dtype)
        unit = self._draw(op, shape, (), {"dtype": dtype})
        return unit * convert(scale, dtype) + convert(offset, dtype)

    def normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Any:  # fmt: skip
        """Normal random numbers."""
        return self._scaled("StatelessRandomNormalV2", shape, stddev, mean, dtype)

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Any:  # fmt: skip
        """Normal random numbers within 2 standard deviations."""
        return self._scaled("StatelessTruncatedNormalV2", shape, stddev, mean, dtype)

    def uniform(
        self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Any:  # fmt: skip
        """Uniform random numbers in [minval, maxval)."""
        dtype = dtypes.as_dtype(dtype)
        if maxval is None:
            if dtype.is_integer:
                raise ValueError(f"Must specify maxval for integer dtype {dtype.name!r}")
            maxval = 1
        low, high = convert(minval, dtype), convert(maxval, dtype)
        if dtype.is_integer:
            return self._draw("StatelessRandomUniformIntV2", shape, (low, high), None)
        return self._scaled("StatelessRandomUniformV2", shape, high - low, low, dtype)

    def uniform_full_int(
        self, shape: Any, dtype: Any = dtypes.uint64, name: str | None = None
    ) -> Any:
        """Integers of the whole range of the dtype."""
        attrs = {"dtype": dtypes.as_dtype(dtype)}
        return self._draw("StatelessRandomUniformFullIntV2", shape, (), attrs)

    def make_seeds(self, count: int = 1) -> Any:
        """Seeds for stateless functions, int64 [2, count]."""
        from wengert import _array_ops

        seeds = self.uniform_full_int([count], dtypes.int64)
        return _array_ops.stack([seeds, apply("ZerosLike", (seeds,))])

    def split(self, count: int = 1) -> list[Generator]:
        """`count` generators of streams of their own."""
        from wengert import _array_ops

        keys = self.uniform_full_int([count], dtypes.int64)
        return [
            Generator(state=_array_ops.stack([0, 0, key]), alg=self._alg)
            for key in _array_ops.unstack(keys, count)
        ]


class _Global:
    """The generator of the process, made when first asked for."""

    generator: Generator | None = None


def get_global_generator() -> Generator:
    """The generator of the process (`tf.random.get_global_generator`)."""
    if _Global.generator is None:
        _Global.generator = Generator.from_non_deterministic_state()
    return _Global.generator


def set_global_generator(generator: Generator) -> None:
    """Replace the generator of the process."""
    _Global.generator = generator
