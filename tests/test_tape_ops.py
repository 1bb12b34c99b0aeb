"""Every differentiable op under a tape gives what the graph gives, to second order."""

from __future__ import annotations

import numpy as np
import pytest
from test_ops import (
    DIFFERENTIABLE,
    SAMPLES,
    Compiled,
    apply,
    carried,
    dense,
    generator,
    gradient_dtypes,
    is_data,
    weights,
)

import wengert as tf


@pytest.mark.parametrize("op_type", DIFFERENTIABLE)
def test_tape_agrees_with_the_graph(op_type: str) -> None:
    sample, rng = SAMPLES[op_type], generator(op_type)
    for dtype in gradient_dtypes(op_type):
        shape = sample.shapes[-2:][0]
        args = sample.draw(rng, shape, dtype)
        op = Compiled(op_type, sample, args, is_data(op_type, sample, shape, dtype))
        values = op.function(op.outputs)(*args)
        keep = carried(values)
        ws = [weights(rng, values[i]) for i in keep]
        vs = [weights(rng, args[i]) for i in sample.wrt]
        with op.graph.as_default():
            xs = [op.inputs[i] for i in sample.wrt]
            first = tf.gradients([op.outputs[i] for i in keep], xs, [tf.constant(w) for w in ws])
            first = [dense(g) for g in first]
            second = [None] * len(xs)
            if sample.second:
                second = tf.gradients(first, xs, [tf.constant(v) for v in vs])
                second = [dense(g) for g in second]
        want_first = op.function(first)(*args)
        known = [g for g in second if g is not None]
        want_second = iter(op.function(known)(*args) if known else [])

        tensors = [tf.constant(a) for a in args]
        xs = [tensors[i] for i in sample.wrt]
        with tf.GradientTape() as outer:
            outer.watch(xs)
            with tf.GradientTape() as inner:
                inner.watch(xs)
                ys = apply(op_type, tensors, sample.attrs)
            got = inner.gradient([ys[i] for i in keep], xs, output_gradients=ws)
            got = [dense(g) for g in got]
        for g, w in zip(got, want_first, strict=True):
            np.testing.assert_allclose(g.numpy(), w, rtol=1e-10, atol=1e-12)
        if sample.second:
            again = outer.gradient(got, xs, output_gradients=vs)
            for g, w in zip(again, second, strict=True):
                want = 0.0 if w is None else next(want_second)
                value = 0.0 if g is None else dense(g).numpy()
                np.testing.assert_allclose(value, want, rtol=1e-9, atol=1e-11)
