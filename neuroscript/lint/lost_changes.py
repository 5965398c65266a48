"""Changes that nobody sees: of a parameter, which is the caller's copy, and of a loop's item, which is the list's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from neuroscript.compiler.traversal import assigned_by, expressions, inner_blocks, statements, walk
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholders

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

_MOST_LOOKS = 1_000_000  # at the statements of one body, for all copies together
_MEANT = re.compile("copy|clone|backup|snapshot|old|before")
"""In the names of variables that are meant as copies."""

_PARAMETER = "the change of '{}' is lost: a procedure cannot change its caller's value, so return it"
_COPY = "the change of '{}' is lost: it is a copy; store it where it came from, such as `set {} = {}`"
_ITEM = "the change of '{}' is lost: it is a copy of the item; write `set list[index] = …` or make a new list"


def lost_changes(body: Body) -> Iterator[tuple[n.Span, str]]:
    """The first statement that changes each such variable, where nothing reads it afterwards."""
    if body.evals or body.session is not None:
        return
    in_handlers = {name for handler in body.handlers for name in _reads(handler.body)}
    reads = _reads(body.block)
    params = set(body.params) - in_handlers
    if body.kind == "procedure":
        for name, first in _first_changes(body.block, params).items():
            if _is_lost(name, first, body.block, reads):
                yield first.span, _PARAMETER.format(name)
    copies = _copies(body)
    if len(copies) * body.size > _MOST_LOOKS:
        copies = {}
    for name, change in _first_changes(body.block, copies.keys()).items():
        if not isinstance(change, n.Set) or name in in_handlers or not change.targets[0].path:
            continue
        if _is_lost(name, change, body.block, reads):
            yield change.span, _COPY.format(name, copies[name], name)
    for loop in statements(body.block):
        if not isinstance(loop, n.ForEach) or loop.name in in_handlers or loop.name in body.params:
            continue
        for name, first in _first_changes(loop.body, {loop.name}).items():
            inside = _reads(loop.body)
            only_here = len(inside.get(name, ())) == len(reads.get(name, ()))
            if only_here and _is_lost(name, first, loop.body, inside):
                yield first.span, _ITEM.format(name)


def _copies(body: Body) -> dict[str, str]:
    """The variables that are only ever set to another one, its field or item, each with how that is written."""
    found: dict[str, str] = {}
    others = set(body.params)
    for statement in statements(body.block):
        match statement:
            case n.Set(targets=[n.Target(name=name, path=[])], value=n.Index() | n.Name() as value) if _written(value):
                found.setdefault(name, _written(value))
            case _:
                others.update(assigned_by(statement))
    return {name: source for name, source in found.items() if name not in others and not _MEANT.search(name)}


def _written(value: n.Expr) -> str:
    """A variable with its fields and items as text; empty for anything else."""
    match value:
        case n.Name(name=name):
            return name
        case n.Index(value=owner, index=n.Literal(value=str() as key), dotted=True):
            start = _written(owner)
            return f"{start}.{key}" if start else ""
        case n.Index(value=owner):
            start = _written(owner)
            return f"{start}[…]" if start else ""
    return ""


def _first_changes(block: n.Block, names: Collection[str]) -> dict[str, n.Stmt]:
    """The first statement of a block, by the name, that changes each of these variables."""
    found: dict[str, n.Stmt] = {}
    for statement in statements(block):
        if isinstance(statement, n.Set) and len(statement.targets) == 1:
            name = statement.targets[0].name
            if name in names and name not in found and _changes(statement, name):
                found[name] = statement
    return found


def _is_lost(name: str, first: n.Stmt, block: n.Block, reads: dict[str, list[n.Stmt]]) -> bool:
    """Whether nothing but further changes reads a variable after its first change, or in the loop that it stands in."""
    start = _outermost_start(block, first)
    return all(_changes(reader, name) or reader.span[2:] <= start for reader in reads.get(name, ()))


def _changes(statement: n.Stmt, name: str) -> bool:
    """Whether a statement changes what a variable holds and does nothing else: by a path, or from its own value."""
    if not isinstance(statement, n.Set) or len(statement.targets) != 1 or statement.targets[0].name != name:
        return False
    itself = any(isinstance(part, n.Name) and part.name == name for part in walk(statement.value))
    return bool(statement.targets[0].path) or itself


def _outermost_start(block: n.Block, inner: n.Stmt) -> tuple[int, int]:
    """Where the outermost loop begins in which a statement stands; without a loop, the statement itself."""
    for statement in block:
        if statement is inner:
            break
        blocks = list(inner_blocks(statement))
        if any(inner is each for part in blocks for each in statements(part)):
            if isinstance(statement, n.While | n.ForEach):
                return statement.span[:2]
            return min(
                _outermost_start(part, inner) for part in blocks if any(inner is each for each in statements(part))
            )
    return inner.span[:2]


def _reads(block: n.Block) -> dict[str, list[n.Stmt]]:
    """The statements of a block that read each name."""
    found: dict[str, list[n.Stmt]] = {}
    for statement in statements(block):
        for expression in expressions(statement):
            for part in walk(expression):
                match part:
                    case n.Name(name=name) | n.Call(name=name):
                        found.setdefault(name, []).append(statement)
                    case n.Raw(text=text) | n.Eval(text=n.Literal(value=str() as text)):
                        for piece in placeholders(text):
                            if not isinstance(piece, str):
                                found.setdefault(piece[0], []).append(statement)
    return found
