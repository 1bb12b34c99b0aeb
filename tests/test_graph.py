"""Graphs: names, scopes, control inputs, surgery, collections, look-up, text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wengert as tf

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as g:
        yield g


def test_names_are_unique(graph: Any) -> None:
    names = [tf.constant(1.0, name="a").op.name for _ in range(3)]
    assert names == ["a", "a_1", "a_2"]
    assert (tf.constant(1.0) + 1.0).name == "add:0"
    assert graph.unique_name("a") == "a_3"
    assert graph.unique_name("a", mark_as_used=False) == "a_4"
    assert graph.unique_name("a") == "a_4"


def test_invented_names_do_not_collide() -> None:
    names = [tf.constant(0, name=n).op.name for n in ("a_1", "a", "a", "a")]
    assert len(set(names)) == 4


@pytest.mark.parametrize("bad", ["a b", "-a", "a:0", "ä"])
def test_bad_name(bad: str) -> None:
    with pytest.raises(ValueError, match="name"):
        tf.constant(1.0, name=bad)


def test_scopes(graph: Any) -> None:
    with tf.name_scope("a") as outer:
        assert outer == "a/"
        assert tf.constant(1.0, name="x").name == "a/x:0"
        with tf.name_scope("b"):
            assert graph.get_name_scope() == "a/b"
            assert tf.constant(1.0, name="x").name == "a/b/x:0"
    with tf.name_scope("a"):
        assert tf.constant(1.0, name="x").name == "a_1/x:0"
    with tf.name_scope("a/"):
        assert tf.constant(1.0, name="x").name == "a/x_1:0"
    with v1.name_scope(None, "standard"):
        assert tf.constant(1.0, name="x").name == "standard/x:0"
    assert graph.get_name_scope() == ""


def test_scope_is_left_by_an_exception(graph: Any) -> None:
    with pytest.raises(ZeroDivisionError), tf.name_scope("a"):
        raise ZeroDivisionError
    assert graph.get_name_scope() == ""


def test_control_inputs(graph: Any) -> None:
    a, b = tf.constant(1.0), tf.constant(2.0)
    with tf.control_dependencies([a]):
        with tf.control_dependencies([b.op]):
            c = tf.constant(3.0)
        with tf.control_dependencies(None):
            d = tf.constant(4.0)
    assert {op.name for op in c.op.control_inputs} == {a.op.name, b.op.name}
    assert d.op.control_inputs == []
    d.op._add_control_input(a.op)
    assert [op.name for op in d.op.control_inputs] == [a.op.name]
    with pytest.raises(TypeError), tf.control_dependencies([object()]):
        pass


def test_surgery() -> None:
    a, b = tf.constant(2.0), tf.constant(5.0)
    y = a * a
    y.op._update_input(1, b)
    assert [t.name for t in y.op.inputs] == [a.name, b.name]
    assert b.consumers() == [y.op]
    with v1.Session() as session:
        assert session.run(y) == 10.0
        y.op._update_input(0, b)
        assert session.run(y) == 25.0
        assert session.run(tf.gradients(y, b)[0]) == 10.0


def test_update_input_checks() -> None:
    a = tf.constant(2.0)
    y = a * a
    with pytest.raises(tf.errors.OutOfRangeError, match="does not have input 2"):
        y.op._update_input(2, a)
    with pytest.raises(tf.errors.InvalidArgumentError, match="incompatible types"):
        y.op._update_input(0, tf.constant(1))
    with tf.Graph().as_default():
        foreign = tf.constant(1.0)
    with pytest.raises((TypeError, ValueError)):
        y.op._update_input(0, foreign)
    z = y + 1.0
    with pytest.raises((TypeError, ValueError)):
        y.op._update_input(0, z)
    with v1.Session() as session:
        assert session.run(z) == 5.0


def test_create_op(graph: Any) -> None:
    a = tf.constant([1.0, 2.0])
    op = graph.create_op("Neg", [a], name="minus", attrs={"T": tf.float32})
    assert (op.name, op.type) == ("minus", "Neg")
    with v1.Session() as session:
        assert session.run(op.outputs[0]).tolist() == [-1.0, -2.0]
    with pytest.raises(TypeError, match="Input #0 is not a tensor"):
        graph.create_op("Neg", [1.0])


def test_collections(graph: Any) -> None:
    v1.add_to_collection("mine", 1)
    graph.add_to_collections(["mine", "yours"], 2)
    assert v1.get_collection("mine") == [1, 2]
    graph.get_collection("mine").append(9)
    graph.get_collection_ref("yours").append(3)
    assert (graph.get_collection("mine"), graph.get_collection("yours")) == ([1, 2], [2, 3])
    assert sorted(graph.get_all_collection_keys()) == ["mine", "yours"]
    graph.clear_collection("mine")
    assert graph.get_collection("mine") == []
    v = tf.Variable(1.0, name="v")
    w = tf.Variable(1.0, name="w", trainable=False)
    assert [x.name for x in v1.global_variables()] == [v.name, w.name]
    assert [x.name for x in v1.trainable_variables()] == ["v:0"]


def test_finalize(graph: Any) -> None:
    x = tf.constant(1.0)
    graph.finalize()
    assert graph.finalized
    with pytest.raises(RuntimeError, match="finalized"):
        tf.constant(2.0)
    with pytest.raises(RuntimeError, match="finalized"):
        tf.gradients(x, x)
    with v1.Session() as session:
        assert session.run(x) == 1.0


def test_look_up(graph: Any) -> None:
    x = tf.constant(1.0, name="x")
    assert graph.get_tensor_by_name("x:0") is x
    assert graph.get_operation_by_name("x") is x.op
    assert graph.as_graph_element(x) is x
    with pytest.raises(KeyError, match="does not exist"):
        graph.get_tensor_by_name("y:0")
    with pytest.raises(KeyError, match="only has 1 outputs"):
        graph.get_tensor_by_name("x:1")
    with pytest.raises(KeyError, match="not in the graph"):
        graph.get_operation_by_name("y")
    for bad in ("x", "x:y", ":0"):
        with pytest.raises(ValueError, match=bad):
            graph.get_tensor_by_name(bad)
    with pytest.raises(TypeError):
        graph.get_tensor_by_name(x)
    with tf.Graph().as_default() as other, pytest.raises(ValueError, match="not an element"):
        other.as_graph_element(x)


def test_texts() -> None:
    x = v1.placeholder(tf.float32, [None, 2], name="x")
    assert repr(x) == "<tf.Tensor 'x:0' shape=(None, 2) dtype=float32>"
    assert str(x) == 'Tensor("x:0", shape=(None, 2), dtype=float32)'
    assert repr(x.op) == "<tf.Operation 'x' type=Placeholder>"
    assert repr(v1.placeholder(tf.int32)).endswith("shape=<unknown> dtype=int32>")


def test_location_is_the_users_line() -> None:
    y = tf.constant(1.0) + 1.0
    location = y.op.location
    assert Path(__file__).name in location
    assert "test_location_is_the_users_line" in location
    assert "wengert/_" not in location


def test_attributes() -> None:
    x = tf.constant([[1.0, 2.0]])
    y = tf.matmul(x, x, transpose_b=True)
    assert y.op.get_attr("transpose_b") is True
    assert y.op.get_attr("T") == tf.float32
    with pytest.raises(ValueError, match="nothing"):
        y.op.get_attr("nothing")


def test_identity_of_objects(graph: Any) -> None:
    x = tf.constant(1.0)
    y = x + x
    assert y.op.inputs[0] is x
    assert x.op is graph.get_operations()[0]
    assert x.graph is graph
    assert {x: 1}[x] == 1
    assert x == x
    assert x != y


def test_a_symbolic_tensor_is_no_python_value() -> None:
    x = tf.constant(1.0)
    for use in (bool, iter, len, list):
        with pytest.raises(TypeError):
            use(x)
    with pytest.raises(TypeError):
        float(x)


def test_default_graphs() -> None:
    outer = v1.get_default_graph()
    inner = tf.Graph()
    with inner.as_default():
        assert v1.get_default_graph() is inner
    assert v1.get_default_graph() is outer


def test_shape_is_refined() -> None:
    x = v1.placeholder(tf.float32, [None, 2])
    x.set_shape([3, None])
    assert x.shape.as_list() == [3, 2]
    with pytest.raises(ValueError, match="not compatible"):
        x.set_shape([4, 2])


def test_text_and_picture(graph: Any) -> None:
    tf.constant(1.0, name="mark") + 1.0
    assert "mark" in graph.to_text()
    assert "digraph" in graph.to_dot()


def test_graph_outlives_its_python_name() -> None:
    def make() -> Any:
        with tf.Graph().as_default():
            return tf.constant(2.0) * 3.0

    y = make()
    with v1.Session(graph=y.graph) as session:
        assert session.run(y) == 6.0
