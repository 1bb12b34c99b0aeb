"""FuncGraph: the graph of a function being traced, with its captures."""

from __future__ import annotations

import functools
import itertools
import weakref
from typing import Any

from wengert import _core
from wengert._graph import Graph

__all__ = ["FuncGraph"]

# TensorFlow embeds eager tensors of up to this many elements as constants.
_CONSTANT_LIMIT = 128

_uid = itertools.count(1)


class FuncGraph(Graph):
    """Graph of a traced function.

    Tensors of outer graphs and larger eager tensors that are used inside become placeholders
    (captures), which a call of the function passes as further arguments.

    Attributes
    ----------
    outer_graph : Graph or None
        Graph in which the trace began; None in eager mode, and when it is gone.
    inputs, outputs : list of Tensor
        Arguments (captures last) and results.
    structured_outputs : nested structure
        Results as the Python function returned them, as tensors.
    """

    building_function = True

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        outer: Any = _core.current_graph()
        self._outer_reference = None if outer is None else weakref.ref(outer)
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.structured_outputs: Any = None
        self.structured_input_signature: Any = None
        self._captures: dict[int, tuple[Any, Any]] = {}
        self._constants: dict[int, tuple[Any, Any]] = {}
        self._external: dict[int, Any] = {}
        if outer is not None:
            self.seed = outer.seed
            self.set_outer(outer)
        else:
            from wengert._random_seed import eager_seed

            self.seed = eager_seed()
        self.set_capture_hooks()

    @property
    def outer_graph(self) -> Any:
        # Weak: a trace that uses nothing of the graph around may be used longer than that is.
        return None if self._outer_reference is None else self._outer_reference()

    # --- captures ----------------------------------------------------------------------------
    def _capture(self, tensor: Any, name: str = "") -> Any:
        """The stand-in here of an eager tensor or a tensor of an outer graph."""
        key = id(tensor)
        if key in self._captures:
            return self._captures[key][1]
        if key in self._constants:
            return self._constants[key][1]
        if isinstance(tensor, _core.EagerTensor):
            return self._capture_eager(tensor, name, key)
        self._check_outer(tensor)
        outer = self.outer_graph
        if tensor.graph is not outer and isinstance(outer, FuncGraph):
            # A tensor from further out passes through each function between.
            outer._capture(tensor, name)
        return self._add_capture(tensor, name or tensor.op.name, key)

    def _capture_eager(self, tensor: Any, name: str, key: int) -> Any:
        plain = tensor.dtype.name not in ("resource", "variant")
        if plain and tensor.shape.num_elements() <= _CONSTANT_LIMIT:
            _core.push_graph(self)
            try:
                constant = _core.constant(tensor.numpy(), tensor.dtype, None, name or _new_uid())
            finally:
                _core.pop_graph()
            self._constants[key] = (tensor, constant)
            return constant
        return self._add_capture(tensor, name or _new_uid(), key)

    def _check_outer(self, tensor: Any) -> None:
        graph = self.outer_graph
        while graph is not None:
            if tensor.graph is graph:
                return
            graph = getattr(graph, "outer_graph", None)
        from wengert.errors import InaccessibleTensorError

        raise InaccessibleTensorError(
            f"{tensor!r} is out of scope and cannot be used here. Use return values, explicit "
            "Python locals or TensorFlow collections to access it.\nPlease see "
            "https://www.tensorflow.org/guide/function#"
            "all_outputs_of_a_tffunction_must_be_return_values for more information.\n\n"
            f"{tensor!r} was defined in {tensor.graph!r}, which is out of scope."
        )

    def _add_capture(self, tensor: Any, name: str, key: int) -> Any:
        handle = _core.handle_data(tensor) if tensor.dtype.name == "resource" else None
        _core.push_graph(self)
        try:
            with self.control_dependencies(None):
                stand_in = _core.placeholder(tensor.dtype, tensor.shape, name)
        finally:
            _core.pop_graph()
        if handle is not None:
            _core.set_handle_data(stand_in, *handle)
        self._captures[key] = (tensor, stand_in)
        self._external[id(stand_in)] = tensor
        return stand_in

    def _captured_from(self, stand_in: Any) -> Any:
        return self._external.get(id(stand_in))

    @property
    def captures(self) -> list[tuple[Any, Any]]:
        """(outer tensor, stand-in), in the order of capture."""
        return list(self._captures.values())

    @property
    def all_captures(self) -> list[tuple[Any, Any]]:
        """As `captures`, with the eager tensors that were embedded as constants."""
        pairs = [*self._captures.values(), *self._constants.values()]
        return sorted(pairs, key=lambda pair: int(pair[1].op.id))

    @property
    def external_captures(self) -> list[Any]:
        return [outer for outer, _ in self._captures.values()]

    @property
    def internal_captures(self) -> list[Any]:
        return [inner for _, inner in self._captures.values()]

    capture = _capture

    # --- effects -----------------------------------------------------------------------------
    def side_effects(self) -> list[Any]:
        """Operations that a call must perform whether or not an output needs them."""
        return [op for op in self.stateful_operations() if has_side_effect(op.type)]


# Stateful ops whose absence from a run nobody would notice.
_READS = frozenset({"Placeholder", "VarHandleOp", "ReadVariableOp", "VarIsInitializedOp"})


@functools.cache
def is_stateful(op_type: str) -> bool:
    """Whether operations of this type are marked stateful (placeholders aside)."""
    return bool(_core.op_info(op_type)["stateful"]) and op_type != "Placeholder"


@functools.cache
def has_side_effect(op_type: str) -> bool:
    """Whether an operation of this type changes state (assignments, prints, stateful calls)."""
    if op_type in _READS or op_type.startswith(("Random", "Stateless", "TruncatedNormal")):
        return False
    return is_stateful(op_type) and not op_type.startswith("ResourceGather")


def _new_uid() -> str:
    return str(next(_uid))
