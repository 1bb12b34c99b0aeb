"""Seeds of random operations, as TensorFlow chooses them (`tf.random.set_seed`).

A random operation has two seeds. With a global seed they are that one and the operation's own, or a
number that counts operations (in a graph) or is drawn (eagerly); without, a fixed number and the
operation's own; without either, both are 0 and the numbers differ from run to run.
"""

from __future__ import annotations

from typing import Any

from wengert import _core

__all__ = ["eager_seed", "get_seed", "seed_attrs", "set_seed"]

_DEFAULT_GRAPH_SEED = 87654321
_LIMIT = 2**31 - 1


class _Eager:
    """The global seed of eager operations, and where seeds of operations come from."""

    def __init__(self) -> None:
        self.seed: int | None = None
        self.source: Any = None


_eager = _Eager()


def set_seed(seed: int | None) -> None:
    """Set the global seed (`tf.random.set_seed`).

    In a graph it is the seed of that graph; eagerly it starts all random operations anew.

    Parameters
    ----------
    seed : int

    Examples
    --------
    >>> import wengert as tf
    >>> tf.random.set_seed(5)
    >>> a = tf.random.uniform([2]).numpy()
    >>> tf.random.set_seed(5)
    >>> bool((tf.random.uniform([2]).numpy() == a).all())
    True
    """
    graph = _core.current_graph()
    if graph is not None:
        graph.seed = seed
        return
    import random

    _eager.seed = None if seed is None else int(seed)
    _eager.source = None if seed is None else random.Random(seed)
    _core.restart_random_streams()


def eager_seed() -> int | None:
    """The global seed of eager operations and of functions traced from now on."""
    return _eager.seed


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """Both seeds of a random operation made now; None for both: differ from run to run."""
    graph = _core.current_graph()
    seed = _eager.seed if graph is None else graph.seed
    if seed is None:
        if op_seed is None:
            return None, None
        pair = (_DEFAULT_GRAPH_SEED, op_seed)
    else:
        if op_seed is None:
            op_seed = _drawn_seed() if graph is None else _counted_seed(graph)
        pair = (seed, op_seed)
    first, second = (int(s) % 2**31 for s in pair)
    return (0, _LIMIT) if (first, second) == (0, 0) else (first, second)


def seed_attrs(op_seed: int | None) -> dict[str, int]:
    """Attributes seed and seed2 of a random operation made now."""
    first, second = get_seed(op_seed)
    return {"seed": first or 0, "seed2": second or 0}


def _drawn_seed() -> int:
    return int(_eager.source.randint(0, _LIMIT))


def _counted_seed(graph: Any) -> int:
    """Random operations without a seed of their own are numbered, per graph."""
    with graph._lock:
        number = int(graph._state.get("op_seeds", 0))
        graph._state["op_seeds"] = number + 1
    return number
