"""What generated code finds under the name `ag__`."""

from __future__ import annotations

import sys
import types
from typing import Any

from wengert._autograph_branches import (
    and_,
    assert_stmt,
    eq,
    if_exp,
    if_stmt,
    not_,
    not_eq,
    or_,
)
from wengert._autograph_context import Converting
from wengert._autograph_for import for_stmt
from wengert._autograph_state import ReturnScope, Undefined, UndefinedReturnValue, ld, ldu
from wengert._autograph_while import while_stmt

__all__ = ["make"]


def make(conversion: Any) -> types.SimpleNamespace:
    """The namespace of one conversion."""
    operators = (if_stmt, while_stmt, for_stmt, if_exp, and_, or_, not_, eq, not_eq, assert_stmt,
                 ld, ldu, Undefined, UndefinedReturnValue)  # fmt: skip

    class FunctionScope:
        """Around the body of a converted function."""

        def __init__(self, name: str, *_: Any) -> None:
            self.returns = ReturnScope()
            self.contexts: list[Any] = [Converting(conversion), self.returns]
            if "NAME_SCOPES" in conversion.features:
                from wengert._graph import name_scope

                self.contexts.append(name_scope(f"fn{name}" if name.startswith("_") else name))

        def __enter__(self) -> Any:
            for context in self.contexts:
                context.__enter__()
            return self

        def __exit__(self, *error: Any) -> None:
            for context in reversed(self.contexts):
                context.__exit__(*error)

        def ret(self, value: Any, returned: Any) -> Any:
            return self.returns.result(value, returned)

    return types.SimpleNamespace(
        call=conversion.call,
        caught=lambda: sys.exc_info()[1],
        FunctionScope=FunctionScope,
        ConversionOptions=lambda **_: None,
        STD=None,
        Feature=types.SimpleNamespace(**dict.fromkeys(_FEATURES)),
        autograph_artifact=lambda function: function,
        **{o.__name__: o for o in operators},
    )


_FEATURES = (
    "ALL", "AUTO_CONTROL_DEPS", "ASSERT_STATEMENTS", "BUILTIN_FUNCTIONS", "EQUALITY_OPERATORS",
    "LISTS", "NAME_SCOPES",
)  # fmt: skip
