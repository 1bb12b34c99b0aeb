"""`tf.autograph`, the options of `tf.function`, and what conversion costs."""

import contextlib
import functools
import io
import linecache
import subprocess
import sys
import textwrap
import threading
import types

import numpy as np
import pytest

import wengert as tf
from wengert import _autograph

X = tf.constant(3)
Feature = tf.autograph.experimental.Feature


def double_positive(x):
    if x > 0:
        x = x * 2
    return x


class Model:
    def method(self, x):
        if x > 0:
            x = x * 2
        return x

    def __call__(self, x):
        if x > 0:
            x = x * 3
        return x

    @tf.function
    def compiled(self, x):
        if x > 0:
            x = self.method(x)
        return x


# --- to_graph, to_code ------------------------------------------------------------------------


def test_to_graph():
    converted = tf.autograph.to_graph(double_positive)
    assert converted(3) == 6
    assert converted(tf.constant(3)).numpy() == 6
    graph = tf.Graph()
    with graph.as_default():
        y = converted(tf.compat.v1.placeholder(tf.int32, []))
        assert y.name == "cond/Identity:0"
    method = tf.autograph.to_graph(Model().method)
    assert method(Model(), 2) == 4


def test_to_graph_recursive():
    def f(x):
        return double_positive(x) + 1

    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.int32, [])
        assert tf.autograph.to_graph(f)(x).shape == ()
        with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
            tf.autograph.to_graph(f, recursive=False)(x)


def test_to_code():
    code = tf.autograph.to_code(double_positive)
    assert code.startswith("def tf__double_positive(x):")
    for part in (
        "ag__.if_stmt(ag__.ld(x) > 0, if_body, else_body, get_state, set_state, ('x',), 1)",
        "def set_state(vars_):",
        "nonlocal x",
        "return fscope.ret(retval_, do_return)",
    ):
        assert part in code
    compile(code, "code", "exec")


@pytest.mark.parametrize("thing", [Model, Model(), 3, len, tf.function(double_positive)])
def test_what_is_no_function_cannot_be_converted(thing):
    text = "expose a __code__ object. If this is a @tf.function, try passing f.python_function"
    for convert in (tf.autograph.to_graph, tf.autograph.to_code):
        with pytest.raises(Exception, match=text) as info:
            convert(thing)
        assert type(info.value).__name__ == "ConversionError"


def test_what_has_no_source_cannot_be_converted():
    scope = {}
    exec("def f(x):\n    return x if x > 0 else -x\n", scope)
    with pytest.raises(Exception, match="Unable to locate the source code of") as info:
        tf.autograph.to_graph(scope["f"])
    assert type(info.value).__name__ == "ConversionError"
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="source code may not be"):
        tf.function(scope["f"])(X)


def test_source_of_notebook_cells():
    name = "<cell 1>"
    lines = [
        "def f(x, i):\n",
        "    if x[0] > 0:\n",
        "        x = tf.gather(x, [i])\n",
        "    return x\n",
    ]
    linecache.cache[name] = (len("".join(lines)), None, lines, name)
    scope = {"tf": tf}
    exec(compile("".join(lines), name, "exec"), scope)
    f = tf.function(scope["f"])
    assert f(tf.constant([3, 4]), 1).numpy() == 4
    with pytest.raises(tf.errors.InvalidArgumentError, match="Defined at: <cell 1>:3 in f"):
        f(tf.constant([3, 4]), tf.constant(7))


def test_functions_without_source_are_named():
    scope = {"tf": tf}
    exec(compile("def f(x):\n    return x if x > 0 else -x\n", "<unknown>", "exec"), scope)
    with (
        pytest.warns(RuntimeWarning, match="Unable to locate the source code of f"),
        pytest.raises(tf.errors.OperatorNotAllowedInGraphError),
    ):
        tf.function(scope["f"])(X)
    exec(compile("def g(x):\n    return x + 1\n", "<unknown>", "exec"), scope)
    assert tf.function(scope["g"])(X).numpy() == 4


