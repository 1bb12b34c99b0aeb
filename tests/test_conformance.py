"""The recorded behaviour of TensorFlow 2.21: what is reached never goes down.

``python tests/test_conformance.py --update`` raises the floors to what holds now.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
RUNNER = HERE / "conformance" / "run.py"
FLOOR = HERE / "conformance_floor.json"
LEVELS = ("value", "repr", "graph")
TOPICS = sorted(p.stem for p in (HERE / "conformance" / "cases").glob("[!_]*.py"))
COMPLETE = (
    "seed",
    "options",
    "naming",
    "unary",
    "binary",
    "select",
    "reductions",
    "matmul",
    "function_mode",
    "shape_ops",
    "indexing",
    "nn",
    "linalg",
    "cut",
    "dtypes",
    "higher_order",
    "control_flow",
    "tape",
    "autograph",
    "variables",
)


def results(topic: str, directory: Path) -> list[dict[str, Any]]:
    """Run one topic in a process of its own."""
    path = directory / f"{topic}.json"
    command = [sys.executable, str(RUNNER), "--quiet", "--only", topic, "--json", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=directory, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "module import failed" not in done.stdout, done.stdout
    rows: list[dict[str, Any]] = json.loads(path.read_text())["results"]
    return rows


def reached(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Count the cases that hold at each level."""
    count: Counter[str] = Counter()
    for row in rows:
        count.update(level for level in LEVELS if row["levels"][level])
    return {level: count[level] for level in LEVELS}


@pytest.mark.parametrize("topic", TOPICS)
def test_topic(topic: str, tmp_path: Path) -> None:
    rows = results(topic, tmp_path)
    assert rows
    floor = json.loads(FLOOR.read_text()).get(topic, {})
    got = reached(rows)
    failing = [
        f"{row['case']}: {row['why']}"
        for row in rows
        if any(row["levels"][level] is False for level in LEVELS)
    ]
    for level in LEVELS:
        assert got[level] >= floor.get(level, 0), f"{level} went down; failing: {failing}"
    if topic in COMPLETE:
        assert failing == []


def test_floor_names_every_topic() -> None:
    assert sorted(json.loads(FLOOR.read_text())) == TOPICS


def update() -> None:
    """Raise the floors to what holds now; none goes down."""
    floor = json.loads(FLOOR.read_text()) if FLOOR.exists() else {}
    with tempfile.TemporaryDirectory() as directory:
        for topic in TOPICS:
            got = reached(results(topic, Path(directory)))
            old = floor.get(topic, {})
            floor[topic] = {level: max(got[level], old.get(level, 0)) for level in LEVELS}
    lines = ",\n".join(f" {json.dumps(k)}: {json.dumps(floor[k])}" for k in sorted(floor))
    FLOOR.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    if sys.argv[1:] != ["--update"]:
        sys.exit("usage: python tests/test_conformance.py --update")
    update()
