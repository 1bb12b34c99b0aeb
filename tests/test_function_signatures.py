"""Signatures of functions: texts, binding, which traces serve which calls. As TensorFlow's."""

from __future__ import annotations

import collections
import copy
import gc
import logging
import pickle
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import wengert as tf

Spec = tf.TensorSpec
F2 = "TensorSpec(shape=(2,), dtype=tf.float32, name=None)"
Pair = collections.namedtuple("Pair", "a b")


def signature(f: Any, *args: Any, **kwargs: Any) -> str:
    c = tf.function(f).get_concrete_function(*args, **kwargs)
    return str(c.pretty_printed_signature(verbose=False))


T = Spec([2])


@pytest.mark.parametrize(
    ("f", "args", "kwargs", "text"),
    [
        (lambda x: x, (T,), {}, f"(x: {F2}) -> {F2}"),
        (
            lambda d: {"z": d["b"], "c": d["a"]},
            ({"b": T, "a": T},),
            {},
            f"(d: Dict[['b', {F2}], ['a', {F2}]]) -> Dict[['z', {F2}], ['c', {F2}]]",
        ),
        (
            lambda p: p,
            (Pair(T, 1),),
            {},
            f"(p: Pair[['a', {F2}], ['b', Literal[1]]]) -> Pair[['a', {F2}], "
            "['b', TensorSpec(shape=(), dtype=tf.int32, name=None)]]",
        ),
        (
            lambda u, d, t: None,
            ([], {}, ()),
            {},
            "(u: List[], d: Dict[], t: Tuple[]) -> Literal[None]",
        ),
        (lambda x: (), (None,), {}, "(x: Literal[None]) -> Tuple[]"),
        (lambda x: [], ("abc",), {}, "(x: Literal['abc']) -> List[]"),
        (
            lambda *a, **k: a[0],
            (T, T),
            {"k1": T, "k0": 3},
            f"(a_0: {F2}, a_1: {F2}, /, *, k0: Literal[3], k1: {F2}) -> {F2}",
        ),
        (
            lambda x, *, y, z=1: x + y,
            (T,),
            {"y": T},
            f"(x: {F2}, *, y: {F2}, z: Literal[1]) -> {F2}",
        ),
        (
            lambda x, y=3, z=None: x,
            (T,),
            {},
            f"(x: {F2}, y: Literal[3], z: Literal[None]) -> {F2}",
        ),
        (
            lambda x, y: x,
            (Spec([2], name="foo"), [Spec([2], name="bar"), T]),
            {},
            "(x: TensorSpec(shape=(2,), dtype=tf.float32, name='foo'), y: List[TensorSpec("
            f"shape=(2,), dtype=tf.float32, name='bar'), {F2}]) -> {F2}",
        ),
        (
            lambda x: x,
            ([T, (T, {"q": [T]})],),
            {},
            f"(x: List[{F2}, Tuple[{F2}, Dict[['q', List[{F2}]]]]]) -> "
            f"List[{F2}, Tuple[{F2}, Dict[['q', List[{F2}]]]]]",
        ),
        (
            lambda x: x + 1.0,
            (tf.Variable([1.0]),),
            {},
            "(x: VariableSpec(shape=(1,), dtype=tf.float32, trainable=True, alias_id=0)) -> "
            "TensorSpec(shape=(1,), dtype=tf.float32, name=None)",
        ),
    ],
)
def test_signature_text(f: Any, args: Any, kwargs: Any, text: str) -> None:
    assert signature(f, *args, **kwargs) == text


