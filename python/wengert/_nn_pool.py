"""Pooling (`tf.nn`)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._nn_windows import (
    as_tensor,
    channels_first,
    padding_attrs,
    sequence,
    spatial_format,
    with_space_to_batch,
)

apply = _core.apply
convert = _core.convert


def _pool(
    op: str, x: Any, ksize: Any, strides: Any, padding: Any, data_format: Any, n: int, name: Any
) -> Any:
    data_format = spatial_format(data_format, n)
    first = channels_first(data_format)
    attrs = {
        "ksize": sequence(ksize, n, first, "ksize"),
        "strides": sequence(strides, n, first, "strides"),
        "data_format": data_format,
        **padding_attrs(padding, explicit=op == "MaxPool"),
    }
    return apply(op, (x,), attrs, name)


def _pool_1d(
    op: str, scope: str, x: Any, ksize: Any, strides: Any, padding: Any, data_format: Any, name: Any
) -> Any:
    from wengert import _array_ops

    with name_scope_v1(name, scope) as path:
        data_format = spatial_format(data_format, 1, ("NWC", "NCW"))
        first = channels_first(data_format)
        if not isinstance(padding, str):
            raise ValueError(f"Explicit padding is not supported here. Received: {padding}")
        at = 2 if first else 1
        sizes = sequence(ksize, 1, first, "ksize")
        steps = sequence(strides, 1, first, "strides")
        sizes.insert(at, 1)
        steps.insert(at, 1)
        wide = _array_ops.expand_dims(as_tensor(x), at)
        attrs = {
            "ksize": sizes,
            "strides": steps,
            "padding": padding,
            "data_format": "NCHW" if first else "NHWC",
        }
        return _array_ops.squeeze(apply(op, (wide,), attrs, path or None), [at])


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """Largest elements of windows over images (`tf.nn.max_pool2d`).

    Parameters
    ----------
    input : Tensor, shape [batch, height, width, channels]
        Channels before height and width with data_format "NCHW".
    ksize : int or list of int
        Size of the window: one for both axes, one per spatial axis or one per axis.
    strides : int or list of int
        Distance of windows, in the same forms.
    padding : {"SAME", "VALID"} or list of pairs
    data_format : {"NHWC", "NCHW"}
    name : str, optional

    Returns
    -------
    Tensor, shape [batch, out height, out width, channels]

    Raises
    ------
    ValueError
        A window larger than the image, strides or sizes that are not positive.

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.reshape(tf.range(4.0), [1, 2, 2, 1])
    >>> tf.nn.max_pool2d(x, 2, 2, "VALID").numpy().item()
    3.0
    """
    with name_scope_v1(name, "MaxPool2d") as scope:
        return _pool("MaxPool", input, ksize, strides, padding, data_format, 2, scope or None)


def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NWC",
    name: str | None = None,
) -> Any:
    """Largest elements of windows over sequences [batch, width, channels]."""
    return _pool_1d("MaxPool", "MaxPool1d", input, ksize, strides, padding, data_format, name)


def max_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Any:
    """Largest elements of windows over volumes [batch, depth, height, width, channels]."""
    with name_scope_v1(name, "MaxPool3D") as scope:
        return _pool("MaxPool3D", input, ksize, strides, padding, data_format, 3, scope or None)


def avg_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """Means of windows over images; padding does not count (`tf.nn.avg_pool2d`).

    Parameters
    ----------
    input : float Tensor, shape [batch, height, width, channels]
    ksize, strides : int or list of int
        One for both axes, one per spatial axis or one per axis.
    padding : {"SAME", "VALID"}
    data_format : {"NHWC", "NCHW"}
    name : str, optional

    Returns
    -------
    Tensor, shape [batch, out height, out width, channels]

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.reshape(tf.range(4.0), [1, 2, 2, 1])
    >>> tf.nn.avg_pool2d(x, 2, 2, "VALID").numpy().item()
    1.5
    """
    with name_scope_v1(name, "AvgPool2D") as scope:
        return _pool("AvgPool", input, ksize, strides, padding, data_format, 2, scope or None)


def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NWC",
    name: str | None = None,
) -> Any:
    """Means of windows over sequences [batch, width, channels]."""
    return _pool_1d("AvgPool", "AvgPool1D", input, ksize, strides, padding, data_format, name)


def avg_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NDHWC",
    name: str | None = None,
) -> Any:
    """Means of windows over volumes [batch, depth, height, width, channels]."""
    with name_scope_v1(name, "AvgPool3D") as scope:
        return _pool("AvgPool3D", input, ksize, strides, padding, data_format, 3, scope or None)


def _spatial_axes(x: Any, data_format: str | None) -> int:
    if data_format is not None:
        n = len(data_format) - 2
    else:
        rank = x._rank()
        if rank is None:
            raise ValueError("`input` must have a static shape or `data_format` must be given.")
        n = rank - 2
    if n not in (1, 2, 3):
        raise ValueError(
            f"`input.shape.rank` must be 3, 4 or 5. Received: input.shape={x.shape} of rank "
            f"{n + 2}."
        )
    return n


def max_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Any:
    """`max_pool1d`, `max_pool2d` or `max_pool3d`, as the rank of `input` says."""
    input = as_tensor(input, "input")
    n = _spatial_axes(input, data_format)
    function: Any = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}[n]
    data_format = spatial_format(data_format, n)
    return function(input, ksize, strides, padding, data_format, name)


def avg_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    name: str | None = None,
) -> Any:
    """Means of windows over one, two or three axes, as the rank of `input` says."""
    input = as_tensor(input, "input")
    n = _spatial_axes(input, data_format)
    if n == 1:
        return avg_pool1d(input, ksize, strides, padding, data_format or "NWC", name)
    op = "AvgPool" if n == 2 else "AvgPool3D"
    return _pool(op, input, ksize, strides, padding, data_format, n, name)


def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    strides: Any = None,
    padding: str = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Pooling over one, two or three axes, with dilation (`tf.nn.pool`).

    Parameters
    ----------
    input : Tensor, shape [batch, spatial ..., channels]
    window_shape : list of int
        One per spatial axis.
    pooling_type : {"MAX", "AVG"}
    strides : list of int, optional
    padding : {"SAME", "VALID"}
    data_format : str, optional
        Channels first when it begins with "NC".
    dilations : list of int, optional
        Not together with strides beyond 1, nor with padding "SAME".
    name : str, optional

    Returns
    -------
    Tensor, shape [batch, out spatial ..., channels]

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.reshape(tf.range(4.0), [1, 4, 1])
    >>> tf.nn.pool(x, [2], "MAX").numpy().ravel().tolist()
    [1.0, 2.0, 3.0]
    """
    if pooling_type not in ("MAX", "AVG"):
        raise ValueError(f"pooling_type must be 'MAX' or 'AVG'. Received: {pooling_type}")
    with name_scope_v1(name, f"{pooling_type.lower()}_pool") as scope:
        input = as_tensor(input, "input")
        n = len(window_shape)
        if n not in (1, 2, 3):
            raise ValueError(
                f"`len(window_shape)` must be 1, 2, or 3. Received: window_shape={window_shape}"
            )
        steps = [1] * n if strides is None else [int(s) for s in strides]
        rates = [1] * n if dilations is None else [int(d) for d in dilations]
        if any(s > 1 for s in steps) and any(d > 1 for d in rates):
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
                f"strides={steps} and dilation_rate={rates}"
            )
        if padding == "SAME" and any(d > 1 for d in rates):
            raise ValueError(
                "pooling with 'SAME' padding is not implemented for `dilation_rate` > 1. "
                f"Received: padding={padding} and dilation_rate={rates}"
            )
        first = channels_first(data_format)
        rate = convert(np.asarray(rates, np.int32), dtypes.int32, "dilation_rate")
        functions: dict[str, Any] = {
            "MAX": {1: max_pool1d, 2: max_pool2d, 3: max_pool3d},
            "AVG": {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d},
        }
        function = functions[pooling_type][n]
        layout = spatial_format(data_format, n)

        def op(x: Any, kind: str) -> Any:
            return function(x, list(window_shape), steps, kind, layout, scope or None)

        return with_space_to_batch(input, rates, padding, op, None, first, rate)


class _MaxPoolWithArgmax(NamedTuple):
    output: Any
    argmax: Any


def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    output_dtype: Any = dtypes.int64,
    include_batch_in_index: bool = False,
    name: str | None = None,
) -> Any:
    """Largest elements of windows and their flat positions (`tf.nn.max_pool_with_argmax`).

    Parameters
    ----------
    input : Tensor, shape [batch, height, width, channels]
    ksize, strides : int or list of int
    padding : {"SAME", "VALID"}
    data_format : {"NHWC"}
    output_dtype : {int32, int64}
    include_batch_in_index : bool
        Whether positions count from the first image.
    name : str, optional

    Returns
    -------
    output, argmax : Tensor, shape [batch, out height, out width, channels]
    """
    if data_format != "NHWC":
        raise ValueError(
            f"`data_format` values other than 'NHWC' are not supported. Received: {data_format}"
        )
    attrs = {
        "ksize": sequence(ksize, 2, False, "ksize"),
        "strides": sequence(strides, 2, False, "strides"),
        "padding": padding,
        "Targmax": output_dtype,
        "include_batch_in_index": include_batch_in_index,
    }
    return _MaxPoolWithArgmax(*apply("MaxPoolWithArgmax", (input,), attrs, name))
