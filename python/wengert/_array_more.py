"""Less common functions on arrays: partition and stitch, scatter into tensors, search, batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._nn_windows import required_space_to_batch_paddings as required_space_to_batch_paddings
from wengert._wrap import op_function

apply = _core.apply
convert = _core.convert

tensor_scatter_nd_update = op_function(
    "TensorScatterUpdate", "tensor_scatter_nd_update", "tensor indices updates"
)
tensor_scatter_nd_add = op_function(
    "TensorScatterAdd", "tensor_scatter_nd_add", "tensor indices updates"
)
tensor_scatter_nd_sub = op_function(
    "TensorScatterSub", "tensor_scatter_nd_sub", "tensor indices updates"
)
tensor_scatter_nd_max = op_function(
    "TensorScatterMax", "tensor_scatter_nd_max", "tensor indices updates"
)
tensor_scatter_nd_min = op_function(
    "TensorScatterMin", "tensor_scatter_nd_min", "tensor indices updates"
)
batch_to_space = op_function("BatchToSpaceND", "batch_to_space", "input block_shape crops")
space_to_batch_nd = op_function("SpaceToBatchND", "space_to_batch_nd", "input block_shape paddings")
invert_permutation = op_function("InvertPermutation", "invert_permutation", "x")


def space_to_batch(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Any:
    """Blocks of the padded axes after the first moved into the first (`tf.space_to_batch`)."""
    return apply("SpaceToBatchND", (input, block_shape, paddings), None, name)


def space_to_batch_v1(
    input: Any, paddings: Any, block_size: Any = None, name: str | None = None,
    block_shape: Any = None,
) -> Any:  # fmt: skip
    """`tf.compat.v1.space_to_batch`: one block length for height and width."""
    if block_shape is None:
        block_shape = np.array([block_size, block_size], np.int64)
    return apply("SpaceToBatchND", (input, block_shape, paddings), None, name)


def batch_to_space_v1(
    input: Any, crops: Any, block_size: Any = None, name: str | None = None,
    block_shape: Any = None,
) -> Any:  # fmt: skip
    """`tf.compat.v1.batch_to_space`: one block length for height and width."""
    if block_shape is None:
        block_shape = np.array([block_size, block_size], np.int64)
    return apply("BatchToSpaceND", (input, block_shape, crops), None, name)


def space_to_depth(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """Blocks of pixels moved into channels (`tf.nn.space_to_depth`)."""
    attrs = {"block_size": block_size, "data_format": data_format}
    return apply("SpaceToDepth", (input,), attrs, name)


def depth_to_space(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """Channels moved into blocks of pixels (`tf.nn.depth_to_space`)."""
    attrs = {"block_size": block_size, "data_format": data_format}
    return apply("DepthToSpace", (input,), attrs, name)


def space_to_depth_v1(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Any:
    """`tf.compat.v1.space_to_depth`: the name before the layout."""
    return space_to_depth(input, block_size, data_format, name)


def depth_to_space_v1(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Any:
    """`tf.compat.v1.depth_to_space`: the name before the layout."""
    return depth_to_space(input, block_size, data_format, name)


def reverse_sequence(
    input: Any, seq_lengths: Any, seq_axis: int | None = None, batch_axis: int | None = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """The first `seq_lengths[i]` elements of row i reversed (`tf.reverse_sequence`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], seq_axis=1).numpy().tolist()
    [[2, 1, 3], [6, 5, 4]]
    """
    attrs = {"seq_dim": seq_axis, "batch_dim": 0 if batch_axis is None else batch_axis}
    return apply("ReverseSequence", (input, seq_lengths), attrs, name)


def reverse_sequence_v1(
    input: Any, seq_lengths: Any, seq_axis: int | None = None, batch_axis: int | None = None,
    name: str | None = None, seq_dim: int | None = None, batch_dim: int | None = None,
) -> Any:  # fmt: skip
    """`tf.compat.v1.reverse_sequence`, with the older names of the axes."""
    seq = seq_axis if seq_dim is None else seq_dim
    return reverse_sequence(
        input, seq_lengths, seq, batch_axis if batch_dim is None else batch_dim, name
    )


def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> Any:
    """Rows distributed over lists by number (`tf.dynamic_partition`).

    Examples
    --------
    >>> import wengert as tf
    >>> [t.numpy().tolist() for t in tf.dynamic_partition([1, 2, 3], [0, 1, 0], 2)]
    [[1, 3], [2]]
    """
    attrs = {"num_partitions": num_partitions}
    return apply("DynamicPartition", (data, partitions), attrs, name)


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Any:
    """Rows of several tensors put at the given places of one (`tf.dynamic_stitch`)."""
    return apply("DynamicStitch", (list(indices), list(data)), None, name)


def parallel_dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Any:
    """`dynamic_stitch` of indices that are all different."""
    return apply("ParallelDynamicStitch", (list(indices), list(data)), None, name)


def bitcast(input: Any, type: Any, name: str | None = None) -> Any:
    """The bytes of a tensor as elements of another dtype (`tf.bitcast`)."""
    return apply("Bitcast", (input,), {"type": dtypes.as_dtype(type)}, name)


def unique_with_counts(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Any:
    """Distinct elements, where each went, and how often it occurs (`tf.unique_with_counts`)."""
    return apply("UniqueWithCounts", (x,), {"out_idx": dtypes.as_dtype(out_idx)}, name)


def setdiff1d(x: Any, y: Any, index_dtype: Any = dtypes.int32, name: str | None = None) -> Any:
    """The elements of `x` that `y` does not hold, and their positions."""
    return apply("ListDiff", (x, y), {"out_idx": dtypes.as_dtype(index_dtype)}, name)


def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = dtypes.int32,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Where values would go in sorted rows (`tf.searchsorted`).

    Parameters
    ----------
    sorted_sequence : Tensor
        Sorted along the last axis.
    values : Tensor
        As many rows of values as there are sorted ones.
    side : str
        "left": before equal elements, "right": behind them.
    out_type : DType, optional
        int32 or int64.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.searchsorted([0.0, 1.0, 2.0], [0.5, 1.0]).numpy().tolist()
    [1, 1]
    """
    sequence = convert(sorted_sequence)
    wanted = convert(values)

    size = _array_ops.shape_internal(sequence)[-1], _array_ops.shape_internal(wanted)[-1]
    two = [_array_ops.reshape(x, [-1, n]) for x, n in zip((sequence, wanted), size, strict=True)]
    if side not in ("left", "right"):
        raise ValueError(f"Argument `side` must be either 'right' or 'left'. Received: {side}")
    op = "UpperBound" if side == "right" else "LowerBound"
    found = apply(op, tuple(two), {"out_type": dtypes.as_dtype(out_type)}, name)
    return _array_ops.reshape(found, _array_ops.shape_internal(wanted))


