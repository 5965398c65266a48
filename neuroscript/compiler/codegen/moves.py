"""Code generation for values that variables let go of, so that whoever gets them may change them in place.

In ``set heap = push(heap, x)`` the variable would hold the list while the procedure changes it, which so would have to
copy it.  The variable lets go of it instead, as it does of what nothing reads any more.  Where the procedure fails
nobody can tell: either the body ends then, and no error handler of it reads the variable, or nothing does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from neuroscript.compiler.analysis import changes
from neuroscript.compiler.analysis.liveness import Place
from neuroscript.compiler.analysis.types import ANY, CONTAINER
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.traversal import assigned_by, expressions, walk
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_MANY = 1000


def moved_arguments(context: FunctionContext, statement: n.Stmt) -> list[n.Expr]:
    """The arguments that a statement moves to procedures which change them.

    One is moved if the statement is the last one to read it, or sets what it reads, and mentions it once.
    """
    if not may_let_go(context) or isinstance(statement, n.If | n.While | n.ForEach):
        return []
    if context.unit.explains and isinstance(statement, n.Must):
        return []  # where it fails, what its variables hold is told
    last = context.liveness.last_reads(statement)
    target: n.Target | None = None
    match statement:
        case n.Set(targets=[n.Target() as one], value=n.Call() | n.CallValue(), must=False):
            target = one if len(one.path) <= 1 and all(isinstance(key, n.Literal) for key in one.path) else None
    if not last and target is None:
        return []
    parts = list(expressions(statement))
    found: list[n.Expr] = []
    for call in (part for expression in parts for part in walk(expression) if isinstance(part, n.Call | n.CallValue)):
        # What the statement sets is looked for in the call that gives it alone.
        own = target if isinstance(statement, n.Set) and call is statement.value else None
        for argument in changed_arguments(context, call):
            owner = argument.value if isinstance(argument, n.Index) else argument
            if not isinstance(owner, n.Name):
                continue
            put_back = own is not None and _is(argument, own) and is_lost_on_failure(context, owner.name)
            if _place(argument) not in last and not put_back:
                continue
            if id(argument) in context.moved_items:
                continue
            certain = context.is_pure(owner) and context.type_of(owner).kinds & CONTAINER
            certain = certain and context.type_of(argument).kinds & CONTAINER
            count = sum(_mentions(part, owner.name) for part in parts)
            # Others in the same call are evaluated first: the variable lets go of its value after all arguments.
            if certain and (count == 1 or (argument is owner and count == _mentions(call, owner.name) < _MANY)):
                found.append(argument)
    return found


def may_let_go(context: FunctionContext) -> bool:
    """Whether variables may let go of what goes to procedures that change it, and whether there are any."""
    if context.unit.watches:  # then what variables hold is shown
        return False
    return context.may_move and not context.in_error_handler and context.body.session is None


def is_lost_on_failure(context: FunctionContext, name: str) -> bool:
    """Whether nothing reads a variable after a statement of its body has failed."""
    return not context.body.resumes and not context.body.leaves and name not in context.liveness.handled


def changed_arguments(context: FunctionContext, call: n.Call | n.CallValue) -> Iterator[n.Expr]:
    """The arguments of a call that go to parameters which the procedure, one of the same program, changes."""
    return changes.changed_arguments(call, context.body, context.unit, context.program.changed_params)


def is_mentioned_again(call: n.Call | n.CallValue, argument: n.Expr) -> bool:
    """Whether a call mentions the variable that is one of its arguments in others too."""
    return isinstance(argument, n.Name) and _mentions(call, argument.name) > 1


def moved_value(context: FunctionContext, expressions: Expressions, argument: n.Expr) -> ast.expr:
    """Code that gives the value of a moved argument, which nothing holds then if only the variable did."""
    if (held := context.moved_items.get(id(argument))) is not None:
        return py.item(ast.Tuple([py.name(held), py.bind(held, py.const(None))], py.LOAD), py.const(0))
    if isinstance(argument, n.Index):
        made = py.call(abi.TAKE, expressions.value(argument.value), expressions.value(argument.index))
        py.place(made, argument.place)
        return made
    assert isinstance(argument, n.Name)
    return let_go(argument.name)


def is_taken(context: FunctionContext, name: str, value: n.Expr) -> bool:
    """Whether ``set name = other.key`` is the last to read that item, though not the last to read ``other``.

    Where nothing of the other variable is read again, it is emptied as a whole.
    """
    statement = context.statement
    place = _place(value)
    if statement is None or place is None or place[1] is None or place[0] == name or context.unit.watches:
        return False
    assert isinstance(value, n.Index)
    if not context.is_pure(value.value) or not context.type_of(value.value).kinds & CONTAINER:
        return False
    if not context.type_of(value).kinds & CONTAINER or name not in context.analysis.put_back.changed:
        return False
    last = context.liveness.last_reads(statement)
    return place in last and (place[0], None) not in last


def idle(context: FunctionContext, statement: n.Stmt) -> list[str]:
    """The variables that hold, for nothing, a part of what a statement is going to change."""
    if not isinstance(statement, n.Set | n.Return) or context.unit.watches:
        return []
    return _holding(context, context.liveness.idle_aliases(statement))


def idle_within(context: FunctionContext) -> list[str]:
    """As `idle`, for those that the value reads which the current statement stores, once that has been evaluated."""
    if context.statement is None or context.unit.watches:
        return []
    return _holding(context, context.liveness.idle_within(context.statement))


def _holding(context: FunctionContext, names: Iterable[str]) -> list[str]:
    """Those of some variables that may hold lists or maps."""
    return [name for name in names if context.types.types.get(name, ANY).kinds & CONTAINER]


def emptied(context: FunctionContext, statement: n.Stmt) -> list[str]:
    """The variable to be emptied whose value, or a part of it, ``set name = other…`` was the last to read."""
    if type(statement) is not n.Set:
        return []
    root = value = statement.value
    while isinstance(root, n.Index):
        root = root.value
    if not isinstance(root, n.Name) or len(statement.targets) != 1 or context.unit.watches:
        return []
    if root.name in assigned_by(statement) or not context.is_pure(root):
        return []
    if not (context.type_of(value).kinds & CONTAINER and context.type_of(root).kinds & CONTAINER):
        return []
    if (root.name, None) in context.liveness.last_reads(statement):
        return [root.name]
    return []


def is_read_last(context: FunctionContext, name: str) -> bool:
    """Whether the current statement is the last to read a variable, which certainly is set, and may empty it."""
    statement = context.statement
    if statement is None or context.unit.watches or context.in_error_handler or context.body.session is not None:
        return False
    return context.is_set(name) and (name, None) in context.liveness.last_reads(statement)


def let_go(name: str) -> ast.expr:
    """Code that gives the value of a variable, which no longer holds it then."""
    empty = py.bind(abi.VARIABLE + name, py.const(None))
    return py.item(py.items([py.variable(name), empty]), py.const(0))


def _place(expression: n.Expr) -> Place | None:
    """The variable that an expression reads, or the item of a literal key in one; None for other expressions."""
    match expression:
        case n.Name(name=name):
            return name, None
        case n.Index(value=n.Name(name=name), index=n.Literal(value=str() | int() as key)) if type(key) is not bool:
            return name, str(key)
    return None


def _is(expression: n.Expr, target: n.Target) -> bool:
    """Whether an expression reads what a target sets."""
    if not target.path:
        return isinstance(expression, n.Name) and expression.name == target.name
    key = target.path[0]
    match expression:
        case n.Index(value=n.Name(name=name), index=n.Literal(value=found)) if isinstance(key, n.Literal):
            return (
                name == target.name
                and type(found) in (str, int)
                and (type(found), found) == (type(key.value), key.value)
            )
    return False


def _mentions(expression: n.Expr, name: str) -> int:
    """How often an expression may read a variable; many times where it replaces placeholders."""
    count = 0
    for part in walk(expression):
        if isinstance(part, n.Raw | n.Eval):
            return _MANY
        count += isinstance(part, n.Name | n.Call) and part.name == name
    return count
