"""Writes docs/ops.md, the table of supported ops, from the registry and the rows of the tests.

Usage: python tools/op_support.py [--check]

With ``--check`` nothing is written; the exit status is 1 when the file is stale. The package
must be importable.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "ops.md"
SCOPE = ROOT / "tests" / "data" / "op_scope.json"

# Names that stand for several dtypes, largest first.
GROUPS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (name, frozenset(members.split()))
    for name, members in (
        (
            "number",
            "bfloat16 half float double int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
            "complex64 complex128",
        ),
        (
            "real",
            "bfloat16 half float double int8 int16 int32 int64 uint8 uint16 uint32 uint64",
        ),
        ("integer", "int8 int16 int32 int64 uint8 uint16 uint32 uint64"),
        ("floating", "bfloat16 half float double"),
        ("complex", "complex64 complex128"),
    )
)
GRADIENTS = {"yes": "yes", "none": "none, by design", "LookupError": "LookupError"}


def short(allowed: set[str]) -> str:
    """Dtypes with groups of them under one name."""
    left, parts = set(allowed), []
    for name, members in GROUPS:
        if members <= left:
            parts.append(name)
            left -= members
    return ", ".join([*parts, *sorted(left)])


def dtypes(info: dict[str, Any]) -> str:
    """What the elements of the first input (or else output) may be."""
    attrs = {name: allowed for name, _, _, allowed in info["attrs"]}
    shapes = ("shape", "seed", "dims", "concat_dim", "split_dim", "axis")
    args = [a for a in info["inputs"] if a[0] not in shapes] or info["outputs"]
    kinds = [spec.split("* ")[-1] for _, spec in args]
    if not kinds:
        return ""
    if kinds[0] in attrs:
        return short(set(attrs[kinds[0]])) if attrs[kinds[0]] else "any"
    return str(kinds[0])


def rows() -> dict[str, tuple[str, Any]]:
    """Op type -> (file of its row, the row)."""
    import importlib

    sys.path.insert(0, str(ROOT / "tests"))
    found: dict[str, tuple[str, Any]] = {}
    for path in sorted((ROOT / "tests" / "samples").glob("*.py")):
        module = importlib.import_module(f"samples.{path.stem}")
        for name, sample in module.SAMPLES.items():
            found[name] = (f"samples/{path.name}", sample)
    return found


def mentioned(names: list[str]) -> dict[str, str]:
    """Op type -> first test file that speaks of it."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        if path.name == "test_completeness.py":
            continue
        text = path.read_text(encoding="utf-8")
        for name in names:
            if name not in found and (f'"{name}"' in text or f"raw_ops.{name}" in text):
                found[name] = path.name
    return found


def line(name: str, info: dict[str, Any], row: tuple[str, Any] | None, elsewhere: str) -> str:
    """One row of the table."""
    gradient = GRADIENTS[info["gradient"]]
    second = ""
    where = elsewhere
    if row is not None:
        where, sample = row
        differentiated = info["gradient"] == "yes" and sample.wrt and not sample.lookup_error
        if differentiated and sample.second and not sample.zero_gradient:
            second = "tested"
    return f"| {name} | {dtypes(info)} | {gradient} | {second} | {where} |"


def table() -> str:
    """The whole document."""
    from wengert import _core

    names = _core.op_names()
    samples = rows()
    files = mentioned([n for n in names if n not in samples])
    scope = json.loads(SCOPE.read_text(encoding="utf-8"))
    known = set(names)
    covered = [n for n in scope["tier_a"] if n in known]
    missing = [n for n in scope["tier_a"] if n not in known]
    families = [
        f"{family}: {sum(op in known for op in ops)} of {len(ops)}"
        for family, ops in scope["tier_b"].items()
    ]
    head = [
        "# Supported ops",
        "",
        "Written by `tools/op_support.py` from the registry and the tests; do not edit.",
        "",
        f"{len(names)} op types. Of the {len(scope['tier_a'])} dense ops that TensorFlow "
        f"differentiates, {len(covered)} are supported.",
    ]
    if missing:
        head += ["", "Not yet: " + ", ".join(missing) + "."]
    head += ["", "Of further families: " + "; ".join(families) + "."]
    head += [
        "",
        "Dtypes are those of the elements. Gradient: `none, by design` where nothing flows "
        "(indices, comparisons), `LookupError` where TensorFlow has no gradient either. Second "
        "order: the second derivative is compared with numeric differences in the tests. Tested "
        "in: the file of the row in `tests/`, or the first test file that names the op.",
        "",
        "| op | dtypes | gradient | second order | tested in |",
        "|---|---|---|---|---|",
    ]
    body = [line(n, _core.op_info(n), samples.get(n), files.get(n, "conformance")) for n in names]
    return "\n".join([*head, *body]) + "\n"


def main(arguments: list[str]) -> int:
    text = table()
    if "--check" in arguments:
        if TABLE.exists() and TABLE.read_text(encoding="utf-8") == text:
            return 0
        print("docs/ops.md is stale: run python tools/op_support.py", file=sys.stderr)
        return 1
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
