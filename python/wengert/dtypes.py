"""Element types and conversions between them (`tf.dtypes`)."""

from wengert._dtypes import (
    DType,
    as_dtype,
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    resource,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
    variant,
)
from wengert._dtypes import bool_ as bool
from wengert._dtypes import float16 as half
from wengert._dtypes import float64 as double
from wengert._math_ops import cast, complex, saturate_cast

__all__ = [
    "DType", "as_dtype", "bfloat16", "bool", "cast", "complex", "complex64", "complex128",
    "double", "float16", "float32", "float64", "half", "int8", "int16", "int32", "int64",
    "resource", "saturate_cast", "string", "uint8", "uint16", "uint32", "uint64", "variant",
]  # fmt: skip
