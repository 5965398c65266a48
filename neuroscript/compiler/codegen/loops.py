"""Loops to Python loops.

Every turn takes one step of fuel.  A loop that counts becomes a ``for`` over a range, and one that walks a collection a
``for`` over its items; `itertools.compress` draws the fuel beside them, so that nothing is done for it in the code.
"""

from __future__ import annotations

import ast

from neuroscript.compiler.analysis.counted_loops import Counter, counter
from neuroscript.compiler.analysis.infer import INT, LIST, MAP, STR
from neuroscript.compiler.codegen import pyast as py
from neuroscript.compiler.codegen.assignments import Assignments
from neuroscript.syntax import nodes as n

MAX_BLOCKS = 16  # CPython allows 20 nested blocks in a function; deeper loops become functions of their own.
_COMPARE = {"<": "_lt", "<=": "_le", ">": "_gt", ">=": "_ge"}


class Loops(Assignments):
    """The part of the statement maker that makes loops."""

    handler: int | None  # of the statement at hand: the number of the error handler that covers it
    in_handler: bool
    session: bool
    added: list[str]
    outlined: int
    loop_functions: int

    def block(self, block: n.Block) -> list[ast.stmt]:
        raise AssertionError  # pragma: no cover - given by Statements

    def _covered(self, code: list[ast.stmt], failed: list[ast.stmt] | None = None) -> list[ast.stmt]:
        raise AssertionError  # pragma: no cover - given by Statements

    def _take_back(self, mark: int) -> set[str]:
        raise AssertionError  # pragma: no cover - given by Statements

    def temporary_flag(self) -> str:
        """A name that lives longer than one statement."""
        self.loop_functions += 1
        return f"go_{self.loop_functions}"

    def _step(self) -> ast.stmt:
        """One step of fuel, which never runs dry: it raises when the run has used up what it may."""
        return ast.For(ast.Name("_", py.STORE), py.name("_fuel"), [ast.Break()], [])

    def _loop(self, statement: n.While | n.ForEach) -> list[ast.stmt]:
        if self.blocks >= MAX_BLOCKS:
            return self._outlined(statement)
        mark = len(self.added)
        handler = self.handler
        self.owned.difference_update(self.sharing.within([statement]))
        owned = self.owned.copy()
        self.blocks += 1
        made = self._while(statement) if isinstance(statement, n.While) else self._for_each(statement)
        self.blocks -= 1
        self.owned = owned
        self._take_back(mark)
        self.handler = handler
        return made

    def _while(self, statement: n.While) -> list[ast.stmt]:
        """``while``: the turns take their fuel as they go round."""
        if (counted := self._counted(statement)) is not None:
            return counted
        test = self.condition(statement.condition)
        header: list[ast.stmt]
        if self.handler is not None:
            done = py.when(ast.UnaryOp(ast.Not(), test), [ast.Break()])
            py.place(done, statement.span)
            header = self._covered([done], [ast.Break()])
        else:
            header = [py.when(ast.UnaryOp(ast.Not(), test), [ast.Break()])]
            py.place(header[0], statement.span)
        clean = self.let_go()
        body = [*header, *clean, *self.block(statement.body)]
        return [ast.For(ast.Name("_", py.STORE), py.name("_fuel"), body, []), *clean]

    def _counted(self, statement: n.While) -> list[ast.stmt] | None:
        """``while i < n … set i = i + 1``, where nothing else sets either: a ``for`` over a range.

        The first test stands before it, so that a loop without turns costs no more than that.  At the loop's end the
        counter has been counted up once more, and the last test has taken its step.
        """
        found = counter(statement)
        if found is None or self.body.handlers or self.session:
            return None
        name, bound = found.name, found.bound
        kind = self.types.types.get(name)
        if name not in self.assigned or name in self.readonly or kind is None or not kind.within(INT):
            return None
        if kind.bits is None or not self._known(bound):
            return None
        if not (self._known(found.step) and self.type_of(found.step).within(INT)):
            return None
        test = self.condition(statement.condition)
        measured = bound.args[0].value if isinstance(bound, n.Call) else None
        sure = self.type_of(bound).within(INT) and (measured is None or self.type_of(measured).within(LIST | MAP | STR))
        # A test that may fail comes after its step, which then is that of the first turn.
        steps = py.name("_fuel") if sure else py.call("_chain", py.const((True,)), py.name("_fuel"))
        turns = py.call("_compress", self._range(found), steps)
        py.place(turns, statement.condition.span)
        step = py.binary(py.name(f"v_{name}"), "-" if found.down else "+", self.value(found.step))
        rest = [self._step(), py.assign(f"v_{name}", step)]
        self.counters.append(name if found.by_one else "")
        body = self.block(statement.body[:-1])
        self.counters.pop()
        loop = ast.For(ast.Name(f"v_{name}", py.STORE), turns, body, rest)
        if not sure:
            return [self._step(), py.when(test, [loop])]
        return [py.when(test, [loop], [self._step()])]

    def _range(self, found: Counter) -> ast.expr:
        """The counter's values: of a range, where bound and step are whole numbers as they must be for one."""
        start = py.name(f"v_{found.name}")
        stop = self.value(found.bound)
        if found.operator in ("<=", ">="):
            stop = py.binary(stop, "-" if found.down else "+", py.const(1))
        tests: list[ast.expr] = []
        if not self.type_of(found.bound).within(INT):
            tests.append(py.kind_is(self.value(found.bound), "int"))
        if not isinstance(found.step, n.Literal):
            tests.append(py.compare(self.value(found.step), ">", py.const(0)))
        step: ast.expr = self.value(found.step)
        if found.down:
            step = ast.UnaryOp(ast.USub(), step)
        turns = py.call("_range", start, stop, *([] if found.by_one else [step]))
        if not tests:
            return turns
        other = py.call("_counted", py.name(_COMPARE[found.operator]), start, self.value(found.bound), step)
        return py.either(py.both(*tests), turns, other)

    def _known(self, bound: n.Expr) -> bool:
        """Whether a bound or step can be evaluated at any time: a literal, a variable that is set, or its length."""
        if isinstance(bound, n.Call):
            return bound.name in self.sharing.readers and self.settled(bound.args[0].value)
        return self.settled(bound)

    def _for_each(self, statement: n.ForEach) -> list[ast.stmt]:
        name = statement.name
        if name in self.readonly:
            return self._covered([ast.Expr(self.value(statement.collection)), self._refused(name)])
        collection = self.value(statement.collection)
        before: list[ast.stmt] = []
        after: list[ast.stmt] = []
        if not isinstance(statement.collection, n.Name):
            # An iterator alone would hold it, where measuring the run's memory does not see it.
            held = self.temporary_flag()
            collection = py.bind(held, collection)
            after = [py.assign(held, py.const(None))]
        items = py.call("_iterate", collection)
        py.place(items, statement.collection.span)
        if self.handler is not None:
            walked = self.temporary_flag()
            before = self._covered([py.assign(walked, items)], [py.assign(walked, py.const(None))])
            after.append(py.assign(walked, py.const(None)))  # nothing holds the collection after the loop
            items = py.name(walked)  # type: ignore[assignment]
        clean = self.let_go()
        after += clean
        self._note(name)
        body = [*clean, *self.block(statement.body)]
        turns = py.call("_compress", items, py.name("_fuel"))
        loop: ast.stmt = ast.For(ast.Name(f"v_{name}", py.STORE), turns, body, [self._step()])
        if before:  # after an error that was cleared there is nothing to walk
            loop = py.when(py.compare(items, "is not", py.const(None)), [loop])
        return [*before, loop, *after]

    def _outlined(self, statement: n.While | n.ForEach) -> list[ast.stmt]:
        """A loop that is nested too deeply for one Python function, as a function of its own."""
        self.loop_functions += 1
        identifier = f"loop_{self.loop_functions}"
        blocks, self.blocks = self.blocks, 0
        self.outlined += 1
        body = self._loop(statement)
        self.outlined -= 1
        self.blocks = blocks
        shared = self._shared(body, "cleared") if self.in_handler else self._shared(body)
        made = py.function(identifier, [], [], [*shared, *body])
        result = self.temporary_flag()
        value = py.name(result) if self.outlined else py.item(py.name(result), py.const(0))
        return [
            made,
            py.assign(result, py.call(identifier)),
            py.when(py.compare(py.name(result), "is not", py.const(None)), [ast.Return(value)]),
        ]

    def _shared(self, code: list[ast.stmt], *more: str) -> list[ast.stmt]:
        """The ``nonlocal`` that makes an inner function share the body's variables."""
        used = {part.id for statement in code for part in ast.walk(statement) if isinstance(part, ast.Name)}
        mine = {f"v_{name}" for name in self.body.variables} | {"latest", *more}
        return [ast.Nonlocal(sorted(used & mine))] if used & mine else []
