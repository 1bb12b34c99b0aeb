"""Forward-mode derivatives (`tf.autodiff`)."""

from __future__ import annotations

from typing import Any

from wengert import _core, _nest
from wengert._gradients import UnconnectedGradients
from wengert._recorders import EagerRecorder, GraphRecorder, is_trainable, is_variable
from wengert._tape import GradientTape

__all__ = ["ForwardAccumulator", "GradientTape"]


class ForwardAccumulator:
    """Directional derivatives of what is computed inside (`tf.autodiff.ForwardAccumulator`).

    By two passes backwards: the gradient is linear in the weights of the outputs, and its own
    gradient in the direction of the tangents is the Jacobian-vector product. It thus exists
    wherever gradients of gradients do, and accumulators nest, also around tapes.

    Parameters
    ----------
    primals : tensor, variable or structure of them
    tangents : of the same structure, dtypes and shapes
        The direction.

    Raises
    ------
    ValueError
        Structures, dtypes or shapes differ, or a primal occurs twice.

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.constant([2.0, 3.0])
    >>> with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 0.0])) as acc:
    ...     y = x * x
    >>> acc.jvp(y).numpy().tolist()
    [4.0, 0.0]
    """

    def __init__(self, primals: Any, tangents: Any) -> None:
        _nest.assert_same_structure(primals, tangents)
        self._primals = _nest.flatten(primals)
        if len({id(p) for p in self._primals}) != len(self._primals):
            raise ValueError(
                "A tensor was specified as a primal multiple times. This may indicate an error. "
                "If it was intended, please sum the corresponding tangents."
            )
        self._tangents = []
        for p, t in zip(self._primals, _nest.flatten(tangents), strict=True):
            if not isinstance(p, _core.Tensor) and not is_variable(p):
                raise TypeError(f"a primal must be a tensor or a variable, got {p!r}")
            tangent = _core.convert(t, p.dtype)
            if not tangent.shape.is_compatible_with(p.shape):
                raise ValueError(
                    f"the tangent of a primal of shape {p.shape} has shape {tangent.shape}"
                )
            self._tangents.append(tangent)
        graph = _core.current_graph()
        self._recorder: Any = (
            EagerRecorder(False, {}) if graph is None else GraphRecorder(graph, False, {})
        )
        chosen = [i for i, p in enumerate(self._primals) if is_trainable(p.dtype)]
        self._xs = [self._recorder.own(self._primals[i]) for i in chosen]
        self._vs = [self._tangents[i] for i in chosen]
        for x in self._xs:
            self._recorder.core.watch(x)
        self._recording = False
        self._around: Any = None

    def __enter__(self) -> ForwardAccumulator:
        if self._recording:
            raise ValueError("Accumulator is already recording.")
        self._around = _core.active_tapes()
        self._recorder.core.start()
        self._recording = True
        return self

    def __exit__(self, *exc: Any) -> None:
        if self._recording:
            self._recorder.core.stop()
            self._recording = False

    def jvp(self, primals: Any, unconnected_gradients: Any = UnconnectedGradients.NONE) -> Any:
        """Derivatives of `primals`, tensors computed inside, in the direction of the tangents.

        Returns
        -------
        Structure of `primals`, of tensors of their shapes; None (or zeros) where unconnected.
        """
        from wengert._tape import _unconnected, _zeros

        zero = _unconnected(unconnected_gradients) is UnconnectedGradients.ZERO

        def one(y: Any) -> Any:
            found = self._product(y)
            return _zeros(y) if found is None and zero else found

        return _nest.pack_sequence_as(primals, [one(y) for y in _nest.flatten(primals)])

    def _product(self, y: Any) -> Any:
        if is_variable(y):
            for p, t in zip(self._primals, self._tangents, strict=True):
                if p is y:
                    return t
            return None
        if not isinstance(y, _core.Tensor):
            raise TypeError(f"jvp takes tensors computed inside the accumulator, got {y!r}")
        if not is_trainable(y.dtype):
            return None
        if isinstance(self._recorder, EagerRecorder):
            return self._eager_product(y)
        return self._double_gradient(y, _core.GraphTape(self._recorder.graph))

    def _eager_product(self, y: Any) -> Any:
        # What was open around the accumulator sees its derivatives; the accumulator does not.
        before = _core.active_tapes()
        _core.set_active_tapes(_core.merge_tapes(self._around or before, before))
        self._recorder.core.stop()
        try:
            return self._double_gradient(y, _core.Tape())
        finally:
            _core.set_active_tapes(before)

    def _double_gradient(self, y: Any, outer: Any) -> Any:
        from wengert._creation import zeros_like

        u = zeros_like(y)
        outer.watch(u)
        outer.start()
        try:
            grads = self._recorder.core.gradient([y], self._xs, [u])
            pairs = [
                (_core.convert(g), v) for g, v in zip(grads, self._vs, strict=True) if g is not None
            ]
        finally:
            outer.stop()
        if not pairs:
            return None
        gs, vs = [g for g, _ in pairs], [v for _, v in pairs]
        (product,) = outer.gradient(gs, [u], vs)
        return zeros_like(y) if product is None else product
