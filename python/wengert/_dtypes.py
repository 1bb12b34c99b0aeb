"""Element types: `DType` and the objects `float32`, `int64`, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "DType",
    "as_dtype",
    "bfloat16",
    "bool_",
    "complex64",
    "complex128",
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "resource",
    "string",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "variant",
]


def _bfloat16_storage() -> np.dtype[Any]:
    """ml_dtypes' bfloat16 where that package is there, else float32 (wider, exact)."""
    try:
        import ml_dtypes
    except ImportError:
        return np.dtype(np.float32)
    storage: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return storage


class DType:
    """Element type of a tensor, as `tf.dtypes.DType`.

    Attributes
    ----------
    name : str
        ``"float32"``, ``"int64"``, ...
    as_datatype_enum : int
        Number of the type in TensorFlow's wire format.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.float32.is_floating, tf.float32.size, repr(tf.float32)
    (True, 4, 'tf.float32')
    """

    __slots__ = ("_numpy", "as_datatype_enum", "kind", "name", "size")

    def __init__(self, name: str, number: int, kind: str, size: int) -> None:
        self.name = name
        self.as_datatype_enum = number
        self.kind = kind
        self.size = size
        self._numpy: np.dtype[Any] | None = None

    @property
    def _storage_numpy_dtype(self) -> np.dtype[Any]:
        if self._numpy is None:
            if self.name == "bfloat16":
                self._numpy = _bfloat16_storage()
            elif self.kind == "O":
                self._numpy = np.dtype(object)
            else:
                self._numpy = np.dtype(self.name)
        return self._numpy

    @property
    def as_numpy_dtype(self) -> type[Any]:
        """NumPy scalar type of the same elements (`object` for strings)."""
        return self._storage_numpy_dtype.type if self.kind != "O" else np.object_

    @property
    def base_dtype(self) -> DType:
        """The type itself: there are no reference types here."""
        return self

    @property
    def real_dtype(self) -> DType:
        """float32 for complex64, float64 for complex128, else the type itself."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    @property
    def is_floating(self) -> bool:
        return self.kind == "f"

    @property
    def is_complex(self) -> bool:
        return self.kind == "c"

    @property
    def is_integer(self) -> bool:
        return self.kind in "iu"

    @property
    def is_unsigned(self) -> bool:
        return self.kind == "u"

    @property
    def is_bool(self) -> bool:
        return self.kind == "b"

    @property
    def is_numeric(self) -> bool:
        return self.kind in "fciu"

    @property
    def is_quantized(self) -> bool:
        return False

    @property
    def is_numpy_compatible(self) -> bool:
        return self.name not in ("resource", "variant")

    @property
    def min(self) -> Any:
        """Smallest finite value. TypeError for dtypes without an order."""
        return self._limit("min")

    @property
    def max(self) -> Any:
        """Largest finite value. TypeError for dtypes without an order."""
        return self._limit("max")

    @property
    def limits(self) -> tuple[Any, Any]:
        return (self.min, self.max)

    def _limit(self, which: str) -> Any:
        if self.name == "bfloat16":
            value = 3.3895313892515355e38
            return value if which == "max" else -value
        if self.kind == "f":
            return getattr(np.finfo(self._storage_numpy_dtype), which)
        if self.kind in "iu":
            return getattr(np.iinfo(self._storage_numpy_dtype), which)
        if self.kind == "b":
            return which == "max"
        raise TypeError(f"Cannot find {which}imum value of {self!r}.")

    def is_compatible_with(self, other: Any) -> bool:
        return self == as_dtype(other)

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        if other is None:
            return False
        if not isinstance(other, DType):
            try:
                other = as_dtype(other)
            except TypeError:
                return False
        return self.as_datatype_enum == other.as_datatype_enum

    def __hash__(self) -> int:
        return self.as_datatype_enum

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __int__(self) -> int:
        return self.as_datatype_enum

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


float32 = DType("float32", 1, "f", 4)
float64 = DType("float64", 2, "f", 8)
int32 = DType("int32", 3, "i", 4)
uint8 = DType("uint8", 4, "u", 1)
int16 = DType("int16", 5, "i", 2)
int8 = DType("int8", 6, "i", 1)
string = DType("string", 7, "O", 1)
complex64 = DType("complex64", 8, "c", 8)
int64 = DType("int64", 9, "i", 8)
bool_ = DType("bool", 10, "b", 1)
bfloat16 = DType("bfloat16", 14, "f", 2)
uint16 = DType("uint16", 17, "u", 2)
complex128 = DType("complex128", 18, "c", 16)
float16 = DType("float16", 19, "f", 2)
resource = DType("resource", 20, "O", 1)
variant = DType("variant", 21, "O", 1)
uint32 = DType("uint32", 22, "u", 4)
uint64 = DType("uint64", 23, "u", 8)

_ALL = [
    float32, float64, int32, uint8, int16, int8, string, complex64, int64, bool_, bfloat16,
    uint16, complex128, float16, resource, variant, uint32, uint64,
]  # fmt: skip
BY_NUMBER: list[DType | None] = [None] * 24
for _d in _ALL:
    BY_NUMBER[_d.as_datatype_enum] = _d
_BY_NAME: dict[Any, DType] = {d.name: d for d in _ALL}
_BY_NAME.update(half=float16, float=float32, double=float64)
_BY_TYPE: dict[Any, DType] = {
    float: float32, int: int32, bool: bool_, complex: complex128, str: string, bytes: string,
    object: string,
}  # fmt: skip


def as_dtype(type_value: Any) -> DType:
    """DType of a DType, name, enum number, Python type or NumPy dtype.

    Raises
    ------
    TypeError
        When there is no such type.

    Examples
    --------
    >>> import numpy as np
    >>> as_dtype(np.float64), as_dtype("half"), as_dtype(int)
    (tf.float64, tf.float16, tf.int32)
    """
    if isinstance(type_value, DType):
        return type_value
    try:
        found = _BY_NAME.get(type_value) or _BY_TYPE.get(type_value)
    except TypeError:
        found = None
    if found is not None:
        return found
    if isinstance(type_value, int) and not isinstance(type_value, bool):
        if 0 < type_value < len(BY_NUMBER) and BY_NUMBER[type_value] is not None:
            return BY_NUMBER[type_value]  # type: ignore[return-value]
    elif type_value is not None:
        inner = getattr(type_value, "dtype", None)
        if isinstance(inner, DType):
            return inner
        try:
            dtype = np.dtype(type_value)
        except TypeError:
            dtype = None
        if dtype is not None:
            if dtype.kind in "SUO":
                return string
            if dtype.name in _BY_NAME:
                return _BY_NAME[dtype.name]
    raise TypeError(
        f"Cannot convert the argument `type_value`: {type_value!r} to a TensorFlow DType."
    )
