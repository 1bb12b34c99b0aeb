"""Sparse computations (`tf.sparse`)."""

from wengert._segment_ops import sparse_segment_mean as segment_mean
from wengert._segment_ops import sparse_segment_sqrt_n as segment_sqrt_n
from wengert._segment_ops import sparse_segment_sum as segment_sum

__all__ = ["segment_mean", "segment_sqrt_n", "segment_sum"]