def test_texts_of_a_concrete_function() -> None:
    def f(x: Any, y: int = 2, *args: Any, flag: bool = True, **kw: Any) -> Any:
        return {"a": x * 2.0, "b": (x, None)}

    c = tf.function(f).get_concrete_function(Spec([None, 3]), 3, flag=False)
    x = "TensorSpec(shape=(None, 3), dtype=tf.float32, name=None)"
    output = f"Dict[['a', {x}], ['b', Tuple[{x}, Literal[None]]]]"
    text = (
        f"Input Parameters:\n  x (POSITIONAL_ONLY): {x}\n  y (POSITIONAL_ONLY): Literal[3]\n"
        f"  flag (KEYWORD_ONLY): Literal[False]\nOutput Type:\n  {output}\nCaptures:\n  None"
    )
    assert c.pretty_printed_signature() == text
    assert str(c) == f"ConcreteFunction {text}"
    line = f"(x: {x}, y: Literal[3], /, *, flag: Literal[False]) -> {output}"
    assert repr(c) == f"<ConcreteFunction {line} at 0x{id(c):X}>"
    assert c.structured_input_signature == ((Spec([None, 3], name="x"), 3), {"flag": False})
    assert c.name.startswith("__inference_f_")


def test_captures_are_listed() -> None:
    v, w = tf.Variable(1.0), tf.Variable(2.0, trainable=False)
    big = tf.constant(np.ones(200, np.float32))
    c = tf.function(lambda x: x * v + w + tf.reduce_sum(big)).get_concrete_function(
        tf.constant(1.0)
    )
    lines = c.pretty_printed_signature().split("\n")[-3:]
    kinds = ["shape=(), dtype=tf.resource"] * 2 + ["shape=(200,), dtype=tf.float32"]
    assert lines == [
        f"  {id(t)}: TensorSpec({kind}, name=None)"
        for t, kind in zip(c.captured_inputs, kinds, strict=True)
    ]
    assert [x is y for x, y in zip(c.variables, (v, w), strict=True)] == [True, True]
    assert len(c.trainable_variables) == 1
    assert c.trainable_variables[0] is v
    assert len(c.inputs) == 4
    assert c.outputs[0].graph is c.graph
    assert c.output_dtypes == tf.float32
    assert c.output_shapes == tf.TensorShape([])


def test_structured_input_names() -> None:
    c = tf.function(lambda d, u: d["u"]).get_concrete_function(
        {"u": T, "v": Spec([])}, [T, (T, {"q": [T]})]
    )
    ((d, u), keywords) = c.structured_input_signature
    assert {k: s.name for k, s in d.items()} == {"u": "d_u", "v": "d_v"}
    assert [u[0].name, u[1][0].name, u[1][1]["q"][0].name] == ["u_0", "u_1_0", "u_1_1_q_0"]
    assert keywords == {}


def test_calls_of_a_concrete_function() -> None:
    def k(x: Any, y: Any = 3, *, flag: bool = True) -> Any:
        return x * float(y)

    c = tf.function(k).get_concrete_function(Spec([]))
    assert c(tf.constant(2.0)).numpy() == 6.0
    assert c(2.0, 3, flag=True).numpy() == 6.0
    assert c(x=tf.constant(2.0)).numpy() == 6.0
    start = "Binding inputs to tf.function failed due to "
    with pytest.raises(TypeError, match="missing a required argument: 'x'") as error:
        c()
    assert str(error.value).startswith(f"{start}`missing a required argument: 'x'`. Received args")
    assert str(error.value).endswith(
        "Fallback to flat signature also failed due to: k(x) missing required arguments: x."
    )
    with pytest.raises(TypeError, match=r"k\(x\) takes 1 positional arguments, got 2"):
        c(tf.constant(1.0), 4)
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        c(z=tf.constant(1.0))
    h = tf.function(lambda d, u: [d["u"] + u[0], u[1]]).get_concrete_function(
        {"u": T, "v": Spec([])}, [T, Spec([None])]
    )
    two = tf.ones([2])
    assert [t.shape.as_list() for t in h({"u": two, "v": 1.0}, [two, tf.ones([4])])] == [[2], [4]]
    assert len(h(two, tf.constant(1.0), two, two)) == 2  # flat
    with pytest.raises(TypeError, match="missing a required argument: 'd'"):
        h(u=two, v=tf.constant(1.0))


