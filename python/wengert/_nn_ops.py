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
    """x sigmoid(beta x) (`tf.nn.silu`).

    Parameters
    ----------
    features : float Tensor
    beta : float or scalar Tensor

    Returns
    -------
    Tensor, shape of `features`

    Examples
    --------
    >>> import wengert as tf
    >>> tf.nn.silu(tf.constant([0.0, 100.0])).numpy().tolist()
    [0.0, 100.0]
    """
    from wengert._math_ops import cast

    features = convert(features, None, "features")
    beta = cast(
        convert(beta, None if isinstance(beta, _core.Tensor) else features.dtype, "beta"),
        features.dtype,
    )
    result = features * apply("Sigmoid", (beta * features,))
    graph = _core.current_graph()
    if graph is None:
        return result
    # As one function: its gradient keeps no more than the arguments.
    with graph.gradient_override_map({"IdentityN": "SiluGradient"}):
        apply("Identity", (result,))
        return apply("IdentityN", ([result, features, beta],))[0]


swish = silu


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """x times the normal distribution function of x, or its tanh approximation."""
    from wengert._math_ops import pow, tanh

    with name_scope_v1(name, "Gelu"):
        x = convert(features, None, "features")
        if not x.dtype.is_floating:
            raise ValueError(
                f"`features.dtype` must be a floating point tensor. Received: {x.dtype.name}"
            )
        if approximate:
            coefficient = _core.constant(0.044715, x.dtype, name="Cast/x")
            half = 0.5 * x
            inner = 0.7978845608028654 * (x + coefficient * pow(x, 3))
            return half * (1.0 + tanh(inner))
        half = 0.5 * x
        negative = -x
        root = _core.constant(0.7071067811865476, x.dtype, name="Cast/x")
        return half * apply("Erfc", (negative * root,))


def crelu(features: Any, axis: int = -1, name: str | None = None) -> Any:
    """relu of x and of -x, side by side (`tf.nn.crelu`).

    Parameters
    ----------
    features : Tensor
    axis : int
        Along which both are joined.
    name : str, optional

    Returns
    -------
    Tensor, twice as long along the axis

    Examples
    --------
    >>> import wengert as tf
    >>> tf.nn.crelu(tf.constant([1.0, -2.0])).numpy().tolist()
    [1.0, 0.0, 0.0, 2.0]
    """
    from wengert import _array_ops

    with name_scope_v1(name, "CRelu") as scope:
        features = convert(features, None, "features")
        both = _array_ops.concat([features, -features], axis, name=scope or "CRelu")
        return relu(both)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """x @ weights + biases (`tf.compat.v1.nn.xw_plus_b`).

    Parameters
    ----------
    x : Tensor, shape [batch, in]
    weights : Tensor, shape [in, out]
    biases : Tensor, shape [out]
    name : str, optional

    Returns
    -------
    Tensor, shape [batch, out]
    """
    from wengert._linalg_ops import matmul

    with name_scope_v1(name, "xw_plus_b") as scope:
        x, weights = convert(x, None, "x"), convert(weights, None, "weights")
        biases = convert(biases, None, "biases")
        return bias_add(matmul(x, weights), biases, name=scope or None)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """relu(x @ weights + biases) (`tf.compat.v1.nn.relu_layer`)."""
    from wengert._linalg_ops import matmul

    with name_scope_v1(name, "relu_layer") as scope:
        x, weights = convert(x, None, "x"), convert(weights, None, "weights")
        biases = convert(biases, None, "biases")
        return relu(bias_add(matmul(x, weights), biases), name=scope or None)


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


