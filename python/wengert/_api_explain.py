"""What TensorFlow does not have: `wengert.compile`, `wengert.explain`."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert._concrete_function import ConcreteFunction, compile_settings
from wengert._function import Function
from wengert._memory import budget_options

__all__ = ["compile", "explain"]


def compile(
    inputs: Any,
    outputs: Any,
    options: dict[str, bool] | None = None,
    memory_budget: int | None = None,
) -> _core.CompiledFunction:
    """A low-latency callable over NumPy arrays, from tensors of one graph.

    Parameters
    ----------
    inputs : list of Tensor
        Arguments, in order; any tensors of the graph.
    outputs : list of Tensor
    options : dict, optional
        Passes to switch off: fold_constants, simplify, hoist,
        eliminate_common_subexpressions, tile, fuse, reuse_memory, generate_code. One to switch on:
        reassociate, see `config.set_reassociation`.
    memory_budget : int, optional
        Bytes that intermediate values may take at once: see `config.set_memory_budget`.

    Returns
    -------
    callable
        ``f(*arrays, out=None) -> tuple of arrays``; `out` takes arrays to write into.

    Examples
    --------
    >>> import numpy as np
    >>> import wengert as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.compat.v1.placeholder(tf.float64, [3])
    ...     f = tf.compile([x], [x * x, tf.gradients(x * x, x)[0]])
    >>> f(np.arange(3.0))
    (array([0., 1., 4.]), array([0., 2., 4.]))
    """
    inputs, outputs = list(inputs), list(outputs)
    if not outputs and not inputs:
        raise ValueError("compile needs at least one output")
    graph = (outputs or inputs)[0].graph
    settings = budget_options(memory_budget, {**compile_settings, **(options or {})})
    executable = _core.Executable(graph, inputs, outputs, (), None, settings)
    return _core.CompiledFunction(executable)


def explain(f: Any, *args: Any, **kwargs: Any) -> str:
    """The compiler's view of a function: the program before and after each pass, and its steps.

    Parameters
    ----------
    f : function made by tf.function, ConcreteFunction, or compile
    *args, **kwargs :
        Arguments of a call.

    Returns
    -------
    str
    """
    if isinstance(f, Function):
        concrete, tensors = f._concrete_for(args, kwargs)
        return concrete.executable.explain([*tensors, *concrete.graph.external_captures])
    if isinstance(f, ConcreteFunction):
        tensors = [_core.convert(a) for a in args]
        return f.executable.explain([*tensors, *f.graph.external_captures])
    if isinstance(f, _core.CompiledFunction):
        return f.executable.explain(list(args))
    raise TypeError(f"explain takes a compiled function, got {type(f).__name__}")
