"""Peak memory and time of a deep network's gradient, by default and within memory budgets.

    python benchmarks/memory.py [--layers 100] [--width 1024] [--batch 1024] [--threads 2]

Every line is a process of its own. `live` is what intermediate values take at once besides
results, `peak RSS` what the process holds at most during a call, beyond what it held when the
package was imported; weights and gradients are part of it and do not depend on the budget.
`minimum` is weights, gradients, one activation a layer and three buffers. Where others use the
machine, CPU seconds say more than seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

MB = 2.0**20
SHARES = (None, 0.5, 0.25, 0.125)


def status(name: str) -> float:
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
    raise KeyError(name)


def measure(args: Any, budget: int | None) -> dict[str, Any]:
    """One line of the table, in this process."""
    import wengert as tf

    if args.threads:
        tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    base = status("VmRSS")
    rng = np.random.RandomState(10)
    width = args.width
    w = (rng.randn(width, width) * np.sqrt(2.0 / width)).astype(np.float32)
    values = [np.roll(w, i, 0) for i in range(args.layers)]
    values.append(rng.randn(args.batch, width).astype(np.float32))
    with tf.Graph().as_default():
        ws = [tf.compat.v1.placeholder(tf.float32, [width, width]) for _ in range(args.layers)]
        x = tf.compat.v1.placeholder(tf.float32, [args.batch, width])
        h = x
        for weight in ws:
            h = tf.nn.relu(tf.matmul(h, weight))
        loss = tf.reduce_mean(tf.square(h))
        f = tf.compile([*ws, x], [loss, *tf.gradients(loss, ws)], memory_budget=budget)
    try:
        results = f(*values)
    except tf.errors.ResourceExhaustedError as e:
        return {"error": str(e)}
    digest = hashlib.sha256(b"".join(r.tobytes() for r in results)).hexdigest()
    del results
    with open("/proc/self/clear_refs", "w") as f_refs:
        f_refs.write("5")  # VmHWM starts again
    times = []
    for _ in range(args.rounds):
        start, start_cpu = time.perf_counter(), time.process_time()
        f(*values)
        times.append((time.perf_counter() - start, time.process_time() - start_cpu))
    stats = f.executable.stats()
    return {
        "live": stats["arena_bytes"],
        "repeated": stats["repeated_steps"],
        "steps": stats["steps"],
        "rss": status("VmHWM") - base,
        "seconds": min(t for t, _ in times),
        "cpu": min(t for _, t in times),
        "digest": digest,
    }


def in_new_process(args: Any, budget: int | None) -> dict[str, Any]:
    command = [sys.executable, __file__, "--measure", str(budget or 0)]
    for name in ("layers", "width", "batch", "threads", "rounds"):
        command += [f"--{name}", str(getattr(args, name))]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(output)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--layers", type=int, default=100)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure is not None:
        print(json.dumps(measure(args, args.measure or None)))
        return
    unit = 4 * args.width / MB
    minimum = args.layers * (2 * args.width + args.batch) * unit + 3 * args.batch * unit
    print(f"{args.layers} layers of {args.width}, batch {args.batch}, float32")
    print(f"minimum {minimum:.0f} MB\n")
    titles = ("budget", "live MB", "of default", "peak RSS MB", "of minimum", "s", "CPU s",
              "CPU of default", "steps repeated", "results")  # fmt: skip
    print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    first: dict[str, Any] = {}
    for share in SHARES:
        budget = int(first["live"] * share) if share is not None else None
        r = in_new_process(args, budget)
        if "error" in r:
            print(f"| {share:g} of default | {r['error']} |")
            continue
        first = first or r
        cells = (
            "none" if share is None else f"{share:g} of default",
            f"{r['live'] / MB:.1f}",
            f"{r['live'] / first['live']:.2f}",
            f"{r['rss']:.0f}",
            f"{r['rss'] / minimum:.2f}",
            f"{r['seconds']:.2f}",
            f"{r['cpu']:.2f}",
            f"{r['cpu'] / first['cpu']:.2f}",
            f"{r['repeated']} of {r['steps'] - r['repeated']}",
            "identical" if r["digest"] == first["digest"] else "DIFFERENT",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
