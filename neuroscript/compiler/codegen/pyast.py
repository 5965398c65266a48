"""Builders of Python syntax trees, and the script's positions on them.

Trees are built without positions; `place` then gives one to every node that has none, so that the innermost expression
of the script that a piece of code comes from is the one that a failing operation is reported at.
"""

from __future__ import annotations

import ast
from typing import Any

from neuroscript.runtime import abi
from neuroscript.syntax.nodes import Span

LOAD = ast.Load()
STORE = ast.Store()
_OPERATORS: dict[str, type[ast.operator]] = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "/": ast.Div,
    "//": ast.FloorDiv,
    "%": ast.Mod,
    "**": ast.Pow,
}
_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "==": ast.Eq,
    "!=": ast.NotEq,
    "is": ast.Is,
    "is not": ast.IsNot,
    "in": ast.In,
}


def name(identifier: str) -> ast.Name:
    """A reference to a name."""
    return ast.Name(identifier, LOAD)


def variable(identifier: str) -> ast.Name:
    """A reference to a variable of the script."""
    return ast.Name(abi.VARIABLE + identifier, LOAD)


def set_variable(identifier: str, value: ast.expr) -> ast.Assign:
    """An assignment to a variable of the script."""
    return assign(abi.VARIABLE + identifier, value)


def const(value: Any) -> ast.Constant:
    """A constant."""
    return ast.Constant(value)


def call(function: str | ast.expr, *args: ast.expr, **named: ast.expr) -> ast.Call:
    """A call with positional arguments, then named ones."""
    callee = name(function) if isinstance(function, str) else function
    return ast.Call(callee, list(args), [ast.keyword(key, value) for key, value in named.items()])


def bind(identifier: str, value: ast.expr) -> ast.NamedExpr:
    """``(identifier := value)``."""
    return ast.NamedExpr(ast.Name(identifier, STORE), value)


def either(test: ast.expr, yes: ast.expr, no: ast.expr) -> ast.IfExp:
    """``yes if test else no``."""
    return ast.IfExp(test, yes, no)


def compare(left: ast.expr, *pairs: Any) -> ast.Compare:
    """``compare(a, "<", b, "<", c)`` is ``a < b < c``."""
    return ast.Compare(left, [_COMPARISONS[op]() for op in pairs[::2]], list(pairs[1::2]))


def both(*tests: ast.expr) -> ast.expr:
    """``a and b and …``; of none, True."""
    if not tests:
        return const(True)
    return tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), list(tests))


def some(*tests: ast.expr) -> ast.expr:
    """``a or b or …``."""
    return tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), list(tests))


def negated(test: ast.expr) -> ast.UnaryOp:
    """``not test``."""
    return ast.UnaryOp(ast.Not(), test)


def binary(left: ast.expr, operator: str, right: ast.expr) -> ast.BinOp:
    """``left operator right``."""
    return ast.BinOp(left, _OPERATORS[operator](), right)


def item(container: ast.expr, key: ast.expr) -> ast.Subscript:
    """``container[key]``."""
    return ast.Subscript(container, key, LOAD)


def attribute(value: ast.expr, name: str) -> ast.Attribute:
    """``value.name``."""
    return ast.Attribute(value, name, LOAD)


def kind_is(value: ast.expr, kind: str) -> ast.Compare:
    """``type(value) is kind``."""
    return compare(call("type", value), "is", name(kind))


def assign(identifier: str, value: ast.expr) -> ast.Assign:
    """``identifier = value``."""
    return ast.Assign([ast.Name(identifier, STORE)], value)


def run(function: str, *args: ast.expr) -> ast.Expr:
    """A call as a statement."""
    return ast.Expr(call(function, *args))


def when(test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt] | None = None) -> ast.If:
    """``if``."""
    return ast.If(test, body, orelse or [])


def function(identifier: str, params: list[str], optional: list[str], body: list[ast.stmt]) -> ast.FunctionDef:
    """A function; the optional parameters are None when left out."""
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(param) for param in (*params, *optional)],
        vararg=None,
        kwonlyargs=[],
        kw_defaults=[],
        kwarg=None,
        defaults=[const(None) for _ in optional],
    )
    made = ast.FunctionDef(identifier, arguments, body, [], None)
    if "type_params" in ast.FunctionDef._fields:
        made.type_params = []  # type: ignore[attr-defined]
    return made


def place(tree: ast.AST, span: Span) -> None:
    """Sets the position of every node of a tree that has none yet."""
    line, column, end_line, end_column = span
    pending = [tree]
    while pending:
        node = pending.pop()
        attributes = node.__dict__
        if "lineno" in attributes:
            continue
        kind = type(node)
        inner = _INNER.get(kind)
        if inner is None:
            inner = _INNER[kind] = tuple(name for name in kind._fields if name not in _NO_NODES)
        for name in inner:
            value = attributes.get(name)
            if type(value) is list:
                pending += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST):
                pending.append(value)
        if kind._attributes:
            # One by one: `update` would give each node a dictionary with keys of its own.
            node.lineno = line  # type: ignore[attr-defined]
            node.col_offset = column  # type: ignore[attr-defined]
            node.end_lineno = end_line  # type: ignore[attr-defined]
            node.end_col_offset = end_column  # type: ignore[attr-defined]


# The fields of each class of nodes that hold nodes with positions.
_INNER: dict[type[ast.AST], tuple[str, ...]] = {ast.Name: (), ast.Constant: (), ast.Call: ("func", "args", "keywords")}
_NO_NODES = frozenset({"ctx", "op", "ops", "id", "name", "names", "arg", "type_comment", "attr"})