def test_unsupported_statements():
    def f(n):
        while n > 0:
            n -= 1
        else:
            n = 0
        return n

    with pytest.raises(NotImplementedError, match="while/else statement not yet supported"):
        tf.autograph.to_graph(f)


# --- options ------------------------------------------------------------------------------------


def test_do_not_convert():
    decorated = tf.autograph.experimental.do_not_convert(double_positive)
    assert decorated.__name__ == "double_positive"
    assert decorated(3) == 6
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        tf.function(decorated)(X)

    @tf.autograph.experimental.do_not_convert()
    def g(x):
        return tf.map_fn(double_positive, x)

    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        tf.function(g)(tf.constant([1, -1]))
    assert tf.autograph.experimental.do_not_convert() is tf.autograph.experimental.do_not_convert


def test_autograph_off_holds_for_what_is_called():
    for f in (double_positive, lambda x: tf.map_fn(double_positive, x[None])):
        with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
            tf.function(f, autograph=False)(X)

    @tf.function(autograph=False)
    def outer(x):
        return tf.function(double_positive)(x)

    assert outer(X).numpy() == 6


def test_features():
    assert [f.name for f in Feature] == [
        "ALL",
        "AUTO_CONTROL_DEPS",
        "ASSERT_STATEMENTS",
        "BUILTIN_FUNCTIONS",
        "EQUALITY_OPERATORS",
        "LISTS",
        "NAME_SCOPES",
    ]
    assert Feature.all() == tuple(Feature)
    assert set(Feature.all_but([Feature.LISTS])) == set(Feature) - {Feature.LISTS, Feature.ALL}
    with pytest.raises(TypeError, match="Feature"):
        tf.function(double_positive, experimental_autograph_options="ALL")


def test_print_feature():
    @tf.function(experimental_autograph_options=Feature.BUILTIN_FUNCTIONS)
    def f(x):
        print("value", x, sep=": ", end=";")
        print("traced")
        return x

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        f(X)
        f(tf.constant(4))
    assert out.getvalue() == "traced\nvalue: 3;value: 4;"


def test_print_prints_when_tracing():
    @tf.function
    def f(x):
        print(x)
        tf.autograph.trace(x, "b", 3)
        return x

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        f(X)
        f(tf.constant(4))
    line = 'Tensor("x:0", shape=(), dtype=int32)'
    assert out.getvalue() == f"{line}\n{line} b 3\n"


def test_set_verbosity():
    def f(x):
        return -x if x > 0 else x

    err, out = io.StringIO(), io.StringIO()
    tf.autograph.set_verbosity(1, alsologtostdout=True)
    try:
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
            tf.function(f)(X)
    finally:
        tf.autograph.set_verbosity(0)
    assert "test_set_verbosity.<locals>.f" in err.getvalue()
    assert "test_set_verbosity.<locals>.f" in out.getvalue()


def test_loop_options_outside_of_graphs():
    s = [0]
    for i in range(3):
        tf.autograph.experimental.set_loop_options(maximum_iterations=1)
        s.append(i)
    assert s == [0, 0, 1, 2]


# --- callables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("callable_", "value"),
    [
        (Model(), 9),
        (Model().method, 6),
        (functools.partial(double_positive), 6),
        (functools.partial(Model(), x=tf.constant(2)), 6),
        (lambda x: x if x < 0 else -x, -3),
        (staticmethod(double_positive).__func__, 6),
    ],
)
def test_callables(callable_, value):
    args = () if getattr(callable_, "keywords", None) else (X,)
    assert tf.function(callable_)(*args).numpy() == value


def test_compiled_method():
    model = Model()
    assert model.compiled(X).numpy() == 6
    assert model.compiled(tf.constant(-1)).numpy() == -1


def test_module_attribute():
    module = types.ModuleType("users_module")
    module.helper = double_positive

    @tf.function
    def f(x):
        return module.helper(x)

    assert f(X).numpy() == 6