def with_signature(f: Any, *specs: Any) -> Any:
    return tf.function(f, input_signature=specs)


def one(x: Any) -> Any:
    return x


def two(x: Any, y: Any) -> Any:
    return x


def optional(x: Any, y: int = 3) -> Any:
    return x * float(y)


def keywords(x: Any, **rest: Any) -> Any:
    return x


ONES = np.ones(2, np.float32)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: with_signature(one, T)(tf.ones([3])), "Can not cast TensorSpec(shape=(3,), "),
        (lambda: with_signature(one, T)(tf.constant([1, 2])), "Can not cast TensorSpec(shape=(2,"),
        (lambda: with_signature(one, T)(), "`missing a required argument: 'x'`"),
        (lambda: with_signature(one, T)(ONES, ONES), "`too many positional arguments`"),
        (lambda: with_signature(one, T, T), "input_signature contains 1 extra type constraints."),
        (
            lambda: with_signature(one, 3),
            "input_signature must be a possibly nested sequence of TensorSpec objects, got invalid "
            "args [3] with types [<class 'int'>].",
        ),
        (
            lambda: tf.function(one, input_signature=3),
            "input_signature must be either a tuple or a list, got <class 'int'>.",
        ),
        (lambda: with_signature(two, T), "input_signature missing type constraint for y"),
        (lambda: with_signature(optional, T)(ONES, 4), "`Can not cast 4 to Literal[3]`"),
        (
            lambda: with_signature(optional, T)(ONES, 4),
            f"for signature: (x: {F2}, y: Literal[3] = <captured_default_value>).",
        ),
        (lambda: with_signature(one, T)("abc"), "Binding inputs to tf.function failed due to"),
        (lambda: with_signature(one, T)(None), "Binding inputs to tf.function failed due to"),
        (lambda: with_signature(one, [T, T])([ONES]), "Binding inputs to tf.function failed"),
        (lambda: with_signature(one, {"a": T})({"b": ONES}), "Binding inputs to tf.function"),
        (
            lambda: with_signature(one, T).get_concrete_function(Spec([3])),
            "Can not cast TensorSpec(shape=(3,), dtype=tf.float32, name=None) to ",
        ),
        (
            lambda: with_signature(keywords, T)(ONES, z=1),
            "`got an unexpected keyword argument 'z'`",
        ),
        (lambda: tf.function(one)(y=1), "`missing a required argument: 'x'`"),
        (lambda: tf.function(one)(), "and kwargs: {} for signature: (x)."),
        (
            lambda: tf.function(optional)(),
            "and kwargs: {} for signature: (x, y=<captured_default_value>).",
        ),
        (lambda: tf.function(3), "3 is not a callable object"),
    ],
)
def test_wrong_signatures(make: Any, message: str) -> None:
    with pytest.raises(TypeError) as error:
        make()
    assert message in str(error.value)


def test_input_signatures() -> None:
    f = tf.function(lambda x: x * 2.0, input_signature=[Spec([None], name="q")])
    assert f.input_signature == (Spec([None], name="q"),)
    c = f.get_concrete_function()
    assert c.inputs[0].name == "q:0"
    assert c.structured_input_signature == ((Spec([None], name="q"),), {})
    assert f([1.0, 2.0]).numpy().tolist() == [2.0, 4.0]
    assert f.experimental_get_tracing_count() == 1
    assert with_signature(optional, T)(ONES).numpy().tolist() == [3.0, 3.0]
    minus = with_signature(lambda x, y: x - y, T, T)
    assert minus(y=tf.ones([2]), x=tf.zeros([2])).numpy().tolist() == [-1.0, -1.0]

    class Model:
        @tf.function(input_signature=[T])
        def call(self, x: Any) -> Any:
            return x + 1.0

    assert Model().call(ONES).numpy().tolist() == [2.0, 2.0]


# --- which trace serves which call ------------------------------------------------------------


