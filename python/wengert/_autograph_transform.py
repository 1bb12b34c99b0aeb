"""The source transformer of AutoGraph, with Wengert's meaning of the statements."""

from __future__ import annotations

import importlib.util  # noqa: F401  (malt uses it without importing it)
import types
from typing import Any

from malt import operators
from malt.core import converter
from malt.impl import api

from wengert import _autograph_operators as meaning

__all__ = ["transform"]


class _Transpiler(api.PyToPy):  # type: ignore[misc]
    _extra_locals: dict[str, Any] | None

    def get_extra_locals(self) -> dict[str, Any]:
        if self._extra_locals is None:
            ag = types.ModuleType("ag__")
            ag.__dict__.update(operators.__dict__)
            ag.__dict__.update({n: getattr(meaning, n) for n in meaning.__all__})
            ag.__dict__.update(
                ConversionOptions=converter.ConversionOptions,
                STD=converter.STANDARD_OPTIONS,
                Feature=converter.Feature,
                autograph_artifact=api.autograph_artifact,
            )
            self._extra_locals = {"ag__": ag}
        return dict(self._extra_locals)


_TRANSPILER = _Transpiler()


def transform(fn: types.FunctionType) -> Any:
    options = converter.ConversionOptions(recursive=True, user_requested=True, optional_features=())
    converted, module, source_map = _TRANSPILER.transform(
        fn, converter.ProgramContext(options=options)
    )
    converted.ag_module = module
    converted.ag_source_map = source_map
    return converted
