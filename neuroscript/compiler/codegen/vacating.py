"""Code generation for places that let go of what they hold before it is changed, since they get another value anyway.

In ``set task = tasks[id]``, ``set task.runs = task.runs + 1``, ``set tasks[id] = task`` the place in ``tasks`` is empty
meanwhile, so that only the variable holds the map, which then is changed in place (`ItemsPutBack` tells where).  The
code looks whether the place still holds that very map, and whether nothing else holds what the place is in.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from neuroscript.compiler.analysis import types
from neuroscript.compiler.analysis.put_back import Item, may_read
from neuroscript.compiler.analysis.types import CONTAINER, INT, MAP, NIL, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.hopeful import evaluated, missing, text_of
from neuroscript.compiler.codegen.moves import changed_arguments, is_lost_on_failure, may_let_go
from neuroscript.compiler.codegen.temporaries import clear, only_container_holds, only_variable_holds
from neuroscript.compiler.traversal import key_of, path_of
from neuroscript.syntax import nodes as n


def vacated(context: FunctionContext, expressions: Expressions, statement: n.Stmt) -> list[ast.stmt]:
    """Statements by which places let go of what a statement is going to change."""
    items = context.analysis.put_back.before(statement)
    return _vacated(context, expressions, items) if items else []


def vacated_within(context: FunctionContext, expressions: Expressions) -> list[ast.stmt]:
    """As `vacated`, for after the evaluation of the current statement's value, which reads these places."""
    items = context.analysis.put_back.within(context.statement) if context.statement is not None else ()
    return _vacated(context, expressions, items)


def _vacated(context: FunctionContext, expressions: Expressions, items: Sequence[Item]) -> list[ast.stmt]:
    code: list[ast.stmt] = []
    if context.unit.watches:  # what variables hold is shown
        return code
    for item in items:
        if context.is_assigned(item.name) and context.is_assigned(item.root) and not context.compact:
            kind = context.types.types.get(item.name, types.ANY)
            if kind.kinds & CONTAINER:
                code += vacate(context, expressions, py.variable(item.name), item.root, item.path)
    return code


def moved_item(
    context: FunctionContext, expressions: Expressions, statement: n.Stmt
) -> tuple[list[ast.stmt], n.Expr, str] | None:
    """``set … = procedure(…, name[a]…, …)`` where the procedure changes that item, and another value takes its place.

    Returns:
        Statements by which a temporary alone holds the item; the argument; the temporary. None elsewhere.
    """
    if type(statement) is not n.Set or type(statement.value) is not n.Call:
        return None  # as most, and quicker told than by the pattern
    match statement:
        case n.Set(targets=targets, value=n.Call() as call, must=False):
            passed = context.analysis.put_back.passed(statement)
            replaced = (passed.root, [*passed.path]) if passed is not None else _replaced(targets)
            if replaced is None or not may_let_go(context):
                return None
        case _:
            return None
    name, path = replaced
    if not is_lost_on_failure(context, name):
        return None
    keys = tuple(map(key_of, path))
    found = [argument for argument in changed_arguments(context, call) if path_of(argument) == (name, *keys)]
    if len(found) != 1 or not keys or None in keys or not context.is_assigned(name):
        return None
    item = found[0]
    values = [argument.value for argument in call.args]
    before = values[: next(place for place, value in enumerate(values) if value is item)]
    if not all(map(context.is_pure, (*path, *before))) or not context.type_of(item).kinds & CONTAINER:
        return None
    if any(may_read(value, name, keys) for value in values if value is not item):
        return None
    temporary = context.temporaries.fresh()
    code = evaluated(context, expressions, item, lambda made: py.assign(temporary, made))
    for part in code:
        py.place(part, item.place)
    code += context.temporaries.release()
    return [*code, *vacate(context, expressions, py.name(temporary), name, path)], item, temporary


def _replaced(targets: list[n.Target]) -> tuple[str, list[n.Expr]] | None:
    """The place in a list or map that a statement sets, if it is one, which all its other targets leave where it is."""
    places = [target for target in targets if target.path]
    if len(places) != 1:
        return None
    [place] = places
    read = {place.name, *(key.name for key in place.path if isinstance(key, n.Name))}
    if any(target.name in read for target in targets if target is not place):
        return None
    return place.name, place.path


def vacate(
    context: FunctionContext, expressions: Expressions, held: ast.Name, root: str, path: Sequence[n.Expr]
) -> list[ast.stmt]:
    """Statements that put nil into a place if it holds what a Python variable holds, and nobody else sees it.

    Args:
        context: of the function.
        expressions: generates code for expressions.
        held: what holds the list or map.
        root: the variable in whose value the place is.
        path: the keys that lead there.
    """
    kind = context.types.types.get(root, types.ANY)
    owner: ast.Name = py.variable(root)
    tests = [] if root in context.flow.owned else [only_variable_holds(root)]
    children: list[str] = []
    first: ast.expr = owner
    last: ast.expr = owner
    for number, key in enumerate(path):
        if not kind.kinds & CONTAINER:
            return []
        first, last = _read(context, expressions, kind, key)
        if number == len(path) - 1:
            break
        children.append(context.temporaries.fresh())
        tests.append(only_container_holds(py.bind(children[-1], py.item(owner, first))))
        kind = types.item_at(kind, key.value) if isinstance(key, n.Literal) else types.item_of(kind)
        owner = py.name(children[-1])
    tests.append(py.compare(py.item(owner, first), "is", held))
    empty: ast.stmt = ast.Assign([ast.Subscript(owner, last, py.STORE)], py.const(None))
    # An index that Python takes and the language does not makes the store fail that is to come, or nothing comes.
    code = missing([py.when(py.both(*tests), [empty])], [ast.Pass()])
    return [*code, *map(clear, children), *context.temporaries.release()]


def _read(context: FunctionContext, expressions: Expressions, kind: Type, key: n.Expr) -> tuple[ast.expr, ast.expr]:
    """Code that evaluates a key for Python, and that gives it again; in a map a whole number stands for its text."""
    if not context.is_pure(key):  # it has been evaluated before, and nothing that it reads has changed since
        with context.hoping():
            made = expressions.value(key)
        temporary = context.temporaries.fresh()
        context.temporaries.hold_name(temporary)
        return py.bind(temporary, made), py.name(temporary)
    read = expressions.value(key)
    if context.type_of(key).within(INT) and kind.within(MAP | NIL):
        read = text_of(read, read, natural=context.type_of(key).natural)
    return read, read
