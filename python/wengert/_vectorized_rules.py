"""Rules of `tf.vectorized_map`: each op type over a new first axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core

__all__ = ["RULES", "Batch", "UnsupportedError"]


class UnsupportedError(Exception):
    """No rule for an op type."""


class Batch:
    """What is known of the tensors of one traced element: their values for all elements."""

    def __init__(self, n: Any, index: Any, everything: Any) -> None:
        self.n = n  # number of elements, a scalar tensor
        self.index = index  # stands for the number of the element
        self.everything = everything  # 0 ... n - 1
        self._values: dict[int, Any] = {id(index): everything}
        self._keep: list[Any] = [index]

    def depends(self, t: Any) -> bool:
        return id(t) in self._values

    def set(self, t: Any, value: Any) -> None:
        """`value` has one more axis in front than `t`; None: the same for all elements."""
        if value is not None:
            self._values[id(t)] = value
            self._keep.append(t)

    def value(self, t: Any) -> Any:
        """The value for all elements, or `t` itself where it is the same for all."""
        return self._values.get(id(t), t)

    def stacked(self, t: Any, graph: Any = None) -> Any:
        """The value with the axis of elements, whether it depends on the element or not."""
        if self.depends(t):
            return self._values[id(t)]
        from wengert._array_ops import broadcast_to, concat, expand_dims, shape

        target = concat([expand_dims(self.n, 0), shape(t)], 0)
        return broadcast_to(expand_dims(t, 0), target)


def _known(t: Any, op: Any) -> np.ndarray[Any, Any]:
    """The value of a tensor that a rule needs now."""
    value = _core.static_value(t)
    if value is None:
        value = _core.evaluate_constant(t)
    if value is None:
        raise UnsupportedError(op.type)
    return value


def _rank(t: Any, op: Any) -> int:
    rank = t.shape.rank
    if rank is None:
        raise UnsupportedError(op.type)
    return int(rank)


def _attrs(op: Any) -> dict[str, Any]:
    return {
        name: op.get_attr(name)
        for name, *_ in _core.op_info(op.type)["attrs"]
        if not name.startswith("_")
    }


def _again(op: Any, inputs: list[Any], **changed: Any) -> Any:
    """The same op on other inputs."""
    attrs = _attrs(op)
    attrs.update(changed)
    for name, kind, *_ in _core.op_info(op.type)["attrs"]:
        if kind == "int" and name == "N":
            attrs.pop(name, None)
    spec = _core.op_info(op.type)["inputs"]
    args: list[Any] = []
    if len(spec) == len(inputs):
        args = list(inputs)
    elif len(spec) == 1:
        args = [list(inputs)]
    else:
        raise UnsupportedError(op.type)
    return _core.apply(op.type, tuple(args), attrs)


def _same(batch: Batch, op: Any) -> Any:
    """The op does not look at the first axes."""
    for t in op.inputs[1:]:
        if batch.depends(t):
            raise UnsupportedError(op.type)
    return _again(op, [batch.value(op.inputs[0]), *op.inputs[1:]])


def _pad_rank(batch: Batch, t: Any, rank: int, op: Any) -> Any:
    """The value for all elements, with axes of length 1 behind the first up to `rank` of them."""
    value = batch.value(t)
    if not batch.depends(t):
        return value
    missing = rank - _rank(t, op)
    if missing == 0:
        return value
    from wengert._array_ops import concat, reshape, shape

    s = shape(value)
    return reshape(value, concat([s[:1], np.ones(missing, np.int32), s[1:]], 0))


def _broadcast(batch: Batch, op: Any) -> Any:
    ranks = [_rank(t, op) for t in op.inputs] if len(op.inputs) > 1 else [0]
    top = max(ranks)
    if len(op.inputs) == 1:
        return _again(op, [batch.value(op.inputs[0])])
    return _again(op, [_pad_rank(batch, t, top, op) for t in op.inputs])


def _all_stacked(batch: Batch, op: Any) -> Any:
    return _again(op, [batch.stacked(t) for t in op.inputs])


def _reduction(batch: Batch, op: Any) -> Any:
    from wengert._math_ops import cast, greater_equal

    x, axes = op.inputs
    if batch.depends(axes) or not batch.depends(x):
        raise UnsupportedError(op.type)
    shifted = axes + cast(greater_equal(axes, 0), axes.dtype)
    return _again(op, [batch.value(x), shifted])


def _shift(axis: int) -> int:
    return axis + 1 if axis >= 0 else axis


def _axis_input(batch: Batch, op: Any) -> Any:
    x, axis = op.inputs
    if batch.depends(axis):
        raise UnsupportedError(op.type)
    shifted = np.vectorize(_shift, otypes=[np.int32])(_known(axis, op)).astype(np.int32)
    return _again(op, [batch.value(x), shifted])


def _matmul(batch: Batch, op: Any) -> Any:
    a, b = (batch.value(t) for t in op.inputs)
    if op.type == "MatMul":
        flags = {"adj_x": op.get_attr("transpose_a"), "adj_y": op.get_attr("transpose_b")}
        if op.inputs[0].dtype.is_complex:
            raise UnsupportedError(op.type)
        return _core.apply("BatchMatMulV2", (a, b), flags)
    rank = max(_rank(t, op) for t in op.inputs)
    a, b = (_pad_rank(batch, t, rank, op) for t in op.inputs)
    return _again(op, [a, b])


def _with_length(batch: Batch, shape: Any) -> Any:
    from wengert._array_ops import concat, expand_dims
    from wengert._math_ops import cast

    return concat([cast(expand_dims(batch.n, 0), shape.dtype), shape], 0)


def _shape_input(batch: Batch, op: Any) -> Any:
    x, shape = op.inputs
    if batch.depends(shape):
        raise UnsupportedError(op.type)
    if op.type == "BroadcastTo":
        rank = int(shape.shape.as_list()[0]) if shape.shape.is_fully_defined() else -1
        if rank < 0:
            raise UnsupportedError(op.type)
        return _again(op, [_pad_rank(batch, x, rank, op), _with_length(batch, shape)])
    return _again(op, [batch.value(x), _with_length(batch, shape)])


def _tile(batch: Batch, op: Any) -> Any:
    from wengert._array_ops import concat

    x, multiples = op.inputs
    if batch.depends(multiples):
        raise UnsupportedError(op.type)
    one = np.ones(1, multiples.dtype.as_numpy_dtype)
    return _again(op, [batch.value(x), concat([one, multiples], 0)])


def _transpose(batch: Batch, op: Any) -> Any:
    x, perm = op.inputs
    if batch.depends(perm):
        raise UnsupportedError(op.type)
    order = np.concatenate([[0], _known(perm, op) + 1]).astype(np.int32)
    return _again(op, [batch.value(x), order])


def _squeeze(batch: Batch, op: Any) -> Any:
    axes = list(op.get_attr("squeeze_dims"))
    if not axes:
        if not op.inputs[0].shape.is_fully_defined():
            raise UnsupportedError(op.type)
        axes = [i for i, d in enumerate(op.inputs[0].shape.as_list()) if d == 1]
        if not axes:
            return batch.value(op.inputs[0])
    return _again(op, [batch.value(op.inputs[0])], squeeze_dims=[_shift(a) for a in axes])


def _concat(batch: Batch, op: Any) -> Any:
    *xs, axis = op.inputs
    if batch.depends(axis):
        raise UnsupportedError(op.type)
    shifted = _shift(int(_known(axis, op)))
    return _core.apply("ConcatV2", ([batch.stacked(x) for x in xs], shifted))


def _pack(batch: Batch, op: Any) -> Any:
    axis = _shift(int(op.get_attr("axis")))
    return _core.apply("Pack", ([batch.stacked(x) for x in op.inputs],), {"axis": axis})


def _unpack(batch: Batch, op: Any) -> Any:
    attrs = {"num": op.get_attr("num"), "axis": _shift(int(op.get_attr("axis")))}
    return _core.apply("Unpack", (batch.value(op.inputs[0]),), attrs)


def _strided_slice(batch: Batch, op: Any) -> Any:
    x, *bounds = op.inputs
    if any(batch.depends(t) for t in bounds):
        raise UnsupportedError(op.type)
    begin, end, strides = (_known(t, op) for t in bounds)
    masks = {
        name: int(op.get_attr(name)) << 1
        for name in ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask",
                     "shrink_axis_mask")
    }  # fmt: skip
    masks["begin_mask"] |= 1
    masks["end_mask"] |= 1
    args = [np.concatenate([[v], t]).astype(t.dtype)
            for v, t in ((0, begin), (0, end), (1, strides))]  # fmt: skip
    return _core.apply("StridedSlice", (batch.value(x), *args), masks)


def _slice(batch: Batch, op: Any) -> Any:
    x, begin, size = op.inputs
    if batch.depends(begin) or batch.depends(size):
        raise UnsupportedError(op.type)
    args = [np.concatenate([[v], _known(t, op)]).astype(np.int32)
            for v, t in ((0, begin), (-1, size))]  # fmt: skip
    return _core.apply("Slice", (batch.value(x), *args))


def _gather(batch: Batch, op: Any) -> Any:
    params, indices, axis = op.inputs
    if batch.depends(axis) or op.get_attr("batch_dims") != 0:
        raise UnsupportedError(op.type)
    from wengert._array_ops import gather, transpose

    at = int(_known(axis, op))
    rank = _rank(params, op)
    at += rank if at < 0 else 0
    p, i = batch.value(params), batch.value(indices)
    if batch.depends(params):
        if batch.depends(indices):
            return gather(p, i, axis=at + 1, batch_dims=1)
        return gather(p, i, axis=at + 1)
    if indices is batch.index and at == 0:
        return params  # the rows, one per element
    result = gather(p, i, axis=at)
    if at == 0:
        return result
    rank = _rank(result, op)
    return transpose(result, [at, *(k for k in range(rank) if k != at)])


def _shape_of(batch: Batch, op: Any) -> Any:
    from wengert._array_ops import shape

    value = shape(batch.value(op.inputs[0]), out_type=op.get_attr("out_type"))
    if op.type == "Shape":
        s = value[1:]
    else:
        from wengert._math_reduce import reduce_prod

        s = reduce_prod(value[1:])
    from wengert._array_ops import broadcast_to, concat, expand_dims

    return broadcast_to(expand_dims(s, 0), concat([expand_dims(batch.n, 0), _shape32(s)], 0))


def _shape32(t: Any) -> Any:
    from wengert._array_ops import shape

    return shape(t)


def _einsum(batch: Batch, op: Any) -> Any:
    equation = op.get_attr("equation")
    if isinstance(equation, bytes):
        equation = equation.decode()
    left, _, right = equation.partition("->")
    free = next(c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                if c not in equation)  # fmt: skip
    terms = [free + term if batch.depends(t) else term
             for term, t in zip(left.split(","), op.inputs, strict=True)]  # fmt: skip
    values = [batch.value(t) for t in op.inputs]
    return _core.apply("Einsum", (values,), {"equation": f"{','.join(terms)}->{free}{right}"})


def _l2_loss(batch: Batch, op: Any) -> Any:
    from wengert._math_ops import square
    from wengert._math_reduce import reduce_sum

    value = batch.value(op.inputs[0])
    axes = list(range(1, _rank(op.inputs[0], op) + 1))
    return reduce_sum(square(value), axes) / 2


def _fill(batch: Batch, op: Any) -> Any:
    dims, value = op.inputs
    if batch.depends(dims) or not dims.shape.is_fully_defined():
        raise UnsupportedError(op.type)
    from wengert._array_ops import broadcast_to

    rank = int(dims.shape.as_list()[0])
    return broadcast_to(_pad_rank(batch, value, rank, op), _with_length(batch, dims))


def _names(text: str) -> list[str]:
    return text.split()


_UNARY = _names(
    "Abs Acos Acosh Asin Asinh Atan Atanh Cast Ceil Conj Cos Cosh Digamma Elu Erf Erfc Erfinv "
    "Exp Expm1 Floor Identity Imag Inv IsFinite IsInf IsNan LeakyRelu Lgamma Log Log1p LogicalNot "
    "Ndtri Neg OnesLike Real Reciprocal Relu Relu6 Rint Round Rsqrt Selu Sigmoid Sign Sin Sinh "
    "Snapshot Softplus Softsign Sqrt Square StopGradient Tan Tanh ZerosLike BesselI0e BesselI1e "
    "Angle ComplexAbs PreventGradient CheckNumerics"
)
_BROADCASTING = _names(
    "Add AddV2 Atan2 Complex Div DivNoNan Equal FloorDiv FloorMod Greater GreaterEqual Less "
    "LessEqual LogicalAnd LogicalOr Maximum Minimum Mod Mul MulNoNan NotEqual Pow RealDiv "
    "SquaredDifference Sub TruncateDiv TruncateMod Xdivy Xlogy Xlog1py SelectV2 Igamma Igammac "
    "Polygamma Zeta NextAfter BitwiseAnd BitwiseOr BitwiseXor LeftShift RightShift"
)
_SAME = _names(  # work on the last axes
    "Softmax LogSoftmax MatrixInverse MatrixDeterminant Cholesky MatrixDiag MatrixDiagPart "
    "LogMatrixDeterminant Qr Svd SelfAdjointEigV2 BiasAdd MatrixBandPart TopKV2"
)
_ELEMENTWISE_GRADIENTS = _names(
    "EluGrad InvGrad LeakyReluGrad ReciprocalGrad Relu6Grad ReluGrad RsqrtGrad SeluGrad "
    "SigmoidGrad SoftplusGrad SoftsignGrad SqrtGrad TanhGrad AddN"
)
_REDUCTIONS = _names("Sum Prod Max Min Mean All Any EuclideanNorm")

RULES: dict[str, Callable[[Batch, Any], Any]] = {
    **dict.fromkeys(_UNARY, _same),
    **dict.fromkeys(_BROADCASTING, _broadcast),
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_ELEMENTWISE_GRADIENTS, _all_stacked),
    **dict.fromkeys(_REDUCTIONS, _reduction),
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2"), _matmul),
    **dict.fromkeys(("Reshape", "BroadcastTo"), _shape_input),
    **dict.fromkeys(
        ("ArgMax", "ArgMin", "Cumprod", "Cumsum", "ExpandDims", "ReverseV2"), _axis_input
    ),
    **dict.fromkeys(("Shape", "Size"), _shape_of),
    "ConcatV2": _concat,
    "Einsum": _einsum,
    "Fill": _fill,
    "GatherV2": _gather,
    "L2Loss": _l2_loss,
    "Pack": _pack,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unpack": _unpack,
}
