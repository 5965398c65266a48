"""Keys that a statement reads and sets by, evaluated once: ``set counts[row.kind] = counts[row.kind] + 1``.

The statement is rewritten: each key that is more than a name or a literal becomes a variable that no script can name.
What is read and what is set then are seen to be the same, and the ways of generating code for that apply.
"""

from __future__ import annotations

import ast
from functools import partial

from neuroscript.compiler.analysis.types import NIL
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.hopeful import evaluated, may_run_twice
from neuroscript.compiler.traversal import alike
from neuroscript.syntax import nodes as n

Rewritten = tuple[list[ast.stmt], n.Target, n.Expr, list[ast.stmt]]


def keys_once(context: FunctionContext, expressions: Expressions, target: n.Target, value: n.Expr) -> Rewritten | None:
    """Rewrites ``set target = value`` where the value begins with what the target sets.

    Returns:
        Statements that evaluate the keys; the new target and value; statements that let go of the keys. None elsewhere.
    """
    read = _leading(value)
    indexes: list[n.Index] = []
    part: n.Expr | None = read
    while isinstance(part, n.Index):
        indexes.insert(0, part)
        part = part.value
    if not isinstance(part, n.Name) or part.name != target.name or len(indexes) != len(target.path):
        return None
    if not context.is_pure(part) or not all(alike(a.index, b) for a, b in zip(indexes, target.path, strict=True)):
        return None
    hard = [place for place, key in enumerate(target.path) if not context.is_pure(key)]
    if not hard or not all(may_run_twice(context, target.path[place]) for place in hard):
        return None
    code: list[ast.stmt] = []
    if hard != [0] and not all(_is_there(context, index) for index in indexes[: hard[-1]]):
        assert read is not None
        code += evaluated(context, expressions, read, ast.Expr)  # which fails before a later key does
    names: dict[int, n.Name] = {}
    for place in hard:
        key = indexes[place].index  # which is evaluated before that of the target
        name = context.hide(str(place), key)
        names[place] = n.Name(key.place, name)
        made = evaluated(context, expressions, key, partial(py.set_variable, name))
        code += [*made, *context.temporaries.release()]
        for each in code:
            py.place(each, key.place)
    rewritten: n.Expr = part
    for place, index in enumerate(indexes):
        rewritten = context.made(n.Index(index.place, rewritten, names.get(place, index.index), index.dotted))
    path = [names.get(place, key) for place, key in enumerate(target.path)]
    clean: list[ast.stmt] = [py.set_variable(name.name, py.const(None)) for name in names.values()]
    return code, n.Target(target.place, target.name, path), context.made(_with(value, rewritten)), clean


def _leading(value: n.Expr) -> n.Expr | None:
    """What a value is made from first."""
    match value:
        case n.Index():
            return value
        case n.Chain(first=n.Index() as first):
            return first
        case n.ToolCall(args=[n.Argument(value=n.Index() as first, name=None), *_]):
            return first
    return None


def _with(value: n.Expr, first: n.Expr) -> n.Expr:
    """A value with another expression in the place of what it is made from first."""
    match value:
        case n.Chain(span=span, rest=rest):
            return n.Chain(span, first, rest)
        case n.ToolCall(span=span, name=name, args=[argument, *others], name_span=name_span):
            return n.ToolCall(span, name, [n.Argument(argument.place, first), *others], name_span)
    return first


def _is_there(context: FunctionContext, index: n.Index) -> bool:
    """Whether an item certainly is there to be read."""
    key, kind = index.index, context.type_of(index.value)
    return isinstance(key, n.Literal) and kind.has(key.value) and not kind.kinds & NIL
