"""Arithmetic of two arguments, sums, comparisons, logic, bits, selection, broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_sample import (
    COMPLEX,
    FLOATS,
    Generator,
    Reference,
    Sample,
    Shape,
    booleans,
    constant,
    double,
    integers,
    shaped,
    uniform,
    wide,
)
from scipy import special

ALL = FLOATS + COMPLEX
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
REAL = (*FLOATS, "int32", "int64")
TOLERANCE = {"float32": 1e-6, "float64": 1e-14, "complex64": 1e-6, "complex128": 1e-14}
EXACT = {"ulp": 0, "dtypes": (*ALL, "int32", "int64")}


def _row(shape: Shape) -> Shape:
    return shape[-1:] if len(shape) > 1 else shape


def _broadcast(generator: Generator) -> Generator:
    """Draw one row where the other argument has several: it is broadcast."""
    return shaped(generator, _row)


def _pair(reference: Reference, left: Generator, right: Generator, **options: Any) -> Sample:
    return Sample([left, _broadcast(right)], reference, **{"wrt": (0, 1), **options})


def _compare(reference: Reference, dtypes: tuple[str, ...] = REAL) -> Sample:
    return Sample(
        [integers(0, 3), _broadcast(integers(0, 3))], reference, wrt=(), second=False, dtypes=dtypes
    )


def _logic(reference: Reference) -> Sample:
    inputs = [booleans(), _broadcast(booleans())]
    return Sample(inputs, reference, wrt=(), second=False, dtypes=("bool",))


def _bits(reference: Reference, high: int = 100) -> Sample:
    inputs = [integers(0, 100), _broadcast(integers(0, high))]
    return Sample(inputs, reference, wrt=(), second=False, dtypes=INTS)


def _shape_vectors(reference: Reference) -> Sample:
    inputs = [constant([2, 1, 3], "int32"), constant([4, 1], "int32")]
    return Sample(inputs, reference, wrt=(), second=False, dtypes=("float32",), shapes=((),))


def _no_nan(function: Any, left_out: int) -> Any:
    def reference(x: Any, y: Any) -> Any:
        return np.where((x, y)[left_out] == 0, 0, function(x, y))

    return reference


def _divide_no_nan(x: Any, y: Any) -> Any:
    return x / np.where(y == 0, np.inf, y)


def _truncate_mod(x: Any, y: Any) -> Any:
    return np.fmod(x, y)


def _truncate_divide(x: Any, y: Any) -> Any:
    return np.trunc(x / y)


def _squared_difference(x: Any, y: Any) -> Any:
    return np.conj(x - y) * (x - y)


def _gradient_axes(x: Any, y: Any) -> Any:
    # Shapes (2, 1, 3) and (4, 1): axes of length 1 in each, counted in the common shape.
    return np.array([1], np.int32), np.array([0, 2], np.int32)


def _select_v2(condition: Any, t: Any, e: Any) -> Any:
    return np.where(condition, t, e)


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.clip(x, low, high)


def _approximately(x: Any, y: Any, tolerance: float) -> Any:
    return np.abs(x - y) < tolerance


def _sum(*xs: Any) -> Any:
    return sum(xs[1:], xs[0])


SAMPLES = {
    "Add": _pair(np.add, uniform(-2, 2), uniform(-2, 2), **EXACT),
    "AddV2": _pair(np.add, uniform(-2, 2), uniform(-2, 2), **EXACT),
    "Sub": _pair(np.subtract, uniform(-2, 2), uniform(-2, 2), **EXACT),
    "Mul": _pair(np.multiply, uniform(-2, 2), uniform(-2, 2), rtol=TOLERANCE, dtypes=ALL),
    "MulNoNan": _pair(
        wide(_no_nan(np.multiply, 1)),
        uniform(-2, 2),
        uniform(-2, 2),
        dtypes=ALL,
        rtol=TOLERANCE,
        extra_inputs=(([np.inf, np.nan, 1.0], [0.0, 0.0, 2.0]),),
    ),
    "Div": _pair(wide(np.divide), uniform(-2, 2), uniform(0.5, 2), dtypes=ALL, rtol=TOLERANCE),
    "RealDiv": _pair(wide(np.divide), uniform(-2, 2), uniform(0.5, 2), dtypes=ALL, rtol=TOLERANCE),
    "DivNoNan": _pair(
        wide(_divide_no_nan),
        uniform(-2, 2),
        uniform(0.5, 2),
        rtol=TOLERANCE,
        extra_inputs=(([1.0, 0.0, -3.0], [0.0, 0.0, 2.0]),),
    ),
    "FloorDiv": _pair(
        np.floor_divide,
        uniform(4.2, 4.6),
        uniform(2.9, 3.1),
        zero_gradient=True,
        second=False,
        extra_inputs=(([-7, 7, -6], [2, -2, 3]),),
    ),
    "TruncateDiv": _pair(
        _truncate_divide,
        uniform(-4.6, -4.2),
        uniform(2.9, 3.1),
        zero_gradient=True,
        second=False,
    ),
    "FloorMod": _pair(
        np.mod,
        uniform(4.2, 4.6),
        uniform(2.9, 3.1),
        rtol=TOLERANCE,
        extra_inputs=(([-7, 7, -6], [2, -2, 3]),),
    ),
    "TruncateMod": _pair(
        _truncate_mod, integers(-9, 9), integers(1, 5), wrt=(), second=False, dtypes=REAL
    ),
    "Mod": _pair(_truncate_mod, integers(-9, 9), integers(1, 5), wrt=(), second=False, dtypes=REAL),
    "Pow": _pair(
        wide(np.power),
        uniform(0.5, 2),
        uniform(-2, 2),
        dtypes=ALL,
        rtol={"float32": 1e-6, "float64": 1e-14, "complex64": 5e-6, "complex128": 1e-13},
    ),
    "Maximum": _pair(np.maximum, uniform(-2, 2), uniform(-2, 2), ulp=0, special=True),
    "Minimum": _pair(np.minimum, uniform(-2, 2), uniform(-2, 2), ulp=0, special=True),
    "SquaredDifference": _pair(
        _squared_difference, uniform(-2, 2), uniform(-2, 2), dtypes=ALL, rtol=TOLERANCE
    ),
    "Xdivy": _pair(
        wide(_no_nan(np.divide, 0)),
        uniform(0.5, 2),
        uniform(0.5, 2),
        rtol=TOLERANCE,
        extra_inputs=(([0.0, 0.0, 1.0], [0.0, np.nan, 2.0]),),
    ),
    "Xlogy": _pair(
        double(special.xlogy),
        uniform(0.5, 2),
        uniform(1.5, 3),
        rtol=TOLERANCE,
        extra_inputs=(([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]),),
    ),
    "Xlog1py": _pair(
        double(special.xlog1py),
        uniform(0.5, 2),
        uniform(0.5, 2),
        rtol=TOLERANCE,
        extra_inputs=(([0.0, 1.0, 2.0], [-1.0, 1.0, 2.0]),),
    ),
    "Atan2": _pair(
        wide(np.arctan2), uniform(-2, 2, avoid=(0,)), uniform(-2, 2, avoid=(0,)), rtol=TOLERANCE
    ),
    "NextAfter": _pair(np.nextafter, uniform(0.5, 1), uniform(2, 3), ulp=0, second=False),
    "AddN": Sample([uniform(-2, 2)] * 3, _sum, wrt=(0, 1, 2), dtypes=ALL, rtol=TOLERANCE),
    "AccumulateNV2": Sample(
        [uniform(-2, 2)] * 3,
        _sum,
        attrs={"shape": (2, 3)},
        wrt=(0, 1, 2),
        shapes=((2, 3),),
        rtol=TOLERANCE,
    ),
    "Equal": _compare(np.equal, (*REAL, *COMPLEX)),
    "NotEqual": _compare(np.not_equal, (*REAL, *COMPLEX)),
    "Less": _compare(np.less),
    "LessEqual": _compare(np.less_equal),
    "Greater": _compare(np.greater),
    "GreaterEqual": _compare(np.greater_equal),
    "LogicalAnd": _logic(np.logical_and),
    "LogicalOr": _logic(np.logical_or),
    "BitwiseAnd": _bits(np.bitwise_and),
    "BitwiseOr": _bits(np.bitwise_or),
    "BitwiseXor": _bits(np.bitwise_xor),
    "LeftShift": _bits(np.left_shift, 7),
    "RightShift": _bits(np.right_shift, 7),
    "ApproximateEqual": Sample(
        [uniform(-2, 2), uniform(-2, 2)],
        _approximately,
        attrs={"tolerance": 0.5},
        wrt=(),
        second=False,
    ),
    "Select": Sample(
        [booleans(), uniform(-2, 2), uniform(-2, 2)], np.where, wrt=(1, 2), ulp=0, dtypes=ALL
    ),
    "SelectV2": Sample(
        [booleans(), _broadcast(uniform(-2, 2)), uniform(-2, 2)],
        _select_v2,
        wrt=(1, 2),
        ulp=0,
        dtypes=ALL,
    ),
    "ClipByValue": Sample(
        [uniform(-2, 2, avoid=(-0.5, 0.75)), constant(-0.5), constant(0.75)],
        _clip,
        wrt=(0, 1, 2),
        ulp=0,
    ),
    "BroadcastGradientArgs": _shape_vectors(_gradient_axes),
    "BroadcastArgs": _shape_vectors(lambda x, y: np.array([2, 4, 3], np.int32)),
    "BroadcastTo": Sample(
        [uniform(-2, 2), constant(lambda shape: (3, *shape), "int32")],
        lambda x, shape: np.broadcast_to(x, tuple(shape)),
        ulp=0,
        dtypes=(*ALL, "int32"),
    ),
}
