"""Every op as a function with keyword arguments, made from the registry (`tf.raw_ops`)."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable

from wengert import _core

__all__: list[str] = []


# Where TensorFlow's public function has another name for an argument than the op's definition.
_RENAMED = {
    **{
        (op, "reduction_indices"): "axis"
        for op in ("Sum", "Mean", "Prod", "Max", "Min", "All", "Any", "EuclideanNorm")
    },
    ("ExpandDims", "dim"): "axis",
    ("Split", "split_dim"): "axis",
    ("SplitV", "split_dim"): "axis",
    ("Squeeze", "squeeze_dims"): "axis",
}


def _make(op_type: str) -> Callable[..., typing.Any]:
    info = _core.op_info(op_type)
    public_name = {old: new for (op, old), new in _RENAMED.items() if op == op_type}
    own_name = {new: old for old, new in public_name.items()}
    input_names = [public_name.get(name, name) for name, _ in info["inputs"]]
    attr_names = {public_name.get(name, name) for name, *_ in info["attrs"]}

    def raw_op(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        if args:
            raise TypeError(f"{op_type} only takes keyword args (possible keys: {possible})")
        name = kwargs.pop("name", None)
        unknown = [k for k in kwargs if k not in attr_names and k not in input_names]
        if unknown:
            raise TypeError(f"{op_type} got an unexpected keyword argument '{unknown[0]}'")
        missing = [k for k in input_names if k not in kwargs]
        if missing:
            raise TypeError(
                f"{op_type} missing {len(missing)} required arguments: {', '.join(missing)}"
            )
        inputs = tuple(kwargs.pop(k) for k in input_names)
        kwargs = {own_name.get(k, k): v for k, v in kwargs.items()}
        return _core.apply(op_type, inputs, kwargs, name)

    parameters = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in input_names]
    for name, _, default, _ in info["attrs"]:
        if name in _inferred(info):
            continue
        parameters.append(
            inspect.Parameter(
                public_name.get(name, name),
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if default is None else default,
            )
        )
    parameters.append(inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, default=None))
    possible = [p.name for p in parameters]
    raw_op.__name__ = raw_op.__qualname__ = op_type
    raw_op.__doc__ = f"{info['summary']}.\n\nThe op {op_type}; keyword arguments only."
    raw_op.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return raw_op


def _inferred(info: dict[str, typing.Any]) -> set[str]:
    """Attributes that the inputs determine."""
    names: set[str] = set()
    for _, kind in info["inputs"]:
        names.update(part.strip() for part in kind.split("*"))
    return names


def __getattr__(name: str) -> typing.Any:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        made = _make(name)
    except KeyError:
        raise AttributeError(f"module 'wengert.raw_ops' has no attribute {name!r}") from None
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted(_core.op_names())
