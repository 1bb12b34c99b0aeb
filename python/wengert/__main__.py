"""`python -m wengert`: the documented examples and a small training run; `info`, `--cmake-dir`."""

from __future__ import annotations

import argparse
import os
import sys

__all__ = ["main"]


def _info() -> None:
    from wengert import _core

    print(f"wengert {_core.__version__}")
    print(f"python: {sys.version.split()[0]}")
    print(f"instruction set: {_core.current_isa()} (of {', '.join(_core.available_isas())})")
    print(f"threads: {_core.num_threads()}")
    print(f"blas: {_core.blas_description()}")
    print(f"ops: {len(_core.op_names())}")


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="wengert", description="Symbolic gradients: examples, information, paths."
    )
    parser.add_argument(
        "command", nargs="?", default="demo", choices=["demo", "info"],
        help="demo (default): run the examples and train a classifier; info: what this build is",
    )  # fmt: skip
    parser.add_argument(
        "--cmake-dir", action="store_true",
        help="print the directory of the CMake package files and exit",
    )  # fmt: skip
    parser.add_argument(
        "--output", default="wengert-demo.png", help="picture of the loss curve (demo)"
    )
    parser.add_argument("--epochs", type=int, default=60, help="passes over the data (demo)")
    args = parser.parse_args(argv)
    package = os.path.dirname(os.path.abspath(__file__))
    if args.cmake_dir:
        print(os.path.join(package, "lib", "cmake", "wengert"))
        return 0
    if args.command == "info":
        _info()
        return 0
    from wengert import _demo

    return _demo.run(args.output, args.epochs)


if __name__ == "__main__":
    sys.exit(main())
