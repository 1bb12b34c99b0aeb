"""Fractional pooling and morphology (`tf.nn`)."""

from __future__ import annotations

from typing import Any, NamedTuple

from wengert import _core
from wengert._graph import name_scope_v1

apply = _core.apply


class _FractionalPool(NamedTuple):
    output: Any
    row_pooling_sequence: Any
    col_pooling_sequence: Any


def _fractional(
    op: str, value: Any, ratio: Any, pseudo_random: bool, overlapping: bool, seed: int, name: Any
) -> Any:
    if isinstance(ratio, (int, float)):
        ratio = [ratio, ratio]
    ratio = [float(r) for r in ratio]
    if len(ratio) == 1:
        ratio = ratio * 2
    if len(ratio) == 2:
        ratio = [1.0, *ratio, 1.0]
    if len(ratio) != 4:
        raise ValueError(f"pooling_ratio should be of length 1, 2 or 4 but was {len(ratio)}")
    attrs = {
        "pooling_ratio": ratio,
        "pseudo_random": pseudo_random,
        "overlapping": overlapping,
    }
    if seed != 0:
        attrs |= {"deterministic": True, **_seeds(seed)}
    return _FractionalPool(*apply(op, (value,), attrs, name))


def _seeds(seed: int) -> dict[str, int]:
    """The seeds of an op, from its own and that of the graph."""
    graph = _core.current_graph()
    of_graph = None if graph is None else graph.seed
    return {"seed": 87654321 if of_graph is None else of_graph, "seed2": seed}


def fractional_max_pool(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> Any:
    """Largest elements of regions of random size (`tf.nn.fractional_max_pool`).

    Parameters
    ----------
    value : Tensor, shape [batch, height, width, channels]
    pooling_ratio : float or list of float
        Length of the input over that of the output; at least 1.
    pseudo_random : bool
        Whether sizes are spread evenly from a random start, or drawn at random.
    overlapping : bool
        Whether regions share their borders.
    seed : int
        0 draws anew in every call.
    name : str, optional

    Returns
    -------
    output, row_pooling_sequence, col_pooling_sequence : Tensor
        The result, and where regions begin and the last one ends.
    """
    args = (value, pooling_ratio, pseudo_random, overlapping, seed, name)
    return _fractional("FractionalMaxPool", *args)


def fractional_avg_pool(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> Any:
    """Means of regions of random size; parameters as those of `fractional_max_pool`."""
    args = (value, pooling_ratio, pseudo_random, overlapping, seed, name)
    return _fractional("FractionalAvgPool", *args)


def dilation2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilations: Any,
    name: str | None = None,
) -> Any:
    """Largest sums of window and filter (`tf.nn.dilation2d`).

    Parameters
    ----------
    input : Tensor, shape [batch, height, width, channels]
    filters : Tensor, shape [height, width, channels]
    strides, dilations : list of int
        One per axis, 1 for batch and channels.
    padding : {"SAME", "VALID"}
    data_format : {"NHWC"}
    name : str, optional

    Returns
    -------
    Tensor, shape [batch, out height, out width, channels]
    """
    if data_format != "NHWC":
        raise ValueError(
            f"`data_format` values other than 'NHWC' are not supported. Received: {data_format}"
        )
    attrs = {"strides": strides, "rates": dilations, "padding": padding}
    return apply("Dilation2D", (input, filters), attrs, name)


def erosion2d(
    value: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilations: Any,
    name: str | None = None,
) -> Any:
    """Smallest differences of window and filter (`tf.nn.erosion2d`).

    Parameters are those of `dilation2d`.
    """
    from wengert._array_ops import reverse
    from wengert._math_ops import negative

    if data_format != "NHWC":
        raise ValueError(
            f"`data_format` values other than 'NHWC' are not supported. Received: {data_format}"
        )
    with name_scope_v1(name, "erosion2d") as scope:
        attrs = {"strides": strides, "rates": dilations, "padding": padding}
        dilated = apply("Dilation2D", (negative(value), reverse(filters, [0, 1])), attrs)
        return negative(dilated, name=scope or None)
