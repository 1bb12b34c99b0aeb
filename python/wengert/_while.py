"""Loops: `tf.while_loop`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert import _core, _nest
from wengert._control_tracing import (
    BranchGraph,
    components,
    flatten_components,
    pack_components,
    resolve,
    unique_function_name,
)
from wengert._dtypes import int32
from wengert._graph import name_scope_v1
from wengert._tensor_shape import TensorShape
from wengert._tensor_spec import TensorSpec

__all__ = ["no_wider", "while_loop", "while_loop_v1"]


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """`loop_vars` after `body` was applied while `cond` holds (`tf.while_loop`).

    In eager mode a Python loop runs. In graphs `cond` and `body` are traced once, and a
    StatelessWhile (While, where they have effects) runs them.

    Parameters
    ----------
    cond : callable
        (\\*loop_vars) -> scalar bool tensor.
    body : callable
        (\\*loop_vars) -> structure like `loop_vars`, of the same dtypes.
    loop_vars : list, tuple or other structure
        Tensors, TensorArrays, IndexedSlices, and structures of them.
    shape_invariants : structure of TensorShape or TensorSpec, optional
        What holds of the shapes in all iterations, where they vary.
    parallel_iterations, swap_memory :
        Accepted; they change nothing.
    back_prop : bool
        False: no gradient flows through the results.
    maximum_iterations : int or scalar integer tensor, optional

    Returns
    -------
    Structure like `loop_vars`.

    Raises
    ------
    TypeError
        When a function is not callable, or a variable changes its dtype.
    ValueError
        When `body` returns another structure, or a shape changes without an invariant.

    Examples
    --------
    >>> import wengert as tf
    >>> i, y = tf.while_loop(lambda i, y: i < 4, lambda i, y: (i + 1, y * 2.0),
    ...                      [tf.constant(0), tf.constant(1.0)])
    >>> y.numpy().item()
    16.0
    """
    return _while(
        cond, body, loop_vars, shape_invariants, parallel_iterations, back_prop,
        maximum_iterations, name, same_structure=True,
    )  # fmt: skip


def while_loop_v1(
    cond: Any,
    body: Any,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """As `while_loop`; a single result comes without its list (`tf.compat.v1.while_loop`)."""
    return _while(
        cond, body, loop_vars, shape_invariants, parallel_iterations, back_prop,
        maximum_iterations, name, same_structure=return_same_structure,
    )  # fmt: skip


def _while(
    cond: Any,
    body: Any,
    loop_vars: Any,
    invariants: Any,
    parallel_iterations: int,
    back_prop: bool,
    maximum_iterations: Any,
    name: str | None,
    same_structure: bool,
) -> Any:
    for what, fn in (("cond", cond), ("body", body)):
        if not callable(fn):
            raise TypeError(f"'{what}' must be callable.")
    if parallel_iterations < 1:
        raise TypeError("'parallel_iterations' must be a positive integer.")
    if _core.current_graph() is None:
        if not len(loop_vars) if hasattr(loop_vars, "__len__") else True:
            raise ValueError("'loop_vars' must be provided.")
        return _run(cond, body, loop_vars, maximum_iterations, same_structure)
    if not isinstance(loop_vars, dict) and len(loop_vars) < 0:  # a tensor has no len
        raise ValueError("'loop_vars' must be provided.")
    results = _Loop(loop_vars, invariants).build(cond, body, maximum_iterations, name,
                                                 parallel_iterations)  # fmt: skip
    if not back_prop:
        from wengert._array_ops import stop_gradient

        flat = [stop_gradient(t) for t in flatten_components(results)]
        results = pack_components(results, flat)
    if not same_structure and isinstance(results, (list, tuple)) and len(results) == 1:
        return results[0]
    return results


# --- eager mode -------------------------------------------------------------------------------


def _run(cond: Any, body: Any, loop_vars: Any, limit: Any, same_structure: bool) -> Any:
    """The loop in Python."""
    if limit is not None:
        bound = _core.convert(limit)
        if bound.shape.rank:
            raise ValueError(
                f"'maximum_iterations' must be a scalar. Received shape: {bound.shape}"
            )
        last = int(bound)
    like = list(loop_vars)
    single = len(like) == 1 and not same_structure
    values, packed, trips = loop_vars, False, 0
    while (limit is None or trips < last) and cond(*values):
        values = body(*values)
        if single and not isinstance(values, (list, tuple)):
            packed = True
            values = (values,)
        _nest.assert_same_structure(like, list(values))
        trips += 1

    def convert(x: Any) -> Any:
        parts = components(x)
        return _core.convert(x) if len(parts) == 1 and parts[0] is x else x

    values = _nest.map_structure(convert, values)
    return values[0] if packed else values


# --- graphs -----------------------------------------------------------------------------------


class _Loop:
    """Traces the functions of one loop and adds it to the graph."""

    def __init__(self, loop_vars: Any, invariants: Any) -> None:
        self.given = loop_vars  # as the user passed it, for messages
        self.vars = _nest.map_structure(self._convert, loop_vars)
        self.flat = flatten_components(self.vars)
        self.shapes = self._invariant_shapes(invariants)

    @staticmethod
    def _convert(x: Any) -> Any:
        if x is None:
            raise ValueError("None values not supported.")
        parts = components(x)
        return _core.convert(x) if len(parts) == 1 and parts[0] is x else x

    def _invariant_shapes(self, invariants: Any) -> list[Any]:
        """What holds of the shape of each flat variable."""
        if invariants is None:
            # A slice may get any number of rows.
            return [t.shape for t in self.flat]
        wanted = _nest.flatten(invariants)
        leaves = _nest.flatten(self.vars)
        if len(wanted) != len(leaves):
            _nest.assert_same_structure(self.given, invariants)
            raise ValueError(
                f"shape_invariants has {len(wanted)} entries for {len(leaves)} loop variables"
            )
        shapes: list[Any] = []
        for leaf, shape in zip(leaves, wanted, strict=True):
            parts = components(leaf)
            if len(parts) == 1 and parts[0] is leaf:
                shape = shape.shape if isinstance(shape, TensorSpec) else TensorShape(shape)
                shapes.append(shape)
                continue
            rows = TensorShape([None])
            shapes.extend(
                TensorShape(shape) if i == 0 and len(parts) > 1 and shape is not None
                else (rows if i == 1 else p.shape)
                for i, p in enumerate(parts)
            )  # fmt: skip
        return shapes

    def build(
        self, cond: Any, body: Any, limit: Any, name: str | None, parallel_iterations: int
    ) -> Any:
        graph = _core.current_graph()
        with name_scope_v1(name, "while") as scope:
            bounded = limit is not None
            if not isinstance(limit, _core.Tensor):
                limit = _core.constant(limit if bounded else -1, int32, None, "maximum_iterations")
            counter = _core.constant(0, limit.dtype, None, "loop_counter")
            cond_graph = BranchGraph(unique_function_name(scope, "cond"))
            self._trace_cond(cond_graph, cond, counter, limit, bounded)
            body_graph = BranchGraph(unique_function_name(scope, "body"))
            self._trace_body(body_graph, body, counter, limit, cond_graph)
            self._check(body_graph)
            captured = body_graph.external_captures
            self._share_captures(cond_graph, captured)
            body_graph.outputs.extend(body_graph.internal_captures)
            inputs = resolve(graph, [counter, limit, *self.flat, *captured])
            results = self._add(graph, inputs, cond_graph, body_graph, parallel_iterations, scope)
            results = results[2 : 2 + len(self.flat)]
        return pack_components(self.vars, results)

    def _arguments(
        self, graph: BranchGraph, counter: Any, limit: Any
    ) -> tuple[Any, Any, list[Any]]:
        """The parameters for the counter, its limit and the variables."""
        _core.push_graph(graph)
        try:
            first = [
                graph.argument(t.dtype, t.shape, t.op.name.replace("/", "_"))
                for t in (counter, limit)
            ]
            rest = [
                graph.argument(t.dtype, shape, "Placeholder", like=t)
                for t, shape in zip(self.flat, self.shapes, strict=True)
            ]
        finally:
            _core.pop_graph()
        return first[0], first[1], rest

    def _trace_cond(
        self, graph: BranchGraph, cond: Any, counter: Any, limit: Any, bounded: bool
    ) -> None:
        count, last, rest = self._arguments(graph, counter, limit)

        def condition() -> Any:
            holds = cond(*pack_components(self.vars, rest))
            holds = _core.convert(holds)
            if holds.shape.rank is None or holds.shape.rank > 0:
                holds = _core.apply("Squeeze", (holds,))
            if not bounded:
                return holds
            return _core.apply("LogicalAnd", (_core.apply("Less", (count, last)), holds))

        graph.trace(condition)

    def _trace_body(
        self, graph: BranchGraph, body: Any, counter: Any, limit: Any, cond_graph: BranchGraph
    ) -> None:
        count, last, rest = self._arguments(graph, counter, limit)
        _core.push_graph(graph)
        try:
            graph.capture_all(cond_graph.external_captures)
        finally:
            _core.pop_graph()

        def step() -> Any:
            values = body(*pack_components(self.vars, rest))
            if not _nest.is_nested(values):
                values = [values]
            self._check_structure(values)
            return [count + 1, last, *flatten_components(values)]

        graph.trace(step)

    def _check_structure(self, values: Any) -> None:
        _nest.assert_same_structure(values, self.given, check_types=False)

    def _check(self, body_graph: BranchGraph) -> None:
        got = body_graph.outputs[2:]
        if len(got) != len(self.flat):
            raise AssertionError(
                f"body_graph has {len(got) + 2} outputs; Expected: {len(self.flat) + 2}"
            )
        for start, after, shape in zip(self.flat, got, self.shapes, strict=True):
            if not no_wider(after.shape, shape):
                raise ValueError(
                    f"Input tensor `{start.name}` enters the loop with shape {shape}, but has "
                    f"shape {after.shape} after one iteration. To allow the shape to vary across "
                    "iterations, use the `shape_invariants` argument of tf.while_loop to specify "
                    "a less-specific shape."
                )
        for start, after in zip(self.flat, got, strict=True):
            if start.dtype != after.dtype:
                raise TypeError(
                    f"Loop var {start.name} enters the loop with type {start.dtype!r} but has "
                    f"type {after.dtype!r} after 1 iteration. {start.name} type should remain "
                    "constant."
                )

    @staticmethod
    def _share_captures(cond_graph: BranchGraph, captured: list[Any]) -> None:
        """Gives the condition the parameters of the body; those it does not read, too."""
        known = {id(t) for t in cond_graph.external_captures}
        _core.push_graph(cond_graph)
        try:
            cond_graph.capture_all([t for t in captured if id(t) not in known])
        finally:
            _core.pop_graph()

    def _add(
        self,
        graph: Any,
        inputs: list[Any],
        cond_graph: BranchGraph,
        body_graph: BranchGraph,
        parallel_iterations: int,
        scope: str,
    ) -> list[Any]:
        shapes = [t.shape for t in body_graph.outputs]
        shapes[2 : 2 + len(self.flat)] = self.shapes
        attrs = {
            "T": [t.dtype for t in inputs],
            "cond": cond_graph.as_function(cond_graph.inputs + cond_graph.internal_captures),
            "body": body_graph.as_function(body_graph.inputs + body_graph.internal_captures),
            "output_shapes": shapes,
            "parallel_iterations": parallel_iterations,
            "_num_original_outputs": len(inputs),
        }
        stateful = cond_graph.stateful or body_graph.stateful
        op_type = "While" if stateful else "StatelessWhile"
        outputs = list(graph.add_operation(op_type, inputs, attrs, scope).outputs)
        if getattr(graph, "building_function", False):
            return outputs
        return [_core.apply("Identity", (t,)) for t in outputs]


def no_wider(shape: Any, bound: Any) -> bool:
    """Whether every concrete shape that `shape` allows is allowed by `bound`."""
    if bound.rank is None:
        return True
    if shape.rank != bound.rank:
        return False
    pairs = zip(shape.as_list(), bound.as_list(), strict=True)
    return all(b is None or b == a for a, b in pairs)
