"""The definition of a function in its source, and what AutoGraph has to do with it."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import linecache
import types
from collections.abc import Iterator
from typing import Any

__all__ = ["SourceError", "find_definition", "needs"]

Definition = Any  # ast.FunctionDef or ast.Lambda, at their lines of the file


class SourceError(Exception):
    """The definition of a function cannot be found; `unknown`: there is no source at all."""

    def __init__(self, message: str, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


def find_definition(code: types.CodeType) -> Definition:
    """The syntax tree of a function, with the line numbers and columns of its file."""
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError, IndexError, SyntaxError) as e:
        raise SourceError(
            f"Unable to locate the source code of {code.co_name}. Note that functions defined in "
            "certain environments, like the interactive Python shell, do not expose their source "
            "code. If that is the case, you should define them in a .py source file. If you are "
            "certain the code is graph-compatible, wrap the call using "
            f"@tf.autograph.experimental.do_not_convert. Original error: {e}",
            unknown=True,
        ) from None
    found: list[Any] = []
    tree = _parse(lines, max(first, 1))
    if tree is not None:
        found = _candidates(tree, code)
    if not found:  # a lambda whose lines are no statement
        found = _candidates(_parse_file(code.co_filename), code)
    if len(found) > 1:
        found = _by_columns(found, code)
    if len(found) != 1:
        problem = "found multiple definitions with identical signatures at the location" if found \
            else "its source has changed"  # fmt: skip
        raise SourceError(f"could not parse the source code of {code.co_name}: {problem}")
    return found[0]


def _parse(lines: list[str], first: int) -> ast.AST | None:
    indented = bool(lines) and lines[0][:1].isspace()
    try:
        tree = ast.parse("if 1:\n" * indented + "".join(lines))
    except SyntaxError:
        return None
    return ast.increment_lineno(tree, first - 1 - indented)


def _parse_file(filename: str) -> ast.AST:
    text = "".join(linecache.getlines(filename))
    try:
        return _parse_text(text)
    except SyntaxError:
        return ast.Module([], [])


@functools.lru_cache(maxsize=2)
def _parse_text(text: str) -> ast.AST:
    return ast.parse(text)


def _candidates(tree: ast.AST, code: types.CodeType) -> list[Any]:
    kinds = (ast.Lambda,) if code.co_name == "<lambda>" else (ast.FunctionDef,)
    return [
        n
        for n in ast.walk(tree)
        if isinstance(n, kinds)
        and _first_line(n) == code.co_firstlineno
        and _mangled(getattr(n, "name", "<lambda>"), code.co_name)
        and _arguments(n) == code.co_varnames[: _argument_count(code)]
    ]


def _mangled(name: str, seen: str) -> bool:
    return name == seen or (name.startswith("__") and seen.endswith(name))


def _first_line(n: Any) -> int:
    line: int = n.decorator_list[0].lineno if getattr(n, "decorator_list", None) else n.lineno
    return line


def _arguments(n: Any) -> tuple[str, ...]:
    a = n.args
    names = [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    names += [p.arg for p in (a.vararg, a.kwarg) if p is not None]
    return tuple(names)


def _argument_count(code: types.CodeType) -> int:
    stars = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + stars


def _by_columns(found: list[Any], code: types.CodeType) -> list[Any]:
    """Those of several lambdas on a line in whose body all instructions lie."""
    if not hasattr(code, "co_positions"):  # before Python 3.11
        return found
    spans = [
        ((line, column), (end_line, end_column))
        for line, end_line, column, end_column in code.co_positions()
        if None not in (line, end_line, column, end_column) and end_column
    ]

    def holds(n: Any) -> bool:
        start = (n.body.lineno, n.body.col_offset)
        end = (n.body.end_lineno, n.body.end_col_offset)
        return all(start <= a and b <= end for a, b in spans)

    inside = [n for n in found if holds(n)]
    return sorted(inside, key=lambda n: (n.body.lineno, n.body.col_offset))[-1:]


# --- what is to be done -----------------------------------------------------------------------

_CONTROL = (ast.If, ast.For, ast.While, ast.IfExp, ast.BoolOp, ast.Not)
# Called where they stand: they look at the frame of their caller.
FRAME_FUNCTIONS = frozenset(
    ("locals", "globals", "vars", "dir", "eval", "exec", "breakpoint", "pdb.set_trace",
     "ipdb.set_trace")
)  # fmt: skip


def needs(definition: Definition, f: types.FunctionType, features: frozenset[str]) -> str | None:
    """None: the function may run as it is; "calls": it calls functions of the user; "control"."""
    if features:
        return "control"
    calls = False
    for n in _body_nodes(definition):
        if isinstance(n, _CONTROL) or (isinstance(n, ast.Compare) and len(n.ops) > 1):
            return "control"
        calls = calls or (isinstance(n, ast.Call) and not _is_plain(n.func, f))
    return "calls" if calls else None


def _body_nodes(definition: Definition) -> Iterator[ast.AST]:
    body = definition.body if isinstance(definition.body, list) else [definition.body]
    for statement in body:
        yield from ast.walk(statement)


def dotted(func: ast.AST) -> str:
    """ "a.b.c" for the expression of that form, else ""."""
    parts: list[str] = []
    while isinstance(func, ast.Attribute):
        parts.append(func.attr)
        func = func.value
    return ".".join([func.id, *reversed(parts)]) if isinstance(func, ast.Name) else ""


def _is_plain(func: ast.AST, f: types.FunctionType) -> bool:
    """Whether a call is certainly not of a function of the user."""
    from wengert._autograph import _LIBRARIES, _OVERLOADED, is_library

    root, *path = dotted(func).split(".")
    if not root or root in f.__code__.co_varnames or root in f.__code__.co_cellvars:
        return False
    value = f.__globals__.get(root, getattr(builtins, root, None))
    if root in f.__code__.co_freevars:
        try:
            value = f.__closure__[f.__code__.co_freevars.index(root)].cell_contents  # type: ignore[index]
        except ValueError:  # not assigned yet
            return False
    if path:
        name = value.__name__ if isinstance(value, types.ModuleType) else ""
        return name.partition(".")[0] in _LIBRARIES
    if isinstance(value, (type, types.BuiltinFunctionType)):
        return root == "print" or not (root == "super" or value in _OVERLOADED)
    return isinstance(value, types.FunctionType) and is_library(value)
