"""`tf.GradientTape`: records what runs, eagerly or into a graph, and differentiates it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from wengert import _core, _nest
from wengert._gradients import UnconnectedGradients
from wengert._indexed_slices import IndexedSlices
from wengert._recorders import EagerRecorder, GraphRecorder, is_trainable, is_variable

__all__ = ["GradientTape"]

_USED = (
    "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)"
)


def warn(message: str) -> None:
    import logging

    logging.getLogger("wengert").warning(message)


class GradientTape:
    """Records operations for differentiation (`tf.GradientTape`).

    Operations on watched tensors are recorded while the context is open: trainable variables are
    watched when they are used, other tensors by `watch`. In a graph or inside a `tf.function`
    the gradient becomes part of the graph; eagerly it is computed at once, by a compiled program
    that is kept for the next recording of the same form.

    Parameters
    ----------
    persistent : bool
        Allow more than one call of `gradient`; memory is held until the tape is deleted.
    watch_accessed_variables : bool
        Watch trainable variables by themselves.

    Examples
    --------
    >>> import wengert as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x).numpy().item()
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watch_accessed = watch_accessed_variables
        self._recorder: Any = None
        self._recording = False
        self._created = False
        self._variables: dict[int, Any] = {}

    # --- recording ---------------------------------------------------------------------------
    def __enter__(self) -> GradientTape:
        self._start()
        return self

    def __exit__(self, *exc: Any) -> None:
        if self._recording:
            self._stop()

    def _start(self) -> None:
        if self._recording:
            raise ValueError(
                "Tape is still recording, This can happen if you try to re-enter an already-active "
                "tape."
            )
        if self._recorder is None:
            graph = _core.current_graph()
            if graph is None:
                self._recorder = EagerRecorder(self._watch_accessed, self._variables)
            else:
                self._recorder = GraphRecorder(graph, self._watch_accessed, self._variables)
        self._recorder.core.start()
        self._recording = True
        self._created = True

    def _stop(self) -> None:
        if not self._recording:
            raise ValueError("Tape is not recording.")
        self._recorder.core.stop()
        self._recording = False

    def watch(self, tensor: Any) -> None:
        """Records what happens to `tensor`, a tensor, variable or structure of them.

        Raises
        ------
        ValueError
            For anything else, or before the tape has been entered.
        """
        for t in _nest.flatten(tensor, expand_composites=True):
            if not isinstance(t, _core.Tensor) and not is_variable(t):
                raise ValueError(
                    f"Passed in object {t} of type {type(t).__name__!r}, not tf.Tensor or "
                    "tf.Variable or ExtensionType."
                )
            if self._recorder is None:
                raise ValueError("Tape is not recording: enter it before watching tensors.")
            if not is_trainable(t.dtype):
                warn(
                    "The dtype of the watched tensor must be floating (e.g. tf.float32), got "
                    f"{t.dtype!r}"
                )
                continue
            if is_variable(t):
                self._variables.setdefault(id(t), t)
            self._recorder.core.watch(self._recorder.own(t))

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """A context in which nothing is recorded."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def reset(self) -> None:
        """Forgets everything recorded so far; recording goes on."""
        self._stop()
        self._recorder = None
        self._variables = {}
        self._start()

    def watched_variables(self) -> tuple[Any, ...]:
        """Variables that were watched, in the order of their first use."""
        return tuple(self._variables.values())

    # --- gradients ---------------------------------------------------------------------------
    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """Derivatives of the sum of `target` with respect to each of `sources`.

        Parameters
        ----------
        target : tensor, variable or structure of them, any shapes
        sources : tensor, variable or structure of them
        output_gradients : None, or a tensor of the target's shape for each target
            Weights of the target's elements; default ones.
        unconnected_gradients : UnconnectedGradients or str
            What stands for a source that no target depends on: "none" or "zero".

        Returns
        -------
        Structure of `sources`, of Tensor (shape and dtype of the source), IndexedSlices or None.

        Raises
        ------
        RuntimeError
            When a tape that is not persistent is used again.
        TypeError, ValueError, LookupError
            Wrong arguments; an operation without a gradient on the way.
        """
        if self._recorder is None:
            raise RuntimeError(_USED if self._created else "The tape has recorded nothing yet.")
        unconnected = _unconnected(unconnected_gradients)
        if self._recording and not self._persistent:
            self._stop()
        if target is None:
            raise TypeError(
                "Argument `target` should be a list or nested structure of Tensors, Variables or "
                "CompositeTensors to be differentiated, but received None."
            )
        recorder = self._recorder
        flat_sources = _nest.flatten(sources)
        xs = [self._source(x) for x in flat_sources]
        ys = [self._target(y) for y in _nest.flatten(target)]
        grads: list[Any] = [None] * len(ys)
        if output_gradients is not None:
            given = _nest.flatten(output_gradients)
            for i, (y, g) in enumerate(zip(ys, given, strict=False)):
                grads[i] = self._output_gradient(y, g)
        chosen = [i for i, y in enumerate(ys) if is_trainable(y.dtype)]
        with self._in_graph():
            results = recorder.gradient(
                [ys[i] for i in chosen],
                [x for x in xs if is_trainable(x.dtype)],
                [grads[i] for i in chosen],
            )
            found = iter(results)
            flat = [next(found) if is_trainable(x.dtype) else None for x in xs]
            if unconnected is UnconnectedGradients.ZERO:
                flat = [
                    _zeros(x) if g is None else g for x, g in zip(flat_sources, flat, strict=True)
                ]
        if not self._persistent:
            self._recorder = None
        return _nest.pack_sequence_as(sources, flat)

    def _in_graph(self) -> Any:
        graph = getattr(self._recorder, "graph", None)
        if graph is None or graph is _core.current_graph():
            return contextlib.nullcontext()
        return graph.as_default()

    def _source(self, x: Any) -> Any:
        if isinstance(x, IndexedSlices):
            x = x.values
        if not isinstance(x, _core.Tensor) and not is_variable(x):
            raise TypeError(
                "The sources of a gradient must be tensors or variables, got "
                f"{type(x).__name__!r}: {x!r}"
            )
        return self._recorder.own(x)

    def _target(self, y: Any) -> Any:
        if isinstance(y, IndexedSlices):
            y = y.values
        if is_variable(y):
            # Read on the tape, so that the gradient reaches the variable.
            recording = self._recording
            self._recorder.core.start()
            try:
                with self._in_graph():
                    y = y.value()
            finally:
                if not recording:
                    self._recorder.core.stop()
        if not isinstance(y, _core.Tensor):
            raise TypeError(
                "Argument `target` should be a list or nested structure of Tensors, Variables or "
                f"CompositeTensors to be differentiated, but received {y!r}."
            )
        if not is_trainable(y.dtype):
            warn(
                "The dtype of the target tensor must be floating (e.g. tf.float32) when calling "
                f"GradientTape.gradient, got {y.dtype!r}"
            )
            return y
        return self._recorder.own(y)

    def _output_gradient(self, y: Any, g: Any) -> Any:
        if g is None:
            return None
        if not isinstance(g, IndexedSlices):
            with self._in_graph():
                g = _core.convert(g, None if isinstance(g, _core.Tensor) else y.dtype)
            if g.dtype != y.dtype:
                raise TypeError(
                    f"The output gradient of a target of dtype {y.dtype.name} must have that "
                    f"dtype, got {g.dtype.name}"
                )
            if not g.shape.is_compatible_with(y.shape):
                raise ValueError(
                    f"The output gradient of a target of shape {y.shape} must have that shape, "
                    f"got {g.shape}"
                )
        return g

    # --- jacobians ---------------------------------------------------------------------------
    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Derivative of every element of `target` with respect to every element of `sources`.

        Parameters
        ----------
        target : tensor
        sources : tensor, variable or structure of them
        parallel_iterations :
            Accepted.
        experimental_use_pfor : bool
            False needs a persistent tape in eager mode, as in TensorFlow; results are the same.

        Returns
        -------
        Structure of `sources`; shapes target.shape + source.shape. None where unconnected.
        """
        from wengert._jacobian import tape_jacobian

        self._check_rows("jacobian", experimental_use_pfor)
        return tape_jacobian(self, target, sources, unconnected_gradients)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Jacobian of each row: target[i] depends on source[i] alone.

        Returns
        -------
        Tensor of shape [batch] + target.shape[1:] + source.shape[1:]; zeros where unconnected.
        """
        from wengert._jacobian import tape_batch_jacobian

        self._check_rows("batch_jacobian", experimental_use_pfor)
        return tape_batch_jacobian(self, target, source, unconnected_gradients)

    def _check_rows(self, what: str, use_pfor: bool) -> None:
        if self._recorder is None:
            raise RuntimeError(_USED)
        eager = isinstance(self._recorder, EagerRecorder)
        if not use_pfor and eager and not self._persistent:
            raise RuntimeError(
                f"GradientTape must be created with persistent=True to compute the {what} with "
                "eager execution enabled and with  experimental_use_pfor set to False."
                if what == "jacobian"
                else f"GradientTape must be created with persistent=True to compute the {what} "
                "with eager execution enabled and  with experimental_use_pfor set to False."
            )


def _unconnected(value: Any) -> UnconnectedGradients:
    try:
        return UnconnectedGradients(value)
    except ValueError:
        raise ValueError(f"Unknown value for unconnected_gradients: {value!r}") from None


def _zeros(x: Any) -> Any:
    from wengert._creation import zeros, zeros_like

    if is_variable(x):
        return zeros(x.shape, x.dtype)
    return zeros_like(x.values if isinstance(x, IndexedSlices) else x)
