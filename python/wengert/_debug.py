"""Checks of values (`tf.debugging`, `tf.Assert`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _control, _core, errors
from wengert import _dtypes as dtypes
from wengert._array_ops import check_numerics as _check_numerics
from wengert._case import Assert
from wengert._graph import control_dependencies, name_scope_v1

apply = _core.apply
convert = _core.convert


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """`tensor`; an error when it runs and an element is NaN or infinite.

    Raises
    ------
    InvalidArgumentError

    Examples
    --------
    >>> import wengert as tf
    >>> tf.debugging.check_numerics(tf.constant([1.0]), "bad").numpy().tolist()
    [1.0]
    """
    return _check_numerics(tensor, message, name)


def _value(x: Any) -> Any:
    return x.numpy()


def static_value(x: Any) -> Any:
    if isinstance(x, _core.Tensor):
        return _value(x) if _core.current_graph() is None else _core.static_value(x)
    return np.asarray(x)


def name_of(x: Any) -> str:
    return "Tensor" if _core.current_graph() is None else str(x.name)


def _shown(x: Any, label: str) -> list[Any]:
    return [f"{label} ({name_of(x)}) = ", x]


class _Claim:
    """A comparison of two tensors, and the words for it."""

    def __init__(self, op: str, sign: str, holds: Any) -> None:
        self.op, self.sign, self.holds = op, sign, holds


_EQUAL = _Claim("Equal", "==", np.equal)
_LESS = _Claim("Less", "<", np.less)
_LESS_EQUAL = _Claim("LessEqual", "<=", np.less_equal)
_GREATER = _Claim("Greater", ">", np.greater)
_GREATER_EQUAL = _Claim("GreaterEqual", ">=", np.greater_equal)
_NONE_EQUAL = _Claim("NotEqual", "!=", np.not_equal)


def _compare(
    claim: _Claim, default: str, x: Any, y: Any, message: str | None, summarize: Any,
    name: str | None, data: Any = None,
) -> Any:  # fmt: skip
    with name_scope_v1(name, default):
        x, y = convert(x, None, "x"), convert(y, None, "y")
        x_value, y_value = static_value(x), static_value(y)
        if x_value is not None and y_value is not None:
            try:
                held = claim.holds(x_value, y_value)
            except ValueError:
                held = np.asarray(False)
            if np.all(held):
                return done()
            _refuse(claim, x_value, y_value, np.asarray(held), message, summarize)
        if data is None:
            data = [] if not message else [message]
            data = [
                *data,
                f"Condition x {claim.sign} y did not hold element-wise:",
                *_shown(x, "x"),
                *_shown(y, "y"),
            ]
        condition = _all(apply(claim.op, (x, y)))
        return Assert(condition, data, summarize)


def _all(x: Any) -> Any:
    from wengert._math_reduce import reduce_all

    return reduce_all(x)


def done() -> Any:
    if _core.current_graph() is None:
        return None
    return _control.no_op(name="static_checks_determined_all_ok")


def _refuse(claim: _Claim, x: Any, y: Any, held: Any, message: str | None, summarize: Any) -> None:
    lines = [message or "", f"Condition x {claim.sign} y did not hold."]
    if held.ndim and held.size:
        most = 3 if summarize is None else summarize
        where = np.argwhere(~held)[: None if most < 0 else most]
        lines.append(f"Indices of first {len(where)} different values:\n{where}")
        for label, value in (("x", x), ("y", y)):
            wide = np.broadcast_to(value, held.shape)
            found = [wide[tuple(at)] for at in where]
            lines.append(f"Corresponding {label} values:\n{np.asarray(found)}")
    lines.append(f"First 3 elements of x:\n{np.ravel(x)[:3]}")
    lines.append(f"First 3 elements of y:\n{np.ravel(y)[:3]}")
    raise errors.InvalidArgumentError(None, None, "\n".join(lines))


def assert_equal(x: Any, y: Any, message: str | None = None, summarize: int | None = None,
                 name: str | None = None) -> Any:  # fmt: skip
    """An error unless x == y element-wise (`tf.debugging.assert_equal`).

    Parameters
    ----------
    x, y : Tensor
    message : str, optional
        Put before the values.
    summarize : int, optional
        How many elements the message shows.

    Returns
    -------
    Operation or None
        In a graph the operation that must run, eagerly None.

    Raises
    ------
    InvalidArgumentError

    Examples
    --------
    >>> import wengert as tf
    >>> tf.debugging.assert_equal([1, 2], [1, 2])
    """
    return _compare(_EQUAL, "assert_equal", x, y, message, summarize, name)


def assert_none_equal(x: Any, y: Any, summarize: int | None = None, message: str | None = None,
                      name: str | None = None) -> Any:  # fmt: skip
    """An error unless x != y for all elements."""
    return _compare(_NONE_EQUAL, "assert_none_equal", x, y, message, summarize, name)


def assert_less(x: Any, y: Any, message: str | None = None, summarize: int | None = None,
                name: str | None = None) -> Any:  # fmt: skip
    """An error unless x < y element-wise."""
    return _compare(_LESS, "assert_less", x, y, message, summarize, name)


def assert_less_equal(x: Any, y: Any, message: str | None = None, summarize: int | None = None,
                      name: str | None = None) -> Any:  # fmt: skip
    """An error unless x <= y element-wise."""
    return _compare(_LESS_EQUAL, "assert_less_equal", x, y, message, summarize, name)


def assert_greater(x: Any, y: Any, message: str | None = None, summarize: int | None = None,
                   name: str | None = None) -> Any:  # fmt: skip
    """An error unless x > y element-wise."""
    return _compare(_GREATER, "assert_greater", x, y, message, summarize, name)


def assert_greater_equal(x: Any, y: Any, message: str | None = None, summarize: int | None = None,
                         name: str | None = None) -> Any:  # fmt: skip
    """An error unless x >= y element-wise."""
    return _compare(_GREATER_EQUAL, "assert_greater_equal", x, y, message, summarize, name)


def _against_zero(
    claim: _Claim, default: str, inner: str, sign: str, zero_first: bool, x: Any,
    message: str | None, summarize: Any, name: str | None,
) -> Any:  # fmt: skip
    with name_scope_v1(name, default):
        x = convert(x, None, "x")
        zero = _core.constant(0, x.dtype)
        data = [message or "", f"Condition x {sign} 0 did not hold element-wise:", *_shown(x, "x")]
        pair = (zero, x) if zero_first else (x, zero)
        return _compare(claim, inner, *pair, message, summarize, None, data)


def assert_positive(x: Any, message: str | None = None, summarize: int | None = None,
                    name: str | None = None) -> Any:  # fmt: skip
    """An error unless all elements are > 0."""
    return _against_zero(
        _LESS, "assert_positive", "assert_less", ">", True, x, message, summarize, name
    )


def assert_negative(x: Any, message: str | None = None, summarize: int | None = None,
                    name: str | None = None) -> Any:  # fmt: skip
    """An error unless all elements are < 0."""
    return _against_zero(
        _LESS, "assert_negative", "assert_less", "<", False, x, message, summarize, name
    )


def assert_non_negative(x: Any, message: str | None = None, summarize: int | None = None,
                        name: str | None = None) -> Any:  # fmt: skip
    """An error unless all elements are >= 0."""
    return _against_zero(
        _LESS_EQUAL, "assert_non_negative", "assert_less_equal", ">=", True, x, message, summarize,
        name,
    )  # fmt: skip


def assert_non_positive(x: Any, message: str | None = None, summarize: int | None = None,
                        name: str | None = None) -> Any:  # fmt: skip
    """An error unless all elements are <= 0."""
    return _against_zero(
        _LESS_EQUAL, "assert_non_positive", "assert_less_equal", "<=", False, x, message,
        summarize, name,
    )  # fmt: skip


def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, message: str | None = None,
    summarize: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """An error unless |x - y| < atol + rtol |y| element-wise; both are 10 epsilons by default."""
    from wengert._math_ops import abs as absolute

    with name_scope_v1(name, "assert_near"):
        x = convert(x, None, "x")
        y = convert(y, x.dtype, "y")
        wanted = dtypes.as_dtype(np.empty(0, x.dtype.as_numpy_dtype).real.dtype)
        tolerance = 10.0 * float(np.finfo(wanted.as_numpy_dtype).eps)
        rtol = convert(tolerance if rtol is None else rtol, wanted, "rtol")
        atol = convert(tolerance if atol is None else atol, wanted, "atol")
        most = atol + rtol * absolute(y)
        near = apply("Less", (absolute(x - y), most))
        data = [message or "", "x and y not equal to tolerance", *_shown(x, "x"), *_shown(y, "y")]
        return Assert(_all(near), data, summarize)


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Any:
    """`x`; an error when it runs and an element is NaN or infinite."""
    with name_scope_v1(name, "VerifyFinite"):
        x = convert(x, None, "x")
        checked = _check_numerics(x, message)
        if _core.current_graph() is None:
            return x
        with control_dependencies([checked.op]):
            return apply("Identity", (x,), None, "control_dependency")
