"""Paths that lead from variables to what is in their lists and maps: whether two may meet, and what changes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from neuroscript.compiler.traversal import assigned_by, children, inner_blocks, key_of, path_of, walk
from neuroscript.syntax import nodes as n
from neuroscript.syntax.placeholders import placeholders

Path: TypeAlias = "tuple[str, *tuple[object, ...]]"
"""A variable, and the comparable forms of the keys that lead from it to an item."""


def path_to(expression: n.Expr) -> tuple[object, ...]:
    """As `path_of`, where names that are indexed by names and literals are keys too."""
    keys: list[object] = []
    while isinstance(expression, n.Index):
        keys.append(key_to(expression.index))
        expression = expression.value
    return (expression.name if isinstance(expression, n.Name) else None, *reversed(keys))


def key_to(index: n.Expr) -> object:
    """As `key_of`, for a name that is indexed by names and literals too."""
    if not isinstance(index, n.Index):
        return key_of(index)
    path = path_of(index)
    return (n.Index, path) if None not in path else None


def names_of(keys: Iterable[object]) -> set[str]:
    """The variables that keys read."""
    found: set[str] = set()
    for key in keys:
        match key:
            case (n.Name, str() as name):
                found.add(name)
            case (n.Index, (str() as name, *inner)):
                found |= {name} | names_of(inner)
    return found


def are_apart(some: Iterable[object], others: Iterable[object]) -> bool:
    """Whether two paths certainly lead to items of which neither is in the other."""
    return any(_differ(one, other) for one, other in zip(some, others, strict=False))


def _differ(one: object, other: object) -> bool:
    """Whether two keys certainly are different: literals of different text."""
    match one, other:
        case (type() as kind, value), (type() as other_kind, other_value):
            are_literals = kind in (str, int) and other_kind in (str, int)
            return are_literals and str(value) != str(other_value)
    return False


def may_read(expression: n.Expr, root: str, keys: tuple[object, ...]) -> bool:
    """Whether an expression may read an item of a variable, what it is in, or what is in it."""
    if not any(_names(part, root) for part in walk(expression)):
        return False
    pending = [expression]
    while pending:
        part = pending.pop()
        if isinstance(part, n.Index):
            owner, *read = path_to(part)
            if owner == root:
                if not are_apart(read, keys):
                    return True
                while isinstance(part, n.Index):
                    pending.append(part.index)
                    part = part.value
                continue
        if _names(part, root):
            return True
        pending += children(part)
    return False


def _names(part: n.Expr, name: str) -> bool:
    """Whether an expression itself, apart from its parts, may read a variable."""
    match part:
        case n.Name(name=own) | n.Call(name=own):
            return own == name
        case n.Raw(text=text) | n.Eval(text=n.Literal(value=str() as text)):
            return any(piece[0] == name for piece in placeholders(text) if not isinstance(piece, str))
        case n.Eval():
            return True
    return False


def may_change(reads: Sequence[Path], statement: n.Stmt) -> bool:
    """Whether a statement, with those inside it, may change what paths read."""
    keys = {name for _, *inner in reads for name in names_of(inner)}
    if not keys.union(name for name, *_ in reads).isdisjoint(assigned_by(statement)):
        return True
    for target in targets_of(statement):
        path = tuple(map(key_to, target.path))
        if target.name in keys or any(target.name == name and not are_apart(path, inner) for name, *inner in reads):
            return True
    return any(may_change(reads, each) for inner in inner_blocks(statement) for each in inner)


def targets_of(statement: n.Stmt) -> Sequence[n.Target]:
    """What a statement sets, apart from its inner blocks and the names of a ``for each``."""
    if isinstance(statement, n.Set):
        return statement.targets
    into = getattr(statement, "into", None)
    return [] if into is None else [into]
