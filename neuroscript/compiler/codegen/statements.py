"""Code generation for statements.

Every statement becomes plain code, but where an error handler may go on behind one that failed.  There each that may
fail stands in a ``try`` of its own, which costs nothing while nothing fails: on a failure the handler, a function that
shares the body's variables, runs, and execution goes on with the next statement if it cleared the error.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis.types import BOOL, STR
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.assignments import AssignmentGenerator
from neuroscript.compiler.codegen.context import FunctionContext
from neuroscript.compiler.codegen.expressions import ExpressionGenerator
from neuroscript.compiler.codegen.forms import CLEARED, Covering, jump_signal, under_handler
from neuroscript.compiler.codegen.hopeful import all_evaluated, evaluated, tested
from neuroscript.compiler.codegen.loops import LoopGenerator
from neuroscript.compiler.codegen.moves import emptied, idle, moved_arguments
from neuroscript.compiler.codegen.operands import operands_of
from neuroscript.compiler.codegen.temporaries import clear
from neuroscript.compiler.codegen.vacating import moved_item, vacated
from neuroscript.compiler.resolve import source_line
from neuroscript.compiler.traversal import assigned_by, certainly_succeeds
from neuroscript.runtime import abi
from neuroscript.syntax import nodes as n

_MAX_BRANCHES = 40
_LONGEST_TEXT = 60


class StatementGenerator:
    """Generates code for statements."""

    def __init__(self, context: FunctionContext, expressions: ExpressionGenerator) -> None:
        self.context = context
        self.expressions = expressions
        self.temporaries = context.temporaries
        self.assignments = AssignmentGenerator(context, expressions)

    def block(self, block: n.Block) -> list[ast.stmt]:
        """Generates the statements of a block; never none."""
        context, flow, temporaries = self.context, self.context.flow, self.temporaries
        tells = context.unit.covers or context.unit.watches
        code: list[ast.stmt] = []
        empty: set[str] = set()  # variables that have just been emptied
        for statement in block:
            temporaries.next_statement()
            flow.enter(statement)
            context.statement = statement
            context.moved_items.clear()
            context.evaluated.clear()
            made: list[ast.stmt] = []
            let_go: list[ast.stmt] = []
            if type(statement) is n.Set:
                let_go = emptied(context, statement)
                names = idle(context, statement)
                made += [py.set_variable(name, py.const(None)) for name in names if name not in empty]
                empty = empty.union(names).difference(assigned_by(statement))
            elif empty:
                empty = set()
            made += vacated(context, self.expressions, statement)
            if (item := moved_item(context, self.expressions, statement)) is not None:
                made += item[0]
                context.moved_items[id(item[1])] = item[2]
            context.moved = moved_arguments(context, statement)
            made += self._statement(statement)
            made += temporaries.release()
            made += let_go
            if tells:
                if context.unit.watches and isinstance(statement, n.Return):
                    py.watch_results(made, abi.RESULT)
                made[:0] = context.begun(statement)
            flow.leave(statement)
            context.bounds.leave(statement)
            for part in made:
                py.place(part, statement.place)
            code += made
        return code or [ast.Pass()]

    def _statement(self, statement: n.Stmt) -> list[ast.stmt]:
        handler = self.context.handler_of(statement)
        match statement:
            case n.Set(targets=[target], value=value, must=False) if not target.path:
                cannot_fail = self._cannot_fail(value) and not self.context.is_read_only(target.name)
                made = self.assignments.set_name(target, value)
                if not cannot_fail:
                    return under_handler(made, handler)
                self.context.flow.certainly_set(target.name)
                return made
            case n.If():
                return self._if(statement, handler)
            case n.While() | n.ForEach():
                return LoopGenerator(self.context, self.expressions, self.block).loop(statement)
            case n.Break() | n.Continue():
                jump = "break" if isinstance(statement, n.Break) else "continue"
                if self.context.in_error_handler and not self.context.loops:
                    return [jump_signal(jump)]
                return [py.stop() if jump == "break" else ast.Continue()]
            case n.OnError():
                return []
            case n.ClearError():
                return [py.assign(CLEARED, py.const(True))]
        return under_handler(self._simple(statement), handler)

    def _cannot_fail(self, value: n.Expr) -> bool:
        """Whether evaluating and assigning a value cannot fail, so that it needs no error handler."""
        return certainly_succeeds(value, self.context.is_assigned)

    def _simple(self, statement: n.Stmt) -> list[ast.stmt]:
        """A statement without statements inside."""
        value_of = self.expressions.value
        match statement:
            case n.Set(targets=targets, value=value, must=must):
                return self.assignments.set(targets, value, must=must)
            case n.CallStmt(call=call):
                return [ast.Expr(value_of(call))]
            case n.Return(values=values):
                return self._return(values)
            case n.Emit(value=value):
                return [py.run(abi.EMIT, value_of(value))]
            case n.Whisper(target=target, value=value):
                whom = value_of(target)
                if isinstance(target, n.Name) and target.name == "self" and "self" not in self.context.body.variables:
                    whom = py.const("self")
                return [py.run(abi.WHISPER, whom, value_of(value))]
            case n.Must(value=value):
                return self._must(value)
            case n.Fail(value=value):
                return [self._fail(value)]
            case n.OnEvent(event=event, named=named):
                function = py.name(self.context.program.event_functions[id(statement)])
                return [py.run(abi.ON_EVENT, value_of(event), py.const(named), function)]
            case n.ClearEvent(event=event, named=named):
                return [py.run(abi.CLEAR_EVENT, self._optional(event), py.const(named))]
            case n.Ask():
                return self._ask(statement)
            case n.PromptUser(prompt=prompt, into=into):
                return self.assignments.store(into, py.call(abi.PROMPT, py.name(abi.DEPTH), value_of(prompt)))
        raise AssertionError(statement)  # pragma: no cover - every kind of node is above

    def _optional(self, expression: n.Expr | None) -> ast.expr:
        """Code that gives the value of an expression, nil without one."""
        return py.const(None) if expression is None else self.expressions.value(expression)

    def _return(self, values: list[n.Expr]) -> list[ast.stmt]:
        procedure = self.context.body.procedure
        declared = len(procedure.returns) if procedure is not None else 0
        made: ast.expr = py.const(None)
        tupled = self.context.gives_tuples
        if len(values) == 1 and declared < 2 and not tupled:
            put_back = self.assignments.put_back(values[0])
            return put_back or evaluated(self.context, self.expressions, values[0], py.give)
        if len(values) > 1 and declared in (0, 1, len(values)) and not tupled:
            return all_evaluated(
                self.context, values, self.expressions.value, lambda made: py.give(ast.List(made, py.LOAD))
            )
        if len(values) == 1:
            made = self.expressions.value(values[0])
        elif values:
            made = ast.List([self.expressions.value(value) for value in values], py.LOAD)
        if declared >= 2 and len(values) != declared:
            made = py.call(abi.RETURNED, py.const(declared), py.const(len(values)), made)
        if tupled:
            made = py.items([made])
        return [py.give(made)]

    def _fail(self, value: n.Expr | None) -> ast.stmt:
        """``fail``; with a string the error is raised here, which saves Python a frame."""
        if value is not None and self.context.type_of(value).within(STR):
            return py.fail(py.call(abi.FAILURE, self.expressions.value(value)))
        return py.run(abi.FAIL, self._optional(value), py.const(bool(value)))

    def _must(self, value: n.Expr) -> list[ast.stmt]:
        temporary = self.temporaries.fresh()
        if self.context.unit.explains:
            return self._explained_must(value, temporary)
        source = py.const(self._source(value.span))
        if self.context.type_of(value).within(BOOL):
            failed = py.run(abi.MUST, py.const(False), source)
            py.place(failed, value.place)
            before, test = tested(self.context, self.expressions, value)
            return [*before, py.when(py.negated(test), [failed])]
        failed = py.run(abi.MUST, py.name(temporary), source)
        py.place(failed, value.place)
        return [
            py.assign(temporary, self.expressions.value(value)),
            py.when(py.negated(py.name(temporary)), [failed]),
            clear(temporary),
        ]

    def _explained_must(self, value: n.Expr, temporary: str) -> list[ast.stmt]:
        """A ``must`` that tells the values of its operands where it fails."""
        context, noted = self.context, self.temporaries.fresh()
        table: list[tuple[str, str, int, str | None, bool]] = []
        for number, (operand, side) in enumerate(operands_of(value)):
            is_variable = isinstance(operand, n.Name) and operand.name in context.body.variables
            variable = abi.VARIABLE + operand.name if is_variable and isinstance(operand, n.Name) else None
            is_literal = isinstance(operand, n.Literal | n.ListExpr | n.MapExpr)
            table.append((self._source(operand.span), side, number, variable, is_literal))
            if variable is None:
                context.notes[id(operand)] = noted, number
        evaluated = py.assign(temporary, self.expressions.value(value))
        context.notes.clear()
        source = py.const(self._source(value.span))
        failed = py.run(abi.MUST_EXPLAINED, py.name(temporary), source, py.name(noted), py.const(tuple(table)))
        py.place(failed, value.place)
        return [
            py.assign(noted, ast.Dict([], [])),
            evaluated,
            py.when(py.negated(py.name(temporary)), [failed]),
            clear(temporary),
            clear(noted),
        ]

    def _source(self, span: n.Span) -> str:
        """The source of an expression, cut to one line and to what fits in a message."""
        line, column, end_line, end_column = span
        end = end_column if end_line == line else None
        text = source_line(self.context.program.source, line)[column:end].strip()
        return text if len(text) <= _LONGEST_TEXT and line == end_line else f"{text[: _LONGEST_TEXT - 3]}…"

    def _ask(self, statement: n.Ask) -> list[ast.stmt]:
        who = self._optional(statement.who)
        config = self._optional(statement.config)
        given = py.const(statement.who is not None)
        prompt = self.expressions.value(statement.prompt)
        asked = self.context.as_last(py.call(abi.ASK, py.name(abi.DEPTH), who, given, prompt, config))
        if statement.into is None:
            return [ast.Expr(asked)]
        return self.assignments.store(statement.into, asked)

    # --- conditions --------------------------------------------------------------------------------------------------

    def _if(self, statement: n.If, handler: Covering | None) -> list[ast.stmt]:
        """``if``: a chain of Python's.

        A long one is cut into pieces; under an error handler each condition is evaluated in a ``try`` of its own.
        """
        rest = statement.orelse
        first, more = statement.branches[:_MAX_BRANCHES], statement.branches[_MAX_BRANCHES:]
        branches, bounds = self.context.flow.branches(), self.context.bounds
        tested = [bounds.known]  # what is known at each condition, and behind the last one
        for condition, _ in first:
            bounds.known = tested[-1].copy()
            bounds.assume(condition, holds=False)
            tested.append(bounds.known)
        ends: list[dict[str, int]] = []
        go_on = self.temporaries.lasting() if more else ""
        made: list[ast.stmt]
        if more:
            made = [py.assign(go_on, py.const(True))]
        else:
            branches.begin()
            made = self.block(rest) if rest is not None else []
            branches.end(goes_on=self._goes_on(rest or []))
            ends += [bounds.known] * self._goes_on(rest or [])
        for known, (condition, block) in zip(reversed(tested[:-1]), reversed(first), strict=True):
            branches.begin()
            bounds.known = known.copy()
            bounds.assume(condition)
            body = self.block(block)
            branches.end(goes_on=self._goes_on(block))
            ends += [bounds.known] * self._goes_on(block)
            self.temporaries.next_statement()
            bounds.known = known
            made = self._branch(condition, body, made, handler)
        if more:
            branches.begin()
            bounds.known = tested[-1]
            later = self._if(n.If(statement.place, more, rest), handler)
            branches.end(goes_on=True)
            ends.append(bounds.known)
            made = [py.assign(go_on, py.const(False)), *made, py.when(py.name(go_on), later)]
        branches.join(certain=handler is None or not self.context.body.resumes)
        bounds.join(ends)
        return made

    def _goes_on(self, block: n.Block) -> bool:
        """Whether control may go on behind the ``if`` after a block."""
        ends = bool(block) and isinstance(block[-1], n.Return | n.Fail | n.Break | n.Continue)
        return not ends or self.context.body.resumes

    def _branch(
        self, condition: n.Expr, body: list[ast.stmt], orelse: list[ast.stmt], handler: Covering | None
    ) -> list[ast.stmt]:
        before, test = tested(self.context, self.expressions, condition)
        if clean := self.temporaries.release():
            body, orelse = [*clean, *body], [*clean, *orelse]
        if handler is None or (not before and _cannot_raise(test)):
            return [*before, py.when(test, body, orelse)]
        flag = self.temporaries.lasting()
        py.place(test, condition.place)
        decided = py.assign(flag, py.either(test, py.const(True), py.const(False)))
        code = under_handler([*before, decided], handler, [clear(flag)])
        if orelse:
            orelse = [py.when(py.compare(py.name(flag), "is not", py.const(None)), orelse)]
        return [*code, py.when(py.name(flag), body, orelse)]


def _cannot_raise(test: ast.expr) -> bool:
    """Whether a condition only asks for the types or the identity of what variables hold, or for booleans."""
    for part in py.walk([test]):
        match part:
            case ast.Call(func=ast.Name(id="type"), args=[_]):
                pass
            case ast.Call() | ast.Subscript() | ast.BinOp() | ast.Attribute() | ast.JoinedStr():
                return False
            case ast.Compare(ops=operators):
                if not all(isinstance(operator, ast.Is | ast.IsNot) for operator in operators):
                    return False
    return True
