"""AutoGraph: which functions are converted, and what a converted function calls.

A function without control flow and without calls of the user's functions runs as it is. One that
only calls such functions has its calls looked up (`_autograph_load`). Only one with control flow
goes through the source transformer of `malt`, in `_autograph_transform`.
"""

from __future__ import annotations

import builtins
import functools
import os
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from wengert import _core
from wengert._autograph_context import Converting
from wengert._autograph_source import SourceError, find_definition, needs

__all__ = [
    "Conversion",
    "conversion",
    "convert",
    "is_symbolic",
    "owner_of",
]

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STANDARD_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
# Packages that know nothing of tensors in graphs.
_LIBRARIES = frozenset(
    ("wengert", "malt", "numpy", "scipy", "pandas", "matplotlib", "PIL", "_pytest", "pytest")
)
_NEVER = 0x20 | 0x80 | 0x100 | 0x200  # generators and coroutines: flags of their code


def is_symbolic(x: Any) -> bool:
    """Whether control flow on `x` belongs into the graph that is being built."""
    if isinstance(x, _core.SymbolicTensor):
        return True
    if isinstance(x, _core.Tensor) or getattr(x, "_is_variable", False):
        return _core.current_graph() is not None
    return False


class ByCode:
    """Values by code object; equal code from different places is kept apart."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[Any, Any]] = {}

    def get(self, code: types.CodeType, default: Any = None) -> Any:
        entry = self._entries.get(id(code))
        return default if entry is None else entry[1]

    def set(self, code: types.CodeType, value: Any) -> None:
        key = id(code)
        self._entries[key] = (weakref.ref(code, lambda _: self._entries.pop(key, None)), value)


# The code that AutoGraph has read or written -> (code of the user's function around, its name).
_handled = ByCode()
_written = ByCode()


def owner_of(code: types.CodeType) -> tuple[types.CodeType, str, bool] | None:
    """The user's function to which the code belongs, where AutoGraph handled it.

    Its code and name, and whether AutoGraph wrote the code. Else it runs as the user wrote it,
    in converted functions and in others.
    """
    found = _handled.get(code)
    return None if found is None else (*found, _written.get(code, False))


def register(code: types.CodeType, name: str, written: bool, owner: Any = None) -> None:
    """Notes the code of a function and the code inside.

    A function inside by the same name is no function of the user; it belongs to the one around,
    as lambdas and comprehensions do.
    """
    owner = code if owner is None else owner
    _handled.set(code, (owner, name))
    if written:
        _written.set(code, True)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            inside = inner.co_name.startswith("<") or (written and inner.co_name == name)
            register(inner, name if inside else inner.co_name, written, owner if inside else None)


_missing = object()


class Conversion:
    """Converts functions under one set of options; each function once."""

    verbosity = 0  # of all: `tf.autograph.set_verbosity`
    prints = False

    def __init__(self, features: frozenset[str], recursive: bool = True) -> None:
        self.features = features
        self.recursive = recursive
        self._plans = ByCode()
        self._lock = threading.RLock()

    @functools.cached_property
    def namespace(self) -> types.SimpleNamespace:
        """What generated code knows as `ag__`."""
        from wengert import _autograph_namespace

        return _autograph_namespace.make(self)

    def call(self, f: Any) -> Any:
        """What runs in the place of `f`, when converted code calls it."""
        kind = type(f)
        if kind is types.FunctionType:
            return self._function(f) if self.recursive else f
        if kind is types.MethodType:
            inner = f.__func__
            converted = self.call(inner) if type(inner) is types.FunctionType else inner
            return f if converted is inner else types.MethodType(converted, f.__self__)
        if kind is types.BuiltinFunctionType or isinstance(f, type):
            return _builtins(self).get(f, f) if f in _OVERLOADED else f
        if kind is functools.partial:
            inner = self.call(f.func)
            return f if inner is f.func else functools.partial(inner, *f.args, **f.keywords)
        inner = kind.__call__
        converted = self.call(inner) if type(inner) is types.FunctionType else inner
        return f if converted is inner else types.MethodType(converted, f)

    def convert(self, f: Any) -> Any:
        """As `call`, whether or not conversion goes on in what the function calls."""
        if type(f) is types.FunctionType:
            return self._function(f)
        inner = getattr(f, "__func__", None)
        if type(inner) is types.FunctionType:
            return types.MethodType(self._function(inner), f.__self__)
        return self.call(f)

    def _function(self, f: types.FunctionType) -> Any:
        code = f.__code__
        plan = self._plans.get(code, _missing)
        if plan is _missing:
            with self._lock:
                plan = self._plans.get(code, _missing)
                if plan is _missing:
                    plan = self._plan(f)
                    self._plans.set(code, plan)
        return f if plan is None else plan(f)

    def _plan(self, f: types.FunctionType) -> Callable[[Any], Any] | None:
        """Makes converted functions from functions with this code; None: they run as they are."""
        code = f.__code__
        if _written.get(code) or code.co_flags & _NEVER or is_library(f):
            return None
        try:
            definition = find_definition(code)
            need = needs(definition, f, self.features)
            self._tell(f, need)
            if need is None:
                if _handled.get(code) is None:
                    register(code, code.co_name, written=False)
                return None
            if need == "calls":
                from wengert._autograph_load import with_calls

                return with_calls(definition, f, self.namespace)
            from wengert._autograph_transform import transform

            return transform(definition, f, self)
        except SourceError as e:
            if not e.unknown or (code.co_filename != "<string>" and _has_branches(code)):
                _warn(f, e)
        except Exception as e:  # what the transformer does not know runs as it is
            _warn(f, e)
        return None

    def _tell(self, f: Any, need: str | None) -> None:
        if self.verbosity > 0:
            what = {None: "runs as it is", "calls": "has its calls converted"}
            text = f"AutoGraph: {f!r} {what.get(need, 'is converted')}"
            print(text, file=sys.stderr)
            if self.prints:
                print(text)


def _warn(f: Any, cause: Exception) -> None:
    depth, frame = 2, sys._getframe(1)
    # Not functools.py either, which lies between.
    while frame.f_back is not None and _is_ours(frame.f_code.co_filename):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(
        f"AutoGraph could not transform {f!r} and will run it as-is.\nCause: {cause}\nTo silence "
        "this warning, decorate the function with @tf.autograph.experimental.do_not_convert",
        RuntimeWarning,
        stacklevel=depth,
    )


def _has_branches(code: types.CodeType) -> bool:
    import dis

    names = [i.opname for i in dis.get_instructions(code)]
    return any("JUMP" in n and "_IF" in n for n in names) or "FOR_ITER" in names


def _is_ours(filename: str) -> bool:
    """Whether a file is one of this package, or of the standard library."""
    if filename.startswith(("<frozen", _HERE)):
        return True
    return filename.startswith(_STANDARD_LIBRARY) and "-packages" not in filename


def is_library(f: types.FunctionType) -> bool:
    """Whether a function is none of the user's."""
    if _is_ours(f.__code__.co_filename):
        return True
    # By its file, not by its module, ours: examples in its documentation are the user's.
    root = (f.__globals__.get("__name__") or "").partition(".")[0]
    return root in _LIBRARIES and root != "wengert"


_OVERLOADED = frozenset(
    (abs, builtins.all, any, float, int, len, print, range, sorted, map, filter, zip, enumerate)
)


@functools.cache
def _builtins(conversion: Conversion) -> dict[Any, Any]:
    from wengert._autograph_builtins import overloads

    return overloads("BUILTIN_FUNCTIONS" in conversion.features)


@functools.cache
def conversion(features: frozenset[str] = frozenset(), recursive: bool = True) -> Conversion:
    """The conversion under the given options; names of `Feature`s, all of them for "ALL"."""
    return Conversion(features, recursive)


def convert(function: Callable[..., Any], features: frozenset[str]) -> Callable[..., Any]:
    """The function that `tf.function` traces: converted, its errors with the user's lines."""
    how = conversion(features)
    converted = how.convert(function)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with Converting(how):
                return converted(*args, **kwargs)
        except Exception as e:
            from wengert._autograph_errors import in_user_code

            error = in_user_code(e)
        raise error

    return run
