"""AutoGraph: Python's `if`, `while` and `for` on tensors become conditionals and loops.

`malt` rewrites the source; the statements' meaning is here. A function whose source has no
control flow, or no source, runs as it is.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from wengert import _core

__all__ = ["convert"]

_CONTROL = (ast.If, ast.For, ast.While, ast.IfExp, ast.BoolOp, ast.Assert)
_needed: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()


def _symbolic(x: Any) -> bool:
    return isinstance(x, _core.Tensor) and not isinstance(x, _core.EagerTensor)


def _needs(code: types.CodeType, fn: Any) -> bool:
    """Whether the source has control flow, or calls functions that may have some."""
    known = _needed.get(code)
    if known is None:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
            known = any(isinstance(n, (*_CONTROL, ast.Not)) for n in ast.walk(tree))
        except (OSError, TypeError, SyntaxError):
            known = False
        _needed[code] = known  # before the callees: functions may call each other
        if not known:
            known = any(convertible(g) for g in _callees(code, fn))
            _needed[code] = known
    return known


def _callees(code: types.CodeType, fn: Any) -> list[Any]:
    """Functions that the code names, as globals or in its closure."""
    found = [fn.__globals__.get(name) for name in code.co_names]
    for cell in fn.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            continue
    return found


def convertible(fn: Any) -> bool:
    plain = getattr(fn, "__func__", fn)
    if not isinstance(plain, types.FunctionType) or hasattr(plain, "autograph_info__"):
        return False
    module = plain.__module__ or ""
    if module == "wengert" or module.startswith(("wengert.", "numpy", "malt.")):
        return False
    return not hasattr(plain, "__wrapped__") and _needs(plain.__code__, plain)


def convert(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its control flow made functional, or `fn` where that is not needed."""
    if not convertible(fn):
        return fn
    plain: Any = getattr(fn, "__func__", fn)
    from wengert._autograph_transform import transform

    try:
        converted: Callable[..., Any] = transform(plain)
    except Exception as e:  # what the transformer does not know runs as it is, as in TensorFlow
        warnings.warn(
            f"AutoGraph could not transform {fn!r} and will run it as-is. Cause: {e}",
            RuntimeWarning,
            stacklevel=3,
        )
        return fn
    if inspect.ismethod(fn):
        return functools.partial(converted, fn.__self__)
    return converted
