"""Global step and moving averages (`tf.compat.v1.train`)."""

from __future__ import annotations

from typing import Any

from wengert import _core, _graph
from wengert._control import group

__all__ = [
    "ExponentialMovingAverage",
    "assert_global_step",
    "create_global_step",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
]


def _graph_or_default(graph: Any) -> Any:
    return _graph.get_default_graph() if graph is None else graph


def get_global_step(graph: Any = None) -> Any:
    """The global step of a graph, or None."""
    graph = _graph_or_default(graph)
    found = graph.get_collection(_graph.GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        raise RuntimeError('Multiple items found in collection "global_step".')
    if found:
        return found[0]
    for v in graph.get_collection(_graph.GraphKeys.GLOBAL_VARIABLES):
        if v.name == "global_step:0":
            assert_global_step(v)
            return v
    return None


def create_global_step(graph: Any = None) -> Any:
    """A new global step: an int64 variable that counts from 0.

    Raises
    ------
    ValueError
        When the graph has one.
    """
    graph = _graph_or_default(graph)
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    from wengert._dtypes import int64
    from wengert._initializers import Zeros
    from wengert._variable_scope import get_variable

    keys = _graph.GraphKeys
    collections = [keys.GLOBAL_VARIABLES, keys.GLOBAL_STEP]
    if _core.current_graph() is None:
        step = get_variable(
            "global_step", [], int64, Zeros(), trainable=False, collections=collections
        )
        graph.add_to_collection(keys.GLOBAL_STEP, step)
        return step
    with graph.as_default(), graph.name_scope(None):
        return get_variable(
            "global_step", [], int64, Zeros(), trainable=False, collections=collections
        )


def get_or_create_global_step(graph: Any = None) -> Any:
    """The global step of a graph, made if need be."""
    graph = _graph_or_default(graph)
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def assert_global_step(global_step_tensor: Any) -> None:
    """TypeError unless the argument is a whole number, a variable or a tensor."""
    if not global_step_tensor.dtype.base_dtype.is_integer:
        raise TypeError(
            f'Existing "global_step" does not have integer type: {global_step_tensor.dtype}'
        )
    shape = global_step_tensor.shape
    if shape.rank is not None and shape.rank != 0:
        raise TypeError(f'Existing "global_step" is not scalar: {shape}')


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The value of the global step in a session."""
    if _core.current_graph() is None:
        return int(global_step_tensor.numpy())
    return int(sess.run(global_step_tensor))


class ExponentialMovingAverage:
    """Shadow variables that follow others: s -= (1 - decay) (s - x).

    Parameters
    ----------
    decay : float
    num_updates : int, tensor or variable, optional
        Makes the decay at most (1 + n) / (10 + n).
    zero_debias : bool
        Averages of tensors, which begin with zero, are corrected for that.

    Examples
    --------
    >>> import wengert as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable([1.0])
    ...     ema = tf.compat.v1.train.ExponentialMovingAverage(0.5)
    ...     update = ema.apply([v])
    ...     with tf.compat.v1.Session() as s:
    ...         s.run(tf.compat.v1.global_variables_initializer())
    ...         _ = s.run(v.assign([3.0]))
    ...         s.run(update)
    ...         s.run(ema.average(v)).tolist()
    [2.0]
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Any] = {}
        self._debias: dict[Any, tuple[Any, Any]] = {}

    @property
    def name(self) -> str:
        return self._name

    def apply(self, var_list: Any = None) -> Any:
        """An operation that updates the averages of variables and tensors.

        Parameters
        ----------
        var_list : list, optional
            Default: all trainable variables.
        """
        if var_list is None:
            keys = _graph.GraphKeys
            var_list = _graph.get_default_graph().get_collection(keys.TRAINABLE_VARIABLES)
        for x in var_list:
            if x.dtype.base_dtype.name not in ("float16", "bfloat16", "float32", "float64"):
                raise TypeError(f"The variables must be half, float, or double: {x.name}")
            if x.ref() not in self._averages:
                with _graph.init_scope():
                    self._averages[x.ref()] = self._make_average(x)
        with _graph.name_scope_v1(self._name) as scope:
            decay = _core.convert(self._decay, None, "decay")
            if self._num_updates is not None:
                from wengert._math_ops import cast, minimum

                n = cast(self._num_updates, decay.dtype, name="num_updates")
                decay = minimum(decay, (1.0 + n) / (10.0 + n))
            updates = [self._update(self._averages[x.ref()], x, decay) for x in var_list]
            return group(*updates, name=scope)

    def _make_average(self, x: Any) -> Any:
        from wengert._creation import zeros
        from wengert._variable_scope import variable_scope
        from wengert._variables import Variable

        is_variable = getattr(x, "_is_variable", False)
        name = x._shared_name if is_variable else x.op.name
        if is_variable:
            initial = x._initial_value if x._in_graph_mode else x.value()
        else:
            initial = lambda: zeros(x.shape, x.dtype)  # noqa: E731
        with variable_scope(None, f"{name}/{self._name}") as scope:
            graph = _core.current_graph()
            if graph is None:
                return Variable(initial, trainable=False, name=scope.name)
            with graph.name_scope(None):
                average = Variable(initial, trainable=False, name=scope.name + "/")
        if is_variable:
            collection = graph.get_collection_ref(_graph.GraphKeys.MOVING_AVERAGE_VARIABLES)
            if not any(v is x for v in collection):
                collection.append(x)
        return average

    def _update(self, average: Any, x: Any, decay: Any) -> Any:
        from wengert._math_ops import cast

        is_variable = getattr(x, "_is_variable", False)
        with _graph.name_scope("AssignMovingAvg"):
            rest = 1.0 - decay
            if rest.dtype != average.dtype:
                rest = cast(rest, average.dtype)
            if not self._zero_debias or is_variable:
                return average.assign_sub((average.value() - x) * rest)
            return self._debiased(average, x, rest)

    def _debiased(self, average: Any, x: Any, rest: Any) -> Any:
        """The average of a tensor divided by 1 - decay^n, as if it had not begun with zero."""
        from wengert._creation import zeros
        from wengert._math_ops import pow as power
        from wengert._variables import Variable

        key = x.ref()
        if key not in self._debias:
            with _graph.init_scope():
                name = average._shared_name
                self._debias[key] = (
                    Variable(lambda: zeros(x.shape, x.dtype), trainable=False,
                             name=name + "/biased"),
                    Variable(lambda: zeros([], x.dtype), trainable=False,
                             name=name + "/local_step"),
                )  # fmt: skip
        biased, steps = self._debias[key]
        new_biased = biased.assign_sub((biased.value() - x) * rest)
        new_steps = steps.assign_add(1.0)
        return average.assign(new_biased.value() / (1.0 - power(1.0 - rest, new_steps.value())))

    def average(self, var: Any) -> Any:
        """The variable that holds the average, or None."""
        return self._averages.get(var.ref())

    def average_name(self, var: Any) -> str:
        """The name of the average, whether it exists or not."""
        if var.ref() in self._averages:
            return str(self._averages[var.ref()]._shared_name)
        is_variable = getattr(var, "_is_variable", False)
        name = var._shared_name if is_variable else var.op.name
        return f"{name}/{self._name}"

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """Names to restore from: that of the average where there is one."""
        graph = _graph.get_default_graph()
        keys = _graph.GraphKeys
        if moving_avg_variables is None:
            moving_avg_variables = graph.get_collection(keys.TRAINABLE_VARIABLES)
            moving_avg_variables += graph.get_collection(keys.MOVING_AVERAGE_VARIABLES)
        averaged = {id(v): v for v in moving_avg_variables}
        names = {self.average_name(v): v for v in averaged.values()}
        for v in graph.get_collection(keys.GLOBAL_VARIABLES):
            own = str(v._shared_name)
            if id(v) not in averaged and own not in names:
                names[own] = v
        return names
