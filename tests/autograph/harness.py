"""Small programs with Python control flow, and what TensorFlow 2.21 answers to each.

`python tests/autograph/record.py` runs them in TensorFlow and writes the answers.
"""

import importlib
import os
import re

import numpy as np

tf = importlib.import_module(os.environ.get("AUTOGRAPH_REFEREE", "wengert"))
CASES = {}
GRAPHS = {}


def case(*args, graph=False, **options):
    """Registers a function: it is compiled by `tf.function(**options)` and called with `args`.

    Where `graph` is true only the operations of its graph matter.
    """

    def register(function):
        name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        assert name not in CASES, name
        assert name not in GRAPHS, name
        (GRAPHS if graph else CASES)[name] = (function, args, options)
        return function

    return register


def plain(x):
    """A result as JSON can hold it: tensors by dtype, shape and values."""
    if isinstance(x, tf.Tensor):
        value = np.asarray(x.numpy())
        items = value.tolist()
        if value.dtype == object or value.dtype.kind == "S":
            items = np.vectorize(repr, otypes=[object])(value).tolist()
        return {"dtype": x.dtype.name, "shape": list(value.shape), "value": items}
    if isinstance(x, dict):
        return {"dict": {str(k): plain(v) for k, v in x.items()}}
    if isinstance(x, (list, tuple)):
        return {type(x).__name__: [plain(v) for v in x]}
    if x is None or isinstance(x, (bool, int, float, str)):
        return x
    return {"type": type(x).__name__}


def tidy(text):
    """A message without what differs from run to run, or between the two packages."""
    text = re.sub(r'File "[^"]*?([^"/]*)"', r'File "\1"', text)
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    text = text.replace("outer_factory.<locals>.inner_factory.<locals>.tf__", "")
    # What is said of run-time errors and of tensors out of scope besides their cause.
    text = re.sub(r"^Graph execution error:.*\n(?=[^\n]*\n\t \[\[)", "", text, flags=re.S)
    text = re.sub(r" \[Op:__\w+\]$|\nDefined at: .*$", "", text)
    text = re.sub(r"\n\n<tf.Tensor [^\n]* was defined.*", "", text, flags=re.S)
    text = re.sub(r"(?<=_)\d{2,}\b", "N", text)
    return text


def answer(name):
    """What the module under test gives for a case."""
    function, args, options = CASES[name]
    try:
        compiled = tf.function(function, **options)
        return {"result": plain(compiled(*args))}
    except Exception as e:
        bases = [t.__name__ for t in type(e).__mro__[:-3]]
        return {"error": bases, "message": tidy(str(e))}


_BODIES = ("cond", "body", "then_branch", "else_branch")


def operations(graph):
    """Types and names of the operations, with those of branches and loops; no parameters."""
    found = []
    for op in graph.get_operations():
        if op.type in ("Placeholder", "Const"):
            if op.type == "Const":
                found.append(op.name)
            continue
        found.append(f"{op.type} {op.name}")
        for name in _BODIES:
            inner = _body(graph, op, name)
            if inner is not None:
                found.append([name, *operations(inner)])
    return found


def _body(graph, op, name):
    try:
        function = op.get_attr(name)
    except ValueError:
        return None
    if not hasattr(function, "graph"):
        function = graph._get_function(function.name)
    return getattr(function, "graph", function)


def graph_answer(name):
    """The operations of a case's graph."""
    function, args, options = GRAPHS[name]
    return operations(tf.function(function, **options).get_concrete_function(*args).graph)
