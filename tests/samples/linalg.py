"""Decompositions, solvers and functions of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from op_sample import FLOATS, Generator, Sample, Shape, constant, shaped, uniform

ALL = (*FLOATS, "complex64", "complex128")
SQUARE = ((1, 1), (3, 3), (2, 4, 4), (0, 0), (2, 0, 0), (0, 3, 3), (14, 14))
ANY = ((1, 1), (3, 3), (4, 2), (2, 2, 4), (0, 3), (3, 0), (0, 2, 2), (15, 13))
VECTORS = ((3, 1), (3, 4), (2, 3, 5), (0, 3, 2), (3, 16))
TOLERANCE = {"float32": 2e-4, "float64": 1e-10, "complex64": 2e-4, "complex128": 1e-10}


def _wide(x: Any) -> Any:
    return x.astype(np.result_type(x, np.float64))


def _adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def _like(x: Any, *results: Any) -> Any:
    """Results in the precision of x: real ones real, complex ones complex."""
    dtypes = {"c": np.result_type(x, np.complex64), "f": x.real.dtype}
    cast = [np.asarray(r).astype(dtypes.get(np.asarray(r).dtype.kind, r.dtype)) for r in results]
    return tuple(cast) if len(cast) > 1 else cast[0]


def _diagonally(generator: Generator, weight: float) -> Generator:
    """Draw matrices with a heavy diagonal, its entries apart from each other."""

    def generate(rng: np.random.Generator, shape: Shape, dtype: str) -> Any:
        x = generator(rng, shape, dtype)
        n = np.arange(min(shape[-2:]))
        x[..., n, n] += np.asarray(weight + n, dtype)
        return x

    return generate


def _definite(rng: np.random.Generator, shape: Shape, dtype: str) -> Any:
    x = uniform(-1, 1)(rng, shape, dtype)
    n = shape[-1]
    return np.asarray(x @ _adjoint(x) + np.diag(1.0 + np.arange(n)), dtype)


def _tridiagonal(rng: np.random.Generator, shape: Shape, dtype: str) -> Any:
    x = uniform(-1, 1)(rng, shape, dtype)
    x[..., 1, :] += np.asarray(3, dtype)
    return x


def _band(rng: np.random.Generator, shape: Shape, dtype: str) -> Any:
    x = uniform(-1, 1)(rng, shape, dtype)
    x[..., 0, :] += np.asarray(2, dtype)
    return x


def _columns(count: int) -> Generator:
    """Right-hand sides for a matrix of the sample's shape."""
    return shaped(uniform(-1, 1), lambda s: (*s[:-1], count))


MATRIX = _diagonally(uniform(-1, 1), 2.0)
FACTOR = _diagonally(uniform(-1, 1), 2.0)


def _lower_only(gradient: Any) -> Any:
    """Of a symmetric argument: elements of the lower triangle stand for both."""
    both = np.tril(gradient, -1) + np.tril(_adjoint(gradient), -1)
    n = np.arange(gradient.shape[-1])
    both[..., n, n] = gradient[..., n, n].real
    return both


def _matrixwise(function: Any, x: Any) -> Any:
    results = [function(a) for a in x.reshape(-1, *x.shape[-2:])]
    return np.reshape(results, x.shape) if results else x.copy()


def _inverse(x: Any, adjoint: bool) -> Any:
    return _like(x, np.linalg.inv(_adjoint(_wide(x)) if adjoint else _wide(x)))


def _solve(a: Any, b: Any, adjoint: bool) -> Any:
    return _like(a, np.linalg.solve(_adjoint(_wide(a)) if adjoint else _wide(a), _wide(b)))


def _triangular(a: Any, b: Any, adjoint: bool) -> Any:
    upper = np.triu(_wide(a))
    return _like(a, np.linalg.solve(_adjoint(upper) if adjoint else upper, _wide(b)))


