"""Nested structures of Python containers (`tf.nest`)."""

from __future__ import annotations

import collections.abc
from collections.abc import Callable, Iterator
from typing import Any

from wengert._indexed_slices import IndexedSlices

__all__ = [
    "assert_same_structure",
    "flatten",
    "flatten_with_paths",
    "is_nested",
    "map_structure",
    "pack_sequence_as",
]


def _is_namedtuple(x: Any) -> bool:
    return isinstance(x, tuple) and hasattr(x, "_fields")


def _is_attrs(x: Any) -> bool:
    return hasattr(type(x), "__attrs_attrs__")


def is_nested(x: Any) -> bool:
    """Whether `x` is a list, tuple, mapping or attrs object."""
    return isinstance(x, (list, tuple, collections.abc.Mapping)) or _is_attrs(x)


def _children(x: Any) -> Iterator[tuple[Any, Any]]:
    """(key, item) of one level; mappings in the order of their sorted keys."""
    if isinstance(x, collections.abc.Mapping):
        try:
            keys = sorted(x)
        except TypeError:
            raise TypeError("nest only supports dicts with sortable keys.") from None
        for key in keys:
            yield key, x[key]
    elif _is_namedtuple(x):
        yield from zip(x._fields, x, strict=True)
    elif _is_attrs(x):
        for field in type(x).__attrs_attrs__:
            yield field.name, getattr(x, field.name)
    else:
        yield from enumerate(x)


def _rebuild(x: Any, items: list[Any]) -> Any:
    """A structure like one level of `x` with other items."""
    if isinstance(x, collections.abc.Mapping):
        by_key = dict(zip(sorted(x), items, strict=True))
        if isinstance(x, collections.defaultdict):
            return type(x)(x.default_factory, {k: by_key[k] for k in x})
        return type(x)((k, by_key[k]) for k in x)  # type: ignore[call-arg]
    if _is_namedtuple(x):
        return type(x)(*items)
    if _is_attrs(x):
        return type(x)(**dict(zip([k for k, _ in _children(x)], items, strict=True)))
    if type(x) in (list, tuple):
        return type(x)(items)
    try:
        return type(x)(items)
    except TypeError:
        return tuple(items) if isinstance(x, tuple) else list(items)


def flatten_with_paths(structure: Any, expand_composites: bool = False) -> list[Any]:
    """[(path, leaf)]; a path is a tuple of keys."""
    out: list[Any] = []
    _visit((), structure, expand_composites, out)
    return out


# Not closures that call themselves: such a cycle would keep leaves, and their memory, alive
# until the next garbage collection.
def _visit(path: tuple[Any, ...], x: Any, expand_composites: bool, out: list[Any]) -> None:
    if expand_composites and isinstance(x, IndexedSlices):
        for part in ("values", "indices", "dense_shape"):
            value = getattr(x, part)
            if value is not None:
                out.append(((*path, part), value))
    elif is_nested(x):
        for key, item in _children(x):
            _visit((*path, key), item, expand_composites, out)
    else:
        out.append((path, x))


def _build(x: Any, items: Any, expand_composites: bool) -> Any:
    if expand_composites and isinstance(x, IndexedSlices):
        values, indices = next(items), next(items)
        shape = next(items) if x.dense_shape is not None else None
        return IndexedSlices(values, indices, shape)
    if is_nested(x):
        return _rebuild(x, [_build(item, items, expand_composites) for _, item in _children(x)])
    return next(items)


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """Leaves in order; a leaf alone gives a list of one.

    Examples
    --------
    >>> flatten({"b": [1, (2,)], "a": 0})
    [0, 1, 2]
    """
    if not is_nested(structure) and not expand_composites:
        return [structure]
    return [leaf for _, leaf in flatten_with_paths(structure, expand_composites)]


def pack_sequence_as(structure: Any, flat: Any, expand_composites: bool = False) -> Any:
    """The inverse of flatten: `flat` in the form of `structure`.

    Raises
    ------
    ValueError
        When the number of leaves differs.
    """
    flat = list(flat)
    want = len(flatten(structure, expand_composites))
    if len(flat) != want:
        raise ValueError(
            f"Structure had {want} atoms, but flat_sequence had {len(flat)} items. Structure: "
            f"{structure}, flat_sequence: {flat}."
        )
    return _build(structure, iter(flat), expand_composites)


def map_structure(func: Callable[..., Any], *structures: Any, **kwargs: Any) -> Any:
    """`func` applied leaf by leaf; the first structure gives the form of the result."""
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structures:
        raise ValueError("Must provide at least one structure")
    expand = kwargs.pop("expand_composites", False)
    kwargs.pop("check_types", None)
    if kwargs:
        raise ValueError(
            f"Only valid keyword arguments are check_types and expand_composites, not {kwargs}"
        )
    for other in structures[1:]:
        assert_same_structure(structures[0], other, expand_composites=expand)
    flat = [flatten(s, expand) for s in structures]
    return pack_sequence_as(
        structures[0], [func(*leaves) for leaves in zip(*flat, strict=True)], expand
    )


class _Dot:
    def __repr__(self) -> str:
        return "."


def _dots(structure: Any) -> str:
    """The structure with a dot for every leaf."""
    return str(map_structure(lambda _: _Dot(), structure)) if is_nested(structure) else "."


def _shown(x: Any) -> str:
    return f"type={type(x).__name__} str={x}"


def _same_kind(a: Any, b: Any) -> bool:
    if isinstance(a, collections.abc.Mapping) and isinstance(b, collections.abc.Mapping):
        return True
    if _is_namedtuple(a) and _is_namedtuple(b):
        return type(a).__name__ == type(b).__name__ and a._fields == b._fields
    return type(a) is type(b)


def _difference(a: Any, b: Any, check_types: bool) -> tuple[type[Exception], str] | None:
    """What keeps two structures from being nested alike."""
    if is_nested(a) != is_nested(b):
        nested, leaf = (a, b) if is_nested(a) else (b, a)
        return ValueError, (
            f'Substructure "{_shown(nested)}" is a sequence, while substructure "{_shown(leaf)}" '
            "is not"
        )
    if not is_nested(a):
        return None
    if check_types and not _same_kind(a, b):
        return TypeError, (
            "The two namedtuples don't have the same sequence type. First structure "
            f"{_shown(a)} has type {type(a).__name__}, while second structure {_shown(b)} has "
            f"type {type(b).__name__}"
        )
    one, two = list(_children(a)), list(_children(b))
    if check_types and isinstance(a, collections.abc.Mapping):
        keys = [k for k, _ in one], [k for k, _ in two]
        if keys[0] != keys[1]:
            return ValueError, (
                "The two dictionaries don't have the same set of keys. First structure has keys "
                f"{_shown(keys[0])}, while second structure has keys {_shown(keys[1])}"
            )
    for (_, x), (_, y) in zip(one, two, strict=False):
        problem = _difference(x, y, check_types)
        if problem is not None:
            return problem
    if len(one) != len(two):
        return ValueError, (
            "The two structures don't have the same number of elements. First structure: "
            f"{_shown(a)}. Second structure: {_shown(b)}"
        )
    return None


def assert_same_structure(
    first: Any, second: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Raises TypeError or ValueError when the two are not nested alike."""
    problem = _difference(first, second, check_types)
    if problem is None:
        return
    kind, details = problem
    raise kind(
        "The two structures don't have the same nested structure.\n\nFirst structure: "
        f"{_shown(first)}\n\nSecond structure: {_shown(second)}\n\nMore specifically: {details}\n"
        f"Entire first structure:\n{_dots(first)}\nEntire second structure:\n{_dots(second)}"
    )
