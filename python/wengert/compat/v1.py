"""TensorFlow 1's names (`tf.compat.v1`): graphs, placeholders, sessions."""

from __future__ import annotations

from typing import Any

from wengert import _core
from wengert import _dtypes as _dt
from wengert._array_ops import where_v1 as where
from wengert._control import group, no_op
from wengert._control import tuple_ as tuple
from wengert._creation import constant_v1 as constant
from wengert._creation import convert_to_tensor
from wengert._gradients import AggregationMethod
from wengert._gradients import gradients_v1 as gradients
from wengert._graph import (
    Graph,
    GraphKeys,
    control_dependencies,
    device,
    disable_eager_execution,
    enable_eager_execution,
    executing_eagerly,
    get_default_graph,
    placeholder,
    reset_default_graph,
)
from wengert._graph import name_scope_v1 as name_scope
from wengert._session import InteractiveSession, Session, get_default_session
from wengert._tensor_shape import Dimension, TensorShape
from wengert._variables import Variable

float32, float64, int32, int64 = _dt.float32, _dt.float64, _dt.int32, _dt.int64


class ConfigProto:
    """Options of a session; thread counts and `memory_budget` (bytes, see
    `config.set_memory_budget`) are honoured, the rest is kept as given."""

    def __init__(self, **kwargs: Any) -> None:
        self.intra_op_parallelism_threads = 0
        self.inter_op_parallelism_threads = 0
        self.memory_budget: int | None = None
        self.gpu_options = GPUOptions()
        self.__dict__.update(kwargs)


class GPUOptions:
    """Accepted and ignored: everything runs on the CPU."""

    def __init__(self, **kwargs: Any) -> None:
        self.allow_growth = False
        self.__dict__.update(kwargs)


def global_variables(scope: str | None = None) -> list[Any]:
    """Variables of the default graph, in order of creation."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """Trainable variables of the default graph, in order of creation."""
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Any]:
    """Local variables of the default graph."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """A copy of a collection of the default graph; with `scope`, items whose name matches it."""
    return get_default_graph().get_collection(key, scope)


def add_to_collection(name: Any, value: Any) -> None:
    """Appends to a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)


def variables_initializer(var_list: Any, name: str = "init") -> Any:
    """An operation that assigns the initial values of `var_list`."""
    if _core.current_graph() is None:
        return None
    if var_list:
        return group(*[v.initializer for v in var_list], name=name)
    return group(name=name)


