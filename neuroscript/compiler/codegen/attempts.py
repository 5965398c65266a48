"""Code generation for ``set x = tool.error.Try(procedure, …)``: a call in a Python ``try``, without the tool.

The arguments are evaluated before it, since their failures are the statement's own.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_NAME = "error.try"
_CAUGHT = "x"


def attempt(context: FunctionContext, expressions: Expressions, name: str, call: n.ToolCall) -> list[ast.stmt] | None:
    """Statements that try a procedure of the program and set a variable; None for any other call."""
    if call.name.lower() != _NAME or context.body.uses_last or context.compact or context.unit.watches:
        return None
    link = context.unit.linker.tool(call.name)
    if link is None or not link.standard or not link.direct:
        return None
    match call.args:
        case [n.Argument(value=n.Name(name=procedure), name=None), *args] if all(each.name is None for each in args):
            pass
        case _:
            return None
    signature = context.unit.procedures.get(procedure)
    if signature is None or procedure in context.body.variables or procedure in context.unit.globals:
        return None
    if signature.problem(len(args), []) is not None:
        return None
    code: list[ast.stmt] = []
    values: list[ast.expr] = []
    for argument in args:
        made = expressions.value(argument.value)
        if not context.is_pure(argument.value):
            temporary = context.temporaries.fresh()
            context.temporaries.hold_name(temporary)
            code.append(py.assign(temporary, made))
            py.place(code[-1], argument.value.place)
            made = py.name(temporary)
        values.append(made)
    depth = py.binary(py.name(abi.DEPTH), "-", py.const(2))  # that of the tool's caller less one, as the tool has it
    special = context.program.specialised.get(procedure)
    passed = special is not None and not special.checked and context.analysis.internal
    function = special.identifier if special is not None and passed else abi.PROCEDURE + procedure
    called = py.set_variable(name, py.call(function, depth, *values))
    py.place(called, call.place)
    failed = py.set_variable(name, py.call(abi.ATTEMPTED, py.name(_CAUGHT)))
    return [*code, py.catch([called], "Exception", _CAUGHT, [failed])]
