"""Functions of `tf.autograph`."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from wengert._autograph import Conversion, conversion
from wengert._autograph_options import feature_names
from wengert._autograph_source import SourceError, find_definition

__all__ = ["ConversionError", "set_verbosity", "to_code", "to_graph", "trace"]


class ConversionError(Exception):
    """An object that AutoGraph cannot convert."""


def _plain(entity: Any) -> types.FunctionType:
    plain = getattr(entity, "__func__", entity)
    if not isinstance(plain, types.FunctionType):
        raise ConversionError(
            f"converting {entity}: ValueError: Cannot apply autograph to a function that doesn't "
            "expose a __code__ object. If this is a @tf.function, try passing f.python_function "
            "instead."
        )
    return plain


def _apply(write: str, entity: Any, recursive: bool, features: Any) -> Any:
    from wengert import _autograph_transform

    function = _plain(entity)
    how = conversion(feature_names(features), recursive)
    try:
        definition = find_definition(function.__code__)
    except SourceError as e:
        raise ConversionError(f"converting {entity}: {type(e).__name__}: {e}") from None
    return getattr(_autograph_transform, write)(definition, function, how)


def to_graph(
    entity: Callable[..., Any], recursive: bool = True, experimental_optional_features: Any = None
) -> Callable[..., Any]:
    """The function with its control flow made functional (`tf.autograph.to_graph`).

    It may be called in graphs, where control flow on tensors becomes operations, and in eager
    mode. `tf.function` does this by itself.

    Parameters
    ----------
    entity : function or method
        A method becomes a function that takes the object as its first argument.
    recursive : bool
        Convert the functions that it calls, too.
    experimental_optional_features : Feature or tuple of Feature, optional

    Returns
    -------
    function

    Raises
    ------
    ConversionError
        When `entity` is no Python function, or its source is not available.
    NotImplementedError
        When it contains what cannot be converted.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.autograph.to_graph(lambda x: x if x > 0 else -x)(-3)
    3
    """
    plan = _apply("transform", entity, recursive, experimental_optional_features)
    converted: Callable[..., Any] = plan(_plain(entity))
    return converted


def to_code(
    entity: Callable[..., Any], recursive: bool = True, experimental_optional_features: Any = None
) -> str:
    """The source of what `to_graph` makes (`tf.autograph.to_code`).

    Parameters
    ----------
    entity, recursive, experimental_optional_features :
        As for `to_graph`.

    Returns
    -------
    str

    Examples
    --------
    >>> import wengert as tf
    >>> print(tf.autograph.to_code(lambda x: x if x > 0 else -x))
    lambda x: ag__.if_exp(x > 0, lambda: x, lambda: -x, 'x > 0')
    """
    text: str = _apply("to_source", entity, recursive, experimental_optional_features)
    return text


def trace(*args: Any) -> None:
    """Prints its arguments while a function is traced (`tf.autograph.trace`)."""
    print(*args)


def set_verbosity(level: int, alsologtostdout: bool = False) -> None:
    """How much AutoGraph tells of its work (`tf.autograph.set_verbosity`).

    Parameters
    ----------
    level : int
        0: only warnings; more shows which functions are converted, and from 3 on the code.
    alsologtostdout : bool
        Print to the standard output, too, besides the log.
    """
    Conversion.verbosity = int(level)
    Conversion.prints = bool(alsologtostdout)
