"""Transposes of convolutions (`tf.nn`)."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert._graph import name_scope_v1
from wengert._nn_windows import as_tensor, channels_first, padding_attrs, sequence, spatial_format

apply = _core.apply


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The transpose of `conv2d` (`tf.nn.conv2d_transpose`).

    Parameters
    ----------
    input : float Tensor, shape [batch, height, width, channels]
        As the result of a convolution.
    filters : Tensor, shape [height, width, out, channels]
    output_shape : int Tensor, shape [4]
        Of the result, batch and channels included.
    strides : int or list of int
    padding : {"SAME", "VALID"} or list of pairs
    data_format : {"NHWC", "NCHW"}
    dilations : int or list of int, optional
    name : str, optional

    Returns
    -------
    Tensor, shape `output_shape`

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.ones([1, 1, 2, 1])
    >>> y = tf.nn.conv2d_transpose(x, tf.ones([1, 2, 1, 1]), [1, 1, 3, 1], 1, "VALID")
    >>> y.numpy().ravel().tolist()
    [1.0, 2.0, 1.0]
    """
    with name_scope_v1(name, "conv2d_transpose") as scope:
        data_format = spatial_format(data_format or "NHWC", 2)
        first = channels_first(data_format)
        attrs = {
            "strides": sequence(strides, 2, first, "strides"),
            "dilations": sequence(dilations, 2, first, "dilations"),
            "data_format": data_format,
            **padding_attrs(padding),
        }
        args = (output_shape, filters, input)
        return apply("Conv2DBackpropInput", args, attrs, scope or None)


def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The transpose of `conv1d` (`tf.nn.conv1d_transpose`).

    Parameters
    ----------
    input : float Tensor, shape [batch, width, channels]
    filters : Tensor, shape [width, out, channels]
    output_shape : int Tensor, shape [3]
    strides : int or list of int
    padding : {"SAME", "VALID"}
    data_format : {"NWC", "NCW"}
    dilations : int or list of int, optional
    name : str, optional

    Returns
    -------
    Tensor, shape `output_shape`
    """
    from wengert import _array_ops

    with name_scope_v1(name, "conv1d_transpose") as scope:
        data_format = spatial_format(data_format or "NWC", 1, ("NWC", "NCW", "NHWC", "NCHW"))
        first = channels_first(data_format)
        at = 2 if first else 1
        steps = sequence(strides, 1, first, "strides")
        rates = sequence(dilations, 1, first, "dilations")
        value = _array_ops.expand_dims(as_tensor(input), at)
        filters = _array_ops.expand_dims(as_tensor(filters), 0)
        sizes = _expanded(output_shape, at)
        attrs = {
            "strides": [*steps[:at], 1, *steps[at:]],
            "dilations": [*rates[:at], 1, *rates[at:]],
            "data_format": "NCHW" if first else "NHWC",
            **padding_attrs(padding),
        }
        result = apply("Conv2DBackpropInput", (sizes, filters, value), attrs, scope or None)
        return _array_ops.squeeze(result, [at])


def _expanded(shape: Any, at: int) -> Any:
    from wengert import _array_ops

    if not isinstance(shape, _core.Tensor):
        shape = list(shape)
    return _array_ops.concat([shape[:at], [1], shape[at:]], axis=0)


def conv3d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The transpose of `conv3d` (`tf.nn.conv3d_transpose`).

    Parameters
    ----------
    input : float Tensor, shape [batch, depth, height, width, channels]
    filters : Tensor, shape [depth, height, width, out, channels]
    output_shape : int Tensor, shape [5]
    strides : int or list of int
    padding : {"SAME", "VALID"}
    data_format : {"NDHWC", "NCDHW"}
    dilations : int or list of int, optional
    name : str, optional

    Returns
    -------
    Tensor, shape `output_shape`
    """
    with name_scope_v1(name, "conv3d_transpose") as scope:
        data_format = spatial_format(data_format or "NDHWC", 3)
        first = channels_first(data_format)
        attrs = {
            "strides": sequence(strides, 3, first, "strides"),
            "dilations": sequence(dilations, 3, first, "dilations"),
            "data_format": data_format,
            **padding_attrs(padding, explicit=False),
        }
        args = (output_shape, filters, input)
        return apply("Conv3DBackpropInputV2", args, attrs, scope or None)


def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The transpose of a convolution over as many axes as `output_shape` says."""
    with name_scope_v1(name, "conv_transpose") as scope:
        if isinstance(output_shape, _core.Tensor):
            length = output_shape.shape.as_list()[0]
        else:
            length = len(output_shape)
        functions: Any = {1: conv1d_transpose, 2: conv2d_transpose, 3: conv3d_transpose}
        n = (length or 0) - 2
        if n not in functions:
            raise ValueError(
                "output_shape must be of length 3, 4 or 5. Received: "
                f"output_shape={output_shape} of length {length}."
            )
        args = (input, filters, output_shape, strides, padding, data_format, dilations)
        return functions[n](*args, name=scope or None)


def atrous_conv2d_transpose(
    value: Any,
    filters: Any,
    output_shape: Any,
    rate: int,
    padding: str,
    name: str | None = None,
) -> Any:
    """The transpose of `atrous_conv2d` (`tf.nn.atrous_conv2d_transpose`).

    Parameters
    ----------
    value : float Tensor, shape [batch, height, width, channels]
    filters : Tensor, shape [height, width, out, channels]
    output_shape : int Tensor or list of int, shape [4]
    rate : int
    padding : {"SAME", "VALID"}
    name : str, optional

    Returns
    -------
    Tensor, shape `output_shape`
    """
    if rate < 1:
        raise ValueError(f"`rate` must be >= 1. Received: rate={rate}")
    with name_scope_v1(name, "atrous_conv2d_transpose") as scope:
        attrs = {
            "strides": [1, 1, 1, 1],
            "dilations": [1, rate, rate, 1],
            "padding": padding,
        }
        args = (output_shape, filters, value)
        return apply("Conv2DBackpropInput", args, attrs, scope or None)
