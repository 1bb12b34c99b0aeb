"""Options that the user's code gives to AutoGraph."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from wengert._autograph_context import unconverted

__all__ = ["Feature", "do_not_convert", "feature_names", "set_loop_options"]

_UNSPECIFIED: Any = object()


class Feature(enum.Enum):
    """Parts of AutoGraph that are off by default (`tf.autograph.experimental.Feature`).

    For `experimental_autograph_options` of `tf.function`.

    Attributes
    ----------
    ASSERT_STATEMENTS
        `assert` on tensors becomes `tf.debugging.Assert`.
    BUILTIN_FUNCTIONS
        `print` of tensors becomes `tf.print`.
    EQUALITY_OPERATORS
        `==` and `!=` become `tf.equal` and `tf.not_equal`.
    NAME_SCOPES
        Operations are named in a scope called like the function they are made in.
    AUTO_CONTROL_DEPS, LISTS
        Accepted. Effects are always kept in order; lists are always Python's.
    ALL
        All of these.
    """

    ALL = "ALL"
    AUTO_CONTROL_DEPS = "AUTO_CONTROL_DEPS"
    ASSERT_STATEMENTS = "ASSERT_STATEMENTS"
    BUILTIN_FUNCTIONS = "BUILTIN_FUNCTIONS"
    EQUALITY_OPERATORS = "EQUALITY_OPERATORS"
    LISTS = "LISTS"
    NAME_SCOPES = "NAME_SCOPES"

    @classmethod
    def all(cls) -> tuple[Feature, ...]:
        """Every feature."""
        return tuple(cls)

    @classmethod
    def all_but(cls, exclude: Any) -> tuple[Feature, ...]:
        """Every feature but those given, which are one or several."""
        left_out = exclude if isinstance(exclude, (list, tuple, set)) else (exclude,)
        return tuple(f for f in cls if f not in left_out and f is not cls.ALL)


def feature_names(features: Any) -> frozenset[str]:
    """The names of the features in effect: what "ALL" stands for is written out."""
    if features is None:
        return frozenset()
    given = features if isinstance(features, (list, tuple, set, frozenset)) else (features,)
    for f in given:
        if not isinstance(f, Feature):
            raise TypeError(f"expected tf.autograph.experimental.Feature, got {f!r}")
    if Feature.ALL in given:
        given = Feature.all_but(())
    # Those that change nothing do not count.
    return frozenset(f.name for f in given) - {"AUTO_CONTROL_DEPS", "LISTS"}


def set_loop_options(
    parallel_iterations: Any = _UNSPECIFIED,
    swap_memory: Any = _UNSPECIFIED,
    maximum_iterations: Any = _UNSPECIFIED,
    shape_invariants: Any = _UNSPECIFIED,
) -> None:
    """Arguments for the `tf.while_loop` that the loop around becomes.

    `tf.autograph.experimental.set_loop_options`; the first statement of a loop. It has no effect
    on loops that run in Python.

    Parameters
    ----------
    parallel_iterations, swap_memory :
        Accepted; they change nothing.
    maximum_iterations : int or scalar integer tensor, optional
    shape_invariants : list of (tensor, TensorShape), optional
        What holds of the shapes of variables of the loop in all iterations.

    Examples
    --------
    >>> import wengert as tf
    >>> @tf.function
    ... def numbers(n):
    ...     found = tf.constant([0])
    ...     for i in tf.range(n):
    ...         tf.autograph.experimental.set_loop_options(
    ...             shape_invariants=[(found, tf.TensorShape([None]))])
    ...         found = tf.concat([found, [i]], 0)
    ...     return found
    >>> numbers(tf.constant(3)).numpy().tolist()
    [0, 0, 1, 2]
    """


def do_not_convert(func: Callable[..., Any] | None = None) -> Any:
    """Leaves a function as it is (`tf.autograph.experimental.do_not_convert`); a decorator.

    Neither it nor what it calls is converted.

    Parameters
    ----------
    func : callable, optional

    Returns
    -------
    callable
        That calls `func`; without `func`, this decorator.

    Examples
    --------
    >>> import wengert as tf
    >>> @tf.autograph.experimental.do_not_convert
    ... def f(x):
    ...     return x if x is not None else 0
    >>> f(3)
    3
    """
    if func is None:
        return do_not_convert

    return unconverted(func)
