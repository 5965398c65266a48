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
from neuroscript.compiler.codegen.moves import changed_arguments, may_let_go
from neuroscript.compiler.codegen.temporaries import clear, only_container_holds, only_variable_holds
from neuroscript.compiler.traversal import key_of, path_of
from neuroscript.syntax import nodes as n


def vacated(context: FunctionContext, expressions: Expressions, statement: n.Stmt) -> list[ast.stmt]:
    """Statements by which places let go of what a statement is going to change."""
    return _vacated(context, expressions, context.analysis.put_back.before(statement))


def vacated_within(context: FunctionContext, expressions: Expressions) -> list[ast.stmt]:
    """As `vacated`, for after the evaluation of the current statement's value, which reads these places."""
    items = context.analysis.put_back.within(context.statement) if context.statement is not None else ()
    return _vacated(context, expressions, items)


def _vacated(context: FunctionContext, expressions: Expressions, items: Sequence[Item]) -> list[ast.stmt]:
    code: list[ast.stmt] = []
    for item in items:
        if context.is_assigned(item.name) and context.is_assigned(item.root) and not context.compact:
            kind = context.types.types.get(item.name, types.ANY)
            if kind.kinds & CONTAINER:
                code += vacate(context, expressions, py.variable(item.name), item.root, item.path)
    return code


def moved_item(
    context: FunctionContext, expressions: Expressions, statement: n.Stmt
) -> tuple[list[ast.stmt], n.Expr, str] | None:
    """``set name[a]… = procedure(…, name[a]…, …)`` where the procedure changes that argument.

    Returns:
        Statements by which a temporary alone holds the item; the argument; the temporary. None elsewhere.
    """
    match statement:
        case n.Set(targets=[n.Target(name=root, path=[_, *_]) as target], value=n.Call() as call, must=False):
            if not may_let_go(context) or not context.is_assigned(root):
                return None
        case _:
            return None
    keys = tuple(map(key_of, target.path))
    found = [argument for argument in changed_arguments(context, call) if path_of(argument) == (root, *keys)]
    if len(found) != 1 or None in keys or not all(map(context.is_pure, target.path)):
        return None
    item = found[0]
    values = [argument.value for argument in call.args]
    before = values[: next(place for place, value in enumerate(values) if value is item)]
    if not all(map(context.is_pure, before)) or not context.type_of(item).kinds & CONTAINER:
        return None
    if any(may_read(value, root, keys) for value in values if value is not item):
        return None
    temporary = context.temporaries.fresh()
    code = evaluated(context, expressions, item, lambda made: py.assign(temporary, made))
    for part in code:
        py.place(part, item.span)
    code += context.temporaries.release()
    return [*code, *vacate(context, expressions, py.name(temporary), root, target.path)], item, temporary


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
    if not all(map(context.is_pure, path)):
        return []
    kind = context.types.types.get(root, types.ANY)
    owner: ast.Name = py.variable(root)
    tests = [] if root in context.flow.owned else [only_variable_holds(root)]
    children: list[str] = []
    for key in path[:-1]:
        found = py.item(owner, _read(context, expressions, kind, key))
        kind = types.item_at(kind, key.value) if isinstance(key, n.Literal) else types.item_of(kind)
        children.append(context.temporaries.fresh())
        tests.append(only_container_holds(py.bind(children[-1], found)))
        owner = py.name(children[-1])
    if not kind.kinds & CONTAINER:
        return []
    last = _read(context, expressions, kind, path[-1])
    tests.append(py.compare(py.item(owner, last), "is", held))
    empty: ast.stmt = ast.Assign([ast.Subscript(owner, last, py.STORE)], py.const(None))
    # An index that Python takes and the language does not makes the store fail that is to come, or nothing comes.
    return [*missing([py.when(py.both(*tests), [empty])], [ast.Pass()]), *map(clear, children)]


def _read(context: FunctionContext, expressions: Expressions, kind: Type, key: n.Expr) -> ast.expr:
    """Code that gives a key for Python: in a map a whole number stands for its text."""
    read = expressions.value(key)
    if not context.type_of(key).within(INT) or not kind.within(MAP | NIL):
        return read
    return py.const(str(key.value)) if isinstance(key, n.Literal) else text_of(read)
