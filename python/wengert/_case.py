"""`tf.case` and `tf.Assert`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core
from wengert._control_flow import cond, cond_v1
from wengert._graph import control_dependencies, name_scope_v1

__all__ = ["Assert", "case", "case_v1"]


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """The results of the first function whose predicate holds (`tf.case`).

    Parameters
    ----------
    pred_fn_pairs : list of (scalar bool tensor, callable)
    default : callable, optional
        When none holds; without it that is an InvalidArgumentError.
    exclusive : bool
        More than one predicate that holds is an InvalidArgumentError.

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.constant(2.0)
    >>> pairs = [(x > 3.0, lambda: x), (x > 1.0, lambda: x * 10.0)]
    >>> tf.case(pairs, default=lambda: -x).numpy().item()
    20.0
    """
    return _case(cond, pred_fn_pairs, default, exclusive, name)


def case_v1(
    pred_fn_pairs: Any,
    default: Any = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """As `case` (`tf.compat.v1.case`)."""
    return _case(functools.partial(cond_v1, strict=strict), pred_fn_pairs, default, exclusive, name)


def _case(choose: Any, pairs: Any, default: Any, exclusive: bool, name: str) -> Any:
    predicates, actions = _predicates_and_actions(pairs)
    with name_scope_v1(name, "case"):
        if default is None:
            default, predicates, actions = _default_action(predicates, actions)
        elif not callable(default):
            raise TypeError("'default' must be callable.")
        check = None
        if exclusive:
            check = _assert_at_most(predicates, 1, "Input error: exclusive=True")
        fn = default
        for predicate, action in reversed(list(zip(predicates, actions, strict=True))):
            fn = functools.partial(choose, predicate, true_fn=action, false_fn=fn)
        with control_dependencies([] if check is None else [check]):
            return fn()


def _predicates_and_actions(pairs: Any) -> tuple[list[Any], list[Any]]:
    if isinstance(pairs, dict):
        pairs = [(k.deref() if hasattr(k, "deref") else k, v) for k, v in pairs.items()]
    if not isinstance(pairs, (list, tuple)):
        raise TypeError("'pred_fn_pairs' must be one of list, dict, or tuple.")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"Each entry in 'pred_fn_pairs' must be a 2-tuple. Received {pair}.")
        pred, fn = pair
        if not isinstance(pred, _core.Tensor):
            raise TypeError(f"pred must be a Tensor, got: {pred}")
        if pred.dtype.name != "bool":
            raise TypeError(f"pred must be a Tensor of type bool: {pred}")
        if not callable(fn):
            raise TypeError(f"fn for pred {getattr(pred, 'name', pred)} must be callable.")
    predicates, actions = zip(*pairs, strict=True)
    return list(predicates), list(actions)


def _text(predicates: list[Any]) -> str:
    eager = _core.current_graph() is None
    return ", ".join("?" if eager else p.name for p in predicates)


def _assert_at_most(predicates: list[Any], n: int, message: str) -> Any:
    from wengert import _creation, _math_ops, _math_reduce
    from wengert._array_ops import stack

    stacked = (
        stack(predicates, name="preds_c")
        if predicates
        else _creation.constant([], dtype="bool", name="preds_c")
    )
    count = _math_reduce.reduce_sum(_math_ops.cast(stacked, "int32"), name="num_true_conds")
    condition = _math_ops.less_equal(count, _creation.constant(n, name="n_true_conds"))
    text = f"{message}: more than {n} conditions ({_text(predicates)}) evaluated as True:"
    return Assert(condition, [text, stacked], summarize=len(predicates))


def _default_action(predicates: list[Any], actions: list[Any]) -> Any:
    from wengert._array_ops import stack

    last, action = predicates[-1], actions[-1]
    others = predicates[:-1]
    message = "Input error: None of conditions evaluated as True:"
    data = [message, stack(predicates, name="preds_c")]

    def default() -> Any:
        checks = [_assert_at_most(others, 0, message), Assert(last, data)]
        with control_dependencies(checks):
            return action()

    return default, others, actions[:-1]


# --- Assert -----------------------------------------------------------------------------------


def Assert(condition: Any, data: Any, summarize: int | None = None, name: str | None = None) -> Any:
    """Raises InvalidArgumentError with `data` unless `condition` holds (`tf.Assert`).

    Parameters
    ----------
    condition : scalar bool tensor
    data : list of tensors
        Shown in the message, `summarize` elements of each (3 when None).

    Returns
    -------
    Operation or None
        None in eager mode.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.Assert(tf.constant(True), [tf.constant(1)])
    """
    if _core.current_graph() is None:
        if condition:
            return None
        from wengert.errors import InvalidArgumentError

        shown = "\n".join(_summary(_core.convert(x), summarize or 3) for x in data)
        raise InvalidArgumentError(
            None, None, f"Expected '{condition}' to be true. Summarized data: {shown}"
        )
    with name_scope_v1(name, "Assert"):
        tensors = [_core.convert(x) for x in data]
        attrs = {"T": [t.dtype for t in tensors], "summarize": summarize or 3}
        if all(t.dtype.name in ("string", "int32") for t in tensors):
            return _core.apply("Assert", (condition, list(data)), attrs, "Assert")
        condition = _core.convert(condition)

        def failing() -> Any:
            return _core.apply("Assert", (condition, tensors), attrs, "Assert")

        def fine() -> Any:
            return _core.apply("NoOp", ())

        return cond(condition, fine, failing, name="AssertGuard").op


def _summary(tensor: Any, count: int) -> str:
    flat = np.asarray(tensor.numpy(), dtype=object).reshape(-1)
    text = " ".join(str(v) for v in flat[:count])
    return text + (" ..." if flat.size > count else "")
