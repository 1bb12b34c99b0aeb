"""`tf.function`: tracing Python functions into graphs, one per signature."""

from __future__ import annotations

import functools
import sys
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

from wengert import _core
from wengert._binding import Binder
from wengert._concrete_function import ConcreteFunction
from wengert._indexed_slices import IndexedSlices
from wengert._traces import Traces, relax, type_of
from wengert._tracing import trace

__all__ = ["Function", "function"]


def _same_eager(args: Any, tensors: Any) -> bool:
    """Whether a call's arguments are the tensors that are passed on, and nothing else."""
    return len(args) == len(tensors) and all(
        isinstance(a, _core.EagerTensor) and a is t for a, t in zip(args, tensors, strict=True)
    )


def _outside_functions() -> Any:
    """The graph around all functions that are being traced; None in eager mode."""
    graph = _core.current_graph()
    while graph is not None and graph.building_function:
        graph = graph.outer_graph
    return graph


class _Settings:
    """Of `tf.config`: functions are called as Python functions."""

    run_eagerly = False


settings = _Settings()

# Functions whose traces are under way on this thread, the innermost last.
_tracing = threading.local()
# Deeper nesting is taken for recursion without end, whatever the interpreter's limit is: each
# level needs some of the thread's stack.
_DEEPEST = 200


