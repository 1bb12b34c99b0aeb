"""`while` of converted code, and the loop over tensors that `for` shares with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert import _core, _nest
from wengert._autograph import is_symbolic
from wengert._autograph_state import (
    Undefined,
    UndefinedReturnValue,
    condition,
    dtype_of,
    filling_returns,
    note_return_in_loop,
    scratch_graph,
    stands,
    to_tensor,
    zero_like,
)
from wengert._tensor_shape import TensorShape
from wengert._while import no_wider

__all__ = ["INCONSISTENT", "tensor_loop", "while_stmt"]

INCONSISTENT = (
    "See https://github.com/tensorflow/tensorflow/blob/master/tensorflow/python/autograph/g3doc/"
    "reference/limitations.md#consistency-of-control-flow-types for more info."
)


def while_stmt(test: Any, body: Any, get_state: Any, set_state: Any, names: Any, opts: Any) -> None:
    """Runs `body` while `test()` holds; both read and change the variables `names`."""
    if _core.current_graph() is None:
        while test():
            body()
        return
    with scratch_graph() as graph:
        more = test()
    if is_symbolic(more):
        tensor_loop(test, body, get_state, set_state, names, opts)
        return
    if graph.get_operations():
        more = test()  # what it made there is lost
    while more:
        body()
        more = test()
        if is_symbolic(more):
            raise NotImplementedError(
                "The condition of while loop started as non-Tensor, then changed to Tensor. This "
                "may happen either because variables changed type, or when a break or return "
                "statement inside the loop depends on a Tensor condition. In both cases, changing "
                f"to a TF loop should remove the error.\n{INCONSISTENT}"
            )


def tensor_loop(
    test: Callable[[], Any],
    body: Callable[[], None],
    get_state: Callable[[], Any],
    set_state: Callable[[Any], None],
    names: Any,
    opts: dict[str, Any],
) -> None:
    """A loop in the graph; the variables keep their structures, dtypes and shapes."""
    from wengert._while import while_loop

    given = get_state()
    before, missing, shapes = _define(body, get_state, set_state, given, names)
    bounds_given = _invariants(given, opts.get("shape_invariants"))
    for i, bounds in bounds_given.items():
        _check_bounds(names[i], "before the loop", before[i], bounds)
    shapes.update(bounds_given)
    # What a `return` leaves is read only where it was reached: nothing need be checked.
    defined = [i for i in missing if not isinstance(given[i], UndefinedReturnValue)]
    if len(defined) < len(missing):
        note_return_in_loop()
    flag = [False] if defined else []
    extra = len(flag)

    def holds(*values: Any) -> Any:
        set_state(values[extra:])
        return condition(test(), "while loop")

    def step(*values: Any) -> Any:
        entered = values[extra:]
        set_state(entered)
        body()
        after = get_state()
        for i, (name, value) in enumerate(zip(names, after, strict=True)):
            _check_iteration(name, before[i], entered[i], value, shapes.get(i))
        return (*[True] * extra, *after)

    start = _nest.map_structure(to_tensor, (*flag, *before))
    invariants = None
    if shapes:
        invariants = [s for i, v in enumerate(before) for s in shapes.get(i) or _shapes_of(v)]
        invariants = [TensorShape([])] * extra + invariants
    result = while_loop(
        holds, step, start, invariants,
        **{k: v for k, v in opts.items() if k in ("parallel_iterations", "maximum_iterations")},
    )  # fmt: skip
    values = result[extra:]
    if defined:
        values = _checked(result[0], values, [names[i] for i in defined])
    set_state(tuple(values))


def _shapes_of(value: Any) -> list[Any]:
    return [getattr(to_tensor(v), "shape", None) for v in _nest.flatten(value)]


def _invariants(state: Any, pairs: Any) -> dict[int, list[Any]]:
    """Bounds of shapes by number of the variable, from (value, shape) pairs."""
    found: dict[int, list[Any]] = {}
    for value, shape in pairs or ():
        for i, v in enumerate(state):
            if v is not value:
                continue
            if _nest.is_nested(v):
                _nest.assert_same_structure(v, shape)
                found[i] = [TensorShape(s) for s in _nest.flatten(shape)]
            else:
                found[i] = [TensorShape(shape)]
    return found


# --- variables that the loop defines ----------------------------------------------------------


def _define(
    body: Callable[[], None],
    get_state: Callable[[], Any],
    set_state: Callable[[Any], None],
    given: Any,
    names: Any,
) -> tuple[list[Any], list[int], dict[int, list[Any]]]:
    """(the variables, those without a value as zeros; the numbers of these; their shapes).

    The body is traced once for show, to see what they will be.
    """
    missing = [i for i, v in enumerate(given) if v is None or not stands(v)]
    if not missing:
        return list(given), [], {}
    note = ""
    after: Any = given
    try:
        with scratch_graph(), filling_returns():
            body()
            after = get_state()
    except Exception as e:
        if all(isinstance(given[i], UndefinedReturnValue) for i in missing):
            raise  # it has nothing to do with what is missing
        note = f"\nNote: AutoGraph tried to define it automatically, but ran into a {_of(e)}"
    finally:
        set_state(given)
    before, shapes = list(given), {}
    for i in missing:
        _check_missing(names[i], given[i], after[i], note)
        try:
            before[i] = _nest.map_structure(zero_like, after[i])
        except TypeError as e:
            note = f"\nNote: AutoGraph tried to define it automatically, but ran into a {_of(e)}"
            _check_missing(names[i], given[i], given[i], note)
        static = [getattr(v, "shape", TensorShape([])) for v in _nest.flatten(after[i])]
        if not all(s.is_fully_defined() for s in static):
            shapes[i] = static
    return before, missing, shapes


def _of(e: Exception) -> str:
    return f"{type(e).__name__}: {e}"


def _check_missing(name: str, before: Any, after: Any, note: str) -> None:
    if isinstance(after, UndefinedReturnValue):
        raise NotImplementedError(
            "a return statement cannot be placed inside this TensorFlow loop; this may happen if a "
            "return statement depends on a static Python condition such as a hyperparameter"
        )
    if isinstance(after, Undefined):
        raise ValueError(f"'{name}' must be defined before the loop{note}")
    if after is None and before is None:
        raise ValueError(f"'{name}' is not allowed to be None before the loop{note}")


def _checked(ran: Any, values: Any, names: list[str]) -> Any:
    """The results of a loop that had to run, since it defines variables."""
    from wengert._case import Assert
    from wengert._graph import control_dependencies

    check = Assert(ran, [f"loop must iterate at least once to initialize {', '.join(names)}"])
    with control_dependencies([check]):
        return _nest.map_structure(_identity, values)


def _identity(value: Any) -> Any:
    return _core.apply("Identity", (value,)) if isinstance(value, _core.Tensor) else value


# --- what must not change -----------------------------------------------------------------------


def _check_iteration(name: str, before: Any, entered: Any, after: Any, bounds: Any) -> None:
    if not stands(after):
        raise ValueError(f"'{name}' must be defined at the end of the iteration.")
    if after is None:
        raise ValueError(f"'{name}' is None at the end of the iteration.")
    try:
        _nest.assert_same_structure(entered, after)
    except (TypeError, ValueError) as e:
        raise TypeError(
            f"'{name}' does not have the same nested structure after one iteration.\n\n{e}"
        ) from None
    for old, new in zip(_nest.flatten(before), _nest.flatten(after), strict=True):
        was, now = dtype_of(old), dtype_of(new)
        if was != now:
            raise TypeError(
                f"'{name}' has dtype {was.name} before the loop, but dtype {now.name} after one "
                "iteration"
            )
        if bounds is None and isinstance(new, _core.Tensor):
            shape = old.shape if isinstance(old, _core.Tensor) else TensorShape([])
            if not no_wider(new.shape, shape):
                raise ValueError(
                    f"'{name}' has shape {shape} before the loop, but shape {new.shape} after one "
                    "iteration. Use tf.autograph.experimental.set_loop_options to set shape "
                    "invariants."
                )
    if bounds is not None:
        _check_bounds(name, "after one iteration", after, bounds)


def _check_bounds(name: str, when: str, value: Any, bounds: list[Any]) -> None:
    for leaf, bound in zip(_nest.flatten(value), bounds, strict=True):
        shape = leaf.shape if isinstance(leaf, _core.Tensor) else bound
        if not no_wider(shape, bound):
            raise ValueError(
                f"'{name}' has shape {shape} {when}, which does not conform with the shape "
                f"invariant {bound}."
            )
