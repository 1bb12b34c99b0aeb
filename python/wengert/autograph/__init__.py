"""Conversion of Python control flow into graphs (`tf.autograph`)."""

from __future__ import annotations

from wengert.autograph import experimental as experimental
from wengert.autograph._public import set_verbosity, to_code, to_graph, trace

__all__ = ["experimental", "set_verbosity", "to_code", "to_graph", "trace"]
