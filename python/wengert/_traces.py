"""The traces of a `tf.function`, by the types of the arguments they were made for."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from wengert import _core
from wengert._indexed_slices import IndexedSlices
from wengert._tensor_spec import TensorSpec

__all__ = ["Named", "Traces", "relax", "type_of"]


class Named:
    """Detail of a TensorSpec with a name."""

    __slots__ = ("dims", "name")

    def __init__(self, dims: Any, name: str) -> None:
        self.dims = dims
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and (self.dims, self.name) == (other.dims, other.name)

    def __hash__(self) -> int:
        return hash((self.dims, self.name))


class _Weak:
    """Stands for a Python object that a call got: a trace must not keep it alive."""

    __slots__ = ("_by_identity", "_hash", "_reference")

    def __init__(self, obj: Any) -> None:
        self._reference = weakref.ref(obj)
        self._by_identity = getattr(obj, "_is_variable", False)
        try:
            self._hash = id(obj) if self._by_identity else hash(obj)
        except TypeError:
            self._by_identity = True
            self._hash = id(obj)

    @property
    def dead(self) -> bool:
        return self._reference() is None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, _Weak) or self._hash != other._hash:
            return False
        mine, others = self._reference(), other._reference()
        if mine is None or others is None:
            return False
        return mine is others or (not self._by_identity and bool(mine == others))

    def __hash__(self) -> int:
        return self._hash


class _ById:
    """The same for what can neither be hashed nor referred to weakly."""

    __slots__ = ("obj",)

    def __init__(self, obj: Any) -> None:
        self.obj = obj

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and self.obj is other.obj

    def __hash__(self) -> int:
        return id(self.obj)


def type_of(leaf: Any, details: list[Any]) -> Any:
    """What a trace depends on of one argument, without shapes; those are added to `details`."""
    if isinstance(leaf, _core.Tensor):
        details.append(leaf._shape_tuple())
        return leaf.dtype.as_datatype_enum
    if isinstance(leaf, TensorSpec):
        shape = leaf.shape
        dims = None if shape.rank is None else tuple(shape.as_list())
        details.append(dims if leaf.name is None else Named(dims, leaf.name))
        return leaf.dtype.as_datatype_enum
    if isinstance(leaf, (bool, int, float, complex, str, bytes, type(None))):
        return (type(leaf), leaf)
    if isinstance(leaf, IndexedSlices):
        parts = [p for p in (leaf.values, leaf.indices, leaf.dense_shape) if p is not None]
        return ("IndexedSlices", *[type_of(p, details) for p in parts])
    try:
        return _Weak(leaf)
    except TypeError:
        pass
    try:
        hash(leaf)
    except TypeError:
        return _ById(leaf)
    return (type(leaf), leaf)


def _dims(detail: Any) -> Any:
    return detail.dims if isinstance(detail, Named) else detail


def _accepts(mine: Any, other: Any) -> bool:
    """Whether a trace for `mine` serves a call with `other`."""
    if isinstance(other, Named) and (not isinstance(mine, Named) or mine.name != other.name):
        return False
    own, given = _dims(mine), _dims(other)
    if own is None or own == given:
        return True
    return (
        given is not None
        and len(own) == len(given)
        and all(a is None or a == b for a, b in zip(own, given, strict=True))
    )


def _all_accept(mine: Any, other: Any) -> bool:
    return all(_accepts(a, b) for a, b in zip(mine, other, strict=True))


def _common(a: Any, b: Any) -> Any:
    """The least general dimensions that cover both."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


def _dead(key: Any) -> bool:
    return (isinstance(key, _Weak) and key.dead) or (
        isinstance(key, tuple) and any(_dead(part) for part in key)
    )


class Traces:
    """Traces by what must be equal, then by shapes, of which one may cover others."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[Any, dict[Any, Any]] = {}

    def find(self, group: Any, details: tuple[Any, ...]) -> Any:
        """The trace for just these shapes, else the most specific that covers them, else None."""
        traces = self._groups.get(group)
        if traces is None:
            return None
        found = traces.get(details)
        if found is not None:
            return found
        best: Any = None
        for candidate in traces:
            if _all_accept(candidate, details) and (best is None or _all_accept(best, candidate)):
                best = candidate
        return None if best is None else traces[best]

    def generalise(self, group: Any, details: tuple[Any, ...]) -> tuple[Any, ...]:
        """Shapes that cover these and those of all traces so far."""
        result = list(details)
        for known in self._groups.get(group, ()):
            for i, (mine, other) in enumerate(zip(result, known, strict=True)):
                dims = _common(_dims(mine), _dims(other))
                result[i] = Named(dims, mine.name) if isinstance(mine, Named) else dims
        return tuple(result)

    def add(self, group: Any, details: tuple[Any, ...], trace: Any) -> None:
        for dead in [g for g in self._groups if _dead(g)]:
            del self._groups[dead]
        self._groups.setdefault(group, {})[details] = trace

    def __iter__(self) -> Iterator[Any]:
        for traces in self._groups.values():
            yield from traces.values()


def relax(leaves: list[Any], details: tuple[Any, ...]) -> list[Any]:
    """The arguments, those of other shapes than `details` as specs."""
    shapes = iter(details)

    def spec(x: Any) -> Any:
        detail = next(shapes)
        own: list[Any] = []
        type_of(x, own)
        if own[0] == detail:
            return x
        return TensorSpec(_dims(detail), x.dtype, getattr(detail, "name", None))

    result = []
    for leaf in leaves:
        if isinstance(leaf, (_core.Tensor, TensorSpec)):
            result.append(spec(leaf))
        elif isinstance(leaf, IndexedSlices):
            parts = (leaf.values, leaf.indices, leaf.dense_shape)
            result.append(IndexedSlices(*[None if p is None else spec(p) for p in parts]))
        else:
            result.append(leaf)
    return result
