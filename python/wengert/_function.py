"""`tf.function`: tracing Python functions into graphs, one per signature."""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core, _nest
from wengert._concrete_function import BoundCall, ConcreteFunction, trace
from wengert._indexed_slices import IndexedSlices
from wengert._tensor_spec import TensorSpec

__all__ = ["Function", "function"]

_VARIABLES_ONCE = (
    "tf.function only supports singleton tf.Variables created on the first call. Make sure the "
    "tf.Variable is only created once or created outside tf.function. See "
    "https://www.tensorflow.org/guide/function#creating_tfvariables for more information."
)


class _ById:
    """Cache key of an unhashable Python argument: its identity."""

    __slots__ = ("obj",)

    def __init__(self, obj: Any) -> None:
        self.obj = obj

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and self.obj is other.obj

    def __hash__(self) -> int:
        return id(self.obj)


def _is_variable(x: Any) -> bool:
    return bool(getattr(x, "_is_variable", False))


def _same_eager(args: Any, tensors: Any) -> bool:
    """Whether a call's arguments are the tensors that are passed on, and nothing else."""
    return len(args) == len(tensors) and all(
        isinstance(a, _core.EagerTensor) and a is t for a, t in zip(args, tensors, strict=True)
    )


def _leaf_key(x: Any) -> Any:
    if isinstance(x, _core.Tensor):
        return (x.dtype.as_datatype_enum, x._shape_tuple())
    if isinstance(x, TensorSpec):
        shape = x.shape
        dims = None if shape.rank is None else tuple(shape.as_list())
        return (x.dtype.as_datatype_enum, dims, x.name)
    if _is_variable(x):
        return _ById(x)
    if isinstance(x, IndexedSlices):
        return ("IndexedSlices", *[_leaf_key(p) for p in (x.values, x.indices) if p is not None])
    if isinstance(x, (bool, int, float, complex, str, bytes, type(None))):
        return (type(x), x)
    try:
        hash(x)
    except TypeError:
        return _ById(x)
    return x


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
        self._input_signature = None if input_signature is None else tuple(input_signature)
        self._autograph = autograph
        self._features = features
        self._jit_compile = jit_compile
        self._reduce_retracing = reduce_retracing
        self._memory_budget = memory_budget
        self._cache: dict[Any, ConcreteFunction] = {}
        self._generalised: dict[Any, list[TensorSpec]] = {}
        self._calls = _core.CallCache()  # of eager tensors alone
        self._lock = threading.RLock()
        self._tracing_count = 0
        self._created_variables: list[Any] = []
        self._bound: weakref.WeakKeyDictionary[Any, Function] = weakref.WeakKeyDictionary()
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
        return self._input_signature

    @property
    def function_spec(self) -> Any:
        return self._signature

    def experimental_get_tracing_count(self) -> int:
        return self._tracing_count

    @functools.cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self._python_function)

    # --- calling -----------------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
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
        if self._input_signature is not None and not args and not kwargs:
            args = self._input_signature
        return self._concrete_for(args, kwargs)[0]

    def _concrete_for(self, args: Any, kwargs: Any) -> tuple[ConcreteFunction, list[Any]]:
        bound = self._bind(args, kwargs)
        if self._input_signature is not None:
            bound.values = [
                self._whole_tensor(value, spec)
                for value, spec in itertools.zip_longest(bound.values, self._input_signature)
            ][: len(bound.values)]
        leaves = _nest.flatten_with_paths(bound.values, expand_composites=False)
        leaves = [(path, self._canonical(leaf)) for path, leaf in leaves]
        if self._input_signature is not None:
            leaves = self._apply_signature(leaves, args, kwargs)
        # Under a signature, what fits it shares one trace.
        fixed = [] if self._input_signature is None else _nest.flatten(self._input_signature)
        key_leaves = tuple(
            _leaf_key(fixed[i] if i < len(fixed) else leaf) for i, (_, leaf) in enumerate(leaves)
        )
        all_tensors = all(isinstance(leaf, _core.EagerTensor) for _, leaf in leaves)
        graph = _core.current_graph()
        if all_tensors and bound.plain and all(len(path) == 1 for path, _ in leaves):
            key: Any = (graph, key_leaves)
        else:
            key = (graph, tuple(bound.names), tuple(path for path, _ in leaves), key_leaves)
        tensors = [leaf for _, leaf in leaves if isinstance(leaf, _core.Tensor)]
        slices = [leaf for _, leaf in leaves if isinstance(leaf, IndexedSlices)]
        for s in slices:
            tensors.extend([s.values, s.indices])
        with self._lock:
            concrete = self._cache.get(key)
            if concrete is None:
                concrete = self._trace(bound, [leaf for _, leaf in leaves])
                concrete.memory_budget = self._memory_budget
                self._cache[key] = concrete
        return concrete, tensors

    def _whole_tensor(self, value: Any, spec: Any) -> Any:
        """A nested list that the signature takes for one tensor, as that tensor."""
        if isinstance(spec, TensorSpec) and isinstance(value, (list, tuple)):
            return _core.convert(value, spec.dtype)
        return value

    def _canonical(self, leaf: Any) -> Any:
        if isinstance(leaf, (np.ndarray, np.generic)):
            return _core.convert(leaf)
        return leaf

    def _bind(self, args: Any, kwargs: Any) -> BoundCall:
        """Arguments by parameter name, defaults filled in, in the signature's order."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as e:
            raise TypeError(
                f"Binding inputs to tf.function failed due to `{e}`. Received args: {args} and "
                f"kwargs: {kwargs} for signature: {self._signature_text()}."
            ) from None
        bound.apply_defaults()
        return BoundCall.of(self._signature, bound)

    def _signature_text(self) -> str:
        if self._input_signature is None:
            return str(self._signature)
        names = list(self._signature.parameters)
        parts = [
            f"{n}: {TensorSpec(s.shape, s.dtype)!r}" if isinstance(s, TensorSpec) else n
            for n, s in zip(names, self._input_signature, strict=False)
        ]
        return f"({', '.join(parts)})"

    def _apply_signature(self, leaves: Any, args: Any, kwargs: Any) -> Any:
        specs = _nest.flatten(self._input_signature)
        given = list(leaves)
        result = []
        for i, (path, leaf) in enumerate(given):
            if i >= len(specs):
                result.append((path, leaf))
                continue
            spec = specs[i]
            if isinstance(leaf, TensorSpec):
                result.append((path, spec))
                continue
            tensor = leaf
            if not isinstance(leaf, _core.Tensor) and not _is_variable(leaf):
                tensor = _core.convert(leaf, spec.dtype)
            if not spec.accepts(tensor):
                got = TensorSpec(tensor.shape, tensor.dtype)
                want = TensorSpec(spec.shape, spec.dtype)
                raise TypeError(
                    f"Binding inputs to tf.function failed due to `Can not cast {got!r} to "
                    f"{want!r}`. Received args: {args} and kwargs: {kwargs} for signature: "
                    f"{self._signature_text()}."
                )
            result.append((path, tensor))
        return result

    @functools.cached_property
    def _traced_function(self) -> Callable[..., Any]:
        if self._autograph:
            from wengert._autograph import convert

            return convert(self._python_function, self._features)
        from wengert._autograph_context import unconverted

        return unconverted(self._python_function)

    # --- tracing -----------------------------------------------------------------------------
    def _trace(self, bound: Any, leaves: list[Any]) -> ConcreteFunction:
        specs = None if self._input_signature is None else _nest.flatten(self._input_signature)
        self._tracing_count += 1
        first = self._tracing_count == 1
        concrete = trace(self._traced_function, self._name, bound, leaves, specs)
        created = concrete.created_variables
        if not created:
            return concrete
        if not first:
            raise ValueError(_VARIABLES_ONCE)
        # Variables may be made on the first call only: the second trace must not make any.
        self._created_variables = created
        self._tracing_count += 1
        concrete = trace(self._traced_function, self._name, bound, leaves, specs)
        if concrete.created_variables:
            raise ValueError(_VARIABLES_ONCE)
        return concrete

    # --- methods and copies ------------------------------------------------------------------
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        try:
            bound = self._bound.get(instance)
        except TypeError:
            return self._bind_to(instance)
        if bound is None:
            bound = self._bind_to(instance)
            self._bound[instance] = bound
        return bound

    def _bind_to(self, instance: Any) -> Function:
        # Weak, so that the cached bound function does not keep the instance alive.
        reference = weakref.ref(instance)
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

        parameters = list(self._signature.parameters.values())[1:]
        method.__signature__ = self._signature.replace(  # type: ignore[attr-defined]
            parameters=parameters
        )
        return Function(method, *self._settings())

    def _settings(self) -> tuple[Any, ...]:
        return (
            self._name, self._input_signature, self._autograph, self._jit_compile,
            self._reduce_retracing, self._features, self._memory_budget,
        )  # fmt: skip

    def __reduce__(self) -> Any:
        return Function, (self._python_function, *self._settings())

    def __deepcopy__(self, memo: Any) -> Function:
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
            raise TypeError(f"tf.function expects a callable, got {inner!r}")
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
