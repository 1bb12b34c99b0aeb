"""The table of supported ops is what the registry and the tests say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from wengert import _core

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "tools" / "op_support.py"
SCOPE = json.loads((ROOT / "tests" / "data" / "op_scope.json").read_text())

pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="not a checkout")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("op_support", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_says_what_is(tool: ModuleType) -> None:
    # That nothing is missing in it, and where ops are tested, is checked by .ci/run.
    def ops(text: str) -> set[tuple[str, ...]]:
        return {tuple(s.split("|")[1:4]) for s in text.splitlines() if s.startswith("| ")}

    wrong = ops(tool.TABLE.read_text()) - ops(tool.table())
    assert wrong == set(), "run python tools/op_support.py"


def test_scope_is_whole() -> None:
    assert len(SCOPE["tier_a"]) == len(set(SCOPE["tier_a"])) == 216
    listed = [*SCOPE["tier_a"], *SCOPE["older"]]
    listed += [op for family in SCOPE["tier_b"].values() for op in family]
    assert len(listed) == len(set(listed))


def test_supported_dense_ops_have_their_gradient() -> None:
    known = [n for n in SCOPE["tier_a"] if n in _core.op_names()]
    assert [n for n in known if _core.op_info(n)["gradient"] == "LookupError"] == []


def test_dtypes_are_summarised(tool: ModuleType) -> None:
    assert tool.short({"float", "double", "half", "bfloat16", "bool"}) == "floating, bool"
    assert tool.dtypes(_core.op_info("MatMul")).startswith("bfloat16") is False
