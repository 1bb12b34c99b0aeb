"""`tf.compat.v1.train.Optimizer`: gradients into updates of variables, with hooks to subclass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert import _core, _graph, _nest
from wengert._control import group
from wengert._indexed_slices import IndexedSlices

__all__ = ["Optimizer"]


def _graph_of(var: Any) -> Any:
    return var.graph if var._in_graph_mode else None


def _key_of(var: Any) -> Any:
    """What identifies a variable: graph and name, or the object itself in eager mode."""
    return (var.graph, var._shared_name) if var._in_graph_mode else id(var)


def _op_name(var: Any) -> str:
    return str(var._shared_name)


def _is_floating(dtype: Any) -> bool:
    return bool(dtype.is_floating or dtype.is_complex)


def deduplicate(values: Any, indices: Any) -> tuple[Any, Any]:
    """Slices with equal indices added up: (sums, unique indices)."""
    from wengert._array_ops import shape, unique

    rows, positions = unique(indices)
    sums = _core.apply("UnsortedSegmentSum", (values, positions, shape(rows)[0]))
    return sums, rows


class Optimizer:
    """Base of optimizers.

    A subclass says what happens to one variable, in `_resource_apply_dense` and
    `_resource_apply_sparse` (or `_apply_dense` and `_apply_sparse`), keeps values of its own per
    variable in slots (`_create_slots`), makes tensors of its settings in `_prepare` and ends a
    step in `_finish`.

    Parameters
    ----------
    use_locking : bool
        Accepted; updates of one run are never seen half done.
    name : str
        Name scope of the updates and, by default, of the slots.
    """

    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        # Slot name -> key of a variable -> (variable, slot).
        self._slots: dict[str, dict[Any, tuple[Any, Any]]] = {}
        self._non_slot_dict: dict[Any, Any] = {}

    def get_name(self) -> str:
        return self._name

    # --- the two halves of a step --------------------------------------------------------------
    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Any:
        """An operation that takes one step towards smaller `loss`.

        Parameters
        ----------
        loss : Tensor, or callable in eager mode
        global_step : Variable, optional
            Counted up by one.
        var_list : list of Variable, optional
            Default: all trainable variables.

        Raises
        ------
        ValueError
            When no variable gets a gradient.
        """
        pairs = self.compute_gradients(
            loss, var_list, gate_gradients, aggregation_method, colocate_gradients_with_ops,
            grad_loss,
        )  # fmt: skip
        variables = [v for g, v in pairs if g is not None]
        if not variables:
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not "
                f"support gradients, between variables {_texts([v for _, v in pairs])} and loss "
                f"{loss}."
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Any]]:
        """[(gradient or None, variable)] of `loss`.

        Raises
        ------
        RuntimeError
            In eager mode, when `loss` is not callable.
        TypeError, ValueError
        """
        if callable(loss):
            return self._gradients_of_function(loss, var_list, grad_loss)
        if _core.current_graph() is None:
            raise RuntimeError(
                "`loss` passed to Optimizer.compute_gradients should be a function when eager "
                "execution is enabled."
            )
        if gate_gradients not in (self.GATE_NONE, self.GATE_OP, self.GATE_GRAPH):
            raise ValueError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                f"Optimizer.GATE_GRAPH. Not {gate_gradients}"
            )
        _check_dtypes([loss], self._valid_dtypes())
        if grad_loss is not None:
            _check_dtypes([grad_loss], self._valid_dtypes())
        if var_list is None:
            keys = _graph.GraphKeys
            var_list = _graph.get_default_graph().get_collection(keys.TRAINABLE_VARIABLES)
        else:
            var_list = _nest.flatten(var_list)
        if not var_list:
            raise ValueError("No variables to optimize.")
        from wengert._gradients import gradients

        grads = gradients(
            loss, list(var_list), grad_ys=grad_loss, aggregation_method=aggregation_method,
            gate_gradients=gate_gradients == self.GATE_OP,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )  # fmt: skip
        if gate_gradients == self.GATE_GRAPH:
            from wengert._control import tuple_

            grads = tuple_(grads)
        _check_dtypes([v for g, v in zip(grads, var_list, strict=True) if g is not None],
                      self._valid_dtypes())  # fmt: skip
        return list(zip(grads, var_list, strict=True))

    def _gradients_of_function(
        self, loss: Callable[[], Any], var_list: Any, grad_loss: Any
    ) -> list[tuple[Any, Any]]:
        import wengert

        with wengert.GradientTape() as tape:
            if var_list is not None:
                tape.watch(var_list)
            value = loss()
        if var_list is None:
            var_list = tape.watched_variables()
        var_list = _nest.flatten(var_list)
        return list(zip(tape.gradient(value, var_list, grad_loss), var_list, strict=True))

    def apply_gradients(
        self, grads_and_vars: Any, global_step: Any = None, name: str | None = None
    ) -> Any:
        """An operation that updates the variables.

        Parameters
        ----------
        grads_and_vars : list of (gradient or None, variable)
            As `compute_gradients` gives.
        global_step : Variable, optional
            Counted up by one, after the updates.

        Raises
        ------
        TypeError, ValueError
        """
        given = tuple(grads_and_vars)
        if not given:
            raise ValueError("No variables provided.")
        pairs = [(_as_gradient(g), v) for g, v in given]
        updated = [(g, v) for g, v in pairs if g is not None]
        if not updated:
            raise ValueError(
                f"No gradients provided for any variable: {[str(v) for _, v in given]}."
            )
        with _graph.init_scope():
            self._create_slots([v for _, v in updated])
        with _graph.name_scope_v1(name, self._name) as scope:
            self._prepare()
            update_ops = []
            for grad, var in updated:
                scope_name = "" if _core.current_graph() is None else _op_name(var)
                with _graph.name_scope("update_" + scope_name.replace(":", "_")):
                    update_ops.append(self._update(grad, var))
            if global_step is None:
                train_op = self._finish(update_ops, scope)
            else:
                after = self._finish(update_ops, "update")
                with _graph.control_dependencies([after]):
                    train_op = _count_up(global_step, scope)
            graph = _core.current_graph()
            if graph is not None:
                train_op = getattr(train_op, "_parent_op", train_op)
                if train_op not in graph.get_collection_ref("train_op"):
                    graph.add_to_collection("train_op", train_op)
            return train_op

    def _update(self, grad: Any, var: Any) -> Any:
        """The update of one variable, through whichever hook the subclass has written."""
        if isinstance(grad, IndexedSlices):
            if var.constraint is not None:
                raise RuntimeError("Cannot use a constraint function on a sparse variable.")
            if self._prefers("_apply_sparse", "_resource_apply_sparse"):
                return self._apply_sparse_duplicate_indices(grad, var)
            return self._resource_apply_sparse_duplicate_indices(grad.values, var, grad.indices)
        if self._prefers("_apply_dense", "_resource_apply_dense"):
            update = self._apply_dense(grad, var)
        else:
            update = self._resource_apply_dense(grad, var)
        if var.constraint is not None:
            with _graph.control_dependencies([update]):
                return var.assign(var.constraint(var))
        return update

    def _prefers(self, hook: str, other: str) -> bool:
        """Whether `hook` is written in a class nearer to the user's than `other`."""
        for cls in type(self).__mro__[:-1]:
            if cls is not Optimizer and other in cls.__dict__:
                return False
            if cls is not Optimizer and hook in cls.__dict__:
                return True
        return False

    # --- slots ---------------------------------------------------------------------------------
    def get_slot(self, var: Any, name: str) -> Any:
        """The slot `name` of a variable, or None."""
        found = self._slots.get(name, {}).get(_key_of(var))
        return None if found is None else found[1]

    def get_slot_names(self) -> list[str]:
        return sorted(self._slots)

    def variables(self) -> list[Any]:
        """All variables that belong to the optimizer, in the current graph."""
        graph = _core.current_graph()
        own = [v for v in self._non_slot_dict.values() if _graph_of(v) is graph]
        for slots in self._slots.values():
            own.extend(slot for var, slot in slots.values() if _graph_of(var) is graph)
        return sorted(own, key=lambda v: str(v.name))

    def _create_slots(self, var_list: list[Any]) -> None:
        """Hook: make what `_resource_apply_*` needs for each variable."""

    def _slot_dict(self, slot_name: str) -> dict[Any, tuple[Any, Any]]:
        return self._slots.setdefault(slot_name, {})

    def _get_or_make_slot(self, var: Any, val: Any, slot_name: str, op_name: str) -> Any:
        """The slot, made with initial value `val` if need be."""
        return self._slot(var, slot_name, op_name, val)

    def _get_or_make_slot_with_initializer(
        self, var: Any, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Any:
        """The slot, made with what `initializer` gives for shape and dtype if need be."""
        return self._slot(var, slot_name, op_name, lambda: initializer(shape, dtype=dtype))

    def _zeros_slot(self, var: Any, slot_name: str, op_name: str) -> Any:
        """The slot, made of zeros if need be."""
        from wengert._creation import zeros, zeros_like

        def make() -> Any:
            if var.shape.is_fully_defined():
                return zeros(var.shape.as_list(), var.dtype)
            return zeros_like(var.initial_value if var._in_graph_mode else var.value())

        return self._slot(var, slot_name, op_name, make)

    def _slot(self, var: Any, slot_name: str, op_name: str, initial: Any) -> Any:
        from wengert._variable_scope import variable_scope
        from wengert._variables import Variable

        slots = self._slot_dict(slot_name)
        key = _key_of(var)
        if key not in slots:
            with variable_scope(None, f"{_op_name(var)}/{op_name}") as scope:
                graph = _core.current_graph()
                if graph is None:
                    slot = Variable(initial, trainable=False, name=scope.name)
                else:
                    with graph.name_scope(None):
                        slot = Variable(
                            initial, trainable=False, name=scope.name + "/",
                            shape=None if var.shape.is_fully_defined() else var.shape,
                        )  # fmt: skip
            slots[key] = (var, slot)
        return slots[key][1]

    def _create_non_slot_variable(self, initial_value: Any, name: str, colocate_with: Any) -> Any:
        """A variable of the optimizer itself, one per graph."""
        from wengert._variables import Variable

        key = (name, _graph_of(colocate_with))
        if key not in self._non_slot_dict:
            self._non_slot_dict[key] = Variable(initial_value, name=name, trainable=False)
        return self._non_slot_dict[key]

    def _get_non_slot_variable(self, name: str, graph: Any = None) -> Any:
        return self._non_slot_dict.get((name, graph))

    def _non_slot_variables(self) -> list[Any]:
        return list(self._non_slot_dict.values())

    # --- hooks of a step -------------------------------------------------------------------------
    def _valid_dtypes(self) -> set[str]:
        """Hook: names of the dtypes that losses and variables may have."""
        return {"float16", "bfloat16", "float32", "float64"}

    def _prepare(self) -> None:
        """Hook: make tensors of the settings, inside the name scope of the step."""

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        """Hook: the operation that ends the step."""
        return group(*update_ops, name=name_scope)

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define _resource_apply_dense(grad, var) or "
            "_apply_dense(grad, var)"
        )

    def _resource_apply_dense(self, grad: Any, handle: Any) -> Any:
        return self._apply_dense(grad, handle)

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any) -> Any:
        """Hook: adds up slices of equal index, then `_resource_apply_sparse`."""
        values, rows = deduplicate(grad, indices)
        return self._resource_apply_sparse(values, handle, rows)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define _resource_apply_sparse(grad, var, indices) or "
            "_apply_sparse(grad, var) for gradients that are IndexedSlices"
        )

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        """Hook: adds up slices of equal index, then `_apply_sparse`."""
        values, rows = deduplicate(grad.values, grad.indices)
        return self._apply_sparse(IndexedSlices(values, rows, grad.dense_shape), var)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        return self._resource_apply_sparse(grad.values, var, grad.indices)

    def _call_if_callable(self, param: Any) -> Any:
        return param() if callable(param) else param


def _texts(variables: list[Any]) -> str:
    return "[" + ", ".join(f'"{v}"' for v in variables) + "]"


def _as_gradient(grad: Any) -> Any:
    if grad is None or isinstance(grad, (IndexedSlices, _core.Tensor)):
        return grad
    try:
        return _core.convert(grad)
    except (TypeError, ValueError):
        raise TypeError(
            f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {grad}"
        ) from None


def _check_dtypes(tensors: list[Any], valid: set[Any]) -> None:
    names = sorted(str(getattr(v, "name", v)) for v in valid)
    for t in tensors:
        dtype = getattr(t, "dtype", None)
        if dtype is not None and dtype.base_dtype.name not in names:
            raise ValueError(
                f"Invalid type {dtype!r} for {getattr(t, 'name', t)}, expected: {names}."
            )


def _count_up(global_step: Any, scope: str) -> Any:
    if _core.current_graph() is None:
        return global_step.assign_add(1)
    one = _core.convert(1, global_step.dtype, "Const")
    return global_step.assign_add(one, name=scope, read_value=False)
