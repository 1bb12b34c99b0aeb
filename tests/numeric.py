"""Numeric derivatives, and the rows of `samples` collected: what several test files share."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from op_sample import Array, Sample

STEP = 1e-3


def all_samples() -> dict[str, Sample]:
    """Rows of all files of `samples`.

    Returns
    -------
    dict
        From op type to its row.
    """
    rows: dict[str, Sample] = {}
    for path in sorted((Path(__file__).parent / "samples").glob("*.py")):
        module = importlib.import_module(f"samples.{path.stem}")
        twice = rows.keys() & module.SAMPLES.keys()
        if twice:
            raise ValueError(f"{path.name} repeats the rows {sorted(twice)}")
        rows.update(module.SAMPLES)
    return rows


def directional(
    function: Callable[..., Any], args: list[Array], index: int, flat: int, unit: complex, ws: Any
) -> float:
    """Differentiate a weighted sum of outputs along one element of one argument.

    Five points, so that the error is of fourth order in the step. Complex outputs count with
    their real part after multiplication by the conjugated weight.

    Parameters
    ----------
    function : callable
        From arrays to a list of arrays.
    args : list of numpy.ndarray
        The point.
    index, flat : int
        Which argument, and which of its elements.
    unit : complex
        1, or 1j for the imaginary part.
    ws : list of numpy.ndarray
        One weight array per output.

    Returns
    -------
    float
        The derivative.
    """

    def at(step: float) -> list[Array]:
        moved = [np.array(a) for a in args]
        moved[index].reshape(-1)[flat] += step * unit
        return [np.asarray(y) for y in function(*moved)]

    h = STEP
    near = zip(at(h), at(-h), at(2 * h), at(-2 * h), ws, strict=True)
    total = 0.0
    for p1, m1, p2, m2, w in near:
        change = 8 * (p1 - m1) - (p2 - m2)
        total += float(np.real(np.sum(np.conj(w) * change)))
    return total / (12 * h)


def compare_gradient(
    function: Callable[..., Any],
    args: list[Array],
    index: int,
    gradient: Array,
    ws: list[Array],
    rng: np.random.Generator,
    rtol: float,
    elements: int = 12,
) -> None:
    """Assert that a gradient agrees with differences at some elements.

    Parameters
    ----------
    function : callable
        From arrays to a list of arrays.
    args : list of numpy.ndarray
        The point.
    index : int
        The argument the gradient belongs to.
    gradient : numpy.ndarray
        What is checked.
    ws : list of numpy.ndarray
        The grad_ys.
    rng : numpy.random.Generator
        Chooses the elements.
    rtol : float
        Relative tolerance; absolute below 1.
    elements : int, optional
        How many are compared at most.
    """
    assert gradient.shape == args[index].shape
    assert gradient.dtype == args[index].dtype
    size = args[index].size
    chosen = np.arange(size) if size <= elements else rng.choice(size, elements, replace=False)
    for flat in chosen:
        want: complex = directional(function, args, index, int(flat), 1, ws)
        if np.iscomplexobj(args[index]):
            want += 1j * directional(function, args, index, int(flat), 1j, ws)
        got = gradient.reshape(-1)[flat]
        assert abs(got - want) <= rtol * max(1.0, abs(want)), (
            f"argument {index}, element {flat}: gradient {got}, differences {want}"
        )
