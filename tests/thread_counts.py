"""Running the same with several numbers of threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import wengert as tf


def assert_independent_of_threads(call: Callable[[], Sequence[Any]]) -> None:
    """The results of `call` are the same bits with any number of threads."""
    before = tf._core.num_threads()
    results = []
    try:
        for threads in (1, 2, 3, 8, 1):
            tf._core.set_num_threads(threads)
            results.append(call())
    finally:
        tf._core.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
