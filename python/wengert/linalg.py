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

__all__ = [
    "cross", "diag", "diag_part", "einsum", "eye", "global_norm", "matmul", "matrix_transpose",
    "matvec", "set_diag", "tensordot",
]  # fmt: skip

_NAMES = dict.fromkeys(("band_part", "tensor_diag", "tensor_diag_part"), "_array_more")


def __getattr__(name: str) -> _Any:
    from importlib import import_module

    if name not in _NAMES:
        raise AttributeError(f"module 'wengert.linalg' has no attribute {name!r}")
    value = getattr(import_module(f"wengert.{_NAMES[name]}"), name)
    globals()[name] = value
    return value
