"""`tf.nn.experimental`."""

from wengert._nn_dropout import general_dropout, stateless_dropout

__all__ = ["general_dropout", "stateless_dropout"]
