"""Shapes, joining, selection (`tf.reshape`, `tf.concat`, `tf.where`, ...)."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1

apply = _core.apply
convert = _core.convert


# --- identity -------------------------------------------------------------------------------


def identity(input: Any, name: str | None = None) -> Any:
    """A tensor with the same elements (`tf.identity`)."""
    from wengert._indexed_slices import IndexedSlices

    if isinstance(input, IndexedSlices):
        return IndexedSlices(identity(input.values), identity(input.indices), input.dense_shape)
    return apply("Identity", (input,), None, name)


def identity_n(input: Any, name: str | None = None) -> Any:
    """Several tensors passed on together (`tf.identity_n`)."""
    return apply("IdentityN", (list(input),), None, name)


def stop_gradient(input: Any, name: str | None = None) -> Any:
    """The value of `input`, a constant for gradients (`tf.stop_gradient`)."""
    return apply("StopGradient", (input,), None, name)


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """`x`, checked at run time to have a shape that fits `shape` (`tf.ensure_shape`)."""
    return apply("EnsureShape", (x,), {"shape": shape}, name)


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """`tensor`, or InvalidArgumentError when it holds NaN or infinity."""
    return apply("CheckNumerics", (tensor,), {"message": message}, name)


# --- shape of a tensor ----------------------------------------------------------------------


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The shape as an int tensor; a constant where it is static (`tf.shape`)."""
    out = dtypes.int32 if out_type is None else dtypes.as_dtype(out_type)
    return shape_internal(input, name, True, out)


def shape_internal(
    input: Any, name: str | None = None, optimize: bool = True, out_type: Any = dtypes.int32
) -> Any:
    with name_scope_v1(name, "Shape") as scope:
        x = convert(input)
        if optimize and x.shape.is_fully_defined():
            return _core.constant(x.shape.as_list(), out_type, None, scope or "Shape")
        return apply("Shape", (x,), {"out_type": out_type}, scope or None)


