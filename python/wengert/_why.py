"""`wengert.why`: where the gradient of y with respect to x ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from wengert import _core

__all__ = ["Explanation", "Loss", "why"]

# So many places are listed in the text; the object has them all.
_MOST_LINES = 10


@dataclasses.dataclass(frozen=True)
class Loss:
    """A place where a path from x ends.

    Attributes
    ----------
    operation, op_type : str
        Name and type of the operation.
    tensor : str
        The tensor that enters it, with its dtype.
    location : str
        The user's line that made it ("" when unknown).
    reason : str
    """

    operation: str
    op_type: str
    tensor: str
    location: str
    reason: str

    def __str__(self) -> str:
        where = f" at {self.location}" if self.location else ""
        return f"{self.tensor} enters {self.op_type} '{self.operation}'{where}: {self.reason}"


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What `why` found.

    Attributes
    ----------
    connected : bool
        Whether some path carries a gradient.
    summary : str
    losses : tuple of Loss
        In the order of the graph.
    """

    connected: bool
    summary: str
    losses: tuple[Loss, ...]

    def __str__(self) -> str:
        lines = [self.summary, *(f"  {loss}" for loss in self.losses[:_MOST_LINES])]
        if len(self.losses) > _MOST_LINES:
            lines.append(f"  ... and {len(self.losses) - _MOST_LINES} more")
        return "\n".join(lines)

    __repr__ = __str__


def why(y: Any, x: Any) -> Explanation:
    """Explains why the gradient of `y` with respect to `x` is None, or is not.

    Parameters
    ----------
    y : tensor of a graph, or callable
        With a function, `x` is the eager argument to trace it with.
    x : tensor or variable

    Returns
    -------
    Explanation
        Printed, it says whether a gradient flows and lists each place where a path from x to y
        ends: the operation, the line of the program that made it, and the reason (a cast to
        integers, a stop_gradient, an operation without a gradient, another graph ...).

    Raises
    ------
    TypeError
        When `y` or `x` is something else.

    Examples
    --------
    >>> import wengert as tf
    >>> found = tf.why(lambda x: tf.stop_gradient(x) * 2.0, tf.constant(1.0))
    >>> found.connected, found.losses[0].op_type
    (False, 'StopGradient')
    """
    if callable(y) and not isinstance(y, _core.Tensor):
        return _why_function(y, x)
    if isinstance(y, _core.EagerTensor):
        raise TypeError(
            "why takes tensors of a graph: of an eager tensor it is not known how it was computed. "
            "Pass the function: why(f, x)."
        )
    x = _tensor(x, y)
    if not isinstance(y, _core.SymbolicTensor):
        raise TypeError(f"why takes tensors of a graph or a function, got {y!r}")
    return _Search(y, x).explain()


def _why_function(f: Callable[..., Any], x: Any) -> Explanation:
    from wengert import _nest
    from wengert._function import function

    if getattr(x, "_is_variable", False):
        concrete = function(lambda: f(x), autograph=False).get_concrete_function()
        return why(_nest.flatten(concrete.structured_outputs)[0], x)
    x = _core.convert(x)
    concrete = function(f, autograph=False).get_concrete_function(x)
    return why(_nest.flatten(concrete.structured_outputs)[0], concrete.inputs[0])


def _tensor(x: Any, y: Any) -> Any:
    if getattr(x, "_is_variable", False):
        x = x.handle
    if isinstance(x, _core.EagerTensor) and isinstance(y, _core.SymbolicTensor):
        # A value captured by the function that computes y.
        for outer, inner in getattr(y.graph, "all_captures", []):
            if outer is x:
                return inner
    if not isinstance(x, _core.Tensor):
        raise TypeError(f"why takes tensors of a graph or variables, got {x!r}")
    return x


def _text(t: Any) -> str:
    return f"{t.name} ({t.dtype.name})"