def batch_gather_nd(params: Any, indices: Any, batch_dims: int, name: str | None) -> Any:
    """Slices by index vectors, the first axes shared (`tf.gather_nd` with `batch_dims`)."""
    from wengert._creation import ones
    from wengert._creation import range as make_range

    with name_scope_v1(name, "BatchGatherND"):
        params = convert(params, None, "params")
        indices = convert(indices, None, "indices")
        rank = indices._rank()
        if rank is None:
            raise ValueError("tf.gather_nd with batch_dims needs indices of known rank")
        if not 0 <= batch_dims < rank:
            raise ValueError(f"batch_dims = {batch_dims} must be less than rank(indices) = {rank}")
        own = params._rank()
        if own is not None and batch_dims >= own:
            raise ValueError(f"batch_dims = {batch_dims} must be less than rank(params) = {own}")
        shape = _array_ops.shape_internal(indices)
        params_shape = _array_ops.shape_internal(params)
        outer = shape[:batch_dims]
        batches = apply("Prod", (outer, [0]))
        inner = _array_ops.rank(indices) - batch_dims - 1
        places = [make_range(n) for n in _array_ops.unstack(params_shape[:batch_dims], batch_dims)]
        grid = _array_ops.meshgrid(*places, indexing="ij")
        flat = [_array_ops.reshape(g, [-1]) for g in grid]
        columns = _array_ops.transpose(_array_ops.stack(flat))
        columns_shape = _array_ops.shape_internal(columns)
        aligned = _array_ops.concat(
            [columns_shape[:-1], ones(inner, dtypes.int32), columns_shape[-1:]], axis=0
        )
        columns = _array_ops.reshape(columns, aligned)
        repeats = _array_ops.concat([[1], shape[batch_dims:-1], [1]], axis=0)
        columns = _array_ops.tile(columns, repeats)
        flat_shape = _array_ops.concat([[batches], shape[batch_dims:]], axis=0)
        flat_indices = _array_ops.reshape(indices, flat_shape)
        if columns.dtype != flat_indices.dtype:
            columns = apply("Cast", (columns,), {"DstT": flat_indices.dtype})
        full = _array_ops.concat([columns, flat_indices], axis=-1)
        picked = apply("GatherNd", (params, full))
        rest = _array_ops.shape_internal(picked)[1:]
        return _array_ops.reshape(picked, _array_ops.concat([outer, rest], axis=0))


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Elements repeated along an axis (`tf.repeat`).

    Parameters
    ----------
    input : Tensor
    repeats : int or Tensor
        How often, for all elements or for each along the axis.
    axis : int, optional
        Default: the elements of the flattened input.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.repeat([1, 2], [1, 3]).numpy().tolist()
    [1, 2, 2, 2]
    """
    with name_scope_v1(name, "Repeat"):
        data = convert(input, None, "input")
        count = convert(repeats, None, "repeats")
        count = apply("Cast", (count,), {"DstT": dtypes.int32})
        if axis is None:
            data, axis = _array_ops.reshape(data, [-1]), 0
        dims = _array_ops.shape(data)
        rank = data._rank()
        if rank is None:
            raise NotImplementedError("tf.repeat needs an input of known rank: set_shape first")
        if not -rank <= axis < rank:
            raise ValueError(f"Argument `axis` = {axis} not in range [{-rank}, {rank})")
        axis = axis % rank
        apart = [1] * (axis + 1), [1] * (rank - axis - 1)
        if count._shape_tuple() in ((), (1,)):
            count = _array_ops.reshape(count, [])
            wide = _array_ops.tile(
                _array_ops.expand_dims(data, axis + 1), [*apart[0], count, *apart[1]]
            )
            together = [dims[:axis], [count * dims[axis]], dims[axis + 1 :]]
            return _array_ops.reshape(wide, _array_ops.concat(together, 0))
        count = _array_ops.broadcast_to(count, [dims[axis]])
        largest = apply("Max", (count, _core.constant([0], dtypes.int32)))
        most = apply("Maximum", (convert(0, dtypes.int32, "zero"), largest))
        mask = _array_ops.sequence_mask(count, most)
        wide = _array_ops.tile(_array_ops.expand_dims(data, axis + 1), [*apart[0], most, *apart[1]])
        return _array_ops.boolean_mask(wide, mask, axis=axis)


def histogram_fixed_width(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Any:  # fmt: skip
    """How many values fall into each of `nbins` equal parts of a range.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.histogram_fixed_width([-1.0, 0.0, 1.5, 2.0, 5.0], [0.0, 5.0], 5).numpy().tolist()
    [2, 1, 1, 0, 1]
    """
    with name_scope_v1(name, "histogram_fixed_width") as scope:
        attrs = {"dtype": dtypes.as_dtype(dtype)}
        return apply("HistogramFixedWidth", (values, value_range, nbins), attrs, scope or None)


def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Which of `nbins` equal parts of a range each value falls into."""
    from wengert._math_ops import cast, floor

    with name_scope_v1(name, "histogram_fixed_width_bins"):
        values = convert(values, None, "values")
        bounds = convert(value_range, values.dtype, "value_range")
        count = cast(convert(nbins, dtypes.int32, "nbins"), values.dtype)
        share = (values - bounds[0]) / (bounds[1] - bounds[0])
        place = _array_ops.clip_by_value(floor(count * share), 0.0, count - 1.0)
        return cast(place, dtypes.as_dtype(dtype))


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Any:
    """Index vectors of flat places in an array of shape `dims`, one per column."""
    with name_scope_v1(name, "UnravelIndex"):
        flat = convert(indices, None, "indices")
        lengths = _array_ops.unstack(convert(dims, flat.dtype, "dims"))
        columns: list[Any] = []
        for length in reversed(lengths):
            columns.insert(0, flat % length)
            flat = flat // length
        return _array_ops.stack(columns)
