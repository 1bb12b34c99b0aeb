"""Arguments of convolution and pooling functions: strides, paddings, data formats, and dilation
through batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1

apply = _core.apply
convert = _core.convert

FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}


def as_tensor(x: Any, name: str | None = None) -> Any:
    """`x` itself where it is a tensor."""
    return x if isinstance(x, _core.Tensor) else convert(x, None, name)


def channels_first(data_format: str | None) -> bool:
    """True for formats such as NCHW."""
    return data_format is not None and data_format.startswith("NC")


def sequence(value: Any, n: int, first: bool, name: str) -> list[int]:
    """One number per axis from one number, one per spatial axis, or one per axis."""
    if value is None:
        value = [1]
    elif not hasattr(value, "__len__"):
        value = [value]
    items = [int(v) for v in value]
    if len(items) == n + 2:
        return items
    if len(items) == 1:
        items = items * n
    elif len(items) != n:
        raise ValueError(f"{name} should be of length 1, {n} or {n + 2}. Received: {name}={value}")
    return [1, 1, *items] if first else [1, *items, 1]


def padding_attrs(padding: Any, explicit: bool = True) -> dict[str, Any]:
    """The attributes "padding" and "explicit_paddings" from a string or lists of pairs."""
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID") and padding.upper() in ("SAME", "VALID"):
            padding = padding.upper()
        if explicit and padding == "EXPLICIT":
            raise ValueError(
                '"EXPLICIT" is not a valid value for the padding parameter. To use explicit '
                "padding, the padding parameter must be a list."
            )
        return {"padding": padding, "explicit_paddings": []} if explicit else {"padding": padding}
    if not isinstance(padding, (list, tuple)):
        raise ValueError(
            f"Invalid padding: {padding!r}: expected 'SAME', 'VALID' or a list of pairs"
        )
    if not explicit:
        raise ValueError("Explicit padding is not supported here: pad the input with tf.pad")
    for pair in padding:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(
                f"When padding is a list, each element of padding must be a list/tuple of size 2. "
                f"Received: padding={padding}"
            )
    if len(padding) != 4:
        raise ValueError(
            f"When padding is a list, it must be of size 4. Received: padding={padding}"
        )
    flat = [int(p) for pair in padding for p in pair]
    return {"padding": "EXPLICIT", "explicit_paddings": flat}


def spatial_format(data_format: str | None, n: int, allowed: Sequence[str] | None = None) -> str:
    """The data format of `n` spatial axes, checked."""
    if data_format is None:
        return FORMATS[n][0]
    names = FORMATS[n] if allowed is None else allowed
    if data_format not in names:
        raise ValueError(f"data_format must be one of {', '.join(names)}, got {data_format!r}")
    return data_format


def squeeze_batch_dims(
    x: Any, inner_rank: int, function: Callable[..., Any], name: str | None
) -> Any:
    """Applies `function` with all leading axes but the last `inner_rank` as one."""
    from wengert import _array_ops

    with name_scope_v1(name, "squeeze_batch_dims"):
        x = convert(x)
        dims = x.shape.as_list()
        known = all(d is not None for d in dims[-inner_rank:])
        inner = dims[-inner_rank:] if known else _array_ops.shape(x)[-inner_rank:]
        head = dims[:-inner_rank]
        batch = head if all(d is not None for d in head) else _array_ops.shape(x)[:-inner_rank]
        flat = [-1, *inner] if known else _array_ops.concat([[-1], inner], axis=-1)
        result = function(_array_ops.reshape(x, flat))
        tail = result.shape.as_list()[-inner_rank:]
        if any(d is None for d in tail):
            tail = _array_ops.shape(result)[-inner_rank:]
        return _array_ops.reshape(result, _array_ops.concat([batch, tail], axis=-1))


def _static_ints(x: Any) -> list[Any] | None:
    value = _core.static_value(x) if isinstance(x, _core.Tensor) else np.asarray(x)
    return None if value is None else value.tolist()


def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Any, Any]:
    """Padding that makes an array divisible into blocks, and the crops that undo it.

    Parameters
    ----------
    input_shape : int Tensor, shape [n]
    block_shape : int Tensor, shape [n]
    base_paddings : int Tensor, shape [n, 2], optional
        Padding to begin with; none by default.
    name : str, optional

    Returns
    -------
    tuple of Tensor, shape [n, 2]
        Paddings and crops.
    """
    from wengert import _array_ops

    with name_scope_v1(name, "required_space_to_batch_paddings"):
        input_shape = convert(input_shape, dtypes.int32, "input_shape")
        block_shape = convert(block_shape, dtypes.int32, "block_shape")
        n = block_shape.shape.as_list()[0]
        if base_paddings is None:
            base_paddings = np.zeros((n, 2), np.int32)
        base_paddings = convert(base_paddings, dtypes.int32, "base_paddings")
        known = [_static_ints(t) for t in (input_shape, block_shape, base_paddings)]
        if n == 0:
            nothing = _core.constant(np.zeros((0, 2), np.int32))
            return nothing, nothing
        if None not in known:
            shape, block, base = (np.asarray(k) for k in known)
            extra = -(shape + base.sum(1)) % block
            paddings = np.stack([base[:, 0], base[:, 1] + extra], 1).astype(np.int32)
            crops = np.stack([np.zeros(n, np.int32), extra], 1).astype(np.int32)
            return (
                convert(paddings, dtypes.int32, "paddings"),
                convert(crops, dtypes.int32, "crops"),
            )
        start, end = base_paddings[:, 0], base_paddings[:, 1]
        total = input_shape + start + end
        extra = (block_shape - total % block_shape) % block_shape
        end = end + extra
        stack = _array_ops.stack
        paddings_t = stack([[start[i], end[i]] for i in range(n)], name="paddings")
        return paddings_t, stack([[0, extra[i]] for i in range(n)], name="crops")


def with_space_to_batch(
    x: Any,
    dilation_rate: Any,
    padding: str,
    op: Callable[[Any, str], Any],
    filter_shape: Sequence[int] | None,
    first: bool,
    rate: Any,
) -> Any:
    """Applies `op(x, padding)` to every `dilation_rate`-th element, for all of them.

    Parameters
    ----------
    x : Tensor
    dilation_rate : sequence of int
        One per spatial axis.
    padding : {'SAME', 'VALID'}
    op : callable
        Of a tensor and a kind of padding.
    filter_shape : sequence of int or None
        Spatial lengths of the window, which padding 'SAME' needs.
    first : bool
        Whether the channels come before the spatial axes.
    rate : Tensor
        `dilation_rate`.
    """
    from wengert import _array_ops

    n = len(dilation_rate)
    if all(r == 1 for r in dilation_rate):
        return op(x, padding)
    if padding == "SAME":
        if filter_shape is None:
            raise NotImplementedError("dilation with padding 'SAME' needs a filter of known shape")
        reach = [(k - 1) * r for k, r in zip(filter_shape, dilation_rate, strict=True)]
        base = _array_ops.stack([[r // 2, r - r // 2] for r in reach])
    elif padding == "VALID":
        base = None
    else:
        raise ValueError(f"padding must be 'SAME' or 'VALID' with dilation, got {padding!r}")
    begin = 2 if first else 1
    dims = x.shape.as_list() if x._rank() is not None else None
    if dims is not None and all(d is not None for d in dims[begin : begin + n]):
        spatial = dims[begin : begin + n]
    else:
        whole = _array_ops.shape(x)
        spatial = _array_ops.stack([whole[begin + i] for i in range(n)])
    paddings, crops = required_space_to_batch_paddings(spatial, rate, base)
    block = list(dilation_rate)
    if first:
        block = [1, *block]
        paddings = _with_channels(paddings)
        crops = _with_channels(crops)
    else:
        paddings, crops = _constant(paddings), _constant(crops)
    x = apply("SpaceToBatchND", (x, block, paddings))
    return apply("BatchToSpaceND", (op(x, "VALID"), block, crops))


def _constant(pairs: Any) -> Any:
    value = _core.static_value(pairs)
    return pairs if value is None else value


def _with_channels(pairs: Any) -> Any:
    from wengert import _array_ops

    value = _core.static_value(pairs)
    if value is None:
        return _array_ops.concat([[[0, 0]], pairs], axis=0)
    return np.concatenate([np.zeros((1, 2), value.dtype), value])
