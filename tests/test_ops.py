"""Every row of `samples`: values, gradients and second gradients of the ops."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numeric import all_samples, compare_gradient
from op_sample import Array, Sample, Shape

import wengert as tf
from wengert import _core

SAMPLES = all_samples()
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0)
# TensorFlow's rules do not conjugate the derivative of these (SquaredDifference is |x - y|^2:
# its rule holds for real weights only); the second derivative of Prod is not conjugated either.
NOT_CONJUGATED = frozenset({"MulNoNan", "SegmentProd", "SquaredDifference", "UnsortedSegmentProd"})
NOT_CONJUGATED_TWICE = NOT_CONJUGATED | {"Prod"}
DIFFERENTIABLE = sorted(
    n for n, s in SAMPLES.items() if s.wrt and not s.zero_gradient and not s.lookup_error
)


def generator(op_type: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(op_type.encode()))


def arguments(op_type: str, flat: Sequence[Any]) -> dict[str, Any]:
    """Distribute a flat list over the inputs of an op; list inputs share what is left."""
    inputs = _core.op_info(op_type)["inputs"]
    given = list(flat)
    lists = [name for name, kind in inputs if is_list(op_type, kind)]
    singles = len(inputs) - len(lists)
    share = (len(given) - singles) // len(lists) if lists else 0
    result: dict[str, Any] = {}
    for name, _ in inputs:
        if name in lists:
            result[name] = [given.pop(0) for _ in range(share)]
        else:
            result[name] = given.pop(0)
    assert not given, f"the row of {op_type} has too many inputs"
    return result


def is_list(op_type: str, kind: str) -> bool:
    attrs = {name: attr_kind for name, attr_kind, *_ in _core.op_info(op_type)["attrs"]}
    return "*" in kind or attrs.get(kind) == "list(type)"


def apply(op_type: str, flat: Sequence[Any], attrs: dict[str, Any]) -> list[Any]:
    result = _core.apply(op_type, tuple(arguments(op_type, flat).values()), dict(attrs))
    return list(result) if isinstance(result, (list, tuple)) else [result]


def is_data(op_type: str, sample: Sample, shape: Shape, dtype: str) -> list[bool]:
    """Tell drawn arguments from those that are the same in every call (axes, shapes)."""
    first = sample.draw(np.random.default_rng(1), shape, dtype)
    others = [sample.draw(np.random.default_rng(seed), shape, dtype) for seed in (2, 3, 4)]
    return [
        i in sample.wrt or any(not np.array_equal(a, other[i]) for other in others)
        for i, a in enumerate(first)
    ]


class Compiled:
    """An op with its data as placeholders and the rest as constants, compiled."""

    def __init__(self, op_type: str, sample: Sample, args: list[Array], data: list[bool]) -> None:
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.inputs = [
                tf.compat.v1.placeholder(tf.as_dtype(a.dtype), a.shape) if d else tf.constant(a)
                for a, d in zip(args, data, strict=True)
            ]
            self.outputs = apply(op_type, self.inputs, sample.attrs)
        self.data = data

    def function(self, outputs: list[Any], more: Sequence[Any] = ()) -> Callable[..., Any]:
        fed = [t for t, d in zip(self.inputs, self.data, strict=True) if d]
        call = tf.compile([*fed, *more], outputs)
        n = len(self.inputs)

        def run(*args: Array) -> list[Array]:
            kept = [a for a, d in zip(args[:n], self.data, strict=True) if d]
            return [np.asarray(y) for y in call(*kept, *args[n:])]

        return run


def reference(sample: Sample, args: Sequence[Array]) -> list[Array]:
    try:
        names = inspect.signature(sample.ref).parameters
    except ValueError:
        names = {}  # type: ignore[assignment]
    keywords = {k: v for k, v in sample.attrs.items() if k in names}
    with np.errstate(all="ignore"):
        want = sample.ref(*args, **keywords)
    return [np.asarray(w) for w in (want if isinstance(want, (tuple, list)) else [want])]


def compare(op_type: str, sample: Sample, got: Sequence[Any], want: Sequence[Array]) -> None:
    assert len(got) == len(want)
    if sample.invariant is not None:
        assert [np.shape(g) for g in got] == [w.shape for w in want]
        got, want = sample.invariant(*got), list(sample.invariant(*want))
    for g, w in zip(got, want, strict=True):
        g = np.asarray(g)
        assert g.shape == w.shape
        if w.dtype.kind not in "fc":
            np.testing.assert_array_equal(g, w)
            continue
        tolerance = sample.tolerance(g.dtype.name)
        # Rows with a relative tolerance add up terms that may cancel.
        largest = np.max(np.abs(w), initial=0, where=np.isfinite(w))
        atol = 0.0 if sample.rtol is None else 0.1 * tolerance * float(largest)
        np.testing.assert_allclose(g, w, rtol=tolerance, atol=atol, err_msg=op_type)


@pytest.mark.parametrize("op_type", sorted(SAMPLES))
def test_value(op_type: str) -> None:
    sample, rng = SAMPLES[op_type], generator(op_type)
    for dtype in sample.dtypes:
        for shape in sample.shapes:
            args = sample.draw(rng, shape, dtype)
            op = Compiled(op_type, sample, args, is_data(op_type, sample, shape, dtype))
            want = reference(sample, args)
            compare(op_type, sample, op.function(op.outputs)(*args), want)
            for y, w in zip(op.outputs, want, strict=True):
                assert y.shape.is_compatible_with(w.shape)


@pytest.mark.parametrize("op_type", sorted(SAMPLES))
def test_value_without_graph(op_type: str) -> None:
    sample, rng = SAMPLES[op_type], generator(op_type)
    args = sample.draw(rng, sample.shapes[-1], sample.dtypes[0])
    got = apply(op_type, [tf.constant(a) for a in args], sample.attrs)
    compare(op_type, sample, [y.numpy() for y in got], reference(sample, args))


def replaced(sample: Sample, values: Sequence[float], dtype: str) -> list[Array]:
    shape = (len(values),)
    args = sample.draw(np.random.default_rng(5), shape, dtype)
    with np.errstate(all="ignore"):
        return [np.asarray(values, args[0].dtype), *args[1:]]


@pytest.mark.parametrize("op_type", sorted(n for n, s in SAMPLES.items() if s.tails or s.special))
def test_far_and_special_arguments(op_type: str) -> None:
    sample = SAMPLES[op_type]
    values = sample.tails + (SPECIAL if sample.special else ())
    for dtype in sample.dtypes:
        if np.dtype(dtype).kind == "f":
            args = replaced(sample, values, dtype)
            op = Compiled(op_type, sample, args, [True] * len(args))
            got, want = op.function(op.outputs)(*args), reference(sample, args)
            compare(op_type, sample, got, want)
            for g, w in zip(got, want, strict=True):
                zero = w == 0
                np.testing.assert_array_equal(np.signbit(g[zero]), np.signbit(w[zero]))


@pytest.mark.parametrize("op_type", sorted(n for n, s in SAMPLES.items() if s.extra_inputs))
def test_extra_inputs(op_type: str) -> None:
    sample = SAMPLES[op_type]
    for dtype in sample.dtypes:
        kinds = [a.dtype for a in sample.draw(generator(op_type), sample.shapes[-1], dtype)]
        for extra in sample.extra_inputs:
            args = [np.asarray(v, k) for v, k in zip(extra, kinds, strict=True)]
            if any(np.any(np.asarray(v) < 0) and k.kind == "u" for v, k in zip(extra, kinds)):  # noqa: B905
                continue
            want = reference(sample, args)
            for data in (True, False):
                op = Compiled(op_type, sample, args, [data] * len(args))
                compare(op_type, sample, op.function(op.outputs)(*args), want)


def weights(rng: np.random.Generator, like: Array) -> Array:
    w = rng.uniform(0.5, 1.5, like.shape)
    if np.iscomplexobj(like):
        return np.asarray(w + 1j * rng.uniform(0.5, 1.5, like.shape), like.dtype)
    return np.asarray(w, like.dtype)


def dense(gradient: Any) -> Any:
    return None if gradient is None else tf.convert_to_tensor(gradient)


def gradient_dtypes(op_type: str, excluded: frozenset[str] = NOT_CONJUGATED) -> list[str]:
    wanted = ("float64",) if op_type in excluded else ("float64", "complex128")
    return [d for d in wanted if d in SAMPLES[op_type].dtypes]


def folded(sample: Sample, index: int, gradient: Array) -> Array:
    """What differences must agree with in place of a gradient."""
    return gradient if sample.fold is None or index != 0 else sample.fold(gradient)


def carried(values: list[Array]) -> list[int]:
    """Outputs that a gradient comes in by."""
    return [i for i, v in enumerate(values) if v.dtype.kind in "fc"]


@pytest.mark.parametrize("op_type", DIFFERENTIABLE)
def test_gradient(op_type: str) -> None:
    sample, rng = SAMPLES[op_type], generator(op_type)
    for dtype in gradient_dtypes(op_type):
        for shape in sample.shapes:
            args = sample.draw(rng, shape, dtype)
            op = Compiled(op_type, sample, args, is_data(op_type, sample, shape, dtype))
            values = op.function(op.outputs)(*args)
            keep = carried(values)
            ys = [op.outputs[i] for i in keep]
            ws = [weights(rng, values[i]) for i in keep]
            with op.graph.as_default():
                grad_ys = [tf.compat.v1.placeholder(tf.as_dtype(w.dtype), w.shape) for w in ws]
                grads = tf.gradients(ys, [op.inputs[i] for i in sample.wrt], grad_ys)
                grads = [dense(g) for g in grads]
            assert all(g is not None for g in grads), "no gradient"
            got = op.function(grads, grad_ys)(*args, *ws)
            value = op.function(ys)
            for index, gradient in zip(sample.wrt, got, strict=True):
                gradient = folded(sample, index, gradient)
                compare_gradient(value, args, index, gradient, ws, rng, sample.grad_rtol)


@pytest.mark.parametrize("op_type", [n for n in DIFFERENTIABLE if SAMPLES[n].second])
def test_second_gradient(op_type: str) -> None:
    sample, rng = SAMPLES[op_type], generator(op_type)
    for dtype in gradient_dtypes(op_type, NOT_CONJUGATED_TWICE):
        sizes = [s for s in sample.shapes if 0 < np.prod(s) <= 24 or s == ()]
        for shape in (sizes or list(sample.shapes))[-2:]:
            args = sample.draw(rng, shape, dtype)
            op = Compiled(op_type, sample, args, is_data(op_type, sample, shape, dtype))
            values = op.function(op.outputs)(*args)
            keep = carried(values)
            ws = [weights(rng, values[i]) for i in keep]
            vs = [weights(rng, args[i]) for i in sample.wrt]
            xs = [op.inputs[i] for i in sample.wrt]
            with op.graph.as_default():
                grad_ys = [tf.constant(w) for w in ws]
                first = tf.gradients([op.outputs[i] for i in keep], xs, grad_ys)
                first = [dense(g) for g in first]
                second = tf.gradients(first, xs, [tf.constant(v) for v in vs])
                second = [
                    tf.zeros_like(x) if g is None else dense(g)
                    for g, x in zip(second, xs, strict=True)
                ]
            got = op.function(second)(*args)
            value = op.function(first)
            for index, gradient in zip(sample.wrt, got, strict=True):
                gradient = folded(sample, index, gradient)
                compare_gradient(value, args, index, gradient, vs, rng, sample.grad_rtol, 8)


# |x - y|^2 is not holomorphic: no derivative of it to compare with.
@pytest.mark.parametrize("op_type", sorted(NOT_CONJUGATED - {"SquaredDifference"}))
def test_gradient_that_is_not_conjugated(op_type: str) -> None:
    sample, rng = SAMPLES[op_type], generator(op_type)
    args = sample.draw(rng, sample.shapes[-1], "complex128")
    op = Compiled(op_type, sample, args, is_data(op_type, sample, sample.shapes[-1], "complex128"))
    w = weights(rng, op.function(op.outputs)(*args)[0])
    with op.graph.as_default():
        grads = tf.gradients(op.outputs, [op.inputs[i] for i in sample.wrt], [tf.constant(w)])
        grads = [dense(g) for g in grads]
    value = op.function(op.outputs)
    for index, gradient in zip(sample.wrt, op.function(grads)(*args), strict=True):
        compare_gradient(value, args, index, gradient.conj(), [w.conj()], rng, sample.grad_rtol)


@pytest.mark.parametrize("op_type", sorted(n for n, s in SAMPLES.items() if s.zero_gradient))
def test_zero_gradient(op_type: str) -> None:
    sample = SAMPLES[op_type]
    for dtype in gradient_dtypes(op_type):
        shape = sample.shapes[-1]
        args = sample.draw(generator(op_type), shape, dtype)
        op = Compiled(op_type, sample, args, is_data(op_type, sample, shape, dtype))
        with op.graph.as_default():
            grads = tf.gradients(op.outputs, [op.inputs[i] for i in sample.wrt])
            known = [dense(g) for g in grads if g is not None]
        for gradient in op.function(known)(*args) if known else []:
            assert not np.any(gradient)


@pytest.mark.parametrize("op_type", sorted(n for n, s in SAMPLES.items() if s.lookup_error))
def test_gradient_is_a_lookup_error(op_type: str) -> None:
    sample = SAMPLES[op_type]
    shape, dtype = sample.shapes[-1], (*gradient_dtypes(op_type), sample.dtypes[0])[0]
    args = sample.draw(generator(op_type), shape, dtype)
    op = Compiled(op_type, sample, args, is_data(op_type, sample, shape, dtype))
    with op.graph.as_default(), pytest.raises(LookupError, match=f"{op_type}|disabled"):
        tf.gradients(op.outputs, op.inputs)
