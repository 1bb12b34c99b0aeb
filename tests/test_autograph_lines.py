"""Errors and warnings in converted code name the user's file and line."""

import inspect
import sys
import traceback
import warnings

import pytest

import wengert as tf


def line_of(text):
    """The line of this file that ends with a comment."""
    lines, _ = inspect.findsource(sys.modules[__name__])
    (found,) = [i for i, line in enumerate(lines, 1) if line.rstrip().endswith(f"# {text}")]
    return found


def defined_at(error):
    place = str(error).rpartition("Defined at: ")[2]
    file_and_line, _, function = place.partition(" in ")
    file, _, line = file_and_line.rpartition(":")
    assert file == __file__
    return int(line), function


def frames(error):
    """Lines and functions of this file in the traceback."""
    shown = traceback.extract_tb(error.__traceback__)
    assert not any("malt" in f.filename or "autograph_generated" in f.filename for f in shown)
    return [(f.lineno, f.name) for f in shown if f.filename == __file__]


X = tf.constant([1.0, 2.0, 3.0])


# --- when the function runs -------------------------------------------------------------------


@tf.function
def gather_in_if(x, i):
    y = x * 2.0
    if y[0] > 0.0:
        y = tf.gather(
            y,
            [i],
        )  # many lines
        z = tf.gather(x, [i])  # in if
        y = y + z
    return y


@tf.function
def gather_in_else(x, i):
    if x[0] < 0.0:
        y = x
    elif x[1] < 0.0:
        y = x * 2.0
    else:
        y = tf.gather(x, [i])  # in else
    return y


@tf.function
def gather_in_for(x, i):
    s = 0.0
    for k in tf.range(4):
        if k == 2:
            continue
        s += tf.gather(x, k + i)  # in for
    return s


@tf.function
def gather_in_while(x, i):
    k = 0
    while k < 5:
        k += 1
        while True:
            x = tf.gather(x, [i, 0, 0])  # in while
            break
    return x


@tf.function
def gather_in_test(x, i):
    k = 0
    while tf.gather(x, i + k) > 0.0:  # in test
        k += 1
    return k


@tf.function
def gather_in_expression(x, i):
    return tf.gather(x, i) if x[0] > 0.0 else 0.0  # in expression


@tf.function
def gather_in_operator(x, i):
    return x[0] > 0.0 and tf.gather(x, i) > 0.0  # in operator


@tf.function
def gather_in_helper(x, i):
    return plain_helper(x, i) * 2.0


def plain_helper(x, i):
    return helper(x, i)


def helper(x, i):
    if x[0] > 0.0:
        x = tf.gather(x, [i])  # in helper
    return x


@tf.function
def gather_in_lambda(x, i):
    take = lambda k: tf.gather(x, k) if x[0] > 0.0 else 0.0  # noqa: E731  # in lambda
    return take(i)


@tf.function
def gather_in_inner(x, i):
    def take(k):
        if x[0] > 0.0:
            return tf.gather(x, k)  # in inner
        return 0.0

    return take(i)


@tf.function
def gather_without_control_flow(x, i):
    return tf.gather(x, [i])  # without control flow


class Model:
    def __init__(self):
        self.calls = 0

    @tf.function
    def run(self, x, i):
        if x[0] > 0.0:
            x = self.take(x, i)
        return x

    def take(self, x, i):
        return tf.gather(x, [i])  # in method

    def __call__(self, x, i):
        if x[0] > 0.0:
            x = tf.gather(x, [i])  # in call
        return x


MODEL = Model()


@pytest.mark.parametrize(
    ("function", "mark", "name"),
    [
        (gather_in_if, "in if", "gather_in_if"),
        (gather_in_else, "in else", "gather_in_else"),
        (gather_in_for, "in for", "gather_in_for"),
        (gather_in_while, "in while", "gather_in_while"),
        (gather_in_test, "in test", "gather_in_test"),
        (gather_in_expression, "in expression", "gather_in_expression"),
        (gather_in_operator, "in operator", "gather_in_operator"),
        (gather_in_helper, "in helper", "helper"),
        (gather_in_lambda, "in lambda", "gather_in_lambda"),
        (gather_in_inner, "in inner", "take"),
        (gather_without_control_flow, "without control flow", "gather_without_control_flow"),
        (MODEL.run, "in method", "take"),
        (tf.function(MODEL), "in call", "__call__"),
    ],
)
def test_runtime_errors_name_the_line(function, mark, name):
    with pytest.raises(tf.errors.InvalidArgumentError) as info:
        function(X, tf.constant(10))
    line, where = defined_at(info.value)
    if mark == "in if":
        assert line == line_of("many lines") - 3  # the first of two gathers
    else:
        assert line == line_of(mark)
    assert where == name


def test_operations_of_one_name_are_told_apart():
    @tf.function(autograph=False)
    def inner(x, i):
        return tf.gather(x, i)  # inner gather

    @tf.function(autograph=False)
    def outer(x, i):
        y = tf.gather(x, 0)
        return inner(x, i) + y

    names = [
        op.name for op in outer.get_concrete_function(X, tf.constant(0)).graph.get_operations()
    ]
    assert "GatherV2" in names
    with pytest.raises(tf.errors.InvalidArgumentError, match="node GatherV2}") as info:
        outer(X, tf.constant(10))
    assert defined_at(info.value) == (line_of("inner gather"), "inner")


def test_assertion_of_a_loop_names_its_line():
    @tf.function
    def f(n):
        for i in tf.range(n):  # empty loop
            z = i
        return z

    with pytest.raises(tf.errors.InvalidArgumentError, match="at least once") as info:
        f(tf.constant(0))
    assert defined_at(info.value) == (line_of("empty loop"), "f")


# --- while it is traced -----------------------------------------------------------------------