def _from_bands(bands: Any) -> Any:
    """The lower triangular matrix with these diagonals, the main one first."""
    count, n = bands.shape[-2:]
    x = np.zeros((*bands.shape[:-2], n, n), bands.dtype)
    for d in range(min(count, n)):
        i = np.arange(d, n)
        x[..., i, i - d] = bands[..., d, d:]
    return x


def _banded(bands: Any, b: Any) -> Any:
    return _like(b, np.linalg.solve(_from_bands(_wide(bands)), _wide(b)))


def _from_diagonals(above: Any, main: Any, below: Any) -> Any:
    n = main.shape[-1]
    x = np.zeros((*main.shape[:-1], n, n), main.dtype)
    i = np.arange(n)
    x[..., i, i] = main
    x[..., i[:-1], i[1:]] = above[..., :-1]
    x[..., i[1:], i[:-1]] = below[..., 1:]
    return x


def _tridiagonal_solve(d: Any, b: Any) -> Any:
    matrix = _from_diagonals(*(_wide(d)[..., i, :] for i in range(3)))
    return _like(b, np.linalg.solve(matrix, _wide(b)))


def _tridiagonal_matmul(above: Any, main: Any, below: Any, x: Any) -> Any:
    rows = [_wide(d)[..., 0, :] for d in (above, main, below)]
    return _like(x, _from_diagonals(*rows) @ _wide(x))


def _least_squares(a: Any, b: Any, l2: Any) -> Any:
    a, b, dtype = _wide(a), _wide(b), a.dtype
    m, n = a.shape[-2:]
    if m >= n:
        x = np.linalg.solve(_adjoint(a) @ a + l2 * np.eye(n), _adjoint(a) @ b)
    else:
        x = _adjoint(a) @ np.linalg.solve(a @ _adjoint(a) + l2 * np.eye(m), b)
    return x.astype(dtype)


def _qr(x: Any) -> Any:
    return _like(x, *np.linalg.qr(_wide(x)))


def _qr_product(q: Any, r: Any) -> Any:
    identity = _adjoint(q) @ q
    return q @ r, identity, np.abs(r), np.tril(r, -1)


def _svd(x: Any) -> Any:
    u, s, vt = np.linalg.svd(_wide(x), full_matrices=False)
    return _like(x, s.astype(u.dtype), u, _adjoint(vt))


def _svd_product(s: Any, u: Any, v: Any) -> Any:
    return s, (u * s[..., None, :]) @ _adjoint(v), np.abs(u), np.abs(v)


def _symmetric(x: Any) -> Any:
    return _like(x, *np.linalg.eigh(_wide(x)))


def _symmetric_product(e: Any, v: Any) -> Any:
    return e, (v * e[..., None, :]) @ _adjoint(v), np.abs(v)


def _eigenvalues(x: Any) -> Any:
    values = np.linalg.eigvals(_wide(x)).astype("complex128")
    return values, np.zeros(0, "complex128")


def _sorted_values(e: Any, v: Any) -> Any:
    return np.sort_complex(np.asarray(e)), v


def _lu(x: Any) -> Any:
    if x.size == 0:
        return x.copy(), np.zeros(x.shape[:-1], "int32")
    factors, orders = [], []
    for a in _wide(x).reshape(-1, *x.shape[-2:]):
        p, lower, upper = scipy.linalg.lu(a)
        factors.append(np.tril(lower, -1) + upper)
        orders.append(np.argmax(p, axis=0))
    order = np.reshape(orders, x.shape[:-1]).astype("int32")
    return _like(x, np.reshape(factors, x.shape)), order


def _log_determinant(x: Any) -> Any:
    sign, log = np.linalg.slogdet(_wide(x))
    return sign.astype(x.dtype), log.astype(x.dtype)


