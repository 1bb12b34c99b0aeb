"""Loops over the first axis: `tf.map_fn`, `tf.scan`, `tf.foldl`, `tf.foldr`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert import _core, _nest
from wengert._graph import name_scope_v1
from wengert._tensor_array import TensorArray
from wengert._tensor_shape import TensorShape
from wengert._tensor_spec import TensorSpec
from wengert._while import while_loop

__all__ = ["foldl", "foldr", "map_fn", "scan"]


def _elements(elems: Any) -> tuple[list[Any], Any]:
    """(flat tensors, number of elements: an int where it is known)."""
    flat = [_core.convert(x, name="elem") for x in _nest.flatten(elems)]
    if not flat:
        raise ValueError("elems must contain at least one tensor")
    static = None
    for x in flat:
        if x.shape.rank == 0:
            raise ValueError("Elements in elems must be 1+ dimensional Tensors, not scalars")
        if x.shape.rank:
            size = x.shape.as_list()[0]
            if static is None:
                static = size
            elif size is not None and size != static:
                raise ValueError(f"Dimensions {static} and {size} are not compatible")
    if static is not None:
        return flat, static
    from wengert._array_ops import shape

    return flat, shape(flat[0])[0]


def _unstacked(flat: list[Any], n: Any) -> list[TensorArray]:
    arrays = [TensorArray(x.dtype, size=n, dynamic_size=False, infer_shape=True) for x in flat]
    return [a.unstack(x) for a, x in zip(arrays, flat, strict=True)]


def _set_length(tensor: Any, n: Any) -> Any:
    symbolic = isinstance(tensor, _core.SymbolicTensor)
    if symbolic and isinstance(n, int) and tensor.shape.rank:
        tensor.set_shape(TensorShape([n]).concatenate(tensor.shape[1:]))
    return tensor


def map_fn(
    fn: Callable[..., Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` of every element along the first axis, stacked (`tf.map_fn`).

    Parameters
    ----------
    fn : callable
        Takes one element (of the structure of `elems`).
    elems : tensor or structure of tensors
        Of the same length along the first axis.
    fn_output_signature : structure of dtypes or TensorSpecs, optional
        Of the result of `fn`, where it differs from the elements; `dtype` is its older name.
    parallel_iterations, swap_memory, infer_shape :
        Accepted.

    Returns
    -------
    Structure of tensors like the result of `fn`, with one more axis in front.

    Raises
    ------
    TypeError, ValueError
        When `fn` is not callable, lengths differ, or the result is not as the signature says.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.map_fn(lambda x: x * x, tf.constant([1.0, 2.0])).numpy().tolist()
    [1.0, 4.0]
    """
    if fn_output_signature is None:
        fn_output_signature = dtype
    if not callable(fn):
        raise TypeError(f"The provided function {fn} is not callable.fn must be callable.")
    if _core.current_graph() is not None:
        from wengert._autograph_context import current

        conversion = current()  # in a converted function its argument is converted, too
        fn = fn if conversion is None else conversion.call(fn)
    if fn_output_signature is None:
        fn_output_signature = _nest.map_structure(lambda t: _core.convert(t).dtype, elems)
    with name_scope_v1(name, "map"):
        flat, n = _elements(elems)
        arrays = _unstacked(flat, n)
        i = _core.constant(0, None, None, "Const")
        signature = [_spec(s) for s in _nest.flatten(fn_output_signature)]
        results = [
            TensorArray(s.dtype, size=n, dynamic_size=False, infer_shape=infer_shape,
                        element_shape=s.shape)
            for s in signature
        ]  # fmt: skip

        def compute(i: Any, tas: Any) -> Any:
            element = _nest.pack_sequence_as(elems, [a.read(i) for a in arrays])
            value = fn(element)
            _nest.assert_same_structure(fn_output_signature, value)
            values = _nest.flatten(value)
            return i + 1, [ta.write(i, v) for ta, v in zip(tas, values, strict=True)]

        _, results = while_loop(
            lambda i, _: i < n, compute, (i, results),
            parallel_iterations=parallel_iterations or 10, back_prop=back_prop,
            maximum_iterations=n,
        )  # fmt: skip
        stacked = [_set_length(r.stack(), n) for r in results]
        return _nest.pack_sequence_as(fn_output_signature, stacked)


def _spec(s: Any) -> TensorSpec:
    return s if isinstance(s, TensorSpec) else TensorSpec(None, s)


