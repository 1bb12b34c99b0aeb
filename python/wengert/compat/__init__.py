"""The API of older TensorFlow (`tf.compat`)."""

from wengert.compat import v1

__all__ = ["v1"]
