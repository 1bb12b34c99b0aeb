"""tf.linalg: values against NumPy and SciPy, errors, unfit matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from op_sample import Array

import wengert as tf

RNG = np.random.default_rng(3)
A = RNG.normal(size=(2, 4, 4)) + 3 * np.eye(4)
B = RNG.normal(size=(2, 4, 2))
Z = A + 1j * RNG.normal(size=(2, 4, 4))
TALL = RNG.normal(size=(5, 3))
DEFINITE = A[0] @ A[0].T + np.eye(4)
NAN = np.full((3, 3), np.nan)


def close(got: Any, want: Any, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(got), want, rtol=tolerance, atol=tolerance)


# --- solutions ------------------------------------------------------------------------------


def test_solutions_agree_with_each_other() -> None:
    x = np.linalg.solve(A, B)
    close(tf.linalg.solve(A, B).numpy(), x)
    close(tf.linalg.lu_solve(*tf.linalg.lu(A), B).numpy(), x)
    close((tf.linalg.inv(A) @ B).numpy(), x)
    close(tf.linalg.lstsq(A, B).numpy(), x, 1e-8)
    close(tf.linalg.lstsq(A, B, fast=False).numpy(), x)
    close((tf.linalg.pinv(A) @ B).numpy(), x)
    chol = tf.linalg.cholesky(DEFINITE)
    close(tf.linalg.cholesky_solve(chol, B[0]).numpy(), np.linalg.solve(DEFINITE, B[0]))


def test_batches_of_solutions_broadcast() -> None:
    lower = np.tril(A)
    want = np.linalg.solve(lower[0], B)
    close(tf.linalg.triangular_solve(lower[0], B).numpy(), want)
    close(tf.linalg.lu_solve(*tf.linalg.lu(A[0]), B).numpy(), np.linalg.solve(A[0], B))


def test_factors_of_lu() -> None:
    lu, p = tf.linalg.lu(A)
    close(tf.linalg.lu_reconstruct(lu, p).numpy(), A)
    close(tf.linalg.lu_reconstruct(lu[0], p[0]).numpy(), A[0])
    close(tf.linalg.lu_matrix_inverse(lu, p).numpy(), np.linalg.inv(A))
    assert tf.linalg.lu(A, output_idx_type=tf.int64).p.dtype == tf.int64


def test_least_squares() -> None:
    b = RNG.normal(size=(5, 2))
    close(tf.linalg.lstsq(TALL, b).numpy(), np.linalg.lstsq(TALL, b, rcond=None)[0])
    wide = np.linalg.lstsq(TALL.T, b[:3], rcond=None)[0]
    close(tf.linalg.lstsq(TALL.T, b[:3]).numpy(), wide)
    ridge = np.linalg.solve(TALL.T @ TALL + 0.5 * np.eye(3), TALL.T @ b)
    close(tf.linalg.lstsq(TALL, b, l2_regularizer=0.5).numpy(), ridge)
    deficient = np.hstack([TALL, TALL[:, :1]])
    want = np.linalg.lstsq(deficient, b, rcond=None)[0]
    close(tf.linalg.lstsq(deficient, b, fast=False).numpy(), want)


def test_tridiagonal_formats() -> None:
    above, main, below = RNG.normal(size=(3, 4)) + np.array([[0.0], [4.0], [0.0]])
    matrix = np.diag(main) + np.diag(above[:-1], 1) + np.diag(below[1:], -1)
    x = np.linalg.solve(matrix, B[0])
    compact = np.stack([above, main, below])
    close(tf.linalg.tridiagonal_solve(compact, B[0]).numpy(), x)
    close(tf.linalg.tridiagonal_solve(matrix, B[0], "matrix").numpy(), x)
    parts = [tf.constant(above), tf.constant(main), tf.constant(below)]
    close(tf.linalg.tridiagonal_solve(parts, B[0], "sequence").numpy(), x)
    parts = [tf.constant(above[:-1]), tf.constant(main), tf.constant(below[1:])]
    close(tf.linalg.tridiagonal_solve(parts, B[0], "sequence").numpy(), x)
    close(tf.linalg.tridiagonal_solve(compact, B[0, :, 0]).numpy(), x[:, 0])
    close(tf.linalg.tridiagonal_solve(compact, B[0].T, transpose_rhs=True).numpy(), x)
    for form, diagonals in (("compact", compact), ("matrix", matrix)):
        close(tf.linalg.tridiagonal_matmul(diagonals, x, form).numpy(), B[0])
    with pytest.raises(ValueError, match="Unrecognized diagonals_format: x"):
        tf.linalg.tridiagonal_solve(compact, B[0], "x")


def test_more_bands_than_rows() -> None:
    bands = np.array([[2.0, 4.0], [9.0, 1.0], [9.0, 9.0]])
    want = np.linalg.solve([[2.0, 0.0], [1.0, 4.0]], B[0, :2])
    close(tf.linalg.banded_triangular_solve(bands, B[0, :2]).numpy(), want)


def test_tridiagonal_without_pivots() -> None:
    zero = np.zeros((3, 2))
    assert np.isnan(tf.linalg.tridiagonal_solve(zero, np.ones(2)).numpy()).all()
    perturbed = tf.linalg.tridiagonal_solve(zero, np.ones(2), perturb_singular=True).numpy()
    np.testing.assert_array_equal(perturbed, [4.49423283715579e307] * 2)
    # Elimination without exchanging rows divides by 0 here; with it the solution is exact.
    swap = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(tf.linalg.tridiagonal_solve(swap, [2.0, 3.0]).numpy(), [3, 2])


# --- decompositions -------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("x", [Z, TALL, TALL.T, TALL.astype(np.complex64), np.zeros((3, 2))])
def test_factors_multiply_to_the_matrix(x: Array, full: bool) -> None:
    tolerance = 1e-4 if x.dtype == np.complex64 else 1e-10
    q, r = (y.numpy() for y in tf.linalg.qr(x, full_matrices=full))
    close(q @ r, x, tolerance)
    identity = np.conj(q.swapaxes(-1, -2)) @ q
    close(identity, np.broadcast_to(np.eye(q.shape[-1]), identity.shape), tolerance)
    s, u, v = (y.numpy() for y in tf.linalg.svd(x, full_matrices=full))
    assert s.dtype == x.real.dtype
    k = s.shape[-1]
    close((u[..., :k] * s[..., None, :]) @ np.conj(v[..., :k].swapaxes(-1, -2)), x, tolerance)
    close(tf.linalg.svd(x, compute_uv=False).numpy(), s, tolerance)
    assert (np.diff(s) <= 0).all()


def test_eigenvalues() -> None:
    e, v = (y.numpy() for y in tf.linalg.eig(A))
    assert e.dtype == np.complex128
    close(A @ v, v * e[..., None, :])
    close(np.linalg.norm(v, axis=-2), 1.0)
    close(np.sort_complex(tf.linalg.eigvals(A).numpy()), np.sort_complex(e))
    hermitian = Z @ np.conj(Z.swapaxes(-1, -2))
    e, v = (y.numpy() for y in tf.linalg.eigh(hermitian))
    close(hermitian @ v, v * e[..., None, :], 1e-9)
    close(tf.linalg.eigvalsh(hermitian).numpy(), np.linalg.eigvalsh(hermitian))


def test_only_the_lower_triangle_counts() -> None:
    garbage = np.tril(DEFINITE) + np.triu(np.full((4, 4), np.nan), 1)
    close(tf.linalg.cholesky(garbage).numpy(), np.linalg.cholesky(DEFINITE))
    close(tf.linalg.eigvalsh(garbage).numpy(), np.linalg.eigvalsh(DEFINITE))


def test_rank_and_pseudo_inverse() -> None:
    assert tf.linalg.matrix_rank(np.ones((3, 3))).numpy() == 1
    assert tf.linalg.matrix_rank(TALL).numpy() == 3
    assert tf.linalg.matrix_rank(np.diag([1.0, 0.1]), tol=0.5).numpy() == 1
    close(tf.linalg.pinv(TALL).numpy(), np.linalg.pinv(TALL))
    with pytest.raises(TypeError, match="must have `float`-like `dtype`"):
        tf.linalg.pinv(np.eye(2, dtype=np.int32))
    with pytest.raises(ValueError, match=r"at least 2 dimensions \(saw: 1\)"):
        tf.linalg.matrix_rank(np.ones(2))


def test_functions_of_matrices() -> None:
    close(tf.linalg.sqrtm(DEFINITE).numpy(), scipy.linalg.sqrtm(DEFINITE))
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    root = tf.linalg.sqrtm(turn).numpy()
    close(root @ root, turn)
    assert np.isnan(tf.linalg.sqrtm(-np.eye(2)).numpy()).all()
    close(tf.linalg.logm(Z[0]).numpy(), scipy.linalg.logm(Z[0]), 1e-9)
    large = 1e4 * Z[0]
    close(scipy.linalg.expm(tf.linalg.logm(large).numpy()), large, 1e-7)


def test_exponentials() -> None:
    for x in (A, Z, 30 * A[:1], 1e-3 * A, np.zeros((3, 3))):
        want = np.reshape([scipy.linalg.expm(a) for a in x.reshape(-1, *x.shape[-2:])], x.shape)
        close(tf.linalg.expm(x).numpy() / abs(want).max(), want / abs(want).max(), 1e-9)
    single = A.astype(np.float32)
    close(tf.linalg.expm(single).numpy() / 100, tf.linalg.expm(A).numpy() / 100, 1e-4)
    assert np.isnan(tf.linalg.expm(NAN).numpy()).all()
    assert tf.linalg.expm(np.zeros((2, 0, 0))).numpy().shape == (2, 0, 0)
    with pytest.raises(ValueError, match="rank at least 2"):
        tf.linalg.expm(np.ones(2))


def test_conjugate_gradients() -> None:
    b = DEFINITE @ np.arange(4.0)
    state = tf.linalg.experimental.conjugate_gradient(DEFINITE, b, tol=1e-12)
    close(state.x.numpy(), np.arange(4.0), 1e-8)
    assert 0 < state.i.numpy() <= 8
    inverse = np.linalg.inv(DEFINITE)
    faster = tf.linalg.experimental.conjugate_gradient(DEFINITE, b, inverse, tol=1e-9)
    assert faster.i.numpy() <= 2
    close(faster.x.numpy(), np.arange(4.0), 1e-8)
    again = tf.linalg.experimental.conjugate_gradient(DEFINITE, b, x=np.arange(4.0))
    assert again.i.numpy() == 0


def test_determinants() -> None:
    close(tf.linalg.det(Z).numpy(), np.linalg.det(Z))
    sign, log = (y.numpy() for y in tf.linalg.slogdet(Z))
    want = np.linalg.slogdet(Z)
    close(sign, want[0])
    close(log, want[1])
    close(tf.linalg.logdet(DEFINITE).numpy(), np.linalg.slogdet(DEFINITE)[1])
    singular = [y.numpy().item() for y in tf.linalg.slogdet(np.ones((2, 2)))]
    assert singular == [0.0, -np.inf]
    assert tf.linalg.det(np.zeros((0, 0))).numpy() == 1.0
    # The determinant overflows, its logarithm does not.
    assert np.isfinite(tf.linalg.slogdet(1e200 * np.eye(4))[1].numpy())


# --- norms ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "axis", "want"),
    [
        ("euclidean", None, lambda x: np.sqrt((x * x).sum())),
        (1, None, lambda x: np.abs(x).sum()),
        (np.inf, 1, lambda x: np.abs(x).max(1)),
        (3, 2, lambda x: (np.abs(x) ** 3).sum(2) ** (1 / 3)),
        ("fro", [1, 2], lambda x: np.linalg.norm(x, "fro", (1, 2))),
        (1, (1, 2), lambda x: np.linalg.norm(x, 1, (1, 2))),
        (np.inf, [1, 2], lambda x: np.linalg.norm(x, np.inf, (1, 2))),
        (2, [-2, -1], lambda x: np.linalg.norm(x, 2, (1, 2))),
        (2, [2, 0], lambda x: np.linalg.norm(x, 2, (2, 0))),
    ],
)
def test_norms(order: Any, axis: Any, want: Callable[[Array], Array]) -> None:
    close(tf.norm(A, order, axis).numpy(), want(A))
    kept = tf.norm(A, order, axis, keepdims=True)
    assert len(kept.shape) == 3
    close(np.squeeze(kept.numpy()), np.squeeze(want(A)))
    close(tf.compat.v1.norm(A, order, axis, keep_dims=True).numpy(), kept.numpy())


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"ord": "fro"}, "'ord' must be a supported vector norm, got fro"),
        ({"ord": -1}, "'ord' must be a supported vector norm, got -1"),
        ({"ord": 3, "axis": [0, 1]}, "'ord' must be a supported matrix norm"),
        ({"axis": [1, 1]}, "a tuple of 2 unique integers"),
        ({"axis": 1.5}, "'axis' must be None, an integer"),
        ({"axis": [0, 1, 2]}, "'axis' must be None, an integer"),
    ],
)
def test_norms_that_do_not_exist(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tf.norm(A, **keywords)


def test_normalize_and_traces() -> None:
    unit, size = tf.linalg.normalize(A, axis=-1)
    close((unit * size).numpy(), A)
    close(tf.norm(unit, axis=-1).numpy(), 1.0)
    close(tf.linalg.trace(A).numpy(), np.trace(A, axis1=-2, axis2=-1))
    close(tf.linalg.adjoint(Z).numpy(), np.conj(Z.swapaxes(-1, -2)))
    close(tf.linalg.tensor_diag_part(tf.linalg.tensor_diag(A)).numpy(), A)
    close(tf.linalg.band_part(A, 0, 1).numpy(), np.triu(np.tril(A, 1)))


def test_names_of_version_1() -> None:
    v1 = tf.compat.v1
    close(v1.matrix_inverse(A).numpy(), np.linalg.inv(A))
    close(v1.matrix_solve(A, B).numpy(), np.linalg.solve(A, B))
    close(v1.matrix_determinant(A).numpy(), np.linalg.det(A))
    close(v1.cholesky(DEFINITE).numpy(), np.linalg.cholesky(DEFINITE))
    close(v1.self_adjoint_eigvals(DEFINITE).numpy(), np.linalg.eigvalsh(DEFINITE))
    want = np.linalg.solve(np.tril(DEFINITE), B[0])
    close(v1.matrix_triangular_solve(DEFINITE, B[0]).numpy(), want)
    close(v1.diag(A[0, 0]).numpy(), np.diag(A[0, 0]))


# --- unfit input ----------------------------------------------------------------------------


def late(function: Callable[..., Any], *arrays: Array) -> None:
    """Runs a function whose arguments have shapes that are not known before."""
    with tf.Graph().as_default():
        inputs = [tf.compat.v1.placeholder(tf.float64) for _ in arrays]
        outputs = function(*inputs)
        with tf.compat.v1.Session() as session:
            session.run(outputs, dict(zip(inputs, arrays, strict=True)))


def tridiagonal(diagonals: Any, rhs: Any) -> Any:
    return tf.raw_ops.TridiagonalSolve(diagonals=diagonals, rhs=rhs)


ONES = np.ones((2, 2))
WIDE = np.ones((2, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tf.linalg.inv(ONES), "Input is not invertible."),
        (lambda: tf.linalg.inv(NAN), "Input is not invertible."),
        (lambda: tf.linalg.inv(np.ones((40, 40))), "Input is not invertible."),
        (lambda: tf.linalg.solve(ONES, ONES), "Input matrix is not invertible."),
        (lambda: tf.linalg.lu(ONES), "Input is not invertible."),
        (lambda: tf.linalg.eigh(NAN), "Self-adjoint eigen decomposition was not successful."),
        (lambda: tf.linalg.eig(NAN), "Eigen decomposition was not successful."),
        (lambda: late(tf.linalg.inv, WIDE), "Input matrix must be square."),
        (lambda: late(tf.linalg.det, WIDE), "Input matrix must be square."),
        (lambda: late(tf.linalg.cholesky, ONES[0]), r"Input tensor 0 must have rank >= 2"),
        (lambda: late(tf.linalg.solve, ONES, np.ones((3, 2))), "matrix and rhs are incompatible."),
        (lambda: late(tf.linalg.solve, ONES, B), "All input tensors must have the same rank."),
        (lambda: late(tf.linalg.solve, WIDE, ONES), "must be a square matrix."),
        (lambda: late(tf.linalg.triangular_solve, ONES, WIDE.T), r"In\[0\] mismatch In\[1\]"),
        (lambda: late(tf.linalg.triangular_solve, ONES, ONES[0]), r"In\[1\] ndims must be >= 2: 1"),
        (lambda: late(tf.linalg.triangular_solve, WIDE, ONES), r"must be square \(3 =/= 2\)"),
        (lambda: late(tf.linalg.lu, WIDE), "Input matrix must be square."),
        (lambda: tf.linalg.banded_triangular_solve(np.zeros((1, 2)), ONES), "not invertible"),
        (lambda: tf.raw_ops.MatrixSolveLs(matrix=ONES, rhs=ONES, l2_regularizer=-1.0), ">= 0"),
        (lambda: late(tridiagonal, ONES, ONES), "3 rows, got 2"),
        (lambda: tf.raw_ops.Eig(input=ONES, Tout=tf.complex64), "Invalid output dtype 8 vs 18"),
    ],
)  # fmt: skip
def test_errors(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call()


def test_errors_while_building() -> None:
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [2, 3])
        with pytest.raises(ValueError, match="Dimensions must be equal, but are 2 and 3"):
            tf.linalg.inv(x)
        with pytest.raises(ValueError, match="rank"):
            tf.linalg.cholesky(x[0])
        with pytest.raises(TypeError):
            tf.linalg.cholesky(tf.cast(x, tf.int32))


def test_what_is_not_finite_never_hangs() -> None:
    for bad in (np.nan, np.inf):
        x = np.where(np.eye(20) == 1, 2.0, 0.1)
        x[3, 2] = x[2, 3] = bad
        assert np.isnan(tf.linalg.svd(x, compute_uv=False).numpy()).all()
        assert np.isnan(tf.linalg.sqrtm(x).numpy()).all()
        assert not np.isfinite(tf.linalg.qr(x)[0].numpy()).all()
        assert np.isnan(tf.linalg.lstsq(x, np.ones((20, 1)), fast=False).numpy()).all()
        assert not np.isfinite(tf.linalg.cholesky(x).numpy()).all()
        with pytest.raises(tf.errors.InvalidArgumentError):
            tf.linalg.eig(x)
    assert np.isnan(tf.linalg.cholesky(-np.eye(30)).numpy()[np.tril_indices(30)]).all()


def test_empty_matrices() -> None:
    for shape in ((0, 0), (2, 0, 0), (0, 3, 3)):
        x = np.zeros(shape)
        for function in (tf.linalg.cholesky, tf.linalg.inv, tf.linalg.sqrtm):
            assert function(x).numpy().shape == shape
        assert tf.linalg.eigh(x)[0].numpy().shape == shape[:-1]
    assert [y.numpy().shape for y in tf.linalg.qr(np.zeros((3, 0)), True)] == [(3, 3), (3, 0)]
    assert [y.numpy().shape for y in tf.linalg.svd(np.zeros((0, 3)))] == [(0,), (0, 0), (3, 0)]
    assert tf.linalg.solve(np.zeros((0, 0)), np.zeros((0, 2))).numpy().shape == (0, 2)
    assert tf.linalg.lstsq(np.zeros((0, 2)), np.zeros((0, 3)), fast=False).numpy().shape == (2, 3)


# --- gradients ------------------------------------------------------------------------------


def gradient_of(function: Callable[[Any], Any], value: Array) -> Array:
    with tf.Graph().as_default():
        x = tf.constant(value)
        grad = tf.gradients(function(x), x)[0]
        with tf.compat.v1.Session() as session:
            result: Array = session.run(grad)
            return result


def differences(function: Callable[[Any], Any], value: Array) -> Array:
    result = np.zeros_like(value)
    for index in np.ndindex(value.shape):
        for unit in (1, 1j) if np.iscomplexobj(value) else (1,):
            up, down = value.copy(), value.copy()
            up[index] += 1e-5 * unit
            down[index] -= 1e-5 * unit
            change = function(tf.constant(up)) - function(tf.constant(down))
            result[index] += unit * change.numpy().item() / 2e-5
    return result


def size(x: Any) -> Any:
    return tf.reduce_sum(tf.abs(x) ** 3)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: size(tf.linalg.svd(x)[1]),
        lambda x: size(tf.linalg.svd(x)[2]) + size(tf.linalg.svd(x)[0]),
        lambda x: size(tf.linalg.eigh(x @ tf.linalg.adjoint(x))[1]),
        lambda x: size(tf.linalg.cholesky(x @ tf.linalg.adjoint(x) + tf.eye(4, dtype=x.dtype))),
        lambda x: size(tf.linalg.eig(x)[1]),
        lambda x: size(tf.linalg.qr(x[:, :3])[1]),
        lambda x: size(tf.linalg.lstsq(x[:, :3], x[:, 2:])),
        lambda x: size(tf.linalg.svd(x[:3])[2]),
        lambda x: size(tf.linalg.svd(x[:, :3])[1]),
        lambda x: size(tf.linalg.pinv(x[:3])),
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [A[0], Z[0]], ids=["real", "complex"])
def test_gradients_of_what_is_unique(function: Callable[[Any], Any], value: Array) -> None:
    np.testing.assert_allclose(
        gradient_of(function, value), differences(function, value), rtol=2e-5, atol=2e-6
    )


def test_gradients_of_wide_and_full_factors() -> None:
    wide = A[0, :2, :3] + np.eye(2, 3)

    def r(x: Any) -> Any:
        return size(tf.linalg.qr(x)[1])

    def full(x: Any) -> Any:
        return size(tf.linalg.svd(x, full_matrices=True)[2])

    for function in (r, full):
        np.testing.assert_allclose(
            gradient_of(function, wide), differences(function, wide), rtol=2e-5, atol=2e-6
        )


def test_gradients_that_are_not_there() -> None:
    with tf.Graph().as_default():
        unknown = tf.compat.v1.placeholder(tf.float64, [None, None])
        tall = tf.constant(TALL)
        for y in (
            tf.linalg.qr(unknown)[0],
            tf.linalg.svd(unknown)[1],
            tf.linalg.lstsq(unknown, unknown),
            tf.linalg.qr(tall, full_matrices=True)[0],
            tf.linalg.svd(tall, full_matrices=True)[1],
        ):
            x = unknown if y.graph is not None and y.op.inputs[0] is unknown else tall
            with pytest.raises(NotImplementedError):
                tf.gradients(y, [unknown, x])
        with pytest.raises(ValueError, match="Gradient not defined for fast=False"):
            tf.gradients(tf.linalg.lstsq(tall, tall, fast=False), tall)
        with pytest.raises(LookupError):
            tf.gradients(tf.linalg.lu(tall[:3])[0], tall)
        z = tf.constant(Z)
        with pytest.raises(LookupError):
            tf.gradients(tf.linalg.logm(z), z, z)


def test_float16_is_computed_in_float32() -> None:
    x = (DEFINITE / 10).astype(np.float16)
    want = np.linalg.cholesky(x.astype(np.float64)).astype(np.float16)
    got = tf.linalg.cholesky(x).numpy()
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, want, rtol=2e-3)
    s = tf.linalg.svd(x, compute_uv=False).numpy()
    np.testing.assert_allclose(s, np.linalg.svd(x.astype(np.float64))[1], rtol=2e-3)
