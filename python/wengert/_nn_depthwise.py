"""Depthwise and separable convolutions (`tf.nn`)."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._nn_windows import as_tensor, channels_first, padding_attrs, with_space_to_batch

apply = _core.apply
convert = _core.convert


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution of each channel with filters of its own (`tf.nn.depthwise_conv2d`).

    Parameters
    ----------
    input : float Tensor, shape [batch, height, width, channels]
    filter : Tensor, shape [height, width, channels, multiplier]
    strides : list of int
        One per axis.
    padding : {"SAME", "VALID"} or list of pairs
    data_format : {"NHWC", "NCHW"}, optional
    dilations : list of int, optional
        One per spatial axis; not together with strides beyond 1.
    name : str, optional

    Returns
    -------
    Tensor, shape [batch, out height, out width, channels * multiplier]

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.constant([[[[1.0, 2.0]]]])
    >>> y = tf.nn.depthwise_conv2d(x, tf.constant([[[[1.0], [10.0]]]]), [1, 1, 1, 1], "SAME")
    >>> y.numpy().ravel().tolist()
    [1.0, 20.0]
    """
    with name_scope_v1(name, "depthwise") as scope:
        input, filter = as_tensor(input, "tensor_in"), as_tensor(filter, "filter_in")
        return _depthwise(input, filter, strides, padding, data_format, dilations, scope or None)


def _depthwise(
    x: Any, filter: Any, strides: Any, padding: Any, data_format: Any, dilations: Any, name: Any
) -> Any:
    from wengert import _array_ops

    first = channels_first(data_format)
    _array_ops.shape(filter)
    rates = [1, 1] if dilations is None else [int(d) for d in dilations]
    rate = convert(rates, dtypes.int32, "dilation_rate")

    def op(value: Any, kind: Any) -> Any:
        attrs = {
            "strides": [int(s) for s in strides],
            "data_format": data_format or "NHWC",
            **padding_attrs(kind),
        }
        return apply("DepthwiseConv2dNative", (value, filter), attrs, name)

    dims: Any = filter.shape.as_list() if filter._rank() is not None else [None] * 4
    shape = None if None in dims[:2] else dims[:2]
    return with_space_to_batch(x, rates, padding, op, shape, first, rate)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Depthwise convolution, then one across channels (`tf.nn.separable_conv2d`).

    Parameters
    ----------
    input : float Tensor, shape [batch, height, width, channels]
    depthwise_filter : Tensor, shape [height, width, channels, multiplier]
    pointwise_filter : Tensor, shape [1, 1, channels * multiplier, out]
    strides : list of int
    padding : {"SAME", "VALID"}
    data_format : {"NHWC", "NCHW"}, optional
    dilations : list of int, optional
    name : str, optional

    Returns
    -------
    Tensor, shape [batch, out height, out width, out]
    """
    from wengert import _array_ops

    with name_scope_v1(name, "separable_conv2d") as scope:
        input = as_tensor(input, "tensor_in")
        depth = as_tensor(depthwise_filter, "depthwise_filter")
        point = as_tensor(pointwise_filter, "pointwise_filter")
        shape = point.shape.as_list() if point._rank() is not None else [None] * 4
        for i in (0, 1):
            if shape[i] not in (None, 1):
                raise ValueError(f"Dimensions {shape[i]} and 1 are not compatible")
        first = channels_first(data_format)
        rates = [1, 1] if dilations is None else [int(d) for d in dilations]
        _array_ops.shape(depth)
        rate = convert(rates, dtypes.int32, "dilation_rate")

        def op(value: Any, kind: Any) -> Any:
            attrs = {
                "strides": [int(s) for s in strides],
                "data_format": data_format or "NHWC",
                **padding_attrs(kind),
            }
            return apply("DepthwiseConv2dNative", (value, depth), attrs, "depthwise")

        dims: Any = depth.shape.as_list() if depth._rank() is not None else [None] * 4
        window = None if None in dims[:2] else dims[:2]
        between = with_space_to_batch(input, rates, padding, op, window, first, rate)
        attrs = {
            "strides": [1, 1, 1, 1],
            "padding": "VALID",
            "data_format": data_format or "NHWC",
        }
        return apply("Conv2D", (between, point), attrs, scope or None)


def depthwise_conv2d_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Any:
    """Gradient of a depthwise convolution with respect to its input."""
    attrs = {
        "strides": strides,
        "data_format": data_format,
        "dilations": list(dilations),
        **padding_attrs(padding),
    }
    op = "DepthwiseConv2dNativeBackpropInput"
    return apply(op, (input_sizes, filter, out_backprop), attrs, name)


def depthwise_conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Any:
    """Gradient of a depthwise convolution with respect to its filter."""
    attrs = {
        "strides": strides,
        "data_format": data_format,
        "dilations": list(dilations),
        **padding_attrs(padding),
    }
    op = "DepthwiseConv2dNativeBackpropFilter"
    return apply(op, (input, filter_sizes, out_backprop), attrs, name)
