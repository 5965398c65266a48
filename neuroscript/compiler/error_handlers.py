"""What error handlers do: whether execution may go on in the body when one has run, and which names it mentions.

A handler that returns, or ends without having cleared the error, ends the body that it covers, so that all which holds
in a body without handlers holds in that one too.  One that leaves loops goes on behind them, and nowhere else.
"""

from __future__ import annotations

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


def can_share_a_try(block: n.Block, size: int) -> bool:
    """Whether the statements of a body can stand in one ``try`` for each of its handlers, all at its top level."""
    if size > _MOST_STATEMENTS or loop_depth(block) > _MOST_LOOPS:
        return False
    inner = (part for statement in block for each in inner_blocks(statement) for part in statements(each))
    return not any(isinstance(statement, n.OnError) for statement in inner)


def changed_by(block: n.Block) -> set[str]:
    """The variables that a block sets or stores in."""
    return {*assigned_in(block), *stored_in(block)}


def mentioned(block: n.Block) -> set[str]:
    """The names that the statements of a block mention."""
    found: set[str] = set()
    for statement in statements(block):
        match statement:
            case n.Set(targets=targets):
                found.update([target.name for target in targets])
            case n.ForEach(name=name, key=key):
                found.update((name,) if key is None else (name, key))
            case n.Ask(into=n.Target(name=name)) | n.PromptUser(into=n.Target(name=name)):
                found.add(name)
        for expression in expressions(statement):
            for part in walk(expression):
                if isinstance(part, n.Name | n.Call):
                    found.add(part.name)
                elif not isinstance(part, n.Literal | n.Chain | n.Index):
                    match part:
                        case n.Raw(text=text) | n.Eval(text=n.Literal(value=str() as text)):
                            found.update(piece[0] for piece in placeholders(text) if not isinstance(piece, str))
    return found
