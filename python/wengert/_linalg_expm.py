"""Exponentials of matrices (`tf.linalg.expm`)."""

from __future__ import annotations

from math import factorial
from typing import Any

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._creation import constant, eye, fill
from wengert._graph import name_scope_v1
from wengert._linalg_ops import matmul
from wengert._math_ops import abs as absolute
from wengert._math_ops import cast, floor, less, log, maximum
from wengert._math_ops import pow as power
from wengert._math_reduce import reduce_max, reduce_sum

# Up to which 1-norm the approximant of a degree is exact to the precision of the dtype.
_BOUNDS_32 = {3: 4.258730016922831e-1, 5: 1.880152677804762}
_BOUNDS_64 = {
    3: 1.495585217958292e-2, 5: 2.53939833006323e-1, 7: 9.504178996162932e-1,
    9: 2.097847961257068,
}  # fmt: skip


def _coefficient(degree: int, j: int) -> float:
    return float(factorial(2 * degree - j) // (factorial(degree - j) * factorial(j)))


def _polynomials(matrix: Any, degree: int) -> tuple[Any, Any]:
    """U and V of the Pade approximant (V + U) / (V - U): the odd and the even terms."""
    b = [constant(_coefficient(degree, j), matrix.dtype) for j in range(degree)]
    size = _array_ops.shape(matrix)[-2]
    identity = eye(size, batch_shape=_array_ops.shape(matrix)[:-2], dtype=matrix.dtype)
    powers = [identity, matmul(matrix, matrix)]
    while len(powers) <= min(degree // 2, 3 if degree > 9 else 4):
        powers.append(matmul(powers[-1], powers[1]))

    def tail(parity: int, start: Any, terms: int) -> Any:
        for i in range(terms, -1, -1):
            start = start + b[2 * i + parity] * powers[i]
        return start

    if degree == 13:
        high = powers[3] + b[11] * powers[2] + b[9] * powers[1]
        u = matmul(matrix, tail(1, matmul(powers[3], high), 3))
        high = b[12] * powers[3] + b[10] * powers[2] + b[8] * powers[1]
        return u, tail(0, matmul(powers[3], high), 3)
    top = degree // 2
    u = matmul(matrix, tail(1, powers[top], top - 1))
    return u, tail(0, b[degree - 1] * powers[top], top - 1)


def _choose(bounds: list[float], norm: Any, values: list[Any]) -> Any:
    """The value for the first bound above the norm, else the last one."""
    tests = [less(norm, constant(bound, norm.dtype)) for bound in bounds]
    result = values[-1]
    for test, value in zip(reversed(tests), reversed(values[:-1]), strict=True):
        result = _array_ops.where(test, value, result)
    return result


def expm(input: Any, name: str | None = None) -> Any:
    """Exponentials of square matrices, by scaling and squaring (`tf.linalg.expm`).

    Parameters
    ----------
    input : Tensor, shape (..., n, n)
        Floating or complex.

    Returns
    -------
    Tensor
        Of the same shape; NaN throughout when any matrix is not finite.

    Raises
    ------
    ValueError
        When the rank is below 2.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).numpy().tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    with name_scope_v1(name, "matrix_exponential"):
        matrix = _core.convert(input, None, "input")
        dims = matrix._shape_tuple()
        if dims is not None and len(dims) < 2:
            raise ValueError(f"Shape {matrix.shape} must have rank at least 2")
        if dims is not None and dims[-2:] == (0, 0):
            return matrix
        static = dims is not None and None not in dims
        whole = None if static else _array_ops.shape(matrix)
        inner = _array_ops.shape(matrix)[-2:]
        matrix = _array_ops.reshape(matrix, _array_ops.concat([[-1], inner], 0))
        sums = reduce_sum(absolute(matrix), _array_ops.size(_array_ops.shape(matrix)) - 2)
        norm = reduce_max(sums, axis=-1)[..., None, None]
        result = _scale_and_square(matrix, norm)
        return _array_ops.reshape(result, list(dims) if static and dims else whole)


def _scale_and_square(matrix: Any, norm: Any) -> Any:
    from wengert._control_flow import cond
    from wengert._while import while_loop

    double = matrix.dtype in (dtypes.float64, dtypes.complex128)
    bounds, last, limit = (
        (_BOUNDS_64, 13, 5.371920351148152) if double else (_BOUNDS_32, 7, 3.925724783138660)
    )
    ratio = log(norm / constant(limit, norm.dtype)) / log(constant(2.0, norm.dtype))
    squarings = maximum(floor(ratio), 0.0)
    pairs = [_polynomials(matrix, degree) for degree in bounds]
    scale = power(constant(2.0, norm.dtype), squarings)
    pairs.append(_polynomials(matrix / cast(scale, matrix.dtype), last))
    limits = list(bounds.values())
    u = _choose(limits, norm, [pair[0] for pair in pairs])
    v = _choose(limits, norm, [pair[1] for pair in pairs])
    finite = _core.apply("IsFinite", (reduce_max(norm),))
    nan = constant(float("nan"), matrix.dtype)
    result = cond(
        finite,
        lambda: _core.apply("MatrixSolve", (-u + v, u + v)),
        lambda: fill(_array_ops.shape(u), nan),
    )
    most = reduce_max(squarings)

    def unfinished(i: Any, _: Any) -> Any:
        return cond(finite, lambda: less(i, most), lambda: constant(False))

    def square(i: Any, r: Any) -> Any:
        return i + 1, _array_ops.where(less(i, squarings), matmul(r, r), r)

    _, result = while_loop(unfinished, square, [constant(0.0, most.dtype), result])
    return result
