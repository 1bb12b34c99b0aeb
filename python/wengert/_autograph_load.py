"""Converted functions from syntax trees, at the places of the source they were made from.

The code objects carry the user's file, lines and function names, so that tracebacks, warnings,
debuggers and operations show these without further ado.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from typing import Any

from wengert import _autograph
from wengert._autograph_source import FRAME_FUNCTIONS, dotted

__all__ = ["CallTransformer", "bare", "load", "with_calls"]


class CallTransformer(ast.NodeTransformer):
    """Rewrites `f(x)` as `ag__.call(f)(x)`."""

    def __init__(self, first_argument: str | None, converts_print: bool) -> None:
        self.left_alone = FRAME_FUNCTIONS if converts_print else {*FRAME_FUNCTIONS, "print"}
        self.first_argument = first_argument

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        outer, self.first_argument = self.first_argument, first_argument(node)
        self.generic_visit(node)
        self.first_argument = outer
        return node

    def visit_With(self, node: ast.With) -> Any:
        # Context managers are made as they are written.
        node.body = [self.visit(s) for s in node.body]
        return node

    def is_generated(self, name: str) -> bool:
        return False

    def visit_Call(self, node: ast.Call) -> Any:
        name = dotted(node.func)
        if self.is_generated(name) or name.partition(".")[0] == "ag__":
            return self.generic_visit(node)
        if name == "super" and not node.args and self.first_argument:
            # Without arguments it would look at the frame of its caller.
            made = [ast.Name(id="__class__", ctx=ast.Load()),
                    ast.Name(id=self.first_argument, ctx=ast.Load())]  # fmt: skip
            node.args = [ast.copy_location(a, node) for a in made]
            return node
        if name in self.left_alone or name == "super":
            return self.generic_visit(node)
        self.generic_visit(node)
        get = ast.Attribute(
            value=ast.Name(id="ag__", ctx=ast.Load()), attr="call", ctx=ast.Load()
        )  # fmt: skip
        lookup = ast.Call(func=get, args=[node.func], keywords=[])
        for n in (get.value, get, lookup):
            ast.copy_location(n, node.func)
        node.func = lookup
        return node


def first_argument(definition: Any) -> str | None:
    names = [*definition.args.posonlyargs, *definition.args.args]
    return names[0].arg if names else None


class _Mangler(ast.NodeTransformer):
    """Writes out private names (`self.__x`), which the class around would change."""

    def __init__(self, owner: str) -> None:
        self.prefix = f"_{owner.lstrip('_')}"

    def name(self, name: str) -> str:
        private = name.startswith("__") and not name.endswith("__")
        return self.prefix + name if private else name

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        node.attr = self.name(node.attr)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> Any:
        node.id = self.name(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> Any:
        node.arg = self.name(node.arg)
        return node


def bare(definition: Any, f: types.FunctionType) -> Any:
    """The definition without what was evaluated when the function was made."""
    none = ast.Constant(value=None)
    a = definition.args
    a.defaults = [ast.copy_location(ast.Constant(value=None), d) for d in a.defaults]
    a.kw_defaults = [d and ast.copy_location(none, d) for d in a.kw_defaults]
    if isinstance(definition, ast.FunctionDef):
        definition.decorator_list = []
        definition.returns = None
        for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg):
            if p is not None:
                p.annotation = None
    owner = _class_around(f.__qualname__)
    return definition if owner is None else _Mangler(owner).visit(definition)


def _class_around(path: str) -> str | None:
    *parts, _ = path.split(".")
    while parts and parts[-1] == "<locals>":
        parts = parts[:-2]
    return parts[-1] if parts else None


def with_calls(definition: Any, f: types.FunctionType, ag: Any) -> Callable[[Any], Any]:
    """Plan of a function in which only calls change."""
    definition = bare(definition, f)
    body = CallTransformer(first_argument(definition), converts_print=False)
    if isinstance(definition, ast.Lambda):
        definition.body = body.visit(definition.body)
    else:
        definition.body = [body.visit(s) for s in definition.body]
    return load(definition, f, ag, None)


_FACTORY = """
def ag__outer():
    def ag__inner(ag__):
        return ag__made
    return ag__inner
"""
_PATH = "ag__outer.<locals>.ag__inner.<locals>.ag__made"


def load(
    definition: Any, f: types.FunctionType, ag: Any, generated: frozenset[str] | None
) -> Callable[[Any], Any]:
    """Compiles a definition; the result makes functions of it from functions like `f`.

    Parameters
    ----------
    definition : ast.FunctionDef or ast.Lambda
        With positions.
    ag
        What the definition finds under the name `ag__`.
    generated : set of str, optional
        Functions inside that the user did not write, besides lambdas; None: there are none.
    """
    code = f.__code__
    tree = ast.parse(_FACTORY)
    outer: Any = tree.body[0]
    inner: Any = outer.body[0]
    if isinstance(definition, ast.Lambda):
        target = ast.Name(id="ag__made", ctx=ast.Store())
        inner.body.insert(0, ast.Assign(targets=[target], value=definition))
    else:
        definition.name = "ag__made"  # not its own: the function may name itself
        inner.body.insert(0, definition)
    if code.co_freevars:
        targets: list[ast.expr] = [ast.Name(id=v, ctx=ast.Store()) for v in code.co_freevars]
        outer.body.insert(0, ast.Assign(targets=targets, value=ast.Constant(value=None)))
    ast.fix_missing_locations(tree)
    module = compile(tree, code.co_filename, "exec", code.co_flags & _FUTURE, dont_inherit=True)
    scope: dict[str, Any] = {}
    exec(module, scope)
    maker = scope["ag__outer"]().__code__
    raw = next(c for c in maker.co_consts if isinstance(c, types.CodeType))
    made = _named(raw, code.co_name, f.__qualname__, generated)
    maker = maker.replace(co_consts=tuple(made if c is raw else c for c in maker.co_consts))
    _autograph.register(made, code.co_name, written=True)

    def instantiate(source: types.FunctionType) -> types.FunctionType:
        cells = dict(zip(source.__code__.co_freevars, source.__closure__ or (), strict=True))
        closure = tuple(cells[v] for v in maker.co_freevars)
        make = types.FunctionType(maker, source.__globals__, "make", None, closure)
        function: types.FunctionType = make(ag)
        function.__defaults__ = source.__defaults__
        function.__kwdefaults__ = source.__kwdefaults__
        function.__name__, function.__qualname__ = source.__name__, source.__qualname__
        function.__module__, function.__doc__ = source.__module__, source.__doc__
        function.__dict__.update(source.__dict__)
        return function

    return instantiate


_FUTURE = 0x1FE0000  # the flags of `from __future__` features


def _named(
    code: types.CodeType, name: str, path: str, generated: frozenset[str] | None
) -> types.CodeType:
    """The code under another name; what was generated inside goes by the same name."""
    consts: list[Any] = []
    for c in code.co_consts:
        if isinstance(c, str) and c.startswith(_PATH):  # the paths of functions and classes
            consts.append(path.partition(".<locals>.")[0] + c[len(_PATH) :])
        elif not isinstance(c, types.CodeType):
            consts.append(c)
        elif generated is not None and (c.co_name in generated or c.co_name == "<lambda>"):
            consts.append(_named(c, name, path, generated))
        else:
            consts.append(_named(c, c.co_name, f"{path}.<locals>.{c.co_name}", generated))
    changes: dict[str, Any] = {"co_consts": tuple(consts), "co_name": name}
    if hasattr(code, "co_qualname"):
        changes["co_qualname"] = path
    return code.replace(**changes)
