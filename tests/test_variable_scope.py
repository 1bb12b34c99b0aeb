"""Variables of graphs: variable scopes, initializers, assignments, scattered updates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as g:
        yield g


def test_names_of_scopes() -> None:
    with v1.variable_scope("a") as s:
        w = v1.get_variable("w", [1])
        assert tf.constant(1.0, name="c").name == "a/c:0"
        with v1.variable_scope("b") as inner:
            assert tf.constant(1.0, name="c").name == "a/b/c:0"
            assert v1.get_variable("w", [1]).name == "a/b/w:0"
    assert w.name == "a/w:0"
    assert (s.name, s.original_name_scope, s.reuse) == ("a", "a/", False)
    assert (inner.name, inner.original_name_scope) == ("a/b", "a/b/")
    with v1.variable_scope("a", reuse=True) as again:
        assert tf.constant(1.0, name="c").name == "a_1/c:0"
        assert v1.get_variable("w", [1]) is w
    assert (again.name, again.original_name_scope, again.reuse) == ("a", "a_1/", True)
    with v1.variable_scope(s, reuse=True) as jumped:
        assert tf.constant(1.0, name="c").name == "a_2/c:0"
        assert v1.get_variable("w") is w
    assert jumped.original_name_scope == "a/"
    with v1.variable_scope(s, auxiliary_name_scope=False):
        assert tf.constant(1.0, name="c").name == "c:0"
    assert repr(v1.AUTO_REUSE) == "<_ReuseMode.AUTO_REUSE: 1>"


def test_scope_inside_its_own_scope() -> None:
    with (
        v1.variable_scope("a"),
        v1.variable_scope("b"),
        v1.variable_scope(v1.get_variable_scope(), reuse=v1.AUTO_REUSE) as s,
    ):
        assert (s.name, s.original_name_scope) == ("a/b", "a/b/")
        assert tf.constant(1.0).name == "a/b/b/Const:0"
        assert v1.get_variable("w", [1]).name == "a/b/w:0"


def test_default_names() -> None:
    seen = []
    for _ in range(2):
        with v1.variable_scope(None, default_name="d") as s:
            seen += [v1.get_variable("w", [1]).name, tf.constant(1.0).name, s.name]
    assert seen == ["d/w:0", "d/Const:0", "d", "d_1/w:0", "d_1/Const:0", "d_1"]
    with pytest.raises(TypeError, match="If default_name is None then name_or_scope is required"):
        v1.variable_scope(None)
    with pytest.raises(ValueError, match="reuse=True cannot be used without a name_or_scope"):
        v1.variable_scope(None, default_name="d", reuse=True)
    with pytest.raises(TypeError, match="name_or_scope must be a string"):
        v1.variable_scope(3)
    with v1.variable_op_scope([tf.constant(1.0)], "n", "d") as s:
        assert s.name == "n"


def test_default_names_begin_anew_in_a_scope_that_is_opened_again() -> None:
    seen = []
    for _ in range(2):
        with v1.variable_scope("net", reuse=v1.AUTO_REUSE):
            for _ in range(2):
                with v1.variable_scope(None, default_name="layer"):
                    seen.append(v1.get_variable("w", [1]))
    assert [w.name for w in seen[:2]] == ["net/layer/w:0", "net/layer_1/w:0"]
    assert seen[2] is seen[0]
    assert seen[3] is seen[1]


def test_name_scopes_do_not_name_shared_variables() -> None:
    with v1.name_scope("n"):
        with v1.variable_scope("v"):
            assert v1.get_variable("w", [1]).name == "v/w:0"
            assert tf.constant(1.0).name == "n/v/Const:0"
            assert tf.Variable(1.0, name="x").name == "n/v/x:0"
        with tf.name_scope("m"):
            assert v1.get_variable("w2", [1]).name == "w2:0"


def test_reuse_variables() -> None:
    with v1.variable_scope("a") as s:
        w = v1.get_variable("w", [1])
        s.reuse_variables()
        assert s.reuse is True
        assert v1.get_variable_scope() is s
        assert v1.get_variable("w", [1]) is w
        with v1.variable_scope("b") as inner:
            assert inner.reuse is True


def test_errors_of_get_variable() -> None:
    v1.get_variable("w", [2])
    with pytest.raises(ValueError, match="Variable w already exists, disallowed"):
        v1.get_variable("w", [2])
    with (
        v1.variable_scope("x", reuse=True),
        pytest.raises(
            ValueError,
            match=r"Variable x/w does not exist, or was not created with tf.get_variable",
        ),
    ):
        v1.get_variable("w", [2])
    with pytest.raises(ValueError, match="did not get an initializer, so its `shape` argument"):
        v1.get_variable("u")
    with pytest.raises(ValueError, match="The initializer passed is not valid"):
        v1.get_variable("u", [None, 2])
    with pytest.raises(ValueError, match="If initializer is a constant, do not specify shape"):
        v1.get_variable("u", [2], initializer=tf.constant([1.0, 2.0]))
    with pytest.raises(ValueError, match="explicit dtype"):
        v1.get_variable("u", dtype=tf.float64, initializer=tf.constant([1.0, 2.0]))
    with pytest.raises(NotImplementedError, match="partitioned variables"):
        v1.get_variable("u", [2], partitioner=lambda **_: [1])
    with v1.variable_scope("", reuse=True):
        with pytest.raises(ValueError, match=r"specified shape \(3,\) and found shape \(2,\)"):
            v1.get_variable("w", [3])
        with pytest.raises(ValueError, match="specified dtype float64 and found dtype float32"):
            v1.get_variable("w", [2], dtype=tf.float64)


def test_nothing_is_left_by_an_error() -> None:
    with pytest.raises(ValueError, match="stop"), v1.variable_scope("a"):
        raise ValueError("stop")
    assert v1.get_variable_scope().name == ""
    assert tf.constant(1.0).name == "Const:0"


def test_initial_values_from_tensors_and_numbers() -> None:
    assert v1.get_variable("t", initializer=tf.constant([1.0, 2.0])).shape == [2]
    assert v1.get_variable("n", initializer=3.0).shape == []
    assert v1.get_variable("f", initializer=lambda: tf.ones([2, 2])).shape == [2, 2]
    assert v1.get_variable("i", [2], dtype=tf.int32).initial_value.name == "i/Initializer/zeros:0"


def test_defaults_of_a_scope(graph: tf.Graph) -> None:
    with v1.variable_scope(
        "r",
        initializer=v1.constant_initializer(3.0),
        regularizer=lambda w: tf.reduce_sum(w) * 0.5,
        dtype=tf.float64,
        constraint=tf.abs,
    ) as s:
        w = v1.get_variable("w", [2])
        v1.get_variable("x", [2], regularizer=v1.no_regularizer)
        assert s.dtype == tf.float64
    assert w.dtype == tf.float64
    assert w.constraint is tf.abs
    (loss,) = v1.get_collection(v1.GraphKeys.REGULARIZATION_LOSSES)
    assert loss.name == "r/w/Regularizer/mul:0"
    assert s.trainable_variables() == s.global_variables()
    assert [v.name for v in s.global_variables()] == ["r/w:0", "r/x:0"]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        assert session.run(loss) == 3.0


def test_custom_getter() -> None:
    log: list[Any] = []

    def outer(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        log.append(("outer", name, kwargs["shape"], kwargs["dtype"]))
        return getter(name, *args, **kwargs)

    def inner(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        log.append(("inner", name))
        return getter(name, *args, **kwargs) * 2.0

    with v1.variable_scope("a", custom_getter=outer), v1.variable_scope("b", custom_getter=inner):
        w = v1.get_variable("w", [2], initializer=v1.ones_initializer())
    assert isinstance(w, tf.Tensor)
    assert log == [("inner", "a/b/w"), ("outer", "a/b/w", [2], tf.float32)]
    with v1.Session() as s:
        s.run(v1.global_variables_initializer())
        assert s.run(w).tolist() == [2.0, 2.0]


def test_collections() -> None:
    local = v1.get_variable("l", [1], collections=[v1.GraphKeys.LOCAL_VARIABLES])
    other = v1.get_local_variable("l2", [1])
    kept = v1.Variable(1.0, trainable=False, collections=["mine"])
    assert v1.local_variables() == [local, other]
    assert v1.global_variables() == []
    assert v1.trainable_variables() == [local]
    assert v1.get_collection("mine") == [kept]
    assert local.trainable
    assert not other.trainable


INITIALIZERS = {
    "zeros": (v1.zeros_initializer, 0.0, 0.0),
    "ones": (v1.ones_initializer, 1.0, 1.0),
    "uniform": (v1.random_uniform_initializer, 0.0, 1.0),
    "glorot_uniform": (v1.glorot_uniform_initializer, -0.5, 0.5),
    "glorot_normal": (v1.glorot_normal_initializer, -1.0, 1.0),
    "normal": (v1.random_normal_initializer, -6.0, 6.0),
    "truncated": (v1.truncated_normal_initializer, -2.0, 2.0),
    "scaling": (v1.variance_scaling_initializer, -1.0, 1.0),
    "unit_scaling": (v1.uniform_unit_scaling_initializer, -0.5, 0.5),
    "he": (v1.initializers.he_normal, -2.0, 2.0),
    "lecun": (v1.initializers.lecun_uniform, -1.0, 1.0),
}


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_initializers(name: str, dtype: Any) -> None:
    make, low, high = INITIALIZERS[name]
    w = v1.get_variable("w", [20, 30], dtype, initializer=make())
    with v1.Session() as s:
        s.run(v1.global_variables_initializer())
        value = s.run(w)
    assert value.dtype == dtype.as_numpy_dtype
    assert low <= value.min()
    assert value.max() <= high
    if low < 0:
        assert abs(value.mean()) < 0.1 * (high - low)


def test_seeds_of_initializers() -> None:
    v1.set_random_seed(3)
    a = v1.get_variable("w0", [3, 2], initializer=v1.glorot_uniform_initializer())
    b = v1.get_variable("w1", [3, 2], initializer=v1.truncated_normal_initializer())
    with v1.Session() as s:
        s.run(v1.global_variables_initializer())
        # As TensorFlow 2.21 draws them.
        np.testing.assert_allclose(
            s.run(a),
            [[-0.8164045, 0.6894541], [0.8716191, 0.6530932], [-0.3709009, -0.2519819]],
            rtol=1e-6,
        )
        np.testing.assert_allclose(
            s.run(b),
            [[-0.0235359, -0.7080437], [0.7906703, 0.561008], [-0.8576558, 1.4076225]],
            rtol=1e-5,
        )


def test_bad_initializers() -> None:
    with pytest.raises(TypeError, match="Invalid type for initial value"):
        v1.constant_initializer(object())
    with pytest.raises(ValueError, match="scale"):
        v1.variance_scaling_initializer(scale=0.0)
    with pytest.raises(ValueError, match="mode"):
        v1.variance_scaling_initializer(mode="fan")
    with pytest.raises(ValueError, match="distribution"):
        v1.variance_scaling_initializer(distribution="cauchy")
    with pytest.raises(ValueError, match="two-dimensional"):
        v1.orthogonal_initializer()([3])
    assert v1.ones_initializer.from_config(v1.ones_initializer().get_config()).dtype == tf.float32


def test_assignments_in_a_session() -> None:
    v = v1.get_variable("w", [2], initializer=v1.zeros_initializer)
    add = v.assign_add([1.0, 2.0])
    assert add.name == "AssignAddVariableOp"
    assert add.op.type == "AssignAddVariableOp"
    assert repr(add) == "<tf.Variable 'AssignAddVariableOp' shape=(2,) dtype=float32>"
    doubled = add * 2.0
    only = v1.assign(v, [5.0, 5.0])
    with v1.Session() as s:
        s.run(v.initializer)
        assert s.run(add).tolist() == [1.0, 2.0]
        assert s.run(doubled).tolist() == [4.0, 8.0]
        assert s.run(only.op) is None
        assert s.run(v).tolist() == [5.0, 5.0]


def test_order_of_assignments_follows_control_dependencies() -> None:
    v = v1.get_variable("w", [], initializer=v1.ones_initializer)
    first = v.assign_add(1.0)
    with tf.control_dependencies([first]):
        second = v.assign(v.read_value() * 10.0)
    chained = v.assign_add(1.0).assign_add(1.0)
    with v1.Session() as s:
        s.run(v.initializer)
        assert s.run(second) == 20.0
        assert s.run(chained) == 22.0


def test_feeding_a_variable_reaches_every_reader() -> None:
    v = tf.Variable([1.0, 2.0])
    results = [v * 1.0, v.read_value(), v.value(), tf.gather(v, [1]), v + v, v]
    with v1.Session() as s:
        s.run(v1.global_variables_initializer())
        values = s.run(results, {v: [5.0, 7.0]})
        assert [x.tolist() for x in values] == [
            [5.0, 7.0], [5.0, 7.0], [5.0, 7.0], [7.0], [10.0, 14.0], [5.0, 7.0],
        ]  # fmt: skip
        assert s.run(v).tolist() == [1.0, 2.0]


def test_uninitialized_variables_are_reported() -> None:
    a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
    report = v1.report_uninitialized_variables()
    check = v1.assert_variables_initialized([a])
    with v1.Session() as s:
        s.run(b.initializer)
        assert s.run(report).tolist() == [b"a"]
        assert not s.run(v1.is_variable_initialized(a))
        with pytest.raises(tf.errors.InvalidArgumentError, match="uninitialized"):
            s.run(check)
        s.run(a.initializer)
        s.run(check)


ROWS = [
    ("scatter_add", [11.0, 2.0, 33.0]),
    ("scatter_sub", [-9.0, 2.0, -27.0]),
    ("scatter_mul", [10.0, 2.0, 90.0]),
    ("scatter_div", [0.1, 2.0, 0.1]),
    ("scatter_max", [10.0, 2.0, 30.0]),
    ("scatter_min", [1.0, 2.0, 3.0]),
    ("scatter_update", [10.0, 2.0, 30.0]),
]


@pytest.mark.parametrize(("name", "want"), ROWS)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.bfloat16, tf.float16])
def test_updates_of_rows(name: str, want: list[float], dtype: Any) -> None:
    with tf.init_scope():
        pass
    v = tf.Variable(tf.constant([1.0, 2.0, 3.0], dtype))
    update = getattr(v, name)(tf.IndexedSlices(tf.constant([10.0, 30.0], dtype), [0, 2]))
    function = getattr(v1, name)(v, [0], tf.constant([1.0], dtype))
    with v1.Session() as s:
        s.run(v1.global_variables_initializer())
        s.run(update.op)
        got = s.run(tf.cast(v, tf.float64))
        np.testing.assert_allclose(got, want, rtol=1e-2 if dtype.size == 2 else 1e-6)
        s.run(function)


ELEMENTS = [
    ("scatter_nd_add", [[1.0, 12.0], [33.0, 4.0]]),
    ("scatter_nd_sub", [[1.0, -8.0], [-27.0, 4.0]]),
    ("scatter_nd_update", [[1.0, 10.0], [30.0, 4.0]]),
    ("scatter_nd_max", [[1.0, 10.0], [30.0, 4.0]]),
    ("scatter_nd_min", [[1.0, 2.0], [3.0, 4.0]]),
]


@pytest.mark.parametrize(("name", "want"), ELEMENTS)
def test_updates_at_index_vectors(name: str, want: list[list[float]]) -> None:
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    update = getattr(v, name)([[0, 1], [1, 0]], [10.0, 30.0])
    whole_row = getattr(v, name)([[1]], [[1.0, 1.0]])
    with v1.Session() as s:
        s.run(v1.global_variables_initializer())
        assert s.run(update).tolist() == want
        s.run(whole_row)


def test_scalar_updates_and_rows_named_twice() -> None:
    v = tf.Variable([8.0, 8.0])
    halves = v1.scatter_div(v, [0, 0], 2.0)
    batch = v1.batch_scatter_update(tf.Variable([[1, 2], [3, 4]]), [[0], [1]], [[9], [8]])
    with v1.Session() as s:
        s.run(v1.global_variables_initializer())
        assert s.run(halves).tolist() == [2.0, 8.0]
        assert s.run(batch).tolist() == [[9, 2], [3, 8]]


def test_bad_updates() -> None:
    v, i = tf.Variable([1.0, 2.0]), tf.Variable([1, 2])
    out = v1.scatter_add(v, [2], [1.0])
    shape = v1.scatter_add(v, [0, 1], [1.0])
    by_zero = v1.scatter_div(i, [0], [0])
    deep = v.scatter_nd_add([[0, 0]], [1.0])
    with v1.Session() as s:
        s.run(v1.global_variables_initializer())
        for bad, text in (
            (out, r"does not index into shape \[2\]"),
            (shape, "updates.shape"),
            (by_zero, "division by zero"),
            (deep, "must not exceed the rank"),
        ):
            with pytest.raises(tf.errors.InvalidArgumentError, match=text):
                s.run(bad)
        assert s.run([v, i])[0].tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match=r"must be a `tf.IndexedSlices`"):
        v.scatter_add(1.0)
    with pytest.raises(ValueError, match="Shape mismatch"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="`constraint` must be None or a callable"):
        tf.Variable(1.0, constraint=3)


def test_reading_parts() -> None:
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    row, element = v.sparse_read([1]), v.gather_nd([[0, 1]])
    assert row.op.type == "ResourceGather"
    with v1.Session() as s:
        s.run(v1.global_variables_initializer())
        assert s.run(row).tolist() == [[3.0, 4.0]]
        assert s.run(element).tolist() == [2.0]


def test_equality_and_hash_in_graphs() -> None:
    v, w = tf.Variable([1.0]), tf.Variable([1.0])
    assert v == v
    assert not v == w  # noqa: SIM201
    assert v != w
    assert len({v, w, v}) == 2
    assert v in [w, v]
