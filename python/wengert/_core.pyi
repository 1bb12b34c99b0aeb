"""Typed interface of the extension module."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

# --- hooks that the Python package installs once, on import ----------------------------------

def install(
    dtypes: Sequence[Any],
    convert: Callable[[Any, Any, str, Any], Any],
    errors: Mapping[str, type[Exception]],
    tensor_shape: Callable[[Any], Any],
    indexed_slices: type,
) -> None:
    """Hands over what C++ needs of Python.

    dtypes : the DType object of each enum number (None where there is none)
    convert(value, dtype, name, preferred_dtype) : converts what C++ does not know itself
        (variables, user classes) to a Tensor; returns NotImplemented when it cannot
    errors : canonical code name ("InvalidArgument", ...) -> exception class, called as
        cls(node_def, op, message)
    tensor_shape : makes a TensorShape of None or a tuple of int | None
    indexed_slices : the IndexedSlices class, called as cls(values, indices, dense_shape)
    """

# --- graphs ----------------------------------------------------------------------------------

class Graph:
    """C++ graph; tf.Graph derives from it."""

    def __init__(self) -> None: ...
    seed: int | None
    finalized: bool
    version: int
    num_operations: int
    name_scope_path: str  # current scope without closing '/'; settable
    device_name: str  # current device string; settable
    ordered: bool
    def get_operations(self) -> list[Operation]: ...
    def stateful_operations(self) -> list[Operation]:
        """Those of types that are marked stateful, placeholders aside."""
    def operation_at(self, index: int) -> Operation: ...
    def find_operation(self, name: str) -> Operation | None: ...
    def unique_name(self, name: str, mark_as_used: bool = True) -> str: ...
    def enter_name_scope(self, name: str) -> str: ...
    def push_control_dependencies(self, ops: list[Operation] | None) -> None:
        """None clears the outer context (as tf.control_dependencies(None))."""
    def pop_control_dependencies(self) -> None: ...
    def finalize(self) -> None: ...
    def unfinalize(self) -> None: ...
    def add_operation(
        self,
        op_type: str,
        inputs: Sequence[Tensor],
        attrs: dict[str, Any],
        name: str,
        control_inputs: Sequence[Operation] = (),
    ) -> Operation:
        """Low level: tensors of this graph, flat; as OperationSpec in graph.h."""
    def set_capture_hooks(self) -> None:
        """Tensors of other graphs used here go through `_capture(tensor)`, which returns the
        stand-in; `_captured_from(stand_in)` is the way back, None where there is none."""
    def set_outer(self, outer: Graph | None) -> None: ...
    @property
    def outer(self) -> Graph | None: ...
    def set_gradient_override(self, op_type: str, gradient_name: str | None) -> str | None:
        """Returns the previous one."""
    def set_attr_scope(self, name: str, value: Any | None) -> Any | None: ...
    def add_function(self, function: Function) -> None: ...
    def functions(self) -> list[Function]: ...
    def to_text(self) -> str: ...
    def to_dot(self) -> str: ...

class Operation:
    name: str
    type: str
    graph: Any
    inputs: tuple[Tensor, ...]
    outputs: list[Tensor]
    control_inputs: list[Operation]
    device: str
    location: str  # "file.py:12 in f" of the user's program, "" when unknown
    id: int
    def get_attr(self, name: str) -> Any: ...
    def attrs(self) -> dict[str, Any]: ...
    def set_attr(self, name: str, value: Any) -> None: ...
    def update_input(self, index: int, tensor: Tensor) -> None: ...
    def add_control_inputs(self, ops: Sequence[Operation]) -> None: ...
    # instances take Python attributes and weak references; `is` identity holds while one lives

class Tensor:
    """Base of SymbolicTensor and EagerTensor. The package attaches tf.Tensor's Python methods
    to it (repr, indexing, matmul, pow ...)."""

    dtype: Any  # DType object
    shape: Any  # TensorShape
    def _shape_tuple(self) -> tuple[int | None, ...] | None: ...
    def _rank(self) -> int | None: ...
    # number protocol in C++: + - * (and reflected), unary -, < <= > >=; the rest by the package
    def __add__(self, other: Any) -> Tensor: ...
    def __radd__(self, other: Any) -> Tensor: ...
    def __sub__(self, other: Any) -> Tensor: ...
    def __rsub__(self, other: Any) -> Tensor: ...
    def __mul__(self, other: Any) -> Tensor: ...
    def __rmul__(self, other: Any) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __getitem__(self, key: Any) -> Tensor: ...

class SymbolicTensor(Tensor):
    name: str
    op: Operation
    graph: Any
    value_index: int
    def consumers(self) -> list[Operation]: ...
    def set_shape_tuple(self, shape: tuple[int | None, ...] | None) -> None: ...

class EagerTensor(Tensor):
    def __init__(self, value: Any, dtype: Any = None) -> None: ...
    def numpy(self) -> Any:
        """NumPy array (scalar object for rank 0) sharing the memory; str tensors: object arrays."""
    def _id(self) -> int: ...
    def _resource_key(self) -> int: ...

class Function:
    """A traced function as attribute value."""

    name: str
    graph: Any
    inputs: list[Tensor]
    outputs: list[Tensor]
    def __init__(
        self,
        name: str,
        graph: Graph,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        control_outputs: Sequence[Operation] = (),
    ) -> None: ...

# --- context: which graph is being built (a stack per thread; None entry: eager) -------------

def push_graph(graph: Graph | None) -> None: ...
def pop_graph() -> None: ...
def current_graph() -> Any | None:
    """The graph on top; the default one when the stack is empty; None in eager mode."""

def graph_stack() -> list[Any]: ...
def set_default_graph(graph: Graph | None) -> None:
    """What an empty stack means: None = eager execution (TF2)."""

# --- making operations -----------------------------------------------------------------------

def apply(
    op_type: str,
    inputs: tuple[Any, ...],
    attrs: dict[str, Any] | None = None,
    name: str | None = None,
) -> Any:
    """What TensorFlow's generated raw op does: in the current graph, opens scope `name`
    (default: the op type), converts arguments (in the signature's order; lists for list
    arguments) to tensors named after them, appends the operation; in eager mode runs it.

    Returns the output tensor, a list of them when the op has several, an Operation when it has
    none (None in eager mode). Attr values: Python bool, int, float, str, DType, TensorShape /
    tuple / None for shapes, numpy array or EagerTensor for tensors, Function, lists of them;
    None means: not given.
    """

def binary(op_type: str, name: str, x: Any, y: Any, reflected: bool = False) -> Any:
    """What a Python operator does: opens scope `name`, converts the other operand with x's
    dtype as a hint, applies. Returns NotImplemented where TensorFlow does."""

def convert(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None
) -> Any:
    """tf.convert_to_tensor: Const / Pack in a graph, an EagerTensor in eager mode."""

def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Any: ...
def to_numpy(value: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """The NumPy array that convert would make a constant of (strings: object array of bytes)."""

def placeholder(dtype: Any, shape: Any, name: str) -> Any: ...
def static_value(tensor: Tensor) -> np.ndarray[Any, Any] | None:
    """tensor_util.constant_value."""

def evaluate_constant(tensor: Tensor) -> np.ndarray[Any, Any] | None: ...
def value_as_shape(tensor: Tensor) -> tuple[int | None, ...] | None: ...

# --- registry --------------------------------------------------------------------------------

def op_names() -> list[str]: ...
def op_info(op_type: str) -> dict[str, Any]:
    """inputs, outputs: [(name, kind)]; attrs: [(name, type, default)]; stateful, differentiable,
    summary."""

def register_gradient(name: str, function: Callable[..., Any] | None) -> None:
    """function(op, *grads) -> gradient(s); as tf.RegisterGradient."""

def builtin_gradient(op_type: str) -> Callable[..., Any]: ...

# --- gradients -------------------------------------------------------------------------------

def gradients(
    ys: list[Tensor],
    xs: list[Tensor],
    grad_ys: list[Any],
    name: str,
    colocate_gradients_with_ops: bool,
    gate_gradients: bool,
    aggregation_method: int,
    stop_gradients: list[Tensor],
    unconnected_zero: bool,
) -> list[Any]:
    """All symbolic, of the current graph; grad_ys entries: Tensor, IndexedSlices or None, the
    list may be empty. Returns Tensor, IndexedSlices or None each."""

def gradients_of_tensors(
    ys: list[Any],
    xs: list[Any],
    name: str,
    colocate_gradients_with_ops: bool,
    gate_gradients: bool,
    aggregation_method: int,
    stop_gradients: list[Any],
    unconnected_zero: bool,
) -> list[Any] | None:
    """As gradients, of tensors of the graph being built; None when there are others."""

def distinct_tensors(graph: Graph, items: list[Any]) -> bool:
    """Whether all are tensors of the graph, none twice."""

def capture(graph: Graph, tensor: SymbolicTensor) -> SymbolicTensor: ...

# --- tapes -----------------------------------------------------------------------------------

class Tape:
    """Records eager operations of the thread. `accessed(identity of the handle)` is asked once
    about each variable that is used."""

    def __init__(self, accessed: Callable[[int], bool] | None = None) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def watch(self, tensor: EagerTensor) -> None: ...
    def watches(self, tensor: EagerTensor) -> bool: ...
    def clear(self) -> None: ...
    def __len__(self) -> int: ...
    def gradient(
        self, ys: Sequence[Any], xs: Sequence[Any], grad_ys: Sequence[Any] = ()
    ) -> list[Any]: ...

class GraphTape:
    """Records the operations that are added to a graph."""

    def __init__(
        self, graph: Graph, accessed: Callable[[SymbolicTensor], bool] | None = None
    ) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def watch(self, tensor: SymbolicTensor) -> None: ...
    def watches(self, tensor: SymbolicTensor) -> bool: ...
    def clear(self) -> None: ...
    def gradient(
        self, ys: Sequence[Any], xs: Sequence[Any], grad_ys: Sequence[Any] = ()
    ) -> list[Any]: ...

class Tapes:
    """A set of tapes that record."""

def tapes_active() -> bool: ...
def active_tapes() -> Tapes: ...
def set_active_tapes(tapes: Tapes) -> None: ...
def merge_tapes(first: Tapes, second: Tapes) -> Tapes: ...
def pause_tapes() -> Tapes: ...
def record_custom(
    inputs: Sequence[EagerTensor],
    outputs: Sequence[EagerTensor],
    backward: Callable[[list[Any]], list[Any]],
) -> None: ...
def call_function(function: Function, inputs: Sequence[EagerTensor]) -> list[EagerTensor]: ...
def set_host_function(
    token: str, function: Callable[[list[EagerTensor]], list[EagerTensor]] | None
) -> None: ...

# --- running ---------------------------------------------------------------------------------

class ResourceManager:
    closed: bool
    def __init__(self) -> None: ...
    def close(self) -> None: ...

class Executable:
    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        targets: Sequence[Operation] = (),
        resources: ResourceManager | None = None,
        options: dict[str, Any] | None = None,
    ) -> None: ...
    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """EagerTensors or arrays (of the right dtype) in, NumPy values out."""
    def run_eager(self, inputs: Sequence[Any]) -> list[EagerTensor]: ...
    def explain(self, inputs: Sequence[Any]) -> str: ...
    def stats(self) -> dict[str, int]: ...

class CallCache:
    """Calls of one tf.function by the shapes of eager arguments: runs and packs, or returns
    NotImplemented."""

    hits: int
    def __call__(self, *args: Any) -> Any: ...
    def add(
        self,
        tensors: Sequence[Any],
        executable: Executable,
        captured: Sequence[Any],
        sequence: type | None,
        leaves: Sequence[int],
        pack: Any,
        owner: Any,
    ) -> None: ...

class CompiledFunction:
    """Low-latency callable over NumPy arrays: f(*arrays, out=None) -> tuple of arrays.

    With the resources of a session: its list of values, the first of them where `single`, or
    what `finish` makes of the list; an error once the session is closed.
    """

    executable: Executable
    def __init__(
        self,
        executable: Executable,
        session: ResourceManager | None = None,
        single: bool = False,
        finish: Callable[[list[Any]], Any] | None = None,
    ) -> None: ...
    def known(self, *arrays: Any) -> Any: ...
    def __call__(self, *arrays: Any, out: Sequence[Any] | None = None) -> Any: ...

# --- variables (eager handles) ---------------------------------------------------------------

def make_variable(dtype: Any, shape: Any, name: str) -> EagerTensor:
    """A fresh, uninitialised variable; returns its resource handle."""

def variable_value(handle: EagerTensor) -> EagerTensor | None: ...
def assign_variable(handle: EagerTensor, value: Any) -> None: ...
def handle_data(handle: Tensor) -> tuple[Any, Any] | None:
    """(dtype, shape tuple) behind a resource handle, eager or symbolic (captured)."""

def set_handle_data(placeholder: Tensor, dtype: Any, shape: Any) -> None:
    """Makes a Placeholder of dtype resource stand for a variable of that kind."""

# --- process ---------------------------------------------------------------------------------

def restart_random_streams() -> None: ...
def set_num_threads(n: int) -> None: ...
def num_threads() -> int: ...
def set_memory_budget(bytes: int) -> None:
    """Of what is compiled from now on; negative: no limit."""

def memory_budget() -> int: ...
def available_isas() -> list[str]: ...
def current_isa() -> str: ...
def use_isa(name: str) -> bool: ...
def blas_description() -> str: ...

__version__: str

def set_package_directory(directory: str) -> None:
    """Frames of files below it are not the user's: operations are located outside."""
