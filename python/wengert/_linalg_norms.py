"""Norms, traces and rearrangements of matrices (`tf.linalg`, `tf.norm`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _array_ops, _core
from wengert._graph import name_scope_v1
from wengert._math_ops import abs as absolute
from wengert._math_ops import cast, conj, sqrt
from wengert._math_ops import pow as power
from wengert._math_reduce import reduce_max, reduce_sum

apply = _core.apply
convert = _core.convert

_MATRIX_NORMS = ("euclidean", "fro", 1, 2, np.inf)


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Norms of vectors and matrices (`tf.norm`).

    Parameters
    ----------
    tensor : Tensor
    ord : 'euclidean', 'fro', positive number or inf, optional
        Of vectors: the p-norm. Of matrices: Frobenius, 1, 2 (the largest singular value), inf.
    axis : int or pair of int, optional
        One axis, or two for the norms of matrices; by default all elements as one vector.
    keepdims : bool, optional
        Keep reduced axes with length 1.

    Raises
    ------
    ValueError
        When there is no such norm.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.norm([3.0, 4.0]).numpy().item()
    5.0
    """
    keepdims = bool(keepdims)
    is_matrix = isinstance(axis, (tuple, list, np.ndarray)) and len(axis) == 2
    if isinstance(axis, (tuple, list, np.ndarray)):
        axis = tuple(axis)
    elif axis is not None:
        axis = (axis,)
    if axis is not None and (
        len(axis) not in (1, 2)
        or not all(isinstance(a, (int, np.integer)) for a in axis)
        or (is_matrix and axis[0] == axis[1])
    ):
        raise ValueError(
            f"'axis' must be None, an integer, or a tuple of 2 unique integers, got {axis}"
        )
    if is_matrix:
        if ord not in _MATRIX_NORMS:
            raise ValueError(
                f"'ord' must be a supported matrix norm in {list(_MATRIX_NORMS)}, got {ord}"
            )
    elif ord != "euclidean" and (isinstance(ord, str) or not ord > 0):
        raise ValueError(f"'ord' must be a supported vector norm, got {ord}")
    axes = None if axis is None else list(axis)
    with name_scope_v1(name, "norm"):
        tensor = convert(tensor)
        if ord in ("fro", "euclidean") or (ord == 2 and not is_matrix):
            squares = tensor * conj(tensor)
            result = sqrt(reduce_sum(squares, axes, keepdims=True))
        elif is_matrix and ord == 2:
            result = _spectral_norm(tensor, axes)
        else:
            result = _other_norm(absolute(tensor), ord, axis, is_matrix)
        return result if keepdims else _array_ops.squeeze(result, axes)


def norm_v1(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool | None = None,
    name: str | None = None, keep_dims: bool | None = None,
) -> Any:  # fmt: skip
    """`tf.compat.v1.norm`: as `tf.norm`, with the older name of an argument."""
    if keep_dims is not None and keepdims is not None:
        raise ValueError("Cannot specify both 'keep_dims' and 'keepdims'.")
    return norm(tensor, ord, axis, keep_dims if keepdims is None else keepdims, name)


def _other_norm(size: Any, ord: Any, axis: Any, is_matrix: bool) -> Any:
    if ord == 1:
        result = reduce_sum(size, None if axis is None else axis[0], keepdims=True)
        return reduce_max(result, axis[-1], keepdims=True) if is_matrix else result
    if ord == np.inf:
        if is_matrix:
            size = reduce_sum(size, axis[1], keepdims=True)
        return reduce_max(size, None if axis is None else axis[0], keepdims=True)
    axes = None if axis is None else list(axis)
    return power(reduce_sum(power(size, ord), axes, keepdims=True), 1.0 / ord)


def _spectral_norm(tensor: Any, axes: Any) -> Any:
    """Largest singular values, with the reduced axes kept."""
    rank = tensor._rank()
    if rank is None:
        raise NotImplementedError(
            "The 2-norm of matrices needs a tensor of known rank: use tf.ensure_shape"
        )
    axes = [int(a) % rank for a in axes]
    others = [i for i in range(rank) if i not in axes]
    order = [*others, *axes]
    moved = tensor if order == list(range(rank)) else _array_ops.transpose(tensor, order)
    s = apply("Svd", (moved,), {"compute_uv": False})[0]
    largest = reduce_max(absolute(s), axis=-1)
    for a in sorted(axes):
        largest = _array_ops.expand_dims(largest, a)
    return largest


def normalize(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Any, Any]:
    """`tensor` divided by its norm along an axis, and the norm (`tf.linalg.normalize`)."""
    with name_scope_v1(name, "normalize"):
        tensor = convert(tensor)
        size = cast(norm(tensor, ord, axis, keepdims=True), tensor.dtype)
        return tensor / size, size


def trace(x: Any, name: str | None = None) -> Any:
    """Sums of the diagonals of matrices (`tf.linalg.trace`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.trace([[1.0, 2.0], [3.0, 4.0]]).numpy().item()
    5.0
    """
    with name_scope_v1(name, "Trace") as scope:
        x = convert(x, None, "x")
        return reduce_sum(_array_ops.matrix_diag_part(x), [-1], name=scope or None)


def adjoint(matrix: Any, name: str | None = None) -> Any:
    """The last two axes exchanged and conjugated (`tf.linalg.adjoint`)."""
    with name_scope_v1(name, "adjoint"):
        return _array_ops.matrix_transpose(convert(matrix, None, "matrix"), conjugate=True)


def band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Any:
    """Matrices with 0 outside a central band (`tf.linalg.band_part`).

    Parameters
    ----------
    num_lower, num_upper : int
        Diagonals kept on either side of the main one; all of them when negative.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.band_part([[1.0, 2.0], [3.0, 4.0]], -1, 0).numpy().tolist()
    [[1.0, 0.0], [3.0, 4.0]]
    """
    return apply("MatrixBandPart", (input, num_lower, num_upper), None, name)


def tensor_diag(diagonal: Any, name: str | None = None) -> Any:
    """Tensor of twice the rank with the given diagonal (`tf.linalg.tensor_diag`)."""
    return apply("Diag", (diagonal,), None, name)


def tensor_diag_part(input: Any, name: str | None = None) -> Any:
    """Diagonal of a tensor of even rank (`tf.linalg.tensor_diag_part`)."""
    return apply("DiagPart", (input,), None, name)
