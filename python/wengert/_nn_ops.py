"""Neural-network functions (`tf.nn`)."""

from __future__ import annotations

from typing import Any, NamedTuple

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._wrap import op_function

apply = _core.apply
convert = _core.convert

relu = op_function("Relu", "relu", "features")
relu6 = op_function("Relu6", "relu6", "features")
elu = op_function("Elu", "elu", "features")
selu = op_function("Selu", "selu", "features")
softplus = op_function("Softplus", "softplus", "features")
softsign = op_function("Softsign", "softsign", "features")
l2_loss = op_function("L2Loss", "l2_loss", "t")


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Any:
    """x where positive, alpha x elsewhere (`tf.nn.leaky_relu`)."""
    with name_scope_v1(name, "LeakyRelu") as scope:
        features = convert(features, None, "features")
        if features.dtype.is_integer:
            from wengert._math_ops import cast

            features = cast(features, dtypes.float32)
        return apply("LeakyRelu", (features,), {"alpha": alpha}, scope or None)


def silu(features: Any, beta: Any = 1.0) -> Any:
    """x sigmoid(beta x) (`tf.nn.silu`)."""
    features = convert(features, None, "features")
    return features * apply("Sigmoid", (convert(beta, features.dtype) * features,))


swish = silu


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """x times the normal distribution function of x, or its tanh approximation."""
    from wengert._math_ops import erf, pow, tanh

    with name_scope_v1(name, "Gelu"):
        x = convert(features, None, "features")
        if approximate:
            coefficient = _core.constant(0.044715, x.dtype)
            inner = 0.7978845608028654 * (x + coefficient * pow(x, 3))
            return 0.5 * x * (1.0 + tanh(inner))
        return 0.5 * x * (1.0 + erf(x / _core.constant(1.4142135623730951, x.dtype)))


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """`value` plus a vector along its channel axis (`tf.nn.bias_add`)."""
    with name_scope_v1(name, "BiasAdd") as scope:
        fmt = "NCHW" if data_format is not None and data_format.startswith("NC") else "NHWC"
        value = convert(value, None, "input")
        bias = convert(bias, value.dtype, "bias")
        return apply("BiasAdd", (value, bias), {"data_format": fmt}, scope or None)


# --- softmax --------------------------------------------------------------------------------


