"""The optimizers of `tf.compat.v1.train`."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert._control import group
from wengert._graph import control_dependencies
from wengert._math_ops import cast, maximum, sqrt
from wengert._optimizers import Optimizer

__all__ = [
    "AdadeltaOptimizer",
    "AdagradDAOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer",
    "RMSPropOptimizer",
]


class _WithOp(Optimizer):
    """Base of those whose step is one op.

    Subclasses give the name of the ops behind "ResourceApply" and "ResourceSparseApply", the
    slots in the order of the op's inputs, and the settings by the name of their constants.
    """

    _op = ""
    _slot_order: tuple[str, ...] = ()

    def __init__(self, use_locking: bool, name: str, **settings: Any) -> None:
        super().__init__(use_locking, name)
        self._settings = settings
        self._tensors: dict[str, Any] = {}

    def _prepare(self) -> None:
        self._tensors = {
            name: _core.convert(self._call_if_callable(value), None, name)
            for name, value in self._settings.items()
        }

    def _setting(self, name: str, var: Any) -> Any:
        return cast(self._tensors[name], var.dtype.base_dtype)

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        """Hook: the inputs behind the handles, for a whole gradient."""
        raise NotImplementedError

    def _sparse_inputs(self, grad: Any, var: Any, indices: Any) -> list[Any]:
        """Hook: the inputs behind the handles, for rows."""
        return [*self._inputs(grad, var), indices]

    def _attributes(self) -> dict[str, Any]:
        return {"use_locking": bool(self._use_locking)}

    def _apply(self, kind: str, var: Any, inputs: list[Any]) -> Any:
        slots = [self.get_slot(var, name).handle for name in self._slot_order]
        return _core.apply(kind + self._op, (var.handle, *slots, *inputs), self._attributes())

    def _resource_apply_dense(self, grad: Any, handle: Any) -> Any:
        return self._apply("ResourceApply", handle, self._inputs(grad, handle))

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        inputs = self._sparse_inputs(grad, handle, indices)
        return self._apply("ResourceSparseApply", handle, inputs)


class GradientDescentOptimizer(_WithOp):
    """x -= learning_rate * g.

    Examples
    --------
    >>> import wengert as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable([3.0, 4.0])
    ...     loss = tf.reduce_sum(v * v)
    ...     step = tf.compat.v1.train.GradientDescentOptimizer(0.25).minimize(loss)
    ...     with tf.compat.v1.Session() as s:
    ...         s.run(tf.compat.v1.global_variables_initializer())
    ...         s.run(step)
    ...         s.run(v).tolist()
    [1.5, 2.0]
    """

    _op = "GradientDescent"

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name, learning_rate=learning_rate)
        self._learning_rate = learning_rate

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        return [self._setting("learning_rate", var), grad]

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any) -> Any:
        # Rows named twice are simply subtracted twice.
        step = -grad * self._setting("learning_rate", handle)
        return _core.apply(
            "ResourceScatterAdd", (handle.handle, indices, step), {"dtype": handle.dtype}
        )


class MomentumOptimizer(_WithOp):
    """a = momentum * a + g; x -= learning_rate * a (slot "momentum")."""

    _op = "Momentum"
    _slot_order = ("momentum",)

    def __init__(
        self, learning_rate: Any, momentum: Any, use_locking: bool = False, name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name, learning_rate=learning_rate, momentum=momentum)
        self._learning_rate, self._momentum = learning_rate, momentum
        self._use_nesterov = use_nesterov

    def _create_slots(self, var_list: list[Any]) -> None:
        for v in var_list:
            self._zeros_slot(v, "momentum", self._name)

    def _attributes(self) -> dict[str, Any]:
        return {**super()._attributes(), "use_nesterov": bool(self._use_nesterov)}

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        return [self._setting("learning_rate", var), grad, self._setting("momentum", var)]

    def _sparse_inputs(self, grad: Any, var: Any, indices: Any) -> list[Any]:
        rate, grad, momentum = self._inputs(grad, var)
        return [rate, grad, indices, momentum]


class AdamOptimizer(_WithOp):
    """Adam (slots "m" and "v")."""

    _op = "Adam"
    _slot_order = ("m", "v")

    def __init__(
        self, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999,
        epsilon: Any = 1e-8, use_locking: bool = False, name: str = "Adam",
    ) -> None:  # fmt: skip
        super().__init__(
            use_locking, name, learning_rate=learning_rate, beta1=beta1, beta2=beta2,
            epsilon=epsilon,
        )  # fmt: skip
        self._lr, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon

    def _get_beta_accumulators(self) -> tuple[Any, Any]:
        """The variables beta1_power and beta2_power of the current graph."""
        from wengert._graph import init_scope

        with init_scope():
            graph = _core.current_graph()
        return (
            self._get_non_slot_variable("beta1_power", graph),
            self._get_non_slot_variable("beta2_power", graph),
        )

    def _create_slots(self, var_list: list[Any]) -> None:
        first = min(var_list, key=lambda v: str(v.name))
        for name, value in (("beta1_power", self._beta1), ("beta2_power", self._beta2)):
            self._create_non_slot_variable(self._call_if_callable(value), name, first)
        for v in var_list:
            self._zeros_slot(v, "m", self._name)
            self._zeros_slot(v, "v", self._name)

    def _power(self, variable: Any, var: Any) -> Any:
        return variable if variable.dtype == var.dtype else cast(variable, var.dtype)

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        powers = [self._power(p, var) for p in self._get_beta_accumulators()]
        names = ("learning_rate", "beta1", "beta2", "epsilon")
        return [*powers, *(self._setting(name, var) for name in names), grad]

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        # The moments decay everywhere, so that rows without a gradient move too.
        var = handle
        b1_power, b2_power = (self._power(p, var) for p in self._get_beta_accumulators())
        rate, b1, b2, epsilon = (
            self._setting(n, var) for n in ("learning_rate", "beta1", "beta2", "epsilon")
        )
        rate = rate * sqrt(1 - b2_power) / (1 - b1_power)
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        m_new = self._decay_and_add(m, b1, grad * (1 - b1), indices)
        v_new = self._decay_and_add(v, b2, (grad * grad) * (1 - b2), indices)
        root = sqrt(v_new)
        update = var.assign_sub(rate * m_new / (root + epsilon))
        return group(update, m_new, v_new)

    def _decay_and_add(self, slot: Any, decay: Any, rows: Any, indices: Any) -> Any:
        with control_dependencies([slot.assign(slot * decay)]):
            added = _core.apply(
                "ResourceScatterAdd", (slot.handle, indices, rows), {"dtype": slot.dtype}
            )
            with control_dependencies([added]):
                return slot.value()

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        updates = list(update_ops)
        with control_dependencies(update_ops):
            for power, beta in zip(self._get_beta_accumulators(), ("beta1", "beta2"), strict=True):
                updates.append(power.assign(power * self._setting(beta, power)))
        return group(*updates, name=name_scope)


class AdagradOptimizer(_WithOp):
    """a += g^2; x -= learning_rate * g / sqrt(a) (slot "accumulator")."""

    _op = "Adagrad"
    _slot_order = ("accumulator",)

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1,
        use_locking: bool = False, name: str = "Adagrad",
    ) -> None:  # fmt: skip
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name, learning_rate=learning_rate)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: list[Any]) -> None:
        from wengert._initializers import Constant

        for v in var_list:
            self._get_or_make_slot_with_initializer(
                v, Constant(self._initial_accumulator_value), v.shape, v.dtype, "accumulator",
                self._name,
            )  # fmt: skip

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        return [self._setting("learning_rate", var), grad]


class AdadeltaOptimizer(_WithOp):
    """Adadelta (slots "accum" and "accum_update")."""

    _op = "Adadelta"
    _slot_order = ("accum", "accum_update")

    def __init__(
        self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = 1e-8,
        use_locking: bool = False, name: str = "Adadelta",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name, lr=learning_rate, rho=rho, epsilon=epsilon)
        self._lr, self._rho, self._epsilon = learning_rate, rho, epsilon

    def _create_slots(self, var_list: list[Any]) -> None:
        for v in var_list:
            self._zeros_slot(v, "accum", self._name)
            self._zeros_slot(v, "accum_update", self._name)

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        return [*(self._setting(name, var) for name in ("lr", "rho", "epsilon")), grad]


class RMSPropOptimizer(_WithOp):
    """RMSProp (slots "rms" and "momentum", and "mg" when centred)."""

    def __init__(
        self, learning_rate: Any, decay: Any = 0.9, momentum: Any = 0.0, epsilon: Any = 1e-10,
        use_locking: bool = False, centered: bool = False, name: str = "RMSProp",
    ) -> None:  # fmt: skip
        super().__init__(
            use_locking, name, learning_rate=learning_rate, decay=decay, momentum=momentum,
            epsilon=epsilon,
        )  # fmt: skip
        self._learning_rate, self._decay, self._momentum = learning_rate, decay, momentum
        self._epsilon, self._centered = epsilon, centered
        self._op = "CenteredRMSProp" if centered else "RMSProp"
        self._slot_order = ("mg", "rms", "momentum") if centered else ("rms", "momentum")

    def _create_slots(self, var_list: list[Any]) -> None:
        from wengert._initializers import Ones

        for v in var_list:
            self._get_or_make_slot_with_initializer(v, Ones(), v.shape, v.dtype, "rms", self._name)
            if self._centered:
                self._zeros_slot(v, "mg", self._name)
            self._zeros_slot(v, "momentum", self._name)

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        names = ("learning_rate", "decay", "momentum", "epsilon")
        return [*(self._setting(name, var) for name in names), grad]


class FtrlOptimizer(_WithOp):
    """Follow the regularised leader (slots "accum" and "linear")."""

    _slot_order = ("accum", "linear")

    def __init__(
        self, learning_rate: Any, learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0, use_locking: bool = False, name: str = "Ftrl",
        accum_name: str | None = None, linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0, beta: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        for text, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0.0:
                raise ValueError(f"{text} {value} needs to be positive or zero")
        if learning_rate_power > 0.0:
            raise ValueError(
                f"learning_rate_power {learning_rate_power} needs to be negative or zero"
            )
        self._learning_rate, self._learning_rate_power = learning_rate, learning_rate_power
        self._initial_accumulator_value = initial_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._l2_shrinkage = l2_shrinkage_regularization_strength
        self._beta = 0.0 if beta is None else beta
        self._accum_name, self._linear_name = accum_name, linear_name
        self._op = "FtrlV2" if self._l2_shrinkage > 0 else "Ftrl"

    def _create_slots(self, var_list: list[Any]) -> None:
        from wengert._creation import ones

        def initial(shape: Any, dtype: Any) -> Any:
            return ones(shape, dtype) * self._initial_accumulator_value

        for v in var_list:
            self._get_or_make_slot_with_initializer(
                v, initial, v.shape, v.dtype, "accum", self._accum_name or self._name
            )
            self._zeros_slot(v, "linear", self._linear_name or self._name)

    def _prepare(self) -> None:
        rate = self._call_if_callable(self._learning_rate)
        constants = self._tensors = {"learning_rate": _core.convert(rate, None, "learning_rate")}
        for name, value in (
            ("l1_regularization_strength", self._l1),
            # beta is a further penalty, relative to the learning rate.
            ("l2", None),
            ("beta", self._beta),
            ("l2_shrinkage_regularization_strength", self._l2_shrinkage),
            ("learning_rate_power", self._learning_rate_power),
        ):
            if value is None:
                constants[name] = self._l2 + self._beta / (2.0 * maximum(rate, 1e-36))
            else:
                constants[name] = _core.convert(value, None, name)

    def _rest(self, var: Any) -> list[Any]:
        names = ["learning_rate", "l1_regularization_strength", "l2"]
        if self._l2_shrinkage > 0:
            names.append("l2_shrinkage_regularization_strength")
        return [self._setting(name, var) for name in [*names, "learning_rate_power"]]

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        return [grad, *self._rest(var)]

    def _sparse_inputs(self, grad: Any, var: Any, indices: Any) -> list[Any]:
        return [grad, indices, *self._rest(var)]


class ProximalGradientDescentOptimizer(_WithOp):
    """Gradient descent, then a proximal step for L1 and L2 penalties."""

    _op = "ProximalGradientDescent"

    def __init__(
        self, learning_rate: Any, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0, use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:  # fmt: skip
        super().__init__(
            use_locking, name, learning_rate=learning_rate,
            l1_regularization_strength=l1_regularization_strength,
            l2_regularization_strength=l2_regularization_strength,
        )  # fmt: skip

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        return [*(self._setting(name, var) for name in self._settings), grad]


class ProximalAdagradOptimizer(ProximalGradientDescentOptimizer):
    """Adagrad, then a proximal step for L1 and L2 penalties (slot "accumulator")."""

    _op = "ProximalAdagrad"
    _slot_order = ("accumulator",)

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0,
        use_locking: bool = False, name: str = "ProximalAdagrad",
    ) -> None:  # fmt: skip
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(
            learning_rate, l1_regularization_strength, l2_regularization_strength, use_locking, name
        )
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: list[Any]) -> None:
        from wengert._creation import constant

        for v in var_list:
            value = constant(self._initial_accumulator_value, dtype=v.dtype, shape=v.shape)
            self._get_or_make_slot(v, value, "accumulator", self._name)


class AdagradDAOptimizer(_WithOp):
    """Adagrad with dual averaging (slots of the sums of g and of g^2)."""

    _op = "AdagradDA"
    _slot_order = ("gradient_accumulator", "gradient_squared_accumulator")

    def __init__(
        self, learning_rate: Any, global_step: Any,
        initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0,
        use_locking: bool = False, name: str = "AdagradDA",
    ) -> None:  # fmt: skip
        if initial_gradient_squared_accumulator_value <= 0.0:
            raise ValueError(
                "initial_gradient_squared_accumulator_value must be positive: "
                f"{initial_gradient_squared_accumulator_value}"
            )
        super().__init__(use_locking, name, learning_rate=learning_rate)
        self._initial = initial_gradient_squared_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._global_step = global_step
        self._next_step: Any = None

    def _create_slots(self, var_list: list[Any]) -> None:
        from wengert._creation import constant

        for v in var_list:
            zeros = constant(0.0, dtype=v.dtype, shape=v.shape)
            squares = constant(self._initial, dtype=v.dtype, shape=v.shape)
            self._get_or_make_slot(v, zeros, "gradient_accumulator", self._name)
            self._get_or_make_slot(v, squares, "gradient_squared_accumulator", self._name)

    def _prepare(self) -> None:
        from wengert._array_ops import identity

        super()._prepare()
        with control_dependencies([]):
            self._next_step = identity(self._global_step) + 1

    def _rest(self, var: Any) -> list[Any]:
        from wengert._array_ops import identity

        step = identity(self._next_step)
        penalties = [cast(x, var.dtype.base_dtype) for x in (self._l1, self._l2)]
        return [self._setting("learning_rate", var), *penalties, step]

    def _inputs(self, grad: Any, var: Any) -> list[Any]:
        return [grad, *self._rest(var)]

    def _sparse_inputs(self, grad: Any, var: Any, indices: Any) -> list[Any]:
        return [grad, indices, *self._rest(var)]
