"""Memory budgets as the core takes them."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["budget_options", "checked_budget"]


def checked_budget(value: Any) -> int:
    """A number of bytes.

    Raises
    ------
    TypeError, ValueError
        When it is no positive integer.
    """
    try:
        budget = operator.index(value)
    except TypeError:
        raise TypeError(
            f"a memory budget is a number of bytes (an integer), got {value!r}"
        ) from None
    if isinstance(value, bool) or not 0 < budget < 2**63:
        raise ValueError(f"a memory budget is a positive number of bytes, got {value!r}")
    return budget


def budget_options(value: Any, options: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """Options of an executable, with the budget where there is one."""
    if value is None:
        return options
    return {**(options or {}), "memory_budget": checked_budget(value)}
