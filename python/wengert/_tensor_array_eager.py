"""What a `tf.TensorArray` is in eager mode: a Python list, written in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core
from wengert._dtypes import as_dtype, int32
from wengert._tensor_shape import TensorShape

__all__ = ["EagerList"]


class EagerList:
    """A Python list of eager tensors; written in place."""

    def __init__(
        self, dtype: Any, size: Any, dynamic_size: Any, clear_after_read: Any, infer_shape: bool,
        element_shape: Any,
    ) -> None:  # fmt: skip
        if size is None:
            raise ValueError(
                "Size must be declared for TensorArrays when eager execution is enabled."
            )
        self.dtype = as_dtype(dtype)
        self.dynamic_size = bool(dynamic_size)
        self._clear = clear_after_read is None or bool(clear_after_read)
        self._infer = infer_shape
        self.element_shape = TensorShape(element_shape)
        self._items: list[Any] = [None] * int(size)
        self._cleared: set[int] = set()

    @property
    def flow(self) -> Any:
        return _core.convert(0, int32)

    def identity(self) -> EagerList:
        return self

    def size(self, name: str | None) -> Any:
        return _core.convert(len(self._items), int32)

    def _zeros(self) -> Any:
        from wengert._creation import zeros

        if not self.element_shape.is_fully_defined():
            raise ValueError(
                f"Cannot convert a partially known TensorShape {self.element_shape} to a Tensor."
            )
        return zeros(self.element_shape.as_list(), self.dtype)

    def read(self, index: Any, name: str | None) -> Any:
        from wengert.errors import InvalidArgumentError, OutOfRangeError

        index = int(index)
        if index < 0:
            raise OutOfRangeError(
                None, None, f"Reading from negative indices (index {index}) is not allowed."
            )
        if index >= len(self._items):
            raise OutOfRangeError(
                None, None,
                f"Tried to read from index {index} but array size is: {len(self._items)} ",
            )  # fmt: skip
        value = self._items[index]
        if value is None:
            if index in self._cleared:
                raise InvalidArgumentError(
                    None, None,
                    f"Could not read index {index} twice because it was cleared after a previous "
                    "read (perhaps try setting clear_after_read = false?)",
                )  # fmt: skip
            value = self._zeros()
        if self._clear:
            self._items[index] = None
            self._cleared.add(index)
        return value

    def _value(self, value: Any) -> Any:
        from wengert.errors import InvalidArgumentError

        try:
            value = _core.convert(value, self.dtype)
        except (TypeError, ValueError):
            value = _core.convert(value)
        if value.dtype != self.dtype:
            raise InvalidArgumentError(
                None, None,
                f"TensorArray dtype is {self.dtype.name} but Op is trying to write dtype "
                f"{value.dtype.name} ",
            )  # fmt: skip
        return value

    def _put(self, index: int, value: Any) -> None:
        from wengert.errors import OutOfRangeError

        if index < 0:
            raise OutOfRangeError(
                None, None, f"Writing to negative indices (index {index}) is not allowed."
            )
        if index >= len(self._items):
            if not self.dynamic_size:
                raise OutOfRangeError(
                    None, None,
                    f"Tried to write to index {index} but array is not resizeable and size is: "
                    f"{len(self._items)} ",
                )  # fmt: skip
            self._items.extend([None] * (index + 1 - len(self._items)))
        value = self._value(value)
        if not self.element_shape.is_compatible_with(value.shape):
            raise ValueError(
                f"Incompatible shape for value ({value.shape}), expected ({self.element_shape})"
            )
        if self._infer:
            self.element_shape = self.element_shape.merge_with(value.shape)
        self._items[index] = value
        self._cleared.discard(index)

    def write(self, index: Any, value: Any, name: str | None) -> EagerList:
        self._put(int(index), value)
        return self

    def _all(self) -> list[Any]:
        return [self._zeros() if x is None else x for x in self._items]

    def stack(self, name: str | None) -> Any:
        from wengert._array_ops import stack
        from wengert._creation import zeros

        if not self._items:
            if not self.element_shape.is_fully_defined():
                return zeros([0], self.dtype)
            return zeros([0, *self.element_shape.as_list()], self.dtype)
        return stack(self._all())

    def gather(self, indices: Any, name: str | None) -> Any:
        from wengert._array_ops import stack

        items = [self._items[int(i)] for i in np.reshape(np.asarray(indices), -1)]
        return stack([self._zeros() if x is None else x for x in items])

    def concat(self, name: str | None) -> Any:
        from wengert._array_ops import concat

        return concat(self._all(), 0)

    def unstack(self, value: Any, name: str | None) -> EagerList:
        from wengert._array_ops import unstack

        rows = unstack(self._value(value))
        if len(rows) > len(self._items) and not self.dynamic_size:
            raise ValueError(
                f"Cannot unstack {len(rows)} tensors into a TensorArray of static size "
                f"{len(self._items)} "
            )
        for i, row in enumerate(rows):
            self._put(i, row)
        return self

    def scatter(self, indices: Any, value: Any, name: str | None) -> EagerList:
        from wengert._array_ops import unstack

        rows = unstack(self._value(value))
        where = [int(i) for i in np.reshape(np.asarray(indices), -1)]
        if len(rows) != len(where):
            raise ValueError(f"{len(where)} indices for {len(rows)} values")
        for i, row in zip(where, rows, strict=True):
            self._put(i, row)
        return self

    def split(self, value: Any, lengths: Any, name: str | None) -> EagerList:
        from wengert.errors import InvalidArgumentError

        value = self._value(value)
        sizes = [int(n) for n in np.reshape(np.asarray(lengths), -1)]
        if sum(sizes) != value.shape.as_list()[0]:
            raise InvalidArgumentError(
                None, None,
                "Expected sum of lengths to be equal to values.shape[0], but sum of lengths is "
                f"{sum(sizes)} and value's shape is: {value.shape.as_list()} ",
            )  # fmt: skip
        if len(sizes) > len(self._items) and not self.dynamic_size:
            raise InvalidArgumentError(
                None, None,
                f"TensorArray's size is not equal to the size of lengths ({len(self._items)} vs. "
                f"{len(sizes)}), and the TensorArray is not marked as dynamically resizeable.",
            )  # fmt: skip
        start = 0
        for i, n in enumerate(sizes):
            self._put(i, value[start : start + n])
            start += n
        return self
