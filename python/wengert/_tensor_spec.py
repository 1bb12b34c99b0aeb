"""TensorSpec: dtype, shape and name of a tensor that is still to come."""

from __future__ import annotations

from typing import Any

from wengert._dtypes import DType, as_dtype, float32
from wengert._tensor_shape import TensorShape

__all__ = ["TensorSpec"]


class TensorSpec:
    """Describes the tensors that a function accepts (`tf.TensorSpec`).

    Parameters
    ----------
    shape : TensorShape or anything it can be made of
    dtype : DType
    name : str, optional

    Examples
    --------
    >>> TensorSpec([None, 3])
    TensorSpec(shape=(None, 3), dtype=tf.float32, name=None)
    """

    __slots__ = ("_dtype", "_name", "_shape")

    def __init__(self, shape: Any, dtype: Any = float32, name: str | None = None) -> None:
        self._shape = TensorShape(shape)
        self._dtype = as_dtype(dtype)
        self._name = name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        own = getattr(getattr(tensor, "op", None), "name", None) if name is None else name
        return cls(tensor.shape, tensor.dtype, own)

    @classmethod
    def from_spec(cls, spec: Any, name: str | None = None) -> TensorSpec:
        return cls(spec.shape, spec.dtype, name or spec.name)

    @property
    def shape(self) -> TensorShape:
        return self._shape

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def name(self) -> str | None:
        return self._name

    def is_compatible_with(self, value: Any) -> bool:
        return bool(self._dtype == value.dtype and self._shape.is_compatible_with(value.shape))

    def accepts(self, value: Any) -> bool:
        """Whether every tensor that fits `value` fits this spec."""
        return bool(self._dtype == value.dtype and value.shape.is_subtype_of(self._shape))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self._shape}, dtype={self._dtype!r}, name={self._name!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TensorSpec)
            and self._shape == other._shape
            and self._dtype == other._dtype
            and self._name == other._name
        )

    def __hash__(self) -> int:
        return hash((self._shape, self._dtype))
