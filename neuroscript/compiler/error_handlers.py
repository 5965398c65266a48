"""What error handlers do: whether execution may go on in the body when one has run, and which names it mentions.

A handler that returns, or ends without having cleared the error, ends the body that it covers, so that all which holds
in a body without handlers holds in that one too.  One that leaves loops goes on behind them, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from neuroscript.compiler.traversal import (
    assigned_in,
    expressions,
    inner_blocks,
    loop_depth,
    statements,
    stored_in,
    walk,
)
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholders

SYSTEM_ERROR = "system_error"
SYSTEM_FIELDS = frozenset({"code", "message", "line", "column", "procedure", "stack"})
"""The fields of ``system_error`` that every error has."""

_MOST_LOOPS = 6  # inside one another, in a body around whose statements there is one `try`
_MOST_STATEMENTS = 150  # longer bodies are generated in parts

_UNDECIDED = frozenset({False})
_NEVER: frozenset[bool] = frozenset()


def ends_body(handler: n.OnError) -> bool:
    """Whether execution never goes on behind the statement that failed, but for leaving the loop around it."""
    return True not in _cleared(handler.body, _UNDECIDED)


def _cleared(block: n.Block, before: frozenset[bool]) -> frozenset[bool]:
    """Whether the error may have been cleared, and may not have been, where control reaches the end of a block."""
    for statement in block:
        match statement:
            case n.ClearError():
                before = frozenset({True}) if before else before
            case n.Return() | n.Fail() | n.Break() | n.Continue():
                return _NEVER
            case n.If(branches=branches, orelse=orelse):
                blocks = [*(block for _, block in branches), orelse or []]
                before = _NEVER.union(*(_cleared(block, before) for block in blocks))
            case n.While(body=body) | n.ForEach(body=body):
                if before and any(isinstance(inner, n.ClearError) for inner in statements(body)):
                    before |= {True}
    return before


def can_share_a_try(block: n.Block, size: int, handlers: int) -> bool:
    """Whether the statements of a body can stand in one ``try`` for each of its handlers.

    A single handler covers the whole body wherever it stands; of several, each has to be at the top level.

    Args:
        block: the body's.
        size: how many statements it has.
        handlers: how many handlers.
    """
    if size > _MOST_STATEMENTS or loop_depth(block) > _MOST_LOOPS:
        return False
    if handlers == 1:
        return True
    inner = (part for statement in block for each in inner_blocks(statement) for part in statements(each))
    return not any(isinstance(statement, n.OnError) for statement in inner)


def changed_by(block: n.Block) -> set[str]:
    """The variables that a block sets or stores in."""
    return {*assigned_in(block), *stored_in(block)}


def fields_read(bodies: Sequence[n.Block], params: Iterable[str]) -> frozenset[str] | None:
    """The fields that a body reads of ``system_error``; None where it may come to see the others too.

    Args:
        bodies: the body's statements, and those of its error handlers.
        params: its parameters.
    """
    every = [statement for block in bodies for statement in statements(block)]
    names = {SYSTEM_ERROR, *(name for name in map(_alias, every) if name is not None)}
    if not names.isdisjoint(params):
        return None
    found: set[str] = set()
    for statement in every:
        is_alias = _alias(statement) is not None
        if not is_alias and not names.isdisjoint(_set_by(statement)):
            return None
        parts = [part for expression in expressions(statement) for part in walk(expression)]
        read: list[str] = []
        for part in parts:
            match part:
                case n.Index(value=n.Name(name=name), index=n.Literal(value=str() as key)) if name in names:
                    read.append(key)
                case n.Raw() | n.Eval():
                    return None
        if len(read) + is_alias != sum(isinstance(part, n.Name | n.Call) and part.name in names for part in parts):
            return None
        found.update(read)
    return frozenset(found) if found <= SYSTEM_FIELDS else None


def _alias(statement: n.Stmt) -> str | None:
    """The other name of ``set name = system_error``."""
    match statement:
        case n.Set(targets=[n.Target(name=name, path=[])], value=n.Name(name=value), must=False):
            return name if value == SYSTEM_ERROR else None
    return None


def _set_by(statement: n.Stmt) -> Iterator[str]:
    """The names that a statement sets, or stores in."""
    match statement:
        case n.Set(targets=targets):
            yield from (target.name for target in targets)
        case n.ForEach(name=name, key=key):
            yield from (name,) if key is None else (name, key)
        case n.Ask(into=n.Target(name=name)) | n.PromptUser(into=n.Target(name=name)):
            yield name


def mentioned(block: n.Block) -> set[str]:
    """The names that the statements of a block mention."""
    found: set[str] = set()
    for statement in statements(block):
        found.update(_set_by(statement))
        for expression in expressions(statement):
            for part in walk(expression):
                if isinstance(part, n.Name | n.Call):
                    found.add(part.name)
                elif not isinstance(part, n.Literal | n.Chain | n.Index):
                    match part:
                        case n.Raw(text=text) | n.Eval(text=n.Literal(value=str() as text)):
                            found.update(piece[0] for piece in placeholders(text) if not isinstance(piece, str))
    return found
