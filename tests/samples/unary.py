"""Element-wise functions of one argument, complex numbers, special functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_sample import COMPLEX, FLOATS, Sample, booleans, double, integers, uniform, wide
from scipy import special

ALL = FLOATS + COMPLEX


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _reciprocal_grad(y: Any, dy: Any) -> Any:
    return -dy * np.conj(y) ** 2


def _sqrt_grad(y: Any, dy: Any) -> Any:
    return dy / 2 / np.conj(y)


def _rsqrt_grad(y: Any, dy: Any) -> Any:
    return -dy * np.conj(y) ** 3 / 2


def _tanh_grad(y: Any, dy: Any) -> Any:
    return dy * (1 - y**2)


def _sigmoid_grad(y: Any, dy: Any) -> Any:
    return dy * y * (1 - y)


def _fresnel_sin(x: Any) -> Any:
    return special.fresnel(x)[0]


def _fresnel_cos(x: Any) -> Any:
    return special.fresnel(x)[1]


def _igamma_grad_a(a: Any, x: Any) -> Any:
    # Fourth-order central differences.
    h = 1e-3 * a
    p = special.gammainc
    return (8 * (p(a + h, x) - p(a - h, x)) - (p(a + 2 * h, x) - p(a - 2 * h, x))) / (12 * h)


def _grad(reference: Any, low: float, high: float) -> Sample:
    inputs = [uniform(low, high), uniform(-2, 2)]
    return Sample(inputs, wide(reference), wrt=(0, 1), dtypes=ALL, rtol=1e-14)


def _special(reference: Any, low: float, high: float, **options: Any) -> Sample:
    options = {"rtol": {"float32": 5e-7, "float64": 1e-12}, **options}
    return Sample([uniform(low, high)], double(reference), **options)


SAMPLES = {
    "Abs": Sample([uniform(-3, 3, avoid=(0,))], np.abs, ulp=0, tails=(-1e30, 1e30), special=True),
    "Neg": Sample(
        [uniform(-3, 3)], np.negative, dtypes=(*ALL, "int32", "int64"), ulp=0, special=True
    ),
    "Sign": Sample(
        [uniform(-3, 3, avoid=(0,))],
        np.sign,
        dtypes=(*FLOATS, "int32"),
        ulp=0,
        zero_gradient=True,
        tails=(-1e30, 1e30),
    ),
    "Ceil": Sample(
        [uniform(-5, 5)], np.ceil, ulp=0, zero_gradient=True, tails=(-1e30, 1e30), special=True
    ),
    "Floor": Sample(
        [uniform(-5, 5)], np.floor, ulp=0, zero_gradient=True, tails=(-1e30, 1e30), special=True
    ),
    "Rint": Sample(
        [uniform(-5, 5)], np.rint, ulp=0, zero_gradient=True, tails=(-1e30, 1e30, 2.5), special=True
    ),
    "Round": Sample(
        [uniform(-5, 5)],
        lambda x: np.rint(x).astype(x.dtype),
        dtypes=(*FLOATS, "int32", "int64"),
        ulp=0,
        zero_gradient=True,
        tails=(-1e30, 1e30, 2.5),
        special=True,
    ),
    "Square": Sample(
        [uniform(-3, 3)],
        np.square,
        dtypes=(*ALL, "int32", "int64"),
        ulp=1,
        tails=(-1e10, 1e10),
        special=True,
    ),
    "Sqrt": Sample(
        [uniform(0.1, 5)], wide(np.sqrt), dtypes=ALL, ulp=2, tails=(1e-30, 1e30), special=True
    ),
    "Rsqrt": Sample(
        [uniform(0.1, 5)],
        wide(lambda x: 1 / np.sqrt(x)),
        dtypes=ALL,
        ulp=4,
        tails=(1e-30, 1e30),
        special=True,
    ),
    "Reciprocal": Sample(
        [uniform(0.3, 5)],
        wide(lambda x: 1 / x),
        dtypes=ALL,
        ulp=4,
        tails=(1e-30, -1e30),
        special=True,
    ),
    "Inv": Sample(
        [uniform(0.3, 5)],
        wide(lambda x: 1 / x),
        dtypes=ALL,
        ulp=4,
        tails=(1e-30, -1e30),
        special=True,
    ),
    "Exp": Sample(
        [uniform(-4, 4)],
        wide(np.exp),
        dtypes=ALL,
        ulp=3,
        tails=(-80.0, 80.0, -200, 800),
        special=True,
    ),
    "Expm1": Sample(
        [uniform(-4, 4)],
        wide(np.expm1),
        dtypes=ALL,
        ulp=4,
        tails=(-80.0, 80.0, 1e-6, 1e-30),
        special=True,
    ),
    "Log": Sample(
        [uniform(0.1, 5)], wide(np.log), dtypes=ALL, ulp=4, tails=(1e-30, 1e30, -1.0), special=True
    ),
    "Log1p": Sample(
        [uniform(-0.8, 5)],
        wide(np.log1p),
        dtypes=ALL,
        ulp=4,
        tails=(1e-30, 1e30, -1.0),
        special=True,
    ),
    "Sin": Sample(
        [uniform(-4, 4)], wide(np.sin), dtypes=ALL, ulp=4, tails=(100.0, -1000.0), special=True
    ),
    "Cos": Sample(
        [uniform(-4, 4)], wide(np.cos), dtypes=ALL, ulp=4, tails=(100.0, -1000.0), special=True
    ),
    "Tan": Sample(
        [uniform(-1.2, 1.2)], wide(np.tan), dtypes=ALL, ulp=5, tails=(100.0, -1000.0), special=True
    ),
    "Asin": Sample(
        [uniform(-0.9, 0.9)],
        wide(np.arcsin),
        dtypes=ALL,
        ulp=4,
        tails=(1.0, -1.0, 2.0),
        special=True,
    ),
    "Acos": Sample(
        [uniform(-0.9, 0.9)],
        wide(np.arccos),
        dtypes=ALL,
        ulp=4,
        tails=(1.0, -1.0, 2.0),
        special=True,
    ),
    "Atan": Sample([uniform(-4, 4)], wide(np.arctan), ulp=4, tails=(1e30, -1e30), special=True),
    "Sinh": Sample(
        [uniform(-4, 4)], wide(np.sinh), dtypes=ALL, ulp=4, tails=(80.0, -80.0, 1e-10), special=True
    ),
    "Cosh": Sample(
        [uniform(-4, 4)], wide(np.cosh), dtypes=ALL, ulp=4, tails=(80.0, -80.0), special=True
    ),
    "Tanh": Sample(
        [uniform(-4, 4)],
        wide(np.tanh),
        dtypes=ALL,
        ulp=3,
        tails=(-300.0, 300.0, 1e-10),
        special=True,
    ),
    "Asinh": Sample(
        [uniform(-4, 4)],
        wide(np.arcsinh),
        dtypes=ALL,
        ulp=4,
        tails=(1e30, -1e30, 1e-10),
        special=True,
    ),
    "Acosh": Sample(
        [uniform(1.2, 5)], wide(np.arccosh), dtypes=ALL, ulp=5, tails=(1e30, 1.0, 0.5), special=True
    ),
    "Atanh": Sample(
        [uniform(-0.9, 0.9)],
        wide(np.arctanh),
        dtypes=ALL,
        ulp=5,
        tails=(1.0, -1.0, 2.0, 1e-10),
        special=True,
    ),
    "Sigmoid": Sample(
        [uniform(-5, 5)], wide(_sigmoid), dtypes=ALL, ulp=5, tails=(-80.0, 80.0), special=True
    ),
    "Erf": Sample(
        [uniform(-3, 3)], double(special.erf), ulp=5, tails=(-30.0, 30.0, 1e-10), special=True
    ),
    "Erfc": Sample(
        [uniform(-3, 3)],
        double(special.erfc),
        rtol={"float32": 2e-6, "float64": 1e-14},
        tails=(-30.0, 8.0, 30.0),
        special=True,
    ),
    "Lgamma": Sample(
        [uniform(0.3, 6, avoid=(1, 2))],
        double(special.gammaln),
        rtol={"float32": 5e-6, "float64": 1e-13},
        tails=(1e-5, 1e10, -0.5),
    ),
    "Digamma": Sample(
        [uniform(0.3, 6, avoid=(1.4616,))],
        double(special.digamma),
        rtol={"float32": 5e-6, "float64": 1e-12},
        tails=(1e-5, 1e10, -0.5),
    ),
    "ReciprocalGrad": _grad(_reciprocal_grad, 0.3, 2),
    "InvGrad": _grad(_reciprocal_grad, 0.3, 2),
    "SqrtGrad": _grad(_sqrt_grad, 0.3, 2),
    "RsqrtGrad": _grad(_rsqrt_grad, 0.3, 2),
    "TanhGrad": _grad(_tanh_grad, -0.9, 0.9),
    "SigmoidGrad": _grad(_sigmoid_grad, 0.1, 0.9),
    "IsFinite": Sample([uniform(-3, 3)], np.isfinite, wrt=(), special=True),
    "IsInf": Sample([uniform(-3, 3)], np.isinf, wrt=(), special=True),
    "IsNan": Sample([uniform(-3, 3)], np.isnan, wrt=(), special=True),
    "LogicalNot": Sample([booleans()], np.logical_not, wrt=(), dtypes=("bool",)),
    "Invert": Sample(
        [integers(0, 100)],
        np.invert,
        wrt=(),
        dtypes=("int8", "int16", "int32", "int64", "uint8", "uint16"),
    ),
    "Cast": Sample(
        [uniform(-3, 3)],
        lambda x: x.astype(np.float64),
        attrs={"DstT": "float64"},
        ulp=0,
        special=True,
    ),
    "Complex": Sample(
        [uniform(-2, 2), uniform(-2, 2)],
        lambda re, im: re + 1j * im,
        wrt=(0, 1),
        attrs={"Tout": "complex128"},
        dtypes=("float64",),
        ulp=0,
    ),
    "Conj": Sample([uniform(-2, 2)], np.conj, dtypes=COMPLEX, ulp=0),
    "Real": Sample(
        [uniform(-2, 2)], np.real, attrs={"Tout": "float64"}, dtypes=("complex128",), ulp=0
    ),
    "Imag": Sample(
        [uniform(-2, 2)], np.imag, attrs={"Tout": "float64"}, dtypes=("complex128",), ulp=0
    ),
    "Angle": Sample(
        [uniform(0.3, 2)], np.angle, attrs={"Tout": "float64"}, dtypes=("complex128",), ulp=4
    ),
    "ComplexAbs": Sample(
        [uniform(0.3, 2)], np.abs, attrs={"Tout": "float64"}, dtypes=("complex128",), ulp=4
    ),
    "Erfinv": _special(special.erfinv, -0.9, 0.9, tails=(1.0, -1.0, 2.0, 1e-20)),
    "Ndtri": _special(special.ndtri, 0.05, 0.95, tails=(0.0, 1.0, 2.0, 1e-20)),
    "Polygamma": Sample(
        [integers(1, 5), uniform(0.5, 6)],
        double(special.polygamma),
        wrt=(1,),
        rtol={"float32": 5e-7, "float64": 1e-12},
    ),
    "Zeta": Sample(
        [uniform(1.5, 6), uniform(0.5, 6)],
        double(special.zeta),
        wrt=(1,),
        rtol={"float32": 5e-7, "float64": 1e-12},
    ),
    "Igamma": Sample(
        [uniform(0.5, 6), uniform(0.5, 6)],
        double(special.gammainc),
        wrt=(0, 1),
        second=False,
        rtol={"float32": 5e-7, "float64": 1e-12},
    ),
    "Igammac": Sample(
        [uniform(0.5, 6), uniform(0.5, 6)],
        double(special.gammaincc),
        wrt=(0, 1),
        second=False,
        rtol={"float32": 5e-7, "float64": 1e-12},
    ),
    "IgammaGradA": Sample(
        [uniform(0.5, 6), uniform(0.5, 6)],
        double(_igamma_grad_a),
        wrt=(),
        lookup_error=True,
        rtol={"float32": 1e-6, "float64": 1e-7},
    ),
    "Betainc": Sample(
        [uniform(0.5, 4), uniform(0.5, 4), uniform(0.1, 0.9)],
        double(special.betainc),
        wrt=(2,),
        rtol={"float32": 1e-6, "float64": 1e-12},
    ),
    "BesselI0": _special(special.i0, -4, 4),
    "BesselI0e": _special(special.i0e, -4, 4, tails=(-500.0, 1e10)),
    "BesselI1": _special(special.i1, -4, 4),
    "BesselI1e": _special(special.i1e, -4, 4, tails=(-500.0, 1e10)),
    "BesselJ0": _special(special.j0, 0.3, 2),
    "BesselJ1": _special(special.j1, 0.3, 3),
    "BesselY0": _special(special.y0, 1.2, 3),
    "BesselY1": _special(special.y1, 0.3, 2),
    "BesselK0": _special(special.k0, 0.3, 4),
    "BesselK0e": _special(special.k0e, 0.3, 4, tails=(500.0, 1e10)),
    "BesselK1": _special(special.k1, 0.3, 4),
    "BesselK1e": _special(special.k1e, 0.3, 4, tails=(500.0, 1e10)),
    "Dawsn": _special(special.dawsn, -3, 3, tails=(-30.0, 1e10)),
    "Expint": _special(special.expi, 0.5, 4, tails=(80.0, 1e-10)),
    "FresnelCos": _special(_fresnel_cos, -3, 3, tails=(-30.0, 1e10)),
    "FresnelSin": _special(_fresnel_sin, -3, 3, tails=(-30.0, 1e10)),
    "Spence": _special(special.spence, 0.2, 4, tails=(0.0, 1e10)),
}
