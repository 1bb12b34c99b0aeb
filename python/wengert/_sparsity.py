"""Sparsity of Jacobians: detection and colouring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["colour_rows", "compressed_rows", "detect", "expand"]


def colour_rows(pattern: Any) -> Any:
    """Colours of rows such that rows of one colour share no column.

    Greedy, rows with most entries first; an empty row has colour 0.
    """
    m = len(pattern)
    colours = np.zeros(m, np.int64)
    taken: list[Any] = []  # columns by colour
    for i in np.argsort(-pattern.sum(axis=1), kind="stable"):
        columns = np.flatnonzero(pattern[i])
        free = (c for c, used in enumerate(taken) if not used[columns].any())
        colour = next(free, len(taken))
        if colour == len(taken):
            taken.append(np.zeros(pattern.shape[1], bool))
        taken[colour][columns] = True
        colours[i] = colour
    return colours


def compressed_rows(pattern: Any, row: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
    """(colour of each row, for each colour the sum of its rows)."""
    colours = colour_rows(pattern)
    count = int(colours.max()) + 1 if len(colours) else 0
    return colours, [row((colours == c).astype(np.float32)) for c in range(count)]


def expand(pattern: Any, colours: Any, rows: list[Any], dtype: Any) -> Any:
    """The Jacobian that `compressed_rows` compressed."""
    dense = np.zeros(pattern.shape, dtype)
    i, j = np.nonzero(pattern)
    if len(i):
        dense[i, j] = np.stack(rows)[colours[i], j]
    return dense


def detect(row: Callable[[Any], Any], m: int, n: int) -> Any:
    """Which entries of a Jacobian are other than zero.

    Groups of rows are halved until they are single rows. A sweep asks several groups at once,
    those whose columns are known to be disjoint, with random weights so that nothing cancels:
    a banded matrix takes a few sweeps for each halving.

    Parameters
    ----------
    row : callable
        The sum of the rows with the given weights.
    m, n : int
        Numbers of rows and columns.
    """
    pattern = np.zeros((m, n), bool)
    if m == 0 or n == 0:
        return pattern
    random = np.random.default_rng(0)
    groups = [np.arange(m)]
    columns = [np.ones(n, bool)]  # a superset of the columns of each group
    first = True
    while True:
        if not first:
            groups, columns = _halved(groups, columns)
        first = False
        known = _columns(row, groups, columns, random, m)
        kept = [k for k in range(len(groups)) if known[k].any()]
        groups, columns = [groups[k] for k in kept], [known[k] for k in kept]
        if all(len(g) == 1 for g in groups):
            break
    for group, found in zip(groups, columns, strict=True):
        pattern[group[0]] = found
    return pattern


def _halved(groups: list[Any], columns: list[Any]) -> tuple[list[Any], list[Any]]:
    halves, supersets = [], []
    for group, found in zip(groups, columns, strict=True):
        middle = len(group) // 2
        for half in (group[:middle], group[middle:]):
            if len(half):
                halves.append(half)
                supersets.append(found)
    return halves, supersets


def _columns(
    row: Callable[[Any], Any], groups: list[Any], columns: list[Any], random: Any, m: int
) -> list[Any]:
    colours = colour_rows(np.stack(columns))
    result: list[Any] = [None] * len(groups)
    for colour in range(int(colours.max()) + 1):
        members = np.flatnonzero(colours == colour)
        weights = np.zeros(m, np.float32)
        for k in members:
            weights[groups[k]] = random.uniform(0.5, 1.5, len(groups[k]))
        total = row(weights) != 0  # NaN counts as an entry
        for k in members:
            result[k] = total & columns[k]
    return result
