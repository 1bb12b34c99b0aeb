"""Neural-network functions with TensorFlow 1's signatures (`tf.compat.v1.nn`)."""

from __future__ import annotations

from typing import Any

from wengert import (
    _core,
    _nn_conv,
    _nn_conv_transpose,
    _nn_depthwise,
    _nn_losses,
    _nn_norm,
    _nn_ops,
    _nn_pool,
    _nn_pool_more,
)
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._math_more import in_top_k_v1 as in_top_k
from wengert._nn_depthwise import (
    depthwise_conv2d_backprop_filter,
    depthwise_conv2d_backprop_input,
)
from wengert._nn_norm import fused_batch_norm
from wengert._nn_ops import relu_layer, xw_plus_b
from wengert._nn_pool import max_pool as max_pool_v2
from wengert._nn_windows import padding_attrs, sequence

__all__ = [
    "avg_pool", "conv1d", "conv2d", "conv2d_backprop_filter", "conv2d_backprop_input",
    "conv2d_transpose", "conv3d", "conv3d_transpose", "convolution", "crelu", "depthwise_conv2d",
    "depthwise_conv2d_native", "depthwise_conv2d_native_backprop_filter",
    "depthwise_conv2d_native_backprop_input", "dilation2d", "dropout", "embedding_lookup",
    "erosion2d", "fused_batch_norm", "in_top_k", "max_pool", "max_pool_v2", "max_pool_with_argmax",
    "moments", "pool", "relu_layer", "separable_conv2d", "sigmoid_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2",
    "sparse_softmax_cross_entropy_with_logits", "weighted_cross_entropy_with_logits",
    "weighted_moments", "xw_plus_b",
]  # fmt: skip

apply = _core.apply
depthwise_conv2d_native_backprop_input = depthwise_conv2d_backprop_input
depthwise_conv2d_native_backprop_filter = depthwise_conv2d_backprop_filter


def _either(new_name: str, new: Any, old_name: str, old: Any) -> Any:
    """The value of an argument that has an old name as well."""
    if new is not None and old is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{new_name}'.")
    return old if new is None else new


# --- convolutions ---------------------------------------------------------------------------


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: Any = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.conv1d`."""
    value = _either("input", input, "value", value)
    return _nn_conv.conv1d(value, filters, stride, padding, data_format or "NWC", dilations, name)


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Any:
    """`tf.nn.conv2d`."""
    filters = _either("filters", filters, "filter", filter)
    return _nn_conv.conv2d(input, filters, strides, padding, data_format, dilations, name)


def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Any:
    """Gradient of `conv2d` with respect to its input."""
    filters = _either("filters", filters, "filter", filter)
    attrs = {
        "strides": sequence(strides, 2, data_format == "NCHW", "strides"),
        "dilations": sequence(dilations, 2, data_format == "NCHW", "dilations"),
        "data_format": data_format,
        **padding_attrs(padding),
    }
    return apply("Conv2DBackpropInput", (input_sizes, filters, out_backprop), attrs, name)


def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Any:
    """Gradient of `conv2d` with respect to its filter."""
    attrs = {
        "strides": sequence(strides, 2, data_format == "NCHW", "strides"),
        "dilations": sequence(dilations, 2, data_format == "NCHW", "dilations"),
        "data_format": data_format,
        **padding_attrs(padding),
    }
    return apply("Conv2DBackpropFilter", (input, filter_sizes, out_backprop), attrs, name)


def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NDHWC",
    dilations: Any = (1, 1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Any:
    """`tf.nn.conv3d`."""
    filters = _either("filters", filters, "filter", filter)
    return _nn_conv.conv3d(input, filters, strides, padding, data_format, dilations, name)


def convolution(
    input: Any,
    filter: Any,
    padding: Any,
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.convolution`."""
    filters = _either("filters", filters, "filter", filter)
    rates = _either("dilations", dilations, "dilation_rate", dilation_rate)
    return _nn_conv.convolution(input, filters, strides, padding, data_format, rates, name)


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.conv2d_transpose`."""
    value = _either("input", input, "value", value)
    filters = _either("filters", filters, "filter", filter)
    args = (value, filters, output_shape, strides, padding, data_format, dilations)
    return _nn_conv_transpose.conv2d_transpose(*args, name=name)


def conv3d_transpose(
    value: Any,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.conv3d_transpose`."""
    value = _either("input", input, "value", value)
    filters = _either("filters", filters, "filter", filter)
    args = (value, filters, output_shape, strides, padding, data_format, dilations)
    return _nn_conv_transpose.conv3d_transpose(*args, name=name)


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.depthwise_conv2d`."""
    rates = _either("dilations", dilations, "rate", rate)
    return _nn_depthwise.depthwise_conv2d(input, filter, strides, padding, data_format, rates, name)


def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Any:
    """The op DepthwiseConv2dNative."""
    attrs = {
        "strides": strides,
        "data_format": data_format,
        "dilations": list(dilations),
        **padding_attrs(padding),
    }
    return apply("DepthwiseConv2dNative", (input, filter), attrs, name)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.separable_conv2d`."""
    rates = _either("dilations", dilations, "rate", rate)
    filters = (depthwise_filter, pointwise_filter)
    return _nn_depthwise.separable_conv2d(
        input, *filters, strides, padding, data_format, rates, name=name
    )


# --- pooling --------------------------------------------------------------------------------


def _pool(op: str, x: Any, ksize: Any, strides: Any, padding: Any, fmt: Any, name: Any) -> Any:
    with name_scope_v1(name, op) as scope:
        fmt = fmt or "NHWC"
        attrs = {
            "ksize": sequence(ksize, 2, fmt == "NCHW", "ksize"),
            "strides": sequence(strides, 2, fmt == "NCHW", "strides"),
            "data_format": fmt,
            **padding_attrs(padding, explicit=op == "MaxPool"),
        }
        return apply(op, (x,), attrs, scope or None)


def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """Largest elements of windows over images."""
    value = _either("input", input, "value", value)
    return _pool("MaxPool", value, ksize, strides, padding, data_format, name)


def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """Means of windows over images."""
    value = _either("input", input, "value", value)
    return _pool("AvgPool", value, ksize, strides, padding, data_format, name)


def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    Targmax: Any = None,
    name: str | None = None,
    output_dtype: Any = None,
    include_batch_in_index: bool = False,
) -> Any:
    """`tf.nn.max_pool_with_argmax`."""
    dtype = _either("output_dtype", output_dtype, "Targmax", Targmax) or dtypes.int64
    return _nn_pool.max_pool_with_argmax(
        input, ksize, strides, padding, data_format, dtype, include_batch_in_index, name
    )


