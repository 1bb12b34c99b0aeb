"""Neural-network functions (`tf.nn`)."""

from wengert._math_ops import sigmoid, tanh
from wengert._math_reduce import reduce_logsumexp
from wengert._nn_ops import (
    bias_add,
    elu,
    embedding_lookup,
    gelu,
    l2_loss,
    l2_normalize,
    leaky_relu,
    log_softmax,
    moments,
    relu,
    relu6,
    selu,
    sigmoid_cross_entropy_with_logits,
    silu,
    softmax,
    softmax_cross_entropy_with_logits,
    softplus,
    softsign,
    sparse_softmax_cross_entropy_with_logits,
    swish,
    top_k,
)

__all__ = [
    "bias_add", "elu", "embedding_lookup", "gelu", "l2_loss", "l2_normalize", "leaky_relu",
    "log_softmax", "moments", "reduce_logsumexp", "relu", "relu6", "selu", "sigmoid",
    "sigmoid_cross_entropy_with_logits", "silu", "softmax", "softmax_cross_entropy_with_logits",
    "softplus", "softsign", "sparse_softmax_cross_entropy_with_logits", "swish", "tanh", "top_k",
]  # fmt: skip
