"""Products of matrices, Einsum, diagonals and bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_sample import FLOATS, Generator, Reference, Sample, Shape, constant, shaped, uniform

MATRICES = ((1, 1), (2, 3), (5, 7), (0, 4), (3, 0), (33, 17), (2, 3, 4))
PLAIN = ((1, 1), (2, 3), (5, 7), (0, 4), (3, 0), (33, 17))
BATCHES = ((1, 1, 1), (2, 3, 4), (0, 2, 3), (3, 1, 2, 5))
VECTORS = ((1,), (5,), (2, 3), (0, 4), (3, 2, 4))
TOLERANCE = {"float32": 5e-6, "float64": 1e-13, "complex64": 5e-6, "complex128": 1e-13}
ALL = (*FLOATS, "complex64", "complex128")


def _wider(x: Any) -> Any:
    return x.astype(np.result_type(x, np.float64))


def _after(generator: Generator) -> Generator:
    """Draw the right factor of a product: as many rows as the left one has columns."""
    return shaped(generator, lambda shape: (*shape[:-2], shape[-1], shape[-2] + 1))


def _matmul(a: Any, b: Any) -> Any:
    return (_wider(a) @ _wider(b)).astype(a.dtype)


def _matmul_transposed(a: Any, b: Any) -> Any:
    return (_wider(a).swapaxes(-1, -2) @ _wider(b)).astype(a.dtype)


def _einsum(equation: str, *shapes: Any, **options: Any) -> Sample:
    def reference(*xs: Any) -> Any:
        return np.einsum(equation, *(_wider(x) for x in xs)).astype(xs[0].dtype)

    inputs = [shaped(uniform(0.1, 2), shape) for shape in shapes]
    return Sample(
        inputs,
        reference,
        attrs={"equation": equation},
        wrt=tuple(range(len(inputs))),
        shapes=((1, 1), (2, 3), (4, 5)),
        rtol=TOLERANCE,
        **options,
    )


def _structural(reference: Reference, shapes: tuple[Shape, ...], *constants: Generator) -> Sample:
    return Sample([uniform(-2, 2), *constants], reference, shapes=shapes, ulp=0, dtypes=ALL)


def _int(value: int) -> Generator:
    return constant(value, "int32")


def _matrix_diag(x: Any, *_: Any) -> Any:
    return x[..., None] * np.eye(x.shape[-1], dtype=x.dtype)


def _matrix_diag_part(x: Any, *_: Any) -> Any:
    return np.diagonal(x, 0, -2, -1)


def _matrix_set_diag(x: Any, diagonal: Any, *_: Any) -> Any:
    result = x.copy()
    n = np.arange(diagonal.shape[-1])
    result[..., n, n] = diagonal
    return result


def _band(x: Any, *_: Any) -> Any:
    return np.triu(np.tril(x), -1)


def _diag(x: Any) -> Any:
    return np.diag(x.ravel()).reshape(x.shape * 2)


def _diag_part(x: Any) -> Any:
    half = x.shape[: x.ndim // 2]
    size = int(np.prod(half))
    return np.diagonal(x.reshape(size, size)).reshape(half)


SAMPLES = {
    "MatMul": Sample(
        [uniform(0.1, 2), _after(uniform(0.1, 2))],
        _matmul,
        wrt=(0, 1),
        shapes=PLAIN,
        dtypes=ALL,
        rtol=TOLERANCE,
    ),
    "BatchMatMul": Sample(
        [uniform(0.1, 2), _after(uniform(0.1, 2))],
        _matmul,
        wrt=(0, 1),
        shapes=BATCHES,
        rtol=TOLERANCE,
    ),
    "BatchMatMulV2": Sample(
        [
            uniform(0.1, 2),
            shaped(uniform(0.1, 2), lambda s: (*s[1:-2], s[-2], s[-1] + 1)),
        ],
        _matmul_transposed,
        attrs={"adj_x": True},
        wrt=(0, 1),
        shapes=BATCHES,
        rtol=TOLERANCE,
    ),
    "BatchMatMulV3": Sample(
        [uniform(0.1, 2), _after(uniform(0.1, 2))],
        _matmul,
        attrs={"Tout": "float64"},
        wrt=(0, 1),
        shapes=BATCHES,
        dtypes=("float64",),
        rtol=TOLERANCE,
    ),
    "Einsum": _einsum("...ij,kj->...ki", lambda s: (2, *s), lambda s: (3, s[1])),
    "MatrixDiagV3": _structural(_matrix_diag, VECTORS, _int(0), _int(-1), _int(-1), constant(0)),
    "MatrixDiagPartV3": _structural(_matrix_diag_part, MATRICES, _int(0), constant(0)),
    "MatrixSetDiagV3": Sample(
        [
            uniform(-2, 2),
            shaped(uniform(-2, 2), lambda s: (*s[:-2], min(s[-2:]))),
            _int(0),
        ],
        _matrix_set_diag,
        wrt=(0, 1),
        shapes=MATRICES,
        ulp=0,
        dtypes=ALL,
    ),
    "MatrixDiag": _structural(_matrix_diag, VECTORS),
    "MatrixDiagV2": _structural(_matrix_diag, VECTORS, _int(0), _int(-1), _int(-1), constant(0)),
    "MatrixDiagPart": _structural(_matrix_diag_part, MATRICES),
    "MatrixDiagPartV2": _structural(_matrix_diag_part, MATRICES, _int(0), constant(0)),
    **{
        name: Sample(
            [
                uniform(-2, 2),
                shaped(uniform(-2, 2), lambda s: (*s[:-2], min(s[-2:]))),
                *diagonals,
            ],
            _matrix_set_diag,
            wrt=(0, 1),
            shapes=MATRICES,
            ulp=0,
            dtypes=ALL,
        )
        for name, diagonals in (("MatrixSetDiag", []), ("MatrixSetDiagV2", [_int(0)]))
    },
    "MatrixBandPart": _structural(
        _band,
        tuple(s for s in MATRICES if s[-2] > 0),
        constant(1, "int64"),
        constant(0, "int64"),
    ),
    "Diag": _structural(_diag, ((1,), (5,), (2, 3), (0,))),
    "DiagPart": Sample(
        [shaped(uniform(-2, 2), lambda s: s * 2)],
        _diag_part,
        shapes=((1,), (5,), (2, 3), (0,)),
        ulp=0,
        dtypes=ALL,
    ),
    "Cross": Sample(
        [shaped(uniform(-2, 2), lambda s: (*s, 3))] * 2,
        np.cross,
        wrt=(0, 1),
        shapes=((), (1,), (5,), (2, 3), (0,)),
        rtol={"float32": 1e-5, "float64": 1e-12},
    ),
}
