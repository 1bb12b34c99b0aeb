"""Element-wise mathematics (`tf.math`) and the operators of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._indexed_slices import IndexedSlices
from wengert._wrap import op_function

apply = _core.apply
convert = _core.convert


# --- one op each ----------------------------------------------------------------------------
acos = op_function("Acos", "acos")
acosh = op_function("Acosh", "acosh")
asin = op_function("Asin", "asin")
asinh = op_function("Asinh", "asinh")
atan = op_function("Atan", "atan")
atanh = op_function("Atanh", "atanh")
ceil = op_function("Ceil", "ceil")
cos = op_function("Cos", "cos")
cosh = op_function("Cosh", "cosh")
digamma = op_function("Digamma", "digamma")
erf = op_function("Erf", "erf")
erfc = op_function("Erfc", "erfc")
exp = op_function("Exp", "exp")
expm1 = op_function("Expm1", "expm1")
floor = op_function("Floor", "floor")
is_finite = op_function("IsFinite", "is_finite")
is_inf = op_function("IsInf", "is_inf")
is_nan = op_function("IsNan", "is_nan")
lgamma = op_function("Lgamma", "lgamma")
log = op_function("Log", "log")
log1p = op_function("Log1p", "log1p")
logical_not = op_function("LogicalNot", "logical_not")
negative = op_function("Neg", "negative")
reciprocal = op_function("Reciprocal", "reciprocal")
rint = op_function("Rint", "rint")
rsqrt = op_function("Rsqrt", "rsqrt")
sigmoid = op_function("Sigmoid", "sigmoid")
sign = op_function("Sign", "sign")
sin = op_function("Sin", "sin")
sinh = op_function("Sinh", "sinh")
sqrt = op_function("Sqrt", "sqrt")
square = op_function("Square", "square")
tan = op_function("Tan", "tan")
tanh = op_function("Tanh", "tanh")
ndtri = op_function("Ndtri", "ndtri", scope="ndtri")
erfinv = op_function("Erfinv", "erfinv", scope="erfinv")
atan2 = op_function("Atan2", "atan2", "y x")
floormod = op_function("FloorMod", "floormod", "x y")
greater = op_function("Greater", "greater", "x y")
greater_equal = op_function("GreaterEqual", "greater_equal", "x y")
less = op_function("Less", "less", "x y")
less_equal = op_function("LessEqual", "less_equal", "x y")
logical_and = op_function("LogicalAnd", "logical_and", "x y")
logical_or = op_function("LogicalOr", "logical_or", "x y")
maximum = op_function("Maximum", "maximum", "x y")
minimum = op_function("Minimum", "minimum", "x y")
squared_difference = op_function("SquaredDifference", "squared_difference", "x y")
xdivy = op_function("Xdivy", "xdivy", "x y", scope="xdivy")
realdiv = op_function("RealDiv", "realdiv", "x y")
truncatediv = op_function("TruncateDiv", "truncatediv", "x y")
truncatemod = op_function("TruncateMod", "truncatemod", "x y")
igamma = op_function("Igamma", "igamma", "a x")
igammac = op_function("Igammac", "igammac", "a x")
zeta = op_function("Zeta", "zeta", "x q")
polygamma = op_function("Polygamma", "polygamma", "a x")
mod = floormod
# Wrapped in a scope of the function's own name.
bessel_i0 = op_function("BesselI0", "bessel_i0", scope="bessel_i0")
bessel_i0e = op_function("BesselI0e", "bessel_i0e", scope="bessel_i0e")
bessel_i1 = op_function("BesselI1", "bessel_i1", scope="bessel_i1")
bessel_i1e = op_function("BesselI1e", "bessel_i1e", scope="bessel_i1e")
bessel_j0 = op_function("BesselJ0", "bessel_j0", scope="bessel_j0")
bessel_j1 = op_function("BesselJ1", "bessel_j1", scope="bessel_j1")
bessel_k0 = op_function("BesselK0", "bessel_k0", scope="bessel_k0")
bessel_k0e = op_function("BesselK0e", "bessel_k0e", scope="bessel_k0e")
bessel_k1 = op_function("BesselK1", "bessel_k1", scope="bessel_k1")
bessel_k1e = op_function("BesselK1e", "bessel_k1e", scope="bessel_k1e")
bessel_y0 = op_function("BesselY0", "bessel_y0", scope="bessel_y0")
bessel_y1 = op_function("BesselY1", "bessel_y1", scope="bessel_y1")
dawsn = op_function("Dawsn", "dawsn", scope="dawsn")
expint = op_function("Expint", "expint", scope="expint")
fresnel_cos = op_function("FresnelCos", "fresnel_cos", scope="fresnel_cos")
fresnel_sin = op_function("FresnelSin", "fresnel_sin", scope="fresnel_sin")
spence = op_function("Spence", "spence", scope="spence")


# --- conversion -----------------------------------------------------------------------------


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """`x` with elements converted to `dtype` (`tf.cast`); itself when it has that dtype.

    Examples
    --------
    >>> import wengert as tf
    >>> tf.cast(tf.constant([1.8, -2.2]), tf.int32).numpy().tolist()
    [1, -2]
    """
    wanted = dtypes.as_dtype(dtype).base_dtype
    if isinstance(x, _core.Tensor) and x.dtype == wanted:
        return x
    with name_scope_v1(name, "Cast") as scope:
        if isinstance(x, IndexedSlices):
            return IndexedSlices(cast(x.values, wanted), x.indices, x.dense_shape)
        x = convert(x, None, "x")
        if x.dtype == wanted:
            return x
        return apply("Cast", (x,), {"DstT": wanted}, scope or None)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Any:
    """`cast` after clamping to the range of `dtype`."""
    with name_scope_v1(name, "saturate_cast") as scope:
        value = convert(value, None, "value")
        dtype = dtypes.as_dtype(dtype)
        if value.dtype.min < dtype.min:
            value = maximum(value, convert(dtype.min, value.dtype, "min"))
        if value.dtype.max > dtype.max:
            value = minimum(value, convert(dtype.max, value.dtype, "max"))
        return cast(value, dtype, scope or None)


def to_float(x: Any, name: str = "ToFloat") -> Any:
    return cast(x, dtypes.float32, name)


def to_double(x: Any, name: str = "ToDouble") -> Any:
    return cast(x, dtypes.float64, name)


def to_int32(x: Any, name: str = "ToInt32") -> Any:
    return cast(x, dtypes.int32, name)


def to_int64(x: Any, name: str = "ToInt64") -> Any:
    return cast(x, dtypes.int64, name)


# --- arithmetic -----------------------------------------------------------------------------


def _pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Both as tensors, a literal following the dtype of the other operand."""
    if isinstance(y, _core.Tensor) and not isinstance(x, _core.Tensor):
        return convert(x, None, "x", y.dtype), y
    x = convert(x, None, "x")
    return x, convert(y, None, "y", x.dtype)


