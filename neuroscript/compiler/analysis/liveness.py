"""Liveness analysis: which statement is the last one to read a variable, or the item of a literal key in it.

What nothing reads any more need not be held any more, so that a list or map that goes through variables and results can
be changed in place: ``set memo = result.memo``, where nothing else of ``result`` is needed.

There is one walk backwards over a body.  What a loop reads before it sets it is live at the end of each of its turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import TypeAlias

from neuroscript.compiler.resolve import Body
from neuroscript.compiler.traversal import assigned_by, children, expressions, statements
from neuroscript.records import record
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholders

Place: TypeAlias = "tuple[str, str | None]"
"""A variable and a key, for the item of that key; without a key all of the variable."""

_NOTHING: frozenset[Place] = frozenset()
_MOST_STATEMENTS = 1000  # the sets grow with the variables
_MOST_ALIASES = 4  # one read from the other


@record(frozen=True)
class _Exits:
    """What is live where a loop is left, and where its next turn begins."""

    left: frozenset[Place] = _NOTHING
    again: frozenset[Place] = _NOTHING


class Liveness:
    """The last reads of a body's variables.

    There are none where something else may read variables at any time: `eval`, an interactive session; nor where the
    body uses ``last``, which holds what calls gave.  What error handlers read is read after any statement, and so is,
    where they let execution go on behind it, all that is read there.

    Args:
        body: the body.

    Attributes:
        handled: the variables that error handlers read.
    """

    def __init__(self, body: Body) -> None:
        self._last: dict[int, set[Place]] = {}
        self._idle: dict[int, list[str]] = {}
        self._aliases: dict[str, set[str]] = {}
        self._reads: dict[int, set[Place]] = {}  # of statements, which are looked at once for each loop around them
        self._needed: dict[int, frozenset[Place]] = {}  # by loops, at the start of their bodies
        self.handled = read_by_handlers(body)
        self._resumes = body.resumes or body.leaves
        self._always = frozenset((name, None) for name in self.handled)
        plain = not body.evals and body.session is None and not body.uses_last
        self._pending = body.block if plain and body.size <= _MOST_STATEMENTS else None

    def find(self) -> None:
        """Finds the last reads now, and not when one is asked for, as in many bodies none is."""
        block, self._pending = self._pending, None
        if block is not None:
            self._aliases = _aliases(block)
            self._block(block, self._always, _Exits(self._always, self._always), noting=True)
            self._reads.clear()

    def last_reads(self, statement: n.Stmt) -> Set[Place]:
        """What a statement is the last one to read; no ``if`` and no loop is."""
        if self._pending is not None:
            self.find()
        return self._last.get(id(statement), _NOTHING)

    def idle_aliases(self, statement: n.Stmt) -> Sequence[str]:
        """The variables that nothing reads any more when a statement stores a value in what they were read from."""
        if next(_stored_by(statement), None) is None:
            return ()
        if self._pending is not None:
            self.find()
        return self._idle.get(id(statement), ())

    def all_idle(self) -> set[str]:
        """The variables that `idle_aliases` gives for any statement."""
        return set().union(*self._idle.values())

    def _block(self, block: n.Block, after: frozenset[Place], exits: _Exits, *, noting: bool) -> frozenset[Place]:
        """What is live before a block; notes its last reads."""
        live = after
        for statement in reversed(block):
            live = self._statement(statement, live, exits, noting=noting)
        return live

    def _statement(
        self, statement: n.Stmt, after: frozenset[Place], exits: _Exits, *, noting: bool
    ) -> frozenset[Place]:
        read = self._reads.get(id(statement))
        if read is None:
            read = self._reads[id(statement)] = _read(expressions(statement))
        failed = after | exits.left | exits.again if self._resumes else self._always
        if type(statement) is not n.Set:
            match statement:
                case n.If(branches=branches, orelse=orelse):
                    live = after if orelse is None else self._block(orelse, after, exits, noting=noting)
                    return live.union(
                        read, failed, *(self._block(block, after, exits, noting=noting) for _, block in branches)
                    )
                case n.While() | n.ForEach():
                    again = after | failed | _without(self._needed_by(statement), assigned_by(statement))
                    if isinstance(statement, n.While):
                        again |= read
                    if noting:
                        self._block(statement.body, again, _Exits(after, again), noting=True)
                    return again | read
                case n.Break():
                    return exits.left
                case n.Continue():
                    return exits.again
                case n.Return() | n.Fail():
                    after = _NOTHING
        live = _without(after, assigned_by(statement))
        if failed:
            live |= failed
        stored = {(name, None) for name in _stored_by(statement)}
        if not noting:
            return live | read | stored
        if last := _last(read - stored, live | stored):
            self._last[id(statement)] = last
        if stored and self._aliases:
            names = {name for name, _ in live | read | stored}
            idle = {alias for name, _ in stored for alias in self._aliases.get(name, ())} - names
            if idle:
                self._idle[id(statement)] = sorted(idle)
        return live | read | stored

    def _needed_by(self, loop: n.While | n.ForEach) -> frozenset[Place]:
        """What a turn of a loop reads before it sets it."""
        found = self._needed.get(id(loop))
        if found is None:
            found = self._needed[id(loop)] = self._block(loop.body, _NOTHING, _Exits(), noting=False)
        return found


def _aliases(block: n.Block) -> dict[str, set[str]]:
    """The variables that have been read from lists and maps in other variables, by these."""
    found: dict[str, set[str]] = {}
    for statement in statements(block):
        match statement:
            case n.Set(targets=[n.Target(name=name, path=[])], value=root) | n.ForEach(name=name, collection=root):
                while isinstance(root, n.Index):
                    root = root.value
                if isinstance(root, n.Name) and root.name != name:
                    found.setdefault(root.name, set()).add(name)
    for _ in range(_MOST_ALIASES):  # what has been read from an alias
        size = sum(map(len, found.values()))
        for names in found.values():
            names.update(*(found.get(name, ()) for name in names.copy()))
        if size == sum(map(len, found.values())):
            break
    return found


def _without(live: frozenset[Place], names: Iterable[str]) -> frozenset[Place]:
    """What is live before variables are set."""
    gone = {*names}
    return frozenset([place for place in live if place[0] not in gone]) if gone and live else live


def read_by_handlers(body: Body) -> frozenset[str]:
    """The variables that a body's error handlers read, or store something in."""
    found: set[str] = set()
    for handler in body.handlers:
        for statement in statements(handler.body):
            found.update(name for name, _ in _read(expressions(statement)))
            found.update(_stored_by(statement))
    return frozenset(found)


