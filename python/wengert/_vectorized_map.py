"""`tf.vectorized_map`: a function of one element, applied to all at once.

The function is traced for one element; then every operation that depends on the element is
written again for all of them, by a rule per op type (`_vectorized_rules.py`). Where a rule is
missing, `tf.map_fn` runs the function in a loop instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from wengert import _core, _nest
from wengert._graph import name_scope_v1
from wengert._indexed_slices import IndexedSlices
from wengert._vectorized_rules import RULES, Batch, UnsupportedError

__all__ = ["vectorized_map"]


def vectorized_map(
    fn: Callable[[Any], Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True
) -> Any:
    """`fn` of every element along the first axis, computed for all at once.

    Parameters
    ----------
    fn : callable
        Takes one element (of the structure of `elems`); its results must not depend on Python
        side effects.
    elems : tensor or structure of tensors
        Of the same length along the first axis (a length of one serves for all).
    fallback_to_while_loop : bool
        Run a loop where an operation cannot be vectorised.
    warn : bool
        Say so.

    Returns
    -------
    Structure of tensors like the result of `fn`, with one more axis in front.

    Raises
    ------
    ValueError
        When an operation cannot be vectorised and no loop is allowed; when lengths differ.

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    >>> tf.vectorized_map(lambda r: tf.reduce_sum(r * r), x).numpy().tolist()
    [5.0, 25.0]
    """
    elems = _nest.map_structure(lambda x: _core.convert(x, name="elem"), elems)
    if _core.current_graph() is None:
        from wengert._function import function

        def whole() -> Any:
            return vectorized_map(fn, elems, fallback_to_while_loop, warn)

        return function(whole, autograph=False)()
    try:
        return _vectorize(fn, elems)
    except UnsupportedError as e:
        if not fallback_to_while_loop:
            raise ValueError(
                f"No pfor vectorization defined for {e.args[0]}; set fallback_to_while_loop to "
                "run a loop instead."
            ) from None
        if warn:
            warnings.warn(f"Using a loop for converting {e.args[0]}", stacklevel=2)
        return _loop(fn, elems)


def _length(flat: list[Any]) -> Any:
    """Number of elements; an int where it is known."""
    static = {x.shape.as_list()[0] for x in flat if x.shape.rank}
    if any(x.shape.rank == 0 for x in flat):
        raise ValueError("vectorized_map: the elements must have at least one axis")
    known = sorted(n for n in static if n not in (None, 1))
    if len(known) > 1:
        raise ValueError(f"vectorized_map: the elements have different lengths: {known}")
    if known:
        return known[0]
    if static == {1}:
        return 1
    from wengert._array_ops import shape

    return shape(next(x for x in flat if x.shape.rank is None or x.shape.as_list()[0] != 1))[0]


def _loop(fn: Callable[[Any], Any], elems: Any) -> Any:
    """The same by tf.map_fn; the dtypes of the results are found by a trace."""
    from wengert._control_tracing import BranchGraph
    from wengert._functional_loops import map_fn
    from wengert._tensor_spec import TensorSpec

    probe = BranchGraph("vectorized_map_signature")
    structure = probe.trace(lambda: fn(_nest.map_structure(lambda x: x[0], elems)))
    signature = _nest.map_structure(lambda t: TensorSpec(t.shape, t.dtype), structure)
    return map_fn(fn, elems, fn_output_signature=signature)


def _vectorize(fn: Callable[[Any], Any], elems: Any) -> Any:
    from wengert._array_ops import gather
    from wengert._creation import constant
    from wengert._creation import range as range_

    graph: Any = _core.current_graph()
    flat = _nest.flatten(elems)
    n = _length(flat)
    first = graph.num_operations
    with name_scope_v1("loop_body"):
        index = _core.apply("PlaceholderWithDefault", (0,), {"shape": ()})
        zero = None

        def element(x: Any) -> Any:
            nonlocal zero
            if x.shape.rank and x.shape.as_list()[0] == 1 and n != 1:
                return gather(x, 0)  # one row serves for all
            return gather(x, index)

        outputs = fn(_nest.map_structure(element, elems))
        outputs = _nest.map_structure(_as_output, outputs)
    last = graph.num_operations
    count = constant(n) if isinstance(n, int) else n
    with name_scope_v1("pfor"):
        constant(0)
        batch = Batch(count, index, range_(0, n, 1, name="all_indices"))
    for op in graph.get_operations()[first:last]:
        _convert(op, batch, graph)
    return _nest.map_structure(lambda t: None if t is None else batch.stacked(t, graph), outputs)


def _as_output(x: Any) -> Any:
    if x is None or isinstance(x, _core.Operation):
        return None
    if isinstance(x, IndexedSlices):
        raise UnsupportedError("IndexedSlices")
    return _core.convert(x)


def _convert(op: Any, batch: Batch, graph: Any) -> None:
    """Writes `op` for all elements, where it depends on the element."""
    if op is batch.index.op:
        return
    depends = any(batch.depends(t) for t in op.inputs)
    if not depends:
        if _core.op_info(op.type)["stateful"] and op.type not in _HARMLESS:
            raise UnsupportedError(op.type)  # its every execution may differ
        return
    rule = RULES.get(op.type)
    if rule is None:
        raise UnsupportedError(op.type)
    with graph.name_scope(op.name + "/pfor/"):
        results = rule(batch, op)
    if not isinstance(results, (list, tuple)):
        results = [results]
    for t, value in zip(op.outputs, results, strict=True):
        batch.set(t, value)


_HARMLESS = frozenset({"Placeholder", "VarHandleOp", "ReadVariableOp", "ResourceGather"})
