"""Measures what this machine can do, with NumPy alone: the bounds that workloads.py compares with.

    python benchmarks/machine.py [--threads 2]

Prints JSON: `flops`, float32 operations per nanosecond of a large matrix product; `cache` and
`memory`, bytes per nanosecond read and written by sums of arrays that lie there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time

CACHE_BYTES = 1 << 20  # of each thread's arrays
MEMORY_BYTES = 192 << 20


def measure(threads: int) -> dict[str, float]:
    """The rates, from a process of its own: libraries count their threads when they start."""
    variables = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(variables, str(threads))}
    command = [sys.executable, __file__, "--threads", str(threads)]
    text = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    return dict(json.loads(text))


def _product() -> float:
    import numpy as np

    n, best = 1536, float("inf")
    a = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    for _ in range(10):
        start = time.perf_counter_ns()
        a @ a
        best = min(best, time.perf_counter_ns() - start)
    return 2.0 * n**3 / best


def _stream(threads: int, total: int) -> float:
    import numpy as np

    n, seconds = total // 12, 0.4
    rates = [0.0] * threads
    barrier = threading.Barrier(threads)

    def run(which: int) -> None:
        a, b, c = np.ones(n, np.float32), np.ones(n, np.float32), np.ones(n, np.float32)
        np.add(a, b, out=c)
        barrier.wait()
        start, calls = time.perf_counter_ns(), 0
        while time.perf_counter_ns() - start < seconds * 1e9:
            np.add(a, b, out=c)
            calls += 1
        rates[which] = 12.0 * n * calls / (time.perf_counter_ns() - start)

    workers = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    result = {
        "flops": _product(),
        "cache": _stream(threads, CACHE_BYTES),
        "memory": _stream(threads, MEMORY_BYTES // threads),
        "cache_bytes": 4 * CACHE_BYTES * threads,
    }
    print(json.dumps({k: round(v, 2) for k, v in result.items()}))


if __name__ == "__main__":
    main()
