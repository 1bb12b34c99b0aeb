"""Mathematics (`tf.math`)."""

from types import SimpleNamespace as _Namespace
from typing import Any as _Any

from wengert import _math_ops as _m
from wengert._math_ops import (
    abs,
    accumulate_n,
    acos,
    acosh,
    add,
    add_n,
    angle,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bessel_i0,
    bessel_i0e,
    bessel_i1,
    bessel_i1e,
    betainc,
    ceil,
    conj,
    cos,
    cosh,
    digamma,
    divide,
    equal,
    erf,
    erfc,
    erfcinv,
    erfinv,
    exp,
    expm1,
    floor,
    floordiv,
    floormod,
    greater,
    greater_equal,
    igamma,
    igammac,
    imag,
    is_finite,
    is_inf,
    is_nan,
    less,
    less_equal,
    lgamma,
    log,
    log1p,
    log_sigmoid,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    mod,
    multiply,
    multiply_no_nan,
    ndtri,
    negative,
    nextafter,
    not_equal,
    polygamma,
    polyval,
    pow,
    real,
    reciprocal,
    reciprocal_no_nan,
    rint,
    round,
    rsqrt,
    scalar_mul,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    squared_difference,
    subtract,
    tan,
    tanh,
    truediv,
    xdivy,
    xlog1py,
    xlogy,
    zeta,
)
from wengert._math_ops import div_no_nan as divide_no_nan
from wengert._math_reduce import (
    argmax,
    argmin,
    count_nonzero,
    cumprod,
    cumsum,
    cumulative_logsumexp,
    reduce_all,
    reduce_any,
    reduce_euclidean_norm,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_std,
    reduce_sum,
    reduce_variance,
)
from wengert._nn_ops import l2_normalize, log_softmax, softmax, softplus, softsign, top_k

special = _Namespace(
    bessel_i0=bessel_i0, bessel_i0e=bessel_i0e, bessel_i1=bessel_i1, bessel_i1e=bessel_i1e,
    bessel_j0=_m.bessel_j0, bessel_j1=_m.bessel_j1, bessel_k0=_m.bessel_k0,
    bessel_k0e=_m.bessel_k0e, bessel_k1=_m.bessel_k1, bessel_k1e=_m.bessel_k1e,
    bessel_y0=_m.bessel_y0, bessel_y1=_m.bessel_y1, dawsn=_m.dawsn, expint=_m.expint,
    fresnel_cos=_m.fresnel_cos, fresnel_sin=_m.fresnel_sin, spence=_m.spence,
)  # fmt: skip

_NAMES = {
    **dict.fromkeys(
        (
            "segment_max",
            "segment_mean",
            "segment_min",
            "segment_prod",
            "segment_sum",
            "unsorted_segment_max",
            "unsorted_segment_mean",
            "unsorted_segment_min",
            "unsorted_segment_prod",
            "unsorted_segment_sqrt_n",
            "unsorted_segment_sum",
        ),
        "_segment_ops",
    ),
    **dict.fromkeys(
        (
            "approx_max_k",
            "approx_min_k",
            "bincount",
            "confusion_matrix",
            "in_top_k",
            "is_non_decreasing",
            "is_strictly_increasing",
            "lbeta",
            "zero_fraction",
        ),
        "_math_more",
    ),
    "invert_permutation": "_array_more",
}


def __getattr__(name: str) -> _Any:
    from importlib import import_module

    if name not in _NAMES:
        raise AttributeError(f"module 'wengert.math' has no attribute {name!r}")
    value = getattr(import_module(f"wengert.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