def size(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Any:
    """The number of elements (`tf.size`)."""
    out = dtypes.as_dtype(out_type)
    with name_scope_v1(name, "Size") as scope:
        x = convert(input)
        if x.shape.is_fully_defined():
            return _core.constant(x.shape.num_elements(), out, None, scope or "Size")
        return apply("Size", (x,), {"out_type": out}, scope or None)


def rank(input: Any, name: str | None = None) -> Any:
    """The number of axes (`tf.rank`)."""
    with name_scope_v1(name, "Rank") as scope:
        x = convert(input)
        if x._rank() is not None:
            return _core.constant(x._rank(), dtypes.int32, None, scope or "Rank")
        return apply("Rank", (x,), None, scope or None)


def shape_n(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Any:
    """The shapes of several tensors."""
    return apply("ShapeN", (list(input),), {"out_type": dtypes.as_dtype(out_type)}, name)


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> Any:
    """Static shape of the broadcast of two. ValueError when incompatible."""
    from wengert._tensor_shape import TensorShape, as_shape

    x, y = as_shape(shape_x), as_shape(shape_y)
    if x.rank is None or y.rank is None:
        return TensorShape(None)
    one, two = list(reversed(x.as_list())), list(reversed(y.as_list()))
    n = max(len(one), len(two))
    one += [1] * (n - len(one))
    two += [1] * (n - len(two))
    out: list[int | None] = []
    for a, b in zip(one, two, strict=True):
        if a == 1 or a == b:
            out.append(b)
        elif b == 1:
            out.append(a)
        elif a is None or b is None:
            out.append(a if b is None else b)
        else:
            raise ValueError(f"Incompatible shapes for broadcasting: {x} and {y}.")
    return TensorShape(list(reversed(out)))


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    """Shape of the broadcast of two shape tensors."""
    return apply("BroadcastArgs", (shape_x, shape_y))


# --- rearranging ----------------------------------------------------------------------------


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """The same elements in another shape; one length may be -1 (`tf.reshape`)."""
    return apply("Reshape", (tensor, shape), None, name)


def expand_dims(input: Any, axis: Any, name: str | None = None) -> Any:
    """A new axis of length 1 at `axis` (`tf.expand_dims`)."""
    return apply("ExpandDims", (input, axis), None, name)


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Any:
    """Without axes of length 1: those in `axis`, or all (`tf.squeeze`)."""
    axis = [] if axis is None else ([axis] if np.ndim(axis) == 0 else list(axis))
    return apply("Squeeze", (input,), {"squeeze_dims": [int(a) for a in axis]}, name)


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str = "transpose") -> Any:
    """Axes in the order `perm`, reversed by default (`tf.transpose`)."""
    with name_scope_v1(name, "transpose") as scope:
        if not isinstance(a, _core.Tensor):
            a = convert(a, None, "a")
        op = "ConjugateTranspose" if conjugate and a.dtype.is_complex else "Transpose"
        if perm is not None:
            return apply(op, (a, perm), None, scope or None)
        known = a._rank()
        if known is None:
            from wengert._creation import range as make_range

            n = rank(a)
            perm = (n - 1) - make_range(0, n, 1)
        else:
            perm = np.arange(known - 1, -1, -1, dtype=np.int32)
        return apply(op, (a, perm), None, scope or None)


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Any:
    """The last two axes exchanged (`tf.linalg.matrix_transpose`)."""
    with name_scope_v1(name, "matrix_transpose"):
        a = convert(a, None, "a")
        n = a._rank()
        if n is None:
            from wengert._creation import range as make_range

            r = rank(a)
            perm = concat([make_range(r - 2), [r - 1, r - 2]], 0)
            return transpose(a, perm, conjugate)
        if n < 2:
            raise ValueError(
                f"Argument `a` should be a (batch) matrix with rank >= 2.  Received `a` = {a} "
                f"with shape: {a.shape}"
            )
        return transpose(a, [*range(n - 2), n - 1, n - 2], conjugate)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Any:
    """Broadcast to a shape (`tf.broadcast_to`)."""
    return apply("BroadcastTo", (input, shape), None, name)


def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """Repeated along each axis (`tf.tile`)."""
    return apply("Tile", (input, multiples), None, name)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """Reversed along the axes (`tf.reverse`)."""
    return apply("ReverseV2", (tensor, axis), None, name)


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Any:
    """Shifted along axes, wrapping around (`tf.roll`)."""
    return apply("Roll", (input, shift, axis), None, name)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Padded at both ends of each axis (`tf.pad`); mode CONSTANT, REFLECT or SYMMETRIC."""
    mode = mode.upper()
    if mode == "CONSTANT":
        plain = not isinstance(constant_values, _core.Tensor) and constant_values == 0
        if plain:
            return apply("Pad", (tensor, paddings), None, name)
        return apply("PadV2", (tensor, paddings, constant_values), None, name)
    if mode in ("REFLECT", "SYMMETRIC"):
        return apply("MirrorPad", (tensor, paddings), {"mode": mode}, name)
    raise ValueError(
        "Value of argument `mode` expected to be one of 'CONSTANT', 'REFLECT', or 'SYMMETRIC'. "
        f"Received `mode` = {mode}"
    )


# --- joining and splitting ------------------------------------------------------------------


def concat(values: Any, axis: Any, name: str = "concat") -> Any:
    """Joined along an axis (`tf.concat`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.concat([tf.constant([1, 2]), tf.constant([3])], axis=0).numpy().tolist()
    [1, 2, 3]
    """
    if not isinstance(values, (list, tuple)):
        values = [values]
    if len(values) == 1:
        with name_scope_v1(name, "concat") as scope:
            convert(axis, dtypes.int32, "concat_dim")
            return identity(values[0], name=scope or name)
    return apply("ConcatV2", (list(values), axis), None, name)


def stack(values: Any, axis: int = 0, name: str = "stack") -> Any:
    """Joined along a new axis (`tf.stack`)."""
    if axis == 0:
        try:
            # Python values alone become one constant, others are packed.
            return convert(values, None, name)
        except (TypeError, ValueError):
            pass
    return apply("Pack", (list(values),), {"axis": axis}, name)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> Any:
    """The slices along an axis as a list (`tf.unstack`)."""
    if num is None:
        value = convert(value)
        dims = value._shape_tuple()
        if dims is not None:
            if axis < -len(dims) or axis >= len(dims):
                raise ValueError(
                    f"Argument `axis` = {axis} not in range [{-len(dims)}, {len(dims)})"
                )
            num = dims[axis]
    if num is None:
        raise ValueError(f"Cannot infer argument `num` from shape {value.shape}")
    return apply("Unpack", (value,), {"num": num, "axis": axis}, name)


def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None, name: str = "split"
) -> Any:
    """Cut along an axis into equal parts, or parts of given sizes (`tf.split`)."""
    if isinstance(num_or_size_splits, (int, np.integer)):
        return apply("Split", (axis, value), {"num_split": int(num_or_size_splits)}, name)
    sizes = convert(num_or_size_splits)
    if sizes._rank() == 0:
        raise ValueError(
            "Rank-0 tensors are not supported as the num_or_size_splits argument to split. "
            f"Argument provided: {num_or_size_splits}"
        )
    if num is None:
        dims = sizes._shape_tuple()
        num = None if dims is None else dims[0]
        if num is None:
            raise ValueError(f"Cannot infer argument `num` from shape {num_or_size_splits}")
    return apply("SplitV", (value, sizes, axis), {"num_split": num}, name)


# --- selection ------------------------------------------------------------------------------


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`x` where the condition holds, else `y`; alone, the indices where it holds (`tf.where`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.where(tf.constant([True, False]), [1.0, 2.0], [3.0, 4.0]).numpy().tolist()
    [1.0, 4.0]
    """
    if x is None and y is None:
        with name_scope_v1(name, "Where") as scope:
            if not isinstance(condition, _core.Tensor):
                condition = convert(condition, None, "condition", dtypes.bool_)
            return apply("Where", (condition,), None, scope or None)
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    return apply("SelectV2", (condition, x, y), None, name)


def where_v1(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`tf.compat.v1.where`: a vector condition selects rows."""
    if x is None and y is None:
        return where(condition, name=name)
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    return apply("Select", (condition, x, y), None, name)


def gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: Any = None,
    batch_dims: int = 0, name: str | None = None,
) -> Any:  # fmt: skip
    """Slices of `params` along an axis by index (`tf.gather`)."""
    del validate_indices
    if axis is None:
        axis = batch_dims
    is_zero = not isinstance(axis, _core.Tensor) and axis == 0
    if is_zero and batch_dims == 0 and getattr(params, "_is_variable", False):
        return _gather_variable(params, indices, name)
    return apply("GatherV2", (params, indices, axis), {"batch_dims": batch_dims}, name)


def _gather_variable(variable: Any, indices: Any, name: str | None) -> Any:
    """A sparse read of a variable, as TensorFlow does it."""
    with name_scope_v1(name, "Gather") as scope:
        value = apply(
            "ResourceGather", (variable.handle, indices), {"dtype": variable.dtype}, scope or None
        )
        return identity(value)


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Any:
    """Slices of `params` by index vectors (`tf.gather_nd`)."""
    if not isinstance(batch_dims, int) or batch_dims != 0:
        from wengert._array_more import batch_gather_nd

        return batch_gather_nd(params, indices, int(batch_dims), name)
    return apply("GatherNd", (params, indices), None, name)


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Any:
    """`updates` added into zeros of `shape` at `indices` (`tf.scatter_nd`)."""
    return apply("ScatterNd", (indices, updates, shape), None, name)


def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: int | None = None,
    dtype: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """Vectors that are `on_value` at the index and `off_value` elsewhere (`tf.one_hot`)."""
    with name_scope_v1(name, "one_hot") as scope:
        given = [v for v in (on_value, off_value) if v is not None]
        wanted = None if dtype is None else dtypes.as_dtype(dtype)
        if wanted is None:
            wanted = convert(given[0]).dtype if given else dtypes.float32
        on = convert(1 if on_value is None else on_value, wanted, "on_value")
        off = convert(0 if off_value is None else off_value, wanted, "off_value")
        attrs = {"axis": -1 if axis is None else axis}
        return apply("OneHot", (indices, depth, on, off), attrs, scope or None)


def boolean_mask(tensor: Any, mask: Any, axis: Any = None, name: str = "boolean_mask") -> Any:
    """The slices of `tensor` where `mask` holds (`tf.boolean_mask`)."""
    with name_scope_v1(name, "boolean_mask"):
        tensor = convert(tensor, None, "tensor")
        mask = convert(mask, None, "mask")
        mask_dims = mask._shape_tuple()
        if mask_dims is None:
            raise ValueError(
                "Number of mask dimensions must be specified, even if some dimensions are None."
            )
        if len(mask_dims) == 0:
            raise ValueError("mask cannot be scalar.")
        at = 0 if axis is None else int(axis)
        n = len(mask_dims)
        dims = shape(tensor)
        leading = apply("Prod", (dims[at : at + n], [0]), None, None)
        flat_shape = concat([dims[:at], [leading], dims[at + n :]], 0)
        flat = reshape(tensor, flat_shape)
        picked = squeeze(where(reshape(mask, [-1])), axis=[1])
        return gather(flat, picked, axis=at)


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_, name: str | None = None
) -> Any:
    """True in the first `lengths` places of each row (`tf.sequence_mask`)."""
    from wengert._creation import range as make_range
    from wengert._math_ops import cast
    from wengert._math_reduce import reduce_max

    with name_scope_v1(name, "SequenceMask"):
        lengths = convert(lengths)
        if maxlen is None:
            largest = reduce_max(lengths)
            maxlen = apply("Maximum", (_core.constant(0, largest.dtype), largest))
        else:
            maxlen = convert(maxlen)
        zero, one = _core.constant(0, maxlen.dtype), _core.constant(1, maxlen.dtype)
        row = make_range(zero, maxlen, one)
        column = apply("Cast", (expand_dims(lengths, -1),), {"DstT": maxlen.dtype})
        return cast(row < column, dtype)


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Any:
    """Distinct elements in order of appearance, and where each element went (`tf.unique`)."""
    return apply("Unique", (x,), {"out_idx": dtypes.as_dtype(out_idx)}, name)


# --- slicing --------------------------------------------------------------------------------


def slice_(input: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """`size` elements from `begin` along each axis; -1 takes the rest (`tf.slice`)."""
    return apply("Slice", (input, begin, size), None, name)


def strided_slice(
    input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
    ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Python-style slice with masks (`tf.strided_slice`)."""
    if strides is None:
        from wengert._creation import ones_like

        strides = ones_like(begin)
    return apply(
        "StridedSlice",
        (input_, begin, end, strides),
        {
            "begin_mask": begin_mask, "end_mask": end_mask, "ellipsis_mask": ellipsis_mask,
            "new_axis_mask": new_axis_mask, "shrink_axis_mask": shrink_axis_mask,
        },
        name,
    )  # fmt: skip


def _check_index(index: Any) -> None:
    if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
        return
    if isinstance(index, _core.Tensor) or getattr(index, "_is_variable", False):
        if index.dtype.is_integer and index._rank() in (0, None):
            return
    elif (hasattr(index, "dtype") and np.asarray(index).dtype.kind in "iu") or (
        hasattr(index, "__index__") and not isinstance(index, (bool, np.bool_))
    ):
        return
    raise TypeError(
        "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar "
        f"tf.int32/tf.int64 tensors are valid indices, got {index!r}"
    )


def slice_helper(tensor: Any, key: Any, build: Any = strided_slice) -> Any:
    """`tensor[key]`: integers, slices, ellipsis, newaxis, scalar tensors, a boolean mask.

    What strides cut out `build` makes.
    """
    if is_mask(key):
        return boolean_mask(tensor, key)
    items = key if isinstance(key, (list, tuple)) else (key,)
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[Any] = []
    masks = dict.fromkeys(("begin", "end", "ellipsis", "new_axis", "shrink_axis"), 0)
    for i, s in enumerate(items):
        bit = 1 << i
        if isinstance(s, slice):
            for part, into, mask in ((s.start, begin, "begin"), (s.stop, end, "end")):
                if part is None:
                    into.append(0)
                    masks[mask] |= bit
                else:
                    _check_index(part)
                    into.append(part)
            if s.step is not None:
                _check_index(s.step)
            strides.append(1 if s.step is None else s.step)
        elif s is Ellipsis:
            begin.append(0)
            end.append(0)
            strides.append(1)
            masks["ellipsis"] |= bit
        elif s is None:
            begin.append(0)
            end.append(0)
            strides.append(1)
            masks["new_axis"] |= bit
        else:
            _check_index(s)
            begin.append(s)
            end.append(s + 1)
            strides.append(1)
            masks["shrink_axis"] |= bit
    with name_scope_v1(None, "strided_slice", [tensor]) as scope:
        if begin:
            packed = [_pack_indices(part) for part in (begin, end, strides)]
            tensors = [stack(p, name="stack") for p in packed]
            if any(t.dtype == dtypes.int64 for t in tensors):
                from wengert._math_ops import cast

                tensors = [cast(t, dtypes.int64) for t in tensors]
        else:
            empty = _core.constant([], dtypes.int32)
            tensors = [empty, empty, empty]
        first, last, step = tensors
        return build(
            tensor, first, last, step, begin_mask=masks["begin"], end_mask=masks["end"],
            ellipsis_mask=masks["ellipsis"], new_axis_mask=masks["new_axis"],
            shrink_axis_mask=masks["shrink_axis"], name=scope or None,
        )  # fmt: skip


def _pack_indices(part: list[Any]) -> list[Any]:
    return [int(p) if isinstance(p, (int, np.integer)) else p for p in part]


def is_mask(key: Any) -> bool:
    """Whether indexing with `key` selects by a boolean mask."""
    if isinstance(key, np.ndarray):
        return bool(key.dtype == np.bool_)
    if isinstance(key, _core.Tensor):
        return bool(key.dtype == dtypes.bool_)
    return isinstance(key, (bool, np.bool_))


# --- matrices of diagonals ------------------------------------------------------------------


def matrix_diag(
    diagonal: Any, name: str = "diag", k: Any = 0, num_rows: Any = -1, num_cols: Any = -1,
    padding_value: Any = 0, align: str = "RIGHT_LEFT",
) -> Any:  # fmt: skip
    """Matrices with the given diagonals (`tf.linalg.diag`)."""
    diagonal = convert(diagonal)
    if not isinstance(padding_value, _core.Tensor):
        wanted = diagonal.dtype
        padding_value = bool(padding_value) if wanted == dtypes.bool_ else padding_value
    return apply(
        "MatrixDiagV3", (diagonal, k, num_rows, num_cols, padding_value), {"align": align}, name
    )


def matrix_diag_part(
    input: Any, name: str = "diag_part", k: Any = 0, padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Any:  # fmt: skip
    """Diagonals of matrices (`tf.linalg.diag_part`)."""
    return apply("MatrixDiagPartV3", (input, k, padding_value), {"align": align}, name)


def matrix_set_diag(
    input: Any, diagonal: Any, name: str = "set_diag", k: Any = 0, align: str = "RIGHT_LEFT"
) -> Any:
    """Matrices with their diagonals replaced (`tf.linalg.set_diag`)."""
    return apply("MatrixSetDiagV3", (input, diagonal, k), {"align": align}, name)


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """`t` limited to the range (`tf.clip_by_value`)."""
    from wengert._indexed_slices import IndexedSlices
    from wengert._math_ops import maximum, minimum

    with name_scope_v1(name, "clip_by_value") as scope:
        values = convert(t.values if isinstance(t, IndexedSlices) else t, None, "t")
        least = minimum(values, clip_value_max)
        values.shape.assert_is_compatible_with(least.shape)
        result = maximum(least, clip_value_min, name=scope or None)
        values.shape.assert_is_compatible_with(result.shape)
        if isinstance(t, IndexedSlices):
            return IndexedSlices(result, t.indices, t.dense_shape)
        return result


def meshgrid(*args: Any, **kwargs: Any) -> Any:
    """Coordinate grids of vectors (`tf.meshgrid`)."""
    indexing = kwargs.pop("indexing", "xy")
    name = kwargs.pop("name", "meshgrid")
    if kwargs:
        raise TypeError(f"'{next(iter(kwargs))}' is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError("Argument `indexing` must be either 'xy' or 'ij'")
    from wengert._creation import ones

    with name_scope_v1(name, "meshgrid"):
        n = len(args)
        columns = [
            reshape(
                stack(x) if isinstance(x, (list, tuple)) else x, [1] * i + [-1] + [1] * (n - i - 1)
            )
            for i, x in enumerate(args)
        ]
        dims = [size(x) for x in args]
        if indexing == "xy" and n > 1:
            dims[0], dims[1] = dims[1], dims[0]
            columns[0] = reshape(columns[0], [1, -1] + [1] * (n - 2))
            columns[1] = reshape(columns[1], [-1, 1] + [1] * (n - 2))
        factor = ones(stack(dims), convert(args[0]).dtype)
        return [c * factor for c in columns]
