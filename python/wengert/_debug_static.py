"""Checks of what is known while building: ranks, types, shapes (`tf.debugging`)."""

from __future__ import annotations

from typing import Any

from wengert import _array_ops, _control, _core
from wengert import _dtypes as dtypes
from wengert._case import Assert
from wengert._debug import done, name_of, static_value
from wengert._graph import name_scope_v1

apply = _core.apply
convert = _core.convert


def _rank_is(default: str, x: Any, name: str | None, words: str, fits: Any, wanted: Any,
             message: str | None) -> Any:  # fmt: skip
    with name_scope_v1(name, default):
        x = convert(x, None, "x")
        rank = x._rank()
        if rank is None:
            return None
        if fits(rank):
            return done()
        raise ValueError(
            f"{message or ''}.  Tensor {name_of(x)} must have {words} {wanted}.  "
            f"Received rank {rank}, shape {x.shape}"
        )


def assert_rank(x: Any, rank: Any, message: str | None = None, name: str | None = None) -> Any:
    """A ValueError unless `x` has the rank; of an unknown one it is checked when it runs."""
    wanted = int(static_value(rank))
    known = _rank_is("assert_rank", x, name, "rank", lambda r: r == wanted, wanted, message)
    return known if known is not None or _known(x) else _rank_at_run(x, "Equal", wanted, message)


def assert_rank_at_least(
    x: Any, rank: Any, message: str | None = None, name: str | None = None
) -> Any:
    """A ValueError unless the rank of `x` is `rank` or more."""
    wanted = int(static_value(rank))
    known = _rank_is(
        "assert_rank_at_least", x, name, "rank at least", lambda r: r >= wanted, wanted, message
    )
    if known is not None or _known(x):
        return known
    return _rank_at_run(x, "GreaterEqual", wanted, message)


def assert_rank_in(x: Any, ranks: Any, message: str | None = None, name: str | None = None) -> Any:
    """A ValueError unless the rank of `x` is one of `ranks`."""
    wanted = tuple(int(static_value(r)) for r in ranks)
    return _rank_is("assert_rank_in", x, name, "rank in", lambda r: r in wanted, wanted, message)


def _known(x: Any) -> bool:
    return convert(x)._rank() is not None


def _rank_at_run(x: Any, op: str, wanted: int, message: str | None) -> Any:
    held = apply(op, (_array_ops.rank(x), wanted))
    data = [message or "", f"Tensor {name_of(x)} must have rank", wanted, "Received shape: ",
            _array_ops.shape(x)]  # fmt: skip
    return Assert(held, data)


def assert_type(tensor: Any, tf_type: Any, message: str | None = None,
                name: str | None = None) -> Any:  # fmt: skip
    """A TypeError unless the tensor has the dtype."""
    wanted = dtypes.as_dtype(tf_type)
    with name_scope_v1(name, "assert_type"):
        tensor = convert(tensor)
        if tensor.dtype != wanted:
            raise TypeError(
                f"{message or ''}{name_of(tensor)} must be of type {wanted!r}; got {tensor.dtype!r}"
            )
        return (
            None
            if _core.current_graph() is None
            else _control.no_op(name="statically_determined_correct_type")
        )


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Any:
    """A TypeError unless the tensor holds integers."""
    with name_scope_v1(name, "assert_integer"):
        x = convert(x, None, "x")
        if not x.dtype.is_integer:
            raise TypeError(
                f"{message or ''}Expected {name_of(x)} to be an integer tensor, got {x.dtype!r}"
            )
        return (
            None
            if _core.current_graph() is None
            else _control.no_op(name="statically_determined_was_integer")
        )


def assert_scalar(tensor: Any, message: str | None = None, name: str | None = None) -> Any:
    """The tensor; a ValueError unless it is a scalar."""
    with name_scope_v1(name, "assert_scalar"):
        tensor = convert(tensor)
        if tensor._rank() not in (0, None):
            raise ValueError(f"{message or ''}Expected scalar shape, saw shape: {tensor.shape}.")
        return tensor


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> Any:
    """The floating dtype that all tensors have; a ValueError when they differ."""
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    for t in tensors or ():
        if t is None:
            continue
        if wanted is not None and t.dtype != wanted:
            raise ValueError(
                f"Tensor {name_of(t)} must be of type {wanted.name}, got {t.dtype.name}"
            )
        wanted = t.dtype
    wanted = dtypes.float32 if wanted is None else wanted
    if not wanted.is_floating:
        raise ValueError(f"Expected floating point type, got {wanted.name}.")
    return wanted


def assert_shapes(
    shapes: Any, data: Any = None, summarize: Any = None, message: str | None = None,
    name: str | None = None,
) -> None:  # fmt: skip
    """A ValueError unless static shapes fit symbols: equal names, equal lengths.

    Parameters
    ----------
    shapes : dict or sequence of pairs
        Of tensors and their shapes: tuples of numbers, names, "." or None for any length, and
        "..." at one end for any axes.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.debugging.assert_shapes([(tf.zeros([2, 3]), ("N", "D")), (tf.zeros([3]), ("D",))])
    """
    lengths: dict[Any, int] = {}
    pairs = shapes.items() if isinstance(shapes, dict) else shapes
    for tensor, symbols in pairs:
        tensor = convert(tensor)
        wanted = list(symbols) if isinstance(symbols, (tuple, list)) else [symbols]
        dims = tensor._shape_tuple()
        if dims is None:
            continue
        prefix = message or ""
        if "..." in wanted or Ellipsis in wanted:
            at = next(i for i, s in enumerate(wanted) if s in ("...", Ellipsis))
            rest = len(wanted) - 1
            if len(dims) < rest or at not in (0, rest):
                raise ValueError(
                    f"{prefix}Tensor {name_of(tensor)} has shape {dims}, not {symbols}"
                )
            del wanted[at]
            dims = dims[len(dims) - rest :] if at == 0 else dims[:rest]
        if len(dims) != len(wanted):
            raise ValueError(
                f"{prefix}.  Tensor {name_of(tensor)} must have rank in ({len(wanted)},).  "
                f"Received rank {len(dims)}, shape {tensor.shape}"
            )
        for i, (length, symbol) in enumerate(zip(dims, wanted, strict=True)):
            if length is None or symbol in (None, "."):
                continue
            known = symbol if isinstance(symbol, int) else lengths.setdefault(symbol, length)
            if known != length:
                raise ValueError(
                    f"{prefix}.. Specified by tensor {name_of(tensor)} dimension {i}.  "
                    f"Tensor {name_of(tensor)} dimension {i} must have size {known}.  "
                    f"Received size {length}, shape {tensor.shape}"
                )


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether it is a tensor of numbers."""
    return isinstance(tensor, _core.Tensor) and (
        tensor.dtype.is_floating or tensor.dtype.is_integer or tensor.dtype.is_complex
    )
