"""Options of variables that several devices share."""

from __future__ import annotations

import enum
from typing import Any

__all__ = ["VariableAggregation", "VariableSynchronization", "checked"]


class VariableSynchronization(enum.Enum):
    """When copies of a variable agree (`tf.VariableSynchronization`). There is one copy here."""

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


class VariableAggregation(enum.Enum):
    """How updates of the copies of a variable are combined (`tf.VariableAggregation`). There is
    one copy here."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


def checked(kind: Any, value: Any, what: str) -> Any:
    """`value` as a member of the enumeration `kind`; None is its first one."""
    if value is None:
        return next(iter(kind))
    if not isinstance(value, kind):
        raise ValueError(f"Invalid variable {what} mode: {value} for variable: None")
    return value