def global_variables_initializer() -> Any:
    """An operation that assigns the initial values of all global variables."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Any:
    """An operation that assigns the initial values of all local variables."""
    return variables_initializer(local_variables())


def assign(
    ref: Any, value: Any, validate_shape: Any = None, use_locking: Any = None, name: Any = None
) -> Any:
    """`ref.assign(value)`."""
    return ref.assign(value, name=name)


def assign_add(ref: Any, value: Any, use_locking: Any = None, name: Any = None) -> Any:
    """`ref.assign_add(value)`."""
    return ref.assign_add(value, name=name)


def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: Any = None) -> Any:
    """`ref.assign_sub(value)`."""
    return ref.assign_sub(value, name=name)


def set_random_seed(seed: int | None) -> None:
    """Seed of the default graph."""
    get_default_graph().seed = seed


# Modules and names that are imported when first asked for.
_MODULES = {
    "initializers": "wengert.compat.v1_initializers",
    "nn": "wengert.compat.v1_nn",
    "train": "wengert.compat.v1_train",
}
_NAMES = {
    "hessians": "_jacobian:hessians_v1",
    "py_func": "_py_function",
    "case": "_case:case_v1",
    "cond": "_control_flow:cond_v1",
    "while_loop": "_while:while_loop_v1",
    **dict.fromkeys(
        (
            "AUTO_REUSE",
            "VariableScope",
            "get_local_variable",
            "get_variable",
            "get_variable_scope",
            "no_regularizer",
            "variable_op_scope",
            "variable_scope",
        ),
        "_variable_scope",
    ),
    **dict.fromkeys(
        (
            "batch_scatter_update",
            "count_up_to",
            "is_variable_initialized",
            "assert_variables_initialized",
            "report_uninitialized_variables",
            "scatter_add",
            "scatter_div",
            "scatter_max",
            "scatter_min",
            "scatter_mul",
            "scatter_nd_add",
            "scatter_nd_sub",
            "scatter_nd_update",
            "scatter_sub",
            "scatter_update",
        ),
        "_variable_functions",
    ),
    **dict.fromkeys(
        (
            "argmax",
            "argmin",
            "boolean_mask",
            "count_nonzero",
            "div",
            "expand_dims",
            "gather",
            "gather_nd",
            "get_static_value",
            "image",
            "is_tensor",
            "ones_like",
            "pad",
            "placeholder_with_default",
            "random",
            "reduce_all",
            "reduce_any",
            "reduce_logsumexp",
            "reduce_max",
            "reduce_mean",
            "reduce_min",
            "reduce_prod",
            "reduce_sum",
            "shape",
            "size",
            "sparse",
            "squeeze",
            "to_bfloat16",
            "to_complex128",
            "to_complex64",
            "to_double",
            "to_float",
            "to_int32",
            "to_int64",
            "transpose",
            "zeros_like",
        ),
        "_v1_math",
    ),
    **{
        name: f"_debug_v1:{name}_v1"
        for name in (
            "assert_equal",
            "assert_greater",
            "assert_greater_equal",
            "assert_less",
            "assert_less_equal",
            "assert_negative",
            "assert_non_negative",
            "assert_non_positive",
            "assert_none_equal",
            "assert_positive",
        )
    },
    **dict.fromkeys(
        (
            "assert_integer",
            "assert_rank",
            "assert_rank_at_least",
            "assert_rank_in",
            "assert_same_float_dtype",
            "assert_scalar",
            "assert_type",
        ),
        "_debug_static",
    ),
    **dict.fromkeys(
        (
            "angle",
            "betainc",
            "ceil",
            "conj",
            "cross",
            "digamma",
            "erf",
            "erfc",
            "expm1",
            "floordiv",
            "igamma",
            "igammac",
            "imag",
            "is_finite",
            "is_inf",
            "is_nan",
            "lgamma",
            "log",
            "log1p",
            "log_sigmoid",
            "logical_xor",
            "mod",
            "polygamma",
            "real",
            "reciprocal",
            "rint",
            "rsqrt",
            "squared_difference",
            "zeta",
        ),
        "_math_ops",
    ),
    **dict.fromkeys(("cumprod", "cumsum"), "_math_reduce"),
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
    "Print": "_printing:print_v1",
    "accumulate_n": "_math_ops:accumulate_n",
    "extract_image_patches": "_image_ops:extract_patches",
    "floor_div": "_math_ops:floordiv",
    "floormod": "_math_ops:floormod",
    "get_seed": "_random_seed:get_seed",
    "is_numeric_tensor": "_debug_static:is_numeric_tensor",
    "lin_space": "_creation:linspace",
    "random_crop": "_v1_math:random_crop",
    "tensor_scatter_add": "_array_more:tensor_scatter_nd_add",
    "tensor_scatter_sub": "_array_more:tensor_scatter_nd_sub",
    "tensor_scatter_update": "_array_more:tensor_scatter_nd_update",
    "where_v2": "_array_ops:where",
    "batch_to_space": "_array_more:batch_to_space_v1",
    "batch_to_space_nd": "_array_more:batch_to_space",
    "bincount": "_math_more:bincount",
    "assert_near": "_debug:assert_near",
    "check_numerics": "_debug:check_numerics",
    "confusion_matrix": "_math_more:confusion_matrix",
    "depth_to_space": "_array_more:depth_to_space_v1",
    "div_no_nan": "_math_ops:div_no_nan",
    "invert_permutation": "_array_more:invert_permutation",
    "lbeta": "_math_more:lbeta",
    "multinomial": "_random_ops:multinomial",
    "pack": "_array_ops:stack",
    "random_gamma": "_random_ops:gamma",
    "random_normal": "_random_ops:normal",
    "random_poisson": "_random_ops:poisson",
    "random_shuffle": "_random_ops:shuffle",
    "random_uniform": "_random_ops:uniform",
    "reverse_sequence": "_array_more:reverse_sequence_v1",
    "reverse_v2": "_array_ops:reverse",
    "setdiff1d": "_array_more:setdiff1d",
    "space_to_batch": "_array_more:space_to_batch_v1",
    "space_to_depth": "_array_more:space_to_depth_v1",
    "sparse_segment_mean": "_segment_ops:sparse_segment_mean_v1",
    "sparse_segment_sqrt_n": "_segment_ops:sparse_segment_sqrt_n_v1",
    "sparse_segment_sum": "_segment_ops:sparse_segment_sum_v1",
    "truncated_normal": "_random_ops:truncated_normal",
    "unpack": "_array_ops:unstack",
    "verify_tensor_all_finite": "_debug:assert_all_finite",
    "constant_initializer": "_initializers:Constant",
    "glorot_normal_initializer": "_initializers:GlorotNormal",
    "glorot_uniform_initializer": "_initializers:GlorotUniform",
    "ones_initializer": "_initializers:Ones",
    "orthogonal_initializer": "_initializers:Orthogonal",
    "random_normal_initializer": "_initializers:RandomNormal",
    "random_uniform_initializer": "_initializers:RandomUniform",
    "truncated_normal_initializer": "_initializers:TruncatedNormal",
    "uniform_unit_scaling_initializer": "_initializers:UniformUnitScaling",
    "variance_scaling_initializer": "_initializers:VarianceScaling",
    "zeros_initializer": "_initializers:Zeros",
    # Linear algebra and Fourier transforms, which TensorFlow 2 moved into modules.
    "cholesky": "_linalg_solve",
    "cholesky_solve": "_linalg_solve",
    "cross": "_math_ops",
    "diag": "_linalg_norms:tensor_diag",
    "diag_part": "_linalg_norms:tensor_diag_part",
    "global_norm": "_linalg_ops",
    "log_matrix_determinant": "_linalg_solve:slogdet",
    "matrix_band_part": "_linalg_norms:band_part",
    "matrix_determinant": "_linalg_solve:det",
    "matrix_diag": "_array_ops",
    "matrix_diag_part": "_array_ops",
    "matrix_inverse": "_linalg_solve:inv",
    "matrix_set_diag": "_array_ops",
    "matrix_solve": "_linalg_solve:solve",
    "matrix_solve_ls": "_linalg_solve:lstsq",
    "matrix_square_root": "_linalg_decompose:sqrtm",
    "matrix_transpose": "_array_ops",
    "matrix_triangular_solve": "_linalg_solve:triangular_solve",
    "norm": "_linalg_norms:norm_v1",
    "qr": "_linalg_decompose",
    "self_adjoint_eig": "_linalg_decompose:eigh",
    "self_adjoint_eigvals": "_linalg_decompose:eigvalsh",
    "svd": "_linalg_decompose",
    "trace": "_linalg_norms",
    **{name: "_signal_fft" for name in ("fft", "fft2d", "fft3d", "ifft", "ifft2d", "ifft3d")},
}


def initialize_variables(var_list: Any, name: str = "init") -> Any:
    """An older name of `variables_initializer`."""
    return variables_initializer(var_list, name)


def initialize_all_variables() -> Any:
    """An older name of `global_variables_initializer`."""
    return global_variables_initializer()


def all_variables() -> list[Any]:
    """An older name of `global_variables`."""
    return global_variables()


def model_variables(scope: str | None = None) -> list[Any]:
    """Variables of the default graph that are part of a model."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """Variables of the default graph that have a moving average."""
    return get_default_graph().get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """A collection of the default graph itself: changing it changes the collection."""
    return get_default_graph().get_collection_ref(key)


def add_to_collections(names: Any, value: Any) -> None:
    """Appends to several collections of the default graph."""
    get_default_graph().add_to_collections(names, value)


def __getattr__(name: str) -> Any:
    import importlib

    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in _NAMES:
        module, _, attribute = _NAMES[name].partition(":")
        value = getattr(importlib.import_module(f"wengert.{module}"), attribute or name)
        globals()[name] = value
        return value
    # Whatever TensorFlow 2 kept under the same name.
    import wengert

    if not name.startswith("_") and hasattr(wengert, name):
        return getattr(wengert, name)
    raise AttributeError(f"module 'wengert.compat.v1' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
