"""Neural-network functions (`tf.nn`)."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

# Name -> module, imported when first asked for.
_NAMES = {
    name: module
    for module, names in {
        "_array_more": ["depth_to_space", "space_to_batch", "space_to_depth"],
        "_math_more": ["in_top_k", "zero_fraction"],
        "_math_ops": ["sigmoid", "tanh"],
        "_math_reduce": ["reduce_logsumexp"],
        "_nn_conv": ["atrous_conv2d", "conv1d", "conv2d", "conv3d", "convolution"],
        "_nn_conv_transpose": [
            "atrous_conv2d_transpose", "conv1d_transpose", "conv2d_transpose", "conv3d_transpose",
            "conv_transpose",
        ],
        "_nn_depthwise": [
            "depthwise_conv2d", "depthwise_conv2d_backprop_filter",
            "depthwise_conv2d_backprop_input", "separable_conv2d",
        ],
        "_nn_dropout": ["dropout"],
        "_nn_losses": [
            "log_poisson_loss", "sigmoid_cross_entropy_with_logits",
            "softmax_cross_entropy_with_logits", "sparse_softmax_cross_entropy_with_logits",
            "weighted_cross_entropy_with_logits",
        ],
        "_nn_norm": [
            "batch_norm_with_global_normalization", "batch_normalization",
            "local_response_normalization", "lrn", "normalize_moments", "sufficient_statistics",
            "weighted_moments",
        ],
        "_nn_ops": [
            "bias_add", "crelu", "elu", "embedding_lookup", "gelu", "l2_loss",
            "l2_normalize", "leaky_relu", "log_softmax", "moments", "relu", "relu6", "selu", "silu",
            "softmax", "softplus", "softsign", "swish", "top_k",
        ],
        "_nn_pool": [
            "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool", "max_pool1d",
            "max_pool2d", "max_pool3d", "max_pool_with_argmax", "pool",
        ],
        "_nn_pool_more": ["dilation2d", "erosion2d", "fractional_avg_pool", "fractional_max_pool"],
    }.items()
    for name in names
}  # fmt: skip

__all__ = [*_NAMES, "experimental"]  # noqa: F822


def __getattr__(name: str) -> _Any:
    if name == "experimental":
        return _import_module("wengert._nn_experimental")
    if name not in _NAMES:
        raise AttributeError(f"module 'wengert.nn' has no attribute {name!r}")
    value = getattr(_import_module(f"wengert.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
