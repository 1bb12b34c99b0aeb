"""Graphs as Python sees them: `Graph`, the default graph, scopes, collections."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from wengert import _core
from wengert._dtypes import as_dtype
from wengert._tensor_shape import TensorShape

__all__ = [
    "Graph",
    "GraphKeys",
    "control_dependencies",
    "device",
    "executing_eagerly",
    "get_default_graph",
    "init_scope",
    "inside_function",
    "name_scope",
    "name_scope_v1",
]


class GraphKeys:
    """Names of the standard collections."""

    GLOBAL_VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MODEL_VARIABLES = "model_variables"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    REGULARIZATION_LOSSES = "regularization_losses"
    SUMMARIES = "summaries"
    GLOBAL_STEP = "global_step"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    INIT_OP = "init_op"
    TABLE_INITIALIZERS = "table_initializer"
    QUEUE_RUNNERS = "queue_runners"
    SAVERS = "savers"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"


class _AsDefault(contextlib.ContextDecorator):
    """The context of Graph.as_default."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __enter__(self) -> Graph:
        _core.push_graph(self._graph)
        return self._graph

    def __exit__(self, *exc: Any) -> None:
        _core.pop_graph()


class _NameScope(contextlib.ContextDecorator):
    """The context of Graph.name_scope."""

    def __init__(self, graph: Graph, name: str | None) -> None:
        self._graph = graph
        self._name = name
        self._previous: list[str] = []

    def __enter__(self) -> str:
        name = self._name
        if name and not isinstance(name, str):
            raise TypeError(f"'name' is not a string: {name!r}")
        graph = self._graph
        self._previous.append(graph.name_scope_path)
        try:
            return graph.enter_name_scope(name or "")
        except BaseException:
            self._previous.pop()
            raise

    def __exit__(self, *exc: Any) -> None:
        self._graph.name_scope_path = self._previous.pop()


