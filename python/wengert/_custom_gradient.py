"""Gradients that the user defines: `tf.custom_gradient`, `tf.RegisterGradient` and their kin."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

from wengert import _core, _graph, _nest
from wengert._indexed_slices import IndexedSlices

__all__ = [
    "RegisterGradient",
    "custom_gradient",
    "grad_pass_through",
    "no_gradient",
]

# The gradient that operations of custom_gradient name; which function it is, their graph knows.
_OP_GRADIENT = "CustomGradient"
_uids = itertools.count()


class _VariableWatch:
    """Collects the trainable variables that are used while it is open."""

    def __init__(self) -> None:
        from wengert import _recorders

        found: dict[int, Any] = {}
        graph = _core.current_graph()
        self._recorder: Any = (
            _recorders.EagerRecorder(True, found)
            if graph is None
            else _recorders.GraphRecorder(graph, True, found)
        )
        self._found = found

    @property
    def variables(self) -> list[Any]:
        return list(self._found.values())

    def __enter__(self) -> _VariableWatch:
        self._recorder.core.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._recorder.core.stop()


def custom_gradient(f: Callable[..., Any] | None = None) -> Any:
    """Decorator of a function that defines its own gradient (`tf.custom_gradient`).

    Parameters
    ----------
    f : callable
        f(*args) returns (result, grad_fn). grad_fn(*upstream) gets one gradient per result tensor
        and returns one per argument. Where f uses trainable variables, it must accept
        `variables=` and return (gradients of the arguments, list of those of the variables).

    Returns
    -------
    callable
        Takes what f takes, returns the result alone.

    Raises
    ------
    TypeError, ValueError
        When grad_fn cannot take `variables`, or returns a wrong number of gradients, or one of a
        wrong shape or dtype (when the gradient is computed).

    Examples
    --------
    >>> import wengert as tf
    >>> @tf.custom_gradient
    ... def clipped(x):
    ...     return tf.identity(x), lambda dy: tf.clip_by_value(dy, -1.0, 1.0)
    >>> x = tf.constant(2.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = 5.0 * clipped(x)
    >>> tape.gradient(y, x).numpy().item()
    1.0
    """
    return custom_gradient if f is None else _Decorated(f)


class _Decorated:
    """A function with a gradient of its own; as a method it binds to its object."""

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self._function = f

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _core.current_graph() is None:
            return _eager_call(self._function, args, kwargs)
        return _graph_call(self._function, args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return _Decorated(self._function.__get__(instance, owner))


def _call(f: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, Any, list[Any]]:
    with _VariableWatch() as watch:
        result, grad_fn = f(*args, **kwargs)
    given = _nest.flatten((args, kwargs))
    variables = [v for v in watch.variables if not any(v is a for a in given)]
    if not callable(grad_fn):
        raise TypeError(
            "a function decorated with @tf.custom_gradient must return (result, gradient "
            f"function), got {type(grad_fn).__name__} in place of the function"
        )
    if variables and not _accepts_variables(grad_fn):
        raise TypeError(
            "@tf.custom_gradient grad_fn must accept keyword argument 'variables', since function "
            f"uses variables: {variables}"
        )
    return result, grad_fn, variables


def _accepts_variables(grad_fn: Any) -> bool:
    try:
        parameters = inspect.signature(grad_fn).parameters
    except (TypeError, ValueError):
        return True
    return "variables" in parameters or any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    )


def _input_gradients(
    grad_fn: Any, upstream: list[Any], variables: list[Any], count: int | None
) -> list[Any]:
    """What grad_fn returns: gradients of the arguments, then of the variables."""
    of_variables: list[Any] = []
    if variables:
        answer = grad_fn(*upstream, variables=variables)
        if not isinstance(answer, (list, tuple)) or len(answer) != 2:
            raise ValueError(
                "the gradient function of a @tf.custom_gradient function that uses variables must "
                "return (gradients of the arguments, gradients of the variables)"
            )
        grads, of_variables = answer
        of_variables = list(of_variables) if of_variables is not None else []
        if len(of_variables) != len(variables):
            raise ValueError(
                "Must return gradient for each variable from @custom_gradient grad_fn."
            )
    else:
        grads = grad_fn(*upstream)
    flat = _nest.flatten(grads)
    if count is not None and len(flat) != count:
        raise ValueError(
            f"custom_gradient function expected to return {count} gradients, but returned "
            f"{len(flat)} instead."
        )
    return flat + of_variables


# --- graphs -----------------------------------------------------------------------------------


def _graph_call(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    if kwargs:
        raise ValueError(
            "The custom_gradient decorator currently supports keywords arguments only when eager "
            "execution is enabled."
        )
    graph: Any = _core.current_graph()
    args = _nest.map_structure(_core.convert, args)
    result, grad_fn, variables = _call(f, args, {})
    flat_args = _nest.flatten(args)
    flat_result = [_core.convert(r) for r in _nest.flatten(result)]
    for r in flat_result:
        _core.apply("Identity", (r,))
    count, _n = len(flat_result), len(flat_args)
    with graph.gradient_override_map({"IdentityN": f"{_OP_GRADIENT}-{next(_uids)}"}):
        outputs = _core.apply("IdentityN", ([*flat_result, *flat_args, *variables],))

    def gradient(*upstream: Any) -> list[Any]:
        # The sweep checks their number and shapes.
        found = _input_gradients(grad_fn, list(upstream[:count]), variables, None)
        return [None] * count + found

    graph._state.setdefault("custom_gradients", {})[outputs[0].op.name] = gradient
    _graph.keep(graph)
    for v in variables:
        v.value()
    return _nest.pack_sequence_as(result, outputs[:count])


def _op_gradient(op: Any, *upstream: Any) -> Any:
    state = getattr(op.graph, "_state", {})
    gradient = state.get("custom_gradients", {}).get(op.name)
    if gradient is None:
        raise LookupError(
            f"The gradient function of the custom_gradient operation '{op.name}' is gone: it "
            "belongs to the process that built the graph."
        )
    return gradient(*upstream)


# --- eager ------------------------------------------------------------------------------------


def _eager_call(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    args = _nest.map_structure(_core.convert, args)
    paused = _core.pause_tapes()
    try:
        result, grad_fn, variables = _call(f, args, kwargs)
        flat_args = _nest.flatten(args)
        # Results that are arguments, or used elsewhere, become tensors of their own.
        outputs = [_core.apply("Identity", (_core.convert(r),)) for r in _nest.flatten(result)]
    finally:
        _core.set_active_tapes(paused)
    handles = [v.handle for v in variables]
    n = len(flat_args)

    def backward(upstream: list[Any]) -> list[Any]:
        filled = [
            _core.apply("ZerosLike", (o,)) if g is None else g
            for o, g in zip(outputs, upstream, strict=True)
        ]
        found = _input_gradients(grad_fn, filled, variables, n)
        return [_checked(g, x) for g, x in zip(found, [*flat_args, *variables], strict=True)]

    _core.record_custom([*flat_args, *handles], outputs, backward)
    return _nest.pack_sequence_as(result, outputs)


def _checked(g: Any, x: Any) -> Any:
    """A gradient of `x`, as a tensor of its dtype and shape."""
    if g is None or isinstance(g, IndexedSlices):
        return g
    g = _core.convert(g, None if isinstance(g, _core.Tensor) else x.dtype)
    if g.dtype != x.dtype:
        raise TypeError(
            f"the gradient of an input of dtype {x.dtype.name} of a @tf.custom_gradient function "
            f"must have that dtype, got {g.dtype.name}"
        )
    if not g.shape.is_compatible_with(x.shape):
        raise ValueError(
            f"the gradient of an input of shape {x.shape} of a @tf.custom_gradient function must "
            f"have that shape, got {g.shape}"
        )
    return g


# --- by name ----------------------------------------------------------------------------------


class RegisterGradient:
    """Decorator that registers a gradient under a name (`tf.RegisterGradient`).

    The function gets the Operation and one gradient per output, and returns one per input
    (None where nothing flows). Operations take it inside `Graph.gradient_override_map`.

    Raises
    ------
    TypeError
        When the name is not a string.
    KeyError
        When the name is taken.
    """

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        _register(self._op_type, f)
        return f


def _register(name: str, f: Any) -> None:
    where = _places.get(name)
    if where is not None:
        raise KeyError(where)
    _core.register_gradient(name, f)
    _places[name] = _taken(name)


def no_gradient(op_type: str) -> None:
    """Registers `op_type` as a name of no gradient: nothing flows, no error.

    Raises
    ------
    TypeError
        When it is not a string.
    KeyError
        When the name is taken.
    """
    if not isinstance(op_type, str):
        raise TypeError("op_type must be a string")
    _register(op_type, None)


_places: dict[str, str] = {}


def _taken(name: str) -> str:
    import sys

    frame = sys._getframe(3)
    return (
        f"Registering two gradient with name '{name}'! (Previous registration was in "
        f"{frame.f_code.co_name} {frame.f_code.co_filename}:{frame.f_lineno})"
    )


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, through which gradients pass as through the identity (`tf.grad_pass_through`).

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.constant([0.4, 1.6])
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = 3.0 * tf.grad_pass_through(tf.round)(x)
    >>> tape.gradient(y, x).numpy().tolist()
    [3.0, 3.0]
    """

    @custom_gradient
    def inner(*args: Any, **kwargs: Any) -> Any:
        def grad(*dys: Any, variables: Any = None) -> Any:
            if variables is not None:
                return dys, [None] * len(variables)
            return dys

        return f(*args, **kwargs), grad

    return functools.wraps(f)(inner)


_core.register_gradient(_OP_GRADIENT, _op_gradient)
