"""Convolutions and their transposes (`tf.nn`)."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._nn_windows import (
    FORMATS,
    as_tensor,
    channels_first,
    padding_attrs,
    sequence,
    spatial_format,
    squeeze_batch_dims,
    with_space_to_batch,
)

apply = _core.apply
convert = _core.convert


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution of images with filters (`tf.nn.conv2d`).

    Parameters
    ----------
    input : float Tensor, shape [..., height, width, channels]
        Channels before height and width with data_format "NCHW".
    filters : Tensor, shape [height, width, channels / groups, out]
        Fewer channels than the input's make as many groups, each with its share of `out`.
    strides : int or list of int
        One for both axes, one per spatial axis or one per axis.
    padding : {"SAME", "VALID"} or list of pairs
        Explicit zeros before and after, one pair per axis.
    data_format : {"NHWC", "NCHW"}
    dilations : int or list of int, optional
        Distance of the filter's taps, in the forms of `strides`.
    name : str, optional

    Returns
    -------
    Tensor, shape [..., out height, out width, out]

    Raises
    ------
    ValueError
        Channels that do not fit, windows larger than the image, strides that are not positive.

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.ones([1, 4, 4, 1])
    >>> tf.nn.conv2d(x, tf.ones([2, 2, 1, 1]), 1, "VALID").numpy()[0, 0, :, 0].tolist()
    [4.0, 4.0, 4.0]
    """
    return conv2d_expanded_batch(input, filters, strides, padding, data_format, dilations, name)


def conv2d_expanded_batch(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
    name: str | None,
) -> Any:
    """`conv2d` over any number of leading axes."""
    data_format = spatial_format(data_format, 2)
    first = channels_first(data_format)
    attrs = {
        "strides": sequence(strides, 2, first, "strides"),
        "dilations": sequence(dilations, 2, first, "dilations"),
        "data_format": data_format,
        **padding_attrs(padding),
    }
    if getattr(input, "ndim", 0) > 4:
        input = as_tensor(input)
    rank = input._rank() if isinstance(input, _core.Tensor) else None
    if rank is not None and rank > 4:
        return squeeze_batch_dims(input, 3, lambda x: apply("Conv2D", (x, filters), attrs), name)
    return apply("Conv2D", (input, filters), attrs, name)


