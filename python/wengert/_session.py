"""`tf.compat.v1.Session`: running parts of a graph, with state of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core, _graph, _nest
from wengert._concrete_function import compile_settings
from wengert._indexed_slices import IndexedSlices

__all__ = ["InteractiveSession", "Session", "get_default_session"]

_MOST_KNOWN = 64  # sets of fetches and feeds that a session runs without checking them again

_local = threading.local()


def _stack() -> list[Session]:
    if not hasattr(_local, "stack"):
        _local.stack = []
    stack: list[Session] = _local.stack
    return stack


def get_default_session() -> Session | None:
    """The innermost session entered on this thread, or None."""
    stack = _stack()
    return stack[-1] if stack else None


class _Fetches:
    """Fetches flattened to tensors and operations, and how to rebuild their structure."""

    def __init__(self, graph: Any, fetches: Any) -> None:
        self.tensors: list[Any] = []
        self.targets: list[Any] = []
        self._positions: dict[int, int] = {}
        self._graph = graph
        self._plan = self._visit(fetches)

    def _tensor(self, tensor: Any) -> int:
        key = id(tensor)
        if key not in self._positions:
            self._positions[key] = len(self.tensors)
            self.tensors.append(tensor)
        return self._positions[key]

    def _visit(self, fetch: Any) -> Callable[[list[Any]], Any]:
        if type(fetch) is _core.SymbolicTensor and fetch.graph is self._graph:
            where_it_is = self._tensor(fetch)
            return lambda values: values[where_it_is]
        if type(fetch) in (list, tuple):
            parts_of = [self._visit(item) for item in fetch]
            return lambda values: type(fetch)([p(values) for p in parts_of])
        if fetch is None:
            raise TypeError('Argument `fetch` = None has invalid type "NoneType". Cannot be None')
        if isinstance(fetch, IndexedSlices):
            parts = [fetch.values, fetch.indices, fetch.dense_shape]
            where = [None if p is None else self._tensor(p) for p in parts]
            return lambda values: IndexedSlicesValue(
                *[None if w is None else values[w] for w in where]
            )
        if _nest.is_nested(fetch):
            leaves = _nest.flatten(fetch)
            plans = [self._visit(leaf) for leaf in leaves]
            return lambda values: _nest.pack_sequence_as(fetch, [p(values) for p in plans])
        try:
            element = self._graph.as_graph_element(fetch)
        except TypeError as e:
            raise TypeError(
                f"Argument `fetch` = {fetch} has invalid type {type(fetch).__name__!r} must be a "
                f"string or Tensor. ({e})"
            ) from None
        except ValueError as e:
            raise ValueError(
                f"Argument `fetch` = {fetch} cannot be interpreted as a Tensor. ({e})"
            ) from None
        except KeyError as e:
            raise ValueError(
                f"Argument `fetch` = {fetch} cannot be interpreted as a Tensor. ({e})"
            ) from None
        if isinstance(element, _core.Operation):
            self.targets.append(element)
            return lambda values: None
        index = self._tensor(element)
        return lambda values: values[index]

    def build(self, values: list[Any]) -> Any:
        return self._plan(values)


class IndexedSlicesValue(tuple[Any, Any, Any]):
    """Fetched IndexedSlices: values, indices, dense_shape as arrays."""

    def __new__(cls, values: Any, indices: Any, dense_shape: Any = None) -> IndexedSlicesValue:
        return super().__new__(cls, (values, indices, dense_shape))

    values = property(lambda self: self[0])
    indices = property(lambda self: self[1])
    dense_shape = property(lambda self: self[2])


class Session:
    """Runs operations of a graph and holds the values of its variables.

    Parameters
    ----------
    target : str
        Accepted and ignored.
    graph : Graph, optional
        Default: the default graph.
    config : object, optional
        Thread counts and `memory_budget` (bytes, see `config.set_memory_budget`) are honoured, the
        rest is accepted.

    Examples
    --------
    >>> import wengert as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.compat.v1.placeholder(tf.float32, [2])
    ...     y = x * 2.0
    ...     with tf.compat.v1.Session() as sess:
    ...         sess.run(y, {x: [1.0, 2.0]}).tolist()
    [2.0, 4.0]
    """

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        if graph is not None and not isinstance(graph, _graph.Graph):
            raise TypeError(f'Argument `graph` must be a tf.Graph, but got "{graph}"')
        self._graph = graph if graph is not None else _graph.get_default_graph()
        self._resources = _core.ResourceManager()
        self._closed = False
        self._cache: dict[Any, tuple[Any, Any, int, Any]] = {}
        self._known: dict[Any, tuple[Any, int, list[Any], list[Any]]] = {}
        self._lock = threading.Lock()
        self._contexts: list[Any] = []
        threads = getattr(config, "intra_op_parallelism_threads", 0) if config is not None else 0
        if threads:
            _core.set_num_threads(int(threads))
        budget = getattr(config, "memory_budget", None)
        self._options: dict[str, Any] | None = dict(compile_settings) or None
        if budget is not None:
            from wengert._memory import budget_options

            self._options = budget_options(budget, self._options)

    @property
    def graph(self) -> Any:
        return self._graph

    @property
    def sess_str(self) -> str:
        return ""

    # --- running -----------------------------------------------------------------------------
    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Computes `fetches` (tensors, operations, names, nested structures of them).

        Parameters
        ----------
        feed_dict : dict, optional
            Tensor (or variable, or name) -> value. Any tensor can be fed.

        Raises
        ------
        RuntimeError
            When the session is closed or the graph is empty.
        TypeError, ValueError, errors.OpError
        """
        self._check_open()
        # The same fetches and feeds as before, on arrays like those before: no more to check.
        several = type(fetches) is list
        feeds = feed_dict if type(feed_dict) is dict else {}
        key = (tuple(map(id, fetches)) if several else id(fetches), *map(id, feeds))
        known = self._known.get(key)
        if known is not None and known[1] == self._graph.version:
            results = known[0].known(*feeds.values())
            if results is not NotImplemented:
                return results if several else results[0]
        tensors, values = self._feeds(feed_dict)
        wanted = fetches if several else [fetches]
        executable, plan = self._prepared(fetches, wanted, tensors)
        if plan is not None:
            return plan.build(executable.run(values))
        if len(feeds) != len(feed_dict or ()):
            results = executable.run(values)
            return results if several else results[0]
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        compiled = _core.CompiledFunction(executable, self._resources)
        # The objects are kept, so that their ids stay theirs.
        self._known[key] = (compiled, self._graph.version, list(wanted), list(feeds))
        results = compiled(*values)
        return results if several else results[0]

    def make_callable(
        self, fetches: Any, feed_list: Any = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        """A function of the values of `feed_list` that returns `fetches`: the fastest way to run
        the same thing many times."""
        self._check_open()
        if feed_list is not None and not isinstance(feed_list, (list, tuple)):
            raise TypeError("Argument `feed_list` must be a list or tuple.")
        tensors = [self._feed_tensor(f)[0] for f in feed_list] if feed_list else []
        several = type(fetches) is list
        executable, plan = self._prepared(fetches, fetches if several else [fetches], tensors)
        if plan is not None:
            return _core.CompiledFunction(executable, self._resources, False, plan.build)
        return _core.CompiledFunction(executable, self._resources, not several)

    def partial_run_setup(self, fetches: Any, feeds: Any = None) -> Any:
        raise NotImplementedError(
            "partial runs are not supported; use run with all feeds, or make_callable"
        )

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        if self._graph.num_operations == 0:
            raise RuntimeError(
                "The Session graph is empty. Add operations to the graph before calling run()."
            )

    def _feed_tensor(self, key: Any) -> tuple[Any, Any]:
        """(tensor to cut at, dtype of its value)."""
        try:
            tensor = self._graph.as_graph_element(key, allow_operation=False)
        except Exception as e:
            raise TypeError(f"Cannot interpret feed_dict key as Tensor: {e.args[0]}") from None
        return tensor, tensor.dtype

    def _feeds(self, feed_dict: Any) -> tuple[list[Any], list[Any]]:
        tensors: list[Any] = []
        values: list[Any] = []
        for key, value in (feed_dict or {}).items():
            if getattr(key, "_is_variable", False) and key.graph is self._graph:
                # Behind the handle stands another variable, so that every reader sees the value.
                tensors.append(key.handle)
                values.append(self._stand_in(key, value))
                continue
            if isinstance(key, (IndexedSlices, tuple)):
                parts = (
                    [key.values, key.indices, key.dense_shape]
                    if isinstance(key, IndexedSlices)
                    else list(key)
                )
                pairs = [(p, v) for p, v in zip(parts, value, strict=False) if p is not None]
            else:
                pairs = [(key, value)]
            for part, v in pairs:
                tensor, dtype = self._feed_tensor(part)
                tensors.append(tensor)
                values.append(self._feed_value(tensor, dtype, v))
        return tensors, values

    def _stand_in(self, variable: Any, value: Any) -> Any:
        """Handle of a variable that holds the value fed for another."""
        snapshot = variable._snapshot
        array = self._feed_value(snapshot, variable.dtype, value)
        handle = _core.make_variable(variable.dtype, variable.shape, variable._shared_name)
        _core.assign_variable(handle, _core.EagerTensor(array, variable.dtype))
        return handle

    def _feed_value(self, tensor: Any, dtype: Any, value: Any) -> Any:
        if isinstance(value, _core.SymbolicTensor):
            raise TypeError(
                "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include "
                "Python scalars, strings, lists, numpy ndarrays, or TensorHandles. For reference, "
                f"the tensor object was {value} which was passed to the argument `feed_dict` with "
                f"key {tensor}."
            )
        if dtype.kind == "O":
            array: Any = _core.to_numpy(value, dtype)
        else:
            wanted = dtype._storage_numpy_dtype
            if isinstance(value, int) and dtype.is_integer and wanted.type(value) != value:
                raise TypeError(
                    f"Type of feed value {value} with type {type(value)} is not compatible with "
                    f"Tensor type {wanted.type}. Try explicitly setting the type of the feed "
                    "tensor to a larger type (e.g. int64)."
                )
            array = np.asarray(value, dtype=wanted)
        if not tensor.shape.is_compatible_with(array.shape):
            raise ValueError(
                f"Cannot feed value of shape {array.shape} for Tensor {tensor.name}, which has "
                f"shape {tensor.shape}"
            )
        if not self._graph.is_feedable(tensor):
            raise ValueError(f"Tensor {tensor.name} may not be fed.")
        return array

    def _prepared(
        self, fetches: Any, wanted: list[Any], feeds: list[Any]
    ) -> tuple[Any, _Fetches | None]:
        """Executable and fetch plan, kept per set of fetches and feeds. No plan where `wanted`, a
        list of the fetches, is a list of different tensors."""
        graph = self._graph
        plain = _core.distinct_tensors(graph, wanted)
        leaves = fetches if type(fetches) is tuple else wanted
        key: Any = None
        if plain or all(type(x) in _ELEMENTS for x in leaves):
            key = (type(fetches), *map(id, leaves), None, *map(id, feeds))
        version = graph.version
        with self._lock:
            found = self._cache.get(key) if key is not None else None
            if found is None or found[2] != version:
                plan = None if plain else _Fetches(graph, fetches)
                tensors, targets = (wanted, []) if plan is None else (plan.tensors, plan.targets)
                executable = _core.Executable(
                    graph, feeds, tensors, targets, self._resources, self._options
                )
                # The objects are kept, so that their ids stay theirs.
                found = (executable, plan, version, (*leaves, *feeds))
                if key is not None:
                    self._cache[key] = found
        return found[0], found[1]

    # --- life --------------------------------------------------------------------------------
    def close(self) -> None:
        self._closed = True
        self._cache.clear()
        self._known.clear()
        self._resources.close()

    def __enter__(self) -> Session:
        self._check_enter()
        _core.push_graph(self._graph)
        _stack().append(self)
        return self

    def _check_enter(self) -> None:
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")

    def __exit__(self, *exc: Any) -> None:
        stack = _stack()
        if stack and stack[-1] is self:
            stack.pop()
            _core.pop_graph()
        self.close()

    def as_default(self) -> Any:
        """Makes this the session of Tensor.eval and Operation.run inside the block."""
        return _DefaultSession(self)

    def list_devices(self) -> list[Any]:
        return []


_ELEMENTS = (_core.SymbolicTensor, _core.Operation)


class _DefaultSession:
    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Session:
        _core.push_graph(self._session.graph)
        _stack().append(self._session)
        return self._session

    def __exit__(self, *exc: Any) -> None:
        _stack().pop()
        _core.pop_graph()


class InteractiveSession(Session):
    """A session that is the default one from its creation until closed."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        if graph is not None:
            _core.push_graph(graph)
        self._entered_graph = graph is not None
        _stack().append(self)

    def close(self) -> None:
        if self in _stack():
            _stack().remove(self)
            if self._entered_graph:
                _core.pop_graph()
        super().close()


def _session_for(graph: Any, session: Any) -> Session:
    session = session or get_default_session()
    if session is None:
        raise ValueError(
            "Cannot evaluate tensor using `eval()`: No default session is registered. Use `with "
            "sess.as_default()` or pass an explicit session to `eval(session=sess)`"
        )
    if session.graph is not graph:
        raise ValueError(
            "Cannot use the default session to evaluate tensor: the tensor's graph is different "
            "from the session's graph. Pass an explicit session to `eval(session=sess)`."
        )
    checked: Session = session
    return checked


def eval_tensor(tensor: Any, feed_dict: Any, session: Any) -> Any:
    return _session_for(tensor.graph, session).run(tensor, feed_dict)


def run_operation(op: Any, feed_dict: Any, session: Any) -> None:
    _session_for(op.graph, session).run(op, feed_dict)
