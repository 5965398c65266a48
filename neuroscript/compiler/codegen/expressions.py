"""Code generation for expressions: each becomes one Python expression.

An operand that is needed twice is bound to a temporary where it is evaluated.
"""

from __future__ import annotations

import ast
from itertools import pairwise

from neuroscript.compiler.analysis.types import ANY, CONTAINER, INT, NUM, STR, T_STR, fits_word
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.calls import CallGenerator
from neuroscript.compiler.codegen.context import FunctionContext
from neuroscript.compiler.codegen.floats import FloatGenerator
from neuroscript.compiler.codegen.forms import LATEST, SCOPE, may_be_deep
from neuroscript.compiler.codegen.hopeful import need_operands
from neuroscript.compiler.codegen.indexing import IndexGenerator
from neuroscript.compiler.codegen.numbers import NumberGenerator
from neuroscript.compiler.codegen.operations import CHAIN_DEPTH, OperationGenerator
from neuroscript.compiler.codegen.text import Part, TextGenerator
from neuroscript.compiler.codegen.tools import ToolCallGenerator
from neuroscript.compiler.resolve import LAST
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholder_spans, placeholders
from neuroscript.values import TYPE_CONSTANTS

_MOST_STEPS = 8  # of a placeholder that becomes an expression


class ExpressionGenerator:
    """Generates code for expressions.

    Operations, calls and items have generators of their own, which are created where they are needed and given this
    one for the subexpressions.  They are not kept: objects that refer to each other would live as long as the program
    is being compiled, since the garbage collector is off meanwhile.
    """

    def __init__(self, context: FunctionContext) -> None:
        self.context = context
        self.unit = context.unit
        self.temporaries = context.temporaries

    # --- entry points ------------------------------------------------------------------------------------------------

    def value(self, expression: n.Expr) -> ast.expr:
        """Code that gives the expression's value."""
        form = type(expression)
        if form is n.Name:
            made = self._name(expression.name)  # type: ignore[attr-defined]
        elif form is n.Literal:
            made = py.const(expression.value)  # type: ignore[attr-defined]
        else:
            made = self._value(expression)
        if self.context.notes:
            made = self._noted(expression, made)
        py.place(made, expression.place)
        return made

    def _noted(self, expression: n.Expr, made: ast.expr) -> ast.expr:
        """Code that also notes the value, where it is that of an assertion's operand."""
        note = self.context.notes.get(id(expression)) if self.context.notes else None
        return made if note is None else py.call(abi.NOTE, py.name(note[0]), py.const(note[1]), made)

    def stored(self, expression: n.Expr) -> ast.expr:
        """Code that gives the value of an item; the nesting of one that may be a list or map is checked."""
        if not self.may_nest(expression):
            return self.value(expression)
        kind = self.context.type_of(expression)
        if self.context.compact:
            made: ast.expr = py.call(abi.NESTED, self.value(expression))
        else:
            first, again = self.operand(expression)
            self.temporaries.hold(first, kind)
            made = py.either(self.may_be_deep(expression, first, again), py.call(abi.NESTED, again), again)
        py.place(made, expression.place)
        return made

    def may_nest(self, expression: n.Expr) -> bool:
        """Whether an item may be a list or map whose nesting has to be checked where it is stored."""
        if isinstance(expression, n.ListExpr | n.MapExpr):
            return False
        if isinstance(expression, n.ToolCall) and self.unit.checks_nesting(expression.name):
            return False
        kind = self.context.type_of(expression)
        if kind.levels(self.unit.levels) <= self.unit.levels:
            return False
        return bool(kind.kinds & CONTAINER) and not self.context.is_item(expression)

    def may_be_deep(self, expression: n.Expr, first: ast.expr, again: ast.expr) -> ast.expr:
        """The test that an item may be deep, given its code at the first mention and at the others."""
        if self.context.is_bounded_by_calls(expression):
            deep = py.name(abi.DEEP_CALLS)
            return py.both(py.compare(first, "is not", py.const(None)), deep) if first is not again else deep
        return may_be_deep(first, again, self.context.type_of(expression), self.unit.max_nesting)

    def operand(self, expression: n.Expr) -> tuple[ast.expr, ast.expr]:
        """Code that evaluates the expression, and code that gives the value again."""
        if self.context.is_repeatable(expression):
            made = self.value(expression)
            return made, made  # nodes may stand in several places
        temporary = self.temporaries.fresh()
        return py.bind(temporary, self.value(expression)), py.name(temporary)

    def value_or_nil(self, expression: n.Expr) -> ast.expr:
        """Code that gives the value of an operand of ``== != typeof no some``, nil for a variable that is not set."""
        if not isinstance(expression, n.Name) or self.context.is_set(expression.name):
            return self.value(expression)
        name = expression.name
        if name not in self.context.body.variables:
            made = self._name(name)
            if isinstance(made, ast.Call):
                made = py.call(abi.NAME_OR_NIL, py.const(name))
        else:
            made = _if_set(name, py.call(abi.NAME_OR_NIL, py.const(name)))
        made = self._noted(expression, made)
        py.place(made, expression.place)
        return made

    def condition(self, expression: n.Expr) -> ast.expr:
        """Code whose Python truth is the expression's truth; it need not be a boolean."""
        if isinstance(expression, n.Chain) and expression.rest[0][0] in ("and", "or"):
            made = self._joined_conditions(expression)
        elif isinstance(expression, n.Unary) and expression.op == "not" and self._never_fuzzy(expression.operand):
            made = py.negated(self.condition(expression.operand))
        elif (
            isinstance(expression, n.Unary)
            and expression.op == "not"
            and isinstance(expression.operand, n.Call)
            and (refuted := CallGenerator(self.context, self).refuted(expression.operand)) is not None
        ):
            made = refuted
        else:
            return self.value(expression)
        py.place(made, expression.place)
        return made

    def _joined_conditions(self, chain: n.Chain) -> ast.expr:
        """``a and b``, ``a or b`` where only the truth matters.

        An operand that may be fuzzy is looked at twice: if it is one, the right side is evaluated in any case.
        """
        joins_all = chain.rest[0][0] == "and"
        join: ast.boolop = ast.And() if joins_all else ast.Or()
        parts = [chain.first, *(operand for _, operand, _ in chain.rest)]
        if all(self._never_fuzzy(part) for part in parts[:-1]):
            return ast.BoolOp(join, self._conditions(parts, joins_all=joins_all))
        if len(parts) > CHAIN_DEPTH:
            return self._operations().chain(chain)
        made = self.condition(parts[0])
        for before, part in pairwise(parts):
            right = self.condition(part)
            if self._never_fuzzy(before):
                made = ast.BoolOp(join, [made, right])
                continue
            temporary = self.temporaries.fresh()
            bound = py.bind(temporary, made)
            self.temporaries.hold(bound, ANY)
            kind = py.compare(py.call("type", py.name(temporary)), "is" if joins_all else "is not", py.name(abi.FUZZY))
            decided = ast.BoolOp(ast.Or() if joins_all else ast.And(), [bound, kind])
            made = ast.BoolOp(join, [decided, right, py.name(temporary)])
        return made

    def _conditions(self, parts: list[n.Expr], *, joins_all: bool) -> list[ast.expr]:
        """Code of conditions of which each is evaluated where those before it hold, or do not."""
        bounds = self.context.bounds
        before = bounds.known
        bounds.known = before.copy()
        made = []
        for part in parts:
            made.append(self.condition(part))
            bounds.assume(part, holds=joins_all)
        bounds.known = before
        return made

    def _never_fuzzy(self, expression: n.Expr) -> bool:
        return self.context.never_fuzzy(expression)

    # --- each kind ---------------------------------------------------------------------------------------------------

    def _value(self, expression: n.Expr) -> ast.expr:
        """Code of what is neither a name nor a literal, by how often it is met."""
        match expression:
            case n.Chain():
                if self.context.hopeful:
                    need_operands(self.context, expression)
                return self._operations().chain(expression)
            case n.Index(value=value, index=index):
                return IndexGenerator(self.context, self).item(value, index)
            case n.Call():
                return CallGenerator(self.context, self).call(expression)
            case n.ToolCall():
                return ToolCallGenerator(self.context, self).call(expression)
            case n.ToolName(name=name):
                return ToolCallGenerator(self.context, self).value(name)
            case n.Raw(text=text, span=span):
                return self._raw(text, placeholder_spans(text, span, raw=True))
            case n.Eval(text=n.Literal(value=str() as text, span=span)):
                return self._raw(text, placeholder_spans(text, span, raw=False))
            case n.Eval(text=text):
                scope = py.call(SCOPE) if self.context.scope_is_function else self.context.scope()
                return py.call(abi.EVAL, self.value(text), scope)
            case n.ListExpr(items=items):
                listed = ast.List([self.stored(item) for item in items], py.LOAD)
                return self._bounded("list", listed, len(items))
            case n.MapExpr(entries=entries):
                return self._map(entries)
            case n.Unary(op=op, operand=operand):
                return self._unary(op, operand)
            case n.Power(base=base, exponent=exponent, op_place=place):
                made = FloatGenerator(self.context, self).power(base, exponent)
                if made is None:
                    made = NumberGenerator(self.context, self).power(expression)
                if made is None:
                    made = py.call(abi.POW, self.value(base), self.value(exponent))
                py.place(made, place)
                return made
            case n.CallValue():
                return CallGenerator(self.context, self).call_result(expression)
        raise AssertionError(expression)  # pragma: no cover - every kind of node is above

    def _operations(self) -> OperationGenerator:
        return OperationGenerator(self.context, self)

    def _name(self, name: str) -> ast.expr:
        if self.context.is_set(name):
            return py.variable(name)
        if name in self.context.body.variables:
            return _if_set(name, py.call(abi.NAME, py.const(name)))
        if name == LAST:
            return py.name(LATEST)
        if name in self.unit.globals:
            return py.name(abi.GLOBAL + name)
        if name in TYPE_CONSTANTS:
            return py.name(abi.CONSTANT + name)
        if self.context.is_procedure(name):
            return py.name(abi.PROCEDURE_VALUE + name)
        return py.call(abi.NAME, py.const(name))

    def _raw(self, text: str, spans: list[n.Span]) -> ast.expr:
        """A raw string with its placeholders, which stand at ``spans``, replaced."""
        parts: list[Part] = []
        places = iter(spans)
        for piece in placeholders(text):
            if isinstance(piece, str):
                parts.append(Part(py.const(piece), T_STR, pure=True))
                continue
            name, path = piece
            span = next(places)
            if 0 < len(path) <= _MOST_STEPS and not self.context.compact:
                parts.append(TextGenerator(self.context, self).part(self._item(name, path, span), span))
                continue
            value, kind = self._name(name), self.context.types.of(n.Name(span, name))
            if path:
                value, kind = py.call(abi.WALK, value, py.const(tuple(path))), ANY
            py.place(value, span)
            parts.append(Part(value, kind, span, pure=not path and self.context.is_pure_code(value), name=not path))
        return TextGenerator(self.context, self).joined(parts)

    def _item(self, name: str, path: list[str | int], span: n.Span) -> n.Expr:
        """What a placeholder stands for, as an expression."""
        found: n.Expr = self.context.made(n.Name(span, name))
        for step in path:
            found = self.context.made(n.Index(span, found, n.Literal(span, step), isinstance(step, str)))
        return found

    def _map(self, entries: list[tuple[n.Expr, n.Expr]]) -> ast.expr:
        keys: list[ast.expr | None] = []
        for key, _ in entries:
            text = self.value(key)
            keys.append(text if self.context.type_of(key).within(STR) else py.call(abi.MAP_KEY, text))
        return self._bounded("map", ast.Dict(keys, [self.stored(value) for _, value in entries]), len(entries))

    def _bounded(self, kind: str, made: ast.expr, size: int) -> ast.expr:
        """A list or map literal; one with more items than the limit fails."""
        return made if size <= self.unit.max_items else py.call(abi.TOO_MANY, py.const(kind), made)

    def _unary(self, op: str, operand: n.Expr) -> ast.expr:
        match op:
            case "typeof":
                return py.call(abi.TYPEOF, self.value_or_nil(operand))
            case "no":
                return py.negated(self._condition_or_nil(operand))
            case "some":
                return py.either(self._condition_or_nil(operand), py.const(True), py.const(False))
            case "not":
                if self._never_fuzzy(operand):
                    return py.negated(self.condition(operand))
                return py.call(abi.NOT, self.value(operand))
            case "~":
                if fits_word(self.context.type_of(operand)):
                    return ast.UnaryOp(ast.Invert(), self.value(operand))
                return py.call(abi.BIT_NOT, self.value(operand))
        if isinstance(operand, n.Literal) and type(operand.value) in (int, float):
            return py.const(-operand.value if type(operand.value) is int else -operand.value + 0.0)
        kind = self.context.type_of(operand)
        if kind.within(INT):
            return ast.UnaryOp(ast.USub(), self.value(operand))
        if kind.within(NUM):  # a zero has no sign
            return py.binary(py.const(0), "-", self.value(operand))
        return py.call(abi.NEG, self.value(operand))

    def _condition_or_nil(self, operand: n.Expr) -> ast.expr:
        return self.value_or_nil(operand) if isinstance(operand, n.Name) else self.condition(operand)


def _if_set(name: str, otherwise: ast.expr) -> ast.expr:
    """Code that reads a guarded variable, or evaluates ``otherwise`` where it is not set."""
    read = py.variable(name)
    return py.either(py.compare(read, "is not", py.name(abi.UNSET)), read, otherwise)
