"""`tf.compat.v1.variable_scope` and `get_variable`: variables shared by name."""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import threading
from collections.abc import Iterator
from typing import Any

from wengert import _core, _graph
from wengert._dtypes import as_dtype, float32
from wengert._tensor_shape import as_shape

__all__ = [
    "AUTO_REUSE",
    "VariableScope",
    "get_local_variable",
    "get_variable",
    "get_variable_scope",
    "no_regularizer",
    "variable_op_scope",
    "variable_scope",
]


class _ReuseMode(enum.Enum):
    AUTO_REUSE = 1


AUTO_REUSE = _ReuseMode.AUTO_REUSE


def no_regularizer(_: Any) -> None:
    """Stands for no regularizer where the scope has one."""


class _Store(threading.local):
    """What `get_variable` knows of one graph; scopes are those of one thread."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables  # by name, shared by all threads
        self.current = VariableScope(False)
        self.opened: dict[str, int] = {}  # how often each scope was opened

    def open(self, name: str) -> None:
        self.opened[name] = self.opened.get(name, 0) + 1

    def close_inner(self, name: str) -> None:
        for other in self.opened:
            if not name or other.startswith(name + "/"):
                self.opened[other] = 0

    def unique_name(self, prefix: str) -> str:
        outer = self.current.name
        name = f"{outer}/{prefix}" if outer else prefix
        if not self.opened.get(name):
            return prefix
        i = 1
        while self.opened.get(f"{name}_{i}"):
            i += 1
        return f"{prefix}_{i}"


def _store() -> _Store:
    """The store of the graph that variables are created in."""
    with _graph.init_scope():
        graph = _graph.get_default_graph()
    with graph._lock:
        found: _Store | None = graph._state.get("variable_store")
        if found is None:
            found = graph._state["variable_store"] = _Store({})
    return found


class VariableScope:
    """Prefix and defaults of the variables that `get_variable` makes.

    Attributes
    ----------
    name, original_name_scope : str
    reuse : bool or AUTO_REUSE
    initializer, regularizer, caching_device, partitioner, custom_getter, dtype, use_resource,
    constraint : defaults of `get_variable`
    """

    def __init__(
        self,
        reuse: Any,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        name_scope: str = "",
        dtype: Any = float32,
        use_resource: Any = None,
        constraint: Any = None,
    ) -> None:
        self._name = name
        self._reuse = reuse
        self._initializer = initializer
        self._regularizer = regularizer
        self._caching_device = caching_device
        self._partitioner = partitioner
        self._custom_getter = custom_getter
        self._name_scope = name_scope
        self._dtype = dtype
        self._use_resource = use_resource
        self._constraint = constraint

    name = property(lambda self: self._name)
    reuse = property(lambda self: self._reuse)
    initializer = property(lambda self: self._initializer)
    regularizer = property(lambda self: self._regularizer)
    caching_device = property(lambda self: self._caching_device)
    partitioner = property(lambda self: self._partitioner)
    custom_getter = property(lambda self: self._custom_getter)
    original_name_scope = property(lambda self: self._name_scope)
    dtype = property(lambda self: self._dtype)
    use_resource = property(lambda self: self._use_resource)
    constraint = property(lambda self: self._constraint)

    def reuse_variables(self) -> None:
        """From now on only variables that exist."""
        self._reuse = True

    def set_initializer(self, initializer: Any) -> None:
        self._initializer = initializer

    def set_dtype(self, dtype: Any) -> None:
        self._dtype = dtype

    def set_use_resource(self, use_resource: Any) -> None:
        self._use_resource = use_resource

    def set_regularizer(self, regularizer: Any) -> None:
        self._regularizer = regularizer

    def set_caching_device(self, caching_device: Any) -> None:
        self._caching_device = caching_device

    def set_partitioner(self, partitioner: Any) -> None:
        self._partitioner = partitioner

    def set_custom_getter(self, custom_getter: Any) -> None:
        self._custom_getter = custom_getter

    def get_collection(self, name: Any) -> list[Any]:
        """The items of a collection that belong to this scope."""
        scope = self._name + "/" if self._name else ""
        return _graph.get_default_graph().get_collection(name, scope)

    def trainable_variables(self) -> list[Any]:
        return self.get_collection(_graph.GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        return self.get_collection(_graph.GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        return self.get_collection(_graph.GraphKeys.LOCAL_VARIABLES)

    def _copy(self, **changes: Any) -> VariableScope:
        made = VariableScope.__new__(VariableScope)
        made.__dict__.update(self.__dict__)
        for key, value in changes.items():
            setattr(made, "_" + key, value)
        return made

    def get_variable(
        self, store: _Store, name: str, shape: Any, dtype: Any, initializer: Any,
        regularizer: Any, reuse: Any, trainable: Any, collections: Any, caching_device: Any,
        partitioner: Any, validate_shape: bool, use_resource: Any, custom_getter: Any,
        constraint: Any, synchronization: Any, aggregation: Any,
    ) -> Any:  # fmt: skip
        """`get_variable` in this scope, which fills in what is None."""
        regularizer = self._regularizer if regularizer is None else regularizer
        constraint = self._constraint if constraint is None else constraint
        initializer = self._initializer if initializer is None else initializer
        partitioner = self._partitioner if partitioner is None else partitioner
        if partitioner is not None:
            raise NotImplementedError(
                "partitioned variables are not supported; leave `partitioner` out, which stores "
                "the same values in one variable"
            )
        getter = self._custom_getter if custom_getter is None else custom_getter
        full_name = f"{self._name}/{name}" if self._name else name
        wanted = as_dtype(self._dtype if dtype is None else dtype)
        if initializer is not None and not callable(initializer):
            own = _core.convert(initializer).dtype
            if dtype is not None and own.base_dtype != wanted.base_dtype:
                raise ValueError(
                    f"Initializer type '{own}' and explicit dtype '{wanted}' don't match."
                )
            wanted = own
        arguments = {
            "name": full_name, "shape": shape, "dtype": wanted, "initializer": initializer,
            "regularizer": regularizer, "reuse": self._reuse if reuse is None else reuse,
            "trainable": trainable, "collections": collections, "caching_device": caching_device,
            "partitioner": partitioner, "validate_shape": validate_shape,
            "use_resource": use_resource, "synchronization": synchronization,
            "aggregation": aggregation, "constraint": constraint,
        }  # fmt: skip
        make = functools.partial(_get_or_create, store)
        with _root_scope():
            if getter is None:
                return make(**arguments)
            if not _accepts(getter, "constraint"):
                del arguments["constraint"]
            return getter(getter=make, **arguments)


@contextlib.contextmanager
def _root_scope() -> Iterator[None]:
    graph = _core.current_graph()
    if graph is None:
        yield
        return
    with graph.name_scope(None):
        yield


def _accepts(function: Any, parameter: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True
    kinds = [p.kind for p in parameters.values()]
    return parameter in parameters or inspect.Parameter.VAR_KEYWORD in kinds


def _get_or_create(
    store: _Store, name: str, shape: Any = None, dtype: Any = float32, initializer: Any = None,
    regularizer: Any = None, reuse: Any = None, trainable: Any = None, collections: Any = None,
    caching_device: Any = None, partitioner: Any = None, validate_shape: bool = True,
    use_resource: Any = None, constraint: Any = None, synchronization: Any = None,
    aggregation: Any = None,
) -> Any:  # fmt: skip
    """The variable of that full name: the one that exists, or a new one."""
    dtype = as_dtype(dtype)
    if initializer is not None and not callable(initializer) and shape is not None:
        raise ValueError("If initializer is a constant, do not specify shape.")
    static = as_shape(shape)
    with _graph.init_scope():
        eager = _core.current_graph() is None
    if eager and reuse is True:
        raise RuntimeError(
            "tf.get_variable with reuse=True in eager mode needs variables to be kept; use "
            "tf.Variable and keep it, or build a tf.Graph."
        )
    found = None if eager else store.variables.get(name)
    if found is not None:
        if not reuse:
            where = f" Originally defined at:\n\n{found.op.location}" if found.op.location else ""
            raise ValueError(
                f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
                f"reuse=tf.AUTO_REUSE in VarScope?{where}"
            )
        if not static.is_compatible_with(found.shape):
            raise ValueError(
                f"Trying to share variable {name}, but specified shape {static} and found shape "
                f"{found.shape}."
            )
        if not dtype.is_compatible_with(found.dtype):
            raise ValueError(
                f"Trying to share variable {name}, but specified dtype {dtype.name} and found "
                f"dtype {found.dtype.name}."
            )
        return found
    if reuse is True:
        raise ValueError(
            f"Variable {name} does not exist, or was not created with tf.get_variable(). Did you "
            "mean to set reuse=tf.AUTO_REUSE in VarScope?"
        )
    return _create(
        store, eager, name, shape, static, dtype, initializer, regularizer, trainable,
        collections, validate_shape, constraint,
    )  # fmt: skip


def _create(
    store: _Store, eager: bool, name: str, shape: Any, static: Any, dtype: Any, initializer: Any,
    regularizer: Any, trainable: Any, collections: Any, validate_shape: bool, constraint: Any,
) -> Any:  # fmt: skip
    from wengert._variables import Variable

    if initializer is None:
        if shape is None:
            raise ValueError(
                f"Variable {name} did not get an initializer, so its `shape` argument must be "
                "specified."
            )
        initializer = _default_initializer(name, dtype)
    if isinstance(initializer, type):
        initializer = initializer()
    initial: Any = initializer
    if callable(initializer):
        if static.is_fully_defined():
            initial = _initial_value(initializer, static, dtype)
        elif shape is None and _takes_nothing(initializer):
            initial = initializer
        else:
            raise ValueError(
                "The initializer passed is not valid. It should be a callable with no arguments "
                "and the shape should not be provided or an instance of "
                "`tf.keras.initializers.*' and `shape` should be fully defined."
            )
    variable = Variable(
        initial, trainable=trainable, collections=collections, name=name, dtype=dtype,
        validate_shape=validate_shape, constraint=constraint,
    )  # fmt: skip
    if not eager:
        store.variables[name] = variable
    if regularizer:
        _regularize(name, variable, regularizer)
    return variable


def _initial_value(initializer: Any, shape: Any, dtype: Any) -> Any:
    takes_dtype = _accepts(initializer, "dtype")

    def make() -> Any:
        if takes_dtype:
            return initializer(shape.as_list(), dtype=dtype)
        return initializer(shape.as_list())

    return make


def _takes_nothing(function: Any) -> bool:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


def _default_initializer(name: str, dtype: Any) -> Any:
    from wengert import _initializers

    if dtype.is_floating:
        return _initializers.GlorotUniform()
    if dtype.is_integer or dtype.name in ("bool", "string"):
        return _initializers.Zeros()
    raise ValueError(f"An initializer for variable {name} of {dtype.base_dtype} is required")


def _regularize(name: str, variable: Any, regularizer: Any) -> None:
    graph = _graph.get_default_graph()
    with _graph.init_scope():
        if _core.current_graph() is None:
            loss = regularizer(variable)
        else:
            with graph.name_scope(name + "/Regularizer/"):
                loss = regularizer(variable)
        if loss is not None:
            keys = _graph.GraphKeys
            _graph.get_default_graph().add_to_collection(keys.REGULARIZATION_LOSSES, loss)


def get_variable_scope() -> VariableScope:
    """The scope that `get_variable` works in."""
    return _store().current


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: Any = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Any:
    """The variable `name` of the current variable scope, made if need be.

    Mirrors `tf.compat.v1.get_variable`.

    Parameters
    ----------
    shape : shape, optional
        Left out when `initializer` is a value.
    initializer : callable, class, tensor or value, optional
        Called with shape and dtype. Default: Glorot uniform for floats, zeros for the rest.
    regularizer : callable, optional
        Its value for the variable goes to the collection of regularization losses.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        When the variable exists and the scope does not reuse, when it does not and the scope
        does, or when shape or dtype differ.

    Examples
    --------
    >>> import wengert as tf
    >>> with tf.Graph().as_default():
    ...     with tf.compat.v1.variable_scope("layer"):
    ...         tf.compat.v1.get_variable("w", [2, 3]).name
    'layer/w:0'
    """
    store = _store()
    return store.current.get_variable(
        store, name, shape, dtype, initializer, regularizer, None, trainable, collections,
        caching_device, partitioner, validate_shape, use_resource, custom_getter, constraint,
        synchronization, aggregation,
    )  # fmt: skip


def get_local_variable(name: str, shape: Any = None, **kwargs: Any) -> Any:
    """As `get_variable`, not trainable and in the collection of local variables."""
    collections = list(kwargs.pop("collections", None) or [])
    if _graph.GraphKeys.LOCAL_VARIABLES not in collections:
        collections.append(_graph.GraphKeys.LOCAL_VARIABLES)
    kwargs["trainable"] = False
    return get_variable(name, shape, collections=collections, **kwargs)


class variable_scope:  # noqa: N801
    """Context manager: prefix and defaults for `get_variable`, and a name scope.

    Mirrors `tf.compat.v1.variable_scope`.

    Parameters
    ----------
    name_or_scope : str, VariableScope or None
    default_name : str, optional
        Made unique, when `name_or_scope` is None.
    reuse : True, False, None or AUTO_REUSE
        None inherits.
    auxiliary_name_scope : bool
        False: no name scope is opened.

    Raises
    ------
    TypeError, ValueError
    """

    def __init__(
        self,
        name_or_scope: Any,
        default_name: str | None = None,
        values: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: Any = None,
        constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if default_name is None and name_or_scope is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if name_or_scope is not None and not isinstance(name_or_scope, (str, VariableScope)):
            raise TypeError("VariableScope: name_or_scope must be a string or VariableScope.")
        if name_or_scope is None and reuse:
            raise ValueError("reuse=True cannot be used without a name_or_scope")
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(
                "The auxiliary_name_scope must be `True` or `False`, while get "
                f"{auxiliary_name_scope}"
            )
        self._name_or_scope = name_or_scope
        self._default_name = default_name
        self._reuse = None if reuse is False else reuse
        self._auxiliary = auxiliary_name_scope
        self._given = {
            "initializer": initializer, "regularizer": regularizer,
            "caching_device": caching_device, "partitioner": partitioner, "dtype": dtype,
            "use_resource": use_resource, "constraint": constraint,
        }  # fmt: skip
        self._custom_getter = custom_getter
        self._exits: list[contextlib.ExitStack] = []

    def __enter__(self) -> VariableScope:
        with contextlib.ExitStack() as stack:
            scope = self._enter(stack)
            self._exits.append(stack.pop_all())
        return scope

    def __exit__(self, *exc: Any) -> None:
        self._exits.pop().__exit__(*exc)

    def _enter(self, stack: contextlib.ExitStack) -> VariableScope:
        store = _store()
        previous = store.current
        target: Any = self._name_or_scope
        if target is None:
            target = store.unique_name(str(self._default_name))
        jumps = isinstance(target, VariableScope)
        name = target.name if jumps else "/".join(filter(None, (previous.name, target)))
        name_scope = self._enter_name_scope(stack, name.rpartition("/")[2] if jumps else target)
        base = target if jumps else previous
        scope = base._copy(**{k: v for k, v in self._given.items() if v is not None})
        scope._name = name
        scope._reuse = self._reuse or base.reuse
        if not jumps:
            scope._name_scope = name_scope
        if self._custom_getter is not None:
            scope._custom_getter = _composed(self._custom_getter, base.custom_getter)
        saved = dict(store.opened) if jumps else None
        store.open(name)
        store.current = scope

        def leave() -> None:
            store.close_inner(name)
            if saved is not None:
                store.opened = saved
            store.current = previous

        stack.callback(leave)
        return scope

    def _enter_name_scope(self, stack: contextlib.ExitStack, name: str) -> str:
        graph = _core.current_graph()
        if graph is None:
            return name + "/" if name else ""
        if not self._auxiliary or not name:
            path = graph.name_scope_path
            return path + "/" if path else ""
        entered: str = stack.enter_context(graph.name_scope(name))
        return entered


def _composed(outer: Any, inner: Any) -> Any:
    """A custom getter whose getter is `inner`, which has the true one."""
    if inner is None:
        return outer

    def getter(getter: Any, *args: Any, **kwargs: Any) -> Any:
        return outer(functools.partial(inner, getter), *args, **kwargs)

    return getter


def variable_op_scope(
    values: Any, name_or_scope: Any, default_name: str | None = None, **kwargs: Any
) -> variable_scope:
    """`variable_scope` with its arguments in an older order."""
    return variable_scope(name_or_scope, default_name, values, **kwargs)
