"""`for` of converted code: over tensors it is a loop in the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert import _core
from wengert._autograph import is_symbolic
from wengert._autograph_builtins import length
from wengert._autograph_while import INCONSISTENT, tensor_loop

__all__ = ["for_stmt"]


def for_stmt(
    iterated: Any,
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], None],
    get_state: Any,
    set_state: Any,
    names: Any,
    opts: Any,
) -> None:
    """Runs `body(x)` for all `x`, while `extra_test()` holds, which is false after a `break`."""
    if not is_symbolic(iterated):
        _for_python(iterated, extra_test, body)
        return
    loop = _over_range if _is_range(iterated) else _over_rows
    start, more, item, step = loop(iterated)
    at = [start]

    def state() -> Any:
        return (at[0], *get_state())

    def set_all(values: Any) -> None:
        at[0] = values[0]
        set_state(tuple(values[1:]))

    def test() -> Any:
        if extra_test is None:
            return more(at[0])
        from wengert._control_flow import cond

        return cond(more(at[0]), extra_test, lambda: False)

    def advance() -> None:
        body(item(at[0]))
        at[0] = step(at[0])

    target = opts.get("iterate_names", "")
    tensor_loop(test, advance, state, set_all, (target, *names), opts)


def _for_python(
    iterated: Any, extra_test: Callable[[], Any] | None, body: Callable[[Any], None]
) -> None:
    if extra_test is None:
        for x in iterated:
            body(x)
        return
    if _goes_on(extra_test):
        for x in iterated:
            body(x)
            if not _goes_on(extra_test):
                break


def _goes_on(extra_test: Callable[[], Any]) -> bool:
    more = extra_test()
    if is_symbolic(more):
        raise NotImplementedError(
            "break and return statements which depend on a TF condition are not supported in "
            f"Python for loops. Did you intend to make it a TF loop?\n{INCONSISTENT}"
        )
    return bool(more)


def _is_range(x: Any) -> bool:
    return isinstance(x, _core.SymbolicTensor) and x.op.type == "Range"


_Loop = tuple[Any, Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]


def _over_range(iterated: Any) -> _Loop:
    """Counts, without making the tensor."""
    from wengert._math_ops import logical_and, logical_or
    from wengert._v1_math import get_static_value

    start, limit, delta = iterated.op.inputs
    _trip_count(start, limit, delta)
    sign = get_static_value(delta)

    def more(i: Any) -> Any:
        if sign is not None:
            return i < limit if sign >= 0 else i > limit
        up = logical_and(delta >= 0, i < limit)
        return logical_or(up, logical_and(delta < 0, i > limit))

    return start, more, lambda i: i, lambda i: i + delta


def _trip_count(start: Any, limit: Any, delta: Any) -> Any:
    """The number of iterations: TensorFlow computes it whether or not it is used."""
    from wengert._creation import zeros_like
    from wengert._math_ops import cast, maximum, not_equal

    span = limit - start
    whole, rest = span // delta, span % delta
    count = whole + cast(not_equal(rest, zeros_like(rest)), rest.dtype)
    return maximum(count, zeros_like(count))


def _over_rows(iterated: Any) -> _Loop:
    from wengert._tensor_array import TensorArray

    count = length(iterated)
    rows = TensorArray(iterated.dtype, size=count).unstack(iterated)
    return 0, lambda i: i < count, rows.read, lambda i: i + 1