class Function:
    """A Python function that is traced into a graph for each signature it is called with.

    Made by `function`. Tensors are told apart by dtype and shape, Python values by value.
    """

    def __init__(
        self,
        python_function: Callable[..., Any],
        name: str | None = None,
        input_signature: Any = None,
        autograph: bool = True,
        jit_compile: bool | None = None,
        reduce_retracing: bool = False,
        features: frozenset[str] = frozenset(),
        memory_budget: int | None = None,
    ) -> None:
        self._python_function = python_function
        self._name: str = name or getattr(python_function, "__name__", None) or "function"
        self._binder = Binder(python_function, input_signature)
        self._autograph = autograph
        self._features = features
        self._jit_compile = jit_compile
        self._reduce_retracing = reduce_retracing
        self._memory_budget = memory_budget
        self._cache = Traces()
        self._calls = _core.CallCache()  # of eager tensors alone
        self._other_calls = 0  # that did not trace, of what `_calls` does not know
        self._noted_calls = 0  # by `_retracing`
        self._lock = threading.RLock()
        self._tracing_count = 0
        self._created_variables: list[Any] = []
        # Of objects, by identity: they need not be hashable. Each goes with its object.
        self._bound: dict[int, tuple[weakref.ref[Any], Function]] = {}
        functools.update_wrapper(self, python_function)

    # --- attributes of tf.function -----------------------------------------------------------
    @property
    def python_function(self) -> Callable[..., Any]:
        return self._python_function

    @property
    def name(self) -> str:
        return self._name

    @property
    def input_signature(self) -> Any:
        return self._binder.specs

    @property
    def function_spec(self) -> Any:
        return self._binder.signature

    def experimental_get_tracing_count(self) -> int:
        return self._tracing_count

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        """The signatures of all traces, as text."""
        return "\n\n".join(c.pretty_printed_signature(verbose) for c in self._cache)

    # --- calling -----------------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if settings.run_eagerly:
            return self._python_function(*args, **kwargs)
        if not kwargs:
            result = self._calls(*args)
            if result is not NotImplemented:
                return result
        concrete, tensors = self._concrete_for(args, kwargs)
        if not kwargs and _core.current_graph() is None and _same_eager(args, tensors):
            self._calls.add(args, *concrete.call_plan())
        return concrete.call_flat(tensors)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The traced function for these arguments; TensorSpecs stand for tensors."""
        if self._binder.specs is not None and not args and not kwargs:
            args = self._binder.specs
        return self._concrete_for(args, kwargs)[0]

    def _concrete_for(self, args: Any, kwargs: Any) -> tuple[ConcreteFunction, list[Any]]:
        bound, leaves = self._binder.bind(args, kwargs)
        # Under a signature, what fits it shares one trace.
        fixed = self._binder.flat_specs
        shapes: list[Any] = []
        group: Any = tuple(
            type_of(fixed[i] if i < len(fixed) else leaf, shapes)
            for i, (_, leaf) in enumerate(leaves)
        )
        if not bound.plain or any(len(path) > 1 for path, _ in leaves):
            group = (tuple(bound.names), tuple(path for path, _ in leaves), group)
        tensors: list[Any] = []
        for _, leaf in leaves:
            if isinstance(leaf, _core.Tensor):
                tensors.append(leaf)
            elif isinstance(leaf, IndexedSlices):
                parts = (leaf.values, leaf.indices, leaf.dense_shape)
                tensors.extend(p for p in parts if p is not None)
        with self._lock:
            concrete = self._known(group, tuple(shapes))
            if concrete is not None:
                self._other_calls += 1
            else:
                concrete = self._new_trace(bound, [x for _, x in leaves], group, tuple(shapes))
        return concrete, tensors

    # A trace belongs to the graph outside of all functions; one that uses tensors of a function
    # around it, to the graph of that. Graphs hold their traces themselves: held here they would
    # live as long as this object.
    def _traces_in(self, graph: Any) -> Traces:
        if graph is None:
            return self._cache
        traces = graph._state.get("traces")
        if traces is None:
            traces = graph._state["traces"] = weakref.WeakKeyDictionary()
        found: Traces | None = traces.get(self)
        if found is None:
            found = traces[self] = Traces()
        return found

    def _known(self, group: Any, shapes: tuple[Any, ...]) -> ConcreteFunction | None:
        graph, base = _core.current_graph(), _outside_functions()
        concrete: ConcreteFunction | None = None
        if graph is not base:
            concrete = self._traces_in(graph).find(group, shapes)
        return concrete or self._traces_in(base).find(group, shapes)

    def _traces_for(self, concrete: ConcreteFunction) -> Traces:
        base = _outside_functions()
        outer = concrete.graph.external_captures
        if any(isinstance(t, _core.SymbolicTensor) and t.graph is not base for t in outer):
            base = _core.current_graph()
        return self._traces_in(base)

    def _new_trace(
        self, bound: Any, leaves: list[Any], group: Any, shapes: tuple[Any, ...]
    ) -> ConcreteFunction:
        if self._reduce_retracing and self._binder.specs is None:
            general = self._traces_in(_outside_functions()).generalise(group, shapes)
            if general != shapes:
                leaves, shapes = relax(leaves, general), general
        concrete = self._trace(bound, leaves)
        concrete.memory_budget = self._memory_budget
        self._traces_for(concrete).add(group, shapes, concrete)
        if _core.current_graph() is None:
            from wengert._retracing import note

            calls = self._calls.hits + self._other_calls
            note(self._python_function, calls - self._noted_calls)
            self._noted_calls = calls
        return concrete

    @functools.cached_property
    def _traced_function(self) -> Callable[..., Any]:
        if self._autograph:
            from wengert._autograph import convert

            return convert(self._python_function, self._features)
        from wengert._autograph_context import unconverted

        return unconverted(self._python_function)

    # --- tracing -----------------------------------------------------------------------------
    def _trace(self, bound: Any, leaves: list[Any]) -> ConcreteFunction:
        depth = getattr(_tracing, "depth", 0)
        if depth >= _DEEPEST:
            raise RecursionError(f"{depth} functions are being traced inside one another")
        _tracing.depth = depth + 1
        try:
            return self._trace_twice(bound, leaves)
        except RecursionError:
            if depth > 0:
                raise
            raise RecursionError(
                f"tf.function '{self._name}' calls itself without end while it is traced: a trace "
                "follows both branches of a condition on tensors. Recursion must end by a Python "
                "value, or be written as tf.while_loop."
            ) from None
        finally:
            _tracing.depth = depth

    def _trace_twice(self, bound: Any, leaves: list[Any]) -> ConcreteFunction:
        specs = self._binder.flat_specs or None
        self._tracing_count += 1
        first = self._tracing_count == 1
        function = self._traced_function
        concrete = trace(function, self._name, bound, leaves, specs, may_create=first)
        if not concrete.created_variables:
            return concrete
        # Variables may be made on the first call only: the second trace must not make any.
        self._created_variables = concrete.created_variables
        self._tracing_count += 1
        return trace(function, self._name, bound, leaves, specs, may_create=False)

    # --- methods and copies ------------------------------------------------------------------
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        known = self._bound.get(id(instance))
        if known is not None and known[0]() is instance:
            return known[1]
        key, table = id(instance), self._bound
        try:
            # Weak, so that the kept function does not keep the instance alive.
            reference = weakref.ref(instance, lambda _: table.pop(key, None))
        except TypeError:  # of a class with slots, and without one for this: nothing is kept
            return self._bind_to(lambda: instance)
        bound = self._bind_to(reference)
        table[key] = (reference, bound)
        return bound

    def _bind_to(self, reference: Callable[[], Any]) -> Function:
        function = self._python_function

        @functools.wraps(function)
        def method(*args: Any, **kwargs: Any) -> Any:
            target = reference()
            if target is None:
                raise ReferenceError("the object of this bound tf.function was deleted")
            from wengert._autograph_context import current

            conversion = current()
            body = function if conversion is None else conversion.convert(function)
            return body(target, *args, **kwargs)

        parameters = list(self._binder.signature.parameters.values())[1:]
        method.__signature__ = self._binder.signature.replace(  # type: ignore[attr-defined]
            parameters=parameters
        )
        return Function(method, *self._settings())

    def _settings(self) -> tuple[Any, ...]:
        return (
            self._name, self._binder.specs, self._autograph, self._jit_compile,
            self._reduce_retracing, self._features, self._memory_budget,
        )  # fmt: skip

    def __reduce__(self) -> Any:
        # A function that a module holds goes by name, as Python's own do: what is decorated is not
        # to be found otherwise.
        name = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(getattr(self, "__module__", None) or "")
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (Function, (self._python_function, *self._settings()))

    def __copy__(self) -> Function:
        return Function(self._python_function, *self._settings())

    def __deepcopy__(self, memo: Any) -> Function:
        """Without traces, which the copy makes anew."""
        import copy

        return Function(copy.deepcopy(self._python_function, memo), *self._settings())

    def __repr__(self) -> str:
        return f"<wengert.Function {self._name} with {self._tracing_count} traces>"


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: str | None = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: Any = None,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
    experimental_follow_type_hints: bool | None = None,
    *,
    memory_budget: int | None = None,
) -> Any:
    """Compiles a function into a callable graph (`tf.function`); also a decorator.

    Parameters
    ----------
    func : callable
    input_signature : nested structure of TensorSpec, optional
        One trace for all calls that fit; others are a TypeError.
    autograph : bool
        Python's control flow on tensors becomes operations.
    experimental_autograph_options : Feature or tuple of Feature, optional
        Further parts of `tf.autograph.experimental.Feature` to convert.
    jit_compile, other experimental_* :
        Accepted. Everything is compiled.
    reduce_retracing : bool
        Generalise shapes that vary.
    memory_budget : int, optional
        Bytes that intermediate values may take at once (`config.set_memory_budget`; TensorFlow has
        no such argument). Of this function when it is called by itself: inside of another, what
        that one says counts.

    Returns
    -------
    Function

    Examples
    --------
    >>> import wengert as tf
    >>> @tf.function
    ... def f(x):
    ...     return x * x, tf.gradients(x * x, x)
    >>> y, (g,) = f(tf.constant(3.0))
    >>> y.numpy().item(), g.numpy().item()
    (9.0, 6.0)
    """

    if memory_budget is not None:
        from wengert._memory import checked_budget

        memory_budget = checked_budget(memory_budget)
    features: frozenset[str] = frozenset()
    if experimental_autograph_options is not None:
        from wengert._autograph_options import feature_names

        features = feature_names(experimental_autograph_options)

    def decorate(inner: Callable[..., Any]) -> Function:
        if isinstance(inner, Function):
            inner = inner.python_function
        if not callable(inner):
            raise TypeError(f"{inner!r} is not a callable object")
        made = Function(
            inner,
            input_signature=input_signature,
            autograph=autograph,
            jit_compile=jit_compile if jit_compile is not None else experimental_compile,
            reduce_retracing=reduce_retracing or bool(experimental_relax_shapes),
            features=features,
            memory_budget=memory_budget,
        )
        if isinstance(inner, types.MethodType):
            made._name = inner.__func__.__name__
        return made

    return decorate if func is None else decorate(func)
