"""Factors, inverses, determinants and solutions of linear systems (`tf.linalg`)."""

from __future__ import annotations

from typing import Any, NamedTuple

from wengert import _array_ops, _core
from wengert._creation import eye
from wengert._graph import name_scope_v1
from wengert._linalg_ops import matmul
from wengert._math_ops import log, real
from wengert._math_reduce import reduce_sum

apply = _core.apply
convert = _core.convert


class LogMatrixDeterminant(NamedTuple):
    """What `slogdet` returns: the sign and the logarithm of the absolute value."""

    sign: Any
    log_abs_determinant: Any


def cholesky(input: Any, name: str | None = None) -> Any:
    """Lower triangular factors L with L L^H = A (`tf.linalg.cholesky`).

    Parameters
    ----------
    input : Tensor, shape (..., n, n)
        Hermitian positive definite; only the lower triangle is read.

    Returns
    -------
    Tensor
        Of the same shape; NaN for a matrix that is not positive definite.

    Raises
    ------
    InvalidArgumentError, ValueError
        When the matrices are not square.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.cholesky([[4.0, 2.0], [2.0, 2.0]]).numpy().tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    return apply("Cholesky", (input,), None, name)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Any:
    """Solutions of A X = B given the Cholesky factor of A (`tf.linalg.cholesky_solve`).

    Parameters
    ----------
    chol : Tensor, shape (..., n, n)
    rhs : Tensor, shape (..., n, k)
    """
    with name_scope_v1(name, "cholesky_solve"):
        y = apply("MatrixTriangularSolve", (chol, rhs), {"adjoint": False, "lower": True})
        return apply("MatrixTriangularSolve", (chol, y), {"adjoint": True, "lower": True})


def inv(input: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """Inverses of square matrices or of their adjoints (`tf.linalg.inv`).

    Raises
    ------
    InvalidArgumentError
        When a matrix is singular.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).numpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return apply("MatrixInverse", (input,), {"adjoint": adjoint}, name)


def det(input: Any, name: str | None = None) -> Any:
    """Determinants of square matrices (`tf.linalg.det`)."""
    return apply("MatrixDeterminant", (input,), None, name)


def slogdet(input: Any, name: str | None = None) -> LogMatrixDeterminant:
    """Signs of determinants, and logarithms of their absolute values (`tf.linalg.slogdet`).

    Examples
    --------
    >>> import wengert as tf
    >>> sign, log = tf.linalg.slogdet([[0.0, 1.0], [1.0, 0.0]])
    >>> sign.numpy().item(), abs(log.numpy().item())
    (-1.0, 0.0)
    """
    return LogMatrixDeterminant(*apply("LogMatrixDeterminant", (input,), None, name))


def logdet(matrix: Any, name: str | None = None) -> Any:
    """Logarithms of the determinants of Hermitian positive definite matrices."""
    with name_scope_v1(name, "logdet"):
        diagonal = real(_array_ops.matrix_diag_part(cholesky(matrix)))
        return 2.0 * reduce_sum(log(diagonal), axis=[-1])


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """Solutions X of A X = B, or of A^H X = B (`tf.linalg.solve`).

    Parameters
    ----------
    matrix : Tensor, shape (..., n, n)
    rhs : Tensor, shape (..., n, k)
    adjoint : bool, optional
        Solve with the adjoint of the matrix.

    Raises
    ------
    InvalidArgumentError
        When a matrix is singular or the shapes do not fit.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [[2.0], [2.0]]).numpy().tolist()
    [[1.0], [0.5]]
    """
    return apply("MatrixSolve", (matrix, rhs), {"adjoint": adjoint}, name)


def triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Any:
    """Solutions of systems with triangular matrices (`tf.linalg.triangular_solve`).

    Batch shapes broadcast. A zero on the diagonal gives infinities, no error.
    """
    attrs = {"lower": lower, "adjoint": adjoint}
    with name_scope_v1(name, "triangular_solve"):
        return apply("MatrixTriangularSolve", (matrix, rhs), attrs)


