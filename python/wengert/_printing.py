"""Printing (`tf.print`, `tf.compat.v1.Print`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import _core

apply = _core.apply
convert = _core.convert


def print(*inputs: Any, **kwargs: Any) -> Any:
    """Print tensors when they are computed (`tf.print`), to the standard error stream by default.

    Parameters
    ----------
    *inputs
        Tensors and Python values.
    output_stream : file or str, optional
        `sys.stderr`, `sys.stdout`, or "file://" and a path.
    summarize : int, optional
        Elements shown at both ends of each axis, 3 by default, -1 for all.
    sep, end : str, optional

    Returns
    -------
    Operation or None
        In a graph the operation that must run.
    """
    import sys

    stream = kwargs.pop("output_stream", sys.stderr)
    summarize = kwargs.pop("summarize", 3)
    sep, end = kwargs.pop("sep", " "), kwargs.pop("end", "\n")
    name = kwargs.pop("name", None)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments for tf.print: {kwargs}")
    if stream is sys.stdout:
        stream = "stdout"
    elif stream is sys.stderr:
        stream = "stderr"
    elif not isinstance(stream, str):
        raise ValueError(f"Unsupported output stream {stream!r}: sys.stdout, sys.stderr or a path")
    parts, tensors = [], []
    for value in inputs:
        if getattr(value, "_is_variable", False):
            value = value.read_value()
        if isinstance(value, (_core.Tensor, np.ndarray)):
            parts.append("{}")
            tensors.append(convert(value))
        else:
            parts.append(str(value).replace("{}", "{ }"))
    attrs = {"template": sep.join(parts), "placeholder": "{}", "summarize": summarize}
    text = apply("StringFormat", (tensors,), attrs)
    return apply("PrintV2", (text,), {"output_stream": stream, "end": end}, name)


def print_v1(
    input_: Any, data: Any, message: str | None = None, first_n: int | None = None,
    summarize: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """`tf.compat.v1.Print`: its input; it prints `data` to the standard error when it runs."""
    attrs: dict[str, Any] = {"message": message or ""}
    if first_n is not None:
        attrs["first_n"] = first_n
    if summarize is not None:
        attrs["summarize"] = summarize
    return apply("Print", (input_, [convert(d) for d in data]), attrs, name)