def add(x: Any, y: Any, name: str | None = None) -> Any:
    """x + y, element-wise (`tf.add`)."""
    with name_scope_v1(name, "Add", [x]) as scope:
        x, y = _pair(x, y)
        return apply("Add" if x.dtype == dtypes.string else "AddV2", (x, y), None, scope or None)


def subtract(x: Any, y: Any, name: str | None = None) -> Any:
    """x - y, element-wise (`tf.subtract`)."""
    return _literal_pair("Sub", x, y, name)


def multiply(x: Any, y: Any, name: str | None = None) -> Any:
    """x * y, element-wise (`tf.multiply`)."""
    return _literal_pair("Mul", x, y, name)


def _literal_pair(op_type: str, x: Any, y: Any, name: str | None) -> Any:
    return apply(op_type, (x, y), None, name)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """`x` times a scalar (`tf.scalar_mul`)."""
    with name_scope_v1(name, "scalar_mul") as scope:
        scalar = convert(scalar, x.dtype, "scalar")
        if scalar.shape.rank not in (0, None):
            raise ValueError(
                f"The input scalar must be a 0-D value. Received shape {scalar.shape}."
            )
        if isinstance(x, IndexedSlices):
            values = apply("Mul", (scalar, x.values), None, scope or None)
            return IndexedSlices(values, x.indices, x.dense_shape)
        return apply("Mul", (scalar, x), None, scope or None)


