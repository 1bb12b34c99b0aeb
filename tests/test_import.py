"""What importing costs, and what the package says about itself."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import wengert as tf

HEAVY = ("scipy", "sklearn", "matplotlib", "pandas", "tensorflow", "torch", "jax", "sympy")
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(tf.__path__, "wengert.")
    if not module.name.endswith(("__main__", "_core"))
)


def child(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_import_loads_nothing_heavy() -> None:
    loaded = child("import sys, wengert; print(*sys.modules)").split()
    assert sorted(set(loaded) & set(HEAVY)) == []


def test_import_prints_nothing() -> None:
    assert child("import wengert") == ""


def test_import_is_quick() -> None:
    program = (
        "import numpy, time; start = time.process_time(); import wengert; "
        "print(time.process_time() - start)"
    )
    assert min(float(child(program)) for _ in range(3)) < 0.25


def test_import_leaves_floating_point_alone() -> None:
    program = (
        "import wengert as tf, numpy as np; tf.exp(tf.constant([1.0])); "
        "print(np.float32(1e-40) * np.float32(0.5) > 0, np.nextafter(0.0, 1.0) > 0)"
    )
    assert child(program).split() == ["True", "True"]


@pytest.mark.parametrize("name", ["wengert", *MODULES])
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testmod(module, optionflags=flags)
    assert failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = sum(
        bool(test.examples)
        for name in ["wengert", *MODULES]
        for test in finder.find(importlib.import_module(name))
    )
    assert found >= 10


def public(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__.startswith("wengert")
    ]


@pytest.mark.parametrize(
    "module", [tf, tf.math, tf.nn, tf.linalg, tf.compat.v1], ids=lambda m: m.__name__
)
def test_everything_public_has_a_docstring(module: ModuleType) -> None:
    names = public(module)
    assert [n for n in names if not (inspect.getdoc(getattr(module, n)) or "").strip()] == []


def test_every_module_has_a_docstring() -> None:
    assert [n for n in MODULES if not importlib.import_module(n).__doc__] == []


def test_every_raw_op_has_a_signature() -> None:
    signature = inspect.signature(tf.raw_ops.MatMul)
    assert list(signature.parameters)[:2] == ["a", "b"]
    assert signature.parameters["transpose_a"].default is False
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in signature.parameters.values())


def test_version() -> None:
    assert tf.__version__ == tf._core.__version__
    assert tf.__version__.count(".") >= 2