def traces(*calls: Any, **options: Any) -> list[Any]:
    """Shapes that the function saw, one entry a trace. TensorSpecs are traced, not called."""
    seen: list[Any] = []

    def f(x: Any, *rest: Any) -> Any:
        seen.append(tuple(str(getattr(a, "shape", a)) for a in (x, *rest)))
        return x

    function = tf.function(f, **options)
    for args in calls:
        only_specs = all(isinstance(a, Spec) for a in args)
        (function.get_concrete_function if only_specs else function)(*args)
    assert function.experimental_get_tracing_count() == len(seen)
    return seen


def o(*shape: int) -> Any:
    return tf.ones(shape)


@pytest.mark.parametrize(
    ("calls", "seen"),
    [
        ([(T,), (o(2),)], [("(2,)",)]),
        ([(Spec([2], name="q"),), (o(2),)], [("(2,)",)]),
        ([(o(2),), (Spec([2], name="q"),), (o(2),)], [("(2,)",), ("(2,)",)]),
        ([(Spec([None]),), (o(2),), (o(3),), (o(3, 1),)], [("(None,)",), ("(3, 1)",)]),
        ([(o(2),), (Spec([None]),), (o(2),), (o(3),)], [("(2,)",), ("(None,)",)]),
        ([(Spec(None),), (o(2),), (Spec([None]),)], [("<unknown>",)]),
        ([(np.ones(2, np.float32),), (o(2),)], [("(2,)",)]),
        ([(o(1),), (o(2),), (o(3),)], [("(1,)",), ("(2,)",), ("(3,)",)]),
    ],
)
def test_dispatch(calls: Any, seen: Any) -> None:
    assert traces(*calls) == seen


@pytest.mark.parametrize(
    ("calls", "seen"),
    [
        ([(o(1),), (o(2),), (o(3),), (o(4),)], [("(1,)",), ("(None,)",)]),
        (
            [(o(1, 2),), (o(2, 2),), (o(3, 2),), (o(3, 4),), (o(5, 6),)],
            [("(1, 2)",), ("(None, 2)",), ("(None, None)",)],
        ),
        ([(o(1, 2),), (o(2),), (o(3, 2, 1),), (o(),)], [("(1, 2)",), ("<unknown>",)]),
        (
            [(o(1),), (tf.constant([1, 2]),), (o(3),), (tf.constant([1, 2, 3]),)],
            [("(1,)",), ("(2,)",), ("(None,)",), ("(None,)",)],
        ),
        (
            [(o(1), 1), (o(2), 2), (o(3), 2), (o(4), 3), (o(4), 4)],
            [("(1,)", "1"), ("(2,)", "2"), ("(None,)", "2"), ("(4,)", "3"), ("(4,)", "4")],
        ),
        (
            [(o(1), o(1)), (o(2), o(1)), (o(2), o(2)), (o(3), o(3)), (o(1), o(1))],
            [("(1,)", "(1,)"), ("(None,)", "(1,)"), ("(None,)", "(None,)")],
        ),
        (
            [(o(1, 2),), (o(1, 3),), (o(2, 2),)],
            [("(1, 2)",), ("(1, None)",), ("(None, None)",)],
        ),
        ([(o(1),), (o(2),), (o(1),), (Spec([None]),)], [("(1,)",), ("(None,)",)]),
    ],
)
def test_reduce_retracing(calls: Any, seen: Any) -> None:
    assert traces(*calls, reduce_retracing=True) == seen
    assert traces(*calls, experimental_relax_shapes=True) == seen


def test_reduced_retracing_computes() -> None:
    f = tf.function(lambda xs, s: (tf.reduce_sum(xs[0]) + s, s), reduce_retracing=True)
    values = [f([o(n), 1], tf.constant(1.0))[0].numpy().item() for n in (1, 2, 5, 1)]
    assert values == [2.0, 3.0, 6.0, 2.0]
    assert f.experimental_get_tracing_count() == 2

    def slices(rows: int) -> Any:
        return tf.IndexedSlices(o(rows, 3), tf.range(rows), tf.constant([5, 3]))

    g = tf.function(lambda s: tf.convert_to_tensor(s), reduce_retracing=True)
    assert [float(tf.reduce_sum(g(slices(n)))) for n in (1, 2, 4)] == [3.0, 6.0, 12.0]
    assert g.experimental_get_tracing_count() == 2


