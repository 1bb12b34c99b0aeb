"""IndexedSlices: a sparse value given by some of its rows."""

from __future__ import annotations

from typing import Any

from wengert import _core

__all__ = ["IndexedSlices"]


class IndexedSlices:
    """Rows `indices` of a tensor of shape `dense_shape` hold `values`; the rest is zero.

    Duplicate indices add up when it is made dense (`tf.convert_to_tensor`).

    Parameters
    ----------
    values : Tensor, shape [n, ...]
    indices : Tensor, shape [n]
    dense_shape : Tensor or None

    Examples
    --------
    >>> import wengert as tf
    >>> s = tf.IndexedSlices(tf.constant([[1.0, 2.0]]), tf.constant([1]), tf.constant([3, 2]))
    >>> tf.convert_to_tensor(s).numpy().tolist()
    [[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]]
    """

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self._values = values
        self._indices = indices
        self._dense_shape = dense_shape

    @property
    def values(self) -> Any:
        return self._values

    @property
    def indices(self) -> Any:
        return self._indices

    @property
    def dense_shape(self) -> Any:
        return self._dense_shape

    @property
    def shape(self) -> Any:
        from wengert._tensor_shape import TensorShape

        if self._dense_shape is None:
            return TensorShape(None)
        return TensorShape(_core.value_as_shape(self._dense_shape))

    @property
    def dtype(self) -> Any:
        return self._values.dtype

    @property
    def name(self) -> str:
        return str(self._values.name)

    @property
    def op(self) -> Any:
        return self._values.op

    @property
    def graph(self) -> Any:
        return self._values.graph

    @property
    def device(self) -> str:
        return str(self._values.device)

    def consumers(self) -> list[Any]:
        return list(self._values.consumers())

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self._values, self._indices, self._dense_shape)

    def __repr__(self) -> str:
        shape = ""
        if self._dense_shape is not None:
            shape = f", dense_shape={self._dense_shape}"
        return f"IndexedSlices(indices={self._indices}, values={self._values}{shape})"

    __str__ = __repr__

    def _as_tensor(self, dtype: Any, name: str | None) -> Any:
        """Dense form, with the nodes that TensorFlow's conversion makes."""
        if dtype is not None and not dtype.is_compatible_with(self.dtype):
            raise ValueError(
                f"Incompatible tensor conversion requested to `dtype` {dtype.name} for "
                f"IndexedSlices ({self}) with dtype {self.dtype.name}"
            )
        if self._dense_shape is None:
            raise ValueError(
                "Tensor conversion requested for IndexedSlices for argument without a known "
                "`dense_shape`. Give dense_shape, or use values and indices."
            )
        rows = _core.apply(
            "StridedSlice",
            (self._dense_shape, [0], [1], [1]),
            {"shrink_axis_mask": 1},
            "strided_slice",
        )
        return _core.apply(
            "UnsortedSegmentSum", (self._values, self._indices, rows), None, name or None
        )
