"""Code generation for calls of procedures, function values and built-in functions.

A call by name of what no variable holds is a plain Python call, of the function that the runtime keeps under the name
of the procedure: the procedure's own, or one that finds out what the name means.  What a program assumes of procedures
that it does not define, the number of their arguments, is told to the runtime when the program is loaded.  Everything
else goes through the runtime, which binds and checks the arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from neuroscript.compiler.analysis.specialize import ENTRY_BITS
from neuroscript.compiler.analysis.types import ANY, FUNCTION, INT, LIST, MAP, NIL, NOTHING, STR, Type
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.context import Expressions, FunctionContext
from neuroscript.compiler.codegen.forms import ENTRY_TYPES, LATEST, once
from neuroscript.compiler.codegen.moves import is_mentioned_again, moved_value
from neuroscript.compiler.codegen.predicates import builtin
from neuroscript.compiler.resolve import LAST
from neuroscript.compiler.traversal import arguments_of
from neuroscript.runtime import abi
from neuroscript.runtime.operators import BUILTIN_SHAPE, BUILTINS, FIXED_BUILTINS
from neuroscript.syntax import nodes as n

_LOOKED_UP = frozenset({n.Index, n.Name, n.Literal})


class CallGenerator:
    """Generates code for calls by name, and for calls of values."""

    def __init__(self, context: FunctionContext, expressions: Expressions) -> None:
        self.context = context
        self.expressions = expressions

    def call(self, call: n.Call) -> ast.expr:
        """``name(…)``: a function value in a variable, a procedure, or a built-in function."""
        context, unit, name = self.context, self.context.unit, call.name
        if name in context.body.variables:
            return self._call_variable(call)
        if name == LAST:
            return self.call_value(py.name(LATEST), py.const(None), call.args)
        if name in unit.globals:
            return self.call_value(py.name(abi.UNSET), py.const(name), call.args)
        names = tuple(argument.name for argument in call.args if argument.name is not None)
        shape = len(call.args) - len(names), names
        signature = unit.procedures.get(name)
        if signature is not None:
            if signature.problem(shape[0], list(names)) is None:
                return context.as_last(self._direct(call, self._target(call)))
        elif name in FIXED_BUILTINS:
            return self._builtin(name, call.args)
        elif name not in BUILTINS or (shape == BUILTIN_SHAPE and not context.body.uses_last):
            context.program.calls.add((name, *shape))
            made = context.as_last(self._direct(call, abi.PROCEDURE + name))
            if self._is_predicate(call):
                # Mostly there is no such procedure.
                value, again = self.expressions.operand(call.args[0].value)
                if isinstance(value, ast.NamedExpr):
                    context.temporaries.hold_name(value.target.id)
                return py.either(py.name(abi.UNREPLACED + name), builtin(name, value, again), made)
            return made
        return self.call_value(py.name(abi.UNSET), py.const(name), call.args)

    def refuted(self, call: n.Call) -> ast.expr | None:
        """Code whose truth is that of ``not is_string(x)`` and its like; None for other calls."""
        if not self._is_predicate(call) or self.context.body.uses_last:
            return None
        test = self.call(call)
        if not isinstance(test, ast.IfExp):
            return None
        return py.either(test.test, py.negated(test.body), py.call(abi.NOT, test.orelse))

    def _is_predicate(self, call: n.Call) -> bool:
        """Whether a call is one of a built-in function that procedures may take the place of, by what is looked up."""
        name, body, unit = call.name, self.context.body, self.context.unit
        if name not in BUILTINS or name in FIXED_BUILTINS or name in unit.procedures or name in unit.globals:
            return False
        one = len(call.args) == 1 and call.args[0].name is None
        if not one or name in body.variables:
            return False
        value = call.args[0].value
        return self.context.is_repeatable(value) or all(type(part) in _LOOKED_UP for part in body.parts_of(value))

    def _call_variable(self, call: n.Call) -> ast.expr:
        """``name(…)`` where a variable has the name: mostly it holds a procedure, which is entered directly."""
        variable, name = py.variable(call.name), py.const(call.name)
        if not self.context.body.enters(call.args):
            return self.call_value(variable, name, call.args)
        kind = self.context.types.callee(call) if self.context.is_set(call.name) else ANY
        return self._entered(variable, variable, kind, name, call)

    def call_result(self, call: n.CallValue) -> ast.expr:
        """A call of what an expression gives: ``table[key](…)``."""
        callee, name = self.expressions.value(call.callee), py.const(None)
        if not self.context.body.enters(call.args):
            return self.call_value(callee, name, call.args)
        temporary = self.context.temporaries.fresh()
        kind = self.context.type_of(call.callee)
        return self._entered(py.bind(temporary, callee), py.name(temporary), kind, name, call)

    def _entered(
        self, first: ast.expr, again: ast.expr, kind: Type, name: ast.expr, call: n.Call | n.CallValue
    ) -> ast.expr:
        """A call of a value of a type, which code gives twice, by the entry of the procedure that it mostly is."""
        count = py.const(len(call.args))
        is_known = bool(kind.procedures) and kind.within(FUNCTION | NIL)
        entries = "fitting" if is_known and self.context.analysis.internal else "entries"
        if kind.within(FUNCTION):
            callee: ast.expr = py.item(py.attribute(once(first), entries), count)
        else:
            test: ast.expr = py.kind_is(first, abi.FUNCTION)
            if kind.within(FUNCTION | NIL):
                test = py.compare(first, "is not", py.const(None))
            else:
                test = py.both(test, py.compare(py.attribute(again, "owner"), "is", py.name(abi.OWNER)))
            entry = py.item(py.attribute(again, entries), count)
            callee = py.either(test, entry, py.call(abi.ENTRY, again, name, count))
        depth = py.binary(py.name(abi.DEPTH), "-", py.const(1))
        return py.call(callee, depth, *self._arguments(call))

    def call_value(self, callee: ast.expr, name: ast.expr, args: list[n.Argument]) -> ast.expr:
        """A call whose callee is known only when it runs."""
        packed = packed_arguments(self.expressions, args)
        if not self.context.body.uses_last:
            return py.call(abi.CALL, py.name(abi.DEPTH), callee, name, *packed)
        # The result of a built-in function is not that of the latest call: `(t := …, latest := t[1])[0][0]`.
        both = self.context.temporaries.fresh()
        self.context.temporaries.hold_name(both)
        made = py.call(abi.CALL_FOR_LAST, py.name(abi.DEPTH), callee, name, *packed, py.name(LATEST))
        latest = py.bind(LATEST, py.item(py.name(both), py.const(1)))
        return py.item(py.item(ast.Tuple([py.bind(both, made), latest], py.LOAD), py.const(0)), py.const(0))

    def _direct(self, call: n.Call, target: str | ast.expr) -> ast.expr:
        names = [argument.name for argument in call.args if argument.name is not None]
        values = self._arguments(call)
        depth = py.binary(py.name(abi.DEPTH), "-", py.const(1))
        if not names:
            return py.call(target, depth, *values)
        count = len(values) - len(names)
        named = {abi.VARIABLE + key: value for key, value in zip(names, values[count:], strict=True)}
        return py.call(target, depth, *values[:count], **named)

    def _arguments(self, call: n.Call | n.CallValue) -> list[ast.expr]:
        """The arguments; those that are moved, and that others mention too, are let go of after the last one."""
        values = [argument.value for argument in call.args]
        late = [value for value in values if self._is_moved(value) and is_mentioned_again(call, value)]
        if not late:
            return [self._argument(value) for value in values]
        held = self.context.temporaries.mark()
        made = [
            self.expressions.value(value) if any(value is each for each in late) else self._argument(value)
            for value in values
        ]
        names = dict.fromkeys(abi.VARIABLE + value.name for value in late if isinstance(value, n.Name))
        names |= dict.fromkeys(self.context.temporaries.held_since(held))
        emptied = [py.bind(name, py.const(None)) for name in names]
        made[-1] = py.item(ast.Tuple([made[-1], *emptied], py.LOAD), py.const(0))
        return made

    def _is_moved(self, value: n.Expr) -> bool:
        return id(value) in self.context.moved_items or any(value is moved for moved in self.context.moved)

    def _argument(self, value: n.Expr) -> ast.expr:
        if self._is_moved(value):
            return moved_value(self.context, self.expressions, value)
        name = self.context.evaluated.get(id(value))
        return self.expressions.value(value) if name is None else py.name(name)

    def _target(self, call: n.Call) -> ast.expr:
        """The function to call: the specialised body's, where the arguments fit it, which may have to be tested."""
        context = self.context
        general = abi.PROCEDURE + call.name
        special = context.program.specialised.get(call.name)
        own = context.body.procedure is not None and context.body.name == call.name
        if special is not None and not special.checked:
            if not context.analysis.internal:
                return py.name(general)
            return py.name(special.self_identifier if own and context.special is not None else special.identifier)
        if special is None or (own and context.special is None):
            return py.name(general)  # also from the general body to itself, so that a traceback tells the two apart
        if own and special.result is not None:  # then all its calls of itself fit
            return py.name(special.self_identifier)
        given = arguments_of(call, context.unit.procedures[call.name].params)
        tests: list[ast.expr] = []
        for name, wanted in special.params.items():
            value = given.get(name)
            kind = context.type_of(value) if value is not None else NOTHING
            small = own or wanted.kinds != INT or (kind.bits is not None and kind.bits <= ENTRY_BITS)
            if kind.within(wanted.kinds) and small:
                continue
            if value is None or not context.is_pure(value) or not kind.kinds & wanted.kinds or wanted.kinds == INT:
                return py.name(general)
            # The general body would look at this too, and cost a call.
            tests.append(py.kind_is(self.expressions.value(value), ENTRY_TYPES[wanted.kinds]))
        found = py.name(special.self_identifier if own else special.identifier)
        return py.either(py.both(*tests), found, py.name(general)) if tests else found

    def _builtin(self, name: str, args: list[n.Argument]) -> ast.expr:
        values = [self.expressions.value(argument.value) for argument in args]
        if len(args) != 1 or args[0].name is not None:
            return py.call(abi.BAD_CALL, py.const(f"{name}() takes one value; it is {name}(x)"), *values)
        if name == "len":
            return self._length(args[0].value, values[0])
        return py.call(abi.BUILTIN + name, *values)

    def _length(self, expression: n.Expr, value: ast.expr) -> ast.expr:
        """``len(x)``."""
        kind = self.context.type_of(expression)
        if kind.within(LIST | MAP | STR) or self.context.hopeful:  # of what has none, Python raises
            return py.call("len", value)
        made = py.call(abi.BUILTIN_LEN, value)
        if self.context.compact or not self.context.is_repeatable(expression):
            return made
        again = (self.expressions.value(expression) for _ in range(3))
        tests = [py.kind_is(next(again), word) for word, bit in (("list", LIST), ("str", STR)) if kind.kinds & bit]
        return py.either(py.some(*tests), py.call("len", next(again)), made) if tests else made


def packed_arguments(expressions: Expressions, args: list[n.Argument]) -> Iterator[ast.expr]:
    """Arguments for the runtime to bind: a tuple of all values, and a tuple of the names of the named ones."""
    yield py.items([expressions.value(argument.value) for argument in args])
    yield py.const(tuple(argument.name for argument in args if argument.name is not None))