def test_shape_of_slices_is_an_argument() -> None:
    f = tf.function(lambda s: tf.convert_to_tensor(s))
    for rows in (3, 5):
        s = tf.IndexedSlices(o(1, 2), tf.constant([1]), tf.constant([rows, 2]))
        assert f(s).shape.as_list() == [rows, 2]
    assert f.experimental_get_tracing_count() == 1


def test_one_concrete_function_per_signature() -> None:
    f = tf.function(lambda x: x)
    assert f.get_concrete_function(o(1)) is f.get_concrete_function(Spec([1]))
    assert f.pretty_printed_concrete_signatures(verbose=False) == (
        "(x: TensorSpec(shape=(1,), dtype=tf.float32, name=None)) -> "
        "TensorSpec(shape=(1,), dtype=tf.float32, name=None)"
    )


def test_arguments_are_not_kept() -> None:
    class Thing:
        pass

    f = tf.function(lambda thing, x: x)
    thing = Thing()
    f(thing, 1.0)
    f(thing, 1.0)
    assert f.experimental_get_tracing_count() == 1
    alive = weakref.ref(thing)
    del thing
    gc.collect()
    assert alive() is None
    f(Thing(), 1.0)
    assert f.experimental_get_tracing_count() == 2


# --- warnings, eager running, recursion ---------------------------------------------------------


