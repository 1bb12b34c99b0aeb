"""What AutoGraph's statements mean: Python's own on Python values, graph ops on tensors."""

from __future__ import annotations

from typing import Any

from malt import operators
from malt.operators.variables import Undefined, UndefinedReturnValue

from wengert import _core
from wengert._autograph import _symbolic, convert

__all__ = ["and_", "converted_call", "for_stmt", "if_exp", "if_stmt", "not_", "or_", "while_stmt"]


def _undefined(x: Any) -> bool:
    return isinstance(x, (Undefined, UndefinedReturnValue))


def converted_call(f: Any, args: Any, kwargs: Any, *_: Any, **__: Any) -> Any:
    return convert(f)(*args, **(kwargs or {}))


def if_stmt(
    cond: Any, body: Any, orelse: Any, get_state: Any, set_state: Any, names: Any, nouts: int
) -> None:
    if not _symbolic(cond):
        operators.if_stmt(cond, body, orelse, get_state, set_state, names, nouts)
        return
    from wengert._control_flow import cond as tf_cond

    start = get_state()

    def branch(run: Any, which: str) -> Any:
        def traced() -> list[Any]:
            set_state(start)
            run()
            out = get_state()[:nouts]
            for name, value in zip(names, out, strict=False):
                if _undefined(value):
                    raise ValueError(f"'{name}' must also be initialized in the {which} branch")
            return [_core.convert(v) for v in out]

        return traced

    result = tf_cond(cond, branch(body, "main"), branch(orelse, "else"))
    set_state((*result, *start[nouts:]))


def while_stmt(test: Any, body: Any, get_state: Any, set_state: Any, names: Any, opts: Any) -> None:
    start = get_state()
    first = test()
    if not _symbolic(first):
        while first:
            body()
            first = test()
        return
    _loop(test, body, get_state, set_state, start, opts)


def _loop(test: Any, body: Any, get_state: Any, set_state: Any, start: Any, opts: Any) -> None:
    from wengert._while import while_loop

    kept = [i for i, v in enumerate(start) if not _undefined(v)]

    def put(values: Any) -> None:
        state = list(start)
        for i, v in zip(kept, values, strict=True):
            state[i] = v
        set_state(tuple(state))

    def loop_test(*values: Any) -> Any:
        put(values)
        return test()

    def loop_body(*values: Any) -> list[Any]:
        put(values)
        body()
        state = get_state()
        return [state[i] for i in kept]

    result = while_loop(
        loop_test,
        loop_body,
        [_core.convert(start[i]) for i in kept],
        maximum_iterations=opts.get("maximum_iterations"),
    )
    put(result)


def for_stmt(
    iter_: Any, extra_test: Any, body: Any, get_state: Any, set_state: Any, names: Any, opts: Any
) -> None:
    if not _symbolic(iter_):
        operators.for_stmt(iter_, extra_test, body, get_state, set_state, names, opts)
        return
    import wengert as tf

    count = tf.shape(iter_)[0]
    at: list[Any] = [tf.constant(0)]

    def state() -> Any:
        return (at[0], *get_state())

    def set_all(values: Any) -> None:
        at[0] = values[0]
        set_state(tuple(values[1:]))

    def test() -> Any:
        more = at[0] < count
        return more if extra_test is None else and_(lambda: more, extra_test)

    def step() -> None:
        body(tf.gather(iter_, at[0]))
        at[0] = at[0] + 1

    _loop(test, step, state, set_all, state(), opts)


def if_exp(cond: Any, if_true: Any, if_false: Any, text: str) -> Any:
    if not _symbolic(cond):
        return if_true() if cond else if_false()
    from wengert._control_flow import cond as tf_cond

    return tf_cond(cond, if_true, if_false)


def and_(a: Any, b: Any) -> Any:
    left = a()
    return if_exp(left, b, lambda: left, "") if _symbolic(left) else left and b()


def or_(a: Any, b: Any) -> Any:
    left = a()
    return if_exp(left, lambda: left, b, "") if _symbolic(left) else left or b()


def not_(a: Any) -> Any:
    import wengert as tf

    return tf.logical_not(a) if _symbolic(a) else not a
