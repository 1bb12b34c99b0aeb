"""Variables of converted code: those without a value, and what statements check of them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from wengert import _core, _nest
from wengert._autograph import is_symbolic

__all__ = [
    "ReturnScope",
    "Undefined",
    "UndefinedReturnValue",
    "any_symbolic",
    "check_condition",
    "condition",
    "dtype_of",
    "filling_returns",
    "fills_returns",
    "ld",
    "ldu",
    "note_return_in_loop",
    "scratch_graph",
    "stands",
    "to_tensor",
    "zero_like",
]


class Undefined:
    """The value of a variable that has none yet."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, _: str) -> Any:
        return self

    def __getitem__(self, _: Any) -> Any:
        return self

    def __repr__(self) -> str:
        return self.name


class UndefinedReturnValue:
    """The result of a function that has not returned."""


def ld(value: Any) -> Any:
    """Reads a variable."""
    if type(value) is Undefined:
        raise UnboundLocalError(f"'{value.name}' is used before assignment")
    return value


def ldu(read: Callable[[], Any], name: str) -> Any:
    """Reads an attribute or an item, which may not be there."""
    try:
        return read()
    except (KeyError, AttributeError, NameError):
        return Undefined(name)


def stands(value: Any) -> bool:
    """Whether a variable has a value."""
    return not isinstance(value, (Undefined, UndefinedReturnValue))


def condition(value: Any, statement: str) -> Any:
    """The scalar condition of an `if` or a loop."""
    check_condition(value, statement)
    tensor = value.read_value() if getattr(value, "_is_variable", False) else value
    if tensor.shape.rank == 0:
        return tensor
    from wengert._array_ops import reshape

    return reshape(tensor, ())


def check_condition(value: Any, statement: str) -> None:
    """Raises when a tensor has certainly no truth value."""
    rank = value.shape.rank
    single = rank is None or value.shape.num_elements() in (None, 1)
    if value.dtype.name != "bool" or not single:
        cast = "" if value.dtype.name == "bool" else "; to use as boolean Tensor, use `tf.cast`"
        raise ValueError(
            f"condition of {statement} expected to be `tf.bool` scalar, got {value}{cast}; to "
            "check for None, use `is not None`"
        )


def to_tensor(value: Any) -> Any:
    """A leaf of a variable of a loop or a branch, as a tensor."""
    if hasattr(value, "dtype") and not getattr(value, "_is_variable", False):
        return value
    try:
        return _core.convert(value)
    except (TypeError, ValueError):
        if isinstance(value, (bool, int, float, complex, str, bytes)):
            raise
        raise TypeError(
            f"Failed to convert elements of {value} to Tensor. Consider casting elements to a "
            "supported type. See https://www.tensorflow.org/api_docs/python/tf/dtypes for "
            "supported TF dtypes."
        ) from None


def dtype_of(value: Any) -> Any:
    """The dtype that a leaf has, or gets when it becomes a tensor."""
    return value.dtype if hasattr(value, "dtype") else to_tensor(value).dtype


def any_symbolic(*values: Any) -> bool:
    return any(is_symbolic(v) for v in values)


@contextlib.contextmanager
def scratch_graph() -> Iterator[Any]:
    """A graph for what is only tried out."""
    from wengert._control_tracing import BranchGraph

    graph = BranchGraph("scratch")
    _core.push_graph(graph)
    try:
        yield graph
    finally:
        _core.pop_graph()


def zero_like(value: Any) -> Any:
    """A value of the same dtype and rank, to begin with."""
    from wengert._creation import zeros

    if isinstance(value, _core.Tensor):
        dims = () if value.shape.rank is None else [d or 0 for d in value.shape.as_list()]
        return zeros(dims, value.dtype)
    if isinstance(value, (bool, int, float)):
        return type(value)(0)
    raise TypeError(
        f"Found an unsupported type '{type(value).__name__}' while creating placeholder for "
        f"{value}. Supported types include Tensor, int, float, bool, list, tuple or dict."
    )


# --- return inside loops ------------------------------------------------------------------------

_state = threading.local()


@contextlib.contextmanager
def filling_returns() -> Iterator[None]:
    """While a body is tried out: a branch that does not return gets a value all the same.

    So it is seen what the other branch returns. In the loop itself there is a value to start from.
    """
    before = fills_returns()
    _state.fills = True
    try:
        yield
    finally:
        _state.fills = before


def fills_returns() -> bool:
    return getattr(_state, "fills", False)


class ReturnScope:
    """Of a converted function: whether a loop may have left it without a value to return."""

    def __init__(self) -> None:
        self.in_loop = False

    def __enter__(self) -> None:
        self.around = getattr(_state, "scope", None)
        _state.scope = self

    def __exit__(self, *_: object) -> None:
        _state.scope = self.around

    def result(self, value: Any, returned: Any) -> Any:
        """What the function returns; `returned`: whether it came to a `return`."""
        if isinstance(value, UndefinedReturnValue):
            return None
        if not self.in_loop or not is_symbolic(returned):
            return value
        from wengert._case import Assert
        from wengert._graph import control_dependencies

        text = "a function that returns inside a loop must return a value in the end, too"
        with control_dependencies([Assert(returned, [text])]):
            return _nest.map_structure(
                lambda v: _core.apply("Identity", (to_tensor(v),)) if _can_wait(v) else v, value
            )


def _can_wait(value: Any) -> bool:
    return isinstance(value, (_core.Tensor, bool, int, float))


def note_return_in_loop() -> None:
    scope = getattr(_state, "scope", None)
    if scope is not None:
        scope.in_loop = True
