"""`tf.Variable`: state behind a resource handle."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert import _core, _graph
from wengert._dtypes import DType, as_dtype
from wengert._tensor import TensorRef, numpy_text
from wengert._tensor_shape import TensorShape, as_shape
from wengert._variable_updates import VariableUpdates

__all__ = ["Variable", "lifting_scope", "variables_of_handles"]

_local = threading.local()
# Resource key -> variable, so that a captured handle finds its variable again.
_by_resource: weakref.WeakValueDictionary[int, Variable] = weakref.WeakValueDictionary()


@contextlib.contextmanager
def lifting_scope(may_create: bool) -> Iterator[list[Any]]:
    """Collects the variables created while a function is traced, or refuses them."""
    previous = getattr(_local, "created", None), getattr(_local, "refuse", False)
    created: list[Any] = []
    _local.created, _local.refuse = created, not may_create
    try:
        yield created
    finally:
        _local.created, _local.refuse = previous


def variables_of_handles(handles: list[Any]) -> list[Any]:
    """The variables behind those of `handles` that are resource handles."""
    result = []
    for h in handles:
        if isinstance(h, _core.EagerTensor) and h.dtype.name == "resource":
            variable = _by_resource.get(h._resource_key())
            if variable is not None:
                result.append(variable)
    return result


def _is_initial_tensor(value: Any) -> bool:
    return isinstance(value, (_core.Tensor, Variable))


class Variable(VariableUpdates):
    """A tensor that can be assigned to, with TF2 semantics.

    Parameters
    ----------
    initial_value : tensor-like or callable without arguments
    trainable : bool
        Listed among the trainable variables.
    validate_shape : bool
        False: the static shape stays unknown.
    name : str, optional
    dtype : DType, optional
        Default: that of the initial value.
    shape : TensorShape, optional
        Static shape, less specific than the initial value's if wanted.

    Examples
    --------
    >>> import wengert as tf
    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = v.assign_add([1.0, 1.0])
    >>> v.numpy().tolist()
    [2.0, 3.0]
    """

    _is_variable = True
    __array_priority__ = 100

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
        collections: Any = None,
        use_resource: Any = None,
    ) -> None:
        if initial_value is None:
            raise ValueError(
                "The `initial_value` arg to `tf.Variable` must be specified except when you are "
                "not providing a `variable_def`. You provided neither."
            )
        if isinstance(initial_value, Variable):
            initial_value = initial_value.value()
        self._trainable = True if trainable is None else bool(trainable)
        if constraint is not None and not callable(constraint):
            raise ValueError(
                "Argument `constraint` must be None or a callable. a callable. Got a "
                f"{type(constraint)}:  {constraint}"
            )
        self._constraint = constraint
        self._synchronization, self._aggregation = synchronization, aggregation
        if synchronization is not None or aggregation is not None:
            _ = self.synchronization, self.aggregation  # must be valid
        self._save_slice_info = None
        wanted = None if dtype is None else as_dtype(dtype)
        graph = _core.current_graph()
        self._in_graph_mode = graph is not None and not graph.building_function
        if self._in_graph_mode:
            self._create_in_graph(initial_value, name, wanted, shape, validate_shape, collections)
        else:
            self._create_eager(initial_value, name, wanted, shape, validate_shape)

    # --- creation ----------------------------------------------------------------------------
    def _create_eager(
        self, initial_value: Any, name: str | None, dtype: DType | None, shape: Any,
        validate_shape: bool,
    ) -> None:  # fmt: skip
        created = getattr(_local, "created", None)
        tracing = _core.current_graph() is not None
        if tracing and getattr(_local, "refuse", False):
            raise ValueError(
                "tf.function only supports singleton tf.Variables created on the first call. Make "
                "sure the tf.Variable is only created once or created outside tf.function. See "
                "https://www.tensorflow.org/guide/function#creating_tfvariables for more "
                "information."
            )
        with _graph.init_scope():
            value = _concrete_value(initial_value, dtype)
            if _core.current_graph() is not None:
                # Traced inside a plain graph: the variable belongs to that graph.
                self._in_graph_mode = True
                self._create_in_graph(value, name, dtype, shape, validate_shape, None)
                if tracing and created is not None:
                    created.append(self)
                return
            static = _static_shape(shape, value, True)
            self._name = name or "Variable"
            self._dtype: DType = value.dtype
            self._shape: TensorShape = static
            self._handle: Any = _core.make_variable(value.dtype, static, self._name)
            _core.assign_variable(self._handle, value)
        _by_resource[self._handle._resource_key()] = self
        self._initializer: Any = None
        self._initial_value: Any = None
        if tracing and created is not None:
            created.append(self)

    def _create_in_graph(
        self, initial_value: Any, name: str | None, dtype: DType | None, shape: Any,
        validate_shape: bool, collections: Any,
    ) -> None:  # fmt: skip
        graph = _graph.get_default_graph()
        with graph.control_dependencies(None), graph.name_scope(name or "Variable") as scope:
            if callable(initial_value):
                with graph.name_scope("Initializer"):
                    value = _core.convert(initial_value(), dtype, "initial_value")
            elif isinstance(initial_value, _core.Tensor):
                value = _core.convert(initial_value, dtype, "initial_value")
            else:
                with graph.name_scope("Initializer"):
                    value = _core.convert(initial_value, dtype, "initial_value")
            static = _static_shape(shape, value, validate_shape)
            self._name = scope[:-1]
            self._dtype = value.dtype
            self._shape = static
            attrs = {"dtype": value.dtype, "shape": static, "shared_name": self._name}
            self._handle = _core.apply("VarHandleOp", (), attrs, scope)
            with graph.name_scope("IsInitialized"):
                self._is_initialized = _core.apply("VarIsInitializedOp", (self._handle,))
            self._initializer = _core.apply(
                "AssignVariableOp", (self._handle, value), {"dtype": value.dtype}, "Assign"
            )
            with graph.name_scope("Read"):
                self._snapshot = _core.apply(
                    "ReadVariableOp", (self._handle,), {"dtype": value.dtype}
                )
        self._initial_value = value
        names = [_graph.GraphKeys.GLOBAL_VARIABLES] if collections is None else list(collections)
        trainable = _graph.GraphKeys.TRAINABLE_VARIABLES
        if self._trainable and trainable not in names:
            names.append(trainable)
        graph.add_to_collections(names, self)
        graph._state.setdefault("handles", {})[self._handle.op.name] = self

    # --- reading -----------------------------------------------------------------------------
    @property
    def name(self) -> str:
        return f"{self._name}:0"

    @property
    def _shared_name(self) -> str:
        return self._name

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        return self._shape

    def get_shape(self) -> TensorShape:
        return self._shape

    def _shape_tuple(self) -> Any:
        return None if self._shape.rank is None else tuple(self._shape.as_list())

    @property
    def trainable(self) -> bool:
        return self._trainable

    @property
    def handle(self) -> Any:
        """Resource handle: eager, or the output of VarHandleOp in a graph."""
        return self._handle

    @property
    def op(self) -> Any:
        return self._handle.op

    @property
    def graph(self) -> Any:
        return self._handle.graph

    @property
    def device(self) -> str:
        return ""

    @property
    def constraint(self) -> Any:
        return self._constraint

    @property
    def synchronization(self) -> Any:
        from wengert._variable_options import VariableSynchronization, checked

        return checked(VariableSynchronization, self._synchronization, "synchronization")

    @property
    def aggregation(self) -> Any:
        from wengert._variable_options import VariableAggregation, checked

        return checked(VariableAggregation, self._aggregation, "aggregation")

    @property
    def initializer(self) -> Any:
        """Operation that assigns the initial value (None in eager mode)."""
        return self._initializer

    @property
    def initial_value(self) -> Any:
        if self._initial_value is None:
            raise RuntimeError("This property is not supported when eager execution is enabled.")
        return self._initial_value

    def initialized_value(self) -> Any:
        """The value, or the initial value while there is none."""
        if not self._in_graph_mode:
            return self.read_value()
        import wengert

        cond: Any = wengert.cond
        return cond(self.is_initialized(), self.read_value, lambda: self._initial_value)

    def is_initialized(self, name: str | None = None) -> Any:
        return _core.apply("VarIsInitializedOp", (self._handle,), None, name)

    def value(self) -> Any:
        """The value as a tensor (ReadVariableOp)."""
        return _core.apply("ReadVariableOp", (self._handle,), {"dtype": self._dtype})

    def read_value(self) -> Any:
        graph = _core.current_graph()
        if graph is None:
            return self.value()
        with graph.name_scope("Read"):
            value = self.value()
        return _core.apply("Identity", (value,))

    def numpy(self) -> Any:
        if _core.current_graph() is not None or self._in_graph_mode:
            raise NotImplementedError("numpy() is only available when eager execution is enabled.")
        return self.value().numpy()

    def eval(self, session: Any = None) -> Any:
        from wengert._session import eval_tensor

        if not self._in_graph_mode:
            raise RuntimeError("This operation is not supported when eager execution is enabled.")
        return eval_tensor(self._snapshot, None, session)

    def load(self, value: Any, session: Any = None) -> None:
        from wengert._session import get_default_session

        session = session or get_default_session()
        if session is None:
            raise ValueError(
                "Either session argument should be provided or default session should be "
                "established"
            )
        session.run(self._initializer, {self._initializer.inputs[1]: value})

    def ref(self) -> TensorRef:
        return TensorRef(self)

    experimental_ref = ref

    def _as_graph_element(self) -> Any:
        return self._snapshot if self._in_graph_mode else self.value()

    # --- as a value --------------------------------------------------------------------------
    def set_shape(self, shape: Any) -> None:
        shape = as_shape(shape)
        if not self._shape.is_compatible_with(shape):
            raise ValueError(f"Shapes {self._shape} and {shape} are not compatible")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        array = np.asarray(self.numpy())
        return array if dtype is None else array.astype(dtype)

    def __getitem__(self, key: Any) -> Any:
        """A part of the value. `v[key].assign(value)` changes that part of the variable."""
        from wengert._variable_slices import sliced

        return sliced(self, key)

    def __iter__(self) -> Any:
        return iter(self.value())

    def __bool__(self) -> bool:
        return bool(self.value())

    def __int__(self) -> int:
        return int(self.value())

    def __float__(self) -> float:
        return float(self.value())

    def __index__(self) -> int:
        return int(self.value().__index__())

    def __iadd__(self, other: Any) -> Any:
        raise RuntimeError(
            "`variable += value` with `tf.Variable`s is not supported. Use "
            "`variable.assign_add(value)` to modify the variable, or `out = variable + value` if "
            "you need to get a new output Tensor."
        )

    def __isub__(self, other: Any) -> Any:
        raise RuntimeError(
            "`variable -= value` with `tf.Variable`s is not supported. Use "
            "`variable.assign_sub(value)` to modify the variable, or `out = variable - value` if "
            "you need to get a new output Tensor."
        )

    def __eq__(self, other: object) -> Any:
        if self._in_graph_mode:
            return self is other
        return self.value() == other

    def __ne__(self, other: object) -> Any:
        if self._in_graph_mode:
            return self is not other
        return self.value() != other

    def __hash__(self) -> int:
        if not self._in_graph_mode:
            raise TypeError(
                "Variable is unhashable. Instead, use variable.ref() as the key. (Variable: "
                f"{self!r})"
            )
        return id(self)

    def to_proto(self, export_scope: str | None = None) -> Any:
        if not self._in_graph_mode:
            raise RuntimeError("This operation is not supported when eager execution is enabled.")
        raise NotImplementedError(
            f"Variable {self.name} has no protocol buffer form. Save values with "
            "tf.compat.v1.train.Saver or as NumPy arrays, and build the graph again from Python."
        )

    @staticmethod
    def from_proto(variable_def: Any, import_scope: str | None = None) -> Any:
        raise NotImplementedError(
            "Variables have no protocol buffer form: make them with tf.Variable."
        )

    def __deepcopy__(self, memo: Any) -> Variable:
        if self._in_graph_mode:
            raise NotImplementedError(
                "deepcopy() is only available when eager execution is enabled."
            )
        copied = Variable(
            self.value(), trainable=self._trainable, name=self._name, dtype=self._dtype,
            shape=self._shape,
        )  # fmt: skip
        memo[id(self)] = copied
        return copied

    def __reduce__(self) -> Any:
        return _unpickle, (np.asarray(self.numpy()), self._name, self._trainable)

    def __repr__(self) -> str:
        text = f"<tf.Variable '{self.name}' shape={self._shape} dtype={self._dtype.name}"
        if self._in_graph_mode or _core.current_graph() is not None:
            return text + ">"
        return f"{text}, numpy={numpy_text(self.value(), is_repr=True)}>"


class AssignedVariable(Variable):
    """A variable behind an update in a graph: what reads it runs after the update."""

    def __init__(self, variable: Variable, op: Any) -> None:
        self.__dict__.update(variable.__dict__)
        self._parent_op = op
        self._snapshot = self.value()

    @property
    def name(self) -> str:
        return str(self._parent_op.name)

    @property
    def op(self) -> Any:
        """The operation that updates."""
        return self._parent_op

    def value(self) -> Any:
        with _graph.control_dependencies([self._parent_op]):
            return super().value()

    def read_value(self) -> Any:
        with _graph.control_dependencies([self._parent_op]):
            return super().read_value()

    def sparse_read(self, indices: Any, name: str | None = None) -> Any:
        with _graph.control_dependencies([self._parent_op]):
            return super().sparse_read(indices, name)

    def gather_nd(self, indices: Any, name: str | None = None) -> Any:
        with _graph.control_dependencies([self._parent_op]):
            return super().gather_nd(indices, name)

    def _update(
        self,
        op_type: str,
        inputs: tuple[Any, ...],
        name: str | None,
        read_value: bool = True,
        attrs: Any = None,
    ) -> Any:
        with _graph.control_dependencies([self._parent_op]):
            return super()._update(op_type, inputs, name, read_value, attrs)


def _unpickle(value: Any, name: str, trainable: bool) -> Variable:
    return Variable(value, name=name, trainable=trainable)


def _concrete_value(initial_value: Any, dtype: DType | None) -> Any:
    """The initial value outside the functions being traced."""
    if callable(initial_value):
        initial_value = initial_value()
    if isinstance(initial_value, _core.SymbolicTensor):
        graph = initial_value.graph
        if getattr(graph, "building_function", False):
            inputs, outer = graph.internal_captures, graph.external_captures
            executable = _core.Executable(graph, inputs, [initial_value])
            initial_value = executable.run_eager(outer)[0]
    return _core.convert(initial_value, dtype, "initial_value")


def _static_shape(shape: Any, value: Any, validate_shape: bool) -> TensorShape:
    if shape is not None:
        static = as_shape(shape)
        if not static.is_compatible_with(value.shape):
            raise ValueError(
                f"In this `tf.Variable` creation, the initial value's shape ({value.shape}) is "
                f"not compatible with the explicitly supplied `shape` argument ({shape})."
            )
        return static
    own: TensorShape = value.shape if validate_shape else TensorShape(None)
    return own


def _delegate(name: str) -> Any:
    def operator(self: Any, *args: Any) -> Any:
        return getattr(self.value(), name)(*args)

    operator.__name__ = name
    return operator


def install_variable_operators() -> None:
    """Variables compute as the tensors they hold."""
    for name in (
        "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "div", "rdiv",
        "floordiv", "rfloordiv", "mod", "rmod", "pow", "rpow", "matmul", "rmatmul", "lt", "le",
        "gt", "ge", "and", "rand", "or", "ror", "xor", "rxor", "neg", "abs", "invert",
    ):  # fmt: skip
        method = f"__{name}__"
        if hasattr(_core.Tensor, method):
            setattr(Variable, method, _delegate(method))
