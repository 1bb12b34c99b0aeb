"""Decompositions of matrices and what is made of them (`tf.linalg`)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._creation import eye, ones
from wengert._creation import range as make_range
from wengert._graph import name_scope_v1
from wengert._linalg_ops import matmul
from wengert._linalg_solve import triangular_solve
from wengert._math_ops import cast, greater, real
from wengert._math_reduce import reduce_max, reduce_prod, reduce_sum

apply = _core.apply
convert = _core.convert


class Qr(NamedTuple):
    """What `qr` returns."""

    q: Any
    r: Any


class Lu(NamedTuple):
    """What `lu` returns: both factors in one matrix, and the order of the rows."""

    lu: Any
    p: Any


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Qr:
    """Factors of A = Q R, Q with orthonormal columns, R upper triangular (`tf.linalg.qr`).

    Parameters
    ----------
    input : Tensor, shape (..., m, n)
    full_matrices : bool, optional
        Square Q (m x m) instead of m x min(m, n).

    Examples
    --------
    >>> import wengert as tf
    >>> q, r = tf.linalg.qr([[3.0], [4.0]])
    >>> abs(r.numpy()).round(5).tolist()
    [[5.0]]
    """
    return Qr(*apply("Qr", (input,), {"full_matrices": full_matrices}, name))


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """Singular values s, and vectors with A = U diag(s) V^H (`tf.linalg.svd`).

    Parameters
    ----------
    tensor : Tensor, shape (..., m, n)
    full_matrices : bool, optional
        Square U and V.
    compute_uv : bool, optional
        Return the vectors too.

    Returns
    -------
    s : Tensor, shape (..., min(m, n))
        Real, largest first. NaN where the matrix is not finite.
    u : Tensor, shape (..., m, min(m, n)) or (..., m, m)
    v : Tensor, shape (..., n, min(m, n)) or (..., n, n)

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.svd([[0.0, 2.0], [1.0, 0.0]], compute_uv=False).numpy().tolist()
    [2.0, 1.0]
    """
    attrs = {"compute_uv": compute_uv, "full_matrices": full_matrices}
    s, u, v = apply("Svd", (tensor,), attrs, name)
    if s.dtype.is_complex:
        s = real(s)
    return (s, u, v) if compute_uv else s


def eigh(tensor: Any, name: str | None = None) -> tuple[Any, Any]:
    """Eigenvalues, smallest first, and eigenvectors of Hermitian matrices (`tf.linalg.eigh`).

    Parameters
    ----------
    tensor : Tensor, shape (..., n, n)
        Only the lower triangle is read.

    Raises
    ------
    InvalidArgumentError
        When the matrix holds NaN.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.eigh([[2.0, 0.0], [0.0, 1.0]])[0].numpy().tolist()
    [1.0, 2.0]
    """
    e, v = apply("SelfAdjointEigV2", (tensor,), {"compute_v": True}, name)
    return e, v


def eigvalsh(tensor: Any, name: str | None = None) -> Any:
    """Eigenvalues of Hermitian matrices, smallest first (`tf.linalg.eigvalsh`)."""
    return apply("SelfAdjointEigV2", (tensor,), {"compute_v": False}, name)[0]


def _complex_of(tensor: Any) -> Any:
    wide = tensor.dtype in (dtypes.float64, dtypes.complex128)
    return dtypes.complex128 if wide else dtypes.complex64


def eig(tensor: Any, name: str | None = None) -> tuple[Any, Any]:
    """Complex eigenvalues and eigenvectors of square matrices (`tf.linalg.eig`).

    Raises
    ------
    InvalidArgumentError
        When the matrix is not finite.
    """
    tensor = convert(tensor)
    attrs = {"compute_v": True, "Tout": _complex_of(tensor)}
    e, v = apply("Eig", (tensor,), attrs, name)
    return e, v


def eigvals(tensor: Any, name: str | None = None) -> Any:
    """Complex eigenvalues of square matrices (`tf.linalg.eigvals`)."""
    tensor = convert(tensor)
    attrs = {"compute_v": False, "Tout": _complex_of(tensor)}
    return apply("Eig", (tensor,), attrs, name)[0]


def sqrtm(input: Any, name: str | None = None) -> Any:
    """Principal square roots of square matrices (`tf.linalg.sqrtm`); NaN where there are none."""
    return apply("MatrixSquareRoot", (input,), None, name)


def logm(input: Any, name: str | None = None) -> Any:
    """Principal logarithms of complex square matrices (`tf.linalg.logm`)."""
    return apply("MatrixLogarithm", (input,), None, name)


# --- LU -------------------------------------------------------------------------------------


def lu(input: Any, output_idx_type: Any = dtypes.int32, name: str | None = None) -> Lu:
    """Factors of A[p] = L U: L (unit diagonal) and U in one matrix, and p (`tf.linalg.lu`).

    Raises
    ------
    InvalidArgumentError
        When a matrix is singular.

    Examples
    --------
    >>> import wengert as tf
    >>> factors, p = tf.linalg.lu([[0.0, 1.0], [2.0, 0.0]])
    >>> p.numpy().tolist()
    [1, 0]
    """
    return Lu(*apply("Lu", (input,), {"output_idx_type": output_idx_type}, name))


def _unit_lower(lower_upper: Any, dtype: Any) -> Any:
    lower = apply("MatrixBandPart", (lower_upper, -1, 0))
    diagonal = ones(_array_ops.shape(lower_upper)[:-1], dtype=dtype)
    return _array_ops.matrix_set_diag(lower, diagonal)


def _batch_index(perm: Any, batch_size: Any, n: Any) -> Any:
    """Pairs of batch entry and row, for a permutation of shape (batch_size, n)."""
    rows = make_range(batch_size)[:, None]
    rows = _array_ops.broadcast_to(cast(rows, perm.dtype), [batch_size, n])
    return _array_ops.stack([rows, perm], axis=-1)


def lu_solve(
    lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False, name: str | None = None
) -> Any:
    """Solutions of A X = B given the LU factors of A (`tf.linalg.lu_solve`).

    Parameters
    ----------
    lower_upper : Tensor, shape (..., n, n)
    perm : Tensor, shape (..., n)
        As `lu` returns them.
    rhs : Tensor, shape (..., n, k)
        Batch shapes broadcast.
    validate_args : bool, optional
        Accepted as in TensorFlow; shapes are always checked.
    """
    with name_scope_v1(name, "lu_solve"):
        lower_upper = convert(lower_upper, None, "lower_upper")
        perm = convert(perm, None, "perm")
        rhs = convert(rhs, lower_upper.dtype, "rhs")
        if lower_upper._rank() == 2 and perm._rank() == 1:
            permuted = _array_ops.gather(rhs, perm, axis=-2)
        else:
            rhs_shape = _array_ops.shape(rhs)
            batch = apply("BroadcastArgs", (rhs_shape[:-2], _array_ops.shape(perm)[:-1]))
            n, k = rhs_shape[-2], rhs_shape[-1]
            whole = _array_ops.concat([batch, [n, k]], axis=0)
            rows = _array_ops.reshape(_array_ops.broadcast_to(rhs, whole), [-1, n, k])
            order = _array_ops.broadcast_to(perm, whole[:-1])
            order = _array_ops.reshape(order, [-1, n])
            index = _batch_index(order, reduce_prod(batch), n)
            permuted = _array_ops.reshape(_array_ops.gather_nd(rows, index), whole)
        y = triangular_solve(_unit_lower(lower_upper, lower_upper.dtype), permuted)
        return triangular_solve(lower_upper, y, lower=False)


def lu_matrix_inverse(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None
) -> Any:
    """Inverses of matrices given their LU factors (`tf.linalg.lu_matrix_inverse`)."""
    with name_scope_v1(name, "lu_matrix_inverse"):
        lower_upper = convert(lower_upper, None, "lower_upper")
        perm = convert(perm, None, "perm")
        shape = _array_ops.shape(lower_upper)
        identity = eye(shape[-1], batch_shape=shape[:-2], dtype=lower_upper.dtype)
        return lu_solve(lower_upper, perm, identity, validate_args)


def lu_reconstruct(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None
) -> Any:
    """The matrices that have these LU factors (`tf.linalg.lu_reconstruct`)."""
    with name_scope_v1(name, "lu_reconstruct"):
        lower_upper = convert(lower_upper, None, "lower_upper")
        perm = convert(perm, None, "perm")
        shape = _array_ops.shape(lower_upper)
        lower = _unit_lower(lower_upper, lower_upper.dtype)
        product = matmul(lower, apply("MatrixBandPart", (lower_upper, 0, -1)))
        if lower_upper._rank() == 2 and perm._rank() == 1:
            return _array_ops.gather(product, apply("InvertPermutation", (perm,)))
        # Where row i of the product goes: the rows of the result are scattered.
        size, n = reduce_prod(shape[:-2]), shape[-1]
        rows = _array_ops.reshape(product, [size, n, n])
        index = _batch_index(_array_ops.reshape(perm, [size, n]), size, n)
        wide = cast(_array_ops.shape(rows), perm.dtype)
        return _array_ops.reshape(_array_ops.scatter_nd(index, rows, wide), shape)


# --- made of singular values ----------------------------------------------------------------


def matrix_rank(
    a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None
) -> Any:
    """Number of singular values above a tolerance (`tf.linalg.matrix_rank`).

    Parameters
    ----------
    a : Tensor, shape (..., m, n)
    tol : Tensor, optional
        Defaults to eps max(m, n) times the largest singular value.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.matrix_rank([[1.0, 1.0], [1.0, 1.0]]).numpy().item()
    1
    """
    with name_scope_v1(name, "matrix_rank"):
        a = convert(a, None, "a")
        _check_matrices(a)
        s = svd(a, compute_uv=False)
        if tol is None:
            dims = a._shape_tuple()
            if dims is not None and dims[-2] is not None and dims[-1] is not None:
                largest: Any = int(max(dims[-2:]))
            else:
                largest = reduce_max(_array_ops.shape(a)[-2:])
            eps = float(np.finfo(a.dtype.as_numpy_dtype).eps)
            tol = eps * cast(largest, s.dtype) * reduce_max(s, axis=-1, keepdims=True)
        return reduce_sum(cast(greater(s, tol), dtypes.int32), axis=-1)


def _check_matrices(a: Any) -> None:
    if not (a.dtype.is_floating or a.dtype.is_complex):
        raise TypeError(f"Input `a` must have `float`-like `dtype` (saw {a.dtype.name}).")
    rank = a._rank()
    if rank is not None and rank < 2:
        raise ValueError(f"Input `a` must have at least 2 dimensions (saw: {rank}).")


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Any:
    """Moore-Penrose pseudo-inverses (`tf.linalg.pinv`).

    Parameters
    ----------
    a : Tensor, shape (..., m, n)
    rcond : Tensor, optional
        Singular values up to this part of the largest count as zero; 10 max(m, n) eps by default.

    Returns
    -------
    Tensor, shape (..., n, m)

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.pinv([[2.0], [0.0]]).numpy().tolist()
    [[0.5, 0.0]]
    """
    with name_scope_v1(name, "pinv"):
        a = convert(a, None, "a")
        _check_matrices(a)
        dtype = a.dtype.as_numpy_dtype
        if rcond is None:
            dims = a._shape_tuple()
            if dims is not None and dims[-2] is not None and dims[-1] is not None:
                largest: Any = float(max(dims[-2:]))
            else:
                largest = cast(reduce_max(_array_ops.shape(a)[-2:]), a.dtype.real_dtype)
            rcond = 10.0 * largest * float(np.finfo(dtype).eps)
        rcond = convert(rcond, a.dtype.real_dtype, "rcond")
        s, u, v = svd(a)
        cutoff = rcond * reduce_max(s, axis=-1)
        s = _array_ops.where(
            greater(s, _array_ops.expand_dims(cutoff, -1)),
            s,
            np.array(np.inf, s.dtype.as_numpy_dtype),
        )
        scale = _array_ops.expand_dims(s, -2)
        result = matmul(v / cast(scale, v.dtype), u, adjoint_b=True)
        return result
