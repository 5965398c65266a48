"""Statements to Python statements.

In a body without error handlers every statement becomes plain code.  In one with handlers each statement that may fail
stands in a ``try`` of its own, which costs nothing while nothing fails: on a failure the handler, a function that
shares the body's variables, runs, and execution goes on with the next statement if it cleared the error.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import partial

from neuroscript.compiler.analysis.escape import READERS, Sharing
from neuroscript.compiler.analysis.infer import INT, LIST, MAP, Inference, Type
from neuroscript.compiler.analysis.specialize import ENTRY_BITS, Special, specialised
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.calls import Unit
from neuroscript.compiler.codegen.loops import MAX_BLOCKS, Loops
from neuroscript.compiler.resolve import SYSTEM_NAMES, Body, Resolved, source_line
from neuroscript.compiler.traversal import assigned_by, loop_depth, loose_operands, statements, walk
from neuroscript.compiler.traversal import expressions as direct_expressions
from neuroscript.syntax import nodes as n
from neuroscript.values import TYPE_CONSTANTS

_MAX_BRANCHES = 40
_LONG = 150  # statements
_MOST_NAMES = 4000  # names that are written out for `eval` in one body, before a function does it in one place


class Statements(Loops):
    """Makes the function of one body of code."""

    def __init__(
        self,
        unit: Unit,
        resolved: Resolved,
        body: Body,
        event_names: dict[int, str],
        *,
        session: frozenset[str] | None = None,
        special: Special | None = None,
    ) -> None:
        self.session = session is not None  # whether the variables come from a mapping and go back to it
        self.unit = unit
        self.resolved = resolved
        self.body = body
        self.event_names = event_names
        params = set(body.params)
        # A host global cannot be set: only a parameter may have its name.
        body.readonly |= {name for name in body.variables if name in unit.globals and name not in params}
        body.variables -= body.readonly
        self.readonly = body.readonly
        self.foreign = {name for name in body.variables - params if name in unit.procedures or name in TYPE_CONSTANTS}
        self.special = special
        foreign = self.foreign | (session or frozenset())
        self._infer = partial(Inference, body, foreign, unit.procedures, unit.globals)
        self.types = self._infer(*(special.known(body.name) if special is not None else ({}, {})))
        self.long = body.size > _LONG
        self.assigned = params.copy()
        self.added: list[str] = []  # what was put into `assigned`, in order, so that a branch can be taken back
        if body.guarded is None:
            body.guarded = self._guarded() - params
        self.guarded = body.guarded.copy()
        self.unsure: set[str] = set()
        self.scoped = body.evals * len(body.variables) > _MOST_NAMES
        self.holding = []
        hiding = (body.variables, unit.procedures, unit.globals)
        readers = frozenset(name for name in READERS if not any(name in names for names in hiding))
        self.sharing = Sharing(readers, (lambda tool: False) if body.uses_last else unit.appends)
        self.owned = set()
        self.counters = []
        self.handler = None
        self.in_handler = False
        self.blocks = 0
        self.outlined = 0
        self.loop_functions = 0

    def _guarded(self) -> set[str]:
        """The variables that start as UNSET, so that code can ask whether they are set."""
        body = self.body
        if self.session or body.handlers or body.evals or loop_depth(body.block) > MAX_BLOCKS:
            return set(body.variables)
        guarded = self.foreign.copy()
        for statement in statements(body.block):
            targets = statement.targets if isinstance(statement, n.Set) else []
            into = getattr(statement, "into", None)
            guarded.update(target.name for target in (*targets, *([into] if into else [])) if target.path)
            for expression in direct_expressions(statement):
                for part in walk(expression):
                    guarded.update(name.name for name in loose_operands(part) if isinstance(name, n.Name))
                    if isinstance(part, n.Call):
                        guarded.add(part.name)
        return guarded & body.variables

    def specialised(self, params: dict[str, Type], load: int) -> Special:
        """How the body of a procedure is specialised for what its parameters are expected to be."""
        return specialised(self.body, params, load, self.unit.max_depth, self._infer)

    # --- functions ---------------------------------------------------------------------------------------------------

    def function(self, identifier: str) -> ast.stmt:
        """The Python function of the body, named ``identifier``."""
        made = self._function(identifier)
        if self.unsure:
            # Python places the failure of reading an unset local on the wrong line where it fuses two instructions.
            self.guarded |= self.unsure
            made = self._function(identifier)
        return made

    def _function(self, identifier: str) -> ast.stmt:
        body = self.body
        procedure = body.procedure
        needs, optional = body.params, []
        if procedure is not None:
            needs = [param.name for param in procedure.needs]
            optional = [param.name for param in procedure.optional]
        params = ["d", *(f"v_{name}" for name in needs)]
        code = self._handing_over() if procedure is not None and self.special is None else []
        code += [
            py.when(py.compare(py.name("d"), "<", py.const(1)), [ast.Expr(py.call("_too_deep"))]),
            self._step(),
        ]
        code += [py.assign(f"v_{name}", self._start(name)) for name in sorted(self.guarded)]
        if body.uses_last:
            code.append(py.assign("latest", py.const(None)))
        if self.scoped:
            code.append(py.function("scope", [], [], [ast.Return(self.scope())]))
        code += [self._handler(index, handler) for index, handler in enumerate(body.handlers)]
        self._begin(body.params)
        statements_code = self.block(body.block)
        code += self._saved(statements_code) if self.session else statements_code
        if self.session:
            params.append("scope")
        elif body.kind == "event" and not needs:
            params.append("unused")
        made = py.function(identifier, params, [f"v_{name}" for name in optional], code)
        py.place(made, body.span)
        return made

    def _handing_over(self) -> list[ast.stmt]:
        """What leads from a procedure to its specialised body, where the arguments are what that is for."""
        special = self.unit.specials.get(self.body.name)
        if special is None:
            return []
        tests: list[ast.expr] = []
        for name, wanted in special.params.items():
            value = py.name(f"v_{name}")
            tests.append(py.kind_is(value, {INT: "int", LIST: "list", MAP: "dict"}[wanted.kinds]))
            if wanted.kinds == INT:
                most = 1 << ENTRY_BITS
                tests.append(py.compare(py.const(-most), "<", value, "<", py.const(most)))
        call = py.call(special.identifier, py.name("d"), *(py.name(f"v_{name}") for name in self.body.params))
        return [py.when(py.both(*tests), [ast.Return(call)])]

    def _start(self, name: str) -> ast.expr:
        """What a guarded variable is at first."""
        if self.session:
            return py.call("_get", py.name("scope"), py.const(name), py.name("UNSET"))
        return py.name("UNSET")

    def _saved(self, code: list[ast.stmt]) -> list[ast.stmt]:
        """Code after which, whatever happens, the variables are back in the session's mapping."""
        names = sorted(self.guarded)
        values: list[ast.expr] = [py.name(f"v_{name}") for name in names]
        update = ast.Expr(py.call("_update", py.name("scope"), ast.Dict([py.const(name) for name in names], values)))
        return [ast.Try(code, [], [], [update])]

    def _handler(self, index: int, handler: n.OnError) -> ast.stmt:
        """The function of an error handler: it gets the error's fields and says whether it cleared the error."""
        self._begin([*self.body.params, *SYSTEM_NAMES])
        self.in_handler = True
        code: list[ast.stmt] = [py.assign("cleared", py.const(False))]
        for name in SYSTEM_NAMES:
            if name in self.body.variables:
                field = {"system_error_message": "message", "system_error_code": "code"}.get(name)
                value = py.item(py.name("error"), py.const(field)) if field else py.name("error")
                code.append(py.assign(f"v_{name}", value))
        code += self.block(handler.body)
        code.append(ast.Return(py.name("cleared")))
        self.in_handler = False
        made = py.function(f"h_{index}", ["error"], [], [*self._shared(code), *code])
        py.place(made, handler.span)
        return made

    # --- blocks ------------------------------------------------------------------------------------------------------

    def block(self, block: n.Block) -> list[ast.stmt]:
        """The statements of a block; never empty."""
        code: list[ast.stmt] = []
        for statement in block:
            self._temporaries = 0
            self.handler = None if self.in_handler else self.body.handler_of.get(id(statement))
            self._share(statement)
            made = self.statement(statement)
            made += self.let_go()
            self._own(statement)
            for part in made:
                py.place(part, statement.span)
            code += made
        return code or [ast.Pass()]

    def statement(self, statement: n.Stmt) -> list[ast.stmt]:
        """One statement."""
        match statement:
            case n.If():
                return self._if(statement)
            case n.While() | n.ForEach():
                return self._loop(statement)
            case n.Break():
                return [ast.Break()]
            case n.Continue():
                return [ast.Continue()]
            case n.OnError():
                return []
            case n.ClearError():
                return [py.assign("cleared", py.const(True))]
            case n.Set(targets=[target], value=value, must=False) if not target.path:
                cannot_fail = self._cannot_fail(value) and target.name not in self.readonly
                made = self._set_name(target, value)
                if not cannot_fail:
                    return self._covered(made)
                self._note(target.name)
                return made
        return self._covered(self._simple(statement))

    def _cannot_fail(self, value: n.Expr) -> bool:
        """Whether a value needs no error handler, and is there whatever happens."""
        empty = (isinstance(value, n.ListExpr) and not value.items) or (
            isinstance(value, n.MapExpr) and not value.entries
        )
        return empty or self.settled(value)

    def _simple(self, statement: n.Stmt) -> list[ast.stmt]:
        match statement:
            case n.Set(targets=targets, value=value, must=must):
                return self._set(targets, value, must)
            case n.CallStmt(call=call):
                return [ast.Expr(self.value(call))]
            case n.Return(values=values):
                return self._return(values)
            case n.Emit(value=value):
                return [ast.Expr(py.call("_emit", self.value(value)))]
            case n.Whisper(target=target, value=value):
                whom = self.value(target)
                if isinstance(target, n.Name) and target.name == "self" and "self" not in self.body.variables:
                    whom = py.const("self")
                return [ast.Expr(py.call("_whisper", whom, self.value(value)))]
            case n.Must(value=value):
                return self._must(value)
            case n.Fail(value=value):
                return [
                    ast.Expr(py.call("_fail", self.value(value) if value else py.const(None), py.const(bool(value))))
                ]
            case n.OnEvent(event=event, named=named):
                function = py.name(self.event_names[id(statement)])
                return [ast.Expr(py.call("_on_event", self.value(event), py.const(named), function))]
            case n.ClearEvent(event=event, named=named):
                name = self.value(event) if event is not None else py.const(None)
                return [ast.Expr(py.call("_clear_event", name, py.const(named)))]
            case n.Ask():
                return self._ask(statement)
            case n.PromptUser(prompt=prompt, into=into):
                return self._store(into, py.call("_prompt", py.name("d"), self.value(prompt)))
        raise AssertionError(statement)  # pragma: no cover - every kind of node is above

    def _covered(self, code: list[ast.stmt], failed: list[ast.stmt] | None = None) -> list[ast.stmt]:
        """Code under the handler that covers the statement at hand; ``failed`` follows a cleared error."""
        if self.handler is None:
            return code
        # `x = _handle(h, x)` runs the handler; it gives None if the error was cleared, else the error to go on.
        handle = py.assign("x", py.call("_handle", py.name(f"h_{self.handler}"), py.name("x")))
        raise_on = py.when(py.compare(py.name("x"), "is not", py.const(None)), [ast.Raise(py.name("x"), None)])
        caught = ast.ExceptHandler(py.name("Exception"), "x", [handle, raise_on, *(failed or [])])
        return [ast.Try(code, [caught], [], [])]

    # --- results and conditions --------------------------------------------------------------------------------------

    def _return(self, values: list[n.Expr]) -> list[ast.stmt]:
        procedure = self.body.procedure
        declared = len(procedure.returns) if procedure is not None else 0
        made: ast.expr = py.const(None)
        if len(values) == 1:
            made = self.value(values[0])
        elif values:
            made = ast.List([self.value(value) for value in values], py.LOAD)
        if declared >= 2 and len(values) != declared:
            made = py.call("_returned", py.const(declared), py.const(len(values)), made)
        if self.outlined:
            made = ast.Tuple([made], py.LOAD)
        return [ast.Return(made)]

    def _must(self, value: n.Expr) -> list[ast.stmt]:
        temporary = self.temporary()
        text = self._source(value.span)
        failed = ast.Expr(py.call("_must", py.name(temporary), py.const(text)))
        py.place(failed, value.span)
        return [
            py.assign(temporary, self.value(value)),
            py.when(ast.UnaryOp(ast.Not(), py.name(temporary)), [failed]),
            py.assign(temporary, py.const(None)),
        ]

    def _source(self, span: n.Span) -> str:
        """The text of an expression that stands on one line."""
        line, column, end_line, end_column = span
        text = source_line(self.resolved.program.source, line)[
            column : end_column if end_line == line else None
        ].strip()
        return text if len(text) <= 60 and line == end_line else text[:57] + "…"

    def _if(self, statement: n.If) -> list[ast.stmt]:
        """``if``: a chain of Python's; a long one in pieces, and one under a handler each condition by itself."""
        handler = self.handler
        branches = list(statement.branches)
        rest = statement.orelse
        first, more = branches[:_MAX_BRANCHES], branches[_MAX_BRANCHES:]
        ends: list[tuple[set[str], set[str]] | None] = []
        owned = self.owned
        go_on = self.temporary_flag() if more else ""
        orelse: list[ast.stmt]
        if more:
            orelse = [py.assign(go_on, py.const(True))]
        else:
            mark = self._branch_begins(owned)
            orelse = self.block(rest) if rest is not None else []
            ends.append(self._end(rest or [], mark))
        made = orelse
        for number, (condition, block) in reversed(list(enumerate(first))):
            mark = self._branch_begins(owned)
            body = self.block(block)
            ends.append(self._end(block, mark))
            self.handler = handler
            self._temporaries = 0
            made = self._branch(condition, body, made, number)
        if more:
            self.handler = handler
            mark = self._branch_begins(owned)
            later = self._if(n.If(statement.span, more, rest))
            ends.append(self._end([], mark))
            made = [py.assign(go_on, py.const(False)), *made, py.when(py.name(go_on), later)]
        known = [end for end in ends if end is not None]
        self.owned = set.intersection(*(owned for _, owned in known)) if known else owned
        if known and handler is None:  # where a condition may fail and be cleared, none of the branches has run
            for name in set.intersection(*(names for names, _ in known)):
                self._note(name)
        return made

    def _branch_begins(self, owned: set[str]) -> int:
        """Begins a branch with what is owned before it; gives the mark for `_end`."""
        self.owned = owned.copy()
        return len(self.added)

    def _branch(self, condition: n.Expr, body: list[ast.stmt], orelse: list[ast.stmt], number: int) -> list[ast.stmt]:
        test = self.condition(condition)
        if self.holding:
            clean = self.let_go()
            body, orelse = [*clean, *body], [*clean, *orelse]
        if self.handler is None:
            return [py.when(test, body, orelse)]
        flag = self.temporary_flag()
        py.place(test, condition.span)
        evaluated = py.assign(flag, py.either(test, py.const(True), py.const(False)))
        code = self._covered([evaluated], [py.assign(flag, py.const(None))])
        if orelse:
            orelse = [py.when(py.compare(py.name(flag), "is not", py.const(None)), orelse)]
        return [*code, py.when(py.name(flag), body, orelse)]

    def _end(self, block: n.Block, mark: int) -> tuple[set[str], set[str]] | None:
        """What a branch sets, and what is owned at its end; None for one that never ends, which does not count."""
        names = self._take_back(mark)
        ends = block and isinstance(block[-1], n.Return | n.Fail | n.Break | n.Continue) and not self.body.handlers
        return None if ends else (names, self.owned)

    # --- what is certainly set, and whose ----------------------------------------------------------------------------

    def _share(self, statement: n.Stmt) -> None:
        """Forgets the owners of what a statement's expressions hand on."""
        if self.owned:
            self.owned.difference_update(self.sharing.by(statement))
            if isinstance(statement, n.Set) and len(statement.targets) > 1:  # one may be set before another is changed
                self.owned.difference_update(assigned_by(statement))

    def _own(self, statement: n.Stmt) -> None:
        """Notes what a statement leaves its variable alone to hold; nothing is certain where errors are handled."""
        if self.body.handlers or self.session:
            return
        match statement:
            case n.Set(targets=targets, value=value):
                for target in targets:
                    made = len(targets) == 1 and isinstance(value, n.ListExpr | n.MapExpr)
                    if target.path or made or self.sharing.appended(statement):
                        self.owned.add(target.name)
                    else:
                        self.owned.discard(target.name)
            case n.Ask(into=n.Target() as target):
                self.owned.discard(target.name)

    def _begin(self, names: Iterable[str]) -> None:
        """Begins a function's code with these names set; a body may be made twice."""
        self.assigned = set(names)
        self.added = []
        self.owned = set()
        self.counters = []
        self.holding = []

    def _note(self, name: str) -> None:
        """From here on the variable is certainly set."""
        if name not in self.assigned:
            self.assigned.add(name)
            self.added.append(name)

    def _take_back(self, mark: int) -> set[str]:
        """Forgets what was noted since ``added`` was as long as ``mark``, and gives it."""
        names = self.added[mark:]
        del self.added[mark:]
        self.assigned.difference_update(names)
        return set(names)

    # --- models ------------------------------------------------------------------------------------------------------

    def _ask(self, statement: n.Ask) -> list[ast.stmt]:
        parts = [self.value(part) if part is not None else py.const(None) for part in (statement.who,)]
        config = self.value(statement.config) if statement.config is not None else py.const(None)
        given = py.const(statement.who is not None)
        asked = self.remembered(py.call("_ask", py.name("d"), *parts, given, self.value(statement.prompt), config))
        if statement.into is None:
            return [ast.Expr(asked)]
        return self._store(statement.into, asked)