def lstsq(
    matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True, name: str | None = None
) -> Any:
    """Least squares: minimises |A X - B|^2 + l2 |X|^2 (`tf.linalg.lstsq`).

    Parameters
    ----------
    matrix : Tensor, shape (..., m, n)
    rhs : Tensor, shape (..., m, k)
    l2_regularizer : float, optional
        Weight of |X|^2; ignored unless `fast`.
    fast : bool, optional
        By the normal equations, which have a gradient; else by a complete orthogonal
        decomposition, for matrices that may lack full rank.

    Returns
    -------
    Tensor, shape (..., n, k)
        Of underdetermined systems (m < n) the solution of least norm.
    """
    matrix = convert(matrix, None, "matrix")
    dims = matrix._shape_tuple()
    if not fast or dims is None or dims[-2] is None or dims[-1] is None:
        return apply("MatrixSolveLs", (matrix, rhs, l2_regularizer), {"fast": fast}, name)
    with name_scope_v1(name, "matrix_solve_ls"):
        if dims[-2] >= dims[-1]:
            chol = _regularised_cholesky(matrix, l2_regularizer, True)
            return cholesky_solve(chol, matmul(matrix, rhs, adjoint_a=True))
        chol = _regularised_cholesky(matrix, l2_regularizer, False)
        return matmul(matrix, cholesky_solve(chol, rhs), adjoint_a=True)


def _regularised_cholesky(matrix: Any, l2_regularizer: Any, first: bool) -> Any:
    """Factor of A^H A + l2 (first) or A A^H + l2."""
    gram = matmul(matrix, matrix, adjoint_a=first, adjoint_b=not first)
    if isinstance(l2_regularizer, _core.Tensor) or l2_regularizer != 0:
        shape = _array_ops.shape(matrix)
        batch = shape[:-2]
        small = shape[-1] if first else shape[-2]
        gram = gram + l2_regularizer * eye(small, batch_shape=batch, dtype=matrix.dtype)
    return cholesky(gram)


# --- banded matrices ------------------------------------------------------------------------


