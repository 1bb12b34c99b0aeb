"""Checks which layer includes which: lower layers must not see higher ones.

Usage: python tools/check_layers.py  (exit status 1 and one line per violation)
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Layer -> layers whose private headers it may include, besides its own and the public ones.
ALLOWED: dict[str, set[str]] = {
    "base": set(),
    "graph": {"base"},
    "kernels": set(),
    "ops": {"base"},
    "autodiff": {"base"},
    "compile": {"base", "kernels"},
    "runtime": {"base", "compile", "kernels"},
    "tape": {"autodiff"},
}
# Public headers a layer may not include.
FORBIDDEN_PUBLIC: dict[str, set[str]] = {
    "base": {"graph", "op_def", "builder", "gradients", "lowering", "executable"},
    "graph": {"lowering", "executable"},
    "kernels": {
        "graph", "op_def", "builder", "gradients", "lowering", "executable", "array", "attr",
    },
    "ops": {"executable"},
    "autodiff": {"lowering", "executable"},
    "compile": {"gradients", "builder"},
    "runtime": {"gradients"},
}  # fmt: skip
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"')


def includes(path: Path) -> list[tuple[int, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            found.append((number, match.group(1)))
    return found


def check_core() -> list[str]:
    problems = []
    for path in sorted((ROOT / "cpp/src").rglob("*")):
        if path.suffix not in (".h", ".cc", ".def"):
            continue
        layer = path.relative_to(ROOT / "cpp/src").parts[0]
        for number, name in includes(path):
            where = f"{path.relative_to(ROOT)}:{number}"
            head, _, rest = name.partition("/")
            if head == "wengert":
                stem = rest.rsplit(".", 1)[0]
                if stem in FORBIDDEN_PUBLIC.get(layer, set()):
                    problems.append(f"{where}: {layer} must not include {name}")
            elif head in ALLOWED and head != layer and head not in ALLOWED[layer]:
                problems.append(f"{where}: {layer} must not include {name}")
    return problems


def check_public() -> list[str]:
    problems = []
    for folder in ("cpp/include", "python/bindings"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            for number, name in includes(path):
                private = "/" in name and not name.startswith("wengert/")
                if private:
                    problems.append(
                        f"{path.relative_to(ROOT)}:{number}: only public headers here, not {name}"
                    )
    return problems


def main() -> int:
    problems = check_core() + check_public()
    for problem in problems:
        print(problem)
    print(f"layers: {len(problems)} violations")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