class Collected(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.mark.parametrize(
    ("pattern", "warned"),
    [
        ("t" * 16, {5: (5, 5), 6: (6, 6)}),
        ("tc" * 16, {9: (5, 9), 11: (6, 11)}),
        ("t" + "c" * 20 + "t" * 10, {25: (5, 25), 26: (6, 26)}),
        ("ttttt" + "c" * 20 + "t" * 10, {5: (5, 5), 29: (5, 25)}),
        ("tcc" * 12, {13: (5, 13), 16: (5, 13)}),
        ("tccc" * 8, {}),
        ("tttt" + "c" * 6 + "t" * 8, {11: (5, 11), 12: (5, 11)}),
        ("tttt" + "c" * 7 + "t" * 8, {15: (5, 12), 16: (6, 13)}),
    ],
)
def test_warning_about_retracing(pattern: str, warned: Any) -> None:
    # A function of its own for each case: what counts is the place in the source.
    namespace: dict[str, Any] = {}
    source = "\n" * (hash(pattern) % 1000) + "def f(n, x):\n    return x\n"
    exec(compile(source, "retracing", "exec"), namespace)
    f = tf.function(namespace["f"], autograph=False)
    handler = Collected()
    logger = logging.getLogger("wengert")
    logger.addHandler(handler)
    logger.propagate = False
    seen: dict[int, Any] = {}
    try:
        traced = 0
        for i, what in enumerate(pattern, 1):
            traced += what == "t"
            f(traced, tf.constant(1.0))
            for message in handler.messages:
                words = message.split()
                seen[i] = (int(words[0]), int(words[5]))
            handler.messages.clear()
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    assert seen == warned


def test_running_eagerly() -> None:
    seen: list[bool] = []

    @tf.function
    def f(x: Any) -> Any:
        seen.append(tf.executing_eagerly())
        return x * 2

    assert not tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        assert tf.config.functions_run_eagerly()
        assert f(tf.constant(1.0)).numpy() == 2.0
        assert f(3.0) == 6.0  # a Python number stays one
        assert f.experimental_get_tracing_count() == 0
        f.get_concrete_function(tf.constant(1.0))
    finally:
        tf.config.experimental_run_functions_eagerly(False)
    assert seen == [True, True, False]
    f(tf.constant(1.0))
    assert seen == [True, True, False]


@pytest.mark.parametrize("limit", [1000, 100_000])
def test_endless_recursion(limit: int) -> None:
    @tf.function
    def f(x: Any) -> Any:
        return f(x) + 1.0

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        with pytest.raises(RecursionError, match="'f' calls itself without end") as error:
            f(tf.constant(1.0))
    finally:
        sys.setrecursionlimit(before)
    assert len(str(error.value)) < 1000
    assert tf.executing_eagerly()
    assert tf.function(lambda x: x + 1.0)(tf.constant(1.0)).numpy() == 2.0

    @tf.function
    def powers(x: Any, n: int) -> Any:
        return x if n == 0 else powers(x, n - 1) * 2.0

    assert powers(tf.constant(1.0), 5).numpy() == 32.0


def test_endless_recursion_in_a_thread() -> None:
    errors: list[BaseException] = []

    def run() -> None:
        @tf.function
        def f(x: Any) -> Any:
            return f(x) + 1.0

        try:
            f(tf.constant(1.0))
        except RecursionError as e:
            errors.append(e)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(errors) == 1


# --- variables, copies ------------------------------------------------------------------------


def test_variables_of_a_second_trace() -> None:
    class Model:
        def __init__(self) -> None:
            self.v: dict[int, Any] = {}

        @tf.function
        def call(self, x: Any, n: int) -> Any:
            if n not in self.v:
                self.v[n] = tf.Variable(2.0)
            return self.v[n] * x

    model = Model()
    assert model.call(tf.constant(1.0), 1).numpy() == 2.0
    assert model.call(tf.constant([1.0]), 1).numpy().tolist() == [2.0]
    message = "only supports singleton tf.Variables created on the first call"
    with pytest.raises(ValueError, match=message):
        model.call(tf.constant(1.0), 2)
    assert list(model.v) == [1]
    assert model.call(tf.constant(3.0), 1).numpy() == 6.0
    always = tf.function(lambda x: tf.Variable(1.0) * x)
    with pytest.raises(ValueError, match=message):
        always(tf.constant(1.0))


@tf.function
def at_module_level(x: Any) -> Any:
    return x + 1.0


def test_copies() -> None:
    assert at_module_level(tf.constant(1.0)).numpy() == 2.0
    again = pickle.loads(pickle.dumps(at_module_level))
    assert again is at_module_level
    for copied in (copy.copy(at_module_level), copy.deepcopy(at_module_level)):
        assert copied is not at_module_level
        assert copied.python_function is at_module_level.python_function
        assert copied.experimental_get_tracing_count() == 0
        assert copied(tf.constant(2.0)).numpy() == 3.0
    c = at_module_level.get_concrete_function(tf.constant(1.0))
    assert copy.copy(c)(tf.constant(1.0)).numpy() == 2.0
    for refused in (c, c.graph, c.outputs[0], c.outputs[0].op, tf.Graph()):
        with pytest.raises(TypeError, match="cannot pickle"):
            copy.deepcopy(refused)
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(refused)


def test_methods_of_objects_that_are_copied() -> None:
    class Model:
        def __init__(self) -> None:
            self.v = tf.Variable(2.0)

        @tf.function
        def call(self, x: Any) -> Any:
            return self.v * x

    first = Model()
    first.call(tf.constant(1.0))
    second = copy.deepcopy(first)
    second.v.assign(5.0)
    assert second.call(tf.constant(3.0)).numpy() == 15.0
    assert first.call(tf.constant(3.0)).numpy() == 6.0
    assert Model.call.experimental_get_tracing_count() == 0


def test_text_of_values_of_many_lines() -> None:
    assert repr(tf.ones([2, 2])) == (
        "<tf.Tensor: shape=(2, 2), dtype=float32, numpy=\n"
        "array([[1., 1.],\n       [1., 1.]], dtype=float32)>"
    )
    assert str(tf.ones([2, 2])) == ("tf.Tensor(\n[[1. 1.]\n [1. 1.]], shape=(2, 2), dtype=float32)")
