"""Settings of the process (`tf.config`).

`set_memory_budget` and `set_reassociation` have no counterparts in TensorFlow: see there.
"""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert._concrete_function import compile_settings
from wengert._function import settings
from wengert._memory import checked_budget

__all__ = [
    "experimental_functions_run_eagerly",
    "experimental_run_functions_eagerly",
    "functions_run_eagerly",
    "get_memory_budget",
    "get_reassociation",
    "run_functions_eagerly",
    "set_memory_budget",
    "set_reassociation",
    "threading",
]


def set_memory_budget(bytes: int | None) -> None:
    """Limits the memory of the intermediate values of every program compiled from now on.

    Where a program (a `tf.function`, what a `Session` runs, `wengert.compile`) would hold more
    than this at once, values first stand in the memory of results that are not yet written, such
    as gradients; then steps are repeated instead of storing what they gave, the cheapest ones for
    the memory that they spare. Nothing of the user's program changes, and results are the same
    bits. Inputs, results, variables and lists of tensors do not count: they are held in any case.
    `tf.explain` shows what is repeated.

    Parameters
    ----------
    bytes : int or None
        None takes the limit away. `tf.function(..., memory_budget=)`,
        `ConfigProto(memory_budget=)` and `wengert.compile(..., memory_budget=)` go before it.

    Raises
    ------
    TypeError, ValueError
        When `bytes` is no positive integer.
    errors.ResourceExhaustedError
        Not here, but by the first call of a program that cannot fit; it says how many bytes are
        missing.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.config.set_memory_budget(2**30)
    >>> tf.config.get_memory_budget()
    1073741824
    >>> tf.config.set_memory_budget(None)
    """
    _core.set_memory_budget(-1 if bytes is None else checked_budget(bytes))


def get_memory_budget() -> int | None:
    """The limit that `set_memory_budget` set; None: there is none."""
    budget = _core.memory_budget()
    return None if budget < 0 else budget


def set_reassociation(enabled: bool) -> None:
    """Whether programs compiled from now on may write sums and products in another form.

    Derivatives of high order compute the same things again and again under other names. With True,
    the compiler takes sums and products apart into polynomials, finds what is the same, and writes
    them anew, where that is less work: the operations of the nth derivative of sin(x) exp(-x^2)
    then grow linearly with n. Results differ from those without it by roundings of the
    largest term of a sum: where large terms cancel, as in (x - 1e6)^2, digits may be lost. What is
    infinite or not a number may come out otherwise: x - x is 0.

    Parameters
    ----------
    enabled : bool
        Default of the process: False. `wengert.compile(..., options={"reassociate": True})` sets it
        for one function.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.config.set_reassociation(True)
    >>> tf.config.get_reassociation()
    True
    >>> tf.config.set_reassociation(False)
    """
    compile_settings.clear()
    if enabled:
        compile_settings["reassociate"] = True


def get_reassociation() -> bool:
    """What `set_reassociation` set."""
    return "reassociate" in compile_settings


def run_functions_eagerly(run_eagerly: bool) -> None:
    """With True, a `tf.function` that is called runs as the Python function it was made of.

    For debugging: the function is not traced, and sees what it is called with.

    Examples
    --------
    >>> import wengert as tf
    >>> @tf.function
    ... def f(x):
    ...     return tf.executing_eagerly()
    >>> tf.config.run_functions_eagerly(True)
    >>> f(1.0)
    True
    >>> tf.config.run_functions_eagerly(False)
    """
    settings.run_eagerly = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Whether `run_functions_eagerly` is on."""
    return settings.run_eagerly


experimental_run_functions_eagerly = run_functions_eagerly
experimental_functions_run_eagerly = functions_run_eagerly


class threading:  # noqa: N801  (the name of the submodule)
    """Numbers of threads (`tf.config.threading`). Kernels share one set of threads, and steps of a
    program run one after another: there is no parallelism between operations to set."""

    @staticmethod
    def set_intra_op_parallelism_threads(num_threads: int) -> None:
        """Threads of kernels; 0: as many as there are cores. Results never depend on it."""
        if num_threads < 0:
            raise ValueError(f"num_threads must not be negative, got {num_threads}")
        _core.set_num_threads(int(num_threads))

    @staticmethod
    def get_intra_op_parallelism_threads() -> int:
        return _core.num_threads()

    @staticmethod
    def set_inter_op_parallelism_threads(num_threads: Any) -> None:
        """Accepted and ignored."""

    @staticmethod
    def get_inter_op_parallelism_threads() -> int:
        return 1
