"""A program in the style of TensorFlow 1: placeholders, variables, a Session, `tf.gradients`.

Shows: a graph built once and run many times, state that belongs to the session, a gradient cut at
an inner tensor, feeding an inner tensor, and `make_callable`, the quickest way to run.

Usage: python examples/session.py
"""

from __future__ import annotations

import numpy as np

import wengert as tf

v1 = tf.compat.v1


def main() -> None:
    graph = v1.Graph()
    with graph.as_default():
        x = v1.placeholder(tf.float64, [None], name="x")
        y = v1.placeholder(tf.float64, [None], name="y")
        slope = v1.Variable(tf.zeros([], tf.float64), name="slope")
        offset = v1.Variable(tf.zeros([], tf.float64), name="offset")
        error = slope * x + offset - y
        loss = tf.reduce_mean(tf.square(error))
        gradients = v1.gradients(loss, [slope, offset])
        wrt_error = v1.gradients(loss, error)[0]
        updates = [
            v1.assign_sub(variable, 0.3 * gradient)
            for variable, gradient in zip([slope, offset], gradients, strict=True)
        ]
        train = v1.group(*updates)
        initialise = v1.global_variables_initializer()
    print("gradients:", [g.name for g in gradients])

    # Points on a line, with a little noise.
    random = np.random.RandomState(0)
    points = random.uniform(-1, 1, 200)
    values = 3.0 * points - 0.5 + 0.01 * random.randn(200)
    with v1.Session(graph=graph) as session:
        session.run(initialise)
        step = session.make_callable([loss, train], feed_list=[x, y])
        for i in range(1, 101):
            current, _ = step(points, values)
            if i in (1, 10, 100):
                print(f"step {i:3d}: loss {current:.6f}")
        a, b = session.run([slope, offset])
        print(f"slope {a:.3f}, offset {b:.3f}")
        # Any tensor can be fed: here the error itself, which needs no x and no y.
        print("d loss / d error:", session.run(wrt_error, {error: [1.0, -2.0]}))


if __name__ == "__main__":
    main()