class _Search:
    """The operations between x and y, and the edges that carry gradients."""

    def __init__(self, y: Any, x: Any) -> None:
        self.y, self.x = y, x

    def explain(self) -> Explanation:
        x, y = self.x, self.y
        if x is y:
            return Explanation(True, "y is x: the gradient is ones.", ())
        if isinstance(x, _core.EagerTensor) or not self._graph_sees():
            return Explanation(
                False,
                f"{_text_of(x)} and {_text(y)} are not connected: they belong to different graphs.",
                (),
            )
        for t, name in ((x, "x"), (y, "y")):
            if not _differentiable(t.dtype):
                return Explanation(
                    False,
                    f"{name} is {_text(t)}: only floating and complex values have gradients.",
                    (),
                )
        path = self._between()
        if not path:
            return Explanation(False, self._disconnected(), ())
        reached, losses = self._follow(path)
        if _key(y) in reached:
            text = f"The gradient of {_text(y)} with respect to {_text(x)} exists."
            if losses:
                text += " These paths do not contribute:"
            return Explanation(True, text, tuple(losses))
        return Explanation(
            False,
            f"The gradient of {_text(y)} with respect to {_text(x)} is None. The paths end here:",
            tuple(losses),
        )

    def _graph_sees(self) -> bool:
        graph = self.y.graph
        while graph is not None:
            if graph is self.x.graph:
                return True
            graph = getattr(graph, "outer_graph", None)
        return False

    def _inputs(self, op: Any) -> list[Any]:
        """Inputs of an operation; a stand-in has the tensor that it stands for."""
        inputs = list(op.inputs)
        if not inputs and op.type == "Placeholder":
            outer = getattr(op.graph, "_captured_from", lambda _: None)(op.outputs[0])
            if isinstance(outer, _core.SymbolicTensor):
                return [outer]
        return inputs

    def _between(self) -> list[Any]:
        """Operations on a path from x to y, producers first."""
        order: list[Any] = []
        seen = {id(self.y.op)}
        stack = [(self.y.op, iter(self._inputs(self.y.op)))]
        while stack:  # depth first, without recursion
            op, inputs = stack[-1]
            for t in inputs:
                if id(t.op) not in seen:
                    seen.add(id(t.op))
                    stack.append((t.op, iter(self._inputs(t.op))))
                    break
            else:
                order.append(op)
                stack.pop()
        depends = {id(self.x.op)}
        path = []
        for op in order:
            if op is self.x.op:
                continue
            if any(
                _key(t) == _key(self.x) or (id(t.op) in depends and t.op is not self.x.op)
                for t in self._inputs(op)
            ):
                depends.add(id(op))
                path.append(op)
        self._kept = order  # wrappers that stay alive have one identity
        return path if id(self.y.op) in depends and self.y.op is not self.x.op else []

    def _follow(self, path: list[Any]) -> tuple[set[Any], list[Loss]]:
        reached = {_key(self.x)}
        losses: list[Loss] = []
        for op in path:
            inputs = self._inputs(op)
            entering = [k for k, t in enumerate(inputs) if _key(t) in reached]
            if not entering:
                continue
            reasons = _blocked(op, inputs, entering)
            for k in entering:
                if reasons[k] is None:
                    reached.update(_key(o) for o in op.outputs if _differentiable(o.dtype))
                else:
                    losses.append(
                        Loss(op.name, op.type, _text(inputs[k]), op.location, reasons[k] or "")
                    )
        return reached, losses

    def _disconnected(self) -> str:
        text = (
            f"{_text(self.y)} does not depend on {_text(self.x)}: no operation leads from x to y."
        )
        consumers = self.x.consumers()
        if not consumers:
            return f"{text} Nothing reads x."
        first = ", ".join(
            f"{op.type} '{op.name}'" + (f" at {op.location}" if op.location else "")
            for op in consumers[:3]
        )
        return f"{text} x is read by {first}{' ...' if len(consumers) > 3 else ''}."


def _text_of(x: Any) -> str:
    return "an eager tensor" if isinstance(x, _core.EagerTensor) else _text(x)


def _key(t: Any) -> Any:
    return (id(t.graph), t.op.name, t.value_index)


def _differentiable(dtype: Any) -> bool:
    return bool(dtype.is_floating or dtype.is_complex or dtype.name in ("resource", "variant"))


def _blocked(op: Any, inputs: list[Any], entering: list[int]) -> list[str | None]:
    """For each input why no gradient gets through to it; None where it does."""
    reasons: list[str | None] = [None] * len(inputs)
    if not op.inputs:  # a stand-in for a captured tensor
        return reasons

    def every(reason: str) -> list[str | None]:
        return [reason] * len(inputs)

    if op.type == "StopGradient":
        return every("stop_gradient")
    if not any(_differentiable(o.dtype) for o in op.outputs):
        dtypes = ", ".join(sorted({o.dtype.name for o in op.outputs})) or "nothing"
        if op.type == "Cast":
            return every(f"a cast to {dtypes}, through which no gradient flows")
        return every(f"its result is {dtypes}, through which no gradient flows")
    try:
        flows = _probe(op)
    except LookupError as e:
        return every(f"no gradient is defined: {str(e).splitlines()[0][:200]}")
    except Exception as e:  # what the user's own gradient function may raise
        return every(f"its gradient raises {type(e).__name__}: {e}")
    for k in entering:
        if not flows[k]:
            reasons[k] = "no gradient by design: the result does not depend smoothly on this input"
    return reasons


def _probe(op: Any) -> list[bool]:
    """Which inputs get a gradient, from the same operation in a graph of its own."""
    from wengert._gradients import gradients
    from wengert._graph import Graph

    graph = Graph()
    with graph.as_default():
        stands = []
        for t in op.inputs:
            value = _core.static_value(t) if t.dtype.name not in ("resource", "variant") else None
            if value is not None and not _differentiable(t.dtype):
                stands.append(_core.constant(value, t.dtype))
            else:
                stand = _core.placeholder(t.dtype, t.shape, "Placeholder")
                handle = _core.handle_data(t) if t.dtype.name == "resource" else None
                if handle is not None:
                    _core.set_handle_data(stand, *handle)
                stands.append(stand)
        copy = graph.add_operation(op.type, stands, op.attrs(), op.name.rsplit("/", 1)[-1])
        custom = getattr(op.graph, "_state", {}).get("custom_gradients", {}).get(op.name)
        if custom is not None:
            # Its function may use tensors of the other graph; what it returns is its own affair.
            return [True] * len(stands)
        ys = [o for o in copy.outputs if _differentiable(o.dtype)]
        seeds = [_core.placeholder(y.dtype, y.shape, "grad") for y in ys]
        grads = gradients(ys, stands, grad_ys=seeds)
    return [g is not None for g in grads]