def _fold(
    fn: Any, elems: Any, initializer: Any, parallel_iterations: int, back_prop: bool,
    name: str | None, default_name: str, reverse: bool,
) -> Any:  # fmt: skip
    _check_fn(fn)
    with name_scope_v1(name, default_name):
        flat, n = _elements(elems)
        arrays = _unstacked(flat, n)

        def element(k: Any) -> Any:
            return _nest.pack_sequence_as(elems, [a.read(k) for a in arrays])

        if initializer is None:
            start = element(n - 1 if reverse else 0)
            first = n - 1 if reverse else 1
        else:
            start, first = initializer, n if reverse else 0
        i = first if isinstance(first, _core.Tensor) else _core.constant(first, None, None, "Const")

        def forward(i: Any, a: Any) -> Any:
            return [i + 1, fn(a, element(i))]

        def backward(i: Any, a: Any) -> Any:
            i -= 1
            return [i, fn(a, element(i))]

        _, result = while_loop(
            (lambda i, a: i > 0) if reverse else (lambda i, a: i < n),
            backward if reverse else forward, [i, start],
            parallel_iterations=parallel_iterations, back_prop=back_prop, maximum_iterations=n,
        )  # fmt: skip
        return result


def _check_fn(fn: Any) -> None:
    if not callable(fn):
        raise TypeError(
            f"{getattr(fn, '__name__', fn)} is not callable. Please provide a callable function."
        )


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """fn(... fn(fn(initializer, elems[0]), elems[1]) ...) (`tf.foldl`).

    Parameters
    ----------
    fn : callable
        (accumulated, element) -> accumulated.
    elems : tensor or structure of tensors
    initializer : structure of tensors, optional
        Else the first element.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.foldl(lambda a, x: a * 2 + x, tf.constant([1, 2, 3])).numpy().item()
    11
    """
    return _fold(fn, elems, initializer, parallel_iterations, back_prop, name, "foldl", False)


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """As `foldl`, from the last element to the first (`tf.foldr`).

    Examples
    --------
    >>> import wengert as tf
    >>> tf.foldr(lambda a, x: a * 2 + x, tf.constant([1, 2, 3])).numpy().item()
    17
    """
    return _fold(fn, elems, initializer, parallel_iterations, back_prop, name, "foldr", True)


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All accumulated values of a fold over the first axis, stacked (`tf.scan`).

    Parameters
    ----------
    fn : callable
        (accumulated, element) -> accumulated.
    elems : tensor or structure of tensors
    initializer : structure of tensors, optional
        Else the first element, which is then also the first result.
    reverse : bool
        From the last element to the first.

    Returns
    -------
    Structure like the accumulated value, with one more axis in front.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.scan(lambda a, x: a + x, tf.constant([1, 2, 3])).numpy().tolist()
    [1, 3, 6]
    """
    _check_fn(fn)
    with name_scope_v1(name, "scan"):
        flat, n = _elements(elems)
        arrays = _unstacked(flat, n)
        like = elems if initializer is None else initializer
        if initializer is None:
            start = [a.read(n - 1 if reverse else 0) for a in arrays]
            first = 1
        else:
            start = [_core.convert(x) for x in _nest.flatten(initializer)]
            first = 0
        results = [
            TensorArray(x.dtype, size=n, dynamic_size=False, infer_shape=infer_shape,
                        element_shape=x.shape if infer_shape else None)
            for x in start
        ]  # fmt: skip
        if initializer is None:
            at = n - 1 if reverse else 0
            results = [ta.write(at, x) for ta, x in zip(results, start, strict=True)]
        i: Any = n - 1 - first if reverse else first
        if not isinstance(i, _core.Tensor):
            i = _core.constant(i, None, None, "Const")

        def compute(i: Any, flat_a: Any, tas: Any) -> Any:
            element = _nest.pack_sequence_as(elems, [a.read(i) for a in arrays])
            value = fn(_nest.pack_sequence_as(like, flat_a), element)
            _nest.assert_same_structure(like, value)
            values = _nest.flatten(value)
            tas = [ta.write(i, v) for ta, v in zip(tas, values, strict=True)]
            return (i - 1 if reverse else i + 1), values, tas

        _, _, results = while_loop(
            (lambda i, *_: i >= 0) if reverse else (lambda i, *_: i < n),
            compute, (i, start, results), parallel_iterations=parallel_iterations,
            back_prop=back_prop, maximum_iterations=n,
        )  # fmt: skip
        stacked = [_set_length(r.stack(), n) for r in results]
        return _nest.pack_sequence_as(like, stacked)
