"""The C++ program of examples/embed, built by CMake against the installed package and run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import wengert

EXAMPLE = Path(__file__).parent.parent / "examples" / "embed"
INSTALLED = (Path(wengert.__file__).parent / "lib" / "cmake" / "wengert").is_dir()


def tool(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found is not None, f"{name} comes with the test extra"
    return found


@pytest.mark.skipif(not INSTALLED, reason="needs the installed package, not a source tree")
def test_embed(tmp_path: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-m", "wengert", "--cmake-dir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    configure = [
        tool("cmake"), "-S", str(EXAMPLE), "-B", str(tmp_path), "-G", "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", f"-DCMAKE_PREFIX_PATH={where}",
    ]  # fmt: skip
    for command in (configure, [tool("cmake"), "--build", str(tmp_path)], [tmp_path / "embed"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "gradients/MatMul_grad/MatMul_1:0" in done.stdout