def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along an axis, the last by default (`tf.nn.softmax`)."""
    return _softmax_like("Softmax", logits, dim if axis is None else axis, name)


def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """Logarithm of softmax (`tf.nn.log_softmax`)."""
    return _softmax_like("LogSoftmax", logits, dim if axis is None else axis, name)


def _softmax_like(op_type: str, logits: Any, axis: Any, name: str | None) -> Any:
    logits = convert(logits) if not isinstance(logits, _core.Tensor) else logits
    axis = -1 if axis is None else axis
    rank = logits._rank()
    if axis == -1 or (rank is not None and axis == rank - 1):
        return apply(op_type, (logits,), None, name)
    from wengert import _array_ops

    if rank is None:
        raise NotImplementedError(f"{op_type} over an inner axis needs a known rank")
    axis %= rank
    perm = [*range(axis), rank - 1, *range(axis + 1, rank - 1), axis]
    swapped = _array_ops.transpose(logits, perm)
    return _array_ops.transpose(apply(op_type, (swapped,)), perm, name=name or "transpose")


def sparse_softmax_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """Cross entropy of softmax(logits) for integer labels.

    Parameters
    ----------
    labels : int Tensor, shape [d0, ..., dn]
    logits : float Tensor, shape [d0, ..., dn, classes]

    Returns
    -------
    Tensor, shape [d0, ..., dn]
    """
    from wengert import _array_ops

    if labels is None or logits is None:
        raise ValueError("Both `labels` and `logits` must be provided.")
    with name_scope_v1(name, "SparseSoftmaxCrossEntropyWithLogits") as scope:
        labels = convert(labels)
        logits = convert(logits)
        rank, label_rank = logits._rank(), labels._rank()
        if rank == 0:
            raise ValueError(f"`logits` cannot be a scalar. Received logits={logits}`")
        if rank is not None and label_rank is not None and label_rank != rank - 1:
            raise ValueError(
                "`labels.shape.rank` must equal `logits.shape.rank - 1`. Received: labels.shape="
                f"{labels.shape} of rank {label_rank} and logits.shape={logits.shape} of rank "
                f"{rank}"
            )
        op = "SparseSoftmaxCrossEntropyWithLogits"
        if rank == 2:
            return apply(op, (logits, labels), None, scope or None)[0]
        shape = _array_ops.shape(labels)
        classes = _array_ops.shape(logits)[-1]
        flat = apply(
            op,
            (_array_ops.reshape(logits, [-1, classes]), _array_ops.reshape(labels, [-1])),
            None,
            scope or None,
        )[0]
        return _array_ops.reshape(flat, shape)


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: Any = -1, name: str | None = None
) -> Any:
    """Cross entropy between softmax(logits) and the distributions in labels."""
    from wengert import _array_ops

    with name_scope_v1(name, "softmax_cross_entropy_with_logits"):
        logits = convert(logits, None, "logits")
        labels = convert(labels, logits.dtype, "labels")
        rank = logits._rank()
        if rank is None:
            raise NotImplementedError(
                "softmax_cross_entropy_with_logits needs logits of known rank"
            )
        op = "SoftmaxCrossEntropyWithLogits"
        last = axis % rank == rank - 1
        if rank == 2 and last:
            return apply(op, (logits, labels))[0]
        if not last:
            at = axis % rank
            perm = [*range(at), *range(at + 1, rank), at]
            logits, labels = _array_ops.transpose(logits, perm), _array_ops.transpose(labels, perm)
        shape = _array_ops.shape(logits)
        flat = [_array_ops.reshape(t, [-1, shape[-1]]) for t in (logits, labels)]
        return _array_ops.reshape(apply(op, tuple(flat))[0], shape[:-1])


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """Cross entropy of sigmoid(logits): max(x, 0) - x z + log(1 + exp(-|x|))."""
    from wengert import _array_ops
    from wengert._creation import zeros_like
    from wengert._math_ops import exp, log1p

    with name_scope_v1(name, "logistic_loss") as scope:
        logits = convert(logits, None, "logits")
        labels = convert(labels, logits.dtype, "labels")
        zeros = zeros_like(logits)
        positive = logits >= zeros
        relu_logits = _array_ops.where(positive, logits, zeros)
        minus_abs = _array_ops.where(positive, -logits, logits)
        from wengert._math_ops import add

        return add(relu_logits - logits * labels, log1p(exp(minus_abs)), name=scope or None)


# --- statistics -----------------------------------------------------------------------------


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: Any = None) -> Any:
    """Mean and variance over axes (`tf.nn.moments`)."""
    from wengert import _array_ops
    from wengert._math_ops import cast, squared_difference
    from wengert._math_reduce import reduce_mean

    with name_scope_v1(name, "moments"):
        x = convert(x) if not isinstance(x, _core.Tensor) else x
        y = cast(x, dtypes.float32) if x.dtype == dtypes.float16 else x
        mean = reduce_mean(y, axes, keepdims=True, name="mean")
        variance = reduce_mean(
            squared_difference(y, _array_ops.stop_gradient(mean)),
            axes,
            keepdims=True,
            name="variance",
        )
        if not keepdims:
            mean = _array_ops.squeeze(mean, axes)
            variance = _array_ops.squeeze(variance, axes)
        if x.dtype == dtypes.float16:
            return cast(mean, dtypes.float16), cast(variance, dtypes.float16)
        return mean, variance


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: Any = None) -> Any:
    """x / sqrt(max(sum(x^2), epsilon)) along axes (`tf.math.l2_normalize`)."""
    from wengert._math_ops import maximum, multiply, rsqrt, square
    from wengert._math_reduce import reduce_sum

    with name_scope_v1(name, "l2_normalize") as scope:
        x = convert(x, None, "x")
        total = reduce_sum(square(x), axis, keepdims=True)
        inverse = rsqrt(maximum(total, epsilon))
        return multiply(x, inverse, name=scope or None)


class _TopK(NamedTuple):
    values: Any
    indices: Any


def top_k(
    input: Any, k: Any = 1, sorted: bool = True, index_type: Any = None, name: Any = None
) -> Any:
    """The k largest elements of each row and their indices (`tf.math.top_k`)."""
    result = apply("TopKV2", (input, k), {"sorted": sorted}, name)
    return _TopK(*result)


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: Any = None) -> Any:
    """Rows of a table (`tf.nn.embedding_lookup`), scaled to a norm of at most `max_norm`."""
    from wengert import _array_ops, _core

    if isinstance(params, (list, tuple)):
        if len(params) != 1:
            raise NotImplementedError("embedding_lookup over several partitions: concatenate them")
        params = params[0]
    with name_scope_v1(name, "embedding_lookup") as scope:
        ids = _core.convert(ids, None, "ids")
        if getattr(params, "_is_variable", False):
            rows = params.sparse_read(ids, name=scope)
        else:
            rows = _core.apply("GatherV2", (params, ids, 0), None, scope or None)
        if max_norm is not None:
            from wengert._linalg_ops import clip_by_norm

            if ids.shape.rank is None or rows.shape.rank is None:
                raise ValueError(
                    "embedding_lookup with max_norm needs ids and params of known rank"
                )
            rows = clip_by_norm(rows, max_norm, list(range(ids.shape.rank, rows.shape.rank)))
        return _array_ops.identity(rows)