def test_closures_are_shared():
    total = 0

    @tf.function
    def f(x):
        nonlocal total
        total += 1
        if x > 0:
            x = x + total
        return x

    assert f(X).numpy() == 4
    assert total == 1

    def make(k):
        def g(x):
            if x > 0:
                return x * k
            return x

        return g

    assert [tf.function(make(k))(X).numpy() for k in (2, 5)] == [6, 15]


def test_defaults_and_attributes_are_kept():
    default = object()

    def f(x, marker=default, *, other=default):
        if x > 0:
            x = x + 1
        assert marker is default
        assert other is default
        return x

    f.note = "kept"
    assert tf.function(f)(X).numpy() == 4
    converted = tf.autograph.to_graph(f)
    assert converted.__defaults__ == (default,)
    assert converted.__name__ == "f"
    assert converted.note == "kept"


def test_library_code_is_left_alone():
    def f(x):
        return np.asarray([textwrap.dedent(" a")]).size + x if x > 0 else x

    assert tf.function(f)(X).numpy() == 4
    assert _autograph.is_library(textwrap.dedent)
    assert _autograph.is_library(tf.function)
    assert _autograph.is_library(np.mean.__wrapped__)
    assert not _autograph.is_library(double_positive)


# --- costs --------------------------------------------------------------------------------------


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def script(tmp_path):
    def write(code):
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(code))
        done = subprocess.run(
            [sys.executable, str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return write


def test_programs_without_control_flow_do_not_import_the_transformer(script):
    out = script("""
        import sys
        import wengert as tf
        print("wengert._autograph" in sys.modules)

        def helper(x):
            return tf.tanh(x) * 2.0

        class Model:
            def __call__(self, x):
                return self.layer(x) + helper(x)

            def layer(self, x):
                return tf.sin(x)

        model = Model()

        @tf.function
        def f(x):
            return model(x), tf.gradients(model(x), x)

        f(tf.constant(1.0))
        print("malt" in sys.modules)

        def late(x):
            return x if x > 0.0 else -x

        Model.layer = lambda self, x: late(x)
        f(tf.constant([1.0])[0:1][0])
        tf.function(lambda x: model(x))(tf.constant(1.0))
        print("malt" in sys.modules)
    """)
    assert out == ["False", "False", "True"]


def test_functions_are_converted_once(monkeypatch):
    plans = []
    plan = _autograph.Conversion._plan
    monkeypatch.setattr(
        _autograph.Conversion, "_plan", lambda self, f: plans.append(f.__name__) or plan(self, f)
    )

    def inner(x):
        return x if tf.reduce_sum(x) > 0.0 else -x

    def outer(x):
        return inner(x) + inner(x)

    for n in range(1, 4):
        tf.function(outer)(tf.ones([n]))
    f = tf.function(outer)
    for n in range(1, 4):
        f(tf.ones([n]))
    assert [name for name in plans if name in ("outer", "inner")] == ["outer", "inner"]
    assert len(plans) == len(set(plans))


def test_threads():
    def f(x):
        s = 0.0
        for v in x:
            if v > 0.0:
                s += v
        return s

    results = [None] * 8

    def work(i):
        results[i] = tf.function(f)(tf.constant([float(i), -1.0, 1.0])).numpy()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [i + 1.0 for i in range(8)]


def test_long_and_deep_functions(script):
    branches = "\n".join(
        f"            if x > {i}.0:\n                x = x + 1.0" for i in range(60)
    )
    out = script(f"""
        import wengert as tf

        @tf.function
        def f(x):
{branches}
            return x

        print(f(tf.constant(0.5)).numpy().item())
    """)
    assert out == ["60.5"]


def test_source_that_changed_is_not_mistaken(script, tmp_path):
    out = script("""
        import sys, warnings
        from pathlib import Path
        import wengert as tf

        def f(x):
            return x + 1.0 if x.shape.rank == 0 else x

        Path(__file__).write_text("\\n" * 30)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            print(tf.function(f)(tf.constant(1.0)).numpy().item())
        print(len(caught))
    """)
    assert out == ["2.0", "1"]
