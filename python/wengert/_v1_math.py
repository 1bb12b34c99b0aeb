"""TensorFlow 1's spellings of functions on numbers and arrays (`tf.compat.v1`)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from wengert import _array_ops, _core, _creation, _math_reduce
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._wrap import op_function

apply = _core.apply


def _one_of(new: Any, old: Any, names: str) -> Any:
    """The value of an argument that has an older name too."""
    if new is not None and old is not None:
        raise ValueError(f"Cannot specify both {names}")
    return old if new is None else new


# --- reductions ---------------------------------------------------------------------------------


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(
        input_tensor: Any, axis: Any = None, keepdims: Any = None, name: str | None = None,
        reduction_indices: Any = None, keep_dims: Any = None,
    ) -> Any:  # fmt: skip
        axis = _one_of(axis, reduction_indices, "axis and reduction_indices")
        keep = _one_of(keepdims, keep_dims, "keepdims and keep_dims")
        return function(input_tensor, axis, bool(keep), name)

    reduce.__name__ = reduce.__qualname__ = function.__name__
    reduce.__doc__ = f"`tf.{function.__name__}`, with the older names of its arguments too."
    return reduce


reduce_sum = _reduction(_math_reduce.reduce_sum)
reduce_mean = _reduction(_math_reduce.reduce_mean)
reduce_prod = _reduction(_math_reduce.reduce_prod)
reduce_max = _reduction(_math_reduce.reduce_max)
reduce_min = _reduction(_math_reduce.reduce_min)
reduce_all = _reduction(_math_reduce.reduce_all)
reduce_any = _reduction(_math_reduce.reduce_any)
reduce_logsumexp = _reduction(_math_reduce.reduce_logsumexp)


def count_nonzero(
    input_tensor: Any = None, axis: Any = None, keepdims: Any = None, dtype: Any = dtypes.int64,
    name: str | None = None, reduction_indices: Any = None, keep_dims: Any = None,
    input: Any = None,
) -> Any:  # fmt: skip
    """`tf.math.count_nonzero`, with the older names of its arguments too."""
    x = _one_of(input, input_tensor, "input and input_tensor")
    axis = _one_of(axis, reduction_indices, "axis and reduction_indices")
    keep = _one_of(keepdims, keep_dims, "keepdims and keep_dims")
    return _math_reduce.count_nonzero(x, axis, bool(keep), dtype, name)


def _arg_reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(
        input: Any, axis: Any = None, name: str | None = None, dimension: Any = None,
        output_type: Any = dtypes.int64,
    ) -> Any:  # fmt: skip
        axis = _one_of(axis, dimension, "axis and dimension")
        return function(input, 0 if axis is None else axis, output_type, name)

    reduce.__name__ = reduce.__qualname__ = function.__name__
    reduce.__doc__ = f"`tf.{function.__name__}`, with the older names of its arguments too."
    return reduce


argmax = _arg_reduction(_math_reduce.argmax)
argmin = _arg_reduction(_math_reduce.argmin)


# --- shapes -------------------------------------------------------------------------------------


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """`tf.expand_dims`, where the axis may be called `dim`."""
    return _array_ops.expand_dims(input, _one_of(axis, dim, "axis and dim"), name)


def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Any:
    """`tf.squeeze`, where the axes may be called `squeeze_dims`."""
    return _array_ops.squeeze(input, _one_of(axis, squeeze_dims, "axis and squeeze_dims"), name)


def gather(
    params: Any, indices: Any, validate_indices: Any = None, name: str | None = None,
    axis: Any = None, batch_dims: int = 0,
) -> Any:  # fmt: skip
    """`tf.gather`, the name before the axis."""
    return _array_ops.gather(params, indices, validate_indices, axis, batch_dims, name)


def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Any:
    """`tf.gather_nd`, the name before the number of batch axes."""
    return _array_ops.gather_nd(params, indices, batch_dims, name)


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Any:
    """`tf.transpose`, the name before `conjugate`."""
    return _array_ops.transpose(a, perm, conjugate, name)


def shape(input: Any, name: str | None = None, out_type: Any = None) -> Any:
    """`tf.shape`, the name before the dtype."""
    return _array_ops.shape(input, out_type, name)


def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Any:
    """`tf.size`, the name before the dtype."""
    return _array_ops.size(input, out_type, name)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None,
    constant_values: Any = 0,
) -> Any:  # fmt: skip
    """`tf.pad`, the name before the values."""
    return _array_ops.pad(tensor, paddings, mode, constant_values, name)


def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Any:
    """Zeros of the shape of a tensor."""
    return _creation.zeros_like(tensor, dtype, name, optimize)


def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Any:
    """Ones of the shape of a tensor."""
    return _creation.ones_like(tensor, dtype, name, optimize)


def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask", axis: Any = None) -> Any:
    """`tf.boolean_mask`, the name before the axis."""
    return _array_ops.boolean_mask(tensor, mask, axis, name)


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Any:
    """A tensor that may be fed, and otherwise has the value of `input`."""
    return apply("PlaceholderWithDefault", (input,), {"shape": shape}, name)


realdiv = op_function("RealDiv", "realdiv", "x y")
truncatediv = op_function("TruncateDiv", "truncatediv", "x y")
truncatemod = op_function("TruncateMod", "truncatemod", "x y")


# --- numbers ------------------------------------------------------------------------------------


def div(x: Any, y: Any, name: str | None = None) -> Any:
    """Division as in Python 2: of integers rounded down."""
    with name_scope_v1(name, "div") as scope:
        x = _core.convert(x, None, "x", getattr(y, "dtype", None))
        y = _core.convert(y, x.dtype.base_dtype, "y")
        real = x.dtype.is_floating or x.dtype.is_complex
        return apply("RealDiv" if real else "FloorDiv", (x, y), None, scope or None)


def _converter(name: str, dtype: Any) -> Callable[..., Any]:
    default = "To" + {"bfloat16": "BFloat16"}.get(dtype.name, name[3:].title())

    def convert(x: Any, name: str = default) -> Any:
        from wengert._math_ops import cast

        return cast(x, dtype, name)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"`tf.cast` to {dtype.name}."
    return convert


to_float = _converter("to_float", dtypes.float32)
to_double = _converter("to_double", dtypes.float64)
to_int32 = _converter("to_int32", dtypes.int32)
to_int64 = _converter("to_int64", dtypes.int64)
to_bfloat16 = _converter("to_bfloat16", dtypes.bfloat16)
to_complex64 = _converter("to_complex64", dtypes.complex64)
to_complex128 = _converter("to_complex128", dtypes.complex128)


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Any:
    """A part of `size`, at a random place."""
    from wengert import _debug, _random_ops
    from wengert._graph import control_dependencies

    with name_scope_v1(name, "random_crop"):
        value = _core.convert(value, None, "value")
        wanted = _core.convert(size, dtypes.int32, "size")
        whole = _array_ops.shape(value)
        check = _debug.assert_greater_equal(whole, wanted, "Need value.shape >= size")
        room = whole - wanted + 1
        with control_dependencies([] if check is None else [check]):
            drawn = _random_ops.uniform(
                _array_ops.shape(whole), 0, dtypes.int32.max, dtypes.int32, seed
            )
        return _array_ops.slice_(value, drawn % room, wanted)


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The value of a tensor as an array where it is known while building, else None."""
    if not isinstance(tensor, _core.Tensor):
        raise TypeError(f"`tensor` must be a tensor, got {tensor!r}")
    if _core.current_graph() is None and hasattr(tensor, "numpy"):
        return tensor.numpy()
    return _core.static_value(tensor)


