"""Rows of the op tests: what one op is called with and what it must give.

``tests/samples/*.py`` hold one `Sample` per op type in a dict ``SAMPLES``; the op tests draw
inputs from it and compare values, gradients and second gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]
Generator = Callable[[np.random.Generator, Shape, str], Array]
Reference = Callable[..., "Array | tuple[Array, ...]"]

SHAPES: tuple[Shape, ...] = ((), (0,), (1,), (5,), (2, 3), (2, 1, 4), (33, 17))
FLOATS = ("float32", "float64")
COMPLEX = ("complex64", "complex128")


@dataclass(frozen=True)
class Sample:
    """How one op is tested.

    Parameters
    ----------
    inputs : sequence of generators
        One per input of the op, in the signature's order. Each is called with a random
        generator, a shape of `shapes` and a dtype of `dtypes`.
    ref : callable
        Takes the input arrays and, by keyword, what `attrs` holds and it names; returns the
        expected output, or a tuple of them. Independent of Wengert.
    attrs : dict, optional
        Attributes of the op.
    wrt : tuple of int, optional
        Inputs that carry a gradient; () when the op has none.
    zero_gradient : bool, optional
        The gradient is None or zeros everywhere although the inputs are in `wrt`.
    lookup_error : bool, optional
        Asking for a gradient is a LookupError, as in TensorFlow.
    second : bool, optional
        Whether the second derivative is compared too.
    dtypes : tuple of str, optional
        Dtypes of the inputs; those of fixed dtype ignore it.
    shapes : tuple of shapes, optional
        Shapes to draw; a generator may derive its own from the one it is given.
    ulp : float, optional
        Units in the last place that values may differ by.
    rtol : float or dict, optional
        Relative tolerance of values in place of `ulp`; by dtype when a dict.
    grad_rtol : float, optional
        Relative tolerance of float64 gradients against central differences.
    tails : tuple of float, optional
        Far arguments of the first input, where values must hold too (finite or not).
    special : bool, optional
        Whether NaN, infinities and signed zeros of the first input are compared.
    extra_inputs : tuple of tuples, optional
        Further arguments whose values are compared, given as lists or arrays.
    invariant : callable, optional
        Takes the outputs and returns what is compared in their place, where the definition leaves
        them open: the signs of eigenvectors, the order of eigenvalues.
    fold : callable, optional
        Takes a gradient of the first input and returns what differences must agree with, where
        the op takes the input to be symmetric.
    """

    inputs: Sequence[Generator]
    ref: Reference
    attrs: dict[str, Any] = field(default_factory=dict)
    wrt: tuple[int, ...] = (0,)
    zero_gradient: bool = False
    lookup_error: bool = False
    second: bool = True
    dtypes: tuple[str, ...] = FLOATS
    shapes: tuple[Shape, ...] = SHAPES
    ulp: float | None = None
    rtol: float | dict[str, float] | None = None
    grad_rtol: float = 1e-5
    tails: tuple[float, ...] = ()
    special: bool = False
    extra_inputs: tuple[tuple[Any, ...], ...] = ()
    invariant: Callable[..., tuple[Array, ...]] | None = None
    fold: Callable[[Array], Array] | None = None

    def draw(self, rng: np.random.Generator, shape: Shape, dtype: str) -> list[Array]:
        """Draw one array per input.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of random numbers.
        shape : tuple of int
            The shape handed to every generator.
        dtype : str
            The dtype handed to every generator.

        Returns
        -------
        list of numpy.ndarray
            The arguments of the op.
        """
        return [generate(rng, shape, dtype) for generate in self.inputs]

    def tolerance(self, dtype: str) -> float:
        """Relative tolerance of values of a dtype.

        Parameters
        ----------
        dtype : str
            Name of the dtype of the output.

        Returns
        -------
        float
            0 for integers and bool.
        """
        if isinstance(self.rtol, dict):
            return self.rtol[dtype]
        kind = np.dtype(dtype)
        if kind.kind not in "fc":
            return 0.0
        eps = float(np.finfo(kind).eps)
        if self.rtol is not None:
            return max(self.rtol, 4 * eps)
        return (4.0 if self.ulp is None else self.ulp) * eps


def uniform(low: float, high: float, avoid: Sequence[float] = (), gap: float = 0.05) -> Generator:
    """Make a generator of numbers between two bounds.

    Parameters
    ----------
    low, high : float
        Bounds; of both parts of complex numbers.
    avoid : sequence of float, optional
        Points that no number comes closer to than `gap`: kinks, poles.
    gap : float, optional
        The distance kept from them.

    Returns
    -------
    callable
        A generator for `Sample.inputs`.
    """

    def generate(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
        def part() -> Array:
            x = rng.uniform(low, high, shape)
            for point in avoid:
                near = np.abs(x - point) < gap
                x = np.where(near, point + np.where(x < point, -gap, gap) * 1.5, x)
            return np.asarray(x)

        if np.dtype(dtype).kind == "c":
            return np.asarray(part() + 1j * part(), dtype)
        return np.asarray(part(), dtype)

    return generate


def integers(low: int, high: int, dtype: str | None = None) -> Generator:
    """Make a generator of whole numbers.

    Parameters
    ----------
    low, high : int
        The smallest number, and one more than the largest.
    dtype : str, optional
        Dtype of the numbers; the sample's when left out.

    Returns
    -------
    callable
        A generator for `Sample.inputs`.
    """

    def generate(rng: np.random.Generator, shape: Shape, sample_dtype: str) -> Array:
        return np.asarray(rng.integers(low, high, shape), dtype or sample_dtype)

    return generate


def booleans(probability: float = 0.5) -> Generator:
    """Make a generator of truth values.

    Parameters
    ----------
    probability : float, optional
        How often True is drawn.

    Returns
    -------
    callable
        A generator for `Sample.inputs`.
    """

    def generate(rng: np.random.Generator, shape: Shape, dtype: str) -> Array:
        return np.asarray(rng.uniform(size=shape) < probability)

    return generate


def constant(value: Any, dtype: str | None = None) -> Generator:
    """Make a generator that always gives one array: axes, shapes, permutations.

    Parameters
    ----------
    value : array_like or callable
        The array, or a function that makes it from the sample's shape.
    dtype : str, optional
        Dtype of the array; the sample's when left out.

    Returns
    -------
    callable
        A generator for `Sample.inputs`.
    """

    def generate(rng: np.random.Generator, shape: Shape, sample_dtype: str) -> Array:
        return np.asarray(value(shape) if callable(value) else value, dtype or sample_dtype)

    return generate


def shaped(generator: Generator, shape: Callable[[Shape], Shape]) -> Generator:
    """Make a generator of arrays of a derived shape.

    Parameters
    ----------
    generator : callable
        Draws the elements.
    shape : callable
        From the sample's shape to the one to draw.

    Returns
    -------
    callable
        A generator for `Sample.inputs`.
    """

    def generate(rng: np.random.Generator, sample_shape: Shape, dtype: str) -> Array:
        return generator(rng, shape(sample_shape), dtype)

    return generate


def wide(function: Callable[..., Any]) -> Reference:
    """Evaluate a reference in extended precision and round once.

    Parameters
    ----------
    function : callable
        A composition of NumPy functions.

    Returns
    -------
    callable
        The reference; its results have the dtype of the first argument, or that of its parts
        where the function makes real numbers of complex ones.
    """

    def reference(*args: Array) -> Array:
        dtype = args[0].dtype
        with np.errstate(all="ignore"):
            result = function(*(a.astype(np.result_type(a, np.longdouble)) for a in args))
            if np.iscomplexobj(args[0]) and not np.iscomplexobj(result):
                dtype = args[0].real.dtype
            return np.asarray(result).astype(dtype)

    return reference


def double(function: Callable[..., Any]) -> Reference:
    """Evaluate a reference in double precision and round to the dtype of the arguments.

    Parameters
    ----------
    function : callable
        A function of float64 arrays, of SciPy for instance.

    Returns
    -------
    callable
        The reference.
    """

    def reference(*args: Array) -> Array:
        with np.errstate(all="ignore"):
            result = function(*(a.astype(np.float64) for a in args))
            return np.asarray(result).astype(args[0].dtype)

    return reference
