"""GradientTape: eagerly, in functions and in graphs."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import wengert as tf

needs_loops = pytest.mark.skipif(
    "TensorListReserve" not in tf._core.op_names(), reason="needs TensorList ops"
)


def values(structure):
    if isinstance(structure, (list, tuple)):
        return [values(s) for s in structure]
    if isinstance(structure, dict):
        return {k: values(v) for k, v in structure.items()}
    return None if structure is None else np.asarray(tf.convert_to_tensor(structure)).tolist()


def test_watched_tensor():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x * x
    assert values(tape.gradient(y, x)) == [3.0, 12.0]


def test_variables_are_watched_when_used():
    a, b, c = tf.Variable(2.0), tf.Variable(3.0, trainable=False), tf.Variable(4.0)
    with tf.GradientTape() as tape:
        y = a * b
    assert values(tape.gradient(y, [a, b, c])) == [3.0, None, None]
    assert [v is a for v in tape.watched_variables()] == [True]


def test_variables_can_be_left_alone():
    a, b = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(a)
        y = a * b
    assert values(tape.gradient(y, [a, b])) == [3.0, None]


def test_structures():
    a, b = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = [a * b, a + b]
    assert values(tape.gradient(y, {"a": a, "b": (b,)})) == {"a": 4.0, "b": [3.0]}


def test_intermediate_source_and_target_that_is_a_source():
    x = tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert values(tape.gradient(z, [x, y])) == [32.0, 8.0]
    assert values(tape.gradient(y, [y, x])) == [1.0, 4.0]
    assert values(tape.gradient(x, x)) == 1.0


def test_persistent_tape_and_one_that_is_used_up():
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    assert values(tape.gradient(y, x)) == values(tape.gradient(y, x)) == 6.0
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="non-persistent GradientTape can only be used"):
        tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="non-persistent GradientTape can only be used"):
        tape.jacobian(y, x)


def test_nested_tapes_of_third_order():
    x = tf.Variable(2.0)
    with tf.GradientTape() as t3:
        with tf.GradientTape() as t2:
            with tf.GradientTape() as t1:
                y = x**4
            g1 = t1.gradient(y, x)
        g2 = t2.gradient(g1, x)
    assert values([g1, g2, t3.gradient(g2, x)]) == [32.0, 48.0, 48.0]


def test_persistent_tape_records_its_own_gradients():
    x = tf.constant(0.5)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.sin(x)
        derivatives = []
        for _ in range(5):
            y = tape.gradient(y, x)
            derivatives.append(float(y))
    s, c = np.sin(0.5), np.cos(0.5)
    np.testing.assert_allclose(derivatives, [c, -s, -c, s, c], rtol=1e-6)


def test_output_gradients_and_unconnected():
    x, z = tf.Variable([1.0, 2.0]), tf.Variable([[1.0]])
    with tf.GradientTape() as tape:
        y = x * 3.0
    found = tape.gradient(
        y, [x, z], output_gradients=tf.constant([1.0, 10.0]), unconnected_gradients="zero"
    )
    assert values(found) == [[3.0, 30.0], [[0.0]]]


def test_stop_recording_and_reset():
    x = tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        y = x * x
        with tape.stop_recording():
            z = y * 100.0
        w = y + z
        assert values(tape.gradient(w, x)) == 4.0
        tape.reset()
        v = x * 5.0
    assert values(tape.gradient(v, x)) == 5.0
    assert values(tape.gradient(w, x)) is None


def test_indices_and_slices():
    table = tf.Variable(np.arange(8.0, dtype=np.float32).reshape(4, 2))
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.gather(table, [1, 1, 2]) ** 2)
    g = tape.gradient(y, table)
    assert isinstance(g, tf.IndexedSlices)
    assert values(g) == [[0, 0], [8, 12], [8, 10], [0, 0]]


def test_lists_that_hold_tensors_and_slicing():
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.stack([x[0] * x[1], x[2] ** 2])
        z = tf.reduce_sum(y * [2.0, x[0]])
    assert values(tape.gradient(z, x)) == [13.0, 2.0, 6.0]


def test_complex_target():
    z = tf.constant([1.0 + 2.0j], tf.complex64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        y = z * z
    np.testing.assert_allclose(tape.gradient(y, z).numpy(), [2 - 4j])


def test_function_under_a_tape():
    w = tf.Variable([2.0, 3.0])

    @tf.function
    def f(x):
        return tf.sin(x) * w, tf.reduce_sum(w * w)

    x = tf.constant([0.5, 1.0])
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, n = f(x)
        gx, gw = tape.gradient([y, n], [x, w])
        np.testing.assert_allclose(gx.numpy(), np.cos([0.5, 1.0]) * [2, 3], rtol=1e-6)
        np.testing.assert_allclose(gw.numpy(), np.sin([0.5, 1.0]) + np.array([4, 6]), rtol=1e-6)


def test_function_keeps_what_it_drew():
    @tf.function
    def f(x):
        return x * tf.raw_ops.RandomUniform(shape=[4], dtype=tf.float32)

    x = tf.ones([4])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), y.numpy())


def test_function_keeps_the_value_that_it_read():
    v = tf.Variable(3.0)

    @tf.function
    def f(x):
        return x * v

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    v.assign(100.0)
    assert values(tape.gradient(y, [x, v])) == [3.0, 2.0]


def test_second_order_through_a_function():
    @tf.function
    def f(x):
        return tf.exp(x) * x

    x = tf.constant(0.5)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        g = inner.gradient(y, x)
    h = outer.gradient(g, x)
    np.testing.assert_allclose([float(g), float(h)], np.exp(0.5) * np.array([1.5, 2.5]), rtol=1e-6)


def test_tape_around_a_loop_of_many_steps_reuses_its_program():
    w = tf.Variable(1.0)
    for _ in range(30):
        with tf.GradientTape() as tape:
            loss = (w - 3.0) * (w - 3.0)
        w.assign_sub(0.2 * tape.gradient(loss, w))
    assert abs(float(w) - 3.0) < 1e-4


def test_inside_a_function():
    v = tf.Variable(3.0)

    @tf.function
    def f(x):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.sin(x) * v
            g = inner.gradient(y, x)
        return g, outer.gradient(g, x), outer.gradient(y, v), outer.jacobian(y, x)

    g, h, gv, j = f(tf.constant([0.5, 1.0]))
    s, c = np.sin([0.5, 1.0]), np.cos([0.5, 1.0])
    np.testing.assert_allclose(g.numpy(), 3 * c, rtol=1e-6)
    np.testing.assert_allclose(h.numpy(), -3 * s, rtol=1e-6)
    np.testing.assert_allclose(gv.numpy(), s.sum(), rtol=1e-6)
    np.testing.assert_allclose(j.numpy(), np.diag(3 * c), rtol=1e-6)


def test_inside_a_graph():
    with tf.Graph().as_default():
        v = tf.compat.v1.Variable(3.0)
        x = tf.compat.v1.placeholder(tf.float32, [None])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * x * v
        gx, gv = tape.gradient(y, [x, v])
        with tf.compat.v1.Session() as session:
            session.run(v.initializer)
            a, b = session.run([gx, gv], {x: [1.0, 2.0]})
    assert a.tolist() == [6.0, 12.0]
    assert b == 5.0


def test_names_in_a_graph():
    with tf.Graph().as_default() as graph:
        x = tf.constant([0.5, 1.0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            with tf.name_scope("a"):
                y = tf.sin(x) * 2.0
        tape.gradient(y, x)
        names = [op.name for op in graph.get_operations()]
    assert names[-4:] == [
        "ones", "gradient_tape/a/mul/Mul", "gradient_tape/a/Cos", "gradient_tape/a/mul",
    ]  # fmt: skip


def test_memory_is_freed_with_the_tape():
    x = tf.ones([1000])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x
        for _ in range(10):
            y = y * 1.5
        assert len(tape._recorder.core) == 10
        tape.reset()
        assert len(tape._recorder.core) == 0
    dead = weakref.ref(tape._recorder)
    del tape
    gc.collect()
    assert dead() is None


def test_each_thread_records_its_own():
    results = {}

    def work(k):
        x = tf.constant(float(k))
        for _ in range(20):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = x * x * x
            results[k] = float(tape.gradient(y, x))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {k: 3.0 * k * k for k in range(4)}


def test_wrong_use():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        with pytest.raises(ValueError, match="still recording"), tape:
            pass
        with pytest.raises(ValueError, match="Passed in object a of type 'str'"):
            tape.watch("a")
        tape.watch(x)
        y = x * x
    with pytest.raises(TypeError, match="received None"):
        tape.gradient(None, x)
    with pytest.raises(TypeError, match="sources of a gradient"):
        tape.gradient(y, 3.0)
    with pytest.raises(TypeError, match="target"):
        tape.gradient("y", x)
    with pytest.raises(ValueError, match="unconnected_gradients: 'foo'"):
        tape.gradient(y, x, unconnected_gradients="foo")
    with pytest.raises(TypeError, match="dtype float32"):
        tape.gradient(y, x, output_gradients=tf.constant(1))
    with pytest.raises(ValueError, match="must have that shape"):
        tape.gradient(y, x, output_gradients=tf.constant([1.0, 2.0]))
    assert values(tape.gradient(y, x)) == 4.0  # all of the above left it intact
    with pytest.raises(ValueError, match="not recording"), tape.stop_recording():
        pass
    with pytest.raises(ValueError, match="not recording"):
        tf.GradientTape().reset()
    with pytest.raises(ValueError, match="not recording"):
        tf.GradientTape().watch(x)


def test_integers_are_constants(caplog):
    x = tf.constant([1, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x) is None
    assert "must be floating" in caplog.text


def test_operation_without_gradient():
    x = tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.raw_ops.Softsign(features=x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            z = tf.raw_ops.Softsign(features=x)
        g = inner.gradient(z, x)
    assert values(tape.gradient(y, x)) is not None
    del g


def test_error_in_the_block_leaves_no_tape_behind():
    def work():
        with tf.GradientTape() as tape:
            tape.watch(tf.constant(1.0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    from wengert import _core

    assert not _core.tapes_active()


def test_threads_share_functions_with_gradients_in_python():
    @tf.custom_gradient
    def square(x):
        def grad(dy):
            return dy * x * 2.0

        return x * x, grad

    wrong = []
    for _ in range(5):
        f = tf.function(
            lambda x: square(x) * tf.sin(x)
        )  # new: all threads differentiate it at once
        f(tf.constant(1.0))
        barrier = threading.Barrier(4)

        def work(f=f, barrier=barrier):
            barrier.wait(20)
            x = tf.constant(0.5)
            for _ in range(5):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = f(x)
                g = float(tape.gradient(y, x))
                if abs(g - (np.sin(0.5) + 0.25 * np.cos(0.5))) > 1e-5:
                    wrong.append(g)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        assert not any(t.is_alive() for t in threads)
    assert not wrong


@needs_loops
def test_control_flow_under_a_tape():
    @tf.function
    def f(x, n):
        y = tf.cond(tf.reduce_sum(x) > 0.0, lambda: x * 2.0, lambda: x)
        return tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * x), [0, y])[1]

    x = tf.constant([2.0, 3.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x, tf.constant(3))
        g = tape.gradient(y, x)
    np.testing.assert_allclose(y.numpy(), 2 * np.array([2.0, 3.0]) ** 4)
    np.testing.assert_allclose(g.numpy(), 8 * np.array([2.0, 3.0]) ** 3)
    np.testing.assert_allclose(outer.gradient(g, x).numpy(), 24 * np.array([2.0, 3.0]) ** 2)


@needs_loops
def test_control_flow_eagerly_and_in_a_tape_in_a_function():
    def g(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x), [0, x])[1]
        return tape.gradient(y, x)

    x = tf.constant(2.0)
    assert float(g(x)) == 32.0
    assert float(tf.function(g)(x)) == 32.0
