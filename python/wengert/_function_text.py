"""What a traced function takes and gives, as text."""

from __future__ import annotations

import collections.abc
import inspect
import weakref
from typing import Any

from wengert import _core
from wengert._dtypes import DType
from wengert._indexed_slices import IndexedSlices
from wengert._tensor_shape import TensorShape
from wengert._tensor_spec import TensorSpec

__all__ = ["Described", "argument_type", "call_type", "describe", "type_text"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None), DType, TensorSpec, TensorShape)


class Described:
    """Stands for an argument that a trace must not keep alive."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def argument_type(leaf: Any) -> Any:
    """What is kept of a Python value that a function was traced with."""
    if isinstance(leaf, _PLAIN):
        return leaf
    if getattr(leaf, "_is_variable", False):
        return Described(
            f"VariableSpec(shape={leaf.shape}, dtype={leaf.dtype!r}, trainable={leaf.trainable}, "
            "alias_id=0)"
        )
    try:
        return Described(f"Weakref[{weakref.ref(leaf)!r}]")
    except TypeError:
        return Described(f"Literal[{leaf!r}]")


def _slices_text(x: IndexedSlices) -> str:
    shape = x.dense_shape
    index = x.indices.dtype
    rows = x.values.shape
    whole = TensorShape(None if rows.rank is None else [None, *rows.as_list()[1:]])
    return (
        f"IndexedSlicesSpec({whole!r}, {x.dtype!r}, {index!r}, "
        f"{None if shape is None else shape.dtype!r}, {x.indices.shape!r})"
    )


def type_text(x: Any) -> str:
    """The type of a structure of specs, tensors and Python values."""
    if isinstance(x, _core.Tensor):
        return repr(TensorSpec(x.shape, x.dtype))
    if isinstance(x, TensorSpec):
        return repr(x)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return f"{type(x).__name__}[{_items(zip(x._fields, x, strict=True))}]"
    if isinstance(x, collections.abc.Mapping):
        return f"Dict[{_items(x.items())}]"
    if isinstance(x, (list, tuple)):
        kind = "List" if isinstance(x, list) else "Tuple"
        return f"{kind}[{', '.join(type_text(item) for item in x)}]"
    if isinstance(x, IndexedSlices):
        return _slices_text(x)
    if isinstance(x, Described):
        return x.text
    return f"Literal[{x!r}]"


def _items(pairs: Any) -> str:
    return ", ".join(f"[{key!r}, {type_text(value)}]" for key, value in pairs)


def call_type(parameters: list[Any], outputs: Any) -> str:
    """`(x: TensorSpec(...), *, flag: Literal[True]) -> TensorSpec(...)`."""
    parts: list[str] = []
    kinds = [kind for _, kind, _ in parameters]
    for i, (name, kind, value) in enumerate(parameters):
        if kind is inspect.Parameter.KEYWORD_ONLY and kind not in kinds[:i]:
            parts.append("*")
        parts.append(f"{name}: {type_text(value)}")
        last = i + 1 == len(kinds) or kinds[i + 1] is not kind
        if kind is inspect.Parameter.POSITIONAL_ONLY and last:
            parts.append("/")
    return f"({', '.join(parts)}) -> {type_text(outputs)}"


def describe(parameters: list[Any], outputs: Any, captures: list[Any]) -> str:
    """Parameters, results and captures, a line each."""
    lines = ["Input Parameters:"]
    lines += [f"  {name} ({kind.name}): {type_text(x)}" for name, kind, x in parameters]
    lines += ["Output Type:", f"  {type_text(outputs)}", "Captures:"]
    lines += [f"  {id(t)}: {TensorSpec(t.shape, t.dtype)!r}" for t in captures] or ["  None"]
    return "\n".join(lines)