def truediv(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y, integers as floating-point numbers (`tf.truediv`)."""
    with name_scope_v1(name, "truediv") as scope:
        x, y = _promoted_pair(x, y)
        if x.dtype != y.dtype:
            raise TypeError(
                f"`x` and `y` must have the same dtype, got {x.dtype!r} != {y.dtype!r}."
            )
        wide = {"uint8": "float32", "int8": "float32", "int16": "float32", "uint16": "float32",
                "int32": "float64", "int64": "float64", "uint32": "float64",
                "uint64": "float64", "bool": "float32"}.get(x.dtype.name)  # fmt: skip
        if wide is not None:
            x, y = cast(x, wide), cast(y, wide)
        return apply("RealDiv", (x, y), None, scope or None)


def _promoted_pair(x: Any, y: Any) -> tuple[Any, Any]:
    if not isinstance(x, _core.Tensor) and isinstance(y, _core.Tensor):
        return convert(x, None, "x", y.dtype), y
    x = convert(x, None, "x")
    return x, convert(y, None, "y", x.dtype)


def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y by the rules of Python 3 (`tf.divide`)."""
    if name is not None:
        with name_scope_v1(name, "divide"):
            return divide(x, y)
    if not isinstance(x, _core.Tensor):
        x = convert(x, None, None, getattr(y, "dtype", None))
    return x / y


def div_no_nan(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y, and 0 where y is 0 (`tf.math.divide_no_nan`)."""
    with name_scope_v1(name, "div_no_nan") as scope:
        x, y = _promoted_pair(x, y)
        return apply("DivNoNan", (x, y), None, scope or None)


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Any:
    """x * y, and 0 where y is 0 even if x is infinite or NaN."""
    with name_scope_v1(name, "multiply_no_nan") as scope:
        x = convert(x, None, "x")
        y = convert(y, x.dtype, "y")
        return apply("MulNoNan", (x, y), None, scope or None)


def floordiv(x: Any, y: Any, name: str | None = None) -> Any:
    """x // y, rounding towards minus infinity (`tf.math.floordiv`)."""
    with name_scope_v1(name, "floordiv") as scope:
        return apply("FloorDiv", (x, y), None, scope or None)


def pow(x: Any, y: Any, name: str | None = None) -> Any:
    """x to the power of y, element-wise (`tf.pow`)."""
    with name_scope_v1(name, "Pow") as scope:
        return apply("Pow", (x, y), None, scope or None)


def abs(x: Any, name: str | None = None) -> Any:
    """Absolute value; of complex numbers a real tensor (`tf.abs`)."""
    with name_scope_v1(name, "Abs") as scope:
        x = convert(x, None, "x")
        if x.dtype.is_complex:
            return apply("ComplexAbs", (x,), {"Tout": x.dtype.real_dtype}, scope or None)
        return apply("Abs", (x,), None, scope or None)


def round(x: Any, name: str | None = None) -> Any:
    """Nearest integers, halves to even (`tf.round`)."""
    x = convert(x, None, "x")
    return x if x.dtype.is_integer else apply("Round", (x,), None, name)


def reciprocal_no_nan(x: Any, name: str | None = None) -> Any:
    """1 / x, and 0 where x is 0."""
    with name_scope_v1(name, "reciprocal_no_nan") as scope:
        x = convert(x, None, "x")
        one = _core.constant(1, x.dtype, None, "one")
        return apply("DivNoNan", (one, x), None, scope or None)


def xlogy(x: Any, y: Any, name: str | None = None) -> Any:
    """x log(y), and 0 where x is 0."""
    return apply("Xlogy", (x, y), None, name)


def xlog1py(x: Any, y: Any, name: str | None = None) -> Any:
    """x log(1 + y), and 0 where x is 0."""
    with name_scope_v1(name, "xlog1py"):
        return apply("Xlog1py", (x, y))


def log_sigmoid(x: Any, name: str | None = None) -> Any:
    """log(sigmoid(x)), computed as -softplus(-x)."""
    with name_scope_v1(name, "LogSigmoid") as scope:
        x = convert(x, None, "x")
        return apply("Neg", (apply("Softplus", (-x,)),), None, scope or None)


def erfcinv(x: Any, name: str | None = None) -> Any:
    """Inverse of erfc."""
    with name_scope_v1(name, "erfcinv"):
        x = convert(x, None, "start")
        return -ndtri(0.5 * x) * np.sqrt(0.5)


def betainc(a: Any, b: Any, x: Any, name: str | None = None) -> Any:
    """Regularised incomplete beta function I_x(a, b)."""
    return apply("Betainc", (a, b, x), None, name)


def nextafter(x1: Any, x2: Any, name: str | None = None) -> Any:
    """The next representable number after x1 towards x2."""
    return apply("NextAfter", (x1, x2), None, name)


def cross(a: Any, b: Any, name: str | None = None) -> Any:
    """Cross product of vectors of length 3 along the last axis (`tf.linalg.cross`)."""
    return apply("Cross", (a, b), None, name)


def add_n(inputs: Any, name: str | None = None) -> Any:
    """Sum of a list of tensors of one shape and dtype (`tf.add_n`).

    Raises
    ------
    ValueError
        When `inputs` is no non-empty list of tensors.
    """
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(
            "Inputs must be an iterable of at least one Tensor/IndexedSlices with the same dtype "
            "and shape."
        )
    tensors = [convert(x) if not isinstance(x, _core.Tensor) else x for x in inputs]
    if len(tensors) == 1:
        return apply("Identity", (tensors[0],), None, name) if name else tensors[0]
    return apply("AddN", (tensors,), None, name)


def accumulate_n(
    inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None
) -> Any:
    """As `add_n` (`tf.math.accumulate_n`)."""
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(
            "inputs must be a list of at least one Tensor with the same dtype and shape"
        )
    return add_n([convert(x) for x in inputs], name=name)


def polyval(coeffs: Any, x: Any, name: str | None = None) -> Any:
    """Polynomial with the highest coefficient first, by Horner's rule (`tf.math.polyval`)."""
    if not isinstance(coeffs, list):
        raise ValueError(f"Argument coeffs must be list type. Received type {type(coeffs)}.")
    with name_scope_v1(name, "polyval"):
        x = convert(x, None, "x")
        if not coeffs:
            from wengert._creation import zeros_like

            return zeros_like(x, name=name)
        terms = [convert(c, None, f"coeff_{i}") for i, c in enumerate(coeffs)]
        p = terms[0]
        for c in terms[1:]:
            p = c + p * x
        return p


# --- comparison -----------------------------------------------------------------------------


def equal(x: Any, y: Any, name: str | None = None) -> Any:
    """x == y, element-wise (`tf.equal`)."""
    return apply("Equal", (x, y), None, name)


def not_equal(x: Any, y: Any, name: str | None = None) -> Any:
    """x != y, element-wise (`tf.not_equal`)."""
    return apply("NotEqual", (x, y), None, name)


def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Any:
    """Exclusive or of booleans."""
    return logical_and(logical_or(x, y), logical_not(logical_and(x, y)), name=name)


# --- complex --------------------------------------------------------------------------------


def real(input: Any, name: str | None = None) -> Any:
    """Real part; a real tensor is returned as it is (`tf.math.real`)."""
    with name_scope_v1(name, "Real") as scope:
        input = convert(input, None, "input")
        if input.dtype.is_complex:
            return apply("Real", (input,), {"Tout": input.dtype.real_dtype}, scope or None)
        return input


def imag(input: Any, name: str | None = None) -> Any:
    """Imaginary part; zeros of a real tensor (`tf.math.imag`)."""
    with name_scope_v1(name, "Imag") as scope:
        input = convert(input, None, "input")
        if input.dtype.is_complex:
            return apply("Imag", (input,), {"Tout": input.dtype.real_dtype}, scope or None)
        from wengert._creation import zeros_like

        return zeros_like(input)


def conj(x: Any, name: str | None = None) -> Any:
    """Complex conjugate; a real tensor is returned as it is (`tf.math.conj`)."""
    if isinstance(x, _core.Tensor) and not x.dtype.is_complex and x.dtype.name != "variant":
        return x
    with name_scope_v1(name, "Conj") as scope:
        x = convert(x, None, "x")
        if x.dtype.is_complex:
            return apply("Conj", (x,), None, scope or None)
        return x


def angle(input: Any, name: str | None = None) -> Any:
    """Argument of complex numbers (`tf.math.angle`)."""
    with name_scope_v1(name, "Angle") as scope:
        input = convert(input, None, "input")
        if input.dtype.is_complex:
            return apply("Angle", (input,), {"Tout": input.dtype.real_dtype}, scope or None)
        from wengert._array_ops import where
        from wengert._creation import ones_like, zeros_like

        return where(input < 0, np.pi * ones_like(input), zeros_like(input))


def complex(real: Any, imag: Any, name: str | None = None) -> Any:
    """Complex numbers of real and imaginary parts (`tf.complex`)."""
    real = convert(real, None, "real")
    imag = convert(imag, None, "imag")
    with name_scope_v1(name, "Complex") as scope:
        kinds = (real.dtype.name, imag.dtype.name)
        if kinds not in (("float32", "float32"), ("float64", "float64")):
            raise TypeError(
                f"The `real` and `imag` components have incorrect types: {kinds[0]} {kinds[1]}. "
                "They must be consistent, and one of [tf.float32, tf.float64]"
            )
        out = dtypes.complex64 if kinds[0] == "float32" else dtypes.complex128
        return apply("Complex", (real, imag), {"Tout": out}, scope or None)
