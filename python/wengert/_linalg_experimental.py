"""Iterative solvers (`tf.linalg.experimental`)."""

from __future__ import annotations

from typing import Any, NamedTuple

from wengert import _core
from wengert._creation import constant, zeros_like
from wengert._graph import name_scope_v1
from wengert._linalg_norms import norm
from wengert._linalg_ops import matvec
from wengert._math_ops import greater, less, logical_and
from wengert._math_reduce import reduce_any, reduce_sum

__all__ = ["conjugate_gradient"]


class ConjugateGradientState(NamedTuple):
    """Iteration, solution, residual, direction and squared size of the residual."""

    i: Any
    x: Any
    r: Any
    p: Any
    gamma: Any


def _apply(operator: Any, x: Any) -> Any:
    return operator.matvec(x) if hasattr(operator, "matvec") else matvec(operator, x)


def conjugate_gradient(
    operator: Any, rhs: Any, preconditioner: Any = None, x: Any = None, tol: float = 1e-5,
    max_iter: int = 20, name: str = "conjugate_gradient",
) -> ConjugateGradientState:  # fmt: skip
    """Solves A x = b for symmetric positive definite A (`tf.linalg.experimental`).

    Parameters
    ----------
    operator : Tensor of shape (..., n, n), or object with a method `matvec`
        A.
    rhs : Tensor, shape (..., n)
        b.
    preconditioner : as `operator`, optional
        About the inverse of A.
    x : Tensor, optional
        Where to begin; zero by default.
    tol : float, optional
        Ends when the residual is below this part of the size of b.
    max_iter : int, optional

    Returns
    -------
    ConjugateGradientState
        Its `x` is the solution.

    Examples
    --------
    >>> import wengert as tf
    >>> a, b = tf.constant([[2.0, 0.0], [0.0, 4.0]]), tf.constant([2.0, 2.0])
    >>> tf.linalg.experimental.conjugate_gradient(a, b).x.numpy().round(4).tolist()
    [1.0, 0.5]
    """
    from wengert._while import while_loop

    with name_scope_v1(name, "conjugate_gradient"):
        b = _core.convert(rhs, None, "rhs")
        limit = tol * norm(b, axis=-1)

        def unfinished(i: Any, x: Any, r: Any, p: Any, gamma: Any) -> Any:
            return logical_and(less(i, max_iter), reduce_any(greater(norm(r, axis=-1), limit)))

        def inner(u: Any, v: Any) -> Any:
            return reduce_sum(u * v, axis=-1)

        def precondition(r: Any) -> Any:
            return r if preconditioner is None else _apply(preconditioner, r)

        def step(i: Any, x: Any, r: Any, p: Any, gamma: Any) -> Any:
            z = _apply(operator, p)
            alpha = _quotient(gamma, inner(p, z))[..., None]
            x = x + alpha * p
            r = r - alpha * z
            q = precondition(r)
            new_gamma = inner(r, q)
            p = q + _quotient(new_gamma, gamma)[..., None] * p
            return i + 1, x, r, p, new_gamma

        start = zeros_like(b) if x is None else _core.convert(x, b.dtype, "x")
        r = b if x is None else b - _apply(operator, start)
        p = precondition(r)
        state = [constant(0), start, r, p, inner(r, p)]
        return ConjugateGradientState(*while_loop(unfinished, step, state))


def _quotient(x: Any, y: Any) -> Any:
    """x / y, and 0 for systems that are solved, where both are 0."""
    return _core.apply("DivNoNan", (x, y))