def _stored_by(statement: n.Stmt) -> Iterator[str]:
    """The variables in whose lists and maps a statement stores a value."""
    targets = statement.targets if isinstance(statement, n.Set) else [getattr(statement, "into", None)]
    yield from (target.name for target in targets if target is not None and target.path)


def _last(read: Set[Place], live: Set[Place]) -> set[Place]:
    """Those of the places that are read which are not live, and the variables of which nothing is."""
    found: set[Place] = set()
    if not read:
        return found
    names = {name for name, _ in live}
    for name, key in read:
        if name not in names:
            found.add((name, None))
        if key is not None and (name, key) not in live and (name, None) not in live:
            found.add((name, key))
    return found


def _read(parts: Iterable[n.Expr]) -> set[Place]:
    """The places that expressions read."""
    found: set[Place] = set()
    pending = [*parts]
    while pending:
        part = pending.pop()
        form = type(part)
        if form is n.Literal:
            continue
        if form is n.Name:
            found.add((part.name, None))  # type: ignore[attr-defined]
            continue
        if form is not n.Chain:
            match part:
                case n.Index(value=n.Name(name=name), index=n.Literal(value=str() as key)):
                    found.add((name, key))
                    continue
                case n.Call(name=name):
                    found.add((name, None))
                case n.Raw(text=text) | n.Eval(text=n.Literal(value=str() as text)):
                    found.update((piece[0], None) for piece in placeholders(text) if not isinstance(piece, str))
        pending += children(part)
    return found
