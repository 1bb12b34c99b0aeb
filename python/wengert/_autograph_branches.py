"""Conditionals of converted code: Python's own on Python values, graph ops on tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core, _nest
from wengert._autograph import is_symbolic
from wengert._autograph_state import (
    Undefined,
    UndefinedReturnValue,
    any_symbolic,
    check_condition,
    condition,
    dtype_of,
    fills_returns,
    scratch_graph,
    stands,
    zero_like,
)

__all__ = ["and_", "assert_stmt", "eq", "if_exp", "if_stmt", "not_", "not_eq", "or_"]

_BRANCHES = ("main", "else")


def if_stmt(
    cond: Any, body: Any, orelse: Any, get_state: Any, set_state: Any, names: Any, nouts: int
) -> None:
    """Runs `body` or `orelse`, which change the variables `names`; the first `nouts` matter."""
    if not is_symbolic(cond):
        if cond:
            body()
        else:
            orelse()
        return
    from wengert._control_flow import cond as tf_cond

    before = get_state()
    names = names[:nouts]
    results: list[Any] = []
    fill = _returns((body, orelse), get_state, set_state, before, names) if fills_returns() else {}

    def branch(run: Callable[[], None]) -> Callable[[], Any]:
        def traced() -> Any:
            set_state(before)
            run()
            values = tuple(
                fill.get(i, v) if isinstance(v, UndefinedReturnValue) else v
                for i, v in enumerate(get_state()[:nouts])
            )
            which = _BRANCHES[len(results)]
            _check_defined(values, names, which)
            values = _tensors(values, which)
            results.append(values)
            if len(results) == 2:
                for name, main, other in zip(names, *results, strict=True):
                    _check_alike(name, main, other)
            return values

        return traced

    after = tf_cond(condition(cond, "if statement"), branch(body), branch(orelse))
    set_state((*after, *before[nouts:]))


def _returns(branches: Any, get_state: Any, set_state: Any, before: Any, names: Any) -> Any:
    """What a branch returns, as zeros, by number of the variable; see `filling_returns`."""
    open_ = [i for i, v in enumerate(before) if isinstance(v, UndefinedReturnValue)]
    found: dict[int, Any] = {}
    for which, run in zip(_BRANCHES, branches if open_ else (), strict=False):
        with scratch_graph():
            set_state(before)
            run()
            after = get_state()
        found.update({i: after[i] for i in open_ if stands(after[i])})
        for i in open_:
            if after[i] is None:
                raise ValueError(f"'{names[i]}' is None at the end of the {which} branch.")
    return {i: _nest.map_structure(zero_like, v) for i, v in found.items()}


def _check_defined(values: Any, names: Any, which: str) -> None:
    for name, value in zip(names, values, strict=True):
        if isinstance(value, UndefinedReturnValue):
            raise ValueError(f"the {which} branch must also have a return statement.")
        if isinstance(value, Undefined):
            raise ValueError(f"'{name}' must also be initialized in the {which} branch")


def _check_alike(name: str, main: Any, other: Any) -> None:
    for which, value in zip(_BRANCHES, (main, other), strict=True):
        if value is None:
            raise ValueError(f"'{name}' is None at the end of the {which} branch.")
    try:
        _nest.assert_same_structure(main, other)
    except (TypeError, ValueError) as e:
        raise TypeError(
            f"'{name}' must have the same nested structure in the main and else branches:\n\n{e}"
        ) from None
    for a, b in zip(_nest.flatten(main), _nest.flatten(other), strict=True):
        _check_dtypes(name, a, b)


def _check_dtypes(name: str, main: Any, other: Any) -> None:
    first, second = dtype_of(main), dtype_of(other)
    if first != second:
        raise TypeError(
            f"'{name}' has dtype {first.name} in the main branch, but dtype {second.name} in the "
            "else branch"
        )


def _tensors(values: Any, which: str) -> Any:
    try:
        return _nest.map_structure(_tensor, values)
    except TypeError as e:
        raise TypeError(
            "To be compatible with tf.function, Python functions must return zero or more Tensors "
            f"or ExtensionTypes or None values; in compilation of the {which} branch, found "
            f"return value of type {e}, which is not a Tensor or ExtensionType."
        ) from None


def _tensor(value: Any) -> Any:
    """A value that the branch can hand out; it becomes a tensor then."""
    plain = (bool, int, float, complex, str, bytes, type(None), np.ndarray, np.generic)
    if hasattr(value, "dtype") or isinstance(value, plain):
        return value
    try:
        return _core.convert(value)
    except (TypeError, ValueError):
        raise TypeError(type(value).__name__) from None


def if_exp(cond: Any, if_true: Any, if_false: Any, text: str) -> Any:
    """`if_true() if cond else if_false()`; `text` is the source of the condition."""
    if not is_symbolic(cond):
        return if_true() if cond else if_false()
    from wengert._control_flow import cond as tf_cond

    check_condition(cond, "conditional expression")
    results: list[Any] = []

    def branch(run: Callable[[], Any]) -> Callable[[], Any]:
        def traced() -> Any:
            value = run()
            if value is None:
                which = _BRANCHES[len(results)]
                raise ValueError(f"'{text}' is None at the end of the {which} branch.")
            results.append(value)
            if len(results) == 2 and not any(_nest.is_nested(r) for r in results):
                _check_dtypes(text, *results)
            return value

        return traced

    return tf_cond(cond, branch(if_true), branch(if_false))


def and_(a: Callable[[], Any], b: Callable[[], Any]) -> Any:
    """`a() and b()`."""
    left = a()
    if not is_symbolic(left):
        return left and b()
    from wengert._control_flow import cond as tf_cond

    check_condition(left, "`and`")
    return tf_cond(left, b, lambda: left)


def or_(a: Callable[[], Any], b: Callable[[], Any]) -> Any:
    """`a() or b()`."""
    left = a()
    if not is_symbolic(left):
        return left or b()
    from wengert._control_flow import cond as tf_cond

    check_condition(left, "`or`")
    return tf_cond(left, lambda: left, b)


def not_(a: Any) -> Any:
    """`not a`."""
    if not is_symbolic(a):
        return not a
    from wengert._math_ops import logical_not

    return logical_not(a)


def eq(a: Any, b: Any) -> Any:
    """`a == b`."""
    if not any_symbolic(a, b):
        return a == b
    from wengert._math_ops import equal

    return equal(a, b)


def not_eq(a: Any, b: Any) -> Any:
    """`a != b`."""
    return not_(eq(a, b))


def assert_stmt(holds: Any, message: Callable[[], Any]) -> Any:
    """`assert holds, message()`."""
    if not is_symbolic(holds):
        assert holds, message()
        return None
    from wengert._case import Assert

    return Assert(holds, [message()])
