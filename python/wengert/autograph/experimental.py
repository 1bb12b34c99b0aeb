"""Options of AutoGraph (`tf.autograph.experimental`)."""

from __future__ import annotations

from wengert._autograph_options import Feature, do_not_convert, set_loop_options

__all__ = ["Feature", "do_not_convert", "set_loop_options"]
