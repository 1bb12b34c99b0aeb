"""Variables of converted code: those without a value, and what statements check of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from wengert import _core
from wengert._autograph import is_symbolic

__all__ = [
    "Undefined",
    "UndefinedReturnValue",
    "any_symbolic",
    "check_condition",
    "condition",
    "dtype_of",
    "ld",
    "ldu",
    "scratch_graph",
    "stands",
    "to_tensor",
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
