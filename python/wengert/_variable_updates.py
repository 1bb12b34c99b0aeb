"""What changes a variable: assignments and scattered updates, as methods of `tf.Variable`."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert._tensor_shape import TensorShape

__all__ = ["VariableUpdates"]


class VariableUpdates:
    """Mix-in of `Variable`.

    In eager mode and inside functions the methods return the variable. In a graph they return an
    `AssignedVariable`, whose value is read behind the update, or, when `read_value` is false,
    the operation.
    """

    _dtype: Any
    _handle: Any
    _shape: TensorShape
    name: Any

    def assign(
        self, value: Any, use_locking: Any = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Sets the value.

        Raises
        ------
        ValueError
            When the shapes are incompatible.
        """
        tensor = self._converted(value)
        if not self._shape.is_compatible_with(tensor.shape):
            raise ValueError(
                f"Cannot assign value to variable ' {self.name}': Shape mismatch.The variable "
                f"shape {self._shape}, and the assigned value shape {tensor.shape} are "
                "incompatible."
            )
        return self._update("AssignVariableOp", (tensor,), name, read_value)

    def assign_add(
        self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Adds `delta` in place."""
        return self._update("AssignAddVariableOp", (self._converted(delta),), name, read_value)

    def assign_sub(
        self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Subtracts `delta` in place."""
        return self._update("AssignSubVariableOp", (self._converted(delta),), name, read_value)

    def _converted(self, value: Any) -> Any:
        return _core.convert(value, self._dtype)

    def _update(
        self,
        op_type: str,
        inputs: tuple[Any, ...],
        name: str | None,
        read_value: bool = True,
        attrs: Any = None,
    ) -> Any:
        if attrs is None and not op_type.startswith("ResourceScatterNd"):
            attrs = {"dtype": self._dtype}
        op = _core.apply(op_type, (self._handle, *inputs), attrs, name)
        if not read_value:
            return op
        graph = _core.current_graph()
        if graph is None or graph.building_function:
            return self
        from wengert._variables import AssignedVariable

        return AssignedVariable(self, op)  # type: ignore[arg-type]

    def count_up_to(self, limit: int) -> Any:
        """The value of an integer scalar, which is then increased by one.

        Raises
        ------
        OutOfRangeError
            When the value is `limit`.
        """
        attrs = {"limit": int(limit), "T": self._dtype}
        return _core.apply("ResourceCountUpTo", (self._handle,), attrs)

    # --- rows --------------------------------------------------------------------------------
    def _scatter(self, op_type: str, delta: Any, name: str | None) -> Any:
        from wengert._indexed_slices import IndexedSlices

        if not isinstance(delta, IndexedSlices):
            raise TypeError(
                f"Argument `sparse_delta` must be a `tf.IndexedSlices`. Received arg: {delta}"
            )
        return self._update(op_type, (delta.indices, self._converted(delta.values)), name)

    def scatter_add(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Adds IndexedSlices to rows."""
        return self._scatter("ResourceScatterAdd", sparse_delta, name)

    def scatter_sub(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Subtracts IndexedSlices from rows."""
        return self._scatter("ResourceScatterSub", sparse_delta, name)

    def scatter_mul(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Multiplies rows by IndexedSlices."""
        return self._scatter("ResourceScatterMul", sparse_delta, name)

    def scatter_div(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Divides rows by IndexedSlices."""
        return self._scatter("ResourceScatterDiv", sparse_delta, name)

    def scatter_max(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Raises rows to IndexedSlices."""
        return self._scatter("ResourceScatterMax", sparse_delta, name)

    def scatter_min(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Lowers rows to IndexedSlices."""
        return self._scatter("ResourceScatterMin", sparse_delta, name)

    def scatter_update(self, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        """Sets rows to IndexedSlices."""
        return self._scatter("ResourceScatterUpdate", sparse_delta, name)

    def batch_scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Any:
        """Sets rows along the last axis of the indices, the axes before it shared."""
        from wengert import _array_ops, _creation

        indices = _core.convert(sparse_delta.indices)
        rank = indices.shape.rank
        if rank is None:
            raise ValueError("batch_scatter_update needs indices of known rank")
        size = _array_ops.shape(indices)
        parts = []
        for axis in range(rank - 1):
            line = _core.apply("Cast", (_creation.range(size[axis]),), {"DstT": indices.dtype})
            shape = [1] * rank
            shape[axis] = -1
            parts.append(_array_ops.broadcast_to(_array_ops.reshape(line, shape), size))
        vectors = _array_ops.stack([*parts, indices], axis=-1)
        return self.scatter_nd_update(vectors, sparse_delta.values, name)

    # --- index vectors -----------------------------------------------------------------------
    def _scatter_nd(self, op_type: str, indices: Any, updates: Any, name: str | None) -> Any:
        return self._update(op_type, (indices, self._converted(updates)), name)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Adds at index vectors."""
        return self._scatter_nd("ResourceScatterNdAdd", indices, updates, name)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Subtracts at index vectors."""
        return self._scatter_nd("ResourceScatterNdSub", indices, updates, name)

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Sets at index vectors."""
        return self._scatter_nd("ResourceScatterNdUpdate", indices, updates, name)

    def scatter_nd_max(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Raises to `updates` at index vectors."""
        return self._scatter_nd("ResourceScatterNdMax", indices, updates, name)

    def scatter_nd_min(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Lowers to `updates` at index vectors."""
        return self._scatter_nd("ResourceScatterNdMin", indices, updates, name)

    # --- reading parts -----------------------------------------------------------------------
    def sparse_read(self, indices: Any, name: str | None = None) -> Any:
        """Rows of the variable, without reading all of it."""
        scope = "Gather" if name is None else name
        graph = _core.current_graph()
        attrs = {"dtype": self._dtype}
        if graph is None:
            return _core.apply("ResourceGather", (self._handle, indices), attrs)
        with graph.name_scope(scope) as path:
            return _core.apply("ResourceGather", (self._handle, indices), attrs, path)

    def gather_nd(self, indices: Any, name: str | None = None) -> Any:
        """Elements or slices at index vectors, without reading all of the variable."""
        scope = "GatherNd" if name is None else name
        graph = _core.current_graph()
        attrs = {"dtype": self._dtype}
        if graph is None:
            return _core.apply("ResourceGatherNd", (self._handle, indices), attrs)
        with graph.name_scope(scope) as path:
            parts = _core.apply("ResourceGatherNd", (self._handle, indices), attrs, path)
        return _core.apply("Identity", (parts,))
