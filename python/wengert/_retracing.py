"""The warning about functions that are traced again and again."""

from __future__ import annotations

import weakref
from typing import Any

__all__ = ["note"]

_WINDOW = 10
_TRACES = 5
_MOST_WARNINGS = 2


class _Detector:
    """Calls of the functions of one place in the source, as many as came with each trace."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.warnings = 0

    def _forget(self) -> None:
        while self.calls and sum(self.calls) - self.calls[0] > _WINDOW:
            del self.calls[0]

    def traced(self, calls_before: int) -> bool:
        """Notes a call that traced, after `calls_before` that did not; whether to warn of it."""
        if self.calls:
            self.calls[-1] += calls_before
            self._forget()
        self.calls.append(1)
        self._forget()
        if len(self.calls) < _TRACES or self.warnings >= _MOST_WARNINGS:
            return False
        self.warnings += 1
        return True


_detectors: weakref.WeakKeyDictionary[Any, _Detector] = weakref.WeakKeyDictionary()


def note(function: Any, calls_before: int) -> None:
    """Warns where tracings of `function` are most of its recent calls."""
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    if code is None:
        return
    detector = _detectors.setdefault(code, _Detector())
    if not detector.traced(calls_before):
        return
    import logging

    logging.getLogger("wengert").warning(
        "%d out of the last %d calls to %r triggered tf.function retracing. Tracing is expensive. "
        "Reasons may be (1) a tf.function that is made anew in a loop: define it outside of the "
        "loop; (2) tensors of different shapes: reduce_retracing=True generalises them; (3) "
        "Python values as arguments, which are traced one by one: pass tensors.",
        len(detector.calls),
        sum(detector.calls),
        function,
    )
