"""Python functions as operations: `tf.py_function`, `tf.numpy_function`, `compat.v1.py_func`."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

from wengert import _core, _graph
from wengert._dtypes import as_dtype

__all__ = ["numpy_function", "py_func", "py_function"]

_tokens = itertools.count()
# Tapes of forward calls that wait for their gradient: at most so many a thread and operation.
_MOST_TAPES = 1024


class _Waiting(threading.local):
    def __init__(self) -> None:
        self.tapes: weakref.WeakKeyDictionary[_Callback, list[Any]] = weakref.WeakKeyDictionary()


_waiting = _Waiting()
_by_token: weakref.WeakValueDictionary[str, _Callback] = weakref.WeakValueDictionary()


class _Callback:
    """What the graph calls; lives as long as the graph."""

    def __init__(self, call: Callable[[list[Any]], list[Any]], kind: str) -> None:
        self.token = f"{kind}_{next(_tokens)}"
        self.call = call
        _by_token[self.token] = self
        alive = weakref.ref(self)

        def run(inputs: list[Any]) -> list[Any]:
            callback = alive()
            if callback is None:
                raise RuntimeError("the graph of this py_function was deleted")
            _core.push_graph(None)
            try:
                return callback.call(inputs)
            finally:
                _core.pop_graph()

        _core.set_host_function(self.token, run)

    def __del__(self) -> None:
        if _core is not None:  # else at the exit of the interpreter
            _core.set_host_function(self.token, None)


def _dtypes(tout: Any) -> list[Any]:
    return [as_dtype(t) for t in (tout if isinstance(tout, (list, tuple)) else [tout])]


def _results(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _add(op_type: str, callback: _Callback, inputs: list[Any], dtypes: list[Any], name: Any) -> Any:
    graph: Any = _core.current_graph()
    graph._state.setdefault("py_functions", []).append(callback)
    _graph.keep(graph)
    attrs = {"token": callback.token, "Tout": dtypes}
    result = _core.apply(op_type, (inputs,), attrs, name)
    return [] if isinstance(result, _core.Operation) else list(result)


def _shape_results(results: list[Any], tout: Any) -> Any:
    return results if isinstance(tout, (list, tuple)) else results[0]


def py_function(func: Callable[..., Any], inp: Any, Tout: Any, name: str | None = None) -> Any:
    """Calls a Python function on eager tensors, differentiably (`tf.py_function`).

    Parameters
    ----------
    func : callable
        Gets an eager tensor per input, returns a tensor or a list of them. What it computes is
        recorded, so that gradients flow through it.
    inp : list of tensors
    Tout : DType or list of DType
        Of what it returns; [] when it returns nothing.

    Returns
    -------
    Tensor or list of Tensor, of unknown shapes in a graph

    Raises
    ------
    Whatever `func` raises, when it runs.

    Examples
    --------
    >>> import wengert as tf
    >>> @tf.function
    ... def f(x):
    ...     y = tf.py_function(lambda t: t * t, [x], tf.float32)
    ...     return tf.gradients(y, x)[0]
    >>> f(tf.constant(3.0)).numpy().item()
    6.0
    """
    dtypes = _dtypes(Tout)

    def call(inputs: list[Any]) -> list[Any]:
        results = _results(func(*inputs))
        if len(results) != len(dtypes):
            return [_core.convert(r) for r in results]  # the operation tells how many it expects
        return [_as(r, d) for r, d in zip(results, dtypes, strict=True)]

    inputs = list(inp) if isinstance(inp, (list, tuple)) else [inp]
    if _core.current_graph() is None:
        results = call([_core.convert(x) for x in inputs])
        if len(results) != len(dtypes):
            raise ValueError(
                f"py_function: {func} returns {len(results)} values, but Tout says {len(dtypes)}"
            )
        return _shape_results(results, Tout)

    def recorded(inputs: list[Any]) -> list[Any]:
        from wengert._tape import GradientTape, is_trainable

        with GradientTape(persistent=True) as tape:
            tape.watch([x for x in inputs if is_trainable(x.dtype)])
            results = call(inputs)
        tapes = _waiting.tapes.setdefault(callback, [])
        tapes.append((tape, inputs, results))
        del tapes[:-_MOST_TAPES]
        return results

    callback = _Callback(recorded, "pyfunc")
    return _shape_results(_add("EagerPyFunc", callback, inputs, dtypes, name), Tout)


def _as(value: Any, dtype: Any) -> Any:
    if value is None:
        raise TypeError(f"py_function: expected a value of dtype {dtype.name}, got None")
    return _core.convert(value, dtype)


def _eager_py_func_gradient(op: Any, *upstream: Any) -> Any:
    """The gradient of EagerPyFunc: a call of Python that asks the tape of the forward call."""
    token = op.get_attr("token")
    token = token.decode() if isinstance(token, bytes) else token
    inputs = op.inputs
    dtypes = [x.dtype for x in inputs]

    def gradient(dys: list[Any]) -> list[Any]:
        from wengert._creation import zeros_like
        from wengert._indexed_slices import IndexedSlices

        forward = _by_token.get(token)
        tapes = _waiting.tapes.get(forward) if forward is not None else None
        if not tapes:
            raise RuntimeError(
                f"The gradient of py_function operation '{op.name}' ran without its forward call "
                "on the same thread: fetch both in one run."
            )
        tape, xs, ys = tapes.pop()
        given = [dy if y.dtype == dy.dtype else None for y, dy in zip(ys, dys, strict=True)]
        grads = tape.gradient(ys, xs, output_gradients=given)
        return [
            zeros_like(x)
            if g is None
            else (_core.convert(g) if isinstance(g, IndexedSlices) else g)
            for x, g in zip(xs, grads, strict=True)
        ]

    callback = _Callback(gradient, "pygrad")
    graph: Any = _core.current_graph()
    # Where the gradient is a function of its own, the order of the two calls is that of the graph.
    with graph.control_dependencies(list(op.outputs) if op.graph is graph else []):
        return _add("EagerPyFunc", callback, list(upstream), dtypes, None)


_core.register_gradient("EagerPyFunc", _eager_py_func_gradient)


def numpy_function(
    func: Callable[..., Any],
    inp: Any,
    Tout: Any,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """Calls a Python function on NumPy arrays; no gradient flows (`tf.numpy_function`).

    Parameters
    ----------
    func : callable
        Gets an array per input, returns an array or a list of them, of the dtypes of `Tout`.
    inp : list of tensors
    Tout : DType or list of DType
    stateful : bool
        False: equal inputs give equal results, so that a call may be dropped or shared.

    Returns
    -------
    Tensor or list of Tensor, of unknown shapes in a graph

    Raises
    ------
    InvalidArgumentError
        When the number or dtypes of the results are others.
    Whatever `func` raises, when it runs.

    Examples
    --------
    >>> import numpy as np
    >>> import wengert as tf
    >>> tf.numpy_function(np.cumsum, [tf.constant([1.0, 2.0])], tf.float32).numpy().tolist()
    [1.0, 3.0]
    """
    dtypes = _dtypes(Tout)

    def call(inputs: list[Any]) -> list[Any]:
        import numpy as np

        results = _results(func(*[x.numpy() for x in inputs]))
        return [_core.convert(np.asarray(r)) for r in results]

    inputs = list(inp) if isinstance(inp, (list, tuple)) else [inp]
    if _core.current_graph() is None:
        tensors = [_core.convert(x) for x in inputs]
        paused = _core.pause_tapes()
        try:
            results = call(tensors)
        finally:
            _core.set_active_tapes(paused)
        _check(func, results, dtypes)
        return _shape_results(results, Tout)
    callback = _Callback(call, "pyfunc")
    op_type = "PyFunc" if stateful else "PyFuncStateless"
    return _shape_results(_add(op_type, callback, inputs, dtypes, name), Tout)


def _check(func: Any, results: list[Any], dtypes: list[Any]) -> None:
    from wengert.errors import InvalidArgumentError

    what = getattr(func, "__name__", "the function")
    if len(results) != len(dtypes):
        raise InvalidArgumentError(
            None,
            None,
            f"{what} returns {len(results)} values, but expects to see {len(dtypes)} values.",
        )
    for i, (r, d) in enumerate(zip(results, dtypes, strict=True)):
        if r.dtype != d:
            raise InvalidArgumentError(
                None,
                None,
                f"{i}-th value returned by {what} is {r.dtype.name}, but expects {d.name}",
            )


def py_func(
    func: Callable[..., Any],
    inp: Any,
    Tout: Any,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """`tf.compat.v1.py_func`: as `numpy_function`."""
    return numpy_function(func, inp, Tout, stateful, name)
