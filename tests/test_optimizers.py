"""Ops and classes of optimizers: recorded steps, slots, hooks, schedules, averages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as tf
from wengert import _core

v1 = tf.compat.v1
train = v1.train

# What TensorFlow 2.21 gives in float64 for one step of every op from this state.
STEPS = json.loads((Path(__file__).parent / "data" / "training-steps.json").read_text())
VAR = np.linspace(-1.0, 1.3, 6).reshape(3, 2)
GRAD = np.linspace(0.7, -0.9, 6).reshape(3, 2)
SLOTS = [np.linspace(a, b, 6).reshape(3, 2) for a, b in ((0.3, 0.8), (0.5, 1.0), (0.2, 0.6))]
INDICES = [2, 0, 2]
ARGS = {
    "lr": 0.1, "alpha": 0.1, "momentum": 0.9, "beta1_power": 0.9, "beta2_power": 0.99,
    "beta1": 0.8, "beta2": 0.95, "epsilon": 0.01, "l1": 0.02, "l2": 0.03, "l2_shrinkage": 0.04,
    "lr_power": -0.4, "rho": 0.85, "logbase": 0.7, "sign_decay": 0.6, "beta": 0.75,
}  # fmt: skip


def step_id(step: dict[str, Any]) -> str:
    return step["op"].replace("Resource", "") + "".join(
        f"-{k}={v}" for k, v in step["attrs"].items()
    )


def one_step(op: str, attrs: dict[str, Any], dtype: str, **changes: Any) -> list[Any]:
    """The variable and its slots after the op."""
    variables: list[Any] = []
    inputs = {}
    for name, kind in _core.op_info(op)["inputs"]:
        if kind == "resource":
            value = VAR if name == "var" else SLOTS[len(variables) - 1]
            variables.append(tf.Variable(tf.constant(value, dtype)))
            inputs[name] = variables[-1].handle
        elif name in ("grad", "delta"):
            inputs[name] = tf.constant(GRAD, dtype)
        elif name == "indices":
            inputs[name] = tf.constant(INDICES)
        elif name == "global_step":
            inputs[name] = tf.constant(3, tf.int64)
        else:
            inputs[name] = tf.constant(ARGS[name], dtype)
    inputs.update(changes)
    getattr(tf.raw_ops, op)(**inputs, **attrs)
    assert [v.dtype.name for v in variables] == [dtype] * len(variables)
    return [tf.cast(v, tf.float64).numpy() for v in variables]


@pytest.mark.parametrize("step", STEPS, ids=step_id)
@pytest.mark.parametrize(
    ("dtype", "rtol"),
    [("float64", 1e-12), ("float32", 1e-5), ("float16", 8e-3), ("bfloat16", 6e-2)],
)
def test_recorded_step(step: dict[str, Any], dtype: str, rtol: float) -> None:
    got = one_step(step["op"], step["attrs"], dtype)
    for have, want in zip(got, step["result"], strict=True):
        np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol)


def test_every_op_of_an_optimizer_is_recorded() -> None:
    ours = {n for n in _core.op_names() if n.startswith(("ResourceApply", "ResourceSparseApply"))}
    assert ours == {step["op"] for step in STEPS}


def test_complex_step() -> None:
    v = tf.Variable([1.0 + 2.0j])
    tf.raw_ops.ResourceApplyGradientDescent(
        var=v.handle, alpha=tf.constant(0.5 + 0j), delta=tf.constant([2.0 - 2.0j])
    )
    assert v.numpy().tolist() == [0.0 + 3.0j]


@pytest.mark.parametrize("index", [-1, 3])
def test_rows_out_of_range(index: int) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="at offset 1 in indices is out of"):
        one_step("ResourceSparseApplyMomentum", {}, "float32", indices=tf.constant([0, index, 2]))


def test_bad_shapes_and_dtypes() -> None:
    errors = (tf.errors.InvalidArgumentError, ValueError)
    with pytest.raises(errors, match=r"do not have the same shape|must be equal"):
        one_step("ResourceApplyMomentum", {}, "float32", grad=tf.constant([1.0]))
    with pytest.raises(errors, match=r"not a scalar|rank 0"):
        one_step("ResourceApplyMomentum", {}, "float32", lr=tf.constant([1.0]))
    with pytest.raises(errors, match=r"rank 1|one-dimensional"):
        one_step("ResourceSparseApplyAdagrad", {}, "float32", indices=tf.constant([[0], [1], [2]]))
    with pytest.raises(errors, match=r"equal|shape"):
        one_step("ResourceSparseApplyAdagrad", {}, "float32", indices=tf.constant([0]))
    v = tf.Variable([1, 2])
    with pytest.raises(errors, match="not defined for int32"):
        tf.raw_ops.ResourceApplyGradientDescent(
            var=v.handle, alpha=tf.constant(1), delta=tf.constant([1, 1])
        )
    assert v.numpy().tolist() == [1, 2]


def test_no_rows() -> None:
    got = one_step(
        "ResourceSparseApplyMomentum", {}, "float32",
        indices=tf.constant([], tf.int32), grad=tf.zeros([0, 2]),
    )  # fmt: skip
    np.testing.assert_allclose(got[0], VAR, rtol=1e-6)


OPTIMIZERS = {
    "gd": lambda: train.GradientDescentOptimizer(0.1),
    "momentum": lambda: train.MomentumOptimizer(0.1, 0.9),
    "nesterov": lambda: train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "adam": lambda: train.AdamOptimizer(0.1),
    "adagrad": lambda: train.AdagradOptimizer(0.1),
    "adadelta": lambda: train.AdadeltaOptimizer(0.1),
    "rmsprop": lambda: train.RMSPropOptimizer(0.1),
    "centered": lambda: train.RMSPropOptimizer(0.1, momentum=0.5, centered=True),
    "ftrl": lambda: train.FtrlOptimizer(0.1, l1_regularization_strength=0.01, beta=0.1),
    "ftrl_v2": lambda: train.FtrlOptimizer(0.1, l2_shrinkage_regularization_strength=0.1),
    "proximal": lambda: train.ProximalGradientDescentOptimizer(0.1, 0.01, 0.01),
    "proximal_adagrad": lambda: train.ProximalAdagradOptimizer(0.1, 0.1, 0.01, 0.01),
    "adagrad_da": lambda: train.AdagradDAOptimizer(0.1, train.get_or_create_global_step()),
}
# w after three steps on sum(w^2), and on sum(gather(w, [1, 1, 3])^2), from [1, 2, 3, 4]; as
# TensorFlow 2.21 gives them.
TRAINED: dict[str, tuple[list[float], list[float]]] = json.loads(
    (Path(__file__).parent / "data" / "trained.json").read_text()
)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("sparse", [False, True])
def test_three_steps(name: str, sparse: bool) -> None:
    with tf.Graph().as_default():
        w = tf.Variable([1.0, 2.0, 3.0, 4.0])
        x = tf.gather(w, [1, 1, 3]) if sparse else w * 1.0
        step = OPTIMIZERS[name]().minimize(tf.reduce_sum(x * x))
        with v1.Session() as s:
            s.run(v1.global_variables_initializer())
            for _ in range(3):
                s.run(step)
            np.testing.assert_allclose(s.run(w), TRAINED[name][sparse], rtol=2e-5)


def test_slots() -> None:
    with tf.Graph().as_default():
        a = v1.get_variable("a", [2], initializer=v1.zeros_initializer)
        b = v1.get_variable("b", [3], initializer=v1.zeros_initializer)
        opt = train.AdamOptimizer()
        assert opt.get_slot(a, "m") is None
        opt.minimize(tf.reduce_sum(a) + tf.reduce_sum(b))
        assert opt.get_slot_names() == ["m", "v"]
        assert opt.get_slot(a, "m").name == "a/Adam:0"
        assert opt.get_slot(b, "v").name == "b/Adam_1:0"
        assert not opt.get_slot(a, "m").trainable
        names = ["a/Adam", "a/Adam_1", "b/Adam", "b/Adam_1", "beta1_power", "beta2_power"]
        assert [v.name for v in opt.variables()] == [n + ":0" for n in names]
        assert [v.name for v in v1.trainable_variables()] == ["a:0", "b:0"]


def test_hooks_of_a_subclass() -> None:
    class Half(train.Optimizer):
        def __init__(self) -> None:
            super().__init__(False, "Half")
            self.log: list[str] = []

        def _create_slots(self, var_list: Any) -> None:
            self.log.append("slots")
            for v in var_list:
                self._zeros_slot(v, "seen", self._name)

        def _prepare(self) -> None:
            self.log.append("prepare")
            self._half = tf.constant(0.5, name="half")

        def _apply_dense(self, grad: Any, var: Any) -> Any:
            self.log.append("dense")
            seen = self.get_slot(var, "seen").assign_add(tf.ones_like(grad))
            return tf.group(var.assign_sub(self._half * grad), seen)

        def _apply_sparse(self, grad: Any, var: Any) -> Any:
            self.log.append("sparse")
            return var.scatter_sub(tf.IndexedSlices(self._half * grad.values, grad.indices))

        def _finish(self, update_ops: Any, name_scope: str) -> Any:
            self.log.append("finish")
            return super()._finish(update_ops, name_scope)

    with tf.Graph().as_default():
        v, e = tf.Variable([1.0, 2.0]), tf.Variable([1.0, 2.0])
        opt = Half()
        op = opt.minimize(tf.reduce_sum(v * v) + tf.reduce_sum(tf.gather(e, [1, 1])))
        assert opt.log == ["slots", "prepare", "dense", "sparse", "finish"]
        assert op.name == "Half"
        with v1.Session() as s:
            s.run(v1.global_variables_initializer())
            s.run(op)
            assert s.run(v).tolist() == [0.0, 0.0]
            assert s.run(e).tolist() == [1.0, 1.0]
            assert s.run(opt.get_slot(v, "seen")).tolist() == [1.0, 1.0]


def test_a_subclass_of_a_rule_wins() -> None:
    class Loud(train.GradientDescentOptimizer):
        def _apply_dense(self, grad: Any, var: Any) -> Any:
            return var.assign(tf.fill(var.shape, 7.0))

    with tf.Graph().as_default():
        v = tf.Variable([1.0, 2.0])
        op = Loud(0.1).minimize(tf.reduce_sum(v))
        with v1.Session() as s:
            s.run(v1.global_variables_initializer())
            s.run(op)
            assert s.run(v).tolist() == [7.0, 7.0]


def test_errors() -> None:
    opt = train.GradientDescentOptimizer(0.1)
    with pytest.raises(RuntimeError, match="should be a function when eager"):
        opt.minimize(tf.constant(1.0))
    with pytest.raises(ValueError, match="Must specify the optimizer name"):
        train.Optimizer(False, "")
    with tf.Graph().as_default():
        loss = tf.constant(1.0)
        with pytest.raises(ValueError, match="No variables to optimize"):
            opt.minimize(loss)
        v = tf.Variable(1.0)
        with pytest.raises(ValueError, match="No gradients provided for any variable"):
            opt.minimize(loss)
        with pytest.raises(ValueError, match="No variables provided"):
            opt.apply_gradients([])
        with pytest.raises(ValueError, match="No gradients provided"):
            opt.apply_gradients([(None, v)])
        with pytest.raises(TypeError, match="must be convertible to a Tensor"):
            opt.apply_gradients([(object(), v)])
        with pytest.raises(ValueError, match="gate_gradients must be one of"):
            opt.minimize(v * v, gate_gradients=7)
        with pytest.raises(ValueError, match="Invalid type"):
            opt.minimize(tf.constant(1), var_list=[v])
        with pytest.raises(NotImplementedError, match="_resource_apply_dense"):
            train.Optimizer(False, "Bare").minimize(v * v)
        clipped = tf.Variable([1.0], constraint=lambda x: x)
        with pytest.raises(RuntimeError, match="constraint function on a sparse variable"):
            opt.minimize(tf.gather(clipped, 0))


def test_constraint_follows_the_update() -> None:
    with tf.Graph().as_default():
        v = tf.Variable([1.0, 2.0], constraint=lambda x: tf.maximum(x, 1.5))
        op = train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(v))
        with v1.Session() as s:
            s.run(v1.global_variables_initializer())
            s.run(op)
            np.testing.assert_allclose(s.run(v), [1.5, 1.9])


def test_learning_rate_as_callable_and_tensor() -> None:
    with tf.Graph().as_default():
        v = tf.Variable(1.0)
        rate = v1.placeholder(tf.float32, [])
        by_tensor = train.GradientDescentOptimizer(rate).minimize(v * 1.0)
        by_function = train.GradientDescentOptimizer(lambda: 0.5).minimize(v * 1.0)
        with v1.Session() as s:
            s.run(v1.global_variables_initializer())
            s.run(by_tensor, {rate: 0.25})
            assert s.run(v) == 0.75
            s.run(by_function)
            assert s.run(v) == 0.25


def test_clipping_by_global_norm() -> None:
    with tf.Graph().as_default():
        a, b = tf.Variable([3.0]), tf.Variable([4.0])
        grads = tf.gradients(tf.reduce_sum(a * a + b * b) / 2.0, [a, b])
        clipped, norm = tf.clip_by_global_norm(grads, 1.0)
        step = train.GradientDescentOptimizer(1.0).apply_gradients(
            zip(clipped, [a, b], strict=True)
        )
        with v1.Session() as s:
            s.run(v1.global_variables_initializer())
            assert s.run(norm) == 5.0
            s.run(step)
            np.testing.assert_allclose(s.run([a, b]), [[2.4], [3.2]], rtol=1e-6)


def test_global_step() -> None:
    with tf.Graph().as_default():
        assert train.get_global_step() is None
        step = train.create_global_step()
        assert step.name == "global_step:0"
        assert step.dtype == tf.int64
        assert not step.trainable
        assert train.get_global_step() is step
        assert train.get_or_create_global_step() is step
        with pytest.raises(ValueError, match='"global_step" already exists'):
            train.create_global_step()
        v = tf.Variable(1.0)
        op = train.GradientDescentOptimizer(0.5).minimize(v * v, global_step=step)
        with v1.Session() as s:
            s.run(v1.global_variables_initializer())
            s.run([op, op])
            assert train.global_step(s, step) == 1
    with tf.Graph().as_default():
        with pytest.raises(TypeError, match="does not have integer type"):
            train.assert_global_step(tf.Variable(1.0))
        with pytest.raises(TypeError, match="is not scalar"):
            train.assert_global_step(tf.Variable([1]))


SCHEDULES = {
    "exponential": (lambda g: train.exponential_decay(0.1, g, 10, 0.9),
                    [0.1, 0.09895193, 0.09486832, 0.09, 0.07684334, 0.03486783]),
    "staircase": (lambda g: train.exponential_decay(0.1, g, 10, 0.9, staircase=True),
                  [0.1, 0.1, 0.1, 0.09, 0.081, 0.03486783]),
    "piecewise": (lambda g: train.piecewise_constant(g, [2, 10], [1.0, 0.5, 0.1]),
                  [1.0, 1.0, 0.5, 0.5, 0.1, 0.1]),
    "polynomial": (lambda g: train.polynomial_decay(0.1, g, 10),
                   [0.1, 0.09001, 0.05005, 1e-4, 1e-4, 1e-4]),
    "cycle": (lambda g: train.polynomial_decay(0.1, g, 10, cycle=True, power=2.0),
              [0.1, 0.081019, 0.025075, 1e-4, 0.002875, 1e-4]),
    "natural": (lambda g: train.natural_exp_decay(0.1, g, 10, 0.5),
                [0.1, 0.09512295, 0.07788008, 0.06065307, 0.02865048, 0.00067379483]),
    "inverse": (lambda g: train.inverse_time_decay(0.1, g, 10, 0.5, staircase=True),
                [0.1, 0.1, 0.1, 0.06666667, 0.05, 0.01666667]),
    "cosine": (lambda g: train.cosine_decay(0.1, g, 10, alpha=0.1),
               [0.1, 0.09779754, 0.055, 0.01, 0.01, 0.01]),
    "restarts": (lambda g: train.cosine_decay_restarts(0.1, g, 10, alpha=0.1),
                 [0.1, 0.09779754, 0.055, 0.1, 0.023180196, 0.07222076]),
    "linear_cosine": (lambda g: train.linear_cosine_decay(0.1, g, 10),
                      [0.1001, 0.08789755, 0.0251, 1e-4, 1e-4, 1e-4]),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str) -> None:
    make, want = SCHEDULES[name]
    at = (0, 1, 5, 10, 25, 100)
    with tf.Graph().as_default():
        step = v1.placeholder(tf.int64, [])
        rate = make(step)
        with v1.Session() as s:
            got = [s.run(rate, {step: i}) for i in at]
    np.testing.assert_allclose(got, want, rtol=1e-4)
    eager = tf.Variable(0, dtype=tf.int64)
    schedule = make(eager)
    for i, value in zip(at, want, strict=True):
        eager.assign(i)
        np.testing.assert_allclose(schedule().numpy(), value, rtol=1e-4)


def test_moving_average() -> None:
    with tf.Graph().as_default():
        v = v1.get_variable("v", [2], initializer=v1.ones_initializer)
        t = v * 2.0
        ema = train.ExponentialMovingAverage(0.9)
        op = ema.apply([v, t])
        assert op.name == "ExponentialMovingAverage"
        assert ema.average(v).name == "v/ExponentialMovingAverage:0"
        assert ema.average(t).name == "mul/ExponentialMovingAverage:0"
        assert ema.average_name(v) == "v/ExponentialMovingAverage"
        assert v1.moving_average_variables() == [v]
        assert sorted(ema.variables_to_restore()) == [
            "mul/ExponentialMovingAverage", "v/ExponentialMovingAverage",
        ]  # fmt: skip
        add = v.assign_add([1.0, 2.0])
        with v1.Session() as s:
            s.run(v1.global_variables_initializer())
            for _ in range(2):
                s.run(add)
                s.run(op)
            np.testing.assert_allclose(s.run(ema.average(v)), [1.29, 1.58], rtol=1e-6)
            np.testing.assert_allclose(s.run(ema.average(t)), [0.96, 1.54], rtol=1e-6)


def test_moving_average_with_number_of_updates() -> None:
    with tf.Graph().as_default():
        v = v1.get_variable("v", [], initializer=v1.ones_initializer)
        step = train.get_or_create_global_step()
        ema = train.ExponentialMovingAverage(0.9, num_updates=step)
        op = ema.apply([v])
        with v1.Session() as s:
            s.run(v1.global_variables_initializer())
            s.run(v.assign(2.0))
            s.run(op)
            np.testing.assert_allclose(s.run(ema.average(v)), 1.9, rtol=1e-6)
