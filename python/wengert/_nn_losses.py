"""Losses of classification (`tf.nn`)."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1

apply = _core.apply
convert = _core.convert


def _both(labels: Any, logits: Any) -> None:
    if labels is None or logits is None:
        raise ValueError("Both `labels` and `logits` must be provided.")


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Any:
    """Cross entropy of softmax(logits) for integer labels.

    Parameters
    ----------
    labels : int Tensor, shape [d0, ..., dn]
    logits : float Tensor, shape [d0, ..., dn, classes]
    name : str, optional

    Returns
    -------
    Tensor, shape [d0, ..., dn]

    Raises
    ------
    ValueError
        Shapes that do not fit, or scalar logits.

    Examples
    --------
    >>> import wengert as tf
    >>> loss = tf.nn.sparse_softmax_cross_entropy_with_logits([0], tf.zeros([1, 2]))
    >>> round(float(loss.numpy()[0]), 4)
    0.6931
    """
    from wengert import _array_ops
    from wengert._math_ops import cast

    _both(labels, logits)
    with name_scope_v1(name, "SparseSoftmaxCrossEntropyWithLogits"):
        labels = convert(labels)
        logits = convert(logits)
        half = logits.dtype in (dtypes.float16, dtypes.bfloat16)
        precise = cast(logits, dtypes.float32) if half else logits
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
        if rank is not None and rank == 2:
            cost = apply(op, (precise, labels))[0]
            return cast(cost, logits.dtype) if half else cost
        shape = _array_ops.shape(labels)
        classes = _array_ops.shape(precise)[-1]
        flat = _array_ops.reshape(precise, [-1, classes])
        cost = apply(op, (flat, _array_ops.reshape(labels, [-1])))[0]
        cost = _array_ops.reshape(cost, shape)
        return cast(cost, logits.dtype) if half else cost


def _flatten_outer(x: Any) -> Any:
    """All axes but the last as one."""
    from wengert import _array_ops

    rank = _array_ops.rank(x)
    shape = _array_ops.shape(x)
    last = apply("Sub", (rank, 1))
    tail = apply("Slice", (shape, [last], [1]))
    flat = _array_ops.reshape(x, _array_ops.concat([[-1], tail], 0))
    static = x.shape.as_list() if x._rank() is not None else None
    if static is not None and None in static and _core.current_graph() is not None:
        count: int | None = 1
        for d in static[:-1]:
            count = None if count is None or d is None else count * d
        flat.set_shape([count, static[-1]])
    return flat


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: Any = -1, name: str | None = None
) -> Any:
    """Cross entropy between softmax(logits) and the distributions in labels.

    Parameters
    ----------
    labels, logits : float Tensor, shape [..., classes]
    axis : int
        Of the classes.
    name : str, optional

    Returns
    -------
    Tensor, shape of `logits` without the axis

    Examples
    --------
    >>> import wengert as tf
    >>> loss = tf.nn.softmax_cross_entropy_with_logits([[0.5, 0.5]], [[0.0, 0.0]])
    >>> round(float(loss.numpy()[0]), 4)
    0.6931
    """
    from wengert import _array_ops
    from wengert._math_ops import cast

    with name_scope_v1(name, "softmax_cross_entropy_with_logits") as scope:
        logits = convert(logits, None, "logits")
        labels = convert(labels, None, "labels")
        dtype = logits.dtype
        half = dtype in (dtypes.float16, dtypes.bfloat16)
        precise = cast(logits, dtypes.float32) if half else logits
        labels = cast(labels, precise.dtype)
        rank = _array_ops.rank(precise)
        shape = logits.shape
        if axis != -1:
            precise, labels = (_move_last(t, axis, rank) for t in (precise, labels))
        outer = _array_ops.shape(precise)
        precise, labels = _flatten_outer(precise), _flatten_outer(labels)
        cost = apply("SoftmaxCrossEntropyWithLogits", (precise, labels), None, scope or None)[0]
        size = apply("Sub", (rank, 1))
        cost = _array_ops.reshape(cost, apply("Slice", (outer, [0], [size])))
        if shape.rank is not None and _core.current_graph() is not None:
            dims = shape.as_list()
            del dims[axis]
            cost.set_shape(dims)
        return cast(cost, dtype) if half else cost


def _move_last(x: Any, axis: int, rank: Any) -> Any:
    """Exchanges an axis with the last one."""
    from wengert import _array_ops
    from wengert._creation import range as range_

    last = apply("Sub", (rank, 1))
    order = _array_ops.concat(
        [range_(axis % x._rank()), [last], range_(axis % x._rank() + 1, last), [axis % x._rank()]],
        0,
    )
    return _array_ops.transpose(x, order)


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """Cross entropy of sigmoid(logits): max(x, 0) - x z + log(1 + exp(-|x|)).

    Parameters
    ----------
    labels, logits : float Tensor of one shape
        z, between 0 and 1, and x.
    name : str, optional

    Returns
    -------
    Tensor of that shape

    Examples
    --------
    >>> import wengert as tf
    >>> round(float(tf.nn.sigmoid_cross_entropy_with_logits([1.0], [0.0]).numpy()[0]), 4)
    0.6931
    """
    from wengert._array_ops import where_v1 as where
    from wengert._creation import zeros_like
    from wengert._math_ops import add, exp, log1p

    _both(labels, logits)
    with name_scope_v1(name, "logistic_loss") as scope:
        logits = convert(logits, None, "logits")
        labels = convert(labels, None, "labels")
        _same_shape(labels, logits)
        zeros = zeros_like(logits)
        positive = logits >= zeros
        relu_logits = where(positive, logits, zeros)
        minus_abs = where(positive, -logits, logits)
        return add(relu_logits - logits * labels, log1p(exp(minus_abs)), name=scope or None)


def _same_shape(labels: Any, logits: Any) -> None:
    if not labels.shape.is_compatible_with(logits.shape):
        raise ValueError(
            f"`logits` and `labels` must have the same shape, received ({logits.shape} vs "
            f"{labels.shape})."
        )


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Any:
    """Cross entropy of sigmoid(logits) with the positive part weighted.

    Parameters
    ----------
    labels, logits : float Tensor of one shape
    pos_weight : float
        Factor of the loss where labels are 1.
    name : str, optional

    Returns
    -------
    Tensor of that shape

    Examples
    --------
    >>> import wengert as tf
    >>> loss = tf.nn.weighted_cross_entropy_with_logits([1.0], [0.0], pos_weight=2.0)
    >>> round(float(loss.numpy()[0]), 4)
    1.3863
    """
    from wengert._math_ops import abs, add, exp, log1p
    from wengert._nn_ops import relu

    with name_scope_v1(name, "logistic_loss") as scope:
        logits = convert(logits, None, "logits")
        labels = convert(labels, None, "labels")
        _same_shape(labels, logits)
        weight = 1 + (pos_weight - 1) * labels
        rest = log1p(exp(-abs(logits))) + relu(-logits)
        return add((1 - labels) * logits, weight * rest, name=scope or None)


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Any:
    """exp(c) - z c, minus the likelihood of counts z under a Poisson distribution of mean exp(c).

    Parameters
    ----------
    targets, log_input : float Tensor of one shape
        z and c.
    compute_full_loss : bool
        Adds Stirling's approximation of log(z!) where z is above 1.
    name : str, optional

    Returns
    -------
    Tensor of that shape
    """
    from wengert import _array_ops
    from wengert._creation import ones_like, zeros_like
    from wengert._math_ops import exp, log

    with name_scope_v1(name, "log_poisson_loss"):
        log_input = convert(log_input, None, "log_input")
        targets = convert(targets, None, "targets")
        if not targets.shape.is_compatible_with(log_input.shape):
            raise ValueError(
                "`log_input` and `targets` must have the same shape, received "
                f"({log_input.shape} vs {targets.shape})."
            )
        result = exp(log_input) - log_input * targets
        if compute_full_loss:
            half = _core.constant(0.5, targets.dtype)
            two_pi = _core.constant(6.283185307179586, targets.dtype)
            stirling = targets * log(targets) - targets + half * log(two_pi * targets)
            zeros = zeros_like(targets)
            ones = ones_like(targets)
            inside = (targets >= zeros) & (targets <= ones)
            result += _array_ops.where_v1(inside, zeros, stirling)
        return result