# --- statistics -----------------------------------------------------------------------------


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: Any = None) -> Any:
    """Mean and variance over axes (`tf.nn.moments`).

    Parameters
    ----------
    x : float Tensor
    axes : list of int
    shift : optional
        Accepted and not used, as in TensorFlow.
    keepdims : bool
    name : str, optional

    Returns
    -------
    mean, variance : Tensor
    """
    from wengert import _array_ops
    from wengert._math_ops import cast, squared_difference
    from wengert._math_reduce import reduce_mean

    with name_scope_v1(name, "moments"):
        x = convert(x) if not isinstance(x, _core.Tensor) else x
        half = x.dtype in (dtypes.float16, dtypes.bfloat16)
        y = cast(x, dtypes.float32) if half else x
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
        if half:
            return cast(mean, x.dtype), cast(variance, x.dtype)
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
    """Rows of a table (`tf.nn.embedding_lookup`).

    Parameters
    ----------
    params : Tensor, Variable, or list of them
        The table, or its parts along the first axis.
    ids : int Tensor
    max_norm : float, optional
        Rows are scaled so that their norm is at most this.
    name : str, optional

    Returns
    -------
    Tensor, shape of `ids` and of a row

    Examples
    --------
    >>> import wengert as tf
    >>> tf.nn.embedding_lookup(tf.constant([[1.0], [2.0]]), [1, 1]).numpy().tolist()
    [[2.0], [2.0]]
    """
    return embedding_lookup_parts(params, ids, "div", name, max_norm)


def embedding_lookup_parts(
    params: Any, ids: Any, partition_strategy: str, name: Any, max_norm: Any
) -> Any:
    """`embedding_lookup` with the rows in order ("div") or dealt out in turn ("mod")."""
    from wengert import _array_ops

    if params is None:
        raise ValueError("params must be specified")
    parts = list(params) if isinstance(params, (list, tuple)) else [params]
    if not parts:
        raise ValueError("Length of params is currently 0. Need at least one")
    with name_scope_v1(name, "embedding_lookup") as scope:
        if len(parts) == 1:
            if getattr(parts[0], "_is_variable", False):
                rows = parts[0].sparse_read(convert(ids, None, "ids"), name=scope)
            else:
                rows = _array_ops.gather(parts[0], ids, name=scope or None)
        else:
            ids = convert(ids, None, "ids")
            rows = _lookup_in_parts(parts, ids, partition_strategy, scope)
        if max_norm is not None:
            from wengert._linalg_ops import clip_by_norm

            ids_rank = convert(ids)._rank() if not isinstance(ids, _core.Tensor) else ids._rank()
            rank = rows._rank()
            if ids_rank is None or rank is None:
                raise NotImplementedError("embedding_lookup with max_norm needs known ranks")
            rows = clip_by_norm(rows, max_norm, axes=list(range(ids_rank, rank)))
        return _array_ops.identity(rows) if len(parts) == 1 else rows


def _lookup_in_parts(parts: list[Any], ids: Any, strategy: str, scope: Any) -> Any:
    """Each part looks up the ids it holds; the rows are put together in the order of `ids`."""
    from wengert import _array_more, _array_ops, _creation, _math_ops

    if strategy not in ("mod", "div"):
        raise ValueError(
            f"Unrecognized partition strategy: {strategy}. Must be one of either `mod` or `div`."
        )
    count = len(parts)
    flat = _array_ops.reshape(ids, [-1])
    places = _creation.range(_array_ops.size(flat))
    if strategy == "mod":
        part, row = flat % count, flat // count
    else:
        # The first `longer` parts hold one row more than the others.
        lengths = [p.shape.as_list()[0] for p in parts]
        total = (
            sum(lengths)
            if None not in lengths
            else _math_ops.cast(_math_ops.add_n([_array_ops.shape(p)[0] for p in parts]), ids.dtype)
        )
        short, longer = total // count, total % count
        part = _math_ops.maximum(flat // (short + 1), (flat - longer) // short)
        row = _array_ops.where(part < longer, flat % (short + 1), (flat - longer) % short)
    part = _math_ops.cast(part, dtypes.int32)
    rows_of = _array_more.dynamic_partition(row, part, count)
    places_of = _array_more.dynamic_partition(places, part, count)
    found = [_array_ops.gather(p, r) for p, r in zip(parts, rows_of, strict=True)]
    stitched = apply("ParallelDynamicStitch", (places_of, found), None, scope or None)
    row_shape = parts[0].shape[1:]
    tail = row_shape.as_list() if row_shape.is_fully_defined() else _array_ops.shape(parts[0])[1:]
    return _array_ops.reshape(stitched, _array_ops.concat([_array_ops.shape(ids), tail], 0))
