"""What a `tf.TensorArray` is in a graph: a TensorList, replaced by every write."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core
from wengert._dtypes import as_dtype, int32, int64
from wengert._graph import name_scope_v1
from wengert._tensor_shape import TensorShape

__all__ = ["GraphList"]


class GraphList:
    """A TensorList in a graph."""

    def __init__(
        self, dtype: Any, size: Any, dynamic_size: Any, flow: Any, infer_shape: bool,
        element_shape: Any, name: str | None,
    ) -> None:  # fmt: skip
        self.dtype = as_dtype(dtype)
        self.dynamic_size = dynamic_size
        self._infer = infer_shape
        self._size = size
        # One list: what a write teaches holds for all that come from this array.
        self._shape = [TensorShape(element_shape)]
        if flow is not None:
            self.flow = flow
            return
        if size is None:
            raise ValueError("Argument `size` must be provided if argument `flow` is not provided.")
        with name_scope_v1(name, "TensorArrayV2") as scope:
            self.flow = self._op(
                "TensorListReserve", (self._shape_argument(), size), scope,
                element_dtype=self.dtype, shape_type=int32,
            )  # fmt: skip

    def with_flow(self, flow: Any) -> GraphList:
        made = GraphList.__new__(GraphList)
        made.__dict__.update(self.__dict__)
        made.flow = flow
        return made

    @property
    def element_shape(self) -> TensorShape:
        return self._shape[0]

    @staticmethod
    def _op(op_type: str, inputs: tuple[Any, ...], name: str | None = None, **attrs: Any) -> Any:
        return _core.apply(op_type, inputs, attrs, name)

    def _shape_argument(self, shape: Any = None) -> Any:
        """A shape as the ops of lists take it: -1 for what is not known."""
        shape = self.element_shape if shape is None else shape
        if shape.rank is None:
            return -1
        if shape.rank == 0:
            return _core.constant(np.zeros(0, np.int32), int32, None, "Const")
        return [-1 if d is None else d for d in shape.as_list()]

    def _value(self, value: Any) -> Any:
        try:
            value = _core.convert(value, self.dtype, "value")
        except (TypeError, ValueError):
            value = _core.convert(value, None, "value")
        if value.dtype != self.dtype:
            from wengert.errors import InvalidArgumentError

            raise InvalidArgumentError(
                None, None,
                f"Invalid data types; op elements {value.dtype.name} but list elements "
                f"{self.dtype.name}",
            )  # fmt: skip
        return value

    def _learn(self, shape: Any) -> None:
        """Checks the shape of an element; with infer_shape all have it."""
        if not self._infer:
            return
        if not self.element_shape.is_compatible_with(shape):
            raise ValueError(f"Inconsistent shapes: saw {shape} but expected {self.element_shape} ")
        self._shape[0] = self.element_shape.merge_with(shape)

    def identity(self) -> GraphList:
        return self.with_flow(_core.apply("Identity", (self.flow,)))

    def size(self, name: str | None) -> Any:
        if not self.dynamic_size and self._size is not None:
            return _core.convert(self._size, int32)
        return self._op("TensorListLength", (self.flow,), name)

    def read(self, index: Any, name: str | None) -> Any:
        with name_scope_v1(name, "TensorArrayV2Read"):
            return self._op(
                "TensorListGetItem", (self.flow, index, self._shape_argument()),
                element_dtype=self.dtype,
            )  # fmt: skip

    def write(self, index: Any, value: Any, name: str | None) -> GraphList:
        with name_scope_v1(name, "TensorArrayV2Write"):
            value = self._value(value)
            self._learn(value.shape)
            return self.with_flow(self._op(
                "TensorListSetItem", (self.flow, index, value), element_dtype=self.dtype,
                resize_if_index_out_of_bounds=bool(self.dynamic_size),
            ))  # fmt: skip

    def stack(self, name: str | None) -> Any:
        with name_scope_v1(name, "TensorArrayV2Stack"):
            count = -1
            if not self.dynamic_size and self._size is not None:
                count = _static_int(self._size)
            return self._op(
                "TensorListStack", (self.flow, self._shape_argument()),
                element_dtype=self.dtype, num_elements=count,
            )  # fmt: skip

    def gather(self, indices: Any, name: str | None) -> Any:
        shape = self._shape_argument()
        return self._op(
            "TensorListGather", (self.flow, _indices(indices), shape), name,
            element_dtype=self.dtype,
        )  # fmt: skip

    def concat(self, name: str | None) -> Any:
        known = self.element_shape
        shape = known if known.rank is None else TensorShape([None]).concatenate(known[1:])
        leading = _core.constant(np.zeros(0, np.int64), int64, None, "Const")
        return self._op(
            "TensorListConcatV2", (self.flow, self._shape_argument(shape), leading), name,
            element_dtype=self.dtype, shape_type=int32,
        )[0]  # fmt: skip

    def unstack(self, value: Any, name: str | None) -> GraphList:
        with name_scope_v1(name, "TensorArrayUnstack"):
            value = self._value(value)
            if value.shape.rank == 0:
                raise ValueError("Cannot unstack a scalar into a TensorArray")
            rows = TensorShape(None) if value.shape.rank is None else value.shape[1:]
            self._learn(rows)
            return self.with_flow(self._op(
                "TensorListFromTensor", (value, self._shape_argument(rows)),
                element_dtype=self.dtype, shape_type=int32,
            ))  # fmt: skip

    def scatter(self, indices: Any, value: Any, name: str | None) -> GraphList:
        with name_scope_v1(name, "TensorArrayScatter"):
            value = self._value(value)
            if value.shape.rank is not None:
                self._learn(value.shape[1:])
            return self.with_flow(self._op(
                "TensorListScatterIntoExistingList", (self.flow, value, _indices(indices)),
                element_dtype=self.dtype,
            ))  # fmt: skip

    def split(self, value: Any, lengths: Any, name: str | None) -> GraphList:
        from wengert._math_ops import cast

        with name_scope_v1(name, "TensorArraySplit"):
            value = self._value(value)
            known = _static_ints(lengths)
            lengths = cast(lengths, int64)
            if self._infer and value.shape.rank:
                same = known is not None and len(set(known)) == 1
                first = TensorShape([known[0] if known is not None and same else None])
                self._learn(first.concatenate(value.shape[1:]))
            shape = self._shape_argument()
            return self.with_flow(self._op(
                "TensorListSplit", (value, shape, lengths), element_dtype=self.dtype,
                shape_type=int32,
            ))  # fmt: skip


def _indices(indices: Any) -> Any:
    return indices if isinstance(indices, _core.Tensor) else np.asarray(indices, np.int32)


def _static_int(value: Any) -> int:
    if isinstance(value, _core.SymbolicTensor):
        known = _core.static_value(value)
        return -1 if known is None else int(known)
    return int(value)


def _static_ints(value: Any) -> list[int] | None:
    if isinstance(value, _core.SymbolicTensor):
        known = _core.static_value(value)
        return None if known is None else [int(v) for v in np.reshape(known, -1)]
    return [int(v) for v in np.reshape(np.asarray(value), -1)]
