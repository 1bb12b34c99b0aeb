"""Times convolutions and pools: the result and both gradients.

Usage: python benchmarks/conv.py [--threads 1] [--numpy] [--torch]

The peers are optional: NumPy by way of matrices of windows, and torch where it is installed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as tf
from wengert._core import set_num_threads

# name, image, filter, strides, padding, what the filter is for
CASES = [
    ("conv 32x28x28x32 3x3 64", (32, 28, 28, 32), (3, 3, 32, 64), 1, "SAME", "conv"),
    ("conv 32x16x16x64 3x3 64", (32, 16, 16, 64), (3, 3, 64, 64), 1, "SAME", "conv"),
    ("conv 32x28x28x1 5x5 6", (32, 28, 28, 1), (5, 5, 1, 6), 1, "SAME", "conv"),
    ("conv 32x14x14x6 5x5 16", (32, 14, 14, 6), (5, 5, 6, 16), 1, "VALID", "conv"),
    ("conv 8x56x56x64 3x3 128 /2", (8, 56, 56, 64), (3, 3, 64, 128), 2, "SAME", "conv"),
    ("conv 1x7x7x512 3x3 512", (1, 7, 7, 512), (3, 3, 512, 512), 1, "SAME", "conv"),
    ("conv 8x56x56x64 1x1 256", (8, 56, 56, 64), (1, 1, 64, 256), 1, "SAME", "conv"),
    ("depthwise 8x56x56x128 3x3", (8, 56, 56, 128), (3, 3, 128, 1), 1, "SAME", "depthwise"),
    ("max pool 32x28x28x32 2/2", (32, 28, 28, 32), (2, 2), 2, "VALID", "max"),
    ("max pool 32x28x28x6 2/2", (32, 28, 28, 6), (2, 2), 2, "VALID", "max"),
    ("max pool 8x56x56x64 3/2", (8, 56, 56, 64), (3, 3), 2, "SAME", "max"),
    ("avg pool 8x56x56x64 3/2", (8, 56, 56, 64), (3, 3), 2, "SAME", "avg"),
]


def milliseconds(call: Callable[[], Any], repeats: int = 15) -> float:
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def compiled(case: tuple[Any, ...], x: Any, w: Any) -> tuple[list[Callable[[], Any]], float]:
    """Calls of the result and the gradients, and the products of the result, in millions."""
    _, image, window, strides, padding, kind = case
    graph = tf.Graph()
    with graph.as_default():
        px = tf.compat.v1.placeholder(tf.float32, image)
        pw = None
        if kind in ("conv", "depthwise"):
            pw = tf.compat.v1.placeholder(tf.float32, window)
            steps = [1, strides, strides, 1]
            function = tf.nn.conv2d if kind == "conv" else tf.nn.depthwise_conv2d
            y = function(px, pw, steps, padding)
        else:
            function = tf.nn.max_pool2d if kind == "max" else tf.nn.avg_pool2d
            y = function(px, window, strides, padding)
        dims = y.shape.as_list()
        dy = tf.compat.v1.placeholder(tf.float32, dims)
        xs = [px] if pw is None else [px, pw]
        grads = tf.gradients(y, xs, dy)
        g = np.random.default_rng(1).standard_normal(dims).astype(np.float32)
        args = [x] if pw is None else [x, w]
        calls = []
        for outputs, inputs, values in [
            (y, xs, args),
            *[(d, [*xs, dy], [*args, g]) for d in grads],
        ]:
            run = tf.compile(inputs, outputs)
            calls.append(lambda run=run, values=values: run(*values))
    depth = np.prod(window[:3]) if kind == "conv" else np.prod(window[:2])
    return calls, float(np.prod(dims) * depth) / 1e6


def numpy_result(case: tuple[Any, ...], x: Any, w: Any) -> Callable[[], Any] | None:
    _, _, window, strides, padding, kind = case
    if kind != "conv" or strides != 1:
        return None
    k = window[0]
    before = (k - 1) // 2 if padding == "SAME" else 0
    after = k - 1 - before if padding == "SAME" else 0
    flat = w.transpose(2, 0, 1, 3).reshape(-1, window[3])

    def run() -> Any:
        padded = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), (1, 2))
        return windows.reshape(*windows.shape[:3], -1) @ flat

    return run


def torch_calls(case: tuple[Any, ...], x: Any, w: Any) -> list[Callable[[], Any]] | None:
    import torch
    from torch.nn import functional

    _, _, window, strides, padding, kind = case
    if kind != "conv" or (strides != 1 and padding == "SAME"):
        return None
    tx = torch.from_numpy(x.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
    tw = torch.from_numpy(np.ascontiguousarray(w.transpose(3, 2, 0, 1)))
    pad = (window[0] - 1) // 2 if padding == "SAME" else 0
    y = functional.conv2d(tx, tw, stride=strides, padding=pad)
    dy = torch.ones_like(y)
    conv = torch.nn.grad
    return [
        lambda: functional.conv2d(tx, tw, stride=strides, padding=pad),
        lambda: conv.conv2d_input(tx.shape, tw, dy, strides, pad),
        lambda: conv.conv2d_weight(tx, tw.shape, dy, strides, pad),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--numpy", action="store_true")
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    set_num_threads(options.threads)
    if options.torch:
        import torch

        torch.set_num_threads(options.threads)
    rng = np.random.default_rng(0)
    print(f"{'':30}  result   image  filter  ms ({options.threads} thread)   GFLOP/s of each")
    for case in CASES:
        if options.only not in case[0]:
            continue
        x = rng.standard_normal(case[1]).astype(np.float32)
        w = rng.standard_normal(case[2]).astype(np.float32)
        calls, products = compiled(case, x, w)
        times = [milliseconds(call) for call in calls]
        line = "".join(f"{t:8.3f}" for t in times)
        if case[5] in ("conv", "depthwise"):
            line += "     " + "".join(f"{2 * products / t:8.1f}" for t in times)
        print(f"{case[0]:30}{line}")
        if options.numpy and (run := numpy_result(case, x, w)):
            print(f"{'    numpy':30}{milliseconds(run):8.3f}")
        if options.torch and (others := torch_calls(case, x, w)):
            print(f"{'    torch':30}" + "".join(f"{milliseconds(c):8.3f}" for c in others))


if __name__ == "__main__":
    main()
