"""Wengert: TensorFlow's symbolic gradients without TensorFlow.

>>> import wengert as tf
>>> @tf.function
... def f(x):
...     return tf.gradients(x * x, x)
>>> f(tf.constant(3.0))[0].numpy().item()
6.0
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

from wengert import _install as _install  # first: it joins the core and the package
from wengert import errors
from wengert._array_ops import (
    boolean_mask,
    broadcast_dynamic_shape,
    broadcast_static_shape,
    broadcast_to,
    clip_by_value,
    concat,
    ensure_shape,
    expand_dims,
    gather,
    gather_nd,
    identity,
    identity_n,
    meshgrid,
    one_hot,
    pad,
    rank,
    reshape,
    reverse,
    roll,
    scatter_nd,
    sequence_mask,
    shape,
    shape_n,
    size,
    split,
    squeeze,
    stack,
    stop_gradient,
    strided_slice,
    tile,
    transpose,
    unique,
    unstack,
    where,
)
from wengert._array_ops import slice_ as slice
from wengert._control import group, no_op
from wengert._core import Operation, Tensor, __version__
from wengert._creation import (
    constant,
    convert_to_tensor,
    eye,
    fill,
    linspace,
    ones,
    ones_like,
    range,
    zeros,
    zeros_like,
)
from wengert._dtypes import (
    DType,
    as_dtype,
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    resource,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
    variant,
)
from wengert._dtypes import bool_ as bool
from wengert._dtypes import float16 as half
from wengert._dtypes import float64 as double
from wengert._function import function
from wengert._gradients import AggregationMethod, UnconnectedGradients, gradients
from wengert._graph import (
    Graph,
    control_dependencies,
    device,
    executing_eagerly,
    init_scope,
    inside_function,
    name_scope,
)
from wengert._indexed_slices import IndexedSlices
from wengert._linalg_ops import (
    clip_by_global_norm,
    clip_by_norm,
    einsum,
    matmul,
    tensordot,
)
from wengert._math_ops import (
    abs,
    acos,
    acosh,
    add,
    add_n,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cast,
    complex,
    cos,
    cosh,
    divide,
    equal,
    exp,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    pow,
    round,
    saturate_cast,
    scalar_mul,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    truediv,
)
from wengert._math_reduce import (
    argmax,
    argmin,
    cumsum,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
)
from wengert._operators import register_tensor_conversion_function
from wengert._sorting import argsort, sort
from wengert._tensor_shape import TensorShape
from wengert._tensor_spec import TensorSpec
from wengert._variables import Variable

newaxis = None

# What most programs never touch is imported when it is first asked for: modules, and names of
# this module by the module that holds them ("module:name" where it is called otherwise there).
_MODULES = (
    "autodiff", "autograph", "bitwise", "compat", "config", "debugging", "dtypes", "image",
    "linalg", "math", "nest", "nn", "random", "raw_ops", "signal", "sparse", "test",
)  # fmt: skip
_NAMES = {
    "Assert": "_case",
    "TensorArray": "_tensor_array",
    "VariableAggregation": "_variable_options",
    "VariableSynchronization": "_variable_options",
    "case": "_case",
    "compile": "_api_explain",
    "cond": "_control_flow",
    "explain": "_api_explain",
    "GradientTape": "_tape",
    "custom_gradient": "_custom_gradient",
    "RegisterGradient": "_custom_gradient",
    "no_gradient": "_custom_gradient",
    "NotDifferentiable": "_custom_gradient:no_gradient",
    "NoGradient": "_custom_gradient:no_gradient",
    "grad_pass_through": "_custom_gradient",
    "recompute_grad": "_recompute",
    "py_function": "_py_function",
    "numpy_function": "_py_function",
    "hessians": "_jacobian",
    "jacobian": "_derivatives",
    "hessian": "_derivatives",
    "hvp": "_derivatives",
    "jacobian_sparsity": "_derivatives",
    "check_gradients": "_check_gradients",
    "why": "_why",
    "foldl": "_functional_loops",
    "foldr": "_functional_loops",
    "map_fn": "_functional_loops",
    "scan": "_functional_loops",
    "switch_case": "_control_flow",
    "vectorized_map": "_vectorized_map",
    "while_loop": "_while",
    **dict.fromkeys(
        (
            "batch_to_space",
            "bitcast",
            "dynamic_partition",
            "dynamic_stitch",
            "histogram_fixed_width",
            "histogram_fixed_width_bins",
            "repeat",
            "required_space_to_batch_paddings",
            "reverse_sequence",
            "searchsorted",
            "space_to_batch",
            "space_to_batch_nd",
            "tensor_scatter_nd_add",
            "tensor_scatter_nd_max",
            "tensor_scatter_nd_min",
            "tensor_scatter_nd_sub",
            "tensor_scatter_nd_update",
            "unique_with_counts",
            "unravel_index",
        ),
        "_array_more",
    ),
    **dict.fromkeys(("assert_equal", "assert_greater", "assert_less"), "_debug"),
    "assert_rank": "_debug_static",
    "print": "_printing",
    **dict.fromkeys(("realdiv", "truncatediv", "truncatemod"), "_v1_math"),
    "extract_volume_patches": "_image_ops",
    **dict.fromkeys(("get_static_value", "is_tensor"), "_v1_math"),
    "norm": "_linalg_norms",
}


def __getattr__(name: str) -> _Any:
    if name in _MODULES:
        return _import_module(f"wengert.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module 'wengert' has no attribute {name!r}")
    module, _, attribute = _NAMES[name].partition(":")
    value = getattr(_import_module(f"wengert.{module}"), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