def outer(x):
    y = middle(x)  # outer calls
    return y


def middle(x):
    if x[0] > 0.0:
        for _ in tf.range(3):
            x = Model.broken(x)  # middle calls
    return x


def broken(x):
    return tf.reshape(x, [7])  # broken


Model.broken = staticmethod(broken)


def test_traceback_has_the_frames_of_the_user():
    with pytest.raises(ValueError, match="Cannot reshape") as info:
        tf.function(outer)(X)  # test calls
    found = frames(info.value)
    assert found[0] == (line_of("test calls"), "test_traceback_has_the_frames_of_the_user")
    assert [f for f in found[1:] if f[1] in ("outer", "broken")] == [
        (line_of("outer calls"), "outer"),
        (line_of("broken"), "broken"),
    ]
    assert found[-2] == (line_of("middle calls"), "middle")


def test_text_has_the_frames_of_the_user():
    with pytest.raises(ValueError, match="Cannot reshape") as info:
        tf.function(outer)(X)
    lines = str(info.value).splitlines()
    assert lines[:2] == ["in user code:", ""]
    assert lines[2:8] == [
        f'    File "{__file__}", line {line_of("outer calls")}, in outer  *',
        "        y = middle(x)  # outer calls",
        f'    File "{__file__}", line {line_of("middle calls")}, in middle  *',
        "        x = Model.broken(x)  # middle calls",
        f'    File "{__file__}", line {line_of("broken")}, in broken  *',
        "        return tf.reshape(x, [7])  # broken",
    ]
    assert lines[9].startswith("    ValueError: Cannot reshape a tensor with 3 elements")


def test_function_in_function_is_told_once():
    inner = tf.function(outer)

    @tf.function
    def f(x):
        return inner(x)  # calls inner

    for _ in range(2):  # an error leaves nothing behind
        with pytest.raises(ValueError, match="Cannot reshape") as info:
            f(X)
        text = str(info.value)
        assert text.count("in user code:") == 1
        assert text.count("File") == 4
        assert f"line {line_of('calls inner')}, in f  *" in text


class CodedError(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code


class PlainError(ValueError):
    pass


def test_errors_keep_their_type_and_attributes():
    raised = CodedError(7, "text")

    @tf.function
    def coded(x):
        raise raised  # raises coded

    with pytest.raises(CodedError) as info:
        coded(X)
    assert info.value is raised
    assert info.value.code == 7
    assert frames(info.value)[-1] == (line_of("raises coded"), "coded")
    if sys.version_info >= (3, 11):
        (note,) = info.value.__notes__
        assert f"line {line_of('raises coded')}, in coded  *" in note

    @tf.function
    def plain(x):
        raise PlainError("text")

    with pytest.raises(PlainError, match=r"in user code:[^$]*PlainError: text"):
        plain(X)

    @tf.function
    def missing(x):
        return {}["key"]

    with pytest.raises(KeyError) as info:
        missing(X)
    assert info.value.args == ("key",)
    assert str(info.value).startswith("in user code:")

    @tf.function
    def file(x):
        with open("/nonexistent"):
            return x

    with pytest.raises(FileNotFoundError) as info:
        file(X)
    assert info.value.errno == 2


def test_cause_is_kept():
    @tf.function
    def f(x):
        try:
            return broken(x)
        except ValueError as e:
            raise RuntimeError("told") from e

    with pytest.raises(RuntimeError, match="told") as info:
        f(X)
    assert isinstance(info.value.__cause__, ValueError)
    assert not str(info.value.__cause__).startswith("in user code")


def endless(x):
    return endless(x + 1.0)


def test_recursion_without_end():
    with pytest.raises(RecursionError, match="calls itself without end"):
        tf.function(endless)(X)
    assert tf.function(helper)(X, 1).numpy() == 2.0


def test_interrupt_passes():
    @tf.function
    def f(x):
        if x[0] > 0.0:
            raise KeyboardInterrupt
        return x

    with pytest.raises(KeyboardInterrupt):
        f(X)
    assert tf.executing_eagerly()
    assert tf.function(helper)(X, 1).numpy() == 2.0


def test_without_autograph_the_text_is_plain():
    with pytest.raises(ValueError, match=r"^Cannot reshape"):
        tf.function(broken, autograph=False)(X)


# --- warnings and other frames ----------------------------------------------------------------


def warns(x):
    warnings.warn("from the user", UserWarning, stacklevel=1)  # warns here
    return x


def caller_warns(x):
    warnings.warn("of the caller", UserWarning, stacklevel=2)
    return x


@tf.function
def with_warnings(x):
    x = warns(x)
    y = caller_warns(x)  # warned of
    if y[0] > 0.0:
        y = caller_warns(y)  # warned of inside
    return y


def test_warnings_name_the_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with_warnings(X)
    places = [(w.filename, w.lineno) for w in caught]
    marks = ("warns here", "warned of", "warned of inside")
    assert places == [(__file__, line_of(m)) for m in marks]


def test_what_is_not_converted_is_warned_of_where_it_is_called():
    @tf.function
    def f(x):
        while x.shape.rank > 5:
            x = x[0]
        else:
            x = x + 1.0
        return x

    with pytest.warns(RuntimeWarning, match="while/else statement not yet supported") as caught:
        f(X)  # calls f
    assert (caught[0].filename, caught[0].lineno) == (__file__, line_of("calls f"))


def test_frames_of_converted_code_are_the_users():
    seen = []

    def look():
        frame = inspect.currentframe().f_back
        seen.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))

    @tf.function
    def f(x):
        look()  # first look
        if x[0] > 0.0:
            look()  # second look
        return x

    f(X)
    assert seen == [(__file__, line_of(m), "f") for m in ("first look", "second look")]
