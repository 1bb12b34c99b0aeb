"""Linear algebra (`tf.linalg`)."""

from typing import Any as _Any

from wengert._array_ops import (
    matrix_diag as diag,
)
from wengert._array_ops import (
    matrix_diag_part as diag_part,
)
from wengert._array_ops import (
    matrix_set_diag as set_diag,
)
from wengert._array_ops import (
    matrix_transpose,
)
from wengert._creation import eye
from wengert._linalg_ops import einsum, global_norm, matmul, matvec, tensordot
from wengert._math_ops import cross

# Names that are imported when first asked for, by module.
_NAMES = {
    **dict.fromkeys(
        (
            "banded_triangular_solve", "cholesky", "cholesky_solve", "det", "inv", "logdet",
            "lstsq", "slogdet", "solve", "triangular_solve", "tridiagonal_matmul",
            "tridiagonal_solve",
        ),
        "_linalg_solve",
    ),
    **dict.fromkeys(
        (
            "eig", "eigh", "eigvals", "eigvalsh", "logm", "lu", "lu_matrix_inverse",
            "lu_reconstruct", "lu_solve", "matrix_rank", "pinv", "qr", "sqrtm", "svd",
        ),
        "_linalg_decompose",
    ),
    **dict.fromkeys(
        ("adjoint", "band_part", "norm", "normalize", "tensor_diag", "tensor_diag_part", "trace"),
        "_linalg_norms",
    ),
    "expm": "_linalg_expm",
    "l2_normalize": "_nn_ops",
}  # fmt: skip

__all__ = [
    "cross", "diag", "diag_part", "einsum", "eye", "global_norm", "matmul", "matrix_transpose",
    "matvec", "set_diag", "tensordot", *_NAMES,
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    from importlib import import_module

    if name == "experimental":
        return import_module("wengert._linalg_experimental")
    module = _NAMES.get(name)
    if module is None:
        raise AttributeError(f"module 'wengert.linalg' has no attribute {name!r}")
    value = getattr(import_module(f"wengert.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, "experimental"})
