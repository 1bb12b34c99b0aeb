"""`tf.gradients`: derivatives by extension of the graph."""

from __future__ import annotations

import enum
from typing import Any

from wengert import _core
from wengert._indexed_slices import IndexedSlices

__all__ = ["AggregationMethod", "UnconnectedGradients", "gradients", "gradients_v1"]


class AggregationMethod:
    """How gradients that meet at one tensor are added.

    ADD_N (the default) makes one AddN node; EXPERIMENTAL_TREE and EXPERIMENTAL_ACCUMULATE_N add
    pair by pair. Compiled results do not differ in speed.
    """

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


class UnconnectedGradients(enum.Enum):
    """What `gradients` gives for an x that no y depends on."""

    NONE = "none"
    ZERO = "zero"


def _as_list(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _to_tensors(values: list[Any], name: str) -> list[Any]:
    """Tensors or IndexedSlices of values, literals named name_0, name_1 ..."""
    result = []
    for i, v in enumerate(values):
        if isinstance(v, (_core.SymbolicTensor, IndexedSlices)):
            result.append(v)
        else:
            result.append(_core.convert(v, None, f"{name}_{i}"))
    return result


def _x_to_tensor(x: Any, index: int) -> Any:
    handle = getattr(x, "handle", None)
    if handle is not None and getattr(x, "_is_variable", False):
        x = handle
    if isinstance(x, _core.SymbolicTensor) and x.graph is _core.current_graph():
        return x
    if isinstance(x, IndexedSlices):
        return x.values
    if x is None:
        raise AttributeError("'NoneType' object has no attribute 'op'")
    return _core.convert(x, None, f"x_{index}")


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = UnconnectedGradients.NONE,
    *,
    colocate_gradients_with_ops: bool = False,
) -> list[Any]:
    """Symbolic derivatives of the sum of `ys` with respect to each of `xs` (`tf.gradients`).

    Operations are added to the graph being built; the result can be differentiated again.

    Parameters
    ----------
    ys : Tensor or list of Tensor, any shapes
        What is differentiated; all elements of all ys are added up.
    xs : Tensor, Variable or list of them
    grad_ys : None, or list of Tensor, IndexedSlices or None, one per y, of the y's shape
        Weights of the elements of ys; default ones.
    name : str
        Scope of the new operations.
    gate_gradients : bool
        Put each operation's gradients behind all of them.
    aggregation_method : int
        A constant of AggregationMethod.
    stop_gradients : Tensor or list of Tensor
        Taken for constants.
    unconnected_gradients : UnconnectedGradients or str
        "none" or "zero".
    colocate_gradients_with_ops : bool
        Accepted; everything runs on the CPU.

    Returns
    -------
    list
        One per x: Tensor of the x's shape and dtype, IndexedSlices, or None.

    Raises
    ------
    RuntimeError
        In eager mode.
    LookupError
        When an operation on the way has no gradient.
    TypeError, ValueError
        Wrong kinds of arguments, lengths, dtypes or shapes.

    Examples
    --------
    >>> import wengert as tf
    >>> @tf.function
    ... def f(x):
    ...     return tf.gradients(x * x * x, x)[0]
    >>> f(tf.constant(2.0)).numpy().item()
    12.0
    """
    graph = _core.current_graph()
    if graph is None:
        raise RuntimeError(
            "tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape "
            "instead."
        )
    ys_list, xs_list = _checked_list(ys), _checked_list(xs)
    stop_list = [] if stop_gradients is None else _as_list(stop_gradients)
    if grad_ys is None:
        given: list[Any] = [None] * len(ys_list)
    else:
        given = _checked_list(grad_ys)
    if len(given) != len(ys_list):
        raise ValueError(f"Length mismatch. Passed {len(given)} grad_ys for {len(ys_list)} ys")
    if unconnected_gradients is not UnconnectedGradients.NONE:
        try:
            unconnected_gradients = UnconnectedGradients(unconnected_gradients)
        except ValueError:
            raise ValueError(
                f"Unknown value for unconnected_gradients: {unconnected_gradients!r}"
            ) from None
    method = AggregationMethod.DEFAULT if aggregation_method is None else aggregation_method
    accepted = [0, 1, 2]
    if method not in accepted:
        raise ValueError(
            f"Invalid `aggregation_method` specified {method}. Accepted values are {accepted}."
        )
    zero = unconnected_gradients is UnconnectedGradients.ZERO
    if grad_ys is None:
        # Nothing to convert: only tensors of this graph.
        result = _core.gradients_of_tensors(
            ys_list, xs_list, name or "gradients", colocate_gradients_with_ops,
            bool(gate_gradients), method, stop_list, zero,
        )  # fmt: skip
        if result is not None:
            return result
    # Literals become nodes of the new scope; the scope is entered again by the builder.
    previous = graph.name_scope_path
    scope = graph.enter_name_scope(name or "gradients")
    try:
        ys_tensors = [_dense_values(y) for y in _to_tensors(ys_list, "y")]
        xs_tensors = [_x_to_tensor(x, i) for i, x in enumerate(xs_list)]
        stops = [_dense_values(s) for s in _to_tensors(stop_list, "stop_gradients")]
        given = [
            g
            if g is None or isinstance(g, IndexedSlices)
            else _core.convert(g, None, f"grad_y_{i}")
            for i, g in enumerate(given)
        ]
    finally:
        graph.name_scope_path = previous
    if all(g is None for g in given):
        given = []
    _check_one_graph(graph, [*ys_tensors, *xs_tensors])
    return _core.gradients(
        ys_tensors, xs_tensors, given, scope, colocate_gradients_with_ops, bool(gate_gradients),
        method, stops, zero,
    )  # fmt: skip


def _check_one_graph(graph: Any, tensors: list[Any]) -> None:
    """ValueError when tensors are of different graphs and nothing stands for one in the other."""
    if graph.building_function:
        return
    for t in tensors:
        if t.graph is not tensors[0].graph:
            raise ValueError(
                f"{t} must be from the same graph as {tensors[0]} (graphs are {t.graph!r} and "
                f"{tensors[0].graph!r})."
            )


def _dense_values(y: Any) -> Any:
    return y.values if isinstance(y, IndexedSlices) else y


def _checked_list(values: Any) -> list[Any]:
    if isinstance(values, dict):
        raise TypeError("Expected any non-tensor type, but got a tensor instead.")
    return _as_list(values)


def gradients_v1(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = UnconnectedGradients.NONE,
) -> list[Any]:
    """`tf.compat.v1.gradients`: as `gradients`, with its argument order of TensorFlow 1."""
    return gradients(
        ys,
        xs,
        grad_ys,
        name,
        gate_gradients,
        aggregation_method,
        stop_gradients,
        unconnected_gradients,
        colocate_gradients_with_ops=colocate_gradients_with_ops,
    )
