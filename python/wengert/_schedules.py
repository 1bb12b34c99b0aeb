"""Learning rates that change with the step (`tf.compat.v1.train.exponential_decay` and others).

In graphs they give a tensor, in eager mode a function without arguments that gives one, since
the step changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from wengert import _core, _graph
from wengert import _math_ops as ops

__all__ = [
    "cosine_decay",
    "cosine_decay_restarts",
    "exponential_decay",
    "inverse_time_decay",
    "linear_cosine_decay",
    "natural_exp_decay",
    "noisy_linear_cosine_decay",
    "piecewise_constant",
    "polynomial_decay",
]


def _schedule(compute: Callable[[], Any]) -> Any:
    return compute() if _core.current_graph() is not None else compute


def _named(op: str, x: Any, y: Any, scope: str) -> Any:
    return _core.apply(op, (x, y), None, scope or None)


def _require_step(global_step: Any, function: str) -> None:
    if global_step is None:
        raise ValueError(f"global_step is required for {function}.")


def _rate(learning_rate: Any) -> Any:
    return _core.convert(learning_rate, None, "initial_learning_rate")


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """learning_rate * decay_rate ^ (global_step / decay_steps); `staircase` rounds down.

    Examples
    --------
    >>> import wengert as tf
    >>> rate = tf.compat.v1.train.exponential_decay(1.0, tf.constant(10), 5, 0.5)
    >>> float(rate())
    0.25
    """
    _require_step(global_step, "exponential_decay")

    def compute() -> Any:
        with _graph.name_scope_v1(name or "ExponentialDecay") as scope:
            initial = _rate(learning_rate)
            dtype = initial.dtype
            steps = ops.cast(decay_steps, dtype)
            rate = ops.cast(decay_rate, dtype)
            progress = ops.cast(_value(global_step), dtype) / steps
            if staircase:
                progress = ops.floor(progress)
            return _named("Mul", initial, ops.pow(rate, progress), scope)

    return _schedule(compute)


def _value(global_step: Any) -> Any:
    return global_step() if callable(global_step) else global_step


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """learning_rate * exp(-decay_rate * global_step / decay_steps)."""
    _require_step(global_step, "natural_exp_decay")
    base = ops.exp(ops.negative(decay_rate))
    return exponential_decay(
        learning_rate, global_step, decay_steps, base, staircase, name or "ExponentialDecay"
    )


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """learning_rate / (1 + decay_rate * global_step / decay_steps)."""
    _require_step(global_step, "inverse_time_decay")

    def compute() -> Any:
        with _graph.name_scope_v1(name or "InverseTimeDecay") as scope:
            initial = _rate(learning_rate)
            dtype = initial.dtype
            steps = ops.cast(decay_steps, dtype)
            rate = ops.cast(decay_rate, dtype)
            progress = ops.cast(_value(global_step), dtype) / steps
            if staircase:
                progress = ops.floor(progress)
            one = ops.cast(_core.constant(1), dtype)
            return _named("RealDiv", initial, ops.add(one, ops.multiply(rate, progress)), scope)

    return _schedule(compute)


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Any:
    """From learning_rate to end_learning_rate along (1 - t)^power; `cycle` begins anew."""
    _require_step(global_step, "polynomial_decay")

    def compute() -> Any:
        from wengert._array_ops import where

        with _graph.name_scope_v1(name or "PolynomialDecay") as scope:
            initial = _rate(learning_rate)
            dtype = initial.dtype
            end = ops.cast(end_learning_rate, dtype)
            exponent = ops.cast(power, dtype)
            step = ops.cast(_value(global_step), dtype)
            steps = ops.cast(decay_steps, dtype)
            if cycle:
                begun = where(ops.equal(step, 0), 1.0, _core.apply("Ceil", (step / decay_steps,)))
                steps = ops.multiply(steps, begun)
            else:
                step = ops.minimum(step, steps)
            progress = step / steps
            return _named(
                "AddV2", ops.multiply(initial - end, ops.pow(1 - progress, exponent)), end, scope
            )

    return _schedule(compute)


def _cosine(progress: Any) -> Any:
    return 0.5 * (1.0 + ops.cos(_core.constant(math.pi, progress.dtype) * progress))


def cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    alpha: float = 0.0,
    name: str | None = None,
) -> Any:
    """Half a period of a cosine, from learning_rate to alpha * learning_rate."""
    _require_step(global_step, "cosine_decay")

    def compute() -> Any:
        with _graph.name_scope_v1(name or "CosineDecay"):
            initial = _rate(learning_rate)
            dtype = initial.dtype
            steps = ops.cast(decay_steps, dtype)
            done = ops.minimum(ops.cast(_value(global_step), dtype), steps) / steps
            return ops.multiply(initial, (1 - alpha) * _cosine(done) + alpha)

    return _schedule(compute)


def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: Any = 2.0,
    m_mul: Any = 1.0,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Any:
    """`cosine_decay` begun anew: each period t_mul times as long, m_mul times as high."""
    _require_step(global_step, "cosine decay restarts")

    def compute() -> Any:
        from wengert._array_ops import where

        with _graph.name_scope_v1(name or "SGDRDecay") as scope:
            initial = _rate(learning_rate)
            dtype = initial.dtype
            steps = ops.cast(first_decay_steps, dtype)
            low, growth, height = (ops.cast(x, dtype) for x in (alpha, t_mul, m_mul))
            done = ops.cast(_value(global_step), dtype) / steps
            same = ops.equal(growth, 1.0)
            # Period i ends at (growth^(i+1) - 1) / (growth - 1).
            safe = where(same, 2.0 * growth, growth)
            log = _core.apply("Log", (1.0 - done * (1.0 - safe),))
            geometric = ops.floor(log / _core.apply("Log", (safe,)))
            begun = (1.0 - ops.pow(safe, geometric)) / (1.0 - safe)
            period = where(same, ops.floor(done), geometric)
            part = where(same, done - ops.floor(done), (done - begun) / ops.pow(safe, geometric))
            decayed = (1 - low) * (ops.pow(height, period) * _cosine(part)) + low
            return _named("Mul", initial, decayed, scope)

    return _schedule(compute)


def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Any:
    """A falling line times a cosine: learning_rate * ((alpha + 1 - t) * cosine + beta)."""
    _require_step(global_step, "linear_cosine_decay")

    def compute() -> Any:
        with _graph.name_scope_v1(name or "LinearCosineDecay") as scope:
            return _linear_cosine(
                learning_rate, global_step, decay_steps, num_periods, alpha, beta, None, scope
            )

    return _schedule(compute)


def noisy_linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    initial_variance: Any = 1.0,
    variance_decay: Any = 0.55,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Any:
    """`linear_cosine_decay` with noise.

    Its variance is initial_variance / (1 + step)^variance_decay.
    """
    _require_step(global_step, "noisy_linear_cosine_decay")

    def compute() -> Any:
        with _graph.name_scope_v1(name or "NoisyLinearCosineDecay") as scope:

            def noise(step: Any, dtype: Any) -> Any:
                from wengert._initializers import RandomNormal

                variance = ops.cast(initial_variance, dtype) / ops.pow(
                    1.0 + step, ops.cast(variance_decay, dtype)
                )
                return RandomNormal()([], dtype) * ops.sqrt(variance)

            return _linear_cosine(
                learning_rate, global_step, decay_steps, num_periods, alpha, beta, noise, scope
            )

    return _schedule(compute)


def _linear_cosine(
    learning_rate: Any, global_step: Any, decay_steps: Any, num_periods: Any, alpha: Any,
    beta: Any, noise: Any, scope: str,
) -> Any:  # fmt: skip
    initial = _rate(learning_rate)
    dtype = initial.dtype
    steps = ops.cast(decay_steps, dtype)
    periods, offset, floor = (ops.cast(x, dtype) for x in (num_periods, alpha, beta))
    step = ops.minimum(ops.cast(_value(global_step), dtype), steps)
    line = (steps - step) / steps
    if noise is not None:
        line = line + noise(step, dtype)
    turns = 2.0 * periods * (step / steps)
    return _named("Mul", initial, (offset + line) * _cosine(turns) + floor, scope)


def piecewise_constant(x: Any, boundaries: Any, values: Any, name: str | None = None) -> Any:
    """values[i] where i is the number of boundaries that lie below `x`.

    Raises
    ------
    ValueError
        Unless there is one value more than boundaries.
    """
    boundaries, values = list(boundaries), list(values)
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")

    def compute() -> Any:
        from wengert._array_ops import where

        with _graph.name_scope_v1(name, "PiecewiseConstant"):
            step = _core.convert(_value(x))
            limits = [ops.cast(_core.convert(b), step.dtype) for b in boundaries]
            result = _core.convert(values[-1])
            for limit, value in reversed(list(zip(limits, values[:-1], strict=True))):
                result = where(step <= limit, _core.convert(value, result.dtype), result)
            return result

    return _schedule(compute)
