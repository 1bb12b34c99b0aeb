"""Whether the function that is running was converted by AutoGraph."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Converting", "current", "unconverted"]

_state = threading.local()


def current() -> Any:
    """The conversion (`_autograph.Conversion`) of the running function; None: not converted."""
    return getattr(_state, "conversion", None)


class Converting:
    """Sets what `current` gives, within a `with` block."""

    __slots__ = ("after", "before")

    def __init__(self, conversion: Any) -> None:
        self.after = conversion

    def __enter__(self) -> None:
        self.before = current()
        _state.conversion = self.after

    def __exit__(self, *_: object) -> None:
        _state.conversion = self.before


def unconverted(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is, with all that it calls."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with Converting(None):
            return function(*args, **kwargs)

    return run