class Graph(_core.Graph):
    """A list of operations, as `tf.Graph`: only ever appended to.

    Examples
    --------
    >>> import wengert as tf
    >>> g = tf.Graph()
    >>> with g.as_default():
    ...     x = tf.constant(2.0)
    ...     y = x * x
    >>> y.op.type, [o.name for o in g.get_operations()]
    ('Mul', ['Const', 'mul'])
    """

    __slots__ = ()  # attributes live in the dict of the base: see `adopt`
    building_function = False

    def __init__(self) -> None:
        super().__init__()
        self._collections: dict[Any, list[Any]] = {}
        self._lock = threading.RLock()
        self._state: dict[str, Any] = {}

    def as_default(self) -> contextlib.AbstractContextManager[Graph]:
        """Makes this the graph that operations of the block are added to."""
        return _AsDefault(self)

    # --- look-up -----------------------------------------------------------------------------
    def get_operation_by_name(self, name: str) -> _core.Operation:
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings, not: {type(name).__name__}.")
        op: _core.Operation = self.as_graph_element(name, False, True)
        return op

    def get_tensor_by_name(self, name: str) -> _core.Tensor:
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        tensor: _core.Tensor = self.as_graph_element(name, True, False)
        return tensor

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """The Tensor or Operation that `obj` is or names.

        Raises
        ------
        TypeError, ValueError, KeyError
            In TensorFlow's words, when it is neither, of another graph, or absent.
        """
        if not allow_tensor and not allow_operation:
            raise ValueError("allow_tensor and allow_operation can't both be False.")
        what = (
            "Tensor or Operation"
            if allow_tensor and allow_operation
            else ("Tensor" if allow_tensor else "Operation")
        )
        convert = getattr(obj, "_as_graph_element", None)
        if convert is not None:
            obj = convert()
        if isinstance(obj, str):
            return self._element_by_name(obj, allow_tensor, allow_operation, what)
        if isinstance(obj, _core.SymbolicTensor) and allow_tensor:
            if obj.graph is not self:
                raise ValueError(f"Tensor {obj} is not an element of this graph.")
            return obj
        if isinstance(obj, _core.Operation) and allow_operation:
            if obj.graph is not self:
                raise ValueError(f"Operation {obj} is not an element of this graph.")
            return obj
        raise TypeError(f"Can not convert a {type(obj).__name__} into a {what}.")

    def _element_by_name(self, name: str, tensor: bool, operation: bool, what: str) -> Any:
        if ":" in name and tensor:
            op_name, _, index = name.partition(":")
            op = self.find_operation(op_name)
            if not index.isdigit() or not op_name:
                raise ValueError(
                    f"The name {name!r} looks a like a Tensor name, but is not a valid one. "
                    'Tensor names must be of the form "<op_name>:<output_index>".'
                )
            if op is None:
                raise KeyError(
                    f"The name {name!r} refers to a Tensor which does not exist. The operation, "
                    f"{op_name!r}, does not exist in the graph."
                )
            outputs = op.outputs
            if int(index) >= len(outputs):
                raise KeyError(
                    f"The name {name!r} refers to a Tensor which does not exist. The operation, "
                    f"{op_name!r}, exists but only has {len(outputs)} outputs."
                )
            return outputs[int(index)]
        if ":" in name:
            raise ValueError(f"Name {name!r} appears to refer to a Tensor, not a {what}.")
        op = self.find_operation(name)
        if not operation:
            if op is not None:
                raise ValueError(
                    f"The name {name!r} refers to an Operation, not a {what}. Tensor names must "
                    'be of the form "<op_name>:<output_index>".'
                )
            raise ValueError(
                f"The name {name!r} looks like an (invalid) Operation name, not a {what}. Tensor "
                'names must be of the form "<op_name>:<output_index>".'
            )
        if op is None:
            raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
        return op

    def is_feedable(self, tensor: Any) -> bool:
        return tensor.ref() not in self._state.get("unfeedable", ())

    def prevent_feeding(self, tensor: Any) -> None:
        self._state.setdefault("unfeedable", set()).add(tensor.ref())

    def is_fetchable(self, element: Any) -> bool:
        return id(element) not in self._state.get("unfetchable", ())

    # --- collections -------------------------------------------------------------------------
    def add_to_collection(self, name: Any, value: Any) -> None:
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        for name in {names} if isinstance(names, str) else set(names):
            self.add_to_collection(name, value)

    def get_collection_ref(self, name: Any) -> list[Any]:
        return self._collections.setdefault(name, [])

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """A copy of the collection; with `scope`, the items whose name matches it."""
        items = self._collections.get(name, [])
        if scope is None:
            return list(items)
        import re

        pattern = re.compile(scope)
        return [i for i in items if hasattr(i, "name") and pattern.match(i.name)]

    def get_all_collection_keys(self) -> list[Any]:
        return [k for k in self._collections if isinstance(k, str)]

    @property
    def collections(self) -> list[Any]:
        return list(self._collections)

    def clear_collection(self, name: Any) -> None:
        self._collections.pop(name, None)

    def hold(self, graph: Graph) -> None:
        """Keeps the object of a graph that operations of this one call."""
        self._state.setdefault("held", {})[id(graph)] = graph

    # --- scopes ------------------------------------------------------------------------------
    def name_scope(self, name: str | None) -> contextlib.AbstractContextManager[str]:
        """Puts `name` (made unique) in front of the names created inside."""
        return _NameScope(self, name)

    def get_name_scope(self) -> str:
        return self.name_scope_path

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Any) -> Iterator[None]:
        """Operations created inside run after `control_inputs`; None clears outer ones."""
        ops: list[_core.Operation] | None = None
        if control_inputs is not None:
            ops = []
            for c in control_inputs:
                if isinstance(c, _core.EagerTensor) or c is None:
                    continue
                c = getattr(c, "_parent_op", c)  # the update that a variable is read behind
                handle = getattr(c, "_as_graph_element", None)
                if handle is not None:
                    c = handle()
                elif hasattr(c, "values") and hasattr(c, "indices"):
                    c = c.op
                element = self.as_graph_element(c)
                ops.append(element.op if isinstance(element, _core.SymbolicTensor) else element)
        self.push_control_dependencies(ops)
        try:
            yield
        finally:
            self.pop_control_dependencies()

    @contextlib.contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Recorded on operations; everything runs on the CPU."""
        previous = self.device_name
        is_name = isinstance(device_name_or_function, str)
        self.device_name = device_name_or_function if is_name else ""
        try:
            yield
        finally:
            self.device_name = previous

    @contextlib.contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]) -> Iterator[None]:
        """Operations of a type created inside take the registered gradient of that name."""
        if not isinstance(op_type_map, dict):
            raise TypeError("`op_type_map` must be a dictionary mapping strings to strings")
        previous = {}
        for op_type, mapped in op_type_map.items():
            if not isinstance(op_type, str) or not isinstance(mapped, str):
                raise TypeError("`op_type_map` must be a dictionary mapping strings to strings")
            previous[op_type] = self.set_gradient_override(op_type, mapped)
        try:
            yield
        finally:
            for op_type, before in previous.items():
                self.set_gradient_override(op_type, before)

    @contextlib.contextmanager
    def _attr_scope(self, attr_map: dict[str, Any]) -> Iterator[None]:
        previous = {k: self.set_attr_scope(k, v) for k, v in attr_map.items()}
        try:
            yield
        finally:
            for key, value in previous.items():
                self.set_attr_scope(key, value)

    # --- building ----------------------------------------------------------------------------
    def create_op(
        self,
        op_type: str,
        inputs: Any,
        dtypes: Any = None,
        input_types: Any = None,
        name: str | None = None,
        attrs: dict[str, Any] | None = None,
        op_def: Any = None,
        compute_shapes: bool = True,
        compute_device: bool = True,
    ) -> _core.Operation:
        """Adds an operation of any type; attributes as Python values."""
        for i, t in enumerate(inputs):
            if not isinstance(t, _core.Tensor):
                raise TypeError(f"Input #{i} is not a tensor: {t}")
        return self.add_operation(op_type, list(inputs), dict(attrs or {}), name or op_type)

    def __repr__(self) -> str:
        return f"<wengert.Graph of {self.num_operations} operations at {id(self):#x}>"


# --- the default graph ----------------------------------------------------------------------

_v1_default_graph: list[Graph] = []


def get_default_graph() -> Graph:
    """The graph that operations are added to now; in eager mode a global one."""
    graph = _core.current_graph()
    if graph is not None:
        return graph  # type: ignore[no-any-return]
    for candidate in reversed(_core.graph_stack()):
        if candidate is not None:
            return candidate  # type: ignore[no-any-return]
    if not _v1_default_graph:
        _v1_default_graph.append(Graph())
    return _v1_default_graph[0]


def reset_default_graph() -> None:
    """Forgets the global default graph. AssertionError inside `as_default`."""
    if _core.graph_stack():
        raise AssertionError("Do not use tf.reset_default_graph() to clear nested graphs.")
    _v1_default_graph.clear()
    if _core.current_graph() is not None:
        _core.set_default_graph(get_fresh_default_graph())


def get_fresh_default_graph() -> Graph:
    _v1_default_graph[:] = [Graph()]
    return _v1_default_graph[0]


def executing_eagerly() -> bool:
    """True when operations run at once instead of being added to a graph."""
    return _core.current_graph() is None


def inside_function() -> bool:
    """True while a tf.function is being traced."""
    graph = _core.current_graph()
    return graph is not None and getattr(graph, "building_function", False)


def enable_eager_execution() -> None:
    """TF2 behaviour, the default: outside any graph, operations run at once."""
    _core.set_default_graph(None)


def disable_eager_execution() -> None:
    """TF1 behaviour: outside any graph, operations go to a global default graph."""
    if not executing_eagerly():
        return
    if _core.graph_stack():
        raise ValueError("tf.compat.v1.disable_eager_execution must be called at program startup.")
    _core.set_default_graph(get_fresh_default_graph())


class _GradientGraph(Graph):
    """The graph of a gradient function, which the core makes; gradients that are written in Python
    see it. What is made in it stays in it: it is never traced."""

    __slots__ = ()
    building_function = True

    @property
    def outer_graph(self) -> Any:
        return self.outer

    def _capture(self, tensor: Any, name: str = "") -> Any:
        if isinstance(tensor, _core.SymbolicTensor):
            return _core.capture(self, tensor)
        _core.push_graph(self)
        try:
            return _core.constant(tensor.numpy(), tensor.dtype, None, name or "Const")
        finally:
            _core.pop_graph()


_kept: list[Graph] = []


def keep(graph: Any) -> None:
    """Ties the life of the object of a gradient function's graph, to which the core alone refers,
    to that of the graph around: what Python knows of it must not be lost."""
    while isinstance(graph, _GradientGraph):
        outer: Any = graph.outer
        if outer is None:  # belongs to the gradient of a tape
            if not any(g is graph for g in _kept):
                _kept.append(graph)
            return
        outer.hold(graph)
        graph = outer


def adopt(graph: Any) -> None:
    """Makes the bare object of a graph of the core a `Graph`."""
    graph.__class__ = _GradientGraph
    graph._collections = {}
    graph._lock = threading.RLock()
    graph._state = {}


@contextlib.contextmanager
def init_scope() -> Iterator[None]:
    """Leaves all functions being traced: what is created inside lives outside them."""
    target = None
    for graph in reversed([None, *_core.graph_stack()]):
        if graph is None or not getattr(graph, "building_function", False):
            target = graph
            break
    if target is None and not _core.graph_stack():
        target = _core.current_graph()
    _core.push_graph(target)
    try:
        if target is None:
            yield
        else:
            with target.control_dependencies(None):
                yield
    finally:
        _core.pop_graph()


class name_scope:  # noqa: N801
    """`tf.name_scope`: a context manager (and decorator) that prefixes names.

    Examples
    --------
    >>> import wengert as tf
    >>> with tf.Graph().as_default():
    ...     with tf.name_scope("a"):
    ...         print(tf.constant(1.0, name="b").name)
    a/b:0
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise ValueError("name for name_scope must be a string.")
        self._name = name
        self._exits: list[contextlib.ExitStack] = []

    @property
    def name(self) -> str:
        return self._name

    def __enter__(self) -> str:
        stack = contextlib.ExitStack()
        graph = _core.current_graph()
        if graph is None:
            scope = self._name if self._name.endswith("/") or not self._name else self._name + "/"
        else:
            scope = stack.enter_context(graph.name_scope(self._name))
        self._exits.append(stack)
        return scope

    def __exit__(self, *exc: Any) -> None:
        self._exits.pop().close()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        import functools

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with name_scope(self._name):
                return function(*args, **kwargs)

        return wrapped


