"""Values of the turn before: what a loop uses after an error that its handler cleared, and loops that never go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.resolve import LAST
from neuroscript.compiler.traversal import (
    assigned_by,
    assigned_in,
    expressions,
    inner_blocks,
    statements,
    stored_in,
    walk,
)
from neuroscript.lint.failing import Failing, names_in
from neuroscript.lint.reads import reads
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

Found: TypeAlias = tuple[str, n.Span, str]

MOST_STATEMENTS = 5000
"""Statements of a body whose ways are followed, which takes the square of their number where all set variables."""

_STALE = (
    "'{name}' may hold the value of the turn before: when line {line} fails, the handler clears the error and goes on "
    "here; {cure}"
)
_IN_FOR = "`continue` in the handler, or use `tool.error.Try`"
_IN_WHILE = "use `tool.error.Try`, or `set {name} = nil` before it"
_ASK = "`set {name} = nil` before the `ask`, or `continue` in the handler"
_ENDLESS = (
    "when line {line} fails, this goes on with the `while` of line {loop}, whose condition has not changed: "
    "change {names} before what can fail"
)


@dataclass(slots=True)
class _State:
    """What is known at one place of a loop's turn.

    Args:
        stale: the variables that may hold an older value, with the statement whose failure leaves it.
        fresh: the variables that this turn has set, come what may.
    """

    stale: dict[str, n.Stmt] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)

    def copy(self) -> _State:
        return _State(dict(self.stale), set(self.fresh))


class StaleValues:
    """The reads of one body that may find a value of the turn before.

    Args:
        body: the body.
        failing: what can fail in it.
    """

    def __init__(self, body: Body, failing: Failing) -> None:
        self._body = body
        self._failing = failing
        self._given = [_assigned(handler.body) for handler in body.handlers]  # by each handler
        self._told: set[tuple[int, str]] = set()
        self._found: list[Found] = []
        self._loops: list[n.Stmt] = []

    def find(self) -> list[Found]:
        """The findings, by the loop."""
        if self._failing.resuming and self._body.size <= MOST_STATEMENTS:
            self._block(self._body.block, _State())
        return self._found

    def _block(self, block: n.Block, state: _State) -> _State | None:
        """The state after a block; None if its end is never reached."""
        after: _State | None = state
        for statement in block:
            if after is None:
                return None
            after = self._statement(statement, after)
        return after

    def _statement(self, statement: n.Stmt, state: _State) -> _State | None:
        self._read(expressions(statement), state)
        match statement:
            case n.If(branches=branches, orelse=orelse):
                self._test(names_in(condition for condition, _ in branches), state)
                ends = [self._block(block, state.copy()) for block in inner_blocks(statement)]
                return _joined(ends if orelse is not None else [*ends, state])
            case n.While(body=block) | n.ForEach(body=block):
                return self._loop(statement, block, state)
            case n.Must(value=value):
                self._test(names_in([value]), state)
            case n.Return() | n.Break() | n.Continue() | n.Fail():
                return None
        if self._loops:
            self._assign(statement, state)
        return state

    def _loop(self, statement: n.Stmt, block: n.Block, state: _State) -> _State:
        """A loop, whose turns are its own: what this turn of the loop around has set is old for its second one."""
        if isinstance(statement, n.While):
            self._test(names_in([statement.condition]), state)
        inner = state.copy()
        inner.fresh -= _assigned(block)
        if isinstance(statement, n.ForEach):
            inner.fresh.update(assigned_by(statement))
        self._loops.append(statement)
        end = self._block(block, inner)
        self._loops.pop()
        if end is not None and self._loops:
            new = {name: cause for name, cause in end.stale.items() if name not in state.fresh}
            state.stale = {**new, **state.stale}
        return state

    def _test(self, names: set[str], state: _State) -> None:
        """A condition: it tells of an error if it reads what the handler sets."""
        for name, cause in list(state.stale.items()):
            if names & self._given[self._body.handler_of[id(cause)]]:
                del state.stale[name]

    def _assign(self, statement: n.Stmt, state: _State) -> None:
        handler = self._body.handler_of.get(id(statement))
        told = {name for _, name in self._told}
        follows = any(name in told and name in state.stale for name in names_in(expressions(statement)))
        fails = not follows and handler in self._failing.resuming and self._failing.statement(statement)
        for name in self._targets(statement):
            own = isinstance(statement, n.Set) and name in names_in([statement.value])  # `set n = n + f(x)`
            given = handler is not None and name in self._given[handler]
            if not fails or own or given:
                state.stale.pop(name, None)
                state.fresh.add(name)
            elif name not in state.fresh:
                state.stale[name] = statement

    def _targets(self, statement: n.Stmt) -> Iterator[str]:
        yield from assigned_by(statement)
        if self._body.uses_last and (isinstance(statement, n.CallStmt | n.Ask)):
            yield LAST

    def _read(self, parts: Iterable[n.Expr], state: _State) -> None:
        if not state.stale:
            return
        parts = list(parts)
        tested = names_in(parts)
        for part in parts:
            for name, span, loose in reads(part):
                cause = state.stale.get(name)
                if cause is None or loose or (id(cause), name) in self._told:
                    continue
                if tested & self._given[self._body.handler_of[id(cause)]]:
                    continue  # the same condition asks for the error
                self._told.add((id(cause), name))
                self._found.append(("stale-value", span, self._message(name, cause)))

    def _message(self, name: str, cause: n.Stmt) -> str:
        if isinstance(cause, n.Ask) and name != LAST:
            cure = _ASK
        else:
            cure = _IN_FOR if isinstance(self._loops[-1], n.ForEach) or name == LAST else _IN_WHILE
        return _STALE.format(name=name, line=cause.span[0], cure=cure.format(name=name))


def _joined(states: list[_State | None]) -> _State | None:
    """What holds after all of several ways."""
    reached = [state for state in states if state is not None]
    if not reached:
        return None
    joined = reached[0].copy()
    for state in reached[1:]:
        joined.stale = {**state.stale, **joined.stale}
        joined.fresh &= state.fresh
    return joined


def _assigned(block: n.Block) -> set[str]:
    return {name for statement in statements(block) for name in assigned_by(statement)}


def endless_continues(body: Body, failing: Failing) -> Iterator[Found]:
    """The ``continue`` of each handler that goes on with a ``while`` that nothing has moved."""
    for index, handler in enumerate(body.handlers):
        if "continue" not in body.jumps.get(index, ()):
            continue
        place = next(_own_continues(handler.body), None)
        moved = _assigned(handler.body) | set(stored_in(handler.body))
        for loop in body.loops:
            names = names_in([loop.condition])
            changing = (names & {*assigned_in(loop.body), *stored_in(loop.body)}) - moved
            if place is None or not changing or names & moved or _calls(loop.condition):
                continue
            cause, _ = _before_progress(loop.body, changing, body, index, failing)
            if cause is not None:
                told = " or ".join(f"'{name}'" for name in sorted(changing))
                message = _ENDLESS.format(line=cause.span[0], loop=loop.span[0], names=told)
                yield "endless-continue", place.span, message
                break


def _own_continues(block: n.Block) -> Iterator[n.Stmt]:
    """The ``continue`` statements of a handler that stand in no loop of its own."""
    for statement in block:
        if isinstance(statement, n.Continue):
            yield statement
        elif isinstance(statement, n.If):
            for inner in inner_blocks(statement):
                yield from _own_continues(inner)


def _calls(condition: n.Expr) -> bool:
    """Whether a condition may change by itself."""
    return any(
        isinstance(part, n.ToolCall | n.CallValue) or (isinstance(part, n.Call) and part.name != "len")
        for part in walk(condition)
    )


def _before_progress(
    block: n.Block, names: set[str], body: Body, handler: int, failing: Failing
) -> tuple[n.Stmt | None, bool]:
    """The first statement that can fail before one of the names is changed, and whether one is where the block ends."""
    for statement in block:
        if body.handler_of.get(id(statement)) == handler and failing.statement(statement):
            step = isinstance(statement, n.Set) and names_in([statement.value]) & {*assigned_by(statement)} & names
            if not step:
                return statement, False
        if isinstance(statement, n.If):
            ends = [_before_progress(inner, names, body, handler, failing) for inner in inner_blocks(statement)]
            for cause, _ in ends:
                if cause is not None:
                    return cause, False
            if statement.orelse is not None and all(moves for _, moves in ends):
                return None, True
        elif isinstance(statement, n.Return | n.Break | n.Continue | n.Fail) or (
            not isinstance(statement, n.While | n.ForEach)
            and {*assigned_by(statement), *stored_in([statement])} & names
        ):
            return None, True
    return None, False