def banded_triangular_solve(
    bands: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Any:
    """Solutions of triangular systems whose matrices are given by their diagonals.

    Parameters
    ----------
    bands : Tensor, shape (..., bands, n)
        Diagonals, the main one first when `lower`, else last, each aligned with its rows.
    rhs : Tensor, shape (..., n, k)

    Raises
    ------
    InvalidArgumentError
        When there is a zero on the main diagonal.
    """
    attrs = {"lower": lower, "adjoint": adjoint}
    with name_scope_v1(name, "banded_triangular_solve"):
        return apply("BandedTriangularSolve", (bands, rhs), attrs)


def tridiagonal_solve(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", transpose_rhs: bool = False,
    conjugate_rhs: bool = False, name: str | None = None, partial_pivoting: bool = True,
    perturb_singular: bool = False,
) -> Any:  # fmt: skip
    """Solutions of tridiagonal systems (`tf.linalg.tridiagonal_solve`).

    Parameters
    ----------
    diagonals : Tensor or sequence of three
        `compact`: shape (..., 3, n), the diagonals above, at and below the main one;
        `sequence`: the three, of length n or, off the main one, n - 1; `matrix`: (..., n, n).
    rhs : Tensor, shape (..., n, k) or (..., n)
    transpose_rhs, conjugate_rhs : bool, optional
        Take the transpose, the conjugate of the right-hand side.
    partial_pivoting : bool, optional
        Exchange rows for stability.
    perturb_singular : bool, optional
        Replace zero pivots by tiny numbers; else the solutions are NaN.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.tridiagonal_solve([[0.0, 0.0], [2.0, 4.0], [0.0, 0.0]], [2.0, 4.0]).numpy()
    array([1., 1.], dtype=float32)
    """
    options = (transpose_rhs, conjugate_rhs, partial_pivoting, perturb_singular)
    if diagonals_format == "compact":
        return _tridiagonal_compact(diagonals, rhs, options, name)
    if diagonals_format == "sequence":
        if not isinstance(diagonals, (tuple, list)) or len(diagonals) != 3:
            raise ValueError("Expected diagonals to be a sequence of length 3.")
        above, main, below = diagonals
        above, main, below = convert(above), convert(main), convert(below)
        n = main._shape_tuple()
        if n is None or n[-1] is None:
            raise ValueError("The size of the matrix must be known for diagonals_format='sequence'")
        below = _pad_if_short(below, n[-1], True)
        above = _pad_if_short(above, n[-1], False)
        return _tridiagonal_compact(
            _array_ops.stack((above, main, below), axis=-2), rhs, options, name
        )
    if diagonals_format == "matrix":
        return _tridiagonal_compact(_packed_diagonals(diagonals), rhs, options, name)
    raise ValueError(f"Unrecognized diagonals_format: {diagonals_format}")


def _pad_if_short(diagonal: Any, n: int, before: bool) -> Any:
    dims = diagonal._shape_tuple()
    if dims is None or dims[-1] != n - 1:
        return diagonal
    padding = [[0, 0]] * (len(dims) - 1) + [[1, 0] if before else [0, 1]]
    return _array_ops.pad(diagonal, padding)


def _packed_diagonals(matrix: Any) -> Any:
    matrix = convert(matrix)
    dims = matrix._shape_tuple()
    if dims is None or len(dims) < 2 or dims[-1] is None or dims[-2] is None:
        raise ValueError(f"The matrix must have a known size, got shape {matrix.shape}")
    if dims[-1] != dims[-2]:
        raise ValueError(
            f"Expected last two dimensions of diagonals to be same, got {dims[-2]} and {dims[-1]}"
        )
    return _array_ops.matrix_diag_part(matrix, k=(-1, 1), padding_value=0.0, align="LEFT_RIGHT")


def _tridiagonal_compact(
    diagonals: Any, rhs: Any, options: tuple[bool, bool, bool, bool], name: str | None
) -> Any:
    transpose_rhs, conjugate_rhs, partial_pivoting, perturb_singular = options
    diagonals = convert(diagonals)
    rhs = convert(rhs, diagonals.dtype)
    ranks = diagonals._rank(), rhs._rank()
    if ranks[0] is None or ranks[1] is None:
        raise ValueError("The ranks of diagonals and rhs must be known")
    if ranks[0] < 2:
        raise ValueError(f"Expected diagonals to have rank at least 2, got {ranks[0]}")
    if ranks[1] not in (ranks[0], ranks[0] - 1):
        raise ValueError(
            f"Expected the rank of rhs to be {ranks[0] - 1} or {ranks[0]}, got {ranks[1]}"
        )
    attrs = {"partial_pivoting": partial_pivoting, "perturb_singular": perturb_singular}
    if ranks[1] == ranks[0] - 1:
        if conjugate_rhs:
            rhs = apply("Conj", (rhs,)) if rhs.dtype.is_complex else rhs
        columns = _array_ops.expand_dims(rhs, -1)
        solution = apply("TridiagonalSolve", (diagonals, columns), attrs, name)
        return _array_ops.squeeze(solution, axis=[-1])
    if transpose_rhs:
        rhs = _array_ops.matrix_transpose(rhs, conjugate=conjugate_rhs)
    elif conjugate_rhs and rhs.dtype.is_complex:
        rhs = apply("Conj", (rhs,))
    return apply("TridiagonalSolve", (diagonals, rhs), attrs, name)


def tridiagonal_matmul(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", name: str | None = None
) -> Any:
    """Products of tridiagonal matrices and matrices (`tf.linalg.tridiagonal_matmul`).

    Parameters
    ----------
    diagonals : Tensor or sequence of three
        As in `tridiagonal_solve`.
    rhs : Tensor, shape (..., n, k)
    """
    if diagonals_format == "compact":
        diagonals = convert(diagonals)
        parts = [diagonals[..., i, :] for i in range(3)]
    elif diagonals_format == "sequence":
        parts = list(diagonals)
        if len(parts) != 3:
            raise ValueError("Expected diagonals to be a sequence of length 3.")
    elif diagonals_format == "matrix":
        packed = _packed_diagonals(diagonals)
        parts = [packed[..., i, :] for i in range(3)]
    else:
        raise ValueError(f"Unrecognized diagonals_format: {diagonals_format}")
    rows = [_array_ops.expand_dims(part, -2) for part in parts]
    return apply("TridiagonalMatMul", (*rows, rhs), None, name)
