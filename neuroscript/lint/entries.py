"""Entries of maps that are nil the first time that they are read: ``set counts[word] = counts[word] + 1``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from neuroscript.compiler.traversal import statements
from neuroscript.lint.holding import LIST, NUMBER, Holding
from neuroscript.syntax import nodes as n

if TYPE_CHECKING:
    from neuroscript.compiler.resolve import Body

Found: TypeAlias = tuple[str, n.Span, str]


def first_entries(body: Body, holding: Holding) -> Iterator[Found]:
    """The first statement for each map, empty at first, whose entries are only ever set from what they were."""
    stored: dict[str, list[n.Set]] = {}
    for block in (body.block, *(handler.body for handler in body.handlers)):
        for statement in statements(block):
            match statement:
                case n.Set(targets=targets):
                    for target in targets:
                        if target.path:
                            stored.setdefault(target.name, []).append(statement)
                case (
                    n.Ask(into=n.Target(name=name, path=[_, *_])) | n.PromptUser(into=n.Target(name=name, path=[_, *_]))
                ):
                    stored.pop(name, None)
    for name, changes in stored.items():
        wholes = holding.values.get(name, [])
        empty = bool(wholes) and all(isinstance(each, n.MapExpr) and not each.entries for each in wholes)
        starts = [_start(name, change, holding) for change in changes]
        if empty and all(starts) and isinstance(changes[0].value, n.Chain):
            operator, _, place = changes[0].value.rest[0]
            key = _key(changes[0].targets[0].path[0])
            cure = f"write `tool.map.Get({name}, {key}, {starts[0]}) {operator} …`"
            yield (
                "nil-operand",
                n.span_of(place),
                f"an entry of '{name}' is nil the first time, which `{operator}` does not take: {cure}",
            )


def _start(name: str, change: n.Set, holding: Holding) -> str:
    """With what an entry may begin to which a statement adds; empty if it does something else, or takes nil."""
    match change:
        case n.Set(
            targets=[n.Target(path=[n.Name(name=key)])],
            value=n.Chain(
                first=n.Index(value=n.Name(name=owner), index=n.Name(name=read)), rest=[("+" | "-", other, _)]
            ),
        ) if owner == name and key == read:
            return {NUMBER: "0", LIST: "[]"}.get(holding.kind(other) or "", "")
        case n.Set(
            targets=[n.Target(path=[n.Literal(value=str() as field)])],
            value=n.Chain(
                first=n.Index(value=n.Name(name=owner), index=n.Literal(value=at)), rest=[("+" | "-", other, _)]
            ),
        ) if owner == name and field == at:
            return {NUMBER: "0", LIST: "[]"}.get(holding.kind(other) or "", "")
    return ""


def _key(key: n.Expr) -> str:
    if isinstance(key, n.Name):
        return key.name
    return f'"{key.value}"' if isinstance(key, n.Literal) else "key"