def conv1d(
    input: Any,
    filters: Any,
    stride: Any,
    padding: Any,
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution of sequences with filters (`tf.nn.conv1d`).

    Parameters
    ----------
    input : float Tensor, shape [..., width, channels]
    filters : Tensor, shape [width, channels / groups, out]
    stride : int or list of int
    padding : {"SAME", "VALID"}
    data_format : {"NWC", "NCW"}
    dilations : int or list of int, optional
    name : str, optional

    Returns
    -------
    Tensor, shape [..., out width, out]

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.reshape(tf.range(4.0), [1, 4, 1])
    >>> tf.nn.conv1d(x, tf.ones([2, 1, 1]), 1, "VALID").numpy().ravel().tolist()
    [1.0, 3.0, 5.0]
    """
    from wengert import _array_ops

    with name_scope_v1(name, "conv1d") as scope:
        data_format = spatial_format(data_format or "NWC", 1, ("NWC", "NCW", "NHWC", "NCHW"))
        first = channels_first(data_format)
        axis = -2 if first else -3
        strides = sequence(stride, 1, first, "stride")
        rates = sequence(dilations, 1, first, "dilations")
        value = _array_ops.expand_dims(as_tensor(input), axis)
        filters = _array_ops.expand_dims(as_tensor(filters), 0)
        at = 2 if first else 1
        attrs = {
            "strides": [*strides[:at], 1, *strides[at:]],
            "dilations": [*rates[:at], 1, *rates[at:]],
            "data_format": "NCHW" if first else "NHWC",
            **padding_attrs(padding),
        }
        rank = value._rank()
        if rank is None or rank <= 4:
            result = apply("Conv2D", (value, filters), attrs, scope or None)
        else:
            result = squeeze_batch_dims(
                value, 3, lambda x: apply("Conv2D", (x, filters), attrs), scope or None
            )
        return _array_ops.squeeze(result, [axis])


def conv3d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution of volumes with filters (`tf.nn.conv3d`).

    Parameters
    ----------
    input : float Tensor, shape [batch, depth, height, width, channels]
    filters : Tensor, shape [depth, height, width, channels / groups, out]
    strides : int or list of int
    padding : {"SAME", "VALID"}
    data_format : {"NDHWC", "NCDHW"}
    dilations : int or list of int, optional
    name : str, optional

    Returns
    -------
    Tensor, shape [batch, out depth, out height, out width, out]

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.ones([1, 2, 2, 2, 1])
    >>> tf.nn.conv3d(x, tf.ones([2, 2, 2, 1, 1]), 1, "VALID").numpy().item()
    8.0
    """
    data_format = spatial_format(data_format, 3)
    first = channels_first(data_format)
    attrs = {
        "strides": sequence(strides, 3, first, "strides"),
        "dilations": sequence(dilations, 3, first, "dilations"),
        "data_format": data_format,
        **padding_attrs(padding, explicit=False),
    }
    if getattr(input, "ndim", 0) > 5:
        input = as_tensor(input)
    rank = input._rank() if isinstance(input, _core.Tensor) else None
    if rank is not None and rank > 5:
        return squeeze_batch_dims(input, 4, lambda x: apply("Conv3D", (x, filters), attrs), name)
    return apply("Conv3D", (input, filters), attrs, name)


def convolution(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution over one, two or three axes, as the filters have (`tf.nn.convolution`).

    Parameters
    ----------
    input : float Tensor, shape [batch, spatial ..., channels]
    filters : Tensor, shape [spatial ..., channels / groups, out]
    strides : int or list of int, optional
    padding : {"SAME", "VALID"}
    data_format : str, optional
        Channels first when it begins with "NC".
    dilations : int or list of int, optional
        Not together with strides beyond 1.
    name : str, optional

    Returns
    -------
    Tensor, shape [batch, out spatial ..., out]

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.reshape(tf.range(5.0), [1, 5, 1])
    >>> y = tf.nn.convolution(x, tf.ones([2, 1, 1]), strides=3)
    >>> y.numpy().ravel().tolist()
    [1.0, 7.0]
    """
    with name_scope_v1(name, "convolution") as scope:
        input, filters = as_tensor(input, "input"), as_tensor(filters, "filter")
        rank = filters._rank()
        if rank is None:
            rank = input._rank()
        if rank is None:
            raise ValueError("`input` or `filter` must have a known rank")
        n = rank - 2
        if n not in (1, 2, 3):
            raise ValueError(
                f"`num_spatial_dims` must be 1, 2, or 3. Received: num_spatial_dims={n}."
            )
        first = channels_first(data_format)
        axes = slice(2, None) if first else slice(1, -1)
        steps = sequence(strides, n, first, "strides")
        rates = sequence(dilations, n, first, "dilations")
        if data_format is None:
            data_format = FORMATS[n][0]
        functions: Any = {1: conv1d, 2: conv2d_expanded_batch, 3: conv3d}
        if all(r == 1 for r in rates):
            return functions[n](input, filters, steps, padding, data_format, None, scope or None)
        if any(s > 1 for s in steps):
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
                f"strides={steps[axes]} and dilation_rate={rates[axes]}"
            )
        rate = convert(rates[axes], dtypes.int32, "dilation_rate")
        shape = None
        if padding == "SAME":
            dims = filters.shape.as_list()
            if any(d is None for d in dims[:n]):
                raise NotImplementedError(
                    "dilation with padding 'SAME' needs a filter of known shape"
                )
            convert(dims, dtypes.int32, "filter_shape")
            shape = dims[:n]

        def op(x: Any, kind: str) -> Any:
            return functions[n](x, filters, None, kind, data_format, None, scope or None)

        return with_space_to_batch(input, rates[axes], padding, op, shape, first, rate)


def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: str, name: str | None = None
) -> Any:
    """Convolution with filters whose taps are `rate` apart (`tf.nn.atrous_conv2d`)."""
    return convolution(value, filters, padding=padding, dilations=[rate, rate], name=name)
