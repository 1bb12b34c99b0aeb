"""Joins the C++ core and the Python package; runs once, on import."""

from __future__ import annotations

import os

from wengert import _core, errors
from wengert._dtypes import BY_NUMBER
from wengert._indexed_slices import IndexedSlices
from wengert._operators import convert_hook, install_operators
from wengert._tensor import install_tensor_methods
from wengert._tensor_shape import TensorShape
from wengert._variables import install_variable_operators

_core.install(BY_NUMBER, convert_hook, errors.BY_CODE_NAME, TensorShape, IndexedSlices)
_core.set_package_directory(os.path.dirname(os.path.abspath(__file__)) + os.sep)
install_tensor_methods()
install_operators()
install_variable_operators()
