"""Conditionals: `tf.cond` and `tf.switch_case`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core, _nest
from wengert._control_tracing import (
    BranchGraph,
    pack_components,
    resolve,
    unique_function_name,
)
from wengert._func_graph import FuncGraph
from wengert._graph import name_scope_v1

__all__ = ["cond", "cond_v1", "switch_case"]


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: str | None = None,
) -> Any:
    """The results of `true_fn()` or of `false_fn()`, as `pred` says (`tf.cond`).

    In eager mode one of the two is called. In graphs both are traced, and a StatelessIf (If,
    where a branch has effects) runs one of them; tensors from around are captured.

    Parameters
    ----------
    pred : scalar bool tensor
    true_fn, false_fn : callable
        Without parameters; their results have the same structure and dtypes.

    Returns
    -------
    The structure that the functions return, as tensors.

    Raises
    ------
    TypeError
        When a function is missing or not callable, when `pred` is a Python bool in a graph, or
        when the results differ in structure or dtype.

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.constant(3.0)
    >>> tf.cond(x > 1.0, lambda: x * x, lambda: x).numpy().item()
    9.0
    """
    return _cond(pred, true_fn, false_fn, name, strict=True)


def cond_v1(
    pred: Any,
    true_fn: Any = None,
    false_fn: Any = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Any = None,
    fn2: Any = None,
) -> Any:
    """As `cond`; in eager mode a list of one becomes its item (`tf.compat.v1.cond`)."""
    for old, new, given, other in (
        ("fn1", "true_fn", fn1, true_fn),
        ("fn2", "false_fn", fn2, false_fn),
    ):
        if given is not None and other is not None:
            raise TypeError(f"cond(): '{old}' and '{new}' may not be set simultaneously.")
    true_fn = fn1 if true_fn is None else true_fn
    false_fn = fn2 if false_fn is None else false_fn
    return _cond(pred, true_fn, false_fn, name, strict)


def _cond(pred: Any, true_fn: Any, false_fn: Any, name: str | None, strict: bool) -> Any:
    for what, fn in (("true_fn", true_fn), ("false_fn", false_fn)):
        if fn is None:
            raise TypeError(f"cond(): '{what}' argument required")
        if not callable(fn):
            raise TypeError(f"'{what}' must be callable.")
    if _core.current_graph() is None:
        result = true_fn() if pred else false_fn()
        result = None if isinstance(result, _core.Operation) else result
        return result if strict else _unpack_single(result)
    if isinstance(pred, bool):
        raise TypeError("pred must not be a Python bool", pred)
    with name_scope_v1(name, "cond") as scope:
        pred = _core.convert(pred)
        if pred.shape.rank is None or pred.shape.rank > 0:
            pred = _core.apply("Squeeze", (pred,))
        graph = _core.current_graph()
        if isinstance(graph, FuncGraph) and pred.graph is not graph:
            pred = graph.capture(pred)
        branches = [
            _trace_branch(unique_function_name(scope, kind), fn, pred)
            for kind, fn in (("true", true_fn), ("false", false_fn))
        ]
        attrs = ("then_branch", "else_branch")
        return _build(
            "If", "tf.cond", pred, branches, scope, lambda fs: dict(zip(attrs, fs, strict=True))
        )


def _unpack_single(result: Any) -> Any:
    if isinstance(result, (list, tuple)) and len(result) == 1:
        return result[0]
    return result


def _trace_branch(name: str, fn: Callable[[], Any], operation_value: Any) -> BranchGraph:
    graph = BranchGraph(name)
    graph.trace(fn, operation_value)
    return graph


# --- what all conditionals share ------------------------------------------------------------


def _check_alike(op_name: str, branches: list[BranchGraph]) -> None:
    """Raises as TensorFlow does when branches return different things."""
    leaves = [_nest.flatten(b.structured_outputs) for b in branches]
    if len({len(flat) for flat in leaves}) > 1:
        raise AssertionError([len(flat) for flat in leaves])
    for k, branch in enumerate(branches[1:], 1):
        if len(branch.outputs) != len(branches[0].outputs):
            raise ValueError(
                f"Lengths of branch outputs of {op_name.removeprefix('tf.')} must match.\n"
                f"len(graphs[0].outputs): {len(branches[0].outputs)}\n"
                f"len(graphs[{k}].outputs): {len(branch.outputs)}\n"
            )
        try:
            _nest.assert_same_structure(branches[0].structured_outputs, branch.structured_outputs)
        except (ValueError, TypeError) as e:
            _fail_alike(op_name, branches, k, str(e))
        for a, b in zip(branches[0].outputs, branch.outputs, strict=True):
            if a.dtype != b.dtype:
                _fail_alike(op_name, branches, k, f"{a} and {b} have different types")


def _fail_alike(op_name: str, branches: list[BranchGraph], k: int, details: str) -> None:
    first, other = branches[0].structured_outputs, branches[k].structured_outputs
    if op_name == "tf.cond":
        names = ("true_fn", "false_fn")
        what = "true_fn and false_fn arguments to tf.cond"
    else:
        names = ("branches[0]", f"branches[{k}]")
        what = f"branches[0] and branches[{k}] arguments to {op_name}"
    raise TypeError(
        f"{what} must have the same number, type, and overall structure of return values.\n\n"
        f"{names[0]} output: {first}\n{names[1]} output: {other}\n\nError details:\n{details}"
    )


def _match_captures(branches: list[BranchGraph]) -> tuple[list[Any], list[list[Any]]]:
    """(tensors that a branch reads, the stand-ins of all of them in each branch)."""
    captured: dict[int, Any] = {}
    for branch in branches:
        for outer, _ in branch.captures:
            captured.setdefault(id(outer), outer)
    arguments = []
    for branch in branches:
        own = {id(outer): inner for outer, inner in branch.captures}
        inputs = []
        for key, outer in captured.items():
            if key not in own:
                _core.push_graph(branch)
                try:
                    with branch.control_dependencies(None):
                        own[key] = branch.argument(
                            outer.dtype, outer.shape, "Placeholder", like=outer
                        )
                finally:
                    _core.pop_graph()
            inputs.append(own[key])
        arguments.append(inputs)
    return list(captured.values()), arguments


def _build(
    op: str,
    op_name: str,
    selector: Any,
    branches: list[BranchGraph],
    scope: str,
    attrs_of: Callable[[list[Any]], dict[str, Any]],
) -> Any:
    """Adds the conditional and hands out its results."""
    _check_alike(op_name, branches)
    captured, arguments = _match_captures(branches)
    functions = [b.as_function(a) for b, a in zip(branches, arguments, strict=True)]
    attrs = attrs_of(functions)
    attrs["Tin"] = [t.dtype for t in captured]
    attrs["Tout"] = [t.dtype for t in branches[0].outputs]
    stateful = any(b.stateful for b in branches)
    graph: Any = _core.current_graph()
    made = graph.add_operation(
        op if stateful else f"Stateless{op}", [selector, *resolve(graph, captured)], attrs, scope
    )
    results = [_core.apply("Identity", (t,)) for t in made.outputs]
    return pack_components(branches[0].structured_outputs, results)


# --- switch_case ------------------------------------------------------------------------------


def switch_case(
    branch_index: Any, branch_fns: Any, default: Any = None, name: str = "switch_case"
) -> Any:
    """The results of `branch_fns[branch_index]()` (`tf.switch_case`).

    Parameters
    ----------
    branch_index : scalar integer tensor
    branch_fns : list of callables, list of (int, callable), or dict from int to callable
        The keys are 0 ... n - 1.
    default : callable, optional
        For an index that is not a key; else the last branch serves.

    Raises
    ------
    TypeError
        When an argument is of the wrong kind, or the branches return different structures.
    ValueError
        When the keys are not 0 ... n - 1.

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.constant(3)
    >>> tf.switch_case(tf.constant(1), [lambda: x, lambda: x * x]).numpy().item()
    9
    """
    from wengert._variables import Variable

    if not isinstance(branch_index, (_core.Tensor, Variable)):
        raise TypeError(f"'branch_index' must be a Tensor, got {type(branch_index)}")
    if not branch_index.dtype.is_integer:
        raise TypeError(f"'branch_index' must be an integer Tensor, got {branch_index.dtype}")
    functions = _ordered_branches(branch_fns, default)
    with name_scope_v1(name, "switch_case"):
        index = _core.convert(branch_index)
        if index.dtype.name != "int32":
            index = _core.apply("Cast", (index,), {"DstT": _int32()}, "Cast")
        if _core.current_graph() is None:
            k = int(index)
            return functions[k if 0 <= k < len(functions) else -1]()
        with name_scope_v1("indexed_case") as scope:
            branches = [
                _trace_branch(unique_function_name(scope, f"branch{i}"), fn, index)
                for i, fn in enumerate(functions)
            ]
            return _build(
                "Case", "tf.switch_case", index, branches, scope, lambda fs: {"branches": fs}
            )


def _int32() -> Any:
    from wengert._dtypes import int32

    return int32


def _ordered_branches(branch_fns: Any, default: Any) -> list[Callable[[], Any]]:
    if not isinstance(branch_fns, (list, tuple, dict)):
        raise TypeError("'branch_fns' must be one of list, dict, or tuple.")
    items = branch_fns.items() if isinstance(branch_fns, dict) else branch_fns
    pairs = []
    for i, item in enumerate(items):
        if callable(item):
            pairs.append((i, item))
            continue
        if not isinstance(item, tuple) or len(item) != 2:
            raise TypeError(
                f"Each entry in 'branch_fns' must be a 2-tuple or a callable. Received {item!r}."
            )
        key, fn = item
        if not isinstance(key, (int, np.integer)) or isinstance(key, bool):
            raise TypeError(f"key must be a Python `int`, got {type(key)}")
        if not callable(fn):
            raise TypeError(f"fn for key {key} must be callable.")
        pairs.append((int(key), fn))
    if default is not None and not callable(default):
        raise TypeError("'default' must be callable.")
    keys = sorted(k for k, _ in pairs)
    if keys != list(range(len(pairs))):
        found = ",".join(str(k) for k in keys)
        raise ValueError(
            f"branch indices (keys) must form contiguous range of [0 to {len(pairs)}) but found "
            f"{{{found}}}"
        )
    functions = [fn for _, fn in sorted(pairs, key=lambda pair: pair[0])]
    return functions if default is None else [*functions, default]
