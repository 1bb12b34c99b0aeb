"""Arguments of a `tf.function` against the signatures that it has."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert import _core, _nest
from wengert._tensor_spec import TensorSpec
from wengert._tracing import BoundCall

__all__ = ["Binder"]


def _checked(signature: Any) -> tuple[Any, ...]:
    if not isinstance(signature, (list, tuple)):
        raise TypeError(f"input_signature must be either a tuple or a list, got {type(signature)}.")
    wrong = [s for s in _nest.flatten(signature) if not isinstance(s, TensorSpec)]
    if wrong:
        raise TypeError(
            "input_signature must be a possibly nested sequence of TensorSpec objects, got invalid "
            f"args {wrong} with types {[type(s) for s in wrong]}."
        )
    return tuple(signature)


class Binder:
    """Turns the arguments of calls into leaves, as the Python signature and the input signature
    (None: there is none) have them."""

    def __init__(self, function: Callable[..., Any], input_signature: Any) -> None:
        self._function = function
        self.specs = None if input_signature is None else _checked(input_signature)
        self.flat_specs = [] if self.specs is None else _nest.flatten(self.specs)
        if self.specs is not None and not self._is_method:
            self._check_count()

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self._function)

    @property
    def _is_method(self) -> bool:
        """Of a class: the signature is without its first parameter."""
        return next(iter(self.signature.parameters), None) == "self"

    def _check_count(self) -> None:
        specs = self.specs or ()
        kind = inspect.Parameter
        named = [
            p
            for p in self.signature.parameters.values()
            if p.kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD)
        ]
        open_ended = any(p.kind is kind.VAR_POSITIONAL for p in self.signature.parameters.values())
        if len(specs) > len(named) and not open_ended:
            raise TypeError(
                f"input_signature contains {len(specs) - len(named)} extra type constraints."
            )
        for p in named[len(specs) :]:
            if p.default is kind.empty:
                raise TypeError(f"input_signature missing type constraint for {p.name}")

    def bind(self, args: Any, kwargs: Any) -> tuple[BoundCall, list[Any]]:
        """The call with defaults filled in, and its (path, leaf) pairs, arrays as tensors.

        Raises
        ------
        TypeError
            In TensorFlow's words, when the arguments do not fit.
        """
        try:
            bound = self.signature.bind(*args, **kwargs)
            bound.apply_defaults()
            call = BoundCall.of(self.signature, bound)
            if self.specs is None:
                pairs = _nest.flatten_with_paths(call.values, expand_composites=False)
                return call, [(path, _canonical(leaf)) for path, leaf in pairs]
            return call, self._fit(call)
        except TypeError as e:
            reason = str(e)
        except ValueError as e:
            if self.specs is None:
                raise
            reason = str(e)
        raise TypeError(
            f"Binding inputs to tf.function failed due to `{reason}`. Received args: {args} and "
            f"kwargs: {kwargs} for signature: {self._text()}."
        )

    def _fit(self, call: BoundCall) -> list[Any]:
        """Leaves as the input signature wants them."""
        specs = self.specs or ()
        for name, kind in zip(call.names, call.kinds, strict=True):
            if kind is inspect.Parameter.VAR_KEYWORD:
                raise TypeError(f"got an unexpected keyword argument {name!r}")
        rest = call.names[len(specs) :]
        for name, value in zip(rest, call.values[len(specs) :], strict=True):
            default = self.signature.parameters[name].default
            if value is not default and value != default:
                raise TypeError(f"Can not cast {value!r} to Literal[{default!r}]")
        call.values = [
            _whole_tensor(value, spec) for value, spec in itertools.zip_longest(call.values, specs)
        ][: len(call.values)]
        for value, spec in zip(call.values, specs, strict=False):
            _nest.assert_same_structure(spec, value)
        result = []
        pairs = _nest.flatten_with_paths(call.values, expand_composites=False)
        for (path, leaf), spec in itertools.zip_longest(pairs, self.flat_specs):
            if spec is None:
                result.append((path, _canonical(leaf)))
            elif isinstance(leaf, TensorSpec):
                _accept(spec, leaf)
                result.append((path, spec))
            else:
                is_variable = getattr(leaf, "_is_variable", False)
                keep = is_variable or isinstance(leaf, _core.Tensor)
                tensor = leaf if keep else _core.convert(leaf, spec.dtype)
                _accept(spec, tensor)
                result.append((path, tensor))
        return result

    def _text(self) -> str:
        if self.specs is None:
            own = self.signature
            bare = [_bare(p) for p in own.parameters.values()]
            return str(own.replace(parameters=bare, return_annotation=own.empty))
        from wengert._function_text import type_text

        parts = []
        for i, p in enumerate(self.signature.parameters.values()):
            if p.kind is p.VAR_KEYWORD:
                continue  # it takes nothing
            text = f"*{p.name}" if p.kind is p.VAR_POSITIONAL else p.name
            if i < len(self.specs):
                text += f": {type_text(self.specs[i])}"
            elif p.default is not p.empty:
                text += f": Literal[{p.default!r}]"
            if p.default is not p.empty:
                text += " = <captured_default_value>"
            parts.append(text)
        return f"({', '.join(parts)})"


class _Default:
    """Stands for a default value in texts of signatures."""

    def __repr__(self) -> str:
        return "<captured_default_value>"


def _bare(p: inspect.Parameter) -> inspect.Parameter:
    default = p.default if p.default is p.empty else _Default()
    return p.replace(annotation=p.empty, default=default)


def _accept(spec: TensorSpec, given: Any) -> None:
    if not spec.accepts(given):
        raise TypeError(
            f"Can not cast {TensorSpec(given.shape, given.dtype)!r} to "
            f"{TensorSpec(spec.shape, spec.dtype)!r}"
        )


def _whole_tensor(value: Any, spec: Any) -> Any:
    """A nested list that the signature takes for one tensor, as that tensor."""
    if isinstance(spec, TensorSpec) and isinstance(value, (list, tuple)):
        return _core.convert(value, spec.dtype)
    return value


def _canonical(leaf: Any) -> Any:
    return _core.convert(leaf) if isinstance(leaf, (np.ndarray, np.generic)) else leaf
