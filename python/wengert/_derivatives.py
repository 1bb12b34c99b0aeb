"""Jacobians, Hessians and their products with vectors, of functions and of tensors in graphs."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core
from wengert._gradients import gradients

__all__ = ["hessian", "hvp", "jacobian", "jacobian_sparsity"]


def jacobian(y: Any, x: Any, sparsity: Any = None) -> Any:
    """All first derivatives of `y` with respect to `x`.

    Parameters
    ----------
    y : callable, or tensor of a graph
        A function of one tensor, computed at `x`; or what was computed from `x` in a graph.
    x : tensor
    sparsity : None, "detect", or boolean array of shape [y.size, x.size]
        Which derivatives may be other than zero. Rows that share no column are then computed in
        one sweep backwards: a banded or block Jacobian costs a few sweeps whatever its size.
        "detect" (functions only) finds the pattern at `x` by halving groups of rows.

    Returns
    -------
    Tensor of shape y.shape + x.shape and the dtype of y. Zeros where y does not depend on x.

    Raises
    ------
    TypeError
        When `y` is an eager tensor: nothing is known of how it was computed.
    ValueError
        When the pattern has another shape.

    Notes
    -----
    TensorFlow has GradientTape.jacobian, which always computes all rows.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.jacobian(lambda x: x * x, tf.constant([1.0, 2.0])).numpy().tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    >>> band = np.eye(4, dtype=bool)
    >>> j = tf.jacobian(tf.sin, tf.constant([0.0] * 4), sparsity=band)
    >>> j.numpy().diagonal().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if callable(y) and not isinstance(y, _core.Tensor):
        return _function_jacobian(Pullback(y, x), sparsity)
    _check_symbolic(y, "jacobian")
    return _graph_jacobian(y, x, sparsity)


def hessian(y: Any, x: Any, sparsity: Any = None) -> Any:
    """All second derivatives of the sum of `y` with respect to `x`.

    Parameters
    ----------
    y : callable, or tensor of a graph
    x : tensor
    sparsity : None, "detect", or boolean array of shape [x.size, x.size]
        As in `jacobian`.

    Returns
    -------
    Tensor of shape x.shape + x.shape

    Examples
    --------
    >>> import wengert as tf
    >>> tf.hessian(lambda x: x[0] * x[1] ** 2, tf.constant([3.0, 2.0])).numpy().tolist()
    [[0.0, 4.0], [4.0, 6.0]]
    """
    if callable(y) and not isinstance(y, _core.Tensor):
        return _function_jacobian(Pullback(_gradient_of(y), x), sparsity)
    _check_symbolic(y, "hessian")
    return _graph_jacobian(_gradient(y, x), x, sparsity)


def hvp(y: Any, x: Any, v: Any) -> Any:
    """The Hessian of the sum of `y` with respect to `x`, times the vector `v`.

    Parameters
    ----------
    y : callable, or tensor of a graph
    x : tensor
    v : tensor of the shape and dtype of `x`

    Returns
    -------
    Tensor of the shape of `x`; costs about two gradients.

    Examples
    --------
    >>> import wengert as tf
    >>> x, v = tf.constant([1.0, 2.0]), tf.constant([1.0, 0.0])
    >>> tf.hvp(lambda x: tf.reduce_sum(x ** 3), x, v).numpy().tolist()
    [6.0, 0.0]
    """
    if callable(y) and not isinstance(y, _core.Tensor):
        pullback = Pullback(_gradient_of(y), x)
        return pullback.sweep(_core.convert(v, pullback.x.dtype))
    _check_symbolic(y, "hvp")
    product = gradients(_gradient(y, x), x, grad_ys=_core.convert(v, x.dtype))[0]
    return _zeros_like(x) if product is None else _core.convert(product)


def jacobian_sparsity(f: Callable[..., Any], x: Any) -> Any:
    """Which first derivatives of `f` are other than zero at `x`.

    Returns
    -------
    numpy.ndarray of bool, shape [y.size, x.size]

    Examples
    --------
    >>> import wengert as tf
    >>> tf.jacobian_sparsity(lambda x: x * x, tf.constant([1.0, 2.0])).tolist()
    [[True, False], [False, True]]
    """
    from wengert._sparsity import detect

    pullback = Pullback(f, x)
    return detect(pullback.row, pullback.rows, pullback.columns)


