"""`tf.TensorArray`: a list of tensors that is written element by element."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert._tensor_array_eager import EagerList
from wengert._tensor_array_graph import GraphList
from wengert._tensor_shape import TensorShape

__all__ = ["TensorArray"]


class TensorArray:
    """A list of tensors of one dtype (`tf.TensorArray`).

    In graphs it is a TensorList, which every write replaces: use the TensorArray that `write`
    returns. In eager mode it is a Python list.

    Parameters
    ----------
    dtype : DType
    size : int or scalar integer tensor
    dynamic_size : bool, optional
        Writing behind the end makes the array longer.
    clear_after_read : bool, optional
        In eager mode an element can be read once only, unless this is False.
    infer_shape : bool
        All elements have the shape of the first one.
    element_shape : TensorShape, optional
        What is known of the shapes of the elements.
    flow : variant tensor, optional
        The TensorList of another TensorArray, in graphs.
    tensor_array_name, handle, colocate_with_first_write_call :
        Accepted.

    Raises
    ------
    ValueError
        When neither `size` nor `flow` is given.

    Examples
    --------
    >>> import wengert as tf
    >>> ta = tf.TensorArray(tf.float32, size=2)
    >>> ta = ta.write(0, 1.0).write(1, 3.0)
    >>> ta.stack().numpy().tolist()
    [1.0, 3.0]
    """

    _is_tensor_array = True

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Any = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        self._impl: EagerList | GraphList
        if handle is not None and flow is None:
            raise ValueError("Cannot construct with a handle: pass `flow` instead.")
        if _core.current_graph() is None:
            self._impl = EagerList(dtype, size, dynamic_size, clear_after_read, infer_shape,
                                element_shape)  # fmt: skip
        else:
            self._impl = GraphList(
                dtype, size, dynamic_size, flow, infer_shape, element_shape, name
            )

    @classmethod
    def _of(cls, impl: EagerList | GraphList) -> TensorArray:
        made = cls.__new__(cls)
        made._impl = impl
        return made

    def _with_flow(self, flow: Any) -> TensorArray:
        """The TensorArray like this one behind another list."""
        if isinstance(self._impl, EagerList):
            return self
        return TensorArray._of(self._impl.with_flow(flow))

    # --- reading about it --------------------------------------------------------------------
    @property
    def dtype(self) -> Any:
        """DType of the elements."""
        return self._impl.dtype

    @property
    def dynamic_size(self) -> bool | None:
        """Whether it grows."""
        return self._impl.dynamic_size

    @property
    def element_shape(self) -> TensorShape:
        """What is known of the shapes of the elements."""
        return self._impl.element_shape

    @property
    def flow(self) -> Any:
        """The TensorList (a placeholder value in eager mode)."""
        return self._impl.flow

    @property
    def handle(self) -> None:
        """None: for older code."""
        return None

    def size(self, name: str | None = None) -> Any:
        """Number of elements, a scalar int32 tensor."""
        return self._impl.size(name)

    # --- elements ----------------------------------------------------------------------------
    def identity(self) -> TensorArray:
        """The same array."""
        return TensorArray._of(self._impl.identity())

    def read(self, index: Any, name: str | None = None) -> Any:
        """Element `index`.

        Raises
        ------
        OutOfRangeError
            In eager mode; InvalidArgumentError in graphs.
        """
        return self._impl.read(index, name)

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with `value` as element `index`.

        Raises
        ------
        OutOfRangeError
            In eager mode; InvalidArgumentError in graphs.
        ValueError
            When the shape does not fit the others.
        """
        return self._result(self._impl.write(index, value, name))

    def stack(self, name: str | None = None) -> Any:
        """All elements along a new first axis."""
        return self._impl.stack(name)

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """Elements `indices` along a new first axis."""
        return self._impl.gather(indices, name)

    def concat(self, name: str | None = None) -> Any:
        """All elements, joined along their first axis."""
        return self._impl.concat(name)

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """The array of the rows of `value`."""
        return self._result(self._impl.unstack(value, name))

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with row i of `value` as element `indices[i]`."""
        return self._result(self._impl.scatter(indices, value, name))

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """The array of pieces of `value` along its first axis, of these lengths."""
        return self._result(self._impl.split(value, lengths, name))

    def grad(self, source: Any, flow: Any = None, name: str | None = None) -> Any:
        """NotImplementedError: gradients need no such method."""
        raise NotImplementedError(
            "TensorArray.grad is not supported: gradients of operations that use TensorArrays "
            "do not need it."
        )

    def close(self, name: str | None = None) -> Any:
        """Nothing; an operation that does nothing in graphs."""
        return None if _core.current_graph() is None else _core.apply("NoOp", (), None, name)

    def _result(self, impl: EagerList | GraphList) -> TensorArray:
        return self if impl is self._impl else TensorArray._of(impl)