SAMPLES = {
    "Cholesky": Sample(
        [_definite],
        lambda x: _like(x, np.linalg.cholesky(_wide(x))),
        shapes=SQUARE,
        dtypes=ALL,
        rtol=TOLERANCE,
        fold=_lower_only,
    ),
    "MatrixInverse": Sample(
        [MATRIX], _inverse, attrs={"adjoint": True}, shapes=SQUARE, dtypes=ALL, rtol=TOLERANCE
    ),
    "MatrixDeterminant": Sample(
        [MATRIX],
        lambda x: np.linalg.det(_wide(x)).astype(x.dtype),
        shapes=SQUARE[:-1],
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "LogMatrixDeterminant": Sample(
        [MATRIX], _log_determinant, shapes=SQUARE, dtypes=FLOATS, rtol=TOLERANCE
    ),
    "MatrixSolve": Sample(
        [MATRIX, _columns(2)],
        _solve,
        attrs={"adjoint": True},
        wrt=(0, 1),
        shapes=SQUARE,
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "MatrixTriangularSolve": Sample(
        [FACTOR, shaped(uniform(-1, 1), lambda s: (*s[-2:-1], 2))],
        _triangular,
        attrs={"lower": False, "adjoint": True},
        wrt=(0, 1),
        shapes=SQUARE,
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "MatrixSolveLs": Sample(
        [MATRIX, _columns(2), constant(0.1, "float64")],
        _least_squares,
        wrt=(0, 1),
        shapes=tuple(s for s in ANY if 0 not in s),
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "BandedTriangularSolve": Sample(
        [_band, shaped(uniform(-1, 1), lambda s: (*s[:-2], s[-1], 2))],
        _banded,
        wrt=(0, 1),
        shapes=((1, 1), (2, 4), (2, 3, 4), (0, 2, 3), (3, 17)),
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "TridiagonalSolve": Sample(
        [_tridiagonal, shaped(uniform(-1, 1), lambda s: (*s[:-2], s[-1], 2))],
        _tridiagonal_solve,
        wrt=(0, 1),
        shapes=VECTORS,
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "TridiagonalMatMul": Sample(
        [
            *[shaped(uniform(-1, 1), lambda s: (*s[:-2], 1, s[-2]))] * 3,
            uniform(-1, 1),
        ],
        _tridiagonal_matmul,
        wrt=(0, 1, 2, 3),
        shapes=((1, 1), (3, 2), (2, 4, 3), (0, 3, 2), (2, 1)),
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "Qr": Sample(
        [MATRIX],
        _qr,
        shapes=tuple(s for s in ANY if s[-2] >= s[-1] > 0),
        dtypes=ALL,
        rtol=TOLERANCE,
        invariant=_qr_product,
    ),
    "Lu": Sample([MATRIX], _lu, lookup_error=True, shapes=SQUARE, dtypes=ALL, rtol=TOLERANCE),
    "Svd": Sample(
        [MATRIX],
        _svd,
        shapes=tuple(s for s in ANY if 0 not in s[-2:]),
        dtypes=FLOATS,
        rtol=TOLERANCE,
        invariant=_svd_product,
    ),
    "SelfAdjointEigV2": Sample(
        [_definite],
        _symmetric,
        shapes=SQUARE,
        dtypes=FLOATS,
        rtol=TOLERANCE,
        invariant=_symmetric_product,
        fold=_lower_only,
    ),
    "Eig": Sample(
        [MATRIX],
        _eigenvalues,
        attrs={"compute_v": False, "Tout": "complex128"},
        shapes=SQUARE,
        dtypes=("float64", "complex128"),
        rtol=TOLERANCE,
        invariant=_sorted_values,
    ),
    "MatrixSquareRoot": Sample(
        [_definite],
        lambda x: _matrixwise(scipy.linalg.sqrtm, _wide(x)).astype(x.dtype),
        shapes=tuple(s for s in SQUARE if s[-1] > 0),
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "MatrixLogarithm": Sample(
        [MATRIX],
        lambda x: _matrixwise(scipy.linalg.logm, _wide(x)).astype(x.dtype),
        wrt=(),
        shapes=tuple(s for s in SQUARE if s[-1] > 0),
        dtypes=("complex64", "complex128"),
        rtol=TOLERANCE,
    ),
}
