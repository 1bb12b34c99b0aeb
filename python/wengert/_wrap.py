"""Functions made from the op registry: one op, TensorFlow's argument names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from wengert import _core

__all__ = ["op_function"]


def op_function(
    op_type: str,
    public_name: str,
    parameters: str = "x",
    scope: str | None = None,
    attrs: dict[str, Any] | None = None,
) -> Callable[..., Any]:
    """A Python function that applies one op.

    Parameters
    ----------
    op_type : str
    public_name : str
    parameters : str
        Space-separated names of the tensor arguments, in the op's order.
    scope : str, optional
        Name scope opened around the op, as some of TensorFlow's wrappers do.
    attrs : dict, optional
        Fixed attributes.
    """
    names = parameters.split()
    n = len(names)
    apply = _core.apply
    if scope is None and n == 1:

        def function(x: Any, name: str | None = None) -> Any:
            return apply(op_type, (x,), attrs, name)

    elif scope is None and n == 2:

        def function(x: Any, y: Any, name: str | None = None) -> Any:  # type: ignore[misc]
            return apply(op_type, (x, y), attrs, name)

    else:

        def function(*args: Any) -> Any:  # type: ignore[misc]
            *values, name = args
            if scope is None:
                return apply(op_type, tuple(values), attrs, name)
            graph = _core.current_graph()
            if graph is None:
                return apply(op_type, tuple(values), attrs, None)
            with graph.name_scope(name or scope):
                return apply(op_type, tuple(values), attrs, None)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [inspect.Parameter(p, kind) for p in names]
        + [inspect.Parameter("name", kind, default=None)]
    )
    if scope is None and names in (["x"], ["x", "y"]):
        result = function
    else:
        inner = function

        def result(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return inner(*bound.arguments.values())

    result.__signature__ = signature  # type: ignore[attr-defined]
    result.__name__ = result.__qualname__ = public_name
    result.__module__ = "wengert"
    result.__doc__ = _doc(op_type)
    return result


def _doc(op_type: str) -> str:
    try:
        summary = str(_core.op_info(op_type)["summary"])
    except KeyError:
        summary = op_type
    return f"{summary}.\n\nApplies the op {op_type}.\n"
