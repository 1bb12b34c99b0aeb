"""Gradient programs timed beside other libraries.

    python benchmarks/workloads.py [--threads 2] [--rounds 7] [--only chain,mlp] [--peers jax,torch]
    python benchmarks/workloads.py --memory [--peers jax,torch]

One process, every library in turn within each round, so that drift of the machine meets all alike.
A cell tells the best and the median time of a call in microseconds. `ratio` compares the best
of Wengert with the best of the fastest peer, `bound` is the least time that machine.py's rates
allow for the operations and bytes of the program, as a part of Wengert's best. Peers that
are not installed are left out. Before anything is timed, all results are compared.

--memory: peak memory of the gradient of a deep network, each library in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from types import ModuleType
from typing import Any

import machine
import numpy as np
import programs
from libraries import LIBRARIES, Call

PEERS = [name for name in LIBRARIES if name != "wengert"]
TOLERANCE = 5e-3  # of the largest element, unless the program has its own


def _agree(name: str, results: Any, expected: Any, tolerance: float) -> None:
    for a, b in zip(results, expected, strict=True):
        if a.shape != b.shape or np.abs(a - b).max() > tolerance * (np.abs(b).max() + 1e-6):
            sys.exit(f"{name} differs from the first library")


def _times(calls: dict[str, Call], rounds: int, slice_seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(3):
            call()
    for _ in range(rounds):
        for name, call in calls.items():
            start, n = time.perf_counter(), 0
            while n < 3 or time.perf_counter() - start < slice_seconds:
                before = time.perf_counter()
                call()
                times[name].append((time.perf_counter() - before) * 1e6)
                n += 1
    return times


def _installed(peers: str) -> list[str]:
    names = [p for p in peers.split(",") if p]
    for name in names:
        if name not in LIBRARIES:
            sys.exit(f"unknown library {name}: one of {', '.join(PEERS)}")
    return [p for p in names if importlib.util.find_spec(p.split(".")[0])]


def _calls(program: ModuleType, cfg: Any, names: list[str], threads: int) -> dict[str, Call]:
    """The libraries that take part, after a check that they compute the same."""
    skip = getattr(program, "SKIP", {})
    tolerance = getattr(program, "TOLERANCE", TOLERANCE)
    calls: dict[str, Call] = {}
    expected: list[list[np.ndarray]] = []
    for name in names:
        if name in skip:
            continue
        calls[name] = LIBRARIES[name](program, cfg, program.arguments(cfg), threads)
        results = [calls[name]() for _ in range(3)]  # of programs with state: three steps
        expected = expected or results
        for a, b in zip(results, expected, strict=True):
            _agree(f"{program.__name__}: {name}", a, b, tolerance)
    return calls


def _time_all(options: argparse.Namespace, names: list[str]) -> None:
    peak = machine.measure(options.threads)
    print(
        f"{peak['flops']:.0f} float32 operations per ns, "
        f"{peak['cache']:.0f} and {peak['memory']:.0f} bytes per ns from caches and memory"
    )
    head = ["workload", *names, "ratio", "bound"]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    ratios, fractions = [], []
    for name in options.only.split(","):
        program = programs.load(name)
        for size, cfg in program.SIZES.items():
            calls = _calls(program, cfg, names, options.threads)
            times = _times(calls, options.rounds, 0.1)
            best = {k: min(t) for k, t in times.items()}
            cells = [
                f"{best[k]:.1f} ({statistics.median(times[k]):.1f})" if k in best else "-"
                for k in names
            ]
            bound = program.work(cfg).microseconds(peak) / best["wengert"]
            fractions.append(bound)
            cell = "-"
            if len(best) > 1:
                ratios.append(best["wengert"] / min(v for k, v in best.items() if k != "wengert"))
                cell = f"{ratios[-1]:.2f}"
            print(f"| {name} {size} | " + " | ".join([*cells, cell, f"{bound:.2f}"]) + " |")
            sys.stdout.flush()

    def mean(xs: list[float]) -> str:
        return f"{math.exp(statistics.fmean(map(math.log, xs))):.2f}" if xs else "-"

    row = ["geometric mean", *[""] * len(names), mean(ratios), mean(fractions)]
    print("| " + " | ".join(row) + " |")


def _peak_memory() -> float:
    """Of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def _memory_of(name: str, threads: int) -> None:
    """Prints what two calls take beyond the library itself."""
    deep = programs.load("deep")
    small = type(deep.MEMORY)(2, 64, 64)
    LIBRARIES[name](deep, small, deep.arguments(small), threads)()  # loads the library
    before = _peak_memory()
    call = LIBRARIES[name](deep, deep.MEMORY, deep.arguments(deep.MEMORY), threads)
    start = time.perf_counter()
    for _ in range(2):
        call()
    seconds = (time.perf_counter() - start) / 2
    print(f"{(_peak_memory() - before) / 1e6:.0f} {seconds:.2f}")


def _memory_all(options: argparse.Namespace, names: list[str]) -> None:
    deep = programs.load("deep")
    c = deep.MEMORY
    least = deep.stored_bytes(c) / 1e6
    print(f"{c.layers} layers of {c.width}, batch {c.batch}")
    print(f"weights, gradients, an activation for each layer, three buffers: {least:.0f} MB")
    print("| library | peak MB | of these | seconds a call |\n|---|---|---|---|")
    for name in names:
        command = [sys.executable, __file__, "--memory-of", name]
        command += ["--threads", str(options.threads)]
        # Arrays that are freed go back to the system at once.
        environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
        run = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
        taken, seconds = (float(x) for x in run.stdout.split()[-2:])
        print(f"| {name} | {taken:.0f} | {taken / least:.2f} | {seconds:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(programs.NAMES))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    # Not every library can be told; more processors than threads would be used by some.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    # Read when the libraries start their threads.
    for variable in ("WENGERT_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("wengert").setLevel(logging.ERROR)  # one function a program is meant
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if options.threads == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    names = ["wengert", *_installed(options.peers)]
    if options.memory_of:
        _memory_of(options.memory_of, options.threads)
    elif options.memory:
        _memory_all(options, names)
    else:
        _time_all(options, names)


if __name__ == "__main__":
    main()
