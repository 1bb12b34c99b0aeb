"""Checks in the spelling of `tf.compat.v1`."""

from __future__ import annotations

from typing import Any

from wengert._debug import (
    assert_equal,
    assert_greater,
    assert_greater_equal,
    assert_less,
    assert_less_equal,
    assert_negative,
    assert_non_negative,
    assert_non_positive,
    assert_none_equal,
    assert_positive,
)


def _old(function: Any) -> Any:
    """As in `tf.compat.v1`: the data to show before the number of elements shown."""

    def old(
        x: Any, y: Any, data: Any = None, summarize: Any = None, message: str | None = None,
        name: str | None = None,
    ) -> Any:  # fmt: skip
        return function(x, y, message=message, summarize=summarize, name=name)

    old.__name__ = old.__qualname__ = function.__name__
    old.__doc__ = function.__doc__.split("\n")[0]
    return old


def _old_unary(function: Any) -> Any:
    def old(
        x: Any, data: Any = None, summarize: Any = None, message: str | None = None,
        name: str | None = None,
    ) -> Any:  # fmt: skip
        return function(x, message=message, summarize=summarize, name=name)

    old.__name__ = old.__qualname__ = function.__name__
    old.__doc__ = function.__doc__.split("\n")[0]
    return old


assert_equal_v1, assert_none_equal_v1 = _old(assert_equal), _old(assert_none_equal)
assert_less_v1, assert_less_equal_v1 = _old(assert_less), _old(assert_less_equal)
assert_greater_v1, assert_greater_equal_v1 = _old(assert_greater), _old(assert_greater_equal)
assert_positive_v1, assert_negative_v1 = _old_unary(assert_positive), _old_unary(assert_negative)
assert_non_negative_v1 = _old_unary(assert_non_negative)
assert_non_positive_v1 = _old_unary(assert_non_positive)
