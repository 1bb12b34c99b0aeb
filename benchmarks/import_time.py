"""Time that `import wengert` adds to `import numpy`, in milliseconds.

python benchmarks/import_time.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

CODE = """
import time
import numpy
start = time.perf_counter()
import wengert
print(time.perf_counter() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    times = []
    for _ in range(rounds):
        done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True)
        times.append(float(done.stdout) * 1e3)
    print(f"median {statistics.median(times):.1f} ms, min {min(times):.1f} ms")


if __name__ == "__main__":
    main()
