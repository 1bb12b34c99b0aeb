"""Matrix products and their relatives (`tf.linalg`, `tf.matmul`, `tf.einsum`, `tf.tensordot`)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._math_ops import cast, conj

apply = _core.apply
convert = _core.convert


def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, adjoint_a: bool = False,
    adjoint_b: bool = False, a_is_sparse: bool = False, b_is_sparse: bool = False,
    output_type: Any = None, grad_a: bool = False, grad_b: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """Matrix product of the last two axes; leading axes broadcast (`tf.matmul`).

    Raises
    ------
    ValueError
        When transpose and adjoint are both asked for, or the shapes do not fit.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
    [[11.0]]
    """
    with name_scope_v1(name, "MatMul") as scope:
        for flag, adjoint, letter in (
            (transpose_a, adjoint_a, "a"), (transpose_b, adjoint_b, "b"),
        ):  # fmt: skip
            if flag and adjoint:
                raise ValueError(
                    f"Only one of `transpose_{letter}` and `adjoint_{letter}` can be True. "
                    f"Received `transpose_{letter}`={flag}, `adjoint_{letter}`={adjoint}."
                )
        if isinstance(b, _core.Tensor) and not isinstance(a, _core.Tensor):
            a = convert(a, None, "a", b.dtype)
        else:
            a = convert(a, None, "a")
        b = convert(b, None, "b", a.dtype)
        ranks = (a._rank(), b._rank())
        if not _plain_matmul(ranks):
            # Batched: conjugation is part of the op, transposition alone must undo it.
            if transpose_a:
                a, adjoint_a = conj(a), True
            if transpose_b:
                b, adjoint_b = conj(b), True
            attrs = {"adj_x": adjoint_a, "adj_y": adjoint_b}
            return apply("BatchMatMulV2", (a, b), attrs, scope or None)
        if adjoint_a:
            a, transpose_a = conj(a), True
        if adjoint_b:
            b, transpose_b = conj(b), True
        attrs = {"transpose_a": transpose_a, "transpose_b": transpose_b}
        return apply("MatMul", (a, b), attrs, scope or None)


def _plain_matmul(ranks: tuple[int | None, int | None]) -> bool:
    """Whether both are matrices as far as is known."""
    a, b = ranks
    batched = (a is None or a > 2) and (b is None or b >= 2 or b is None)
    batched = batched or ((b is None or b > 2) and (a is None or a >= 2))
    return not batched


def matvec(
    a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False, a_is_sparse: bool = False,
    b_is_sparse: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """Matrix times vector (`tf.linalg.matvec`)."""
    with name_scope_v1(name, "MatVec"):
        out = matmul(
            a,
            _array_ops.expand_dims(b, axis=-1),
            transpose_a=transpose_a,
            adjoint_a=adjoint_a,
        )
        return _array_ops.squeeze(out, axis=-1)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Any:
    """Sum of products over chosen axes of both (`tf.tensordot`).

    Parameters
    ----------
    axes : int, or pair of lists of int
        The last N axes of a with the first N of b, or the axes named.
    """
    with name_scope_v1(name, "Tensordot") as scope:
        a = convert(a, None, "a")
        b = convert(b, None, "b")
        a_axes, b_axes = _tensordot_axes(a, axes)
        a_mat, a_free, a_static = _tensordot_matrix(a, a_axes, False)
        b_mat, b_free, b_static = _tensordot_matrix(b, b_axes, True)
        product = matmul(a_mat, b_mat)
        if isinstance(a_free, list) and isinstance(b_free, list):
            dims = product._shape_tuple()
            wanted = [*a_free, *b_free]
            if dims is not None and None not in dims and list(dims) == wanted:
                return product
            return _array_ops.reshape(product, wanted, name=scope or None)
        a_free = convert(a_free, dtypes.int32)
        b_free = convert(b_free, dtypes.int32)
        result = _array_ops.reshape(
            product, _array_ops.concat([a_free, b_free], 0), name=scope or None
        )
        if a_static is not None and b_static is not None:
            result.set_shape([*a_static, *b_static])
        return result


def _tensordot_axes(a: Any, axes: Any) -> tuple[Any, Any]:
    rank = a._rank()
    if isinstance(axes, (int, np.integer)):
        if axes < 0:
            raise ValueError(f"`axes` must be at least 0. Received: {axes}.")
        if rank is not None:
            if axes > rank:
                raise ValueError(
                    f"`axes` must not be larger than the number of dimensions of tensor {a}.  "
                    f"Received {axes}, vs tensor dimensions {rank}."
                )
            return list(range(rank - axes, rank)), list(range(axes))
        from wengert._creation import range as make_range

        n = _array_ops.rank(a)
        return make_range(n - axes, n, dtype=dtypes.int32), make_range(axes, dtype=dtypes.int32)
    if isinstance(axes, (list, tuple)):
        if len(axes) != 2:
            raise ValueError(f"`axes` must be an integer or have length 2. Received {axes}.")
        pair = [[x] if isinstance(x, (int, np.integer)) else list(x) for x in axes]
        if len(pair[0]) != len(pair[1]):
            raise ValueError(
                "Different number of contraction axes `a` and `b`, "
                f"{len(pair[0])} != {len(pair[1])}."
            )
        return pair[0], pair[1]
    axes = convert(axes, dtypes.int32, "axes")
    return axes[0], axes[1]


def _tensordot_matrix(t: Any, axes: Any, flipped: bool) -> tuple[Any, Any, Any]:
    """`t` as a matrix with the contracted axes last (first when flipped); free lengths."""
    dims = t._shape_tuple()
    if dims is not None and None not in dims and isinstance(axes, (list, tuple)):
        axes = [i if i >= 0 else i + len(dims) for i in axes]
        free = [i for i in range(len(dims)) if i not in axes]
        free_dims = [dims[i] for i in free]
        n_free = int(np.prod([dims[i] for i in free], dtype=np.int64))
        n_axes = int(np.prod([dims[i] for i in axes], dtype=np.int64))
        perm = [*axes, *free] if flipped else [*free, *axes]
        shape = [n_axes, n_free] if flipped else [n_free, n_axes]
        moved = t
        if perm != list(range(len(dims))):
            moved = _array_ops.transpose(t, perm)
        if moved._shape_tuple() != tuple(shape):
            moved = _array_ops.reshape(moved, shape)
        return moved, free_dims, free_dims
    return _tensordot_dynamic(t, axes, flipped)


def _tensordot_dynamic(t: Any, axes: Any, flipped: bool) -> tuple[Any, Any, Any]:
    from wengert._math_reduce import reduce_prod

    dims = t._shape_tuple()
    static = None
    if dims is not None and isinstance(axes, (list, tuple)):
        axes = [i if i >= 0 else i + len(dims) for i in axes]
        free_list = [i for i in range(len(dims)) if i not in axes]
        static = [dims[i] for i in free_list]
        axes_t = convert(axes, dtypes.int32, "axes")
        free = convert(free_list, dtypes.int32, "free")
        shape = _array_ops.shape(t)
    else:
        shape = _array_ops.shape(t)
        rank = _array_ops.rank(t)
        axes_t = convert(axes, dtypes.int32, "axes")
        axes_t = _array_ops.where(axes_t >= 0, axes_t, axes_t + rank)
        from wengert._creation import range as make_range

        free, _ = apply("ListDiff", (make_range(rank), axes_t))
    free_dims = _array_ops.gather(shape, free)
    axes_dims = _array_ops.gather(shape, axes_t)
    n_free = reduce_prod(free_dims)
    n_axes = reduce_prod(axes_dims)
    if flipped:
        order: Any = [axes_t, free]
        new_shape = _array_ops.stack([n_axes, n_free])
    else:
        order = [free, axes_t]
        new_shape = _array_ops.stack([n_free, n_axes])
    perm_t = _array_ops.concat(order, 0)
    moved = _array_ops.reshape(_array_ops.transpose(t, perm_t), new_shape)
    return moved, free_dims, static


# --- einsum ---------------------------------------------------------------------------------


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Any:
    """Sum of products in Einstein's notation (`tf.einsum`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.einsum("ij,j->i", [[1.0, 2.0]], [3.0, 4.0]).numpy().tolist()
    [11.0]
    """
    name = kwargs.pop("name", None)
    kwargs.pop("optimize", None)
    if kwargs:
        raise TypeError(f"Invalid keyword arguments for this function: {sorted(kwargs)}")
    with name_scope_v1(name, "einsum"):
        tensors = (
            list(inputs[0]) if len(inputs) == 1 and isinstance(inputs[0], list) else list(inputs)
        )
        tensors = [convert(t) for t in tensors]
        resolved = _resolve_equation(equation, [t.shape for t in tensors])
        if len(tensors) <= 2:
            return apply("Einsum", (tensors,), {"equation": resolved})
        return _einsum_many(resolved, tensors)


def _resolve_equation(equation: str, shapes: list[Any]) -> str:
    """The explicit form `a,b->c` of an equation, checked against the inputs."""
    text = equation.replace(" ", "")
    match = re.match(r"^([a-zA-Z,.]+)(->[a-zA-Z.]*)?$", text)
    if match is None:
        raise ValueError("Indices have incorrect format. Received: " + repr(text) + ".")
    left, right = match.group(1), match.group(2)
    labels = left.split(",")
    if len(labels) != len(shapes):
        raise ValueError(
            f"Got {len(shapes)} inputs for equation '{equation}', expecting {len(labels)}."
        )
    for label, shape in zip(labels, shapes, strict=True):
        rank = shape.rank
        plain = label.replace("...", "")
        if rank is not None and (
            (len(plain) != rank) if "..." not in label else (len(plain) > rank)
        ):
            raise ValueError(
                f"Got input with rank {rank} but the equation {equation!r} names {len(plain)} axes"
            )
    if right is None:
        used = left.replace(",", "").replace("...", "")
        output = "".join(sorted(c for c in set(used) if used.count(c) == 1))
        if "..." in left:
            output = "..." + output
        right = "->" + output
    return left + right


def _einsum_many(equation: str, tensors: list[Any]) -> Any:
    """Contracts pair by pair in an order that keeps the intermediate results small."""
    left, output = equation.split("->")
    terms = left.split(",")
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms, tensors, strict=True):
        for c, d in zip(
            term.replace("...", ""), tensor.shape.as_list()[-len(term) :], strict=False
        ):
            sizes[c] = max(sizes.get(c, 1), d or 1)
    operands = list(zip(terms, tensors, strict=True))
    while len(operands) > 2:
        i, j, kept = _cheapest_pair(operands, output, sizes)
        # The later operand comes first, as in the paths that TensorFlow takes from opt_einsum.
        (ta, a), (tb, b) = operands[j], operands[i]
        result = apply("Einsum", ([a, b],), {"equation": f"{ta},{tb}->{kept}"})
        operands = [o for k, o in enumerate(operands) if k not in (i, j)] + [(kept, result)]
    (tb, b), (ta, a) = operands
    return apply("Einsum", ([a, b],), {"equation": f"{ta},{tb}->{output}"})


def _cheapest_pair(
    operands: list[tuple[str, Any]], output: str, sizes: dict[str, int]
) -> tuple[int, int, str]:
    best: tuple[int, int, int, str] | None = None
    for i in range(len(operands)):
        for j in range(i + 1, len(operands)):
            rest = output + "".join(t for k, (t, _) in enumerate(operands) if k not in (i, j))
            both = operands[i][0] + operands[j][0]
            letters = sorted(set(both.replace("...", "")))
            kept = ("..." if "..." in both else "") + "".join(c for c in letters if c in rest)
            cost = int(np.prod([sizes.get(c, 1) for c in letters], dtype=np.int64))
            if best is None or cost < best[0]:
                best = (cost, i, j, kept)
    if best is None:
        raise ValueError("einsum needs at least two operands here")
    return best[1], best[2], best[3]


# --- norms ----------------------------------------------------------------------------------


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """`t` scaled so that its L2 norm is at most `clip_norm` (`tf.clip_by_norm`)."""
    from wengert._creation import ones_like
    from wengert._indexed_slices import IndexedSlices
    from wengert._math_ops import maximum, sqrt
    from wengert._math_reduce import reduce_sum

    with name_scope_v1(name, "clip_by_norm") as scope:
        values = convert(t.values if isinstance(t, IndexedSlices) else t, None, "t")
        total = reduce_sum(values * values, axes, keepdims=True)
        positive = total > 0
        safe = _array_ops.where_v1(positive, total, ones_like(total))
        norm = _array_ops.where_v1(positive, sqrt(safe), total)
        intermediate = values * clip_norm
        clipped = _array_ops.identity(intermediate / maximum(norm, clip_norm), name=scope or None)
        if isinstance(t, IndexedSlices):
            return IndexedSlices(clipped, t.indices, t.dense_shape)
        return clipped


def global_norm(t_list: Any, name: str | None = None) -> Any:
    """Square root of the sum of squares of all elements of all tensors."""
    from wengert._indexed_slices import IndexedSlices
    from wengert._math_ops import sqrt
    from wengert._math_reduce import reduce_sum

    if not isinstance(t_list, (list, tuple)) or isinstance(t_list, str):
        raise TypeError(f"`t_list` should be a sequence of tensors. Received {type(t_list)}.")
    with name_scope_v1(name, "global_norm"):
        values = [
            convert(t.values if isinstance(t, IndexedSlices) else t, None, f"t_{i}")
            for i, t in enumerate(t_list)
            if t is not None
        ]
        halves = [apply("L2Loss", (v,)) for v in values]
        half = reduce_sum(_array_ops.stack(halves))
        return sqrt(half * _core.constant(2.0, half.dtype), name="global_norm")


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> Any:
    """All tensors scaled alike so that their global norm is at most `clip_norm`."""
    from wengert._indexed_slices import IndexedSlices
    from wengert._math_ops import minimum

    t_list = list(t_list)
    norm = global_norm(t_list, name) if use_norm is None else use_norm
    with name_scope_v1(name, "clip_by_global_norm") as scope:
        for_finite = clip_norm * minimum(1.0 / norm, _core.constant(1.0, norm.dtype) / clip_norm)
        # norm - norm is 0, or NaN for an infinite or NaN norm, which must show.
        scale = for_finite + (norm - norm)
        clipped: list[Any] = []
        for i, t in enumerate(t_list):
            if t is None:
                clipped.append(None)
                continue
            values = t.values if isinstance(t, IndexedSlices) else convert(t, None, f"t_{i}")
            scaled = _array_ops.identity(values * cast(scale, values.dtype), name=f"{scope}_{i}")
            if isinstance(t, IndexedSlices):
                scaled = IndexedSlices(scaled, t.indices, t.dense_shape)
            clipped.append(scaled)
        return clipped, norm
