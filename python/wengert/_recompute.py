"""`tf.recompute_grad`: intermediate values computed twice rather than kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from wengert import _core, _nest
from wengert._custom_gradient import custom_gradient

__all__ = ["recompute_grad"]


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, whose intermediate values are computed again in the backward pass.

    Parameters
    ----------
    f : callable
        Of tensors, to a tensor or a structure of them; it may use variables.

    Returns
    -------
    callable
        As f; its gradient holds on to the arguments only.

    Examples
    --------
    >>> import wengert as tf
    >>> f = tf.recompute_grad(lambda x: tf.sin(x * x))
    >>> x = tf.constant(0.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = f(x)
    >>> tape.gradient(y, x).numpy().item()
    0.0
    """

    @custom_gradient
    def inner(*args: Any, **kwargs: Any) -> Any:
        result = f(*args, **kwargs)

        def grad(*upstream: Any, variables: Any = None) -> Any:
            return _recomputed(f, args, kwargs, upstream, variables)

        return result, grad

    return functools.wraps(f)(inner)


def _recomputed(f: Any, args: Any, kwargs: Any, upstream: Any, variables: Any) -> Any:
    from wengert._tape import GradientTape, is_trainable

    sources = list(variables or [])
    flat_count = len(_nest.flatten(args))

    @custom_gradient
    def gradients(*dys: Any) -> Any:
        inputs = _nest.map_structure(_identity, args)
        if _core.current_graph() is not None and dys:
            inputs = _after(inputs, dys[0])
        with GradientTape() as tape:
            tape.watch([x for x in _nest.flatten(inputs) if is_trainable(x.dtype)])
            if sources:
                tape.watch(sources)
            again = f(*inputs, **kwargs)
        found = tape.gradient(again, [*_nest.flatten(inputs), *sources], output_gradients=list(dys))
        present.extend(g is not None for g in found)

        def again_differentiated(*_: Any, **__: Any) -> Any:
            raise NotImplementedError(
                "recompute_grad cannot be differentiated twice: call the function itself where "
                "second derivatives are needed"
            )

        return [g for g in found if g is not None], again_differentiated

    present: list[bool] = []
    values = iter(gradients(*upstream))
    grads = [next(values) if p else None for p in present]
    if variables is None:
        return grads
    return grads[:flat_count], grads[flat_count:]


def _identity(x: Any) -> Any:
    return _core.apply("Identity", (x,))


def _after(inputs: Any, upstream: Any) -> Any:
    """`inputs` plus a zero that depends on `upstream`: nothing is recomputed before it is due."""
    from wengert._array_ops import reshape, where
    from wengert._math_ops import cast
    from wengert._math_reduce import reduce_max

    first = reduce_max(reshape(upstream, [-1])[:1])
    true = cast(first, "bool")
    zero = where(true == true, 0.0, float("nan"))
    return _nest.map_structure(lambda x: x + cast(zero, x.dtype), inputs)
