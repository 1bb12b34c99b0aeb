"""Programs that workloads.py times, a module for each kind.

A module has

- `SIZES`: a name -> the configuration of a size;
- `TRAINED`: the gradient is taken with respect to `arguments[:TRAINED]`;
- `arguments(cfg)`: arrays, the same ones at each call;
- `work(cfg)`: `Work`, the least that any implementation has to do;
- the loss, either once for all libraries, `loss(m, cfg, *arguments)` with the functions `m` of
  libraries.py, or for each one: `tensorflow(tf, cfg)` (which Wengert runs, too), `jax(cfg)` and
  `torch(cfg)` return functions of the arguments;
- or, where a program keeps state, `tensorflow_step(tf, cfg, arguments)`, `jax_step` and
  `torch_step`, which return the call that is timed;
- `TOLERANCE`, if at all: by how much results may differ, as a part of their largest element;
- `SKIP`, if at all: library -> why it does not take part.
"""

from __future__ import annotations

import importlib
import itertools
from dataclasses import dataclass
from types import ModuleType

import numpy as np

NAMES = (
    "rosenbrock", "chain", "mlp", "softmax", "pinn", "lstm", "transformer", "convolution",
    "embedding", "deep",
)  # fmt: skip
FUNCTION_FLOPS = 20  # an exponential or a tangent, about: a polynomial of degree 10


@dataclass
class Work:
    """The least work of a program: operations, and bytes that pass between memory and core."""

    flops: float = 0
    bytes: float = 0
    functions: float = 0  # exponentials, sines and the like

    def microseconds(self, peak: dict[str, float]) -> float:
        """With the rates of machine.py."""
        flops = self.flops + FUNCTION_FLOPS * self.functions
        rate = peak["cache"] if self.bytes < peak["cache_bytes"] else peak["memory"]
        return max(flops / peak["flops"], self.bytes / rate) / 1e3


def load(name: str) -> ModuleType:
    return importlib.import_module(f"programs.{name}")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def layers(random: np.random.Generator, *sizes: int) -> list[np.ndarray]:
    """Weights and biases of dense layers."""
    result = []
    for i, o in itertools.pairwise(sizes):
        result.append((random.normal(size=(i, o)) / i**0.5).astype(np.float32))
        result.append((random.normal(size=o) / 10).astype(np.float32))
    return result


def dense_flops(rows: int, *sizes: int) -> float:
    """Of layers forward, and the gradient with respect to weights and all inputs but the first."""
    products = [2.0 * rows * i * o for i, o in itertools.pairwise(sizes)]
    return 3 * sum(products) - products[0]
