"""Statistics and normalisation (`tf.nn`)."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1

apply = _core.apply
convert = _core.convert


def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: str | None = None
) -> Any:
    """Mean and variance of elements that count several times (`tf.nn.weighted_moments`).

    Parameters
    ----------
    x : float Tensor
    axes : list of int
        Averaged over.
    frequency_weights : Tensor
        Weight of each element; broadcasts with `x`.
    keepdims : bool
    name : str, optional

    Returns
    -------
    mean, variance : Tensor

    Examples
    --------
    >>> import wengert as tf
    >>> mean, variance = tf.nn.weighted_moments(tf.constant([1.0, 4.0]), [0], [2.0, 1.0])
    >>> mean.numpy().item(), variance.numpy().item()
    (2.0, 2.0)
    """
    from wengert import _array_ops
    from wengert._creation import zeros_like
    from wengert._math_ops import cast, squared_difference
    from wengert._math_reduce import reduce_sum

    def div_no_nan(a: Any, b: Any) -> Any:
        return apply("DivNoNan", (a, b), None, "div_no_nan")

    with name_scope_v1(name, "weighted_moments"):
        x = convert(x, None, "x")
        weights = convert(frequency_weights, None, "frequency_weights")
        half = x.dtype in (dtypes.float16, dtypes.bfloat16)
        dtype = x.dtype
        if half:
            x = cast(x, dtypes.float32)
        if weights.dtype != x.dtype:
            weights = cast(weights, x.dtype)
        total = reduce_sum(weights * x, axes, keepdims=True, name="weighted_input_sum")
        spread = weights + zeros_like(x)
        sum_of_weights = reduce_sum(spread, axes, keepdims=True, name="sum_of_weights")
        mean = div_no_nan(total, sum_of_weights)
        distances = reduce_sum(
            weights * squared_difference(x, mean),
            axes,
            keepdims=True,
            name="weighted_distsq",
        )
        variance = div_no_nan(distances, sum_of_weights)
        if not keepdims:
            mean = _array_ops.squeeze(mean, axes)
            variance = _array_ops.squeeze(variance, axes)
        if half:
            mean, variance = cast(mean, dtype), cast(variance, dtype)
        return mean, variance


def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """Count, sum and sum of squares over axes, each minus `shift`.

    Parameters
    ----------
    x : float Tensor
    axes : list of int
    shift : Tensor, optional
        Near the mean, for accuracy.
    keepdims : bool
    name : str, optional

    Returns
    -------
    count, sum, sum of squares, shift
        `shift` is None when none was given.
    """
    from wengert._array_ops import gather, shape
    from wengert._math_ops import cast, square, squared_difference, subtract
    from wengert._math_reduce import reduce_prod, reduce_sum

    with name_scope_v1(name, "sufficient_statistics"):
        x = convert(x, None, "x")
        dims = x.shape.as_list() if x._rank() is not None else None
        axes = sorted({int(a) % len(dims) for a in axes}) if dims is not None else list(axes)
        if dims is not None and all(dims[a] is not None for a in axes):
            n = 1
            for a in axes:
                n *= dims[a]
            count = _core.constant(n, x.dtype, name="count")
        else:
            count = cast(reduce_prod(gather(shape(x), axes)), x.dtype, name="count")
        if shift is not None:
            shift = convert(shift, None, "shift")
            centred = subtract(x, shift)
            squares = squared_difference(x, shift)
        else:
            centred = x
            squares = square(x)
        sums = reduce_sum(centred, axes, keepdims=keepdims, name="mean_ss")
        square_sums = reduce_sum(squares, axes, keepdims=keepdims, name="var_ss")
        return count, sums, square_sums, shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> Any:
    """Mean and variance from what `sufficient_statistics` gives."""
    from wengert._math_ops import add, multiply, square, subtract

    with name_scope_v1(name, "normalize"):
        divisor = apply("Reciprocal", (counts,), None, "divisor")
        if shift is not None:
            shifted = multiply(mean_ss, divisor, name="shifted_mean")
            mean = add(shifted, shift, name="mean")
        else:
            shifted = multiply(mean_ss, divisor, name="mean")
            mean = shifted
        variance = subtract(multiply(variance_ss, divisor), square(shifted), name="variance")
        return mean, variance


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Any:
    """(x - mean) scale / sqrt(variance + epsilon) + offset (`tf.nn.batch_normalization`).

    Parameters
    ----------
    x : float Tensor
    mean, variance : Tensor
        Broadcast with `x`.
    offset, scale : Tensor or None
        Left out when None.
    variance_epsilon : float
    name : str, optional

    Returns
    -------
    Tensor, shape of `x`

    Examples
    --------
    >>> import wengert as tf
    >>> tf.nn.batch_normalization(tf.constant([3.0]), 1.0, 4.0, 0.5, 2.0, 0.0).numpy().item()
    2.5
    """
    from wengert._math_ops import cast, rsqrt

    with name_scope_v1(name, "batchnorm"):
        x = convert(x)
        variance = convert(variance, None if isinstance(variance, _core.Tensor) else x.dtype)
        inverse = rsqrt(variance + variance_epsilon)
        if scale is not None:
            inverse = inverse * scale
        scaled = x * cast(inverse, x.dtype)
        shifted = offset - mean * inverse if offset is not None else -mean * inverse
        return scaled + cast(shifted, x.dtype)


def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
    exponential_avg_factor: float = 1.0,
) -> Any:
    """Batch normalisation as one op (`tf.compat.v1.nn.fused_batch_norm`).

    Parameters
    ----------
    x : float Tensor, shape [batch, spatial ..., channels]
    scale, offset : Tensor, shape [channels]
    mean, variance : Tensor, shape [channels], optional
        What is used when not training; what is averaged with when training and
        `exponential_avg_factor` is not 1.
    epsilon : float
    data_format : {"NHWC", "NCHW", "NDHWC", "NCDHW"}
    is_training : bool
        Whether mean and variance are those of the batch.
    name : str, optional
    exponential_avg_factor : float

    Returns
    -------
    y, mean, variance : Tensor
        Of the shapes of `x`, [channels] and [channels].

    Raises
    ------
    ValueError
        Mean and variance are missing where they are needed.
    """
    if (not is_training or exponential_avg_factor != 1.0) and (mean is None or variance is None):
        raise ValueError(
            "Both `mean` and `variance` must be a 1D tensor when `is_training` is False or "
            "`exponential_avg_factor` != 1.0. Received: "
            f"`mean` {mean!r} and `variance` {variance!r}"
        )
    x = convert(x, None, "input")
    scale = convert(scale, None, "scale")
    offset = convert(offset, None, "offset")
    if mean is None:
        mean = _core.constant([], dtypes.float32)
    if variance is None:
        variance = _core.constant([], dtypes.float32)
    attrs = {
        "epsilon": max(epsilon, 1.001e-5),
        "data_format": data_format,
        "is_training": is_training,
        "exponential_avg_factor": exponential_avg_factor,
    }
    result = apply("FusedBatchNormV3", (x, scale, offset, mean, variance), attrs, name)
    return result[0], result[1], result[2]


def batch_norm_with_global_normalization(
    input: Any,
    mean: Any,
    variance: Any,
    beta: Any,
    gamma: Any,
    variance_epsilon: float,
    scale_after_normalization: bool,
    name: str | None = None,
) -> Any:
    """`batch_normalization` of images by given statistics; `gamma` may be left out."""
    scale = gamma if scale_after_normalization else None
    return batch_normalization(input, mean, variance, beta, scale, variance_epsilon, name)


def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str | None = None,
) -> Any:
    """Each channel divided by (bias + alpha s)^beta, s the squares of the channels near it.

    Parameters
    ----------
    input : float Tensor, shape [batch, height, width, channels]
    depth_radius : int
        How far on either side channels count.
    bias, alpha, beta : float
    name : str, optional

    Returns
    -------
    Tensor, shape of `input`
    """
    attrs = {"depth_radius": depth_radius, "bias": bias, "alpha": alpha, "beta": beta}
    return apply("LRN", (input,), attrs, name)


lrn = local_response_normalization
