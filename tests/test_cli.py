"""The command line: `python -m wengert`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*args: str) -> str:
    # Warnings stay warnings in the child: it is a program of its own.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-m", "wengert", *args],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return done.stdout


def test_info() -> None:
    text = run("info")
    for part in ("wengert ", "instruction set: ", "threads: ", "blas: "):
        assert part in text


def documented(lines: list[str]) -> None:
    """Check the two examples of TensorFlow's documentation."""
    assert lines[0] == "res:  [<tf.Tensor 'gradients/AddN:0' shape=(1, 2) dtype=float32>]"
    assert lines[2] == (
        "res:  [<tf.Tensor 'gradients/mul_grad/Mul_1:0' shape=(1, 2) dtype=float32>]"
    )


def test_documented_examples(tmp_path: Path) -> None:
    documented(run("--epochs", "2", "--output", str(tmp_path / "loss.png")).splitlines())


def test_cmake_dir() -> None:
    assert run("--cmake-dir").strip().endswith(os.path.join("lib", "cmake", "wengert"))


@pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None or importlib.util.find_spec("matplotlib") is None,
    reason="the demo needs the extra `demo`",
)
def test_demo(tmp_path: Path) -> None:
    picture = tmp_path / "loss.png"
    lines = run("--epochs", "3", "--output", str(picture)).splitlines()
    documented(lines)
    accuracy = float(lines[-2].rsplit(" ", 1)[1].rstrip("%"))
    assert accuracy > 85
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