def is_tensor(x: Any) -> bool:
    """Whether it is a tensor, a variable or sparse rows of one."""
    from wengert._indexed_slices import IndexedSlices

    return isinstance(x, (_core.Tensor, IndexedSlices)) or bool(getattr(x, "_is_variable", False))


def _namespace(module: str, **more: str) -> Any:
    """The public names of a module of TensorFlow 2, and older ones ("name": "module:name")."""
    from importlib import import_module

    new = import_module(f"wengert.{module}")
    names = {n: getattr(new, n) for n in new.__all__}
    for name, place in more.items():
        where, _, attribute = place.partition(":")
        names[name] = getattr(import_module(f"wengert.{where}"), attribute)
    return SimpleNamespace(**names)


_IMAGE = {
    "resize": "_image_ops:resize_v1",
    "resize_images": "_image_ops:resize_v1",
    "resize_image_with_crop_or_pad": "_image_ops:resize_with_crop_or_pad",
    "extract_image_patches": "_image_ops:extract_patches",
    "transpose_image": "_image_ops:transpose",
}
_RANDOM = {
    "multinomial": "_random_ops:multinomial",
    "set_random_seed": "_random_seed:set_seed",
}
_SPARSE = {
    "segment_sum": "_segment_ops:sparse_segment_sum_v1",
    "segment_mean": "_segment_ops:sparse_segment_mean_v1",
    "segment_sqrt_n": "_segment_ops:sparse_segment_sqrt_n_v1",
}


def __getattr__(name: str) -> Any:
    tables = {"image": _IMAGE, "random": _RANDOM, "sparse": _SPARSE}
    if name not in tables:
        raise AttributeError(f"module 'wengert._v1_math' has no attribute {name!r}")
    value = _namespace(name, **tables[name])
    globals()[name] = value
    return value
