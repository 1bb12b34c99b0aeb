"""The source transformer: control flow as calls of `ag__`, by means of `malt`."""

from __future__ import annotations

import ast
import importlib.util  # noqa: F401  (malt uses it without importing it)
import inspect
import linecache
import types
from collections.abc import Callable
from typing import Any

from malt.converters import (
    asserts,
    break_statements,
    conditional_expressions,
    continue_statements,
    control_flow,
    directives,
    functions,
    logical_expressions,
    return_statements,
    variables,
)
from malt.core import converter, unsupported_features_checker
from malt.impl import api
from malt.lang import directives as malt_directives
from malt.pyct import anno, inspect_utils, naming, origin_info, parser, transformer
from malt.pyct.static_analysis import activity
from malt.utils import ag_logging

from wengert._autograph_load import CallTransformer, bare, first_argument, load
from wengert._autograph_options import set_loop_options
from wengert._autograph_source import Definition

__all__ = ["to_source", "transform"]


def transform(definition: Definition, f: types.FunctionType, conversion: Any) -> Callable[..., Any]:
    """Plan of a function with control flow: see `_autograph_load.load`."""
    node = _converted(definition, f, conversion)
    generated = frozenset(
        n.name
        for n in ast.walk(node)
        if isinstance(n, ast.FunctionDef) and not anno.hasanno(n, "function_context_name")
    )
    _place(node, f.__code__.co_firstlineno, {})
    return load(node, f, conversion.namespace, generated)


def to_source(definition: Definition, f: types.FunctionType, conversion: Any) -> str:
    """The source of the converted function, for people."""
    text: str = parser.unparse(_converted(definition, f, conversion), include_encoding_marker=False)
    return text


def _converted(definition: Definition, f: types.FunctionType, conversion: Any) -> Any:
    options = converter.ConversionOptions(
        recursive=conversion.recursive,
        user_requested=True,
        optional_features=tuple(getattr(converter.Feature, n) for n in conversion.features),
    )
    node = _Handlers().visit(bare(definition, f))
    _note_origins(node, f.__code__)
    namespace = inspect_utils.getnamespace(f)
    namer = naming.Namer(namespace)
    name = namer.new_symbol(f"tf__{getattr(node, 'name', 'lam')}", ())
    info = transformer.EntityInfo(
        name=name, source_code="", source_file="<fragment>", future_features=(),
        namespace=namespace,
    )  # fmt: skip
    context = transformer.Context(info, namer, converter.ProgramContext(options=options))
    node = _pipeline(node, context)
    if isinstance(node, ast.FunctionDef):
        node.name = name
    return node


def _pipeline(node: Any, context: Any) -> Any:
    uses = context.user.options.uses
    unsupported_features_checker.verify(node)
    node = api.PyToPy().initial_analysis(node, context)
    node = _Functions(context).visit(activity.resolve(node, context, None))
    node = _Directives(context).visit(node)
    node = break_statements.transform(node, context)
    if uses(converter.Feature.ASSERT_STATEMENTS):
        node = asserts.transform(node, context)
    node = continue_statements.transform(node, context)
    node = return_statements.transform(node, context)
    calls = _Calls(first_argument(node), uses(converter.Feature.BUILTIN_FUNCTIONS))
    if isinstance(node, ast.Lambda):
        node.body = calls.visit(node.body)
    else:
        node.body = [calls.visit(s) for s in node.body]
    for convert in (control_flow, conditional_expressions, logical_expressions, variables):
        node = convert.transform(node, context)
    return node


class _Handlers(ast.NodeTransformer):
    """Writes `except E as e` as an assignment, since the analysis takes no names there."""

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        self.generic_visit(node)
        if node.name is not None:
            (assign,) = ast.parse(f"{node.name} = ag__.caught()").body
            for n in ast.walk(assign):
                ast.copy_location(n, node)
            node.name = None
            node.body.insert(0, assign)
        return node


class _Functions(functions.FunctionTransformer):  # type: ignore[misc]
    """Only functions with a name get a scope: it is where their `return` ends up."""

    def visit_Lambda(self, node: Any) -> Any:
        anno.setanno(node, "function_context_name", "")
        return self.generic_visit(node)


class _Directives(directives.DirectivesTransformer):  # type: ignore[misc]
    """Takes `set_loop_options` out of loops and notes its arguments."""

    def visit_Expr(self, node: Any) -> Any:
        call = node.value
        if not isinstance(call, ast.Call):
            return super().visit_Expr(node)
        static = anno.getanno(self.visit(call.func), directives.STATIC_VALUE, default=None)
        if static is not set_loop_options:
            return super().visit_Expr(node)
        loop = self.state[directives._LoopScope]
        loop.statements_visited += 1
        if loop.statements_visited > 1:
            raise ValueError('"set_loop_options" must be the first statement in the loop block')
        if loop.level < 2:
            raise ValueError('"set_loop_options" must be used inside a statement')
        given = inspect.signature(set_loop_options).bind_partial(
            *call.args, **{k.arg: k.value for k in call.keywords if k.arg is not None}
        )
        notes = anno.getanno(loop.ast_node, anno.Basic.DIRECTIVES, {})
        notes[malt_directives.set_loop_options] = dict(given.arguments)
        anno.setanno(loop.ast_node, anno.Basic.DIRECTIVES, notes)
        return None


class _Calls(CallTransformer):
    def is_generated(self, name: str) -> bool:
        root, _, method = name.partition(".")
        return root.startswith("fscope") and method == "ret"


# --- places in the source ---------------------------------------------------------------------


def _note_origins(node: Any, code: types.CodeType) -> None:
    """Marks each node with its place; what the transformer makes of it keeps the mark."""
    filename = code.co_filename
    for n in ast.walk(node):
        line = getattr(n, "lineno", None)
        if line is not None:
            place = origin_info.Location(filename, line, getattr(n, "col_offset", 0))
            text = linecache.getline(filename, line)
            anno.setanno(
                n, anno.Basic.ORIGIN, origin_info.OriginInfo(place, code.co_name, text, None)
            )


def _place(node: Any, line: int, first: dict[int, int]) -> None:
    """Gives every node a line: its own, or that of the first node inside with one, or `line`."""
    if "lineno" in node._attributes:
        line = _first_line(node, first) or line
        node.lineno = node.end_lineno = line
        node.col_offset = node.end_col_offset = -1  # unknown, so that nothing is underlined
    for child in ast.iter_child_nodes(node):
        _place(child, line, first)


def _first_line(node: Any, known: dict[int, int]) -> int:
    """Line of the first node inside that came from the source, or 0."""
    if id(node) not in known:
        # Nodes without a place (ast.Load() is one object for all) may carry marks of others.
        placed = "lineno" in node._attributes
        origin = anno.getanno(node, anno.Basic.ORIGIN, None) if placed else None
        found = 0 if origin is None else origin.loc.lineno
        if not found:
            lines = (_first_line(c, known) for c in ast.iter_child_nodes(node))
            found = next((n for n in lines if n), 0)
        known[id(node)] = found
    return known[id(node)]


ag_logging.set_verbosity(0, False)
