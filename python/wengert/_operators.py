"""The operators of tensors that are not in C++, and the conversion hook."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._indexed_slices import IndexedSlices

__all__ = ["convert_hook", "install_operators"]


def convert_hook(value: Any, dtype: Any, name: str, preferred: Any) -> Any:
    """Conversion of what C++ does not know: variables, IndexedSlices, user classes."""
    if getattr(value, "_is_variable", False):
        return value.value()
    if isinstance(value, IndexedSlices):
        return value._as_tensor(dtype, None if name == "Const" else name)
    method = getattr(value, "__tf_tensor__", None)
    if method is not None:
        return method(dtype, name)
    registered = _conversions(type(value))
    if registered is not None:
        return registered(value, dtype=dtype, name=name, as_ref=False)
    if hasattr(value, "_dims") and hasattr(value, "as_list"):
        if not value.is_fully_defined():
            raise ValueError(f"Cannot convert a partially known TensorShape {value} to a Tensor.")
        return _core.constant(
            value.as_list(),
            dtypes.int32 if dtype is None else dtype,
            None,
            name or "shape_as_tensor",
        )
    if hasattr(value, "value") and type(value).__name__ == "Dimension":
        return _core.constant(value.value, dtype or dtypes.int32, None, name or "Const")
    if isinstance(value, dtypes.DType):
        return _core.constant(value.as_datatype_enum, dtypes.int32, None, name or "Const")
    return NotImplemented


_registered: list[tuple[type, Any]] = []


def register_tensor_conversion_function(
    base_type: Any, conversion_func: Any, priority: int = 100
) -> None:
    """Lets instances of a class stand for tensors (`tf.register_tensor_conversion_function`)."""
    types = base_type if isinstance(base_type, tuple) else (base_type,)
    for t in types:
        if not isinstance(t, type):
            raise TypeError("Argument `base_type` must be a type or a tuple of types.")
        _registered.append((t, conversion_func))


def _conversions(cls: type) -> Any:
    for base, function in _registered:
        if issubclass(cls, base):
            return function
    return None


def _operand(x: Any, like: Any, name: str) -> Any:
    return x if isinstance(x, _core.Tensor) else _core.convert(x, None, name, like.dtype)


def _foreign(x: Any) -> bool:
    """Operands that should get their own chance at the operator."""
    return (
        not isinstance(x, _core.Tensor)
        and hasattr(x, "__array_priority__")
        and (x.__array_priority__ > 100)
    )


def _binary(op_type: str, scope_name: str) -> tuple[Any, Any]:
    def forward(x: Any, y: Any) -> Any:
        if _foreign(y):
            return NotImplemented
        return _core.binary(op_type, scope_name, x, y)

    def reflected(y: Any, x: Any) -> Any:
        return _core.binary(op_type, scope_name, x, y, True)

    return forward, reflected


def _truediv(x: Any, y: Any) -> Any:
    from wengert._math_ops import cast

    with name_scope_v1(None, "truediv", [x, y]) as scope:
        x = _operand(x, y, "x") if not isinstance(x, _core.Tensor) else x
        y = _operand(y, x, "y")
        if x.dtype != y.dtype:
            raise TypeError(
                f"`x` and `y` must have the same dtype, got {x.dtype!r} != {y.dtype!r}."
            )
        wide = _WIDE.get(x.dtype.name)
        if wide is not None:
            x, y = cast(x, wide), cast(y, wide)
        return _core.apply("RealDiv", (x, y), None, scope or None)


_WIDE = {
    "uint8": "float32", "int8": "float32", "int16": "float32", "uint16": "float32",
    "int32": "float64", "int64": "float64", "uint32": "float64", "uint64": "float64",
    "bool": "float32",
}  # fmt: skip


def _matmul(x: Any, y: Any) -> Any:
    from wengert._linalg_ops import matmul

    with name_scope_v1(None, "matmul", [x, y]) as scope:
        first = x if isinstance(x, _core.Tensor) else _operand(x, y, "x")
        return matmul(first, _operand(y, first, "y"), name=scope or None)


def _logical(bool_op: str, int_op: str, name: str) -> tuple[Any, Any]:
    def forward(x: Any, y: Any) -> Any:
        with name_scope_v1(None, name, [x, y]) as scope:
            first = x if isinstance(x, _core.Tensor) else _operand(x, y, "x")
            second = _operand(y, first, "y")
            op = bool_op if first.dtype == dtypes.bool_ else int_op
            if op == "LogicalXor":
                from wengert._math_ops import logical_xor

                return logical_xor(first, second, name=scope or "LogicalXor")
            return _core.apply(op, (first, second), None, scope or None)

    return forward, lambda y, x: forward(x, y)


def _invert(x: Any) -> Any:
    name = "invert"
    op = "LogicalNot" if x.dtype == dtypes.bool_ else "Invert"
    return _core.apply(op, (x,), None, name)


def _abs(x: Any) -> Any:
    from wengert._math_ops import abs as absolute

    return absolute(x)


def _neg(x: Any) -> Any:
    return _core.apply("Neg", (x,), None, None)


def _getitem(self: Any, key: Any) -> Any:
    from wengert._array_ops import slice_helper

    return slice_helper(self, key)


def install_operators() -> None:
    """Attaches the operators; called once, on import."""
    tensor = _core.Tensor
    for name, op_type, scope in (
        ("pow", "Pow", "pow"),
        ("mod", "FloorMod", "mod"),
        ("floordiv", "FloorDiv", "floordiv"),
    ):
        forward, reflected = _binary(op_type, scope)
        setattr(tensor, f"__{name}__", forward)
        setattr(tensor, f"__r{name}__", reflected)
    for name, operators in (
        ("truediv", (_truediv, lambda y, x: _truediv(x, y))),
        ("matmul", (_matmul, lambda y, x: _matmul(x, y))),
        ("and", _logical("LogicalAnd", "BitwiseAnd", "and")),
        ("or", _logical("LogicalOr", "BitwiseOr", "or")),
        ("xor", _logical("LogicalXor", "BitwiseXor", "xor")),
    ):
        setattr(tensor, f"__{name}__", operators[0])
        setattr(tensor, f"__r{name}__", operators[1])
    tensor.__neg__ = _neg  # type: ignore[method-assign]
    tensor.__abs__ = _abs  # type: ignore[method-assign]
    tensor.__invert__ = _invert  # type: ignore[method-assign]
    tensor.__getitem__ = _getitem  # type: ignore[method-assign]
