"""GradientTape: eagerly, in functions and in graphs."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import wengert as tf


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


def test_tape_around_a_loop_of_many_steps_reuses_its_program():
    w = tf.Variable(1.0)
    for _ in range(30):
        with tf.GradientTape() as tape:
            loss = (w - 3.0) * (w - 3.0)
        w.assign_sub(0.2 * tape.gradient(loss, w))
    assert abs(float(w) - 3.0) < 1e-4


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