class name_scope_v1(contextlib.ContextDecorator):  # noqa: N801
    """`tf.compat.v1.name_scope`: `default_name` serves when `name` is None."""

    def __init__(
        self, name: str | None, default_name: str | None = None, values: Any = None
    ) -> None:
        if not (default_name is None or isinstance(default_name, str)):
            raise TypeError(
                f"`default_name` type ({type(default_name)}) is not a string type. You likely "
                "meant to pass this into the `values` kwarg."
            )
        chosen = default_name if name is None else name
        if chosen is None and values is not None and _core.current_graph() is not None:
            raise ValueError(
                f"At least one of name ({name}) and default_name ({default_name}) must be provided."
            )
        self._name = chosen
        self._entered: list[_NameScope | None] = []

    @property
    def name(self) -> str | None:
        return self._name

    def __enter__(self) -> str:
        graph = _core.current_graph()
        scope = None if graph is None else _NameScope(graph, self._name)
        path = (self._name or "") if scope is None else scope.__enter__()
        self._entered.append(scope)
        return path

    def __exit__(self, *exc: Any) -> None:
        scope = self._entered.pop()
        if scope is not None:
            scope.__exit__()


def control_dependencies(control_inputs: Any) -> Any:
    """`tf.control_dependencies`: order by effects; nothing to do in eager mode."""
    graph = _core.current_graph()
    if graph is None:
        if callable(control_inputs):
            control_inputs()
        return contextlib.nullcontext()
    return graph.control_dependencies(control_inputs)


def device(device_name: Any) -> Any:
    """`tf.device`: accepted; everything runs on the CPU."""
    graph = _core.current_graph()
    return contextlib.nullcontext() if graph is None else graph.device(device_name)


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> _core.Tensor:
    """`tf.compat.v1.placeholder`: a tensor that must be fed.

    Raises
    ------
    RuntimeError
        In eager mode.
    """
    if executing_eagerly():
        raise RuntimeError("tf.placeholder() is not compatible with eager execution.")
    result: _core.Tensor = _core.placeholder(
        as_dtype(dtype), TensorShape(shape), name or "Placeholder"
    )
    return result
