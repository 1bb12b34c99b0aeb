"""Python side of `tf.Tensor`: text, guards, indexing, the operators that are not in C++."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._tensor_shape import TensorShape, as_shape

__all__ = ["install_tensor_methods"]

Tensor = _core.Tensor


class TensorRef:
    """Hashable stand-in of a tensor or variable, equal by identity."""

    __slots__ = ("_object",)

    def __init__(self, obj: Any) -> None:
        self._object = obj

    def deref(self) -> Any:
        return self._object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorRef) and self._object is other._object

    def __hash__(self) -> int:
        return id(self._object)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._object!r}>"


# --- text -----------------------------------------------------------------------------------


def _symbolic_repr(self: Any) -> str:
    return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


def _symbolic_str(self: Any) -> str:
    shape = f", shape={self.shape}" if self.shape.rank is not None else ""
    return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'


def numpy_text(tensor: Any, is_repr: bool = False) -> str:
    """The elements as TensorFlow prints them."""
    if not tensor.dtype.is_numpy_compatible:
        return f"<unprintable {tensor.dtype.name}>"
    value = tensor.numpy()
    if is_repr:
        is_number = isinstance(value, np.generic) and not isinstance(value, bytes)
        text = repr(value.item() if is_number else value)
    else:
        text = str(value)
    return f"\n{text}" if "\n" in text else text


def _eager_repr(self: Any) -> str:
    text = numpy_text(self, is_repr=True)
    value = "value=<unprintable>" if text.startswith("<unprintable") else f"numpy={text}"
    return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, {value}>"


def _eager_str(self: Any) -> str:
    return f"tf.Tensor({numpy_text(self)}, shape={self.shape}, dtype={self.dtype.name})"


# --- guards: what a symbolic tensor cannot do -----------------------------------------------


def _out_of_graph(what: str) -> Exception:
    from wengert.errors import OperatorNotAllowedInGraphError

    return OperatorNotAllowedInGraphError(
        f"{what} is not allowed. You can attempt the following resolutions to the problem: If you "
        "are running in Graph mode, use Eager execution mode or decorate this function with "
        "@tf.function. If you are using AutoGraph, you can try decorating this function with "
        "@tf.function. If that does not work, then you may be using an unsupported feature or "
        "your source code may not be visible to AutoGraph. See "
        "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/python/autograph/g3doc/"
        "reference/limitations.md#access-to-source-code for more information."
    )


def _symbolic_bool(self: Any) -> bool:
    raise _out_of_graph("Using a symbolic `tf.Tensor` as a Python `bool`")


def _symbolic_array(self: Any, dtype: Any = None, copy: Any = None) -> Any:
    raise NotImplementedError(
        f"Cannot convert a symbolic tf.Tensor ({self.name}) to a numpy array. This error may "
        "indicate that you're trying to pass a Tensor to a NumPy call, which is not supported."
    )


def _symbolic_iter(self: Any) -> Any:
    shape = self._shape_tuple()
    if _core.current_graph() is None or not shape or shape[0] is None:
        raise _out_of_graph("Iterating over a symbolic `tf.Tensor`")
    return iter([self[i] for i in range(shape[0])])


def _symbolic_len(self: Any) -> int:
    raise TypeError(
        f"len is not well defined for a symbolic Tensor ({self.name}). Please call `x.shape` "
        "rather than `len(x)` for shape information."
    )


def _symbolic_eval(self: Any, feed_dict: Any = None, session: Any = None) -> Any:
    from wengert._session import eval_tensor

    return eval_tensor(self, feed_dict, session)


# --- eager values ---------------------------------------------------------------------------


def _scalar(self: Any) -> Any:
    value = np.asarray(self.numpy())
    if value.size != 1 or value.ndim != 0:
        raise TypeError("Only scalar tensors can be converted to Python numbers")
    return value.item()


def _eager_bool(self: Any) -> bool:
    return bool(np.asarray(self.numpy()))


def _eager_index(self: Any) -> int:
    if not self.dtype.is_integer:
        raise TypeError("only integer scalar tensors can be converted to an index")
    return int(_scalar(self))


def _eager_array(self: Any, dtype: Any = None, copy: Any = None) -> Any:
    array = np.asarray(self.numpy())
    return array.astype(dtype) if dtype is not None else array


def _eager_iter(self: Any) -> Any:
    shape = self._shape_tuple()
    if not shape:
        raise TypeError("Cannot iterate over a scalar tensor.")
    return iter([self[i] for i in range(shape[0])])


def _eager_len(self: Any) -> int:
    shape = self._shape_tuple()
    if not shape:
        raise TypeError("Scalar tensor has no `len()`")
    return int(shape[0])


def _eager_only(name: str) -> Any:
    def get(self: Any) -> Any:
        raise AttributeError(f"Tensor.{name} is undefined when eager execution is enabled.")

    return property(get)


# --- common ---------------------------------------------------------------------------------


def _set_shape(self: Any, shape: Any) -> None:
    """Merges `shape` into what is known of the static shape. ValueError when incompatible."""
    shape = as_shape(shape)
    if isinstance(self, _core.SymbolicTensor):
        own = self.shape
        if not own.is_compatible_with(shape):
            raise ValueError(f"Shapes {own} and {shape} are not compatible")
        self.set_shape_tuple(shape)
    elif not self.shape.is_compatible_with(shape):
        raise ValueError(
            f"Tensor's shape {self.shape} is not compatible with supplied shape {shape}."
        )


def _get_shape(self: Any) -> TensorShape:
    shape: TensorShape = self.shape
    return shape


def _ref(self: Any) -> TensorRef:
    return TensorRef(self)


def _hash(self: Any) -> int:
    if isinstance(self, _core.EagerTensor):
        raise TypeError("Tensor is unhashable. Instead, use tensor.ref() as the key.")
    return id(self)


def _equals(self: Any, other: Any) -> Any:
    if other is None:
        return False
    return self is other if _by_identity() else _tensor_equals(self, other, "Equal")


def _not_equals(self: Any, other: Any) -> Any:
    if other is None:
        return True
    return self is not other if _by_identity() else _tensor_equals(self, other, "NotEqual")


def _by_identity() -> bool:
    """In plain graphs `==` compares identity, as in TensorFlow 1."""
    graph = _core.current_graph()
    return graph is not None and not graph.building_function


def _tensor_equals(self: Any, other: Any, op_type: str) -> Any:
    if not isinstance(other, Tensor):
        try:
            _core.to_numpy(other, self.dtype)
        except (TypeError, ValueError):
            return op_type == "NotEqual"
    return _core.apply(op_type, (self, other), {"incompatible_shape_error": False})


def install_tensor_methods() -> None:
    """Attaches the methods of this module to the C++ classes; called once, on import."""
    for name, method in {
        "set_shape": _set_shape,
        "get_shape": _get_shape,
        "ref": _ref,
        "experimental_ref": _ref,
        "__hash__": _hash,
        "__eq__": _equals,
        "__ne__": _not_equals,
        "__array_priority__": 100,
        "_is_tensor": True,
        "ndim": property(lambda self: self._rank()),
        "device": property(lambda self: getattr(getattr(self, "op", None), "device", "")),
    }.items():
        setattr(Tensor, name, method)
    for name, method in {
        "__repr__": _symbolic_repr,
        "__str__": _symbolic_str,
        "__bool__": _symbolic_bool,
        "__array__": _symbolic_array,
        "__iter__": _symbolic_iter,
        "__len__": _symbolic_len,
        "eval": _symbolic_eval,
    }.items():
        setattr(_core.SymbolicTensor, name, method)
    for name, method in {
        "__repr__": _eager_repr,
        "__str__": _eager_str,
        "__bool__": _eager_bool,
        "__index__": _eager_index,
        "__int__": lambda self: int(_scalar(self)),
        "__float__": lambda self: float(_scalar(self)),
        "__complex__": lambda self: complex(_scalar(self)),
        "__array__": _eager_array,
        "__iter__": _eager_iter,
        "__len__": _eager_len,
        "__reduce__": lambda self: (_from_numpy, (np.asarray(self.numpy()), self.dtype.name)),
        "__deepcopy__": lambda self, memo: _from_numpy(np.array(self.numpy()), self.dtype.name),
        "__copy__": lambda self: self,
        "__format__": lambda self, spec: format(self.numpy(), spec) if spec else str(self),
        "item": lambda self: _scalar(self),
        "cpu": lambda self: self,
        "name": _eager_only("name"),
        "op": _eager_only("op"),
        "graph": _eager_only("graph"),
    }.items():
        setattr(_core.EagerTensor, name, method)
    _core.Operation.__doc__ = "A node of a graph: a type, attributes, input and output tensors."
    _core.Operation.__repr__ = _operation_repr  # type: ignore[method-assign]
    _core.Operation.__str__ = _operation_repr  # type: ignore[method-assign]
    _core.Operation.run = _operation_run  # type: ignore[attr-defined]
    _core.Operation._set_device = (  # type: ignore[attr-defined]
        lambda self, device: setattr(self, "device", str(device or ""))
    )
    _core.Operation._update_input = (  # type: ignore[attr-defined]
        lambda self, index, tensor: self.update_input(index, tensor)
    )
    _core.Operation._add_control_inputs = (  # type: ignore[attr-defined]
        lambda self, ops: self.add_control_inputs(ops)
    )
    _core.Operation._add_control_input = (  # type: ignore[attr-defined]
        lambda self, op: self.add_control_inputs([op])
    )
    _core.Operation._set_attr = (  # type: ignore[attr-defined]
        lambda self, name, value: self.set_attr(name, value)
    )
    for cls in (_core.Tensor, _core.SymbolicTensor, _core.EagerTensor, _core.Operation):
        cls.__module__ = "wengert"


def _from_numpy(array: Any, dtype: str) -> Any:
    return _core.EagerTensor(array, dtypes.as_dtype(dtype))


def _operation_repr(self: Any) -> str:
    return f"<tf.Operation '{self.name}' type={self.type}>"


def _operation_run(self: Any, feed_dict: Any = None, session: Any = None) -> Any:
    from wengert._session import run_operation

    return run_operation(self, feed_dict, session)
