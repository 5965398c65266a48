"""Code generation for values that a statement passes to a procedure that changes them, and gets back from it.

In ``set heap = push(heap, x)`` the variable would hold the list while the procedure changes it, which so would have to
copy it.  The variable lets go of it instead.  Where the procedure fails nobody can tell: only a body without error
handlers moves anything, and it ends then.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis.types import CONTAINER
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.traversal import walk
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n


def moved_argument(context: FunctionContext, target: n.Target, value: n.Expr) -> n.Expr | None:
    """The argument that ``set target = procedure(…)`` moves; None if there is none.

    It is what the target is itself, a variable or one item of it, and nothing else in the statement mentions the
    variable; the procedure is one of the same program, and assigns to the parameter.
    """
    body = context.body
    if body.handlers or body.session is not None or len(target.path) > 1 or not isinstance(value, n.Call):
        return None
    name = value.name
    changed = context.program.changed_params.get(name, frozenset())
    signature = context.unit.procedures.get(name)
    if not changed or signature is None or name in body.variables or name in context.unit.globals:
        return None
    if not all(isinstance(key, n.Literal) for key in target.path):
        return None
    found: n.Expr | None = None
    for position, argument in enumerate(value.args):
        param = argument.name or (signature.params[position] if position < len(signature.params) else "")
        if param in changed and _is(argument.value, target):
            found = argument.value
    if found is None or _mentions(value, target.name) != 1:
        return None
    owner = found.value if isinstance(found, n.Index) else found
    certain = context.is_pure(owner) and context.type_of(owner).kinds & CONTAINER
    return found if certain else None


def moved(context: FunctionContext, expressions: Expressions, argument: n.Expr) -> ast.expr:
    """Code that gives the value of a moved argument, which nothing holds then if only the variable did."""
    if isinstance(argument, n.Index):
        return py.call(abi.TAKE, expressions.value(argument.value), expressions.value(argument.index))
    assert isinstance(argument, n.Name)
    let_go = py.bind(abi.VARIABLE + argument.name, py.const(None))
    return py.item(ast.Tuple([py.variable(argument.name), let_go], py.LOAD), py.const(0))


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
            return 2
        count += isinstance(part, n.Name | n.Call) and part.name == name
    return count