def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    padding: str,
    dilation_rate: Any = None,
    strides: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.pool`."""
    rates = _either("dilations", dilations, "dilation_rate", dilation_rate)
    return _nn_pool.pool(
        input, window_shape, pooling_type, strides, padding, data_format, rates, name
    )


def dilation2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: Any = None,
    name: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.dilation2d`."""
    filters = _either("filters", filters, "filter", filter)
    rates = _either("dilations", dilations, "rates", rates)
    return _nn_pool_more.dilation2d(input, filters, strides, padding, "NHWC", rates, name)


def erosion2d(
    value: Any, kernel: Any, strides: Any, rates: Any, padding: Any, name: str | None = None
) -> Any:
    """`tf.nn.erosion2d`."""
    return _nn_pool_more.erosion2d(value, kernel, strides, padding, "NHWC", rates, name)


# --- statistics, losses, others -------------------------------------------------------------


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: Any = None,
    keepdims: Any = None,
) -> Any:
    """`tf.nn.moments`."""
    return _nn_ops.moments(
        x, axes, shift, bool(_either("keepdims", keepdims, "keep_dims", keep_dims)), name
    )


def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: Any = None,
    keepdims: Any = None,
) -> Any:
    """`tf.nn.weighted_moments`."""
    keep = bool(_either("keepdims", keepdims, "keep_dims", keep_dims))
    return _nn_norm.weighted_moments(x, axes, frequency_weights, keep, name)


def sufficient_statistics(
    x: Any,
    axes: Any,
    shift: Any = None,
    keep_dims: Any = None,
    name: str | None = None,
    keepdims: Any = None,
) -> Any:
    """`tf.nn.sufficient_statistics`."""
    keep = bool(_either("keepdims", keepdims, "keep_dims", keep_dims))
    return _nn_norm.sufficient_statistics(x, axes, shift, keep, name)


def softmax_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Any:
    """Cross entropy whose gradient takes the labels for constants."""
    from wengert._array_ops import stop_gradient

    dim = dim if axis is None else axis
    if labels is None or logits is None:
        raise ValueError("Both `labels` and `logits` must be provided.")
    with name_scope_v1(name, "softmax_cross_entropy_with_logits_sg"):
        labels = stop_gradient(labels, name="labels_stop_gradient")
        return _nn_losses.softmax_cross_entropy_with_logits(labels, logits, dim, name)


def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: int | None = None, name: str | None = None, dim: Any = None
) -> Any:
    """`tf.nn.softmax_cross_entropy_with_logits`."""
    at = _either("axis", axis, "dim", dim)
    at = -1 if at is None else at
    return _nn_losses.softmax_cross_entropy_with_logits(labels, logits, at, name)


def sparse_softmax_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """`tf.nn.sparse_softmax_cross_entropy_with_logits`."""
    return _nn_losses.sparse_softmax_cross_entropy_with_logits(labels, logits, name)


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """`tf.nn.sigmoid_cross_entropy_with_logits`."""
    return _nn_losses.sigmoid_cross_entropy_with_logits(labels, logits, name)


def weighted_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    pos_weight: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Any:
    """`tf.nn.weighted_cross_entropy_with_logits`."""
    labels = _either("labels", labels, "targets", targets)
    return _nn_losses.weighted_cross_entropy_with_logits(labels, logits, pos_weight, name)


def crelu(features: Any, name: str | None = None, axis: int = -1) -> Any:
    """`tf.nn.crelu`."""
    return _nn_ops.crelu(features, axis, name)


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: Any = None,
    name: str | None = None,
    rate: Any = None,
) -> Any:
    """`tf.nn.dropout`; `keep_prob` is 1 - `rate`."""
    from wengert._nn_dropout import dropout as dropout_v2

    if keep_prob is not None:
        if rate is not None:
            raise ValueError("Cannot specify both 'rate' and 'keep_prob'.")
        rate = 1 - keep_prob
    if rate is None:
        raise ValueError(f"`rate` must be provided. Received: rate={rate}")
    return dropout_v2(x, rate, noise_shape, seed, name)


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: Any = None,
) -> Any:
    """`tf.nn.embedding_lookup`; rows of several tables are dealt out in turn by default."""
    return _nn_ops.embedding_lookup_parts(params, ids, partition_strategy, name, max_norm)


def __getattr__(name: str) -> Any:
    # Whatever TensorFlow 2 kept under the same name.
    from wengert import nn

    if not name.startswith("_") and hasattr(nn, name):
        return getattr(nn, name)
    raise AttributeError(f"module 'wengert.compat.v1.nn' has no attribute {name!r}")
