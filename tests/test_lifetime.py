"""Graphs, functions and what they hold are freed once nothing refers to them, and not before."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as tf
from wengert import _core

v1 = tf.compat.v1
MakeRefs = Callable[[], list[Any]]


def refs(*objects: Any) -> list[Any]:
    return [weakref.ref(x) for x in objects]


def plain_graph() -> list[Any]:
    g = tf.Graph()
    with g.as_default():
        x = v1.placeholder(tf.float32, [2])
        y = tf.reduce_sum(x * x)
        (dx,) = tf.gradients(y, x)
        g.add_to_collection("kept", dx)
        x.note = y.op  # attributes of tensors and operations may refer back, too
        y.op.note = x
    return refs(g, x, y.op)


def session() -> list[Any]:
    with tf.Graph().as_default() as g:
        x = v1.placeholder(tf.float32, [2])
        w = v1.get_variable("w", initializer=np.ones(2, np.float32))
        (dx,) = tf.gradients(tf.reduce_sum(w * x * x), x)
        with v1.Session() as sess:
            sess.run(v1.global_variables_initializer())
            f = sess.make_callable([dx], [x])
            assert f(np.ones(2, np.float32))[0].tolist() == [2.0, 2.0]
            g.add_to_collection("f", f)  # through the compiled callable
    return refs(g, x, sess)


def func_graph() -> list[Any]:
    from wengert._func_graph import FuncGraph

    g = FuncGraph("f")
    with g.as_default():
        g.outputs.append(tf.constant(1.0))
    return refs(g)


def a_function() -> list[Any]:
    @tf.function
    def f(x: Any) -> Any:
        return {"a": x * x}

    f(tf.constant(2.0))
    f(tf.constant([2.0]))
    c = f.get_concrete_function(tf.constant(2.0))
    c(tf.constant(3.0))
    return refs(f, c, c.graph, c.outputs[0])


def variables_and_captures() -> list[Any]:
    v = tf.Variable([1.0, 2.0])
    big = tf.constant(np.ones(1000, np.float32))
    made: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        if not made:
            made.append(tf.Variable(3.0))
        v.assign_add(x)
        return made[0] * tf.reduce_sum(v) + tf.reduce_sum(big)

    f(tf.ones([2]))
    c = f.get_concrete_function(tf.ones([2]))
    return refs(f, c, c.graph, v, made[0])


def nested_functions() -> list[Any]:
    @tf.function
    def inner(x: Any) -> Any:
        return tf.sin(x)

    @tf.function
    def outer(x: Any) -> Any:
        @tf.function
        def with_capture(y: Any) -> Any:
            return inner(y) * x

        return tf.gradients(with_capture(x) + with_capture(2.0 * x), x)[0]

    outer(tf.constant(1.0))
    c = outer.get_concrete_function(tf.constant(1.0))
    return refs(inner, outer, c, c.graph)


def branches_and_loops() -> list[Any]:
    graphs: list[Any] = []

    def note(x: Any) -> Any:
        graphs.append(weakref.ref(x.graph))
        return x

    @tf.function
    def f(x: Any) -> Any:
        y = tf.cond(x > 0.0, lambda: note(x * 2.0), lambda: note(tf.sin(x)))
        _, z = tf.while_loop(
            lambda i, a: i < 3, lambda i, a: (i + 1, note(a * x)), [tf.constant(0), y]
        )
        return tf.gradients(z, x)[0]

    f(tf.constant(1.5))
    c = f.get_concrete_function(tf.constant(1.5))
    assert len(graphs) >= 3
    return [*refs(f, c, c.graph), *graphs]


def tapes() -> list[Any]:
    v = tf.Variable(2.0)

    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            y = v * x * x
        return tape.gradient(y, v)

    with tf.GradientTape(persistent=True) as outside:
        y = f(tf.constant(3.0))
    outside.gradient(y, v)
    c = f.get_concrete_function(tf.constant(3.0))
    return refs(f, c, c.graph, v, outside)


def python_functions() -> list[Any]:
    class Model:
        def forward(self, x: Any) -> Any:
            return x * x

    model = Model()

    @tf.function
    def f(x: Any) -> Any:
        y = tf.py_function(model.forward, [x], tf.float32)
        y.set_shape([])
        return y + tf.numpy_function(np.cos, [x], tf.float32), tf.gradients(y, x)[0]

    assert f(tf.constant(3.0))[1].numpy() == 6.0
    model.f = f  # type: ignore[attr-defined]
    c = f.get_concrete_function(tf.constant(3.0))
    return refs(f, c, c.graph, model)


def custom_gradients() -> list[Any]:
    v = tf.Variable(2.0)

    @tf.custom_gradient
    def twice(x: Any) -> Any:
        y = tf.exp(x)
        return y, lambda dy: 2.0 * dy * y

    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            y = tf.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, twice(a) * v), [0, x])[1]
        return tape.gradient(y, v), tf.gradients(y, x)

    f(tf.constant(0.5))
    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(0.5))
        y = twice(x)
    tape.gradient(y, x)
    c = f.get_concrete_function(tf.constant(0.5))
    return refs(f, c, c.graph, twice, v)


def methods() -> list[Any]:
    class Model:
        def __init__(self) -> None:
            self.v = tf.Variable(1.0)

        def __eq__(self, other: object) -> bool:  # not hashable
            return False

        @tf.function
        def call(self, x: Any) -> Any:
            return self.v * x

    model = Model()
    model.call(tf.constant(2.0))
    assert model.call is model.call
    assert model.call.experimental_get_tracing_count() == 1
    c = model.call.get_concrete_function(tf.constant(2.0))
    return refs(model, model.v, model.call, c, c.graph)


def functions_in_graphs() -> list[Any]:
    inner = tf.function(lambda x: x * x)
    alive.append(inner)  # the function lives on, its traces go with their graphs
    with tf.Graph().as_default() as g:
        x = v1.placeholder(tf.float32, [])
        y = inner(x)
        tf.gradients(y, x)
        box = [tf.cond(x > 0.0, lambda: inner(x), lambda: x)]

        @tf.function
        def with_capture(z: Any) -> Any:
            return z * box[0]

        with_capture(x)
        alive.append(with_capture)
        box.clear()
    return refs(g, x, y)


def derivatives() -> list[Any]:
    def f(x: Any) -> Any:
        return tf.reduce_sum(x**3)

    compiled = tf.function(lambda x: tf.hessians(f(x), x)[0])
    compiled(tf.constant([1.0, 2.0]))
    c = compiled.get_concrete_function(tf.constant([1.0, 2.0]))
    mapped = tf.function(lambda x: tf.vectorized_map(lambda r: r * r, x))
    mapped(tf.ones([3, 2]))
    d = mapped.get_concrete_function(tf.ones([3, 2]))
    return refs(compiled, c, c.graph, d.graph)


def failed_trace() -> list[Any]:
    graphs: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        graphs.append(weakref.ref(x.graph))
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        f(tf.constant(1.0))
    return [*refs(f), *graphs]


alive: list[Any] = []


@pytest.mark.parametrize(
    "make",
    [
        plain_graph,
        session,
        func_graph,
        a_function,
        variables_and_captures,
        nested_functions,
        branches_and_loops,
        tapes,
        python_functions,
        custom_gradients,
        methods,
        functions_in_graphs,
        derivatives,
        failed_trace,
    ],
)
def test_is_freed(make: MakeRefs) -> None:
    made = make()
    gc.collect()
    left = [r() for r in made if r() is not None]
    alive.clear()
    assert not left


def test_a_subclass_of_graph_is_freed() -> None:
    class Mine(tf.Graph):
        pass

    def make() -> list[Any]:
        g = Mine()
        with g.as_default():
            g.kept = tf.constant(1.0)  # type: ignore[attr-defined]
        return refs(g)

    (g,) = make()
    gc.collect()
    assert g() is None


def test_memory_of_retraces() -> None:
    v = tf.Variable(np.ones(4, np.float32))

    def once() -> None:
        @tf.function
        def f(x: Any) -> Any:
            with tf.GradientTape() as tape:
                y = x
                for _ in range(20):
                    y = tf.tanh(y * v)
                y = tf.cond(tf.reduce_sum(y) > 0.0, lambda: y * 2.0, lambda: y)
            return tape.gradient(y, v)

        f(tf.ones([4]))
        with tf.GradientTape() as tape:
            y = f(tf.ones([4]))
        tape.gradient(y, v)

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for _ in range(40):
        once()
    gc.collect()
    before = peak()
    for i in range(300):
        once()
        if i % 20 == 0:
            gc.collect()
    assert peak() - before < 10_000  # kilobytes


# --- nothing is freed too early ---------------------------------------------------------------


def test_a_tensor_keeps_its_graph() -> None:
    def make() -> Any:
        with tf.Graph().as_default():
            x = tf.constant(3.0)
            return x * x

    y = make()
    gc.collect()
    assert y.graph.get_operations()[0].name == "Const"
    with y.graph.as_default():
        (z,) = tf.gradients(y, y.op.inputs[0])
        # x * x has x twice
        assert v1.Session().run(z) == 6.0


def test_an_operation_keeps_its_graph() -> None:
    def make() -> Any:
        with tf.Graph().as_default():
            return tf.constant(3.0).op

    op = make()
    gc.collect()
    assert op.graph.find_operation("Const") is op


def test_a_concrete_function_outlives_its_function() -> None:
    c = tf.function(lambda x: x * x).get_concrete_function(tf.constant(1.0))
    gc.collect()
    assert c(tf.constant(3.0)).numpy() == 9.0
    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(3.0))
        y = c(x)
    del c
    gc.collect()
    assert tape.gradient(y, x).numpy() == 6.0


def python_inside() -> Any:
    """A function of which nothing is kept, with gradients that are written in Python."""

    @tf.custom_gradient
    def thrice(x: Any) -> Any:
        return tf.identity(x), lambda dy: 3.0 * dy

    def f(x: Any) -> Any:
        y = tf.py_function(lambda t: t * t, [thrice(x)], tf.float32)
        y.set_shape([])
        return y

    return tf.function(f)


def test_calls_in_a_graph_keep_what_they_call() -> None:
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [])
        y = tf.cond(x > 0.0, lambda: python_inside()(x), lambda: x)
        gc.collect()
        (dx,) = tf.gradients(y, x)
        gc.collect()
        f = v1.Session().make_callable([y, dx], [x])
    del y, dx
    gc.collect()
    values = f(np.float32(2.0))
    assert [float(a) for a in values] == [4.0, 12.0]


def test_tapes_keep_what_they_recorded() -> None:
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = python_inside()(x)
    gc.collect()
    assert tape.gradient(y, x).numpy() == 12.0


def test_gradients_of_functions_in_functions() -> None:
    @tf.function
    def f(x: Any) -> Any:
        y = python_inside()(x)
        gc.collect()
        return tf.gradients(y, x)[0]

    gc.collect()
    assert f(tf.constant(2.0)).numpy() == 12.0
    gc.collect()
    assert f(tf.constant(3.0)).numpy() == 18.0


def test_traces_are_shared_between_functions() -> None:
    inner = tf.function(lambda x: x * x)
    first = tf.function(lambda x: inner(x) + inner(x))
    second = tf.function(lambda x: tf.cond(x > 0.0, lambda: inner(x), lambda: x))
    x = tf.constant(2.0)
    assert first(x).numpy() == 8.0
    del first
    gc.collect()
    assert second(x).numpy() == 4.0
    assert inner(x).numpy() == 4.0
    assert inner.experimental_get_tracing_count() == 1
    with tf.Graph().as_default():
        inner(tf.constant(1.0))
        inner(tf.constant(1.0))
    assert inner.experimental_get_tracing_count() == 2


def test_a_trace_with_a_capture_is_not_shared() -> None:
    box: list[Any] = [None]
    inner = tf.function(lambda z: z * box[0])

    def outer(x: Any, y: Any) -> Any:
        box[0] = y
        return inner(x)

    two, five = tf.constant(2.0), tf.constant(5.0)
    assert tf.function(outer)(two, two).numpy() == 4.0
    assert tf.function(outer)(two, five).numpy() == 10.0


def test_waiting_tapes_go_with_their_function() -> None:
    from wengert._py_function import _waiting

    before = len(_waiting.tapes)

    def call() -> None:
        f = tf.function(lambda x: tf.py_function(lambda t: t * t, [x], tf.float32))
        for _ in range(3):
            f(tf.constant(1.0))

    call()
    gc.collect()
    assert len(_waiting.tapes) == before


def test_exit_with_everything_alive() -> None:
    """Whatever the order of destruction at exit is, nothing crashes."""
    code = (
        "import wengert as tf\n"
        "g = tf.Graph()\n"
        "with g.as_default(): y = tf.py_function(lambda t: t, [tf.constant(1.0)], 'float32')\n"
        "@tf.function\n"
        "def f(x): return tf.cond(x > 0, lambda: x * v, lambda: x)\n"
        "v = tf.Variable(1.0); f(v); c = f.get_concrete_function(v)\n"
        "tape = tf.GradientTape(persistent=True); tape.__enter__(); z = f(v); tape.__exit__()\n"
        "tape.gradient(z, v)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_objects_of_graphs_of_the_core() -> None:
    """A graph that Python has not seen gets a full object."""

    @tf.function
    def f(x: Any) -> Any:
        y = tf.function(lambda a: tf.sin(a))(x)
        return tf.gradients(y, x)[0]

    graph = f.get_concrete_function(tf.constant(1.0)).graph
    calls = [op for op in graph.get_operations() if "PartitionedCall" in op.type]
    for op in calls:
        inner = op.get_attr("f").graph
        assert isinstance(inner, tf.Graph)
        assert inner.building_function
        assert inner.get_operations()[0].graph is inner
    assert isinstance(_core.current_graph(), type(None))
