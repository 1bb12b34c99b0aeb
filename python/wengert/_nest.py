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

    def visit(path: tuple[Any, ...], x: Any) -> None:
        if expand_composites and isinstance(x, IndexedSlices):
            for part in ("values", "indices", "dense_shape"):
                value = getattr(x, part)
                if value is not None:
                    out.append(((*path, part), value))
        elif is_nested(x):
            for key, item in _children(x):
                visit((*path, key), item)
        else:
            out.append((path, x))

    visit((), structure)
    return out


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
    items = iter(flat)

    def build(x: Any) -> Any:
        if expand_composites and isinstance(x, IndexedSlices):
            values, indices = next(items), next(items)
            shape = next(items) if x.dense_shape is not None else None
            return IndexedSlices(values, indices, shape)
        if is_nested(x):
            return _rebuild(x, [build(item) for _, item in _children(x)])
        return next(items)

    return build(structure)


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


def assert_same_structure(
    first: Any, second: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Raises TypeError or ValueError when the two are not nested alike."""
    if is_nested(first) != is_nested(second):
        raise ValueError(
            "The two structures don't have the same nested structure.\n\nFirst structure: "
            f"type={type(first).__name__} str={first}\n\nSecond structure: "
            f"type={type(second).__name__} str={second}"
        )
    if not is_nested(first):
        return
    if (
        check_types
        and type(first) is not type(second)
        and not (
            isinstance(first, collections.abc.Mapping)
            and isinstance(second, collections.abc.Mapping)
        )
    ):
        raise TypeError(
            "The two structures don't have the same sequence type. First structure has type "
            f"{type(first).__name__}, while second structure has type {type(second).__name__}."
        )
    one, two = dict(_children(first)), dict(_children(second))
    if set(one) != set(two):
        raise ValueError(
            "The two structures don't have the same nested structure.\n\nFirst structure: "
            f"type={type(first).__name__} str={first}\n\nSecond structure: "
            f"type={type(second).__name__} str={second}"
        )
    for key, item in one.items():
        assert_same_structure(item, two[key], check_types, expand_composites)
