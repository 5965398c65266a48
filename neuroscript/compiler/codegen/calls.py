"""Code generation for calls of procedures, function values and built-in functions.

A call of a procedure that is known at compile time is a plain Python call.  Everything else goes through the runtime,
which binds and checks the arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from neuroscript.compiler.analysis.infer import INT, LIST, MAP, NOTHING, STR
from neuroscript.compiler.analysis.specialize import ENTRY_BITS, argument_for
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.runtime import abi
from neuroscript.runtime.operators import BUILTINS
from neuroscript.runtime.programs import Signature
from neuroscript.syntax import nodes as n


class CallGenerator:
    """Generates code for calls by name, and for calls of values."""

    def __init__(self, context: FunctionContext, expressions: Expressions) -> None:
        self.context = context
        self.expressions = expressions

    def call(self, call: n.Call) -> ast.expr:
        """``name(…)``: a function value in a variable, a procedure, or a built-in function."""
        context, unit, name = self.context, self.context.unit, call.name
        if name in context.body.variables:
            read: ast.expr = py.variable(name)
            if name in context.guarded and name not in context.flow.assigned:
                read = py.either(py.compare(read, "is not", py.name(abi.UNSET)), read, py.const(None))
            return self.call_value(read, py.const(name), call.args)
        signature = unit.procedures.get(name)
        if signature is not None and name not in unit.globals and _fits(signature, call.args):
            return context.as_last(self._direct(call))
        if (name == "len" or name in BUILTINS) and name not in unit.globals:
            return self._builtin(name, call.args)
        return self.call_value(py.const(None), py.const(name), call.args)

    def call_value(self, callee: ast.expr, name: ast.expr, args: list[n.Argument]) -> ast.expr:
        """A call whose callee is known only when it runs."""
        made = py.call(abi.CALL, py.name(abi.DEPTH), callee, name, *packed_arguments(self.expressions, args))
        return self.context.as_last(made)

    def _direct(self, call: n.Call) -> ast.expr:
        args = call.args
        names = [argument.name for argument in args if argument.name is not None]
        values = [self.expressions.value(argument.value) for argument in args]
        count = len(args) - len(names)
        named = {abi.VARIABLE + key: value for key, value in zip(names, values[count:], strict=True)}
        depth = py.binary(py.name(abi.DEPTH), "-", py.const(1))
        return py.call(self._target(call), depth, *values[:count], **named)

    def _target(self, call: n.Call) -> str:
        """The name of the function to call: the specialised body's, where the arguments certainly fit it."""
        context = self.context
        general = abi.PROCEDURE + call.name
        special = context.program.specialised.get(call.name)
        own = context.body.procedure is not None and context.body.name == call.name
        if special is None or (own and context.special is None):
            return general  # also from the general body to itself, so that a traceback tells the two apart
        if own and special.result is not None:  # then all its calls of itself fit
            return special.self_identifier
        names = list(context.unit.procedures[call.name].params)
        for name, wanted in special.params.items():
            value = argument_for(call, names, name)
            kind = context.type_of(value) if value is not None else NOTHING
            small = own or wanted.kinds != INT or (kind.bits is not None and kind.bits <= ENTRY_BITS)
            if not (kind.within(wanted.kinds) and small):
                return general
        return special.self_identifier if own else special.identifier

    def _builtin(self, name: str, args: list[n.Argument]) -> ast.expr:
        values = [self.expressions.value(argument.value) for argument in args]
        if len(args) != 1 or args[0].name is not None:
            return py.call(abi.BAD_CALL, py.const(f"{name}() takes one value; it is {name}(x)"), *values)
        if name == "len" and self.context.type_of(args[0].value).within(LIST | MAP | STR):
            return py.call("len", *values)
        return py.call(abi.BUILTIN_LEN if name == "len" else abi.BUILTIN + name, *values)


def packed_arguments(expressions: Expressions, args: list[n.Argument]) -> Iterator[ast.expr]:
    """Arguments for the runtime to bind: a tuple of all values, and a tuple of the names of the named ones."""
    yield ast.Tuple([expressions.value(argument.value) for argument in args], py.LOAD)
    yield py.const(tuple(argument.name for argument in args if argument.name is not None))


def _fits(signature: Signature, args: list[n.Argument]) -> bool:
    names = [argument.name for argument in args if argument.name is not None]
    return signature.problem(len(args) - len(names), names) is None