def _check_symbolic(y: Any, name: str) -> None:
    if not isinstance(y, _core.SymbolicTensor):
        raise TypeError(
            f"wengert.{name} takes a function, or a tensor of a graph, got {type(y).__name__}: of "
            "an eager tensor it is not known how it was computed. Pass the function, or use "
            "tf.GradientTape."
        )


def _gradient(y: Any, x: Any) -> Any:
    g = gradients(y, x)[0]
    return _zeros_like(x) if g is None else _core.convert(g)


def _gradient_of(f: Callable[..., Any]) -> Callable[[Any], Any]:
    def make(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: _gradient(_core.convert(call(x)), x)

    made: Callable[[Any], Any] = _once(_gradient_functions, f, make)
    return made


def _once(cache: weakref.WeakKeyDictionary[Any, Any], f: Any, make: Callable[..., Any]) -> Any:
    """make(a function like `f`), kept as long as `f` lives."""
    try:
        known = cache.get(f)
        alive = weakref.ref(f)
    except TypeError:  # neither hashable nor referable
        return make(f)
    if known is None:

        def call(x: Any) -> Any:
            function = alive()
            if function is None:
                raise ReferenceError("the function that was to be differentiated is gone")
            return function(x)

        known = cache[f] = make(call)
    return known


_gradient_functions: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_pullbacks: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def _traced(f: Callable[..., Any]) -> tuple[Any, Any, Any]:
    """`f`, its pullback and that for many weights at once, compiled."""
    from wengert._function import function

    def pull(x: Any, dy: Any) -> Any:
        y = _core.convert(f(x))
        g = gradients(y, x, grad_ys=dy)[0]
        return _zeros_like(x) if g is None else _core.convert(g)

    def pull_all(x: Any, dys: Any) -> Any:
        return _vectorised(lambda dy: pull(x, dy), dys)

    return (
        function(lambda x: _core.convert(f(x)), autograph=False),
        function(pull, autograph=False),
        function(pull_all, autograph=False),
    )


def _zeros_like(x: Any) -> Any:
    return _core.apply("ZerosLike", (x,))


# Rows of a Jacobian that are computed at once.
_BLOCK = 256


class Pullback:
    """The compiled gradient of a function at a point, for any weights of its results."""

    def __init__(self, f: Callable[..., Any], x: Any) -> None:
        self.x = _core.convert(x.value() if getattr(x, "_is_variable", False) else x)
        if isinstance(self.x, _core.SymbolicTensor):
            raise TypeError("the point of a Jacobian of a function must be an eager tensor")
        if not (self.x.dtype.is_floating or self.x.dtype.is_complex):
            raise TypeError(f"x must be floating, got {self.x.dtype.name}")
        self._function = f  # keeps what was traced for it
        value, self._pull, self._pull_all = _once(_pullbacks, f, _traced)
        self.y = value(self.x)
        self.dtype = self.y.dtype
        self.y_shape = self.y.shape.as_list()
        self.x_shape = self.x.shape.as_list()
        self.rows = int(np.prod(self.y_shape, dtype=np.int64))
        self.columns = int(np.prod(self.x_shape, dtype=np.int64))

    def sweep(self, dy: Any) -> Any:
        return self._pull(self.x, dy)

    def matrix(self) -> Any:
        """All rows, a block at once where the operations can be vectorised."""
        m, n = self.rows, self.columns
        dense = np.zeros((m, n), np.asarray(self.x.numpy()).dtype)
        block = _BLOCK if m > _FEW else 1
        first = 0
        while first < m:
            seeds = np.eye(min(block, m - first), m, first, dtype=np.float32)
            if block == 1:
                dense[first] = self.row(seeds)
            else:
                try:
                    rows = self._rows(seeds)
                except ValueError:
                    block = 1
                    continue
                dense[first : first + len(seeds)] = rows
            first += len(seeds)
        return dense

    def _rows(self, seeds: Any) -> Any:
        dys = _core.convert(seeds.reshape([len(seeds), *self.y_shape]), self.dtype)
        return np.asarray(self._pull_all(self.x, dys).numpy()).reshape(len(seeds), -1)

    def row(self, weights: Any) -> Any:
        """Sum of the rows with these weights, as a vector."""
        dy = _core.convert(np.asarray(weights).reshape(self.y_shape), self.dtype)
        return np.asarray(self.sweep(dy).numpy()).reshape(-1)


def _function_jacobian(pullback: Pullback, sparsity: Any) -> Any:
    from wengert._sparsity import compressed_rows, detect, expand

    m, n = pullback.rows, pullback.columns
    numpy_dtype = np.asarray(pullback.x.numpy()).dtype
    if sparsity is None:
        dense = pullback.matrix()
    else:
        if isinstance(sparsity, str):
            if sparsity != "detect":
                raise ValueError(f"sparsity must be None, 'detect' or an array, got {sparsity!r}")
            pattern = detect(pullback.row, m, n)
        else:
            pattern = _checked_pattern(sparsity, m, n)
        colours, rows = compressed_rows(pattern, pullback.row)
        dense = expand(pattern, colours, rows, numpy_dtype)
    return _core.convert(dense.reshape(pullback.y_shape + pullback.x_shape), pullback.x.dtype)


def _checked_pattern(sparsity: Any, m: int, n: int) -> Any:
    pattern = np.asarray(sparsity, bool)
    if pattern.shape != (m, n):
        raise ValueError(
            f"the sparsity pattern of {m} values and {n} arguments must have shape ({m}, {n}), "
            f"got {pattern.shape}"
        )
    return pattern


def _graph_jacobian(y: Any, x: Any, sparsity: Any) -> Any:
    from wengert._array_ops import gather, reshape

    if not (y.shape.is_fully_defined() and x.shape.is_fully_defined()):
        if sparsity is not None:
            raise ValueError("a sparsity pattern needs tensors of known shapes")
        return looped_jacobian(y, x)
    shape = y.shape.as_list()
    m = int(np.prod(shape, dtype=np.int64))
    n = int(np.prod(x.shape.as_list(), dtype=np.int64))
    if isinstance(sparsity, str):
        raise ValueError("sparsity='detect' needs values: pass a function, or the pattern")
    from wengert._sparsity import colour_rows

    if sparsity is None:
        pattern = None
        colours = np.arange(m)
    else:
        pattern = _checked_pattern(sparsity, m, n)
        colours = colour_rows(pattern)
    out_shape = shape + x.shape.as_list()
    count = int(colours.max()) + 1 if m else 0
    if count == 0:
        from wengert._creation import zeros

        return zeros(out_shape, x.dtype)
    seeds = (colours == np.arange(count)[:, None]).astype(np.float32)
    dense = reshape(_swept(y, x, seeds.reshape([count, *shape])), [count, n])
    if pattern is not None:
        dense = gather(dense, colours.astype(np.int32))
        mask = _core.convert(pattern)
        dense = _core.apply("SelectV2", (mask, dense, _zeros_like(dense)))
    return reshape(dense, out_shape)


# Up to so many sweeps are written out in any case, and up to so many where they must be.
_FEW, _MANY = 8, 64


def _swept(y: Any, x: Any, seeds: Any) -> Any:
    """The gradients of `y` under each of the weights `seeds` [k, *y.shape]: [k, *x.shape]."""

    def sweep(dy: Any) -> Any:
        g = gradients(y, x, grad_ys=dy)[0]
        return _zeros_like(x) if g is None else _core.convert(g)

    count = len(seeds)
    if count > _FEW:
        try:
            return _vectorised(sweep, _core.convert(seeds, y.dtype))
        except ValueError:  # an operation that cannot be
            if count > _MANY:
                from wengert._functional_loops import map_fn

                return map_fn(sweep, _core.convert(seeds, y.dtype))
    rows = [sweep(_core.convert(seeds[i], y.dtype)) for i in range(count)]
    return _core.apply("Pack", (rows,), {"axis": 0})


def _vectorised(sweep: Callable[[Any], Any], seeds: Any) -> Any:
    from wengert._vectorized_map import vectorized_map

    return vectorized_map(sweep, seeds, fallback_to_while_loop=False, warn=False)


def looped_jacobian(y: Any, x: Any) -> Any:
    """Row by row in a loop, for shapes that are not known."""
    import wengert as tf
    from wengert._tensor_array import TensorArray
    from wengert._while import while_loop

    flat = tf.reshape(y, [-1])
    n = tf.size(flat)

    def row(j: Any, rows: Any) -> Any:
        g = gradients(flat[j], x)[0]
        return j + 1, rows.write(j, _zeros_like(x) if g is None else _core.convert(g))

    _, rows = while_loop(
        lambda j, _: j < n, row, [tf.constant(0, tf.int32), TensorArray(x.dtype, n)]
    )
    return tf.reshape(rows.stack(), tf.concat((tf.shape(y), tf.shape(x)), 0))
