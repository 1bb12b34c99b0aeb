"""Jacobians of tapes and `tf.hessians`: gradients row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core, _nest
from wengert._gradients import UnconnectedGradients, gradients

__all__ = ["hessians", "tape_batch_jacobian", "tape_jacobian"]


def tape_jacobian(tape: Any, target: Any, sources: Any, unconnected: Any) -> Any:
    """GradientTape.jacobian."""
    from wengert._tape import _unconnected

    zero = _unconnected(unconnected) is UnconnectedGradients.ZERO
    rows = _Rows(tape, target, sources, zero)
    if not rows.target.shape.is_fully_defined():
        return _looped_jacobian(rows, sources, zero)
    per_source = rows.of(rows.unit_seeds())
    packed = [
        None if rows_of_x is None else rows.assemble(rows_of_x, x)
        for x, rows_of_x in zip(rows.xs, per_source, strict=True)
    ]
    return _nest.pack_sequence_as(sources, packed)


def tape_batch_jacobian(tape: Any, target: Any, source: Any, unconnected: Any) -> Any:
    """GradientTape.batch_jacobian."""
    for t in (target, source):
        if t.shape.rank is not None and t.shape.rank < 2:
            raise ValueError(f"Shape {t.shape} must have rank at least 2")
    batch = target.shape[0], source.shape[0]
    if None not in batch and batch[0] != batch[1]:
        raise ValueError(
            f"Need first dimension of target shape ({target.shape}) and source shape "
            f"({source.shape}) to match."
        )
    if None in (target.shape.as_list() or [None])[1:]:
        raise ValueError(
            f"batch_jacobian needs a target whose shape is known but for the batch, got "
            f"{target.shape}"
        )
    rows = _Rows(tape, target, source, True)
    (per_element,) = rows.of(rows.batch_seeds())
    # [row, batch, source...] -> [batch, row..., source...]
    stacked = rows.stack(per_element)
    rank = len(stacked.shape.as_list())
    moved = _transpose(stacked, [1, 0, *range(2, rank)])
    shape = [batch[0], *rows.target_shape[1:], *source.shape.as_list()[1:]]
    return _reshape(moved, shape)


def _looped_jacobian(rows: _Rows, sources: Any, zero: bool) -> Any:
    """In a graph, row by row in a loop: the number of rows is not known."""
    from wengert._derivatives import looped_jacobian

    packed = []
    for x in rows.xs:
        connected = zero or gradients(rows.target, x)[0] is not None
        packed.append(looped_jacobian(rows.target, x) if connected else None)
    return _nest.pack_sequence_as(sources, packed)


class _Rows:
    """Gradients of one target under different weights of its elements."""

    def __init__(self, tape: Any, target: Any, sources: Any, zero: bool) -> None:
        if tape._recording and not tape._persistent:
            tape._stop()
        self._tape = tape
        self._recorder = tape._recorder
        self.target = tape._target(target)
        self._sources = _nest.flatten(sources)
        self._zero = zero
        self.xs = [tape._source(x) for x in self._sources]
        known = self.target.shape.rank is not None
        self.target_shape: Any = self.target.shape.as_list() if known else None
        if not tape._persistent:
            tape._recorder = None

    def unit_seeds(self) -> list[Any]:
        size = int(np.prod(self.target_shape, dtype=np.int64))
        return [_unit(i, size, self.target_shape, self.target.dtype) for i in range(size)]

    def batch_seeds(self) -> list[Any]:
        """One per element of a row, the same in all rows of the batch."""
        shape = self.target_shape
        size = int(np.prod(shape[1:], dtype=np.int64))
        seeds = []
        with self._tape_graph():
            ones = _core.apply("OnesLike", (self.target,))
            for i in range(size):
                row = np.zeros(size, np.float32)
                row[i] = 1
                seed = _core.convert(row.reshape([1, *shape[1:]]), self.target.dtype)
                seeds.append(_core.apply("Mul", (ones, seed)))
        return seeds

    def of(self, seeds: list[Any]) -> list[Any]:
        """For each source the list of gradients, one per seed; None where unconnected."""
        from wengert._tape import _zeros

        per_source: list[list[Any]] = [[] for _ in self.xs]
        with self._tape_graph():
            for seed in seeds:
                grads = self._recorder.gradient([self.target], self.xs, [seed])
                for rows, g in zip(per_source, grads, strict=True):
                    rows.append(None if g is None else _core.convert(g))
            if self._zero:
                per_source = [
                    [_zeros(x) if r is None else r for r in rows]
                    for x, rows in zip(self._sources, per_source, strict=True)
                ]
        return [None if rows and rows[0] is None else rows for rows in per_source]

    def _tape_graph(self) -> Any:
        import contextlib

        graph = getattr(self._recorder, "graph", None)
        if graph is None or graph is _core.current_graph():
            return contextlib.nullcontext()
        return graph.as_default()

    def stack(self, rows: list[Any]) -> Any:
        return _core.apply("Pack", (rows,), {"axis": 0})

    def assemble(self, rows: list[Any], x: Any) -> Any:
        target_shape: list[int] = self.target_shape
        if not rows:  # an empty target
            from wengert._creation import zeros

            return zeros([*target_shape, *_value_shape(x)], self.target.dtype)
        stacked = self.stack(rows)
        known = stacked.shape.as_list()[1:] if stacked.shape.rank is not None else [None, None]
        if known.count(None) < 2:
            return _reshape(stacked, [*target_shape, *known])
        from wengert._array_ops import concat, reshape, shape

        return reshape(stacked, concat([target_shape, shape(stacked)[1:]], 0))


def _value_shape(x: Any) -> list[int]:
    """The shape of a tensor, or of the variable behind a handle."""
    if x.dtype.name != "resource":
        shape: list[int] = x.shape.as_list()
        return shape
    data = _core.handle_data(x)
    return [] if data is None else list(data[1] or ())


def _unit(i: int, size: int, shape: list[int], dtype: Any) -> Any:
    seed = np.zeros(size, np.float32)
    seed[i] = 1
    return _core.convert(seed.reshape(shape), dtype)


def _reshape(x: Any, shape: list[Any]) -> Any:
    return _core.apply("Reshape", (x, np.array([-1 if d is None else d for d in shape], np.int32)))


def _transpose(x: Any, perm: list[int]) -> Any:
    return _core.apply("Transpose", (x, np.array(perm, np.int32)))


def hessians(
    ys: Any,
    xs: Any,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    name: str = "hessians",
) -> list[Any]:
    """Second derivatives of the sum of `ys` with respect to each of `xs` (`tf.hessians`).

    Parameters
    ----------
    ys : Tensor or list of Tensor
    xs : Tensor or list of Tensor, each of any shape
    gate_gradients, aggregation_method :
        As in `gradients`.
    name : str
        Accepted; TensorFlow makes no scope of it either.

    Returns
    -------
    list of Tensor
        One per x, of shape x.shape + x.shape: without the mixed derivatives between xs.

    Raises
    ------
    RuntimeError
        In eager mode.
    ValueError
        When ys do not depend on an x, or depend on it linearly.

    Examples
    --------
    >>> import wengert as tf
    >>> @tf.function
    ... def f(x):
    ...     return tf.hessians(tf.reduce_sum(x * x * x), x)[0]
    >>> f(tf.constant([1.0, 2.0])).numpy().tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    return _hessians(
        ys, xs, {"gate_gradients": gate_gradients, "aggregation_method": aggregation_method}
    )


def hessians_v1(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
) -> list[Any]:
    """`tf.compat.v1.hessians`: as `hessians`, with its argument order of TensorFlow 1."""
    return _hessians(
        ys,
        xs,
        {
            "colocate_gradients_with_ops": colocate_gradients_with_ops,
            "gate_gradients": gate_gradients,
            "aggregation_method": aggregation_method,
        },
    )


def _hessians(ys: Any, xs: Any, options: dict[str, Any]) -> list[Any]:
    import wengert as tf
    from wengert._tensor_array import TensorArray
    from wengert._while import while_loop

    xs = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    results = []
    for gradient, x in zip(gradients(ys, xs, **options), xs, strict=True):
        flat = tf.reshape(gradient, [-1])
        n = tf.size(x)

        def row(j: Any, rows: Any, flat: Any = flat, x: Any = x) -> Any:
            return j + 1, rows.write(j, gradients(flat[j], x)[0])

        start = [tf.constant(0, tf.int32), TensorArray(x.dtype, n)]
        _, rows = while_loop(lambda j, _, n=n: j < n, row, start)
        shape = tf.shape(x)
        results.append(tf.reshape(rows.stack(), tf.concat((shape, shape), 0)))
    return results
